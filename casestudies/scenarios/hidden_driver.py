"""Active users use the new feature more and spend more: a hidden driver of both."""

import numpy as np

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Normal


def hidden_driver(*, activity_on_usage=1.0, activity_on_spending=1.0, usage_on_spending=0.0):
    r"""World of a feature that does nothing, used most by those who spend most.

    With activity :math:`Z`, usage :math:`X` and spending :math:`Y` (the document's letters;
    it leaves the outcome unnamed) and independent standard normal noise,

    .. math::

        Z &= \varepsilon_Z \\
        X &= a Z + \varepsilon_X \\
        Y &= \tau X + b Z + \varepsilon_Y

    The slope of spending on usage is :math:`\tau + a b / (a^2 + 1)`, which is 0.5 for the
    default :math:`a = b = 1, \tau = 0`; with activity held fixed it is :math:`\tau`. Drawn
    with ``numpy.random.RandomState(0)`` and n = 2000, the columns are the document's.

    Parameters
    ----------
    activity_on_usage, activity_on_spending : float
        The coefficients a and b, per standard deviation of activity.
    usage_on_spending : float
        The effect :math:`\tau`, per unit of usage.

    Returns
    -------
    Scenario
        observed: activity, usage, spending (arbitrary units). adjust_for: activity.
        truth: ATE (spending per unit of usage), the raw slope and the correlation.

    Raises
    ------
    ValueError
        If a coefficient is not a finite number.

    References
    ----------
    Angrist and Pischke (2009), Mostly Harmless Econometrics, Princeton University Press,
    section 3.2.2 (the omitted variables formula).

    Examples
    --------
    >>> world = hidden_driver()
    >>> world.truth["ATE"], world.truth["raw slope"]
    (0.0, 0.5)
    """
    a, b, tau = activity_on_usage, activity_on_spending, usage_on_spending
    for coefficient in (a, b, tau):
        if not np.isfinite(coefficient):
            raise ValueError(
                f"a coefficient of hidden_driver is {coefficient}; give a finite number"
            )
    var_x = a**2 + 1
    slope = tau + a * b / var_x
    var_y = tau**2 * var_x + 2 * tau * a * b + b**2 + 1
    return Scenario(
        name="hidden_driver",
        model=SCM(
            {
                "activity": Normal(),
                "usage": Normal(lambda activity: a * activity),
                "spending": Normal(lambda usage, activity: tau * usage + b * activity),
            }
        ),
        treatment="usage",
        outcome="spending",
        observed=("activity", "usage", "spending"),
        adjust_for=("activity",),
        truth={"ATE": tau, "raw slope": slope, "correlation": slope * np.sqrt(var_x / var_y)},
        source="explainer_day36",
    )
