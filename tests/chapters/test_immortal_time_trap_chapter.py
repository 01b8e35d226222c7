"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pytest
from scipy.special import expit
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


def test_with_equal_joining_all_of_the_naive_contrast_is_immortal_time():
    chance, arms = expit(-2.5), np.zeros((2, 2))  # ever joined, left
    for keen in (0, 1):
        leave, waiting, joined = expit(-2.6 - 0.6 * keen), 0.5, 0.0
        for _ in range(12):
            joined, waiting = joined + chance * waiting, (1 - chance) * waiting
            arms[:, 1] += leave * waiting, leave * joined
            joined, waiting = (1 - leave) * joined, (1 - leave) * waiting
        arms[:, 0] += waiting, joined
    never, ever = arms[:, 1] / arms.sum(axis=1)
    idle = scenarios.immortal_time(mentored_on_exit=0, keen_on_joining=0).truth
    assert idle["naive: ever - never"] == pytest.approx(ever - never)
    assert idle["ITT(trials)"] == pytest.approx(0)
    assert round(ever - never, 2) == -0.27


@pytest.mark.parametrize(("push", "sign"), [(0.3, 1), (2.5, -1)])
def test_survivors_of_the_mentor_mislead_where_impatience_is_pushed_out(push, sign):
    n, rng = 100_000, np.random.default_rng(1)
    keen, impatient = rng.random((2, n)) < 0.5
    since, last = np.full(n, -1), np.full(n, 99)  # months with a mentor, month of leaving
    for month in range(1, 10):
        if month == 4:
            there = last == 99
            held = since >= 0
        joins = (since < 0) & (last == 99) & (rng.random(n) < expit(-2.5 + keen))
        since = np.where(joins | (since >= 0), since + 1, since)
        if month == 4:
            held, starts = held | joins, joins
        first = impatient & (since >= 0) & (since < 2) if push > 1 else since >= 0
        leaves = rng.random(n) < expit(-2.6 - 0.6 * keen + push * first)
        last = np.where((last == 99) & leaves, month, last)

    def contrast(treated, among):
        gaps = [
            (last[among & k & treated] < 99).mean() - (last[among & k & ~treated] < 99).mean()
            for k in (keen, ~keen)
        ]
        return np.average(gaps, weights=[(among & k).sum() for k in (keen, ~keen)])

    assert sign * contrast(held, there) > 0.01
    assert contrast(starts, there & (starts | ~held)) > 0.03
