"""The book on paper: bookmarks, page numbers, formulas, links, from a few chapters printed."""

import importlib.util
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import needs
import pytest
import yaml
from pages import ROOT
from pypdf import PdfReader

CHAPTERS = ["book/how_to_use", "notebooks/ladder_of_causation", "book/glossary"]
MB = 1_000_000


def tool():
    spec = importlib.util.spec_from_file_location("make_pdf", ROOT / "tools" / "make_pdf.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_pdf = tool()
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [page for page in make_pdf.chapters_of(TOC) if page[1] in CHAPTERS]


def titles(outline, level=0):
    """Return (level, title) of every bookmark, in order."""
    found = []
    for entry in outline:
        nested = isinstance(entry, list)
        found += titles(entry, level + 1) if nested else [(level, entry.title.strip())]
    return found


@pytest.fixture(scope="module")
def printed(html, browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pdf")
    (folder / "html").symlink_to(html)
    make_pdf.make(folder / "html", PAGES, folder / "part.pdf", browser)
    return PdfReader(folder / "part.pdf")


@pytest.fixture(scope="module")
def text(printed):
    return [page.extract_text() for page in printed.pages]


def test_the_bookmarks_are_parts_chapters_and_sections_in_order(html, printed):
    parts = list(dict.fromkeys(part for part, _ in PAGES))
    found = titles(printed.outline)
    top = [title.capitalize() for level, title in found if level == 0]
    assert top == ["Contents", *map(str.capitalize, parts), "Solutions"]
    chapters = [title for level, title in found if level == 1]
    assert chapters[:3] == ["How to use this book", "The ladder of causation", "Glossary"]
    assert (2, "Exercises") in found


def test_every_page_but_the_first_says_its_number_and_most_their_chapter(text):
    numbers = [re.findall(r"(?m)^(\d+)\s*$", page)[-1:] for page in text[1:]]
    assert numbers == [[str(n)] for n in range(2, len(text) + 1)]
    assert sum("The ladder of causation" in page for page in text) > 8


def test_the_contents_say_on_which_page_a_chapter_begins(printed, text):
    contents = " ".join(text[1].split())
    for title in ("How to use this book", "The ladder of causation", "Glossary", "Solutions"):
        number = int(re.search(rf"{title} ?(\d+)", contents)[1])
        assert title in text[number - 1]


def test_formulas_are_typeset_and_fonts_are_inside(printed, text):
    assert not re.search(r"\\begin|\\frac|\$\$|\\\(|MathJax", "".join(text))
    for page in printed.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            inside = font.get("/DescendantFonts", [font])[0].get_object()
            descriptor = inside.get("/FontDescriptor", {})
            assert font["/Subtype"] == "/Type3" or "/FontFile2" in descriptor, font


def test_links_between_chapters_lead_to_pages_of_the_book(printed):
    inner, outer = [], []
    for page in printed.pages:
        for link in page.get("/Annots", []):
            link = link.get_object()
            (inner if "/Dest" in link else outer).append(link)
    assert len(inner) > 20
    assert {link["/Dest"] for link in inner} <= set(printed.named_destinations)
    assert all(link["/A"]["/URI"].startswith("https:") for link in outer)


def test_solutions_stand_at_the_end_and_exercises_say_where(text):
    pages = [int(n) for n in re.findall(r"Solution on page (\d+)", " ".join(text))]
    assert len(pages) >= 3
    assert all("Solution to" in text[page - 1] for page in pages)


def test_code_that_is_folded_on_the_pages_is_left_out(text):
    assert not re.search(r"Show the imports|Show code cell|import numpy", "".join(text))


def test_the_document_is_of_a_sensible_size(printed):
    assert 20 <= len(printed.pages) <= 60
    assert printed.stream.seek(0, os.SEEK_END) < 4 * MB


def test_the_whole_book_holds_every_page_of_the_table_of_contents_in_order(html):
    names = re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    book = make_pdf.whole_book(html, make_pdf.chapters_of(TOC))
    ids = re.findall(r'<article[^>]* id="([^"]+)"', book)
    assert ids == [*map(make_pdf.slug, names), "solutions"]
    sheets = re.findall(r'<link rel="stylesheet" href="html/([^"]+)"', book)
    assert {"_static/book.css", "_static/print.css"} <= set(sheets)
    assert all((html / sheet).exists() for sheet in sheets)
    links = re.findall(r'<a[^>]* href="#([^"]+)"', book)
    assert set(links) <= set(re.findall(r' id="([^"]+)"', book))


def lowest(page):
    """Return how far down a page its last words stand above the page number, from 0 to 1."""
    heights = []

    def note(text, matrix, position, *_):
        if text.strip():
            x, y = position[4:6]
            heights.append(matrix[1] * x + matrix[3] * y + matrix[5])

    page.extract_text(visitor_text=note)
    foot, height = 24 * 72 / 25.4, float(page.mediabox.height)
    return 1 - min(y for y in heights if y > foot) / height


def test_the_contents_are_one_page_and_the_tables_after_them_go_on_overleaf(
    html, browser, tmp_path
):
    book = make_pdf.whole_book(html, make_pdf.chapters_of(TOC))
    starts = [found.start() for found in re.finditer("<article", book)]
    (tmp_path / "html").symlink_to(html)
    document = tmp_path / "front.html"
    document.write_text(book[: starts[1]] + book[book.rindex("</article>") :], encoding="utf-8")
    make_pdf.print_twice(document, tmp_path / "front.pdf", browser)
    _, contents, *front = PdfReader(tmp_path / "front.pdf").pages
    assert "Contents" in contents.extract_text()
    assert "Solutions" in contents.extract_text()
    assert "Where to start" in front[0].extract_text()
    assert "Claims are audited" in " ".join(front[-1].extract_text().split())
    assert len(front) == 3
    assert all(lowest(page) > 0.8 for page in front[:-1])


def test_without_chromium_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(make_pdf, "CHROMIUM", Path(sys.executable) / "nowhere")
    with pytest.raises(SystemExit, match="apt-get install chromium"):
        make_pdf.main()


def test_a_machine_too_slow_to_print_is_told_what_to_do(monkeypatch, tmp_path):
    needs.chromium()
    document = tmp_path / "slow.html"
    document.write_text("a page")

    def slow(html, pages, pdf, browser):
        make_pdf.print_twice(document, tmp_path / "slow.pdf", browser)

    monkeypatch.setattr(make_pdf, "make", slow)
    monkeypatch.setattr(make_pdf, "PATIENCE", 0.0001)
    # A thread of its own: this one may be running a browser already.
    with ThreadPoolExecutor(1) as thread:
        printed = thread.submit(make_pdf.main)
        message = r"within 0\.0001 seconds.* PDF_PATIENCE=0\.001 make pdf"
        with pytest.raises(SystemExit, match=message):
            printed.result()
