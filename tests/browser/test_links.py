"""Every link inside the built book leads somewhere, and the pages stay light."""

import re
from functools import cache
from statistics import median
from urllib.parse import unquote, urldefrag

import pytest
from pages import CHAPTERS, HTML, PAGES

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


def test_glued_numbers_have_minus_signs():
    glued = [
        n for page in CHAPTERS for n in re.findall(r'"pasted-text">([^<]*)<', text_of(HTML / page))
    ]
    assert any(number.startswith("−") for number in glued)
    assert [number for number in glued if re.match(r"-[\d.]", number)] == []
