"""Tests of the periods before a treatment, and what passing one is worth."""

import numpy as np
import pandas as pd
from scipy import stats

from casestudies.recipes._columns import _check_level
from casestudies.recipes._study import _event_weights, _study_moments


def pretrend_test(study):
    r"""Test that no coefficient before the treatment differs from zero, jointly.

    .. math:: F = \frac{\nu - q + 1}{\nu q}\,\hat\delta' \hat V^{-1} \hat\delta
              \sim F(q, \nu - q + 1), \qquad \nu = G - 1,

    Hotelling's statistic for the :math:`q` coefficients at event times below -1. Not
    rejecting is weak evidence for parallel trends: see `pretrend_power`.

    Parameters
    ----------
    study : pandas.DataFrame
        What an `event_study` returned: a column estimate indexed by event time, with
        ``attrs["covariance"]`` (without the reference, -1) and ``attrs["df"]``, infinite
        by default.

    Returns
    -------
    pandas.Series
        null (a sentence), statistic, distribution, p_value.

    Raises
    ------
    ValueError
        If there is no event time below -1, or as many of them as clusters.

    References
    ----------
    Hotelling (1931), Annals of Mathematical Statistics 2(3), 360-378.

    Examples
    --------
    >>> study = pd.DataFrame({"estimate": [1.0, 0.0, 3.0]}, index=[-2, -1, 0])
    >>> study.attrs = {"covariance": {-2: {-2: 0.25, 0: 0.1}, 0: {-2: 0.1, 0: 0.25}}, "df": 30}
    >>> pretrend_test(study)[["statistic", "distribution", "p_value"]]
    statistic             4.0
    distribution     F(1, 30)
    p_value          0.054625
    Name: pretrend_test, dtype: object
    """
    estimate, covariance, df = _study_moments(study)
    before = estimate.index < -1
    delta = estimate[before].to_numpy()
    v, q, df2 = _before(covariance, before, df)
    statistic = (1 - (q - 1) / df) / q * delta @ np.linalg.solve(v, delta)
    entries = {
        "null": f"The groups moved in parallel over the {q + 1} periods before the treatment.",
        "statistic": float(statistic),
        "distribution": f"F({q}, {df2:g})",
        "p_value": float(stats.f.sf(statistic, q, df2)),
    }
    return pd.Series(entries, name="pretrend_test")


def pretrend_power(study, *, slopes=None, event_times=None, level=0.95):
    r"""Say how often the test before the treatment would catch a drift of given slope.

    Were the groups to drift apart by :math:`s` per period, the coefficient at event
    time :math:`k` would be off by :math:`s (k + 1)`. `pretrend_test` then follows a
    noncentral F with noncentrality :math:`\delta' V^{-1} \delta`. Looking at the effect
    only when the test has passed does not remove the bias, and mostly adds to it:

    .. math:: E[\hat\theta - \theta \mid \text{passed}] = b +
              \Sigma_{\theta\delta} V^{-1} \delta \, (r - 1), \qquad
              r = \frac{P(\text{passed}; q + 2)}{P(\text{passed}; q)}.

    Parameters
    ----------
    study : pandas.DataFrame
        As for `pretrend_test`; its covariance is taken as the true one.
    slopes : sequence of float, optional
        Drifts, in units of the outcome per period. By default those that bias the effect
        by 0, 1, 2, 3 and 4 of its standard errors.
    event_times : sequence of int, optional
        Event times whose effects are averaged; all from 0 on by default.
    level : float
        One minus the size of the test, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by slope; bias of the average effect, the same in_std_errors, power of the
        test, and bias_if_passed (missing where the test practically never passes).

    Raises
    ------
    ValueError
        As `pretrend_test`, or if an event time is not in the study.

    References
    ----------
    Roth (2022), American Economic Review: Insights 4(3), 305-322.

    Examples
    --------
    >>> study = pd.DataFrame({"estimate": [0.2, 0.0, 3.0]}, index=[-2, -1, 0])
    >>> study.attrs = {"covariance": {-2: {-2: 0.25, 0: 0.1}, 0: {-2: 0.1, 0: 0.25}}, "df": 30}
    >>> pretrend_power(study, slopes=[0, 1]).round(3)
           bias  in_std_errors  power  bias_if_passed
    slope
    0       0.0            0.0   0.05           0.000
    1       1.0            2.0   0.49           1.151
    """
    _check_level(level)
    estimate, covariance, df = _study_moments(study)
    times, before = estimate.index.to_numpy(), estimate.index < -1
    v, q, df2 = _before(covariance, before, df)
    weights = _event_weights(times, event_times)
    sd, unit_bias = np.sqrt(weights @ covariance @ weights), weights @ (times + 1)
    slopes = np.arange(5) * sd / unit_bias if slopes is None else np.asarray(slopes)
    drift = (times + 1)[before]
    pull = (weights @ covariance)[before] @ np.linalg.solve(v, drift)
    limit, shift = stats.f.ppf(level, q, df2), slopes**2 * (drift @ np.linalg.solve(v, drift))
    passed = stats.ncf.cdf(limit, q, df2, shift)
    larger = stats.ncf.cdf(limit * q / (q + 2), q + 2, df2, shift)
    ratio = larger / np.where(passed > 1e-9, passed, np.nan)
    bias = slopes * unit_bias
    columns = {"bias": bias, "in_std_errors": bias / sd, "power": 1 - passed}
    columns["bias_if_passed"] = bias + slopes * pull * (ratio - 1)
    return pd.DataFrame(columns, index=pd.Index(slopes, name="slope"))


def _before(covariance, before, df):
    """Return the covariance before the treatment, its size and the test's second degrees."""
    q = int(before.sum())
    v = covariance[np.ix_(before, before)]
    if q == 0:
        raise ValueError("the study has no event time below -1, so there is nothing to test")
    if q >= df or np.linalg.matrix_rank(v) < q:
        raise ValueError(
            f"{q} coefficients before the treatment are too many for {df + 1} clusters; "
            "test fewer of them with study.loc[first:]"
        )
    return v, q, min(df, 10**6) - q + 1  # scipy's F distributions need finite degrees
