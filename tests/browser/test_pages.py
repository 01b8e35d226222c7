"""What a reader gets: offline, typeset, accessible in both themes, no wider than a phone."""

from functools import cache
from importlib.resources import files

import pytest
from pages import PAGES

STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
UNTYPESET = "[...document.querySelectorAll('.math')].filter(m => !m.querySelector('mjx-container'))"
BEST = ["region", "landmark-unique", "empty-table-header"]  # best practice beyond the standard
BRIEF = {"resultTypes": ["violations"]}  # what passes is not listed node by node
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"
PICTURES = "[...document.querySelectorAll('article img')].map(i => [i.alt, i.getAttribute('src')])"

KINDS = """() => {
  const seen = {};
  return [...document.body.querySelectorAll('*')].filter(element => {
    if (![...element.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()))
      return false;
    let path = '';
    for (let e = element; e; e = e.parentElement) path += `${e.tagName}.${e.className} `;
    return (seen[path] = (seen[path] || 0) + 1) <= 3;
  });
}"""


@cache
def axe():
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def violations(page):
    """Return the rules that a page breaks, contrast apart, with the first place."""
    page.evaluate(axe())
    rules = {"color-contrast": {"enabled": False}} | {rule: {"enabled": True} for rule in BEST}
    options = {"runOnly": STANDARD, "rules": rules, **BRIEF}
    return places(page.evaluate("options => axe.run(document, options)", options))


def too_faint(page):
    """Return where text stands out too little, among three of every kind of text on the page."""
    options = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, **BRIEF}
    return places(page.evaluate(f"options => axe.run({{include: ({KINDS})()}}, options)", options))


def places(found):
    return [(v["id"], v["nodes"][0]["html"][:200]) for v in found["violations"]]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_offline_typeset_accessible_and_fits_a_phone(visit, path):
    page = visit(path)
    assert page.elsewhere == []
    assert page.complaints == []
    assert page.evaluate(f"{UNTYPESET}.length") == 0
    for alt, source in page.evaluate(PICTURES):
        assert len(alt) > 30, source
    assert violations(page) == []
    assert too_faint(page) == []
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert too_faint(page) == [], "dark theme"
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate(TOO_WIDE) <= 0, "wider than 360 pixels"
