import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from casestudies import scenarios
from casestudies.recipes.off_policy import retention_curve
from casestudies.scenarios.retention import POLICIES, chances, every_month, never, rested
from casestudies.scm import SCM

# Retained at month 24 by recursion, to four digits, computed once elsewhere.
KNOWN = {
    "legacy": 0.7140,
    "always": 0.6259,
    "only when rested": 0.7536,
    "never": 0.8117,
    "odds halved": 0.7504,
}
ODDS = {"odds halved": 0.5, "odds quartered": 0.25}


@pytest.mark.parametrize(("policy", "value"), KNOWN.items())
def test_the_stated_truths_are_the_known_ones(policy, value):
    assert scenarios.retention().truth[f"retained 24 | {policy}"] == pytest.approx(value, abs=6e-5)


# The formulas a second time ---------------------------------------------------------------


def stretch_chance(policy, q, s):
    """Return P(stretch) under a policy, written once more."""
    odds = np.exp(-0.8 + 1.6 * q - 0.6 * s) * ODDS.get(policy, 1.0)
    by_rule = {"always": 1.0, "never": 0.0, "only when rested": float(s == 0)}
    return by_rule.get(policy, odds / (1 + odds))


def leave(s, a, z):
    return expit(-4.6 + 0.9 * s - 0.8 * a - 0.3 * z)


def transition(policy, z, q, acts="", stays=True):
    """Return the matrix from strain to strain in a month, among those who stay."""
    matrix = np.zeros((3, 3))
    for s, a in itertools.product(range(3), (0, 1)):
        p = stretch_chance(acts or policy, q, s)
        here = (p if a else 1 - p) * (1 - leave(s, a, z) if stays else 1.0)
        move = 0.45 - 0.15 * z if a else 0.40
        matrix[s, min(s + 1, 2) if a else max(s - 1, 0)] += here * move
        matrix[s, s] += here * (1 - move)
    return matrix


@pytest.mark.parametrize("policy", POLICIES)
def test_the_curve_is_the_product_of_transition_matrices(policy):
    truth = scenarios.retention().truth
    for t in (1, 2, 7, 24):
        total = 0.0
        for z, q in itertools.product((0, 1), (0, 1)):
            share = 0.5 * (0.3 + 0.4 * z if q else 0.7 - 0.4 * z)
            total += share * np.linalg.matrix_power(transition(policy, z, q), t)[0].sum()
        assert truth[f"retained {t} | {policy}"] == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_one_step_value_multiplies_hazards_among_the_legacy_rule_s_people(policy):
    truth, curve = scenarios.retention().truth, 1.0
    there = {}
    for z, q in itertools.product((0, 1), (0, 1)):
        there[z, q] = 0.5 * (0.3 + 0.4 * z if q else 0.7 - 0.4 * z) * np.array([1.0, 0.0, 0.0])
    for t in range(1, 25):
        gone = 0.0
        for (z, q), shares in there.items():
            for s in range(3):
                p = stretch_chance(policy, q, s)
                gone += shares[s] * (p * leave(s, 1, z) + (1 - p) * leave(s, 0, z))
        curve *= 1 - gone / sum(shares.sum() for shares in there.values())
        there = {key: shares @ transition("legacy", *key) for key, shares in there.items()}
        assert truth[f"one-step {t} | {policy}"] == pytest.approx(curve, abs=1e-12)


def weights_of_histories(policy, months):
    """Return the probability and the weight of every history that reaches its last month."""
    histories = []
    for z, q in itertools.product((0, 1), repeat=2):
        histories.append((0.5 * (0.3 + 0.4 * z if q else 0.7 - 0.4 * z), 1.0, 0, z, q))
    for month in range(months):
        longer = []
        for (chance, w, s, z, q), a in itertools.product(histories, (0, 1)):
            new, old = (stretch_chance(rule, q, s) for rule in (policy, "legacy"))
            new, old = (new, old) if a else (1 - new, 1 - old)
            move = 0.45 - 0.15 * z if a else 0.40
            after = min(s + 1, 2) if a else max(s - 1, 0)
            stays = 1.0 if month == months - 1 else 1 - leave(s, a, z)
            for strain, way in ((after, move), (s, 1 - move)):
                longer.append((chance * old * stays * way, w * new / old, strain, z, q))
        histories = longer
    return np.array([history[:2] for history in histories]).T


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("months", [1, 2, 5])
def test_the_effective_share_is_that_of_the_weights_of_all_histories(policy, months):
    chance, weight = weights_of_histories(policy, months)
    truth = scenarios.retention().truth
    exact = (chance @ weight) ** 2 / (chance @ weight**2)
    assert truth[f"effective share {months} | {policy}"] == pytest.approx(exact, rel=1e-12)
    if months > 1:  # what is weighted back is the policy's own share
        own = truth[f"retained {months - 1} | {policy}"]
        assert chance @ weight == pytest.approx(own, rel=1e-12)


def test_the_old_rule_s_own_log_is_worth_everybody_who_is_there():
    truth = scenarios.retention().truth
    assert truth["effective share 1 | legacy"] == pytest.approx(1, rel=1e-12)
    there = truth["retained 23 | legacy"]
    assert truth["effective share 24 | legacy"] == pytest.approx(there, rel=1e-12)


def test_the_recipe_s_effective_size_goes_to_the_exact_one_and_is_too_large_in_short_logs():
    world, columns = scenarios.retention(months=6), {"unit": "person", "time": "month"}
    columns |= {"action": "stretch", "propensity": "propensity", "target": "target"}

    def share(people, seed):
        rows = world.sample(people, rng=seed)
        rows = rows.assign(target=chances(POLICIES["odds halved"], rows))
        return retention_curve(rows, event="exit", **columns)["effective_n"].iloc[-1] / people

    exact = world.truth["effective share 6 | odds halved"]
    assert near(np.array([share(20_000, seed) for seed in range(10)]) - exact, 0)
    short = np.array([share(100, seed) for seed in range(100)]) - exact
    assert short.mean() > 3 * short.std() / 10  # the rare heavy weights are mostly missing


def test_two_months_are_what_the_sum_over_all_histories_says():
    truth = scenarios.retention(months=2).truth
    total = 0.0
    for z, q, a, b, moved in itertools.product((0, 1), repeat=5):
        share = 0.5 * (0.3 + 0.4 * z if q else 0.7 - 0.4 * z)
        p = stretch_chance("legacy", q, 0)
        first = (p if a else 1 - p) * (1 - leave(0, a, z))
        move = (0.45 - 0.15 * z) * a  # from strain 0 nothing falls
        strain = moved if a else 0
        p = stretch_chance("legacy", q, strain)
        second = (p if b else 1 - p) * (1 - leave(strain, b, z))
        total += share * first * (move if moved else 1 - move) * second
    assert truth["retained 2 | legacy"] == pytest.approx(total, abs=1e-12)


# A million simulated ----------------------------------------------------------------------


def left_by(people, months):
    return np.array([people[f"left_{t}"].mean() for t in months])


@pytest.mark.parametrize("policy", ["legacy", "always", "only when rested", "odds halved"])
def test_a_million_simulated_people_follow_the_exact_curve(policy):
    world, months, left = scenarios.retention(), (1, 6, 12, 24), np.zeros(4)
    model = world.model.do(**every_month(POLICIES[policy]))
    rng = np.random.default_rng(11)
    for _ in range(10):
        left += left_by(model.sample(100_000, rng=rng), months) / 10
    exact = np.array([world.truth[f"retained {t} | {policy}"] for t in months])
    assert (abs(1 - left - exact) < 4 * np.sqrt(exact * (1 - exact) / 1_000_000)).all()


@pytest.fixture(scope="module")
def log():
    return scenarios.retention().sample(100_000, rng=3)


def near(rows, value):
    return abs(np.mean(rows) - value) < 4 * np.std(rows) / np.sqrt(len(rows))


def test_the_log_holds_the_lottery_and_the_exits_of_the_equations(log):
    ratio = log["stretch"] / log["propensity"]
    q, s, z = log["prestige"], log["strain"], log["senior"]
    assert np.allclose(log["propensity"], expit(-0.8 + 1.6 * q - 0.6 * s))
    assert near(ratio, 1)
    assert near(log["exit"] - leave(s, log["stretch"], z), 0)
    first = log[log["month"] == 1]
    assert near(first["senior"], 0.5)
    assert near(first["prestige"] - (0.3 + 0.4 * first["senior"]), 0)
    assert (first["strain"] == 0).all()
    assert len(first) == 100_000


def test_strain_rises_after_stretch_projects_and_falls_without_them(log):
    follows = log["person"].shift(-1) == log["person"]
    move = (log["strain"].shift(-1) - log["strain"])[follows]
    rows = log[follows]
    for z in (0, 1):
        free = (rows["stretch"] == 1) & (rows["strain"] < 2) & (rows["senior"] == z)
        assert near(move[free], 0.45 - 0.15 * z)
    assert near(move[(rows["stretch"] == 0) & (rows["strain"] > 0)], -0.40)
    assert set(move[rows["stretch"] == 1]) == {0, 1}
    assert set(move[rows["stretch"] == 0]) == {0, -1}


def test_a_person_has_a_row_a_month_until_the_exit_and_none_after(log):
    person = log.groupby("person")
    assert (log["month"] == person.cumcount() + 1).all()
    assert (person["exit"].sum() <= 1).all()
    last = person.tail(1)
    assert ((last["exit"] == 1) | (last["month"] == 24)).all()
    stays = 1 - log["exit"].sum() / 100_000
    exact = scenarios.retention().truth["retained 24 | legacy"]
    assert abs(stays - exact) < 4 * np.sqrt(exact * (1 - exact) / 100_000)


def test_an_exit_in_the_model_is_for_good():
    people = scenarios.retention(months=6).model.sample(20_000, rng=5)
    left = people.filter(like="left_").to_numpy()
    assert (np.diff(left, axis=1) >= 0).all()


def test_the_columns_are_what_is_recorded(log):
    columns = ["person", "month", "senior", "prestige", "strain", "propensity", "stretch", "exit"]
    assert list(log) == columns
    assert log.drop(columns="propensity").dtypes.eq("int64").all()


# What the world is made to teach -----------------------------------------------------------


def test_one_step_at_a_time_reverses_the_ranking_of_the_rules():
    truth = scenarios.retention().truth
    rules = ["always", "only when rested", "never"]
    exact = [truth[f"retained 24 | {rule}"] for rule in rules]
    one_step = [truth[f"one-step 24 | {rule}"] for rule in rules]
    assert exact == sorted(exact)
    assert one_step == sorted(one_step, reverse=True)
    assert truth["one-step 24 | legacy"] == pytest.approx(truth["retained 24 | legacy"], abs=1e-12)


def test_in_the_first_month_there_is_no_feedback_yet():
    truth = scenarios.retention().truth
    for rule in POLICIES:
        assert truth[f"one-step 1 | {rule}"] == pytest.approx(truth[f"retained 1 | {rule}"])


# The third rung, policies and refusals ----------------------------------------------------


def test_the_same_people_replayed_under_their_own_actions_are_the_same():
    world = scenarios.retention(months=3)
    people = world.model.sample(2_000, rng=1)
    replayed = world.model.imagine(people, rng=2)
    pd.testing.assert_frame_equal(replayed, people, check_dtype=False)


def test_people_replayed_without_stretch_projects_leave_as_the_rule_says():
    world = scenarios.retention(months=12)
    people = world.model.sample(200_000, rng=1)
    spared = world.model.imagine(people, rng=2, **every_month(never, months=12))
    assert near(1 - spared["left_12"], world.truth["retained 12 | never"])


def test_a_jump_in_strain_that_the_world_does_not_have_is_refused():
    world = scenarios.retention(months=2)
    people = world.model.sample(10, rng=1).assign(strain_2=2)
    with pytest.raises(ValueError, match="'strain_2': strain moves by one point"):
        world.model.imagine(people, rng=2, stretch_1=0)


def test_a_policy_acts_on_each_month_s_strain():
    acted = every_month(rested)
    assert list(acted) == [f"stretch_{t}" for t in range(1, 25)]
    model = scenarios.retention().model.do(**acted)
    assert isinstance(model, SCM)
    people = model.sample(1_000, rng=0)
    for t in (1, 9, 24):
        assert ((people[f"stretch_{t}"] == 1) == (people[f"strain_{t}"] == 0)).all()
        assert ("strain_" + str(t), "stretch_" + str(t)) in model.graph.edges


def test_the_chances_of_a_policy_are_those_of_each_row(log):
    some = log.sample(500, random_state=1)
    legacy = chances(POLICIES["legacy"], some)
    assert legacy.index.equals(some.index)
    assert np.allclose(legacy, some["propensity"])
    assert (chances(rested, some) == (some["strain"] == 0)).all()
    odds = legacy / (1 - legacy)
    assert np.allclose(chances(POLICIES["odds halved"], some), odds / 2 / (1 + odds / 2))
    assert (chances(lambda senior: 0.25, some) == 0.25).all()
    with pytest.raises(ValueError, match=r"goes by \['exit'\]"):
        chances(lambda exit: exit, some)


def test_a_policy_of_one_s_own_gets_its_exact_curve():
    spare = {"spare the junior": lambda senior, strain: 1.0 * ((senior == 1) & (strain == 0))}
    world = scenarios.retention(months=8, policies=spare)
    model = world.model.do(**every_month(spare["spare the junior"], months=8))
    people = model.sample(400_000, rng=6)
    assert near(1 - people["left_8"], world.truth["retained 8 | spare the junior"])
    assert not [key for key in world.truth if "legacy" in key]


@pytest.mark.parametrize("months", [1, 0, -2, 2.5, "24"])
def test_a_log_without_two_months_is_refused(months):
    with pytest.raises(ValueError, match=r"months is .*; give a whole number of at least 2"):
        scenarios.retention(months=months)


def test_a_policy_that_goes_by_what_comes_later_is_refused():
    late = lambda exit: 1.0 * exit  # noqa: E731
    with pytest.raises(ValueError, match=r"'late' goes by \['exit'\].*senior.*prestige.*strain"):
        scenarios.retention(policies={"late": late})
    with pytest.raises(ValueError, match=r"goes by \['exit'\]"):
        every_month(late)
    with pytest.raises(ValueError, match=r"policy 'number' is 1; give a function"):
        scenarios.retention(policies={"number": 1})


def test_a_policy_that_gives_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"policy 'strain' gives 2; a probability lies in"):
        scenarios.retention(policies={"strain": lambda strain: strain})
