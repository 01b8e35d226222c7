r"""Effects that differ: between groups, along covariates, and down a list of priorities.

The effect among people alike in :math:`X` is the CATE, :math:`\tau(x) = E[Y(1) - Y(0) \mid x]`.
Everything here averages doubly robust scores, each predicted by models that were fitted to other
rows, whose mean among any group of people is that group's average effect. With the known
probabilities of an experiment the averages are right whatever the outcome models say. Without them
they assume that the covariates in `adjust_for` block every backdoor path, that everyone could have
gone either way, and, for the intervals, that both models come close to the truth. One unit's
treatment leaves the others alone. Groups, covariates and priorities must not have been chosen by
looking at the outcomes of these rows: a ranking that was learnt here flatters itself here, so
learn it on other rows.
"""

import numpy as np
import pandas as pd
from scipy import special

from casestudies.recipes._bands import _joint, _root
from casestudies.recipes._clusters import _check_several_clusters, _clustered
from casestudies.recipes._columns import (
    _check_choice,
    _check_noise,
    _count,
    _decoded,
    _design,
    _frame,
    _names,
    _numbers,
    _outcome,
    _real,
    _reals,
    _result,
    _scale,
    _zero_one,
)
from casestudies.recipes._counted import _read_counted
from casestudies.recipes._crossfit import (
    _choose,
    _doubly_robust_scores,
    _read_sample,
    _sampled,
    _splits,
)
from casestudies.recipes._score import _axes, _named, _with_constant


def effect_scores(
    data,
    *,
    outcome,
    treatment,
    adjust_for=None,
    propensity=None,
    model="linear",
    outcome_model=None,
    treatment_model=None,
    folds=5,
    min_score=0.01,
    weights=None,
    cluster=None,
    rng=None,
):
    r"""Return each unit's doubly robust score, whose mean in a group is the group's effect.

    With outcome models :math:`m_a(x) = E[Y \mid A = a, x]` and the score :math:`e(x)`, fitted on
    the other folds or, the score, known,

    .. math:: \Gamma = m_1 - m_0 + \frac{A (Y - m_1)}{e} - \frac{(1 - A)(Y - m_0)}{1 - e}.

    A score is an unbiased guess of its unit's effect with a noise that no single row can bear:
    average them. Estimand of an average over a group: the ATE in it. It must be that `propensity`
    is what the experiment used, or that the covariates block every backdoor path.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric outcome; 0 or 1 for ``model="logit"``.
    treatment : str
        Column of zeros and ones.
    adjust_for : str or list of str, optional
        Covariates of the score, a logit, and of the outcome models; a category enters as
        dummies without its first level. With `propensity` they only take noise away, and
        may be left out: the outcome models are then the means of the arms.
    propensity : str, optional
        Column of the known probabilities of treatment, between 0 and 1.
    model : {"linear", "logit"}
        Outcome model of each arm.
    outcome_model, treatment_model : object, optional
        Instead of these models, anything with ``fit(x, y)`` and ``predict(x)``, or
        ``predict_proba(x)`` for a column of 0 and 1. A copy is fitted; give it a seed if it draws.
    folds : int
        Number of folds; 1 fits on all rows, without a split, and is refused with a learner.
    min_score : float
        Least probability of the treatment that a row has which a `treatment_model` may give;
        nothing is clipped.
    weights : str, optional
        Column of sampling weights, with which the models are fitted.
    cluster : str, optional
        Column of clusters, which no fold splits.
    rng : int, numpy.random.Generator or numpy.random.RandomState, optional
        Deals the rows into folds. Default: an order by a hash of ranks of the values.

    Returns
    -------
    pandas.Series
        The scores, with the index of `data`, to be assigned to a column of it.

    Raises
    ------
    ValueError
        If a column or an option is unfit, the arms do not overlap, a learner fails, or neither
        `adjust_for` nor `propensity` is given.

    References
    ----------
    Robins, Rotnitzky and Zhao (1994), Journal of the American Statistical Association
    89(427), 846-866.
    Semenova and Chernozhukov (2021), Econometrics Journal 24(2), 264-289.

    Examples
    --------
    >>> data = pd.DataFrame({"mail": [1, 0, 1, 0, 1, 0, 1, 0], "spent": [3, 1, 5, 3, 9, 2, 7, 2]})
    >>> columns = {"outcome": "spent", "treatment": "mail", "propensity": "by_lot"}
    >>> effect_scores(data.assign(by_lot=0.5), **columns, folds=1).to_list()
    [-2.0, 6.0, 2.0, 2.0, 10.0, 4.0, 6.0, 4.0]
    """
    data, folds = _frame(data), _count("folds", folds)
    least = _real("min_score", min_score, above=0, below=0.5)
    models = _choose(model, outcome_model, treatment_model, least, folds)
    roles = {"outcome": outcome, "weights": weights, "cluster": cluster}
    if propensity is None:
        if adjust_for is None:
            raise ValueError(
                "neither adjust_for nor propensity is given; name the covariates that confound, "
                "or the column of the probabilities by which an experiment drew its treatment"
            )
        sample = _read_sample(data, treatment, adjust_for, models, folds, **roles)
    else:
        sample, models = _read_experiment(
            data, treatment, adjust_for, propensity, models, folds, **roles
        )
    ((fold, order),) = _splits(sample, folds, 1, rng)
    scores = _doubly_robust_scores(sample, fold, order, models).scores
    return pd.Series(scores, index=data.index, name="effect_score")


def group_effects(data, *, score, by, weights=None, cluster=None, level=0.95):
    r"""Average doubly robust scores by group, with intervals one by one and all at a time.

    Estimand: the ATE in each group :math:`g`, :math:`E[Y(1) - Y(0) \mid G = g]`, if the scores are
    those of an experiment's known probabilities, or of covariates that block every backdoor path
    and models close to the truth. Its standard error is that of a mean, with divisor :math:`n_g -
    1`, for a normal, so that a group needs dozens of rows; by clusters, that of their sums. The
    intervals in ``all_low, all_high`` all hold at once with the confidence level (the quantile of
    the largest absolute deviation under the joint normal, or t, distribution): use these to pick
    out a group.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    score : str
        Column of the scores that `effect_scores` returned.
    by : str
        Column of the groups: a category, or numbers of few values. Groups must not have been
        made by looking at the outcomes.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection.
    cluster : str, optional
        Column of clusters, independent of one another.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        A row per group: estimate, std_error, ci_low, ci_high, all_low, all_high, n. In attrs:
        critical_value and covariance.

    Raises
    ------
    ValueError
        If a column is unfit, or a group is a single row or a single cluster.

    References
    ----------
    Semenova and Chernozhukov (2021), Econometrics Journal 24(2), 264-289.

    Examples
    --------
    >>> data = pd.DataFrame({"old": ["no", "no", "no", "yes", "yes", "yes"]})
    >>> data["effect"] = [1.0, 2.0, 3.0, 5.0, 7.0, 9.0]
    >>> group_effects(data, score="effect", by="old").iloc[:, :4].round(2)
         estimate  std_error  ci_low  ci_high
    old
    no        2.0       0.58    0.87     3.13
    yes       7.0       1.15    4.74     9.26
    """
    table, counted = _read_scores(data, score, cluster, weights, by=by)
    names, codes = _groups(table[by])
    _check_sized(table, by, codes, names, cluster)
    members = codes[:, np.newaxis] == np.arange(len(names))
    share = members * counted.weights[:, np.newaxis] / (members.T @ counted.weights)
    gamma, count = table[score].to_numpy(), members.sum(axis=0)
    estimate = gamma @ share
    influence = share * (gamma[:, np.newaxis] - estimate)
    if cluster is None:
        influence = influence * np.sqrt(count / (count - 1))
    covariance, df = _clustered(influence, table.get(cluster))
    frame = _joint(names, estimate, _unitless_root(covariance), n=np.nan, level=level, df=df)
    _check_noise(score, frame["std_error"].max(), _scale(table, score))
    return _named(frame.assign(n=count).rename_axis(by), "ATE in each group", table)


def best_linear_projection(data, *, score, on, weights=None, cluster=None, level=0.95):
    r"""Regress doubly robust scores on covariates: how effects go along with them.

    Estimand: the coefficients of the line that is closest to the CATE,
    :math:`\arg\min_\beta E[\{\tau(X) - \beta_0 - X^\top \beta\}^2]`, whether the CATE is a line
    or not, if the scores are those of an experiment's known probabilities, or of covariates that
    block every backdoor path and models close to the truth. A slope says for whom the effect is
    larger and not why: covariates are not the cause of the difference. With the predictions of a
    model of effects that was learnt on other rows as the only covariate, a slope of 1 and a
    constant of 0 say that they are calibrated, a slope of 0 that they say nothing. The standard
    errors are HC3, for t on :math:`n - k`; by clusters, of the sums of influences times
    :math:`\sqrt{G / (G - 1)}`, for t on :math:`G - 1`. They take the scores as known, which costs
    nothing in large samples if the models come close to the truth, or the propensities are known.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    score : str
        Column of the scores that `effect_scores` returned.
    on : str or list of str
        Covariates, measured before the treatment; a category enters as dummies without its first
        level.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection.
    cluster : str, optional
        Column of clusters, independent of one another.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Rows constant and one per covariate or dummy: estimate, std_error, ci_low, ci_high,
        all_low, all_high (all rows at a time), n. In attrs: critical_value and covariance.

    Raises
    ------
    ValueError
        If a column is unfit, covariates are collinear, or a row or a cluster alone decides on a
        coefficient.

    References
    ----------
    Semenova and Chernozhukov (2021), Econometrics Journal 24(2), 264-289.

    Examples
    --------
    >>> data = pd.DataFrame({"age": [1, 2, 3, 4, 5], "effect": [1.0, 1.5, 3.5, 4.0, 5.0]})
    >>> best_linear_projection(data, score="effect", on="age").iloc[:, :4].round(2)
              estimate  std_error  ci_low  ci_high
    constant     -0.15       0.41   -1.46     1.16
    age           1.05       0.10    0.75     1.35
    """
    names, estimate, covariance, table, df = _projected(data, score, on, weights, cluster)
    frame = _joint(names, estimate, _unitless_root(covariance), n=len(table), level=level, df=df)
    return _named(frame, "best linear projection of the CATE", table)


def heterogeneity_test(data, *, score, on, weights=None, cluster=None):
    r"""Test that effects do not differ along covariates or between groups.

    The null hypothesis is that all slopes of the best linear projection of the CATE on the
    covariates are 0; on one category, that all its groups have the same average effect. The
    statistic is Wald's, :math:`W / q` for :math:`q` slopes, for F on :math:`q` and
    :math:`n - q - 1` degrees, or :math:`G - 1` with :math:`G` clusters. Effects may differ in ways
    that no line in these covariates shows: a high p-value is not a proof that they are equal. On
    the predictions of a model of effects that was learnt on other rows, it tests that the model
    found any heterogeneity. It must be that the scores are those of an experiment's known
    probabilities, or of covariates that block every backdoor path.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    score : str
        Column of the scores that `effect_scores` returned.
    on : str or list of str
        Covariates, chosen before looking at the outcomes.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection.
    cluster : str, optional
        Column of clusters, independent of one another; more of them than slopes.

    Returns
    -------
    pandas.Series
        null, statistic, df, df_denominator, p_value, n.

    Raises
    ------
    ValueError
        If a column is unfit, covariates are collinear, a row or a cluster alone decides on a
        coefficient, or there are no more clusters than slopes.

    References
    ----------
    Semenova and Chernozhukov (2021), Econometrics Journal 24(2), 264-289.

    Examples
    --------
    >>> data = pd.DataFrame({"age": [1, 2, 3, 4, 5], "effect": [1.0, 1.5, 3.5, 4.0, 5.0]})
    >>> heterogeneity_test(data, score="effect", on="age")[["statistic", "p_value"]]
    statistic      120.05
    p_value      0.001628
    Name: heterogeneity_test, dtype: object
    """
    _, estimate, covariance, table, df = _projected(data, score, on, weights, cluster)
    slopes, width = estimate[1:], len(estimate) - 1
    if not width:
        raise ValueError("on names no column; name the covariates along which effects may differ")
    if df < width:
        raise ValueError(
            f"column {cluster!r} has {df + 1} clusters, which cannot test {width} slopes at once; "
            "name fewer covariates in on"
        )
    statistic = slopes @ np.linalg.solve(covariance[1:, 1:], slopes) / width
    entries = {
        "null": "effects do not differ along these covariates",
        "statistic": statistic,
        "df": width,
        "df_denominator": df,
        "p_value": special.fdtrc(width, df, statistic),
        "n": len(table),
    }
    return pd.Series(entries, name="heterogeneity_test")


def targeting_curve(
    data,
    *,
    score,
    priority,
    shares=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    curve="toc",
    weights=None,
    cluster=None,
    level=0.95,
):
    r"""Say how much more the treatment does for those whom a ranking puts first.

    With :math:`U` the share of people of higher `priority`, the targeting operator characteristic
    is

    .. math:: \operatorname{TOC}(u) = E[\tau(X) \mid U \le u] - E[\tau(X)],

    the average effect in the top share u less that in all. The Qini curve is
    :math:`u \operatorname{TOC}(u)`: what treating the top share gains, per head of all, over
    treating as many drawn by lot. Equal priorities share their place. The standard error counts
    that the top share is estimated, for which it takes the effect at its edge from the
    :math:`n^{-1/3}` of all rows that are nearest, or from those of equal priority. It must be that
    the scores are those of an experiment's known probabilities, or of covariates that block every
    backdoor path, and that the priorities were made without these rows' outcomes: a ranking that
    was learnt on them looks better than it is, and no interval here knows that.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    score : str
        Column of the scores that `effect_scores` returned.
    priority : str
        Numeric column; the highest are treated first.
    shares : float or list of float
        Shares u of all people, between 0 and 1.
    curve : {"toc", "qini"}
        Which curve.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection.
    cluster : str, optional
        Column of clusters, independent of one another.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        A row per share: estimate, std_error, ci_low, ci_high, all_low, all_high (all shares at a
        time), n. In attrs: critical_value and covariance.

    Raises
    ------
    ValueError
        If a column or an option is unfit, or all priorities are equal.

    References
    ----------
    Yadlowsky, Fleming, Shah, Brunskill and Wager (2025), Journal of the American Statistical
    Association 120(549), 38-51.

    Examples
    --------
    >>> data = pd.DataFrame({"risk": [9, 7, 4, 1], "effect": [5.0, 3.0, 2.0, 2.0]})
    >>> columns = {"score": "effect", "priority": "risk", "shares": [0.25, 0.5]}
    >>> targeting_curve(data, **columns)[["estimate", "n"]]
           estimate    n
    share
    0.25        2.0  4.0
    0.50        1.0  4.0
    """
    _check_choice("curve", curve, ("toc", "qini"))
    shares = np.unique(_reals("shares", shares, above=0, below=1))
    ranked = _read_ranked(data, score, priority, weights, cluster)
    rows = [_at_share(ranked, share) for share in shares]
    scale = shares if curve == "qini" else np.ones(len(shares))
    estimate = scale * [row[0] for row in rows]
    influence = scale * np.column_stack([row[1] for row in rows])
    covariance, df = _clustered(influence, ranked["table"].get(cluster))
    frame = _joint(
        shares, estimate, _unitless_root(covariance), n=len(influence), level=level, df=df
    )
    return _named(frame.rename_axis("share"), curve, ranked["table"])


def rank_weighted_effect(
    data, *, score, priority, curve="toc", weights=None, cluster=None, level=0.95
):
    r"""Sum a targeting curve up in one number, with an interval that tests the ranking.

    Estimand: the area under the curve,

    .. math:: \operatorname{AUTOC} = \int_0^1 \operatorname{TOC}(u)\,du, \qquad
        \operatorname{Qini} = \int_0^1 u \operatorname{TOC}(u)\,du,

    with :math:`\operatorname{TOC}(u)` the average effect in the top share u of the `priority`
    less that in all. It is 0 for a ranking that has nothing to do with effects, which is what
    the interval tests; AUTOC looks at the first few most, Qini at all alike. The standard
    error is that of the influence function, the ranking's estimated places included, and
    holds with equal priorities too. It must be that the scores are those of an experiment's known
    probabilities, or of covariates that block every backdoor path, and that the priorities were
    made without these rows' outcomes.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    score : str
        Column of the scores that `effect_scores` returned.
    priority : str
        Numeric column; the highest are treated first.
    curve : {"toc", "qini"}
        Under which curve.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection.
    cluster : str, optional
        Column of clusters, independent of one another.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n.

    Raises
    ------
    ValueError
        If a column or an option is unfit, or all priorities are equal.

    References
    ----------
    Yadlowsky, Fleming, Shah, Brunskill and Wager (2025), Journal of the American Statistical
    Association 120(549), 38-51.

    Examples
    --------
    >>> data = pd.DataFrame({"risk": [9, 7, 4, 1], "effect": [5.0, 3.0, 2.0, 2.0]})
    >>> rank_weighted_effect(data, score="effect", priority="risk").round(3)
    estimate     1.040
    std_error    0.138
    ci_low       0.769
    ci_high      1.310
    n            4.000
    Name: rank_weighted_effect, dtype: float64
    """
    _check_choice("curve", curve, ("toc", "qini"))
    ranked = _read_ranked(data, score, priority, weights, cluster)
    estimate, influence = _area(ranked, curve)
    covariance, df = _clustered(influence[:, np.newaxis], ranked["table"].get(cluster))
    settings = {"n": len(influence), "level": level, "df": df}
    result = _result("rank_weighted_effect", estimate, np.sqrt(covariance.item()), **settings)
    return _named(result, {"toc": "AUTOC", "qini": "Qini coefficient"}[curve], ranked["table"])


def _read_experiment(
    data, treatment, adjust_for, propensity, models, folds, *, outcome, weights, cluster
):
    """Return rows that are treated with known probabilities, and these among the models."""
    if models.treatment != "logit":
        raise ValueError(
            "propensity and treatment_model both say how likely the treatment was; leave one out"
        )
    names = [] if adjust_for is None else _names("adjust_for", adjust_for)
    roles = {"outcome": outcome, "treatment": treatment, "propensity": propensity}
    table, counted = _read_counted(
        data, None, several={"adjust_for": names}, cluster=cluster, weights=weights, **roles
    )
    known = _numbers(table, propensity)
    for value in known[(known <= 0) | (known >= 1)]:
        raise ValueError(
            f"column {propensity!r} has a probability of {value:g}; where the treatment was "
            "certain there is nothing to compare, so leave such rows out and say so"
        )
    rows = table[[*names, propensity]], _design(table, names), _zero_one(table, treatment)
    sample = _sampled(table, rows, outcome, models.outcome, counted, cluster, folds, [treatment])
    return sample, models._replace(treatment=known)


def _read_scores(data, score, cluster, weights, several=None, **roles):
    """Return the columns named, the scores as numbers, and the sampling weights."""
    table, counted = _read_counted(
        data, None, several=several, cluster=cluster, weights=weights, score=score, **roles
    )
    table[score] = _outcome(table, score)
    if cluster is not None:
        _check_several_clusters(table, cluster)
    return table, counted


def _unitless_root(covariance):
    """Return a root of a covariance that scales with its units."""
    scale = np.sqrt(np.diag(covariance))
    scale = np.where(scale > 0, scale, 1.0)
    return scale[:, np.newaxis] * _root(covariance / np.outer(scale, scale))


def _groups(column):
    """Return the names of groups, sorted or as classes are ordered, and each row's place."""
    levels = _decoded(column).astype("category").cat
    return levels.categories.tolist(), levels.codes.to_numpy()


def _check_sized(table, by, codes, names, cluster):
    """Raise unless there are several groups, each of several rows and clusters."""
    if len(names) < 2:
        raise ValueError(f"column {by!r} has one value in all rows, {names[0]}; there is one group")
    units = np.arange(len(codes)) if cluster is None else table[cluster]
    count = pd.Series(units).groupby(codes).nunique()
    for code in count.index[count < 2]:
        kind = "row" if cluster is None else "cluster"
        raise ValueError(
            f"column {by!r} has {(count < 2).sum()} group(s) of one {kind}, such as "
            f"{names[code]!r}, which has no error of its own; merge groups, for numbers with pd.cut"
        )


def _projected(data, score, on, weights, cluster):
    """Return names, coefficients, their covariance, rows and degrees of a projection of scores."""
    names = _names("on", on)
    table, counted = _read_scores(data, score, cluster, weights, several={"on": names})
    design, w = _design(table, names), counted.weights
    axes = _axes(design)
    x = _with_constant(axes.place(design))
    inverse = np.linalg.inv((x.T * w) @ x)
    leverage = w * ((x @ inverse) * x).sum(axis=1)
    units = np.arange(len(x)) if cluster is None else pd.factorize(table[cluster])[0]
    for unit in np.flatnonzero(np.bincount(units, leverage) > 1 - 1e-9):
        own = units == unit
        if np.linalg.eigvals((x[own].T * w[own]) @ x[own] @ inverse).real.max() > 1 - 1e-9:
            row = np.argmax(own)
            which = f"row {_frame(data).index[row]!r}"
            if cluster is not None:
                which = f"column {cluster!r}: cluster {table[cluster].tolist()[row]!r}"
            raise ValueError(
                f"{which} decides on a coefficient alone, so that it has no error; merge its "
                "category with another, or use fewer covariates"
            )
    coefficients = inverse @ (x.T @ (w * table[score]))
    residual = w * (table[score].to_numpy() - x @ coefficients)
    _check_noise(score, np.abs(residual).max(), _scale(table, score))
    if cluster is None:
        residual = residual / (1 - leverage)  # HC3
    back = np.eye(len(coefficients))
    back[1:, 1:], back[0, 1:] = axes.turn, -axes.centre @ axes.turn
    influence = (x * residual[:, np.newaxis]) @ inverse @ back.T
    covariance, df = _clustered(influence, table.get(cluster))
    df = len(x) - len(coefficients) if cluster is None else df
    return ["constant", *design.labels], back @ coefficients, covariance, table, df


def _read_ranked(data, score, priority, weights, cluster):
    """Return the scores by descending priority: each row's part of all, and each place's."""
    table, counted = _read_scores(data, score, cluster, weights, priority=priority)
    value, gamma = _numbers(table, priority), table[score].to_numpy()
    places, codes = np.unique(-value, return_inverse=True)
    if len(places) < 2:
        raise ValueError(f"column {priority!r} is {value[0]:g} in all rows; there is no ranking")
    part = counted.weights / counted.weights.sum()
    mass = np.bincount(codes, part)
    mean = np.bincount(codes, part * gamma) / mass
    ends = np.cumsum(mass)
    ends[-1] = 1.0
    ranked = {"table": table, "gamma": gamma, "part": part, "codes": codes}
    return {**ranked, "mass": mass, "mean": mean, "ends": ends, "starts": ends - mass}


def _at_share(ranked, share):
    """Return TOC at a share, and each row's influence on it."""
    gamma, part, codes = (ranked[name] for name in ("gamma", "part", "codes"))
    taken = np.clip((share - ranked["starts"]) / ranked["mass"], 0, 1)[codes]
    edge = _at_edge(ranked, share)
    everybody = part @ gamma
    top = (part * taken) @ gamma / share
    influence = part * (taken * (gamma - edge) / share + edge - top - (gamma - everybody))
    return top - everybody, influence


def _at_edge(ranked, share):
    """Return the average effect at the edge of the top share."""
    apart = np.maximum(ranked["starts"] - share, share - ranked["ends"])
    width = len(ranked["gamma"]) ** (-1 / 3)
    own = np.argmin(apart)
    if ranked["mass"][own] >= width:
        return ranked["mean"][own]
    near = ranked["mass"] * (apart <= width / 2)
    return near @ ranked["mean"] / near.sum()


def _area(ranked, curve):
    """Return the area under a curve, and each row's influence on it.

    With g places of average effects t that end at shares b, and F the integral of the weights
    f that the area gives to shares, it is the sum of t_g {F(b_g) - F(b_(g-1))}; a share's own
    error moves it by f(b_g) (t_g - t_(g+1)).
    """
    ends, starts, mean, codes = (ranked[name] for name in ("ends", "starts", "mean", "codes"))
    inner = ends[:-1]
    if curve == "toc":
        density, high, low = (
            -np.log(inner) - 1,
            -special.xlogy(ends, ends),
            -special.xlogy(starts, starts),
        )
    else:
        density, high, low = 0.5 - inner, (ends - ends**2) / 2, (starts - starts**2) / 2
    drops = np.append(density * -np.diff(mean), 0.0)
    later = np.cumsum(drops[::-1])[::-1] - drops @ ends
    own = ((high - low) / ranked["mass"])[codes] * (ranked["gamma"] - mean[codes])
    return (high - low) @ mean, ranked["part"] * (own + later[codes])
