"""One static page for people who decide: the effect, alarms in words, what may be done today."""

import io
import os
from pathlib import Path

import jinja2
import matplotlib.pyplot as plt

from casestudies.display.figures import ESTIMATE, HIDDEN, NAIVE, TRUTH
from casestudies.production.incident import report

PAGE = Path(__file__).with_name("dashboard.html")


def write(folder, current, head, today):
    """Write ``dashboard/index.html``, whole or not at all.

    Parameters
    ----------
    folder : pathlib.Path
    current : State
    head : tuple of int and str
        Number and hash of the ledger's last entry.
    today : datetime.date
        The day for which the page says what may be done.
    """
    part = folder / "dashboard" / ".index.html.part"
    part.write_text(page(current, head, today), encoding="utf-8")
    os.replace(part, folder / "dashboard" / "index.html")


def page(current, head, today):
    """Return the page as HTML: no script, no other host.

    Parameters
    ----------
    current : State
    head : tuple of int and str
    today : datetime.date

    Returns
    -------
    str
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    sequence = current.sequence
    return environment.from_string(PAGE.read_text(encoding="utf-8")).render(
        record=current.record.body,
        last=current.estimates[-1]["batch"] if current.estimates else "",
        today=today.isoformat(),
        held=current.guardrails(today),
        effect=_effect(current, sequence),
        figure=_figure(current, sequence) if len(sequence) else "",
        report=[line.partition(": ")[::2] for line in report(current).splitlines()],
        decisions=current.decisions,
        refused=current.refused,
        total=len(current.accepted) + len(current.refused),
        notes=_notes(current),
        facts=_facts(current),
        head=head,
    )


def _effect(current, sequence):
    """Say the estimand's estimate in two sentences."""
    if not len(sequence):
        return "There is no batch yet since the detectors were last set to zero."
    last, level = sequence.iloc[-1], current.record["alarms"]["level"]
    estimand, reference = current.record["estimand"], current.record["reference"]
    robust = _robust(current.watched[-1], "instrument" in current.record["columns"])
    warning = "The log is broken; do not read this number. " * (current.verdict == "logging")
    return (
        f"{warning}{estimand}: {last['estimate']:.3f}, interval {last['ci_low']:.3f} to "
        f"{last['ci_high']:.3f}, from {last['n']:,.0f} people in {len(sequence)} batches. Each "
        f"interval of the year holds at once with probability {level:g}, however often it is "
        f"looked at. The decision rests on {reference['effect']:g} ({reference['source']}).{robust}"
    ).replace("-0.", "\N{MINUS SIGN}0.")


def _robust(last, by_instrument):
    """Say how strong a confounder would have to be, for a design that is not randomized."""
    if "robustness" not in last:
        return ""
    confounded = "instrument" if by_instrument else "treatment"
    return (
        f" In the last batch a confounder would have to explain {last['robustness']:.0%} of what "
        f"is left of {confounded} and of outcome to bring the estimate to zero (robustness value)."
    )


def _figure(current, sequence):
    """Draw the sequence beside the reference, and the batches in which an alarm rang."""
    reference = current.record["reference"]["effect"]
    bounded = sequence[sequence["ci_low"].abs() < float("inf")]
    rung = [current.incident["batch"]] if current.incident else []
    with plt.style.context(["casestudies.display.house", {"svg.fonttype": "none"}]):
        figure, ax = plt.subplots(figsize=(8, 3.4))
        ax.fill_between(bounded.index, bounded["ci_low"], bounded["ci_high"], color="#E8E8E8")
        ax.plot(sequence.index, sequence["estimate"], color=ESTIMATE, label="effect to date")
        ax.axhline(reference, color=TRUTH, linestyle="--", label="reference")
        ax.axhline(0, color=HIDDEN, linewidth=0.8)
        for place in sequence.index[[str(b) in rung for b in _names(sequence)]]:
            ax.axvline(place, color=NAIVE, linestyle=":", label="alarm")
        ax.set_ylabel("effect on the outcome")
        ax.legend(loc="upper right", bbox_to_anchor=(1, 1.15), ncols=3)
        ax.tick_params(axis="x", labelrotation=0)
        picture = io.StringIO()
        figure.savefig(picture, format="svg", metadata={"Date": None})
        plt.close(figure)
    svg = picture.getvalue()
    words = f"The effect to date with its interval, beside the reference {reference:g} and zero"
    return svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{words}"', 1)


def _names(sequence):
    """Return the batches as the ledger writes them."""
    dates = hasattr(sequence.index, "strftime")
    return sequence.index.strftime("%Y-%m-%d") if dates else sequence.index


def _notes(current):
    """Return what the last batches gave to know, the newest first."""
    return [
        f"Batch {entry['batch']}: {note}"
        for entry in reversed(current.accepted[-5:])
        for note in entry["notes"]
    ]


def _facts(current):
    """Return the record's plain parts by name."""
    record = current.record.body
    plain = ["estimand", "population", "treatment", "outcome", "horizon", "owner", "next_review"]
    facts = [(name.replace("_", " ").capitalize(), record[name]) for name in plain]
    facts.insert(6, ("Reviewers", ", ".join(record["reviewers"])))
    reference, signed = record["reference"], record["signed"]
    return [
        *facts,
        ("Graph", "; ".join(record["graph"])),
        ("Recipe", record["design"]["recipe"]),
        ("Reference", f"{reference['effect']:g}: {reference['source']}, {reference['date']}"),
        ("Way back", f"{record['rollback']['does']} ({record['rollback']['who']})"),
        ("Signed", f"{signed['by']}, {signed['date']}; version {current.record.version[:12]}"),
    ]
