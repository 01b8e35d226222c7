import numpy as np
import pytest
import statsmodels.formula.api as smf

from casestudies import identify, scenarios
from casestudies.sampling.montecarlo import replicate


def slope(formula, data):
    fit = smf.ols(formula, data=data).fit()
    low, high = fit.conf_int().loc["usage"]
    return {
        "estimate": fit.params["usage"],
        "std_error": fit.bse["usage"],
        "ci_low": low,
        "ci_high": high,
    }


def test_the_document_s_script_is_reproduced_bit_for_bit():
    data = scenarios.hidden_driver().sample(2_000, rng=np.random.RandomState(0))
    legacy = np.random.RandomState(0)
    z = legacy.normal(size=2_000)
    x = z + legacy.normal(size=2_000)
    y = z + legacy.normal(size=2_000)
    assert list(data) == ["activity", "usage", "spending"]
    for name, column in {"activity": z, "usage": x, "spending": y}.items():
        assert np.array_equal(data[name], column), name


def test_the_document_s_limits_are_the_stated_truths():
    truth = scenarios.hidden_driver().truth
    assert truth["raw slope"] == 0.5
    assert truth["ATE"] == 0.0
    assert truth["correlation"] == pytest.approx(1 / np.sqrt(2 * 2))


@pytest.mark.parametrize("knobs", [(1.0, 1.0, 0.0), (0.5, -2.0, 1.7)])
def test_a_million_simulated_units_agree_with_every_stated_truth(knobs):
    a, b, tau = knobs
    world = scenarios.hidden_driver(
        activity_on_usage=a, activity_on_spending=b, usage_on_spending=tau
    )
    n = 1_000_000
    data = world.sample(n, rng=1)
    raw = slope("spending ~ usage", data)
    assert abs(raw["estimate"] - world.truth["raw slope"]) < 4 * raw["std_error"]
    adjusted = slope("spending ~ usage + activity", data)
    assert abs(adjusted["estimate"] - world.truth["ATE"]) < 4 * adjusted["std_error"]
    effect = world.model.effect("spending", n=100, rng=2, usage=(1, 0))["estimate"]
    assert effect == pytest.approx(world.truth["ATE"], abs=1e-12)
    r = data["usage"].corr(data["spending"])
    assert abs(r - world.truth["correlation"]) < 4 * (1 - r**2) / np.sqrt(n)


def test_over_many_worlds_activity_removes_the_bias():
    analyses = {
        "alone": lambda data: slope("spending ~ usage", data),
        "with activity": lambda data: slope("spending ~ usage + activity", data),
    }
    worlds = replicate(scenarios.hidden_driver(), analyses, n=200, replications=100, rng=4)
    assert abs(worlds.loc["with activity", "bias"]) < 4 * worlds.loc["with activity", "bias_error"]
    assert worlds.loc["alone", "bias"] > 0.4
    assert worlds.loc["alone", "coverage"] < 0.05


def test_activity_is_the_set_to_adjust_for():
    world = scenarios.hidden_driver()
    ask = {"treatment": "usage", "outcome": "spending"}
    assert identify.adjustment_sets(world.model.graph, **ask) == [world.adjust_for]


def test_a_coefficient_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="coefficient of hidden_driver is inf"):
        scenarios.hidden_driver(usage_on_spending=np.inf)
