"""The decision path: one path in diagram, list and leaves, and every word of it backed."""

import ast
import html
import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from causaldata import nsw_mixtape
from chapter_pages import VERDICTS
from stamps import STAMP
from stored import numbers
from test_quarter_of_birth_cohorts import (
    TREND,
    YEARS,
    conditional_likelihood_ratio,
    cross_products,
    ends,
)

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
PAGE = (BOOK / "choosing_a_design.md").read_text(encoding="utf-8")
STYLE = (BOOK / "_static" / "decision_path.css").read_text(encoding="utf-8")
CLAIMS = (BOOK / "claims.md").read_text(encoding="utf-8")
CLAIMS = [part.split("\n:::")[0] for part in CLAIMS.split(":::{list-table}")[1:]]
LEDGERS = [re.search(r":name: (\S+)", text)[1] for text in CLAIMS]
RECIPES = {p.stem: p for p in (ROOT / "casestudies" / "recipes").glob("[!_]*.py")}

spec = importlib.util.spec_from_file_location("draw_path", ROOT / "tools" / "draw_path.py")
draw = importlib.util.module_from_spec(spec)
spec.loader.exec_module(draw)

BOTH = ["Estimand", "The data say", "Recipe", "Chapters"]
FIELDS = {
    "forecast": [*BOTH, "Assumption", "Check"],
    "design": [*BOTH, "Assumption", "Check"],
    "conditional": [*BOTH, "Assumption", "Check", "Collect instead"],
    "stop": [*BOTH, "Not known", "Collect instead"],
}
NAMES = list(draw.LEAVES)
RECIPE = r"\{doc\}`\w+ <recipes/(\w+)>`|`([a-z_]+)`"


def section(name):
    """Return the section of a leaf, from its label to the next."""
    return re.split(r"\n\(|\n## ", PAGE.split(f"(leaf-{name})=\n")[1])[0]


def field(name, label):
    return section(name).split(f"\n{label}\n: ")[1].split("\n\n")[0]


def linked(text):
    """Return the chapters that a text in Markdown links to, each once, in order."""
    return tuple(dict.fromkeys(re.findall(r"\{doc\}`[^`]*?notebooks/(\w+)>?`", text)))


def in_diagram():
    """Return what the boxes of the diagram say, a row each answer."""
    rows = []
    for number, box in enumerate(draw.diagram().split('<li class="path-step"')[1:], start=1):
        for way in box.split("<li>")[1:]:
            when = re.search(r'path-when">(.*?)</span>', way)[1]
            leaf = re.search(r'href="#leaf-([\w-]+)">(.*?)</a>', way)
            kind = re.search(r'path-kind">(.*?)</span>', way)[1]
            estimand = re.search(r"Estimand: (.*?)</p>", way)[1]
            chapters = tuple(re.findall(r'href="../notebooks/(\w+)\.html"', way))
            rows.append(
                (number, *map(html.unescape, (when, *leaf.groups(), kind, estimand)), chapters)
            )
    return rows


def in_words():
    """Return what the nested list says, a row each answer."""
    rows, number = [], 0
    pattern = r"   - (.*): \*\*(.*)\*\*, \{ref\}`(.*) <leaf-(.*)>`; estimand: (.*); read (.*)\."
    for line in draw.outline().splitlines():
        number += bool(re.match(r"\d+\. ", line))
        if match := re.fullmatch(pattern, line):
            when, kind, title, name, estimand, chapters = match.groups()
            rows.append((number, when, name, title, kind, estimand, linked(chapters)))
    return rows


def test_the_stored_diagram_and_list_are_what_the_code_draws():
    assert (BOOK / "_path.html").read_text(encoding="utf-8") == draw.diagram()
    assert (BOOK / "_path.md").read_text(encoding="utf-8") == draw.outline()
    assert "_path.html" in PAGE
    assert "_path.md" in PAGE


def test_diagram_and_list_say_the_same():
    assert in_diagram() == in_words()
    assert [row[2] for row in in_words()] == NAMES


def test_every_question_but_the_last_leads_on_to_the_next():
    assert [bool(step.onward) for step in draw.PATH] == [True] * (len(draw.PATH) - 1) + [False]
    for number, step in enumerate(draw.PATH[:-1], start=2):
        assert f'{html.escape(step.onward)}: <a href="#path-{number}">' in draw.diagram()
        assert f"   - {step.onward}: go on to question {number}." in draw.outline()
    for number, step in enumerate(draw.PATH, start=1):
        assert f'id="path-{number}"' in draw.diagram()
        assert f"{number}. {step.question}\n" in draw.outline()


def test_every_leaf_is_reached_once_and_the_leaves_stand_in_the_order_of_the_path():
    reached = [name for step in draw.PATH for _, name in step.ways]
    assert reached == NAMES
    assert re.findall(r"^\(leaf-([\w-]+)\)=$", PAGE, re.M) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_leaf_holds_all_that_its_kind_promises(name):
    leaf = draw.LEAVES[name]
    assert section(name).startswith(f"### {leaf.title}\n")
    for label in FIELDS[leaf.kind]:
        assert len(field(name, label)) > 5, label
    assert linked(field(name, "Chapters")) == leaf.chapters
    assert STAMP.search(field(name, "The data say"))


@pytest.mark.parametrize("name", NAMES)
def test_a_leaf_names_the_estimand_of_its_box(name):
    said = field(name, "Estimand")
    promised = re.findall(r"\b(?:ATE|ATT|ITT|LATE)\b", draw.LEAVES[name].estimand)
    assert all(f"{{term}}`{estimand}`" in said for estimand in promised)
    if "none" in draw.LEAVES[name].estimand:
        assert re.match("No |None ", said)


@pytest.mark.parametrize("name", sorted(draw.CHAPTERS))
def test_a_chapter_is_there_under_the_title_that_the_path_gives_it(name):
    assert (ROOT / "notebooks" / f"{name}.ipynb").exists()
    script = (ROOT / "notebooks" / f"{name}.py").read_text(encoding="utf-8")
    assert re.search(r"^# # (.*)$", script, re.M)[1].startswith(draw.CHAPTERS[name])
    assert f"notebooks/{name}\n" in (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert any(name in leaf.chapters for leaf in draw.LEAVES.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_and_function_that_a_leaf_names_exists(name):
    public = set()
    for recipe, word in re.findall(RECIPE, field(name, "Recipe")):
        if recipe:
            assert (BOOK / "recipes" / f"{recipe}.md").exists()
            body = ast.parse(RECIPES[recipe].read_text(encoding="utf-8")).body
            public = {node.name for node in body if isinstance(node, ast.FunctionDef)}
        else:
            assert word in public, f"{word} is not in the recipe named before it"


def test_every_design_has_a_checklist_under_the_title_of_its_leaf():
    text = (BOOK / "checklists.md").read_text(encoding="utf-8")
    sheets = dict(re.findall(r"(?m)^## (.+)\n\n.*\{ref\}`the leaf <leaf-([\w-]+)>`", text))
    designs = {leaf.title: n for n, leaf in draw.LEAVES.items() if leaf.kind == "design"}
    assert sheets == designs
    for sheet in text.split("\n## ")[1:]:
        parts = ["Before the outcome is looked at", "Show", "Try to break it"]
        assert re.findall(r"(?m)^\*\*([^*:]+)\*\*$", sheet) == parts


def test_every_recipe_of_the_package_is_named_by_a_leaf():
    named = {found for name in NAMES for found, _ in re.findall(RECIPE, field(name, "Recipe"))}
    assert set(RECIPES) <= named


@pytest.mark.parametrize("text", CLAIMS, ids=LEDGERS)
def test_every_verdict_is_one_of_the_four_and_has_a_reason(text):
    rows = re.findall(r"^\* - (.+)\n  - (.+)\n  - (.+)$", text, re.M)
    assert text.count("\n* - ") == len(rows)
    assert rows[0] == ("Claim", "Verdict", "What the numbers say")
    for claim, verdict, reason in rows[1:]:
        assert verdict in VERDICTS, claim
        assert STAMP.search(reason) or verdict == "cannot be tested here", claim


def test_the_source_of_every_design_not_covered_is_in_the_bibliography():
    known = re.findall(r"^@\w+\{(\w+),", (BOOK / "references.bib").read_text("utf-8"), re.M)
    cited = re.findall(r"\{cite:[pt]\}`([^`]+)`", PAGE)
    assert {key for group in cited for key in group.split(",")} <= set(known)
    rows = PAGE.split("(not-covered)=")[1].split("\n* - ")[2:]
    assert len(rows) >= 8
    assert all("{cite:t}" in row.split("\n:::")[0] for row in rows)


def test_a_frame_says_by_its_form_and_by_a_word_what_its_colour_never_does():
    assert set(draw.KINDS) == {leaf.kind for leaf in draw.LEAVES.values()}
    assert len(set(draw.KINDS.values())) == len(draw.KINDS)
    assert ".path-conditional {\n  border-style: dashed;" in STYLE
    assert ".path-stop {\n  border-style: double;" in STYLE
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgb|hsl", STYLE)


def test_the_page_can_be_found():
    assert "file: book/choosing_a_design" in (ROOT / "_toc.yml").read_text(encoding="utf-8")
    for page in ("intro", "how_to_use"):
        assert "<choosing_a_design>" in (BOOK / f"{page}.md").read_text(encoding="utf-8")


def test_what_the_page_says_in_words_holds_for_the_numbers():
    canary, upgrade = numbers("canary_flag_iv"), numbers("hospital_upgrade_did")
    assert canary["canary-as-treated"] > 0 < canary["canary-per-protocol"]
    assert canary["canary-late-high"] < 0 > canary["canary-itt-high"]
    assert upgrade["upgrade-did-low"] < upgrade["upgrade-att"] < upgrade["upgrade-did-high"]
    assert upgrade["upgrade-ddd-low"] < upgrade["upgrade-att"] < upgrade["upgrade-ddd-high"]
    assert upgrade["upgrade-pretrend-p"] > 0.05
    census = numbers("quarter_of_birth_iv")
    college = numbers("weak_instruments_iv")
    assert college["weak-card-f"] > 10
    assert 1.96 < census["qob-card"] / census["qob-card-se"] < college["weak-card-critical"]
    assert census["qob-trend-ar-low-percent"] < 0 < census["qob-trend-ar-high-percent"]
    patients = numbers("hospital_confounding")
    frail = [k for k in patients if k.startswith("hospital-frail-") and k.endswith("ate")]
    assert len(frail) == 3
    assert all(patients[key] > 0 > patients["hospital-ate"] for key in frail)
    assert patients["hospital-lalonde-naive"] < 0 < patients["hospital-lalonde-ols"]
    ladder = numbers("ladder_of_causation")
    assert ladder["ladder-raw"] == ladder["ladder-twin-ate"] < 0 < ladder["ladder-ate"]
    assert sum(leaf.kind == "stop" for leaf in draw.LEAVES.values()) == 4


def test_the_intervals_of_the_blame_are_those_of_the_men_in_the_programme():
    works = nsw_mixtape.load_pandas().data.eval("works = re78 > 0").groupby("treat")["works"]
    (p0, n0), (p1, n1) = works.agg(["mean", "size"]).to_numpy()
    z = 1.96 * np.array([1, -1])
    least = 1 - p0 / p1 * np.exp(z * error_of_log_ratio(p0, n0, p1, n1))
    most = (1 - p0) / p1 * np.exp(-z * error_of_log_ratio(1 - p0, n0, p1, n1))
    ladder = numbers("ladder_of_causation")
    assert ladder["ladder-training-least"] == pytest.approx(1 - p0 / p1, abs=1e-4)
    assert ladder["ladder-training-most"] == pytest.approx((1 - p0) / p1, abs=1e-4)
    said = field("blame", "The data say")
    assert f"(95% interval {least[0]:.2f} to {least[1]:.2f})" in said
    assert f"({most[0]:.2f} to {most[1]:.2f})" in said


def test_the_likelihood_ratio_sets_on_the_page_are_those_of_the_census():
    points = "{:.0f} to {:+.0f} log points"
    for controls, form, unit in [(YEARS, "{:.2f} to {:.2f}", 1), (TREND, points, 100)]:
        found = ends(conditional_likelihood_ratio, *cross_products(controls))
        said = form.format(*(unit * end for end in found)).replace("-", "−")
        assert said in field("instrument", "The data say")
    assert PAGE.count(said) == 2
    assert (BOOK / "claims.md").read_text(encoding="utf-8").count(said) == 2


def error_of_log_ratio(p, n, q, m):
    """Return the standard error of the logarithm of a ratio of two shares."""
    return np.sqrt((1 - p) / p / n + (1 - q) / q / m)
