"""A curve over doses: a second route with its derivatives, exact curves, and refusals."""

import re

import numpy as np
import pandas as pd
import pytest
from confounded import fits

from casestudies import scenarios
from casestudies.recipes.dose_response import dose_response

COLUMNS = {"outcome": "y", "dose": "a", "adjust_for": ["x1", "x2"]}
HOURS = {"outcome": "score", "dose": "hours", "adjust_for": ["need", "senior"]}


def people(n, rng, bent=0.0, late=0.0):
    """Draw people whose dose goes by need; E[Y(a)] = 10 + a - a^2 / 20, less what bends."""
    rng = np.random.default_rng(rng)
    x1, x2, e, noise = rng.normal(size=(4, n))
    a = 10 + x1 - 0.5 * x2 + late * (x1**2 - 1) + 2 * e
    y = 10 + a - a**2 / 20 - 2 * x1 + 0.2 * a * x2 + bent * (x1**2 - 1) * a + noise
    return pd.DataFrame({"x1": x1, "x2": x2, "a": a, "y": y})


def by_hand(data, at, width, weights):
    """Write the estimator a second time, with weights for the rows."""
    x, a, y = data[["x1", "x2"]].to_numpy(), data["a"].to_numpy(), data["y"].to_numpy()
    w, one = weights / weights.sum(), np.ones(len(y))

    def terms(dose):
        return np.column_stack([one, x, dose, dose**2, dose[:, None] * x])

    b, d = terms(a), np.column_stack([one, x])
    slopes = np.linalg.solve((b.T * w) @ b, (b.T * w) @ y)
    mean = d @ np.linalg.solve((d.T * w) @ d, (d.T * w) @ a)
    spread = np.sqrt(w @ (a - mean) ** 2)
    density = np.exp(-(((a[:, None] - mean) / spread) ** 2) / 2) / spread
    averaged = np.array([w @ (terms(dose * one) @ slopes) for dose in a])
    pseudo = (y - b @ slopes) * (density @ w) / np.diag(density) + averaged
    found = []
    for point in at:
        u = (a - point) / width
        kernel, powers = np.maximum(1 - u**2, 0) * w, np.column_stack([one, u, u**2])
        found.append(np.linalg.solve((powers.T * kernel) @ powers, (powers.T * kernel) @ pseudo)[0])
    return np.array(found)


def influences(data, at, width):
    """Return the derivatives of the second route by the rows' weights."""
    one = np.ones(len(data))
    steps = 1e-5 * np.eye(len(data))
    ends = [[by_hand(data, at, width, one + s * step) for step in steps] for s in (1, -1)]
    return (np.array(ends[0]) - np.array(ends[1])) / 2e-5


def test_estimates_and_errors_are_those_of_a_second_route_and_its_derivatives():
    data, at = people(120, rng=1), [9.0, 11.0]
    found = dose_response(data, **COLUMNS, at=at, bandwidth=3)
    values, parts = by_hand(data, at, 3, np.ones(120)), influences(data, at, 3)
    np.testing.assert_allclose(found["estimate"], values, rtol=1e-10)
    covariance = pd.DataFrame(found.attrs["covariance"]).to_numpy()
    np.testing.assert_allclose(covariance, parts.T @ parts, rtol=1e-6)
    np.testing.assert_allclose(found["std_error"] ** 2, np.diag(covariance))
    assert found.attrs["bandwidth"] == pytest.approx(3)
    gap = dose_response(data, **COLUMNS, at=[11], reference=9, bandwidth=3)
    part = parts[:, 1] - parts[:, 0]
    assert gap["estimate"].item() == pytest.approx(values[1] - values[0])
    assert gap["std_error"].item() == pytest.approx(np.sqrt(part @ part), rel=1e-6)
    sites = np.arange(120) % 10
    clustered = dose_response(data.assign(s=sites), **COLUMNS, at=[11], bandwidth=3, cluster="s")
    sums = np.bincount(sites, parts[:, 1])
    expected = np.sqrt(10 / 9 * sums @ sums)
    assert clustered["std_error"].item() == pytest.approx(expected, rel=1e-6)
    margin = 2.2621571627409915 * expected  # t(9)
    assert clustered["ci_high"].item() == pytest.approx(values[1] + margin, rel=1e-6)


def test_parts_of_the_table_that_fit_memory_give_the_same(monkeypatch):
    from casestudies.recipes import dose_response as family

    data = people(150, rng=2)
    whole = dose_response(data, **COLUMNS, at=[9, 11])
    monkeypatch.setattr(family, "CELLS", 1_000)
    pd.testing.assert_frame_equal(dose_response(data, **COLUMNS, at=[9, 11]), whole)


def test_the_rule_of_thumb_is_that_of_fan_and_gijbels():
    data = people(400, rng=3)
    found = dose_response(data, **COLUMNS, at=[10])
    a = data["a"].to_numpy()
    x, one, w = data[["x1", "x2"]].to_numpy(), np.ones(400), np.full(400, 1 / 400)
    b = np.column_stack([one, x, a, a**2, a[:, None] * x])
    slopes = np.linalg.lstsq(b, data["y"], rcond=None)[0]
    d = np.column_stack([one, x])
    mean = d @ np.linalg.lstsq(d, a, rcond=None)[0]
    spread = np.sqrt(np.mean((a - mean) ** 2))
    density = np.exp(-(((a[:, None] - mean) / spread) ** 2) / 2)
    curve = np.column_stack([one, 0 * x + x.mean(0), a, a**2, a[:, None] * x.mean(0)]) @ slopes
    pseudo = (data["y"] - b @ slopes) * (density @ w) / np.diag(density) + curve
    fit = np.polynomial.Polynomial.fit(a, pseudo, 4)
    variance = ((pseudo - fit(a)) ** 2).sum() / 395
    low, high = np.quantile(a, [0.05, 0.95])
    bend = (fit.deriv(2)(a[(a >= low) & (a <= high)]) ** 2).sum()
    # 15 = (3/5) / (1/5)^2: the integral of K^2 over the square of that of u^2 K
    rule = (15 * variance * (high - low) / bend) ** 0.2
    assert rule < np.ptp(a) / 2
    assert found.attrs["bandwidth"] == pytest.approx(rule)
    straight = data.assign(y=data["a"] + data["x1"] + 1e-3 * data["x2"] ** 3)
    assert dose_response(straight, **COLUMNS, at=[10]).attrs["bandwidth"] <= np.ptp(a) / 2 + 1e-12


def test_the_effective_number_is_kishs_of_the_weights_in_the_window():
    data = people(200, rng=4)
    loose = dose_response(data, **COLUMNS, at=[10], bandwidth=3)["effective_n"].item()
    tight = dose_response(data, **COLUMNS, at=[10], bandwidth=1.5)["effective_n"].item()
    near = (np.abs(data["a"] - 10) < 3).sum()
    assert 10 < tight < loose < near
    even = data.assign(x1=np.random.default_rng(5).normal(size=200), x2=np.arange(200) % 7)
    u = (even["a"] - 10) / 3
    kernel = np.maximum(1 - u**2, 0)
    expected = kernel.sum() ** 2 / (kernel**2).sum()
    found = dose_response(even, **COLUMNS, at=[10], bandwidth=3)["effective_n"].item()
    assert found == pytest.approx(expected, rel=0.05)  # the dose does not go by need: ratios of 1


@pytest.mark.parametrize(
    ("bent", "late", "right"), [(0, 0, True), (0.15, 0, True), (0, 0.6, True), (0.15, 0.6, False)]
)
def test_one_right_model_is_enough(bent, late, right):
    rng, at = np.random.default_rng(6), np.array([8.0, 10.0, 12.0])
    truth = 10 + at - at**2 / 20
    found = [
        dose_response(people(600, rng, bent, late), **COLUMNS, at=at, bandwidth=2.5)["estimate"]
        - truth
        for _ in range(16)
    ]
    off = np.abs(np.mean(found, axis=0) / (np.std(found, axis=0, ddof=1) / 4)).max()
    assert (off < 4) == right, off


def test_the_curve_of_coaching_is_found_and_the_plain_means_are_wrong():
    world = scenarios.dose()
    rows = world.sample(3_000, rng=7)
    found = dose_response(rows, **HOURS, at=[8, 10, 12])
    for hours in (8, 10, 12):
        truth = world.truth[f"E[score | do(hours={hours})]"]
        assert abs(found.loc[hours, "estimate"] - truth) < 4 * found.loc[hours, "std_error"]
        assert found.loc[hours, "std_error"] < 0.25
    gap = dose_response(rows, **HOURS, at=[12], reference=8)
    assert gap.index.to_list() == [12]
    assert gap["estimate"].item() == pytest.approx(found["estimate"][12] - found["estimate"][8])
    assert gap.attrs["estimand"] == "mean outcome at each dose, less that at hours = 8"
    near = [rows[(rows["hours"] - h).abs() < 1]["score"].mean() for h in (8, 12)]
    assert near[1] - near[0] < 2 < gap["ci_low"].item()


def test_the_intervals_cover_as_the_docstring_says():
    world, samples = scenarios.dose(), 60
    rng, hours = np.random.default_rng(8), [8, 10, 12]
    truth = np.array([world.truth[f"E[score | do(hours={h})]"] for h in hours])
    held = []
    for _ in range(samples):
        found = dose_response(world.sample(500, rng=rng), **HOURS, at=hours)
        held.append((found["ci_low"] < truth) & (truth < found["ci_high"]))
    stated = np.array(re.findall(r"0\.9\d\d", dose_response.__doc__)[:3], dtype=float)
    off = np.abs(np.mean(held, axis=0) - stated)
    assert (off < 4 * np.sqrt(stated * (1 - stated) / samples)).all(), off


def test_doses_of_which_the_data_say_nothing_are_refused_by_name():
    data = people(300, rng=9)
    with pytest.raises(ValueError, match=r"dose 30 lies outside those in column 'a', .* leave it"):
        dose_response(data, **COLUMNS, at=[10, 30])
    with pytest.raises(ValueError, match="dose -5 lies outside"):
        dose_response(data, **COLUMNS, at=[10], reference=-5)
    hole = data[(data["a"] < 9.5) | (data["a"] > 12.5)]
    message = "near dose 11 of column 'a' there are too few rows: 0 with .*, or give a wider band"
    with pytest.raises(ValueError, match=message):
        dose_response(hole, **COLUMNS, at=[8, 11], bandwidth=1.5)
    assert fits(dose_response(hole, **COLUMNS, at=[8], bandwidth=1.5))
    assert fits(dose_response(hole, **COLUMNS, at=[8, 11], bandwidth=4))
    for edge, sides in ((data["a"].max(), "below and 0 above"), (data["a"].min(), ", 0 of them")):
        with pytest.raises(ValueError, match=f"{sides}.* on both sides; leave that dose out$"):
            dose_response(data, **COLUMNS, at=edge, bandwidth=4)
    with pytest.raises(ValueError, match="30, of 4 doses"):
        dose_response(data, **COLUMNS, at=10, bandwidth=0.1)
    whole = data.assign(a=data["a"].round())
    with pytest.raises(ValueError, match=r"with 3 different dose\(s\) within 1.5"):
        dose_response(whole, **COLUMNS, at=10, bandwidth=1.5)
    assert fits(dose_response(whole, **COLUMNS, at=10, bandwidth=2.5))


def test_30_rows_of_4_doses_near_one_of_10_are_enough_and_fewer_are_not():
    data = people(200, rng=12)
    away = np.sort(np.abs(data["a"] - 10))
    enough, few = (away[k : k + 2].mean() for k in (29, 28))
    assert fits(dose_response(data, **COLUMNS, at=10, bandwidth=enough))
    with pytest.raises(ValueError, match=r"too few rows: 29 with 29 different dose\(s\)"):
        dose_response(data, **COLUMNS, at=10, bandwidth=few)
    steps = data.assign(a=np.arange(200) % 10)
    assert fits(dose_response(steps, **COLUMNS, at=4.5, bandwidth=2))
    with pytest.raises(ValueError, match="'a' has 9 value"):
        dose_response(data.assign(a=np.arange(200) % 9), **COLUMNS, at=4.5, bandwidth=2)


def test_unfit_columns_and_options_are_refused():
    data = people(200, rng=10)
    with pytest.raises(ValueError, match=r"'a' has 3 value.*too few for a curve; compare them as"):
        dose_response(data.assign(a=np.arange(200) % 3), **COLUMNS, at=1)
    with pytest.raises(ValueError, match="at has dose 9 more than once; name each once"):
        dose_response(data, **COLUMNS, at=[9, 10, 9])
    with pytest.raises(ValueError, match="reference 9 is among at"):
        dose_response(data, **COLUMNS, at=[9, 10], reference=9)
    with pytest.raises(ValueError, match="bandwidth must be above 0, got 0"):
        dose_response(data, **COLUMNS, at=9, bandwidth=0)
    with pytest.raises(ValueError, match="at is empty"):
        dose_response(data, **COLUMNS, at=[])
    with pytest.raises(ValueError, match="adjust_for names no column"):
        dose_response(data, **COLUMNS | {"adjust_for": []}, at=9)
    copied = COLUMNS | {"adjust_for": ["x1", "copy"]}
    with pytest.raises(ValueError, match="'copy' is constant or a linear combination"):
        dose_response(data.assign(copy=-data["x1"]), **copied, at=9)
    with pytest.raises(ValueError, match="one cluster cannot show how clusters differ"):
        dose_response(data.assign(town="a"), **COLUMNS, at=9, cluster="town")
    with pytest.raises(ValueError, match="no overlap: the covariates predict column 'a' exactly"):
        dose_response(data.assign(a=3 * data["x1"] - data["x2"]), **COLUMNS, at=0)
    few = data.iloc[:10].assign(x3=data["x1"] ** 2, x4=data["x2"] ** 2)
    wide = COLUMNS | {"adjust_for": ["x1", "x2", "x3", "x4"]}
    with pytest.raises(ValueError, match="10 rows cannot carry 12 coefficients"):
        dose_response(few, **wide, at=few["a"].median())


def test_the_frame_of_the_caller_is_left_alone_and_the_doses_name_the_rows():
    data = people(200, rng=11)
    copy = data.copy(deep=True)
    found = dose_response(data, **COLUMNS, at=[11, 9])
    assert found.index.to_list() == [11, 9]
    assert found.index.name == "a"
    for points in ({11, 9}, iter([11, 9]), pd.Series([11, 9], index=[4, 7])):
        pd.testing.assert_frame_equal(dose_response(data, **COLUMNS, at=points).loc[[11, 9]], found)
    assert found["n"].to_list() == [200, 200]
    assert (found["all_low"] < found["ci_low"]).all()
    pd.testing.assert_frame_equal(data, copy)
