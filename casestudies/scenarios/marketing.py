"""Marketing follows the season and answers a competitor; what it brings in by itself."""

import numpy as np
from scipy.special import expit

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Normal

TREATMENTS = ("spend", "campaign")
BASE, NOISE = 600.0, 60.0  # revenue without marketing, and its noise: thousand euros
USUAL, WHIM = 60.0, 10.0  # usual spend, and its noise: thousand euros


def marketing(
    treatment="spend",
    *,
    spend_on_revenue=3.0,
    campaign_on_revenue=150.0,
    season_on_campaign_effect=30.0,
    season_on_spend=12.0,
    competitor_on_spend=12.0,
    season_on_revenue=60.0,
    competitor_on_revenue=-80.0,
):
    r"""World of sales regions whose marketing follows the season and answers a competitor.

    With season :math:`S`, a competitor's action :math:`C`, marketing :math:`T` and revenue
    :math:`Y`,

    .. math::

        S &\sim N(0, 1), \quad C \sim \operatorname{Bernoulli}(1/2) \\
        T &= 60 + 12 S + 12 C + 10\,\varepsilon_T \\
        Y &= 600 + 3\, T + 60 S - 80 C + 60\,\varepsilon_Y

    in thousand euros. With ``treatment="campaign"`` marketing is one campaign or none,
    :math:`P(T = 1) = \operatorname{expit}(-1 + (12 S + 12 C) / 12)`, and brings in
    :math:`(150 + 30 S)\, T` in place of :math:`3\, T`.

    With spend the truths are closed forms: the effect is the same everywhere, the raw slope
    adds :math:`(60 \cdot 12 - 80 \cdot 12 / 4) / (12^2 + 12^2 / 4 + 10^2)` to it, and holding
    the season fixed alone adds :math:`-80 \cdot (12 / 4) / (12^2 / 4 + 10^2)`: the season
    flatters the spend, the competitor does it wrong. With a campaign they are sums over C and
    Gauss-Hermite quadrature over S.

    Parameters
    ----------
    treatment : {"spend", "campaign"}, default "spend"
        Marketing as an amount, or as one campaign or none.
    spend_on_revenue : float
        Euros of revenue per euro of spend.
    campaign_on_revenue, season_on_campaign_effect : float
        What a campaign brings in on average, and how that grows with the season; thousand
        euros, and thousand euros per standard deviation.
    season_on_spend, competitor_on_spend : float
        Thousand euros per standard deviation of season, and when the competitor acts; a
        twelfth of each is the change of a campaign's log odds.
    season_on_revenue, competitor_on_revenue : float
        Thousand euros, other than through marketing.

    Returns
    -------
    Scenario
        observed: marketing_spend (thousand euros, or 0/1), revenue (thousand euros),
        seasonality (standard deviations), competitor_action (0/1); a row is a region in a
        quarter, independent of the others. adjust_for: the last two. truth with spend: ATE
        (of one more unit of spend), raw slope, slope given seasonality; with a campaign: ATE,
        ATT, raw difference, standardized over seasonality (the limit of adjusting for it
        alone), share with campaign; with both E[revenue], E[revenue | do(marketing_spend=0)]
        and E[revenue | do(marketing_spend=1)].

    Raises
    ------
    ValueError
        If `treatment` is neither of the two, or a coefficient is not a finite number.

    References
    ----------
    Sharma and Kiciman (2020), arXiv preprint 2011.04216.

    Examples
    --------
    >>> truth = marketing().truth
    >>> truth["ATE"], round(truth["raw slope"], 3), round(truth["slope given seasonality"], 3)
    (3.0, 4.714, 1.235)
    >>> round(marketing("campaign").truth["ATT"], 1)
    164.4
    """
    if treatment not in TREATMENTS:
        raise ValueError(f"treatment must be one of {TREATMENTS}, got {treatment!r}")
    on_spend = season_on_spend, competitor_on_spend
    on_revenue = season_on_revenue, competitor_on_revenue
    on_effect = campaign_on_revenue, season_on_campaign_effect
    for coefficient in (spend_on_revenue, *on_effect, *on_spend, *on_revenue):
        if not np.isfinite(coefficient):
            raise ValueError(f"a coefficient of marketing is {coefficient}; give a finite number")

    def plan(seasonality, competitor_action):
        return season_on_spend * seasonality + competitor_on_spend * competitor_action

    def rest(seasonality, competitor_action):
        return season_on_revenue * seasonality + competitor_on_revenue * competitor_action

    def effect(seasonality):
        if treatment == "spend":
            return spend_on_revenue
        return campaign_on_revenue + season_on_campaign_effect * seasonality

    spend = {
        "spend": Normal(
            lambda seasonality, competitor_action: USUAL + plan(seasonality, competitor_action),
            WHIM,
        ),
        "campaign": Bernoulli(
            lambda seasonality, competitor_action: expit(
                -1 + plan(seasonality, competitor_action) / 12
            )
        ),
    }[treatment]
    model = SCM(
        {
            "seasonality": Normal(),
            "competitor_action": Bernoulli(0.5),
            "marketing_spend": spend,
            "revenue": Normal(
                lambda marketing_spend, seasonality, competitor_action: (
                    BASE
                    + effect(seasonality) * marketing_spend
                    + rest(seasonality, competitor_action)
                ),
                NOISE,
            ),
        }
    )
    truth = (
        _truth_of_spend(spend_on_revenue, on_spend, on_revenue)
        if treatment == "spend"
        else _truth_of_campaign(plan, rest, effect)
    )
    return Scenario(
        name="marketing",
        model=model,
        treatment="marketing_spend",
        outcome="revenue",
        observed=("marketing_spend", "revenue", "seasonality", "competitor_action"),
        adjust_for=("seasonality", "competitor_action"),
        truth=truth,
        source="wael_actionable",
    )


def _truth_of_spend(effect, on_spend, on_revenue):
    """Return the limits of three regressions and three means, in closed form."""
    variances = np.array([1, 1 / 4])  # of season and of competitor
    explained = np.square(on_spend) * variances
    shared = np.multiply(on_spend, on_revenue) * variances
    idle = BASE + on_revenue[1] / 2
    return {
        "ATE": effect,
        "raw slope": effect + shared.sum() / (explained.sum() + WHIM**2),
        "slope given seasonality": effect + shared[1] / (explained[1] + WHIM**2),
        "E[revenue]": idle + effect * (USUAL + on_spend[1] / 2),
        "E[revenue | do(marketing_spend=0)]": idle,
        "E[revenue | do(marketing_spend=1)]": idle + effect,
    }


def _truth_of_campaign(plan, rest, effect):
    """Return the estimands of the campaign: sums over competitor, quadrature over season."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    season, acts = np.meshgrid(nodes, [0, 1])
    chance = np.tile(weights, (2, 1))
    treated = expit(-1 + plan(season, acts) / 12)
    idle, gain = BASE + rest(season, acts), effect(season)

    def mean(values, among=1.0):
        return np.sum(chance * among * values) / np.sum(chance * among)

    def within(values, among):
        return np.sum(among * values, axis=0) / np.sum(among, axis=0)

    season_alone = within(idle + gain, treated) - within(idle, 1 - treated)
    return {
        "ATE": mean(gain),
        "ATT": mean(gain, treated),
        "raw difference": mean(idle + gain, treated) - mean(idle, 1 - treated),
        "standardized over seasonality": season_alone @ weights / weights.sum(),
        "share with campaign": mean(treated),
        "E[revenue]": mean(idle + gain * treated),
        "E[revenue | do(marketing_spend=0)]": mean(idle),
        "E[revenue | do(marketing_spend=1)]": mean(idle + gain),
    }
