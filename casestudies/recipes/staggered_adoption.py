"""Staggered adoption: difference in differences when units begin at different times."""

import difflib
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats


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
    cells = _cells(data, outcome, unit, time, first_treated, cluster or unit)
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
    cells = _cells(data, outcome, unit, time, first_treated, cluster or unit)
    events = cells.table["event_time"].to_numpy()
    known = cells.table["estimate"].notna().to_numpy()
    times = np.unique(events[known])
    parts = [_average(cells, known & (events == event)) for event in times]
    estimates, influence = (np.array(part) for part in zip(*parts, strict=True))
    covariance = _covariance(influence.T, cells)
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
    cells = _cells(data, outcome, unit, time, first_treated, cluster or unit)
    after = (cells.table["event_time"] >= 0) & cells.table["estimate"].notna()
    estimate, influence = _average(cells, after.to_numpy())
    std_error = np.sqrt(_covariance(influence[:, None], cells)[0, 0])
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


def _cells(data, outcome, unit, time, first_treated, cluster):
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
            estimate, influence = _contrast(values, start == group, compared)
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
    table["std_error"] = np.sqrt(np.diag(_covariance(influence, cells)))
    return cells


def _contrast(values, treated, compared):
    """Return a difference in means and each unit's influence on it, missing if none compares."""
    if not compared.any():
        return np.nan, np.full(len(values), np.nan)
    means = values[treated].mean(), values[compared].mean()
    influence = treated * (values - means[0]) / treated.sum()
    return means[0] - means[1], influence - compared * (values - means[1]) / compared.sum()


def _average(cells, chosen):
    """Return the mean effect of cells weighted by group size, and its influence.

    A unit moves the mean through the effects and through its group's share.
    """
    table = cells.table[chosen]
    size, effect = table["n_treated"].to_numpy(), table["estimate"].to_numpy()
    mean = size @ effect / size.sum()
    member = cells.start[:, None] == table.index.get_level_values("group").to_numpy()
    return mean, (cells.influence[:, chosen] @ size + member @ (effect - mean)) / size.sum()


def _covariance(influence, cells):
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


def _study(events, estimate, covariance, df, level):
    """Return an event study's frame, the reference row included."""
    std_error = np.sqrt(np.diag(covariance))
    rows = [
        _result(event, e, s, n=np.nan, level=level, df=df)
        for event, e, s in zip(events, estimate, std_error, strict=True)
    ]
    rows.append(_result(-1, 0.0, 0.0, n=np.nan, level=level))
    frame = pd.DataFrame(rows).drop(columns="n").sort_index().rename_axis("event_time")
    names = [int(event) for event in events]
    # Nested dicts: pandas compares attrs with ==, which a DataFrame in them would break.
    table = pd.DataFrame(covariance, index=names, columns=names).to_dict()
    frame.attrs = {"covariance": table, "df": int(df)}
    return frame


# Checks of panels, built on the checks below.


def _wide(data, outcome, unit, time, constants):
    """Return outcomes with a row per unit and a column per period, and columns by unit."""
    wide = data.pivot_table(index=unit, columns=time, values=outcome)
    gaps = np.argwhere(wide.isna().to_numpy())
    if len(gaps):
        row, column = gaps[0]
        raise ValueError(
            f"column {time!r}: {unit} = {wide.index[row]} has no row for {time} = "
            f"{wide.columns[column]} ({len(gaps)} such gap(s)); every unit must be seen in "
            "every period, so fill the gap from the source, or drop the unit or the period"
        )
    units = data.drop_duplicates(unit).set_index(unit, drop=False).loc[wide.index]
    return wide, *(units[name].to_numpy() for name in constants)


def _check_unit(data, unit, period, treated, cluster):
    """Raise unless units are seen once in a period and keep their treatment and cluster."""
    _check_once(data, unit, period)
    _check_constant(data, treated, unit, "give a unit the same value in all its rows, also before")
    _check_constant(data, cluster, unit, "a unit must stay in one cluster, so take a coarser one")


def _check_once(data, unit, period):
    """Raise if a unit is seen more than once in a period."""
    twice = data[data.duplicated([unit, period])]
    if len(twice):
        raise ValueError(
            f"column {unit!r}: {unit} = {twice[unit].iloc[0]} is seen more than once with "
            f"{period} = {twice[period].iloc[0]} ({len(twice)} such row(s) too many); keep one "
            "row per unit and period, for example each unit's mean"
        )


def _check_constant(data, column, within, remedy):
    """Raise if a column changes within a unit or cluster."""
    groups, values = (pd.factorize(data[name])[0] for name in (within, column))
    first = np.empty(groups.max() + 1, dtype=int)
    first[groups[::-1]] = values[::-1]  # written last, so that the first row of each stays
    moved = values != first[groups]
    if moved.any():
        raise ValueError(
            f"column {column!r} changes within {within} = {data[within].iloc[moved.argmax()]} "
            f"({len(np.unique(groups[moved]))} such case(s)); {remedy}"
        )


def _check_level(level):
    """Raise unless a level lies between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")


# Input checks and the result. These lines close every recipe, letter for letter,
# so that each file can be copied alone.


def _names(columns):
    """Return one column name or several as a list."""
    return [columns] if isinstance(columns, str) else list(columns)


def _check_columns(data, columns):
    """Raise unless `data` has these columns, each in one role, complete and finite."""
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"data must be a pandas DataFrame, got {type(data).__name__}")
    for name in data.columns:
        if not isinstance(name, str):
            raise ValueError(f"column name {name!r} is not a string; use data.rename(columns=str)")
    for name in data.columns[data.columns.duplicated()]:
        raise ValueError(f"data has more than one column {name!r}; rename or drop all but one")
    for name in columns:
        if name not in data.columns:
            close = difflib.get_close_matches(str(name), data.columns, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"data has {list(data.columns)}"
            raise ValueError(f"no column {name!r} in data; {hint}")
        if columns.count(name) > 1:
            raise ValueError(f"column {name!r} is given more than one role; name it once")
    if data.empty:
        raise ValueError(f"column {columns[0]!r} has no rows; check the filter that made data")
    for name in columns:
        _check_values(data[name])


def _check_values(column):
    """Raise on the first missing or infinite value of a column."""
    bad, kind = column.isna().to_numpy(), "missing"
    if not bad.any() and pd.api.types.is_numeric_dtype(column):
        bad, kind = np.isinf(column.to_numpy(dtype=float)), "infinite"
    if bad.any():
        raise ValueError(
            f"column {column.name!r} has {bad.sum()} {kind} value(s), the first in row "
            f"{column.index[bad.argmax()]!r}; drop or impute such rows before the call, "
            "because that choice decides whom the estimate describes"
        )


def _numbers(data, name):
    """Return a numeric column as floats, or raise."""
    if not pd.api.types.is_numeric_dtype(data[name]):
        raise ValueError(
            f"column {name!r} holds {data[name].dtype} values such as {data[name].iloc[0]!r}, "
            "not numbers; convert it, for example with pd.to_numeric"
        )
    return data[name].to_numpy(dtype=float)


def _zero_one(data, name):
    """Return a column of zeros and ones, both present, as floats, or raise."""
    values = _numbers(data, name)
    for other in values[(values != 0) & (values != 1)]:
        raise ValueError(
            f"column {name!r} must be 0 or 1, found {other:g}; recode it to 1 for the "
            "treated and 0 for the others"
        )
    if values.min() == values.max():
        raise ValueError(
            f"column {name!r} is {values[0]:g} in all {len(values)} rows, so the other group "
            "is empty; a comparison needs rows of both"
        )
    return values


def _design(data, columns):
    """Return covariates as a float frame, a category as dummies without its first level."""
    parts = [pd.DataFrame(index=data.index)]
    for name in columns:
        if pd.api.types.is_numeric_dtype(data[name]):
            parts.append(data[name].astype(float))
        else:
            levels = data[name].astype("category").cat.remove_unused_categories()
            if len(levels.cat.categories) < 2:
                raise ValueError(f"column {name!r} is {levels.iloc[0]!r} in all rows; drop it")
            parts.append(pd.get_dummies(levels, prefix=name, drop_first=True, dtype=float))
    return pd.concat(parts, axis=1)


def _check_rank(design):
    """Raise if rows are too few or a column is a combination of the columns before it."""
    rows, width = design.shape
    if rows < width:
        raise ValueError(
            f"{rows} rows cannot carry {width} coefficients ({', '.join(design.columns)}); "
            "use fewer covariates or more rows"
        )
    values = design.to_numpy()
    norms = np.linalg.norm(values, axis=0)
    new = np.abs(np.diag(np.linalg.qr(values / np.where(norms > 0, norms, 1), mode="r")))
    for name in design.columns[new < 1e-9]:
        raise ValueError(
            f"column {name!r} is constant or a linear combination of the columns before it; drop it"
        )


def _result(method, estimate, std_error, *, n, level, df=np.inf):
    """Return estimate, standard error, interval and n as a Series named after the method."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    margin = special.stdtrit(df, (1 + level) / 2) * std_error
    ci = {"ci_low": estimate - margin, "ci_high": estimate + margin}
    entries = {"estimate": estimate, "std_error": std_error, **ci, "n": n}
    return pd.Series(entries, name=method, dtype=float)
