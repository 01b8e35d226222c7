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
    _basis,
    _check_choice,
    _count,
    _frame,
    _outcome,
    _real,
    _result,
)
from casestudies.recipes._score import (
    OVERLAP,
    TIE,
    _axes,
    _gaps,
    _inverse_information,
    _named,
    _read_covariates,
    _score,
    _with_constant,
)


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
    all units tied with the last of them are used, with equal shares; distances that differ by
    less than the data's rounding are a tie (float32 is rounded more than float64). With
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
        Covariates to match on, or those of the score; a category enters as dummies without its
        first level.
    metric : {"mahalanobis", "propensity"}
        Distance of the covariates, scaled by the inverse of their covariance, or of the
        propensity scores that a logit fits, scaled by their standard deviation.
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
        If a column or an option is unfit, covariates are collinear, an arm is too small, a
        category has one arm only, or a unit has no match within the caliper.

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
    reach = _count("variance_neighbours", variance_neighbours) + 1  # with the unit itself
    if not isinstance(bias_correction, bool | np.bool_):
        raise ValueError(f"bias_correction must be True or False, got {bias_correction!r}")
    pairs = _pair(
        data, treatment, adjust_for, metric, neighbours, estimand, caliper, outcome=outcome
    )
    y, treated = _outcome(pairs.table, outcome), pairs.treated
    for arm in (0, 1) if metric == "propensity" or estimand == "ATE" else (0,):
        _check_neighbours("variance_neighbours", reach - 1, treated == arm, 1)
    y = y - y.mean()
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
    return _named(result, estimand, pairs.table)


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
    """Return how much each row counts in matching with replacement, for `balance`.

    A unit counts once for itself if the estimand includes it, and once more for each unit
    that it is the only match of; matches that tie or come several at a time share. The
    difference of the weighted means is `match` without bias correction.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    treatment : str
        Column of zeros and ones.
    adjust_for : str or list of str
        Covariates to match on, or those of the score; a category enters as dummies without its
        first level.
    metric : {"mahalanobis", "propensity"}
        Distance of the covariates, scaled by the inverse of their covariance, or of the
        propensity scores that a logit fits, scaled by their standard deviation.
    neighbours : int
        Matches for each unit; all units tied with the last of them are used.
    estimand : {"ATT", "ATE"}
        Whose counterparts are sought: the treated's, or everybody's.
    caliper : float, optional
        Largest distance allowed, in standard deviations of the metric; a unit without a match
        is an error.

    Returns
    -------
    pandas.Series
        Weights, named "weight", with the index of `data`.

    Raises
    ------
    ValueError
        If a column or an option is unfit, covariates are collinear, an arm is too small, a
        category has one arm only, or a unit has no match within the caliper.

    Examples
    --------
    >>> data = pd.DataFrame({"age": [20, 30, 21, 22, 60], "drug": [1, 1, 0, 0, 0]})
    >>> match_weights(data, treatment="drug", adjust_for="age").to_list()
    [1.0, 1.0, 1.0, 1.0, 0.0]
    """
    data = _frame(data)
    pairs = _pair(data, treatment, adjust_for, metric, neighbours, estimand, caliper)
    own = np.isin(pairs.treated, list(pairs.averages))
    return pd.Series(pairs.use + own, index=data.index, name="weight")


class _Cloud(NamedTuple):
    """Distinct points in the space of the matching variables, and the units that lie there."""

    points: np.ndarray  # in standard deviations, uncorrelated
    blur: np.ndarray  # how far rounding of the data may have moved each point
    site: np.ndarray  # n, the point of each unit


class _Pairs(NamedTuple):
    """Units, and who is matched to whom."""

    table: pd.DataFrame  # the columns named, n rows
    treated: np.ndarray  # n, zeros and ones
    design: tuple  # n rows of covariates, with their labels
    cloud: _Cloud
    counts: np.ndarray  # units of each arm (row) at each point (column)
    averages: dict  # arm: matrix from sums at points to means over its units' matches
    use: np.ndarray  # n, sum of the shares a unit is given as a match
    use_squared: np.ndarray  # n, sum of the squares of these shares


def _pair(data, treatment, adjust_for, metric, neighbours, estimand, caliper, **outcome):
    """Match the units of the arms whose outcome is to be imputed."""
    _check_choice("estimand", estimand, ("ATT", "ATE"))
    _check_choice("metric", metric, ("mahalanobis", "propensity"))
    k = _count("neighbours", neighbours)
    caliper = _real("caliper", caliper, least=0) if caliper is not None else None
    alone = (1,) if (metric, estimand) == ("mahalanobis", "ATT") else (0, 1)
    table, treated, design = _read_covariates(data, treatment, adjust_for, alone, **outcome)
    if metric == "mahalanobis":
        _check_reach(design, treated)
        cloud = _by_covariates(design)
    else:
        cloud = _by_score(treated, design)
    sites = len(cloud.points)
    counts = _totals(np.stack([treated == 0, treated == 1]).astype(float), cloud.site, sites)
    averages, use, use_squared = {}, np.zeros(len(treated)), np.zeros(len(treated))
    reaches = []
    for arm in (1,) if estimand == "ATT" else (1, 0):
        _check_neighbours("neighbours", k, treated != arm)
        average, _, reach = _near(cloud, counts[arm], counts[1 - arm], k)
        donors = treated != arm
        use[donors] = (average.T @ counts[arm])[cloud.site[donors]]
        use_squared[donors] = (average.power(2).T @ counts[arm])[cloud.site[donors]]
        averages[arm] = average
        reaches.append(reach)
    if caliper is not None:
        _check_caliper(*map(np.concatenate, zip(*reaches, strict=True)), caliper)
    return _Pairs(table, treated, design, cloud, counts, averages, use, use_squared)


def _check_neighbours(option, k, arm, itself=0):
    """Raise if an arm has not the neighbours asked for, beside the row itself."""
    rows = int(arm.sum())
    if rows < k + itself:
        most = rows - itself
        remedy = f"ask for at most {most}" if most else "find more rows for it"
        raise ValueError(
            f"{option} is {k}, but an arm has {rows} row(s)"
            f"{', and none is its own neighbour' * itself}; {remedy}"
        )


def _check_reach(design, treated):
    """Raise if all units of an arm lie beyond all others in a covariate."""
    for name, low, high in _gaps(design, treated):
        if low < high:
            raise ValueError(
                f"no overlap: column {name!r} separates the arms between {low:g} and {high:g}, so "
                f"no unit has its like in the other arm; {OVERLAP}"
            )


def _by_covariates(design):
    """Place units by their covariates, so that Euclidean distance is Mahalanobis distance."""
    axes = _axes(design)
    return _gather(design, axes.place(design), np.linalg.norm(axes.blur(design), axis=1))


def _by_score(treated, design):
    """Place units by their propensity score, in its standard deviations."""
    score, slack = _score(treated, design)
    deviation = score.std(ddof=1)
    if deviation <= TIE + 4 * slack.max():
        raise ValueError(
            "the propensity score is the same in all rows, so it cannot tell whom to match; use "
            "metric='mahalanobis'"
        )
    return _gather(design, score[:, np.newaxis] / deviation, slack / deviation)


def _gather(design, points, blur):
    """Return the distinct places of units, told apart by their covariates."""
    _, first, site = np.unique(design.columns, axis=0, return_index=True, return_inverse=True)
    return _Cloud(points[first], blur[first], site.reshape(-1))


def _totals(values, at, size):
    """Sum each row of values over the units at each point."""
    return np.stack([np.bincount(at, row, size) for row in values])


def _near(cloud, seekers, donors, k):
    """Return the matrix of means over the k donors nearest each seeker, ties included.

    Seekers and donors are numbers of units at each point. Also return how many donors each
    point's mean is taken over; and of the points with seekers the distance of the last donor,
    how far rounding may have moved it, and how many seek there.
    """
    rows, columns = np.flatnonzero(seekers), np.flatnonzero(donors)
    tree, width = cKDTree(cloud.points[columns]), min(k + 1, len(columns))
    distance, place = tree.query(cloud.points[rows], np.arange(1, width + 1), workers=-1)
    last = np.arange(len(rows)), (np.cumsum(donors[columns][place], axis=1) >= k).argmax(axis=1)
    farthest, seeker, donor = distance[last], cloud.blur[rows], cloud.blur[columns[place[last]]]
    slack = 4 * seeker + 2 * donor + TIE * (1 + farthest)
    radius = farthest + slack
    inside = distance <= radius[:, np.newaxis]
    many = inside.all(axis=1) & (width < len(columns))
    found = tree.query_ball_point(cloud.points[rows[many]], radius[many], workers=-1)
    inside[many] = False
    row = np.r_[np.nonzero(inside)[0], np.repeat(np.flatnonzero(many), [len(f) for f in found])]
    column = np.concatenate([place[inside], *found]).astype(int)
    shape = 2 * (len(cloud.points),)
    near = sparse.csr_array((np.ones(len(row)), (rows[row], columns[column])), shape)
    size = near @ donors
    means = sparse.diags_array(1 / np.maximum(size, 1)) @ near
    return means, size, (farthest, slack, seekers[rows])


def _imputed(pairs, y, bias_correction):
    """Return the mean outcome of each unit's matches, corrected for what sets them apart."""
    imputed, (points, _, site) = np.empty(len(y)), pairs.cloud
    for arm, average in pairs.averages.items():
        donors, units = pairs.counts[1 - arm], pairs.treated == arm
        means = average @ _totals([y * ~units], site, len(points))[0]
        if bias_correction:
            gaps = points - average @ (donors[:, np.newaxis] * points)
            gaps[pairs.counts[arm] == 0] = 0
            means += gaps @ _slopes(pairs, y, ~units & (pairs.use > 0), gaps)
        imputed[units] = means[site[units]]
    return imputed


def _slopes(pairs, y, rows, gaps):
    """Regress the outcome on the matching variables among the units used as matches.

    Only the directions in which these units vary by more than rounding have a slope; no gap
    may need another.
    """
    (points, blur, site), weights = pairs.cloud, np.sqrt(pairs.use[rows])
    x, noise = points[site[rows]], 4 * np.linalg.norm(blur[site[rows]] * weights)
    x = (x - np.average(x, axis=0, weights=weights**2)) * weights[:, np.newaxis]
    left, sizes, directions = np.linalg.svd(x, full_matrices=False)
    kept = sizes > np.maximum(1e-9 * sizes.max(), noise)
    left, sizes, directions = left[:, kept], sizes[kept], directions[kept]
    if (np.abs(gaps - gaps @ directions.T @ directions) > 1e-6 + 8 * blur[:, np.newaxis]).any():
        raise ValueError(_without_slope(pairs, rows))
    return directions.T @ (left.T @ (y[rows] * weights) / sizes)


def _without_slope(pairs, rows):
    """Say why a correction needs a slope that the matched rows do not show."""
    reason = "they do not vary in a direction in which units differ from their matches"
    if pairs.cloud.points.shape[1] == len(pairs.design.labels):
        try:
            _basis(pairs.design._replace(columns=pairs.design.columns[rows]))
        except ValueError as error:
            reason = f"{error}"
    return f"no bias correction among the matched rows: {reason}, or set bias_correction=False"


def _conditional_variance(pairs, y, k):
    """Estimate the variance of the outcome at each donor among the k units nearest in its arm."""
    variance, (points, _, site) = np.zeros(len(y)), pairs.cloud
    for arm in (1 - arm for arm in pairs.averages):
        units, counts = pairs.treated == arm, pairs.counts[arm]
        average, size, _ = _near(pairs.cloud, counts, counts, k)
        sums = _totals([y * units, y**2 * units], site, len(points))
        mean, square = average @ sums[0], average @ sums[1]
        local = np.maximum(square - mean**2, 0) * size / np.maximum(size - 1, 1)
        variance[units] = local[site[units]]
    return variance


def _estimated_score(pairs, y, estimate, k):
    """Return what estimating the score adds to the sum of squares (Abadie and Imbens 2016)."""
    score, _ = _score(pairs.treated, pairs.design)
    x = _with_constant(_axes(pairs.design).place(pairs.design))
    inverse, density = _inverse_information(x, score), score * (1 - score)
    (mean0, cov0), (mean1, cov1) = _local(pairs.treated, pairs.cloud, x, y, k)
    if 0 in pairs.averages:
        c = cov1.T @ (1 - score) + cov0.T @ score
        return -c @ inverse @ c
    c = cov1.T @ density + cov0.T @ score**2 + x.T @ (density * (mean1 - mean0 - estimate))
    (mean0, _), (mean1, _) = _local(pairs.treated, _by_covariates(pairs.design), x, y, k)
    shift = x.T @ (density * (mean1 - mean0 - estimate))
    return shift @ inverse @ shift - c @ inverse @ c


def _local(treated, cloud, x, y, k):
    """Return, by arm, mean outcome and covariance with x among the k units nearest each unit."""
    (points, _, site), moments = cloud, []
    columns, everyone = np.column_stack([y, x, x * y[:, np.newaxis]]), np.bincount(site)
    for units in (treated == 0, treated == 1):
        average, size, _ = _near(cloud, everyone, np.bincount(site, units, len(points)), k)
        means = average @ _totals((columns * units[:, np.newaxis]).T, site, len(points)).T
        mean_y, mean_x, mean_xy = means[:, 0], *np.split(means[:, 1:], 2, axis=1)
        covariance = (mean_xy - mean_x * mean_y[:, np.newaxis]) * (size / (size - 1))[:, np.newaxis]
        moments.append((mean_y[site], covariance[site]))
    return moments


def _check_caliper(farthest, slack, units, caliper):
    """Raise if a unit's matches are farther away than the caliper."""
    lacking = farthest > caliper + slack
    if lacking.any():
        raise ValueError(
            f"{units[lacking].sum():.0f} of {units.sum():.0f} units lack a match within the "
            f"caliper of {caliper:g}; caliper={1.001 * farthest.max():.4g} reaches all of them, "
            "if you can defend matches so far away (nobody is dropped, because the effect among "
            "the others is another estimand)"
        )
