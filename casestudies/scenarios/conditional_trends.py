"""A course whose takers' earnings would have grown faster anyway, by their schooling."""

from functools import partial

import numpy as np
import pandas as pd
from scipy import special

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Normal


def conditional_trends(
    *,
    selection=1.0,
    hidden_selection=-1.0,
    growth=1.0,
    growth_by_schooling=1.5,
    direct_effect=1.0,
    effect_on_hours=4.0,
    pay_per_hour=0.25,
    noise=1.0,
):
    r"""World of a course in which trends are parallel among equals in schooling only.

    Person :math:`i` has schooling :math:`X` (standardized) and a drive :math:`U` that nobody
    records. Both decide on the course :math:`D`, and earnings before and after it (thousand
    dollars a year) are, with :math:`\varepsilon` normal and :math:`\Lambda` the logistic function,

    .. math::

        X, U &\sim N(0, 1), \qquad P(D = 1) = \Lambda(-0.5 + b X + c U) \\
        Y_0 &= 20 + 2 X + 3 U + \varepsilon_0 \\
        H &= 35 + \eta D + 2 X + 3 \varepsilon_H \\
        Y_1 &= 20 + 2 X + 3 U + \lambda + \gamma X + \delta D + \pi (H - 35) + \varepsilon_1.

    Hours :math:`H` are asked after the course, which moves them: a bad control. Given
    :math:`X`, takers and others would have grown alike without the course; the drive is in
    both periods and drops out of changes. Truths are exact. With :math:`s^2 = b^2 + c^2` and
    :math:`\Delta = E[X | D = 1] - E[X | D = 0]`, from
    :math:`E[X | D] = (b / s^2) E[S | D]` with :math:`S \sim N(0, s^2)` the index, by quadrature,

    .. math::

        \text{ATT} &= \delta + \pi \eta, \qquad
        \text{DiD} = \text{ATT} + (\gamma + 2 \pi) \Delta, \\
        \text{DiD given schooling and hours} &= \delta.

    Parameters
    ----------
    selection, hidden_selection : float
        :math:`b, c`: what schooling and drive add to the log-odds of the course.
    growth, growth_by_schooling : float
        :math:`\lambda, \gamma`: growth of earnings, and what a standard deviation of schooling
        adds to it; with :math:`\gamma = -2 \pi` trends are parallel without schooling.
    direct_effect, effect_on_hours, pay_per_hour : float
        :math:`\delta, \eta, \pi`: the course's effect at given hours, on hours a week, and what
        an hour a week earns a year.
    noise : float
        Standard deviation of :math:`\varepsilon_0` and :math:`\varepsilon_1`, above 0.

    Returns
    -------
    Scenario
        Units are persons. observed, a row per person and period: person, treated, post,
        earnings, schooling, and hours, which the survey after the course asked and both rows
        hold. adjust_for is empty: the drive confounds levels, whatever is recorded. truth, in
        thousand dollars: ATT, DiD, and DiD given schooling and hours.

    Raises
    ------
    ValueError
        If a knob is not finite, the noise is not above 0, or nothing selects.

    References
    ----------
    Sant'Anna and Zhao (2020), Journal of Econometrics 219(1), 101-122.

    Examples
    --------
    >>> world = conditional_trends()
    >>> {name: round(value, 3) for name, value in world.truth.items()}
    {'ATT': 2.0, 'DiD': 3.46, 'DiD given schooling and hours': 1.0}
    >>> list(world.sample(5, rng=0))
    ['person', 'treated', 'post', 'earnings', 'schooling', 'hours']
    """
    _check(locals())
    course = partial(_index, b=selection, c=hidden_selection)
    later = partial(
        _later, g=growth, by=growth_by_schooling, direct=direct_effect, pay=pay_per_hour
    )
    mechanisms = {
        "schooling": Normal(),
        "drive": Normal(),
        "treated": Bernoulli(course),
        "earnings_before": Normal(_level, noise),
        "hours": Normal(partial(_hours, effect=effect_on_hours), 3.0),
        "earnings_after": Normal(later, noise),
    }
    att = direct_effect + pay_per_hour * effect_on_hours
    gap = _gap_in_schooling(selection, hidden_selection)
    return Scenario(
        name="conditional_trends",
        model=SCM(mechanisms),
        treatment="treated",
        outcome="earnings_after",
        observed=("person", "treated", "post", "earnings", "schooling", "hours"),
        adjust_for=(),
        truth={
            "ATT": att,
            "DiD": att + (growth_by_schooling + 2 * pay_per_hour) * gap,
            "DiD given schooling and hours": direct_effect,
        },
        source="santanna2020",
        arrange=_panel,
    )


def _index(schooling, drive, *, b, c):
    return special.expit(-0.5 + b * schooling + c * drive)


def _level(schooling, drive):
    return 20 + 2 * schooling + 3 * drive


def _hours(schooling, treated, *, effect):
    return 35 + effect * treated + 2 * schooling


def _later(schooling, drive, treated, hours, *, g, by, direct, pay):
    grown = g + by * schooling + direct * treated + pay * (hours - 35)
    return _level(schooling, drive) + grown


def _gap_in_schooling(b, c):
    """Return how much more schooling takers have, by Gauss and Hermite's rule."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    spread = np.hypot(b, c)
    taken, weights = special.expit(-0.5 + spread * nodes), weights / weights.sum()
    means = [weights @ (nodes * p) / (weights @ p) for p in (taken, 1 - taken)]
    return b / spread * (means[0] - means[1])


def _panel(units):
    """Turn a row per person into a row per person and period."""
    shared = {name: np.repeat(units[name].to_numpy(), 2) for name in ("schooling", "hours")}
    return pd.DataFrame(
        {
            "person": np.repeat(np.arange(1, len(units) + 1), 2),
            "treated": np.repeat(units["treated"].to_numpy(), 2),
            "post": np.tile([0, 1], len(units)),
            "earnings": units[["earnings_before", "earnings_after"]].to_numpy().ravel(),
            **shared,
        }
    )


def _check(knobs):
    """Raise on a knob out of its range, before anything is drawn."""
    for name, value in knobs.items():
        if not np.isfinite(value):
            raise ValueError(f"{name} is {value}; give a finite number")
    if knobs["noise"] <= 0:
        raise ValueError(f"noise is {knobs['noise']}, a standard deviation; give a number above 0")
    if knobs["selection"] == knobs["hidden_selection"] == 0:
        raise ValueError(
            "selection and hidden_selection are 0, so the course is a coin; give one another value"
        )
