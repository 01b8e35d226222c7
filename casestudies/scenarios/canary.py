"""A feature flag is drawn at random; who uses the feature decides for himself."""

import numpy as np
from scipy import stats

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Deterministic, Normal


def canary(
    *,
    share_flagged=0.2,
    share_always_takers=0.1,
    share_compliers=0.4,
    interest_on_tasks=4.0,
    adoption_on_tasks=-2.0,
    interest_on_effect=0.8,
    interest_on_past_use=0.6,
    flag_on_tasks=0.0,
    share_defiers=0.0,
):
    r"""World of a canary release: a random flag, self-selected adoption, a slower editor.

    With flag :math:`Z`, unrecorded interest :math:`U \sim N(0, 1)`, adoption :math:`T`, past
    use :math:`X`, tasks finished in a week :math:`Y` and standard normal noise,

    .. math::

        T &= 1\{U > \theta_Z\}, \quad \theta_0 > \theta_1 \\
        X &= 10 + 3\,(r U + \sqrt{1 - r^2}\,\varepsilon_X) \\
        Y &= 20 + b U + (\tau + \eta U)\,T + \delta Z + 5\,\varepsilon_Y

    The most interested, above :math:`\theta_0 = \Phi^{-1}(1 - a)`, use the feature unasked
    (always-takers, share a); those below :math:`\theta_1 = \Phi^{-1}(1 - a - c)` never do;
    between them are the compliers, share c. A share d of people are defiers: drawn apart from
    interest, they do the opposite of the flag (and the shares a and c are of the rest).

    Truths are exact: for a type with interest between l and h, :math:`E[U] = \{\phi(l) -
    \phi(h)\} / \{\Phi(h) - \Phi(l)\}`, so that :math:`LATE = \tau + \eta E[U]`. Those who
    adopt are the interested, who finish more tasks anyhow: by default the feature costs its
    users tasks, and the comparison as treated says that it gains some.

    Parameters
    ----------
    share_flagged : float, default 0.2
        Probability of the flag, in (0, 1).
    share_always_takers, share_compliers : float
        Shares a >= 0 and c > 0, with a + c at most 1; the rest are never-takers.
    interest_on_tasks : float
        The coefficient b: tasks a week per standard deviation of interest.
    adoption_on_tasks, interest_on_effect : float
        The mean effect :math:`\tau` of adoption, and how it grows with interest,
        :math:`\eta`; tasks a week.
    interest_on_past_use : float
        The correlation r of past use with interest, in (-1, 1).
    flag_on_tasks : float, default 0
        The direct effect :math:`\delta` of the flag, in tasks a week; breaks exclusion.
    share_defiers : float, default 0
        Share d of defiers, in [0, 1); breaks monotonicity.

    Returns
    -------
    Scenario
        observed: flag, past_use (sessions a week before the flag), adopted (0/1), tasks.
        adjust_for: empty, interest is not recorded. truth, in tasks a week: LATE (of the
        compliers), ATE, ATT, ITT, Wald limit, as treated, per protocol, E[tasks], E[tasks |
        do(flag=0)] and so on for flag and adopted; without a unit: share of always-takers,
        never-takers, compliers and defiers; and E[past_use | complier].

    Raises
    ------
    ValueError
        If a share or correlation is out of range, a coefficient is not finite, or compliers
        and defiers balance, so that the flag moves nothing.

    References
    ----------
    Angrist, Imbens and Rubin (1996), Journal of the American Statistical Association
    91(434), 444-455.

    Examples
    --------
    >>> truth = canary().truth
    >>> round(truth["LATE"], 3), round(truth["ITT"], 3), round(truth["as treated"], 3)
    (-1.553, -0.621, 4.946)
    """
    shares = share_always_takers, share_compliers, share_defiers
    coefficients = [interest_on_tasks, adoption_on_tasks, interest_on_effect, flag_on_tasks]
    _check(share_flagged, shares, interest_on_past_use, coefficients)
    unasked, asked = stats.norm.isf([share_always_takers, sum(shares[:2])])
    r, rest = interest_on_past_use, np.sqrt(1 - interest_on_past_use**2)
    mechanisms = {
        "flag": Bernoulli(share_flagged),
        "interest": Normal(),
        "past_use": Normal(lambda interest: 10 + 3 * r * interest, 3 * rest),
    }
    if share_defiers:
        mechanisms["contrary"] = Bernoulli(share_defiers)
        mechanisms["adopted"] = Deterministic(
            lambda flag, interest, contrary: np.where(
                contrary == 1, flag == 0, interest > np.where(flag == 1, asked, unasked)
            )
        )
    else:
        mechanisms["adopted"] = Deterministic(
            lambda flag, interest: interest > np.where(flag == 1, asked, unasked)
        )
    mechanisms["tasks"] = _tasks(*coefficients)
    return Scenario(
        name="canary",
        model=SCM(mechanisms),
        treatment="adopted",
        outcome="tasks",
        observed=("flag", "past_use", "adopted", "tasks"),
        adjust_for=(),
        truth=_truth(share_flagged, shares, (unasked, asked), 3 * r, *coefficients),
        source="explainer_day36",
    )


def _tasks(b, tau, eta, delta):
    """Return the equation of tasks, with an arrow from the flag only if there is an effect."""
    if delta:
        return Normal(
            lambda interest, adopted, flag: (
                20 + b * interest + (tau + eta * interest) * adopted + delta * flag
            ),
            5.0,
        )
    return Normal(
        lambda interest, adopted: 20 + b * interest + (tau + eta * interest) * adopted, 5.0
    )


def _truth(p, shares, thresholds, past_per_interest, b, tau, eta, delta):
    """Return every truth from the share and the mean interest of the four types."""
    always, complying, defying = shares
    unasked, asked = thresholds
    kinds = ["always-takers", "never-takers", "compliers", "defiers"]
    adopts = np.array([[1, 1], [0, 0], [0, 1], [1, 0]])  # a row a type, without and with flag
    share = np.array([always, 1 - always - complying, complying, 0]) * (1 - defying)
    share[3] = defying
    bounds = [(unasked, np.inf), (-np.inf, asked), (asked, unasked), (-np.inf, np.inf)]
    interest = np.array([_mean_between(low, high) for low, high in bounds])
    weight = share[:, np.newaxis] * [1 - p, p]
    effect = (tau + eta * interest)[:, np.newaxis]
    idle = 20 + b * interest[:, np.newaxis] + delta * np.array([0, 1])
    seen = idle + effect * adopts
    obeyed = adopts == [0, 1]

    def mean(values, among=1):
        return np.average(np.broadcast_to(values, weight.shape), weights=weight * among)

    def contrast(among=1):
        return mean(seen, among * adopts) - mean(seen, among * (1 - adopts))

    by_flag = share @ seen
    itt = by_flag[1] - by_flag[0]
    return {
        "LATE": effect[2, 0],
        "ATE": tau,
        "ATT": mean(effect, adopts),
        "ITT": itt,
        "Wald limit": itt / (share[2] - share[3]),
        "as treated": contrast(),
        "per protocol": contrast(obeyed),
        "E[tasks]": mean(seen),
        **{f"E[tasks | do(flag={z})]": by_flag[z] for z in (0, 1)},
        **{f"E[tasks | do(adopted={t})]": mean(idle + effect * t) for t in (0, 1)},
        **{f"share of {kind}": value for kind, value in zip(kinds, share, strict=True)},
        "E[past_use | complier]": 10 + past_per_interest * interest[2],
    }


def _mean_between(low, high):
    """Return the mean of a standard normal variable between two bounds; 0 if there is none."""
    mass = stats.norm.cdf(high) - stats.norm.cdf(low)
    return (stats.norm.pdf(low) - stats.norm.pdf(high)) / mass if mass else 0.0


def _check(flagged, shares, correlation, coefficients):
    """Raise unless every parameter lies in its range."""
    always, complying, defying = shares
    if not 0 < flagged < 1:
        raise ValueError(f"share_flagged must lie strictly between 0 and 1, got {flagged}")
    if not (always >= 0 and complying > 0 and always + complying <= 1):
        raise ValueError(
            "share_always_takers must be at least 0, share_compliers above 0 and their sum at "
            f"most 1, got {always} and {complying}"
        )
    if not 0 <= defying < 1:
        raise ValueError(f"share_defiers must lie in [0, 1), got {defying}")
    if np.isclose(complying * (1 - defying), defying):
        raise ValueError(
            f"share_compliers {complying} of the rest and share_defiers {defying} balance, so "
            "the flag moves nothing on average; change one of them"
        )
    if not -1 < correlation < 1:
        raise ValueError(f"interest_on_past_use must lie in (-1, 1), got {correlation}")
    if not np.isfinite(coefficients).all():
        raise ValueError(f"the coefficients of tasks must be finite numbers, got {coefficients}")
