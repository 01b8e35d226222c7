"""Rows that stand for many: how many, what varies behind them, and how it is added up."""

from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np

from casestudies.recipes._clusters import _clustered
from casestudies.recipes._columns import _frame, _names, _numbers, _read


class _Counted(NamedTuple):
    """How many rows stand behind each, and how measures scatter around their means there.

    Where an estimate solves equations that are linear in the outcome, `mass` weighs the rows in
    them, and a standard error adds what varies behind a row to the square of what it says itself.
    `n` counts rows whatever their weights.
    """

    size: np.ndarray
    scatter: np.ndarray  # sums of squares and products, of every two measures; one 0 for all rows
    weights: np.ndarray  # sampling weights, of mean 1 over the rows behind; ones without

    @property
    def mass(self):
        """How many rows of average weight each stands for."""
        return self.size * self.weights

    @property
    def n(self):
        """Number of rows behind all."""
        return int(self.size.sum())

    @property
    def variance(self):
        """Variance of the first measure behind each row, with divisor n."""
        return self.scatter[:, 0, 0] / self.size

    def of(self, rows):
        """Return the same of some rows."""
        scatter = self.scatter if len(self.scatter) == 1 else self.scatter[rows]
        return _Counted(self.size[rows], scatter, self.weights[rows])

    def std_error(self, total, slope):
        r"""Return the root of the sum of squared influences over the rows behind.

        `total` is what those behind a row add to the estimate at their mean outcome, and `slope`
        by how much a shift of all their outcomes moves it. Sampling weights are in both, as the
        mass is: :math:`(n w \psi)^2 / n = n (w \psi)^2`, :math:`n` rows of influence
        :math:`w \psi`.
        """
        return np.sqrt(np.sum((total**2 + slope**2 * self.variance) / self.size))

    def error(self, total, slope, cluster=None):
        r"""Return the standard error and its degrees of freedom, by clusters if there are any.

        Clusters sum `total`, for what varies behind a row sums to zero inside its cluster; times
        :math:`\sqrt{G / (G - 1)}`, for t on :math:`G - 1`. Without them, `std_error` and inf.
        """
        if cluster is None:
            return self.std_error(total, slope), np.inf
        covariance, df = _clustered(total[:, np.newaxis], cluster)
        return np.sqrt(covariance.item()), df


def _read_counted(
    data, size, measured=("outcome",), *, several=None, cluster=None, weights=None, **roles
):
    """Return columns as `_read` does, and how many rows stand behind each: one without a `size`.

    With a `size`, a name in a role that is `measured` may stand for the moments of a column that
    varies inside the cells: y for y_mean (which the table then has as y), y_var and cov_x_y.
    `weights` names a column of sampling weights, inverse probabilities of selection; with a
    `size`, each is that of every row behind.
    """
    for role, name in {"weights": weights, "size": size}.items():
        if name is not None and name == cluster:
            raise ValueError(
                f"column {name!r} is given more than one role, {role} and cluster; name as cluster "
                "the column of groups whose rows share shocks, or none"
            )
    if weights is not None:
        roles = {**roles, "weights": weights}
    named = {**roles, **(several or {})}
    names = [name for role in measured if role in named for name in _names(role, named[role])]
    if size is None:
        table = _read(data, several=several, cluster=cluster, **roles)
        count, scatter = np.ones(len(table)), np.zeros((1, len(names), len(names)))
        return table, _Counted(count, scatter, _sampling_weights(table, weights, count))
    data = _frame(data)
    held = set(data.columns)
    for role, columns in {**named, "cluster": [] if cluster is None else cluster}.items():
        for name in _names(role, columns):
            _check_held(name, role, held, role in measured)
    vary = [name for name in names if f"{name}_mean" in held]
    plain = data.rename(columns={f"{name}_mean": name for name in vary})
    table = _read(plain, several=several, cluster=cluster, size=size, **roles)
    count = _sizes(table, size)
    table.pop(size)
    scatter = np.zeros((len(table), len(names), len(names)))
    if vary:
        seconds = {pair: _second(*pair, held) for pair in combinations_with_replacement(vary, 2)}
        _check_divisor(data, seconds.values(), count)
        moments = _read(data, several={"moments": list(seconds.values())})
        for (a, b), column in seconds.items():
            i, j = names.index(a), names.index(b)
            scatter[:, i, j] = scatter[:, j, i] = count * _numbers(moments, column)
        places = [names.index(name) for name in vary]
        _check_scatter(table, vary, held, count, scatter[:, places][:, :, places])
    return table, _Counted(count, scatter, _sampling_weights(table, weights, count))


def _sampling_weights(table, name, size=None):
    """Take sampling weights out of a table: of mean 1 over the rows behind, or raise."""
    if name is None:
        return np.ones(len(table))
    values = _numbers(table, name)
    for value in values[values <= 0]:
        raise ValueError(
            f"column {name!r} has a weight of {value:g}; a weight counts units, so keep the rows "
            f"above 0, data[data[{name!r}] > 0]"
        )
    table.pop(name)
    values = values / values.max()  # a sum of weights may overflow
    return values / np.average(values, weights=size)


def _check_held(name, role, held, may_vary):
    """Raise unless cells hold a column as the role needs it: its values, or its moments."""
    mean = f"{name}_mean"
    if name in held and mean in held and may_vary:
        raise ValueError(
            f"data has columns {name!r} and {mean!r}, so it is not clear which is meant; drop one"
        )
    if name not in held and mean in held and not may_vary:
        raise ValueError(
            f"column {name!r}: the cells hold its moments, but {role} needs its values, which are "
            f"in the cells if cell_moments has {name!r} in by (cut into classes by bins, if it "
            "takes many)"
        )
    if name not in held and mean not in held and may_vary:
        raise ValueError(
            f"data has no column {mean!r} of means, nor {name!r} that is the same in all of a "
            f"cell; name {name!r} among the measures of cell_moments, or drop size= if data has a "
            "row for each unit"
        )


def _second(a, b, held=None):
    """Return the column of a variance or covariance, whichever way round it is held."""
    forms = [f"{a}_var"] if a == b else [f"cov_{a}_{b}", f"cov_{b}_{a}"]
    found = forms if held is None else [form for form in forms if form in held]
    if not found:
        raise ValueError(
            f"no column {forms[0]!r} in data; name {' and '.join(dict.fromkeys([a, b]))} among "
            "the measures of one cell_moments, or merge, whose results hold it"
        )
    return found[0]


def _sizes(table, name):
    """Return a column that counts rows, or raise."""
    size = _numbers(table, name)
    for bad in size[(size < 1) | (size % 1 != 0)]:
        raise ValueError(
            f"column {name!r} must count the rows behind each row of data, a whole number, 1 or "
            f"more, found {bad:g}; drop what stands for nobody, and give no other weight as a size"
        )
    return size


def _check_divisor(data, columns, size):
    """Raise on second moments that are missing where a cell has one row, as by n - 1 they are."""
    for name in columns:
        alone = data[name].isna().to_numpy() & (size == 1)
        if alone.any():
            raise ValueError(
                f"column {name!r} is missing in {alone.sum()} cell(s) of one row, as it is with "
                "divisor n - 1; make it anew with divisor n, for example with .var(ddof=0)"
            )


def _check_scatter(table, names, held, size, scatter):
    """Raise on moments that no rows can have."""
    variances, own = np.einsum("cii->ci", scatter), np.eye(len(names), dtype=bool)
    spread = np.sqrt(np.abs(variances))
    limit = spread[:, :, np.newaxis] * spread[:, np.newaxis]
    slack = 1e-9 * limit.max(axis=(1, 2))[:, np.newaxis, np.newaxis]
    means = np.column_stack([np.abs(_numbers(table, name)) for name in names])
    alone = (size == 1)[:, np.newaxis] & (spread > 1e-7 * means)
    impossible = np.abs(scatter) > limit + slack
    impossible |= ((variances < 0) | alone)[:, np.newaxis] & own
    for row, i, j in np.argwhere(impossible):
        column, moment = _second(names[i], names[j], held), scatter[row, i, j] / size[row]
        raise ValueError(
            f"column {column!r} is {moment:g} in row {row} of data, of {size[row]:g} row(s): no "
            "rows have such moments; their divisor is n, so a variance is 0 or more, that of one "
            "row 0, and no covariance exceeds the product of the standard deviations"
        )


def _pool(values, counted, code, groups=0):
    """Return size, means and scatter of groups of rows, and leave deviations from the means.

    By the law of total variance, the scatter in a group is that behind its rows and that of
    their means.
    """
    size = np.bincount(code, counted.size, groups)
    known, width = np.where(size > 0, size, 1), values.shape[1]
    sums = [np.bincount(code, counted.size * column, groups) for column in values.T]
    means = np.stack(sums, axis=-1) / known[:, np.newaxis]
    for column, mean in zip(values.T, means.T, strict=True):
        column -= mean[code]
    scatter = np.empty((len(size), width, width))
    for i, j in combinations_with_replacement(range(width), 2):
        products = counted.size * values[:, i] * values[:, j] + counted.scatter[:, i, j]
        scatter[:, i, j] = scatter[:, j, i] = np.bincount(code, products, groups)
    return size, means, scatter
