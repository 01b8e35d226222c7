"""Decisions over time: what was known before each, what a regime asks, and who was lost."""

import inspect
from typing import NamedTuple

import numpy as np
import pandas as pd

from casestudies.recipes._columns import (
    _check_choice,
    _check_frame,
    _frame,
    _listed,
    _names,
    _numbers,
    _numeric,
    _one,
    _outcome,
    _read,
    _zero_one,
)
from casestudies.recipes._counted import _sampling_weights


class _Decision(NamedTuple):
    """A treatment or a loss: what was known before it, whom it met, what was done and asked."""

    name: str
    past: list
    present: np.ndarray  # units that were not lost before
    taken: np.ndarray
    asked: np.ndarray
    lost: bool = False


class _Course(NamedTuple):
    """Units and their decisions in order of time; outcomes are net of an origin."""

    table: pd.DataFrame
    y: np.ndarray
    origin: float
    weights: np.ndarray  # of sum 1
    decisions: list
    discrete: set  # columns that are text, categories, or zeros and ones
    made: dict  # designs, which do not depend on the weights

    @property
    def stayed(self):
        """Tell whose outcome was seen."""
        last = self.decisions[-1]
        return last.present & ~(last.lost & (last.taken == 1))


def _read_course(data, outcome, treatments, histories, regime, *options, **named):
    """Return units and their decisions under a regime, or raise."""
    return _read_courses(data, outcome, treatments, histories, [regime], *options, **named)[0]


def _read_courses(
    data, outcome, treatments, histories, regimes, weights=None, censored=None, model="linear"
):
    """Return the same units and their decisions under each of several regimes, or raise."""
    _check_choice("model", model, ("linear", "logit"))
    outcome, treatments = _one("outcome", outcome), _names("treatments", treatments)
    if not treatments:
        raise ValueError("treatments names no column; name the decisions, in order of time")
    losses = _read_losses(censored, treatments)
    known = _read_histories(histories, treatments, [outcome, *filter(None, losses)])
    covariates = list(dict.fromkeys(name for names in known for name in names))
    losing = {"censored": list(filter(None, losses))}
    several = {"treatments": treatments, "histories": covariates, **losing}
    data, gone = _without_lost(data, treatments, known, losses, outcome, list(several.values()))
    sampling = {} if weights is None else {"weights": _one("weights", weights)}
    table = _read(data, outcome=outcome, several=several, **sampling)
    for name in covariates:
        if (table[name] == table[name].iloc[0]).all():
            raise ValueError(f"column {name!r} has one value in all rows; drop it from histories")
    read = table, treatments, known, losses, gone
    decided = [_decisions(*read, regime) for regime in regimes]
    w = _sampling_weights(table, weights) / len(table)
    y, stayed = _numbers(table, outcome), ~gone[-1]
    _outcome(table[stayed], outcome, model)
    origin = w[stayed] @ y[stayed] / w[stayed].sum() if model == "linear" else 0.0
    past = [*covariates, *treatments]
    discrete = {n for n in past if not _numeric(table, n) or table[n].isin((0, 1)).all()}
    return [_Course(table, y - origin, origin, w, decisions, discrete, {}) for decisions in decided]


def _read_histories(histories, treatments, later):
    """Return what was first known before each treatment, or raise if it was known later."""
    listed = np.iterable(histories) and not isinstance(histories, str | dict)
    if not listed or len(histories) != len(treatments):
        count = len(histories) if listed else 1
        raise ValueError(
            f"histories holds {count} list(s) for {len(treatments)} treatment(s); give a list of "
            "lists, for each treatment the columns known before it, [] where nothing is new"
        )
    seen, known = set(), []
    for step, (treatment, columns) in enumerate(zip(treatments, histories, strict=True)):
        names = _names(f"histories[{step}]", columns)
        for name in names:
            if name in treatments[step:] or name in later:
                raise ValueError(
                    f"histories[{step}] names {name!r}, which is not known before {treatment!r}; "
                    "a history holds what was known before its treatment, so take it out"
                )
        known.append([name for name in names if name not in seen and name not in treatments])
        seen.update(names)
    return known


def _read_losses(censored, treatments):
    """Return the column of losses after each treatment, None where there is none, or raise."""
    if censored is None:
        return [None] * len(treatments)
    losses = _names("censored", censored)
    if isinstance(censored, str):
        return [None] * (len(treatments) - 1) + losses
    if len(losses) != len(treatments):
        raise ValueError(
            f"censored names {len(losses)} column(s) for {len(treatments)} treatment(s); name one "
            "for each, 1 for units lost after it, or one alone for those lost after the last"
        )
    return losses


def _without_lost(data, treatments, known, losses, outcome, listed):
    """Return data in which what came after a loss is filled, and who was lost by then.

    What is filled in enters no estimate: a unit that is lost leaves every later model.
    """
    data = _frame(data)
    gone = [np.zeros(len(data), dtype=bool)]
    _check_frame(data, dict.fromkeys([outcome, *(name for names in listed for name in names)]))
    missing = data[outcome].isna()
    if missing.any() and not any(losses):
        raise ValueError(
            f"column {outcome!r} has {missing.sum()} missing value(s); name those who were lost "
            f"with censored='lost', of data.assign(lost=data[{outcome!r}].isna() * 1), and they "
            "are stood for by those who stayed and whose past is alike"
        )
    filled = {}
    for treatment, names, loss in zip(treatments, known, losses, strict=True):
        for name in [*names, treatment]:
            filled[name] = _filled(data[name], gone[-1])
        left = gone[-1]
        if loss is not None:
            _check_marks(data[loss][~gone[-1]])
            yes = True if pd.api.types.infer_dtype(data[loss]) == "boolean" else 1
            filled[loss] = data[loss].mask(gone[-1], yes)
            left = (filled[loss] == 1).fillna(False).to_numpy(dtype=bool)
        gone.append(left)
    filled[outcome] = _filled(data[outcome], gone[-1])
    return data.assign(**filled) if gone[-1].any() else data, gone


def _check_marks(column):
    """Raise on a value that does not say whether a unit was lost."""
    for other in column[column.notna() & ~column.isin((0, 1))]:
        raise ValueError(
            f"column {column.name!r} must be 0 or 1, found {other!r}; recode it to 1 for those who "
            "were lost and 0 for those who stayed"
        )


def _filled(column, gone):
    return column.mask(gone, column[~gone].iloc[0]) if gone.any() and not gone.all() else column


def _decisions(table, treatments, known, losses, gone, regime):
    """Return treatments and losses in order of time."""
    _check_named(regime, treatments)
    past, decisions = [], []
    steps = zip(treatments, known, losses, gone[:-1], gone[1:], strict=True)
    for treatment, names, loss, before, after in steps:
        past = [*past, *names]
        present = ~before
        _zero_one(table[present], treatment)
        taken = table[treatment].to_numpy(dtype=float)
        asked = _asked(regime[treatment], treatment, past, table, present)
        decisions.append(_Decision(treatment, past, present, taken, asked))
        past = [*past, treatment]
        if (after & present).any():
            _zero_one(table[present], loss, ("those who stayed", "those who were lost"))
            taken = table[loss].to_numpy(dtype=float)
            decisions.append(_Decision(loss, past, present, taken, np.zeros(len(table)), True))
    return decisions


def _check_named(regime, treatments):
    """Raise unless a regime says something about each treatment and about nothing else."""
    if not isinstance(regime, dict):
        raise ValueError(f"regime must be a dict from treatment to 0, 1 or rule, got {regime!r}")
    for name in treatments:
        if name not in regime:
            raise ValueError(
                f"regime says nothing about {name!r}; add it, or let it stay as it was by moving "
                "it from treatments into the history of the next"
            )
    for name in regime:
        if name not in treatments:
            raise ValueError(
                f"regime names {name!r}, which is not among the treatments {_listed(treatments)}; "
                "leave it out, or add it to treatments"
            )


def _asked(rule, treatment, past, table, present):
    """Return what a regime asks of each unit, 0 or 1, or raise."""
    values = rule
    if callable(rule):
        names = _parameters_of(rule, treatment)
        for name in names:
            if name not in past:
                raise ValueError(
                    f"the rule for {treatment!r} reads {name!r}, which is not known before it; it "
                    f"may read {_listed(past) or 'nothing'}; put {name!r} into its history if it "
                    "was known by then"
                )
        try:
            values = rule(**{name: table[name].to_numpy() for name in names})
        except Exception as error:
            raise ValueError(
                f"the rule for {treatment!r} fails on {_listed(names) or 'nothing'}: {error}; it "
                "is given whole columns as arrays, so write it for all units at once, without if, "
                "and and or, for example with (x > 0.5) & (z == 1)"
            ) from error
    try:
        values = np.broadcast_to(np.asarray(values, dtype=float), len(table))
    except (TypeError, ValueError):
        raise ValueError(
            f"the rule for {treatment!r} must be 0, 1 or a function that gives these to each unit, "
            f"got {rule!r}"
        ) from None
    for other in values[present & (values != 0) & (values != 1)]:
        raise ValueError(
            f"the rule for {treatment!r} gives {other:g}; a regime gives each unit 0 or 1, so make "
            "it a condition, for example with (x > 0.5) * 1"
        )
    return values


def _parameters_of(rule, treatment):
    """Return the names that a function reads, those with default values left out, or raise."""
    try:
        parameters = inspect.signature(rule).parameters
    except ValueError as error:
        raise ValueError(
            f"the rule for {treatment!r} does not tell what it reads; write a function whose "
            "parameters are columns, for example with lambda"
        ) from error
    names = []
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ValueError(
                f"the rule for {treatment!r} takes *{name}; name the columns that it reads"
            )
        if parameter.default is parameter.empty:
            names.append(name)
    return names


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


def _as_taken(course):
    """Return the course of the regime that everybody has followed: their own."""
    own = [decision._replace(asked=decision.taken) for decision in course.decisions]
    return course._replace(decisions=own, made={})
