"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
from stored import kept

from casestudies import scenarios

chapter = kept("staffing_mediator_trap")


def test_only_the_analyses_that_adjust_for_talent_alone_cover():
    low, high = chapter.answers["ci_low"], chapter.answers["ci_high"]
    ate = scenarios.staffing().truth["ATE"]
    assert ((low < ate) & (ate < high)).tolist() == [False, False, True, True]
    assert high.iloc[1] < ate < low.iloc[0]


def test_the_mediator_ranks_first():
    assert chapter.ranked.index[0] == "silence"


def test_the_recipe_recovers_the_direct_and_indirect_effects():
    assert (
        abs(chapter.effects["mean of 20 samples"] - chapter.effects["exact"])
        < 4 * chapter.effects["their spread"] / np.sqrt(20)
    ).all()


def test_only_the_adjusted_analysis_covers():
    right_one = chapter.worlds.iloc[2]
    assert abs(right_one["coverage"] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 300)
    assert abs(right_one["bias"]) < 4 * right_one["bias_error"]
    assert chapter.worlds.loc[["raw difference", "silence held fixed"], "coverage"].max() < 0.5


def test_quitting_adds_the_published_weight_in_either_model():
    assert abs(chapter.as_published["estimate"] - 3.52) < 0.02
    assert (
        abs(chapter.all_terms["estimate"] - chapter.as_published["estimate"])
        < chapter.all_terms["std_error"] / 4
    )
