"""A draw into groups moves schooling a little, however little one likes."""

import numpy as np

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Deterministic, Normal, Uniform


def weak_instrument(
    *, groups=2, partial_r2=0.005, endogeneity=0.8, schooling_on_wage=0.5, group_on_wage=0.0
):
    r"""World of an instrument of stated strength, with one group or many.

    Everybody is drawn into one of g equally likely groups :math:`0, \dots, g - 1`. With
    :math:`s` the group's number, standardized to mean 0 and variance 1, ability :math:`U` and
    independent standard normal noise,

    .. math::

        X &= \pi s + \lambda U + \sqrt{1 - \lambda^2}\,\varepsilon_X \\
        Y &= \beta X + \delta s + \lambda^\pm U + \sqrt{1 - \lambda^2}\,\varepsilon_Y

    where :math:`\lambda = |\rho|^{1/2}` and :math:`\lambda^\pm` has the sign of
    :math:`\rho`, so that the errors of the two equations have variance 1 and correlation
    :math:`\rho`. The partial R2 of the groups is :math:`\pi^2 / (\pi^2 + 1)`; in a sample of n
    the g - 1 dummies have an expected first-stage F of about
    :math:`1 + n \pi^2 / (g - 1)`. The limit of least squares is
    :math:`\beta + (\rho + \pi\delta) / (\pi^2 + 1)`, that of the IV estimators
    :math:`\beta + \delta / \pi`: the weaker the instrument, the more a direct effect harms.

    Parameters
    ----------
    groups : int, default 2
        Number of groups g; dummies for them are g - 1 instruments.
    partial_r2 : float, default 0.005
        Share of the variance of schooling that the groups explain, in [0, 1).
    endogeneity : float, default 0.8
        The correlation :math:`\rho`, in (-1, 1).
    schooling_on_wage : float, default 0.5
        The effect :math:`\beta`, per unit of schooling.
    group_on_wage : float, default 0
        The direct effect :math:`\delta` of one standard deviation of s, which breaks
        exclusion.

    Returns
    -------
    Scenario
        observed: group (0 to g - 1), schooling, wage (arbitrary units). adjust_for: empty,
        ability is not recorded. truth: ATE (the same for everybody), OLS limit, partial R2
        and, unless the groups are irrelevant, IV limit.

    Raises
    ------
    ValueError
        If a parameter is outside its range or not finite.

    References
    ----------
    Staiger and Stock (1997), Econometrica 65(3), 557-586.

    Examples
    --------
    >>> truth = weak_instrument(partial_r2=0.01, group_on_wage=0.05).truth
    >>> round(truth["OLS limit"], 3), round(truth["IV limit"], 3)
    (1.297, 0.997)
    """
    _check(groups, partial_r2, endogeneity, schooling_on_wage, group_on_wage)
    pi = np.sqrt(partial_r2 / (1 - partial_r2))
    share = np.sqrt(abs(endogeneity))
    own = np.sqrt(1 - abs(endogeneity))
    middle, spread = (groups - 1) / 2, np.sqrt((groups**2 - 1) / 12)
    beta, delta = schooling_on_wage, group_on_wage
    excluded = Normal(
        lambda schooling, ability: beta * schooling + np.sign(endogeneity) * share * ability, own
    )
    leaking = Normal(
        lambda schooling, ability, group: (
            beta * schooling
            + np.sign(endogeneity) * share * ability
            + delta * (group - middle) / spread
        ),
        own,
    )
    truth = {
        "ATE": beta,
        "OLS limit": beta + (endogeneity + pi * delta) / (pi**2 + 1),
        "partial R2": partial_r2,
    }
    return Scenario(
        name="weak_instrument",
        model=SCM(
            {
                "draw": Uniform(),
                "group": Deterministic(
                    lambda draw: np.minimum(draw * groups, groups - 1).astype(np.int64)
                ),
                "ability": Normal(),
                "schooling": Normal(
                    lambda group, ability: pi * (group - middle) / spread + share * ability, own
                ),
                "wage": leaking if delta else excluded,
            }
        ),
        treatment="schooling",
        outcome="wage",
        observed=("group", "schooling", "wage"),
        adjust_for=(),
        truth=truth | ({"IV limit": beta + delta / pi} if pi else {}),
        source="explainer_day36",
    )


def _check(groups, partial_r2, endogeneity, *effects):
    """Raise unless every parameter lies in its range."""
    if groups != int(groups) or groups < 2:
        raise ValueError(f"groups must be a whole number of at least 2, got {groups}")
    if not 0 <= partial_r2 < 1:
        raise ValueError(f"partial_r2 must lie in [0, 1), got {partial_r2}")
    if not -1 < endogeneity < 1:
        raise ValueError(f"endogeneity must lie strictly between -1 and 1, got {endogeneity}")
    if not np.isfinite(effects).all():
        raise ValueError(f"schooling_on_wage and group_on_wage must be finite, got {effects}")
