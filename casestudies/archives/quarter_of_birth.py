"""Schooling and wages of American men born 1930 to 1939, by quarter of birth."""

from pathlib import Path

import pandas as pd

from casestudies.archives.moments import microdata
from casestudies.archives.originals import read_original

__all__ = ["quarter_of_birth", "quarter_of_birth_cells"]

KEYS = ["year_of_birth", "quarter_of_birth"]
MEASURES = ["education", "log_weekly_wage"]


def quarter_of_birth(*, rng=0, original=False):
    """Return the 329,509 men of Angrist and Krueger's census sample, one row each.

    The rows are synthetic and the cell moments are real: in each of the 40 cells (year times
    quarter of birth) the number of men and the means, variances and covariance of schooling
    and log wage are those of the 1980 census sample. OLS, the Wald ratio, 2SLS and LIML with
    year and quarter of birth as controls and instruments therefore come out as from the
    original whatever `rng` is, with their conventional standard errors, and for 2SLS with the
    robust ones. Synthetic schooling is a normal variable, not whole years between 0 and 20:
    degrees, medians, quantiles, wages in dollars and the robust standard errors of OLS are
    not in the moments.
    State of birth and age need the original.

    Parameters
    ----------
    rng : int, numpy.random.Generator or numpy.random.RandomState
        Seed or source of the synthetic rows; the original has no use for it.
    original : bool
        Read the census sample itself, from the folder in CASESTUDIES_DATA or the network.

    Returns
    -------
    pandas.DataFrame
        ``year_of_birth`` (1930 to 1939), ``quarter_of_birth`` (1 to 4), ``education``
        (years), ``log_weekly_wage`` (log of dollars). The original adds ``state_of_birth``
        (code) and ``age`` (years, in quarters of a year).

    Raises
    ------
    ValueError
        If `rng` is none of the three, or the original file is not the pinned one.
    FileNotFoundError
        If the original is neither in the folder nor to be had from the network.

    References
    ----------
    Angrist and Krueger (1991), Quarterly Journal of Economics 106(4), 979-1014.

    Examples
    --------
    >>> men = quarter_of_birth()
    >>> early = men["quarter_of_birth"] == 1
    >>> men.groupby(early)["log_weekly_wage"].mean().round(4).to_dict()
    {False: 5.9027, True: 5.8916}
    """
    if original:
        return _census(read_original("angrist_krueger_1991.rda"))
    return microdata(quarter_of_birth_cells(), by=KEYS, measures=MEASURES, rng=rng)


def quarter_of_birth_cells():
    """Return the 40 cell moments from which `quarter_of_birth` draws.

    Returns
    -------
    pandas.DataFrame
        ``year_of_birth, quarter_of_birth, n``, and for ``education`` (years) and
        ``log_weekly_wage`` the columns ``x_mean``, ``x_var`` (divisor n) and ``cov_x_y``.

    References
    ----------
    Angrist and Krueger (1991), Quarterly Journal of Economics 106(4), 979-1014; moments
    computed from the census sample.

    Examples
    --------
    >>> cells = quarter_of_birth_cells()
    >>> len(cells), cells["n"].sum().item()
    (40, 329509)
    """
    cells = pd.read_csv(Path(__file__).with_name("quarter_of_birth_cells.csv"))
    names = {"yob": "year_of_birth", "qob": "quarter_of_birth"}
    names |= {f"educ_{m}": f"education_{m}" for m in ("mean", "var")}
    names |= {f"lwage_{m}": f"log_weekly_wage_{m}" for m in ("mean", "var")}
    return cells.rename(columns={**names, "cov": "cov_education_log_weekly_wage"})


def _census(men):
    columns = {
        "yob": "year_of_birth",
        "qob": "quarter_of_birth",
        "s": "education",
        "lnw": "log_weekly_wage",
        "sob": "state_of_birth",
        "age": "age",
    }
    whole = dict.fromkeys(["year_of_birth", "quarter_of_birth", "state_of_birth"], "int64")
    named = men.rename(columns=columns)[list(columns.values())]
    return named.astype({**whole, "education": float})
