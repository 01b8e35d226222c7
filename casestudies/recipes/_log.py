"""Logs of decisions: how the actions were taken, and the weights under another policy."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from casestudies.recipes._columns import _listed, _mean, _numbers, _zero_one
from casestudies.recipes._counted import _Counted, _read_counted

TWO = ["action", "propensity", "target"]
ANY = ["propensity_taken", "target_taken"]


class _Log(NamedTuple):
    """The columns of a log, the action taken if there are two, and its probability."""

    table: pd.DataFrame
    action: np.ndarray | None
    old: np.ndarray
    counted: _Counted

    def weights(self, name):
        """Return the ratio of the probabilities of the action taken, or raise if all are 0."""
        new = _probability(self.table, name)
        return _ratio(new if self.action is None else _own(self.action, new), self.old, repr(name))


def _read_log(data, two, taken, size=None, **roles):
    """Return a log of two actions, or of any number, by the columns that are named."""
    kinds = TWO[: len(two)], ANY[: len(taken)]
    named = zip([*kinds[0], *kinds[1]], [*two, *taken], strict=True)
    given = {role: name for role, name in named if name is not None}
    if list(given) not in kinds:
        forms = [" and ".join(f"{role}=" for role in kind) for kind in kinds]
        raise ValueError(
            f"name {forms[0]} of a log with two actions, or {forms[1]} of one with any number; got "
            f"{', '.join(f'{role}=' for role in given) or 'neither'}"
        )
    table, counted = _read_counted(data, size, **given, **roles)
    if "action" not in given:
        old = _probability(table, given["propensity_taken"])
        _check_possible(old, given["propensity_taken"])
        return _Log(table, None, old, counted)
    action = _zero_one(table, given["action"], ("one action", "the other"))
    p = _probability(table, given["propensity"])
    _check_meaning(action, p, given, counted.size)
    return _Log(table, action, _own(action, p), counted)


def _read_actions(data, action, propensity_taken, target, roles):
    """Return a log of more actions, and the new policy's probability of each one."""
    if propensity_taken is None:
        raise ValueError(
            "target= is a dict, of more than two actions; name propensity_taken=, the old "
            "policy's probability of the action that was taken"
        )
    if len(target) < 2:
        raise ValueError(
            f"target has {len(target)} action(s); name each action that may be taken, with the "
            "column of its probability"
        )
    columns = list(target.values())
    several = {"target": columns, **roles.pop("several")}
    roles = {"several": several, "action": action, "propensity_taken": propensity_taken, **roles}
    table, counted = _read_counted(data, None, **roles)
    old = _probability(table, propensity_taken)
    _check_possible(old, propensity_taken)
    new = {value: _probability(table, name) for value, name in target.items()}
    total = sum(new.values())
    if np.abs(total - 1).max() > 1e-6:
        raise ValueError(
            f"the columns {_listed(columns)} sum to {total[np.abs(total - 1).argmax()]:g} in a "
            "row; give the new policy's probability of every action, which sum to 1"
        )
    return _Log(table, None, old, counted), new


def _of_the_taken(taken, new, action):
    """Return the new policy's probability of the action that was taken."""
    share = np.full(len(taken), np.nan)
    for value, probability in new.items():
        share = np.where(taken == value, probability, share)
    if np.isnan(share).any():
        odd = taken[[np.isnan(share).argmax()]].tolist()[0]
        raise ValueError(
            f"column {action!r} holds {odd!r}, which target= does not name; add it, with a column "
            "of zeros if the new policy never takes it"
        )
    return share


def _own(action, probability):
    """Return the probability of the action taken, of two."""
    return np.where(action == 1, probability, 1 - probability)


def _ratio(new, old, name):
    """Return new over old probabilities of the actions taken, or raise if all are 0."""
    weights = new / old
    if not weights.any():
        raise ValueError(
            f"column {name}: the new policy takes none of the {len(old)} actions in the log, so "
            "no row tells of it; value a policy that may take some of them"
        )
    return weights


def _probability(table, name):
    """Return a column of probabilities, or raise."""
    values = _numbers(table, name)
    outside = (values < 0) | (values > 1)
    if outside.any():
        raise ValueError(
            f"column {name!r} holds {values[outside.argmax()]:g}, one of {outside.sum()} value(s) "
            f"outside [0, 1]; give probabilities, for example data[{name!r}] / 100 of percentages"
        )
    return values


def _check_possible(old, name, hint=""):
    """Raise if an action was taken that had no chance to be."""
    never = old < 1e-10  # less is what rounding leaves of 1 - p
    if never.any():
        raise ValueError(
            f"column {name!r} gives probability {old[never.argmax()]:.2g} to the action that was "
            f"taken in {never.sum()} row(s), the first in place {never.argmax()}; correct the log, "
            f"or drop such rows and say so{hint}"
        )


def _check_meaning(action, p, given, size):
    """Raise if an action that was taken has probability 0, or p is that of the action taken."""
    name, own = given["propensity"], _own(action, p)
    remedy = f"data[{name!r}].where(data[{given['action']!r}] == 1, 1 - data[{name!r}])"
    hint = f"if {name!r} is the probability of the action taken, that of action 1 is {remedy}"
    _check_possible(own, name, f"; {hint}")
    off, side = _miscalibrated(action, p, size)
    if off > 5 and _miscalibrated(action, own, size)[0] < 4:  # chance has 5 once in a million logs
        here = (p >= 0.5) == side
        mean, share = (_mean(values[here], size[here]) for values in (p, action))
        raise ValueError(
            f"column {name!r} is {mean:.3f} on average where it is "
            f"{'at least' if side else 'below'} 0.5, and action 1 was taken in "
            f"{share:.3f} of these rows, {off:.0f} standard errors away; {hint}, "
            "which would fit; else correct the log"
        )


def _miscalibrated(action, p, size):
    """Return how many standard errors action and probability differ, and on which side of 1/2."""
    high = p >= 0.5
    gap, variance = size * (action - p), size * p * (1 - p)
    sums = [(gap @ side, variance @ side) for side in (high, ~high)]
    off = [abs(part) / np.sqrt(size) if size > 1e-9 else 0.0 for part, size in sums]
    return max(off), off[0] >= off[1]
