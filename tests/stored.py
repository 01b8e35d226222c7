"""What the tests of the notebooks share: where the pairs are, and what they stored."""

import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
SCRIPTS = sorted(FOLDER.glob("*.py"))


@cache
def cells(name):
    """Return the cells of a stored notebook."""
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]


@cache
def outputs(name):
    """Return what the last cell of a notebook put out, by its type, text in lines."""
    assert "remove-cell" in cells(name)[-1]["metadata"]["tags"], f"{name} stores nothing"
    return {kind: data for out in cells(name)[-1]["outputs"] for kind, data in out["data"].items()}


def numbers(name):
    """Return the headline numbers of a notebook by key."""
    return outputs(name)["application/json"]["numbers"]


def kept(name):
    """Return the frames and numbers that a notebook stored for its tests."""
    found = outputs(name)["application/json"]["tested"]
    return SimpleNamespace(**{key: revived(value) for key, value in found.items()})


def revived(value):
    """Return a value as it was before it was stored: frame, series, or numbers in lists."""
    if isinstance(value, list):
        return [revived(part) for part in value]
    if isinstance(value, str) and value in ("nan", "inf", "-inf"):
        return float(value)
    if not isinstance(value, dict):
        return value
    if "data" not in value:
        return {key: revived(part) for key, part in value.items()}
    data, index = revived(value["data"]), labels(value["index"])
    if "columns" not in value:
        return pd.Series(data, index)
    return pd.DataFrame(data, index, labels(value["columns"])).infer_objects()


def labels(stored):
    """Return row or column labels, several levels of them as such."""
    several = stored and all(isinstance(label, list) for label in stored)
    return pd.MultiIndex.from_tuples(map(tuple, stored)) if several else pd.Index(stored)


def covers(rows, exact):
    """Say of each interval whether it contains the exact value."""
    return (rows["ci_low"] < exact) & (exact < rows["ci_high"])
