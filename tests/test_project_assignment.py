import itertools

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

from casestudies import identify, scenarios
from casestudies.scenarios.project_assignment import new
from casestudies.scm import Bernoulli

N = 1_000_000
VARIANTS = {
    "as it is": {},
    "unsupported": {"unsupported": True},
    "bug": {"bug_from": 13},
    "restless": {"restlessness_on_both": 1.0},
    "bug and restless": {"bug_from": 5, "restlessness_on_both": -0.7},
}
# Exit rates of the world, computed once by adaptive quadrature elsewhere, to five digits.
KNOWN = {
    "E[exit]": 0.36092,
    "E[exit | new]": 0.22732,
    "E[exit | all]": 0.43090,
    "E[exit | none]": 0.25940,
    "agreeing rows | new": 0.19706,
    "ATE": 0.17150,
}


@pytest.mark.parametrize(("estimand", "value"), KNOWN.items())
def test_the_stated_truths_are_the_known_ones(estimand, value):
    assert scenarios.project_assignment().truth[estimand] == pytest.approx(value, abs=6e-6)


def test_without_support_the_known_bounds_and_limits_come_out():
    truth = scenarios.project_assignment(unsupported=True).truth
    known = {"unsupported share": 0.26990, "mean weight": 0.73010, "weighted value": 0.12670}
    known |= {"self-normalized value": 0.17354, "lowest": 0.12670, "highest": 0.39660}
    for name, value in known.items():
        assert truth[f"{name} | new"] == pytest.approx(value, abs=6e-6), name


# The formulas a second time ---------------------------------------------------------------


def over_people(function, cut=0.5):
    """Integrate over talent by adaptive quadrature on both sides of a jump, sum over prestige."""
    total = 0.0
    for q, (low, high) in itertools.product((0, 1), ((-10, cut), (cut, 10))):
        has = (lambda x: expit(x)) if q else (lambda x: expit(-x))
        weighted = lambda x, q=q, has=has: stats.norm.pdf(x) * has(x) * function(x, q)  # noqa: E731
        total += integrate.quad(weighted, low, high, epsabs=1e-12)[0]
    return total


def lottery(x, q, more=0.0, u=0.0):
    return expit(-0.6 + 2 * q - 0.5 * x + more + u)


def leave(x, q, a, u=0.0):
    return expit(-1.6 + q - 0.3 * x + a * (0.7 - 1.4 * x) + u)


def over_restlessness(function):
    return integrate.quad(lambda u: stats.norm.pdf(u) * function(u), -8, 8, epsabs=1e-10)[0]


def test_the_values_follow_from_the_equations_by_adaptive_quadrature():
    truth = scenarios.project_assignment().truth
    under_new = over_people(lambda x, q: leave(x, q, x > 0.5))
    assert truth["E[exit | new]"] == pytest.approx(under_new, abs=1e-7)
    agrees = lambda x, q: lottery(x, q) if x > 0.5 else 1 - lottery(x, q)  # noqa: E731
    rows = over_people(lambda x, q: agrees(x, q) * leave(x, q, x > 0.5)) / over_people(agrees)
    assert truth["agreeing rows | new"] == pytest.approx(rows, abs=1e-7)
    share = over_people(lottery)
    treated = over_people(lambda x, q: lottery(x, q) * leave(x, q, 1))
    others = over_people(lambda x, q: (1 - lottery(x, q)) * leave(x, q, 0))
    assert truth["E[exit]"] == pytest.approx(treated + others, abs=1e-7)
    raw = treated / share - others / (1 - share)
    assert truth["raw difference"] == pytest.approx(raw, abs=1e-7)


def test_the_bug_s_limits_follow_from_half_a_year_of_each_lottery_a_year_late():
    truth = scenarios.project_assignment(bug_from=13).truth

    def weight(x, q):  # drawn by the mixture of the two lotteries, divided by the old one
        mixed = (lottery(x, q) + lottery(x, q, 1.2)) / 2
        return mixed / lottery(x, q) if x > 0.5 else (1 - mixed) / (1 - lottery(x, q))

    mean = over_people(weight)
    valued = over_people(lambda x, q: weight(x, q) * leave(x, q, x > 0.5))
    assert truth["mean weight | new"] == pytest.approx(mean, abs=1e-7)
    assert truth["weighted value | new"] == pytest.approx(valued, abs=1e-7)
    assert truth["self-normalized value | new"] == pytest.approx(valued / mean, abs=1e-7)
    audit = over_people(lambda x, q: lottery(x, q, 1.2) / lottery(x, q))
    assert audit == pytest.approx(1.472, abs=5e-4)  # what the mean of A/p is from month 13 on
    assert truth["E[exit | new]"] == scenarios.project_assignment().truth["E[exit | new]"]


def test_restlessness_is_integrated_out_of_the_value_and_of_what_the_log_writes():
    truth = scenarios.project_assignment(restlessness_on_both=1.0).truth
    grid, width = np.linspace(-9, 9, 3_600, endpoint=False, retstep=True)
    grid = grid + width / 2
    mass = stats.norm.pdf(grid) * width
    value = valued = 0.0
    for q in (0, 1):
        people = mass * expit(grid if q else -grid)
        for x, share in zip(grid[::18], people[::18] * 18, strict=True):
            a = x > 0.5
            rates = leave(x, q, a, grid)
            drawn = lottery(x, q, 0, grid) if a else 1 - lottery(x, q, 0, grid)
            value += share * (mass @ rates)
            valued += share * (mass @ (rates * drawn)) / (mass @ drawn)
    assert truth["E[exit | new]"] == pytest.approx(value, abs=2e-3)  # a coarse grid of talent
    assert truth["weighted value | new"] == pytest.approx(valued, abs=2e-3)
    one = truth["E[exit | none]"]
    exact = over_people(lambda x, q: over_restlessness(lambda u: leave(x, q, 0, u)))
    assert one == pytest.approx(exact, abs=1e-6)
    assert truth["mean weight | new"] == pytest.approx(1, abs=1e-9)


def test_the_log_writes_the_share_that_the_lottery_has_among_the_alike():
    world = scenarios.project_assignment(restlessness_on_both=1.0)
    for x, q in ((-1.2, 0), (0.4, 1)):
        alike = world.model.do(talent=x, prestige=q).sample(5, rng=0)["propensity"]
        assert alike.to_numpy() == pytest.approx(
            over_restlessness(lambda u, x=x, q=q: lottery(x, q, 0, u)), abs=1e-8
        )


# A million simulated ----------------------------------------------------------------------


def near(rows, value):
    """Say whether a mean agrees with an exact value, within four of its standard errors."""
    return abs(np.mean(rows) - value) < 4 * np.std(rows) / np.sqrt(len(rows)) + 1e-12


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_million_simulated_people_agree_with_the_value_of_every_policy(variant):
    world = scenarios.project_assignment(**VARIANTS[variant])
    for seed, (name, action) in enumerate({"new": Bernoulli(new), "all": 1, "none": 0}.items()):
        people = world.model.do(stretch=action).sample(N, rng=seed)
        assert near(people["exit"], world.truth[f"E[exit | {name}]"]), name


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_million_logged_rows_agree_with_every_stated_limit(variant):
    world = scenarios.project_assignment(**VARIANTS[variant])
    log, truth = world.sample(N, rng=7), world.truth
    assert near(log["exit"], truth["E[exit]"])
    target = new(log["talent"])
    p, a = log["propensity"], log["stretch"]
    weight = np.where(a == 1, target / p, (1 - target) / (1 - p.where(a == 0, 0.5)))
    assert near(weight, truth["mean weight | new"])
    assert near(weight * log["exit"], truth["weighted value | new"])
    assert near(log.loc[a == target, "exit"], truth["agreeing rows | new"])
    assert near((target == 0) & (p == 1), truth["unsupported share | new"])
    rates = log.groupby("stretch")["exit"].agg(["mean", "sem"])
    raw = rates["mean"].diff().iloc[1]
    assert abs(raw - truth["raw difference"]) < 4 * np.hypot(*rates["sem"])


def test_the_effect_agrees_with_people_in_both_roles():
    for knobs in VARIANTS.values():
        world = scenarios.project_assignment(**knobs)
        effect = world.model.effect("exit", n=300_000, rng=3, stretch=(1, 0))
        assert abs(effect["estimate"] - world.truth["ATE"]) < 4 * effect["std_error"]


# What the world is made to teach -----------------------------------------------------------


def test_the_agreeing_rows_are_wrong_and_the_weights_are_right():
    truth = scenarios.project_assignment().truth
    assert truth["agreeing rows | new"] < truth["E[exit | new]"] - 0.03
    for name in ("new", "all", "none"):
        value = truth[f"E[exit | {name}]"]
        for limit in ("weighted value", "self-normalized value", "lowest", "highest"):
            assert truth[f"{limit} | {name}"] == pytest.approx(value, abs=1e-9)


def test_an_unrecorded_driver_passes_the_audit_and_changes_the_ranking():
    truth = scenarios.project_assignment(restlessness_on_both=1.0).truth
    assert truth["E[exit | new]"] < truth["E[exit | none]"] - 0.03
    assert truth["weighted value | new"] > truth["weighted value | none"]
    log = scenarios.project_assignment(restlessness_on_both=1.0).sample(N, rng=2)
    assert near(log["stretch"] / log["propensity"], 1)


def test_the_bounds_hold_the_value_where_support_ends():
    truth = scenarios.project_assignment(unsupported=True).truth
    for name in ("new", "none"):
        assert truth[f"lowest | {name}"] < truth[f"E[exit | {name}]"] < truth[f"highest | {name}"]
    assert truth["unsupported share | all"] == 0


def test_the_log_is_right_before_the_bug_and_wrong_from_its_month_on():
    log = scenarios.project_assignment(bug_from=13).sample(N, rng=1)
    ratio = log["stretch"] / log["propensity"]
    late = log["month"] >= 13
    assert near(ratio[~late], 1)
    assert near(ratio[late], over_people(lambda x, q: lottery(x, q, 1.2) / lottery(x, q)))
    assert sorted(log["month"].unique()) == list(range(1, 25))


def test_the_first_months_are_the_same_with_the_bug_and_without():
    logs = [scenarios.project_assignment(**k).sample(500, rng=4) for k in ({}, {"bug_from": 20})]
    early = logs[0]["month"] < 20
    assert logs[0][early].equals(logs[1][early])
    assert not logs[0].equals(logs[1])


def test_prestige_is_always_stretched_where_support_is_missing():
    log = scenarios.project_assignment(unsupported=True).sample(5_000, rng=1)
    assert (log.loc[log["prestige"] == 1, ["propensity", "stretch"]] == 1).all().all()
    assert log.loc[log["prestige"] == 0, "propensity"].max() < 1


def test_talent_and_prestige_close_the_backdoors_unless_a_driver_is_unrecorded():
    ends = {"treatment": "stretch", "outcome": "exit"}
    for variant, knobs in VARIANTS.items():
        world = scenarios.project_assignment(**knobs)
        verdict = identify.backdoor(world.model.graph, **ends, adjust_for=["talent", "prestige"])
        assert verdict.valid == ("restless" not in variant)
        assert world.adjust_for == (("talent", "prestige") if verdict.valid else ())
    as_it_is = scenarios.project_assignment().model.graph
    assert identify.backdoor(as_it_is, **ends, adjust_for=["propensity"]).valid
    assert not identify.backdoor(as_it_is, **ends, adjust_for=["talent"]).valid


def test_what_nobody_records_is_not_in_the_log():
    columns = ["month", "talent", "prestige", "propensity", "stretch", "exit"]
    for knobs in VARIANTS.values():
        assert list(scenarios.project_assignment(**knobs).sample(3, rng=0)) == columns


# Policies and refusals ---------------------------------------------------------------------


def test_a_policy_of_one_s_own_gets_its_exact_value():
    half = {"half": lambda prestige: 0.5 * prestige}
    truth = scenarios.project_assignment(policies=half).truth
    exact = over_people(lambda x, q: 0.5 * q * leave(x, q, 1) + (1 - 0.5 * q) * leave(x, q, 0))
    assert truth["E[exit | half]"] == pytest.approx(exact, abs=1e-8)
    assert "E[exit | new]" not in truth


def test_a_jump_off_the_grid_costs_less_than_four_digits():
    odd = {"odd": lambda talent: 1.0 * (talent > 0.50037)}
    value = scenarios.project_assignment(policies=odd).truth["E[exit | odd]"]
    exact = over_people(lambda x, q: leave(x, q, x > 0.50037), cut=0.50037)
    assert value == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("month", [1, 25, 0, -3, 6.5, "six"])
def test_a_bug_that_starts_outside_the_log_is_refused(month):
    with pytest.raises(ValueError, match=r"bug_from is .*; give a month from 2 to 24, or None"):
        scenarios.project_assignment(bug_from=month)


def test_an_infinite_pull_is_refused():
    with pytest.raises(ValueError, match="restlessness_on_both is nan; give a finite number"):
        scenarios.project_assignment(restlessness_on_both=float("nan"))


def test_a_policy_that_goes_by_what_is_not_recorded_is_refused():
    secret = {"secret": lambda restlessness: 1.0 * (restlessness > 0)}
    with pytest.raises(ValueError, match=r"'secret' goes by \['restlessness'\].*talent.*prestige"):
        scenarios.project_assignment(restlessness_on_both=1.0, policies=secret)
    with pytest.raises(ValueError, match=r"policy 'number' is 1; give a function"):
        scenarios.project_assignment(policies={"number": 1})


def test_a_policy_that_gives_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"policy 'too much' gives 2; a probability lies in"):
        scenarios.project_assignment(policies={"too much": lambda prestige: 2.0 * prestige})
    with pytest.raises(ValueError, match=r"policy 'missing' gives nan"):
        scenarios.project_assignment(policies={"missing": lambda talent: np.nan * talent})
