"""Bounds on an effect when trends need not be parallel.

They take the frame that an event study returned: its estimates and their covariance.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, stats

from casestudies.recipes._bands import _folded_quantile
from casestudies.recipes._columns import _check_level, _reals
from casestudies.recipes._study import _estimates, _event_weights


def trend_bounds(
    study,
    *,
    relative_magnitudes=(0, 0.5, 1, 1.5, 2),
    smoothness=(0,),
    event_times=None,
    level=0.95,
):
    r"""Bound the effect when trends need not be parallel but may not bend at will.

    Let :math:`\delta_t` be the difference in trends in period :math:`t` around the treatment,
    zero in the reference. Periods are one step apart, whatever the unit of event time.

    - Relative magnitudes: each post step :math:`|\delta_t - \delta_{t-1}|` is at most
      :math:`\bar M` times the largest step before the treatment.
    - Smoothness: each change of slope
      :math:`|(\delta_{t+1} - \delta_t) - (\delta_t - \delta_{t-1})|` is at most :math:`M`;
      :math:`M = 0` extrapolates a straight line.

    The estimand is the average effect over `event_times`. In large samples intervals cover it
    with at least probability `level` whenever the restriction holds:

    - Relative magnitudes: the hull of the intervals of
      :math:`\hat\theta \pm \bar M L (\hat\delta_s - \hat\delta_{s-1})` over all steps
      :math:`s` before the treatment. It is conservative, as the step that truly is the
      largest has its interval among them (at :math:`\bar M = 0` it is the usual one).
    - Smoothness: the shortest fixed-length interval
      :math:`\hat\theta_a \pm \mathrm{cv}(b_a/\sigma_a)\,\sigma_a`. Here
      :math:`\hat\theta_a` extrapolates the last slope and adds earlier bends with weights
      :math:`a`, :math:`b_a` is its worst bias, and cv the quantile of :math:`|N(t, 1)|`.
      The weights are chosen as if the covariance were known. With few clusters they follow
      its noise, and the interval covers too seldom: of straight lines with 6 estimates
      before, 57% with 5 clusters in each arm, 85% with 10 and 91% with 20 (20,000
      replications, Monte Carlo error at most 0.4%). Keep fewer estimates then,
      ``study.loc[first:]``.

    Parameters
    ----------
    study : pandas.DataFrame
        What an `event_study` returned: a column estimate indexed by event times one step
        apart, with ``attrs["covariance"]`` (without the reference), ``attrs["df"]``, infinite
        by default, and ``attrs["reference"]``, the event time of the reference (-1 by
        default).
    relative_magnitudes : sequence of float
        Values of :math:`\bar M`, pure numbers, at least 0; may be empty.
    smoothness : sequence of float
        Values of :math:`M`, in units of the outcome per step squared, at least 0; may be
        empty.
    event_times : sequence of float, optional
        Event times whose effects are averaged; all from 0 on by default.
    level : float
        Coverage of each interval, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by restriction and bound; set_low, set_high (the effects compatible with
        the point estimates; for smoothness given the last slope before the treatment),
        ci_low, ci_high.

    Raises
    ------
    ValueError
        If the study has no event time before the reference, its event times are not equally
        spaced, or it has too few clusters for its periods; if `event_times` are not in it, or
        an estimate, the covariance, a bound or the level is not what it must be.

    References
    ----------
    Rambachan and Roth (2023), Review of Economic Studies 90(5), 2555-2591.
    Armstrong and Kolesár (2018), Econometrica 86(2), 655-683.

    Examples
    --------
    >>> study = pd.DataFrame({"estimate": [0.2, 0.0, 3.0]}, index=[-2, -1, 0])
    >>> study.attrs = {"covariance": {-2: {-2: 0.25, 0: 0.1}, 0: {-2: 0.1, 0: 0.25}}, "df": 30}
    >>> trend_bounds(study, relative_magnitudes=[0, 1], smoothness=[0]).round(2)
                               set_low  set_high  ci_low  ci_high
    restriction         bound
    relative magnitudes 0          3.0       3.0    1.98     4.02
                        1          2.8       3.2    1.49     4.91
    smoothness          0          3.2       3.2    1.49     4.91
    """
    path = _path(study, event_times, level)
    tasks = [
        (restriction, bound, run)
        for restriction, option, bounds, run in [
            ("relative magnitudes", "relative_magnitudes", relative_magnitudes, _relative_bounds),
            ("smoothness", "smoothness", smoothness, _smooth_bounds),
        ]
        for bound in (_reals(option, bounds, least=0) if np.size(bounds) else [])
    ]
    if not tasks:
        raise ValueError("relative_magnitudes and smoothness are both empty; give a bound of one")
    index = pd.MultiIndex.from_tuples([task[:2] for task in tasks], names=["restriction", "bound"])
    columns = ["set_low", "set_high", "ci_low", "ci_high"]
    return pd.DataFrame([run(path, bound) for _, bound, run in tasks], index=index, columns=columns)


def trend_breakdown(study, *, event_times=None, level=0.95):
    r"""Find the smallest violation of parallel trends at which the sign is lost.

    Parameters
    ----------
    study : pandas.DataFrame
        What an `event_study` returned: a column estimate indexed by event times one step
        apart, with ``attrs["covariance"]`` (without the reference), ``attrs["df"]``, infinite
        by default, and ``attrs["reference"]``, the event time of the reference (-1 by
        default).
    event_times : sequence of float, optional
        Event times whose effects are averaged; all from 0 on by default.
    level : float
        Coverage of the interval that is to reach zero, between 0 and 1.

    Returns
    -------
    pandas.Series
        The bound of each restriction ("relative magnitudes", a pure number; "smoothness",
        in units of the outcome per step squared) at which the interval of `trend_bounds`
        first reaches zero; 0 where it holds zero from the start.

    Raises
    ------
    ValueError
        If the study has no event time before the reference or its event times are not
        equally spaced, if `event_times` are not in it, or an estimate, the covariance or the
        level is not what it must be.

    References
    ----------
    Rambachan and Roth (2023), Review of Economic Studies 90(5), 2555-2591.

    Examples
    --------
    >>> study = pd.DataFrame({"estimate": [0.2, 0.0, 3.0]}, index=[-2, -1, 0])
    >>> study.attrs = {"covariance": {-2: {-2: 0.25, 0: 0.1}, 0: {-2: 0.1, 0: 0.25}}, "df": 30}
    >>> trend_breakdown(study).round(2)
    relative magnitudes    2.64
    smoothness             1.77
    Name: trend_breakdown, dtype: float64
    """
    path = _path(study, event_times, level)
    scale = np.sqrt(path.target @ path.covariance @ path.target)
    entries = {
        "relative magnitudes": _first_zero(lambda bound: _relative_bounds(path, bound)[2:], 0.01),
        "smoothness": _first_zero(lambda bound: _smooth_bounds(path, bound)[2:], 0.01 * scale),
    }
    return pd.Series(entries, name="trend_breakdown")


# The path of an event study, and bounds on it.


class _Path(NamedTuple):
    """Point estimates with covariance, the target, and the trend's steps, as contrasts."""

    estimate: np.ndarray
    covariance: np.ndarray
    target: np.ndarray
    steps: np.ndarray  # one row per step before the treatment, oldest first
    load: np.ndarray  # what a unit step at each event time from 0 on adds to the target
    level: float
    critical: float
    df: float


def _path(study, event_times, level):
    """Return the target and the steps before the treatment as contrasts of the estimates."""
    _check_level(level)
    found = _estimates(study)
    times, before = found.times, int(np.sum(found.times < 0))
    if not before:
        raise ValueError(
            f"the study has no event time below {found.reference:g}; bounds measure later steps "
            "by one before the treatment at least, which takes two periods before it"
        )
    _check_steps(np.insert(times.astype(float), before, found.reference), before)
    weights = _event_weights(times, event_times)
    levels = np.insert(np.eye(len(times)), before, 0, axis=0)
    load = np.cumsum(weights[times >= 0][::-1])[::-1]
    steps = np.diff(levels, axis=0)[:before]
    critical = stats.t.ppf((1 + level) / 2, found.df)
    return _Path(found.estimate, found.covariance, weights, steps, load, level, critical, found.df)


def _check_steps(times, reference):
    """Raise unless event times, the one in place `reference` included, are one step apart."""
    steps = np.diff(times)
    for wide in np.flatnonzero(steps > steps.min() * (1 + 1e-6)):
        alike = np.isclose(steps, steps[reference - 1], rtol=1e-6)
        first, last = reference, reference
        while first > 0 and alike[first - 1]:
            first -= 1
        while last < len(steps) and alike[last]:
            last += 1
        keep = f"study.loc[{times[first]:g}:{times[last]:g}]"
        if last == reference:
            keep = "the event study of periods equally far apart"
        raise ValueError(
            f"the study skips event time {times[wide] + steps.min():g}, for {times[wide]:g} is "
            f"followed by {times[wide + 1]:g} and others lie {steps.min():g} apart; bounds compare "
            f"steps of equal length, so give {keep}"
        )


def _relative_bounds(path, bound):
    """Return set and interval when steps are at most `bound` times the largest before."""
    swing = bound * path.load.sum()
    centre = path.target @ path.estimate
    reach = swing * np.abs(path.steps @ path.estimate).max()
    contrasts = path.target + swing * np.concatenate([path.steps, -path.steps])
    ends = contrasts @ path.estimate
    sd = np.sqrt(np.einsum("ij,jk,ik->i", contrasts, path.covariance, contrasts))
    low, high = (ends - path.critical * sd).min(), (ends + path.critical * sd).max()
    return centre - reach, centre + reach, low, high


def _smooth_bounds(path, bound):
    """Return set and shortest fixed-length interval when slopes change by at most `bound`."""
    start = path.target - path.load.sum() * path.steps[-1]
    forced = np.cumsum(path.load[::-1]).sum()
    inflate = path.critical / stats.norm.ppf((1 + path.level) / 2)
    v = inflate**2 * path.covariance
    bends = np.diff(path.steps, axis=0)
    _check_spread(np.vstack([start, bends]), path)
    contrast, half = _shortest(start, bends, v, bound, forced, path.level)
    centre, middle = start @ path.estimate, contrast @ path.estimate
    return centre - bound * forced, centre + bound * forced, middle - half, middle + half


def _check_spread(contrasts, path):
    """Raise if some combination of these contrasts has no variance, so no honest length."""
    v = contrasts @ path.covariance @ contrasts.T
    scale = np.sqrt(np.maximum(np.diag(v), np.finfo(float).tiny))
    if np.linalg.matrix_rank(v / np.outer(scale, scale), tol=1e-8, hermitian=True) < len(v):
        raise ValueError(
            f"{len(v)} estimates before the treatment are too many for smoothness and "
            f"{path.df + 1:g} clusters, as weights would be found that leave no variance; take "
            "smoothness=[] or fewer of them, study.loc[first:]"
        )


def _shortest(start, bends, v, bound, forced, level):
    """Return the contrast start + a @ bends of least half-length, and that half-length.

    The half-length is convex in a. Its absolute values are split in two positive parts,
    which leaves a smooth function under bounds.
    """
    count, scale = len(bends), np.sqrt(start @ v @ start)

    def objective(parts):
        contrast = start + (parts[:count] - parts[count:]) @ bends
        sd = np.sqrt(contrast @ v @ contrast)
        half, by_bias, by_sd = _half_length(bound * (forced + parts.sum()), sd, level)
        slope = by_sd * bends @ v @ contrast / sd
        gradient = np.concatenate([slope, -slope]) + by_bias * bound
        return half / scale, gradient / scale

    parts = np.zeros(2 * count)
    if count:
        limits, options = [(0, None)] * (2 * count), {"maxiter": 1000, "ftol": 1e-13}
        method = {"method": "L-BFGS-B", "jac": True, "bounds": limits, "options": options}
        parts = optimize.minimize(objective, parts, **method).x
    return start + (parts[:count] - parts[count:]) @ bends, objective(parts)[0] * scale


def _half_length(bias, sd, level):
    """Return sd times the quantile of |N(bias / sd, 1)|, and its two derivatives."""
    t = bias / sd
    cv = _folded_quantile(t, level)
    return sd * cv, np.tanh(cv * t), cv - t * np.tanh(cv * t)


def _first_zero(interval, step):
    """Return the bound at which the interval first reaches zero."""
    sign = np.sign(sum(interval(0.0)))

    def margin(bound):
        return min(sign * np.array(interval(bound)))

    if margin(0.0) <= 0:
        return 0.0
    far = step
    while margin(far) > 0:
        far *= 2
        if far > 1e15 * step:
            return np.inf
    return optimize.brentq(margin, 0.0, far, xtol=1e-12 * far)
