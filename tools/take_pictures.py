"""Photograph the card for links, book/_static/card.png, and the README's page, book/page.png.

The book must be built, and Chromium be there.
"""

import io
import os
from pathlib import Path

import matplotlib as mpl
from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "book" / "_static"
PAGE = ROOT / "_build" / "html" / "notebooks" / "staffing_mediator_trap.html"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
FONTS = Path(mpl.get_data_path(), "fonts", "ttf")
CARD = f"""<!doctype html><style>
@font-face {{ font-family: card; src: url("{(FONTS / "STIXGeneral.ttf").as_uri()}") }}
body {{ border-top: 16px solid #0072b2; box-sizing: border-box; color: #222222; height: 630px;
  display: flex; flex-direction: column; font: 40px/1.25 card; justify-content: space-between;
  margin: 0; padding: 36px 64px 32px; width: 1200px; }}
.logo {{ height: 130px; }} .figure {{ align-self: center; height: 330px; }}
header {{ align-items: center; display: flex; gap: 48px; justify-content: space-between; }}
p {{ margin: 0; text-align: right; }} .message {{ font-size: 44px; text-align: center; }}
</style><header><img class="logo" src="{(STATIC / "logo.svg").as_uri()}">
<p>Executable case studies<br>in causal inference</p></header>
<img class="figure" src="{(STATIC / "one_table.svg").as_uri()}">
<p class="message">One table, three analyses, one known truth.</p>"""

VIEW = """() => {
  document.querySelector('.bd-sidebar-primary').scrollTop = 0;
  const table = document.querySelector('#the-estimate .table-scroll');
  scrollTo(0, table.getBoundingClientRect().top + scrollY - 240);
}"""


def saved(picture, path, colours):
    """Store a PNG with a small palette, so that it is light."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    small = image.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def card(browser):
    """Return the picture that stands beside a link to the book."""
    page = browser.new_page(viewport={"width": 1200, "height": 630})
    page.goto(STATIC.as_uri())  # from where files may be shown
    page.set_content(CARD)
    page.evaluate("document.fonts.ready")
    return page.screenshot()


def chapter(browser):
    """Return a chapter's beginning as a reader sees it."""
    page = browser.new_page(
        viewport={"width": 1280, "height": 1000}, device_scale_factor=1.5, color_scheme="light"
    )
    page.goto(PAGE.as_uri())
    page.evaluate("MathJax.startup.promise")
    page.evaluate(VIEW)
    page.wait_for_timeout(500)
    return page.screenshot()


if __name__ == "__main__":
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        saved(card(chromium), STATIC / "card.png", 256)
        saved(chapter(chromium), ROOT / "book" / "page.png", 256)
