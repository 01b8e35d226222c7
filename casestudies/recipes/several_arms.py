r"""Treatments with several values: the mean outcome under each, and how they compare.

All estimates here assume that the covariates in `adjust_for` block every backdoor path
(:math:`Y(a) \perp A \mid X` for each value a of the treatment), that every unit could have got
each value (:math:`e_a(X) = P(A = a \mid X) > 0` for all a), that each value is one thing and
that one unit's treatment leaves the others alone. None of them protects against a confounder
that was not recorded. The estimands are the mean outcomes :math:`E[Y(a)]` of everybody, or of
those who got one value, and their differences; each result names its own in
``attrs["estimand"]``.
"""

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import softmax

from casestudies.recipes._bands import _joint, _root
from casestudies.recipes._clusters import _check_sides, _clustered
from casestudies.recipes._columns import (
    _basis,
    _check_choice,
    _check_noise,
    _design,
    _group_basis,
    _levels,
    _listed,
    _names,
    _numeric,
    _outcome,
    _scale,
)
from casestudies.recipes._counted import _read_counted
from casestudies.recipes._score import (
    OVERLAP,
    _axes,
    _check_arm,
    _effective,
    _fit_logit,
    _named,
    _newton,
    _regress_weighted,
    _with_constant,
)

ROADS = ("doubly_robust", "standardization", "weighting")


def compare_arms(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    method="doubly_robust",
    reference=None,
    among=None,
    model="linear",
    weights=None,
    cluster=None,
    level=0.95,
):
    r"""Compare the mean outcomes under several values of a treatment.

    Estimand: for two values a and b, :math:`E[Y(a) - Y(b)]` over everybody (an ATE), or over
    those who got one value g (``among=g``), :math:`E[Y(a) - Y(b) \mid A = g]`. Every comparison is
    of the same people, unlike that of two arms by themselves, which would be of those
    two arms' people and would differ from pair to pair. With :math:`m_a(x)` a regression within
    arm a, :math:`e_a(x)` a multinomial logit and :math:`\rho_a = 1 / e_a`, or
    :math:`e_g / e_a` among g, the mean under a is

    - ``"standardization"``: the mean of :math:`m_a` over those people, which needs the
      regressions to be right;
    - ``"weighting"``: the mean outcome of arm a with weights :math:`\rho_a`, which needs the
      logit to be right;
    - ``"doubly_robust"``: the mean of :math:`m_a` over those people, plus the mean of
      :math:`\rho_a 1\{A = a\} (Y - m_a)` per head of theirs, which needs one of the two.

    Errors come from each row's influence on all means at once (stacked estimating equations,
    the estimation of the logit and of the regressions included), so that differences have
    their covariances. They are those of large samples: with a rare arm, of a few rows for each
    coefficient, they are too small. ``ci_low`` and ``ci_high`` hold each difference by itself;
    ``all_low`` and ``all_high`` hold all of them at a time, by the largest deviation of a normal
    vector with their correlations: use these if you look for the best arm or for any effect.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric outcome; 0 or 1 for ``model="logit"``.
    treatment : str
        Column of a few values, words or numbers.
    adjust_for : str or list of str
        Covariates; a category enters as dummies without its first level. An empty list compares
        the plain means, as in an experiment.
    method : {"doubly_robust", "standardization", "weighting"}
        How the arms are made alike.
    reference : optional
        Value of the treatment that the others are compared with. Default: all pairs.
    among : optional
        Value of the treatment whose people are averaged over. Default: everybody.
    model : {"linear", "logit"}
        Regression within each arm; weighting has none.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection; the people are then
        those sampled from.
    cluster : str, optional
        Column whose groups were sampled or treated together; rows are independent otherwise.
        With G groups, errors have the factor G / (G - 1) and t(G - 1).
    level : float
        Confidence level, between 0 and 1, of each interval by itself and of all at a time.

    Returns
    -------
    pandas.DataFrame
        A row for each comparison, named such as "b - a"; columns estimate, std_error, ci_low,
        ci_high, all_low, all_high, n. ``attrs["covariance"]`` holds their covariances as nested
        dicts, ``attrs["critical_value"]`` the half width of the intervals for all, in standard
        errors, ``attrs["effective_n"]`` Kish's effective sample size of each arm under the
        weights, where there are any.

    Raises
    ------
    ValueError
        If a column or an option is unfit, an arm has too few rows for its regression, or
        covariates tell two arms apart.

    References
    ----------
    Imbens (2000), Biometrika 87(3), 706-710.
    Cattaneo (2010), Journal of Econometrics 155(2), 138-154.
    Hothorn, Bretz and Westfall (2008), Biometrical Journal 50(3), 346-363 (all at a time).

    Examples
    --------
    >>> data = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1]})
    >>> data["drug"] = ["a", "b", "b", "b", "a", "a", "a", "b", "c", "c", "c", "c"]
    >>> data["days"] = [3, 5, 6, 4, 7, 9, 8, 10, 1, 5, 2, 4]
    >>> columns = {"outcome": "days", "treatment": "drug", "adjust_for": "old"}
    >>> compare_arms(data, **columns, reference="a").loc[:, :"all_high"].round(2)
           estimate  std_error  ci_low  ci_high  all_low  all_high
    b - a       2.0       0.33    1.35     2.65     1.26      2.74
    c - a      -2.5       0.45   -3.38    -1.62    -3.50     -1.50
    """
    columns = {"outcome": outcome, "treatment": treatment, "weights": weights, "cluster": cluster}
    study = _study_arms(data, columns, adjust_for, method, among, model)
    pairs = _pairs(study.arms, reference, treatment)
    words, one = [_word(arm) for arm in study.arms], np.eye(len(study.arms))
    signs = np.array([one[a] - one[b] for a, b in pairs])
    return study.joint(signs, [f"{words[a]} - {words[b]}" for a, b in pairs], level)


def arm_means(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    method="doubly_robust",
    among=None,
    model="linear",
    weights=None,
    cluster=None,
    level=0.95,
):
    r"""Estimate the mean outcome under each value of a treatment.

    Estimand: :math:`E[Y(a)]` over everybody, or over those who got one value g (``among=g``),
    :math:`E[Y(a) \mid A = g]`, for each value a. With :math:`m_a(x)` a regression within arm a,
    :math:`e_a(x)` a multinomial logit and :math:`\rho_a = 1 / e_a`, or :math:`e_g / e_a` among g,
    it is the mean of :math:`m_a` over those people (``"standardization"``, if the regressions are
    right); that of arm a with weights :math:`\rho_a` (``"weighting"``, if the logit is); or the
    first plus the mean of :math:`\rho_a 1\{A = a\} (Y - m_a)` per head of theirs
    (``"doubly_robust"``, if one of the two is right).

    Errors come from each row's influence on all means at once, the estimation of the logit and
    of the regressions included. The means of two arms are correlated: for their difference ask
    `compare_arms`, and do not look whether two intervals overlap.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric outcome; 0 or 1 for ``model="logit"``.
    treatment : str
        Column of a few values, words or numbers.
    adjust_for : str or list of str
        Covariates; a category enters as dummies without its first level. An empty list gives
        the plain means, as in an experiment.
    method : {"doubly_robust", "standardization", "weighting"}
        How the arms are made alike.
    among : optional
        Value of the treatment whose people are averaged over. Default: everybody.
    model : {"linear", "logit"}
        Regression within each arm; weighting has none.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection.
    cluster : str, optional
        Column whose groups were sampled or treated together; with G of them, t(G - 1).
    level : float
        Confidence level, between 0 and 1, of each interval by itself and of all at a time.

    Returns
    -------
    pandas.DataFrame
        A row for each value of the treatment; columns estimate, std_error, ci_low, ci_high,
        all_low, all_high (intervals that hold all means at a time), n. ``attrs`` hold their
        covariance, the critical_value of the intervals for all, and each arm's effective_n.

    Raises
    ------
    ValueError
        If a column or an option is unfit, an arm has too few rows for its regression, or
        covariates tell two arms apart.

    References
    ----------
    Imbens (2000), Biometrika 87(3), 706-710.
    Cattaneo (2010), Journal of Econometrics 155(2), 138-154.

    Examples
    --------
    >>> data = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1]})
    >>> data["drug"] = ["a", "b", "b", "b", "a", "a", "a", "b", "c", "c", "c", "c"]
    >>> data["days"] = [3, 5, 6, 4, 7, 9, 8, 10, 1, 5, 2, 4]
    >>> columns = {"outcome": "days", "treatment": "drug", "adjust_for": "old"}
    >>> arm_means(data, **columns)["estimate"].round(2)
    a    5.5
    b    7.5
    c    3.0
    Name: estimate, dtype: float64
    """
    columns = {"outcome": outcome, "treatment": treatment, "weights": weights, "cluster": cluster}
    study = _study_arms(data, columns, adjust_for, method, among, model)
    return study.joint(np.eye(len(study.arms)), [_word(arm) for arm in study.arms], level)


class _Study(NamedTuple):
    """The values of a treatment, the mean outcomes under them, and each row's influence."""

    arms: list
    means: np.ndarray  # less the origin
    origin: float
    influence: np.ndarray
    effective: dict
    people: str
    table: pd.DataFrame
    cluster: pd.Series | None

    def joint(self, signs, names, level):
        """Return the frame of some sums of the means."""
        covariance, df = _clustered(self.influence, self.cluster)
        estimate = signs @ self.means + self.origin * signs.sum(axis=1)
        n = len(self.influence)
        frame = _joint(names, estimate, signs @ _root(covariance), n=n, level=level, df=df)
        outcome = self.table.columns[0]
        _check_noise(outcome, frame["std_error"], _scale(self.table, outcome))
        if self.effective:
            frame.attrs["effective_n"] = self.effective
        return _named(frame, self.people, self.table)


class _Target(NamedTuple):
    """Whom the means are of: each row's share, what one more like it would have, and their arm."""

    share: np.ndarray
    head: np.ndarray
    arm: int | None


class _ArmScores(NamedTuple):
    """Probabilities of each arm, the regressors behind them, and the inverse information."""

    chances: np.ndarray
    x: np.ndarray
    inverse: np.ndarray
    own: np.ndarray  # 1 in the column of the arm that was taken
    mass: np.ndarray  # sampling weights

    def weights(self, rows, arm, target):
        """Return the weights that make an arm look like the target, and their log derivatives.

        The derivatives are by the linear predictors of all arms.
        """
        chances, one = self.chances[rows], np.eye(self.own.shape[1])
        if target.arm is None:
            return 1 / chances[:, arm], chances - one[arm]
        return chances[:, target.arm] / chances[:, arm], one[[target.arm]] - one[arm]

    def carried(self, rows, gradient):
        """Carry a gradient by the linear predictors of some rows back to all rows."""
        by_coefficients = self.x[rows].T @ gradient[:, 1:]
        step = (self.inverse @ by_coefficients.T.ravel()).reshape(-1, self.x.shape[1])
        return self.mass * (self.x @ step.T * (self.own - self.chances)[:, 1:]).sum(axis=1)


def _study_arms(data, columns, adjust_for, method, among, model):
    """Return the mean outcome under each value, and every row's influence on it."""
    _check_choice("method", method, ROADS)
    _check_choice("model", model, ("linear", "logit"))
    treatment, names = columns["treatment"], _names("adjust_for", adjust_for)
    table, counted = _read_counted(data, None, several={"adjust_for": names}, **columns)
    mass, (arms, code) = counted.weights, _values(table, treatment)
    if columns["cluster"] is not None:
        _check_arm_clusters(table, columns["cluster"], arms, code, treatment)
    y = _outcome(table, columns["outcome"], model)
    origin = y.mean() * (model == "linear")  # digits that a far-off origin would cost
    target = _target(arms, code, mass, among, treatment)
    design = _comparable(table, names, arms, code, target, treatment)
    scores = None
    if method != "standardization":
        scores = _fit_scores(design, code, arms, mass, target, treatment)
    means, influence, effective = np.empty(len(arms)), np.empty((len(y), len(arms))), {}
    for arm, value in enumerate(arms):
        rows, weights, slopes = np.flatnonzero(code == arm), None, None
        if scores:
            _check_chances(scores.chances[rows, arm], treatment, value)
            weights, slopes = scores.weights(rows, arm, target)
            effective[_word(value)] = _effective(mass[rows] * weights)
        if method == "weighting":
            found = _weighted_mean(y - origin, rows, mass[rows] * weights)
        else:
            regressors = design if arm != target.arm else _design(table, [])  # their own mean
            where = f"{treatment!r} is {_word(value)}"
            fit = _fit_arm(regressors, y - origin, rows, mass[rows], model, where)
            found = _modelled_mean(rows, weights, fit, target)
        means[arm], influence[:, arm], mended = found
        if scores:
            influence[:, arm] += scores.carried(rows, mended[:, np.newaxis] * slopes)
    people = "everybody" if among is None else f"those with {treatment} = {_word(arms[target.arm])}"
    cluster = table.get(columns["cluster"])
    return _Study(arms, means, origin, influence, effective, f"means of {people}", table, cluster)


def _weighted_mean(y, rows, weights):
    """Return an arm's weighted mean, every row's influence on it, and what the weights move."""
    share = weights / weights.sum()
    mean, influence = share @ y[rows], np.zeros(len(y))
    influence[rows] = share * (y[rows] - mean)
    return mean, influence, influence[rows]


def _modelled_mean(rows, weights, fit, target):
    """Return the mean of an arm's regression over the target, mended by weights if there are any.

    Also return every row's influence on it, and what the weights move.
    """
    mended, gradient = np.zeros(len(rows)), target.share.copy()
    if weights is not None:
        mended = target.head[rows] * weights * fit.residual
        gradient[rows] -= target.head[rows] * weights
    mean = target.share @ fit.predicted + mended.sum()
    influence = target.share * (fit.predicted - mean)
    influence[rows] += mended + fit.back(gradient) * fit.residual
    return mean, influence, mended


def _fit_arm(design, y, rows, mass, model, where):
    """Regress the outcome within an arm and predict it for all rows, or raise."""
    _group_basis(design, rows, where)
    here = design._replace(columns=design.columns[rows])
    try:
        return _regress_weighted(here, y[rows], design, model, "outcomes 0 and 1", mass)
    except ValueError as error:
        raise ValueError(f"in the rows where {where}: {error}") from None


def _fit_scores(design, code, arms, mass, target, treatment):
    """Return the probability of each arm by a multinomial logit, or raise if arms are separated."""
    pairs = itertools.combinations(range(len(arms)), 2)
    compared = [pair for pair in pairs if target.arm is None or target.arm in pair]
    _check_arm_pairs(design, code, arms, compared, treatment)
    x, own = _with_constant(_axes(design).place(design)), np.eye(len(arms))[code]
    chances, converged = _multinomial_logit(x, own, mass)
    if not converged:
        raise ValueError(f"no overlap: covariates separate the values of {treatment!r}; {OVERLAP}")
    inverse = np.linalg.inv(_arms_information(x, chances, mass))
    return _ArmScores(chances, x, inverse, own, mass)


def _multinomial_logit(x, own, mass):
    """Fit a multinomial logit; also tell whether a finite maximum was found.

    The first arm's coefficients are 0.
    """

    def chances_at(coefficients):
        return softmax(np.column_stack([np.zeros(len(x)), x @ coefficients.T]), axis=1)

    def loss(coefficients):
        taken = (chances_at(coefficients) * own).sum(axis=1)
        return -mass @ np.log(np.maximum(taken, 1e-300))

    def climb(coefficients):
        chances = chances_at(coefficients)
        return (own - chances)[:, 1:].T * mass @ x, _arms_information(x, chances, mass)

    coefficients, converged = _newton(x, loss, climb, (own.shape[1] - 1, x.shape[1]))
    return chances_at(coefficients), converged


def _arms_information(x, chances, mass):
    """Return the information of the coefficients of all arms but the first."""
    p, width, weighted = chances[:, 1:], x.shape[1], x.T * mass
    blocks = np.empty((p.shape[1], width, p.shape[1], width))
    for j, k in itertools.product(range(p.shape[1]), repeat=2):
        blocks[j, :, k] = (weighted * (p[:, j] * ((j == k) - p[:, k]))) @ x
    return blocks.reshape(p.shape[1] * width, -1)


def _check_arm_pairs(design, code, arms, pairs, treatment):
    """Raise if the covariates tell two arms apart.

    A third arm that overlaps with both would keep the multinomial logit finite.
    """
    for a, b in pairs:
        rows = (code == a) | (code == b)
        two = design._replace(columns=design.columns[rows])
        try:
            _fit_logit(_axes(two), two, (code[rows] == b) * 1.0, "arms")
        except ValueError as error:
            words = f"{_word(arms[a])} or {_word(arms[b])}"
            where = f"among the rows where {treatment!r} is {words}"
            raise ValueError(f"{where}, {error}") from None


def _comparable(table, names, arms, code, target, treatment):
    """Return the covariates' design, or raise where an arm has no counterparts of another's rows.

    A third arm between two that lie apart would hide it from the scores.
    """
    for name in names:
        _check_everywhere(table, name, arms, code, treatment)
    design = _design(table, names)
    _basis(design)
    others = range(len(arms)) if target.arm is None else [target.arm]
    covariates = pd.DataFrame({name: table[name] for name in names})  # without attrs to copy
    for arm, other in itertools.product(range(len(arms)), others):
        if names and arm != other:
            both = (code == arm) | (code == other)
            words = (_word(arms[arm]), _word(arms[other]))
            _check_arm(covariates[both], code[both] == arm, names, treatment, *words)
    return design


def _check_everywhere(table, name, arms, code, treatment):
    """Raise if a category, or a number of two values, lacks one of them in an arm."""
    values = table[name] if _numeric(table, name) else _levels(table[name]).astype(object)
    place, found = pd.factorize(values, sort=True)
    if len(found) == 1:
        raise ValueError(f"column {name!r} has one value in all rows, {found[0]}; drop it")
    if _numeric(table, name) and len(found) > 2:
        return
    counts = np.zeros((len(found), len(arms)), dtype=int)
    np.add.at(counts, (place, code), 1)
    for value, arm in np.argwhere(counts == 0)[:1]:
        more = (counts == 0).sum() - 1
        also = f" ({more} more such pair(s))" if more else ""
        raise ValueError(
            f"no overlap: column {name!r} is {found[value]} in {counts[value].sum()} row(s), none "
            f"of them with {treatment!r} {_word(arms[arm])}{also}; merge values, take the column "
            "out of adjust_for, or drop these rows, and say so"
        )


def _check_chances(chances, treatment, value):
    """Raise if rows got a value that their covariates all but exclude."""
    if chances.min() < 1e-10:  # then rounding of the score would show in the weight
        raise ValueError(
            f"no overlap: {(chances < 1e-10).sum()} row(s) have {treatment!r} {_word(value)}, to "
            f"which their covariates give a fitted probability of {chances.min():.0g}; {OVERLAP}"
        )


def _values(table, name):
    """Return the values of a treatment in order, and each row's place among them, or raise."""
    levels = table[name] if _numeric(table, name) else _levels(table[name])
    levels = levels.astype("category")
    arms, code = levels.cat.categories.tolist(), levels.cat.codes.to_numpy()
    if len(arms) == 1:
        raise ValueError(
            f"column {name!r} is {_word(arms[0])} in all {len(code)} rows; a comparison needs rows "
            "of another value"
        )
    words = pd.Series([_word(arm) for arm in arms])
    for word in words[words.duplicated()]:
        raise ValueError(
            f"column {name!r} has numbers and text that both read {word}; recode it, for example "
            f"with data[{name!r}].astype(str)"
        )
    counts = np.bincount(code)
    if counts.min() == 1:
        raise ValueError(
            f"column {name!r} has {len(arms)} values, and {_word(arms[counts.argmin()])} is in one "
            "row only, which cannot show the noise around it; merge values that are alike, for "
            "example with pd.cut, or drop the row and say so; of a dose of very many values "
            "estimate a curve"
        )
    return arms, code


def _target(arms, code, mass, among, treatment):
    """Return whom the means are of, or raise."""
    arm = None if among is None else _place_of(arms, among, "among", treatment)
    belongs = mass if arm is None else mass * (code == arm)
    return _Target(belongs / belongs.sum(), mass / belongs.sum(), arm)


def _check_arm_clusters(table, cluster, arms, code, treatment):
    """Raise if an arm has the rows of one cluster only."""
    for arm, value in enumerate(arms):
        column = f"{treatment} {_word(value)}"
        sides = pd.DataFrame({cluster: table[cluster], column: (code == arm) * 1})
        _check_sides(sides, cluster, [column])


def _pairs(arms, reference, treatment):
    """Return the pairs of values that are compared, the one taken off second."""
    if reference is None:
        return [(b, a) for a, b in itertools.combinations(range(len(arms)), 2)]
    base = _place_of(arms, reference, "reference", treatment)
    return [(arm, base) for arm in range(len(arms)) if arm != base]


def _place_of(arms, value, option, treatment):
    """Return the place of a value that an option names, or raise."""
    for place, arm in enumerate(arms):
        if np.isscalar(value) and isinstance(arm, str) == isinstance(value, str) and arm == value:
            return place
    raise ValueError(f"{option} is {value!r}, which {treatment!r} never is; it is {_listed(arms)}")


def _word(value):
    """Return a value of the treatment as it is shown."""
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)
