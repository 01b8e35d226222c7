"""Nothing is cut: no sideways scrolling on a desktop, and on a phone a box that scrolls says so."""

import pytest
from pages import PAGES

CUT = """() => [...document.querySelectorAll('article *')].filter(box => {
  if (!box.checkVisibility({visibilityProperty: true}) || box.closest('svg')) return false;
  if (box.parentElement.closest('mjx-container')) return false;
  const style = getComputedStyle(box);
  const shown = style.overflowX === 'visible' || style.display === 'inline' || box.clientWidth < 2;
  return !shown && box.scrollWidth > box.clientWidth + 1;
})"""
SILENT = f"({CUT})().filter(box => !box.hasAttribute('data-scrolls')).map(box => box.outerHTML)"
HINTS = """() => [...document.querySelectorAll('[data-scrolls]')]
  .filter(box => box.checkVisibility({visibilityProperty: true}))
  .map(box => [getComputedStyle(box, '::before').content, box.tabIndex])"""
MOVED = """box => {
  const first = box.querySelector('tbody tr > :first-child');
  const before = first.getBoundingClientRect().left;
  box.scrollLeft = box.scrollWidth;
  return box.scrollLeft > 0 && Math.abs(first.getBoundingClientRect().left - before);
}"""
MARKED = "document.documentElement.hasAttribute('data-boxes')"


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_cut_at_1280_and_on_a_phone_what_scrolls_says_so(visit, path):
    page = visit(path)
    page.wait_for_function(MARKED)
    assert page.evaluate(f"({CUT})().map(box => box.outerHTML.slice(0, 300))") == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(900)  # the boxes are looked at again when the width has changed
    assert [html[:300] for html in page.evaluate(SILENT)] == []
    reached = f"({HINTS})().every(([, tab]) => tab === 0)"
    page.wait_for_function(reached, timeout=120_000)  # a long page takes longer
    for words, _ in page.evaluate(HINTS):
        assert "Scrolls sideways" in words


@pytest.mark.parametrize("path", ["notebooks/card_krueger_did.html", "book/recipes/matching.html"])
def test_a_table_that_scrolls_on_a_phone_keeps_its_first_column(visit, path):
    page = visit(path, width=390, height=844)
    page.wait_for_function(MARKED)
    tables = page.locator("[data-scrolls]:has(> table)").all()
    shown = [table for table in tables if table.is_visible()]
    assert shown
    for table in shown:
        moved = table.evaluate(MOVED)
        assert moved is not False
        assert moved < 16


def test_the_scoreboard_fits_a_phone(visit):
    page = visit("book/scoreboard.html", width=390, height=844)
    page.wait_for_function(MARKED)
    assert page.locator(".table-scroll[data-scrolls] .scores").count() == 0
    for cell in page.locator(".scores tbody td:last-child").all():
        box = cell.bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= 390
