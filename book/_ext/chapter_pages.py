"""What the page about all claims gathers from the chapters: each with its verdict."""

import json
import re

from plain import SUMMARY
from recipe_pages import ROOT, FromCode

VERDICTS = ("holds", "holds in part", "does not hold", "cannot be tested here")
CHAPTER = re.compile(r"\]\((?=\w+\.ipynb\))")
FOLD = re.compile(rf"{SUMMARY.pattern}(.*?)\n</details>", re.S)


def cells_of(notebook):
    """Return the cells of a chapter's stored notebook."""
    text = (ROOT / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8")
    return json.loads(text)["cells"]


def claims_of(notebook):
    """Return the tables of claims that a chapter holds, by their titles."""
    prose = ["".join(c["source"]) for c in cells_of(notebook) if c["cell_type"] == "markdown"]
    folds = dict(FOLD.findall("\n\n".join(prose)))
    return {title: table.strip() for title, table in folds.items() if "| Verdict |" in table}


def on_a_page(table):
    """Return a table whose links to other chapters work from the pages of `book/`."""
    return CHAPTER.sub("](../notebooks/", table)


def verdicts(table):
    """Return the verdicts of a table of claims, a row each."""
    rows = [re.split(r"(?<!\\)\|", line) for line in table.splitlines()[2:]]
    return [row[2].strip() for row in rows]


class Claims(FromCode):
    """The claims that a chapter holds of a document; the first, or the one with a number."""

    optional_arguments = 1

    def run(self):
        """Return the nodes; a verdict that is not one of the four is an error."""
        notebook, number = [*self.arguments, "1"][:2]
        title, table = list(claims_of(notebook).items())[int(number) - 1]
        if unknown := sorted(set(verdicts(table)) - {*VERDICTS}):
            raise self.error(f"{notebook}: {unknown} must be one of {VERDICTS}")
        text = f":::{{table}} {title}.\n{on_a_page(table)}\n:::"
        return self.parse(text, ROOT / "notebooks" / f"{notebook}.ipynb")


def setup(app):
    """Register the directives with Sphinx."""
    app.add_directive("claims", Claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
