"""Staggered adoption: difference in differences when units begin at different times."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse, stats

from casestudies.recipes._columns import (
    _check_choice,
    _check_level,
    _check_noise,
    _count,
    _frame,
    _holds_numbers,
    _listed,
    _names,
    _real,
    _reals,
    _result,
)
from casestudies.recipes._panel import (
    _change,
    _clusters_in,
    _dated,
    _gap_in_means,
    _kin,
    _left_out,
    _moments,
    _Panel,
    _read_panel,
    _rows_and_means,
    _shown,
    _since,
    _summed,
    _warning,
    _wide,
)
from casestudies.recipes._study import _study
from casestudies.recipes._trends import _given


def group_time(
    data,
    *,
    outcome,
    time,
    first_treated,
    unit=None,
    cluster=None,
    size=None,
    weights=None,
    panel="balanced",
    adjust_for=(),
    anticipation=0,
    base="universal",
    level=0.95,
):
    r"""Estimate the effect for each adoption group in each period.

    For the group that begins in period :math:`g`, with :math:`b` the last period before, and
    the units :math:`C` not yet treated at :math:`\max(t, g)`,

    .. math:: \widehat{ATT}(g, t) = \bar Y_{g,t} - \bar Y_{g,b}
              - (\bar Y_{C,t} - \bar Y_{C,b}).

    Units already treated are never a comparison, which is what two-way fixed effects get
    wrong when effects differ over time (Goodman-Bacon 2021).

    Estimand: for :math:`t \ge g` the average effect on group :math:`g` in period :math:`t`;
    for :math:`t < b` a difference in trends. Assumptions: without treatment all groups
    would have changed alike on average, and none reacts before it begins. Intervals are too
    short for a group of few clusters: with 2 of 20, all alike and with normal shocks, they
    cover 75 to 77%. An error of 0 says that all clusters of either side changed alike in a cell,
    not that its estimate is certain.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, every unit in every period unless `panel` says otherwise; or,
        with `size`, one per cell.
    outcome, time : str
        Columns of the outcome and of the period: numbers or dates, not
        necessarily evenly spaced. Event time is the difference of numbers; of dates, years
        if all lie whole years apart, else months if whole months (last days of months are),
        else days.
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0, infinite or missing (NaN, NaT, None); a period after the last in `data` counts as not
        treated so far.
    unit : str, optional
        Column of the unit's name; needed of rows, but in cells and cross-sections.
    cluster : str, optional
        Column of the groups of units that share shocks; the unit by default.
    size : str, optional
        Column that counts the units behind each row of `data`, which then are cells by `time`,
        `first_treated` and `cluster`, which is to be named, with as many units in each period (in
        cross-sections any number): an outcome ``"y"`` is read from ``y_mean`` and ``y_var``
        (divisor n), or from ``y`` if it is the same in all of a cell. The answer is that of the
        rows.
    weights : str, optional
        Column of sampling weights (inverse probabilities of selection), the same in all rows of
        a unit; their scale does not matter. Means, and the shares of groups, are weighted.
    panel : {"balanced", "pairs", "cross_sections"}
        Whom a change between two periods compares. With ``"balanced"`` every unit is seen in
        every period, else the call is refused. ``"pairs"`` takes in each cell the units seen in
        both of its periods: what is estimated is then the effect on those, and it needs that
        who is missing has nothing to do with how outcomes would have changed. With
        ``"cross_sections"`` means of whoever is seen in a period are compared, and `unit` may be
        left out, rows then being independent (or `cluster` named): it needs that each period
        samples the same population of a group.
    adjust_for : str or sequence of str
        Columns of covariates that units keep, given which trends are taken as parallel: each cell
        is then doubly robust (a logit for the group and least squares for the change of its
        comparison). They must not be moved by the treatment.
    anticipation : int
        Periods before adoption in which units may already react: the base moves back by as many,
        and units that begin within as many periods are no comparison.
    base : {"universal", "varying"}
        Before adoption, compare with the last period before it, as afterwards, or each period
        with the one before it, among groups not yet treated then. Bounds on trends need the first.
    level : float
        Coverage of each interval (pointwise), between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by group and time (without :math:`t = b`, zero by construction);
        event_time since adoption, estimate, std_error, ci_low, ci_high, n_treated,
        n_comparison (units that enter; of cross-sections the rows of both periods). Where no unit
        is untreated any more, or none seen in both periods, the estimate is missing. The standard
        error is missing where one cluster makes up the group or its comparison, whose shocks
        would count as none; ``attrs["warning"]`` says where, and averages over groups have one.
        ``attrs`` has rows_left_out and units_left_out, which enter no cell. Standard errors come
        from influence functions summed by cluster, times :math:`\frac{G}{G-1}\frac{nT-1}{nT-kT}`
        for :math:`G` clusters, :math:`n` units, :math:`T` periods and :math:`k` groups (with gaps,
        for as many rows, and groups and periods that have some, as the units that enter have); t
        with :math:`G - 1` degrees.

    Raises
    ------
    ValueError
        If a unit lacks a period (unless `panel` allows it) or has it twice, `time` is text,
        `first_treated` is in no period or leaves none before. If a column is missing, incomplete
        or not of its kind, or the outcome does not vary.

    References
    ----------
    Callaway and Sant'Anna (2021), Journal of Econometrics 225(2), 200-230.
    Goodman-Bacon (2021), Journal of Econometrics 225(2), 254-277.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2, 3, 4], 3), "month": [1, 2, 3] * 4,
    ...     "start": np.repeat([3, 3, 0, 0], 3), "days": [9, 9, 5, 8, 9, 4, 5, 5, 6, 7, 6, 6],
    ... })
    >>> group_time(wards, outcome="days", unit="ward", time="month",
    ...            first_treated="start")[["event_time", "estimate", "std_error"]].round(2)
                event_time  estimate  std_error
    group time
    3     1             -2      -1.0       0.78
          3              0      -5.0       0.78
    """
    _check_level(level)
    who = {"unit": unit, "cluster": cluster, "size": size, "weights": weights, "panel": panel}
    who |= {"adjust_for": adjust_for, "anticipation": anticipation}
    columns = {"outcome": outcome, "time": time, "first_treated": first_treated}
    cells = _group_cells(data, **columns, **who, base=base)
    lonely = cells.clusters.min(axis=1) == 1
    covariance, df = _cell_covariance(np.where(lonely, np.nan, cells.influence), cells)
    std_error = np.sqrt(np.diag(covariance))
    _check_noise(outcome, np.fmax.reduce(std_error), cells.panel.scale)
    margin = stats.t.ppf((1 + level) / 2, df) * std_error
    ends = {"ci_low": cells.table["estimate"] - margin, "ci_high": cells.table["estimate"] + margin}
    table = cells.table.assign(std_error=std_error, **ends)
    order = ["event_time", "estimate", "std_error", "ci_low", "ci_high"]
    table = table[[*order, "n_treated", "n_comparison"]]
    alone = [" in ".join(map(_shown, label)) for label in table.index[lonely]]
    table.attrs = {**_left_out(cells.panel, cells.entered), "warning": _warning(alone)}
    return table


def event_study(
    data,
    *,
    outcome,
    time,
    first_treated,
    unit=None,
    cluster=None,
    size=None,
    weights=None,
    panel="balanced",
    adjust_for=(),
    anticipation=0,
    base="universal",
    level=0.95,
):
    r"""Average the effects by time since adoption.

    .. math:: \hat\theta(e) = \sum_g \frac{n_g}{\sum_h n_h} \widehat{ATT}(g, g + e),

    with :math:`\widehat{ATT}(g, t)` the change of the group that begins in :math:`g` since the
    last period before it, less that of the units not yet treated, over the groups observed
    at the time :math:`e` since adoption with a comparison. The groups change with :math:`e`,
    so a movement over :math:`e` mixes dynamics and composition.

    Estimand: for :math:`e \ge 0` the average effect on those groups, if without treatment all
    groups would have changed alike on average and none reacts before it begins.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, every unit in every period unless `panel` says otherwise; or,
        with `size`, one per cell.
    outcome, time : str
        Columns of the outcome and of the period (numbers or dates, not
        necessarily evenly spaced; event time is the difference of numbers, and of dates in
        years, months or days, the largest in which all are whole).
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0, infinite or missing (NaN, NaT, None); a period after the last in `data` counts as not
        treated so far.
    unit : str, optional
        Column of the unit's name; needed of rows, but in cells and cross-sections.
    cluster : str, optional
        Column of the groups of units that share shocks; the unit by default.
    size : str, optional
        Column that counts the units behind each row of `data`, which then are cells by `time`,
        `first_treated` and `cluster`, which is to be named, with as many units in each period (in
        cross-sections any number): an outcome ``"y"`` is read from ``y_mean`` and ``y_var``
        (divisor n), or from ``y`` if it is the same in all of a cell. The answer is that of the
        rows.
    weights : str, optional
        Column of sampling weights (inverse probabilities of selection), the same in all rows of
        a unit; their scale does not matter. Means, and the shares of groups, are weighted.
    panel : {"balanced", "pairs", "cross_sections"}
        Whom a change between two periods compares. With ``"balanced"`` every unit is seen in
        every period, else the call is refused. ``"pairs"`` takes in each cell the units seen in
        both of its periods: what is estimated is then the effect on those, and it needs that
        who is missing has nothing to do with how outcomes would have changed. With
        ``"cross_sections"`` means of whoever is seen in a period are compared, and `unit` may be
        left out, rows then being independent (or `cluster` named): it needs that each period
        samples the same population of a group.
    adjust_for : str or sequence of str
        Columns of covariates that units keep, given which trends are taken as parallel: each cell
        is then doubly robust (a logit for the group and least squares for the change of its
        comparison). They must not be moved by the treatment.
    anticipation : int
        Periods before adoption in which units may already react: the base moves back by as many,
        and units that begin within as many periods are no comparison.
    base : {"universal", "varying"}
        Before adoption, compare with the last period before it, as afterwards, or each period
        with the one before it, among groups not yet treated then. Bounds on trends need the first.
    level : float
        Coverage of each interval (pointwise), between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by event_time; estimate, std_error, ci_low, ci_high; unless every unit is seen in
        every period, n_treated and n_comparison, summed over cells. The last period before
        adoption is the reference, zero by construction; where waves are uneven, groups can
        have theirs at different event times, and a group then counts where it is not its
        own. Standard errors count the shares :math:`n_g` as estimated, so that groups of one count
        too; they are missing (``attrs["warning"]`` says where) where one cluster makes up all
        that is treated or the comparison of a cell. ``attrs`` has rows_left_out, units_left_out.
        ``attrs["covariance"]`` holds the covariance of all other rows, ``attrs["df"]`` the
        degrees of freedom, ``attrs["reference"]`` the event time of the reference, or a list
        of several: what tests of pre-trends and bounds need.

    Raises
    ------
    ValueError
        If a unit lacks a period (unless `panel` allows it) or has it twice, `time` is text,
        `first_treated` is in no period or leaves none before. If a column is
        missing, incomplete or not of its kind, or the outcome does not vary.

    References
    ----------
    Callaway and Sant'Anna (2021), Journal of Econometrics 225(2), 200-230.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2, 3, 4], 3), "month": [1, 2, 3] * 4,
    ...     "start": np.repeat([3, 3, 0, 0], 3), "days": [9, 9, 5, 8, 9, 4, 5, 5, 6, 7, 6, 6],
    ... })
    >>> event_study(wards, outcome="days", unit="ward", time="month",
    ...             first_treated="start").round(2)
                estimate  std_error  ci_low  ci_high
    event_time
    -2              -1.0       0.78   -3.49     1.49
    -1               0.0       0.00    0.00     0.00
     0              -5.0       0.78   -7.49    -2.51
    """
    who = {"unit": unit, "cluster": cluster, "size": size, "weights": weights, "panel": panel}
    who |= {"adjust_for": adjust_for, "anticipation": anticipation}
    columns = {"outcome": outcome, "time": time, "first_treated": first_treated}
    cells = _group_cells(data, **columns, **who, base=base)
    events = cells.table["event_time"].to_numpy()
    known = cells.table["estimate"].notna().to_numpy()
    times = np.unique(events[known])
    parts = [_average_cells(cells, known & (events == event)) for event in times]
    estimates, influence = (np.array(part) for part in zip(*parts, strict=True))
    covariance, df = _cell_covariance(influence.T, cells)
    sizes = None if cells.panel.whole else [_sizes_at(cells, events == event) for event in times]
    references = cells.references if base == "universal" else []
    _check_noise(outcome, np.sqrt(np.diag(covariance).max()), cells.panel.scale)
    study = _study(times, references, estimates, covariance, df, level, sizes)
    alone = times[np.isnan(np.diag(covariance))].tolist()
    study.attrs |= {**_left_out(cells.panel, cells.entered), "warning": _warning(alone)}
    study.attrs |= {"anticipation": anticipation} if anticipation else {}
    if base == "varying":
        study.attrs |= {"base": base, "reference": np.unique(cells.references).tolist()}
    return study


def overall_att(
    data,
    *,
    outcome,
    time,
    first_treated,
    unit=None,
    cluster=None,
    size=None,
    weights=None,
    panel="balanced",
    adjust_for=(),
    anticipation=0,
    level=0.95,
):
    r"""Average the effect over all treated units and periods.

    .. math:: \hat\theta = \sum_g \sum_{t \ge g} n_g \widehat{ATT}(g, t) \Big/
              \sum_g \sum_{t \ge g} n_g

    with :math:`\widehat{ATT}(g, t)` the change of the group of :math:`n_g` units that begins in
    :math:`g` since the last period before it, less that of the units not yet treated. Every
    treated unit in every period since its adoption counts once, where some unit is still
    untreated; the share :math:`n_g` counts as estimated.

    Estimand: the average effect on the treated over these units and periods, if without
    treatment all groups would have changed alike on average and none reacts before it begins.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period, every unit in every period unless `panel` says otherwise; or,
        with `size`, one per cell.
    outcome, time : str
        Columns of the outcome and of the period (numbers or dates, not
        necessarily evenly spaced).
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0, infinite or missing (NaN, NaT, None); a period after the last in `data` counts as not
        treated so far.
    unit : str, optional
        Column of the unit's name; needed of rows, but in cells and cross-sections.
    cluster : str, optional
        Column of the groups of units that share shocks; the unit by default.
    size : str, optional
        Column that counts the units behind each row of `data`, which then are cells by `time`,
        `first_treated` and `cluster`, which is to be named, with as many units in each period (in
        cross-sections any number): an outcome ``"y"`` is read from ``y_mean`` and ``y_var``
        (divisor n), or from ``y`` if it is the same in all of a cell. The answer is that of the
        rows.
    weights : str, optional
        Column of sampling weights (inverse probabilities of selection), the same in all rows of
        a unit; their scale does not matter. Means, and the shares of groups, are weighted.
    panel : {"balanced", "pairs", "cross_sections"}
        Whom a change between two periods compares. With ``"balanced"`` every unit is seen in
        every period, else the call is refused. ``"pairs"`` takes in each cell the units seen in
        both of its periods: what is estimated is then the effect on those, and it needs that
        who is missing has nothing to do with how outcomes would have changed. With
        ``"cross_sections"`` means of whoever is seen in a period are compared, and `unit` may be
        left out, rows then being independent (or `cluster` named): it needs that each period
        samples the same population of a group.
    adjust_for : str or sequence of str
        Columns of covariates that units keep, given which trends are taken as parallel: each cell
        is then doubly robust (a logit for the group and least squares for the change of its
        comparison). They must not be moved by the treatment.
    anticipation : int
        Periods before adoption in which units may already react: the base moves back by as many,
        and units that begin within as many periods are no comparison.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n (rows of units that enter); ``attrs`` has
        rows_left_out and units_left_out.

    Raises
    ------
    ValueError
        If a unit lacks a period (unless `panel` allows it) or has it twice, `time` is text,
        `first_treated` is in no period or leaves none before, or one cluster makes up all that
        is treated, or the comparison of a group in a period. If a column is
        missing, incomplete or not of its kind, or the outcome does not vary.

    References
    ----------
    Callaway and Sant'Anna (2021), Journal of Econometrics 225(2), 200-230.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2, 3, 4], 3), "month": [1, 2, 3] * 4,
    ...     "start": np.repeat([3, 3, 0, 0], 3), "days": [9, 9, 5, 8, 9, 4, 5, 5, 6, 7, 6, 6],
    ... })
    >>> overall_att(wards, outcome="days", unit="ward", time="month",
    ...             first_treated="start").round(2)
    estimate     -5.00
    std_error     0.78
    ci_low       -7.49
    ci_high      -2.51
    n            12.00
    Name: overall_att, dtype: float64
    """
    who = {"unit": unit, "cluster": cluster, "size": size, "weights": weights, "panel": panel}
    who |= {"adjust_for": adjust_for, "anticipation": anticipation}
    columns = {"outcome": outcome, "time": time, "first_treated": first_treated}
    cells = _group_cells(data, **columns, **who)
    after = (cells.table["event_time"] >= 0) & cells.table["estimate"].notna()
    if not after.any():
        raise ValueError(
            f"column {first_treated!r}: no group is seen before and after it begins together with "
            "units not treated so far, so there is no effect to estimate; find units that begin "
            "later or never, or, where gaps leave nobody seen twice, take panel='cross_sections'"
        )
    estimate, influence = _average_cells(cells, after.to_numpy())
    _check_average(cells, after.to_numpy(), influence, cluster if cluster is not None else unit)
    covariance, df = _cell_covariance(influence[:, np.newaxis], cells)
    std_error = np.sqrt(covariance[0, 0])
    _check_noise(outcome, std_error, cells.panel.scale)
    result = _result("overall_att", estimate, std_error, n=cells.n, level=level, df=df)
    result.attrs = _left_out(cells.panel, cells.entered)
    return result


def imputation(
    data,
    *,
    outcome,
    unit,
    time,
    first_treated,
    cluster=None,
    weights=None,
    target="population",
    level=0.95,
):
    r"""Average the effect over all treated units and periods, by imputing what would have been.

    Least squares fits :math:`Y_{it} = \alpha_i + \lambda_t` to the rows without treatment alone,
    and each row with treatment is compared with its own prediction:

    .. math:: \hat\tau_{it} = Y_{it} - \hat\alpha_i - \hat\lambda_t, \qquad
              \hat\theta = \sum_{it} w_{it} \hat\tau_{it} \Big/ \sum_{it} w_{it}.

    All periods before the treatment are the base, and not the last one alone: where rows' errors
    are independent and alike, no other linear estimator that is unbiased whatever the effects has a
    smaller variance. If trends part, its bias is another one than that of a single base.

    Estimand: the average effect on the treated over the rows with treatment in `data`. Assumption:
    without treatment, mean outcomes of all units would have been a unit's intercept plus a
    period's, *in all periods*, those long before the treatment included; so parallel trends that
    hold only from the last period before on are not enough. No unit reacts before it begins; where
    they may, give the period from which they may as the start.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period; units may lack some.
    outcome, unit, time : str
        Columns of the outcome, of the unit's name and of the period (numbers or dates).
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0, infinite or missing (NaN, NaT, None); a period after the last in `data` counts as not
        treated so far.
    cluster : str, optional
        Column of the groups of units that share shocks; the unit by default.
    weights : str, optional
        Column of sampling weights, the same in all rows of a unit; they weigh fit and average.
    target : {"population", "sample"}
        Whose average effect the interval is for: that of the population, in which the shares of
        the starting groups are other ones than in `data`, or that of the treated rows in `data`.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n (rows). With :math:`v_{it}` the weight of
        :math:`Y_{it}` in the estimate, the variance is the sum over clusters of
        :math:`(\sum v_{it} \tilde\varepsilon_{it})^2`, where :math:`\tilde\varepsilon` is the
        residual of a row without treatment and, of one with it, :math:`\hat\tau_{it}` less
        :math:`\hat\theta`. For the sample it is less the mean of its starting group in its period
        (equation 8 of the paper), :math:`\hat\theta` again where one cluster makes up that; this
        is on average too large if effects differ within groups. Times
        :math:`\frac{G}{G-1}\frac{n-1}{n-k}` for :math:`G` clusters, :math:`n` rows, and
        :math:`k` groups and periods that have some; t with :math:`G - 1` degrees.

    Raises
    ------
    ValueError
        If a row with treatment cannot be imputed: nobody is without treatment in its period, its
        unit has no earlier row, or no chain of rows connects the two. If a unit begins in the
        first period or is seen twice in one, or one cluster makes up all that is treated, or all
        that is not in a period. If a column is missing, incomplete or not of its kind.

    References
    ----------
    Borusyak, Jaravel and Spiess (2024), Review of Economic Studies 91(6), 3253-3285.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2, 3, 4], 3), "month": [1, 2, 3] * 4,
    ...     "start": np.repeat([3, 3, 0, 0], 3), "days": [9, 9, 5, 8, 9, 4, 5, 5, 6, 7, 6, 6],
    ... })
    >>> imputation(wards, outcome="days", unit="ward", time="month",
    ...            first_treated="start").round(2)
    estimate     -4.50
    std_error     0.87
    ci_low       -7.28
    ci_high      -1.72
    n            12.00
    Name: imputation, dtype: float64
    """
    _check_choice("target", target, ("population", "sample"))
    columns = {"outcome": outcome, "time": time, "first_treated": first_treated}
    imputed = _impute(data, unit, cluster, weights, **columns)
    _check_imputed(imputed, unit, time)
    estimate, influence = _average_imputed(imputed, imputed.treated, target)
    if np.isnan(influence).any():
        _refuse_lone_imputed(imputed)
    covariance, df, n = _imputed_covariance(influence[:, np.newaxis], imputed)
    std_error = np.sqrt(covariance[0, 0])
    _check_noise(outcome, std_error, imputed.panel.scale)
    return _result("imputation", estimate, std_error, n=n, level=level, df=df)


def imputation_study(
    data,
    *,
    outcome,
    unit,
    time,
    first_treated,
    cluster=None,
    weights=None,
    target="population",
    level=0.95,
):
    r"""Average the effect by time since adoption, by imputing what would have been.

    Least squares fits :math:`Y_{it} = \alpha_i + \lambda_t` to the rows without treatment, and the
    rows at time :math:`e` since their unit's start are compared with their predictions:

    .. math:: \hat\theta(e) = \frac{1}{n_e} \sum_{it:\, t - g_i = e}
              (Y_{it} - \hat\alpha_i - \hat\lambda_t).

    Estimand: the average effect on the units seen at :math:`e`; they change with :math:`e`, so a
    movement over it mixes dynamics and composition. Assumption: without treatment, mean outcomes
    would have been a unit's intercept plus a period's in all periods, and no unit reacts before it
    begins. There are no estimates before the start: these periods are the base, all of them.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period; units may lack some.
    outcome, unit, time : str
        Columns of the outcome, of the unit's name and of the period (numbers or dates).
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0, infinite or missing (NaN, NaT, None); a period after the last in `data` counts as not
        treated so far.
    cluster : str, optional
        Column of the groups of units that share shocks; the unit by default.
    weights : str, optional
        Column of sampling weights, the same in all rows of a unit; they weigh fit and average.
    target : {"population", "sample"}
        Whose average effect the interval is for: that of the population, in which the shares of
        the starting groups are other ones than in `data`, or that of the treated rows in `data`.
    level : float
        Coverage of each interval (pointwise), between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by event_time, from 0 on; estimate, std_error, ci_low, ci_high, n_treated (rows).
        A standard error is missing (``attrs["warning"]`` says where) where one cluster makes up
        all that is treated, or all that is not in one of the periods. ``attrs["covariance"]``
        holds the covariance, ``attrs["df"]`` the clusters less one; as no single period is the
        base, tests of pre-trends and bounds on a drift refuse this study.

    Raises
    ------
    ValueError
        If a row with treatment cannot be imputed: nobody is without treatment in its period, its
        unit has no earlier row, or no chain of rows connects the two. If a unit begins in the
        first period or is seen twice in one. If a column is missing, incomplete or not of its kind.

    References
    ----------
    Borusyak, Jaravel and Spiess (2024), Review of Economic Studies 91(6), 3253-3285.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2, 3, 4], 3), "month": [1, 2, 3] * 4,
    ...     "start": np.repeat([3, 3, 0, 0], 3), "days": [9, 9, 5, 8, 9, 4, 5, 5, 6, 7, 6, 6],
    ... })
    >>> imputation_study(wards, outcome="days", unit="ward", time="month",
    ...                  first_treated="start").round(2)
                estimate  std_error  ci_low  ci_high  n_treated
    event_time
    0               -4.5       0.87   -7.28    -1.72          2
    """
    _check_choice("target", target, ("population", "sample"))
    columns = {"outcome": outcome, "time": time, "first_treated": first_treated}
    imputed = _impute(data, unit, cluster, weights, **columns)
    _check_imputed(imputed, unit, time)
    events = imputed.events
    times = _in_whole_units(np.unique(events[imputed.treated]))
    parts = [
        _average_imputed(imputed, imputed.treated & (events == event), target) for event in times
    ]
    estimates, influence = (np.array(part) for part in zip(*parts, strict=True))
    covariance, df, _ = _imputed_covariance(influence.T, imputed)
    _check_noise(outcome, np.fmax.reduce(np.sqrt(np.diag(covariance))), imputed.panel.scale)
    study = _study(times, [], estimates, covariance, df, level)
    study["n_treated"] = [int((imputed.treated & (events == event)).sum()) for event in times]
    alone = times[np.isnan(np.diag(covariance))].tolist()
    study.attrs |= {"base": "all before", "reference": -1, "warning": _warning(alone)}
    return study


def two_way_weights(
    data, *, outcome, unit, time, first_treated, weights=None, event_time=None, reference=-1
):
    r"""Say which effects a regression with two-way fixed effects averages, and with what weights.

    The coefficient of a dummy :math:`D` beside an intercept for each unit and period is

    .. math:: \hat\beta = \sum_{it} \tilde D_{it} Y_{it} \Big/ \sum_{it} \tilde D_{it} D_{it}
              \to \sum_{g,t} \omega_{gt} \, ATT(g, t), \qquad
              \omega_{gt} = \sum_{i \in g} \tilde D_{it} \Big/ \sum_{it} \tilde D_{it} D_{it},

    with :math:`\tilde D` the residual of :math:`D` on all other regressors: if trends are
    parallel, a sum of effects :math:`ATT(g, t)` on the group that begins in :math:`g` in period
    :math:`t`. Of the dummy for "has begun" the weights sum to 1 and some may be negative: there
    the coefficient falls where the effect is larger. Of a dummy for one event time, beside one for
    each other event time but the reference, they sum to 1 at its own event time, to 0 at each
    other one and to -1 over the reference; so effects that differ between groups reach
    coefficients of other event times, those before the treatment included, where nothing happened.

    It estimates no effect, but what such a regression does to effects.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit and period; units may lack some.
    outcome, unit, time : str
        Columns of the outcome, of the unit's name and of the period (numbers or dates).
    first_treated : str
        Column with the unit's first period with treatment in all its rows. Never treated is
        0, infinite or missing (NaN, NaT, None); a period after the last in `data` counts as not
        treated so far.
    weights : str, optional
        Column of sampling weights of the regression, the same in all rows of a unit.
    event_time : float, optional
        The event time whose coefficient to take apart; by default that of "has begun".
    reference : float or sequence of float
        Event times without a dummy, if `event_time` is given.

    Returns
    -------
    pandas.DataFrame
        Indexed by group and time; event_time, n (rows), weight and effect, the mean of outcomes
        less what rows without treatment predict, over the rows for which they can (missing if for
        none, 0 before the treatment, as assumed). ``attrs["coefficient"]`` is the regression's.
        Where every unit is seen in every period and no effect is missing, that of "has begun" is
        ``(weight * effect).sum()``, whatever the noise; for one event time, that sum is what the
        effects alone make of the coefficient. With gaps, both hold where there is no noise and
        effects are alike within a group and period.

    Raises
    ------
    ValueError
        If a dummy is a combination of the others, or `event_time` or `reference` is no event time.
        If a unit begins in the first period or is seen twice in one. If a column is missing,
        incomplete or not of its kind.

    References
    ----------
    de Chaisemartin and D'Haultfoeuille (2020), American Economic Review 110(9), 2964-2996.
    Sun and Abraham (2021), Journal of Econometrics 225(2), 175-199.

    Examples
    --------
    >>> wards = pd.DataFrame({
    ...     "ward": np.repeat([1, 2], 3), "month": [1, 2, 3] * 2,
    ...     "start": np.repeat([2, 3], 3), "days": [9, 7, 5, 8, 8, 6],
    ... })
    >>> two_way_weights(wards, outcome="days", unit="ward", time="month",
    ...                 first_treated="start").round(2)
                event_time  n  weight  effect
    group time
    2     2              0  1     1.0    -2.0
          3              1  1    -0.5     NaN
    3     3              0  1     0.5     NaN
    """
    columns = {"outcome": outcome, "time": time, "first_treated": first_treated}
    imputed = _impute(data, unit, None, weights, **columns)
    weight, coefficient = _two_way_pull(imputed, event_time, reference, first_treated)
    listed = imputed.treated
    if event_time is not None:
        listed = (imputed.panel.count > 0) & ~np.isnan(imputed.events)
    effect = imputed.left * imputed.treated
    row, place = np.nonzero(listed)
    periods, mass = imputed.panel.periods, (imputed.panel.mass * imputed.known)[listed]
    cells = pd.DataFrame(
        {
            "group": periods[imputed.start[row]],
            "time": periods[place],
            "event_time": _in_whole_units(imputed.events[listed]),
            "n": 1,
            "weight": weight[listed],
            "effect": mass * effect[listed],
            "mass": mass,
        }
    ).groupby(["group", "time"])
    table = cells[["n", "weight", "effect", "mass"]].sum()
    table["effect"] /= table.pop("mass")
    table.insert(0, "event_time", cells["event_time"].first())
    table.attrs = {"coefficient": float(coefficient)}
    return table


NEVER = np.finfo(float).max  # a period beyond all others
END = pd.Timestamp("2262-01-01")  # the same as a date


# Cells of group and period, and what each unit contributes to them.


class _GroupCells(NamedTuple):
    """Effects by group and period, with influence functions (a column per cell)."""

    table: pd.DataFrame
    influence: np.ndarray
    mass: np.ndarray  # treated units of each cell in its period, with their weights
    clusters: np.ndarray  # on the two sides of each cell
    span: np.ndarray  # places of each cell's group, period and base
    start: np.ndarray  # place of each unit's first treated period, beyond the last for none
    references: list  # event time of each group's last period before
    panel: _Panel
    entered: np.ndarray
    n: int
    means: int


def _group_cells(
    data,
    *,
    outcome,
    time,
    first_treated,
    unit,
    cluster,
    size,
    weights,
    panel,
    adjust_for,
    anticipation,
    base="universal",
):
    """Return the effect of each group in each period."""
    _check_choice("base", base, ("universal", "varying"))
    early, names = _count("anticipation", anticipation, least=0), _names("adjust_for", adjust_for)
    columns = {"outcome": outcome, "unit": unit, "time": time, "first_treated": first_treated}
    options = cluster, size, weights, panel, names
    panel, start, table, cluster = _adoption(data, *options, early, **columns)
    entered = np.zeros(panel.count.shape, dtype=bool)
    span = _spans(np.unique(start), len(panel.periods), early, base == "varying")
    untreated = np.where(_never(panel.fixed), np.inf, start) - early
    means = _given(_kin(table, unit, first_treated, cluster)[1], names) if names else _gap_in_means
    changes = []
    for g, t, b in span:
        sides = start == g, (untreated > max(t, b)) & (start != g)
        try:
            changes.append(_change(panel, *sides, t, b, entered, means))
        except ValueError as error:
            where = [_shown(panel.periods[place]) for place in (g, t)]
            raise ValueError(
                f"the group that begins in {where[0]}, in period {where[1]}: {error}"
            ) from None
    since = {group: _since(panel.elapsed, group) for group in np.unique(span[:, 0])}
    events = [since[group][place] for group, place, _ in span]
    parts = np.array([change.sizes for change in changes]).T
    labels = [panel.periods[span[:, 0]], panel.periods[span[:, 1]]]
    table = pd.DataFrame(
        {
            "event_time": events,
            "estimate": [change.estimate for change in changes],
            "n_treated": parts[0],
            "n_comparison": parts[1],
        },
        index=pd.MultiIndex.from_arrays(labels, names=["group", "time"]),
    )
    return _GroupCells(
        table,
        np.column_stack([change.influence for change in changes]),
        np.array([change.later.sum() for change in changes]),
        np.array([change.clusters for change in changes]),
        span,
        start,
        [events[group - 1 - early] for group, events in since.items()],
        panel,
        entered,
        *_rows_and_means(panel, start, entered),
    )


def _adoption(
    data,
    cluster,
    size,
    weights,
    panel,
    names=(),
    early=0,
    *,
    outcome,
    unit,
    time,
    first_treated,
):
    """Return a panel, where each of its units begins, its rows as read, and the cluster."""
    data, unknown = _marked_starts(data, time, first_treated)
    roles = outcome, unit, time, {"first_treated": first_treated}
    table, counted, cluster = _read_panel(data, *roles, cluster, size, weights, panel, names)
    table[first_treated] = _begin(table, time, first_treated, unknown)
    columns = {"outcome": outcome, "unit": unit, "time": time, "fixed": first_treated}
    panel = _wide(table, counted, cluster, panel, **columns)
    start = _starts(panel, time, first_treated, early)
    _check_groups(start, panel, first_treated)
    return panel, start, table, cluster


def _spans(groups, periods, early, varying):
    """Return the places of group, period and base of each cell.

    The base is the last period before a group can react; where it varies, the one before the
    period itself up to then.
    """
    spans = []
    for group in groups[groups < periods]:
        last = group - 1 - early
        for place in np.delete(np.arange(periods), 0 if varying else last):
            spans.append((group, place, place - 1 if varying and place <= last else last))
    return np.array(spans)


def _average_cells(cells, chosen):
    """Return the mean effect of cells weighted by group size, and its influence.

    A unit moves the mean through the effects and through its group's share, so that a group of
    one has an error too, if there are others. The influence is missing where one cluster makes
    up all that is treated, or the comparison of a cell.
    """
    size, effect = cells.mass[chosen], cells.table["estimate"].to_numpy()[chosen]
    mean, pulled = size @ effect / size.sum(), cells.influence[:, chosen] @ size
    treated = np.zeros(len(cells.start), dtype=bool)
    for (group, place, base), gap in zip(cells.span[chosen], effect - mean, strict=True):
        mass = cells.panel.entering(cells.panel.mass, place, base)[:, 0] * (cells.start == group)
        pulled, treated = pulled + mass * gap, treated | (mass > 0)
    lonely = np.ptp(cells.panel.clusters[treated]) == 0 or cells.clusters[chosen, 1].min() == 1
    return mean, np.full(len(pulled), np.nan) if lonely else pulled / size.sum()


def _sizes_at(cells, chosen):
    """Return how many treated units and comparisons enter the cells of an average."""
    return cells.table.loc[chosen, ["n_treated", "n_comparison"]].sum().tolist()


def _cell_covariance(influence, cells):
    """Return the clustered covariance of sums of influence, and its degrees of freedom."""
    return _summed(cells.panel, influence, cells.entered, cells.n, cells.means)


def _check_average(cells, chosen, influence, cluster):
    """Raise if one cluster makes up all that is treated, or the comparison of a cell."""
    if not np.isnan(influence).any():
        return
    lonely = chosen & (cells.clusters[:, 1] == 1)
    if not lonely.any():
        _refuse_lone_treated(cluster)
    group, time = map(_shown, cells.table.index[lonely][0])
    first = cells.table.index.get_level_values("time")[lonely].min()
    whose = (
        f"the comparison of the group that begins in {group} in period {time} "
        f"({lonely.sum()} such case(s))"
    )
    remedy = (
        f"End the data before {_shown(first)}, find more clusters that begin later or never, or "
        "read group_time, which leaves those standard errors out"
    )
    _refuse_alone(cluster, whose, remedy)


def _refuse_lone_treated(cluster):
    """Raise because one cluster makes up all that is treated."""
    remedy = (
        "Cluster by a finer column and say that you assume no shock common to a cluster, or find "
        "more treated clusters"
    )
    _refuse_alone(cluster, "all that is treated", remedy)


def _refuse_alone(cluster, whose, remedy):
    """Raise because one cluster makes up one side of a comparison."""
    what = f"column {cluster!r}" if cluster is not None else "the rows"
    raise ValueError(
        f"{what}: one cluster makes up {whose}; its residuals sum to zero, so a standard error "
        f"would count its shocks as none. {remedy}"
    )


# Outcomes imputed from rows without treatment.


class _Imputed(NamedTuple):
    """What rows without treatment say of all rows: units down, periods across."""

    panel: _Panel
    start: np.ndarray
    names: list  # of units
    mass: np.ndarray  # of rows without treatment, 0 elsewhere
    treated: np.ndarray  # rows with treatment
    left: np.ndarray  # outcome less the imputed one
    known: np.ndarray  # whether the unit's and the period's intercept are connected
    cluster: str

    @property
    def events(self):
        """Return the time of each row since its unit began, missing for the never treated."""
        periods = len(self.panel.periods)
        since = [_since(self.panel.elapsed, group) for group in range(periods)]
        return np.array([*since, np.full(periods, np.nan)])[self.start]


def _in_whole_units(times):
    """Return event times as integers if all are whole."""
    return times.astype(np.int64) if (times % 1 == 0).all() else times


def _impute(data, unit, cluster, weights, **columns):
    """Fit an intercept for each unit and period to the rows without treatment."""
    options = cluster, None, weights, "pairs"
    panel, start, table, cluster = _adoption(data, *options, unit=unit, **columns)
    before = np.arange(len(panel.periods)) < start[:, np.newaxis]
    mass, treated = panel.mass * before, (panel.count > 0) & ~before
    y = panel.outcomes - np.average(panel.outcomes, weights=mass)  # a far-off origin costs digits
    names = _kin(table, unit, columns["first_treated"], cluster)[1][unit].tolist()
    left = y - _intercepts(mass, mass * y)
    return _Imputed(panel, start, names, mass, treated, left, _connected(mass > 0), cluster)


def _intercepts(mass, moments):
    """Return unit plus period intercepts whose weighted sums by unit and period are as given.

    With moments of mass times values they are the least-squares fit to these, which is an
    imputation where the mass is 0. Units are solved for first, so that the system has a row for
    each period only.
    """
    total = np.where(mass.any(axis=1), mass.sum(axis=1), 1)
    share = mass / total[:, np.newaxis]
    gram = np.diag(mass.sum(axis=0)) - share.T @ mass
    by_unit = moments.sum(axis=1)
    period = np.linalg.lstsq(gram, moments.sum(axis=0) - share.T @ by_unit, rcond=1e-10)[0]
    return ((by_unit - mass @ period) / total)[:, np.newaxis] + period


def _connected(seen):
    """Tell for each unit and period whether a chain of rows seen connects the two."""
    links = sparse.csr_array(seen)
    links = sparse.block_array([[None, links], [links.T, None]])
    labels = sparse.csgraph.connected_components(links, directed=False)[1]
    return labels[: len(seen), np.newaxis] == labels[len(seen) :]


def _check_imputed(imputed, unit, time):
    """Raise unless the outcome without treatment is imputed for every row with treatment."""
    lost, periods = imputed.treated & ~imputed.known, imputed.panel.periods
    if not lost.any():
        return
    never, alone = (~imputed.mass.any(axis=axis) for axis in (0, 1))
    row, place = np.argwhere(lost)[0]
    why = f"no chain of rows without treatment connects {unit} = {imputed.names[row]} with {time} "
    why += f"= {_shown(periods[place])} ({lost.sum()} such row(s))"
    drop = "these rows"
    if never.any():
        why = f"nobody is without treatment in {_listed(map(_shown, periods[never]))}"
        drop = "the rows of such periods"
    elif alone.any():
        why = f"{unit} = {imputed.names[alone.argmax()]} has no row before its treatment "
        why += f"({alone.sum()} such unit(s))"
        drop = "such units"
    raise ValueError(
        f"column {time!r}: {why}, so that what would have been without treatment cannot be "
        f"imputed; drop {drop} and say so, as they are then not among those whom the average is "
        "about"
    )


def _imputed_covariance(influence, imputed):
    """Return the clustered covariance of sums of influence, its degrees, and the rows."""
    panel = imputed.panel
    n, means = _rows_and_means(panel, imputed.start, panel.count > 0)
    return *_summed(panel, influence, panel.count > 0, n, means), n


def _refuse_lone_imputed(imputed):
    """Raise because one cluster makes up all that is treated, or all that is not in a period."""
    used = np.flatnonzero(imputed.treated.any(axis=0))
    others = np.array(_clusters_in(imputed.panel, imputed.mass[:, used]))
    if others.min() > 1:
        _refuse_lone_treated(imputed.cluster)
    first = _shown(imputed.panel.periods[used[others == 1][0]])
    remedy = f"End the data before {first}, or find more clusters that begin later or never"
    _refuse_alone(imputed.cluster, f"all that is without treatment in period {first}", remedy)


def _average_imputed(imputed, chosen, target):
    """Return the mean of what is left of chosen rows with treatment, and its influence.

    The influence is missing where one cluster makes up all that is chosen, or all that is
    without treatment in one of its periods.
    """
    weight = imputed.panel.mass * chosen / (imputed.panel.mass * chosen).sum()
    pull = weight - imputed.mass * _intercepts(imputed.mass, weight)
    rows = np.nonzero(chosen)
    cluster, left = imputed.panel.clusters[rows[0]], imputed.left[rows]
    centre = mean = weight[rows] @ left
    if target == "sample":
        cells = imputed.start[rows[0]] * len(imputed.panel.periods) + rows[1]
        common, clusters = _common_effects(cells, cluster, weight[rows], left)
        centre = np.where(clusters > 1, common, mean)
    residual = imputed.left.copy()
    residual[rows] -= centre
    influence = (pull * residual).sum(axis=1)
    others = _clusters_in(imputed.panel, imputed.mass[:, chosen.any(axis=0)])
    lonely = np.ptp(cluster) == 0 or min(others) == 1
    return mean, np.where(lonely, np.nan, influence)


def _common_effects(cells, cluster, weight, values):
    """Return the mean of each row's cell, and of how many clusters it is.

    Clusters count by their squared weight, which leaves the least variance around the mean.
    """
    cells = np.unique(cells, return_inverse=True)[1]
    pairs, pair = np.unique([cells, cluster], axis=1, return_inverse=True)
    strength = np.bincount(pair, weight)[pair] * weight
    mean = np.bincount(cells, strength * values) / np.bincount(cells, strength)
    return mean[cells], np.bincount(pairs[0])[cells]


# What two-way fixed effects weigh.


def _two_way_pull(imputed, event_time, reference, first_treated):
    """Return rows' weights in a two-way regression, and the coefficient itself."""
    panel, events = imputed.panel, imputed.events
    on = [imputed.treated]
    if event_time is not None:
        times = _in_whole_units(np.unique(events[(panel.count > 0) & ~np.isnan(events)]))
        event = _one_of("event_time", event_time, times)
        left_out = [_one_of("reference", one, times) for one in _reals("reference", reference)]
        if event in left_out:
            raise ValueError(
                f"event_time {event:g} is a reference, whose coefficient is 0 by construction; "
                "ask for another, or give another reference="
            )
        rest = np.setdiff1d(times, [event, *left_out])
        on = [events == one for one in [event, *rest]]
    net = [column - _intercepts(panel.mass, panel.mass * column) for column in on]
    root = np.sqrt(panel.mass)
    columns = np.array([(root * column).ravel() for column in net]).T
    slopes = np.linalg.lstsq(columns[:, 1:], columns[:, 0], rcond=1e-10)[0]
    pull = root * (columns[:, 0] - columns[:, 1:] @ slopes).reshape(root.shape)
    size = np.sum(pull * on[0])
    if size < 1e-9 * np.sum(panel.mass * on[0]):
        raise ValueError(
            f"column {first_treated!r}: intercepts of units and periods, and other event times, "
            "leave nothing of this dummy, so it has no coefficient; leave out more event times, "
            "for example the first, reference=[-1, first], or find units that never begin"
        )
    return pull / size, np.sum(pull * imputed.left) / size


def _one_of(option, value, times):
    """Return the event time that is meant, or raise."""
    near = np.isclose(times, _real(option, value), rtol=1e-9)
    if not near.any():
        raise ValueError(
            f"{option} {value:g} is not among the event times, {_listed(times.tolist())}"
        )
    return times[near][0]


# When units begin.


def _marked_starts(data, time, first_treated):
    """Return data with a number beyond all others for infinity, and where the start is missing.

    A missing start is filled by one that is not, to be read, and means never.
    """
    data = _frame(data)
    names = list(data.columns)
    if not all(isinstance(n, str) and names.count(n) == 1 for n in (time, first_treated)):
        return data, None  # reading it will say what is wrong
    start = data[first_treated]
    missing = start.isna().to_numpy()
    if missing.size and missing.all():
        raise ValueError(
            f"column {first_treated!r} is missing in all {len(start)} rows, so no unit begins "
            "within the data and there is no effect to estimate; missing means never treated"
        )
    if missing.any():
        filled = start.where(~missing, start[~missing].iloc[0])
        data = data.assign(**{first_treated: filled})
    if _holds_numbers(start) and (start == np.inf).any():
        marked = data[first_treated].astype(float).replace(np.inf, NEVER)
        data = data.assign(**{first_treated: marked})
    return data, missing


def _begin(table, time, first_treated, missing):
    """Return when the unit of each row begins, in the kind of the periods, or raise."""
    clock = _moments(table, time)
    begin = _moments(table, first_treated, clock)
    zones = [getattr(getattr(column, "dt", None), "tz", None) for column in (begin, clock)]
    if _dated(begin) != _dated(clock) or (zones[0] is None) != (zones[1] is None):
        raise ValueError(
            f"column {first_treated!r} holds {begin.dtype} values such as {begin.tolist()[0]!r}, "
            f"and {time!r} {clock.dtype} such as {clock.tolist()[0]!r}; give both as numbers or "
            "both as such dates, with one after the last for never treated, or none"
        )
    if not missing.any():
        return begin
    if _dated(begin):
        return begin.where(~missing, pd.Timestamp(END, tz=zones[0]))
    return begin.astype(float).where(~missing, NEVER)


def _never(start):
    """Tell which units are marked as never treated."""
    if _dated(start):
        return (start.dt.tz_localize(None) >= END).to_numpy()
    return ((start == 0) | (start == NEVER)).to_numpy()


def _starts(panel, time, first_treated, early):
    """Return the place of each unit's first treated period, beyond the last for none."""
    start, periods = panel.fixed, panel.periods
    never = (start == 0).to_numpy()
    if never.any() and periods[0] <= 0:
        raise ValueError(
            f"column {first_treated!r} uses 0 for never treated, but {time!r} has a period "
            f"{_shown(periods[0])}; write inf for never treated, data[{first_treated!r}].astype("
            "float).replace(0, np.inf), and if units do begin in 0, add a constant to both columns"
        )
    if early >= len(periods) - 1:
        raise ValueError(
            f"anticipation={early} leaves no period untouched before one with treatment: {time!r} "
            f"has {len(periods)}; give at most {max(len(periods) - 2, 0)}, or add earlier periods"
        )
    beyond = never | (start > periods[-1]).to_numpy()
    place = np.where(beyond, len(periods), periods.get_indexer(start))
    for value in np.unique(start[place <= early]):
        what = "has no period before it" if value <= periods[early] else "is not a period"
        what += f" that anticipation={early} leaves untouched" * (early > 0 and value in periods)
        raise ValueError(
            f"column {first_treated!r}: {np.sum(start == value)} unit(s) begin in {_shown(value)}, "
            f"which {what} of {time!r} ({_shown(periods[0])} to {_shown(periods[-1])}); give a "
            "period in the data, a later one for never treated, or drop these units and say so"
        )
    if beyond.all():
        raise ValueError(
            f"column {first_treated!r}: no unit begins within the data, so there is "
            "no effect to estimate; 0 means never treated"
        )
    return place


def _check_groups(start, panel, first_treated):
    """Raise if there is nothing to compare."""
    if np.ptp(start) == 0:
        raise ValueError(
            f"column {first_treated!r}: all units begin in {_shown(panel.periods[start[0]])}, so "
            "none compares; a difference in differences needs units that begin later or never"
        )
