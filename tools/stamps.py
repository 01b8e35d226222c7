"""Write the numbers in prose anew from what the notebooks stored.

A number carries its key and its format in a comment behind it, 2.06<!--seeing-raw-slope:.2f-->,
which no reader sees. Keys begin with their chapter's short name and are unique in the book, so
that a page needs no more to cite a chapter's number.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NUMBER = r"[+−]?\d(?:[\d.,]*\d)?%?"
STAMP = re.compile(rf"(?P<text>{NUMBER})?<!--(?P<key>[a-z0-9.-]+):(?P<form>[+,]*\.\d[f%])-->")
COMMENT = re.compile(r"<!--.*?-->", re.S)
HIDDEN = re.compile(  # what shows a comment to the reader: code, mathematics, alternative text
    r"^(```+)\w.*?^\1|`[^`\n]+`|\$\$.*?\$\$|(?<!\\)\$[^$\n]+\$|!\[[^\]]*\]", re.M | re.S
)
BARE = re.compile(rf"(?<![\w.,:/−–+-]){NUMBER}(?![\w/]|[.,]\d|<!--)")


def values(folder=ROOT / "notebooks"):
    """Return every number that the notebooks stored by key, and the chapter of each."""
    found, chapters = {}, {}
    for path in sorted(folder.glob("*.ipynb")):
        last = json.loads(path.read_text(encoding="utf-8"))["cells"][-1]
        for output in last.get("outputs", []):
            stored = output.get("data", {}).get("application/json", {}).get("numbers", {})
            if twice := sorted(set(stored) & set(found)):
                sys.exit(f"{path.name} and {chapters[twice[0]]} both store {twice[0]}: rename one.")
            found |= stored
            chapters |= dict.fromkeys(stored, path.stem)
    return found, chapters


def shown(value, form):
    """Return a number as the reader sees it."""
    return format(value, form).replace("-", "−")


def refreshed(text, numbers):
    """Return a text with its stamped numbers written anew."""

    def write(stamp):
        known = stamp["text"] and stamp["key"] in numbers
        return f"{shown(numbers[stamp['key']], stamp['form'])}{said(stamp)}" if known else stamp[0]

    return STAMP.sub(write, text)


def said(stamp):
    """Return a stamp without its number."""
    return f"<!--{stamp['key']}:{stamp['form']}-->"


def pages():
    """Return the files that carry stamps."""
    notebooks = [p for p in sorted((ROOT / "notebooks").iterdir()) if p.suffix in (".py", ".ipynb")]
    return [*notebooks, *sorted((ROOT / "book").rglob("*.md")), ROOT / "README.md"]


def markdown(path):
    """Return the Markdown of a page, or of a notebook's script."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return text
    cells = re.split(r"^# %%", text, flags=re.M)
    kept = [cell.partition("\n")[2] for cell in cells if cell.startswith(" [markdown]")]
    return "\n\n".join(re.sub(r"^# ?", "", cell, flags=re.M) for cell in kept)


def faults(text, numbers):
    """Return what is wrong with the stamps of a text, a sentence each."""
    found, ends = [], {stamp.end(): stamp for stamp in STAMP.finditer(text)}
    for comment in COMMENT.finditer(text):
        stamp = ends.get(comment.end())
        if stamp is None:
            found.append(f"{comment[0]} is no stamp: write <!--key:.2f-->")
        elif not stamp["text"]:
            found.append(f"{comment[0]} has no number in front of it")
        elif stamp["key"] not in numbers:
            found.append(f"{comment[0]}: no notebook stores {stamp['key']}")
        elif stamp["text"] != shown(numbers[stamp["key"]], stamp["form"]):
            found.append(f"{stamp[0]} differs from what is stored: run make notebooks")
    hidden = [span[0] for span in HIDDEN.finditer(text) if "<!--" in span[0]]
    return found + [f"a reader sees the stamp in {span[:60]!r}: put it outside" for span in hidden]


def unstamped(text, numbers):
    """Yield each number of three or more significant digits that is a headline, and its keys."""
    plain = HIDDEN.sub(lambda span: " " * len(span[0]), text)
    plain = re.sub(r"\]\([^)]*\)", lambda span: " " * len(span[0]), plain)
    for number in BARE.finditer(plain):
        digits = re.sub(r"[^\d.]", "", number[0])
        significant = digits.replace(".", "").lstrip("0")
        if len(significant if "." in digits else significant.rstrip("0")) >= 3:
            form = f".{len(digits.partition('.')[2])}{'%' if number[0].endswith('%') else 'f'}"
            if keys := [key for key, value in numbers.items() if says(number[0], value, form)]:
                yield number, form, keys


def says(text, value, form):
    """Say whether a number in prose is a value; one without a sign may be its size."""
    written = shown(value, form)
    return text.replace(",", "") in (written, f"+{written}", written.removeprefix("−"))


def main():
    """Refresh every page that has stamps, and name those that changed."""
    numbers, _ = values()
    for path in pages():
        before = path.read_text(encoding="utf-8")
        after = refreshed(before, numbers)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"  new numbers in {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
