"""The tables of the book: results and scoreboards, captioned, and the numbers a chapter stores."""

import re
from collections.abc import Mapping
from html import escape

import numpy as np
import pandas as pd

WIDE = ' style="min-width: min(24em, 80vw)"'  # else a narrow table breaks its caption in JupyterLab


class Table:
    """A frame with a caption, shown as an HTML table with a header for every row and column.

    Parameters
    ----------
    frame : pandas.DataFrame
        What is shown.
    caption : str
        One sentence that says what the numbers are, units included.
    digits : int, default 3
        Decimals; columns of whole numbers are shown without any.
    index : bool, default True
        Whether the row labels are shown.
    """

    def __init__(self, frame, caption, *, digits=3, index=True):
        self.frame, self.caption, self.index = _flat(frame), caption, index
        numbers = frame.shape[1] > 0 and any(map(pd.api.types.is_numeric_dtype, frame.dtypes))
        self.kind = "table" if numbers else "table words"
        self.text = self.frame.apply(lambda column: column.map(_formatter(column, digits)))

    def _repr_html_(self):
        label = self.frame.index.name or ""
        head = [label, *self.text.columns] if self.index else list(self.text.columns)
        cells = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in head)
        rows = "".join(self._row(name, row) for name, row in self.text.iterrows())
        return (
            f'<div class="table-scroll" tabindex="0" role="region" '
            f'aria-label="{escape(self.caption, quote=True)}"><table class="{self.kind}">'
            f"<caption{WIDE}>{escape(self.caption)}</caption>"
            f"<thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table></div>"
        )

    def _row(self, name, row):
        values = [escape(value) for value in row]
        first = escape(str(name)) if self.index else values.pop(0)
        cells = "".join(f"<td>{value}</td>" for value in values)
        return f'<tr><th scope="row">{first}</th>{cells}</tr>'

    def __repr__(self):
        """Return the caption and the numbers as plain text."""
        return f"{self.caption}\n{self.text.to_string(index=self.index)}"


def results(estimates, caption, *, digits=3):
    """Return a table of numbers, for instance one row an estimate.

    Parameters
    ----------
    estimates : pandas.DataFrame, pandas.Series or list of pandas.Series
        Several Series become rows named after them.
    caption : str
        What the numbers are, units included.
    digits : int, default 3
        Decimals.

    Returns
    -------
    Table
    """
    if isinstance(estimates, pd.Series):
        estimates = estimates.to_frame()
    frame = pd.DataFrame(estimates)
    return Table(
        frame.rename(columns=lambda name: str(name).replace("_", " ")), caption, digits=digits
    )


def scoreboard(rows, *, digits=3):
    """Return a table that holds headline estimates against what is known.

    Parameters
    ----------
    rows : mapping of str to (pandas.Series or mapping, str, float or str, str, str)
        Name of the estimate; a Series with estimate, ci_low and ci_high; the estimand; the
        value it is held against; where that value comes from; and its kind, "exact truth",
        "published figure" or "own comparison". A published figure may be a str, as printed.
    digits : int, default 3
        Decimals.

    Returns
    -------
    Table
        With the column ``result``: an exact truth is covered by the interval or not, a published
        figure is equal to the estimate in print or not, and from a comparison of one's own the
        estimate differs by so much.

    Raises
    ------
    ValueError
        If a row has no kind, or its kind is none of the three.
    """
    bare = [name for name, row in rows.items() if len(row) < 5]
    if bare:
        raise ValueError(f"{bare} have no kind; say of every row what it is held against")
    lines = [_held(name, *row, digits=digits) for name, row in rows.items()]
    caption = (
        "Headline estimates, each held against an exact truth, a published figure or a comparison "
        "of our own."
    )
    return Table(pd.DataFrame(lines), caption, digits=digits, index=False)


def _held(name, answer, estimand, target, origin, kind, *, digits):
    """Return the line of a scoreboard for one estimate."""
    low, high = answer["ci_low"], answer["ci_high"]
    return {
        "analysis": name,
        "estimand": estimand,
        "estimate": answer["estimate"],
        "95% interval": f"{low:.{digits}f} to {high:.{digits}f}".replace("-", "−"),
        "held against": float(target),
        "which is": f"{kind} ({origin})",
        "result": _verdict(kind, answer, target, digits),
    }


def _verdict(kind, answer, target, digits):
    """Say how an estimate compares with what it is held against."""
    if kind == "exact truth":
        return "covered" if answer["ci_low"] <= target <= answer["ci_high"] else "not covered"
    if kind == "published figure":
        decimals = len(str(target).partition(".")[2])
        equal = f"{answer['estimate']:.{decimals}f}" == f"{float(target):.{decimals}f}"
        return "equal in print" if equal else "not equal"
    if kind == "own comparison":
        return f"differs by {answer['estimate'] - target:+.{digits}f}".replace("-", "−")
    kinds = "'exact truth', 'published figure' or 'own comparison'"
    raise ValueError(f"kind must be {kinds}, got {kind!r}; name one of them")


def slug(label):
    """Return a label as a key: small letters, digits and dots, hyphens between them.

    Examples
    --------
    >>> slug("staffing-CDE(silence=0)")
    'staffing-cde-silence-0'
    """
    return re.sub(r"[^a-z0-9.]+", "-", str(label).lower()).strip("-")


def store(numbers, **tested):
    """Store the numbers of a chapter in its notebook, as the output of its last cell.

    They are rounded to four decimals, small ones to six significant digits, so that every
    machine stores the same text.
    A number in prose carries its key and its format in a comment behind it, and
    ``tools/stamps.py`` writes it: ``2.06<!--seeing-raw-slope:.2f-->``.

    Parameters
    ----------
    numbers : mapping of str to float
        Headline numbers; a key starts with the chapter's short name and is stored as a slug.
    **tested : pandas.DataFrame, pandas.Series, mapping, array or float
        What the chapter's tests ask for besides.

    Raises
    ------
    ValueError
        If a number is missing or infinite, or two keys have the same slug.
    """
    from IPython.display import display

    stored = {slug(key): _plain(value) for key, value in numbers.items()}
    if len(stored) < len(numbers):
        keys = [slug(key) for key in numbers]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise ValueError(f"keys must differ as slugs, but these occur twice: {twice}; rename one")
    if odd := [key for key, value in stored.items() if not isinstance(value, int | float)]:
        raise ValueError(f"numbers must be finite, but {odd} are not; leave them out")
    values = {"numbers": stored, "tested": {name: _plain(v) for name, v in tested.items()}}
    text = f"{len(stored)} numbers, as the pages and the tests of the book read them"
    display({"application/json": values, "text/plain": text}, raw=True)


def _plain(value):
    """Return a value as JSON has it, numbers rounded."""
    if isinstance(value, pd.DataFrame):
        columns = {"columns": _plain(list(value.columns)), "index": _plain(list(value.index))}
        return columns | {"data": _plain(value.to_numpy(dtype=object))}
    if isinstance(value, pd.Series):
        return {"index": _plain(list(value.index)), "data": _plain(list(value))}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(part) for part in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str) or not np.isfinite(value):
        return str(value)
    if isinstance(value, int | np.integer):
        return int(value)
    small = 5 - np.floor(np.log10(abs(value))) if value else 0
    return round(float(value), int(np.clip(small, 4, 10)))


def _flat(frame):
    """Return a frame whose several row labels are written as one."""
    if not isinstance(frame.index, pd.MultiIndex):
        return frame
    names = [name or "" for name in frame.index.names]
    labels = [
        ", ".join(f"{n} {v}".strip() for n, v in zip(names, key, strict=True))
        for key in frame.index
    ]
    return frame.set_axis(pd.Index(labels), axis="index")


def _formatter(column, digits):
    """Return a function that writes the values of a column."""
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if not numeric:
        return str
    values = column.dropna().to_numpy(dtype=float)
    whole = np.array_equal(values, np.round(values)) and np.abs(values).max(initial=0) >= 10
    decimals = 0 if whole or pd.api.types.is_integer_dtype(column) else digits

    def write(value):
        if pd.isna(value):
            return ""
        text = f"{value:,.{decimals}f}"
        return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")

    return write
