"""The moving figures have one source, and a chapter shows its own below its sentence."""

import json
import re
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.utils import new_document
from moving import InChapters, figures
from sphinx import addnodes
from sphinx.errors import ExtensionError
from stored import ROOT, SCRIPTS, cells

CHAPTERS = {figure["chapter"]: name for name, figure in figures().items()}
SENTENCE = re.compile(r"(?m)^\[See it move\]\(\.\./book/see_it_move\.md\)[^\n]+\.$")


def markdown(chapter):
    return "\n".join("".join(c["source"]) for c in cells(chapter) if c["cell_type"] == "markdown")


def link(target="../book/see_it_move"):
    return addnodes.pending_xref("", nodes.Text("See it move"), reftarget=target)


def page(docname, *paragraphs):
    """Return a page of these paragraphs after the transform has read it."""
    document = new_document(docname)
    noted = []
    document.settings.env = SimpleNamespace(docname=docname, note_dependency=noted.append)
    section = nodes.section("", *(nodes.paragraph("", "", *inner) for inner in paragraphs))
    document += section
    InChapters(document).apply()
    return section, noted


def test_a_figure_stands_below_the_paragraph_that_begins_with_the_link():
    middle = [nodes.Text("For more, "), link()]
    section, noted = page("notebooks/hospital_upgrade_did", [nodes.Text("One.")], middle, [link()])
    kinds = [type(child).__name__ for child in section]
    assert kinds == ["paragraph"] * 3 + ["figure", "raw", "paragraph"]
    figure, box = section[3], section[4].astext()
    assert figure["ids"] == ["fig-move-did"]
    assert (ROOT / figure[0]["uri"].lstrip("/")).exists()
    assert [file.endswith("_moving.yml") for file in noted] == [True]
    assert 'data-moving="did" data-still="fig-move-did"' in box
    for name, knob in figures()["did"]["knobs"].items():
        assert f'for="move-{name}">{knob["label"]}: <output for="move-{name}"' in box
        limits = 'min="{least}" max="{most}" step="1" value="{at}"'.format(**knob)
        assert f'<input type="range" id="move-{name}" name="{name}" {limits}' in box


@pytest.mark.parametrize("sentences", [0, 2])
def test_a_chapter_without_its_sentence_or_with_two_is_refused(sentences):
    with pytest.raises(ExtensionError, match=rf"\['did'\], and {sentences} paragraphs"):
        page("notebooks/hospital_upgrade_did", *([link()] for _ in range(sentences)))


def test_a_sentence_in_a_chapter_that_has_no_figure_is_refused_and_other_pages_may_link():
    with pytest.raises(ExtensionError, match=r"pricing_elasticity: .* \[\], and 1 paragraphs"):
        page("notebooks/pricing_elasticity", [link()])
    section, noted = page("book/intro", [link()])
    assert len(section) == 1
    assert noted == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_notebook_has_a_sentence_with_a_link_and_nothing_else_of_its_figure(script):
    text = markdown(script.stem)
    assert len(SENTENCE.findall(text)) == (script.stem in CHAPTERS)
    assert not re.search("_moving|<svg|<input|fig-move", json.dumps(text))


def test_what_stands_around_a_figure_is_written_once():
    source = (ROOT / "book" / "see_it_move.md").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^```\{moving\} (\w+)\n```$", source) == list(figures())
    for figure in figures().values():
        assert f"`../notebooks/{figure['chapter']}`" in source
        for part in ("name", "alt", "caption", "said", "marks"):
            assert figure[part] not in source


def test_the_words_for_a_screen_reader_tell_the_finding():
    for figure in figures().values():
        assert len(figure["alt"]) > 100
        assert "the text below says" in figure["picture"]
        assert not {"<", ">", '"'} & {*figure["name"], *figure["picture"], *figure["alt"]}
