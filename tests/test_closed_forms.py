import importlib.util
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, stats

from casestudies import scenarios
from casestudies.display import figures
from casestudies.recipes.pretrends import pretrend_power
from casestudies.sampling.closed_forms import (
    confounded_slopes,
    drifting_did,
    drifting_event_study,
    iv_error_cdf,
    iv_error_density,
    iv_error_summary,
)
from casestudies.sampling.instrument_strength import draw_samples

ROOT = Path(__file__).resolve().parent.parent
RAW, ADJUSTED = "latency on cpu", "traffic in the regression"


def share_is(found, exact):
    """Hold a share of zeros and ones against its probability, within four standard errors."""
    return abs(np.mean(found) - exact) < 4 * np.sqrt(exact * (1 - exact) / len(found))


def mean_is(values, exact):
    return abs(np.mean(values) - exact) < 4 * np.std(values) / np.sqrt(len(values))


# Confounding


def least_squares(y, x):
    """Return slope, standard error in each row, x and y being centred there."""
    sxx = (x**2).sum(axis=1)
    slope = (x * y).sum(axis=1) / sxx
    left = y - slope[:, np.newaxis] * x
    return slope, (left**2).sum(axis=1) / sxx


def slopes_by_sample(traffic_on_latency, rows, samples, rng):
    """Return slope and standard error, without traffic and with it, of each sample."""
    world = scenarios.latency(traffic_on_latency=traffic_on_latency)
    data = world.sample(rows * samples, rng=rng)
    z, x, y = (data[name].to_numpy().reshape(samples, rows) for name in data)
    z, x, y = (block - block.mean(axis=1, keepdims=True) for block in (z, x, y))
    raw, squared = least_squares(y, x)
    net = [b - least_squares(b, z)[0][:, np.newaxis] * z for b in (y, x)]
    adjusted, net_squared = least_squares(*net)
    return (raw, np.sqrt(squared / (rows - 2))), (adjusted, np.sqrt(net_squared / (rows - 3)))


@pytest.mark.parametrize(("traffic", "rows"), [(8.0, 12), (1.0, 100), (0.0, 7)])
def test_slopes_errors_and_coverage_are_those_of_many_samples(traffic, rows):
    exact = confounded_slopes(rows, traffic_on_latency=traffic)
    found = slopes_by_sample(traffic, rows, 20_000, rng=rows)
    for name, df, (slope, error) in zip(exact.index, (rows - 2, rows - 3), found, strict=True):
        row = exact.loc[name]
        assert mean_is(slope, row["estimate"])
        assert mean_is((slope - row["estimate"]) ** 2, row["std_error"] ** 2)
        assert mean_is(error**2, row["std_error"] ** 2)
        covers = abs(slope - 0.5) <= stats.t.ppf(0.975, df) * error
        assert share_is(covers, row["coverage"]), name


@pytest.mark.parametrize("traffic", [0.0, 1.0, 10.0, -3.0])
def test_the_mean_slopes_are_the_truths_of_the_chapter_s_world(traffic):
    truth = scenarios.latency(traffic_on_latency=traffic).truth
    exact = confounded_slopes(50, traffic_on_latency=traffic)["estimate"]
    assert exact.tolist() == [truth["raw slope"], truth["ATE"]]


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(("traffic", "rows"), [(0.5, 20), (2.0, 20), (0.5, 1_000)])
def test_coverage_is_that_of_noncentral_t_intervals_over_all_loads(traffic, rows, level):
    row = confounded_slopes(rows, traffic_on_latency=traffic, level=level).loc[RAW]
    df, t = rows - 2, stats.t.ppf((1 + level) / 2, rows - 2)
    pull = (row["estimate"] - 0.5) / (row["std_error"] * np.sqrt(rows - 3))

    def given(squares):
        shift = pull * np.sqrt(squares)
        return stats.nct.cdf(t, df, shift) - stats.nct.cdf(-t, df, shift)

    loads = stats.chi2(rows - 1)
    low, high = loads.ppf([1e-10, 1 - 1e-10])
    by_quadrature, _ = integrate.quad(lambda s: given(s) * loads.pdf(s), low, high)
    assert row["coverage"] == pytest.approx(by_quadrature, abs=1e-7)


def test_the_interval_drawn_is_the_mean_slope_and_t_quantiles():
    table = confounded_slopes(30, level=0.9)
    for row, df in zip(table.itertuples(), (28, 27), strict=True):
        half = stats.t.ppf(0.95, df) * row.std_error
        assert row.ci_low == pytest.approx(row.estimate - half)
        assert row.ci_high == pytest.approx(row.estimate + half)
    assert table.loc[ADJUSTED, "coverage"] == 0.9
    assert np.isfinite(confounded_slopes(5)).all(axis=None)


def test_more_rows_cover_less_often_unless_nothing_is_confounded():
    sizes = [20, 100, 1_000, 10_000, 100_000]
    weak = [confounded_slopes(n, traffic_on_latency=1).loc[RAW, "coverage"] for n in sizes]
    assert (np.diff(weak) < 0).all()
    assert weak[0] > 0.9
    assert weak[-1] < 1e-6
    none = [confounded_slopes(n, traffic_on_latency=0).loc[RAW, "coverage"] for n in sizes]
    assert none == pytest.approx([0.95] * 5)


# Parallel trends

TIMES = [-4, -3, -2, 0, 1, 2, 3]
WEIGHTS = np.repeat([-0.25, 0.25], [3, 4])


def covariance_of(study):
    return pd.DataFrame(study.attrs["covariance"]).to_numpy()


def world_with_drift(drift):
    """Return the chapter's world whose groups part by this many points a month."""
    truth = scenarios.hospital_upgrade().truth
    return scenarios.hospital_upgrade(drift=drift / ((truth["ATT"] - truth["ATU"]) / -0.5))


@pytest.mark.parametrize("drift", [0.0, 0.25, -0.5])
def test_did_answers_what_the_chapter_s_world_says(drift):
    truth, answer = world_with_drift(drift).truth, drifting_did(drift=drift, hospitals=40)
    assert answer["estimate"] == pytest.approx(truth["DiD"])
    assert answer["ATT"] == pytest.approx(truth["ATT"])
    path = drifting_event_study(drift=drift, hospitals=40)["estimate"]
    assert WEIGHTS @ path[TIMES] == pytest.approx(truth["DiD"])


@pytest.mark.parametrize("drift", [0.0, 0.4, -0.4])
def test_means_and_covariance_of_the_event_study_are_those_of_the_chapter_s_world(drift):
    rows = world_with_drift(drift).sample(40_000, rng=11)
    wide = rows.pivot_table("severity", "hospital", "month")
    drug = rows.groupby("hospital")["treated"].first().to_numpy() == 1
    moved = (wide.sub(wide[4], axis=0)).drop(columns=4).to_numpy()
    study = drifting_event_study(drift=drift, hospitals=2)
    mean, sampled, error = 0, 0, 0
    for group, sign in [(moved[drug], 1), (moved[~drug], -1)]:
        away = group - group.mean(axis=0)
        products = away[:, :, np.newaxis] * away[:, np.newaxis]
        mean = mean + sign * group.mean(axis=0)
        sampled = sampled + products.mean(axis=0)
        error = error + products.var(axis=0) / len(group)
    assert (abs(sampled - covariance_of(study)) < 4 * np.sqrt(error)).all()
    spread = np.sqrt(np.diag(sampled) / (len(moved) / 2))
    assert (abs(mean - study["estimate"][TIMES]) < 4 * spread).all()


@pytest.mark.parametrize(("drift", "hospitals"), [(0.25, 40), (-0.3, 40), (0.0, 20), (0.1, 160)])
def test_coverage_power_and_bias_after_passing_are_those_of_many_regions(drift, hospitals):
    answer = drifting_did(drift=drift, hospitals=hospitals)
    study = drifting_event_study(drift=drift, hospitals=hospitals)
    covariance, rng = covariance_of(study), np.random.default_rng(5)
    drawn = rng.multivariate_normal(study["estimate"][TIMES], covariance, size=100_000)
    did, before = drawn @ WEIGHTS, drawn[:, :3]
    statistic = (before @ np.linalg.inv(covariance[:3, :3]) * before).sum(axis=1)
    passed = statistic <= stats.chi2.ppf(0.95, 3)
    assert mean_is((did - answer["estimate"]) ** 2, answer["std_error"] ** 2)
    covers = abs(did - answer["ATT"]) <= stats.norm.ppf(0.975) * answer["std_error"]
    assert share_is(covers, answer["coverage"])
    assert share_is(~passed, answer["power"])
    assert mean_is(did[passed] - answer["ATT"], answer["bias_if_passed"])


def test_the_recipe_says_the_same_of_the_test_before_and_less_with_few_hospitals():
    for drift, hospitals in [(0.25, 40), (0.1, 320)]:
        study = drifting_event_study(drift=drift, hospitals=hospitals)
        answer = drifting_did(drift=drift, hospitals=hospitals)
        power = pretrend_power(study, slopes=[drift])["power"].iloc[0]
        assert answer["power"] == pytest.approx(power, abs=1e-5)
        study.attrs["df"] = hospitals - 1
        assert pretrend_power(study, slopes=[drift])["power"].iloc[0] < answer["power"] - 0.001


def test_intervals_are_normal_quantiles_and_shrink_with_the_number_of_hospitals():
    few, many = (drifting_did(drift=0.1, hospitals=n, level=0.9) for n in (40, 160))
    assert few["std_error"] == pytest.approx(2 * many["std_error"])
    z = stats.norm.ppf(0.95)
    assert few["ci_high"] - few["estimate"] == pytest.approx(z * few["std_error"])
    assert few["estimate"] - few["ci_low"] == pytest.approx(z * few["std_error"])
    study = drifting_event_study(drift=0.1, hospitals=40, level=0.9)
    half = z * np.sqrt(np.diag(covariance_of(study)))
    assert (study["ci_high"] - study["estimate"])[TIMES].to_numpy() == pytest.approx(half)
    assert (study["estimate"] - study["ci_low"])[TIMES].to_numpy() == pytest.approx(half)
    assert study.loc[-1, "std_error"] == 0
    assert drifting_did(drift=0, hospitals=40, level=0.9)["coverage"] == pytest.approx(0.9)
    assert drifting_did(drift=0, hospitals=40, level=0.9)["power"] == pytest.approx(0.1)


def test_a_drift_ruins_did_in_a_small_region_and_mostly_escapes_the_test_before():
    answer = drifting_did(drift=0.25, hospitals=40)
    assert answer["coverage"] < 0.25
    assert answer["power"] < 0.3
    assert 0.8 < answer["bias_if_passed"] / (answer["estimate"] - answer["ATT"]) < 1


@pytest.mark.parametrize("hospitals", [20, 40, 80, 160, 320, 640])  # the slider's sizes
def test_a_drift_of_two_standard_errors_is_missed_as_often_in_a_region_of_any_size(hospitals):
    def excess(drift):
        answer = drifting_did(drift=drift, hospitals=hospitals)
        return 4 * drift / answer["std_error"] - 2

    answer = drifting_did(drift=optimize.brentq(excess, 1e-3, 0.5), hospitals=hospitals)
    assert answer["coverage"] == pytest.approx(0.484, abs=5e-4)
    assert 0.125 < answer["power"] < 0.145


# One instrument


@pytest.mark.parametrize(("mean_f", "rho"), [(1, 0.8), (4, 0.8), (4, -0.3), (30, 0.0)])
def test_the_density_is_that_of_2sls_in_samples_of_any_size(mean_f, rho):
    knobs = {"mean_f": mean_f, "endogeneity": rho}
    drawn = draw_samples(instruments=1, rows=20, replications=40_000, rng=3, **knobs)["2SLS"]
    for error in np.linspace(-1.2, 1.2, 9):
        assert share_is(drawn <= error, iv_error_cdf(error, **knobs))


@pytest.mark.parametrize(("mean_f", "rho"), [(1, 0.95), (1, 0.0), (3, 0.6), (20, -0.9), (200, 0.5)])
def test_density_and_distribution_function_agree_by_quadrature(mean_f, rho):
    knobs = {"mean_f": mean_f, "endogeneity": rho}

    def at_angle(angle):
        return iv_error_density(np.tan(angle), **knobs) / np.cos(angle) ** 2

    edges = np.linspace(-np.pi / 2, np.pi / 2, 13)
    edges[[0, -1]] += [1e-9, -1e-9]  # the tails beyond hold less than 1e-8
    pieces = [integrate.quad(at_angle, *edges[i : i + 2], epsabs=1e-12)[0] for i in range(12)]
    summed = np.cumsum(pieces)
    assert summed[-1] == pytest.approx(1, abs=1e-7)
    for i in range(1, 12):
        exact = iv_error_cdf(np.tan(edges[i]), **knobs)
        assert summed[i - 1] == pytest.approx(exact, abs=1e-7)


def test_an_irrelevant_instrument_gives_a_cauchy_distribution_around_ols():
    cauchy = stats.cauchy(0.6, np.sqrt(1 - 0.6**2))
    errors = np.array([-2.0, 0.0, 0.6, 3.0])
    density = iv_error_density(errors, mean_f=1, endogeneity=0.6)
    assert density == pytest.approx(cauchy.pdf(errors))
    assert iv_error_cdf(3.0, mean_f=1, endogeneity=0.6) == pytest.approx(cauchy.cdf(3.0))
    assert iv_error_summary(mean_f=1, endogeneity=0.6)["median"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("mean_f", "rho", "screen"), [(1, 0.9, 4), (4, 0.8, 10), (4, 0.3, 10), (12, -0.95, 0.5)]
)
def test_median_coverage_and_screening_are_those_of_large_samples(mean_f, rho, screen):
    knobs = {"mean_f": mean_f, "endogeneity": rho}
    exact = iv_error_summary(**knobs, screen=screen)
    drawn = draw_samples(instruments=1, rows=10**6, replications=100_000, rng=4, **knobs)
    passed = drawn["F"] > screen
    assert share_is(drawn["2SLS"] <= exact["median"], 0.5)
    assert share_is(drawn["2SLS covers"], exact["coverage"])
    assert share_is(passed, exact["passes"])
    assert share_is(drawn.loc[passed, "2SLS covers"], exact["coverage_if_passed"])


def test_coverage_follows_the_level_and_a_strong_instrument_keeps_it():
    for level in (0.9, 0.95):
        strong = iv_error_summary(mean_f=20_000, endogeneity=0.9, level=level)
        assert strong["coverage"] == pytest.approx(level, abs=1e-3)
        assert strong["passes"] == pytest.approx(1)
        assert strong["coverage_if_passed"] == pytest.approx(strong["coverage"])


def test_coverage_is_nine_in_ten_at_any_strength_up_to_a_correlation_of_three_quarters():
    """The page says so, and Angrist and Kolesár (2024) put the border at 0.76."""
    fine = [1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10, 20, 50, 100]
    worst = [
        min(iv_error_summary(mean_f=f, endogeneity=rho)["coverage"] for f in fine)
        for rho in (0.75, 0.77, 0.95)
    ]
    assert worst[0] > 0.9 > worst[1]
    assert worst[2] < 0.65


def test_screening_on_f_makes_coverage_worse_and_at_best_leaves_it():
    for rho in (0.2, 0.5, 0.8, 0.95):
        for mean_f in (1, 2, 4, 10, 30, 75, 200):
            found = iv_error_summary(mean_f=mean_f, endogeneity=rho)
            assert found["coverage_if_passed"] < found["coverage"] + 1e-6, (rho, mean_f)


# Refusals and pictures


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: confounded_slopes(4), "rows must be a whole number of at least 5, got 4"),
        (lambda: confounded_slopes(9.5), "rows must be a whole number"),
        (lambda: confounded_slopes(9, traffic_on_latency=np.inf), "traffic_on_latency must be"),
        (lambda: confounded_slopes(9, level=1), r"level must lie in \(0, 1\), got 1"),
        (lambda: drifting_did(drift=np.nan, hospitals=40), "drift must be a finite number"),
        (lambda: drifting_did(drift=0, hospitals=41), "hospitals must be an even number"),
        (lambda: drifting_did(drift=0, hospitals=0), "of at least 2, got 0"),
        (lambda: drifting_event_study(drift=0, hospitals=4, level=0), "level must lie"),
        (lambda: iv_error_density(0, mean_f=0.5, endogeneity=0), "mean_f must be finite and"),
        (lambda: iv_error_cdf(0, mean_f=np.inf, endogeneity=0), "mean_f must be finite"),
        (lambda: iv_error_cdf(0, mean_f=2, endogeneity=1), r"endogeneity must lie in \(-1, 1\)"),
        (lambda: iv_error_summary(mean_f=2, endogeneity=0, screen=0), "screen must be above 0"),
        (lambda: iv_error_summary(mean_f=2, endogeneity=0, level=1), "level must lie"),
        (lambda: drifting_did(drift=0, hospitals=4, level=1), "level must lie"),
    ],
)
def test_a_parameter_out_of_range_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def rounded(svg):
    """Return an SVG with its coordinates rounded: the last digits depend on the processor."""
    return re.sub(r"-?\d+\.\d+", lambda m: f"{float(m.group()):.1f}", svg)


@pytest.mark.parametrize("name", ["slopes", "did", "iv", "policy", "alarms"])
def test_the_still_pictures_are_the_ones_that_the_code_draws(name):
    spec = importlib.util.spec_from_file_location("draw", ROOT / "tools" / "draw_see_it_move.py")
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    figures.house_style()
    stored = (ROOT / "book" / "_static" / f"see_it_move_{name}.svg").read_text(encoding="utf-8")
    assert rounded(draw.PICTURES[name]()) == rounded(stored)


def test_a_drift_of_two_standard_errors_is_caught_in_one_region_of_eight_or_in_one_of_three():
    # two errors of DiD, or two errors of the event study's average, are two different drifts
    def two_errors(bias_per_drift, weights):
        def excess(drift):
            study = drifting_event_study(drift=drift, hospitals=40)
            covariance = pd.DataFrame(study.attrs["covariance"]).to_numpy()
            return bias_per_drift * drift - 2 * np.sqrt(weights @ covariance @ weights)

        return drifting_did(drift=optimize.brentq(excess, 0.01, 2), hospitals=40)

    by_did = two_errors(4.0, np.repeat([-0.25, 0.25], [3, 4]))
    by_average = two_errors(2.5, np.repeat([0, 0.25], [3, 4]))
    half = stats.norm.cdf(stats.norm.ppf(0.975) - 2) - stats.norm.cdf(stats.norm.ppf(0.025) - 2)
    assert by_did["coverage"] == pytest.approx(half)
    assert by_did["power"] == pytest.approx(0.131, abs=5e-4)
    assert by_average["power"] == pytest.approx(0.307, abs=5e-4)
    assert by_average["coverage"] == pytest.approx(0.126, abs=5e-4)  # of DiD, not "about half"
    # the power of a chi-squared test, from the noncentral distribution by simulation
    study = drifting_event_study(
        drift=(by_average["estimate"] - by_average["ATT"]) / 4, hospitals=40
    )
    covariance = pd.DataFrame(study.attrs["covariance"]).to_numpy()[:3, :3]
    draws = np.random.default_rng(8).multivariate_normal(
        study["estimate"].to_numpy()[:3], covariance, 40_000
    )
    statistic = (draws * np.linalg.solve(covariance, draws.T).T).sum(axis=1)
    assert share_is(statistic > stats.chi2.ppf(0.95, 3), by_average["power"])
