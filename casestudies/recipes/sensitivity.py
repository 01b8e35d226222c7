r"""Sensitivity: how strong an unrecorded confounder must be to overturn an estimate.

Robustness value, benchmark bounds and contour concern the coefficient :math:`\hat\tau` of a
treatment :math:`D` in a linear regression of :math:`Y` on :math:`D` and covariates :math:`X`.
A confounder :math:`Z` that was left out enters through two partial :math:`R^2`, with the
treatment, :math:`R^2_{D \sim Z \mid X}`, and with the outcome, :math:`R^2_{Y \sim Z \mid D, X}`:

.. math:: |\mathrm{bias}| = \mathrm{se}(\hat\tau) \sqrt{\mathrm{dof} \,
   R^2_{Y \sim Z \mid D, X} \, R^2_{D \sim Z \mid X} / (1 - R^2_{D \sim Z \mid X})}.

None of these figures says whether such a confounder exists; that is for the subject's knowledge.
"""

import numpy as np
import pandas as pd
from scipy import stats

from casestudies.recipes._columns import (
    _basis,
    _check_choice,
    _check_level,
    _check_noise,
    _design,
    _names,
    _net,
    _numbers,
    _outcome,
    _read,
    _real,
    _reals,
    _result,
    _scale,
)

GRID = tuple(np.linspace(0, 0.4, 41))


def robustness_value(data, *, outcome, treatment, adjust_for, q=1, level=0.95):
    r"""Return how strong a confounder must be to take away a share q of the estimate.

    A confounder that explains less than :math:`RV_q` of the residual variance of the treatment
    and of the outcome cannot bring the estimate down by a share q. With
    :math:`f = q |t| / \sqrt{\mathrm{dof}}`, :math:`RV_q = (\sqrt{f^4 + 4 f^2} - f^2) / 2`.
    Below :math:`RV_{q, \alpha}` it cannot make that share statistically insignificant either.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, treatment : str
        Numeric columns.
    adjust_for : str or list of str
        Covariates of the regression; a category enters as dummies.
    q : float
        Share of the estimate that would change the conclusion; 1 brings it to zero.
    level : float
        Confidence level, :math:`1 - \alpha`.

    Returns
    -------
    pandas.Series
        estimate, std_error, t_value and dof of the regression; partial_r2 of treatment and
        outcome, which is also how much of the treatment a confounder that explains all of the
        outcome would have to explain; rv_q and rv_q_alpha, between 0 and 1.

    Raises
    ------
    ValueError
        If a column is unfit or collinear, or q or level is out of range.

    References
    ----------
    Cinelli and Hazlett (2020), Journal of the Royal Statistical Society B 82(1), 39-67.

    Examples
    --------
    >>> data = pd.DataFrame({"drug": [0, 0, 0, 0, 1, 1, 1, 1], "age": [1, 2, 3, 4, 1, 2, 3, 4]})
    >>> data["days"] = [3, 5, 6, 8, 5, 7, 9, 9]
    >>> robustness_value(data, outcome="days", treatment="drug", adjust_for="age").round(2)
    estimate      2.00
    std_error     0.39
    t_value       5.16
    dof           5.00
    partial_r2    0.84
    rv_q          0.86
    rv_q_alpha    0.54
    Name: robustness_value, dtype: float64
    """
    names = _names("adjust_for", adjust_for)
    table = _read(data, outcome=outcome, treatment=treatment, several={"adjust_for": names})
    estimate, std_error, dof = _regression(table, outcome, treatment, names)
    t_value = estimate / std_error
    fit = {"estimate": estimate, "std_error": std_error, "t_value": t_value, "dof": dof}
    values = robustness_from_t(t_value, dof, q=q, level=level)
    return pd.Series({**fit, **values}, name="robustness_value", dtype=float)


def robustness_from_t(t_value, dof, *, q=1, level=0.95):
    r"""Return the robustness values of a published regression from its t value.

    A confounder that explains less than :math:`RV_q` of the residual variance of the treatment
    and of the outcome cannot bring the coefficient down by a share q, and one that explains
    less than :math:`RV_{q, \alpha}` cannot make that share statistically insignificant.

    Parameters
    ----------
    t_value : float
        The treatment's coefficient divided by its classical standard error.
    dof : float
        Residual degrees of freedom of the regression, above 1.
    q : float
        Share of the estimate that would change the conclusion.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        partial_r2, rv_q, rv_q_alpha.

    Raises
    ------
    ValueError
        If the t value is not finite, q not positive, level not between 0 and 1, or dof at most 1.

    References
    ----------
    Cinelli and Hazlett (2020), Journal of the Royal Statistical Society B 82(1), 39-67.

    Examples
    --------
    >>> robustness_from_t(4.18, 783).round(3)
    partial_r2    0.022
    rv_q          0.139
    rv_q_alpha    0.076
    Name: robustness_value, dtype: float64
    """
    _real("t_value", t_value)
    _real("dof", dof, above=1)
    _real("q", q, above=0)
    _check_level(level)
    f = abs(t_value) / np.sqrt(dof)
    critical = stats.t.ppf((1 + level) / 2, dof - 1) / np.sqrt(dof - 1)
    values = {
        "partial_r2": (f / np.hypot(1, f)) ** 2,
        "rv_q": _robustness(q * f, 0),
        "rv_q_alpha": _robustness(q * f, critical),
    }
    return pd.Series(values, name="robustness_value")


def bias_bounds(
    data, *, outcome, treatment, adjust_for, benchmark, multiples=(1, 2, 3), level=0.95
):
    r"""Bound what a confounder could do that is so many times as strong as a covariate.

    "k times as strong as :math:`X_j`" compares how much of treatment and of outcome each
    explains beyond the other covariates:
    :math:`k = R^2_{D \sim Z \mid X_{-j}} / R^2_{D \sim X_j \mid X_{-j}}`, and the same for the
    outcome given D. The bounds hold for one confounder, unrelated to the other covariates. The
    adjusted intervals take the two partial R squared as given, so the benchmark's own sampling
    error is not in them.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, treatment : str
        Numeric columns.
    adjust_for : str or list of str
        Covariates of the regression.
    benchmark : str or list of str
        Covariates, among `adjust_for`, to compare with; a category counts as a whole.
    multiples : sequence of float
        The strengths k, above 0.
    level : float
        Confidence level of the adjusted intervals.

    Returns
    -------
    pandas.DataFrame
        A row for each benchmark and multiple: r2dz_x and r2yz_dx, the confounder's largest
        partial R squared with treatment and outcome; estimate, std_error, t_value, ci_low and
        ci_high, adjusted for a confounder that is as strong as that and pulls towards zero.

    Raises
    ------
    ValueError
        If a column is unfit or collinear, a benchmark is not in `adjust_for`, or a confounder
        so strong would leave nothing of the treatment to explain.

    References
    ----------
    Cinelli and Hazlett (2020), Journal of the Royal Statistical Society B 82(1), 39-67,
    section 4.4.

    Examples
    --------
    >>> data = pd.DataFrame({"drug": [0, 0, 0, 0, 1, 1, 1, 1], "age": [1, 3, 2, 4, 2, 3, 5, 4]})
    >>> data["days"] = [3, 6, 5, 4, 7, 9, 8, 10]
    >>> columns = dict(outcome="days", treatment="drug", adjust_for="age")
    >>> bounds = bias_bounds(data, **columns, benchmark="age", multiples=(1, 2))
    >>> bounds[["r2dz_x", "r2yz_dx", "estimate"]].round(3)
                        r2dz_x  r2yz_dx  estimate
    benchmark multiple
    age       1            0.2    0.286     3.000
              2            0.4    0.634     2.141
    """
    names = _names("adjust_for", adjust_for)
    table = _read(data, outcome=outcome, treatment=treatment, several={"adjust_for": names})
    fit = _regression(table, outcome, treatment, names)
    multiples = _reals("multiples", multiples, above=0)
    rows = {}
    for name in _names("benchmark", benchmark):
        if name not in names:
            raise ValueError(f"benchmark {name!r} is not in adjust_for, which names {names}")
        strength = _strength(table, outcome, treatment, names, name)
        for k in multiples:
            r2dz_x, r2yz_dx = _bound(*strength, k, name)
            adjusted = _adjusted(*fit, r2dz_x, r2yz_dx)
            rows[name, k] = [r2dz_x, r2yz_dx, *_interval(*adjusted, fit[2] - 1, level)]
    columns = ["r2dz_x", "r2yz_dx", "estimate", "std_error", "t_value", "ci_low", "ci_high"]
    index = pd.MultiIndex.from_tuples(rows, names=["benchmark", "multiple"])
    return pd.DataFrame(list(rows.values()), index=index, columns=columns)


def contour(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    r2dz_x=GRID,
    r2yz_dx=GRID,
    value="estimate",
):
    """Return the adjusted estimate on a grid of strengths of a confounder, to draw contours.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, treatment : str
        Numeric columns.
    adjust_for : str or list of str
        Covariates of the regression.
    r2dz_x, r2yz_dx : sequence of float
        Partial R squared of the confounder with treatment and with outcome; at least 0 and
        below 1. Default: 0 to 0.4 in steps of 0.01.
    value : {"estimate", "t_value"}
        What to adjust.

    Returns
    -------
    pandas.DataFrame
        Adjusted values: a row for each r2yz_dx, a column for each r2dz_x, as in
        ``ax.contour(grid.columns, grid.index, grid)``.

    Raises
    ------
    ValueError
        If a column is unfit or collinear, or a partial R squared is out of range.

    References
    ----------
    Cinelli and Hazlett (2020), Journal of the Royal Statistical Society B 82(1), 39-67.

    Examples
    --------
    >>> data = pd.DataFrame({"drug": [0, 0, 0, 0, 1, 1, 1, 1], "age": [1, 2, 3, 4, 1, 2, 3, 4]})
    >>> data["days"] = [3, 5, 6, 8, 5, 7, 9, 9]
    >>> columns = dict(outcome="days", treatment="drug", adjust_for="age")
    >>> contour(data, **columns, r2dz_x=(0, 0.5), r2yz_dx=(0, 0.5)).round(2)
    r2dz_x   0.0   0.5
    r2yz_dx
    0.0      2.0  2.00
    0.5      2.0  1.39
    """
    _check_choice("value", value, ("estimate", "t_value"))
    columns = pd.Index(_reals("r2dz_x", r2dz_x, least=0, below=1), name="r2dz_x")
    index = pd.Index(_reals("r2yz_dx", r2yz_dx, least=0, below=1), name="r2yz_dx")
    names = _names("adjust_for", adjust_for)
    table = _read(data, outcome=outcome, treatment=treatment, several={"adjust_for": names})
    fit = _regression(table, outcome, treatment, names)
    estimate, std_error = _adjusted(*fit, columns.to_numpy(), index.to_numpy()[:, None])
    values = estimate / std_error if value == "t_value" else estimate
    return pd.DataFrame(values, index=index, columns=columns)


def e_value(risk_ratio, ci_low=None, ci_high=None):
    r"""Return the E-value of a risk ratio and of the interval's limit nearer to 1.

    The E-value is the risk ratio that an unrecorded confounder would need with the treatment
    and with the outcome, beyond the recorded covariates, to move the estimate to 1:
    :math:`E = RR + \sqrt{RR (RR - 1)}`, with :math:`1 / RR` for a ratio below 1.

    Its limits: it is a function of the ratio alone, so it adds nothing to it but a scale; it
    assumes the worst confounder, so that a larger one need not overturn the estimate; it
    knows no threshold and nothing about which confounders are plausible; an odds ratio or a
    hazard ratio of a common outcome must be turned into a risk ratio first. Read it beside
    the benchmarks of `bias_bounds`.

    Parameters
    ----------
    risk_ratio : float
        Above 0.
    ci_low, ci_high : float, optional
        Limits of its confidence interval.

    Returns
    -------
    pandas.Series
        estimate, the E-value of the ratio, and, given the interval, ci_limit, that of the
        limit nearer to 1: 1 if the interval contains 1.

    Raises
    ------
    ValueError
        If a ratio is not positive, one limit lacks, or the interval does not contain the ratio.

    References
    ----------
    VanderWeele and Ding (2017), Annals of Internal Medicine 167(4), 268-274.

    Examples
    --------
    >>> e_value(3.9, 1.8, 8.7).round(2)
    estimate    7.26
    ci_limit    3.00
    Name: e_value, dtype: float64
    """
    if (ci_low is None) != (ci_high is None):
        raise ValueError("give both ci_low and ci_high, or neither")
    _real("risk_ratio", risk_ratio, above=0)
    low, high = (risk_ratio, risk_ratio) if ci_low is None else (ci_low, ci_high)
    if not _real("ci_low", low, above=0) <= risk_ratio <= _real("ci_high", high):
        raise ValueError(
            f"need 0 < ci_low <= risk_ratio <= ci_high, got {low}, {risk_ratio}, {high}"
        )
    values = {"estimate": _e_value(max(risk_ratio, 1 / risk_ratio))}
    if ci_low is not None:
        values["ci_limit"] = _e_value(max(low, 1 / high, 1))
    return pd.Series(values, name="e_value")


def _e_value(ratio):
    """Return the E-value of a risk ratio of at least 1."""
    return ratio + np.sqrt(ratio * (ratio - 1))


def _regression(table, outcome, treatment, names):
    """Return coefficient, classical standard error and residual dof of the treatment."""
    y, d = _outcome(table, outcome), _numbers(table, treatment)
    basis, _ = (_basis(_design(table, some)) for some in (names, [*names, treatment]))
    dof = len(y) - basis.shape[1] - 2
    if dof < 2:
        raise ValueError(f"{len(y)} rows leave {dof} degrees of freedom; use fewer covariates")
    d, y = _net(d, basis), _net(y, basis)
    estimate = d @ y / (d @ d)
    rest = y - estimate * d
    std_error = np.sqrt(rest @ rest / dof / (d @ d))
    _check_noise(outcome, std_error, _scale(table, outcome) / np.sqrt(d @ d))
    return estimate, std_error, dof


def _strength(table, outcome, treatment, names, benchmark):
    """Return the benchmark's partial R squared with treatment and, given it, with outcome."""
    others = [name for name in names if name != benchmark]
    sides = [(_numbers(table, treatment), []), (_numbers(table, outcome), [treatment])]
    shares = []
    for values, given in sides:
        less, full = (_basis(_design(table, [*some, *given])) for some in (others, names))
        before, after = _net(values, less), _net(values, full)
        shares.append(1 - after @ after / (before @ before))
    return shares


def _bound(r2dx, r2yx, k, name):
    """Return what a confounder k times as strong explains of treatment and of outcome."""
    r2dz_x = k * r2dx / (1 - r2dx)
    if r2dz_x >= 1:
        raise ValueError(
            f"a confounder {k:g} times as strong as {name!r} would explain {100 * r2dz_x:.0f}% of "
            "what the covariates leave of the treatment; choose a smaller multiple"
        )
    r2zx = k * r2dx**2 / ((1 - k * r2dx) * (1 - r2dx))
    eta = (np.sqrt(k) + np.sqrt(r2zx)) / np.sqrt(1 - r2zx)
    return r2dz_x, min(eta**2 * r2yx / (1 - r2yx), 1.0)


def _adjusted(estimate, std_error, dof, r2dz_x, r2yz_dx):
    """Return estimate and standard error had a confounder that pulls to 0 been included."""
    bias = std_error * np.sqrt(dof * r2yz_dx * r2dz_x / (1 - r2dz_x))
    scale = np.sqrt((1 - r2yz_dx) / (1 - r2dz_x) * dof / (dof - 1))
    return np.sign(estimate) * (np.abs(estimate) - bias), std_error * scale


def _interval(estimate, std_error, dof, level):
    """Return estimate, standard error, t value and confidence limits."""
    result = _result("adjusted", estimate, std_error, n=dof, level=level, df=dof)
    t_value = estimate / std_error if std_error > 0 else np.sign(estimate) * np.inf
    return estimate, std_error, t_value, result["ci_low"], result["ci_high"]


def _robustness(f, critical):
    """Return the smallest equal partial R squared that brings |t| to its critical value."""
    gap = f - critical
    if gap <= 0:
        return 0.0
    value = 2 * gap / (gap + np.hypot(gap, 2))  # (sqrt(gap^4 + 4 gap^2) - gap^2) / 2
    if value > 1 - critical**2:
        value = (f - critical) / np.hypot(1, f) * ((f + critical) / np.hypot(1, f))
    return value
