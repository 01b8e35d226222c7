"""What the build makes of plain Markdown: words become links, quotes boxes, `details` solutions.

A notebook reads as a page wherever it is opened, so its Markdown has no roles and no directives.
The glossary and references.bib say which words to link: a chapter links each term where it first
mentions it, and every citation.
"""

import re
from functools import cache

from docutils import nodes
from entries import FILES, glossary, in_any_case
from pybtex.database import parse_file
from pybtex.richtext import Text
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util.nodes import make_refnode
from sphinxcontrib.bibtex.citation_target import CitationTarget
from sphinxcontrib.bibtex.roles import CitationRef

LINKED = re.compile(r"notebooks/|book/claims$")
# Words that the chapters also use in another sense: trends drift, people are matched with jobs.
EVERYDAY = {"drift", "matching"}
SUMMARY = re.compile(r"<details>\s*<summary>(.*?)</summary>\s*", re.S)
CITED = "cited-work"
CAPTION = re.compile(r"Figure \d+\. ")
MADE = (
    (lambda cell: any(cell.findall(nodes.figure)), " that draws the figure"),
    (lambda cell: "table-scroll" in cell.astext(), " that makes the table"),
    (lambda cell: len(cell) > 1, " that prints the result"),
)
NEVER = (
    *(nodes.title, nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.raw),
    *(nodes.math_block, nodes.comment, nodes.term, nodes.caption, nodes.image),
    *(addnodes.pending_xref, nodes.FixedTextElement),
)


@cache
def works():
    """Return the keys of references.bib by the words that cite them, such as Rubin and 1974."""
    found = {}
    for key, entry in parse_file(FILES[2]).entries.items():
        people = entry.persons.get("author") or entry.persons["editor"]
        names = [str(Text.from_latex(" ".join(p.prelast_names + p.last_names))) for p in people]
        who = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
        found[who, entry.fields.get("year", "n.d.")] = key
    return found


@cache
def citations():
    """Return what matches a citation: A and B (1994), A et al.'s (1999), A, 1986."""
    forms = [
        rf"{re.escape(who)}(?:['’]s?)?(?:,? {re.escape(year)}(?!\w)| \({re.escape(year)}\))"
        for who, year in sorted(works(), key=lambda words: -len(words[0]))
    ]
    return re.compile(rf"(?<!\w)(?:{'|'.join(forms)})")


@cache
def terms():
    """Return the first word of the glossary's entries by all their words, in small letters."""
    entries = {name: [name, *others] for name, others in glossary().items()}
    return {word.lower(): name for name, words in entries.items() for word in words}


@cache
def finder():
    """Return what matches a citation or a term; the longest of two that begin together wins."""
    names = {word for name, others in glossary().items() for word in (name, *others)}
    found = "|".join(map(in_any_case, sorted(names, key=len, reverse=True)))
    return re.compile(rf"(?P<work>{citations().pattern})|(?<!\w)(?P<term>{found})(?:s|es)?(?!\w)")


def cited(words):
    """Return the key of the work that matched words cite."""
    who, year = re.fullmatch(r"(.*?)(?:['’]s?)?,? \(?([\w.]+)\)?", words, re.S).groups()
    return works()[who, year]


def inside(node, kinds):
    """Say whether a node lies in a node of one of the kinds."""
    while node is not None and not isinstance(node, kinds):
        node = node.parent
    return node is not None


class Plain(SphinxTransform):
    """Turn plain Markdown into what the page shows, before words are read for the index."""

    default_priority = 190

    def apply(self):
        """Read one page."""
        self.strip_stamps()
        self.fold_details()
        self.frame_boxes()
        self.caption_figures()
        self.name_folds()
        if LINKED.match(self.env.docname):
            for file in FILES[1:]:
                self.env.note_dependency(str(file))
            self.link_words()

    def strip_stamps(self):
        """Remove comments, which would reach the page's description and the search."""
        for raw in list(self.document.findall(nodes.raw)):
            if re.fullmatch(r"\s*<!--.*-->\s*", raw.astext(), re.S):
                raw.parent.remove(raw)

    def fold_details(self):
        """Make a box that opens on a click of what stands in `details`."""
        for raw in list(self.document.findall(nodes.raw)):
            if opened := SUMMARY.fullmatch(raw.astext()):
                parent = raw.parent
                start, inner = parent.index(raw), []
                while parent[start + 1].astext().strip() != "</details>":
                    inner.append(parent.pop(start + 1))
                parent.pop(start + 1)
                kind = ["solution"] if opened[1] == "Solution" else []
                box = nodes.admonition("", nodes.title("", opened[1]), *inner)
                box["classes"] = ["dropdown", *kind]
                raw.replace_self(box)

    def frame_boxes(self):
        """Make a box of a block quote whose first paragraph is bold and nothing else."""
        for quote in list(self.document.findall(nodes.block_quote)):
            first = [child for child in quote[0] if child.astext()]
            if [type(child) for child in first] == [nodes.strong]:
                title = nodes.title("", "", *first[0].children)
                box = nodes.admonition("", title, *quote[1:], classes=["important"])
                quote.replace_self(box)

    def caption_figures(self):
        """Move the line in italics below a figure into it."""
        for figure in self.document.findall(nodes.figure):
            cell = figure
            while cell is not None and "cell" not in cell.get("classes", []):
                cell = cell.parent
            line = cell.next_node(descend=False, siblings=True) if cell else None
            if isinstance(line, nodes.paragraph) and CAPTION.match(line.astext()):
                words = next(child for child in line if isinstance(child, nodes.emphasis))
                figure.append(nodes.caption("", "", *words.children))
                line.parent.remove(line)

    def name_folds(self):
        """Let the button of folded code say what the code makes."""
        for cell in self.document.findall(nodes.container):
            if "{type}" in cell.get("prompt_show", ""):
                made = next((words for kind, words in MADE if kind(cell)), "")
                cell["prompt_show"] = f"Show the code{made}"
                cell["prompt_hide"] = f"Hide the code{made}"

    def link_words(self):
        """Link each term of the glossary at its first mention, and every citation."""
        seen = set()
        for text in list(self.document.findall(nodes.Text)):
            if not inside(text.parent, NEVER):
                parts = list(self.parts_of(text.astext(), seen))
                if len(parts) > 1 or (parts and not isinstance(parts[0], nodes.Text)):
                    text.parent.replace(text, parts)

    def parts_of(self, text, seen):
        """Yield a text in parts, of which some are links."""
        at = 0
        for match in finder().finditer(text):
            link = self.cite(match[0]) if match["work"] else self.explain(match, seen)
            if link is not None:
                yield from [nodes.Text(text[at : match.start()])] if match.start() > at else []
                yield link
                at = match.end()
        yield from [nodes.Text(text[at:])] if at < len(text) else []

    def explain(self, match, seen):
        """Return a link to the glossary, unless the page has one or the word is everyday."""
        name = terms()[match["term"].lower()]
        if name in seen or name in EVERYDAY:
            return None
        seen.add(name)
        inner = nodes.inline("", match[0], classes=["xref", "std", "std-term"])
        target = {"refdomain": "std", "reftype": "term", "reftarget": match["term"]}
        return self.reference(inner, refexplicit=True, **target)

    def cite(self, words):
        """Return a link to the reference list, and note that the work is cited."""
        domain, key = self.env.get_domain("cite"), cited(words)
        name = f"cited-{len(domain.citation_refs)}"
        targets = [CitationTarget(key, "", "")]
        domain.citation_refs.append(CitationRef(name, self.env.docname, 0, targets))
        return self.reference(nodes.inline("", words), refdomain="", reftype=CITED, reftarget=key)

    def reference(self, inner, **target):
        """Return a reference that Sphinx resolves, and warns about if it cannot."""
        return addnodes.pending_xref("", inner, refdoc=self.env.docname, refwarn=True, **target)


def resolve(app, env, node, inner):
    """Return the link of a cited work, once the reference list is known."""
    if node["reftype"] != CITED:
        return None
    found = [c for c in env.get_domain("cite").citations if c.key == node["reftarget"]]
    if not found:
        return None
    page, full = found[0].bibliography_key.docname, found[0].formatted_entry.text
    title = full.render_as("text")
    return make_refnode(app.builder, node["refdoc"], page, found[0].citation_id, inner, title)


def number_in_text(app, config):
    """Leave the numbers of figures to the text, which a notebook shows too."""
    config.numfig = False


def setup(app):
    """Register the transform with Sphinx, after Jupyter Book has set its options."""
    app.add_transform(Plain)
    app.connect("config-inited", number_in_text, priority=900)
    app.connect("missing-reference", resolve)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
