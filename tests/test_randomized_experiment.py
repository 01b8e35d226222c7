"""The experiment's estimators, test and size against statsmodels, enumeration and their truth."""

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from causaldata import nsw_mixtape
from scipy import stats
from statsmodels.stats.power import TTestIndPower

from casestudies.recipes.randomized_experiment import (
    adjusted,
    difference_in_means,
    randomization_test,
    sample_size,
)

COLUMNS = {"outcome": "y", "treatment": "d"}
TRAINING = {"outcome": "re78", "treatment": "treat"}


def trial(n, rng, *, share=0.3, effect=1.0):
    """Randomize a treatment that helps more at high x, and is noisier in effect than control."""
    d = rng.permutation(np.arange(n) < share * n).astype(int)
    x = rng.normal(size=n)
    y = 2 * x + d * (effect + x) + rng.normal(scale=1 + d, size=n)
    return pd.DataFrame({"y": y, "d": d, "x": x, "site": rng.choice(["a", "b", "c"], size=n)})


def exact_p_value(data, statistic):
    """Enumerate every assignment with as many treated."""
    y, size = data["y"].to_numpy(dtype=float), int(data["d"].sum())
    subsets = itertools.combinations(range(len(y)), size)
    values = [statistic(y[list(s)], np.delete(y, s)) for s in subsets]
    observed = statistic(y[data["d"] == 1], y[data["d"] == 0])
    return np.mean(np.abs(values) >= abs(observed) - 1e-9)


def welch_t(treated, controls):
    return stats.ttest_ind(treated, controls, equal_var=False).statistic


@pytest.fixture(scope="module")
def lalonde():
    return nsw_mixtape.load_pandas().data


# Difference in means


def test_the_difference_in_means_has_the_hc2_error_of_the_regression_on_treatment():
    data = trial(80, np.random.default_rng(1))
    got = difference_in_means(data, **COLUMNS)
    fit = smf.ols("y ~ d", data).fit(cov_type="HC2")
    assert got["estimate"] == pytest.approx(fit.params["d"], rel=1e-10)
    assert got["std_error"] == pytest.approx(fit.bse["d"], rel=1e-10)
    assert got["n"] == 80


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_its_interval_is_welchs(level):
    data = trial(20, np.random.default_rng(2))
    got = difference_in_means(data, **COLUMNS, level=level)
    welch = stats.ttest_ind(data["y"][data["d"] == 1], data["y"][data["d"] == 0], equal_var=False)
    interval = welch.confidence_interval(level)
    np.testing.assert_allclose(got[["ci_low", "ci_high"]], [interval.low, interval.high])


def test_the_error_is_conservative_for_the_units_at_hand_over_all_assignments():
    rng = np.random.default_rng(3)
    y0, y1 = rng.normal(size=8), rng.normal(1, 2, size=8)
    results = []
    for chosen in itertools.combinations(range(8), 3):
        d = np.isin(np.arange(8), chosen).astype(int)
        data = pd.DataFrame({"y": np.where(d == 1, y1, y0), "d": d})
        results.append(difference_in_means(data, **COLUMNS))
    results = pd.DataFrame(results)
    assert results["estimate"].mean() == pytest.approx((y1 - y0).mean(), rel=1e-10)
    surplus = (results["std_error"] ** 2).mean() - results["estimate"].var(ddof=0)
    assert surplus == pytest.approx((y1 - y0).var(ddof=1) / 8, rel=1e-10)  # Neyman (1923)


def test_lalondes_experiment_gives_its_published_effect(lalonde):
    got = difference_in_means(lalonde, **TRAINING)
    assert (round(got["estimate"]), round(got["std_error"]), got["n"]) == (1794, 671, 445)


def test_a_group_without_noise_lends_its_freedom_to_nobody():
    data = pd.DataFrame({"y": [1, 2, 4, 5, 5, 5], "d": [0, 0, 0, 1, 1, 1]})
    got = difference_in_means(data, **COLUMNS)
    margin = stats.t.ppf(0.975, 2) * stats.sem([1, 2, 4])
    assert got["ci_high"] - got["estimate"] == pytest.approx(margin, rel=1e-12)


# Adjustment


def test_the_adjusted_estimate_is_the_interacted_regression_with_hc2():
    data = trial(90, np.random.default_rng(4))
    got = adjusted(data, **COLUMNS, adjust_for=["x", "site"])
    dummies = pd.get_dummies(data[["site"]], drop_first=True, dtype=float).assign(x=data["x"])
    centred = dummies - dummies.mean()
    names = " + ".join(centred)
    fit = smf.ols(f"y ~ d * ({names})", centred.join(data[["y", "d"]])).fit()
    hc2 = fit.get_robustcov_results("HC2", use_t=True)
    place = fit.model.exog_names.index("d")
    expected = [hc2.params[place], hc2.bse[place], *hc2.conf_int()[place], 90]
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_its_error_is_the_sum_of_both_groups_weighted_residuals():
    data = trial(40, np.random.default_rng(5))
    variance, means = 0.0, []
    for arm in (1, 0):
        group = data[data["d"] == arm]
        x = np.column_stack([np.ones(len(group)), group["x"] - data["x"].mean()])
        inverse = np.linalg.inv(x.T @ x)
        beta = inverse @ x.T @ group["y"]
        leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
        residual = group["y"] - x @ beta
        variance += ((x @ inverse)[:, 0] ** 2 * residual**2 / (1 - leverage)).sum()
        means.append(beta[0])
    got = adjusted(data, **COLUMNS, adjust_for="x", level=0.9)
    assert got["estimate"] == pytest.approx(means[0] - means[1], rel=1e-9)
    assert got["std_error"] == pytest.approx(np.sqrt(variance), rel=1e-9)
    margin = stats.t.ppf(0.95, 36) * np.sqrt(variance)
    assert got["ci_high"] - got["estimate"] == pytest.approx(margin, rel=1e-9)


def test_adjustment_for_nothing_is_the_difference_in_means():
    data = trial(60, np.random.default_rng(6))
    same = ["estimate", "std_error", "n"]
    got, raw = adjusted(data, **COLUMNS, adjust_for=[]), difference_in_means(data, **COLUMNS)
    np.testing.assert_allclose(got[same], raw[same], rtol=1e-10)


def test_units_of_covariates_and_labels_of_rows_do_not_matter():
    data = trial(60, np.random.default_rng(7))
    moved = data.assign(x=1e20 * (data["x"] + 1e4)).set_axis([0] * 60)
    options = {**COLUMNS, "adjust_for": ["x", "site"]}
    first = adjusted(data, **options)
    pd.testing.assert_series_equal(adjusted(moved, **options), first, rtol=1e-6)


def test_a_covariate_may_be_called_intercept():
    data = trial(60, np.random.default_rng(15))
    got = adjusted(data.rename(columns={"x": "intercept"}), **COLUMNS, adjust_for="intercept")
    pd.testing.assert_series_equal(got, adjusted(data, **COLUMNS, adjust_for="x"))


def test_both_intervals_cover_and_adjustment_is_the_sharper():
    rng, runs = np.random.default_rng(8), 300
    samples = [trial(150, rng) for _ in range(runs)]
    for data in samples:  # the effect among the units at hand is the truth to cover
        data["truth"] = 1 + data["x"].mean()
    raw = pd.DataFrame(difference_in_means(data, **COLUMNS) for data in samples)
    sharp = pd.DataFrame(adjusted(data, **COLUMNS, adjust_for="x") for data in samples)
    truth = np.array([data["truth"][0] for data in samples])
    for table in (raw, sharp):
        error = table["estimate"] - truth
        assert abs(error.mean()) < 4 * error.sem()
        covered = ((table["ci_low"] < truth) & (truth < table["ci_high"])).mean()
        assert covered > 0.95 - 4 * np.sqrt(0.95 * 0.05 / runs)
    assert (sharp["estimate"] - truth).std() < 0.8 * (raw["estimate"] - truth).std()
    assert sharp["std_error"].mean() < 0.8 * raw["std_error"].mean()


# Randomization test


@pytest.mark.parametrize("source", [1, np.random.default_rng(1), np.random.RandomState(1)])
@pytest.mark.parametrize("studentized", [False, True])
def test_the_p_value_is_the_one_of_full_enumeration(source, studentized):
    data = pd.DataFrame({"y": [3, 1, 4, 1, 5, 9, 2, 6, 5], "d": [0, 0, 0, 1, 0, 1, 0, 1, 1]})
    statistic = welch_t if studentized else lambda a, b: a.mean() - b.mean()
    got = randomization_test(
        data, **COLUMNS, rng=source, permutations=3_000, studentized=studentized
    )
    treated, controls = data["y"][data["d"] == 1], data["y"][data["d"] == 0]
    assert got["statistic"] == pytest.approx(statistic(treated, controls), rel=1e-12)
    exact = exact_p_value(data, statistic)
    assert abs(got["p_value"] - exact) < 4 * got["mc_error"]
    assert got["mc_error"] == pytest.approx(np.sqrt(exact * (1 - exact) / 3_000), rel=0.1)


@pytest.mark.parametrize(
    ("units", "y", "d"),
    [
        (lambda y: 0.1 * y, [6, 5, 2, 3, 7, 5, 5, 3], [1, 1, 1, 0, 1, 0, 0, 0]),
        (lambda y: y + 10**15, [8, 4, 8, 7, 7, 2, 7, 0], [0, 1, 0, 1, 0, 1, 0, 0]),
    ],
)
def test_ties_count_as_extreme_despite_rounding(units, y, d):
    data = pd.DataFrame({"y": y, "d": d})
    exact = exact_p_value(data, lambda a, b: a.mean() - b.mean())
    data["y"] = units(data["y"])
    got = randomization_test(data, **COLUMNS, rng=2, permutations=2_000)
    assert abs(got["p_value"] - exact) < 4 * got["mc_error"]


def test_groups_without_noise_are_the_most_extreme_of_studentized_statistics():
    data = pd.DataFrame({"y": [0.1, 0.1, 0.1, 0.7, 0.7, 0.7], "d": [1, 1, 1, 0, 0, 0]})
    got = randomization_test(data, **COLUMNS, rng=3, permutations=2_000, studentized=True)
    assert got["statistic"] == -np.inf
    assert abs(got["p_value"] - 2 / 20) < 4 * got["mc_error"]


def test_the_smallest_p_value_is_one_over_one_more_than_the_permutations():
    data = pd.DataFrame({"y": np.arange(40.0), "d": (np.arange(40) >= 20).astype(int)})
    got = randomization_test(data, **COLUMNS, rng=4, permutations=99)
    assert got["p_value"] == 1 / 100
    assert got["permutations"] == 99


def test_a_seed_gives_the_same_answer_and_a_generator_moves_on():
    data = trial(30, np.random.default_rng(14), effect=0)
    first, second = (randomization_test(data, **COLUMNS, rng=5, permutations=99) for _ in range(2))
    pd.testing.assert_series_equal(first, second)
    rng = np.random.default_rng(5)
    pd.testing.assert_series_equal(
        randomization_test(data, **COLUMNS, rng=rng, permutations=99), first
    )
    again = randomization_test(data, **COLUMNS, rng=rng, permutations=99)
    assert again["p_value"] != first["p_value"]


def test_the_result_says_which_hypothesis_it_speaks_about(lalonde):
    got = randomization_test(lalonde, **TRAINING, rng=6, permutations=199)
    assert got["null"] == "'treat' changed 're78' for none of the 445 units"
    assert list(got.index) == ["null", "statistic", "p_value", "mc_error", "permutations", "n"]
    assert got["n"] == 445
    assert got["p_value"] < 0.05


def test_under_the_sharp_null_small_p_values_are_as_rare_as_they_say():
    rng, runs = np.random.default_rng(10), 200
    y = rng.exponential(size=12) ** 2
    d = np.repeat([0, 1], [8, 4])
    p_values = np.array(
        [
            randomization_test(
                pd.DataFrame({"y": y, "d": rng.permutation(d)}), **COLUMNS, rng=rng, permutations=99
            )["p_value"]
            for _ in range(runs)
        ]
    )
    for alpha in (0.1, 0.5):
        assert abs((p_values <= alpha).mean() - alpha) < 4 * np.sqrt(alpha * (1 - alpha) / runs)


def test_studentizing_keeps_the_level_when_only_the_average_effect_is_zero():
    rng, runs = np.random.default_rng(11), 200
    rejected = {True: 0, False: 0}
    for _ in range(runs):
        d = rng.permutation(np.arange(60) < 10).astype(int)
        data = pd.DataFrame({"y": rng.normal(scale=1 + 4 * d), "d": d})
        for studentized in rejected:
            got = randomization_test(
                data, **COLUMNS, rng=rng, permutations=99, studentized=studentized
            )
            rejected[studentized] += got["p_value"] <= 0.05
    assert rejected[True] / runs < 0.05 + 4 * np.sqrt(0.05 * 0.95 / runs)
    assert rejected[False] / runs > 0.2


# Size


@pytest.mark.parametrize("share", [0.5, 0.2])
@pytest.mark.parametrize(
    ("effect", "power", "level"),
    [(0.2, 0.8, 0.95), (0.5, 0.9, 0.99), (1.5, 0.8, 0.95), (0.1, 0.07, 0.95)],
)
def test_the_size_is_the_one_of_the_t_test(effect, power, level, share):
    ratio = (1 - share) / share
    treated = TTestIndPower().solve_power(effect, alpha=1 - level, power=power, ratio=ratio)
    expected = int(np.ceil(treated) + np.ceil(treated * ratio))
    options = {"power": power, "level": level, "share_treated": share}
    assert sample_size(effect=3 * effect, std_dev=3, **options) == expected
    assert sample_size(effect=-effect, std_dev=1, **options) == expected


def test_cohens_table_of_group_sizes_is_met():
    for effect, per_group in [(0.2, 393), (0.5, 64), (0.8, 26)]:
        size = sample_size(effect=effect, std_dev=1)
        assert abs(size / 2 - per_group) <= 1
        assert isinstance(size, int)


def test_a_large_size_is_the_formula_of_the_normal_distribution():
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert sample_size(effect=0.001, std_dev=1) == pytest.approx(4 * z**2 / 0.001**2, rel=1e-5)


def test_the_promised_power_is_reached_and_is_not_far_exceeded():
    rng, runs = np.random.default_rng(12), 20_000
    half = sample_size(effect=2, std_dev=1, power=0.9) // 2

    def power(size):
        treated, controls = rng.normal(2, size=(runs, size)), rng.normal(size=(runs, size))
        return (stats.ttest_ind(treated, controls, axis=1).pvalue < 0.05).mean()

    error = 4 * np.sqrt(0.9 * 0.1 / runs)
    assert power(half) > 0.9 - error
    assert power(half - 1) < 0.9 + error


def test_a_huge_effect_still_needs_two_units_a_group():
    assert sample_size(effect=1e6, std_dev=1) == 4
    assert sample_size(effect=1e6, std_dev=1, share_treated=0.05) == 40
    assert sample_size(effect=1e6, std_dev=1, share_treated=0.9) == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"effect": 0}, "effect must not be 0, got 0"),
        ({"effect": np.nan}, "effect must be a finite number, got nan"),
        ({"std_dev": 0}, "std_dev must be above 0, got 0"),
        ({"std_dev": np.inf}, "std_dev must be above 0, got inf"),
        ({"power": 1}, "power must lie between 0 and 1, got 1"),
        ({"level": 95}, "level must lie between 0 and 1, got 95"),
        ({"share_treated": 0}, "share_treated must lie between 0 and 1, got 0"),
    ],
)
def test_a_size_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sample_size(**{"effect": 1, "std_dev": 1, **options})


# Refusals


def small(**columns):
    """Return eight units, with columns replaced or added."""
    frame = {"y": [3, 1, 4, 1, 5, 9, 2, 6], "d": [0, 1] * 4, "x": [2, 7, 1, 8, 2, 8, 1, 9]}
    return pd.DataFrame({**frame, **columns})


def all_three(data):
    yield lambda: difference_in_means(data, **COLUMNS)
    yield lambda: adjusted(data, **COLUMNS, adjust_for="x")
    yield lambda: randomization_test(data, **COLUMNS, rng=1, permutations=9)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (small().drop(columns="y"), "no column 'y' in data"),
        (small(y=[np.nan] * 2 + [1] * 6), "column 'y' has 2 missing value"),
        (small(y=[np.inf] + [1] * 7), "column 'y' has 1 infinite value"),
        (small(y=list("abcdefgh")), "column 'y' holds .* not numbers"),
        (small(y=7), "column 'y' is 7 in all 8 rows"),
        (small(d=[1, 2] * 4), "column 'd' must be 0 or 1, found 2"),
        (small(d=0), "column 'd' is 0 in all 8 rows"),
        (small().iloc[:0], "column 'y' has no rows"),
        (pd.concat([small(), small()[["x"]]], axis=1), "more than one column 'x'"),
        (small().rename(columns={"x": 1}), "column name 1 is not a string"),
    ],
)
def test_bad_data_is_refused_by_every_function(data, message):
    for call in all_three(data):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_group_of_one_is_refused_where_its_noise_is_needed():
    data = small(d=[1] + [0] * 7)
    message = r"1 row\(s\) where 'd' is 1 cannot carry 1 coefficient\(s\) \('a constant'\)"
    with pytest.raises(ValueError, match=message):
        difference_in_means(data, **COLUMNS)
    with pytest.raises(ValueError, match=message):
        randomization_test(data, **COLUMNS, rng=1, studentized=True)
    exact = exact_p_value(data, lambda treated, others: treated.mean() - others.mean())
    test = randomization_test(data, **COLUMNS, rng=1, permutations=999)
    assert abs(test["p_value"] - exact) < 4 * test["mc_error"]
    with pytest.raises(ValueError, match=r"1 row.* where 'd' is 0 cannot"):
        difference_in_means(data.assign(d=1 - data["d"]), **COLUMNS)


def test_outcomes_without_noise_in_either_group_are_refused():
    with pytest.raises(ValueError, match="column 'y' does not vary within the groups of 'd'"):
        difference_in_means(small(y=[0, 1] * 4), **COLUMNS)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": 3}, "column 'x' is constant"),
        ({"x": [5, 7, 5, 8, 5, 8, 5, 9]}, "rows where 'd' is 0, column 'x' is constant"),
        ({"x": list("aabababb")}, "row 0 alone decides a coefficient where 'd' is 0 .'x = b'."),
        (
            {"x": list("aabbccdd")},
            r"4 row\(s\) where 'd' is 0 cannot carry 4 .*'x = b', 'x = c', 'x = d'",
        ),
    ],
)
def test_covariates_that_a_group_cannot_carry_are_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        adjusted(small(**columns), **COLUMNS, adjust_for="x")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rng": None}, "rng must be an int from 0 on, a Generator or a RandomState, got None"),
        ({"permutations": 0}, "permutations must be 1 or more, got 0"),
        ({"permutations": 99.5}, "permutations must be a whole number, got 99.5"),
    ],
)
def test_a_test_without_seed_or_permutations_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        randomization_test(small(), **COLUMNS, **{"rng": 1, **options})


def test_an_impossible_level_is_refused():
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 95"):
        difference_in_means(small(), **COLUMNS, level=95)
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 0"):
        adjusted(small(), **COLUMNS, adjust_for="x", level=0)


def test_the_callers_frame_is_left_alone():
    data = trial(40, np.random.default_rng(13))
    before = data.copy(deep=True)
    difference_in_means(data, **COLUMNS)
    adjusted(data, **COLUMNS, adjust_for=["x", "site"])
    randomization_test(data, **COLUMNS, rng=1, permutations=9)
    pd.testing.assert_frame_equal(data, before)


def test_ties_of_outcomes_kept_in_single_precision_count_as_extreme():
    data = pd.DataFrame(
        {"y": [0.6, 0.5, 0.2, 0.3, 0.7, 0.5, 0.5, 0.3], "d": [1, 1, 1, 0, 1, 0, 0, 0]}
    )
    exact = exact_p_value(data, lambda a, b: a.mean() - b.mean())
    single = data.astype({"y": np.float32})
    got = [
        randomization_test(frame, **COLUMNS, rng=2, permutations=2_000) for frame in (data, single)
    ]
    assert got[0]["p_value"] == got[1]["p_value"]
    assert abs(got[1]["p_value"] - exact) < 4 * got[1]["mc_error"]
