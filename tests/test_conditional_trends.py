"""A world whose trends are parallel given schooling, and a bad control among the candidates."""

import numpy as np
import pytest
from scipy import special, stats

from casestudies import identify, scenarios
from casestudies.recipes.difference_in_differences import doubly_robust_did, two_by_two

NAMES = {"outcome": "earnings", "unit": "person", "treated": "treated", "post": "post"}
KNOBS = [
    {},
    {"selection": 0.4, "hidden_selection": 1.5, "growth_by_schooling": -2.0, "noise": 2.0},
    {"effect_on_hours": -3.0, "pay_per_hour": 0.5, "direct_effect": -1.0, "growth": 0.0},
]


def by_integration(selection=1.0, hidden_selection=-1.0):
    """Mean schooling of takers less that of others, by sums over a grid of both variables."""
    x, u = np.meshgrid(*[np.linspace(-8, 8, 401)] * 2)
    density = stats.norm.pdf(x) * stats.norm.pdf(u)
    taken = special.expit(-0.5 + selection * x + hidden_selection * u)
    means = [np.sum(x * density * p) / np.sum(density * p) for p in (taken, 1 - taken)]
    return means[0] - means[1]


def test_the_defaults_are_two_of_effect_of_which_hours_carry_half():
    truth = scenarios.conditional_trends().truth
    assert truth["ATT"] == 1 + 0.25 * 4
    assert truth["DiD given schooling and hours"] == 1
    assert truth["DiD"] == pytest.approx(2 + (1.5 + 2 * 0.25) * by_integration(), abs=1e-9)


@pytest.mark.parametrize("knobs", KNOBS)
def test_large_samples_converge_to_the_stated_truths(knobs):
    world = scenarios.conditional_trends(**knobs)
    data = world.sample(20_000, rng=1)
    for result, name in [
        (two_by_two(data, **NAMES), "DiD"),
        (doubly_robust_did(data, **NAMES, adjust_for="schooling"), "ATT"),
        (
            doubly_robust_did(data, **NAMES, adjust_for=["schooling", "hours"]),
            "DiD given schooling and hours",
        ),
    ]:
        assert abs(result["estimate"] - world.truth[name]) < 4 * result["std_error"]


def test_the_model_s_own_intervention_gives_the_att():
    world = scenarios.conditional_trends()
    units = world.model.sample(50_000, rng=2)
    takers = units[units["treated"] == 1]
    without = world.model.imagine(takers, treated=0, rng=3)
    gain = takers["earnings_after"] - without["earnings_after"]
    assert gain.mean() == pytest.approx(world.truth["ATT"], abs=1e-9)


def test_levels_given_schooling_and_the_plain_change_both_fail():
    world = scenarios.conditional_trends()
    data = world.sample(20_000, rng=4)
    plain = two_by_two(data, **NAMES)
    assert plain["estimate"] - world.truth["ATT"] > 20 * plain["std_error"]
    verdict = identify.backdoor(
        world.model.graph,
        treatment="treated",
        outcome="earnings_after",
        adjust_for=["schooling"],
    )
    assert not verdict.valid  # the drive confounds levels
    assert set(data) == set(world.observed)


def test_the_interval_given_schooling_covers_and_that_given_hours_does_not():
    world, rng = scenarios.conditional_trends(), np.random.default_rng(5)
    held = np.zeros((120, 2))
    for row in held:
        data = world.sample(300, rng=rng)
        for place, names in enumerate((["schooling"], ["schooling", "hours"])):
            found = doubly_robust_did(data, **NAMES, adjust_for=names)
            row[place] = found["ci_low"] < world.truth["ATT"] < found["ci_high"]
    assert abs(held[:, 0].mean() - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 120)
    assert held[:, 1].mean() < 0.6


def test_with_trends_parallel_as_they_are_the_plain_change_is_right():
    world = scenarios.conditional_trends(growth_by_schooling=-0.5)
    assert world.truth["DiD"] == pytest.approx(world.truth["ATT"])


def test_knobs_out_of_range_are_refused():
    for knobs, message in [
        ({"noise": 0}, "noise is 0, a standard deviation; give a number above 0"),
        ({"growth": np.nan}, "growth is nan; give a finite number"),
        ({"selection": 0, "hidden_selection": 0}, "the course is a coin"),
    ]:
        with pytest.raises(ValueError, match=message):
            scenarios.conditional_trends(**knobs)
