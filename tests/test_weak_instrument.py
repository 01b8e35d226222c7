import numpy as np
import pytest
from scipy import stats

from casestudies import scenarios
from casestudies.recipes.instrumental_variables import two_stage_least_squares, wald
from casestudies.recipes.weak_instruments import anderson_rubin, first_stage

COLUMNS = {"outcome": "wage", "treatment": "schooling"}
KNOBS = [
    {"groups": 2, "partial_r2": 0.1, "endogeneity": 0.8, "schooling_on_wage": 0.5},
    {"groups": 5, "partial_r2": 0.2, "endogeneity": -0.6, "schooling_on_wage": -1.0},
    {"groups": 4, "partial_r2": 0.3, "endogeneity": 0.3, "group_on_wage": 0.2},
]


def standardized_group(data, groups):
    score = np.arange(groups)
    return (data["group"] - score.mean()) / score.std()


@pytest.mark.parametrize("knobs", KNOBS, ids=["two", "five", "leaking"])
def test_a_million_simulated_units_agree_with_every_stated_truth(knobs):
    world, n = scenarios.weak_instrument(**knobs), 1_000_000
    data = world.sample(n, rng=1)
    z, x, y = standardized_group(data, knobs["groups"]), data["schooling"], data["wage"]
    assert set(world.truth) == {"ATE", "OLS limit", "IV limit", "partial R2"}
    slope, _, r, _, error = stats.linregress(x, y)
    assert abs(slope - world.truth["OLS limit"]) < 4 * error
    r = np.corrcoef(z, x)[0, 1]
    r2_error = 2 * abs(r) * (1 - r**2) / np.sqrt(n)
    assert abs(r**2 - world.truth["partial R2"]) < 4 * r2_error
    iv = np.cov(z, y)[0, 1] / np.cov(z, x)[0, 1]
    residual = y - iv * x
    iv_error = residual.std() / np.sqrt(n) / abs(r) / x.std()
    assert abs(iv - world.truth["IV limit"]) < 4 * iv_error
    effect = world.model.effect("wage", n=50, rng=2, schooling=(1, 0))["estimate"]
    assert effect == pytest.approx(world.truth["ATE"], abs=1e-12)


@pytest.mark.parametrize("knobs", KNOBS[:2], ids=["two", "five"])
def test_errors_have_variance_one_and_the_stated_correlation(knobs):
    world, n = scenarios.weak_instrument(**knobs), 400_000
    data = world.sample(n, rng=3)
    pi = np.sqrt(knobs["partial_r2"] / (1 - knobs["partial_r2"]))
    v = data["schooling"] - pi * standardized_group(data, knobs["groups"])
    u = data["wage"] - knobs["schooling_on_wage"] * data["schooling"]
    for error in (u, v):
        assert abs(error.var() - 1) < 4 * np.sqrt(2 / n)
    rho = np.corrcoef(u, v)[0, 1]
    assert abs(rho - knobs["endogeneity"]) < 4 * (1 - rho**2) / np.sqrt(n)


def test_groups_are_equally_likely_whole_numbers():
    counts = np.bincount(scenarios.weak_instrument(groups=7).sample(70_000, rng=4)["group"])
    assert stats.chisquare(counts).pvalue > 1e-4
    assert len(counts) == 7


def test_the_expected_first_stage_f_is_as_stated():
    world, n = scenarios.weak_instrument(groups=5, partial_r2=0.02), 1_000
    f = []
    for seed in range(150):
        data = world.sample(n, rng=seed).astype({"group": "category"})
        table = first_stage(data, treatment="schooling", instruments="group")
        f.append(table.loc["F", "value"])
    expected = 1 + n * (0.02 / 0.98) / 4
    assert abs(np.mean(f) - expected) < 4 * np.std(f) / np.sqrt(150)


def test_the_instrument_recovers_the_effect_where_the_naive_slope_does_not():
    world = scenarios.weak_instrument()
    assert world.truth["OLS limit"] - world.truth["ATE"] > 0.5
    draws = [world.sample(4_000, rng=seed) for seed in range(150)]
    covered = 0
    for data in draws:
        pieces = anderson_rubin(data, **COLUMNS, instruments="group")["pieces"]
        covered += any(low <= world.truth["ATE"] <= high for low, high in pieces)
    assert abs(covered / 150 - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 150)
    answers = [wald(data, **COLUMNS, instrument="group")["estimate"] for data in draws]
    middle, spread = np.median(answers), stats.iqr(answers)
    assert abs(middle - world.truth["ATE"]) < 4 * 0.93 * spread / np.sqrt(150)
    naive = [stats.linregress(data["schooling"], data["wage"]).slope for data in draws]
    assert min(naive) > world.truth["ATE"] + 0.5


def test_a_weak_instrument_magnifies_a_direct_effect():
    limits = [
        scenarios.weak_instrument(partial_r2=r2, group_on_wage=0.05).truth for r2 in (0.2, 0.001)
    ]
    bias = [abs(truth["IV limit"] - truth["ATE"]) for truth in limits]
    naive = [abs(truth["OLS limit"] - truth["ATE"]) for truth in limits]
    assert bias[0] < naive[0]
    assert bias[1] > naive[1]


def test_irrelevant_groups_have_no_iv_limit():
    world = scenarios.weak_instrument(partial_r2=0.0, groups=31)
    assert "IV limit" not in world.truth
    data = world.sample(3_000, rng=5).astype({"group": "category"})
    fit = two_stage_least_squares(data, **COLUMNS, instruments="group")
    assert abs(fit["estimate"] - world.truth["OLS limit"]) < 4 * fit["std_error"]


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"groups": 1}, "groups must be a whole number of at least 2, got 1"),
        ({"groups": 2.5}, "groups must be a whole number of at least 2, got 2.5"),
        ({"partial_r2": 1.0}, r"partial_r2 must lie in \[0, 1\), got 1.0"),
        ({"partial_r2": -0.1}, r"partial_r2 must lie in \[0, 1\), got -0.1"),
        ({"endogeneity": 1.0}, "endogeneity must lie strictly between -1 and 1, got 1.0"),
        ({"group_on_wage": np.inf}, "must be finite"),
    ],
)
def test_a_knob_out_of_range_is_refused(knobs, words):
    with pytest.raises(ValueError, match=words):
        scenarios.weak_instrument(**knobs)
