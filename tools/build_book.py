"""Build the book from the notebooks' stored outputs, with every warning an error."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAST = [ROOT / "_build" / name for name in ("html", ".doctrees", "jupyter_execute")]
# jupyter-book, without a checker of addresses that jsonschema would spend a second to import.
JUPYTER_BOOK = """import sys
sys.modules["rfc3987_syntax"] = None
from jupyter_book.cli.main import main
main()"""


def forget():
    """Delete the last build, and nothing else that lies in _build."""
    for folder in LAST:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    """Run jupyter-book and print the path of the page to open."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clean", action="store_true", help="forget the last build first")
    if options.parse_args().clean:
        forget()
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", ".", "-W", "-n", "--keep-going", "-q"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        # A warm rebuild of a book that failed would not repeat its warnings.
        forget()
        sys.exit(f"{done.stdout}\n{done.stderr}\nThe book was not built: see the warnings above.")
    print(f"The book is built. Open {ROOT / '_build' / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
