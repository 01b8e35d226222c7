"""The test before a treatment and its power, against simulation and closed forms."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from casestudies.recipes import difference_in_differences as did
from casestudies.recipes import pretrends, staggered_adoption

TIMES = [-4, -3, -2, 0, 1]
FACTOR = np.array(
    [[3, 0, 0, 0, 0], [2, 2, 0, 0, 0], [1, 1, 2, 0, 0], [2, 0, 1, 2, 0], [3, 1, 0, 1, 2]]
)
COVARIANCE = 0.01 * FACTOR @ FACTOR.T
DF = 9


def study_of(estimate, covariance=COVARIANCE, df=DF, times=TIMES):
    """An event study as a frame."""
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
    # T squared of two normal samples is exact with n - 2 degrees; here the covariance is
    # handed over with those degrees, so that the p-value must be the textbook's.
    rng = np.random.default_rng(1)
    one, two = rng.normal(size=(7, 3)), rng.normal(size=(9, 3)) + 0.8
    pooled = (6 * np.cov(one.T) + 8 * np.cov(two.T)) / 14
    gap, size = two.mean(0) - one.mean(0), 1 / 7 + 1 / 9
    t_squared = gap @ np.linalg.inv(pooled * size) @ gap
    expected = stats.f.sf(t_squared * (16 - 3 - 1) / (14 * 3), 3, 16 - 3 - 1)
    study = study_of(gap, pooled * size, df=14, times=[-4, -3, -2])
    result = pretrends.pretrend_test(study)
    assert result["p_value"] == pytest.approx(expected, rel=1e-10)
    assert result["distribution"] == "F(3, 12)"


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
    assert result["distribution"] == "F(2, 58)"
    assert result["p_value"] < 0.01
    assert pretrends.pretrend_test(study.round(12).loc[-2:])["distribution"] == "F(1, 59)"
    assert pretrends.pretrend_power(study, slopes=[1])["power"].iloc[0] > 0.5


def test_refusals():
    study = study_of([0.4, 0.1, -0.2, 1, 2])
    with pytest.raises(ValueError, match="no event time below -1, so there is nothing to test"):
        pretrends.pretrend_test(study.loc[0:])
    with pytest.raises(ValueError, match="3 coefficients before the treatment are too many for 4"):
        pretrends.pretrend_test(study_of(study["estimate"], df=3))
    with pytest.raises(ValueError, match="3 coefficients before the treatment are too many for 10"):
        pretrends.pretrend_test(study_of(study["estimate"], np.ones((5, 5))))
    with pytest.raises(ValueError, match="study carries no covariance"):
        pretrends.pretrend_test(pd.DataFrame({"estimate": [1.0]}))
    with pytest.raises(ValueError, match="the covariance has no event time 7; do not relabel"):
        pretrends.pretrend_power(study.rename(index={1: 7}))
    with pytest.raises(ValueError, match="event time 5 is not among those with an effect"):
        pretrends.pretrend_power(study, event_times=[5])
    with pytest.raises(ValueError, match="no event time from 0 on"):
        pretrends.pretrend_power(study.loc[:-1])
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 1"):
        pretrends.pretrend_power(study, level=1)
