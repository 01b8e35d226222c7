"""Standardization (the parametric g-formula): model the outcome, then average over the population.

Fit the outcome given treatment and covariates, predict what everybody would have had
under either treatment, and average the predictions over the population of interest.
"""

import itertools
from functools import partial

import numpy as np
import pandas as pd

from casestudies.recipes._clusters import _check_levels, _check_sides
from casestudies.recipes._columns import (
    _basis,
    _check_choice,
    _check_noise,
    _design,
    _group_basis,
    _Matrix,
    _names,
    _outcome,
    _result,
    _scale,
    _zero_one,
)
from casestudies.recipes._counted import _read_counted
from casestudies.recipes._score import _axes, _check_arm, _regress_weighted


def standardize(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    model="linear",
    estimand="ATE",
    interact=None,
    size=None,
    weights=None,
    cluster=None,
    level=0.95,
):
    r"""Estimate an average effect by standardizing an outcome model.

    With the outcome model :math:`m(d, x)`, in which the treatment interacts with the
    covariates,

    .. math:: \hat\tau = \frac{1}{|P|} \sum_{i \in P} \{ \hat m(1, x_i) - \hat m(0, x_i) \},

    where :math:`P` is everybody (ATE) or the treated (ATT). The standard error is the
    sandwich of the stacked estimating equations, the model's scores and the averaging,
    so it covers the noise in the coefficients and in who was sampled. It takes rows as
    independent, or clusters with `cluster`, and the sample as large: many more rows per group
    than coefficients, and many clusters. With `weights`, model and average are weighted by
    :math:`w`, the average effect is that in the population from which rows were selected with
    probability proportional to :math:`1 / w`, and so is :math:`P`.

    The estimate is causal if the covariates block every backdoor path and none is
    affected by the treatment (exchangeability), if every kind of person is found in both
    groups (overlap; for the ATT, every kind of treated person among the controls), if
    nobody's treatment changes another's outcome and the treatment is one thing
    (consistency), and if the outcome model is right.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, or per cell of them with `size`, complete in the columns named below;
        it is not changed. Cells hold the values of treatment and covariates.
    outcome : str
        Numeric column; 0/1 if `model` is ``"logit"``.
    treatment : str
        Column of 0 (control) and 1 (treated).
    adjust_for : str or list of str
        Covariates. A column that is not numeric (text, category) enters as dummies;
        powers and products are yours to add. An empty list gives the difference in means.
    model : {"linear", "logit"}
        Outcome model: least squares or logistic regression.
    estimand : {"ATE", "ATT"}
        Average over everybody, or over the treated.
    interact : str or list of str, optional
        Those of `adjust_for` whose coefficients differ between the groups. Default: all,
        which equals one model per group. With fewer, a linear model averages the effects
        of different people by weights other than their numbers; with an empty list and
        a linear model the estimate is the coefficient of the treatment.
    size : str, optional
        Column that counts the rows behind each row of `data`, which then are cells: an outcome
        ``"y"`` is read from ``y_mean`` and ``y_var`` (divisor n), or from ``y`` if it is the
        same in all of a cell. The answer is that of the rows.
    weights : str, optional
        Column of sampling weights above 0, inverse probabilities of selection in any unit.
        They are not counts: those are a `size`. With a `size`, the weight of each row behind.
    cluster : str, optional
        Column of clusters, taken as independent of one another. The error then is that of the
        sums of influences by cluster, times :math:`\sqrt{G / (G - 1)}`, and the interval uses t
        on :math:`G - 1` degrees, for :math:`G` clusters. With few of them it is too small.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        ``estimate``, ``std_error``, ``ci_low`` and ``ci_high`` in units of the outcome
        (a risk difference for a 0/1 outcome, whichever the model), and ``n``.

    Raises
    ------
    ValueError
        If the input cannot carry the estimate; the message names column and remedy.

    References
    ----------
    Robins (1986), Mathematical Modelling 7(9-12), 1393-1512.
    Hernán and Robins (2020), Causal Inference: What If, chapter 13. Their model for
    smoking and weight (NHEFS) has squares and one interaction,
    ``interact="smokeintensity"``, and gives 3.52 kg; all interactions give 3.44 kg.
    Stefanski and Boos (2002), The American Statistician 56(1), 29-38 (stacked equations).

    Examples
    --------
    Half of the old and a quarter of the young are treated; everyone would gain 2.

    >>> people = pd.DataFrame({
    ...     "old":     [0, 0, 0, 0, 1, 1, 1, 1],
    ...     "treated": [0, 0, 0, 1, 0, 0, 1, 1],
    ...     "pain":    [1, 2, 3, 4, 6, 8, 9, 9],
    ... })
    >>> standardize(people, outcome="pain", treatment="treated", adjust_for="old").round(2)
    estimate     2.00
    std_error    0.42
    ci_low       1.17
    ci_high      2.83
    n            8.00
    Name: standardize, dtype: float64
    """
    means, influence, error, n, scale = _standardized(
        data, outcome, treatment, adjust_for, model, estimand, interact, size, weights, cluster
    )
    effect = means["treated"] - means["control"]
    std_error, df = error(*influence["treated"] - influence["control"])
    _check_noise(outcome, std_error, scale)
    return _result("standardize", effect, std_error, n=n, level=level, df=df)


def standardized_means(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    model="linear",
    estimand="ATE",
    interact=None,
    size=None,
    weights=None,
    cluster=None,
    level=0.95,
):
    r"""Estimate the mean outcome if all were treated, and if none were.

    The two averages whose difference is the effect of `standardize`:
    :math:`\frac{1}{|P|} \sum_{i \in P} \hat m(d, x_i)` for :math:`d = 1, 0`, with the same
    assumptions, model and standard error. For the ATT both describe the treated, and the
    first is their observed mean.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, or per cell of them with `size`.
    outcome : str
        Numeric column; 0/1 if `model` is ``"logit"``.
    treatment : str
        Column of 0 (control) and 1 (treated).
    adjust_for : str or list of str
        Covariates. A column that is not numeric (text, category) enters as dummies.
    model : {"linear", "logit"}
        Outcome model: least squares or logistic regression.
    estimand : {"ATE", "ATT"}
        Average over everybody, or over the treated.
    interact : str or list of str, optional
        Those of `adjust_for` whose coefficients differ between the groups. Default: all.
    size : str, optional
        Column that counts the rows behind each row of `data`; an outcome ``"y"`` is then read
        from ``y_mean`` and ``y_var`` (divisor n).
    weights : str, optional
        Column of sampling weights above 0, inverse probabilities of selection in any unit.
    cluster : str, optional
        Column of clusters, taken as independent of one another; for t on their number less one.
    level : float
        Coverage of each interval, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Rows ``treated`` and ``control``; columns ``estimate``, ``std_error``, ``ci_low``,
        ``ci_high`` in units of the outcome, and ``n``. The rows are correlated: take the
        standard error of their difference from `standardize`.

    Raises
    ------
    ValueError
        If the input cannot carry the estimate; the message names column and remedy.

    References
    ----------
    Hernán and Robins (2020), Causal Inference: What If, chapter 13.

    Examples
    --------
    >>> people = pd.DataFrame({
    ...     "old":     [0, 0, 0, 0, 1, 1, 1, 1],
    ...     "treated": [0, 0, 0, 1, 0, 0, 1, 1],
    ...     "pain":    [1, 2, 3, 4, 6, 8, 9, 9],
    ... })
    >>> means = standardized_means(people, outcome="pain", treatment="treated", adjust_for="old")
    >>> means["estimate"].round(2)
    treated    6.5
    control    4.5
    Name: estimate, dtype: float64
    """
    means, influence, error, n, scale = _standardized(
        data, outcome, treatment, adjust_for, model, estimand, interact, size, weights, cluster
    )
    rows = []
    for arm in ("treated", "control"):
        std_error, df = error(*influence[arm])
        _check_noise(outcome, std_error, scale)
        rows.append(_result(arm, means[arm], std_error, n=n, level=level, df=df))
    return pd.DataFrame(rows)


def _standardized(
    data, outcome, treatment, adjust_for, model, estimand, interact, size, weights, cluster
):
    """Return the mean outcome under each treatment, every row's influence on it, and its slope.

    Also return the function that makes them a standard error with its degrees, the rows' n, and
    the outcome's scale.
    """
    names = _names("adjust_for", adjust_for)
    interact = names if interact is None else _names("interact", interact)
    _check_choice("model", model, ("linear", "logit"))
    _check_choice("estimand", estimand, ("ATE", "ATT"))
    for name in interact:
        _check_choice("interact", name, names)
    roles = {"outcome": outcome, "treatment": treatment, "several": {"adjust_for": names}}
    table, counted = _read_counted(data, size, cluster=cluster, weights=weights, **roles)
    if cluster is not None:
        _check_sides(table, cluster, [treatment])
    y, d = _outcome(table, outcome, model, counted.variance), _zero_one(table, treatment)
    _basis(_design(table, names), counted.size)
    shared = _standard(_design(table, [name for name in names if name not in interact]))
    own = _standard(_design(table, interact))
    owners = (0,) if estimand == "ATT" and not shared.labels else (0, 1)  # else: the treated's mean
    for arm in (0, 1):
        _check_arm(table, d == arm, names if estimand == "ATE" or arm == 0 else [], treatment, arm)
        _check_outcomes(y[d == arm], outcome, f"{treatment!r} is {arm}", model)
        terms = own if arm in owners else _design(table, [])
        if cluster is not None:
            _check_levels(table[cluster], terms.columns, d == arm, f"{treatment!r} is {arm}")
        _group_basis(terms, np.flatnonzero(d == arm), f"{treatment!r} is {arm}", counted.size)
    population = counted.mass * (d == 1 if estimand == "ATT" else 1)
    share, design = population / population.sum(), _terms(d, treatment, shared, own, owners)
    axes, means, influence = _axes(design, counted.mass), {}, {}
    classes = f"values 0 and 1 of {outcome!r}"
    for arm, dose in (("treated", np.ones_like(d)), ("control", np.zeros_like(d))):
        at_dose = _terms(dose, treatment, shared, own, owners)
        fit = _regress_weighted(design, y, at_dose, model, classes, counted.mass, axes)
        means[arm], slope = share @ fit.predicted, fit.back(share)
        total = share * (fit.predicted - means[arm]) + slope * fit.residual
        influence[arm] = np.array([total, slope])
    error = partial(counted.error, cluster=table.get(cluster))
    return means, influence, error, counted.n, _scale(table, outcome)


def _terms(dose, treatment, shared, own, owners):
    """Return the model's columns: the treatment, shared covariates and those of each group."""
    parts = [_Matrix([treatment], dose[:, np.newaxis], np.zeros(1)), shared]
    for arm in owners:
        labels = [f"{label} where {treatment} is {arm}" for label in own.labels]
        there = own.columns * (dose == arm)[:, np.newaxis]
        parts.append(own._replace(labels=labels, columns=there))
    labels, columns, precision = zip(*parts, strict=True)
    return _Matrix([*itertools.chain(*labels)], np.hstack(columns), np.concatenate(precision))


def _standard(matrix):
    """Return the columns centred and scaled, whose products with the treatment keep digits."""
    centred = matrix.columns - matrix.columns.mean(axis=0)
    return matrix._replace(columns=centred / centred.std(axis=0))


def _check_outcomes(y, outcome, group, model):
    """Raise if a logit has one outcome only to learn from in a group."""
    if model == "logit" and y.min() == y.max() and y[0] in (0, 1):
        raise ValueError(
            f"column {outcome!r} is {y[0]:g} in all {len(y)} rows where {group}, so a logit has no "
            "finite coefficients; use model='linear'"
        )
