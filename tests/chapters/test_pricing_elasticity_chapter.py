"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pytest
from causaldata import avocado
from scipy import stats
from stored import covers, kept, numbers

from casestudies import scenarios

chapter = kept("pricing_elasticity")
prices = scenarios.pricing()


def test_the_price_alone_has_the_wrong_sign():
    assert chapter.raw["ci_low"] > 0
    assert chapter.raw["ci_low"] < prices.truth["OLS limit"] < chapter.raw["ci_high"]


def test_the_price_alone_misses_and_footfall_and_cost_cover():
    eta = prices.truth["elasticity"]
    assert covers(chapter.elasticity, eta).tolist() == [False, True, True]


def test_the_instrument_is_strong_and_its_set_covers():
    assert chapter.safe["kind"] == "interval"
    assert chapter.safe["ci_low"] < chapter.eta < chapter.safe["ci_high"]
    assert chapter.strength.loc["effective F", "value"] > 104.7


def test_the_sandwich_by_hand_gives_the_instruments_interval_in_the_same_draws():
    footfall, on_cost, on_price, on_units = np.random.default_rng(4).normal(size=(4, 2_000))
    cost = 0.06 * on_cost
    price = 0.8 * cost + 0.08 * footfall + 0.05 * on_price
    units = -3 * price + 0.5 * footfall + 0.2 * on_units
    cost, price, units = (part - part.mean() for part in (cost, price, units))
    estimate = cost @ units / (cost @ price)
    reach = stats.norm.ppf(0.975) * np.linalg.norm(cost * (units - estimate * price))
    reach /= cost @ price
    found = {"iv": estimate, "iv-low": estimate - reach, "iv-high": estimate + reach}
    found["raw-estimate"] = price @ units / (price @ price)
    stored = numbers("pricing_elasticity")
    assert {key: stored[f"pricing-{key}"] for key in found} == pytest.approx(found, rel=1e-5)


def test_the_best_price_earns_what_the_equations_say():
    today, best = (prices.truth[f"E[profit | {at}]"] for at in ("do(price=12)", "best price"))
    slow = today + stats.norm.cdf(-0.5) * (best - today)
    found = chapter.earnings.iloc[[0, 2]].tolist()
    found += [chapter.earnings["9.02 in slow weeks, else 12"]]
    for simulated, exact in zip(found, [today, best, slow], strict=True):
        assert abs(simulated - exact) < 4 * 0.63 * exact / np.sqrt(400_000) + 5
    assert abs(stats.norm.cdf(0.5) - 2 / 3) < 0.03
    assert chapter.best.loc["cost as instrument", "ci_high"] < 12


def test_vouchers_more_than_doubled_who_came():
    assert chapter.free + chapter.fetched["estimate"] > 2 * chapter.free
    assert chapter.least < chapter.fetched["estimate"] < chapter.most


def test_the_ratio_by_hand_is_the_recipe():
    assert abs(chapter.by_hand - chapter.elasticity.loc["cost as instrument", "estimate"]) < 1e-9


def test_cost_is_nearly_half_of_what_is_as_good_as_random_in_the_price():
    of_cost, of_its_own = (0.8 * 0.06) ** 2, 0.05**2
    assert 0.45 < of_cost / (of_cost + of_its_own) < 0.5


def test_footfall_and_cost_cover_in_many_worlds():
    good = chapter.many.loc[["with footfall", "cost as instrument"]]
    assert (abs(good["bias"]) < 4 * good["bias_error"]).all()
    assert (abs(good["coverage"] - 0.95) < 4 * np.sqrt(0.0475 / 200)).all()
    assert chapter.many.loc["price alone", "coverage"] < 0.05


def test_a_product_that_should_become_dearer():
    turned = scenarios.pricing(elasticity=-1.8).truth
    assert abs(turned["OLS limit"] - 1.77) < 0.005
    assert abs(turned["best price"] - 13.52) < 0.005


def test_lags_of_eight_weeks_nearly_double_the_avocado_s_error():
    table = avocado.load_pandas().data.sort_values("Date")
    price, volume = np.log(table[["AveragePrice", "TotalVolume"]].to_numpy()).T
    price = price - price.mean()
    slope = price @ volume / (price @ price)
    left = volume - volume.mean() - slope * price
    scores = price * left
    usual = np.sqrt(left @ left / (len(table) - 2) / (price @ price))
    lagged = [(1 - k / 9) * 2 * scores[k:] @ scores[:-k] for k in range(1, 9)]  # Bartlett
    error = np.sqrt(scores @ scores + sum(lagged)) / (price @ price)
    assert [len(table), round(slope, 2), round(usual, 2), round(error, 2)] == [
        169,
        -0.68,
        0.05,
        0.1,
    ]
