"""The pages of the built book, by the paths that a reader visits."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html"))
FOLDERS = [HTML / "book", HTML / "notebooks"]
CHAPTERS = sorted(str(p.relative_to(HTML)) for folder in FOLDERS for p in folder.rglob("*.html"))
PAGES = [*CHAPTERS, "search.html", "genindex.html"]
