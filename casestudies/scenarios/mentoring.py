"""People who struggle are urged to find a mentor: the front door is the only way in."""

from itertools import product

import numpy as np

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli


def mentoring(
    *,
    urging_on_mentor=0.6,
    mentor_on_exit=-0.25,
    trouble_on_urging=0.5,
    trouble_on_exit=0.5,
    urging_on_exit=0.0,
    trouble_on_mentor=0.0,
):
    r"""World of a treatment whose causes nobody recorded, and of what carries its whole effect.

    Managers urge people to find a mentor, above all those whom they see in trouble :math:`U`,
    which no file holds and which makes people leave. Who was urged (:math:`A`) asks for a mentor
    more often; whether there is one (:math:`M`) is then a matter of free places. Being urged does
    nothing else. All are 0 or 1, and trouble, in three of ten, is independent of everything before
    it:

    .. math::

        P(A = 1) &= 0.2 + a\,U \\
        P(M = 1) &= 0.15 + b A + e\,U \\
        P(Y = 1) &= 0.35 + c M + d\,U + f A

    with :math:`a` = `trouble_on_urging`, :math:`b` = `urging_on_mentor`, :math:`c` =
    `mentor_on_exit`, :math:`d` = `trouble_on_exit`, :math:`e` = `trouble_on_mentor` and
    :math:`f` = `urging_on_exit`. The ATE of being urged is :math:`b c + f`; through the mentor
    goes :math:`b c`. By default the urged leave more often, though urging makes people stay. The
    limit of the front-door formula follows from the sum over all kinds of people; it is
    :math:`b c` whenever :math:`e = 0`, and so the ATE if :math:`f = 0` too.

    Parameters
    ----------
    urging_on_mentor, mentor_on_exit : float
        The coefficients b and c, whose product is the effect through the mentor.
    trouble_on_urging, trouble_on_exit : float
        The coefficients a and d, which confound.
    urging_on_exit : float
        The direct effect f, which passes the mentor by; 0 if the front door is to be open.
    trouble_on_mentor : float
        The coefficient e, which confounds the mentor; 0 if the front door is to be open.

    Returns
    -------
    Scenario
        observed: urged, mentor, exit (0/1). adjust_for: empty, trouble is not recorded. truth, in
        shares of people: ATE; through the mentor; raw difference; front-door limit.

    Raises
    ------
    ValueError
        If a probability would not lie strictly between 0 and 1.

    References
    ----------
    Pearl (1995), Biometrika 82(4), 669-688.

    Examples
    --------
    >>> truth = mentoring().truth
    >>> round(truth["ATE"], 3), round(truth["raw difference"], 3)
    (-0.15, 0.081)
    """
    urged = (0.2, trouble_on_urging)
    with_mentor = (0.15, urging_on_mentor, trouble_on_mentor)
    leaving = (0.35, mentor_on_exit, trouble_on_exit, urging_on_exit)
    for name, terms in {"urged": urged, "mentor": with_mentor, "exit": leaving}.items():
        _check_probabilities(name, terms)
    b, e, (_, c, d, f) = urging_on_mentor, trouble_on_mentor, leaving
    plain = Bernoulli(lambda urged: 0.15 + b * urged)
    confounded = Bernoulli(lambda urged, trouble: 0.15 + b * urged + e * trouble)
    carried = Bernoulli(lambda mentor, trouble: 0.35 + c * mentor + d * trouble)
    passed_by = Bernoulli(
        lambda mentor, trouble, urged: 0.35 + c * mentor + d * trouble + f * urged
    )
    return Scenario(
        name="mentoring",
        model=SCM(
            {
                "trouble": Bernoulli(0.3),
                "urged": Bernoulli(lambda trouble: 0.2 + trouble_on_urging * trouble),
                "mentor": confounded if e else plain,
                "exit": passed_by if f else carried,
            }
        ),
        treatment="urged",
        outcome="exit",
        observed=("urged", "mentor", "exit"),
        adjust_for=(),
        truth={"ATE": b * c + f, "through the mentor": b * c}
        | _limits(urged, with_mentor, leaving),
        source="pearl1995",
    )


def _check_probabilities(name, terms):
    """Raise unless every sum of the first term and some of the others is a probability."""
    ends = np.array([sum(part) for part in product(terms[:1], *((0, term) for term in terms[1:]))])
    if not ((ends > 0) & (ends < 1)).all():
        raise ValueError(
            f"the probability of {name} would reach from {ends.min():g} to {ends.max():g}; "
            "choose smaller coefficients"
        )


def _limits(urged, with_mentor, leaving):
    """Return what two formulas tend to, from the chance of each kind of person."""
    u, a, m = np.array(list(product((0, 1), repeat=3))).T
    chances = (urged[0] + urged[1] * u, with_mentor[0] + with_mentor[1] * a + with_mentor[2] * u)
    p = np.where(u, 0.3, 0.7)
    for value, chance in zip((a, m), chances, strict=True):
        p = p * np.where(value, chance, 1 - chance)
    left = leaving[0] + leaving[1] * m + leaving[2] * u + leaving[3] * a
    arm = [p[a == i].sum() for i in (0, 1)]
    raw = [(p * left)[a == i].sum() / arm[i] for i in (0, 1)]
    front = 0.0
    for value in (0, 1):
        cells = [(a == i) & (m == value) for i in (0, 1)]
        shift = p[cells[1]].sum() / arm[1] - p[cells[0]].sum() / arm[0]
        front += shift * sum(
            arm[i] * np.average(left[cells[i]], weights=p[cells[i]]) for i in (0, 1)
        )
    return {"raw difference": raw[1] - raw[0], "front-door limit": front}
