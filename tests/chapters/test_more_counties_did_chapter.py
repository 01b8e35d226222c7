"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
from stored import kept

from casestudies import scenarios
from casestudies.recipes.difference_in_differences import event_study
from casestudies.recipes.pretrends import pretrend_power

chapter = kept("more_counties_did")
once = {"first_raises": (5,), "shares": (0.5,)}
drifting = scenarios.minimum_wage_panel(**once, drift=0.15)
staggered = scenarios.minimum_wage_panel()
design = {"outcome": "employment", "unit": "county", "time": "quarter", "treated": "adopter"}
design |= {"first_treated_time": 5}


def test_the_event_study_covers_the_true_path():
    held = chapter.after_the_raise
    truth = [scenarios.minimum_wage_panel(**once).truth[f"ATT(e={e})"] for e in range(8)]
    assert ((held["ci_low"] < truth) & (truth < held["ci_high"])).all()


def test_drifts_that_pass_the_pretest_bias_more():
    assert chapter.actual["bias_if_passed"] > chapter.actual["bias"]


def test_bounds_that_allow_the_drift_cover_and_are_longer():
    att = drifting.truth["ATT"]
    covers = (chapter.bounds["ci_low"] <= att) & (att <= chapter.bounds["ci_high"])
    assert covers.tolist() == [False, True, True, True, True, True]
    longer = (chapter.bounds["ci_high"] - chapter.bounds["ci_low"]) / (
        chapter.bounds["ci_high"] - chapter.bounds["ci_low"]
    ).iloc[0]
    assert longer.iloc[1:].between(2.5, 11).all()
    assert 0 < chapter.limits["relative magnitudes"] < 0.5


def test_only_the_comparison_with_the_not_yet_treated_covers():
    assert chapter.not_yet["ci_low"] < staggered.truth["ATT"] < chapter.not_yet["ci_high"]
    assert chapter.habit["ci_low"] > staggered.truth["ATT"]


def test_the_forbidden_comparison_finds_what_is_not_there():
    assert chapter.forbidden["ci_low"] < 0.75 < chapter.forbidden["ci_high"]
    assert chapter.forbidden["ci_low"] > 0


def test_nothing_moves_before_the_raise():
    ahead = chapter.by_event.loc[:-2]
    assert ((ahead["ci_low"] < 0) & (ahead["ci_high"] > 0)).all()


def test_levels_and_logarithms_are_wrong_where_the_other_is_right():
    wrong = [not low < 0 < high for low, high in chapter.found[["ci_low", "ci_high"]].to_numpy()]
    assert wrong == [False, True, True, False]


def test_the_policys_effect_lies_in_the_interval_of_its_event_time():
    assert (
        chapter.by_event.loc[7, "ci_low"]
        < chapter.policy["estimate"]
        < chapter.by_event.loc[7, "ci_high"]
    )


def test_the_usual_analyses_fail_in_their_worlds_and_the_right_ones_cover():
    assert abs(chapter.two_way - chapter.habit["estimate"]) < 1e-5
    assert chapter.drift_worlds.loc["usual", "coverage"] < 0.3
    assert chapter.stag_worlds.loc["two-way fixed effects", "coverage"] < 0.1
    assert abs(chapter.drift_worlds.loc["straight drift allowed", "coverage"] - 0.95) < 4 * np.sqrt(
        0.95 * 0.05 / 80
    )
    assert abs(
        chapter.stag_worlds.loc["not-yet-treated comparison", "coverage"] - 0.95
    ) < 4 * np.sqrt(0.95 * 0.05 / 150)


def test_the_laws_came_where_homicides_had_fallen():
    assert chapter.years.loc[-2, "ci_high"] < 0
    assert (
        abs((chapter.laws["estimate"].iloc[1] + chapter.base) - chapter.careful["estimate"]) < 0.02
    )


def test_one_cell_by_hand_is_the_recipes():
    assert np.isclose(chapter.by_hand, chapter.first_cell, atol=1e-4)


def test_a_drift_of_three_errors_passes_the_test_before():
    assert (chapter.tests > 0.05).all()


def test_the_solutions_of_the_exercises_hold():
    longer = scenarios.minimum_wage_panel(first_raises=(9,), shares=(0.5,), drift=0.15)
    longer = event_study(longer.sample(100, rng=11), **(design | {"first_treated_time": 9}))
    longer = pretrend_power(longer, slopes=[0.15]).iloc[0]
    assert longer["power"] > 0.8
    assert longer["bias"] < chapter.actual["bias"]
    calm = scenarios.minimum_wage_panel(**once)
    early = calm.model.do(
        employment_4=lambda size, first_raised: size + 6 - 0.5 * (first_raised == 5)
    )
    early = calm.arrange(early.sample(2_000, rng=1))
    early = event_study(early, **design)["estimate"]
    assert abs(early.loc[:-2].mean() - 0.5) < 0.15
    assert abs(early.loc[7] - (-4 + 0.5)) < 0.15


def test_the_habit_is_right_with_one_date_or_one_effect():
    for world in ({**once}, {"effect_growth": 0.0}):
        truth = scenarios.minimum_wage_panel(**world).truth
        assert np.isclose(truth["two-way fixed effects"], truth["ATT"])
    truth = scenarios.minimum_wage_panel(effect_growth=0.05).truth
    assert truth["two-way fixed effects"] < truth["ATT"] < 0
