"""Expected values of the headline numbers that no line of arithmetic gives, worked out here."""

import numpy as np
import pandas as pd
import pytest
from test_headlines import HEADLINES
from test_project_assignment import lottery, over_people

from casestudies import scenarios

EXPECTED = {key: expected for _, key, expected, _, _ in HEADLINES}


def agrees(**found):
    """Hold what a second route finds, by key without its hyphens, against the rows."""
    for name, value in found.items():
        key = name.replace("_", "-")
        assert value == pytest.approx(EXPECTED[key], rel=1e-4), key


# Off-policy evaluation ---------------------------------------------------------------------


def columns(log):
    return (log[name].to_numpy() for name in ("talent", "propensity", "stretch", "exit"))


def weights(target, p, a):
    return np.where(a == 1, target / p, (1 - target) / (1 - p))


def test_effective_sizes_are_the_rows_over_the_mean_squared_weight():
    def kish(low, high):
        def squared(x, q):
            target = high if x > 0.5 else low
            return target**2 / lottery(x, q) + (1 - target) ** 2 / (1 - lottery(x, q))

        return 12_000 / over_people(squared)

    agrees(policy_effective=kish(0, 1), policy_soft_effective=kish(0.1, 0.9))


def test_the_intervals_of_the_log_follow_from_its_rows_influences():
    talent, p, a, left = columns(scenarios.project_assignment().sample(12_000, rng=1))
    w = weights(1.0 * (talent > 0.5), p, a)
    value = w @ left / w.sum()
    influence = w * (left - value) / w.sum()
    error = 1.959964 * np.sqrt(influence @ influence)
    agrees(policy_weighted_low=value - error, policy_weighted_high=value + error)
    influence = influence - (left - left.mean()) / len(left)
    gain, error = left.mean() - value, 1.959964 * np.sqrt(influence @ influence)
    agrees(policy_saved_low=1_000 * (gain - error), policy_saved_high=1_000 * (gain + error))


def test_the_rule_that_wins_on_one_half_of_the_log_is_valued_on_the_other():
    log = scenarios.project_assignment().sample(500, rng=5)
    _, p, a, left = columns(log)
    lines = np.random.default_rng(5).normal(size=(200, 3))
    wanted = lines @ np.array([np.ones(500), log["talent"], log["prestige"]]) > 0
    w = weights(1.0 * wanted, p, a)
    chose = np.random.default_rng(5).permutation(500) < 250
    first, second = ((w * left)[:, h].sum(axis=1) / w[:, h].sum(axis=1) for h in (chose, ~chose))
    agrees(policy_claimed=first.min(), policy_chosen=second[first.argmin()])


def test_the_effective_size_of_halved_odds_is_that_of_the_products_of_two_years():
    log = scenarios.retention().sample(3_000, rng=6)
    odds = log["propensity"] / (1 - log["propensity"]) / 2
    ratio = weights(odds / (1 + odds), log["propensity"], log["stretch"])
    product = pd.Series(ratio).groupby(log["person"]).cumprod()[log["month"] == 24]
    agrees(policy_halved_effective=product.sum() ** 2 / (product**2).sum())
