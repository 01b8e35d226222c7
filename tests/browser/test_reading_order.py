"""The pages follow one another in the order of the story, and the index is in the contents."""

import re

import pytest
import yaml
from pages import CHAPTERS, HTML, ROOT

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))


def in_order(entries):
    for entry in entries:
        yield entry["file"]
        yield from in_order(entry.get("sections", []))


ORDER = [TOC["root"], *in_order(c for part in TOC["parts"] for c in part["chapters"])]


def neighbour(page, button):
    """Return where the previous or the next button of a page leads to, or None."""
    link = re.search(rf'<a class="{button}"\s+href="([^"]+)"', page)
    return link and link[1]


def docname(page, link):
    target = ((HTML / f"{page}.html").parent / link).resolve()
    return str(target.relative_to(HTML.resolve())).removesuffix(".html")


def test_every_page_of_the_book_is_in_the_contents_once():
    assert sorted(f"{name}.html" for name in ORDER) == CHAPTERS
    assert len(set(ORDER)) == len(ORDER)


@pytest.mark.parametrize("place", range(len(ORDER)), ids=ORDER)
def test_previous_and_next_follow_the_story(place):
    page = (HTML / f"{ORDER[place]}.html").read_text(encoding="utf-8")
    before, after = neighbour(page, "left-prev"), neighbour(page, "right-next")
    if place:
        assert docname(ORDER[place], before) == ORDER[place - 1]
    else:
        assert before is None
    if place < len(ORDER) - 1:
        assert docname(ORDER[place], after) == ORDER[place + 1]
    else:
        assert after is None


def test_the_story_runs_from_seeing_to_natural_experiments_and_then_to_reference():
    captions = [part["caption"] for part in TOC["parts"]]
    story = ["Before you start", "Seeing and doing", "Closing backdoors", "Natural experiments"]
    assert [c for c in captions if c in story] == story
    assert captions[-1] == "Reference"
    first = next(name for name in ORDER if name.startswith("notebooks/"))
    assert first == "notebooks/seeing_and_doing"


def test_the_buttons_are_seen_and_reached(visit):
    page = visit("notebooks/card_krueger_did.html", width=390, height=844)
    for name in ("left-prev", "right-next"):
        button = page.locator(f"a.{name}")
        button.scroll_into_view_if_needed()
        assert button.is_visible()
        assert button.inner_text().strip()


@pytest.mark.parametrize("path", ["book/intro.html", "notebooks/card_krueger_did.html"])
def test_the_contents_lead_to_the_index(visit, path):
    page = visit(path)
    page.click("nav.bd-links a:text-is('Index')")
    page.wait_for_load_state("load")
    assert page.url.endswith("/genindex.html")
    assert page.inner_text("#index h1").strip() == "Index"
