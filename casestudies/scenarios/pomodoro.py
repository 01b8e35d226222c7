"""Does a timer technique help? Days with a coin, days of one's own choice, and slips."""

import numpy as np
from scipy import stats

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Deterministic, Normal

DESIGNS = ("coin", "self-chosen", "slips")


def pomodoro(
    design="coin",
    *,
    effect=4.0,
    state_on_output=8.0,
    state_on_effect=-2.0,
    noise=6.0,
    pull=1.0,
    heads=1.5,
    tails=-0.5,
):
    r"""World of a person who works with the Pomodoro technique on some days.

    With the day's state :math:`S \sim N(0, 1)`, technique :math:`T` and output

    .. math:: Y = 50 + 8 S + (4 - 2 S)\, T + 6 \varepsilon,

    so that :math:`Y(0)` has mean 50 and standard deviation 10, and the technique helps most
    on bad days. Who decides on T is the design, with :math:`\Phi` the normal distribution:

    - ``"coin"``: :math:`P(T = 1) = 0.5`, drawn first.
    - ``"self-chosen"``: :math:`P(T = 1) = \Phi(-S)`, mostly on bad days.
    - ``"slips"``: a coin :math:`Z` is flipped and not always obeyed, :math:`P(T = 1) =
      \Phi(1.5 - S)` after heads, :math:`\Phi(-0.5 - S)` after tails; one noise a day
      decides under either, so there are no defiers.

    Truths are closed forms: for :math:`P(T = 1 \mid S) = \Phi(a - k S)` and :math:`q =
    \sqrt{1 + k^2}`, :math:`E[T] = \Phi(a / q)` and :math:`E[S T] = -(k / q)\, \phi(a / q)`.
    ``pomodoro(state_on_output=10, state_on_effect=0, noise=0)`` is the document's script:
    ``numpy.random.RandomState(1)`` and n = 5000 give its numbers.

    Parameters
    ----------
    design : {"coin", "self-chosen", "slips"}, default "coin"
        Who decides.
    effect : float
        Mean effect of the technique, in points of output a day.
    state_on_output, state_on_effect : float
        Change of the output without it, and of its effect, per standard deviation of state.
    noise : float
        Standard deviation of what else moves the output, at least 0.
    pull : float
        How strongly a bad day draws to the technique, the k above (not with a coin).
    heads, tails : float
        The a above after heads and after tails, heads above tails (with slips only).

    Returns
    -------
    Scenario
        observed: state (noted in the morning), pomodoro (0/1), output (points a day), and
        coin (0/1) with slips. adjust_for: empty with a coin, else state. truth, in points:
        ATE, ATT, ATU (of the untreated), selection bias (E[Y(0) | T=1] - E[Y(0) | T=0]),
        the raw difference, SD[output(0)] and SD[output(1)]; with slips ITT and LATE, and
        the share of compliers (a probability).

    Raises
    ------
    ValueError
        If the design is unknown, a coefficient is not finite, the noise is negative, or
        heads is not above tails.

    References
    ----------
    Holland (1986), Journal of the American Statistical Association 81(396), 945-960.
    Imbens and Angrist (1994), Econometrica 62(2), 467-475.

    Examples
    --------
    >>> truth = pomodoro("self-chosen").truth
    >>> truth["ATE"], round(truth["raw difference"], 2)
    (4.0, -3.9)
    """
    if design not in DESIGNS:
        raise ValueError(f"design must be one of {DESIGNS}, got {design!r}")
    for coefficient in (effect, state_on_output, state_on_effect, noise, pull, heads, tails):
        if not np.isfinite(coefficient):
            raise ValueError(f"a coefficient of pomodoro is {coefficient}; give a finite number")
    if noise < 0:
        raise ValueError(f"noise must be at least 0, got {noise}")
    if not tails < heads:
        raise ValueError(f"heads must lie above tails, got heads={heads}, tails={tails}")

    def mean_output(pomodoro, state):
        gain = effect + state_on_effect * state
        return 50.0 + state_on_output * state + gain * pomodoro

    days = {
        "coin": {"pomodoro": Bernoulli(0.5), "state": Normal()},
        "self-chosen": {
            "state": Normal(),
            "pomodoro": Bernoulli(lambda state: stats.norm.cdf(-pull * state)),
        },
        "slips": {
            "coin": Bernoulli(0.5),
            "state": Normal(),
            "pomodoro": Bernoulli(
                lambda coin, state: stats.norm.cdf(np.where(coin == 1, heads, tails) - pull * state)
            ),
        },
    }[design]
    output = Normal(mean_output, noise) if noise > 0 else Deterministic(mean_output)
    moments = {
        "coin": [(0.5, 0.0)],
        "self-chosen": [_moments(0.0, pull)],
        "slips": [_moments(heads, pull), _moments(tails, pull)],
    }[design]
    model = SCM(days | {"output": output})
    return Scenario(
        name="pomodoro",
        model=model,
        treatment="pomodoro",
        outcome="output",
        observed=tuple(model.mechanisms),
        adjust_for=() if design == "coin" else ("state",),
        truth=_truth(moments, effect, state_on_output, state_on_effect, noise),
        source="explainer_day36",
    )


def _moments(a, pull):
    """Return E[T] and E[S T] of T = 1 with probability Phi(a - pull S), S standard normal."""
    q = np.hypot(1, pull)
    return stats.norm.cdf(a / q), -pull / q * stats.norm.pdf(a / q)


def _truth(moments, effect, slope, change, noise):
    """Return the estimands, given E[T] and E[S T] in each equally likely part of the days."""
    share, state = np.mean(moments, axis=0)
    with_it, without = state / share, -state / (1 - share)  # mean state of the two groups
    bias, att = slope * (with_it - without), effect + change * with_it
    truth = {
        "ATE": effect,
        "ATT": att,
        "ATU": effect + change * without,
        "selection bias": bias,
        "raw difference": att + bias,
        "SD[output(0)]": np.hypot(slope, noise),
        "SD[output(1)]": np.hypot(slope + change, noise),
    }
    if len(moments) == 2:
        compliers, drawn = np.subtract(*moments)
        itt = effect * compliers + change * drawn
        truth |= {"ITT": itt, "LATE": itt / compliers, "share of compliers": compliers}
    return truth
