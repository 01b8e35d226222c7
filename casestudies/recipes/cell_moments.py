r"""Cell moments: a log of any length as a few rows, with the answers of all of them.

Rows that agree on treatment, covariates and cluster form a cell. Its size, and the means,
variances and covariances of what varies inside, are all that most estimators use of it. A
database makes them in one pass, wherever the rows are; the cells then fit in memory:

- ``cell_moments(table, by=..., measures=["y"])`` is an Ibis expression with the columns ``n``,
  ``y_mean`` and ``y_var`` (and ``cov_x_y`` of two measures). Central moments keep the digits that
  sums of squares lose; every divisor is n.
- ``.execute()`` makes a pandas frame of it, on DuckDB, Spark, BigQuery or whatever else holds the
  table (``.to_pyarrow().to_pandas()`` does so without the warning that Ibis 12 draws from
  pandas 3). An estimator reads it with ``outcome="y"`` and ``size="n"``.
- `merge` makes coarser cells from finer ones, so that one pass serves several designs.

What is adjusted for, and the cluster, must be among `by`; `bins` cuts a column that takes too
many values. Cells do not hold what came of one person after another, nor more than second
moments: an estimator that needs these refuses cells, and says what to do. Needs numpy, pandas
and ibis-framework with an engine, for example ``ibis-framework[duckdb]``.
"""

from itertools import combinations_with_replacement

import numpy as np

from casestudies.recipes._columns import _listed, _names, _numbers, _one, _reals
from casestudies.recipes._counted import _pool, _read_counted, _second


def cell_moments(table, *, by, measures):
    r"""Return the expression that reduces a table to the moments of its cells.

    Of the rows :math:`i` in a cell, with measures :math:`x` and :math:`y`,

    .. math:: n, \quad \bar y = \tfrac{1}{n} \textstyle\sum_i y_i, \quad
              \tfrac{1}{n} \sum_i (y_i - \bar y)^2, \quad
              \tfrac{1}{n} \sum_i (x_i - \bar x)(y_i - \bar y).

    Nothing runs before the caller executes it. Where a measure is missing (or NaN) in a row, its
    moments in that cell are missing too: filter such rows out before, if that is what you mean,
    because it decides whom the estimate describes. On an engine without a covariance (Polars) it
    is the variance of :math:`x + y` less that of :math:`x - y`, over 4.

    Parameters
    ----------
    table : ibis.expr.types.Table
        The rows, in any engine that Ibis speaks to; ``ibis.memtable(data)`` of a pandas frame.
    by : str or list of str
        Columns that identify a cell: treatment, covariates, cluster, batch. An empty list makes
        one cell of all.
    measures : str or list of str
        Columns of numbers, of which the cells keep the moments.

    Returns
    -------
    ibis.expr.types.Table
        One row per cell, in no order: the columns `by`, ``n``, and for measures ``x`` and ``y``
        in their order ``x_mean``, ``y_mean``, ``x_var``, ``cov_x_y``, ``y_var``.

    Raises
    ------
    ValueError
        If a column is not in the table, has two roles or the name of a result, or a measure is
        not a number. (What is no table of Ibis is a TypeError.)

    References
    ----------
    Wong, Forsell, Lewis, Mao and Wardrop (2021), You Only Compress Once: Optimal Data
    Compression for Estimating Linear Models, arXiv 2102.11297.

    Examples
    --------
    >>> import ibis, pyarrow
    >>> log = ibis.memtable(pyarrow.table({"offer": [0, 0, 1, 1], "sales": [1, 3, 4, 4]}))
    >>> moments = cell_moments(log, by="offer", measures="sales")
    >>> moments.order_by("offer").to_pyarrow().to_pandas()
       offer  n  sales_mean  sales_var
    0      0  2         2.0        1.0
    1      1  2         4.0        0.0
    """
    _check_table(table)
    by, measures = _names("by", by), _names("measures", measures)
    pairs = list(combinations_with_replacement(measures, 2))
    results = ["n", *(f"{name}_mean" for name in measures), *(_second(a, b) for a, b in pairs)]
    for name in [*by, *measures]:
        _check_in(table, name)
        if [*by, *measures, *results].count(name) > 1:
            raise ValueError(
                f"column {name!r} is named twice, or has the name of a result; name it once, or "
                "rename it"
            )
    numbers = {name: _number(table[name]) for name in measures}
    whole = {name: number.count() == table.count() for name, number in numbers.items()}
    moments = {f"{name}_mean": whole[name].ifelse(numbers[name].mean(), None) for name in measures}
    for a, b in pairs:
        second = (
            _engine_covariance(table, numbers[a], numbers[b])
            if a != b
            else numbers[a].var(how="pop")
        )
        moments[_second(a, b)] = (whole[a] & whole[b]).ifelse(second, None)
    return (table.group_by(by) if by else table).aggregate(n=table.count(), **moments)


def merge(cells, *, by):
    r"""Make coarser cells of finer ones, without another look at the rows.

    With cells :math:`c` of :math:`n_c` rows in a coarser one of :math:`n`, by the law of total
    variance,

    .. math:: \bar y = \sum_c \frac{n_c}{n} \bar y_c, \qquad
              s^2 = \sum_c \frac{n_c}{n} \{s_c^2 + (\bar y_c - \bar y)^2\},

    and covariances likewise.

    Parameters
    ----------
    cells : pandas.DataFrame
        One row per cell, with ``n``, and ``y_mean``, ``y_var`` and ``cov_x_y`` of measures.
    by : str or list of str
        Columns that identify the coarser cells; those of `cells` that are not named are gone, and
        of an empty list all rows are one cell.

    Returns
    -------
    pandas.DataFrame
        The columns `by`, ``n`` and the moments of the same measures, sorted by cell.

    Raises
    ------
    ValueError
        If a column is missing or incomplete, or moments are impossible.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"offer": [0, 0, 1], "week": [1, 2, 1], "n": [1, 3, 2]})
    >>> cells = cells.assign(sales_mean=[4.0, 0.0, 5.0], sales_var=[0.0, 1.0, 2.0])
    >>> merge(cells, by="offer")
       offer  n  sales_mean  sales_var
    0      0  4         1.0       3.75
    1      1  2         5.0       2.00
    """
    by, columns = _names("by", by), map(str, getattr(cells, "columns", ()))
    measures = [name.removesuffix("_var") for name in columns if name.endswith("_var")]
    roles = {"by": by, "measures": measures}
    table, counted = _read_counted(cells, "n", ("measures",), several=roles)
    place = np.zeros(len(table), dtype=int)
    if by:
        place = table.groupby(by, observed=True).ngroup().to_numpy()
    values = np.column_stack([_numbers(table, name) for name in measures])
    size, means, scatter = _pool(values, counted, place)
    first = np.unique(place, return_index=True)[1]
    coarse = cells[by].iloc[first].reset_index(drop=True).assign(n=size.astype(np.int64))
    for i, name in enumerate(measures):
        coarse[f"{name}_mean"] = means[:, i]
    for i, j in combinations_with_replacement(range(len(measures)), 2):
        coarse[_second(measures[i], measures[j])] = scatter[:, i, j] / size
    return coarse


def bins(table, *, column, edges):
    r"""Cut a column into classes, which can be among those that identify a cell.

    What it costs: an estimator that adjusts for the class adjusts for no difference within it.
    With one covariate and an outcome linear in it, the share of the bias that stays is the share
    of the covariate's variance (within arms) that lies within classes. Of a normal covariate
    :math:`K` classes of equal numbers, from :math:`c_{k-1}` to :math:`c_k`, leave

    .. math:: 1 - K \sum_k \{\phi(c_{k-1}) - \phi(c_k)\}^2,

    36% with two, 14% with four, 10% with five and 4% with ten. Keep the column among the
    measures, and the cells tell the share: the mean of its variances within them, weighted by
    ``n``, over its variance in the one cell that `merge` makes of all.

    Parameters
    ----------
    table : ibis.expr.types.Table
        The rows.
    column : str
        Column of numbers.
    edges : sequence of float
        Increasing numbers at which a new class begins; those of a sample serve, for example
        ``table.x.quantile([0.2, 0.4, 0.6, 0.8]).execute()``.

    Returns
    -------
    ibis.expr.types.Table
        The table with a column more, the class from 0 to ``len(edges)`` under the name of the
        column with _bin; missing where the column is.

    Raises
    ------
    ValueError
        If there is no such column of numbers, or edges are not increasing numbers.

    References
    ----------
    Cochran (1968), Biometrics 24(2), 295-313.

    Examples
    --------
    >>> import ibis, pyarrow
    >>> log = ibis.memtable(pyarrow.table({"age": [15, 20, 34, 70]}))
    >>> bins(log, column="age", edges=[20, 40]).to_pyarrow().to_pydict()
    {'age': [15, 20, 34, 70], 'age_bin': [0, 1, 1, 2]}
    """
    _check_table(table)
    edges = _reals("edges", edges).astype(float)
    if (np.diff(edges) <= 0).any():
        raise ValueError(f"edges must increase, got {edges.tolist()}; sort them, each once")
    name = _one("column", column)
    _check_in(table, name)
    number = _number(table[name])
    return table.mutate(**{f"{name}_bin": sum((number >= e).cast("int64") for e in edges.tolist())})


def _check_table(table):
    """Raise unless this is a table of Ibis."""
    import ibis

    if not isinstance(table, ibis.expr.types.Table):
        raise TypeError(
            f"table must be a table of Ibis, got {type(table).__module__}.{type(table).__name__}; "
            "ibis.memtable(data) makes one of a frame, connection.table(name) of one in an engine"
        )


def _check_in(table, name):
    """Raise unless a table has a column."""
    if name not in table.columns:
        raise ValueError(f"no column {name!r} in the table, which has {_listed(table.columns)}")


def _number(column):
    """Return a column of numbers as floats, missing where it is NaN, or raise."""
    kind = column.type()
    if not (kind.is_numeric() or kind.is_boolean()):
        raise ValueError(
            f"column {column.get_name()!r} holds {kind} values, not numbers; convert it, or name "
            "it among the columns that identify a cell"
        )
    number = column.cast("float64")
    return number.isnan().ifelse(None, number) if kind.is_floating() else number


def _engine_covariance(table, a, b):
    """Return the covariance with divisor n, by variances where the engine has none."""
    import ibis

    try:
        known = table.get_backend().has_operation(ibis.expr.operations.Covariance)
    except ibis.IbisError:  # a table that is bound to no engine yet
        known = True
    if known:
        return a.cov(b, how="pop")
    return ((a + b).var(how="pop") - (a - b).var(how="pop")) / 4
