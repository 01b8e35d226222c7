"""`make book` says how far it is, where the book lies, and forgets a book that failed."""

import subprocess
import sys
from importlib.metadata import version

import build_book
import pytest

LAST = ["html", ".doctrees", "jupyter_execute"]  # what Jupyter Book leaves in _build
SPHINX = """print("\\x1b[01mreading sources... \\x1b[39m[ 12%] \\x1b[35mbook/api")
import time; time.sleep(0.2)
print("writing output... [ 50%] notebooks/a")
"""
BROKEN = 'print("book/api.md:3: WARNING: no such page"); raise SystemExit(1)'


@pytest.fixture
def root(tmp_path):
    for name in [*LAST, "mine"]:
        (tmp_path / "_build" / name).mkdir(parents=True)
    return tmp_path


def left(root):
    return sorted(path.name for path in (root / "_build").iterdir())


def run(root, code, *arguments):
    build_book.main(list(arguments), root, [sys.executable, "-u", "-c", code])


def test_it_says_what_it_is_doing_and_where_the_book_is(root, capsys):
    run(root, SPHINX)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Building the book: reading sources 12%"
    assert lines[1] == "Building the book: writing output 50%"
    assert lines[-1] == f"The book is built. Open {root / '_build' / 'html' / 'index.html'}"
    assert left(root) == sorted([*LAST, "mine"])


def test_a_clean_build_forgets_the_last_one_and_nothing_else(root):
    run(root, "import os; assert os.listdir('_build') == ['mine']", "--clean")
    assert left(root) == ["mine"]


def test_a_book_with_a_warning_is_forgotten_and_the_warning_shown(root, capsys):
    with pytest.raises(
        SystemExit, match=r"not built\. Mend what the warnings .* then make book again\.$"
    ):
        run(root, SPHINX + BROKEN)
    out = capsys.readouterr().out
    assert "book/api.md:3: WARNING: no such page" in out
    assert "book/api\n" not in out
    assert "\x1b" not in out
    assert left(root) == ["mine"]


def test_before_sphinx_says_anything_it_is_starting():
    assert build_book.progress("Running Sphinx\n") == ("starting", "")


def test_the_command_is_that_of_jupyter_book_and_every_warning_is_an_error():
    begin = build_book.BUILD[: build_book.BUILD.index("build")]
    asked = subprocess.run([*begin, "--version"], capture_output=True, text=True, check=True)
    assert f"Jupyter Book      : {version('jupyter-book')}" in asked.stdout
    assert {"-u", "build", ".", "-W", "-n", "--keep-going"} <= set(build_book.BUILD)
