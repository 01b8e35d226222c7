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


def test_with_a_trend_the_quarters_say_nothing_and_the_thirty_little():
    assert chapter.sets["quarter, age trend"]["kind"] == "whole line"
    assert chapter.sets["28 instruments, age trend"]["kind"] == "interval"


def test_the_men_of_1931_were_moved_the_other_way():
    cells = archives.quarter_of_birth_cells().set_index(["year_of_birth", "quarter_of_birth"])
    assert cells.loc[(1931, 1), "education_mean"] > cells.loc[(1931, 2), "education_mean"]


def test_a_law_moves_those_it_binds():
    assert abs(chapter.law["estimate"] - 1.6) < 1e-9


def test_only_ols_gives_a_clear_answer():
    assert chapter.pays == ["yes", "open", "open", "open", "open"]


def test_a_second_stage_by_hand_covers_too_seldom_where_ability_shortens_schooling():
    many, exact = chapter.many, numbers("quarter_of_birth_iv")["qob-hand-coverage-exact"]
    assert abs(many["bias"]["2SLS"] - many["bias"]["2SLS by hand"]) < 1e-6
    assert abs(many["coverage"]["2SLS"] - 0.95) < 4 * np.sqrt(0.0475 / 200)
    assert abs(many["coverage"]["2SLS by hand"] - exact) < 4 * np.sqrt(exact * (1 - exact) / 200)
    assert many["coverage"]["OLS"] == 0


def test_the_college_nearby_is_replicated():
    assert abs(chapter.near["estimate"] - 0.132) < 5e-4
    assert abs(chapter.near["std_error"] - 0.055) < 5e-4


def test_a_trend_in_age_leaves_of_the_schooling_jump_no_more_than_its_error():
    cells = archives.quarter_of_birth_cells()
    year, quarter = (cells[f"{unit}_of_birth"].to_numpy() for unit in ("year", "quarter"))
    men, schooling = cells["n"].to_numpy(float), cells["education_mean"].to_numpy()
    age = 35 - (year - year.min()) - quarter / 4
    columns = [year == y for y in np.unique(year)] + [age, age**2, quarter == 2, quarter == 1]
    x = np.column_stack(columns).astype(float)
    inverse = np.linalg.inv((x.T * men) @ x)
    found = inverse @ (x.T * men) @ schooling
    left = men @ (cells["education_var"] + (schooling - x @ found) ** 2) / men.sum()
    assert round(-found[-1], 2) == 0.04
    assert round(np.sqrt(left * inverse[-1, -1]), 2) == 0.04
