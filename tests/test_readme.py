"""The README's table of chapters follows the book, and its numbers are the book's."""

import re
from pathlib import Path

import pytest
from stamps import STAMP
from stored import numbers

ROOT = Path(__file__).resolve().parent.parent
ROWS = re.findall(
    r"(?m)^\| \[[^]]+\]\(notebooks/(\w+)\.ipynb\) \| (.+) \| (.+) \|$",
    (ROOT / "README.md").read_text(encoding="utf-8"),
)


def test_every_chapter_has_a_row_in_the_order_of_the_book():
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert [name for name, _, _ in ROWS] == re.findall(r"file: notebooks/(\w+)", contents)


@pytest.mark.parametrize(("name", "headline"), [(name, headline) for name, _, headline in ROWS])
def test_the_headline_of_a_row_is_a_number_of_its_chapter(name, headline):
    stamped = [stamp["key"] for stamp in STAMP.finditer(headline)]
    assert stamped or "2.76 (1.36), replicated" in headline  # the paper's own figure
    assert set(stamped) <= set(numbers(name))
