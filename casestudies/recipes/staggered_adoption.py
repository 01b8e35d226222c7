"""Staggered adoption: difference in differences when units begin at different times."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from casestudies.recipes._columns import _check_columns, _check_level, _numbers, _result
from casestudies.recipes._panel import _check_unit, _wide
from casestudies.recipes._study import _study


def group_time(data, *, outcome, unit, time, first_treated, cluster=None, level=0.95):
    r"""Estimate the effect for each adoption group in each period.

    For the group that begins in period :math:`g`, and the units :math:`C` not yet treated
    at :math:`\max(t, g - 1)`,

    .. math:: \widehat{ATT}(g, t) = \bar Y_{g,t} - \bar Y_{g,g-1}
              - (\bar Y_{C,t} - \bar Y_{C,g-1}).

    Units already treated are never a comparison, which is what two-way fixed effects get
    wrong when effects differ over time (Goodman-Bacon 2021).

    Estimand: for :math:`t \ge g` the average effect on group :math:`g` in period :math:`t`;
    for :math:`t < g - 1` a difference in trends. Assumptions: without treatment all groups
    would have changed alike on average, and none reacts before it begins.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, every unit in every period.
    outcome, unit, time : str
        Columns of the outcome, of the unit's name and of the period (numbers).
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0; a period after the last in `data` counts as not treated so far.
    cluster : str, optional
        Column of the groups of units that share shocks; the unit by default.
    level : float
        Coverage of each interval (pointwise), between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by group and time (without :math:`t = g - 1`, zero by construction);
        event_time in periods from adoption, estimate, std_error, ci_low, ci_high, n_treated,
        n_comparison (units). Where no unit is untreated any more, n_comparison is 0 and the
        estimate is missing. Standard errors come from influence functions summed by
        cluster, times :math:`\frac{G}{G-1}\frac{nT-1}{nT-kT}` for :math:`G` clusters,
        :math:`n` units, :math:`T` periods and :math:`k` groups; t with :math:`G - 1` degrees.

    Raises
    ------
    ValueError
        If a unit lacks a period or has it twice, `first_treated` is in no period or in the
        first one (no period before), or one cluster makes up a group: its shocks would
        count as none.

    References
    ----------
    Callaway and Sant'Anna (2021), Journal of Econometrics 225(2), 200-230.
    Goodman-Bacon (2021), Journal of Econometrics 225(2), 254-277.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2, 3, 4], 3), "month": [1, 2, 3] * 4,
    ...     "start": np.repeat([3, 3, 0, 0], 3), "days": [9, 9, 5, 8, 9, 4, 5, 5, 6, 7, 6, 6],
    ... })
    >>> group_time(wards, outcome="days", unit="ward", time="month",
    ...            first_treated="start")[["event_time", "estimate", "std_error"]].round(2)
                event_time  estimate  std_error
    group time
    3     1             -2      -1.0       0.78
          3              0      -5.0       0.78
    """
    _check_level(level)
    cells = _group_cells(data, outcome, unit, time, first_treated, cluster or unit)
    margin = stats.t.ppf((1 + level) / 2, cells.df) * cells.table["std_error"]
    table = cells.table.assign(
        ci_low=cells.table["estimate"] - margin, ci_high=cells.table["estimate"] + margin
    )
    order = ["event_time", "estimate", "std_error", "ci_low", "ci_high"]
    return table[[*order, "n_treated", "n_comparison"]]


def event_study(data, *, outcome, unit, time, first_treated, cluster=None, level=0.95):
    r"""Average the effects by time since adoption.

    .. math:: \hat\theta(e) = \sum_g \frac{n_g}{\sum_h n_h} \widehat{ATT}(g, g + e),

    over the groups observed :math:`e` periods after adoption with a comparison. The groups
    change with :math:`e`, so a movement over :math:`e` mixes dynamics and composition.

    Parameters
    ----------
    data, outcome, unit, time, first_treated, cluster, level
        As for `group_time`.

    Returns
    -------
    pandas.DataFrame
        Indexed by event_time; estimate, std_error, ci_low, ci_high. Row -1 is the
        reference, zero by construction. Standard errors count the shares :math:`n_g` as
        estimated. ``attrs["covariance"]`` holds the covariance of all other rows,
        ``attrs["df"]`` the degrees of freedom: what tests of pre-trends and bounds need.

    Raises
    ------
    ValueError
        As `group_time`.

    References
    ----------
    Callaway and Sant'Anna (2021), Journal of Econometrics 225(2), 200-230.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2, 3, 4], 3), "month": [1, 2, 3] * 4,
    ...     "start": np.repeat([3, 3, 0, 0], 3), "days": [9, 9, 5, 8, 9, 4, 5, 5, 6, 7, 6, 6],
    ... })
    >>> event_study(wards, outcome="days", unit="ward", time="month",
    ...             first_treated="start").round(2)
                estimate  std_error  ci_low  ci_high
    event_time
    -2              -1.0       0.78   -3.49     1.49
    -1               0.0       0.00    0.00     0.00
     0              -5.0       0.78   -7.49    -2.51
    """
    cells = _group_cells(data, outcome, unit, time, first_treated, cluster or unit)
    events = cells.table["event_time"].to_numpy()
    known = cells.table["estimate"].notna().to_numpy()
    times = np.unique(events[known])
    parts = [_average_cells(cells, known & (events == event)) for event in times]
    estimates, influence = (np.array(part) for part in zip(*parts, strict=True))
    covariance = _cell_covariance(influence.T, cells)
    return _study(times, estimates, covariance, cells.df, level)


def overall_att(data, *, outcome, unit, time, first_treated, cluster=None, level=0.95):
    r"""Average the effect over all treated units and periods.

    .. math:: \hat\theta = \sum_g \sum_{t \ge g} n_g \widehat{ATT}(g, t) \Big/
              \sum_g \sum_{t \ge g} n_g

    Every treated unit in every period since its adoption counts once, where some unit is
    still untreated; the share :math:`n_g` counts as estimated.

    Parameters
    ----------
    data, outcome, unit, time, first_treated, cluster, level
        As for `group_time`.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n (rows).

    Raises
    ------
    ValueError
        As `group_time`.

    References
    ----------
    Callaway and Sant'Anna (2021), Journal of Econometrics 225(2), 200-230.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2, 3, 4], 3), "month": [1, 2, 3] * 4,
    ...     "start": np.repeat([3, 3, 0, 0], 3), "days": [9, 9, 5, 8, 9, 4, 5, 5, 6, 7, 6, 6],
    ... })
    >>> overall_att(wards, outcome="days", unit="ward", time="month",
    ...             first_treated="start").round(2)
    estimate     -5.00
    std_error     0.78
    ci_low       -7.49
    ci_high      -2.51
    n            12.00
    Name: overall_att, dtype: float64
    """
    cells = _group_cells(data, outcome, unit, time, first_treated, cluster or unit)
    after = (cells.table["event_time"] >= 0) & cells.table["estimate"].notna()
    estimate, influence = _average_cells(cells, after.to_numpy())
    std_error = np.sqrt(_cell_covariance(influence[:, None], cells)[0, 0])
    return _result("overall_att", estimate, std_error, n=len(data), level=level, df=cells.df)


# Cells of group and period, and what each unit contributes to them.


class _Cells(NamedTuple):
    """Effects by group and period, with influence functions (a column per cell)."""

    table: pd.DataFrame
    influence: np.ndarray
    start: np.ndarray  # first treated period of each unit, infinite for never
    clusters: np.ndarray
    factor: float
    df: int


def _group_cells(data, outcome, unit, time, first_treated, cluster):
    """Return the effect of each group in each period."""
    _check_columns(data, [outcome, unit, time, first_treated])
    _check_columns(data, [cluster])
    for name in (outcome, time, first_treated):
        _numbers(data, name)
    _check_unit(data, unit, time, first_treated, cluster)
    wide, start, clusters = _wide(data, outcome, unit, time, [first_treated, cluster])
    start = _starts(start, wide.columns.to_numpy(), time, first_treated)
    groups = np.unique(start)
    _check_groups(start, clusters, first_treated, cluster)
    y, periods = wide.to_numpy(), wide.columns.to_numpy()
    rows, columns = [], []
    for group in groups[np.isfinite(groups)]:
        base = np.searchsorted(periods, group) - 1
        for position in np.delete(np.arange(len(periods)), base):
            compared = start > max(group, periods[position])
            values = y[:, position] - y[:, base]
            estimate, influence = _compare(values, start == group, compared)
            sizes = [np.sum(start == group), compared.sum()]
            rows.append([group, periods[position], position - base - 1, estimate, *sizes])
            columns.append(influence)
    n, t = y.shape
    codes = pd.factorize(clusters)[0]
    df = codes.max()
    factor = (df + 1) / df * (n * t - 1) / (n * t - len(groups) * t)
    influence = np.column_stack(columns)
    names = ["group", "time", "event_time", "estimate", "n_treated", "n_comparison"]
    table = pd.DataFrame(rows, columns=names).astype({"group": data[first_treated].dtype})
    table = table.set_index(["group", "time"])
    cells = _Cells(table, influence, start, codes, factor, int(df))
    table["std_error"] = np.sqrt(np.diag(_cell_covariance(influence, cells)))
    return cells


def _compare(values, treated, compared):
    """Return a difference in means and each unit's influence on it, missing if none compares."""
    if not compared.any():
        return np.nan, np.full(len(values), np.nan)
    means = values[treated].mean(), values[compared].mean()
    influence = treated * (values - means[0]) / treated.sum()
    return means[0] - means[1], influence - compared * (values - means[1]) / compared.sum()


def _average_cells(cells, chosen):
    """Return the mean effect of cells weighted by group size, and its influence.

    A unit moves the mean through the effects and through its group's share.
    """
    table = cells.table[chosen]
    size, effect = table["n_treated"].to_numpy(), table["estimate"].to_numpy()
    mean = size @ effect / size.sum()
    member = cells.start[:, None] == table.index.get_level_values("group").to_numpy()
    return mean, (cells.influence[:, chosen] @ size + member @ (effect - mean)) / size.sum()


def _cell_covariance(influence, cells):
    """Return the covariance of sums of influence by cluster."""
    sums = np.zeros((cells.df + 1, influence.shape[1]))
    np.add.at(sums, cells.clusters, influence)
    return cells.factor * sums.T @ sums


def _starts(start, periods, time, first_treated):
    """Return each unit's first treated period, infinite where it lies beyond the data."""
    if (start == 0).any() and periods[0] <= 0:
        raise ValueError(
            f"column {first_treated!r} uses 0 for never treated, but {time!r} has a period "
            f"{periods[0]:g}; add a constant to both columns so that periods are above 0"
        )
    start = np.where((start == 0) | (start > periods[-1]), np.inf, start)
    for value in np.unique(start[np.isfinite(start)]):
        if value <= periods[0] or value not in periods:
            what = "has no period before it" if value <= periods[0] else "is not a period"
            raise ValueError(
                f"column {first_treated!r}: {np.sum(start == value)} unit(s) begin in {value:g}, "
                f"which {what} of {time!r} ({periods[0]:g} to {periods[-1]:g}); give a period in "
                "the data, 0 for never treated, or drop these units and say so"
            )
    if np.isinf(start).all():
        raise ValueError(
            f"column {first_treated!r}: no unit begins within the data, so there is "
            "no effect to estimate; 0 means never treated"
        )
    return start


def _check_groups(start, clusters, first_treated, cluster):
    """Raise if one cluster makes up an adoption group, or if there is nothing to compare."""
    counts = pd.Series(clusters).groupby(start).nunique()
    if len(counts) == 1:
        raise ValueError(
            f"column {first_treated!r}: all units begin in {counts.index[0]:g}, so none compares; "
            "a difference in differences needs units that begin later or never"
        )
    for group, count in counts.items():
        if count < 2:
            which = "never treated" if np.isinf(group) else f"that begins in {group:g}"
            raise ValueError(
                f"column {cluster!r}: one cluster makes up the group {which}; its residuals sum "
                "to zero, so a standard error would count its shocks as none; merge it with "
                "another group, or drop it and say so"
            )
