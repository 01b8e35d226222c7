"""A company to practise on: a record, weekly files, and something that breaks half-way."""

import datetime

import numpy as np
import pandas as pd
from scipy.special import expit

from casestudies import scenarios
from casestudies.production.folder import new, replace
from casestudies.production.record import template
from casestudies.recipes.monitoring import batch_moments
from casestudies.scm import Bernoulli, Normal, generator

FIRST = datetime.date(2026, 1, 5)
# What happens half-way, each an intervention on the world's equations.
SHOCKS = {
    "quiet": {},
    "inputs_drift": {"workload": Normal(0.8)},
    "effect_dies": {
        "exit": Bernoulli(lambda workload: np.maximum(expit(-0.85 + 0.6 * workload) - 0.06, 0))
    },
    "logging_breaks": {
        "logged": Bernoulli(lambda programme, exit: 1 - 0.5 * (1 - programme) * exit)
    },
    "draw_breaks": {"programme": Bernoulli(0.88)},
    "juniors_lose": {
        "exit": Bernoulli(
            lambda workload, junior, programme: np.clip(
                expit(-0.85 + 0.6 * workload) + np.where(junior == 1, 0.02, -0.06) * programme, 0, 1
            )
        )
    },
}


def draw(scenario, *, weeks, people, rng):
    """Draw the weeks of one year, with the change half-way.

    Parameters
    ----------
    scenario : str
        A key of SHOCKS.
    weeks, people : int
        Number of weeks, and of people a week before the log loses any.
    rng : int or numpy.random.Generator
        A seed or a stream of random numbers.

    Returns
    -------
    pandas.DataFrame
        A row a logged person: week (0, 1, ...), person, workload, junior, programme, exit.

    Raises
    ------
    ValueError
        If the scenario is not known, or a number is below 1.
    """
    if scenario not in SHOCKS:
        raise ValueError(f"no scenario {scenario!r}; there are {', '.join(SHOCKS)}")
    if weeks < 2 or people < 1:
        raise ValueError(f"weeks must be 2 or more and people 1 or more, got {weeks} and {people}")
    rng, half = generator(rng), weeks // 2
    world = scenarios.programme().model
    parts = [
        model.sample(count * people, rng=rng)
        for model, count in [(world, half), (world.do(**SHOCKS[scenario]), weeks - half)]
    ]
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "week", np.repeat(np.arange(weeks), people))
    table.insert(1, "person", np.tile(np.arange(people), weeks))
    return table[table["logged"] == 1].drop(columns="logged")


def company(folder, *, weeks=52, people=600, scenario="quiet", rng=0):
    """Lay a record and every week's file into the inbox of a new folder.

    Parameters
    ----------
    folder : pathlib.Path
        It must not hold a record yet.
    weeks, people : int
        Number of weeks, and of people a week.
    scenario : str
        What breaks half-way: a key of SHOCKS.
    rng : int or numpy.random.Generator
        A seed or a stream of random numbers.

    Returns
    -------
    int
        The number of files.
    """
    table = draw(scenario, weeks=weeks, people=people, rng=rng)
    end = FIRST + datetime.timedelta(weeks=weeks)
    review = max(end, datetime.date.today()) + datetime.timedelta(days=90)
    new(folder, template(first=FIRST, next_review=review, tuned_for=weeks * people // 2))
    for week, rows in table.groupby("week", sort=True):
        monday = FIRST + datetime.timedelta(weeks=int(week))
        rows = rows.assign(week=monday.isoformat(), person=rows["person"].map("p{:05d}".format))
        rows = rows.assign(workload=rows["workload"].round(4))
        replace(folder / "inbox" / f"{monday.isoformat()}.csv", rows.to_csv(index=False))
    return table["week"].nunique()


def simulated_years(scenario, *, years, people, weeks=52, rng=0):
    """Draw years as a ledger would hold them, the moments of each week and arm only.

    Parameters
    ----------
    scenario : str
        A key of SHOCKS, which happens half-way.
    years, people, weeks : int
        Number of years, people a week, weeks a year.
    rng : int or numpy.random.Generator
        A seed or a stream of random numbers.

    Yields
    ------
    list of dict
        For each week what `estimates.estimate` returns, without the recipe's own entries.
    """
    rng = generator(rng)
    for _ in range(years):
        table = draw(scenario, weeks=weeks, people=people, rng=rng)
        roles = {"outcome": "exit", "treatment": "programme", "batch": "week"}
        arms = batch_moments(table, **roles)[["n", "exit_mean", "exit_var"]].to_numpy()
        inputs = table.groupby("week")["workload"].agg(["mean", "size"]).to_numpy()
        yield [
            {
                "batch": (FIRST + datetime.timedelta(weeks=week)).isoformat(),
                "arms": {"rows": rows.tolist(), "n_control": rows[0, 0], "n_treated": rows[1, 0]},
                "inputs": {"workload": {"mean": mean, "n": n}},
            }
            for week, (rows, (mean, n)) in enumerate(
                zip(arms.reshape(weeks, 2, 3), inputs, strict=True)
            )
        ]
