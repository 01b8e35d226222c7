"""Matching against published figures, hand work and brute force."""

import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.treatment.tests
from causaldata import nsw_mixtape
from confounded import (
    COLUMNS,
    DESIGN,
    WARD_COLUMNS,
    WARDS,
    coarse,
    design,
    fits,
    hospital,
    lonely,
    m_estimator,
)
from scipy import stats

from casestudies.recipes import matching
from casestudies.recipes.matching import match, match_weights, matched_pairs


@pytest.fixture(scope="module")
def births():
    """Read Cattaneo's birth weights, the example of Stata's manual, as statsmodels ships them."""
    folder = Path(statsmodels.treatment.tests.__file__).parent
    return pd.read_csv(folder / "results" / "cataneo2.csv")


def test_mahalanobis_matching_is_that_of_the_stata_manual(births):
    # teffects nnmatch (bweight mage prenatal1 mmarried fbaby) (mbsmoke): -240.3306 (28.43006)
    found = match(
        births,
        outcome="bweight",
        treatment="mbsmoke_",
        adjust_for=["mage", "prenatal1_", "mmarried_", "fbaby_"],
        estimand="ATE",
        bias_correction=False,
    )
    assert found["estimate"] == pytest.approx(-240.3306, abs=5e-5)
    assert found["std_error"] == pytest.approx(28.43006, abs=5e-6)
    assert found["n"] == 4642


def test_matching_on_the_estimated_score_is_that_of_the_stata_manual(births):
    # teffects psmatch (bweight) (mbsmoke mmarried c.mage##c.mage fbaby medu): -210.9683 (32.021),
    # where two neighbours for the variance include the unit itself.
    found = match(
        births,
        outcome="bweight",
        treatment="mbsmoke_",
        adjust_for=["mmarried_", "mage", "mage2", "fbaby_", "medu"],
        metric="propensity",
        estimand="ATE",
        bias_correction=False,
        variance_neighbours=1,
    )
    assert found["estimate"] == pytest.approx(-210.9683, abs=5e-5)
    assert found["std_error"] == pytest.approx(32.021, abs=5e-5)


def test_matching_lalonde_on_age_is_that_of_imbens():
    # Log of the authors' program for Stata (2004), re78 on age: 1785.191
    experiment = nsw_mixtape.load_pandas().data
    found = match(
        experiment,
        outcome="re78",
        treatment="treat",
        adjust_for="age",
        estimand="ATE",
        bias_correction=False,
    )
    assert found["estimate"] == pytest.approx(1785.191, abs=5e-3)


HAND = pd.DataFrame(
    {
        "x": [1, 3, 6, 0, 2, 2, 4, 7, 9],
        "a": [1, 1, 1, 0, 0, 0, 0, 0, 0],
        "y": [10, 12, 20, 4, 6, 8, 7, 15, 30],
    }
)
HAND_COLUMNS = {"outcome": "y", "treatment": "a", "adjust_for": "x"}


def test_hand_worked_att_of_nine_units_with_ties():
    # x=1 ties with 0, 2, 2 (mean 6), x=3 with 2, 2, 4 (mean 7), x=6 meets 7 (15): effects 4, 5, 5.
    # The shares of the untreated are 1/3, 2/3, 2/3, 1/3, 1, 0, so that K^2 - K' is 2/9 for the two
    # at x=2, whose outcomes 6 and 8 have variance 2, and 0 for the others.
    found = match(HAND, **HAND_COLUMNS, bias_correction=False, variance_neighbours=1)
    assert found["estimate"] == pytest.approx(14 / 3)
    assert found["std_error"] == pytest.approx(np.sqrt(6 / 9 + 2 * 2 * 2 / 9) / 3)
    shares = [1, 1, 1, 1 / 3, 2 / 3, 2 / 3, 1 / 3, 1, 0]
    weights = match_weights(HAND, treatment="a", adjust_for="x")
    assert weights.to_list() == pytest.approx(shares)
    assert weights.name == "weight"


def test_hand_worked_att_with_bias_correction():
    # Weighted by these shares, y rises by 91/58 per x among the untreated; matches lie 1/3, -1/3
    # and 1 to the right of the treated.
    found = match(HAND, **HAND_COLUMNS)
    assert found["estimate"] == pytest.approx(14 / 3 + 91 / 58 / 3)


def test_hand_worked_att_with_two_neighbours():
    # Three units tie for the two places of x=1 and x=3; x=6 meets 7 and 4 (mean 11): 4, 5, 9.
    found = match(HAND, **HAND_COLUMNS, neighbours=2, bias_correction=False)
    assert found["estimate"] == pytest.approx(6)


def test_hand_worked_ate_of_nine_units_with_ties():
    # Effects of the untreated: 6, 5, 3, 5, 5, -10. K^2 + 2K - K': treated 6.5, 6.5, 6, untreated
    # 2/3, 14/9, 14/9, 2/3, 2, 0; variances 2, 2, 32 and 4, 2, 2, 1, 112.5.
    found = match(
        HAND, **HAND_COLUMNS, estimand="ATE", bias_correction=False, variance_neighbours=1
    )
    squares = 286 - 28**2 / 9
    noise = 6.5 * 2 + 6.5 * 2 + 6 * 32 + 8 / 3 + 2 * 28 / 9 + 2 / 3 + 225
    assert found["estimate"] == pytest.approx(28 / 9)
    assert found["std_error"] == pytest.approx(np.sqrt(squares + noise) / 9)
    weights = match_weights(HAND, treatment="a", adjust_for="x", estimand="ATE")
    assert weights.to_list() == pytest.approx([3, 3, 3, 4 / 3, 5 / 3, 5 / 3, 4 / 3, 2, 1])


def brute_force(
    data, estimand, k, correct, near_k, points, x=None, score=None, group=None, caliper=np.inf
):
    """Match with a full distance matrix, unit by unit, as Abadie and Imbens write it."""
    y, a = data["y"].to_numpy(), data["a"].to_numpy()
    n, distance = len(y), np.linalg.norm(points[:, None] - points[None], axis=2)
    if group is not None:
        distance[group[:, None] != group[None]] = np.inf

    def nearest(from_points, i, pool, count):
        order = np.sort(from_points[i][pool])
        return pool[from_points[i][pool] <= order[count - 1] + 1e-7]

    arms = [np.flatnonzero(a == arm) for arm in (0, 1)]
    units = np.arange(n) if estimand == "ATE" else arms[1]
    last = {i: np.sort(distance[i][arms[1 - a[i]]])[k - 1] for i in units}
    units = [i for i in units if last[i] <= caliper and last[i] < np.inf]
    sets = {i: nearest(distance, i, arms[1 - a[i]], k) for i in units}
    use, use_squared = np.zeros(n), np.zeros(n)
    for found in sets.values():
        use[found] += 1 / len(found)
        use_squared[found] += 1 / len(found) ** 2
    effects = {}
    for i, found in sets.items():
        other = y[found].mean()
        if correct:
            rows = arms[1 - a[i]][use[arms[1 - a[i]]] > 0]
            line = sm.WLS(y[rows], sm.add_constant(points[rows]), weights=use[rows]).fit()
            other += (points[i] - points[found].mean(axis=0)) @ line.params[1:]
        effects[i] = (2 * a[i] - 1) * (y[i] - other)
    estimate = np.mean(list(effects.values()))
    squares = sum((effect - estimate) ** 2 for effect in effects.values())
    for i in range(n):
        noise = np.var(y[nearest(distance, i, arms[a[i]], near_k + 1)], ddof=1)
        squares += (use[i] ** 2 + 2 * use[i] * (i in sets) - use_squared[i]) * noise
    if score is not None:
        between = np.linalg.norm(whitened(x[:, 1:])[:, None] - whitened(x[:, 1:])[None], axis=2)
        inverse = np.linalg.inv((x.T * score * (1 - score)) @ x)
        c, shift = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        for i in range(n):
            near = [nearest(distance, i, arm, near_k + 1) for arm in arms]
            cov0, cov1 = [
                ((x[s] - x[s].mean(axis=0)) * (y[s] - y[s].mean())[:, None]).sum(axis=0)
                / (len(s) - 1)
                for s in near
            ]
            e = score[i]
            if estimand == "ATE":
                c += cov1 * (1 - e) + cov0 * e
                continue
            mean0, mean1 = [y[s].mean() for s in near]
            c += e * (1 - e) * (x[i] * (mean1 - mean0 - estimate) + cov1 + e / (1 - e) * cov0)
            mean0, mean1 = [y[nearest(between, i, arm, near_k + 1)].mean() for arm in arms]
            shift += e * (1 - e) * x[i] * (mean1 - mean0 - estimate)
        squares += shift @ inverse @ shift - c @ inverse @ c
    return estimate, np.sqrt(squares) / len(units)


def whitened(x):
    """Rotate covariates so that Euclidean distance is Mahalanobis distance."""
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(x.T)))
    return x @ vectors / np.sqrt(values)


@pytest.mark.parametrize("world", [hospital, coarse])
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
@pytest.mark.parametrize(("k", "near_k", "correct"), [(1, 2, True), (3, 1, False)])
def test_mahalanobis_matching_equals_brute_force(world, estimand, k, near_k, correct):
    data = world(150, rng=k)
    points = whitened(design(data)[:, 1:])
    found = match(
        data,
        **COLUMNS,
        estimand=estimand,
        neighbours=k,
        variance_neighbours=near_k,
        bias_correction=correct,
    )
    expected = brute_force(data, estimand, k, correct, near_k, points)
    assert found[["estimate", "std_error"]].to_list() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("world", [hospital, coarse])
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
@pytest.mark.parametrize(("k", "near_k", "correct"), [(1, 2, True), (3, 1, False)])
def test_matching_on_the_score_equals_brute_force(world, estimand, k, near_k, correct):
    data = world(150, rng=10 + k)
    x = design(data)
    score = sm.Logit(data["a"], x).fit(disp=0, tol=1e-12).predict()
    found = match(
        data,
        **COLUMNS,
        metric="propensity",
        estimand=estimand,
        neighbours=k,
        variance_neighbours=near_k,
        bias_correction=correct,
    )
    points = whitened(score[:, None])
    expected = brute_force(data, estimand, k, correct, near_k, points, x, score)
    assert found[["estimate", "std_error"]].to_list() == pytest.approx(expected, rel=1e-6)


def test_matching_within_cells_is_stratification():
    data = hospital(400, rng=5).assign(x1=lambda d: (d["x1"] > 0) * 1)
    cells = data.pivot_table(
        index=["x1", "ward"], columns="a", values="y", aggfunc=["mean", "size"]
    )
    gaps = cells["mean"][1] - cells["mean"][0]
    columns = {"outcome": "y", "treatment": "a", "adjust_for": ["x1", "ward"]}
    att = (gaps * cells["size"][1]).sum() / cells["size"][1].sum()
    ate = (gaps * cells["size"].sum(axis=1)).sum() / len(data)
    for metric in ("mahalanobis", "propensity"):
        assert match(data, **columns, metric=metric)["estimate"] == pytest.approx(att)
        assert match(data, **columns, metric=metric, estimand="ATE")["estimate"] == pytest.approx(
            ate
        )


def test_matching_keeps_its_answer_when_units_and_order_of_the_columns_change():
    data = coarse(300, rng=6)
    found = match(data, **COLUMNS, neighbours=2)
    moved = data.assign(x1=1e6 + 3.7e6 * data["x1"], x2=3e-7 * data["x2"])
    moved = moved.sample(frac=1, random_state=1)[["y", "ward", "a", "x2", "x1"]]
    again = match(moved, **COLUMNS | {"adjust_for": ["ward", "x2", "x1"]}, neighbours=2)
    assert again.to_list() == pytest.approx(found.to_list(), rel=1e-8)


@pytest.mark.parametrize("origin", [0, 1e6])
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_outcomes_that_the_covariates_fix_leave_nothing_to_estimate_an_error_from(estimand, origin):
    data = coarse(200, rng=7).assign(x1=lambda d: d["x1"].clip(-1, 1))
    options = {"treatment": "a", "adjust_for": "x1", "estimand": estimand}
    data["y"] = data["a"] + 0.1 * data["x1"] + origin
    with pytest.raises(ValueError, match="column 'y': rows that are compared are alike in it"):
        match(data, outcome="y", **options, variance_neighbours=1)
    data["y"] += np.random.default_rng(1).normal(scale=1e-5, size=200)
    found = match(data, outcome="y", **options, variance_neighbours=1)
    assert found["estimate"] == pytest.approx(1, abs=1e-5)
    assert 1e-7 < found["std_error"] < 1e-5


def test_match_weights_reproduce_the_matching_estimate():
    data = coarse(200, rng=8)
    for estimand, size in (("ATT", data["a"].sum()), ("ATE", len(data))):
        weights = match_weights(data, **DESIGN, estimand=estimand, neighbours=3)
        found = match(data, **COLUMNS, estimand=estimand, neighbours=3, bias_correction=False)
        contrast = (weights * data["y"] * (2 * data["a"] - 1)).sum() / size
        assert contrast == pytest.approx(found["estimate"])


def test_bias_correction_removes_what_matching_on_several_covariates_leaves():
    errors = {True: [], False: []}
    for rng in range(40):
        data = hospital(250, rng=rng)
        for correct, found in errors.items():
            estimate = match(data, **COLUMNS, estimand="ATE", bias_correction=correct)["estimate"]
            found.append(estimate - 1)
    error = np.std(errors[True]) / np.sqrt(40)
    assert abs(np.mean(errors[True])) < 4 * error
    assert np.mean(errors[False]) > 4 * error


def test_matching_the_treated_minds_only_categories_without_untreated():
    data = hospital(100, rng=2)
    assert np.isfinite(match(lonely(data, 0), **COLUMNS)["std_error"])
    with pytest.raises(ValueError, match=r"'ward' is c .* treated"):
        match(lonely(data, 1), **COLUMNS)


def test_a_caliper_counts_the_units_without_a_match_and_accepts_exact_ones():
    far = pd.concat([HAND, pd.DataFrame({"x": [30, 40], "a": [1, 1], "y": [1, 2]})])
    with pytest.raises(ValueError, match=r"2 of 5 units lack a match within the caliper of 0\.5"):
        match(far, **HAND_COLUMNS, caliper=0.5)
    assert match(WARDS, outcome="y", **WARD_COLUMNS, caliper=0)["estimate"] == -2
    reach = 1 / HAND["x"].std()
    assert match(HAND, **HAND_COLUMNS, caliper=reach).equals(match(HAND, **HAND_COLUMNS))
    with pytest.raises(ValueError, match="3 of 3 units lack"):
        match(HAND, **HAND_COLUMNS, caliper=0.999 * reach)


# Exact groups, calipers that drop, pairs


@pytest.mark.parametrize("world", [hospital, coarse])
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
@pytest.mark.parametrize(("k", "near_k", "correct"), [(1, 2, True), (2, 1, False)])
@pytest.mark.parametrize("caliper", [0.2, None])
def test_matching_within_groups_and_a_caliper_equals_brute_force(
    world, estimand, k, near_k, correct, caliper
):
    data = world(150, rng=30 + k)
    found = match(
        data,
        **COLUMNS | {"adjust_for": ["x1", "x2"]},
        exact="ward",
        estimand=estimand,
        neighbours=k,
        variance_neighbours=near_k,
        bias_correction=correct,
        caliper=caliper,
        on_no_match="drop",
    )
    points = whitened(data[["x1", "x2"]].to_numpy())
    limit = np.inf if caliper is None else caliper + 1e-7
    expected = brute_force(
        data,
        estimand,
        k,
        correct,
        near_k,
        points,
        group=data["ward"].to_numpy(),
        caliper=limit,
    )
    assert found[["estimate", "std_error"]].to_list() == pytest.approx(expected, rel=1e-9)
    among = estimand + " among those matched" * (caliper is not None)
    assert found.attrs["estimand"] == among
    lost = sum(found.attrs.get("dropped", {}).values())
    assert found["n"] == len(data) - lost
    assert (lost > 0) == (caliper is not None)


def test_dropping_by_a_caliper_is_matching_without_those_it_names():
    data = hospital(200, rng=31)
    options = {**COLUMNS, "bias_correction": False} | {"adjust_for": "x1"}
    found = match(data, **options, caliper=0.05, on_no_match="drop")
    seek = {"treatment": "a", "adjust_for": "x1", "caliper": 0.05, "on_no_match": "drop"}
    who = matched_pairs(data, **seek).attrs["dropped"]
    assert found.attrs["dropped"] == {"treated": len(who), "control": 0}
    assert len(who) > 5
    assert data.loc[who, "a"].eq(1).all()
    assert not matched_pairs(data, **seek)["treated"].isin(who).any()
    expected = match(data.drop(who), **options)
    assert found.to_list() == pytest.approx(expected.to_list(), rel=1e-12)
    assert (match_weights(data, **seek)[who] == 0).all()
    trimmed = data.assign()
    trimmed.attrs["population"] = "the young"
    named = match(trimmed, **options, caliper=0.05, on_no_match="drop").attrs["estimand"]
    assert named == "ATT among those matched among the young"


def test_matching_lalonde_within_groups_is_that_of_the_r_package():
    # R, Matching 4.10-8: Match(Y=re78, Tr=treat, X=cbind(age, black, nodegree),
    # exact=c(FALSE, TRUE, TRUE), Weight=2, ties=TRUE, replace=TRUE, Var.calc=1)
    experiment = nsw_mixtape.load_pandas().data
    found = match(
        experiment,
        outcome="re78",
        treatment="treat",
        adjust_for="age",
        exact=["black", "nodegree"],
        bias_correction=False,
        variance_neighbours=1,
    )
    expected = [1867.24100, 707.15920]  # of re78 as the file prints it, in single precision
    assert found[["estimate", "std_error"]].to_list() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
@pytest.mark.parametrize("exact", [(), "ward"])
def test_the_pairs_give_the_estimate_and_each_unit_counts_once(estimand, exact):
    data = coarse(120, rng=32).set_axis([f"p{i}" for i in range(120)])
    seek = {**DESIGN, "adjust_for": ["x1", "x2"], "estimand": estimand, "exact": exact}
    pairs = matched_pairs(data, **seek, neighbours=2)
    gaps = data["y"][pairs["treated"]].to_numpy() - data["y"][pairs["control"]].to_numpy()
    found = match(data, outcome="y", **seek, neighbours=2, bias_correction=False)
    assert np.average(gaps, weights=pairs["weight"]) == pytest.approx(found["estimate"])
    for arm, name in ((1, "treated"), (0, "control")):
        totals = pairs[pairs["matched"] == arm].groupby(name)["weight"].sum()
        assert totals.to_numpy() == pytest.approx(1)
        assert len(totals) == (data["a"] == arm).sum() * (arm == 1 or estimand == "ATE")
    points = pd.DataFrame(whitened(data[["x1", "x2"]].to_numpy()), index=data.index)
    steps = points.loc[pairs["treated"]].to_numpy() - points.loc[pairs["control"]].to_numpy()
    assert pairs["distance"].to_numpy() == pytest.approx(np.linalg.norm(steps, axis=1), abs=1e-9)
    if exact:
        wards = [data["ward"][pairs[name]].to_numpy() for name in ("treated", "control")]
        assert (wards[0] == wards[1]).all()
    assert pairs.attrs == {"estimand": estimand, "dropped": []}


def few(n, rng):
    """Return a hospital of few treated, who have partners to choose from."""
    data = hospital(5 * n, rng=rng)
    return pd.concat([data[data["a"] == 1][:n], data[data["a"] == 0][: 2 * n]])


PAIRED = {**COLUMNS, "adjust_for": ["x1", "x2"], "replace": False}


@pytest.mark.parametrize("rng", [0, 1, 3])
def test_pairs_are_the_best_of_all_assignments(rng):
    data = few(4, rng)
    points = whitened(data[["x1", "x2"]].to_numpy())
    squares = np.square(points[:4, None] - points[None, 4:]).sum(axis=2)
    best = min(
        itertools.permutations(range(8), 4), key=lambda chosen: squares[range(4), chosen].sum()
    )
    pairs = matched_pairs(data, **{**DESIGN, "adjust_for": ["x1", "x2"]}, replace=False)
    assert pairs["control"].to_list() == data.index[[4 + j for j in best]].to_list()
    assert pairs["weight"].to_list() == [1] * 4


@pytest.mark.parametrize("rng", [0, 1, 3])
def test_a_caliper_pairs_as_many_as_can_be_and_these_at_best(rng):
    data = few(4, rng)
    points = whitened(data[["x1", "x2"]].to_numpy())
    distance = np.linalg.norm(points[:4, None] - points[None, 4:], axis=2)
    caliper = np.sort(distance.min(axis=1))[2] + 1e-9

    def cost(chosen):
        reached = distance[range(4), chosen]
        reached = reached[reached <= caliper]
        return -len(reached), (reached**2).sum()

    best = min(itertools.permutations(range(8), 4), key=cost)
    seek = {**DESIGN, "adjust_for": ["x1", "x2"], "caliper": caliper, "on_no_match": "drop"}
    pairs = matched_pairs(data, **seek, replace=False)
    kept = [i for i in range(4) if distance[i, best[i]] <= caliper]
    assert 1 <= len(kept) <= 3
    assert pairs["treated"].to_list() == data.index[kept].to_list()
    assert pairs["control"].to_list() == data.index[[4 + best[i] for i in kept]].to_list()
    assert pairs.attrs["dropped"] == data.index[[i for i in range(4) if i not in kept]].to_list()


@pytest.mark.parametrize("metric", ["mahalanobis", "propensity"])
def test_the_error_of_pairs_is_that_of_paired_differences(metric):
    data = few(40, rng=5)
    found = match(data, **PAIRED, metric=metric, bias_correction=False, exact="ward")
    seek = {**DESIGN, "adjust_for": ["x1", "x2"], "exact": "ward", "metric": metric}
    pairs = matched_pairs(data, **seek, replace=False)
    test = stats.ttest_rel(data["y"][pairs["treated"]], data["y"][pairs["control"]])
    ends = test.confidence_interval(0.95)
    expected = [test.statistic, ends.low, ends.high, 80]
    assert found["estimate"] / found["std_error"] == pytest.approx(expected[0])
    assert found[["ci_low", "ci_high", "n"]].to_list() == pytest.approx(expected[1:])
    assert found.attrs == {"estimand": "ATT"}


def test_corrected_pairs_are_a_regression_of_the_pairs_clustered_by_pair():
    data = few(40, rng=6)
    found = match(data, **PAIRED)
    pairs = matched_pairs(data, **{**DESIGN, "adjust_for": ["x1", "x2"]}, replace=False)
    one, other = (
        data.loc[pairs[name], ["y", "x1", "x2"]].to_numpy() for name in ("treated", "control")
    )

    def equations(theta):
        residual = other[:, 0] - theta[0] - other[:, 1:] @ theta[1:3]
        gap = one[:, 0] - theta[0] - one[:, 1:] @ theta[1:3] - theta[3]
        return np.column_stack([residual, residual[:, np.newaxis] * other[:, 1:], gap])

    line = sm.OLS(other[:, 0], sm.add_constant(other[:, 1:])).fit().params
    att = (one[:, 0] - line[0] - one[:, 1:] @ line[1:]).mean()
    error = m_estimator(equations, [*line, att]) * np.sqrt(40 / 39)
    assert found["estimate"] == pytest.approx(att)
    assert found["std_error"] == pytest.approx(error, rel=1e-6)


def test_units_alike_share_their_partners():
    # Two treated at x=0, of whose likes there are three (mean 4), one at 5 beside 6: effects
    # 10 - 4, 12 - 4 and 20 - 15.
    data = pd.DataFrame(
        {"x": [0, 0, 5, 0, 0, 0, 6], "a": [1, 1, 1, 0, 0, 0, 0], "y": [10, 12, 20, 3, 4, 5, 15]}
    )
    seek = {"treatment": "a", "adjust_for": "x", "replace": False}
    found = match(data, outcome="y", **seek, bias_correction=False)
    assert found["estimate"] == pytest.approx((6 + 8 + 5) / 3)
    pairs = matched_pairs(data, **seek)
    assert pairs["weight"].to_list() == pytest.approx([1 / 3] * 6 + [1])
    assert match_weights(data, **seek).to_list() == pytest.approx([1, 1, 1, *[2 / 3] * 3, 1])
    ways = []
    for j, k in itertools.permutations([3, 4, 5], 2):
        gaps = np.array([10 - j, 12 - k, 20 - 15])
        ways.append(((gaps - 19 / 3) ** 2).sum())
    assert found["std_error"] == pytest.approx(np.sqrt(np.mean(ways) / 6))


def test_where_the_places_are_fewer_the_treated_who_are_alike_share_them():
    data = pd.DataFrame(
        {"x": [0, 0, 4, 8, 0, 4, 9], "a": [1, 1, 1, 1, 0, 0, 0], "y": [3, 5, 9, 7, 1, 8, 4]}
    )
    seek = {"treatment": "a", "adjust_for": "x", "replace": False, "on_no_match": "drop"}
    found = match(data, outcome="y", **seek, bias_correction=False)
    assert found["estimate"] == pytest.approx((4 - 1 + 9 - 8 + 7 - 4) / 3)
    assert found.attrs["dropped"] == {"treated": 1, "control": 0}
    assert found["n"] == 6
    assert match_weights(data, **seek).to_list() == [0.5, 0.5, 1, 1, 1, 1, 1]
    pairs = matched_pairs(data, **seek)
    assert pairs["weight"].to_list() == [0.5, 0.5, 1, 1]
    assert pairs.attrs == {"estimand": "ATT among those matched", "dropped": []}


@pytest.mark.parametrize("metric", ["mahalanobis", "propensity"])
def test_pairs_do_not_depend_on_rows_units_or_names(metric):
    data = coarse(300, rng=9).query("a == 0 or x1 > 0.5")
    options = {**PAIRED, "adjust_for": ["x1", "x2", "ward"], "metric": metric, "exact": "ward"}
    found = match(data, **options)
    moved = data.sample(frac=1, random_state=1).assign(x1=lambda d: d["x1"] * 3e6)
    again = match(moved, **options | {"adjust_for": ["ward", "x2", "x1"]})
    assert again.to_list() == pytest.approx(found.to_list(), rel=1e-7)


def test_as_many_pairs_as_can_be_come_before_near_ones():
    # Around a square: two of the treated stand beside a partner, and the third then reaches none.
    x1, x2 = [0, 0, 1, 0, 1, 1.1], [0, 1, 1, 1, 1, 0]
    data = pd.DataFrame({"x1": x1, "x2": x2, "a": [1, 1, 1, 0, 0, 0]})
    points = whitened(data[["x1", "x2"]].to_numpy())
    distance = np.linalg.norm(points[:3, None] - points[None, 3:], axis=2)
    caliper = distance.diagonal().max() + 1e-6
    assert distance[0, 2] > caliper
    seek = {"treatment": "a", "adjust_for": ["x1", "x2"], "caliper": caliper}
    pairs = matched_pairs(data, **seek, replace=False)
    assert pairs["control"].to_list() == [3, 4, 5]


def test_a_caliper_allows_for_single_precision():
    data = pd.DataFrame({"a": [1, 0, 0], "x": np.array([0.6, 0.5, 0.7], dtype=np.float32)})
    seek = {"treatment": "a", "adjust_for": "x", "caliper": 1.0}
    assert match_weights(data, **seek, neighbours=2).to_list() == [1, 0.5, 0.5]


def test_a_caliper_of_pairs_allows_for_the_rounding_of_whole_numbers():
    data = pd.DataFrame({"x": [0, 10, 3, 13, 21, 27], "a": [1, 1, 0, 0, 0, 0]})
    seek = {"treatment": "a", "adjust_for": "x", "replace": False}
    found = match_weights(data, **seek, caliper=3 / data["x"].std())
    assert found.to_list() == [1, 1, 1, 1, 0, 0]


def test_which_of_two_partners_equally_far_is_taken_does_not_hang_on_the_order_of_names():
    data = pd.DataFrame({"x1": [0, 4, 4, 1, 0, 4, 5, 9], "x2": [0, 4, 4, 0, 1, 4, 5, 9]})
    data = data.assign(a=[1, 1, 1, 0, 0, 0, 0, 0], y=[3, 4, 5, 0, 9, 2, 1, 1])
    options = {"outcome": "y", "treatment": "a", "replace": False, "bias_correction": False}
    found = [match(data, **options, adjust_for=names) for names in (["x1", "x2"], ["x2", "x1"])]
    assert found[0].to_list() == pytest.approx(found[1].to_list())
    seek = {"treatment": "a", "adjust_for": ["x2", "x1"], "replace": False}
    assert matched_pairs(data, **seek)["control"].iloc[0] in (3, 4)


def test_pairs_recover_the_effect_on_the_treated_and_their_interval_covers_it():
    covered, errors = 0, []
    for rng in range(120):
        data = few(60, rng=1_000 + rng)
        truth = 1 + 0.5 * data.loc[data["a"] == 1, "x1"].mean()
        found = match(data, **COLUMNS, replace=False)
        errors.append(found["estimate"] - truth)
        covered += found["ci_low"] <= truth <= found["ci_high"]
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(120)
    assert covered / 120 > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 120)


def test_too_many_pairs_are_refused(monkeypatch):
    monkeypatch.setattr(matching, "MOST_PAIRS", 3_000)
    data = few(40, rng=5)
    with pytest.raises(ValueError, match=r"40 treated and 80 others make 3e\+03 possible pairs"):
        match(data, **PAIRED)
    assert fits(match(data, **PAIRED, exact="ward"))
    assert fits(match(data, **PAIRED | {"replace": True}))


@pytest.mark.parametrize("metric", ["mahalanobis", "propensity"])
@pytest.mark.parametrize("rng", range(5))
def test_the_caliper_that_a_refusal_names_reaches_everybody_and_hardly_more(metric, rng):
    data, options = hospital(80, rng=rng), {**DESIGN, "metric": metric, "estimand": "ATE"}
    with pytest.raises(ValueError, match="of 80 units lack a match") as refusal:
        match_weights(data, **options, caliper=1e-5)
    enough = float(re.search(r"caliper=([\d.]+) reaches", str(refusal.value))[1])
    found = match_weights(data, **options, caliper=enough)
    assert found.equals(match_weights(data, **options))
    with pytest.raises(ValueError, match="1 of 80 units lack a match"):
        match_weights(data, **options, caliper=enough / 1.0021)


# Two units tie for the first treated one, at 0.1 either side: effects 10 - (0 + 8) / 2 = 6 and
# 1 - 1 = 0. In single precision 0.7 - 0.6 is less than 0.6 - 0.5.
TIE = pd.DataFrame(
    {
        "a": [1, 0, 0, 1, 0, 0, 0],
        "x": [0.6, 0.5, 0.7, 3, 3, 9, 9],
        "y": [10, 0, 8, 1, 1, 0, 2],
    }
)


@pytest.mark.parametrize("kind", ["float64", "float32", "Float32"])
def test_a_tie_is_a_tie_in_the_precision_of_the_data(kind):
    data = TIE.astype({"x": kind})
    found = match(data, **HAND_COLUMNS, bias_correction=False)
    assert found["estimate"] == pytest.approx(3)
    reach = 0.1 / TIE["x"].std()
    assert match(data, **HAND_COLUMNS, bias_correction=False, caliper=reach).equals(found)
    weights = match_weights(data, treatment="a", adjust_for="x")
    assert weights.to_list() == [1, 0.5, 0.5, 1, 1, 0, 0]
    moved = data.assign(x=(TIE["x"] + 1_000).astype(kind))  # the same tie, four digits shorter
    assert match(moved, **HAND_COLUMNS, bias_correction=False)["estimate"] == pytest.approx(3)


def test_distances_that_differ_by_more_than_rounding_are_no_tie():
    data = TIE.assign(x=TIE["x"].replace(0.7, 0.7 + 2e-6))
    for kind in ("float64", "float32"):
        found = match(data.astype({"x": kind}), **HAND_COLUMNS, bias_correction=False)
        assert found["estimate"] == pytest.approx(5)


def test_equal_scores_of_mirrored_units_are_a_tie_in_single_precision_too():
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(2, 30)).round(1)
    half = pd.DataFrame({"u": u, "v": v, "a": rng.integers(0, 2, 30), "y": rng.normal(size=30)})
    other = half.rename(columns={"u": "v", "v": "u"}).assign(y=half["y"] + 3)
    data = pd.concat([half, other], ignore_index=True)
    columns = {"outcome": "y", "treatment": "a", "adjust_for": ["u", "v"], "metric": "propensity"}
    found, single = match(data, **columns), match(data.astype({"u": "f4", "v": "f4"}), **columns)
    assert single.to_list() == pytest.approx(found.to_list(), rel=1e-6)


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_no_slope_is_taken_from_rounding(kind):
    # Among the untreated x2 is three times x1; in single precision it differs in the eighth digit.
    rng = np.random.default_rng(0)
    x1, treated = rng.normal(size=60).round(1), np.arange(60) < 20
    x2 = np.where(treated, rng.normal(size=60).round(1), (3 * x1).round(1))
    data = pd.DataFrame({"x1": x1, "x2": x2, "a": treated * 1, "y": x1 + rng.normal(size=60)})
    data = data.astype({"x1": kind, "x2": kind})
    options = {"outcome": "y", "treatment": "a", "adjust_for": ["x1", "x2"]}
    with pytest.raises(ValueError, match="matched rows: column 'x2' is constant or a linear"):
        match(data, **options)
    assert fits(match(data, **options, bias_correction=False))
    assert fits(match(data, **options | {"adjust_for": ["x1"]}))


def test_bias_correction_without_variation_among_the_matches_is_refused():
    data = pd.DataFrame({"x": [0, 0, 1, 5, 5, 5], "a": [1, 0, 1, 0, 0, 0], "y": range(6)})
    for metric in ("mahalanobis", "propensity"):
        with pytest.raises(
            ValueError, match=r"among the matched rows: .* or set bias_correction=False"
        ):
            match(data, **HAND_COLUMNS, metric=metric, variance_neighbours=1)
    assert fits(match(data, **HAND_COLUMNS, bias_correction=False))


def test_equal_scores_cannot_be_matched_on():
    data = pd.DataFrame({"x": [0, 0, 1, 1, 2, 2], "a": [0, 1, 0, 1, 0, 1], "y": range(6)})
    with pytest.raises(ValueError, match=r"score is the same in all rows.*metric='mahalanobis'"):
        match(data, **HAND_COLUMNS, metric="propensity")
    data["y"] = [0, 1, 2, 3, 4, 6]
    assert match(data, **HAND_COLUMNS)["estimate"] == pytest.approx(4 / 3)


DROPPED = {"replace": False, "on_no_match": "drop"}
LONE = {"outcome": "y", "treatment": "one", "adjust_for": "x1"}


REMEDIES = [
    (
        lambda d: match(d, **COLUMNS, neighbours=0),
        "neighbours must be 1 or more, got 0",
        lambda d: match(d, **COLUMNS, neighbours=1),
    ),
    (
        lambda d: match(d, **COLUMNS, neighbours=1.5),
        "neighbours must be a whole number, got 1.5",
        lambda d: match(d, **COLUMNS, neighbours=2.0),
    ),
    (
        lambda d: match(d, **COLUMNS, neighbours=90),
        r"neighbours is 90, but an arm has 45 row\(s\); ask for at most 45",
        lambda d: match(d, **COLUMNS, neighbours=45),
    ),
    (
        lambda d: match(d, **COLUMNS, estimand="ATE", neighbours=50),
        r"neighbours is 50, but an arm has 45 row\(s\); ask for at most 45",
        lambda d: match(d, **COLUMNS, estimand="ATE", neighbours=45),
    ),
    (
        lambda d: match(d, **COLUMNS, variance_neighbours=0),
        "variance_neighbours must be 1 or more, got 0",
        lambda d: match(d, **COLUMNS, variance_neighbours=1),
    ),
    (
        lambda d: match(d, **COLUMNS, variance_neighbours=45),
        r"variance_neighbours is 45, .* 45 row\(s\), and none is its own .* at most 44",
        lambda d: match(d, **COLUMNS, variance_neighbours=44),
    ),
    (
        lambda d: match(d, **COLUMNS, metric="propensity", variance_neighbours=45),
        r"variance_neighbours is 45, but an arm has 45 row\(s\), .* at most 44",
        lambda d: match(d, **COLUMNS, metric="propensity", variance_neighbours=44),
    ),
    (
        lambda d: match(d[(d["a"] == 1) | (d.index == 2)], **COLUMNS | {"adjust_for": "x1"}),
        r"variance_neighbours is 2, but an arm has 1 row\(s\), .*; find more rows for it",
        lambda d: match(d, **COLUMNS | {"adjust_for": "x1"}),
    ),
    (
        lambda d: match(d, **COLUMNS, metric="euclid"),
        "metric must be one of .* got 'euclid'",
        lambda d: match(d, **COLUMNS, metric="propensity"),
    ),
    (
        lambda d: match(d, **COLUMNS, estimand="LATE"),
        "estimand must be one of 'ATT', 'ATE'",
        lambda d: match(d, **COLUMNS, estimand="ATE"),
    ),
    (
        lambda d: match_weights(d, **DESIGN, estimand="att"),
        "got 'att'",
        lambda d: match_weights(d, **DESIGN, estimand="ATT"),
    ),
    (
        lambda d: match(d, **COLUMNS, bias_correction=np.nan),
        "bias_correction must be True or False, got nan",
        lambda d: match(d, **COLUMNS, bias_correction=np.True_),
    ),
    (
        lambda d: match(d, **COLUMNS, caliper=np.nan),
        "caliper must be 0 or more, got nan",
        lambda d: match(d, **COLUMNS, caliper=9),
    ),
    (
        lambda d: match_weights(d, **DESIGN, caliper=-1),
        "caliper must be 0 or more, got -1",
        lambda d: match_weights(d, **DESIGN, caliper=9),
    ),
    (
        lambda d: match(d, **COLUMNS, caliper=""),
        "caliper must be 0 or more, got ''",
        lambda d: match(d, **COLUMNS, caliper=None),
    ),
    (
        lambda d: match(d.assign(x2=2 * d["x1"]), **COLUMNS),
        "'x2' is constant or a linear .* drop it",
        lambda d: match(d.assign(x2=2 * d["x1"]), **COLUMNS | {"adjust_for": ["x1", "ward"]}),
    ),
    (
        lambda d: match(d.assign(x2=3), **COLUMNS),
        "'x2' has one value in all rows, 3; drop it",
        lambda d: match(d.assign(x2=3), **COLUMNS | {"adjust_for": ["x1", "ward"]}),
    ),
    (
        lambda d: match(d.assign(ward="a"), **COLUMNS),
        "'ward' has one value in all rows, a; drop it",
        lambda d: match(d.assign(ward="a"), **COLUMNS | {"adjust_for": ["x1", "x2"]}),
    ),
    (
        lambda d: match(d, **COLUMNS, level=1),
        "level must lie between 0 and 1, got 1",
        lambda d: match(d, **COLUMNS, level=0.9),
    ),
    (
        lambda d: match(d.assign(y=7), **COLUMNS),
        "column 'y' is 7 in all 100 rows",
        lambda d: match(d, **COLUMNS),
    ),
    (
        lambda d: match(d.assign(x1=d["a"] * 10 + d["x1"]), **COLUMNS),
        "no overlap: column 'x1' separates the arms between .* fewer or coarser covariates",
        lambda d: match(d, **COLUMNS | {"adjust_for": ["x2", "ward"]}),
    ),
    (
        lambda d: match(hospital(80, rng=1), **COLUMNS, metric="propensity", estimand="ATE"),
        "80 rows are too few for the variance .*; use metric='mahalanobis'",
        lambda d: match(hospital(80, rng=1), **COLUMNS, estimand="ATE"),
    ),
    (
        lambda d: match(d, **COLUMNS, replace=None),
        "replace must be True or False, got None",
        lambda d: match(d, **COLUMNS, replace=True),
    ),
    (
        lambda d: match(d, **COLUMNS, on_no_match="skip"),
        "on_no_match must be one of 'refuse', 'drop', got 'skip'",
        lambda d: match(d, **COLUMNS, on_no_match="drop"),
    ),
    (
        lambda d: match(d, **COLUMNS, exact="a"),
        "column 'a' is given more than one role, treatment and exact",
        lambda d: match(d, **COLUMNS, exact="ward"),
    ),
    (
        lambda d: match(d, **COLUMNS, exact="y"),
        "column 'y' is given more than one role, outcome and exact",
        lambda d: match(d, **COLUMNS, exact=["ward"]),
    ),
    (
        lambda d: match(d, **COLUMNS, replace=False, estimand="ATE"),
        "estimand='ATE' needs a match for everybody.*; use estimand='ATT', or replace=True",
        lambda d: match(d, **COLUMNS, replace=True, estimand="ATE"),
    ),
    (
        lambda d: match(d, **COLUMNS, replace=False, neighbours=2),
        "neighbours is 2, but without replacement units are paired; use neighbours=1, or replace=T",
        lambda d: match(d, **COLUMNS, replace=True, neighbours=2),
    ),
    (
        lambda d: match(d, **COLUMNS, replace=False),
        r"10 of 55 units lack a partner of their own; replace=True .* or on_no_match='drop' leaves",
        lambda d: match(d, **COLUMNS, replace=False, on_no_match="drop"),
    ),
    (
        lambda d: match(d, **COLUMNS, replace=False, caliper=0.1),
        r"of 55 units lack a partner of their own within the caliper of 0.1; .* on_no_match='drop'",
        lambda d: match(d, **COLUMNS, replace=False, caliper=0.1, on_no_match="drop"),
    ),
    (
        lambda d: match(d, **COLUMNS, replace=False, caliper=1e-6, on_no_match="drop"),
        r"55 of 55 units lack a partner of their own within the caliper of 1e-06; .* a wider cal",
        lambda d: match(d, **COLUMNS, replace=False, caliper=1, on_no_match="drop"),
    ),
    (
        lambda d: match(d.assign(x2=d["x2"].round(2)), **COLUMNS, exact="x2"),
        r"units lack a match: where x2 = .*, the other arm has fewer than 1 row\(s\); merge values",
        lambda d: match(d.assign(x2=d["x2"].round(2)), **COLUMNS, exact="ward"),
    ),
    (
        lambda d: match(alone(d), **COLUMNS, exact="one"),
        r"1 of 55 units lack a match: where one = 1, the other arm has fewer than 1 .*'drop' leave",
        lambda d: match(alone(d), **COLUMNS, exact="one", on_no_match="drop"),
    ),
    (
        lambda d: match(pair_apart(d), **COLUMNS, exact="apart"),
        r"exact leaves 1 place\(s\) at which a match has fewer than 2 other row\(s\) of its arm",
        lambda d: match(pair_apart(few(30, rng=1)), **COLUMNS, exact="apart", replace=False),
    ),
    (
        lambda d: match(d, **COLUMNS, exact="ward", metric="propensity"),
        r"no standard error is known .*; use metric='mahalanobis', or replace=False",
        lambda d: match(d, **COLUMNS, exact="ward", metric="mahalanobis"),
    ),
    (
        lambda d: match(d, **COLUMNS, on_no_match="drop", metric="propensity", caliper=0.1),
        r"no standard error is known .*; use metric='mahalanobis', or replace=False",
        lambda d: match(
            d,
            **COLUMNS,
            on_no_match="drop",
            metric="propensity",
            caliper=0.1,
            replace=False,
        ),
    ),
    (
        lambda d: match(d[:3], **COLUMNS | {"adjust_for": "x1"}, caliper=9, **DROPPED),
        r"1 pair\(s\) cannot show how much their differences vary; widen the caliper, or merge ex",
        lambda d: match(d, **COLUMNS | {"adjust_for": "x1"}, caliper=0.1, **DROPPED),
    ),
    (
        lambda d: match(alone(d), **LONE),
        "^1 unit with a match cannot show how much effects vary; find more rows of its arm",
        lambda d: match(d, **COLUMNS | {"adjust_for": "x1"}),
    ),
    (
        lambda d: match(d, **COLUMNS, caliper=0, on_no_match="drop"),
        r"55 of 55 units lack a match .* if you can defend matches so far away$",
        lambda d: match(d, **COLUMNS, caliper=9, on_no_match="drop"),
    ),
]


def alone(data):
    """Put one treated unit into a group of its own."""
    return data.assign(one=(data.index == data.index[data["a"] == 1][0]) * 1)


def pair_apart(data):
    """Put one treated and one untreated unit into a group of their own."""
    ends = [data.index[data["a"] == arm][0] for arm in (0, 1)]
    return data.assign(apart=data.index.isin(ends))


@pytest.mark.parametrize(("call", "message", "repaired"), REMEDIES)
def test_unfit_input_is_refused_and_the_advice_works(call, message, repaired):
    data = hospital(100, rng=23)
    with pytest.raises(ValueError, match=message):
        call(data)
    assert fits(repaired(data))
