"""The test before a treatment and its power, against simulation and closed forms."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, stats

from casestudies.recipes import difference_in_differences as did
from casestudies.recipes import honest_bounds, pretrends, staggered_adoption

TIMES = [-4, -3, -2, 0, 1]
FACTOR = np.array(
    [[3, 0, 0, 0, 0], [2, 2, 0, 0, 0], [1, 1, 2, 0, 0], [2, 0, 1, 2, 0], [3, 1, 0, 1, 2]]
)
COVARIANCE = 0.01 * FACTOR @ FACTOR.T
DF = 9  # Hotelling's: two groups of clusters, whose number less one is DF + 1


def study_of(estimate, covariance=COVARIANCE, df=DF + 1, times=TIMES):
    """An event study as a frame, with the number of clusters less one."""
    frame = pd.DataFrame({"estimate": estimate}, index=times, dtype=float)
    frame.attrs = {"covariance": pd.DataFrame(covariance, times, times).to_dict(), "df": df}
    return frame


def simulated_tests(rng, slope, draws=20_000):
    """Estimates that drift by `slope` a period, each with a covariance estimated from 9 degrees.

    The p-values are those of the textbook, which `pretrend_test` must give.
    """
    drift = slope * (np.array(TIMES) + 1)
    estimates = rng.multivariate_normal(drift, COVARIANCE, size=draws)
    covariances = stats.wishart(DF, COVARIANCE / DF).rvs(draws, random_state=rng)
    before, inverses = estimates[:, :3], np.linalg.inv(covariances[:, :3, :3])
    wald = np.einsum("ij,ijk,ik->i", before, inverses, before)
    p_values = stats.f.sf(wald * (DF - 2) / (DF * 3), 3, DF - 2)
    for draw in range(5):
        study = study_of(estimates[draw], covariances[draw])
        assert pretrends.pretrend_test(study)["p_value"] == pytest.approx(p_values[draw], rel=1e-9)
    return estimates, wald, p_values


def test_with_one_coefficient_it_is_the_squared_t_statistic():
    study = study_of([0.5, 2.0], [[0.04, 0.01], [0.01, 0.09]], times=[-2, 0])
    result = pretrends.pretrend_test(study)
    assert result["statistic"] == pytest.approx(2.5**2)
    assert result["p_value"] == pytest.approx(2 * stats.t.sf(2.5, DF))
    assert result["distribution"] == "F(1, 9)"
    assert result["null"] == "The groups moved in parallel over the 2 periods before the treatment."


def test_its_statistic_is_hotellings_for_changes_of_two_groups():
    # T squared of two normal samples is exact with n - 2 degrees, here for 16 clusters.
    rng = np.random.default_rng(1)
    one, two = rng.normal(size=(7, 3)), rng.normal(size=(9, 3)) + 0.8
    pooled = (6 * np.cov(one.T) + 8 * np.cov(two.T)) / 14
    gap, size = two.mean(0) - one.mean(0), 1 / 7 + 1 / 9
    t_squared = gap @ np.linalg.inv(pooled * size) @ gap
    expected = stats.f.sf(t_squared * (16 - 3 - 1) / (14 * 3), 3, 16 - 3 - 1)
    study = study_of(gap, pooled * size, df=15, times=[-4, -3, -2])
    result = pretrends.pretrend_test(study)
    assert result["p_value"] == pytest.approx(expected, rel=1e-10)
    assert result["distribution"] == "F(3, 12)"


def two_groups(y):
    """Units' outcomes by period as a frame; the first half is treated in the last period."""
    frame = pd.DataFrame(y).rename_axis("unit").melt(ignore_index=False, var_name="time")
    frame = frame.reset_index()
    return frame.assign(treated=(frame["unit"] < len(y) / 2) * 1)


def study_of_groups(y):
    names = {"outcome": "value", "unit": "unit", "time": "time", "treated": "treated"}
    return did.event_study(two_groups(y), **names, first_treated_time=y.shape[1] - 1)


def test_for_two_equal_groups_it_is_hotelling_s_up_to_the_small_sample_factor():
    # With n / 2 units in each group the sandwich is the pooled covariance of the difference
    # times (nT - 1) / (T (n - 1)): (4 / n^2) (n - 2) S, G/(G-1) (nT-1)/(nT-2T), against 4 S / n.
    y = np.random.default_rng(8).normal(size=(12, 6))
    changes = y[:, :4] - y[:, [4]]
    one, two = changes[:6], changes[6:]
    pooled = (np.cov(one.T) + np.cov(two.T)) / 2
    gap = one.mean(0) - two.mean(0)
    t_squared = gap @ np.linalg.inv(pooled * (1 / 6 + 1 / 6)) @ gap
    factor = (12 * 6 - 1) / (6 * (12 - 1))
    result = pretrends.pretrend_test(study_of_groups(y))
    expected = t_squared * (10 - 4 + 1) / (10 * 4) / factor
    assert result["statistic"] == pytest.approx(expected, rel=1e-10)
    assert result["distribution"] == "F(4, 7)"


def rejections(rng, treated, others, q, draws):
    """Shares of p-values below 5% with G - 2 and G - 1 degrees, under parallel trends."""
    n, periods = treated + others, q + 2
    y = rng.normal(size=(draws, n, periods))
    changes = y[:, :, :q] - y[:, :, [q]]
    groups = changes[:, :treated], changes[:, treated:]
    gap = groups[0].mean(1) - groups[1].mean(1)
    off = [group - group.mean(1, keepdims=True) for group in groups]
    covariance = sum(np.einsum("rij,rik->rjk", o, o) / o.shape[1] ** 2 for o in off)
    covariance *= n / (n - 1) * (n * periods - 1) / (n * periods - 2 * periods)
    wald = np.einsum("rj,rj->r", gap, np.linalg.solve(covariance, gap[:, :, None])[:, :, 0])
    shares = []
    for nu in (n - 2, n - 1):
        p_values = stats.f.sf(wald * (nu - q + 1) / (nu * q), q, nu - q + 1)
        shares.append(np.mean(p_values < 0.05))
        if nu == n - 2 and treated == others:
            said = pretrends.pretrend_test(study_of_groups(y[0]))["p_value"]
            assert said == pytest.approx(p_values[0], rel=1e-9)
    return shares


@pytest.mark.parametrize(("clusters", "q"), [(6, 3), (8, 5), (10, 7), (20, 3)])
def test_two_equal_groups_are_called_apart_as_rarely_as_said(clusters, q):
    half, draws = clusters // 2, 20_000
    right, one_more = rejections(np.random.default_rng(9), half, half, q, draws)
    error = np.sqrt(0.05 * 0.95 / draws)
    assert 0.040 - 4 * error < right < 0.048 + 4 * error
    if q > 3 or clusters < 10:
        assert one_more > 0.09  # what G - 1 degrees would give


@pytest.mark.parametrize(("q", "share"), [(1, 0.13), (2, 0.23), (3, 0.34)])
def test_three_treated_of_twenty_are_called_apart_as_often_as_said(q, share):
    found, _ = rejections(np.random.default_rng(10), 3, 17, q, 20_000)
    assert abs(found - share) < 4 * np.sqrt(share * (1 - share) / 20_000) + 0.005


def test_without_degrees_of_freedom_it_is_the_chi_squared_test():
    study = study_of([0.3, -0.2, 0.3, 1, 1], df=np.inf)
    del study.attrs["df"]
    delta = np.array([0.3, -0.2, 0.3])
    wald = delta @ np.linalg.inv(COVARIANCE[:3, :3]) @ delta
    result = pretrends.pretrend_test(study)
    assert result["p_value"] == pytest.approx(stats.chi2.sf(wald, 3), rel=1e-3)
    study.attrs["df"] = np.inf
    assert pretrends.pretrend_test(study)["p_value"] == pytest.approx(result["p_value"], rel=1e-3)


def test_it_rejects_parallel_trends_as_often_as_it_says_and_the_plain_wald_test_too_often():
    _, wald, p_values = simulated_tests(np.random.default_rng(2), slope=0)
    error = 4 * np.sqrt(0.05 * 0.95 / len(p_values))
    assert abs(np.mean(p_values < 0.05) - 0.05) < error
    assert np.mean(wald > stats.chi2.ppf(0.95, 3)) > 0.15


@pytest.mark.parametrize("slope", [0.12, 0.3])
def test_power_and_bias_after_passing_are_those_of_a_simulation(slope):
    study = study_of([0.4, 0.1, -0.2, 1, 2])
    said = pretrends.pretrend_power(study, slopes=[slope]).iloc[0]
    estimates, _, p_values = simulated_tests(np.random.default_rng(3), slope)
    power = np.mean(p_values < 0.05)
    assert abs(power - said["power"]) < 4 * np.sqrt(power * (1 - power) / len(p_values))
    passed = estimates[p_values >= 0.05][:, 3:].mean(axis=1)
    assert abs(passed.mean() - said["bias_if_passed"]) < 4 * passed.std() / np.sqrt(len(passed))
    assert said["bias"] == pytest.approx(1.5 * slope)  # of the mean over event times 0 and 1
    sd = np.sqrt(COVARIANCE[3:, 3:].sum()) / 2
    assert said["in_std_errors"] == pytest.approx(1.5 * slope / sd)
    last = pretrends.pretrend_power(study, slopes=[slope], event_times=[1]).iloc[0]
    passed = estimates[p_values >= 0.05, -1]
    assert abs(passed.mean() - last["bias_if_passed"]) < 4 * passed.std() / np.sqrt(len(passed))
    assert last["in_std_errors"] == pytest.approx(2 * slope / np.sqrt(COVARIANCE[4, 4]))


def passed_by_quadrature(drift, degrees):
    """Return how often |d| <= t(W) for d normal around the drift, and its mean error if so.

    W, chi-squared on the degrees, is that of the variance, which is 1 and estimated by W / degrees.
    """

    def over_variances(inner):
        limit = stats.t.ppf(0.975, degrees) / np.sqrt(degrees)
        law = stats.chi2(degrees)
        return integrate.quad(
            lambda w: inner(limit * np.sqrt(w)) * law.pdf(w), 0, np.inf, epsabs=0, epsrel=1e-9
        )[0]

    def share(limit):
        return stats.norm.sf(-limit, drift) - stats.norm.sf(limit, drift)

    def pull(limit):
        return stats.norm.pdf(-limit, drift) - stats.norm.pdf(limit, drift)

    passed = over_variances(share)
    return passed, over_variances(pull) / passed


@pytest.mark.parametrize("df", [3, 6, 31])
def test_power_and_bias_after_passing_with_one_coefficient_are_those_of_quadrature(df):
    study = study_of([0.2, 3.0], [[1, 0.4], [0.4, 1]], df=df, times=[-2, 0])
    slopes = [0.5, 2.0, 3.5]
    said = pretrends.pretrend_power(study, slopes=slopes)
    passed, error = zip(*(passed_by_quadrature(-s, df - 1) for s in slopes), strict=True)
    np.testing.assert_allclose(1 - said["power"], passed, rtol=1e-6)
    expected = slopes + 0.4 * np.array(error)  # the drift, and what comes with the error before
    np.testing.assert_allclose(said["bias_if_passed"], expected, rtol=1e-6)


def test_screening_on_the_test_changes_the_bias():
    said = pretrends.pretrend_power(study_of([0, 0, 0, 1, 2]), event_times=[1])
    assert said["bias_if_passed"].iloc[0] == 0
    # Estimates after and before share the reference period's noise: passing means that noise
    # hid the drift before, and the same noise adds to it after.
    assert (said["bias_if_passed"].iloc[1:] > said["bias"].iloc[1:] + 0.005).all()


def test_default_slopes_are_worth_whole_standard_errors_and_none_has_the_tests_size():
    study = study_of([0.4, 0.1, -0.2, 1, 2])
    said = pretrends.pretrend_power(study, level=0.9)
    np.testing.assert_allclose(said["in_std_errors"], range(5), atol=1e-12)
    sd = np.sqrt(COVARIANCE[3:, 3:].sum()) / 2
    np.testing.assert_allclose(said.index, np.arange(5) * sd / 1.5)
    assert said["power"].iloc[0] == pytest.approx(0.1)
    assert (np.diff(said["power"]) > 0).all()
    assert said.index.name == "slope"


def test_a_drift_that_never_passes_has_no_bias_if_passed():
    said = pretrends.pretrend_power(study_of([0.4, 0.1, -0.2, 1, 2]), slopes=[-1e3, 0.1])
    assert said["power"].iloc[0] == 1
    assert np.isnan(said["bias_if_passed"].iloc[0])
    assert np.isfinite(said.iloc[1]).all()


@pytest.mark.parametrize(("chance", "told"), [(1e-8, True), (1e-10, False)])
def test_the_bias_of_a_drift_that_practically_never_passes_is_left_out(chance, told):
    study = study_of([0.4, 0.1, -0.2, 1, 2])
    drift = np.array([-3, -2, -1])
    unit = drift @ np.linalg.inv(COVARIANCE[:3, :3]) @ drift
    limit = stats.f.ppf(0.95, 3, DF - 2)
    shift = optimize.brentq(lambda c: np.log(stats.ncf.cdf(limit, 3, DF - 2, c) / chance), 1, 500)
    said = pretrends.pretrend_power(study, slopes=[np.sqrt(shift / unit)])
    assert np.isfinite(said["bias_if_passed"].item()) == told


@pytest.mark.parametrize("staggered", [False, True])
def test_it_reads_event_studies_of_either_recipe(staggered):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"unit": np.repeat(range(60), 6), "time": np.tile(range(1, 7), 60)})
    frame["treated"] = frame["unit"] % 2
    frame["start"] = 4 * frame["treated"]
    frame["y"] = rng.normal(size=360) + frame["time"] * frame["treated"]
    names = {"outcome": "y", "unit": "unit", "time": "time"}
    if staggered:
        study = staggered_adoption.event_study(frame, **names, first_treated="start")
    else:
        study = did.event_study(frame, **names, treated="treated", first_treated_time=4)
    result = pretrends.pretrend_test(study)
    assert result["distribution"] == "F(2, 57)"
    assert result["p_value"] < 0.01
    assert pretrends.pretrend_test(study.round(12).loc[-2:])["distribution"] == "F(1, 58)"
    assert pretrends.pretrend_power(study, slopes=[1])["power"].iloc[0] > 0.5


def test_refusals():
    study = study_of([0.4, 0.1, -0.2, 1, 2])
    with pytest.raises(ValueError, match="no event time below -1, so there is nothing to test"):
        pretrends.pretrend_test(study.loc[0:])
    with pytest.raises(ValueError, match="3 coefficients before the treatment are too many for 4"):
        pretrends.pretrend_test(study_of(study["estimate"], df=3))
    assert np.isfinite(pretrends.pretrend_test(study.loc[-3:])["p_value"])
    with pytest.raises(ValueError, match="3 coefficients before the treatment are too many for 11"):
        pretrends.pretrend_test(study_of(study["estimate"], np.ones((5, 5))))
    with pytest.raises(ValueError, match="study carries no covariance"):
        pretrends.pretrend_test(pd.DataFrame({"estimate": [1.0]}))
    twice = pd.concat([study, study], axis=1)
    twice.attrs = study.attrs
    with pytest.raises(ValueError, match=r"more than one column 'estimate'; .*columns.duplicated"):
        pretrends.pretrend_test(twice)
    once = twice.loc[:, ~twice.columns.duplicated()]
    assert pretrends.pretrend_test(once).equals(pretrends.pretrend_test(study))
    once.attrs = {**study.attrs, "covariance": dict(zip(TIMES, np.diag(COVARIANCE), strict=True))}
    with pytest.raises(ValueError, match=r"'covariance'\] is not a dict of dicts, .* event_study"):
        pretrends.pretrend_test(once)
    with pytest.raises(ValueError, match="the covariance has no event time 7; do not relabel"):
        pretrends.pretrend_power(study.rename(index={1: 7}))
    with pytest.raises(ValueError, match="event time 5 is not among those with an effect"):
        pretrends.pretrend_power(study, event_times=[5])
    with pytest.raises(ValueError, match="no event time from 0 on"):
        pretrends.pretrend_power(study.loc[:-1])
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 1"):
        pretrends.pretrend_power(study, level=1)


def test_a_drift_counts_from_the_reference_wherever_it_lies():
    near, far = study_of([0.4, 0.1, -0.2, 1, 2]), study_of([0.4, 0.1, -0.2, 1, 2])
    far.index = [-9, -7, -5, 0, 2]
    far.attrs["covariance"] = pd.DataFrame(COVARIANCE, far.index, far.index).to_dict()
    far.attrs["reference"] = -3
    assert pretrends.pretrend_test(far)["p_value"] == pretrends.pretrend_test(near)["p_value"]
    said = pretrends.pretrend_power(far, slopes=[0.1], event_times=[2]).iloc[0]
    assert said["bias"] == pytest.approx(0.1 * 5)
    drift = 0.1 * np.array([-6, -4, -2])
    noncentrality = drift @ np.linalg.inv(COVARIANCE[:3, :3]) @ drift
    power = stats.ncf.sf(stats.f.ppf(0.95, 3, DF - 2), 3, DF - 2, noncentrality)
    assert said["power"] == pytest.approx(power)


def test_groups_whose_references_differ_can_be_tested_and_have_no_common_drift():
    frame = pd.DataFrame({"unit": np.repeat(range(40), 5), "time": [4, 6, 8, 11, 13] * 40})
    frame["start"] = np.array([0, 8, 11, 0])[frame["unit"] % 4]
    frame["y"] = np.random.default_rng(11).normal(size=200)
    names = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "start"}
    study = staggered_adoption.event_study(frame, **names)
    assert study.attrs["reference"] == [-3, -2]
    assert pretrends.pretrend_test(study)["distribution"] == "F(3, 36)"
    with pytest.raises(ValueError, match="references at different event times, -3, -2"):
        pretrends.pretrend_power(study)
    alike = staggered_adoption.event_study(frame[frame["start"] != 11], **names)
    assert alike.attrs["reference"] == -2
    assert np.isfinite(pretrends.pretrend_power(alike)).all(axis=None)


def changed(**attrs):
    study = study_of([0.4, 0.1, -0.2, 1, 2])
    study.attrs |= attrs
    return study


def covariance_with(row, column, value):
    table = pd.DataFrame(COVARIANCE.copy(), TIMES, TIMES)
    table.loc[row, column] = value
    return table.to_dict()


BAD_STUDIES = {
    "no estimates": (changed().rename(columns={"estimate": "effect"}), "no column 'estimate'"),
    "an estimate missing": (
        study_of([0.4, np.nan, -0.2, 1, 2]),
        r"estimate nan with variance 0.08 at event time -3; .*study.drop\(index=-3\)",
    ),
    "an estimate that is text": (changed().astype(str).replace("1.0", "a"), "estimate nan with"),
    "a negative variance": (
        changed(covariance=covariance_with(-2, -2, -0.1)),
        r"variance -0.1 at event time -2",
    ),
    "no variance": (changed(covariance=covariance_with(1, 1, 0)), "variance 0 at event time 1"),
    "a covariance missing": (
        changed(covariance=covariance_with(0, 1, np.nan)),
        "'covariance'] is not a covariance".replace("]", r"\]"),
    ),
    "an asymmetric covariance": (
        changed(covariance=covariance_with(0, 1, 0)),
        r"'covariance'\] is not a covariance, which is symmetric",
    ),
    "a covariance too large": (
        changed(covariance=pd.DataFrame(COVARIANCE - 2 * (1 - np.eye(5)), TIMES, TIMES).to_dict()),
        "gives no combination of estimates a negative variance",
    ),
    "a covariance too large in a small unit": (
        changed(
            covariance=pd.DataFrame(
                1e-12 * (COVARIANCE - 2 * (1 - np.eye(5))), TIMES, TIMES
            ).to_dict()
        ),
        "gives no combination of estimates a negative variance",
    ),
    "an event time twice": (
        pd.concat([changed(), changed().loc[[0]]]),
        r"study has event time 0 more than once.*study\[~study.index.duplicated\(\)\]",
    ),
    "an event time that is none": (
        changed().rename(index={1: np.nan}),
        "an event time of the study must be a finite number, got nan",
    ),
    "degrees that are none": (changed(df=np.nan), r"'df'\] must be above 1, got nan"),
    "degrees that are text": (changed(df="9"), r"'df'\] must be above 1, got '9'"),
    "one degree": (changed(df=1), r"'df'\] must be above 1, got 1"),
    "a reference after the start": (
        changed(reference=3),
        r"'reference'\] must lie in \[-inf, 0\), got 3",
    ),
    "a reference that is none": (
        changed(reference=np.nan),
        r"'reference'\] must lie in \[-inf, 0\), got nan",
    ),
    "a reference too early": (
        changed(reference=-2.5),
        "event time -2 between its reference, -2.5, and 0",
    ),
}


@pytest.mark.parametrize("name", BAD_STUDIES)
@pytest.mark.parametrize(
    "call",
    [
        pretrends.pretrend_test,
        pretrends.pretrend_power,
        honest_bounds.trend_bounds,
        honest_bounds.trend_breakdown,
    ],
)
def test_studies_that_cannot_be_are_refused(call, name):
    study, message = BAD_STUDIES[name]
    if name == "a reference too early" and call is pretrends.pretrend_test:
        return
    with pytest.raises(ValueError, match=message):
        call(study)


@pytest.mark.parametrize("unit", [1e9, 1e-9])
def test_answers_do_not_depend_on_the_unit_of_the_outcome(unit):
    estimate = np.array([0.4, 0.1, -0.2, 1, 2])
    one, other = study_of(estimate), study_of(unit * estimate, unit**2 * COVARIANCE)
    assert pretrends.pretrend_test(other)["p_value"] == pytest.approx(
        pretrends.pretrend_test(one)["p_value"], rel=1e-9
    )
    expected, found = pretrends.pretrend_power(one), pretrends.pretrend_power(other)
    np.testing.assert_allclose(found["power"], expected["power"], rtol=1e-7)
    expected, found = honest_bounds.trend_breakdown(one), honest_bounds.trend_breakdown(other)
    np.testing.assert_allclose(found / [1, unit], expected, rtol=1e-6)


def test_coefficients_known_more_and_less_exactly_count_by_their_own_errors():
    error = np.array([1, 1e-7, 1e4, 1, 1])
    study = study_of(error * [1, 2, 3, 0, 0], np.diag(error**2))
    expected = stats.f.sf((1 + 4 + 9) * (DF - 2) / (DF * 3), 3, DF - 2)
    assert pretrends.pretrend_test(study)["p_value"] == pytest.approx(expected, rel=1e-9)


def test_the_advice_on_a_study_works():
    study, _ = BAD_STUDIES["an estimate missing"]
    assert np.isfinite(pretrends.pretrend_power(study.drop(index=-3))).all(axis=None)
    study, _ = BAD_STUDIES["an event time twice"]
    assert np.isfinite(pretrends.pretrend_power(study[~study.index.duplicated()])).all(axis=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slopes": []}, "slopes is empty"),
        ({"slopes": [0, np.nan]}, "slopes must be a finite number, got nan"),
        ({"slopes": "steep"}, "slopes must be a finite number, got 'steep'"),
        ({"event_times": []}, "event_times is empty"),
        ({"event_times": [0, np.nan]}, "event_times must be a finite number, got nan"),
        ({"event_times": [-2]}, "event time -2 is not among those with an effect, 0, 1"),
        ({"level": np.nan}, "level must lie between 0 and 1, got nan"),
    ],
)
def test_options_are_checked_like_columns(options, message):
    with pytest.raises(ValueError, match=message):
        pretrends.pretrend_power(changed(), **options)


def test_simultaneous_intervals_hold_the_largest_of_a_multivariate_t_as_often_as_said():
    study = study_of([0.3, -0.2, 0.3, 1, 1.5])
    band = pretrends.simultaneous_intervals(study, level=0.9)
    critical, error = band.attrs["critical_value"], np.sqrt(np.diag(COVARIANCE))
    limits = critical * error
    law = stats.multivariate_t(shape=COVARIANCE, df=DF + 1, seed=1)
    inside = law.cdf(limits, lower_limit=-limits, maxpts=200_000)
    assert inside == pytest.approx(0.9, abs=0.002)
    assert list(band.index) == TIMES
    assert band.index.name == "event_time"
    columns = ["estimate", "std_error", "ci_low", "ci_high", "all_low", "all_high"]
    assert list(band) == columns
    np.testing.assert_allclose(band["std_error"], error)
    np.testing.assert_allclose(band["all_high"] - band["estimate"], limits)
    np.testing.assert_allclose(band["estimate"] - band["all_low"], limits)
    one = stats.t.ppf(0.95, DF + 1) * error
    np.testing.assert_allclose(band["ci_high"] - band["estimate"], one)


def test_simultaneous_intervals_of_fewer_estimates_are_shorter_and_of_one_the_usual_ones():
    study = study_of([0.3, -0.2, 0.3, 1, 1.5], df=np.inf)
    everything = pretrends.simultaneous_intervals(study)
    later = pretrends.simultaneous_intervals(study.loc[0:])
    assert later.attrs["critical_value"] < everything.attrs["critical_value"] - 0.1
    last = pretrends.simultaneous_intervals(study.loc[1:])
    assert last.attrs["critical_value"] == pytest.approx(stats.norm.ppf(0.975))
    assert last.loc[1, "all_low"] == pytest.approx(last.loc[1, "ci_low"])


@pytest.mark.parametrize(
    ("treated", "others", "q", "share"),
    [(5, 5, 5, 0.946), (10, 10, 11, 0.947), (50, 50, 5, 0.955), (5, 15, 5, 0.89), (3, 17, 5, 0.76)],
)
def test_simultaneous_intervals_hold_as_often_as_said(treated, others, q, share):
    # Errors independent over q + 1 periods, each estimate a change since the first; the critical
    # value is that of the covariance which the changes have.
    rng, draws, count = np.random.default_rng(11), 2_000, treated + others
    study = study_of(np.zeros(q), np.eye(q) + 1, df=count - 1, times=range(q))
    critical = pretrends.simultaneous_intervals(study).attrs["critical_value"]
    noise = rng.normal(size=(draws, count, q + 1))
    change = noise[..., 1:] - noise[..., :1]
    sides = change[:, :treated], change[:, treated:]
    gap = sides[0].mean(axis=1) - sides[1].mean(axis=1)
    rows = count * (q + 1)
    factor = count / (count - 1) * (rows - 1) / (rows - 2 * (q + 1))
    variance = sum(side.var(axis=1) / side.shape[1] for side in sides) * factor
    held = np.mean((np.abs(gap) / np.sqrt(variance)).max(axis=1) <= critical)
    assert abs(held - share) < 4 * np.sqrt(share * (1 - share) / draws)


def test_simultaneous_intervals_take_studies_with_several_references_and_refuse_missing_errors():
    frame = pd.DataFrame({"unit": np.repeat(range(40), 5), "wave": np.tile(range(5), 40)})
    frame["time"] = np.array([1, 2, 4, 5, 7])[frame["wave"]]
    frame["start"] = np.array([0, 4, 5, 0])[frame["unit"] % 4]
    frame["y"] = np.random.default_rng(12).normal(size=200)
    names = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "start"}
    study = staggered_adoption.event_study(frame, **names)
    assert study.attrs["reference"] == [-2, -1]
    band = pretrends.simultaneous_intervals(study)
    assert list(band.index) == list(study.index.drop([-2, -1]))
    alone = frame[(frame["start"] != 5) | (frame["unit"] == 2)]
    study = staggered_adoption.event_study(alone, **names)
    with pytest.raises(ValueError, match=r"drop that row, study.drop\(index=-4\)"):
        pretrends.simultaneous_intervals(study)
    kept = study[study["std_error"].notna()]
    assert len(pretrends.simultaneous_intervals(kept))
    for level in (0, 1, np.nan):
        with pytest.raises(ValueError, match="level must lie between 0 and 1"):
            pretrends.simultaneous_intervals(study, level=level)
