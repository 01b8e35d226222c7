"""Randomized experiments: estimate, adjust, test the sharp null, and choose the size.

The treatment is taken to be drawn at random, unit by unit (complete randomization:
every set of treated units of that size was equally likely). For an experiment
randomized in blocks or in clusters these standard errors and permutations are not right.
Needs numpy, pandas, scipy and statsmodels.
"""

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import optimize, stats

from casestudies.recipes._columns import (
    _count,
    _design,
    _generator,
    _group_basis,
    _listed,
    _names,
    _outcome,
    _read,
    _real,
    _result,
    _zero_one,
)


def difference_in_means(data, *, outcome, treatment, level=0.95):
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
        One row per randomized unit, complete in the two columns; it is not changed.
    outcome : str
        Numeric column, in any unit.
    treatment : str
        Column of 0 (control) and 1 (treated).
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
    """
    table = _read(data, outcome=outcome, treatment=treatment)
    y, d = _outcome(table, outcome), _zero_one(table, treatment)
    groups = _groups(table, y, d, treatment)
    if all(np.ptp(group) == 0 for group in groups):
        raise ValueError(
            f"column {outcome!r} does not vary within the groups of {treatment!r}, so there is no "
            "noise to estimate; check how it was made"
        )
    noise = np.array([group.var(ddof=1) / len(group) for group in groups])
    freedom = np.array([len(group) - 1 for group in groups])
    df = noise.sum() ** 2 / (noise**2 / freedom).sum()
    estimate, std_error = groups[1].mean() - groups[0].mean(), np.sqrt(noise.sum())
    return _result("difference_in_means", estimate, std_error, n=len(y), level=level, df=df)


def adjusted(data, *, outcome, treatment, adjust_for, level=0.95):
    r"""Estimate the average treatment effect of an experiment with regression adjustment.

    Lin's estimator: the coefficient :math:`\tau` of the treatment in

    .. math:: Y = \alpha + \tau D + (X - \bar X)'\beta + D (X - \bar X)'\gamma + \varepsilon,

    with covariates centred at the mean of all rows and interacted with the treatment, and
    the HC2 standard error. In large samples it is never less precise than the difference
    in means, and its interval holds even if the regression is not the truth. The interval
    uses the t distribution with rows less coefficients as degrees of freedom.

    Estimand: the average treatment effect among the units at hand (the error leaves out
    that another sample would have another :math:`\bar X`). Assumptions: those of
    `difference_in_means`; the covariates were fixed before the treatment, and chosen
    before the outcome was seen; the sample is large beside their number.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per randomized unit, complete in the columns named; it is not changed.
    outcome : str
        Numeric column, in any unit.
    treatment : str
        Column of 0 (control) and 1 (treated).
    adjust_for : str or list of str
        Covariates; a column that is not numeric (text, category) enters as dummies.
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
        or repeats others, a row alone in its category), or if a column is missing,
        incomplete or not of its kind.

    References
    ----------
    Lin (2013), Annals of Applied Statistics 7(1), 295-318.

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
    table = _read(data, outcome=outcome, treatment=treatment, several={"adjust_for": names})
    y, d, x = _outcome(table, outcome), _zero_one(table, treatment), _design(table, names)
    for arm in (0, 1):
        _check_leverage(x, np.flatnonzero(d == arm), data.index, f"{treatment!r} is {arm}")
    centred = (x.columns - x.columns.mean(axis=0)) / x.columns.std(axis=0)
    design = np.column_stack([np.ones_like(d), d, centred, centred * d[:, np.newaxis]])
    fit = sm.OLS(y - y.mean(), design).fit(cov_type="HC2", use_t=True)
    options = {"n": len(y), "level": level, "df": fit.df_resid}
    return _result("adjusted", fit.params[1], fit.bse[1], **options)


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
        _groups(table, y, d, treatment)
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


def _groups(table, y, d, treatment):
    """Return the outcomes of controls and treated, or raise unless each has its own noise."""
    nothing = _design(table, [])
    for arm in (0, 1):
        _group_basis(nothing, np.flatnonzero(d == arm), f"{treatment!r} is {arm}")
    return y[d == 0], y[d == 1]


def _check_leverage(x, rows, index, group):
    """Raise if the rows of one group cannot carry the regression and its HC2 error."""
    leverage = 1 / len(rows) + (_group_basis(x, rows, group) ** 2).sum(axis=1)
    if leverage.max() > 1 - 1e-9:
        row = index[[rows[leverage.argmax()]]].tolist()[0]
        raise ValueError(
            f"row {row!r} alone decides a coefficient where {group} ({_listed(x.labels)}), so its "
            "noise is unknown; merge the category with another, or drop the covariate"
        )
