"""Each number on a page says what holds it, in the words of the tests themselves."""

import ast
import re
import subprocess
import sys
from collections import Counter
from math import sqrt

import proofs
import pytest
import stamps
from bs4 import BeautifulSoup
from plain import Plain
from proofs import Proofs, figure, lookups, proof, typeset
from stored import ROOT
from test_headlines import HEADLINES

CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_parser", "sphinxcontrib.bibtex", "plain", "proofs"]
myst_enable_extensions = ["dollarmath"]
bibtex_bibfiles = [{str(ROOT / "book" / "references.bib")!r}]
html_static_path = [{str(ROOT / "book" / "_static")!r}]
"""
CHAPTER = """# A slope of 2.06<!--seeing-raw-slope:.2f-->

## It is 2.06<!--seeing-raw-slope:.2f-->

From −0.14<!--seeing-berkeley-raw:.2f--> to **2.06<!--seeing-raw-slope:.2f-->**, see
[the 18.0<!--midflight-truth-points:.1f--> points](other.md). Nobody holds
7<!--nobody-holds-this:.0f-->.

| men |
|---|
| 545<!--midflight-men:.0f--> |

*Figure 1. A share of 95%<!--seeing-adjusted-coverage:.0%--> is no figure.*

<details>
<summary>Solution</summary>

It is 0.39<!--ladder-pn:.2f-->.

</details>
"""


def stamped():
    """Return the keys that the pages carry."""
    pages = [stamps.markdown(p) for p in stamps.pages() if p.suffix != ".ipynb"]
    return {stamp["key"] for text in pages for stamp in stamps.STAMP.finditer(text)}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    pages = {
        "conf.py": CONF,
        "index.md": "# Book\n\n```{toctree}\nx\nother\n```\n\n```{bibliography}\n```\n",
        "x.md": CHAPTER,
        "other.md": "# Other\n\nNo number.",
    }
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", str(folder), str(folder / "html")]
    subprocess.run(command, check=True)
    return folder / "html"


@pytest.fixture(scope="module")
def page(built):
    return BeautifulSoup((built / "x.html").read_text("utf-8"), "html.parser")


def lines(page):
    return [" ".join(line.get_text().split()) for line in page.select(".proofs li")]


def test_every_stamped_number_is_marked_with_its_key_but_in_the_title(page):
    marked = page.select("[role=main] .proof")
    assert marked[0].parent.name == "h2"
    assert [(m.get_text(), m["class"][1]) for m in marked] == [
        ("2.06", "proof-seeing-raw-slope"),
        ("−0.14", "proof-seeing-berkeley-raw"),
        ("2.06", "proof-seeing-raw-slope"),
        ("18.0", "proof-midflight-truth-points"),
        ("7", "proof-nobody-holds-this"),
        ("545", "proof-midflight-men"),
        ("95%", "proof-seeing-adjusted-coverage"),
        ("0.39", "proof-ladder-pn"),
    ]
    assert marked[2].parent.name == "strong"
    assert "<!--" not in page.select_one("[role=main]").decode_contents()


def test_a_number_that_no_test_holds_looks_different(page):
    unheld = page.select(".unheld")
    assert [number.get_text() for number in unheld] == ["7"]
    assert lines(page)[3] == "7 not yet held by a test of its own. nobody-holds-this"


def test_the_list_says_value_source_tolerance_and_test_once_a_key_in_order(page):
    found = lines(page)
    assert found[0] == (
        "2.06 held against 0.5 + 112.5/72.25 = 2.05709 (closed form), within 0.00005. "
        "test_headlines.py -k seeing-raw-slope"
    )
    assert found[2] == (
        "18.0 held against 18 (enumeration), within 10⁻⁹. "
        "test_headlines.py -k midflight-truth-points"
    )
    assert "545 held against 545 (Vella and Verbeek (1998)), exactly." in found[4]
    assert len(found) == len(page.select("[role=main] .proof")) - 1
    ids = [line["id"] for line in page.select(".proofs li")]
    assert set(ids) == {number["class"][1] for number in page.select("[role=main] .proof")}


def test_only_pages_with_numbers_have_the_list_and_load_its_files(built):
    with_numbers, without = [(built / name).read_text("utf-8") for name in ("x.html", "other.html")]
    for file in ("proofs.css", "proofs.js"):
        assert file in with_numbers
        assert file not in without
    assert proofs.TITLE not in without


def test_the_search_knows_the_numbers_and_nothing_of_their_proofs(built):
    index = (built / "searchindex.js").read_text("utf-8")
    assert '"545"' in index
    assert re.findall(r"headlin|tolerance|vella|unheld|proof", index, re.I) == []


def test_numbers_are_marked_before_the_stamps_are_stripped():
    assert Proofs.default_priority < Plain.default_priority
    assert proofs.NUMBER.pattern == f"{stamps.NUMBER}$"
    for key in stamped():
        assert proofs.STAMP.fullmatch(f"<!--{key}:.2f-->")


def test_every_row_shows_its_value_its_source_and_its_tolerance():
    for _, key, expected, tolerance, source in HEADLINES:
        words, test = proof(key)
        value = f"{figure(expected)} ({source}), "
        room = re.search(rf"{re.escape(value)}(.*?)(?:;|\.$)", words)[1]
        if tolerance == 0:
            assert room == "exactly", words
        elif room != f"within {figure(tolerance)}":
            code = room.removeprefix("within ").replace("×", "*").replace("^", "**")
            code = code.replace("√", "sqrt")
            assert eval(code, {"sqrt": sqrt}) == pytest.approx(tolerance), words
        assert test == f"test_headlines.py -k {key}"


def test_a_key_with_two_sources_shows_both():
    twice = [key for key, rows in Counter(row[1] for row in HEADLINES).items() if rows > 1]
    for key in twice:
        assert proof(key)[0].count("within") == sum(row[1] == key for row in HEADLINES)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2.0570934256, "2.05709"),
        (-0.076, "−0.076"),
        (128_000, "128,000"),
        (5e-5, "0.00005"),
        (1e-9, "10⁻⁹"),
        (2.5e-7, "2.5·10⁻⁷"),
        (0, "0"),
    ],
)
def test_figures_are_plain_digits(value, shown):
    assert figure(value) == shown


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("273 / 350 - 289 / 350", "273/350 − 289/350"),
        ("-14 / np.sqrt(np.pi)", "−14/√π"),
        ("(1.2 * 3) ** 2", "(1.2 × 3)^2"),
        ("-1.25", ""),
        ("+".join(["1.25"] * 20), ""),
    ],
)
def test_short_calculations_are_shown_as_they_are_written(code, shown):
    assert typeset(ast.parse(code, mode="eval").body) == shown


@pytest.mark.parametrize(
    ("assertion", "held"),
    [
        ("abs(stored['x-slope'] - 2) < 0.1", ["x-slope"]),
        ("stored['x-slope'] == pytest.approx(2, abs=0.1)", ["x-slope"]),
        ("stored['x-slope'] < stored['x-loss']", []),
        ("stored['x-slope'] > 0", []),
    ],
)
def test_an_order_or_a_sign_holds_no_number(assertion, held):
    test = ast.parse(f"def test_x():\n    assert {assertion}").body[0]
    assert [key for key, _ in lookups(test)] == held


def test_a_number_that_a_chapters_test_holds_names_the_assertion_and_the_test():
    words, test = proof("policy-mean-weight")
    assert words == "held by the assertion abs(stored['policy-mean-weight'] - 1) < 4 * 0.012."
    file, name = test.split("::")
    assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")


def test_no_stamped_number_is_without_a_proof():
    _, chapters = stamps.values()
    unheld = [(chapters[key], key) for key in sorted(stamped()) if proof(key) is None]
    assert unheld == []
