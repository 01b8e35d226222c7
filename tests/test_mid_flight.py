"""Managers who correct mid-flight: truth by two other routes, and what naive answers say."""

import inspect
from itertools import product

import numpy as np
import pytest
import statsmodels.formula.api as smf
from scipy import integrate
from scipy.special import expit

from casestudies import identify, scenarios
from casestudies.mechanisms import renamed
from casestudies.scenarios.mid_flight import population

# FACTS of the world: enumeration over histories, quadrature over talent.
KNOWN = {
    "always - never": (0.18, 1e-9),
    "CDE(mismatch_0)": (0.04, 1e-9),
    "CDE(mismatch_1)": (0.05, 1e-9),
    "CDE(mismatch_2)": (0.09, 1e-9),
    "E[exit | always]": (0.505, 1e-9),
    "E[exit | never]": (0.325, 1e-9),
    "E[exit | mismatched, corrected when silent]": (0.43191, 5e-6),
    "E[exit]": (0.39541, 5e-6),
    "E[exit | corrected when silent]": (0.37845, 5e-6),
    "E[exit | all corrected]": (0.345, 1e-9),
    "E[exit | none corrected]": (0.415, 1e-9),
    "corrections": (0.3566, 5e-5),
    "corrections | corrected when silent": (0.288, 5e-5),
    "corrections | all corrected": (0.5, 1e-9),
    "CATE(correction)": (-0.084, 5e-4),
    "naive: crude": (0.079, 5e-4),
    "naive: talent": (0.077, 5e-4),
    "naive: talent and silences": (0.087, 5e-4),
    "naive: correction": (0.484 - 0.418, 1e-3),
}
NONE = {"mismatch_on_exit": (0.0, 0.0, 0.0)}
OTHERS = {
    "mismatch_on_exit": (0.02, -0.03, 0.07),
    "silence_on_exit": 0.06,
    "talent_on_mismatch": -0.8,
    "talent_on_exit": -0.04,
    "mismatch_on_silence": 0.9,
    "silence_on_silence": -0.7,
    "resilience_on_silence": -1.4,
    "resilience_on_exit": -0.3,
    "mismatch_intercept": -0.6,
    "mismatch_on_mismatch": 2.1,
    "reaction": 1.7,
}


@pytest.mark.parametrize(("estimand", "known"), KNOWN.items())
def test_the_stated_truths_are_the_known_ones(estimand, known):
    value, rounding = known
    assert scenarios.mid_flight().truth[estimand] == pytest.approx(value, abs=rounding)


def when_silent(before, silent):
    return before * (1 - silent)


def as_before(before, silent):
    return before


# What each month's mismatch becomes, None where it is left to the managers.
REGIMES = {
    "E[exit]": (None, None, None),
    "E[exit | always]": (1, 1, 1),
    "E[exit | never]": (0, 0, 0),
    "E[exit | mismatched, corrected when silent]": (1, when_silent, when_silent),
    "E[exit | corrected when silent]": (None, when_silent, when_silent),
    "E[exit | all corrected]": (None, 0, 0),
    "E[exit | none corrected]": (None, as_before, as_before),
}


def histories(regime):
    """Every history of the world OTHERS with its chance given talent, month after month."""
    for resilience, a, s, b, t, c in product((0, 1), repeat=6):

        def chance(talent, path=(resilience, a, s, b, t, c)):
            resilience, a, s, b, t, c = path
            p = 0.5 * drawn(a, regime[0], expit(-0.8 * talent))
            p = p * drawn(s, None, expit(-0.5 + 0.9 * a - 1.4 * resilience))
            p = p * drawn(b, decided(regime[1], a, s), expit(-0.6 + 2.1 * a - 1.7 * s * a))
            p = p * drawn(t, None, expit(-0.5 + 0.9 * b - 0.7 * s - 1.4 * resilience))
            return p * drawn(c, decided(regime[2], b, t), expit(-0.6 + 2.1 * b - 1.7 * t * b))

        leave = 0.10 + 0.3 * (1 - resilience) + 0.02 * a - 0.03 * b + 0.07 * c + 0.06 * (s + t)
        yield (a, s, b, t, c), chance, leave


def drawn(value, decision, p):
    p = p if decision is None else decision
    return p if value else 1 - p


def decided(rule, before, silent):
    return rule(before, silent) if callable(rule) else rule


def total(regime, score):
    """The mean of score(path, exit) by adaptive quadrature over talent."""

    def at(talent):
        return sum(
            chance(talent) * score(path, leave - 0.04 * talent)
            for path, chance, leave in histories(regime)
        )

    return integrate.quad(at, -1, 1, epsabs=1e-9)[0] / 2


def exits(regime):
    return total(regime, lambda path, leave: leave)


def test_every_knob_enters_its_equation():
    """The equations written a second time, with other coefficients, path by path."""
    truth = scenarios.mid_flight(**OTHERS).truth
    for key, regime in REGIMES.items():
        assert truth[key] == pytest.approx(exits(regime), abs=1e-8), key
        if key[8:] in ("", " | corrected when silent"):
            number = total(regime, lambda path, _: corrections(path))
            assert truth["corrections" + key[7:-1]] == pytest.approx(number, abs=1e-8)
    never = exits((0, 0, 0))
    assert truth["always - never"] == pytest.approx(exits((1, 1, 1)) - never)
    for month in range(3):
        alone, left = [[0, 0, 0], [None] * 3], [[None] * 3, [None] * 3]
        alone[0][month] = left[0][month] = 1
        left[1][month] = 0
        assert truth[f"CDE(mismatch_{month})"] == pytest.approx(exits(alone[0]) - never)
        expected = exits(left[0]) - exits(left[1])
        assert truth[f"ATE(mismatch_{month})"] == pytest.approx(expected)


def corrections(path):
    a, _, b, _, c = path
    return a * (1 - b) + b * (1 - c)


def test_the_naive_limits_are_those_of_the_path_by_path_route():
    truth, as_is = scenarios.mid_flight(**OTHERS).truth, (None, None, None)

    def among(chosen, regime=as_is):
        share = total(regime, lambda path, _: chosen(path))
        return total(regime, lambda path, leave: chosen(path) * leave) / share

    crude = among(lambda p: p[0] * p[2] * p[4]) - among(lambda p: not (p[0] or p[2] or p[4]))
    assert truth["naive: crude"] == pytest.approx(crude, abs=1e-7)
    seen = among(lambda p: p[0] * (1 - p[2])) - among(lambda p: p[0] * p[2])
    assert truth["naive: correction"] == pytest.approx(seen, abs=1e-7)
    acted = [among(lambda p: p[0], (None, level, None)) for level in (0, 1)]
    assert truth["CATE(correction)"] == pytest.approx(acted[0] - acted[1], abs=1e-7)


def when(before, silent):
    return renamed(
        lambda mismatch, silence: mismatch * (1 - silence), mismatch=before, silence=silent
    )


SIMULATED = {
    "E[exit]": {},
    "E[exit | always]": {"mismatch_0": 1, "mismatch_1": 1, "mismatch_2": 1},
    "E[exit | never]": {"mismatch_0": 0, "mismatch_1": 0, "mismatch_2": 0},
    "E[exit | corrected when silent]": {
        "mismatch_1": when("mismatch_0", "silence_1"),
        "mismatch_2": when("mismatch_1", "silence_2"),
    },
}


@pytest.mark.parametrize("knobs", [{}, OTHERS], ids=["as told", "other knobs"])
def test_a_million_simulated_units_agree_with_the_stated_rates_and_naive_limits(knobs):
    world, n = scenarios.mid_flight(**knobs), 1_000_000
    for seed, (key, regime) in enumerate(SIMULATED.items()):
        units = world.model.do(**regime).sample(n, rng=seed)
        rate = world.truth[key]
        assert abs(units["exit"].mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / n), key
        corrected = units["mismatch_0"] * (1 - units["mismatch_1"])
        corrected += units["mismatch_1"] * (1 - units["mismatch_2"])
        if (number := "corrections" + key[7:-1]) in world.truth:
            assert abs(corrected.mean() - world.truth[number]) < 4 * corrected.std() / np.sqrt(n)
    data = world.sample(n, rng=9)
    sums = {"talent": "talent", "talent and silences": "talent + silence_1 + silence_2"}
    for name, others in sums.items():
        formula = f"exit ~ mismatch_0 + mismatch_1 + mismatch_2 + {others}"
        joint = (
            smf.ols(formula, data).fit(cov_type="HC0").t_test("mismatch_0+mismatch_1+mismatch_2")
        )
        assert abs(joint.effect[0] - world.truth[f"naive: {name}"]) < 4 * joint.sd[0, 0]


def test_every_naive_answer_fails_and_correcting_looks_harmful_though_it_helps():
    truth = scenarios.mid_flight().truth
    for naive in ("crude", "talent", "talent and silences"):
        assert truth[f"naive: {naive}"] < truth["always - never"] - 0.09
    assert truth["naive: correction"] > 0.06 > -0.08 > truth["CATE(correction)"]


def test_where_nothing_matters_every_truth_is_zero_and_the_naive_answers_are_not():
    truth = scenarios.mid_flight(**NONE).truth
    effects = [key for key in truth if key.startswith(("always", "CDE", "ATE", "CATE"))]
    assert len(effects) == 8
    assert all(abs(truth[key]) < 1e-12 for key in effects)
    rates = [truth[key] for key in truth if key.startswith("E[exit")]
    assert np.allclose(rates, 0.325)  # 0.10 and half of 0.45
    # FACTS of the null world
    assert truth["naive: crude"] == pytest.approx(-0.101, abs=5e-4)
    assert truth["naive: talent and silences"] == pytest.approx(-0.093, abs=5e-4)


def test_a_month_s_mismatch_acts_through_silence_only_where_silence_causes_exits():
    linked = scenarios.mid_flight(silence_on_exit=0.06)
    assert ("silence_1", "exit") in linked.model.graph.edges
    assert linked.truth["CDE(mismatch_0)"] > 0.05
    assert linked.truth["CDE(mismatch_2)"] == pytest.approx(0.09)
    assert ("silence_1", "exit") not in scenarios.mid_flight().model.graph.edges


def test_managers_who_do_not_react_leave_nothing_to_confound():
    world = scenarios.mid_flight(reaction=0.0)
    assert world.truth["naive: talent"] == pytest.approx(world.truth["always - never"])


def test_talent_is_enough_for_the_first_decision_and_silence_serves_the_later_ones():
    graph = scenarios.mid_flight().model.graph
    sets = {
        "mismatch_0": ["talent"],
        "mismatch_1": ["talent", "mismatch_0", "silence_1"],
        "mismatch_2": ["talent", "mismatch_1", "silence_1", "silence_2"],
    }
    for decision, adjust_for in sets.items():
        ask = {"treatment": decision, "outcome": "exit"}
        assert identify.backdoor(graph, **ask, adjust_for=adjust_for)
    flat = ["talent", "silence_1", "silence_2"]
    assert not identify.backdoor(graph, treatment="mismatch_0", outcome="exit", adjust_for=flat)


def test_resilience_is_not_recorded():
    columns = ["talent", "mismatch_0", "silence_1", "mismatch_1", "silence_2", "mismatch_2", "exit"]
    assert list(scenarios.mid_flight().sample(5, rng=0)) == columns


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"mismatch_on_exit": (0.1, 0.1)}, r"needs three numbers, .* got \(0.1, 0.1\)"),
        ({"mismatch_on_exit": 0.1}, "needs three numbers"),
        ({"reaction": np.nan}, "every knob must be a finite number"),
        ({"silence_on_exit": 0.2}, r"runs from 0.05 to 1.18 and must lie in \[0, 1\]; bring"),
        ({"mismatch_on_exit": (-0.1, 0, 0)}, "runs from -0.05 to"),
        ({"talent_on_exit": -0.2}, "runs from -0.10 to"),
    ],
)
def test_impossible_knobs_are_refused(knobs, message):
    with pytest.raises(ValueError, match=message):
        scenarios.mid_flight(**knobs)


def test_an_equation_keeps_its_values_under_other_names():
    def falls(before, noise=0.5):
        return before + noise

    again = renamed(falls, before="mismatch_1")
    assert list(inspect.signature(again).parameters) == ["mismatch_1"]
    assert again(mismatch_1=2) == 2.5
    assert renamed(lambda one, two: one - two, one="two", two="one")(one=1, two=3) == 2


def test_a_parameter_that_is_not_there_or_meets_another_is_refused():
    with pytest.raises(ValueError, match=r"no parameter 'after' to rename; it has \['before'\]"):
        renamed(lambda before: before, after="x")
    with pytest.raises(ValueError, match=r"would be \['x', 'x'\]; give each a name of its own"):
        renamed(lambda one, x: one + x, one="x")


def test_the_population_is_the_model_s_own_distribution():
    world = scenarios.mid_flight(**OTHERS)
    rows = population(world.model)
    assert rows["share"].sum() == pytest.approx(1)
    n = 400_000
    data = world.model.sample(n, rng=4)
    for name in ["talent", "resilience", "mismatch_2", "silence_2", "exit"]:
        exact = rows["share"] @ rows[name]
        assert abs(data[name].mean() - exact) < 4 * data[name].std() / np.sqrt(n)
    fixed = population(world.model.do(mismatch_0=1, mismatch_1=0))
    assert set(fixed["mismatch_0"]) == {1}
    assert len(fixed) == len(rows) / 4
