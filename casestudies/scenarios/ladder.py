"""Deploys, load and incidents: worlds that agree on one rung of the ladder and not on the next."""

from itertools import product

import numpy as np

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Mechanism

GRAPHS = ("confounder", "mediator")


def ladder(
    graph="confounder",
    *,
    agreement=1.0,
    busy=0.5,
    deploy=(0.8, 0.2),
    incident=((0.08, 0.35), (0.15, 0.5)),
):
    r"""World of hours that are quiet or busy, with or without a deploy and an incident.

    With load :math:`L` (1 busy), deploy :math:`D` and incident :math:`Y`, all 0/1, the table
    of the three is the same in both graphs: :math:`P(L) P(D \mid L) P(Y \mid D, L)` with the
    probabilities below.

    - ``"confounder"``, teams prefer quiet hours: :math:`L \to D`, :math:`L \to Y`,
      :math:`D \to Y`.
    - ``"mediator"``, a deploy drains the traffic: :math:`D \to L` with :math:`P(L \mid D)`
      from the table, :math:`L \to Y`, :math:`D \to Y`.

    So the two agree on all that can be seen and differ in :math:`P(y \mid do(d))`. What an
    hour would have done under the other action is set by `agreement`. At load l the
    responses :math:`Y(0), Y(1)` have chances :math:`p_0, p_1`, and both are incidents with
    probability

    .. math:: P(Y(0) = Y(1) = 1) = \max(0, p_0 + p_1 - 1) + \text{agreement} \cdot
              \{\min(p_0, p_1) - \max(0, p_0 + p_1 - 1)\},

    the whole range that the two chances allow. Nothing that can be seen or done depends on
    it. The probability of necessity :math:`PN = P(Y(0) = 0 \mid D = 1, Y = 1)` does: with the
    confounder it is the mean of :math:`1 - P(Y(0) = Y(1) = 1) / p_1` over the loads of
    hours with a deploy and an incident.

    Parameters
    ----------
    graph : {"confounder", "mediator"}, default "confounder"
        Which way the arrow between load and deploy points.
    agreement : float, default 1
        Between 0 (as few hours as possible would have an incident either way) and 1 (as many
        as possible).
    busy : float
        P(L = 1), between 0 and 1, both excluded.
    deploy : (float, float)
        P(D = 1) in quiet and in busy hours, between 0 and 1, both excluded.
    incident : ((float, float), (float, float))
        ``incident[d][l]`` is P(Y = 1 | D = d, L = l), between 0 and 1, both excluded.

    Returns
    -------
    Scenario
        observed: load, deploy, incident (0/1). adjust_for: load with the confounder; empty
        with the mediator, where nothing needs adjusting. truth, in probabilities:
        P(incident | deploy=0), P(incident | deploy=1) and the raw difference;
        P(incident | do(deploy=0)), P(incident | do(deploy=1)) and the ATE; PN, and the bounds
        on it from the quantities before (PN at least, PN at most), which make no use of the
        load. With the confounder the same bounds within each load, averaged over the hours
        with a deploy and an incident, hold too and can be narrower. With the mediator the load
        can narrow them too, as nothing else moves both load and incident. All are exact sums.
        With the mediator, one uniform noise sets the load under either action.

    Raises
    ------
    ValueError
        If the graph is unknown or a number is out of range.

    References
    ----------
    Tian and Pearl (2000), Annals of Mathematics and Artificial Intelligence 28, 287-313.
    Dawid, Musio and Murtas (2017), The probability of causation, arXiv 1706.05566 (with a
    covariate).
    Bareinboim, Correa, Ibeling and Icard (2022), On Pearl's hierarchy and the foundations of
    causal inference, in Probabilistic and Causal Inference, ACM, 507-556.

    Examples
    --------
    >>> first, second = ladder("confounder").truth, ladder("mediator").truth
    >>> [round(world["raw difference"], 3) for world in (first, second)]
    [-0.076, -0.076]
    >>> [round(world["ATE"], 3) for world in (first, second)]
    [0.11, -0.076]
    """
    if graph not in GRAPHS:
        raise ValueError(f"graph must be one of {GRAPHS}, got {graph!r}")
    if not 0 <= agreement <= 1:
        raise ValueError(f"agreement must lie between 0 and 1, got {agreement}")
    busy = _chances("busy", busy, ())
    deploy, incident = _chances("deploy", deploy, (2,)), _chances("incident", incident, (2, 2))
    table = np.stack([1 - deploy, deploy]) * np.array([1 - busy, busy])
    both = _both(incident, agreement)
    return Scenario(
        name="ladder",
        model=_model(graph, table, incident, both),
        treatment="deploy",
        outcome="incident",
        observed=("load", "deploy", "incident"),
        adjust_for=("load",) if graph == "confounder" else (),
        truth=_truth(graph, table, incident, both),
        source="wael_actionable",
    )


class Responses(Mechanism):
    """An action that is 0 or 1, and for each unit a response to either.

    Uniform noise runs through four kinds of units in turn: response 1 to both actions (a
    stretch of length `both`), to the action only, to no action only, to neither. The chances
    of a 1 are `without` and `with_action`, whatever `both` is.
    """

    def __init__(self, *, action, without, with_action, both):
        super().__init__(action=action, without=without, with_action=with_action, both=both)

    def noise(self, n, rng, **_):
        """Draw uniform noise."""
        return rng.random(n)

    def value(self, noise, *, action, without, with_action, both):
        """Return the response of each unit to its action."""
        treated = noise <= with_action
        untreated = (noise <= both) | (
            (noise > with_action) & (noise <= with_action + without - both)
        )
        return np.where(action == 1, treated, untreated).astype(np.int64)

    def abduct(self, value, rng, *, action, without, with_action, both):
        """Draw noise that explains each response, from its distribution given the response."""
        u = rng.random(len(value))
        treated = np.where(value == 1, with_action * u, 1 - (1 - with_action) * u)
        place = without * u  # along the two stretches of units that respond to no action
        one = np.where(place <= both, place, place + with_action - both)
        place = both + (1 - without) * u
        zero = np.where(place <= with_action, place, place + without - both)
        return np.where(action == 1, treated, np.where(value == 1, one, zero))


def _chances(name, value, shape):
    """Return probabilities as an array, or say which one is none."""
    array = np.asarray(value, dtype=float)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    for number in array[~((array > 0) & (array < 1))].flat:
        raise ValueError(f"{name} must lie between 0 and 1, both excluded, got {number:g}")
    return array


def _both(incident, agreement):
    """Return P(Y(0) = Y(1) = 1) at each load."""
    fewest = np.maximum(0, incident.sum(axis=0) - 1)
    return fewest + agreement * (incident.min(axis=0) - fewest)


def _model(graph, table, incident, both):
    """Factorize the table along the graph."""
    load, by_load = table[:, 1].sum(), table[1] / table.sum(axis=0)
    share, by_deploy = table[1].sum(), table[:, 1] / table.sum(axis=1)
    first = {
        "confounder": {
            "load": Bernoulli(load),
            "deploy": Bernoulli(lambda load: by_load[_whole(load)]),
        },
        "mediator": {
            "deploy": Bernoulli(share),
            "load": Bernoulli(lambda deploy: by_deploy[_whole(deploy)]),
        },
    }[graph]
    responses = Responses(
        action=lambda deploy: deploy,
        without=lambda load: incident[0][_whole(load)],
        with_action=lambda load: incident[1][_whole(load)],
        both=lambda load: both[_whole(load)],
    )
    return SCM(first | {"incident": responses})


def _truth(graph, table, incident, both):
    """Return the answers on all three rungs, table being P(deploy, load)."""
    share, seen = table.sum(axis=1), (table * incident).sum(axis=1)
    weights = table.sum(axis=0) if graph == "confounder" else table / share[:, None]
    done = (weights * incident).sum(axis=1)
    known = {"deploy": share[1], "seen": seen, "done": done}
    least, most = _bounds_on_necessity(**known)
    return {
        "P(incident | deploy=0)": seen[0] / share[0],
        "P(incident | deploy=1)": seen[1] / share[1],
        "raw difference": seen[1] / share[1] - seen[0] / share[0],
        "P(incident | do(deploy=0))": done[0],
        "P(incident | do(deploy=1))": done[1],
        "ATE": done[1] - done[0],
        "PN": _necessity(graph, table, incident, both),
        "PN at least": least,
        "PN at most": most,
    }


def _bounds_on_necessity(*, deploy, seen, done):
    """Bound PN by Tian and Pearl's theorem 2, seen being P(deploy = d, incident = 1)."""
    least = (seen.sum() - done[0]) / seen[1]
    most = (1 - done[0] - (1 - deploy - seen[0])) / seen[1]
    return max(0.0, least), min(1.0, most)


def _necessity(graph, table, incident, both):
    """Sum P(Y(1) = 1, Y(0) = 0) over hours with a deploy, by their load under either action."""
    if graph == "confounder":
        loads = np.diag(table[1])
    else:
        p = table[:, 1] / table.sum(axis=1)  # P(busy) without and with a deploy, one noise
        loads = np.array([[1 - p.max(), max(0, p[0] - p[1])], [max(0, p[1] - p[0]), p.min()]])
        loads = loads * table[1].sum()
    caused = 0.0
    for with_deploy, without in product((0, 1), repeat=2):
        ones = incident[1][with_deploy]  # noise in [0, ones] gives an incident under a deploy
        start, kept = incident[1][without], both[without]
        spared = min(ones, kept) + max(0, min(ones, start + incident[0][without] - kept) - start)
        caused += loads[with_deploy, without] * (ones - spared)
    return caused / (table[1] * incident[1]).sum()


def _whole(values):
    """Return zeros and ones as an index."""
    return np.asarray(values, dtype=int)
