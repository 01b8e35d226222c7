"""The pictures outside the notebooks are what the code draws."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def rounded(svg):
    """Return an SVG with its coordinates rounded: the last digits depend on the processor."""
    return re.sub(r"-?\d+\.\d+", lambda m: f"{float(m.group()):.1f}", svg)


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


draw = tool("draw_pictures")


@pytest.mark.parametrize("name", draw.PICTURES)
def test_a_stored_picture_is_the_one_that_the_code_draws(name):
    stored = (ROOT / "book" / "_static" / f"{name}.svg").read_text(encoding="utf-8")
    assert rounded(draw.PICTURES[name]()) == rounded(stored)


def test_the_pages_have_the_colours_of_the_figures():
    css = (ROOT / "book" / "_static" / "book.css").read_text(encoding="utf-8")
    light = css[: css.index("@media screen")]
    stated = dict(re.findall(r"--role-(\w+): (#\w{6});", light))
    assert stated == {name: colour.lower() for name, colour in draw.roles().items()}
