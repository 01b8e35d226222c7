r"""Matching: average effects by nearest neighbours, with replacement.

All estimates here assume that the covariates in `adjust_for` block every backdoor path
(:math:`Y(1), Y(0) \perp A \mid X`), that every unit could have gone either way
(:math:`0 < e(X) = P(A = 1 \mid X) < 1`) and that one unit's treatment leaves the others alone.
None of them protects against a confounder that was not recorded. The estimands are
the ATE, :math:`E[Y(1) - Y(0)]`, and the ATT, :math:`E[Y(1) - Y(0) \mid A = 1]`; each result
names its own in ``attrs["estimand"]``.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

from casestudies.recipes._columns import (
    _check_choice,
    _check_rank,
    _count,
    _numbers,
    _result,
    _with_intercept,
)
from casestudies.recipes._score import (
    _inverse_information,
    _named,
    _read_covariates,
    _score,
    _standard,
)

TIE = 1e-9  # distances, in standard deviations, that differ by less are a tie


def match(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    metric="mahalanobis",
    neighbours=1,
    estimand="ATT",
    bias_correction=True,
    caliper=None,
    variance_neighbours=2,
    level=0.95,
):
    r"""Estimate an average effect by nearest-neighbour matching with replacement.

    Each unit is compared with the mean of its `neighbours` nearest units of the other arm;
    all units tied with the last of them are used, with equal shares. With
    :math:`K_i` the sum of the shares unit :math:`i` is given and :math:`K'_i` the sum of their
    squares, the Abadie-Imbens variance of the ATE is

    .. math:: \frac{1}{n^2} \sum_i (\hat\tau_i - \hat\tau)^2
       + (K_i^2 + 2 K_i - K'_i) \hat\sigma^2(X_i, A_i),

    and that of the ATT sums the first term over the treated and
    :math:`(K_i^2 - K'_i) \hat\sigma^2` over the untreated, divided by :math:`n_1^2`.
    :math:`\hat\sigma^2` is the variance of the outcome among a unit and its
    `variance_neighbours` nearest of the same arm. For ``metric="propensity"`` the variance is
    adjusted for the estimation of the score. The bootstrap is not valid for this estimator.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric outcome.
    treatment : str
        Column of zeros and ones.
    adjust_for : str or list of str
        Covariates to match on, or those of the score; a category enters as dummies.
    metric : {"mahalanobis", "propensity"}
        Distance of the covariates, scaled by the inverse of their covariance, or of the scores
        of `scores`, scaled by their standard deviation.
    neighbours : int
        Matches for each unit.
    estimand : {"ATT", "ATE"}
        Whose average effect.
    bias_correction : bool
        Subtract the difference that a linear regression of the outcome on the matching
        variables, among the matched units of an arm, predicts between a unit and its matches.
    caliper : float, optional
        Largest distance allowed, in standard deviations of the metric. A unit without a match
        is an error, because dropping it would change the estimand.
    variance_neighbours : int
        Same-arm neighbours for the conditional variance of the outcome.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n.

    Raises
    ------
    ValueError
        If a column is unfit or collinear, an arm is too small, a category has one arm only,
        or a unit has no match within the caliper.

    References
    ----------
    Abadie and Imbens (2006), Econometrica 74(1), 235-267 (variance); (2008), 76(6), 1537-1557
    (bootstrap); (2011), Journal of Business & Economic Statistics 29(1), 1-11 (bias);
    (2016), Econometrica 84(2), 781-807 (estimated score).
    Abadie, Drukker, Herr and Imbens (2004), Stata Journal 4(3), 290-311 (ties).

    Examples
    --------
    >>> data = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 1, 0, 0, 1, 1, 0, 0]})
    >>> data["days"] = [3, 5, 6, 4, 7, 9, 8, 10]
    >>> match(data, outcome="days", treatment="drug", adjust_for="old", variance_neighbours=1)
    estimate    -1.000000
    std_error    0.707107
    ci_low      -2.385904
    ci_high      0.385904
    n            8.000000
    Name: match, dtype: float64
    """
    _check_choice("estimand", estimand, ("ATT", "ATE"))
    pairs = _pair(data, treatment, adjust_for, metric, neighbours, estimand, caliper, [outcome])
    reach = _count("variance_neighbours", variance_neighbours) + 1
    y, treated = _numbers(data, outcome), pairs.treated
    matched = np.isin(treated, list(pairs.averages))
    effects = (2 * treated - 1) * (y - _imputed(pairs, y, bias_correction))
    estimate = effects[matched].mean()
    spread = pairs.use**2 - pairs.use_squared + (2 * pairs.use if estimand == "ATE" else 0)
    squares = np.square(effects[matched] - estimate).sum()
    squares += spread @ _conditional_variance(pairs, y, reach)
    if metric == "propensity":
        squares += _estimated_score(pairs, y, estimate, reach)
    if squares < 0:
        raise ValueError(
            f"{len(y)} rows are too few for the variance under metric='propensity': its adjustment "
            "for the estimated score exceeds it; use metric='mahalanobis'"
        )
    std_error = np.sqrt(squares) / matched.sum()
    result = _result("match", estimate, std_error, n=len(y), level=level)
    return _named(result, estimand, data)


def match_weights(
    data,
    *,
    treatment,
    adjust_for,
    metric="mahalanobis",
    neighbours=1,
    estimand="ATT",
    caliper=None,
):
    """Return how much each row counts in `match`, for `balance`.

    A unit counts once for itself if the estimand includes it, and once more for each unit
    that it is the only match of; matches that tie or come several at a time share.

    Parameters
    ----------
    data, treatment, adjust_for, metric, neighbours, estimand, caliper
        As in `match`.

    Returns
    -------
    pandas.Series
        Weights, named "weight", with the index of `data`.

    Raises
    ------
    ValueError
        As in `match`.

    Examples
    --------
    >>> data = pd.DataFrame({"age": [20, 30, 21, 22, 60], "drug": [1, 1, 0, 0, 0]})
    >>> match_weights(data, treatment="drug", adjust_for="age").to_list()
    [1.0, 1.0, 1.0, 1.0, 0.0]
    """
    _check_choice("estimand", estimand, ("ATT", "ATE"))
    pairs = _pair(data, treatment, adjust_for, metric, neighbours, estimand, caliper)
    own = np.isin(pairs.treated, list(pairs.averages))
    return pd.Series(pairs.use + own, index=data.index, name="weight")


class _Pairs(NamedTuple):
    """Units at the distinct points of the matching variables, and who is matched to whom."""

    treated: np.ndarray  # n, zeros and ones
    design: pd.DataFrame  # n rows of covariates
    covariates: pd.DataFrame  # n rows of matching variables
    points: np.ndarray  # distinct rows of the matching variables, whitened
    site: np.ndarray  # n, the point of each unit
    counts: np.ndarray  # units of each arm (row) at each point (column)
    averages: dict  # arm: matrix from sums at points to means over its units' matches
    use: np.ndarray  # n, sum of the shares a unit is given as a match
    use_squared: np.ndarray  # n, sum of the squares of these shares


def _pair(data, treatment, adjust_for, metric, neighbours, estimand, caliper, others=()):
    """Match the units of the arms whose outcome is to be imputed."""
    _check_choice("metric", metric, ("mahalanobis", "propensity"))
    alone = (1,) if (metric, estimand) == ("mahalanobis", "ATT") else (0, 1)
    treated, design = _read_covariates(data, treatment, adjust_for, others, alone)
    covariates = design
    if metric == "propensity":
        covariates = pd.DataFrame({"score": _score(treated, design)}, index=design.index)
    _check_rank(_with_intercept(covariates))
    points, at = _whiten(covariates)
    counts = _totals(np.stack([treated == 0, treated == 1]).astype(float), at, len(points))
    averages, use, use_squared = {}, np.zeros(len(at)), np.zeros(len(at))
    for arm in (1,) if estimand == "ATT" else (1, 0):
        average, _ = _near(
            points, counts[arm], counts[1 - arm], _count("neighbours", neighbours), caliper
        )
        donors = treated != arm
        use[donors] = (average.T @ counts[arm])[at[donors]]
        use_squared[donors] = (average.power(2).T @ counts[arm])[at[donors]]
        averages[arm] = average
    return _Pairs(treated, design, covariates, points, at, counts, averages, use, use_squared)


def _whiten(covariates):
    """Return the distinct rows, uncorrelated with variance one, and each row's place there."""
    standard = (covariates - covariates.mean()) / covariates.std()
    root = np.linalg.cholesky(np.linalg.inv(np.atleast_2d(np.cov(standard.T))))
    distinct, at = np.unique(standard.to_numpy(), axis=0, return_inverse=True)
    return distinct @ root, at


def _totals(values, at, size):
    """Sum each row of values over the units at each point."""
    return np.stack([np.bincount(at, row, size) for row in values])


def _near(points, seekers, donors, k, caliper=None):
    """Return the matrix of means over the k donors nearest each seeker, ties included.

    Seekers and donors are numbers of units at each point. Also return how many donors each
    point's mean is taken over.
    """
    if donors.sum() < k:
        raise ValueError(
            f"{k} neighbours are asked for in an arm of {donors.sum():.0f} rows; ask for fewer"
        )
    rows, columns = np.flatnonzero(seekers), np.flatnonzero(donors)
    tree, width = cKDTree(points[columns]), min(k + 1, len(columns))
    distance, place = tree.query(points[rows], np.arange(1, width + 1), workers=-1)
    last = (np.cumsum(donors[columns][place], axis=1) >= k).argmax(axis=1)
    farthest = distance[np.arange(len(rows)), last]
    _check_caliper(farthest, caliper, seekers[rows])
    radius = farthest * (1 + TIE) + TIE
    inside = distance <= radius[:, None]
    many = inside.all(axis=1) & (width < len(columns))
    found = tree.query_ball_point(points[rows[many]], radius[many], workers=-1)
    inside[many] = False
    row = np.r_[np.nonzero(inside)[0], np.repeat(np.flatnonzero(many), [len(f) for f in found])]
    column = np.concatenate([place[inside], *found]).astype(int)
    shape = (len(points), len(points))
    near = sparse.csr_array((np.ones(len(row)), (rows[row], columns[column])), shape)
    size = near @ donors
    return sparse.diags_array(1 / np.maximum(size, 1)) @ near, size


def _imputed(pairs, y, bias_correction):
    """Return the mean outcome of each unit's matches, corrected for what sets them apart."""
    imputed = np.empty(len(y))
    for arm, average in pairs.averages.items():
        donors, units = pairs.counts[1 - arm], pairs.treated == arm
        means = average @ _totals([y * ~units], pairs.site, len(pairs.points))[0]
        if bias_correction:
            gaps = pairs.points - average @ (donors[:, None] * pairs.points)
            gaps[pairs.counts[arm] == 0] = 0
            means += gaps @ _slopes(pairs, y, ~units & (pairs.use > 0), gaps)
        imputed[units] = means[pairs.site[units]]
    return imputed


def _slopes(pairs, y, rows, gaps):
    """Regress the outcome on the matching variables among the units used as matches.

    Only the directions in which these units vary have a slope; no gap may need another.
    """
    x, weights = pairs.points[pairs.site[rows]], pairs.use[rows]
    x = (x - np.average(x, axis=0, weights=weights)) * np.sqrt(weights)[:, None]
    _, sizes, directions = np.linalg.svd(x, full_matrices=False)
    directions = directions[sizes > 1e-9 * sizes.max()]
    if np.abs(gaps - gaps @ directions.T @ directions).max() > 1e-6:
        try:
            _check_rank(_with_intercept(pairs.covariates[rows]))
        except ValueError as error:
            raise ValueError(
                f"no bias correction among the matched rows: {error}, or set bias_correction=False"
            ) from None
    return directions.T @ np.linalg.lstsq(x @ directions.T, y[rows] * np.sqrt(weights))[0]


def _conditional_variance(pairs, y, k):
    """Estimate the variance of the outcome at each donor among the k units nearest in its arm."""
    variance, centred = np.zeros(len(y)), y - y.mean()
    for arm in (1 - arm for arm in pairs.averages):
        units, counts = pairs.treated == arm, pairs.counts[arm]
        average, size = _near(pairs.points, counts, counts, k)
        sums = _totals([centred * units, centred**2 * units], pairs.site, len(pairs.points))
        mean, square = average @ sums[0], average @ sums[1]
        local = np.maximum(square - mean**2, 0) * size / np.maximum(size - 1, 1)
        variance[units] = local[pairs.site[units]]
    return variance


def _estimated_score(pairs, y, estimate, k):
    """Return what estimating the score adds to the sum of squares (Abadie and Imbens 2016)."""
    score, x = _score(pairs.treated, pairs.design), _standard(pairs.design, pairs.design)
    inverse, density = _inverse_information(x, score), score * (1 - score)
    (mean0, cov0), (mean1, cov1) = _local(pairs.treated, pairs.points, pairs.site, x, y, k)
    if 0 in pairs.averages:
        c = cov1.T @ (1 - score) + cov0.T @ score
        return -c @ inverse @ c
    c = cov1.T @ density + cov0.T @ score**2 + x.T @ (density * (mean1 - mean0 - estimate))
    (mean0, _), (mean1, _) = _local(pairs.treated, *_whiten(pairs.design), x, y, k)
    shift = x.T @ (density * (mean1 - mean0 - estimate))
    return shift @ inverse @ shift - c @ inverse @ c


def _local(treated, points, at, x, y, k):
    """Return, by arm, mean outcome and covariance with x among the k units nearest each unit."""
    centred = np.column_stack([y - y.mean(), x, x * (y - y.mean())[:, None]])
    everyone, moments = np.bincount(at, minlength=len(points)), []
    for units in (treated == 0, treated == 1):
        average, size = _near(points, everyone, np.bincount(at, units, len(points)), k)
        means = average @ _totals((centred * units[:, None]).T, at, len(points)).T
        mean_y, mean_x, mean_xy = means[:, 0], *np.split(means[:, 1:], 2, axis=1)
        covariance = (mean_xy - mean_x * mean_y[:, None]) * (size / (size - 1))[:, None]
        moments.append((mean_y[at], covariance[at]))
    return moments


def _check_caliper(farthest, caliper, units):
    """Raise if a unit's matches are farther away than the caliper."""
    if caliper is not None and farthest.max() > caliper + TIE:
        raise ValueError(
            f"{units[farthest > caliper + TIE].sum():.0f} of {units.sum():.0f} units lack a match "
            f"within the caliper of {caliper:g} (the farthest needs {farthest.max():.3g}); widen "
            "the caliper, or drop them with trim and report the new estimand"
        )
