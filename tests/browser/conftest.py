"""One headless Chromium for all browser tests, and the built book on a local server."""

import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import needs
import pytest
from playwright.sync_api import sync_playwright

TYPESET = "window.MathJax?.startup ? MathJax.startup.promise.then(() => true) : true"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture(scope="session")
def html():
    built = Path(
        os.environ.get("BOOK_HTML", Path(__file__).resolve().parents[2] / "_build" / "html")
    )
    assert (built / "index.html").exists(), "run make book first"
    return built


@pytest.fixture(scope="session")
def address(html):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(html)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser():
    path = needs.chromium()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, address):
    """Open a page and note every request to another host and every console error."""
    contexts = []

    def opened(path, *, width=1280, height=900, theme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.elsewhere, page.complaints = [], []
        page.on("request", lambda r: _note_request(page, r, address))
        page.on("console", lambda m: m.type == "error" and page.complaints.append(m.text))
        page.on("pageerror", lambda e: page.complaints.append(str(e)))
        page.goto(f"{address}/{path}", wait_until="load")
        page.wait_for_function(TYPESET)
        return page

    yield opened
    for context in contexts:
        context.close()


def _note_request(page, request, address):
    if not request.url.startswith((address, "data:", "blob:")):
        page.elsewhere.append(request.url)
