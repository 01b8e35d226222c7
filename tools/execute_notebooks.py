"""Sync the pairs and re-execute every notebook whose script, or the package, has changed.

The outputs are written without time stamps, so that an unchanged notebook stays the same
byte for byte. What was last executed is remembered in _build/executed.json.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two workers on two cores
NOTEBOOKS = ROOT / "notebooks"
MEMORY = ROOT / "_build" / "executed.json"


def fingerprint(script):
    """Hash a script together with the package it runs on."""
    package = sorted(
        p for p in (ROOT / "casestudies").rglob("*") if p.suffix in {".py", ".csv", ".mplstyle"}
    )
    digest = hashlib.sha256()
    for path in [ROOT / "requirements.txt", *package, script]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


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
    """Run one script as a notebook and store it beside the script."""
    start = time.perf_counter()
    notebook = with_kept_ids(script)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )
    client.execute()
    notebook.metadata.get("language_info", {}).pop("version", None)
    notebook.metadata.pop("jupytext", None)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.write(notebook, script.with_suffix(".ipynb"))
    return script, time.perf_counter() - start


def sync_pairs():
    """Let the newer of each pair win, as JupyterLab does on saving."""
    pairs = [str(p) for p in NOTEBOOKS.glob("*.py") if p.with_suffix(".ipynb").exists()]
    if pairs:
        command = [sys.executable, "-m", "jupytext", "--quiet", "--sync", *pairs]
        subprocess.run(command, check=True)
    for pair in pairs:
        path = Path(pair).with_suffix(".ipynb")
        notebook = nbformat.read(path, as_version=4)
        if notebook.metadata.pop("jupytext", None) is not None:  # the settings have one home
            nbformat.write(notebook, path)


def main():
    """Execute what changed, or the notebooks named on the command line."""
    named = sys.argv[1:]
    sync_pairs()
    scripts = sorted(NOTEBOOKS.glob("*.py"))
    memory = json.loads(MEMORY.read_text()) if MEMORY.exists() else {}
    prints = {s.stem: fingerprint(s) for s in scripts}
    stored = {s.stem for s in scripts if s.with_suffix(".ipynb").exists()}
    changed = {name for name, value in prints.items() if value != memory.get(name)}
    wanted = set(named) or changed | (set(prints) - stored)
    due = [s for s in scripts if s.stem in wanted]
    print(f"{len(due)} of {len(scripts)} notebooks to execute")
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(execute, s) for s in due]:
            try:
                script, seconds = future.result()
            except Exception as error:  # the notebook's own error, shown whole
                failed += 1
                print(error)
                continue
            memory[script.stem] = prints[script.stem]
            print(f"  {script.stem}: {seconds:.1f} s", flush=True)
    MEMORY.parent.mkdir(exist_ok=True)
    MEMORY.write_text(json.dumps(memory, indent=1))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
