"""The first load of a page is light: what it does not need is not fetched."""

import re
import zlib

import pytest
from pages import HTML

PLAIN, FORMULAS = 1_000_000, 1_500_000  # bytes before a host compresses them, mathematics apart
HEAVIEST = {
    "book/intro.html": PLAIN,
    "book/scoreboard.html": PLAIN,
    "book/choosing_a_design.html": PLAIN,
    "notebooks/seeing_and_doing.html": FORMULAS,
    "notebooks/hospital_confounding.html": FORMULAS,
    "notebooks/hospital_upgrade_did.html": FORMULAS,
    "notebooks/card_krueger_did.html": FORMULAS,
    "notebooks/quarter_of_birth_iv.html": FORMULAS,
    "notebooks/readmission_accuracy_trap.html": FORMULAS,
}


def fetched(browser, address, path):
    """Return what each address sends when a page is opened for the first time."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    answers = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{address}/{path}", wait_until="networkidle")
    bodies = {answer.url: answer.body() for answer in answers}
    context.close()
    return bodies


@pytest.mark.parametrize("path", HEAVIEST)
def test_a_first_load_is_light(browser, address, path):
    bodies = fetched(browser, address, path)
    sizes = {url: len(body) for url, body in bodies.items()}
    compressed = sum(len(zlib.compress(body)) for body in bodies.values())
    assert compressed < 1_000_000
    heaviest = sorted(sizes.items(), key=lambda item: -item[1])[:6]
    assert sum(sizes.values()) < HEAVIEST[path], heaviest
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
