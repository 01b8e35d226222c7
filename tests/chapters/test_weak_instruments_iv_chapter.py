"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pytest
from linearmodels.datasets import card
from scipy.stats import f as f_distribution
from scipy.stats import norm
from stored import kept, numbers

from casestudies import archives, scenarios

chapter = kept("weak_instruments_iv")


def test_the_robust_sets_are_intervals_above_zero():
    assert chapter.ar_one["kind"] == chapter.ar_thirty["kind"] == "interval"
    assert min(chapter.ar_one["ci_low"], chapter.ar_thirty["ci_low"]) > 0


def test_invented_quarters_give_the_ols_answer_with_confidence():
    significant = (chapter.fake["ci_low"] > 0).sum()
    spread = chapter.fake["estimate"].std() / np.sqrt(20)
    assert abs(chapter.summary.loc["mean", "estimate"] - chapter.ols) < 4 * spread
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


def test_a_direct_effect_of_half_a_percent_undoes_the_result():
    assert abs(chapter.special["estimate"].iloc[1]) < 1e-9
    loses = np.interp(0, chapter.curve["ci_low"], chapter.curve["direct effect"])
    assert abs(loses + 0.0057) < 1e-4
    assert abs(chapter.total + 0.0111) < 5e-5


def test_fresh_censuses_cover_as_the_samples_said():
    coverage = chapter.many["coverage"]
    as_sampled = chapter.covered.loc[(30, 5), "2SLS coverage"]
    assert abs(coverage["2SLS"] - as_sampled) < 4 * np.sqrt(0.25 / 100)
    assert abs(coverage["LIML, Bekker's error"] - 0.95) < 4 * np.sqrt(0.0475 / 100)
    assert coverage["OLS"] == 0


def test_at_this_endogeneity_the_usual_interval_covers():
    like = chapter.as_weak.loc[("thirty, F 4.91", 0.1)]
    assert abs(numbers("weak_instruments_iv")["weak-rho"]) < 0.2
    assert abs(chapter.as_weak["AR coverage"] - 0.95).max() < 0.007
    assert like["2SLS coverage"] > 0.92


def test_no_way_to_read_the_interval_settles_the_decision_and_a_whole_leak_does():
    assert chapter.pays == ["open", "open", "open", "open", "open", "no"]


def test_the_college_nearby_has_two_repairs_that_disagree():
    assert chapter.near_tf["ci_low"] < 0 < min(chapter.near["ci_low"], chapter.near_ar["ci_low"])


def test_a_set_by_hand_ends_where_the_recipe_says():
    sample = scenarios.weak_instrument(groups=2, partial_r2=0.002).sample(1_000, rng=4)
    critical = f_distribution.ppf(0.95, 1, 998)

    def statistic(effect):
        net = sample["wage"] - effect * sample["schooling"]
        square = np.corrcoef(net, sample["group"])[0, 1] ** 2
        return square / (1 - square) * 998

    ends = 1.636, 7.268
    assert [statistic(e - 0.01) < critical for e in ends] == [True, False]
    assert [statistic(e + 0.01) < critical for e in ends] == [False, True]
    assert statistic(1e6) < critical


def by_lot():
    """Return estimate, error and F of twenty made-up sets of quarters, from sums over cells."""
    men, rng = archives.quarter_of_birth(), np.random.default_rng(1995)
    pair = men[["log_weekly_wage", "education"]].to_numpy()
    year = men["year_of_birth"].to_numpy() - 1930

    def cells(labels):
        size = np.bincount(labels)
        return size, np.column_stack([np.bincount(labels, part) for part in pair.T]) / size[:, None]

    centre = cells(year)[1]
    total = (pair - centre[year]).T @ (pair - centre[year])
    for _ in range(20):
        size, mean = cells(4 * year + rng.integers(1, 5, len(men)) - 1)
        apart = mean - np.repeat(centre, 4, axis=0)
        explained = (apart.T * size) @ apart
        slope = explained[0, 1] / explained[1, 1]
        squares = total[0, 0] - 2 * slope * total[0, 1] + slope**2 * total[1, 1]
        rest = (total - explained)[1, 1] / (len(men) - 40)
        yield slope, np.sqrt(squares / len(men) / explained[1, 1]), explained[1, 1] / 30 / rest


def test_sums_over_cells_say_of_the_same_lots_what_the_recipes_say():
    slope, error, f = np.array(list(by_lot())).T
    found = {
        "mean": slope.mean(),
        "mean-error": slope.std(ddof=1) / np.sqrt(20),
        "se": error.mean(),
        "f": f.mean(),
        "significant": (slope > norm.ppf(0.975) * error).sum(),
        "unbounded": (f < f_distribution.ppf(0.95, 30, 329_509 - 40)).sum(),
    }
    stored = numbers("weak_instruments_iv")
    assert {key: stored[f"weak-fake-{key}"] for key in found} == pytest.approx(found, rel=1e-5)


def test_the_college_s_f_and_the_leak_that_undoes_it_are_those_of_least_squares():
    young, stored = card.load(), numbers("weak_instruments_iv")
    names = ["exper", "expersq", "black", "south", "smsa", "smsa66"]
    names += [f"reg66{i}" for i in range(2, 10)]
    rows = np.column_stack([np.ones(len(young)), young[names], young["nearc4"]])
    slope = np.linalg.lstsq(rows, young["lwage"].to_numpy(), rcond=None)[0][-1]
    assert abs(stored["weak-card-leak-percent"] - 100 * slope) < 1e-4
    schooling = young["educ"].to_numpy(float)
    without, with_college = (np.linalg.lstsq(x, schooling)[1][0] for x in (rows[:, :-1], rows))
    f = (without / with_college - 1) * (len(young) - rows.shape[1])
    assert abs(stored["weak-card-f"] - f) < 1e-4


def test_the_census_leans_by_a_quarter_of_its_error():
    stored = numbers("weak_instruments_iv")
    error = stored["weak-tsls-se-percent"] / 100
    lean = (stored["weak-liml"] - stored["weak-ols"]) / stored["weak-f-thirty"]
    assert 0.25 < lean / error < 0.3
    assert 20 < error / (lean - stored["weak-liml"] + stored["weak-tsls"]) < 25
