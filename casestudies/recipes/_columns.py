"""Columns that are read and checked, and the result."""

import difflib

import numpy as np
import pandas as pd
from scipy import special


def _check_level(level):
    """Raise unless a level lies between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")


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


def _with_intercept(design):
    """Return the design with a leading column of ones."""
    return pd.concat([pd.Series(1.0, design.index, name="intercept"), design], axis=1)


def _check_choice(name, value, choices):
    """Raise unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def _count(name, value):
    """Return a whole number of at least 1, or raise."""
    if value < 1 or value != int(value):
        raise ValueError(f"{name} must be a whole number of at least 1, got {value}")
    return int(value)
