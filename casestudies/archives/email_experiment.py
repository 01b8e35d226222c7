"""A shop's e-mail, sent by lot: men's goods, women's goods or none, to 64,000 customers."""

from pathlib import Path

import numpy as np
import pandas as pd

from casestudies.archives.moments import generator
from casestudies.archives.originals import read_original

__all__ = ["email_experiment", "email_experiment_cells"]

KEYS = ["bought_men", "bought_women", "newbie", "channel", "area", "email"]
COLUMNS = [*KEYS, "visit", "conversion", "spend"]
CENT = 1e-2  # dollars


def email_experiment(*, rng=0, original=False):
    r"""Return the 64,000 customers of Hillstrom's e-mail experiment, one row each.

    Customers who had bought within a year were sent, by lot and with probability 1/3 each, an
    e-mail on men's goods, one on women's goods, or none. Two weeks later it was known who had
    visited the shop's site, who had bought, and for how much.

    The rows are synthetic and the cell moments are real: in each of 162 cells (what they
    bought before, whether they were new, channel, area, e-mail) the number of customers, of
    visits and of conversions and the mean and the variance of spending are those of the
    experiment. Spending is 0 without a conversion and never negative; among the :math:`k`
    converted of a cell it has the mean and variance that this leaves,

    .. math:: \mu_1 = n \mu / k, \qquad \sigma_1^2 = n (\sigma^2 + \mu^2) / k - \mu_1^2.

    Every mean and regression of the three outcomes on what defines the cells therefore comes
    out as from the original whatever `rng` is, standard errors included. Visits, conversions
    and spending keep their joint table within a cell too: everybody who converted visited.
    Medians and prices of single orders are drawn. Recency and past spending need the original.

    Parameters
    ----------
    rng : int, numpy.random.Generator or numpy.random.RandomState
        Seed or source of the synthetic spending and of the order of the rows; the original
        has no use for it.
    original : bool
        Read the experiment's file itself, from the folder in CASESTUDIES_DATA. It is not
        downloaded: its author states no licence.

    Returns
    -------
    pandas.DataFrame
        ``bought_men`` and ``bought_women`` (0/1, in the year before; at least one is 1),
        ``newbie`` (0/1, new within the year), ``channel`` (multichannel, phone, web), ``area``
        (rural, suburban, urban), ``email`` (men, women, none; by lot), ``visit`` and
        ``conversion`` (0/1, within two weeks), ``spend`` (dollars within two weeks), in
        random order. The original adds ``recency`` (months since the last purchase),
        ``history`` (dollars in the year before) and ``history_segment``.

    Raises
    ------
    ValueError
        If `rng` is none of the three, or the original file is not the pinned one.
    FileNotFoundError
        If the original is asked for and not in the folder.

    References
    ----------
    Hillstrom (2008), The MineThatData E-Mail Analytics and Data Mining Challenge.

    Examples
    --------
    >>> customers = email_experiment()
    >>> customers.groupby("email")["visit"].mean().round(5).to_dict()
    {'men': 0.18276, 'none': 0.10617, 'women': 0.1514}
    """
    if original:
        return _file(read_original("email_experiment_2008.csv"))
    rng = generator(rng)
    cells = email_experiment_cells()
    parts = [_buyers(cells, rng), _others(cells, cells["visits"] - cells["conversions"], visit=1)]
    parts.append(_others(cells, cells["n"] - cells["visits"], visit=0))
    customers = pd.concat(parts, ignore_index=True)[COLUMNS]
    return customers.iloc[rng.permutation(len(customers))].reset_index(drop=True)


def email_experiment_cells():
    """Return the 162 cells from which `email_experiment` is made.

    Returns
    -------
    pandas.DataFrame
        ``bought_men, bought_women, newbie, channel, area, email, n, visits, conversions``
        and, in dollars over all customers of the cell, ``spend_mean`` and ``spend_var``
        (divisor n).

    References
    ----------
    Hillstrom (2008), The MineThatData E-Mail Analytics and Data Mining Challenge; counts and
    moments computed from its file.

    Examples
    --------
    >>> cells = email_experiment_cells()
    >>> len(cells), cells["n"].sum().item(), cells["conversions"].sum().item()
    (162, 64000, 578)
    """
    return _plain_words(pd.read_csv(Path(__file__).with_name("email_experiment_cells.csv")))


def _buyers(cells, rng):
    """Draw the spending of those who converted, cell by cell."""
    bought = cells[cells["conversions"] > 0]
    n, k = bought["n"], bought["conversions"]
    mean = n * bought["spend_mean"] / k
    var = n * (bought["spend_var"] + bought["spend_mean"] ** 2) / k - mean**2
    sd = np.sqrt(var.where((k > 1) & (var > CENT**2), 0.0))  # less is the rounding of the cells
    amounts = [_amounts(*cell, rng) for cell in zip(k, mean, sd, strict=True)]
    rows = bought.loc[np.repeat(bought.index, k), KEYS]
    return rows.assign(visit=1, conversion=1, spend=np.concatenate(amounts))


def _amounts(count, mean, sd, rng):
    """Draw amounts that have this mean and standard deviation exactly, none of them negative.

    Gamma draws of the same coefficient of variation are moved and stretched; of 2,000 sets
    the first that stays above 0 is taken.
    """
    if sd == 0:
        return np.full(count, mean)
    raw = rng.gamma((mean / sd) ** 2, size=(2_000, count))
    centred = raw - raw.mean(axis=1, keepdims=True)
    sets = mean + sd * centred / centred.std(axis=1, keepdims=True)
    return sets[(sets >= 0).all(axis=1)][0]


def _others(cells, count, *, visit):
    """Repeat each cell so many times, without a conversion."""
    rows = cells.loc[np.repeat(cells.index, count), KEYS]
    return rows.assign(visit=visit, conversion=0, spend=0.0)


def _plain_words(table):
    """Name area and channel in small letters, the area as it is spelled elsewhere."""
    words = {"Surburban": "suburban"}
    area = table["zip_code"].map(lambda word: words.get(word, word.lower()))
    renamed = table.assign(zip_code=area, channel=table["channel"].str.lower())
    return renamed.rename(columns={"zip_code": "area"})


def _file(table):
    """Give the file's columns the names of the synthetic rows, and theirs first."""
    emails = {"Mens E-Mail": "men", "Womens E-Mail": "women", "No E-Mail": "none"}
    named = _plain_words(table).rename(columns={"mens": "bought_men", "womens": "bought_women"})
    named = named.assign(email=named["segment"].map(emails)).drop(columns="segment")
    return named[[*COLUMNS, *(name for name in named if name not in COLUMNS)]]
