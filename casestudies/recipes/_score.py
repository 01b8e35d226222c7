"""The propensity score: a logit, its separation and its weights."""

import numpy as np
import pandas as pd
from scipy.special import expit

from casestudies.recipes._columns import (
    _check_columns,
    _check_rank,
    _design,
    _names,
    _with_intercept,
    _zero_one,
)


def _read_covariates(data, treatment, adjust_for, others=(), alone=(0, 1)):
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


def _effective(weights):
    """Return Kish's effective sample size."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def _named(result, estimand, data):
    """Write the estimand, and the trimmed population where there is one, into attrs."""
    result.attrs["estimand"] = _among(estimand, data)
    return result


def _among(what, data):
    """Add the population that data was trimmed to, if it was."""
    return f"{what} among {data.attrs['population']}" if "population" in data.attrs else what
