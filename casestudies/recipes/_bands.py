"""Intervals: of several estimates, one by one and all at a time, and of one that has a bias."""

import numpy as np
import pandas as pd
from scipy import optimize, special
from scipy.stats import qmc

from casestudies.recipes._columns import _result

DIRECTIONS = 2**13
MANY = 50  # dimensions, beyond which Sobol's first points leave gaps that a shift closes


def _joint(names, estimate, root, *, n, level, df=np.inf):
    """Return a frame of estimates whose covariance is root @ root.T, with both kinds of intervals.

    `root` has a row for each estimate.
    """
    std_error = np.linalg.norm(root, axis=1)
    rows = zip(names, estimate, std_error, strict=True)
    frame = pd.DataFrame([_result(name, e, s, n=n, level=level, df=df) for name, e, s in rows])
    critical = _largest_deviation(root, level, df)
    frame["all_low"], frame["all_high"] = (estimate + s * critical * std_error for s in (-1, 1))
    frame = frame[["estimate", "std_error", "ci_low", "ci_high", "all_low", "all_high", "n"]]
    frame.attrs["critical_value"] = critical
    frame.attrs["covariance"] = pd.DataFrame(root @ root.T, frame.index, frame.index).to_dict()
    return frame


def _root(covariance):
    """Return the symmetric root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


def _largest_deviation(root, level, df=np.inf):
    """Return the quantile of the largest absolute deviation, in standard errors.

    A normal vector is a direction, uniform on the sphere, times a length of its own, whose
    distribution is known; so the probability that no deviation exceeds c is the mean over
    directions of the probability that the length is below c over the largest part. With few
    clusters the length's square over its degrees is F instead of chi-square over its degrees.
    """
    low = special.stdtrit(df, (1 + level) / 2)  # of one deviation by itself
    norms = np.linalg.norm(root, axis=1)
    if np.count_nonzero(norms) < 2:
        return low
    parts = root[norms > 0] / norms[norms > 0, np.newaxis]
    largest = np.abs(_directions(root.shape[1]) @ parts.T).max(axis=1).clip(1e-9)
    inside = _length_within(root.shape[1], df)
    high = low
    while np.mean(inside(high / largest)) < level:
        high *= 2
    if high == low:
        return low
    return optimize.brentq(lambda c: np.mean(inside(c / largest)) - level, low, high, xtol=1e-9)


def _length_within(width, df):
    """Return the distribution function of the length of a normal or t vector."""
    if df == np.inf:
        return lambda length: special.chdtr(width, length**2)
    return lambda length: special.fdtr(width, df, length**2 / width)


def _directions(width):
    """Return directions spread evenly over the sphere, the same ones at every call."""
    places = qmc.Sobol(width, scramble=False).random(DIRECTIONS) + 0.5 / DIRECTIONS
    if width > MANY:
        places = ((places + np.random.default_rng(0).random(width)) % 1).clip(1e-12)
    normal = special.ndtri(places)
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _folded_quantile(shift, level):
    """Return the quantile of the size of a normal variable with this mean and variance 1."""

    def gap(c):
        return special.ndtr(c - shift) - special.ndtr(-c - shift) - level

    return optimize.brentq(gap, 0, shift + 40, xtol=1e-12)
