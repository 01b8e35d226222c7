"""The page that an alarm opens: what rang, what it means, what may be done, and who decides."""

from casestudies.production.alarms import VERDICTS

INCIDENT = """Incident {incident}, opened by batch {batch}
What rang: {says}
What it means: {verdict}. {means}
What may not be done: widen the treatment, or close this without a reason and a name.
What to run: production reestimate FOLDER --window since-alarm
What to do: {to_do}
Who decides: {owner}; reviewers {reviewers}. The way back: {rollback} ({who}).
"""


def report(current):
    """Return the open incident as a page of text, from the template; empty if none is open.

    Parameters
    ----------
    current : State
    """
    if not current.incident:
        return ""
    means, to_do = VERDICTS[current.verdict]
    record, incident = current.record, current.incident
    return INCIDENT.format(
        incident=incident["incident"],
        batch=incident["batch"],
        says=" ".join(incident["says"]),
        verdict=current.verdict,
        means=means,
        to_do=to_do,
        owner=record["owner"],
        reviewers=", ".join(record["reviewers"]),
        rollback=record["rollback"]["does"],
        who=record["rollback"]["who"],
    )
