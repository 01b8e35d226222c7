import numpy as np
import pytest
import statsmodels.formula.api as smf

from casestudies import identify, scenarios
from casestudies.sampling.montecarlo import replicate

DRIVERS = ["traffic", "cpu", "latency"]


def least_squares(formula, data, name):
    fit = smf.ols(formula, data=data).fit()
    low, high = fit.conf_int().loc[name]
    entries = {"estimate": fit.params[name], "std_error": fit.bse[name]}
    return entries | {"ci_low": low, "ci_high": high}


def test_the_stated_slope_is_the_omitted_variables_formula_worked_by_hand():
    truth = scenarios.latency().truth
    assert truth["ATE"] == 0.5
    assert truth["raw slope"] == pytest.approx(0.5 + 10 * (5 * 2.25) / (25 * 2.25 + 16))
    assert truth["E[latency | do(cpu=80)]"] == pytest.approx(160)
    assert truth["E[latency | cpu=80]"] == pytest.approx(150 + 20 * truth["raw slope"])


def test_with_other_knobs_the_moments_follow_from_the_matrix_of_coefficients():
    b, a, c = -1.2, 3.0, 7.0
    world = scenarios.latency(cpu_on_latency=b, traffic_on_cpu=a, traffic_on_latency=c)
    noise = np.diag([1.5, 4.0, 10.0]) ** 2
    effects = np.array([[0, 0, 0], [a, 0, 0], [c, b, 0]])
    total = np.linalg.inv(np.eye(3) - effects)
    cov = (total @ noise @ total.T)[1:, 1:]
    assert world.truth["raw slope"] == pytest.approx(cov[0, 1] / cov[0, 0])
    correlation = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])
    assert world.truth["correlation"] == pytest.approx(correlation)
    assert world.truth["ATE"] == b


@pytest.mark.parametrize("driver", DRIVERS)
def test_all_three_worlds_have_the_same_means_and_covariances_of_cpu_and_latency(driver):
    n, world = 1_000_000, scenarios.latency(driver=driver)
    rows = world.sample(n, rng=5)[["cpu", "latency"]]
    var = np.array([72.25, 0.5 * (2 * 148.625 - 0.5 * 72.25) + 225 + 100])
    assert (abs(rows.mean() - [60, 150]) < 4 * np.sqrt(var / n)).all()
    assert (abs(rows.var() - var) < 4 * var * np.sqrt(2 / n)).all()
    spread = np.sqrt(var.prod() + 148.625**2)
    assert abs(rows.cov().iloc[0, 1] - 148.625) < 4 * spread / np.sqrt(n)
    assert world.truth["correlation"] == pytest.approx(148.625 / np.sqrt(var.prod()))


@pytest.mark.parametrize("driver", DRIVERS)
def test_simulated_seeing_and_doing_agree_with_the_stated_truths(driver):
    n, world = 1_000_000, scenarios.latency(driver=driver)
    data = world.sample(n, rng=6)
    raw = least_squares("latency ~ cpu", data, "cpu")
    assert abs(raw["estimate"] - world.truth["raw slope"]) < 4 * raw["std_error"]
    near = smf.ols("latency ~ I(cpu - 80)", data=data).fit()
    seen = world.truth["E[latency | cpu=80]"]
    assert abs(near.params["Intercept"] - seen) < 4 * near.bse["Intercept"]
    forced = world.model.do(cpu=80).sample(n, rng=7)["latency"]
    stated = world.truth["E[latency | do(cpu=80)]"]
    assert abs(forced.mean() - stated) < 4 * forced.std() / np.sqrt(n)
    effect = world.model.effect("latency", n=1_000, rng=8, cpu=(61, 60))
    assert effect["estimate"] == pytest.approx(world.truth["ATE"])


@pytest.mark.parametrize(("driver", "arrows"), [
    ("traffic", {("traffic", "cpu"), ("traffic", "latency"), ("cpu", "latency")}),
    ("cpu", {("cpu", "latency")}),
    ("latency", {("latency", "cpu")}),
])  # fmt: skip
def test_the_arrows_are_those_of_the_story(driver, arrows):
    world = scenarios.latency(driver=driver)
    assert set(world.model.graph.edges) == arrows
    ask = {"treatment": "cpu", "outcome": "latency"}
    valid = identify.backdoor(world.model.graph, **ask, adjust_for=world.adjust_for).valid
    assert valid == (driver != "latency")  # an effect on its own cause cannot be adjusted for


def test_over_many_worlds_traffic_removes_the_bias_that_the_dashboard_has():
    analyses = {
        "dashboard": lambda data: least_squares("latency ~ cpu", data, "cpu"),
        "with traffic": lambda data: least_squares("latency ~ cpu + traffic", data, "cpu"),
    }
    worlds = replicate(scenarios.latency(), analyses, n=200, replications=100, rng=3)
    assert abs(worlds.loc["with traffic", "bias"]) < 4 * worlds.loc["with traffic", "bias_error"]
    assert worlds.loc["dashboard", "bias"] > 1
    assert worlds.loc["dashboard", "coverage"] < 0.05
    assert worlds.loc["with traffic", "coverage"] > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 100)


def test_refusals_name_what_was_wrong():
    with pytest.raises(ValueError, match=r"driver must be one of .*'traffic'.*got 'disk'"):
        scenarios.latency(driver="disk")
    with pytest.raises(ValueError, match="coefficient of latency is nan"):
        scenarios.latency(traffic_on_cpu=np.nan)
