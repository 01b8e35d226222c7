import numpy as np
import pytest
from scipy import integrate, stats

from casestudies import identify, scenarios
from casestudies.recipes.instrumental_variables import wald
from casestudies.sampling.montecarlo import replicate

LEGENDRE = np.polynomial.legendre.leggauss(200)
COLUMNS = {"outcome": "tasks", "treatment": "adopted", "instrument": "flag"}
TURNED = {
    "share_flagged": 0.6,
    "share_always_takers": 0.25,
    "share_compliers": 0.3,
    "interest_on_tasks": -1.5,
    "adoption_on_tasks": 1.0,
    "interest_on_effect": -0.5,
    "interest_on_past_use": -0.4,
    "flag_on_tasks": 0.7,
    "share_defiers": 0.1,
}


def mean_between(low, high):
    """Mean of a standard normal variable in an interval, by adaptive quadrature."""
    top = integrate.quad(lambda u: u * stats.norm.pdf(u), low, high)[0]
    return top / integrate.quad(stats.norm.pdf, low, high)[0]


def test_the_default_truths_follow_from_the_shares_by_quadrature():
    truth = scenarios.canary().truth
    high = stats.norm.ppf(0.9)
    complier, always, never = (mean_between(*b) for b in [(0, high), (high, np.inf), (-np.inf, 0)])
    late = -2 + 0.8 * complier
    assert truth["LATE"] == pytest.approx(late)
    assert truth["Wald limit"] == pytest.approx(late)
    assert truth["ITT"] == pytest.approx(0.4 * late)
    assert truth["ATE"] == -2
    # Adopters: all always-takers (0.10) and the flagged fifth of the compliers (0.08)
    adopters = (0.10 * always + 0.08 * complier) / 0.18
    others = (0.50 * never + 0.32 * complier) / 0.82
    assert truth["ATT"] == pytest.approx(-2 + 0.8 * adopters)
    assert truth["as treated"] == pytest.approx(4 * (adopters - others) - 2 + 0.8 * adopters)
    obeyed = (0.10 * always + 0.40 * complier) / 0.50
    waiting = (0.50 * never + 0.40 * complier) / 0.90
    assert truth["per protocol"] == pytest.approx(4 * (obeyed - waiting) - 2 + 0.8 * obeyed)
    assert truth["E[tasks | do(adopted=0)]"] == pytest.approx(20)
    assert truth["E[tasks | do(adopted=1)]"] == pytest.approx(18)
    assert truth["E[past_use | complier]"] == pytest.approx(10 + 3 * 0.6 * complier)


def strata(world, n, rng):
    """Draw units and replay each with and without the flag, noise kept."""
    seen = world.model.sample(n, rng=rng)
    took = [world.model.imagine(seen, flag=z, rng=0)["adopted"] for z in (0, 1)]
    effect = world.model.imagine(seen, adopted=1, rng=0)["tasks"]
    return seen, took, effect - world.model.imagine(seen, adopted=0, rng=0)["tasks"]


@pytest.mark.parametrize("knobs", [{}, TURNED], ids=["default", "turned"])
def test_a_million_simulated_units_agree_with_every_stated_truth(knobs):
    world, n = scenarios.canary(**knobs), 1_000_000
    seen, (without, flagged), effect = strata(world, n, rng=1)
    found = {}

    def mean(key, values):
        found[key] = values.mean(), values.std() / np.sqrt(len(values))

    def contrast(key, rows, by):
        parts = [rows.loc[rows[by] == value, "tasks"] for value in (1, 0)]
        error = np.sqrt(sum(part.var() / len(part) for part in parts))
        found[key] = parts[0].mean() - parts[1].mean(), error

    complier = (without == 0) & (flagged == 1)
    mean("LATE", effect[complier])
    mean("ATE", effect)
    mean("ATT", effect[seen["adopted"] == 1])
    contrast("ITT", seen, "flag")
    contrast("as treated", seen, "adopted")
    contrast("per protocol", seen[seen["flag"] == seen["adopted"]], "adopted")
    fit = wald(seen, **COLUMNS, cov="robust")
    found["Wald limit"] = fit["estimate"], fit["std_error"]
    mean("E[tasks]", seen["tasks"])
    for name in ("flag", "adopted"):
        for value in (0, 1):
            under = world.model.do(**{name: value}).sample(n, rng=2 + value)["tasks"]
            mean(f"E[tasks | do({name}={value})]", under)
    mean("share of always-takers", (without == 1) & (flagged == 1))
    mean("share of never-takers", (without == 0) & (flagged == 0))
    mean("share of compliers", complier)
    mean("share of defiers", (without == 1) & (flagged == 0))
    mean("E[past_use | complier]", seen.loc[complier, "past_use"])
    assert set(found) == set(world.truth)
    for key, (value, error) in found.items():
        assert abs(value - world.truth[key]) <= 4 * error, key


def test_past_use_has_mean_10_deviation_3_and_the_stated_correlation_with_interest():
    n = 200_000
    for r in (0.6, -0.4):
        units = scenarios.canary(interest_on_past_use=r).model.sample(n, rng=6)
        past = units["past_use"]
        assert abs(past.mean() - 10) < 4 * 3 / np.sqrt(n)
        assert abs(past.std() - 3) < 4 * 3 / np.sqrt(2 * n)
        found = np.corrcoef(past, units["interest"])[0, 1]
        assert abs(found - r) < 4 * (1 - r**2) / np.sqrt(n)


def test_over_many_worlds_wald_recovers_the_late_and_the_naive_contrasts_do_not():
    def as_treated(data):
        means = data.groupby("adopted")["tasks"].mean()
        return {"estimate": means[1] - means[0]}

    def per_protocol(data):
        return as_treated(data[data["flag"] == data["adopted"]])

    def by_flag(data):
        return wald(data, **COLUMNS, cov="robust")

    analyses = {"as treated": as_treated, "per protocol": per_protocol, "Wald": by_flag}
    worlds = replicate(
        scenarios.canary(), analyses, n=4_000, replications=200, rng=3, estimand="LATE"
    )
    assert abs(worlds.loc["Wald", "bias"]) < 4 * worlds.loc["Wald", "bias_error"]
    assert abs(worlds.loc["Wald", "coverage"] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)
    assert worlds.loc[["as treated", "per protocol"], "bias"].min() > 3


def test_the_naive_answers_have_the_wrong_sign():
    truth = scenarios.canary().truth
    assert max(truth["LATE"], truth["ATE"], truth["ATT"], truth["ITT"]) < -0.5
    assert min(truth["as treated"], truth["per protocol"]) > 2


def test_past_use_does_not_close_the_backdoor_and_nothing_recorded_does():
    world = scenarios.canary()
    ask = {"treatment": "adopted", "outcome": "tasks"}
    assert identify.adjustment_sets(world.model.graph, **ask, observed=world.observed) == []
    assert "interest" not in world.sample(5, rng=0)


def test_the_graph_has_an_arrow_from_flag_to_tasks_only_if_exclusion_fails():
    assert not scenarios.canary().model.graph.has_edge("flag", "tasks")
    assert scenarios.canary(flag_on_tasks=0.1).model.graph.has_edge("flag", "tasks")


def test_shares_at_their_bounds_are_worlds_too():
    nobody_unasked = scenarios.canary(share_always_takers=0.0)
    assert nobody_unasked.truth["share of always-takers"] == 0
    data = nobody_unasked.sample(2_000, rng=4)
    assert data.loc[data["flag"] == 0, "adopted"].sum() == 0
    everybody = scenarios.canary(share_always_takers=0.3, share_compliers=0.7)
    data = everybody.sample(2_000, rng=5)
    assert data.loc[data["flag"] == 1, "adopted"].all()
    assert everybody.truth["share of never-takers"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"share_flagged": 1.0}, "share_flagged must lie strictly between 0 and 1, got 1.0"),
        ({"share_compliers": 0.0}, "share_compliers above 0"),
        ({"share_always_takers": -0.1}, "share_always_takers must be at least 0"),
        ({"share_always_takers": 0.7}, "sum at most 1, got 0.7 and 0.4"),
        ({"share_defiers": 1.0}, r"share_defiers must lie in \[0, 1\), got 1.0"),
        ({"share_compliers": 0.25, "share_defiers": 0.2}, "the flag moves nothing on average"),
        ({"interest_on_past_use": 1.0}, r"interest_on_past_use must lie in \(-1, 1\)"),
        ({"flag_on_tasks": np.nan}, "coefficients of tasks must be finite"),
    ],
)
def test_a_knob_out_of_range_is_refused(knobs, words):
    with pytest.raises(ValueError, match=words):
        scenarios.canary(**knobs)


def chance_below(cut, interest, *, adopted, flag=0.0):
    """P(tasks < cut, interest in the interval), by Gauss-Legendre over interest."""
    nodes, weights = LEGENDRE
    low, high = interest
    u = (low + high) / 2 + (high - low) / 2 * nodes
    mean = 20 + 4 * u + (-2 + 0.8 * u) * adopted + flag
    inside = stats.norm.pdf(u) * stats.norm.cdf((cut - mean) / 5)
    return weights @ inside * (high - low) / 2


def test_defiers_break_an_inequality_that_data_can_show():
    # Kitagawa (2015): where exclusion and monotonicity hold, P(Y in B, T = 1 | Z = 1) is at least
    # P(Y in B, T = 1 | Z = 0) for every B. With one in ten defying, B = "fewer than 6 tasks" fails.
    asked, unasked = stats.norm.isf([0.5, 0.1])
    with_flag = 0.9 * chance_below(6, (asked, 12), adopted=1)
    without = 0.9 * chance_below(6, (unasked, 12), adopted=1)
    without += 0.1 * chance_below(6, (-12, 12), adopted=1)
    assert with_flag - without == pytest.approx(-0.0032, abs=5e-5)
    data = scenarios.canary(share_defiers=0.1).sample(400_000, rng=2015)
    few = (data["tasks"] < 6) & (data["adopted"] == 1)
    for flag, exact in ((1, with_flag), (0, without)):
        seen = few[data["flag"] == flag]
        assert abs(seen.mean() - exact) < 4 * np.sqrt(exact * (1 - exact) / len(seen))
    # in 20,000 users, a fifth flagged, the one-sided t at 5% almost always says so
    a, b = np.arange(80)[:, np.newaxis] / 4_000, np.arange(300) / 16_000
    chance = stats.binom.pmf(np.arange(80), 4_000, with_flag)[:, np.newaxis]
    chance = chance * stats.binom.pmf(np.arange(300), 16_000, without)
    error = np.sqrt(a * (1 - a) / 4_000 + b * (1 - b) / 16_000)
    assert chance[b - a > stats.norm.ppf(0.95) * error].sum() == pytest.approx(0.994, abs=5e-4)


def test_no_such_inequality_fails_where_all_conditions_hold_and_a_leak_breaks_one_weakly():
    asked, unasked = stats.norm.isf([0.5, 0.1])
    cuts = np.arange(-10, 31, 0.5)

    def gap(cut, leak):
        """P(Y < cut, T = 0 | Z = 0) less the same with the flag, and its t in 20,000 users."""
        without = chance_below(cut, (-12, unasked), adopted=0)
        flagged = chance_below(cut, (-12, asked), adopted=0, flag=leak)
        error = np.sqrt(without * (1 - without) / 16_000 + flagged * (1 - flagged) / 4_000)
        return without - flagged, (without - flagged) / error

    assert min(gap(cut, 0.0)[0] for cut in cuts) > 0
    assert min(gap(cut, -0.5)[1] for cut in cuts) == pytest.approx(-1.31, abs=5e-3)
