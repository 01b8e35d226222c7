"""Follow-up calls after discharge: an accurate score of risk, and a bottleneck that it misses."""

import numpy as np
from scipy.special import expit

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Deterministic, Uniform

SHARE_CHRONIC = 0.3


def readmission(
    *,
    share_called=0.25,
    age_on_calls=0.8,
    age_on_transport=2.0,
    age_on_readmission=0.3,
    chronic_on_readmission=0.4,
    protection=0.9,
    call_on_visit=0.45,
    stranded_call_on_visit=0.0,
    alarm=0.0,
):
    r"""World of patients whose follow-up visit a call brings about, if they can get there.

    Age :math:`A \sim U(50, 90)`, with :math:`Z = (A - 70) / 10`; a chronic disease :math:`C`,
    :math:`P(C = 1) = 0.3`; transport :math:`T`, a way to get to the clinic; call :math:`D`;
    shuttle :math:`S`, of which there are none; visit :math:`V`; readmission :math:`Y`:

    .. math::

        P(T = 1) &= \sigma(1.2 - \tau Z) \\
        P(D = 1) &= s\,(1 + \lambda Z / 2) \\
        P(V = 1) &= 0.5 + \kappa D \text{ if } T = 1 \text{ or } S = 1, \text{ else }
        0.05 + \kappa_0 D \\
        P(Y = 1) &= \sigma(-2.53 + \alpha Z + \gamma C)\,(1 - \pi V)\,\{1 + h D\,(1 - V)\}

    The score :math:`R = P(Y = 1 \mid A, C)`, under this routine of calls, predicts as well as
    anything made of age and chronic disease can. It is highest for the old, who lack
    transport and whom a call does not help, as :math:`\kappa_0 = 0`: calls that move from the
    routine to the highest risk move away from those whom they help, and readmissions rise.
    They stay below their rate without any calls unless the alarm :math:`h` is above 0.

    Truths are sums over :math:`C`, :math:`T`, :math:`D` and :math:`V` and the midpoint rule
    over age. A policy calls the share s of patients who are highest in what it goes by.

    Parameters
    ----------
    share_called : float
        The budget s: calls per patient, in the routine and under every policy.
    age_on_calls : float
        The lean :math:`\lambda` of the routine towards the old, in (-1, 1).
    age_on_transport : float
        Log odds :math:`\tau` of lacking transport per ten years.
    age_on_readmission, chronic_on_readmission : float
        Log odds :math:`\alpha` per ten years and :math:`\gamma`, of a readmission without visit.
    protection : float
        Share :math:`\pi` of the risk that a visit takes away, in [0, 1].
    call_on_visit, stranded_call_on_visit : float
        What a call adds to the probability of a visit, :math:`\kappa` with transport and
        :math:`\kappa_0` without.
    alarm : float, default 0
        Relative rise h of the risk of a patient who is called and does not come, and whom the
        nurse therefore sends to the emergency room.

    Returns
    -------
    Scenario
        observed: age (years), chronic, transport, risk, call, shuttle, visit and readmitted
        (0/1). adjust_for is age. truth, in probability: ATE (of a call), CATE by transport,
        the same of a shuttle (under routine calls), raw difference; E[readmitted] in the
        routine, under each do(call, shuttle) and under policies that send the calls at
        random, by risk, by full risk (which knows transport too), by effect and by effect as
        known from age and chronic alone (same inputs); E[readmitted] and P(transport) in the
        top share of the risk; AUC and Brier score of the risk, before and after calls go by it.

    Raises
    ------
    ValueError
        If a share, a lean or a probability leaves its range, or a log odds is not finite.

    References
    ----------
    Ascarza (2018), Journal of Marketing Research 55(1), 80-98 (targeting by risk and by effect).

    Examples
    --------
    >>> truth = readmission().truth
    >>> round(truth["ATE"], 4), round(truth["raw difference"], 4)
    (-0.0191, 0.0027)
    >>> round(truth["E[readmitted]"], 4), round(truth["E[readmitted | by risk]"], 4)
    (0.0601, 0.062)
    """
    _check(share_called, age_on_calls, protection, call_on_visit, stranded_call_on_visit)
    _check_finite(age_on_transport, age_on_readmission, chronic_on_readmission)

    def can_travel(age):
        return expit(1.2 - age_on_transport * (age - 70) / 10)

    def routine(age):
        return share_called * (1 + age_on_calls * (age - 70) / 20)

    def comes(transport, call, shuttle):
        with_ride, stranded = 0.5 + call_on_visit * call, 0.05 + stranded_call_on_visit * call
        return np.where((transport == 1) | (shuttle == 1), with_ride, stranded)

    def calm(age, chronic, visit):
        slopes = age_on_readmission * (age - 70) / 10 + chronic_on_readmission * chronic
        return expit(slopes - 2.53) * (1 - protection * visit)

    def alarmed(age, chronic, call, visit):
        return calm(age, chronic, visit) * (1 + alarm * call * (1 - visit))

    def chance(age, chronic, transport, call, shuttle=0):
        visit = comes(transport, call, shuttle)
        with_visit, missed = (alarmed(age, chronic, call, v) for v in (1, 0))
        return visit * with_visit + (1 - visit) * missed

    def risk(age, chronic):
        calls, travels = routine(age), can_travel(age)
        stranded, mobile = (
            (1 - calls) * chance(age, chronic, t, 0) + calls * chance(age, chronic, t, 1)
            for t in (0, 1)
        )
        return travels * mobile + (1 - travels) * stranded

    _check_alarm(alarm, alarmed(np.array([50.0, 90.0]), np.array([[0], [1]]), call=1, visit=0))
    mechanisms = {
        "age": Uniform(50.0, 90.0),
        "chronic": Bernoulli(SHARE_CHRONIC),
        "transport": Bernoulli(can_travel),
        "risk": Deterministic(risk),
        "call": Bernoulli(routine),
        "shuttle": Deterministic(0),
        "visit": Bernoulli(comes),
        "readmitted": Bernoulli(alarmed if alarm else calm),
    }
    return Scenario(
        name="readmission",
        model=SCM(mechanisms),
        treatment="call",
        outcome="readmitted",
        observed=tuple(mechanisms),
        adjust_for=("age",),
        truth=_truth(share_called, can_travel, routine, risk, chance),
        source="wael_actionable",
    )


def _truth(share, can_travel, routine, risk, chance, *, nodes=8_000):
    """Average over a grid of age (first axis), chronic disease and transport."""
    ages = 50 + 40 * (np.arange(nodes) + 0.5) / nodes
    age, chronic, transport = grid = np.meshgrid(ages, [0, 1], [0, 1], indexing="ij")
    mass = np.where(transport == 1, can_travel(age), 1 - can_travel(age)) / nodes
    mass = mass * np.where(chronic == 1, SHARE_CHRONIC, 1 - SHARE_CHRONIC)
    score, habit = risk(age, chronic), routine(age)
    under = {(c, s): chance(*grid, call=c, shuttle=s) for c in (0, 1) for s in (0, 1)}
    effect = under[1, 0] - under[0, 0]
    seen, shuttled = ((1 - habit) * under[0, s] + habit * under[1, s] for s in (0, 1))

    def mean(values, among=1.0):
        return np.sum(mass * among * values) / np.sum(mass * among)

    def known(values):
        average = np.average(values, axis=2, weights=mass, keepdims=True)
        return np.broadcast_to(average, values.shape)

    goes_by = {
        "by risk": score,
        "by full risk": seen,
        "by effect": -effect,
        "by effect, same inputs": known(-effect),
    }
    called = {"at random": share} | {name: _top(by, mass, share) for name, by in goes_by.items()}
    rates = {name: under[0, 0] + calls * effect for name, calls in called.items()}
    top, after = called["by risk"], rates["by risk"]
    return {
        "ATE": mean(effect),
        **{f"CATE(transport={t})": mean(effect, transport == t) for t in (1, 0)},
        "ATE of a shuttle": mean(shuttled - seen),
        "CATE of a shuttle(transport=0)": mean(shuttled - seen, transport == 0),
        "raw difference": mean(under[1, 0], habit) - mean(under[0, 0], 1 - habit),
        "E[readmitted]": mean(seen),
        **{
            f"E[readmitted | do(call={c}, shuttle={s})]": mean(values)
            for (c, s), values in under.items()
        },
        **{f"E[readmitted | {name}]": mean(rate) for name, rate in rates.items()},
        "P(transport)": mean(transport),
        "P(transport | top risk)": mean(transport, top),
        "E[readmitted | top risk]": mean(seen, top),
        "E[readmitted | top risk, by risk]": mean(after, top),
        "AUC": _auc(score, mass, seen),
        "AUC of full risk": _auc(seen, mass, seen),
        "AUC, by risk": _auc(score, mass, after),
        "Brier score": mean(score**2 + (1 - 2 * score) * seen),
        "Brier score, by risk": mean(score**2 + (1 - 2 * score) * after),
    }


def _top(score, mass, share):
    """Return the probability of a call if the highest scores are called first, ties alike."""
    values, place = np.unique(-score, return_inverse=True)
    group = np.bincount(place.ravel(), mass.ravel(), len(values))
    before = np.cumsum(group) - group
    return np.clip((share - before) / group, 0, 1)[place].reshape(score.shape)


def _auc(score, mass, chance):
    """Return the probability that a readmitted patient outranks another, ties by halves."""
    values, place = np.unique(score, return_inverse=True)
    cases, others = (
        np.bincount(place.ravel(), (mass * p).ravel(), len(values)) for p in (chance, 1 - chance)
    )
    return cases @ (np.cumsum(others) - others / 2) / (cases.sum() * others.sum())


def _check(share, lean, protection, call, stranded_call):
    """Raise unless every probability that the knobs make lies in its range."""
    if not (0 < share < 1 and -1 < lean < 1 and share * (1 + abs(lean)) < 1):
        raise ValueError(
            "share_called must lie in (0, 1), age_on_calls in (-1, 1), and the share of calls at "
            f"the age that gets most, share_called * (1 + |age_on_calls|), below 1; got {share} "
            f"and {lean}"
        )
    if not 0 <= protection <= 1:
        raise ValueError(f"protection is a share and must lie in [0, 1], got {protection}")
    for name, base, add in (
        ("call_on_visit", 0.5, call),
        ("stranded_call_on_visit", 0.05, stranded_call),
    ):
        if not 0 <= base + add <= 1:
            raise ValueError(
                f"{name} takes the probability of a visit from {base} to {base + add:g}, which "
                f"must lie in [0, 1], got {name}={add}"
            )


def _check_finite(*slopes):
    """Raise unless the log odds are numbers."""
    if not np.isfinite(slopes).all():
        raise ValueError(
            "age_on_transport, age_on_readmission and chronic_on_readmission must be finite "
            f"numbers, got {slopes}"
        )


def _check_alarm(alarm, highest):
    """Raise unless the alarm is no help and makes no risk above 1."""
    if not (alarm >= 0 and np.max(highest) <= 1):
        raise ValueError(
            f"alarm must be at least 0 and leave every risk at most 1, got {alarm}, which makes "
            f"the highest {np.max(highest):.2f}"
        )
