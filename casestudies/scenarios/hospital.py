"""A drug that goes to the sickest: confounding by indication, recorded or not."""

import numpy as np
from scipy.special import expit

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Normal


def hospital(
    *,
    health_on_drug=-1.2,
    effect=-3.0,
    heterogeneity=1.5,
    health_on_severity=-6.0,
    curvature=0.0,
    frailty=0.0,
):
    r"""World of patients whose initial health decides on the drug and on their severity.

    With age :math:`Z` and health :math:`H`, both standard normal with correlation -0.5, an
    unrecorded frailty :math:`U \sim N(0, 1)`, drug :math:`D` and severity :math:`Y`,

    .. math::

        P(D = 1) &= \sigma(-1 + \beta H + \phi U) \\
        Y &= 50 + \gamma H + \kappa (H^2 - 1) + 2 Z + 4 \phi U + (\tau + \eta H) D
        + N(0, 4^2)

    with :math:`\beta` = `health_on_drug`, :math:`\phi` = `frailty`, :math:`\gamma` =
    `health_on_severity`, :math:`\kappa` = `curvature`, :math:`\tau` = `effect` and
    :math:`\eta` = `heterogeneity`. By default the drug lowers severity on average, most for the
    sickest, and the raw comparison says that it harms. Truths are closed forms in
    :math:`E[H]`, :math:`E[H \mid D]` and :math:`E[H^2 \mid D]`, which Gauss-Hermite quadrature
    over :math:`H` and :math:`U` gives: the ATE is :math:`\tau`, the ATT
    :math:`\tau + \eta E[H \mid D = 1]`, and the raw difference is the ATT plus the selection bias
    :math:`E[Y(0) \mid D = 1] - E[Y(0) \mid D = 0]`.

    Parameters
    ----------
    health_on_drug : float
        Log odds of the drug per standard deviation of health; below 0 the sickest get it.
    effect : float
        Effect of the drug at average health, in points of severity.
    heterogeneity : float
        Change of that effect per standard deviation of health.
    health_on_severity : float
        Points of severity per standard deviation of health, without the drug.
    curvature : float
        Points of severity per unit of squared health; 0 makes the world linear.
    frailty : float, default 0
        If not 0, an unrecorded frailty raises the log odds of the drug by this much and
        severity by four times as many points, per standard deviation.

    Returns
    -------
    Scenario
        observed: age and health (standard deviations), drug (0/1), severity (points).
        adjust_for is health, and empty where frailty makes no recorded set valid. truth, in
        points: ATE, ATT, ATU, selection bias, raw difference.

    Raises
    ------
    ValueError
        If health_on_drug and frailty are both 0, so that nothing would be confounded.

    References
    ----------
    Angrist and Pischke (2009), Mostly Harmless Econometrics, section 2.1 (the hospital, and
    the raw difference as ATT plus selection bias).

    Examples
    --------
    >>> truth = hospital().truth
    >>> round(truth["ATE"], 2), round(truth["ATT"], 2), round(truth["raw difference"], 2)
    (-3.0, -3.98, 2.68)
    """
    if health_on_drug == 0 and frailty == 0:
        raise ValueError("health_on_drug=0 leaves nothing confounded; set it, or frailty, above 0")
    mechanisms = {
        "age": Normal(),
        "health": Normal(lambda age: -0.5 * age, np.sqrt(0.75)),
    }
    if frailty:
        mechanisms |= {
            "frailty": Normal(),
            "drug": Bernoulli(
                lambda health, frailty, load=frailty: expit(
                    -1.0 + health_on_drug * health + load * frailty
                )
            ),
            "severity": Normal(
                lambda age, health, frailty, drug, load=frailty: (
                    50.0
                    + health_on_severity * health
                    + curvature * (health**2 - 1)
                    + 2.0 * age
                    + 4.0 * load * frailty
                    + (effect + heterogeneity * health) * drug
                ),
                4.0,
            ),
        }
    else:
        mechanisms |= {
            "drug": Bernoulli(lambda health: expit(-1.0 + health_on_drug * health)),
            "severity": Normal(
                lambda age, health, drug: (
                    50.0
                    + health_on_severity * health
                    + curvature * (health**2 - 1)
                    + 2.0 * age
                    + (effect + heterogeneity * health) * drug
                ),
                4.0,
            ),
        }
    return Scenario(
        name="hospital",
        model=SCM(mechanisms),
        treatment="drug",
        outcome="severity",
        observed=("age", "health", "drug", "severity"),
        adjust_for=() if frailty else ("health",),
        truth=_truth(health_on_drug, effect, heterogeneity, health_on_severity, curvature, frailty),
        source="wael_causal_ml",
    )


def _truth(health_on_drug, effect, heterogeneity, health_on_severity, curvature, frailty):
    """Average over health and frailty, among the treated and among the others."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    health, hidden = (grid.ravel() for grid in np.meshgrid(nodes, nodes))
    density = np.outer(weights, weights).ravel()
    treated = expit(-1.0 + health_on_drug * health + frailty * hidden)
    # age enters through its mean given health, which is -0.5 times health
    untreated_severity = (health_on_severity - 1.0) * health + curvature * (health**2 - 1)
    untreated_severity = untreated_severity + 4.0 * frailty * hidden
    gain = effect + heterogeneity * health

    def mean(values, share):
        return np.sum(density * share * values) / np.sum(density * share)

    att = mean(gain, treated)
    bias = mean(untreated_severity, treated) - mean(untreated_severity, 1 - treated)
    return {
        "ATE": effect,
        "ATT": att,
        "ATU": mean(gain, 1 - treated),
        "selection bias": bias,
        "raw difference": att + bias,
    }
