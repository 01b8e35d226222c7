"""The figures that move, on the page that gathers them and in the chapters that need them.

`book/_moving.yml` has what stands around each, `see_it_move.js` its formulas. In a chapter a
figure comes below the paragraph that begins with a link to the page of them all, so that a
notebook shows a sentence and a link wherever else it is opened.
"""

from functools import cache
from html import escape

import yaml
from docutils import nodes
from recipe_pages import ROOT
from sphinx import addnodes
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

FILE = ROOT / "book" / "_moving.yml"
PAGE = "see_it_move"
BOX = """<div class="moving" data-moving="{key}" data-still="fig-move-{key}" role="group" \
aria-label="{name}">
<div class="moving-knobs" hidden>{knobs}</div>
<svg hidden role="img" aria-label="{picture}" aria-describedby="move-{key}-said"></svg>
<p class="moving-summary" id="move-{key}-said" aria-live="polite" aria-atomic="true">{said}</p>
</div>"""
KNOB = """<div>
<label for="move-{name}">{label}: <output for="move-{name}" aria-live="off"></output></label>
<input type="range" id="move-{name}" name="{name}" min="{least}" max="{most}" step="1" \
value="{at}" autocomplete="off">
</div>"""


@cache
def figures():
    """Return what stands around each moving figure, by its key."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def box(key, figure):
    """Return the sliders, the picture's place and the sentence below it as HTML."""
    knobs = "".join(KNOB.format(name=name, **knob) for name, knob in figure["knobs"].items())
    words = {part: escape(figure[part], quote=True) for part in ("name", "picture", "said")}
    words["said"] = escape(figure["said"], quote=False)
    return BOX.format(key=key, knobs=knobs, **words)


def parts(key, env):
    """Return the nodes of a moving figure: a still picture, the box, what its marks mean."""
    env.note_dependency(str(FILE))
    figure = figures()[key]
    still = nodes.figure("", ids=[f"fig-move-{key}"])
    still += nodes.image("", uri=f"/book/_static/see_it_move_{key}.svg", alt=figure["alt"])
    still += nodes.caption("", figure["caption"])
    marks = nodes.paragraph("", "", nodes.emphasis("", figure["marks"]))
    return [still, nodes.raw("", box(key, figure), format="html"), marks]


class Moving(SphinxDirective):
    """A moving figure."""

    required_arguments = 1

    def run(self):
        """Return the nodes."""
        return parts(self.arguments[0], self.env)


class InChapters(SphinxTransform):
    """Put the figures of a chapter below the paragraphs that begin with a link to their page."""

    default_priority = 191

    def apply(self):
        """Read one page."""
        folder, _, chapter = self.env.docname.rpartition("/")
        keys = [key for key, figure in figures().items() if figure["chapter"] == chapter]
        if folder == "notebooks":
            places = [p for p in self.document.findall(nodes.paragraph) if leads_there(p)]
            if len(places) != len(keys):
                raise ExtensionError(
                    f"{chapter}: {FILE.name} gives it the moving figures {keys}, and {len(places)} "
                    f"paragraphs begin with a link to {PAGE}.md; there must be one for each"
                )
            for key, place in zip(keys, places, strict=True):
                at = place.parent.index(place) + 1
                place.parent[at:at] = parts(key, self.env)


def leads_there(paragraph):
    """Say whether a paragraph begins with a link to the page of all moving figures."""
    first = next(iter(paragraph.children), None)
    return isinstance(first, addnodes.pending_xref) and first["reftarget"].endswith(PAGE)


def add_files(app, pagename, templatename, context, doctree):
    """Load the script and the style sheet on pages that have a moving figure."""
    if "data-moving=" in context.get("body", ""):
        app.add_css_file(f"{PAGE}.css")
        app.add_js_file(f"{PAGE}.js", loading_method="defer")


def setup(app):
    """Register directive and transform with Sphinx."""
    app.add_directive("moving", Moving)
    app.add_transform(InChapters)
    app.connect("html-page-context", add_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
