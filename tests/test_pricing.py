import numpy as np
import pytest
import statsmodels.formula.api as smf
from scipy import integrate, optimize, stats

from casestudies import identify, scenarios
from casestudies.recipes.instrumental_variables import two_stage_least_squares
from casestudies.sampling.montecarlo import replicate

IV = {"outcome": "log_units", "treatment": "log_price", "instruments": "log_cost"}
TURNED = {
    "elasticity": -1.8,
    "footfall_on_units": 0.3,
    "footfall_on_price": -0.05,
    "cost_on_price": 0.6,
    "footfall_on_cost": 0.02,
}
BOTH = pytest.mark.parametrize("knobs", [{}, TURNED], ids=["default", "turned"])


def slope(formula, data, name="log_price"):
    fit = smf.ols(formula, data=data).fit()
    low, high = fit.conf_int().loc[name]
    entries = {"estimate": fit.params[name], "std_error": fit.bse[name]}
    return entries | {"ci_low": low, "ci_high": high}


@BOTH
def test_the_limits_follow_from_the_matrix_of_coefficients(knobs):
    k = {"elasticity": -3.0, "footfall_on_units": 0.5, "footfall_on_price": 0.08}
    k |= {"cost_on_price": 0.8, "footfall_on_cost": 0.0} | knobs
    arrows = np.zeros((4, 4))  # footfall, cost, price, units
    arrows[1, 0] = k["footfall_on_cost"]
    arrows[2, :2] = k["footfall_on_price"], k["cost_on_price"]
    arrows[3, [0, 2]] = k["footfall_on_units"], k["elasticity"]
    total = np.linalg.inv(np.eye(4) - arrows)
    cov = total @ np.diag([1.0, 0.06**2, 0.05**2, 0.2**2]) @ total.T
    truth = scenarios.pricing(**knobs).truth
    assert truth["OLS limit"] == pytest.approx(cov[2, 3] / cov[2, 2])
    assert truth["IV limit"] == pytest.approx(cov[1, 3] / cov[1, 2])
    assert truth["elasticity"] == k["elasticity"]
    assert truth["units after a 10% cut"] == pytest.approx(0.9 ** k["elasticity"])


@BOTH
def test_no_other_price_earns_more_and_profits_agree_with_quadrature_over_footfall(knobs):
    world = scenarios.pricing(**knobs)
    eta, on_units = world.truth["elasticity"], knobs.get("footfall_on_units", 0.5)
    kappa = knobs.get("footfall_on_cost", 0.0)

    def profit(price):
        def in_week(f):
            units = 500 * (price / 12) ** eta * np.exp(on_units * f + 0.02)
            return (price - 6 * np.exp(kappa * f + 0.0018)) * units * stats.norm.pdf(f)

        return integrate.quad(in_week, -10, 10)[0]

    best = optimize.minimize_scalar(lambda p: -profit(p), bounds=(7, 40), method="bounded")
    assert world.truth["best price"] == pytest.approx(best.x, rel=1e-4)
    assert world.truth["E[profit | best price]"] == pytest.approx(-best.fun)
    assert world.truth["E[profit | do(price=12)]"] == pytest.approx(profit(12))


@BOTH
def test_a_million_simulated_weeks_agree_with_every_stated_truth(knobs):
    world, n = scenarios.pricing(**knobs), 1_000_000
    data, found = world.model.sample(n, rng=1), {}
    raw = slope("log_units ~ log_price", data)
    given = slope("log_units ~ log_price + footfall", data)
    fit = two_stage_least_squares(data, **IV)
    found["OLS limit"] = raw["estimate"], raw["std_error"]
    found["elasticity"] = given["estimate"], given["std_error"]
    found["IV limit"] = fit["estimate"], fit["std_error"]
    cheaper = world.model.imagine(data, log_price=np.log(9), rng=0)["log_units"]
    dearer = world.model.imagine(data, log_price=np.log(10), rng=0)["log_units"]
    found["units after a 10% cut"] = np.exp(cheaper - dearer).mean(), 0
    for key, price in [("E[profit | do(price=12)]", 12), ("E[profit | best price]", None)]:
        price = price or world.truth["best price"]
        weeks = world.model.do(log_price=np.log(price)).sample(n, rng=2)
        profit = (price - np.exp(weeks["log_cost"])) * np.exp(weeks["log_units"])
        found[key] = profit.mean(), profit.std() / np.sqrt(n)
    assert set(found) == set(world.truth) - {"best price"}  # see the test by optimization
    for key, (value, error) in found.items():
        assert abs(value - world.truth[key]) <= 4 * error + 1e-9, key


def test_over_many_worlds_footfall_and_cost_recover_the_elasticity_and_the_price_alone_does_not():
    analyses = {
        "price alone": lambda data: slope("log_units ~ log_price", data),
        "with footfall": lambda data: slope("log_units ~ log_price + footfall", data),
        "cost as instrument": lambda data: two_stage_least_squares(data, **IV),
    }
    worlds = replicate(
        scenarios.pricing(), analyses, n=1_000, replications=200, rng=3, estimand="elasticity"
    )
    right = worlds.loc[["with footfall", "cost as instrument"]]
    assert (abs(right["bias"]) < 4 * right["bias_error"]).all()
    assert (abs(right["coverage"] - 0.95) < 4 * np.sqrt(0.0475 / 200)).all()
    assert worlds.loc["price alone", "mean_estimate"] > 0


@BOTH
def test_cost_price_and_units_have_the_stated_medians(knobs):
    n = 100_000
    data = scenarios.pricing(**knobs).sample(n, rng=4)
    for name, median in {"log_cost": 6, "log_price": 12, "log_units": 500}.items():
        error = data[name].std() / np.sqrt(n)
        assert abs(data[name].mean() - np.log(median)) < 4 * error


def test_by_default_the_naive_elasticity_has_the_wrong_sign():
    truth = scenarios.pricing().truth
    assert truth["OLS limit"] > 0.5
    assert truth["IV limit"] == truth["elasticity"] == -3


def test_a_cost_that_moves_with_demand_or_moves_no_price_is_told_apart():
    assert scenarios.pricing(footfall_on_cost=0.01).truth["IV limit"] > -2
    assert scenarios.pricing(footfall_on_cost=-0.01).truth["IV limit"] < -4
    assert "IV limit" not in scenarios.pricing(cost_on_price=0.0).truth
    assert not scenarios.pricing().model.graph.has_edge("footfall", "log_cost")
    assert scenarios.pricing(footfall_on_cost=0.01).model.graph.has_edge("footfall", "log_cost")


@pytest.mark.parametrize("elasticity", [-1.0, -0.4, 0.5])
def test_where_demand_is_inelastic_no_price_is_best(elasticity):
    truth = scenarios.pricing(elasticity=elasticity).truth
    assert truth["best price"] == truth["E[profit | best price]"] == np.inf


def test_footfall_closes_the_backdoor_where_it_is_recorded_and_nothing_does_where_it_is_not():
    ask = {"treatment": "log_price", "outcome": "log_units"}
    for recorded in (True, False):
        world = scenarios.pricing(footfall_recorded=recorded)
        assert ("footfall" in world.sample(5, rng=0)) == recorded
        sets = identify.adjustment_sets(world.model.graph, **ask, observed=world.observed)
        assert [set(s) for s in sets] == ([{"footfall"}] if recorded else [])
        assert world.adjust_for == (("footfall",) if recorded else ())


def test_a_coefficient_that_is_not_finite_is_refused():
    for knob in TURNED:
        with pytest.raises(ValueError, match="coefficient of pricing is inf"):
            scenarios.pricing(**{knob: np.inf})
