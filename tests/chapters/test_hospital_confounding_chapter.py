"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from adjusting import (
    cross_fitted,
    dealt,
    least_squares,
    matched_att,
    scores,
    standardized,
    weighted,
)
from causaldata import cps_mixtape, nsw_mixtape
from scipy import stats
from scipy.special import expit
from stored import kept, numbers
from test_headlines import HEADLINES

from casestudies import scenarios
from casestudies.recipes.doubly_robust import doubly_robust
from casestudies.recipes.matching import match

chapter = kept("hospital_confounding")
world = scenarios.hospital()
expected = {key.removeprefix("hospital-"): value for _, key, value, _, _ in HEADLINES}


def patients(rng, **knobs):
    """Return severity, drug and health of 4,000 patients."""
    rows = scenarios.hospital(**knobs).sample(4_000, rng=rng)
    severity, drug = (rows[name].to_numpy(float) for name in ("severity", "drug"))
    return severity, drug, rows[["health"]].to_numpy()


def test_the_raw_difference_is_effect_plus_selection_bias_and_of_the_wrong_sign():
    assert np.isclose(
        chapter.parts["raw difference"], chapter.parts["ATT"] + chapter.parts["selection bias"]
    )
    assert chapter.raw["ci_low"] > 0 > world.truth["ATT"]


def test_a_straight_line_covers_and_a_curved_world_defeats_it():
    covers = (chapter.ols["ci_low"] < chapter.ols["ATE"]) & (
        chapter.ols["ATE"] < chapter.ols["ci_high"]
    )
    assert covers.tolist()[:2] == [True, False]


def test_the_trimmed_estimate_covers_its_own_truth():
    assert abs(chapter.inside["estimate"] - chapter.truth_inside) < 4 * chapter.inside["std_error"]


def test_every_method_but_raw_and_regression_meets_its_estimand():
    good = [r for r in chapter.straight.index if r not in ("raw", "regression")]
    for row in good:
        target = world.truth[row[-3:]]
        assert (
            abs(chapter.straight.loc[row, "estimate"] - target)
            < 4 * chapter.straight.loc[row, "std_error"]
        )


def test_an_unrecorded_frailty_defeats_every_method():
    adjusted_ones = chapter.agreed.iloc[2:]
    assert (adjusted_ones["ci_low"] > adjusted_ones["exact"]).all()
    assert (adjusted_ones["estimate"] - adjusted_ones["exact"] > 3).all()
    everyone = scenarios.hospital(frailty=1.0).model.sample(4_000, rng=13)
    columns = everyone[["drug", "age", "health", "frailty"]].to_numpy()
    with_it, left_out = (
        least_squares(everyone["severity"].to_numpy(), c)[1] for c in (columns, columns[:, :3])
    )
    assert expected["frail-linear"] == pytest.approx(with_it, abs=6e-4)
    assert expected["frail-left-out"] == pytest.approx(left_out, abs=6e-5)


def test_covariates_move_the_answer_by_thousands_and_estimators_by_hundreds():
    four = chapter.lalonde.drop(index="spread of the four")
    assert (four["no past earnings"] < -2_000).all()
    assert (four["past earnings"] > 0).all()
    assert (
        abs(four["past earnings, trimmed"] - chapter.experiment["estimate"])
        < 2 * chapter.experiment["std_error"]
    ).all()


def test_each_of_the_twelve_answers_on_training_has_an_error_above_600_dollars():
    trial, survey = nsw_mixtape.load_pandas().data, cps_mixtape.load_pandas().data
    men = pd.concat([trial[trial["treat"] == 1], survey], ignore_index=True)
    men["age_squared"] = men["age"] ** 2
    men[["jobless_74", "jobless_75"]] = (men[["re74", "re75"]] == 0).astype(int)
    who = ["age", "age_squared", "educ", "black", "marr", "nodegree"]
    past = [*who, "re74", "re75", "jobless_74", "jobless_75"]
    score = sm.Logit(men["treat"], sm.add_constant(men[past])).fit(disp=0).predict()
    inside = men[(score >= 0.1) & (score <= 0.9)]
    assert len(inside) == 428
    for rows, columns in [(men, who), (men, past), (inside, past)]:
        d, x = rows["treat"], sm.add_constant(rows[[c for c in columns if rows[c].std() > 0]])
        line = sm.OLS(rows["re78"], x.assign(treat=d)).fit(cov_type="HC2")
        score = sm.Logit(d, x).fit(disp=0).predict()
        weights = np.where(d == 1, 1, score / (1 - score))
        gap = sm.WLS(rows["re78"], sm.add_constant(d), weights=weights).fit(cov_type="HC0")
        ask = {"outcome": "re78", "treatment": "treat", "estimand": "ATT"}
        ask["adjust_for"] = list(x.columns.drop("const"))
        recipes = match(rows, **ask), doubly_robust(rows, **ask, folds=1)
        errors = [line.bse["treat"], gap.bse["treat"], *(r["std_error"] for r in recipes)]
        assert min(errors) > 600


def test_the_usual_regressions_error_is_618_by_leverages_and_548_with_one_variance():
    trial, survey = nsw_mixtape.load_pandas().data, cps_mixtape.load_pandas().data
    men = pd.concat([trial[trial["treat"] == 1], survey])
    usual = ["treat", "age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75"]
    x = np.column_stack([np.ones(len(men)), men[usual]])
    y, turn = men["re78"].to_numpy(), np.linalg.inv(x.T @ x) @ x.T
    left, leverage = y - x @ (turn @ y), np.einsum("ij,ji->i", x, turn)
    robust = np.sqrt(turn[1] ** 2 @ (left**2 / (1 - leverage)))
    common = np.sqrt(turn[1] @ turn[1] * (left @ left) / (len(y) - x.shape[1]))
    assert [robust, common] == pytest.approx([expected["lalonde-ols-se"], 548], abs=0.5)


def test_the_methods_are_unbiased_and_regression_is_not():
    assert (abs(chapter.worlds["bias"].iloc[1:]) < 4 * chapter.worlds["bias_error"].iloc[1:]).all()
    assert chapter.worlds.loc["regression", "bias"] < -0.2


def test_all_but_the_healthiest_gain_from_the_drug():
    cost = chapter.cost["mean severity"]
    best_first = ["everybody", "the sicker half", "as it is", "nobody"]
    assert cost.sort_values().index.tolist() == best_first
    error = np.hypot(*chapter.cost["Monte Carlo error"][["everybody", "nobody"]])
    assert abs(cost["everybody"] - cost["nobody"] + 3) < 4 * error
    spared = cost["the sicker half"] - cost["nobody"]
    assert abs(spared + 1.5 + 1.5 / np.sqrt(2 * np.pi)) < 4 * error


def test_the_formulas_of_weights_and_robustness_give_what_the_recipes_say():
    found = numbers("hospital_confounding")
    assert np.isclose(found["hospital-weights-by-hand"], chapter.by_recipe, atol=1e-4)
    assert np.isclose(found["hospital-robustness"], chapter.strength["rv_q"], atol=1e-4)
    sample = world.sample(4_000, rng=11)
    y, drug = sample["severity"], sample["drug"]
    x = np.column_stack([np.ones(4_000), sample[["age", "health"]]])
    y, drug = (v - x @ np.linalg.lstsq(x, v, rcond=None)[0] for v in (y, drug))
    explained = (y @ drug) ** 2 / (y @ y) / (drug @ drug)
    rv = found["hospital-robustness"]  # explaining so much of both takes the coefficient to zero
    assert np.isclose(rv**2 / (1 - rv), explained / (1 - explained), rtol=1e-3)


def test_the_rows_of_the_first_sample_are_means_and_lines_by_numpy():
    severity, drug, health = patients(11)
    assert expected["raw"] == pytest.approx(
        severity[drug == 1].mean() - severity[drug == 0].mean(), abs=6e-5
    )
    for key, curvature in {"ols-straight": 0.0, "ols-curved": 3.0}.items():
        y, d, x = patients(11, heterogeneity=0.0, curvature=curvature)
        slope = least_squares(y, np.column_stack([d, x]))[1]
        assert expected[key] == pytest.approx(slope, abs=6e-5), key
    score = scores(drug, health)
    kept_health = health[(score >= 0.2) & (score <= 0.8)]
    assert expected["trim-truth"] == pytest.approx((-3 + 1.5 * kept_health).mean(), abs=6e-5)


def test_the_rows_of_the_curved_and_the_frail_world_are_estimators_by_numpy():
    bent, frail = patients(12, curvature=3.0), patients(13, frailty=1.0)
    severity, drug, health = bent
    squared = np.column_stack([health, health**2])
    assert expected["standardized"] == pytest.approx(
        standardized(severity, drug, squared), abs=6e-5
    )
    assert expected["frail-weighting-ate"] == pytest.approx(weighted(*frail, "ATE"), abs=6e-5)
    for key, rows in {"curved": bent, "frail": frail}.items():
        found = {
            "standardization-ate": standardized(*rows),
            "doubly-robust-ate": cross_fitted(*rows, "ATE", dealt(rows[1], 5, 1)),
            "matching-att": matched_att(*rows),
        }
        for name, value in found.items():
            assert expected[f"{key}-{name}"] == pytest.approx(value, abs=6e-5), (key, name)


def test_the_att_of_the_frail_world_is_a_sum_over_a_grid():
    grid = np.linspace(-9, 9, 1_801)
    health, frailty = np.meshgrid(grid, grid)
    treated = stats.norm.pdf(health) * stats.norm.pdf(frailty) * expit(-1 - 1.2 * health + frailty)
    att = -3 + 1.5 * (treated * health).sum() / treated.sum()
    assert expected["frail-att"] == pytest.approx(att, abs=6e-6)


@pytest.mark.parametrize(
    ("frailty", "value", "bias"), [(0.75, 0.11, 2.1), (1.0, 0.0, 3.5), (1.25, 0.11, 5.0)]
)
def test_one_robustness_value_goes_with_a_small_bias_and_with_a_large_one(frailty, value, bias):
    n, rng = 200_000, np.random.default_rng(18)
    age, shock, hidden, noise = rng.normal(size=(4, n))
    health = -0.5 * age + np.sqrt(0.75) * shock
    drug = (rng.random(n) < expit(-1 - 1.2 * health + frailty * hidden)) * 1.0
    severity = 50 - 6 * health + 2 * age + 4 * frailty * hidden + (1.5 * health - 3) * drug
    severity += 4 * noise
    x = np.column_stack([np.ones(n), age, health])
    rest = [y - x @ np.linalg.lstsq(x, y)[0] for y in (drug, severity)]
    r = np.corrcoef(rest)[0, 1]
    f = abs(r) / np.sqrt(1 - r**2)
    assert abs((np.sqrt(f**4 + 4 * f**2) - f**2) / 2 - value) < 0.015
    lines = [np.linalg.lstsq(x[drug == arm], severity[drug == arm])[0] for arm in (0.0, 1.0)]
    assert abs((x @ (lines[1] - lines[0])).mean() + 3 - bias) < 0.15
