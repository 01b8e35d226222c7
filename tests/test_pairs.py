"""Every notebook is a pair in sync, with stored outputs, captions and alt text."""

import re
import tomllib
from itertools import pairwise

import jupytext
import pytest
from stored import FOLDER, SCRIPTS, cells

SETTINGS = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())["tool"]["jupytext"]
NAMES = [script.stem for script in SCRIPTS]
SECTIONS = [
    "The story",
    "The world",
    "The trap",
    "What must be true",
    "The estimate",
    "Try to break it",
    "The decision",
    "Many worlds",
    "Take it with you",
    "Exercises",
    "What the document",
]


def source(cell):
    return "".join(cell["source"])


def code_cells(name):
    return [c for c in cells(name) if c["cell_type"] == "code" and source(c).strip()]


def test_scripts_and_notebooks_come_in_pairs():
    assert NAMES
    assert sorted(p.stem for p in FOLDER.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_script_is_what_the_notebook_says(name):
    script = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    notebook = jupytext.read(FOLDER / f"{name}.ipynb")
    notebook.metadata["jupytext"] = {k: v for k, v in SETTINGS.items() if k != "formats"}
    assert jupytext.writes(notebook, fmt="py:percent") == script, "run make notebooks"


@pytest.mark.parametrize("name", NAMES)
def test_every_code_cell_was_executed_in_order(name):
    counts = [c["execution_count"] for c in code_cells(name)]
    assert counts == list(range(1, len(counts) + 1)), "run make notebooks"
    assert any(c["outputs"] for c in code_cells(name))


@pytest.mark.parametrize("name", NAMES)
def test_no_output_is_a_warning_or_a_bare_number_type(name):
    for cell in code_cells(name):
        for output in cell["outputs"]:
            assert output.get("name") != "stderr", source(cell)
            assert "np.float64(" not in str(output.get("data", "")), source(cell)


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_a_name_a_caption_and_an_alt_text_that_says_something(name):
    for cell in code_cells(name):
        if any("image" in mime for output in cell["outputs"] for mime in output.get("data", {})):
            render = cell["metadata"].get("mystnb", {})
            assert render.get("figure", {}).get("name", "").startswith("fig-"), source(cell)
            assert len(render["image"]["alt"]) > 60


@pytest.mark.parametrize("name", NAMES)
def test_the_line_below_a_figure_is_its_caption_and_figures_are_numbered(name):
    number = 0
    for cell, below in pairwise(cells(name)):
        if "mystnb" in cell["metadata"] and "figure" in cell["metadata"]["mystnb"]:
            number += 1
            caption = re.match(rf"\*Figure {number}\. ([^*]+)\*(?:\n\n|$)", source(below))
            assert caption, source(below)[:80]
            assert len(caption[1]) > 20
            assert caption[1] != cell["metadata"]["mystnb"]["image"]["alt"]
    assert number == sum(len(re.findall(r"\*Figure \d+\.", source(c))) for c in cells(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_anatomy_is_complete_and_in_order(name):
    prose = [source(c) for c in cells(name) if c["cell_type"] == "markdown"]
    headings = [m for text in prose for m in re.findall(r"(?m)^#{1,2} (.+)$", text)]
    places = []
    for section in SECTIONS:
        found = [i for i, h in enumerate(headings) if section.lower() in h.lower()]
        assert found, f"{name} has no section {section!r}"
        places.append(found[0])
    assert places == sorted(places)
    exercises = [int(n) for n in re.findall(r"(?m)^### Exercise (\d+)\. ", "\n".join(prose))]
    assert exercises == [*range(1, len(exercises) + 1)]
    assert len(exercises) >= 3
    assert "\n".join(prose).count("<summary>Solution</summary>") == len(exercises)


@pytest.mark.parametrize("name", NAMES)
def test_no_warning_is_silenced_and_no_style_is_set_by_hand(name):
    for cell in code_cells(name):
        assert not re.search(r"filterwarnings|simplefilter|rcParams|#[0-9A-Fa-f]{6}", source(cell))


@pytest.mark.parametrize("name", NAMES)
def test_open_code_cells_are_short(name):
    for cell in code_cells(name):
        tags = cell["metadata"].get("tags", [])
        lines = [line for line in source(cell).splitlines() if line.strip()]
        assert len(lines) <= 20 or any("hide" in tag or "remove" in tag for tag in tags), source(
            cell
        )
