"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from stored import kept, numbers

from casestudies import scenarios
from casestudies.scenarios.pneumonia import kinds, triage

chapter = kept("asthma_and_pneumonia")
world = scenarios.pneumonia()
truth = world.truth


def test_trees_are_as_accurate_as_the_truth_allows():
    assert abs(chapter.accuracy.iloc[0] - chapter.accuracy.iloc[1]) < 0.015


def test_the_trees_are_right_about_asthmatics_within_chance():
    stored = numbers("asthma_and_pneumonia")
    given, died = stored["pneumonia-given-asthma"], stored["pneumonia-died-asthma"]
    assert abs(given - died) < 1.96 * np.sqrt(died * (1 - died) / (0.15 * 20_000))


def test_neither_of_two_asthmatics_gets_a_bed():
    assert chapter.young.loc[1, "bed"] == chapter.young.loc[2, "bed"] == 0


def test_the_beds_run_out_where_the_second_figure_says():
    table = kinds(world.model).sort_values("risk", ascending=False)
    waits = (table["share"].cumsum() - table["share"] >= truth["E[care]"]).to_numpy()
    assert table.loc[~waits, "risk"].min() == pytest.approx(0.13, abs=5e-3)
    left = table[waits & (table["asthma"] == 1)]
    assert left["risk_without"].max() == pytest.approx(0.97, abs=5e-3)


def test_the_models_triage_costs_what_the_exact_one_costs():
    assert abs(chapter.effect_of_model.iloc[0, 1] - truth["E[death | by predicted risk]"]) < 0.002
    stored = numbers("asthma_and_pneumonia")
    shown = (1_000 * chapter.effect_of_model["beds by the model"]).round().tolist()
    assert shown[:2] == [stored["pneumonia-deaths-trees"], stored["pneumonia-asthma-trees"]]
    more = chapter.effect_of_model.eval("`beds by the model` > `beds as now`")
    assert more.tolist() == [True, True, False]


def test_asthma_harms_at_either_care():
    for c, key in enumerate(["CDE(care=0) of asthma", "CDE(care=1) of asthma"]):
        held = world.model.effect("death", asthma=(1, 0), care=(c, c), n=100_000, rng=3)
        assert abs(held["estimate"] - truth[key]) < 4 * held["std_error"]


def test_only_the_full_adjustment_covers_and_equals_the_mean_of_its_predictions():
    assert abs(chapter.with_care - chapter.without - chapter.adjusted["estimate"]) < 1e-5
    low, high = chapter.answers["ci_low"], chapter.answers["ci_high"]
    covers = (low < truth["ATE"]) & (truth["ATE"] < high)
    assert covers.tolist() == [False, False, True]


def test_the_fit_finds_who_is_helped_most():
    weights = {"weights": chapter.table["share"]}
    exact_effect = chapter.table["risk_without"] - chapter.table["risk_with"]
    off = np.average(abs(chapter.table["fit_effect"] - exact_effect), **weights)
    assert off < 0.03
    three = chapter.kind.loc[(3, 0)]
    two_signs = chapter.kind.loc[(2, 1)]
    assert abs(three["risk_without"] - two_signs["risk_without"]) < 0.1
    assert two_signs["risk_with"] < 0.2 * two_signs["risk_without"]
    assert 0.55 < three["risk_with"] / three["risk_without"] < 0.65


def test_a_walking_frame_ranks_high_and_does_nothing():
    frames = world.model.effect("death", walking_frame=(1, 0), n=10_000, rng=4)
    assert frames["estimate"] == 0
    assert (
        chapter.importance.loc["walking_frame"].iloc[0]
        > 2 * chapter.importance.loc["asthma"].iloc[0]
    )


def test_the_sharper_the_model_the_worse_its_triage():
    gap = 1_000 * (chapter.lines["by predicted risk"] - chapter.lines["now"])
    assert [round(g) for g in (gap.iloc[0], gap.min(), gap.iloc[-1])] == [24, 19, 34]
    below = 1_000 * (chapter.lines["now"] - chapter.lines["by effect of care"])
    assert 0 < below.iloc[0] < 3
    assert round(below.iloc[-1]) == 31


def test_wards_in_which_asthma_harms_less_lose_less():
    of_half = chapter.compared["asthma half as harmful"]
    gain = (of_half["now"] - chapter.letter) / (of_half["now"] - of_half["by predicted risk"])
    assert abs(gain - 0.5) < 0.02
    loss = (
        chapter.compared.loc["asthmatics, by predicted risk"]
        - chapter.compared.loc["asthmatics, now"]
    )
    assert 0 < loss.iloc[1] < 0.5 * loss.iloc[0]
    assert np.ptp(chapter.compared.iloc[0]) < 1
    better = chapter.compared.loc["by predicted risk"] < chapter.compared.loc["now"]
    assert better.tolist() == [False, True, True]


def test_strict_wards_leave_nothing_to_compare():
    assert chapter.died_alone == 1  # without this one the recipe refuses
    assert chapter.strict["asthmatics, no bed"].is_monotonic_decreasing
    assert chapter.strict.loc[3, "its error"] > 2 * chapter.strict.loc[1, "its error"]
    gap = abs(chapter.strict["weighting"] - truth["ATE"]) / chapter.strict["error"]
    assert gap.iloc[3] > 1.96
    gap = abs(chapter.strict["outcome model"] - truth["ATE"]) / chapter.strict["its error"]
    assert (gap > 1.96).tolist() == [False, False, True, False]


def test_age_would_have_to_be_three_times_as_strong():
    assert chapter.strength.iloc[1:].min() > chapter.strength.iloc[0]
    assert (chapter.bounds["estimate"].loc["age"] > 0).tolist() == [True, False]


def test_rules_simulate_to_their_exact_values_and_are_ranked_right():
    share = chapter.by_rule["exact"] / 1_000
    error = 1_000 * np.sqrt(share * (1 - share) / 100_000)
    assert 1.15 < error.max() < 1.25  # as the caption says
    assert (abs(chapter.by_rule["simulated"] - chapter.by_rule["exact"]) < 4 * error).all()
    assert (abs(chapter.by_rule["estimated"] - chapter.by_rule["exact"]) < 8).all()
    ordered = chapter.by_rule.drop(index="by exact effect of care")[["exact", "estimated"]].rank()
    assert (ordered["exact"] == ordered["estimated"]).all()
    assert (
        chapter.by_rule["exact"].iloc[3]
        <= chapter.by_rule["exact"].iloc[[0, 1, 2, 4, 5]].min() + 1e-3
    )
    assert abs(chapter.by_rule["exact"].iloc[3] - 1_000 * truth["E[death | by effect of care]"]) < 1


def test_asthmatics_die_least_as_it_is_unless_there_are_beds_for_all():
    ranked = chapter.by_rule["asthmatics, exact"].sort_values().index.tolist()
    assert ranked[:2] == ["beds for all", "as it is"]
    learned = chapter.by_rule.loc["by effect of care", "asthmatics, exact"]
    stored = numbers("asthma_and_pneumonia")
    assert [round(learned), round(stored["pneumonia-asthma-effect"])] == [115, 115]


def test_retraining_does_not_mend_the_triage():
    changes = chapter.years["deaths per 1,000"].diff().dropna()
    assert (changes > 0).tolist() == [False, True, False, True]


def test_the_adjusted_analysis_covers_where_all_are_treated_sometimes():
    for name in ("adjusted", "asthma, without care"):
        assert abs(chapter.many.loc[name, "bias"]) < 4 * chapter.many.loc[name, "bias_error"] + 1e-3
    assert abs(chapter.many.loc["adjusted", "coverage"] - 0.95) < 4 * np.sqrt(0.0475 / 200)
    assert (chapter.many["coverage"].iloc[:2] == 0).all()


def test_the_harm_is_the_same_from_counts_and_strict_wards_cover_less():
    assert abs(chapter.again - chapter.harm) < 1e-3
    assert abs(chapter.lone_years / 600 - 0.23) < 4 * np.sqrt(0.23 * 0.77 / 600)
    assert abs(chapter.covered[0] - 0.75) < 0.06  # about three of four
    assert chapter.covered[1] > 0.91  # one row above: bad luck


def test_learning_the_effect_has_the_least_regret():
    assert chapter.regret["excess"].is_monotonic_decreasing
    assert chapter.regret["excess"].iloc[0] > 20 > 5 > chapter.regret["excess"].iloc[2] > 0


def test_quitting_does_not_kill_once_age_is_held_fixed():
    assert chapter.ageless["ci_low"] > 0
    assert chapter.smokers == 1_566
    assert chapter.ages.diff().iloc[1] > 0
    low, high = chapter.quitting[["ci_low", "ci_high"]].iloc[1]
    assert -0.04 < low < -0.035 < 0.035 < high < 0.04


def test_a_ward_that_ignores_asthma_shows_a_mixture_of_its_direct_effects():
    of = scenarios.pneumonia(asthma_on_care=0.0).truth
    table = kinds(scenarios.pneumonia(asthma_on_care=0.0).model)
    mean = [np.average(part["risk"], weights=part["share"]) for _, part in table.groupby("asthma")]
    assert round(mean[1] - mean[0], 3) == 0.315
    ends = [truth[f"CDE(care={c}) of asthma"] for c in (1, 0)]
    assert ends[0] < of["TE of asthma"] < ends[1]


def test_beds_first_for_the_gravest_cost_four_lives():
    table = kinds(world.model)
    share, lost = table["share"], table["risk_without"] - table["risk_with"]

    def by_turns(score):
        bed, left = pd.Series(0.0, table.index), truth["E[care]"]
        for kind in score.sort_values(ascending=False).index:
            bed[kind] = min(1, left / share[kind])
            left -= bed[kind] * share[kind]
        return bed

    first = by_turns(lost + (table["risk_without"] > 0.9))
    deaths = 1_000 * (share @ (table["risk_without"] - first * lost))
    assert round(deaths, 1) == 109.0
    given_up = share * (by_turns(lost) - first).clip(lower=0)
    two = (table["severity"] == 2) & (table["asthma"] == 0)
    assert given_up[two].sum() > 0.95 * given_up.sum()
    risks = [given_up[two] @ table.loc[two, name] for name in ("risk_without", "risk_with")]
    assert np.round(np.array(risks) / given_up[two].sum(), 2).tolist() == [0.32, 0.06]


def test_trees_taught_to_decide_need_many_patients():
    table = kinds(world.model)
    door = ["age", "severity", "asthma", "walking_frame"]
    lost = table["risk_without"] - table["risk_with"]
    settings = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.1, "nthread": 1}

    def brought(patients, seed):
        data = world.sample(patients, rng=seed)
        features = xgboost.DMatrix(data[[*door, "care"]], label=data["death"])
        trees = xgboost.train(settings, features, num_boost_round=100)
        arms = [xgboost.DMatrix(table[door].assign(care=c)) for c in (0, 1)]
        without, with_care = (trees.predict(arm) for arm in arms)
        bed = triage(table, without - with_care, beds=truth["E[care]"])
        return 1_000 * (table["share"] @ (table["risk_without"] - bed * lost))

    least = 1_000 * truth["E[death | by effect of care]"]
    assert brought(20_000, seed=0) < least + 7
    assert 120 < np.median([brought(2_000, seed) for seed in range(5)]) < 132
