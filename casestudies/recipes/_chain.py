"""Markov chains of states and actions: their frequencies, and what these carry forward."""

from typing import NamedTuple

import numpy as np

from casestudies.recipes._columns import _classes, _listed


class _Chain(NamedTuple):
    """What follows on a state (rows) and an action, 0 or 1 (columns), and how often each was."""

    policy: np.ndarray  # probability of the action
    hazard: np.ndarray
    count: np.ndarray
    moves: np.ndarray  # probability of each next state, given that there is one
    moved: np.ndarray  # rows with a next state


def _frequencies(policy, state, action, left, later):
    """Return how often the event, and each next state, follows on a state and an action."""
    size = len(policy)
    pair, stays = 2 * state + action, later >= 0
    count = np.bincount(pair, minlength=2 * size)
    hazard = np.bincount(pair, left, minlength=2 * size) / np.maximum(count, 1)
    moves = np.bincount(size * pair[stays] + later[stays], minlength=2 * size * size)
    moves = moves.reshape(size, 2, size)
    moved = moves.sum(axis=2)
    moves = moves / np.maximum(moved, 1)[:, :, np.newaxis]
    return _Chain(policy, hazard.reshape(size, 2), count.reshape(size, 2), moves, moved)


def _by_state(table, names, target, state):
    """Return the new policy's probabilities of actions 0 and 1 in each state, or raise."""
    share = table[target].groupby(state).agg(["min", "max"])
    varies = share["max"] - share["min"] > 1e-6
    if len(share) > 2_000:  # the chain has a number for each pair of states
        classes = _classes(table, names)
        remedy = f"coarsen them, for example {classes}" if classes else "merge them"
        raise ValueError(
            f"{_listed(names)} take {len(share)} values together in {len(table)} rows, too many "
            f"for frequencies; {remedy}"
        )
    if varies.any():
        row = np.argmax(state == varies.idxmax())
        raise ValueError(
            f"column {target!r} takes more than one value where {_where(table[names], row)}; name "
            "in states= all that the new policy looks at"
        )
    return np.column_stack([1 - share["min"], share["min"]])


def _where(states, row):
    """Return the states of a row as words."""
    return " and ".join(f"{name} = {states[name].iloc[row]}" for name in states)


def _forward(chain, start, periods, states, state):
    """Return the shares of units at risk, by state and action, in each period, or raise."""
    masses, at_risk = [], np.bincount(start, minlength=len(chain.policy)) / len(start)
    for period in periods:
        mass = at_risk[:, np.newaxis] * chain.policy
        staying = mass * (1 - chain.hazard)
        needed, found = staying, chain.moved
        if period == periods[-1]:
            needed, found = mass, chain.count
        for place, action in np.argwhere((needed > 0) & (found == 0)):
            raise ValueError(
                f"the new policy takes action {action} where "
                f"{_where(states, np.argmax(state == place))}, as {needed[place, action]:.2g} of "
                f"the units would in {periods.name} = {period}, but no row of the log tells what "
                "follows; use fewer or coarser states=, or value a policy closer to the old one"
            )
        masses.append(mass)
        at_risk = np.einsum("sa,sat->t", staying, chain.moves)
    return masses


def _value_to_go(chain, periods):
    """Return how many stay through 0, 1, ... further periods, by state, and after each action."""
    values, onward = [np.ones(len(chain.policy))], [np.ones(chain.policy.shape)]
    for _ in range(periods):
        values.append((chain.policy * (1 - chain.hazard) * onward[-1]).sum(axis=1))
        onward.append(chain.moves @ values[-1])
    return values, onward


def _gradients(chain, masses, values, onward):
    """Return what a row's event, and its move to a state, adds to the share that stays."""
    by_event, by_move = np.zeros(chain.policy.shape), np.zeros(chain.moves.shape)
    for more, mass in enumerate(masses[::-1]):
        by_event += mass * onward[more] / np.maximum(chain.count, 1)
        if more:
            scale = mass * (1 - chain.hazard) / np.maximum(chain.moved, 1)
            by_move += scale[..., np.newaxis] * (values[more] - onward[more][..., np.newaxis])
    return by_event, by_move
