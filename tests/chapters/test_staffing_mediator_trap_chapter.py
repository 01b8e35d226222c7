"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
from scipy.special import expit
from stored import kept

from casestudies import scenarios

chapter = kept("staffing_mediator_trap")


def test_only_the_analyses_that_adjust_for_talent_alone_cover():
    low, high = chapter.answers["ci_low"], chapter.answers["ci_high"]
    ate = scenarios.staffing().truth["ATE"]
    assert ((low < ate) & (ate < high)).tolist() == [False, False, True, True]
    assert high.iloc[1] < ate < low.iloc[0]


def test_fresh_samples_move_the_coefficients_by_their_standard_errors():
    # the widths of the script's intervals on 10,000 rows, by 3.92
    errors = np.array([1.271 - 0.960, 1.929 - 1.683, 2.143 - 1.862]) / 3.92
    spread = chapter.fresh["std"].to_numpy()
    assert (abs(spread - errors) < 4 * errors / np.sqrt(2 * 19)).all()
    assert ((spread > 0.045) & (spread < 0.075)).all()
    assert (abs(chapter.fresh["mean"] - [1.12, 1.81, 2.00]) < 0.1).all()


def test_most_of_the_harm_goes_through_silence():
    assert chapter.effects["exact"]["NIE"] > chapter.effects["exact"]["ATE"] / 2


def test_the_effect_of_a_mismatch_grows_with_talent():
    def risk(mismatch, talent):
        silent = expit(-2 + 2.5 * mismatch)
        exits = [expit(-3 + 1.2 * mismatch + 1.8 * m + 0.5 * talent) for m in (0, 1)]
        return (1 - silent) * exits[0] + silent * exits[1]

    talent = np.linspace(-3, 3, 61)
    assert (np.diff(risk(1, talent) - risk(0, talent)) > 0).all()
    at = np.array([-1.0, 1.0, 2.0])
    assert (risk(1, at) - risk(0, at)).round(2).tolist() == [0.23, 0.36, 0.41]


def test_the_mediator_ranks_first_in_both_worlds():
    assert chapter.ranked.index[0] == "silence"
    assert chapter.both.shape == (3, 4)
    assert (chapter.both.idxmax() == "silence").all()


def test_a_million_candidates_after_surgery_follow_the_truncated_factorization():
    chance = chapter.joint["factorization"].to_numpy()
    assert abs(chance.sum() - 1) < 1e-5
    error = np.sqrt(chance * (1 - chance) / 1_000_000)
    assert (abs(chapter.simulated - chance) < 4 * error).all()


def test_surgery_factorization_and_reweighting_agree_and_seeing_does_not():
    exact = scenarios.staffing().truth["E[exit | do(mismatch=1)]"]
    surgery, factorized, reweighted, seen = chapter.routes
    assert abs(factorized - exact) < 6e-4
    assert abs(surgery - exact) < 4 * 0.0005 + 6e-4
    assert abs(reweighted - exact) < 0.005
    assert seen > factorized + 0.02


def test_stress_spares_the_total_effect_and_spoils_the_other_two():
    total, with_grievance, direct = chapter.variants["estimate"] - chapter.variants["exact"]
    assert abs(total) < 0.03 < abs(with_grievance)
    assert abs(direct) > 0.02


def test_replays_stay_as_often_as_worked_by_hand():
    off = abs(chapter.would_stay["exact"] - chapter.would_stay["simulated"])
    assert (off < 4 * 0.5 / np.sqrt(4_000)).all()


def test_the_recipe_recovers_the_direct_and_indirect_effects():
    assert (
        abs(chapter.effects["mean of 20 samples"] - chapter.effects["exact"])
        < 4 * chapter.effects["their spread"] / np.sqrt(20)
    ).all()


def test_only_the_adjusted_analysis_covers():
    right_one = chapter.worlds.iloc[2]
    assert abs(right_one["coverage"] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 300)
    assert abs(right_one["bias"]) < 4 * right_one["bias_error"]
    assert chapter.worlds.loc[["raw difference", "silence held fixed"], "coverage"].max() < 0.05


def test_quitting_adds_the_published_weight_in_either_model():
    assert abs(chapter.as_published["estimate"] - 3.52) < 0.02
    assert (
        abs(chapter.all_terms["estimate"] - chapter.as_published["estimate"])
        < chapter.all_terms["std_error"] / 4
    )
