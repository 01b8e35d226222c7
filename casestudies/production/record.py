"""The record of an estimand: what is asked, of whom, on which assumptions, and who signed it."""

import copy
import datetime
import hashlib
import json
import re
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import networkx as nx

from casestudies import identify

SCHEMA = json.loads(Path(__file__).with_name("estimand.schema.json").read_text(encoding="utf-8"))
TEMPLATE = Path(__file__).with_name("estimand.toml")
NEEDS = {"standardize": "adjust_for", "two_by_two": "post", "wald": "instrument"}


@dataclass(frozen=True)
class Record:
    """One version of a record: its text, what the text says, and the hash that names it.

    Parameters
    ----------
    text : str
        The file as it was signed.
    body : dict
        What it says, dates as ISO text.
    """

    text: str
    body: dict

    @property
    def version(self):
        """Return the SHA-256 of the text, in hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __getitem__(self, key):
        """Return a part of the body."""
        return self.body[key]

    @property
    def inputs(self):
        """Return the watched columns with their reference mean and standard deviation."""
        watched = {name: kind for name, kind in self["column"].items() if "mean" in kind}
        return {name: (kind["mean"], kind["sd"]) for name, kind in watched.items()}

    @property
    def drawn(self):
        """Return the column that was drawn at random: the treatment, or the instrument."""
        return self["columns"].get("instrument", self["columns"]["treatment"])

    @property
    def recipe_columns(self):
        """Return what the recipe is called with: column names by keyword."""
        columns = {k: v for k, v in self["columns"].items() if k not in ("unit", "batch")}
        if self["design"]["recipe"] == "two_by_two":
            columns |= {"treated": columns.pop("treatment"), "unit": self["columns"]["unit"]}
        return columns


def read(text):
    """Read a record and hold it against the published schema.

    Parameters
    ----------
    text : str
        The content of an ``estimand.toml``.

    Returns
    -------
    Record

    Raises
    ------
    ValueError
        If the text is not TOML, a key is missing, unknown or out of its range, a column is
        named that is not described, or the graph contradicts the adjustment; every fault is
        named by its key.

    Examples
    --------
    >>> read(TEMPLATE.read_text(encoding="utf-8"))["design"]["recipe"]
    'difference_in_means'
    """
    return Record(text, copy.deepcopy(_valid(text)))


@cache
def _valid(text):
    """Return the content of a valid record; a ledger asks for the same one again and again."""
    try:
        body = json.loads(json.dumps(tomllib.loads(text), default=_iso))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"estimand.toml is not TOML: {error}; compare with a new one") from None
    faults = [_fault(error) for error in sorted(_validator().iter_errors(body), key=str)]
    faults = faults or [*_column_faults(body), *_batch_faults(body)] or _graph_faults(body)
    if faults:
        raise ValueError("estimand.toml: " + "; ".join(faults))
    return body


@cache
def _validator():
    """Return the validator of the schema.

    jsonschema's grammar of web addresses, which no record has, takes far longer to import than
    all the rest of it; where nobody has it yet, jsonschema is imported without.
    """
    addresses = "rfc3987_syntax"
    absent = sys.modules.setdefault(addresses, None) is None
    from jsonschema import Draft202012Validator, FormatChecker

    if absent:
        del sys.modules[addresses]
    return Draft202012Validator(SCHEMA, format_checker=FormatChecker())


def template(*, first, next_review, tuned_for=15000):
    """Return the text of a record to fill in, with its calendar set.

    Parameters
    ----------
    first, next_review : datetime.date
        The first batch, and the day of the next review.
    tuned_for : int
        People at whom the confidence sequence is narrowest.

    Returns
    -------
    str
    """
    text = TEMPLATE.read_text(encoding="utf-8")
    for key, value in {"first": first, "next_review": next_review, "tuned_for": tuned_for}.items():
        text = re.sub(rf"(?m)^{key} = \S+", f"{key} = {value}", text)
    return text


def batch_position(record, value):
    """Return which batch a value of the batch column is, 0 for the first, or raise.

    Parameters
    ----------
    record : Record
        It says where batches begin and how far apart they lie.
    value : object
        A date as ISO text, or a whole number.

    Returns
    -------
    int
    """
    batches = record["batches"]
    try:
        if batches["kind"] == "date":
            start = datetime.date.fromisoformat(str(batches["first"]))
            distance = (datetime.date.fromisoformat(str(value)) - start).days
        else:
            distance = int(str(value)) - batches["first"]
    except ValueError:
        kind = "a date such as 2026-01-05" if batches["kind"] == "date" else "a whole number"
        raise ValueError(f"batch {value!r} is not {kind}") from None
    position, rest = divmod(distance, batches["every"])
    if rest or position < 0:
        raise ValueError(
            f"batch {value!r} is not on the calendar of the record, every {batches['every']} from "
            f"{batches['first']} on"
        )
    return position


def _iso(value):
    """Write a date of TOML as ISO text."""
    if isinstance(value, datetime.date):
        return value.isoformat()
    raise ValueError(f"estimand.toml: {value!r} is not a date; write it as 2026-01-05")


def _fault(error):
    """Name the key of a fault and say what is wrong with it."""
    key = ".".join(map(str, error.absolute_path))
    return f"{key}: {error.message}" if key else error.message


def _column_faults(body):
    """Compare the columns that are named with those that are described and with the recipe."""
    recipe, columns = body["design"]["recipe"], body["columns"]
    need = NEEDS.get(recipe)
    if need and need not in columns:
        yield f"columns.{need}: {recipe} needs it"
    for name in NEEDS.values():
        if name in columns and name != need:
            yield f"columns.{name}: {recipe} does not read it; leave it out"
    if recipe in ("standardize", "two_by_two") and "share_treated" in body["design"]:
        yield f"design.share_treated: nothing is drawn under {recipe}; leave it out"
    for role, names in columns.items():
        for name in names if isinstance(names, list) else [names]:
            if name not in body["column"] and role != "batch":
                yield f"column.{name}: columns.{role} names it; describe it"
    for name in (columns[role] for role in ("treatment", "post", "instrument") if role in columns):
        if body["column"].get(name, {}).get("kind") != "binary":
            yield f"column.{name}.kind: the recipe needs a binary column"
    for name, kind in body["column"].items():
        if ("mean" in kind) != ("sd" in kind):
            yield f"column.{name}: mean and sd are given together, or neither"
        if kind.get("low", -float("inf")) > kind.get("high", float("inf")):
            yield f"column.{name}: low is above high"
        if kind["kind"] == "category" and "categories" not in kind:
            yield f"column.{name}.categories: a category needs the list of its values"


def _batch_faults(body):
    """Hold the calendar's first batch against its kind, and the alarms against the reference."""
    date = body["batches"]["kind"] == "date"
    if date != isinstance(body["batches"]["first"], str):
        yield f"batches.first: a {body['batches']['kind']} is needed, as batches.kind says"
        return
    if body["reference"]["effect"] == 0 and "change" not in body["alarms"]:
        yield "alarms.change: a reference of 0 needs the smallest change worth finding"
    if date:
        try:
            datetime.date.fromisoformat(body["batches"]["first"])
        except ValueError:
            yield f"batches.first: {body['batches']['first']!r} is no date; write 2026-01-05"


def _graph_faults(body):
    """Ask the graph whether the design closes every backdoor, where design and graph can say."""
    graph = nx.DiGraph(edge.split(" -> ") for edge in body["graph"])
    ends = {role: body["columns"][role] for role in ("treatment", "outcome")}
    absent = [name for name in ends.values() if name not in graph]
    if absent:
        return [f"graph: {name} is in no arrow; draw what it causes" for name in absent]
    if not nx.is_directed_acyclic_graph(graph):
        loop = [a for a, _ in nx.find_cycle(graph)]
        return [f"graph: cycle {' -> '.join([*loop, loop[0]])}; remove an arrow"]
    if body["design"]["recipe"] not in ("difference_in_means", "standardize"):
        return []
    adjust_for = [name for name in body["columns"].get("adjust_for", []) if name in graph]
    verdict = identify.backdoor(graph, **ends, adjust_for=adjust_for)
    return [] if verdict.valid else [f"graph: {verdict}"]
