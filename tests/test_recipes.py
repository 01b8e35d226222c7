"""What makes a recipe fit to be copied: one file, public libraries, the same input checks."""

import ast
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "casestudies" / "recipes"
RECIPES = sorted(p for p in FOLDER.glob("*.py") if p.stem != "__init__")
ALLOWED = {"numpy", "pandas", "scipy", "statsmodels", "linearmodels", "matplotlib"}
MARK = "# Input checks and the result. These lines close every recipe, letter for letter,"


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield node.module


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_imports_the_standard_library_and_public_libraries_only(path):
    packages = {name.split(".")[0] for name in imported(path)}
    assert packages <= ALLOWED | set(sys.stdlib_module_names)


def test_every_recipe_closes_with_the_same_input_checks():
    assert len(RECIPES) >= 2
    closing = {path.stem: path.read_text(encoding="utf-8").split(MARK)[1:] for path in RECIPES}
    assert all(len(parts) == 1 for parts in closing.values())
    for name, parts in closing.items():
        assert parts == closing["standardization"], name


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_public_function_takes_data_first_and_the_rest_by_keyword(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name[0] != "_"]
    assert functions
    for function in functions:
        names = [a.arg for a in function.args.args]
        assert names[:1] != ["data"] or len(names) == 1, function.name
        assert names != ["data"] or function.args.kwonlyargs, function.name
        text = ast.get_docstring(function)
        for section in ("Parameters", "Returns", "Examples"):
            assert section in text, (function.name, section)
