"""Bounds on an effect when trends need not be parallel.

They take the frame that an event study returned: its estimates and their covariance.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, stats

from casestudies.recipes._columns import _check_level
from casestudies.recipes._study import _event_weights, _study_moments


def trend_bounds(
    study,
    *,
    relative_magnitudes=(0, 0.5, 1, 1.5, 2),
    smoothness=(0,),
    event_times=None,
    level=0.95,
):
    r"""Bound the effect when trends need not be parallel but may not bend at will.

    Let :math:`\delta_t` be the difference in trends at event time :math:`t`, zero at -1.

    - Relative magnitudes: each post step :math:`|\delta_t - \delta_{t-1}|` is at most
      :math:`\bar M` times the largest step before the treatment.
    - Smoothness: each change of slope
      :math:`|(\delta_{t+1} - \delta_t) - (\delta_t - \delta_{t-1})|` is at most :math:`M`;
      :math:`M = 0` extrapolates a straight line.

    The estimand is the average effect over `event_times`. Intervals cover it with at
    least probability `level` whenever the restriction holds:

    - Relative magnitudes: the hull of the intervals of
      :math:`\hat\theta \pm \bar M L (\hat\delta_s - \hat\delta_{s-1})` over all steps
      :math:`s` before the treatment. It is conservative, as the step that truly is the
      largest has its interval among them (at :math:`\bar M = 0` it is the usual one).
    - Smoothness: the shortest fixed-length interval
      :math:`\hat\theta_a \pm \mathrm{cv}(b_a/\sigma_a)\,\sigma_a`. Here
      :math:`\hat\theta_a` extrapolates the last slope and adds earlier bends with weights
      :math:`a`, :math:`b_a` is its worst bias, and cv the quantile of :math:`|N(t, 1)|`.

    Parameters
    ----------
    study : pandas.DataFrame
        What an `event_study` returned: a column estimate indexed by event time, with
        ``attrs["covariance"]`` (without the reference, -1) and ``attrs["df"]``, infinite
        by default.
    relative_magnitudes : sequence of float
        Values of :math:`\bar M`, pure numbers, at least 0.
    smoothness : sequence of float
        Values of :math:`M`, in units of the outcome per period squared, at least 0.
    event_times : sequence of int, optional
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
        If the study has no event time below -1 or skips one, or a bound is negative.

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
    tasks = [(_relative_bounds, "relative magnitudes", bound) for bound in relative_magnitudes]
    tasks += [(_smooth_bounds, "smoothness", bound) for bound in smoothness]
    for _, restriction, bound in tasks:
        if not bound >= 0:
            raise ValueError(f"{restriction} bound {bound} is negative; give values from 0 on")
    index = pd.MultiIndex.from_tuples([task[1:] for task in tasks], names=["restriction", "bound"])
    columns = ["set_low", "set_high", "ci_low", "ci_high"]
    return pd.DataFrame([run(path, bound) for run, _, bound in tasks], index=index, columns=columns)


def trend_breakdown(study, *, event_times=None, level=0.95):
    r"""Find the smallest violation of parallel trends at which the sign is lost.

    Parameters
    ----------
    study, event_times, level
        As for `trend_bounds`.

    Returns
    -------
    pandas.Series
        The bound of each restriction ("relative magnitudes", a pure number; "smoothness",
        in units of the outcome per period squared) at which the interval of `trend_bounds`
        first reaches zero; 0 where it holds zero from the start.

    Raises
    ------
    ValueError
        As `trend_bounds`.

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


def _path(study, event_times, level):
    """Return the target and the steps before the treatment as contrasts of the estimates."""
    _check_level(level)
    estimate, covariance, df = _study_moments(study)
    times = estimate.index.to_numpy()
    gaps = sorted(set(range(times.min(), times.max() + 1)) - set(times) - {-1})
    if gaps or times.min() >= -1:
        what = f"skips event time {gaps[0]}" if gaps else "has no event time below -1"
        raise ValueError(f"the study {what}; bounds need every step, at least one before -1")
    weights = _event_weights(times, event_times)
    levels = np.insert(np.eye(len(times)), np.sum(times < -1), 0, axis=0)
    load = np.cumsum(weights[times >= 0][::-1])[::-1]
    steps = np.diff(levels, axis=0)[: np.sum(times < -1)]
    critical = stats.t.ppf((1 + level) / 2, df)
    return _Path(estimate.to_numpy(), covariance, weights, steps, load, level, critical)


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
    contrast, half = _shortest(start, np.diff(path.steps, axis=0), v, bound, forced, path.level)
    centre, middle = start @ path.estimate, contrast @ path.estimate
    return centre - bound * forced, centre + bound * forced, middle - half, middle + half


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
    far = t > 30  # the other tail is below 1e-190
    cv = t + stats.norm.ppf(level) if far else np.sqrt(stats.ncx2.ppf(level, 1, t**2))
    return sd * cv, np.tanh(cv * t), cv - t * np.tanh(cv * t)


def _first_zero(interval, step):
    """Return the bound at which the interval first reaches zero."""
    sign = np.sign(sum(interval(0.0)))

    def margin(bound):
        return min(sign * np.array(interval(bound)))

    if margin(0.0) <= 0:
        return 0.0
    while margin(step) > 0:
        step *= 2
        if step > 1e15:
            return np.inf
    return optimize.brentq(margin, 0.0, step)
