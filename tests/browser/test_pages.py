"""What a reader gets: offline, typeset, accessible, and no wider than the phone."""

import json
from functools import cache
from importlib.resources import files

import pytest
from pages import PAGES

STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@cache
def axe():
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_no_other_host_has_no_error_and_typesets_its_formulas(visit, path):
    page = visit(path)
    assert page.elsewhere == []
    assert page.complaints == []
    raw = page.evaluate(
        "[...document.querySelectorAll('.math')].filter(m => !m.querySelector('mjx-container')).length"
    )
    assert raw == 0


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_no_wider_than_a_phone_of_360_pixels(visit, path):
    page = visit(path, width=360, height=740)
    wide = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
        [...document.querySelectorAll('article *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
        .slice(0, 5).map(e => e.outerHTML.slice(0, 120))"""
    )
    assert wide == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_accessibility_violation(visit, path, theme):
    page = visit(path, theme=theme)
    page.evaluate(axe())
    found = page.evaluate(
        "standard => axe.run(document, {runOnly: standard, resultTypes: ['violations']})", STANDARD
    )
    rows = [
        {
            "rule": v["id"],
            "where": [n["target"] for n in v["nodes"]][:4],
            "html": v["nodes"][0]["html"][:200],
        }
        for v in found["violations"]
    ]
    assert not rows, json.dumps(rows, indent=1)


@pytest.mark.parametrize("path", PAGES)
def test_every_picture_says_what_it_shows(visit, path):
    page = visit(path)
    for alt, source in page.evaluate(
        "[...document.querySelectorAll('article img')].map(i => [i.alt, i.src])"
    ):
        assert len(alt) > 30, source
        assert "/" not in alt[:20], source
