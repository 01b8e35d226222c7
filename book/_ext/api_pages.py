"""The pages of the helper package: one that lists every entry, and one for each part.

On the page of a part, an entry shows its call and its first sentence and folds the rest.
"""

import html
from itertools import groupby

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

PARTS = "book/api/"
INNER = addnodes.desc, addnodes.index


class Fold(SphinxTransform):
    """Fold what an entry says after its first paragraph; the entries inside it stay in sight."""

    default_priority = 195

    def apply(self):
        """Read one page."""
        if self.env.docname.startswith(PARTS):
            for entry in self.document.findall(addnodes.desc):
                fold(entry)


def fold(entry):
    """Put what stands between an entry's first paragraph and its inner entries into a fold."""
    content, first = entry[-1], entry[-1].first_child_matching_class(nodes.paragraph)
    if first is None:
        return
    name = html.escape(entry[0]["fullname"])
    summary = f'<details class="entry"><summary><code>{name}</code> in full</summary>'
    shown, rest = content[: first + 1], content[first + 1 :]
    content.children = []
    content += shown
    for is_inner, run in groupby(rest, key=lambda node: isinstance(node, INNER)):
        nodes_of_run = list(run)
        content += nodes_of_run if is_inner else [raw(summary), *nodes_of_run, raw("</details>")]


def raw(text):
    """Return HTML as a node."""
    return nodes.raw("", text, format="html")


class Listed(nodes.General, nodes.Element):
    """Where the entries of a page are listed once all pages have been read."""


class Entries(SphinxDirective):
    """A list of a page's entries, each with its first sentence."""

    required_arguments = 1

    def run(self):
        """Return the place of the list."""
        return [Listed(page=f"book/{self.arguments[0]}")]


def write_lists(app, doctree, docname):
    """Put the lists where they belong."""
    for place in list(doctree.findall(Listed)):
        entries = app.env.get_doctree(place["page"]).findall(addnodes.desc)
        lines = [line(app, docname, place["page"], entry) for entry in entries if is_outer(entry)]
        place.replace_self(nodes.bullet_list("", *lines, classes=["entries"]))


def is_outer(entry):
    """Say whether an entry lies in no other."""
    return not isinstance(entry.parent, addnodes.desc_content)


def line(app, docname, page, entry):
    """Return a list item: the name, a link, and the first sentence. It keeps the entry's anchor."""
    anchor, first = entry[0]["ids"][0], next(entry[-1].findall(nodes.paragraph))
    name = nodes.literal("", anchor.removeprefix("casestudies."))
    link = make_refnode(app.builder, docname, page, anchor, name)
    words = [plain(child) for child in first]
    paragraph = nodes.paragraph("", "", link, nodes.Text(": "), *words)
    return nodes.list_item("", paragraph, ids=[anchor])


def plain(node):
    """Return a copy of a node of a sentence, of a reference its words."""
    return nodes.Text(node.astext()) if isinstance(node, addnodes.pending_xref) else node.deepcopy()


def renew(app, env):
    """Write the list again whenever a page has changed."""
    return [docname for docname in env.found_docs if f"{docname}/" == PARTS]


def setup(app):
    """Register the pages with Sphinx."""
    app.add_node(Listed)
    app.add_transform(Fold)
    app.add_directive("entries", Entries)
    app.connect("doctree-resolved", write_lists)
    app.connect("env-updated", renew)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
