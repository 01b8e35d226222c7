"""Who gets the hard project: a rule's log, and what it says of rules that never ran."""

import inspect

import numpy as np
from scipy import stats
from scipy.special import expit

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Deterministic, Normal, Uniform

MONTHS = 24
CHANGE = 1.2  # log odds that the bug's new rule adds, unknown to the log
GOES_BY = ("talent", "prestige")


def new(talent):
    """Return the probability of a stretch project under the new policy: the talented, surely."""
    return 1.0 * (talent > 0.5)


def everybody(talent):
    """Return probability 1 for all."""
    return 1.0 + 0.0 * talent


def nobody(talent):
    """Return probability 0 for all."""
    return 0.0 * talent


POLICIES = {"new": new, "all": everybody, "none": nobody}


def project_assignment(
    *, unsupported=False, bug_from=None, restlessness_on_both=0.0, policies=POLICIES
):
    r"""World of people who get a stretch project by a known lottery, and may leave.

    Talent :math:`X \sim N(0, 1)` makes a prestigious record :math:`Q` likelier. The legacy
    rule gives a stretch project :math:`A` by a lottery whose probability the log keeps; exit
    :math:`Y` follows within the month. With :math:`\sigma` the logistic function,

    .. math::

        P(Q = 1) &= \sigma(X) \\
        p = P(A = 1) &= \sigma(-0.6 + 2 Q - 0.5 X) \\
        P(Y = 1) &= \sigma(-1.6 + Q - 0.3 X + A\,(0.7 - 1.4 X))

    A stretch project keeps those with :math:`X > 0.5` and drives out the others. A policy
    :math:`\pi` is a function of what is recorded, named by its parameters, that returns the
    probability of a stretch project; `model.do(stretch=Bernoulli(policy))` runs it. Its value
    is the exit rate :math:`E[\pi Y(1) + (1 - \pi) Y(0)]`.

    Truths are exact: the midpoint rule over talent, of width 1/1,000, of the model's own
    probabilities (good to eight digits for policies that jump at multiples of 1/1,000, to
    four for others), sums over prestige, and Gauss-Hermite quadrature over restlessness. The
    rows that agree with a policy have an exit rate of their own, which is not its value.

    Parameters
    ----------
    unsupported : bool, default False
        The legacy rule always gives those with prestige a stretch project, :math:`p = 1`.
    bug_from : int, optional
        From this month on (2 to 24) the legacy rule has 1.2 more log odds, and the log still
        writes the old probability.
    restlessness_on_both : float, default 0
        If not 0, a standard normal restlessness, which nobody records, enters the logits of
        stretch and exit with this coefficient. The log then holds the exact :math:`P(A = 1
        \mid X, Q)`, the best that anybody can estimate from the record: every audit of it
        passes, and it is not the probability of the lottery.
    policies : mapping of str to callable
        Policies whose values `truth` shall hold, by name; functions of talent and prestige.

    Returns
    -------
    Scenario
        Units are people, each in one of 24 months. observed: month (1 to 24), talent,
        prestige, propensity (the logged probability of a stretch project), stretch and exit
        (0/1). truth, in probability: ATE, raw difference, E[exit], and for each policy
        E[exit | policy], agreeing rows (the exit rate of rows that agree with it), unsupported
        share (of people to whom it gives what the legacy rule never gives them), lowest and
        highest (bounds on its value without them), mean weight, weighted value and
        self-normalized value (the limits of inverse weighting with the logged propensity).

    Raises
    ------
    ValueError
        If `bug_from` is no month from 2 to 24, `restlessness_on_both` is not finite, a policy
        depends on what is not recorded, or a policy's value is no probability.

    References
    ----------
    Horvitz and Thompson (1952), Journal of the American Statistical Association 47(260),
    663-685 (inverse weighting).

    Examples
    --------
    >>> truth = project_assignment().truth
    >>> [round(truth[f"E[exit | {name}]"], 4) for name in ("new", "all", "none")]
    [0.2273, 0.4309, 0.2594]
    >>> round(truth["E[exit]"], 4), round(truth["agreeing rows | new"], 4)
    (0.3609, 0.1971)
    """
    _check(bug_from, restlessness_on_both, policies)
    pull, late = restlessness_on_both, MONTHS + 1 if bug_from is None else bug_from

    def chance(talent, prestige, month, restlessness):
        """Return the probability that the lottery has."""
        odds = -0.6 + 2.0 * prestige - 0.5 * talent + CHANGE * (month >= late)
        drawn = expit(odds + pull * restlessness)
        return np.where(unsupported & (prestige == 1), 1.0, drawn)

    def written(talent, prestige):
        """Return the probability that the log has."""
        nodes, weights = _restless(pull)
        each = [chance(talent, prestige, 1, node) for node in nodes]
        return np.tensordot(weights, each, 1)

    def leaves(talent, prestige, stretch, restlessness):
        """Return the probability of an exit."""
        gain = stretch * (0.7 - 1.4 * talent)
        return expit(-1.6 + prestige - 0.3 * talent + gain + pull * restlessness)

    def calm(talent, prestige, stretch):
        return leaves(talent, prestige, stretch, 0)

    draws = {  # by whether there is a bug, and a restlessness: only what matters is a parent
        (False, False): lambda propensity: propensity,
        (True, False): lambda talent, prestige, month: chance(talent, prestige, month, 0),
        (False, True): lambda talent, prestige, restlessness: chance(
            talent, prestige, 1, restlessness
        ),
        (True, True): chance,
    }
    mechanisms = {
        "moment": Uniform(0.0, MONTHS),
        "month": Deterministic(lambda moment: np.floor(moment).astype(int) + 1),
        "talent": Normal(),
        "prestige": Bernoulli(lambda talent: expit(talent)),
        "propensity": Deterministic(written),
        **({"restlessness": Normal()} if pull else {}),
        "stretch": Bernoulli(draws[bug_from is not None, pull != 0]),
        "exit": Bernoulli(leaves if pull else calm),
    }
    return Scenario(
        name="project_assignment",
        model=SCM(mechanisms),
        treatment="stretch",
        outcome="exit",
        observed=("month", "talent", "prestige", "propensity", "stretch", "exit"),
        adjust_for=() if pull else ("talent", "prestige"),
        truth=_truth(chance, written, leaves, late, _restless(pull), policies),
        source="iwai_flattening",
    )


def _restless(pull):
    """Return values of restlessness and their weights, one where it does nothing."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(24 if pull else 1)
    return nodes, weights / weights.sum()


def _truth(chance, written, leaves, late, hidden, policies, *, width=1e-3):
    """Average over a grid of talent (last axis), prestige and restlessness."""
    talent = np.arange(-9 + width / 2, 9, width)
    prestige = np.array([[0], [1]])
    mass = stats.norm.pdf(talent) * width * np.where(prestige, expit(talent), expit(-talent))
    logged = np.broadcast_to(written(talent, prestige), mass.shape)
    early = (late - 1) / MONTHS
    seen = np.zeros((2, *mass.shape))  # E[1(A = a) Y(a)] at each talent and prestige
    drawn, rate = np.zeros_like(seen), np.zeros_like(seen)  # P(A = a) and E[Y(a)]
    for node, weight in zip(*hidden, strict=True):
        stretched = early * chance(talent, prestige, 1, node)
        stretched = stretched + (1 - early) * chance(talent, prestige, MONTHS, node)
        for a, taken in enumerate((1 - stretched, stretched)):
            left = leaves(talent, prestige, a, node)
            seen[a] += weight * taken * left
            drawn[a] += weight * taken
            rate[a] += weight * left
    by_action = (mass * drawn).sum(axis=(1, 2))
    raw = np.diff((mass * seen).sum(axis=(1, 2)) / by_action).item()
    truth = {
        "ATE": np.sum(mass * (rate[1] - rate[0])),
        "raw difference": raw,
        "E[exit]": np.sum(mass * seen),
    }
    sums = _sums(mass, rate, drawn, seen, np.stack([1 - logged, logged]))
    stacked = np.stack([*sums.values()])
    for name, policy in policies.items():
        wanted = _wanted(name, policy, {"talent": talent, "prestige": prestige})
        target = np.broadcast_to(np.stack([1 - wanted, wanted]), seen.shape)
        truth |= _values(name, dict(zip(sums, np.tensordot(stacked, target, 3), strict=True)))
    return truth


def _sums(mass, rate, drawn, seen, logged):
    """Return what a policy's probabilities are summed with, by action, prestige, talent."""
    known = drawn > 0
    inverse = np.divide(1.0, logged, out=np.zeros_like(seen), where=known)
    return {
        "value": mass * rate,
        "supported": mass * rate * known,
        "missing": mass * ~known,
        "weight": mass * drawn * inverse,
        "weighted": mass * seen * inverse,
        "agree": mass * drawn,
        "agree and left": mass * seen,
    }


def _values(name, found):
    """Return the value of a policy and what the log makes of it."""
    return {
        f"E[exit | {name}]": found["value"],
        f"agreeing rows | {name}": found["agree and left"] / found["agree"],
        f"unsupported share | {name}": found["missing"],
        f"lowest | {name}": found["supported"],
        f"highest | {name}": found["supported"] + found["missing"],
        f"mean weight | {name}": found["weight"],
        f"weighted value | {name}": found["weighted"],
        f"self-normalized value | {name}": found["weighted"] / found["weight"],
    }


def _wanted(name, policy, columns):
    """Return the probability of a stretch project under a policy, over the grid."""
    parts = {key: columns[key] for key in inspect.signature(policy).parameters}
    wanted = np.asarray(policy(**parts), dtype=float)
    if not ((wanted >= 0) & (wanted <= 1)).all():
        bad = wanted[~((wanted >= 0) & (wanted <= 1))].flat[0]
        raise ValueError(f"policy {name!r} gives {bad:g}; a probability lies in [0, 1]")
    return np.broadcast_to(wanted, np.broadcast_shapes(wanted.shape, (2, 1)))


def _check(bug_from, pull, policies):
    """Raise on a knob out of its range, before anything is drawn."""
    if bug_from is not None and bug_from not in range(2, MONTHS + 1):
        raise ValueError(f"bug_from is {bug_from!r}; give a month from 2 to {MONTHS}, or None")
    if not np.isfinite(pull):
        raise ValueError(f"restlessness_on_both is {pull}; give a finite number")
    for name, policy in policies.items():
        if not callable(policy):
            raise ValueError(f"policy {name!r} is {policy!r}; give a function of {GOES_BY}")
        unknown = [p for p in inspect.signature(policy).parameters if p not in GOES_BY]
        if unknown:
            raise ValueError(
                f"policy {name!r} goes by {unknown}, which the log does not hold at the time of "
                f"the decision; give a function of {GOES_BY}"
            )
