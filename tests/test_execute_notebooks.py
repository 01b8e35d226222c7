"""`make notebooks` executes what is not current, says so, and fails where a cell does."""

import os
import time

import execute_notebooks
import executed
import nbformat
import pytest
from test_executed import PROJECT, change, write

LIGHT = {
    **PROJECT,
    "pyproject.toml": PROJECT["pyproject.toml"]
    + """[tool.jupytext]
formats = "ipynb,py:percent"
notebook_metadata_filter = "kernelspec,-all"
cell_metadata_filter = "tags,-all"
""",
    "notebooks/chapter.py": """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A title

# %%
from casestudies.other.third import three

# %%
import os
print(three + 1, os.path.basename(os.getcwd()))
""",
    "casestudies/__init__.py": "",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write(tmp_path, LIGHT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "notebooks"


def stored(folder, name="chapter"):
    return nbformat.read(folder / f"{name}.ipynb", as_version=4)


def printed(folder, name="chapter"):
    return [o.text for c in stored(folder, name).cells if "outputs" in c for o in c.outputs]


def edit(folder, old, new):
    """Change the script, as an editor does a second later."""
    script = folder / "chapter.py"
    script.write_text(script.read_text("utf-8").replace(old, new), encoding="utf-8")
    later = time.time() + 1
    os.utime(script, (later, later))


def test_a_notebook_is_executed_once_and_again_only_after_a_change(folder, capsys):
    def run(*names):
        execute_notebooks.main(list(names), folder)
        return capsys.readouterr().out.splitlines()[-1]

    execute_notebooks.main([], folder)
    begin, doing, *_, seconds, last = capsys.readouterr().out.splitlines()
    assert begin == "Comparing the notebooks with what they were executed from"
    assert doing == "0 of 1 notebooks executed,"
    assert 0 < float(seconds.removeprefix("  chapter: ").removesuffix(" s")) < 300
    assert last == "1 of 1 notebooks executed"
    assert printed(folder) == ["4 notebooks\n"]
    assert stored(folder).metadata["language_info"]["name"] == "python"
    assert "version" not in stored(folder).metadata["language_info"]
    assert executed.is_current(folder / "chapter.py")
    first = (folder / "chapter.ipynb").read_bytes()
    assert b"jupytext" not in first
    assert run() == "0 of 1 notebooks executed"
    assert run("chapter") == "1 of 1 notebooks executed"
    assert (folder / "chapter.ipynb").read_bytes() == first

    edit(folder, "A title", "Another title")
    assert run() == "0 of 1 notebooks executed"
    assert stored(folder).cells[0].source == "# Another title"
    assert b"jupytext" not in (folder / "chapter.ipynb").read_bytes()
    assert printed(folder) == ["4 notebooks\n"]

    change(folder / "chapter.py", "casestudies/other/third.py", "3", "5")
    assert run() == "1 of 1 notebooks executed"
    assert printed(folder) == ["6 notebooks\n"]

    edit(folder, "three + 1", "three + 2")
    edit(folder, "three + 2", "three + 1")
    kept = [cell.id for cell in stored(folder).cells]
    edit(folder, "three + 1", "three + 4")
    assert run() == "1 of 1 notebooks executed"
    assert printed(folder) == ["9 notebooks\n"]
    ids = [cell.id for cell in stored(folder).cells]
    assert ids[:2] == kept[:2]
    assert len(set(ids)) == 3


def test_equal_cells_get_different_ids_that_never_change(folder):
    (folder / "chapter.py").write_text("# %%\n1\n\n# %%\n1\n", encoding="utf-8")
    ids = [c.id for c in execute_notebooks.with_kept_ids(folder / "chapter.py").cells]
    assert len(set(ids)) == 2
    notebook = execute_notebooks.with_kept_ids(folder / "chapter.py")
    assert [c.id for c in notebook.cells] == ids
    nbformat.write(notebook, folder / "chapter.ipynb")
    again = [c.id for c in execute_notebooks.with_kept_ids(folder / "chapter.py").cells]
    assert again[0] == ids[0]
    assert len(set(again)) == 2


def test_a_cell_that_fails_fails_the_command_and_keeps_the_stored_outputs(folder, capsys):
    broken = "# %%\n1\n\n# %%\n1 / 0\n"
    write(folder, {"broken.py": broken, "also.py": broken, "sound.py": "# %%\nprint(7)\n"})
    with pytest.raises(SystemExit, match=r"Mend .* notebooks/also\.py, notebooks/broken\.py, then"):
        execute_notebooks.main([], folder)
    out = capsys.readouterr().out
    assert "broken failed" in out
    assert "ZeroDivisionError" in out
    assert out.endswith("2 of 4 notebooks executed\n")
    assert not (folder / "broken.ipynb").exists()
    assert printed(folder, "sound") == ["7\n"]


def test_a_name_that_is_not_there_is_refused_with_those_that_are(folder):
    with pytest.raises(SystemExit, match="no notebook chaptre; there are chapter"):
        execute_notebooks.main(["chaptre"], folder)


def test_stamping_executes_nothing_and_refuses_a_notebook_without_its_outputs(folder, capsys):
    execute_notebooks.main([], folder)
    change(folder / "chapter.py", "casestudies/other/third.py", "3", "3  # three")
    assert not executed.is_current(folder / "chapter.py")
    execute_notebooks.main(["--stamp-current"], folder)
    assert executed.is_current(folder / "chapter.py")
    assert capsys.readouterr().out.endswith("1 notebooks stamped, none executed. Next: make test\n")

    notebook = stored(folder)
    notebook.cells[-1].execution_count = None
    nbformat.write(notebook, folder / "chapter.ipynb")
    with pytest.raises(SystemExit, match="does not hold all its outputs: run make notebooks"):
        execute_notebooks.main(["--stamp-current"], folder)
    edit(folder, "three + 1", "three + 2")
    with pytest.raises(SystemExit, match="other code than its script: run make notebooks"):
        execute_notebooks.main(["--stamp-current"], folder)
