"""Twenty-four months of projects, with strain that builds up: why logs of single steps mislead."""

import inspect

import numpy as np
import pandas as pd
from scipy.special import expit

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Deterministic, Mechanism

RECOVERS = 0.40  # probability that a month without stretch project takes one point of strain away
COLUMNS = ("person", "month", "senior", "prestige", "strain", "propensity", "stretch", "exit")
GOES_BY = ("senior", "prestige", "strain")


def legacy(prestige, strain):
    """Return the probability of a stretch project under the rule that wrote the log."""
    return expit(-0.8 + 1.6 * prestige - 0.6 * strain)


def legacy_odds(factor):
    """Return the policy whose odds of a stretch project are the legacy rule's times a factor."""

    def policy(prestige, strain):
        return expit(np.log(factor) - 0.8 + 1.6 * prestige - 0.6 * strain)

    return policy


def always(strain):
    """Return probability 1."""
    return 1.0 + 0.0 * strain


def never(strain):
    """Return probability 0."""
    return 0.0 * strain


def rested(strain):
    """Return probability 1 for those without strain, else 0."""
    return 1.0 * (strain == 0)


POLICIES = {
    "legacy": legacy,
    "always": always,
    "only when rested": rested,
    "never": never,
    "odds halved": legacy_odds(1 / 2),
    "odds quartered": legacy_odds(1 / 4),
}


def retention(*, months=24, policies=POLICIES):
    r"""World of people whose projects strain them, and who leave when the strain is high.

    A person is senior (:math:`Z`) or not and has a prestigious record (:math:`Q`) or not.
    Strain :math:`S_t \in \{0, 1, 2\}` starts at 0. Each month the legacy rule gives a stretch
    project :math:`A_t` by a lottery, and some leave (:math:`Y_t`), for good:

    .. math::

        P(Z = 1) &= 0.5, \qquad P(Q = 1) = 0.3 + 0.4 Z \\
        P(A_t = 1) &= \sigma(-0.8 + 1.6 Q - 0.6 S_t) \\
        P(Y_t = 1) &= \sigma(-4.6 + 0.9 S_t - 0.8 A_t - 0.3 Z)

    A stretch project keeps people this month, and raises strain by one with probability
    :math:`0.45 - 0.15 Z`; without one, strain falls by one with probability 0.40. That is the
    feedback: what is decided today changes who is there to be decided on tomorrow.

    Truths are exact, by recursion: :math:`P(z, q, s)` of those still there is carried from
    month to month under a policy. The one-step value multiplies months of retention
    :math:`1 - E[\pi Y(1) + (1 - \pi) Y(0) \mid \text{there}]` over the people whom the legacy
    rule left in each month, which is what weighting each row by itself converges to. It is
    the legacy rule's value for that rule only, and makes the worst of the policies look best.

    Parameters
    ----------
    months : int, default 24
        Length of the log, at least 2.
    policies : mapping of str to callable
        Policies whose values `truth` shall hold, by name: functions, named by their
        parameters, of senior, prestige and this month's strain that return the probability
        of a stretch project. `model.do(**every_month(policy))` runs one.

    Returns
    -------
    Scenario
        Units are people. observed, a row per person and month until the person leaves:
        person, month (from 1), senior, prestige, strain (at the start of the month),
        propensity (of a stretch project, as the lottery has it), stretch and exit (0/1).
        adjust_for is empty: what must be adjusted for changes with the month (senior,
        prestige and that month's strain). truth, in probability: for each policy and month t
        retained t | policy, one-step t | policy and effective share t | policy.

    Raises
    ------
    ValueError
        If months is not a whole number of at least 2, a policy depends on what is not
        recorded, or its value is no probability.

    References
    ----------
    Robins (1986), Mathematical Modelling 7(9-12), 1393-1512 (the g-formula).
    Kish (1965), Survey Sampling, Wiley (the effective sample size).
    Precup, Sutton and Singh (2000), Proceedings of the 17th International Conference on
    Machine Learning, 759-766 (weights along a trajectory).

    Examples
    --------
    >>> truth = retention().truth
    >>> [round(truth[f"retained 24 | {rule}"], 4) for rule in ("legacy", "always", "never")]
    [0.714, 0.6259, 0.8117]
    >>> [round(truth[f"one-step 24 | {rule}"], 4) for rule in ("legacy", "always", "never")]
    [0.714, 0.8231, 0.6515]
    """
    if not isinstance(months, int | np.integer) or months < 2:
        raise ValueError(f"months is {months!r}; give a whole number of at least 2")
    _check_policies(policies)
    return Scenario(
        name="retention",
        model=_retention_model(months),
        treatment="stretch_1",
        outcome=f"left_{months}",
        observed=COLUMNS,
        adjust_for=(),
        truth=_curves(months, policies),
        source="iwai_flattening",
        arrange=_person_months,
    )


def every_month(policy, *, months=24):
    """Return the action that follows a policy in every month, for the `do` of the world's model.

    Parameters
    ----------
    policy : callable
        Function of senior, prestige and strain, or some of them, that returns the probability
        of a stretch project.
    months : int, default 24
        Length of the world's log.

    Returns
    -------
    dict of str to Bernoulli
        ``stretch_1``, ``stretch_2``, ...

    Raises
    ------
    ValueError
        If the policy depends on what is not recorded.

    Examples
    --------
    >>> action = every_month(rested, months=2)
    >>> [(name, lottery.parents) for name, lottery in action.items()]
    [('stretch_1', ('strain_1',)), ('stretch_2', ('strain_2',))]
    """
    _check_policies({getattr(policy, "__name__", "policy"): policy})
    names = list(inspect.signature(policy).parameters)
    return {
        f"stretch_{t}": Bernoulli(_in_month(policy, *(_dated(name, t) for name in names)))
        for t in range(1, months + 1)
    }


def chances(policy, people):
    """Return the probability of a stretch project under a policy, row by row.

    Parameters
    ----------
    policy : callable
        Function of senior, prestige and strain, or some of them.
    people : pandas.DataFrame
        A sample of the world, or any table with these columns.

    Returns
    -------
    pandas.Series
        Probabilities, with the index of `people`.

    Raises
    ------
    ValueError
        If the policy depends on what is not recorded.

    Examples
    --------
    >>> chances(rested, pd.DataFrame({"strain": [0, 2]})).tolist()
    [1.0, 0.0]
    """
    _check_policies({getattr(policy, "__name__", "policy"): policy})
    parts = {name: people[name].to_numpy() for name in inspect.signature(policy).parameters}
    values = np.broadcast_to(policy(**parts), len(people))
    return pd.Series(values, people.index, dtype=float)


class _Strain(Mechanism):
    """One point more with probability `up`, or less with probability `down`, within 0 to 2."""

    def __init__(self, before, up, down):
        super().__init__(before=before, up=up, down=down)

    def noise(self, n, rng, before, up, down):
        """Draw uniform noise."""
        return rng.random(n)

    def value(self, noise, before, up, down):
        """Move where the noise is at most the probability of the move."""
        return np.clip(before + 1 * (noise < up) - 1 * (noise < down), 0, 2)

    def abduct(self, value, rng, before, up, down):
        """Draw noise from its distribution given the move, or the lack of one."""
        step = np.sign(up - down)
        goes = np.clip(before + step, 0, 2)
        if not ((value == before) | (value == goes)).all():
            raise ValueError("strain moves by one point, up after a stretch project, else down")
        moves, draw = up + down, rng.random(len(value))
        known = np.where(value == before, moves + (1 - moves) * draw, moves * draw)
        return np.where(goes == before, draw, known)  # at the ends nothing shows


def _leaves(strain, stretch, senior):
    """Return the probability to leave this month of those who are there."""
    return expit(-4.6 + 0.9 * strain - 0.8 * stretch - 0.3 * senior)


def _rises(stretch, senior):
    """Return the probability that strain rises."""
    return stretch * (0.45 - 0.15 * senior)


def _falls(stretch):
    """Return the probability that strain falls."""
    return (1 - stretch) * RECOVERS


def _retention_model(months):
    """Return the structural equations, month by month."""
    mechanisms = {
        "senior": Bernoulli(0.5),
        "prestige": Bernoulli(lambda senior: 0.3 + 0.4 * senior),
        "strain_1": Deterministic(0),
    }
    for t in range(1, months + 1):
        strain, stretch, left = f"strain_{t}", f"stretch_{t}", f"left_{t}"
        mechanisms[stretch] = Bernoulli(_in_month(legacy, "prestige", strain))
        exits = _in_month(_leaves, strain, stretch, "senior")
        if t > 1:
            exits = _in_month(_gone_or_leaves, f"left_{t - 1}", strain, stretch, "senior")
        mechanisms[left] = Bernoulli(exits)
        if t < months:
            mechanisms[f"strain_{t + 1}"] = _Strain(
                _in_month(lambda before: before, strain),
                _in_month(_rises, stretch, "senior"),
                _in_month(_falls, stretch),
            )
    return SCM(mechanisms)


def _gone_or_leaves(left, strain, stretch, senior):
    """Return the probability to be gone at the end of a month."""
    return np.where(left == 1, 1.0, _leaves(strain, stretch, senior))


def _in_month(function, *names):
    """Return the function with these variables as its parameters, in its own order."""

    def dated(**values):
        return function(*(values[name] for name in names))

    kind = inspect.Parameter.KEYWORD_ONLY
    dated.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])
    return dated


def _dated(name, month):
    """Return the variable of the model that a recorded column is in a month."""
    return f"strain_{month}" if name == "strain" else name


def _person_months(people):
    """Turn a row per person into a row per person and month, until the person leaves."""
    strain, stretch, left = (
        people.filter(regex=f"^{name}_").to_numpy() for name in ("strain", "stretch", "left")
    )
    there = np.column_stack([np.ones(len(left), dtype=bool), left[:, :-1] == 0])
    person, month = np.nonzero(there)
    prestige, senior = (people[name].to_numpy()[person] for name in ("prestige", "senior"))
    return pd.DataFrame(
        {
            "person": person + 1,
            "month": month + 1,
            "senior": senior,
            "prestige": prestige,
            "strain": strain[there],
            "propensity": legacy(prestige, strain[there]),
            "stretch": stretch[there],
            "exit": left[there],
        }
    )


def _curves(months, policies):
    """Return what a policy retains month by month, and what weights make of the legacy log."""
    log, truth = _of_actions(_over_states("legacy", legacy)), {}
    for name, policy in policies.items():
        target = _of_actions(_over_states(name, policy))
        own = logged = squared = _at_the_start()
        one_step = 1.0
        for t in range(1, months + 1):
            left = np.sum(logged * (target * LEAVES).sum(axis=0)) / np.sum(logged)
            one_step *= 1 - left
            square = np.sum(squared * (target**2 / log).sum(axis=0))
            truth[f"effective share {t} | {name}"] = np.sum(own) ** 2 / square
            own, logged = _a_month_later(own, target), _a_month_later(logged, log)
            squared = _a_month_later(squared, target**2 / log)
            truth[f"retained {t} | {name}"] = np.sum(own)
            truth[f"one-step {t} | {name}"] = one_step
    return truth


def _at_the_start():
    """Return the distribution of senior, prestige and strain before the first month."""
    has = 0.3 + 0.4 * SENIOR
    strain = STRAIN == 0
    return 0.5 * np.where(PRESTIGE == 1, has, 1 - has) * strain


def _a_month_later(there, shares):
    """Return who is there a month later, by state, if these shares take no project and one."""
    moved = np.zeros_like(there)
    for a, share in enumerate(shares):
        kept = there * share * (1 - LEAVES[a])
        up, down = kept * _rises(a, SENIOR), kept * _falls(a)
        moved += kept - up - down
        moved[..., 1:] += up[..., :-1]
        moved[..., -1] += up[..., -1]
        moved[..., :-1] += down[..., 1:]
        moved[..., 0] += down[..., 0]
    return moved


def _of_actions(stretched):
    """Return the probabilities of both actions, none first."""
    return np.stack([1 - stretched, stretched])


def _over_states(name, policy):
    """Return the probability of a stretch project under a policy, state by state."""
    states = {"senior": SENIOR, "prestige": PRESTIGE, "strain": STRAIN}
    wanted = policy(**{key: states[key] for key in inspect.signature(policy).parameters})
    wanted = np.broadcast_to(np.asarray(wanted, dtype=float), (2, 2, 3))
    if not ((wanted >= 0) & (wanted <= 1)).all():
        bad = wanted[~((wanted >= 0) & (wanted <= 1))].flat[0]
        raise ValueError(f"policy {name!r} gives {bad:g}; a probability lies in [0, 1]")
    return wanted


def _check_policies(policies):
    """Raise unless every policy is a function of what is recorded before the decision."""
    for name, policy in policies.items():
        if not callable(policy):
            raise ValueError(f"policy {name!r} is {policy!r}; give a function of {GOES_BY}")
        unknown = [p for p in inspect.signature(policy).parameters if p not in GOES_BY]
        if unknown:
            raise ValueError(
                f"policy {name!r} goes by {unknown}, which is not recorded before the decision; "
                f"give a function of {GOES_BY}"
            )


SENIOR, PRESTIGE, STRAIN = np.meshgrid([0, 1], [0, 1], [0, 1, 2], indexing="ij")
LEAVES = np.stack([_leaves(STRAIN, a, SENIOR) for a in (0, 1)])
