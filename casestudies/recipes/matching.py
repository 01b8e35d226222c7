r"""Matching: average effects by nearest neighbours, with replacement or in pairs.

All estimates here assume that the covariates in `adjust_for` block every backdoor path
(:math:`Y(1), Y(0) \perp A \mid X`), that every unit could have gone either way
(:math:`0 < e(X) = P(A = 1 \mid X) < 1`) and that one unit's treatment leaves the others alone.
None of them protects against a confounder that was not recorded. The estimands are
the ATE, :math:`E[Y(1) - Y(0)]`, and the ATT, :math:`E[Y(1) - Y(0) \mid A = 1]`; each result
names its own in ``attrs["estimand"]``. Where units without a match are dropped on request, it is
the effect among those matched, who are found in the data and not in the question.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from casestudies.recipes._clusters import _clustered
from casestudies.recipes._columns import (
    _basis,
    _check_choice,
    _check_noise,
    _check_switch,
    _count,
    _frame,
    _names,
    _outcome,
    _read,
    _real,
    _result,
    _scale,
)
from casestudies.recipes._score import (
    OVERLAP,
    TIE,
    _axes,
    _gaps,
    _information,
    _named,
    _read_counted_covariates,
    _score,
    _with_constant,
)

MOST_PAIRS = 5 * 10**7  # that are weighed up at once, of 8 bytes each


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
    exact=(),
    replace=True,
    on_no_match="refuse",
    weights=None,
    cluster=None,
    level=0.95,
):
    r"""Estimate an average effect by nearest-neighbour matching, with replacement or in pairs.

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

    With ``replace=False`` each treated unit has a partner of its own: of all assignments that
    pair as many as can be, the one with the least sum of squared distances. Places that several
    units could take alike (equal covariates) are shared among them; where assignments to
    different places are equally good, the order of the covariates decides, never the outcome. The
    estimate is the mean difference of the :math:`m` pairs, less, with `bias_correction`, what the
    line among the partners predicts for it; the error is clustered by pair (Abadie and Spiess),

    .. math:: \frac{1}{m (m - 1)} \sum_p (u_p - h_p e_p)^2,

    with :math:`u_p` the treated unit's distance from the line less the estimate, :math:`e_p` its
    partner's residual and :math:`h_p` the weight of that residual in the line's value at the
    treated's means (1 without a correction: the error of paired differences), for the t
    distribution on :math:`m - 1` degrees. It asks that the other arm be the larger by far, so
    that pairs are close, and takes a propensity score as known.

    With sampling `weights` :math:`w` the effect is the average in the population from which rows
    were selected with probability proportional to :math:`1 / w`. Covariances, means and the
    correction's line are weighted, matches share by their weights, and with the share
    :math:`s_{ij}` that :math:`j` has in the match of :math:`i` the variance becomes, with
    :math:`K_j = \sum_i w_i s_{ij}` and :math:`K'_j = \sum_i w_i^2 s_{ij}^2`,

    .. math:: \Big(\sum_i w_i\Big)^{-2} \sum_i w_i^2 (\hat\tau_i - \hat\tau)^2
       + (K_i^2 + 2 w_i K_i - K'_i) \hat\sigma^2(X_i, A_i).

    A pair counts by the weight of its treated unit. The nearest match is taken as the sample has
    it, so selection must depend on the treatment and on the covariates matched on alone: what else
    it depends on belongs into `adjust_for`, or the answer is off, weights or not.

    With `cluster` the error is that of sums by cluster, times :math:`\sqrt{G / (G - 1)}`, of what
    each unit adds to the estimate,

    .. math:: w_i \{f_1(X_i) - f_0(X_i) - \hat\tau\} + (2 A_i - 1)(w_i + K_i + d_i) e_i,

    over :math:`\sum_i w_i` of those whose effects are averaged (:math:`w_i = 0` for the others).
    :math:`f_a` is the correction's line among the matches of arm :math:`a`, :math:`d_i` what a
    unit adds through its slopes, and :math:`e_i` how far it lies from the line of its arm that
    leaves out its cluster; for the ATT, :math:`f_1 = f_0 + \hat\tau`. What a line misses counts
    as noise, which as a rule makes the error too large. A shock that a cluster shares may not go
    with the treatment; where it does, match within clusters (`exact`).

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
        Largest distance allowed, in standard deviations of the metric.
    variance_neighbours : int
        Same-arm neighbours for the conditional variance of the outcome, with replacement.
    exact : str or list of str
        Columns in which a unit and its matches agree exactly.
    replace : bool
        Whether a unit may be the match of several; without, the estimand is the ATT.
    on_no_match : {"refuse", "drop"}
        What to do about units that lack a match, because of the caliper, because nobody agrees
        with them exactly, or, without replacement, because others took it. Dropping them changes
        the estimand to the effect among those matched, which the result then says in its attrs,
        with how many were dropped; `matched_pairs` says who.
    weights : str, optional
        Column of sampling weights above 0, inverse probabilities of selection in any unit; with
        ``metric="mahalanobis"``. They are not counts.
    cluster : str, optional
        Column of clusters that were sampled, or given the treatment, as a whole, independent of
        one another; with `bias_correction`, and not for an estimated score with replacement. The
        interval uses t on :math:`G - 1` degrees, for :math:`G` clusters.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n: rows, dropped ones left out; those in pairs
        without replacement.

    Raises
    ------
    ValueError
        If a column or an option is unfit, covariates are collinear, an arm is too small, a
        category has one arm only, a unit has no match, one cluster alone tells a line among the
        matches, or no error is known for the combination of options.

    References
    ----------
    Abadie and Spiess (2022), Journal of the American Statistical Association 117(538), 983-995
    (without replacement).
    Abadie and Imbens (2006), Econometrica 74(1), 235-267 (variance); (2008), 76(6), 1537-1557
    (bootstrap); (2011), Journal of Business & Economic Statistics 29(1), 1-11 (bias);
    (2016), Econometrica 84(2), 781-807 (estimated score); (2012), Journal of the American
    Statistical Association 107(498), 833-843 (the sum that clusters are taken of).
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
    _check_switch("bias_correction", bias_correction)
    options = (metric, neighbours, estimand, caliper, exact, replace, on_no_match, weights)
    pairs = _pair(data, treatment, adjust_for, *options, outcome=outcome, cluster=cluster)
    y, treated, own = _outcome(pairs.table, outcome), pairs.treated, pairs.own
    y = y - y.mean()
    if cluster is not None:
        _check_clustered(metric, bias_correction, replace)
        return _by_cluster(pairs, outcome, y, pairs.table[cluster], level, replace)
    if not replace:
        return _paired(pairs, outcome, y, bias_correction, level)
    _check_known_error(metric, exact, on_no_match)
    _check_several((own > 0).sum())
    for arm in (0, 1) if metric == "propensity" or estimand == "ATE" else (0,):
        _check_neighbours("variance_neighbours", reach - 1, treated == arm, 1)
    effects = (2 * treated - 1) * (y - _imputed(pairs, y, bias_correction))
    estimate = own @ effects / own.sum()
    spread = pairs.use**2 - pairs.use_squared + 2 * pairs.use * own
    squares = np.square(own * (effects - estimate)).sum()
    squares += spread @ _conditional_variance(pairs, y, reach)
    if metric == "propensity":
        squares += _estimated_score(pairs, y, estimate, reach)
    if squares < 0:
        raise ValueError(
            f"{len(y)} rows are too few for the variance under metric='propensity': its adjustment "
            "for the estimated score exceeds it; use metric='mahalanobis'"
        )
    return _match_result(pairs, outcome, estimate, np.sqrt(squares) / own.sum(), level)


def match_weights(
    data,
    *,
    treatment,
    adjust_for,
    metric="mahalanobis",
    neighbours=1,
    estimand="ATT",
    caliper=None,
    exact=(),
    replace=True,
    on_no_match="refuse",
    weights=None,
):
    """Return how much each row counts in matching, for `balance`.

    A unit counts once for itself if the estimand includes it, and once more for each unit
    that it is the only match of; matches that tie or come several at a time share. With sampling
    `weights`, of mean 1, they count and share by them. The difference of the weighted means is
    `match` without bias correction.

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
        Largest distance allowed, in standard deviations of the metric.
    exact : str or list of str
        Columns in which a unit and its matches agree exactly.
    replace : bool
        Whether a unit may be the match of several; without, treated units are paired with
        partners of their own, by the least sum of squared distances.
    on_no_match : {"refuse", "drop"}
        What to do about units that lack a match.
    weights : str, optional
        Column of sampling weights above 0, with ``metric="mahalanobis"``. They are in what is
        returned.

    Returns
    -------
    pandas.Series
        Weights, named "weight", with the index of `data`; 0 for who was dropped or not needed.

    Raises
    ------
    ValueError
        If a column or an option is unfit, covariates are collinear, an arm is too small, a
        category has one arm only, or a unit has no match.

    Examples
    --------
    >>> data = pd.DataFrame({"age": [20, 30, 21, 22, 60], "drug": [1, 1, 0, 0, 0]})
    >>> match_weights(data, treatment="drug", adjust_for="age").to_list()
    [1.0, 1.0, 1.0, 1.0, 0.0]
    """
    data = _frame(data)
    options = (metric, neighbours, estimand, caliper, exact, replace, on_no_match, weights)
    pairs = _pair(data, treatment, adjust_for, *options)
    return pd.Series(pairs.use + pairs.own, index=data.index, name="weight")


def matched_pairs(
    data,
    *,
    treatment,
    adjust_for,
    metric="mahalanobis",
    neighbours=1,
    estimand="ATT",
    caliper=None,
    exact=(),
    replace=True,
    on_no_match="refuse",
    weights=None,
):
    """Return who was matched to whom, how far apart they are, and what each pair counts.

    The mean of the differences between the treated and the control of each pair, weighted by
    `weight`, is `match` without bias correction. Weights of the pairs in which a unit is the one
    that was given a match sum to 1, or to its sampling weight (of mean 1); units alike in their
    covariates share.

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
        Largest distance allowed, in standard deviations of the metric.
    exact : str or list of str
        Columns in which a unit and its matches agree exactly.
    replace : bool
        Whether a unit may be the match of several; without, treated units are paired with
        partners of their own, by the least sum of squared distances.
    on_no_match : {"refuse", "drop"}
        What to do about units that lack a match.
    weights : str, optional
        Column of sampling weights above 0, with ``metric="mahalanobis"``, to which the weights of
        pairs add up.

    Returns
    -------
    pandas.DataFrame
        A row for each pair: `treated` and `control`, their labels in the index of `data`;
        `matched`, 1 if the treated was given this match, 0 if the control was; `distance`, in
        standard deviations of the metric; `weight`. The labels of those without a match are in
        ``attrs["dropped"]``.

    Raises
    ------
    ValueError
        If a column or an option is unfit, covariates are collinear, an arm is too small, a
        category has one arm only, or a unit has no match.

    Examples
    --------
    >>> data = pd.DataFrame({"age": [20, 30, 21, 22, 60], "drug": [1, 1, 0, 0, 0]})
    >>> matched_pairs(data, treatment="drug", adjust_for="age", replace=False).round(2)
       treated  control  matched  distance  weight
    0        0        2        1      0.06     1.0
    1        1        3        1      0.47     1.0
    """
    data = _frame(data)
    options = (metric, neighbours, estimand, caliper, exact, replace, on_no_match, weights)
    pairs = _pair(data, treatment, adjust_for, *options)
    links = pd.concat([_links(pairs, arm) for arm in pairs.averages])
    links = links.sort_values(["matched", "seeker", "donor"], ascending=[False, True, True])
    rows = [np.where(links["matched"] == arm, links["seeker"], links["donor"]) for arm in (1, 0)]
    found = pd.DataFrame(
        {name: data.index[row] for name, row in zip(("treated", "control"), rows, strict=True)}
    )
    found[["matched", "distance", "weight"]] = links[["matched", "distance", "weight"]].to_numpy()
    found = found.astype({"matched": int})
    sought = np.isin(pairs.treated, list(pairs.averages))
    found.attrs["dropped"] = data.index[sought & (pairs.own == 0)].to_list()
    return _told(found, pairs, found.attrs["dropped"])


def _links(pairs, arm):
    """Return the pairs in which a unit of an arm is given a match, by their rows."""
    shares, (points, _, site, _) = pairs.averages[arm].tocoo(), pairs.cloud
    row, column = shares.row, shares.col
    far = np.linalg.norm(points[row] - points[column], axis=1)
    links = pd.DataFrame({"from": row, "to": column, "distance": far, "share": shares.data})
    units = pd.DataFrame({"row": np.arange(len(site)), "site": site, "own": pairs.own})
    units["mass"] = pairs.weights
    seekers = units[pairs.treated == arm].set_axis(["seeker", "from", "own", "_"], axis=1)
    donors = units[pairs.treated != arm].set_axis(["donor", "to", "_", "mass"], axis=1)
    links = links.merge(seekers, on="from").merge(donors, on="to")
    return links.assign(matched=arm, weight=links["own"] * links["share"] * links["mass"])


class _Cloud(NamedTuple):
    """Distinct points in the space of the matching variables, and the units that lie there."""

    points: np.ndarray  # in standard deviations, uncorrelated
    blur: np.ndarray  # how far rounding of the data may have moved each point
    site: np.ndarray  # n, the point of each unit
    group: np.ndarray  # the exact group of each point


class _Pairs(NamedTuple):
    """Units, and who is matched to whom."""

    table: pd.DataFrame  # the columns named, n rows
    treated: np.ndarray  # n, zeros and ones
    weights: np.ndarray  # n, of mean 1
    design: tuple  # n rows of covariates, with their labels
    cloud: _Cloud
    counts: np.ndarray  # units of each arm (row) at each point (column)
    mass: np.ndarray  # their weights
    averages: dict  # arm: matrix from weighted sums at points to means over its units' matches
    own: np.ndarray  # n, a unit's weight if it is one of those whose effects are averaged, else 0
    dropped: dict  # how many treated and controls would be, and are not
    estimand: str
    use: np.ndarray  # n, sum of the shares a unit is given as a match
    use_squared: np.ndarray  # n, sum of the squares of these shares


def _pair(
    data,
    treatment,
    adjust_for,
    metric,
    neighbours,
    estimand,
    caliper,
    exact,
    replace,
    on_no_match,
    weights,
    **others,
):
    """Match the units of the arms whose outcome is to be imputed."""
    _check_choice("estimand", estimand, ("ATT", "ATE"))
    _check_choice("metric", metric, ("mahalanobis", "propensity"))
    _check_choice("on_no_match", on_no_match, ("refuse", "drop"))
    _check_switch("replace", replace)
    _check_same_score(metric, weights)
    k = _count("neighbours", neighbours)
    if not replace:
        _check_pairing(estimand, k)
    caliper = _real("caliper", caliper, least=0) if caliper is not None else None
    alone = (1,) if (metric, estimand) == ("mahalanobis", "ATT") else (0, 1)
    others |= {} if weights is None else {"weights": weights}
    table, treated, design, counted = _read_counted_covariates(
        data, treatment, adjust_for, None, alone, **others
    )
    groups = _read(data, treatment=treatment, **others, several={"exact": _names("exact", exact)})
    groups, w = groups[_names("exact", exact)], counted.weights
    if metric == "mahalanobis":
        _check_reach(design, treated)
        cloud = _by_covariates(design, _codes(groups), w)
    else:
        cloud = _by_score(treated, design, _codes(groups))
    arms, sites = np.stack([treated == 0, treated == 1]), len(cloud.points)
    counts, mass, squared = (_totals(arms * part, cloud.site, sites) for part in (w**0, w, w**2))
    averages, own, use, use_squared = {}, *np.zeros((3, len(treated)))
    dropped, reaches = {"treated": 0, "control": 0}, []
    for arm in (1,) if estimand == "ATT" else (1, 0):
        donors, given = arms[1 - arm], (counts[arm], counts[1 - arm], mass[1 - arm])
        if replace:
            _check_neighbours("neighbours", k, donors)
            average, found, reach = _match_nearest(cloud, *given, k, caliper)
            reaches.append(reach)
        else:
            average, found = _assigned(cloud, *given, caliper)
        dropped["treated" if arm else "control"] = int((counts[arm] - found).sum())
        share = found / np.maximum(counts[arm], 1)
        own[~donors] = (w * share[cloud.site])[~donors]
        use[donors] = (w * (average.T @ (mass[arm] * share))[cloud.site])[donors]
        squares = average.power(2).T @ squared[arm]
        use_squared[donors] = (w**2 * squares[cloud.site])[donors]
        averages[arm] = average
    pairs = _Pairs(
        table,
        treated,
        w,
        design,
        cloud,
        counts,
        mass,
        averages,
        own,
        dropped,
        estimand,
        use,
        use_squared,
    )
    _check_found(pairs, groups, k, caliper, reaches, on_no_match)
    return pairs


def _codes(groups):
    """Return a number for each combination of values, 0 if there is no column."""
    if groups.shape[1] == 0:
        return np.zeros(len(groups), dtype=int)
    return groups.groupby(list(groups), sort=False, observed=True).ngroup().to_numpy()


def _check_pairing(estimand, k):
    """Raise on what pairs without replacement cannot give."""
    if estimand != "ATT":
        raise ValueError(
            "estimand='ATE' needs a match for everybody, and without replacement the smaller arm "
            "has too few; use estimand='ATT', or replace=True"
        )
    if k > 1:
        raise ValueError(
            f"neighbours is {k}, but without replacement units are paired; use neighbours=1, or "
            "replace=True"
        )


def _check_same_score(metric, weights):
    """Raise on weights where units of one score differ in how they were selected."""
    if metric == "propensity" and weights is not None:
        raise ValueError(
            "weights= cannot go with metric='propensity': of units with one score, sampling "
            "weights change who is treated and who is not in different ways, and a nearest match "
            "is not weighted; use metric='mahalanobis'"
        )


def _check_known_error(metric, exact, on_no_match):
    """Raise where the error that allows for the estimated score is not known."""
    if metric == "propensity" and (_names("exact", exact) or on_no_match == "drop"):
        raise ValueError(
            "no standard error is known for matching on an estimated score with replacement within "
            "exact groups or among those with a match; use metric='mahalanobis', or replace=False"
        )


def _match_result(pairs, outcome, estimate, std_error, level, df=np.inf, n=None):
    """Return a result that says whose effect it is."""
    n = len(pairs.own) - sum(pairs.dropped.values()) if n is None else n
    _check_noise(outcome, std_error, _scale(pairs.table, outcome))
    return _told(_result("match", estimate, std_error, n=n, level=level, df=df), pairs)


def _told(answer, pairs, dropped=None):
    """Write into attrs whose effect it is, and who is missing from it."""
    lost = sum(pairs.dropped.values())
    if lost:
        answer.attrs["dropped"] = pairs.dropped if dropped is None else dropped
    return _named(answer, pairs.estimand + " among those matched" * (lost > 0), pairs.table)


def _check_several(units):
    """Raise if a single effect is averaged."""
    if units < 2:
        raise ValueError(
            f"{units:.0f} unit with a match cannot show how much effects vary; find more rows of "
            "its arm, widen the caliper, or merge exact groups"
        )


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


def _by_covariates(design, group, weights=None):
    """Place units by their covariates, so that Euclidean distance is Mahalanobis distance."""
    axes = _axes(design, weights)
    blur = np.linalg.norm(axes.blur(design), axis=1)
    return _gather(design, axes.place(design), blur, group)


def _by_score(treated, design, group):
    """Place units by their propensity score, in its standard deviations."""
    score, slack = _score(treated, design)
    deviation = score.std(ddof=1)
    if deviation <= TIE + 4 * slack.max():
        raise ValueError(
            "the propensity score is the same in all rows, so it cannot tell whom to match; use "
            "metric='mahalanobis'"
        )
    return _gather(design, score[:, np.newaxis] / deviation, slack / deviation, group)


def _gather(design, points, blur, group):
    """Return the distinct places of units, told apart by their covariates and exact groups."""
    apart = np.column_stack([design.columns[:, np.argsort(design.labels)], group])
    _, first, site = np.unique(apart, axis=0, return_index=True, return_inverse=True)
    return _Cloud(points[first], blur[first], site.reshape(-1), group[first])


def _totals(values, at, size):
    """Sum each row of values over the units at each point."""
    return np.stack([np.bincount(at, row, size) for row in values])


def _near(cloud, seekers, donors, k, mass=None):
    """Return the matrix of means over the k donors nearest each seeker, ties included.

    Seekers and donors are numbers of units at each point, `mass` the weights of the donors if
    they have any. Also return how many donors each point's mean is taken over; and of the points
    with seekers the distance of the last donor, infinite where its group has fewer, and how far
    rounding may have moved it.
    """
    sites, links = len(cloud.points), []
    farthest, slack = np.full(sites, np.inf), np.zeros(sites)
    for group in np.unique(cloud.group[seekers > 0]):
        here = cloud.group == group
        rows, columns = np.flatnonzero(here & (seekers > 0)), np.flatnonzero(here & (donors > 0))
        if donors[columns].sum() >= k:
            link, farthest[rows], slack[rows] = _reach_nearest(
                cloud, rows, columns, donors[columns], k
            )
            links.append(link)
    row, column = np.concatenate(links, axis=1) if links else np.empty((2, 0), dtype=int)
    near = sparse.csr_array((np.ones(len(row)), (row, column)), (sites, sites))
    size, total = near @ donors, near @ (donors if mass is None else mass)
    return sparse.diags_array(1 / np.where(size, total, 1)) @ near, size, farthest, slack


def _reach_nearest(cloud, rows, columns, donors, k):
    """Return the links from points to the points of their k nearest donors, and how far they go."""
    tree, width = cKDTree(cloud.points[columns]), min(k + 1, len(columns))
    distance, place = tree.query(cloud.points[rows], np.arange(1, width + 1), workers=-1)
    last = np.arange(len(rows)), (np.cumsum(donors[place], axis=1) >= k).argmax(axis=1)
    farthest, seeker, donor = distance[last], cloud.blur[rows], cloud.blur[columns[place[last]]]
    slack = 4 * seeker + 2 * donor + TIE * (1 + farthest)
    radius = farthest + slack
    inside = distance <= radius[:, np.newaxis]
    many = inside.all(axis=1)
    found = tree.query_ball_point(cloud.points[rows[many]], radius[many], workers=-1)
    inside[many] = False
    row = np.r_[np.nonzero(inside)[0], np.repeat(np.flatnonzero(many), [len(f) for f in found])]
    column = np.concatenate([place[inside], *found]).astype(int)
    return np.stack([rows[row], columns[column]]), farthest, slack


def _match_nearest(cloud, seekers, donors, mass, k, caliper):
    """Return means over the nearest donors, how many seekers have them, and how far they are."""
    average, _, farthest, slack = _near(cloud, seekers, donors, k, mass)
    limit = np.finfo(float).max if caliper is None else caliper
    found = seekers * (farthest <= limit + slack)
    return sparse.diags_array((found > 0) * 1.0) @ average, found, (farthest, seekers)


def _assigned(cloud, seekers, donors, mass, caliper):
    """Return means over partners and how many seekers have one, each donor being used once.

    Of the assignments with the most pairs it is that with the least sum of squared distances.
    """
    sites, pairs = len(cloud.points), [np.empty((2, 0), dtype=int)]
    for group in np.unique(cloud.group[seekers > 0]):
        here = cloud.group == group
        rows, columns = (
            np.repeat(np.arange(sites), (count * here).astype(int)) for count in (seekers, donors)
        )
        _check_size(len(rows), len(columns))
        distance = cdist(cloud.points[rows], cloud.points[columns])
        limit = np.inf if caliper is None else caliper + TIE
        blur = 4 * (cloud.blur[rows, np.newaxis] + cloud.blur[columns])
        far, squares = distance > limit + blur, np.square(distance).round(12)
        cost = np.where(far, 1 + len(rows) * squares.max(where=~far, initial=0), squares)
        i, j = linear_sum_assignment(cost)
        pairs.append(np.stack([rows[i], columns[j]])[:, ~far[i, j]])
    row, column = np.concatenate(pairs, axis=1)
    flow = sparse.coo_array((np.ones(len(row)), (row, column)), (sites, sites)).tocsr()
    found = flow.sum(axis=1)
    shares = (sparse.diags_array(1 / np.where(v > 0, v, 1)) for v in (found, mass))
    return next(shares) @ flow @ next(shares), found


def _check_size(rows, columns):
    if rows * columns > MOST_PAIRS:
        raise ValueError(
            f"{rows} treated and {columns} others make {rows * columns:.0e} possible pairs, too "
            "many to weigh up; name exact= groups within which to pair, or use replace=True"
        )


def _paired(pairs, outcome, y, bias_correction, level):
    """Return the mean difference of pairs, with an error clustered by pair.

    Units alike share places, and the squares are averaged over the ways to pair them.
    """
    (points, _, site, _), own, w = pairs.cloud, pairs.own, pairs.weights
    treated, total, average = pairs.treated == 1, own.sum(), pairs.averages[1]
    m = (own / w).sum()
    _check_pairs(m)
    line = _line(pairs, 1, bias_correction)
    residual = line.rest(y)
    estimate = own @ residual / total
    u = residual - estimate
    v = residual * line.lever / np.where(pairs.use > 0, pairs.use, 1)
    by_square = _totals([own * w], site, len(points))[0]
    squares = own @ (w * u**2) + (w * (average.T @ by_square)[site] * ~treated) @ v**2
    mean_v = average @ _totals([w * v * ~treated], site, len(points))[0]
    squares -= 2 * (own * w * u) @ mean_v[site]
    std_error = np.sqrt(max(squares, 0) * m / (m - 1)) / total
    return _match_result(pairs, outcome, estimate, std_error, level, df=m - 1, n=2 * m)


class _Line(NamedTuple):
    """A line among the matches of an arm, and how the imputed outcomes hang on theirs."""

    left: np.ndarray  # of each row, a constant and where it lies from the matches' mean
    right: np.ndarray  # what turns outcomes into the line's coefficients
    lever: np.ndarray  # by how much an outcome moves the weighted sum of imputed ones

    def rest(self, y):
        """Return how far outcomes lie from the line."""
        return y - self.left @ (self.right @ y)


def _line(pairs, arm, bias_correction):
    """Return the line among an arm's matches, without a correction their mean."""
    points, lever = pairs.cloud.points[pairs.cloud.site], pairs.use * (pairs.treated != arm)
    rows = lever > 0
    right = np.zeros((1 + bias_correction * points.shape[1], len(lever)))
    right[0] = lever / lever.sum()
    left = np.column_stack([np.ones(len(lever)), points - right[0] @ points])
    if bias_correction:
        gaps = _left_gaps(pairs, arm)
        right[1:, rows] = _slopes(pairs, rows, gaps)
        lever += (pairs.own * (pairs.treated == arm)) @ gaps[pairs.cloud.site] @ right[1:]
    return _Line(left[:, : len(right)], right, lever)


def _by_cluster(pairs, outcome, y, cluster, level, replace):
    """Return the mean effect with an error by clusters of what each unit adds to it."""
    own, total, sign = pairs.own, pairs.own.sum(), 2 * pairs.treated - 1
    lines = {1 - arm: _line(pairs, arm, True) for arm in pairs.averages}
    rest = {arm: line.rest(y) for arm, line in lines.items()}
    if 1 not in lines:  # the treated's own line is that of the others, as far above as on average
        lines[1] = _Line(np.ones((len(y), 1)), own[np.newaxis] / total, np.zeros(len(y)))
        rest[1] = lines[1].rest(rest[0])
    estimate = own @ (sign * np.where(pairs.treated, rest[0], rest[1])) / total
    scores = own * (rest[0] - rest[1] - estimate)
    for arm, line in lines.items():
        rows = np.flatnonzero(pairs.treated == arm)
        noise = _without_cluster(line, rest[arm], cluster, rows)
        scores[rows] += ((own + line.lever) * sign)[rows] * noise
    covariance, df = _clustered(scores[:, np.newaxis] / total, cluster)
    n = None if replace else 2 * (own / pairs.weights).sum()
    return _match_result(pairs, outcome, estimate, np.sqrt(covariance.item()), level, df=df, n=n)


def _without_cluster(line, rest, cluster, rows):
    """Return how far some rows lie from the line that leaves out their cluster."""
    codes, names = pd.factorize(cluster.iloc[rows])
    left, right, rest = line.left[rows], line.right[:, rows], rest[rows].copy()
    for code, name in enumerate(names):
        here = codes == code
        told = np.eye(len(right)) - right[:, here] @ left[here]
        if np.linalg.svd(told, compute_uv=False)[-1] < 1e-9:
            raise ValueError(
                f"column {cluster.name!r}: without {name!r}, one of {len(names)} clusters with "
                "rows of an arm, nothing tells a line among them, so the error would count "
                "its shocks as none; take covariates that are the same in all of a cluster out of "
                "adjust_for, or cluster by a finer column and say that you assume no shock common "
                "to a cluster"
            )
        rest[here] += left[here] @ np.linalg.solve(told, right[:, here] @ rest[here])
    return rest


def _left_gaps(pairs, arm):
    """Return how far each point of an arm lies from the mean of its matches."""
    points, average = pairs.cloud.points, pairs.averages[arm]
    gaps = points - average @ (pairs.mass[1 - arm][:, np.newaxis] * points)
    return gaps * (average.sum(axis=1) > 0)[:, np.newaxis]


def _check_clustered(metric, bias_correction, replace):
    """Raise where no error by clusters is known."""
    if metric == "propensity" and replace:
        raise ValueError(
            "no standard error by clusters is known for matching on an estimated score with "
            "replacement; use metric='mahalanobis', or replace=False"
        )
    if not bias_correction:
        raise ValueError(
            "cluster= needs the line of the bias correction, from which outcomes differ by what "
            "clusters share; use bias_correction=True"
        )


def _check_pairs(m):
    if m < 2:
        raise ValueError(
            f"{m:.0f} pair(s) cannot show how much their differences vary; widen the caliper, or "
            "merge exact groups"
        )


def _imputed(pairs, y, bias_correction):
    """Return the mean outcome of each unit's matches, corrected for what sets them apart."""
    imputed, (points, _, site, _) = np.zeros(len(y)), pairs.cloud
    for arm, average in pairs.averages.items():
        units = pairs.treated == arm
        means = average @ _totals([pairs.weights * y * ~units], site, len(points))[0]
        if bias_correction:
            rows, gaps = ~units & (pairs.use > 0), _left_gaps(pairs, arm)
            means += gaps @ (_slopes(pairs, rows, gaps) @ y[rows])
        imputed[units] = means[site[units]]
    return imputed


def _slopes(pairs, rows, gaps):
    """Return what turns outcomes into slopes on the matching variables, among the matches.

    Only the directions in which these units vary by more than rounding have a slope; no gap
    may need another.
    """
    (points, blur, site, _), weights = pairs.cloud, np.sqrt(pairs.use[rows])
    x, noise = points[site[rows]], 4 * np.linalg.norm(blur[site[rows]] * weights)
    x = (x - np.average(x, axis=0, weights=weights**2)) * weights[:, np.newaxis]
    left, sizes, directions = np.linalg.svd(x, full_matrices=False)
    kept = sizes > np.maximum(1e-9 * sizes.max(), noise)
    left, sizes, directions = left[:, kept], sizes[kept], directions[kept]
    if (np.abs(gaps - gaps @ directions.T @ directions) > 1e-6 + 8 * blur[:, np.newaxis]).any():
        raise ValueError(_without_slope(pairs, rows))
    return directions.T / sizes @ (left.T * weights)


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
    variance, (points, _, site, _) = np.zeros(len(y)), pairs.cloud
    for arm in (1 - arm for arm in pairs.averages):
        units, counts = pairs.treated == arm, pairs.counts[arm]
        used = _totals([units * pairs.use], site, len(points))[0]
        average, size, *_ = _near(pairs.cloud, used, counts, k)
        _check_like(arm, k - 1, size[used > 0])
        at_point = _totals([y * units], site, len(points))[0] / np.maximum(counts, 1)
        within = _totals([units * (y - at_point[site]) ** 2], site, len(points))[0]
        row, column = average.nonzero()
        between = counts[column] * (at_point[column] - (average @ (counts * at_point))[row]) ** 2
        local = np.bincount(
            row, (within[column] + between) / np.maximum(size - 1, 1)[row], len(points)
        )
        variance[units] = local[site[units]]
    return variance


def _estimated_score(pairs, y, estimate, k):
    """Return what estimating the score adds to the sum of squares (Abadie and Imbens 2016)."""
    score, _ = _score(pairs.treated, pairs.design)
    x = _with_constant(_axes(pairs.design).place(pairs.design))
    inverse, density = np.linalg.inv(_information(x, score)), score * (1 - score)
    (mean0, cov0), (mean1, cov1) = _local(pairs.treated, pairs.cloud, x, y, k)
    if 0 in pairs.averages:
        c = cov1.T @ (1 - score) + cov0.T @ score
        return -c @ inverse @ c
    c = cov1.T @ density + cov0.T @ score**2 + x.T @ (density * (mean1 - mean0 - estimate))
    places = _by_covariates(pairs.design, np.zeros(len(y), dtype=int))
    (mean0, _), (mean1, _) = _local(pairs.treated, places, x, y, k)
    shift = x.T @ (density * (mean1 - mean0 - estimate))
    return shift @ inverse @ shift - c @ inverse @ c


def _local(treated, cloud, x, y, k):
    """Return, by arm, mean outcome and covariance with x among the k units nearest each unit."""
    (points, _, site, _), moments = cloud, []
    columns, everyone = np.column_stack([y, x, x * y[:, np.newaxis]]), np.bincount(site)
    for units in (treated == 0, treated == 1):
        average, size, *_ = _near(cloud, everyone, np.bincount(site, units, len(points)), k)
        means = average @ _totals((columns * units[:, np.newaxis]).T, site, len(points)).T
        mean_y, mean_x, mean_xy = means[:, 0], *np.split(means[:, 1:], 2, axis=1)
        covariance = (mean_xy - mean_x * mean_y[:, np.newaxis]) * (size / (size - 1))[:, np.newaxis]
        moments.append((mean_y[site], covariance[site]))
    return moments


def _check_like(arm, k, sizes):
    """Raise if a match has too few units of its own arm in its exact group."""
    if (sizes == 0).any():
        raise ValueError(
            f"exact leaves {(sizes == 0).sum()} place(s) at which a match has fewer than {k} other "
            f"row(s) of its arm ({arm}) in its group, so its outcome's variance is unknown; merge "
            "groups, or use replace=False"
        )


def _check_found(pairs, groups, k, caliper, reaches, on_no_match):
    """Raise if nobody has a match, or somebody lacks one who is not to be dropped."""
    lost, sought = sum(pairs.dropped.values()), np.isin(pairs.treated, list(pairs.averages))
    if lost == 0 or (on_no_match == "drop" and pairs.own.any()):
        return
    whom = f"{lost} of {sought.sum()} units"
    drop = ", or on_no_match='drop' leaves them out, and the effect is that among those matched"
    drop = drop if on_no_match == "refuse" else ""
    if not reaches:
        reach = f" within the caliper of {caliper:g}" if caliper is not None else ""
        more = ["a wider caliper"] * (caliper is not None) + ["larger exact groups"] * any(groups)
        more = f", {' or '.join(more)} may find more" if more else ""
        raise ValueError(
            f"{whom} lack a partner of their own{reach}; replace=True lets several share "
            f"one{more}{drop}"
        )
    farthest = np.concatenate([far[seekers > 0] for far, seekers in reaches])
    if np.isinf(farthest).any():
        alone = np.flatnonzero(sought & (pairs.own == 0))
        row = next(
            i
            for i in alone
            if np.isinf(reaches[0 if pairs.treated[i] else -1][0][pairs.cloud.site[i]])
        )
        where = ", ".join(f"{name} = {groups[name].iloc[row]}" for name in groups)
        raise ValueError(
            f"{whom} lack a match: where {where}, the other arm has fewer than {k} row(s); merge "
            f"values of the exact columns{drop}"
        )
    raise ValueError(
        f"{whom} lack a match within the caliper of {caliper:g}; "
        f"caliper={1.001 * farthest.max():.4g} reaches all of them, if you can defend matches so "
        f"far away{drop}"
    )
