"""Drills: the past through today's code, and the alarms in simulated years that break."""

import numpy as np
import pandas as pd

from casestudies.production.alarms import watch
from casestudies.production.checks import check_batch, read_batch
from casestudies.production.estimates import estimate
from casestudies.production.folder import opened
from casestudies.production.simulate import SHOCKS, simulated_years
from casestudies.production.state import state


def backtest(folder, *, years=100, rng=0):
    """Replay the accepted batches through today's code and record, and stress the alarms.

    Parameters
    ----------
    folder : pathlib.Path
    years : int
        Simulated years a scenario.
    rng : int or numpy.random.Generator
        A seed or a stream of random numbers.

    Returns
    -------
    replay : pandas.DataFrame
        By batch: the estimate of the ledger, that of today's code, and what today's checks say.
    stress : pandas.DataFrame
        See `stress`.
    """
    with opened(folder) as ledger:
        current = state(ledger)
        replayed = _replay(folder, current)
    people = 600
    if current.estimates:
        people = max(round(np.mean([entry["n"] for entry in current.estimates])), 20)
    return replayed, stress(current.record, people=people, years=years, rng=rng)


def stress(record, *, people, years=100, weeks=52, rng=0):
    """Simulate years in which something breaks half-way, and say which alarm sees it, and when.

    Parameters
    ----------
    record : Record
        Its reference and alarm levels; the world is `scenarios.programme`.
    people, weeks : int
        People a week and weeks a year.
    years : int
        Simulated years a scenario.
    rng : int or numpy.random.Generator
        A seed or a stream of random numbers.

    Returns
    -------
    pandas.DataFrame
        By scenario and alarm: rings, the share of years in which it rang after the change (in a
        quiet year, at all), its Monte Carlo std_error, and the median weeks that it took.
    """
    rows = []
    for scenario in SHOCKS:
        firsts = []
        made = simulated_years(scenario, years=years, people=people, weeks=weeks, rng=rng)
        for year in made:
            rung = watch(record, year)[1] >= 1
            rung = rung.rename(columns=lambda name: name.partition(":")[0])
            rung = rung.T.groupby(level=0).any().T
            firsts.append(rung.to_numpy().argmax(axis=0) + np.where(rung.any(), 0, np.nan))
        start = 0 if scenario == "quiet" else weeks // 2
        first = pd.DataFrame(firsts, columns=rung.columns)
        after = first.where(first >= start)
        for alarm in first:
            share = after[alarm].notna().mean()
            error = np.sqrt(share * (1 - share) / years)
            wait = after[alarm].median() - start + 1 if share else np.nan
            rows.append((scenario, alarm, share, error, wait))
    columns = ["scenario", "alarm", "rings", "std_error", "weeks"]
    return pd.DataFrame(rows, columns=columns).set_index(columns[:2])


def _replay(folder, current):
    """Check and estimate every accepted batch again."""
    rows = []
    for place, (batch, entered) in enumerate(zip(current.accepted, current.estimates, strict=True)):
        content = (folder / batch["kept"]).read_bytes()
        table, reasons, _ = read_batch(content, current.record)
        again = np.nan
        if not reasons:
            reasons = check_batch(table, current.record, current.accepted[:place])[0]
            again = estimate(table, current.record)["estimate"]
        same = np.isclose(again, entered["estimate"], rtol=1e-9, atol=1e-12)
        says = "; ".join(reasons) or ("the same" if same else "another estimate")
        rows.append((batch["batch"], entered["estimate"], again, says))
    columns = ["batch", "in the ledger", "today", "says"]
    return pd.DataFrame(rows, columns=columns).set_index("batch")
