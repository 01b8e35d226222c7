import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

from casestudies import identify, scenarios
from casestudies.recipes.standardization import standardize

KNOBS = {
    "health_on_drug": -0.7,
    "effect": -2.0,
    "heterogeneity": 0.8,
    "health_on_severity": -4.0,
    "curvature": 1.5,
}


def normal_mean(function):
    return integrate.quad(lambda h: function(h) * stats.norm.pdf(h), -12, 12, epsabs=1e-12)[0]


def test_every_truth_is_the_formula_written_a_second_time():
    truth = scenarios.hospital(**KNOBS).truth

    def treated(h):
        return expit(-1 - 0.7 * h)

    def gain(h):
        return -2.0 + 0.8 * h

    def untreated(h):  # age given health averages -h / 2 and counts twice
        return 50 - 4 * h + 1.5 * (h**2 - 1) - h

    share = normal_mean(treated)
    att = normal_mean(lambda h: treated(h) * gain(h)) / share
    atu = normal_mean(lambda h: (1 - treated(h)) * gain(h)) / (1 - share)
    bias = normal_mean(lambda h: treated(h) * untreated(h)) / share
    bias -= normal_mean(lambda h: (1 - treated(h)) * untreated(h)) / (1 - share)
    assert truth["ATE"] == pytest.approx(-2.0)
    assert truth["ATT"] == pytest.approx(att)
    assert truth["ATU"] == pytest.approx(atu)
    assert truth["selection bias"] == pytest.approx(bias)
    assert truth["raw difference"] == pytest.approx(att + bias)


@pytest.mark.parametrize("knobs", [{}, {"curvature": 3.0}, {"frailty": 1.0}, KNOBS])
def test_a_million_units_agree_with_every_truth(knobs):
    world, n = scenarios.hospital(**knobs), 1_000_000
    units = world.model.sample(n, rng=3)
    both = [world.model.imagine(units, drug=d, rng=0)["severity"] for d in (1, 0)]
    gain, treated = both[0] - both[1], units["drug"] == 1
    for key, who in {"ATE": slice(None), "ATT": treated, "ATU": ~treated}.items():
        error = gain[who].std() / np.sqrt(len(gain[who])) + 1e-9
        assert abs(gain[who].mean() - world.truth[key]) < 4 * error, key
    spread = units.groupby("drug")["severity"].agg(["mean", "var", "size"])
    error = np.sqrt((spread["var"] / spread["size"]).sum())
    raw = spread["mean"][1] - spread["mean"][0]
    assert abs(raw - world.truth["raw difference"]) < 4 * error
    base = both[1].groupby(treated).agg(["mean", "var", "size"])
    bias = base["mean"][True] - base["mean"][False]
    error = np.sqrt((base["var"] / base["size"]).sum())
    assert abs(bias - world.truth["selection bias"]) < 4 * error


@pytest.mark.parametrize("frailty", [0.0, 0.5])
def test_the_equations_have_their_stated_moments(frailty):
    units = scenarios.hospital(frailty=frailty).model.do(drug=0).sample(400_000, rng=4)
    assert abs(units["health"].var() - 1) < 4 * np.sqrt(2 / 400_000)
    assert abs(units["age"].corr(units["health"]) + 0.5) < 4 * 0.75 / np.sqrt(400_000)
    residual = units["severity"] - 50 + 6 * units["health"] - 2 * units["age"]
    residual -= 4 * frailty * units.get("frailty", 0)
    assert abs(residual.mean()) < 4 * 4 / np.sqrt(400_000)
    assert abs(residual.var() - 16) < 4 * 16 * np.sqrt(2 / 400_000)


def test_the_raw_comparison_has_the_wrong_sign_and_health_repairs_it():
    world = scenarios.hospital()
    assert world.truth["raw difference"] > 1 > 0 > world.truth["ATE"]
    assert world.truth["ATT"] < world.truth["ATE"] - 0.5
    rng = np.random.default_rng(5)
    columns = {"outcome": "severity", "treatment": "drug", "adjust_for": "health"}
    found = [standardize(world.sample(1_500, rng=rng), **columns)["estimate"] for _ in range(60)]
    assert abs(np.mean(found) - world.truth["ATE"]) < 4 * np.std(found) / np.sqrt(60)


def test_health_is_a_valid_set_and_with_frailty_no_recorded_set_is():
    ask = {"treatment": "drug", "outcome": "severity"}
    world = scenarios.hospital()
    assert identify.backdoor(world.model.graph, **ask, adjust_for=world.adjust_for).valid
    frail = scenarios.hospital(frailty=0.5)
    recorded = ["age", "health"]
    assert identify.adjustment_sets(frail.model.graph, **ask, observed=recorded) == []
    assert frail.adjust_for == ()
    assert "frailty" not in frail.sample(5, rng=0)


def test_a_world_without_confounding_is_refused():
    with pytest.raises(ValueError, match="health_on_drug=0 leaves nothing confounded"):
        scenarios.hospital(health_on_drug=0)
