"""What holds each number on a page: the expected value, its source, the tolerance and the test.

A number in prose carries its key (tools/stamps.py). The rows of tests/test_headlines.py and the
assertions of the chapters' tests say what that key is held against; nothing of it is typed again.
"""

import ast
import html
import re
import sys
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
ROWS = TESTS / "test_headlines.py"
STAMP = re.compile(r"\s*<!--(?P<key>[a-z0-9.-]+):[+,]*\.\d[f%]-->\s*")
NUMBER = re.compile(r"[+−]?\d(?:[\d.,]*\d)?%?$")
TITLE = "How each number is held"
NOT_HELD = "not yet held by a test of its own."
LONGEST = 48  # characters of a calculation that is shown as it is written
TYPESET = {"np.": "", " ** ": "^", " * ": " × ", " / ": "/", "-": "−"}
TYPESET |= {"sqrt": "√", "pi": "π", "√(π)": "√π"}
CLOSE = {"abs", "pytest.approx", "np.isclose", "np.allclose"}
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@cache
def headlines():
    """Return the rows of the headline numbers: notebook, key, expected, tolerance, source."""
    sys.path.insert(0, str(TESTS))
    try:
        return import_module(ROWS.stem).HEADLINES
    finally:
        sys.path.remove(str(TESTS))


@cache
def written():
    """Return the calculations of the rows as their file has them, by key, a pair for each row."""
    found = {}
    for node in ast.walk(ast.parse(ROWS.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Tuple) and len(node.elts) == 5:
            _, key, expected, tolerance, _ = node.elts
            if isinstance(key, ast.Constant):
                found.setdefault(key.value, []).append((typeset(expected), typeset(tolerance)))
    return found


def typeset(node):
    """Return a short calculation as it is written, or nothing."""
    if not any(isinstance(part, (ast.BinOp, ast.Call)) for part in ast.walk(node)):
        return ""
    text = ast.unparse(node)
    for code, sign in TYPESET.items():
        text = text.replace(code, sign)
    return text if len(text) <= LONGEST else ""


@cache
def asserted():
    """Return what the chapters' tests hold close to a value, by key: file, test, assertion."""
    found = {}
    for path in sorted(TESTS.glob("chapters/test_*.py")):
        for test in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
                for key, assertion in lookups(test):
                    found.setdefault(key, (path, test.name, assertion))
    return found


def lookups(test):
    """Yield the keys that a test holds close to a value; an order or a sign holds no number."""
    for check in (node for node in ast.walk(test) if isinstance(node, ast.Assert)):
        inner = list(ast.walk(check))
        calls = {ast.unparse(node.func) for node in inner if isinstance(node, ast.Call)}
        for node in inner if calls & CLOSE else []:
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                yield node.slice.value, ast.unparse(check.test)


def figure(value):
    """Return a number in plain digits, six of them significant."""
    if 0 < abs(value) < 1e-6:
        factor, power = f"{value:.2g}".split("e")
        return f"{'' if factor == '1' else factor + '·'}10{str(int(power)).translate(RAISED)}"
    return f"{Decimal(f'{value:.6g}'):,f}".replace("-", "−")


def row_says(expected, tolerance, source, calculations):
    """Return one row of the headline numbers as words."""
    calculated, room = calculations
    value = f"{calculated} = {figure(expected)}" if calculated else figure(expected)
    within = f"within {room or figure(tolerance)}" if tolerance else "exactly"
    return f"{value} ({source}), {within}"


@cache
def rows():
    """Return the rows of every key in words; some keys are held against two sources."""
    found = {}
    for _, key, expected, tolerance, source in headlines():
        lines = found.setdefault(key, [])
        code = written().get(key, [])[len(lines) : len(lines) + 1] or [("", "")]
        lines.append(row_says(expected, tolerance, source, *code))
    return found


def proof(key):
    """Return what a key is held against and the test that does, or nothing."""
    if key in rows():
        return f"held against {'; and '.join(rows()[key])}.", f"{ROWS.name} -k {key}"
    if key in asserted():
        path, name, assertion = asserted()[key]
        return f"held by the assertion {assertion}.", f"{path.relative_to(TESTS)}::{name}"
    return None


def titles(node, document):
    """Say whether a node is a page's title, which the search shows as it is."""
    return isinstance(node, nodes.title) and node.parent.parent is document


class Proofs(SphinxTransform):
    """Mark each stamped number with its key, before the stamps are stripped."""

    default_priority = 189

    def apply(self):
        """Read one page."""
        for raw in list(self.document.findall(nodes.raw)):
            stamp = STAMP.fullmatch(raw.astext())
            if stamp and not titles(raw.parent, self.document):
                self.mark(raw, stamp["key"])

    def mark(self, raw, key):
        """Put the number before a stamp into a node of its own."""
        place = raw.parent.index(raw)
        text = raw.parent[place - 1] if place else None
        if isinstance(text, nodes.Text) and (number := NUMBER.search(text)):
            classes = ["proof", f"proof-{key}", *([] if proof(key) else ["unheld"])]
            before = [nodes.Text(text[: number.start()])] if number.start() else []
            marked = nodes.inline("", number[0], classes=classes)
            raw.parent.replace(text, [*before, marked])
            for path in {ROWS, asserted().get(key, [ROWS])[0]}:
                self.env.note_dependency(str(path))


def marked_in(doctree):
    """Return the keys on a page, in order, with the number that each shows first."""
    found = {}
    for node in doctree.findall(nodes.inline):
        if "proof" in node["classes"]:
            found.setdefault(node["classes"][1].removeprefix("proof-"), node.astext())
    return found


def line(key, number):
    """Return the line of the list that says what holds a number."""
    words, test = (html.escape(text, quote=False) for text in proof(key) or (NOT_HELD, key))
    return f'<li id="proof-{key}"><b>{number}</b> {words} <code>{test}</code></li>'


def listed(numbers):
    """Return the list at the end of a page, folded on the screen and open on paper."""
    lines = "\n".join(line(key, number) for key, number in numbers.items())
    return (
        f'<div class="admonition dropdown proofs"><p class="admonition-title">{TITLE}</p>\n'
        "<p>Each line says what its number is held against; 4 × 0.1 is four standard errors of "
        "0.1. <code>.venv/bin/python -m pytest tests/</code> and the end of a line run its test."
        f"</p>\n<ul>\n{lines}\n</ul></div>\n"
    )


def add_list(app, pagename, templatename, context, doctree):
    """Put the list below a page that has marked numbers, with what shows a line of it."""
    numbers = marked_in(doctree) if doctree is not None else {}
    if numbers:
        context["body"] += listed(numbers)
        app.add_css_file("proofs.css")
        app.add_js_file("proofs.js", loading_method="defer")


def setup(app):
    """Register the transform and the list with Sphinx."""
    app.add_transform(Proofs)
    app.connect("html-page-context", add_list)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
