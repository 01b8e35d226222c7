import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

from casestudies import scenarios

BROKEN = {
    "inputs": {"workload_shift": 0.8},
    "effect": {"effect": 0, "base_shift": -0.06},
    "log": {"unlogged": 0.5},
    "all": {
        "effect": -0.1,
        "effect_junior": 0.04,
        "share_treated": 0.6,
        "share_junior": 0.5,
        "workload_shift": -0.3,
        "base_shift": 0.02,
        "unlogged": 0.2,
    },
}


def by_quadrature(treated, *, effect=-0.06, shift=0.0, base=0.0):
    """Probability of exit by adaptive quadrature over the workload."""

    def risk(x):
        chance = expit(-0.85 + 0.6 * x) + base + effect * treated
        return min(max(chance, 0), 1) * stats.norm.pdf(x, shift)

    return integrate.quad(risk, shift - 9, shift + 9, points=[-3.2, shift], epsabs=1e-12)[0]


def test_the_default_truths_are_those_of_the_equations():
    truth = scenarios.programme().truth
    # Without the clip 0.31281 and 0.25281 (computed outside the project); it adds 6e-6
    assert truth["E[exit | do(programme=0)]"] == pytest.approx(0.31281, abs=5e-6)
    assert truth["E[exit | do(programme=1)]"] == pytest.approx(0.25281, abs=1e-5)
    assert truth["ATE"] == pytest.approx(by_quadrature(1) - by_quadrature(0), abs=1e-9)
    assert truth["logged difference"] == truth["ATE"]
    assert truth["logged share treated"] == pytest.approx(0.9)


def test_the_clip_binds_for_one_treated_person_in_1300():
    lowest = (np.log(0.06 / 0.94) + 0.85) / 0.6
    assert lowest == pytest.approx(-3.17, abs=0.005)
    assert 1 / stats.norm.cdf(lowest) == pytest.approx(1300, rel=0.02)


@pytest.mark.parametrize("knobs", BROKEN.values(), ids=list(BROKEN))
def test_every_truth_holds_in_a_million_people(knobs):
    world = scenarios.programme(**knobs)
    truth, n = world.truth, 1_000_000
    people = world.model.sample(n, rng=3)
    for arm in (0, 1):
        done = world.model.do(programme=arm).sample(n, rng=4 + arm)["exit"]
        assert abs(done.mean() - truth[f"E[exit | do(programme={arm})]"]) < 4 * done.std() / n**0.5
    for junior in (0, 1):
        rates = people[people["junior"] == junior].groupby("programme")["exit"]
        error = np.sqrt((rates.var() / rates.size()).sum())
        gap = rates.mean()[1] - rates.mean()[0]
        assert abs(gap - truth[f"CATE(junior={junior})"]) < 4 * error
    logged = people[people["logged"] == 1]
    rates = logged.groupby("programme")["exit"]
    gap = rates.mean()[1] - rates.mean()[0]
    error = np.sqrt((rates.var() / rates.size()).sum())
    assert abs(gap - truth["logged difference"]) < 4 * error
    share = truth["logged share treated"]
    assert abs(logged["programme"].mean() - share) < 4 * np.sqrt(share * (1 - share) / len(logged))


def test_three_broken_worlds_look_alike_where_a_dashboard_looks():
    quiet, broken = scenarios.programme().truth, scenarios.programme(**BROKEN["effect"]).truth
    treated = "E[exit | do(programme=1)]"
    assert broken[treated] == pytest.approx(quiet[treated])  # the treated look the same
    assert broken["ATE"] == 0
    unlogged = scenarios.programme(**BROKEN["log"]).truth
    assert unlogged["ATE"] == quiet["ATE"]
    assert unlogged["logged difference"] > 0  # the log says that the programme drives people away
    drifted = scenarios.programme(**BROKEN["inputs"]).truth
    assert drifted["ATE"] == pytest.approx(quiet["ATE"], abs=1e-5)
    assert drifted[treated] > quiet[treated] + 0.1


def test_a_sample_holds_those_who_are_logged():
    assert len(scenarios.programme().sample(500, rng=1)) == 500
    some = scenarios.programme(unlogged=0.9).sample(5_000, rng=1)
    assert len(some) < 5_000
    assert list(some.index) == list(range(len(some)))


@pytest.mark.parametrize(
    ("knobs", "match"),
    [
        ({"share_treated": 1}, "share_treated must lie strictly between 0 and 1, got 1"),
        ({"share_junior": 0}, "share_junior"),
        ({"unlogged": 1}, "unlogged must lie in"),
        ({"unlogged": -0.1}, "unlogged must lie in"),
        ({"effect": float("nan")}, "must be finite"),
        ({"effect_junior": float("inf")}, "must be finite"),
        ({"workload_shift": float("inf")}, "must be finite"),
        ({"base_shift": float("nan")}, "must be finite"),
    ],
)
def test_a_knob_outside_its_range_is_refused(knobs, match):
    with pytest.raises(ValueError, match=match):
        scenarios.programme(**knobs)
