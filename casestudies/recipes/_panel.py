"""Checks of panels."""

import numpy as np
import pandas as pd


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
