r"""Doubly robust estimates: outcome models and propensity scores together, cross-fitted.

All estimates here assume that the covariates in `adjust_for` block every backdoor path
(:math:`Y(1), Y(0) \perp A \mid X`), that every unit could have gone either way
(:math:`0 < e(X) = P(A = 1 \mid X) < 1`) and that one unit's treatment leaves the others alone.
None of them protects against a confounder that was not recorded. The estimands are
the ATE, :math:`E[Y(1) - Y(0)]`, and the ATT, :math:`E[Y(1) - Y(0) \mid A = 1]`; each result
names its own in ``attrs["estimand"]``.
"""

import numpy as np
import pandas as pd

from casestudies.recipes._columns import (
    _check_choice,
    _count,
    _generator,
    _group_basis,
    _outcome,
    _result,
)
from casestudies.recipes._score import _inverse, _named, _read_covariates, _regress


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
        Covariates of the score, a logit, and of the outcome models; a category enters as
        dummies without its first level.
    estimand : {"ATE", "ATT"}
        Whose average effect.
    model : {"linear", "logit"}
        Outcome model of each arm.
    folds : int
        Number of folds, at most the rows of the smaller arm; 1 fits on all rows, without a
        split.
    rng : int, numpy.random.Generator or numpy.random.RandomState, optional
        Deals the rows into folds. Default: they are dealt in the order of a hash of the ranks
        of their covariates, equal ones by outcome, which needs no seed and depends neither on
        units nor on the order of rows or columns; the negative of a covariate deals anew.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n.

    Raises
    ------
    ValueError
        If a column or an option is unfit, the arms do not overlap, or the rows outside a fold
        cannot carry the models.

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
    folds = _count("folds", folds)
    table, treated, design = _read_covariates(data, treatment, adjust_for, outcome=outcome)
    y = _outcome(table, outcome, model)
    y = y - y.mean() * (model == "linear")  # digits that a far-off origin would cost
    order = _shuffled(table.drop(columns=[treatment, outcome]), treated, y)
    if rng is not None:
        order = _generator(rng).permutation(len(y))
    fold = _deal(order, treated, folds)
    terms, carried = np.zeros((2, len(y)))
    share = np.ones(len(y)) if estimand == "ATE" else treated
    for number in range(folds):
        test = fold == number
        train = ~test if folds > 1 else test
        rows = (train, train & (treated == 0), train & (treated == 1))
        try:
            predicted, carries = _nuisances(design, treated, y, rows, test, model)
        except ValueError as error:
            where = (
                f"in the rows that fit fold {number + 1} of {folds}: {error}; fewer folds leave "
            )
            raise ValueError(f"{where}more rows to each fit" if folds > 1 else error) from None
        terms[test], gradients = _augmented(treated[test], y[test], *predicted, estimand)
        for fitted, carry, gradient in zip(rows, carries, gradients, strict=True):
            carried[fitted] += carry(gradient)
    estimate = terms.sum() / share.sum()
    influence = (terms - share * estimate + carried) / share.sum()
    std_error = np.sqrt(influence @ influence)
    result = _result("doubly_robust", estimate, std_error, n=len(y), level=level)
    return _named(result, estimand, table)


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


def _nuisances(design, treated, y, rows, test, model):
    """Fit the score and the outcome model of each arm in rows; predict in the test rows.

    Return the three predictions, and what carries gradients by them back to the rows.
    """

    def fit(target, fitted, kind, classes):
        here, there = (design._replace(columns=design.columns[part]) for part in (fitted, test))
        return _regress(here, target[fitted], there, kind, classes)

    for fitted, arm in zip(rows[1:], ("untreated", "treated"), strict=True):
        _group_basis(design, np.flatnonzero(fitted), f"units are {arm}")
    fits = [
        fit(treated, rows[0], "logit", "arms"),
        *(fit(y, fitted, model, "outcomes 0 and 1 of an arm") for fitted in rows[1:]),
    ]
    return zip(*fits, strict=True)


def _deal(order, treated, folds):
    """Deal rows into folds, arm by arm, in an order."""
    smaller = int(min(treated.sum(), (1 - treated).sum()))
    if folds > smaller:
        raise ValueError(f"folds is {folds}, but the smaller arm has {smaller} rows; ask for fewer")
    order = order[np.argsort(treated[order], kind="stable")]
    fold = np.empty(len(order), dtype=int)
    fold[order] = np.arange(len(order)) % folds
    return fold


def _shuffled(covariates, treated, y):
    """Return an order of rows that looks random and depends on the order of values alone.

    Rows are sorted by a hash of the ranks of their covariates, equal ones by outcome. How a
    covariate's ranks go with treatment and outcome decides on its place in the hash.
    """
    ranks = [_ranks(covariates[name]) for name in covariates]
    ranks.sort(key=lambda rank: (rank @ treated, rank @ y))
    hashed = pd.util.hash_pandas_object(pd.DataFrame(np.column_stack(ranks)), index=False)
    return np.lexsort((y, hashed))


def _ranks(column):
    """Return how many rows have a smaller value; text is ranked as it sorts."""
    if not pd.api.types.is_numeric_dtype(column):
        column = pd.Series(pd.factorize(column.astype(str), sort=True)[0])
    values = column.to_numpy(dtype=float)
    order = np.argsort(values, kind="stable")
    larger = np.diff(values[order], prepend=-np.inf) > 1e-14 * np.abs(values[order])
    ranks = np.empty(len(values), dtype=int)
    ranks[order] = np.maximum.accumulate(np.where(larger, np.arange(len(values)), 0))
    return ranks
