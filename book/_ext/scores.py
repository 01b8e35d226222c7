"""The scoreboard: every headline estimate in one picture, and in tables that fit a phone."""

import html
import math
import re
from typing import NamedTuple

from bs4 import BeautifulSoup
from chapter_pages import cells_of
from docutils import nodes
from recipe_pages import ROOT, FromCode

COVERED, MISSED = "covered", "not covered"
NAMED = re.compile(r"^```\{scoreboard\} (\w+)$", re.M)
NEAR = 17  # percent of a line's width, from the truth to where intervals cease to cover it
APART = 3  # percent of a line's width: marks nearer than that are drawn above each other


class Row(NamedTuple):
    """A line of a scoreboard, as a chapter stored it."""

    analysis: str
    estimand: str
    estimate: str
    interval: str
    target: str
    origin: str
    result: str


def stored(notebook):
    """Return a chapter's stored scoreboard as HTML."""
    *_, shown = cells_of(notebook)[-1]["outputs"]
    return "".join(shown["data"]["text/html"])


def rows_of(table):
    """Return the lines of a scoreboard's HTML."""
    lines = BeautifulSoup(table, "html.parser").select("tbody tr")
    return [Row(*(cell.get_text() for cell in line.find_all(["th", "td"]))) for line in lines]


def number(text):
    """Return a number as it is written in a table."""
    return float(text.replace("−", "-").replace(",", ""))


def distance(row):
    """Return how far an estimate lies from the truth, as a share of its interval's half.

    The half is the one that points to the truth, so that the interval covers up to 1.
    """
    estimate, target = number(row.estimate), number(row.target)
    low, high = map(number, row.interval.split(" to "))
    half = estimate - low if estimate > target else high - estimate
    return (estimate - target) / half


def place(share, farthest):
    """Return where a distance is drawn, in percent of the line; 1 lies at a fixed place."""
    if abs(share) <= 1:
        return 50 + NEAR * share
    beyond = math.log(abs(share)) / math.log(max(farthest, math.e))
    return 50 + math.copysign(NEAR + (48 - NEAR) * beyond, share)


def layers(places):
    """Return a layer for each place, the lowest in which no other is too near."""
    taken, found = [], [0] * len(places)
    for at in sorted(range(len(places)), key=places.__getitem__):
        free = (n for n, last in enumerate(taken) if places[at] - last >= APART)
        found[at] = next(free, len(taken))
        taken[found[at] : found[at] + 1] = [places[at]]
    return found


def title_of(notebook):
    """Return the title of a chapter, without what follows a colon."""
    first = "".join(cells_of(notebook)[0]["source"]).partition("\n")[0]
    return first.lstrip("# ").partition(":")[0]


def count(rows):
    """Say in words how many of a chapter's intervals cover."""
    covered = sum(row.result == COVERED for row in rows)
    return f"{len(rows)} estimates against an exact truth: {covered} intervals cover it, " + (
        f"{len(rows) - covered} do not."
    )


def line(notebook, rows, farthest):
    """Return a chapter's line of the picture."""
    spots = [round(place(distance(row), farthest), 1) for row in rows]
    levels = layers(spots)
    marks = "".join(
        f'<i class="{"hit" if row.result == COVERED else "miss"}" '
        f'style="left:{spot}%;bottom:{0.15 + 0.72 * level:.2f}rem" '
        f'title="{html.escape(f"{row.analysis}: {row.estimate}, truth {row.target}")}"></i>'
        for row, spot, level in zip(rows, spots, levels, strict=True)
    )
    return (
        f'<li><a href="#scores-{notebook}">{html.escape(title_of(notebook))}</a>'
        f'<span class="truths-line" role="img" aria-label="{count(rows)}" '
        f'style="height:{1 + 0.72 * max(levels):.2f}rem">{marks}</span></li>'
    )


def picture(notebooks):
    """Return one picture of every estimate that is held against an exact truth."""
    every = {name: rows_of(stored(name)) for name in notebooks}
    exact = {
        name: [row for row in rows if row.result in (COVERED, MISSED)]
        for name, rows in every.items()
    }
    shown = [row for rows in exact.values() for row in rows]
    farthest = max(abs(distance(row)) for row in shown)
    lines = "".join(line(name, rows, farthest) for name, rows in exact.items() if rows)
    others = sum(map(len, every.values())) - len(shown)
    return (
        f'<figure class="truths" aria-label="Every estimate on its truth">'
        '<p class="truths-key" aria-hidden="true"><span><i class="hit"></i> interval covers the '
        'truth</span> <span><i class="miss"></i> it does not</span></p>'
        f"<ol>{lines}</ol>"
        '<p class="truths-axis" aria-hidden="true"><span>too low</span><span>the truth</span>'
        "<span>too high</span></p>"
        f"<figcaption>{count(shown)} The line in the middle is the truth. Inside the band an "
        "estimate's 95% interval reaches it; outside, distances in intervals are drawn ever "
        "closer. The misses are the analyses that their chapters warn of. Left out are "
        f"{others} estimates held against something else than a truth.</figcaption></figure>"
    )


def on_a_phone(notebook, table):
    """Return a stored scoreboard with its columns' names in every cell, to be read stacked."""
    tree = BeautifulSoup(table, "html.parser")
    names = [cell.get_text() for cell in tree.select("thead th")]
    tree.table["class"] = ["table", "words", "scores"]
    tree.div["id"] = f"scores-{notebook}"
    tree.div["aria-label"] = f"Headline estimates of {title_of(notebook)}"
    for tag, role in {"table": "table", "thead": "rowgroup", "tbody": "rowgroup"}.items():
        tree.find(tag)["role"] = role
    for row in tree.find_all("tr"):
        row["role"] = "row"
        for name, cell in zip(names, row.find_all(["th", "td"]), strict=True):
            header = {"col": "columnheader", "row": "rowheader"}
            cell["role"] = header.get(cell.get("scope"), "cell")
            if cell.name == "td":
                cell["data-name"] = name
    return str(tree)


class Scoreboard(FromCode):
    """The headline estimates of a chapter, as its last cell shows them."""

    def run(self):
        """Return the nodes."""
        (notebook,) = self.arguments
        self.env.note_dependency(str(ROOT / "notebooks" / f"{notebook}.ipynb"))
        return [nodes.raw("", on_a_phone(notebook, stored(notebook)), format="html")]


class ScoreboardPicture(FromCode):
    """The estimates of all chapters that the page holds, in the page's order."""

    required_arguments = 0

    def run(self):
        """Return the nodes."""
        page = (ROOT / f"{self.env.docname}.md").read_text(encoding="utf-8")
        return [nodes.raw("", picture(NAMED.findall(page)), format="html")]


def setup(app):
    """Register the directives with Sphinx."""
    app.add_directive("scoreboard", Scoreboard)
    app.add_directive("scoreboard-picture", ScoreboardPicture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
