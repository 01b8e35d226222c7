"""The command line: list what the package holds, show one item, copy one recipe.

Names and summaries are read from the source files without importing them, so that
``python -m casestudies list`` answers at once.
"""

import argparse
import ast
import difflib
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

from casestudies import copying

PACKAGE = Path(__file__).parent
SECTIONS = {
    "scenario": "Scenarios: simulated worlds with known truth",
    "archive": "Archives: published data sets",
    "recipe": "Recipes: estimators made to be copied",
}
EPILOG = """examples:
  casestudies list
  casestudies show standardization
  casestudies copy standardization analysis/
"""


class Refusal(Exception):
    """A request that cannot be met; the message says why and what to do."""


class Entry(NamedTuple):
    """A scenario, an archive or a recipe, as its source file declares it."""

    kind: str
    name: str
    file: Path
    tree: ast.Module | ast.FunctionDef

    @property
    def docstring(self):
        """Return the docstring of the recipe's file or of the function."""
        return ast.get_docstring(self.tree) or ""

    @property
    def summary(self):
        """Return the docstring's first line."""
        return self.docstring.partition("\n")[0]


def catalogue():
    """Return everything that can be shown, in the order in which it is listed.

    A scenario or an archive is a function with the name of its file, a recipe is a file.

    Returns
    -------
    list of Entry
        Scenarios, archives, then recipes, each in alphabetical order.

    Examples
    --------
    >>> [entry.kind for entry in catalogue() if entry.name == "standardization"]
    ['recipe']
    """
    functions = [
        Entry(kind, function.name, file, function)
        for kind in ("scenario", "archive")
        for file, tree in _modules(f"{kind}s")
        for function in _public_functions(tree)
        if function.name == file.stem
    ]
    return functions + [
        Entry("recipe", file.stem, file, tree) for file, tree in _modules("recipes")
    ]


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit status: 0, or 2 if the request was refused.

    Examples
    --------
    >>> main(["copy", "standardization", "no_such_folder"])
    2
    """
    arguments = _parser().parse_args(argv)
    try:
        print(arguments.answer(arguments))
    except Refusal as error:
        print(f"casestudies: {error}", file=sys.stderr)
        return 2
    return 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="casestudies",
        description="Simulated worlds, published data and estimators made to be copied.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(answer=lambda arguments: parser.format_help().rstrip())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    text = "list scenarios, archives and recipes, one line each"
    commands.add_parser("list", help=text, description=text).set_defaults(answer=_list)

    text = "show how one of them is called and what it holds"
    show = commands.add_parser("show", help=text, description=text)
    show.add_argument("name", metavar="NAME", help="a name from the list")
    show.set_defaults(answer=_show)

    text = "copy one recipe, a file that runs alone, into your own project"
    copy = commands.add_parser("copy", help=text, description=text)
    copy.add_argument("name", metavar="NAME", help="a recipe from the list")
    where = "a folder, or the path of the new .py file (default: the current folder)"
    copy.add_argument("dest", metavar="DEST", nargs="?", default=".", type=Path, help=where)
    copy.add_argument("--force", action="store_true", help="overwrite a file that exists")
    copy.set_defaults(answer=_copy)
    return parser


def _list(arguments):
    entries = catalogue()
    width = max(len(entry.name) for entry in entries)
    blocks = []
    for kind, title in SECTIONS.items():
        rows = [f"  {e.name:<{width}}  {e.summary}" for e in entries if e.kind == kind]
        if rows:
            blocks.append("\n".join([title, *rows]))
    return "\n\n".join([*blocks, "More about one: casestudies show NAME"])


def _show(arguments):
    show = {"scenario": _show_scenario, "archive": _show_archive, "recipe": _show_recipe}
    return "\n\n".join(show[entry.kind](entry) for entry in _find(arguments.name))


def _show_recipe(entry):
    functions = [
        f"{_signature(function)}\n    {(ast.get_docstring(function) or '').partition(chr(10))[0]}"
        for function in _public_functions(entry.tree)
    ]
    needs = f"Needs {', '.join(_packages(entry.tree))}."
    copy = f"Copy it: casestudies copy {entry.name}"
    return "\n\n".join([f"{entry.name} (recipe)", entry.docstring, *functions, f"{needs}\n{copy}"])


def _show_archive(entry):
    call = _signature(entry.tree, prefix="archives.")
    return "\n\n".join([call, entry.docstring, "Use it: from casestudies import archives"])


def _show_scenario(entry):
    from casestudies import scenarios  # here, because the other commands do without its imports

    world = getattr(scenarios, entry.name)()
    adjust_for = ", ".join(world.adjust_for) or "nothing"
    facts = [
        f"Effect of {world.treatment} on {world.outcome}, adjusting for {adjust_for}.",
        f"Observed: {', '.join(world.observed)}.",
    ]
    edges = [f"  {cause} -> {effect}" for cause, effect in world.model.graph.edges]
    width = max(len(estimand) for estimand in world.truth)
    truth = [f"  {estimand:<{width}}  {value:.5f}" for estimand, value in world.truth.items()]
    blocks = [facts, ["Graph:", *edges], ["Truth, with the default parameters:", *truth]]
    call = _signature(entry.tree, prefix="scenarios.")
    body = [call, entry.docstring, *map("\n".join, blocks)]
    return "\n\n".join([*body, "Use it: from casestudies import scenarios"])


def _copy(arguments):
    entries = _find(arguments.name)
    recipe = next((entry for entry in entries if entry.kind == "recipe"), None)
    if recipe is None:
        raise Refusal(_not_a_recipe(entries[0]))
    target = _target(recipe, arguments.dest)
    if target.exists() and not arguments.force:
        raise Refusal(f"{target} exists; pass --force to overwrite it, or give another DEST")
    try:
        target.write_text(copying.assemble(recipe.name), encoding="utf-8")
    except OSError as error:
        raise Refusal(f"cannot write {target}: {error.strerror or error}") from error
    return f"Wrote {target}\nIt needs {', '.join(_packages(recipe.tree))}."


def _target(recipe, dest):
    """Return the path of the copy: in a folder that exists, or the .py file named."""
    if dest.is_dir():
        return dest / recipe.file.name
    if dest.suffix != ".py":
        raise Refusal(f"no folder {dest}; create it first, or give a path that ends in .py")
    if not dest.parent.is_dir():
        raise Refusal(f"no folder {dest.parent}; create it first")
    return dest


def _not_a_recipe(entry):
    kind = {"scenario": "a scenario", "archive": "an archive"}[entry.kind]
    return (
        f"{entry.name} is {kind}, and only recipes are made to be copied; import it instead:\n"
        f"  from casestudies import {entry.kind}s\n  {entry.kind}s.{entry.name}(...)"
    )


def _find(name):
    """Return the entries of that name, or refuse with the nearest names."""
    entries = catalogue()
    found = [entry for entry in entries if entry.name == name]
    if found:
        return found
    near = _nearest(name, entries)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise Refusal(f"no scenario, archive or recipe {name!r}; {hint}casestudies list shows all")


def _nearest(name, entries):
    """Return up to three names like this one; a recipe goes by its functions' names too."""
    owners = {entry.name: entry.name for entry in entries}
    for recipe in (entry for entry in entries if entry.kind == "recipe"):
        for function in _public_functions(recipe.tree):
            owners.setdefault(function.name, f"{recipe.name} (which holds {function.name})")
    key = name.lower()
    close = difflib.get_close_matches(key, owners)
    close += [other for other in owners if len(key) > 2 and key in other]
    answers = {}
    for other in close:
        answers.setdefault(owners[other].partition(" ")[0], owners[other])
    return list(answers.values())[:3]


def _modules(folder):
    """Return the public modules of a subpackage as (file, syntax tree), sorted."""
    files = sorted((PACKAGE / folder).glob("[!_]*.py"))
    return [(file, ast.parse(file.read_text(encoding="utf-8"))) for file in files]


def _public_functions(tree):
    return [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


def _signature(function, *, prefix=""):
    call = f"{prefix}{function.name}({ast.unparse(function.args)})"
    return textwrap.fill(call, 100, subsequent_indent="        ", break_on_hyphens=False)


def _packages(tree):
    """Return the packages that a file imports beyond the standard library, sorted."""
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    return sorted({name.partition(".")[0] for name in imported} - sys.stdlib_module_names)


if __name__ == "__main__":
    sys.exit(main())
