"""What was seen, estimated, alarmed and decided: entries that are only ever added, in a chain."""

import contextlib
import hashlib
import json
import sqlite3

VIEWS = {
    "records": ["version", "reason", "signed_by", "toml"],
    "batches": ["batch", "status", "file", "sha256", "rows", "reasons", "notes", "record", "code"],
    "estimates": ["batch", "estimate", "std_error", "ci_low", "ci_high", "n", "record", "code"],
    "alarms": ["batch", "alarm", "says", "incident"],
    "incidents": ["incident", "batch"],
    "decisions": ["incident", "batch", "action", "reason", "name", "date"],
}
SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL,
    previous TEXT NOT NULL, hash TEXT NOT NULL UNIQUE
);
CREATE TRIGGER IF NOT EXISTS never_changed BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an entry is never changed'); END;
CREATE TRIGGER IF NOT EXISTS never_removed BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an entry is never removed'); END;
"""


class Ledger:
    """An append-only ledger in one SQLite file; each entry carries the hash of the one before.

    The kinds of entries can be read as tables of their own: ``records``, ``batches``,
    ``estimates``, ``alarms``, ``incidents`` and ``decisions`` are views of ``entries``. No entry
    holds the clock of the machine: a run that is repeated after a crash writes the same ledger.

    Parameters
    ----------
    path : pathlib.Path
        The file; it is made if it does not exist.

    Examples
    --------
    >>> ledger = Ledger(":memory:")
    >>> with ledger.transaction():
    ...     ledger.append("decision", name="Ada", reason="The log was mended")
    >>> [entry["name"] for entry in ledger.entries("decision")]
    ['Ada']
    >>> ledger.faults()
    []
    """

    def __init__(self, path):
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(SCHEMA)
        for view, columns in VIEWS.items():
            listed = ", ".join(f"json_extract(body, '$.{name}') AS {name}" for name in columns)
            self._connection.execute(
                f"CREATE VIEW IF NOT EXISTS {view} AS SELECT number, {listed} FROM entries "
                f"WHERE kind = '{'batch' if view == 'batches' else view[:-1]}'"
            )

    @contextlib.contextmanager
    def transaction(self):
        """Keep all entries that are appended inside, or none of them."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def append(self, kind, **body):
        """Add an entry; inside a transaction."""
        number, previous = self.head
        text = json.dumps(body, sort_keys=True, ensure_ascii=False, allow_nan=False)
        row = number + 1, kind, text, previous
        self._connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", (*row, _hash(*row)))

    def entries(self, *kinds):
        """Return the entries of these kinds, or all, in order: dicts with number and kind."""
        rows = self._connection.execute("SELECT number, kind, body FROM entries ORDER BY number")
        return [
            {**json.loads(body), "number": number, "kind": kind}
            for number, kind, body in rows
            if not kinds or kind in kinds
        ]

    @property
    def head(self):
        """Return number and hash of the last entry; whoever keeps them can prove the tail."""
        last = "SELECT number, hash FROM entries ORDER BY number DESC LIMIT 1"
        return self._connection.execute(last).fetchone() or (0, "")

    def hashes(self):
        """Return the hashes of all entries."""
        return {row[0] for row in self._connection.execute("SELECT hash FROM entries")}

    def faults(self):
        """Recompute the chain and name every entry that does not fit, in words."""
        found, before, number = [], "", 0
        rows = "SELECT number, kind, body, previous, hash FROM entries ORDER BY number"
        for row in self._connection.execute(rows):
            number += 1
            if row[0] != number:
                found.append(f"entry {number} is missing")
                number = row[0]
            elif row[3] != before:
                found.append(f"entry {number} ({row[1]}) does not follow the entry before it")
            if _hash(*row[:4]) != row[4]:
                found.append(f"entry {number} ({row[1]}) was changed")
            before = row[4]
        triggers = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        if {"never_changed", "never_removed"} - {name for (name,) in triggers}:
            found.append("the triggers that protect the ledger were removed")
        return found

    def close(self):
        """Close the file."""
        self._connection.close()


def _hash(*row):
    """Return the SHA-256 of an entry and of what it follows."""
    return hashlib.sha256("\n".join(map(str, row)).encode()).hexdigest()
