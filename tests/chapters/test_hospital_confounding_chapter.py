"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
from stored import kept, numbers

from casestudies import scenarios

chapter = kept("hospital_confounding")
world = scenarios.hospital()


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
    x = np.column_stack([np.ones(4_000), everyone[["drug", "age", "health", "frailty"]]])
    with_it = np.linalg.lstsq(x, everyone["severity"], rcond=None)[0][1]
    assert round(with_it, 3) == -3.475


def test_covariates_move_the_answer_by_thousands_and_estimators_by_hundreds():
    four = chapter.lalonde.drop(index="spread of the four")
    assert (four["no past earnings"] < -2_000).all()
    assert (four["past earnings"] > 0).all()
    assert (
        abs(four["past earnings, trimmed"] - chapter.experiment["estimate"])
        < 2 * chapter.experiment["std_error"]
    ).all()


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
