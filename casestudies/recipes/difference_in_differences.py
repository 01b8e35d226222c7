"""Difference in differences: two periods, many periods, and trends that need not be parallel."""

import difflib
import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, special, stats


def two_by_two(data, *, outcome, unit, treated, post, controls=(), cluster=None, level=0.95):
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

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period; a unit may lack one of the two periods.
    outcome : str
        Column of the outcome, in any unit.
    unit : str
        Column that names the unit.
    treated : str
        Column with 1 for units of the treated group and 0 for the others, in both periods.
    post : str
        Column with 1 for the period after the treatment began and 0 for the one before.
    controls : str or sequence of str
        Columns of covariates; a column that is not numeric enters as dummies.
    cluster : str, optional
        Column of the groups that share shocks; the unit by default. The level at which
        the treatment was assigned is the one to give.
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
        within a unit, a unit lies in two clusters, or a single cluster makes up one arm:
        its residuals then sum to zero, and its shocks would count as none.

    References
    ----------
    Card and Krueger (1994), American Economic Review 84(4), 772-793.
    Bertrand, Duflo and Mullainathan (2004), Quarterly Journal of Economics 119(1), 249-275.
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
    controls, cluster = _names(controls), cluster or unit
    _check_columns(data, [outcome, unit, treated, post, *controls])
    _check_columns(data, [cluster])
    y, d, p = _numbers(data, outcome), _zero_one(data, treated), _zero_one(data, post)
    _check_unit(data, unit, post, treated, cluster)
    _check_clusters(data, cluster, [treated, post])
    columns = {"intercept": 1.0, treated: d, post: p, f"{treated} x {post}": d * p}
    design = pd.DataFrame(columns, index=data.index)
    design = pd.concat([design, _design(data, controls)], axis=1)
    _check_rank(design)
    coefficients, covariance, df = _least_squares(design, y, data[cluster])
    std_error = np.sqrt(covariance[3, 3])
    return _result("two_by_two", coefficients[3], std_error, n=len(data), level=level, df=df)


def event_study(
    data, *, outcome, unit, time, treated, first_treated_time, cluster=None, level=0.95
):
    r"""Follow the gap between the groups through time, relative to the last period before.

    For event time :math:`k`, counted in observed periods from `first_treated_time`,

    .. math:: \hat\delta_k = (\bar Y_{1,k} - \bar Y_{1,-1}) - (\bar Y_{0,k} - \bar Y_{0,-1}),

    the coefficients of group times period in a regression with unit and period fixed
    effects. With two periods it is `two_by_two`.

    Estimand: for :math:`k \ge 0` the average effect on the treated :math:`k` periods
    after adoption, under parallel trends and no anticipation; for :math:`k < -1`
    a difference in trends, zero under the same assumptions extended backwards.
    All treated units begin at the same time; where they do not, use a method for
    staggered adoption.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, every unit in every period.
    outcome, unit, time : str
        Columns of the outcome, of the unit's name and of the period (anything that sorts).
    treated : str
        Column with 1 for units that are ever treated and 0 for the others, in all periods.
    first_treated_time : scalar
        The first period with treatment, a value of `time`.
    cluster : str, optional
        Column of the groups that share shocks; the unit by default.
    level : float
        Coverage of each interval (pointwise), between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by event_time; estimate, std_error, ci_low, ci_high. Row -1 is the
        reference, zero by construction. Standard errors as in `two_by_two`, with
        :math:`k` twice the number of periods. ``attrs["covariance"]`` holds the
        covariance of all other rows (``pd.DataFrame(study.attrs["covariance"])``),
        ``attrs["df"]`` the degrees of freedom :math:`G - 1`.

    Raises
    ------
    ValueError
        If a unit lacks a period or has it twice, `first_treated_time` is not a period or
        is the first one, or as in `two_by_two`.

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
    wide, arm, groups = _arms(data, outcome, unit, time, treated, cluster or unit)
    start = _position(wide.columns, first_treated_time, time)
    events = np.arange(wide.shape[1]) - start
    change = wide.sub(wide.iloc[:, start - 1], axis=0).to_numpy()[:, events != -1]
    estimate, covariance, df = _mean_difference(change, arm, groups, periods=len(events))
    return _study(events[events != -1], estimate, covariance, df, level)


def placebo(data, *, outcome, unit, time, treated, first_treated_time, cluster=None, level=0.95):
    r"""Pretend that the treatment began earlier, using only the periods before it.

    For each earlier date, `two_by_two` on each unit's mean before and from that date on,
    with no treated period in either. Under parallel trends and no anticipation every one
    of these effects is zero. The dates share data: their answers are not independent.

    Parameters
    ----------
    data, outcome, unit, time, treated, first_treated_time, cluster, level
        As for `event_study`.

    Returns
    -------
    pandas.DataFrame
        Indexed by the pretended date; estimate, std_error, ci_low, ci_high, n (unit means
        compared) and p_value, from the t distribution with :math:`G - 1` degrees.

    Raises
    ------
    ValueError
        If fewer than two periods lie before `first_treated_time`, or as `event_study`.

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
    wide, arm, groups = _arms(data, outcome, unit, time, treated, cluster or unit)
    start = _position(wide.columns, first_treated_time, time)
    if start < 2:
        raise ValueError(
            f"column {time!r} has {start} period before {first_treated_time}; "
            "a pretended date needs one period before it and one from it on"
        )
    y = wide.to_numpy()
    fakes = range(1, start)
    change = np.column_stack([y[:, f:start].mean(1) - y[:, :f].mean(1) for f in fakes])
    estimate, covariance, df = _mean_difference(change, arm, groups, periods=2)
    std_error = np.sqrt(np.diag(covariance))
    rows = [
        _result(wide.columns[fake], e, s, n=2 * len(y), level=level, df=df)
        for fake, e, s in zip(fakes, estimate, std_error, strict=True)
    ]
    frame = pd.DataFrame(rows).rename_axis(time)
    return frame.assign(p_value=2 * stats.t.sf(np.abs(frame["estimate"] / frame["std_error"]), df))


def trend_bounds(
    study,
    *,
    relative_magnitudes=(0, 0.5, 1, 1.5, 2),
    smoothness=(0,),
    event_times=None,
    level=0.95,
):
    r"""Bound the effect when trends need not be parallel but may not bend at will.

    Let :math:`\delta_t` be the difference in trends at event time :math:`t`, zero at -1.

    - Relative magnitudes: each post step :math:`|\delta_t - \delta_{t-1}|` is at most
      :math:`\bar M` times the largest step before the treatment.
    - Smoothness: each change of slope
      :math:`|(\delta_{t+1} - \delta_t) - (\delta_t - \delta_{t-1})|` is at most :math:`M`;
      :math:`M = 0` extrapolates a straight line.

    The estimand is the average effect over `event_times`. Intervals cover it with at
    least probability `level` whenever the restriction holds:

    - Relative magnitudes: the hull of the intervals of
      :math:`\hat\theta \pm \bar M L (\hat\delta_s - \hat\delta_{s-1})` over all steps
      :math:`s` before the treatment. It is conservative, as the step that truly is the
      largest has its interval among them (at :math:`\bar M = 0` it is the usual one).
    - Smoothness: the shortest fixed-length interval
      :math:`\hat\theta_a \pm \mathrm{cv}(b_a/\sigma_a)\,\sigma_a`. Here
      :math:`\hat\theta_a` extrapolates the last slope and adds earlier bends with weights
      :math:`a`, :math:`b_a` is its worst bias, and cv the quantile of :math:`|N(t, 1)|`.

    Parameters
    ----------
    study : pandas.DataFrame
        What an `event_study` returned: a column estimate indexed by event time, with
        ``attrs["covariance"]`` (without the reference, -1) and ``attrs["df"]``, infinite
        by default.
    relative_magnitudes : sequence of float
        Values of :math:`\bar M`, pure numbers, at least 0.
    smoothness : sequence of float
        Values of :math:`M`, in units of the outcome per period squared, at least 0.
    event_times : sequence of int, optional
        Event times whose effects are averaged; all from 0 on by default.
    level : float
        Coverage of each interval, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by restriction and bound; set_low, set_high (the effects compatible with
        the point estimates; for smoothness given the last slope before the treatment),
        ci_low, ci_high.

    Raises
    ------
    ValueError
        If the study has no event time below -1 or skips one, or a bound is negative.

    References
    ----------
    Rambachan and Roth (2023), Review of Economic Studies 90(5), 2555-2591.
    Armstrong and Kolesár (2018), Econometrica 86(2), 655-683.

    Examples
    --------
    >>> study = pd.DataFrame({"estimate": [0.2, 0.0, 3.0]}, index=[-2, -1, 0])
    >>> study.attrs = {"covariance": {-2: {-2: 0.25, 0: 0.1}, 0: {-2: 0.1, 0: 0.25}}, "df": 30}
    >>> trend_bounds(study, relative_magnitudes=[0, 1], smoothness=[0]).round(2)
                               set_low  set_high  ci_low  ci_high
    restriction         bound
    relative magnitudes 0          3.0       3.0    1.98     4.02
                        1          2.8       3.2    1.49     4.91
    smoothness          0          3.2       3.2    1.49     4.91
    """
    path = _path(study, event_times, level)
    tasks = [(_relative_bounds, "relative magnitudes", bound) for bound in relative_magnitudes]
    tasks += [(_smooth_bounds, "smoothness", bound) for bound in smoothness]
    for _, restriction, bound in tasks:
        if not bound >= 0:
            raise ValueError(f"{restriction} bound {bound} is negative; give values from 0 on")
    index = pd.MultiIndex.from_tuples([task[1:] for task in tasks], names=["restriction", "bound"])
    columns = ["set_low", "set_high", "ci_low", "ci_high"]
    return pd.DataFrame([run(path, bound) for run, _, bound in tasks], index=index, columns=columns)


def trend_breakdown(study, *, event_times=None, level=0.95):
    r"""Find the smallest violation of parallel trends at which the sign is lost.

    Parameters
    ----------
    study, event_times, level
        As for `trend_bounds`.

    Returns
    -------
    pandas.Series
        The bound of each restriction ("relative magnitudes", a pure number; "smoothness",
        in units of the outcome per period squared) at which the interval of `trend_bounds`
        first reaches zero; 0 where it holds zero from the start.

    Raises
    ------
    ValueError
        As `trend_bounds`.

    References
    ----------
    Rambachan and Roth (2023), Review of Economic Studies 90(5), 2555-2591.

    Examples
    --------
    >>> study = pd.DataFrame({"estimate": [0.2, 0.0, 3.0]}, index=[-2, -1, 0])
    >>> study.attrs = {"covariance": {-2: {-2: 0.25, 0: 0.1}, 0: {-2: 0.1, 0: 0.25}}, "df": 30}
    >>> trend_breakdown(study).round(2)
    relative magnitudes    2.64
    smoothness             1.77
    Name: trend_breakdown, dtype: float64
    """
    path = _path(study, event_times, level)
    scale = np.sqrt(path.target @ path.covariance @ path.target)
    entries = {
        "relative magnitudes": _first_zero(lambda bound: _relative_bounds(path, bound)[2:], 0.01),
        "smoothness": _first_zero(lambda bound: _smooth_bounds(path, bound)[2:], 0.01 * scale),
    }
    return pd.Series(entries, name="trend_breakdown")


# Regressions and mean differences, with clustered standard errors.


def _least_squares(design, y, cluster):
    """Return coefficients, clustered covariance and degrees of freedom."""
    x, (n, k) = design.to_numpy(), design.shape
    if n == k:
        raise ValueError(f"{n} rows for {k} coefficients leave no residual; use fewer controls")
    q, r = np.linalg.qr(x)
    coefficients = np.linalg.solve(r, q.T @ y)
    bread = np.linalg.inv(r)
    scores = q * (y - x @ coefficients)[:, None]
    meat, df = _clustered(scores, cluster, n, k)
    return coefficients, bread @ meat @ bread.T, df


def _mean_difference(change, arm, groups, periods):
    """Return the arms' difference in mean changes, its clustered covariance and degrees."""
    share = np.where(arm == 1, 1 / np.sum(arm == 1), -1 / np.sum(arm == 0))
    means = np.array([change[arm == 0].mean(0), change[arm == 1].mean(0)])
    influence = share[:, None] * (change - means[arm])
    covariance, df = _clustered(influence, groups, len(arm) * periods, 2 * periods)
    return means[1] - means[0], covariance, df


def _clustered(scores, cluster, n, k):
    """Return the covariance of a sum of scores by cluster, and G - 1."""
    codes, names = pd.factorize(cluster)
    g = len(names)
    sums = np.zeros((g, scores.shape[1]))
    np.add.at(sums, codes, scores)
    return g / (g - 1) * (n - 1) / (n - k) * sums.T @ sums, g - 1


def _study(events, estimate, covariance, df, level):
    """Return an event study's frame, the reference row included."""
    std_error = np.sqrt(np.diag(covariance))
    rows = [
        _result(event, e, s, n=np.nan, level=level, df=df)
        for event, e, s in zip(events, estimate, std_error, strict=True)
    ]
    rows.append(_result(-1, 0.0, 0.0, n=np.nan, level=level))
    frame = pd.DataFrame(rows).drop(columns="n").sort_index().rename_axis("event_time")
    names = [int(event) for event in events]
    # Nested dicts: pandas compares attrs with ==, which a DataFrame in them would break.
    table = pd.DataFrame(covariance, index=names, columns=names).to_dict()
    frame.attrs = {"covariance": table, "df": int(df)}
    return frame


# The path of an event study, and bounds on it.


class _Path(NamedTuple):
    """Point estimates with covariance, the target, and the trend's steps, as contrasts."""

    estimate: np.ndarray
    covariance: np.ndarray
    target: np.ndarray
    steps: np.ndarray  # one row per step before the treatment, oldest first
    load: np.ndarray  # what a unit step at each event time from 0 on adds to the target
    level: float
    critical: float


def _path(study, event_times, level):
    """Return the target and the steps before the treatment as contrasts of the estimates."""
    _check_level(level)
    estimate, covariance, df = _moments(study)
    times = estimate.index.to_numpy()
    gaps = sorted(set(range(times.min(), times.max() + 1)) - set(times) - {-1})
    if gaps or times.min() >= -1:
        what = f"skips event time {gaps[0]}" if gaps else "has no event time below -1"
        raise ValueError(f"the study {what}; bounds need every step, at least one before -1")
    weights = _weights(times, event_times)
    levels = np.insert(np.eye(len(times)), np.sum(times < -1), 0, axis=0)
    load = np.cumsum(weights[times >= 0][::-1])[::-1]
    steps = np.diff(levels, axis=0)[: np.sum(times < -1)]
    critical = stats.t.ppf((1 + level) / 2, df)
    return _Path(estimate.to_numpy(), covariance, weights, steps, load, level, critical)


def _relative_bounds(path, bound):
    """Return set and interval when steps are at most `bound` times the largest before."""
    swing = bound * path.load.sum()
    centre = path.target @ path.estimate
    reach = swing * np.abs(path.steps @ path.estimate).max()
    contrasts = path.target + swing * np.concatenate([path.steps, -path.steps])
    ends = contrasts @ path.estimate
    sd = np.sqrt(np.einsum("ij,jk,ik->i", contrasts, path.covariance, contrasts))
    low, high = (ends - path.critical * sd).min(), (ends + path.critical * sd).max()
    return centre - reach, centre + reach, low, high


def _smooth_bounds(path, bound):
    """Return set and shortest fixed-length interval when slopes change by at most `bound`."""
    start = path.target - path.load.sum() * path.steps[-1]
    forced = np.cumsum(path.load[::-1]).sum()
    inflate = path.critical / stats.norm.ppf((1 + path.level) / 2)
    v = inflate**2 * path.covariance
    contrast, half = _shortest(start, np.diff(path.steps, axis=0), v, bound, forced, path.level)
    centre, middle = start @ path.estimate, contrast @ path.estimate
    return centre - bound * forced, centre + bound * forced, middle - half, middle + half


def _shortest(start, bends, v, bound, forced, level):
    """Return the contrast start + a @ bends of least half-length, and that half-length.

    The half-length is convex in a. Its absolute values are split in two positive parts,
    which leaves a smooth function under bounds.
    """
    count, scale = len(bends), np.sqrt(start @ v @ start)

    def objective(parts):
        contrast = start + (parts[:count] - parts[count:]) @ bends
        sd = np.sqrt(contrast @ v @ contrast)
        half, by_bias, by_sd = _half_length(bound * (forced + parts.sum()), sd, level)
        slope = by_sd * bends @ v @ contrast / sd
        gradient = np.concatenate([slope, -slope]) + by_bias * bound
        return half / scale, gradient / scale

    parts = np.zeros(2 * count)
    if count:
        limits, options = [(0, None)] * (2 * count), {"maxiter": 1000, "ftol": 1e-13}
        method = {"method": "L-BFGS-B", "jac": True, "bounds": limits, "options": options}
        parts = optimize.minimize(objective, parts, **method).x
    return start + (parts[:count] - parts[count:]) @ bends, objective(parts)[0] * scale


def _half_length(bias, sd, level):
    """Return sd times the quantile of |N(bias / sd, 1)|, and its two derivatives."""
    t = bias / sd
    far = t > 30  # the other tail is below 1e-190
    cv = t + stats.norm.ppf(level) if far else np.sqrt(stats.ncx2.ppf(level, 1, t**2))
    return sd * cv, np.tanh(cv * t), cv - t * np.tanh(cv * t)


def _first_zero(interval, step):
    """Return the bound at which the interval first reaches zero."""
    sign = np.sign(sum(interval(0.0)))

    def margin(bound):
        return min(sign * np.array(interval(bound)))

    if margin(0.0) <= 0:
        return 0.0
    while margin(step) > 0:
        step *= 2
        if step > 1e15:
            return np.inf
    return optimize.brentq(margin, 0.0, step)


def _weights(times, event_times):
    """Return the weights that average over event times, all from 0 on by default."""
    chosen = times[times >= 0] if event_times is None else np.atleast_1d(event_times)
    for event in chosen:
        if event < 0 or event not in times:
            raise ValueError(
                f"event time {event} is not among those with an effect, {times[times >= 0]}"
            )
    if len(chosen) == 0:
        raise ValueError("no event time from 0 on to average over; the study ends before it")
    return np.isin(times, chosen) / len(set(chosen))


def _moments(study):
    """Return estimates without the reference, their covariance, and degrees of freedom."""
    if not isinstance(study, pd.DataFrame) or "covariance" not in study.attrs:
        raise ValueError("study carries no covariance; pass the frame that event_study returned")
    estimate = study["estimate"].drop(index=-1, errors="ignore").sort_index()
    covariance = pd.DataFrame(study.attrs["covariance"])
    lost = estimate.index.difference(covariance.index)
    if len(lost):
        raise ValueError(f"the covariance has no event time {lost[0]}; do not relabel the study")
    covariance = covariance.loc[estimate.index, estimate.index].to_numpy()
    return estimate, covariance, study.attrs.get("df", np.inf)


# Checks of panels, built on the checks below.


def _arms(data, outcome, unit, time, treated, cluster):
    """Return outcomes by unit and period, checked, with each unit's arm and cluster."""
    _check_columns(data, [outcome, unit, time, treated])
    _check_columns(data, [cluster])
    _numbers(data, outcome)
    _zero_one(data, treated)
    _check_unit(data, unit, time, treated, cluster)
    _check_clusters(data, cluster, [treated])
    wide, arm, groups = _wide(data, outcome, unit, time, [treated, cluster])
    return wide, arm.astype(int), groups


def _position(periods, first_treated_time, time):
    """Return where the treatment begins among the periods."""
    if first_treated_time not in periods:
        raise ValueError(
            f"first_treated_time {first_treated_time} is not a period of column {time!r}, "
            f"which runs from {periods[0]} to {periods[-1]}; give the first period with treatment"
        )
    position = periods.get_loc(first_treated_time)
    if position == 0:
        raise ValueError(
            f"column {time!r} has no period before first_treated_time {first_treated_time}; "
            "without one there is no change to compare"
        )
    return position


def _wide(data, outcome, unit, time, constants):
    """Return outcomes with a row per unit and a column per period, and columns by unit."""
    wide = data.pivot_table(index=unit, columns=time, values=outcome)
    gaps = np.argwhere(wide.isna().to_numpy())
    if len(gaps):
        row, column = gaps[0]
        raise ValueError(
            f"column {time!r}: {unit} = {wide.index[row]} has no row for {time} = "
            f"{wide.columns[column]} ({len(gaps)} such gap(s)); every unit must be seen in "
            "every period, so fill the gap from the source, or drop the unit or the period"
        )
    units = data.drop_duplicates(unit).set_index(unit, drop=False).loc[wide.index]
    return wide, *(units[name].to_numpy() for name in constants)


def _check_unit(data, unit, period, treated, cluster):
    """Raise unless units are seen once in a period and keep their treatment and cluster."""
    _check_once(data, unit, period)
    _check_constant(data, treated, unit, "give a unit the same value in all its rows, also before")
    _check_constant(data, cluster, unit, "a unit must stay in one cluster, so take a coarser one")


def _check_once(data, unit, period):
    """Raise if a unit is seen more than once in a period."""
    twice = data[data.duplicated([unit, period])]
    if len(twice):
        raise ValueError(
            f"column {unit!r}: {unit} = {twice[unit].iloc[0]} is seen more than once with "
            f"{period} = {twice[period].iloc[0]} ({len(twice)} such row(s) too many); keep one "
            "row per unit and period, for example each unit's mean"
        )


def _check_constant(data, column, within, remedy):
    """Raise if a column changes within a unit or cluster."""
    groups, values = (pd.factorize(data[name])[0] for name in (within, column))
    first = np.empty(groups.max() + 1, dtype=int)
    first[groups[::-1]] = values[::-1]  # written last, so that the first row of each stays
    moved = values != first[groups]
    if moved.any():
        raise ValueError(
            f"column {column!r} changes within {within} = {data[within].iloc[moved.argmax()]} "
            f"({len(np.unique(groups[moved]))} such case(s)); {remedy}"
        )


def _check_clusters(data, cluster, arms):
    """Raise if a combination of 0/1 columns has no rows, or those of one cluster only.

    The residuals of such a cluster sum to zero, so its shocks would count as none.
    """
    codes, names = pd.factorize(data[cluster])
    cells = data[arms].to_numpy(dtype=int) @ 2 ** np.arange(len(arms))[::-1]
    pairs = np.unique(cells * len(names) + codes)
    counts = np.bincount(pairs // len(names), minlength=2 ** len(arms))
    for values, count in zip(itertools.product((0, 1), repeat=len(arms)), counts, strict=True):
        where = " and ".join(f"{arm} = {value}" for arm, value in zip(arms, values, strict=True))
        if count == 0:
            raise ValueError(f"no row has {where}; the comparison needs rows of every such kind")
        if count == 1:
            raise ValueError(
                f"column {cluster!r} has {len(names)} cluster(s), and one alone makes "
                f"up the rows with {where}: its residuals sum to zero, so a clustered standard "
                "error would count its shocks as none (with one cluster per arm it prints as "
                "0.0000), and no degrees of freedom are left for them. Cluster by a finer column "
                "and say that you assume no shock common to a cluster, ask how large such a shock "
                "must be to overturn the answer, or find more clusters"
            )


def _check_level(level):
    """Raise unless a level lies between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")


# Input checks and the result. These lines close every recipe, letter for letter,
# so that each file can be copied alone.


def _names(columns):
    """Return one column name or several as a list."""
    return [columns] if isinstance(columns, str) else list(columns)


def _check_columns(data, columns):
    """Raise unless `data` has these columns, each in one role, complete and finite."""
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"data must be a pandas DataFrame, got {type(data).__name__}")
    for name in data.columns:
        if not isinstance(name, str):
            raise ValueError(f"column name {name!r} is not a string; use data.rename(columns=str)")
    for name in data.columns[data.columns.duplicated()]:
        raise ValueError(f"data has more than one column {name!r}; rename or drop all but one")
    for name in columns:
        if name not in data.columns:
            close = difflib.get_close_matches(str(name), data.columns, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"data has {list(data.columns)}"
            raise ValueError(f"no column {name!r} in data; {hint}")
        if columns.count(name) > 1:
            raise ValueError(f"column {name!r} is given more than one role; name it once")
    if data.empty:
        raise ValueError(f"column {columns[0]!r} has no rows; check the filter that made data")
    for name in columns:
        _check_values(data[name])


def _check_values(column):
    """Raise on the first missing or infinite value of a column."""
    bad, kind = column.isna().to_numpy(), "missing"
    if not bad.any() and pd.api.types.is_numeric_dtype(column):
        bad, kind = np.isinf(column.to_numpy(dtype=float)), "infinite"
    if bad.any():
        raise ValueError(
            f"column {column.name!r} has {bad.sum()} {kind} value(s), the first in row "
            f"{column.index[bad.argmax()]!r}; drop or impute such rows before the call, "
            "because that choice decides whom the estimate describes"
        )


def _numbers(data, name):
    """Return a numeric column as floats, or raise."""
    if not pd.api.types.is_numeric_dtype(data[name]):
        raise ValueError(
            f"column {name!r} holds {data[name].dtype} values such as {data[name].iloc[0]!r}, "
            "not numbers; convert it, for example with pd.to_numeric"
        )
    return data[name].to_numpy(dtype=float)


def _zero_one(data, name):
    """Return a column of zeros and ones, both present, as floats, or raise."""
    values = _numbers(data, name)
    for other in values[(values != 0) & (values != 1)]:
        raise ValueError(
            f"column {name!r} must be 0 or 1, found {other:g}; recode it to 1 for the "
            "treated and 0 for the others"
        )
    if values.min() == values.max():
        raise ValueError(
            f"column {name!r} is {values[0]:g} in all {len(values)} rows, so the other group "
            "is empty; a comparison needs rows of both"
        )
    return values


def _design(data, columns):
    """Return covariates as a float frame, a category as dummies without its first level."""
    parts = [pd.DataFrame(index=data.index)]
    for name in columns:
        if pd.api.types.is_numeric_dtype(data[name]):
            parts.append(data[name].astype(float))
        else:
            levels = data[name].astype("category").cat.remove_unused_categories()
            if len(levels.cat.categories) < 2:
                raise ValueError(f"column {name!r} is {levels.iloc[0]!r} in all rows; drop it")
            parts.append(pd.get_dummies(levels, prefix=name, drop_first=True, dtype=float))
    return pd.concat(parts, axis=1)


def _check_rank(design):
    """Raise if rows are too few or a column is a combination of the columns before it."""
    rows, width = design.shape
    if rows < width:
        raise ValueError(
            f"{rows} rows cannot carry {width} coefficients ({', '.join(design.columns)}); "
            "use fewer covariates or more rows"
        )
    values = design.to_numpy()
    norms = np.linalg.norm(values, axis=0)
    new = np.abs(np.diag(np.linalg.qr(values / np.where(norms > 0, norms, 1), mode="r")))
    for name in design.columns[new < 1e-9]:
        raise ValueError(
            f"column {name!r} is constant or a linear combination of the columns before it; drop it"
        )


def _result(method, estimate, std_error, *, n, level, df=np.inf):
    """Return estimate, standard error, interval and n as a Series named after the method."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    margin = special.stdtrit(df, (1 + level) / 2) * std_error
    ci = {"ci_low": estimate - margin, "ci_high": estimate + margin}
    entries = {"estimate": estimate, "std_error": std_error, **ci, "n": n}
    return pd.Series(entries, name=method, dtype=float)
