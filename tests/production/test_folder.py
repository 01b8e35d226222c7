"""A run is safe to repeat, to kill at any moment and to start twice; nothing is lost."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from companies import TODAY, changed, laid, rows_of, run

from casestudies.production import folder as folders
from casestudies.production.ledger import Ledger
from casestudies.production.simulate import draw


class Killed(BaseException):
    """Stands for a kill: nothing in the program catches it."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a company, its inbox full, and the ledger of a run that nothing disturbed."""
    path = laid(tmp_path_factory.mktemp("companies") / "whole", weeks=4)
    (path / "inbox" / "2026-01-19.csv").write_text("week\n", encoding="utf-8")  # one is bad
    full = path.with_name("full")
    shutil.copytree(path, full)
    run(path)
    return full, path


def names(path, part):
    return sorted(p.name for p in (path / part).iterdir() if not p.name.startswith("."))


def test_each_file_is_accepted_or_refused_and_moved_to_where_the_ledger_says(whole):
    _, done = whole
    assert names(done, "inbox") == []
    assert names(done, "accepted") == [
        "000003-2026-01-05.csv",
        "000005-2026-01-12.csv",
        "000007-2026-01-26.csv",
    ]
    assert names(done, "quarantine") == ["000002-2026-01-19.csv"]
    assert folders.verify(done) == []


def test_a_second_run_adds_nothing(whole, tmp_path):
    _, done = whole
    again = tmp_path / "again"
    shutil.copytree(done, again)
    run(again)
    assert rows_of(again) == rows_of(done)


def killing(monkeypatch, step):
    """Kill the run before its step-th act: an entry, a commit, a move of a file, a page."""
    acts = iter(range(1, 10_000))

    def counted(act):
        def acting(*arguments, **names):
            if next(acts) == step:
                raise Killed
            return act(*arguments, **names)

        return acting

    monkeypatch.setattr(Ledger, "append", counted(Ledger.append))
    monkeypatch.setattr(folders.os, "replace", counted(os.replace))
    monkeypatch.setattr(folders.dashboard, "write", counted(folders.dashboard.write))
    monkeypatch.setattr(folders, "_ring", counted(folders._ring))


def test_a_run_killed_before_any_of_its_acts_is_completed_to_the_same_ledger(
    whole, tmp_path, monkeypatch
):
    full, done = whole
    killed = 0
    for step in range(1, 40):
        path = tmp_path / f"{step}"
        shutil.copytree(full, path)
        with monkeypatch.context() as patch:
            killing(patch, step)
            try:
                run(path)
            except Killed:
                killed += 1
        run(path)
        assert rows_of(path) == rows_of(done)
        assert folders.verify(path) == []
        assert names(path, "accepted") == names(done, "accepted")
        if killed < step:
            break
    assert killed >= 15


def test_a_process_that_is_killed_leaves_whole_batches_and_lets_go_of_the_folder(whole, tmp_path):
    full, done = whole
    path = tmp_path / "killed"
    shutil.copytree(full, path)
    process = subprocess.Popen(
        [sys.executable, "-m", "casestudies", "production", "run", str(path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    limit = time.monotonic() + 60
    while not names(path, "accepted") and time.monotonic() < limit:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run(path)
    assert rows_of(path) == rows_of(done)


def test_two_runs_at_once_do_not_meet(whole, tmp_path):
    _, done = whole
    path = tmp_path / "held"
    shutil.copytree(done, path)
    with folders.opened(path), pytest.raises(ValueError, match="another run holds"):
        folders.run(path, today=TODAY, wait=0.1)


@pytest.mark.parametrize(
    ("tamper", "names_it"),
    [
        (
            lambda p: (p / "accepted/000003-2026-01-05.csv").write_text("x"),
            "accepted/000003-2026-01-05.csv was changed",
        ),
        (
            lambda p: (p / "accepted/000003-2026-01-05.csv").unlink(),
            "accepted/000003-2026-01-05.csv is missing",
        ),
        (lambda p: (p / "accepted/extra.csv").write_text("x"), "accepted/extra.csv is in no entry"),
        (
            lambda p: (p / "quarantine/extra.csv").write_text("x"),
            "quarantine/extra.csv is in no entry",
        ),
        (lambda p: next((p / "records").iterdir()).write_text("x"), ".toml was changed"),
        (lambda p: next((p / "records").iterdir()).unlink(), ".toml is missing"),
        (
            lambda p: changed(p, 'owner = "People', 'owner = "Other'),
            "estimand.toml is not the version",
        ),
    ],
)
def test_tampering_with_a_file_or_a_record_is_found_and_named(whole, tmp_path, tamper, names_it):
    path = tmp_path / "tampered"
    shutil.copytree(whole[1], path)
    tamper(path)
    assert any(names_it in fault for fault in folders.verify(path))


def test_tampering_with_a_row_is_found_and_named(whole, tmp_path):
    path = tmp_path / "tampered"
    shutil.copytree(whole[1], path)
    connection = sqlite3.connect(path / "ledger.sqlite")
    connection.executescript(
        "DROP TRIGGER never_changed; UPDATE entries SET body = replace(body, '2026', '2027') "
        "WHERE number = 4;"
    )
    connection.close()
    assert "entry 4" in "; ".join(folders.verify(path))


def test_a_head_that_somebody_kept_proves_that_nothing_was_cut_off(whole, tmp_path):
    path = tmp_path / "cut"
    shutil.copytree(whole[1], path)
    head = rows_of(path)[-1][-1]
    assert folders.verify(path, head) == []
    assert "was cut off or rewritten" in folders.verify(path, "0" * 64)[0]


def test_a_file_sent_twice_is_refused_the_second_time_under_either_name(whole, tmp_path):
    path = tmp_path / "twice"
    shutil.copytree(whole[1], path)
    first = (path / "accepted" / names(path, "accepted")[0]).read_bytes()
    for name in ("2026-01-05.csv", "again.csv"):
        (path / "inbox" / name).write_bytes(first)
    current = run(path)
    assert [entry["file"] for entry in current.refused[-2:]] == ["2026-01-05.csv", "again.csv"]
    assert all("byte for byte" in entry["reasons"][0] for entry in current.refused[-2:])
    assert len(names(path, "quarantine")) == 3
    assert folders.verify(path) == []


def test_what_is_no_csv_file_is_refused_and_what_is_hidden_or_a_folder_stays(whole, tmp_path):
    path = tmp_path / "odd"
    shutil.copytree(whole[1], path)
    (path / "inbox" / "week.xlsx").write_bytes(b"PK")
    (path / "inbox" / ".half-sent.csv").write_bytes(b"week")
    (path / "inbox" / "old").mkdir()
    current = run(path)
    assert "not a .csv file" in current.last_refused["reasons"][0]
    assert sorted(p.name for p in (path / "inbox").iterdir()) == [".half-sent.csv", "old"]


def test_what_the_recipe_refuses_is_a_reason_too(tmp_path):
    path = laid(tmp_path / "still", weeks=2)
    for file in (path / "inbox").iterdir():
        lines = file.read_text().splitlines()
        file.write_text("\n".join([lines[0], *(line[:-1] + "0" for line in lines[1:])]))
    current = run(path)
    assert len(current.refused) == 2
    assert "the recipe refuses it" in current.refused[0]["reasons"][0]


def test_a_changed_record_is_a_new_version_and_the_old_one_stays(whole, tmp_path):
    path = tmp_path / "changed"
    shutil.copytree(whole[1], path)
    changed(path, 'owner = "People analytics"', 'owner = "Somebody else"')
    run(path)
    run(path)
    assert len(names(path, "records")) == 2
    assert [row[1] for row in rows_of(path)].count("record") == 2
    assert folders.verify(path) == []


def test_a_record_that_is_not_valid_stops_the_run_before_it_takes_a_file(whole, tmp_path):
    path = tmp_path / "invalid"
    shutil.copytree(whole[0], path)
    changed(path, 'owner = "People analytics"', "")
    with pytest.raises(ValueError, match="owner"):
        run(path)
    assert len(names(path, "inbox")) == 4


def test_a_folder_without_a_record_is_refused_and_one_with_a_record_is_not_laid_again(tmp_path):
    with pytest.raises(ValueError, match="production new"):
        run(tmp_path)
    folders.new(tmp_path / "fresh")
    with pytest.raises(ValueError, match="holds a record already"):
        folders.new(tmp_path / "fresh")
    assert run(tmp_path / "fresh").accepted == []


def test_the_ledger_can_be_read_without_us(whole):
    connection = sqlite3.connect(whole[1] / "ledger.sqlite")
    rows = connection.execute("SELECT batch, estimate, n FROM estimates ORDER BY number").fetchall()
    connection.close()
    assert [row[0] for row in rows] == ["2026-01-05", "2026-01-12", "2026-01-26"]
    assert all(-1 < estimate < 1 and n == 120 for _, estimate, n in rows)


def test_a_million_rows_a_week_take_seconds(tmp_path):
    path = laid(tmp_path / "large", weeks=2, people=200)
    run(path)
    table = draw("quiet", weeks=2, people=500_000, rng=0).assign(week="2026-01-19")
    table["person"] = range(len(table))
    table.round(4).to_csv(path / "inbox" / "large.csv", index=False)
    start = time.process_time()
    assert len(run(path).accepted) == 3
    assert time.process_time() - start < 20


def test_rows_without_an_outcome_are_counted_in_a_note_of_the_ledger(tmp_path):
    path = laid(tmp_path / "silent", weeks=2, people=400)
    changed(path, "missing = 0.0", "missing = 0.1")
    file = sorted((path / "inbox").iterdir())[0]
    lines = file.read_text().splitlines()
    treated = [place for place, line in enumerate(lines) if line.split(",")[4] == "1"][:7]
    for place in treated:
        lines[place] = lines[place][:-1]
    file.write_text("\n".join(lines))
    notes = run(path).accepted[0]["notes"]
    assert "0 control and 7 treated rows have no outcome and were left out" in notes[0]
    assert "lies between" in notes[0]
