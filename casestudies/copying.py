"""Copy recipes: functions and families as one file that needs nothing of this package.

A copy holds what was asked for and, of the parts that the families share, the definitions
that it reaches: each once, its text untouched, in the order of the sources.
"""

import ast
import builtins
import functools
import symtable
import sys
import textwrap
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

RECIPES = Path(__file__).parent / "recipes"
PARTS = "casestudies.recipes._"
COPYRIGHT = "# Copyright (c) 2026 The Seeing Is Not Doing authors."


class Definition(NamedTuple):
    """A function, a class or a constant of a recipe's file."""

    module: str
    name: str
    section: str  # the comment that opens its part of the file
    text: str
    node: ast.stmt

    @property
    def public(self):
        """Whether this is a function to ask for by name."""
        return isinstance(self.node, ast.FunctionDef) and not self.name.startswith("_")

    @property
    def constant(self):
        """Whether this gives a name to a value."""
        return isinstance(self.node, ast.Assign | ast.AnnAssign)


class Import(NamedTuple):
    """What a file imports, as in "from module import there as name"."""

    name: str
    module: str  # empty in "import there"
    there: str


class Source(NamedTuple):
    """A file of recipes: its docstring, and its definitions and imports by name."""

    docstring: str
    definitions: dict
    imports: dict


def families():
    """Return the names of the families, sorted.

    Examples
    --------
    >>> "matching" in families(), "_columns" in families()
    (True, False)
    """
    return sorted(file.stem for file in RECIPES.glob("[!_]*.py"))


def find(name):
    """Return the public functions that a name asks for, in the order of their file.

    Parameters
    ----------
    name : str
        A family, a function, or "family.function" where two families have one of that name.

    Returns
    -------
    list of Definition
        Of several families where the name is ambiguous; empty where nothing has it.

    Examples
    --------
    >>> [function.name for function in find("weighting")]
    ['inverse_weights', 'weight']
    """
    family, _, function = name.rpartition(".")
    places = [name] if name in families() else families()
    public = [item for place in places for item in _read(place).definitions.values() if item.public]
    if name in families():
        return public
    return [item for item in public if item.name == function and family in ("", item.module)]


def short_name(function):
    """Return the name that asks for a function: its own, unless two families have one so called.

    Examples
    --------
    >>> [short_name(function) for function in find("event_study")]
    ['difference_in_differences.event_study', 'staggered_adoption.event_study']
    """
    homes = {item.module for item in find(function.name)}
    alone = homes == {function.module}
    return function.name if alone else f"{function.module}.{function.name}"


def file_name(name):
    """Return the name of the file that a copy goes to.

    Examples
    --------
    >>> file_name("weighting.weight"), file_name("staggered_adoption.event_study")
    ('weight.py', 'staggered_adoption_event_study.py')
    """
    stem = name if name in families() else short_name(find(name)[0])
    return f"{stem.replace('.', '_')}.py"


def assemble(*names):
    """Write one file that holds these functions and families.

    Parameters
    ----------
    *names : str
        As for `find`; at least one.

    Returns
    -------
    str
        The text of a Python file that imports public libraries only.

    Raises
    ------
    ValueError
        If a name is unknown or ambiguous, or would stand for two things in one file.

    Examples
    --------
    >>> text = assemble("weight")
    >>> "def weight(" in text, "def match(" in text, "casestudies.recipes" in text
    (True, False, False)
    """
    wanted = [item for name in names for item in _asked(name)]
    modules = dict.fromkeys(item.module for item in wanted)
    chosen, imports = _reach(wanted)
    ordered = _by_load(_in_reading_order(chosen, modules))
    count = next(i for i, item in enumerate(ordered) if not item.constant)
    head = [
        _origin(dict.fromkeys(names)),
        _docstring([_read(module).docstring for module in modules]),
        _imports(imports),
        "\n".join(item.text for item in ordered[:count]),
    ]
    return "\n\n\n".join(["\n\n".join(filter(None, head)), *_texts(ordered[count:])]) + "\n"


def packages(text):
    """Return the packages that a file imports beyond the standard library, sorted.

    Examples
    --------
    >>> packages(assemble("weight"))
    ['numpy', 'pandas', 'scipy']
    """
    found = [item for node in ast.walk(ast.parse(text)) for item in _imported(node)]
    roots = {(item.module or item.there).partition(".")[0] for item in found}
    return sorted(roots - sys.stdlib_module_names)


def _asked(name):
    """Return the functions of the one family that a name asks for, or raise."""
    found = find(name)
    if not found:
        raise ValueError(f"there is no recipe and no function of one called {name!r}")
    if len({item.module for item in found}) > 1:
        choice = " or ".join(short_name(item) for item in found)
        raise ValueError(f"{name} is in {len(found)} families; ask for {choice}")
    return found


def _read(name):
    """Read the source file of a family or of a part."""
    return _read_file(RECIPES / f"{name}.py")


@functools.cache
def _read_file(file):
    text = file.read_text(encoding="utf-8")
    docstring, *statements = ast.parse(text).body
    lines, definitions, imports, section = text.split("\n"), {}, {}, ""
    end = docstring.end_lineno
    for node in statements:
        start = min(each.lineno for each in [node, *getattr(node, "decorator_list", [])])
        apart, _, own = "\n".join(lines[end : start - 1]).rpartition("\n\n")
        section, end = apart.strip("\n") or section, node.end_lineno
        body = "\n".join([own, *lines[start - 1 : end]]).strip("\n")
        match node:
            case ast.Import() | ast.ImportFrom():
                for item in _imported(node):
                    imports.setdefault(item.name, []).append(item)
                continue
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                pass
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                pass
            case _:
                raise ValueError(
                    f"{file.name}, line {start}: beside imports, a recipe's file holds functions, "
                    "classes and one name = value a line"
                )
        definitions[name] = Definition(file.stem, name, section, body, node)
    return Source("\n".join(lines[: docstring.end_lineno]), definitions, imports)


def _imported(node):
    """Return what a statement imports."""
    if isinstance(node, ast.Import):
        return [Import(a.asname or a.name.partition(".")[0], "", a.name) for a in node.names]
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        return [Import(alias.asname or alias.name, module, alias.name) for alias in node.names]
    return []


@functools.cache
def _needed(text):
    """Return the names that a definition takes from its file, by the compiler's own rules."""
    top = symtable.symtable(text, "definition", "exec")
    tables, names = [top], set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        names |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return names - {each.get_name() for each in top.get_symbols() if each.is_assigned()}


def _resolve(module, name):
    """Return the definition or the imports behind a name; nothing behind a builtin or __file__."""
    here = _read(module)
    if name in here.definitions:
        return [here.definitions[name]]
    found = here.imports.get(name, [])
    if not (found or hasattr(builtins, name) or name.startswith("__")):
        raise ValueError(f"{module} uses {name}, which is defined nowhere")
    for item in found:
        if item.module.startswith(PARTS) and item.name == item.there:
            return [_read(item.module.rpartition(".")[2]).definitions[name]]
        if (item.module or item.there).partition(".")[0] in ("", "casestudies"):
            raise ValueError(f"{module} must import {name} as in: from {PARTS}part import {name}")
    return found


def _reach(wanted):
    """Return the set of all definitions that these need, themselves included, and of imports."""
    queue, meanings, chosen, imports = list(wanted), {}, set(), set()
    while queue:
        item = queue.pop(0)
        if item in chosen:
            continue
        chosen.add(item)
        found = [each for name in _needed(item.text) for each in _resolve(item.module, name)]
        queue += [each for each in found if isinstance(each, Definition)]
        imports |= {each for each in found if isinstance(each, Import)}
        for each in [item, *found]:
            dotted = isinstance(each, Import) and each.there.startswith(f"{each.name}.")
            meaning = each.name if dotted else each
            first, home = meanings.setdefault(each.name, (meaning, item.module))
            if first != meaning:
                raise ValueError(
                    f"{each.name} is one thing in {home} and another in {item.module}; copy "
                    "them into two files"
                )
    return chosen, imports


def _in_reading_order(chosen, modules):
    """Sort by file, each above those that it imports from, families first; constants lead."""
    parts = {file.stem: _read(file.stem).imports for file in sorted(RECIPES.glob("_[!_]*.py"))}
    needs = {part: sorted(_parts_in(imports)) for part, imports in parts.items()}
    order = [*modules, *reversed([*TopologicalSorter(needs).static_order()])]
    place = {item: (order.index(item.module), item.node.lineno) for item in chosen}
    return sorted(chosen, key=lambda item: (not item.constant, place[item]))


def _parts_in(imports):
    found = [item.module for items in imports.values() for item in items]
    return {module.rpartition(".")[2] for module in found if module.startswith(PARTS)}


def _by_load(items):
    """Move up what is needed as soon as it is read: a base class, a decorator, a default."""
    seen, placed = set(), []

    def place(item):
        if item in seen:
            return
        seen.add(item)
        names = _read_at_once(item.node) & _needed(item.text)
        found = [each for name in names for each in _resolve(item.module, name)]
        needed, _ = _reach([each for each in found if isinstance(each, Definition)])
        for other in filter(needed.__contains__, items):
            place(other)
        placed.append(item)

    for item in items:
        place(item)
    return placed


def _read_at_once(node):
    """Return the names outside the bodies of functions."""
    bodies = [each.body for each in ast.walk(node) if isinstance(each, ast.FunctionDef)]
    later = {each for body in bodies for statement in body for each in ast.walk(statement)}
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and each not in later}


def _origin(names):
    text = f"From casestudies {metadata.version('casestudies')}, MIT licence: {', '.join(names)}."
    text = textwrap.fill(text, 99, initial_indent="# ", subsequent_indent="# ")
    return f"{text}\n{COPYRIGHT}"


def _docstring(texts):
    """Return the docstring of one family, or those of several as one."""
    bodies = [text.partition('"""')[2].removesuffix('"""').strip() for text in texts]
    return texts[0] if len(texts) == 1 else 'r"""{}\n"""'.format("\n\n".join(bodies))


def _imports(imports):
    """Return import statements, merged and sorted as ruff sorts them."""
    lines, members = set(), {}
    for name, module, there in imports:
        alias = there if name in (there, there.partition(".")[0]) else f"{there} as {name}"
        if not module:
            lines.add((False, there, "", f"import {alias}"))
        elif alias == there:
            members.setdefault(module, []).append(there)
        else:
            lines.add((True, module, _rank(there), f"from {module} import {alias}"))
    for module, names in members.items():
        names.sort(key=_rank)
        line = f"from {module} import {', '.join(names)}"
        if len(line) > 100:
            line = f"from {module} import (\n    " + ",\n    ".join(names) + ",\n)"
        lines.add((True, module, _rank(names[0]), line))
    blocks = {True: [], False: []}
    for _, module, _, line in sorted(lines):
        blocks[module.partition(".")[0] in sys.stdlib_module_names].append(line)
    return "\n\n".join("\n".join(block) for block in blocks.values() if block)


def _rank(name):
    """Return where a name stands in an import: constants, classes, then the rest."""
    return f"{not (name.isupper() and name[1:]):d}{not name[0].isupper():d}{name.lower()}"


def _texts(items):
    """Return the definitions' texts, each section's comment before its first."""
    texts, shown = [], None
    for item in items:
        if item.section and shown != (item.module, item.section):
            texts.append(item.section)
        shown = item.module, item.section
        texts.append(item.text)
    return texts
