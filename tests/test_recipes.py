"""What makes recipes fit to be copied: their imports, their names, and what a function says."""

import ast
import re
import sys
from collections import defaultdict

import pytest

from casestudies import copying

FILES = sorted(p for p in copying.RECIPES.glob("*.py") if p.stem != "__init__")
FAMILIES = copying.families()
PARTS = "casestudies.recipes._"
LIBRARIES = {"numpy", "pandas", "scipy", "statsmodels", "linearmodels", "matplotlib", "ibis"}
FIRST = {"data", "study", "result", "table", "cells"}  # rows, an event study, a result, cells
OF_NUMBERS = {  # they take no table
    "sample_size",
    "robustness_from_t",
    "e_value",
    "repeated_looks",
    "group_sequential_boundary",
}
FUNCTIONS = {
    f"{family}.{item.name}": item.node for family in FAMILIES for item in copying.find(family)
}


def imported(path):
    """Return the modules that a file imports, at its top or in a function."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append("." * node.level + (node.module or ""))
    return found


def defined(path):
    """Return the names that a file defines at its top, imports left out."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        for target in getattr(node, "targets", [node]):
            name = getattr(target, "name", None) or getattr(target, "id", None)
            if name:
                yield name


def sections(node):
    """Return a docstring's sections by title; what stands before the first is under ""."""
    text = ast.get_docstring(node) or ""
    parts = re.split(r"(?m)^(\w[\w ]*)\n-{3,}\n", text)
    return dict(zip(["", *parts[1::2]], parts[::2], strict=True))


def documented(node):
    """Return the parameters that a docstring lists, as numpydoc writes them."""
    heads = re.findall(r"(?m)^([*\w][\w, *]*?)(?: : .*)?$", sections(node).get("Parameters", ""))
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


def parameters(node):
    args = node.args
    rest = [arg for arg in (args.vararg, args.kwarg) if arg]
    return [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, *rest)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_imports_public_libraries_and_parts_and_nothing_else(path):
    modules = imported(path)
    ours = {module for module in modules if module.startswith(("casestudies", "."))}
    others = {module.partition(".")[0] for module in modules} - {"casestudies"}
    assert others <= LIBRARIES | set(sys.stdlib_module_names)
    assert all(module.startswith(PARTS) for module in ours)
    assert not (ours and path.stem == "_columns")


def test_a_name_stands_for_one_thing_in_all_recipes():
    homes = defaultdict(list)
    for path in FILES:
        for name in defined(path):
            homes[name].append(path.stem)
    twice = {name: stems for name, stems in homes.items() if len(stems) > 1}
    assert twice == {"event_study": ["difference_in_differences", "staggered_adoption"]}


def test_a_function_with_the_name_of_a_family_is_in_it():
    for name in FUNCTIONS:
        family, _, function = name.partition(".")
        assert function == family or function not in FAMILIES


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_takes_data_first_and_the_rest_by_keyword(name):
    args = FUNCTIONS[name].args
    assert not args.vararg
    assert not args.kwarg
    positional = [arg.arg for arg in (*args.posonlyargs, *args.args)]
    if name.split(".")[1] in OF_NUMBERS:
        assert not set(positional) & FIRST
    else:
        assert len(positional) == 1
        assert positional[0] in FIRST
        assert not args.defaults


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_documents_each_parameter_of_its_own(name):
    assert sorted(documented(FUNCTIONS[name])) == sorted(parameters(FUNCTIONS[name]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_stands_alone(name):
    """A copy holds one function: what another docstring says is not there to be read."""
    text = " ".join(ast.get_docstring(FUNCTIONS[name]).split())
    assert re.findall(r"\b[Aa]s (?:in|for|of|with) `\w+`", text) == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_has_a_summary_parameters_returns_raises_and_an_example(name):
    found = sections(FUNCTIONS[name])
    assert re.fullmatch(r"[A-Z][^\n]+[.?]", found[""].partition("\n")[0])
    assert {"Parameters", "Returns", "Raises", "Examples"} <= found.keys()
    assert ">>> " in found["Examples"]
