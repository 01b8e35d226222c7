"""Residuals on residuals, against DoubleML, least squares, stacked equations and the truth."""

import copy

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from confounded import fits, m_estimator
from needs import package
from scipy.special import expit

from casestudies.recipes import _crossfit
from casestudies.recipes.double_machine_learning import (
    interactive_iv,
    partially_linear,
    partially_linear_iv,
)

linear = pytest.importorskip("sklearn.linear_model")
LinearRegression, LogisticRegression = linear.LinearRegression, linear.LogisticRegression
KNeighborsRegressor = pytest.importorskip("sklearn.neighbors").KNeighborsRegressor
tree = pytest.importorskip("sklearn.tree")
DecisionTreeClassifier, DecisionTreeRegressor = (
    tree.DecisionTreeClassifier,
    tree.DecisionTreeRegressor,
)
LINEAR = {"outcome": "y", "treatment": "d", "adjust_for": ["x1", "x2", "ward"]}
MOVED = {**LINEAR, "instrument": "z"}
OFFERED = {**MOVED, "treatment": "took"}
LOGIT = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1_000)


def world(n, rng):
    """Draw a dose and an offer, both confounded; a unit of the dose and taking it up add 2."""
    rng = np.random.default_rng(rng)
    x1, x2, hidden, noise, push = rng.normal(size=(5, n))
    ward = rng.choice(["a", "b", "c"], n)
    z = (rng.random(n) < expit(0.7 * x1 - 0.3 * x2)) * 1
    kind = hidden + 0.3 * rng.normal(size=n)
    took = np.where(kind > 1, 1, np.where(kind < -0.6, 0, z))
    d = x1 + z + hidden + push
    y = 2 * d + x1 + x2 - (ward == "b") + noise
    frame = {"x1": x1, "x2": x2, "ward": ward, "z": z, "d": d, "took": took, "y": y + 0.0 * hidden}
    return pd.DataFrame({**frame, "w": 1 + (x2 > 0), "site": np.arange(n) % 30})


def numbers(data):
    return pd.get_dummies(data, columns=["ward"], drop_first=True, dtype=float)


def design(data):
    return sm.add_constant(numbers(data)[["x1", "x2", "ward_b", "ward_c"]]).to_numpy(dtype=float)


def reference(model, data, splitting, *learners, **options):
    """Return a model of DoubleML, fitted on given splits."""
    doubleml = package("doubleml")
    covariates = ["x1", "x2", "ward_b", "ward_c"]
    roles = {"y_col": "y", "d_cols": options.pop("d_cols", "d"), "x_cols": covariates}
    if model != "DoubleMLPLR":
        roles["z_cols"] = "z"
    source = doubleml.DoubleMLData(numbers(data), **roles)
    found = getattr(doubleml, model)(
        source, *map(copy.deepcopy, learners), n_rep=len(splitting), **options
    )
    found.set_sample_splitting(splitting)
    found.fit()
    return found


@pytest.fixture
def splitting(monkeypatch):
    """Deal 300 rows at random, to us and to DoubleML."""
    fold = np.random.default_rng(0).integers(0, 3, 300)
    monkeypatch.setattr(_crossfit, "_deal", lambda *_: fold)
    return [[(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)]]


def same(found, other):
    estimates = found[["estimate", "std_error"]].to_list()
    assert estimates == pytest.approx([other.coef[0], other.se[0]], rel=1e-6)


@pytest.mark.parametrize("learner", [LinearRegression(), KNeighborsRegressor(7)])
def test_partially_linear_is_that_of_doubleml(splitting, learner):
    data = world(300, 1)
    models = {"outcome_model": learner, "treatment_model": learner}
    found = partially_linear(data, **LINEAR, **models, folds=3)
    same(found, reference("DoubleMLPLR", data, splitting, learner, learner))


@pytest.mark.parametrize("learner", [LinearRegression(), KNeighborsRegressor(7)])
def test_partially_linear_iv_is_that_of_doubleml(splitting, learner):
    data = world(300, 1)
    models = dict.fromkeys(["outcome_model", "treatment_model", "instrument_model"], learner)
    found = partially_linear_iv(data, **MOVED, **models, folds=3)
    same(found, reference("DoubleMLPLIV", data, splitting, *[learner] * 3))


def test_interactive_iv_is_that_of_doubleml(splitting):
    data = world(300, 1)
    leaves = DecisionTreeClassifier(min_samples_leaf=20, random_state=0)
    line = LinearRegression()
    models = {"outcome_model": line, "treatment_model": leaves, "instrument_model": LOGIT}
    found = interactive_iv(data, **OFFERED, **models, folds=3)
    other = reference(
        "DoubleMLIIVM", data, splitting, line, LOGIT, leaves, d_cols="took",
        subgroups={"always_takers": True, "never_takers": True},
    )  # fmt: skip
    same(found, other)


def test_least_squares_is_the_default(splitting):
    data = world(300, 1)
    line = LinearRegression()
    found = partially_linear(data, **LINEAR, folds=3)
    given = partially_linear(data, **LINEAR, folds=3, outcome_model=line, treatment_model=line)
    assert found.to_list() == pytest.approx(given.to_list(), rel=1e-9)


def test_on_all_rows_it_is_least_squares_with_robust_errors():
    data = world(300, 2)
    fit = sm.OLS(data["y"], np.column_stack([data["d"], design(data)])).fit(cov_type="HC0")
    found = partially_linear(data, **LINEAR, folds=1)
    assert found[["estimate", "std_error"]].to_list() == pytest.approx(
        [fit.params["x1"], fit.bse["x1"]]
    )
    clustered = partially_linear(data, **LINEAR, folds=1, cluster="site")
    sums = fit.get_robustcov_results("cluster", groups=data["site"], use_correction=False)
    assert clustered["std_error"] == pytest.approx(sums.bse[0] * np.sqrt(30 / 29))
    weighed = sm.WLS(data["y"], np.column_stack([data["d"], design(data)]), weights=data["w"])
    weighed = weighed.fit(cov_type="HC0")
    found = partially_linear(data, **LINEAR, folds=1, weights="w")
    expected = [weighed.params["x1"], weighed.bse["x1"]]
    assert found[["estimate", "std_error"]].to_list() == pytest.approx(expected)


def test_on_all_rows_the_instrumental_version_solves_its_stacked_equations():
    data = world(300, 2)
    x, w = design(data), data["w"].to_numpy()
    u, v, r = (sm.WLS(data[name], x, weights=w).fit().resid.to_numpy() for name in ("y", "d", "z"))
    found = partially_linear_iv(data, **MOVED, folds=1, weights="w")
    assert found["estimate"] == pytest.approx((w * r) @ u / ((w * r) @ v))
    error = m_estimator(lambda t: (w * r * (u - t[0] * v))[:, None], [found["estimate"]])
    assert found["std_error"] == pytest.approx(error, rel=1e-6)
    first = sm.WLS(v, r, weights=w).fit(cov_type="HC0")
    assert found["first_stage_f"] == pytest.approx(first.tvalues.item() ** 2)


def test_the_late_solves_its_stacked_equations():
    data = world(400, 3)
    x = design(data)
    y, took, z, w = (data[name].to_numpy(dtype=float) for name in ("y", "took", "z", "w"))

    def equations(theta):
        b, y0, y1, d0, d1 = theta[:-2].reshape(5, -1)
        share, late = theta[-2:]
        e, terms, parts = expit(x @ b), [], []
        for values, b0, b1 in ((y, y0, y1), (took, d0, d1)):
            m0, m1 = x @ b0, x @ b1
            terms.append(m1 - m0 + z * (values - m1) / e - (1 - z) * (values - m0) / (1 - e))
            parts += [(1 - z) * (values - m0), z * (values - m1)]
        stacked = [x * part[:, None] for part in (z - e, *parts)]
        ratio = terms[0] - late * terms[1]
        return w[:, None] * np.column_stack([*stacked, terms[1] - share, ratio])

    found = interactive_iv(data, **OFFERED, folds=1, weights="w")
    score = copy.deepcopy(LOGIT).fit(x[:, 1:], z, sample_weight=w)
    lines = [
        sm.WLS(values[z == arm], x[z == arm], weights=w[z == arm]).fit().params
        for values in (y, took)
        for arm in (0, 1)
    ]
    theta = [score.intercept_, score.coef_[0], *lines, found[["share_compliers", "estimate"]]]
    assert found["std_error"] == pytest.approx(m_estimator(equations, np.hstack(theta)), rel=1e-4)
    only = m_estimator(
        lambda t: equations(np.append(t, found["estimate"]))[:, :-1], np.hstack(theta)[:-1]
    )
    assert found["first_stage_f"] == pytest.approx((found["share_compliers"] / only) ** 2, rel=1e-4)


def varied(n, rng, deep=1.0):
    """Draw a confounder that bends and an effect that it changes: x > 0 gains 3, others 0."""
    rng = np.random.default_rng(rng)
    x, noise = rng.normal(size=(2, n))
    high = x > 0
    e = np.where(high, 0.9, 0.5)
    d = (rng.random(n) < e) * 1
    y = 3 * high * d + deep * np.abs(x) + noise
    return pd.DataFrame({"x": x, "d": d, "y": y})


VARIED = {"outcome": "y", "treatment": "d", "adjust_for": "x"}
TREES = {
    "outcome_model": DecisionTreeRegressor(min_samples_leaf=15, random_state=0),
    "treatment_model": DecisionTreeClassifier(min_samples_leaf=30),
}


def test_it_estimates_the_average_weighted_by_the_variance_of_the_treatment_not_the_ate():
    target = 3 * 0.09 / (0.09 + 0.25)  # the ATE is 1.5
    found = partially_linear(varied(20_000, 5), **VARIED, **TREES)
    assert abs(found["estimate"] - target) < 4 * found["std_error"]
    assert abs(found["estimate"] - 1.5) > 20 * found["std_error"]


def bent(n, rng):
    """Draw a bent confounder of treatment and outcome; the effect is 1."""
    rng = np.random.default_rng(rng)
    x, noise = rng.normal(size=(2, n))
    bend = 1.5 * (np.abs(x) > 1)
    d = bend + rng.normal(size=n)
    return pd.DataFrame({"x": x, "d": d, "y": d + 2 * bend + noise})


def test_trees_cover_where_lines_do_not_and_deep_trees_need_cross_fitting(monkeypatch):
    leaves = DecisionTreeRegressor(min_samples_leaf=20)
    worlds = [bent(500, rng) for rng in range(40)]

    def covers(**options):
        found = [partially_linear(data, **VARIED, **options, folds=3) for data in worlds]
        return np.mean([part["ci_low"] < 1 < part["ci_high"] for part in found])

    trees = {"outcome_model": leaves, "treatment_model": leaves}
    simulation = np.sqrt(0.95 * 0.05 / 40)
    assert abs(covers(**trees) - 0.95) < 4 * simulation
    assert covers() < 0.05
    mixed = {**trees, "outcome_model": DecisionTreeRegressor(max_leaf_nodes=100)}
    assert abs(covers(**mixed) - 0.95) < 4 * simulation
    monkeypatch.setattr(
        "casestudies.recipes.double_machine_learning._held_out",
        lambda fold: [(0, fold >= 0, fold >= 0)],
    )
    assert covers(**mixed) < 0.95 - 4 * simulation


def complied(n, rng):
    """Draw compliers whose share and gain rise with x: the LATE counts each of them once."""
    rng = np.random.default_rng(rng)
    x = rng.integers(0, 2, n)
    z = (rng.random(n) < np.where(x, 0.8, 0.5)) * 1
    complier = rng.random(n) < np.where(x, 0.8, 0.4)
    took = z * complier
    y = took * (1 + 2 * x) + x + complier + rng.normal(size=n)
    return pd.DataFrame({"x": x, "z": z, "took": took, "y": y})


COMPLIED = {"outcome": "y", "treatment": "took", "instrument": "z", "adjust_for": "x"}


def test_the_two_instrumental_versions_find_their_own_estimands():
    data = complied(20_000, 6)
    late = (0.8 * 3 + 0.4 * 1) / 1.2
    found = interactive_iv(data, **COMPLIED)
    assert abs(found["estimate"] - late) < 4 * found["std_error"]
    assert found["share_compliers"] == pytest.approx(0.6, abs=0.03)
    share = np.array([0.4 * 0.25, 0.8 * 0.16])  # Cov(Z, D | X)
    weighted = share @ [1, 3] / share.sum()
    other = partially_linear_iv(data, **COMPLIED)
    assert abs(other["estimate"] - weighted) < 4 * other["std_error"]
    assert abs(other["estimate"] - late) > 4 * other["std_error"]


def test_one_sided_compliance_needs_no_learning_where_nobody_takes_it():
    data = complied(500, 7)
    options = {"treatment_model": LOGIT, "instrument_model": LOGIT}
    found = interactive_iv(data, **COMPLIED, **options, outcome_model=LinearRegression())
    assert found["estimate"] == pytest.approx(
        interactive_iv(data, **COMPLIED)["estimate"], rel=1e-6
    )


CALLS = [(partially_linear, LINEAR), (partially_linear_iv, MOVED), (interactive_iv, OFFERED)]


def test_a_learner_may_have_a_length_before_it_is_fitted():
    class Sized(LinearRegression):
        def __len__(self):  # as forests have, of their trees
            raise AttributeError("not fitted")

    data = world(200, 8)
    learners = {"outcome_model": Sized(), "treatment_model": Sized()}
    found = interactive_iv(data, **OFFERED, **learners)
    known = interactive_iv(data, **OFFERED)
    assert found["estimate"] == pytest.approx(known["estimate"], rel=1e-9)


@pytest.mark.parametrize(("call", "columns"), CALLS)
def test_several_splits_give_their_median_and_count_their_spread(call, columns):
    data = world(200, 8)
    source = np.random.default_rng(3)
    each = pd.DataFrame([call(data, **columns, rng=source) for _ in range(3)])
    found = call(data, **columns, rng=3, splits=3)
    assert found["estimate"] == pytest.approx(each["estimate"].median())
    spread = each["std_error"] ** 2 + (each["estimate"] - found["estimate"]) ** 2
    assert found["std_error"] == pytest.approx(np.sqrt(spread.median()))
    for name in set(each) & {"first_stage_f", "share_compliers"}:
        assert found[name] == pytest.approx(each[name].median(), rel=1e-9)


@pytest.mark.parametrize(("call", "columns"), CALLS)
@pytest.mark.parametrize("options", [{}, {"cluster": "site"}, {"weights": "w", "splits": 2}])
def test_the_order_of_rows_does_not_matter(call, columns, options):
    data = world(200, 9).round({"x1": 0, "x2": 0, "y": 0, "d": 0})  # ties abound
    shuffled = data.sample(frac=1, random_state=4)
    found, expected = (call(each, **columns, **options) for each in (shuffled, data))
    assert found.to_list() == pytest.approx(expected.to_list(), rel=1e-8)


@pytest.mark.parametrize(("call", "columns"), CALLS)
def test_by_default_there_are_five_folds_once_and_intervals_of_95_percent(call, columns):
    data = world(200, 9)
    found = call(data, **columns)
    assert found.to_list() == call(data, **columns, folds=5, splits=1, level=0.95).to_list()


def test_an_instrument_that_moves_nobody_is_refused():
    data = pd.DataFrame({"x": [0, 1] * 8, "z": [0, 0, 1, 1] * 4})
    data["took"] = ([0] * 4 + [1] * 4) * 2
    data["y"] = np.arange(16.0)
    roles = {"outcome": "y", "treatment": "took", "instrument": "z", "adjust_for": "x"}
    with pytest.raises(ValueError, match=r"column 'z' raises 'took' by 0 on average"):
        interactive_iv(data, **roles, folds=1)


def test_the_least_probability_of_an_instruments_value_is_one_percent():
    class Says(LogisticRegression):
        def predict_proba(self, x):
            return np.where(np.arange(len(x)) == 0, self.C, 0.5)

    data = world(200, 9)
    assert fits(interactive_iv(data, **OFFERED, instrument_model=Says(C=0.0101)))
    with pytest.raises(ValueError, match=r"a probability below 0\.01, the least 0\.0099"):
        interactive_iv(data, **OFFERED, instrument_model=Says(C=0.0099))


def test_estimands_are_named():
    data = world(200, 9)
    names = [call(data, **columns).attrs["estimand"] for call, columns in CALLS]
    assert names == [
        "average effect weighted by Var(D | X)",
        "average of LATEs weighted by Cov(Z, D | X)",
        "LATE",
    ]


REMEDIES = [
    (
        lambda d: partially_linear(d.assign(d=2 * d["x1"]), **LINEAR),
        "no overlap: the covariates predict column 'd' exactly.* take what determines it out of",
        lambda d: partially_linear(d.assign(d=2 * d["x1"]), **LINEAR | {"adjust_for": "x2"}),
    ),
    (
        lambda d: partially_linear_iv(d.assign(z=d["x2"] + 1), **MOVED),
        "the covariates predict column 'z' exactly",
        lambda d: partially_linear_iv(d.assign(z=d["x2"] + 1), **MOVED | {"adjust_for": "x1"}),
    ),
    (
        lambda d: partially_linear_iv(d.assign(d=2 * d["x1"]), **MOVED),
        "the covariates predict column 'd' exactly",
        lambda d: partially_linear_iv(d.assign(d=2 * d["x1"]), **MOVED | {"adjust_for": "x2"}),
    ),
    (
        lambda d: partially_linear(d, **LINEAR | {"adjust_for": []}),
        "adjust_for names no column; name the covariates",
        lambda d: partially_linear(d, **LINEAR),
    ),
    (
        lambda d: partially_linear(d, **LINEAR, treatment_model=KNeighborsRegressor),
        "treatment_model must be an object with fit",
        lambda d: partially_linear(d, **LINEAR, treatment_model=KNeighborsRegressor()),
    ),
    (
        lambda d: partially_linear_iv(d, **MOVED, instrument_model=LOGIT, folds=1),
        "folds is 1, but instrument_model would predict",
        lambda d: partially_linear_iv(d, **MOVED, instrument_model=LOGIT, folds=2),
    ),
    *(
        (
            lambda d, wrong=wrong: partially_linear(d, **LINEAR | wrong),
            message,
            lambda d: partially_linear(d, **LINEAR),
        )
        for wrong, message in (
            ({"folds": 2.5}, "folds must be a whole number"),
            ({"adjust_for": ["x1", 2]}, "adjust_for must name a column, as a string, got 2"),
            (
                {"adjust_for": ["x1", "d"]},
                "'d' is given more than one role, treatment and adjust_f",
            ),
            ({"outcome_model": KNeighborsRegressor(100)}, "fold 1 of 5: outcome_model, a KNeigh"),
            ({"treatment_model": KNeighborsRegressor(100)}, "fold 1 of 5: treatment_model, a K"),
        )
    ),
    *(
        (
            lambda d, few={option: learner, "folds": 1}: interactive_iv(d, **OFFERED, **few),
            f"folds is 1, but {option} would predict",
            lambda d, more={option: learner, "folds": 2}: interactive_iv(d, **OFFERED, **more),
        )
        for option, learner in (
            ("outcome_model", LinearRegression()),
            ("treatment_model", LOGIT),
            ("instrument_model", LOGIT),
        )
    ),
    *(
        (
            lambda d, wrong=wrong: interactive_iv(d, **OFFERED | wrong),
            message,
            lambda d: interactive_iv(d, **OFFERED),
        )
        for wrong, message in (
            ({"folds": 2.5}, "folds must be a whole number"),
            ({"min_score": 0}, "min_score must lie between 0 and 0.5, got 0"),
            ({"min_score": 0.5}, "min_score must lie between 0 and 0.5, got 0.5"),
            ({"adjust_for": ["x1", "took"]}, "'took' is given more than one role, treatment and a"),
            ({"adjust_for": ["x1", "z"]}, "'z' is given more than one role, instrument and adjust"),
            ({"adjust_for": ["x1", 2]}, "adjust_for must name a column, as a string, got 2"),
            ({"treatment": "z"}, "'z' is given more than one role, treatment and instrument"),
            ({"outcome": "took"}, "'took' is given more than one role, outcome and treatment"),
        )
    ),
    (
        lambda d: interactive_iv(d, **OFFERED, outcome_model=KNeighborsRegressor(100)),
        r"fold 1 of 5: outcome_model, a KNeighborsRegressor, fails on",
        lambda d: interactive_iv(d, **OFFERED, outcome_model=KNeighborsRegressor(5)),
    ),
    (
        lambda d: interactive_iv(d, **OFFERED, treatment_model=KNeighborsRegressor(100)),
        r"fold 1 of 5: treatment_model, a KNeighborsRegressor, fails on",
        lambda d: interactive_iv(d, **OFFERED, treatment_model=KNeighborsRegressor(5)),
    ),
    (
        lambda d: interactive_iv(d, **OFFERED, instrument_model=DecisionTreeClassifier()),
        r"instrument_model gives \d+ row\(s\) a probability below 0.01",
        lambda d: interactive_iv(
            d, **OFFERED, instrument_model=DecisionTreeClassifier(min_samples_leaf=30)
        ),
    ),
    (
        lambda d: interactive_iv(d.assign(z=1 - d["z"]), **OFFERED),
        r"column 'z' raises 'took' by -0.\d+ on average.* code it the other way round, 1 - data",
        lambda d: interactive_iv(d, **OFFERED),
    ),
    (
        lambda d: interactive_iv(d, **OFFERED | {"treatment": "d"}),
        "column 'd' must be 0 or 1",
        lambda d: interactive_iv(d.assign(d=(d["d"] > 0) * 1), **OFFERED | {"treatment": "d"}),
    ),
    *(
        (
            lambda d, call=call, columns=columns: call(d.assign(d=0), **columns),
            "column 'd' is 0 in all 100 rows, so there is nothing to estimate",
            lambda d, call=call, columns=columns: call(d, **columns),
        )
        for call, columns in ((partially_linear, LINEAR), (partially_linear_iv, MOVED))
    ),
    *(
        (
            lambda d, call=call, columns=columns, mover=mover: call(
                d.assign(**{mover: (d["site"] == 3) * 1}), **columns, folds=1, cluster="site"
            ),
            f"column 'site' has 30 .*, and one alone makes up the rows with {mover} = 1",
            lambda d, call=call, columns=columns, mover=mover: call(
                d.assign(**{mover: (d["site"] < 9) * 1}), **columns, folds=1, cluster="site"
            ),
        )
        for call, columns, mover in (
            (partially_linear, LINEAR, "d"),
            (partially_linear_iv, MOVED, "z"),
        )
    ),
    (
        lambda d: interactive_iv(d.assign(site=1), **OFFERED, cluster="site"),
        "column 'site' is 1 in all rows, and one cluster cannot show.* name a finer column",
        lambda d: interactive_iv(d, **OFFERED, cluster="site"),
    ),
    (
        lambda d: partially_linear(d, **LINEAR, folds=101),
        "folds is 101, but data has 100 rows; ask for fewer",
        lambda d: partially_linear(d, **LINEAR, folds=20),
    ),
    (
        lambda d: partially_linear(d, **LINEAR, folds=31, cluster="site"),
        r"folds is 31, but column 'site' has 30 cluster\(s\)",
        lambda d: partially_linear(d, **LINEAR, folds=30, cluster="site"),
    ),
    (
        lambda d: partially_linear(d.assign(site=1), **LINEAR, folds=1, cluster="site"),
        "column 'site' is 1 in all rows, and one cluster cannot show.* name a finer column",
        lambda d: partially_linear(d, **LINEAR, folds=1, cluster="site"),
    ),
]


@pytest.mark.parametrize(("call", "message", "repaired"), REMEDIES)
def test_unfit_input_is_refused_and_the_advice_works(call, message, repaired):
    data = world(100, 10)
    with pytest.raises(ValueError, match=message):
        call(data)
    assert fits(repaired(data))
