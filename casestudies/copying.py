"""Copy recipes: functions and families as one file that needs nothing of this package.

A copy holds what was asked for and, of the families and of the parts that they share, the
definitions that it reaches; each once, text untouched, in the order of the sources.
"""

import ast
import builtins
import functools
import re
import symtable
import sys
import textwrap
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

RECIPES = Path(__file__).parent / "recipes"
PACKAGE = "casestudies.recipes."


class Definition(NamedTuple):
    """A function, a class or a constant, with the lines of its source."""

    module: str
    name: str
    place: int  # its first line
    section: str  # the comment that opens its part of the file
    text: str
    constant: bool

    @property
    def public(self):
        """Whether this is a function to ask for by name."""
        return self.text.startswith("def ") and not self.name.startswith("_")


class Source(NamedTuple):
    """A file of recipes: its docstring, its definitions and its imports, by name."""

    docstring: str
    definitions: dict
    imports: dict  # the name here: (module or None, the name there)


def families():
    """Return the names of the families, sorted.

    Returns
    -------
    list of str

    Examples
    --------
    >>> "matching" in families(), "_columns" in families()
    (True, False)
    """
    return sorted(file.stem for file in RECIPES.glob("[!_]*.py"))


def functions(family):
    """Return the public functions of a family, in the order of its file.

    Parameters
    ----------
    family : str

    Returns
    -------
    list of Definition

    Examples
    --------
    >>> [function.name for function in functions("weighting")]
    ['inverse_weights', 'weight']
    """
    return [item for item in read(family).definitions.values() if item.public]


def find(name):
    """Return what a name asks for.

    Parameters
    ----------
    name : str
        A family, a function, or "family.function" where two families have one of that name.

    Returns
    -------
    list of Definition
        Public functions of one family; empty if nothing has this name.

    Raises
    ------
    ValueError
        If two families have a function of this name.

    Examples
    --------
    >>> [function.module for function in find("weight")]
    ['weighting']
    """
    if name in families():
        return functions(name)
    family, _, function = name.rpartition(".")
    places = [family] if family in families() else [] if family else families()
    found = [item for place in places for item in functions(place) if item.name == function]
    if len(found) > 1:
        choice = " or ".join(f"{item.module}.{function}" for item in found)
        raise ValueError(f"{function} is in {len(found)} families; ask for {choice}")
    return found


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
        If a name is unknown or ambiguous, or two things asked for share a name.

    Examples
    --------
    >>> text = assemble("weight")
    >>> "def weight(" in text, "def match(" in text, "casestudies.recipes" in text
    (True, False, False)
    """
    wanted = []
    for name in names:
        if not find(name):
            raise ValueError(f"there is no recipe and no function of one called {name!r}")
        wanted += find(name)
    chosen, imports = _reach(wanted)
    constants = [item.text for item in chosen if item.constant]
    head = [_origin(names), _docstring(wanted), _imports(imports), *constants]
    body = _sections(item for item in chosen if not item.constant)
    return "\n\n\n".join(["\n\n".join(filter(None, head)), *body]) + "\n"


def _reach(wanted):
    """Return all definitions that these need, in reading order, and their imports."""
    queue, chosen, imports = list(wanted), set(), {}
    while queue:
        item = queue.pop()
        if item not in chosen:
            chosen.add(item)
            for name in _globals(item.text) - {item.name}:
                found = _resolve(item, name)
                if isinstance(found, Definition):
                    queue.append(found)
                elif found:
                    imports[name] = found
    owners = {}
    for item in chosen:
        if owners.setdefault(item.name, item.module) != item.module:
            raise ValueError(
                f"{owners[item.name]} and {item.module} both hold {item.name}; copy them into "
                "two files"
            )
    order = list(dict.fromkeys([*(item.module for item in wanted), *families(), *_parts()]))
    return sorted(chosen, key=lambda item: (order.index(item.module), item.place)), imports


def _resolve(item, name):
    """Return the definition or the import behind a name; None for a builtin."""
    here = read(item.module)
    if name in here.definitions:
        return here.definitions[name]
    if name in here.imports:
        module, there = here.imports[name]
        if (module or "").startswith(PACKAGE):
            return read(module.removeprefix(PACKAGE)).definitions[there]
        return module, there
    if hasattr(builtins, name):
        return None
    raise ValueError(f"{item.module}.{item.name} uses {name}, which is defined nowhere")


def _globals(text):
    """Return the names that a definition takes from its module, by the compiler's own rules."""
    top = symtable.symtable(text, "definition", "exec")
    tables, names = [top], set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        used = [symbol for symbol in table.get_symbols() if symbol.is_referenced()]
        names |= {symbol.get_name() for symbol in used if table is top or symbol.is_global()}
    return names


def read(name):
    """Read the source file of a family or of a part.

    Parameters
    ----------
    name : str

    Returns
    -------
    Source

    Examples
    --------
    >>> read("matching").definitions["match"].public
    True
    """
    return _read(RECIPES / f"{name}.py")


@functools.cache
def _read(file):
    text = file.read_text(encoding="utf-8")
    lines, definitions, imports, section = text.splitlines(), {}, {}, ""
    docstring, *statements = ast.parse(text).body
    end = docstring.end_lineno
    for node in statements:
        start = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
        *apart, own = "\n".join(lines[end : start - 1]).rpartition("\n\n")
        section = "".join(apart).strip("\n") or section
        end = node.end_lineno
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            bound = {alias.asname or alias.name.partition(".")[0]: alias for alias in node.names}
            imports |= {name: (module, alias.name) for name, alias in bound.items()}
            continue
        constant = isinstance(node, ast.Assign)
        label = node.targets[0].id if constant else node.name
        body = "\n".join([*filter(None, [own.strip("\n")]), *lines[start - 1 : end]])
        definitions[label] = Definition(file.stem, label, start, section, body, constant)
    return Source("\n".join(lines[: docstring.end_lineno]), definitions, imports)


def _parts():
    """Return the names of the parts, `_columns`, which all others use, last."""
    stems = sorted(file.stem for file in RECIPES.glob("_[!_]*.py"))
    return sorted(stems, key=lambda stem: stem == "_columns")


def _origin(names):
    version = metadata.version("casestudies")
    text = f"{', '.join(names)}: copied from casestudies {version}, MIT licence."
    return textwrap.fill(text, 99, initial_indent="# ", subsequent_indent="# ")


def _docstring(wanted):
    """Return the family's docstring; of several families, their first lines."""
    texts = [read(module).docstring for module in dict.fromkeys(item.module for item in wanted)]
    if len(texts) == 1:
        return texts[0]
    first = [re.sub(r'^r?"""|"""$', "", text.splitlines()[0]) for text in texts]
    return "\n".join(['r"""Recipes.\n', *(f"- {line}" for line in first), '"""'])


def _imports(imports):
    """Return import statements, merged and sorted as ruff sorts them."""
    plain, members = [], {}
    for name, (module, there) in imports.items():
        alias = there if name == there.partition(".")[0] else f"{there} as {name}"
        if module is None:
            plain.append((there, f"import {alias}"))
        else:
            members.setdefault(module, []).append(alias)
    for module, aliases in members.items():
        aliases.sort(key=lambda alias: (not alias.isupper(), not alias[0].isupper(), alias))
        members[module] = f"from {module} import {', '.join(aliases)}"
    blocks = {True: [], False: []}
    for module, line in [*sorted(plain), *sorted(members.items())]:
        blocks[module.partition(".")[0] in sys.stdlib_module_names].append(line)
    return "\n\n".join("\n".join(block) for block in blocks.values() if block)


def _sections(items):
    """Return the definitions' texts, each section's comment before its first."""
    blocks, shown = [], None
    for item in items:
        place = item.module, item.section
        if item.section and place != shown:
            blocks.append(item.section)
        shown = place
        blocks.append(item.text)
    return blocks
