"""Randomized experiments: estimate, adjust, compare ratios, test the sharp null, choose the size.

The treatment is taken to be drawn at random, unit by unit (complete randomization:
every set of treated units of that size was equally likely). For an experiment
randomized in blocks or in clusters, name them: the default standard errors and permutations
are then not right. Needs numpy, pandas and scipy.
"""

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from casestudies.recipes._clusters import _by_leverage, _check_levels, _check_sides
from casestudies.recipes._columns import (
    _basis,
    _check_choice,
    _check_noise,
    _count,
    _design,
    _frame,
    _generator,
    _group_basis,
    _listed,
    _mean,
    _names,
    _numbers,
    _outcome,
    _read,
    _real,
    _result,
    _scale,
    _zero_one,
)
from casestudies.recipes._counted import _pool, _read_counted

FOR_FEW = ("CR2", "CR3")


def difference_in_means(
    data,
    *,
    outcome,
    treatment,
    cov="HC2",
    size=None,
    weights=None,
    cluster=None,
    blocks=None,
    level=0.95,
):
    r"""Estimate the average treatment effect of an experiment without adjustment.

    .. math:: \hat\tau = \bar Y_1 - \bar Y_0, \qquad
              \widehat{\mathrm{se}}^2 = \frac{s_1^2}{n_1} + \frac{s_0^2}{n_0},

    with :math:`s_d^2` the sample variances (divisor :math:`n_d - 1`). This is Neyman's
    standard error, equal to HC2 of the regression on the treatment: right for units drawn
    from a large population, and at least as large as needed for the units at hand. The
    interval uses the t distribution with Welch's degrees of freedom.

    Estimand: the average treatment effect. Assumptions: the treatment was randomized, no
    unit's treatment changes another's outcome, and no outcome is missing by treatment.

    With `weights` the means are weighted, and the effect is that in the population from which
    rows were selected with probability proportional to :math:`1 / w`: with
    :math:`p_i = w_i / \sum_d w` in arm :math:`d`, :math:`\widehat{\mathrm{se}}^2` adds
    :math:`\sum_i p_i^2 (Y_i - \bar Y_d)^2 / (1 - p_i)` of the two arms, which is HC2 of the
    weighted regression, and each arm has Bell and McCaffrey's degrees of freedom. Rows are
    taken as selected independently; name `cluster` if they were not.

    With `cluster` the squares are those of the sums of :math:`p_i (Y_i - \bar Y_d)` by cluster,
    times :math:`G / (G - 1)`, and the interval uses t on :math:`G - 1` degrees, for :math:`G`
    clusters taken as independent. Necessary where clusters were randomized or sampled; with
    few of them, or few in one arm, the error is too small, and ``cov="CR2"`` is made for that: it
    divides by what each cluster's leverage leaves, and its degrees of freedom are Bell and
    McCaffrey's. ``cov="CR3"`` is the jackknife over clusters, and on the safe side.

    With `blocks` the treatment was randomized inside each, with whatever share:

    .. math:: \hat\tau = \sum_b \frac{n_b}{n} (\bar Y_{1b} - \bar Y_{0b}), \qquad
              \widehat{\mathrm{se}}^2 = \sum_b \Big(\frac{n_b}{n}\Big)^2
              \Big(\frac{s_{1b}^2}{n_{1b}} + \frac{s_{0b}^2}{n_{0b}}\Big).

    Blocks with one unit in an arm, such as pairs, show no variance inside. Theirs is, with
    :math:`w_b` their shares among such blocks, :math:`\hat\tau_s` their own average and
    :math:`S = \sum_b w_b^2 / (1 - 2 w_b)`,

    .. math:: \widehat{\mathrm{se}}_s^2 = \sum_b \frac{w_b^2}{(1 - 2 w_b)(1 + S)}
              (\hat\tau_b - \hat\tau_s)^2,

    for equal blocks the variance of the :math:`\hat\tau_b` by their number. On average it is too
    large by what the effects differ between these blocks, and never too small. With `cluster`
    beside, clusters were randomized inside blocks: each is one unit, and an arm of a block has
    the variance of its clusters' sums, with its own :math:`g / (g - 1)`. Where few clusters of
    unequal size share a block, and effects go with size, the estimate is off, however many the
    blocks: pair clusters by size.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per randomized unit, or per cell of them with `size`, complete in the columns
        named; it is not changed.
    outcome : str
        Numeric column, in any unit.
    treatment : str
        Column of 0 (control) and 1 (treated).
    cov : {"HC2", "CR2", "CR3"}
        Covariance estimator; with `cluster`, HC2 is the sum of squares above, and CR2 and CR3 are
        for few clusters. With weights, CR2 and the degrees take variances as inverse to them.
    size : str, optional
        Column that counts the rows behind each row of `data`, which then are cells: an outcome
        ``"y"`` is read from ``y_mean`` and ``y_var`` (divisor n), or from ``y`` if it is the
        same in all of a cell.
        The answer is that of the rows.
    weights : str, optional
        Column of sampling weights above 0, inverse probabilities of selection in any unit.
        They are not counts: those are a `size`. With a `size`, the weight of each row behind.
    cluster : str, optional
        Column of clusters that were randomized, or sampled, as a whole.
    blocks : str, optional
        Column of blocks (strata, pairs) inside which the treatment was randomized.
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
        If a group has fewer than two rows, if the outcome does not vary, if a block has one
        arm only, if one cluster makes up an arm, if CR2 or CR3 is asked for without clusters or
        with blocks, or if a column is missing, incomplete or not of its kind.

    References
    ----------
    Neyman (1923), translated in Statistical Science 5(4), 1990, 465-472.
    Bell and McCaffrey (2002), Survey Methodology 28(2), 169-181 (CR2, CR3).
    Samii and Aronow (2012), Statistics & Probability Letters 82(2), 365-370 (HC2).
    Imbens and Kolesar (2016), Review of Economics and Statistics 98(4), 701-712 (degrees of
    freedom).
    Imai, King and Nall (2009), Statistical Science 24(1), 29-53 (pairs of clusters).
    Pashley and Miratrix (2021), Journal of Educational and Behavioral Statistics 46(3), 271-296
    (blocks with one unit in an arm).

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

    Had each offer been drawn inside a pair of shops, shops would differ less.

    >>> trial["pair"] = ["a", "b", "c", "a", "b", "c"]
    >>> paired = difference_in_means(trial, outcome="sales", treatment="offer", blocks="pair")
    >>> paired[["estimate", "std_error"]].round(2).to_list()
    [4.0, 0.58]
    """
    _check_choice("cov", cov, ("HC2", *FOR_FEW))
    _check_for_few(cov, cluster, blocks)
    roles = {"outcome": outcome, "treatment": treatment}
    roles |= {} if blocks is None else {"blocks": blocks}
    table, counted = _read_counted(data, size, cluster=cluster, weights=weights, **roles)
    y, d = _outcome(table, outcome, variance=counted.variance), _zero_one(table, treatment)
    _check_groups_of_two(table, d, treatment, counted.size)
    rounding = 8 * max(table.attrs["precision"][outcome], np.finfo(float).eps) * np.abs(y).max()
    y = y - _mean(y, counted.mass)
    arms = _block_arms(y, counted.mass, _read_blocks(table, blocks, d, treatment), d)
    std_error, df = _noise_of_arms(table, y, counted, arms, (treatment, cluster, blocks), cov)
    squares = np.square(y - arms.means[arms.code]) + counted.variance
    within = np.bincount(arms.code, counted.size * squares) / np.bincount(arms.code, counted.size)
    if (within <= rounding**2).all() and std_error <= rounding:
        raise ValueError(
            f"column {outcome!r} does not vary within the groups of {treatment!r}, so there is no "
            "noise to estimate; check how it was made"
        )
    options = {"n": counted.n, "level": level, "df": df}
    return _result("difference_in_means", arms.effect, std_error, **options)


def adjusted(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    cov="HC2",
    size=None,
    weights=None,
    cluster=None,
    level=0.95,
):
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

    With `weights` the regression is weighted, :math:`\bar X` is the weighted mean, and the
    effect is the average in the population that they stand for. With `cluster` the error is
    that of the sums of scores by cluster, times :math:`\sqrt{G / (G - 1)}`, and the interval
    uses t on :math:`G - 1` degrees: for clusters that were randomized or sampled. With few of
    them it is too small, and adjustment may then also lose precision. ``cov="CR2"`` is made for
    few: it divides by what each cluster's leverage leaves, with Bell and McCaffrey's degrees of
    freedom. ``cov="CR3"`` is the jackknife over clusters, and on the safe side.

    Estimand: the average treatment effect among the units at hand (the error leaves out
    that another sample would have another :math:`\bar X`; where the effect differs with
    covariates and a population is asked about, `standardize` has the same estimate and an error
    that counts it). Assumptions: those of `difference_in_means`; the covariates were fixed
    before the treatment, and chosen before the outcome was seen; the sample is large beside
    their number.

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
    cov : {"HC2", "by_arm", "CR2", "CR3"}
        Covariance estimator; with `cluster`, HC2 is the sum of squares above, and CR2 and CR3 are
        for few clusters. With weights, CR2 and the degrees take variances as inverse to them.
    size : str, optional
        Column that counts the rows behind each row of `data`, which then are cells: an outcome
        ``"y"`` is read from ``y_mean`` and ``y_var`` (divisor n), or from ``y`` if it is the
        same in all of a cell. So are covariates with ``cov="by_arm"``, and ``cov_x_y`` beside.
        The answer is that of the rows.
    weights : str, optional
        Column of sampling weights above 0, inverse probabilities of selection in any unit.
        They are not counts: those are a `size`. With a `size`, the weight of each row behind.
    cluster : str, optional
        Column of clusters that were randomized, or sampled, as a whole.
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
        covariate, if an arm has too few clusters, if ``cov="by_arm"`` is asked for with weights
        or clusters, CR2 or CR3 without clusters, or if a column is missing, incomplete or not of
        its kind.

    References
    ----------
    Bell and McCaffrey (2002), Survey Methodology 28(2), 169-181 (CR2, CR3).
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
    _check_choice("cov", cov, ("HC2", "by_arm", *FOR_FEW))
    _check_for_few(cov, cluster)
    _check_fourth_moments(data, names, cov, size)
    _check_by_arm(cov, weights, cluster)
    measured = ("outcome", "adjust_for") if cov == "by_arm" else ("outcome",)
    roles = {"outcome": outcome, "treatment": treatment, "several": {"adjust_for": names}}
    table, counted = _read_counted(data, size, measured, cluster=cluster, weights=weights, **roles)
    y, d = _outcome(table, outcome, variance=counted.variance), _zero_one(table, treatment)
    y = y - _mean(y, counted.mass)
    x = _design(table, names)
    df = counted.n - 2 * (1 + len(x.labels))
    if cluster is not None:
        _check_sides(table, cluster, [treatment])
        for arm in (0, 1):
            _check_levels(table[cluster], x.columns, d == arm, f"{treatment!r} is {arm}")
    if cov != "by_arm":
        estimate, slope, rest, basis = _interacted(x, y, d, counted, treatment, _frame(data).index)
        if cluster is None:
            slope = slope / np.sqrt(1 - (basis**2).sum(axis=1) / counted.size)
            variance = counted.std_error(slope * rest, slope) ** 2
        else:
            std_error, df = _error_of_clusters(cov, slope, rest, basis, counted, table[cluster])
            variance = std_error**2
    else:
        widths = [1, *(len(_design(table, [name]).labels) for name in names)]
        owner = np.repeat(np.arange(len(widths)), widths)  # dummies do not vary in cells
        counted = counted._replace(scatter=counted.scatter[:, owner][:, :, owner])
        estimate, variance = _by_arm(x, y, d, counted, treatment)
    _check_noise(outcome, np.sqrt(variance), _scale(table, outcome))
    return _result("adjusted", estimate, np.sqrt(variance), n=counted.n, level=level, df=df)


def ratio_of_means(
    data,
    *,
    treatment,
    numerator,
    denominator,
    relative=False,
    size=None,
    weights=None,
    cluster=None,
    blocks=None,
    level=0.95,
):
    r"""Compare a ratio of totals, such as clicks per session, between the arms of an experiment.

    With :math:`N` the numerator (clicks of a user) and :math:`D` the denominator (sessions of a
    user), and means over the randomized units (users) of each arm,

    .. math:: \hat R_d = \frac{\bar N_d}{\bar D_d}, \qquad \hat\tau = \hat R_1 - \hat R_0, \qquad
              \widehat{\mathrm{se}}^2 = \frac{s_1^2}{n_1} + \frac{s_0^2}{n_0},

    with :math:`s_d^2` the variance of :math:`(N_i - \hat R_d D_i) / \bar D_d` in arm :math:`d`
    (the delta method). Rows of single sessions, taken as independent, would give an error that
    leaves out how users differ. The interval uses the t distribution with Welch's degrees of
    freedom. With ``relative=True`` it is :math:`\hat R_1 / \hat R_0 - 1`, whose error is the delta
    method's and whose interval is that of the logarithm of the ratios' ratio.

    Estimand: :math:`E[N(1)] / E[D(1)] - E[N(0)] / E[D(0)]`, how much the ratio of totals would
    differ between all treated and none. It is not the average of the units' own effects on their
    ratios. If the treatment changes the denominator, other sessions are in it than would have
    been: the ratio may then move while nothing changes in any session that takes place either way.
    Compare the denominator by `difference_in_means` too. Assumptions: the treatment was
    randomized, no unit's treatment changes another's numerator or denominator, neither is missing
    by treatment, and units are many enough, and :math:`\bar D_d` far enough from 0, for a ratio of
    means to be nearly linear in them.

    With `weights` the means are weighted, as inverse probabilities of selection. With `cluster`
    the squares are those of sums by cluster, times :math:`G / (G - 1)`, with t on :math:`G - 1`
    degrees, for :math:`G` clusters that were randomized or sampled whole; with few of them the
    error is too small. With `blocks`, inside which the treatment was randomized, the means of each
    arm are averages over blocks by the blocks' shares, and so is the variance.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per randomized unit, or per cell of them with `size`, complete in the columns
        named; it is not changed.
    treatment : str
        Column of 0 (control) and 1 (treated).
    numerator : str
        Numeric column of each unit's total, in any unit.
    denominator : str
        Numeric column of what it is counted by, 0 or more. Units with 0 in both belong here.
    relative : bool
        Return the relative difference, which needs ratios above 0 in both arms.
    size : str, optional
        Column that counts the rows behind each row of `data`, which then are cells: ``"n"`` and
        ``"d"`` are read from ``n_mean``, ``n_var``, ``d_mean``, ``d_var`` and ``cov_d_n``. The
        answer is that of the rows.
    weights : str, optional
        Column of sampling weights above 0, inverse probabilities of selection in any unit.
        They are not counts: those are a `size`. With a `size`, the weight of each row behind.
    cluster : str, optional
        Column of clusters that were randomized, or sampled, as a whole.
    blocks : str, optional
        Column of blocks (strata, pairs) inside which the treatment was randomized.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        ``estimate``, ``std_error``, ``ci_low`` and ``ci_high`` in units of the ratio, or as shares
        if relative, and ``n``. ``attrs["ratios"]`` holds the ratios of control and treated.

    Raises
    ------
    ValueError
        If a group has fewer than two rows, if a denominator is negative or 0 in all of an arm, if
        ratios do not vary between units, if a relative difference is asked for and a ratio is not
        above 0, if a block has one arm only, if one cluster makes up an arm, or if a column is
        missing, incomplete or not of its kind.

    References
    ----------
    Deng, Knoblich and Lu (2018), Proceedings of the 24th ACM SIGKDD International Conference on
    Knowledge Discovery and Data Mining, 233-242.
    Cochran (1977), Sampling Techniques, chapter 6 (ratios of means).

    Examples
    --------
    >>> users = pd.DataFrame({"offer":    [0, 0, 0, 0, 1, 1, 1, 1],
    ...                       "sessions": [1, 2, 1, 4, 2, 1, 3, 2],
    ...                       "clicks":   [0, 1, 1, 2, 2, 1, 2, 3]})
    >>> columns = {"treatment": "offer", "numerator": "clicks", "denominator": "sessions"}
    >>> ratio_of_means(users, **columns).round(2)
    estimate     0.50
    std_error    0.23
    ci_low      -0.11
    ci_high      1.11
    n            8.00
    Name: ratio_of_means, dtype: float64
    >>> float(ratio_of_means(users, **columns, relative=True)["estimate"])
    1.0
    """
    roles = {"treatment": treatment, "numerator": numerator, "denominator": denominator}
    roles |= {} if blocks is None else {"blocks": blocks}
    options = {"cluster": cluster, "weights": weights, **roles}
    table, counted = _read_counted(data, size, ("numerator", "denominator"), **options)
    d, parts = _zero_one(table, treatment), [_numbers(table, c) for c in (numerator, denominator)]
    _check_denominator(parts[1], denominator, d, treatment)
    _check_groups_of_two(table, d, treatment, counted.size)
    block = _read_blocks(table, blocks, d, treatment)
    arms = [_block_arms(part, counted.mass, block, d) for part in parts]
    top, bottom = (part.share @ part.means.reshape(-1, 2) for part in arms)
    ratio = top / bottom
    if relative:
        _check_positive_ratios(ratio, numerator, denominator)
    code, unit = d.astype(int), bottom * (ratio if relative else 1)
    pull = np.stack([1 / unit, -ratio / unit])[:, code]
    z, counted = _sum_of_two(parts, pull, counted)
    arms = _block_arms(z, counted.mass, block, d)
    std_error, df = _noise_of_arms(table, z, counted, arms, (treatment, cluster, blocks))
    precision = max(table.attrs["precision"][name] for name in (numerator, denominator))
    rounding = 8 * max(precision, np.finfo(float).eps) * np.abs(pull[0] * parts[0]).max()
    if std_error <= rounding:
        raise ValueError(
            f"column {numerator!r} is the same multiple of {denominator!r} in all of each group of "
            f"{treatment!r}, so there is no noise to estimate; check how they were made"
        )
    estimate = np.log(ratio[1] / ratio[0]) if relative else ratio[1] - ratio[0]
    found = _result("ratio_of_means", estimate, std_error, n=counted.n, level=level, df=df)
    if relative:
        places = ["estimate", "ci_low", "ci_high"]
        found[places] = np.expm1(found[places])
        found["std_error"] *= 1 + found["estimate"]
    found.attrs["ratios"] = {"control": float(ratio[0]), "treated": float(ratio[1])}
    return found


def randomization_test(
    data,
    *,
    outcome,
    treatment,
    rng,
    permutations=9_999,
    studentized=False,
    blocks=None,
    cluster=None,
):
    r"""Test that the treatment changed nobody's outcome, by re-randomizing it.

    Under Fisher's sharp null every outcome would be the same whatever the treatment, so
    its statistic under any other assignment is known. With :math:`T` the observed
    statistic and :math:`T_b` those of :math:`B` random reassignments,

    .. math:: p = \frac{1 + \#\{b : |T_b| \ge |T|\}}{1 + B},

    which is at most :math:`\alpha` with probability at most :math:`\alpha` for any
    :math:`B` and sample size. The only assumption is that all assignments with as many
    treated were equally likely: of the rows, of whole clusters with `cluster`, and with as many
    in each block with `blocks`. The studentized statistic also makes the test right, in
    large samples, for the weaker null that the average effect is zero.

    With blocks the statistic is the average of their differences in means, by their shares of
    the rows. With blocks or clusters the error that studentizes is that of their
    sums over the units that were drawn, and where no more than `permutations` assignments were
    possible, each is taken once: the p-value is then their exact share, the observed one
    included, and `rng` is not used.

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
    blocks : str, optional
        Column of blocks (strata, pairs) inside which the treatment was randomized.
    cluster : str, optional
        Column of clusters that were randomized as a whole.

    Returns
    -------
    pandas.Series
        ``null`` (the hypothesis, a sentence), ``statistic`` (difference in means, in units
        of the outcome, or studentized), ``p_value`` (two-sided), ``mc_error`` (the
        p-value's standard error from drawing only some assignments, 0 if it is exact),
        ``permutations`` (how many were taken) and ``n``.

    Raises
    ------
    ValueError
        If `rng` or `permutations` is not of its kind, if the outcome does not vary, if a
        block has one arm only, if a cluster is not whole in an arm (and block), or if a column
        is missing, incomplete or not of its kind.

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

    Drawn inside pairs, there were 8 ways, of which two are as clear: p = 0.25, exactly.

    >>> trial["pair"] = ["a", "b", "c", "a", "b", "c"]
    >>> paired = randomization_test(
    ...     trial, outcome="sales", treatment="offer", rng=1, blocks="pair"
    ... )
    >>> paired["p_value"], paired["permutations"]
    (0.25, 8)
    """
    roles = {"outcome": outcome, "treatment": treatment}
    roles |= {} if blocks is None else {"blocks": blocks}
    table = _read(data, cluster=cluster, **roles)
    y, d = _outcome(table, outcome), _zero_one(table, treatment)
    if studentized:
        _check_groups_of_two(table, d, treatment)
    permutations, rng = _count("permutations", permutations), _generator(rng)
    rounding = table.attrs["precision"][outcome] * np.abs(y).max()
    y = y - y.mean()
    if blocks is None and cluster is None:
        statistic = _t_statistic if studentized else _difference
        observed, gap = statistic(y, d == 1), abs(_difference(y, d == 1))
        others = np.array([statistic(y, rng.permutation(d) == 1) for _ in range(permutations)])
        every = False
    else:
        if studentized and blocks is None:
            _check_sides(table, cluster, [treatment])
        units = _drawn_units(table, y, d, treatment, blocks, cluster)
        observed, gap = _of_units(units, units.d, studentized, blocks)
        every, drawn = _assignments(units.block, units.d, permutations, rng)
        others = np.array([_of_units(units, other, studentized, blocks)[0] for other in drawn])
        permutations = len(others)
    tie = max(1e-9, min(rounding / gap, 1)) if gap else 1  # closer values differ by rounding only
    extreme = np.abs(others) >= np.abs(observed) * (1 - tie)
    seen = 1 - every  # the observed assignment is one of every
    p_value = (seen + extreme.sum()) / (seen + permutations)
    entries = {
        "null": f"{treatment!r} changed {outcome!r} for none of the {len(y)} units",
        "statistic": float(observed),
        "p_value": float(p_value),
        "mc_error": float(seen * np.sqrt(p_value * (1 - p_value) / permutations)),
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


class _Arms(NamedTuple):
    """Means and mass of both arms of each block, arm 0 of block 0 first, and their contrasts."""

    code: np.ndarray  # of each row
    mass: np.ndarray
    means: np.ndarray
    share: np.ndarray  # of each block
    effects: np.ndarray

    @property
    def effect(self):
        """Average of the blocks' effects, by their shares."""
        return self.share @ self.effects


def _block_arms(y, mass, block, d):
    """Return the arms of each block."""
    code = 2 * block + d.astype(int)
    total = np.bincount(code, mass)
    means = np.bincount(code, mass * y) / total
    of_blocks = total.reshape(-1, 2).sum(axis=1)
    effects = means.reshape(-1, 2) @ (-1, 1)
    return _Arms(code, total, means, of_blocks / of_blocks.sum(), effects)


def _noise_of_arms(table, y, counted, arms, roles, cov="HC2"):
    """Return the standard error of the arms' contrast, and its degrees of freedom."""
    (treatment, cluster, blocks), rest = roles, y - arms.means[arms.code]
    if cluster is None:
        return _combined(arms, *_noise_of_rows(rest**2 + counted.variance, counted, arms), blocks)
    if blocks is not None:
        unit = _whole_clusters(table, cluster, blocks, treatment, arms.code)
        return _combined(arms, *_noise_of_units(y, counted.mass, arms, unit), blocks)
    _check_sides(table, cluster, [treatment])
    share, side = counted.mass / arms.mass[arms.code], arms.code[:, np.newaxis] == [0, 1]
    slope, basis = share * (2 * arms.code - 1), np.sqrt(share)[:, np.newaxis] * side
    return _error_of_clusters(cov, slope, rest, basis, counted, table[cluster])


def _error_of_clusters(cov, slope, rest, basis, counted, cluster):
    """Return the error of an estimate that moves with each row's rest by its slope, and its df.

    `basis` is orthonormal, of all regressors times the roots of the rows' mass.
    """
    if cov not in FOR_FEW:
        return counted.error(slope * rest, slope, cluster)
    root = np.sqrt(counted.mass)
    column = (slope / root)[:, np.newaxis]
    covariance, (df,) = _by_leverage(cov, column, root * rest, basis, cluster)
    return np.sqrt(covariance.item()), df


def _read_blocks(table, blocks, d, treatment):
    """Return the number of each row's block, one block without a column, or raise."""
    if blocks is None:
        return np.zeros(len(d), dtype=int)
    block, names = pd.factorize(table[blocks])
    for b, name in enumerate(names):
        arms = d[block == b]
        if arms.min() == arms.max():
            raise ValueError(
                f"column {treatment!r} is {arms[0]:g} in all {len(arms)} row(s) where {blocks!r} "
                f"is {name!r}, so nothing is compared in this block; drop it, and say that the "
                "estimate leaves it out"
            )
    return block


def _whole_clusters(table, cluster, blocks, treatment, code):
    """Return the number of each row's cluster, or raise if one is not whole in arm and block."""
    unit, names = pd.factorize(table[cluster])
    first = code[np.unique(unit, return_index=True)[1]]
    for name in names[np.unique(unit[code != first[unit]])][:1]:
        where = "arm" if blocks is None else f"arm and one block of {blocks!r}"
        raise ValueError(
            f"column {cluster!r}: cluster {name!r} is not whole in one {where}, so {treatment!r} "
            "was not drawn for whole clusters; leave cluster= out if rows were drawn singly, or "
            "name the clusters that were drawn"
        )
    return unit


def _noise_of_rows(squares, counted, arms):
    """Return the HC2 variance of each arm's mean, and its degrees of freedom.

    Bell and McCaffrey's, as in Imbens and Kolesar (2016), for a mean: if all rows had one
    variance, the variance found would have the first two moments of a chi-squared by its degrees.
    """
    lone = np.bincount(arms.code, counted.size) == 1
    p = counted.weights / arms.mass[arms.code]
    pull = p**2 / np.where(lone[arms.code], 1, 1 - p)

    def add(values):
        return np.bincount(arms.code, counted.size * values)

    s0, s1, s2, q = add(pull), add(pull * p), add(pull * p**2), add(p**2)
    trace = (1 + q) * s0 - 2 * s1
    twice = add(pull**2 * (1 + 2 * q[arms.code] - 4 * p))
    twice += (q * s0) ** 2 + 2 * s0 * s2 + 2 * s1**2 - 4 * q * s0 * s1
    df = np.where(lone, 0, trace**2 / np.where(lone, 1, twice))
    return add(pull * squares), df


def _noise_of_units(y, mass, arms, unit):
    """Return the variance of each arm's mean by sums over units, and its degrees of freedom."""
    sums = np.bincount(unit, mass * (y - arms.means[arms.code]) / arms.mass[arms.code])
    home = arms.code[np.unique(unit, return_index=True)[1]]
    count = np.bincount(home, minlength=len(arms.mass))
    noise = np.bincount(home, sums**2, len(arms.mass)) * count / np.maximum(count - 1, 1)
    return noise, count - 1


def _combined(arms, noise, df, blocks):
    """Return the standard error of the blocks' average effect, and Welch's degrees of freedom."""
    noise, df = noise.reshape(-1, 2), df.reshape(-1, 2)
    lone = (df == 0).any(axis=1)
    parts = (arms.share[~lone, np.newaxis] ** 2 * noise[~lone]).ravel()
    freedom = df[~lone].ravel()
    if lone.any():
        parts = np.append(parts, _between(arms.share[lone], arms.effects[lone], blocks))
        freedom = np.append(freedom, lone.sum() - 1)
    variance = parts.sum()
    return np.sqrt(variance), variance**2 / (parts**2 / freedom).sum() if variance else np.inf


def _between(share, effects, blocks):
    """Return what blocks with one unit in an arm add to the variance, from their differences.

    Pashley and Miratrix (2021), the estimator for small blocks of any sizes.
    """
    w = share / share.sum()
    if w.max() >= 0.5:
        raise ValueError(
            f"column {blocks!r}: {len(w)} block(s) have one unit in an arm, and the largest holds "
            f"{w.max():.0%} of theirs; their variance is seen in how their effects differ, for "
            "which it takes three or more, none with half of the units. Merge blocks with the same "
            "share treated, until each arm has two units"
        )
    slack = w**2 / (1 - 2 * w)
    gaps = effects - w @ effects
    return share.sum() ** 2 * (slack @ gaps**2) / (1 + slack.sum())


class _Units(NamedTuple):
    """What was drawn: its block and arm, how many rows it has, and their mean outcome."""

    block: np.ndarray
    d: np.ndarray
    count: np.ndarray
    means: np.ndarray


def _drawn_units(table, y, d, treatment, blocks, cluster):
    """Return the units that were randomized, rows or clusters, or raise."""
    block = _read_blocks(table, blocks, d, treatment)
    if cluster is None:
        return _Units(block, d, np.ones(len(y)), y)
    unit = _whole_clusters(table, cluster, blocks, treatment, 2 * block + d)
    first, count = np.unique(unit, return_index=True)[1], np.bincount(unit)
    return _Units(block[first], d[first], count, np.bincount(unit, y) / count)


def _of_units(units, d, studentized, blocks):
    """Return the statistic of an assignment of whole units, and the effect in it."""
    arms = _block_arms(units.means, units.count, units.block, d)
    if not studentized:
        return arms.effect, abs(arms.effect)
    noise = _noise_of_units(units.means, units.count, arms, np.arange(len(d)))
    std_error, _ = _combined(arms, *noise, blocks)
    if std_error < 1e-9 * abs(arms.effect):
        return np.copysign(np.inf, arms.effect), abs(arms.effect)
    return arms.effect / std_error, abs(arms.effect)


def _assignments(block, d, permutations, rng):
    """Tell whether every assignment is taken, and return them, or as many random ones."""
    treated = np.bincount(block, d).astype(int)
    size = np.bincount(block)
    ways = special.gammaln(size + 1) - special.gammaln(treated + 1)
    ways = (ways - special.gammaln(size - treated + 1)).sum()
    if ways > np.log(permutations) + 1e-6:
        return False, (_dealt(block, d, rng) for _ in range(permutations))
    sets = (itertools.combinations(np.flatnonzero(block == b), k) for b, k in enumerate(treated))
    every = itertools.product(*sets)
    return True, (np.isin(np.arange(len(d)), np.concatenate(chosen)) * 1.0 for chosen in every)


def _dealt(block, d, rng):
    """Return an assignment that deals each block's treatments among its units anew."""
    dealt = np.empty(len(d))
    dealt[np.lexsort((rng.random(len(d)), block))] = d[np.argsort(block, kind="stable")]
    return dealt


def _check_groups_of_two(table, d, treatment, size=None):
    """Raise unless controls and treated have noise of their own."""
    for arm in (0, 1):
        _group_basis(_design(table, []), np.flatnonzero(d == arm), f"{treatment!r} is {arm}", size)


def _sum_of_two(parts, pull, counted):
    """Return two columns times their pulls, added, and the rows with what then varies behind."""
    (first, both), (_, second) = np.moveaxis(counted.scatter, 0, -1)
    apart = pull[0] ** 2 * first + pull[1] ** 2 * second
    behind = apart + 2 * pull[0] * pull[1] * both
    behind = np.where(behind > 1e-12 * apart, behind, 0)  # less is rounding of the moments
    scatter = behind[:, np.newaxis, np.newaxis]
    return pull[0] * parts[0] + pull[1] * parts[1], counted._replace(scatter=scatter)


def _check_for_few(cov, cluster, blocks=None):
    """Raise if an error for few clusters is asked for without them, or with blocks."""
    if cov in FOR_FEW and cluster is None:
        raise ValueError(
            f"cov={cov!r} is an error by clusters; name their column as cluster=, or use cov='HC2'"
        )
    if cov in FOR_FEW and blocks is not None:
        raise ValueError(
            f"cov={cov!r} is for clusters that were drawn at once; with blocks={blocks!r} each arm "
            "of a block has the variance of its own clusters already, so use cov='HC2'"
        )


def _check_denominator(values, name, d, treatment):
    """Raise on a denominator below 0, or one that is 0 in all of an arm."""
    for bad in values[values < 0]:
        raise ValueError(
            f"column {name!r} must be 0 or more as a denominator, found {bad:g}; check how it was "
            "counted"
        )
    for arm in (0, 1):
        if not values[d == arm].any():
            raise ValueError(
                f"column {name!r} is 0 in all rows where {treatment!r} is {arm}, so this arm has "
                "no ratio; check how it was counted"
            )


def _check_positive_ratios(ratio, numerator, denominator):
    """Raise unless both arms have a ratio that another can be a multiple of."""
    for arm, value in zip(("controls", "treated"), ratio, strict=True):
        if not value > 0:
            raise ValueError(
                f"the ratio of {numerator!r} to {denominator!r} among the {arm} is {value:g}, and "
                "a relative difference needs both above 0; use relative=False"
            )


def _check_fourth_moments(data, names, cov, size):
    """Raise if cells have only the moments of a covariate whose values HC2 needs."""
    held = getattr(data, "columns", ()) if size is not None and cov != "by_arm" else ()
    for name in names:
        if name not in held and f"{name}_mean" in held:
            raise ValueError(
                f"column {name!r}: the cells hold its moments, from which {cov}, which needs the "
                "residual of each row, cannot be had; use cov='by_arm', which agrees with it in "
                f"large samples, or cells that have {name!r} in by (cut into classes by bins)"
            )


def _check_by_arm(cov, weights, cluster):
    """Raise if one residual variance in each arm is asked for where rows are not alike."""
    for option, name in {"weights": weights, "cluster": cluster}.items():
        if cov == "by_arm" and name is not None:
            raise ValueError(
                f"cov='by_arm' takes rows as independent, with one residual variance in each arm, "
                f"which {option}={name!r} contradicts; use cov='HC2', which needs the covariates' "
                "values"
            )


def _interacted(x, y, d, counted, treatment, index):
    """Return Lin's estimate, each row's slope and residual, and an orthonormal basis.

    The regression falls apart into one for each arm, and so does the basis, of the regressors
    times the roots of the rows' mass.
    """
    bases = []
    for arm in (0, 1):
        rows = np.flatnonzero(d == arm)
        group = f"{treatment!r} is {arm}"
        bases.append((rows, _check_leverage(x, rows, index, group, counted)))
    centred = x.columns - _mean(x.columns, counted.mass)
    centred = centred / x.columns.std(axis=0)
    means, (slope, rest), width = [], np.empty((2, len(y))), 1 + len(x.labels)
    every = np.zeros((len(y), 2 * width))
    for (rows, basis), sign, first in zip(bases, (-1, 1), (0, width), strict=True):
        here = counted.of(rows)
        root, z = np.sqrt(here.mass), centred[rows]
        mean, centre = (_mean(v, here.mass) for v in (y[rows], z))
        reach = np.linalg.solve((root * (z - centre).T) @ basis, -centre)  # to the mean of all
        values = root * (y[rows] - mean)
        slopes = basis.T @ values
        share = here.mass / here.mass.sum()
        slope[rows] = sign * (share + root * (basis @ reach))
        rest[rows] = (values - basis @ slopes) / root
        every[rows, first : first + width] = np.column_stack([np.sqrt(share), basis])
        means.append(mean + reach @ slopes)
    return means[1] - means[0], slope, rest, every


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


def _check_leverage(x, rows, index, group, counted):
    """Return the basis of one group's rows, or raise if they cannot carry an HC2 error."""
    basis, here = _group_basis(x, rows, group, counted.size), counted.of(rows)
    if (counted.weights != 1).any():
        basis = _basis(x._replace(columns=x.columns[rows]), here.mass)
    leverage = here.weights / here.mass.sum() + (basis**2).sum(axis=1) / here.size
    if leverage.max() > 1 - 1e-9:
        row = index[[rows[leverage.argmax()]]].tolist()[0]
        raise ValueError(
            f"row {row!r} alone decides a coefficient where {group} ({_listed(x.labels)}), so its "
            "noise is unknown; merge the category with another, or drop the covariate"
        )
    return basis
