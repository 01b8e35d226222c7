"""Every link inside the built book leads somewhere, and the pages stay light."""

import re
from functools import cache
from statistics import median
from urllib.parse import unquote, urldefrag

import pytest
from bs4 import BeautifulSoup
from pages import CHAPTERS, HTML, PAGES
from plain import EVERYDAY, finder, terms

NOTEBOOKS = [page for page in CHAPTERS if page.startswith("notebooks/")]

KB = 1_000


@cache
def text_of(path):
    return path.read_text(encoding="utf-8")


@cache
def anchors(path):
    return set(re.findall(r'\b(?:id|name)="([^"]+)"', text_of(path)))


def own_images(page):
    sources = set(re.findall(r'<img [^>]*?src="([^"]+)"', text_of(HTML / page)))
    return [(HTML / page).parent / unquote(s) for s in sources if not s.startswith("data:")]


def weight(page):
    images = [p for p in own_images(page) if "_images" in p.parts]
    return (HTML / page).stat().st_size + sum(p.stat().st_size for p in images)


@pytest.mark.parametrize("page", PAGES)
def test_no_internal_link_or_anchor_is_broken(page):
    broken = []
    for link in set(re.findall(r'(?:href|src)="([^"]*)"', text_of(HTML / page))):
        if re.match(r"[a-z]+:|//", link) or link in ("", "#"):
            continue
        address, anchor = urldefrag(unquote(link))
        target = HTML / page
        if address:
            target = (target.parent / address.split("?")[0]).resolve()
        page_exists = target.exists()
        to_html = anchor and page_exists and target.suffix == ".html"
        if not page_exists or (to_html and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_median_page_weighs_at_most_400_kb_and_the_heaviest_at_most_1500():
    weights = {page: weight(page) for page in CHAPTERS}
    assert median(weights.values()) <= 400 * KB, weights
    assert max(weights.values()) <= 1_500 * KB, weights


def test_a_wrong_address_has_a_page_that_needs_nothing_else():
    page = text_of(HTML / "404.html")
    assert "<h1>" in page
    assert not re.search(r'src=|rel="stylesheet"', page)


def article(page):
    """Return what a page says, without code, outputs, formulas and the titles of sections."""
    found = BeautifulSoup(text_of(HTML / page), "html.parser").article
    titles, outputs = "h1, h2, h3, figcaption", ".math, .cell_output, .proofs, .moving, .moving + p"
    for tag in found.select(f"pre, code, script, {titles}, {outputs}"):
        tag.extract()
    return found


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_every_citation_in_words_is_a_link_to_the_reference_list(page):
    said = article(page)
    cited = [a.extract() for a in said.find_all("a", href=re.compile(r"references\.html#"))]
    assert cited
    left = re.findall(
        r"(?:et al\.|and [A-Z]\w+|[A-Z]\w+)(?:,| \() ?(?:1[89]|20)\d\d", said.get_text()
    )
    assert left == []


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_every_term_that_a_chapter_mentions_is_linked_once(page):
    said = article(page)
    links = [a.get_text() for a in said.find_all("a", href=re.compile(r"glossary\.html#term-"))]
    names = [terms()[finder().fullmatch(word.replace("’", "'"))["term"].lower()] for word in links]
    assert len(names) == len(set(names)) >= 8
    for tag in said.find_all("a"):
        tag.extract()
    found = [m["term"] for m in finder().finditer(said.get_text().replace("’", "'")) if m["term"]]
    assert {terms()[word.lower()] for word in found} - EVERYDAY <= set(names)


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_the_line_below_a_figure_is_its_caption_with_its_number_once(page):
    said = BeautifulSoup(text_of(HTML / page), "html.parser").article
    captions = [c.get_text() for c in said.select("figure:not([id^=fig-move]) figcaption")]
    numbers = [re.match(r"\s*Figure (\d+)\. \S", caption)[1] for caption in captions]
    assert numbers == [str(number) for number in range(1, len(captions) + 1)]
    assert len(captions) == len(said.select(".cell_output img")) > 0
    assert not re.search(r"Figure \d+\. ", article(page).get_text())


def test_no_page_shows_a_stamp_or_a_hyphen_for_a_minus_sign():
    for page in CHAPTERS:
        assert "<!--" not in str(article(page)), page
    said = article("notebooks/hospital_upgrade_did.html").get_text()
    assert re.search(r"−\d", said)
    assert not re.search(r"(?<![\w−–-])-\d", said)
