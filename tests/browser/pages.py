"""The pages of the built book, by the paths that a reader visits."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html"))
PAGES = sorted(
    str(p.relative_to(HTML))
    for folder in ("book", "notebooks")
    for p in (HTML / folder).glob("*.html")
) + ["search.html", "genindex.html"]
