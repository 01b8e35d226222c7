"""A badly matched project, a silence, and an exit: what a mediator does to an analysis."""

import numpy as np
from scipy.special import expit

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Normal


def staffing(
    *,
    talent_on_mismatch=1.5,
    silence_intercept=-2.0,
    mismatch_on_silence=2.5,
    exit_intercept=-3.0,
    mismatch_on_exit=1.2,
    silence_on_exit=1.8,
    talent_on_exit=0.5,
    stress_on_both=0.0,
    symptom_only=False,
):
    r"""World of candidates matched to projects, some of whom fall silent and leave.

    With talent :math:`X \sim N(0, 1)`, mismatch :math:`A_0`, silence :math:`M`, exit
    :math:`Y` (the document's letters) and :math:`\sigma` the logistic function,

    .. math::

        P(A_0 = 1) &= \sigma(1.5 X) \\
        P(M = 1) &= \sigma(-2 + 2.5 A_0) \\
        P(Y = 1) &= \sigma(-3 + 1.2 A_0 + 1.8 M + 0.5 X)

    Truths are exact, by Gauss-Hermite quadrature over talent (and the unrecorded cause,
    where there is one) of formulas such as :math:`E[Y \mid do(A_0 = a)] = \int \sum_m
    P(m \mid a) P(Y = 1 \mid a, m, x) \phi(x) dx`. The raw difference is too large, because
    talent raises both mismatch and exit; holding silence fixed gives too little.

    Parameters
    ----------
    talent_on_mismatch, silence_intercept, mismatch_on_silence : float
        Coefficients of the first two equations, on the logit scale.
    exit_intercept, mismatch_on_exit, silence_on_exit, talent_on_exit : float
        Coefficients of the third.
    stress_on_both : float, default 0
        If not 0, an unrecorded standard normal stress enters the logits of silence and exit
        with this coefficient, and a grievance is recorded, which mismatch and stress make
        likelier, :math:`\sigma(-1 + 1.5 A_0 + 1.5\,\text{stress})`, and which causes nothing.
    symptom_only : bool, default False
        If True, silence causes nothing: the mismatch raises an unrecorded misery
        :math:`N(1.5 A_0, 1)`, which drives both silence, :math:`\sigma(-3 + 3\,
        \text{misery})`, and exit, :math:`\sigma(-3.5 + 1.8\,\text{misery} + 0.5 X)`.
        Of the knobs, this world has `talent_on_mismatch` and `talent_on_exit` only.

    Returns
    -------
    Scenario
        observed: talent (standard deviations), mismatch, silence, exit (0/1) and, with
        stress, grievance (0/1). truth, in probabilities: ATE, ATT, CDE(silence=0),
        CDE(silence=1), NDE (:math:`E[Y(1, M(0)) - Y(0, M(0))]`), NIE (:math:`E[Y(1, M(1)) -
        Y(1, M(0))]`), the raw difference, and the exit rate as it is and under actions.

    Raises
    ------
    ValueError
        If symptom_only is combined with a knob that its world does not have.

    References
    ----------
    Pearl (2001), Direct and indirect effects, Proceedings of the 17th Conference on
    Uncertainty in Artificial Intelligence, 411-420.

    Examples
    --------
    >>> world = staffing()
    >>> round(world.truth["ATE"], 3), round(world.truth["CDE(silence=0)"], 3)
    (0.293, 0.1)
    """
    start = {
        "talent": Normal(),
        "mismatch": Bernoulli(lambda talent: expit(talent_on_mismatch * talent)),
    }
    as_told = {
        "silence": Bernoulli(
            lambda mismatch: expit(silence_intercept + mismatch_on_silence * mismatch)
        ),
        "exit": Bernoulli(
            lambda mismatch, silence, talent: expit(
                exit_intercept
                + mismatch_on_exit * mismatch
                + silence_on_exit * silence
                + talent_on_exit * talent
            )
        ),
    }
    with_stress = {
        "stress": Normal(),
        "silence": Bernoulli(
            lambda mismatch, stress: expit(
                silence_intercept + mismatch_on_silence * mismatch + stress_on_both * stress
            )
        ),
        "exit": Bernoulli(
            lambda mismatch, silence, talent, stress: expit(
                exit_intercept
                + mismatch_on_exit * mismatch
                + silence_on_exit * silence
                + talent_on_exit * talent
                + stress_on_both * stress
            )
        ),
        "grievance": Bernoulli(
            lambda mismatch, stress: expit(-1.0 + 1.5 * mismatch + 1.5 * stress)
        ),
    }
    as_symptom = {
        "misery": Normal(lambda mismatch: 1.5 * mismatch),
        "silence": Bernoulli(lambda misery: expit(-3.0 + 3.0 * misery)),
        "exit": Bernoulli(
            lambda misery, talent: expit(-3.5 + 1.8 * misery + talent_on_exit * talent)
        ),
    }
    if symptom_only:
        knobs = [silence_intercept, mismatch_on_silence, exit_intercept, mismatch_on_exit]
        if [*knobs, silence_on_exit, stress_on_both] != [-2.0, 2.5, -3.0, 1.2, 1.8, 0.0]:
            raise ValueError(
                "symptom_only=True has no silence_intercept, mismatch_on_silence, "
                "exit_intercept, mismatch_on_exit, silence_on_exit or stress_on_both; "
                "leave these out"
            )
    rest = as_symptom if symptom_only else with_stress if stress_on_both else as_told
    model = SCM(start | rest)
    return Scenario(
        name="staffing",
        model=model,
        treatment="mismatch",
        outcome="exit",
        observed=tuple(v for v in model.mechanisms if v not in ("misery", "stress")),
        adjust_for=("talent",),
        truth=_truth(model),
        source="iwai_flattening",
    )


def _truth(model):
    """Integrate the model's own probabilities over talent and the unrecorded cause."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    talent, hidden = (grid.ravel() for grid in np.meshgrid(nodes, nodes))
    density = np.outer(weights, weights).ravel() / weights.sum() ** 2

    def chance(variable, mismatch, silence=0):
        values = {"talent": talent, "stress": hidden, "mismatch": mismatch, "silence": silence}
        if "misery" in model.mechanisms:
            values["misery"] = model.mechanisms["misery"].evaluate(values)["mean"] + hidden
        return model.mechanisms[variable].evaluate(values)["p"]

    def exit_rate(mismatch, silenced_as):
        silent = chance("silence", silenced_as)
        loud_exit, silent_exit = (chance("exit", mismatch, m) for m in (0, 1))
        return (1 - silent) * loud_exit + silent * silent_exit

    def mean(values, share=1.0):
        return np.sum(density * share * values) / np.sum(density * share)

    mismatched = chance("mismatch", 0)
    good, bad = exit_rate(0, 0), exit_rate(1, 1)
    held = [[chance("exit", a, m) for a in (0, 1)] for m in (0, 1)]
    forced = [(1 - mismatched) * good_fit + mismatched * bad_fit for good_fit, bad_fit in held]
    return {
        "ATE": mean(bad - good),
        "ATT": mean(bad - good, mismatched),
        "CDE(silence=0)": mean(held[0][1] - held[0][0]),
        "CDE(silence=1)": mean(held[1][1] - held[1][0]),
        "NDE": mean(exit_rate(1, 0) - good),
        "NIE": mean(bad - exit_rate(1, 0)),
        "raw difference": mean(bad, mismatched) - mean(good, 1 - mismatched),
        "E[exit]": mean(mismatched * bad + (1 - mismatched) * good),
        "E[exit | do(mismatch=0)]": mean(good),
        "E[exit | do(mismatch=1)]": mean(bad),
        "E[exit | do(silence=0)]": mean(forced[0]),
        "E[exit | do(silence=1)]": mean(forced[1]),
    }
