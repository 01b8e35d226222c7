"""Copies of recipes: whole, minimal, and fit to run where this package is not."""

import ast
import json
import os
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from stored import ROOT

from casestudies import copying

FAMILIES = copying.families()
FUNCTIONS = [f"{family}.{item.name}" for family in FAMILIES for item in copying.find(family)]
NAMES = [*FAMILIES, *FUNCTIONS]
RUFF = Path(sys.executable).with_name("ruff")
ALONE = """
import doctest, importlib, json, sys, warnings
sys.modules["casestudies"] = None
warnings.simplefilter("error")
failures = {}
for name in sys.argv[1:]:
    try:
        module = importlib.import_module(name)
        said = []
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
        for test in doctest.DocTestFinder().find(module):
            runner.run(test, out=said.append)
        if said or not runner.tries:
            failures[name] = "".join(said) or "no example"
    except Exception as error:
        failures[name] = repr(error)
print(json.dumps(failures))
"""


@cache
def text_of(name):
    return copying.assemble(name)


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A folder with a copy of every family and every function, by its name."""
    folder = tmp_path_factory.mktemp("copies")
    for name in NAMES:
        (folder / f"{name.replace('.', '__')}.py").write_text(text_of(name), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def failures(copies):
    """What goes wrong where every copy is imported, and its examples run, without us."""
    stems = sorted(file.stem for file in copies.glob("*.py"))
    environment = {**os.environ, "PYTHONPATH": str(copies), "OPENBLAS_NUM_THREADS": "1"}
    batches = [
        subprocess.Popen(
            [sys.executable, "-c", ALONE, *stems[half::2]],
            cwd=copies,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for half in (0, 1)
    ]
    return {
        name: text for batch in batches for name, text in json.loads(batch.communicate()[0]).items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_imported_and_its_examples_run_where_this_package_is_not(name, failures):
    assert failures.get(name.replace(".", "__")) is None


def ruff(*arguments):
    answer = subprocess.run(
        [RUFF, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return answer.stdout + answer.stderr


def test_copies_pass_the_linter_and_the_formatter_as_the_sources_do(copies):
    settings = ["--config", "pyproject.toml", "--no-cache"]
    assert ruff("check", *settings, copies).strip() == "All checks passed!"
    assert "already formatted" in ruff("format", "--check", *settings, copies)


def definitions(text):
    """Return the nodes of a file's top level by the names that they define, without imports."""
    found = {}
    for node in ast.parse(text).body:
        targets = getattr(node, "targets", [node])
        for target in targets:
            name = getattr(target, "name", None) or getattr(target, "id", None)
            if name:
                assert name not in found, f"{name} is defined twice"
                found[name] = node
    return found


def words(node):
    """Return every name and attribute written in a node, whatever it stands for."""
    return {getattr(each, "id", getattr(each, "arg", None)) for each in ast.walk(node)}


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_holds_each_definition_once_and_none_that_is_not_needed(name):
    found = definitions(text_of(name))
    reached, queue = set(), [item.name for item in copying.find(name)]
    while queue:
        one = queue.pop()
        if one not in reached:
            reached.add(one)
            queue += words(found[one]) & found.keys()
    assert reached == found.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_definition_is_copied_letter_for_letter(name):
    sources = [file.read_text(encoding="utf-8") for file in copying.RECIPES.glob("*.py")]
    text = text_of(name)
    for node in definitions(text).values():
        segment = ast.get_source_segment(text, node)
        assert sum(segment in source for source in sources) == 1
    comments = [line for line in text.splitlines()[2:] if line.startswith("#")]
    assert all(any(line in source.splitlines() for source in sources) for line in comments)


def test_a_copy_of_a_family_opens_as_its_source_does():
    for family in FAMILIES:
        source = (copying.RECIPES / f"{family}.py").read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text_of(family))) == ast.get_docstring(ast.parse(source))


def test_the_first_line_says_where_a_copy_comes_from():
    first, second = copying.assemble("weight", "match").splitlines()[:2]
    version = metadata.version("casestudies")
    assert first == f"# From casestudies {version}, MIT licence: weight, match."
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert second.removeprefix("# ").removesuffix(".") in licence.splitlines()
    assert all(len(line) < 100 for line in copying.assemble(*FAMILIES[:3]).splitlines()[:4])


def test_what_two_functions_share_is_in_their_file_once():
    text = copying.assemble("weight", "match", "weight", "weighting.weight")
    found = definitions(text)
    both = definitions(text_of("weighting.weight")) | definitions(text_of("matching.match"))
    assert found.keys() == both.keys()
    assert text.startswith("# From casestudies")
    assert text.splitlines()[0].endswith(": weight, match, weighting.weight.")
    docstring = ast.get_docstring(ast.parse(text))
    for family in ("weighting", "matching"):
        assert ast.get_docstring(ast.parse(text_of(family))) in docstring


def test_a_copy_is_the_same_whenever_it_is_made():
    code = "from casestudies.copying import *; print(*(assemble(name) for name in families()))"
    made = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout
        for seed in "12"
    ]
    assert made[0] == made[1]
    assert len(made[0]) > 100_000


def test_the_functions_asked_for_come_first_and_the_columns_last():
    names = [*definitions(copying.assemble("match", "weight"))]
    functions = [name for name in names if name.islower()]
    assert functions[0] == "match"
    columns = definitions((copying.RECIPES / "_columns.py").read_text(encoding="utf-8"))
    last = [name in columns for name in functions]
    assert last == sorted(last)
    assert sum(last) > 5


# What follows is made up, to hold kinds of code that today's recipes do not.


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    """A folder for families and parts that a test writes; returns the writer."""
    monkeypatch.setattr(copying, "RECIPES", tmp_path)

    def write(name, text):
        head, _, body = text.partition("---\n")
        (tmp_path / f"{name}.py").write_text(f'"""{name}."""\n\n{head}{body}', encoding="utf-8")

    return write


def run(text):
    space = {"__name__": "copied"}
    exec(compile(text, "copied", "exec"), space)
    return space


def test_what_is_needed_at_once_stands_above_what_needs_it(recipes):
    part = "casestudies.recipes._part"
    recipes(
        "family",
        f"from {part} import BASE, _Base, _start, _traced\n\nTOP = _start() + BASE\n\n\n"
        "@_traced(\n    1,\n\n    2,\n)\n"
        "def public(x=TOP):\n    return _Child().value, x, private()\n\n\n"
        "def private():\n    return 5\n\n\n"
        "class _Child(_Base):\n    extra = _start()\n",
    )
    recipes(
        "_part",
        "from casestudies.recipes._columns import _deep\n\nBASE = 40\nUNUSED = 1\n\n\n"
        "class _Base:\n    value: int = BASE\n\n    def unused(self):\n        return _late()\n\n\n"
        "def _late():\n    return _deep()\n\n\n"
        "def _start():\n    return _deep()\n\n\n"
        "def _traced(*numbers):\n    def mark(function):\n        function.traced = numbers\n"
        "        return function\n\n    return mark\n\n\n"
        "def _unused():\n    return UNUSED\n",
    )
    recipes("_columns", "def _deep():\n    return 2\n")
    text = copying.assemble("public")
    copied = run(text)
    assert copied["public"]() == (40, 42, 5)
    assert copied["public"].traced == (1, 2)
    assert "nused():" not in text
    assert "UNUSED" not in text
    assert text.index("def public") < text.index("def private") < text.index("class _Child")


def test_a_part_stands_above_the_parts_that_it_uses(recipes):
    used = {"family": "b", "_b": "c", "_c": "a", "_a": "d"}
    for name, part in used.items():
        imported = f"from casestudies.recipes._{part} import _{part}\n\n\n"
        recipes(
            name, f"{imported}def {name.replace('family', 'public')}():\n    return _{part}()\n"
        )
    recipes("_d", "def _d():\n    return 7\n")
    text = copying.assemble("family")
    assert run(text)["public"]() == 7
    assert [*definitions(text)] == ["public", "_b", "_c", "_a", "_d"]


def test_parts_that_do_not_use_each_other_have_one_order(recipes):
    names = ["_b", "_c", "_d", "_e", "_f"]
    imported = "".join(f"from casestudies.recipes.{name} import {name}\n" for name in names)
    called = ", ".join(f"{name}()" for name in names)
    recipes("_a", f"{imported}\n\ndef _a():\n    return {called}\n")
    for name in names:
        recipes(name, f"def {name}():\n    return 1\n")
    recipes(
        "family",
        "from casestudies.recipes._a import _a\n\n\ndef public():\n    return _a()\n",
    )
    assert [*definitions(copying.assemble("public"))] == ["public", "_a", *reversed(names)]


def test_names_are_found_wherever_they_are_written(recipes):
    recipes(
        "family",
        "import functools\nimport math\nimport os.path\nfrom typing import NamedTuple\n\n"
        "A: int = 1\nB = [A * n for n in (1, 2)]\nC = D = 3\n".replace("C = D = 3\n", "C = 3\n")
        + "E = 4\nF = 5\nwidth = 6\nUNUSED = 7\n\n\n"
        "class Row(NamedTuple):\n    first: int\n    second: float = C\n\n"
        "    def both(self):\n        return [self.first, *map(_twice, B)]\n\n\n"
        "@functools.cache\ndef public(data, *, size: Row = Row(1), UNUSED=0):\n"
        "    def inner(x):\n        return x if x else (lambda y: y + E)(x)\n\n"
        "    math = os.path.join('a', f'{F:>{width}}')\n"
        "    return math, inner(0), size.both(), [UNUSED for UNUSED in (0,)], __file__\n\n\n"
        "def _twice(n):\n    return 2 * n if n < 9 else _half(n)\n\n\n"
        "def _half(n):\n    return _twice(n / 2)\n\n\ndef _unused():\n    return math.pi, UNUSED\n",
    )
    text = copying.assemble("family")
    assert "UNUSED = 7" not in text
    assert "import math" not in text
    assert (
        "\n\nA: int = 1\nB = [A * n for n in (1, 2)]\nC = 3\nE = 4\nF = 5\nwidth = 6\n\n\n" in text
    )
    space = {"__name__": "copied", "__file__": "here"}
    exec(compile(text, "copied", "exec"), space)
    assert space["public"](0) == ("a/     5", 4, [1, 2, 4], [0], "here")


def test_imports_are_merged_and_keep_the_names_that_they_were_given(recipes):
    part = "casestudies.recipes._part"
    recipes(
        "family",
        "import xml.dom\nfrom xml import dom as documents\nfrom string import digits\n\n"
        f"from {part} import _helper\n\n\n"
        "def public():\n    return _helper(), xml.dom, documents, digits\n",
    )
    recipes(
        "_part",
        "import json as notation\nimport xml.sax\nfrom collections import OrderedDict\n"
        "from string import Template, ascii_letters as letters\n\nimport numpy as np\n\n\n"
        "def _helper():\n    return notation, xml.sax, OrderedDict, Template, letters, np\n",
    )
    text = copying.assemble("family")
    head = text.partition('"""family."""\n\n')[2].partition("\n\n\n")[0]
    assert head == (
        "import json as notation\nimport xml.dom\nimport xml.sax\n"
        "from collections import OrderedDict\n"
        "from string import Template, digits\nfrom string import ascii_letters as letters\n"
        "from xml import dom as documents\n\nimport numpy as np"
    )
    run(text)["public"]()
    assert copying.packages(text) == ["numpy"]


def sorted_and_formatted(text, file):
    file.write_text(text, encoding="utf-8")
    settings = ["--isolated", "--line-length=100", file]
    assert ruff("check", "--select=I,F", *settings).strip() == "All checks passed!"
    assert "already formatted" in ruff("format", "--check", *settings)


@pytest.mark.parametrize("width", [99, 100, 101, 102])
def test_a_long_import_is_folded_as_the_formatter_folds_it(width, recipes, tmp_path):
    names = ["a" * 30, "b" * 30, "c" * (width - len("from stat import , , ") - 60)]
    imported = "".join(f"from stat import {name}\n" for name in names)
    used = "".join(f"    yield {name}\n" for name in names)
    recipes("family", f"{imported}\n\ndef public():\n{used}")
    text = copying.assemble("public")
    assert ("from stat import (\n" in text) == (width > 100)
    sorted_and_formatted(text, tmp_path / "folded.py")


def test_members_are_sorted_as_the_linter_sorts_them(recipes, tmp_path):
    names = ["beta", "alpha", "_c", "Class", "Zebra", "N", "B", "CONST", "Z9", "ALPHA", "aB"]
    names += ["beta as B2", "alpha as z", "CONST as constant"]
    modules = ["stat", "string", "numpy", "zlib_ng", "numpy.linalg"]
    imported = "".join(f"from {m} import {name}\n" for m in modules[:1] for name in names)
    imported += "".join(f"from {m} import {m[0]}_{m[-1]}\n" for m in modules[1:])
    imported += "".join(f"import {m}\nimport {m} as {m[0]}_m\n" for m in ("json", "zlib_ng"))
    imported += "import numpy.fft\nimport numpy.linalg\n"
    bound = [line.split()[-1].partition(".")[0] for line in imported.splitlines()]
    used = "".join(f"    yield {name}\n" for name in dict.fromkeys(bound))
    recipes("family", f"{imported}\n\ndef public():\n{used}")
    sorted_and_formatted(copying.assemble("public"), tmp_path / "ordered.py")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"family": "def public():\n    return lost\n"}, "family uses lost, which is defined now"),
        (
            {"family": "if True:\n    def public():\n        return 1\n"},
            "family.py, line 3: beside imports, a recipe's file holds functions, classes and one",
        ),
        ({"family": "A, B = 1, 2\n\n\ndef public():\n    return A\n"}, "family.py, line 3: beside"),
        ({"family": "print()\n\n\ndef public():\n    return 1\n"}, "family.py, line 3: beside"),
        (
            {"family": "from . import _p\n\n\ndef public():\n    return _p\n"},
            "family must import _p as in: from casestudies.recipes._part import _p",
        ),
        (
            {"family": "from casestudies import scm\n\n\ndef public():\n    return scm\n"},
            "family must import scm as in: from casestudies.recipes._part import scm",
        ),
        (
            {
                "family": "from casestudies.recipes._part import _a as _b\n\n\n"
                "def public():\n    return _b\n",
                "_part": "def _a():\n    return 1\n",
            },
            "family must import _b as in",
        ),
        (
            {
                "family": "from math import pi as one\n\nfrom casestudies.recipes._part import _a\n"
                "\n\ndef public():\n    return one, _a\n",
                "_part": "from math import e as one\n\n\ndef _a():\n    return one\n",
            },
            "one is one thing in family and another in _part; copy them into two files",
        ),
        (
            {
                "family": "from casestudies.recipes._part import _a\n\n\n"
                "def public():\n    return _b(), _a()\n\n\ndef _b():\n    return 1\n",
                "_part": "def _a():\n    return _b()\n\n\ndef _b():\n    return 2\n",
            },
            "_b is one thing in family and another in _part",
        ),
    ],
)
def test_what_a_copy_cannot_follow_is_refused(files, message, recipes):
    for name, text in files.items():
        recipes(name, text)
    with pytest.raises(ValueError, match=message):
        copying.assemble("family")


def test_comments_go_with_what_they_stand_above(recipes):
    recipes(
        "family",
        "# How long.\nSIZE = 3  # steps\n\n# Of the whole.\n\n\n# Why public.\ndef public():\n"
        "    # Inside.\n    return SIZE, _helper(), _other()\n\n\n"
        "# Helpers, in\n# two lines.\n\n\ndef _unused():\n    return 0\n\n\n"
        "def _helper():\n    return 1\n\n\ndef _other():\n    return 2\n\n\n"
        "# Nothing needed below.\n\n\ndef _last():\n    return 3\n",
    )
    text = copying.assemble("public")
    assert text.partition('"""family."""\n\n')[2] == (
        "# How long.\nSIZE = 3  # steps\n\n\n# Of the whole.\n\n\n# Why public.\ndef public():\n"
        "    # Inside.\n    return SIZE, _helper(), _other()\n\n\n"
        "# Helpers, in\n# two lines.\n\n\ndef _helper():\n    return 1\n\n\n"
        "def _other():\n    return 2\n"
    )


def test_a_comment_or_a_decorator_does_not_hide_a_public_function(recipes):
    recipes(
        "family",
        "import functools\n\n\n# Mind the cache.\n@functools.cache\ndef public():\n"
        "    return 1\n\n\nclass Public:\n    pass\n\n\ndef _private():\n    return 2\n",
    )
    assert [item.name for item in copying.find("family")] == ["public"]
    assert "# Mind the cache.\n@functools.cache\ndef public" in copying.assemble("public")


def test_a_constant_that_needs_a_function_stands_below_it_and_a_comment_of_its_own_stays(recipes):
    recipes(
        "family",
        "def public():\n    return TABLE\n\n\ndef _make():\n    return 1\n\n\n"
        "# A section.\n\n\n# Made once.\nTABLE = _make()\n",
    )
    text = copying.assemble("public")
    assert run(text)["public"]() == 1
    assert "# A section.\n\n\n# Made once.\nTABLE = _make()\n" in text


def test_a_file_is_called_like_the_function_unless_two_families_have_one_of_that_name():
    told = {"match": "match", "matching.match": "match", "matching": "matching"}
    told["doubly_robust.doubly_robust"] = "doubly_robust"
    told["staggered_adoption.event_study"] = "staggered_adoption_event_study"
    assert {name: copying.file_name(name) for name in told} == {
        name: f"{stem}.py" for name, stem in told.items()
    }


def test_a_name_in_two_families_is_refused_with_the_choice():
    two = "difference_in_differences.event_study or staggered_adoption.event_study"
    with pytest.raises(ValueError, match=f"event_study is in 2 families; ask for {two}"):
        copying.assemble("event_study")
    with pytest.raises(
        ValueError, match=r"event_study is one thing in .* copy them into two files"
    ):
        copying.assemble(*two.split(" or "))


@pytest.mark.parametrize(
    "name", ["", ".", "no", "no.weight", "matching.weight", "a.b.weight", "_columns"]
)
def test_an_unknown_name_finds_nothing_and_cannot_be_assembled(name):
    assert copying.find(name) == []
    with pytest.raises(ValueError, match="there is no recipe and no function of one called"):
        copying.assemble(name)
