"""Event studies as frames: written by one family, read by others."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from casestudies.recipes._columns import _listed, _real, _reals, _result


def _study(events, references, estimate, covariance, df, level, sizes=None):
    """Return an event study's frame, with zeros where only references lie.

    With sizes, it says how many units of either side enter each estimate.
    """
    std_error = np.sqrt(np.diag(covariance))
    rows = [
        _result(event, e, s, n=np.nan, level=level, df=df)
        for event, e, s in zip(events, estimate, std_error, strict=True)
    ]
    references = np.unique(references)
    rows += [_result(r, 0.0, 0.0, n=np.nan, level=level) for r in np.setdiff1d(references, events)]
    frame = pd.DataFrame(rows).drop(columns="n")
    if sizes is not None:
        columns = pd.DataFrame(sizes, index=events, columns=["n_treated", "n_comparison"])
        frame = frame.join(columns.reindex(frame.index, fill_value=0))
    frame = frame.sort_index().rename_axis("event_time")
    # Nested dicts: pandas compares attrs with ==, which a DataFrame in them would break.
    names, reference = events.tolist(), references.tolist()
    table = pd.DataFrame(covariance, index=names, columns=names).to_dict()
    reference = reference[0] if len(reference) == 1 else reference
    frame.attrs = {"covariance": table, "df": int(df), "reference": reference}
    return frame


class _Estimates(NamedTuple):
    """What an event study holds, references apart."""

    times: np.ndarray
    estimate: np.ndarray
    covariance: np.ndarray
    df: float
    reference: float  # the last one


def _estimates(study, *, one_reference=True):
    """Return the estimates of an event study and their covariance, checked."""
    attrs = study.attrs if isinstance(study, pd.DataFrame) else {}
    if not isinstance(attrs.get("covariance"), dict | pd.DataFrame):
        raise ValueError("study carries no covariance; pass the frame that event_study returned")
    if "estimate" not in study:
        raise ValueError(
            f"study has no column 'estimate', only {_listed(study.columns)}; pass the frame that "
            "event_study returned"
        )
    if list(study.columns).count("estimate") > 1:
        raise ValueError(
            "study has more than one column 'estimate'; keep one, for example "
            "study.loc[:, ~study.columns.duplicated()]"
        )
    times = np.sort(_reals("an event time of the study", study.index))
    for time in times[1:][np.diff(times) == 0]:
        raise ValueError(
            f"study has event time {time:g} more than once; keep one row of each, for example "
            "study[~study.index.duplicated()]"
        )
    covariance = attrs["covariance"]
    if not all(isinstance(row, dict | pd.Series) for _, row in covariance.items()):
        raise ValueError(
            "study.attrs['covariance'] is not a dict of dicts, one of covariances with all others "
            "for each event time; pass the one of event_study"
        )
    covariance = pd.DataFrame(covariance)
    references = _reals("study.attrs['reference']", attrs.get("reference", -1), below=0)
    times = times[np.isin(times, covariance.index) | ~np.isin(times, references)]
    if one_reference:
        _check_reference(references, times, attrs)
    elif attrs.get("anticipation", 0):
        _check_anticipated(references, times)
    for time in times[~(np.isin(times, covariance.index) & np.isin(times, covariance.columns))]:
        raise ValueError(f"the covariance has no event time {time:g}; do not relabel the study")
    estimate = pd.to_numeric(study.loc[times, "estimate"], errors="coerce").to_numpy(dtype=float)
    covariance = covariance.loc[times, times].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    _check_moments(times, estimate, covariance)
    df = attrs.get("df", np.inf)
    df = df if df == np.inf else _real("study.attrs['df']", df, above=1)
    return _Estimates(times, estimate, covariance, df, references.max())


def _check_anticipated(references, times):
    """Raise on event times at which units may already react to what is to come."""
    reacting = times[(times > references.max()) & (times < 0)].tolist()
    if reacting:
        raise ValueError(
            f"the study allows for anticipation at event times {_listed(reacting)}, which then say "
            f"nothing of trends; drop these, study.drop(index={reacting})"
        )


def _check_reference(references, times, attrs):
    """Raise unless the reference is one, the last event time before 0."""
    wanted = {"base": "base='universal'"} if attrs.get("base", "universal") != "universal" else {}
    wanted |= {"anticipation": "anticipation=0"} if attrs.get("anticipation") else {}
    if wanted:
        raise ValueError(
            "the study's estimates do not follow one path from the last period before the "
            f"treatment; give that of event_study with {' and '.join(wanted.values())}"
        )
    if len(references) > 1:
        raise ValueError(
            f"the study's adoption groups have their references at different event times, "
            f"{_listed(references.tolist())}, so a drift has no single origin; give the event "
            "study of groups whose last period before adoption lies equally far back"
        )
    for time in times[(times > references[0]) & (times < 0)]:
        raise ValueError(
            f"study has event time {time:g} between its reference, {references[0]:g}, and 0; set "
            "study.attrs['reference'] to the event time to which the estimates are relative, the "
            "last before 0"
        )


def _check_moments(times, estimate, covariance):
    """Raise unless estimates are finite and the covariance is one, with variances above 0."""
    variance = np.diag(covariance)
    for bad in np.flatnonzero(~(np.isfinite(estimate) & np.isfinite(variance) & (variance > 0))):
        raise ValueError(
            f"study has estimate {estimate[bad]:g} with variance {variance[bad]:g} at event time "
            f"{times[bad]:g}; both must be finite and the variance above 0, so drop that row, "
            f"study.drop(index={times[bad]:g})"
        )
    scaled = covariance / np.sqrt(np.outer(variance, variance))
    if not (np.allclose(scaled, scaled.T) and np.linalg.eigvalsh(scaled).min() > -1e-8):
        raise ValueError(
            "study.attrs['covariance'] is not a covariance, which is symmetric and gives no "
            "combination of estimates a negative variance; pass the one of event_study"
        )


def _event_weights(times, event_times):
    """Return the weights that average over event times, all from 0 on by default."""
    later = times[times >= 0]
    chosen = later if event_times is None else np.unique(_reals("event_times", event_times))
    if not len(later):
        raise ValueError("no event time from 0 on to average over; the study ends before it")
    found = np.isclose(times[:, np.newaxis], chosen, rtol=1e-9) & (chosen >= 0)
    for event in chosen[~found.any(axis=0)]:
        raise ValueError(
            f"event time {event:g} is not among those with an effect, {_listed(later.tolist())}"
        )
    return found.any(axis=1) / len(chosen)
