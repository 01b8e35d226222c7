"""The pictures outside the notebooks are what the code draws."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def rounded(svg):
    """Return an SVG with its coordinates rounded: the last digits depend on the processor."""
    return re.sub(r"-?\d+\.\d+", lambda m: f"{float(m.group()):.1f}", svg)


def test_the_first_picture_is_the_one_that_the_code_draws():
    spec = importlib.util.spec_from_file_location("draw", ROOT / "tools" / "draw_pictures.py")
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    stored = (ROOT / "book" / "_static" / "one_table.svg").read_text(encoding="utf-8")
    assert rounded(draw.one_table_three_analyses()) == rounded(stored)
