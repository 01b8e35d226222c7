r"""Off-policy evaluation: what another rule would have done, from the old rule's log.

A policy gives each action a probability. The estimand is its value, the mean outcome
:math:`V(\pi) = E[\sum_a \pi(a \mid X) Y(a)]` had it taken the actions. All estimates here assume
that the logged probabilities :math:`p(a \mid X)` are those by which the old policy chose, given
all that moved both its choice and the outcome; that :math:`p > 0` wherever :math:`\pi > 0`; and
that the action of one row leaves the outcomes of the others alone. Nothing here protects against
a driver of action and outcome that the logged probabilities do not know. The weight of a row is
:math:`w = \pi(A \mid X) / p(A \mid X)`, of mean 1.
"""

import numpy as np
import pandas as pd
from scipy import special

from casestudies.recipes._chain import _by_state, _forward, _frequencies, _gradients, _value_to_go
from casestudies.recipes._columns import (
    _check_choice,
    _check_noise,
    _check_switch,
    _design,
    _frame,
    _generator,
    _group_basis,
    _listed,
    _mean,
    _names,
    _numbers,
    _outcome,
    _real,
    _result,
    _scale,
    _zero_one,
)
from casestudies.recipes._log import (
    _of_the_taken,
    _own,
    _probability,
    _ratio,
    _read_actions,
    _read_log,
)
from casestudies.recipes._panel import _follow, _periods, _shown
from casestudies.recipes._score import (
    _effective,
    _named,
    _read_counted_covariates,
    _regress,
    _score,
)


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
    size=None,
    level=0.95,
):
    r"""Estimate the mean outcome under a new policy by inverse probability weighting.

    Estimand: :math:`V(\pi) = E[\sum_a \pi(a \mid X) Y(a)]`, if the old policy chose by the logged
    probabilities, and took whatever the new one may take. Self-normalized,
    :math:`\hat V = \sum w_i Y_i / \sum w_i` with influences
    :math:`w_i (Y_i - \hat V) / \sum w_i`; else :math:`\hat V = \sum w_i Y_i / n` with
    :math:`(w_i Y_i - \hat V) / n`, where :math:`w = \pi(A \mid X) / p(A \mid X)`. The standard
    error is the root of the sum of the squared influences; with clusters, of their squared sums
    times :math:`G / (G - 1)`, for t on :math:`G - 1` degrees.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per decision, or per cell of them with `size`.
    outcome : str
        Numeric outcome.
    action, propensity, target : str, optional
        Of two actions: the one taken, 0 or 1, and the old (logged) and new probability of 1.
    propensity_taken, target_taken : str, optional
        Of any number of actions: old (logged) and new probability of the one that was taken.
    self_normalized : bool
        Whether to divide by the sum of the weights, not by n.
    cluster : str, optional
        Column of the persons, say, whose rows depend on one another.
    size : str, optional
        Column that counts the decisions behind each row of `data`, which then are cells of equal
        action, probabilities and cluster: an outcome ``"y"`` is read from ``y_mean`` and
        ``y_var`` (divisor n), or from ``y`` if it is the same in all of a cell. The answer is
        that of the rows.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n, mean_weight, effective_n (Kish's). A mean weight
        far from 1 tells of actions without support, or of wrong probabilities.

    Raises
    ------
    ValueError
        If a column is unfit, an action taken has probability 0, `propensity` is plainly that of
        the action taken, or no row has weight.

    References
    ----------
    Horvitz and Thompson (1952), Journal of the American Statistical Association 47(260), 663-685.
    Swaminathan and Joachims (2015), Advances in Neural Information Processing Systems 28.

    Examples
    --------
    >>> log = pd.DataFrame({"quit": [1, 0, 0, 1, 0, 1], "stretch": [1, 1, 0, 1, 0, 0]})
    >>> log = log.assign(old=[0.5, 0.8, 0.2, 0.5, 0.5, 0.5], new=[1, 0, 0, 1, 0, 0])
    >>> columns = {"action": "stretch", "propensity": "old", "target": "new"}
    >>> policy_value(log, outcome="quit", **columns).round(3)
    estimate       0.649
    std_error      0.211
    ci_low         0.234
    ci_high        1.063
    n              6.000
    mean_weight    1.542
    effective_n    4.872
    Name: policy_value, dtype: float64
    """
    two, taken = (action, propensity, target), (propensity_taken, target_taken)
    log = _read_log(data, two, taken, size, outcome=outcome, cluster=cluster)
    y = _outcome(log.table, outcome, variance=log.counted.variance)
    weights = log.weights(target or target_taken)
    estimate, influence = _mean_under(y, weights, log.counted, outcome, self_normalized)
    return _valued("policy_value", estimate, influence, weights, log, outcome, cluster, level)


def value_difference(
    data,
    *,
    outcome,
    action=None,
    propensity=None,
    target=None,
    propensity_taken=None,
    target_taken=None,
    reference=None,
    self_normalized=True,
    cluster=None,
    size=None,
    level=0.95,
):
    r"""Estimate how much two policies differ in their mean outcome, on one log.

    Estimand: :math:`V(\pi) - V(\pi_0)`, a policy's mean outcome less that of the reference, if
    the old policy chose by the logged probabilities, and took whatever the two may take. Each
    value is a mean weighted by :math:`\pi(A \mid X) / p(A \mid X)`; the standard error is the
    root of the sum of the squared differences of the rows' influences on the two, summed by
    cluster before: the rows are the same, so it may be far below that of either value.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per decision, or per cell of them with `size`.
    outcome : str
        Numeric outcome.
    action, propensity, target : str, optional
        Of two actions: the one taken, 0 or 1, and the old (logged) and new probability of 1.
    propensity_taken, target_taken : str, optional
        Of any number of actions: old (logged) and new probability of the one that was taken.
    reference : str, optional
        The same of the reference as `target`, or `target_taken`, of the new policy. Default: the
        old policy itself, whose value is the mean outcome.
    self_normalized : bool
        Whether to divide by the sum of the weights, not by n.
    cluster : str, optional
        Column of the persons, say, whose rows depend on one another.
    size : str, optional
        Column that counts the decisions behind each row of `data`, which then are cells of equal
        action, probabilities and cluster: an outcome ``"y"`` is read from ``y_mean`` and
        ``y_var`` (divisor n), or from ``y`` if it is the same in all of a cell. The answer is
        that of the rows.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n, and mean_weight and effective_n (Kish's) of the
        new policy.

    Raises
    ------
    ValueError
        If a column is unfit, an action that was taken has probability 0, `propensity` is plainly
        that of the action taken, no row has weight, or the policies agree in all rows.

    Examples
    --------
    >>> log = pd.DataFrame({"quit": [1, 0, 0, 1, 0, 1], "stretch": [1, 1, 0, 1, 0, 0]})
    >>> log = log.assign(old=[0.5, 0.8, 0.2, 0.5, 0.5, 0.5], new=[1, 0, 0, 1, 0, 0], all=1)
    >>> columns = {"action": "stretch", "propensity": "old", "target": "new", "reference": "all"}
    >>> value_difference(log, outcome="quit", **columns).round(3)
    estimate      -0.113
    std_error      0.258
    ci_low        -0.619
    ci_high        0.392
    n              6.000
    mean_weight    1.542
    effective_n    4.872
    Name: value_difference, dtype: float64
    """
    two, taken = (action, propensity, target), (propensity_taken, target_taken)
    other = {} if reference is None else {"reference": reference}
    log = _read_log(data, two, taken, size, outcome=outcome, cluster=cluster, **other)
    y, name = _outcome(log.table, outcome, variance=log.counted.variance), target or target_taken
    weights = log.weights(name)
    others = np.ones(len(y)) if reference is None else log.weights(reference)
    if np.array_equal(weights, others):
        raise ValueError(
            f"column {name!r} and the reference give every action of the log the same probability, "
            "so they do not differ here; compare two policies that do"
        )
    value, influence = _mean_under(y, weights, log.counted, outcome, self_normalized)
    less, part = _mean_under(y, others, log.counted, outcome, self_normalized)
    return _valued(
        "value_difference", value - less, influence - part, weights, log, outcome, cluster, level
    )


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
    r"""Estimate the mean outcome under a new policy by weights and outcome models together.

    Estimand: :math:`V(\pi) = E[\sum_a \pi(a \mid X) Y(a)]`. With a model :math:`m_a(X)` of the
    outcome fitted to the rows of each action and :math:`w = \pi(A \mid X) / p(A \mid X)`, it is
    the mean of :math:`\sum_a \pi(a \mid X) m_a(X) + w (Y - m_A(X))`: consistent if the logged
    probabilities or the models are right, and the covariates or the probabilities hold all that
    moved both action and outcome. The standard error comes from the influence function, the
    estimation of the models included.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per decision.
    outcome : str
        Numeric outcome; 0 or 1 for ``model="logit"``.
    action : str
        Which action was taken: 0 or 1, or one of the keys of `target`.
    target : str or dict
        Probability of action 1 under the new policy; of more than two actions, a dict from each
        action to the column of its probability.
    adjust_for : str or list of str
        Covariates of the outcome models; a category enters as dummies without its first level.
    propensity : str, optional
        Of two actions: probability of action 1 under the old policy, as logged.
    propensity_taken : str, optional
        With a dict: probability, under the old policy, of the action that was taken.
    target_taken : str, optional
        Refused: the models need the probabilities of the actions that were not taken as well.
    model : {"linear", "logit"}
        Outcome model of each action.
    cluster : str, optional
        Column of the persons, say, whose rows depend on one another.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n, mean_weight, effective_n (Kish's).

    Raises
    ------
    ValueError
        If a column is unfit, an action that was taken has probability 0, `propensity` is plainly
        that of the action taken, no row has weight, or an action has too few rows for its model.

    References
    ----------
    Robins, Rotnitzky and Zhao (1994), Journal of the American Statistical Association
    89(427), 846-866.
    Dudik, Erhan, Langford and Li (2014), Statistical Science 29(4), 485-511.

    Examples
    --------
    >>> log = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 0, 0, 0, 1, 1, 1, 0]})
    >>> log = log.assign(days=[3, 5, 6, 4, 7, 9, 8, 10], p=0.25 + 0.5 * log["old"])
    >>> log["new"] = [0.5, 0, 0, 0, 0, 0.5, 1, 0]
    >>> columns = {"outcome": "days", "action": "drug", "propensity": "p", "target": "new"}
    >>> doubly_robust_value(log.assign(dose=range(8)), **columns, adjust_for="dose").round(3)
    estimate       6.569
    std_error      0.763
    ci_low         5.073
    ci_high        8.066
    n              8.000
    mean_weight    1.500
    effective_n    5.226
    Name: doubly_robust_value, dtype: float64
    """
    _check_choice("model", model, ("linear", "logit"))
    names = _names("adjust_for", adjust_for)
    if not names or target is None or target_taken is not None:
        raise ValueError(
            "doubly_robust_value models the outcome of every action, so it needs adjust_for= and "
            "the new policy's probability of each one: target=, or a dict from each action to its "
            "column; target_taken= alone serves policy_value"
        )
    roles = {"several": {"adjust_for": names}, "outcome": outcome, "cluster": cluster}
    if isinstance(target, dict):
        if propensity is not None:
            raise ValueError(
                "propensity= is that of action 1, of two actions, and target= is a dict, of any "
                "number; leave propensity= out beside propensity_taken=, or name one column of "
                "target="
            )
        log, new = _read_actions(data, action, propensity_taken, target, roles)
        taken = log.table[action].to_numpy()
        weights = _ratio(_of_the_taken(taken, new, action), log.old, _listed(target.values()))
    else:
        log = _read_log(data, (action, propensity, target), (propensity_taken,), **roles)
        taken, weights, share = log.action, log.weights(target), log.table[target].to_numpy(float)
        new = {0: 1 - share, 1: share}
    y, design = _outcome(log.table, outcome, model), _design(log.table, names)
    origin = y.mean() * (model == "linear")  # digits that a far-off origin would cost
    terms, carried = _augmented_terms(design, y - origin, taken, new, weights, model, action)
    estimate = terms.mean()
    influence, estimate = (terms - estimate + carried) / len(y), estimate + origin
    influence = np.array([influence, np.zeros(len(y))])
    return _valued(
        "doubly_robust_value", estimate, influence, weights, log, outcome, cluster, level
    )


def policy_bounds(
    data,
    *,
    outcome,
    low,
    high,
    action=None,
    propensity=None,
    target=None,
    propensity_taken=None,
    target_taken=None,
    unsupported=None,
    cluster=None,
    level=0.95,
):
    r"""Bound the mean outcome under a new policy that takes actions which the old one never took.

    Estimand: the values of :math:`V(\pi) = E[\sum_a \pi(a \mid X) Y(a)]` that a log can not tell
    apart if outcomes lie between `low` and `high`. With :math:`u` the probability that the
    new policy gives to actions of logged probability 0, and :math:`\hat V` the self-normalized
    mean of the rest, they run from :math:`(1 - \bar u) \hat V + \bar u\,\mathrm{low}` to
    :math:`(1 - \bar u) \hat V + \bar u\,\mathrm{high}`, if the old policy chose by the logged
    probabilities. The interval takes :math:`z` standard errors off the lower end and adds them to
    the upper one; in large samples it holds the whole set with at least the level's probability.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per decision.
    outcome : str
        Numeric outcome.
    low, high : float
        Least and largest value that the outcome can take.
    action, propensity, target : str, optional
        Of two actions: the one taken, 0 or 1, and the old (logged) and new probability of 1.
    propensity_taken, target_taken : str, optional
        Of any number of actions: old (logged) and new probability of the one that was taken.
    unsupported : str, optional
        With `target_taken`: the probability that the new policy gives, in each row, to actions
        that the old one could not take.
    cluster : str, optional
        Column of the persons, say, whose rows depend on one another.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        set_low, set_high, ci_low, ci_high, n, unsupported (:math:`\bar u`).

    Raises
    ------
    ValueError
        If a column is unfit, an outcome lies outside `low` and `high`, an action that was taken
        has probability 0, `propensity` is plainly that of the action taken, or no row has weight.

    References
    ----------
    Manski (1990), American Economic Review 80(2), 319-323.

    Examples
    --------
    >>> log = pd.DataFrame({"quit": [1, 0, 0, 1, 0, 1], "stretch": [1, 1, 0, 1, 0, 0]})
    >>> log = log.assign(old=[0.5, 1, 0, 0.5, 0.5, 0.5], new=[1, 0, 0, 1, 0, 0])
    >>> columns = {"action": "stretch", "propensity": "old", "target": "new"}
    >>> policy_bounds(log, outcome="quit", low=0, high=1, **columns).round(3)
    set_low        0.556
    set_high       0.722
    ci_low         0.160
    ci_high        1.079
    n              6.000
    unsupported    0.167
    Name: policy_bounds, dtype: float64
    """
    if (unsupported is None) == (target is None):
        raise ValueError(
            "unsupported= goes with target_taken=, and with that only: of two actions it is known "
            "from propensity= and target="
        )
    low, high = _real("low", low), _real("high", high)
    other = {} if unsupported is None else {"unsupported": unsupported}
    two, taken = (action, propensity, target), (propensity_taken, target_taken)
    log = _read_log(data, two, taken, outcome=outcome, cluster=cluster, **other)
    y, weights = _outcome(log.table, outcome), log.weights(target or target_taken)
    outside = (y < low) | (y > high)
    if outside.any():
        raise ValueError(
            f"column {outcome!r} holds {y[outside.argmax()]:g}, outside low={low:g} and "
            f"high={high:g}, one of {outside.sum()} such value(s); give the range of the outcome"
        )
    lost = _probability(log.table, unsupported) if other else _lost(log, propensity, target)
    value, influence = _mean_under(y, weights, log.counted, outcome)
    ends, share = {}, lost.mean()
    for side, end in (("low", low), ("high", high)):
        part = (1 - share) * influence
        part[0] += (end - value) * (lost - share) / len(y)
        found = _valued(
            "", (1 - share) * value + share * end, part, weights, log, outcome, cluster, level
        )
        ends[f"set_{side}"], ends[f"ci_{side}"] = found["estimate"], found[f"ci_{side}"]
    entries = {name: ends[name] for name in ("set_low", "set_high", "ci_low", "ci_high")}
    return pd.Series({**entries, "n": len(y), "unsupported": share}, name="policy_bounds")


def retention_curve(
    data, *, unit, time, event, action, propensity, target, states=None, level=0.95
):
    r"""Estimate who would still be there, period by period, had a new policy decided in each.

    Estimand: :math:`S_t`, the share without the event up to and including period t had the new
    policy taken all actions. Without `states`, a unit's weight in t is the product of its
    :math:`\pi(A \mid X) / p(A \mid X)` up to t, the hazard :math:`\hat h_t` is the weighted mean
    of the event among those at risk, and :math:`\hat S_t = \prod_{k \le t} (1 - \hat h_k)`; it
    assumes that the old policy chose by the logged probabilities. With `states`, the g-formula:
    it assumes instead that state and action alone decide on the event and the next state, alike
    in all periods; their frequencies carry the first states forward. Either way the standard
    error is the root of the sum over units of their squared influence, by the delta method.
    Units may be followed for fewer periods than others if that depends on nothing else.

    Where few units are effective, the weighted curve's error is too small: of 1,000 logs of 3,000
    people (the book's 24 months), 95% intervals hold the truth in 0.946 where 274 are effective
    at the end, and in 0.827 where 26 are, with Monte Carlo errors of 0.007 and 0.012.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per unit and period at risk, from the first period up to the event.
    unit, time : str
        Who, and in which period.
    event : str
        1 in the period of the event, the unit's last, else 0.
    action, propensity, target : str
        Which action was taken, 0 or 1, and the probability of action 1 under the old policy, as
        logged, and under the new one.
    states : str or list of str, optional
        What is known before the action, `target` included, and decides with it on what follows:
        columns of few values.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        A row per period: estimate, std_error, ci_low, ci_high (all three NaN until the first
        event that counts), n at risk and, without `states`, Kish's effective_n of them.

    Raises
    ------
    ValueError
        If a column is unfit, a unit's periods repeat, have gaps or go on after its event, no
        complete trajectory has weight, or the new policy leads to a state without rows.

    References
    ----------
    Hernan and Robins (2020), Causal Inference: What If, Chapman & Hall/CRC, chapters 17 and 21.

    Examples
    --------
    >>> log = pd.DataFrame({"who": [1, 1, 2, 2, 3, 4, 4], "month": [1, 2, 1, 2, 1, 1, 2]})
    >>> log = log.assign(quit=[0, 1, 0, 0, 1, 0, 0], stretch=[1, 0, 0, 0, 1, 1, 1])
    >>> log = log.assign(old=0.5, new=0.2)
    >>> columns = {"action": "stretch", "propensity": "old", "target": "new"}
    >>> retention_curve(log, unit="who", time="month", event="quit", **columns).round(3)
           estimate  std_error  ci_low  ci_high  n  effective_n
    month
    1         0.857      0.150   0.563    1.151  4        2.579
    2         0.694      0.245   0.214    1.174  3        1.615
    """
    names = [] if states is None else _names("states", states)
    if states is not None and not names:
        raise ValueError(
            "states names no column; leave it out for the weighted curve, or name what the new "
            "policy looks at"
        )
    roles = {"unit": unit, "time": time, "event": event, "several": {"states": names}}
    log = _read_log(data, (action, propensity, target), (), **roles)
    left = _zero_one(log.table, event, ("a period stayed", "the period of the event"))
    periods, month = _periods(log.table, time)
    grid = _follow(log.table, unit, periods, month, left)
    weights, at_risk = log.weights(target), (grid >= 0).sum(axis=0)
    columns = {"n": at_risk}
    if names:
        estimate, std_error = _g_formula(log, names, target, grid, left, periods)
    else:
        estimate, std_error, effective = _weighted_curve(weights, grid, left, periods, target)
        columns["effective_n"] = effective
    std_error = np.where(std_error > 0, std_error, np.nan)
    rows = [
        _result(period, *found, n=np.nan, level=level)
        for period, *found in zip(periods, estimate, std_error, strict=True)
    ]
    return pd.DataFrame(rows, index=periods).assign(**columns)


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
    r"""Show how much of a log tells of a new policy.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per decision.
    action, propensity, target : str, optional
        Of two actions: the one taken, 0 or 1, and the old (logged) and new probability of 1.
    propensity_taken, target_taken : str, optional
        Of any number of actions: old (logged) and new probability of the one that was taken.
    time : str, optional
        Column of periods to tell apart.

    Returns
    -------
    pandas.DataFrame
        A row per period, or one called "all": n, effective_n (Kish's, of the weights
        :math:`\pi(A \mid X) / p(A \mid X)`), mean_weight (over many logs, the share of the new
        policy's actions that has support), largest_weight, unsupported (mean probability that
        the new policy gives to actions of logged probability 0; NaN where only probabilities of
        the action taken are known).

    Raises
    ------
    ValueError
        If a column is unfit, an action taken has probability 0, `propensity` is plainly that of
        the action taken, or no row has weight.

    Examples
    --------
    >>> log = pd.DataFrame({"stretch": [1, 1, 0, 1], "old": [1, 0.8, 0.2, 0.5]})
    >>> log = log.assign(new=[0, 1, 0, 1], year=[1, 1, 2, 2])
    >>> columns = {"action": "stretch", "propensity": "old", "target": "new"}
    >>> support(log, **columns, time="year").round(3)
          n  effective_n  mean_weight  largest_weight  unsupported
    year
    1     2        1.000        0.625            1.25          0.5
    2     2        1.899        1.625            2.00          0.0
    """
    roles = {} if time is None else {"time": time}
    two, taken = (action, propensity, target), (propensity_taken, target_taken)
    log = _read_log(data, two, taken, **roles)
    weights = log.weights(target or target_taken)
    lost = _lost(log, propensity, target) if target else np.nan
    frame = pd.DataFrame({"w": weights, "square": weights**2, "lost": lost}, copy=False)
    found = frame.groupby(log.table[time] if time else np.repeat("all", len(frame)), observed=True)
    total = found[["w", "square"]].sum()
    columns = {
        "n": found.size(),
        "effective_n": total["w"] ** 2 / total["square"].where(total["w"] > 0, 1),
        "mean_weight": found["w"].mean(),
        "largest_weight": found["w"].max(),
        "unsupported": found["lost"].mean(),
    }
    return pd.DataFrame(columns).rename_axis(time)


def logging_audit(data, *, action, propensity, time=None):
    r"""Test whether actions were taken with the probabilities that were logged.

    Where the log is right, :math:`A / p` and :math:`(1 - A) / (1 - p)` have mean 1 in every
    period, and :math:`z = \sum (A_i - p_i) / p_i \,/\, (\sum (1 - p_i) / p_i)^{1/2}` is about
    standard normal, its denominator being exact. Rows in which the action has probability 0 do
    not count. Errors of the log that cancel in the mean are not seen.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per decision.
    action : str
        Which action was taken, 0 or 1; of more actions, 1 for one of them.
    propensity : str
        Logged probability of action 1.
    time : str, optional
        Column of periods to tell apart.

    Returns
    -------
    pandas.DataFrame
        A row per period and action, 1 and 0: n, mean, std_error (of the mean, from the spread of
        its terms), z and p_value, two-sided, of each row alone. ``attrs["null"]`` holds the
        hypothesis.

    Raises
    ------
    ValueError
        If a column is unfit, an action that was taken has probability 0, or `propensity` is
        plainly that of the action taken.

    Examples
    --------
    >>> log = pd.DataFrame({"stretch": [1, 1, 0, 1], "old": [0.5, 0.8, 0.2, 0.5]})
    >>> logging_audit(log, action="stretch", propensity="old").round(3)
                 n   mean  std_error    z  p_value
        stretch
    all 1        4  1.312      0.472  0.5    0.617
        0        4  0.312      0.312 -1.1    0.271
    """
    roles = {} if time is None else {"time": time}
    log = _read_log(data, (action, propensity), (), **roles)
    p = log.table[propensity].to_numpy(float)
    period = log.table[time] if time else pd.Series("all", range(len(p)))
    arms = {1: _departures(log.action, p, period), 0: _departures(1 - log.action, 1 - p, period)}
    frame = pd.concat(arms, names=[action]).swaplevel().sort_index(ascending=[True, False])
    frame.attrs["null"] = f"the actions were taken with the probabilities of column {propensity!r}"
    return frame


def select_policy(
    data,
    *,
    outcome,
    candidates,
    rng,
    action=None,
    propensity=None,
    propensity_taken=None,
    highest=True,
    self_normalized=True,
    cluster=None,
    level=0.95,
):
    r"""Choose the best of several policies on one half of a log, and value it on the other.

    Estimand: :math:`V(\pi) = E[\sum_a \pi(a \mid X) Y(a)]` of the policy that the first half
    chose, if the old policy chose by the logged probabilities. There its value is too good, since
    noise had a part in the choice; the second half had none. Values are means weighted by
    :math:`\pi(A \mid X) / p(A \mid X)`, with the standard error of their influences.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per decision.
    outcome : str
        Numeric outcome.
    candidates : list of str
        Two policies or more. Of two actions: columns of the probability of action 1; with
        `propensity_taken`: of the probability of the action that was taken.
    rng : int, numpy.random.Generator or numpy.random.RandomState
        Deals the rows, or whole clusters, into halves.
    action, propensity : str, optional
        Of two actions: which one was taken, 0 or 1, and the logged probability of action 1.
    propensity_taken : str, optional
        Of any number of actions: logged probability of the one that was taken.
    highest : bool
        Whether the best value is the highest, else the lowest.
    self_normalized : bool
        Whether to divide by the sum of the weights, not by n.
    cluster : str, optional
        Column of the persons, say, whose rows depend on one another.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n, mean_weight, effective_n (Kish's) on the second
        half, and claimed, the value on the first. ``attrs["policy"]`` is the chosen column.

    Raises
    ------
    ValueError
        If a column is unfit, an action that was taken has probability 0, `propensity` is plainly
        that of the action taken, or a half has no row with weight for a policy.

    Examples
    --------
    >>> log = pd.DataFrame({"quit": [1, 0, 0, 1, 0, 1] * 9, "stretch": [1, 1, 0, 1, 0, 0] * 9})
    >>> log = log.assign(old=0.5, all=1, none=0)
    >>> columns = {"outcome": "quit", "action": "stretch", "propensity": "old"}
    >>> best = select_policy(log, **columns, candidates=["all", "none"], rng=1, highest=False)
    >>> best.attrs["policy"]
    'none'
    >>> best.round(3)
    estimate        0.400
    std_error       0.126
    ci_low          0.152
    ci_high         0.648
    n              27.000
    mean_weight     1.111
    effective_n    15.000
    claimed         0.250
    Name: select_policy, dtype: float64
    """
    names = _names("candidates", candidates)
    _check_switch("highest", highest)
    if len(names) < 2:
        raise ValueError(f"candidates has {len(names)} column(s); give two policies or more")
    roles = {"several": {"candidates": names}, "outcome": outcome, "cluster": cluster}
    log = _read_log(data, (action, propensity), (propensity_taken,), **roles)
    first = _half(log.table, cluster, _generator(rng))
    y, best = _outcome(log.table, outcome), None
    for name in names:
        weights = log.weights(name)
        counted = log.counted.of(first)
        value, _ = _mean_under(y[first], weights[first], counted, outcome, self_normalized)
        if best is None or (value > best[0] if highest else value < best[0]):
            best = value, name, weights[~first]
    claimed, name, weights = best
    rest = log._replace(table=log.table[~first], counted=log.counted.of(~first))
    estimate, influence = _mean_under(y[~first], weights, rest.counted, outcome, self_normalized)
    result = _valued("select_policy", estimate, influence, weights, rest, outcome, cluster, level)
    result["claimed"], result.attrs["policy"] = claimed, name
    return result


def estimate_propensities(data, *, action, adjust_for):
    r"""Estimate the old policy's probabilities, for a log that did not keep them, by a logit.

    They assume that the covariates hold all that moved both action and outcome, and that the
    logit is right. Then, in large samples, a value weighted by them varies no more than with the
    true ones, and a standard error that takes them as known, as those here do, is if anything
    too large: intervals cover at least what they say. Where the covariates miss a driver,
    nothing is sound.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per decision.
    action : str
        Which action was taken, 0 or 1.
    adjust_for : str or list of str
        What the old policy looked at; a category enters as dummies without its first level.

    Returns
    -------
    pandas.DataFrame
        propensity (of action 1) and propensity_taken (of the one that was taken), with the index
        of `data`.

    Raises
    ------
    ValueError
        If a column is unfit, or the covariates tell the actions apart.

    References
    ----------
    Robins, Rotnitzky and Zhao (1994), Journal of the American Statistical Association
    89(427), 846-866.
    Hirano, Imbens and Ridder (2003), Econometrica 71(4), 1161-1189.

    Examples
    --------
    >>> log = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 0, 0, 0, 1, 1, 1, 0]})
    >>> estimate_propensities(log, action="drug", adjust_for="old").round(3).drop_duplicates()
       propensity  propensity_taken
    0        0.25              0.25
    1        0.25              0.75
    4        0.75              0.75
    7        0.75              0.25
    """
    data = _frame(data)
    _, taken, design, _ = _read_counted_covariates(data, action, adjust_for, None)
    score, _ = _score(taken, design)
    columns = {"propensity": score, "propensity_taken": _own(taken, score)}
    return pd.DataFrame(columns, index=data.index)


def _departures(taken, p, period):
    """Return the mean of taken / p by period, where p is above 0, with its error and test."""
    possible = p > 0
    frame = pd.DataFrame({"term": taken[possible] / p[possible], "variance": 1 / p[possible] - 1})
    found = frame.groupby(period[possible].reset_index(drop=True), observed=True)
    n, mean = found.size(), found["term"].mean()
    z = n * (mean - 1) / np.sqrt(found["variance"].sum())
    columns = {"n": n, "mean": mean, "std_error": found["term"].std() / np.sqrt(n), "z": z}
    return pd.DataFrame({**columns, "p_value": 2 * special.ndtr(-np.abs(z))})


def _lost(log, propensity, target):
    """Return the new policy's probability of actions that the old one never took."""
    old, new = (_numbers(log.table, name) for name in (propensity, target))
    return np.where(old == 0, new, 0) + np.where(old == 1, 1 - new, 0)


def _mean_under(y, weights, counted, outcome, self_normalized=True):
    """Return a weighted mean of outcomes, each row's influence on it and its slope, or raise."""
    _check_switch("self_normalized", self_normalized)
    told = weights > 0
    low, high = y.min(where=told, initial=np.inf), y.max(where=told, initial=-np.inf)
    if not (low < high or np.any(told * counted.variance > 0)):
        raise ValueError(
            f"column {outcome!r} is {low:g} in all {told.sum()} row(s) whose action the new policy "
            "may take, so the error cannot be estimated; find more rows, or value a policy that "
            "shares more actions with the old one"
        )
    mass, size = counted.size * weights, counted.size
    if not self_normalized:
        estimate, slope = mass @ y / counted.n, mass / counted.n
        return estimate, np.array([slope * y - size * estimate / counted.n, slope])
    origin, slope = _mean(y, size), mass / mass.sum()  # digits that a far-off origin would cost
    estimate = slope @ (y - origin)
    return estimate + origin, np.array([slope * (y - origin - estimate), slope])


def _valued(method, estimate, influence, weights, log, outcome, cluster, level):
    """Return a value with its error, and what the weights leave of the rows."""
    counted = log.counted
    if cluster is not None:
        _check_clusters(log.table, cluster, weights)
    std_error, df = counted.error(*influence, log.table.get(cluster))
    _check_noise(outcome, std_error, _scale(log.table, outcome))
    size, extent = counted.size, {"n": counted.n, "level": level, "df": df}
    left = {"mean_weight": _mean(weights, size), "effective_n": _effective(weights, size)}
    result = _result(method, estimate, std_error, **extent, **left)
    return _named(result, "policy value", log.table)


def _check_clusters(table, cluster, weights):
    """Raise if fewer than two clusters have weight, whose scores would sum to 0."""
    names = table.loc[weights > 0, cluster].unique()
    if len(names) < 2:
        raise ValueError(
            f"column {cluster!r}: all rows whose action the new policy may take are of cluster "
            f"{names.tolist()[0]!r}, so the error cannot be estimated; cluster by a finer column"
        )


def _half(table, cluster, rng):
    """Return which rows make up one half, whole clusters if there are any."""
    codes = np.arange(len(table)) if cluster is None else pd.factorize(table[cluster])[0]
    number = codes.max() + 1
    return (rng.permutation(number) < number // 2)[codes]


def _augmented_terms(design, y, taken, new, weights, model, action):
    """Return the terms of the doubly robust mean, and what fitting the models adds to each."""
    terms, carried = weights * y, np.zeros(len(y))
    for value, share in new.items():
        here = taken == value
        if not share.any() and not weights[here].any():
            continue  # neither policy asks what this action does
        rows = np.flatnonzero(here)
        if not len(rows):
            raise ValueError(
                f"column {action!r} never holds {value!r}, which the new policy takes with "
                f"probability {share.max():g} in a row, so its outcomes cannot be modelled; value "
                "a policy that does without it, or use policy_bounds"
            )
        _group_basis(design, rows, f"{action} is {value}")
        part = design._replace(columns=design.columns[rows])
        predicted, carry = _regress(part, y[rows], design, model, "outcomes 0 and 1 of an action")
        gradient = share - weights * here
        terms += gradient * predicted
        carried[rows] += carry(gradient)
    return terms, carried


def _weighted_curve(weights, grid, left, periods, target):
    """Return the weighted curve, its errors, and effective sizes."""
    seen = grid >= 0
    weight = np.cumprod(np.where(seen, weights[grid], 0), axis=1)
    event = np.where(seen, left[grid], 0)
    total, stayed = weight.sum(axis=0), (weight * (1 - event)).sum(axis=0)
    if not stayed.all():
        end = (stayed == 0).argmax()
        period = _shown(periods[end])
        earlier = f"keep the periods before {period}, " if end else ""
        raise ValueError(
            f"column {target!r}: no unit of {len(grid)} followed the new policy through "
            f"{periods.name} = {period} and stayed, so no complete trajectory has weight from then "
            f"on; {earlier}value a policy closer to the old one, or name states= and assume the "
            "g-formula"
        )
    hazard = 1 - stayed / total
    curve = np.cumprod(1 - hazard)
    influence = np.cumsum(weight * (event - hazard) / stayed, axis=1)
    error = curve * np.sqrt(np.square(influence).sum(axis=0))
    return curve, error, total**2 / np.square(weight).sum(axis=0)


def _g_formula(log, names, target, grid, left, periods):
    """Return the curve that the frequencies of a Markov chain carry forward, and its errors."""
    state = log.table.groupby(names, observed=True).ngroup().to_numpy()
    goes_on = grid[:, 1:] >= 0
    later = np.full(len(state), -1)
    later[grid[:, :-1][goes_on]] = state[grid[:, 1:][goes_on]]
    cell = state, log.action.astype(int)
    chain = _frequencies(_by_state(log.table, names, target, state), *cell, left, later)
    start = state[grid[:, 0]]
    masses = _forward(chain, start, periods, log.table[names], state)
    values, onward = _value_to_go(chain, len(periods))
    curve = np.array([(mass * (1 - chain.hazard)).sum() for mass in masses])
    errors = []
    for t in range(1, len(curve) + 1):
        by_event, by_move = _gradients(chain, masses[:t], values, onward)
        influence = by_event[cell] * (chain.hazard[cell] - left)
        influence += np.where(later >= 0, by_move[(*cell, later)], 0)
        of_unit = np.where(grid >= 0, influence[grid], 0).sum(axis=1)
        of_unit += (values[t][start] - curve[t - 1]) / len(start)
        errors.append(np.sqrt(of_unit @ of_unit))
    return curve, np.array(errors)
