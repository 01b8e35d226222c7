"""Staggered adoption: difference in differences when units begin at different times."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from casestudies.recipes._clusters import _clustered
from casestudies.recipes._columns import DATES, _check_level, _frame, _holds_numbers, _result
from casestudies.recipes._counted import _read_counted
from casestudies.recipes._panel import (
    _balanced,
    _check_noise,
    _check_told_apart,
    _dated,
    _gap_in_means,
    _moments,
    _shown,
    _since,
)
from casestudies.recipes._study import _study


def group_time(
    data, *, outcome, time, first_treated, unit=None, cluster=None, size=None, level=0.95
):
    r"""Estimate the effect for each adoption group in each period.

    For the group that begins in period :math:`g`, with :math:`b` the last period before, and
    the units :math:`C` not yet treated at :math:`\max(t, g)`,

    .. math:: \widehat{ATT}(g, t) = \bar Y_{g,t} - \bar Y_{g,b}
              - (\bar Y_{C,t} - \bar Y_{C,b}).

    Units already treated are never a comparison, which is what two-way fixed effects get
    wrong when effects differ over time (Goodman-Bacon 2021).

    Estimand: for :math:`t \ge g` the average effect on group :math:`g` in period :math:`t`;
    for :math:`t < b` a difference in trends. Assumptions: without treatment all groups
    would have changed alike on average, and none reacts before it begins. Intervals are too
    short for a group of few clusters: with 2 of 20, all alike and with normal shocks, they
    cover 75%.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, every unit in every period; or, with `size`, one per cell.
    outcome, time : str
        Columns of the outcome and of the period: numbers or dates, not
        necessarily evenly spaced. Event time is the difference of numbers; of dates, years
        if all lie whole years apart, else months if whole months (last days of months are),
        else days.
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0 or infinite; a period after the last in `data` counts as not treated so far.
    unit : str, optional
        Column of the unit's name; needed of rows, and not in cells.
    cluster : str, optional
        Column of the groups of units that share shocks; the unit by default.
    size : str, optional
        Column that counts the units behind each row of `data`, which then are cells by `time`,
        `first_treated` and `cluster`, which is to be named, with as many units in each period: an
        outcome ``"y"`` is read from ``y_mean`` and ``y_var`` (divisor n), or from ``y`` if it is
        the same in all of a cell. The answer is that of the rows.
    level : float
        Coverage of each interval (pointwise), between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by group and time (without :math:`t = b`, zero by construction);
        event_time since adoption, estimate, std_error, ci_low, ci_high, n_treated,
        n_comparison (units). Where no unit is untreated any more, n_comparison is 0 and the
        estimate is missing. Standard errors come from influence functions summed by
        cluster, times :math:`\frac{G}{G-1}\frac{nT-1}{nT-kT}` for :math:`G` clusters,
        :math:`n` units, :math:`T` periods and :math:`k` groups; t with :math:`G - 1` degrees.

    Raises
    ------
    ValueError
        If a unit lacks a period or has it twice, `time` is text, `first_treated` is missing,
        in no period or in the first one (no period before), or one cluster makes up a group:
        its shocks would count as none. If a column is missing, incomplete or not of its
        kind, or the outcome does not vary.

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
    cells = _group_cells(data, outcome, unit, time, first_treated, cluster, size)
    covariance, df = _cell_covariance(cells.influence, cells)
    std_error = np.sqrt(np.diag(covariance))
    margin = stats.t.ppf((1 + level) / 2, df) * std_error
    ends = {"ci_low": cells.table["estimate"] - margin, "ci_high": cells.table["estimate"] + margin}
    table = cells.table.assign(std_error=std_error, **ends)
    order = ["event_time", "estimate", "std_error", "ci_low", "ci_high"]
    return table[[*order, "n_treated", "n_comparison"]]


def event_study(
    data, *, outcome, time, first_treated, unit=None, cluster=None, size=None, level=0.95
):
    r"""Average the effects by time since adoption.

    .. math:: \hat\theta(e) = \sum_g \frac{n_g}{\sum_h n_h} \widehat{ATT}(g, g + e),

    with :math:`\widehat{ATT}(g, t)` the change of the group that begins in :math:`g` since the
    last period before it, less that of the units not yet treated, over the groups observed
    at the time :math:`e` since adoption with a comparison. The groups change with :math:`e`,
    so a movement over :math:`e` mixes dynamics and composition.

    Estimand: for :math:`e \ge 0` the average effect on those groups, if without treatment all
    groups would have changed alike on average and none reacts before it begins.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, every unit in every period; or, with `size`, one per cell.
    outcome, time : str
        Columns of the outcome and of the period (numbers or dates, not
        necessarily evenly spaced; event time is the difference of numbers, and of dates in
        years, months or days, the largest in which all are whole).
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0 or infinite; a period after the last in `data` counts as not treated so far.
    unit : str, optional
        Column of the unit's name; needed of rows, and not in cells.
    cluster : str, optional
        Column of the groups of units that share shocks; the unit by default.
    size : str, optional
        Column that counts the units behind each row of `data`, which then are cells by `time`,
        `first_treated` and `cluster`, which is to be named, with as many units in each period: an
        outcome ``"y"`` is read from ``y_mean`` and ``y_var`` (divisor n), or from ``y`` if it is
        the same in all of a cell. The answer is that of the rows.
    level : float
        Coverage of each interval (pointwise), between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by event_time; estimate, std_error, ci_low, ci_high. The last period before
        adoption is the reference, zero by construction; where waves are uneven, groups can
        have theirs at different event times, and a group then counts where it is not its
        own. Standard errors count the shares :math:`n_g` as estimated.
        ``attrs["covariance"]`` holds the covariance of all other rows, ``attrs["df"]`` the
        degrees of freedom, ``attrs["reference"]`` the event time of the reference, or a list
        of several: what tests of pre-trends and bounds need.

    Raises
    ------
    ValueError
        If a unit lacks a period or has it twice, `time` is text, `first_treated` is missing,
        in no period or in the first one, or one cluster makes up a group. If a column is
        missing, incomplete or not of its kind, or the outcome does not vary.

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
    cells = _group_cells(data, outcome, unit, time, first_treated, cluster, size)
    events = cells.table["event_time"].to_numpy()
    known = cells.table["estimate"].notna().to_numpy()
    times = np.unique(events[known])
    parts = [_average_cells(cells, known & (events == event)) for event in times]
    estimates, influence = (np.array(part) for part in zip(*parts, strict=True))
    covariance, df = _cell_covariance(influence.T, cells)
    return _study(times, cells.references, estimates, covariance, df, level)


def overall_att(
    data, *, outcome, time, first_treated, unit=None, cluster=None, size=None, level=0.95
):
    r"""Average the effect over all treated units and periods.

    .. math:: \hat\theta = \sum_g \sum_{t \ge g} n_g \widehat{ATT}(g, t) \Big/
              \sum_g \sum_{t \ge g} n_g

    with :math:`\widehat{ATT}(g, t)` the change of the group of :math:`n_g` units that begins in
    :math:`g` since the last period before it, less that of the units not yet treated. Every
    treated unit in every period since its adoption counts once, where some unit is still
    untreated; the share :math:`n_g` counts as estimated.

    Estimand: the average effect on the treated over these units and periods, if without
    treatment all groups would have changed alike on average and none reacts before it begins.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, every unit in every period; or, with `size`, one per cell.
    outcome, time : str
        Columns of the outcome and of the period (numbers or dates, not
        necessarily evenly spaced).
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0 or infinite; a period after the last in `data` counts as not treated so far.
    unit : str, optional
        Column of the unit's name; needed of rows, and not in cells.
    cluster : str, optional
        Column of the groups of units that share shocks; the unit by default.
    size : str, optional
        Column that counts the units behind each row of `data`, which then are cells by `time`,
        `first_treated` and `cluster`, which is to be named, with as many units in each period: an
        outcome ``"y"`` is read from ``y_mean`` and ``y_var`` (divisor n), or from ``y`` if it is
        the same in all of a cell. The answer is that of the rows.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n (rows).

    Raises
    ------
    ValueError
        If a unit lacks a period or has it twice, `time` is text, `first_treated` is missing,
        in no period or in the first one, or one cluster makes up a group. If a column is
        missing, incomplete or not of its kind, or the outcome does not vary.

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
    cells = _group_cells(data, outcome, unit, time, first_treated, cluster, size)
    after = (cells.table["event_time"] >= 0) & cells.table["estimate"].notna()
    estimate, influence = _average_cells(cells, after.to_numpy())
    covariance, df = _cell_covariance(influence[:, np.newaxis], cells)
    std_error = np.sqrt(covariance[0, 0])
    _check_noise(outcome, std_error, cells.scale)
    return _result("overall_att", estimate, std_error, n=cells.n, level=level, df=df)


NEVER = np.finfo(float).max  # a period beyond all others


# Cells of group and period, and what each unit contributes to them.


class _GroupCells(NamedTuple):
    """Effects by group and period, with influence functions (a column per cell)."""

    table: pd.DataFrame
    influence: np.ndarray
    start: np.ndarray  # place of each unit's first treated period, beyond the last for never
    places: np.ndarray  # the same of each cell's group
    references: np.ndarray  # event time of each group's last period before
    clusters: np.ndarray
    size: np.ndarray  # units in each row of the influence
    factor: float
    scale: float
    n: int


def _group_cells(data, outcome, unit, time, first_treated, cluster, size):
    """Return the effect of each group in each period."""
    cluster = cluster if cluster is not None else unit
    _check_told_apart(unit, cluster, size)
    roles = {"outcome": outcome, "time": time}
    named = {} if unit is None else {"unit": unit}
    data = _marked_starts(data, time, first_treated)
    table, counted = _read_counted(
        data, size, cluster=cluster, first_treated=first_treated, **roles, **named
    )
    table[first_treated] = _begin(table, time, first_treated)
    panel = _balanced(table, counted, cluster, fixed=first_treated, unit=unit, **roles)
    start = _starts(panel, time, first_treated)
    groups = np.unique(start)
    _check_groups(start, panel, first_treated, cluster)
    y, n_periods = panel.outcomes, len(panel.periods)
    rows, columns, references = [], [], []
    for group in groups[groups < n_periods]:
        events = _since(panel.elapsed, group)
        references.append(events[group - 1])
        for place in np.delete(np.arange(n_periods), group - 1):
            treated, compared = start == group, start > max(group, place)
            change = y[:, [place]] - y[:, [group - 1]]
            estimate, influence = _cell(change, treated, compared, panel.size)
            labels = panel.periods[group], panel.periods[place], events[place]
            units = (int(panel.size[side].sum()) for side in (treated, compared))
            rows.append([*labels, estimate, *units, group])
            columns.append(influence)
    names = ["group", "time", "event_time", "estimate", "n_treated", "n_comparison", "place"]
    table = pd.DataFrame(rows, columns=names).set_index(["group", "time"])
    n = int(panel.size.sum()) * n_periods
    factor = (n - 1) / (n - len(groups) * n_periods)
    places, scale = table.pop("place").to_numpy(), np.abs(y).max()
    of_rows = start, places, references, panel.clusters, panel.size
    return _GroupCells(table, np.hstack(columns), *of_rows, factor, scale, n)


def _cell(change, treated, compared, size):
    """Return a difference in mean changes and its influence, missing if none compares."""
    if not compared.any():
        return np.nan, np.full(change.shape, np.nan)
    estimate, influence = _gap_in_means(change, treated, compared, size)
    return estimate[0], influence


def _average_cells(cells, chosen):
    """Return the mean effect of cells weighted by group size, and its influence.

    A unit moves the mean through the effects and through its group's share.
    """
    table = cells.table[chosen]
    size, effect = table["n_treated"].to_numpy(), table["estimate"].to_numpy()
    mean = size @ effect / size.sum()
    member = cells.size[:, np.newaxis] * (cells.start[:, np.newaxis] == cells.places[chosen])
    return mean, (cells.influence[:, chosen] @ size + member @ (effect - mean)) / size.sum()


def _cell_covariance(influence, cells):
    """Return the clustered covariance of sums of influence, and its degrees of freedom."""
    return _clustered(influence, cells.clusters, cells.factor)


# When units begin.


def _marked_starts(data, time, first_treated):
    """Return data with a number beyond all others for infinity, or raise on a missing start."""
    data = _frame(data)
    names = list(data.columns)
    if not all(isinstance(n, str) and names.count(n) == 1 for n in (time, first_treated)):
        return data  # reading it will say what is wrong
    start = data[first_treated]
    if start.isna().any():
        kind, last = pd.api.types.infer_dtype(data[time]), f"data[{time!r}].max()"
        mark = f".fillna({last} + {'1' if kind == 'period' else 'pd.Timedelta(days=1)'})"
        if kind not in DATES:
            early = _holds_numbers(data[time]) and data[time].min() <= 0
            mark = ".astype(float).fillna(np.inf)" if early else ".fillna(0)"
        raise ValueError(
            f"column {first_treated!r} has {start.isna().sum()} missing value(s); if they mean "
            f"never treated, say so with data[{first_treated!r}]{mark}, as dropping such rows "
            "would drop the comparison"
        )
    if _holds_numbers(start) and (start == np.inf).any():
        data = data.assign(**{first_treated: start.astype(float).replace(np.inf, NEVER)})
    return data


def _begin(table, time, first_treated):
    """Return when the unit of each row begins, in the kind of the periods, or raise."""
    clock = _moments(table, time)
    begin = _moments(table, first_treated, clock)
    zones = [getattr(getattr(column, "dt", None), "tz", None) for column in (begin, clock)]
    if _dated(begin) != _dated(clock) or (zones[0] is None) != (zones[1] is None):
        raise ValueError(
            f"column {first_treated!r} holds {begin.dtype} values such as {begin.tolist()[0]!r}, "
            f"and {time!r} {clock.dtype} such as {clock.tolist()[0]!r}; give both as numbers or "
            "both as such dates, with one after the last for never treated"
        )
    return begin


def _starts(panel, time, first_treated):
    """Return the place of each unit's first treated period, beyond the last for none."""
    start, periods = panel.fixed, panel.periods
    never = np.zeros(len(start), dtype=bool) if _dated(start) else (start == 0).to_numpy()
    if never.any() and periods[0] <= 0:
        raise ValueError(
            f"column {first_treated!r} uses 0 for never treated, but {time!r} has a period "
            f"{_shown(periods[0])}; write inf for never treated, data[{first_treated!r}].astype("
            "float).replace(0, np.inf), and if units do begin in 0, add a constant to both columns"
        )
    beyond = never | (start > periods[-1]).to_numpy()
    place = np.where(beyond, len(periods), periods.get_indexer(start))
    for value in np.unique(start[place <= 0]):
        what = "has no period before it" if value <= periods[0] else "is not a period"
        raise ValueError(
            f"column {first_treated!r}: {np.sum(start == value)} unit(s) begin in {_shown(value)}, "
            f"which {what} of {time!r} ({_shown(periods[0])} to {_shown(periods[-1])}); give a "
            "period in the data, a later one for never treated, or drop these units and say so"
        )
    if beyond.all():
        raise ValueError(
            f"column {first_treated!r}: no unit begins within the data, so there is "
            "no effect to estimate; 0 means never treated"
        )
    return place


def _check_groups(start, panel, first_treated, cluster):
    """Raise if one cluster makes up an adoption group, or if there is nothing to compare."""
    counts = pd.Series(panel.clusters).groupby(start).nunique()
    names = dict(enumerate(map(_shown, panel.periods)))
    if len(counts) == 1:
        raise ValueError(
            f"column {first_treated!r}: all units begin in {names[start[0]]}, so none compares; "
            "a difference in differences needs units that begin later or never"
        )
    for group, count in counts.items():
        if count < 2:
            which = f"that begins in {names[group]}" if group in names else "never treated"
            raise ValueError(
                f"column {cluster!r}: one cluster makes up the group {which}; its residuals sum "
                "to zero, so a standard error would count its shocks as none; merge it with "
                "another group, or drop it and say so"
            )
