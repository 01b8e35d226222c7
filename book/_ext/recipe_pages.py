"""What a recipe's page takes from the code: its promises, its checks, its reference, its copies.

Nothing of it is typed a second time: signatures, estimands and assumptions are read from the
recipe's docstrings, the checks from the names of its tests, the coverage from the benchmark,
and the files to download are what the command line would write.
"""

import ast
import re
import textwrap
from functools import cache
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from house import recipes_of
from sphinx.util.docutils import SphinxDirective

from casestudies import copying

ROOT = Path(__file__).resolve().parents[2]
COVERAGE = ROOT / "book" / "_coverage.md"
PROMISE = re.compile(r"[Ee]stimand\b|[Aa]ssum|causal\s+if|consistent\s+if")
NAME = re.compile(r"(?<![:`])`(\w+)`(?!`)")
REFUSAL = re.compile(r"refus|_is_an_error|^test_unfit")


def source_of(recipe):
    """Return the path of a recipe's file."""
    return ROOT / "casestudies" / "recipes" / f"{recipe}.py"


def functions_of(recipe):
    """Return the public functions of a recipe, in the order of its file."""
    return [item.node for item in copying.find(recipe)]


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


@cache
def tests_in(file):
    """Return the tests of a file, by name, with the families whose functions each reaches."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    nodes_by_name = {name: node for node in body for name in _bound(node)}
    homes = _imported_recipes(body)
    found = {}
    for name in [name for name in nodes_by_name if name.startswith("test_")]:
        reached, queue = set(), [name]
        while queue:
            if (one := queue.pop()) not in reached:
                reached.add(one)
                walked = ast.walk(nodes_by_name[one]) if one in nodes_by_name else []
                queue += [word for node in walked for word in _words(node)]
        found[name] = {homes[word] for word in reached & homes.keys()}
    return found


def _bound(node):
    targets = getattr(node, "targets", [node])
    return filter(None, [getattr(each, "name", getattr(each, "id", None)) for each in targets])


def _words(node):
    return filter(None, [getattr(node, "id", None), getattr(node, "arg", None)])


def _imported_recipes(body):
    """Return the family behind each name that a file imports from the recipes."""
    homes = {}
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("casestudies.recipes"):
            family = node.module.removeprefix("casestudies.recipes").removeprefix(".")
            homes |= {alias.asname or alias.name: family or alias.name for alias in node.names}
    return homes


def tests_of(recipe):
    """Return the tests that reach a recipe, by name, with the names of their files.

    They lie in the tests of the families, of their parts and of single functions; those of its
    own file stand first.
    """
    homes = {file.stem.lstrip("_") for file in copying.RECIPES.glob("*.py")}
    homes |= {item.name for family in copying.families() for item in copying.find(family)}
    files = sorted((ROOT / "tests").glob("test_*.py"), key=lambda file: file.stem[5:] != recipe)
    files = [file for file in files if file.stem[5:] in homes]
    found = {}
    for file in files:
        for name, families in tests_in(file).items():
            if recipe in families:
                found.setdefault(name, file.name)
    return found


def checks(recipe):
    """Return the names of a recipe's tests: those of its answers, those of its refusals.

    Other families' tests that use the recipe in passing are left out, unless it has no tests
    of its own.
    """
    tests = tests_of(recipe)
    own = f"test_{recipe}.py"
    names = [name for name, file in tests.items() if file == own or own not in tests.values()]
    refusals = [name for name in names if REFUSAL.search(name)]
    return [name for name in names if name not in refusals], refusals


def coverage(recipe):
    """Return the rows of the coverage table that belong to a recipe's functions."""
    names = {function.name for function in functions_of(recipe)}
    head, rule, *rows = COVERAGE.read_text(encoding="utf-8").strip().splitlines()
    mine = [row for row in rows if re.match(r"\| `(\w+)", row)[1] in names]
    return [head, rule, *mine] if mine else []


def copies_of(recipe):
    """Return the text of each copy on offer, by the name of its file: the family, its functions."""
    names = [recipe, *map(copying.short_name, copying.find(recipe))]
    return {copying.file_name(name): copying.assemble(name) for name in names}


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
        """Return the nodes; a test that is named and does not reach the recipe is an error."""
        (recipe,) = self.arguments
        tests, (answers, refusals) = tests_of(recipe), checks(recipe)
        told = dict(re.split(r":\s+", line, maxsplit=1) for line in self.content)
        if unknown := sorted(set(told) - set(tests)):
            raise self.error(f"no test of {recipe} is called {', '.join(unknown)}")
        files = sorted({tests[name] for name in told})
        where = " and ".join(f"`tests/{file}`" for file in files)
        text = [f"`make test` runs these tests, in {where}. Among them:", ""]
        text += [*(f"- {words}" for words in told.values()), ""]
        rest = [name for name in answers if name not in told]
        text += _fold(f"{len(rest)} more tests of its answers, by their names", rest)
        text += _fold(f"{len(refusals)} tests of its refusals, by their names", refusals)
        return self.parse("\n".join(text), *(ROOT / "tests" / file for file in files))


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


class Downloads(FromCode):
    """The copies of a recipe, to download."""

    def run(self):
        """Return the nodes."""
        (recipe,) = self.arguments
        whole, *parts = copies_of(recipe).items()
        text = f"Or download {_offer(*whole)}."
        if parts:
            offers = ", ".join(_offer(*part) for part in parts)
            text += f" One function, with what it needs of the rest: {offers}."
        needs = ", ".join(copying.packages(whole[1]))
        return self.parse(f"{text} Needs {needs}.", *copying.RECIPES.glob("*.py"))


def _offer(name, text):
    lines = f"{len(text.splitlines()):,} lines"
    return f'<a href="{name}" download><code>{name}</code></a> ({lines})'


class Source(FromCode):
    """The copy of the whole recipe, folded."""

    def run(self):
        """Return the nodes."""
        (recipe,) = self.arguments
        name, text = next(iter(copies_of(recipe).items()))
        title = f"{name}: {len(text.splitlines()):,} lines"
        fold = f"::::{{dropdown}} {title}\n```python\n{text}```\n::::"
        found = self.parse(fold, *copying.RECIPES.glob("*.py"))
        for block in (block for node in found for block in node.findall(nodes.literal_block)):
            block["source"] = name  # a file, which the index does not read
        return found


def write_copies(app, error):
    """Put the copies beside the pages that offer them."""
    if error is None and app.builder.format == "html":
        for recipe in copying.families():
            for name, text in copies_of(recipe).items():
                target = Path(app.outdir) / "book" / "recipes" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")


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
        "recipe-downloads": Downloads,
        "recipe-source": Source,
    }.items():
        app.add_directive(name, directive)
    app.connect("build-finished", write_copies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
