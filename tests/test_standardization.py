"""Standardization against closed forms, other implementations, published numbers and its truth."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from causaldata import nhefs_complete
from scipy import optimize, stats
from scipy.special import expit

from casestudies.recipes.standardization import standardize, standardized_means

COLUMNS = {"outcome": "y", "treatment": "d"}
CATEGORIES = ["sex", "race", "education", "exercise", "active"]
AMOUNTS = ["age", "smokeintensity", "smokeyrs", "wt71"]
QUIT_AND_WEIGHT = {"outcome": "wt82_71", "treatment": "qsmk"}


def linear_world(n, rng):
    """Effect 1 + 2x, taken more often at high x: ATE 1; naive far above."""
    x = rng.normal(size=n)
    d = (rng.random(n) < expit(x)).astype(int)
    y = 3 * x + d * (1 + 2 * x) + rng.normal(scale=1 + (x > 0), size=n)
    return pd.DataFrame({"y": y, "d": d, "x": x})


def risk_world(n, rng):
    """Return a 0/1 outcome whose log odds are linear in x within each arm."""
    x = rng.normal(size=n)
    d = (rng.random(n) < expit(1.5 * x)).astype(int)
    y = (rng.random(n) < expit(-1 + x + d * (1 - 0.5 * x))).astype(int)
    return pd.DataFrame({"y": y, "d": d, "x": x})


def risk_truth(estimand):
    """Integrate the risk difference of `risk_world` over everybody or over the treated."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    if estimand == "ATT":
        weights = weights * expit(1.5 * nodes)
    return np.average(expit(0.5 * nodes) - expit(-1 + nodes), weights=weights)


def strata_world(n, rng):
    """Return a 0/1 outcome, and a treatment and an effect that differ between three regions."""
    region = rng.choice(["east", "north", "west"], size=n)
    code = np.searchsorted(["east", "north", "west"], region)
    d = (rng.random(n) < np.array([0.3, 0.5, 0.7])[code]).astype(int)
    risk = np.array([0.2, 0.5, 0.4])[code] + d * np.array([0.1, 0.3, -0.2])[code]
    y = (rng.random(n) < risk).astype(int)
    return pd.DataFrame({"y": y, "d": d, "region": region})


def ate_of_cells(data):
    """Return the post-stratified ATE and its standard error, cell by cell."""
    cells = data.groupby(["d", "region"])["y"]
    mean, noise = cells.mean(), cells.var(ddof=0) / cells.size()
    share, effect = data["region"].value_counts(normalize=True), mean[1] - mean[0]
    ate = (share * effect).sum()
    averaging = (share * (effect - ate) ** 2).sum() / len(data)
    return ate, np.sqrt((share**2 * (noise[1] + noise[0])).sum() + averaging)


def att_of_cells(data):
    """Return the ATT and its standard error: treated outcomes less their cells' control means."""
    treated, controls = data[data["d"] == 1], data[data["d"] == 0].groupby("region")["y"]
    gains = treated["y"] - treated["region"].map(controls.mean())
    share = treated["region"].value_counts(normalize=True)
    noise = (share**2 * controls.var(ddof=0) / controls.size()).sum()
    return gains.mean(), np.sqrt(gains.var(ddof=0) / len(treated) + noise)


def stacked_equations(data, model, estimand, interact):
    """Solve all moment conditions at once and differentiate them numerically.

    Returns both means and the effect, each with its sandwich standard error.
    """
    y, d, x = (data[name].to_numpy(dtype=float) for name in ("y", "d", "x"))
    mean = {"linear": lambda index: index, "logit": expit}[model]
    population = d if estimand == "ATT" else np.ones_like(d)

    def design(dose):
        columns = [np.ones_like(x), x, dose * np.ones_like(x)]
        return np.column_stack([*columns, dose * x] if interact else columns)

    def moments(theta):
        beta, (treated, control) = theta[:-2], theta[-2:]
        scores = design(d) * (y - mean(design(d) @ beta))[:, None]
        averages = [population * (mean(design(1) @ beta) - treated)]
        averages += [population * (mean(design(0) @ beta) - control)]
        return np.column_stack([scores, *averages])

    solved = optimize.root(
        lambda theta: moments(theta).mean(axis=0), np.zeros(6 if interact else 5)
    )
    assert solved.success
    theta, step = solved.x, 1e-5
    shifts = step * np.eye(len(theta))
    slopes = [moments(theta + s).mean(axis=0) - moments(theta - s).mean(axis=0) for s in shifts]
    bread = np.linalg.inv(np.array(slopes).T / (2 * step))
    psi = moments(theta)
    cov = bread @ (psi.T @ psi / len(y)) @ bread.T / len(y)
    contrast = np.zeros((3, len(theta)))
    contrast[0, -2] = contrast[1, -1] = contrast[2, -2] = 1
    contrast[2, -1] = -1
    return contrast @ theta, np.sqrt(np.diag(contrast @ cov @ contrast.T))


def with_squares(data):
    """Return NHEFS with the squares of its continuous covariates, and the covariates' names."""
    squares = data[AMOUNTS].pow(2).add_suffix("_squared")
    return data.join(squares), [*CATEGORIES, *AMOUNTS, *squares]


@pytest.fixture(scope="module")
def nhefs():
    return with_squares(nhefs_complete.load_pandas().data)


# Identities


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
@pytest.mark.parametrize("model", ["linear", "logit"])
def test_a_saturated_model_gives_the_post_stratification_formula(model, estimand):
    data = strata_world(600, np.random.default_rng(1))
    got = standardize(data, **COLUMNS, adjust_for="region", model=model, estimand=estimand)
    expected = {"ATE": ate_of_cells, "ATT": att_of_cells}[estimand](data)
    np.testing.assert_allclose(got[["estimate", "std_error"]], expected, rtol=1e-9)


@pytest.mark.parametrize("interact", [None, []])
@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
@pytest.mark.parametrize("model", ["linear", "logit"])
def test_estimates_and_errors_solve_the_stacked_equations(model, estimand, interact):
    data = risk_world(500, np.random.default_rng(2))
    options = {**COLUMNS, "adjust_for": ["x"], "model": model, "estimand": estimand}
    options["interact"] = interact
    got = standardized_means(data, **options)
    got.loc["effect"] = standardize(data, **options)
    theta, errors = stacked_equations(data, model, estimand, interact is None)
    np.testing.assert_allclose(got["estimate"], theta, rtol=1e-7)
    np.testing.assert_allclose(got["std_error"], errors, rtol=1e-6)


def test_without_interactions_a_linear_model_gives_its_coefficient_and_hc0_error():
    data = linear_world(300, np.random.default_rng(3))
    got = standardize(data, **COLUMNS, adjust_for="x", interact=[])
    fit = smf.ols("y ~ d + x", data).fit(cov_type="HC0")
    assert got["estimate"] == pytest.approx(fit.params["d"], rel=1e-10)
    assert got["std_error"] == pytest.approx(fit.bse["d"], rel=1e-10)


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_some_interactions_equal_the_one_regression_that_has_them(estimand):
    rng = np.random.default_rng(16)
    data = linear_world(300, rng).assign(z=rng.normal(size=300))
    got = standardize(data, **COLUMNS, adjust_for=["x", "z"], interact="x", estimand=estimand)
    fit = smf.ols("y ~ d * x + z", data).fit()
    people = data if estimand == "ATE" else data[data["d"] == 1]
    effects = fit.predict(people.assign(d=1)) - fit.predict(people.assign(d=0))
    assert got["estimate"] == pytest.approx(effects.mean(), rel=1e-10)


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_without_covariates_it_is_the_difference_in_means(estimand):
    data = linear_world(200, np.random.default_rng(4))
    got = standardize(data, **COLUMNS, adjust_for=[], estimand=estimand)
    treated, controls = data.loc[data["d"] == 1, "y"], data.loc[data["d"] == 0, "y"]
    variance = treated.var(ddof=0) / len(treated) + controls.var(ddof=0) / len(controls)
    assert got["estimate"] == pytest.approx(treated.mean() - controls.mean(), rel=1e-10)
    assert got["std_error"] == pytest.approx(np.sqrt(variance), rel=1e-10)


def test_the_att_leaves_the_treated_as_they_are_observed():
    data = linear_world(200, np.random.default_rng(5))
    means = standardized_means(data, **COLUMNS, adjust_for="x", estimand="ATT")
    treated = data.loc[data["d"] == 1, "y"]
    assert list(means.index) == ["treated", "control"]
    assert means.loc["treated", "estimate"] == pytest.approx(treated.mean(), rel=1e-10)
    assert means.loc["treated", "std_error"] == pytest.approx(treated.sem(ddof=0), rel=1e-10)


def test_the_att_asks_nothing_of_controls_unlike_every_treated():
    data = strata_world(600, np.random.default_rng(6))
    data = data[(data["d"] == 0) | (data["region"] != "west")]
    kept = data[data["region"] != "west"]
    got = standardize(data, **COLUMNS, adjust_for="region", estimand="ATT")
    assert got["estimate"] == pytest.approx(att_of_cells(kept)[0], rel=1e-10)
    with pytest.raises(ValueError, match="no overlap: column 'region' is never 'west'"):
        standardize(data, **COLUMNS, adjust_for="region", estimand="ATE")


@pytest.mark.parametrize("model", ["linear", "logit"])
def test_units_of_covariates_and_order_of_rows_do_not_matter(model):
    data = risk_world(400, np.random.default_rng(7))
    data["x_squared"] = data["x"] ** 2
    shifted = data.assign(x=1e6 + 1e3 * data["x"], x_squared=1e-6 * data["x_squared"])
    options = {**COLUMNS, "adjust_for": ["x", "x_squared"], "model": model}
    first = standardize(data, **options)
    pd.testing.assert_series_equal(standardize(shifted, **options), first, rtol=1e-7)
    shuffled = data.sample(frac=1, random_state=0).set_axis([0] * len(data))
    pd.testing.assert_series_equal(standardize(shuffled, **options), first, rtol=1e-9)


def test_a_far_off_origin_of_a_covariate_costs_no_digits():
    near = linear_world(300, np.random.default_rng(19))
    near["x"] = (near["x"] * 2**20).round() / 2**20
    far = near.assign(x=near["x"] + 2**32)
    found = [standardize(data, **COLUMNS, adjust_for="x") for data in (near, far)]
    pd.testing.assert_series_equal(found[1], found[0], rtol=1e-9)


def test_booleans_and_nullable_numbers_are_numbers():
    data = risk_world(300, np.random.default_rng(8))
    other = data.astype({"y": bool, "d": "Int64", "x": "Float64"})
    options = {**COLUMNS, "adjust_for": "x", "model": "logit"}
    pd.testing.assert_series_equal(standardize(other, **options), standardize(data, **options))


def test_a_covariate_may_be_called_intercept():
    data = risk_world(300, np.random.default_rng(18))
    renamed = data.rename(columns={"x": "intercept"})
    for estimand in ("ATE", "ATT"):
        options = {**COLUMNS, "model": "logit", "estimand": estimand}
        got = standardize(renamed, **options, adjust_for="intercept")
        pd.testing.assert_series_equal(got, standardize(data, **options, adjust_for="x"))


def test_the_interval_is_normal_at_the_level_asked_for():
    data = linear_world(200, np.random.default_rng(9))
    got = standardize(data, **COLUMNS, adjust_for="x", level=0.9)
    margin = stats.norm.ppf(0.95) * got["std_error"]
    assert got["ci_low"] == pytest.approx(got["estimate"] - margin, rel=1e-12)
    assert got["ci_high"] == pytest.approx(got["estimate"] + margin, rel=1e-12)
    assert got["n"] == 200
    means = standardized_means(data, **COLUMNS, adjust_for="x", level=0.9)
    width = means["ci_high"] - means["ci_low"]
    np.testing.assert_allclose(width, 2 * stats.norm.ppf(0.95) * means["std_error"], rtol=1e-12)
    assert list(means.columns) == list(got.index)


def test_the_callers_frame_is_left_alone():
    data = strata_world(200, np.random.default_rng(10)).astype({"region": "category"})
    before = data.copy(deep=True)
    standardize(data, **COLUMNS, adjust_for=["region"], model="logit")
    pd.testing.assert_frame_equal(data, before)


# Published numbers


def test_what_ifs_model_of_smoking_and_weight_gives_its_three_and_a_half_kilos(nhefs):
    data, covariates = nhefs
    options = {**QUIT_AND_WEIGHT, "adjust_for": covariates, "interact": "smokeintensity"}
    effect = standardize(data, **options)
    assert effect["n"] == 1566
    assert effect["estimate"] == pytest.approx(3.5, abs=0.02)
    assert round(effect["estimate"], 2) == 3.52


def test_categories_and_their_dummies_give_the_same(nhefs):
    data, covariates = nhefs
    named = [*covariates, *QUIT_AND_WEIGHT.values()]
    dummies = pd.get_dummies(data[named], columns=CATEGORIES, drop_first=True)
    columns = [name for name in dummies if name not in QUIT_AND_WEIGHT.values()]
    for interact in (None, ["smokeintensity"]):
        given = standardize(data, **QUIT_AND_WEIGHT, adjust_for=covariates, interact=interact)
        coded = standardize(dummies, **QUIT_AND_WEIGHT, adjust_for=columns, interact=interact)
        pd.testing.assert_series_equal(given, coded, rtol=1e-8)


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_all_interactions_equal_one_regression_per_group(nhefs, estimand):
    data, covariates = nhefs
    terms = " + ".join(covariates)
    people = data if estimand == "ATE" else data[data["qsmk"] == 1]
    treated, controls = (
        smf.ols(f"wt82_71 ~ {terms}", data[data["qsmk"] == arm]).fit().predict(people).mean()
        for arm in (1, 0)
    )
    options = {**QUIT_AND_WEIGHT, "adjust_for": covariates, "estimand": estimand}
    means = standardized_means(data, **options)["estimate"]
    np.testing.assert_allclose(means, [treated, controls], rtol=1e-8)
    assert standardize(data, **options)["estimate"] == pytest.approx(treated - controls, rel=1e-8)


def test_nhefs_without_covariates_is_the_naive_two_and_a_half_kilos(nhefs):
    data, _ = nhefs
    assert round(standardize(data, **QUIT_AND_WEIGHT, adjust_for=[])["estimate"], 2) == 2.54


# Stated truth and recovery


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_a_large_sample_gives_the_exact_risk_difference_and_the_raw_one_does_not(estimand):
    data = risk_world(40_000, np.random.default_rng(11))
    options = {**COLUMNS, "adjust_for": "x", "model": "logit", "estimand": estimand}
    got = standardize(data, **options)
    assert abs(got["estimate"] - risk_truth(estimand)) < 4 * got["std_error"]
    naive = standardize(data, **{**options, "adjust_for": []})
    assert abs(naive["estimate"] - risk_truth(estimand)) > 10 * naive["std_error"]
    other = risk_truth("ATT" if estimand == "ATE" else "ATE")
    assert abs(got["estimate"] - other) > 4 * got["std_error"]


@pytest.mark.parametrize(
    ("world", "truth", "model"), [(linear_world, 1, "linear"), (risk_world, None, "logit")]
)
def test_the_interval_covers_as_often_as_it_says_and_the_naive_one_does_not(world, truth, model):
    truth = risk_truth("ATE") if truth is None else truth
    rng, runs = np.random.default_rng(12), 150
    samples = [world(400, rng) for _ in range(runs)]
    options = {**COLUMNS, "model": model}
    got = pd.DataFrame(standardize(data, adjust_for="x", **options) for data in samples)
    naive = pd.DataFrame(standardize(data, adjust_for=[], **options) for data in samples[:40])
    error = got["estimate"] - truth
    assert abs(error.mean()) < 4 * got["estimate"].sem()
    assert abs(covered(got, truth) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / runs)
    assert got["std_error"].mean() / error.std() == pytest.approx(1, abs=4 / np.sqrt(2 * runs))
    assert covered(naive, truth) < 0.5


def covered(table, truth):
    return ((table["ci_low"] < truth) & (truth < table["ci_high"])).mean()


# Refusals


def small(**columns):
    """Return twelve people, with columns replaced or added."""
    rng = np.random.default_rng(13)
    frame = {"y": rng.normal(size=12), "d": [0, 1] * 6, "x": rng.normal(size=12)}
    return pd.DataFrame({**frame, **columns})


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (small(), {"adjust_for": "xx"}, "no column 'xx' in data; did you mean 'x'"),
        (small(), {"adjust_for": ["x", "d"]}, "column 'd' is given more than one role"),
        (small(), {"model": "probit"}, r"model must be one of 'linear', 'logit', got 'probit'"),
        (small(), {"estimand": "LATE"}, r"estimand must be one of .* got 'LATE'"),
        (small(), {"interact": "z"}, r"interact must be one of 'x', got 'z'"),
        (small(), {"level": 95}, "level must lie between 0 and 1, got 95"),
        (small(y=[np.nan] + [1, 2] * 5 + [3]), {}, "column 'y' has 1 missing value"),
        (small(x=[np.inf] * 2 + [0, 1] * 5), {}, "column 'x' has 2 infinite value"),
        (small(d=[0, 2] * 6), {}, "column 'd' must be 0 or 1, found 2"),
        (small(d=1), {}, "column 'd' is 1 in all 12 rows"),
        (small(y=list("abcdefghijkl")), {}, "column 'y' holds .* not numbers"),
        (small(y=4.0), {}, "column 'y' is 4 in all 12 rows"),
        (small().iloc[:0], {}, "column 'y' has no rows"),
        (small().rename(columns={"x": "y"}), {"adjust_for": []}, "more than one column 'y'"),
        (small().rename(columns={"x": 7}), {"adjust_for": []}, "column name 7 is not a string"),
        (small(), {"model": "logit"}, "'y' must be 0 or 1 for model='logit', found .*'linear'"),
        (small(x=5), {}, "column 'x' is constant"),
        (small(x="north"), {}, "column 'x' is 'north' in all rows; drop it"),
        (
            small(x=range(12), twice=range(0, 24, 2)),
            {"adjust_for": ["x", "twice"]},
            "column 'twice' is constant or a linear combination",
        ),
    ],
)
def test_bad_input_is_refused_with_its_column_and_a_remedy(data, options, message):
    with pytest.raises(ValueError, match=message):
        standardize(data, **{**COLUMNS, "adjust_for": "x", **options})


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (["a", "b"] * 5 + ["a", "c"], "column 'x' is never 'b' where 'd' is 0, .* in 6 row"),
        (
            list("abbbaababaac"),
            r"column 'x' is never 'c' where 'd' is 0, .* in 1 row\(s\) where it is 1;",
        ),
        (
            list("abbbaababaca"),
            r"column 'x' is never 'c' where 'd' is 1, .* in 1 row\(s\) where it is 0;",
        ),
        ([1.5, 2, 1, 3] * 3, "column 'x' lies between 1 and 1.5 where 'd' is 0, .* in 6 row"),
        ([3, 1.5, 2, 1] * 3, "column 'x' lies between 2 and 3 where 'd' is 0, .* in 6 row"),
        ([False, True] * 6, "column 'x' lies between 0 and 0 where 'd' is 0, .* in 6 row"),
        ([1, 5] * 6, "column 'x' lies between 1 and 1 where 'd' is 0, .* in 6 row"),
        ([0, 1, 0, 0] * 3, "column 'x' lies between 0 and 0 where 'd' is 0, .* in 3 row"),
        ([1, 0, 0, 0] * 3, "column 'x' lies between 0 and 0 where 'd' is 1, .* in 3 row"),
    ],
)
def test_a_group_without_counterparts_is_refused(x, message):
    with pytest.raises(ValueError, match=f"no overlap: {message}"):
        standardize(small(x=x), **COLUMNS, adjust_for="x")


def test_the_att_asks_for_controls_like_every_treated():
    data = small(x=list("abbbaababaac"))
    with pytest.raises(ValueError, match="no overlap: column 'x' is never 'c' where 'd' is 0"):
        standardize(data, **COLUMNS, adjust_for="x", estimand="ATT")


@pytest.mark.parametrize("estimator", [standardize, standardized_means])
def test_outcomes_that_the_treatment_decides_show_no_noise(estimator):
    with pytest.raises(ValueError, match=r"column 'y': .* no noise to estimate an error from"):
        estimator(small(y=[0, 2] * 6), **COLUMNS, adjust_for="x")


def test_ranges_that_overlap_in_part_are_left_to_the_analyst():
    data = small(x=[1, 2, 2, 3, 3, 4] * 2)
    assert np.isfinite(standardize(data, **COLUMNS, adjust_for="x")["std_error"])


def test_a_group_with_too_few_rows_for_its_coefficients_is_refused():
    data = small(d=[1, 1] + [0] * 10, x=[1, 3, 0, 4, *range(2, 10)])
    message = r"2 row\(s\) where 'd' is 1 cannot carry 2 coefficient\(s\) \('a constant', 'x'\)"
    with pytest.raises(ValueError, match=message):
        standardize(data, **COLUMNS, adjust_for="x")
    assert standardize(data, **COLUMNS, adjust_for="x", estimand="ATT")["std_error"] > 0
    alone = small(d=[1] + [0] * 11)
    with pytest.raises(ValueError, match=r"1 row\(s\) where 'd' is 1 cannot carry 1"):
        standardize(alone, **COLUMNS, adjust_for=[], estimand="ATT")


def test_a_covariate_that_repeats_another_in_one_group_is_refused():
    data = small(x=range(12), z=range(12))
    data.loc[data["d"] == 1, "z"] = [3, 1, 9, 5, 2, 7]
    message = "rows where 'd' is 0, column 'z' is constant or a linear .* counterparts in both"
    with pytest.raises(ValueError, match=message):
        standardize(data, **COLUMNS, adjust_for=["x", "z"])


def test_a_shared_covariate_that_the_interactions_already_span_is_refused():
    data = small(x=range(12))
    data["z"] = data["x"] * (1 + data["d"])
    with pytest.raises(ValueError, match="column 'x where d is 1' is constant or a linear"):
        standardize(data, **COLUMNS, adjust_for=["z", "x"], interact="x")


@pytest.mark.parametrize("interact", [None, []])
@pytest.mark.parametrize("size", [12, 180])
def test_a_category_without_the_outcome_is_an_error_that_names_it(size, interact):
    data = risk_world(200, np.random.default_rng(14))
    data["calm"] = np.where(data.index < size, "yes", "no")
    data["y"] = data["y"].mask(data["calm"] == "yes", 0)
    options = {**COLUMNS, "adjust_for": ["x", "calm"], "interact": interact}
    message = "column 'calm = yes.*separates the values 0 and 1 of 'y'.* coarser .* model='linear'$"
    with pytest.raises(ValueError, match=message):
        standardize(data, **options, model="logit")
    assert np.isfinite(standardize(data, **options)["std_error"])


def test_perfect_separation_is_an_error_and_no_warning():
    data = risk_world(200, np.random.default_rng(17))
    data["y"] = (data["x"] > 0).astype(int)
    with pytest.raises(ValueError, match="column 'x where d is"):
        standardize(data, **COLUMNS, adjust_for="x", model="logit")


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_a_logit_with_one_outcome_only_in_a_group_is_refused(estimand):
    data = small(y=[0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1])
    message = "column 'y' is 1 in all 6 rows where 'd' is 1, .* model='linear'"
    with pytest.raises(ValueError, match=message):
        standardize(data, **COLUMNS, adjust_for="x", model="logit", estimand=estimand)


def test_a_strong_but_finite_logit_is_not_taken_for_separation():
    rng = np.random.default_rng(15)
    x = rng.normal(size=2_000)
    data = pd.DataFrame({"x": x, "d": (rng.random(2_000) < 0.5).astype(int)})
    data["y"] = (rng.random(2_000) < expit(12 * x)).astype(int)
    got = standardize(data, **COLUMNS, adjust_for="x", model="logit")
    assert abs(got["estimate"]) < 4 * got["std_error"]
