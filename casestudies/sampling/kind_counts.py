"""Standardization on counts: what the recipe says of a table of few kinds, fast enough for many.

Where covariates take few values, a table is the number of its units by kind, treatment and
outcome, and a logit is fitted to a row a kind. The answers are those of the recipe
`standardize` with ``model="logit"``; a test holds them against each other.
"""

import numpy as np
from scipy import stats
from scipy.special import expit


def count_kinds(data, *, kinds, treatment, outcome):
    """Count the units of each kind by treatment and outcome.

    Parameters
    ----------
    data : pandas.DataFrame
        A row a unit.
    kinds : pandas.DataFrame
        A row a kind, a column a covariate: every combination of the values, in order.
    treatment, outcome : str
        Columns of `data` that are 0 or 1.

    Returns
    -------
    numpy.ndarray
        Counts of shape (kinds, 2, 2): kind, treatment, outcome.

    Raises
    ------
    ValueError
        If the kinds are not every combination in order, or a unit is of none of them.

    Examples
    --------
    >>> import pandas as pd
    >>> units = pd.DataFrame({"old": [0, 1, 1], "care": [0, 1, 1], "death": [0, 0, 1]})
    >>> kinds = pd.DataFrame({"old": [0, 1]})
    >>> count_kinds(units, kinds=kinds, treatment="care", outcome="death").tolist()
    [[[1, 0], [0, 0]], [[0, 0], [1, 1]]]
    """
    levels = {name: np.unique(kinds[name]) for name in kinds}
    shape = [len(values) for values in levels.values()]
    in_order = np.stack(np.meshgrid(*levels.values(), indexing="ij"), axis=-1)
    if not np.array_equal(kinds, in_order.reshape(-1, len(shape))):
        raise ValueError(
            f"kinds must be all {np.prod(shape)} combinations of {list(kinds)} in order, "
            f"got {len(kinds)} rows; sort them and drop what is double"
        )
    cells = [_codes(data, levels, shape), data[treatment], data[outcome]]
    codes = np.ravel_multi_index([np.asarray(cell) for cell in cells], (len(kinds), 2, 2))
    return np.bincount(codes, minlength=4 * len(kinds)).reshape(-1, 2, 2)


def _codes(data, levels, shape):
    """Return the number of each row's kind."""
    places = []
    for name, values in levels.items():
        column = data[name].to_numpy()
        place = np.searchsorted(values, column).clip(max=len(values) - 1)
        if not np.array_equal(values[place], column):
            odd = column[values[place] != column][0]
            raise ValueError(f"{name} is {odd} in a row, and no kind has it; add that kind")
        places.append(place)
    return np.ravel_multi_index(places, shape)


def logit_on_counts(counts, design, *, separated=False):
    r"""Fit a logit to counts of zeros and ones by Newton's method.

    Parameters
    ----------
    counts : numpy.ndarray
        A row a kind: how many units have outcome 0, and how many 1.
    design : numpy.ndarray
        A row a kind: its regressors, the constant included.
    separated : bool, default False
        Whether a fit in which the regressors separate the outcomes is returned, with some
        probabilities as good as 0 or 1 and no use for its errors.

    Returns
    -------
    tuple of numpy.ndarray
        Probabilities :math:`p`, their derivatives by the coefficients :math:`p(1 - p) x`, and
        the inverse of the information.

    Raises
    ------
    ValueError
        If the fit does not settle: the regressors separate the outcomes, and this is not
        asked for.
    """
    patients, beta = counts.sum(axis=1), np.zeros(design.shape[1])
    for _ in range(20):
        p = expit(design @ beta)
        information = (design.T * (patients * p * (1 - p))) @ design
        step = np.linalg.solve(information, design.T @ (counts[:, 1] - patients * p))
        beta = beta + step
        if np.abs(step).max() < 1e-12:
            break
    if not (separated or np.abs(step).max() < 1e-6):
        raise ValueError(
            f"the logit of {patients.sum():.0f} units did not settle: the regressors separate "
            "the outcomes; leave one out, take more units, or ask for the fit with separated=True"
        )
    return p, design * (p * (1 - p))[:, np.newaxis], np.linalg.inv(information)


def gain_on_counts(counts, design, *, moved=1.0, level=0.95):
    r"""Estimate by standardization what treating more of some kinds changes.

    With a logit for each arm, :math:`\hat\mu_t(k)`, and the shares :math:`\hat s(k)` of the
    kinds in the table, the estimate is
    :math:`\sum_k \hat s(k)\, m(k) (\hat\mu_1(k) - \hat\mu_0(k))`. With :math:`m = 1` it is the
    ATE; with the difference of two rules' chances of treatment, what changing the rule does.
    Its variance adds that of who was sampled to that of the coefficients, as the logit has it
    (the delta method); the recipe's also allows for a logit of the wrong form.

    Parameters
    ----------
    counts : numpy.ndarray
        As `count_kinds` returns them.
    design : numpy.ndarray
        A row a kind: its regressors, the constant included; the same in both arms.
    moved : float or numpy.ndarray, default 1
        By how much each kind's chance of treatment is raised.
    level : float, default 0.95
        Of the interval.

    Returns
    -------
    dict
        estimate, std_error, ci_low and ci_high.
    """
    n = counts.sum()
    share = counts.sum(axis=(1, 2)) / n
    fits = [logit_on_counts(counts[:, t], design) for t in (0, 1)]
    moved = np.asarray(moved, dtype=float)
    gain = moved * (fits[1][0] - fits[0][0])
    estimate = share @ gain
    variance = share @ (gain - estimate) ** 2 / n
    for _, slope, covariance in fits:
        pull = (share * moved) @ slope
        variance += pull @ covariance @ pull
    error, z = np.sqrt(variance), stats.norm.ppf((1 + level) / 2)
    ends = {"ci_low": estimate - z * error, "ci_high": estimate + z * error}
    return {"estimate": estimate, "std_error": error, **ends}
