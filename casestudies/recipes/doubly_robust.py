r"""Doubly robust estimates: outcome models and propensity scores together, cross-fitted.

All estimates here assume that the covariates in `adjust_for` block every backdoor path
(:math:`Y(1), Y(0) \perp A \mid X`), that every unit could have gone either way
(:math:`0 < e(X) = P(A = 1 \mid X) < 1`) and that one unit's treatment leaves the others alone.
None of them protects against a confounder that was not recorded. The estimands are
the ATE, :math:`E[Y(1) - Y(0)]`, and the ATT, :math:`E[Y(1) - Y(0) \mid A = 1]`; each result
names its own in ``attrs["estimand"]``.
"""

from casestudies.recipes._columns import (
    _check_choice,
    _check_noise,
    _count,
    _read,
    _real,
    _result,
    _scale,
)
from casestudies.recipes._crossfit import (
    _choose,
    _doubly_robust_scores,
    _over_splits,
    _read_sample,
    _splits,
)
from casestudies.recipes._score import _named


def doubly_robust(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    estimand="ATE",
    model="linear",
    folds=5,
    splits=1,
    outcome_model=None,
    treatment_model=None,
    min_score=0.01,
    weights=None,
    cluster=None,
    rng=None,
    level=0.95,
):
    r"""Estimate an average effect by augmented inverse probability weighting, cross-fitted.

    With outcome models :math:`m_a(x) = E[Y \mid A = a, x]` and the score :math:`e(x)`, both
    fitted on the other folds, the ATE is the mean of

    .. math:: m_1 - m_0 + \frac{A (Y - m_1)}{e} - \frac{(1 - A)(Y - m_0)}{1 - e},

    and the ATT that of :math:`(A - (1 - A) e / (1 - e)) (Y - m_0) / P(A = 1)`. It is consistent
    if the outcome models or the score are right. The standard error comes from the influence
    function, the estimation of score and outcome models included, and is valid in the same cases.
    With a learner of your choice the predictions are taken as known: that asks more, namely that
    both converge to the truth and that the product of their errors falls faster than
    :math:`1 / \sqrt n`. With several splits :math:`s` the estimate is the median
    :math:`\hat\theta` of theirs, with the variance
    :math:`\operatorname{med}_s \{\hat\sigma_s^2 + (\hat\theta_s - \hat\theta)^2\}`.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric outcome; 0 or 1 for ``model="logit"``.
    treatment : str
        Column of zeros and ones.
    adjust_for : str or list of str
        Covariates of the score, a logit, and of the outcome models; a category enters as
        dummies without its first level.
    estimand : {"ATE", "ATT"}
        Whose average effect.
    model : {"linear", "logit"}
        Outcome model of each arm.
    folds : int
        Number of folds, at most the rows of the smaller arm; 1 fits on all rows, without a
        split, and is refused with a learner.
    splits : int
        How often the rows are dealt into folds; more than once where another deal would give a
        visibly different answer, as learners and small samples do.
    outcome_model : object, optional
        Instead of `model`, anything with ``fit(x, y)`` and ``predict(x)``, or ``predict_proba(x)``
        for an outcome of 0 and 1; fitted to each arm. `x` is an array of the covariates in the
        order of `adjust_for`, categories as dummies. A copy is fitted; give it a seed if it draws.
    treatment_model : object, optional
        Instead of the logit, the same for the treatment; it must give probabilities.
    min_score : float
        Least probability of the treatment that a row has which a `treatment_model` may give;
        nothing is clipped.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection, in any unit. The average
        is then that of the population sampled. Learners get them as ``sample_weight``.
    cluster : str, optional
        Column of clusters, independent of one another: no fold splits one, and the standard
        error sums influences by cluster, times :math:`\sqrt{G / (G - 1)}`, for t on
        :math:`G - 1`.
    rng : int, numpy.random.Generator or numpy.random.RandomState, optional
        Deals the rows into folds. Default: they are dealt in the order of a hash of the ranks
        of their covariates, equal ones by outcome, which needs no seed and depends neither on
        units nor on the order of rows or columns; the negative of a covariate deals anew.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n.

    Raises
    ------
    ValueError
        If a column or an option is unfit, the arms do not overlap, the rows outside a fold
        cannot carry the models, or a learner fails, predicts no numbers or gives probabilities
        outside 0 and 1 or below `min_score`.

    References
    ----------
    Robins, Rotnitzky and Zhao (1994), Journal of the American Statistical Association
    89(427), 846-866.
    Chernozhukov et al. (2018), Econometrics Journal 21(1), C1-C68.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 0, 0, 0, 1, 1, 1, 0]})
    >>> data["days"] = [3, 5, 6, 4, 7, 9, 8, 10]
    >>> doubly_robust(data, outcome="days", treatment="drug", adjust_for="old", folds=1).round(3)
    estimate    -2.000
    std_error    0.333
    ci_low      -2.653
    ci_high     -1.347
    n            8.000
    Name: doubly_robust, dtype: float64
    """
    _check_choice("estimand", estimand, ("ATE", "ATT"))
    folds = _count("folds", folds)
    least = _real("min_score", min_score, above=0, below=0.5)
    models = _choose(model, outcome_model, treatment_model, least, folds)
    roles = {"outcome": outcome, "weights": weights, "cluster": cluster}
    sample = _read_sample(data, treatment, adjust_for, models, folds, **roles)
    share = sample.counted.weights * (1.0 if estimand == "ATE" else sample.treated)
    found = []
    for fold, order in _splits(sample, folds, splits, rng):
        terms = _doubly_robust_scores(sample, fold, order, models, estimand)
        weighed = sample.counted.weights * terms.scores
        estimate = weighed.sum() / share.sum()
        influence = weighed - share * estimate + terms.carry(sample.counted.weights)
        std_error, df = sample.counted.error(influence / share.sum(), 0.0, sample.cluster)
        found.append((estimate, std_error))
    _check_noise(outcome, std_error, _scale(_read(data, outcome=outcome), outcome))
    result = _result("doubly_robust", *_over_splits(found), n=sample.counted.n, level=level, df=df)
    return _named(result, estimand, sample.table)
