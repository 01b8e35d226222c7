import numpy as np
import pytest

from casestudies import identify, scenarios
from casestudies.recipes.instrumental_variables import two_stage_least_squares
from casestudies.sampling.montecarlo import replicate

COLUMNS = {"outcome": "wage", "treatment": "schooling", "instruments": "nudge"}


def test_the_document_s_script_is_reproduced_bit_for_bit():
    data = scenarios.nudge().model.sample(4_000, rng=np.random.RandomState(2))
    legacy = np.random.RandomState(2)
    z = legacy.normal(size=4_000)
    u = legacy.normal(size=4_000)
    x = 0.8 * z + u + legacy.normal(size=4_000)
    y = 2.0 * x + 3 * u + legacy.normal(size=4_000)
    for name, column in {"nudge": z, "ability": u, "schooling": x, "wage": y}.items():
        assert np.array_equal(data[name], column), name


def test_the_document_s_world_has_the_limits_worked_out_by_hand():
    truth = scenarios.nudge().truth
    assert truth["ATE"] == 2.0
    assert truth["IV limit"] == pytest.approx(2.0, abs=1e-12)
    assert truth["OLS limit"] == pytest.approx(2 + 3 / (0.64 + 1 + 1), abs=1e-12)
    assert truth["partial R2"] == pytest.approx(0.64 / 2.64, abs=1e-12)
    # Given schooling, ability is (schooling - 0.8 nudge) / 2 on average, times 3 in the wage
    assert truth["nudge given schooling"] == pytest.approx(-3 * 0.8 / 2, abs=1e-12)
    assert truth["schooling given nudge"] == pytest.approx(2 + 3 / 2, abs=1e-12)
    # By hand the residual is 5 ability + 2 and 1 noises, in truth 3 ability + 1 noise
    assert truth["hand-made error ratio"] == pytest.approx(np.sqrt(30 / 10), abs=1e-12)


def test_the_closed_forms_hold_with_every_knob_turned():
    pi, a, beta, b, delta, c = 0.5, -0.7, 1.3, 0.9, 0.4, 0.6
    truth = scenarios.nudge(
        nudge_on_schooling=pi,
        ability_on_schooling=a,
        schooling_on_wage=beta,
        ability_on_wage=b,
        nudge_on_wage=delta,
        ability_on_nudge=c,
    ).truth
    var_z, cov_zu = c**2 + 1, c
    cov_zx, cov_ux = pi * var_z + a * cov_zu, pi * cov_zu + a
    var_x = pi**2 * var_z + a**2 + 2 * pi * a * cov_zu + 1
    iv = beta + (b * cov_zu + delta * var_z) / cov_zx
    assert truth["IV limit"] == pytest.approx(iv)
    assert truth["OLS limit"] == pytest.approx(beta + (b * cov_ux + delta * cov_zx) / var_x)
    # Net of the nudge, ability has variance 1 - c^2 / (c^2 + 1) = 1 / (c^2 + 1)
    left = 1 / var_z
    given = beta + b * a * left / (a**2 * left + 1)
    assert truth["schooling given nudge"] == pytest.approx(given)
    assert truth["partial R2"] == pytest.approx(cov_zx**2 / var_z / var_x)


def by_batch(data, batches):
    """Return every stated limit, estimated in each batch, by least squares in plain numpy."""
    rows = []
    for part in np.array_split(data[["nudge", "schooling", "wage"]].to_numpy(), batches):
        z, x, y = (part - part.mean(axis=0)).T
        iv, both = z @ y / (z @ x), np.linalg.lstsq(np.c_[z, x], y, rcond=None)[0]
        by_hand = y - iv * z * (z @ x) / (z @ z)
        rows.append(
            {
                "ATE": np.nan,
                "OLS limit": x @ y / (x @ x),
                "nudge given schooling": both[0],
                "schooling given nudge": both[1],
                "partial R2": (z @ x) ** 2 / (z @ z) / (x @ x),
                "IV limit": iv,
                "hand-made error ratio": np.sqrt(by_hand @ by_hand / ((y - iv * x) ** 2).sum()),
            }
        )
    return rows


@pytest.mark.parametrize(
    "knobs",
    [{}, {"nudge_on_wage": 1.2, "ability_on_nudge": 0.5}, {"ability_on_schooling": -3.0}],
    ids=["document", "broken", "opposed"],
)
def test_a_million_simulated_units_agree_with_every_stated_truth(knobs):
    world = scenarios.nudge(**knobs)
    rows = by_batch(world.sample(1_000_000, rng=1), 100)
    assert list(rows[0]) == list(world.truth)
    for key, stated in list(world.truth.items())[1:]:
        values = np.array([row[key] for row in rows])
        assert abs(values.mean() - stated) < 4 * values.std(ddof=1) / 10, key
    effect = world.model.effect("wage", n=100, rng=2, schooling=(1, 0))["estimate"]
    assert effect == pytest.approx(world.truth["ATE"], abs=1e-12)


def test_no_column_that_is_seen_closes_the_backdoor():
    world = scenarios.nudge()
    ask = {"treatment": "schooling", "outcome": "wage"}
    assert identify.adjustment_sets(world.model.graph, **ask, observed=world.observed) == []
    assert world.adjust_for == ()


def test_over_many_worlds_the_instrument_recovers_the_effect_and_least_squares_does_not():
    def least_squares(data):
        slope = np.polyfit(data["schooling"], data["wage"], 1)[0]
        return {"estimate": slope}

    def two_stage(data):
        return two_stage_least_squares(data, **COLUMNS)

    analyses = {"OLS": least_squares, "2SLS": two_stage}
    worlds = replicate(scenarios.nudge(), analyses, n=400, replications=200, rng=3)
    assert abs(worlds.loc["2SLS", "bias"]) < 4 * worlds.loc["2SLS", "bias_error"]
    assert abs(worlds.loc["2SLS", "coverage"] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)
    assert worlds.loc["OLS", "bias"] > 1


def test_the_graph_shows_exactly_the_conditions_that_hold():
    valid = scenarios.nudge().model.graph
    assert not valid.has_edge("nudge", "wage")
    assert not valid.has_edge("ability", "nudge")
    assert scenarios.nudge(nudge_on_wage=0.1).model.graph.has_edge("nudge", "wage")
    assert scenarios.nudge(ability_on_nudge=0.1).model.graph.has_edge("ability", "nudge")


def test_an_irrelevant_nudge_has_no_iv_limit():
    truth = scenarios.nudge(nudge_on_schooling=0.0).truth
    assert "IV limit" not in truth
    assert truth["partial R2"] == 0


def test_a_coefficient_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="ability_on_wage is nan; give a finite number"):
        scenarios.nudge(ability_on_wage=np.nan)
