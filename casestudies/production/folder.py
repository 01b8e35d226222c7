"""A folder under watch: files come in, each is checked, estimated and kept, and nothing is lost."""

import contextlib
import csv
import datetime
import functools
import hashlib
import io
import os
import sqlite3
from pathlib import Path

from tqdm import tqdm

from casestudies.production import dashboard
from casestudies.production.alarms import in_words, watch
from casestudies.production.checks import check_batch, content_hash, read_batch
from casestudies.production.estimates import estimate
from casestudies.production.ledger import Ledger
from casestudies.production.record import batch_position, read, template
from casestudies.production.state import records, state

PARTS = ("inbox", "accepted", "quarantine", "records", "dashboard")


def new(folder, text=None):
    """Lay an empty folder with a commented record to fill in.

    Parameters
    ----------
    folder : pathlib.Path
        It must not hold a record yet.
    text : str, optional
        The record; by default a commented one, its calendar beginning this week.

    Raises
    ------
    ValueError
        If there is one.
    """
    if (folder / "estimand.toml").exists():
        raise ValueError(f"{folder} holds a record already; give another folder")
    for part in PARTS:
        (folder / part).mkdir(parents=True, exist_ok=True)
    replace(folder / "estimand.toml", text or _fresh(datetime.date.today()))


def _fresh(today):
    """Return the template with the calendar of somebody who begins today."""
    monday = today - datetime.timedelta(days=today.weekday())
    return template(first=monday, next_review=today + datetime.timedelta(days=180))


def run(folder, *, today=None, progress=False, wait=60):
    """Take what lies in the inbox: check, estimate, test, write the dashboard.

    Each file is one transaction of the ledger, after which the file is moved; a run that was
    killed is completed by the next one, and the ledger is the same.

    Parameters
    ----------
    folder : pathlib.Path
        With ``estimand.toml`` and ``inbox/``.
    today : datetime.date, optional
        The day for which the dashboard says what may be done; by default the clock's.
    progress : bool
        Whether a bar is shown.
    wait : float
        Seconds to wait for another run in the same folder.

    Returns
    -------
    State

    Raises
    ------
    ValueError
        If there is no record, it is not valid, or another run holds the folder for too long.
    """
    with opened(folder, wait) as ledger:
        _adopt(folder, ledger)
        names = _in_order(folder, state(ledger).record)
        for path in tqdm(names, desc="batches", unit="file", disable=not progress):
            _take(path, folder, ledger)
        current = state(ledger)
        dashboard.write(folder, current, ledger.head, today or datetime.date.today())
        return current


@contextlib.contextmanager
def opened(folder, wait=60):
    """Hold a folder alone and open its ledger.

    Parameters
    ----------
    folder : pathlib.Path
        With ``estimand.toml``.
    wait : float
        Seconds to wait for whoever holds it; the hold ends with its process, however that ends.

    Yields
    ------
    Ledger
    """
    if not (folder / "estimand.toml").is_file():
        raise ValueError(f"{folder} has no estimand.toml; lay one with: production new {folder}")
    for part in PARTS:
        (folder / part).mkdir(exist_ok=True)
    hold = sqlite3.connect(folder / ".hold.sqlite", isolation_level=None, timeout=wait)
    try:
        hold.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        raise ValueError(f"another run holds {folder}; try again when it has ended") from None
    ledger = Ledger(folder / "ledger.sqlite")
    try:
        yield ledger
    finally:
        ledger.close()
        hold.close()


@functools.cache
def code_version():
    """Return the SHA-256 of the code that checks, estimates and tests."""
    package = Path(__file__).parent
    files = sorted([*package.glob("*.py"), *(package.parent / "recipes").glob("*.py")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _adopt(folder, ledger):
    """Enter the record if it is a new version, and keep a copy of every version."""
    text = (folder / "estimand.toml").read_text(encoding="utf-8")
    versions = ledger.entries("record")
    if versions and versions[-1].get("instead_of") == read(text).version:  # a rollback cut short
        text = versions[-1]["toml"]
        replace(folder / "estimand.toml", text)
    record = read(text)
    if not versions or versions[-1]["version"] != record.version:
        reason = "changed" if versions else "first"
        with ledger.transaction():
            enter_record(ledger, record, reason=reason)
    for entry in ledger.entries("record"):
        copy = folder / "records" / f"{entry['version']}.toml"
        if not copy.exists():
            replace(copy, entry["toml"])


def enter_record(ledger, record, **why):
    """Append a version of the record."""
    signed = record["signed"]["by"]
    ledger.append("record", version=record.version, signed_by=signed, toml=record.text, **why)


def replace(path, text):
    """Write a file whole, or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _in_order(folder, record):
    """Return the files of the inbox in the order of their batches, unplaceable ones first."""
    paths = [path for path in (folder / "inbox").iterdir() if not path.name.startswith(".")]
    return sorted(paths, key=lambda path: (_position(path, record), path.name))


def _position(path, record):
    """Return which batch the first row of a file says it is; -1 if it does not say."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            row = next(csv.DictReader(io.StringIO(file.readline() + file.readline())))
        return batch_position(record, row[record["columns"]["batch"]])
    except (OSError, ValueError, StopIteration, KeyError, csv.Error):
        return -1


def _take(path, folder, ledger):
    """Enter one file in the ledger, then move it to where the ledger says it is kept."""
    if path.is_dir():
        return
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    known = [e for e in ledger.entries("batch") if (e["file"], e["sha256"]) == (path.name, digest)]
    lost = [entry for entry in known if not (folder / entry["kept"]).exists()]
    if lost:  # entered by a run that was killed before it moved the file
        os.replace(path, folder / lost[0]["kept"])
        return
    current = state(ledger)
    table, reasons, notes = _judge(path, content, digest, current)
    result = {}
    if not reasons:
        try:
            result = estimate(table, current.record)
        except ValueError as error:
            reasons = [f"the recipe refuses it: {error}"]
    notes = notes + _without_outcome(result)
    where = "quarantine" if reasons else "accepted"
    number = ledger.head[0] + 1
    kept = f"{where}/{number:06d}-{path.name}"
    versions = {"record": current.record.version, "code": code_version()}
    body = {"file": path.name, "sha256": digest, "kept": kept, "reasons": reasons, "notes": notes}
    body |= {"status": "refused" if reasons else "accepted", "rows": None, "batch": None}
    if table is not None:
        body["rows"] = len(table)
    if not reasons:
        body["batch"] = str(table[current.record["columns"]["batch"]].iloc[0])
        body["content"] = content_hash(table, current.record)
    with ledger.transaction():
        ledger.append("batch", **body, **versions)
        if not reasons:
            ledger.append("estimate", batch=body["batch"], **result, **versions)
            _ring(ledger)
    os.replace(path, folder / kept)


def _without_outcome(result):
    """Say how many rows of a batch have no outcome, and what that leaves open."""
    if "unanswered" not in result:
        return []
    control, treated = result["unanswered"]
    note = f"{control} control and {treated} treated rows have no outcome and were left out"
    if "bounds" in result:
        low, high = result["bounds"]
        note += f"; whatever they would have said, the effect lies between {low:.3f} and {high:.3f}"
    return [note]


def _judge(path, content, digest, current):
    """Return a file's rows, the reasons to refuse it and the notes."""
    if path.suffix.lower() != ".csv":
        return None, [f"{path.name} is not a .csv file; export it as one"], []
    same = [entry for entry in current.accepted if entry["sha256"] == digest]
    if same:
        return None, [f"the file is that of batch {same[0]['batch']}, byte for byte"], []
    table, reasons, notes = read_batch(content, current.record)
    if not reasons:
        reasons, more = check_batch(table, current.record, current.accepted)
        notes = notes + more
    return table, reasons, notes


def _ring(ledger):
    """Enter the alarms that ring after the last batch, and open an incident for the first."""
    current = state(ledger)
    _, detectors = watch(current.record, current.watched)
    open_already = set(current.incident["alarms"]) if current.incident else set()
    rung = [name for name, value in detectors.iloc[-1].items() if value >= 1]
    last = current.watched[-1]
    incident = current.incident["incident"] if current.incident else len(current.decisions) + 1
    if rung and not current.incident:
        ledger.append("incident", incident=incident, batch=last["batch"])
    for name in rung:
        if name not in open_already:
            says = in_words(name, current.record, last)
            ledger.append("alarm", alarm=name, batch=last["batch"], incident=incident, says=says)


def verify(folder, head=None):
    """Prove the chain, and that every file and every record is what the ledger says.

    Parameters
    ----------
    folder : pathlib.Path
    head : str, optional
        The hash of an entry that somebody kept: proves that nothing up to it was cut off.

    Returns
    -------
    list of str
        Every fault, named; empty if there is none.
    """
    with opened(folder) as ledger:
        found = ledger.faults()
        if head and head not in ledger.hashes():
            found.append(f"no entry has the hash {head[:12]}…: the ledger was cut off or rewritten")
        kept = set()
        for entry in ledger.entries("batch"):
            kept.add(entry["kept"])
            found += _file_faults(folder, entry)
        for part in ("accepted", "quarantine"):
            for path in sorted((folder / part).iterdir()):
                if f"{part}/{path.name}" not in kept:
                    found.append(f"{part}/{path.name} is in no entry of the ledger")
        for entry in ledger.entries("record"):
            found += _record_faults(folder, entry)
        last = records(ledger)
        if last and (folder / "estimand.toml").read_text(encoding="utf-8") != last[-1]["toml"]:
            found.append("estimand.toml is not the version in force; the next run will enter it")
        return found


def _file_faults(folder, entry):
    """Compare one kept file with its entry."""
    path = folder / entry["kept"]
    if not path.exists():
        waiting = folder / "inbox" / entry["file"]
        return [] if waiting.exists() else [f"{entry['kept']} is missing"]
    same = hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
    return [] if same else [f"{entry['kept']} was changed"]


def _record_faults(folder, entry):
    """Compare one kept version of the record with its entry."""
    path = folder / "records" / f"{entry['version']}.toml"
    if not path.exists():
        return [f"records/{path.name} is missing"]
    same = path.read_text(encoding="utf-8") == entry["toml"]
    return [] if same else [f"records/{path.name} was changed"]
