"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
from scipy import optimize
from stored import covers, kept, numbers

from casestudies import scenarios
from casestudies.scenarios.risk_threshold import effect
from casestudies.scm import SCM, Bernoulli, Deterministic

chapter = kept("risk_threshold_rdd")
stored = numbers("risk_threshold_rdd")
truth = scenarios.risk_threshold().truth
EXACT = truth["effect at the cutoff"]


def test_polynomials_swing_and_those_of_order_one_to_three_miss():
    found = chapter.naive["estimate"].to_numpy()
    assert (np.sign(found[:3]) == [-1, -1, 1]).all()
    assert found.argmax() in (3, 4)
    assert not covers(chapter.naive.iloc[:4], EXACT).any()
    limits = [truth["difference in means"]]
    limits += [truth[f"polynomial limit (order={k})"] for k in range(1, 7)]
    assert np.allclose(chapter.naive["limit"], limits, atol=1e-4)


def test_the_recipe_covers_and_says_that_the_calls_pay():
    assert covers(chapter.answers.iloc[:2], EXACT).all()
    assert stored["threshold-sharp-low"] > 3
    assert stored["threshold-fuzzy-low"] < stored["threshold-late"] < stored["threshold-fuzzy-high"]


def test_a_wide_bandwidth_parts_the_estimate_from_its_correction():
    wide = chapter.answers.loc["bandwidth 30"]
    assert wide["bias_corrected"] - wide["estimate"] > 2
    precise = chapter.answers["robust_std_error"]
    assert precise["with past visits"] < precise["recipe"]


def test_the_checks_are_quiet_without_clerks_and_ring_with_them():
    honest, clerks = chapter.checks.loc["honest scores"], chapter.checks.loc["clerks who nudge"]
    assert honest["density p"] > 0.05 > clerks["density p"]
    assert honest["ci low"] < 0 < honest["ci high"]
    assert clerks["ci low"] > 0
    assert clerks["days said"] > honest["days said"] + 3


def test_placebo_lines_show_no_jump_and_the_hole_leaves_little():
    fakes = chapter.fakes.loc[[40, 55, 85]]
    assert covers(fakes, 0).all()
    ends = [stored[f"threshold-donut-{end}"] for end in ("low", "high")]
    assert ends[1] - ends[0] > 2 * (stored["threshold-sharp-high"] - stored["threshold-sharp-low"])


def test_the_best_line_is_where_the_effect_is_what_the_calls_cost():
    low = optimize.brentq(lambda r: effect(r) - 3, 20, 65)
    high = optimize.brentq(lambda r: effect(r) - 3, 65, 99)
    assert round(low) == 48
    assert round(high) == 82
    gains = chapter.moved["net days gained"]
    assert gains.idxmax() == 48
    assert gains[0] < 0 < gains[30] < gains[65] * 2
    foreseen = chapter.moved["if 7.33 held for all"]
    assert abs(foreseen[65] - gains[65]) < 25
    assert foreseen[30] > 4 * gains[30]


def test_each_step_covers_and_only_the_last_holds_the_cost():
    assert (chapter.steps["ci_low"] < chapter.steps["exact"]).all()
    assert (chapter.steps["exact"] < chapter.steps["ci_high"]).all()
    assert (chapter.steps["ci_low"] > 3).tolist() == [True, True, False]


def test_the_robust_interval_covers_and_the_polynomial_does_not():
    many = chapter.many
    assert abs(many.loc["straight, robust interval", "coverage"] - 0.95) < 4 * 0.0218
    assert many.loc["order four, all scores", "coverage"] < 0.75
    polynomial, _, robust = many["mean_width"]
    assert polynomial < robust


def test_keeping_the_seat_is_all_of_what_a_narrow_win_does():
    total, error = chapter.gaps.iloc[0]
    assert abs(stored["threshold-lmb-product"] - total) < error


def test_the_solutions_say_what_the_world_does():
    assert abs(effect(69) - 7.57) < 0.005
    assert abs(EXACT - truth["slope of the effect at the cutoff"] - 7.59) < 0.005
    at = {r: 135 - 0.3 * r - 30 / (1 + np.exp(-(r - 60) / 5)) for r in (65, 70)}
    more = at[65] - at[70], effect(65) - EXACT
    assert np.allclose(more, [6.0, 0.7], atol=0.05)
    assert abs(0.3 / 1.3 * sum(more) - 1.5) < 0.05
    weak = scenarios.risk_threshold(called_above=0.4, called_below=0.3).truth
    assert abs(weak["jump in calls"] - 0.1) < 1e-9


def test_clerks_who_push_by_lot_crowd_the_line():
    parts = {
        "lot": Bernoulli(0.3),
        "score": Deterministic(lambda risk, lot: risk + 5 * lot * ((risk >= 65) & (risk < 70))),
    }
    made = SCM(scenarios.risk_threshold().model.mechanisms | parts).sample(400_000, rng=5)
    near = made[made["score"].between(69, 71)]
    above = near["score"] >= 70
    for found, share in [(above, 1.3 / 2), (near.loc[above, "risk"] < 70, 0.3 / 1.3)]:
        assert abs(found.mean() - share) < 4 * np.sqrt(share * (1 - share) / len(found))
    visits = near.groupby(above)["past_visits"].agg(["mean", "sem"])
    assert abs(visits["mean"].diff().iloc[-1]) < 4 * np.sqrt((visits["sem"] ** 2).sum())
