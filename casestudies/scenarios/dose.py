"""How many hours of coaching? Those in need get more, and score lower."""

import numpy as np
from scipy import stats
from scipy.special import expit

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Normal

HOURS = (6, 8, 10, 12, 14)
MEAN, SENIOR = 10.0, 0.4  # hours; share


def dose(
    *,
    need_on_hours=1.5,
    senior_on_hours=-1.0,
    need_on_score=-4.0,
    gain=10.0,
    need_on_gain=0.3,
    noise_in_hours=2.0,
):
    r"""World of a treatment given in doses, by need.

    With need :math:`N \sim N(0, 1)` and senior :math:`S \sim \text{Bernoulli}(0.4)`, a worker gets
    H hours of coaching and then scores Y:

    .. math::

        H &= 10 + 1.5\,N - 1\,(S - 0.4) + 2\,\varepsilon_H \\
        Y &= 50 + 10\,\text{expit}\{(H - 10) / 2\} - 4\,N + 2\,S + 0.3\,N (H - 10)
             + 3\,\varepsilon_Y

    The curve over the dose is :math:`E[Y(h)] = 50.8 + 10\,\text{expit}\{(h - 10) / 2\}`, as need
    has mean 0. What is seen at h hours is :math:`E[Y(h)] + (-4 + 0.3 (h - 10))\, E[N \mid H = h]
    + 2 (P(S = 1 \mid H = h) - 0.4)`, with need and seniority those of a mixture of two normal
    distributions.

    Parameters
    ----------
    need_on_hours, senior_on_hours : float
        Hours per standard deviation of need, and of senior workers.
    need_on_score : float
        Score per standard deviation of need.
    gain : float
        Score between no coaching and very much.
    need_on_gain : float
        Score per standard deviation of need and hour.
    noise_in_hours : float
        Standard deviation of the hours given need and seniority, above 0.

    Returns
    -------
    Scenario
        observed: need (standard deviations), senior (0/1), hours, score (points). adjust_for:
        need and senior. truth, in points: E[score | do(hours=h)] and E[score | hours=h] for
        6, 8, 10, 12 and 14 hours.

    Raises
    ------
    ValueError
        If a number is not finite, or the noise in the hours is 0 or less.

    References
    ----------
    Kennedy, Ma, McHugh and Small (2017), Journal of the Royal Statistical Society B 79(4),
    1229-1245.

    Examples
    --------
    >>> truth = dose().truth
    >>> round(truth["E[score | do(hours=12)]"] - truth["E[score | do(hours=8)]"], 2)
    4.62
    >>> round(truth["E[score | hours=12]"] - truth["E[score | hours=8]"], 2)
    0.62
    """
    given = locals().copy()
    for name, value in given.items():
        if not np.isfinite(value):
            raise ValueError(f"{name} is {value}; give a finite number")
    if noise_in_hours <= 0:
        raise ValueError(f"noise_in_hours must be above 0, got {noise_in_hours}")
    model = SCM(
        {
            "need": Normal(),
            "senior": Bernoulli(SENIOR),
            "hours": Normal(
                lambda need, senior: (
                    MEAN + need_on_hours * need + senior_on_hours * (senior - SENIOR)
                ),
                noise_in_hours,
            ),
            "score": Normal(
                lambda need, senior, hours: (
                    50
                    + gain * expit((hours - MEAN) / 2)
                    + (need_on_score + need_on_gain * (hours - MEAN)) * need
                    + 2 * senior
                ),
                3.0,
            ),
        }
    )
    return Scenario(
        name="dose",
        model=model,
        treatment="hours",
        outcome="score",
        observed=("need", "senior", "hours", "score"),
        adjust_for=("need", "senior"),
        truth=_truth(**given),
        source="kennedy2017",
    )


def _truth(*, need_on_hours, senior_on_hours, need_on_score, gain, need_on_gain, noise_in_hours):
    """Return what doing and seeing say at some hours."""
    hours, kinds = np.array(HOURS, dtype=float), np.array([0.0, 1.0])
    done = 50 + 2 * SENIOR + gain * expit((hours - MEAN) / 2)
    centre = MEAN + senior_on_hours * (kinds - SENIOR)
    spread = np.hypot(need_on_hours, noise_in_hours)
    chance = np.array([1 - SENIOR, SENIOR]) * stats.norm.pdf(hours[:, np.newaxis], centre, spread)
    chance /= chance.sum(axis=1, keepdims=True)
    need = chance * (hours[:, np.newaxis] - centre) * need_on_hours / spread**2
    slope = need_on_score + need_on_gain * (hours - MEAN)
    seen = done + slope * need.sum(axis=1) + 2 * (chance[:, 1] - SENIOR)
    known = {"do(hours={})": done, "hours={}": seen}
    return {
        f"E[score | {how.format(h)}]": float(value)
        for how, values in known.items()
        for h, value in zip(HOURS, values, strict=True)
    }
