r"""Double machine learning: take out of outcome and treatment what covariates predict.

All estimates here assume that the covariates in `adjust_for` block every backdoor path, of the
treatment or, with an instrument, of the instrument, and that one unit leaves the others alone.
None of them protects against a confounder that was not recorded. Each row is predicted by models
that were fitted to other rows; learners must converge fast enough that the products of their
errors vanish against the standard error. Where effects differ, a partially linear model
estimates a weighted average of them and not the ATE: each function names its estimand.
"""

import numpy as np

from casestudies.recipes._columns import (
    _check_noise,
    _count,
    _design,
    _names,
    _outcome,
    _read,
    _real,
    _result,
    _scale,
    _zero_one,
)
from casestudies.recipes._counted import _read_counted
from casestudies.recipes._crossfit import (
    _check_learners,
    _Choice,
    _doubly_robust_scores,
    _fit_one,
    _held_out,
    _in_fold,
    _over_splits,
    _read_sample,
    _sampled,
    _splits,
)
from casestudies.recipes._score import _named


def partially_linear(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    outcome_model=None,
    treatment_model=None,
    folds=5,
    splits=1,
    weights=None,
    cluster=None,
    rng=None,
    level=0.95,
):
    r"""Estimate the slope of a partially linear model by double machine learning.

    In :math:`Y = \theta D + g(X) + \varepsilon`, with :math:`\ell(x) = E[Y \mid x]` and
    :math:`m(x) = E[D \mid x]` both fitted on the other folds,

    .. math:: \hat\theta = \frac{\sum (D - m)(Y - \ell)}{\sum (D - m)^2}.

    Estimand: where the effect is the same for all, that effect per unit of `treatment`. Where it
    is :math:`\tau(X)`, the average of :math:`\tau(X)` weighted by
    :math:`\operatorname{Var}(D \mid X)`, which for a treatment of 0 and 1 is
    :math:`e(X) \{1 - e(X)\}`: people whose treatment was in doubt count most, and those who were
    nearly sure to get it or not, nearly nothing. It is neither the ATE nor the ATT. The
    standard error is that of the residuals' regression, robust to heteroskedasticity. It asks that
    the error of the treatment's model, times itself and times that of the outcome's, falls faster
    than :math:`1 / \sqrt n`; it takes the predictions as known, so that the interval is a little
    short where learners are noisy, as trees are in a thousand rows.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric outcome.
    treatment : str
        Numeric treatment, a dose or 0 and 1.
    adjust_for : str or list of str
        Covariates of both models; a category enters as dummies without its first level.
    outcome_model, treatment_model : object, optional
        Models of outcome and treatment given the covariates: anything with ``fit(x, y)`` and
        ``predict(x)``, or ``predict_proba(x)`` for a column of 0 and 1. A copy is fitted; give it
        a seed if it draws. Default: least squares.
    folds : int
        Number of folds; 1 fits on all rows, without a split, and is refused with a learner.
    splits : int
        How often the rows are dealt into folds; the estimate is the median, and the error counts
        how far the splits lie apart.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection, in any unit. Learners get
        them as ``sample_weight``.
    cluster : str, optional
        Column of clusters, independent of one another: no fold splits one, and the standard
        error sums influences by cluster, for t on one degree less than there are clusters.
    rng : int, numpy.random.Generator or numpy.random.RandomState, optional
        Deals the rows into folds. Default: an order by a hash of ranks of the values.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n.

    Raises
    ------
    ValueError
        If a column or an option is unfit, a learner fails, or the covariates leave nothing of the
        treatment.

    References
    ----------
    Robinson (1988), Econometrica 56(4), 931-954.
    Chernozhukov et al. (2018), Econometrics Journal 21(1), C1-C68.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"age": [1, 2, 3, 4, 5, 6], "dose": [2, 1, 4, 3, 7, 4]})
    >>> data["days"] = 2 * data["dose"] + data["age"] + [0.1, -0.1, 0, 0, -0.1, 0.1]
    >>> columns = {"outcome": "days", "treatment": "dose", "adjust_for": "age"}
    >>> partially_linear(data, **columns, folds=1).round(3)
    estimate     1.982
    std_error    0.022
    ci_low       1.939
    ci_high      2.025
    n            6.000
    Name: partially_linear, dtype: float64
    """
    models = {"outcome": outcome_model, "treatment": treatment_model}
    roles = {"outcome": outcome, "treatment": treatment}
    sample, columns = _read_residuals(data, adjust_for, models, folds, weights, cluster, **roles)
    found, w = [], sample.counted.weights
    for fold, order in _splits(sample, folds, splits, rng, arms=False):
        u, v = _residuals(sample, fold, order, columns, models)
        _check_residual(v, columns["treatment"], treatment)
        estimate, influence = _slope(u, v, v, w)
        std_error, df = sample.counted.error(influence, 0.0, sample.cluster)
        _check_noise(outcome, std_error, _scale(_read(data, outcome=outcome), outcome) / v.std())
        found.append((estimate, std_error))
    settings = {"n": sample.counted.n, "level": level, "df": df}
    result = _result("partially_linear", *_over_splits(found), **settings)
    return _named(result, "average effect weighted by Var(D | X)", sample.table)


def partially_linear_iv(
    data,
    *,
    outcome,
    treatment,
    instrument,
    adjust_for,
    outcome_model=None,
    treatment_model=None,
    instrument_model=None,
    folds=5,
    splits=1,
    weights=None,
    cluster=None,
    rng=None,
    level=0.95,
):
    r"""Estimate an effect by an instrument that is valid given covariates, in residuals.

    In :math:`Y = \theta D + g(X) + \varepsilon` with :math:`E[\varepsilon \mid Z, X] = 0`, and
    :math:`\ell(x) = E[Y \mid x]`, :math:`m(x) = E[D \mid x]`, :math:`r(x) = E[Z \mid x]` all
    fitted on the other folds,

    .. math:: \hat\theta = \frac{\sum (Z - r)(Y - \ell)}{\sum (Z - r)(D - m)}.

    Estimand: where the effect is the same for all, that effect per unit of `treatment`. Where it
    differs, with an instrument and a treatment of 0 and 1 and nobody whom the instrument moves
    the other way, the average of the LATEs at each :math:`X` weighted by
    :math:`\operatorname{Cov}(Z, D \mid X)`. It must be that the instrument is as good as random
    given the covariates and moves the outcome through the treatment only. The interval is
    honest only if the instrument is strong; otherwise invert the test of
    :math:`\theta = \theta_0`, which is that of a slope of 0 of :math:`Y - \theta_0 D` on
    :math:`Z` in a partially linear model.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric outcome.
    treatment, instrument : str
        Numeric columns, amounts or 0 and 1.
    adjust_for : str or list of str
        Covariates of the three models; a category enters as dummies without its first level.
    outcome_model, treatment_model, instrument_model : object, optional
        Models given the covariates: anything with ``fit(x, y)`` and ``predict(x)``, or
        ``predict_proba(x)`` for a column of 0 and 1. A copy is fitted; give it a seed if it
        draws. Default: least squares.
    folds : int
        Number of folds; 1 fits on all rows, without a split, and is refused with a learner.
    splits : int
        How often the rows are dealt into folds; the estimate is the median, and the error counts
        how far the splits lie apart.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection, in any unit. Learners get
        them as ``sample_weight``.
    cluster : str, optional
        Column of clusters, independent of one another: no fold splits one, and the standard
        error sums influences by cluster, for t on one degree less than there are clusters.
    rng : int, numpy.random.Generator or numpy.random.RandomState, optional
        Deals the rows into folds. Default: an order by a hash of ranks of the values.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n, first_stage_f: the squared t statistic of the
        instrument's residual in that of the treatment (of several splits, the median).

    Raises
    ------
    ValueError
        If a column or an option is unfit, a learner fails, or the covariates leave nothing of the
        instrument or of the treatment.

    References
    ----------
    Chernozhukov et al. (2018), Econometrics Journal 21(1), C1-C68.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"age": [1, 2, 3, 4, 5, 6], "offer": [1, 0, 1, 0, 1, 0]})
    >>> data["dose"] = [4, 1, 4, 3, 7, 4]
    >>> data["days"] = 2 * data["dose"] + data["age"] + [0.1, -0.1, 0, 0, -0.1, 0.1]
    >>> columns = {"outcome": "days", "treatment": "dose", "instrument": "offer"}
    >>> partially_linear_iv(data, **columns, adjust_for="age", folds=1).round(3)
    estimate          2.000
    std_error         0.023
    ci_low            1.955
    ci_high           2.045
    n                 6.000
    first_stage_f    49.039
    Name: partially_linear_iv, dtype: float64
    """
    models = {"outcome": outcome_model, "treatment": treatment_model}
    models["instrument"] = instrument_model
    roles = {"outcome": outcome, "treatment": treatment, "instrument": instrument}
    sample, columns = _read_residuals(data, adjust_for, models, folds, weights, cluster, **roles)
    found, strengths, w = [], [], sample.counted.weights
    for fold, order in _splits(sample, folds, splits, rng, arms=False):
        u, v, z = _residuals(sample, fold, order, columns, models)
        _check_residual(v, columns["treatment"], treatment)
        _check_residual(z, columns["instrument"], instrument)
        first, influence = _slope(v, z, z, w)
        first_error, df = sample.counted.error(influence, 0.0, sample.cluster)
        estimate, influence = _slope(u, v, z, w)
        std_error, df = sample.counted.error(influence, 0.0, sample.cluster)
        scale = _scale(_read(data, outcome=outcome), outcome) * z.std() / np.abs(np.mean(z * v))
        _check_noise(outcome, std_error, scale)
        found.append((estimate, std_error))
        strengths.append((first / first_error) ** 2)
    told = {"n": sample.counted.n, "level": level, "df": df, "first_stage_f": np.median(strengths)}
    result = _result("partially_linear_iv", *_over_splits(found), **told)
    return _named(result, "average of LATEs weighted by Cov(Z, D | X)", sample.table)


def interactive_iv(
    data,
    *,
    outcome,
    treatment,
    instrument,
    adjust_for,
    outcome_model=None,
    treatment_model=None,
    instrument_model=None,
    folds=5,
    splits=1,
    min_score=0.01,
    weights=None,
    cluster=None,
    rng=None,
    level=0.95,
):
    r"""Estimate the LATE by an instrument of 0 and 1 that is valid given covariates.

    The instrument's effect on the outcome over its effect on the treatment, each the mean of
    doubly robust scores: with :math:`p(x) = P(Z = 1 \mid x)` and the means
    :math:`\mu_z(x) = E[Y \mid Z = z, x]` fitted on the other folds,

    .. math:: \psi_Y = \mu_1 - \mu_0 + \frac{Z (Y - \mu_1)}{p} -
        \frac{(1 - Z)(Y - \mu_0)}{1 - p}, \qquad
        \hat\theta = \frac{\sum \psi_Y}{\sum \psi_D},

    :math:`\psi_D` being the same for the treatment. Estimand: the LATE, the average effect among
    those who take the treatment with the instrument and not without it, each of them counted
    once. It must be that, given the covariates, the instrument is as good as random and moves
    the outcome through the treatment only, that everyone could have had either value, and that
    nobody does the opposite. The standard error is that of the ratio's influence, which counts
    the estimation of least squares and logit, and takes learners as known. The interval is
    honest only if the instrument is strong.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric outcome.
    treatment, instrument : str
        Columns of zeros and ones.
    adjust_for : str or list of str
        Covariates of all models; a category enters as dummies without its first level.
    outcome_model, treatment_model : object, optional
        Models of outcome and treatment given the covariates at each value of the instrument:
        anything with ``fit(x, y)`` and ``predict(x)``, or ``predict_proba(x)`` for a column of 0
        and 1. A copy is fitted; give it a seed if it draws. Default: least squares.
    instrument_model : object, optional
        The same for the instrument; it must give probabilities. Default: a logit.
    folds : int
        Number of folds; 1 fits on all rows, without a split, and is refused with a learner.
    splits : int
        How often the rows are dealt into folds; the estimate is the median, and the error counts
        how far the splits lie apart.
    min_score : float
        Least probability of the instrument's value that an `instrument_model` may give; nothing
        is clipped.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection, in any unit. Learners get
        them as ``sample_weight``.
    cluster : str, optional
        Column of clusters, independent of one another: no fold splits one, and the standard
        error sums influences by cluster, for t on one degree less than there are clusters.
    rng : int, numpy.random.Generator or numpy.random.RandomState, optional
        Deals the rows into folds. Default: an order by a hash of ranks of the values.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n, share_compliers, first_stage_f: the squared ratio
        of that share to its standard error (of several splits, both are medians).

    Raises
    ------
    ValueError
        If a column or an option is unfit, the instrument's values do not overlap, a learner
        fails, or the instrument moves nobody.

    References
    ----------
    Frölich (2007), Journal of Econometrics 139(1), 35-75.
    Chernozhukov et al. (2018), Econometrics Journal 21(1), C1-C68.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "offer": [1, 1, 0, 0, 1, 1, 0, 0]})
    >>> data = data.assign(took=[1, 0, 0, 0, 1, 1, 0, 1], days=[3, 5, 6, 4, 7, 5, 9, 8])
    >>> columns = {"outcome": "days", "treatment": "took", "instrument": "offer"}
    >>> interactive_iv(data, **columns, adjust_for="old", folds=1).round(3)
    estimate          -3.500
    std_error          1.531
    ci_low            -6.501
    ci_high           -0.499
    n                  8.000
    share_compliers    0.500
    first_stage_f      4.000
    Name: interactive_iv, dtype: float64
    """
    folds = _count("folds", folds)
    least = _real("min_score", min_score, above=0, below=0.5)
    learners = {"outcome_model": outcome_model, "treatment_model": treatment_model}
    _check_learners(folds, **learners, instrument_model=instrument_model)
    roles = {"outcome": outcome, "treatment": treatment, "instrument": instrument}
    table = _read(data, several={"adjust_for": _names("adjust_for", adjust_for)}, **roles)
    taken = _zero_one(table, treatment)
    score = "logit" if instrument_model is None else instrument_model
    by_outcome, by_treatment = (
        _Choice("linear" if model is None else model, score, least, (option, "instrument_model"))
        for option, model in learners.items()
    )
    others = {"outcome": outcome, "weights": weights, "cluster": cluster}
    sample = _read_sample(data, instrument, adjust_for, by_outcome, folds, **others)
    sample = sample._replace(others=(taken,))
    found, shares, errors = [], [], []
    for fold, order in _splits(sample, folds, splits, rng):
        moved = _doubly_robust_scores(sample, fold, order, by_outcome)
        took = _doubly_robust_scores(sample._replace(y=taken), fold, order, by_treatment)
        share, by_share = _mean_score(took, sample.counted.weights)
        _check_moved(share, instrument, treatment)
        effect, by_effect = _mean_score(moved, sample.counted.weights)
        influence = (by_effect - effect / share * by_share) / share
        std_error, df = sample.counted.error(influence, 0.0, sample.cluster)
        scale = _scale(_read(data, outcome=outcome), outcome) / np.abs(share)
        _check_noise(outcome, std_error, scale)
        found.append((effect / share, std_error))
        shares.append(share)
        errors.append(sample.counted.error(by_share, 0.0, sample.cluster)[0])
    settings = {"n": sample.counted.n, "level": level, "df": df}
    strength = np.median(np.square(shares) / np.square(errors))
    first_stage = {"share_compliers": np.median(shares), "first_stage_f": strength}
    result = _result("interactive_iv", *_over_splits(found), **settings, **first_stage)
    return _named(result, "LATE", sample.table)


def _read_residuals(data, adjust_for, models, folds, weights, cluster, **roles):
    """Return the rows that models are fitted to, and the columns to take residuals of."""
    folds = _count("folds", folds)
    _check_learners(folds, **{f"{role}_model": model for role, model in models.items()})
    names = _names("adjust_for", adjust_for)
    if not names:
        raise ValueError("adjust_for names no column; name the covariates to adjust for")
    several = {"adjust_for": names}
    table, counted = _read_counted(
        data, None, several=several, cluster=cluster, weights=weights, **roles
    )
    columns = {role: _outcome(table, name) for role, name in roles.items()}
    rows = table[names], _design(table, names), columns["treatment"]
    model = "linear" if models["outcome"] is None else models["outcome"]
    mover = list(roles)[-1]  # the instrument, if there is one
    arms = [roles[mover]] if np.isin(columns[mover], (0, 1)).all() else []
    sample = _sampled(table, rows, roles["outcome"], model, counted, cluster, folds, arms)
    columns["outcome"] = sample.y
    return sample._replace(others=tuple(columns.values())), columns


def _residuals(sample, fold, order, columns, models):
    """Return what models that were fitted to the other folds leave of each column."""
    left = {role: np.empty(len(fold)) for role in columns}
    for number, test, train in _held_out(fold):
        places = order[train[order]]
        with _in_fold(number, fold):
            for role, values in columns.items():
                model = "linear" if models[role] is None else models[role]
                fit = _fit_one(sample, values, places, test, model, f"{role}_model", "")
                left[role][test] = values[test] - fit.predicted
    return left.values()


def _slope(outcome, treatment, instrument, weights):
    """Return the instrumental slope of residuals, and each row's influence on it."""
    moved = (weights * instrument) @ treatment
    slope = (weights * instrument) @ outcome / moved
    return slope, weights * instrument * (outcome - slope * treatment) / moved


def _mean_score(terms, weights):
    """Return the mean of doubly robust scores, and each row's influence on it."""
    total = weights.sum()
    mean = weights @ terms.scores / total
    return mean, (weights * (terms.scores - mean) + terms.carry(weights)) / total


def _check_moved(share, instrument, treatment):
    """Raise if the instrument makes as many give the treatment up as take it."""
    if share <= 0:
        raise ValueError(
            f"column {instrument!r} raises {treatment!r} by {share:.3g} on average, so there are "
            "no compliers to speak of; if it keeps units from the treatment, code it the other way "
            f"round, 1 - data[{instrument!r}]"
        )


def _check_residual(residual, values, name):
    """Raise if covariates predict a column so well that nothing is left of it."""
    if residual @ residual <= 1e-12 * np.square(values - values.mean()).sum():
        raise ValueError(
            f"no overlap: the covariates predict column {name!r} exactly, so nothing of it is "
            "left to compare; take what determines it out of adjust_for, if that may be"
        )
