import html
import re
import time

import pytest
from companies import TODAY, changed, laid, run

from casestudies.production import dashboard
from casestudies.production.decisions import decide
from casestudies.production.simulate import simulated_years
from casestudies.production.state import State


def page_of(path):
    return (path / "dashboard" / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    path = laid(
        tmp_path_factory.mktemp("page") / "company", weeks=12, people=3_000, scenario="draw_breaks"
    )
    (path / "inbox" / "x.csv").write_text("week\n")
    run(path)
    return path


def test_the_page_asks_nothing_of_a_script_or_of_another_host(broken):
    page = page_of(broken)
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page.replace("xlink:href", "href"))
    assert "url(http" not in page


def test_the_page_says_what_may_be_done_what_rang_and_what_was_refused(broken):
    words = html.unescape(re.sub(r"<[^>]+>", " ", page_of(broken)))
    for said in (
        "The treatment may not be widened.",
        "Incident 1 is open",
        "The share treated has left 0.9",
        "x.csv: the header is one column",
        "1 of 13 files",
        "The holdout is drawn at random",
        "Does the programme still keep people from leaving?",
        "Entry ",
    ):
        assert said in words


def test_what_people_write_is_text_and_never_markup(tmp_path):
    path = laid(tmp_path / "odd", weeks=2)
    changed(path, 'owner = "People analytics"', 'owner = "<b>Ada</b>"')
    (path / "inbox" / "<i>.csv").write_text("week\n")
    run(path)
    assert "<b>Ada" not in page_of(path)
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page_of(path)
    assert "&lt;i&gt;.csv" in page_of(path)


def test_an_empty_company_and_a_closed_incident_have_a_page_too(broken, tmp_path):
    path = laid(tmp_path / "empty", weeks=2)
    for file in (path / "inbox").iterdir():
        file.unlink()
    run(path)
    assert "There is no batch yet" in page_of(path)
    decide(broken, action="stop", reason="The draw was mended", name="Ada", date=TODAY)
    run(broken)
    assert "The draw was mended (Ada)" in page_of(broken)
    assert "There is no batch yet" in page_of(broken)


def test_ten_years_of_weeks_stay_under_a_megabyte_and_are_drawn_in_a_second(broken):
    from casestudies.production.record import read

    record = read((broken / "estimand.toml").read_text(encoding="utf-8"))
    decade = next(simulated_years("quiet", years=1, people=600, weeks=520, rng=2))
    batches = [{"batch": entry["batch"], "notes": [], "file": "x"} for entry in decade]
    current = State(record, batches, [], decade, 0, None, [], None)
    start = time.process_time()
    page = dashboard.page(current, (1, "x"), TODAY)
    assert time.process_time() - start < 3  # a second on an idle machine
    assert len(page.encode()) < 1_000_000


def test_a_design_that_is_not_randomized_shows_its_robustness_value(tmp_path):
    path = laid(tmp_path / "adjusted", weeks=2, people=2_000)
    changed(path, 'recipe = "difference_in_means"', 'recipe = "standardize"')
    changed(path, "share_treated = 0.9 ", "# ")
    changed(path, 'outcome = "exit"\n', 'outcome = "exit"\nadjust_for = ["workload", "junior"]\n')
    current = run(path)
    strength = current.estimates[-1]["robustness"]
    assert f"would have to explain {strength:.0%} of what is left" in page_of(path)
