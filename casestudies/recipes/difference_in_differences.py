"""Difference in differences: two periods, many periods, and trends that need not be parallel."""

import itertools

import numpy as np
import pandas as pd
from scipy import stats

from casestudies.recipes._clusters import _check_sides, _clustered
from casestudies.recipes._columns import (
    _check_choice,
    _check_noise,
    _design,
    _names,
    _result,
    _zero_one,
)
from casestudies.recipes._panel import (
    _change,
    _check_steady,
    _columns_of,
    _interact,
    _left_out,
    _read_panel,
    _rows_and_means,
    _shown,
    _since,
    _start,
    _summed,
    _two_periods,
    _warning,
    _wide,
)
from casestudies.recipes._score import _check_values
from casestudies.recipes._study import _study
from casestudies.recipes._trends import _adjusted_change


def two_by_two(
    data,
    *,
    outcome,
    treated,
    post,
    unit=None,
    controls=(),
    cov="clustered",
    cluster=None,
    size=None,
    weights=None,
    level=0.95,
):
    r"""Compare the change of the treated group with the change of the other group.

    The coefficient :math:`\delta` of

    .. math:: Y = \alpha + \gamma D + \lambda P + \delta D P + X'\beta + \varepsilon,

    with :math:`D` the group and :math:`P` the period. On a balanced panel without
    controls it is the difference of the two groups' mean changes, the same as first
    differences or unit and period fixed effects; a control that is constant over time
    then changes nothing (give its product with `post` to let trends differ by it).
    Unit and period fixed effects differ from it on an unbalanced panel.

    Estimand: the average effect on the treated in the later period. Assumptions:
    without treatment both groups would have changed by the same amount on average
    (parallel trends), no reaction before the treatment, none of one unit to another's.

    The interval needs many clusters on each side. Its coverage where clusters of four units are
    alike and their shocks normal, at a nominal 95% (100,000 replications, Monte Carlo error at
    most 0.0014); with units as clusters :math:`\frac{n-1}{n-k}` makes it up to 0.04 higher:

    ========  =====  =====  =====  =====  =====
    treated       2      3      4      6     10
    ========  =====  =====  =====  =====  =====
    of 20     .751   .856   .896   .932   .947
    half      .887   .923   .933   .942   .947
    ========  =====  =====  =====  =====  =====

    With few clusters on one side, see what the wild bootstrap, other choices of the treated
    clusters or an assumed shock say.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period. A unit may lack one of the two periods: repeated
        cross-sections, in which every unit is seen once, are such data. Or, with `size`, one
        per cell.
    outcome : str
        Column of the outcome, in any unit.
    unit : str, optional
        Column that names the unit; needed of rows, and not in cells.
    treated : str
        Column with 1 for units of the treated group and 0 for the others, in both periods.
    post : str
        Column with 1 for the period after the treatment began and 0 for the one before.
    controls : str or sequence of str
        Columns of covariates; a column that is not numeric enters as dummies.
    cov : {"clustered", "CR2", "CR3"}, default "clustered"
        Covariance estimator. The last two are for few or unlike clusters: residuals are stretched
        by the leverage of their cluster, :math:`(I - H_g)^{-1/2}` and :math:`(I - H_g)^{-1}`,
        without a further factor, and the degrees of freedom are Bell and McCaffrey's.
    cluster : str, optional
        Column of the groups that share shocks; the unit by default. The level at which
        the treatment was assigned is the one to give.
    size : str, optional
        Column that counts the rows behind each row of `data`, which then are cells by `treated`,
        `post`, `controls` and `cluster`, which is to be named: an outcome ``"y"`` is read from
        ``y_mean`` and ``y_var`` (divisor n), or from ``y`` if it is the same in all of a cell.
        The answer is that of the rows; who is seen twice, cells cannot tell.
    weights : str, optional
        Column of sampling weights (inverse probabilities of selection); their scale does not
        matter.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n (rows). The standard error is the
        cluster-robust sandwich times :math:`\frac{G}{G-1}\frac{n-1}{n-k}` for
        :math:`G` clusters and :math:`k` coefficients (the convention of statsmodels
        and Stata); the interval uses the t distribution with :math:`G - 1` degrees.

    Raises
    ------
    ValueError
        If a unit is seen twice in a period (give its mean instead), `treated` changes
        within a unit, a unit lies in two clusters, or a single cluster makes up one arm in a
        period: its residuals then sum to zero, and its shocks would count as none. If a
        column is missing, incomplete or not of its kind, the outcome does not vary, or a
        control is a combination of the other columns and their interaction.

    References
    ----------
    Card and Krueger (1994), American Economic Review 84(4), 772-793.
    Bertrand, Duflo and Mullainathan (2004), Quarterly Journal of Economics 119(1), 249-275.
    Bell and McCaffrey (2002), Survey Methodology 28(2), 169-181 (CR2, CR3).
    Donald and Lang (2007), Review of Economics and Statistics 89(2), 221-233.

    Examples
    --------
    >>> stores = pd.DataFrame({
    ...     "store": [1, 2, 3, 4] * 2, "nj": [1, 1, 0, 0] * 2, "after": [0] * 4 + [1] * 4,
    ...     "jobs": [18, 18, 20, 20, 24, 26, 21, 23],
    ... })
    >>> two_by_two(stores, outcome="jobs", unit="store", treated="nj", post="after").round(3)
    estimate     5.000
    std_error    1.528
    ci_low       0.139
    ci_high      9.861
    n            8.000
    Name: two_by_two, dtype: float64
    """
    controls, cluster = _names("controls", controls), cluster if cluster is not None else unit
    roles = {"outcome": outcome, "treated": treated, "post": post}
    table, counted = _two_periods(data, cluster, controls, size, weights, unit=unit, **roles)
    mass = None if size is None and weights is None else counted.mass
    _check_choice("cov", cov, ("clustered", "CR2", "CR3"))
    found = _interact(table, cluster, controls, mass, cov, **roles)
    options = {"n": counted.n, "level": level, "df": found.df}
    return _result("two_by_two", found.estimate, found.std_error, **options)


def doubly_robust_did(
    data,
    *,
    outcome,
    unit,
    treated,
    post,
    adjust_for,
    cluster=None,
    weights=None,
    panel="balanced",
    level=0.95,
):
    r"""Compare changes between groups whose trends are parallel given covariates.

    With :math:`\Delta Y` the change of a unit, :math:`m(x)` its mean given covariates among the
    untreated (least squares) and :math:`e(x)` the probability of being treated (a logit),

    .. math:: \hat\tau = \sum_i (w^1_i - w^0_i) \{\Delta Y_i - m(X_i)\}, \quad
              w^1 \propto D, \quad w^0 \propto (1 - D) \frac{e(X)}{1 - e(X)},

    each group's weights of sum 1. It is right if either model is (doubly robust); this is the
    estimator with both fitted the usual way, not the improved one of the same paper.

    Estimand: the average effect on the treated in the later period. Assumptions: without
    treatment, treated and others with the same covariates would have changed alike on average
    (conditional parallel trends), nobody reacts before the treatment or to another's, and every
    treated unit could have been untreated (:math:`e(X) < 1`). The covariates are read in the
    period before. One that the treatment itself moves, recorded later, is a bad control: it
    takes a part of the effect away, and no test here can tell. Where the groups' covariates
    differ and trends depend on them, the plain difference in differences is biased.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, both periods of each unit.
    outcome, unit, treated, post : str
        Columns of the outcome, the unit's name, the group (1 for units of the treated group in
        both periods, else 0) and the period (1 once the treatment began, else 0).
    adjust_for : str or sequence of str
        Columns of covariates, of which the value in the period before counts, though neither row
        may lack it; a category enters as dummies without its first level.
    cluster : str, optional
        Column of the groups that share shocks; the unit by default.
    weights : str, optional
        Column of sampling weights (inverse probabilities of selection), the same in both rows of
        a unit; their scale does not matter.
    panel : {"balanced", "pairs"}
        Whether a unit that lacks a period is refused or left out; leaving out needs that who is
        missing has nothing to do with how outcomes would have changed.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n (rows compared). The standard error comes from
        influence functions, both models' estimation included, summed by cluster, times
        :math:`\sqrt{G / (G - 1)}`; t with :math:`G - 1` degrees. ``attrs["rows_left_out"]``
        counts rows of units seen once.

    Raises
    ------
    ValueError
        If a unit lacks a period (unless `panel` allows it), is seen twice in one, changes its
        group or lies in two clusters, the groups do not overlap in the covariates, or a single
        cluster makes up one arm. If a column is missing, incomplete or not of its kind.

    References
    ----------
    Sant'Anna and Zhao (2020), Journal of Econometrics 219(1), 101-122.
    Heckman, Ichimura and Todd (1997), Review of Economic Studies 64(4), 605-654.

    Examples
    --------
    >>> shops = pd.DataFrame({
    ...     "shop": [*range(8)] * 2, "law": [1, 1, 1, 0, 1, 0, 0, 0] * 2,
    ...     "after": [0] * 8 + [1] * 8, "city": [1, 1, 1, 1, 0, 0, 0, 0] * 2,
    ...     "jobs": [9, 7, 8, 8, 5, 4, 6, 5, 14, 11, 13, 10, 7, 5, 7, 5],
    ... })
    >>> doubly_robust_did(shops, outcome="jobs", unit="shop", treated="law", post="after",
    ...                   adjust_for="city").round(2)
    estimate      2.33
    std_error     0.38
    ci_low        1.42
    ci_high       3.24
    n            16.00
    Name: doubly_robust_did, dtype: float64
    """
    _check_choice("panel", panel, ("balanced", "pairs"))
    cluster, names = cluster if cluster is not None else unit, _names("adjust_for", adjust_for)
    if not names:
        raise ValueError("adjust_for names no column; without covariates, take two_by_two")
    roles = {"outcome": outcome, "unit": unit, "treated": treated, "post": post}
    table, counted = _two_periods(data, cluster, names, None, weights, **roles)
    if weights is not None:
        _check_steady(counted, table[unit], weights)
    before, after = _both_periods(table, unit, post, panel)
    _check_sides(table.iloc[before], cluster, [treated])
    first, arms = table.iloc[before], table[treated].to_numpy(dtype=float)[before]
    for name in names:
        _check_values(first, name, arms, (0, 1))
    y = table[outcome].to_numpy(dtype=float)
    design, mass = _design(first, names), counted.mass[before]
    estimate, influence = _adjusted_change(y[after] - y[before], arms, design, mass)
    covariance, df = _clustered(influence[:, np.newaxis], first[cluster])
    std_error, n = np.sqrt(covariance[0, 0]), 2 * len(before)
    _check_noise(outcome, std_error, np.abs(y).max())
    result = _result("doubly_robust_did", estimate, std_error, n=n, level=level, df=df)
    result.attrs["rows_left_out"] = len(table) - n
    return result


def _both_periods(table, unit, post, panel):
    """Return the rows before and after of units seen in both periods, or raise if some are not."""
    later, places = table[post].to_numpy() == 1, np.arange(len(table))
    parts = [pd.Series(places[rows], index=table[unit][rows]) for rows in (~later, later)]
    kept = parts[0].index[parts[0].index.isin(parts[1].index)]
    lost = len(table) - 2 * len(kept)
    if lost and panel == "balanced":
        raise ValueError(
            f"column {unit!r}: {lost} unit(s) are seen in one period only, so their change is not "
            "known; find the other row, or leave them out by panel='pairs', and say so"
        )
    if not len(kept):
        raise ValueError(
            f"column {unit!r}: no unit is seen in both periods; of repeated cross-sections "
            "two_by_two compares means, with controls and their products with the period"
        )
    return (part[kept].to_numpy() for part in parts)


def event_study(
    data,
    *,
    outcome,
    time,
    treated,
    first_treated_time,
    unit=None,
    cluster=None,
    size=None,
    weights=None,
    panel="balanced",
    level=0.95,
):
    r"""Follow the gap between the groups through time, relative to the last period before.

    For event time :math:`k`, the time since `first_treated_time`, and the last period
    before it at :math:`r` (-1 where periods are one apart),

    .. math:: \hat\delta_k = (\bar Y_{1,k} - \bar Y_{1,r}) - (\bar Y_{0,k} - \bar Y_{0,r}),

    the coefficients of group times period in a regression with unit and period fixed
    effects. With two periods it is `two_by_two`.

    Estimand: for :math:`k \ge 0` the average effect on the treated :math:`k` after adoption,
    under parallel trends and no anticipation; for :math:`k < r` a difference in trends,
    zero under the same assumptions extended backwards.
    All treated units begin at the same time; where they do not, use a method for
    staggered adoption. With few clusters on one side intervals are too short: with 2
    treated of 20, all alike and with normal shocks, they cover 75 to 77%.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, every unit in every period unless `panel` says otherwise; or,
        with `size`, one per cell.
    outcome : str
        Column of the outcome, in any unit.
    time : str
        Column of the period, numbers or dates, not necessarily evenly spaced. Event time is
        the difference of numbers; of dates, years if all lie whole years apart, else months
        if whole months (last days of months are), else days. Year and month in one number
        (202401) are to be made dates.
    treated : str
        Column with 1 for units that are ever treated and 0 for the others, in all periods.
    first_treated_time : number or date
        The first period with treatment, a value of `time`.
    unit : str, optional
        Column of the unit's name; needed of rows, but in cells and cross-sections.
    cluster : str, optional
        Column of the groups that share shocks; the unit by default.
    size : str, optional
        Column that counts the units behind each row of `data`, which then are cells by `time`,
        `treated` and `cluster`, which is to be named, with as many units in each period (in
        cross-sections any number): an outcome ``"y"`` is read from ``y_mean`` and ``y_var``
        (divisor n), or from ``y`` if it is the same in all of a cell. The answer is that of the
        rows.
    weights : str, optional
        Column of sampling weights (inverse probabilities of selection), the same in all rows of
        a unit; their scale does not matter. Means are weighted.
    panel : {"balanced", "pairs", "cross_sections"}
        Whom a change between two periods compares. With ``"balanced"`` every unit is seen in
        every period, else the call is refused. ``"pairs"`` takes in each comparison the units seen
        in both of its periods: the effect is then that on those, and it needs that who is missing
        has nothing to do with how outcomes would have changed. With ``"cross_sections"`` means of
        whoever is seen in a period are compared, and `unit` may be left out, rows then being
        independent (or `cluster` named): it needs that each period samples the same population of
        a group.
    level : float
        Coverage of each interval (pointwise), between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by event_time; estimate, std_error, ci_low, ci_high; unless every unit is seen in
        every period, n_treated and n_comparison: units that enter, of cross-sections the rows of
        both periods. The last row before 0 is the reference, zero by construction. Another error
        of 0 says that each arm's clusters changed alike, not that the estimate is certain. Errors
        are cluster-robust, times :math:`\frac{G}{G-1}\frac{nT-1}{nT-2T}` for :math:`G` clusters,
        :math:`n` units and :math:`T` periods (with gaps, for as many rows and as many arms and
        periods that have some); t with :math:`G - 1` degrees. ``attrs["covariance"]`` holds the
        covariance of all other rows (``pd.DataFrame(study.attrs["covariance"])``), ``attrs["df"]``
        the degrees of freedom, ``attrs["reference"]`` the event time of the reference;
        rows_left_out and units_left_out count who enters no comparison, and warning says where a
        standard error is missing, as one cluster makes up a side.

    Raises
    ------
    ValueError
        If a unit lacks a period (unless `panel` allows it) or has it twice, `time` is text,
        `first_treated_time` is not a period or is the first one, `treated` changes within a unit,
        a unit lies in two clusters, or a single cluster makes up one arm. If a column is missing,
        incomplete or not of its kind, or the outcome does not vary.

    References
    ----------
    Sun and Abraham (2021), Journal of Econometrics 225(2), 175-199.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2, 3, 4], 3), "month": [1, 2, 3] * 4,
    ...     "drug": np.repeat([1, 1, 0, 0], 3), "days": [9, 9, 5, 8, 9, 4, 5, 5, 6, 7, 6, 6],
    ... })
    >>> event_study(wards, outcome="days", unit="ward", time="month", treated="drug",
    ...             first_treated_time=3).round(2)
                estimate  std_error  ci_low  ci_high
    event_time
    -2              -1.0       0.78   -3.49     1.49
    -1               0.0       0.00    0.00     0.00
     0              -5.0       0.78   -7.49    -2.51
    """
    panel = _two_arms(data, outcome, unit, time, treated, cluster, size, weights, panel)
    start = _start(panel.periods, first_treated_time, time)
    events = _since(panel.elapsed, start)
    other = np.delete(np.arange(len(events)), start - 1)
    arms, entered = panel.fixed.to_numpy() == 1, np.zeros(panel.count.shape, dtype=bool)
    changes = [_change(panel, arms, ~arms, place, start - 1, entered) for place in other]
    estimate, influence = _columns_of(changes)
    fitted = _rows_and_means(panel, arms, entered)
    covariance, df = _summed(panel, influence, entered, *fitted)
    sizes = None if panel.whole else [change.sizes for change in changes]
    _check_noise(outcome, np.sqrt(np.diag(covariance).max()), panel.scale)
    study = _study(events[other], events[start - 1], estimate, covariance, df, level, sizes)
    alone = events[other][np.isnan(np.diag(covariance)) & np.isfinite(estimate)].tolist()
    study.attrs |= {**_left_out(panel, entered), "warning": _warning(alone)}
    return study


def placebo(
    data,
    *,
    outcome,
    time,
    treated,
    first_treated_time,
    unit=None,
    cluster=None,
    size=None,
    weights=None,
    panel="balanced",
    level=0.95,
):
    r"""Pretend that the treatment began earlier, using only the periods before it.

    For each earlier date, `two_by_two` on each unit's mean before and from that date on,
    with no treated period in either. Under parallel trends and no anticipation every one
    of these effects is zero. The dates share data: their answers are not independent. Where
    units have gaps, it is the mean over all pairs of a later and an earlier period of the
    difference between the groups' changes, each among those who can be compared.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, every unit in every period unless `panel` says otherwise; or,
        with `size`, one per cell.
    outcome : str
        Column of the outcome, in any unit.
    time : str
        Column of the period, numbers or dates.
    treated : str
        Column with 1 for units that are ever treated and 0 for the others, in all periods.
    first_treated_time : number or date
        The first period with treatment, a value of `time`.
    unit : str, optional
        Column of the unit's name; needed of rows, but in cells and cross-sections.
    cluster : str, optional
        Column of the groups that share shocks; the unit by default.
    size : str, optional
        Column that counts the units behind each row of `data`, which then are cells by `time`,
        `treated` and `cluster`, which is to be named, with as many units in each period (in
        cross-sections any number): an outcome ``"y"`` is read from ``y_mean`` and ``y_var``
        (divisor n), or from ``y`` if it is the same in all of a cell. The answer is that of the
        rows.
    weights : str, optional
        Column of sampling weights (inverse probabilities of selection), the same in all rows of
        a unit; their scale does not matter. Means are weighted.
    panel : {"balanced", "pairs", "cross_sections"}
        Whom a change between two periods compares. With ``"balanced"`` every unit is seen in
        every period, else the call is refused. ``"pairs"`` takes in each comparison the units seen
        in both of its periods: the effect is then that on those, and it needs that who is missing
        has nothing to do with how outcomes would have changed. With ``"cross_sections"`` means of
        whoever is seen in a period are compared, and `unit` may be left out, rows then being
        independent (or `cluster` named): it needs that each period samples the same population of
        a group.
    level : float
        Coverage of each interval, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by the pretended date; estimate, std_error, ci_low, ci_high, n (unit means
        compared; of cross-sections, rows) and p_value, from the t distribution with :math:`G - 1`
        degrees.

    Raises
    ------
    ValueError
        If fewer than two periods lie before `first_treated_time`, a unit lacks a period
        (unless `panel` allows it) or has it twice, `time` is text, `treated` changes within a
        unit, a unit lies in two clusters, or a single cluster makes up one arm. If a column is
        missing, incomplete or not of its kind, or the outcome leaves no noise to estimate.

    References
    ----------
    Bertrand, Duflo and Mullainathan (2004), Quarterly Journal of Economics 119(1), 249-275.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2, 3, 4], 3), "month": [1, 2, 3] * 4,
    ...     "drug": np.repeat([1, 1, 0, 0], 3), "days": [9, 9, 5, 8, 9, 4, 5, 5, 6, 7, 6, 6],
    ... })
    >>> placebo(wards, outcome="days", unit="ward", time="month", treated="drug",
    ...         first_treated_time=3)[["estimate", "n", "p_value"]].round(3)
           estimate    n  p_value
    month
    2           1.0  8.0    0.282
    """
    panel = _two_arms(data, outcome, unit, time, treated, cluster, size, weights, panel)
    start = _start(panel.periods, first_treated_time, time)
    if start < 2:
        raise ValueError(
            f"column {time!r} has {start} period before {_shown(panel.periods[start])}; "
            "a pretended date needs one period before it and one from it on"
        )
    rows = []
    for fake in range(1, start):
        split, pairs = _parts_before(panel, start, fake)
        entered = np.zeros(split.count.shape, dtype=bool)
        estimate, influence = _mean_change(split, pairs, entered)
        n = int(split.count.max(axis=1) @ entered.any(axis=1)) * 2
        n = n if panel.paired else int(split.count[entered].sum())
        covariance, df = _summed(split, influence, entered, n, 4)
        options = {"n": n, "level": level, "df": df}
        rows.append(_result(panel.periods[fake], estimate, np.sqrt(covariance[0, 0]), **options))
    frame = pd.DataFrame(rows).rename_axis(time)
    _check_noise(outcome, frame["std_error"], panel.scale)
    t = np.abs(frame["estimate"] / frame["std_error"])
    return frame.assign(p_value=2 * stats.t.sf(t, df))


def _two_arms(data, outcome, unit, time, treated, cluster, size, weights, panel):
    """Return a panel of two arms with two clusters each or more."""
    roles = outcome, unit, time, {"treated": treated}
    table, counted, cluster = _read_panel(data, *roles, cluster, size, weights, panel)
    _zero_one(table, treated)
    columns = {"outcome": outcome, "unit": unit, "time": time, "fixed": treated}
    found = _wide(table, counted, cluster, panel, **columns)
    if cluster is not None:
        _check_sides(table, cluster, [treated])
    return found


def _parts_before(panel, start, fake):
    """Return the periods before the treatment as those before and from a pretended date on.

    Where units have gaps, every later period is compared with every earlier one.
    """
    if not panel.whole:
        return panel, list(itertools.product(range(fake, start), range(fake)))
    y = panel.outcomes - panel.outcomes[:, :1]
    sides = [y[:, :fake].mean(axis=1), y[:, fake:start].mean(axis=1)]
    split = {"count": panel.count[:, :2], "mass": panel.mass[:, :2]}
    return panel._replace(outcomes=np.column_stack(sides), **split), [(1, 0)]


def _mean_change(panel, pairs, entered):
    """Return the mean, over pairs of periods, of the arms' difference in changes."""
    arms = panel.fixed.to_numpy() == 1
    changes = [_change(panel, arms, ~arms, *pair, entered) for pair in pairs]
    known = [change for change in changes if np.isfinite(change.estimate)] or changes
    estimate, influence = _columns_of(known)
    return estimate.mean(), influence.mean(axis=1, keepdims=True)
