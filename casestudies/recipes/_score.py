"""The propensity score: a logit, its separation and its weights."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit

from casestudies.recipes._columns import (
    _basis,
    _design,
    _levels,
    _listed,
    _mean,
    _names,
    _numeric,
    _zero_one,
)
from casestudies.recipes._counted import _read_counted

TIE = 1e-9  # distances in standard deviations, and scores, that differ by less are equal
OVERLAP = "use fewer or coarser covariates, or restrict data to where both are found"


def _read_counted_covariates(
    data, treatment, adjust_for, size, alone=(0, 1), several=None, **others
):
    """Return columns, treatment, design and counts; no category may be in an `alone` arm only."""
    names = _names("adjust_for", adjust_for)
    if not names:
        raise ValueError("adjust_for names no column; name the covariates to adjust for")
    roles = {"treatment": treatment, "several": {"adjust_for": names, **(several or {})}}
    table, counted = _read_counted(data, size, **roles, **others)
    treated = _zero_one(table, treatment)
    for name in names:
        _check_values(table, name, treated, alone)
    return table, treated, _design(table, names), counted


def _check_values(table, name, treated, alone):
    """Raise if a column is constant, or a value of a category is found in one arm only."""
    values = table[name] if _numeric(table, name) else _levels(table[name]).astype(object)
    codes, kinds = pd.factorize(values.to_numpy())
    if len(kinds) == 1:
        raise ValueError(f"column {name!r} has one value in all rows, {kinds[0]}; drop it")
    size = np.bincount(codes)
    share = np.bincount(codes, treated) / size
    lonely = np.flatnonzero(np.isin(share, alone))
    if not len(lonely) or (_numeric(table, name) and len(kinds) > 2):
        return
    first = lonely[0]
    more = f", and {len(lonely) - 1} more value(s) are in one arm only" * (len(lonely) > 1)
    found = f"column {name!r} is {kinds[first]} in {size[first]} row(s), all of them "
    found += ("treated" if share[first] else "untreated") + more
    if len(kinds) == 2:
        raise ValueError(f"no overlap: {found}; take it out of adjust_for, and say so")
    raise ValueError(
        f"no overlap: {found}; merge the value with another, or drop these rows and say that the "
        "estimate leaves them out"
    )


def _check_arm(table, rows, names, treatment, arm, other=None):
    """Raise if a group cannot speak for the other group in one of these covariates."""
    other = 1 - arm if other is None else other
    for name in names:
        here, there = table[name][rows], table[name][~rows]
        if _numeric(table, name):
            here, there = here.to_numpy(dtype=float), there.to_numpy(dtype=float)
            low, high = here.min(), here.max()
            beyond = (there < low) | (there > high)
            hopeless = beyond.all() or (low == high and beyond.any())
            held = f"lies between {low:g} and {high:g}"
        else:
            beyond = ~there.isin(here)
            hopeless = beyond.any()
            held = f"is never {there[beyond].iloc[0]!r}" if hopeless else ""
        if hopeless:
            raise ValueError(
                f"no overlap: column {name!r} {held} where {treatment!r} is {arm}, unlike in "
                f"{beyond.sum()} row(s) where it is {other}; merge categories, or keep only rows "
                "with counterparts in both groups and say so"
            )


class _Axes(NamedTuple):
    """A centre and a turn that make columns uncorrelated, with mean 0 and variance 1."""

    centre: np.ndarray
    turn: np.ndarray

    def place(self, design):
        """Return where each row of a design lies on the axes."""
        return (design.columns - self.centre) @ self.turn

    def blur(self, design):
        """Return how far rounding of the columns may have moved each row along each axis."""
        return np.abs(design.columns) * design.precision / 2 @ np.abs(self.turn)


def _axes(design, weights=None):
    """Return the axes of a design, or raise if its columns are collinear."""
    basis, centre = _basis(design, weights), _mean(design.columns, weights)
    scale = design.columns.std(axis=0, ddof=1)
    w = np.ones(len(basis)) if weights is None else weights
    triangle = (basis.T * np.sqrt(w)) @ ((design.columns - centre) / scale)
    return _Axes(centre, np.linalg.inv(triangle) / scale[:, np.newaxis] * np.sqrt(w.sum() - 1))


def _score(treated, design, weights=1.0):
    """Return the logit scores of the design's rows, and how far rounding may have moved each."""
    axes = _axes(design)
    x, coefficients = _fit_logit(axes, design, treated, "arms", weights)
    score = expit(x @ coefficients)
    return score, score * (1 - score) * (axes.blur(design) @ np.abs(coefficients[1:]))


class _Regression(NamedTuple):
    """Predictions for new rows, residuals of the fit, and the way back from one to the other."""

    predicted: np.ndarray
    residual: np.ndarray
    back: Callable  # from a gradient by the predictions to that by the outcomes of the fit


def _regress(design, y, new, model="logit", classes="arms"):
    """Regress y on the design and predict it for new rows.

    Also return a function that carries a gradient by the predictions back to the rows of the
    fit: what their share in the estimated coefficients adds to an influence function.
    """
    fit = _regress_weighted(design, y, new, model, classes)
    return fit.predicted, lambda gradient: fit.back(gradient) * fit.residual


def _regress_weighted(design, y, new, model="logit", classes="arms", weights=None, axes=None):
    """Regress y, for a logit from 0 to 1, on the design with weights, and predict new rows."""
    axes = _axes(design) if axes is None else axes
    w = np.ones(len(y)) if weights is None else weights / weights.mean()
    x, x_new = _with_constant(axes.place(design)), _with_constant(axes.place(new))
    if model == "linear":
        inverse = np.linalg.inv((x.T * w) @ x)
        coefficients = inverse @ (x.T @ (w * y))
        fitted, predicted, slope = x @ coefficients, x_new @ coefficients, 1
    else:
        coefficients = _fit_logit(axes, design, y, classes, w)[1]
        fitted, predicted = expit(x @ coefficients), expit(x_new @ coefficients)
        inverse, slope = np.linalg.inv(_information(x, fitted, w)), predicted * (1 - predicted)

    def back(gradient):
        return w * (x @ (inverse @ (x_new.T @ (gradient * slope))))

    return _Regression(predicted, y - fitted, back)


def _with_constant(x):
    return np.column_stack([np.ones(len(x)), x])


def _fit_logit(axes, design, y, classes, weights=1.0):
    """Return regressors and coefficients of a logit, or raise if they separate the classes."""
    x = _with_constant(axes.place(design))
    coefficients, converged = _logit(x, y, weights)
    if not converged:
        remedy = "use fewer or coarser covariates, or use model='linear'"
        slopes = np.abs(axes.turn @ coefficients[1:]) * design.columns.std(axis=0)
        raise ValueError(
            f"no overlap: {_separating(design, y, slopes)} separates the {classes}, so "
            "probabilities of 0 and 1 would be fitted; "
            f"{OVERLAP if classes == 'arms' else remedy}"
        )
    return x, coefficients


def _logit(x, y, weights=1.0):
    """Fit a logit, fractional where y has shares; also tell whether a finite maximum was found."""

    def loss(coefficients):
        index = x @ coefficients
        losses = y * np.logaddexp(0, -index) + (1 - y) * np.logaddexp(0, index)
        return (weights * losses).sum()

    def climb(coefficients):
        fitted = expit(x @ coefficients)
        return x.T @ (weights * (y - fitted)), _information(x, fitted, weights)

    return _newton(x, loss, climb, x.shape[1])


def _newton(x, loss, climb, shape):
    """Minimize a loss by Newton's method; also tell whether a finite minimum was found.

    `climb` returns the gradient, its sign turned, and the information. The first column of
    x is a constant; the others are uncorrelated, of mean 0 and variance 1, so that the
    information vanishes in a direction only where classes are separated.
    """
    coefficients = np.zeros(shape)
    reached = loss(coefficients)
    for _ in range(300):
        gradient, information = climb(coefficients)
        try:
            inverse = np.linalg.inv(information)
        except np.linalg.LinAlgError:
            break
        if not len(x) * np.abs(inverse).max() < 1e12:
            break
        step = (inverse @ gradient.ravel()).reshape(shape)
        while (lower := loss(coefficients + step)) > reached * (1 + 1e-12):
            step /= 2
        coefficients, reached = coefficients + step, lower
        if np.abs(x @ step.T).max() < 1e-8:
            return coefficients, True
    return coefficients, False


def _information(x, score, weights=1.0):
    """Return the information of a logit's coefficients, the inverse of their covariance."""
    return (x.T * (weights * (score * (1 - score)))) @ x


def _separating(design, y, slopes):
    """Say which covariate, if it is one, tells two classes apart; slopes tell the foremost."""
    if y.min() == y.max():
        return f"a constant, {y[0]:g} in all {len(y)} rows,"
    for name, low, high in _gaps(design, y) if np.isin(y, (0, 1)).all() else ():
        if low <= high:
            return f"column {name!r}, at {low:g},"
    foremost = design.labels[np.argmax(slopes)]
    return f"a combination of {_listed(design.labels)}, above all column {foremost!r},"


def _gaps(design, y):
    """Give each column's largest value in the lower class and smallest value in the higher."""
    for name, column in zip(design.labels, design.columns.T, strict=True):
        low, high = sorted((column[y == value] for value in (0, 1)), key=np.mean)
        yield name, low.max(), high.min()


def _inverse(treated, score, estimand):
    """Return inverse probability weights and their derivatives by the score."""
    own = np.where(treated, 1 if estimand == "ATT" else score, 1 - score)
    if own.min() < 1e-10:  # then rounding of the score would show in the weight
        raise ValueError(
            f"no overlap: {(own < 1e-10).sum()} row(s) have the treatment that their covariates "
            f"give a fitted probability of {own.min():.0g}; {OVERLAP}"
        )
    if estimand == "ATT":
        return np.where(treated, 1, score / own), np.where(treated, 0, 1 / own**2)
    return 1 / own, np.where(treated, -1, 1) / own**2


def _effective(weights, size=1.0):
    """Return Kish's effective sample size."""
    return float((size * weights).sum() ** 2 / (size * np.square(weights)).sum())


def _named(result, estimand, data):
    """Write the estimand, and the trimmed population where there is one, into attrs."""
    result.attrs["estimand"] = _among(estimand, data)
    return result


def _among(what, data):
    """Add the population that data was trimmed to, if it was."""
    return f"{what} among {data.attrs['population']}" if "population" in data.attrs else what
