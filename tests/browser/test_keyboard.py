"""Without a mouse, and without motion."""

import pytest

CHAPTER = "notebooks/canary_flag_iv.html"
CONTROLS = {
    "skip link": "#pst-skip-link a",
    "search": ".bd-sidebar-primary .search-button__button",
    "theme switch": ".theme-switch-button",
    "downloads": ".chapter-bar a",
    "contents of the book": ".bd-sidebar-primary .bd-links a",
    "contents of the page": ".bd-sidebar-secondary a",
    "folded code": "article details summary",
    "copy buttons": "article .copybtn",
    "tables": ".table-scroll",
    "solutions": ".solution .toggle-button",
    "neighbours": ".prev-next-footer a",
}
NUMBER = """() => {
  window.seen = [];
  document.addEventListener('focusin', event => seen.push(event.target));
  return document.querySelectorAll('a, button').length;
}"""
FOCUSED = """() => {
  const style = getComputedStyle(document.activeElement);
  return [parseFloat(style.outlineWidth), style.outlineStyle, style.opacity,
          document.activeElement.outerHTML.slice(0, 120)];
}"""
MISSED = """selector => [...document.querySelectorAll(selector)].filter(
  element => element.checkVisibility() && !seen.includes(element)
  ).map(element => element.outerHTML.slice(0, 120))"""
FOUND = "selector => document.querySelectorAll(selector).length"
MOVING = """() => [...document.querySelectorAll('*')].flatMap(element =>
  ['', '::before', '::after'].filter(part => {
    const style = getComputedStyle(element, part);
    const long = times => times.split(',').some(time => parseFloat(time) > 0);
    return style.scrollBehavior === 'smooth' || long(style.transitionDuration)
      || (style.animationName !== 'none' && long(style.animationDuration));
  }).map(part => element.outerHTML.slice(0, 80) + part))"""


@pytest.fixture
def walked(visit):
    """Return a chapter after Tab has been pressed from its top to its end, and every stop."""
    page = visit(CHAPTER)
    stops = []
    for _ in range(page.evaluate(NUMBER)):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUSED))
        if stops[-1][3].startswith("<body"):
            break
    return page, stops


def test_tab_reaches_every_control_and_shows_where_it_is(walked):
    page, stops = walked
    assert "#main-content" in stops[0][3]
    for name, selector in CONTROLS.items():
        assert page.evaluate(FOUND, selector) > 0, name
        assert page.evaluate(MISSED, selector) == [], name
    unseen = [where for width, line, opacity, where in stops[:-1] if width < 2 or line == "none"]
    assert unseen == []
    assert {opacity for _, _, opacity, _ in stops} == {"1"}


def test_the_keyboard_opens_a_solution_folded_code_and_the_search(visit):
    page = visit(CHAPTER)
    solution = page.locator(".solution").first
    solution.locator("button.toggle-button").focus()
    page.keyboard.press("Enter")
    assert "toggle-hidden" not in solution.get_attribute("class")
    page.locator("article details summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("article details").first.get_attribute("open") is not None
    page.keyboard.press("Control+k")
    assert page.evaluate("document.activeElement.type") == "search"


def test_the_keyboard_changes_the_theme(visit):
    page = visit(CHAPTER)
    themes = set()
    for _ in range(3):
        page.locator(".theme-switch-button").first.press("Enter")
        themes.add(page.evaluate("document.documentElement.dataset.theme"))
    assert themes == {"light", "dark"}


def test_nothing_moves_for_a_reader_who_asks_for_no_motion(visit):
    assert visit(CHAPTER).evaluate(MOVING) == []
