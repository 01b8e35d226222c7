"""Trends that are parallel given covariates: against other programs, and with both models wrong."""

import numpy as np
import pandas as pd
import pytest
from drdid.drdid import drdid_panel

from casestudies.recipes import difference_in_differences as did
from casestudies.recipes import staggered_adoption as sta

TWO = {"outcome": "y", "unit": "unit", "treated": "treated", "post": "post"}
NAMES = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "start"}


def shops(seed, n=300):
    """Units whose growth and treatment depend on x and on where they are; the ATT is 1."""
    rng = np.random.default_rng(seed)
    x, place = rng.normal(size=n), rng.choice(["east", "north", "west"], n)
    treated = (rng.random(n) < 1 / (1 + np.exp(0.4 - 0.8 * x - 0.5 * (place == "east")))) * 1
    before = rng.normal(size=n) + 2 * treated
    growth = 1 + x + (place == "east") + treated + rng.normal(size=n)
    wide = {"unit": np.arange(n), "treated": treated, "x": x, "place": place}
    wide = pd.DataFrame({**wide, "w": rng.integers(2, 30, n) / 10, "town": np.arange(n) // 4})
    rows = [wide.assign(post=0, y=before), wide.assign(post=1, y=before + growth)]
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("names", ["x", ["x", "place"]])
def test_doubly_robust_did_equals_the_package_drdid(names, weights):
    frame = shops(1).sample(frac=1, random_state=2)
    before = frame.copy()
    found = did.doubly_robust_did(frame, **TWO, adjust_for=names, weights=weights)
    y0, y1 = (frame[frame["post"] == when].sort_values("unit") for when in (0, 1))
    listed = [names] if isinstance(names, str) else names
    covariates = pd.get_dummies(y0[listed], drop_first=True, dtype=float)
    covariates.insert(0, "constant", 1.0)
    w = None if weights is None else y0["w"].to_numpy()
    estimate, influence = drdid_panel(
        y1["y"].to_numpy(), y0["y"].to_numpy(), y0["treated"].to_numpy(), covariates.to_numpy(), w
    )
    assert found["estimate"] == pytest.approx(estimate, abs=1e-8)
    assert found["std_error"] == pytest.approx(influence.std(ddof=1) / 300**0.5, rel=1e-6)
    assert found["n"] == 600
    towns = pd.Series(influence).groupby(y0["town"].to_numpy()).sum()
    found = did.doubly_robust_did(
        frame, **TWO, adjust_for=names, weights=weights, cluster="town", level=0.9
    )
    assert found["std_error"] == pytest.approx((75 / 74 * towns @ towns) ** 0.5 / 300, rel=1e-5)
    margin = 1.6656 * found["std_error"]  # t with 74 degrees
    assert found["ci_high"] - found["estimate"] == pytest.approx(margin, rel=1e-3)
    pd.testing.assert_frame_equal(frame, before)


def test_one_binary_covariate_gives_the_strata_weighted_by_the_treated():
    frame = shops(3).assign(x=lambda f: (f["x"] > 0) * 1)
    wide = frame.pivot_table(index="unit", columns="post", values="y")
    units = frame.drop_duplicates("unit").set_index("unit").assign(change=wide[1] - wide[0])
    means = units.pivot_table(index="x", columns="treated", values="change")
    share = units[units["treated"] == 1]["x"].value_counts(normalize=True).sort_index()
    found = did.doubly_robust_did(frame, **TWO, adjust_for="x")
    assert found["estimate"] == pytest.approx((means[1] - means[0]) @ share, abs=1e-8)


def test_it_finds_the_effect_where_the_plain_difference_does_not():
    frame = shops(4, n=20_000)
    found = did.doubly_robust_did(frame, **TWO, adjust_for=["x", "place"])
    assert abs(found["estimate"] - 1) < 4 * found["std_error"]
    assert did.two_by_two(frame, **TWO)["estimate"] > 1.5


@pytest.mark.parametrize("wrong", ["score", "trend"])
def test_either_model_may_be_wrong(wrong):
    rng = np.random.default_rng(5)
    n = 20_000
    x = rng.normal(size=n)
    index, bent = (np.exp(x / 2) - 1, x) if wrong == "score" else (1.2 * x, x**2)
    treated = (rng.random(n) < 1 / (1 + np.exp(0.5 - index))) * 1
    growth = treated + 2 * bent + rng.normal(size=n)
    wide = pd.DataFrame({"unit": np.arange(n), "treated": treated, "x": x, "y": 0.0})
    frame = pd.concat([wide.assign(post=0), wide.assign(post=1, y=growth)], ignore_index=True)
    found = did.doubly_robust_did(frame, **TWO, adjust_for="x")
    assert abs(found["estimate"] - 1) < 4 * found["std_error"]
    if wrong == "trend":
        given = frame.assign(x_post=frame["x"] * frame["post"])
        regression = did.two_by_two(given, **TWO, controls=["x", "x_post"])
        assert abs(regression["estimate"] - 1) > 8 * regression["std_error"]


def test_the_covariates_of_the_period_before_count():
    frame = shops(6)
    moved = frame.assign(x=frame["x"] + 5 * frame["post"] * frame["treated"])
    expected = did.doubly_robust_did(frame, **TWO, adjust_for="x")
    pd.testing.assert_series_equal(did.doubly_robust_did(moved, **TWO, adjust_for="x"), expected)


def test_units_seen_once_are_refused_or_left_out_in_the_open():
    frame = shops(7)
    gappy = frame.drop(index=[3, 5, 312])
    with pytest.raises(ValueError, match=r"'unit': 3 unit\(s\) are seen in one period only.*pairs"):
        did.doubly_robust_did(gappy, **TWO, adjust_for="x")
    found = did.doubly_robust_did(gappy, **TWO, adjust_for="x", panel="pairs")
    kept = frame[~frame["unit"].isin([3, 5, 12])]
    pd.testing.assert_series_equal(found, did.doubly_robust_did(kept, **TWO, adjust_for="x"))
    assert found.attrs["rows_left_out"] == 3


def test_doubly_robust_did_refuses_what_it_cannot_compare():
    frame = shops(8)

    def run(data, **names):
        return did.doubly_robust_did(data, **{**TWO, "adjust_for": "x", **names})

    with pytest.raises(ValueError, match="no unit is seen in both periods"):
        run(frame[frame["unit"] % 2 == frame["post"]], panel="pairs")
    with pytest.raises(ValueError, match="panel must be one of 'balanced', 'pairs'"):
        run(frame, panel="cross_sections")
    with pytest.raises(ValueError, match="adjust_for names no column"):
        run(frame, adjust_for=[])
    with pytest.raises(ValueError, match="no overlap"):
        run(frame.assign(x=frame["x"] + 100 * frame["treated"]))
    only = frame[(frame["place"] != "east") | (frame["treated"] == 1)]
    with pytest.raises(ValueError, match="no overlap: column 'place' is east in"):
        run(only, adjust_for="place")
    with pytest.raises(ValueError, match="'x' has one value in all rows"):
        run(frame.assign(x=1))
    with pytest.raises(ValueError, match="one alone makes up the rows with treated = 1"):
        run(frame.assign(town=frame["town"].where(frame["treated"] == 0, -1)), cluster="town")
    with pytest.raises(ValueError, match="'w' changes within unit = "):
        run(frame.assign(w=frame["w"] + frame["post"]), weights="w")
    with pytest.raises(ValueError, match="'y': rows that are compared are alike"):
        run(frame.assign(y=frame["x"] + frame["treated"] * frame["post"]))


# Staggered adoption.


def adopters():
    """A frame by seed, the same that csdid 0.4.3 read, rounded as in its file."""
    rng = np.random.default_rng(20)
    unit, time = np.repeat(np.arange(240), 5), np.tile(np.arange(1, 6), 240)
    x, p = rng.normal(size=240).round(3), rng.random(240)
    bent = 0.1 * np.tanh(x)
    start = np.select([p < 0.25 + bent, p < 0.55 + bent], [3, 4], 0)
    y = rng.normal(size=240)[unit] + 0.5 * time + 0.4 * x[unit] * time
    y += (start[unit] > 0) * (time >= start[unit]) + rng.normal(size=1200)
    frame = {"unit": unit, "time": time, "start": start[unit], "x": x[unit], "y": y.round(3)}
    return pd.DataFrame(frame)


# ATTgt(yname="y", tname="time", idname="unit", gname="start", control_group=["notyettreated"],
# xformla="y ~ x", panel=True).fit(est_method="dr", base_period=..., bstrap=False).results
CSDID = {
    "universal": {
        (3, 1): (-0.115873955, 0.209911379),
        (3, 3): (0.943051815, 0.211777134),
        (3, 4): (1.010623009, 0.239187758),
        (3, 5): (1.046271513, 0.236636774),
        (4, 1): (0.154835285, 0.230182261),
        (4, 2): (-0.125313154, 0.210456681),
        (4, 4): (1.127342370, 0.221853821),
        (4, 5): (0.816557207, 0.229827601),
    },
    "varying": {
        (3, 2): (0.115873955, 0.209911379),
        (3, 3): (0.943051815, 0.211777134),
        (3, 4): (1.010623009, 0.239187758),
        (3, 5): (1.046271513, 0.236636774),
        (4, 2): (-0.266792717, 0.193628206),
        (4, 3): (0.125313154, 0.210456681),
        (4, 4): (1.127342370, 0.221853821),
        (4, 5): (0.816557207, 0.229827601),
    },
}


@pytest.mark.parametrize("base", CSDID)
def test_cells_given_a_covariate_equal_the_package_csdid(base):
    cells = sta.group_time(adopters(), **NAMES, adjust_for="x", base=base)
    assert list(cells.index) == list(CSDID[base])
    estimates, errors = np.transpose(list(CSDID[base].values()))
    np.testing.assert_allclose(cells["estimate"], estimates, atol=1e-8)
    factor = 240 / 239 * (1200 - 1) / (1200 - 15)  # theirs is 1
    np.testing.assert_allclose(cells["std_error"], factor**0.5 * errors, rtol=1e-7)


def test_one_date_of_two_periods_is_doubly_robust_did():
    frame = shops(9).assign(time=lambda f: f["post"], start=lambda f: f["treated"])
    frame = frame.assign(time=frame["time"] + 1, start=2 * frame["start"])
    options = {"adjust_for": ["x", "place"], "weights": "w", "cluster": "town"}
    found = sta.overall_att(frame, **NAMES, **options)
    expected = did.doubly_robust_did(frame, **TWO, **options)
    assert found["estimate"] == pytest.approx(expected["estimate"], abs=1e-12)
    factor = (600 - 1) / (600 - 4)
    assert found["std_error"] == pytest.approx(factor**0.5 * expected["std_error"], rel=1e-9)
    gappy = frame.drop(index=[3, 5, 312])
    found = sta.overall_att(gappy, **NAMES, **options, panel="pairs")
    expected = did.doubly_robust_did(gappy, **TWO, **options, panel="pairs")
    assert found["estimate"] == pytest.approx(expected["estimate"], abs=1e-12)


def test_averages_given_a_covariate_average_the_cells():
    cells = sta.group_time(adopters(), **NAMES, adjust_for="x")
    later = cells.query("event_time >= 0")
    overall = sta.overall_att(adopters(), **NAMES, adjust_for="x")
    expected = np.average(later["estimate"], weights=later["n_treated"])
    assert overall["estimate"] == pytest.approx(expected, abs=1e-12)
    assert abs(overall["estimate"] - 1) < 4 * overall["std_error"]
    naive = sta.overall_att(adopters(), **NAMES)
    assert naive["estimate"] > overall["estimate"]


def test_covariates_that_change_are_refused_and_the_advice_works():
    frame = adopters()
    moved = frame.assign(x=frame["x"] + (frame["start"] > 0) * (frame["time"] >= frame["start"]))
    for call in (sta.group_time, sta.event_study, sta.overall_att):
        with pytest.raises(ValueError, match=r"'x' changes .*sort_values\('time'\).*transform\('f"):
            call(moved, **NAMES, adjust_for="x")
        first = moved.sort_values("time").groupby("unit")["x"].transform("first")
        found = call(moved.assign(x=first), **NAMES, adjust_for="x")
        np.testing.assert_allclose(found, call(frame, **NAMES, adjust_for="x"), rtol=1e-9)
        with pytest.raises(ValueError, match="given covariates unit by unit; give the rows"):
            call(frame, **NAMES, adjust_for="x", panel="cross_sections")
        apart = frame.assign(x=frame["x"] + 50 * (frame["start"] == 4))
        with pytest.raises(ValueError, match="the group that begins in 4, in period 1: no overlap"):
            call(apart[apart["start"] != 3], **NAMES, adjust_for="x")
