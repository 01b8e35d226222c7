"""The index: what counts as treated, which section leads, and how the lines are grouped."""

import json
import sys
from functools import cache
from types import SimpleNamespace

import pytest
from docutils import nodes
from sphinx import addnodes
from stored import ROOT


@cache
def entries():
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    try:
        import entries

        return entries
    finally:
        sys.path.pop(0)


def section(title, *children, id=None):
    name = id or title.lower().replace(" ", "-")
    return nodes.section("", nodes.title(title, title), *children, ids=[name])


def words(text):
    return nodes.paragraph(text, text)


def reference(domain, target, kind="term"):
    return nodes.paragraph(
        "", "", addnodes.pending_xref("", refdomain=domain, reftype=kind, reftarget=target)
    )


def page(*sections):
    document = nodes.Element()
    document += section("The page", *sections)
    return document


def test_the_glossary_is_read_with_its_synonyms():
    assert entries().glossary()["average treatment effect"] == ["ATE"]
    assert entries().glossary()["collider"] == []
    text = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    listed = [word for name, others in entries().glossary().items() for word in [name, *others]]
    assert all(f"\n{term}\n" in text for term in listed)


def test_every_name_of_the_index_file_is_in_the_glossary_or_brings_words_of_its_own():
    for name in entries().kinds():
        assert name in entries().glossary() or len(entries().words()[name]) > 1, name
    synonyms = {word for others in entries().glossary().values() for word in others}
    assert not synonyms & set(entries().kinds()), "use the first name of the glossary's entry"


@pytest.mark.parametrize(
    ("name", "text", "number"),
    [
        ("complier", "Compliers and a complier, not noncompliers.", 2),
        ("average treatment effect", "The ATE. Never late, nor LATE.", 1),
        ("matching", "Matching on mismatching", 1),
        ("LIML", "LIML is not liml", 1),
        ("difference-in-differences", "What DiD did: a difference in differences.", 2),
    ],
)
def test_words_are_counted_whole_in_the_plural_and_abbreviations_in_capitals(name, text, number):
    assert len(entries().pattern(name).findall(text)) == number


def test_a_subject_is_treated_where_it_is_linked_or_used_often_and_not_in_passing():
    once = page(section("One", words("matching")))
    often = page(section("One", words("matching " * 3)))
    linked = page(section("One", reference("std", "collider")))
    assert "matching" not in entries().treated(once)
    assert entries().treated(often)["matching"] == (3, "one")
    assert entries().treated(linked)["collider"] == (1, "one")
    both = page(section("One", reference("std", "IPW")), section("Two", words("IPW and IPW")))
    assert entries().treated(both)["inverse probability weighting"] == (3, "two")
    thrice = page(section("One", reference("std", "IPW"), words("IPW " * 3)))
    assert entries().treated(thrice)["inverse probability weighting"] == (4, "one")


def test_a_general_term_counts_only_where_it_is_linked_or_in_a_heading():
    assert "mediator" not in entries().treated(page(section("One", words("mediator " * 9))))
    assert "mediator" in entries().treated(page(section("The mediator trap")))


def test_the_section_that_uses_a_word_most_leads_unless_it_stands_aside():
    document = page(
        section("Little", words("overlap " * 2)),
        section("Much", words("overlap " * 4)),
        section("Exercises", words("overlap " * 9)),
    )
    assert entries().treated(document)["overlap"] == (15, "much")
    aside = page(section("What the document says", words("overlap " * 9)))
    assert entries().treated(aside)["overlap"] == (9, "")


def test_a_heading_weighs_more_than_the_text():
    document = page(section("Overlap"), section("Other", words("overlap " * 5)))
    assert entries().treated(document)["overlap"][1] == "overlap"


def test_folded_files_formulas_and_raw_html_are_not_read():
    code = nodes.literal_block("overlap " * 5, "overlap " * 5, source="x.py")
    raw = nodes.raw("", "overlap " * 5, format="html")
    math = nodes.math("", "overlap " * 5)
    assert "overlap" not in entries().treated(page(section("One", code, raw, math)))
    shown = nodes.literal_block("overlap " * 5, "overlap " * 5)
    assert "overlap" in entries().treated(page(section("One", shown)))


def test_people_are_found_by_the_works_cited_under_one_name():
    document = page(section("One", reference("cite", "angrist1991, imbens1994", "p")))
    found = entries().treated(document)
    assert found["Angrist, Joshua D."] == (2, "one")
    assert found["Krueger, Alan B."] == (1, "one")
    assert entries().person("Angrist", "Joshua") == "Angrist, Joshua D."
    assert entries().person("Rubin", "Donald") != entries().person("Rubin", "Herman")


def test_the_main_places_are_the_chapter_and_the_recipe_that_use_a_name_most():
    pages = {
        "notebooks/a": {"overlap": (3, "x")},
        "notebooks/b": {"overlap": (5, "x")},
        "book/recipes/c": {"overlap": (1, "x")},
        "book/choosing_a_design": {"overlap": (9, "x")},
    }
    places = entries().main_places(pages)
    assert places == {("overlap", "notebooks/b"), ("overlap", "book/recipes/c")}


def test_the_index_is_grouped_by_kind_with_synonyms_in_one_line():
    links = ([("main", "glossary.html#a")], [], None)
    names = ["average treatment effect", "ATE", "matching", "collider", "Angrist, Joshua D."]
    names += ["Wald ratio", "bootstrap"]
    letters = [("A", [(name, links) for name in [*names, "sample() (SCM method)"]])]
    groups = {group: [name for name, _ in lines] for group, lines in entries().grouped(letters)}
    assert groups == {
        "Methods": ["bootstrap", "matching", "Wald ratio, Wald estimator"],
        "Estimands": ["average treatment effect, ATE"],
        "People": ["Angrist, Joshua D."],
        "Terms": ["collider"],
        "Code": ["sample() (SCM method)"],
    }
    assert list(groups) == [g for g in entries().GROUPS if g in groups]


class App:
    """What the extension asks of Sphinx when the pages of a warm build are written."""

    def __init__(self, folder, written):
        indexer = SimpleNamespace(_titles={"a": "A", "b": "B"}, _index_entries=written)
        self.outdir, self.builder = folder, SimpleNamespace(indexer=indexer)


def test_a_warm_build_keeps_the_entries_of_pages_that_it_does_not_write(tmp_path):
    app = App(tmp_path, {"a": [("new", "x", "")]})
    assert entries().keep_entries(app) == []
    places = {"old": [[0, "x", True], [1, "y", True], [2, "z", False]], "other": [[1, "", False]]}
    stored = {"docnames": ["a", "b", "gone"], "indexentries": places}
    (tmp_path / "searchindex.js").write_text(f"Search.setIndex({json.dumps(stored)})")
    entries().keep_entries(app)
    kept = [("old", "y", "main"), ("other", "", "")]
    assert app.builder.indexer._index_entries == {"a": [("new", "x", "")], "b": kept}
