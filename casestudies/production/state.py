"""Where an effect stands: what the ledger adds up to, and what may be done today."""

import datetime
import functools
from dataclasses import dataclass

import pandas as pd

from casestudies.production.alarms import verdict, watch
from casestudies.production.record import Record, read

WATCHED = ("design", "columns", "column", "alarms", "reference")


@dataclass(frozen=True)
class State:
    """The sum of a ledger.

    Parameters
    ----------
    record : Record
        The version in force.
    accepted, refused : list of dict
        Entries of batches, in order.
    estimates : list of dict
        All estimates, in order.
    since : int
        Number of estimates before the detectors were last set to zero.
    incident : dict or None
        The open one, with number, batch and alarms.
    decisions : list of dict
        Closed incidents, with who decided what and why.
    last_refused : dict or None
        The last batch, if it was refused.
    """

    record: Record
    accepted: list
    refused: list
    estimates: list
    since: int
    incident: dict | None
    decisions: list
    last_refused: dict | None

    @property
    def watched(self):
        """Return the estimates since the detectors were last set to zero."""
        return self.estimates[self.since :]

    @property
    def verdict(self):
        """Return what the open incident's alarms mean together."""
        return verdict(self.incident["alarms"] if self.incident else [])

    def guardrails(self, today):
        """Return why the treatment may not be widened today, a sentence each.

        Parameters
        ----------
        today : datetime.date
            The day on which somebody asks.
        """
        on = {
            "alarm_open": True,
            "interval_includes_zero": True,
            "review_overdue": True,
            "batch_refused": True,
            **self.record.body.get("guardrails", {}),
        }
        return [says for name, says in self._held(today) if on[name]]

    def _held(self, today):
        if self.incident:
            number, since = self.incident["incident"], self.incident["batch"]
            yield "alarm_open", f"Incident {number} is open since batch {since}: {self.verdict}."
        low, high = self.interval()
        if low <= 0 <= high:
            yield (
                "interval_includes_zero",
                "The interval of the effect includes zero, or there is none yet.",
            )
        review = datetime.date.fromisoformat(self.record["next_review"])
        if today > review:
            yield "review_overdue", f"The review of {review} is overdue."
        if self.last_refused:
            yield "batch_refused", f"The last file, {self.last_refused['file']}, was refused."

    def interval(self):
        """Return the bounds of the confidence sequence today."""
        if not self.watched:
            return -float("inf"), float("inf")
        last = self.sequence.iloc[-1]
        return last["ci_low"], last["ci_high"]

    @functools.cached_property
    def sequence(self):
        """Return the confidence sequence since the detectors were last set to zero."""
        return watch(self.record, self.watched)[0] if self.watched else pd.DataFrame()


def state(ledger):
    """Add up a ledger.

    Parameters
    ----------
    ledger : Ledger
        With a record at least.

    Returns
    -------
    State
    """
    record, incident, since, last = None, None, 0, None
    accepted, refused, estimates, decisions = [], [], [], []
    for entry in ledger.entries():
        kind = entry["kind"]
        if kind == "record":
            new = read(entry["toml"])
            if record and any(new[part] != record[part] for part in WATCHED):
                since = len(estimates)
            record = new
        elif kind == "batch":
            (accepted if entry["status"] == "accepted" else refused).append(entry)
            last = None if entry["status"] == "accepted" else entry
        elif kind == "estimate":
            estimates.append(entry)
        elif kind == "incident":
            incident = {**entry, "alarms": [], "says": []}
        elif kind == "alarm":
            incident["alarms"].append(entry["alarm"])
            incident["says"].append(entry["says"])
        elif kind == "decision":
            decisions.append({**entry, "alarms": incident["alarms"]})
            incident, since = None, len(estimates)
    return State(record, accepted, refused, estimates, since, incident, decisions, last)


def records(ledger):
    """Return the versions of the record that were in force, and whether an alarm rang in each.

    Parameters
    ----------
    ledger : Ledger

    Returns
    -------
    list of dict
        The entries, in order, each with ``alarms``, the number that rang in its time.
    """
    versions = []
    for entry in ledger.entries("record", "alarm"):
        if entry["kind"] == "record":
            versions.append({**entry, "alarms": 0})
        else:
            versions[-1]["alarms"] += 1
    return versions
