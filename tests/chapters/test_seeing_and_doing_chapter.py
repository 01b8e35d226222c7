"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pytest
from scipy.stats import t
from stored import kept, numbers

from casestudies import scenarios

chapter = kept("seeing_and_doing")
world = scenarios.latency()
reviews = scenarios.postmortems()


def test_the_dashboards_slope_is_the_raw_one_and_excludes_the_effect():
    assert chapter.naive["ci_low"] < world.truth["raw slope"] < chapter.naive["ci_high"]
    assert not chapter.naive["ci_low"] < world.truth["ATE"] < chapter.naive["ci_high"]
    assert world.truth["raw slope"] > 4 * world.truth["ATE"]


def test_both_ways_to_hold_traffic_fixed_cover_the_effect():
    effect = world.truth["ATE"]
    covers = (chapter.answers["ci_low"] < effect) & (effect < chapter.answers["ci_high"])
    assert covers.tolist() == [False, True, True]


def test_seen_and_set_hours_simulate_to_their_exact_means():
    seen, done = chapter.seen, chapter.done
    assert abs(seen["mean"] - chapter.exact[0]) < 4 * seen["std"] / np.sqrt(seen["count"]) + 0.02
    assert abs(done["mean"] - chapter.exact[1]) < 4 * done["std"] / np.sqrt(done["count"])


def test_the_documents_rows_give_one_half_and_zero():
    assert chapter.without_z["ci_low"] < 0.5 < chapter.without_z["ci_high"]
    assert chapter.with_z["ci_low"] < 0 < chapter.with_z["ci_high"]


def test_the_sum_of_effect_and_backdoor_holds_for_slopes_and_not_for_correlations():
    assert np.allclose(chapter.sums["slope minus effect"], 0.5)
    assert chapter.sums["correlation"].max() < 1
    assert abs(chapter.sums["correlation"].iloc[1] - 1.5) > 0.5


def test_the_backdoor_term_takes_the_direct_effect_of_activity_and_not_its_total_one():
    direct, on_usage, usage_on_activity = 1.0, 1.0, 0.5
    for row, raw in chapter.sums["raw slope"].items():
        ate = chapter.sums["ATE"][row]
        assert np.isclose(raw, ate + direct * usage_on_activity)
        total = direct + ate * on_usage
        assert np.isclose(raw, ate + total * usage_on_activity) == (ate == 0)


def test_more_rows_bring_the_right_analysis_nearer_and_the_wrong_one_to_two_decimals():
    rows = scenarios.hidden_driver().sample(100_000, rng=4)
    errors = {}
    for n in (20, 100_000):
        some = rows.head(n)
        x = np.column_stack([np.ones(n), some["usage"], some["activity"]])
        errors[n] = abs(np.linalg.lstsq(x, some["spending"], rcond=None)[0][1])
    assert errors[100_000] < 0.02 < 0.2 < errors[20]
    half = chapter.wrong["width"].iloc[-1] / 2
    assert 0.0005 < half < 0.0065  # the second decimal is sure, the third is not


def test_more_rows_narrow_the_interval_around_the_wrong_answer():
    exact_width = 2 * 1.96 * np.sqrt(1.5 / 2 / chapter.wrong.index)
    assert (
        abs(chapter.wrong["width"] / exact_width - 1) < 4 / chapter.wrong.index.to_numpy() ** 0.5
    ).all()
    assert chapter.wrong["ci_low"].iloc[-1] < 0.5 < chapter.wrong["ci_high"].iloc[-1]
    assert (chapter.wrong["ci_low"] > 0.2).all()


def test_three_worlds_look_alike_and_differ_in_the_effect():
    assert np.ptp(chapter.three.iloc[:3].to_numpy(), axis=1).max() < 1e-9
    assert chapter.three.loc["ATE"].round(4).tolist() == [0.5, 2.0571, 0.0]


def test_one_table_calls_for_another_analysis_in_each_world():
    assert np.ptp(chapter.simpson.iloc[:2].to_numpy(), axis=1).max() < 1e-12
    assert abs(chapter.simpson["proxy"].diff().iloc[2]) > 0.03
    assert (
        abs(chapter.simpson.loc["exact effect (ATE)", "proxy"] - chapter.simpson.iloc[0, 2]) > 0.1
    )


def test_the_stones_rates_reverse_where_the_treated_have_two_severe_of_three():
    rates = {1: (81 / 87, 192 / 263), 0: (234 / 270, 55 / 80)}  # small stones, large ones

    def raw(share):
        n = 100_000
        severe = {1: round(n * share), 0: n - round(n * share)}
        cells = {t: ((n - severe[t], rates[t][0]), (severe[t], rates[t][1])) for t in (0, 1)}
        counts = [[(r * n_of, n_of) for n_of, r in cells[t]] for t in (0, 1)]
        return scenarios.simpson(counts=counts).truth["raw difference"]

    assert raw(0.5) == pytest.approx((81 / 87 - 234 / 270 + 192 / 263 - 55 / 80) / 2)
    assert raw(0.635) > 0 > raw(0.645)


def test_reviewed_hours_hide_the_deploys_effect_and_make_rivals():
    low, high = chapter.picked["ci_low"], chapter.picked["ci_high"]
    assert ((low < chapter.picked["exact"]) & (chapter.picked["exact"] < high)).all()
    assert high.iloc[1] < reviews.truth["ATE"]
    assert high.iloc[2] < 0


def test_the_levers_gain_what_the_equations_say():
    exact_gain = np.array([0, 20 * 0.5, 2 * (10 + 0.5 * 5), 20 * 0.5 + 2 * 10 + 5])
    error = 21.4 * np.sqrt(2 / 400_000)
    assert (abs(chapter.gains["gain"] - exact_gain) < 4 * error).all()


def test_only_the_analysis_with_traffic_covers():
    bias, coverage = chapter.many["bias"], chapter.many["coverage"]
    assert coverage["dashboard"] == 0
    assert abs(coverage["with traffic"] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)
    assert abs(bias["with traffic"]) < 4 * chapter.many.loc["with traffic", "bias_error"]


def test_every_applicant_to_berkeley_is_in_the_table():
    assert chapter.applicants == 4_526


def line(x, y):
    """Return the slope of least squares and the width of its 95% interval."""
    degrees, apart = len(x) - 2, x - x.mean()
    slope = apart @ y / (apart @ apart)
    left = y - y.mean() - slope * apart
    return slope, 2 * t.ppf(0.975, degrees) * np.sqrt(left @ left / degrees / (apart @ apart))


def test_least_squares_by_hand_finds_the_promise_and_the_widths_in_the_same_draws():
    traffic, on_cpu, on_latency = np.random.default_rng(1).normal(size=(3, 2_000))
    cpu = 60 + 5 * 1.5 * traffic + 4 * on_cpu
    latency = 150 + 0.5 * (cpu - 60) + 10 * 1.5 * traffic + 10 * on_latency
    activity, on_usage, on_spending = np.random.default_rng(4).normal(size=(3, 100_000))
    usage, spending = activity + on_usage, activity + on_spending
    found = {
        "promise": 20 * line(cpu, latency)[0],
        "width-100": line(usage[:100], spending[:100])[1],
        "width-100000": line(usage, spending)[1],
    }
    stored = numbers("seeing_and_doing")
    assert {key: stored[f"seeing-{key}"] for key in found} == pytest.approx(found, rel=1e-5)
