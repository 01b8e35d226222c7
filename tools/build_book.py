"""Build the book from the notebooks' stored outputs, with every warning an error."""

import argparse
import re
import shutil
import sys
from pathlib import Path

from live import Live, follow

ROOT = Path(__file__).resolve().parent.parent
LAST = "html", ".doctrees", "jupyter_execute"
# jupyter-book, without a checker of addresses that jsonschema would spend a second to import.
JUPYTER_BOOK = """import sys
sys.modules["rfc3987_syntax"] = None
from jupyter_book.cli.main import main
main()"""
BUILD = [sys.executable, "-u", "-c", JUPYTER_BOOK, "build", ".", "-W", "-n", "--keep-going"]
COLOUR = re.compile(r"\x1b\[[\d;]*m")
PROGRESS = re.compile(r"(?m)^(.+)\.\.\. +\[ *(\d+%)\].*\n?")  # "reading sources... [ 12%] book/api"


def forget(root):
    """Delete the last build, and nothing else that lies in _build."""
    for name in LAST:
        shutil.rmtree(root / "_build" / name, ignore_errors=True)


def progress(output):
    """Return what Sphinx says it is doing, and how far it is."""
    found = PROGRESS.findall(COLOUR.sub("", output))
    return found[-1] if found else ("starting", "")


def main(arguments=None, root=ROOT, command=BUILD):
    """Run jupyter-book and print the path of the page to open."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clean", action="store_true", help="forget the last build first")
    if options.parse_args(arguments).clean:
        forget(root)
    live = Live()

    def tell(output):
        doing, share = progress(output)
        live.now(f"Building the book: {doing}", share)

    code, output = follow(command, tell, cwd=root)
    if code:
        # A warm rebuild of a book that failed would not repeat its warnings.
        forget(root)
        live.keep(PROGRESS.sub("", COLOUR.sub("", output)))
        sys.exit("The book was not built. Mend what the warnings above name, then make book again.")
    live.keep(f"The book is built. Open {root / '_build' / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
