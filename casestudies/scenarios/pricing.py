"""Does lowering the price raise sales? Managers cut prices in slow weeks."""

import numpy as np

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Normal

COST, PRICE, UNITS = np.log([6.0, 12.0, 500.0])  # medians: euro, euro, units a week
COST_NOISE, PRICE_NOISE, UNITS_NOISE = 0.06, 0.05, 0.2  # standard deviations of logarithms


def pricing(
    *,
    footfall_recorded=True,
    elasticity=-3.0,
    footfall_on_units=0.5,
    footfall_on_price=0.08,
    cost_on_price=0.8,
    footfall_on_cost=0.0,
):
    r"""World of a product whose managers lower its price in slow weeks.

    With footfall :math:`F \sim N(0, 1)` and, as logarithms, wholesale cost c, price p and
    units sold q,

    .. math::

        c &= \log 6 + \kappa F + 0.06\,\varepsilon_c, \qquad \kappa = 0 \\
        p &= \log 12 + 0.8\,(c - \log 6) + 0.08\, F + 0.05\,\varepsilon_p \\
        q &= \log 500 - 3\,(p - \log 12) + 0.5\, F + 0.2\,\varepsilon_q

    Weeks are independent. The elasticity, -3, is the same in every week: a price lower by a
    tenth multiplies units by :math:`0.9^{-3}`, whoever sets it. The regression of q on p tends
    to :math:`-3 + 0.5\,(0.08 + 0.8\kappa) / Var(p)`, which is positive, and the ratio
    of the slopes on cost to :math:`-3 + 0.5\kappa / (0.8\, Var(c) + 0.08\kappa)`.

    Under do(price) units are log-normal, so that the expected profit is
    :math:`(P - e) E[Q \mid do(P)]` with :math:`e = 6 \exp(Var(c)/2 + 0.5\kappa)`, the
    mean cost of a unit sold. It is greatest at :math:`P = e\, \eta / (1 + \eta)` for an
    elasticity :math:`\eta < -1` (Lerner 1934), and grows without bound otherwise.

    Parameters
    ----------
    footfall_recorded : bool, default True
        Whether an analyst sees the footfall.
    elasticity : float
        Of units with respect to price.
    footfall_on_units, footfall_on_price : float
        Change of the logarithm per standard deviation of footfall.
    cost_on_price : float
        Pass-through: change of the log price per log cost; 0 makes the cost useless.
    footfall_on_cost : float, default 0
        The :math:`\kappa` above; unless it is 0, cost is not independent of demand.

    Returns
    -------
    Scenario
        observed: log_cost, log_price (logarithms of euro), log_units, and footfall (standard
        deviations) if it is recorded; a row is a week. adjust_for: footfall, or empty where
        it is not recorded and no recorded set would do. truth: elasticity, OLS limit, IV limit
        (missing where cost does not move the price), units after a 10% cut (as a multiple),
        best price (euro), E[profit | best price] and E[profit | do(price=12)] (euro a week).

    Raises
    ------
    ValueError
        If a coefficient is not a finite number.

    References
    ----------
    Working (1927), Quarterly Journal of Economics 41(2), 212-235.
    Lerner (1934), Review of Economic Studies 1(3), 157-175.

    Examples
    --------
    >>> truth = pricing().truth
    >>> truth["elasticity"], round(truth["OLS limit"], 2), round(truth["best price"], 2)
    (-3.0, 0.57, 9.02)
    """
    knobs = elasticity, footfall_on_units, footfall_on_price, cost_on_price, footfall_on_cost
    for coefficient in knobs:
        if not np.isfinite(coefficient):
            raise ValueError(f"a coefficient of pricing is {coefficient}; give a finite number")

    def mean_price(log_cost, footfall):
        return PRICE + cost_on_price * (log_cost - COST) + footfall_on_price * footfall

    def mean_units(log_price, footfall):
        return UNITS + elasticity * (log_price - PRICE) + footfall_on_units * footfall

    costs = Normal(COST, COST_NOISE)
    if footfall_on_cost:
        costs = Normal(lambda footfall: COST + footfall_on_cost * footfall, COST_NOISE)
    model = SCM(
        {
            "footfall": Normal(),
            "log_cost": costs,
            "log_price": Normal(mean_price, PRICE_NOISE),
            "log_units": Normal(mean_units, UNITS_NOISE),
        }
    )
    seen = ("footfall",) if footfall_recorded else ()
    return Scenario(
        name="pricing",
        model=model,
        treatment="log_price",
        outcome="log_units",
        observed=(*seen, "log_cost", "log_price", "log_units"),
        adjust_for=seen,
        truth=_truth(*knobs),
        source="wael_causal_ml",
    )


def _truth(elasticity, on_units, on_price, pass_through, on_cost):
    """Return limits of regressions from the covariances, and profits of log-normal sales."""
    var_cost = on_cost**2 + COST_NOISE**2
    moved = on_price + pass_through * on_cost  # how footfall moves the price, on both ways
    var_price = moved**2 + (pass_through * COST_NOISE) ** 2 + PRICE_NOISE**2
    cost_with_price = pass_through * var_cost + on_price * on_cost
    per_unit = np.exp(COST + var_cost / 2 + on_cost * on_units)
    best = per_unit * elasticity / (1 + elasticity) if elasticity < -1 else np.inf

    def profit(price):
        level = UNITS + elasticity * (np.log(price) - PRICE)
        return (price - per_unit) * np.exp(level + (on_units**2 + UNITS_NOISE**2) / 2)

    truth = {
        "elasticity": elasticity,
        "OLS limit": elasticity + on_units * moved / var_price,
        "units after a 10% cut": 0.9**elasticity,
        "best price": best,
        "E[profit | do(price=12)]": profit(12.0),
        "E[profit | best price]": profit(best) if np.isfinite(best) else np.inf,
    }
    if cost_with_price:
        truth["IV limit"] = elasticity + on_units * on_cost / cost_with_price
    return truth
