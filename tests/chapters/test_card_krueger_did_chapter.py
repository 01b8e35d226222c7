"""What the chapter shows and says, by what its notebook stored."""

import needs
import numpy as np
import pandas as pd
import pyreadr
import pytest
from scipy import stats
from stored import kept, numbers

from casestudies import archives
from casestudies.recipes.difference_in_differences import two_by_two

chapter = kept("card_krueger_did")


def test_all_stores_seen_twice_are_there():
    assert chapter.both_waves == 384


def test_four_ways_to_subtract_give_one_number():
    assert np.allclose(chapter.ways["document's example"], 5)
    assert np.ptp(chapter.ways["survey"]) < 1e-4
    assert abs(chapter.interaction - 2.754) < 5e-4
    assert abs(chapter.fixed_effects - 2.750) < 5e-4


def test_three_of_fifteen_figures_of_table_3_differ_by_a_rounding():
    off = (chapter.ours - chapter.theirs).abs().to_numpy()
    assert (off > 0.00501).sum() == 3
    assert off.max() < 0.0101


def test_four_columns_of_table_4_are_replicated():
    assert chapter.sample == 357
    assert (abs(chapter.table_4["estimate"] - chapter.table_4["published"]) < 0.00501).all()
    assert (
        abs(chapter.table_4["std_error"] - chapter.table_4["published std_error"]) < 0.00501
    ).all()


def test_the_first_two_columns_of_table_4_just_hold_zero_and_the_next_two_do_not():
    # from the printed figures and 355 degrees or fewer: 2.33 - 1.967 * 1.19 = -0.01
    low, high = chapter.table_4["ci_low"], chapter.table_4["ci_high"]
    assert ((low < 0) & (high > 0)).tolist() == [True, True, False, False]
    assert low.iloc[:2].tolist() == pytest.approx([-0.018, -0.047], abs=0.001)


def test_with_unequal_variances_the_first_column_of_table_4_has_a_larger_error():
    stores = archives.card_krueger()
    change = (stores["fte_after"] - stores["fte_before"])[stores["wages_known"] == 1].dropna()
    states = change.groupby(stores["state"])
    assert states.size().to_dict() == {"New Jersey": 290, "Pennsylvania": 67}
    assert states.std().round(1).to_dict() == {"New Jersey": 8.1, "Pennsylvania": 11.3}
    error = np.sqrt((states.var() / states.size()).sum())  # HC2 of a difference of means
    ends = chapter.table_4["estimate"].iloc[0] + np.array([-1, 1]) * stats.t.ppf(0.975, 355) * error
    assert [round(error, 2), *ends.round(2)] == [1.46, -0.54, 5.19]


def test_three_of_four_chains_moved_the_same_way():
    assert list(chapter.by_chain.index) == ["bk", "kfc", "roys", "wendys"]
    assert (chapter.by_chain[0] < chapter.by_chain[1]).sum() == 3


def test_a_shock_between_a_quarter_and_a_half_overturns_the_sign():
    assert chapter.assumed.loc[0.25, "ci_low"] > 0 > chapter.assumed.loc[0.5, "ci_low"]


def test_the_solutions_of_the_exercises_hold():
    assert chapter.safe[0] < 1 < chapter.safe[1]
    four_rows = pd.DataFrame({"fte": [20, 22, 18, 25], "nj": [0, 0, 1, 1], "after": [0, 1, 0, 1]})
    columns = {"outcome": "fte", "unit": "store", "treated": "nj", "post": "after"}
    with pytest.raises(ValueError, match=r"0\.0000"):
        two_by_two(four_rows.assign(store=four_rows["nj"]), **columns)


def test_only_what_chain_and_ownership_leave_gives_the_three_printed_errors():
    stores = archives.card_krueger()
    nj, waves = stores["state"] == "New Jersey", stores[["fte_before", "fte_after"]]
    errors = np.array([waves[nj == arm].sem() for arm in (False, True)])
    twice, known = waves.notna().all(axis=1), stores["company_owned"]
    seen = waves[twice].to_numpy()
    kinds = [stores["chain"] == chain for chain in stores["chain"].unique()]
    x = np.column_stack([c[twice] for c in [nj, known, *kinds]]).astype(float)
    left = seen - x @ np.linalg.lstsq(x, seen)[0]
    own = np.array([np.corrcoef(seen[nj[twice] == arm].T)[0, 1] for arm in (False, True)])
    every, rest = (np.repeat(np.corrcoef(y.T)[0, 1], 2) for y in (seen, left))
    for rho, right in ((own, False), (every, False), (rest, True)):
        change = np.sqrt((errors**2).sum(axis=1) - 2 * rho * errors.prod(axis=1))
        made = [*change, np.hypot(*change)]
        assert (np.round(made, 2).tolist() == [1.25, 0.54, 1.36]) == right


@pytest.mark.parametrize("tau", [0, 0.5, 2])
def test_intervals_by_the_states_changes_cover_whatever_the_shocks(tau):
    rng = np.random.default_rng(17)
    change = rng.normal(0, np.sqrt(8.5**2 / 100 + 2 * tau**2), (4_000, 4))
    low, high = stats.ttest_ind(change[:, :2], change[:, 2:], axis=1).confidence_interval()
    assert abs(((low < 0) & (high > 0)).mean() - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 4_000)
    assert round(stats.t.ppf(0.975, 2), 1) == 4.3


def test_shocks_cost_coverage_as_the_formula_says_and_bias_nothing():
    error = np.hypot(8.4522 / np.sqrt(309), 10.8536 / np.sqrt(75))  # sd of the changes, by state
    for tau in (0.0, 0.5, 1.0):
        found = chapter.worlds.loc[f"two by two, τ = {tau}"]
        held = 1 - 2 * stats.norm.sf(1.96 * error / np.hypot(error, 2 * tau))
        assert abs(found["coverage"] - held) < 4 * found["coverage_error"]
        assert abs(found["bias"]) < 4 * found["bias_error"]
        alone = chapter.worlds.loc[f"New Jersey alone, τ = {tau}"]
        assert abs(alone["bias"] + 2.28) < 4 * alone["bias_error"]


def test_spread_of_changes_and_mean_gap_are_those_of_the_original_file():
    path = needs.original("card_krueger_1994.rda")
    waves = next(iter(pyreadr.read_r(str(path)).values()))
    waves["fte"] = waves["empft"] + waves["nmgrs"] + 0.5 * waves["emppt"]
    first, second = waves.iloc[:410].reset_index(), waves.iloc[410:].reset_index()
    jersey, change = first["state"] == "New Jersey", second["fte"] - first["fte"]
    closed = second["status"] == "Closed permanently"
    waged = first["wage_st"].notna() & (second["wage_st"].notna() | closed)
    here = jersey & waged & change.notna()
    needed = np.maximum(5.05 - first["wage_st"], 0)[here] / first["wage_st"][here]
    assert (change[jersey].count(), change[~jersey].count(), here.sum()) == (309, 75, 290)
    found = numbers("card_krueger_did")
    assert found["ck-sd-nj"] == pytest.approx(change[jersey].std(), abs=6e-5)
    assert found["ck-sd-pa"] == pytest.approx(change[~jersey].std(), abs=6e-5)
    assert found["ck-mean-gap"] == pytest.approx(100 * needed.mean(), abs=6e-5)
