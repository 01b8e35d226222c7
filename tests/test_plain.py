"""A notebook reads as a page wherever it is opened, and the build makes links and boxes of it."""

import re
import subprocess
import sys
from html import unescape

import pytest
from bs4 import BeautifulSoup
from entries import Read
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from plain import EVERYDAY, Plain, citations, cited, finder, terms, works
from stored import ROOT, SCRIPTS, cells

CODE_HOST = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)
MARKUP = re.compile(
    r"\{[\w:.-]+\}`|:::|`{3}|~~~|\[!\w+\]|^\([\w-]+\)=|<!--|-->|</?\w+>|\|\s*-{3}|\*\*|\$\$",
    re.M,
)
CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_parser", "sphinxcontrib.bibtex", "plain"]
myst_enable_extensions = ["dollarmath"]
bibtex_bibfiles = [{str(ROOT / "book" / "references.bib")!r}]
"""
CHAPTER = """# The LATE and the ATE

The LATE and the ATE<!--x:.2f-->: compliers, a complier, `ITT`, $\\text{{ATT}}$,
[DiD](../book/g.md). Late trains; a late complier. Not average treatment effects, but the
average treatment effect on the treated.
People are matched. {prose}

> **Assumptions, all of them**
>
> - One. A collider.

> Only **bold** in part.

<details>
<summary>Solution</summary>

It is $x$.

| a | b |
|---|---|
| 1 | 2<!--x:.0f--> |

</details>

*Figure 1. No figure above.*
"""
WORKS = """Pearl (2009) and Angrist et al.'s (1996) idea; Hernán and Robins, 2020; Card, 1995a,
(Greenland et al., 1999; Hernán et al., 2004), Nobody (1999), Rubin."""


def visible(markdown):
    """Return what a code host shows of Markdown besides code and mathematics."""
    shown = []
    for token in CODE_HOST.parse(markdown):
        for part in token.children or []:
            if part.type == "text" or (part.type == "html_inline" and "<!--" not in part.content):
                shown.append(part.content)
            elif part.type == "code_inline":
                shown.append("`code`")
            elif part.type in ("softbreak", "hardbreak"):
                shown.append("\n")
        if token.type == "html_block":
            shown.append(re.sub(r"</?(?:details|summary)>", "", token.content))
        if token.block:
            shown.append("\n")
    return "".join(shown)


def prose(name):
    return ["".join(c["source"]) for c in cells(name) if c["cell_type"] == "markdown"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_code_host_shows_no_markup_of_ours(script):
    for markdown in prose(script.stem):
        assert not MARKUP.search(visible(markdown)), MARKUP.search(visible(markdown))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_fences_hold_code_and_folds_are_closed(script):
    text = "\n\n".join(prose(script.stem))
    fences = [t.info for t in CODE_HOST.parse(text) if t.type == "fence"]
    assert set(fences) <= {"bash", "python"}
    opened = re.findall(r"(?m)^<details>\n<summary>.+</summary>\n\n", text)
    assert len(opened) == text.count("<details>") == len(re.findall(r"(?m)^\n</details>$", text))


@pytest.mark.parametrize(
    "markup",
    [
        "{term}`ATE`",
        ":::{note}\nx\n:::",
        "(here)=\n# x",
        "> [!NOTE]\n> x",
        "2<!--x\n--",
        "<b>x</b>",
    ],
)
def test_markup_would_be_seen(markup):
    assert MARKUP.search(visible(f"before\n\n{markup}"))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return a small chapter, a glossary and a reference list as built."""
    folder = tmp_path_factory.mktemp("book")
    (folder / "notebooks").mkdir()
    (folder / "book").mkdir()
    listed = "```{toctree}\nnotebooks/x\nbook/g\nbook/other\n```\n\n```{bibliography}\n```\n"
    glossary = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    pages = {
        "conf.py": CONF,
        "index.md": f"# Book\n\n{listed}",
        "notebooks/x.md": CHAPTER.format(prose=WORKS),
        "book/g.md": re.sub(r"\s?\{cite:[pt]\}`[^`]*`", "", glossary),
        "book/other.md": "# Other\n\nThe ATE (Pearl, 2009) 2<!--x:.0f-->.",
    }
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", str(folder), str(folder / "html")]
    subprocess.run(command, check=True)
    return lambda name: BeautifulSoup((folder / "html" / name).read_text("utf-8"), "html.parser")


def linked(page, target):
    """Return the texts of a page's links to a page, in order."""
    return [a.get_text() for a in page.find_all("a", href=re.compile(target)) if a.find("span")]


def test_a_term_is_linked_where_a_page_first_mentions_it_and_nowhere_else(page):
    found = linked(page("notebooks/x.html"), r"g\.html#term-")
    assert found == [
        *("LATE", "ATE", "compliers", "average treatment effect on the treated", "collider"),
    ]


def test_works_are_linked_from_words_and_come_into_the_reference_list(page):
    found = linked(page("notebooks/x.html"), r"index\.html#")
    assert found == [
        *("Pearl (2009)", "Angrist et al.’s (1996)", "Hernán and Robins, 2020"),
        *("Greenland et al., 1999", "Hernán et al., 2004"),
    ]
    listed = page("index.html").select(".citation")
    assert len(listed) == len(found)
    titles = [a["title"] for a in page("notebooks/x.html").find_all("a", title=re.compile("19|20"))]
    assert titles[0].startswith("Judea Pearl. Causality")


def test_pages_that_are_no_chapters_are_left_alone_but_for_stamps(page):
    other = page("book/other.html")
    assert not other.find_all("a", href=re.compile(r"#term-|index\.html#"))
    assert "<!--x" not in str(other)


def test_stamps_do_not_reach_a_page(page):
    assert "<!--x" not in str(page("notebooks/x.html"))
    assert page("notebooks/x.html").find("td", string="2")


def test_a_quote_with_a_bold_first_line_is_a_box_and_another_is_none(page):
    (box,) = page("notebooks/x.html").select(".admonition.important")
    assert box.select_one(".admonition-title").get_text() == "Assumptions, all of them"
    assert box.find("li")
    assert page("notebooks/x.html").find("blockquote").get_text().strip() == "Only bold in part."


def test_a_solution_is_a_box_that_opens_on_a_click(page):
    (box,) = page("notebooks/x.html").select(".admonition.dropdown.solution")
    assert box.select_one(".admonition-title").get_text() == "Solution"
    assert box.find("table")
    assert not page("notebooks/x.html").find("details")


def test_every_work_of_the_references_can_be_cited_in_one_way_only():
    keys = re.findall(r"(?m)^@\w+\{(\w+),", (ROOT / "book/references.bib").read_text("utf-8"))
    assert sorted(works().values()) == sorted(keys)
    for (who, year), key in works().items():
        for words in (
            f"{who} ({year})",
            f"{who}, {year}",
            f"{who}'s ({year})",
            f"{who}’s ({year})",
        ):
            assert citations().fullmatch(words), words
            assert cited(words) == key


def test_the_longest_of_two_terms_wins_and_abbreviations_need_their_capitals():
    def found(text):
        return [m["term"] for m in finder().finditer(text)]

    assert found("clustered standard errors") == ["clustered standard error"]
    assert found("it did what DiD did") == ["DiD"]
    assert found("Colliders; subcolliders; collider's") == ["Collider", "collider"]
    assert {word.lower() for word in EVERYDAY} <= set(terms())


def test_words_are_links_before_the_index_reads_a_page():
    assert Plain.default_priority < Read.default_priority


def test_no_term_of_the_glossary_is_idle():
    text = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    linked_there = re.findall(r"\{term\}`(?:[^`<]*<)?([^`<>]+?)>?`", text)
    used = {terms().get(unescape(word).lower(), word) for word in linked_there}
    for path in [*SCRIPTS, *(ROOT / "book").rglob("*.md")]:
        if path.stem != "glossary":
            body = path.read_text(encoding="utf-8")
            used |= {terms()[m["term"].lower()] for m in finder().finditer(body) if m["term"]}
    assert set(terms().values()) - used <= WAITING


# Terms that no page uses yet; a new term of the glossary comes with the page that needs it.
WAITING = {
    *("blocked path", "common support", "confidence interval", "cross-fitting", "d-separation"),
    *("effect heterogeneity", "graph surgery", "Hájek weights", "individual treatment effect"),
    *("just-identified", "M-bias", "M-estimation", "marginal structural model"),
    *("Monte Carlo error", "off-policy evaluation", "overadjustment", "Table 2 fallacy"),
}
