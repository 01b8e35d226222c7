"""Sync the pairs and execute every notebook whose outputs do not come from what is there now.

Each notebook's metadata hold a digest of what it was executed from (see executed.py), so that a
fresh clone executes nothing, and a change only the chapters that it reaches. The outputs are
written without time stamps: an unchanged notebook stays the same byte for byte.
"""

import argparse
import asyncio
import hashlib
import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import executed
import jupytext
import nbformat
from jupytext.cli import jupytext as jupytext_command
from live import Live
from nbclient import NotebookClient

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two workers on two cores
NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def with_kept_ids(script):
    """Read a script, giving its cells the ids of equal cells in the stored notebook."""
    notebook = jupytext.read(script)
    stored_path = script.with_suffix(".ipynb")
    stored = nbformat.read(stored_path, as_version=4).cells if stored_path.exists() else []
    ids = {(c.cell_type, c.source): c.id for c in reversed(stored)}
    used = set()
    for number, cell in enumerate(notebook.cells):
        name = f"{script.stem}-{number}"
        fresh = hashlib.sha256(name.encode()).hexdigest()[:8]
        kept = ids.get((cell.cell_type, cell.source), fresh)
        cell.id = (
            kept if kept not in used else hashlib.sha256((name + kept).encode()).hexdigest()[:8]
        )
        used.add(cell.id)
    return notebook


def execute(script):
    """Run one script as a notebook, store it beside the script and return the seconds it took."""
    start = time.perf_counter()
    comes_from = executed.digest(script)
    notebook = with_kept_ids(script)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(script.parent)}},
    )
    asyncio.run(client.async_execute())
    notebook.metadata.get("language_info", {}).pop("version", None)
    notebook.metadata.pop("jupytext", None)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    executed.stamp(notebook, comes_from)
    nbformat.write(notebook, script.with_suffix(".ipynb"))
    return time.perf_counter() - start


def sync_pairs(folder):
    """Let the newer of each pair win, as JupyterLab does on saving."""
    pairs = [str(p) for p in folder.glob("*.py") if p.with_suffix(".ipynb").exists()]
    if pairs:
        jupytext_command(["--quiet", "--sync", *pairs])
    for pair in pairs:
        path = Path(pair).with_suffix(".ipynb")
        notebook = nbformat.read(path, as_version=4)
        if notebook.metadata.pop("jupytext", None) is not None:  # the settings have one home
            nbformat.write(notebook, path)


def execute_all(due, live):
    """Execute scripts, two at a time, and return the names of those that failed."""
    failed = []
    with ThreadPoolExecutor(2) as pool:
        running = {pool.submit(execute, script): script.stem for script in due}
        while running:
            live.now(f"{len(due) - len(running)} of {len(due)} notebooks executed,")
            for future in wait(running, timeout=1, return_when=FIRST_COMPLETED).done:
                name = running.pop(future)
                if future.exception():  # the notebook's own error, shown whole
                    failed.append(name)
                    live.keep(f"{name} failed:\n{future.exception()}")
                else:
                    live.keep(f"  {name}: {future.result():.1f} s")
    return sorted(failed)


def stamp_as_current(script):
    """Write a notebook's digest without executing it; refuse one without all its outputs."""
    path = script.with_suffix(".ipynb")
    notebook = nbformat.read(path, as_version=4)
    if executed.code_of(jupytext.read(script)) != executed.code_of(notebook):
        sys.exit(f"{path.name} has other code than its script: run make notebooks")
    if not executed.was_run_through(notebook):
        sys.exit(f"{path.name} does not hold all its outputs: run make notebooks")
    executed.stamp(notebook, executed.digest(script))
    nbformat.write(notebook, path)


def parse(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="execute these, changed or not")
    parser.add_argument(
        "--stamp-current",
        action="store_true",
        help="execute nothing, and declare that the stored outputs come from what is there now. "
        "For a maintainer, after a change that alters no output (a docstring, a renamed module). "
        "It proves nothing: make test does, whose strict nbval executes every cell and compares",
    )
    return parser.parse_args(arguments)


def scripts_named(names, folder):
    """Return the scripts of these names; refuse one that is not there."""
    scripts = {script.stem: script for script in sorted(folder.glob("*.py"))}
    unknown = sorted(set(names) - set(scripts))
    if unknown:
        sys.exit(f"no notebook {', '.join(unknown)}; there are {', '.join(scripts)}")
    return [scripts[name] for name in names or scripts]


def main(arguments=None, folder=NOTEBOOKS):
    """Execute what is not current, or the notebooks named on the command line."""
    options, live = parse(arguments), Live()
    scripts = scripts_named(options.names, folder)
    live.now("Comparing the notebooks with what they were executed from")
    if options.stamp_current:
        for script in scripts:
            stamp_as_current(script)
        return live.keep(f"{len(scripts)} notebooks stamped, none executed. Next: make test")
    sync_pairs(folder)
    due = [s for s in scripts if options.names or not executed.is_current(s)]
    failed = execute_all(due, live)
    live.keep(f"{len(due) - len(failed)} of {len(scripts)} notebooks executed")
    if failed:
        files = ", ".join(f"notebooks/{name}.py" for name in failed)
        sys.exit(f"Mend the cells that failed in {files}, then run make notebooks again")


if __name__ == "__main__":
    main()
