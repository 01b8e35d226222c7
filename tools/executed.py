"""What a stored notebook was executed from, remembered as a digest in its metadata.

The digest survives a clone. It covers the script's code cells, the modules of the package that
they reach through imports, the data files beside those modules, and the pins of the libraries
that all of these import. Prose, captions and tags are not covered: they change no output.
"""

import ast
import hashlib
import json
import re
import sys
import tomllib
from functools import cache

sys.modules["rfc3987_syntax"] = None  # a checker of addresses that would take a second to import
import jupytext  # noqa: E402
import nbformat  # noqa: E402

KEY = "casestudies"  # in the notebook's metadata: {"executed": digest}


def is_current(script):
    """Say whether a script's stored notebook holds the outputs of what the script says now."""
    path = script.with_suffix(".ipynb")
    if not path.exists():
        return False
    notebook = nbformat.read(path, as_version=4)
    stored = notebook.metadata.get(KEY, {}).get("executed")
    return was_run_through(notebook) and stored == digest(script)


def was_run_through(notebook):
    """Say whether every code cell was executed, once and in order."""
    cells = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    return [c.execution_count for c in cells] == list(range(1, len(cells) + 1))


def stamp(notebook, value):
    """Write the digest of what its outputs come from into a notebook."""
    notebook.metadata[KEY] = {"executed": value}


def digest(script):
    """Return the SHA-256 of all that a script's outputs depend on, `notebooks/NAME.py` given."""
    root = script.parent.parent
    files, libraries = reached(script, root)
    code = code_of(jupytext.read(script))
    texts = [[f.relative_to(root).as_posix(), f.read_text("utf-8")] for f in sorted(files)]
    content = json.dumps([code, texts, pins(root, libraries)])
    return hashlib.sha256(content.encode()).hexdigest()


def code_of(notebook):
    """Return the sources of a notebook's code cells."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def pins(root, libraries):
    """Return the lines of requirements.txt that pin one of the libraries."""
    lines = (root / "requirements.txt").read_text("utf-8").splitlines()
    wanted = re.compile(rf"({'|'.join(sorted(libraries))})(-\w+)?\s*(==.*)")
    found = [wanted.fullmatch(line.partition("#")[0].strip()) for line in lines]
    return [match.group() for match in found if match]


def reached(script, root):
    """Return the package's files and the libraries that a script reaches through imports."""
    modules, libraries, unread = set(), set(), {script}
    while unread:
        for name in names_used(unread.pop(), root):
            found = homes(name, root)
            unread |= found - modules
            modules |= found
            libraries |= set() if found else {name.partition(".")[0]}
    folders = {f for m in modules for f in m.parents if f.is_relative_to(root / "casestudies")}
    return modules | {f / "__init__.py" for f in folders} | data_files(root, folders), libraries


def data_files(root, folders):
    """Return the data that pyproject.toml ships with the package and that lie in the folders."""
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    data = settings["tool"]["setuptools"]["package-data"]
    found = {f for name, globs in data.items() for g in globs for f in (root / name).glob(g)}
    return {f for f in found if f.parent in folders}


def homes(name, root):
    """Return the files that a dotted name stands for: none if it is not the package's.

    A package that is used whole, or by a name that it does not pass on, stands for all its files.
    """
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        place = root.joinpath(*parts[:end])
        if place.with_suffix(".py").is_file():
            return {place.with_suffix(".py")}
        if (init := place / "__init__.py").is_file():
            passed_on = imports_and_uses(init, root)[0].get("".join(parts[end : end + 1]))
            return homes(passed_on, root) if passed_on else set(place.rglob("*.py"))
    return set()


def names_used(path, root):
    """Return the dotted names that a file uses: `scenarios.staffing`, not all of `scenarios`."""
    imports, uses = imports_and_uses(path, root)
    packages = {
        n for n in imports.values() if root.joinpath(*n.split("."), "__init__.py").is_file()
    }
    return uses | {name for key, name in imports.items() if key == name or name not in packages}


def imports_and_uses(path, root):
    """Return what each name that a file imports stands for, and the dotted names it uses."""
    return _imports_and_uses(path.read_text("utf-8"), path.relative_to(root).parts)


@cache
def _imports_and_uses(text, place):
    imports, nodes = {}, list(ast.walk(ast.parse(text)))
    for node in nodes:
        if isinstance(node, ast.Import):
            imports |= {a.asname or a.name: a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = place[: -node.level] if node.level else ()
            module = ".".join([*package, *filter(None, [node.module])])
            imports |= {a.asname or a.name: f"{module}.{a.name}" for a in node.names}
    owned = [n for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)]
    owners = {id(n.value) for n in owned}
    bare = [n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in owners]
    uses = {imports[name] for name in bare if name in imports}
    uses |= {f"{imports[n.value.id]}.{n.attr}" for n in owned if n.value.id in imports}
    return imports, uses
