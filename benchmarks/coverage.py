"""How often each recipe's 95% interval covers, over 1,000 samples of a world it is made for.

Prints a Markdown table; `make bench` writes it to book/_coverage.md.
"""

import sys
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import special
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from casestudies import scenarios
from casestudies.recipes import doubly_robust, heterogeneity, weighting
from casestudies.recipes.attribution import causation_bounds, excess_fraction
from casestudies.recipes.difference_in_differences import doubly_robust_did, two_by_two
from casestudies.recipes.dose_response import dose_response
from casestudies.recipes.double_machine_learning import (
    interactive_iv,
    partially_linear,
    partially_linear_iv,
)
from casestudies.recipes.few_clusters import wild_bootstrap
from casestudies.recipes.front_door import front_door
from casestudies.recipes.instrumental_variables import two_stage_least_squares
from casestudies.recipes.matching import match
from casestudies.recipes.off_policy import (
    doubly_robust_value,
    estimate_propensities,
    policy_bounds,
    policy_value,
    retention_curve,
    value_difference,
)
from casestudies.recipes.randomized_experiment import (
    adjusted,
    difference_in_means,
    ratio_of_means,
)
from casestudies.recipes.regression_discontinuity import fuzzy, honest, sharp
from casestudies.recipes.several_arms import compare_arms
from casestudies.recipes.staggered_adoption import imputation, overall_att
from casestudies.recipes.standardization import standardize
from casestudies.recipes.weak_instruments import (
    anderson_rubin,
    conditional_likelihood_ratio,
    t_f,
)
from casestudies.sampling.montecarlo import replicate
from casestudies.scenarios.project_assignment import new
from casestudies.scenarios.retention import POLICIES

DRUG = {"outcome": "severity", "treatment": "drug"}
HEALTH = {**DRUG, "adjust_for": "health"}
EXIT = {"outcome": "exit", "treatment": "mismatch", "adjust_for": "talent", "model": "logit"}
MENTOR = {"outcome": "exit", "treatment": "urged", "mediator": "mentor"}
DAY = {"outcome": "output", "treatment": "pomodoro"}
WAGE = {"outcome": "wage", "treatment": "schooling"}
LOG = {"outcome": "exit", "action": "stretch", "propensity": "propensity", "target": "new"}
MONTHS = {"unit": "person", "time": "month", "event": "exit"} | {
    role: LOG[role] for role in ("action", "propensity", "target")
}
RULED = {"outcome": "y", "running": "x", "cutoff": 0}
PANEL = {"outcome": "outcome", "unit": "unit", "treated": "treated", "post": "post"}


def hospital():
    """Return the recipes of adjustment in the hospital's straight world."""

    def weight(estimand):
        return lambda d: weighting.weight(d, **HEALTH, estimand=estimand, variance="stacked")

    def robust(estimand):
        return lambda d: doubly_robust.doubly_robust(d, **HEALTH, estimand=estimand, rng=1)

    def matching(estimand):
        return lambda d: match(d, **HEALTH, estimand=estimand)

    def standard(estimand):
        return lambda d: standardize(d, **HEALTH, estimand=estimand)

    families = {"standardize": standard, "weight": weight, "doubly_robust": robust}
    families["match"] = matching
    return {f"{name}, {e}": make(e) for name, make in families.items() for e in ("ATE", "ATT")}


def main(replications):
    """Run every world and print the table."""
    rows = []

    def run(story, world, analyses, n, estimand):
        settings = {"n": n, "replications": replications, "rng": 2026, "n_jobs": 2}
        targets = estimand if isinstance(estimand, str) else {k: estimand[k] for k in analyses}
        table = replicate(world, analyses, **settings, estimand=targets)
        for name, row in table.iterrows():
            rows.append((name, row["estimand"], story, n, row["coverage"], row["coverage_error"]))

    analyses = hospital()
    estimands = {name: name[-3:] for name in analyses}
    mild = scenarios.hospital(health_on_drug=-0.6)
    run("hospital, arms overlap well", mild, analyses, 1_000, estimands)
    pairs = {"match, in pairs": lambda d: match(d, **HEALTH, replace=False)}
    run("hospital, arms overlap well", mild, pairs, 1_000, "ATT")
    large = {name: analyses[name] for name in ("weight, ATE", "weight, ATT")}
    large["weight, ATE, default"] = lambda d: weighting.weight(d, **HEALTH, estimand="ATE")
    estimands["weight, ATE, default"] = "ATE"
    run("hospital, as in the chapter", scenarios.hospital(), large, 1_000, estimands)
    doors = {"front_door": lambda d: front_door(d, **MENTOR)}
    doors["front_door, linear"] = lambda d: front_door(d, **MENTOR, model="linear")
    run("mentoring", scenarios.mentoring(), doors, 500, "ATE")
    logit = {"standardize, logit": lambda d: standardize(d, **EXIT)}
    run("staffing", scenarios.staffing(), logit, 2_000, "ATE")
    means = {
        "difference_in_means": lambda d: difference_in_means(d, **DAY),
        "adjusted": lambda d: adjusted(d, **DAY, adjust_for="state"),
    }
    run("pomodoro, coin", scenarios.pomodoro(), means, 200, "ATE")
    designs(run)
    for partial_r2, strength in ((0.001, 2), (0.005, 6), (0.05, 54)):
        world = scenarios.weak_instrument(partial_r2=partial_r2, endogeneity=0.9)
        iv = {
            "anderson_rubin": _anderson_rubin,
            "t_f": lambda d: t_f(d, **WAGE, instrument="group"),
            "two_stage_least_squares": lambda d: two_stage_least_squares(
                d, **WAGE, instruments="group"
            ),
        }
        run(f"weak_instrument, mean F about {strength}", world, iv, 1_000, "ATE")
    many = scenarios.weak_instrument(groups=10, partial_r2=0.02, endogeneity=0.9)
    likelihood = {"conditional_likelihood_ratio": _likelihood_ratio}
    run("weak_instrument, ten groups, mean F about 3", many, likelihood, 1_000, "ATE")
    before_after = {"two_by_two": _two_by_two}
    run("two periods, parallel trends", _panel(), before_after, 200, "ATT")
    given = {"doubly_robust_did": _doubly_robust_did}
    run("conditional_trends", scenarios.conditional_trends(), given, 400, "ATT")
    few = {"wild_bootstrap": _wild_bootstrap, "two_by_two, by cluster": _by_cluster}
    run("two periods, clusters with shocks of their own", _Clusters(), few, 10, "ATT")
    staggered = {"overall_att": _overall_att, "imputation": _imputation}
    run("counties, two dates", scenarios.minimum_wage_panel(), staggered, 100, "ATT")
    policies(run)
    rules(run)
    arms(run)
    learners(run)
    differing(run)

    print("| recipe | estimand | world | n | coverage | its error |")
    print("|---|---|---|---:|---:|---:|")
    for name, estimand, story, n, coverage, error in rows:
        estimand = estimand.replace(" | ", " under ")  # a table has its own use for the bar
        print(f"| `{name}` | {estimand} | {story} | {n:,} | {coverage:.3f} | {error:.3f} |")


def arms(run):
    """Run treatments of several values, doses, and what a treatment is blamed for."""
    three = {"compare_arms": _high_dose}
    run("three doses, by need", _Ward(), three, 500, "high - none")
    run("three doses, by need", _Ward(), {"compare_arms, all at a time": _all_arms}, 500, "all")
    score = "E[score | do(hours={})]"
    curve = {f"dose_response, at {h}": _at_hours(h) for h in (8, 12)}
    targets = dict(zip(curve, map(score.format, (8, 12)), strict=True))
    run("coaching, by need", scenarios.dose(), curve, 1_000, targets)
    ladder = scenarios.ladder(incident=((0.08, 0.9), (0.5, 0.6)))
    run("deploys", ladder, {"excess_fraction": _excess}, 2_000, "PN at least")
    ends = [scenarios.ladder(incident=((0.08, 0.9), (0.5, 0.6)), agreement=a) for a in (1, 0)]
    run("deploys, low end", ends[0], {"causation_bounds": _blame}, 2_000, "PN")
    run("deploys, high end", ends[1], {"causation_bounds": _blame}, 2_000, "PN")


class _Ward:
    """Patients with three doses, by need; what the doses do grows with it."""

    truth: ClassVar = {"high - none": 2.0, "all": 0.0}

    def sample(self, n, *, rng):
        """Return n patients."""
        rng = np.random.default_rng(rng)
        need, other, noise = rng.normal(size=(3, n))
        odds = np.exp(np.stack([0 * need, 0.2 - 0.5 * need, 0.6 * need + 0.3 * other], axis=1))
        chance = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)
        arm = (rng.random((n, 1)) > chance).sum(axis=1)
        y = np.choose(arm, [0, 1 + 0.3 * need, 2 + need]) + 2 * need - other + noise
        names = np.array(["none", "low", "high"])[arm]
        return pd.DataFrame({"need": need, "other": other, "drug": names, "y": y})


DOSED = {"outcome": "y", "treatment": "drug", "adjust_for": ["need", "other"]}
COACH = {"outcome": "score", "dose": "hours", "adjust_for": ["need", "senior"]}
INCIDENT = {"outcome": "incident", "treatment": "deploy", "adjust_for": "load"}


def _high_dose(data):
    return compare_arms(data, **DOSED, reference="none").loc["high - none"]


def _all_arms(data):
    """Tell by an interval around 0 whether all three intervals hold."""
    found = compare_arms(data, **DOSED)
    truth = np.array([-1.0, -2.0, -1.0])  # low - high, none - high, none - low
    held = ((found["all_low"] < truth) & (truth < found["all_high"])).all()
    ends = (-1.0, 1.0) if held else (1.0, 1.0)
    return {"estimate": 0.0, "ci_low": ends[0], "ci_high": ends[1]}


def _at_hours(hours):
    return lambda d: dose_response(d, **COACH, at=hours).loc[hours]


def _excess(data):
    return excess_fraction(data, **INCIDENT)


def _blame(data):
    """Give the interval, which is for whatever lies between the ends."""
    found = causation_bounds(data, **INCIDENT).loc["within cells"]
    return {"estimate": found["set_low"], **found[["ci_low", "ci_high"]]}


def designs(run):
    """Run samples with weights, experiments in clusters and in pairs, and ratios."""
    trial = {"outcome": "y", "treatment": "d"}
    chosen = {"outcome": "z", "treatment": "a", "adjust_for": "x"}

    def analyses(**options):
        return {
            "difference_in_means": lambda f: difference_in_means(f, **trial, **options),
            "standardize": lambda f: standardize(f, **chosen, **options),
            "weight": lambda f: weighting.weight(f, **chosen, variance="stacked", **options),
            "match": lambda f: match(f, **chosen, estimand="ATE", **options),
        }

    weighted = {f"{name}, weights": call for name, call in analyses(weights="w").items()}
    unweighted = {f"{name}, no weights": call for name, call in analyses().items()}
    run("rare kinds sampled less, effects differ", _Survey(), weighted | unweighted, 1_000, "ATE")
    clustered, covariate = {**trial, "cluster": "cluster"}, {"adjust_for": "x"}
    villages = {
        "difference_in_means, cluster": lambda f: difference_in_means(f, **clustered),
        "adjusted, cluster": lambda f: adjusted(f, **clustered, **covariate),
        "standardize, cluster": lambda f: standardize(f, **clustered, **covariate),
        "weight, cluster": lambda f: weighting.weight(f, **clustered, **covariate),
        "match, cluster": lambda f: match(f, **clustered, **covariate, estimand="ATE"),
        "difference_in_means, no clusters": lambda f: difference_in_means(f, **trial),
        "adjusted, no clusters": lambda f: adjusted(f, **trial, **covariate),
    }
    for n in (60, 16):
        run(f"{n} villages, half of them treated", _Villages(), villages, n, "ATE")
    few = {
        "difference_in_means, CR2": lambda f: difference_in_means(f, **clustered, cov="CR2"),
        "adjusted, CR2": lambda f: adjusted(f, **clustered, **covariate, cov="CR2"),
    }
    run("16 villages, half of them treated", _Villages(), few, 16, "ATE")
    pairs = {
        "difference_in_means, pairs": lambda f: difference_in_means(f, **clustered, blocks="pair"),
    }
    run("villages in pairs", _Villages(paired=True), pairs, 30, "ATE")
    clicks = {"treatment": "d", "numerator": "clicks", "denominator": "sessions"}
    ratios = {
        "ratio_of_means": lambda f: ratio_of_means(f, **clicks),
        "ratio_of_means, relative": lambda f: ratio_of_means(f, **clicks, relative=True),
    }
    estimands = dict(zip(ratios, ["difference of ratios", "relative difference"], strict=True))
    run("users who come and click more or less", _Users(), ratios, 200, estimands)


class _Survey:
    """People with an effect of 1 + x, sampled the less the higher their x."""

    truth: ClassVar = {"ATE": 1.0}

    def sample(self, n, *, rng):
        """Return n people: y after a coin d, and z after a choice a that follows x."""
        rng = np.random.default_rng(rng)
        chance = np.array([0.5, 0.2, 0.1])
        x = rng.choice([-1, 0, 1], n, p=chance / chance.sum())
        d, a = rng.integers(0, 2, n), (rng.random(n) < 1 / (1 + np.exp(-x))) * 1
        level = 2 * x + rng.normal(size=n)
        frame = {"x": x, "d": d, "a": a, "w": 1 / chance[x + 1]}
        return pd.DataFrame({**frame, "y": level + (1 + x) * d, "z": level + (1 + x) * a})


class _Villages:
    """Villages of 5 to 15 people with shocks of their own, half of them treated, or one of two."""

    truth: ClassVar = {"ATE": 1.0}

    def __init__(self, paired=False):
        """Say whether the draw is inside pairs of alike villages."""
        self.paired = paired

    def sample(self, n, *, rng):
        """Return the people of n villages."""
        rng = np.random.default_rng(rng)
        village, pair = np.arange(n), np.arange(n) // 2
        d = rng.permutation(village % 2)
        if self.paired:
            d = (village + rng.integers(0, 2, n)[pair]) % 2
        shock = rng.normal(size=n) + 2 * rng.normal(size=n)[pair] * self.paired
        level, cluster = rng.normal(size=n), np.repeat(village, rng.integers(5, 16, n))
        x = level[cluster] + rng.normal(size=len(cluster))
        y = d[cluster] + x + shock[cluster] + rng.normal(size=len(cluster))
        frame = {"cluster": cluster, "pair": pair[cluster], "d": d[cluster], "x": x, "y": y}
        return pd.DataFrame(frame)


class _Users:
    """Users of whom some come often and click often; the treatment brings a tenth more clicks."""

    truth: ClassVar = {
        "relative difference": 0.1,
        "difference of ratios": 0.1 * (0.2 + 40 * 0.05) / (1 + 40 * 0.2),
    }

    def sample(self, n, *, rng):
        """Return sessions and clicks of n users; taste has the mean 0.2, its square 0.05."""
        rng = np.random.default_rng(rng)
        taste, d = rng.gamma(4, 0.05, n), rng.permutation(np.arange(n) % 2)
        sessions = 1 + rng.poisson(40 * taste)
        clicks = rng.poisson(sessions * taste * (1 + 0.1 * d))
        return pd.DataFrame({"d": d, "sessions": sessions, "clicks": clicks})


class _Logs:
    """A world's logs with what its new policy would do, and the truths that its values have."""

    def __init__(self, world, policy):
        """Take a world and a function that adds the policy's probabilities to its log."""
        self.world, self.policy = world, policy
        self.truth = dict(world.truth)
        if "E[exit]" in self.truth:
            self.truth["new - old"] = self.truth["E[exit | new]"] - self.truth["E[exit]"]

    def sample(self, n, *, rng):
        """Return a log of n people."""
        log = self.world.sample(n, rng=rng)
        return log.assign(new=self.policy(log))


def policies(run):
    """Run the values of policies on logs, and the curves."""

    def talented(log):
        return new(log["talent"])

    def halved(log):
        return POLICIES["odds halved"](log["prestige"], log["strain"])

    drivers, value = ["talent", "prestige"], "E[exit | new]"
    values = {
        "policy_value": lambda d: policy_value(d, **LOG),
        "policy_value, plain": lambda d: policy_value(d, **LOG, self_normalized=False),
        "policy_value, estimated propensities": _guessed,
        "doubly_robust_value": lambda d: doubly_robust_value(d, **LOG, adjust_for=drivers),
        "value_difference": lambda d: value_difference(d, **LOG),
    }
    targets = dict.fromkeys(values, value) | {"value_difference": "new - old"}
    run("projects", _Logs(scenarios.project_assignment(), talented), values, 2_000, targets)
    silent = _Logs(scenarios.project_assignment(unsupported=True), talented)
    ends = {"policy_bounds, low end": "lowest | new", "policy_bounds, high end": "highest | new"}
    run("projects, no support for 27%", silent, dict.fromkeys(ends, _bounds), 2_000, ends)
    weighted = {"retention_curve": lambda d: retention_curve(d, **MONTHS).loc[24]}
    states = ["senior", "prestige", "strain"]
    weighted["retention_curve, g-formula"] = lambda d: retention_curve(
        d, **MONTHS, states=states
    ).loc[24]
    careers = _Logs(scenarios.retention(), halved)
    run("24 months, odds halved", careers, weighted, 3_000, "retained 24 | odds halved")


class _Drawn:
    """A world of a drawing function, with its truths."""

    def __init__(self, draw, **truth):
        """Take a function of size and generator, and truths by estimand."""
        self.draw, self.truth = draw, truth

    def sample(self, n, *, rng):
        """Return n units."""
        return self.draw(n, np.random.default_rng(rng))


def learners(run):
    """Run double machine learning where lines fail, and with instruments."""
    bent = {"outcome": "y", "treatment": "d", "adjust_for": "x"}
    trees = {
        "outcome_model": DecisionTreeRegressor(min_samples_leaf=20),
        "treatment_model": DecisionTreeClassifier(min_samples_leaf=40),
    }
    robust = doubly_robust.doubly_robust
    analyses = {
        "doubly_robust, trees": lambda d: robust(d, **bent, **trees),
        "doubly_robust, lines": lambda d: robust(d, **bent),
        "partially_linear, trees": lambda d: partially_linear(d, **bent, **trees),
        "partially_linear, lines": lambda d: partially_linear(d, **bent),
    }
    run("bent confounding", _Drawn(_bent, ATE=1.0), analyses, 1_000, "ATE")
    offered = {**bent, "instrument": "z"}
    ratios = {
        "interactive_iv": lambda d: interactive_iv(d, **offered),
        "partially_linear_iv": lambda d: partially_linear_iv(d, **offered),
    }
    named = ("LATE", "LATEs weighted by Cov(Z, D given X)")
    world = _Drawn(_complied, **dict(zip(named, (7 / 3, 121 / 57), strict=True)))
    run("offer, compliers differ", world, ratios, 2_000, dict(zip(ratios, named, strict=True)))


def differing(run):
    """Run effects by group and by rank on scores of known propensities."""
    top = 1 + np.exp(-(special.ndtri(0.8) ** 2) / 2) / np.sqrt(2 * np.pi) / 0.2
    columns, ranked = {"score": "score"}, {"score": "score", "priority": "x"}
    analyses = {
        "group_effects": lambda d: heterogeneity.group_effects(d, **columns, by="old").loc[1],
        "group_effects, all at a time": _all_groups,
        "best_linear_projection": lambda d: heterogeneity.best_linear_projection(
            d, **columns, on="x"
        ).loc["x"],
        "targeting_curve": lambda d: heterogeneity.targeting_curve(d, **ranked, shares=0.2).loc[
            0.2
        ],
        "rank_weighted_effect": lambda d: heterogeneity.rank_weighted_effect(d, **ranked),
    }
    truth = {"ATE of a group": 1 + np.sqrt(2 / np.pi), "ATE of two groups": 0.0, "slope": 1.0}
    truth |= {"TOC at 20%": top - 1, "AUTOC": AUTOC}
    world, targets = _Drawn(_ranked, **truth), dict(zip(analyses, truth, strict=True))
    run("trial, effect 1 + x", world, analyses, 1_000, targets)


AUTOC = 0.9031972  # integral of phi(z(u)) / u, with the upper quantile z(u) of a normal


def _bent(n, rng):
    """Draw a confounder that acts beyond one standard deviation, to either side; effect 1."""
    x, noise = rng.normal(size=(2, n))
    bend = 1.5 * (np.abs(x) > 1)
    d = (rng.random(n) < special.expit(bend - 0.5)) * 1
    return pd.DataFrame({"x": x, "d": d, "y": d + 3 * bend + noise})


def _complied(n, rng):
    """Draw compliers, 40% and 80%, who gain 1 and 3; nobody else takes it."""
    x = rng.integers(0, 2, n)
    z = (rng.random(n) < np.where(x, 0.8, 0.5)) * 1
    complier = rng.random(n) < np.where(x, 0.8, 0.4)
    d = z * complier
    y = d * (1 + 2 * x) + x + complier + rng.normal(size=n)
    return pd.DataFrame({"x": x, "z": z, "d": d, "y": y})


def _ranked(n, rng):
    """Draw a trial of unequal known chances, an effect of 1 + x, and the scores."""
    x, noise = rng.normal(size=(2, n))
    p = np.where(x > 0, 0.6, 0.4)
    d = (rng.random(n) < p) * 1
    y = d * (1 + x) + x + noise
    trial = pd.DataFrame({"x": x, "old": (x > 0) * 1, "p": p, "d": d, "y": y})
    lot = {"outcome": "y", "treatment": "d", "propensity": "p", "adjust_for": "x"}
    return trial.assign(score=heterogeneity.effect_scores(trial, **lot))


def _all_groups(data):
    """Return an interval that covers 0 if both groups' joint intervals hold their truths."""
    found = heterogeneity.group_effects(data, score="score", by="old")
    truth = 1 + np.sqrt(2 / np.pi) * np.array([-1, 1])
    holds = ((found["all_low"] <= truth) & (truth <= found["all_high"])).all()
    low = -1.0 if holds else 1.0
    return pd.Series({"estimate": 0.0, "std_error": 1.0, "ci_low": low, "ci_high": 2.0, "n": 1})


class _Rule:
    """Units whose score decides at 0; `draw` makes n of them, the effect there is known."""

    def __init__(self, draw, effect):
        """Take a function of size and generator, and the effect at the cutoff."""
        self.draw, self.truth = draw, {"effect at the cutoff": effect}

    def sample(self, n, *, rng):
        """Return n units."""
        return self.draw(n, np.random.default_rng(rng))


def rules(run):
    """Run the effects at a cutoff, in worlds of the papers that proposed the intervals."""
    plain = {
        "sharp": lambda d: sharp(d, **RULED),
        "sharp, conventional interval": _conventional,
    }
    for name, (below, above) in MODELS.items():
        world = _Rule(_curves(below, above), above[-1] - below[-1])
        run(f"cutoff, {name}", world, plain, 500, "effect at the cutoff")
    ratio = {"fuzzy": lambda d: fuzzy(d, **RULED, treatment="d")}
    run("cutoff, 60% comply", _Rule(_some_comply, 1.0), ratio, 1_000, "effect at the cutoff")
    bound = {"honest": lambda d: honest(d, **RULED, curvature=0.1)}
    run("cutoff, six scores a side", _Rule(_six_scores, 2.0), bound, 400, "effect at the cutoff")


# Calonico, Cattaneo and Titiunik (2014), section 5: coefficients below and above.
FIRST = [7.33, 21.54, 20.21, 7.18, 1.27, 0.48], [3.56, -9.01, 7.99, -3.0, 0.84, 0.52]
SECOND = [0.03, 0.23, 1.45, 3.28, 2.3, 3.71], [9.83, -45.02, 74.3, -54.81, 18.49, 0.26]
MODELS = {"a House election": FIRST, "Head Start": SECOND}


def _curves(below, above):
    def draw(n, rng):
        x = 2 * rng.beta(2, 4, n) - 1
        y = np.where(x < 0, np.polyval(below, x), np.polyval(above, x))
        return pd.DataFrame({"x": x, "y": y + 0.1295 * rng.normal(size=n)})

    return draw


def _some_comply(n, rng):
    """Return units of whom a fifth take and a fifth refuse the treatment whatever the rule says."""
    x, kind = rng.normal(size=n), rng.random(n)
    d = np.where(kind < 0.2, 1, np.where(kind < 0.4, 0, x >= 0))
    y = 0.5 * x + 0.3 * x**2 - 0.2 * x**3 + d + (kind < 0.2) + 0.5 * rng.normal(size=n)
    return pd.DataFrame({"x": x, "d": d, "y": y})


def _six_scores(n, rng):
    """Return units with twelve scores, whose curves bend as much as the bound allows."""
    x = rng.integers(-6, 6, n) + 0.5
    y = 2 * (x >= 0) - 0.05 * np.sign(x) * x**2 + rng.normal(size=n)
    return pd.DataFrame({"x": x, "y": y})


def _conventional(data):
    found = sharp(data, **RULED)
    margin = 1.959963984540054 * found["std_error"]
    low, high = found["estimate"] - margin, found["estimate"] + margin
    return {"estimate": found["estimate"], "ci_low": low, "ci_high": high}


def _guessed(data):
    guess = estimate_propensities(data, action="stretch", adjust_for=["talent", "prestige"])
    return policy_value(data.assign(propensity=guess["propensity"]), **LOG)


def _bounds(data):
    """Give the interval, which is for the set, an end of the set for its estimate."""
    found = policy_bounds(data, **LOG, low=0, high=1)
    return {"estimate": found["set_low"], **found[["ci_low", "ci_high"]]}


def _anderson_rubin(data):
    """Give the confidence set as an interval where it is one, else as wide as it is."""
    return _inside(anderson_rubin(data, **WAGE, instruments="group"))


def _likelihood_ratio(data):
    groups = data.astype({"group": "category"})
    return _inside(conditional_likelihood_ratio(groups, **WAGE, instruments="group"))


def _inside(found):
    """Give a set as an interval that holds the truth if the set does."""
    inside = any(low <= 0.5 <= high for low, high in found["pieces"])
    return {"estimate": 0.5, "ci_low": 0.5 if inside else 1.0, "ci_high": 0.5 if inside else 1.0}


def _panel():
    """Return a two-period world with a fixed difference, a shared trend and an ATT of 2."""
    from casestudies.scenarios import Scenario
    from casestudies.scm import SCM, Bernoulli, Normal

    model = SCM(
        {
            "treated": Bernoulli(0.4),
            "before": Normal(lambda treated: 5 + 3 * treated, 2.0),
            "after": Normal(lambda before, treated: 1 + before + 2 * treated, 1.5),
        }
    )

    def arrange(units):
        wide = units.rename_axis("unit").reset_index()
        long = wide.melt(["unit", "treated"], ["before", "after"], "when", "outcome")
        return long.assign(post=(long["when"] == "after").astype(int))

    columns = ("unit", "treated", "post", "outcome")
    return Scenario(
        name="panel", model=model, treatment="treated", outcome="outcome", observed=columns,
        adjust_for=(), truth={"ATT": 2.0}, source="", arrange=arrange,
    )  # fmt: skip


class _Clusters:
    """Clusters of five units, every other one treated, hit by a shock in each period."""

    truth: ClassVar = {"ATT": 2.0}

    def sample(self, n, *, rng):
        """Return both periods of n clusters."""
        rng = np.random.default_rng(rng)
        cluster = np.repeat(np.arange(n), 5)
        columns = {"unit": np.arange(5 * n), "cluster": cluster, "treated": cluster % 2}
        periods = []
        for post in (0, 1):
            level = 5 + post + 3 * columns["treated"] + 2 * columns["treated"] * post
            outcome = level + rng.normal(size=n)[cluster] + rng.normal(size=5 * n)
            periods.append(pd.DataFrame({**columns, "post": post, "outcome": outcome}))
        return pd.concat(periods, ignore_index=True)


def _wild_bootstrap(data):
    return wild_bootstrap(data, **PANEL, cluster="cluster", rng=0)


def _by_cluster(data):
    return two_by_two(data, **PANEL, cluster="cluster")


COUNTIES = {"outcome": "employment", "unit": "county", "time": "quarter"}
COUNTIES["first_treated"] = "first_raised"


def _overall_att(data):
    return overall_att(data, **COUNTIES)


def _imputation(data):
    return imputation(data, **COUNTIES)


def _doubly_robust_did(data):
    columns = {"outcome": "earnings", "unit": "person", "treated": "treated", "post": "post"}
    return doubly_robust_did(data, **columns, adjust_for="schooling")


def _two_by_two(data):
    return two_by_two(data, **PANEL)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
