"""The world of the risk threshold: its limits by another route, and naive answers that miss."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import erf, expit

from casestudies import identify, scenarios
from casestudies.scenarios.risk_threshold import effect

TURNED = {
    "cutoff": 60.0,
    "curvature": 12.0,
    "called_above": 0.7,
    "called_below": 0.1,
    "share_nudged": 0.3,
    "second_programme": 2.0,
}
KNOBS = [
    {},
    {"called_above": 0.7, "called_below": 0.1},
    {"share_nudged": 0.3},
    {"second_programme": 4.0},
    TURNED,
]
EACH = pytest.mark.parametrize("knobs", KNOBS, ids=["sharp", "fuzzy", "nudged", "second", "all"])
FULL = {
    "cutoff": 70.0,
    "curvature": 30.0,
    "called_above": 1.0,
    "called_below": 0.0,
    "share_nudged": 0.0,
    "second_programme": 0.0,
}
REACH = (np.arange(200) + 0.5) / 200  # means of lines are exact; shares fall between them


def within(score, knobs):
    """Return mass, calls, days, visits and gains at written scores, summed over reach."""
    k, score = FULL | knobs, np.asarray(score, dtype=float)[..., np.newaxis]
    total = 0.0
    for added in (0, 5):
        risk = score - added
        close = (risk >= k["cutoff"] - 5 - 1e-9) & (risk < k["cutoff"] - 1e-9)
        nudge = close & (1 - k["share_nudged"] <= REACH)
        here = (nudge == (added > 0)) & (risk >= 0)
        share = np.where(score >= k["cutoff"], k["called_above"], k["called_below"])
        called = 1 - share <= REACH
        days = 135 - 0.3 * risk - k["curvature"] / (1 + np.exp(-(risk - 60) / 5))
        days = days + 10 * (REACH - 0.5) + k["second_programme"] * (score >= k["cutoff"])
        gain = called * (8 * np.exp(-((risk - 65) ** 2) / 288) + 6 * (REACH - 0.5))
        columns = [here, here * called, here * (days + gain), here * (4 + 4 * REACH), here * gain]
        total = total + np.array([np.broadcast_to(c, here.shape).mean(-1) for c in columns])
    return total


def over(knobs, low, high):
    """Return the profile of `within` at midpoints of fortieths of a point between two scores."""
    scores = np.arange(low + 1 / 80, high, 1 / 40)
    return scores, within(scores, knobs)


@EACH
def test_the_limits_at_the_cutoff_are_those_of_patients_listed_one_by_one(knobs):
    world, k = scenarios.risk_threshold(**knobs), FULL | knobs
    low, high = (within(k["cutoff"] + side, knobs) for side in (-1e-8, 0))
    jumps = high / high[0] - low / low[0]
    assert world.truth["RD limit"] == pytest.approx(jumps[2] / jumps[1], abs=1e-6)
    assert world.truth["jump in calls"] == pytest.approx(jumps[1])
    assert world.truth["jump in past_visits"] == pytest.approx(jumps[3], abs=1e-9)
    assert world.truth["jump in the density"] == pytest.approx(high[0] / low[0])
    ratio = (1 + k["share_nudged"]) / (1 - k["share_nudged"])
    assert world.truth["jump in the density"] == pytest.approx(ratio)


@EACH
def test_averages_are_midpoint_sums_over_the_same_patients(knobs):
    world, k = scenarios.risk_threshold(**knobs), FULL | knobs
    sides = [over(knobs, *ends)[1] for ends in ((0, k["cutoff"]), (k["cutoff"], 100))]
    widths = [k["cutoff"] / 100, 1 - k["cutoff"] / 100]
    below, above = (side.mean(1) * width for side, width in zip(sides, widths, strict=True))
    whole = below + above
    assert whole[0] == pytest.approx(1, abs=1e-9)
    expected = {
        "difference in means": above[2] / above[0] - below[2] / below[0],
        "E[days]": whole[2],
        "ATT": whole[4] / whole[1],
        "ATU": (world.truth["ATE"] - whole[4]) / (1 - whole[1]),
    }
    for key, value in expected.items():
        assert world.truth[key] == pytest.approx(value, abs=2e-4), key


@EACH
def test_the_effects_are_closed_forms(knobs):
    world, k = scenarios.risk_threshold(**knobs), FULL | knobs
    c = k["cutoff"]
    area = 8 * 12 * np.sqrt(np.pi / 2) * (erf(35 / 12 / np.sqrt(2)) + erf(65 / 12 / np.sqrt(2)))
    assert world.truth["ATE"] == pytest.approx(area / 100)
    for key, risk in {"effect at the cutoff": c, "effect at 30": 30, "effect at 90": 90}.items():
        bell = 8 * 12 * np.sqrt(2 * np.pi) * stats.norm.pdf(risk, 65, 12)
        assert world.truth[key] == pytest.approx(bell)
    compliers = integrate.quad(
        lambda u: effect(c) + 6 * (u - 0.5), 1 - k["called_above"], 1 - k["called_below"]
    )[0] / (k["called_above"] - k["called_below"])
    assert world.truth["LATE at the cutoff"] == pytest.approx(compliers)
    step = (effect(c + 1e-4) - effect(c - 1e-4)) / 2e-4
    assert world.truth["slope of the effect at the cutoff"] == pytest.approx(step, abs=1e-7)


@EACH
def test_the_polynomials_are_least_squares_on_a_fine_grid(knobs):
    world, k = scenarios.risk_threshold(**knobs), FULL | knobs
    ends = (0, k["cutoff"]), (k["cutoff"], 100)
    for order in (1, 2, 4, 6):
        values = []
        for low, high in ends:
            x, total = over(knobs, low, high)
            weights = np.sqrt(total[0])
            fit = np.polynomial.Polynomial.fit(x, total[2] / total[0], order, w=weights)
            values.append(fit(k["cutoff"]))
        key = f"polynomial limit (order={order})"
        assert world.truth[key] == pytest.approx(values[1] - values[0], abs=2e-3)


def test_without_the_bend_a_polynomial_is_nearly_right():
    bent, straight = (scenarios.risk_threshold(curvature=g).truth for g in (30.0, 0.0))
    key = "polynomial limit (order=4)"
    assert bent[key] - bent["effect at the cutoff"] > 2
    assert abs(straight[key] - straight["effect at the cutoff"]) < 0.05


@EACH
def test_a_million_patients_agree_with_every_average_and_with_the_balance_at_the_line(knobs):
    world, k = scenarios.risk_threshold(**knobs), FULL | knobs
    data = world.model.sample(1_000_000, rng=3)
    above = data["score"] >= k["cutoff"]
    days = [data.loc[side, "days"] for side in (above, ~above)]
    error = np.hypot(*(d.std() / np.sqrt(len(d)) for d in days))
    gap = days[0].mean() - days[1].mean()
    assert abs(gap - world.truth["difference in means"]) < 4 * error
    assert abs(data["days"].mean() - world.truth["E[days]"]) < 4 * data["days"].std() / 1_000
    near = [data[abs(data["score"] - k["cutoff"] - s) < 0.5] for s in (0.5, -0.5)]
    assert data["score"].max() < 100
    ratio = len(near[0]) / len(near[1])
    assert ratio == pytest.approx(world.truth["jump in the density"], rel=4 * np.sqrt(2 / 7_000))
    visits = [n["past_visits"] for n in near]
    error = np.hypot(*(v.std() / np.sqrt(len(v)) for v in visits))
    jump = visits[0].mean() - visits[1].mean()
    assert abs(jump - world.truth["jump in past_visits"]) < 4 * error
    calls = near[0]["called"].mean() - near[1]["called"].mean()
    assert abs(calls - world.truth["jump in calls"]) < 4 * np.sqrt(0.5 / 7_000)


@pytest.mark.parametrize("knobs", KNOBS[:2], ids=["sharp", "fuzzy"])
def test_effects_are_differences_between_the_same_patients_with_calls_and_without(knobs):
    world = scenarios.risk_threshold(**knobs)
    data = world.model.sample(1_000_000, rng=4)
    with_calls, without = (world.model.imagine(data, called=d, rng=0)["days"] for d in (1, 0))
    gain, called = with_calls - without, data["called"] == 1
    near = abs(data["score"] - 70) < 0.25
    k = FULL | knobs
    compliers = near & data["reach"].between(1 - k["called_above"], 1 - k["called_below"])
    means = {"ATE": gain, "ATT": gain[called], "ATU": gain[~called]}
    means |= {"effect at the cutoff": gain[near], "LATE at the cutoff": gain[compliers]}
    for key, values in means.items():
        error = values.std() / np.sqrt(len(values))
        assert abs(values.mean() - world.truth[key]) < 4 * error, key


def test_by_default_every_naive_answer_is_wrong_and_they_disagree_in_sign():
    truth = scenarios.risk_threshold().truth
    assert truth["RD limit"] == pytest.approx(truth["effect at the cutoff"])
    assert truth["difference in means"] < -25
    assert truth["polynomial limit (order=1)"] < -2
    assert truth["polynomial limit (order=3)"] > truth["effect at the cutoff"] + 2
    assert truth["polynomial limit (order=4)"] > truth["effect at the cutoff"] + 2
    for far in ("effect at 30", "effect at 50", "effect at 90", "ATT", "ATE"):
        assert truth[far] < 0.6 * truth["effect at the cutoff"]


def test_each_knob_breaks_what_it_says_and_nothing_else():
    base = scenarios.risk_threshold().truth
    second = scenarios.risk_threshold(second_programme=4.0).truth
    assert second["RD limit"] - base["RD limit"] == pytest.approx(4)
    assert second["jump in the density"] == 1
    assert second["jump in past_visits"] == pytest.approx(0)
    nudged = scenarios.risk_threshold(share_nudged=0.3).truth
    assert nudged["RD limit"] > base["RD limit"] + 3
    assert nudged["jump in past_visits"] > 0.5
    assert nudged["effect at the cutoff"] == base["effect at the cutoff"]
    fuzzy = scenarios.risk_threshold(called_above=0.7, called_below=0.1).truth
    assert fuzzy["RD limit"] == pytest.approx(fuzzy["LATE at the cutoff"])
    assert fuzzy["LATE at the cutoff"] != base["LATE at the cutoff"]


def test_the_graph_has_the_arrows_that_the_knobs_ask_for():
    plain = scenarios.risk_threshold()
    assert not plain.model.graph.has_edge("reach", "score")
    assert not plain.model.graph.has_edge("score", "days")
    assert scenarios.risk_threshold(share_nudged=0.1).model.graph.has_edge("reach", "score")
    assert scenarios.risk_threshold(second_programme=1.0).model.graph.has_edge("score", "days")
    ask = {"treatment": "called", "outcome": "days"}
    sets = identify.adjustment_sets(plain.model.graph, **ask, observed=plain.observed)
    assert not sets
    assert list(plain.sample(3, rng=0)) == ["score", "past_visits", "called", "days"]


def test_base_risk_and_effect_have_the_stated_form():
    data = scenarios.risk_threshold().model.do(called=0).sample(400_000, rng=8)
    rest = data["days"] - 10 * (data["reach"] - 0.5)
    rest -= 135 - 0.3 * data["risk"] - 30 * expit((data["risk"] - 60) / 5)
    assert abs(rest.mean()) < 4 * 8 / np.sqrt(400_000)
    assert rest.std() == pytest.approx(8, rel=4 / np.sqrt(800_000))


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"cutoff": 5.0}, "cutoff must lie from 10 to 90, got 5"),
        ({"cutoff": np.nan}, "cutoff must lie from 10 to 90, got nan"),
        ({"called_above": 1.2}, "called_above must lie between 0 and 1, got 1.2"),
        ({"called_below": -0.1}, "called_below must lie between 0 and 1, got -0.1"),
        ({"called_above": 0.4, "called_below": 0.4}, "called_above must exceed called_below"),
        ({"share_nudged": 1.0}, "share_nudged must lie in"),
        ({"curvature": np.inf}, "effect of risk_threshold is inf"),
        ({"second_programme": np.nan}, "effect of risk_threshold is nan"),
    ],
)
def test_what_no_world_can_have_is_refused(knobs, message):
    with pytest.raises(ValueError, match=message):
        scenarios.risk_threshold(**knobs)
