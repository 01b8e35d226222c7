"""Regression discontinuity against two packages, least squares, brute force and exact truths."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from cutoffs import (
    CALLS,
    DENSITIES,
    DENSITY,
    ENTRIES,
    PLACES,
    by_rddensity,
    by_rdrobust,
    frames,
    running,
    scores,
    written,
)
from needs import package
from scipy import stats
from scipy.optimize import linprog
from stored import ROOT

from casestudies.recipes.regression_discontinuity import (
    bandwidth,
    density_test,
    donut,
    fuzzy,
    honest,
    placebo_cutoffs,
    sharp,
)

SCORE = {"outcome": "y", "running": "x", "cutoff": 0}
INTERVAL = ["ci_low", "ci_high"]
RDROBUST, RDDENSITY = written("rdrobust"), written("rddensity")


@pytest.fixture(scope="module")
def data():
    return frames()


@pytest.fixture(scope="module")
def units():
    return scores()


def ours(name, data):
    place, options, _ = CALLS[name]
    method = fuzzy if "treatment" in options else sharp
    found = method(data[place], **PLACES[place], **options)
    return found[ENTRIES].to_numpy()


def density(name, data):
    place, cutoff, width = DENSITIES[name]
    found = density_test(data[place], running=running(place), cutoff=cutoff, bandwidth=width)
    return found[DENSITY].to_numpy(float)


# ---- the authors' packages and published figures


@pytest.mark.parametrize("name", CALLS)
def test_estimates_errors_and_bandwidths_are_those_of_rdrobust(name, data):
    figures = np.array(RDROBUST[name])
    np.testing.assert_allclose(ours(name, data), figures, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", CALLS)
def test_rdrobust_where_it_is_installed_says_what_was_written_down(name, data):
    figures = by_rdrobust(package("rdrobust"), name, data)
    np.testing.assert_allclose(figures, RDROBUST[name], rtol=1e-6)
    np.testing.assert_allclose(ours(name, data), figures, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", DENSITIES)
def test_the_density_test_is_that_of_rddensity(name, data):
    np.testing.assert_allclose(density(name, data), RDDENSITY[name], rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("name", DENSITIES)
def test_rddensity_where_it_is_installed_says_what_was_written_down(name, data):
    figures = by_rddensity(package("rddensity"), name, data)
    np.testing.assert_allclose(figures, RDDENSITY[name], rtol=1e-6, atol=1e-10)


def test_the_senate_has_the_effect_interval_and_bandwidths_that_were_published():
    """Calonico, Cattaneo, Farrell and Titiunik (2017), Stata Journal 17(2), section 6."""
    table = package("rdrobust").rdrobust_RDsenate().dropna(subset=["vote", "margin"])
    found = sharp(table, outcome="vote", running="margin", cutoff=0).round(3)
    assert found[["estimate", *INTERVAL]].tolist() == [7.414, 4.094, 10.919]
    assert found[["bandwidth", "bias_bandwidth"]].tolist() == [17.754, 28.028]
    assert found[["n", "n_below", "n_above"]].tolist() == [1297, 360, 323]


def close(data):
    """Return the sessions after a Democratic share within two points of one half."""
    return data["elections"].query("0.48 < lagdemvoteshare < 0.52")


@pytest.mark.parametrize(
    ("outcome", "score", "effect", "error"),
    [
        ("score", "lagdemvoteshare", 21.28, 1.95),
        ("score", "demvoteshare", 47.71, 1.36),
        ("democrat", "lagdemvoteshare", 0.484, 0.029),
    ],
)
def test_close_elections_have_the_gaps_that_were_published(data, outcome, score, effect, error):
    """Lee, Moretti and Butler (2004), Table I, on this copy of their data: three gaps of means.

    The same by `reg score lagdemocrat ..., cluster(id)` in Cunningham (2021), section 6.4.
    """
    rows = close(data)
    assert len(rows) == 915
    means = {"order": 0, "kernel": "uniform", "bandwidth": 0.6, "cluster": "id"}
    found = sharp(rows, outcome=outcome, running=score, cutoff=0.5, **means)
    digits = 2 if outcome == "score" else 3
    assert found["estimate"].round(digits) == effect
    assert found["std_error"].round(digits) == error


def test_the_file_has_most_elections_twice_so_that_rows_are_not_independent(data):
    """The error of the first gap by least squares of statsmodels, an election a cluster."""
    rows = close(data)
    election = ["state", "district", "year"]
    groups = rows.groupby(election, observed=True)
    assert (groups["lagdemvoteshare"].max() == groups["lagdemvoteshare"].min()).all()
    assert rows["id"].is_unique  # clusters by id are rows
    fit = sm.OLS(rows["score"], sm.add_constant(rows["lagdemvoteshare"] > 0.5).astype(float))
    once = {"groups": groups.ngroup()}
    error = fit.fit(cov_type="cluster", cov_kwds=once).bse.iloc[1]
    text = (ROOT / "book" / "recipes" / "regression_discontinuity.md").read_text("utf-8")
    assert f"come from {groups.ngroups} elections" in text
    assert f"the first error is {error:.2f} instead of 1.95" in text
    votes = data["elections"].groupby(election, observed=True).mean().reset_index()
    rows, votes = (sharp(d, **PLACES["elections"]) for d in (data["elections"], votes))
    assert (rows / votes)[["std_error", "robust_std_error"]].between(0.6, 0.66).all()


# ---- the same by other routes


def weights(x, h, kernel):
    u = np.abs(x / h)
    shape = {"triangular": 1 - u, "uniform": 1 + 0 * u, "epanechnikov": 0.75 * (1 - u**2)}
    return shape[kernel] * (u <= 1)


def lines(x, order):
    powers = x[:, np.newaxis] ** np.arange(order + 1)
    above = (x >= 0)[:, np.newaxis]
    return np.hstack([powers * above, powers])


@pytest.mark.parametrize("kernel", ["triangular", "uniform", "epanechnikov"])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_estimate_is_that_of_weighted_regression_with_the_covariates(units, kernel, order):
    x, h = units["x"].to_numpy(), 22.0
    near = np.abs(x) < h
    design = np.hstack([lines(x, order), units[["z", "w"]]])[near]
    fit = sm.WLS(units["y"][near], design, weights(x, h, kernel)[near]).fit()
    mine = {"covariates": ["z", "w"], "bandwidth": h, "kernel": kernel, "order": order}
    found = sharp(units, **SCORE, **mine)
    assert found["estimate"] == pytest.approx(fit.params.iloc[0], rel=1e-9)
    wider = np.hstack([lines(x, order + 1), units[["z", "w"]]])[near]
    slopes = fit.params.iloc[-2:].to_numpy()
    net = units["y"][near] - units[["z", "w"]][near] @ slopes
    corrected = sm.WLS(net, wider[:, :-2], weights(x, h, kernel)[near]).fit()
    assert found["bias_corrected"] == pytest.approx(corrected.params.iloc[0], rel=1e-9)
    assert found[["n", "n_below", "n_above"]].tolist() == [
        len(units),
        (near & (x < 0)).sum(),
        (near & (x >= 0)).sum(),
    ]


def by_side(units, h, order):
    """Return each side's clustered variance of the intercept, and its clusters."""
    found = []
    for side in (units["x"] < 0, units["x"] >= 0):
        rows = units[side & (units["x"].abs() < h)]
        powers = rows[["x"]].to_numpy() ** np.arange(order + 1)
        model = sm.WLS(rows["y"], powers, weights(rows["x"], h, "triangular"))
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": rows["g"]})
        found.append([fit.cov_params().iloc[0, 0], rows["g"].nunique()])
    return np.transpose(found)


def test_clustered_errors_are_those_of_regressions_by_side_with_satterthwaites_degrees(units):
    found = sharp(units, **SCORE, cluster="g", bandwidth=18)
    assert found["std_error"] == pytest.approx(np.sqrt(by_side(units, 18, 1)[0].sum()), rel=1e-9)
    variances, clusters = by_side(units, 18, 2)
    assert found["robust_std_error"] == pytest.approx(np.sqrt(variances.sum()), rel=1e-9)
    degrees = variances.sum() ** 2 / (variances**2 / (clusters - 1)).sum()
    margin = stats.t.ppf(0.975, degrees) * np.sqrt(variances.sum())
    assert found["ci_high"] == pytest.approx(found["bias_corrected"] + margin, rel=1e-9)
    assert found["ci_low"] == pytest.approx(found["bias_corrected"] - margin, rel=1e-9)


def nearest_errors(x, y, matches=3):
    """Compare each row with its nearest, all that tie included, one row at a time."""
    errors = []
    for i in range(len(x)):
        away = np.abs(x - x[i])
        away[i] = np.inf
        last = np.sort(away)[min(matches, len(x) - 1) - 1]
        near = away <= last * (1 + 1e-12)
        errors.append(np.sqrt(near.sum() / (near.sum() + 1)) * (y[i] - y[near].mean()))
    return np.array(errors)


@pytest.mark.parametrize("digits", [9, 0, -1])
def test_the_variance_compares_each_row_with_its_nearest(units, digits):
    table, h = units.assign(x=units["x"].round(digits)), 25
    variance = 0
    for side in (table["x"] < 0, table["x"] >= 0):
        rows = table[side & (table["x"].abs() < h)]
        x, y = rows["x"].to_numpy(), rows["y"].to_numpy()
        w, powers = weights(x, h, "triangular"), x[:, np.newaxis] ** np.arange(2)
        bread = np.linalg.inv(powers.T @ (w[:, np.newaxis] * powers))
        row = (bread @ (w[:, np.newaxis] * powers).T)[0]
        variance += np.sum((row * nearest_errors(x, y)) ** 2)
    found = honest(table, **SCORE, curvature=0, bandwidth=h)
    assert found["std_error"] == pytest.approx(np.sqrt(variance), rel=1e-9)
    assert found["ci_high"] == pytest.approx(
        found["estimate"] + stats.norm.ppf(0.975) * np.sqrt(variance), rel=1e-8
    )
    if digits >= 0:
        again = sharp(table, **SCORE, bandwidth=h)
        assert again["std_error"] == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_a_fuzzy_effect_is_the_ratio_of_two_jumps_with_the_error_of_their_difference(units):
    given = {"bandwidth": 20, "bias_bandwidth": 30}
    found = fuzzy(units, **SCORE, treatment="t", **given)
    top, bottom = (
        sharp(units, outcome=name, running="x", cutoff=0, **given) for name in ("y", "t")
    )
    ratio = top["estimate"] / bottom["estimate"]
    assert found["estimate"] == pytest.approx(ratio, rel=1e-10)
    assert found["first_stage"] == pytest.approx(bottom["estimate"], rel=1e-10)
    assert found["first_stage_error"] == pytest.approx(bottom["std_error"], rel=1e-10)
    gap = units.assign(u=(units["y"] - ratio * units["t"]) / bottom["estimate"])
    same = sharp(gap, outcome="u", running="x", cutoff=0, **given)
    assert same["estimate"] == pytest.approx(0, abs=1e-10)
    assert found["std_error"] == pytest.approx(same["std_error"], rel=1e-10)
    assert found["robust_std_error"] == pytest.approx(same["robust_std_error"], rel=1e-10)
    assert found["bias_corrected"] == pytest.approx(ratio + same["bias_corrected"], rel=1e-10)
    assert found.attrs["warning"] == ""


def test_where_all_comply_a_fuzzy_effect_is_the_sharp_one(units):
    table = units.assign(d=(units["x"] >= 0) * 1)
    found = fuzzy(table, **SCORE, treatment="d")
    same = sharp(table, **SCORE)
    np.testing.assert_allclose(found[same.index], same, rtol=1e-9)
    assert found[["first_stage", "first_stage_error"]].tolist() == pytest.approx([1, 0])


def test_the_treated_side_turns_the_effect_round(units):
    above, below = (sharp(units, **SCORE, treated_side=side) for side in ("above", "below"))
    turned = sharp(units.assign(x=-units["x"]), **SCORE)
    for mirrored in (below, turned):
        np.testing.assert_allclose(mirrored["bandwidth"], above["bandwidth"], rtol=1e-9)
        np.testing.assert_allclose(-mirrored["estimate"], above["estimate"], rtol=1e-9)
        np.testing.assert_allclose(-mirrored[INTERVAL[::-1]], above[INTERVAL], rtol=1e-9)
        np.testing.assert_allclose(-mirrored["bias_corrected"], above["bias_corrected"], rtol=1e-9)


@pytest.mark.parametrize(
    ("kernel", "constant"), [("triangular", 3.4375), ("uniform", 2.7019), ("epanechnikov", 3.1999)]
)
def test_imbens_and_kalyanaramans_bandwidth_is_that_of_their_equations(units, kernel, constant):
    """Equations (11) to (17), with numpy's polynomials; on Lee's data theirs is 29.39."""
    x, y = units["x"].to_numpy(), units["y"].to_numpy()
    n, h1 = len(x), 1.84 * np.std(x, ddof=1) * len(x) ** (-1 / 5)
    density = np.mean(np.abs(x) <= h1) / (2 * h1)
    cubic = sm.OLS(y, np.column_stack([x >= 0, np.ones(n), x, x**2, x**3])).fit()
    below, above = x < 0, x >= 0
    variances, seconds, regular = [], [], []
    for side in (below, above):
        variances.append(np.var(y[side & (np.abs(x) <= h1)], ddof=1))
        h2 = 3.56 * (variances[-1] / (density * (6 * cubic.params[4]) ** 2)) ** (1 / 7)
        h2 *= side.sum() ** (-1 / 7)
        near = side & (np.abs(x) <= h2)
        seconds.append(2 * np.polyfit(x[near], y[near], 2)[0])
        regular.append(2160 * variances[-1] / (near.sum() * h2**4))
    gap = (seconds[1] - seconds[0]) ** 2 + sum(regular)
    h = constant * (sum(variances) / (density * gap * n)) ** (1 / 5)
    found = bandwidth(units, **SCORE, method="ik", kernel=kernel)
    assert found["bandwidth"] == pytest.approx(h, rel=2e-3)  # the paper rounds 7200^(1/7) to 3.56
    assert found["bias_bandwidth"] == found["bandwidth"]
    assert found["n_below"] == (below & (np.abs(x) < found["bandwidth"])).sum()


def test_the_bandwidth_is_the_one_that_the_estimates_use(units):
    for options in ({}, {"covariates": "z"}, {"cluster": "g"}, {"order": 2}):
        chosen, used = bandwidth(units, **SCORE, **options), sharp(units, **SCORE, **options)
        assert chosen.equals(used[chosen.index])
        given = chosen[["bandwidth", "bias_bandwidth"]].to_dict()
        np.testing.assert_allclose(sharp(units, **SCORE, **options, **given), used, rtol=1e-12)
    chosen = bandwidth(units, **SCORE, treatment="t")
    assert chosen.equals(fuzzy(units, **SCORE, treatment="t")[chosen.index])


def test_the_default_of_a_fuzzy_rule_moves_with_the_origin_and_the_outcomes_own_does_not(units):
    moved = units.assign(y=units["y"] + 5)
    by_default = [bandwidth(table, **SCORE, treatment="t").iloc[0] for table in (units, moved)]
    assert abs(by_default[1] / by_default[0] - 1) > 0.005
    own = [bandwidth(table, **SCORE).iloc[0] for table in (units, moved)]
    assert own[1] == pytest.approx(own[0], rel=1e-9)


# ---- honest intervals


def worst_bias(x, w, curvature):
    """Return the largest bias that a curve with bounded second derivative gives weights.

    A linear programme over second derivatives on a grid, on each side; the weights reproduce
    lines, so that value and slope at the cutoff do not matter.
    """
    total = 0
    for side in (x < 0, x >= 0):
        away, own = np.abs(x[side]), w[side]
        grid = np.linspace(0, away.max(), 2001)
        middle, step = (grid[1:] + grid[:-1]) / 2, grid[1]
        pull = own @ np.clip(away[:, np.newaxis] - middle, 0, None) * step
        total -= linprog(-np.abs(pull), bounds=[(-curvature, curvature)] * len(pull)).fun
    return total


@pytest.mark.parametrize("kernel", ["triangular", "uniform"])
def test_the_largest_bias_is_that_of_the_worst_curve(units, kernel):
    table = units.assign(x=units["x"].round(-1) / 5)
    found = honest(table, **SCORE, curvature=0.3, bandwidth=7, kernel=kernel)
    x = table["x"].to_numpy()
    near = np.abs(x) < 7
    model = sm.WLS(table["y"][near], lines(x, 1)[near], weights(x, 7, kernel)[near])
    row = model.fit().model.pinv_wexog[0] * np.sqrt(weights(x, 7, kernel)[near])
    assert found["largest_bias"] == pytest.approx(worst_bias(x[near], row, 0.3), rel=1e-3)
    exact = table.assign(y=np.where(x >= 0, 1, -1) * -0.15 * x**2 + 1e-9 * table["y"])
    bent = honest(exact, **SCORE, curvature=0.3, bandwidth=7, kernel=kernel)
    assert bent["estimate"] == pytest.approx(found["largest_bias"], rel=1e-5)


@pytest.mark.parametrize("shift", [0, 0.01, 0.5, 1, 3, 8])
@pytest.mark.parametrize("level", [0.3, 0.9, 0.95])
def test_the_interval_is_as_wide_as_a_shifted_normal_needs(units, shift, level):
    at_one = honest(units, **SCORE, curvature=1, bandwidth=20)
    curvature = shift * at_one["std_error"] / at_one["largest_bias"]
    found = honest(units, **SCORE, curvature=curvature, bandwidth=20, level=level)
    margin = (
        np.sqrt(stats.ncx2.ppf(level, 1, shift**2)) if shift else stats.norm.ppf((1 + level) / 2)
    )
    widths = np.array([-1, 1]) * margin * found["std_error"] + found["estimate"]
    np.testing.assert_allclose(found[INTERVAL], widths, rtol=1e-6)


def test_the_default_bandwidth_has_nearly_the_least_worst_error(units):
    curvature = 0.002
    chosen = honest(units, **SCORE, curvature=curvature)

    def risk(h):
        found = honest(units, **SCORE, curvature=curvature, bandwidth=h)
        return found["std_error"] ** 2 + found["largest_bias"] ** 2

    others = [risk(h) for h in np.geomspace(5, 80, 15)]
    assert risk(chosen["bandwidth"]) < 1.1 * min(others)
    assert max(others) > 1.5 * min(others)
    flat = honest(units, **SCORE, curvature=0)
    assert flat["bandwidth"] > units["x"].abs().max()


def test_with_six_scores_a_side_honest_intervals_cover_and_robust_ones_need_not_exist():
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(300):
        x = rng.integers(-6, 6, 400) + 0.5
        y = 2 * (x >= 0) - 0.05 * np.sign(x) * x**2 + rng.normal(size=400)
        found = honest(pd.DataFrame({"x": x, "y": y}), **SCORE, curvature=0.1, bandwidth=5)
        covered.append(found["ci_low"] <= 2 <= found["ci_high"])
    assert np.mean(covered) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 300)


# ---- what surrounds an estimate


def test_a_placebo_uses_its_own_side_only(units):
    found = placebo_cutoffs(units, **SCORE, cutoffs=[-15, 20], bandwidth=18)
    alone = sharp(units[units["x"] >= 0], outcome="y", running="x", cutoff=20, bandwidth=18)
    np.testing.assert_allclose(found.loc[20], alone, rtol=1e-12)
    broken = units.assign(y=np.where(units["x"] < 0, units["x"] ** 3, units["y"]))
    again = placebo_cutoffs(broken, **SCORE, cutoffs=[-15, 20], bandwidth=18)
    np.testing.assert_allclose(again.loc[20], found.loc[20], rtol=1e-12)
    assert abs(again.loc[-15, "estimate"]) > 10 * abs(found.loc[-15, "std_error"])
    turned = placebo_cutoffs(units, **SCORE, cutoffs=20, bandwidth=18, treated_side="below")
    assert turned.loc[20, "estimate"] == pytest.approx(-alone["estimate"])


def test_placebos_stand_at_the_medians_by_default(units):
    at = [units["x"][units["x"] < 0].median(), units["x"][units["x"] >= 0].median()]
    found = placebo_cutoffs(units.assign(x=units["x"] + 3), **{**SCORE, "cutoff": 3})
    np.testing.assert_allclose(found.index, np.add(at, 3), rtol=1e-12)
    assert found.index.name == "cutoff"


@pytest.mark.parametrize("other", [donut, placebo_cutoffs])
def test_options_reach_the_estimates_inside(units, other):
    inside = {"radii": 2} if other is donut else {"cutoffs": 5}
    options = {"kernel": "uniform", "order": 2, "covariates": "z", "cluster": "g", "level": 0.5}
    options |= {"bandwidth": 30, "treated_side": "below"}
    found = other(units, **SCORE, **inside, **options)
    kept = units[units["x"].abs() >= 2] if other is donut else units[units["x"] >= 0]
    cutoff = {"cutoff": 0 if other is donut else 5}
    alone = sharp(kept, **{**SCORE, **cutoff}, **options)
    np.testing.assert_allclose(found.iloc[0], alone, rtol=1e-12)


def test_a_donut_leaves_out_the_rows_nearer_than_its_radius_and_ties_stay(units):
    table = units.assign(x=units["x"].round(1))
    found = donut(table, **SCORE, radii=[0, 0.3, 2])
    np.testing.assert_allclose(found.loc[0], sharp(table, **SCORE), rtol=1e-12)
    for radius, rows in {0.3: table["x"].abs() > 0.25, 2: table["x"].abs() > 1.95}.items():
        np.testing.assert_allclose(found.loc[radius], sharp(table[rows], **SCORE), rtol=1e-12)
    shifted = donut(table.assign(x=table["x"] + 0.7), **{**SCORE, "cutoff": 0.7}, radii=[0.3])
    assert shifted.loc[0.3, "n"] == found.loc[0.3, "n"]
    assert found.index.name == "radius"


def moved(n, share, rng):
    """Return scores of which some, within two below the cutoff, are moved above it."""
    x = rng.normal(2, 6, n)
    chosen = (x < 0) & (x > -2) & (rng.random(n) < share)
    return pd.DataFrame({"x": np.where(chosen, -x, x)})


def test_moved_scores_are_found_and_others_are_not_beyond_the_level():
    rng = np.random.default_rng(11)
    tests = {
        share: [density_test(moved(2_000, share, rng), running="x", cutoff=0) for _ in range(100)]
        for share in (0, 0.5)
    }
    rejected = {s: np.mean([t["p_value"] < 0.05 for t in found]) for s, found in tests.items()}
    assert rejected[0] < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 100)
    assert rejected[0.5] > 0.8
    assert all(t["estimate"] > 0 for t in tests[0.5])
    one = tests[0][0]
    assert one["null"] == "The density of 'x' runs through 0 without a jump."
    assert one["distribution"] == "standard normal"
    assert one["p_value"] == pytest.approx(2 * stats.norm.sf(abs(one["statistic"])))
    assert one["estimate"] == pytest.approx(one["density_above"] - one["density_below"])
    assert one["n_above"] > 20


def test_densities_are_near_the_true_one():
    x = np.random.default_rng(12).normal(2, 6, 20_000)
    found = density_test(pd.DataFrame({"x": x}), running="x", cutoff=0)
    truth = stats.norm.pdf(0, 2, 6)
    for side in ("density_below", "density_above"):
        assert abs(found[side] - truth) < 4 * found["std_error"]
    assert abs(found["estimate"]) < 4 * found["std_error"]


# ---- coverage


def lee(n, rng):
    """Return Calonico, Cattaneo and Titiunik's (2014) first model; the effect is 0.04."""
    x = 2 * rng.beta(2, 4, n) - 1
    below = np.polyval([7.33, 21.54, 20.21, 7.18, 1.27, 0.48], x)
    above = np.polyval([3.56, -9.01, 7.99, -3.00, 0.84, 0.52], x)
    y = np.where(x < 0, below, above) + 0.1295 * rng.normal(size=n)
    return pd.DataFrame({"x": x, "y": y})


def test_the_robust_interval_covers_with_the_optimal_bandwidth():
    """The level is that of large samples; the benchmark has 0.905 (0.009) for 500 rows."""
    rng = np.random.default_rng(21)
    found = pd.DataFrame([sharp(lee(500, rng), **SCORE) for _ in range(100)])
    covered = (found["ci_low"] <= 0.04) & (found["ci_high"] >= 0.04)
    assert covered.mean() > 0.905 - 4 * np.sqrt(0.905 * 0.095 / 100)
    spread = found["bias_corrected"].std()
    assert found["robust_std_error"].mean() == pytest.approx(spread, rel=4 / np.sqrt(2 * 100))


# ---- storage, ties and refusals


@pytest.mark.parametrize("cutoff", [0.7, 0.3, 70, 0.007])
def test_a_score_that_is_the_cutoff_lies_above_however_it_is_stored(cutoff):
    rng = np.random.default_rng(3)
    x = np.tile(np.arange(-10, 10), 30) * cutoff / 7 + cutoff
    table = pd.DataFrame({"x": x, "y": rng.normal(size=600).round(3) + (np.arange(600) % 20 >= 10)})
    place = {"outcome": "y", "running": "x", "cutoff": cutoff, "bandwidth": cutoff}
    expected = sharp(table, **place)
    assert expected["estimate"] > 0.5
    single = sharp(table.astype({"x": np.float32}), **place)
    np.testing.assert_allclose(single, expected, rtol=1e-4)
    assert single["n_above"] == expected["n_above"] == 7 * 30
    away = honest(table.astype({"x": np.float32}), **place, curvature=1, kernel="uniform")
    assert away["n_above"] == 8 * 30


def test_units_of_the_score_and_the_outcome_do_not_matter(units):
    base = sharp(units, **SCORE, covariates="z")
    rescaled = units.assign(x=units["x"] * 1e-6, y=units["y"] * 1e6, z=units["z"] * 1e9 + 5)
    found = sharp(rescaled, **SCORE, covariates="z")
    np.testing.assert_allclose(found[ENTRIES[:4]] / 1e6, base[ENTRIES[:4]], rtol=1e-6)
    np.testing.assert_allclose(found[ENTRIES[4:]] * 1e6, base[ENTRIES[4:]], rtol=1e-6)


def test_a_category_enters_as_dummies(units):
    named = units.assign(ward=np.array(["east", "north", "west"])[units["g"] % 3])
    dummies = units.assign(n=(units["g"] % 3 == 1) * 1, w=(units["g"] % 3 == 2) * 1)
    found = sharp(named, **SCORE, covariates="ward")
    np.testing.assert_allclose(found, sharp(dummies, **SCORE, covariates=["n", "w"]), rtol=1e-9)


def test_a_weak_first_stage_is_said():
    table = scores().assign(t=lambda d: np.arange(len(d)) % 2)
    found = fuzzy(table, **SCORE, treatment="t", bandwidth=10, treated_side="below")
    ratio = found["first_stage"] / found["first_stage_error"]
    assert abs(ratio) < 3
    assert "column 't' jumps by" in found.attrs["warning"]


def discrete(values):
    x = np.repeat(values, 10)
    return pd.DataFrame({"x": x, "y": np.arange(len(x)) % 7 + x})


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (None, {"cutoff": 500}, "column 'x' runs from .* so no row lies above the cutoff of 500"),
        (None, {"cutoff": -500}, "no row lies below the cutoff of -500; check the cutoff"),
        (None, {"cutoff": "0"}, "cutoff must be a finite number, got '0'"),
        (None, {"cutoff": np.nan}, "cutoff must be a finite number"),
        (None, {"treated_side": "left"}, "treated_side must be one of 'above', 'below'"),
        (None, {"kernel": "tri"}, "kernel must be one of 'triangular', 'uniform'"),
        (None, {"order": 1.5}, "order must be a whole number"),
        (None, {"order": -1}, "order must be 0 or more"),
        (None, {"bandwidth": 0}, "bandwidth must be above 0, got 0"),
        (None, {"bandwidth": 5, "bias_bandwidth": -1}, "bias_bandwidth must be above 0"),
        (None, {"bias_bandwidth": 5}, "bias_bandwidth= needs bandwidth="),
        (None, {"level": 95}, "level must lie between 0 and 1"),
        (None, {"bandwidth": 0.01}, "'x' has 0 distinct value.s. below .* within 0.01 of it"),
        (None, {"covariates": "x"}, "column 'x' is given more than one role"),
        (None, {"covariates": ["z", "z"]}, "column 'z' is given more than one role"),
        (None, {"running": "score"}, "no column 'score' in data"),
        ({"x": "text"}, {}, "column 'x' holds object values such as 'text', not numbers"),
        ({"y": 3.0}, {}, "column 'y' is 3 in all 1500 rows"),
        ({"y": np.nan}, {}, "column 'y' has 1500 missing value"),
        ({"c": 1}, {"covariates": "c"}, "column 'c' is constant or a linear combination"),
        ({"c": lambda d: 2 * d["z"]}, {"covariates": ["z", "c"]}, "'c' is constant or a lin"),
        ({"c": lambda d: (d["x"] >= 0) * 1.0}, {"covariates": "c"}, "near the cutoff, column 'c'"),
        (
            {"c": lambda d: d["z"] + (d["x"].abs() > 30) * d["w"]},
            {"covariates": ["z", "c"], "bandwidth": 20},
            "near the cutoff, column 'c' is",
        ),
        ({"c": lambda d: d["x"] * 2}, {"covariates": "c"}, "near the cutoff, column 'c' is"),
        ({"y": lambda d: (d["x"] > 50) * d["z"]}, {"bandwidth": 9}, "'y' does not vary within 9"),
        ({"y": lambda d: (d["x"] > 55) * d["z"]}, {}, "column 'y' does not vary within"),
        ({"g": lambda d: d["x"] >= 0}, {"cluster": "g"}, "that lie below it are one cluster"),
        ({"g": lambda d: d["x"] >= 0}, {"cluster": "g", "bandwidth": 9}, "are one cluster"),
    ],
)
def test_what_cannot_be_estimated_is_refused(units, change, options, message):
    with pytest.raises(ValueError, match=message):
        sharp(units.assign(**(change or {})), **{**SCORE, **options})


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"t": lambda d: d["x"] < 0}, {}, "column 't' is 1 lower .* set treated_side='below'"),
        ({}, {"treated_side": "below"}, "lower on the side .* set treated_side='above'"),
        ({"t": 1}, {}, "column 't' is 1 in all 1500 rows"),
        ({"t": lambda d: d["x"] > 40}, {"bandwidth": 9}, "'t' does not jump at the cutoff"),
    ],
)
def test_a_treatment_that_does_not_follow_the_rule_is_refused(units, change, options, message):
    with pytest.raises(ValueError, match=message):
        fuzzy(units.assign(**change), **SCORE, treatment="t", **options)
    remedy = {"treated_side": "below"} if change and "below" in message else {}
    if remedy:
        assert fuzzy(units.assign(**change), **SCORE, treatment="t", **remedy)[
            "first_stage"
        ] == pytest.approx(1)


@pytest.mark.parametrize(
    "options", [{"treatment": "t"}, {"covariates": "z"}, {"cluster": "g"}, {"order": 2}]
)
def test_imbens_and_kalyanaramans_bandwidth_is_for_lines_in_the_score_alone(units, options):
    with pytest.raises(ValueError, match="leave out treatment, covariates, cluster and order"):
        bandwidth(units, **SCORE, method="ik", **options)
    with pytest.raises(ValueError, match="method must be one of 'cct', 'ik'"):
        bandwidth(units, **SCORE, method="IK")


def test_few_distinct_scores_are_refused_and_an_honest_interval_is_not():
    table = discrete([-2, -1, 0, 1])
    with pytest.raises(ValueError, match=r"has 2 distinct value.*larger bandwidth, or, where"):
        sharp(table, **SCORE)
    assert np.isfinite(honest(table, **SCORE, curvature=0.1)).all()
    message = r"has 1 distinct value.s. below the cutoff .* find rows with other scores, as one"
    for few in (discrete([-1, 0, 1]), discrete([-1, 0, 1]).iloc[9:]):
        with pytest.raises(ValueError, match=message):
            honest(few, **SCORE, curvature=0.1)
        with pytest.raises(ValueError, match=message):
            bandwidth(few, **SCORE, method="ik")
    assert np.isfinite(bandwidth(discrete([-3, -2, -1, 0, 1, 2]), **SCORE, method="ik")).all()
    with pytest.raises(
        ValueError, match=r"has 2 distinct value.s. below .* degree 3 needs 4.* no density to"
    ):
        density_test(table, running="x", cutoff=0, bandwidth=9)
    with pytest.raises(ValueError, match=r"has 1 distinct value.s. below .* degree 4 needs 5"):
        density_test(table, running="x", cutoff=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: honest(d, **SCORE, curvature=-1), "curvature must be 0 or more, got -1"),
        (lambda d: honest(d, **SCORE, curvature=1, bandwidth=0), "bandwidth must be above 0"),
        (lambda d: honest(d, **SCORE, curvature=1, level=1), "level must lie between 0 and 1"),
        (lambda d: honest(d.assign(y=(d["x"] > 50) * d["z"]), **SCORE, curvature=1, bandwidth=9),
         "column 'y' does not vary within 9"),
        (lambda d: placebo_cutoffs(d, **SCORE, cutoffs=[0]), "cutoffs has 0, the true cutoff"),
        (lambda d: placebo_cutoffs(d, **SCORE, cutoffs=[]), "cutoffs is empty"),
        (lambda d: placebo_cutoffs(d, **{**SCORE, "cutoff": 500}), "no row lies above"),
        (lambda d: placebo_cutoffs(d, **SCORE, cutoffs=[500]), "above the cutoff of 500"),
        (lambda d: donut(d, **SCORE, radii=-1), "radii must be 0 or more, got -1"),
        (lambda d: donut(d, **SCORE, radii=500), "radii has 500, and no row of column 'x' lies"),
        (lambda d: donut(d[d["x"] < 0], **SCORE, radii=0), "no row lies above the cutoff of 0"),
        (lambda d: fuzzy(d, **SCORE, treatment=None), "treatment is None; .* or, .* use sharp"),
        (lambda d: donut(discrete([-1, 0, 1]), **SCORE, radii=1), "has 1 distinct value"),
        (lambda d: donut(d, **SCORE, radii=50), "has 0 distinct value"),
        (lambda d: donut(d.to_dict(), **SCORE, radii=1), "data must be a pandas.DataFrame"),
        (lambda d: density_test(d, running="x", cutoff=500), "no row lies above the cutoff"),
        (lambda d: density_test(d, running="x", cutoff=0, bandwidth=0), "must be above 0"),
        (lambda d: density_test(d, running="x", cutoff=0, bandwidth=[1] * 3), "one bandwidth"),
    ],
)  # fmt: skip
def test_what_surrounds_an_estimate_refuses_what_it_cannot_do(units, call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(units)
