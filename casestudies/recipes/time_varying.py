r"""Decisions over time: mean outcomes under a regime, when each decision answers the last.

A regime says of each treatment :math:`A_0, A_1, \dots` what it would be: 0, 1, or a function of
what is known by then. Its mean outcome :math:`E[Y^d]` is what everybody would have had on
average under it. All estimates here assume that the history before each treatment, with the
treatments before, holds all that moved both that treatment and the outcome (sequential
exchangeability), that whoever has followed the regime so far can follow it further whatever the
history (positivity), and that following it by chance is the same as following it by order
(consistency). A confounder that nobody recorded is in no history.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from casestudies.recipes._columns import (
    _check_choice,
    _check_level,
    _count,
    _design,
    _generator,
    _group_basis,
    _listed,
    _Matrix,
    _numeric,
    _result,
)
from casestudies.recipes._regimes import _read_course
from casestudies.recipes._score import _effective, _regression


class _Models(NamedTuple):
    """How outcomes and treatments are modelled."""

    model: str = "linear"
    interact: bool = True
    saturated: bool = False


class _Part(NamedTuple):
    """A regression of one month: the rows that fit it, those it predicts, and itself."""

    fit: np.ndarray
    new: np.ndarray
    regression: object


def regime_mean(
    data,
    *,
    outcome,
    treatments,
    histories,
    regime,
    model="linear",
    interact=True,
    saturated=False,
    censored=None,
    weights=None,
    variance="stacked",
    draws=1_000,
    rng=None,
    level=0.95,
):
    """Estimate the mean outcome if everybody followed a regime, by iterated regressions."""
    columns = {"outcome": outcome, "treatments": treatments, "histories": histories}
    options = {"censored": censored, "weights": weights, "model": model}
    course = _followed(_read_course(data, **columns, regime=regime, **options))
    spread = (variance, draws, rng, level)
    return _answer("regime_mean", [course], _iterated, _Models(model, interact, saturated), spread)


METHODS = ("g_formula", "weighting", "doubly_robust")


def regime_difference(
    data,
    *,
    outcome,
    treatments,
    histories,
    regime,
    reference,
    method="g_formula",
    model="linear",
    interact=True,
    saturated=False,
    censored=None,
    weights=None,
    variance="stacked",
    draws=1_000,
    rng=None,
    level=0.95,
):
    """Estimate the difference between the mean outcomes under two regimes."""
    _check_choice("method", method, METHODS)
    columns = {"outcome": outcome, "treatments": treatments, "histories": histories}
    options = {"censored": censored, "weights": weights, "model": model}
    courses = [
        _followed(_read_course(data, **columns, regime=asked, **options))
        for asked in (regime, reference)
    ]
    estimator = dict(zip(METHODS, (_iterated, _weighted, _augmented_mean), strict=True))[method]
    spread, models = (variance, draws, rng, level), _Models(model, interact, saturated)
    return _answer("regime_difference", courses, estimator, models, spread)


def regime_support(
    data, *, outcome, treatments, histories, regime, saturated=False, censored=None, weights=None
):
    """Describe after each decision how many follow a regime, and what their weights are."""
    columns = {"outcome": outcome, "treatments": treatments, "histories": histories}
    options = {"censored": censored, "weights": weights, "model": "linear"}
    course = _read_course(data, **columns, regime=regime, **options)
    chances = _chances(course, saturated)
    rows = []
    for follow, ratio in zip(_follows(course), _ratios(course, chances), strict=True):
        w = course.weights * ratio
        share = w / w.sum() if follow.any() else w
        effective = _effective(w) if follow.any() else 0.0
        rows.append((follow.sum(), effective, share.max(), len(w) * w.sum()))
    names = pd.Index([decision.name for decision in course.decisions])
    entries = ["followers", "effective_n", "largest_weight", "weight_sum"]
    return pd.DataFrame(rows, index=names, columns=entries, dtype=float)


def _answer(method, courses, estimator, models, spread):
    """Return the mean under a regime, or its difference from that under another."""
    variance, draws, rng, level = spread
    _check_choice("variance", variance, ("stacked", "bootstrap"))
    _check_level(level)
    estimate, influence = _contrast(courses, estimator, models)
    std_error = np.sqrt(influence @ influence)
    if variance == "bootstrap":
        std_error = _bootstrap(courses, estimator, models, _count("draws", draws, 2), rng)
    result = _result(method, estimate, std_error, n=len(influence), level=level)
    result.attrs["followers"] = [int(_follows(course)[-1].sum()) for course in courses]
    return result


def _contrast(courses, estimator, models):
    """Return the first mean, minus the second if there are two, and each unit's influence."""
    answers = [estimator(course, models) for course in courses]
    estimates, influences = zip(*answers, strict=True)
    if len(courses) == 1:
        return courses[0].origin + estimates[0], influences[0]
    return estimates[0] - estimates[1], influences[0] - influences[1]


def _bootstrap(courses, estimator, models, draws, rng):
    """Return the standard deviation of the answer over random weights of the units."""
    rng, found = _generator(rng), []
    for _ in range(draws):
        w = courses[0].weights * rng.standard_exponential(len(courses[0].weights))
        drawn = [course._replace(weights=w / w.sum()) for course in courses]
        found.append(_contrast(drawn, estimator, models)[0])
    return np.std(found, ddof=1)


def _follows(course):
    """Tell after each decision who has followed the regime so far."""
    follow, found = np.ones(len(course.y), dtype=bool), []
    for decision in course.decisions:
        follow = follow & decision.present & (decision.taken == decision.asked)
        found.append(follow)
    return found


def _followed(course):
    """Return the course, or raise if nobody follows the regime to its end."""
    for decision, follow in zip(course.decisions, _follows(course), strict=True):
        if not follow.any():
            raise ValueError(
                f"nobody follows the regime up to {decision.name!r}, so its mean would come from "
                "models alone; ask for a regime that some follow, or, if the outcome has a range, "
                "for regime_bounds"
            )
    return course


def _iterated(course, models):
    """Regress backwards in time, predict under the regime, average (g-formula)."""
    means, fits = _backward(course, models)
    estimate = course.weights @ means[0]
    gradients = [course.weights, *(np.zeros(len(course.y)) for _ in means[1:])]
    return estimate, course.weights * (means[0] - estimate) + _forward(fits, gradients)


def _weighted(course, models):
    """Average the followers' outcomes, by the inverse of their probability of following."""
    chances = _chances(course, models.saturated)
    w = course.weights * _ratios(course, chances)[-1]
    w = w / w.sum()
    estimate = w @ course.y
    influence = w * (course.y - estimate)
    return estimate, influence + _by_chances(course, chances, [influence] * len(chances))


def _augmented_mean(course, models):
    """Average predictions under the regime, plus the followers' weighted residuals."""
    means, fits = _backward(course, models)
    chances = _chances(course, models.saturated)
    w, ratios = course.weights, _ratios(course, chances)
    after = [*means[1:], course.y]
    gains = [w * r * (m1 - m0) for r, m0, m1 in zip(ratios, means, after, strict=True)]
    terms = w * means[0] + sum(gains)
    estimate = terms.sum()
    before = [np.ones(len(w)), *ratios[:-1]]
    gradients = [w * (r0 - r1) for r0, r1 in zip(before, ratios, strict=True)]
    later = np.cumsum(gains[::-1], axis=0)[::-1]
    influence = terms - w * estimate + _forward(fits, gradients)
    return estimate, influence + _by_chances(course, chances, later)


def _backward(course, models):
    """Return the mean outcome under the regime given each history, and what fitted it."""
    mean, found = course.y, []
    for decision, need in list(
        zip(course.decisions, _needs(course, models.saturated), strict=True)
    )[::-1]:
        mean, parts = _step(course, decision, need, mean, models)
        found.append((mean, parts))
    means, fits = zip(*found[::-1], strict=True)
    return list(means), list(fits)


def _needs(course, saturated):
    """Tell at each decision whose mean is asked for: those who fit the regression before.

    Cells of their own pool nobody, so that with them only followers so far are needed.
    """
    need, found = course.decisions[0].present, []
    for decision, follow in zip(course.decisions, _follows(course), strict=True):
        need = need & decision.present
        found.append(need)
        arms = np.unique(decision.asked[need])
        need = follow if saturated else decision.present & np.isin(decision.taken, arms)
    return found


def _step(course, decision, need, y, models):
    """Regress y on treatment and history, and predict it as the regime asks."""
    mean, parts = np.zeros(len(y)), []
    arms = np.unique(decision.asked[need])
    for group in [[arm] for arm in arms] if models.interact else [list(arms)]:
        new = need & np.isin(decision.asked, group)
        fit = new & (decision.taken == decision.asked)
        if not models.saturated:
            fit = decision.present & np.isin(decision.taken, group)
        part = _regress_step(course, decision, fit, new, y, models, group)
        mean[new] = part.regression.predicted
        parts.append(part)
    return mean, parts


def _regress_step(course, decision, fit, new, y, models, group):
    """Fit one regression of a step, or raise if its rows cannot carry it."""
    rows = fit | new
    table = course.table[rows]
    design = _history(table, decision.past, models.saturated)
    here, there = (design._replace(columns=design.columns[part[rows]]) for part in (fit, new))
    where = f"{decision.name!r} is {_listed([f'{arm:g}' for arm in group])}"
    if len(group) > 1:
        here, there = (
            _with(matrix, decision.name, values)
            for matrix, values in ((here, decision.taken[fit]), (there, decision.asked[new]))
        )
    _group_basis(here, np.arange(fit.sum()), where)
    w, classes = course.weights[fit], "smallest and largest outcomes"
    return _Part(fit, new, _regression(here, y[fit], there, models.model, classes, w))


def _with(matrix, label, values):
    """Return a design with one more column."""
    columns = np.column_stack([matrix.columns, values])
    return _Matrix([*matrix.labels, label], columns, np.append(matrix.precision, 0))


def _history(table, names, saturated):
    """Return the columns of a history that vary among these rows, as numbers."""
    names = [name for name in names if not (table[name] == table[name].iloc[0]).all()]
    if not saturated:
        return _design(table, names)
    discrete = [name for name in names if _discrete(table, name)]
    smooth = _design(table, [name for name in names if name not in discrete])
    cells = _cells_of(table, discrete)
    levels = sorted(set(cells))[1:]
    dummies = cells[:, np.newaxis] == np.array(levels, dtype=object)
    columns = np.hstack([smooth.columns, dummies])
    precision = np.concatenate([smooth.precision, np.zeros(len(levels))])
    return _Matrix([*smooth.labels, *levels], columns.astype(float), precision)


def _discrete(table, name):
    """Tell whether a column is text, a category, or zeros and ones."""
    return not _numeric(table, name) or bool(table[name].isin((0, 1)).all())


def _cells_of(table, names):
    """Return the combination of values of each row, in words."""
    parts = [name + " = " + table[name].astype(str) for name in names]
    words = np.full(len(table), "", dtype=object)
    for part in parts:
        words = words + np.where(words == "", "", " and ") + part.to_numpy(dtype=object)
    return words


def _forward(fits, gradients):
    """Return the influence of the units through all regressions, given gradients by means."""
    influence = np.zeros(len(gradients[0]))
    inherited = np.zeros(len(influence))
    for parts, direct in zip(fits, gradients, strict=True):
        gradient, inherited = direct + inherited, np.zeros(len(influence))
        for part in parts:
            back = part.regression.back(gradient[part.new])
            influence[part.fit] += back * part.regression.residual
            inherited[part.fit] += back
    return influence


class _Chance(NamedTuple):
    """The probability of doing what the regime asks, its sign by the score, and the fit."""

    rows: np.ndarray
    own: np.ndarray
    sign: np.ndarray
    regression: object


def _chances(course, saturated):
    """Return for each decision the probability of what the regime asks, given the history."""
    found = []
    for decision, need in zip(course.decisions, _needs(course, saturated), strict=True):
        rows = need if saturated else decision.present
        design = _history(course.table[rows], decision.past, saturated)
        try:
            fit = _regression(design, decision.taken[rows], design, weights=course.weights[rows])
        except ValueError as error:
            raise ValueError(
                f"column {decision.name!r} is decided by its history: {error}"
            ) from None
        own, sign = np.ones(len(rows)), np.where(decision.asked == 1, 1, -1)
        own[rows] = np.where(decision.asked[rows] == 1, fit.predicted, 1 - fit.predicted)
        found.append(_Chance(rows, own, sign, fit))
    return found


def _ratios(course, chances):
    """Return after each decision 1 / P(following so far) of followers, 0 of the others."""
    ratio, found = np.ones(len(course.y)), []
    for follow, chance in zip(_follows(course), chances, strict=True):
        ratio = np.where(follow, ratio / chance.own, 0)
        found.append(ratio)
    return found


def _by_chances(course, chances, later):
    """Return the influence through the treatment models of sums that each chance divides."""
    influence = np.zeros(len(course.y))
    for chance, total in zip(chances, later, strict=True):
        rows = chance.rows
        gradient = (-chance.sign * total / chance.own)[rows]
        influence[rows] += chance.regression.back(gradient) * chance.regression.residual
    return influence
