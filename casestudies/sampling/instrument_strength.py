r"""How instrumental-variables answers behave as the instruments get weaker, in many samples.

With normal errors of equal variance and instruments held fixed, every estimator with one
treatment depends on a sample only through two 2 x 2 matrices of cross-products of outcome
and treatment net of the controls: what the instruments explain, and the rest. Their
distributions are known (a noncentral and a central Wishart), so that a sample of any size
with three instruments or more costs eight random numbers (five with one, seven with two).
"""

import numpy as np
import pandas as pd
from scipy import stats

__all__ = ["draw_samples", "iv_answers", "summarize"]


def draw_samples(*, instruments, mean_f, endogeneity, rows, replications, rng):
    r"""Draw what two-stage least squares, LIML and Anderson-Rubin say in many samples.

    The model is :math:`Y = \beta D + u`, :math:`D = Z\pi + v` with a constant, u and v normal
    with variance 1 and correlation `endogeneity`, and k valid instruments with concentration
    :math:`\mu^2 = \pi'Z'Z\pi`. The expected first-stage F is :math:`1 + \mu^2 / k` (times
    r / (r - 2), r = rows - k - 1). Errors do not depend on :math:`\beta`.

    Parameters
    ----------
    instruments : int
        Number of instruments k, at least 1.
    mean_f : float
        Expected first-stage F, at least 1; 1 means that the instruments are irrelevant.
    endogeneity : float
        Correlation of the two errors, in [-1, 1].
    rows : int
        Size of each sample, above k + 2.
    replications : int
        Number of samples, at least 1.
    rng : int or numpy.random.Generator
        Seed or stream.

    Returns
    -------
    pandas.DataFrame
        A row a sample, columns as `iv_answers` gives them.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    Phillips (1983), Exact small sample theory in the simultaneous equations model, Handbook
    of Econometrics 1, 449-516.

    Examples
    --------
    >>> samples = draw_samples(
    ...     instruments=1, mean_f=200, endogeneity=0.5, rows=5_000, replications=4_000, rng=1
    ... )
    >>> bool(abs(samples["2SLS covers"].mean() - 0.95) < 0.015)
    True
    """
    _check(instruments, mean_f, endogeneity, rows, replications)
    rng = np.random.default_rng(rng)
    scale = np.array([[1.0, 0.0], [endogeneity, np.sqrt(1 - endogeneity**2)]])
    strong = rng.standard_normal((replications, 2)) @ scale.T
    strong[:, 1] += np.sqrt(instruments * (mean_f - 1))
    explained = strong[:, :, np.newaxis] * strong[:, np.newaxis]
    explained += _wishart(instruments - 1, scale, replications, rng)
    residual = _wishart(rows - instruments - 1, scale, replications, rng)
    return iv_answers(explained, residual, instruments=instruments, rows=rows)


def iv_answers(explained, residual, *, instruments, rows, effect=0.0, level=0.95):
    r"""Estimate from cross-products, and say which intervals cover a stated effect.

    With E the explained and R the residual cross-products, k instruments and
    r = rows - k - 1, F is :math:`E_{dd} r / (R_{dd} k)`; two-stage least squares is
    :math:`E_{yd} / E_{dd}`; LIML puts :math:`E - \lambda R` for E, with :math:`\lambda` the
    least eigenvalue of :math:`R^{-1} E`; the Anderson-Rubin statistic is an F for the outcome
    less the effect times the treatment.

    Parameters
    ----------
    explained, residual : numpy.ndarray, shape (samples, 2, 2)
        Cross-products of outcome (first) and treatment net of the constant.
    instruments, rows : int
        Their number k and the size of each sample.
    effect : float, default 0
        The effect that an interval should cover.
    level : float, default 0.95
        Coverage that the intervals promise.

    Returns
    -------
    pandas.DataFrame
        ``F``; the errors (estimate less effect) ``OLS``, ``2SLS`` and ``LIML``; and 0/1
        ``2SLS covers`` (unadjusted standard error), ``LIML covers`` (Bekker's), ``AR
        covers`` and ``AR bounded``.

    References
    ----------
    Anderson and Rubin (1949), Annals of Mathematical Statistics 20(1), 46-63.
    Bekker (1994), Econometrica 62(3), 657-681.

    Examples
    --------
    >>> e, r = np.array([[[4.0, 2.0], [2.0, 4.0]]]), np.array([[[50.0, 30.0], [30.0, 60.0]]])
    >>> iv_answers(e, r, instruments=2, rows=103)[["F", "2SLS"]].round(3).to_dict("list")
    {'F': [3.333], '2SLS': [0.5]}
    """
    df = rows - instruments - 1
    critical = stats.f.ppf(level, instruments, df)
    total = explained + residual
    f = explained[:, 1, 1] / residual[:, 1, 1] * df / instruments
    least = _least_root(explained, residual)
    form = explained - least[:, np.newaxis, np.newaxis] * residual
    two_stage = explained[:, 0, 1] / explained[:, 1, 1]
    liml = form[:, 0, 1] / form[:, 1, 1]
    error = np.sqrt(_quadratic(total, two_stage) / rows / explained[:, 1, 1])
    bekker = _bekker(explained, residual, form, least, liml, rows)
    z = stats.norm.ppf((1 + level) / 2)
    at_truth = np.full(len(f), effect)
    ar = _quadratic(explained, at_truth) / _quadratic(residual, at_truth) * df / instruments
    return pd.DataFrame(
        {
            "F": f,
            "OLS": total[:, 0, 1] / total[:, 1, 1] - effect,
            "2SLS": two_stage - effect,
            "LIML": liml - effect,
            "2SLS covers": (abs(two_stage - effect) <= z * error).astype(int),
            "LIML covers": (abs(liml - effect) <= z * bekker).astype(int),
            "AR covers": (ar <= critical).astype(int),
            "AR bounded": (f > critical).astype(int),
        }
    )


def summarize(samples):
    """Return coverage and relative bias over samples.

    Parameters
    ----------
    samples : pandas.DataFrame
        As `draw_samples` returns it, or some of its rows.

    Returns
    -------
    pandas.Series
        ``2SLS coverage``, ``LIML coverage``, ``AR coverage``, ``AR bounded`` (shares of the
        samples), ``2SLS bias`` and ``LIML bias`` (median errors as a share of that of OLS).

    Raises
    ------
    ValueError
        If there is no sample.

    Examples
    --------
    >>> options = {"instruments": 30, "mean_f": 1, "endogeneity": 0.8, "rows": 500}
    >>> summary = summarize(draw_samples(**options, replications=1_000, rng=1))
    >>> bool(summary["2SLS bias"] > 0.95)
    True
    """
    if samples.empty:
        raise ValueError("samples has no rows; check the filter that made it")
    shares = samples[["2SLS covers", "LIML covers", "AR covers", "AR bounded"]].mean()
    bias = samples[["2SLS", "LIML"]].median() / samples["OLS"].median()
    shares.index = shares.index.str.replace("covers", "coverage")
    return pd.concat([shares, bias.add_suffix(" bias")])


def _quadratic(products, slope):
    """Return the sum of squares of outcome less slope times treatment."""
    return products[:, 0, 0] - 2 * slope * products[:, 0, 1] + slope**2 * products[:, 1, 1]


def _least_root(explained, residual):
    """Return the least eigenvalue of each explained matrix relative to the residual one."""
    size = _determinant(residual)
    half = (
        explained[:, 0, 0] * residual[:, 1, 1]
        - 2 * explained[:, 0, 1] * residual[:, 0, 1]
        + explained[:, 1, 1] * residual[:, 0, 0]
    ) / (2 * size)
    product = np.maximum(_determinant(explained) / size, 0)
    return product / (half + np.sqrt(np.maximum(half**2 - product, 0)))


def _determinant(products):
    return products[:, 0, 0] * products[:, 1, 1] - products[:, 0, 1] * products[:, 1, 0]


def _bekker(explained, residual, form, least, slope, rows):
    """Return Bekker's standard error of LIML, right with many instruments."""
    total = explained + residual
    squares = _quadratic(total, slope)
    tilt = (total[:, 0, 1] - slope * total[:, 1, 1]) / squares
    net = np.stack([-tilt, 1 + slope * tilt], axis=1)
    middle = explained + least[:, np.newaxis, np.newaxis] ** 2 * residual
    return np.sqrt(squares / rows * np.einsum("ni,nij,nj->n", net, middle, net)) / form[:, 1, 1]


def _wishart(df, scale, replications, rng):
    """Draw 2 x 2 Wishart matrices by Bartlett's decomposition; zeros without freedom."""
    root = np.zeros((replications, 2, 2))
    if df > 0:
        root[:, 0, 0] = np.sqrt(rng.chisquare(df, replications))
        root[:, 1, 0] = rng.standard_normal(replications)
    if df > 1:
        root[:, 1, 1] = np.sqrt(rng.chisquare(df - 1, replications))
    root = scale @ root
    return root @ root.transpose(0, 2, 1)


def _check(instruments, mean_f, endogeneity, rows, replications):
    """Raise unless every parameter lies in its range."""
    if instruments < 1 or replications < 1:
        raise ValueError(
            f"instruments and replications must be at least 1, got {instruments} and {replications}"
        )
    if mean_f < 1:
        raise ValueError(f"mean_f must be at least 1, irrelevant instruments, got {mean_f}")
    if not -1 <= endogeneity <= 1:
        raise ValueError(f"endogeneity must lie in [-1, 1], got {endogeneity}")
    if rows <= instruments + 2:
        raise ValueError(
            f"rows must be above instruments + 2 = {instruments + 2}, got {rows}; "
            "the residuals need freedom"
        )
