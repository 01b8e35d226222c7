import numpy as np
import pandas as pd
import pytest
from cells import moments

from casestudies.archives.moments import draw_cell, microdata

EXACT = 1e-10


def covariance_of(rows):
    return np.cov(rows.T, bias=True).reshape(rows.shape[1], rows.shape[1])


def random_covariance(rank, k, rng):
    loadings = rng.normal(size=(k, rank)) * rng.uniform(0.1, 20, size=(k, 1))
    product = loadings @ loadings.T
    return (product + product.T) / 2


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 50, 9_000])
def test_mean_and_covariance_are_exact_in_a_cell_of_any_size_and_rank(n):
    rng = np.random.default_rng(n)
    for rank in range(min(n - 1, 3) + 1):
        mean, covariance = rng.normal(scale=20, size=3), random_covariance(rank, 3, rng)
        rows = draw_cell(n, mean, covariance, rng=rng)
        assert rows.shape == (n, 3)
        assert np.abs(rows.mean(axis=0) - mean).max() < EXACT
        assert np.abs(covariance_of(rows) - covariance).max() < EXACT * max(1, covariance.max())


def test_two_rows_lie_one_standard_deviation_from_the_mean_on_either_side():
    rows = draw_cell(2, [10.0, 1.0], [[4.0, -1.0], [-1.0, 0.25]], rng=3)
    assert np.allclose(rows[rows[:, 0].argsort()], [[8.0, 1.5], [12.0, 0.5]], rtol=0, atol=EXACT)


def test_a_measure_without_variance_is_constant_to_the_last_bit():
    rows = draw_cell(200, [0.1, 3.0], [[0.0, 0.0], [0.0, 2.0]], rng=0)
    assert (rows[:, 0] == 0.1).all()


def test_a_large_cell_looks_normal():
    rows = draw_cell(40_000, [0.0], [[1.0]], rng=8)[:, 0]
    error = np.sqrt(15 / len(rows))  # of the third moment of a standard normal
    assert abs((rows**3).mean()) < 4 * error
    assert abs((rows**4).mean() - 3) < 4 * np.sqrt(96 / len(rows))


def test_the_seed_decides_the_rows_and_never_the_moments():
    first, again, other = (draw_cell(6, [1.0], [[2.0]], rng=seed) for seed in (5, 5, 6))
    assert (first == again).all()
    assert not np.allclose(np.sort(first, axis=0), np.sort(other, axis=0))


@pytest.mark.parametrize(
    "rng", [7, np.int64(7), np.random.default_rng(7), np.random.RandomState(7)]
)
def test_rng_is_an_int_a_generator_or_a_legacy_random_state(rng):
    assert abs(draw_cell(5, [2.0], [[3.0]], rng=rng).mean() - 2) < EXACT


@pytest.mark.parametrize("rng", [None, "seed", 1.5, -1])
def test_any_other_rng_is_refused(rng):
    with pytest.raises(ValueError, match="rng must be an int of at least 0"):
        draw_cell(5, [2.0], [[3.0]], rng=rng)


def test_no_row_falls_below_the_floor_and_the_moments_stay_exact():
    rng = np.random.default_rng(0)
    below = 0
    for _ in range(50):
        rows = draw_cell(20, [2.0, 0.0], [[1.0, 0.3], [0.3, 1.0]], rng=rng, floor=[0, -np.inf])
        assert (rows[:, 0] >= 0).all()
        assert np.abs(covariance_of(rows) - [[1.0, 0.3], [0.3, 1.0]]).max() < EXACT
        below += (draw_cell(20, [2.0], [[1.0]], rng=rng) < 0).any()
    assert below > 0  # otherwise the floor would have had nothing to do


def test_a_row_below_the_floor_by_float_noise_is_put_on_it():
    free = draw_cell(5, [2.0], [[1.0]], rng=0)
    floor = free.min() + 1e-14
    kept = draw_cell(5, [2.0], [[1.0]], rng=0, floor=floor)
    assert kept.min() == floor
    assert np.abs(kept - free).max() < 1e-13  # the same draw


def test_rounding_of_published_moments_is_absorbed_with_the_variances_kept_exact():
    exact = random_covariance(1, 3, np.random.default_rng(4))
    rounded = np.array([[float(f"{x:.9g}") for x in row] for row in exact])
    assert np.linalg.matrix_rank(rounded) == 3  # two rows could not carry it
    made = covariance_of(draw_cell(2, [0.0, 0.0, 0.0], rounded, rng=0))
    assert np.abs(np.diag(made) / np.diag(rounded) - 1).max() < EXACT
    assert np.abs(made / rounded - 1).max() < 1e-7


@pytest.mark.parametrize(
    ("n", "mean", "covariance", "message"),
    [
        (0, [1.0], [[1.0]], "n is 0; a cell has a whole number of rows, at least 1"),
        (2.5, [1.0], [[1.0]], "n is 2.5"),
        (np.nan, [1.0], [[1.0]], "n is nan"),
        (1, [1.0], [[4.0]], r"1 row\(s\) can carry a covariance of rank 0 .* rank 1 .*\[4.0\]"),
        (1, [1.0], [[1e-9]], r"1 row\(s\) can carry a covariance of rank 0"),
        (2, [1.0, 1.0], np.eye(2), r"2 row\(s\) can carry a covariance of rank 1 .* rank 2"),
        (3, [1.0] * 3, np.eye(3), "rank 2 at most, this one has rank 3"),
        (9, [1.0], [[-1.0]], "negative"),
        (9, [1.0, 1.0], [[1.0, 1.1], [1.1, 1.0]], "not positive semidefinite.*-0.1"),
        (9, [1.0, 1.0], [[1.0, 1e-5], [1e-5, 0.0]], "variance 0 has a covariance other than 0"),
        (9, [1.0, 1.0], [[1.0, 0.5], [0.4, 1.0]], "not symmetric"),
        (9, [np.nan], [[1.0]], "missing or infinite"),
        (9, [1.0], [[np.inf]], "missing or infinite"),
        (9, [1.0, 2.0], [[1.0]], r"shape \(2,\) and covariance \(1, 1\)"),
    ],
)
def test_impossible_moments_are_refused(n, mean, covariance, message):
    with pytest.raises(ValueError, match=message):
        draw_cell(n, mean, covariance, rng=0)


def test_a_floor_out_of_reach_is_refused():
    with pytest.raises(ValueError, match=r"means \[1.0\] lie below the floor \[2.0\]"):
        draw_cell(5, [1.0], [[1.0]], rng=0, floor=2)
    with pytest.raises(ValueError, match=r"means \[3.0, 1.0\] lie below the floor \[2.0, 2.0\]"):
        draw_cell(5, [3.0, 1.0], [[1.0, 0.0], [0.0, 1.0]], rng=0, floor=2)
    with pytest.raises(ValueError, match=r"none of 1,000 draws of 2 rows .* floor \[0.0\]"):
        draw_cell(2, [1.0], [[4.0]], rng=0, floor=0)


@pytest.fixture
def wards():
    return pd.DataFrame(
        {
            "ward": ["a", "a", "b"],
            "night": [0, 1, 0],
            "n": [4, 1, 3],
            "dose_mean": [2.0, 5.0, np.nan],
            "dose_var": [1.0, 0.0, np.nan],
            "pain_mean": [6.0, 7.0, 8.0],
            "pain_var": [9.0, 0.0, 2.0],
            "cov_dose_pain": [-1.5, 0.0, np.nan],
        }
    )


WARDS = {"by": ["ward", "night"], "measures": ["dose", "pain"]}


def test_microdata_return_to_the_cells_they_came_from(wards):
    untouched = wards.copy()
    rows = microdata(wards, **WARDS, rng=0)
    assert list(rows) == ["ward", "night", "dose", "pain"]
    assert len(rows) == 8
    again = moments(rows, **WARDS)[wards.columns]
    pd.testing.assert_frame_equal(again, wards, rtol=0, atol=EXACT)
    pd.testing.assert_frame_equal(wards, untouched)


def test_a_measure_unknown_in_a_cell_is_missing_in_all_its_rows_and_only_there(wards):
    rows = microdata(wards, **WARDS, rng=0)
    assert (rows["dose"].isna() == (rows["ward"] == "b")).all()
    assert rows["pain"].notna().all()


def test_the_floor_applies_to_the_measure_it_names():
    cells = pd.DataFrame({"cell": range(60), "n": 9, "x_mean": 1.0, "x_var": 1.0})
    kept = microdata(cells, by=["cell"], measures=["x"], rng=1, floor={"x": -0.5})
    free = microdata(cells, by=["cell"], measures=["x"], rng=1)
    assert kept["x"].min() >= -0.5 > free["x"].min()


def test_a_constant_column_can_be_drawn_again():
    data = pd.DataFrame({"g": 1, "x": [0.1] * 3, "y": [1.0, 2.0, 4.0], "z": [1.0, 0.0, 0.0]})
    cells = moments(data, ["g"], ["x", "y", "z"])
    cells = cells.assign(x_mean=0.1, x_var=0, cov_x_y=0, cov_x_z=0)
    assert (microdata(cells, by=["g"], measures=["x", "y", "z"], rng=0)["x"] == 0.1).all()


def test_impossible_cells_are_refused_by_name(wards):
    wards.loc[1, "pain_var"] = 2.0
    with pytest.raises(
        ValueError, match=r"cell ward=a, night=1, measures dose, pain: 1 row.*rank 0"
    ):
        microdata(wards, **WARDS, rng=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.drop(columns="pain_var"), "no column 'pain_var'; the frame has"),
        (lambda w: w.drop(columns="n"), "no column 'n'"),
        (lambda w: w.drop(columns="night"), "no column 'night'"),
        (lambda w: w.assign(n=[4, 0, 3]), "cell ward=a, night=1.*n is 0"),
        (lambda w: w.assign(night=0), "comes more than once"),
        (lambda w: w.head(0), "cells has no rows"),
        (lambda w: w.assign(dose_var=np.nan), "cell ward=a, night=0.*missing or infinite"),
    ],
)
def test_incomplete_cells_are_refused(wards, change, message):
    with pytest.raises(ValueError, match=message):
        microdata(change(wards), **WARDS, rng=0)


def test_a_floor_for_an_unknown_measure_is_refused(wards):
    with pytest.raises(ValueError, match="floor names 'doze', which is none of the measures"):
        microdata(wards, **WARDS, rng=0, floor={"doze": 0})
