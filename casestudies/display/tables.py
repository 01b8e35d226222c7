"""The tables of the book: results, claims and scoreboards, captioned and readable by machines."""

import re
from html import escape

import numpy as np
import pandas as pd

VERDICTS = ("holds", "holds in part", "does not hold", "cannot be tested here")


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
            f"<caption>{escape(self.caption)}</caption>"
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


def claims(rows, *, document):
    """Return a table of a document's claims with the verdicts of the chapter.

    Parameters
    ----------
    rows : list of (str, str, str)
        Claim in our words, verdict (one of VERDICTS), and the number that shows it.
    document : str
        What the claims are taken from.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If a verdict is not one of VERDICTS.
    """
    for claim, verdict, _ in rows:
        if verdict not in VERDICTS:
            raise ValueError(f"verdict {verdict!r} on {claim!r} must be one of {VERDICTS}")
    signed = [
        (claim, verdict, re.sub(r"(?<!\w)-(?=\d)", "−", said)) for claim, verdict, said in rows
    ]
    frame = pd.DataFrame(signed, columns=["claim", "verdict", "what the numbers say"])
    return Table(frame, f"Claims of {document}, and what running them shows.", index=False)


def scoreboard(rows, *, digits=3):
    """Return a table that holds headline estimates against what is known.

    Parameters
    ----------
    rows : mapping of str to (pandas.Series or mapping, str, float, str)
        Name of the estimate; a Series with estimate, ci_low and ci_high; the estimand; the
        value it is held against; and where that value comes from.
    digits : int, default 3
        Decimals.

    Returns
    -------
    Table
        With the column ``covered``: whether the interval contains the value.
    """
    lines = []
    for name, (answer, estimand, target, origin) in rows.items():
        low, high = answer["ci_low"], answer["ci_high"]
        interval = f"{low:.{digits}f} to {high:.{digits}f}".replace("-", "−")
        lines.append(
            {
                "analysis": name,
                "estimand": estimand,
                "estimate": answer["estimate"],
                "95% interval": interval,
                "held against": target,
                "which is": origin,
                "covered": "yes" if low <= target <= high else "no",
            }
        )
    caption = "Headline estimates, each held against a value that is known."
    return Table(pd.DataFrame(lines), caption, digits=digits, index=False)


def headline(key, value, *, digits=4):
    """Glue a number under a stable name, out of sight.

    It is rounded, so that every machine stores the same text, and made a plain float, so
    that prose can format it: ``{glue:text}`key:.3f```.

    Parameters
    ----------
    key : str
        Name, starting with the chapter's short name.
    value : float
        The number.
    digits : int, default 4
        Decimals that are kept.
    """
    from myst_nb import glue

    glue(key, round(float(value), digits), display=False)


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
