"""Intensive follow-up from a risk score of 70 on: the rule that decides is the experiment."""

from itertools import pairwise

import numpy as np
from scipy.special import expit

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Deterministic, Normal, Uniform

NOISE = 8.0  # standard deviation, days
REACH_ON_DAYS, REACH_ON_EFFECT = 10.0, 6.0  # days, from the hardest to the easiest to reach
NUDGE = 5.0  # points that a clerk adds
ORDERS = range(1, 7)


def risk_threshold(
    *,
    cutoff=70.0,
    curvature=30.0,
    called_above=1.0,
    called_below=0.0,
    share_nudged=0.0,
    second_programme=0.0,
):
    r"""World of patients who are called if their risk score reaches a cutoff.

    Risk :math:`R \sim U(0, 100)`, a percentile; reach :math:`U \sim U(0, 1)`, how easily a
    patient is reached; past visits :math:`V`; written score :math:`S`; calls :math:`D`, two
    weeks of them; days at home in the half-year after discharge, :math:`Y`. With cutoff c,

    .. math::

        V &= 4 + 4 U + \varepsilon_V \\
        S &= R + 5 \cdot 1\{c - 5 \le R < c,\ U \ge 1 - m\} \\
        D &= 1\{U \ge 1 - p(S)\}, \qquad p(S) = p_1 \text{ if } S \ge c \text{, else } p_0 \\
        Y &= b(R) + 10\,(U - 1/2) + D\,\{\tau(R) + 6\,(U - 1/2)\} + \kappa\,1\{S \ge c\}
            + 8\,\varepsilon_Y \\
        b(R) &= 135 - 0.3 R - \gamma\,\sigma\{(R - 60)/5\}, \qquad
            \tau(R) = 8 \exp\{-(R - 65)^2 / (2 \cdot 12^2)\}

    By default the design is sharp (:math:`p_1 = 1`, :math:`p_0 = 0`), nobody nudges
    (:math:`m = 0`), and nothing else starts at the cutoff (:math:`\kappa = 0`). At the risk r
    the ATE is :math:`\tau(r)`, as reach averages to one half. At the cutoff the compliers are
    those with :math:`1 - p_1 \le U < 1 - p_0`, so that their LATE is
    :math:`\tau(c) + 6\,\{1/2 - (p_0 + p_1)/2\}` (Hahn, Todd and van der Klaauw 2001).

    At a score s just above c there are :math:`1 + m` patients for each one in a world without
    clerks, those of risk s and the m nudged from :math:`s - 5`; just below there are
    :math:`1 - m`. The density therefore jumps by the factor :math:`(1 + m)/(1 - m)`. Means
    given the score are sums over these groups, linear in reach; averages over scores, and
    the least-squares polynomials on each side of the cutoff, are Gauss-Legendre sums.

    Parameters
    ----------
    cutoff : float
        Score from which on patients are called, from 10 to 90.
    curvature : float
        Days :math:`\gamma` that are lost at a bend around the risk of 60; 0 makes a line.
    called_above, called_below : float
        Shares :math:`p_1` and :math:`p_0` of patients who are called, from the cutoff on and
        below it; the easiest to reach come first.
    share_nudged : float, default 0
        Share m, in [0, 1), of those less than 5 points below the cutoff to whose score clerks
        add 5; the easiest to reach, whose families insist.
    second_programme : float, default 0
        Days :math:`\kappa` that another programme adds, for every score from the cutoff on.

    Returns
    -------
    Scenario
        observed: score (points), past_visits, called (0/1), days. adjust_for is empty: within a
        score there is nothing to adjust for in the sharp design, and no overlap. truth, in
        days: effect at the cutoff, LATE at the cutoff, RD limit (what the jump in days over the
        jump in calls tends to), effect at 30, 50 and 90, ATE, ATT, ATU; E[days]; difference in
        means (all scores from the cutoff on minus all below) and polynomial limit (order=k),
        k = 1 to 6, the jump in a least-squares polynomial of that order on each side. Besides:
        slope of the effect at the cutoff (days a point), jump in calls (a share), jump in
        past_visits and jump in the density (a ratio).

    Raises
    ------
    ValueError
        If the cutoff or a share leaves its range, not more are called above the cutoff than
        below, or an effect is not finite.

    References
    ----------
    Hahn, Todd and van der Klaauw (2001), Econometrica 69(1), 201-209.
    Gelman and Imbens (2019), Journal of Business and Economic Statistics 37(3), 447-456.

    Examples
    --------
    >>> truth = risk_threshold().truth
    >>> round(truth["effect at the cutoff"], 2), round(truth["difference in means"], 1)
    (7.33, -37.1)
    >>> round(truth["polynomial limit (order=4)"], 2)
    10.56
    """
    _check(cutoff, called_above, called_below, share_nudged, curvature, second_programme)

    def share_called(score):
        return np.where(score >= cutoff, called_above, called_below)

    def written(risk, reach):
        close = (risk >= cutoff - NUDGE) & (risk < cutoff)
        return risk + NUDGE * (close & (reach >= 1 - share_nudged))

    def mean_days(risk, reach, called):
        return _without(risk, curvature) + _of_reach(reach, called) + called * effect(risk)

    def mean_days_of_two(risk, reach, called, score):
        return mean_days(risk, reach, called) + second_programme * (score >= cutoff)

    model = SCM(
        {
            "risk": Uniform(0.0, 100.0),
            "reach": Uniform(),
            "past_visits": Normal(lambda reach: 4 + 4 * reach),
            "score": Deterministic(written if share_nudged else lambda risk: risk),
            "called": Deterministic(lambda score, reach: reach >= 1 - share_called(score)),
            "days": Normal(mean_days_of_two if second_programme else mean_days, NOISE),
        }
    )
    knobs = curvature, called_above, called_below, share_nudged, second_programme
    return Scenario(
        name="risk_threshold",
        model=model,
        treatment="called",
        outcome="days",
        observed=("score", "past_visits", "called", "days"),
        adjust_for=(),
        truth=_truth(cutoff, *knobs),
        source="production_strategies",
    )


def effect(risk):
    r"""Return the mean effect of the calls at a risk, in days at home.

    .. math:: \tau(r) = 8 \exp\{-(r - 65)^2 / (2 \cdot 12^2)\}

    Parameters
    ----------
    risk : float or array
        Percentile, 0 to 100.

    Returns
    -------
    float or array
        Days; largest, 8, at a risk of 65.

    Examples
    --------
    >>> float(round(effect(70), 2)), float(round(effect(30), 2))
    (7.33, 0.11)
    """
    return 8 * np.exp(-((risk - 65) ** 2) / (2 * 12**2))


def _without(risk, curvature):
    """Return the mean days at home of patients whom nobody calls, at an average reach."""
    return 135 - 0.3 * risk - curvature * expit((risk - 60) / 5)


def _of_reach(reach, called):
    return (REACH_ON_DAYS + REACH_ON_EFFECT * called) * (reach - 0.5)


def _truth(cutoff, curvature, above, below, nudged, second):
    """Return the truths: limits at the cutoff, and sums over scores and groups of patients."""

    def below_it(score):
        stayed = 1 - nudged * (score >= cutoff - NUDGE)
        return _group(score, 0.0, stayed, below, curvature)

    def above_it(score):
        since = 1 - nudged * (score < cutoff + NUDGE)
        came = _group(score - NUDGE, since, 1.0, above, curvature)
        total = came + _group(score, 0.0, 1.0, above, curvature)
        total[2] += second * total[0]
        return total

    nodes = [_nodes(0, cutoff - NUDGE, cutoff), _nodes(cutoff, cutoff + NUDGE, 100)]
    sides = [of(x) for of, (x, _) in zip((below_it, above_it), nodes, strict=True)]
    sums = [total @ w for total, (_, w) in zip(sides, nodes, strict=True)]
    whole = sum(sums) / 100
    low, high = (of(np.array([cutoff]))[:, 0] for of in (below_it, above_it))
    jump = high / high[0] - low / low[0]
    ate = sum(effect(x) @ w for x, w in nodes) / 100
    at_cutoff = effect(cutoff)
    truth = {
        "effect at the cutoff": at_cutoff,
        "LATE at the cutoff": at_cutoff + REACH_ON_EFFECT * (0.5 - (above + below) / 2),
        "RD limit": jump[2] / jump[1],
        "slope of the effect at the cutoff": at_cutoff * (65 - cutoff) / 12**2,
        **{f"effect at {risk}": effect(risk) for risk in (30, 50, 90)},
        "ATE": ate,
        "ATT": whole[4] / whole[1],
        "E[days]": whole[2],
        "difference in means": sums[1][2] / sums[1][0] - sums[0][2] / sums[0][0],
        "jump in calls": jump[1],
        "jump in past_visits": jump[3],
        "jump in the density": high[0] / low[0],
    }
    if whole[1] < 1:
        truth["ATU"] = (ate - whole[4]) / (1 - whole[1])
    for order in ORDERS:
        fits = [
            _fitted(x, w * total[0], total[2] / total[0], order, cutoff)
            for (x, w), total in zip(nodes, sides, strict=True)
        ]
        truth[f"polynomial limit (order={order})"] = fits[1] - fits[0]
    return truth


def _group(risk, low, high, share, curvature):
    """Return mass, calls, days, visits and effects on the called, for reach from low to high."""
    mass, middle = high - low, (low + high) / 2
    first = np.clip(1 - share, low, high)  # the first who is called
    calls, reached = high - first, (first + high) / 2
    effects = calls * (effect(risk) + REACH_ON_EFFECT * (reached - 0.5))
    days = mass * (_without(risk, curvature) + REACH_ON_DAYS * (middle - 0.5)) + effects
    visits = mass * (4 + 4 * middle)
    parts = np.broadcast_arrays(mass + 0 * risk, calls, days, visits, effects)
    return np.array(parts, dtype=float)


def _nodes(*ends, count=80):
    """Return nodes and weights of Gauss-Legendre sums over the pieces between these ends."""
    x, w = np.polynomial.legendre.leggauss(count)
    pieces = [((b - a) / 2 * x + (a + b) / 2, (b - a) / 2 * w) for a, b in pairwise(ends)]
    return tuple(np.concatenate(part) for part in zip(*pieces, strict=True))


def _fitted(x, weights, y, order, at):
    """Return the value at a point of the polynomial that fits best."""
    scale = (x - x.mean()) / np.ptp(x)
    basis = np.polynomial.legendre.legvander(2 * scale, order)
    root = np.sqrt(weights)
    beta = np.linalg.lstsq(basis * root[:, np.newaxis], y * root, rcond=None)[0]
    return np.polynomial.legendre.legval(2 * (at - x.mean()) / np.ptp(x), beta)


def _check(cutoff, above, below, nudged, *effects):
    if not 10 <= cutoff <= 90:
        raise ValueError(f"the cutoff must lie from 10 to 90, got {cutoff}")
    for name, share in {"called_above": above, "called_below": below}.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {share}")
    if not above > below:
        raise ValueError(
            f"called_above must exceed called_below, got {above} and {below}; without a jump in "
            "calls the cutoff is no experiment"
        )
    if not 0 <= nudged < 1:
        raise ValueError(f"share_nudged must lie in [0, 1), got {nudged}")
    for value in effects:
        if not np.isfinite(value):
            raise ValueError(f"an effect of risk_threshold is {value}; give a finite number")
