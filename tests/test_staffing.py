import numpy as np
import pytest
import statsmodels.formula.api as smf
from scipy import integrate, stats
from scipy.special import expit

from casestudies import identify, scenarios

# FACTS of the document's world: Gauss-Hermite over talent, five digits.
KNOWN = {
    "ATE": 0.29346,
    "CDE(silence=0)": 0.09975,
    "CDE(silence=1)": 0.25738,
    "NDE": 0.11854,
    "NIE": 0.17492,
    "E[exit | do(mismatch=1)]": 0.36877,
    "E[exit | do(mismatch=0)]": 0.07531,
}


@pytest.mark.parametrize(("estimand", "value"), KNOWN.items())
def test_the_stated_truths_are_the_known_ones(estimand, value):
    assert scenarios.staffing().truth[estimand] == pytest.approx(value, abs=5e-6)


def test_the_levers_move_the_exit_rate_as_known():
    truth = scenarios.staffing().truth
    assert truth["E[exit]"] == pytest.approx(0.2395, abs=5e-5)
    assert truth["E[exit | do(silence=0)]"] == pytest.approx(0.1126, abs=5e-5)


def test_the_document_s_numpy_script_is_reproduced_bit_for_bit():
    data = scenarios.staffing().sample(10_000, rng=np.random.RandomState(42))
    legacy = np.random.RandomState(42)
    talent = legacy.normal(0, 1, 10_000)
    mismatch = legacy.binomial(1, 1 / (1 + np.exp(-(1.5 * talent))))
    silence = legacy.binomial(1, 1 / (1 + np.exp(-(-2.0 + 2.5 * mismatch))))
    logit = -3.0 + 1.2 * mismatch + 1.8 * silence + 0.5 * talent
    leave = legacy.binomial(1, 1 / (1 + np.exp(-logit)))
    expected = {"talent": talent, "mismatch": mismatch, "silence": silence, "exit": leave}
    assert list(data) == list(expected)
    for name, column in expected.items():
        assert np.array_equal(data[name], column), name


def normal_mean(function):
    return integrate.quad(lambda x: function(x) * stats.norm.pdf(x), -12, 12, epsabs=1e-12)[0]


def test_every_knob_enters_its_equation():
    """The formulas written a second time, with seven other coefficients, by adaptive quadrature."""
    knobs = {
        "talent_on_mismatch": -0.8,
        "silence_intercept": 0.4,
        "mismatch_on_silence": -1.1,
        "exit_intercept": -0.7,
        "mismatch_on_exit": 0.9,
        "silence_on_exit": -1.3,
        "talent_on_exit": 1.7,
    }
    truth = scenarios.staffing(**knobs).truth

    def leave(a, m, x):
        return expit(-0.7 + 0.9 * a - 1.3 * m + 1.7 * x)

    def under(a, x, silenced_as=None):
        q = expit(0.4 - 1.1 * (a if silenced_as is None else silenced_as))
        return (1 - q) * leave(a, 0, x) + q * leave(a, 1, x)

    def matched(x):
        return expit(-0.8 * x)

    share = normal_mean(matched)
    assert truth["E[exit | do(mismatch=1)]"] == pytest.approx(normal_mean(lambda x: under(1, x)))
    assert truth["E[exit | do(mismatch=0)]"] == pytest.approx(normal_mean(lambda x: under(0, x)))
    assert truth["ATE"] == pytest.approx(normal_mean(lambda x: under(1, x) - under(0, x)))
    att = normal_mean(lambda x: matched(x) * (under(1, x) - under(0, x))) / share
    assert truth["ATT"] == pytest.approx(att)
    nde = normal_mean(lambda x: under(1, x, 0) - under(0, x))
    assert truth["NDE"] == pytest.approx(nde)
    assert truth["NIE"] == pytest.approx(truth["ATE"] - nde)
    for m in (0, 1):
        cde = normal_mean(lambda x, m=m: leave(1, m, x) - leave(0, m, x))
        assert truth[f"CDE(silence={m})"] == pytest.approx(cde)
        forced = normal_mean(
            lambda x, m=m: matched(x) * leave(1, m, x) + (1 - matched(x)) * leave(0, m, x)
        )
        assert truth[f"E[exit | do(silence={m})]"] == pytest.approx(forced)
    raw = normal_mean(lambda x: matched(x) * under(1, x)) / share
    raw -= normal_mean(lambda x: (1 - matched(x)) * under(0, x)) / (1 - share)
    assert truth["raw difference"] == pytest.approx(raw)


def binomial_error(p, n):
    return np.sqrt(p * (1 - p) / n)


@pytest.mark.parametrize("knobs", [{}, {"stress_on_both": 1.2}, {"symptom_only": True}])
def test_a_million_simulated_units_agree_with_every_stated_rate(knobs):
    world, n = scenarios.staffing(**knobs), 1_000_000
    actions = [{}, {"mismatch": 0}, {"mismatch": 1}, {"silence": 0}, {"silence": 1}]
    for seed, action in enumerate(actions):
        key = "E[exit | " + ", ".join(f"do({k}={v})" for k, v in action.items()) + "]"
        stated = world.truth[key if action else "E[exit]"]
        simulated = world.model.do(**action).sample(n, rng=seed)["exit"].mean()
        assert abs(simulated - stated) < 4 * binomial_error(stated, n), key
    units = world.model.sample(n, rng=9)
    effect = world.model.imagine(units, mismatch=1, rng=1)["exit"]
    effect = effect - world.model.imagine(units, mismatch=0, rng=2)["exit"]
    treated = effect[units["mismatch"] == 1]
    assert abs(treated.mean() - world.truth["ATT"]) < 4 * treated.std() / np.sqrt(len(treated))
    rates = units.groupby("mismatch")["exit"].mean()
    raw = rates[1] - rates[0]
    error = np.sqrt(sum(binomial_error(r, n / 2) ** 2 for r in rates))
    assert abs(raw - world.truth["raw difference"]) < 4 * error


@pytest.mark.parametrize("knobs", [{"stress_on_both": 1.2}, {"symptom_only": True}])
def test_direct_and_indirect_effects_of_the_variants_agree_with_simulation(knobs):
    world, n = scenarios.staffing(**knobs), 1_000_000
    for m in (0, 1):
        cde = world.model.effect("exit", n=n, rng=m, mismatch=(1, 0), silence=(m, m))
        assert abs(cde["estimate"] - world.truth[f"CDE(silence={m})"]) < 4 * cde["std_error"]
    total = world.truth["NDE"] + world.truth["NIE"]
    assert total == pytest.approx(world.truth["ATE"])
    if "symptom_only" in knobs:
        assert world.truth["NIE"] == pytest.approx(0.0, abs=1e-12)
        assert world.truth["E[exit | do(silence=0)]"] == pytest.approx(world.truth["E[exit]"])


def test_the_naive_contrast_fails_and_the_flattened_one_fails_the_other_way():
    truth = scenarios.staffing().truth
    assert truth["raw difference"] > truth["ATE"] + 0.05
    assert max(truth["CDE(silence=0)"], truth["NDE"]) < truth["ATE"] - 0.1


def test_talent_is_a_valid_adjustment_set_and_the_recorded_descendants_are_not():
    for knobs in ({}, {"stress_on_both": 1.0}, {"symptom_only": True}):
        world = scenarios.staffing(**knobs)
        ask = {"treatment": "mismatch", "outcome": "exit"}
        assert identify.backdoor(world.model.graph, **ask, adjust_for=world.adjust_for).valid
        flattened = [*world.adjust_for, "silence"]
        assert not identify.backdoor(world.model.graph, **ask, adjust_for=flattened).valid


def test_what_nobody_records_is_not_in_the_sample():
    assert list(scenarios.staffing(symptom_only=True).sample(5, rng=0)) == [
        "talent",
        "mismatch",
        "silence",
        "exit",
    ]
    columns = list(scenarios.staffing(stress_on_both=1.0).sample(5, rng=0))
    assert columns == ["talent", "mismatch", "silence", "exit", "grievance"]


def test_the_grievance_has_its_stated_chance():
    world = scenarios.staffing(stress_on_both=1.0)
    units = world.model.do(mismatch=1, stress=-0.5).sample(200_000, rng=3)
    p = expit(-1.0 + 1.5 - 0.75)
    assert abs(units["grievance"].mean() - p) < 4 * binomial_error(p, 200_000)
    assert not list(world.model.graph.successors("grievance"))


def test_a_scenario_cannot_be_changed_and_its_truth_neither():
    world = scenarios.staffing()
    with pytest.raises(AttributeError):
        world.name = "other"
    with pytest.raises(TypeError):
        world.truth["ATE"] = 0.0


def test_a_knob_that_the_symptom_world_lacks_is_refused():
    with pytest.raises(ValueError, match=r"symptom_only=True has no .*silence_on_exit"):
        scenarios.staffing(symptom_only=True, silence_on_exit=0.0)


def test_names_lists_the_world():
    assert "staffing" in scenarios.names()
    assert scenarios.staffing().name == "staffing"


def test_the_flattened_model_recovers_the_direct_coefficients_and_mixes_the_direct_effects():
    # the document's own equation of the exit: 1.2 for the mismatch, 1.8 for the silence
    world = scenarios.staffing()
    data = world.sample(10_000, rng=np.random.RandomState(42))
    fit = smf.logit("exit ~ mismatch + silence + talent", data=data).fit(disp=0)
    for name, written in {"mismatch": 1.2, "silence": 1.8, "talent": 0.5}.items():
        assert abs(fit.params[name] - written) < 2 * fit.bse[name]
    # standardized over silence as observed, exactly, by Gauss-Hermite over talent
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    flattened, silent = 0.0, 0.0
    for a in (0, 1):
        share = weights * np.where(a, expit(1.5 * nodes), expit(-1.5 * nodes))
        for m in (0, 1):
            chance = share * (expit(-2 + 2.5 * a) if m else 1 - expit(-2 + 2.5 * a))
            base = -3 + 1.8 * m + 0.5 * nodes
            flattened += chance @ (expit(base + 1.2) - expit(base))
            silent += m * chance.sum()
    cde = [world.truth[f"CDE(silence={m})"] for m in (0, 1)]
    assert flattened == pytest.approx(0.157, abs=5e-4)
    # a mixture of the controlled direct effects by observed silence (exact but for talent's share)
    assert abs(flattened - ((1 - silent) * cde[0] + silent * cde[1])) < 0.002
    assert flattened - world.truth["NDE"] > 0.03  # which is what silence unable to follow would be


def test_connecting_to_both_does_not_make_a_confounder():
    # silence is adjacent to mismatch and to exit, as talent is; only talent may be adjusted for
    graph = scenarios.staffing().model.graph
    for name in ("talent", "silence"):
        assert {"mismatch", "exit"} <= set(graph.predecessors(name)) | set(graph.successors(name))
    ask = {"treatment": "mismatch", "outcome": "exit"}
    assert identify.backdoor(graph, **ask, adjust_for=["talent"]).valid
    assert not identify.backdoor(graph, **ask, adjust_for=["talent", "silence"]).valid
