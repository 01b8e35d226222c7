"""Which alarm sees which broken year, and how often it rings in a quiet one."""

import numpy as np
import pytest

from casestudies import scenarios
from casestudies.production import alarms
from casestudies.production.backtest import stress
from casestudies.production.record import TEMPLATE, read
from casestudies.production.simulate import SHOCKS, draw, simulated_years

RECORD = read(TEMPLATE.read_text(encoding="utf-8"))
YEARS = 60


@pytest.fixture(scope="module")
def rates():
    return stress(RECORD, people=600, years=YEARS, rng=7)


@pytest.mark.parametrize(
    ("rung", "verdict"),
    [
        ([], "quiet"),
        (["inputs: workload"], "predictive drift"),
        (["inputs: workload", "effect"], "causal breakdown"),
        (["effect"], "causal breakdown"),
        (["ratio"], "logging"),
        (["effect", "ratio", "inputs: workload"], "logging"),
    ],
)
def test_the_verdict_is_that_of_the_table_and_the_ratio_overrides_the_rest(rung, verdict):
    assert alarms.verdict(rung) == verdict
    assert verdict in alarms.VERDICTS


def within(rates, scenario, alarm, rate, times=4):
    row = rates.loc[(scenario, alarm)]
    error = np.sqrt(max(rate * (1 - rate), 1 / YEARS) / YEARS)
    return abs(row["rings"] - rate) < times * error


def test_a_quiet_year_rings_at_most_as_often_as_the_run_length_allows(rates):
    # 52 batches of an average run length of 1,000 at least: at most 5.2% of quiet years
    quiet = rates.loc["quiet"]["rings"]
    assert list(quiet.index) == ["effect", "inputs", "ratio"]
    assert (quiet < 0.052 + 3 * np.sqrt(0.052 * 0.948 / YEARS)).all()


def test_each_broken_year_is_seen_by_the_alarm_that_is_made_for_it(rates):
    # Expected rates of the detectors, computed outside the project: a dead programme caught in
    # 96% of years after 15 weeks, unlogged exits by the ratio in 100% after 13
    assert within(rates, "effect_dies", "effect", 0.96)
    assert abs(rates.loc[("effect_dies", "effect"), "weeks"] - 15) <= 3
    assert rates.loc[("logging_breaks", "ratio"), "rings"] > 0.9
    assert abs(rates.loc[("logging_breaks", "ratio"), "weeks"] - 13) <= 3
    assert rates.loc[("inputs_drift", "inputs"), "rings"] == 1
    assert rates.loc[("draw_breaks", "ratio"), "rings"] > 0.9


def test_no_alarm_takes_one_break_for_another(rates):
    for scenario, alarm in [
        ("inputs_drift", "effect"),
        ("inputs_drift", "ratio"),
        ("effect_dies", "inputs"),
        ("effect_dies", "ratio"),
        ("logging_breaks", "inputs"),
        ("draw_breaks", "inputs"),
        ("draw_breaks", "effect"),
    ]:
        assert rates.loc[(scenario, alarm), "rings"] < 0.06 + 3 * np.sqrt(0.06 / YEARS)


def test_the_shocks_are_the_worlds_that_the_knobs_make():
    knobs = {
        "quiet": {},
        "inputs_drift": {"workload_shift": 0.8},
        "effect_dies": {"effect": 0, "base_shift": -0.06},
        "logging_breaks": {"unlogged": 0.5},
        "draw_breaks": {"share_treated": 0.88},
        "juniors_lose": {"effect_junior": 0.02},
    }
    assert knobs.keys() == SHOCKS.keys()
    for name, knob in knobs.items():
        truth = scenarios.programme(**knob).truth
        after = draw(name, weeks=2, people=200_000, rng=4).query("week == 1")
        by_arm = after.groupby("programme")["exit"].agg(["mean", "var", "size"])
        gap = by_arm["mean"].diff().iloc[-1]
        error = np.sqrt((by_arm["var"] / by_arm["size"]).sum())
        assert abs(gap - truth["logged difference"]) < 4 * error
        share = after["programme"].mean()
        share_error = np.sqrt(share * (1 - share) / len(after))
        assert abs(share - truth["logged share treated"]) < 4 * share_error
        assert abs(after["workload"].mean() - knob.get("workload_shift", 0)) < 0.03


def test_the_first_half_of_a_broken_year_is_that_of_a_quiet_one():
    quiet, broken = (draw(name, weeks=4, people=500, rng=9) for name in ("quiet", "effect_dies"))
    assert quiet.query("week < 2").equals(broken.query("week < 2"))
    assert not quiet.query("week > 1").equals(broken.query("week > 1"))


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ({"scenario": "flood"}, "no scenario 'flood'; there are quiet"),
        ({"weeks": 1}, "weeks must be 2 or more"),
        ({"people": 0}, "people 1 or more"),
    ],
)
def test_a_year_that_cannot_be_drawn_is_refused(bad, match):
    given = {"scenario": "quiet", "weeks": 2, "people": 5, **bad}
    with pytest.raises(ValueError, match=match):
        draw(given.pop("scenario"), rng=0, **given)


def test_an_alarm_is_told_with_the_numbers_of_its_batch():
    year = next(simulated_years("quiet", years=1, people=600, weeks=4, rng=1))
    last = {**year[-1], "estimate": 0.01, "std_error": 0.05}
    assert "has left -0.06; in this batch it is 0.010 (0.050)" in alarms.in_words(
        "effect", RECORD, last
    )
    n, treated = last["arms"]["n_control"], last["arms"]["n_treated"]
    assert f"has left 0.9; in this batch it is {treated / (n + treated):.3f}" in alarms.in_words(
        "ratio", RECORD, last
    )
    mean = last["inputs"]["workload"]["mean"]
    assert f"mean of workload has left 0; in this batch it is {mean:.3f}" in alarms.in_words(
        "inputs: workload", RECORD, last
    )


def test_numbered_batches_are_watched_in_their_order():
    text = TEMPLATE.read_text(encoding="utf-8").replace('kind = "date" ', 'kind = "number" ')
    record = read(text.replace("first = 2026-01-05", "first = 1").replace("every = 7", "every = 1"))
    year = next(simulated_years("quiet", years=1, people=600, weeks=12, rng=1))
    numbered = [{**entry, "batch": str(place + 1)} for place, entry in enumerate(year)]
    sequence, detectors = alarms.watch(record, numbered)
    assert list(sequence.index) == list(range(1, 13))
    by_date = alarms.watch(RECORD, year)[1]
    assert np.allclose(detectors.to_numpy(), by_date.to_numpy())
