"""Changes of two groups whose trends are parallel given covariates."""

import numpy as np

from casestudies.recipes._columns import _design, _group_basis
from casestudies.recipes._score import _check_values, _inverse, _regress_weighted


def _adjusted_change(change, treated, design, mass):
    r"""Return how much more the treated changed, doubly robust, and each unit's influence.

    The estimator of Sant'Anna and Zhao (2020) for panels, with each group's weights divided by
    their sum: a logit for who is treated, and least squares among the others for the change. The
    influence includes the estimation of both models.
    """
    others = np.flatnonzero(treated == 0)
    _group_basis(design, others, "units are untreated")
    score = _regress_weighted(design, treated, design, "logit", "arms", mass)
    among = design._replace(columns=design.columns[others])
    trend = _regress_weighted(among, change[others], design, "linear", weights=mass[others])
    weights, derivative = _inverse(treated, score.predicted, "ATT")
    left, influence, estimate = change - trend.predicted, np.zeros(len(change)), 0.0
    by_score, by_trend = np.zeros((2, len(change)))
    for side, sign in ((treated, 1), (1 - treated, -1)):
        share = mass * side * weights / np.sum(mass * side * weights)
        mean = share @ left
        estimate += sign * mean
        influence += sign * share * (left - mean)
        by_trend -= sign * share
        by_score += sign * share / weights * derivative * (left - mean)
    influence += score.back(by_score) * score.residual
    influence[others] += trend.back(by_trend) * trend.residual
    return estimate, influence


def _given(covariates, names):
    """Return what compares the means of two groups of units that have the same covariates."""
    design = _design(covariates, names)

    def gap_in_means(values, treated, compared, size):
        rows = np.flatnonzero((treated | compared) & (size > 0))
        arms, influence = treated[rows].astype(float), np.zeros((len(size), 1))
        for name in names:
            _check_values(covariates.iloc[rows], name, arms, (0, 1))
        among = design._replace(columns=design.columns[rows])
        estimate, part = _adjusted_change(values[rows, 0], arms, among, size[rows])
        influence[rows, 0] = part
        return np.array([estimate]), influence

    return gap_in_means
