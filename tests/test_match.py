"""Matching with sampling weights and with clusters: R, hand work, brute force and coverage."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from confounded import COLUMNS, fits, hospital
from scipy.special import expit
from surveyed import survey

from casestudies.recipes.matching import match, match_weights, matched_pairs

TWO = {"outcome": "y", "treatment": "a", "adjust_for": ["x1", "x2"]}
SEEK = {name: TWO[name] for name in ("treatment", "adjust_for")}


def surveyed():
    """Return the survey with a second covariate, of five values."""
    noise = (np.arange(120) + 1) * (7_919 * 5 + 104_729) ** 2 % 1_000_003 % 1_000 / 1_000
    return survey().assign(z=np.floor(5 * noise))


# R 4.2.2, Matching 4.10-8: Match(Y=y, Tr=a, X=cbind(x, z), Z=cbind(x, z), weights=w, M=1,
# Weight=2, BiasAdjust=, estimand=, ties=TRUE, replace=TRUE)$est; its error takes them as counts.
FROM_R = {
    ("x", "ATT", False): 0.4419916649,
    ("x", "ATE", False): 0.5506621761,
    ("x z", "ATT", False): 0.7408420093,
    ("x z", "ATT", True): 0.6741217794,
    ("x z", "ATE", False): 0.6823770376,
    ("x z", "ATE", True): 0.6400245382,
}


@pytest.mark.parametrize(("case", "expected"), FROM_R.items())
def test_weighted_matching_is_that_of_the_r_package(case, expected):
    names, estimand, correct = case
    columns = {"outcome": "y", "treatment": "a", "adjust_for": names.split()}
    options = {"estimand": estimand, "bias_correction": correct}
    found = match(surveyed(), **columns, **options, weights="w")
    assert found["estimate"] == pytest.approx(expected, abs=1e-10)


def weighted_points(data, w):
    """Rotate two covariates so that distance is Mahalanobis distance in the population."""
    x = data[["x1", "x2"]].to_numpy()
    centre = w @ x / w.sum()
    covariance = ((x - centre).T * w) @ (x - centre) / (w.sum() - 1)
    return x @ np.linalg.inv(np.linalg.cholesky(covariance)).T


def by_hand(y, a, w, points, estimand, k, correct, near_k):
    """Match unit by unit with weights; return the effect, its error and the lines by arm."""
    n, distance = len(y), np.linalg.norm(points[:, None] - points[None], axis=2)
    arms = [np.flatnonzero(a == arm) for arm in (0, 1)]

    def nearest(i, pool, count):
        return pool[distance[i][pool] <= np.sort(distance[i][pool])[count - 1] + 1e-7]

    units = range(n) if estimand == "ATE" else arms[1]
    share = np.zeros((n, n))
    for i in units:
        found = nearest(i, arms[1 - a[i]], k)
        share[i, found] = w[found] / w[found].sum()
    use, use_squared = w @ share, w**2 @ share**2
    other, lines = share @ y, {}
    for arm in (0, 1) if estimand == "ATE" else (0,):
        rows = arms[arm][use[arms[arm]] > 0]
        fit = sm.WLS(y[rows], sm.add_constant(points[rows]), weights=use[rows]).fit()
        lines[arm] = fit.params
        seekers = arms[1 - arm]
        if correct:
            other[seekers] += (points - share @ points)[seekers] @ fit.params[1:]
    own = w * np.isin(np.arange(n), units)
    effects = (2 * a - 1) * (y - other)
    estimate = own @ effects / own.sum()
    squares = own**2 @ (effects - estimate) ** 2
    for i in range(n):
        noise = np.var(y[nearest(i, arms[a[i]], near_k + 1)], ddof=1)
        squares += (use[i] ** 2 + 2 * own[i] * use[i] - use_squared[i]) * noise
    return estimate, np.sqrt(squares) / own.sum(), lines, use


def sampled(n, rng, digits=8):
    """Draw the hospital's patients by chances that depend on treatment and covariates."""
    data = hospital(3 * n, rng=rng).round({"x1": digits, "x2": digits})
    chance = np.where(data["a"] == 1, expit(-1.5 * data["x1"]), expit(-data["x1"] - data["x2"]))
    chance = 0.15 + 0.7 * chance
    kept = np.random.default_rng(rng + 10**6).random(len(data)) < chance
    return data.assign(w=7 / chance)[kept].reset_index(drop=True)


@pytest.mark.parametrize("digits", [8, 0])
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
@pytest.mark.parametrize(("k", "near_k", "correct"), [(1, 2, True), (3, 1, False)])
def test_weighted_matching_equals_brute_force(digits, estimand, k, near_k, correct):
    data = sampled(80, rng=k, digits=digits)
    found = match(
        data,
        **TWO,
        estimand=estimand,
        neighbours=k,
        variance_neighbours=near_k,
        bias_correction=correct,
        weights="w",
    )
    y, a, w = (data[name].to_numpy() for name in ("y", "a", "w"))
    w = w / w.mean()
    expected = by_hand(y, a, w, weighted_points(data, w), estimand, k, correct, near_k)[:2]
    assert found[["estimate", "std_error"]].to_list() == pytest.approx(expected, rel=1e-8)


def test_whole_weights_give_the_estimate_of_repeated_rows():
    data = surveyed()
    columns = {"outcome": "y", "treatment": "a", "adjust_for": ["x", "z"]}
    repeated = data.loc[data.index.repeat(data["w"].astype(int))]
    for estimand in ("ATT", "ATE"):
        found = match(data, **columns, estimand=estimand, weights="w")
        expected = match(repeated, **columns, estimand=estimand)["estimate"]
        assert found["estimate"] == pytest.approx(expected, rel=1e-9)
        assert found["n"] == 120


@pytest.mark.parametrize("replace", [True, False])
def test_equal_weights_change_nothing(replace):
    data = hospital(150, rng=4).assign(w=3.7).query("a == 0 or x1 > 0.3")
    options = {**TWO, "replace": replace}
    plain, weighted = match(data, **options), match(data, **options, weights="w")
    assert weighted.to_list() == pytest.approx(plain.to_list(), rel=1e-9)
    seek = {**SEEK, "replace": replace}
    assert match_weights(data, **seek, weights="w").to_numpy() == pytest.approx(
        match_weights(data, **seek).to_numpy()
    )


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_weighted_pairs_and_weights_give_the_weighted_estimate(estimand):
    data = sampled(60, rng=5, digits=0)
    seek = {**SEEK, "estimand": estimand, "weights": "w", "neighbours": 2}
    expected = match(data, outcome="y", **seek, bias_correction=False)["estimate"]
    counted = match_weights(data, **seek)
    for arm in (0, 1):
        assert counted[data["a"] == arm].sum() == pytest.approx(
            (data["w"] / data["w"].mean())[(data["a"] == 1) | (estimand == "ATE")].sum()
        )
    means = [np.average(data["y"], weights=counted * (data["a"] == arm)) for arm in (0, 1)]
    assert means[1] - means[0] == pytest.approx(expected)
    pairs = matched_pairs(data, **seek)
    gaps = data["y"][pairs["treated"]].to_numpy() - data["y"][pairs["control"]].to_numpy()
    assert np.average(gaps, weights=pairs["weight"]) == pytest.approx(expected)
    own = pairs[pairs["matched"] == 1].groupby("treated")["weight"].sum()
    assert own.to_numpy() == pytest.approx((data["w"] / data["w"].mean())[own.index])


def test_pairs_by_weights_are_a_weighted_regression_clustered_by_pair():
    data = sampled(120, rng=6).query("a == 0 or x1 > 0.4").reset_index(drop=True)
    options = {**TWO, "replace": False, "weights": "w"}
    found = match(data, **options, bias_correction=False)
    pairs = matched_pairs(data, **SEEK, replace=False, weights="w")
    rows = np.r_[pairs["treated"], pairs["control"]]
    w = data["w"][pairs["treated"]].to_numpy()
    fit = sm.WLS(
        data["y"][rows].to_numpy(),
        sm.add_constant(data["a"][rows].to_numpy()),
        weights=np.r_[w, w],
    ).fit()
    pair = np.tile(np.arange(len(pairs)), 2)
    fit = fit.get_robustcov_results("cluster", groups=pair, use_correction=False)
    m = len(pairs)
    expected = [fit.params[1], fit.bse[1] * np.sqrt(m / (m - 1)), 2 * m]
    assert found[["estimate", "std_error", "n"]].to_list() == pytest.approx(expected)


def test_units_alike_share_a_partner_by_weight():
    # Two treated at x=0, of weights 3 and 1, and three others there, of weights 1, 1, 2 (mean 5.5);
    # one pair more at 4. In units of the mean weight.
    data = pd.DataFrame(
        {
            "x": [0, 0, 4, 0, 0, 0, 5],
            "a": [1, 1, 1, 0, 0, 0, 0],
            "y": [10, 14, 20, 4, 6, 6, 15],
            "w": [3, 1, 2, 1, 1, 2, 4],
        }
    )
    seek = {"treatment": "a", "adjust_for": "x", "replace": False, "weights": "w"}
    found = match(data, outcome="y", **seek, bias_correction=False)
    gaps, shares = [[10 - 4, 10 - 6], [14 - 4, 14 - 6]], np.array([1 / 4, 3 / 4])
    estimate = (3 * shares @ gaps[0] + shares @ gaps[1] + 2 * (20 - 15)) / 6
    assert found["estimate"] == pytest.approx(estimate)
    squares = 9 * shares @ (np.array(gaps[0]) - estimate) ** 2
    squares += shares @ (np.array(gaps[1]) - estimate) ** 2 + 4 * (5 - estimate) ** 2
    assert found["std_error"] == pytest.approx(np.sqrt(squares * 3 / 2) / 6)
    weights = match_weights(data, **seek) * 2
    assert weights.to_list() == pytest.approx([3, 1, 2, 1, 1, 2, 2])


# Coverage


def coverage(make, truth, runs, **options):
    """Return the mean error in its own errors, and the share of intervals that hold the truth."""
    found = pd.DataFrame([match(make(rng), **options) for rng in range(runs)])
    errors = found["estimate"] - truth
    held = (found["ci_low"] <= truth) & (truth <= found["ci_high"])
    return errors.mean() / (errors.std() / np.sqrt(runs)), held.mean()


def treated_mean():
    """Return the mean of x1 among the hospital's treated, by quadrature over x1, x2 and wards."""
    x, p = np.polynomial.hermite_e.hermegauss(60)
    x1, x2, p = x[:, None, None], x[None, :, None], (p[:, None] * p)[:, :, None]
    chance = expit(0.6 * x1 - 0.4 * x2 + np.array([0, 0.5, 0]))
    return (p * x1 * chance).sum() / (p * chance).sum()


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "pairs"])
def test_weights_recover_the_population_of_a_selected_sample(estimand):
    truth = 1 if estimand == "ATE" else 1 + 0.5 * treated_mean()
    options = {"replace": False, "on_no_match": "drop"} if estimand == "pairs" else {}
    options |= {**COLUMNS, "estimand": "ATE" if estimand == "ATE" else "ATT"}
    if estimand == "pairs":  # few treated, whose partners are near

        def make(rng):
            data = sampled(500, rng)
            return data[(data["a"] == 0) | (data.index % 3 == 0)]

    else:

        def make(rng):
            return sampled(250, rng)

    z, held = coverage(make, truth, 100, **options, weights="w")
    assert abs(z) < 4
    assert held > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 100)
    z, _ = coverage(make, truth, 100, **options)
    assert abs(z) > 4


def test_weights_do_not_mend_selection_by_what_is_not_matched_on():
    # Who has much z is sampled seldom and has a high outcome: 2 z on average 0 in the population.
    def make(rng):
        data = hospital(800, rng=rng)
        z = np.random.default_rng(rng + 10**5).normal(size=800)
        chance = np.where(data["a"] == 1, 0.9, expit(-2 * z))
        kept = np.random.default_rng(rng + 10**6).random(800) < chance
        return data.assign(z=z, y=data["y"] + 2 * z, w=1 / chance)[kept]

    options = {**COLUMNS, "weights": "w"}
    truth = 1 + 0.5 * treated_mean()
    assert coverage(make, truth, 30, **options)[0] > 10
    options["adjust_for"] = [*COLUMNS["adjust_for"], "z"]
    assert abs(coverage(make, truth, 30, **options)[0]) < 4


def clustered(rng, whole, clusters=60):
    """Draw clusters that share a shock; the treatment is given to whole ones, or to rows."""
    rng = np.random.default_rng(rng)
    c = np.repeat(np.arange(clusters), rng.integers(4, 13, clusters))
    z, shock = rng.normal(size=(2, clusters))[:, c]
    x1, x2, noise = rng.normal(size=(3, len(c)))
    x1 = z if whole else 0.6 * z + 0.8 * x1
    chance = expit(0.7 * z) if whole else expit(0.6 * x1 - 0.4 * x2)
    draw = rng.random(clusters)[c] if whole else rng.random(len(c))
    a = (draw < chance) * 1
    y = a + 2 * x1 + x2 + shock + noise
    return pd.DataFrame({"c": c, "x1": x1, "x2": x2, "a": a, "y": y})


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_intervals_by_cluster_hold_the_truth_with_sixty_clusters(whole, estimand):
    options = {**TWO, "estimand": estimand}
    z, held = coverage(lambda rng: clustered(rng, whole), 1, 100, **options, cluster="c")
    assert abs(z) < 4
    assert held > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 100)
    if whole:
        assert coverage(lambda rng: clustered(rng, whole), 1, 100, **options)[1] < 0.8


def test_pairs_by_cluster_hold_the_truth():
    def make(rng):
        data = clustered(rng, whole=True, clusters=90)
        return data[(data["a"] == 0) | (data["c"] % 3 == 0)]

    options = {**TWO, "replace": False, "on_no_match": "drop"}
    z, held = coverage(make, 1, 100, **options, cluster="c")
    assert abs(z) < 4
    assert held > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 100)
    assert coverage(make, 1, 100, **options)[1] < 0.8


# Clusters by hand


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
@pytest.mark.parametrize("weights", [None, "w"])
def test_the_error_by_cluster_is_that_of_what_each_unit_adds(estimand, weights):
    data = sampled(70, rng=8)
    data["c"] = np.arange(len(data)) % 12
    y, a, w, c = (data[name].to_numpy() for name in ("y", "a", "w", "c"))
    w = w / w.mean() if weights else np.ones(len(data))
    points = weighted_points(data, w)
    found = match(data, **TWO, estimand=estimand, weights=weights, cluster="c")

    def effect(y):
        return by_hand(y, a, w, points, estimand, 1, True, 1)

    estimate, _, lines, use = effect(y)
    assert found["estimate"] == pytest.approx(estimate)
    adds = np.array([effect(row)[0] for row in np.eye(len(y))])  # by its outcome, which is linear
    own = w * ((a == 1) | (estimand == "ATE"))
    own = own / own.sum()
    x = sm.add_constant(points)
    f0 = x @ lines[0]
    f1 = x @ lines[1] if 1 in lines else f0 + estimate
    scores = own * (f1 - f0 - estimate)
    for i in np.flatnonzero(adds):
        others = (a == a[i]) & (c != c[i])
        if a[i] in lines:
            rows = others & (use > 0)
            line = x[i] @ sm.WLS(y[rows], x[rows], weights=use[rows]).fit().params
        else:
            line = f0[i] + np.average((y - f0)[others], weights=own[others])
        scores[i] += adds[i] * (y[i] - line)
    sums = pd.Series(scores).groupby(c).sum()
    assert found["std_error"] == pytest.approx(np.sqrt(12 / 11 * (sums**2).sum()))
    assert (found["ci_high"] - estimate) / found["std_error"] == pytest.approx(2.200985, abs=1e-6)


@pytest.mark.parametrize("metric", ["mahalanobis", "propensity"])
def test_clusters_change_the_error_alone(metric):
    data = sampled(150, rng=9).query("a == 0 or x1 > 0.5")
    data["c"] = np.arange(len(data)) % 20
    for options in ({"replace": False}, {"exact": "ward", "neighbours": 2, "caliper": 0.5}):
        if metric == "propensity" and "exact" in options:
            continue
        options = {**TWO, **options, "metric": metric, "on_no_match": "drop"}
        plain, by_cluster = match(data, **options), match(data, **options, cluster="c")
        assert by_cluster["estimate"] == pytest.approx(plain["estimate"], rel=1e-9)
        assert by_cluster["n"] == plain["n"]
        assert by_cluster.attrs == plain.attrs
        assert 0.5 < by_cluster["std_error"] / plain["std_error"] < 2


def test_how_many_effects_are_averaged_is_counted_by_rows_not_weights():
    data = pd.DataFrame({"x": [0, 2, 0, 1, 2, 3], "a": [1, 1, 0, 0, 0, 0], "y": [3, 1, 0, 2, 1, 5]})
    seek = {"outcome": "y", "treatment": "a", "adjust_for": "x", "weights": "w"}
    assert fits(match(data.assign(w=[1, 1, 9, 9, 9, 9]), **seek))
    with pytest.raises(ValueError, match=r"^1 unit with a match cannot show"):
        match(data.drop(1).assign(w=[9, 1, 1, 1, 1]), **seek)


REMEDIES = [
    (
        {"weights": "w", "metric": "propensity"},
        "weights= cannot go with metric='propensity'.*; use metric='mahalanobis'",
        {"weights": "w", "metric": "mahalanobis"},
    ),
    (
        {"cluster": "c", "metric": "propensity"},
        "no standard error by clusters .*; use metric='mahalanobis', or replace=False",
        {"cluster": "c", "metric": "propensity", "replace": False, "on_no_match": "drop"},
    ),
    (
        {"cluster": "c", "bias_correction": False},
        "cluster= needs the line of the bias correction.*; use bias_correction=True",
        {"cluster": "c", "bias_correction": True},
    ),
    (
        {"cluster": "arm"},
        "'arm': without 0, one of 1 clusters with rows of an arm, nothing tells .* finer",
        {"cluster": "c"},
    ),
    (
        {"cluster": "three", "adjust_for": ["x1", "shared", "other"]},
        "'three': without .*, one of 3 clusters .*; take covariates that are the same",
        {"cluster": "three", "adjust_for": ["x1"]},
    ),
    (
        {"weights": "none"},
        r"'none' has a weight of 0; .* keep the rows above 0, data\[data\['none'\] > 0\]",
        {"weights": "w"},
    ),
    (
        {"weights": "w", "cluster": "w"},
        "'w' is given more than one role, weights and cluster",
        {"weights": "w", "cluster": "c"},
    ),
    (
        {"weights": "w", "exact": "w"},
        "'w' is given more than one role, weights and exact",
        {"weights": "w", "exact": "ward"},
    ),
]


@pytest.mark.parametrize(("options", "message", "repaired"), REMEDIES)
def test_what_is_not_known_is_refused_and_the_advice_works(options, message, repaired):
    data = sampled(120, rng=10)
    data["c"] = np.arange(len(data)) % 20
    data["arm"] = data["a"]
    data["three"] = np.arange(len(data)) % 3
    data["shared"], data["other"] = data["three"] % 2, data["three"] // 2
    data["none"] = data["w"] * (data.index > 0)
    with pytest.raises(ValueError, match=message):
        match(data, **TWO | options)
    assert fits(match(data, **TWO | repaired))
