"""How long a chapter takes to read, from its words and its code."""

import re

from chapter_pages import cells_of
from docutils import nodes
from recipe_pages import ROOT
from sphinx.util.docutils import SphinxRole

WORDS_A_MINUTE, SECONDS_A_LINE = 200, 5
FOLDED = {"hide-input", "hide-cell", "remove-cell"}
UNREAD = re.compile(r"<details>.*?</details>|<!--.*?-->|\$\$.*?\$\$", re.S)


def minutes(notebook):
    """Return how many minutes a chapter takes, folded parts apart."""
    prose, lines = [], 0
    for cell in cells_of(notebook):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            prose.append(source)
        elif not FOLDED & set(cell["metadata"].get("tags", [])):
            lines += sum(bool(line.strip()) for line in source.splitlines())
    words = len(UNREAD.sub(" ", "\n\n".join(prose)).split())
    return round(words / WORDS_A_MINUTE + lines * SECONDS_A_LINE / 60)


class Minutes(SphinxRole):
    """The reading time of a chapter."""

    def run(self):
        """Return the nodes."""
        self.env.note_dependency(str(ROOT / "notebooks" / f"{self.text}.ipynb"))
        return [nodes.Text(f"{minutes(self.text)} min")], []


def setup(app):
    """Register the role with Sphinx."""
    app.add_role("minutes", Minutes())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
