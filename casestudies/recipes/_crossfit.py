"""Cross-fitting: folds, learners of one's choice, and the scores of doubly robust estimates."""

import copy
from collections.abc import Callable
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pandas as pd

from casestudies.recipes._clusters import _check_several_clusters, _check_sides
from casestudies.recipes._columns import (
    _check_choice,
    _count,
    _generator,
    _group_basis,
    _Matrix,
    _names,
    _outcome,
)
from casestudies.recipes._counted import _Counted
from casestudies.recipes._score import (
    OVERLAP,
    _inverse,
    _read_counted_covariates,
    _regress_weighted,
)


class _Sample(NamedTuple):
    """Rows to which models are fitted: covariates, a treatment, an outcome, weights, clusters."""

    table: pd.DataFrame  # the covariates as they were read
    design: _Matrix
    treated: np.ndarray
    y: np.ndarray
    counted: _Counted
    cluster: pd.Series | None = None
    others: tuple = ()  # more columns, by which rows can differ


class _Choice(NamedTuple):
    """What models outcome and treatment, and the least probability that may divide."""

    outcome: object  # "linear", "logit" or a learner
    treatment: object  # "logit", a learner or known probabilities
    least: float
    options: tuple = ("outcome_model", "treatment_model")  # what messages call them


class _Fit(NamedTuple):
    """Predictions for new rows, and the way back from a gradient by them to the rows fitted."""

    predicted: np.ndarray
    carry: Callable = lambda gradient: 0.0  # of what is taken as known


class _Terms(NamedTuple):
    """Doubly robust scores, and what the fits add to the influences on their weighted sum."""

    scores: np.ndarray
    carry: Callable


def _read_sample(data, treatment, adjust_for, models, folds, *, outcome, weights, cluster):
    """Return the rows that models are fitted to, read and checked."""
    table, treated, design, counted = _read_counted_covariates(
        data, treatment, adjust_for, None, outcome=outcome, weights=weights, cluster=cluster
    )
    names, arms = _names("adjust_for", adjust_for), [treatment]
    rows = table[names], design, treated
    return _sampled(table, rows, outcome, models.outcome, counted, cluster, folds, arms)


def _sampled(table, rows, outcome, model, counted, cluster, folds, arms):
    """Return rows with their outcome and clusters, of which there are enough for the folds."""
    y = _outcome(table, outcome, model)
    if model == "linear":
        y = y - y.mean()  # digits that a far-off origin would cost
    if cluster is not None:
        _check_foldable(table, cluster, arms, folds)
    return _Sample(*rows, y, counted, None if cluster is None else table[cluster])


def _choose(model, outcome_model, treatment_model, least, folds):
    """Return the models asked for, checked, or raise."""
    _check_choice("model", model, ("linear", "logit"))
    _check_learners(folds, outcome_model=outcome_model, treatment_model=treatment_model)
    if outcome_model is not None and model != "linear":
        raise ValueError(
            f"model={model!r} and outcome_model both say how to model the outcome; leave one out"
        )
    outcome = model if outcome_model is None else outcome_model
    return _Choice(outcome, "logit" if treatment_model is None else treatment_model, least)


def _check_learners(folds, **learners):
    """Raise unless a learner, if there is one, can be fitted to some rows and predict others."""
    for option, learner in learners.items():
        if learner is None:
            continue
        predicts = hasattr(learner, "predict") or hasattr(learner, "predict_proba")
        if isinstance(learner, type) or not (hasattr(learner, "fit") and predicts):
            raise ValueError(
                f"{option} must be an object with fit and predict or predict_proba, such as "
                f"LinearRegression(), got {learner!r}"
            )
        if getattr(learner, "warm_start", False) is True:
            raise ValueError(
                f"{option} has warm_start=True, so a fit would remember rows that it is to "
                "predict; set warm_start=False"
            )
        if folds < 2:
            raise ValueError(
                f"folds is {folds}, but {option} would predict the very rows that it was fitted "
                "to, which biases the estimate; ask for folds=2 or more"
            )


def _check_foldable(table, cluster, arms, folds):
    """Raise unless there are as many clusters as folds and none makes up an arm by itself."""
    _check_several_clusters(table, cluster)
    count = table[cluster].nunique()
    if folds > count:
        raise ValueError(
            f"folds is {folds}, but column {cluster!r} has {count} cluster(s), and folds do not "
            "split them; ask for fewer"
        )
    _check_sides(table, cluster, arms)


def _splits(sample, folds, splits, rng, arms=True):
    """Deal the rows into folds, as often as asked for; give each row's fold and an order of rows.

    Folds are even within the two arms of the treatment, if it has arms. The order depends on
    values alone unless a source of random numbers makes it.
    """
    source = None if rng is None else _generator(rng)
    for split in range(_count("splits", splits)):
        if source is None:
            ties = (sample.counted.weights, *sample.others)
            order = _shuffled(sample.table, sample.treated, sample.y, split, ties, sample.cluster)
        else:
            order = source.permutation(len(sample.y))
        treated = sample.treated if arms else np.zeros(len(order))
        yield _deal(order, treated, folds, sample.cluster), order


def _deal(order, treated, folds, cluster=None):
    """Deal rows, or whole clusters, into folds, arm by arm, in an order."""
    if cluster is not None:
        return _deal_clusters(order, treated, folds, cluster)
    smaller = np.unique(treated, return_counts=True)[1].min()
    if folds > smaller:
        whose = f"the smaller arm has {smaller}" if treated.any() else f"data has {smaller}"
        raise ValueError(f"folds is {folds}, but {whose} rows; ask for fewer")
    order = order[np.argsort(treated[order], kind="stable")]
    fold = np.empty(len(order), dtype=int)
    fold[order] = np.arange(len(order)) % folds
    return fold


def _deal_clusters(order, treated, folds, cluster):
    """Deal clusters into folds in the order of their first rows, the more treated ones last."""
    codes, first = pd.factorize(cluster[order])
    share = np.bincount(codes, treated[order]) / np.bincount(codes)
    turn = np.argsort(share > treated.mean(), kind="stable")
    dealt = np.empty(len(first))
    dealt[turn] = np.arange(len(first)) % folds
    fold = np.empty(len(order), dtype=int)
    fold[order] = dealt[codes]
    return fold


def _shuffled(covariates, treated, y, split=0, ties=(), cluster=None):
    """Return an order of rows that looks random and depends on the order of values alone.

    Rows are sorted by a hash of the ranks of their covariates, equal ones by outcome,
    treatment and `ties`. How a covariate's ranks go with treatment and outcome decides on its
    place in the hash. A later
    split hashes its number and the rank of the outcome too. Rows of a cluster stay together.
    """
    ranks = [_ranks(covariates[name]) for name in covariates]
    ranks.sort(key=lambda rank: (rank @ treated, rank @ y))
    if split:
        ranks += [np.full(len(y), split), _ranks(pd.Series(y))]
    hashed = _hash(*ranks)
    keys = (*ties, treated, y, hashed)
    if cluster is None:
        return np.lexsort(keys)
    values = [_ranks(pd.Series(key)) for key in keys[:-1]]
    codes, names = pd.factorize(cluster)
    sums = np.zeros(len(names), dtype=np.uint64)
    np.add.at(sums, codes, _hash(hashed.view(np.int64), *values))
    return np.lexsort((*keys, sums[codes]))


def _hash(*columns):
    """Return a hash of each row of whole numbers."""
    frame = pd.DataFrame(np.column_stack(columns))
    return pd.util.hash_pandas_object(frame, index=False).to_numpy()


def _ranks(column):
    """Return how many rows have a smaller value; text is ranked as it sorts."""
    if not pd.api.types.is_numeric_dtype(column):
        column = pd.Series(pd.factorize(column.astype(str), sort=True)[0])
    values = column.to_numpy()
    order = np.argsort(values, kind="stable")
    larger = np.diff(values[order], prepend=-np.inf) > 1e-14 * np.abs(values[order])
    ranks = np.empty(len(values), dtype=int)
    ranks[order] = np.maximum.accumulate(np.where(larger, np.arange(len(values)), 0))
    return ranks


def _held_out(fold):
    """Give each fold's number, its rows and those that fit it; one fold is fitted to itself."""
    for number in range(fold.max() + 1):
        test = fold == number
        yield number, test, ~test if fold.any() else test


@contextmanager
def _in_fold(number, fold):
    """Say which fold's rows cannot carry a model."""
    try:
        yield
    except ValueError as error:
        if not fold.any():
            raise
        raise ValueError(
            f"in the rows that fit fold {number + 1} of {fold.max() + 1}: {error}; where rows are "
            "too few, fewer folds leave more to each fit"
        ) from error.__cause__


def _doubly_robust_scores(sample, fold, order, models, estimand="ATE"):
    """Return the terms of the AIPW sum, each fold predicted from the others."""
    scores, backs = np.empty(len(sample.y)), []
    for number, test, train in _held_out(fold):
        rows = (train, train & (sample.treated == 0), train & (sample.treated == 1))
        with _in_fold(number, fold):
            fits = _nuisances(sample, rows, test, order, models)
        predictions = [fit.predicted for fit in fits]
        observed = sample.treated[test], sample.y[test]
        if not isinstance(models.treatment, str):
            _check_score(observed[0], predictions[0], estimand, models)
        scores[test], gradients = _augmented(*observed, *predictions, estimand)
        backs += [(test, *back) for back in zip(fits, gradients, strict=True)]

    def carry(weights):
        carried = np.zeros(len(scores))
        for test, fit, gradient in backs:
            carried += fit.carry(gradient * weights[test])
        return carried

    return _Terms(scores, carry)


def _nuisances(sample, rows, test, order, models):
    """Fit the score and the outcome model of each arm in rows; predict in the test rows."""
    design, treated = sample.design, sample.treated
    by_mean, by_score = models.options
    if isinstance(models.outcome, str):
        for fitted, arm in zip(rows[1:], ("untreated", "treated"), strict=True):
            _group_basis(design, np.flatnonzero(fitted), f"units are {arm}")
    if isinstance(models.treatment, np.ndarray):
        score = _Fit(models.treatment[test])
    else:
        places = (order[rows[0][order]], test)
        score = _fit_one(sample, treated, *places, models.treatment, by_score, "arms")
    kind = "outcomes 0 and 1 of an arm"
    means = [
        _fit_one(sample, sample.y, order[fitted[order]], test, models.outcome, by_mean, kind)
        for fitted in rows[1:]
    ]
    return [score, *means]


def _augmented(treated, y, score, mean0, mean1, estimand):
    """Return the terms of the AIPW sum and their gradients by score and outcome predictions."""
    weights, derivative = _inverse(treated, score, estimand)
    sign = 2 * treated - 1
    if estimand == "ATT":
        signed = sign * weights
        return signed * (y - mean0), (sign * derivative * (y - mean0), -signed, 0 * y)
    residual = y - np.where(treated, mean1, mean0)
    terms = mean1 - mean0 + sign * weights * residual
    by_means = (1 - treated) * weights - 1, 1 - treated * weights
    return terms, (sign * derivative * residual, *by_means)


def _fit_one(sample, target, places, test, model, option, classes):
    """Fit a model to some rows, in the order of their places, and predict the test rows."""
    design, weights = sample.design, sample.counted.weights
    if isinstance(model, str):
        here, there = (design._replace(columns=design.columns[rows]) for rows in (places, test))
        fit = _regress_weighted(here, target[places], there, model, classes, weights[places])

        def carry(gradient):
            back = np.zeros(len(target))
            back[places] = fit.back(gradient) * fit.residual
            return back

        return _Fit(fit.predicted, carry)
    x, new = design.columns[places], design.columns[test]
    w = None if np.ptp(weights) == 0 else weights[places]
    return _Fit(_learned(model, option, x, target[places], new, w))


def _learned(model, option, x, y, new, weights):
    """Fit a copy of a learner and return its predictions, or say what went wrong."""
    kind = f"{option}, a {type(model).__name__},"
    if not len(y):
        raise ValueError(
            f"no row is left to fit {option}, as all of an arm are in one fold; deal anew by "
            "another rng or number of folds"
        )
    if y.min() == y.max():
        return np.full(len(new), y[0])  # a classifier may refuse what needs no learning
    by_chance = hasattr(model, "predict_proba")
    if by_chance and not np.isin(y, (0, 1)).all():
        raise ValueError(
            f"{kind} gives probabilities, but what it is to predict is not 0 or 1; use a learner "
            "with predict alone, a regressor"
        )
    known = {} if weights is None else {"sample_weight": weights}
    try:
        fitted = copy.deepcopy(model)
        given_back = fitted.fit(x, y, **known)  # not in a truth value: a forest has a length
        fitted = fitted if given_back is None else given_back
        found = np.asarray(fitted.predict_proba(new) if by_chance else fitted.predict(new), float)
    except Exception as error:
        raise ValueError(
            f"{kind} fails on {len(x)} rows of {x.shape[1]} column(s): {type(error).__name__}: "
            f"{error}; call its fit(x, y{', sample_weight=w' * bool(known)}) on such numbers alone "
            "to mend it, or choose another"
        ) from error
    if hasattr(fitted, "classes_") and not by_chance:
        raise ValueError(
            f"{kind} predicts classes and not how likely they are; use a classifier with "
            "predict_proba, for example scikit-learn's CalibratedClassifierCV of it"
        )
    if by_chance:
        found = _of_class_one(found, getattr(fitted, "classes_", (0, 1)))
    return _checked(kind, found, len(new))


def _of_class_one(found, classes):
    """Return the column of probabilities of 1."""
    return found if found.ndim == 1 else found[:, list(classes).index(1)]


def _checked(kind, found, count):
    """Return a learner's predictions, one finite number per row, or raise."""
    if found.size != count or not np.isfinite(found).all():
        raise ValueError(
            f"{kind} predicts an array of shape {found.shape} with {(~np.isfinite(found)).sum()} "
            f"missing or infinite value(s) for {count} rows; it must give one number for each"
        )
    return found.reshape(count)


def _check_score(treated, score, estimand, models):
    """Raise if a learner's scores are no probabilities, or would make a few rows count for all."""
    least, option = models.least, models.options[1]
    if score.min() < 0 or score.max() > 1:
        worst = score[np.abs(score - 0.5).argmax()]
        raise ValueError(
            f"{option} predicts {worst:.3g}, which is no probability; use a "
            "learner with predict_proba, a classifier"
        )
    own = np.where(treated, 1 if estimand == "ATT" else score, 1 - score)
    if own.min() < least:
        raise ValueError(
            f"no overlap: {option} gives {(own < least).sum()} row(s) a probability below "
            f"{least:g}, the least {own.min():.2g}, of the arm that they are in; smooth the "
            f"learner (larger leaves, a stronger penalty, calibration), {OVERLAP}, or lower "
            "min_score if so small a probability is real"
        )


def _over_splits(found):
    r"""Return the median estimate, and the root of the median of variance plus squared distance.

    `found` has an estimate and a standard error per split, as in Chernozhukov et al. (2018):
    :math:`\operatorname{med}_s\{\hat\sigma_s^2 + (\hat\theta_s - \hat\theta)^2\}`.
    """
    estimates, errors = np.array(found).T
    estimate = np.median(estimates)
    return estimate, np.sqrt(np.median(errors**2 + (estimates - estimate) ** 2))
