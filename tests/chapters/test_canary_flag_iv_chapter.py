"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pytest
from scipy.stats import norm, t
from stored import kept, numbers

from casestudies import scenarios

chapter = kept("canary_flag_iv")
world = scenarios.canary()


def test_whatever_is_compared_by_adoption_is_positive():
    assert (chapter.naive["ci_low"] > 2).all()
    assert chapter.naive["estimate"].round(1).tolist() == [5.0, 3.4, 2.7]


def test_the_documents_code_gives_the_recipes_answer_and_each_step_covers():
    assert abs(chapter.script[0] - chapter.late["estimate"]) < 1e-5
    assert abs(chapter.script[1] - chapter.late["std_error"]) < 1e-5
    assert (
        (chapter.steps["ci_low"] < chapter.steps["exact"])
        & (chapter.steps["exact"] < chapter.steps["ci_high"])
    ).all()


def test_compliers_are_described_and_their_two_sides_differ_by_the_late():
    sides = chapter.portrait["estimate"].iloc[1:]
    assert abs(sides.iloc[0] - sides.iloc[1] - chapter.late["estimate"]) < 1e-4
    # E[U] of compliers from their past use; 20 + 4 U without the editor, 18 + 4.8 U with it
    interest = (world.truth["E[past_use | complier]"] - 10) / 1.8
    for side, exact in zip(["new", "old"], [18 + 4.8 * interest, 20 + 4 * interest], strict=True):
        row = chapter.portrait.loc[f"tasks on the {side} editor"]
        assert row["ci_low"] < exact < row["ci_high"]
    past = chapter.portrait.iloc[0]
    assert past["ci_low"] < world.truth["E[past_use | complier]"] < past["ci_high"]


def test_the_placebo_and_the_lottery_pass_and_the_robust_interval_covers():
    assert abs(chapter.placebo["estimate"]) < 2 * chapter.placebo["std_error"]
    assert abs(chapter.ratio["mean"] - 0.2) < 2 * chapter.ratio["sem"]
    assert chapter.safe["ci_low"] < world.truth["LATE"] < chapter.safe["ci_high"] < 0


def test_a_valid_flag_is_off_by_nothing_and_a_weak_leaky_one_by_more_than_two():
    assert abs(chapter.limits["off by"].iloc[0]) < 1e-5
    assert chapter.limits["off by"].abs().iloc[4] > 2


def test_the_levers_simulate_to_their_exact_values():
    assert (
        abs(chapter.levers["simulated"] - chapter.levers["exact"]) < 4 * 6.5 / np.sqrt(chapter.n)
    ).all()


def test_defiers_bias_the_ratio_by_the_formula_of_the_chapter():
    truth = scenarios.canary(share_defiers=0.1).truth
    compliers, defiers = truth["share of compliers"], 0.1
    exceeds = truth["LATE"] - truth["ATE"]  # defiers are drawn apart from interest
    bias = exceeds * defiers / (compliers - defiers)
    assert abs(chapter.limits.loc["one in ten defies", "off by"] - bias) < 1e-4
    assert (round(exceeds, 2), round(compliers, 2), round(bias, 2)) == (0.45, 0.36, 0.17)


def test_only_the_wald_ratio_covers():
    assert (
        abs(chapter.many.loc["Wald ratio", "bias"])
        < 4 * chapter.many.loc["Wald ratio", "bias_error"]
    )
    assert abs(chapter.many.loc["Wald ratio", "coverage"] - 0.95) < 4 * np.sqrt(0.0475 / 200)
    assert (chapter.many["coverage"].iloc[:2] == 0).all()


def users(n=20_000):
    """Draw the chapter's users from its equations, in their order."""
    rng = np.random.default_rng(36)
    flag = rng.random(n) < 0.2
    interest, past, noise = rng.normal(size=(3, n))
    adopted = interest > np.where(flag, 0, norm.ppf(0.9))
    tasks = 20 + 4 * interest + (-2 + 0.8 * interest) * adopted + 5 * noise
    return flag, 10 + 3 * (0.6 * interest + 0.8 * past), adopted, tasks


def gap(values, group):
    """Return the difference of two means, its error and Welch's interval."""
    sides = values[group], values[~group]
    parts = np.array([side.var(ddof=1) / len(side) for side in sides])
    degrees = parts.sum() ** 2 / sum(parts**2 / [len(side) - 1 for side in sides])
    estimate, error = sides[0].mean() - sides[1].mean(), np.sqrt(parts.sum())
    reach = t.ppf(0.975, degrees) * error
    return estimate, error, estimate - reach, estimate + reach


def test_numpy_alone_finds_the_chapters_numbers_in_the_same_draws():
    flag, past, adopted, tasks = users()
    itt, shift = gap(tasks, flag), gap(adopted.astype(float), flag)[0]
    late = itt[0] / shift
    nudge = flag - flag.mean()
    left = tasks - tasks.mean() - late * (adopted - adopted.mean())
    reach = norm.ppf(0.975) * np.sqrt(nudge**2 @ left**2) / (nudge @ adopted)
    placebo = gap(past, flag)
    found = {
        "as-treated": gap(tasks, adopted)[0],
        "per-protocol": gap(tasks[flag == adopted], adopted[flag == adopted])[0],
        "itt-estimate": itt[0],
        "itt-low": itt[2],
        "itt-high": itt[3],
        "late-estimate": late,
        "late-low": late - reach,
        "late-high": late + reach,
        "complier-past": gap(past * adopted, flag)[0] / shift,
        "placebo": placebo[0],
        "placebo-se": placebo[1],
    }
    stored = numbers("canary_flag_iv")
    assert {key: stored[f"canary-{key}"] for key in found} == pytest.approx(found, rel=1e-5)


def test_a_locked_setting_makes_compliers_of_the_always_takers():
    locked = scenarios.canary(share_always_takers=0.0, share_compliers=0.5).truth
    keen = norm.pdf(0) / 0.5  # E[U | U > 0]
    assert locked["LATE"] == locked["ATT"] == pytest.approx(-2 + 0.8 * keen)
    assert round(locked["LATE"], 2) == -1.36


def test_the_bounds_for_everybody_are_thirty_tasks_wide():
    unasked = norm.isf(0.1)
    always, compliers = norm.pdf(unasked) / 0.1, (norm.pdf(0) - norm.pdf(unasked)) / 0.4
    new, late = 18 + 4.8 * always, -2 + 0.8 * compliers  # without the editor: 20 + 4 U
    old = 20 - 4 * norm.pdf(0) / 0.5
    low = 0.1 * (new - 50) + 0.4 * late - 0.5 * old
    high = 0.1 * new + 0.4 * late + 0.5 * (50 - old)
    assert [round(low), round(high), round(high - low)] == [-11, 19, 30]
    assert round(0.1 * new + 0.9 * late, 1) == 1.2  # never-takers lose no less than compliers
