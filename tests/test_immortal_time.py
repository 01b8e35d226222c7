import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from casestudies import scenarios

TURNED = {
    "months": 5,
    "follow": 3,
    "join_intercept": -1.0,
    "keen_on_joining": -0.7,
    "exit_intercept": -1.5,
    "keen_on_exit": 0.8,
    "mentored_on_exit": -0.9,
}
BOTH = pytest.mark.parametrize("knobs", [{"months": 6, "follow": 4}, TURNED], ids=["few", "turned"])


class Lives:
    """Every life by enumeration: (keen, month of joining or none, month of leaving or none)."""

    def __init__(self, knobs):
        given = {"join_intercept": -2.5, "keen_on_joining": 1.0, "exit_intercept": -2.6}
        given |= {"keen_on_exit": -0.6, "mentored_on_exit": 0.3, "months": 12, "follow": 6} | knobs
        self.__dict__.update(given)

    def joins(self, k):
        return expit(self.join_intercept + self.keen_on_joining * k)

    def leaves(self, k, a):
        return expit(self.exit_intercept + self.keen_on_exit * k + self.mentored_on_exit * a)

    def chance(self, k, joined, left, length, forced=None):
        """P(joined in that month, left in that month | keen) over a number of months.

        `forced` gives the chance to join in some months, by month.
        """
        p, mentored = 1.0, False
        for month in range(1, length + 1):
            if not mentored:
                odds = (forced or {}).get(month, self.joins(k))
                p *= odds if joined == month else 1 - odds
                mentored = joined == month
            hazard = self.leaves(k, mentored)
            if left == month:
                return p * hazard
            p *= 1 - hazard
        return p

    def lives(self, length, forced=None):
        months = [*range(1, length + 1), None]
        for k, joined, left in itertools.product((0, 1), months, months):
            if joined is None or left is None or joined <= left:
                yield k, joined, left, self.chance(k, joined, left, length, forced) / 2

    def gone(self, k, length, forced=None):
        lives = self.lives(length, forced)
        return 2 * sum(p for z, _, left, p in lives if z == k and left is not None)


@BOTH
def test_all_lives_together_have_probability_one(knobs):
    world = Lives(knobs)
    assert sum(p for *_, p in world.lives(world.months)) == pytest.approx(1)


@BOTH
def test_the_exits_under_each_way_to_join_follow_by_enumeration(knobs):
    world, truth = Lives(knobs), scenarios.immortal_time(**knobs).truth
    never = dict.fromkeys(range(1, world.months + 1), 0)
    at_once, stays, joins, waits = (
        np.mean([world.gone(k, world.months, forced) for k in (0, 1)])
        for forced in ({1: 1}, never, {1: 1}, {1: 0})
    )
    assert truth["E[exit | at once]"] == pytest.approx(at_once)
    assert truth["E[exit | never]"] == pytest.approx(stays)
    assert truth["ATE"] == pytest.approx(at_once - stays)
    assert truth["ITT"] == pytest.approx(joins - waits)


@BOTH
def test_the_naive_comparisons_follow_by_enumeration(knobs):
    world, truth = Lives(knobs), scenarios.immortal_time(**knobs).truth
    lives = pd.DataFrame(world.lives(world.months), columns=["keen", "joined", "left", "p"])
    lives = lives.assign(ever=lives["joined"].notna(), gone=lives["left"].notna() * lives["p"])
    rates = lives.groupby("ever")[["gone", "p"]].sum().eval("gone / p")
    within = lives.groupby(["ever", "keen"])[["gone", "p"]].sum().eval("gone / p")
    assert [truth["never"], truth["ever"]] == pytest.approx(rates.tolist())
    assert truth["naive: ever - never"] == pytest.approx(rates[True] - rates[False])
    by_keen = (within[True] - within[False]).mean()
    assert truth["naive: ever - never, by keen"] == pytest.approx(by_keen)


@BOTH
def test_what_looking_ahead_does_follows_by_enumeration(knobs):
    world, truth = Lives(knobs), scenarios.immortal_time(**knobs).truth
    lives = pd.DataFrame(world.lives(world.months), columns=["keen", "joined", "left", "p"])
    lives["gone"] = lives["left"].notna() * lives["p"]
    assert truth["E[exit]"] == pytest.approx(lives["gone"].sum())
    for k in range(1, world.months + 1):
        rates = lives.groupby(lives["joined"] <= k)[["gone", "p"]].sum().eval("gone / p")
        assert truth[f"naive: joined within {k}"] == pytest.approx(rates[True] - rates[False])


@BOTH
def test_the_trials_average_over_those_who_may_still_join(knobs):
    world, truth = Lives(knobs), scenarios.immortal_time(**knobs).truth
    never = dict.fromkeys(range(1, world.follow + 1), 0)
    starters = {
        k: sum(((1 - world.joins(k)) * (1 - world.leaves(k, 0))) ** month
               for month in range(world.months - world.follow + 1))
        for k in (0, 1)
    }  # fmt: skip
    share = starters[1] / (starters[0] + starters[1])
    for name, other in (("ITT(trials)", {1: 0}), ("ATE(trials)", never)):
        gaps = [
            world.gone(k, world.follow, {1: 1}) - world.gone(k, world.follow, other) for k in (0, 1)
        ]
        assert truth[name] == pytest.approx((1 - share) * gaps[0] + share * gaps[1])


def test_two_thirds_of_the_harm_hide_without_keenness_and_four_in_ten_who_wait_join():
    world, starters, harm, joiners = Lives({}), np.zeros((2, 2)), np.zeros((2, 2)), np.zeros(2)
    for k in (0, 1):
        waits = pd.DataFrame(world.lives(6, {1: 0}), columns=["keen", "joined", "left", "p"])
        waits = waits[waits["keen"] == k]
        joiners[k] = 2 * waits.loc[waits["joined"].notna(), "p"].sum()
        alone = (1 - world.joins(k)) * (1 - world.leaves(k, 0))
        entries = sum(alone**month for month in range(7)) / 2
        starters[:, k] = entries * np.array([1 - world.joins(k), world.joins(k)])
        harm[:, k] = [world.gone(k, 6, {1: arm}) for arm in (0, 1)]
    raw = np.diff((starters * harm).sum(axis=1) / starters.sum(axis=1)).item()
    itt = np.average(harm[1] - harm[0], weights=starters.sum(axis=0))
    assert itt == pytest.approx(scenarios.immortal_time().truth["ITT(trials)"])
    assert 1 - raw / itt == pytest.approx(2 / 3, abs=0.01)
    assert np.average(joiners, weights=starters[0]) == pytest.approx(0.4, abs=0.01)


def test_a_large_sample_has_the_stated_rates_and_the_do_operator_the_stated_exits():
    world = scenarios.immortal_time()
    log = world.sample(100_000, rng=8)
    people = log.groupby("person").agg(ever=("mentored", "max"), exit=("exit", "max"))
    rates = people.groupby("ever")["exit"].agg(["mean", "size"])
    for ever, name in ((1, "ever"), (0, "never")):
        p, n = world.truth[name], rates.loc[ever, "size"]
        assert abs(rates.loc[ever, "mean"] - p) < 4 * np.sqrt(p * (1 - p) / n)
    for first, name in ((1, "E[exit | at once]"), (0, "E[exit | never]")):
        others = {f"mentored_{t}": first for t in range(1, 13)}
        exits = world.model.do(**others).sample(100_000, rng=9)["left_12"].mean()
        p = world.truth[name]
        assert abs(exits - p) < 4 * np.sqrt(p * (1 - p) / 100_000)


def test_the_log_follows_each_person_until_the_exit():
    log = scenarios.immortal_time(months=7, follow=3).sample(500, rng=1)
    lives = log.groupby("person")
    assert (lives["month"].max() == lives.size()).all()
    assert (lives["exit"].sum() <= 1).all()
    assert (log[log["exit"] == 1].index == lives.tail(1).query("exit == 1").index).all()
    assert (lives["mentored"].diff().dropna() >= 0).all()
    assert (lives["keen"].min() == lives["keen"].max()).all()


def test_the_naive_comparison_is_wrong_in_sign_with_a_harmful_programme_and_with_a_useless_one():
    truth = scenarios.immortal_time().truth
    assert truth["naive: ever - never"] < -0.2 < 0.05 < truth["ATE"]
    useless = scenarios.immortal_time(mentored_on_exit=0.0).truth
    for name in ("ATE", "ITT", "ITT(trials)", "ATE(trials)"):
        assert useless[name] == pytest.approx(0)
    assert useless["naive: ever - never"] < -0.3


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"months": 1}, "months is 1; give a whole number from 2"),
        ({"months": True}, "months is True; give a whole number"),
        ({"months": 4, "follow": 5}, "follow is 5; give a whole number from 1 to 4"),
        ({"follow": 2.0}, "follow is 2.0; give a whole number"),
        ({"keen_on_exit": np.nan}, "give finite numbers"),
    ],
)
def test_bad_knobs_are_refused_by_name(knobs, message):
    with pytest.raises(ValueError, match=message):
        scenarios.immortal_time(**knobs)
