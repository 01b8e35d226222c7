"""Robustness values, benchmark bounds, contours and E-values against papers and identities."""

from decimal import Decimal, localcontext

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from causaldata import cps_mixtape, gapminder, nsw_mixtape

from casestudies.recipes.sensitivity import (
    bias_bounds,
    contour,
    e_value,
    robustness_from_t,
    robustness_value,
)

COLUMNS = {"outcome": "y", "treatment": "d", "adjust_for": ["x1", "x2", "ward"]}


def confounded(n, rng):
    """Draw a world whose confounder z is unrelated to the covariates, and kept for the check."""
    rng = np.random.default_rng(rng)
    x1, x2, z, noise_d, noise_y = rng.normal(size=(5, n))
    ward = rng.choice(["a", "b", "c"], n)
    d = 0.5 * x1 - 0.4 * x2 + (ward == "a") + 0.6 * z + noise_d
    y = 1.5 * d + x1 + 0.3 * x2 - (ward == "b") + 0.8 * z + noise_y
    return pd.DataFrame({"x1": x1, "x2": x2, "ward": ward, "z": z, "d": d, "y": y})


def regression(data, names, outcome="y"):
    dummies = pd.get_dummies(data[names], drop_first=True, dtype=float)
    return sm.OLS(data[outcome], sm.add_constant(dummies)).fit()


def partial_r2(data, outcome, name, others):
    less, full = regression(data, others, outcome), regression(data, [*others, name], outcome)
    return 1 - full.ssr / less.ssr


def with_moments(estimate, std_error, dof, r2_treatment, r2_outcome):
    """Build rows with one covariate whose regression has exactly these figures."""
    noise = np.random.default_rng(0).normal(size=(dof + 3, 4))
    noise[:, 0] = 1
    _, x, own, rest = np.linalg.qr(noise)[0].T
    d = np.sqrt(r2_treatment / (1 - r2_treatment)) * x + own
    sigma = std_error * np.sqrt(dof)
    slope = sigma * np.sqrt(r2_outcome / (1 - r2_outcome) / (1 - r2_treatment))
    return pd.DataFrame({"female": x, "d": d, "y": estimate * d + slope * x + sigma * rest})


# Cinelli and Hazlett (2020), section 5: directly harmed in Darfur and attitude to peace. The
# benchmark's partial R squared follow from the first row of their bounds, 0.0092 and 0.1246.
DARFUR = with_moments(0.09731582, 0.02325654, 783, 0.009084, 0.109038)


def test_darfur_robustness_values_are_the_published_ones():
    found = robustness_value(DARFUR, outcome="y", treatment="d", adjust_for="female")
    assert found.name == "robustness_value"
    assert found[["estimate", "std_error", "t_value"]].round(3).to_list() == [0.097, 0.023, 4.184]
    assert found["dof"] == 783
    assert found[["partial_r2", "rv_q", "rv_q_alpha"]].round(3).to_list() == [0.022, 0.139, 0.076]


def test_darfur_bounds_are_the_published_ones():
    found = bias_bounds(DARFUR, outcome="y", treatment="d", adjust_for="female", benchmark="female")
    published = pd.DataFrame(
        [
            [0.0092, 0.1246, 0.0752, 0.0219, 3.4389, 0.0323, 0.1182],
            [0.0183, 0.2493, 0.0529, 0.0204, 2.6002, 0.0130, 0.0929],
            [0.0275, 0.3741, 0.0304, 0.0187, 1.6281, -0.0063, 0.0670],
        ],
        index=found.index,
        columns=["r2dz_x", "r2yz_dx", "estimate", "std_error", "t_value", "ci_low", "ci_high"],
    )
    assert found.index.to_list() == [("female", 1), ("female", 2), ("female", 3)]
    assert found.columns.equals(published.columns)
    t_value = ["t_value"]
    assert (found - published).drop(columns=t_value).abs().max(axis=None) < 5.1e-5
    assert (found - published)[t_value].abs().max(axis=None) < 1e-3


def test_regression_figures_are_those_of_statsmodels():
    data = confounded(200, rng=1)
    fit = regression(data, ["d", "x1", "x2", "ward"])
    found = robustness_value(data, **COLUMNS)
    assert found["estimate"] == pytest.approx(fit.params["d"], rel=1e-10)
    assert found["std_error"] == pytest.approx(fit.bse["d"], rel=1e-10)
    assert found["dof"] == fit.df_resid
    assert found["partial_r2"] == pytest.approx(
        partial_r2(data, "y", "d", ["x1", "x2", "ward"]), rel=1e-10
    )


def test_regression_of_lalondes_men_on_the_cps_gives_699_with_an_error_of_548():
    # statsmodels; Dehejia and Wahba (1999) print 972 (550) for their own covariates
    treated = nsw_mixtape.load_pandas().data.query("treat == 1")
    men = pd.concat([treated, cps_mixtape.load_pandas().data], ignore_index=True)
    covariates = ["age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75"]
    found = robustness_value(men, outcome="re78", treatment="treat", adjust_for=covariates)
    assert found[["estimate", "std_error"]].round(0).to_list() == [699, 548]
    assert found["rv_q"] < 0.02


@pytest.mark.parametrize("sign", [1, -1])
def test_contour_at_the_confounders_strength_is_the_regression_that_includes_it(sign):
    data = confounded(300, rng=2)
    data["y"] *= sign
    covariates = ["x1", "x2", "ward"]
    long = regression(data, ["d", *covariates, "z"])
    at = {
        "r2dz_x": [partial_r2(data, "d", "z", covariates)],
        "r2yz_dx": [0, partial_r2(data, "y", "z", ["d", *covariates])],
    }
    estimates = contour(data, **COLUMNS, **at)
    assert estimates.iloc[1, 0] == pytest.approx(long.params["d"], rel=1e-9)
    t_values = contour(data, **COLUMNS, **at, value="t_value")
    assert t_values.iloc[1, 0] == pytest.approx(long.tvalues["d"], rel=1e-9)
    assert estimates.iloc[0, 0] == pytest.approx(regression(data, ["d", *covariates]).params["d"])
    assert (estimates.index.name, estimates.columns.name) == ("r2yz_dx", "r2dz_x")


def test_contour_reaches_zero_at_the_robustness_value_and_insignificance_at_the_other():
    data = confounded(300, rng=3)
    found = robustness_value(data, **COLUMNS, level=0.9)
    rv, rv_alpha = [found["rv_q"]], [found["rv_q_alpha"]]
    assert contour(data, **COLUMNS, r2dz_x=rv, r2yz_dx=rv).iloc[0, 0] == pytest.approx(0, abs=1e-9)
    t_value = contour(data, **COLUMNS, r2dz_x=rv_alpha, r2yz_dx=rv_alpha, value="t_value")
    assert t_value.iloc[0, 0] == pytest.approx(1.650, abs=5e-3)  # t table, 293 dof, 90%
    half = robustness_value(data, **COLUMNS, q=0.5)["rv_q"]
    halved = contour(data, **COLUMNS, r2dz_x=[half], r2yz_dx=[half]).iloc[0, 0]
    assert halved == pytest.approx(found["estimate"] / 2)


def test_contour_grid_starts_at_the_estimate_and_falls_with_both_strengths():
    data = confounded(300, rng=4)
    grid = contour(data, **COLUMNS)
    assert grid.shape == (41, 41)
    assert grid.columns[[0, 1, -1]].to_list() == pytest.approx([0, 0.01, 0.4])
    assert grid.iloc[0].to_numpy() == pytest.approx(robustness_value(data, **COLUMNS)["estimate"])
    inner = grid.iloc[1:, 1:]
    assert (inner.diff().dropna() < 0).all(axis=None)
    assert (inner.T.diff().dropna() < 0).all(axis=None)


@pytest.mark.parametrize("benchmark", ["x1", "ward"])
def test_bounds_hold_for_a_confounder_that_is_as_many_times_as_strong(benchmark):
    data = confounded(400, rng=5)
    covariates = ["x1", "x2", "ward"]
    known = pd.get_dummies(data[covariates], drop_first=True, dtype=float)
    data["z"] = sm.OLS(data["z"], sm.add_constant(known)).fit().resid
    others = [name for name in covariates if name != benchmark]
    ratios = [
        partial_r2(data, side, "z", given) / partial_r2(data, side, benchmark, given)
        for side, given in (("d", others), ("y", ["d", *others]))
    ]
    k = max(ratios)
    bound = bias_bounds(data, **COLUMNS, benchmark=benchmark, multiples=[k]).loc[(benchmark, k)]
    assert partial_r2(data, "d", "z", covariates) <= bound["r2dz_x"] + 1e-9
    assert partial_r2(data, "y", "z", ["d", *covariates]) <= bound["r2yz_dx"] + 1e-9
    assert bound["estimate"] <= regression(data, ["d", *covariates, "z"]).params["d"]
    assert min(ratios) < k  # and so the bounds are not met exactly


def test_bound_on_the_treatment_side_is_exact_for_a_confounder_equally_strong_there():
    data = confounded(400, rng=6)
    known = sm.add_constant(
        pd.get_dummies(data[["x1", "x2", "ward"]], drop_first=True, dtype=float)
    )
    data["z"] = sm.OLS(data["z"], known).fit().resid
    k = partial_r2(data, "d", "z", ["x2", "ward"]) / partial_r2(data, "d", "x1", ["x2", "ward"])
    bound = bias_bounds(data, **COLUMNS, benchmark="x1", multiples=[k]).iloc[0]
    assert bound["r2dz_x"] == pytest.approx(partial_r2(data, "d", "z", ["x1", "x2", "ward"]))


def test_a_bound_beyond_all_of_the_outcome_is_cut_at_one_and_leaves_no_error():
    data = with_moments(2, 0.1, 50, 0.1, 0.6)
    found = bias_bounds(data, outcome="y", treatment="d", adjust_for="female", benchmark="female")
    assert found["r2yz_dx"].to_list() == [1, 1, 1]
    assert found["std_error"].to_list() == [0, 0, 0]
    assert found["t_value"].to_list() == [np.inf] * 3
    assert found["ci_low"].equals(found["estimate"])


def test_adjusted_interval_spends_a_degree_of_freedom_on_the_confounder():
    data = with_moments(2, 0.1, 11, 0.1, 0.1)
    columns = {"outcome": "y", "treatment": "d", "adjust_for": "female"}
    bound = bias_bounds(data, **columns, benchmark="female", level=0.9).iloc[0]
    half = (bound["ci_high"] - bound["ci_low"]) / 2
    assert half / bound["std_error"] == pytest.approx(1.812, abs=5e-4)  # t table, 10 dof, 90%


def test_robustness_value_of_few_rows_is_the_hand_worked_one():
    # t = 3, dof = 6: f^2 = 9/6. RV = (sqrt(f^4 + 4 f^2) - f^2) / 2 = (2.8723 - 1.5) / 2. At 5%
    # t* = 2.5706 with 5 dof, f*^2 = 1.3216 > 1, so RV_a = (1.5 - 1.3216) / (1 + 1.5).
    found = robustness_from_t(3, 6)
    assert found.to_list() == pytest.approx([0.6, 0.68614, 0.07137], abs=1e-5)
    assert robustness_from_t(-3, 6).equals(found)


@pytest.mark.parametrize("size", [1e-4, 1e-2, 1, 1e2, 1e9, 1e200])
def test_robustness_values_keep_their_digits_whatever_the_t_value(size):
    with localcontext(prec=2000):
        f2 = Decimal(size) ** 2 / 10
        share, value = float(f2 / (1 + f2)), float(((f2**2 + 4 * f2).sqrt() - f2) / 2)
    found = robustness_from_t(-size, 10, q=1, level=1e-9)
    assert found["partial_r2"] == pytest.approx(share, rel=1e-12)
    assert found["rv_q"] == pytest.approx(value, rel=1e-12)
    assert found["rv_q_alpha"] == pytest.approx(found["rv_q"], rel=1e-4)


def test_an_estimate_that_is_not_significant_has_no_robustness_at_that_level():
    found = robustness_from_t(1.5, 100)
    assert found["rv_q_alpha"] == 0
    assert found["rv_q"] > 0.1
    assert robustness_from_t(1.5, 100, level=0.5)["rv_q_alpha"] > 0


def test_e_values_are_the_published_ones():
    # VanderWeele and Ding (2017): formula feeding and death by respiratory infection.
    found = e_value(3.9, 1.8, 8.7)
    assert found.round(2).to_dict() == {"estimate": 7.26, "ci_limit": 3.00}
    assert found.name == "e_value"
    # The same paper's smoking and lung cancer (Hammond and Horn): 20.9 and 15.5.
    assert e_value(10.73, 8.02, 14.36).round(1).to_list() == [20.9, 15.5]


def test_e_value_of_a_protective_ratio_is_that_of_its_inverse():
    assert e_value(1 / 3.9, 1 / 8.7, 1 / 1.8).to_list() == pytest.approx(
        e_value(3.9, 1.8, 8.7).to_list()
    )


def test_e_value_is_one_where_the_interval_contains_one():
    assert e_value(1.2, 0.9, 1.6)["ci_limit"] == 1
    assert e_value(0.8, 0.6, 1.1)["ci_limit"] == 1
    assert e_value(1).to_dict() == {"estimate": 1}


def test_the_callers_frame_is_unchanged():
    data = confounded(50, rng=0)
    before = data.copy(deep=True)
    robustness_value(data, **COLUMNS)
    bias_bounds(data, **COLUMNS, benchmark=["x1", "ward"], multiples=[0.1])
    contour(data, **COLUMNS)
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: robustness_value(d, **COLUMNS, q=0), "q must be above 0, got 0"),
        (
            lambda d: robustness_value(d, **COLUMNS, level=95),
            "level must lie between 0 and 1, got 95",
        ),
        (lambda d: robustness_from_t(2, 1), "dof must be above 1, got 1"),
        (lambda d: robustness_value(d.assign(x1=d["x2"]), **COLUMNS), "'x2' is constant or a lin"),
        (lambda d: robustness_value(d.assign(d=d["x2"]), **COLUMNS), "'d' is constant or a linear"),
        (
            lambda d: robustness_value(d.assign(y=2 * d["d"] + d["x1"]), **COLUMNS),
            "'y': rows .* no noise to estimate an error from; check",
        ),
        (
            lambda d: bias_bounds(d.assign(y=1e9 + d["x1"]), **COLUMNS, benchmark="x1"),
            "'y': rows .* no noise to estimate an error from",
        ),
        (lambda d: robustness_value(d.assign(y="high"), **COLUMNS), "'y' holds .* not numbers"),
        (lambda d: robustness_value(d.drop(columns="x2"), **COLUMNS), "no column 'x2'"),
        (lambda d: robustness_value(d.iloc[:7], **COLUMNS), "7 rows leave 1 degrees of freedom"),
        (lambda d: bias_bounds(d, **COLUMNS, benchmark="z"), "'z' is not in adjust_for"),
        (lambda d: bias_bounds(d, **COLUMNS, benchmark="x1", multiples=[30]), "30 times .* 'x1'"),
        (
            lambda d: bias_bounds(d, **COLUMNS, benchmark="x1", multiples=[0]),
            "multiples must be above 0",
        ),
        (lambda d: bias_bounds(d, **COLUMNS, benchmark="x1", multiples=[0.1], level=2), "got 2"),
        (lambda d: contour(d, **COLUMNS, r2dz_x=[0, 1]), r"r2dz_x must lie in \[0, 1\)"),
        (lambda d: contour(d, **COLUMNS, r2yz_dx=[-0.1, 0.2]), "r2yz_dx must lie"),
        (lambda d: contour(d, **COLUMNS, value="p"), "value must be .* got 'p'"),
        (lambda d: e_value(-1), "risk_ratio must be above 0, got -1"),
        (lambda d: e_value(2, 2.5, 3), "got 2.5, 2, 3"),
        (lambda d: e_value(2, 1.5), "both ci_low and ci_high"),
        (lambda d: e_value(np.inf), "risk_ratio"),
    ],
)
def test_unfit_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(confounded(40, rng=0))


def test_a_covariate_on_a_large_scale_is_not_dropped():
    # gapminder, 2007: statsmodels gives t with pop / 1e9, and any scale must give the same.
    world = gapminder.load_pandas().data.query("year == 2007")
    world = world.assign(square=world["pop"].astype(float) ** 2)
    world = world.assign(people=world["pop"] / 1e9, people_square=world["square"] / 1e18)
    fit = sm.OLS(
        world["lifeExp"], sm.add_constant(world[["gdpPercap", "people", "people_square"]])
    ).fit()
    columns = {"outcome": "lifeExp", "treatment": "gdpPercap"}
    expected = robustness_from_t(fit.tvalues["gdpPercap"], fit.df_resid)["rv_q"]
    for pair in (["pop", "square"], ["people", "people_square"]):
        found = robustness_value(world, **columns, adjust_for=pair)
        assert found["t_value"] == pytest.approx(fit.tvalues["gdpPercap"], rel=1e-9)
        assert found["rv_q"] == pytest.approx(expected, rel=1e-9)
        assert found["estimate"] == pytest.approx(0.000640, abs=5e-7)


@pytest.mark.parametrize("name", ["intercept", "drug = b", "drug_b"])
def test_no_name_of_a_column_meets_a_name_of_ours(name):
    data = confounded(60, rng=3).rename(columns={"ward": "drug"})
    data["drug"] = np.where(data["drug"] == data["drug"].iloc[0], "a", "b")
    options = {"outcome": "y", "adjust_for": ["x1", "drug"], "benchmark": "x1", "multiples": [0.5]}
    expected = bias_bounds(data, **options, treatment="d")
    found = bias_bounds(data.rename(columns={"d": name}), **options, treatment=name)
    pd.testing.assert_frame_equal(found, expected)
