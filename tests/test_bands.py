"""Intervals that hold all at a time, against distributions that are known."""

import numpy as np
import pytest
from scipy import stats

from casestudies.recipes._bands import _joint, _largest_deviation, _root

CLOSE = 0.003  # of a critical value between 2 and 4


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("count", [2, 3, 6])
def test_independent_estimates_have_the_quantile_of_sidak(count, level):
    expected = stats.norm.ppf((1 + level ** (1 / count)) / 2)
    assert _largest_deviation(np.diag(np.arange(1.0, count + 1)), level) == pytest.approx(
        expected, abs=CLOSE
    )


@pytest.mark.parametrize("count", [20, 50, 100, 200])
def test_many_independent_estimates_have_it_too(count):
    expected = stats.norm.ppf((1 + 0.95 ** (1 / count)) / 2)
    assert _largest_deviation(np.eye(count), 0.95) == pytest.approx(expected, abs=3 * CLOSE)


@pytest.mark.parametrize("df", [5, 30, np.inf])
def test_all_pairs_of_equal_arms_have_the_studentized_range(df):
    pairs = np.array([[1, -1, 0, 0], [1, 0, -1, 0], [1, 0, 0, -1]])
    pairs = np.vstack([pairs, [[0, 1, -1, 0], [0, 1, 0, -1], [0, 0, 1, -1]]])
    expected = stats.studentized_range.ppf(0.95, 4, df) / np.sqrt(2)
    assert _largest_deviation(pairs @ np.eye(4), 0.95, df) == pytest.approx(expected, abs=CLOSE)


def test_one_estimate_or_the_same_one_twice_keeps_its_own_quantile():
    assert _largest_deviation(np.array([[3.0, 4.0]]), 0.9) == stats.norm.ppf(0.95)
    twice = np.array([[1.0, 0], [2.0, 0], [0, 0]])
    assert _largest_deviation(twice, 0.9, 7) == pytest.approx(stats.t.ppf(0.95, 7), abs=CLOSE)


def test_correlated_estimates_lie_between_one_and_independent_ones():
    covariance = np.array([[1.0, 1.2, 0.4], [1.2, 4.0, 2.1], [0.4, 2.1, 9.0]])
    draws = np.random.default_rng(1).multivariate_normal(np.zeros(3), covariance, 400_000)
    largest = np.abs(draws / np.sqrt(np.diag(covariance))).max(axis=1)
    expected = np.quantile(largest, 0.95)
    error = np.sqrt(0.95 * 0.05 / len(draws)) / 0.12  # density near the quantile
    assert abs(_largest_deviation(_root(covariance), 0.95) - expected) < 4 * error + CLOSE


def test_the_frame_holds_both_intervals_and_the_covariance():
    covariance = np.array([[1.0, 0.5], [0.5, 4.0]])
    frame = _joint(["a", "b"], np.array([1.0, 2.0]), _root(covariance), n=9, level=0.9, df=11)
    margin = stats.t.ppf(0.95, 11) * np.array([1, 2])
    critical = frame.attrs["critical_value"]
    assert stats.t.ppf(0.95, 11) < critical < stats.t.ppf(0.975, 11)
    np.testing.assert_allclose(frame["ci_high"] - frame["estimate"], margin)
    np.testing.assert_allclose(frame["all_low"], [1 - critical, 2 - 2 * critical])
    np.testing.assert_allclose(frame["all_high"], [1 + critical, 2 + 2 * critical])
    found = [[frame.attrs["covariance"][b][a] for b in "ab"] for a in "ab"]
    np.testing.assert_allclose(found, covariance)
    assert frame["n"].to_list() == [9, 9]
    gap = _joint(
        ["b - a"], np.array([1.0]), np.array([[-1, 1]]) @ _root(covariance), n=9, level=0.9
    )
    assert gap["std_error"].item() == pytest.approx(2)  # the root of 1 + 4 - 2 / 2
