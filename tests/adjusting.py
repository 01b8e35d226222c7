"""Adjustment written out with numpy, apart from the recipes: the second route of several tests."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import expit


def with_constant(columns):
    """Return the columns behind a constant."""
    return np.column_stack([np.ones(len(columns)), columns])


def least_squares(outcome, columns):
    """Return intercept and slopes."""
    return np.linalg.lstsq(with_constant(columns), outcome, rcond=None)[0]


def predicted(outcome, columns, rows, new):
    """Return what a line through some rows says of other columns."""
    return with_constant(new) @ least_squares(outcome[rows], columns[rows])


def scores(treated, columns, new=None):
    """Return fitted logit probabilities, by Newton's method on standardized columns."""
    centre, scale = columns.mean(axis=0), columns.std(axis=0)
    x, beta = with_constant((columns - centre) / scale), np.zeros(columns.shape[1] + 1)
    for _ in range(40):
        e = expit(x @ beta)
        beta += np.linalg.solve((x.T * (e * (1 - e))) @ x, x.T @ (treated - e))
    return expit(x @ beta if new is None else with_constant((new - centre) / scale) @ beta)


def standardized(outcome, treated, columns):
    """Return the mean difference of two lines, one through each arm: an ATE."""
    arms = [predicted(outcome, columns, treated == arm, columns) for arm in (1, 0)]
    return (arms[0] - arms[1]).mean()


def weighted(outcome, treated, columns, estimand):
    """Return the difference of two weighted means (Hájek), with a logit score."""
    e, own = scores(treated, columns), treated == 1
    odds = {"ATE": np.where(own, 1 / e, 1 / (1 - e)), "ATT": np.where(own, 1, e / (1 - e))}
    means = [np.average(outcome[arm], weights=odds[estimand][arm]) for arm in (own, ~own)]
    return means[0] - means[1]


def matched_att(outcome, treated, columns):
    """Return the ATT by nearest Mahalanobis neighbours, ties shared, corrected by one line."""
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(columns.T)))
    points = columns @ vectors / np.sqrt(values)
    own, others = (np.flatnonzero(treated == arm) for arm in (1, 0))
    distance = cdist(points[own], points[others])
    near = distance <= distance.min(axis=1, keepdims=True) + 1e-7
    shares = near / near.sum(axis=1, keepdims=True)
    use = np.sqrt(shares.sum(axis=0))
    x, y = with_constant(points[others]) * use[:, np.newaxis], outcome[others] * use
    slopes = np.linalg.lstsq(x, y, rcond=1e-9)[0][1:]
    gaps = points[own] - shares @ points[others]
    return (outcome[own] - shares @ outcome[others] - gaps @ slopes).mean()


def dealt(treated, folds, seed):
    """Return the fold of each row: rows in random order, arm by arm, dealt in turn."""
    order, fold = np.random.default_rng(seed).permutation(len(treated)), np.empty(len(treated), int)
    order = np.concatenate([order[treated[order] == arm] for arm in (0, 1)])
    fold[order] = np.arange(len(order)) % folds
    return fold


def cross_fitted(outcome, treated, columns, estimand, fold):
    """Return the augmented inverse probability estimate, each fold predicted from the others.

    A single fold is predicted from itself.
    """
    e, m0, m1 = np.empty((3, len(outcome)))
    for here in (fold == number for number in np.unique(fold)):
        rest = here if here.all() else ~here
        e[here] = scores(treated[rest], columns[rest], columns[here])
        for m, arm in ((m0, 0), (m1, 1)):
            m[here] = predicted(outcome, columns, rest & (treated == arm), columns[here])
    if estimand == "ATT":
        return ((treated - (1 - treated) * e / (1 - e)) * (outcome - m0)).sum() / treated.sum()
    left = treated * (outcome - m1) / e - (1 - treated) * (outcome - m0) / (1 - e)
    return (m1 - m0 + left).mean()
