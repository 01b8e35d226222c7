"""Columns and options that are read and checked, least squares, and the result."""

import difflib
import numbers
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special


class _Matrix(NamedTuple):
    """Columns of numbers, what messages call them, and the relative precision of each."""

    labels: list
    columns: np.ndarray
    precision: np.ndarray


def _names(role, columns):
    """Return one column name or several as a list, or raise."""
    if isinstance(columns, set | frozenset):
        columns = sorted(columns, key=str)
    listed = isinstance(columns, list | tuple | dict | pd.Index | pd.Series | np.ndarray)
    names = list(columns) if listed else [columns]
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(f"{role} must name a column, as a string, got {name!r}")
    return names


def _one(role, columns):
    """Return the name of a single column, or raise."""
    names = _names(role, columns)
    if not isinstance(columns, str):
        raise ValueError(f"{role} must name one column, got {columns!r}")
    return names[0]


def _frame(data):
    """Return a frame of pandas as it is, one of another library that is in memory as one, or raise.

    That is a frame with `shape` and `to_pandas`, as polars, Arrow and their like have.
    """
    if isinstance(data, pd.DataFrame):
        return data
    if hasattr(type(data), "shape") and hasattr(data, "to_pandas"):
        frame = data.to_pandas()
        coded = frame.select_dtypes("category").columns
        return frame.assign(**{name: _decoded(frame[name]) for name in coded})
    kind = f"{type(data).__module__}.{type(data).__name__}".removeprefix("builtins.")
    how = "data.to_pandas() or pandas.DataFrame(data)"
    if hasattr(data, "collect"):
        how = "data.collect(), as it is a plan whose rows are not there yet"
    raise TypeError(
        f"data must be a pandas.DataFrame, got {kind}; convert it, for example with {how}"
    )


def _decoded(column):
    """Return text for codes whose order is that in which Arrow met the values."""
    coded = isinstance(column.dtype, pd.CategoricalDtype) and not column.dtype.ordered
    return column.astype(column.cat.categories.dtype) if coded else column


def _read(data, *, several=None, cluster=None, **roles):
    """Return the columns named, complete and finite, as numpy holds them, without an index.

    Every role in `roles` has one column, a role in `several` any number; a column has one role,
    but `cluster` may name a column that has another one too.
    """
    data = _frame(data)
    named = [(role, _one(role, name)) for role, name in roles.items()]
    named += [(role, name) for role in several or {} for name in _names(role, several[role])]
    owner = {}
    for role, name in named:
        if name in owner:
            both = f"{owner[name]} and {role}" if owner[name] != role else f"twice {role}"
            raise ValueError(f"column {name!r} is given more than one role, {both}; name it once")
        owner[name] = role
    if cluster is not None:
        owner.setdefault(_one("cluster", cluster), "cluster")
    _check_frame(data, owner)
    table = pd.DataFrame({name: _plain(data[name]) for name in owner}, copy=False)
    precision = _Shared({name: _precision(data[name]) for name in owner})
    table.attrs = {**data.attrs, "precision": precision}
    if "outcome" in roles:
        _check_range(table, roles["outcome"])
    return table


class _Shared(dict):
    """A dict that copies share: pandas copies attrs in depth whenever a column is read."""

    def __deepcopy__(self, memo):
        """Return itself."""
        return self


def _check_frame(data, owner):
    """Raise unless the frame has rows, names that are strings, and the columns asked for."""
    for name in data.columns:
        if not isinstance(name, str):
            raise ValueError(f"column name {name!r} is not a string; use data.rename(columns=str)")
    for name in data.columns[data.columns.duplicated()]:
        raise ValueError(f"data has more than one column {name!r}; rename or drop all but one")
    for name in owner:
        if name not in data.columns:
            close = difflib.get_close_matches(name, data.columns, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"data has {_listed(data.columns)}"
            if f"{name}_mean" in data.columns:
                hint = (
                    f"it has {name}_mean, as cells do: name the column that counts their rows in "
                    "size=, or give the rows"
                )
            raise ValueError(f"no column {name!r} in data; {hint}")
    if data.empty:
        first = next(iter(owner), "")
        raise ValueError(f"column {first!r} has no rows; check the filter that made data")


NUMBERS = {"integer", "floating", "mixed-integer-float", "boolean", "decimal"}
DATES = {"datetime64", "datetime", "date", "period"}
YES = {"yes", "y", "true", "treated", "treatment", "1"}


def _plain(column):
    """Return a complete column as numpy holds it, or raise; text and dates stay what they are."""
    if column.dtype == np.int64:
        return column.to_numpy()
    if isinstance(column.dtype, pd.ArrowDtype):
        held = _decoded(column.array.__arrow_array__().to_pandas())
        column = held.set_axis(column.index).rename(column.name)
    if isinstance(column.dtype, pd.CategoricalDtype):
        values = column.cat.remove_unused_categories()
    elif _holds_numbers(column):
        values = column.to_numpy(dtype=float, na_value=np.nan)
    elif pd.api.types.infer_dtype(column, skipna=True) in DATES:
        values = pd.to_datetime(column) if column.dtype == object else column
    else:
        values = column.astype(object)
        _check_single(values)
    _check_complete(column, pd.isna(values), "missing")
    if not isinstance(values, np.ndarray):
        return values.reset_index(drop=True)
    _check_complete(column, np.isinf(values), "infinite")
    if pd.api.types.infer_dtype(column) not in {"integer", "boolean"}:
        return values
    ends = int(column.min()), int(column.max())
    for kind in (np.int64, np.uint64):  # names of units may be long
        if np.iinfo(kind).min <= ends[0] and ends[1] <= np.iinfo(kind).max:
            return column.to_numpy(dtype=kind)
    return values


def _precision(column):
    """Return the relative precision of a column's numbers; whole numbers are exact."""
    kind = getattr(column.dtype, "numpy_dtype", column.dtype)
    kind = kind if isinstance(kind, np.dtype) else np.dtype(float)
    return 0.0 if kind.kind in "iub" else float(np.finfo(kind if kind.kind == "f" else float).eps)


def _holds_numbers(column):
    """Tell whether a column holds real numbers, however pandas stores them."""
    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) in NUMBERS
    complex_numbers = pd.api.types.is_complex_dtype(column)
    return pd.api.types.is_numeric_dtype(column) and not complex_numbers


def _check_complete(column, bad, kind):
    """Raise on the first missing or infinite value of a column."""
    bad = np.asarray(bad)
    if bad.any():
        raise ValueError(
            f"column {column.name!r} has {bad.sum()} {kind} value(s), the first in row "
            f"{column.index[[bad.argmax()]].tolist()[0]!r}; drop or impute such rows before the "
            "call, because that choice decides whom the estimate describes"
        )


def _check_single(column):
    """Raise if a row holds a list, or another thing of several values."""
    mixed = pd.api.types.infer_dtype(column).startswith("mixed")
    for row, value in column.items() if mixed else ():
        if not pd.api.types.is_hashable(value):
            raise ValueError(
                f"column {column.name!r} holds a {type(value).__name__} in row {row!r}; make a "
                f"column of each of its parts, or text of it with data[{column.name!r}].astype(str)"
            )


def _check_range(table, name):
    """Raise if an outcome's fourth powers, which degrees of freedom are made of, fit no float."""
    size = table[name].abs().max() if _numeric(table, name) else 0
    if size and not 1e-75 < size < 1e75:
        raise ValueError(
            f"column {name!r} has numbers of size {size:.0e}, whose powers are beyond what a float "
            f"holds; rescale it, for example with data[{name!r}] / {size:.0e}"
        )


def _numeric(table, name):
    """Tell whether a column that was read holds numbers."""
    return pd.api.types.is_numeric_dtype(table[name])


def _numbers(table, name):
    """Return a numeric column as floats, or raise."""
    if not _numeric(table, name):
        example = table[name].iloc[0]
        remedy = "convert it, for example with pd.to_numeric"
        if isinstance(example, str) and pd.isna(pd.to_numeric(example, errors="coerce")):
            one = next((v for v in table[name].unique() if str(v).lower() in YES), example)
            remedy = (
                f"code it as numbers, for example with (data[{name!r}] == {one!r}) * 1, which "
                f"makes {one!r} 1 and all else 0"
            )
        raise ValueError(
            f"column {name!r} holds {table[name].dtype} values such as {example!r}, not numbers; "
            f"{remedy}"
        )
    return table[name].to_numpy(dtype=float)


def _outcome(table, name, model="linear", variance=0.0):
    """Return a numeric column that varies, of zeros and ones for a logit, or raise.

    Where rows stand for many, it is their mean, and `variance` what varies behind each.
    """
    values, spread = _numbers(table, name), np.sqrt(np.max(variance))
    slack = 1e-9 * (spread > 0)
    odd = np.abs(values * (1 - values) - variance) > slack  # of 0 and 1 it is p (1 - p)
    for other in values[odd] if model == "logit" else ():
        raise ValueError(
            f"column {name!r} must be 0 or 1 for model='logit', found {other:g}; recode it, or use "
            "model='linear'"
        )
    rounding = 8 * table.attrs["precision"][name] * np.abs(values).max()
    if max(np.ptp(values), spread) <= rounding:
        raise ValueError(
            f"column {name!r} is {values[0]:g} in all {len(values)} rows, so there is nothing to "
            "estimate; check how it was made"
        )
    return values


def _zero_one(table, name, kinds=("the others", "the treated")):
    """Return a column of zeros and ones, both present, as floats, or raise."""
    values = _numbers(table, name)
    for other in values[(values != 0) & (values != 1)]:
        raise ValueError(
            f"column {name!r} must be 0 or 1, found {other:g}; recode it to 1 for {kinds[1]} and "
            f"0 for {kinds[0]}"
        )
    if values.min() == values.max():
        raise ValueError(
            f"column {name!r} is {values[0]:g} in all {len(values)} rows, so there is no row of "
            f"{kinds[1 - int(values[0])]}; a comparison needs rows of both"
        )
    return values


def _design(table, names):
    """Return covariates as numbers, a category as dummies without its first level."""
    labels, parts, precision = [], [np.empty((len(table), 0))], []
    for name in names:
        if _numeric(table, name):
            added, columns = [name], table[name].to_numpy()[:, np.newaxis]
        else:
            levels = _levels(table[name])
            found = levels.cat.categories
            if len(found) < 2:
                raise ValueError(f"column {name!r} is {found[0]!r} in all rows; drop it")
            added = [f"{name} = {level}" for level in found[1:]]
            columns = levels.cat.codes.to_numpy()[:, np.newaxis] == np.arange(1, len(found))
        labels += added
        parts.append(columns)
        precision += [table.attrs["precision"][name]] * len(added)
    return _Matrix(labels, np.hstack(parts), np.array(precision))


def _levels(column):
    """Return a column as a category, or raise on dates, which are a number or a category."""
    if not isinstance(column.dtype, pd.CategoricalDtype) and column.dtype != object:
        raise ValueError(
            f"column {column.name!r} holds dates such as {column.iloc[0]!r}; make it a number, "
            f"for example with (data[{column.name!r}] - data[{column.name!r}].min()).dt.days, or "
            "a category, for example its .dt.year.astype('category')"
        )
    return column.astype("category")


def _basis(matrix, weights=None, also=0):
    """Return an orthonormal basis of the columns net of a constant, or raise.

    Columns are centred and scaled first, so that neither units nor a far-off origin decide
    what counts as a linear combination. With weights, it is that of rows times their roots.
    `also` counts coefficients that are fitted besides.
    """
    rows, width = matrix.columns.shape
    if rows < width + 1 + also:
        raise ValueError(
            f"{rows} rows cannot carry {width + 1 + also} coefficients (a constant, "
            f"{_listed(matrix.labels)}); use fewer covariates or more rows"
        )
    root = 1.0 if weights is None else np.sqrt(weights)[:, np.newaxis]
    centred = root * (matrix.columns - _mean(matrix.columns, weights))
    scale, norms = (np.linalg.norm(values, axis=0) for values in (root * matrix.columns, centred))
    rounding = 8 * np.maximum(matrix.precision, np.finfo(float).eps) * scale
    norms = np.where(norms > rounding, norms, 1)
    basis, triangle = _qr(centred / norms)
    new = np.abs(triangle.diagonal()) > np.maximum(1e-9, rounding / norms)
    for position in np.flatnonzero(~new):
        raise ValueError(
            f"column {matrix.labels[position]!r} is constant or a linear combination of the "
            "columns before it; drop it"
        )
    return basis


def _qr(x):
    """Factor many rows by blocks that fit a processor's cache (tall and skinny QR)."""
    rows, width = x.shape
    block = max(1024, 4 * width)
    if not width or rows < 4 * block:
        return np.linalg.qr(x)
    cut = (rows // block - 1) * block
    q, r = np.linalg.qr(x[:cut].reshape(-1, block, width))
    q_last, r_last = np.linalg.qr(x[cut:])
    turn, triangle = np.linalg.qr(np.vstack([*r, r_last]))
    turns = turn[: len(r) * width].reshape(-1, width, width)
    return np.vstack([(q @ turns).reshape(-1, width), q_last @ turn[len(r) * width :]]), triangle


def _group_basis(matrix, rows, group, weights=None):
    """Return the basis of one group's rows, of which some are left to show the noise, or raise."""
    labels = ["a constant", *matrix.labels]
    weights = None if weights is None else weights[rows]
    count = len(rows) if weights is None else weights.sum()
    if count <= len(labels):
        raise ValueError(
            f"{count:.0f} row(s) where {group} cannot carry {len(labels)} coefficient(s) "
            f"({_listed(labels)}) and show the noise around them; use fewer covariates or more rows"
        )
    try:
        return _basis(matrix._replace(columns=matrix.columns[rows]), weights)
    except ValueError as error:
        raise ValueError(
            f"among the rows where {group}, {error}, or keep only rows with counterparts in both "
            "groups"
        ) from None


def _mean(values, weights=None):
    """Return the mean of each column."""
    return values.mean(axis=0) if weights is None else weights @ values / weights.sum()


def _net(values, basis, weights=None):
    """Return what a regression on a constant and an orthonormal basis leaves of the values.

    With weights, it comes times their roots, as the basis does.
    """
    root = 1.0 if weights is None else np.sqrt(weights)
    for _ in range(2):  # the second time takes out what rounding left
        values = root * (values - _mean(values, weights))
        values = (values - basis @ (basis.T @ values)) / root
    return root * values


def _listed(names, most=5):
    """Return names as words, the first few of many."""
    names = list(map(repr, names))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _check_choice(option, value, choices):
    """Raise unless an option has one of its values."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{option} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def _real(option, value, *, above=-np.inf, below=np.inf, least=-np.inf, most=np.inf):
    """Return a finite number within its limits, or raise."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (number and above < value < below and least <= value <= most):
        low, high = max(above, least), min(below, most)
        rule = "must be a finite number"
        if np.isfinite(low):
            rule = f"must be {low:g} or more" if low == least else f"must be above {low:g}"
        if np.isfinite(high):
            ends = "(["[low == least], ")]"[high == most]
            rule = f"must lie in {ends[0]}{low:g}, {high:g}{ends[1]}"
            rule = f"must lie between {low:g} and {high:g}" if ends == ("(", ")") else rule
        raise ValueError(f"{option} {rule}, got {value!r}")
    return float(value)


def _reals(option, values, **limits):
    """Return one finite number or several as an array, or raise."""
    several = [values] if isinstance(values, str) or not np.iterable(values) else list(values)
    if not several:
        raise ValueError(f"{option} is empty; give at least one number")
    for value in several:
        _real(option, value, **limits)
    return np.asarray(several)


def _count(option, value, least=1):
    """Return a whole number that is large enough, or raise."""
    if _real(option, value, least=least) % 1:
        raise ValueError(f"{option} must be a whole number, got {value!r}")
    return int(value)


def _classes(table, names):
    """Return how to make classes of the numbers that take the most values, nothing of others."""
    numbers = [name for name in names if _numeric(table, name)]
    if not numbers:
        return ""
    finest = max(numbers, key=lambda name: table[name].nunique())
    return f"pd.qcut(data[{finest!r}], 4)"


def _check_switch(option, value):
    """Raise unless an option is a switch."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{option} must be True or False, got {value!r}")


def _check_level(level):
    """Raise unless a confidence level lies between 0 and 1."""
    _real("level", level, above=0, below=1)


def _generator(rng):
    """Return a source of random numbers as it is, a whole number as a new one, or raise."""
    if isinstance(rng, np.random.Generator | np.random.RandomState):
        return rng
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer) or rng < 0:
        raise ValueError(f"rng must be an int from 0 on, a Generator or a RandomState, got {rng!r}")
    return np.random.default_rng(rng)


def _scale(table, name):
    """Return an outcome's largest number, or more if its storage rounds it more than a float."""
    values, precision = _numbers(table, name), table.attrs["precision"][name]
    coarse = precision / np.finfo(float).eps / 4 / np.sqrt(len(values))
    return np.abs(values).max() * max(1.0, coarse)


def _check_noise(outcome, std_error, scale):
    """Raise if a standard error is no more than the rounding of numbers of this scale."""
    if np.any(std_error <= 8 * np.finfo(float).eps * scale):
        raise ValueError(
            f"column {outcome!r}: rows that are compared are alike in it, or other columns tell it "
            "exactly, so there is no noise to estimate an error from; check how it was made, or "
            "leave out the part of the data that has none"
        )


def _result(method, estimate, std_error, *, n, level, df=np.inf, **more):
    """Return estimate, standard error, interval, n and more as a Series named after the method."""
    _check_level(level)
    margin = special.stdtrit(df, (1 + level) / 2) * std_error
    ci = {"ci_low": estimate - margin, "ci_high": estimate + margin}
    entries = {"estimate": estimate, "std_error": std_error, **ci, "n": n, **more}
    return pd.Series(entries, name=method, dtype=float)
