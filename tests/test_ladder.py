from itertools import product

import numpy as np
import pytest
from enumeration import joint, mean
from scipy import stats
from scipy.optimize import linprog

from casestudies import identify, scenarios
from casestudies.recipes.standardization import standardize
from casestudies.sampling.montecarlo import replicate
from casestudies.scenarios.ladder import Responses
from casestudies.scm import Bernoulli

GRAPHS = ["confounder", "mediator"]
OTHER = {"busy": 0.3, "deploy": (0.6, 0.7), "incident": ((0.4, 0.9), (0.3, 0.95))}
BOTH = list(product(GRAPHS, [{}, OTHER]))
SEEN = ["P(incident | deploy=0)", "P(incident | deploy=1)", "raw difference"]
DONE = ["P(incident | do(deploy=0))", "P(incident | do(deploy=1))", "ATE"]


def test_the_three_rungs_worked_by_hand():
    truth = scenarios.ladder().truth
    # P(deploy) = 1/2; quiet hours are 8 in 10 of those with a deploy, 2 in 10 of the others
    assert truth["P(incident | deploy=1)"] == pytest.approx(0.8 * 0.15 + 0.2 * 0.5)
    assert truth["P(incident | deploy=0)"] == pytest.approx(0.2 * 0.08 + 0.8 * 0.35)
    assert truth["P(incident | do(deploy=1))"] == pytest.approx((0.15 + 0.5) / 2)
    assert truth["P(incident | do(deploy=0))"] == pytest.approx((0.08 + 0.35) / 2)
    caused = 0.5 * (0.8 * (0.15 - 0.08) + 0.2 * (0.5 - 0.35))
    assert truth["PN"] == pytest.approx(caused / (0.5 * 0.22))
    assert truth["ATE"] == pytest.approx(0.11)
    assert truth["raw difference"] == pytest.approx(-0.076)


def test_the_twins_agree_on_every_row_that_can_be_seen_and_differ_when_something_is_done():
    for knobs in ({}, OTHER):
        first, second = (scenarios.ladder(graph, **knobs) for graph in GRAPHS)
        rows = ["load", "deploy", "incident"]
        one, other = (joint(w.model).reorder_levels(rows).sort_index() for w in (first, second))
        assert np.allclose(one, other)
        assert one.sum() == pytest.approx(1)
        for key in SEEN:
            assert first.truth[key] == pytest.approx(second.truth[key])
        assert abs(first.truth["ATE"] - second.truth["ATE"]) > 0.01
        assert second.truth["ATE"] == pytest.approx(second.truth["raw difference"])


@pytest.mark.parametrize(("graph", "knobs"), BOTH)
def test_seeing_and_doing_are_those_of_the_enumerated_model(graph, knobs):
    world = scenarios.ladder(graph, **knobs)
    for d in (0, 1):
        seen = mean(world.model, "incident", deploy=d)
        done = mean(world.model.do(deploy=Bernoulli(d)), "incident")
        assert world.truth[f"P(incident | deploy={d})"] == pytest.approx(seen)
        assert world.truth[f"P(incident | do(deploy={d}))"] == pytest.approx(done)


@pytest.mark.parametrize(("graph", "knobs"), BOTH)
def test_agreement_changes_only_the_third_rung_and_spans_what_the_bounds_allow(graph, knobs):
    worlds = [scenarios.ladder(graph, agreement=a, **knobs).truth for a in (0.0, 0.3, 1.0)]
    for key in [*SEEN, *DONE, "PN at least", "PN at most"]:
        assert len({round(w[key], 12) for w in worlds}) == 1
    necessity = [w["PN"] for w in worlds]
    assert necessity[0] > necessity[1] > necessity[2]
    assert worlds[0]["PN at least"] <= necessity[2] + 1e-12
    assert necessity[0] <= worlds[0]["PN at most"] + 1e-12


def test_with_the_defaults_both_bounds_are_attained():
    assert scenarios.ladder(agreement=1).truth["PN at least"] == pytest.approx(
        scenarios.ladder(agreement=1).truth["PN"]
    )
    assert scenarios.ladder(agreement=0).truth["PN"] == pytest.approx(1.0)


@pytest.mark.parametrize(("graph", "knobs"), BOTH)
def test_the_bounds_are_the_extremes_over_all_response_types(graph, knobs):
    """A linear program over P(deploy, Y(0), Y(1)) that matches all seen and done."""
    world = scenarios.ladder(graph, **knobs)
    types = list(product((0, 1), repeat=3))
    seen = joint(world.model).groupby(["deploy", "incident"]).sum()
    rows = [[d == a and (y0, y1)[a] == y for d, y0, y1 in types] for a, y in seen.index]
    rows += [[pair[a] == 1 for _, *pair in types] for a in (0, 1)]
    values = [*seen, *(world.truth[f"P(incident | do(deploy={a}))"] for a in (0, 1))]
    aim = np.array([float((d, y0, y1) == (1, 0, 1)) for d, y0, y1 in types]) / seen[1, 1]
    equal = {"A_eq": np.array(rows, dtype=float), "b_eq": values}
    least, most = (sign * linprog(sign * aim, **equal).fun for sign in (1, -1))
    assert world.truth["PN at least"] == pytest.approx(least, abs=1e-8)
    assert world.truth["PN at most"] == pytest.approx(most, abs=1e-8)


def test_in_the_twin_the_recorded_load_lifts_the_lower_bound_to_two_tenths():
    """Linear programs over Y's response to deploy and load, for every joint law of both loads.

    Nothing moves both load and incident, so that the response to deploy and load has one law
    whatever the two loads are; PN is the chance of Y(0, L(0)) = 0, Y(1, L(1)) = 1, over 0.22.
    """
    types = np.array(list(product((0, 1), repeat=4))).reshape(-1, 2, 2)  # [deploy, load]
    rows = [*types.reshape(-1, 4).T, np.ones(16)]
    equal = {"A_eq": np.array(rows), "b_eq": [0.08, 0.35, 0.15, 0.5, 1]}
    least = []
    for both_quiet in np.linspace(0, 0.2, 21):  # P(L(0) = L(1) = 0): P(L(0) = 0) = 0.2
        loads = np.array([[both_quiet, 0.2 - both_quiet], [0.8 - both_quiet, both_quiet]])
        caused = (1 - types[:, 0, :, None]) * types[:, 1, None, :]
        least.append(linprog((caused * loads).sum(axis=(1, 2)), **equal).fun / 0.22)
    assert min(least) == pytest.approx(0.2)
    truth = scenarios.ladder("mediator").truth
    assert truth["PN"] == pytest.approx(0.2)
    assert truth["PN at least"] == 0


@pytest.mark.parametrize(
    ("graph", "agreement", "knobs"),
    [
        ("confounder", 1.0, {}),
        ("confounder", 0.4, OTHER),
        ("mediator", 0.4, {}),
        ("mediator", 0.4, OTHER),
    ],
)
def test_a_million_simulated_hours_agree_with_every_stated_truth(graph, agreement, knobs):
    world, n = scenarios.ladder(graph, agreement=agreement, **knobs), 1_000_000
    hours = world.sample(n, rng=1)
    rates = hours.groupby("deploy")["incident"].agg(["mean", "size"])
    for d in (0, 1):
        p = world.truth[f"P(incident | deploy={d})"]
        assert abs(rates["mean"][d] - p) < 4 * np.sqrt(p * (1 - p) / rates["size"][d])
        p = world.truth[f"P(incident | do(deploy={d}))"]
        done = world.model.do(deploy=d).sample(n, rng=2 + d)["incident"].mean()
        assert abs(done - p) < 4 * np.sqrt(p * (1 - p) / n)
    blamed = hours[(hours["deploy"] == 1) & (hours["incident"] == 1)]
    p = world.truth["PN"]
    spared = 1 - world.model.imagine(blamed, deploy=0, rng=4)["incident"].mean()
    assert abs(spared - p) < 4 * np.sqrt(p * (1 - p) / len(blamed))


@pytest.mark.parametrize("both", [0.1, 0.25, 0.3])
@pytest.mark.parametrize("action", [0, 1])
def test_responses_have_their_chances_and_abduction_undoes_them(both, action):
    mechanism = Responses(action=None, without=0.3, with_action=0.7, both=both)
    chances = {"action": np.array(action), "without": 0.3, "with_action": 0.7, "both": both}
    grid = (np.arange(1_000) + 0.5) / 1_000
    responses = [mechanism.value(grid, **chances | {"action": np.array(a)}) for a in (0, 1)]
    assert [r.mean() for r in responses] == pytest.approx([0.3, 0.7])
    assert np.mean(responses[0] & responses[1]) == pytest.approx(both)
    rng = np.random.default_rng(5)
    value = mechanism.value(rng.random(100_000), **chances)
    noise = mechanism.abduct(value, rng, **chances)
    assert (mechanism.value(noise, **chances) == value).all()
    shares = np.histogram(noise, bins=20, range=(0, 1))[0] / 100_000
    assert (abs(shares - 0.05) < 5 * np.sqrt(0.05 * 0.95 / 100_000)).all()


def test_load_is_the_set_to_adjust_for_in_one_twin_and_must_not_be_in_the_other():
    for graph, sets in zip(GRAPHS, [[("load",)], [()]], strict=True):
        world = scenarios.ladder(graph)
        ask = {"treatment": "deploy", "outcome": "incident"}
        assert identify.adjustment_sets(world.model.graph, **ask) == sets
        assert world.adjust_for == sets[0]


def test_over_many_worlds_load_removes_the_bias_and_the_raw_difference_has_the_wrong_sign():
    columns = {"outcome": "incident", "treatment": "deploy"}
    analyses = {
        "raw": lambda data: standardize(data, **columns, adjust_for=[]),
        "load": lambda data: standardize(data, **columns, adjust_for=["load"]),
    }
    worlds = replicate(scenarios.ladder(), analyses, n=1_000, replications=60, rng=12)
    assert abs(worlds.loc["load", "bias"]) < 4 * worlds.loc["load", "bias_error"]
    assert worlds.loc["raw", "mean_estimate"] < 0 < worlds.loc["raw", "truth"]
    assert worlds.loc["raw", "coverage"] < 0.05


def test_refusals_name_what_was_wrong():
    with pytest.raises(ValueError, match=r"graph must be one of .*got 'collider'"):
        scenarios.ladder("collider")
    with pytest.raises(ValueError, match="agreement must lie between 0 and 1, got 2"):
        scenarios.ladder(agreement=2)
    with pytest.raises(ValueError, match="busy must lie between 0 and 1, both excluded, got 0"):
        scenarios.ladder(busy=0)
    with pytest.raises(ValueError, match=r"deploy must have shape \(2,\), got \(\)"):
        scenarios.ladder(deploy=0.5)
    with pytest.raises(ValueError, match=r"incident must lie .* both excluded, got 1"):
        scenarios.ladder(incident=((0.1, 0.2), (0.3, 1.0)))


def test_a_recorded_load_narrows_the_bounds_on_necessity():
    # Where load is all that confounds, hours of one load are a trial of their own, and the bounds
    # of a trial hold within each load (Dawid, Musio and Murtas 2017); averaged over blamed hours:
    def within(incident, deploy=(0.8, 0.2)):
        p0, p1 = np.array(incident)
        blamed = np.array(deploy) * p1
        least, most = np.maximum(0, 1 - p0 / p1), np.minimum(1, (1 - p0) / p1)
        return [blamed @ end / blamed.sum() for end in (least, most)]

    incident = ((0.08, 0.9), (0.5, 0.6))
    truth = scenarios.ladder(incident=incident).truth
    without_load = [truth["PN at least"], truth["PN at most"]]
    assert without_load == pytest.approx([0.531, 1.0], abs=5e-4)
    assert within(incident) == pytest.approx([0.646, 0.808], abs=5e-4)
    ends = [scenarios.ladder(incident=incident, agreement=a).truth["PN"] for a in (1, 0)]
    assert ends == pytest.approx(within(incident))  # and worlds attain them
    default = scenarios.ladder().truth  # no incident is rarer under a deploy, nor p0 + p1 above 1
    assert within(((0.08, 0.35), (0.15, 0.5))) == pytest.approx(
        [default["PN at least"], default["PN at most"]]
    )


def test_necessity_read_off_a_log_varies_more_than_replays_of_the_true_equations():
    # PN = 1 - sum n1 p0 / sum n1 p1 over loads: its delta-method error in 20,000 hours
    p0, p1 = np.array([[0.08, 0.35], [0.15, 0.50]])
    n1, n0 = 10_000 * np.array([[0.8, 0.2], [0.2, 0.8]])
    blamed, expected = n1 @ p1, n1 @ p0
    truth = 1 - expected / blamed
    variance = ((n1 / blamed) ** 2 * p0 * (1 - p0) / n0).sum()
    variance += ((expected / blamed**2) ** 2 * n1 * p1 * (1 - p1)).sum()
    slope = expected * p1 / blamed**2 - p0 / blamed  # by how many hours of each kind there are
    variance += slope @ (np.diag(n1) - np.outer(n1, n1) / 20_000) @ slope
    error, replayed = np.sqrt(variance), np.sqrt(truth * (1 - truth) / blamed)
    assert [error, replayed] == pytest.approx([0.0251, 0.0104], abs=5e-5)

    cells = joint(scenarios.ladder().model)
    cells = cells.reorder_levels(["deploy", "load", "incident"]).sort_index()
    rng, draws = np.random.default_rng(17), 20_000
    logs = rng.multinomial(20_000, cells.to_numpy(), size=draws).reshape(-1, 2, 2, 2)
    rate = logs[..., 1] / logs.sum(-1)
    hours = logs[:, 1, :, 1]
    found = (hours * (1 - rate[:, 0] / rate[:, 1])).sum(1) / hours.sum(1)
    assert abs(found.std() / error - 1) < 4 / np.sqrt(2 * draws)
    margin = 1.96 * np.sqrt(found * (1 - found) / hours.sum(1))
    covered = (abs(found - scenarios.ladder().truth["PN"]) < margin).mean()
    nominal = 2 * stats.norm.cdf(1.96 * replayed / error) - 1
    assert nominal == pytest.approx(0.584, abs=5e-4)
    assert abs(covered - nominal) < 4 * np.sqrt(nominal * (1 - nominal) / draws)
