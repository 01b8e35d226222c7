"""Means under a regime: regressions back in time, chances of following, and both together.

Each estimator returns the mean, net of the outcomes' origin, and each unit's influence on it,
the estimation of all models included.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from casestudies.recipes._columns import (
    _check_choice,
    _check_switch,
    _design,
    _group_basis,
    _Matrix,
)
from casestudies.recipes._regimes import _as_taken, _follows
from casestudies.recipes._score import (
    _axes,
    _check_arm,
    _inverse,
    _regress_weighted,
    _Regression,
    _with_constant,
)


class _Models(NamedTuple):
    """How outcomes and treatments are modelled, and in which models each cell has a level."""

    model: str
    interact: bool
    outcome_cells: bool
    treatment_cells: bool
    known: bool = False  # take the weights as known


class _Step(NamedTuple):
    """A regression of one month: the rows that fit it, those it predicts, and itself."""

    fit: np.ndarray
    new: np.ndarray
    regression: _Regression


class _Chance(NamedTuple):
    """The probability of what the regime asks, its sign by the score, and the score's rows."""

    own: np.ndarray
    sign: np.ndarray
    rows: np.ndarray
    regression: _Regression | None


def _choose_models(model="linear", interact=True, saturated=False, *, known=False):
    """Return the choice of models, or raise."""
    _check_switch("interact", interact)
    if not isinstance(saturated, bool | np.bool_):
        _check_choice("saturated", saturated, ("outcome", "treatments"))
    cells = [saturated in (True, kind) for kind in ("outcome", "treatments")]
    return _Models(model, bool(interact), *cells, known)


def _iterated(course, models, limit=None, least=1):
    """Regress backwards in time, predict under the regime, average (g-formula)."""
    means, steps = _backward(course, models, limit, least)
    estimate = course.weights @ means[0]
    gradients = [course.weights, *(np.zeros(len(course.y)) for _ in means[1:])]
    return estimate, course.weights * (means[0] - estimate) + _by_steps(steps, gradients)


def _weighted(course, models):
    """Average the followers' outcomes by the inverse of their probability of following."""
    chances = _chances(course, models.treatment_cells)
    w = course.weights * _ratios(course, chances)[-1]
    w = w / w.sum()
    estimate = w @ course.y
    influence = w * (course.y - estimate)
    if models.known:
        return estimate, influence
    return estimate, influence + _by_chances(chances, [influence] * len(chances))


def _augmented_mean(course, models):
    """Average predictions under the regime, and add the followers' weighted residuals."""
    means, steps = _backward(course, models)
    chances = _chances(course, models.treatment_cells)
    w, ratios = course.weights, _ratios(course, chances)
    after, before = [*means[1:], course.y], [np.ones(len(w)), *ratios[:-1]]
    gains = [w * r * (m1 - m0) for r, m0, m1 in zip(ratios, means, after, strict=True)]
    terms = w * means[0] + sum(gains)
    gradients = [w * (r0 - r1) for r0, r1 in zip(before, ratios, strict=True)]
    gains_from = np.cumsum(gains[::-1], axis=0)[::-1]  # each chance divides all later gains
    influence = terms - w * terms.sum() + _by_steps(steps, gradients)
    return terms.sum(), influence + _by_chances(chances, gains_from)


def _structural(course, models):
    """Regress outcomes on the treatments with stabilized weights; predict for the regime."""
    own, names = _as_taken(course), [d.name for d in course.decisions if not d.lost]
    bare = [d._replace(past=[name for name in d.past if name in names]) for d in own.decisions]
    given = _chances(own, models.treatment_cells, both=True)
    alone = _chances(own._replace(decisions=bare), models.treatment_cells, both=True)
    stayed, influence = course.stayed, np.zeros(len(course.y))
    stable = [_ratios(own, chances)[-1][stayed] for chances in (given, alone)]
    w = course.weights[stayed] * stable[0] / stable[1]
    design = _design(course.table[stayed], names)
    asked = np.array([[d.asked[0] for d in course.decisions if not d.lost]])
    new, classes = design._replace(columns=asked), "outcomes"
    fit = _regress_weighted(design, course.y[stayed], new, models.model, classes, w)
    influence[stayed] = fit.back(np.ones(1)) * fit.residual
    if models.known:
        return fit.predicted[0], influence
    shares = [influence] * len(given)
    return fit.predicted[0], influence + _by_chances(given, shares) - _by_chances(alone, shares)


def _blips(course, modifiers, cells):
    """Return what each month's treatment adds, and each unit's influence, by g-estimation."""
    chances, y, w = _chances(course, cells, both=True), course.y, course.weights
    found, later = [], []
    steps = zip(course.decisions, chances, modifiers, strict=True)
    for decision, chance, b in list(steps)[::-1]:
        design = _history(course, course.table, decision.past, cells)
        x = _with_constant(_axes(design).place(design))
        treated = b * decision.taken[:, np.newaxis]
        surprise = b * (chance.sign * (1 - chance.own))[:, np.newaxis]
        instruments = np.hstack([x, surprise]) * w[:, np.newaxis]
        inverse = np.linalg.inv(instruments.T @ np.hstack([x, treated]))
        coefficients = inverse @ (instruments.T @ y)
        noise = y - np.hstack([x, treated]) @ coefficients
        scores = instruments * noise[:, np.newaxis]
        for column, modifier in enumerate(b.T, start=x.shape[1]):
            gradient = -modifier * w * noise
            scores[:, column] += chance.regression.back(gradient) * chance.regression.residual
        for removed, share in later:
            scores -= share @ (instruments.T @ removed).T
        blip, influence = coefficients[x.shape[1] :], (scores @ inverse.T)[:, x.shape[1] :]
        y = y - treated @ blip
        later.append((treated, influence))
        found.append((blip, influence))
    blips, influences = zip(*found[::-1], strict=True)
    return np.concatenate(blips), np.hstack(influences)


def _backward(course, models, limit=None, least=1):
    """Return the mean under the regime given each history, and the regressions that tell it."""
    mean, found = course.y, []
    needs = _needs(course, models.outcome_cells, models.interact)
    for decision, need in list(zip(course.decisions, needs, strict=True))[::-1]:
        mean, steps = _step_back(course, decision, need, mean, models, (limit, least))
        found.append((mean, steps))
    means, steps = zip(*found[::-1], strict=True)
    return list(means), list(steps)


def _needs(course, cells, interact=True):
    """Tell at each decision whose mean is asked for: those who fit the regression before.

    Cells of their own pool nobody, so that with them only the followers so far are needed.
    """
    need, found = course.decisions[0].present, []
    for decision, follow in zip(course.decisions, _follows(course), strict=True):
        need = need & decision.present
        found.append(need)
        arms = np.unique(decision.asked[need]) if interact or decision.lost else (0, 1)
        need = follow if cells else decision.present & np.isin(decision.taken, arms)
    return found


def _step_back(course, decision, need, y, models, bounding):
    """Regress y on treatment and history, and predict it as the regime asks."""
    mean, steps = np.zeros(len(y)), []
    apart = models.interact or models.outcome_cells or decision.lost
    for group in ([0], [1]) if apart else ([0, 1],):
        new = need & np.isin(decision.asked, group)
        fit = decision.present & np.isin(decision.taken, group)
        if models.outcome_cells:
            fit = new & (decision.taken == decision.asked)
            key = (decision.name, "unseen", *group)
            unseen = _once(course, key, _unseen, decision, fit, new, bounding)
            mean[unseen] = bounding[0]
            fit, new = fit & ~unseen, new & ~unseen
        if new.any():
            key = (decision.name, "outcome", models.outcome_cells, *group)
            here, there, classes = _once(course, key, _designs, decision, fit, new, models)
            w = course.weights[fit]
            step = _Step(fit, new, _regress_weighted(here, y[fit], there, models.model, classes, w))
            mean[new] = step.regression.predicted
            steps.append(step)
    return mean, steps


def _once(course, key, make, *arguments):
    """Return what does not depend on weights, made when it is first asked for."""
    if key not in course.made:
        course.made[key] = make(course, *arguments)
    return course.made[key]


def _unseen(course, decision, fit, new, bounding):
    """Tell whose cell has too few units that do what the regime asks, or raise."""
    limit, least = bounding
    cells, words = _once(course, (decision.name, "cells", *decision.past), _cells_before, decision)
    unseen = new & (np.bincount(cells[fit], minlength=len(words))[cells] < least)
    if limit is None and unseen.any():
        row = unseen.argmax()
        alike = (unseen & (cells == cells[row])).sum()
        raise ValueError(
            f"no overlap: {alike} unit(s) that followed the regime so far have "
            f"{words[cells[row]] or 'no history'}, and none of them has {decision.name!r} at "
            f"{decision.asked[row]:g}, as it asks; merge values of the history, ask for another "
            "regime, or, if the outcome has a range, for regime_bounds"
        )
    return unseen


def _designs(course, decision, fit, new, models):
    """Return what fits a step's regression and what it predicts for, or raise if it cannot."""
    rows = fit | new
    table = course.table[rows]
    design = _history(course, table, decision.past, models.outcome_cells)
    here, there = (design._replace(columns=design.columns[part[rows]]) for part in (fit, new))
    arms, names = np.unique(decision.asked[new]), _varying(table, decision.past)
    for arm in arms:
        near = (fit & (decision.taken == arm))[rows]
        _check_within_reach(table, names, decision.name, near, new[rows], int(arm))
    if np.ptp(decision.taken[fit]):
        here = _with_column(here, decision.name, decision.taken[fit])
        there = _with_column(there, decision.name, decision.asked[new])
    where = f"{decision.name!r} is {' or '.join(f'{arm:g}' for arm in arms)}"
    _group_basis(here, np.arange(fit.sum()), where)
    return here, there, f"smallest and largest outcomes where {where}"


def _check_within_reach(table, names, treatment, near, new, arm):
    """Raise if a history is predicted that lies outside all of those that fit."""
    rows = near | new
    if (new & ~near).any():
        _check_arm(table[rows], near[rows], names, treatment, arm)


def _with_column(matrix, label, values):
    """Return a design with one more column."""
    columns = np.column_stack([matrix.columns, values])
    return _Matrix([*matrix.labels, label], columns, np.append(matrix.precision, 0))


def _history(course, table, names, cells):
    """Return the columns of a history that vary among these rows, as numbers."""
    names = _varying(table, names)
    discrete = [name for name in names if cells and name in course.discrete]
    smooth = _design(table, [name for name in names if name not in discrete])
    codes, levels = _cells_of(table, discrete)
    dummies = codes[:, np.newaxis] == np.arange(1, len(levels))
    precision = np.append(smooth.precision, np.zeros(len(levels) - 1))
    columns = np.hstack([smooth.columns, dummies])
    return _Matrix([*smooth.labels, *levels[1:]], columns.astype(float), precision)


def _past(course, decision, rows, cells):
    return _history(course, course.table[rows], decision.past, cells)


def _varying(table, names):
    """Return the columns that have more than one value in these rows."""
    columns = ((name, table[name].to_numpy()) for name in names)
    return [name for name, values in columns if (values != values[0]).any()]


def _cells_before(course, decision):
    """Return the cells of a decision's whole history."""
    return _cells_of(course.table, [name for name in decision.past if name in course.discrete])


def _cells_of(table, names):
    """Return the number of each row's combination of values, and the combinations in words."""
    codes = np.zeros(len(table), dtype=int)
    for name in names:
        values, kinds = pd.factorize(table[name], sort=True)
        codes = pd.factorize(codes * len(kinds) + values, sort=True)[0]
    if not names:
        return codes, [""]
    firsts = np.unique(codes, return_index=True)[1]
    rows = zip(*(table[name].to_numpy()[firsts] for name in names), strict=True)
    words = [" and ".join(f"{n} = {v}" for n, v in zip(names, row, strict=True)) for row in rows]
    return codes, words


def _by_steps(steps, gradients):
    """Return the influence of each unit through the regressions, given gradients by means."""
    influence, inherited = np.zeros(len(gradients[0])), 0.0
    for regressions, direct in zip(steps, gradients, strict=True):
        gradient, inherited = direct + inherited, np.zeros(len(influence))
        for step in regressions:
            back = step.regression.back(gradient[step.new])
            influence[step.fit] += back * step.regression.residual
            inherited[step.fit] += back
    return influence


def _chances(course, cells, *, both=False):
    """Return for each decision the probability of what the regime asks, given the history.

    In a cell where all do what the regime asks it is 1, unless both arms are needed there.
    """
    found, follows = [], _follows(course)
    needs = _needs(course, cells)
    for decision, need, follow in zip(course.decisions, needs, follows, strict=True):
        rows = need if cells else decision.present
        if cells and not both:
            key = (decision.name, "uncertain")
            rows = rows & _once(course, key, _uncertain, decision, rows)
        own, sign, fit = np.ones(len(rows)), np.where(decision.asked == 1, 1.0, -1.0), None
        if rows.any():
            fit = _treatment_model(course, decision, rows, cells)
            own[rows] = np.where(decision.asked[rows] == 1, fit.predicted, 1 - fit.predicted)
        if (kept := follow & rows).any():
            _inverse(decision.taken[kept], np.where(sign > 0, own, 1 - own)[kept], "ATE")
        found.append(_Chance(own, sign, rows, fit))
    return found


def _uncertain(course, decision, rows):
    """Tell whose cell holds units that do otherwise than the regime asks."""
    cells, words = _once(course, (decision.name, "cells", *decision.past), _cells_before, decision)
    others = rows & (decision.taken != decision.asked)
    return np.bincount(cells[others], minlength=len(words))[cells] > 0


def _treatment_model(course, decision, rows, cells):
    """Fit a logit of a treatment on its history, or raise."""
    key = (decision.name, "treatment", cells, *decision.past)
    design = _once(course, key, _past, decision, rows, cells)
    taken, weights = decision.taken[rows], course.weights[rows]
    try:
        return _regress_weighted(design, taken, design, weights=weights)
    except ValueError as error:
        decided = str(error).startswith("no overlap")
        about = "is decided by its history" if decided else "cannot be modelled by its history"
        raise ValueError(f"column {decision.name!r} {about}: {error}") from None


def _ratios(course, chances):
    """Return after each decision 1 / P(following so far) for followers, 0 for the others."""
    ratio, found = np.ones(len(course.y)), []
    for follow, chance in zip(_follows(course), chances, strict=True):
        ratio = np.where(follow, ratio / chance.own, 0)
        found.append(ratio)
    return found


def _by_chances(chances, shares):
    """Return the influence of each unit through the treatment models, given what they divide."""
    influence = np.zeros(len(shares[0]))
    for chance, share in zip(chances, shares, strict=True):
        if chance.regression is None:  # all do what the regime asks
            continue
        gradient = (-chance.sign * share / chance.own)[chance.rows]
        influence[chance.rows] += chance.regression.back(gradient) * chance.regression.residual
    return influence
