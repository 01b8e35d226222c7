"""Years of alarms at once: equal to the recipes year by year, to exact sums, to recursions."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from casestudies import scenarios
from casestudies.recipes.monitoring import (
    change_detector,
    confidence_sequence,
    repeated_looks,
    sample_ratio,
)
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.sampling.watched_years import (
    Years,
    alarm_rates,
    alarms,
    draw_years,
    sequence_limits,
    to_date,
    weekly_false_alarms,
    window_prices,
)

BROKEN = {
    "quiet": {},
    "inputs": {"workload_shift": 0.8},
    "effect": {"effect": 0, "base_shift": -0.06},
    "log": {"unlogged": 0.5},
}
ROLES = {"treatment": "arm", "batch": "week", "size": "n"}
MEANS = {**ROLES, "outcome": "y"}


def moments(years, year):
    """Return a year as the recipes read it."""
    rate = (years.exits / years.size)[year].ravel()
    weeks = years.size.shape[1]
    week, arm = np.repeat(np.arange(weeks), 2), np.tile([0, 1], weeks)
    size = years.size[year].ravel()
    return pd.DataFrame(
        {"week": week, "arm": arm, "n": size, "y_mean": rate, "y_var": rate * (1 - rate)}
    )


def drift(years, year):
    """Return the mean workload of each week as a difference of two halves with its error."""
    mean, half = years.workload[year], years.people // 2
    week, arm = np.repeat(np.arange(len(mean)), 2), np.tile([0, 1], len(mean))
    value = np.where(arm == 1, np.repeat(mean, 2), 0.0)
    spread = 0.25 * (half - 1) / half  # so that the error is 1 / sqrt(people)
    return pd.DataFrame({"week": week, "arm": arm, "n": half, "y_mean": value, "y_var": spread})


@pytest.mark.parametrize("knobs", BROKEN.values(), ids=list(BROKEN))
def test_many_years_at_once_are_the_recipes_year_by_year(knobs):
    years = draw_years(3, rng=2, **knobs)
    estimate, error, margin = to_date(years)
    rung = alarms(years, reference=-0.06)
    for year in range(3):
        cells = moments(years, year)
        sequence = confidence_sequence(cells, **MEANS, tuned_for=26 * 600)
        np.testing.assert_allclose(estimate[year], sequence["estimate"], rtol=1e-9)
        np.testing.assert_allclose(error[year], sequence["std_error"], rtol=1e-9)
        half = (sequence["ci_high"] - sequence["ci_low"]) / 2
        np.testing.assert_allclose(margin[year], half, rtol=1e-9)
        effect = change_detector(cells, **MEANS, reference=-0.06)["alarm"]
        assert (rung["effect detector"][year] == effect).all()
        ratio = sample_ratio(cells, **ROLES, share_treated=0.9)["alarm"]
        assert (rung["ratio detector"][year] == ratio).all()
        known = {"reference": 0, "change": 0.2}
        inputs = change_detector(drift(years, year), **MEANS, **known)["alarm"]
        assert (rung["input detector"][year] == inputs).all()


def test_the_weekly_test_is_that_of_the_difference_in_means():
    years = draw_years(1, weeks=30, rng=3)
    rung = alarms(years, reference=-0.06)["weekly test"][0]
    for week in range(30):
        people = [
            pd.DataFrame({"arm": arm, "exit": np.arange(n) < exits})
            for arm, (n, exits) in enumerate(
                zip(years.size[0, week], years.exits[0, week], strict=True)
            )
        ]
        data = pd.concat(people).astype(int)
        found = difference_in_means(data, outcome="exit", treatment="arm")
        assert rung[week] == (not found["ci_low"] <= -0.06 <= found["ci_high"])


def error(share, runs):
    return np.sqrt(share * (1 - share) / runs)


def test_the_chance_of_a_weekly_false_alarm_is_that_of_a_hundred_thousand_weeks():
    exact, runs = weekly_false_alarms(people=600), 100_000
    rings = alarms(draw_years(runs, weeks=2, rng=4), reference=-0.06)["weekly test"][:, 0]
    assert abs(rings.mean() - exact) < 4 * error(exact, runs)


def test_the_chance_of_a_weekly_false_alarm_is_the_sum_over_every_week_there_can_be():
    people, share, total = 24, 0.5, 0.0
    truth = scenarios.programme(share_treated=share).truth
    rates = [truth[f"E[exit | do(programme={arm})]"] for arm in (0, 1)]
    for treated in range(2, people - 1):
        for held in range(people - treated + 1):
            for given in range(treated + 1):
                arms = [(people - treated, held), (treated, given)]
                rate = [exits / n for n, exits in arms]
                noise = [r * (1 - r) / (n - 1) for r, (n, _) in zip(rate, arms, strict=True)]
                if sum(noise) == 0:  # no interval, no alarm
                    continue
                freedom = sum(noise) ** 2 / sum(
                    v**2 / (n - 1) for v, (n, _) in zip(noise, arms, strict=True)
                )
                t = abs(rate[1] - rate[0] - truth["ATE"]) / np.sqrt(sum(noise))
                limit = stats.t.ppf(0.9, freedom)
                chance = stats.binom.pmf(treated, people, share) * np.prod(
                    [stats.binom.pmf(x, n, r) for (n, x), r in zip(arms, rates, strict=True)]
                )
                total += chance * (t > limit)
    found = weekly_false_alarms(people=people, share_treated=share, level=0.8)
    assert found == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize("knobs", BROKEN.values(), ids=list(BROKEN))
def test_counts_have_the_rates_of_the_world_before_and_after_the_change(knobs):
    years = draw_years(400, weeks=10, rng=5, **knobs)
    for half, known in ((slice(0, 5), {}), (slice(5, 10), knobs)):
        truth = scenarios.programme(**known).truth
        size = years.size[:, half].sum(axis=(0, 1))
        exits = years.exits[:, half].sum(axis=(0, 1))
        rate = exits / size
        noise = (rate * (1 - rate) / size).sum()
        assert abs(rate[1] - rate[0] - truth["logged difference"]) < 4 * np.sqrt(noise)
        share = truth["logged share treated"]
        assert abs(size[1] / size.sum() - share) < 4 * error(share, size.sum())
        mean = years.workload[:, half].mean()
        assert abs(mean - known.get("workload_shift", 0)) < 4 / np.sqrt(400 * 5 * 600)


def test_alarms_ring_in_quiet_years_as_often_as_recursions_and_sums_say():
    runs = 2_000
    rates = alarm_rates(alarms(draw_years(runs, rng=7), reference=-0.06))["rings"]
    weekly = 1 - (1 - weekly_false_alarms()) ** 52
    v = np.arange(1, 53)
    rho = 26 / (9.2119 - 1)  # w = -W(-0.05^2 / e), by iterating w = ln(w) + 1 - ln(0.05^2)
    mixture = np.sqrt((v + rho) * np.log((v + rho) / (rho * 0.0025)) / v)
    np.testing.assert_allclose(sequence_limits(52), mixture, rtol=1e-3)
    expected = {
        "weekly test": weekly,
        "test of all data to date": repeated_looks(52).iloc[-1],
        "O'Brien-Fleming limits": 0.05,
        "confidence sequence": repeated_looks(52, critical=mixture).iloc[-1],
        "input mean, weekly test": 1 - 0.95**52,
    }
    for name, rate in expected.items():
        assert abs(rates[name] - rate) < 4 * error(rate, runs)
    for name in ("effect detector", "ratio detector", "input detector"):
        assert rates[name] < 0.052


def test_a_shorter_run_length_rings_more_often():
    years = draw_years(300, rng=8)
    long, short = (
        alarm_rates(alarms(years, reference=-0.06, average_run_length=length))["rings"]
        for length in (1000, 100)
    )
    assert short["effect detector"] > long["effect detector"]
    assert short["effect detector"] < 52 / 100


def test_rates_and_weeks_are_counted_from_the_week_that_counts():
    rung = np.zeros((4, 6), dtype=bool)
    rung[0, 1] = rung[1, 3] = rung[2, 5] = rung[2, 4] = True
    table = alarm_rates({"a": rung, "none": np.zeros((4, 6), dtype=bool)}, since=3)
    assert table.loc["a", "rings"] == 0.5
    assert table.loc["a", "weeks"] == 1.5  # weeks 1 and 2 of the change
    assert table.loc["a", "std_error"] == pytest.approx(0.25)
    assert table.loc["none", "rings"] == 0
    assert np.isnan(table.loc["none", "weeks"])
    assert alarm_rates({"a": rung}).loc["a", "rings"] == 0.75


def test_windows_are_those_of_an_estimate_made_eight_weeks_after_the_alarm():
    years = draw_years(40, rng=9, **BROKEN["effect"])
    table = window_prices(years, reference=-0.06, later=0.0)
    off = {name: [] for name in table.index}
    for year in range(40):
        cells = moments(years, year)
        watched = change_detector(cells, **MEANS, reference=-0.06)
        first = watched["alarm"].idxmax() if watched["alarm"].any() else 0
        if first < 26 or first + 8 >= 52:
            continue
        starts = [0, first + 8 - 25, watched.loc[first, "since"], first + 1]
        for name, start in zip(off, starts, strict=True):
            seen = cells[cells["week"].between(start, first + 8)]
            sequence = confidence_sequence(seen, **MEANS, tuned_for=1000)
            off[name].append(sequence["estimate"].iloc[-1])
    assert table.attrs["years"] == len(off["all weeks"]) > 20
    for name, values in off.items():
        row = table.loc[name]
        assert row["bias"] == pytest.approx(np.mean(values), rel=1e-9)
        assert row["sd"] == pytest.approx(np.std(values, ddof=1), rel=1e-9)
        assert row["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(values))), rel=1e-9)
        assert row["bias_error"] == pytest.approx(row["sd"] / np.sqrt(len(values)), rel=1e-12)


def test_fresh_weeks_are_unbiased_and_all_weeks_remember_the_old_effect():
    years = draw_years(500, rng=10, **BROKEN["effect"])
    table = window_prices(years, reference=-0.06, later=0.0)
    fresh, every = table.loc["the weeks after the alarm"], table.loc["all weeks"]
    assert abs(fresh["bias"]) < 4 * fresh["bias_error"]
    assert every["bias"] < -0.03 + 4 * every["bias_error"]
    assert every["sd"] < fresh["sd"]


def test_years_carry_what_they_were_drawn_with():
    years = draw_years(2, weeks=4, people=50, rng=1)
    assert isinstance(years, Years)
    assert years.people == 50
    assert years.size.sum(axis=-1).tolist() == [[50] * 4] * 2
