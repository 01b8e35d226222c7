"""What a recipe's page takes from the code: its promises, its checks, its reference.

Nothing of it is typed a second time: signatures, estimands and assumptions are read from the
recipe's docstrings, the checks from the names of its tests, the coverage from the benchmark.
"""

import ast
import re
import sys
import textwrap
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from house import recipes_of
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
COVERAGE = ROOT / "book" / "_coverage.md"
PROMISE = re.compile(r"[Ee]stimand\b|[Aa]ssum|causal\s+if|consistent\s+if")
NAME = re.compile(r"(?<![:`])`(\w+)`(?!`)")
REFUSAL = re.compile(r"refus|_is_an_error|^test_unfit")


def source_of(recipe):
    """Return the path of a recipe's file."""
    return ROOT / "casestudies" / "recipes" / f"{recipe}.py"


def tests_of(recipe):
    """Return the path of a recipe's tests."""
    return ROOT / "tests" / f"test_{recipe}.py"


def functions_of(recipe):
    """Return the public functions of a recipe, in the order of its file."""
    tree = ast.parse(source_of(recipe).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [function for function in functions if not function.name.startswith("_")]


def preamble(recipe):
    """Return what a recipe's docstring says below its first line."""
    tree = ast.parse(source_of(recipe).read_text(encoding="utf-8"))
    return ast.get_docstring(tree).partition("\n")[2].strip()


def promises(function):
    """Return a function's first line and the paragraphs on estimand and assumptions.

    A paragraph that goes on after a formula brings along what comes before it, one that
    ends in a colon what it announces.
    """
    first, *rest = ast.get_docstring(function).partition("\nParameters\n")[0].split("\n\n")
    kept, opened = set(), 0
    for i, paragraph in enumerate(rest):
        opened = opened if paragraph[0].islower() or paragraph.startswith("..") else i
        if PROMISE.search(paragraph):
            kept |= {*range(opened, i + 1), i + paragraph.rstrip().endswith(":")}
    return [first, *(rest[i] for i in sorted(kept))]


def call_of(function):
    """Return how a function is called, as lines of code."""
    call = f"{function.name}({ast.unparse(function.args)})"
    return textwrap.wrap(call, 76, subsequent_indent="    ", break_long_words=False)


def summary(recipe):
    """Return the promises of a recipe as reStructuredText."""
    blocks = [preamble(recipe)]
    for function in functions_of(recipe):
        call = textwrap.indent("\n".join(call_of(function)), "   ")
        blocks += [f".. code-block:: python\n\n{call}", *promises(function)]
    return NAME.sub(r"``\1``", "\n\n".join(blocks))


def reference(recipe):
    """Return the directives that document a recipe's functions in full."""
    module = f"casestudies.recipes.{recipe}"
    return "\n\n".join(f".. autofunction:: {module}.{f.name}" for f in functions_of(recipe))


def sentence(name):
    """Return the name of a test as the sentence that it is."""
    text = name.removeprefix("test_").replace("_", " ")
    return text[0].upper() + text[1:] + "."


def checks(recipe):
    """Return the names of a recipe's tests: those of its answers, those of its refusals."""
    tree = ast.parse(tests_of(recipe).read_text(encoding="utf-8"))
    names = [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
    tests = [name for name in names if name.startswith("test_")]
    refusals = [name for name in tests if REFUSAL.search(name)]
    return [name for name in tests if name not in refusals], refusals


def coverage(recipe):
    """Return the rows of the coverage table that belong to a recipe's functions."""
    names = {function.name for function in functions_of(recipe)}
    head, rule, *rows = COVERAGE.read_text(encoding="utf-8").strip().splitlines()
    mine = [row for row in rows if re.match(r"\| `(\w+)", row)[1] in names]
    return [head, rule, *mine] if mine else []


def packages(recipe):
    """Return the installed packages that a recipe imports, in alphabetical order."""
    tree = ast.parse(source_of(recipe).read_text(encoding="utf-8"))
    modules = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return sorted({module.partition(".")[0] for module in modules} - sys.stdlib_module_names)


def chapters_of(recipe):
    """Return the scripts of the chapters that import a recipe."""
    scripts = sorted((ROOT / "notebooks").glob("*.py"))
    return [s for s in scripts if recipe in recipes_of(s.read_text(encoding="utf-8"))]


class FromCode(SphinxDirective):
    """A directive that turns what the code says into text of the page."""

    required_arguments = 1

    def parse(self, text, *files):
        """Parse Markdown into the page, and read it again when one of the files changes."""
        for file in files:
            self.env.note_dependency(str(file))
        parent = nodes.Element()
        self.state.nested_parse(StringList(text.splitlines()), 0, parent)
        return parent.children


class Summary(FromCode):
    """Signatures, estimands and assumptions of a recipe's functions."""

    def run(self):
        """Return the nodes."""
        (recipe,) = self.arguments
        return self.parse(f"```{{eval-rst}}\n{summary(recipe)}\n```", source_of(recipe))


class Reference(FromCode):
    """The functions of a recipe in full."""

    def run(self):
        """Return the nodes."""
        (recipe,) = self.arguments
        return self.parse(f"```{{eval-rst}}\n{reference(recipe)}\n```", source_of(recipe))


class Checks(FromCode):
    """The checks told in the content, a line each (test: what it shows), the others in folds."""

    has_content = True

    def run(self):
        """Return the nodes; a test that is named and does not exist is an error."""
        (recipe,) = self.arguments
        answers, refusals = checks(recipe)
        told = dict(re.split(r":\s+", line, maxsplit=1) for line in self.content)
        if unknown := sorted(set(told) - {*answers, *refusals}):
            raise self.error(f"tests/test_{recipe}.py has no test {', '.join(unknown)}")
        rest = [name for name in answers if name not in told]
        text = [*(f"- {words}" for words in told.values()), ""]
        text += _fold(f"{len(rest)} more tests of its answers, by their names", rest)
        text += _fold(f"{len(refusals)} tests of its refusals, by their names", refusals)
        return self.parse("\n".join(text), tests_of(recipe))


class Coverage(FromCode):
    """How often the intervals of a recipe cover, as measured by the benchmark."""

    def run(self):
        """Return the nodes; a recipe without rows is an error."""
        (recipe,) = self.arguments
        rows = coverage(recipe)
        if not rows:
            raise self.error(f"book/_coverage.md has no row of {recipe}")
        return self.parse("\n".join(rows), COVERAGE)


class Chapters(FromCode):
    """The chapters of the book that use a recipe."""

    def run(self):
        """Return the nodes."""
        (recipe,) = self.arguments
        found = {f"notebooks/{script.stem}": script for script in chapters_of(recipe)}
        listed = [f"- {{doc}}`/{name}`" for name in found if name in self.env.found_docs]
        return self.parse("\n".join(listed), *found.values())


class Source(FromCode):
    """The whole file of a recipe, folded."""

    def run(self):
        """Return the nodes."""
        (recipe,) = self.arguments
        file = source_of(recipe)
        lines = len(file.read_text(encoding="utf-8").splitlines())
        title = f"{file.name}: {lines:,} lines, needs {', '.join(packages(recipe))}"
        code = f"```{{literalinclude}} /{file.relative_to(ROOT)}\n:language: python\n```"
        return self.parse(f"::::{{dropdown}} {title}\n{code}\n::::", file)


def _fold(title, tests):
    listed = [f"- {sentence(name)}" for name in tests]
    return [f":::{{dropdown}} {title}", *listed, ":::", ""] if tests else []


def setup(app):
    """Register the directives with Sphinx."""
    for name, directive in {
        "recipe-summary": Summary,
        "recipe-reference": Reference,
        "recipe-checks": Checks,
        "recipe-coverage": Coverage,
        "recipe-chapters": Chapters,
        "recipe-source": Source,
    }.items():
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
