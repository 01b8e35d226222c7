"""What weighting, matching and AIPW share: the logit, its separation, truth and refusals."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from confounded import COLUMNS, DESIGN, SEPARATED, WARDS, coarse, hospital, lonely
from scipy.optimize import linprog
from scipy.special import expit

from casestudies.recipes import _score
from casestudies.recipes._columns import _Matrix
from casestudies.recipes.doubly_robust import doubly_robust
from casestudies.recipes.matching import match, match_weights
from casestudies.recipes.propensity import balance, overlap, scores, trim
from casestudies.recipes.weighting import inverse_weights, weight

ESTIMATORS = {
    "match": lambda d, e: match(d, **COLUMNS, estimand=e, neighbours=2),
    "match on score": lambda d, e: match(d, **COLUMNS, estimand=e, metric="propensity"),
    "weight": lambda d, e: weight(d, **COLUMNS, estimand=e, variance="stacked"),
    "doubly robust": lambda d, e: doubly_robust(d, **COLUMNS, estimand=e),
}


@pytest.fixture(scope="module")
def att():
    """Average the effect 1 + x1/2 over the treated by a large sample; its error is below 0.002."""
    data = hospital(200_000, rng=99)
    return 1 + 0.5 * data["x1"][data["a"] == 1].mean()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_recover_ate_and_att_where_the_raw_difference_does_not(name, att):
    data = hospital(4_000, rng=15)
    raw = data["y"][data["a"] == 1].mean() - data["y"][data["a"] == 0].mean()
    for estimand, truth in (("ATE", 1), ("ATT", att)):
        found = ESTIMATORS[name](data, estimand)
        assert abs(found["estimate"] - truth) < 4 * found["std_error"]
        assert abs(raw - truth) > 7 * found["std_error"]
        assert found.attrs["estimand"] == estimand


def test_weighting_and_matching_bring_balance():
    data = hospital(2_000, rng=19)
    data["ipw"] = inverse_weights(data, **DESIGN)
    data["matched"] = match_weights(data, **DESIGN)
    for weights in ("ipw", "matched"):
        found = balance(data, **DESIGN, weights=weights)
        assert found["difference_before"].abs().max() > 0.4
        assert found["difference_after"].abs().max() < 0.1
    assert found.index.to_list() == ["x1", "x2", "ward = b", "ward = c"]


def test_trimming_names_the_new_population_and_the_estimators_repeat_it():
    data = hospital(500, rng=20)
    data.index = data.index + 7
    score = scores(data, **DESIGN)
    kept = trim(data, **DESIGN, low=0.3, high=0.6)
    assert kept.index.equals(data.index[(score >= 0.3) & (score <= 0.6)])
    gone = data.drop(kept.index)["a"]
    assert kept.attrs["dropped"] == {"treated": gone.sum(), "control": (1 - gone).sum()}
    assert gone.sum() > 0
    assert "population" not in data.attrs
    for name, estimator in ESTIMATORS.items():
        found = estimator(kept, "ATT").attrs["estimand"]
        assert found == "ATT among rows with scores in [0.3, 0.6]", name
    twice = trim(kept, **DESIGN, low=0.1, high=0.58)
    first = "rows with scores in [0.3, 0.6]"
    assert twice.attrs["population"] == f"rows with scores in [0.1, 0.58] among {first}"


def separated(x, y):
    """Tell by linear programming whether a logit has no finite maximum (Konis 2007)."""
    sides = (2 * y - 1)[:, np.newaxis] * x
    room = {"A_ub": -sides, "b_ub": np.zeros(len(y)), "bounds": (-1, 1)}
    return linprog(-sides.sum(axis=0), **room).fun < -1e-7


def test_the_logit_finds_a_maximum_just_where_there_is_one():
    rng, found = np.random.default_rng(0), []
    while len(found) < 300:
        n, p = rng.integers(6, 60), rng.integers(1, 5)
        kinds = rng.normal(size=(n, p)), rng.integers(0, 3, (n, p)), rng.standard_cauchy((n, p))
        x = kinds[rng.integers(3)]
        y = (rng.random(n) < expit(x @ rng.normal(size=p) * rng.uniform(0, 3))) * 1.0
        design = _Matrix([f"x{j}" for j in range(p)], x.astype(float), np.zeros(p))
        if n < p + 2 or np.linalg.matrix_rank(np.c_[np.ones(n), x]) <= p or np.ptp(y) == 0:
            continue
        axes = _score._axes(design)
        regressors = np.c_[np.ones(n), axes.place(design)]
        coefficients, converged = _score._logit(regressors, y)
        assert converged != separated(regressors, y)
        if converged:
            gradient = regressors.T @ (y - expit(regressors @ coefficients))
            assert np.abs(gradient).max() < 1e-9 * n
        found.append(converged)
    assert 60 < sum(found) < 240


def test_axes_are_uncorrelated_and_rounding_on_them_is_bounded():
    rng = np.random.default_rng(5)
    x = (rng.normal(size=(200, 2)) @ [[1, 0.99], [0, 0.1]] + [1_000, 0]) * [1e6, 1e-6]
    single = x.astype(np.float32)
    design = _Matrix(["x", "z"], single.astype(float), np.full(2, np.finfo(np.float32).eps))
    axes = _score._axes(design)
    np.testing.assert_allclose(np.cov(axes.place(design).T), np.eye(2), atol=1e-9)
    np.testing.assert_allclose(axes.place(design).mean(axis=0), 0, atol=1e-7)
    moved = np.abs(axes.place(design._replace(columns=x)) - axes.place(design))
    assert (moved <= axes.blur(design) * (1 + 1e-6)).all()
    assert moved.max() > 0.1 * axes.blur(design).max()
    four = _Matrix(["x"], np.array([[4.0]]), np.array([np.finfo(np.float32).eps]))
    tripled = _score._Axes(np.zeros(1), np.array([[-3.0]]))
    assert tripled.blur(four).item() == 3 * np.spacing(np.float32(4)) / 2


def test_rounding_of_a_covariate_moves_a_score_by_its_slope():
    x = (4 + 4 * WARDS["old"]).to_numpy(dtype=float)[:, np.newaxis]
    design = _Matrix(["x"], x, np.array([np.finfo(np.float32).eps]))
    score, moved = _score._score(WARDS["a"].to_numpy(), design)
    assert score == pytest.approx([0.25] * 4 + [0.75] * 4)
    slope = 2 * np.log(3) / 4 * 0.25 * 0.75  # by x, which steps from 4 to 8
    assert moved == pytest.approx(slope * np.spacing(x.ravel().astype(np.float32)) / 2)


def test_weighted_axes_are_uncorrelated_among_as_many_rows_as_the_weights_count():
    rng = np.random.default_rng(6)
    w, x = rng.integers(1, 5, 50), rng.normal(size=(50, 2)) @ [[1, 0.9], [0, 0.3]] + [5, 0]
    design = _Matrix(["x", "z"], x, np.zeros(2))
    placed = _score._axes(design, w * 1.0).place(design)
    np.testing.assert_allclose(np.cov(placed.T, fweights=w), np.eye(2), atol=1e-12)
    np.testing.assert_allclose(w @ placed, 0, atol=1e-11)


def test_the_callers_frame_is_unchanged():
    data = hospital(100, rng=22).assign(ward=lambda d: d["ward"].astype("category"))
    before = data.copy(deep=True)
    for estimator in ESTIMATORS.values():
        estimator(data, "ATE")
    overlap(data, **DESIGN)
    balance(data, **DESIGN)
    trim(data, **DESIGN)
    pd.testing.assert_frame_equal(data, before)
    assert data.attrs == {}


EVERYTHING = [
    lambda d, **more: scores(d, **DESIGN, **more),
    lambda d, **more: overlap(d, **DESIGN, **more),
    lambda d, **more: inverse_weights(d, **DESIGN, **more),
    lambda d, **more: weight(d, **COLUMNS, **more),
    lambda d, **more: doubly_robust(d, **COLUMNS, **more),
    lambda d, **more: match(d, **COLUMNS, metric="propensity", **more),
    lambda d, **more: trim(d, **DESIGN, **more),
]


@pytest.mark.parametrize("call", EVERYTHING)
def test_separated_arms_are_refused_by_the_name_of_the_column(call):
    with pytest.raises(ValueError, match=r"no overlap: column 'x1', at .* separates the arms"):
        call(hospital(60, rng=1).assign(**SEPARATED))


@pytest.mark.parametrize("call", [*EVERYTHING, lambda d: match(d, **COLUMNS, estimand="ATE")])
def test_a_category_found_in_one_arm_only_is_refused(call):
    for arm, name in enumerate(("untreated", "treated")):
        data = lonely(hospital(100, rng=2), arm)
        count = (data["ward"] == "c").sum()
        with pytest.raises(
            ValueError, match=rf"'ward' is c in {count} row\(s\), all of them {name}"
        ):
            call(data)


def test_a_refusal_counts_the_values_found_in_one_arm_only_and_says_what_to_do():
    data = hospital(100, rng=2)
    some = (data["a"] == 1) & (data["x1"] > 0)
    both = data.assign(ward=np.where(some, np.where(data["x2"] > 0, "c", "b"), "a"))
    first = both["ward"][some].iloc[0]
    count = (both["ward"] == first).sum()
    alone = r"row\(s\), all of them treated"
    refusals = {
        f"'ward' is 1 in {some.sum()} {alone}; take it out of adjust_for": some * 1,
        rf"'ward' is {first} in {count} {alone}, and 1 more value\(s\) are .*; merge": both["ward"],
    }
    for message, ward in refusals.items():
        with pytest.raises(ValueError, match=message):
            scores(data.assign(ward=ward), **DESIGN)


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_a_treated_score_that_rounds_to_one_has_weight_one(estimand):
    rng = np.random.default_rng(41)
    x = rng.normal(size=400)
    data = pd.DataFrame({"x": x, "d": rng.binomial(1, expit(2 * x)), "y": x + rng.normal(size=400)})
    far = pd.DataFrame({"x": [60.0], "d": [1], "y": [60.0]})
    data = pd.concat([data, far], ignore_index=True)
    columns = {"treatment": "d", "adjust_for": ["x"]}
    assert overlap(data, **columns).loc[1, "max"] == 1.0
    assert np.isfinite(weight(data, outcome="y", **columns, estimand=estimand)["std_error"])
    weights, derivative = _score._inverse(np.array([1.0, 0.0]), np.array([1.0, 0.5]), estimand)
    assert weights.tolist() == [1, 2 if estimand == "ATE" else 1]
    assert derivative.tolist() == [-1 if estimand == "ATE" else 0, 4]


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_an_untreated_row_with_a_score_of_one_is_refused(estimand):
    with pytest.raises(ValueError, match=r"no overlap: 1 row\(s\) have the treatment"):
        _score._inverse(np.array([0.0, 1.0]), np.array([1.0, 0.5]), estimand)


def test_a_treated_row_with_a_score_of_almost_0_counts_once_for_the_att_only():
    treated, score = np.array([1.0, 0.0]), np.array([1e-12, 0.5])
    assert _score._inverse(treated, score, "ATT")[0].tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"no overlap: 1 row\(s\) have the treatment"):
        _score._inverse(treated, score, "ATE")


def test_separation_by_a_hair_in_few_rows_is_refused():
    for rng in range(40):
        data = coarse(10, rng=rng).assign(a=lambda d: (d["x1"] > 0) * 1)
        with pytest.raises(
            ValueError, match=r"no overlap|has one value|is 0 in all|is 1 in all|const"
        ):
            scores(data, treatment="a", adjust_for=["x1", "x2"])


@pytest.mark.parametrize("model", ["linear", "logit"])
def test_a_weighted_regression_of_shares_is_that_of_statsmodels(model):
    rng = np.random.default_rng(42)
    x, w, y = rng.normal(size=(60, 2)), rng.uniform(0.5, 3, 60), rng.uniform(0, 1, 60)
    new, gradient = rng.normal(size=(7, 2)), rng.normal(size=7)
    here, there = (_Matrix(["u", "v"], part, np.zeros(2)) for part in (x, new))

    def predict(y):
        fit = _score._regress_weighted(here, y, there, model, "shares", 5 * w)
        return fit.predicted

    family = sm.families.Binomial() if model == "logit" else sm.families.Gaussian()
    by_hand = sm.GLM(y, sm.add_constant(x), family=family, var_weights=w).fit(tol=1e-14)
    fit = _score._regress_weighted(here, y, there, model, "shares", 5 * w)
    assert fit.predicted == pytest.approx(by_hand.predict(sm.add_constant(new)))
    assert fit.residual == pytest.approx(y - by_hand.fittedvalues)
    tiny = _score._regress_weighted(here, y, there, model, "shares", w / 2.0**60)
    assert tiny.predicted == pytest.approx(fit.predicted)
    steps = 1e-5 * np.eye(60)
    slopes = [gradient @ (predict(y + step) - predict(y - step)) / 2e-5 for step in steps]
    assert fit.back(gradient) == pytest.approx(np.array(slopes), rel=1e-5, abs=1e-8)


def test_newton_s_steps_never_climb():
    """About its minimum at 2.25 the loss bends so little that a full step from 1.2 away climbs."""
    losses = []

    def loss(c):
        return np.sqrt(1 + (c.item() - 2.25) ** 2)

    def climb(c):
        losses.append(loss(c))
        return -(c - 2.25) / losses[-1], np.array([[losses[-1] ** -3]])

    found, converged = _score._newton(np.ones((1, 1)), loss, climb, 1)
    assert converged
    assert found.item() == pytest.approx(2.25)
    assert np.all(np.diff(losses) <= 0)


def test_shares_of_0_and_1_that_are_separated_are_refused():
    design = _Matrix(["u"], np.arange(8.0)[:, np.newaxis], np.zeros(1))
    with pytest.raises(ValueError, match="no overlap: column 'u', at 3, separates the shares"):
        _score._regress_weighted(design, (np.arange(8) > 3) * 1.0, design, "logit", "shares")
    with pytest.raises(ValueError, match="a constant, 0 in all 8 rows, separates the shares"):
        _score._regress_weighted(design, np.zeros(8), design, "logit", "shares")
    extreme = np.linspace(1, 2, 8) * 1e-300
    with pytest.raises(ValueError, match="no overlap: a combination of 'u'"):
        _score._regress_weighted(design, extreme, design, "logit", "shares")
