"""Staggered adoption: difference in differences when units begin at different times."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from casestudies.recipes._columns import (
    _check_choice,
    _check_level,
    _check_noise,
    _count,
    _frame,
    _holds_numbers,
    _names,
    _result,
)
from casestudies.recipes._panel import (
    _change,
    _dated,
    _gap_in_means,
    _kin,
    _left_out,
    _moments,
    _Panel,
    _read_panel,
    _rows_and_means,
    _shown,
    _since,
    _summed,
    _warning,
    _wide,
)
from casestudies.recipes._study import _study
from casestudies.recipes._trends import _given


def group_time(
    data,
    *,
    outcome,
    time,
    first_treated,
    unit=None,
    cluster=None,
    size=None,
    weights=None,
    panel="balanced",
    adjust_for=(),
    anticipation=0,
    base="universal",
    level=0.95,
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
    cover 75 to 77%. An error of 0 says that all clusters of either side changed alike in a cell,
    not that its estimate is certain.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, every unit in every period unless `panel` says otherwise; or,
        with `size`, one per cell.
    outcome, time : str
        Columns of the outcome and of the period: numbers or dates, not
        necessarily evenly spaced. Event time is the difference of numbers; of dates, years
        if all lie whole years apart, else months if whole months (last days of months are),
        else days.
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0, infinite or missing (NaN, NaT, None); a period after the last in `data` counts as not
        treated so far.
    unit : str, optional
        Column of the unit's name; needed of rows, but in cells and cross-sections.
    cluster : str, optional
        Column of the groups of units that share shocks; the unit by default.
    size : str, optional
        Column that counts the units behind each row of `data`, which then are cells by `time`,
        `first_treated` and `cluster`, which is to be named, with as many units in each period (in
        cross-sections any number): an outcome ``"y"`` is read from ``y_mean`` and ``y_var``
        (divisor n), or from ``y`` if it is the same in all of a cell. The answer is that of the
        rows.
    weights : str, optional
        Column of sampling weights (inverse probabilities of selection), the same in all rows of
        a unit; their scale does not matter. Means, and the shares of groups, are weighted.
    panel : {"balanced", "pairs", "cross_sections"}
        Whom a change between two periods compares. With ``"balanced"`` every unit is seen in
        every period, else the call is refused. ``"pairs"`` takes in each cell the units seen in
        both of its periods: what is estimated is then the effect on those, and it needs that
        who is missing has nothing to do with how outcomes would have changed. With
        ``"cross_sections"`` means of whoever is seen in a period are compared, and `unit` may be
        left out, rows then being independent (or `cluster` named): it needs that each period
        samples the same population of a group.
    adjust_for : str or sequence of str
        Columns of covariates that units keep, given which trends are taken as parallel: each cell
        is then doubly robust (a logit for the group and least squares for the change of its
        comparison). They must not be moved by the treatment.
    anticipation : int
        Periods before adoption in which units may already react: the base moves back by as many,
        and units that begin within as many periods are no comparison.
    base : {"universal", "varying"}
        Before adoption, compare with the last period before it, as afterwards, or each period
        with the one before it, among groups not yet treated then. Bounds on trends need the first.
    level : float
        Coverage of each interval (pointwise), between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by group and time (without :math:`t = b`, zero by construction);
        event_time since adoption, estimate, std_error, ci_low, ci_high, n_treated,
        n_comparison (units that enter; of cross-sections the rows of both periods). Where no unit
        is untreated any more, or none seen in both periods, the estimate is missing. The standard
        error is missing where one cluster makes up the group or its comparison, whose shocks
        would count as none; ``attrs["warning"]`` says where, and averages over groups have one.
        ``attrs`` has rows_left_out and units_left_out, which enter no cell. Standard errors come
        from influence functions summed by cluster, times :math:`\frac{G}{G-1}\frac{nT-1}{nT-kT}`
        for :math:`G` clusters, :math:`n` units, :math:`T` periods and :math:`k` groups (with gaps,
        for as many rows, and groups and periods that have some, as the units that enter have); t
        with :math:`G - 1` degrees.

    Raises
    ------
    ValueError
        If a unit lacks a period (unless `panel` allows it) or has it twice, `time` is text,
        `first_treated` is in no period or leaves none before. If a column is missing, incomplete
        or not of its kind, or the outcome does not vary.

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
    who = {"unit": unit, "cluster": cluster, "size": size, "weights": weights, "panel": panel}
    who |= {"adjust_for": adjust_for, "anticipation": anticipation}
    columns = {"outcome": outcome, "time": time, "first_treated": first_treated}
    cells = _group_cells(data, **columns, **who, base=base)
    lonely = cells.clusters.min(axis=1) == 1
    covariance, df = _cell_covariance(np.where(lonely, np.nan, cells.influence), cells)
    std_error = np.sqrt(np.diag(covariance))
    _check_noise(outcome, np.fmax.reduce(std_error), cells.panel.scale)
    margin = stats.t.ppf((1 + level) / 2, df) * std_error
    ends = {"ci_low": cells.table["estimate"] - margin, "ci_high": cells.table["estimate"] + margin}
    table = cells.table.assign(std_error=std_error, **ends)
    order = ["event_time", "estimate", "std_error", "ci_low", "ci_high"]
    table = table[[*order, "n_treated", "n_comparison"]]
    alone = [" in ".join(map(_shown, label)) for label in table.index[lonely]]
    table.attrs = {**_left_out(cells.panel, cells.entered), "warning": _warning(alone)}
    return table


def event_study(
    data,
    *,
    outcome,
    time,
    first_treated,
    unit=None,
    cluster=None,
    size=None,
    weights=None,
    panel="balanced",
    adjust_for=(),
    anticipation=0,
    base="universal",
    level=0.95,
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
        One row per unit and period, every unit in every period unless `panel` says otherwise; or,
        with `size`, one per cell.
    outcome, time : str
        Columns of the outcome and of the period (numbers or dates, not
        necessarily evenly spaced; event time is the difference of numbers, and of dates in
        years, months or days, the largest in which all are whole).
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0, infinite or missing (NaN, NaT, None); a period after the last in `data` counts as not
        treated so far.
    unit : str, optional
        Column of the unit's name; needed of rows, but in cells and cross-sections.
    cluster : str, optional
        Column of the groups of units that share shocks; the unit by default.
    size : str, optional
        Column that counts the units behind each row of `data`, which then are cells by `time`,
        `first_treated` and `cluster`, which is to be named, with as many units in each period (in
        cross-sections any number): an outcome ``"y"`` is read from ``y_mean`` and ``y_var``
        (divisor n), or from ``y`` if it is the same in all of a cell. The answer is that of the
        rows.
    weights : str, optional
        Column of sampling weights (inverse probabilities of selection), the same in all rows of
        a unit; their scale does not matter. Means, and the shares of groups, are weighted.
    panel : {"balanced", "pairs", "cross_sections"}
        Whom a change between two periods compares. With ``"balanced"`` every unit is seen in
        every period, else the call is refused. ``"pairs"`` takes in each cell the units seen in
        both of its periods: what is estimated is then the effect on those, and it needs that
        who is missing has nothing to do with how outcomes would have changed. With
        ``"cross_sections"`` means of whoever is seen in a period are compared, and `unit` may be
        left out, rows then being independent (or `cluster` named): it needs that each period
        samples the same population of a group.
    adjust_for : str or sequence of str
        Columns of covariates that units keep, given which trends are taken as parallel: each cell
        is then doubly robust (a logit for the group and least squares for the change of its
        comparison). They must not be moved by the treatment.
    anticipation : int
        Periods before adoption in which units may already react: the base moves back by as many,
        and units that begin within as many periods are no comparison.
    base : {"universal", "varying"}
        Before adoption, compare with the last period before it, as afterwards, or each period
        with the one before it, among groups not yet treated then. Bounds on trends need the first.
    level : float
        Coverage of each interval (pointwise), between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by event_time; estimate, std_error, ci_low, ci_high; unless every unit is seen in
        every period, n_treated and n_comparison, summed over cells. The last period before
        adoption is the reference, zero by construction; where waves are uneven, groups can
        have theirs at different event times, and a group then counts where it is not its
        own. Standard errors count the shares :math:`n_g` as estimated, so that groups of one count
        too; they are missing (``attrs["warning"]`` says where) where one cluster makes up all
        that is treated or the comparison of a cell. ``attrs`` has rows_left_out, units_left_out.
        ``attrs["covariance"]`` holds the covariance of all other rows, ``attrs["df"]`` the
        degrees of freedom, ``attrs["reference"]`` the event time of the reference, or a list
        of several: what tests of pre-trends and bounds need.

    Raises
    ------
    ValueError
        If a unit lacks a period (unless `panel` allows it) or has it twice, `time` is text,
        `first_treated` is in no period or leaves none before. If a column is
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
    who = {"unit": unit, "cluster": cluster, "size": size, "weights": weights, "panel": panel}
    who |= {"adjust_for": adjust_for, "anticipation": anticipation}
    columns = {"outcome": outcome, "time": time, "first_treated": first_treated}
    cells = _group_cells(data, **columns, **who, base=base)
    events = cells.table["event_time"].to_numpy()
    known = cells.table["estimate"].notna().to_numpy()
    times = np.unique(events[known])
    parts = [_average_cells(cells, known & (events == event)) for event in times]
    estimates, influence = (np.array(part) for part in zip(*parts, strict=True))
    covariance, df = _cell_covariance(influence.T, cells)
    sizes = None if cells.panel.whole else [_sizes_at(cells, events == event) for event in times]
    references = cells.references if base == "universal" else []
    _check_noise(outcome, np.sqrt(np.diag(covariance).max()), cells.panel.scale)
    study = _study(times, references, estimates, covariance, df, level, sizes)
    alone = times[np.isnan(np.diag(covariance))].tolist()
    study.attrs |= {**_left_out(cells.panel, cells.entered), "warning": _warning(alone)}
    study.attrs |= {"anticipation": anticipation} if anticipation else {}
    if base == "varying":
        study.attrs |= {"base": base, "reference": np.unique(cells.references).tolist()}
    return study


def overall_att(
    data,
    *,
    outcome,
    time,
    first_treated,
    unit=None,
    cluster=None,
    size=None,
    weights=None,
    panel="balanced",
    adjust_for=(),
    anticipation=0,
    level=0.95,
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
        One row per unit and period, every unit in every period unless `panel` says otherwise; or,
        with `size`, one per cell.
    outcome, time : str
        Columns of the outcome and of the period (numbers or dates, not
        necessarily evenly spaced).
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0, infinite or missing (NaN, NaT, None); a period after the last in `data` counts as not
        treated so far.
    unit : str, optional
        Column of the unit's name; needed of rows, but in cells and cross-sections.
    cluster : str, optional
        Column of the groups of units that share shocks; the unit by default.
    size : str, optional
        Column that counts the units behind each row of `data`, which then are cells by `time`,
        `first_treated` and `cluster`, which is to be named, with as many units in each period (in
        cross-sections any number): an outcome ``"y"`` is read from ``y_mean`` and ``y_var``
        (divisor n), or from ``y`` if it is the same in all of a cell. The answer is that of the
        rows.
    weights : str, optional
        Column of sampling weights (inverse probabilities of selection), the same in all rows of
        a unit; their scale does not matter. Means, and the shares of groups, are weighted.
    panel : {"balanced", "pairs", "cross_sections"}
        Whom a change between two periods compares. With ``"balanced"`` every unit is seen in
        every period, else the call is refused. ``"pairs"`` takes in each cell the units seen in
        both of its periods: what is estimated is then the effect on those, and it needs that
        who is missing has nothing to do with how outcomes would have changed. With
        ``"cross_sections"`` means of whoever is seen in a period are compared, and `unit` may be
        left out, rows then being independent (or `cluster` named): it needs that each period
        samples the same population of a group.
    adjust_for : str or sequence of str
        Columns of covariates that units keep, given which trends are taken as parallel: each cell
        is then doubly robust (a logit for the group and least squares for the change of its
        comparison). They must not be moved by the treatment.
    anticipation : int
        Periods before adoption in which units may already react: the base moves back by as many,
        and units that begin within as many periods are no comparison.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n (rows of units that enter); ``attrs`` has
        rows_left_out and units_left_out.

    Raises
    ------
    ValueError
        If a unit lacks a period (unless `panel` allows it) or has it twice, `time` is text,
        `first_treated` is in no period or leaves none before, or one cluster makes up all that
        is treated, or the comparison of a group in a period. If a column is
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
    who = {"unit": unit, "cluster": cluster, "size": size, "weights": weights, "panel": panel}
    who |= {"adjust_for": adjust_for, "anticipation": anticipation}
    columns = {"outcome": outcome, "time": time, "first_treated": first_treated}
    cells = _group_cells(data, **columns, **who)
    after = (cells.table["event_time"] >= 0) & cells.table["estimate"].notna()
    if not after.any():
        raise ValueError(
            f"column {first_treated!r}: no group is seen before and after it begins together with "
            "units not treated so far, so there is no effect to estimate; find units that begin "
            "later or never, or, where gaps leave nobody seen twice, take panel='cross_sections'"
        )
    estimate, influence = _average_cells(cells, after.to_numpy())
    _check_average(cells, after.to_numpy(), influence, cluster if cluster is not None else unit)
    covariance, df = _cell_covariance(influence[:, np.newaxis], cells)
    std_error = np.sqrt(covariance[0, 0])
    _check_noise(outcome, std_error, cells.panel.scale)
    result = _result("overall_att", estimate, std_error, n=cells.n, level=level, df=df)
    result.attrs = _left_out(cells.panel, cells.entered)
    return result


NEVER = np.finfo(float).max  # a period beyond all others
END = pd.Timestamp("2262-01-01")  # the same as a date


# Cells of group and period, and what each unit contributes to them.


class _GroupCells(NamedTuple):
    """Effects by group and period, with influence functions (a column per cell)."""

    table: pd.DataFrame
    influence: np.ndarray
    mass: np.ndarray  # treated units of each cell in its period, with their weights
    clusters: np.ndarray  # on the two sides of each cell
    span: np.ndarray  # places of each cell's group, period and base
    start: np.ndarray  # place of each unit's first treated period, beyond the last for none
    references: list  # event time of each group's last period before
    panel: _Panel
    entered: np.ndarray
    n: int
    means: int


def _group_cells(
    data,
    *,
    outcome,
    time,
    first_treated,
    unit,
    cluster,
    size,
    weights,
    panel,
    adjust_for,
    anticipation,
    base="universal",
):
    """Return the effect of each group in each period."""
    _check_choice("base", base, ("universal", "varying"))
    early, names = _count("anticipation", anticipation, least=0), _names("adjust_for", adjust_for)
    data, unknown = _marked_starts(data, time, first_treated)
    roles = outcome, unit, time, {"first_treated": first_treated}
    options = cluster, size, weights, panel, names
    table, counted, cluster = _read_panel(data, *roles, *options)
    table[first_treated] = _begin(table, time, first_treated, unknown)
    columns = {"outcome": outcome, "unit": unit, "time": time, "fixed": first_treated}
    panel = _wide(table, counted, cluster, panel, **columns)
    start = _starts(panel, time, first_treated, early)
    _check_groups(start, panel, first_treated)
    entered = np.zeros(panel.count.shape, dtype=bool)
    span = _spans(np.unique(start), len(panel.periods), early, base == "varying")
    untreated = np.where(_never(panel.fixed), np.inf, start) - early
    means = _given(_kin(table, unit, first_treated, cluster)[1], names) if names else _gap_in_means
    changes = []
    for g, t, b in span:
        sides = start == g, (untreated > max(t, b)) & (start != g)
        try:
            changes.append(_change(panel, *sides, t, b, entered, means))
        except ValueError as error:
            where = [_shown(panel.periods[place]) for place in (g, t)]
            raise ValueError(
                f"the group that begins in {where[0]}, in period {where[1]}: {error}"
            ) from None
    since = {group: _since(panel.elapsed, group) for group in np.unique(span[:, 0])}
    events = [since[group][place] for group, place, _ in span]
    parts = np.array([change.sizes for change in changes]).T
    labels = [panel.periods[span[:, 0]], panel.periods[span[:, 1]]]
    table = pd.DataFrame(
        {
            "event_time": events,
            "estimate": [change.estimate for change in changes],
            "n_treated": parts[0],
            "n_comparison": parts[1],
        },
        index=pd.MultiIndex.from_arrays(labels, names=["group", "time"]),
    )
    return _GroupCells(
        table,
        np.column_stack([change.influence for change in changes]),
        np.array([change.later.sum() for change in changes]),
        np.array([change.clusters for change in changes]),
        span,
        start,
        [events[group - 1 - early] for group, events in since.items()],
        panel,
        entered,
        *_rows_and_means(panel, start, entered),
    )


def _spans(groups, periods, early, varying):
    """Return the places of group, period and base of each cell.

    The base is the last period before a group can react; where it varies, the one before the
    period itself up to then.
    """
    spans = []
    for group in groups[groups < periods]:
        last = group - 1 - early
        for place in np.delete(np.arange(periods), 0 if varying else last):
            spans.append((group, place, place - 1 if varying and place <= last else last))
    return np.array(spans)


def _average_cells(cells, chosen):
    """Return the mean effect of cells weighted by group size, and its influence.

    A unit moves the mean through the effects and through its group's share, so that a group of
    one has an error too, if there are others. The influence is missing where one cluster makes
    up all that is treated, or the comparison of a cell.
    """
    size, effect = cells.mass[chosen], cells.table["estimate"].to_numpy()[chosen]
    mean, pulled = size @ effect / size.sum(), cells.influence[:, chosen] @ size
    treated = np.zeros(len(cells.start), dtype=bool)
    for (group, place, base), gap in zip(cells.span[chosen], effect - mean, strict=True):
        mass = cells.panel.entering(cells.panel.mass, place, base)[:, 0] * (cells.start == group)
        pulled, treated = pulled + mass * gap, treated | (mass > 0)
    lonely = np.ptp(cells.panel.clusters[treated]) == 0 or cells.clusters[chosen, 1].min() == 1
    return mean, np.full(len(pulled), np.nan) if lonely else pulled / size.sum()


def _sizes_at(cells, chosen):
    """Return how many treated units and comparisons enter the cells of an average."""
    return cells.table.loc[chosen, ["n_treated", "n_comparison"]].sum().tolist()


def _cell_covariance(influence, cells):
    """Return the clustered covariance of sums of influence, and its degrees of freedom."""
    return _summed(cells.panel, influence, cells.entered, cells.n, cells.means)


def _check_average(cells, chosen, influence, cluster):
    """Raise if one cluster makes up all that is treated, or the comparison of a cell."""
    if not np.isnan(influence).any():
        return
    lonely = chosen & (cells.clusters[:, 1] == 1)
    what = f"column {cluster!r}" if cluster is not None else "the rows"
    why = "its residuals sum to zero, so a standard error would count its shocks as none"
    if not lonely.any():
        raise ValueError(
            f"{what}: one cluster makes up all that is treated; {why}. Cluster by a finer column "
            "and say that you assume no shock common to a cluster, or find more treated clusters"
        )
    group, time = map(_shown, cells.table.index[lonely][0])
    first = cells.table.index.get_level_values("time")[lonely].min()
    raise ValueError(
        f"{what}: one cluster makes up the comparison of the group that begins in {group} in "
        f"period {time} ({lonely.sum()} such case(s)); {why}. End the data before "
        f"{_shown(first)}, find more clusters that begin later or never, or read group_time, "
        "which leaves those standard errors out"
    )


# When units begin.


def _marked_starts(data, time, first_treated):
    """Return data with a number beyond all others for infinity, and where the start is missing.

    A missing start is filled by one that is not, to be read, and means never.
    """
    data = _frame(data)
    names = list(data.columns)
    if not all(isinstance(n, str) and names.count(n) == 1 for n in (time, first_treated)):
        return data, None  # reading it will say what is wrong
    start = data[first_treated]
    missing = start.isna().to_numpy()
    if missing.all():
        raise ValueError(
            f"column {first_treated!r} is missing in all {len(start)} rows, so no unit begins "
            "within the data and there is no effect to estimate; missing means never treated"
        )
    if missing.any():
        filled = start.where(~missing, start[~missing].iloc[0])
        data = data.assign(**{first_treated: filled})
    if _holds_numbers(start) and (start == np.inf).any():
        marked = data[first_treated].astype(float).replace(np.inf, NEVER)
        data = data.assign(**{first_treated: marked})
    return data, missing


def _begin(table, time, first_treated, missing):
    """Return when the unit of each row begins, in the kind of the periods, or raise."""
    clock = _moments(table, time)
    begin = _moments(table, first_treated, clock)
    zones = [getattr(getattr(column, "dt", None), "tz", None) for column in (begin, clock)]
    if _dated(begin) != _dated(clock) or (zones[0] is None) != (zones[1] is None):
        raise ValueError(
            f"column {first_treated!r} holds {begin.dtype} values such as {begin.tolist()[0]!r}, "
            f"and {time!r} {clock.dtype} such as {clock.tolist()[0]!r}; give both as numbers or "
            "both as such dates, with one after the last for never treated, or none"
        )
    if missing is None or not missing.any():
        return begin
    if _dated(begin):
        return begin.where(~missing, pd.Timestamp(END, tz=zones[0]))
    return begin.astype(float).where(~missing, NEVER)


def _never(start):
    """Tell which units are marked as never treated."""
    if _dated(start):
        return (start.dt.tz_localize(None) >= END).to_numpy()
    return ((start == 0) | (start == NEVER)).to_numpy()


def _starts(panel, time, first_treated, early):
    """Return the place of each unit's first treated period, beyond the last for none."""
    start, periods = panel.fixed, panel.periods
    never = np.zeros(len(start), dtype=bool) if _dated(start) else (start == 0).to_numpy()
    if never.any() and periods[0] <= 0:
        raise ValueError(
            f"column {first_treated!r} uses 0 for never treated, but {time!r} has a period "
            f"{_shown(periods[0])}; write inf for never treated, data[{first_treated!r}].astype("
            "float).replace(0, np.inf), and if units do begin in 0, add a constant to both columns"
        )
    if early >= len(periods) - 1:
        raise ValueError(
            f"anticipation={early} leaves no period untouched before one with treatment: {time!r} "
            f"has {len(periods)}; give at most {max(len(periods) - 2, 0)}, or add earlier periods"
        )
    beyond = never | (start > periods[-1]).to_numpy()
    place = np.where(beyond, len(periods), periods.get_indexer(start))
    for value in np.unique(start[place <= early]):
        what = "has no period before it" if value <= periods[early] else "is not a period"
        what += f" that anticipation={early} leaves untouched" * (early > 0 and value in periods)
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


def _check_groups(start, panel, first_treated):
    """Raise if there is nothing to compare."""
    if np.ptp(start) == 0:
        raise ValueError(
            f"column {first_treated!r}: all units begin in {_shown(panel.periods[start[0]])}, so "
            "none compares; a difference in differences needs units that begin later or never"
        )
