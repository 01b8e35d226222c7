"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from stored import covers, kept

from casestudies import scenarios
from casestudies.identify import sequential_backdoor
from casestudies.recipes.time_varying import regime_difference
from casestudies.scenarios.mid_flight import population

chapter = kept("mid_flight_corrections")
world = scenarios.mid_flight()
MONTHS = ["mismatch_0", "mismatch_1", "mismatch_2"]
TRUTH = world.truth["always - never"]
NAIVE = ["regression, talent", "regression, silences too"]
WRONG = [*NAIVE, "weighting, alarms left out", "doubly robust, silences left out"]


def test_three_naive_answers_end_below_the_truth_and_find_less_than_half_of_it():
    assert (chapter.naive["ci_high"] < TRUTH).all()
    assert (chapter.naive["estimate"] < TRUTH / 2).all()
    assert (chapter.naive["limit"] < TRUTH / 2).all()


def test_the_corrected_leave_more_often_in_the_data_too():
    assert chapter.seen["ci_low"] > 0 > world.truth["CATE(correction)"]


def test_every_estimate_that_takes_one_decision_at_a_time_covers_the_truth():
    assert covers(chapter.answers, TRUTH).all()
    assert covers(chapter.blips, chapter.blips["exact"]).all()
    assert np.isclose(chapter.by_hand, chapter.answers.loc["g formula", "estimate"], atol=1e-4)


def test_table_20_1_is_exact_by_every_method_and_naive_answers_are_the_book_s():
    table = chapter.book_table
    exact = table.drop(index=["crude", "within L1 = 0", "within L1 = 1"])
    for regime in ("always", "never", "a1 when L1 = 1"):
        assert np.allclose(exact[regime].dropna().astype(float), 60)
    assert np.allclose(exact["always − never"].astype(float), 0)
    assert len(exact) == 6
    # What If, section 20.3: 54.67 - 68.00 and 76 - 84, 44 - 52
    assert np.allclose(table.loc["crude", ["always", "never"]].astype(float), [164 / 3, 68])
    assert np.allclose(table.loc["within L1 = 0", ["always", "never"]].astype(float), [76, 84])
    assert np.allclose(table.loc["within L1 = 1", ["always", "never"]].astype(float), [44, 52])


def test_the_limits_are_right_for_all_but_the_wrong_models_and_so_they_are_without_effects():
    right = chapter.limits.drop(index=WRONG)
    assert len(right) == 7
    assert np.allclose(right["limit"], TRUTH, atol=1e-6)
    assert np.allclose(right["limit, no effects"], 0, atol=1e-6)
    wrong = chapter.limits.loc[WRONG]
    assert (wrong["limit"] < TRUTH - 0.03).all()
    assert (wrong["limit, no effects"] < -0.03).all()


def test_samples_agree_with_the_limits_and_intervals_cover_where_these_are_right():
    limits = chapter.limits.loc[chapter.runs.index, "limit"]
    far = abs(chapter.runs["mean_estimate"] - limits)
    assert (far < 4 * chapter.runs["bias_error"] + 0.01).all()  # 0.01: bias of small samples
    right = chapter.runs.drop(index=[name for name in WRONG if name in chapter.runs.index])
    assert (right["coverage"] > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 50)).all()
    assert chapter.runs.loc["regression, talent", "coverage"] < 0.5


def test_a_wrong_model_of_the_managers_shows_in_the_mean_weight():
    last = chapter.weights.iloc[-1]
    assert abs(last["alarms in"] - 1) < 0.05 < abs(last["alarms left out"] - 1)


def test_without_support_the_bounds_hold_the_truth_and_the_extrapolation_misses_it():
    held = chapter.offered
    assert held.loc["bounds", "low"] < held.loc["bounds", "exact"] < held.loc["bounds", "high"]
    assert held.loc["interval by extrapolation", "high"] < held["exact"].iloc[1]


def test_the_interval_for_the_bounds_is_wider_than_the_bounds():
    ends, around = (chapter.offered.loc[name] for name in ("bounds", "interval for the bounds"))
    assert around["low"] < ends["low"] < ends["high"] < around["high"]
    unseen = chapter.bounds["high"] - chapter.bounds["low"]
    assert unseen == pytest.approx(chapter.bounds["unseen"], abs=1e-4)


def test_exits_added_up_are_a_wrong_model_which_doubly_robust_survives():
    rows = population(world.model)
    alarms = {f"alarm_{k}": rows[f"silence_{k}"] * rows[MONTHS[k - 1]] for k in (1, 2)}
    histories = [["talent"], ["silence_1", "alarm_1"], ["silence_2", "alarm_2"]]
    ask = {"outcome": "exit", "treatments": MONTHS, "histories": histories, "weights": "share"}
    ask |= {"regime": dict.fromkeys(MONTHS, 1), "reference": dict.fromkeys(MONTHS, 0)}
    wrong = regime_difference(rows.assign(**alarms), **ask, method="g_formula", saturated=False)
    assert wrong["estimate"] > TRUTH + 0.005
    limits = chapter.limits["limit"]
    assert limits["doubly robust, exits added up"] == pytest.approx(TRUTH, abs=1e-6)


def test_the_bounds_are_those_of_cell_means():
    data = scenarios.mid_flight(reaction=6.0).sample(4_000, rng=14)
    always = (data[MONTHS] == 1).all(axis=1)
    cells = data[always].groupby(["silence_1", "silence_2"])["exit"].mean()
    for end, filled in (("low", 0.0), ("high", 1.0)):
        whole = pd.MultiIndex.from_product([[0, 1], [0, 1]])
        late = cells.reindex(whole).fillna(filled)
        two = data[(data["mismatch_0"] == 1) & (data["mismatch_1"] == 1)]
        silent = two.groupby("silence_1")["silence_2"].mean()
        early = late[:, 0] * (1 - silent) + late[:, 1] * silent
        share = data.loc[data["mismatch_0"] == 1, "silence_1"].mean()
        # talent enters the recipe's regressions and not these means
        assert abs(chapter.bounds[end] - (early[0] * (1 - share) + early[1] * share)) < 0.02


def test_each_rule_saves_exits_and_the_records_do_not_rank_the_rules():
    rules = chapter.policy.drop(index=["managers", "correct nobody"])
    assert covers(rules, rules["saved"]).all()
    assert (rules["ci_low"] > 0).all()
    at_once, late = rules.loc["correct everybody"], rules.loc["everybody, a month late"]
    assert at_once["ci_low"] < late["estimate"] < at_once["ci_high"]
    assert at_once["saved"] > late["saved"] + 2


def test_corrections_that_come_early_save_most():
    saved = chapter.policy["saved per 100 corrections"].drop(index="correct nobody")
    order = ["correct everybody", "correct the silent", "everybody, a month late", "managers"]
    assert saved.sort_values(ascending=False).index.tolist() == order
    assert chapter.policy["exits"].idxmin() == "correct everybody"


def test_the_union_s_interval_holds_zero():
    assert chapter.wage["ci_low"] < 0 < chapter.wage["ci_high"]


def test_a_silence_that_drives_people_out_adds_a_path_of_its_own():
    def gone(a):
        total = 0.0
        for r, one, two in np.ndindex(2, 2, 2):
            first = expit(-0.5 + 1.5 * a - 3 * r)
            second = expit(-0.5 + 1.5 * a + 0.5 * one - 3 * r)
            share = 0.5 * (first if one else 1 - first) * (second if two else 1 - second)
            total += share * (0.18 * a + 0.45 * (1 - r) + 0.05 * (one + two))
        return total

    turned = scenarios.mid_flight(silence_on_exit=0.05).truth
    assert turned["always - never"] == pytest.approx(gone(1) - gone(0))
    assert round(gone(1) - gone(0), 3) == 0.203


def test_talent_is_enough_where_no_silence_moves_a_decision():
    blind = scenarios.mid_flight(reaction=0)
    graph = blind.model.graph.copy()
    ask = {"treatments": MONTHS, "outcome": "exit", "adjust_for": [["talent"], [], []]}
    assert not sequential_backdoor(graph, **ask).valid
    graph.remove_edges_from([(f"silence_{k}", f"mismatch_{k}") for k in (1, 2)])
    assert sequential_backdoor(graph, **ask).valid
    assert blind.truth["naive: talent"] == pytest.approx(TRUTH)
    assert blind.truth["naive: crude"] > TRUTH + 0.02
    assert blind.truth["naive: talent and silences"] < TRUTH / 2 + 1e-3


def test_correcting_the_silent_of_month_one_spends_little_and_early():
    silent = [expit(1.0 - 3 * r) for r in (0, 1)]  # after a mismatch
    corrections = 100 * 0.5 * np.mean(silent)
    saved = corrections * (0.05 + 0.09)
    rule = {
        "mismatch_1": lambda mismatch_0, silence_1: mismatch_0 * (1 - silence_1),
        "mismatch_2": lambda mismatch_1: mismatch_1,
    }
    rows = population(world.model.do(**rule))
    found = 100 * (rows["share"] @ (rows["mismatch_0"] * (1 - rows["mismatch_1"])))
    assert found == pytest.approx(corrections)
    exits = 100 * (rows["share"] @ rows["exit"])
    assert 100 * world.truth["E[exit | none corrected]"] - exits == pytest.approx(saved)
    assert round(corrections) == 21
