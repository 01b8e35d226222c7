"""A programme that keeps people, a randomized holdout beside it, and a log of who left."""

import numpy as np
from scipy import integrate, stats
from scipy.special import expit

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Normal

GRID = np.linspace(-10, 10, 40_001)


def programme(
    *,
    effect=-0.06,
    effect_junior=None,
    share_treated=0.9,
    share_junior=0.3,
    workload_shift=0.0,
    base_shift=0.0,
    unlogged=0.0,
):
    r"""World of a programme under watch: nine in ten people get it, the rest are a holdout.

    Workload :math:`X \sim N(m, 1)` (standardized), junior :math:`J`, programme :math:`A`
    drawn at random, exit :math:`Y`, logged :math:`L`:

    .. math::

        P(Y = 1) &= \min\{1, \max\{0,\ \sigma(-0.85 + 0.6 X) + b + (\tau + \tau_J J) A\}\} \\
        P(L = 1) &= 1 - u\,(1 - A)\,Y

    The clip to [0, 1] binds for one treated person in 1,300, with a workload below -3.17; the
    truths contain it. Three knobs break the world in ways that a dashboard confuses:
    workload rises and the effect stays (`workload_shift`); the programme dies while the base
    falls, so that the treated look the same (`effect` 0 with `base_shift` -0.06); exits of the
    holdout go unlogged, so that the holdout looks better than it is (`unlogged`).

    Truths are sums over junior, programme and exit, and the trapezoid rule over workload.

    Parameters
    ----------
    effect, effect_junior : float
        What the programme adds to the probability of exit, for seniors and for juniors (by
        default the same), before the clip.
    share_treated, share_junior : float
        Probabilities of the programme and of a junior, in (0, 1).
    workload_shift : float
        The mean m of workload, in its standard deviations.
    base_shift : float
        What is added to everybody's probability of exit, before the clip.
    unlogged : float
        Share u of the holdout's exits whose rows are missing from the log, in [0, 1).

    Returns
    -------
    Scenario
        observed: workload, junior, programme and exit (0/1); a sample of n people holds those
        who are logged. adjust_for is empty, the programme is randomized. truth, as
        probabilities: ATE, CATE by junior, E[exit | do(programme=0)] and 1, logged difference
        (what the log's two arms differ by), logged share treated.

    Raises
    ------
    ValueError
        If a share leaves its range or a shift or effect is not finite.

    References
    ----------
    Howard, Ramdas, McAuliffe and Sekhon (2021), Annals of Statistics 49(2), 1055-1080
    (confidence sequences, with which such a programme is watched).

    Examples
    --------
    >>> truth = programme().truth
    >>> round(truth["E[exit | do(programme=0)]"], 5), round(truth["ATE"], 4)
    (0.31281, -0.06)
    """
    effect_junior = effect if effect_junior is None else effect_junior
    shares = {"share_treated": share_treated, "share_junior": share_junior}
    _check(shares, unlogged, [effect, effect_junior, workload_shift, base_shift])

    def leaves(workload, junior, programme):
        gain = np.where(junior == 1, effect_junior, effect) * programme
        return np.clip(expit(-0.85 + 0.6 * workload) + base_shift + gain, 0, 1)

    model = SCM(
        {
            "workload": Normal(workload_shift),
            "junior": Bernoulli(share_junior),
            "programme": Bernoulli(share_treated),
            "exit": Bernoulli(leaves),
            "logged": Bernoulli(lambda programme, exit: 1 - unlogged * (1 - programme) * exit),
        }
    )
    return Scenario(
        name="programme",
        model=model,
        treatment="programme",
        outcome="exit",
        observed=("workload", "junior", "programme", "exit"),
        adjust_for=(),
        truth=_truth(leaves, share_treated, share_junior, workload_shift, unlogged),
        source="production_strategies",
        arrange=lambda units: units[units["logged"] == 1].reset_index(drop=True),
    )


def _truth(leaves, share_treated, share_junior, workload_shift, unlogged):
    """Return every truth from the four risks of exit, by junior and programme."""
    workload = GRID + workload_shift
    density = stats.norm.pdf(GRID)
    risk = {
        (j, a): integrate.trapezoid(leaves(workload, j, a) * density, GRID)
        for j in (0, 1)
        for a in (0, 1)
    }
    arm = [(1 - share_junior) * risk[0, a] + share_junior * risk[1, a] for a in (0, 1)]
    held = (1 - share_treated) * (1 - unlogged * arm[0])
    return {
        "ATE": arm[1] - arm[0],
        "CATE(junior=0)": risk[0, 1] - risk[0, 0],
        "CATE(junior=1)": risk[1, 1] - risk[1, 0],
        "E[exit | do(programme=0)]": arm[0],
        "E[exit | do(programme=1)]": arm[1],
        "logged difference": arm[1] - arm[0] * (1 - unlogged) / (1 - unlogged * arm[0]),
        "logged share treated": share_treated / (share_treated + held),
    }


def _check(shares, unlogged, numbers):
    """Raise unless every parameter lies in its range."""
    for name, share in shares.items():
        if not 0 < share < 1:
            raise ValueError(f"{name} must lie strictly between 0 and 1, got {share}")
    if not 0 <= unlogged < 1:
        raise ValueError(f"unlogged must lie in [0, 1), got {unlogged}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"effects and shifts must be finite, got {list(map(float, numbers))}")
