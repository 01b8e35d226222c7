"""What the tests of the notebooks share: where the pairs are, and what they glued."""

import ast
import json
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
SCRIPTS = sorted(FOLDER.glob("*.py"))
GLUED = "application/papermill.record/text/plain"


@cache
def cells(name):
    """Return the cells of a stored notebook."""
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]


@cache
def glued(name):
    """Return every number and text that a notebook glued, by key."""
    found = {}
    for cell in cells(name):
        for output in cell.get("outputs", []):
            key = output.get("metadata", {}).get("scrapbook", {}).get("name")
            data = output.get("data", {})
            text = "".join(data.get(GLUED, data.get("text/plain", "")))
            if key and text:
                assert key not in found, f"{name} glues {key!r} twice"
                try:
                    found[key] = ast.literal_eval(text)
                except (SyntaxError, ValueError):
                    found[key] = text
    return found
