"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
from scipy import stats
from stored import covers, kept

from casestudies import scenarios

chapter = kept("four_steps_with_dowhy")
marketing = scenarios.marketing()


def test_the_raw_slope_misleads():
    assert chapter.raw["ci_low"] < marketing.truth["raw slope"] < chapter.raw["ci_high"]
    assert chapter.raw["ci_low"] > 4


def test_dowhy_offers_a_short_estimand_as_unconfounded_too():
    whole_list, short_list = chapter.unconfounded
    assert whole_list
    assert short_list


def test_dowhy_and_statsmodels_agree_and_each_covers_its_own_limit():
    assert abs(chapter.spend["DoWhy"] - chapter.spend["estimate"]).max() < 1e-5
    assert covers(chapter.spend, chapter.spend["exact limit"]).all()
    assert chapter.spend["ci_low"].iloc[2] > 2.5 > chapter.spend["ci_high"].iloc[1]


def test_every_estimate_covers_its_estimand():
    rest = chapter.runs.drop(index="DoWhy, matching (ATE)")
    assert ((rest["ci_low"] < rest["exact"]) & (rest["exact"] < rest["ci_high"])).all()
    own = chapter.runs.loc["recipe, matching (ATE)"]
    assert abs(chapter.by_dowhy - own["estimate"]) < own["std_error"]


def test_a_column_left_behind_decides_the_next_run():
    assert chapter.after == chapter.before
    assert chapter.step4 == 1
    assert chapter.by_season["same table"] == chapter.before
    assert chapter.left_behind == ["propensity_score"]
    assert abs(chapter.by_season["clean copy"] - chapter.before) > 5


def test_on_clean_copies_the_refuter_moves_the_estimate():
    assert "propensity_score" not in chapter.regions
    assert chapter.moved > 1
    assert chapter.refit > 0.1


def test_one_seed_gives_a_p_value_of_zero():
    assert chapter.seeded == 0


def test_a_wrong_estimate_passes_three_refuters():
    assert (chapter.passed["p value"] > 0.5).all()
    assert not covers(chapter.spend, marketing.truth["ATE"]).iloc[1]


def test_the_p_value_is_a_binomial_of_noise():
    assert np.allclose(chapter.both["DoWhy"], chapter.both["numpy"], atol=0.02)
    noise = np.random.default_rng(1).normal(size=(2, 20_000, 20)).prod(axis=0)
    bound = np.quantile(abs(noise.mean(axis=1)) / noise.std(axis=1), 0.95)
    assert abs(bound - 0.47) < 0.01
    assert abs(stats.norm.cdf(-bound) - 0.32) < 0.005
    cancelled = scenarios.marketing(competitor_on_revenue=-240.0)
    assert abs(cancelled.truth["raw slope"] - 3) < 1e-9
    assert min(chapter.p_cancelled) > 0.5


def test_no_confounder_is_strong_enough_to_be_refuted():
    assert chapter.swept.min().min() > 0.3
    assert abs(chapter.limits[0] - 3) < 1e-5
    assert chapter.limits[-1] < -0.4


def test_dowhy_finds_the_same_robustness_value():
    assert abs(chapter.by_dowhy_too - chapter.safety["rv_q"]) < 1e-5
    assert chapter.safety["rv_q"] < chapter.competitor["marketing_spend"]["partial_r2"]


def test_the_forecasts_equal_the_exact_answers():
    budget = chapter.budget  # from common random numbers
    assert (abs(budget["simulated"] - budget["exact"]) < 1e-4).all()
    less = budget.loc["ten less"]
    assert abs(less["exact"] + budget.loc["ten more", "exact"]) < 1e-5


def test_only_the_right_analysis_covers():
    good = chapter.many.loc[["season and competitor"]]
    assert (abs(good["bias"]) < 4 * good["bias_error"]).all()
    assert (abs(good["coverage"] - 0.95) < 4 * np.sqrt(0.0475 / 200)).all()
    assert (chapter.many["coverage"].iloc[:2] < 0.05).all()


def test_refuters_cannot_tell_right_from_wrong():
    matched, trials = chapter.matched, chapter.trials
    for name in ("both causes", "season alone"):
        assert (trials[name].to_numpy() > 0.05).all()
        assert (matched[name] <= 0.05).mean() < 0.05 + 4 * np.sqrt(0.0475 / 60)
    assert (matched.mean() > 0.4).all()
    assert abs((matched["both causes"] <= 0.5).mean() - 1 / 3) < 0.05
    idle = scenarios.marketing("campaign", competitor_on_revenue=0.0)
    assert abs(idle.truth["standardized over seasonality"] - idle.truth["ATE"]) < 1e-9
    alone = matched["season alone"]
    assert stats.ttest_rel(matched["both causes"], alone).pvalue < 0.05
    assert stats.ttest_rel(matched["season, enough"], alone).pvalue > 0.05
    differ = stats.ttest_rel(trials["both causes"], trials["season alone"])
    assert (differ.pvalue > 0.05).all()


def test_no_refuter_objects_to_men_of_a_survey_in_place_of_controls():
    assert min(chapter.survived) > 0.5
