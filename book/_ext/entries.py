"""The index: where methods, estimands, people and data sets are treated, and what search finds.

Nobody marks entries by hand. `book/_index.yml` and the glossary name what to look for; each page
is read for these words, for its links to the glossary and for the works that it cites. An entry
leads to the section of a page that uses the word most. The chapter and the recipe that use it
most are its main places, and those are what the search puts first.
"""

import json
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import yaml
from docutils import nodes
from pybtex.database import parse_file
from pybtex.richtext import Text
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

BOOK = Path(__file__).resolve().parents[1]
FILES = [BOOK / "_index.yml", BOOK / "glossary.md", BOOK / "references.bib"]
PLACES = re.compile(r"notebooks/|book/recipes/|book/choosing_a_design")
MAIN = {"notebooks", "book/recipes"}
GROUPS = ["Methods", "Estimands", "Assumptions", "People", "Data sets", "Terms", "Code"]
ENOUGH = {"Methods": 3, "Estimands": 3, "Assumptions": 3, "Data sets": 1}
ASIDE = re.compile(
    r"Exercises|What the documents? says?|Checks it passed|Its functions in full|Coverage$|Refusals"
)
HEADING = 20  # a word in a heading counts as often as this
UNREAD = (nodes.raw, nodes.comment, nodes.math, nodes.math_block)


@cache
def glossary():
    """Return the glossary's terms with their synonyms, by the first of each entry."""
    text = (BOOK / "glossary.md").read_text(encoding="utf-8")
    body = text.partition("```{glossary}\n")[2].partition("\n```")[0]
    found, names = {}, []
    for line in body.splitlines():
        if line and not line.startswith(" "):
            names.append(line)
        elif line and names:
            found[names[0]], names = names[1:], []
    return found


@cache
def kinds():
    """Return the group of every name in the index file."""
    listed = yaml.safe_load((BOOK / "_index.yml").read_text(encoding="utf-8"))
    return {name: group for group, names in listed.items() for name in names}


@cache
def words():
    """Return the words to look for, by name: the name, its synonyms, other words for it."""
    listed = yaml.safe_load((BOOK / "_index.yml").read_text(encoding="utf-8"))
    others = {name: more for names in listed.values() for name, more in names.items()}
    known = glossary()
    return {name: [name, *known.get(name, []), *others.get(name, [])] for name in known | others}


def in_any_case(word):
    """Return what matches a word in small or large letters; capitals count in abbreviations."""
    return re.escape(word) if re.search("[A-Z].*[A-Z]", word) else f"(?i:{re.escape(word)})"


@cache
def pattern(name):
    """Return what matches a name or one of its words."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(in_any_case, words()[name]))})(?:s|es)?(?!\w)")


@cache
def authors():
    """Return the authors of every cited work as (last name, first names)."""
    found = {}
    for key, entry in parse_file(FILES[2]).entries.items():
        people = entry.persons.get("author") or entry.persons.get("editor", [])
        found[key] = [_names(person) for person in people if person.first_names]
    return found


def _names(person):
    parts = (person.prelast_names + person.last_names, person.first_names + person.middle_names)
    return tuple(str(Text.from_latex(" ".join(part))) for part in parts)


@cache
def person(last, first):
    """Return one name for a person whose first names are given in more or fewer letters."""
    same = {f for people in authors().values() for name, f in people if name == last}
    return f"{last}, {max((f for f in same if f.startswith(first)), key=len)}"


def section_of(node):
    """Return the id of the section that a node lies in, empty for a section to pass over."""
    while node is not None and not (isinstance(node, nodes.section) and _heading(node)):
        node = node.parent
    return "" if node is None or ASIDE.match(_heading(node)) else node["ids"][0]


def _heading(section):
    first = section.children[0] if section.children else None
    return first.astext() if isinstance(first, nodes.title) else ""


def texts(doctree):
    """Yield the section, the words and the weight of every text on a page that is read."""
    for text in doctree.findall(nodes.Text):
        block = text.parent
        folded = isinstance(block, nodes.literal_block) and "source" in block
        if not (folded or isinstance(block, UNREAD)):
            weight = HEADING if isinstance(block, nodes.title) else 1
            yield section_of(text), text.astext(), weight


def mentions(doctree):
    """Return how often each section of a page uses each name."""
    sections = defaultdict(list)
    for section, text, weight in texts(doctree):
        sections[section, weight].append(text)
    counts = defaultdict(Counter)
    for (section, weight), parts in sections.items():
        text = " ".join(" ".join(parts).split())
        for name in words():
            if number := len(pattern(name).findall(text)):
                counts[name][section] += number * weight
    return counts


def references(doctree, *kinds):
    """Yield the section and the target of every reference of a page, by domain or type."""
    for reference in doctree.findall(addnodes.pending_xref):
        if {reference.get("refdomain"), reference.get("reftype")} & {*kinds}:
            yield section_of(reference), reference["reftarget"]


def links(doctree):
    """Return how often each section of a page links each of the glossary's terms."""
    firsts = {word.lower(): name for name, all_words in words().items() for word in all_words}
    counts = defaultdict(Counter)
    for section, target in references(doctree, "std"):
        if name := firsts.get(target.lower()):
            counts[name][section] += 1
    return counts


def citations(doctree):
    """Return how often each section of a page cites each person."""
    counts = defaultdict(Counter)
    for section, target in references(doctree, "cite", "cited-work"):
        for key in re.split(r"\s*,\s*", target):
            for name in {person(*names) for names in authors().get(key, [])}:
                counts[name][section] += 1
    return counts


def treated(doctree):
    """Return the names that a page treats, each with its uses and its best section."""
    kept = citations(doctree) | links(doctree)
    for name, sections in mentions(doctree).items():
        if name in kept or sections.total() >= ENOUGH.get(kinds().get(name), HEADING):
            kept[name] = kept[name] + sections
    return {name: (uses.total(), best_section(uses)) for name, uses in kept.items()}


def best_section(uses):
    """Return the section that uses a name most, the page itself if only asides use it."""
    sections = {section: number for section, number in uses.items() if section}
    return max(sections, key=sections.get, default="")


class Read(SphinxTransform):
    """Note what a page treats, and put the index into the table of contents."""

    default_priority = 200

    def apply(self):
        """Read one page."""
        env, docname = self.env, self.env.docname
        if PLACES.match(docname):
            for file in FILES:
                env.note_dependency(str(file))
            _pages(env)[docname] = treated(self.document)
        if docname == self.config.root_doc:
            last = list(self.document.findall(addnodes.toctree))[-1]
            last["entries"].append(("Index", "genindex"))


def _pages(env):
    if not hasattr(env, "index_pages"):
        env.index_pages = {}
    return env.index_pages


def label(env, docname):
    """Return how a page is called in the index."""
    title = env.titles[docname].astext().partition(":")[0]
    return f"{title} (recipe)" if docname.startswith("book/recipes/") else title


def main_places(pages):
    """Return the chapter and the recipe that use each name most, as pairs of name and page."""
    best = {}
    for docname, found in sorted(pages.items()):
        folder = docname.rpartition("/")[0]
        for name, (uses, _) in found.items() if folder in MAIN else ():
            place = (name, folder)
            if uses > best.get(place, (0, ""))[0]:
                best[place] = (uses, docname)
    return {(name, docname) for (name, _), (_, docname) in best.items()}


def add_entries(app, env):
    """Give the index a line for each name and page, once every page has been read.

    Returns the pages to write again because they became or ceased to be a main place.
    """
    domain, pages = env.domains["index"], _pages(env)
    before, main = getattr(env, "index_main", set()), main_places(pages)
    env.index_main = main
    for docname, found in pages.items():
        entries = [e for e in domain.entries.get(docname, []) if e[4] != "place"]
        for name, (_, section) in found.items():
            value, strong = f"{name}; {label(env, docname)}", (name, docname) in main
            entries.append(("single", value, section, "main" if strong else "", "place"))
        domain.entries[docname] = entries
    return sorted({docname for _, docname in before ^ main if docname in pages})


def feed_search(app, doctree, docname):
    """Let the search know for which names, by which words, a page is a main place."""
    found = _pages(app.env).get(docname, {})
    entries = [
        ("single", word, section, "main", None)
        for name, (_, section) in found.items()
        if (name, docname) in app.env.index_main
        for word in words().get(name, [name, name.partition(",")[0]])
    ]
    if entries:
        doctree.append(addnodes.index(entries=entries))


def grouped(letters):
    """Return the entries of the index by kind, synonyms in the line of their first name."""
    synonyms = {word for others in glossary().values() for word in others}
    people = {person(*names) for all_names in authors().values() for names in all_names}
    groups = {group: [] for group in GROUPS}
    for name, details in (entry for _, entries in letters for entry in entries):
        if name in synonyms:
            continue
        rest = "People" if name in people else "Terms" if name in glossary() else "Code"
        shown = ", ".join([name, *glossary().get(name, [])])
        groups[kinds().get(name, rest)].append((shown, details))
    return [(g, sorted(es, key=lambda e: e[0].lower())) for g, es in groups.items() if es]


def group_index(app, pagename, templatename, context, doctree):
    """Group the index by kind instead of by letter."""
    if pagename == "genindex":
        context["genindexentries"] = grouped(context["genindexentries"])


def forget(app, env, docname):
    """Forget a page that is read again or is gone."""
    _pages(env).pop(docname, None)


def keep_entries(app):
    """Give the search, in a warm build, the entries of pages that are not written again.

    Sphinx takes their words from the last search index, but not their entries.
    """
    indexer, last = app.builder.indexer, Path(app.outdir) / "searchindex.js"
    if indexer is None or not last.exists():
        return []
    stored = json.loads(last.read_text(encoding="utf-8").strip()[len("Search.setIndex(") : -1])
    written = set(indexer._index_entries)
    for entry, places in stored["indexentries"].items():
        for number, anchor, main in places:
            docname = stored["docnames"][number]
            if docname in indexer._titles and docname not in written:
                kept = indexer._index_entries.setdefault(docname, [])
                kept.append((entry, anchor, "main" if main else ""))
    return []


def setup(app):
    """Register the index with Sphinx."""
    app.add_transform(Read)
    app.connect("env-purge-doc", forget)
    app.connect("env-updated", add_entries)
    app.connect("doctree-resolved", feed_search)
    app.connect("html-page-context", group_index)
    app.connect("html-collect-pages", keep_entries)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
