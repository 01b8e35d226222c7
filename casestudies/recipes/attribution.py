r"""Blame after the fact: of the treated with the outcome, how many owe it to the treatment.

All figures here assume that within each combination of the covariates in `adjust_for` treatment
is as good as random (:math:`Y(1), Y(0) \perp A \mid X`), that in each with treated units there are
untreated ones, that one unit's treatment leaves the others alone, and that the units seen are
like the one that is judged. None of them protects against a confounder that was not recorded.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from casestudies.recipes._clusters import _check_sides, _clustered
from casestudies.recipes._columns import (
    _check_level,
    _check_noise,
    _names,
    _read,
    _result,
    _zero_one,
)


def causation_bounds(data, *, outcome, treatment, adjust_for, cluster=None, level=0.95):
    r"""Bound the probability of necessity, with covariates and without their help.

    Estimand: :math:`PN = P\{Y(0) = 0 \mid A = 1, Y = 1\}`, the share of treated units with the
    outcome that would not have had it untreated. No unit is seen both ways, so that even an
    experiment gives bounds only. With risks :math:`p_1(x), p_0(x)` in the cells of the covariates
    and :math:`c_1(x)` treated units with the outcome, :math:`C` in all,

    .. math:: \frac 1 C \sum_x c_1(x) \max\left(0, 1 - \frac{p_0}{p_1}\right) \le PN \le
              \frac 1 C \sum_x c_1(x) \min\left(1, \frac{1 - p_0}{p_1}\right)

    (Tian and Pearl 2000 in each cell, averaged over the units in question: Dawid, Musio and Murtas
    2017). Nothing narrower follows from these columns without an assumption on how units work. The
    second row sums over the cells before it bounds, as one must who knows only what is seen in all
    and the effect in all: it is never narrower. Covariates that move the outcome narrow the bounds
    even where they do not confound.

    Both ends are plug-ins with kinks at :math:`p_0 = p_1` and :math:`p_0 + p_1 = 1`. Errors are by
    the delta method, cells and their sizes drawn with the rows. Near a kink (within
    :math:`\sqrt{\log n}` standard errors) a plug-in leans inward, by at most
    :math:`\sigma / \sqrt{2 \pi}` for each cell with error :math:`\sigma`: the interval takes that
    off and counts the cell's whole error, which is conservative. The interval holds PN, wherever it
    lies between the ends, with at least the level's probability in large samples.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Column of zeros and ones.
    treatment : str
        Column of zeros and ones.
    adjust_for : str or list of str
        Covariates of few values, whose combinations are the cells; an empty list for an
        experiment without covariates.
    cluster : str, optional
        Column whose groups were sampled or treated together; rows are independent otherwise.
        With G groups, errors have the factor G / (G - 1) and t(G - 1).
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Rows "within cells" and "over all cells"; columns set_low, set_high, std_error_low,
        std_error_high, ci_low, ci_high, n. ``attrs["cases"]`` counts the treated units with the
        outcome.

    Raises
    ------
    ValueError
        If a column is unfit, no treated unit has the outcome, or a cell with treated units has
        fewer than two untreated ones.

    References
    ----------
    Tian and Pearl (2000), Annals of Mathematics and Artificial Intelligence 28, 287-313.
    Dawid, Musio and Murtas (2017), The probability of causation, arXiv 1706.05566.

    Examples
    --------
    >>> data = pd.DataFrame({"aspirin": [1] * 100 + [0] * 100})
    >>> data["well"] = [1] * 30 + [0] * 70 + [1] * 12 + [0] * 88
    >>> columns = {"outcome": "well", "treatment": "aspirin", "adjust_for": []}
    >>> causation_bounds(data, **columns).loc["within cells"].round(3)
    set_low             0.600
    set_high            1.000
    std_error_low       0.124
    std_error_high      0.000
    ci_low              0.356
    ci_high             1.000
    n                 200.000
    Name: within cells, dtype: float64
    """
    _check_level(level)
    cells = _read_cells(data, outcome, treatment, adjust_for, cluster)
    groups = {"within cells": cells.code, "over all cells": np.zeros_like(cells.code)}
    frame = pd.DataFrame({name: _bounds(cells, code, level) for name, code in groups.items()}).T
    frame.attrs = {"estimand": "PN", "cases": int(cells.case.sum())}
    return frame


def excess_fraction(data, *, outcome, treatment, adjust_for, cluster=None, level=0.95):
    r"""Estimate the excess fraction among the treated with the outcome.

    Estimand: :math:`\{P(Y = 1 \mid A = 1) - P(Y(0) = 1 \mid A = 1)\} / P(Y = 1 \mid A = 1)`, the
    cases among the treated beyond those expected without treatment, as a share of them
    (:math:`1 - 1/RR` in an experiment without covariates, 1 less the expected over the observed
    cases with them). It is an effect on the treated, and identified.

    It is not the etiologic fraction, the share of cases in which the treatment played a part: a
    treatment that brings on a death that would have come anyway has a part in it, and is not in
    the excess (Greenland and Robins 1988). Nor is it the probability of necessity, unless the
    treatment prevents the outcome in nobody (monotonicity: :math:`Y(1) \ge Y(0)` for each unit),
    an assumption about units that no data can confirm; without it, the excess is a net number,
    and a lower bound for PN. A negative one says that the treatment prevents more than it causes.

    The standard error is by the delta method, cells and their sizes drawn with the rows.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Column of zeros and ones.
    treatment : str
        Column of zeros and ones.
    adjust_for : str or list of str
        Covariates of few values, whose combinations are the cells; an empty list for an
        experiment without covariates.
    cluster : str, optional
        Column whose groups were sampled or treated together; rows are independent otherwise.
        With G groups, errors have the factor G / (G - 1) and t(G - 1).
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n.

    Raises
    ------
    ValueError
        If a column is unfit, no treated unit has the outcome, or a cell with treated units has
        fewer than two untreated ones.

    References
    ----------
    Greenland and Robins (1988), American Journal of Epidemiology 128(6), 1185-1197.
    Tian and Pearl (2000), Annals of Mathematics and Artificial Intelligence 28, 287-313.

    Examples
    --------
    >>> data = pd.DataFrame({"aspirin": [1] * 100 + [0] * 100})
    >>> data["well"] = [1] * 30 + [0] * 70 + [1] * 12 + [0] * 88
    >>> columns = {"outcome": "well", "treatment": "aspirin", "adjust_for": []}
    >>> excess_fraction(data, **columns).round(3)
    estimate       0.600
    std_error      0.124
    ci_low         0.356
    ci_high        0.844
    n            200.000
    Name: excess_fraction, dtype: float64
    """
    cells = _read_cells(data, outcome, treatment, adjust_for, cluster)
    total, cases = cells.excess.sum(), cells.case.sum()
    influence = (cells.excess - total / cases * cells.case) / cases
    std_error, df = cells.error(influence)
    _check_noise(outcome, std_error, 1.0)
    n = len(influence)
    result = _result("excess_fraction", total / cases, std_error, n=n, level=level, df=df)
    result.attrs["estimand"] = "excess fraction among the treated"
    return result


class _Strata(NamedTuple):
    """What each row adds to counts of treated units, and to their noise."""

    code: np.ndarray  # cell of covariates
    treated: np.ndarray
    case: np.ndarray  # treated, with the outcome
    expected: np.ndarray  # adds to the cases among the treated of its cell, were they untreated
    noise: np.ndarray  # in the cases, given who is treated
    noise_expected: np.ndarray
    cluster: np.ndarray  # each row its own without clusters
    clustered: bool

    @property
    def excess(self):
        """Return what each row adds to observed less expected cases."""
        return self.case - self.expected

    def error(self, influence):
        """Return the standard error and its degrees of freedom."""
        cluster = self.cluster if self.clustered else None
        covariance, df = _clustered(influence[:, np.newaxis], cluster)
        return np.sqrt(covariance.item()), df

    def spread(self, noise, group):
        """Return the standard deviation of a sum of noise in each group of rows."""
        pair, place = np.unique(np.stack([group, self.cluster]), axis=1, return_inverse=True)
        sums = np.bincount(place.ravel(), noise)
        return np.sqrt(np.bincount(pair[0], sums**2))


def _read_cells(data, outcome, treatment, adjust_for, cluster):
    """Return the cells of the covariates, or raise if one has treated units only."""
    names = _names("adjust_for", adjust_for)
    roles = {"outcome": outcome, "treatment": treatment, "cluster": cluster}
    table = _read(data, several={"adjust_for": names}, **roles)
    y = _zero_one(table, outcome, ("those without the outcome", "those with it"))
    d = _zero_one(table, treatment)
    if not (y * d).any():
        raise ValueError(
            f"no row with {treatment!r} 1 has {outcome!r} 1, so there is no case to explain; check "
            "how both are coded"
        )
    code = np.zeros(len(y), dtype=int)
    for name in names:
        code = code * (table[name].nunique() + 1) + pd.factorize(table[name])[0]
        code = pd.factorize(code)[0]
    treated, untreated = np.bincount(code, d), np.bincount(code, 1 - d)
    _check_cells(table[names], code, treated, untreated)
    group = np.arange(len(y)) if cluster is None else pd.factorize(table[cluster])[0]
    if cluster is not None:
        _check_sides(table, cluster, [treatment])
    untreated = np.maximum(untreated, 1)  # where nobody is treated, it does not count
    risk0 = (np.bincount(code, y * (1 - d)) / untreated)[code]
    risk1 = (np.bincount(code, y * d) / np.maximum(treated, 1))[code]
    noise0 = (1 - d) * (treated / untreated)[code] * (y - risk0)
    expected = d * risk0 + noise0
    noise1 = d * (y - risk1)
    return _Strata(code, d, y * d, expected, noise1, noise0, group, cluster is not None)


def _check_cells(covariates, code, treated, untreated):
    """Raise if a cell with treated rows has not two untreated ones."""
    for cell in np.flatnonzero((treated > 0) & (untreated < 2)):
        first = covariates.iloc[np.flatnonzero(code == cell)[0]]
        where = ", ".join(f"{name!r} is {value}" for name, value in first.items())
        raise ValueError(
            f"no overlap: where {where or 'all rows lie'}, there are {treated[cell]:.0f} treated "
            f"and {untreated[cell]:.0f} untreated row(s), and it takes two untreated ones to show "
            "a risk and its noise; merge values, cut numbers into a few classes with pd.cut, or "
            "drop these rows and say so"
        )


def _bounds(cells, group, level):
    """Return both ends, by groups of cells, and an interval for what lies between them."""
    spared = cells.treated - cells.expected
    noise = cells.noise - cells.noise_expected, cells.noise + cells.noise_expected
    low = _end(cells, group, cells.excess, np.zeros_like(spared), noise[0], level)
    high = _end(cells, group, spared, cells.case, noise[1], level)
    ends = {"set_low": low[0], "set_high": high[0]}
    errors = {"std_error_low": low[1], "std_error_high": high[1]}
    interval = {"ci_low": max(0.0, low[0] - low[2]), "ci_high": min(1.0, high[0] + high[2])}
    return {**ends, **errors, **interval, "n": len(group)}


def _end(cells, group, parts, base, noise, level):
    """Return one end, its error and how far the interval goes beyond it.

    The end is a sum over groups, of `base` or of `parts`: of what is larger for the lower
    end, whose base is 0, and of what is smaller for the upper.
    """
    sign, cases = 1 if not base.any() else -1, cells.case.sum()
    gap, spread = np.bincount(group, parts - base), cells.spread(noise, group)
    chosen = sign * gap > 0
    near = np.abs(gap) <= np.sqrt(np.log(len(group))) * spread
    taken = np.where(chosen[group], parts, base)
    end = taken.sum() / cases
    influence = taken - end * cells.case + (near & ~chosen)[group] * noise
    std_error, df = cells.error(influence / cases)
    lean = spread[near].sum() / np.sqrt(2 * np.pi) / cases
    return end, std_error, lean + special.stdtrit(df, (1 + level) / 2) * std_error
