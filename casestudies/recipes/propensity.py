r"""Propensity scores: who gets treated, and matching, weighting and doubly robust estimates.

All estimators here assume that the covariates in `adjust_for` block every backdoor path
(:math:`Y(1), Y(0) \perp A \mid X`), that every unit could have gone either way
(:math:`0 < e(X) = P(A = 1 \mid X) < 1`) and that one unit's treatment leaves the others alone.
None of them protects against a confounder that was not recorded. The estimands are
the ATE, :math:`E[Y(1) - Y(0)]`, and the ATT, :math:`E[Y(1) - Y(0) \mid A = 1]`; each result
names its own in ``attrs["estimand"]``.
"""

import difflib
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse, special
from scipy.spatial import cKDTree
from scipy.special import expit

TIE = 1e-9  # distances, in standard deviations, that differ by less are a tie


def scores(data, *, treatment, adjust_for):
    r"""Estimate each row's propensity score by a logit of the treatment on the covariates.

    :math:`\operatorname{logit} e(x) = \beta_0 + x^\top \beta`, by maximum likelihood. Squares
    and interactions are columns that you add.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    treatment : str
        Column of zeros and ones.
    adjust_for : str or list of str
        Covariates; a category enters as dummies.

    Returns
    -------
    pandas.Series
        Scores between 0 and 1, named "score", with the index of `data`.

    Raises
    ------
    ValueError
        If a column is unfit, or if the covariates separate the arms, so that scores of 0 or 1
        would be fitted.

    References
    ----------
    Rosenbaum and Rubin (1983), Biometrika 70(1), 41-55.

    Examples
    --------
    >>> data = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 0, 0, 0, 1, 1, 1, 0]})
    >>> scores(data, treatment="drug", adjust_for="old").round(3).unique()
    array([0.25, 0.75])
    """
    treated, design = _read(data, treatment, adjust_for)
    score = _score(treated, design)
    return pd.Series(score, index=data.index, name="score")


def overlap(data, *, treatment, adjust_for):
    r"""Describe how far the propensity scores of the two arms overlap.

    Parameters
    ----------
    data, treatment, adjust_for
        As in `scores`.

    Returns
    -------
    pandas.DataFrame
        A row for each arm, 0 and 1. Columns: n; min, p05, p25, p50, p75, p95 and max of the
        score; outside_support, the share of the arm beyond the range of the other arm;
        below_0.05 and above_0.95, shares; ess_ate and ess_att, Kish's effective sample size
        :math:`(\sum w)^2 / \sum w^2` under the weights for each estimand.

    Raises
    ------
    ValueError
        As in `scores`.

    References
    ----------
    Kish (1965), Survey Sampling, Wiley.

    Examples
    --------
    >>> data = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 0, 0, 0, 1, 1, 1, 0]})
    >>> overlap(data, treatment="drug", adjust_for="old")[["n", "min", "max", "ess_ate"]].round(2)
            n   min   max  ess_ate
    drug
    0     4.0  0.25  0.75      3.0
    1     4.0  0.25  0.75      3.0
    """
    treated, design = _read(data, treatment, adjust_for)
    score = _score(treated, design)
    arms = [
        {
            "n": (treated == arm).sum(),
            **_quantiles(score[treated == arm]),
            **_tails(score[treated == arm], score[treated != arm]),
            "ess_ate": _effective(_inverse(treated, score, "ATE")[0][treated == arm]),
            "ess_att": _effective(_inverse(treated, score, "ATT")[0][treated == arm]),
        }
        for arm in (0, 1)
    ]
    return pd.DataFrame(arms, index=pd.Index([0, 1], name=treatment), dtype=float)


def balance(data, *, treatment, adjust_for, weights=None):
    r"""Compare the covariates of the arms, before and after weighting.

    The standardized difference is
    :math:`(\bar x_1 - \bar x_0) / \sqrt{(s_1^2 + s_0^2) / 2}`, with the unweighted variances
    before and after, so that the two columns share one scale; the variance ratio is
    :math:`s_1^2 / s_0^2`. There are no p-values: balance is a property of this sample, and a
    test mixes it with the sample's size.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    treatment : str
        Column of zeros and ones.
    adjust_for : str or list of str
        Covariates; a category enters as dummies without its first level.
    weights : str, optional
        Column of nonnegative weights, for example from `inverse_weights` or `match_weights`.

    Returns
    -------
    pandas.DataFrame
        A row for each covariate; columns difference_before and ratio_before and, given
        weights, difference_after and ratio_after.

    Raises
    ------
    ValueError
        If a column is unfit or constant, or weights are negative or zero throughout an arm.

    References
    ----------
    Austin (2009), Statistics in Medicine 28(25), 3083-3107.

    Examples
    --------
    >>> data = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 0, 0, 0, 1, 1, 1, 0]})
    >>> data["w"] = inverse_weights(data, treatment="drug", adjust_for="old")
    >>> balance(data, treatment="drug", adjust_for="old", weights="w").round(3).iloc[0]
    difference_before    1.0
    ratio_before         1.0
    difference_after     0.0
    ratio_after          1.0
    Name: old, dtype: float64
    """
    treated, design = _read(data, treatment, adjust_for, () if weights is None else [weights], ())
    before = _moments(design, treated, np.ones(len(data)))
    table = _contrast(before, before).add_suffix("_before")
    if weights is None:
        return table
    after = _moments(design, treated, _weights(data, weights, treated))
    return table.join(_contrast(after, before).add_suffix("_after"))


def trim(data, *, treatment, adjust_for, low=0.1, high=0.9):
    """Keep the rows whose propensity score lies in [low, high].

    Trimming changes the estimand: the effect among the rows kept is not the effect in the
    population that was sampled. The result says so in its ``attrs``, and the estimators of
    this file carry it into theirs.

    Parameters
    ----------
    data, treatment, adjust_for
        As in `scores`.
    low, high : float
        Smallest and largest score kept, between 0 and 1. The defaults are the rule of thumb
        of Crump et al.

    Returns
    -------
    pandas.DataFrame
        The rows kept. ``attrs["population"]`` says in words whom they stand for,
        ``attrs["dropped"]`` counts the rows dropped from each arm.

    Raises
    ------
    ValueError
        If an arm is left empty, or `low` is not below `high`.

    References
    ----------
    Crump, Hotz, Imbens and Mitnik (2009), Biometrika 96(1), 187-199.

    Examples
    --------
    >>> data = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 0, 0, 0, 1, 1, 1, 0]})
    >>> kept = trim(data, treatment="drug", adjust_for="old", low=0.2, high=0.5)
    >>> kept.attrs["population"], kept.attrs["dropped"]
    ('rows with scores in [0.2, 0.5]', {'treated': 3, 'control': 1})
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"need 0 <= low < high <= 1, got low={low} and high={high}")
    score = scores(data, treatment=treatment, adjust_for=adjust_for).to_numpy()
    treated, keep = _zero_one(data, treatment), (score >= low) & (score <= high)
    for arm, name in enumerate(("control", "treated")):
        if not keep[treated == arm].any():
            raise ValueError(f"no {name} row has a score in [{low:g}, {high:g}]; widen the range")
    kept = data.loc[keep].copy()
    kept.attrs["population"] = _among(f"rows with scores in [{low:g}, {high:g}]", data)
    dropped = {"treated": int(treated[~keep].sum()), "control": int((1 - treated)[~keep].sum())}
    kept.attrs["dropped"] = dropped
    return kept


def inverse_weights(data, *, treatment, adjust_for, estimand="ATE"):
    r"""Return the weights that `weight` uses.

    ATE: :math:`A / e(X) + (1 - A) / (1 - e(X))`. ATT: :math:`A + (1 - A) e(X) / (1 - e(X))`.

    Parameters
    ----------
    data, treatment, adjust_for
        As in `scores`.
    estimand : {"ATE", "ATT"}
        Whose covariates the weighted arms shall resemble: everybody's or the treated's.

    Returns
    -------
    pandas.Series
        Weights, named "weight", with the index of `data`.

    Raises
    ------
    ValueError
        As in `scores`.

    Examples
    --------
    >>> data = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 0, 0, 0, 1, 1, 1, 0]})
    >>> inverse_weights(data, treatment="drug", adjust_for="old").round(3).unique()
    array([4.   , 1.333])
    """
    _check_choice("estimand", estimand, ("ATE", "ATT"))
    treated, design = _read(data, treatment, adjust_for)
    score = _score(treated, design)
    weights, _ = _inverse(treated, score, estimand)
    return pd.Series(weights, index=data.index, name="weight")


def weight(data, *, outcome, treatment, adjust_for, estimand="ATE", variance=None, level=0.95):
    r"""Estimate an average effect by inverse probability weighting with Hajek's ratio.

    :math:`\hat\tau = \sum_{A_i = 1} w_i Y_i / \sum_{A_i = 1} w_i -
    \sum_{A_i = 0} w_i Y_i / \sum_{A_i = 0} w_i`, with the weights of `inverse_weights`.

    The sandwich takes the weights as known, as robust regression output does; with a logit
    that holds its interval for the ATE covers more often than it says, for the ATT at times less
    often. Stacked estimating equations (the logit's scores and the two weighted means) add what
    estimating the score does to the variance, and cover as they say. The naive standard error
    of weighted least squares is wrong.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric outcome.
    treatment : str
        Column of zeros and ones.
    adjust_for : str or list of str
        Covariates of the score, as in `scores`; the logit must hold.
    estimand : {"ATE", "ATT"}
        Whose average effect.
    variance : {"sandwich", "stacked"}, optional
        Default: the sandwich for the ATE, stacked for the ATT, so that neither is too small.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n. ``attrs["effective_n"]`` holds Kish's
        effective sample size of each arm.

    Raises
    ------
    ValueError
        If a column is unfit or the arms do not overlap.

    References
    ----------
    Lunceford and Davidian (2004), Statistics in Medicine 23(19), 2937-2960.
    Hernan and Robins (2020), Causal Inference: What If, Chapman & Hall/CRC, chapter 12.

    Examples
    --------
    >>> data = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 0, 0, 0, 1, 1, 1, 0]})
    >>> data["days"] = [3, 5, 6, 4, 7, 9, 8, 10]
    >>> weight(data, outcome="days", treatment="drug", adjust_for="old").round(3)
    estimate    -2.000
    std_error    2.068
    ci_low      -6.054
    ci_high      2.054
    n            8.000
    Name: weight, dtype: float64
    """
    _check_choice("estimand", estimand, ("ATE", "ATT"))
    variance = variance or {"ATE": "sandwich", "ATT": "stacked"}[estimand]
    _check_choice("variance", variance, ("sandwich", "stacked"))
    treated, design = _read(data, treatment, adjust_for, [outcome])
    y, (score, carry) = _numbers(data, outcome), _regress(design, treated)
    weights, derivative = _inverse(treated, score, estimand)
    means, totals = np.empty(len(y)), np.empty(len(y))
    for arm in (treated == 0, treated == 1):
        totals[arm] = weights[arm].sum()
        means[arm] = weights[arm] @ y[arm] / totals[arm]
    residual = (2 * treated - 1) * (y - means) / totals
    influence = weights * residual
    if variance == "stacked":
        influence += carry(derivative * residual)
    estimate = means[treated == 1][0] - means[treated == 0][0]
    result = _result("weight", estimate, np.sqrt(influence @ influence), n=len(y), level=level)
    result.attrs["effective_n"] = {
        "treated": _effective(weights[treated == 1]),
        "control": _effective(weights[treated == 0]),
    }
    return _named(result, estimand, data)


def doubly_robust(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    estimand="ATE",
    model="linear",
    folds=5,
    rng=None,
    level=0.95,
):
    r"""Estimate an average effect by augmented inverse probability weighting, cross-fitted.

    With outcome models :math:`m_a(x) = E[Y \mid A = a, x]` and the score :math:`e(x)`, both
    fitted on the other folds, the ATE is the mean of

    .. math:: m_1 - m_0 + \frac{A (Y - m_1)}{e} - \frac{(1 - A)(Y - m_0)}{1 - e},

    and the ATT that of :math:`(A - (1 - A) e / (1 - e)) (Y - m_0) / P(A = 1)`. It is consistent
    if the outcome models or the score are right. The standard error comes from the influence
    function, the estimation of score and outcome models included, and is valid in the same cases.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric outcome; 0 or 1 for ``model="logit"``.
    treatment : str
        Column of zeros and ones.
    adjust_for : str or list of str
        Covariates of the score and of the outcome models.
    estimand : {"ATE", "ATT"}
        Whose average effect.
    model : {"linear", "logit"}
        Outcome model of each arm.
    folds : int
        Number of folds; 1 fits on all rows, without a split.
    rng : int, numpy.random.Generator or numpy.random.RandomState, optional
        Deals the rows into folds. Default: they are dealt in the order of a hash of their
        values, which depends neither on a seed nor on the order of the rows.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n.

    Raises
    ------
    ValueError
        If a column is unfit, the arms do not overlap, or the rows outside a fold cannot carry
        the models.

    References
    ----------
    Robins, Rotnitzky and Zhao (1994), Journal of the American Statistical Association
    89(427), 846-866.
    Chernozhukov et al. (2018), Econometrics Journal 21(1), C1-C68.

    Examples
    --------
    >>> data = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 0, 0, 0, 1, 1, 1, 0]})
    >>> data["days"] = [3, 5, 6, 4, 7, 9, 8, 10]
    >>> doubly_robust(data, outcome="days", treatment="drug", adjust_for="old", folds=1).round(3)
    estimate    -2.000
    std_error    0.333
    ci_low      -2.653
    ci_high     -1.347
    n            8.000
    Name: doubly_robust, dtype: float64
    """
    _check_choice("estimand", estimand, ("ATE", "ATT"))
    _check_choice("model", model, ("linear", "logit"))
    treated, design = _read(data, treatment, adjust_for, [outcome])
    y = _numbers(data, outcome) if model == "linear" else _zero_one(data, outcome)
    fold = _deal(design.assign(**{treatment: treated, outcome: y}), treated, folds, rng)
    terms, carried = np.zeros((2, len(y)))
    share = np.ones(len(y)) if estimand == "ATE" else treated
    for number in range(folds):
        test = fold == number
        train = ~test if folds > 1 else test
        rows = (train, train & (treated == 0), train & (treated == 1))
        fits = _nuisances(design, treated, y, rows, test, model, f"{number + 1} of {folds}")
        terms[test], gradients = _augmented(treated[test], y[test], *fits.predicted, estimand)
        for fitted, carry, gradient in zip(rows, fits.carries, gradients, strict=True):
            carried[fitted] += carry(gradient)
    estimate = terms.sum() / share.sum()
    influence = (terms - share * estimate + carried) / share.sum()
    std_error = np.sqrt(influence @ influence)
    result = _result("doubly_robust", estimate, std_error, n=len(y), level=level)
    return _named(result, estimand, data)


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
    treated, design = _read(data, treatment, adjust_for, others, alone)
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


def _read(data, treatment, adjust_for, others=(), alone=(0, 1)):
    """Return treatment and covariates; no value of a category may belong to an arm in alone."""
    names = _names(adjust_for)
    if not names:
        raise ValueError("adjust_for names no column; name the covariates to adjust for")
    _check_columns(data, [treatment, *names, *others])
    treated = _zero_one(data, treatment)
    for name in names:
        if not pd.api.types.is_numeric_dtype(data[name]) or data[name].nunique() <= 2:
            _check_values_of_both_arms(data[name], treated, alone)
    return treated, _design(data, names)


def _check_values_of_both_arms(column, treated, alone):
    """Raise if a category is constant or one of its values is found in one arm only."""
    arms = pd.Series(treated).groupby(column.to_numpy(), sort=False).agg(["mean", "size"])
    if len(arms) == 1:
        raise ValueError(f"column {column.name!r} has one value in all rows; drop it")
    for value, share, size in arms.itertuples():
        if share in alone:
            raise ValueError(
                f"no overlap: column {column.name!r} is {value} in {size} row(s), all of them "
                f"{'treated' if share else 'untreated'}; merge the value with another, or drop "
                "these rows and say that the estimate leaves them out"
            )


def _with_intercept(design):
    """Return the design with a leading column of ones."""
    return pd.concat([pd.Series(1.0, design.index, name="intercept"), design], axis=1)


def _score(treated, design):
    """Return the logit scores of the design's rows."""
    return _regress(design, treated)[0]


def _regress(design, y, new=None, model="logit", classes="arms"):
    """Regress y on the design and predict it for new rows (default: the same).

    Also return a function that carries a gradient by the predictions back to the rows of the
    fit: what their share in the estimated coefficients adds to an influence function.
    """
    _check_rank(_with_intercept(design))
    x, x_new = (_standard(rows, design) for rows in (design, design if new is None else new))
    if model == "linear":
        coefficients = np.linalg.lstsq(x, y)[0]
        fitted, predicted = x @ coefficients, x_new @ coefficients
        inverse, slope = np.linalg.inv(x.T @ x), 1
    else:
        coefficients = _logit(x, y)
        if coefficients is None:
            raise ValueError(_separation(design, y, classes))
        fitted, predicted = expit(x @ coefficients), expit(x_new @ coefficients)
        inverse, slope = _inverse_information(x, fitted), predicted * (1 - predicted)

    def carry(gradient):
        return x @ (inverse @ (x_new.T @ (gradient * slope))) * (y - fitted)

    return predicted, carry


def _standard(design, like):
    """Return an intercept and the columns, standardized by the moments of another frame."""
    return _with_intercept((design - like.mean()) / like.std()).to_numpy()


def _logit(x, y):
    """Fit a logit by Newton's method; return None if no finite maximum is found."""

    def loss(coefficients):
        return np.logaddexp(0, x @ coefficients).sum() - y @ x @ coefficients

    coefficients = np.zeros(x.shape[1])
    for _ in range(30):
        fitted = expit(x @ coefficients)
        try:
            step = _inverse_information(x, fitted) @ (x.T @ (y - fitted))
        except np.linalg.LinAlgError:
            return None
        while loss(coefficients + step) > loss(coefficients) * (1 + 1e-12):
            step /= 2
        coefficients += step
        if np.abs(x @ step).max() < 1e-8:
            return coefficients
    return None


def _inverse_information(x, score):
    """Return the inverse of the logit's information, the covariance of its coefficients."""
    return np.linalg.inv((x.T * (score * (1 - score))) @ x)


def _separation(design, y, classes):
    """Say which covariate, if it is one, tells the arms or the outcomes apart."""
    guilty = f"a combination of {', '.join(map(repr, design))}"
    for name in design:
        low, high = sorted((design[name][y == value] for value in (0, 1)), key=np.mean)
        if low.max() <= high.min():
            guilty = f"column {name!r}, at {low.max():g},"
            break
    return (
        f"no overlap: {guilty} separates the {classes}, so probabilities of 0 and 1 would be "
        "fitted; use fewer or coarser covariates, or restrict data to where both are found"
    )


def _inverse(treated, score, estimand):
    """Return inverse probability weights and their derivatives by the score."""
    own = np.where(treated, 1 if estimand == "ATT" else score, 1 - score)
    if (own == 0).any():
        raise ValueError(
            f"no overlap: {(own == 0).sum()} row(s) have the treatment that their covariates give "
            "a fitted probability of 0; use fewer or coarser covariates, or restrict data to "
            "where both are found"
        )
    if estimand == "ATT":
        return np.where(treated, 1, score / own), np.where(treated, 0, 1 / own**2)
    return 1 / own, np.where(treated, -1, 1) / own**2


def _augmented(treated, y, score, mean0, mean1, estimand):
    """Return the terms of the AIPW sum and their gradients by score and outcome predictions."""
    weights, derivative = _inverse(treated, score, estimand)
    sign = 2 * treated - 1
    if estimand == "ATT":
        signed = sign * weights
        return signed * (y - mean0), (sign * derivative * (y - mean0), -signed, 0 * y)
    residual = y - np.where(treated, mean1, mean0)
    terms = mean1 - mean0 + sign * weights * residual
    by_means = (1 - treated) * weights - 1, 1 - treated * weights
    return terms, (sign * derivative * residual, *by_means)


class _Nuisances(NamedTuple):
    """Score and outcome predictions for one fold, and what carries gradients back."""

    predicted: tuple
    carries: tuple


def _nuisances(design, treated, y, rows, test, model, fold):
    """Fit the score and the outcome model of each arm in rows; predict in the test rows."""
    targets = (treated, "logit", "arms"), *2 * ((y, model, "outcomes 0 and 1 of an arm"),)
    try:
        fits = [
            _regress(design[fitted], target[fitted], design[test], kind, classes)
            for fitted, (target, kind, classes) in zip(rows, targets, strict=True)
        ]
    except ValueError as error:
        raise ValueError(f"in the rows that fit fold {fold}: {error}") from None
    return _Nuisances(*zip(*fits, strict=True))


def _deal(frame, treated, folds, rng):
    """Deal rows into folds arm by arm, in random order or in the order of their hash."""
    smaller = int(min(treated.sum(), (1 - treated).sum()))
    if _count("folds", folds) > smaller:
        raise ValueError(f"folds is {folds}, but the smaller arm has {smaller} rows; ask for fewer")
    order = np.argsort(pd.util.hash_pandas_object(frame, index=False).to_numpy(), kind="stable")
    if rng is not None:
        order = np.random.default_rng(rng).permutation(len(frame))
    order = order[np.argsort(treated[order], kind="stable")]
    fold = np.empty(len(frame), dtype=int)
    fold[order] = np.arange(len(frame)) % folds
    return fold


def _quantiles(score):
    """Return range and quantiles of one arm's scores."""
    names = {"min": 0, "p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1}
    return dict(zip(names, np.quantile(score, list(names.values())), strict=True))


def _tails(score, other):
    """Return the shares of one arm's scores that are hard or impossible to compare."""
    outside = (score < other.min()) | (score > other.max())
    tails = {"outside_support": outside, "below_0.05": score < 0.05, "above_0.95": score > 0.95}
    return {name: rows.mean() for name, rows in tails.items()}


def _effective(weights):
    """Return Kish's effective sample size."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def _weights(data, name, treated):
    """Return a column of weights, nonnegative and positive somewhere in each arm."""
    weights = _numbers(data, name)
    if weights.min() < 0:
        raise ValueError(f"column {name!r} has a negative weight, {weights.min():g}; check it")
    for arm in (0, 1):
        if not weights[treated == arm].any():
            raise ValueError(f"column {name!r} is 0 in all rows of arm {arm}; weight some of them")
    return weights


def _moments(design, treated, weights):
    """Return weighted means and variances of the covariates in the untreated and the treated."""
    moments = []
    for arm in (0, 1):
        x, w = design[treated == arm], weights[treated == arm]
        mean = w @ x / w.sum()
        squares = w @ (x - mean) ** 2
        moments.append((mean, squares / (w.sum() - w @ w / w.sum())))
    return moments


def _contrast(moments, unweighted):
    """Return standardized differences, on the unweighted scale, and variance ratios."""
    (mean0, variance0), (mean1, variance1) = moments
    scale = np.sqrt((unweighted[0][1] + unweighted[1][1]) / 2)
    return pd.DataFrame({"difference": (mean1 - mean0) / scale, "ratio": variance1 / variance0})


def _named(result, estimand, data):
    """Write the estimand, and the trimmed population where there is one, into attrs."""
    result.attrs["estimand"] = _among(estimand, data)
    return result


def _among(what, data):
    """Add the population that data was trimmed to, if it was."""
    return f"{what} among {data.attrs['population']}" if "population" in data.attrs else what


def _check_choice(name, value, choices):
    """Raise unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def _count(name, value):
    """Return a whole number of at least 1, or raise."""
    if value < 1 or value != int(value):
        raise ValueError(f"{name} must be a whole number of at least 1, got {value}")
    return int(value)


def _check_caliper(farthest, caliper, units):
    """Raise if a unit's matches are farther away than the caliper."""
    if caliper is not None and farthest.max() > caliper + TIE:
        raise ValueError(
            f"{units[farthest > caliper + TIE].sum():.0f} of {units.sum():.0f} units lack a match "
            f"within the caliper of {caliper:g} (the farthest needs {farthest.max():.3g}); widen "
            "the caliper, or drop them with trim and report the new estimand"
        )


# Input checks and the result. These lines close every recipe, letter for letter,
# so that each file can be copied alone.


def _names(columns):
    """Return one column name or several as a list."""
    return [columns] if isinstance(columns, str) else list(columns)


def _check_columns(data, columns):
    """Raise unless `data` has these columns, each in one role, complete and finite."""
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"data must be a pandas DataFrame, got {type(data).__name__}")
    for name in data.columns:
        if not isinstance(name, str):
            raise ValueError(f"column name {name!r} is not a string; use data.rename(columns=str)")
    for name in data.columns[data.columns.duplicated()]:
        raise ValueError(f"data has more than one column {name!r}; rename or drop all but one")
    for name in columns:
        if name not in data.columns:
            close = difflib.get_close_matches(str(name), data.columns, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"data has {list(data.columns)}"
            raise ValueError(f"no column {name!r} in data; {hint}")
        if columns.count(name) > 1:
            raise ValueError(f"column {name!r} is given more than one role; name it once")
    if data.empty:
        raise ValueError(f"column {columns[0]!r} has no rows; check the filter that made data")
    for name in columns:
        _check_values(data[name])


def _check_values(column):
    """Raise on the first missing or infinite value of a column."""
    bad, kind = column.isna().to_numpy(), "missing"
    if not bad.any() and pd.api.types.is_numeric_dtype(column):
        bad, kind = np.isinf(column.to_numpy(dtype=float)), "infinite"
    if bad.any():
        raise ValueError(
            f"column {column.name!r} has {bad.sum()} {kind} value(s), the first in row "
            f"{column.index[bad.argmax()]!r}; drop or impute such rows before the call, "
            "because that choice decides whom the estimate describes"
        )


def _numbers(data, name):
    """Return a numeric column as floats, or raise."""
    if not pd.api.types.is_numeric_dtype(data[name]):
        raise ValueError(
            f"column {name!r} holds {data[name].dtype} values such as {data[name].iloc[0]!r}, "
            "not numbers; convert it, for example with pd.to_numeric"
        )
    return data[name].to_numpy(dtype=float)


def _zero_one(data, name):
    """Return a column of zeros and ones, both present, as floats, or raise."""
    values = _numbers(data, name)
    for other in values[(values != 0) & (values != 1)]:
        raise ValueError(
            f"column {name!r} must be 0 or 1, found {other:g}; recode it to 1 for the "
            "treated and 0 for the others"
        )
    if values.min() == values.max():
        raise ValueError(
            f"column {name!r} is {values[0]:g} in all {len(values)} rows, so the other group "
            "is empty; a comparison needs rows of both"
        )
    return values


def _design(data, columns):
    """Return covariates as a float frame, a category as dummies without its first level."""
    parts = [pd.DataFrame(index=data.index)]
    for name in columns:
        if pd.api.types.is_numeric_dtype(data[name]):
            parts.append(data[name].astype(float))
        else:
            levels = data[name].astype("category").cat.remove_unused_categories()
            if len(levels.cat.categories) < 2:
                raise ValueError(f"column {name!r} is {levels.iloc[0]!r} in all rows; drop it")
            parts.append(pd.get_dummies(levels, prefix=name, drop_first=True, dtype=float))
    return pd.concat(parts, axis=1)


def _check_rank(design):
    """Raise if rows are too few or a column is a combination of the columns before it."""
    rows, width = design.shape
    if rows < width:
        raise ValueError(
            f"{rows} rows cannot carry {width} coefficients ({', '.join(design.columns)}); "
            "use fewer covariates or more rows"
        )
    values = design.to_numpy()
    norms = np.linalg.norm(values, axis=0)
    new = np.abs(np.diag(np.linalg.qr(values / np.where(norms > 0, norms, 1), mode="r")))
    for name in design.columns[new < 1e-9]:
        raise ValueError(
            f"column {name!r} is constant or a linear combination of the columns before it; drop it"
        )


def _result(method, estimate, std_error, *, n, level, df=np.inf):
    """Return estimate, standard error, interval and n as a Series named after the method."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    margin = special.stdtrit(df, (1 + level) / 2) * std_error
    ci = {"ci_low": estimate - margin, "ci_high": estimate + margin}
    entries = {"estimate": estimate, "std_error": std_error, **ci, "n": n}
    return pd.Series(entries, name=method, dtype=float)
