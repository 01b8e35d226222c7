"""How often alarms ring in years that stay quiet, and in years that break half-way.

Many years at once, from the counts of each week alone. What is watched is
``scenarios.programme``; the formulas are those of ``recipes.monitoring``, here over all years
together, and the tests hold one against the other.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from casestudies import scenarios
from casestudies.recipes.monitoring import group_sequential_boundary
from casestudies.scm import generator

__all__ = [
    "Years",
    "alarm_rates",
    "alarms",
    "draw_years",
    "sequence_limits",
    "to_date",
    "weekly_false_alarms",
    "window_prices",
]

SHARE, DRIFT = 0.9, 0.2


class Years(NamedTuple):
    """Counts of simulated years, each array with years first, then weeks.

    Parameters
    ----------
    size, exits : numpy.ndarray
        People in the log and their exits; the last axis is holdout, treated.
    workload : numpy.ndarray
        Mean workload of the week.
    people : int
        People a week before the log loses any.
    """

    size: np.ndarray
    exits: np.ndarray
    workload: np.ndarray
    people: int


def weekly_false_alarms(*, people=600, level=0.95, **knobs):
    r"""Return the chance that one week's interval misses an effect that has not changed.

    The interval is Welch's for a difference in means. With :math:`N_1` treated, binomial, and
    :math:`Y_d` exits in each arm, binomial given it, the chance is the sum of
    :math:`P(N_1) P(Y_0) P(Y_1)` over all weeks whose t statistic lies outside: exact, but for
    tails of a chance of 1e-8 each that are left out.

    Parameters
    ----------
    people : int
        People a week.
    level : float
        Coverage that the interval promises.
    **knobs
        Of ``scenarios.programme``.

    Returns
    -------
    float

    Examples
    --------
    >>> round(weekly_false_alarms(people=600), 4)
    0.0524
    """
    truth, total = scenarios.programme(**knobs).truth, 0.0
    rates = [truth[f"E[exit | do(programme={arm})]"] for arm in (0, 1)]
    share = knobs.get("share_treated", SHARE)
    for treated in _likely(people, share):
        if min(treated, people - treated) < 2:  # no interval, no alarm
            continue
        size = np.array([people - treated, treated])
        counts = [_likely(n, rate) for n, rate in zip(size, rates, strict=True)]
        held, given = (stats.binom.pmf(*part) for part in zip(counts, size, rates, strict=True))
        exits = np.stack(np.meshgrid(*counts, indexing="ij"), axis=-1)
        outside = _welch(size, exits, truth["ATE"], level)
        total += stats.binom.pmf(treated, people, share) * (held @ outside @ given)
    return float(total)


def draw_years(years, *, weeks=52, people=600, rng, **broken):
    """Draw years of weekly counts; from the middle on the world has other knobs.

    Parameters
    ----------
    years, weeks, people : int
        How many years, weeks a year, people a week.
    rng : int or numpy.random.Generator
        A seed or a stream of random numbers.
    **broken
        Knobs of ``scenarios.programme`` in the second half; none make a quiet year.

    Returns
    -------
    Years
        Workload is drawn as if the log lost nobody, and apart from the exits.

    Examples
    --------
    >>> draw_years(3, rng=1, unlogged=0.5).size.shape
    (3, 52, 2)
    """
    rng, half = generator(rng), np.arange(weeks) >= weeks // 2
    chances = np.where(half[:, np.newaxis], _chances(**broken), _chances())
    counts = rng.multinomial(people, chances, size=(years, weeks))
    exits, stays = counts[..., [0, 2]], counts[..., [1, 3]]
    mean = half * broken.get("workload_shift", 0.0)
    workload = rng.normal(mean, 1 / np.sqrt(people), size=(years, weeks))
    return Years(exits + stays, exits, workload, people)


def sequence_limits(looks):
    """Return the 95% confidence sequence's limits of the absolute z statistic at equal looks.

    Parameters
    ----------
    looks : int
        Number of looks; the sequence is tuned for half of them.

    Returns
    -------
    numpy.ndarray

    Examples
    --------
    >>> sequence_limits(52)[[0, 25, 51]].round(2)
    array([5.11, 3.04, 3.06])
    """
    look = np.arange(1, looks + 1)
    return _mixture(look, looks / 2) / np.sqrt(look)


def to_date(years):
    """Return each week's estimate from all data to date, its standard error and the sequence's.

    Parameters
    ----------
    years : Years

    Returns
    -------
    estimate, std_error, margin : numpy.ndarray
        The last is half the width of the 95% confidence sequence, tuned for half a year.
    """
    rate, weight, noise = _parts(years)
    total = np.cumsum(weight, axis=1)
    share = weight[..., np.newaxis] ** 2 / years.size
    spent = (noise * np.cumsum(share, axis=1)).sum(axis=-1)
    estimate = np.cumsum(weight * (rate[..., 1] - rate[..., 0]), axis=1) / total
    unit = (noise * share[:, :1]).sum(axis=-1) / years.size[:, :1].sum(axis=-1)
    margin = _mixture(spent, years.people * rate.shape[1] // 2 * unit)
    return estimate, np.sqrt(spent) / total, margin / total


def alarms(years, *, reference, average_run_length=1000):
    """Say for every alarm, year and week whether it rings there.

    Parameters
    ----------
    years : Years
    reference : float
        The effect that was established.
    average_run_length : float
        Of the three detectors, which ring at an evidence of as much.

    Returns
    -------
    dict of str to numpy.ndarray
        By alarm, years first, then weeks.
    """
    estimate, error, margin = to_date(years)
    z, looks = np.abs(estimate - reference) / error, years.size.shape[1]
    limits = group_sequential_boundary(looks, kind="obrien_fleming").to_numpy()
    quiet = scenarios.programme().truth["E[exit | do(programme=1)]"]
    treated = (years.exits / years.size)[..., 1] - quiet
    spread = np.sqrt(quiet * (1 - quiet) / years.size[..., 1])
    return {
        "weekly test": _welch(years.size, years.exits, reference, 0.95),
        "test of all data to date": z > stats.norm.ppf(0.975),
        "O'Brien-Fleming limits": z > limits,
        "confidence sequence": np.abs(estimate - reference) > margin,
        "effect detector": effect_detector(
            years, reference=reference, average_run_length=average_run_length
        ),
        "ratio detector": _ratio_evidence(years.size) >= average_run_length,
        "input detector": _input_evidence(years) >= average_run_length,
        "input mean, weekly test": np.abs(years.workload) * np.sqrt(years.people) > 1.96,
        "treated rate, three errors": np.abs(treated) > 3 * spread,
    }


def effect_detector(years, *, reference, average_run_length=1000):
    """Say for every year and week whether the detector of a change in the effect rings there.

    Parameters
    ----------
    years, reference, average_run_length
        As in `alarms`.

    Returns
    -------
    numpy.ndarray
        Years first, then weeks.
    """
    return _effect_evidence(years, reference)[0] >= average_run_length


def alarm_rates(rung, *, since=0):
    """Return in how many years each alarm rings first in a week or later, and how long it takes.

    Parameters
    ----------
    rung : dict of str to numpy.ndarray
        From `alarms`.
    since : int
        The first week that counts; a year in which an alarm rang before it is no catch.

    Returns
    -------
    pandas.DataFrame
        By alarm: rings (share of years), std_error (Monte Carlo), weeks (median, of the years in
        which it rang).
    """
    rows = {}
    for name, rings in rung.items():
        first = np.where(rings.any(axis=1), rings.argmax(axis=1), np.inf)
        caught = np.isfinite(first) & (first >= since)
        share = caught.mean()
        wait = np.median(first[caught]) - since + 1 if caught.any() else np.nan
        rows[name] = (share, np.sqrt(share * (1 - share) / len(first)), wait)
    return pd.DataFrame(rows, index=["rings", "std_error", "weeks"]).T


def window_prices(years, *, reference, later, wait=8):
    """Return what an estimate made some weeks after the effect alarm says, by window.

    Parameters
    ----------
    years : Years
        Years in which the effect changes half-way.
    reference, later : float
        The effect that was established, and the one in the second half, which is estimated.
    wait : int
        Weeks from the alarm to the estimate.

    Returns
    -------
    pandas.DataFrame
        By window: bias and its Monte Carlo bias_error, sd, rmse. Over the years that rang in the
        second half, and early enough; ``attrs["years"]`` says how many.
    """
    evidence, since = _effect_evidence(years, reference)
    rings = evidence >= 1000
    rate, weight, _ = _parts(years)
    weeks = rate.shape[1]
    rung = rings.argmax(axis=1)
    late = rings.any(axis=1) & (rung >= weeks // 2) & (rung + wait < weeks)
    rung, since = rung[late], since[late, rung[late]]
    gap, weight = (rate[..., 1] - rate[..., 0])[late], weight[late]
    end = rung + wait
    starts = {
        "all weeks": 0 * end,
        "the last 26 weeks": end - 25,
        "from the likeliest start on": since,
        "the weeks after the alarm": rung + 1,
    }
    week, rows = np.arange(weeks), {}
    for name, start in starts.items():
        inside = weight * ((week >= start[:, np.newaxis]) & (week <= end[:, np.newaxis]))
        off = (inside * gap).sum(axis=1) / inside.sum(axis=1) - later
        spread = off.std(ddof=1)
        rows[name] = (off.mean(), spread / np.sqrt(len(off)), spread, np.sqrt((off**2).mean()))
    table = pd.DataFrame(rows, index=["bias", "bias_error", "sd", "rmse"]).T
    table.attrs["years"] = len(rung)
    return table


def _chances(*, share_treated=SHARE, unlogged=0.0, **knobs):
    """Return the chances of a held-out exit and stay, a treated exit and stay, and no row."""
    truth = scenarios.programme(share_treated=share_treated, **knobs).truth
    held, given = (truth[f"E[exit | do(programme={arm})]"] for arm in (0, 1))
    rest = 1 - share_treated
    return [
        rest * held * (1 - unlogged),
        rest * (1 - held),
        share_treated * given,
        share_treated * (1 - given),
        rest * held * unlogged,
    ]


def _likely(n, chance):
    """Return the counts of a binomial, but for its tails."""
    low, high = stats.binom.ppf([1e-8, 1 - 1e-8], n, chance).astype(int)
    return np.arange(low, high + 1)


def _welch(size, exits, reference, level):
    """Say whether Welch's interval of a week misses the reference."""
    rate = exits / size
    noise = rate * (1 - rate) / (size - 1)
    total = noise.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = total**2 / (noise**2 / (size - 1)).sum(axis=-1)
        statistic = np.abs(rate[..., 1] - rate[..., 0] - reference) / np.sqrt(total)
        return special.stdtr(freedom, statistic) > (1 + level) / 2


def _mixture(v, tuned_for):
    """Return the normal mixture at 5% (Howard and others 2021, equations 3.7 and 3.14)."""
    rho = tuned_for / (-special.lambertw(-(0.05**2) / np.e, -1).real - 1)
    return np.sqrt((v + rho) * np.log((v + rho) / (rho * 0.05**2)))


def _parts(years):
    """Return rates, weights n1 n0 / n, and the variances by arm pooled over the weeks to date."""
    rate = years.exits / years.size
    weight = years.size.prod(axis=-1) / years.size.sum(axis=-1)
    scatter = np.cumsum(years.size * rate * (1 - rate), axis=1)
    return rate, weight, scatter / np.cumsum(years.size - 1, axis=1)


def _effect_evidence(years, reference):
    """Return the detector of a change as large as the reference, week by week."""
    rate, _, noise = _parts(years)
    gap = rate[..., 1] - rate[..., 0] - reference

    def starts(k):
        precise = 1 / (noise[:, k : k + 1] / years.size[:, : k + 1]).sum(axis=-1)
        return precise * gap[:, : k + 1], precise

    return _normal_evidence(starts, gap.shape[1], reference)


def _input_evidence(years):
    """Return the detector of an input's mean, whose standard deviation is 1."""
    precise = np.full(years.workload.shape, float(years.people))

    def starts(k):
        return precise[:, : k + 1] * years.workload[:, : k + 1], precise[:, : k + 1]

    return _normal_evidence(starts, years.workload.shape[1], DRIFT)[0]


def _normal_evidence(starts, weeks, change):
    """Sum the likelihood ratios of normal changes over the weeks in which they may have come."""
    rho, logs, since = 1 / change**2, [], []
    for k in range(weeks):
        s, v = (_from_each_start(part) for part in starts(k))
        each = (np.log(rho / (v + rho)) + s**2 / (v + rho)) / 2
        logs.append(special.logsumexp(each, axis=1))
        since.append(each.argmax(axis=1))
    return np.exp(np.minimum(np.transpose(logs), 700)), np.transpose(since)


def _ratio_evidence(size):
    """Return the detector of the share treated."""
    total = SHARE * (1 - SHARE) / ((1 - SHARE) / 10) ** 2 - 1
    prior, logs = np.array([1 - SHARE, SHARE]) * total, []
    for k in range(size.shape[1]):
        since = _from_each_start(size[:, : k + 1])
        ratio = special.betaln(*np.moveaxis(prior + since, -1, 0)) - special.betaln(*prior)
        logs.append(special.logsumexp(ratio - since @ np.log([1 - SHARE, SHARE]), axis=1))
    return np.exp(np.minimum(np.transpose(logs), 700))


def _from_each_start(values):
    """Return the sum from each week to the last."""
    return np.cumsum(values[:, ::-1], axis=1)[:, ::-1]
