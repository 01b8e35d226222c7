"""Estimating again after an alarm: over which batches, and at what price."""

import numpy as np
import pandas as pd
from scipy import stats

from casestudies.production.alarms import watch
from casestudies.production.simulate import simulated_years


def window(current, which):
    """Return the estimates of a window: all, since-alarm, or last:K.

    Parameters
    ----------
    current : State
    which : str
        ``all``, ``since-alarm`` (after the batch that opened the last incident: that batch rang,
        and is selected) or ``last:K``.

    Returns
    -------
    list of dict
    """
    if which == "all":
        chosen = current.estimates
    elif which == "since-alarm":
        incidents = [*current.decisions, *([current.incident] if current.incident else [])]
        if not incidents:
            raise ValueError("no alarm has rung, so no window begins with one; take all")
        names = [entry["batch"] for entry in current.estimates]
        chosen = current.estimates[names.index(incidents[-1]["batch"]) + 1 :]
    elif which.startswith("last:") and which[5:].isdigit() and int(which[5:]):
        chosen = current.estimates[-int(which[5:]) :]
    else:
        raise ValueError(f"window must be all, since-alarm or last:K, got {which!r}")
    if not chosen:
        raise ValueError(f"the window {which} holds no batch yet")
    return chosen


def pooled(estimates, level=0.95):
    """Estimate once more over several batches, each weighted by its people in both arms.

    Weights are :math:`n_1 n_0 / (n_1 + n_0)`, never a batch's own precision, which is related to
    its estimate; variances are pooled over the batches.

    Parameters
    ----------
    estimates : list of dict
        Entries of the ledger.
    level : float
        Coverage of the interval at this one look.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n, batches.
    """
    n, mean, variance = np.moveaxis(np.array([e["arms"]["rows"] for e in estimates], float), 2, 0)
    weight = n.prod(axis=1) / n.sum(axis=1)
    pooled_variance = (n * variance).sum(axis=0) / n.sum(axis=0)
    gap = mean[:, 1] - mean[:, 0]
    estimate = np.average(gap, weights=weight)
    noise = (weight**2 * (pooled_variance / n).sum(axis=1)).sum()
    error = np.sqrt(noise) / weight.sum()
    low, high = stats.norm.interval(level, estimate, error)
    entries = {"estimate": estimate, "std_error": error, "ci_low": low, "ci_high": high}
    entries |= {"n": n.sum(), "batches": len(estimates)}
    return pd.Series(entries, name="pooled", dtype=float)


def price(record, *, estimates, years=200, rng=0):
    """Simulate what each window costs when the effect has died half-way through a year.

    Parameters
    ----------
    record : Record
        Its alarms say when the estimate is made.
    estimates : list of dict
        The ledger's, for the size of a batch.
    years : int
        Simulated years.
    rng : int or numpy.random.Generator
        A seed or a stream of random numbers.

    Returns
    -------
    pandas.DataFrame
        By window: bias, sd and root mean squared error of the estimate made eight weeks after the
        effect alarm, held against the effect of today, 0; and the years in which it rang.
    """
    people = max(round(np.mean([entry["n"] for entry in estimates])), 20)
    found = {"all": [], "since-alarm": [], "last:13": [], "last:26": []}
    for year in simulated_years("effect_dies", years=years, people=people, rng=rng):
        _, detectors = watch(record, year)
        rung = np.flatnonzero(detectors["effect"] >= 1)
        if not len(rung) or rung[0] + 9 > len(year):
            continue
        start, now = rung[0] + 1, rung[0] + 9
        parts = {"all": 0, "since-alarm": start, "last:13": now - 13, "last:26": now - 26}
        for name, start in parts.items():
            found[name].append(pooled(year[max(start, 0) : now])["estimate"])
    table = pd.DataFrame(found)
    return pd.DataFrame(
        {
            "bias": table.mean(),
            "sd": table.std(),
            "rmse": np.sqrt((table**2).mean()),
            "years": len(table),
        }
    ).rename_axis("window")
