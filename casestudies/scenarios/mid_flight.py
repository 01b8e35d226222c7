"""Managers who watch, see a silence and correct: confounding that varies over time."""

from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit

from casestudies.mechanisms import renamed
from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Uniform

MISMATCHES = ["mismatch_0", "mismatch_1", "mismatch_2"]
SILENCES = ["silence_1", "silence_2"]


def mid_flight(
    *,
    mismatch_on_exit=(0.04, 0.05, 0.09),
    silence_on_exit=0.0,
    talent_on_mismatch=1.5,
    talent_on_exit=0.05,
    mismatch_on_silence=1.5,
    silence_on_silence=0.5,
    resilience_on_silence=-3.0,
    resilience_on_exit=-0.45,
    mismatch_intercept=-1.5,
    mismatch_on_mismatch=3.0,
    reaction=2.5,
):
    r"""World of three months in which managers correct a mismatch after a silence.

    Talent :math:`X \sim U(-1, 1)` is recorded, resilience :math:`R \sim` Bernoulli(1/2) is
    not. A first mismatch :math:`A_0` is assigned. In each later month :math:`k = 1, 2` a
    person is silent or not, :math:`L_k` with :math:`L_0 = 0`, and the manager, who sees it,
    decides on the mismatch :math:`A_k`. Then some leave, :math:`Y = 1`:

    .. math::

        P(A_0 = 1) &= \sigma(1.5 X) \\
        P(L_k = 1) &= \sigma(-0.5 + 1.5 A_{k-1} + 0.5 L_{k-1} - 3 R) \\
        P(A_k = 1) &= \sigma(-1.5 + 3 A_{k-1} - 2.5 L_k A_{k-1}) \\
        P(Y = 1) &= 0.10 + 0.05 X + 0.45 (1 - R) + 0.04 A_0 + 0.05 A_1 + 0.09 A_2

    A silence causes no exit. But resilience prevents both, so that a silence marks those who
    leave anyway: it confounds the decision that follows. And the mismatch before it brings it
    about, so that it is a collider and, for that decision, a consequence. A regression is
    wrong with it and without it.

    Truths are sums over the 64 histories and Gauss-Legendre quadrature over talent
    (`population`), with the mismatches' equations replaced where a regime replaces them.

    Parameters
    ----------
    mismatch_on_exit : three floats
        What a mismatch in month 0, 1 and 2 adds to the probability of an exit.
    silence_on_exit : float, default 0
        What each silence adds to it. If not 0, earlier mismatches act through silences too.
    talent_on_mismatch, mismatch_on_silence, silence_on_silence, resilience_on_silence : float
        Coefficients of the first two equations, on the logit scale.
    talent_on_exit, resilience_on_exit : float
        Coefficients of talent and resilience in the last, in probability.
    mismatch_intercept, mismatch_on_mismatch : float
        The manager's decision, on the logit scale: a new mismatch, and one that lasts.
    reaction : float
        How strongly managers react: log odds by which a silence makes a correction likelier.

    Returns
    -------
    Scenario
        observed: talent (from -1 to 1), mismatch_0, silence_1, mismatch_1, silence_2,
        mismatch_2, exit (0/1). treatment and adjust_for are those of the first decision; for
        all three see `identify.sequential_backdoor`. truth, in probability: ``always - never``
        (mismatched in all months or in none); ``CDE(mismatch_k)``, one month's mismatch with
        the other months matched, which is the month's coefficient while silence causes no
        exit; ``ATE(mismatch_k)``, one decision with those before and after it left to the
        managers; E[exit] as it is and under regimes, static (always, never; all corrected and
        none corrected, starting as it is) and dynamic (corrected when silent, starting as it is or
        mismatched); the corrections a head of each; and what naive analyses of
        always - never converge to (crude; the sum of the mismatches' coefficients in a linear
        regression with talent, and with talent and the silences), or of a correction in month
        1 among the mismatched, beside its effect on all of them (CATE) and on those who got it
        (ATT), with month 2 left to the managers.

    Raises
    ------
    ValueError
        If mismatch_on_exit has not three entries, a knob is not finite, or a probability of
        exit leaves [0, 1].

    References
    ----------
    Robins (1986), Mathematical Modelling 7(9-12), 1393-1512.

    Examples
    --------
    >>> truth = mid_flight().truth
    >>> round(truth["always - never"], 3), round(truth["naive: talent"], 3)
    (0.18, 0.077)
    """
    slopes = (talent_on_mismatch, mismatch_on_silence, silence_on_silence, resilience_on_silence)
    _check(mismatch_on_exit, [*slopes, mismatch_intercept, mismatch_on_mismatch, reaction])
    on_exit = *mismatch_on_exit, silence_on_exit, silence_on_exit, -resilience_on_exit
    _check_exit(0.10 - abs(talent_on_exit), 0.10 + abs(talent_on_exit), on_exit)

    def first(talent):
        return expit(talent_on_mismatch * talent)

    def falls_silent(mismatch, silence, resilience):
        pull = mismatch_on_silence * mismatch + silence_on_silence * silence
        return expit(-0.5 + pull + resilience_on_silence * resilience)

    def manager(mismatch, silence):
        return expit(mismatch_intercept + (mismatch_on_mismatch - reaction * silence) * mismatch)

    def leaves(talent, resilience, mismatch_0, mismatch_1, mismatch_2):
        anyway = 0.10 + talent_on_exit * talent - resilience_on_exit * (1 - resilience)
        in_0, in_1, in_2 = mismatch_on_exit
        return anyway + in_0 * mismatch_0 + in_1 * mismatch_1 + in_2 * mismatch_2

    def leaves_for_silence(
        talent, resilience, mismatch_0, silence_1, mismatch_1, silence_2, mismatch_2
    ):
        calm = leaves(talent, resilience, mismatch_0, mismatch_1, mismatch_2)
        return calm + silence_on_exit * (silence_1 + silence_2)

    talks_at_first = partial(falls_silent, silence=0)
    mechanisms = {
        "talent": Uniform(-1.0, 1.0),
        "resilience": Bernoulli(0.5),
        "mismatch_0": Bernoulli(first),
        "silence_1": Bernoulli(renamed(talks_at_first, mismatch="mismatch_0")),
        "mismatch_1": Bernoulli(renamed(manager, mismatch="mismatch_0", silence="silence_1")),
        "silence_2": Bernoulli(renamed(falls_silent, mismatch="mismatch_1", silence="silence_1")),
        "mismatch_2": Bernoulli(renamed(manager, mismatch="mismatch_1", silence="silence_2")),
        "exit": Bernoulli(leaves_for_silence if silence_on_exit else leaves),
    }
    model = SCM(mechanisms)
    return Scenario(
        name="mid_flight",
        model=model,
        treatment="mismatch_0",
        outcome="exit",
        observed=tuple(name for name in mechanisms if name != "resilience"),
        adjust_for=("talent",),
        truth=_truth(model),
        source="iwai_flattening",
    )


def population(model):
    """List every history, with its share of the population and its probability of an exit.

    What a method says of these rows, weighted by their share, is what it says of ever larger
    samples: its limit, without a sampling error.

    Parameters
    ----------
    model : SCM
        The model of such a world, as it is or after ``do``.

    Returns
    -------
    pandas.DataFrame
        talent (at the 12 nodes of a Gauss-Legendre rule), the other variables, exit (the
        probability), and share, above 0 and of sum 1.

    Examples
    --------
    >>> rows = population(mid_flight().model)
    >>> len(rows), round(float(rows["share"] @ rows["exit"]), 3)
    (768, 0.395)
    """
    nodes, weights = np.polynomial.legendre.leggauss(12)
    yes_or_no = [name for name in model.mechanisms if name not in ("talent", "exit")]
    grid = np.meshgrid(nodes, *[[0, 1]] * len(yes_or_no), indexing="ij")
    values = {name: v.ravel() for name, v in zip(["talent", *yes_or_no], grid, strict=True)}
    share = np.repeat(weights / 2, len(values["talent"]) // len(nodes))
    for name in yes_or_no:
        (p,) = model.mechanisms[name].evaluate(values).values()  # a regime's number or rule too
        share = share * np.where(values[name] == 1, p, 1 - p)
    (values["exit"],) = model.mechanisms["exit"].evaluate(values).values()
    rows = pd.DataFrame(values | {"share": share})
    return rows[rows["share"] > 0].reset_index(drop=True)


def _when_silent(mismatch, silence):
    """Correct the mismatch of those who are silent, and leave the others as they are."""
    return mismatch * (1 - silence)


_CORRECTED_WHEN_SILENT = {
    "mismatch_1": renamed(_when_silent, mismatch="mismatch_0", silence="silence_1"),
    "mismatch_2": renamed(_when_silent, mismatch="mismatch_1", silence="silence_2"),
}
_REGIMES = {
    "always": dict.fromkeys(MISMATCHES, 1),
    "never": dict.fromkeys(MISMATCHES, 0),
    "mismatched, corrected when silent": {"mismatch_0": 1, **_CORRECTED_WHEN_SILENT},
    "corrected when silent": _CORRECTED_WHEN_SILENT,
    "all corrected": {"mismatch_1": 0, "mismatch_2": 0},
    "none corrected": {
        "mismatch_1": lambda mismatch_0: mismatch_0,
        "mismatch_2": lambda mismatch_1: mismatch_1,
    },
}


def _truth(model):
    """Sum over every history, as it comes and under each regime."""
    as_is = population(model)
    under = {name: population(model.do(**regime)) for name, regime in _REGIMES.items()}
    exits = {name: _mean(rows) for name, rows in under.items()}
    corrected = {name: _corrections(under[name]) for name in [*_REGIMES][2:]}

    def acting(**regime):
        return _mean(population(model.do(**regime)))

    def among_mismatched(mismatch_1, **given):
        return _mean(population(model.do(mismatch_1=mismatch_1)), mismatch_0=1, **given)

    def correction(**given):
        return among_mismatched(0, **given) - among_mismatched(1, **given)

    never = dict.fromkeys(MISMATCHES, 0)
    moved = as_is[(as_is["mismatch_0"] == 1) & (as_is["mismatch_1"] == 0)]
    silent = np.average(moved["silence_1"], weights=moved["share"])
    corrected_or_not = [_mean(as_is, mismatch_0=1, mismatch_1=m) for m in (0, 1)]
    return {
        "always - never": exits["always"] - exits["never"],
        **{f"CDE({m})": acting(**never | {m: 1}) - exits["never"] for m in MISMATCHES},
        **{f"ATE({m})": acting(**{m: 1}) - acting(**{m: 0}) for m in MISMATCHES},
        "CATE(correction)": correction(),
        "ATT(correction)": silent * correction(silence_1=1)
        + (1 - silent) * correction(silence_1=0),
        "E[exit]": _mean(as_is),
        **{f"E[exit | {name}]": rate for name, rate in exits.items()},
        "corrections": _corrections(as_is),
        **{f"corrections | {name}": number for name, number in corrected.items()},
        "naive: crude": _alike(as_is, 1) - _alike(as_is, 0),
        "naive: talent": sum(_slopes(as_is, ["talent"])),
        "naive: talent and silences": sum(_slopes(as_is, ["talent", *SILENCES])),
        "naive: correction": corrected_or_not[0] - corrected_or_not[1],
    }


def _mean(rows, **given):
    """Return the probability of an exit among those who are as given."""
    chosen = rows[(rows[list(given)] == pd.Series(given)).all(axis=1)] if given else rows
    return np.average(chosen["exit"], weights=chosen["share"])


def _corrections(rows):
    """Return how many mismatches a head are corrected, over both months."""
    first, second, third = (rows[name] for name in MISMATCHES)
    return rows["share"] @ (first * (1 - second) + second * (1 - third))


def _alike(rows, level):
    """Return the exit rate of those who were mismatched in every month, or in none."""
    return _mean(rows, **dict.fromkeys(MISMATCHES, level))


def _slopes(rows, others):
    """Return the mismatches' coefficients in the linear regression on the whole population."""
    design = np.column_stack([np.ones(len(rows)), rows[[*MISMATCHES, *others]]])
    weighted = design.T * rows["share"].to_numpy()
    return np.linalg.solve(weighted @ design, weighted @ rows["exit"])[1:4]


def _check(mismatch_on_exit, others):
    """Raise unless there is one number a month, and every knob is a number."""
    if np.shape(mismatch_on_exit) != (3,):
        raise ValueError(
            "mismatch_on_exit needs three numbers, one for each of the months 0, 1 and 2, got "
            f"{mismatch_on_exit}"
        )
    if not np.isfinite([*mismatch_on_exit, *others]).all():
        raise ValueError(f"every knob must be a finite number, got {[*mismatch_on_exit, *others]}")


def _check_exit(low, high, steps):
    """Raise unless every probability of an exit lies in [0, 1]."""
    low, high = low + sum(min(s, 0) for s in steps), high + sum(max(s, 0) for s in steps)
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"the probability of an exit runs from {low:.2f} to {high:.2f} and must lie in [0, 1]; "
            "bring mismatch_on_exit, silence_on_exit, talent_on_exit or resilience_on_exit nearer 0"
        )
