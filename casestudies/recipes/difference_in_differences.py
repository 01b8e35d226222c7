"""Difference in differences: two periods, many periods, and trends that need not be parallel."""

import numpy as np
import pandas as pd
from scipy import stats

from casestudies.recipes._columns import (
    _check_columns,
    _check_rank,
    _design,
    _names,
    _numbers,
    _result,
    _zero_one,
)
from casestudies.recipes._panel import _check_clusters, _check_unit, _wide
from casestudies.recipes._study import _study


def two_by_two(data, *, outcome, unit, treated, post, controls=(), cluster=None, level=0.95):
    r"""Compare the change of the treated group with the change of the other group.

    The coefficient :math:`\delta` of

    .. math:: Y = \alpha + \gamma D + \lambda P + \delta D P + X'\beta + \varepsilon,

    with :math:`D` the group and :math:`P` the period. On a balanced panel without
    controls it is the difference of the two groups' mean changes, the same as first
    differences or unit and period fixed effects; a control that is constant over time
    then changes nothing (give its product with `post` to let trends differ by it).
    Unit and period fixed effects differ from it on an unbalanced panel.

    Estimand: the average effect on the treated in the later period. Assumptions:
    without treatment both groups would have changed by the same amount on average
    (parallel trends), no reaction before the treatment, none of one unit to another's.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period; a unit may lack one of the two periods.
    outcome : str
        Column of the outcome, in any unit.
    unit : str
        Column that names the unit.
    treated : str
        Column with 1 for units of the treated group and 0 for the others, in both periods.
    post : str
        Column with 1 for the period after the treatment began and 0 for the one before.
    controls : str or sequence of str
        Columns of covariates; a column that is not numeric enters as dummies.
    cluster : str, optional
        Column of the groups that share shocks; the unit by default. The level at which
        the treatment was assigned is the one to give.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n (rows). The standard error is the
        cluster-robust sandwich times :math:`\frac{G}{G-1}\frac{n-1}{n-k}` for
        :math:`G` clusters and :math:`k` coefficients (the convention of statsmodels
        and Stata); the interval uses the t distribution with :math:`G - 1` degrees.

    Raises
    ------
    ValueError
        If a unit is seen twice in a period (give its mean instead), `treated` changes
        within a unit, a unit lies in two clusters, or a single cluster makes up one arm:
        its residuals then sum to zero, and its shocks would count as none.

    References
    ----------
    Card and Krueger (1994), American Economic Review 84(4), 772-793.
    Bertrand, Duflo and Mullainathan (2004), Quarterly Journal of Economics 119(1), 249-275.
    Donald and Lang (2007), Review of Economics and Statistics 89(2), 221-233.

    Examples
    --------
    >>> stores = pd.DataFrame({
    ...     "store": [1, 2, 3, 4] * 2, "nj": [1, 1, 0, 0] * 2, "after": [0] * 4 + [1] * 4,
    ...     "jobs": [18, 18, 20, 20, 24, 26, 21, 23],
    ... })
    >>> two_by_two(stores, outcome="jobs", unit="store", treated="nj", post="after").round(3)
    estimate     5.000
    std_error    1.528
    ci_low       0.139
    ci_high      9.861
    n            8.000
    Name: two_by_two, dtype: float64
    """
    controls, cluster = _names(controls), cluster or unit
    _check_columns(data, [outcome, unit, treated, post, *controls])
    _check_columns(data, [cluster])
    y, d, p = _numbers(data, outcome), _zero_one(data, treated), _zero_one(data, post)
    _check_unit(data, unit, post, treated, cluster)
    _check_clusters(data, cluster, [treated, post])
    columns = {"intercept": 1.0, treated: d, post: p, f"{treated} x {post}": d * p}
    design = pd.DataFrame(columns, index=data.index)
    design = pd.concat([design, _design(data, controls)], axis=1)
    _check_rank(design)
    coefficients, covariance, df = _least_squares(design, y, data[cluster])
    std_error = np.sqrt(covariance[3, 3])
    return _result("two_by_two", coefficients[3], std_error, n=len(data), level=level, df=df)


def event_study(
    data, *, outcome, unit, time, treated, first_treated_time, cluster=None, level=0.95
):
    r"""Follow the gap between the groups through time, relative to the last period before.

    For event time :math:`k`, counted in observed periods from `first_treated_time`,

    .. math:: \hat\delta_k = (\bar Y_{1,k} - \bar Y_{1,-1}) - (\bar Y_{0,k} - \bar Y_{0,-1}),

    the coefficients of group times period in a regression with unit and period fixed
    effects. With two periods it is `two_by_two`.

    Estimand: for :math:`k \ge 0` the average effect on the treated :math:`k` periods
    after adoption, under parallel trends and no anticipation; for :math:`k < -1`
    a difference in trends, zero under the same assumptions extended backwards.
    All treated units begin at the same time; where they do not, use a method for
    staggered adoption.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, every unit in every period.
    outcome, unit, time : str
        Columns of the outcome, of the unit's name and of the period (anything that sorts).
    treated : str
        Column with 1 for units that are ever treated and 0 for the others, in all periods.
    first_treated_time : scalar
        The first period with treatment, a value of `time`.
    cluster : str, optional
        Column of the groups that share shocks; the unit by default.
    level : float
        Coverage of each interval (pointwise), between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by event_time; estimate, std_error, ci_low, ci_high. Row -1 is the
        reference, zero by construction. Standard errors as in `two_by_two`, with
        :math:`k` twice the number of periods. ``attrs["covariance"]`` holds the
        covariance of all other rows (``pd.DataFrame(study.attrs["covariance"])``),
        ``attrs["df"]`` the degrees of freedom :math:`G - 1`.

    Raises
    ------
    ValueError
        If a unit lacks a period or has it twice, `first_treated_time` is not a period or
        is the first one, or as in `two_by_two`.

    References
    ----------
    Sun and Abraham (2021), Journal of Econometrics 225(2), 175-199.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2, 3, 4], 3), "month": [1, 2, 3] * 4,
    ...     "drug": np.repeat([1, 1, 0, 0], 3), "days": [9, 9, 5, 8, 9, 4, 5, 5, 6, 7, 6, 6],
    ... })
    >>> event_study(wards, outcome="days", unit="ward", time="month", treated="drug",
    ...             first_treated_time=3).round(2)
                estimate  std_error  ci_low  ci_high
    event_time
    -2              -1.0       0.78   -3.49     1.49
    -1               0.0       0.00    0.00     0.00
     0              -5.0       0.78   -7.49    -2.51
    """
    wide, arm, groups = _arms(data, outcome, unit, time, treated, cluster or unit)
    start = _position(wide.columns, first_treated_time, time)
    events = np.arange(wide.shape[1]) - start
    change = wide.sub(wide.iloc[:, start - 1], axis=0).to_numpy()[:, events != -1]
    estimate, covariance, df = _mean_difference(change, arm, groups, periods=len(events))
    return _study(events[events != -1], estimate, covariance, df, level)


def placebo(data, *, outcome, unit, time, treated, first_treated_time, cluster=None, level=0.95):
    r"""Pretend that the treatment began earlier, using only the periods before it.

    For each earlier date, `two_by_two` on each unit's mean before and from that date on,
    with no treated period in either. Under parallel trends and no anticipation every one
    of these effects is zero. The dates share data: their answers are not independent.

    Parameters
    ----------
    data, outcome, unit, time, treated, first_treated_time, cluster, level
        As for `event_study`.

    Returns
    -------
    pandas.DataFrame
        Indexed by the pretended date; estimate, std_error, ci_low, ci_high, n (unit means
        compared) and p_value, from the t distribution with :math:`G - 1` degrees.

    Raises
    ------
    ValueError
        If fewer than two periods lie before `first_treated_time`, or as `event_study`.

    References
    ----------
    Bertrand, Duflo and Mullainathan (2004), Quarterly Journal of Economics 119(1), 249-275.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2, 3, 4], 3), "month": [1, 2, 3] * 4,
    ...     "drug": np.repeat([1, 1, 0, 0], 3), "days": [9, 9, 5, 8, 9, 4, 5, 5, 6, 7, 6, 6],
    ... })
    >>> placebo(wards, outcome="days", unit="ward", time="month", treated="drug",
    ...         first_treated_time=3)[["estimate", "n", "p_value"]].round(3)
           estimate    n  p_value
    month
    2           1.0  8.0    0.282
    """
    wide, arm, groups = _arms(data, outcome, unit, time, treated, cluster or unit)
    start = _position(wide.columns, first_treated_time, time)
    if start < 2:
        raise ValueError(
            f"column {time!r} has {start} period before {first_treated_time}; "
            "a pretended date needs one period before it and one from it on"
        )
    y = wide.to_numpy()
    fakes = range(1, start)
    change = np.column_stack([y[:, f:start].mean(1) - y[:, :f].mean(1) for f in fakes])
    estimate, covariance, df = _mean_difference(change, arm, groups, periods=2)
    std_error = np.sqrt(np.diag(covariance))
    rows = [
        _result(wide.columns[fake], e, s, n=2 * len(y), level=level, df=df)
        for fake, e, s in zip(fakes, estimate, std_error, strict=True)
    ]
    frame = pd.DataFrame(rows).rename_axis(time)
    return frame.assign(p_value=2 * stats.t.sf(np.abs(frame["estimate"] / frame["std_error"]), df))


# Regressions and mean differences, with clustered standard errors.


def _least_squares(design, y, cluster):
    """Return coefficients, clustered covariance and degrees of freedom."""
    x, (n, k) = design.to_numpy(), design.shape
    if n == k:
        raise ValueError(f"{n} rows for {k} coefficients leave no residual; use fewer controls")
    q, r = np.linalg.qr(x)
    coefficients = np.linalg.solve(r, q.T @ y)
    bread = np.linalg.inv(r)
    scores = q * (y - x @ coefficients)[:, None]
    meat, df = _clustered(scores, cluster, n, k)
    return coefficients, bread @ meat @ bread.T, df


def _mean_difference(change, arm, groups, periods):
    """Return the arms' difference in mean changes, its clustered covariance and degrees."""
    share = np.where(arm == 1, 1 / np.sum(arm == 1), -1 / np.sum(arm == 0))
    means = np.array([change[arm == 0].mean(0), change[arm == 1].mean(0)])
    influence = share[:, None] * (change - means[arm])
    covariance, df = _clustered(influence, groups, len(arm) * periods, 2 * periods)
    return means[1] - means[0], covariance, df


def _clustered(scores, cluster, n, k):
    """Return the covariance of a sum of scores by cluster, and G - 1."""
    codes, names = pd.factorize(cluster)
    g = len(names)
    sums = np.zeros((g, scores.shape[1]))
    np.add.at(sums, codes, scores)
    return g / (g - 1) * (n - 1) / (n - k) * sums.T @ sums, g - 1


def _arms(data, outcome, unit, time, treated, cluster):
    """Return outcomes by unit and period, checked, with each unit's arm and cluster."""
    _check_columns(data, [outcome, unit, time, treated])
    _check_columns(data, [cluster])
    _numbers(data, outcome)
    _zero_one(data, treated)
    _check_unit(data, unit, time, treated, cluster)
    _check_clusters(data, cluster, [treated])
    wide, arm, groups = _wide(data, outcome, unit, time, [treated, cluster])
    return wide, arm.astype(int), groups


def _position(periods, first_treated_time, time):
    """Return where the treatment begins among the periods."""
    if first_treated_time not in periods:
        raise ValueError(
            f"first_treated_time {first_treated_time} is not a period of column {time!r}, "
            f"which runs from {periods[0]} to {periods[-1]}; give the first period with treatment"
        )
    position = periods.get_loc(first_treated_time)
    if position == 0:
        raise ValueError(
            f"column {time!r} has no period before first_treated_time {first_treated_time}; "
            "without one there is no change to compare"
        )
    return position
