"""Cut from the style sheets what no page of the book has: most of what the themes bring.

A rule goes if it asks for a class or an id that stands in no page and in no script, and that no
script can make of a word that ends in a hyphen. What an attribute, a condition in parentheses or an
element decides stays.
"""

import re
from itertools import groupby
from pathlib import Path

import tinycss2

CONDITION = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
NAME = re.compile(r"[.#]((?:[\w-]|\\.)+)")
NAMED = re.compile(r'\b(?:class|id)="([^"]*)"')
WORD = re.compile(r"[\w-]+")
DATA = {"fontawesome", "searchindex", "abstracts"}  # these scripts give no element a class
NESTED = {"media", "supports"}


def words(pages, scripts):
    """Return every class and id of the pages and every word of the scripts."""
    found = {word for page in pages for names in NAMED.findall(page) for word in names.split()}
    return found | {word for text in scripts for word in WORD.findall(text)}


def is_used(selector, known):
    """Say whether all classes and ids that a selector asks for are known."""
    while CONDITION.search(selector):
        selector = CONDITION.sub("", selector)
    names = [name.replace("\\", "") for name in NAME.findall(selector)]
    return all(name in known or made(name) & known for name in names)


def made(name):
    """Return the beginnings of a name, up to each hyphen, to which a script may add the rest."""
    return {name[: hyphen.end()] for hyphen in re.finditer("-", name) if hyphen.start() > 1}


def trimmed(rules, known):
    """Return rules as text, without those that no page uses, and without comments."""
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            head = ",".join(s for s in selectors(rule) if is_used(s, known))
            kept += [f"{head}{{{body(rule)}}}"] if head else []
        elif rule.type == "at-rule" and rule.lower_at_keyword in NESTED:
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            inner, head = trimmed(inner, known), tinycss2.serialize(rule.prelude).strip()
            kept += [f"@{rule.at_keyword} {head}{{{inner}}}"] if inner else []
        else:
            kept.append(rule.serialize())
    return "\n".join(kept)


def selectors(rule):
    """Return the selectors of a rule; a comma in parentheses parts none."""
    groups = groupby(rule.prelude, key=lambda part: part == ",")
    return [tinycss2.serialize(group).strip() for comma, group in groups if not comma]


def body(rule):
    """Return the declarations of a rule without comments."""
    parts = [part for part in rule.content if part.type != "comment"]
    return re.sub(r"\s*\n\s*", " ", tinycss2.serialize(parts)).strip()


def read(folder, pattern):
    """Return the texts of a built book's files."""
    files = [file for file in folder.rglob(pattern) if "mathjax" not in file.parts]
    return {file: file.read_text(encoding="utf-8") for file in files}


def trim_sheets(app, error):
    """Write the style sheets of a finished book anew."""
    if error is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    scripts = [text for file, text in read(out, "*.js").items() if file.stem not in DATA]
    known = words(read(out, "*.html").values(), scripts)
    for sheet, text in read(out / "_static", "*.css").items():
        rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
        sheet.write_text(trimmed(rules, known), encoding="utf-8")


def setup(app):
    """Register the trimming with Sphinx, after all pages are written."""
    app.connect("build-finished", trim_sheets, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
