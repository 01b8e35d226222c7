"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit
from stored import kept, numbers

from casestudies import scenarios

chapter = kept("readmission_accuracy_trap")
world = scenarios.readmission()
truth = world.truth
RATE = "E[readmitted | {}]".format


def test_the_score_is_as_accurate_as_saying_no_to_all():
    assert chapter.highest < 0.5
    assert (chapter.grades["accuracy"] == chapter.grades["accuracy"].iloc[0]).all()
    assert abs(chapter.grades["AUC"].iloc[0] - chapter.grades["AUC"].iloc[1]) < 0.005
    assert abs(chapter.grades["AUC"].iloc[0] - truth["AUC"]) < 0.03


def test_the_score_is_calibrated_before_anybody_acts():
    assert (abs(chapter.before["estimate"] - [0, 1]) < 4 * chapter.before["std_error"]).all()


def test_calling_by_risk_readmits_more_and_one_year_cannot_show_it():
    change = chapter.change
    noise = change["std"] / np.sqrt(change["count"])
    expected = truth[RATE("by risk")] - truth["E[readmitted]"]
    assert abs(change["mean"] - expected) < 4 * noise
    assert change["mean"] > 4 * noise
    binomial = truth["E[readmitted]"] * (1 - truth["E[readmitted]"])
    by_luck = np.sqrt(2 * 40_000 * binomial)
    as_large = 2 * stats.norm.sf(40_000 * expected / by_luck)
    assert 0.24 < as_large < 0.28


def test_the_raw_difference_covers_its_limit_and_not_the_effect():
    assert chapter.raw["ci_low"] > truth["ATE"] + 0.01
    assert chapter.raw["ci_low"] < truth["raw difference"] < chapter.raw["ci_high"]


def test_standardizing_by_hand_gives_the_adjusted_estimate():
    assert abs(chapter.by_hand - chapter.adjusted["estimate"]) < 2e-6
    exact_means = chapter.exact_means
    assert abs(exact_means[0] - exact_means[1] - truth["ATE"]) < 1e-6


def test_the_raw_differences_miss_and_the_adjusted_and_the_pilot_cover():
    covered = (chapter.points["ci_low"] < chapter.points["exact"]) & (
        chapter.points["exact"] < chapter.points["ci_high"]
    )
    assert round(chapter.points["estimate"].iloc[2], 2) == -0.35
    assert chapter.points["ci_low"].iloc[2] < 0 < chapter.points["ci_high"].iloc[2]
    assert covered.tolist() == [False, True, False, True, True, True, True, True]


def test_calls_save_the_young_and_the_score_finds_the_old():
    assert (
        chapter.curves["saved"].iloc[-3:].mean()
        < 0.8
        < 1.5
        < chapter.curves["saved"].iloc[:8].mean()
    )
    assert chapter.curves["not called"].iloc[-3:].mean() > 11
    assert (chapter.curves["not called"].iloc[[0, -1]].round(1) == [2.4, 12.7]).all()
    assert (chapter.curves["saved"].iloc[[0, 10, -1]].round(1) == [1.7, 2.7, 0.2]).all()
    assert 0.48 < chapter.ridden < 0.52
    assert 1 / 6.2 < truth["P(transport | top risk)"] < 1 / 5.5


def test_adjusted_placebos_pass_and_the_raw_one_does_not():
    passes = (chapter.checks["ci_low"] < 0) & (chapter.checks["ci_high"] > 0)
    assert passes.iloc[[1, 3, 4]].all()
    assert not passes.iloc[2]


def test_a_better_score_readmits_more():
    assert chapter.upgrade["AUC"].is_monotonic_increasing
    assert chapter.upgrade["readmitted"].is_monotonic_increasing
    assert chapter.rides_at_the_top == 0


def test_the_harm_ends_where_transport_stops_falling_with_age():
    assert (chapter.heard["difference"] > 0).tolist() == [False, False, True, True]
    assert abs(chapter.moved.loc[1.0, "by risk"]) < 0.02
    assert (chapter.moved.loc[:0.75, "by risk"] < 0).all()
    assert (chapter.moved.loc[1.25:, "by risk"] > 0).all()


def test_each_purchase_covers_its_exact_price():
    assert (
        (chapter.bought["ci_low"] < chapter.bought["exact"])
        & (chapter.bought["exact"] < chapter.bought["ci_high"])
    ).all()


def test_the_rules_replay_to_their_exact_rates_in_order():
    spread = 1_000 * np.sqrt(0.06 * 0.94 / chapter.change["count"])
    assert (abs(chapter.who["replayed"] - chapter.who["exact"])[:5] < 4 * spread).all()
    assert (abs(chapter.who["foreseen"] - chapter.who["exact"])[:5] < 8 * spread).all()
    assert (chapter.who.loc["by risk"] > chapter.who.loc["routine"]).all()
    assert (chapter.who.loc["by effect"] < chapter.who.loc["by effect, same inputs"]).all()
    assert (chapter.who.loc["by effect, same inputs"] < chapter.who.loc["at random"]).all()


def test_shuttles_and_calls_change_places_with_the_price():
    assert chapter.bill.loc[6].iloc[0] < chapter.bill.loc[6, "calls by risk"]
    assert chapter.bill.loc[0.5].iloc[0] < chapter.bill.loc[0.5, "calls by effect"]
    assert chapter.bill.loc[3].iloc[0] > chapter.bill.loc[3, "calls by effect"]
    alone = chapter.bill[["shuttle and call by risk", "calls by effect"]].min(axis=1)
    assert (chapter.bill["best mix"] <= alone + 0.4).all()


def test_acting_on_the_score_uncalibrates_it():
    slope = chapter.after.loc["slope"]
    assert slope["estimate"] < chapter.report.loc["calibration slope"].iloc[0]
    assert chapter.report.loc["top quarter: readmitted"].is_monotonic_decreasing
    assert chapter.report.loc["the others: readmitted"].is_monotonic_increasing
    assert abs(slope["estimate"] - 1) > 3 * slope["std_error"]


def test_accuracy_falls_by_what_readmissions_rise_and_the_called_are_missed_by_more():
    change = chapter.report.diff(axis=1).iloc[:, -1]
    called, others = change["top quarter: readmitted"], change["the others: readmitted"]
    assert abs(change["accuracy"] + 0.25 * called + 0.75 * others) < 1e-6
    assert -called > others


def test_only_the_adjusted_analysis_covers():
    naive, sound = chapter.many.iloc[0], chapter.many.iloc[1]
    assert abs(sound["bias"]) < 4 * sound["bias_error"]
    assert abs(sound["coverage"] - 0.95) < 4 * np.sqrt(0.0475 / 200)
    assert naive["bias"] > 0.015
    assert naive["coverage"] < 0.5


def test_in_malawi_the_far_came_less_and_gained_as_much():
    assert (abs(chapter.gaps["estimate"]) < 1.96 * chapter.gaps["std_error"]).all()
    assert chapter.no_village == 4
    assert chapter.came.loc["far", "came unpaid"] < chapter.came.loc["near", "came unpaid"]
    assert chapter.came.loc["far", "estimate"] > 0.35


def test_what_is_said_of_the_tables_sample_is_what_its_table_shows():
    stored = numbers("readmission_accuracy_trap")
    assert abs(stored["readmission-auc-sample"] - chapter.upgrade["AUC"].iloc[0]) < 5e-5
    assert abs(stored["readmission-auc-full-sample"] - chapter.upgrade["AUC"].iloc[1]) < 5e-5


def test_a_lower_threshold_finds_a_third_and_is_right_less_often():
    z, chronic = np.meshgrid((np.arange(4_000) + 0.5) / 1_000 - 2, [0, 1])
    transport, call = expit(1.2 - 2 * z), 0.25 * (1 + 0.4 * z)
    visit = transport * (0.5 + 0.45 * call) + (1 - transport) * 0.05
    risk = expit(-2.53 + 0.3 * z + 0.4 * chronic) * (1 - 0.9 * visit)
    share = np.where(chronic == 1, 0.3, 0.7) / 4_000
    named = risk > 0.1
    right = (share * np.where(named, risk, 1 - risk)).sum()
    found = (share * risk * named).sum() / (share * risk).sum()
    assert right == pytest.approx(0.82, abs=0.005)
    assert found == pytest.approx(1 / 3, abs=0.02)


def test_a_model_trained_on_its_own_year_changes_its_mind_each_year():
    z = (np.arange(4_000) + 0.5) / 1_000 - 2
    untreated, ride = expit(-2.53 + 0.4 * z), expit(1.2)

    def risk(call):
        return untreated * (1 - 0.9 * (ride * (0.5 + 0.45 * call) + (1 - ride) * 0.05))

    seen, rates, kept, before = risk(0.25 * (1 + 0.4 * z)), [], [], None
    design = np.column_stack([z**0, z, z**2])
    for _ in range(6):
        beta = np.zeros(3)
        for _ in range(30):  # the limit of the logistic regression, by Newton steps
            fitted = expit(design @ beta)
            step = (design.T * (fitted * (1 - fitted))) @ design
            beta = beta + np.linalg.solve(step, design.T @ (seen - fitted))
        score = design @ beta
        called = score >= np.quantile(score, 0.75)
        kept += [] if before is None else [called[before].mean()]
        seen, before = risk(called), called
        rates.append(1_000 * seen.mean())
    assert np.allclose(rates[::2], 41.5, atol=0.3)
    assert np.allclose(rates[1::2], 44, atol=0.5)
    assert max(kept) < 0.5
    assert abs(rates[1] - 1_000 * risk(0.25 * (1 + 0.4 * z)).mean()) < 0.5
