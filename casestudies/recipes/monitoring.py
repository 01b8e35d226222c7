r"""Monitoring: an effect kept under watch, batch by batch, without false alarms from looking.

Batches arrive one after another, each with a randomized part that goes untreated (a holdout).
Within a batch the treatment is random, so that the difference in means estimates the average
treatment effect of its people. A 5% test repeated each week rings in most quiet years; what is
here may be looked at after every batch. Drift of the inputs is neither necessary nor sufficient
for a change of the effect, and is not what these functions watch.
"""

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from casestudies.recipes._cells import _code
from casestudies.recipes._columns import (
    _check_choice,
    _check_frame,
    _check_level,
    _classes,
    _count,
    _design,
    _frame,
    _names,
    _numbers,
    _one,
    _outcome,
    _read,
    _real,
    _reals,
    _result,
    _zero_one,
)
from casestudies.recipes._counted import _pool, _read_counted
from casestudies.recipes._panel import _periods, _shown
from casestudies.recipes._score import _effective, _regress


def batch_moments(data, *, outcome, treatment, batch):
    """Reduce people to one row for each batch and arm, from which all the rest follows.

    A ledger keeps these few numbers for years after the rows are gone: the functions that watch
    an effect give the same answers from them, with ``size="n"`` and the outcome's own name.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per person.
    outcome : str
        Numeric column.
    treatment : str
        Column of zeros (the holdout) and ones.
    batch : str
        Column of numbers or dates that puts the batches in order.

    Returns
    -------
    pandas.DataFrame
        Ordered by batch and arm, with the columns `batch`, `treatment`, n (people), and the
        outcome's mean and variance (divisor n), named after it with _mean and _var.

    Raises
    ------
    ValueError
        If a column is missing, incomplete or not of its kind, or has the name of a result.

    Examples
    --------
    >>> people = pd.DataFrame({"week": [1, 1, 1, 1, 2, 2], "offer": [0, 0, 1, 1, 0, 1]})
    >>> people["sales"] = [1, 3, 4, 4, 2, 5]
    >>> batch_moments(people, outcome="sales", treatment="offer", batch="week")
       week  offer  n  sales_mean  sales_var
    0     1      0  2         2.0        1.0
    1     1      1  2         4.0        0.0
    2     2      0  1         2.0        0.0
    3     2      1  1         5.0        0.0
    """
    roles = {"outcome": outcome, "treatment": treatment, "batch": batch}
    batches = _batches(data, None, **roles)
    place, arm = np.nonzero(batches.size)
    size = batches.size[place, arm]
    moments = {
        "n": _whole(size),
        f"{outcome}_mean": batches.origin + batches.mean[place, arm],
        f"{outcome}_var": batches.scatter[place, arm] / size,
    }
    for name in {batch, treatment} & moments.keys():
        raise ValueError(f"column {name!r} has the name of a result; rename it")
    return pd.DataFrame({batch: batches.names[place], treatment: arm, **moments})


def confidence_sequence(data, *, outcome, treatment, batch, tuned_for, size=None, level=0.95):
    r"""Estimate the effect to date after every batch, with intervals that all hold at once.

    With :math:`D_j` the difference in means in batch :math:`j`, :math:`n_{1j}` and :math:`n_{0j}`
    its people and :math:`w_j = n_{1j} n_{0j} / (n_{1j} + n_{0j})`,

    .. math:: \hat\tau_k = \frac{\sum_{j \le k} w_j D_j}{\sum_{j \le k} w_j}, \qquad
              V_k = \sum_{j \le k} w_j^2
              \left(\frac{s_1^2}{n_{1j}} + \frac{s_0^2}{n_{0j}}\right),

    where :math:`s_d^2` are the variances within batches, pooled over all batches to date. (Weights
    from each batch's own estimated precision are related to its estimate, and ring too often.)
    The standard error is :math:`\sqrt{V_k} / \sum w_j`, the interval
    :math:`\hat\tau_k \pm u(V_k) / \sum w_j` with the two-sided normal mixture

    .. math:: u(V) = \sqrt{(V + \rho) \ln \frac{V + \rho}{\rho \alpha^2}}, \qquad
              \rho = \frac{V^*}{-W_{-1}(-\alpha^2 / e) - 1}

    and :math:`\alpha` = 1 - `level`, narrowest beside the standard error at :math:`V^*`.

    Estimand: the average treatment effect of the people to date, batches weighted by
    :math:`w_j` (by their people, if the share treated does not change). Assumptions: the
    treatment is randomized within each batch, nobody is in two of them (or the lot is drawn anew
    and outcomes are fresh given the past), one person's treatment leaves the others alone, and
    no outcome is missing by treatment. Guarantee: with probability `level`, in large samples,
    every interval of the sequence holds its own estimand, whenever you look and whenever you stop.

    Large is the smaller arm's number of events. Of simulated years of 52 weeks, 600 people a week
    and a tenth held out, a 95% sequence missed in 1.9% where 19 a week had an event in the
    holdout (normal batches: 1.8%, exactly), in 4.9% where 1.2 had, and in 8.8% where 0.3 had
    (1,000 years or more, Monte Carlo error 0.1, 0.7 and 0.9 points).

    Parameters
    ----------
    data : pandas.DataFrame
        One row per person; or, with `size`, one per batch and arm, or finer.
    outcome : str
        Numeric column.
    treatment : str
        Column of zeros (the holdout) and ones.
    batch : str
        Column of numbers or dates that puts the batches in order; text is refused.
    tuned_for : float
        Number of people, allocated as in the first batch, after which the interval is to be
        narrowest beside the standard error; half of those expected in a year, for instance.
        It is to be chosen before the data are seen, and matters little.
    size : str, optional
        Column of the number of people behind each row, whose outcome ``"y"`` is then read from
        ``y_mean`` and ``y_var`` (divisor n), as `batch_moments` writes them. The answer is that
        of the people.
    level : float
        Probability that all intervals hold, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by batch; n (people to date), estimate, std_error, ci_low, ci_high in units of
        the outcome, excludes_zero. Until the outcomes have varied within both arms the error is
        unknown, and the interval unbounded.

    Raises
    ------
    ValueError
        If a batch lacks an arm or batches have no order; if a column is missing, incomplete or
        not of its kind.

    References
    ----------
    Howard, Ramdas, McAuliffe and Sekhon (2021), Annals of Statistics 49(2), 1055-1080.
    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Annals of Statistics 52(6), 2613-2640
    (variances that are estimated).

    Examples
    --------
    >>> people = pd.DataFrame({"week": [1] * 4 + [2] * 4, "offer": [0, 0, 1, 1] * 2})
    >>> people["sales"] = [1, 3, 4, 6, 2, 4, 4, 6]
    >>> confidence_sequence(people, outcome="sales", treatment="offer", batch="week",
    ...                     tuned_for=8).round(2)
          n  estimate  std_error  ci_low  ci_high  excludes_zero
    week
    1     4       3.0       1.41   -1.35     7.35          False
    2     8       2.5       1.00   -0.54     5.54          False
    """
    _check_level(level)
    tuned_for = _real("tuned_for", tuned_for, above=0)
    roles = {"outcome": outcome, "treatment": treatment, "batch": batch}
    batches = _both_arms(_batches(data, size, **roles), roles)
    gap, weight, noise = batches.gap, batches.weight, batches.noise
    share = weight[:, np.newaxis] ** 2 / batches.size
    total, spent = np.cumsum(weight), (noise * np.cumsum(share, axis=0)).sum(axis=1)
    unit = (noise * share[0]).sum(axis=1) / batches.size[0].sum()
    margin = _mixture_boundary(spent, tuned_for * unit, 1 - level) / total
    estimate = np.cumsum(weight * gap) / total
    table = pd.DataFrame(
        {
            "n": _whole(np.cumsum(batches.size.sum(axis=1))),
            "estimate": estimate,
            "std_error": np.sqrt(spent) / total,
            "ci_low": estimate - margin,
            "ci_high": estimate + margin,
        },
        index=batches.names,
    )
    table = table.fillna({"std_error": np.inf, "ci_low": -np.inf, "ci_high": np.inf})
    return table.assign(excludes_zero=(table["ci_low"] > 0) | (table["ci_high"] < 0))


def change_detector(
    data,
    *,
    outcome,
    treatment,
    batch,
    reference,
    change=None,
    average_run_length=1000,
    size=None,
):
    r"""Watch for the batch from which the effect is no longer what it was.

    With :math:`D_i` the difference in means in batch :math:`i` and :math:`v_i = s_1^2 / n_{1i} +
    s_0^2 / n_{0i}` its variance (:math:`s_d^2` within batches, pooled over those to date), the
    e-value that the effect left :math:`\tau_0` in batch :math:`j` is the likelihood ratio of
    normal changes with standard deviation :math:`c`,

    .. math:: E_{jk} = \sqrt{\frac{\rho}{V_{jk} + \rho}}
              \exp \frac{S_{jk}^2}{2 (V_{jk} + \rho)}, \quad
              S_{jk} = \sum_{i=j}^k \frac{D_i - \tau_0}{v_i}, \quad
              V_{jk} = \sum_{i=j}^k \frac{1}{v_i}, \quad \rho = \frac{1}{c^2},

    and the detector is :math:`M_k = \sum_{j \le k} E_{jk}`, over all batches in which the change
    may have come.

    Estimand: the average treatment effect of each batch, `reference` as long as nothing has
    changed. Assumptions: the treatment is randomized within each batch, nobody is in two of them
    (or the lot is drawn anew and outcomes are fresh given the past), one person's treatment leaves
    the others alone, and no outcome is missing by treatment.
    Guarantee, in large samples: with the effect at `reference` the alarm rings after
    `average_run_length` batches or more on average, and within the first :math:`m` batches with a
    probability of at most :math:`m` over `average_run_length`. It is no guarantee for ever: a
    detector that is left alone rings one day. The reference is taken as known: an estimate with
    an error of its own rings by that error too, so estimate it on many more people than a change
    has to show in.

    In simulated years of 52 weeks, with 600 people a week and a tenth held out, it rang in 1.4%
    where an effect of -0.06 on a rate of 0.31 stayed (60,000 years, Monte Carlo error 0.05);
    of 300 in which it died half-way, it caught 97% (1) within the other half.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per person; or, with `size`, one per batch and arm, or finer.
    outcome : str
        Numeric column.
    treatment : str
        Column of zeros (the holdout) and ones.
    batch : str
        Column of numbers or dates that puts the batches in order; text is refused.
    reference : float
        The effect :math:`\tau_0` that was established, in units of the outcome.
    change : float, optional
        Size :math:`c` of a change worth finding, in units of the outcome; by default that of
        `reference`, an effect that dies.
    average_run_length : float
        Number of batches between false alarms, on average at least; above 1.
    size : str, optional
        Column of the number of people behind each row, whose outcome ``"y"`` is then read from
        ``y_mean`` and ``y_var`` (divisor n), as `batch_moments` writes them. The answer is that
        of the people.

    Returns
    -------
    pandas.DataFrame
        Indexed by batch; n (people in it), e_value (:math:`M_k`; 1 for each batch, before the
        outcomes have varied within both arms), since (the batch from which a change is most
        likely, if there was one), alarm (whether the e-value is `average_run_length` or more).

    Raises
    ------
    ValueError
        If a batch lacks an arm, batches have no order, or `reference` is 0 without a `change`;
        if a column is missing, incomplete or not of its kind.

    References
    ----------
    Shin, Ramdas and Rinaldo (2024), New England Journal of Statistics in Data Science 2(2),
    229-260.

    Examples
    --------
    >>> people = pd.DataFrame({"week": np.repeat(range(1, 7), 4), "offer": [0, 0, 1, 1] * 6})
    >>> people["sales"] = [1, 3, 4, 6] * 3 + [2, 4, 2, 4] * 3
    >>> change_detector(people, outcome="sales", treatment="offer", batch="week", reference=3,
    ...                 average_run_length=20).round(1)
          n  e_value  since  alarm
    week
    1     4      0.4      1  False
    2     4      0.7      2  False
    3     4      1.0      3  False
    4     4      4.5      4  False
    5     4     28.2      4   True
    6     4    204.3      4   True
    """
    reference, change = _real("reference", reference), _worth_finding(reference, change)
    roles = {"outcome": outcome, "treatment": treatment, "batch": batch}
    batches = _both_arms(_batches(data, size, **roles), roles)
    gap, noise, rho = batches.gap - reference, batches.noise, 1 / change**2

    def starts(k):
        known = np.isfinite(noise[k]).all()
        precise = 1 / (noise[k] / batches.size[: k + 1]).sum(axis=1) if known else np.zeros(k + 1)
        s, v = _from_each_start(precise * gap[: k + 1]), _from_each_start(precise)
        return (np.log(rho / (v + rho)) + s**2 / (v + rho)) / 2

    return _detect(batches.names, batches.size, starts, average_run_length)


def sample_ratio(
    data, *, treatment, batch, share_treated, change=None, average_run_length=1000, size=None
):
    r"""Watch whether the share treated is the one that was set.

    A share that leaves what the randomization was told means that people, or their rows, go
    missing by arm: then no estimate of the effect is to be trusted. With :math:`X` treated of
    :math:`N` people since batch :math:`j`, the e-value that the share left :math:`p` in batch
    :math:`j` is the likelihood ratio of shares drawn from a Beta distribution,

    .. math:: E_{jk} = \frac{B(a + X, b + N - X)}{B(a, b) \, p^X (1 - p)^{N - X}},

    with mean :math:`p` and standard deviation `change`; the detector is the sum over :math:`j`.

    Assumptions: each person was assigned by a draw of their own (not in blocks of fixed
    composition, which hold the share too well for it to ring) and is in one batch only.
    Guarantee, exact in all samples: with the share as set the alarm rings after
    `average_run_length` batches or more on average, and within the first :math:`m` batches with a
    probability of at most :math:`m` over `average_run_length`.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per person; or, with `size`, one per batch and arm.
    treatment : str
        Column of zeros (the holdout) and ones.
    batch : str
        Column of numbers or dates that puts the batches in order; text is refused.
    share_treated : float
        The share :math:`p` that was set, between 0 and 1.
    change : float, optional
        Size of a departure worth finding; by default a tenth of the smaller arm's share.
    average_run_length : float
        Number of batches between false alarms, on average at least; above 1.
    size : str, optional
        Column of the number of people behind each row.

    Returns
    -------
    pandas.DataFrame
        Indexed by batch; n and share_treated (in it), e_value, since (the batch from which a
        departure is most likely, if there was one), alarm (whether the e-value is
        `average_run_length` or more).

    Raises
    ------
    ValueError
        If a share, a change or a run length lies outside its range, or batches have no order;
        if a column is missing, incomplete or not of its kind.

    References
    ----------
    Lindon and Malek (2022), Advances in Neural Information Processing Systems 35 (counts).
    Shin, Ramdas and Rinaldo (2024), New England Journal of Statistics in Data Science 2(2),
    229-260 (sums over starts).

    Examples
    --------
    Half were to be treated; from the second week on a third of the holdout is not recorded.

    >>> weeks = pd.DataFrame({"week": [1, 1, 2, 2, 3, 3], "offer": [0, 1] * 3})
    >>> weeks["people"] = [300, 300, 200, 300, 200, 300]
    >>> sample_ratio(weeks, treatment="offer", batch="week", share_treated=0.5, size="people",
    ...              average_run_length=520).round(1)
            n  share_treated     e_value  since  alarm
    week
    1     600            0.5         0.4      1  False
    2     500            0.6      1823.9      2   True
    3     500            0.6  27030105.2      2   True
    """
    p = _real("share_treated", share_treated, above=0, below=1)
    spread = float(np.sqrt(p * (1 - p)))
    change = min(p, 1 - p) / 10 if change is None else change
    # A Beta distribution much narrower would leave its logarithms no digits.
    total = (spread / _real("change", change, above=1e-6 * spread, below=spread)) ** 2 - 1
    table, counted = _read_counted(data, size, treatment=treatment, batch=batch)
    names, cell = _arms(table, treatment, batch)
    counts = np.bincount(cell, counted.size, 2 * len(names)).reshape(-1, 2)
    prior = np.array([1 - p, p]) * total

    def starts(k):
        since = np.column_stack([_from_each_start(column) for column in counts[: k + 1].T])
        chance = since @ np.log([1 - p, p])
        return special.betaln(*(prior + since).T) - special.betaln(*prior) - chance

    table = _detect(names, counts, starts, average_run_length)
    table.insert(1, "share_treated", counts[:, 1] / counts.sum(axis=1))
    return table


def repeated_looks(looks, *, level=0.95, critical=None):
    r"""Return the chance that a test has rung by each look if there is nothing to find.

    A z statistic is formed after each of `looks` equal batches from all data to date, and rings
    where :math:`|Z_k| > c_k`. The density of the cumulative sum among the paths that have not
    rung is carried from one look to the next by quadrature, exact to rounding.

    Parameters
    ----------
    looks : int
        Number of looks, one or more; some hundreds take a second.
    level : float
        Coverage of each look's interval, between 0 and 1, which sets :math:`c_k`.
    critical : float or sequence of float, optional
        Other limits :math:`c_k` of the absolute z statistic: one for all looks, or one for each.

    Returns
    -------
    pandas.Series
        The chance to have rung at this look or before, indexed by look.

    Raises
    ------
    ValueError
        If there is no look, a level or limit lies outside its range, or there are not as many
        limits as looks.

    References
    ----------
    Armitage, McPherson and Rowe (1969), Journal of the Royal Statistical Society A 132(2),
    235-244.

    Examples
    --------
    >>> repeated_looks(10).loc[[1, 2, 5, 10]].round(3)
    look
    1     0.050
    2     0.083
    5     0.142
    10    0.193
    Name: chance, dtype: float64
    """
    looks = _count("looks", looks)
    _check_level(level)
    usual = special.ndtri((1 + level) / 2)
    limits = _reals("critical", usual if critical is None else critical, above=0)
    if len(limits) not in (1, looks):
        raise ValueError(
            f"critical has {len(limits)} limits for {looks} looks; give one or {looks}"
        )
    index = pd.RangeIndex(1, looks + 1, name="look")
    return pd.Series(_ringing(limits * np.ones(looks)), index=index, name="chance")


def group_sequential_boundary(looks, *, kind, level=0.95):
    r"""Return the limits at which a test may be repeated a fixed number of times.

    Pocock: :math:`c_k = c`; O'Brien and Fleming: :math:`c_k = c \sqrt{K / k}` for the
    :math:`k`-th of :math:`K` looks. The constant :math:`c` makes the chance that a z statistic,
    formed after each of equal batches from all data to date, ever passes its limit
    1 - `level` if there is nothing to find. The number of looks is to be fixed beforehand: after
    the last one there is no guarantee.

    Parameters
    ----------
    looks : int
        Number :math:`K` of looks, one or more; some hundreds take seconds.
    kind : {"pocock", "obrien_fleming"}
        Equal limits, or limits that are wide at first.
    level : float
        Probability that no look rings, between 0 and 1.

    Returns
    -------
    pandas.Series
        The limits of the absolute z statistic, indexed by look; the last one is :math:`c`.

    Raises
    ------
    ValueError
        If there is no look, or an option is not what it must be.

    References
    ----------
    Pocock (1977), Biometrika 64(2), 191-199.
    O'Brien and Fleming (1979), Biometrics 35(3), 549-556.

    Examples
    --------
    >>> group_sequential_boundary(5, kind="pocock").round(3).to_list()
    [2.413, 2.413, 2.413, 2.413, 2.413]
    >>> group_sequential_boundary(5, kind="obrien_fleming").round(3).to_list()
    [4.562, 3.226, 2.634, 2.281, 2.04]
    """
    looks = _count("looks", looks)
    _check_choice("kind", kind, ("pocock", "obrien_fleming"))
    _check_level(level)
    index = pd.RangeIndex(1, looks + 1, name="look")
    shape = np.ones(looks) if kind == "pocock" else np.sqrt(looks / index.to_numpy())
    few, many = (special.ndtri(1 - (1 - level) / 2 / count) for count in (1, looks))
    constant = optimize.brentq(  # Bonferroni's limits are wide enough
        lambda c: _ringing(c * shape)[-1] - (1 - level), few * (1 - 1e-9), many * (1 + 1e-9)
    )
    return pd.Series(constant * shape, index=index, name="critical")


def effect_change(data, *, outcome, treatment, period, adjust_for, level=0.95):
    r"""Split the change of an effect into a change of the people and one of their effects.

    With :math:`q_p(x)` the share of people in cell :math:`x` in period :math:`p` and
    :math:`\tau_p(x)` the difference in means in it,

    .. math:: \underbrace{\sum_x q_1 \tau_1 - \sum_x q_0 \tau_0}_{\text{change}} =
              \underbrace{\sum_x (q_1 - q_0) \tau_0}_{\text{mix}} +
              \underbrace{\sum_x q_1 (\tau_1 - \tau_0)}_{\text{mechanism}}.

    The effect before at the mix after, :math:`\sum_x q_1 \tau_0`, is also what the effect of one
    place transports to another, with the places as periods; the mechanism is then the error of
    transporting it. Mix is valued at the effects before: the other order divides the interaction
    of the two otherwise.

    Estimand: the average treatment effects of the two periods' people, and the parts of their
    difference. Assumptions: the treatment is randomized within the cells of each period (or
    `adjust_for` blocks every backdoor path), one person's treatment leaves the others alone, and
    no outcome is missing by treatment. A modifier of the effect that is not in `adjust_for` and
    has changed is counted as mechanism. Standard errors, of independent people with shares that
    are estimated too (:math:`v_p(x)` the variance of :math:`\hat\tau_p(x)`, :math:`n_p` people),
    are those of :math:`\sum_x a_0 \tau_0 + a_1 \tau_1`: with :math:`g_p` its derivative by
    :math:`q_p`,

    .. math:: \widehat{se}^2 = \sum_p \Big[ \sum_x a_p^2 v_p
              + \mathrm{Var}_{q_p}(g_p) / n_p \Big].

    Parameters
    ----------
    data : pandas.DataFrame
        One row per person.
    outcome : str
        Numeric column.
    treatment : str
        Column of zeros and ones.
    period : str
        Column of 0 (before) and 1 (after).
    adjust_for : str or list of str
        Columns whose combinations are the cells; numbers of many values are to be cut first.
    level : float
        Coverage of each interval, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        estimate, std_error, ci_low, ci_high and n of before, after, reweighted (the effect
        before, at the mix after), change, mix and mechanism.

    Raises
    ------
    ValueError
        If a cell has fewer than two people in an arm of a period, or no noise; if a column is
        missing, incomplete or not of its kind.

    References
    ----------
    Kitagawa (1955), Journal of the American Statistical Association 50(272), 1168-1194.

    Examples
    --------
    >>> cells = [(p, s, a, y) for p in (0, 1) for s in (0, 1) for a in (0, 1) for y in (0, 4)]
    >>> people = pd.DataFrame(cells, columns=["late", "senior", "offer", "sales"])
    >>> people["sales"] += people["offer"] * (1 + people["senior"])
    >>> people = pd.concat([people, people.query("late == 1 and senior == 1")])
    >>> effect_change(people, outcome="sales", treatment="offer", period="late",
    ...               adjust_for="senior")[["estimate", "std_error", "n"]].round(2)
                estimate  std_error     n
    before          1.50       2.01   8.0
    after           1.67       1.45  12.0
    reweighted      1.67       2.11  20.0
    change          0.17       2.47  20.0
    mix             0.17       0.70  20.0
    mechanism       0.00       2.55  20.0
    """
    _check_level(level)
    roles = {"outcome": outcome, "treatment": treatment, "period": period}
    share, effect, noise, size = _effects_by_cell(data, adjust_for, **roles)
    (now, then), (tau, later), none = share.T[::-1], effect.T, np.zeros(len(share))
    parts = {  # weights of the effects before and after, then derivatives by the shares
        "before": np.array([then, none, tau, none]),
        "after": np.array([none, now, none, later]),
        "reweighted": np.array([now, none, none, tau]),
    }
    parts["change"] = parts["after"] - parts["before"]
    parts["mix"] = parts["reweighted"] - parts["before"]
    parts["mechanism"] = parts["after"] - parts["reweighted"]
    rows = []
    for name, part in parts.items():
        weights, slopes = part[:2].T, part[2:].T
        spread = (share * (slopes - (share * slopes).sum(axis=0)) ** 2).sum(axis=0) / size
        std_error = np.sqrt((weights**2 * noise).sum() + spread.sum())
        n = size[part.any(axis=1)[:2] | part.any(axis=1)[2:]].sum()
        rows.append(_result(name, (weights * effect).sum(), std_error, n=n, level=level))
    return pd.DataFrame(rows)


def missing_outcome(data, *, outcome, treatment, adjust_for, level=0.95):
    r"""Estimate an effect from those whose outcome is known, as they are and weighted.

    Where an outcome is missing for reasons that also bear on it, those who are left are no
    longer alike in both arms. The weighted estimate fits, in each arm, a logit of being known on
    the covariates and weights everybody known by the inverse of the fitted probability
    :math:`\pi`:

    .. math:: \hat\mu_d = \sum_{D = d} \frac{R}{\hat\pi} Y \Big/ \sum_{D = d} \frac{R}{\hat\pi},
              \qquad \hat\tau = \hat\mu_1 - \hat\mu_0,

    with the standard error of its stacked estimating equations (the logits' scores and the two
    weighted means). The complete cases have Neyman's standard error.

    Estimand: the average treatment effect of everybody, known or not. Assumptions: the treatment
    is randomized; within an arm and given the covariates, who is missing has nothing to do with
    the outcome; the logits hold and nobody is certain to be missing. The complete cases need
    more: that within each arm missingness has nothing to do with the outcome. That it strikes
    both arms alike is not enough. Without any of this, bounds are what is left.

    Where 5% of the treated and, by a covariate, 23% of the others are missing, 95% intervals of
    4,000 people hold that effect in 0.946 of 1,000 samples weighted, and in 0.541 from the
    complete cases (Monte Carlo errors 0.007 and 0.016).

    Parameters
    ----------
    data : pandas.DataFrame
        One row per person.
    outcome : str
        Numeric column, in which values may be missing.
    treatment : str
        Column of zeros and ones, complete.
    adjust_for : str or list of str
        Covariates of the logits, complete; a category enters as dummies without its first level.
    level : float
        Coverage of each interval, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        estimate, std_error, ci_low, ci_high, n (rows with an outcome) and missing (rows without)
        of complete_cases and weighted. ``attrs["effective_n"]`` holds Kish's effective sample
        size of each arm by weights.

    Raises
    ------
    ValueError
        If an arm has fewer than two outcomes, none vary within the arms, or covariates separate
        those known from those missing; if another column is missing, incomplete or not of its
        kind.

    References
    ----------
    Seaman and White (2013), Statistical Methods in Medical Research 22(3), 278-295.

    Examples
    --------
    The old buy more and answer less, if they have no offer.

    >>> people = pd.DataFrame({"offer": [0] * 8 + [1] * 8, "old": ([0] * 4 + [1] * 4) * 2})
    >>> people["sales"] = [1, 3, 2, None, 8, 9, None, None, 2, 3, 4, None, 9, 9, 9, None]
    >>> missing_outcome(people, outcome="sales", treatment="offer", adjust_for="old").round(2)
                    estimate  std_error  ci_low  ci_high     n  missing
    complete_cases      1.40       2.13   -2.77     5.57  11.0      5.0
    weighted            0.75       1.61   -2.40     3.90  11.0      5.0
    """
    _check_level(level)
    names = _names("adjust_for", adjust_for)
    table, y, known = _with_gaps(data, outcome, treatment=treatment, several={"adjust_for": names})
    d, design = _zero_one(table, treatment), _design(table, names)
    _check_known(y, known, d, outcome, treatment)
    means, influence, crude, effective = {}, np.zeros(len(d)), [], {}
    for arm, word in enumerate(("control", "treated")):
        rows = np.flatnonzero(d == arm)
        chance, carry = _chance_known(design, rows, known, f"{treatment!r} is {arm}")
        weights = known[rows] / chance
        means[arm] = weights @ y[rows] / weights.sum()
        residual = (y[rows] - means[arm]) / weights.sum()
        influence[rows] = weights * residual - carry(weights / chance * residual)
        crude.append(y[rows][known[rows]])
        effective[word] = _effective(weights)
    noise = sum(group.var(ddof=1) / len(group) for group in crude)
    answers = {
        "complete_cases": (crude[1].mean() - crude[0].mean(), np.sqrt(noise)),
        "weighted": (means[1] - means[0], np.sqrt(influence @ influence)),
    }
    options = {"n": known.sum(), "level": level}
    table = pd.DataFrame([_result(name, *parts, **options) for name, parts in answers.items()])
    table["missing"] = float((~known).sum())
    table.attrs["effective_n"] = effective
    return table


def outcome_bounds(data, *, outcome, treatment, low, high, level=0.95):
    r"""Bound an effect when outcomes are missing for reasons unknown.

    The lower bound gives `low` to every treated and `high` to every untreated person whose
    outcome is missing, the upper bound the reverse; each is a difference in means with Neyman's
    standard error. The interval reaches :math:`c` standard errors beyond, where

    .. math:: \Phi\!\left(c + \frac{\hat u - \hat l}{\max(\widehat{se}_l, \widehat{se}_u)}\right)
              - \Phi(-c) = level,

    and covers the effect itself, not all of the set, with that probability.

    Estimand: the average treatment effect of everybody, known or not. Assumptions: the treatment
    is randomized, one person's treatment leaves the others alone, and every outcome lies
    between `low` and `high`. Nothing is assumed about why outcomes are missing.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per person.
    outcome : str
        Numeric column, in which values may be missing.
    treatment : str
        Column of zeros and ones, complete.
    low, high : float
        Least and largest outcome possible, in units of the outcome.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        lower and upper (the bounds), their standard errors std_error_lower and std_error_upper,
        ci_low, ci_high, n (rows with an outcome) and missing (rows without).

    Raises
    ------
    ValueError
        If an outcome lies beyond the limits, these are not in order, an arm has fewer than two
        outcomes, or none vary within the arms; if another column is missing, incomplete or not
        of its kind.

    References
    ----------
    Horowitz and Manski (2000), Journal of the American Statistical Association 95(449), 77-84.
    Imbens and Manski (2004), Econometrica 72(6), 1845-1857.
    Stoye (2009), Econometrica 77(4), 1299-1315.

    Examples
    --------
    >>> people = pd.DataFrame({"offer": [0] * 10 + [1] * 10, "left": [0, 1] * 10}, dtype=float)
    >>> people.loc[[0, 19], "left"] = None
    >>> outcome_bounds(people, outcome="left", treatment="offer", low=0, high=1).round(2)
    lower             -0.20
    upper              0.00
    std_error_lower    0.23
    std_error_upper    0.24
    ci_low            -0.59
    ci_high            0.40
    n                 18.00
    missing            2.00
    Name: outcome_bounds, dtype: float64
    """
    _check_level(level)
    if _real("high", high) <= _real("low", low):
        raise ValueError(f"high must be above low, got low={low!r} and high={high!r}; swap them")
    table, y, known = _with_gaps(data, outcome, treatment=treatment)
    d = _zero_one(table, treatment)
    for value in y[known & ((y < low) | (y > high))]:
        raise ValueError(
            f"column {outcome!r} has {value:g}, which is not between low={low:g} and "
            f"high={high:g}; give the least and the largest outcome possible"
        )
    _check_known(y, known, d, outcome, treatment)
    (lower, below), (upper, above) = (
        _filled_in(y, known, d, worst, best) for worst, best in ((low, high), (high, low))
    )
    reach = _reach((upper - lower) / max(below, above), level)
    entries = {
        "lower": lower,
        "upper": upper,
        "std_error_lower": below,
        "std_error_upper": above,
        "ci_low": lower - reach * below,
        "ci_high": upper + reach * above,
        "n": known.sum(),
        "missing": (~known).sum(),
    }
    return pd.Series(entries, name="outcome_bounds", dtype=float)


class _Batches(NamedTuple):
    """Batches by arm: a row for each batch, a column for the holdout and one for the treated."""

    names: pd.Index
    size: np.ndarray
    mean: np.ndarray  # relative to the origin
    scatter: np.ndarray  # sum of squares within
    origin: float
    rounding: float  # a standard deviation of this size is none

    @property
    def gap(self):
        """Difference in means, by batch."""
        return self.mean[:, 1] - self.mean[:, 0]

    @property
    def weight(self):
        """What each batch knows, as its arms' sizes tell it."""
        return self.size.prod(axis=1) / self.size.sum(axis=1)

    @property
    def noise(self):
        """Variance within the batches to date, by arm; missing until both arms have one."""
        freedom = np.cumsum(self.size - 1, axis=0)
        pooled = np.cumsum(self.scatter, axis=0) / np.where(freedom > 0, freedom, np.nan)
        known = (pooled > self.rounding**2).all(axis=1, keepdims=True)
        return np.where(known, pooled, np.nan)


def _batches(data, size, *, outcome, treatment, batch):
    """Return the moments of people, or of rows that already hold the moments of some."""
    roles = {"outcome": outcome, "treatment": treatment, "batch": batch}
    table, counted = _read_counted(data, size, **roles)
    names, cell = _arms(table, treatment, batch)
    y = _numbers(table, outcome)
    rounding = 8 * max(table.attrs["precision"][outcome], np.finfo(float).eps) * np.abs(y).max()
    origin = y.mean()
    moments = _pool((y - origin)[:, np.newaxis], counted, cell, 2 * len(names))
    parts = (part.reshape(-1, 2) for part in moments)
    return _Batches(names, *parts, origin, rounding)


def _arms(table, treatment, batch):
    """Return the batches in order, and each row's batch and arm as one number."""
    if not table[treatment].isin([0, 1]).all():
        _zero_one(table, treatment)
    names, place = _periods(table, batch)
    return names, 2 * place + table[treatment].to_numpy(dtype=int)


def _whole(counts):
    """Return counts as whole numbers if they are."""
    return counts.astype(np.int64) if (counts % 1 == 0).all() else counts


def _both_arms(batches, roles):
    """Return batches, or raise unless each has people in both arms."""
    lonely = (batches.size == 0).any(axis=1)
    for place in np.flatnonzero(lonely):
        arm = ("a holdout", "anybody treated")[int(batches.size[place, 0] > 0)]
        raise ValueError(
            f"column {roles['batch']!r}: batch {_shown(batches.names[place])} lacks {arm} "
            f"({lonely.sum()} of {len(lonely)} batches lack an arm), so it has no difference in "
            f"means; find out why {roles['treatment']!r} does not vary in it, then make batches "
            "wider, or leave it out and say so"
        )
    return batches


def _mixture_boundary(v, tuned_for, alpha):
    """Return the two-sided normal mixture (Howard and others 2021, equation 3.7)."""
    rho = tuned_for / (-special.lambertw(-(alpha**2) / np.e, -1).real - 1)  # equation 3.14
    return np.sqrt((v + rho) * np.log((v + rho) / (rho * alpha**2)))


def _worth_finding(reference, change):
    """Return the size of a change, that of the reference by default, or raise."""
    if change is None and reference == 0:
        raise ValueError(
            "reference is 0, which tells no size of change; give change, the smallest one worth "
            "finding, in units of the outcome"
        )
    return _real("change", abs(reference) if change is None else change, above=0)


def _from_each_start(values):
    """Return the sum from each value to the last."""
    return np.cumsum(values[::-1])[::-1]


def _detect(names, size, starts, average_run_length):
    """Return the sum of e-values over the batches in which a change may have come, by batch."""
    limit = _real("average_run_length", average_run_length, above=1)
    logs = [starts(k) for k in range(len(names))]
    table = pd.DataFrame(
        {
            "n": _whole(size.sum(axis=1)),
            "e_value": [np.logaddexp.reduce(log) for log in logs],
            "since": names[[log.argmax() for log in logs]],
        },
        index=names,
    )
    with np.errstate(over="ignore"):  # evidence beyond the largest number is infinite
        table["e_value"] = np.exp(table["e_value"])
    return table.assign(alarm=table["e_value"] >= limit)


def _ringing(limits):
    """Return the chance to have left the limits by each look.

    Between the limits the density of the sum is that of the sum before, smoothed by one more
    standard normal step (Armitage, McPherson and Rowe 1969).
    """
    edges = limits * np.sqrt(np.arange(1, len(limits) + 1))
    nodes, weights = np.polynomial.legendre.leggauss(24 + int(4 * edges.max()))
    chances, density = [2 * special.ndtr(-edges[0])], stats.norm.pdf(edges[0] * nodes)
    for before, edge in itertools.pairwise(edges):
        place, mass = before * nodes, before * weights * density
        chances.append(mass @ (special.ndtr(place - edge) + special.ndtr(-place - edge)))
        density = mass @ stats.norm.pdf(place[:, np.newaxis] - edge * nodes)
    return np.cumsum(chances)


def _effects_by_cell(data, adjust_for, *, outcome, treatment, period):
    """Return shares, effects and their variances by cell and period, and the periods' sizes."""
    names = _names("adjust_for", adjust_for)
    roles = {"outcome": outcome, "treatment": treatment, "period": period}
    table = _read(data, several={"adjust_for": names}, **roles)
    y, d = _outcome(table, outcome), _zero_one(table, treatment)
    later = _zero_one(table, period, ("the period before", "the period after"))
    cell = (4 * _code(table, names) + 2 * later + d).astype(int)
    size = np.bincount(cell, minlength=4 * (cell.max() // 4 + 1))
    _check_thin(table, names, cell, size, treatment, period)
    y = y - y.mean()
    mean = np.bincount(cell, y) / size
    noise = np.bincount(cell, (y - mean[cell]) ** 2) / (size - 1) / size
    size, mean, noise = (part.reshape(-1, 2, 2) for part in (size, mean, noise))
    rounding = 8 * max(table.attrs["precision"][outcome], np.finfo(float).eps)
    if noise.max() <= (rounding * np.abs(table[outcome]).max()) ** 2:
        raise ValueError(
            f"column {outcome!r} does not vary within the cells, so there is no noise to "
            "estimate; check how it was made"
        )
    people = size.sum(axis=2)
    total = people.sum(axis=0)
    return people / total, mean[..., 1] - mean[..., 0], noise.sum(axis=2), total


def _check_thin(table, names, cell, size, treatment, period):
    """Raise unless each cell has two people in both arms of both periods."""
    thin = np.flatnonzero(size < 2)
    for place in thin[:1]:
        row, classes = np.flatnonzero(cell // 4 == place // 4)[0], _classes(table, names)
        where = ", ".join(f"{name} = {table[name].iloc[row]}" for name in names)
        remedy = "merge categories, "
        remedy += f"cut numbers into classes, for example with {classes}, " if classes else ""
        remedy += "or keep only cells that both periods and arms share, and say so"
        raise ValueError(
            f"no overlap: {f'where {where}, ' if names else ''}{size[place]} row(s) have "
            f"{treatment!r} {place % 2} and {period!r} {place % 4 // 2} ({len(thin)} such group(s) "
            "have fewer than the 2 that an effect and its error need); "
            f"{remedy if names else 'find more rows'}"
        )


def _with_gaps(data, outcome, **roles):
    """Return the other columns, the outcome with 0 where it is missing, and where it is known."""
    data = _frame(data)
    table = _read(data, **roles)
    _check_frame(data, {_one("outcome", outcome): "outcome"})
    known = data[outcome].notna().to_numpy()
    if not known.any():
        raise ValueError(f"column {outcome!r} is missing in all {len(known)} rows; check the data")
    y = np.zeros(len(known))
    y[known] = _outcome(_read(data[known], outcome=outcome, **roles), outcome)
    return table, y, known


def _check_known(y, known, d, outcome, treatment):
    """Raise unless both arms have two known outcomes, and those of one arm vary."""
    for arm in (0, 1):
        count = (known & (d == arm)).sum()
        if count < 2:
            raise ValueError(
                f"column {outcome!r} is known in {count} of {(d == arm).sum()} rows where "
                f"{treatment!r} is {arm}; two are needed, so wait for more outcomes"
            )
    if all(np.ptp(y[known & (d == arm)]) == 0 for arm in (0, 1)):
        raise ValueError(
            f"column {outcome!r} does not vary within the groups of {treatment!r}, so there is no "
            "noise to estimate; check how it was made"
        )


def _chance_known(design, rows, known, group):
    """Return the fitted chance that an outcome is known, and what fitting adds to an influence."""
    if known[rows].all():
        return np.ones(len(rows)), np.zeros_like
    arm = design._replace(columns=design.columns[rows])
    try:
        return _regress(arm, known[rows].astype(float), arm)
    except ValueError as error:
        raise ValueError(
            f"among the rows where {group}, with those that lack an outcome as one arm: {error}"
        ) from None


def _filled_in(y, known, d, treated, control):
    """Return the difference in means, and its error, with a value for the missing of each arm."""
    y = np.where(known, y, np.where(d == 1, treated, control))
    groups = y[d == 1], y[d == 0]
    noise = sum(group.var(ddof=1) / len(group) for group in groups)
    return groups[0].mean() - groups[1].mean(), np.sqrt(noise)


def _reach(gap, level):
    """Return how many errors an interval reaches beyond bounds that lie a gap apart."""
    ends = special.ndtri(level), special.ndtri((1 + level) / 2)
    return optimize.brentq(
        lambda c: special.ndtr(c + gap) - special.ndtr(-c) - level, ends[0] - 1e-9, ends[1] + 1e-9
    )
