import numpy as np
import pytest
import statsmodels.formula.api as smf
from scipy import integrate, stats
from scipy.special import expit

from casestudies import identify, scenarios
from casestudies.recipes.standardization import standardize
from casestudies.sampling.montecarlo import replicate

COLUMNS = ["marketing_spend", "revenue", "seasonality", "competitor_action"]
TURNED = {
    "spend_on_revenue": -1.5,
    "campaign_on_revenue": 90.0,
    "season_on_campaign_effect": -20.0,
    "season_on_spend": -8.0,
    "competitor_on_spend": 17.0,
    "season_on_revenue": 35.0,
    "competitor_on_revenue": 55.0,
}
DEFAULT = {
    "spend_on_revenue": 3.0,
    "campaign_on_revenue": 150.0,
    "season_on_campaign_effect": 30.0,
    "season_on_spend": 12.0,
    "competitor_on_spend": 12.0,
    "season_on_revenue": 60.0,
    "competitor_on_revenue": -80.0,
}
BOTH = pytest.mark.parametrize("knobs", [DEFAULT, TURNED], ids=["default", "turned"])


def slope(formula, data):
    fit = smf.ols(formula, data=data).fit()
    low, high = fit.conf_int().loc["marketing_spend"]
    entries = {"estimate": fit.params["marketing_spend"], "std_error": fit.bse["marketing_spend"]}
    return entries | {"ci_low": low, "ci_high": high}


@BOTH
def test_the_slopes_of_spend_follow_from_the_matrix_of_coefficients(knobs):
    k, world = knobs, scenarios.marketing(**knobs)
    noise = np.diag([1.0, 0.25, 10.0**2, 60.0**2])  # season, competitor, spend, revenue
    arrows = np.zeros((4, 4))
    arrows[2, :2] = k["season_on_spend"], k["competitor_on_spend"]
    arrows[3, :3] = k["season_on_revenue"], k["competitor_on_revenue"], k["spend_on_revenue"]
    total = np.linalg.inv(np.eye(4) - arrows)
    cov = total @ noise @ total.T
    assert world.truth["raw slope"] == pytest.approx(cov[2, 3] / cov[2, 2])
    given = np.linalg.solve(cov[np.ix_([2, 0], [2, 0])], cov[[2, 0], 3])[0]
    assert world.truth["slope given seasonality"] == pytest.approx(given)
    assert world.truth["ATE"] == k["spend_on_revenue"]
    idle = 600 + k["competitor_on_revenue"] / 2
    assert world.truth["E[revenue | do(marketing_spend=0)]"] == pytest.approx(idle)
    spend = 60 + k["competitor_on_spend"] / 2
    assert world.truth["E[revenue]"] == pytest.approx(idle + k["spend_on_revenue"] * spend)


@BOTH
def test_the_estimands_of_the_campaign_agree_with_adaptive_quadrature(knobs):
    k, truth = knobs, scenarios.marketing("campaign", **knobs).truth

    def chance(s, c):
        return expit(-1 + (k["season_on_spend"] * s + k["competitor_on_spend"] * c) / 12)

    def idle(s, c):
        return 600 + k["season_on_revenue"] * s + k["competitor_on_revenue"] * c

    def gain(s):
        return k["campaign_on_revenue"] + k["season_on_campaign_effect"] * s

    def mean(function):
        def over_season(c):
            return integrate.quad(lambda s: function(s, c) * stats.norm.pdf(s), -12, 12)[0]

        return (over_season(0) + over_season(1)) / 2

    share = mean(chance)
    assert truth["share with campaign"] == pytest.approx(share)
    assert truth["ATE"] == pytest.approx(k["campaign_on_revenue"])
    assert truth["ATT"] == pytest.approx(mean(lambda s, c: chance(s, c) * gain(s)) / share)
    with_it = mean(lambda s, c: chance(s, c) * (idle(s, c) + gain(s))) / share
    without = mean(lambda s, c: (1 - chance(s, c)) * idle(s, c)) / (1 - share)
    assert truth["raw difference"] == pytest.approx(with_it - without)

    def given_season(s):
        p = np.array([chance(s, 0), chance(s, 1)])
        means = np.array([idle(s, 0), idle(s, 1)])
        return gain(s) + p @ means / p.sum() - (1 - p) @ means / (1 - p).sum()

    limit = integrate.quad(lambda s: given_season(s) * stats.norm.pdf(s), -12, 12)[0]
    assert truth["standardized over seasonality"] == pytest.approx(limit)


@pytest.mark.parametrize("treatment", ["spend", "campaign"])
@BOTH
def test_a_million_simulated_regions_agree_with_every_stated_truth(treatment, knobs):
    world, n = scenarios.marketing(treatment, **knobs), 1_000_000
    data, found = world.model.sample(n, rng=1), {}

    def mean(key, values):
        found[key] = values.mean(), values.std() / np.sqrt(len(values))

    mean("E[revenue]", data["revenue"])
    for value in (0, 1):
        under = world.model.do(marketing_spend=value).sample(n, rng=2 + value)["revenue"]
        mean(f"E[revenue | do(marketing_spend={value})]", under)
    effect = world.model.imagine(data, marketing_spend=1, rng=0)["revenue"]
    effect = effect - world.model.imagine(data, marketing_spend=0, rng=0)["revenue"]
    mean("ATE", effect)
    if treatment == "spend":
        raw = slope("revenue ~ marketing_spend", data)
        given = slope("revenue ~ marketing_spend + seasonality", data)
        found["raw slope"] = raw["estimate"], raw["std_error"]
        found["slope given seasonality"] = given["estimate"], given["std_error"]
    else:
        ran = data["marketing_spend"] == 1
        mean("ATT", effect[ran])
        mean("share with campaign", ran)
        arms = [data.loc[part, "revenue"] for part in (ran, ~ran)]
        error = np.sqrt(sum(arm.var() / len(arm) for arm in arms))
        found["raw difference"] = arms[0].mean() - arms[1].mean(), error
        alone = over_bins_of_season(data)
        found["standardized over seasonality"] = alone
    assert set(found) == set(world.truth)
    for key, (value, error) in found.items():
        assert abs(value - world.truth[key]) <= 4 * error + 1e-9, key


def over_bins_of_season(data):
    """Difference of arms within 400 bins of season, averaged by the bins' sizes."""
    bins = np.floor(data["seasonality"].rank() * 400 / (len(data) + 1))
    cells = data.groupby([bins, "marketing_spend"])["revenue"].agg(["mean", "var", "size"])
    cells = cells.unstack().dropna()
    weight = cells["size"].sum(axis=1) / cells["size"].sum(axis=1).sum()
    difference = cells["mean"][1] - cells["mean"][0]
    variance = (cells["var"] / cells["size"]).sum(axis=1)
    return (weight * difference).sum(), np.sqrt((weight**2 * variance).sum())


def test_over_many_worlds_both_columns_recover_the_ate_of_spend_and_one_or_none_do_not():
    formulas = {
        "raw": "revenue ~ marketing_spend",
        "season": "revenue ~ marketing_spend + seasonality",
        "both": "revenue ~ marketing_spend + seasonality + competitor_action",
    }
    analyses = {k: lambda data, f=f: slope(f, data) for k, f in formulas.items()}
    worlds = replicate(scenarios.marketing(), analyses, n=400, replications=100, rng=3)
    assert abs(worlds.loc["both", "bias"]) < 4 * worlds.loc["both", "bias_error"]
    assert abs(worlds.loc["both", "coverage"] - 0.95) < 4 * np.sqrt(0.0475 / 100)
    assert worlds.loc["raw", "bias"] > 1
    assert worlds.loc["season", "bias"] < -1


def test_over_many_worlds_both_columns_recover_the_ate_of_the_campaign():
    ask = {"outcome": "revenue", "treatment": "marketing_spend"}
    sets = {"raw": [], "season": ["seasonality"], "both": ["seasonality", "competitor_action"]}
    analyses = {k: lambda d, v=v: standardize(d, **ask, adjust_for=v) for k, v in sets.items()}
    world = scenarios.marketing("campaign")
    worlds = replicate(world, analyses, n=500, replications=100, rng=4)
    assert abs(worlds.loc["both", "bias"]) < 4 * worlds.loc["both", "bias_error"]
    assert worlds.loc["raw", "bias"] > 30
    assert worlds.loc["season", "bias"] < -10


@pytest.mark.parametrize("treatment", ["spend", "campaign"])
def test_the_columns_are_the_documents_and_only_both_causes_close_the_backdoors(treatment):
    world = scenarios.marketing(treatment)
    data = world.sample(200, rng=5)
    assert list(data.columns) == COLUMNS
    assert set(data["competitor_action"]) == {0, 1}
    assert (set(data["marketing_spend"]) == {0, 1}) == (treatment == "campaign")
    ask = {"treatment": "marketing_spend", "outcome": "revenue"}
    sets = identify.adjustment_sets(world.model.graph, **ask, observed=world.observed)
    assert [set(s) for s in sets] == [{"seasonality", "competitor_action"}]
    assert set(world.adjust_for) == {"seasonality", "competitor_action"}


@pytest.mark.parametrize("treatment", ["spend", "campaign"])
def test_the_defaults_are_those_of_the_story(treatment):
    stated = scenarios.marketing(treatment, **DEFAULT).truth
    assert dict(scenarios.marketing(treatment).truth) == dict(stated)


@pytest.mark.parametrize("treatment", ["spend", "campaign"])
def test_revenue_scatters_by_60_around_its_equation(treatment):
    n, world = 100_000, scenarios.marketing(treatment)
    data = world.model.do(marketing_spend=0).sample(n, rng=6)
    rest = data["revenue"] - 600 - 60 * data["seasonality"] + 80 * data["competitor_action"]
    assert abs(rest.std() - 60) < 4 * 60 / np.sqrt(2 * n)


def test_refusals_name_what_was_wrong():
    with pytest.raises(ValueError, match=r"treatment must be one of .*'campaign'.*got 'ads'"):
        scenarios.marketing("ads")
    for knob in DEFAULT:
        with pytest.raises(ValueError, match="coefficient of marketing is nan"):
            scenarios.marketing(**{knob: np.nan})
