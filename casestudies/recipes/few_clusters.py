"""Inference with few clusters: the wild bootstrap, randomization, and an assumed shock."""

import itertools
import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from casestudies.recipes._columns import (
    _check_choice,
    _check_level,
    _count,
    _generator,
    _names,
    _real,
    _reals,
    _result,
)
from casestudies.recipes._panel import _check_constant, _interact, _two_periods


def wild_bootstrap(
    data,
    *,
    outcome,
    unit,
    treated,
    post,
    cluster,
    controls=(),
    weights="rademacher",
    draws=9999,
    level=0.95,
    rng,
):
    r"""Give a difference in differences the interval of a wild cluster bootstrap.

    The interval runs to the last values that `wild_bootstrap_test` does not reject at
    size 1 - `level`. It need not be symmetric, and an infinite end says that no value on
    that side is rejected.

    Estimand and assumptions are those of a two-by-two difference in differences (parallel
    trends, no anticipation, no interference), with clusters independent of one another.
    With only a few treated clusters, or a few untreated ones, the bootstrap rejects far
    too seldom (MacKinnon and Webb); `randomization_over_units` asks another question there.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period; a unit may lack one of the two periods.
    outcome, unit, treated, post : str
        Columns of the outcome, the unit's name, the group (1 for units ever treated, else 0)
        and the period (1 once the treatment began, else 0).
    cluster : str
        Column of the groups that share shocks.
    controls : str or sequence of str
        Columns of covariates; a column that is not numeric enters as dummies.
    weights : {"rademacher", "webb"}
        Two points (-1 and 1), or Webb's six, of which few clusters have more combinations.
    draws : int
        Number of draws; all combinations are taken instead where there are no more of them.
    level : float
        Coverage of the interval, between 0 and 1.
    rng : int, numpy.random.Generator or numpy.random.RandomState
        Source of the draws; unused where all combinations are taken.

    Returns
    -------
    pandas.Series
        estimate, std_error (cluster-robust), ci_low, ci_high, n (rows).

    Raises
    ------
    ValueError
        If one cluster makes up one arm in a period, a unit is seen twice in a period or in
        two clusters, or the smallest p-value possible exceeds 1 - `level`. If a column is
        missing, incomplete or not of its kind, the outcome leaves no noise to estimate, or
        an option is not what it must be.

    References
    ----------
    Cameron, Gelbach and Miller (2008), Review of Economics and Statistics 90(3), 414-427.
    Roodman, Nielsen, MacKinnon and Webb (2019), Stata Journal 19(1), 4-60.
    MacKinnon and Webb (2018), Econometrics Journal 21(2), 114-135.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": list("abcdef") * 2, "drug": [1, 1, 1, 0, 0, 0] * 2, "post": [0] * 6 + [1] * 6,
    ...     "days": [9, 8, 8, 5, 7, 6, 4, 5, 4, 5, 6, 6],
    ... })
    >>> wild_bootstrap(wards, outcome="days", unit="ward", treated="drug", post="post",
    ...                cluster="ward", weights="webb", draws=6**6, rng=0).round(2)
    estimate     -3.67
    std_error     0.70
    ci_low       -5.15
    ci_high      -1.97
    n            12.00
    Name: wild_bootstrap, dtype: float64
    """
    _check_level(level)
    names = {"outcome": outcome, "unit": unit, "treated": treated, "post": post}
    scores = _scores(data, **names, cluster=cluster, controls=controls)
    wild = _multipliers(weights, len(scores.own), draws, rng)
    smallest, size = _smallest_p(wild), round(1 - level, 12)
    if smallest > size:
        needed, enough = math.ceil(1 / size), len(_POINTS["webb"]) ** (len(scores.own) - 1)
        more = f"weights='webb' with draws={needed} or more, or " if enough >= needed else ""
        raise ValueError(
            f"column {cluster!r} has {len(scores.own)} clusters, so no p-value with {weights} "
            f"weights lies below {smallest:.3g}, and none can reach {size:.3g}; take {more}level="
            f"{math.floor(1000 * (1 - smallest)) / 1000:g} or less"
        )
    result = _result("wild_bootstrap", scores.estimate, scores.std_error, n=len(data), level=level)
    p_value = _p_values(scores, wild)
    for end, step in [("ci_low", -scores.std_error), ("ci_high", scores.std_error)]:
        result[end] = scores.estimate + _last_kept(p_value, step, size)
    return result


def wild_bootstrap_test(
    data,
    *,
    outcome,
    unit,
    treated,
    post,
    cluster,
    controls=(),
    null=0.0,
    weights="rademacher",
    draws=9999,
    rng,
):
    r"""Test one value of a difference in differences by the wild cluster bootstrap.

    With :math:`\tilde u` the residuals under the null and :math:`w_g` a random weight for
    each cluster, the outcomes :math:`\tilde y + w_g \tilde u` give statistics

    .. math:: t^* = (\hat\delta^* - \delta_0) / \widehat{se}^*, \qquad
              p = P(|t^*| \ge |t|),

    each with its own cluster-robust standard error (bootstrap-t, null imposed). Estimand
    and assumptions are those of a two-by-two difference in differences. With only a few
    treated clusters, or a few untreated ones, it rejects far too seldom.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period; a unit may lack one of the two periods.
    outcome, unit, treated, post : str
        Columns of the outcome, the unit's name, the group (1 for units ever treated, else 0)
        and the period (1 once the treatment began, else 0).
    cluster : str
        Column of the groups that share shocks.
    controls : str or sequence of str
        Columns of covariates; a column that is not numeric enters as dummies.
    null : float
        The effect to test, in units of the outcome.
    weights : {"rademacher", "webb"}
        Two points (-1 and 1), or Webb's six, of which few clusters have more combinations.
    draws : int
        Number of draws; all combinations are taken instead where there are no more of them.
    rng : int, numpy.random.Generator or numpy.random.RandomState
        Source of the draws; unused where all combinations are taken.

    Returns
    -------
    pandas.Series
        null (a sentence), statistic, distribution, p_value, and smallest_p_value, below
        which the p-value cannot fall with this number of clusters and draws.

    Raises
    ------
    ValueError
        If one cluster makes up one arm in a period, or a unit is seen twice in a period or
        in two clusters. If a column is missing, incomplete or not of its kind, the outcome
        leaves no noise to estimate, or an option is not what it must be.

    References
    ----------
    Cameron, Gelbach and Miller (2008), Review of Economics and Statistics 90(3), 414-427.
    Webb (2023), Canadian Journal of Economics 56(3), 839-858.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": list("abcdef") * 2, "drug": [1, 1, 1, 0, 0, 0] * 2, "post": [0] * 6 + [1] * 6,
    ...     "days": [9, 8, 8, 5, 7, 6, 4, 5, 4, 5, 6, 6],
    ... })
    >>> wild_bootstrap_test(wards, outcome="days", unit="ward", treated="drug", post="post",
    ...                     cluster="ward", rng=0)[["distribution", "smallest_p_value"]]
    distribution        all 64 combinations of rademacher weights
    smallest_p_value                                      0.03125
    Name: wild_bootstrap_test, dtype: object
    """
    null = _real("null", null)
    names = {"outcome": outcome, "unit": unit, "treated": treated, "post": post}
    scores = _scores(data, **names, cluster=cluster, controls=controls)
    wild = _multipliers(weights, len(scores.own), draws, rng)
    kind = "all {} combinations" if wild.complete else "{} draws"
    entries = {
        "null": f"The effect on the treated is {null:g}.",
        "statistic": float((scores.estimate - null) / scores.std_error),
        "distribution": f"{kind.format(len(wild.weights))} of {weights} weights",
        "p_value": _p_values(scores, wild, scores.slack)(null - scores.estimate),
        "smallest_p_value": _smallest_p(wild),
    }
    return pd.Series(entries, name="wild_bootstrap_test")


def randomization_over_units(data, *, outcome, unit, treated, post, cluster=None, draws=9999, rng):
    r"""Ask how often another choice of treated units would show as large a difference.

    The treated label is moved to every other set of as many clusters (or to `draws` random
    ones), and the difference of the groups' mean changes computed for each:

    .. math:: p = \#\{|\hat\delta(\text{set})| \ge |\hat\delta|\} / \#\{\text{sets}\}.

    Estimand: none; it is an exact test of the null that no unit's outcome reacted, where
    any set of clusters was as likely to be treated as the one that was. Where the treated
    were not picked at random it describes, and the p-value is no better than that premise.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period; a unit may lack one of the two periods.
    outcome, unit, treated, post : str
        Columns of the outcome, the unit's name, the group (1 for units ever treated, else 0)
        and the period (1 once the treatment began, else 0).
    cluster : str, optional
        Column of the groups that were treated as a whole; the unit by default.
    draws : int
        Number of random sets; all sets are taken instead where there are no more of them.
    rng : int, numpy.random.Generator or numpy.random.RandomState
        Source of the draws; unused where all sets are taken.

    Returns
    -------
    pandas.Series
        null (a sentence), statistic (the estimate), distribution, p_value, and
        smallest_p_value: one over the number of sets, or two over it where as many are treated
        as not, because the opposite set then shows the same difference (1 with two clusters).

    Raises
    ------
    ValueError
        If `treated` changes within a cluster, or some set leaves a group without rows in a
        period. If a column is missing, incomplete or not of its kind, the outcome does not
        vary, or an option is not what it must be.

    References
    ----------
    Fisher (1935), The Design of Experiments, Oliver and Boyd.
    Conley and Taber (2011), Review of Economics and Statistics 93(1), 113-125.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": list("abcdef") * 2, "drug": [1, 1, 1, 0, 0, 0] * 2, "post": [0] * 6 + [1] * 6,
    ...     "days": [9, 8, 8, 5, 7, 6, 4, 5, 4, 5, 6, 6],
    ... })
    >>> randomization_over_units(wards, outcome="days", unit="ward", treated="drug",
    ...                          post="post", rng=0)[["distribution", "p_value"]]
    distribution    all 20 sets of 3 treated of 6
    p_value                                   0.1
    Name: randomization_over_units, dtype: object
    """
    cluster, rng = cluster if cluster is not None else unit, _generator(rng)
    roles = {"outcome": outcome, "unit": unit, "treated": treated, "post": post}
    table, _ = _two_periods(data, cluster, **roles)
    _check_constant(table, treated, cluster, "take clusters that were treated as a whole")
    y, period = table[outcome] - table[outcome].mean(), table[post].to_numpy(int)
    codes, names = pd.factorize(table[cluster], sort=True)
    sums, sizes, arm = *np.zeros((2, len(names), 2)), np.zeros(len(names), dtype=bool)
    np.add.at(sums, (codes, period), y)
    np.add.at(sizes, (codes, period), 1)
    arm[codes] = table[treated]
    sets, complete = _sets(arm, _count("draws", draws), rng)
    effects = np.array([_gap(chosen, sums, sizes) for chosen in sets])
    if not np.isfinite(effects).all():
        raise ValueError(
            f"column {cluster!r}: a set of {arm.sum()} treated leaves a group without rows in a "
            "period, as some are seen in one period only; keep those seen in both, "
            f"data[data.groupby({cluster!r})[{post!r}].transform('nunique') == 2], or give the "
            "groups of units that were treated as a whole as cluster"
        )
    estimate = _gap(arm, sums, sizes)
    slack = max(1e-9 * abs(estimate), _rounding(table, outcome))
    extreme = np.sum(np.abs(effects) >= abs(estimate) - slack)
    extra = 0 if complete else 1  # the set that was treated counts among the draws
    kind = "all {} sets" if complete else "{} random sets"
    entries = {
        "null": "The treatment changed no unit's outcome.",
        "statistic": float(estimate),
        "distribution": f"{kind.format(len(effects))} of {arm.sum()} treated of {len(arm)}",
        "p_value": float((extreme + extra) / (len(effects) + extra)),
        "smallest_p_value": (2 if complete and 2 * arm.sum() == len(arm) else 1)
        / (len(effects) + extra),
    }
    return pd.Series(entries, name="randomization_over_units")


def shock_sensitivity(result, *, shock_sds, treated_groups=1, control_groups=1):
    r"""Widen an interval by a shock common to each group and period, of assumed size.

    Were each group (a state, a hospital) hit in each of the two periods by an independent
    shock with standard deviation :math:`\tau`, the variance of a difference in differences
    would be

    .. math:: se^2 + 2 \tau^2 (1 / H_1 + 1 / H_0),

    :math:`4 \tau^2` above its own for one group on each side. The data of two groups and
    two periods say nothing about :math:`\tau`: the estimate has no degrees of freedom for it.

    Parameters
    ----------
    result : pandas.Series
        estimate, std_error and ci_high of a difference in differences whose standard error
        takes the groups' shocks as given (units as clusters).
    shock_sds : sequence of float
        Values of :math:`\tau`, in units of the outcome, at least 0.
    treated_groups, control_groups : int
        Numbers of groups :math:`H_1` and :math:`H_0`, of equal size within each arm.

    Returns
    -------
    pandas.DataFrame
        Indexed by shock_sd; estimate, std_error, ci_low, ci_high, with the critical value
        of `result`, so that a shock of 0 gives back its interval.

    Raises
    ------
    ValueError
        If a standard deviation is not a number from 0 on, a number of groups is not a whole
        one from 1 on, or `result` lacks an entry or holds one that cannot be.

    References
    ----------
    Donald and Lang (2007), Review of Economics and Statistics 89(2), 221-233.

    Examples
    --------
    >>> published = pd.Series({"estimate": 2.76, "std_error": 1.36, "ci_high": 2.76 + 1.96 * 1.36})
    >>> shock_sensitivity(published, shock_sds=[0, 0.5]).round(2)
              estimate  std_error  ci_low  ci_high
    shock_sd
    0.0           2.76       1.36    0.09     5.43
    0.5           2.76       1.69   -0.55     6.07
    """
    estimate, std_error, critical, spread = _shock_parts(result, treated_groups, control_groups)
    shock_sds = _reals("shock_sds", shock_sds, least=0).astype(float)
    total = np.sqrt(std_error**2 + spread * shock_sds**2)
    ends = {"ci_low": estimate - critical * total, "ci_high": estimate + critical * total}
    columns = {"estimate": estimate, "std_error": total, **ends}
    return pd.DataFrame(columns, index=pd.Index(shock_sds, name="shock_sd"))


def shock_breakdown(result, *, treated_groups=1, control_groups=1):
    r"""Find the size of a shock common to each group and period at which the sign is lost.

    .. math:: \tau^* = \sqrt{\frac{(\hat\delta / c)^2 - se^2}{2 (1 / H_1 + 1 / H_0)}}

    for :math:`H_1` treated and :math:`H_0` other groups, each hit in each of the two periods
    by an independent shock with standard deviation :math:`\tau`, and the critical value
    :math:`c` of the interval.

    Parameters
    ----------
    result : pandas.Series
        estimate, std_error and ci_high of a difference in differences whose standard error
        takes the groups' shocks as given (units as clusters).
    treated_groups, control_groups : int
        Numbers of groups :math:`H_1` and :math:`H_0`, of equal size within each arm.

    Returns
    -------
    pandas.Series
        shock_sd, in units of the outcome (0 where the interval holds zero without any
        shock), and share_of_estimate, the same over the estimate's size.

    Raises
    ------
    ValueError
        If a number of groups is not a whole one from 1 on, or `result` lacks an entry or
        holds one that cannot be.

    References
    ----------
    Donald and Lang (2007), Review of Economics and Statistics 89(2), 221-233.

    Examples
    --------
    >>> published = pd.Series({"estimate": 2.76, "std_error": 1.36, "ci_high": 2.76 + 1.96 * 1.36})
    >>> shock_breakdown(published).round(2)
    shock_sd             0.18
    share_of_estimate    0.07
    Name: shock_breakdown, dtype: float64
    """
    estimate, std_error, critical, spread = _shock_parts(result, treated_groups, control_groups)
    room = (estimate / critical) ** 2 - std_error**2
    shock_sd = np.sqrt(max(room, 0) / spread)
    share = shock_sd / abs(estimate) if room > 0 else 0
    entries = {"shock_sd": shock_sd, "share_of_estimate": share}
    return pd.Series(entries, name="shock_breakdown", dtype=float)


# The wild bootstrap works on sums by cluster: each draw then costs a few products of matrices
# with as many rows as clusters (Roodman et al. 2019).


class _Scores(NamedTuple):
    """Sums by cluster after the other regressors q (orthonormal) are taken out of y and d."""

    outcome: np.ndarray  # d'y
    own: np.ndarray  # d'd
    cross: np.ndarray  # q'y, a row per cluster
    lean: np.ndarray  # q'd, a row per cluster
    factor: float
    estimate: float
    std_error: float
    slack: float  # what rounding can do to a tie


class _Wild(NamedTuple):
    """Weight vectors, one per row, and whether they are all there are."""

    weights: np.ndarray
    complete: bool


_HALVES = np.sqrt([0.5, 1.0, 1.5])


_POINTS = {"rademacher": np.array([-1.0, 1.0]), "webb": np.concatenate([-_HALVES, _HALVES])}


def _scores(data, *, outcome, unit, treated, post, cluster, controls):
    """Return the sums by cluster of a two-by-two regression, its estimate and standard error."""
    roles = {"outcome": outcome, "treated": treated, "post": post}
    controls = _names("controls", controls)
    table, _ = _two_periods(data, cluster, controls, unit=unit, **roles)
    fit = _interact(table, cluster, controls, **roles)
    y, d, q = fit.outcome, fit.product, fit.others
    codes, names = pd.factorize(table[cluster], sort=True)
    products = np.column_stack([d * y, d * d, q * y[:, np.newaxis], q * d[:, np.newaxis]])
    sums = np.zeros((len(names), products.shape[1]))
    np.add.at(sums, codes, products)
    (a, b), (cross, lean) = sums[:, :2].T, np.split(sums[:, 2:], 2, axis=1)
    slack = np.clip(_rounding(table, outcome) / np.abs(y).max(), 1e-9, 1e-6)
    return _Scores(a, b, cross, lean, fit.factor, fit.estimate, fit.std_error, slack)


def _rounding(table, name):
    """Return how far the numbers of a column may be from those that they stand for."""
    precision = max(table.attrs["precision"][name], np.finfo(float).eps)
    return 8 * precision * table[name].abs().max()


def _multipliers(weights, clusters, draws, rng):
    """Return weight vectors: all combinations if no more than `draws`, else random ones."""
    _check_choice("weights", weights, _POINTS)
    draws, rng, points = _count("draws", draws), _generator(rng), _POINTS[weights]
    if len(points) ** clusters <= draws:
        return _Wild(np.array(list(itertools.product(points, repeat=clusters))), True)
    return _Wild(rng.choice(points, size=(draws, clusters)), False)


def _p_values(scores, wild, slack=1e-9):
    """Return the p-value as a function of how far the null lies from the estimate.

    Statistics that rounding alone, `slack`, could have told apart are ties.

    Statistics and squared standard errors of all draws are polynomials in that distance.
    """
    at_estimate = scores.outcome - scores.estimate * scores.own
    crossed = scores.cross - scores.estimate * scores.lean
    moved, pieces = _draw(wild.weights, at_estimate, crossed, scores)
    pull, tilt = _draw(wild.weights, scores.own, scores.lean, scores)
    products = [pieces * pieces, -2 * pieces * tilt, tilt * tilt]
    constant, linear, square = (scores.factor * product.sum(axis=1) for product in products)
    extra = 0 if wild.complete else 1  # the observed statistic counts among the draws

    def p_value(distance):
        # |t*| >= |t| without a division, which a draw with no spread would not survive.
        spread = np.sqrt(np.maximum(constant + distance * linear + distance**2 * square, 0))
        limit = abs(distance) / scores.std_error * spread
        reach = np.abs(at_estimate).sum() + abs(distance) * scores.own.sum()
        extreme = np.sum(np.abs(moved - distance * pull) >= limit - slack * reach)
        return float((extreme + extra) / (len(wild.weights) + extra))

    return p_value


def _draw(weights, own, cross, scores):
    """Return the score of each draw, and its parts by cluster once refitted."""
    moved = weights @ own
    fitted = np.outer(moved / scores.own.sum(), scores.own) + weights @ cross @ scores.lean.T
    return moved, weights * own - fitted


def _smallest_p(wild):
    """Return the p-value of an observed statistic beyond all others.

    Weights equal in all clusters give back the observed statistic, one vector per point.
    """
    if not wild.complete:
        return 1 / (len(wild.weights) + 1)
    return float(np.mean(np.ptp(wild.weights, axis=1) == 0))


def _last_kept(p_value, step, size):
    """Return how far from the estimate, along `step`, p-values stay above `size`."""
    kept, rejected = 0.0, 1.0
    while p_value(rejected * step) > size:
        kept, rejected = rejected, 2 * rejected
        if rejected > 2**20:
            return np.copysign(np.inf, step)
    while rejected - kept > 1e-8 * rejected:
        middle = (kept + rejected) / 2
        kept, rejected = (middle, rejected) if p_value(middle * step) > size else (kept, middle)
    return kept * step


# Randomization and shocks.


def _sets(arm, draws, rng):
    """Return sets of as many treated as observed, and whether they are all there are."""
    count, chosen = len(arm), int(arm.sum())
    if math.comb(count, chosen) > draws:
        return (rng.permutation(arm) for _ in range(draws)), False
    positions = itertools.combinations(range(count), chosen)
    return (np.isin(np.arange(count), some) for some in positions), True


def _gap(chosen, sums, sizes):
    """Return the difference in differences of means, from sums by cluster and period."""
    with np.errstate(invalid="ignore"):
        treated, others = (sums[group].sum(0) / sizes[group].sum(0) for group in (chosen, ~chosen))
    return (treated[1] - treated[0]) - (others[1] - others[0])


def _shock_parts(result, treated_groups, control_groups):
    """Return estimate, standard error, critical value and the shock variance's multiplier."""
    names = ["estimate", "std_error", "ci_high"]
    for name in names:
        if not isinstance(result, pd.Series | dict) or name not in result:
            raise ValueError(f"result has no finite entry {name!r}; pass what two_by_two returned")
    estimate, std_error, high = (_real(f"result[{name!r}]", result[name]) for name in names)
    if not std_error > 0:
        raise ValueError(f"result has std_error {std_error}; cluster by unit to get one above 0")
    critical = (_real("result['ci_high']", high, above=estimate) - estimate) / std_error
    groups = _count("treated_groups", treated_groups), _count("control_groups", control_groups)
    return estimate, std_error, critical, 2 * (1 / groups[0] + 1 / groups[1])
