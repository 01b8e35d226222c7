"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
from stored import kept, numbers

from casestudies import archives

chapter = kept("quarter_of_birth_iv")


def test_the_toy_covers_by_its_instrument_and_not_by_ols():
    assert chapter.toy_iv["ci_low"] < 2 < chapter.toy_iv["ci_high"]
    assert chapter.toy_ols["ci_low"] > 3


def test_what_one_sees_given_schooling_says_nothing_of_exclusion():
    assert abs(chapter.limits["nudge given schooling"].iloc[1]) < 1e-9
    assert abs(chapter.limits["IV limit"].iloc[[0, 3]] - 2).max() < 1e-9
    leak = chapter.limits.iloc[4]
    assert abs(leak["IV limit"] - 2) > abs(leak["OLS limit"] - 2)


def test_three_ways_to_divide_give_one_number_and_one_error():
    assert np.ptp(chapter.three_ways.to_numpy()) == 0
    assert abs(chapter.library - chapter.ratio["std_error"]) < 1e-6


def test_the_published_rows_are_replicated_and_a_line_through_thirty_points_is_2sls():
    assert abs(chapter.line - chapter.tsls["estimate"]) < 1e-6
    gap = chapter.answers["estimate"] - chapter.published["published"]
    assert (abs(gap) < [5e-5, 5e-5, 5e-5, 5e-4]).all()


def test_a_second_stage_by_hand_has_the_estimate_and_not_the_error():
    assert abs(chapter.second["estimate by hand"] - chapter.second["estimate"]).max() < 1e-6
    assert abs(chapter.second["ratio of errors"] - chapter.second["exact ratio"])[:2].max() < 0.05


def test_the_robust_sets_are_intervals_above_zero():
    assert chapter.ar_one["kind"] == chapter.ar_thirty["kind"] == "interval"
    assert min(chapter.ar_one["ci_low"], chapter.ar_thirty["ci_low"]) > 0


def test_invented_quarters_give_the_ols_answer_with_confidence():
    significant = (chapter.fake["ci_low"] > 0).sum()
    spread = chapter.fake["estimate"].std() / np.sqrt(20)
    assert abs(chapter.summary.loc["mean", "estimate"] - chapter.ols["estimate"]) < 4 * spread
    assert 8 <= significant <= 14
    assert (chapter.fake["F"] < chapter.stage["critical_value"]).sum() >= 15


def test_a_feeble_instrument_gives_no_interval():
    assert chapter.weak_set["kind"] != "interval"


def test_the_robust_set_covers_whatever_the_strength():
    assert abs(chapter.covered["AR coverage"] - 0.95).max() < 0.007
    assert chapter.covered.loc[(30, 10), "2SLS coverage"] < 0.75
    assert chapter.covered.loc[(1, 10), "2SLS coverage"] > 0.9
    assert abs(chapter.covered.loc[30, "LIML bias"].iloc[1:]).max() < 0.03
    assert 0.99 < chapter.covered.loc[(30, 1), "2SLS bias"] < 1.01


def test_screening_on_f_makes_coverage_and_bias_worse():
    drop = chapter.screened.xs("all", level=1) - chapter.screened.xs("F > 10", level=1)
    assert (drop["2SLS coverage"] > 0).all()
    assert (drop["2SLS bias"] < -0.2).all()
    assert chapter.screened.loc[[(0.2, "all"), (0.5, "all")], "2SLS coverage"].min() > 0.95


def test_with_a_trend_the_quarters_say_nothing_and_the_thirty_little():
    assert chapter.sets["quarter, age trend"]["kind"] == "whole line"
    assert chapter.sets["28 instruments, age trend"]["kind"] == "interval"


def test_a_direct_effect_of_half_a_percent_undoes_the_result():
    assert abs(chapter.special["estimate"].iloc[1]) < 1e-9
    loses = np.interp(0, chapter.curve["ci_low"], chapter.curve["direct effect"])
    assert abs(loses + 0.0057) < 1e-4
    assert abs(chapter.total + 0.0111) < 5e-5


def test_the_men_of_1931_were_moved_the_other_way():
    cells = archives.quarter_of_birth_cells().set_index(["year_of_birth", "quarter_of_birth"])
    assert cells.loc[(1931, 1), "education_mean"] > cells.loc[(1931, 2), "education_mean"]


def test_a_law_moves_those_it_binds():
    assert abs(chapter.law["estimate"] - 1.6) < 1e-9


def test_only_one_decision_pays_whatever_is_assumed():
    assert chapter.pays == ["yes", "open", "open", "open", "open"]


def test_fresh_censuses_cover_as_the_samples_said():
    coverage = chapter.many["coverage"]
    as_sampled = chapter.covered.loc[(30, 5), "2SLS coverage"]
    assert abs(coverage["2SLS"] - as_sampled) < 4 * np.sqrt(0.25 / 100)
    assert abs(coverage["LIML, Bekker's error"] - 0.95) < 4 * np.sqrt(0.0475 / 100)
    assert coverage["OLS"] == 0


def test_at_this_endogeneity_the_usual_interval_covers():
    like = chapter.as_weak.loc[("thirty, F 4.91", 0.1)]
    assert abs(numbers("quarter_of_birth_iv")["qob-rho"]) < 0.2
    assert abs(chapter.as_weak["AR coverage"] - 0.95).max() < 0.007
    assert like["2SLS coverage"] > 0.92


def test_the_college_nearby_is_replicated_and_its_interval_is_open():
    assert abs(chapter.near["estimate"] - 0.132) < 5e-4
    assert chapter.near_tf["ci_low"] < 0 < min(chapter.near["ci_low"], chapter.near_ar["ci_low"])
