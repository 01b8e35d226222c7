"""What rings, and what it means: detectors that may be looked at after every batch."""

import numpy as np
import pandas as pd

from casestudies.production.estimates import moments_frame, moments_of
from casestudies.recipes.monitoring import change_detector, confidence_sequence, sample_ratio

ROLES = {"outcome": "y", "treatment": "arm", "batch": "batch", "size": "n"}
DRIFT = 0.2  # standard deviations of an input that are worth finding
VERDICTS = {
    "logging": (
        "The log is broken, or the draw. No estimate of these batches is to be believed, whatever "
        "else rings.",
        "Find whose rows are missing, in which arm, since when; mend the log, then estimate again "
        "from the batches after it.",
    ),
    "causal breakdown": (
        "The effect is no longer the one that the decision rests on.",
        "Do not widen. Estimate since the alarm, ask which assumption of the record failed, and "
        "sign a new reference or stop.",
    ),
    "predictive drift": (
        "People have changed and the effect has not, as far as the detector sees: forecasts of the "
        "outcome will be off, the decision stands.",
        "Refit what predicts; ask by effect_change whether the mix has moved the average effect.",
    ),
    "quiet": ("Nothing rings.", "Nothing to do."),
}


def verdict(alarms):
    """Say what a set of alarms means.

    Parameters
    ----------
    alarms : iterable of str
        Names of the alarms that rang: ratio, effect, inputs.

    Returns
    -------
    str
        The ratio overrides the others, since it says that rows are missing; then the effect;
        inputs alone are predictive drift.

    Examples
    --------
    >>> [verdict(rung) for rung in ([], ["inputs"], ["inputs", "effect"], ["effect", "ratio"])]
    ['quiet', 'predictive drift', 'causal breakdown', 'logging']
    """
    rung = set(alarms)
    if "ratio" in rung:
        return "logging"
    if "effect" in rung:
        return "causal breakdown"
    return "predictive drift" if rung else "quiet"


def watch(record, estimates):
    """Run every detector over the batches since it was last set to zero.

    Parameters
    ----------
    record : Record
        Reference, allocation, levels.
    estimates : list of dict
        The estimates of the ledger, in order, each with batch, arms and inputs.

    Returns
    -------
    sequence : pandas.DataFrame
        The confidence sequence by batch.
    detectors : pandas.DataFrame
        A column an alarm, by batch: the e-value over its threshold, so that 1 rings.
    """
    batches = _batches(record, estimates)
    alarms, limit = record["alarms"], record["alarms"]["average_run_length"]
    moments = moments_frame(batches, [entry["arms"]["rows"] for entry in estimates])
    tuned = {"tuned_for": alarms["tuned_for"], "level": alarms["level"]}
    sequence = confidence_sequence(moments, **ROLES, **tuned)
    change = {"change": alarms.get("change"), "average_run_length": limit}
    effect = change_detector(moments, **ROLES, reference=record["reference"]["effect"], **change)
    detectors = {"effect": effect["e_value"] / limit}
    share = record["design"].get("share_treated")
    if share is not None:
        counts = [
            [[e["arms"]["n_control"], 0, 0], [e["arms"]["n_treated"], 0, 0]] for e in estimates
        ]
        drawn = {"share_treated": share, "average_run_length": limit}
        by = {key: value for key, value in ROLES.items() if key != "outcome"}
        ratio = sample_ratio(moments_frame(batches, counts), **by, **drawn)
        detectors["ratio"] = ratio["e_value"] / limit
    for name, (mean, sd) in record.inputs.items():
        seen = [entry["inputs"][name] for entry in estimates]
        rows = [moments_of(s["mean"], sd / np.sqrt(s["n"]), int(s["n"])) for s in seen]
        drift = {"reference": mean, "change": DRIFT * sd, "average_run_length": limit}
        table = change_detector(moments_frame(batches, rows), **ROLES, **drift)
        detectors[f"inputs: {name}"] = table["e_value"] / limit
    return sequence, pd.DataFrame(detectors)


def in_words(alarm, record, estimate):
    """Say what rang, with the numbers of the batch in which it did."""
    if alarm == "ratio":
        n, treated = estimate["arms"]["n_control"], estimate["arms"]["n_treated"]
        return (
            f"The share treated has left {record['design']['share_treated']:g}; in this batch it "
            f"is {treated / (n + treated):.3f}."
        )
    if alarm == "effect":
        return (
            f"The effect has left {record['reference']['effect']:g}; in this batch it is "
            f"{estimate['estimate']:.3f} ({estimate['std_error']:.3f})."
        )
    name = alarm.removeprefix("inputs: ")
    return (
        f"The mean of {name} has left {record.inputs[name][0]:g}; in this batch it is "
        f"{estimate['inputs'][name]['mean']:.3f}."
    )


def _batches(record, estimates):
    """Return the batches as dates or numbers."""
    names = [entry["batch"] for entry in estimates]
    return pd.to_datetime(names) if record["batches"]["kind"] == "date" else np.array(names, int)
