"""The helper package on pages: short, every entry listed and found where it used to be."""

import re
import zlib

import pytest
from bs4 import BeautifulSoup
from pages import HTML

from casestudies import scenarios

PARTS = sorted(HTML.glob("book/api/*.html"))


def tree(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").article


def inventory():
    """Return Sphinx's own list: the page of every function and class of the helper package."""
    lines = (HTML / "objects.inv").read_bytes().split(b"\n", 4)[4]
    found = re.findall(
        r"(?m)^(\S+) py:(?:function|class) 1 (book/api\S+)\.html", zlib.decompress(lines).decode()
    )
    return dict(found)


def test_the_first_page_lists_every_entry_once_under_its_anchor_and_leads_to_it():
    listed = {item["id"]: item.a["href"] for item in tree(HTML / "book/api.html").select("li[id]")}
    expected = {name: f"{page}.html#{name}" for name, page in inventory().items()}
    assert len(expected) > 100
    assert listed == {name: link.removeprefix("book/") for name, link in expected.items()}
    assert {f"casestudies.scenarios.{name}" for name in scenarios.names()} <= set(listed)


@pytest.mark.parametrize("part", PARTS, ids=lambda path: path.stem)
def test_anchors_stand_outside_the_folds_and_only_the_first_sentence_before_them(part):
    article = tree(part)
    assert not article.select("details [id^=casestudies]")
    for entry in article.select("dl.py > dd"):
        shown = entry.find_all(["p", "dl", "details"], recursive=False)
        assert [tag.name for tag in shown].count("p") == 1, entry.text[:100]
        assert "field-list" not in str([tag.get("class") for tag in shown])


@pytest.mark.parametrize("page", ["book/api", *(f"book/api/{part.stem}" for part in PARTS)])
def test_a_page_is_ten_screens_at_most(visit, page):
    article = visit(f"{page}.html").locator("article").first
    assert article.bounding_box()["height"] <= 10 * 900


def test_a_fold_opens_by_keyboard_and_shows_the_parameters(visit):
    page = visit("book/api/worlds.html")
    fold = page.locator("dl.py > dd > details", has_text="staffing in full")
    fields = fold.locator(".field-list")
    assert not fields.is_visible()
    fold.locator("summary").press("Enter")
    assert fields.is_visible()
    assert "Parameters" in fields.inner_text()
