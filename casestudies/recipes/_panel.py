"""Panels: units, periods, the time between them, and a difference in differences in two."""

import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from casestudies.recipes._clusters import _by_leverage, _check_sides, _clustered
from casestudies.recipes._columns import (
    _basis,
    _check_choice,
    _check_noise,
    _design,
    _listed,
    _Matrix,
    _net,
    _numeric,
    _one,
    _outcome,
    _real,
    _zero_one,
)
from casestudies.recipes._counted import _pool, _read_counted


class _Interaction(NamedTuple):
    """The product of group and period in a regression, and what its errors are made of."""

    outcome: np.ndarray  # net of all other regressors
    product: np.ndarray  # group times period, net of them
    others: np.ndarray  # these, orthonormal
    factor: float  # G / (G - 1) times (n - 1) / (n - k)
    estimate: float
    std_error: float
    df: float


def _two_periods(
    data, cluster, controls=(), size=None, weights=None, *, outcome, treated, post, unit=None
):
    """Return columns of units in two periods, of which each may lack one, and who is behind them.

    With a size, cells that hold many units and tell them apart by cluster only.
    """
    _check_told_apart(unit, cluster, size)
    roles = {"outcome": outcome, "treated": treated, "post": post}
    roles |= {} if unit is None else {"unit": unit}
    options = {"several": {"controls": controls}, "cluster": cluster, "weights": weights}
    table, counted = _read_counted(data, size, **options, **roles)
    _one("cluster", cluster)
    _outcome(table, outcome, variance=counted.variance)
    _zero_one(table, treated)
    _zero_one(table, post, ("the period before", "the period after"))
    if unit is not None:
        _check_unit(table, unit, post, treated, cluster)
    return table, counted


def _check_told_apart(unit, cluster, size):
    """Raise unless rows come with their unit, and cells with their cluster alone."""
    if size is None and unit is None:
        raise ValueError(
            "unit is None; name unit=, the column that tells units apart. Where every row is "
            "another unit, as in repeated cross-sections, a number for each row will do"
        )
    if size is not None and (unit is not None or cluster is None):
        raise ValueError(
            f"unit={unit!r} and cluster={cluster!r} with size={size!r}: a cell holds several units "
            "and does not tell them apart; name cluster=, a column of the cells whose groups are "
            "independent of one another, and no unit=. Errors by unit need the rows"
        )


def _interact(table, cluster, controls, weights=None, cov="clustered", *, outcome, treated, post):
    """Return the coefficient of group times period, by least squares, with its errors.

    With weights, `outcome`, `product` and `others` are those of rows times their roots.
    """
    _check_sides(table, cluster, [treated, post])
    y, product = table[outcome].to_numpy(float), (table[treated] * table[post]).to_numpy(float)
    others = _design(table, [treated, post, *controls])
    columns = np.insert(others.columns, 2, product, axis=1)
    labels = [*others.labels[:2], f"{treated} x {post}", *others.labels[2:]]
    _basis(_Matrix(labels, columns, np.insert(others.precision, 2, 0)), weights)
    root = np.ones(len(y)) if weights is None else np.sqrt(weights)
    n, k = round(root @ root), len(labels) + 1
    if n == k:
        raise ValueError(f"{n} rows for {k} coefficients leave no residual; use fewer controls")
    basis, small = _basis(others, weights), (n - 1) / (n - k)
    length = np.linalg.norm(root * y)
    y, product = (_net(values, basis, weights) for values in (y, product))
    weight = product @ product
    estimate = product @ y / weight
    residual, column = y - estimate * product, product[:, np.newaxis] / weight
    covariance, df = _clustered(column * residual[:, np.newaxis], table[cluster], small)
    std_error = np.sqrt(covariance[0, 0])
    _check_noise(outcome, std_error, length / np.sqrt(weight))
    others, factor = np.column_stack([root / np.sqrt(n), basis]), (df + 1) / df * small
    if cov != "clustered":
        every = np.column_stack([others, product / np.sqrt(weight)])
        covariance, (df,) = _by_leverage(cov, column, residual, every, table[cluster])
        std_error = np.sqrt(covariance[0, 0])
    return _Interaction(y, product, others, factor, estimate, std_error, df)


PANELS = ("balanced", "pairs", "cross_sections")


class _Panel(NamedTuple):
    """Outcomes with a row per unit and a column per period, 0 where it was not seen.

    Cross-sections that do not name the unit have a row for each of theirs, or for all of a
    cluster that keep the same.
    """

    outcomes: np.ndarray
    periods: pd.Index
    elapsed: np.ndarray  # time of each period since the first
    fixed: pd.Series  # what a unit keeps: its arm, or when it begins
    clusters: np.ndarray  # a number for each
    count: np.ndarray  # units behind each row in each period, 0 where it was not seen
    mass: np.ndarray  # the same, each with its sampling weight
    paired: bool  # whether a change is that of units seen in both of its periods
    scale: float

    @property
    def whole(self):
        """Whether every unit is seen in every period."""
        return self.paired and bool((self.count > 0).all())

    def entering(self, units, place, base):
        """Return which of the units, by row and period, enter a change between two periods."""
        units = units[:, [place, base]]
        return units * (units > 0).all(axis=1, keepdims=True) if self.paired else units


def _read_panel(data, outcome, unit, time, fixed, cluster, size, weights, panel, adjust_for=()):
    """Return the columns of a panel, how many units stand behind each row, and its cluster."""
    _check_choice("panel", panel, PANELS)
    if panel == "pairs" and size is not None:
        raise ValueError(
            f"panel='pairs' with size={size!r}: cells do not tell who was seen in both periods; "
            "give the rows and unit=, or compare whoever is seen, by panel='cross_sections'"
        )
    cluster = cluster if cluster is not None else unit
    if panel != "cross_sections" or size is not None:
        _check_told_apart(unit, cluster, size)
    roles = {"outcome": outcome, "time": time, **fixed}
    roles |= {} if unit is None else {"unit": unit}
    several = {"adjust_for": adjust_for}
    options = {"several": several, "cluster": cluster, "weights": weights}
    table, counted = _read_counted(data, size, **options, **roles)
    if adjust_for:
        _check_fixed(table, unit, time, adjust_for, size, panel)
    if weights is not None and panel != "cross_sections":
        _check_steady(counted, table[unit] if size is None else None, weights)
    return table, counted, cluster


def _check_fixed(table, unit, time, names, size, panel):
    """Raise unless covariates are those of units that are followed, and do not change."""
    if size is not None or panel == "cross_sections":
        raise ValueError(
            f"adjust_for={names} with size={size!r} and panel={panel!r}: changes are compared "
            "given covariates unit by unit; give the rows and unit=, with panel='balanced' or "
            "'pairs'"
        )
    for name in names:
        remedy = (
            f"take its value before anybody is treated, for example data.sort_values({time!r})"
            f".groupby({unit!r})[{name!r}].transform('first'), as later ones may be moved by the "
            "treatment"
        )
        _check_constant(table, name, unit, remedy)


def _check_steady(counted, unit, weights):
    """Raise unless a unit keeps its sampling weight."""
    if unit is None:
        raise ValueError(
            f"weights={weights!r} with cells: units of one cell may weigh differently in another "
            "period; give the rows and unit=, or compare whoever is seen, by "
            "panel='cross_sections'"
        )
    table = pd.DataFrame({unit.name: unit, weights: counted.weights})
    remedy = f"give a unit one weight, data.groupby({unit.name!r})[{weights!r}].transform('first')"
    _check_constant(table, weights, unit.name, remedy)


def _wide(table, counted, cluster, panel, *, outcome, unit, time, fixed):
    """Return a panel, if balanced one in which every unit is seen once in every period, or raise.

    Without a unit, those of one cluster that keep the same are a row.
    """
    _outcome(table, outcome, variance=counted.variance)
    periods, column = _periods(table, time)
    if unit is not None:
        _check_unit(table, unit, time, fixed, cluster)
    row, first = _kin(table, unit, fixed, cluster)
    values, shape = table[[outcome]].to_numpy(dtype=float, copy=True), (len(first), len(periods))
    scale = np.abs(values).max()
    if panel == "cross_sections":  # means of levels would lose digits to a far-off origin
        values -= values.mean()
    place, weighed = row * len(periods) + column, counted._replace(size=counted.mass)
    mass, means, _ = _pool(values, weighed, place, shape[0] * shape[1])
    count = np.bincount(place, counted.size, len(mass)).reshape(shape)
    if panel == "balanced" and unit is None:
        _check_alike(count, first[[cluster, fixed]], periods)
    elif panel == "balanced":
        _check_gaps(count == 0, first[unit].tolist(), periods, unit, time)
    clusters = np.arange(len(first)) if cluster is None else pd.factorize(first[cluster])[0]
    keep = first[fixed], clusters, count, mass.reshape(shape), panel != "cross_sections", scale
    return _Panel(means.reshape(shape), periods, _elapsed(periods), *keep)


def _kin(table, unit, fixed, cluster):
    """Return the number of each row's unit, or of those alike in a cluster, and their first rows.

    With neither unit nor cluster, every row is another unit.
    """
    if unit is None and cluster is None:
        return np.arange(len(table)), table
    keys = list(dict.fromkeys([cluster, fixed])) if unit is None else unit
    kin = table.groupby(keys, observed=True, sort=False)
    return kin.ngroup().to_numpy(), table[kin.cumcount().to_numpy() == 0]


def _check_alike(count, kin, periods):
    """Raise unless cells of a cluster hold as many units in every period."""
    change = count != count[:, :1]
    if change.any():
        row, place = np.argwhere(change)[0]
        who = " and ".join(f"{name} = {value}" for name, value in kin.iloc[row].items())
        raise ValueError(
            f"the cells where {who} hold {count[row, 0]:.0f} unit(s) in {periods.name} = "
            f"{_shown(periods[0])} and {count[row, place]:.0f} in {_shown(periods[place])} "
            f"({change.any(axis=1).sum()} such group(s)); every unit must be seen in every "
            "period: keep such units before making cells, and say so, or compare whoever is seen, "
            "by panel='cross_sections', which takes cells of any size, as two_by_two does"
        )


def _check_gaps(gap, names, periods, unit, time):
    """Raise unless every unit is seen in every period."""
    if not gap.any():
        return
    row, column = np.argwhere(gap)[0]
    remedy = (
        "no unit is seen in all of them, so compare whoever is seen, by panel='cross_sections'; "
        "or, where both groups are seen equally often in the same periods, average each unit's "
        "rows before and after its group's first treated period, and compare these with "
        "two_by_two, one such group at a time; it takes units that are seen on one side only"
    )
    if not gap.any(axis=1).all():
        remedy = (
            "fill few gaps from the source, or keep the units without one, data["
            f"data.groupby({unit!r})[{time!r}].transform('size') == {len(periods)}], and say so; "
            "or take the units seen in both periods of each comparison, by panel='pairs'"
        )
    raise ValueError(
        f"column {time!r}: {unit} = {names[row]} has no row for {time} = {_shown(periods[column])} "
        f"({gap.sum()} such gap(s) in {len(periods)} periods); {remedy}"
    )


def _check_unit(table, unit, period, treated, cluster):
    """Raise unless units are seen once in a period and keep their treatment and cluster."""
    twice = table[table.duplicated([unit, period])]
    if len(twice):
        kept = [name for name in table if not _numeric(table, name)]  # words have no mean
        keys = list(dict.fromkeys([unit, period, treated, cluster, *kept]))
        raise ValueError(
            f"column {unit!r}: {unit} = {twice[unit].iloc[0]} is seen more than once with "
            f"{period} = {twice[period].iloc[0]} ({len(twice)} such row(s) too many); keep one "
            f"row per unit and period, for example with data.groupby({keys}, as_index=False)"
            ".mean(numeric_only=True)"
        )
    once = f"data.groupby({unit!r})[{{!r}}].transform({{!r}})"
    remedy = f"give a unit the same value in all its rows, {once.format(treated, 'max')}"
    _check_constant(table, treated, unit, f"{remedy} for the ever treated")
    remedy = f"a unit stays in one cluster, the first for example, {once.format(cluster, 'first')}"
    _check_constant(table, cluster, unit, remedy)


def _check_constant(table, column, within, remedy):
    """Raise if a column changes within a unit or cluster."""
    groups, values = (pd.factorize(table[name])[0] for name in (within, column))
    first = np.empty(groups.max() + 1, dtype=int)
    first[groups[::-1]] = values[::-1]  # written last, so that the first row of each stays
    moved = values != first[groups]
    if moved.any():
        raise ValueError(
            f"column {column!r} changes within {within} = {table[within].iloc[moved.argmax()]} "
            f"({len(np.unique(groups[moved]))} such case(s)); {remedy}"
        )


def _dated(column):
    """Tell whether a column that was read holds dates."""
    return pd.api.types.is_datetime64_any_dtype(column)


def _moments(table, name, clock=None):
    """Return a column of numbers or dates, a span of dates as its first day, or raise.

    With a `clock`, the column tells when units begin, and one value of text may mean never.
    """
    column = table[name]
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if _numeric(table, name) or _dated(column):
        return column
    values, named = column.drop_duplicates().tolist(), f"data[{name!r}]"
    kinds = [False, True] if clock is None else [_dated(clock)]
    remedies = [_conversion(named, values, dated, clock is not None) for dated in kinds]
    if isinstance(values[0], datetime.timedelta):
        remedies = [f"{named} / pd.Timedelta(days=1)"]
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        remedies.append(f"{named}.cat.codes")
    few = f"{{{values[0]!r}: 1, {values[-1]!r}: 2}}"
    remedies.append(f"{named}.map({few}), with all of them")
    raise ValueError(
        f"column {name!r} holds {column.dtype} values such as {values[0]!r}, not numbers or "
        "dates, so that their distance in time is not known; convert it, for example with "
        f"{next(filter(None, remedies))}"
    )


def _conversion(named, values, dated, never):
    """Return what makes text numbers or dates, nothing if it does not."""
    read, far, options = pd.to_numeric, "0", {}
    if dated:
        read, far, options = pd.to_datetime, "pd.Timestamp('2262-01-01')", {"format": "ISO8601"}
    odd = [value for value in values if pd.isna(read(str(value), errors="coerce", **options))]
    if len(odd) > never or len(odd) == len(values):
        return ""
    marked = f".replace({odd[0]!r}, {far})" if odd else ""
    return f"pd.{read.__name__}({named}{marked})"


def _periods(table, time):
    """Return the periods in their order, and the place of each row's among them."""
    column = _moments(table, time)
    periods = pd.Index(column.unique(), name=time).sort_values()
    return periods, periods.get_indexer(column)


def _elapsed(periods):
    """Return the time since the first period.

    Dates are counted in years if they lie whole years apart, else in months if whole months
    (the last days of months count as such), else in days.
    """
    if not isinstance(periods, pd.DatetimeIndex):
        gaps = periods.to_numpy() - periods[0]
        return gaps.astype(np.int64) if gaps.dtype == np.uint64 else gaps
    wall = periods.tz_localize(None)
    month = wall.to_period("M")
    places = [wall - month.start_time, wall - month.end_time.normalize()]
    if min(place.nunique() for place in places) > 1:
        return np.asarray((wall - wall[0]) / pd.Timedelta(days=1))
    months = np.asarray(12 * month.year + month.month)
    months = months - months[0]
    return months // 12 if (months % 12 == 0).all() else months


def _since(elapsed, start):
    """Return the time since the period in place `start`: whole numbers as integers.

    Others are rounded, so that a third of a year is one event time whatever it is taken from.
    """
    events = elapsed - elapsed[start]
    if ((events % 1 == 0) & (np.abs(events) < 2**53)).all():
        return events.astype(np.int64)
    return events.round(9 - int(np.ceil(np.log10(elapsed[-1]))))


def _start(periods, first_treated_time, time):
    """Return where the treatment begins among the periods."""
    if isinstance(periods, pd.DatetimeIndex):
        if not isinstance(first_treated_time, datetime.date | np.datetime64 | pd.Period):
            raise ValueError(
                f"first_treated_time must be a date, as in column {time!r}, got "
                f"{first_treated_time!r}; give one of its periods, for example pd.{periods[-1]!r}"
            )
        start = getattr(first_treated_time, "to_timestamp", lambda: first_treated_time)()
        start = pd.Timestamp(start)
    else:
        start = _real("first_treated_time", first_treated_time)
    if start not in periods:
        raise ValueError(
            f"first_treated_time {_shown(start)} is not a period of column {time!r}, which runs "
            f"from {_shown(periods[0])} to {_shown(periods[-1])}; give the first period with "
            "treatment"
        )
    position = periods.get_loc(start)
    if position == 0:
        raise ValueError(
            f"column {time!r} has no period before first_treated_time {_shown(start)}; "
            "without one there is no change to compare"
        )
    return position


def _shown(period):
    """Return a period as words."""
    return str(period) if isinstance(period, datetime.date) else f"{period:.12g}"


def _gap_in_means(values, treated, compared, size):
    """Return the difference in means of each column, and each row's influence on it."""
    means, influence = [], []
    for side in (treated, compared):
        share = size * side / size[side].sum()
        means.append(share @ values)
        influence.append(share[:, np.newaxis] * (values - means[-1]))
    return means[0] - means[1], influence[0] - influence[1]


class _Change(NamedTuple):
    """How much more one group changed than another, and who stands behind it."""

    estimate: float
    influence: np.ndarray  # of each row of the panel
    later: np.ndarray  # treated units of each row in the later period, with their weights
    sizes: list  # units of either side; rows of both periods where they are not paired
    clusters: list  # of either side, in the period with fewer


def _change(panel, treated, compared, place, base, entered, gap_in_means=_gap_in_means):
    """Return how much more one group changed since a base period than another.

    It is missing if either has nobody to compare; else who enters is marked in `entered`.
    """
    count, mass = (panel.entering(units, place, base) for units in (panel.count, panel.mass))
    count = count * (treated | compared)[:, np.newaxis]
    units, y = count[:, :1] if panel.paired else count, panel.outcomes[:, [place, base]]
    values = y[:, :1] - y[:, 1:] if panel.paired else y * [1, -1]
    sides = [units * side[:, np.newaxis] for side in (treated, compared)]
    clusters = [min(_clusters_in(panel, side)) for side in sides]
    later, sizes = mass[:, 0] * treated, [int(side.sum()) for side in sides]
    if not min(clusters):
        return _Change(np.nan, np.full(len(y), np.nan), later, sizes, clusters)
    entered[:, [place, base]] |= count > 0
    gaps = [
        gap_in_means(values[:, [k]], treated, compared, mass[:, k]) for k in range(units.shape[1])
    ]
    estimate, influence = (sum(part) for part in zip(*gaps, strict=True))
    return _Change(estimate[0], influence[:, 0], later, sizes, clusters)


def _clusters_in(panel, units):
    """Return how many clusters the units of each column come from."""
    return [np.count_nonzero(np.bincount(panel.clusters, column)) for column in units.T]


def _summed(panel, influence, entered, rows, means):
    """Return the clustered covariance of sums of influence over units, and its degrees.

    Clusters of which nobody entered do not count; `rows` were fitted by so many `means`.
    """
    if not rows > means:
        raise ValueError(
            f"{rows:.0f} rows for {means:.0f} means of group and period leave no noise to "
            "estimate; find more units"
        )
    used, factor = entered.any(axis=1), (rows - 1) / (rows - means)
    return _clustered(influence[used], panel.clusters[used], factor)


def _rows_and_means(panel, groups, entered):
    """Return how many rows the units that entered have, and means of a group and period."""
    used = entered.any(axis=1)
    codes, names = pd.factorize(groups[used])
    held = np.zeros((len(names), len(panel.periods)))
    np.add.at(held, codes, panel.count[used])
    return int(held.sum()), np.count_nonzero(held)


def _left_out(panel, entered):
    """Return how many rows, and units in all their rows, enter no comparison."""
    left = {"rows_left_out": int(panel.count[~entered].sum())}
    if panel.paired:
        left["units_left_out"] = int(panel.count.max(axis=1)[~entered.any(axis=1)].sum())
    return left


def _columns_of(changes):
    """Return the estimates of changes and a column of influence for each.

    The influence is missing where one cluster makes up a side, as its shocks would count as none.
    """
    influence = np.column_stack([change.influence for change in changes])
    influence[:, [min(change.clusters) == 1 for change in changes]] = np.nan
    return np.array([change.estimate for change in changes]), influence


def _warning(places):
    """Return a sentence on where one cluster makes up a side, empty if nowhere."""
    if not places:
        return ""
    return (
        f"std_error is missing at {_listed(places)}: one cluster makes up the treated or the "
        "comparison there, so its residuals sum to zero and a standard error would count its "
        "shocks as none"
    )


def _follow(table, unit, periods, month, left):
    """Return the row of each unit and period, -1 where it is no longer at risk, or raise."""
    code, names = pd.factorize(table[unit])
    grid = np.full((len(names), len(periods)), -1)
    grid[code, month] = np.arange(len(code))
    time, seen = periods.name, grid >= 0
    twice = np.flatnonzero(grid[code, month] != np.arange(len(code)))
    if len(twice):
        row = twice[0]
        raise ValueError(
            f"column {unit!r}: {unit} = {names[code[row]]} is seen more than once with {time} = "
            f"{_shown(periods[month[row]])} ({len(twice)} such row(s) too many); keep one row per "
            f"unit and period, for example data.drop_duplicates([{unit!r}, {time!r}])"
        )
    length = seen.sum(axis=1)
    gap = seen != (np.arange(len(periods)) < length[:, np.newaxis])
    if gap.any():
        row, column = np.argwhere(gap)[0]
        raise ValueError(
            f"column {time!r}: {unit} = {names[row]} has no row for {time} = "
            f"{_shown(periods[column])} but a later one ({gap.any(axis=1).sum()} such unit(s)); "
            "fill gaps from the source, or, where units begin at different times, count from each "
            f"one's first, for example data.groupby({unit!r})[{time!r}].rank()"
        )
    early = (left == 1) & (month + 1 < length[code])
    if early.any():
        raise ValueError(
            f"{unit} = {names[code[early.argmax()]]} has rows after its event ({early.sum()} such "
            "unit(s)); keep only the rows at risk, up to the first event"
        )
    return grid
