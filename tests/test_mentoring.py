"""The world in which the front door is the only way in, and two in which it is shut."""

import re

import pytest
from enumeration import joint, mean
from stored import ROOT

from casestudies import identify, scenarios
from casestudies.recipes.front_door import front_door
from casestudies.sampling.montecarlo import replicate

QUESTION = {"treatment": "urged", "outcome": "exit"}
COLUMNS = {**QUESTION, "mediator": "mentor"}
KNOBS = [{}, {"urging_on_exit": 0.1}, {"trouble_on_mentor": 0.2}]
KNOBS += [{"urging_on_exit": -0.05, "trouble_on_mentor": 0.1, "urging_on_mentor": 0.3}]


@pytest.mark.parametrize("knobs", KNOBS)
def test_the_truth_is_that_of_the_equations_with_one_deleted(knobs):
    world = scenarios.mentoring(**knobs)
    done = [mean(world.model.do(urged=value), "exit") for value in (0, 1)]
    seen = [mean(world.model, "exit", urged=value) for value in (0, 1)]
    assert world.truth["ATE"] == pytest.approx(done[1] - done[0])
    assert world.truth["raw difference"] == pytest.approx(seen[1] - seen[0])


@pytest.mark.parametrize("knobs", KNOBS)
def test_the_front_door_limit_is_that_of_the_enumerated_population(knobs):
    world = scenarios.mentoring(**knobs)
    p = joint(world.model)
    by = p.groupby(["urged", "mentor"]).sum()
    share = by / by.groupby("urged").transform("sum")
    exits = p.xs(1, level="exit").groupby(["urged", "mentor"]).sum() / by
    urged = p.groupby("urged").sum()
    given = exits.unstack("urged") @ urged
    limit = (share.loc[1] - share.loc[0]) @ given
    assert world.truth["front-door limit"] == pytest.approx(limit)


def test_a_direct_arrow_leaves_the_part_that_goes_through_the_mentor():
    world = scenarios.mentoring(urging_on_exit=0.1)
    kinds = joint(world.model).reset_index()
    through = 0
    for urged, sign in ((1, 1), (0, -1)):
        moved = mean(world.model.do(urged=urged), "mentor")
        for m, chance in ((1, moved), (0, 1 - moved)):
            p = 0.35 - 0.25 * m + 0.5 * kinds["trouble"] + 0.1 * kinds["urged"]
            through += sign * chance * (kinds["p"] * p).sum()
    assert world.truth["through the mentor"] == pytest.approx(through)
    assert world.truth["front-door limit"] == pytest.approx(through)
    assert abs(world.truth["ATE"] - through) > 0.05


def test_the_front_door_is_open_and_nothing_else_is():
    graph = scenarios.mentoring().model.graph
    observed = ["mentor"]
    assert list(identify.adjustment_sets(graph, **QUESTION, observed=observed)) == []
    assert not identify.backdoor(graph, **QUESTION, adjust_for=[])
    assert not identify.backdoor(graph, **QUESTION, adjust_for=["mentor"])
    assert identify.frontdoor(graph, **QUESTION, mediators="mentor")
    assert not [node for node in graph.predecessors("urged") if node != "trouble"]  # no instrument
    shut = {"urging_on_exit": 1, "trouble_on_mentor": {2, 3}}
    for knob, conditions in shut.items():
        world = scenarios.mentoring(**{knob: 0.1})
        verdict = identify.frontdoor(world.model.graph, **QUESTION, mediators="mentor")
        assert set(verdict.violations) == ({1} if conditions == 1 else conditions)


def test_the_front_door_recovers_the_effect_and_the_naive_contrast_has_the_wrong_sign():
    world = scenarios.mentoring()
    assert world.truth["ATE"] < -0.1 < 0.05 < world.truth["raw difference"]
    ways = {"front_door": lambda d: front_door(d, **COLUMNS)}
    table = replicate(world, ways, n=500, replications=200, rng=3, n_jobs=1, estimand="ATE")
    row = table.loc["front_door"]
    assert abs(row["bias"]) < 4 * row["bias_error"]
    assert abs(row["coverage"] - 0.95) < 4 * (0.95 * 0.05 / 200) ** 0.5


def test_the_decision_page_tells_the_numbers_of_this_world():
    page = (ROOT / "book" / "choosing_a_design.md").read_text(encoding="utf-8")
    said = page.split("(leaf-front-door)=")[1].split("Recipe")[0]
    plain, passed = scenarios.mentoring().truth, scenarios.mentoring(urging_on_exit=0.1).truth
    assert f"leave {100 * plain['raw difference']:.0f} points more often" in said
    assert f"urging lowers leaving by {-100 * plain['ATE']:.0f}, and so says" in said
    assert f"the effect is −{-100 * passed['ATE']:.0f}, and the front door still says −" in said
    assert f"still says −{-100 * passed['front-door limit']:.0f}." in said


@pytest.mark.parametrize(
    ("knobs", "message", "repaired"),
    [
        ({"urging_on_mentor": 0.9}, "of mentor would reach from 0.15 to 1.05", 0.8),
        ({"trouble_on_urging": -0.3}, "of urged would reach from -0.1 to 0.2", -0.1),
        ({"mentor_on_exit": -0.4}, "of exit would reach from -0.05 to 0.85", -0.3),
    ],
)
def test_impossible_chances_are_refused_by_name(knobs, message, repaired):
    with pytest.raises(ValueError, match=re.escape(message) + "; choose smaller coefficients"):
        scenarios.mentoring(**knobs)
    assert scenarios.mentoring(**dict.fromkeys(knobs, repaired)).truth


@pytest.mark.parametrize("knob", ["mentor_on_exit", "trouble_on_exit", "urging_on_mentor"])
def test_a_chance_that_is_not_a_number_is_refused(knob):
    with pytest.raises(ValueError, match="would reach from nan to nan; choose smaller"):
        scenarios.mentoring(**{knob: float("nan")})
