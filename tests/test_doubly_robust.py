"""AIPW against stacked equations, fits by hand and the truth."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from confounded import COLUMNS, coarse, design, fits, hospital, m_estimator
from scipy.special import expit

from casestudies.recipes import _crossfit
from casestudies.recipes.doubly_robust import doubly_robust
from casestudies.recipes.weighting import weight


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
@pytest.mark.parametrize("model", ["linear", "logit"])
def test_doubly_robust_error_is_that_of_the_stacked_equations(estimand, model):
    data = hospital(400, rng=11, curve=1)
    if model == "logit":
        data["y"] = (data["y"] > 0) * 1
    x, a, y = design(data), data["a"].to_numpy(), data["y"].to_numpy()
    curve = expit if model == "logit" else (lambda index: index)
    fit = (
        (lambda rows: sm.Logit(y[rows], x[rows]).fit(disp=0, tol=1e-12))
        if (model == "logit")
        else (lambda rows: sm.OLS(y[rows], x[rows]).fit())
    )

    def equations(theta):
        beta, beta0, beta1 = theta[:-1].reshape(3, -1)
        e, m0, m1 = expit(x @ beta), curve(x @ beta0), curve(x @ beta1)
        term = m1 - m0 + a * (y - m1) / e - (1 - a) * (y - m0) / (1 - e) - theta[-1]
        if estimand == "ATT":
            term = (a - (1 - a) * e / (1 - e)) * (y - m0) - a * theta[-1]
        residuals = (a - e, (1 - a) * (y - m0), a * (y - m1))
        return np.column_stack([*(x * r[:, None] for r in residuals), term])

    found = doubly_robust(data, **COLUMNS, estimand=estimand, model=model, folds=1)
    fits = sm.Logit(a, x).fit(disp=0, tol=1e-12), fit(a == 0), fit(a == 1)
    theta = np.concatenate([*(f.params for f in fits), [found["estimate"]]])
    assert found["std_error"] == pytest.approx(m_estimator(equations, theta), rel=1e-5)
    assert found.name == "doubly_robust"


def test_cross_fitting_predicts_each_fold_from_the_others(monkeypatch):
    data = hospital(300, rng=12)
    fold = np.random.default_rng(0).integers(0, 3, 300)
    monkeypatch.setattr(_crossfit, "_deal", lambda *_: fold)
    x, a, y = design(data), data["a"].to_numpy(), data["y"].to_numpy()
    terms = np.empty(300)
    for number in range(3):
        test, train = fold == number, fold != number
        e = sm.Logit(a[train], x[train]).fit(disp=0, tol=1e-12).predict(x[test])
        m0, m1 = (
            sm.OLS(y[train & (a == arm)], x[train & (a == arm)]).fit().predict(x[test])
            for arm in (0, 1)
        )
        residual = np.where(a[test] == 1, (y[test] - m1) / e, -(y[test] - m0) / (1 - e))
        terms[test] = m1 - m0 + residual
    found = doubly_robust(data, **COLUMNS, folds=3)
    assert found["estimate"] == pytest.approx(terms.mean())


def test_cross_fitted_error_is_close_to_that_without_folds_in_a_large_sample():
    data = hospital(5_000, rng=13, curve=1)
    for estimand in ("ATE", "ATT"):
        once = doubly_robust(data, **COLUMNS, estimand=estimand, folds=1)["std_error"]
        crossed = doubly_robust(data, **COLUMNS, estimand=estimand, folds=5)["std_error"]
        assert crossed == pytest.approx(once, rel=0.03)


def test_folds_are_even_within_each_arm():
    treated = hospital(203, rng=14)["a"].to_numpy()
    for order in (np.arange(203), np.random.default_rng(1).permutation(203)):
        sizes = pd.crosstab(_crossfit._deal(order, treated, 4), treated)
        assert sizes.shape == (4, 2)
        assert (sizes.max() - sizes.min()).max() <= 1


def test_a_source_of_random_numbers_deals_the_rows():
    data = hospital(203, rng=14)
    found = doubly_robust(data, **COLUMNS, rng=1)
    for source in (np.int64(1), np.random.default_rng(1)):
        assert doubly_robust(data, **COLUMNS, rng=source).equals(found)
    legacy = [doubly_robust(data, **COLUMNS, rng=np.random.RandomState(1)) for _ in range(2)]
    assert legacy[0].equals(legacy[1])
    estimates = {part["estimate"] for part in (found, legacy[0], doubly_robust(data, **COLUMNS))}
    assert len(estimates) == 3


UNITS = {
    "kilograms as grams": {"x1": lambda d: d["x1"] * 1_000, "x2": lambda d: d["x2"] * 1_000},
    "another origin": {"x1": lambda d: d["x1"] + 273, "y": lambda d: d["y"] + 1e6},
    "tiny": {"x1": lambda d: d["x1"] * 1e-9, "y": lambda d: d["y"] * 1},
    "objects": {"x1": lambda d: d["x1"].astype(object), "x2": lambda d: d["x2"].astype(object)},
    "single precision": {"x1": lambda d: d["x1"].astype("float32")},
    "a category": {"ward": lambda d: pd.Categorical(d["ward"], ["c", "b", "z", "a"])},
}


@pytest.mark.parametrize("world", [hospital, coarse])
@pytest.mark.parametrize("units", UNITS)
def test_default_folds_depend_neither_on_units_nor_on_storage(world, units):
    data = world(203, rng=14).round({"x1": 3})
    data["x1"] = data["x1"].astype("float32").astype(float)  # numbers that both can hold
    expected = doubly_robust(data, **COLUMNS)
    found = doubly_robust(data.assign(**UNITS[units]), **COLUMNS)
    assert found.to_list() == pytest.approx(expected.to_list(), rel=1e-8)


@pytest.mark.parametrize("world", [hospital, coarse])
@pytest.mark.parametrize("model", ["linear", "logit"])
def test_default_folds_depend_neither_on_the_order_of_rows_nor_on_that_of_columns(world, model):
    data = world(600, rng=24)
    if model == "logit":
        data["y"] = (data["y"] > 0) * 1  # ties abound: equal rows change places freely
        data["x1"], data["x2"] = data["x1"].clip(-1, 1), data["x2"].clip(-1, 1)
    expected = doubly_robust(data, **COLUMNS, model=model)
    for rng in range(3):
        shuffled = data.sample(frac=1, random_state=rng)
        for names in (["x1", "x2", "ward"], ["ward", "x2", "x1"], ["x2", "x1", "ward"]):
            found = doubly_robust(shuffled, **COLUMNS | {"adjust_for": names}, model=model)
            assert found.to_list() == pytest.approx(expected.to_list(), rel=1e-8)


def test_default_folds_look_random():
    # Means of a covariate by fold are as far apart as chance has them: chi-squared(4) / 4.
    spread = []
    for rng in range(100):
        data = hospital(500, rng=rng)
        order = _crossfit._shuffled(data[["x1", "x2"]], data["a"].to_numpy(), data["y"].to_numpy())
        fold = _crossfit._deal(order, data["a"].to_numpy(), 5)
        spread.append(data.groupby(fold)["x1"].mean().var(ddof=1) * 100 / data["x1"].var())
    assert abs(np.mean(spread) - 1) < 4 * np.sqrt(2 / 4 / 100)


def test_equal_rows_are_dealt_by_outcome():
    data = pd.DataFrame({"x": np.repeat([0, 1], 20), "a": np.tile([0, 1], 20), "y": range(40)})
    order = _crossfit._shuffled(data[["x"]], data["a"].to_numpy(), data["y"].to_numpy())
    for _, cell in data.assign(fold=_crossfit._deal(order, data["a"].to_numpy(), 5)).groupby(
        ["x", "a"]
    ):
        dealt = cell.sort_values("y")["fold"].to_numpy()
        assert (np.diff(dealt) % 5 == 1).all()


def test_doubly_robust_needs_only_one_right_model():
    wrong_outcome = hospital(10_000, rng=16, curve=1)
    found = doubly_robust(wrong_outcome, **COLUMNS)
    assert abs(found["estimate"] - 1) < 4 * found["std_error"]
    wrong_score = hospital(10_000, rng=17, late=0.8)
    found = doubly_robust(wrong_score, **COLUMNS)
    assert abs(found["estimate"] - 1) < 4 * found["std_error"]
    assert abs(weight(wrong_score, **COLUMNS)["estimate"] - 1) > 4 * found["std_error"]
    both = doubly_robust(hospital(10_000, rng=18, curve=1, late=0.8), **COLUMNS)
    assert abs(both["estimate"] - 1) > 4 * both["std_error"]


def test_more_folds_than_rows_in_the_smaller_arm_are_refused():
    data = hospital(60, rng=6)
    smaller = data["a"].value_counts().min()
    for mirrored in (data, data.assign(a=1 - data["a"])):
        with pytest.raises(
            ValueError, match=f"folds is 31, but the smaller arm has {smaller} rows"
        ):
            doubly_robust(mirrored, **COLUMNS, folds=31)
        assert fits(doubly_robust(mirrored, **COLUMNS, folds=10))


def test_an_arm_that_shows_no_noise_around_its_model_is_refused():
    data = pd.DataFrame({"x": [0, 1, 0, 1, 2, 1], "a": [1, 1, 0, 0, 0, 0], "y": [1, 5, 2, 4, 3, 9]})
    columns = {"outcome": "y", "treatment": "a", "adjust_for": "x"}
    message = r"2 row\(s\) where units are treated cannot carry 2 coefficient\(s\).*show the noise"
    with pytest.raises(ValueError, match=message):
        doubly_robust(data, **columns, folds=1)
    more = pd.concat([data, pd.DataFrame({"x": [0, 2], "a": [1, 1], "y": [2, 6]})])
    assert fits(doubly_robust(more, **columns, folds=1))


def rare(data):
    """Leave one treated unit in ward c."""
    treated = (data["ward"] == "c") & (data["a"] == 1)
    return data["ward"].mask(treated & (treated.cumsum() > 1), "b")


REMEDIES = [
    (
        lambda d: doubly_robust(d, **COLUMNS, folds=0),
        "folds must be 1 or more, got 0",
        lambda d: doubly_robust(d, **COLUMNS, folds=1),
    ),
    (
        lambda d: doubly_robust(d, **COLUMNS, folds=np.nan),
        "folds must be 1 or more, got nan",
        lambda d: doubly_robust(d, **COLUMNS, folds=2.0),
    ),
    (
        lambda d: doubly_robust(d, **COLUMNS, folds=2.5),
        "folds must be a whole number, got 2.5",
        lambda d: doubly_robust(d, **COLUMNS, folds=2),
    ),
    (
        lambda d: doubly_robust(d, **COLUMNS, rng="7"),
        "rng must be .* got '7'",
        lambda d: doubly_robust(d, **COLUMNS, rng=7),
    ),
    (
        lambda d: doubly_robust(d, **COLUMNS, rng=-1),
        "rng must be an int from 0 on",
        lambda d: doubly_robust(d, **COLUMNS, rng=0),
    ),
    (
        lambda d: doubly_robust(d, **COLUMNS, model="forest"),
        "got 'forest'",
        lambda d: doubly_robust(d, **COLUMNS, model="linear"),
    ),
    (
        lambda d: doubly_robust(d, **COLUMNS, model="logit"),
        "'y' must be 0 or 1 .* use model='linear'",
        lambda d: doubly_robust(d, **COLUMNS, model="linear"),
    ),
    (
        lambda d: doubly_robust(d, **COLUMNS, estimand="ATC"),
        "got 'ATC'",
        lambda d: doubly_robust(d, **COLUMNS, estimand="ATT"),
    ),
    (
        lambda d: doubly_robust(d.assign(y=4), **COLUMNS),
        "column 'y' is 4 in all 100 rows",
        lambda d: doubly_robust(d, **COLUMNS),
    ),
    (
        lambda d: doubly_robust(d.assign(x1=d["x1"] + 9 * d["a"]), **COLUMNS),
        "column 'x1', at .*, separates the arms, so .* restrict data to where both are found",
        lambda d: doubly_robust(
            d.assign(x1=d["x1"] + 9 * d["a"]), **COLUMNS | {"adjust_for": "x2"}
        ),
    ),
    (
        lambda d: doubly_robust(d.assign(y=(d["x1"] > 0) * 1), **COLUMNS, model="logit"),
        "fit fold 1 of 5: .* separates the outcomes 0 and 1 of an arm, so .* model='linear'",
        lambda d: doubly_robust(d.assign(y=(d["x1"] > 0) * 1), **COLUMNS),
    ),
    (
        lambda d: doubly_robust(
            d.assign(y=d["a"] * (d["x2"] > 0)), **COLUMNS, model="logit", folds=1
        ),
        "a constant, 0 in all 45 rows, separates the outcomes 0 and 1 of an arm, so .*'linear'",
        lambda d: doubly_robust(d.assign(y=d["a"] * (d["x2"] > 0)), **COLUMNS, folds=1),
    ),
    (
        lambda d: doubly_robust(d.assign(ward=rare(d)), **COLUMNS),
        "rows that fit fold . of 5: .* units are treated, column 'ward = c' .*, fewer folds leave",
        lambda d: doubly_robust(d.assign(ward=rare(d)), **COLUMNS, folds=1),
    ),
]


@pytest.mark.parametrize(("call", "message", "repaired"), REMEDIES)
def test_unfit_input_is_refused_and_the_advice_works(call, message, repaired):
    data = hospital(100, rng=23)
    with pytest.raises(ValueError, match=message):
        call(data)
    assert fits(repaired(data))
