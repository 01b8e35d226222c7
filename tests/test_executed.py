"""A notebook is current exactly as long as nothing that its outputs depend on has changed."""

import executed
import jupytext
import nbformat
import pytest
from stored import SCRIPTS

PROJECT = {
    "pyproject.toml": """[tool.setuptools.package-data]
casestudies = ["worlds/*.csv", "other/*.csv"]
""",
    "requirements.txt": "numpy==2.0  # numbers\nxgboost-cpu==3.2\nruff==0.1\nnumpydoc==1.0\n",
    "casestudies/__init__.py": '"""A package."""\n',
    "casestudies/worlds/__init__.py": "from casestudies.worlds.first import first\n",
    "casestudies/worlds/first.py": "from .part import number\n\nfirst = lambda: number\n",
    "casestudies/worlds/second.py": "def second():\n    return 2\n",
    "casestudies/worlds/part.py": "import numpy as np\n\nnumber = np.float32(1)\n",
    "casestudies/worlds/cells.csv": "a\n1\n",
    "casestudies/worlds/notes.txt": "nothing\n",
    "casestudies/other/__init__.py": "def help():\n    return 0\n",
    "casestudies/other/third.py": "three = 3\n",
    "casestudies/other/fourth.py": "four = 4\n",
    "casestudies/other/cells.csv": "a\n1\n",
    "notebooks/chapter.py": """# %% [markdown]
# # A title

# %% tags=["hide-input"]
from xgboost import DMatrix
from casestudies import worlds
from casestudies.other.third import three

# %%
worlds.first() + three
""",
}


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def script(tmp_path):
    write(tmp_path, PROJECT)
    script = tmp_path / "notebooks" / "chapter.py"
    store(script)
    return script


def store(script, counts=(1, 2)):
    """Store a notebook as if it had been executed."""
    notebook = jupytext.read(script)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, count in zip(code, counts, strict=True):
        cell.execution_count = count
    executed.stamp(notebook, executed.digest(script))
    nbformat.write(notebook, script.with_suffix(".ipynb"))


def change(script, name, old, new):
    path = script.parent.parent / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("notebooks/chapter.py", "first() + three", "first() - three"),
        ("casestudies/__init__.py", "A package", "The package"),
        ("casestudies/worlds/__init__.py", "import first", "import first, number"),
        ("casestudies/worlds/first.py", "lambda: number", "lambda: -number"),
        ("casestudies/worlds/part.py", "float32(1)", "float32(2)"),
        ("casestudies/worlds/cells.csv", "1", "2"),
        ("casestudies/other/__init__.py", "return 0", "return 1"),
        ("casestudies/other/third.py", "3", "4"),
        ("requirements.txt", "numpy==2.0", "numpy==2.1"),
        ("requirements.txt", "xgboost-cpu==3.2", "xgboost-cpu==3.3"),
    ],
)
def test_a_change_of_what_a_chapter_reaches_makes_it_stale(script, name, old, new):
    assert executed.is_current(script)
    change(script, name, old, new)
    assert not executed.is_current(script)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("notebooks/chapter.py", "# # A title", "# # Another title"),
        ("notebooks/chapter.py", "hide-input", "hide-cell"),
        ("casestudies/worlds/second.py", "2", "3"),
        ("casestudies/worlds/notes.txt", "nothing", "something"),
        ("casestudies/other/fourth.py", "= 4", "= 5"),
        ("requirements.txt", "ruff==0.1", "ruff==0.2"),
        ("requirements.txt", "numpydoc==1.0", "numpydoc==1.1"),
        ("requirements.txt", "  # numbers", ""),
    ],
)
def test_a_change_of_anything_else_leaves_it_current(script, name, old, new):
    change(script, name, old, new)
    assert executed.is_current(script)


@pytest.mark.parametrize(
    ("use", "reached"),
    [
        ("from casestudies.worlds import second\nsecond.second()", {"second"}),
        ("from casestudies import worlds as w\nw.second.second()", {"second"}),
        ("from casestudies import worlds\nvars(worlds)", {"first", "second", "part"}),
        ("from casestudies import worlds\nworlds.names()", {"first", "second", "part"}),
        ("import casestudies.worlds", {"first", "second", "part"}),
        ("import casestudies.worlds.second", {"second"}),
        ("from casestudies.worlds.second import *", {"second"}),
        ("from casestudies.worlds import first", {"first", "part"}),
        ("from casestudies import worlds", set()),
    ],
)
def test_a_package_used_by_name_stands_for_that_name_and_used_whole_for_all(script, use, reached):
    write(script.parent, {"chapter.py": f"# %%\n{use}\n"})
    files, _ = executed.reached(script, script.parent.parent)
    assert {f.stem for f in files if f.parent.name == "worlds"} - {"__init__", "cells"} == reached


def test_data_that_no_reached_module_lies_beside_is_left_alone(script):
    write(script.parent, {"chapter.py": "# %%\nfrom casestudies.worlds import second\n"})
    files, _ = executed.reached(script, script.parent.parent)
    assert [f.parent.name for f in files if f.suffix == ".csv"] == ["worlds"]


@pytest.mark.parametrize("counts", [(None, None), (1, None), (2, 1), (1, 1), (2, 3)])
def test_a_notebook_that_was_not_run_through_in_order_is_stale(script, counts):
    store(script, counts)
    assert not executed.is_current(script)


def test_a_script_without_a_notebook_or_without_a_digest_is_stale(script):
    path = script.with_suffix(".ipynb")
    notebook = nbformat.read(path, as_version=4)
    del notebook.metadata["casestudies"]
    nbformat.write(notebook, path)
    assert not executed.is_current(script)
    path.unlink()
    assert not executed.is_current(script)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_stored_notebook_is_current(script):
    assert executed.is_current(script), "run make notebooks"
