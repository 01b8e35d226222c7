"""What every world has in common: its names are right, and so is what it says of adjustment."""

import dataclasses
import re
from pathlib import Path

import pytest

from casestudies import identify, scenarios

BIBLIOGRAPHY = Path(__file__).resolve().parent.parent / "book" / "references.bib"
CITED = set(re.findall(r"(?m)^@\w+\{([^,]+),", BIBLIOGRAPHY.read_text(encoding="utf-8")))


def test_every_world_bears_the_name_it_is_called_by():
    for name in scenarios.names():
        assert getattr(scenarios, name)().name == name


def test_a_world_is_made_by_name_of_each_part_and_never_changed():
    world = scenarios.staffing()
    parts = [getattr(world, field.name) for field in dataclasses.fields(world)]
    with pytest.raises(TypeError, match="positional"):
        scenarios.Scenario(*parts)
    with pytest.raises(dataclasses.FrozenInstanceError):
        world.treatment = "talent"


@pytest.mark.parametrize("name", scenarios.names())
def test_a_world_cites_a_source_that_is_in_the_bibliography(name):
    assert getattr(scenarios, name)().source in CITED


@pytest.mark.parametrize("name", scenarios.names())
def test_a_sample_has_the_observed_columns_and_a_truth_has_finite_numbers(name):
    world = getattr(scenarios, name)()
    sample = world.sample(50, rng=1)
    assert set(sample.columns) == set(world.observed)
    assert all(abs(float(value)) < 1e6 for value in world.truth.values())


@pytest.mark.parametrize("name", scenarios.names())
def test_the_adjustment_set_is_valid_or_there_is_none_among_the_recorded_columns(name):
    world = getattr(scenarios, name)()
    ends = {"treatment": world.treatment, "outcome": world.outcome}
    verdict = identify.backdoor(world.model.graph, **ends, adjust_for=world.adjust_for)
    if world.adjust_for:
        assert verdict.valid
    if not verdict.valid:
        recorded = [c for c in world.observed if c in world.model.graph]
        recorded = [c for c in recorded if c not in ends.values()]
        assert list(identify.adjustment_sets(world.model.graph, **ends, observed=recorded)) == []
