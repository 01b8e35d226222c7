r"""Monitoring: an effect kept under watch, batch by batch, without false alarms from looking.

Batches arrive one after another, each with a randomized part that goes untreated (a holdout).
Within a batch the treatment is random, so that the difference in means estimates the average
treatment effect of its people. A 5% test repeated each week rings in most quiet years; what is
here may be looked at after every batch. Drift of the inputs is neither necessary nor sufficient
for a change of the effect, and is not what these functions watch.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from casestudies.recipes._columns import _check_level, _numbers, _outcome, _read, _real, _zero_one
from casestudies.recipes._panel import _periods, _shown


def batch_moments(data, *, outcome, treatment, batch):
    """Reduce people to one row for each batch and arm, from which all the rest follows.

    A ledger keeps these few numbers for years after the rows are gone: the functions that watch
    an effect give the same answers from them, with ``size="n"``, ``outcome="y_mean"`` and
    ``variance="y_var"`` where the outcome was ``"y"``.

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
        If a column is missing, incomplete or not of its kind.

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
    batches = _batches(data, None, None, **roles)
    place, arm = np.nonzero(batches.size)
    size = batches.size[place, arm]
    moments = {
        batch: batches.names[place],
        treatment: arm,
        "n": size,
        f"{outcome}_mean": batches.origin + batches.mean[place, arm],
        f"{outcome}_var": batches.scatter[place, arm] / size,
    }
    return pd.DataFrame(moments)


def confidence_sequence(
    data, *, outcome, treatment, batch, tuned_for, size=None, variance=None, level=0.95
):
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
    treatment is randomized within each batch, one person's treatment leaves the others alone, and
    no outcome is missing by treatment. Guarantee: with probability `level`, in large samples,
    every interval of the sequence holds its own estimand, whenever you look and whenever you
    stop.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per person; or, with `size` and `variance`, one per batch and arm.
    outcome : str
        Numeric column; with `size`, of means.
    treatment : str
        Column of zeros (the holdout) and ones.
    batch : str
        Column of numbers or dates that puts the batches in order; text is refused.
    tuned_for : float
        Number of people, allocated as in the first batch, after which the interval is to be
        narrowest beside the standard error; half of those expected in a year, for instance.
        It is to be chosen before the data are seen, and matters little.
    size, variance : str, optional
        Columns of the number of people behind each row, and of their outcome's variance
        (divisor n).
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
        If a batch lacks an arm, batches have no order, or `size` and `variance` are not given
        together; if a column is missing, incomplete or not of its kind.

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
    batches = _both_arms(_batches(data, size, variance, **roles), roles)
    gap, weight, noise = batches.gap, batches.weight, batches.noise
    share = weight[:, np.newaxis] ** 2 / batches.size
    total, spent = np.cumsum(weight), (noise * np.cumsum(share, axis=0)).sum(axis=1)
    unit = (noise * share[0]).sum(axis=1) / batches.size[0].sum()
    margin = _mixture_boundary(spent, tuned_for * unit, 1 - level) / total
    estimate = np.cumsum(weight * gap) / total
    table = pd.DataFrame(
        {
            "n": np.cumsum(batches.size.sum(axis=1)),
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
    variance=None,
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
    changed. Assumptions: the treatment is randomized within each batch, one person's treatment
    leaves the others alone, and no outcome is missing by treatment. Guarantee, in large samples:
    with the effect at `reference` the alarm rings after `average_run_length` batches or more on
    average, and within the first :math:`m` batches with a probability of at most :math:`m` over
    `average_run_length`. It is not a guarantee for ever: a detector that is left alone rings one
    day. The reference is taken as known: an estimate with an error of its own rings by that error
    too, so estimate it on many more people than a change has to show in.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per person; or, with `size` and `variance`, one per batch and arm.
    outcome : str
        Numeric column; with `size`, of means.
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
    size, variance : str, optional
        Columns of the number of people behind each row, and of their outcome's variance
        (divisor n).

    Returns
    -------
    pandas.DataFrame
        Indexed by batch; n (people in it), e_value (:math:`M_k`; 1 for each batch, before the
        outcomes have varied within both arms), since (the batch from which a change is most
        likely, if there was one), alarm (whether the e-value is `average_run_length` or more).

    Raises
    ------
    ValueError
        If a batch lacks an arm, batches have no order, `size` and `variance` are not given
        together, or `reference` is 0 without a `change`; if a column is missing, incomplete or
        not of its kind.

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
    batches = _both_arms(_batches(data, size, variance, **roles), roles)
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

    Assumption: each person was assigned by a draw of their own (not in blocks of fixed
    composition, which hold the share too well for it to ring). Guarantee, exact in all samples:
    with the share as set the alarm rings after `average_run_length` batches or more on average,
    and within the first :math:`m` batches with a probability of at most :math:`m` over
    `average_run_length`.

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
    spread = np.sqrt(p * (1 - p))
    change = min(p, 1 - p) / 10 if change is None else change
    total = (spread / _real("change", change, above=0, below=spread)) ** 2 - 1
    table = _read(data, treatment=treatment, batch=batch, **_given(size=size))
    names, cell, people = _arms(table, treatment, batch, size)
    counts = np.bincount(cell, people, 2 * len(names)).reshape(-1, 2)
    prior = np.array([1 - p, p]) * total

    def starts(k):
        since = np.column_stack([_from_each_start(column) for column in counts[: k + 1].T])
        chance = since @ np.log([1 - p, p])
        return special.betaln(*(prior + since).T) - special.betaln(*prior) - chance

    table = _detect(names, counts, starts, average_run_length)
    table.insert(1, "share_treated", counts[:, 1] / counts.sum(axis=1))
    return table


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


def _batches(data, size, variance, *, outcome, treatment, batch):
    """Return the moments of people, or of rows that already hold the moments of some."""
    if (size is None) != (variance is None):
        raise ValueError(
            f"size={size!r} with variance={variance!r}: rows that stand for several people need "
            "both, the number of people and their outcome's variance (divisor n); give both or "
            "neither"
        )
    roles = {"outcome": outcome, "treatment": treatment, "batch": batch}
    table = _read(data, **roles, **_given(size=size, variance=variance))
    names, cell, people = _arms(table, treatment, batch, size)
    y = _outcome(table, outcome) if size is None else _numbers(table, outcome)
    within = np.zeros(len(y)) if variance is None else _not_negative(table, variance)
    rounding = 8 * max(table.attrs["precision"][outcome], np.finfo(float).eps) * np.abs(y).max()
    origin = y.mean()
    y, cells = y - origin, 2 * len(names)
    count = np.bincount(cell, people, cells)
    mean = np.bincount(cell, people * y, cells) / np.maximum(count, 1)
    scatter = np.bincount(cell, people * (within + (y - mean[cell]) ** 2), cells)
    parts = (part.reshape(-1, 2) for part in (count.astype(np.int64), mean, scatter))
    return _Batches(names, *parts, origin, rounding)


def _arms(table, treatment, batch, size):
    """Return the batches in order, each row's batch and arm as one number, and its people."""
    if not table[treatment].isin([0, 1]).all():
        _zero_one(table, treatment)
    names, place = _periods(table, batch)
    people = np.ones(len(table)) if size is None else _numbers(table, size)
    for bad in people[(people < 1) | (people % 1 > 0)]:
        raise ValueError(
            f"column {size!r} must be a number of people, 1 or more, found {bad:g}; drop the rows "
            "that stand for nobody"
        )
    return names, 2 * place + table[treatment].to_numpy(dtype=int), people


def _given(**roles):
    """Return the roles that have a column."""
    return {role: name for role, name in roles.items() if name is not None}


def _not_negative(table, name):
    """Return a column of variances, or raise."""
    values = _numbers(table, name)
    for bad in values[values < 0]:
        raise ValueError(f"column {name!r} must be 0 or more, found {bad:g}; give variances")
    return values


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
    """Return the two-sided normal mixture (Howard and others 2021, equations 14 and 15)."""
    rho = tuned_for / (-special.lambertw(-(alpha**2) / np.e, -1).real - 1)
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
            "n": size.sum(axis=1).astype(np.int64),
            "e_value": [special.logsumexp(log) for log in logs],
            "since": names[[log.argmax() for log in logs]],
        },
        index=names,
    )
    with np.errstate(over="ignore"):  # evidence beyond the largest number is infinite
        table["e_value"] = np.exp(table["e_value"])
    return table.assign(alarm=table["e_value"] >= limit)
