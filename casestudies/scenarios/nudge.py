"""An outside nudge moves schooling; unrecorded ability drives schooling and wage."""

import numpy as np

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Normal


def nudge(
    *,
    nudge_on_schooling=0.8,
    ability_on_schooling=1.0,
    schooling_on_wage=2.0,
    ability_on_wage=3.0,
    nudge_on_wage=0.0,
    ability_on_nudge=0.0,
):
    r"""World of an instrument, whose three conditions can be broken one at a time.

    With nudge :math:`Z`, ability :math:`U`, schooling :math:`X` and wage :math:`Y` (the
    document's letters; it gives them no meaning) and independent standard normal noise,

    .. math::

        Z &= c\,U + \varepsilon_Z \\
        U &= \varepsilon_U \\
        X &= \pi Z + a U + \varepsilon_X \\
        Y &= \beta X + b U + \delta Z + \varepsilon_Y

    The instrument is relevant if :math:`\pi \ne 0`, excluded if :math:`\delta = 0` and
    independent of ability if :math:`c = 0`. All truths follow from the covariance matrix
    :math:`(I - B)^{-1} (I - B)^{-\top}`, with :math:`B` the coefficients above. With a valid
    instrument the least-squares slope is :math:`\beta + a b / (\pi^2 + a^2 + 1)`, 3.136 by
    default; the IV slope is :math:`\beta + \delta / \pi` if only exclusion fails. Drawn with
    ``numpy.random.RandomState(2)`` and n = 4000, the columns are the document's.

    Parameters
    ----------
    nudge_on_schooling : float
        The strength :math:`\pi`, per standard deviation of the nudge.
    ability_on_schooling, ability_on_wage : float
        The coefficients a and b, per standard deviation of ability.
    schooling_on_wage : float
        The effect :math:`\beta`, per unit of schooling.
    nudge_on_wage : float
        The direct effect :math:`\delta`, which breaks exclusion.
    ability_on_nudge : float
        The coefficient c, which breaks independence.

    Returns
    -------
    Scenario
        observed: nudge, schooling, wage (arbitrary units). adjust_for: empty, ability is not
        recorded. truth, in wage per unit: ATE (of schooling, the same for everybody); OLS
        limit; IV limit (unless the nudge moves nothing); nudge given schooling and
        schooling given nudge (the two slopes of the wage on both); and, without a unit,
        partial R2 of the nudge in schooling, and hand-made error ratio (the standard error of
        a second stage run by hand over the right one, in large samples).

    Raises
    ------
    ValueError
        If a coefficient is not a finite number.

    References
    ----------
    Angrist and Pischke (2009), Mostly Harmless Econometrics, Princeton University Press,
    chapter 4.

    Examples
    --------
    >>> truth = nudge().truth
    >>> round(truth["OLS limit"], 3), truth["IV limit"]
    (3.136, 2.0)
    """
    coefficients = {
        "nudge_on_schooling": nudge_on_schooling,
        "ability_on_schooling": ability_on_schooling,
        "schooling_on_wage": schooling_on_wage,
        "ability_on_wage": ability_on_wage,
        "nudge_on_wage": nudge_on_wage,
        "ability_on_nudge": ability_on_nudge,
    }
    for name, value in coefficients.items():
        if not np.isfinite(value):
            raise ValueError(f"{name} is {value}; give a finite number")
    independent = Normal()
    chosen = Normal(lambda ability: ability_on_nudge * ability)
    excluded = Normal(
        lambda schooling, ability: schooling_on_wage * schooling + ability_on_wage * ability
    )
    leaking = Normal(
        lambda schooling, ability, nudge: (
            schooling_on_wage * schooling + ability_on_wage * ability + nudge_on_wage * nudge
        )
    )
    return Scenario(
        name="nudge",
        model=SCM(
            {
                "nudge": chosen if ability_on_nudge else independent,
                "ability": Normal(),
                "schooling": Normal(
                    lambda nudge, ability: (
                        nudge_on_schooling * nudge + ability_on_schooling * ability
                    )
                ),
                "wage": leaking if nudge_on_wage else excluded,
            }
        ),
        treatment="schooling",
        outcome="wage",
        observed=("nudge", "schooling", "wage"),
        adjust_for=(),
        truth=_truth(**coefficients),
        source="explainer_day36",
    )


def _truth(**on):
    """Return every limit from the covariance matrix of nudge, schooling and wage."""
    z, u, x, y = range(4)
    effects = np.zeros((4, 4))
    effects[z, u] = on["ability_on_nudge"]
    effects[x, [z, u]] = on["nudge_on_schooling"], on["ability_on_schooling"]
    effects[y, [z, u, x]] = on["nudge_on_wage"], on["ability_on_wage"], on["schooling_on_wage"]
    total = np.linalg.inv(np.eye(4) - effects)
    covariance = total @ total.T
    both = np.linalg.solve(covariance[np.ix_([z, x], [z, x])], covariance[[z, x], y])
    partial_r2 = covariance[z, x] ** 2 / (covariance[z, z] * covariance[x, x])
    truth = {
        "ATE": on["schooling_on_wage"],
        "OLS limit": covariance[x, y] / covariance[x, x],
        "nudge given schooling": both[0],
        "schooling given nudge": both[1],
        "partial R2": partial_r2,
    }
    if np.isclose(covariance[z, x], 0):
        return truth
    slope = covariance[z, y] / covariance[z, x]
    fitted = covariance[z, x] / covariance[z, z]
    right = np.array([0, 0, -slope, 1])
    by_hand = np.array([-slope * fitted, 0, 0, 1])
    variances = [weights @ covariance @ weights for weights in (by_hand, right)]
    return truth | {"IV limit": slope, "hand-made error ratio": np.sqrt(np.divide(*variances))}
