"""What people decide after an alarm: a reason and a name close an incident, also by a way back."""

import datetime

from casestudies.production.folder import enter_record, opened, replace
from casestudies.production.record import read
from casestudies.production.state import records, state

ACTIONS = ("carry on", "narrow", "stop", "new reference", "roll back")


def decide(folder, *, action, reason, name, date=None):
    """Close the open incident; the detectors start again with the next batch.

    Parameters
    ----------
    folder : pathlib.Path
    action : str
        One of ACTIONS; ``roll back`` also restores a record, see `roll_back`.
    reason, name : str
        Why, and who says so.
    date : datetime.date, optional
        The day of the decision; by default the clock's.

    Raises
    ------
    ValueError
        If no incident is open, the action is not known, or reason or name is empty.
    """
    if action not in ACTIONS:
        raise ValueError(f"action must be one of {', '.join(ACTIONS)}, got {action!r}")
    if action == "roll back":
        return roll_back(folder, reason=reason, name=name, date=date)
    with opened(folder) as ledger, ledger.transaction():
        _close(ledger, action, reason, name, date)


def roll_back(folder, *, reason, name, date=None):
    """Restore the last record that no alarm has touched, and close the incident.

    Parameters
    ----------
    folder : pathlib.Path
    reason, name : str
        Why, and who says so.
    date : datetime.date, optional
        The day of the decision; by default the clock's.

    Returns
    -------
    str
        The version that is in force again.

    Raises
    ------
    ValueError
        If no incident is open, or an alarm rang under every version.
    """
    with opened(folder) as ledger:
        versions = records(ledger)
        touched = {entry["version"] for entry in versions if entry["alarms"]}
        clean = [entry for entry in versions if entry["version"] not in touched]
        if not clean:
            raise ValueError(
                "an alarm rang under every version of the record; sign a new one, or decide to stop"
            )
        record, now = read(clean[-1]["toml"]), versions[-1]["version"]
        with ledger.transaction():
            _close(ledger, "roll back", reason, name, date)
            enter_record(ledger, record, reason="rolled back", instead_of=now)
        replace(folder / "estimand.toml", record.text)
        return record.version


def _close(ledger, action, reason, name, date):
    """Enter the decision on the open incident."""
    current = state(ledger)
    if not current.incident:
        raise ValueError("no incident is open, so there is nothing to decide")
    for what, text in {"reason": reason, "name": name}.items():
        if not text.strip():
            raise ValueError(f"a decision needs a {what}; say it in words")
    ledger.append(
        "decision",
        incident=current.incident["incident"],
        batch=current.estimates[-1]["batch"],
        action=action,
        reason=reason,
        name=name,
        date=str(date or datetime.date.today()),
    )
