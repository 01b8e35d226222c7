"""The first load of a page is light: what it does not need is not fetched."""

import re

import pytest
from pages import HTML

LIMIT = 1_500_000
HEAVIEST = [
    *("book/intro.html", "book/scoreboard.html", "book/choosing_a_design.html"),
    *("notebooks/seeing_and_doing.html", "notebooks/hospital_confounding.html"),
    *("notebooks/card_krueger_did.html", "notebooks/quarter_of_birth_iv.html"),
]


def fetched(browser, address, path):
    """Return how many bytes each address sends when a page is opened for the first time."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    sizes = {}
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}))
    page.goto(f"{address}/{path}", wait_until="networkidle")
    context.close()
    return sizes


@pytest.mark.parametrize("path", HEAVIEST)
def test_a_first_load_is_under_one_and_a_half_megabytes(browser, address, path):
    sizes = fetched(browser, address, path)
    heaviest = sorted(sizes.items(), key=lambda item: -item[1])[:6]
    assert sum(sizes.values()) < LIMIT, heaviest
    assert not [url for url in sizes if re.search(r"fontawesome|fa-solid|searchindex", url)]


def test_mathematics_is_loaded_where_there_is_some():
    for file in [*HTML.glob("book/**/*.html"), *HTML.glob("notebooks/*.html")]:
        text = file.read_text(encoding="utf-8")
        assert ("mathjax/startup.js" in text) == ('class="math' in text), file


def test_icons_are_drawn_without_a_font_or_a_script(visit):
    page = visit("notebooks/canary_flag_iv.html")
    masks = page.eval_on_selector_all(
        "i.fa-solid, i.fas", "all => all.map(i => getComputedStyle(i, '::before').maskImage)"
    )
    assert masks
    assert all(mask.startswith("url(") for mask in masks)
