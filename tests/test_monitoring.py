"""Effects under watch: exact recursion, mixtures by quadrature, a simulated company, refusals."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from confounded import m_estimator
from scipy import integrate, optimize, stats
from scipy.special import expit

from casestudies.recipes.monitoring import (
    _mixture_boundary,
    batch_moments,
    change_detector,
    confidence_sequence,
    effect_change,
    group_sequential_boundary,
    missing_outcome,
    outcome_bounds,
    repeated_looks,
    sample_ratio,
)
from casestudies.recipes.randomized_experiment import difference_in_means

PROGRAMME = {"treatment": "programme", "batch": "week"}
PEOPLE = {"outcome": "exit", **PROGRAMME}
CELLS = {"outcome": "exit", **PROGRAMME, "size": "n"}
COUNTS = {**PROGRAMME, "size": "n"}
EFFECT = -0.06
WEEKS, HALF = 52, 26


def exit_rate(shift=0.0):
    """Integrate the holdout's exit rate, expit(-0.85 + 0.6 x), over x normal around a shift."""
    return integrate.quad(lambda x: stats.norm.pdf(x, shift) * expit(-0.85 + 0.6 * x), -9, 9)[0]


BASE = exit_rate()


def people(weeks=4, n=60, seed=7):
    """Return weeks of people with a holdout of a fifth, and an outcome in whole 64ths."""
    rng = np.random.default_rng(seed)
    week = np.repeat(np.arange(weeks), n)
    programme = (rng.random(weeks * n) < 0.8).astype(int)
    exits = ((rng.normal(size=weeks * n) * (2 - programme) + programme + week) * 64).round() / 64
    return pd.DataFrame({"week": week, "programme": programme, "exit": exits})


def year(rng, rates=(BASE, BASE + EFFECT), later=None, unlogged=0.0, n=600):
    """Return a year of counts: 600 people a week, a tenth held out, a change at half-time."""
    rates = np.repeat([rates, later or rates], HALF, axis=0)
    treated = rng.binomial(n, 0.9, WEEKS)
    size = np.column_stack([n - treated, treated])
    exits = rng.binomial(size, rates)
    lost = rng.binomial(exits[:, 0], unlogged * (np.arange(WEEKS) >= HALF))
    size[:, 0] -= lost
    exits[:, 0] -= lost
    rate = (exits / size).ravel()
    frame = {"week": np.repeat(np.arange(WEEKS), 2), "programme": np.tile([0, 1], WEEKS)}
    return pd.DataFrame(
        {**frame, "n": size.ravel(), "exit_mean": rate, "exit_var": rate * (1 - rate)}
    )


def excludes(sequence, reference=EFFECT):
    return (sequence["ci_low"] > reference) | (sequence["ci_high"] < reference)


def alarms(years, seed, **scenario):
    """Return the first week of each alarm, by year; missing where it did not ring."""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(years):
        cells = year(rng, **scenario)
        rings = {
            "sequence": excludes(confidence_sequence(cells, **CELLS, tuned_for=HALF * 600)),
            "change": change_detector(cells, **CELLS, reference=EFFECT)["alarm"],
            "ratio": sample_ratio(cells, **COUNTS, share_treated=0.9)["alarm"],
        }
        rows.append({name: ring.idxmax() if ring.any() else np.nan for name, ring in rings.items()})
    return pd.DataFrame(rows)


def error(share, runs):
    return np.sqrt(share * (1 - share) / runs)


# Repeated looks


def test_a_repeated_test_rings_as_often_as_armitage_mcpherson_and_rowe_tabled():
    # Armitage, McPherson and Rowe (1969), table 2: nominal 5%, normal, known variance
    published = {1: 0.050, 2: 0.083, 5: 0.142, 10: 0.193, 20: 0.248, 50: 0.320}
    found = repeated_looks(50)
    for look, chance in published.items():
        assert found[look] == pytest.approx(chance, abs=0.00051)


def test_a_repeated_test_rings_as_often_as_in_a_simulation_with_limits_of_any_shape():
    limits = [2.5, 1.8, 2.2, 1.96]
    sums = np.random.default_rng(1).normal(size=(200_000, 4)).cumsum(axis=1)
    rung = np.maximum.accumulate(np.abs(sums) > limits * np.sqrt([1, 2, 3, 4]), axis=1)
    found = repeated_looks(4, critical=limits)
    assert (np.abs(found - rung.mean(axis=0)) < 4 * error(found, 200_000)).all()


def test_two_looks_ring_as_often_as_the_bivariate_normal_says():
    box = stats.multivariate_normal(cov=[[1, np.sqrt(0.5)], [np.sqrt(0.5), 1]])
    inside = box.cdf([2, 2], lower_limit=[-2, -2])
    assert repeated_looks(2, critical=2.0)[2] == pytest.approx(1 - inside, abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "published"),
    [
        # Pocock (1977), table 1; O'Brien and Fleming (1979), as Jennison and Turnbull tabled them
        ("pocock", {2: 2.178, 5: 2.413, 10: 2.555}),
        ("obrien_fleming", {2: 1.977, 5: 2.040, 10: 2.087}),
    ],
)
def test_group_sequential_limits_are_the_published_ones(kind, published):
    for looks, constant in published.items():
        limits = group_sequential_boundary(looks, kind=kind)
        assert limits.iloc[-1] == pytest.approx(constant, abs=0.00051)
        assert repeated_looks(looks, critical=limits)[looks] == pytest.approx(0.05, abs=1e-9)


def test_obrien_and_fleming_ask_for_the_same_sum_at_every_look_and_pocock_for_the_same_z():
    limits = group_sequential_boundary(52, kind="obrien_fleming")
    sums = limits * np.sqrt(limits.index)
    np.testing.assert_allclose(sums, sums.iloc[0], rtol=1e-12)
    equal = group_sequential_boundary(4, kind="pocock", level=0.9)
    np.testing.assert_allclose(equal, equal.iloc[0], rtol=1e-12)
    single = group_sequential_boundary(1, kind="pocock", level=0.9).iloc[0]
    assert single == pytest.approx(stats.norm.ppf(0.95), rel=1e-8)


# Confidence sequences


@pytest.mark.parametrize(("v", "alpha"), [(0.3, 0.05), (7, 0.05), (40, 0.2)])
def test_at_the_boundary_the_mixture_of_likelihood_ratios_is_one_over_alpha(v, alpha):
    share = optimize.brentq(lambda w: w * np.exp(w) + alpha**2 / np.e, -60, -1)
    rho = 7 / (-share - 1)
    s = _mixture_boundary(v, 7, alpha)
    mixed, _ = integrate.quad(
        lambda slope: stats.norm.pdf(slope, scale=rho**-0.5) * np.exp(slope * s - slope**2 * v / 2),
        *(-40 / np.sqrt(rho), 40 / np.sqrt(rho)),
        points=[s / (v + rho)],
        limit=200,
    )
    assert mixed == pytest.approx(1 / alpha, rel=1e-7)


def test_the_boundary_is_narrowest_where_it_is_tuned_and_as_high_there_as_published():
    v = np.geomspace(1, 1e4, 100_001)
    height = _mixture_boundary(v, 100, 0.05) / np.sqrt(v)
    assert v[height.argmin()] == pytest.approx(100, rel=1e-3)
    # Howard, Ramdas, McAuliffe and Sekhon (2021), section 3.5: "3.0" there, "3.6" at 100 times it
    assert height.min() == pytest.approx(3.0, abs=0.05)
    assert height[-1] == pytest.approx(3.6, abs=0.05)


def test_the_estimate_to_date_is_least_squares_with_a_constant_for_each_batch():
    data = people()
    found = confidence_sequence(data, **PEOPLE, tuned_for=100)
    for week, row in found.iterrows():
        fit = smf.ols("exit ~ programme + C(week)", data[data["week"] <= week]).fit()
        assert row["estimate"] == pytest.approx(fit.params["programme"], rel=1e-9)
    assert found["n"].to_list() == [60, 120, 180, 240]


def test_the_error_to_date_takes_variances_within_batches_pooled_by_arm():
    data = people()
    found = confidence_sequence(data, **PEOPLE, tuned_for=100)
    within = data["exit"] - data.groupby(["week", "programme"])["exit"].transform("mean")
    for week, row in found.iterrows():
        seen = data["week"] <= week
        n = data[seen].groupby("week")["programme"].agg(["sum", "size"])
        n1, n0 = n["sum"], n["size"] - n["sum"]
        weight = n1 * n0 / n["size"]
        s1, s0 = (
            (within[seen & (data["programme"] == arm)] ** 2).sum() / (count - 1).sum()
            for arm, count in ((1, n1), (0, n0))
        )
        v = (weight**2 * (s1 / n1 + s0 / n0)).sum()
        assert row["std_error"] == pytest.approx(np.sqrt(v) / weight.sum(), rel=1e-9)
        first = weight.iloc[0] ** 2 * (s1 / n1.iloc[0] + s0 / n0.iloc[0]) / n["size"].iloc[0]
        margin = _mixture_boundary(v, 100 * first, 0.05) / weight.sum()
        assert row["ci_high"] - row["estimate"] == pytest.approx(margin, rel=1e-9)
        assert row["estimate"] - row["ci_low"] == pytest.approx(margin, rel=1e-9)
        assert row["excludes_zero"] == (abs(row["estimate"]) > margin)


def test_moments_of_batches_give_the_answers_of_their_people():
    data, options = people(), {"tuned_for": 90, "level": 0.9}
    moments = batch_moments(data, **PEOPLE)
    grouped = data.groupby(["week", "programme"])["exit"]
    np.testing.assert_allclose(moments["exit_mean"], grouped.mean(), rtol=1e-12)
    np.testing.assert_allclose(moments["exit_var"], grouped.var(ddof=0), rtol=1e-9)
    pd.testing.assert_frame_equal(
        confidence_sequence(moments, **CELLS, **options),
        confidence_sequence(data, **PEOPLE, **options),
    )
    pd.testing.assert_frame_equal(
        change_detector(moments, **CELLS, reference=1),
        change_detector(data, **PEOPLE, reference=1),
    )
    pd.testing.assert_frame_equal(
        sample_ratio(moments, **COUNTS, share_treated=0.8),
        sample_ratio(data, **PROGRAMME, share_treated=0.8),
    )


def test_a_batch_in_which_nothing_happens_has_moments_too():
    found = batch_moments(people().assign(exit=0.0), **PEOPLE)
    assert found[["exit_mean", "exit_var"]].eq(0).all(axis=None)
    quiet = confidence_sequence(people().assign(exit=0.0), **PEOPLE, tuned_for=90)
    assert np.isinf(quiet["ci_high"]).all()


def test_rows_that_share_a_batch_and_an_arm_are_pooled():
    data = people().assign(site=np.arange(240) % 3)
    finer = pd.concat([batch_moments(rows, **PEOPLE) for _, rows in data.groupby("site")])
    pd.testing.assert_frame_equal(
        confidence_sequence(finer, **CELLS, tuned_for=90),
        confidence_sequence(data, **PEOPLE, tuned_for=90),
    )


def test_batches_are_taken_in_the_order_of_their_dates():
    data = people()
    dated = data.assign(week=pd.Timestamp("2025-12-29") + pd.to_timedelta(7 * data["week"], "D"))
    found = confidence_sequence(dated.iloc[::-1], **PEOPLE, tuned_for=90)
    assert found.index.is_monotonic_increasing
    expected = confidence_sequence(data, **PEOPLE, tuned_for=90)
    np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=1e-9)
    watched = change_detector(dated.iloc[::-1], **PEOPLE, reference=1)
    numbered = change_detector(data, **PEOPLE, reference=1)
    weeks = (watched["since"] - dated["week"].min()).dt.days // 7
    assert weeks.to_list() == numbered["since"].to_list()


def test_before_both_arms_have_varied_nothing_is_known():
    data = people(weeks=3)
    data.loc[(data["week"] < 2) & (data["programme"] == 0), "exit"] = 0.1
    found = confidence_sequence(data, **PEOPLE, tuned_for=90)
    assert np.isinf(found["std_error"]).to_list() == [True, True, False]
    assert np.isinf(found["ci_low"]).to_list() == [True, True, False]
    assert not found["excludes_zero"].iloc[:2].any()
    watched = change_detector(data, **PEOPLE, reference=5)
    assert watched["e_value"].iloc[:2].to_list() == pytest.approx([1, 2])


def test_in_a_quiet_year_the_alarms_are_as_rare_as_they_promise():
    runs = 200
    rung = alarms(runs, seed=1).notna().mean()
    v = np.arange(1, WEEKS + 1)
    exact = repeated_looks(WEEKS, critical=_mixture_boundary(v, HALF, 0.05) / np.sqrt(v)).iloc[-1]
    assert exact == pytest.approx(0.0175, abs=0.0001)
    assert abs(rung["sequence"] - exact) < 4 * error(exact, runs)
    most = WEEKS / 1000  # of the average run length
    assert (rung[["change", "ratio"]] < most).all()


def test_weeks_weighted_by_their_own_precision_ring_more_than_twice_as_often():
    # The trap: a week's estimated precision is related to its estimate.
    runs, rng, rung = 2_000, np.random.default_rng(2), np.zeros((2_000, 2), dtype=bool)
    for run in range(runs):
        cells = year(rng)
        gap = cells["exit_mean"].to_numpy().reshape(-1, 2) @ [-1, 1] - EFFECT
        own = 1 / (cells["exit_var"] / cells["n"]).to_numpy().reshape(-1, 2).sum(axis=1)
        size = cells["n"].to_numpy().reshape(-1, 2)
        fixed = size.prod(axis=1) / size.sum(axis=1) / (BASE * (1 - BASE))
        for column, weight in enumerate((own, fixed)):
            v = np.cumsum(weight)
            bound = _mixture_boundary(v, HALF * weight.mean(), 0.05)
            rung[run, column] = (np.abs(np.cumsum(weight * gap)) > bound).any()
    share = rung.mean(axis=0)
    assert share[0] > 2 * share[1] + 4 * error(share[0], runs)


def test_the_drift_of_inputs_alone_rings_no_alarm_for_the_effect():
    drifted = exit_rate(0.8)
    rung = alarms(100, seed=3, later=(drifted, drifted + EFFECT)).notna().mean()
    assert (rung < 0.0175 + 4 * error(0.0175, 100)).all()


def test_an_effect_that_dies_is_caught_though_the_treated_look_the_same():
    first = alarms(100, seed=4, later=(BASE + EFFECT, BASE + EFFECT))
    caught = first[first >= HALF].notna().mean()
    assert caught["change"] > 0.96 - 4 * error(0.96, 100)
    assert 0.65 - 4 * error(0.65, 100) < caught["sequence"] < caught["change"]
    assert caught["ratio"] < 0.1
    assert 8 < (first["change"] - HALF + 1)[first["change"] >= HALF].median() < 18


def test_an_arm_that_goes_unlogged_rings_the_ratio():
    first = alarms(60, seed=5, unlogged=0.5)
    assert (first["ratio"] >= HALF).mean() > 0.95
    assert (first["change"] >= HALF).mean() > 0.9  # a false alarm, which the ratio overrides


def test_rare_outcomes_break_the_promise_as_the_docstring_says():
    stated = float(re.search(r"in ([\d.]+)% where 0.3 had", confidence_sequence.__doc__)[1]) / 100
    runs, rng, missed = 200, np.random.default_rng(6), 0
    for _ in range(runs):
        cells = year(rng, rates=(0.005, 0.004))
        sequence = confidence_sequence(cells, **CELLS, tuned_for=HALF * 600)
        missed += excludes(sequence, -0.001).any()
    assert abs(missed / runs - stated) < 4 * error(stated, runs)


def test_halves_of_people_watch_the_estimate_of_any_design():
    """Two arms with variance n0 n1 se^2 / n have the estimate, and about the error, of it."""
    cells = pd.DataFrame({"week": [0, 0], "programme": [0, 1], "n": [100, 101]})
    cells = cells.assign(exit_mean=[0, 0.3], exit_var=100 * 101 / 201 * 0.1**2)
    found = confidence_sequence(cells, **CELLS, tuned_for=90).iloc[0]
    assert found["n"] == 201
    assert found["estimate"] == pytest.approx(0.3)
    assert found["std_error"] == pytest.approx(0.1 * np.sqrt(100 * 101 / 201 * (1 / 99 + 1 / 100)))


# Change detectors


def test_the_detector_is_the_sum_over_starts_of_mixtures_by_quadrature():
    data, reference, change = people(), 0.8, 0.5
    found = change_detector(data, **PEOPLE, reference=reference, change=change)
    cells = data.groupby(["week", "programme"])["exit"].agg(["size", "mean", "var"])
    size, mean, variance = (cells[name].to_numpy().reshape(-1, 2) for name in cells)
    squares = (size - 1) * variance
    gap = mean[:, 1] - mean[:, 0]
    for k in range(4):
        noise = squares[: k + 1].sum(axis=0) / (size[: k + 1] - 1).sum(axis=0)
        scale = np.sqrt((noise / size[: k + 1]).sum(axis=1))

        def ratio(start, k=k, scale=scale):
            def density(shift):
                away = stats.norm.pdf(gap[start : k + 1], reference + shift, scale[start:])
                here = stats.norm.pdf(gap[start : k + 1], reference, scale[start:])
                return stats.norm.pdf(shift, scale=change) * np.prod(away / here)

            return integrate.quad(density, -4, 4, limit=200)[0]

        each = [ratio(start) for start in range(k + 1)]
        assert found["e_value"].iloc[k] == pytest.approx(sum(each), rel=1e-6)
        assert found["since"].iloc[k] == np.argmax(each)
    assert (found["alarm"] == (found["e_value"] >= 1000)).all()


def test_the_change_worth_finding_is_by_default_the_size_of_the_reference():
    data = people()
    found = change_detector(data, **PEOPLE, reference=-0.5)
    assert found.equals(change_detector(data, **PEOPLE, reference=-0.5, change=0.5))


def test_overwhelming_evidence_is_infinite_and_rings():
    cells = batch_moments(people(), **PEOPLE).assign(n=10**8)
    found = change_detector(cells, **CELLS, reference=50)
    assert np.isinf(found["e_value"]).all()
    assert found["alarm"].all()


def test_the_ratio_detector_grows_by_one_a_batch_on_average_by_enumeration():
    """Sum over all counts of two batches: the expectation that its guarantee rests on."""
    p, sizes, expected = 0.8, (3, 4), np.zeros(2)
    for counts in itertools.product(*(range(size + 1) for size in sizes)):
        chance = np.prod(
            [stats.binom.pmf(x, size, p) for x, size in zip(counts, sizes, strict=True)]
        )
        rows = [
            (week, arm, n)
            for week, (x, size) in enumerate(zip(counts, sizes, strict=True))
            for arm, n in ((1, x), (0, size - x))
            if n
        ]
        cells = pd.DataFrame(rows, columns=["week", "programme", "n"])
        found = sample_ratio(cells, **COUNTS, share_treated=p, change=0.1)
        expected += chance * found["e_value"].to_numpy()
    assert expected == pytest.approx([1, 2], rel=1e-9)


def test_the_ratio_detector_mixes_over_shares_around_the_one_that_was_set_by_quadrature():
    cells = pd.DataFrame({"week": [0, 0, 1, 1], "programme": [0, 1, 0, 1], "n": [5, 15, 6, 34]})
    found = sample_ratio(cells, **COUNTS, share_treated=0.8)["e_value"]
    total = 0.8 * 0.2 / 0.02**2 - 1  # a Beta with mean 0.8 and deviation a tenth of 0.2
    prior = stats.beta(0.8 * total, 0.2 * total)
    assert [prior.mean(), prior.std()] == pytest.approx([0.8, 0.02])

    def mixed(treated, control):
        def ratio(share):
            odds = (share / 0.8) ** treated * ((1 - share) / 0.2) ** control
            return prior.pdf(share) * odds

        return integrate.quad(ratio, 0.6, 0.95)[0]

    assert found[0] == pytest.approx(mixed(15, 5), rel=1e-6)
    assert found[1] == pytest.approx(mixed(49, 11) + mixed(34, 6), rel=1e-6)


def test_the_ratio_is_the_same_seen_from_either_arm():
    data = people()
    mirrored = data.assign(programme=1 - data["programme"])
    one = sample_ratio(data, **PROGRAMME, share_treated=0.8)
    other = sample_ratio(mirrored, **PROGRAMME, share_treated=0.2)
    np.testing.assert_allclose(one["e_value"], other["e_value"], rtol=1e-9)
    np.testing.assert_allclose(one["share_treated"], 1 - other["share_treated"])


# What changed: the mix or the mechanism


def two_periods(shares, effects, n=1000):
    """Return people with exact shares of juniors and exact effects on a rate of 0.3 and 0.4."""
    rows = []
    for late, (junior_share, effect) in enumerate(zip(shares, effects, strict=True)):
        for junior, share in ((0, 1 - junior_share), (1, junior_share)):
            for arm in (0, 1):
                size = round(n * share / 2)
                ones = round(size * (0.3 + 0.1 * junior + arm * effect[junior]))
                cell = {"late": late, "junior": junior, "programme": arm}
                rows += [{**cell, "exit": float(i < ones)} for i in range(size)]
    return pd.DataFrame(rows)


SPLIT = {"outcome": "exit", "treatment": "programme", "period": "late", "adjust_for": "junior"}


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        # Seniors -0.03, juniors -0.10, and their share from 0.3 to 0.6: by hand
        ((-0.03, -0.10), {"after": -0.072, "mix": -0.021, "mechanism": 0.0, "change": -0.021}),
        # The effects halve: a mix and a mechanism that all but cancel
        ((-0.015, -0.05), {"after": -0.036, "mix": -0.021, "mechanism": 0.036, "change": 0.015}),
    ],
)
def test_a_change_of_mix_is_told_from_a_change_of_mechanism(later, expected):
    found = effect_change(two_periods((0.3, 0.6), ((-0.03, -0.10), later), n=40_000), **SPLIT)
    for name, value in {**expected, "before": -0.051, "reweighted": -0.072}.items():
        assert found.loc[name, "estimate"] == pytest.approx(value, abs=1e-12)
    assert found["n"].to_list() == [40_000, 40_000, 80_000, 80_000, 80_000, 80_000]


@pytest.mark.parametrize("gap", [0, 20])  # with the gap, the shares' noise is most of it
def test_the_errors_of_mix_and_mechanism_are_those_of_the_stacked_equations(gap):
    data = draw_periods(np.random.default_rng(8), 300)[:500]
    data["exit"] += gap * data["junior"] * data["programme"]
    late, junior, arm, y = data[["late", "junior", "programme", "exit"]].to_numpy(float).T
    found = effect_change(data, **SPLIT)

    def equations_of(name):
        def equations(theta):
            means, share, target = theta[:8].reshape(2, 2, 2), theta[8:10], theta[10]
            q = np.column_stack([1 - share, share])  # by period
            tau = means[..., 1] - means[..., 0]
            values = {
                "before": q[0] @ tau[0],
                "after": q[1] @ tau[1],
                "reweighted": q[1] @ tau[0],
                "change": q[1] @ tau[1] - q[0] @ tau[0],
                "mix": (q[1] - q[0]) @ tau[0],
                "mechanism": q[1] @ (tau[1] - tau[0]),
            }
            cells = [
                ((late == p) & (junior == j) & (arm == a)) * (y - means[p, j, a])
                for p, j, a in itertools.product((0, 1), repeat=3)
            ]
            shares = [(late == p) * (junior - share[p]) for p in (0, 1)]
            return np.column_stack([*cells, *shares, np.full(len(y), values[name] - target)])

        return equations

    means = data.groupby(["late", "junior", "programme"])["exit"].mean().to_list()
    shares = data.groupby("late")["junior"].mean().to_list()
    for name, row in found.iterrows():
        theta = [*means, *shares, row["estimate"]]
        expected = m_estimator(equations_of(name), theta)
        # The recipe divides by n - 1 within cells of 31 people and more, the equations by n.
        assert row["std_error"] == pytest.approx(expected, rel=0.5 / 31)


def draw_periods(rng, n):
    """Draw two periods whose juniors grow from 0.3 to 0.6, and whose effects do not change."""
    late = np.repeat([0, 1], n)
    junior = (rng.random(2 * n) < 0.3 + 0.3 * late) * 1
    arm = rng.integers(0, 2, 2 * n)
    rate = 0.35 + 0.1 * junior - arm * (0.03 + 0.07 * junior)
    columns = {"late": late, "junior": junior, "programme": arm}
    return pd.DataFrame({**columns, "exit": (rng.random(2 * n) < rate) * 1.0})


def test_the_intervals_of_mix_and_mechanism_cover():
    truth = {"before": -0.051, "after": -0.072, "mix": -0.021, "mechanism": 0.0}
    runs, rng, held = 300, np.random.default_rng(9), []
    for _ in range(runs):
        found = effect_change(draw_periods(rng, 600), **SPLIT)
        held.append([found["ci_low"][k] <= v <= found["ci_high"][k] for k, v in truth.items()])
    assert (np.abs(np.mean(held, axis=0) - 0.95) < 4 * error(0.95, runs)).all()


def test_an_effect_reweighted_to_another_place_is_its_own_where_the_modifier_is_known():
    data = two_periods((0.3, 0.6), ((-0.03, -0.10), (-0.03, -0.10)), n=40_000)
    found = effect_change(data, **SPLIT)["estimate"]
    assert found["reweighted"] == pytest.approx(found["after"], abs=1e-12)
    blind = effect_change(
        data.assign(all=np.arange(len(data)) % 2), **SPLIT | {"adjust_for": "all"}
    )
    assert abs(blind["estimate"]["mechanism"]) > 4 * blind["std_error"]["mix"]


# Missing outcomes

ANSWER = {"outcome": "exit", "treatment": "programme", "adjust_for": "x"}
BOUNDS = {"outcome": "exit", "treatment": "programme", "low": 0, "high": 1}


def answered(rng, n, share_treated=0.5):
    """Draw people of whom the treated answer in 95% of cases, the others if x is low."""
    x, arm = rng.normal(size=n), (rng.random(n) < share_treated) * 1
    exits = (rng.random(n) < expit(-0.85 + 0.6 * x) + arm * EFFECT) * 1.0
    known = rng.random(n) < np.where(arm == 1, 0.95, expit(1.5 - 1.2 * x))
    return pd.DataFrame({"x": x, "programme": arm, "exit": np.where(known, exits, np.nan)})


def holdout_of_answers():
    """Integrate the exit rate of the untreated who answer, and their share, over x."""

    def mean(value):
        return integrate.quad(lambda x: stats.norm.pdf(x) * value(x), -9, 9)[0]

    share = mean(lambda x: expit(1.5 - 1.2 * x))
    return mean(lambda x: expit(1.5 - 1.2 * x) * expit(-0.85 + 0.6 * x)) / share, share


def test_weights_undo_a_missingness_that_misleads_the_complete_cases():
    rate, _ = holdout_of_answers()
    crude = BASE + EFFECT - rate
    assert crude == pytest.approx(-0.0313, abs=0.00006)
    found = missing_outcome(answered(np.random.default_rng(10), 400_000), **ANSWER)
    gap = found["estimate"] - [crude, EFFECT]
    assert (np.abs(gap) < 4 * found["std_error"]).all()
    assert abs(found["estimate"]["complete_cases"] - EFFECT) > 8 * found["std_error"].max()


def test_bounds_are_those_that_the_shares_missing_leave():
    rate, share = holdout_of_answers()
    treated, control = 0.95 * (BASE + EFFECT), share * rate
    exact = {"lower": treated - control - (1 - share), "upper": treated + 0.05 - control}
    assert list(exact.values()) == pytest.approx([-0.212, 0.073], abs=0.0006)
    found = outcome_bounds(answered(np.random.default_rng(11), 400_000), **BOUNDS)
    for name, value in exact.items():
        assert abs(found[name] - value) < 4 * found[f"std_error_{name}"]
    assert found["lower"] < EFFECT < found["upper"]


def test_each_bound_is_a_difference_in_means_with_the_worst_filled_in():
    data = answered(np.random.default_rng(12), 400)
    found = outcome_bounds(data, **BOUNDS)
    for name, worst, best in (("lower", 0, 1), ("upper", 1, 0)):
        fill = data["programme"].map({1: worst, 0: best})
        whole = data.assign(exit=data["exit"].fillna(fill))
        expected = difference_in_means(whole, outcome="exit", treatment="programme")
        assert found[name] == pytest.approx(expected["estimate"])
        assert found[f"std_error_{name}"] == pytest.approx(expected["std_error"])
    assert found["n"] == data["exit"].count()
    assert found["missing"] == data["exit"].isna().sum()


def test_the_interval_of_bounds_reaches_as_far_as_imbens_and_manski_say():
    found = outcome_bounds(answered(np.random.default_rng(12), 400), **BOUNDS)
    reach = (found["ci_high"] - found["upper"]) / found["std_error_upper"]
    assert reach == pytest.approx((found["lower"] - found["ci_low"]) / found["std_error_lower"])
    gap = (found["upper"] - found["lower"]) / found[["std_error_lower", "std_error_upper"]].max()
    assert stats.norm.cdf(reach + gap) - stats.norm.cdf(-reach) == pytest.approx(0.95)
    whole = answered(np.random.default_rng(12), 400).fillna({"exit": 0.0})
    point = outcome_bounds(whole, **BOUNDS)
    assert point["lower"] == point["upper"]
    margin = (point["ci_high"] - point["upper"]) / point["std_error_upper"]
    assert margin == pytest.approx(stats.norm.ppf(0.975), rel=1e-6)


def test_the_interval_of_bounds_covers_an_effect_at_the_edge_of_its_set():
    """All who are missing are at their worst: the effect is the lower bound itself."""
    runs, rng, held = 400, np.random.default_rng(13), []
    for _ in range(runs):
        arm = np.arange(500) % 2
        exits = (rng.random(500) < 0.3) * 1.0
        gone = (rng.random(500) < 0.2) & (exits == 1 - arm)
        data = pd.DataFrame({"programme": arm, "exit": np.where(gone, np.nan, exits)})
        found = outcome_bounds(data, **BOUNDS)
        held.append(found["ci_low"] <= 0 <= found["ci_high"])
    assert abs(np.mean(held) - 0.95) < 4 * error(0.95, runs)


def test_the_error_of_the_weighted_answer_is_that_of_the_stacked_equations():
    data = answered(np.random.default_rng(14), 500)
    x, arm = np.column_stack([np.ones(500), data["x"]]), data["programme"].to_numpy()
    known, y = data["exit"].notna().to_numpy(), data["exit"].fillna(0).to_numpy()

    def equations(theta):
        rows = []
        for d, beta, mean in ((1, theta[:2], theta[4] + theta[5]), (0, theta[2:4], theta[4])):
            chance, here = expit(x @ beta), arm == d
            rows += [x * (here * (known - chance))[:, None]]
            rows += [(here * known / chance * (y - mean))[:, None]]
        return np.hstack([rows[0], rows[2], rows[3], rows[1]])

    start = np.zeros(6)
    for d, place in ((1, slice(0, 2)), (0, slice(2, 4))):
        frame = data.assign(known=known * 1)[arm == d]
        start[place] = smf.logit("known ~ x", frame).fit(disp=0, tol=1e-12).params
    means = {}
    for d, place in ((1, slice(0, 2)), (0, slice(2, 4))):
        weights = ((arm == d) & known) / expit(x @ start[place])
        means[d] = weights @ y / weights.sum()
    start[4:] = means[0], means[1] - means[0]
    found = missing_outcome(data, **ANSWER).loc["weighted"]
    assert found["estimate"] == pytest.approx(start[5], rel=1e-6)
    assert found["std_error"] == pytest.approx(m_estimator(equations, start), rel=1e-4)


def test_the_interval_of_the_weighted_answer_covers_and_the_complete_cases_do_not():
    runs, rng, held = 300, np.random.default_rng(15), []
    for _ in range(runs):
        found = missing_outcome(answered(rng, 4_000), **ANSWER)
        held.append((found["ci_low"] <= EFFECT) & (found["ci_high"] >= EFFECT))
    share = pd.DataFrame(held).mean()
    stated = re.search(r"in (0.9\d+) of .*? in (0.5\d+) from", missing_outcome.__doc__, re.S)
    for name, promised in zip(("weighted", "complete_cases"), stated.groups(), strict=True):
        assert abs(share[name] - float(promised)) < 4 * error(float(promised), runs)


def test_an_arm_in_which_nobody_exits_has_an_answer_as_long_as_the_other_varies():
    data = answered(np.random.default_rng(17), 200)
    data["exit"] = data["exit"].where((data["programme"] == 0) | data["exit"].isna(), 0.0)
    found = missing_outcome(data, **ANSWER)
    holdout = data["exit"][data["programme"] == 0].dropna()
    expected = holdout.std() / np.sqrt(len(holdout))
    assert found["std_error"]["complete_cases"] == pytest.approx(expected)
    assert outcome_bounds(data, **BOUNDS)["std_error_lower"] > 0


def test_with_no_outcome_missing_both_answers_are_the_difference_in_means():
    data = answered(np.random.default_rng(16), 200).fillna({"exit": 1.0})
    found = missing_outcome(data, **ANSWER)
    expected = difference_in_means(data, outcome="exit", treatment="programme")
    assert found["estimate"].to_list() == pytest.approx([expected["estimate"]] * 2)
    assert found["std_error"]["complete_cases"] == pytest.approx(expected["std_error"])
    assert found["missing"].eq(0).all()
    size = data["programme"].value_counts()
    assert found.attrs["effective_n"] == pytest.approx({"control": size[0], "treated": size[1]})


# Refusals


def cells():
    return batch_moments(people(), **PEOPLE)


def watch(data, **options):
    return confidence_sequence(data, **PEOPLE | {"tuned_for": 90} | options)


def lonely(data, arm):
    """Leave one arm out of the second week."""
    return data[(data["week"] != 1) | (data["programme"] == arm)]


def split(data, **options):
    return effect_change(data, **SPLIT | options)


REMEDIES = {
    "batches in words": (
        lambda: watch(people().assign(week=people()["week"].map(str))),
        r"'week' holds object values such as '0', not numbers or dates.* pd.to_numeric\(data",
        lambda: watch(people().assign(week=pd.to_numeric(people()["week"].map(str)))),
    ),
    "a batch without a holdout": (
        lambda: watch(lonely(people(), arm=1)),
        r"column 'week': batch 1 lacks a holdout \(1 of 4 batches lack an arm\).* make batches ",
        lambda: [
            watch(lonely(people(), arm=1).assign(week=lonely(people(), arm=1)["week"] // 2)),
            watch(people().query("week != 1")),
        ],
    ),
    "a batch without treated, by date": (
        lambda: change_detector(
            lonely(people(), arm=0).assign(
                week=lambda d: pd.Timestamp("2026-01-05") + pd.to_timedelta(7 * d["week"], "D")
            ),
            **PEOPLE,
            reference=1,
        ),
        "batch 2026-01-12 00:00:00 lacks anybody treated",
        lambda: change_detector(people().query("week != 1"), **PEOPLE, reference=1),
    ),
    "a size without a variance": (
        lambda: confidence_sequence(cells().drop(columns="exit_var"), **CELLS, tuned_for=90),
        "no column 'exit_var' in data; name exit among the measures",
        lambda: confidence_sequence(cells(), **CELLS, tuned_for=90),
    ),
    "a row that stands for nobody": (
        lambda: sample_ratio(cells().assign(n=[0, *[9] * 7]), **COUNTS, share_treated=0.8),
        "'n' must count the rows .* 1 or more, found 0; drop what stands for nobody",
        lambda: sample_ratio(cells().assign(n=9)[1:], **COUNTS, share_treated=0.8),
    ),
    "a negative variance": (
        lambda: confidence_sequence(cells().assign(exit_var=-1.0), **CELLS, tuned_for=90),
        "'exit_var' is -1 in row 0 of data, .* a variance is 0 or more",
        lambda: confidence_sequence(cells().assign(exit_var=1.0), **CELLS, tuned_for=90),
    ),
    "other arms than 0 and 1": (
        lambda: sample_ratio(
            people().assign(programme=people()["programme"] + 1), **PROGRAMME, share_treated=0.8
        ),
        "'programme' must be 0 or 1, found 2; recode",
        lambda: sample_ratio(people(), **PROGRAMME, share_treated=0.8),
    ),
    "a sequence tuned for nobody": (
        lambda: watch(people(), tuned_for=0),
        "tuned_for must be above 0, got 0",
        lambda: watch(people(), tuned_for=1),
    ),
    "a level in percent": (
        lambda: watch(people(), level=95),
        "level must lie between 0 and 1, got 95",
        lambda: watch(people(), level=0.95),
    ),
    "no size of a change": (
        lambda: change_detector(people(), **PEOPLE, reference=0),
        "reference is 0, which tells no size of change; give change, the smallest one",
        lambda: change_detector(people(), **PEOPLE, reference=0, change=0.5),
    ),
    "a change of nothing": (
        lambda: change_detector(people(), **PEOPLE, reference=1, change=0),
        "change must be above 0, got 0",
        lambda: change_detector(people(), **PEOPLE, reference=1, change=1),
    ),
    "a run of one batch": (
        lambda: change_detector(people(), **PEOPLE, reference=1, average_run_length=1),
        "average_run_length must be above 1, got 1",
        lambda: change_detector(people(), **PEOPLE, reference=1, average_run_length=2),
    ),
    "a share in percent": (
        lambda: sample_ratio(people(), **PROGRAMME, share_treated=80),
        "share_treated must lie between 0 and 1, got 80",
        lambda: sample_ratio(people(), **PROGRAMME, share_treated=0.8),
    ),
    "a departure wider than shares are": (
        lambda: sample_ratio(people(), **PROGRAMME, share_treated=0.5, change=0.5),
        "change must lie between 5e-07 and 0.5, got 0.5",
        lambda: sample_ratio(people(), **PROGRAMME, share_treated=0.5, change=0.4),
    ),
    "a departure so small that rounding hides it": (
        lambda: sample_ratio(people(), **PROGRAMME, share_treated=0.5, change=1e-9),
        "change must lie between 5e-07 and 0.5, got 1e-09",
        lambda: sample_ratio(people(), **PROGRAMME, share_treated=0.5, change=1e-6),
    ),
    "no look": (
        lambda: repeated_looks(0),
        "looks must be 1 or more, got 0",
        lambda: repeated_looks(1),
    ),
    "too few limits": (
        lambda: repeated_looks(3, critical=[2, 2]),
        "critical has 2 limits for 3 looks; give one or 3",
        lambda: [repeated_looks(3, critical=2), repeated_looks(3, critical=[2, 2, 2])],
    ),
    "a limit of zero": (
        lambda: repeated_looks(2, critical=[2, 0]),
        "critical must be above 0, got 0",
        lambda: repeated_looks(2, critical=[2, 1]),
    ),
    "an unknown kind": (
        lambda: group_sequential_boundary(5, kind="haybittle"),
        "kind must be one of 'pocock', 'obrien_fleming', got 'haybittle'",
        lambda: group_sequential_boundary(5, kind="pocock"),
    ),
    "cells of many values": (
        lambda: split(numbered(), adjust_for="age"),
        r"no overlap: where age = 20.* fewer than the 2 .* pd.qcut\(data\['age'\], 4\)",
        lambda: split(numbered().assign(age=pd.qcut(numbered()["age"], 4)), adjust_for="age"),
    ),
    "cells of a category and of many values": (
        lambda: split(in_words(numbered()), adjust_for=["word", "age"]),
        r"no overlap: where word = .*, age = .* pd.qcut\(data\['age'\], 4\)",
        lambda: split(
            in_words(numbered()).assign(age=pd.qcut(numbered()["age"], 4)),
            adjust_for=["word", "age"],
        ),
    ),
    "cells of categories": (
        lambda: split(in_words(one_sided()), adjust_for="word"),
        "where word = .* need\\); merge categories, or keep only cells that both periods and arms",
        lambda: split(in_words(one_sided()).query("junior == 0"), adjust_for=[]),
    ),
    "periods of which one lacks an arm, in one cell": (
        lambda: split(periods().query("programme == 0 or late == 0"), adjust_for=[]),
        r"no overlap: 0 row\(s\) have 'programme' 1 and 'late' 1 \(1 such .*; find more rows",
        lambda: split(periods(), adjust_for=[]),
    ),
    "a cell of one period": (
        lambda: split(one_sided()),
        r"where junior = 1, 0 row\(s\) have 'programme' 0 and 'late' 0 \(2 such .* or keep only",
        lambda: split(one_sided().query("junior == 0").assign(junior=0)),
    ),
    "one person alone in a cell": (
        lambda: split(one_senior()),
        r"where junior = 0, 1 row\(s\) have 'programme' 1 and 'late' 1 \(1 such",
        lambda: split(one_senior().query("junior == 1")),
    ),
    "no variation within cells": (
        lambda: split(periods().assign(exit=lambda d: d["programme"] / 3)),
        "'exit' does not vary within the cells, so there is no noise",
        lambda: split(periods()),
    ),
    "a period by year": (
        lambda: split(periods().assign(late=lambda d: d["late"] + 2025)),
        "'late' must be 0 or 1, found 2025; recode it to 1 for the period after and 0 for the peri",
        lambda: split(periods()),
    ),
    "nobody answers": (
        lambda: missing_outcome(half_answered().assign(exit=np.nan), **ANSWER),
        "'exit' is missing in all 200 rows",
        lambda: missing_outcome(half_answered(), **ANSWER),
    ),
    "one of an arm answers": (
        lambda: outcome_bounds(one_answer(), **BOUNDS),
        r"'exit' is known in 1 of \d+ rows where 'programme' is 0; two are needed",
        lambda: outcome_bounds(half_answered(), **BOUNDS),
    ),
    "a covariate that decides who answers": (
        lambda: missing_outcome(separated(), **ANSWER),
        "where 'programme' is 1, with those that lack an outcome as one arm: no overlap: column "
        "'x', .* use fewer or coarser covariates",
        lambda: missing_outcome(separated().assign(x=lambda d: d["z"]), **ANSWER),
    ),
    "a covariate with gaps": (
        lambda: missing_outcome(half_answered().assign(x=np.nan), **ANSWER),
        "'x' has 200 missing value",
        lambda: missing_outcome(half_answered(), **ANSWER),
    ),
    "an outcome beyond its limits": (
        lambda: outcome_bounds(half_answered(), **BOUNDS | {"high": 0.5}),
        "'exit' has 1, which is not between low=0 and high=0.5; give the least and the largest",
        lambda: outcome_bounds(half_answered(), **BOUNDS),
    ),
    "limits in the wrong order": (
        lambda: outcome_bounds(half_answered(), **BOUNDS | {"low": 1, "high": 0}),
        "high must be above low, got low=1 and high=0; swap them",
        lambda: outcome_bounds(half_answered(), **BOUNDS),
    ),
    "outcomes that the arm decides": (
        lambda: outcome_bounds(half_answered().assign(exit=lambda d: d["programme"]), **BOUNDS),
        "'exit' does not vary within the groups of 'programme', so there is no noise",
        lambda: outcome_bounds(half_answered(), **BOUNDS),
    ),
    "a column with the name of a result": (
        lambda: batch_moments(people().rename(columns={"week": "n"}), **PEOPLE | {"batch": "n"}),
        "column 'n' has the name of a result; rename it",
        lambda: batch_moments(people(), **PEOPLE),
    ),
    "a misspelled outcome": (
        lambda: outcome_bounds(half_answered(), **BOUNDS | {"outcome": "exits"}),
        "no column 'exits' in data; did you mean 'exit'",
        lambda: outcome_bounds(half_answered(), **BOUNDS),
    ),
}


def periods():
    return draw_periods(np.random.default_rng(19), 200)


def numbered():
    """Return periods in which everybody has an age of their own, to the day."""
    return periods().assign(age=lambda d: 20 + np.arange(len(d)) % 200 / 10)


def one_sided():
    return periods().query("late == 1 or junior == 0")


def in_words(data):
    """Say in words who is junior."""
    return data.assign(word=data["junior"].map({0: "senior", 1: "junior"}))


def one_senior():
    """Return periods with a single senior in the programme of the second."""
    data = periods()
    seniors = data.query("late == 1 and junior == 0 and programme == 1").index
    return data.drop(seniors[1:])


def half_answered():
    return answered(np.random.default_rng(21), 200)


def one_answer():
    data = half_answered()
    first = data[(data["programme"] == 0) & data["exit"].notna()].index[0]
    return data.assign(exit=data["exit"].where((data["programme"] == 1) | (data.index == first)))


def separated():
    """Return people of whom the treated answer if x is low, and who have another covariate."""
    data = half_answered()
    gone = (data["programme"] == 1) & (data["x"] > 0.5)
    z = np.random.default_rng(22).normal(size=len(data))
    return data.assign(exit=data["exit"].fillna(0).mask(gone), z=z)


@pytest.mark.parametrize(("call", "message", "repaired"), REMEDIES.values(), ids=REMEDIES)
def test_unfit_input_is_refused_and_the_advice_works(call, message, repaired):
    with pytest.raises(ValueError, match=message):
        call()
    found = repaired()
    for table in found if isinstance(found, list) else [found]:
        assert len(table)
