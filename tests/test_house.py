"""What the book adds to every page: its address, description and card, and room for pictures."""

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "book" / "_static"
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
project = html_title = "Seeing Is Not Doing"
html_theme = "sphinx_book_theme"
extensions = ["myst_parser", "house"]
html_static_path = [{str(STATIC)!r}]
html_baseurl = "{{address}}"
"""
PAGE = """# A page

What follows is a first paragraph that is long enough to describe the page.

![A picture that says something]({picture})
"""


def page(folder, address):
    """Build a book of one page and return its HTML."""
    folder.mkdir()
    (folder / "conf.py").write_text(CONF.format(address=address), encoding="utf-8")
    (folder / "picture.svg").write_bytes((STATIC / "one_table.svg").read_bytes())
    (folder / "index.md").write_text(PAGE.format(picture="picture.svg"), encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", str(folder), str(folder / "html")]
    subprocess.run(command, check=True)
    return (folder / "html" / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def with_address(tmp_path_factory):
    return page(tmp_path_factory.mktemp("book") / "with", "https://book.example/causal/")


@pytest.fixture(scope="module")
def without_address(tmp_path_factory):
    return page(tmp_path_factory.mktemp("book") / "without", "")


def meta(html):
    """Return a page's metadata by name."""
    return dict(re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', html))


def test_an_address_set_in_one_place_gives_the_canonical_link_and_the_card(with_address):
    found = meta(with_address)
    assert 'rel="canonical" href="https://book.example/causal/index.html"' in with_address
    assert found["og:url"] == "https://book.example/causal/index.html"
    assert found["og:image"] == "https://book.example/causal/_static/card.png"
    assert found["twitter:card"] == "summary_large_image"
    assert len(found["og:image:alt"]) > 30


def test_without_an_address_nothing_pretends_to_have_one(without_address):
    assert "canonical" not in without_address
    assert not {"og:url", "og:image", "twitter:card"} & set(meta(without_address))


def test_every_page_has_a_title_and_a_description(without_address):
    found = meta(without_address)
    assert found["og:title"] == "A page"
    assert found["og:site_name"] == "Seeing Is Not Doing"
    assert found["description"] == found["og:description"]
    assert found["description"].startswith("What follows is a first paragraph")


def test_the_address_is_configured_in_one_place():
    told = [
        path.name
        for path in [ROOT / "_config.yml", *ROOT.glob("book/_ext/*.py")]
        if re.search(r"^\s*(html_)?baseurl:", path.read_text(encoding="utf-8"), re.M)
    ]
    assert told == ["_config.yml"]


def test_the_card_has_the_size_that_others_expect_and_is_light():
    picture = (STATIC / "card.png").read_bytes()
    assert struct.unpack(">II", picture[16:24]) == (1200, 630)
    assert len(picture) < 100_000


def test_the_picture_of_a_page_in_the_readme_is_there_and_light():
    assert "](book/page.png)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "book" / "page.png").stat().st_size < 200_000


def test_a_picture_keeps_its_room_until_it_is_loaded_and_is_as_wide_as_the_text(without_address):
    image = re.search(r'<img [^>]*alt="A picture[^>]*>', without_address)[0]
    assert 'loading="lazy"' in image
    svg = (STATIC / "one_table.svg").read_text(encoding="utf-8")
    width, height = (
        float(x) for x in re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg).groups()
    )
    room = [int(side) for side in re.search(r'width="(\d+)" height="(\d+)"', image).groups()]
    assert room[0] == pytest.approx(1.35 * width * 4 / 3, abs=0.5)
    assert room[0] <= 728
    assert room[1] / room[0] == pytest.approx(height / width, abs=1 / room[0])
