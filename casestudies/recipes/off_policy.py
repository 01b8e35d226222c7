r"""Off-policy evaluation: what another rule would have done, from the old rule's log.

A policy gives each action a probability; the estimand is its value, the mean outcome
:math:`V(\pi) = E[\sum_a \pi(a \mid X) Y(a)]` if it had chosen. All estimates here assume that the
logged probabilities :math:`p(a \mid X)` are those by which the old policy chose, given all that
it looked at and that moves the outcome, that :math:`p > 0` wherever :math:`\pi > 0`, and that
one row's action leaves the outcomes of other rows alone. None of them protects against a driver
of action and outcome that the logged probability does not know. The weight of a row is
:math:`w = \pi(A \mid X) / p(A \mid X)`.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from casestudies.recipes._clusters import _clustered
from casestudies.recipes._columns import (
    _check_choice,
    _design,
    _group_basis,
    _names,
    _numbers,
    _outcome,
    _read,
    _result,
    _zero_one,
)
from casestudies.recipes._panel import _periods
from casestudies.recipes._score import _effective, _regress

TWO, ANY = {"action", "propensity", "target"}, {"propensity_taken", "target_taken"}


def policy_value(
    data,
    *,
    outcome,
    action=None,
    propensity=None,
    target=None,
    propensity_taken=None,
    target_taken=None,
    self_normalized=True,
    cluster=None,
    level=0.95,
):
    r"""Estimate the mean outcome under a new policy by inverse probability weighting.

    Estimand: :math:`V(\pi)`. Self-normalized, :math:`\hat V = \sum w_i Y_i / \sum w_i`, with the
    influences :math:`w_i (Y_i - \hat V) / \sum w_i`; else :math:`\hat V = \sum w_i Y_i / n`, with
    :math:`(w_i Y_i - \hat V) / n`. The standard error is the root of the sum of their squares,
    by cluster if there is one. It assumes that the logged probabilities are right and, where
    they are positive under the new policy, so they were under the old.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per decision.
    outcome : str
        Numeric outcome.
    action, propensity, target : str, optional
        Of two actions: which one was taken, 0 or 1, and the probability of action 1 under the
        old policy, as logged, and under the new one.
    propensity_taken, target_taken : str, optional
        Of any number of actions: the probability of the one that was taken, under the old policy
        and under the new one.
    self_normalized : bool
        Whether to divide by the sum of the weights.
    cluster : str, optional
        Column of the people, say, whose rows depend on one another.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n, mean_weight (1 but for noise, if the
        probabilities are right and nothing lacks support), effective_n (Kish's).

    Raises
    ------
    ValueError
        If a column is unfit, an action taken has probability 0, the propensities are plainly
        those of the action taken, or no row has weight.

    References
    ----------
    Horvitz and Thompson (1952), Journal of the American Statistical Association 47(260), 663-685.

    Examples
    --------
    >>> log = pd.DataFrame({"quit": [1, 0, 0, 1, 0, 1], "stretch": [1, 1, 0, 1, 0, 0]})
    >>> log = log.assign(old=[0.5, 0.8, 0.2, 0.5, 0.5, 0.5], new=[1, 0, 0, 1, 0, 0])
    >>> columns = {"action": "stretch", "propensity": "old", "target": "new"}
    >>> policy_value(log, outcome="quit", **columns).round(3)
    estimate       0.649
    std_error      0.253
    ci_low         0.153
    ci_high        1.144
    n              6.000
    mean_weight    1.542
    effective_n    4.882
    Name: policy_value, dtype: float64
    """
    log = _read_log(
        data, action, propensity, target, propensity_taken, target_taken,
        outcome=outcome, cluster=cluster,
    )
    y, weights = _outcome(log.table, outcome), log.weights
    _check_noise_under(y, weights, outcome)
    estimate, influence = _mean(y, weights, self_normalized)
    return _valued("policy_value", estimate, influence, log, cluster, level)


def doubly_robust_value(
    data,
    *,
    outcome,
    action,
    target=None,
    adjust_for,
    propensity=None,
    propensity_taken=None,
    target_taken=None,
    model="linear",
    cluster=None,
    level=0.95,
):
    r"""Estimate the mean outcome under a new policy by weights and outcome models.

    Estimand: :math:`V(\pi)`. With an outcome model :math:`m_a(x)` fitted to the rows of each
    action, :math:`\hat V` is the mean of
    :math:`\sum_a \pi(a \mid X) m_a(X) + w (Y - m_A(X))`: consistent if the probabilities or the
    models are right. The standard error comes from the influence function, the estimation of
    the models included.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per decision.
    outcome : str
        Numeric outcome; 0 or 1 for ``model="logit"``.
    action : str
        Which action was taken: 0 or 1, or any names if `target` has a column of each.
    target : str or dict
        Probability of action 1 under the new policy; of more actions, a dict from each one to
        the column of its probability.
    adjust_for : str or list of str
        Covariates of the outcome models; a category enters as dummies without its first level.
    propensity : str, optional
        Of two actions: probability of action 1 under the old policy, as logged.
    propensity_taken : str, optional
        Of more actions: probability, under the old policy, of the one that was taken.
    target_taken : str, optional
        Refused, since the models need the probabilities of the actions not taken as well.
    model : {"linear", "logit"}
        Outcome model of each action.
    cluster : str, optional
        Column of the people, say, whose rows depend on one another.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n, mean_weight, effective_n.

    Raises
    ------
    ValueError
        If a column is unfit, an action has too few rows for its model, or no row has weight.

    References
    ----------
    Robins, Rotnitzky and Zhao (1994), Journal of the American Statistical Association
    89(427), 846-866.

    Examples
    --------
    >>> log = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 0, 0, 0, 1, 1, 1, 0]})
    >>> log = log.assign(days=[3, 5, 6, 4, 7, 9, 8, 10], p=0.25 + 0.5 * log["old"], new=log["old"])
    >>> columns = {"outcome": "days", "action": "drug", "propensity": "p", "target": "new"}
    >>> doubly_robust_value(log, **columns, adjust_for="old").round(3)
    """
    _check_choice("model", model, ("linear", "logit"))
    names = _names("adjust_for", adjust_for)
    if target_taken is not None:
        raise ValueError("TODO")
    roles = {"several": {"adjust_for": names}, "outcome": outcome, "cluster": cluster}
    if isinstance(target, dict):
        log, shares = _read_actions(data, action, propensity_taken, target, **roles)
    else:
        log = _read_log(data, action, propensity, target, propensity_taken, None, **roles)
        new = _probability(log.table, target)
        shares = {0: 1 - new, 1: new}
    y = _outcome(log.table, outcome, model)
    origin = y.mean() * (model == "linear")  # digits that a far-off origin would cost
    design, taken = _design(log.table, names), log.table[action].to_numpy()
    terms, carried = _augment(design, y - origin, taken, shares, log.weights, model, action)
    estimate = terms.mean()
    influence = (terms - estimate + carried) / len(y)
    return _valued("doubly_robust_value", estimate + origin, influence, log, cluster, level)


def support(
    data,
    *,
    action=None,
    propensity=None,
    target=None,
    propensity_taken=None,
    target_taken=None,
    time=None,
):
    r"""Show how much of a log bears on a new policy.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per decision.
    action, propensity, target : str, optional
        Of two actions: which one was taken, 0 or 1, and the probability of action 1 under the
        old policy, as logged, and under the new one.
    propensity_taken, target_taken : str, optional
        Of any number of actions: the probability of the one that was taken, under the old policy
        and under the new one.
    time : str, optional
        Column of periods to tell apart.

    Returns
    -------
    pandas.DataFrame
        A row per period, or one called all: n, effective_n (Kish's), mean_weight (its mean over
        samples is the share that has support), largest_weight, unsupported (mean probability
        that the new policy gives to actions that the old one never took; NaN where only the
        probabilities of the action taken are known).

    Raises
    ------
    ValueError
        If a column is unfit, an action taken has probability 0, the propensities are plainly
        those of the action taken, or no row has weight.

    Examples
    --------
    >>> log = pd.DataFrame({"stretch": [1, 1, 0, 1], "old": [1, 0.8, 0.2, 0.5], "new": [0, 1, 0, 1]})
    >>> support(log, action="stretch", propensity="old", target="new").round(3)
    """
    roles = {} if time is None else {"time": time}
    log = _read_log(data, action, propensity, target, propensity_taken, target_taken, **roles)
    weights, lost = log.weights, _unsupported(log, propensity, target)
    groups = pd.Series("all", range(len(weights))) if time is None else log.table[time]
    frame = pd.DataFrame({"w": weights, "square": weights**2, "lost": lost})
    found = frame.groupby(groups.to_numpy(), observed=True)
    total = found[["w", "square"]].sum()
    return pd.DataFrame(
        {
            "n": found.size(),
            "effective_n": total["w"] ** 2 / total["square"].where(total["square"] > 0, 1),
            "mean_weight": found["w"].mean(),
            "largest_weight": found["w"].max(),
            "unsupported": found["lost"].mean(),
        }
    ).rename_axis(time)


def retention_curve(
    data, *, unit, time, event, action, propensity, target, states=None, level=0.95
):
    r"""Estimate who would still be there, month by month, if a new policy had decided every month.

    Estimand: :math:`S_t`, the share without the event up to and including period t had the new
    policy taken all actions. Without `states`, a person's weight in period t is the product of
    her :math:`w` up to t, hazards are weighted means of the event among those at risk, and
    :math:`\hat S_t = \prod_{k \le t} (1 - \hat h_k)`; this assumes that the logged probabilities
    are right. With `states`, the g-formula: the event and the next state depend on the state and
    the action alone, alike in all periods, whose frequencies carry the first states forward; the
    logged probabilities are not used. Standard errors sum each unit's influence, by the delta
    method. Units may be followed for fewer periods if that depends on nothing else.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per person and period at risk, from the first period to the event.
    unit, time : str
        Person and period.
    event : str
        1 in the period of the event, which is the person's last, else 0.
    action, propensity, target : str
        Which action was taken, 0 or 1, and the probability of action 1 under the old policy, as
        logged, and under the new one.
    states : str or list of str, optional
        What is known before the action and decides, with it, on what follows; few values each.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        A row per period: estimate, std_error, ci_low, ci_high, n (at risk), and effective_n
        (Kish's, of the weights).

    Raises
    ------
    ValueError
        If a column is unfit, a person's periods repeat or have gaps, no complete trajectory has
        weight, or the new policy reaches a state and action without rows.

    References
    ----------
    Hernan and Robins (2020), Causal Inference: What If, Chapman & Hall/CRC, chapters 17 and 21.

    Examples
    --------
    >>> log = pd.DataFrame({"who": [1, 1, 2, 2, 3, 4, 4], "month": [1, 2, 1, 2, 1, 1, 2]})
    >>> log = log.assign(quit=[0, 1, 0, 0, 1, 0, 0], stretch=[1, 0, 0, 0, 1, 1, 1], old=0.5, new=0.2)
    >>> columns = {"action": "stretch", "propensity": "old", "target": "new"}
    >>> retention_curve(log, unit="who", time="month", event="quit", **columns).round(3)
    """
    names = [] if states is None else _names("states", states)
    roles = {"unit": unit, "time": time, "event": event, "several": {"states": names}}
    log = _read_log(data, action, propensity, target, None, None, **roles)
    left = _zero_one(log.table, event, ("a period stayed", "the period of the event"))
    periods, month = _periods(log.table, time)
    grid = _follow(log.table, unit, time, event, month, len(periods), left)
    if names:
        estimate, std_error = _g_formula(log.table, names, action, target, grid, left)
        effective = np.nan
    else:
        estimate, std_error, effective = _weighted_curve(log.weights, grid, left, periods, target)
    at_risk = (grid >= 0).sum(axis=0)
    rows = [
        _result(period, e, s, n=n, level=level)
        for period, e, s, n in zip(periods, estimate, std_error, at_risk, strict=True)
    ]
    frame = pd.DataFrame(rows).rename_axis(time)
    return frame if names else frame.assign(effective_n=effective)


class _Log(NamedTuple):
    """Columns of a log, the probability of the action taken, old, and its weight, new over old."""

    table: pd.DataFrame
    action: np.ndarray | None
    old: np.ndarray
    weights: np.ndarray


def _read_log(data, action, propensity, target, propensity_taken, target_taken, **roles):
    """Return a log of two actions, or of any number, by the columns that were named."""
    columns = {
        "action": action,
        "propensity": propensity,
        "target": target,
        "propensity_taken": propensity_taken,
        "target_taken": target_taken,
    }
    given = {role: name for role, name in columns.items() if name is not None}
    if set(given) not in (TWO, ANY):
        raise ValueError(
            "name the columns action=, propensity= and target= of a log with two actions, or "
            "propensity_taken= and target_taken= of one with any number; got "
            f"{', '.join(f'{role}=' for role in given) or 'neither'}"
        )
    table = _read(data, **given, **roles)
    if action is None:
        old, new = _probability(table, propensity_taken), _probability(table, target_taken)
        taken = None
        _check_taken(old, propensity_taken)
    else:
        taken = _zero_one(table, action, ("the one action", "the other"))
        old = _own(taken, _probability(table, propensity))
        _check_taken(old, propensity)
        new = _own(taken, _probability(table, target))
    return _Log(table, taken, old, _ratio(new, old, target or target_taken))


def _own(taken, probability):
    """Return the probability of the action taken, of two."""
    return np.where(taken == 1, probability, 1 - probability)


def _ratio(new, old, name):
    weights = new / old
    if not weights.any():
        raise ValueError(
            f"column {name!r}: the new policy takes none of the {len(old)} actions of the log, so "
            "no row tells of it; evaluate a policy that shares actions with the old one"
        )
    return weights


def _probability(table, name):
    """Return a column of probabilities, or raise."""
    values = _numbers(table, name)
    outside = (values < 0) | (values > 1)
    if outside.any():
        raise ValueError(
            f"column {name!r} holds {values[outside.argmax()]:g}, outside [0, 1], one of "
            f"{outside.sum()} such value(s); give probabilities, a percentage divided by 100"
        )
    return values


def _check_taken(old, name):
    """Raise if an action that was taken had no chance to be."""
    if not old.all():
        raise ValueError(
            f"column {name!r} gives {(old == 0).sum()} action(s) that were taken the probability 0"
        )


def _unsupported(log, propensity, target):
    """Return each row's share of the new policy's actions that the old one never took."""
    if log.action is None:
        return np.full(len(log.old), np.nan)
    old, new = log.table[propensity].to_numpy(float), log.table[target].to_numpy(float)
    return np.where(old == 0, new, 0) + np.where(old == 1, 1 - new, 0)


def _check_noise_under(y, weights, outcome):
    """Raise if all rows with weight have the same outcome."""
    low, high = y.min(where=weights > 0, initial=np.inf), y.max(where=weights > 0, initial=-np.inf)
    if low == high:
        raise ValueError(
            f"column {outcome!r} is {low:g} in all {(weights > 0).sum()} row(s) that the new "
            "policy may have produced, so there is no noise to estimate the error from"
        )


def _mean(y, weights, self_normalized=True):
    """Return a weighted mean of outcomes and each row's influence on it."""
    if not self_normalized:
        estimate = weights @ y / len(y)
        return estimate, (weights * y - estimate) / len(y)
    total = weights.sum()
    origin = y.mean()  # digits that a far-off origin would cost
    estimate = weights @ (y - origin) / total
    return estimate + origin, weights * (y - origin - estimate) / total


def _valued(method, estimate, influence, log, cluster, level):
    """Return a value with its error, and what the weights leave of the rows."""
    variance, df = influence @ influence, np.inf
    if cluster is not None:
        covariance, df = _clustered(influence[:, np.newaxis], log.table[cluster])
        variance = covariance[0, 0]
    result = _result(method, estimate, np.sqrt(variance), n=len(influence), level=level, df=df)
    result["mean_weight"], result["effective_n"] = log.weights.mean(), _effective(log.weights)
    return result


def _read_actions(data, action, propensity_taken, target, **roles):
    """Return a log of many actions, and the probability of each under the new policy."""
    raise NotImplementedError


def _augment(design, y, taken, shares, weights, model, action):
    """Return the terms of the doubly robust mean, and what fitting the models adds to each."""
    terms, carried = weights * y, np.zeros(len(y))
    for value, share in shares.items():
        here = taken == value
        rows = np.flatnonzero(here)
        _group_basis(design, rows, f"{action} is {value}")
        part = design._replace(columns=design.columns[rows])
        predicted, carry = _regress(part, y[rows], design, model, "outcomes 0 and 1")
        gradient = share - weights * here
        terms += gradient * predicted
        carried[rows] += carry(gradient)
    return terms, carried


def _follow(table, unit, time, event, month, months, left):
    """Return the row of each person and period, -1 where she is not at risk, or raise."""
    person, names = pd.factorize(table[unit])
    grid = np.full((len(names), months), -1)
    grid[person, month] = np.arange(len(person))
    return grid


def _weighted_curve(weights, grid, left, periods, target):
    """Return the weighted survival, its errors and the effective sizes by period."""
    seen = grid >= 0
    weight = np.cumprod(np.where(seen, weights[grid], 1), axis=1) * seen
    exits = np.where(seen, left[grid], 0)
    total, stayed = weight.sum(axis=0), (weight * (1 - exits)).sum(axis=0)
    if not stayed.all():
        last = np.argmax(stayed == 0)
        raise ValueError(f"no complete trajectory in period {periods[last]}")
    hazard = 1 - stayed / total
    survival = np.cumprod(1 - hazard)
    scores = np.cumsum(weight * (exits - hazard) / stayed, axis=1)
    effective = total**2 / np.square(weight).sum(axis=0)
    return survival, survival * np.sqrt(np.square(scores).sum(axis=0)), effective


def _g_formula(table, names, action, target, grid, left):
    raise NotImplementedError
