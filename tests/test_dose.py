"""The world of coaching in doses: its curve, what is seen, and its refusals."""

import numpy as np
import pytest

from casestudies import scenarios

KNOBS = [{}, {"need_on_hours": -0.7, "senior_on_hours": 2.0, "gain": 4.0, "noise_in_hours": 1.0}]


@pytest.mark.parametrize("knobs", KNOBS)
def test_the_curve_is_that_of_hours_set_for_everybody(knobs):
    world = scenarios.dose(**knobs)
    for hours in (6, 10, 14):
        score = world.model.do(hours=hours).sample(40_000, rng=1)["score"]
        error = score.std() / np.sqrt(len(score))
        assert abs(score.mean() - world.truth[f"E[score | do(hours={hours})]"]) < 4 * error


@pytest.mark.parametrize("knobs", KNOBS)
def test_what_is_seen_is_the_mean_of_those_who_got_those_hours(knobs):
    world = scenarios.dose(**knobs)
    rows = world.sample(400_000, rng=2)
    for hours in (8, 10, 12):
        near = rows[(rows["hours"] - hours).abs() < 0.05]["score"]
        error = near.std() / np.sqrt(len(near))
        assert abs(near.mean() - world.truth[f"E[score | hours={hours}]"]) < 4 * error


def test_coaching_helps_and_does_not_seem_to():
    truth = scenarios.dose().truth
    done = [truth[f"E[score | do(hours={h})]"] for h in (6, 8, 10, 12, 14)]
    seen = [truth[f"E[score | hours={h}]"] for h in (6, 8, 10, 12, 14)]
    assert done == sorted(done)
    assert done[2] == pytest.approx(55.8)
    assert done[3] - done[1] > 4.5
    assert abs(seen[3] - seen[1]) < 1


def test_impossible_knobs_are_refused():
    with pytest.raises(ValueError, match="gain is inf; give a finite number"):
        scenarios.dose(gain=np.inf)
    with pytest.raises(ValueError, match="noise_in_hours must be above 0, got 0"):
        scenarios.dose(noise_in_hours=0)
