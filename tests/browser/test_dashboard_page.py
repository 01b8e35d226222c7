"""The dashboard of an effect under watch is as accessible and as self-contained as the book."""

import datetime

import pytest
from test_pages import TOO_WIDE, too_faint, violations

from casestudies.production import folder as folders
from casestudies.production.decisions import decide
from casestudies.production.simulate import company


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Return the page of a company with a closed incident, an open one and a refused file."""
    path = tmp_path_factory.mktemp("dashboard") / "company"
    company(path, weeks=16, people=3_000, scenario="draw_breaks", rng=1)
    later = sorted((path / "inbox").iterdir())[12:]
    kept = {file.name: file.read_text(encoding="utf-8") for file in later}
    for file in later:
        file.unlink()
    (path / "inbox" / "x.csv").write_text("week\n", encoding="utf-8")
    today = datetime.date(2026, 6, 1)
    folders.run(path, today=today)
    decide(path, action="carry on", reason="The draw was mended", name="Ada", date=today)
    for name, text in kept.items():
        (path / "inbox" / name).write_text(text, encoding="utf-8")
    assert folders.run(path, today=today).incident
    return path / "dashboard" / "index.html"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_dashboard_is_accessible_fits_and_asks_nothing_of_others(browser, shown, width):
    context = browser.new_context(viewport={"width": width, "height": 900})
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(shown.as_uri())
    assert asked == [shown.as_uri()]
    assert page.evaluate(TOO_WIDE) <= 0
    assert violations(page) == []
    assert too_faint(page) == []
    context.close()
