"""What the pages about all chapters gather from them: claims with verdicts, scoreboards."""

import json
import re

from docutils import nodes
from plain import SUMMARY
from recipe_pages import ROOT, FromCode

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


class Claims(FromCode):
    """The claims that a chapter holds of a document; the first, or the one with a number."""

    optional_arguments = 1

    def run(self):
        """Return the nodes."""
        notebook, number = [*self.arguments, "1"][:2]
        title, table = list(claims_of(notebook).items())[int(number) - 1]
        text = f":::{{table}} {title}.\n{table}\n:::"
        return self.parse(text, ROOT / "notebooks" / f"{notebook}.ipynb")


class Scoreboard(FromCode):
    """The headline estimates of a chapter, as its last cell shows them."""

    def run(self):
        """Return the nodes."""
        (notebook,) = self.arguments
        self.env.note_dependency(str(ROOT / "notebooks" / f"{notebook}.ipynb"))
        *_, shown = cells_of(notebook)[-1]["outputs"]
        return [nodes.raw("", "".join(shown["data"]["text/html"]), format="html")]


def setup(app):
    """Register the directives with Sphinx."""
    app.add_directive("claims", Claims)
    app.add_directive("scoreboard", Scoreboard)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
