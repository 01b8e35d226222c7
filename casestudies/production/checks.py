"""Whether a batch can be believed: reasons in words why not, before anything is estimated."""

import csv
import io
import warnings

import numpy as np
import pandas as pd
from scipy import stats

from casestudies.production.record import batch_position

MISDRAWN = 1e-6  # an allocation less likely than this is refused at once; the rest is for the alarm


def read_batch(content, record):
    """Read a file as the record describes it.

    Parameters
    ----------
    content : bytes
        A CSV file with a header, in UTF-8.
    record : Record
        It describes the columns.

    Returns
    -------
    table : pandas.DataFrame or None
        The columns of the record, typed; None if the file cannot be read.
    reasons : list of str
        Why the batch is refused, in words; empty if nothing speaks against it.
    notes : list of str
        What is worth knowing and no reason to refuse.
    """
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        return None, [f"the file is not UTF-8 text: byte {error.start} is none"], []
    header = next(csv.reader(io.StringIO(text)), [])
    reasons = list(_header_faults(header, record))
    if reasons:
        return None, reasons, []
    wanted = _wanted(record)
    extra = [name for name in header if name not in wanted]
    notes = [f"columns that the record does not describe were not read: {', '.join(extra)}"]
    options = {"dtype": dict.fromkeys(_words(record), str), "usecols": wanted}
    options |= {"keep_default_na": False, "na_values": [""], "skip_blank_lines": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _check_widths(text, len(header))
            table = pd.read_csv(io.StringIO(text), index_col=False, low_memory=False, **options)
    except (ValueError, csv.Error, pd.errors.ParserWarning, pd.errors.DtypeWarning) as error:
        return None, [f"the file cannot be read as a table: {error}"], []
    if table.empty:
        return None, ["the file has a header and no rows"], []
    reasons = [fault for name in wanted for fault in _column_faults(table, name, record)]
    if not reasons:
        for name in set(wanted) - set(_words(record)):
            table[name] = pd.to_numeric(table[name]).astype(float)
    return table, reasons, notes if extra else []


def check_batch(table, record, accepted):
    """Ask what one batch must answer: its place in time, its units, its arms, its draw.

    Parameters
    ----------
    table : pandas.DataFrame
        From `read_batch`.
    record : Record
        What was promised.
    accepted : list of dict
        The batches that the ledger has accepted, in order, each with batch and content.

    Returns
    -------
    reasons, notes : list of str
        Why the batch is refused, and what is worth knowing.
    """
    columns = record["columns"]
    reasons, notes = _place_in_time(table[columns["batch"]], record, accepted)
    reasons += _repeated(table, columns["unit"], record)
    rows = content_hash(table, record)
    same = [entry["batch"] for entry in accepted if entry["content"] == rows]
    if same and not reasons:
        reasons.append(f"its rows are those of batch {same[0]} under another date")
    reasons += _arms(table[record.drawn], record)
    return reasons, notes


def content_hash(table, record):
    """Return a number that tells the rows apart from others, whatever batch they claim to be."""
    rows = table.drop(columns=record["columns"]["batch"])
    return f"{pd.util.hash_pandas_object(rows, index=False).sum():016x}"


def _wanted(record):
    """Return the columns that are read, in the record's order."""
    return list(dict.fromkeys([record["columns"]["batch"], *record["column"]]))


def _words(record):
    """Return the columns that are text whatever they look like: 007 is not 7."""
    kinds = {name: kind["kind"] for name, kind in record["column"].items()}
    return [record["columns"]["batch"], *(n for n, k in kinds.items() if k in ("text", "category"))]


def _header_faults(header, record):
    """Compare the header with the record."""
    if not header:
        yield "the file is empty"
        return
    for name in dict.fromkeys(header):
        if header.count(name) > 1:
            yield f"column {name!r} is there {header.count(name)} times; rename or drop all but one"
    absent = [name for name in _wanted(record) if name not in header]
    if absent and len(header) == 1:
        yield f"the header is one column, {header[0]!r}; write the file with commas between columns"
    elif absent:
        yield f"no column {', '.join(map(repr, absent))}; the file has {', '.join(header)}"


def _check_widths(text, width):
    """Refuse a row that is longer or shorter than the header, for pandas would fill it in."""
    rows = csv.reader(io.StringIO(text))
    for row in rows:
        if len(row) != width:
            raise ValueError(f"line {rows.line_num} has {len(row)} values and the header {width}")


def _column_faults(table, name, record):
    """Hold one column against its description: missing values, kind, range, categories."""
    kind = record["column"].get(name, {"kind": "text"})
    column = table[name]
    missing = column.isna()
    if missing.mean() > kind.get("missing", 0):
        yield (
            f"column {name!r} has no value in {missing.sum()} of {len(column)} rows, first in line "
            f"{missing.idxmax() + 2}; the record allows a share of {kind.get('missing', 0):g}"
        )
    values = column[~missing]
    if kind["kind"] in ("number", "binary"):
        numbers = pd.to_numeric(values, errors="coerce").astype(float)
        if values.dtype == bool:
            numbers = pd.Series(np.nan, values.index)
        yield from _odd(name, values, ~np.isfinite(numbers), "no number")
        numbers = numbers.where(np.isfinite(numbers))
        yield from _odd(
            name, values, numbers < kind.get("low", -np.inf), f"below {kind.get('low')}"
        )
        yield from _odd(
            name, values, numbers > kind.get("high", np.inf), f"above {kind.get('high')}"
        )
    if kind["kind"] == "binary":
        yield from _odd(name, values, numbers.notna() & ~numbers.isin([0, 1]), "neither 0 nor 1")
    if kind["kind"] == "category":
        listed = list(map(str, kind["categories"]))
        yield from _odd(name, values, ~values.isin(listed), f"none of {', '.join(listed)}")


def _odd(name, values, odd, what):
    """Say how many values are odd and show the first."""
    if odd.any():
        first = odd.idxmax()
        yield (
            f"column {name!r} has {odd.sum()} value(s) that are {what}, the first "
            f"{str(values[first])!r} in line {first + 2}"
        )


def _place_in_time(column, record, accepted):
    """Say whether the batch is one, the next one, and on the calendar."""
    values = column.dropna().unique()
    if len(values) != 1:
        shown = ", ".join(map(str, sorted(values)[:3]))
        return [f"a file is one batch, but this one holds {len(values)}: {shown}"], []
    try:
        here = batch_position(record, values[0])
    except ValueError as error:
        return [str(error)], []
    done = [entry["batch"] for entry in accepted]
    if str(values[0]) in done:
        return [f"batch {values[0]} was accepted before; a batch is never replaced"], []
    last = batch_position(record, done[-1]) if done else -1
    if here < last:
        return [
            f"batch {values[0]} comes late, after {done[-1]}: the alarms have gone on without it"
        ], []
    gap, allowed = here - last - 1, record["batches"].get("gap", 3)
    if gap > allowed:
        return [
            f"batch {values[0]} leaves out {gap} batches; if the date is right, sign a record with "
            f"batches.gap of {gap} or more"
        ], []
    return [], [f"{gap} batch(es) before it never came"] if gap else []


def _repeated(table, unit, record):
    """Say which units are there twice; in differences a unit may be there once a side."""
    keys = [unit]
    if record["design"]["recipe"] == "two_by_two":
        keys.append(record["columns"]["post"])
    again = table.duplicated(keys)
    if not again.any():
        return []
    first = again.idxmax()
    return [
        f"{again.sum()} row(s) repeat a {unit!r}, the first {table.loc[first, unit]!r} in line "
        f"{first + 2}; one row a unit is needed"
    ]


def _arms(treatment, record):
    """Say whether both arms are there, and whether the draw can have been the promised one."""
    treated, n = int((treatment == 1).sum()), len(treatment)
    if min(treated, n - treated) < 2:
        return [f"{treated} treated and {n - treated} others; both arms need two at least"]
    share = record["design"].get("share_treated")
    if share is None:
        return []
    chance = stats.binomtest(treated, n, share).pvalue
    if chance >= MISDRAWN:
        return []
    return [
        f"{treated} of {n} are treated, a share of {treated / n:.3f} where {share:g} was drawn; "
        f"chance gives that once in {1 / max(chance, 1e-300):.0e} batches, so the draw or the log "
        "is broken"
    ]
