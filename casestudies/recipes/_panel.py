"""Checks of panels."""

import itertools

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


def _check_clusters(data, cluster, arms):
    """Raise if a combination of 0/1 columns has no rows, or those of one cluster only.

    The residuals of such a cluster sum to zero, so its shocks would count as none.
    """
    codes, names = pd.factorize(data[cluster])
    cells = data[arms].to_numpy(dtype=int) @ 2 ** np.arange(len(arms))[::-1]
    pairs = np.unique(cells * len(names) + codes)
    counts = np.bincount(pairs // len(names), minlength=2 ** len(arms))
    for values, count in zip(itertools.product((0, 1), repeat=len(arms)), counts, strict=True):
        where = " and ".join(f"{arm} = {value}" for arm, value in zip(arms, values, strict=True))
        if count == 0:
            raise ValueError(f"no row has {where}; the comparison needs rows of every such kind")
        if count == 1:
            raise ValueError(
                f"column {cluster!r} has {len(names)} cluster(s), and one alone makes "
                f"up the rows with {where}: its residuals sum to zero, so a clustered standard "
                "error would count its shocks as none (with one cluster per arm it prints as "
                "0.0000), and no degrees of freedom are left for them. Cluster by a finer column "
                "and say that you assume no shock common to a cluster, ask how large such a shock "
                "must be to overturn the answer, or find more clusters"
            )
