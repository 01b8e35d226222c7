"""Randomized experiments: estimate, adjust, test the sharp null, and choose the size.

The treatment is taken to be drawn at random, unit by unit (complete randomization:
every set of treated units of that size was equally likely). For an experiment
randomized in blocks or in clusters these standard errors and permutations are not right.
Needs numpy, pandas and scipy.
"""

import numpy as np
import pandas as pd
from scipy import optimize, stats

from casestudies.recipes._columns import (
    _check_choice,
    _count,
    _design,
    _frame,
    _generator,
    _group_basis,
    _listed,
    _mean,
    _names,
    _outcome,
    _read,
    _real,
    _result,
    _zero_one,
)
from casestudies.recipes._counted import _pool, _read_counted


def difference_in_means(data, *, outcome, treatment, size=None, level=0.95):
    r"""Estimate the average treatment effect of an experiment without adjustment.

    .. math:: \hat\tau = \bar Y_1 - \bar Y_0, \qquad
              \widehat{\mathrm{se}}^2 = \frac{s_1^2}{n_1} + \frac{s_0^2}{n_0},

    with :math:`s_d^2` the sample variances (divisor :math:`n_d - 1`). This is Neyman's
    standard error, equal to HC2 of the regression on the treatment: right for units drawn
    from a large population, and at least as large as needed for the units at hand. The
    interval uses the t distribution with Welch's degrees of freedom.

    Estimand: the average treatment effect. Assumptions: the treatment was randomized, no
    unit's treatment changes another's outcome, and no outcome is missing by treatment.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per randomized unit, or per cell of them with `size`, complete in the columns
        named; it is not changed.
    outcome : str
        Numeric column, in any unit.
    treatment : str
        Column of 0 (control) and 1 (treated).
    size : str, optional
        Column that counts the rows behind each row of `data`, which then are cells: an outcome
        ``"y"`` is read from ``y_mean`` and ``y_var`` (divisor n), or from ``y`` if it is the
        same in all of a cell.
        The answer is that of the rows.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        ``estimate``, ``std_error``, ``ci_low`` and ``ci_high`` in units of the outcome,
        and ``n``.

    Raises
    ------
    ValueError
        If a group has fewer than two rows, if the outcome does not vary, or if a column
        is missing, incomplete or not of its kind.

    References
    ----------
    Neyman (1923), translated in Statistical Science 5(4), 1990, 465-472.
    Samii and Aronow (2012), Statistics & Probability Letters 82(2), 365-370 (HC2).

    Examples
    --------
    >>> trial = pd.DataFrame({"offer": [0, 0, 0, 1, 1, 1], "sales": [1, 2, 3, 4, 6, 8]})
    >>> difference_in_means(trial, outcome="sales", treatment="offer").round(2)
    estimate     4.00
    std_error    1.29
    ci_low      -0.16
    ci_high      8.16
    n            6.00
    Name: difference_in_means, dtype: float64

    The same from two cells.

    >>> cells = pd.DataFrame({"offer": [0, 1], "n": [3, 3], "sales_mean": [2, 6]})
    >>> cells["sales_var"] = [2 / 3, 8 / 3]
    >>> same = difference_in_means(cells, outcome="sales", treatment="offer", size="n")
    >>> same[["estimate", "std_error"]].round(2).to_list()
    [4.0, 1.29]
    """
    table, counted = _read_counted(data, size, outcome=outcome, treatment=treatment)
    y, d = _outcome(table, outcome, variance=counted.variance), _zero_one(table, treatment)
    _check_groups_of_two(table, d, treatment, counted.size)
    rounding = 8 * max(table.attrs["precision"][outcome], np.finfo(float).eps) * np.abs(y).max()
    origin = y - _mean(y, counted.size)
    n, means, scatter = _pool(origin[:, np.newaxis], counted, d.astype(int))
    within = scatter[:, 0, 0] / n
    if (within <= rounding**2).all():
        raise ValueError(
            f"column {outcome!r} does not vary within the groups of {treatment!r}, so there is no "
            "noise to estimate; check how it was made"
        )
    noise = within / (n - 1)
    df = noise.sum() ** 2 / (noise**2 / (n - 1)).sum()
    options = {"n": counted.n, "level": level, "df": df}
    gap = means[1, 0] - means[0, 0]
    return _result("difference_in_means", gap, np.sqrt(noise.sum()), **options)


def adjusted(data, *, outcome, treatment, adjust_for, cov="HC2", size=None, level=0.95):
    r"""Estimate the average treatment effect of an experiment with regression adjustment.

    Lin's estimator: the coefficient :math:`\tau` of the treatment in

    .. math:: Y = \alpha + \tau D + (X - \bar X)'\beta + D (X - \bar X)'\gamma + \varepsilon,

    with covariates centred at the mean of all rows and interacted with the treatment, and
    the HC2 standard error. In large samples it is never less precise than the difference
    in means, and its interval holds even if the regression is not the truth. The interval
    uses the t distribution with rows less coefficients as degrees of freedom. With the
    outcome before the experiment as covariate it is what is called CUPED, with a slope for
    each arm.

    ``cov="by_arm"`` takes one residual variance :math:`s_d^2` in each arm, with
    :math:`S_d` the cross-products of the covariates in it,

    .. math:: \widehat{\mathrm{se}}^2 = \sum_d s_d^2 \Big\{\frac{1}{n_d}
              + (\bar X - \bar X_d)' S_d^{-1} (\bar X - \bar X_d)\Big\},

    which in a randomized experiment agrees with HC2 as the sample grows, and needs no more
    than the means, variances and covariances of outcome and covariates by arm.

    Estimand: the average treatment effect among the units at hand (the error leaves out
    that another sample would have another :math:`\bar X`). Assumptions: those of
    `difference_in_means`; the covariates were fixed before the treatment, and chosen
    before the outcome was seen; the sample is large beside their number.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per randomized unit, or per cell of them with `size`, complete in the columns
        named; it is not changed.
    outcome : str
        Numeric column, in any unit.
    treatment : str
        Column of 0 (control) and 1 (treated).
    adjust_for : str or list of str
        Covariates; a column that is not numeric (text, category) enters as dummies.
    cov : {"HC2", "by_arm"}
        Covariance estimator.
    size : str, optional
        Column that counts the rows behind each row of `data`, which then are cells: an outcome
        ``"y"`` is read from ``y_mean`` and ``y_var`` (divisor n), or from ``y`` if it is the
        same in all of a cell. So are covariates with ``cov="by_arm"``, and ``cov_x_y`` beside.
        The answer is that of the rows.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        ``estimate``, ``std_error``, ``ci_low`` and ``ci_high`` in units of the outcome,
        and ``n``.

    Raises
    ------
    ValueError
        If a group cannot carry the regression (too few rows, a covariate that is constant
        or repeats others, a row alone in its category), if cells do not hold the values of a
        covariate, or if a column is missing, incomplete or not of its kind.

    References
    ----------
    Lin (2013), Annals of Applied Statistics 7(1), 295-318.
    Deng, Xu, Kohavi and Walker (2013), Proceedings of the Sixth ACM International Conference
    on Web Search and Data Mining, 123-132 (CUPED).

    Examples
    --------
    Both groups have 1 more in sales for each visit, and the offer adds 3 at the mean of
    2.5 visits; but the treated happen to visit more.

    >>> trial = pd.DataFrame({
    ...     "offer":  [0, 0, 0, 0, 1, 1, 1, 1],
    ...     "visits": [1, 2, 2, 3, 2, 3, 3, 4],
    ...     "sales":  [1, 3, 1, 3, 5, 7, 5, 7],
    ... })
    >>> adjusted(trial, outcome="sales", treatment="offer", adjust_for="visits").round(2)
    estimate     3.00
    std_error    0.58
    ci_low       1.40
    ci_high      4.60
    n            8.00
    Name: adjusted, dtype: float64
    """
    names = _names("adjust_for", adjust_for)
    _check_choice("cov", cov, ("HC2", "by_arm"))
    _check_fourth_moments(data, names, cov, size)
    measured = ("outcome", "adjust_for") if cov == "by_arm" else ("outcome",)
    roles = {"outcome": outcome, "treatment": treatment, "several": {"adjust_for": names}}
    table, counted = _read_counted(data, size, measured, **roles)
    y, d = _outcome(table, outcome, variance=counted.variance), _zero_one(table, treatment)
    y = y - _mean(y, counted.size)
    x = _design(table, names)
    df = counted.n - 2 * (1 + len(x.labels))
    if cov == "HC2":
        estimate, variance = _hc2(x, y, d, counted, treatment, _frame(data).index)
    else:
        widths = [1, *(len(_design(table, [name]).labels) for name in names)]
        owner = np.repeat(np.arange(len(widths)), widths)  # dummies do not vary in cells
        counted = counted._replace(scatter=counted.scatter[:, owner][:, :, owner])
        estimate, variance = _by_arm(x, y, d, counted, treatment)
    return _result("adjusted", estimate, np.sqrt(variance), n=counted.n, level=level, df=df)


def randomization_test(data, *, outcome, treatment, rng, permutations=9_999, studentized=False):
    r"""Test that the treatment changed nobody's outcome, by re-randomizing it.

    Under Fisher's sharp null every outcome would be the same whatever the treatment, so
    its statistic under any other assignment is known. With :math:`T` the observed
    statistic and :math:`T_b` those of :math:`B` random reassignments,

    .. math:: p = \frac{1 + \#\{b : |T_b| \ge |T|\}}{1 + B},

    which is at most :math:`\alpha` with probability at most :math:`\alpha` for any
    :math:`B` and sample size. The only assumption is that all assignments with as many
    treated were equally likely. The studentized statistic also makes the test right, in
    large samples, for the weaker null that the average effect is zero.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per randomized unit, complete in the two columns; it is not changed.
    outcome : str
        Numeric column, in any unit.
    treatment : str
        Column of 0 (control) and 1 (treated).
    rng : int, numpy.random.Generator or numpy.random.RandomState
        Seed or source of the reassignments.
    permutations : int
        Number :math:`B` of reassignments, at least 1; the smallest possible p-value is
        :math:`1 / (B + 1)`.
    studentized : bool
        Divide the difference in means by its standard error.

    Returns
    -------
    pandas.Series
        ``null`` (the hypothesis, a sentence), ``statistic`` (difference in means, in units
        of the outcome, or studentized), ``p_value`` (two-sided), ``mc_error`` (the
        p-value's standard error from drawing only some assignments), ``permutations``
        and ``n``.

    Raises
    ------
    ValueError
        If `rng` or `permutations` is not of its kind, if the outcome does not vary, or if
        a column is missing, incomplete or not of its kind.

    References
    ----------
    Fisher (1935), The Design of Experiments, chapter 2.
    Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology
    9(1), article 39 (adding one).
    Wu and Ding (2021), Journal of the American Statistical Association 116(536),
    1898-1913 (studentizing).

    Examples
    --------
    Of the 20 ways to treat three of six, two split them as clearly as this one: p = 0.1.

    >>> trial = pd.DataFrame({"offer": [0, 0, 0, 1, 1, 1], "sales": [1, 2, 3, 4, 6, 8]})
    >>> test = randomization_test(trial, outcome="sales", treatment="offer", rng=1)
    >>> test["null"]
    "'offer' changed 'sales' for none of the 6 units"
    >>> bool(abs(test["p_value"] - 0.1) < 4 * test["mc_error"])
    True
    """
    table = _read(data, outcome=outcome, treatment=treatment)
    y, d = _outcome(table, outcome), _zero_one(table, treatment)
    if studentized:
        _check_groups_of_two(table, d, treatment)
    permutations, rng = _count("permutations", permutations), _generator(rng)
    rounding = table.attrs["precision"][outcome] * np.abs(y).max()
    y = y - y.mean()
    statistic = _t_statistic if studentized else _difference
    observed, gap = statistic(y, d == 1), abs(_difference(y, d == 1))
    others = np.array([statistic(y, rng.permutation(d) == 1) for _ in range(permutations)])
    tie = max(1e-9, min(rounding / gap, 1)) if gap else 1  # closer values differ by rounding only
    extreme = np.abs(others) >= np.abs(observed) * (1 - tie)
    p_value = (1 + extreme.sum()) / (1 + permutations)
    entries = {
        "null": f"{treatment!r} changed {outcome!r} for none of the {len(y)} units",
        "statistic": float(observed),
        "p_value": float(p_value),
        "mc_error": float(np.sqrt(p_value * (1 - p_value) / permutations)),
        "permutations": permutations,
        "n": len(y),
    }
    return pd.Series(entries, name="randomization_test", dtype=object)


def sample_size(*, effect, std_dev, power=0.8, level=0.95, share_treated=0.5):
    r"""Return how many units let an experiment find an effect of this size.

    The smallest :math:`n` at which the two-sided t test at level :math:`\alpha` = 1 - `level`
    rejects no effect with probability `power`; for all but small :math:`n`

    .. math:: n \approx \frac{(z_{1 - \alpha/2} + z_{power})^2 \, \sigma^2}{s (1 - s) \, \Delta^2},

    with :math:`\Delta` the effect, :math:`\sigma` the standard deviation within a group
    and :math:`s` the share treated. The t distribution's few more units are included.
    Assumes outcomes normal, or large samples, and one standard deviation in both groups:
    where they differ, give the root of their mean square if half are treated, else the
    larger one, to be safe. Covariates that explain a share :math:`R^2` of the outcome
    leave :math:`\sigma \sqrt{1 - R^2}`.

    Parameters
    ----------
    effect : float
        Smallest average effect worth finding, in units of the outcome, not 0.
    std_dev : float
        Standard deviation of the outcome within a group, in the same units, positive.
    power : float
        Probability of finding the effect, between 0 and 1.
    level : float
        Coverage of the interval that is to exclude 0, between 0 and 1.
    share_treated : float
        Share of the units to be treated, between 0 and 1.

    Returns
    -------
    int
        Number of units in all, both groups rounded up to whole units, at least two in each.

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    References
    ----------
    Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 2.

    Examples
    --------
    Half a standard deviation needs 64 units a group (Cohen 1988, table 2.4.1).

    >>> sample_size(effect=0.5, std_dev=1)
    128
    """
    for name, value in {"power": power, "level": level, "share_treated": share_treated}.items():
        _real(name, value, above=0, below=1)
    _real("std_dev", std_dev, above=0)
    if _real("effect", effect) == 0:
        raise ValueError("effect must not be 0, got 0; name the smallest one worth finding")
    spread = np.sqrt(share_treated * (1 - share_treated))
    signal = effect / std_dev * spread

    def excess(n):
        return _power(signal * np.sqrt(n), n - 2, level) - power

    shares = (share_treated, 1 - share_treated)
    low = high = 2 / min(shares)
    while excess(high) < 0:
        high *= 2
    n = optimize.brentq(excess, low, high) if high > low else low
    return sum(int(np.ceil(n * share - 1e-9)) for share in shares)


def _power(shift, df, level):
    """Return the power of the two-sided t test, averaged over the estimated variance."""
    quantiles = (np.arange(2_000) + 0.5) / 2_000
    ratio = np.sqrt(stats.chi2.ppf(quantiles, df) / df)
    limit = stats.t.ppf((1 + level) / 2, df) * ratio
    return np.mean(stats.norm.cdf(shift - limit) + stats.norm.cdf(-shift - limit))


def _difference(y, treated):
    """Return the difference in means."""
    return y[treated].mean() - y[~treated].mean()


def _t_statistic(y, treated):
    """Return the difference in means by its standard error."""
    variance = sum(group.var(ddof=1) / len(group) for group in (y[treated], y[~treated]))
    difference = _difference(y, treated)
    if np.sqrt(variance) < 1e-9 * np.abs(difference):
        return np.copysign(np.inf, difference)
    return difference / np.sqrt(variance)


def _check_groups_of_two(table, d, treatment, size=None):
    """Raise unless controls and treated have noise of their own."""
    for arm in (0, 1):
        _group_basis(_design(table, []), np.flatnonzero(d == arm), f"{treatment!r} is {arm}", size)


def _check_fourth_moments(data, names, cov, size):
    """Raise if cells have only the moments of a covariate whose values HC2 needs."""
    held = getattr(data, "columns", ()) if size is not None and cov == "HC2" else ()
    for name in names:
        if name not in held and f"{name}_mean" in held:
            raise ValueError(
                f"column {name!r}: the cells hold its moments, from which HC2, which needs the "
                "residual of each row, cannot be had; use cov='by_arm', which agrees with it in "
                f"large samples, or cells that have {name!r} in by (cut into classes by bins)"
            )


def _hc2(x, y, d, counted, treatment, index):
    """Return Lin's estimate and its HC2 variance, arm by arm, as the regression falls apart."""
    bases = []
    for arm in (0, 1):
        rows = np.flatnonzero(d == arm)
        group = f"{treatment!r} is {arm}"
        bases.append((rows, _check_leverage(x, rows, index, group, counted.size)))
    centred = x.columns - _mean(x.columns, counted.size)
    centred = centred / x.columns.std(axis=0)
    means, variance = [], 0.0
    for rows, basis in bases:
        here = counted.of(rows)
        root, z = np.sqrt(here.size), centred[rows]
        mean, centre = (_mean(v, here.size) for v in (y[rows], z))
        reach = np.linalg.solve((root * (z - centre).T) @ basis, -centre)  # to the mean of all
        rest = root * (y[rows] - mean)
        slopes = basis.T @ rest
        share = here.size / here.n + root * (basis @ reach)
        left = 1 - 1 / here.n - (basis**2).sum(axis=1) / here.size
        residual = (rest - basis @ slopes) / root
        means.append(mean + reach @ slopes)
        variance += here.std_error(share * residual / np.sqrt(left), share / np.sqrt(left)) ** 2
    return means[1] - means[0], variance


def _by_arm(x, y, d, counted, treatment):
    """Return Lin's estimate and its variance under one residual variance in each arm."""
    spread = x.columns - _mean(x.columns, counted.size)
    values = np.column_stack([y, spread])
    n, means, scatter = _pool(values, counted, d.astype(int))
    estimates, variance = [], 0.0
    for arm in (0, 1):
        df = n[arm] - 1 - len(x.labels)
        if df < 1:
            raise ValueError(
                f"{n[arm]:.0f} row(s) where {treatment!r} is {arm} cannot carry "
                f"{1 + len(x.labels)} coefficient(s) ({_listed(['a constant', *x.labels])}) and "
                "show the noise around them; use fewer covariates or more rows"
            )
        inner, across = scatter[arm, 1:, 1:], scatter[arm, 1:, 0]
        _check_turn(inner, x.labels, f"{treatment!r} is {arm}")
        solved = np.linalg.solve(inner, np.column_stack([across, -means[arm, 1:]]))
        estimates.append(means[arm, 0] - means[arm, 1:] @ solved[:, 0])
        residual = scatter[arm, 0, 0] - across @ solved[:, 0]
        variance += residual / df * (1 / n[arm] - means[arm, 1:] @ solved[:, 1])
    return estimates[1] - estimates[0], variance


def _check_turn(products, labels, group):
    """Raise if a column is constant or a combination of those before it, by cross-products."""
    scale = np.sqrt(products.diagonal())
    form = products / np.outer(*[np.where(scale > 0, scale, 1)] * 2)
    for i, label in enumerate(labels):
        left = form[i, i] - form[i, :i] @ np.linalg.solve(form[:i, :i], form[:i, i])
        if left < 1e-12:
            raise ValueError(
                f"among the rows where {group}, column {label!r} is constant or a linear "
                "combination of the columns before it; drop it, or keep only rows with "
                "counterparts in both groups"
            )


def _check_leverage(x, rows, index, group, size):
    """Return the basis of one group's rows, or raise if they cannot carry an HC2 error."""
    basis, here = _group_basis(x, rows, group, size), size[rows]
    leverage = 1 / here.sum() + (basis**2).sum(axis=1) / here
    if leverage.max() > 1 - 1e-9:
        row = index[[rows[leverage.argmax()]]].tolist()[0]
        raise ValueError(
            f"row {row!r} alone decides a coefficient where {group} ({_listed(x.labels)}), so its "
            "noise is unknown; merge the category with another, or drop the covariate"
        )
    return basis
