"""Event studies as frames: written by one family, read by others."""

import numpy as np
import pandas as pd

from casestudies.recipes._columns import _result


def _study(events, estimate, covariance, df, level):
    """Return an event study's frame, the reference row included."""
    std_error = np.sqrt(np.diag(covariance))
    rows = [
        _result(event, e, s, n=np.nan, level=level, df=df)
        for event, e, s in zip(events, estimate, std_error, strict=True)
    ]
    rows.append(_result(-1, 0.0, 0.0, n=np.nan, level=level))
    frame = pd.DataFrame(rows).drop(columns="n").sort_index().rename_axis("event_time")
    names = [int(event) for event in events]
    # Nested dicts: pandas compares attrs with ==, which a DataFrame in them would break.
    table = pd.DataFrame(covariance, index=names, columns=names).to_dict()
    frame.attrs = {"covariance": table, "df": int(df)}
    return frame


def _event_weights(times, event_times):
    """Return the weights that average over event times, all from 0 on by default."""
    chosen = times[times >= 0] if event_times is None else np.atleast_1d(event_times)
    for event in chosen:
        if event < 0 or event not in times:
            raise ValueError(
                f"event time {event} is not among those with an effect, {times[times >= 0]}"
            )
    if len(chosen) == 0:
        raise ValueError("no event time from 0 on to average over; the study ends before it")
    return np.isin(times, chosen) / len(set(chosen))


def _study_moments(study):
    """Return estimates without the reference, their covariance, and degrees of freedom."""
    if not isinstance(study, pd.DataFrame) or "covariance" not in study.attrs:
        raise ValueError("study carries no covariance; pass the frame that event_study returned")
    estimate = study["estimate"].drop(index=-1, errors="ignore").sort_index()
    covariance = pd.DataFrame(study.attrs["covariance"])
    lost = estimate.index.difference(covariance.index)
    if len(lost):
        raise ValueError(f"the covariance has no event time {lost[0]}; do not relabel the study")
    covariance = covariance.loc[estimate.index, estimate.index].to_numpy()
    return estimate, covariance, study.attrs.get("df", np.inf)
