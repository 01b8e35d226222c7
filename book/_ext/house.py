"""What this book adds to every page: a bar to read, run and borrow, and its metadata."""

import html
import json
import re
import shutil
from pathlib import Path

import pydata_sphinx_theme
from docutils import nodes

RECIPE = re.compile(
    r"^(?:from|import) casestudies\.recipes\.(\w+)|^from casestudies\.recipes import (.+)$", re.M
)


def recipes_of(script):
    """Return the recipes that a chapter's script imports, in alphabetical order."""
    found = set()
    for one, several in RECIPE.findall(script):
        found |= {one} if one else {name.strip() for name in several.split(",")}
    return sorted(name for name in found if name)


def bar(name, script):
    """Return the bar of a chapter as HTML."""
    copies = "".join(
        f"<li><code>.venv/bin/casestudies copy "
        f'<a href="../book/recipes/{recipe}.html">{recipe}</a></code></li>'
        for recipe in recipes_of(script)
    )
    borrow = f"<dt>Borrow</dt><dd><ul>{copies}</ul></dd>" if copies else ""
    return (
        '<aside class="chapter-bar" aria-label="Run and borrow this chapter">'
        "<details><summary>Run it, borrow its estimators</summary><dl>"
        "<dt>Run</dt><dd>"
        f'<a href="../_sources/notebooks/{name}.ipynb" download>{name}.ipynb</a> '
        f'<a href="../_sources/notebooks/{name}.py" download>{name}.py</a> '
        "<span>in a clone: <code>make lab</code>. "
        "Python 3.11 or newer, no network, less than a minute.</span></dd>"
        f"{borrow}</dl></details></aside>"
    )


def add_bar(app, doctree):
    """Insert the bar below what stands under the title of a chapter: question and answer."""
    docname = app.env.docname
    script = Path(app.srcdir) / f"{docname}.py"
    if docname.startswith("notebooks/") and script.exists():
        text = bar(script.stem, script.read_text(encoding="utf-8"))
        title = next(iter(doctree.findall(nodes.title)), None)
        if title is not None:
            chapter = title.parent
            first = next(chapter.findall(nodes.section, include_self=False), None)
            chapter.insert(len(chapter) if first is None else chapter.index(first), raw(text))


def raw(text):
    """Return HTML as a node."""
    return nodes.raw("", text, format="html")


def first_words(doctree, limit=200):
    """Return the first paragraph of a page, cut at a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if len(text) > 40:
            return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " ..."
    return "Executable case studies in causal inference."


CARD = "One table, three analyses: only the one that adjusts for the common cause covers the truth."
IMAGE = re.compile(r'<img (?=[^>]*?src="([^"]+)")([^>]*)>')
SIZE = re.compile(r'<svg[^>]*? width="([\d.]+)pt" height="([\d.]+)pt"', re.S)


MENDED = (
    (re.compile('role="doc-biblioentry"'), 'role="listitem"'),  # ARIA dropped it
    (re.compile(' aria-label="Toggle hidden content"'), ""),  # the button's own words say more
    (re.compile(r"<th(?: [^>]*)?>(?:<p>)?\s*(?:</p>)?</th>"), "<td></td>"),  # it heads nothing
    (re.compile('<span class="(?:n|nb|nf|nn|o|p|w)">([^<]*)</span>'), r"\1"),  # without a colour
)
COLUMN, LARGER = 728, 1.35  # the text's width in pixels; what a figure may grow by


def light_image(tag, folder, drawn):
    """Return an image, loaded when it is near, its room kept free, as wide as the text."""
    source = drawn.get(tag[1].rsplit("/", 1)[-1], "")
    size = None
    if source.endswith(".svg"):
        with (folder / source).open(encoding="utf-8") as file:
            size = SIZE.search(file.read(2_000))
    room = [float(points) * 4 / 3 for points in size.groups()] if size else []
    scale = max(1, min(LARGER, COLUMN / room[0])) if room else 1
    room = [round(scale * side) for side in room]
    sides = "".join(f'{k}="{v}" ' for k, v in zip(["width", "height"], room, strict=False))
    return f'<img loading="lazy" decoding="async" {sides}{tag[2]}>'


def add_metadata(app, pagename, templatename, context, doctree):
    """Describe the page to search engines and to whoever a link is sent to."""
    if doctree is None:
        return
    body = context["body"]
    drawn = {name: source for source, name in app.builder.images.items()}
    for seen, better in MENDED:
        body = seen.sub(better, body)
    context["body"] = IMAGE.sub(lambda tag: light_image(tag, Path(app.srcdir), drawn), body)
    title = html.unescape(re.sub("<[^>]+>", "", context.get("title", "")))
    about = {"description": first_words(doctree)}
    social = {"og:title": title, "og:description": about["description"], "og:type": "article"}
    social["og:site_name"] = app.config.html_title
    if app.config.html_baseurl:
        base = app.config.html_baseurl.rstrip("/")
        social |= {"og:url": f"{base}/{pagename}.html", "og:image": f"{base}/_static/card.png"}
        social["og:image:alt"] = CARD
        about["twitter:card"] = "summary_large_image"
    tags = [f'<meta name="{k}" content="{html.escape(v)}">' for k, v in about.items()]
    tags += [f'<meta property="{k}" content="{html.escape(v)}">' for k, v in social.items()]
    context["metatags"] = context.get("metatags", "") + "\n".join(tags)


ICONS = (  # those that the theme's pages show
    *("angle-left", "angle-right", "arrow-up", "bars", "chevron-down", "circle-half-stroke"),
    *("download", "expand", "file", "file-pdf", "list", "magnifying-glass", "moon", "outdent"),
    "sun",
)
DRAWN = r'[,{{]"?{}"?:\[(\d+),(\d+),\[[^\]]*\],"[0-9a-f]+","([^"]+)"\]'
ICON = """.{name}::before {{
  mask-image: url('data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" \
viewBox="0 0 {width} {height}"><path d="{path}"/></svg>');
}}
"""
EVERYWHERE = re.compile(
    r'<script[^>]*src="[^"]*_static/(?:scripts/fontawesome|searchtools|language_data)\.js[^>]*>'
    r'</script>|<script src="[^"]*searchindex\.js[^>]*></script>'
)
SIDEBAR = (
    '<div id="pst-primary-sidebar" ',
    '<div id="pst-primary-sidebar" role="complementary" aria-label="The book" ',
)
FORMULAS = {  # what a page with mathematics loads, a third less than the bundle with its menu
    "load": ["core", "input/tex", "output/chtml", "a11y/assistive-mml"]
}


def draw_icons(app):
    """Write the theme's few icons as a style sheet: its script of all icons is 1.5 MB."""
    theme = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme"
    script = (theme / "static" / "scripts" / "fontawesome.js").read_text(encoding="utf-8")
    folder = Path(app.doctreedir) / "icons"
    folder.mkdir(parents=True, exist_ok=True)
    solid = -1  # an icon's outline comes before its solid form
    found = [(name, [*re.finditer(DRAWN.format(name), script)][solid]) for name in ICONS]
    text = "".join(
        ICON.format(name=f"fa-{name}", width=icon[1], height=icon[2], path=icon[3])
        for name, icon in found
    )
    (folder / "icons.css").write_text(text, encoding="utf-8")
    app.config.html_static_path.append(str(folder))
    app.builder.templates.environment.filters.update(
        without_what_few_pages_need=lambda head: EVERYWHERE.sub("", head),
        with_named_sidebar=lambda page: page.replace(*SIDEBAR),
    )


def choose_formulas(app, config):
    """Load of MathJax what formulas need."""
    config.mathjax_path = "mathjax/startup.js"
    config.mathjax3_config = (config.mathjax3_config or {}) | {"loader": FORMULAS}


def leave_out_formulas(app, pagename, templatename, context, doctree):
    """Load MathJax on pages that have mathematics, not also on those that lead to them."""
    if 'class="math' not in context.get("body", ""):
        context["script_files"] = [
            file
            for file in context["script_files"]
            if "mathjax" not in f"{file}{getattr(file, 'attributes', '')}".lower()
        ]


def name_folds(app, pagename, templatename, context, doctree):
    """Name the folds of the contents, which the theme marks by an arrow alone."""
    contents = context.get("generate_toctree_html")
    label = '<summary aria-label="Pages of this part">'
    if contents:
        context["generate_toctree_html"] = lambda *positional, **named: str(
            contents(*positional, **named)
        ).replace("<summary>", label)


ABOUT = re.compile(r'<meta name="description" content="([^"]*)">')
NOT_FOUND = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>No such page | {title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font: 1.1rem/1.6 system-ui, sans-serif; margin: 15vh auto; max-width: 34em;
padding: 0 1em; color: #222; background: #fff }} a {{ color: #0060a0 }}</style></head>
<body><main><h1>No such page</h1>
<p>There is nothing at this address. A page may have been renamed, or the link was mistyped.</p>
<p><a href="{home}">Go to the first page of {title}</a> for the contents and a search box.</p>
</main></body></html>
"""


def write_not_found(app, error):
    """Write a page for wrong addresses that needs no file but itself."""
    if error is None and app.builder.format == "html":
        home = app.config.html_baseurl or "/"
        text = NOT_FOUND.format(title=html.escape(app.config.html_title), home=home)
        (Path(app.outdir) / "404.html").write_text(text, encoding="utf-8")


def write_abstracts(app, error):
    """Write what each page is about, for a search in a folder, where no page may read another."""
    if error is None and app.builder.format == "html":
        about = {}
        for docname in sorted(app.env.found_docs):
            page = Path(app.outdir) / f"{docname}.html"
            found = page.exists() and ABOUT.search(page.read_text(encoding="utf-8"))
            about |= {docname: found[1]} if found else {}
        text = f"const ABSTRACTS = {json.dumps(about, indent=1)};\n"
        (Path(app.outdir) / "_static" / "abstracts.js").write_text(text, encoding="utf-8")


def copy_scripts(app, error):
    """Put each chapter's script beside its notebook, for the bar's download."""
    if error is None and app.builder.format == "html":
        for script in (Path(app.srcdir) / "notebooks").glob("*.py"):
            target = Path(app.outdir) / "_sources" / "notebooks"
            if (target / f"{script.stem}.ipynb").exists():
                shutil.copy(script, target)


def setup(app):
    """Register the additions with Sphinx."""
    app.add_config_value("comments_config", {}, "html")  # Jupyter Book sets it in any case
    app.connect("config-inited", choose_formulas, priority=900)
    app.connect("builder-inited", draw_icons)
    app.connect("html-page-context", leave_out_formulas, priority=900)
    app.connect("doctree-read", add_bar)
    app.connect("html-page-context", add_metadata)
    app.connect("html-page-context", name_folds, priority=900)
    app.connect("build-finished", write_abstracts)
    app.connect("build-finished", copy_scripts)
    app.connect("build-finished", write_not_found)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
