import socket
import time

import needs
import numpy as np
import pandas as pd
import pooch
import pytest
from cells import moments

from casestudies import archives
from casestudies.archives.quarter_of_birth import _census

# Published figures: Angrist and Krueger (1991), Quarterly Journal of Economics 106(4), Tables III
# and V. LIML and the first-stage F statistics are those of the original file, not of the paper.
COLUMNS = ["year_of_birth", "quarter_of_birth", "education", "log_weekly_wage"]
ROUNDING = 0.00005 + 1e-9  # of a figure printed with four decimals

PUBLISHED = {  # estimate and standard error
    "Wald": (0.1020, 0.0239),
    "OLS": (0.0711, 0.0003),
    "2SLS": (0.0891, 0.0161),
    "LIML": (0.0929, 0.0177),
}


@pytest.fixture(scope="module")
def men():
    return archives.quarter_of_birth()


@pytest.fixture(scope="module")
def made(men):
    return estimates(men)


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)


def k_class(wage, schooling, fitted, *, controls, kappa=1.0):
    """Slope of the k-class estimator after the controls are partialled out, with its error."""
    inside = (1 - kappa) * schooling + kappa * fitted
    slope = inside @ wage / (inside @ schooling)
    residual = wage - slope * schooling
    variance = residual @ residual / (len(wage) - controls - 1) / (inside @ schooling)
    return slope, np.sqrt(variance)


def within(column, groups):
    return column - column.groupby(groups).transform("mean")


def estimates(men):
    """Wald without controls; OLS, 2SLS and LIML with year dummies, by Frisch-Waugh-Lovell."""
    year, cell = men["year_of_birth"], [men["year_of_birth"], men["quarter_of_birth"]]
    wage, schooling = men["log_weekly_wage"], men["education"]
    early = (men["quarter_of_birth"] == 1).rename("early")
    plain = [column - column.mean() for column in (wage, schooling)]
    y, x = (within(column, year) for column in (wage, schooling))
    x_hat, y_hat = (column.groupby(cell).transform("mean") for column in (x, y))
    both, inside = np.column_stack([y, x]), np.column_stack([y - y_hat, x - x_hat])
    kappa = np.linalg.eigvals(np.linalg.solve(inside.T @ inside, both.T @ both)).min()
    return {
        "Wald": k_class(*plain, plain[1].groupby(early).transform("mean"), controls=1),
        "OLS": k_class(y, x, x, controls=10),
        "2SLS": k_class(y, x, x_hat, controls=10),
        "LIML": k_class(y, x, x_hat, controls=10, kappa=kappa),
    }


def first_stage_f(schooling, instruments, controls):
    """F of the instruments, which are net of the controls as schooling is."""
    fit = instruments @ np.linalg.lstsq(instruments, schooling, rcond=None)[0]
    k = instruments.shape[1]
    residual = schooling - fit
    return (fit @ fit / k) / (residual @ residual / (len(schooling) - controls - k))


def test_table_iii_means_are_reproduced(men):
    by_early = men.groupby(men["quarter_of_birth"] == 1)
    wage, schooling = by_early["log_weekly_wage"].mean(), by_early["education"].mean()
    made = [wage[True], wage[False], schooling[True], schooling[False]]
    assert np.abs(np.subtract(made, [5.8916, 5.9027, 12.6881, 12.7969])).max() <= ROUNDING


@pytest.mark.parametrize("estimator", PUBLISHED)
def test_published_estimates_and_standard_errors_are_reproduced(made, estimator):
    assert np.abs(np.subtract(made[estimator], PUBLISHED[estimator])).max() <= ROUNDING


def test_the_instruments_are_as_weak_as_reported(men):
    quarter, year, x = men["quarter_of_birth"], men["year_of_birth"], men["education"]
    dummies = pd.get_dummies(quarter, dtype=float)[[1, 2, 3]]
    x_year = within(x, year).to_numpy()
    net = dummies - dummies.groupby(year).transform("mean")
    first = (dummies[[1]] - dummies[1].mean()).to_numpy()
    assert first_stage_f(x_year, net.to_numpy(), 10) == pytest.approx(32.27, abs=0.005)
    assert first_stage_f((x - x.mean()).to_numpy(), first, 1) == pytest.approx(67.57, abs=0.005)
    fit = within(x, year).groupby([year, quarter]).transform("mean").to_numpy()
    f = (fit @ fit / 30) / ((x_year - fit) @ (x_year - fit) / (len(men) - 40))
    assert f == pytest.approx(4.91, abs=0.005)


def test_estimates_do_not_depend_on_the_seed(made):
    for name, other in estimates(archives.quarter_of_birth(rng=1)).items():
        assert np.allclose(made[name], other, rtol=1e-9)


def robust(men, fitted):
    """Heteroskedasticity-robust (HC0) error of the slope that `fitted` identifies."""
    year = men["year_of_birth"]
    y, x = within(men["log_weekly_wage"], year), within(men["education"], year)
    residual = y - (fitted @ y / (fitted @ x)) * x
    return np.sqrt((fitted**2) @ (residual**2)) / (fitted @ x)


def test_robust_errors_of_2sls_are_in_the_moments_and_those_of_ols_are_not():
    worlds = [archives.quarter_of_birth(rng=seed) for seed in (0, 1)]
    cell, x = COLUMNS[:2], [within(men["education"], men["year_of_birth"]) for men in worlds]
    keys = [[men[name] for name in cell] for men in worlds]
    fits = [one.groupby(key).transform("mean") for one, key in zip(x, keys, strict=True)]
    assert np.isclose(*map(robust, worlds, fits), rtol=1e-9)
    assert not np.isclose(*map(robust, worlds, x), rtol=1e-5)


def test_every_cell_has_the_moments_of_the_census(men):
    cells = archives.quarter_of_birth_cells()
    made = moments(men, by=COLUMNS[:2], measures=COLUMNS[2:])[cells.columns]
    assert len(cells) == 40
    pd.testing.assert_frame_equal(made, cells, rtol=0, atol=1e-10)


def test_there_are_329509_men_in_plain_columns(men):
    assert list(men) == COLUMNS
    assert len(men) == 329_509
    assert [str(kind) for kind in men.dtypes] == ["int64", "int64", "float64", "float64"]
    assert sorted(men["year_of_birth"].unique()) == list(range(1930, 1940))
    assert sorted(men["quarter_of_birth"].unique()) == [1, 2, 3, 4]


def test_the_same_seed_gives_the_same_men(men):
    pd.testing.assert_frame_equal(archives.quarter_of_birth(rng=np.random.default_rng(0)), men)
    assert not archives.quarter_of_birth(rng=1)["education"].equals(men["education"])


def test_an_unusable_rng_is_refused():
    with pytest.raises(ValueError, match=r"rng must be an int of at least 0.*0.5; give a seed"):
        archives.quarter_of_birth(rng=0.5)


def test_the_men_are_there_within_300_milliseconds():
    def seconds():  # of this process, so that a busy machine does not matter
        start = time.process_time()
        archives.quarter_of_birth()
        return time.process_time() - start

    assert min(seconds() for _ in range(3)) < 0.3


def test_a_missing_file_without_a_network_is_explained(no_network, monkeypatch):
    monkeypatch.delenv("CASESTUDIES_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"angrist_krueger_1991.*CASESTUDIES_DATA"):
        archives.quarter_of_birth(original=True)


def test_both_routes_agree_to_six_digits(men, made, no_network):
    needs.original("angrist_krueger_1991.rda")
    census = archives.quarter_of_birth(original=True)
    assert list(census) == [*COLUMNS, "state_of_birth", "age"]
    pd.testing.assert_series_equal(census.dtypes[COLUMNS], men.dtypes)
    for name, other in estimates(census).items():
        assert np.allclose(made[name], other, rtol=5e-7)
    cells = archives.quarter_of_birth_cells()
    original = moments(census, by=COLUMNS[:2], measures=COLUMNS[2:])[cells.columns]
    pd.testing.assert_frame_equal(original, cells, rtol=0, atol=5.1e-9)  # eight decimals


def test_the_census_file_gets_the_names_of_the_archive():
    file = pd.DataFrame(
        {"lnw": [5.5], "s": [12], "yob": [1931], "qob": [2.0], "sob": [45], "age": [48.75]}
    )
    expected = pd.DataFrame(
        {
            "year_of_birth": [1931],
            "quarter_of_birth": [2],
            "education": [12.0],
            "log_weekly_wage": [5.5],
            "state_of_birth": [45],
            "age": [48.75],
        }
    )
    pd.testing.assert_frame_equal(_census(file.astype({"s": "int32", "sob": "int32"})), expected)
