from itertools import pairwise

import numpy as np
import pytest
import statsmodels.formula.api as smf
from scipy import integrate, stats
from scipy.special import expit

from casestudies import scenarios
from casestudies.scenarios.orders import OfStore

TURNED = {
    "voucher_effects": (1.0, -2.0, 4.0),
    "kiosk_effect": -0.5,
    "past_on_voucher": -0.7,
    "change_between": 1.5,
}
BOTH = pytest.mark.parametrize("knobs", [{}, TURNED], ids=["default", "turned"])


def dealt(slope, low=-np.inf, high=np.inf):
    """Share, E[X], E[X | V = 1] and E[X | V = 0] between two values, by adaptive quadrature."""

    def over(function):
        ends = max(low, -12), min(high, 12)
        return integrate.quad(lambda x: function(x) * stats.norm.pdf(x), *ends)[0]

    def chance(x):
        return expit(-1 + slope * x)

    share, with_voucher = over(lambda _: 1), over(chance)
    top = over(lambda x: x * chance(x))
    rest = (over(lambda x: x) - top) / (share - with_voucher)
    return with_voucher, top, top / with_voucher, rest


@BOTH
def test_the_truths_of_the_voucher_follow_by_quadrature(knobs):
    truth = scenarios.orders(**knobs).truth
    effects = np.array(knobs.get("voucher_effects", (3, 3, 1)))
    slope = knobs.get("past_on_voucher", 1.0)
    ate = 0.8 * effects[0] + 0.18 * effects[1] + 0.02 * effects[2]
    p, _, ones, zeros = dealt(slope)
    assert truth["ATE"] == pytest.approx(ate)
    assert [truth[f"CATE(market={m})"] for m in range(3)] == effects.tolist()
    assert truth["raw difference"] == pytest.approx(ate + 4 * (ones - zeros), abs=1e-7)
    assert truth["E[net sales | everybody]"] - truth["E[net sales | nobody]"] == pytest.approx(
        ate - 2
    )
    kept = 0.8 * (effects[0] - 2) + 0.18 * (effects[1] - 2)
    assert truth["E[net sales | all but the island]"] == pytest.approx(40 + kept)
    assert truth["E[net sales | today]"] == pytest.approx(40 + p * (ate - 2))


@BOTH
@pytest.mark.parametrize("classes", [2, 5, 10, 20, 50])
def test_what_classes_leave_is_the_mean_gap_within_them_by_quadrature(knobs, classes):
    slope = knobs.get("past_on_voucher", 1.0)
    ends = stats.norm.ppf(np.arange(classes + 1) / classes)
    parts = [dealt(slope, *pair) for pair in pairwise(ends)]
    left = np.mean([ones - zeros for _, _, ones, zeros in parts])
    truth = scenarios.orders(**knobs).truth
    assert truth[f"limit, {classes} classes"] == pytest.approx(truth["ATE"] + 4 * left, abs=2e-5)


@BOTH
def test_the_variance_of_orders_is_that_around_the_means_of_kiosk_and_half(knobs):
    world = scenarios.orders(**knobs)
    log = world.model.do(level=0, change=0).sample(300_000, rng=5)
    plain = log.groupby(["kiosk", "post"])["sales"].var().mean()
    expected = plain + 9 + knobs.get("change_between", 3.0) ** 2 / 2
    assert abs(world.truth["variance of orders"] - expected) < 4 * plain * np.sqrt(2 / len(log))


def test_the_formula_for_the_kiosks_error_is_the_spread_of_its_estimate():
    world, rng = scenarios.orders(), np.random.default_rng(6)
    found = [kiosk_by_hand(world.sample(5_000, rng=rng)) for _ in range(400)]
    error = np.sqrt(4 * 9 / 100 + 16 / 5_000 * world.truth["variance of orders"])
    assert abs(np.std(found, ddof=1) / error - 1) < 4 / np.sqrt(2 * 399)
    assert abs(np.mean(found) - 1.5) < 4 * error / np.sqrt(400)


def kiosk_by_hand(log):
    """Return the difference of the mean changes of two groups of stores."""
    means = log.groupby(["kiosk", "post"])["sales"].mean()
    return means[1, 1] - means[1, 0] - means[0, 1] + means[0, 0]


def test_past_spending_in_the_regression_recovers_the_ate_and_the_raw_slope_does_not():
    world = scenarios.orders(voucher_effects=(3, 3, 3))
    log = world.sample(200_000, rng=7)
    right = smf.ols("sales ~ voucher + past", log).fit()
    wrong = smf.ols("sales ~ voucher", log).fit()
    assert abs(right.params["voucher"] - 3) < 4 * right.bse["voucher"]
    assert abs(wrong.params["voucher"] - world.truth["raw difference"]) < 4 * wrong.bse["voucher"]
    assert wrong.params["voucher"] - 3 > 1


def test_stores_are_shared_by_their_orders_and_new_in_every_log():
    world = scenarios.orders()
    one, two = (world.model.sample(5_000, rng=seed) for seed in (1, 2))
    assert (one.groupby("store")["level"].nunique() == 1).all()
    first = [log.groupby("store")["level"].first() for log in (one, two)]
    assert abs(np.corrcoef(*first)[0, 1]) < 4 / 10
    assert (one["kiosk"] == one["store"] % 2).all()
    sizes = one.groupby("market")["store"].nunique()
    assert sizes.tolist() == [80, 18, 2]


def test_the_same_stores_come_back_when_an_order_is_imagined():
    world = scenarios.orders()
    seen = world.model.sample(500, rng=3)
    same = world.model.imagine(seen, voucher=seen["voucher"].to_numpy(), rng=0)
    assert np.allclose(same["sales"], seen["sales"])
    assert (OfStore(0).abduct(np.array([0.3]), None, 0) == 0.3).all()


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"voucher_effects": (1, 2)}, "voucher_effects must have an entry for each of"),
        ({"kiosk_effect": np.nan}, "must be finite"),
        ({"voucher_effects": (1, 2, np.inf)}, "must be finite"),
        ({"change_between": 0}, "change_between must be above 0, got 0"),
    ],
)
def test_parameters_that_make_no_world_are_refused(knobs, said):
    with pytest.raises(ValueError, match=said):
        scenarios.orders(**knobs)
