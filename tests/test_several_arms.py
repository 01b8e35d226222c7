"""Treatments with several values: two arms as elsewhere, three by stacked equations, and truth."""

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from confounded import COLUMNS, design, fits, hospital, m_estimator
from needs import package
from scipy import stats
from scipy.optimize import linprog
from scipy.special import expit, softmax

from casestudies import archives
from casestudies.recipes import several_arms
from casestudies.recipes._columns import _Matrix
from casestudies.recipes._score import _axes
from casestudies.recipes.doubly_robust import doubly_robust
from casestudies.recipes.several_arms import arm_means, compare_arms
from casestudies.recipes.standardization import standardize
from casestudies.recipes.weighting import weight

METHODS = ["doubly_robust", "standardization", "weighting"]
ENTRIES = ["estimate", "std_error", "ci_low", "ci_high", "n"]
DRUGS = {"outcome": "y", "treatment": "drug", "adjust_for": ["x1", "x2", "ward"]}
ARMS = np.array(["low", "none", "high"])
MEANS = {"high": 2.0, "low": 1.0, "none": 0.0}


def clinic(n, rng, bent=0.0, sorted_by=0.0):
    """Draw a world of three doses, by need; E[Y(a)] is 0, 1 and 2, and more for the needy."""
    rng = np.random.default_rng(rng)
    x1, x2, noise = rng.normal(size=(3, n))
    ward = rng.choice(["a", "b", "c"], n)
    index = [0.3 * x2, 0.2 - 0.5 * x1 + sorted_by * x1**2, 0.6 * x1 + 0.4 * (ward == "b")]
    arm = (rng.random((n, 1)) > np.cumsum(softmax(np.stack(index, 1), axis=1), 1)).sum(1)
    drug = ARMS[arm]
    effect = np.select([drug == "low", drug == "high"], [1 + 0.3 * x1, 2 + x1], 0.0)
    y = effect + 2 * x1 - x2 + (ward == "b") - 1 / 3 + bent * (x1**2 - 1) + noise
    return pd.DataFrame({"x1": x1, "x2": x2, "ward": ward, "drug": drug, "y": y})


def positive(data):
    return data.assign(y=(data["y"] > 0.5) * 1)


@pytest.mark.parametrize("model", ["linear", "logit"])
@pytest.mark.parametrize(("estimand", "among"), [("ATE", None), ("ATT", 1)])
def test_with_two_arms_each_method_is_the_one_for_two_arms(estimand, among, model):
    data = hospital(300, rng=2)
    data = positive(data) if model == "logit" else data
    known = {
        "weighting": weight(data, **COLUMNS, estimand=estimand, variance="stacked"),
        "standardization": standardize(data, **COLUMNS, estimand=estimand, model=model),
        "doubly_robust": doubly_robust(data, **COLUMNS, estimand=estimand, model=model, folds=1),
    }
    for method, expected in known.items():
        found = compare_arms(data, **COLUMNS, method=method, among=among, model=model)
        assert found.index.to_list() == ["1 - 0"]
        np.testing.assert_allclose(found.iloc[0][ENTRIES], expected[ENTRIES], rtol=1e-9)
        bounds = found[["all_low", "all_high"]].to_numpy()
        np.testing.assert_array_equal(bounds, found[["ci_low", "ci_high"]])  # there is one only


@pytest.mark.parametrize(("estimand", "among"), [("ATE", None), ("ATT", 1)])
def test_with_two_arms_weights_and_clusters_are_those_for_two_arms(estimand, among):
    data = hospital(300, rng=2).assign(w=np.arange(300) % 3 + 1, site=np.arange(300) % 20)
    options = {"weights": "w", "cluster": "site"}
    known = {
        "weighting": weight(data, **COLUMNS, estimand=estimand, variance="stacked", **options),
        "standardization": standardize(data, **COLUMNS, estimand=estimand, **options),
    }
    for method, expected in known.items():
        found = compare_arms(data, **COLUMNS, method=method, among=among, **options)
        np.testing.assert_allclose(found.iloc[0][ENTRIES], expected[ENTRIES], rtol=1e-9)


def equations(data, method, among, model="linear"):
    """Return estimating functions of three arms' means and a solution, by statsmodels."""
    x, y = design(data), data["y"].to_numpy()
    code = pd.Categorical(data["drug"], ["high", "low", "none"]).codes
    own, width = np.eye(3)[code], x.shape[1]
    logit = sm.MNLogit(code, x).fit(disp=0, maxiter=200, method="newton", tol=1e-14)
    family = sm.families.Binomial() if model == "logit" else sm.families.Gaussian()
    link = expit if model == "logit" else (lambda index: index)
    lines = [sm.GLM(y[code == a], x[code == a], family=family).fit(tol=1e-14) for a in range(3)]
    people = np.ones(len(y)) if among is None else own[:, among]
    start = [logit.params.to_numpy() if hasattr(logit.params, "to_numpy") else logit.params]
    start = np.concatenate([start[0].T.ravel(), *(line.params for line in lines)])

    def parts(theta):
        index = x @ theta[: 2 * width].reshape(2, width).T
        chances = softmax(np.column_stack([np.zeros(len(x)), index]), axis=1)
        fitted = link(x @ theta[2 * width :][: 3 * width].reshape(3, width).T)
        top = 1.0 if among is None else chances[:, [among]]
        return chances, fitted, own * top / chances

    def moments(theta, means):
        _, fitted, weights = parts(theta)
        if method == "weighting":
            return weights * (y[:, None] - means)
        mend = weights * (y[:, None] - fitted) * (method == "doubly_robust")
        return people[:, None] * (fitted - means) + mend

    def estimating(theta):
        chances, fitted, _ = parts(theta)
        scores = [x * (own[:, [k]] - chances[:, [k]]) for k in (1, 2)]
        normal = [x * (own[:, [a]] * (y[:, None] - fitted[:, [a]])) for a in range(3)]
        return np.column_stack([*scores, *normal, moments(theta, theta[-3:])])

    _, fitted, weights = parts(start)
    if method == "weighting":
        means = (weights * y[:, None]).sum(0) / weights.sum(0)
    else:
        mend = weights * (y[:, None] - fitted) * (method == "doubly_robust")
        means = (people[:, None] * fitted + mend).sum(0) / people.sum()
    return estimating, np.concatenate([start, means])


@pytest.mark.parametrize("among", [None, "low"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", ["linear", "logit"])
def test_three_arms_are_those_of_their_stacked_equations(method, among, model):
    data = clinic(250, rng=3)
    data = positive(data) if model == "logit" else data
    estimating, theta = equations(data, method, None if among is None else 1, model)
    if among == "low" and method != "weighting":  # the mean of those who are there, as it is
        assert theta[-2] == pytest.approx(data["y"][data["drug"] == "low"].mean())
    means = arm_means(data, **DRUGS, method=method, among=among, model=model)
    assert means.index.to_list() == ["high", "low", "none"]
    np.testing.assert_allclose(means["estimate"], theta[-3:], rtol=1e-7)
    pairs = compare_arms(data, **DRUGS, method=method, among=among, model=model)
    assert pairs.index.to_list() == ["low - high", "none - high", "none - low"]
    for place, (a, b) in enumerate([(1, 0), (2, 0), (2, 1)]):
        assert pairs["estimate"].iloc[place] == pytest.approx(theta[-3:][a] - theta[-3:][b])
        expected = m_estimator(*differing(estimating, theta, a, b))
        assert pairs["std_error"].iloc[place] == pytest.approx(expected, rel=1e-5)
    for place in range(3):
        order = [*(i for i in range(3) if i != place), place]
        expected = m_estimator(*reordered(estimating, theta, order))
        assert means["std_error"].iloc[place] == pytest.approx(expected, rel=1e-5)


def differing(estimating, theta, a, b):
    """Write mean a as mean b plus a difference, which comes last."""
    base = len(theta) - 3
    rest = [i for i in range(3) if i != a]
    start = np.concatenate([theta[:base], theta[base:][rest], [theta[base + a] - theta[base + b]]])

    def changed(new):
        means = np.empty(3)
        means[rest] = new[base : base + 2]
        means[a] = means[b] + new[-1]
        return estimating(np.concatenate([new[:base], means]))

    return changed, start


def reordered(estimating, theta, order):
    base = len(theta) - 3
    start = np.concatenate([theta[:base], theta[base:][order]])

    def changed(new):
        means = np.empty(3)
        means[order] = new[base:]
        return estimating(np.concatenate([new[:base], means]))

    return changed, start


def test_the_covariance_of_three_arms_is_that_of_delicatessen():
    data = clinic(250, rng=4)
    estimating, theta = equations(data, "doubly_robust", None)
    solve = package("delicatessen").MEstimator
    solver = solve(lambda theta: estimating(np.asarray(theta)).T, init=theta)
    solver.estimate(solver="lm", deriv_method="approx", dx=1e-7)
    expected = solver.variance[-3:, -3:]
    found = arm_means(data, **DRUGS).attrs["covariance"]
    np.testing.assert_allclose(pd.DataFrame(found), expected, rtol=1e-4, atol=1e-8)


def test_without_covariates_it_compares_plain_means_with_robust_errors():
    data = clinic(200, rng=5)
    columns = DRUGS | {"adjust_for": []}
    dummies = pd.get_dummies(data["drug"], dtype=float)
    fit = sm.OLS(data["y"], dummies).fit(cov_type="HC0")
    for method in METHODS:
        means = arm_means(data, **columns, method=method)
        np.testing.assert_allclose(means["estimate"], fit.params, rtol=1e-9)
        np.testing.assert_allclose(means["std_error"], fit.bse, rtol=1e-9)
        pairs = compare_arms(data, **columns, method=method, reference="none", level=0.9)
        assert pairs.index.to_list() == ["high - none", "low - none"]
        for name, sign in (("high - none", [1, 0, -1]), ("low - none", [0, 1, -1])):
            tested = fit.t_test(sign)
            np.testing.assert_allclose(pairs.loc[name, "std_error"], tested.sd.item(), rtol=1e-9)
            np.testing.assert_allclose(
                pairs.loc[name, ["ci_low", "ci_high"]], tested.conf_int(0.1)[0], rtol=1e-9
            )


def test_the_arms_of_the_mailing_are_as_published():
    customers = archives.email_experiment()
    found = arm_means(customers, outcome="visit", treatment="email", adjust_for=[])
    assert found["estimate"].round(5).to_dict() == {
        "men": 0.18276,
        "none": 0.10617,
        "women": 0.15140,
    }


def bias(method, draw, samples=12, n=1_000):
    """Return the mean error of the means of three arms, and its standard error."""
    rng = np.random.default_rng(6)
    errors = [
        arm_means(draw(n, rng), **DRUGS, method=method)["estimate"] - pd.Series(MEANS)
        for _ in range(samples)
    ]
    return np.mean(errors, axis=0), np.std(errors, axis=0, ddof=1) / np.sqrt(samples)


@pytest.mark.parametrize(
    ("bent", "sorted_by", "right"),
    [
        (0, 0, METHODS),
        (0.5, 0, ["doubly_robust", "weighting"]),
        (0, 0.4, ["doubly_robust", "standardization"]),
        (0.5, 0.4, []),
    ],
)
def test_doubly_robust_needs_one_right_model_and_the_others_their_own(bent, sorted_by, right):
    for method in METHODS:
        found, error = bias(method, lambda n, r: clinic(n, r, bent, sorted_by))
        off = np.abs(found / error).max()
        assert (off < 4) == (method in right), (method, off)


def test_the_plain_means_are_wrong_where_doses_go_by_need():
    data = clinic(20_000, rng=7)
    plain = data.groupby("drug")["y"].mean() - pd.Series(MEANS)
    found = arm_means(data, **DRUGS)
    assert plain.abs().max() > 0.3
    assert (abs(found["estimate"] - pd.Series(MEANS)) < 4 * found["std_error"]).all()


def test_among_those_with_one_dose_it_is_their_effect():
    large = clinic(400_000, rng=8)
    need = large.loc[large["drug"] == "high", "x1"]
    exact, error = 2 + need.mean(), need.std() / np.sqrt(len(need))
    found = compare_arms(
        clinic(20_000, rng=9), **DRUGS, reference="none", among="high", method="weighting"
    ).loc["high - none"]
    assert exact > 2.2
    assert abs(found["estimate"] - exact) < 4 * np.hypot(found["std_error"], error)


def test_intervals_cover_one_difference_each_and_those_for_all_cover_all():
    rng, truth = np.random.default_rng(10), np.array([-1.0, -2.0, -1.0])
    single, every, samples = 0, 0, 120
    for _ in range(samples):
        found = compare_arms(clinic(400, rng), **DRUGS)
        single += ((found["ci_low"] < truth) & (truth < found["ci_high"])).mean()
        every += ((found["all_low"] < truth) & (truth < found["all_high"])).all()
    error = np.sqrt(0.95 * 0.05 / samples)
    assert abs(single / samples - 0.95) < 4 * error
    assert abs(every / samples - 0.95) < 4 * error


def test_weights_make_every_arm_look_like_everybody_and_count_what_they_leave():
    data = clinic(300, rng=11)
    found = arm_means(data.assign(y=data["x1"]), **DRUGS, method="weighting")
    plain = data.groupby("drug")["x1"].mean()
    off = (found["estimate"] - data["x1"].mean()).abs()
    assert off.max() < np.ptp(plain) / 5
    effective = found.attrs["effective_n"]
    counts = data["drug"].value_counts()
    assert list(effective) == ["high", "low", "none"]
    assert all(0.3 * counts[arm] < effective[arm] < counts[arm] for arm in counts.index)
    assert "effective_n" not in arm_means(data, **DRUGS, method="standardization").attrs


def test_the_effective_number_of_an_arm_is_kishs_of_both_weights_at_once():
    data = clinic(300, rng=22).assign(w=np.arange(300) % 4 + 1)
    rows = np.repeat(np.arange(300), data["w"])
    x, code = design(data), pd.Categorical(data["drug"], ["high", "low", "none"]).codes
    logit = sm.MNLogit(code[rows], x[rows]).fit(disp=0, method="newton", tol=1e-14)
    both = data["w"].to_numpy() / logit.predict(x)[np.arange(300), code]
    found = arm_means(data, **DRUGS, method="weighting", weights="w").attrs["effective_n"]
    for place, arm in enumerate(found):
        own = both[code == place]
        assert found[arm] == pytest.approx(own.sum() ** 2 / (own**2).sum())


def test_what_is_estimated_is_named():
    data = clinic(200, rng=12)
    assert compare_arms(data, **DRUGS).attrs["estimand"] == "means of everybody"
    told = arm_means(data, **DRUGS, among="low").attrs["estimand"]
    assert told == "means of those with drug = low"


def test_numbers_and_categories_keep_their_order():
    data = clinic(200, rng=12)
    grams = data.assign(drug=data["drug"].map({"none": 0.0, "low": 2.5, "high": 10.0}))
    assert compare_arms(grams, **DRUGS, reference=0).index.to_list() == ["2.5 - 0", "10 - 0"]
    steps = data.assign(drug=pd.Categorical(data["drug"], ["none", "low", "high", "unseen"]))
    assert arm_means(steps, **DRUGS).index.to_list() == ["none", "low", "high"]
    by_name = arm_means(data, **DRUGS).loc[["none", "low", "high"], "estimate"]
    np.testing.assert_allclose(arm_means(steps, **DRUGS)["estimate"], by_name, rtol=1e-10)
    np.testing.assert_allclose(arm_means(grams, **DRUGS)["estimate"], by_name, rtol=1e-10)


def test_values_that_round_alike_keep_names_of_their_own():
    data = clinic(200, rng=13)
    place = pd.Categorical(data["drug"]).codes.astype(int)
    found = arm_means(data.assign(drug=1234567.0 + place), **DRUGS)
    assert found.index.to_list() == ["1234567.0", "1234568.0", "1234569.0"]
    assert list(found.attrs["effective_n"]) == found.index.to_list()
    assert found["estimate"].to_list() == arm_means(data, **DRUGS)["estimate"].to_list()
    mixed = data["drug"].map({"none": 1, "low": "1", "high": "2"})
    with pytest.raises(ValueError, match=r"numbers and text that both read 1; recode .*astype"):
        arm_means(data.assign(drug=mixed), **DRUGS)


@pytest.mark.parametrize("method", METHODS)
def test_arms_that_lie_apart_are_refused_though_a_third_lies_between(method):
    rng = np.random.default_rng(13)
    x = rng.uniform(0, 3, 300)
    drug = np.where(x < 1, "low", np.where(x > 2, "high", "none"))
    drug = np.where(rng.random(300) < 0.5, drug, "none")
    data = pd.DataFrame({"x": x, "drug": drug, "y": x + rng.normal(size=300)})
    columns = DRUGS | {"adjust_for": "x", "method": method}
    with pytest.raises(ValueError, match=r"no overlap: column 'x' lies between .* is high, unlike"):
        compare_arms(data, **columns)
    middle = data[(data["drug"] != "high") & (data["x"] < 1)]
    assert fits(compare_arms(middle, **columns))


@pytest.mark.parametrize("method", ["doubly_robust", "weighting"])
def test_two_arms_that_covariates_tell_apart_are_refused_by_name(method):
    data = clinic(200, rng=14)
    side = data["drug"].map({"high": 1, "low": -1}) * (data["x1"] + data["x2"])
    apart = data[side.isna() | (side > 0)]
    match = r"'drug' is high or low, no overlap: a combination of 'x1', 'x2'.* separates the arms"
    with pytest.raises(ValueError, match=match):
        compare_arms(apart, **DRUGS, method=method)
    fewer = DRUGS | {"adjust_for": ["x2", "ward"]}
    assert fits(compare_arms(apart, **fewer, method=method))


@pytest.mark.parametrize("method", METHODS)
def test_the_people_of_one_arm_need_no_overlap_of_the_others_and_no_regression_of_their_own(method):
    rng = np.random.default_rng(13)
    x = rng.uniform(-3, 3, 300)
    data = pd.DataFrame({"x1": x, "x2": rng.normal(size=300), "y": x + rng.normal(size=300)})
    data["drug"] = np.where(rng.random(300) < 0.5, "none", np.where(x > 0, "high", "low"))
    columns = DRUGS | {"adjust_for": ["x1", "x2"], "among": "none", "method": method}
    own = data[data["drug"] == "none"].sort_values("x1")
    found = arm_means(data, **columns).loc["none", "estimate"]
    assert found == pytest.approx(own["y"].mean())
    with pytest.raises(ValueError, match=r"no overlap: .*'x1' .* where 'drug' is high, unlike"):
        arm_means(data, **columns | {"among": "low"})
    three = own.iloc[[5, 40, -5]]
    few = pd.concat([data[data["drug"] != "none"], three])
    found = arm_means(few, **columns | {"method": "standardization"}).loc["none", "estimate"]
    assert found == pytest.approx(three["y"].mean())


def test_a_multinomial_logit_without_a_maximum_is_refused_though_no_pair_shows_it(monkeypatch):
    data = clinic(200, rng=14)
    side = data["drug"].map({"high": 1, "low": -1}) * (data["x1"] + data["x2"])
    monkeypatch.setattr(several_arms, "_check_arm_pairs", lambda *_: None)
    with pytest.raises(ValueError, match="no overlap: covariates separate the values of 'drug'"):
        arm_means(data[side > 0], **DRUGS, method="weighting")


def separated(x, own):
    """Tell by linear programming whether a multinomial logit has no finite maximum."""
    gaps = own[:, np.newaxis] - np.eye(own.shape[1])  # of each row's arm and every other
    sides = np.einsum("nak,np->nakp", gaps, x)[own == 0].reshape(-1, own.shape[1] * x.shape[1])
    room = {"A_ub": -sides, "b_ub": np.zeros(len(sides)), "bounds": (-1, 1)}
    return linprog(-sides.sum(axis=0), **room).fun < -1e-7


@pytest.mark.parametrize("spread", [0, 3])
def test_the_multinomial_logit_finds_a_maximum_just_where_there_is_one(spread):
    rng, found = np.random.default_rng(0), []
    while len(found) < 200:
        n, p = rng.integers(8, 30), rng.integers(1, 4)
        x = (rng.normal(size=(n, p)), rng.integers(0, 3, (n, p)))[rng.integers(2)]
        index = x @ rng.normal(size=p) + rng.normal(size=n) * rng.uniform(0, 2)
        own = np.eye(3)[np.searchsorted(np.quantile(index, [1 / 3, 2 / 3]), index)]
        if np.linalg.matrix_rank(np.c_[np.ones(n), x]) <= p or not own.any(axis=0).all():
            continue
        design = _Matrix([f"x{j}" for j in range(p)], x.astype(float), np.zeros(p))
        regressors = np.c_[np.ones(n), _axes(design).place(design)]
        mass = rng.lognormal(0, spread, n)
        chances, converged = several_arms._multinomial_logit(regressors, own, mass)
        apart = separated(regressors, own)
        assert not (converged and apart)
        assert converged or apart or spread  # very unequal weights can hide what overlaps
        if converged:
            gradient = regressors.T @ (mass[:, np.newaxis] * (own - chances))
            assert np.abs(gradient).max() < 1e-9 * mass.sum()
        found.append(converged)
    assert 40 < sum(found) < 160


def test_an_outlier_that_newtons_method_overshoots_costs_no_digits():
    x1 = [-0.384, 0.247, 925, -0.235, 3.18, 0.218, 4.75, -4.27, 1.23, -0.927]
    x2 = [0.255, 0.325, -0.122, 0.412, -3.07, -1.19, -1.60, 1.94, 1.44, 13.3]
    data = pd.DataFrame({"x1": x1, "x2": x2, "y": np.arange(10) ** 2})
    data["a"] = [0, 0, 1, 1, 1, 0, 1, 0, 1, 0]
    columns = {"outcome": "y", "treatment": "a", "adjust_for": ["x1", "x2"]}
    expected = weight(data, **columns, variance="stacked")
    found = compare_arms(data, **columns, method="weighting").iloc[0]
    np.testing.assert_allclose(found[ENTRIES], expected[ENTRIES], rtol=1e-7)


def test_a_row_whose_covariates_all_but_exclude_its_arm_is_refused_and_the_advice_works():
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(-2, 1.5, 100), rng.normal(2, 1.5, 100), rng.normal(0, 2, 60), 40]
    data = pd.DataFrame({"x": x, "y": x + rng.normal(size=261)})
    data["drug"] = np.repeat(["low", "high", "none", "low"], [100, 100, 60, 1])
    columns = DRUGS | {"adjust_for": "x", "method": "weighting"}
    logit = sm.MNLogit(pd.factorize(data["drug"], sort=True)[0], sm.add_constant(x))
    chance = logit.fit(disp=0, tol=1e-12).predict()[-1, 1]  # of high, low and none
    message = rf"overlap: 1 row\(s\) have 'drug' low, to which .* probability of {chance:.0g}; use"
    with pytest.raises(ValueError, match=message):
        compare_arms(data, **columns)
    assert fits(compare_arms(data[data["x"] < 10], **columns))


@pytest.mark.parametrize("model", ["linear", "logit"])
@pytest.mark.parametrize("among", [None, "low"])
@pytest.mark.parametrize("method", METHODS)
def test_a_row_of_weight_three_stands_for_three_rows_of_one_cluster(method, among, model):
    data = positive(clinic(200, rng=20)) if model == "logit" else clinic(200, rng=20)
    data = data.assign(w=np.random.default_rng(1).integers(1, 4, 200), person=np.arange(200))
    options = {"method": method, "among": among, "model": model}
    rows = data.loc[np.repeat(data.index, data["w"])]
    expected = arm_means(rows, **DRUGS, **options, cluster="person")
    found = arm_means(data.assign(w=data["w"] / 7), **DRUGS, **options, weights="w")
    np.testing.assert_allclose(found["estimate"], expected["estimate"], rtol=1e-9)
    inflated = found["std_error"] * np.sqrt(200 / 199)
    np.testing.assert_allclose(inflated, expected["std_error"], rtol=1e-9)
    by_person = arm_means(data, **DRUGS, **options, weights="w", cluster="person")
    columns = ["estimate", "std_error", "ci_low", "all_high"]
    np.testing.assert_allclose(by_person[columns], expected[columns], rtol=1e-9)
    if method != "standardization":
        plain = arm_means(data, **DRUGS, **options).attrs["effective_n"]
        assert found.attrs["effective_n"]["none"] < plain["none"]


def test_clusters_widen_by_t_and_one_cluster_in_an_arm_is_refused():
    data = clinic(200, rng=21).assign(site=np.arange(200) % 12)
    found = compare_arms(data, **DRUGS, cluster="site").iloc[0]
    assert found["ci_high"] - found["estimate"] == pytest.approx(
        stats.t.ppf(0.975, 11) * found["std_error"]
    )
    lone = data[(data["drug"] != "low") | (data["site"] == 3)]
    with pytest.raises(ValueError, match=r"'site' has 12 cluster.*rows with drug low = 1"):
        compare_arms(lone, **DRUGS | {"adjust_for": ["x1"]}, cluster="site")
    with pytest.raises(ValueError, match="'w' has a weight of 0; a weight counts units"):
        compare_arms(data.assign(w=0.0), **DRUGS, weights="w")


@pytest.mark.parametrize("method", METHODS)
def test_a_ward_that_one_arm_lacks_is_refused(method):
    data = clinic(300, rng=15)
    lacking = data[(data["ward"] != "c") | (data["drug"] != "low")]
    count = (lacking["ward"] == "c").sum()
    with pytest.raises(ValueError, match=rf"'ward' is c in {count} row.*with 'drug' low; merge"):
        compare_arms(lacking, **DRUGS, method=method)
    merged = lacking.assign(ward=lacking["ward"].replace("c", "b"))
    assert fits(compare_arms(merged, **DRUGS, method=method))
    assert fits(compare_arms(lacking, **DRUGS | {"adjust_for": ["x1"]}, method=method))
    assert fits(compare_arms(lacking[lacking["ward"] != "c"], **DRUGS, method=method))


def test_a_number_of_two_values_is_held_against_every_arm_too():
    data = clinic(300, rng=15).assign(old=lambda d: (d["drug"] != "low") * (d["x2"] > 0) * 1)
    with pytest.raises(ValueError, match=r"'old' is 1 in \d+ row.*with 'drug' low"):
        compare_arms(data, **DRUGS | {"adjust_for": ["old"]}, method="standardization")


def test_unfit_treatments_and_options_are_refused():
    data = clinic(100, rng=16)
    with pytest.raises(ValueError, match=r"'drug' is low in all 100 rows"):
        compare_arms(data.assign(drug="low"), **DRUGS)
    lone = data.assign(drug=["odd", *data["drug"][1:]])
    with pytest.raises(ValueError, match="'drug' has 4 values, and odd is in one row only"):
        compare_arms(lone, **DRUGS)
    assert fits(compare_arms(lone[lone["drug"] != "odd"], **DRUGS))
    with pytest.raises(ValueError, match="reference is 'nothing', which 'drug' never is; it is"):
        compare_arms(data, **DRUGS, reference="nothing")
    assert fits(compare_arms(data, **DRUGS, reference="none"))
    with pytest.raises(ValueError, match="among is 1, which 'drug' never is"):
        arm_means(data, **DRUGS, among=1)
    with pytest.raises(ValueError, match="method must be one of 'doubly_robust', 'standard"):
        compare_arms(data, **DRUGS, method="matching")
    with pytest.raises(ValueError, match="model must be one of"):
        compare_arms(data, **DRUGS, model="probit")
    with pytest.raises(ValueError, match="column 'x1' has one value in all rows"):
        compare_arms(data.assign(x1=1.0), **DRUGS)
    with pytest.raises(ValueError, match=r"^column 'copy' is constant or a linear combination"):
        compare_arms(data.assign(copy=data["x1"] * 2), **DRUGS | {"adjust_for": ["x1", "copy"]})
    born = pd.Timestamp("1984-01-01") + pd.to_timedelta(range(100), unit="D")
    with pytest.raises(ValueError, match="'x1' holds dates"):
        compare_arms(data.assign(x1=born), **DRUGS)
    ward = data["drug"].map({"low": "m", "none": "k", "high": "m"})
    lone = data.assign(ward=ward.where(data["x1"] < 1, "l"))
    for rows in (lone.sort_values("ward"), lone.sort_values("ward", ascending=False)):
        with pytest.raises(ValueError, match=r"'ward' is k in .* 'drug' high"):
            compare_arms(rows, **DRUGS)
    days = data.assign(drug=pd.Timestamp("2024-01-01"))
    with pytest.raises(ValueError, match="'drug' holds dates"):
        compare_arms(days, **DRUGS)


def test_an_arm_with_too_few_rows_for_its_regression_is_refused():
    data = clinic(100, rng=17)
    small = pd.concat([data[data["drug"] != "low"], data[data["drug"] == "low"].iloc[:4]])
    narrow = DRUGS | {"adjust_for": ["x1", "x2"]}
    many = data.assign(x3=data["x1"] ** 2, x4=data["x2"] ** 2)
    small = small.assign(x3=many["x3"], x4=many["x4"])
    wide = DRUGS | {"adjust_for": ["x1", "x2", "x3", "x4"], "method": "standardization"}
    with pytest.raises(ValueError, match=r"4 row\(s\) where 'drug' is low cannot carry 5"):
        compare_arms(small, **wide)
    assert fits(compare_arms(small, **narrow, method="standardization"))


def test_an_arm_whose_outcomes_are_all_alike_has_no_logit():
    data = positive(clinic(200, rng=18))
    data.loc[data["drug"] == "low", "y"] = 1
    with pytest.raises(
        ValueError, match=r"(?s)'drug' is low: no overlap.*the outcomes 0 and 1.*use model='linear'"
    ):
        compare_arms(data, **DRUGS, model="logit")
    assert fits(compare_arms(data, **DRUGS))


def test_the_frame_of_the_caller_is_left_alone():
    data = clinic(100, rng=19)
    copy = data.copy(deep=True)
    for method, among in itertools.product(METHODS, [None, "low"]):
        compare_arms(data, **DRUGS, method=method, among=among)
    pd.testing.assert_frame_equal(data, copy)
