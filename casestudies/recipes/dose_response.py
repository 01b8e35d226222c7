r"""Treatments given in doses: the mean outcome as a curve over the dose.

All estimates here assume that the covariates in `adjust_for` block every backdoor path
(:math:`Y(a) \perp A \mid X` for each dose a that is asked about), that whoever there is could have
got about that dose (a conditional density :math:`\pi(a \mid X) > 0`), that a dose is one thing and
that one unit's dose leaves the others alone. None of them protects against a confounder that
was not recorded. The estimand is the curve :math:`\theta(a) = E[Y(a)]` over everybody, or its
difference from one dose; each result names its own in ``attrs["estimand"]``.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from casestudies.recipes._bands import _joint, _root
from casestudies.recipes._clusters import _check_several_clusters, _clustered
from casestudies.recipes._columns import (
    _basis,
    _check_noise,
    _design,
    _names,
    _net,
    _numbers,
    _outcome,
    _read,
    _real,
    _reals,
    _scale,
)
from casestudies.recipes._score import _axes, _named, _with_constant

ENOUGH = 30  # rows near a dose: three coefficients, and ten rows for each
EPANECHNIKOV = 15 ** (1 / 5)  # of local lines: the integral of K^2 over the square of that of u^2 K
CELLS = 2_000_000  # of the table of doses by people that is in memory at a time


def dose_response(
    data,
    *,
    outcome,
    dose,
    adjust_for,
    at,
    reference=None,
    bandwidth=None,
    cluster=None,
    level=0.95,
):
    r"""Estimate the mean outcome at several doses by a doubly robust kernel regression.

    Estimand: :math:`\theta(a) = E[Y(a)]` over everybody, or :math:`\theta(a) - \theta(a_0)` with a
    `reference` :math:`a_0`. With an outcome model :math:`\mu(x, a)`, a density of the dose
    :math:`\pi(a \mid x)` and their means over everybody's covariates, :math:`m(a)` and
    :math:`f(a)`, each unit gets

    .. math:: \xi = \frac{Y - \mu(X, A)}{\pi(A \mid X)} f(A) + m(A)

    (Kennedy et al. 2017, section 3.1), whose regression on the dose is the curve if one of the
    two models is right. Here :math:`\mu` is linear in covariates, the dose, its square and products
    of the dose with the covariates, and the dose is normal around a linear mean with one
    variance: give a skewed dose in logarithms.

    The regression is a local parabola, which smooths with the bandwidth that suits a local line:
    that takes the line's leading bias out, so that the interval is for :math:`\theta(a)` and not
    for a smoothed curve, without a smaller bandwidth (Calonico, Cattaneo and Farrell 2018). What
    bias is left falls with the fourth power of the bandwidth, within a bandwidth of the ends of the
    doses with the third; a kink or a step within a bandwidth of `at` is rounded off. Standard
    errors come from each row's influence through the regression, both models and the means over
    covariates, with the bandwidth as given; they are valid if one of the models is right. In the
    world of `scenarios.dose` (1,000 rows, 1,000 samples) 95% intervals hold :math:`\theta(a)` at 8,
    10 and 12 hours in 0.945, 0.956 and 0.942 of samples, all three of `all_low` to `all_high` in
    0.951, with Monte Carlo errors of 0.007.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit; the time grows with the square of their number.
    outcome : str
        Numeric outcome.
    dose : str
        Column of doses, numbers of many values.
    adjust_for : str or list of str
        Covariates; a category enters as dummies without its first level.
    at : float or list of float
        Doses at which to estimate, inside the range of those that were given.
    reference : float, optional
        Dose that the others are compared with. Default: means, no differences.
    bandwidth : float, optional
        Half width of the window of doses around each point, in units of the dose. Default: the
        rule of thumb of Fan and Gijbels for a local line, at most half the range of doses.
    cluster : str, optional
        Column whose groups were sampled or treated together; rows are independent otherwise.
        With G groups, errors have the factor G / (G - 1) and t(G - 1).
    level : float
        Confidence level, between 0 and 1, of each interval by itself and of all at a time.

    Returns
    -------
    pandas.DataFrame
        A row for each dose in `at`; columns estimate, std_error, ci_low, ci_high, all_low,
        all_high (intervals that hold all of them at a time), n, and effective_n, Kish's effective
        number of rows behind the estimate at that dose. ``attrs["bandwidth"]`` holds the
        bandwidth, ``attrs["covariance"]`` the covariances as nested dicts.

    Raises
    ------
    ValueError
        If a column or an option is unfit, the covariates determine the dose, a dose in `at` lies
        outside those given, or fewer than 30 rows lie within a bandwidth of it.

    References
    ----------
    Kennedy, Ma, McHugh and Small (2017), Journal of the Royal Statistical Society B 79(4),
    1229-1245.
    Fan and Gijbels (1996), Local Polynomial Modelling and Its Applications, Chapman & Hall,
    section 4.2.
    Calonico, Cattaneo and Farrell (2018), Journal of the American Statistical Association
    113(522), 767-779.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> data = pd.DataFrame({"need": rng.normal(size=400)})
    >>> data["hours"] = 10 + data["need"] + 2 * rng.normal(size=400)
    >>> data["score"] = 5 * np.sqrt(data["hours"]) - 3 * data["need"] + rng.normal(size=400)
    >>> columns = {"outcome": "score", "dose": "hours", "adjust_for": "need"}
    >>> dose_response(data, **columns, at=[8, 12])[["estimate", "std_error"]].round(2)
           estimate  std_error
    hours
    8         14.42       0.16
    12        17.52       0.17
    """
    names, at = _names("adjust_for", adjust_for), _reals("at", at)
    points = _points(at.astype(float), reference)
    roles = {"outcome": outcome, "dose": dose, "cluster": cluster}
    table = _read(data, several={"adjust_for": names}, **roles)
    if not names:
        raise ValueError("adjust_for names no column; name the covariates to adjust for")
    doses, y = _many(table, dose), _outcome(table, outcome)
    for point in points[(points < doses.min()) | (points > doses.max())]:
        raise ValueError(
            f"dose {point:g} lies outside those in column {dose!r}, {doses.min():g} to "
            f"{doses.max():g}; the data say nothing of it, so leave it out"
        )
    origin, centre, scale = y.mean(), doses.mean(), doses.std()
    design, standard = _design(table, names), (doses - centre) / scale
    left = _net(standard, _basis(design, also=3 + len(design.labels)))
    if np.mean(left**2) <= 1e-12:
        raise ValueError(
            f"no overlap: the covariates predict column {dose!r} exactly, so nothing of it is "
            "left to compare; take what determines it out of adjust_for, if that may be"
        )
    if cluster is not None:
        _check_several_clusters(table, cluster)
    models = _fit_models(_axes(design).place(design), standard, y - origin)
    width = _bandwidth(models, bandwidth, scale)
    for point in points:
        _check_near(doses, point, width * scale, dose)
    estimate, influence, effective = _curve(models, (points - centre) / scale, width)
    estimate = estimate + origin
    if reference is not None:
        estimate, influence = estimate[1:] - estimate[0], influence[:, 1:] - influence[:, [0]]
        effective, points = effective[1:], points[1:]
    covariance, df = _clustered(influence, table.get(cluster))
    frame = _joint(points, estimate, _root(covariance), n=len(y), level=level, df=df)
    _check_noise(outcome, frame["std_error"], _scale(table, outcome))
    frame["effective_n"] = effective
    frame.index = pd.Index(at, name=dose)
    frame.attrs["bandwidth"] = width * scale
    compared = "" if reference is None else f", less that at {dose} = {reference:g}"
    return _named(frame, f"mean outcome at each dose{compared}", table)


class _DoseModels(NamedTuple):
    """Both models, fitted: covariates centred, dose and outcome less their means."""

    x: np.ndarray  # covariates behind a constant, orthogonal
    dose: np.ndarray
    terms: np.ndarray  # of the outcome model
    slopes: np.ndarray
    residual: np.ndarray  # of the outcome
    expected: np.ndarray  # dose
    spread: float
    z: np.ndarray  # where each dose lies around its own expected one
    density: np.ndarray  # there
    ratio: np.ndarray  # f over pi at each row
    pseudo: np.ndarray
    by_mean: np.ndarray  # derivatives of the logarithm of the ratio: by the mean's coefficients
    by_spread: np.ndarray  # and by the logarithm of the spread


def _fit_models(covariates, dose, y):
    """Fit the outcome model and the density of the dose, and make the pseudo-outcomes."""
    x, n = _with_constant(covariates), len(y)
    terms = np.column_stack([x, dose, dose**2, dose[:, np.newaxis] * covariates])
    slopes = np.linalg.lstsq(terms, y, rcond=None)[0]
    residual = y - terms @ slopes
    expected = x @ np.linalg.lstsq(x, dose, rcond=None)[0]
    spread = np.sqrt(np.mean((dose - expected) ** 2))
    mean_density, by_mean, by_spread = np.empty(n), np.empty_like(x), np.empty(n)
    for rows in _parts(n):
        z, density = _densities(dose[rows, np.newaxis], expected, spread)
        total = density.sum(axis=1)
        mean_density[rows] = total / n
        by_mean[rows] = (density * z) @ x / (total * spread)[:, np.newaxis]
        by_spread[rows] = (density * (z**2 - 1)).sum(axis=1) / total
    z, own = _densities(dose, expected, spread)
    by_mean, by_spread = by_mean - x * (z / spread)[:, np.newaxis], by_spread - (z**2 - 1)
    ratio, width = mean_density / own, x.shape[1]
    curve = slopes[0] + slopes[width] * dose + slopes[width + 1] * dose**2  # covariates centred
    fitted = (x, dose, terms, slopes, residual, expected, spread, z, own)
    return _DoseModels(*fitted, ratio, ratio * residual + curve, by_mean, by_spread)


def _densities(dose, expected, spread):
    """Return where doses lie around expected ones, and the density there."""
    z = (dose - expected) / spread
    return z, np.exp(-(z**2) / 2) / spread


def _parts(n):
    """Cut n rows into parts whose table with n columns fits memory."""
    step = max(1, CELLS // n)
    return [slice(start, start + step) for start in range(0, n, step)]


def _curve(models, points, width):
    """Return the curve at some points, every row's influence on it, and effective numbers."""
    kappa, smooth = np.empty((2, len(models.dose), len(points)))
    effective = np.empty(len(points))
    for k, point in enumerate(points):
        kappa[:, k], smooth[:, k], effective[k] = _parabola(models, point, width)
    estimate = kappa.T @ models.pseudo
    influence = kappa * (models.pseudo[:, np.newaxis] - smooth)
    influence += _by_averages(models, kappa, points) + _by_models(models, kappa, points)
    return estimate, influence, effective


def _parabola(models, point, width):
    """Return the weights of a local parabola, its fit, and the effective number of rows."""
    u = (models.dose - point) / width
    kernel = np.maximum(1 - u**2, 0)
    powers = np.column_stack([np.ones_like(u), u, u**2])
    weighted = powers * kernel[:, np.newaxis]
    inverse = np.linalg.inv(weighted.T @ powers)
    fit = powers @ (inverse @ (weighted.T @ models.pseudo))
    share = kernel * models.ratio
    return weighted @ inverse[0], fit, share.sum() ** 2 / (share**2).sum()


def _by_averages(models, kappa, points):
    """Return what each row's covariates add to m and f, and so to the curve."""
    n, p = models.x.shape
    x, slopes = models.x[:, 1:], models.slopes
    found = x @ slopes[1:p, np.newaxis] + x @ np.outer(slopes[p + 2 :], points)  # sum kappa a = a
    left = kappa * models.residual[:, np.newaxis]
    for rows in _parts(n):
        _, density = _densities(models.dose[rows, np.newaxis], models.expected, models.spread)
        found += density.T @ (left[rows] / models.density[rows, np.newaxis])
    return (found - left.T @ models.ratio) / n


def _by_models(models, kappa, points):
    """Return what each row adds through the estimated coefficients of both models."""
    n, p = models.x.shape
    through = np.zeros((models.terms.shape[1], len(points)))
    through[0], through[p], through[p + 1] = 1, points, points**2  # m, as parabolas keep those
    through -= models.terms.T @ (kappa * models.ratio[:, np.newaxis])
    found = models.terms @ np.linalg.solve(models.terms.T @ models.terms, through)
    found *= models.residual[:, np.newaxis]
    moved = kappa * (models.ratio * models.residual)[:, np.newaxis]
    by_mean = models.x @ np.linalg.solve(models.x.T @ models.x, models.by_mean.T @ moved)
    found += by_mean * (models.z * models.spread)[:, np.newaxis]
    return found + np.outer(models.z**2 - 1, models.by_spread @ moved) / (2 * n)


def _bandwidth(models, bandwidth, scale):
    """Return the bandwidth in standard deviations of the dose: that given, or the rule of thumb.

    Fan and Gijbels (1996), section 4.2: the bend and the noise of a polynomial of degree four
    through all pseudo-outcomes, over the inner nine tenths of the doses.
    """
    if bandwidth is not None:
        return _real("bandwidth", bandwidth, above=0) / scale
    dose = models.dose
    fit = np.polynomial.Polynomial.fit(dose, models.pseudo, 4)
    variance = np.sum((models.pseudo - fit(dose)) ** 2) / (len(dose) - 5)
    low, high = np.quantile(dose, [0.05, 0.95])
    bend = np.sum(fit.deriv(2)(dose[(dose >= low) & (dose <= high)]) ** 2)
    rule = EPANECHNIKOV * (variance * (high - low) / max(bend, 1e-300)) ** (1 / 5)
    return min(rule, np.ptp(dose) / 2)


def _points(points, reference):
    """Return the doses to estimate at, the reference first if there is one, or raise."""
    values, counts = np.unique(points, return_counts=True)
    for point in values[counts > 1]:
        raise ValueError(f"at has dose {point:g} more than once; name each once")
    if reference is None:
        return points
    base = _real("reference", reference)
    if base in points:
        raise ValueError(f"reference {base:g} is among at, where it is 0 by itself; leave it out")
    return np.array([base, *points])


def _many(table, name):
    """Return a column of doses, or raise if it has few values."""
    doses = _numbers(table, name)
    values = len(np.unique(doses))
    if values < 10:
        raise ValueError(
            f"column {name!r} has {values} value(s), too few for a curve; compare them as arms, "
            "each by itself"
        )
    return doses


def _check_near(doses, point, width, name):
    """Raise unless there are rows enough around a dose, on both sides."""
    near = doses[np.abs(doses - point) < width]
    sides = [int((near < point).sum()), int((near > point).sum())]
    if len(near) < ENOUGH or len(np.unique(near)) < 4 or min(sides) == 0:
        inside = doses.min() < point < doses.max()
        wider = ", or give a wider bandwidth= and say so" if inside else ""
        raise ValueError(
            f"near dose {point:g} of column {name!r} there are too few rows: {len(near)} with "
            f"{len(np.unique(near))} different dose(s) within {width:g}, {sides[0]} of them below "
            f"and {sides[1]} above, where a local parabola needs {ENOUGH}, of 4 doses, on both "
            f"sides; leave that dose out{wider}"
        )
