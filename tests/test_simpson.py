from fractions import Fraction

import numpy as np
import pytest
from enumeration import joint, mean

from casestudies import identify, scenarios
from casestudies.recipes.standardization import standardize
from casestudies.sampling.montecarlo import replicate
from casestudies.scm import Bernoulli

GRAPHS = ["confounder", "mediator", "proxy"]
# Successes and patients of Charig et al. (1986), as Julious and Mullee (1994) print them
SURGERY = {"small": Fraction(81, 87), "large": Fraction(192, 263)}
PERCUTANEOUS = {"small": Fraction(234, 270), "large": Fraction(55, 80)}


def test_the_published_rates_and_their_reversal():
    truth = scenarios.simpson().truth
    assert truth["raw difference"] == pytest.approx(float(Fraction(273 - 289, 350)))
    small, large = (SURGERY[size] - PERCUTANEOUS[size] for size in ("small", "large"))
    assert truth["CATE(severe=0)"] == pytest.approx(float(small))
    assert truth["CATE(severe=1)"] == pytest.approx(float(large))
    assert truth["ATE"] == pytest.approx(float((small * 357 + large * 343) / 700))
    assert truth["raw difference"] < 0 < min(small, large)


def test_all_three_graphs_give_the_same_table():
    columns = ["severe", "treated", "recovered"]
    tables = [
        joint(scenarios.simpson(graph).model).groupby(columns).sum().sort_index()
        for graph in GRAPHS
    ]
    recovered = {(0, 0): 234, (1, 0): 55, (0, 1): 81, (1, 1): 192}
    patients = {(0, 0): 270, (1, 0): 80, (0, 1): 87, (1, 1): 263}
    for table in tables:
        for cell, count in recovered.items():
            assert table[(*cell, 1)] == pytest.approx(count / 700)
            assert table[(*cell, 0)] == pytest.approx((patients[cell] - count) / 700)


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_truths_are_those_of_the_enumerated_surgery(graph):
    world = scenarios.simpson(graph)
    under = [mean(world.model.do(treated=Bernoulli(t)), "recovered") for t in (0, 1)]
    for t in (0, 1):
        assert world.truth[f"E[recovered | do(treated={t})]"] == pytest.approx(under[t])
    assert world.truth["ATE"] == pytest.approx(under[1] - under[0])
    seen = [mean(world.model, "recovered", treated=t) for t in (0, 1)]
    assert world.truth["raw difference"] == pytest.approx(seen[1] - seen[0])
    cells = {
        (t, g): mean(world.model, "recovered", treated=t, severe=g) for t in (0, 1) for g in (0, 1)
    }
    large = mean(world.model, "severe")
    weighed = (1 - large) * (cells[1, 0] - cells[0, 0]) + large * (cells[1, 1] - cells[0, 1])
    assert world.truth["standardized difference"] == pytest.approx(weighed)
    for name in ("CATE", "CDE"):
        for g in (0, 1):
            if f"{name}(severe={g})" in world.truth:
                stated = world.truth[f"{name}(severe={g})"]
                assert stated == pytest.approx(cells[1, g] - cells[0, g])


def test_the_controlled_direct_effects_are_those_of_forcing_both():
    world = scenarios.simpson("mediator")
    for g in (0, 1):
        forced = [
            mean(world.model.do(treated=Bernoulli(t), severe=Bernoulli(g)), "recovered")
            for t in (0, 1)
        ]
        assert world.truth[f"CDE(severe={g})"] == pytest.approx(forced[1] - forced[0])


def test_one_table_is_right_in_the_first_world_another_in_the_second_and_none_in_the_third():
    first, second, third = (scenarios.simpson(graph).truth for graph in GRAPHS)
    assert first["ATE"] == pytest.approx(first["standardized difference"])
    assert second["ATE"] == pytest.approx(second["raw difference"])
    assert min(abs(third["ATE"] - third[f"{k} difference"]) for k in ("raw", "standardized")) > 0.03


def test_without_recording_errors_the_proxy_is_the_confounder():
    stated = scenarios.simpson("proxy", misrecorded=0.0).truth["ATE"]
    assert stated == pytest.approx(scenarios.simpson().truth["ATE"])


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_million_simulated_patients_agree_with_the_stated_rates(graph):
    world, n = scenarios.simpson(graph), 1_000_000
    for t in (0, 1):
        rate = world.model.do(treated=t).sample(n, rng=t)["recovered"].mean()
        stated = world.truth[f"E[recovered | do(treated={t})]"]
        assert abs(rate - stated) < 4 * np.sqrt(stated * (1 - stated) / n)


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_graph_says_which_set_is_valid(graph):
    world = scenarios.simpson(graph)
    ask = {"treatment": "treated", "outcome": "recovered", "observed": world.observed}
    sets = identify.adjustment_sets(world.model.graph, **ask)
    assert sets == {"confounder": [("severe",)], "mediator": [()], "proxy": []}[graph]
    assert world.adjust_for == (sets[0] if sets else ())
    assert list(world.sample(3, rng=0)) == ["severe", "treated", "recovered"]


@pytest.mark.parametrize("graph", GRAPHS)
def test_over_many_worlds_each_analysis_is_unbiased_in_its_own_world_only(graph):
    columns = {"outcome": "recovered", "treatment": "treated"}
    analyses = {
        "raw": lambda data: standardize(data, **columns, adjust_for=[]),
        "adjusted": lambda data: standardize(data, **columns, adjust_for=["severe"]),
    }
    world = scenarios.simpson(graph)
    worlds = replicate(world, analyses, n=700, replications=50, rng=8)
    off = abs(worlds["bias"]) > 4 * worlds["bias_error"]
    right = {"confounder": "adjusted", "mediator": "raw", "proxy": None}[graph]
    assert off.to_dict() == {name: name != right for name in analyses}


def test_refusals_name_what_was_wrong():
    with pytest.raises(ValueError, match=r"graph must be one of .*got 'collider'"):
        scenarios.simpson("collider")
    with pytest.raises(ValueError, match=r"counts must have shape \(2, 2, 2\), got \(2, 2\)"):
        scenarios.simpson(counts=[[1, 2], [3, 4]])
    full = (((234, 270), (55, 55)), ((81, 87), (192, 263)))
    with pytest.raises(ValueError, match=r"treated=0, severe=1, recovered=0 of counts holds 0"):
        scenarios.simpson(counts=full)
    with pytest.raises(ValueError, match=r"misrecorded=0.1 .* below 0.0779"):
        scenarios.simpson("proxy", misrecorded=0.1)
    with pytest.raises(ValueError, match=r"misrecorded must lie in \[0, 0.5\), got 0.6"):
        scenarios.simpson("proxy", misrecorded=0.6)
