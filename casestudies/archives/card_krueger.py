"""Fast-food stores in New Jersey and Pennsylvania before and after the minimum wage of 1992."""

from pathlib import Path

import numpy as np
import pandas as pd

from casestudies.archives.moments import microdata
from casestudies.archives.originals import read_original

__all__ = ["card_krueger", "card_krueger_cells"]

NEW_MINIMUM = 5.05  # dollars an hour, New Jersey, from April 1992
KEYS = ["state", "chain", "company_owned", "second_interview", "observed", "wages_known"]
MEASURES = ["fte_before", "fte_after", "wage_gap"]
COLUMNS = ["store", *(name for name in KEYS if name != "observed"), *MEASURES]
INTERVIEWS = {
    "Answered 2nd interview": "open",
    "Closed permanently": "closed",
    "Refused 2nd interview": "refused",
    "Closed for renovations": "temporarily closed",
    "Closed for highway construction": "temporarily closed",
    "Closed due to Mall fire": "temporarily closed",
}


def card_krueger(*, rng=0, original=False):
    r"""Return the 410 stores of Card and Krueger's survey, one row per store.

    The rows are synthetic and the cell moments are real: in each of 48 cells (state, chain,
    ownership, outcome of the second interview, which employment figures are known, whether
    the starting wages are) the number of stores and the means, variances and covariances of
    the three measures are those of the survey. Employment is in full-time equivalents,

    .. math:: \mathrm{FTE} = \text{full-time} + \text{managers} + 0.5 \times \text{part-time},

    and the wage gap is the proportional raise of the starting wage :math:`w` that the new
    minimum demands, :math:`\max(0, (5.05 - w) / w)` in New Jersey and 0 in Pennsylvania.

    Any regression on state, chain, ownership and the wage gap therefore gives the survey's
    coefficients and conventional standard errors, whatever `rng` is. Medians, the shape of
    the distribution of changes, logs, and results by starting wage or by a cut of employment
    are not in the moments. The fifth column of Table 4 needs the regions, hence the original;
    there the four dummies that the file's single region column allows give 11.98 (7.42)
    where the paper prints 11.91 (7.39). The survey had six overlapping region dummies, the
    shore among them, and the file keeps five exclusive ones.

    Parameters
    ----------
    rng : int, numpy.random.Generator or numpy.random.RandomState
        Seed or source of the synthetic rows; the original has no use for it.
    original : bool
        Read the survey itself, from the folder in CASESTUDIES_DATA or the network.

    Returns
    -------
    pandas.DataFrame
        ``store`` (1 to 410); ``state``; ``chain`` (bk, kfc, roys, wendys); ``company_owned``
        (0/1); ``second_interview`` (open, closed, temporarily closed, refused);
        ``wages_known`` (1 where the starting wage is known in both waves, or in the first if
        the store closed for good); ``fte_before`` and ``fte_after`` (February and November
        1992; never negative, exactly 0 after closing for good, missing where unknown);
        ``wage_gap`` (a proportion; missing where unknown, which in synthetic rows means the
        whole cell of a store; a synthetic value may leave the range 0 to 0.188).
        Stores with both employment figures and ``wages_known`` 1 are Table 4's 357.
        The original adds the survey's other columns, with ``_before`` and ``_after`` where
        both waves asked and the answers differ.

    Raises
    ------
    ValueError
        If `rng` is none of the three, or the original file is not the pinned one.
    FileNotFoundError
        If the original is neither in the folder nor to be had from the network.

    References
    ----------
    Card and Krueger (1994), American Economic Review 84(4), 772-793.

    Examples
    --------
    >>> stores = card_krueger()
    >>> change = (stores["fte_after"] - stores["fte_before"]).groupby(stores["state"]).mean()
    >>> change.round(2).to_dict()
    {'New Jersey': 0.47, 'Pennsylvania': -2.28}
    """
    if original:
        return _survey(read_original("card_krueger_1994.rda"))
    floor = {"fte_before": 0, "fte_after": 0}
    stores = microdata(card_krueger_cells(), by=KEYS, measures=MEASURES, rng=rng, floor=floor)
    stores["store"] = np.arange(1, len(stores) + 1)
    return stores[COLUMNS]


def card_krueger_cells():
    """Return the 48 cell moments from which `card_krueger` draws.

    Returns
    -------
    pandas.DataFrame
        ``state, chain, company_owned, second_interview, observed`` (which employment figures
        are known: both, before or after), ``wages_known, n``, and for ``fte_before``,
        ``fte_after`` and ``wage_gap`` the columns ``x_mean``, ``x_var`` (divisor n) and
        ``cov_x_y``; missing where the measure is unknown for any store of the cell.

    References
    ----------
    Card and Krueger (1994), American Economic Review 84(4), 772-793; moments computed from
    the survey.

    Examples
    --------
    >>> cells = card_krueger_cells()
    >>> cells["n"].sum().item(), cells.groupby("state")["n"].sum().to_dict()
    (410, {'New Jersey': 331, 'Pennsylvania': 79})
    """
    cells = pd.read_csv(Path(__file__).with_name("card_krueger_cells.csv"))
    short = {"before": "fte_before", "after": "fte_after", "gap": "wage_gap"}
    for old, new in short.items():
        cells.columns = cells.columns.str.replace(old, new)
    untold = (cells["state"] == "Pennsylvania") & cells["wage_gap_mean"].isna()
    gap = cells.columns[cells.columns.str.contains("wage_gap")]
    cells.loc[untold, gap] = 0.0  # 0 in Pennsylvania by definition, also where no wage was given
    return cells


def _survey(waves):
    """Turn the file's 410 stores times two waves into one row per store."""
    before, after = (
        waves[waves["observation"] == month].drop(columns="observation").reset_index(drop=True)
        for month in ("February 1992", "November 1992")
    )
    jersey = before["state"] == "New Jersey"
    interview = after["status"].map(INTERVIEWS)
    answered_later = after["wage_st"].notna() | (interview == "closed")
    raise_needed = (NEW_MINIMUM / before["wage_st"] - 1).clip(lower=0)
    stores = pd.DataFrame(
        {
            "store": np.arange(1, len(before) + 1),
            "state": before["state"],
            "chain": before["chain"],
            "company_owned": (before["co_owned"] == "Yes").astype(int),
            "second_interview": interview,
            "wages_known": (before["wage_st"].notna() & answered_later).astype(int),
            "fte_before": _full_time_equivalents(before),
            "fte_after": _full_time_equivalents(after),
            "wage_gap": raise_needed.where(jersey, 0.0),
        }
    )
    return stores.join(_other_columns(before, after))


def _full_time_equivalents(wave):
    return wave["empft"] + wave["nmgrs"] + 0.5 * wave["emppt"]


def _other_columns(before, after):
    """Set the waves side by side; a column keeps its name if one wave has all there is to it."""
    first, second = (
        wave.drop(columns=["state", "chain", "co_owned"]).dropna(axis="columns", how="all")
        for wave in (before, after)
    )
    same = [name for name in first if name in second and first[name].equals(second[name])]
    second = second.drop(columns=same).astype({"date": "datetime64[s]"})
    suffixes = ("_before", "_after")
    return first.merge(second, left_index=True, right_index=True, suffixes=suffixes)
