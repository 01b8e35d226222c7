"""A log of orders from many stores: vouchers dealt by past spending, kiosks by store."""

import numpy as np
from scipy import stats
from scipy.special import expit

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Deterministic, Mechanism, Normal, Uniform

STORES = 100
MARKETS = ("home", "neighbour", "island")
FIRST = np.array([0, 80, 98])  # first store of each market
CLASSES = (2, 5, 10, 20, 50)
PAST_ON_SALES, LEVELS, NOISE = 4.0, 3.0, 12.0  # euro per standard deviation, of each


def orders(
    *, voucher_effects=(3.0, 3.0, 1.0), kiosk_effect=1.5, past_on_voucher=1.0, change_between=3.0
):
    r"""World of orders in 100 stores: who gets a voucher, and which stores get a kiosk.

    An order falls into one of 100 stores :math:`s`, all equally likely: 80 at home, 18 in the
    neighbouring country, 2 on the island. A store has a level :math:`B_s` and a change
    :math:`C_s` from the first half of the log to the second, both :math:`N(0, 1)` and drawn anew
    with each log. Stores with an odd number, half of all in each market, get a kiosk
    :math:`K_s` for the second half, :math:`P = 1`. With past spending :math:`X \sim N(0, 1)`,
    voucher :math:`V`, sales :math:`Y` in euro and :math:`\sigma` the logistic function,

    .. math::

        P(V = 1) &= \sigma(-1 + \beta X) \\
        Y &= 40 + 4 X + 3 B_s + (1 + \gamma C_s) P + \kappa K_s P + \tau_m V + N(0, 12^2)

    with :math:`\beta` = `past_on_voucher`, :math:`\gamma` = `change_between`, :math:`\kappa` =
    `kiosk_effect` and :math:`\tau_m` the entry of `voucher_effects` for the store's market.
    Vouchers are dealt order by order, whatever the store; the kiosk is a matter of whole stores.

    Truths are exact: sums over markets, and Gauss-Hermite quadrature over :math:`X` for
    :math:`E[X \mid V]`. In :math:`K` classes of past spending of equal numbers, what adjustment
    for the class tends to is the ATE plus the mean over classes of :math:`4\,(E[X \mid V = 1, k]
    - E[X \mid V = 0, k])`, by the midpoint rule over probabilities. The difference in
    differences of mean sales, from n orders in :math:`S` stores, has the squared standard error

    .. math:: \frac{4}{S} \gamma^2 + \frac{16}{n} \mathrm{Var}(Y \mid K, P),

    up to terms of order :math:`S^{-2}`, with the variance averaged over the two halves. The
    second part is what independent orders would have, and more orders touch it only.

    Parameters
    ----------
    voucher_effects : sequence of float
        Effect of a voucher on the sales of an order (euro): at home, in the neighbouring
        country, on the island.
    kiosk_effect : float
        Effect of a kiosk on the sales of an order (euro).
    past_on_voucher : float
        Log odds of a voucher per standard deviation of past spending; 0 deals them by lot.
    change_between : float
        Standard deviation between stores of the change from the first half to the second (euro).

    Returns
    -------
    Scenario
        A row is an order. observed: store (0 to 99), market (0 home, 1 neighbour, 2 island), post
        (1 in the second half), kiosk (1 for orders of stores that get one, in both halves), past
        (standard deviations), voucher (0/1), sales (euro). treatment is the voucher; adjust_for
        is past. truth, in euro an order: ATE and CATE(market=0), 1 and 2 of the voucher, raw
        difference, "limit, 5 classes" (also 2, 10, 20, 50), kiosk; "variance between stores" and
        "variance of orders" as in the formula above; and E[net sales | rule], sales less 2 euro a
        voucher in the first half, for the rules nobody, everybody, "all but the island", today.

    Raises
    ------
    ValueError
        If a parameter is not finite, there are not three effects, or `change_between` is not
        above 0.

    References
    ----------
    Moulton (1990), Review of Economics and Statistics 72(2), 334-338 (what is the same for a
    whole group, regressed on as if it were not).

    Examples
    --------
    >>> truth = orders().truth
    >>> round(truth["ATE"], 2), round(truth["raw difference"], 2)
    (2.96, 6.33)
    """
    effects = np.asarray(voucher_effects, dtype=float)
    _check(effects, [kiosk_effect, past_on_voucher, change_between])

    def sales(past, level, change, post, kiosk, voucher, market):
        later = (1 + change_between * change + kiosk_effect * kiosk) * post
        return 40 + PAST_ON_SALES * past + LEVELS * level + later + effects[market] * voucher

    mechanisms = {
        "place": Uniform(0.0, STORES),
        "store": Deterministic(lambda place: np.floor(place).astype(int)),
        "market": Deterministic(lambda store: np.searchsorted(FIRST, store, side="right") - 1),
        "level": OfStore(lambda store: store),
        "change": OfStore(lambda store: store),
        "kiosk": Deterministic(lambda store: store % 2),
        "post": Bernoulli(0.5),
        "past": Normal(),
        "voucher": Bernoulli(lambda past: expit(-1 + past_on_voucher * past)),
        "sales": Normal(sales, NOISE),
    }
    return Scenario(
        name="orders",
        model=SCM(mechanisms),
        treatment="voucher",
        outcome="sales",
        observed=("store", "market", "post", "kiosk", "past", "voucher", "sales"),
        adjust_for=("past",),
        truth=_truth(effects, kiosk_effect, past_on_voucher, change_between),
        source="explainer_day36",
    )


class OfStore(Mechanism):
    """A standard normal number that all orders of a store share, drawn anew with each log."""

    def __init__(self, store):
        super().__init__(store=store)

    def noise(self, n, rng, store):
        """Draw a number a store, and give each order that of its store."""
        return rng.standard_normal(STORES)[store]

    def value(self, noise, store):
        """Return the store's number."""
        return noise

    def abduct(self, value, rng, store):
        """Return the value: nothing else is in it."""
        return value


def _check(effects, others):
    """Refuse parameters that make no world."""
    if effects.shape != (3,):
        raise ValueError(f"voucher_effects must have an entry for each of {MARKETS}")
    if not np.isfinite([*effects, *others]).all():
        raise ValueError("parameters of orders must be finite numbers")
    if others[-1] <= 0:
        raise ValueError(f"change_between must be above 0, got {others[-1]}")


def _truth(effects, kiosk_effect, on_voucher, between):
    """Return sums over markets, and quadrature over past spending."""
    shares = np.diff([*FIRST, STORES]) / STORES
    ate = shares @ effects
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()
    dealt = expit(-1 + on_voucher * nodes)
    p, with_past = weights @ dealt, weights @ (nodes * dealt)
    gap = with_past / p / (1 - p)  # E[X | V = 1] - E[X | V = 0], since E[X] = 0
    by_voucher = p * (shares @ effects**2) - (p * ate) ** 2 + 2 * PAST_ON_SALES * ate * with_past
    level = 40.0
    policies = {
        "nobody": level,
        "everybody": level + shares @ (effects - 2),
        "all but the island": level + shares[:2] @ (effects[:2] - 2),
        "today": level + p * (shares @ (effects - 2)),
    }
    return {
        "ATE": ate,
        **{f"CATE(market={m})": effect for m, effect in enumerate(effects)},
        "raw difference": ate + PAST_ON_SALES * gap,
        **{
            f"limit, {k} classes": ate + PAST_ON_SALES * _gap_within(k, on_voucher) for k in CLASSES
        },
        "kiosk": kiosk_effect,
        "variance between stores": between**2,
        "variance of orders": NOISE**2 + PAST_ON_SALES**2 + by_voucher + LEVELS**2 + between**2 / 2,
        **{f"E[net sales | {rule}]": value for rule, value in policies.items()},
    }


def _gap_within(classes, on_voucher, points=200_000):
    """Return the mean over classes of E[X | V = 1, class] - E[X | V = 0, class]."""
    past = stats.norm.ppf((np.arange(points) + 0.5) / points).reshape(classes, -1)
    dealt = expit(-1 + on_voucher * past)
    means = [(past * w).sum(axis=1) / w.sum(axis=1) for w in (dealt, 1 - dealt)]
    return (means[0] - means[1]).mean()
