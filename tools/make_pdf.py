"""Print the built book into one PDF with contents, bookmarks, page numbers and inner links."""

import os
import posixpath
import re
import sys
from importlib.metadata import version
from pathlib import Path

import matplotlib as mpl
import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import TimeoutError as TookTooLong
from playwright.sync_api import sync_playwright
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
PDF = ROOT / "_build" / "seeing-is-not-doing.pdf"
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
PATIENCE = float(os.environ.get("PDF_PATIENCE", "180"))  # seconds for one step of the browser
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
LEFT_OUT = {"name": ["details", "script", "noscript"]}, {"class_": ["headerlink", "viewcode-link"]}
FACES = [  # they come with Matplotlib, so that the book looks the same everywhere
    ("STIX text", 400, "normal", "STIXGeneral.ttf"),
    ("STIX text", 400, "italic", "STIXGeneralItalic.ttf"),
    ("STIX text", 700, "normal", "STIXGeneralBol.ttf"),
    ("STIX text", 700, "italic", "STIXGeneralBolIta.ttf"),
    ("DejaVu code", 400, "normal", "DejaVuSansMono.ttf"),
]
TEXT_AREA = {"width": 635, "height": 930}  # A4 without the margins of pdf.css, in CSS pixels
TITLE_PAGE = f"""<section class="title-page"><img src="html/_static/logo.svg" alt="">
<p class="title">Seeing Is Not Doing</p>
<p class="subtitle">Executable case studies in causal inference</p>
<p class="small">Version {version("casestudies")}. Code under the MIT License, text and figures
under CC BY 4.0.<br>What is folded on the web pages (imports, drawings, the entries of the helper
package in full) is left out here; the pages and the notebooks have all of it.</p></section>"""
READY = """async () => {
  await MathJax.startup.promise;
  await document.fonts.ready;
  await Promise.all([...document.images].map(image => image.decode()));
  for (const formula of document.querySelectorAll('mjx-container[display="true"]')) {
    const share = formula.clientWidth / formula.scrollWidth;
    if (share < 1) formula.style.setProperty('font-size', `${100 * share}%`, 'important');
  }
}"""
FILL = """pages => document.querySelectorAll('[data-page-of]').forEach(
  place => { place.textContent = pages[place.dataset.pageOf] })"""


def parse(text):
    """Return HTML as a tree."""
    return BeautifulSoup(text, "html.parser")


def chapters_of(toc):
    """Return the book's pages in order, as (part or None, name of the page)."""
    pages = [(None, toc["root"])]
    for part in toc["parts"]:
        pages += [(part["caption"], name) for name in _names(part["chapters"])]
    return pages


def _names(entries):
    for entry in entries:
        yield entry["file"]
        yield from _names(entry.get("sections", []))


def slug(name, anchor=""):
    """Return the id, in the whole book, of a page or of a place on it."""
    return re.sub(r"[^\w.-]", "-", f"{name}--{anchor}" if anchor else name)


def chapter(html, name, names):
    """Return a page's article with ids and links that hold in the whole book."""
    page = (html / f"{name}.html").read_text(encoding="utf-8")
    article = parse(page[page.index("<article") : page.index("</article>")]).article
    for fold in article.select(".chapter-bar details"):
        fold.summary.extract()
        fold.unwrap()
    for tag in [tag for kind in LEFT_OUT for tag in article.find_all(**kind)]:
        tag.extract()
    for tag in article.find_all(id=True):
        tag["id"] = slug(name, tag["id"])
    for link in article.find_all("a", href=True):
        redirect(link, name, names)
    for image in article.find_all("img"):
        image["src"] = posixpath.normpath(posixpath.join("html", name, "..", image["src"]))
        del image["loading"]
    article["id"], article["class"] = slug(name), ["bd-article", "chapter"]
    article["style"] = f"page: {slug(name)}"
    return article


def redirect(link, name, names):
    """Point a link into the whole book, or take it away if it leads to a page without a place."""
    if re.match(r"[a-z]+:", link["href"]):
        return
    path, _, anchor = link["href"].partition("#")
    target = posixpath.normpath(posixpath.join(name, "..", path)) if path else f"{name}.html"
    if target.removesuffix(".html") in names:
        link["href"] = f"#{slug(target.removesuffix('.html'), anchor)}"
    else:
        del link["href"]


def title(article):
    """Return the title of a chapter."""
    return article.select_one("h1:not(.part), h2").get_text()


def begin_part(caption, articles):
    """Put the name of a part over its first chapter, and all its headings one level below."""
    for article in articles:
        for heading in article.find_all(re.compile("^h[1-5]$")):
            heading.name = f"h{int(heading.name[1]) + 1}"
    articles[0].insert(0, parse(f'<h1 class="part">{caption}</h1>'))


def solutions_of(articles):
    """Move the solutions out of their chapters and return them as the book's last chapter."""
    end = parse('<article id="solutions" style="page: solutions"><h1>Solutions</h1></article>')
    end.article["class"] = ["bd-article", "chapter"]
    for article in articles:
        found = article.find_all(class_="solution")
        if found:
            end.article.append(parse(f"<h2>{title(article)}</h2>"))
        for solution in found:
            exercise = solution.find_parent("section")
            solution["id"] = f"{exercise['id']}--solution"
            number = re.match(r"Exercise \d+", exercise.find(re.compile("^h[1-6]$")).get_text())[0]
            solution.find(class_="admonition-title").string = f"Solution to {number}"
            exercise.append(parse(f'<p class="to-solution">{link_to(solution["id"])}</p>'))
            end.article.append(solution.extract())
    return end.article


def link_to(place, text="Solution on page ", between=""):
    """Return a link that says the page of its target."""
    number = f'<span data-page-of="{place}">000</span>'
    return f'<a href="#{place}">{text}{between}{number}</a>'


def contents(parts):
    """Return the table of contents of (part or None, articles)."""
    dots = '<span class="dots"></span>'
    lines = []
    for caption, articles in parts:
        lines += [f'<li class="part">{caption}</li>'] if caption else []
        lines += [f"<li>{link_to(a['id'], title(a), dots)}</li>" for a in articles]
    return f'<section class="contents"><h1>Contents</h1><ol>{"".join(lines)}</ol></section>'


def styles(html, names):
    """Return links to every style sheet that one of the pages has."""
    pages = "".join((html / f"{name}.html").read_text(encoding="utf-8") for name in names)
    found = re.findall(r'<link[^>]*href="(?:\.\./)+(_static/[^"?]+\.css)', pages)
    return "".join(f'<link rel="stylesheet" href="html/{sheet}">' for sheet in dict.fromkeys(found))


def head(links, articles):
    """Return the head of the document: styles, fonts, running titles, formulas."""
    fonts = Path(mpl.get_data_path(), "fonts", "ttf")
    rules = "".join(
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style};'
        f' src: url("{(fonts / file).as_uri()}") }}\n'
        for family, weight, style, file in FACES
    )
    running = "".join(
        f'@page {article["id"]} {{ @top-left {{ content: "{title(article)}" }} }}\n'
        for article in articles
    )
    return (
        f'<meta charset="utf-8"><title>Seeing Is Not Doing</title>{links}<style>{rules}'
        f"{(ROOT / 'tools' / 'pdf.css').read_text(encoding='utf-8')}{running}</style>"
        '<script>window.MathJax = {options: {processHtmlClass: "math", enableMenu: false}}</script>'
        '<script defer src="html/_static/mathjax/tex-chtml.js"></script>'
    )


def whole_book(html, pages):
    """Return the pages, (part or None, name) each, as one HTML document beside their folder."""
    names = {name for _, name in pages}
    articles = {name: chapter(html, name, names) for _, name in pages}
    parts = []
    for caption in dict.fromkeys(caption for caption, _ in pages):
        parts.append((caption, [articles[name] for part, name in pages if part == caption]))
        if caption:
            begin_part(caption, parts[-1][1])
    end = solutions_of(articles.values())
    if end.find(class_="solution"):
        parts.append((None, [end]))
    every = [article for _, group in parts for article in group]
    links = styles(html, articles)
    body = TITLE_PAGE + contents(parts) + "".join(map(str, every))
    return (
        f'<!doctype html><html lang="en" data-theme="light"><head>{head(links, every)}</head>'
        '<body><main class="bd-main"><div class="bd-content"><div class="bd-article-container">'
        f"{body}</div></div></main></body></html>"
    )


def page_numbers(pdf):
    """Return the page on which each place that is linked to stands."""
    reader = PdfReader(pdf)
    places = reader.named_destinations.items()
    return {
        name.removeprefix("/"): reader.get_destination_page_number(place) + 1
        for name, place in places
    }


def print_twice(document, pdf, browser):
    """Print once to learn the page numbers, and again with them filled in."""
    options = {"path": pdf, "prefer_css_page_size": True, "print_background": True}
    page = browser.new_page(viewport=TEXT_AREA)
    page.set_default_timeout(PATIENCE * 1_000)
    page.emulate_media(media="print")
    page.goto(document.as_uri())
    page.evaluate(READY)
    page.pdf(**options)
    page.evaluate(FILL, page_numbers(pdf))
    page.pdf(**options, outline=True, tagged=True)
    page.close()


def make(html, pages, pdf, browser):
    """Print the pages of a built book into a PDF."""
    document = html.parent / "whole_book.html"
    document.write_text(whole_book(html, pages), encoding="utf-8")
    print_twice(document, pdf, browser)


def main():
    """Print the whole book and say where it is."""
    if not CHROMIUM.exists():
        sys.exit(
            f"There is no Chromium at {CHROMIUM}. On Debian, `apt-get install chromium` brings it; "
            "elsewhere, set CHROMIUM to the path of yours."
        )
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            make(HTML, chapters_of(toc), PDF, chromium)
        except TookTooLong:
            sys.exit(
                f"Chromium did not print the book within {PATIENCE:g} seconds. Close what else is "
                f"running, or give it more: PDF_PATIENCE={10 * PATIENCE:g} make pdf"
            )
        finally:
            chromium.close()
    print(f"{len(PdfReader(PDF).pages)} pages in {PDF}")


if __name__ == "__main__":
    main()
