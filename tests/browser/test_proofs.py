"""Every number on a page shows what it is held against, however a reader asks, and only then."""

import re

import pytest
from bs4 import BeautifulSoup
from pages import CHAPTERS, HTML
from test_pages import violations
from test_pdf import make_pdf

PAGE = "notebooks/seeing_and_doing.html"
FIRST = "article section .proof"
SEEN = "() => !document.getElementById('proof-tip').hidden"
GONE = "() => document.getElementById('proof-tip').hidden"
INSIDE = """() => {
  const box = document.getElementById('proof-tip').getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  return box.left >= 8 && box.right <= width - 8 && box.top >= 0 && box.bottom <= innerHeight;
}"""


def parsed(path):
    text = (HTML / path).read_text(encoding="utf-8")
    return text, BeautifulSoup(text, "html.parser")


def tip(page):
    """Return what the tip says, on one line."""
    page.wait_for_function(SEEN)
    return " ".join(page.inner_text("#proof-tip").split())


def listed(page, number):
    """Return the line of the list for a marked number, which may be folded."""
    place = number.evaluate("number => number.classList[1]")
    line = page.evaluate("place => document.getElementById(place).textContent", place)
    return " ".join(line.split())


def in_view(page, place=0):
    """Return a marked number of the page, scrolled into view."""
    number = page.locator(f"{FIRST}:visible").nth(place)
    number.scroll_into_view_if_needed()
    return number


# What is on the pages


@pytest.mark.parametrize("path", CHAPTERS)
def test_every_marked_number_has_a_line_and_only_pages_with_numbers_have_the_script(path):
    text, page = parsed(path)
    marked = {number["class"][1] for number in page.select("article .proof")}
    lines = [line["id"] for line in page.select("article .proofs li")]
    assert set(lines) == marked
    assert len(lines) == len(set(lines))
    assert ("proofs.js" in text) == ("proofs.css" in text) == bool(marked)
    described = page.select_one("meta[name=description]")["content"]
    assert not re.search(r"test_headlines|, within", described)


def test_every_chapter_has_proofs_and_a_number_without_one_says_so():
    for path in CHAPTERS:
        if path.startswith("notebooks/"):
            _, page = parsed(path)
            assert page.select("article .proof"), path
            for number in page.select("article .proof"):
                line = page.find(id=number["class"][1]).get_text()
                assert ("not yet held" in line) == ("unheld" in number["class"]), line


def test_the_search_finds_nothing_in_the_proofs():
    index = (HTML / "searchindex.js").read_text(encoding="utf-8")
    assert not re.search(r"test_headlines|proof-|class=..proof", index)


def test_the_files_weigh_a_few_kilobytes():
    files = [HTML / "_static" / f"proofs.{kind}" for kind in ("js", "css")]
    assert sum(file.stat().st_size for file in files) < 6_000


# With a pointer


def test_pointing_at_a_number_shows_its_line_below_it_and_leaving_hides_it(visit):
    page = visit(PAGE)
    number = in_view(page)
    assert page.evaluate(GONE)
    number.hover()
    assert tip(page) == listed(page, number)
    assert "held against" in tip(page)
    assert page.evaluate(INSIDE)
    page.mouse.move(2, 2)
    page.wait_for_function(GONE)


def test_the_tip_stays_while_the_pointer_is_on_it_and_escape_ends_it(visit):
    page = visit(PAGE)
    in_view(page).hover()
    said = tip(page)
    page.locator("#proof-tip").hover()
    page.wait_for_timeout(400)
    assert tip(page) == said
    page.keyboard.press("Escape")
    assert page.evaluate(GONE)


def test_a_number_has_no_colour_of_its_own_until_it_is_pointed_at(visit):
    page = visit(PAGE)
    number = page.locator(f"{FIRST}:not(.unheld)").first
    style = "n => [getComputedStyle(n), getComputedStyle(n.parentElement)].map(s => s.color)"
    own, around = number.evaluate(style)
    assert own == around
    paint = "n => getComputedStyle(n).backgroundColor + getComputedStyle(n).textDecorationLine"
    assert number.evaluate(paint) == "rgba(0, 0, 0, 0)none"
    number.hover()
    assert number.evaluate(paint) != "rgba(0, 0, 0, 0)none"


def test_a_number_that_no_test_holds_is_underlined_with_dots(visit):
    for path in CHAPTERS:
        if 'unheld"' in (HTML / path).read_text(encoding="utf-8"):
            number = visit(path).locator("article .unheld").first
            style = "n => getComputedStyle(n).textDecorationStyle"
            assert number.evaluate(style) == "dotted"
            return


# With the keyboard


def test_tab_stops_once_a_section_and_the_arrows_go_on_from_there(visit):
    page = visit(PAGE)
    stops = """() => [...document.querySelectorAll('article .proof[tabindex="0"]')].map(
      number => number.closest('section').id)"""
    sections = page.evaluate(stops)
    assert len(sections) == len(set(sections)) > 2
    first = page.locator('article .proof[tabindex="0"]').first
    first.focus()
    assert tip(page) == listed(page, first)
    assert first.get_attribute("aria-describedby") == "proof-tip"
    page.keyboard.press("ArrowRight")
    second = page.locator("article .proof:focus")
    place = page.locator("article .proof").evaluate_all(
        "all => all.indexOf(document.activeElement)"
    )
    assert place == 1
    assert tip(page) == listed(page, second)
    assert page.evaluate(INSIDE)
    page.keyboard.press("ArrowLeft")
    assert first.evaluate("number => number === document.activeElement")
    assert sorted(page.evaluate(stops)) == sorted(sections)
    page.keyboard.press("Escape")
    assert page.evaluate(GONE)
    assert first.get_attribute("aria-describedby") is None


def test_a_screen_reader_hears_plain_text_until_it_asks(visit):
    page = visit(PAGE)
    marked = page.locator("article .proof")
    kept = "all => all.flatMap(n => n.getAttributeNames()).filter(a => /aria|role|title/.test(a))"
    assert marked.evaluate_all(kept) == []
    assert page.locator("#proof-tip").get_attribute("role") == "tooltip"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_open_tip_is_accessible_and_fits_a_phone(visit, theme):
    page = visit(PAGE, width=360, height=740, theme=theme)
    in_view(page).hover()
    assert tip(page)
    assert page.evaluate(INSIDE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert violations(page) == []
    contrast = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
    found = page.evaluate("o => axe.run(document.querySelector('#proof-tip'), o)", contrast)
    assert found["violations"] == []


# With a finger, and on paper


def test_a_touch_shows_the_tip_and_a_touch_elsewhere_hides_it(browser, address):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(f"{address}/{PAGE}", wait_until="load")
    number = in_view(page)
    number.tap()
    assert tip(page) == listed(page, number)
    assert page.evaluate(INSIDE)
    page.locator("article h1").tap()
    page.wait_for_function(GONE)
    context.close()


def test_the_list_is_folded_on_the_screen_and_printed_in_full(visit):
    page = visit(PAGE)
    last = page.locator(".proofs li").last
    assert not last.is_visible()
    page.locator(".proofs .toggle-button").click()
    assert last.is_visible()
    page.locator(".proofs .toggle-button").click()
    page.emulate_media(media="print")
    assert last.is_visible()
    assert last.bounding_box()["height"] > 5
    assert not page.locator("#proof-tip").is_visible()


def test_the_book_on_paper_has_the_list_of_every_chapter():
    for path in CHAPTERS:
        if path.startswith("notebooks/"):
            printed = make_pdf.chapter(HTML, path.removesuffix(".html"), set())
            lines = printed.select(".proofs li")
            assert [line.get_text() for line in lines] == [
                line.get_text() for line in parsed(path)[1].select(".proofs li")
            ]
            assert all(make_pdf.slug(path.removesuffix(".html")) in line["id"] for line in lines)


def test_without_javascript_numbers_are_text_and_the_list_is_open(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/{PAGE}")
    assert page.locator(".proofs li").first.is_visible()
    assert page.locator("article .proof[tabindex]").count() == 0
    context.close()
