"""Answers depend neither on units nor on the order, the storage or the index of the data."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from needs import package
from scipy.special import expit

from casestudies.recipes import (
    attribution,
    difference_in_differences,
    dose_response,
    double_machine_learning,
    doubly_robust,
    few_clusters,
    front_door,
    heterogeneity,
    honest_bounds,
    instrumental_variables,
    matching,
    monitoring,
    off_policy,
    pretrends,
    propensity,
    randomized_experiment,
    regression_discontinuity,
    sensitivity,
    several_arms,
    staggered_adoption,
    standardization,
    time_varying,
    weak_instruments,
    weighting,
)

FOLDER = Path(__file__).resolve().parent.parent / "casestudies" / "recipes"
COVARIATES = ["x1", "x2", "ward"]
EFFECT = {"outcome": "y", "treatment": "d"}
ADJUSTED = {**EFFECT, "adjust_for": COVARIATES}
SCORE = {"treatment": "d", "adjust_for": COVARIATES}
IN_PAIRS = {"replace": False, "on_no_match": "drop"}
ARMED = {"outcome": "y", "treatment": "arm", "adjust_for": COVARIATES}
INSTRUMENT = {**EFFECT, "instrument": "z", "controls": ["x1", "ward"]}
INSTRUMENTS = {**EFFECT, "instruments": ["z", "v"], "controls": ["x1", "ward"]}
PANEL = {"outcome": "y", "unit": "unit"}
TWO = {**PANEL, "treated": "treated", "post": "post"}
COURSE = {"outcome": "y", "treatments": ["z", "d"], "histories": [["x1", "ward"], ["x2"]]}
RULE = {"regime": {"z": 1, "d": lambda x2: x2 > 0}}
REGIMES = {**COURSE, **RULE, "reference": {"z": 0, "d": 0}, "weights": "w"}
STUDY = {**PANEL, "time": "year", "treated": "treated", "first_treated_time": 2003}
POLICY = {"action": "d", "propensity": "p", "target": "q"}
VALUE = {"outcome": "y", **POLICY}
TRACK = {**POLICY, "unit": "unit", "time": "year", "event": "event"}
WATCHED = {**EFFECT, "batch": "week"}
RULED = {"outcome": "y", "running": "v", "cutoff": 0}
COVERED = {**RULED, "covariates": ["x1", "x2", "ward"]}
STAGGERED = {**PANEL, "time": "year", "first_treated": "start"}


def people(n=240):
    """Return people whose numbers single precision can hold."""
    rng = np.random.default_rng(8)
    x1, x2, v, noise = (rng.normal(size=(4, n)) * 64).round() / 64
    z, ward = rng.integers(0, 2, n), rng.choice(["east", "north", "west"], n)
    d = (rng.random(n) < expit(0.5 * x1 - 0.4 * x2 + z + 0.5 * v - 0.5)) * 1
    y = ((1 + d + x1 + x2 + (ward == "east") + noise) * 64).round() / 64
    frame = {"y": y, "d": d, "z": z, "v": v, "x1": x1, "x2": x2, "ward": ward}
    weights = rng.integers(1, 5, n) / 4
    return pd.DataFrame({**frame, "w": weights, "site": rng.integers(0, 12, n) + 1000})


def panel():
    """Return forty units over six years, half of them treated from 2003 on."""
    rng = np.random.default_rng(9)
    unit, year = np.repeat(np.arange(40) + 500, 6), np.tile(np.arange(2000, 2006), 40)
    treated, start = (unit % 2), np.where(unit % 2, 2003, 0)
    later = np.where(unit % 4 == 1, 2004, start)
    noise = (rng.normal(size=240) * 64).round() / 64
    y = np.sin(unit).round(2) * 4 // 1 + treated * (year >= 2003) + noise
    frame = {"y": y, "unit": unit, "year": year, "treated": treated, "start": later}
    frame |= {"x": (np.cos(3.7 * unit) * 64).round() / 64, "w": (1 + unit % 3) / 2}
    return pd.DataFrame({**frame, "site": (unit - 500) // 4, "late": (year >= 2003) * 1})


def gappy_panel():
    """Return the panel without a row in ten."""
    return panel()[np.arange(240) % 10 != 4].reset_index(drop=True)


def weeks():
    """Return the people in six weeks and two periods, with a mark of those who do not answer."""
    place = np.arange(240)
    return people().assign(week=place // 40 + 3, late=place % 2, silent=place % 3 // 2)


def gaps(frame):
    """Return the weeks without the outcomes of those who do not answer."""
    if isinstance(frame, pd.DataFrame):
        return frame.assign(y=frame["y"].where(frame["silent"] == 0))
    if isinstance(frame, package("polars").DataFrame):
        pl = package("polars")
        return frame.with_columns(pl.when(pl.col("silent") == 0).then(pl.col("y")).alias("y"))
    return type(frame).from_pandas(gaps(frame.to_pandas()))


def ends(frame):
    """Return the least and the greatest outcome."""
    y = frame["y"].to_numpy()
    return float(y.min()), float(y.max())


def moments(frame):
    """Return the weeks' moments, an outcome's mean less the least outcome."""
    table = monitoring.batch_moments(frame, **WATCHED)
    return table.assign(y_mean=table["y_mean"] - ends(frame)[0])


def two_periods():
    """Return the panel's years 2000 and 2005, as before and after."""
    frame = panel().query("year in (2000, 2005)")
    return frame.assign(post=(frame["year"] == 2005) * 1).reset_index(drop=True)


def twelve_units():
    """Return the first twelve units of the two periods, few enough for all sets of treated."""
    frame = two_periods()
    return frame[frame["unit"] < 512].reset_index(drop=True)


def decisions():
    """Return people whose treatment an old policy drew, and what two new ones would do."""
    rng = np.random.default_rng(10)
    frame = people()
    p = rng.integers(8, 57, len(frame)) / 64
    frame["d"] = (rng.random(len(frame)) < p) * 1
    q, r = rng.integers(0, 65, (2, len(frame))) / 64
    return frame.assign(p=p, q=q, r=r)


def careers():
    """Return months of units until an event, with two states."""
    rng = np.random.default_rng(11)
    last = rng.integers(1, 7, 60)
    unit = np.repeat(np.arange(60) + 500, last)
    month = np.concatenate([np.arange(n) for n in last])
    state = rng.integers(0, 2, len(unit))
    p = rng.integers(16, 49, len(unit)) / 64
    d = (rng.random(len(unit)) < p) * 1
    event = (month + 1 == np.repeat(last, last)) * (unit % 3 > 0)
    frame = {"unit": unit, "year": month + 2000, "d": d, "p": p, "q": (1 + state) / 4}
    return pd.DataFrame({**frame, "x1": state, "event": event * 1, "y": 0})


def wide(frame):
    """Return the outcomes of each unit by year, in the order of the units, net of the first."""
    found = time_varying.long_to_wide(frame, unit="unit", time="year", varying="y", fixed="site")
    outcomes = found.sort_values("unit").filter(like="y_").astype(float)
    return outcomes.sub(outcomes["y_0"], axis=0)


def pairs(frame):
    """Return distances and weights of the pairs, in their order."""
    found = matching.matched_pairs(frame, **SCORE, estimand="ATE")
    return found[["distance", "weight"]].sort_values(["distance", "weight"])


def study(frame):
    return difference_in_differences.event_study(frame, **STUDY)


CALLS = {
    "difference_in_means": (
        people,
        lambda f: randomized_experiment.difference_in_means(f, **EFFECT),
    ),
    "adjusted": (people, lambda f: randomized_experiment.adjusted(f, **ADJUSTED)),
    "ratio_of_means": (
        people,
        lambda f: randomized_experiment.ratio_of_means(
            f, treatment="d", numerator="v", denominator="w"
        ),
    ),
    "standardize": (people, lambda f: standardization.standardize(f, **ADJUSTED)),
    "scores": (people, lambda f: propensity.scores(f, **SCORE).sort_values().to_numpy()),
    "overlap": (people, lambda f: propensity.overlap(f, **SCORE)),
    "balance": (people, lambda f: propensity.balance(f, **SCORE, weights="w")),
    "trim": (people, lambda f: pd.Series(len(propensity.trim(f, **SCORE, low=0.2, high=0.8)))),
    "inverse_weights": (people, lambda f: np.sort(weighting.inverse_weights(f, **SCORE))),
    "weight": (people, lambda f: weighting.weight(f, **ADJUSTED, variance="stacked")),
    "match": (people, lambda f: matching.match(f, **ADJUSTED)),
    "match, in pairs": (people, lambda f: matching.match(f, **ADJUSTED, **IN_PAIRS)),
    "matched_pairs": (people, pairs),
    "match_weights": (people, lambda f: np.sort(matching.match_weights(f, **SCORE))),
    "doubly_robust": (people, lambda f: doubly_robust.doubly_robust(f, **ADJUSTED)),
    "front_door": (
        people,
        lambda f: front_door.front_door(f, **EFFECT, mediator="z", adjust_for="ward"),
    ),
    "front_door, linear": (
        people,
        lambda f: front_door.front_door(
            f, **EFFECT, mediator=["v", "x2"], adjust_for=["x1", "ward"], model="linear"
        ),
    ),
    "robustness_value": (people, lambda f: sensitivity.robustness_value(f, **ADJUSTED)),
    "bias_bounds": (people, lambda f: sensitivity.bias_bounds(f, **ADJUSTED, benchmark="x1")),
    "contour": (people, lambda f: sensitivity.contour(f, **ADJUSTED)),
    "wald": (people, lambda f: instrumental_variables.wald(f, **INSTRUMENT)),
    "two_stage_least_squares": (
        people,
        lambda f: instrumental_variables.two_stage_least_squares(
            f, **INSTRUMENTS, cov="clustered", cluster="site"
        ),
    ),
    "limited_information": (
        people,
        lambda f: instrumental_variables.limited_information(f, **INSTRUMENTS, cov="bekker"),
    ),
    "two_stage_least_squares, by leverage": (
        people,
        lambda f: instrumental_variables.two_stage_least_squares(
            f, **INSTRUMENTS, cov="CR2", cluster="site", weights="w"
        ),
    ),
    "least_squares": (
        people,
        lambda f: instrumental_variables.least_squares(
            f, **EFFECT, controls=["x1"], absorb=["site", "ward"], cov="robust"
        ),
    ),
    "overidentification": (
        people,
        lambda f: instrumental_variables.overidentification(f, **INSTRUMENTS, cov="robust")[
            ["statistic", "p_value"]
        ],
    ),
    "anderson_rubin, robust": (
        people,
        lambda f: weak_instruments.anderson_rubin(f, **INSTRUMENTS, cov="robust", weights="w")[
            ["ci_low", "ci_high"]
        ],
    ),
    "conditional_likelihood_ratio": (
        people,
        lambda f: weak_instruments.conditional_likelihood_ratio(f, **INSTRUMENTS)[
            ["ci_low", "ci_high"]
        ],
    ),
    "first_stage": (
        people,
        lambda f: weak_instruments.first_stage(f, **INSTRUMENTS)[["value", "p_value"]],
    ),
    "anderson_rubin": (
        people,
        lambda f: weak_instruments.anderson_rubin(f, **INSTRUMENTS)[["ci_low", "ci_high"]],
    ),
    "t_f": (people, lambda f: weak_instruments.t_f(f, **INSTRUMENT, cov="robust")),
    "batch_moments": (weeks, moments),
    "confidence_sequence": (
        weeks,
        lambda f: monitoring.confidence_sequence(f, **WATCHED, tuned_for=100),
    ),
    "change_detector": (weeks, lambda f: monitoring.change_detector(f, **WATCHED, reference=1)),
    "sample_ratio": (
        weeks,
        lambda f: monitoring.sample_ratio(f, treatment="d", batch="week", share_treated=0.5),
    ),
    "effect_change": (
        weeks,
        lambda f: monitoring.effect_change(f, **EFFECT, period="late", adjust_for="ward"),
    ),
    "missing_outcome": (
        weeks,
        lambda f: monitoring.missing_outcome(gaps(f), **ADJUSTED),
    ),
    "outcome_bounds": (
        weeks,
        lambda f: monitoring.outcome_bounds(
            gaps(f), **EFFECT, low=ends(f)[0] - 1, high=ends(f)[1] + 1
        ),
    ),
    "two_by_two": (
        two_periods,
        lambda f: difference_in_differences.two_by_two(f, **TWO, cluster="site"),
    ),
    "doubly_robust_did": (
        two_periods,
        lambda f: difference_in_differences.doubly_robust_did(
            f, **TWO, adjust_for="x", weights="w", cluster="site"
        ),
    ),
    "difference_in_differences.event_study": (panel, study),
    "difference_in_differences.event_study, pairs": (
        gappy_panel,
        lambda f: difference_in_differences.event_study(f, **STUDY, panel="pairs", weights="w"),
    ),
    "placebo, cross-sections": (
        gappy_panel,
        lambda f: difference_in_differences.placebo(f, **STUDY, panel="cross_sections"),
    ),
    "placebo": (panel, lambda f: difference_in_differences.placebo(f, **STUDY)),
    "trend_bounds": (panel, lambda f: honest_bounds.trend_bounds(study(f))),
    "trend_breakdown": (panel, lambda f: honest_bounds.trend_breakdown(study(f))),
    "pretrend_test": (panel, lambda f: pretrends.pretrend_test(study(f))[["statistic", "p_value"]]),
    "pretrend_power": (panel, lambda f: pretrends.pretrend_power(study(f))),
    "group_time": (panel, lambda f: staggered_adoption.group_time(f, **STAGGERED)),
    "staggered_adoption.event_study": (
        panel,
        lambda f: staggered_adoption.event_study(f, **STAGGERED),
    ),
    "group_time, given a covariate": (
        gappy_panel,
        lambda f: staggered_adoption.group_time(f, **STAGGERED, panel="pairs", adjust_for="x"),
    ),
    "overall_att, cross-sections": (
        gappy_panel,
        lambda f: staggered_adoption.overall_att(f, **STAGGERED, panel="cross_sections"),
    ),
    "overall_att": (panel, lambda f: staggered_adoption.overall_att(f, **STAGGERED)),
    "imputation": (
        gappy_panel,
        lambda f: staggered_adoption.imputation(f, **STAGGERED, weights="w", target="sample"),
    ),
    "imputation_study": (
        gappy_panel,
        lambda f: staggered_adoption.imputation_study(f, **STAGGERED, cluster="site"),
    ),
    "two_way_weights": (
        gappy_panel,
        lambda f: staggered_adoption.two_way_weights(f, **STAGGERED)[["weight", "effect"]],
    ),
    "two_way_weights, of a lead": (
        gappy_panel,
        lambda f: staggered_adoption.two_way_weights(f, **STAGGERED, event_time=-2, weights="w")[
            ["weight", "effect"]
        ],
    ),
    "simultaneous_intervals": (panel, lambda f: pretrends.simultaneous_intervals(study(f))),
    "wild_bootstrap": (
        two_periods,
        lambda f: few_clusters.wild_bootstrap(f, **TWO, cluster="site", draws=2**10, rng=1),
    ),
    "wild_bootstrap_test": (
        two_periods,
        lambda f: few_clusters.wild_bootstrap_test(f, **TWO, cluster="site", draws=2**10, rng=1)[
            ["statistic", "p_value"]
        ],
    ),
    "randomization_over_units": (
        twelve_units,
        lambda f: few_clusters.randomization_over_units(f, **TWO, draws=10_000, rng=1)[
            ["statistic", "p_value"]
        ],
    ),
    "value_difference": (
        decisions,
        lambda f: off_policy.value_difference(f, **VALUE, reference="r", cluster="site"),
    ),
    "support": (decisions, lambda f: off_policy.support(f, **POLICY, time="site")),
    "logging_audit": (
        decisions,
        lambda f: off_policy.logging_audit(f, action="d", propensity="p", time="ward"),
    ),
    "estimate_propensities": (
        decisions,
        lambda f: np.sort(
            off_policy.estimate_propensities(f, action="d", adjust_for=COVARIATES), axis=0
        ),
    ),
    "retention_curve": (careers, lambda f: off_policy.retention_curve(f, **TRACK)),
    "states.retention_curve": (
        careers,
        lambda f: off_policy.retention_curve(f, **TRACK, states="x1"),
    ),
}
VALUES = {  # they move with the outcome
    "policy_value": lambda f: off_policy.policy_value(f, **VALUE),
    "doubly_robust_value": lambda f: off_policy.doubly_robust_value(
        f, **VALUE, adjust_for=COVARIATES
    ),
    "policy_bounds": lambda f: off_policy.policy_bounds(
        f, **VALUE, low=ends(f)[0], high=ends(f)[1]
    ),
}
CALLS |= {
    "regime_difference": (people, lambda f: time_varying.regime_difference(f, **REGIMES)),
    "regime_difference, doubly robust": (
        people,
        lambda f: time_varying.regime_difference(f, **REGIMES, method="doubly_robust"),
    ),
    "marginal_structural_model": (
        people,
        lambda f: time_varying.marginal_structural_model(
            f, **{**REGIMES, "regime": {"z": 1, "d": 1}}
        ),
    ),
    "g_estimation": (people, lambda f: time_varying.g_estimation(f, **COURSE)),
    "regime_support": (people, lambda f: time_varying.regime_support(f, **COURSE, **RULE)),
    "long_to_wide": (panel, wide),
}
SAMPLED = {"weights": "w", "cluster": "site"}
CALLS |= {
    "difference_in_means, by weights and clusters": (
        people,
        lambda f: randomized_experiment.difference_in_means(f, **EFFECT, **SAMPLED),
    ),
    "difference_in_means, by weights and blocks": (
        people,
        lambda f: randomized_experiment.difference_in_means(
            f, **EFFECT, weights="w", blocks="ward"
        ),
    ),
    "adjusted, by weights": (
        people,
        lambda f: randomized_experiment.adjusted(f, **ADJUSTED, weights="w"),
    ),
    "adjusted, by weights and clusters": (
        people,
        lambda f: randomized_experiment.adjusted(f, **ADJUSTED, **SAMPLED),
    ),
    "adjusted, by leverage": (
        people,
        lambda f: randomized_experiment.adjusted(f, **ADJUSTED, **SAMPLED, cov="CR2"),
    ),
    "standardize, by weights and clusters": (
        people,
        lambda f: standardization.standardize(f, **ADJUSTED, **SAMPLED),
    ),
    "weight, by weights and clusters": (
        people,
        lambda f: weighting.weight(f, **ADJUSTED, **SAMPLED, estimand="ATT"),
    ),
    "match, by weights and clusters": (
        people,
        lambda f: matching.match(f, **ADJUSTED, **SAMPLED),
    ),
    "match, in pairs by weights": (
        people,
        lambda f: matching.match(f, **ADJUSTED, **IN_PAIRS, weights="w"),
    ),
    "inverse_weights, by weights": (
        people,
        lambda f: np.sort(weighting.inverse_weights(f, **SCORE, weights="w")),
    ),
    "overlap, by weights": (people, lambda f: propensity.overlap(f, **SCORE, weights="w")),
    "balance, by weights": (
        people,
        lambda f: propensity.balance(f, **SCORE, sampling_weights="w"),
    ),
    "randomization_test, all of clusters": (
        twelve_units,
        lambda f: randomized_experiment.randomization_test(
            f, outcome="y", treatment="treated", cluster="unit", rng=1, studentized=True
        )[["statistic", "p_value"]],
    ),
}
CALLS |= {
    "sharp": (people, lambda f: regression_discontinuity.sharp(f, **COVERED)),
    "sharp, by cluster": (
        people,
        lambda f: regression_discontinuity.sharp(f, **RULED, cluster="site", bandwidth=2),
    ),
    "fuzzy": (
        people,
        lambda f: regression_discontinuity.fuzzy(f, **COVERED, treatment="d", bandwidth=2),
    ),
    "bandwidth": (people, lambda f: regression_discontinuity.bandwidth(f, **COVERED)),
    "bandwidth, ik": (
        people,
        lambda f: regression_discontinuity.bandwidth(f, **RULED, method="ik"),
    ),
    "density_test": (
        people,
        lambda f: regression_discontinuity.density_test(f, running="v", cutoff=0)[
            ["statistic", "p_value", "estimate", "bandwidth_below"]
        ],
    ),
    "placebo_cutoffs": (
        people,
        lambda f: regression_discontinuity.placebo_cutoffs(f, **RULED, bandwidth=1),
    ),
    "donut": (people, lambda f: regression_discontinuity.donut(f, **RULED, radii=[0, 0.125])),
    "honest": (people, lambda f: regression_discontinuity.honest(f, **RULED, curvature=1)),
}


def in_arms():
    frame = people()
    return frame.assign(arm=frame["d"].astype(int) + frame["z"].astype(int))


BLAME = {"outcome": "z", "treatment": "d", "adjust_for": "ward"}
CALLS |= {
    "compare_arms": (
        in_arms,
        lambda f: several_arms.compare_arms(f, **ARMED, weights="w"),
    ),
    "compare_arms, by cluster": (
        people,
        lambda f: several_arms.compare_arms(
            f, **{**ARMED, "treatment": "ward", "adjust_for": ["x1", "x2"]}, cluster="site"
        ),
    ),
    "dose_response": (
        people,
        lambda f: dose_response.dose_response(
            f, outcome="y", dose="v", adjust_for=COVARIATES, at=[-0.5, 0.5], reference=0
        ),
    ),
    "causation_bounds": (people, lambda f: attribution.causation_bounds(f, **BLAME)),
    "excess_fraction": (
        people,
        lambda f: attribution.excess_fraction(f, **BLAME, cluster="site"),
    ),
}
OFFER = {**ADJUSTED, "instrument": "z"}
SCORED = {"score": "x1"}
LOT = {"outcome": "y", "treatment": "d", "propensity": "w"}
CALLS |= {
    "doubly_robust, weighted and clustered": (
        people,
        lambda f: doubly_robust.doubly_robust(f, **ADJUSTED, weights="w", cluster="site", splits=2),
    ),
    "partially_linear": (
        people,
        lambda f: double_machine_learning.partially_linear(f, **ADJUSTED, cluster="site"),
    ),
    "partially_linear_iv": (
        people,
        lambda f: double_machine_learning.partially_linear_iv(f, **OFFER, weights="w"),
    ),
    "interactive_iv": (people, lambda f: double_machine_learning.interactive_iv(f, **OFFER)),
    "effect_scores": (
        people,
        lambda f: np.sort(heterogeneity.effect_scores(f, **ADJUSTED)),
    ),
    "effect_scores, known": (
        decisions,
        lambda f: np.sort(heterogeneity.effect_scores(f, **LOT | {"propensity": "p"})),
    ),
    "group_effects": (
        decisions,
        lambda f: heterogeneity.group_effects(f, **SCORED, by="ward", weights="w"),
    ),
    "best_linear_projection": (
        decisions,
        lambda f: heterogeneity.best_linear_projection(f, **SCORED, on=["x2", "ward"]),
    ),
    "heterogeneity_test": (
        decisions,
        lambda f: heterogeneity.heterogeneity_test(f, **SCORED, on=["x2", "ward"]).iloc[1:],
    ),
    "targeting_curve": (
        decisions,
        lambda f: heterogeneity.targeting_curve(f, **SCORED, priority="x2", cluster="site"),
    ),
    "rank_weighted_effect": (
        decisions,
        lambda f: heterogeneity.rank_weighted_effect(f, **SCORED, priority="x2", weights="w"),
    ),
}
WITHOUT_DATA = {
    "sample_size",
    "robustness_from_t",
    "e_value",
    "shock_sensitivity",
    "shock_breakdown",
    "repeated_looks",
    "group_sequential_boundary",
}
OF_AN_ENGINE = {"cell_moments", "bins", "merge"}  # see test_cell_moments.py
OF_ROWS = {"nested_trials"}  # it returns rows; see test_target_trials.py
BY_RANDOM_DRAWS = {"randomization_test", "select_policy"}  # the draws meet the rows in their order
TWO_MEANS = {"standardized_means", "arm_means"}  # checked below, since a shift moves both
MEANS = {
    "regime_mean": {},
    "weighted_regime_mean": {},
    "doubly_robust_regime_mean": {},
    "regime_bounds": {"low": -1e9, "high": 1e9},
}  # likewise


def shuffled(frame):
    return frame.sample(frac=1, random_state=3)


def turned(frame):
    return frame[frame.columns[::-1]]


def indexed_like_a_column(frame):
    labels = np.repeat(np.arange(len(frame) // 2), 2)
    return frame.set_axis(pd.Index(labels, name=frame.columns[1]))


def single(frame):
    kinds = dict.fromkeys(frame.select_dtypes("float"), np.float32)
    return frame.astype(kinds)


def nullable(frame):
    return frame.convert_dtypes()


def categorical(frame):
    named = [name for name in ("ward", "unit", "site") if name in frame]
    categories = {name: pd.CategoricalDtype([*np.unique(frame[name]), "unused"]) for name in named}
    return frame.astype(categories)


def objects(frame):
    return frame.astype(object)


def arrow_backed(frame):
    package("pyarrow")
    return frame.convert_dtypes(dtype_backend="pyarrow")


def arrow_kinds(frame):
    """Return true and false, decimals, and text in the order in which its codes came about."""
    pa = package("pyarrow")
    kinds = {name: pa.decimal128(38, 9) for name in ("v", "unit", "x1") if name in frame}
    kinds |= {name: pa.bool_() for name in ("d", "treated", "post", "event") if name in frame}
    arrays = {name: pa.array(frame[name].to_list()).cast(kind) for name, kind in kinds.items()}
    if "ward" in frame:
        codes = pd.Categorical(frame["ward"], categories=["west", "north", "east"])
        arrays["ward"] = pa.array(codes)
    return arrow_backed(frame).assign(
        **{name: pd.arrays.ArrowExtensionArray(array) for name, array in arrays.items()}
    )


def arrow_table(frame):
    return package("pyarrow").Table.from_pandas(frame)


def polars_frame(frame):
    pl = package("polars")
    return pl.from_pandas(frame)


def polars_codes(frame):
    pl = package("polars")
    text = [pl.col("ward").cast(pl.Categorical)] if "ward" in frame else []
    return pl.from_pandas(frame[::-1]).with_columns(*text)


GUISES = [
    shuffled,
    turned,
    indexed_like_a_column,
    single,
    nullable,
    categorical,
    objects,
    arrow_backed,
    arrow_kinds,
    arrow_table,
    polars_frame,
    polars_codes,
]


def compare(found, expected):
    found, expected = (np.asarray(part, dtype=float) for part in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_every_public_function_that_takes_data_is_called_here():
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in FOLDER.glob("[!_]*.py")]
    public = {n.name for t in trees for n in t.body if isinstance(n, ast.FunctionDef)}
    public = {name for name in public if name[0] != "_"}
    called = {name.rpartition(".")[2].partition(",")[0] for name in CALLS}
    called |= WITHOUT_DATA | OF_AN_ENGINE | OF_ROWS | BY_RANDOM_DRAWS | TWO_MEANS
    called |= set(MEANS) | set(VALUES)
    assert called == public


@pytest.mark.parametrize("guise", GUISES, ids=lambda guise: guise.__name__)
@pytest.mark.parametrize("name", CALLS)
def test_order_storage_and_index_do_not_matter(name, guise):
    world, call = CALLS[name]
    compare(call(guise(world())), call(world()))


@pytest.mark.parametrize("factor", [1e9, 1e-9])
@pytest.mark.parametrize("name", [name for name, (world, _) in CALLS.items() if world is people])
def test_the_units_of_the_covariates_do_not_matter(name, factor):
    _, call = CALLS[name]
    frame = people()
    compare(call(frame.assign(x1=frame["x1"] * factor, x2=frame["x2"] * factor)), call(frame))


@pytest.mark.parametrize("name", CALLS)
def test_the_origin_of_the_outcome_does_not_matter(name):
    world, call = CALLS[name]
    frame = world()
    found, expected = call(frame.assign(y=frame["y"] + 2**27)), call(frame)
    compare(found, expected)


@pytest.mark.parametrize(
    "name", ["match", "weight", "standardize", "adjusted", "wald", "two_by_two"]
)
@pytest.mark.parametrize("factor", [1e9, 1e-9])
def test_the_unit_of_the_outcome_is_the_unit_of_the_answer(name, factor):
    world, call = CALLS[name]
    frame = world()
    found, expected = call(frame.assign(y=frame["y"] * factor)), call(frame)
    entries = ["estimate", "std_error", "ci_low", "ci_high"]
    np.testing.assert_allclose(found[entries] / factor, expected[entries], rtol=1e-9)


@pytest.mark.parametrize("name", [name for name, (world, _) in CALLS.items() if world is people])
def test_the_order_in_which_covariates_are_named_does_not_matter(name, monkeypatch):
    _, call = CALLS[name]
    expected = call(people())
    for options in (ADJUSTED, SCORE, ARMED):
        monkeypatch.setitem(options, "adjust_for", COVARIATES[::-1])
    for options in (INSTRUMENT, INSTRUMENTS):
        monkeypatch.setitem(options, "controls", ["ward", "x1"])
    monkeypatch.setitem(INSTRUMENTS, "instruments", ["v", "z"])
    monkeypatch.setitem(COVERED, "covariates", COVARIATES[::-1])
    found = call(people())
    if isinstance(expected, pd.DataFrame) and sorted(found.index) == sorted(expected.index):
        found = found.loc[expected.index]
    compare(found, expected)


@pytest.mark.parametrize("guise", GUISES, ids=lambda guise: guise.__name__)
def test_standardized_means_move_with_the_outcome_and_with_nothing_else(guise):
    frame = people()
    expected = standardization.standardized_means(frame, **ADJUSTED)
    compare(standardization.standardized_means(guise(frame), **ADJUSTED), expected)
    moved = standardization.standardized_means(frame.assign(y=frame["y"] + 2**27), **ADJUSTED)
    compare(moved["estimate"] - 2**27, expected["estimate"])
    compare(moved["std_error"], expected["std_error"])


@pytest.mark.parametrize("guise", GUISES, ids=lambda guise: guise.__name__)
@pytest.mark.parametrize("method", ["doubly_robust", "standardization", "weighting"])
def test_means_of_arms_move_with_the_outcome_and_with_nothing_else(method, guise):
    options = {**ARMED, "treatment": "ward", "adjust_for": ["x1", "x2"], "method": method}
    frame = people()
    expected = several_arms.arm_means(frame, **options)
    compare(several_arms.arm_means(guise(frame), **options), expected)
    moved = several_arms.arm_means(frame.assign(y=frame["y"] + 2**27), **options)
    compare(moved["estimate"] - 2**27, expected["estimate"])
    compare(moved["std_error"], expected["std_error"])


@pytest.mark.parametrize("guise", GUISES, ids=lambda guise: guise.__name__)
@pytest.mark.parametrize("name", VALUES)
def test_values_of_policies_move_with_the_outcome_and_with_nothing_else(name, guise):
    frame, call = decisions(), VALUES[name]
    expected = call(frame)
    compare(call(guise(frame)), expected)
    moved = call(frame.assign(y=frame["y"] + 2**27))
    follows = expected.index.isin(["estimate", "set_low", "set_high", "ci_low", "ci_high"])
    compare(moved - follows * 2.0**27, expected)


@pytest.mark.parametrize("guise", GUISES, ids=lambda guise: guise.__name__)
@pytest.mark.parametrize("name", MEANS)
def test_means_of_regimes_move_with_the_outcome_and_with_nothing_else(name, guise):
    def call(frame):
        return getattr(time_varying, name)(frame, **COURSE, **RULE, **MEANS[name], weights="w")

    frame = people()
    expected = call(frame)
    compare(call(guise(frame)), expected)
    scaled = call(frame.assign(x1=frame["x1"] * 1e9, x2=frame["x2"] * 1e-9))
    compare(scaled, expected)
    if name != "regime_bounds":
        moved = call(frame.assign(y=frame["y"] + 2**27))
        compare(moved["estimate"] - 2**27, expected["estimate"])
        compare(moved["std_error"], expected["std_error"])


@pytest.mark.parametrize("name", [name for name in CALLS if name != "outcome_bounds"])
def test_a_frame_without_rows_is_refused_by_name(name):
    world, call = CALLS[name]
    with pytest.raises(ValueError, match=r"column '.*' has no rows; check the filter"):
        call(world().iloc[:0])


NOISE_ELSEWHERE = {  # in who is met, when someone leaves, or in another outcome
    "logging_audit",
    "retention_curve",
    "states.retention_curve",
    "ratio_of_means",
    "value_difference",
    "policy_value",
    "doubly_robust_value",
    "regime_difference",
    "regime_difference, doubly robust",
    "dose_response",
    "excess_fraction",
    "group_effects",
    "best_linear_projection",
    "targeting_curve",
    "rank_weighted_effect",
    "compare_arms, by cluster",
}
STAGGERS = {name for name in CALLS if "group_time" in name or "overall_att" in name}
STAGGERS |= {"staggered_adoption.event_study", "imputation", "imputation_study"}
BY_RULE = {"sharp", "sharp, by cluster", "fuzzy", "placebo_cutoffs", "donut", "honest"}
SILENT = {"confidence_sequence"}  # no bound at all


def without_noise(name, frame):
    """Return an outcome that is 0.3 more where there was treatment, and differs by nothing else."""
    if name in STAGGERS:
        treated = (frame["start"] > 0) & (frame["year"] >= frame["start"])
    elif "treated" in frame:
        treated = frame["treated"] * (frame["year"] >= 2003)
    elif name in BY_RULE:
        treated = frame["v"] >= 0
    else:
        treated = frame["arm"] if "arm" in frame else frame["d"]
    return frame.assign(y=0.7 + 0.3 * treated)


def errors_in(found):
    """Return the standard errors of an answer."""
    return np.atleast_1d(np.asarray(found["std_error"], dtype=float))


def tells_an_error(found):
    names = found.columns if isinstance(found, pd.DataFrame) else getattr(found, "index", [])
    return "std_error" in names


@pytest.mark.parametrize("name", [*CALLS, *VALUES])
def test_an_outcome_without_noise_has_no_standard_error_of_zero(name):
    world, call = CALLS.get(name) or (decisions, VALUES[name])
    if not tells_an_error(call(world())):
        return
    frame = without_noise(name, world())
    if name in NOISE_ELSEWHERE | SILENT:
        assert np.nanmin(errors_in(call(frame))) > 1e-9
        return
    with pytest.raises(
        ValueError, match=r"no noise|does not vary|LIML does not exist|nothing to estimate"
    ):
        call(frame)
    if name.startswith("limited"):
        return
    rng = np.random.default_rng(5)
    noisy = frame.assign(y=frame["y"] + rng.normal(size=len(frame)) * 1e-4)
    assert np.nanmax(errors_in(call(noisy))) > 1e-7


@pytest.mark.parametrize("name", ["group_effects", "best_linear_projection"])
def test_scores_that_differ_by_nothing_but_their_group_have_no_standard_error_of_zero(name):
    _, call = CALLS[name]
    frame = decisions()
    frame["x1"] = (frame["ward"] == "east") * 0.3 + 0.7
    with pytest.raises(ValueError, match=r"column 'x1': .*no noise to estimate an error from"):
        call(frame)
