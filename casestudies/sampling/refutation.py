"""Three refuters and their p-values in plain numpy, fast enough to be run in many worlds.

They draw what DoWhy 0.14 draws: given the same numpy.random.RandomState they return the same
re-estimates. An estimator is a function of outcome, treatment and covariates (arrays; the
covariates in columns, without a constant) that returns a number, or an array of numbers for arrays
with one table behind another: outcomes of shape (m, n), covariates of shape (m, n, k).
"""

from functools import partial

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit


def random_common_cause(y, t, x, *, estimator, simulations, rng):
    """Estimate again with a column of standard normal noise among the covariates.

    Parameters
    ----------
    y, t : numpy.ndarray
        Outcome and treatment, of length n.
    x : numpy.ndarray
        Covariates, n rows.
    estimator : callable
        ``estimator(y, t, x)`` returns an estimate.
    simulations : int
        How often.
    rng : numpy.random.RandomState or numpy.random.Generator
        Stream of random numbers.

    Returns
    -------
    numpy.ndarray
        The re-estimates.
    """
    noise = np.array([rng.normal(size=len(y)) for _ in range(simulations)])
    held = np.broadcast_to(x, (simulations, *x.shape))
    columns = np.concatenate([held, noise[..., np.newaxis]], axis=-1)
    return estimator(*(np.broadcast_to(values, noise.shape) for values in (y, t)), columns)


def placebo_treatment(y, t, x, *, estimator, simulations, rng):
    """Estimate again with the treatment's values dealt out to the rows at random.

    Parameters
    ----------
    y, t, x, estimator, simulations, rng
        As in `random_common_cause`.

    Returns
    -------
    numpy.ndarray
        The re-estimates.
    """
    n = len(y)
    deals = np.array([rng.choice(n, size=n, replace=False) for _ in range(simulations)])
    held = np.broadcast_to(x, (simulations, *x.shape))
    return estimator(np.broadcast_to(y, deals.shape), t[deals], held)


def data_subset(y, t, x, *, estimator, simulations, rng, fraction=0.8):
    """Estimate again on a share of the rows, drawn without replacement.

    Parameters
    ----------
    y, t, x, estimator, simulations, rng
        As in `random_common_cause`.
    fraction : float
        Share of the rows, between 0 and 1.

    Returns
    -------
    numpy.ndarray
        The re-estimates.
    """
    n, size = len(y), round(fraction * len(y))
    draws = np.array([rng.choice(n, size=size, replace=False) for _ in range(simulations)])
    return estimator(y[draws], t[draws], x[draws])


def percentile_p_value(value, simulated):
    r"""Return the two-sided percentile p-value of a value in a simulated distribution.

    :math:`2 \min(K, m - K) / m`, where K of the m simulated numbers lie above the value; one
    that equals it counts one half. DoWhy's choice for 100 simulations or more.

    Parameters
    ----------
    value : float
        The estimate; for the placebo, 0.
    simulated : numpy.ndarray
        The re-estimates.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> percentile_p_value(2.5, np.array([1.0, 2.0, 3.0, 4.0]))
    1.0
    >>> percentile_p_value(3.5, np.array([1.0, 2.0, 3.0, 4.0]))
    0.5
    """
    above = np.mean(simulated > value) + np.mean(simulated == value) / 2
    return float(2 * min(above, 1 - above))


def normal_p_value(value, simulated):
    r"""Return the one-sided normal p-value of a value in a simulated distribution.

    :math:`\Phi(-|z|)` with :math:`z` the distance of the value from the simulated mean in
    simulated standard deviations (divisor m). It is never above one half. DoWhy's choice for
    fewer than 100 simulations.

    Parameters
    ----------
    value, simulated
        As in `percentile_p_value`.

    Returns
    -------
    float
        Between 0 and 0.5.

    Examples
    --------
    >>> round(normal_p_value(2.5, np.array([1.0, 2.0, 3.0, 4.0])), 3)
    0.5
    """
    return float(stats.norm.cdf(-abs(value - simulated.mean()) / simulated.std()))


def least_squares(y, t, x):
    """Return the coefficient of the treatment in a regression on it, covariates and a constant.

    Parameters
    ----------
    y, t, x
        As in `random_common_cause`, or one such table behind another.

    Returns
    -------
    float or numpy.ndarray
    """
    columns = np.concatenate([np.stack([t, np.ones(t.shape)], axis=-1), x], axis=-1)
    turned = np.swapaxes(columns, -1, -2)
    return np.linalg.solve(turned @ columns, turned @ y[..., np.newaxis])[..., 0, 0]


def nearest_score(y, t, x):
    """Return the ATE by the one nearest neighbour in the propensity score, for a 0/1 treatment.

    The score is a logit without a penalty, fitted by Newton's method.

    Parameters
    ----------
    y, t, x
        As in `random_common_cause`, or one such table behind another.

    Returns
    -------
    float or numpy.ndarray
    """
    columns = np.concatenate([np.ones((*t.shape, 1)), x], axis=-1)
    turned = np.swapaxes(columns, -1, -2)
    beta = np.zeros((columns.shape[-1], 1))
    for _ in range(25):
        p = expit(columns @ beta)
        information = (turned * np.swapaxes(p * (1 - p), -1, -2)) @ columns
        step = np.linalg.solve(information, turned @ (t[..., np.newaxis] - p))
        beta = beta + step
        if abs(step).max() < 1e-10:
            break
    return _by_neighbours(y, t == 1, expit(columns @ beta)[..., 0])[()]


@partial(np.vectorize, signature="(n),(n),(n)->()")
def _by_neighbours(y, treated, score):
    """Compare each unit with its nearest of the other arm, on average, for each table."""
    there = y[~treated][_nearest(score[treated], score[~treated])]
    back = y[treated][_nearest(score[~treated], score[treated])]
    return ((y[treated] - there).sum() + (back - y[~treated]).sum()) / len(y)


def _nearest(points, among):
    """Return for each point the position of the nearest of some others."""
    order = np.argsort(among)
    ranked = among[order]
    right = np.clip(np.searchsorted(ranked, points), 1, len(ranked) - 1)
    left_is_nearer = points - ranked[right - 1] <= ranked[right] - points
    return order[np.where(left_is_nearer, right - 1, right)]


REFUTERS = {
    "random common cause": random_common_cause,
    "placebo treatment": placebo_treatment,
    "random 80% of rows": data_subset,
}


def p_values(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    seed,
    estimator=least_squares,
    refuters=tuple(REFUTERS),
    simulations=100,
):
    """Return the two-sided percentile p-value of each refuter, for one table.

    The placebo asks whether zero is among its re-estimates, the others whether the estimate is.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, treatment : str
        Numeric columns.
    adjust_for : list of str
        Numeric columns.
    seed : int
        Each refuter starts from numpy.random.RandomState(seed).
    estimator : callable, default least_squares
        As in `random_common_cause`.
    refuters : sequence of str
        Names in ``REFUTERS``.
    simulations : int, default 100
        Re-estimates of each refuter.

    Returns
    -------
    pandas.Series
        A p-value for each refuter.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> data = pd.DataFrame(rng.normal(size=(200, 3)), columns=["sales", "ads", "season"])
    >>> columns = {"outcome": "sales", "treatment": "ads", "adjust_for": ["season"]}
    >>> bool((p_values(data, **columns, seed=1) > 0.5).all())
    True
    """
    y, t = data[outcome].to_numpy(), data[treatment].to_numpy()
    x = data[list(adjust_for)].to_numpy(float)
    estimate, found = estimator(y, t, x), {}
    for name in refuters:
        rng = np.random.RandomState(seed)
        draws = REFUTERS[name](y, t, x, estimator=estimator, simulations=simulations, rng=rng)
        tested = 0.0 if name == "placebo treatment" else estimate
        found[name] = percentile_p_value(tested, draws)
    return pd.Series(found)
