"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
from stored import covers, kept, numbers

from casestudies import scenarios

NAME = "immortal_time_trap"
chapter = kept(NAME)
truth = scenarios.immortal_time().truth


def test_ever_against_never_has_the_wrong_sign_and_covers_only_its_own_limit():
    assert (chapter.naive["ci_high"] < -0.2).all()
    assert covers(chapter.naive, chapter.naive["limit"]).all()
    assert truth["ATE"] > 0.05


def test_each_month_of_looking_ahead_adds_to_the_bias():
    assert (np.diff(chapter.looked["limit"]) < 0).all()
    assert 0 < chapter.looked["limit"].iloc[0] < truth["ITT"] / 5


def test_the_trials_cover_their_itt_and_without_keenness_less_than_half_of_it_is_seen():
    assert covers(chapter.found.loc[["by keen"]], truth["ITT(trials)"]).all()
    assert chapter.found.loc["by keen", "ci_low"] > 0
    assert chapter.found.loc["raw", "ci_high"] < truth["ITT(trials)"]
    assert chapter.found.loc["raw", "estimate"] < chapter.found.loc["by keen", "estimate"] / 2
    assert (chapter.found["n"] == chapter.starters).all()


def test_the_protocols_cover_the_ate_and_end_near_the_exact_exits():
    found = numbers(NAME)
    assert found["immortal-protocol-low"] < truth["ATE"] < found["immortal-protocol-high"]
    for arm in ("at once", "never"):
        assert abs(1 - chapter.curves[arm] - truth[f"E[exit | {arm}]"]) < 4 * 0.02


def test_nobody_who_joins_later_leaves_in_month_one_and_an_eighth_of_the_others_do():
    assert chapter.early.loc[1, "mean"] == 0
    assert 0.10 < chapter.early.loc[0, "mean"] < 0.15


def test_the_policies_are_the_exact_ones_and_the_log_is_near_them():
    keys = ["E[exit | never]", "E[exit]", "E[exit | at once]"]
    assert np.allclose(chapter.policies["exact"], [100 * truth[key] for key in keys], atol=1e-3)
    assert (abs(chapter.policies["by the log"] - chapter.policies["exact"]) < 4 * 1.9).all()


def test_in_many_worlds_the_trials_are_right_and_ever_against_never_never_covers():
    many = chapter.many
    right = many.drop(index="ever − never")
    assert (abs(right["bias"]) < 4 * right["bias_error"]).all()
    assert (abs(right["coverage"] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 100)).all()
    assert many.loc["ever − never", "coverage"] == 0


def test_the_borrowed_customers_enter_the_trials_as_the_page_says():
    entries = chapter.entries.set_index(["customer", "month"])
    assert entries.loc[("a", 1)].tolist() == [0, 1]
    assert entries.loc[("e", 1), "upgrade"] == 0
    assert entries.loc[("e", 3), "upgrade"] == 1
    assert len(entries) == 12
