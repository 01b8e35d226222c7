"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pytest
from scipy.special import expit
from stored import covers, kept

from casestudies import scenarios
from casestudies.sampling import watched_years

chapter = kept("effects_in_production")
YEARS = 2_000


def error(share):
    return np.sqrt(share * (1 - share) / YEARS)


def test_a_weekly_test_rings_in_most_quiet_years_and_the_rules_made_for_looking_do_not():
    last = chapter.rung.iloc[-1]
    assert last.iloc[0] > 0.93
    assert last.iloc[2] > 0.3
    assert last.iloc[3] == pytest.approx(0.05, abs=1e-4)
    assert last.iloc[4] < 0.05
    assert (np.diff(chapter.rung.to_numpy(float), axis=0) >= -1e-9).all()


def test_the_treated_look_alike_in_the_quiet_year_and_in_the_one_whose_programme_dies():
    treated = chapter.seen["E[exit | do(programme=1)]"]
    assert treated["quiet"] == pytest.approx(treated["programme dies"], abs=1e-4)
    assert treated["inputs drift"] > treated["quiet"] + 0.1
    ate = chapter.seen["ATE"]
    assert ate["inputs drift"] == pytest.approx(ate["quiet"], abs=1e-4)
    assert ate["programme dies"] == 0
    assert chapter.seen.loc["log breaks", "logged difference"] > 0


def test_the_sequence_covers_the_effect_to_date_in_every_week_of_the_year():
    assert covers(chapter.sequence, chapter.sequence["exact"]).all()
    assert len(chapter.sequence) == 52


def test_the_year_s_estimate_lies_near_what_its_figure_is_said_to_show():
    said = chapter.sequence["estimate"]
    assert said.loc[16:26].to_numpy(float) == pytest.approx(-0.045, abs=0.005)
    assert said.loc[52] == pytest.approx(-0.023, abs=6e-4)


def test_each_break_is_seen_by_its_detector_and_by_no_other():
    board = chapter.board
    quiet = board["quiet"]
    for alarm in ("effect detector", "ratio detector", "input detector"):
        assert quiet[alarm] < 0.052
    most = 0.052 + 4 * error(0.052)
    assert board.loc["input detector", "inputs drift"] > 0.98
    assert board.loc["effect detector", "inputs drift"] < most
    assert board.loc["ratio detector", "inputs drift"] < most
    assert board.loc["effect detector", "programme dies"] > 0.93
    assert board.loc["input detector", "programme dies"] < most
    assert board.loc["ratio detector", "programme dies"] < most
    assert board.loc["ratio detector", "log breaks"] > 0.98
    assert board.loc["effect detector", "log breaks"] > 0.98  # falsely
    assert board.loc["treated rate, three errors", "programme dies"] < quiet.iloc[-1]


def test_the_detector_sees_a_death_sooner_and_more_often_than_the_sequence():
    dies = chapter.board["programme dies"]
    gap = dies["effect detector"] - dies["confidence sequence"]
    assert gap > 4 * np.hypot(error(dies["effect detector"]), error(dies["confidence sequence"]))
    weeks = chapter.board["weeks, programme dies"]
    assert weeks["effect detector"] < weeks["confidence sequence"]


def test_the_verdict_at_the_end_of_the_year_is_right_in_nineteen_of_twenty_years():
    right = {
        "quiet": "quiet",
        "inputs drift": "predictive drift",
        "programme dies": "causal breakdown",
        "log breaks": "logging",
    }
    for world, verdict in right.items():
        assert chapter.ends.loc[world, verdict] > 0.95
        assert chapter.ends.loc[world].sum() == pytest.approx(1)


def test_those_who_answered_mislead_and_weights_and_bounds_do_not():
    exact = scenarios.programme().truth["ATE"]
    known = chapter.missing.iloc[:2]
    assert covers(known, exact).tolist() == [False, True]
    assert covers(known, known["exact limit"]).all()
    assert chapter.bounds["ci_low"] < exact < chapter.bounds["ci_high"]
    assert chapter.bounds["upper"] > 0  # the sign is lost


@pytest.mark.parametrize("split", ["only_mix", "cancels"])
def test_mix_and_mechanism_add_up_to_the_change(split):
    parts = getattr(chapter, split)["estimate"]
    assert parts["mix"] + parts["mechanism"] == pytest.approx(parts["change"], abs=2e-4)
    assert parts["before"] + parts["mix"] == pytest.approx(parts["reweighted"], abs=2e-4)


def test_a_change_of_mix_is_no_change_of_mechanism_and_two_parts_can_cancel():
    same, other = chapter.only_mix, chapter.cancels
    assert abs(same.loc["mechanism", "estimate"]) < 2 * same.loc["mechanism", "std_error"]
    assert same.loc["mix", "estimate"] < -4 * same.loc["mix", "std_error"]
    assert other.loc["mechanism", "estimate"] > 4 * other.loc["mechanism", "std_error"]
    assert abs(other.loc["change", "estimate"]) < abs(other.loc["mix", "estimate"])


def test_an_effect_arrives_where_the_groups_are_recorded_and_their_effects_equal():
    off = (chapter.transport["reweighted"] - chapter.transport["exact there"]).abs()
    errors = (off / chapter.transport["std_error"]).to_numpy()
    assert errors[0] < 2
    assert (errors[1:] > 4).all()


def test_the_year_is_taken_in_whole_and_the_two_bad_files_are_refused():
    log = chapter.log
    assert log["weeks"].tolist() == [13, 26, 39, 52]
    assert log["refused"].tolist() == [0, 1, 2, 2]
    assert log["verdict"].tolist() == ["quiet"] * 3 + ["causal breakdown"]
    assert log["widen"].tolist() == ["no", "yes", "yes", "no"]
    shown = chapter.sequence.loc[log["weeks"], "estimate"]
    assert np.allclose(log["estimate"], shown, atol=1e-4)


def test_a_rare_bell_costs_little_and_a_frequent_one_most_of_the_worth():
    value, gap = chapter.value, 4 * np.sqrt(2) * chapter.value_error
    never, weekly, detector, best = (value.loc[rule] for rule in value.index)
    assert never["quiet"] == pytest.approx(best["quiet"])
    assert never["quiet"] - detector["quiet"] < 0.01 * never["quiet"]
    assert weekly["quiet"] < 0.4 * never["quiet"]
    assert detector["programme dies"] > never["programme dies"] + gap
    assert detector["log breaks"] < never["log breaks"] - gap
    assert (value.loc[value.index[:-1]] <= best + 1e-9).all().all()
    assert chapter.value_error < 0.08


def test_an_interval_for_one_look_covers_at_one_look_only():
    usual, sequence = chapter.cover.to_numpy(float)
    assert abs(usual[0] - 0.95) < 4 * error(0.95)
    assert abs(usual[1] - usual[2]) < 4 * error(usual[2])
    assert abs(sequence[1] - sequence[2]) < 4 * error(sequence[2])
    assert sequence[1] > 0.95 > usual[1]


def test_fresh_weeks_are_unbiased_and_chosen_ones_are_not():
    bias, noise = chapter.prices["bias"], chapter.prices["bias_error"]
    assert abs(bias["the weeks after the alarm"]) < 2 * noise["the weeks after the alarm"]
    assert bias["from the likeliest start on"] > 4 * noise["from the likeliest start on"]
    assert bias["all weeks"] < -4 * noise["all weeks"]
    assert chapter.prices["sd"].idxmax() == "the weeks after the alarm"


@pytest.mark.parametrize(("held_out", "rung", "noise"), [(0.1, 0.4, 0.063), (0.3, 0.86, 0.041)])
def test_a_larger_holdout_sees_an_effect_that_fades(held_out, rung, noise):
    rng, people, many = np.random.default_rng(3), 600, 400
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    without = expit(-0.85 + 0.6 * nodes) @ weights / weights.sum()
    effect = np.repeat(-0.06, 52)
    effect[26:] *= 1 - np.arange(1, 27) / 26
    treated = rng.binomial(people, 1 - held_out, (many, 52))
    size = np.stack([people - treated, treated], axis=-1)
    exits = rng.binomial(size, np.stack([np.repeat(without, 52), without + effect], axis=-1))
    years = watched_years.Years(size, exits, np.zeros((many, 52)), people)
    rings = watched_years.effect_detector(years, reference=-0.06).any(axis=1).mean()
    assert abs(rings - rung) < 4 * np.sqrt(2 * rung * (1 - rung) / many)
    rates = np.array([without, without - 0.06])
    arms = people * np.array([held_out, 1 - held_out])
    assert np.sqrt((rates * (1 - rates) / arms).sum()) == pytest.approx(noise, abs=5e-4)


def test_the_broken_log_by_hand_is_that_of_the_world():
    broken = scenarios.programme(unlogged=0.5).truth
    rates = [broken[f"E[exit | do(programme={arm})]"] for arm in (1, 0)]
    assert np.round(rates, 4).tolist() == [0.2528, 0.3128]
    lost = rates[1] / 2
    assert round(100 * lost, 2) == 15.64
    assert round(lost / (1 - lost), 4) == 0.1854
    assert broken["logged difference"] == pytest.approx(rates[0] - lost / (1 - lost))
    assert broken["logged share treated"] == pytest.approx(0.9 / (0.9 + 0.1 * (1 - lost)))
