"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
from stored import kept, numbers

from casestudies import scenarios

chapter = kept("ladder_of_causation")
world = scenarios.ladder()


def cousin(agreement):
    return scenarios.ladder(agreement=agreement)


def test_each_rung_covers_its_own_truth_and_seeing_has_the_wrong_sign():
    assert (
        (chapter.rungs["ci_low"] < chapter.rungs["exact"])
        & (chapter.rungs["exact"] < chapter.rungs["ci_high"])
    ).all()
    assert chapter.raw["ci_high"] < 0 < chapter.load_fixed["ci_low"]
    assert abs(chapter.by_load[0] - 7 / 15) < 4 * 0.5 / np.sqrt(chapter.hours[0])
    assert abs(chapter.by_load[1] - 0.3) < 4 * 0.5 / np.sqrt(chapter.hours[1])


def test_two_worlds_draw_the_same_hours():
    assert np.allclose(chapter.kinds["first, exact"], chapter.kinds["second, exact"])
    chance = chapter.kinds["first, exact"]
    for name in ("first", "second"):
        off = abs(chapter.kinds[f"{name}, counted"] - chance)
        assert (off < 4 * np.sqrt(chance * (1 - chance) / 1_000_000) + 0.0005).all()


def test_the_two_worlds_answer_alike_when_seen_and_not_when_acted_upon():
    assert abs(chapter.acted.iloc[0, 0] - chapter.acted.iloc[0, 1]) < 1e-12
    assert chapter.acted.loc["ATE"].iloc[0] > 0.1
    assert chapter.acted.loc["ATE"].iloc[1] < -0.07


def test_the_twins_effects_have_opposite_signs_and_are_not_each_others_opposite():
    first, second = chapter.acted.loc["ATE"]
    assert first > 0 > second
    assert abs(first + second) > 0.03


def test_a_reader_of_logs_says_the_same_in_both_worlds():
    assert abs(chapter.asked.iloc[0, 0] - chapter.asked.iloc[0, 1]) < 4 * np.sqrt(2) * 0.004
    assert abs(chapter.asked.iloc[1, 0] - chapter.asked.iloc[1, 1]) < 4 * np.sqrt(2) * 0.006
    assert abs(chapter.asked.iloc[1, 0] - chapter.asked.iloc[2, 0]) < 0.025
    assert abs(chapter.asked.iloc[0, 1] - chapter.asked.iloc[2, 1]) < 0.025


def test_a_trial_tells_the_two_worlds_apart():
    assert (
        (chapter.tried["ci_low"] < chapter.tried["exact"])
        & (chapter.tried["exact"] < chapter.tried["ci_high"])
    ).all()
    assert chapter.tried["ci_low"].iloc[0] > 0 > chapter.tried["ci_high"].iloc[1]


def incidents(deploy, busy):
    """Count incidents in 1,000 hours of an arm, as many as possible under either action."""
    load, noise = np.random.default_rng(10 + deploy).random((2, 1_000))
    without, with_it = (np.where(load <= busy, *chances) for chances in ((0.35, 0.08), (0.5, 0.15)))
    return (noise <= (with_it if deploy else without)).sum()  # each is likelier with a deploy


def test_the_trials_differences_are_those_of_the_counts():
    stored = numbers("ladder_of_causation")
    for key, busy in (("trial", (0.5, 0.5)), ("trial-twin", (0.8, 0.2))):
        gap = (incidents(1, busy[1]) - incidents(0, busy[0])) / 1_000
        assert abs(stored[f"ladder-{key}"] - gap) < 1e-9


def test_worlds_that_agree_on_two_rungs_differ_on_the_third():
    assert np.ptp(chapter.third.iloc[:4].to_numpy(), axis=1).max() == 0
    assert chapter.again == 0


def test_the_bounds_of_the_blame_are_reached():
    assert abs(world.truth["PN at least"] - cousin(1.0).truth["PN"]) < 1e-12
    assert abs(world.truth["PN at most"] - cousin(0.0).truth["PN"]) < 1e-12


def test_bounds_of_a_log_are_those_of_its_counts_and_hold_the_exact_ones():
    odd = scenarios.ladder(incident=((0.08, 0.90), (0.50, 0.60))).sample(20_000, rng=5)
    found, names = chapter.bounds, {"within cells": ["load"], "over all cells": []}
    blamed = ((odd["deploy"] == 1) & (odd["incident"] == 1)).sum()
    for name, by in names.items():
        ends = np.zeros(2)
        for _, here in odd.groupby(by) if by else [(0, odd)]:
            with_it, without = (here[here["deploy"] == d]["incident"] for d in (1, 0))
            p1, p0 = with_it.mean(), without.mean()
            if not by:  # the rate without a deploy at the loads of the hours that have one
                rates = odd[odd["deploy"] == 0].groupby("load")["incident"].mean()
                p0 = odd.loc[odd["deploy"] == 1, "load"].map(rates).mean()
            ends += len(with_it) * np.array([max(0, p1 - p0), min(p1, 1 - p0)])
        assert np.allclose(found.loc[name, ["set_low", "set_high"]], ends / blamed, atol=1e-5)
    assert (found["ci_low"] < found["exact low"]).all()
    assert (found["exact high"] <= found["ci_high"]).all()


def test_the_policies_simulate_to_their_exact_rates():
    actions = {"freeze": 0, "every hour": 1, "in quiet hours only": lambda load: load == 0}
    for policy, action in actions.items():
        acted = world.model.do(deploy=action).sample(400_000, rng=6)["incident"].mean()
        assert abs(acted - chapter.first[policy]) < 4 * np.sqrt(0.25 / 400_000)


def test_each_world_needs_its_own_analysis():
    coverage = chapter.many["coverage"].to_numpy()
    assert (abs(coverage[[1, 2]] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 100)).all()
    assert coverage[[0, 3]].max() < 0.05
    errors = abs(chapter.many["bias"] / chapter.many["bias_error"]).to_numpy()
    assert (errors[[1, 2]] < 4).all()


def test_all_the_men_of_the_programme_are_there():
    assert chapter.men == 445
