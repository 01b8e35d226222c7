r"""Propensity scores: who gets treated, and how comparable the arms are.

The score :math:`e(x) = P(A = 1 \mid X = x)` describes how the treatment was given. Balance and
overlap are properties of recorded covariates: neither says anything about one that is not here.
"""

import numpy as np
import pandas as pd

from casestudies.recipes._columns import _frame, _numbers, _one, _real
from casestudies.recipes._score import (
    TIE,
    _among,
    _effective,
    _inverse,
    _read_counted_covariates,
    _score,
)


def scores(data, *, treatment, adjust_for, weights=None):
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
        Covariates of the score; a category enters as dummies without its first level.
    weights : str, optional
        Column of sampling weights above 0, inverse probabilities of selection in any unit, by
        which the logit is weighted.

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
    data = _frame(data)
    _, treated, design, counted = _read_counted_covariates(
        data, treatment, adjust_for, None, weights=weights
    )
    score, _ = _score(treated, design, counted.weights)
    return pd.Series(score, index=data.index, name="score")


def overlap(data, *, treatment, adjust_for, weights=None):
    r"""Describe how far the propensity scores of the two arms overlap.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    treatment : str
        Column of zeros and ones.
    adjust_for : str or list of str
        Covariates of the score; a category enters as dummies without its first level.
    weights : str, optional
        Column of sampling weights above 0, inverse probabilities of selection in any unit. The
        logit is weighted by them, and they are in the effective sizes; quantiles and shares are
        those of rows.

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
        If a column is unfit, or if the covariates separate the arms, so that scores of 0 or 1
        would be fitted.

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
    _, treated, design, counted = _read_counted_covariates(
        data, treatment, adjust_for, None, weights=weights
    )
    score, slack = _score(treated, design, counted.weights)
    ate, att = (counted.weights * _inverse(treated, score, e)[0] for e in ("ATE", "ATT"))
    arms = [
        {
            "n": (treated == arm).sum(),
            **_quantiles(score[treated == arm]),
            **_tails(score[treated == arm], score[treated != arm], TIE + slack[treated == arm]),
            "ess_ate": _effective(ate[treated == arm]),
            "ess_att": _effective(att[treated == arm]),
        }
        for arm in (0, 1)
    ]
    return pd.DataFrame(arms, index=pd.Index([0, 1], name=treatment), dtype=float)


def balance(data, *, treatment, adjust_for, weights=None, sampling_weights=None):
    r"""Compare the covariates of the arms, before and after weighting.

    The standardized difference is
    :math:`(\bar x_1 - \bar x_0) / \sqrt{(s_1^2 + s_0^2) / 2}`, with the unweighted variances
    before and after, so that the two columns share one scale; the variance ratio is
    :math:`s_1^2 / s_0^2`. With sampling weights the population is described: they weigh
    what is before, and the scale. There are no p-values: balance is a property of this sample,
    and a test mixes it with the sample's size.

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
        They are taken as they are: with sampling weights, give their product, which
        `inverse_weights` returns.
    sampling_weights : str, optional
        Column of sampling weights above 0, inverse probabilities of selection in any unit.

    Returns
    -------
    pandas.DataFrame
        A row for each covariate; columns difference_before and ratio_before and, given
        weights, difference_after and ratio_after. A covariate that is constant in both arms
        differs by inf; a variance is NaN where one row has all the weight of its arm.

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
    >>> data["w"] = 1 / data.groupby(["old", "drug"])["drug"].transform("size")
    >>> balance(data, treatment="drug", adjust_for="old", weights="w").round(3).iloc[0]
    difference_before    1.0
    ratio_before         1.0
    difference_after     0.0
    ratio_after          1.0
    Name: old, dtype: float64
    """
    others = {} if weights is None else {"weights": _one("weights", weights)}
    table, treated, design, counted = _read_counted_covariates(
        data, treatment, adjust_for, None, (), several=others, weights=sampling_weights
    )
    before = _weighted_moments(design, treated, counted.weights)
    found = _differences(before, before, "before")
    if weights is not None:
        after = _weighted_moments(design, treated, _balance_weights(table, weights, treated))
        found |= _differences(after, before, "after")
    return pd.DataFrame(found, index=design.labels)


def trim(data, *, treatment, adjust_for, low=0.1, high=0.9, weights=None):
    """Keep the rows whose propensity score lies in [low, high].

    Trimming changes the estimand: the effect among the rows kept is not the effect in the
    population that was sampled. The result says so in its ``attrs``, and `weight`, `match` and
    `doubly_robust` carry it into theirs.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    treatment : str
        Column of zeros and ones.
    adjust_for : str or list of str
        Covariates of the score; a category enters as dummies without its first level.
    low, high : float
        Smallest and largest score kept, between 0 and 1. The defaults are the rule of thumb
        of Crump et al.
    weights : str, optional
        Column of sampling weights above 0, inverse probabilities of selection in any unit, by
        which the logit is weighted.

    Returns
    -------
    pandas.DataFrame
        The rows kept. ``attrs["population"]`` says in words whom they stand for,
        ``attrs["dropped"]`` counts the rows dropped from each arm.

    Raises
    ------
    ValueError
        If a column or an option is unfit, the covariates separate the arms, or an arm is left
        empty.

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
    low, high = _real("low", low, least=0), _real("high", high, most=1)
    if low >= high:
        raise ValueError(f"low must be below high, got low={low:g} and high={high:g}")
    data = _frame(data)
    table, treated, design, counted = _read_counted_covariates(
        data, treatment, adjust_for, None, weights=weights
    )
    score, slack = _score(treated, design, counted.weights)
    keep = (score >= low - TIE - slack) & (score <= high + TIE + slack)
    for arm, name in enumerate(("control", "treated")):
        if not keep[treated == arm].any():
            raise ValueError(f"no {name} row has a score in [{low:g}, {high:g}]; widen the range")
    kept = data.loc[keep].copy()
    kept.attrs["population"] = _among(f"rows with scores in [{low:g}, {high:g}]", table)
    lost = treated[~keep]
    kept.attrs["dropped"] = {"treated": int(lost.sum()), "control": int((1 - lost).sum())}
    return kept


def _quantiles(score):
    """Return range and quantiles of one arm's scores."""
    names = {"min": 0, "p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1}
    return dict(zip(names, np.quantile(score, list(names.values())), strict=True))


def _tails(score, other, slack):
    """Return the shares of one arm's scores that are hard or impossible to compare."""
    low, high = score + slack, score - slack
    outside = (low < other.min()) | (high > other.max())
    tails = {"outside_support": outside, "below_0.05": low < 0.05, "above_0.95": high > 0.95}
    return {name: rows.mean() for name, rows in tails.items()}


def _balance_weights(table, name, treated):
    """Return a column of weights, nonnegative and positive somewhere in each arm."""
    weights = _numbers(table, name)
    if weights.min() < 0:
        raise ValueError(
            f"column {name!r} has a negative weight, {weights.min():g}; weights count rows, so "
            "make them 0 or more"
        )
    for arm in (0, 1):
        if not weights[treated == arm].any():
            raise ValueError(f"column {name!r} is 0 in all rows of arm {arm}; weight some of them")
    return weights


def _weighted_moments(design, treated, weights):
    """Return weighted means and variances of the covariates in the untreated and the treated."""
    columns, moments = design.columns - design.columns.min(axis=0), []
    precision = np.maximum(design.precision, np.finfo(float).eps)
    rounding = np.square(8 * precision * np.abs(design.columns).max(axis=0))
    for arm in (0, 1):
        x, w = columns[treated == arm], weights[treated == arm]
        mean, freedom = w @ x / w.sum(), w.sum() - w @ w / w.sum()
        if freedom < 1e-12 * w.sum():
            freedom = np.nan  # one row has all the weight
        squares = w @ (x - mean) ** 2
        moments.append((mean, np.where(squares < rounding * freedom, 0, squares / freedom)))
    return moments


def _differences(moments, unweighted, when):
    """Return standardized differences, on the unweighted scale, and variance ratios."""
    (mean0, variance0), (mean1, variance1) = moments
    scale = np.sqrt((unweighted[0][1] + unweighted[1][1]) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # a covariate that is the arm: inf
        found = (mean1 - mean0) / scale, variance1 / variance0
    return dict(zip((f"difference_{when}", f"ratio_{when}"), found, strict=True))
