"""Run the examples on the recipes' pages and write what they print below them.

An example runs as a borrower would run it: in an empty folder, with nothing of this project
but the recipe files that the page's copy commands put there.
"""

import contextlib
import importlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path

from casestudies.__main__ import main as casestudies

PAGES = sorted((Path(__file__).resolve().parent.parent / "book" / "recipes").glob("*.md"))
COPY = re.compile(r"^\.venv/bin/casestudies copy (.+)$", re.M)
EXAMPLE = re.compile(r"(```python\n(.*?)```\n)(?:\n```text\n(.*?)```\n)?", re.S)


def copied(text):
    """Return what the copy commands of a page copy."""
    return [name for names in COPY.findall(text) for name in names.split()]


@contextlib.contextmanager
def borrowed(names):
    """Copy recipes into an empty folder and import from there; forget them afterwards."""
    before, path = Path.cwd(), list(sys.path)
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(io.StringIO()):
            refused = names and casestudies(["copy", *names, folder])
        assert not refused, f"one of {names} cannot be copied"
        written = list(Path(folder).glob("*.py"))
        os.chdir(folder)
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            yield
        finally:
            os.chdir(before)
            sys.path[:] = path
            for file in written:
                sys.modules.pop(file.stem, None)


def run(text):
    """Return a page with the output of its examples renewed, and the variables they leave."""
    names = {}

    def renew(match):
        block, code, _ = match.groups()
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, "example", "exec"), names)
        output = "\n".join(line.rstrip() for line in printed.getvalue().splitlines())
        return f"{block}\n```text\n{output}\n```\n" if output else block

    with borrowed(copied(text)):
        return EXAMPLE.sub(renew, text), names


def main():
    """Renew every page and print the paths of those that changed."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        renewed, _ = run(text)
        if renewed != text:
            page.write_text(renewed, encoding="utf-8")
            print(page)


if __name__ == "__main__":
    main()
