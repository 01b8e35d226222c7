"""Asthma sends pneumonia patients to intensive care, and so looks as if it protected them."""

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import binom

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Mechanism

AGES = np.array([45, 55, 65, 75, 85])
SHARES_OF_AGES = np.array([0.15, 0.20, 0.25, 0.25, 0.15])
SIGNS = np.arange(5)
KIND = ["age", "severity", "asthma", "walking_frame"]


def pneumonia(
    *,
    share_asthma=0.15,
    asthma_on_care=7.0,
    asthma_without_care=4.0,
    asthma_with_care=0.5,
    care_on_death=-2.0,
    strictness=1.0,
    sharpness=1.0,
):
    r"""World of pneumonia patients whose asthma is harmful, and gets them an intensive bed.

    Age :math:`G \in \{45, \dots, 85\}`, with :math:`Z = (G - 65) / 10`; severity :math:`S`,
    the number of danger signs on arrival, binomial of 4 with probability
    :math:`\sigma(-1 + 0.3 Z)`; asthma :math:`A`; frailty :math:`F`, which nobody records,
    and the walking frame :math:`W` that gives it away; intensive care :math:`C`; death :math:`Y`:

    .. math::

        P(F = 1) &= \sigma(-1.8 + 0.6 Z), \qquad P(W = 1) = 0.05 + 0.85 F \\
        P(C = 1) &= \sigma\{s\,(-5 + 2 S + 0.4 Z + \alpha A)\} \\
        P(Y = 1) &= \sigma\{k\,(-7 + 3 S + 0.4 Z + 1.2 F
        + [\beta_0 (1 - C) + \beta_1 C] A + \gamma C)\}

    with :math:`\alpha` = `asthma_on_care`, :math:`\beta_0` = `asthma_without_care`,
    :math:`\beta_1` = `asthma_with_care`, :math:`\gamma` = `care_on_death`, s = `strictness` and
    k = `sharpness`. Asthma does harm with and without intensive care, and by default those who
    have it die less often, because nearly all of them get it. Asthma is drawn apart from age
    and severity, so that this contrast is confounded by nothing: it is the total effect of
    asthma while the ward works as it does.

    Truths are sums over all values. A triage rule gives as many beds as the ward gives now to
    the kinds of patients (age, severity, asthma, walking frame) that are highest in what it
    goes by: the predicted risk :math:`P(Y = 1 \mid kind)`, which is the best prediction that
    these columns allow; the risk without care, :math:`P(Y = 1 \mid do(C = 0), kind)`; or the
    effect of care, the difference that it makes to a kind's risk, which no rule with as many
    beds and these columns can better.

    Parameters
    ----------
    share_asthma : float, default 0.15
        In (0, 1).
    asthma_on_care : float
        Log odds of intensive care that asthma adds.
    asthma_without_care, asthma_with_care : float
        Log odds of death that asthma adds on the ordinary ward and in intensive care.
    care_on_death : float
        Log odds of death that intensive care adds for those without asthma.
    strictness : float, default 1
        Above 0. How strictly the ward follows its rule: the larger, the fewer patients of a
        kind are treated otherwise than the rest of it, and the poorer is overlap.
    sharpness : float, default 1
        Above 0. How sharply deaths follow from the columns: the larger, the better any model
        can predict them.

    Returns
    -------
    Scenario
        observed: age (years), severity (0 to 4), asthma, walking_frame, care, death (0/1).
        adjust_for is age, severity and asthma. truth, as probabilities: ATE, ATT, CATE(asthma=0)
        and CATE(asthma=1) of care, its raw difference, the same standardized over age and
        asthma alone; TE, CDE(care=0) and CDE(care=1) of asthma; E[death], under do(care=0) and
        do(care=1), given asthma, and under each triage rule, for all and for asthmatics;
        E[care], and given asthma; P(care | asthma=1) under each triage rule; AUC of the
        predicted risk and of the risk without care.

    Raises
    ------
    ValueError
        If a parameter is out of range or not finite.

    References
    ----------
    Cooper et al. (1997), Artificial Intelligence in Medicine 9(2), 107-138 (the data).
    Caruana et al. (2015), Proceedings of KDD, 1721-1730 (the rule about asthma).

    Examples
    --------
    >>> truth = pneumonia().truth
    >>> round(truth["TE of asthma"], 3), round(truth["CDE(care=1) of asthma"], 3)
    (-0.033, 0.019)
    >>> round(truth["E[death]"], 3), round(truth["E[death | by predicted risk]"], 3)
    (0.129, 0.143)
    """
    knobs = [asthma_on_care, asthma_without_care, asthma_with_care, care_on_death]
    _check(share_asthma, {"strictness": strictness, "sharpness": sharpness}, knobs)

    def cared_for(age, severity, asthma):
        index = -5 + 2 * severity + 0.4 * _decades(age) + asthma_on_care * asthma
        return expit(strictness * index)

    def dies(age, severity, asthma, frailty, care):
        index = -7 + 3 * severity + 0.4 * _decades(age) + 1.2 * frailty + care_on_death * care
        index = index + asthma * (asthma_without_care * (1 - care) + asthma_with_care * care)
        return expit(sharpness * index)

    mechanisms = {
        "age": Levels(AGES, SHARES_OF_AGES),
        "severity": Levels(SIGNS, lambda age: _signs()[np.searchsorted(AGES, age)]),
        "asthma": Bernoulli(share_asthma),
        "frailty": Bernoulli(lambda age: expit(-1.8 + 0.6 * _decades(age))),
        "walking_frame": Bernoulli(lambda frailty: 0.05 + 0.85 * frailty),
        "care": Bernoulli(cared_for),
        "death": Bernoulli(dies),
    }
    model = SCM(mechanisms)
    return Scenario(
        name="pneumonia",
        model=model,
        treatment="care",
        outcome="death",
        observed=(*KIND, "care", "death"),
        adjust_for=("age", "severity", "asthma"),
        truth=_truth(kinds(model)),
        source="explainer_day36",
    )


class Levels(Mechanism):
    """One of a few ordered values, with probabilities `p` along the last axis."""

    def __init__(self, values, p):
        super().__init__(p=p)
        self.values = np.asarray(values)

    def noise(self, n, rng, p):
        """Draw uniform noise."""
        return rng.random(n)

    def value(self, noise, p):
        """Return the value whose stretch of [0, 1] the noise falls into."""
        reached = np.cumsum(p, axis=-1)[..., :-1]
        return self.values[(noise[:, np.newaxis] > reached).sum(axis=1)]

    def abduct(self, value, rng, p):
        """Draw noise from the stretch of each value."""
        place = np.searchsorted(self.values, value)
        chances = np.broadcast_to(p, (len(place), len(self.values)))
        rows = np.arange(len(place))
        width = chances[rows, place]
        return np.cumsum(chances, axis=1)[rows, place] - width * rng.random(len(place))


def kinds(model):
    """Return every kind of patient that a table can tell apart, with its exact risks.

    Parameters
    ----------
    model : SCM
        The ``model`` of a `pneumonia` world.

    Returns
    -------
    pandas.DataFrame
        A row a kind: age, severity, asthma, walking_frame; share (of patients); care, the
        probability of intensive care now; and the risk of death now (risk), without care
        (risk_without) and with it (risk_with), averaged over the frailty of the kind.

    Examples
    --------
    >>> table = kinds(pneumonia().model)
    >>> len(table), round(float(table["share"].sum()), 9)
    (100, 1.0)
    """
    names = [*KIND, "frailty"]
    grid = np.meshgrid(AGES, SIGNS, *[[0, 1]] * 3, indexing="ij")
    at = {name: axis.ravel() for name, axis in zip(names, grid, strict=True)}

    def chance(name, **values):
        return model.mechanisms[name].evaluate({**at, **values})["p"]

    share = SHARES_OF_AGES[np.searchsorted(AGES, at["age"])]
    share = share * chance("severity")[np.arange(len(share)), at["severity"]]
    for name in ("asthma", "frailty", "walking_frame"):
        share = share * np.where(at[name] == 1, chance(name), 1 - chance(name))
    care = chance("care")
    without, with_care = (chance("death", care=np.full(len(share), c)) for c in (0, 1))
    risks = {"care": care, "risk": care * with_care + (1 - care) * without}
    risks |= {"risk_without": without, "risk_with": with_care}
    weighted = pd.DataFrame({name: at[name] for name in KIND} | {"share": share})
    weighted = weighted.assign(**{name: share * risk for name, risk in risks.items()})
    table = weighted.groupby(KIND, as_index=False).sum()
    table[list(risks)] = table[list(risks)].div(table["share"], axis=0)
    return table


def triage(table, score, *, beds):
    """Return each kind's probability of a bed when the highest scores come first.

    Parameters
    ----------
    table : pandas.DataFrame
        Kinds of patients with their share, as from `kinds`.
    score : array-like
        What the rule goes by, a number for each row of `table`. Kinds with the same score
        have the same chance of the beds that are left for them.
    beds : float
        Beds per patient, between 0 and 1.

    Returns
    -------
    numpy.ndarray
        Probability of a bed for each row.

    Examples
    --------
    >>> triage(pd.DataFrame({"share": [0.2, 0.3, 0.5]}), [0.9, 0.8, 0.1], beds=0.35)
    array([1. , 0.5, 0. ])
    """
    levels, place = np.unique(-np.asarray(score, dtype=float).round(12), return_inverse=True)
    group = np.bincount(place, table["share"], len(levels))
    before = np.cumsum(group) - group
    return np.clip((beds - before) / group, 0, 1)[place]


def _truth(table):
    """Return every truth from the kinds of patients."""
    now, without, with_care = (table[k] for k in ("risk", "risk_without", "risk_with"))
    effect = with_care - without
    asthma = [table["asthma"] == a for a in (0, 1)]
    someone = np.ones(len(table))

    def mean(values, among=someone):
        return np.average(values, weights=table["share"] * among)

    def contrast(values):
        return mean(values, asthma[1]) - mean(values, asthma[0])

    beds = mean(table["care"])
    scores = {"predicted risk": now, "risk without care": without, "effect of care": -effect}
    given = {name: triage(table, score, beds=beds) for name, score in scores.items()}
    deaths = {name: without + bed * effect for name, bed in given.items()}
    return {
        "ATE": mean(effect),
        "ATT": mean(effect, table["care"]),
        **{f"CATE(asthma={a})": mean(effect, asthma[a]) for a in (0, 1)},
        "raw difference": mean(with_care, table["care"]) - mean(without, 1 - table["care"]),
        "standardized without severity": _standardized(table, ["age", "asthma"]),
        "TE of asthma": contrast(now),
        "CDE(care=0) of asthma": contrast(without),
        "CDE(care=1) of asthma": contrast(with_care),
        "E[death]": mean(now),
        "E[death | do(care=0)]": mean(without),
        "E[death | do(care=1)]": mean(with_care),
        "E[care]": beds,
        **{f"E[death | asthma={a}]": mean(now, asthma[a]) for a in (0, 1)},
        **{f"E[care | asthma={a}]": mean(table["care"], asthma[a]) for a in (0, 1)},
        **{f"E[death | by {name}]": mean(rate) for name, rate in deaths.items()},
        **{
            f"E[death | asthma=1, by {name}]": mean(rate, asthma[1])
            for name, rate in deaths.items()
        },
        **{f"E[care | asthma=1, by {name}]": mean(bed, asthma[1]) for name, bed in given.items()},
        "AUC of predicted risk": _auc(table, now),
        "AUC of risk without care": _auc(table, without),
    }


def _standardized(table, columns):
    """Return the contrast of care standardized over some columns only."""
    parts = pd.DataFrame({name: table[name] for name in columns})
    weights = {1: table["share"] * table["care"], 0: table["share"] * (1 - table["care"])}
    risks = {1: table["risk_with"], 0: table["risk_without"]}
    for c, weight in weights.items():
        parts[f"n{c}"], parts[f"y{c}"] = weight, weight * risks[c]
    sums = parts.groupby(columns).sum()
    gap = sums["y1"] / sums["n1"] - sums["y0"] / sums["n0"]
    return np.average(gap, weights=sums["n1"] + sums["n0"])


def _auc(table, score):
    """Return the probability that one who dies has the higher score, ties by halves."""
    levels, place = np.unique(np.round(score, 12), return_inverse=True)
    died, lived = (
        np.bincount(place, table["share"] * p, len(levels))
        for p in (table["risk"], 1 - table["risk"])
    )
    return died @ (np.cumsum(lived) - lived / 2) / (died.sum() * lived.sum())


def _signs():
    """Return the distribution of the number of danger signs, a row an age."""
    chance = expit(-1 + 0.3 * _decades(AGES))
    return binom.pmf(SIGNS, SIGNS[-1], chance[:, np.newaxis])


def _decades(age):
    return (age - 65) / 10


def _check(share, positive, coefficients):
    """Raise unless every parameter lies in its range."""
    if not 0 < share < 1:
        raise ValueError(f"share_asthma must lie strictly between 0 and 1, got {share}")
    for name, value in positive.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a finite number above 0, got {value}")
    if not np.isfinite(coefficients).all():
        raise ValueError(f"the log odds must be finite numbers, got {coefficients}")
