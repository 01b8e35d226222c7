"""A chapter is one sitting: twenty screens at most, exercises and what follows them apart."""

import pytest
from pages import CHAPTERS

SCREEN, MOST = 900, 20
READ = """() => {
  const top = document.querySelector('article').getBoundingClientRect().top;
  const heads = [...document.querySelectorAll('article h2')];
  const end = heads.find(head => head.textContent.startsWith('Exercises'));
  return end.getBoundingClientRect().top - top;
}"""


@pytest.mark.parametrize("path", [page for page in CHAPTERS if page.startswith("notebooks/")])
def test_a_chapter_is_twenty_screens_at_most(visit, path):
    page = visit(path)
    page.wait_for_function("document.documentElement.hasAttribute('data-boxes')")
    assert page.evaluate(READ) <= MOST * SCREEN
