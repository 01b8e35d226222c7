"""From an alarm to a decision, and back: guardrails, incidents, windows, the way back."""

import datetime
import shutil

import numpy as np
import pytest
from companies import TODAY, changed, laid, rows_of, run

from casestudies.production import decisions
from casestudies.production import folder as folders
from casestudies.production.backtest import backtest
from casestudies.production.incident import report
from casestudies.production.ledger import Ledger
from casestudies.production.state import records, state
from casestudies.production.windows import pooled, price, window

WHO = {"reason": "The log was mended", "name": "Ada"}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Return a company whose draw broke half-way, run to the end."""
    path = laid(
        tmp_path_factory.mktemp("broken") / "company",
        weeks=12,
        people=3_000,
        scenario="draw_breaks",
    )
    run(path)
    return path


@pytest.fixture
def copy(broken, tmp_path):
    shutil.copytree(broken, tmp_path / "copy")
    return tmp_path / "copy"


def now(path):
    ledger = Ledger(path / "ledger.sqlite")
    current = state(ledger)
    ledger.close()
    return current


def test_an_alarm_opens_one_incident_that_says_what_it_means(broken):
    current = now(broken)
    assert current.incident["incident"] == 1
    assert current.incident["alarms"] == ["ratio"]
    assert current.verdict == "logging"
    text = report(current)
    for words in ("share treated has left 0.9", "broken, or the draw", "People analytics", "widen"):
        assert words in text
    assert current.incident["batch"] >= "2026-02-16"  # the change came with the seventh week


def test_every_guardrail_holds_for_its_own_reason(copy):
    held = now(copy).guardrails(datetime.date(2099, 1, 1))
    assert [reason.split()[0] for reason in held] == ["Incident", "The"]
    (copy / "inbox" / "2026-03-30.csv").write_text("week\n")
    refused = run(copy)
    assert any("2026-03-30.csv, was refused" in reason for reason in refused.guardrails(TODAY))
    decisions.decide(copy, action="carry on", date=TODAY, **WHO)
    assert not any("Incident" in reason for reason in now(copy).guardrails(TODAY))
    assert any("includes zero" in reason for reason in now(copy).guardrails(TODAY))


def test_a_quiet_company_may_widen_when_its_interval_excludes_zero(tmp_path):
    path = laid(tmp_path / "quiet", weeks=4, people=6_000)
    current = run(path)
    _, high = current.interval()
    assert high < 0
    assert current.guardrails(TODAY) == []
    assert current.guardrails(datetime.date(2099, 1, 1)) == [
        f"The review of {current.record['next_review']} is overdue."
    ]
    changed(path, "review_overdue = true", "review_overdue = false")
    assert run(path).guardrails(datetime.date(2099, 1, 1)) == []


def test_a_decision_closes_the_incident_and_the_detectors_start_again(copy):
    decisions.decide(copy, action="carry on", date=TODAY, **WHO)
    current = now(copy)
    assert current.incident is None
    assert current.watched == []
    assert report(current) == ""
    closed = current.decisions[0]
    assert (closed["name"], closed["action"], closed["alarms"]) == ("Ada", "carry on", ["ratio"])
    with pytest.raises(ValueError, match="no incident is open"):
        decisions.decide(copy, action="stop", **WHO)
    assert folders.verify(copy) == []


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"reason": " "}, "needs a reason"),
        ({"name": ""}, "needs a name"),
        ({"action": "ignore"}, "action must be one of carry on"),
    ],
)
def test_a_decision_without_reason_or_name_is_refused_and_leaves_nothing(copy, given, match):
    before = rows_of(copy)
    with pytest.raises(ValueError, match=match):
        decisions.decide(copy, **{"action": "stop", **WHO, **given})
    assert rows_of(copy) == before


def test_a_way_back_needs_a_record_that_no_alarm_has_touched(copy):
    with pytest.raises(ValueError, match="every version"):
        decisions.roll_back(copy, **WHO)


def two_versions(tmp_path):
    """Return a company that signed a second record at the break, under which the alarm rang."""
    path = laid(tmp_path / "two", weeks=12, people=3_000, scenario="draw_breaks")
    later = tmp_path / "later"
    later.mkdir()
    for file in sorted((path / "inbox").iterdir())[3:]:
        shutil.move(file, later / file.name)
    run(path)
    changed(path, 'owner = "People analytics"', 'owner = "Somebody else"')
    for file in later.iterdir():
        shutil.move(file, path / "inbox" / file.name)
    run(path)
    return path


def test_the_way_back_restores_the_last_clean_record_as_an_entry_of_its_own(tmp_path):
    path = two_versions(tmp_path)
    ledger = Ledger(path / "ledger.sqlite")
    assert [entry["alarms"] for entry in records(ledger)] == [0, 1]
    ledger.close()
    decisions.decide(path, action="roll back", date=TODAY, **WHO)
    current = now(path)
    assert current.record["owner"] == "People analytics"
    assert 'owner = "People analytics"' in (path / "estimand.toml").read_text()
    assert current.decisions[-1]["action"] == "roll back"
    assert [row[1] for row in rows_of(path)][-2:] == ["decision", "record"]
    before = rows_of(path)
    run(path)
    assert rows_of(path) == before
    assert folders.verify(path) == []


def test_a_way_back_that_is_cut_short_is_completed_by_the_next_run(tmp_path, monkeypatch):
    path = two_versions(tmp_path)

    def cut(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(decisions, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            decisions.roll_back(path, date=TODAY, **WHO)
    assert 'owner = "Somebody else"' in (path / "estimand.toml").read_text()
    run(path)
    assert 'owner = "People analytics"' in (path / "estimand.toml").read_text()
    assert [row[1] for row in rows_of(path)].count("record") == 3


def test_a_new_reference_sets_the_detectors_to_zero_and_a_new_owner_does_not(copy):
    seen = len(now(copy).watched)
    changed(copy, 'owner = "People analytics"', 'owner = "Somebody else"')
    assert len(run(copy).watched) == seen
    changed(copy, "effect = -0.06", "effect = -0.05")
    assert run(copy).watched == []


def test_a_window_is_what_it_says(copy):
    current = now(copy)
    assert len(window(current, "all")) == 12
    assert len(window(current, "last:5")) == 5
    names = [entry["batch"] for entry in current.estimates]
    after = names[names.index(current.incident["batch"]) + 1 :]
    assert [entry["batch"] for entry in window(current, "since-alarm")] == after
    people = sum(entry["n"] for entry in current.estimates)
    assert pooled(window(current, "all"))["n"] == people
    for which in ("last:0", "last:x", "since"):
        with pytest.raises(ValueError, match="window must be"):
            window(current, which)


def test_a_window_before_any_alarm_begins_with_none(tmp_path):
    current = run(laid(tmp_path / "quiet", weeks=2))
    with pytest.raises(ValueError, match="no alarm has rung"):
        window(current, "since-alarm")


def test_the_price_of_a_window_is_bias_or_spread(broken):
    current = now(broken)
    size = [{"n": 600}]
    table = price(current.record, estimates=size, years=40, rng=3)
    assert table.loc["all", "bias"] < -0.02  # the old effect, -0.06, is still in it
    assert table.loc["all", "sd"] < table.loc["since-alarm", "sd"]
    error = table.loc["since-alarm", "sd"] / np.sqrt(table.loc["since-alarm", "years"])
    assert abs(table.loc["since-alarm", "bias"]) < 4 * error  # the batch that rang is left out
    assert table.loc["last:13", "sd"] < table.loc["since-alarm", "sd"]
    assert np.allclose(
        table["rmse"] ** 2, table["bias"] ** 2 + table["sd"] ** 2 * (1 - 1 / table["years"])
    )


def test_the_past_through_todays_code_is_the_ledger_and_a_changed_record_says_why_not(copy):
    replay, stress = backtest(copy, years=2)
    assert (replay["says"] == "the same").all()
    assert len(replay) == 12
    assert set(stress.index.get_level_values("alarm")) == {"effect", "ratio", "inputs"}
    changed(copy, "high = 10", "high = 2")
    run(copy)
    replay, _ = backtest(copy, years=1)
    assert replay["says"].str.contains("above 2").all()
