"""Small companies to test with: a folder with a record and a few weeks of files."""

import datetime

from casestudies.production import folder as folders
from casestudies.production.ledger import Ledger
from casestudies.production.simulate import company

TODAY = datetime.date(2026, 6, 1)


def laid(path, *, weeks=6, people=120, scenario="quiet", rng=1):
    """Lay a company and return its folder."""
    company(path, weeks=weeks, people=people, scenario=scenario, rng=rng)
    return path


def rows_of(path):
    """Return every entry of the ledger of a folder, hashes included."""
    ledger = Ledger(path / "ledger.sqlite")
    rows = ledger._connection.execute("SELECT * FROM entries ORDER BY number").fetchall()
    ledger.close()
    return rows


def run(path):
    return folders.run(path, today=TODAY)


def changed(path, old, new):
    """Change the text of a record, once."""
    text = (path / "estimand.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (path / "estimand.toml").write_text(text.replace(old, new), encoding="utf-8")
