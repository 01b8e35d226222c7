"""A notebook opened in JupyterLab, as `make lab` starts it, reads as a page, figures included."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from pages import ROOT
from stored import SCRIPTS, cells

MARKUP = re.compile(r"\{glue|\{term\}|\{cite|\{doc\}|:::|`{3}|<!--|-->|\$\$|\\begin\{|</?\w+>|\*\*")
ALL_CELLS = {"windowingMode": "none"}  # JupyterLab renders what is in view only


def commands():
    """Return what `make lab` runs: it trusts the notebooks, then starts JupyterLab."""
    shown = subprocess.run(["make", "-n", "lab"], cwd=ROOT, capture_output=True, text=True)
    trust, start = re.findall(r"(?m)^\S*/jupyter ((?:trust|lab) .*)$", shown.stdout)
    jupyter = str(Path(sys.executable).parent / "jupyter")
    return f"{jupyter} {trust}", [jupyter, *shlex.split(start)]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Start JupyterLab with settings of its own and return its address."""
    home = tmp_path_factory.mktemp("jupyter")
    settings = home / "lab" / "user-settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps(ALL_CELLS), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", f"--ServerApp.port={port}", "--IdentityProvider.token=t"]
    options += ["--ServerApp.allow_root=True", "--ServerApp.ip=127.0.0.1"]
    where = {"JUPYTER_CONFIG_DIR": str(home), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    where |= {"JUPYTER_DATA_DIR": str(home / "data")}
    trust, start = commands()
    subprocess.run(trust, shell=True, cwd=ROOT, env=os.environ | where, check=True)
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            start + options, cwd=ROOT, env=os.environ | where, stdout=log, stderr=log
        )
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/api?token=t", server)
        yield address
        end(server)


def end(server, seconds=20):
    """End a server, by force if it waits for a kernel."""
    server.terminate()
    try:
        server.wait(seconds)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def wait_for(address, server, seconds=60):
    """Return when a server answers."""
    for _ in range(seconds * 4):
        assert server.poll() is None, "JupyterLab ended before it answered"
        try:
            return urlopen(address, timeout=10).close()
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"JupyterLab did not answer in {seconds} s")


@pytest.fixture(scope="module")
def tab(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", [script.stem for script in SCRIPTS])
def test_a_notebook_shows_no_role_directive_fence_or_stamp(lab, tab, name):
    kinds = [cell["cell_type"] for cell in cells(name)]
    tab.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb?token=t&reset")
    tab.wait_for_function(
        "n => document.querySelectorAll('.jp-MarkdownCell .jp-RenderedMarkdown').length === n",
        arg=kinds.count("markdown"),
        timeout=60_000,
    )
    tab.wait_for_function("!document.querySelector('.MathJax_Preview, .jp-mod-loading')")
    tab.wait_for_function("document.body.innerText.includes('Figure 1. ')", timeout=60_000)
    shown = "\n".join(tab.locator(".jp-RenderedMarkdown").all_inner_texts())
    assert not MARKUP.search(shown), MARKUP.search(shown)
    assert "Figure 1. " in shown
    assert shown.count("Solution") >= 3
    outputs = [output for cell in cells(name) for output in cell.get("outputs", [])]
    drawn = sum("image/svg+xml" in output.get("data", {}) for output in outputs)
    captions = tab.locator(".jp-OutputArea-output caption")
    assert min(captions.evaluate_all("all => all.map(c => c.offsetWidth)")) > 250
    assert tab.locator(".jp-OutputArea-output img[src^='data:image/svg']").count() == drawn > 0


def test_the_code_of_solutions_and_of_what_is_stored_is_hidden(lab, tab):
    name = "hospital_upgrade_did"
    tab.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb?token=t&reset")
    hidden = [cell for cell in cells(name) if cell["metadata"].get("jupyter")]
    tags = [cell["metadata"]["tags"] for cell in hidden]
    assert ["hide-cell"] in tags
    assert tags[-1] == ["remove-cell"]
    collapsed = tab.locator(".jp-CodeCell .jp-InputPlaceholder")
    collapsed.last.wait_for(state="attached")
    tab.wait_for_function(
        "n => document.querySelectorAll('.jp-CodeCell .jp-InputPlaceholder').length === n",
        arg=len(hidden),
    )
