import sqlite3

import pytest

from casestudies.production.ledger import Ledger


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "ledger.sqlite")
    for batch in ("a", "b", "c"):
        with made.transaction():
            made.append("batch", batch=batch, status="accepted")
            made.append("estimate", batch=batch, estimate=0.5)
    yield made
    made.close()


def raw(ledger):
    return ledger._connection


def test_entries_come_back_in_order_and_by_kind(ledger):
    assert [entry["batch"] for entry in ledger.entries("estimate")] == ["a", "b", "c"]
    assert [entry["number"] for entry in ledger.entries()] == [1, 2, 3, 4, 5, 6]
    assert ledger.head[0] == 6
    assert ledger.faults() == []


def test_a_kind_can_be_read_as_a_table_of_its_own(ledger):
    rows = raw(ledger).execute("SELECT batch, status FROM batches ORDER BY number").fetchall()
    assert rows == [("a", "accepted"), ("b", "accepted"), ("c", "accepted")]
    assert raw(ledger).execute("SELECT sum(estimate) FROM estimates").fetchone() == (1.5,)


@pytest.mark.parametrize("change", ["UPDATE entries SET body = '{}'", "DELETE FROM entries"])
def test_an_entry_is_neither_changed_nor_removed(ledger, change):
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw(ledger).execute(change)


def behind_its_back(ledger, change):
    connection = raw(ledger)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    kept = triggers.fetchall()
    for name, _ in kept:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(change)
    for _, statement in kept:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (
            "UPDATE entries SET body = replace(body, '0.5', '0.6') WHERE number = 4",
            "entry 4 (estimate) was changed",
        ),
        ("UPDATE entries SET kind = 'decision' WHERE number = 1", "entry 1 (decision) was changed"),
        ("DELETE FROM entries WHERE number = 3", "entry 3 is missing"),
        (
            "UPDATE entries SET previous = 'x' WHERE number = 2",
            "entry 2 (estimate) does not follow",
        ),
    ],
)
def test_what_was_changed_behind_its_back_is_found_and_named(ledger, change, names):
    behind_its_back(ledger, change)
    assert names in "; ".join(ledger.faults())


def test_a_chain_written_anew_from_an_entry_on_breaks_where_it_leaves_the_old_one(ledger):
    old = ledger.head[1]
    behind_its_back(ledger, "DELETE FROM entries WHERE number > 4")
    assert ledger.faults() == []  # the tail is proved only by a hash that somebody kept
    assert old not in ledger.hashes()


def test_removed_triggers_are_noticed(ledger):
    raw(ledger).execute("DROP TRIGGER never_changed")
    assert ledger.faults() == ["the triggers that protect the ledger were removed"]


def test_a_transaction_that_fails_leaves_nothing(ledger):
    head = ledger.head

    def cut_short():
        with ledger.transaction():
            ledger.append("batch", batch="d")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_short()
    assert ledger.head == head


def test_a_number_that_json_does_not_have_is_refused(ledger):
    with pytest.raises(ValueError, match="not JSON compliant"), ledger.transaction():
        ledger.append("estimate", estimate=float("nan"))
