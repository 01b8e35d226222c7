"""Group-time effects against regressions cell by cell, and against two-way fixed effects."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from linearmodels import PanelOLS

from casestudies.recipes import difference_in_differences as did
from casestudies.recipes import staggered_adoption as sta

NAMES = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "start"}
STARTS = np.array([0, 0, 3, 3, 3, 5])  # by unit number modulo 6; periods are 1 to 6


def panel(rng, units=60, growth=1.0, starts=STARTS):
    """Parallel trends; the effect is `growth` times the periods since adoption plus one."""
    frame = pd.MultiIndex.from_product([range(units), range(1, 7)], names=["unit", "time"])
    frame = frame.to_frame(index=False)
    frame["start"] = starts[frame["unit"] % len(starts)]
    frame["state"] = frame["unit"] // len(starts) % 7
    frame["on"] = ((frame["start"] > 0) & (frame["time"] >= frame["start"])).astype(int)
    frame["effect"] = growth * (frame["time"] - frame["start"] + 1) * frame["on"]
    level = rng.normal(size=units)[frame["unit"]] + frame["start"]
    noise = rng.normal(size=len(frame))
    frame["y"] = level + 0.7 * frame["time"] + frame["effect"] + noise
    return frame


def stacked(frame):
    """One row per cell, unit and period of each comparison, written down from its definition."""
    rows = []
    for group in (3, 5):
        for time in range(1, 7):
            if time == group - 1:
                continue
            later = (frame["start"] == 0) | (frame["start"] > max(time, group - 1))
            part = frame[
                (later | (frame["start"] == group)) & frame["time"].isin([time, group - 1])
            ]
            own, then = part["start"] == group, part["time"] == time
            rows.append(part.assign(cell=f"{group}-{time}", own=own * 1, then=then * 1))
    return pd.concat(rows)


def stacked_fit(frame, cluster):
    rows = stacked(frame)
    fit = smf.ols("y ~ 0 + C(cell) + C(cell):(own + then + own:then)", rows).fit()
    names = [f"C(cell)[{cell}]:own:then" for cell in rows["cell"].unique()]
    covariance = fit.get_robustcov_results(
        "cluster", groups=rows[cluster].to_numpy(), use_correction=False
    ).cov_params()
    covariance = pd.DataFrame(covariance, fit.params.index, fit.params.index)
    g, n, t, k = frame[cluster].nunique(), frame["unit"].nunique(), 6, 3
    factor = g / (g - 1) * (n * t - 1) / (n * t - k * t)
    return fit.params[names].to_numpy(), factor * covariance.loc[names, names].to_numpy()


@pytest.mark.parametrize("cluster", ["unit", "state"])
def test_every_cell_is_a_two_by_two_regression_on_its_own_rows(cluster):
    frame = panel(np.random.default_rng(1))
    before = frame.copy()
    cells = sta.group_time(frame, **NAMES, cluster=cluster)
    estimates, covariance = stacked_fit(frame, cluster)
    np.testing.assert_allclose(cells["estimate"], estimates, rtol=0, atol=1e-8)
    np.testing.assert_allclose(cells["std_error"], np.sqrt(np.diag(covariance)), rtol=0, atol=1e-8)
    expected = [(g, t) for g in (3, 5) for t in range(1, 7) if t != g - 1]
    assert list(cells.index) == expected
    assert list(cells["event_time"]) == [t - g for g, t in expected]
    assert list(cells["n_treated"]) == [30] * 5 + [10] * 5
    assert list(cells["n_comparison"]) == [30, 30, 30, 20, 20] + [20] * 5
    pd.testing.assert_frame_equal(frame, before)


def weighted_answers(y, start, weights):
    """Overall effect, then event times -4 to 3 without -1, with a weight for every unit."""
    total, sums = np.zeros(2), np.zeros((2, 8))
    for group in (3, 5):
        own, size = start == group, weights[start == group].sum()
        for time in range(1, 7):
            rest = (start == 0) | (start > max(time, group))
            change = y[:, time - 1] - y[:, group - 2]
            effect = np.average(change[own], weights=weights[own])
            effect -= np.average(change[rest], weights=weights[rest])
            sums[:, time - group + 4] += size * effect, size
            total += (size * effect, size) if time >= group else (0, 0)
    return np.append(total[0] / total[1], np.delete(sums[0] / sums[1], 3))


def test_standard_errors_of_averages_are_those_of_the_infinitesimal_jackknife():
    # The influence of a unit is the derivative of the answer in its weight: it includes what
    # the unit does to the group shares.
    frame = panel(np.random.default_rng(2))
    y = frame.pivot_table("y", "unit", "time").to_numpy()
    start, ones, step = STARTS[np.arange(60) % 6], np.ones(60), 1e-5
    influence = np.array(
        [
            weighted_answers(y, start, ones + step * unit)
            - weighted_answers(y, start, ones - step * unit)
            for unit in np.eye(60)
        ]
    ) / (2 * step)
    covariance = 60 / 59 * (360 - 1) / (360 - 18) * influence.T @ influence
    answers = weighted_answers(y, start, ones)
    result, study = sta.overall_att(frame, **NAMES), sta.event_study(frame, **NAMES)
    assert result["estimate"] == pytest.approx(answers[0], abs=1e-10)
    assert result["std_error"] == pytest.approx(covariance[0, 0] ** 0.5, rel=1e-6)
    assert result["n"] == 360
    assert result.name == "overall_att"
    np.testing.assert_allclose(study["estimate"].drop(-1), answers[1:], atol=1e-10)
    ours = pd.DataFrame(study.attrs["covariance"])
    np.testing.assert_allclose(ours, covariance[1:, 1:], atol=1e-7)


def test_event_times_average_the_groups_that_reach_them():
    frame = panel(np.random.default_rng(3))
    cells = sta.group_time(frame, **NAMES)
    study = sta.event_study(frame, **NAMES)
    assert list(study.index) == [-4, -3, -2, -1, 0, 1, 2, 3]
    for event, row in study.drop(index=-1).iterrows():
        part = cells[cells["event_time"] == event]
        expected = np.average(part["estimate"], weights=part["n_treated"])
        assert row["estimate"] == pytest.approx(expected, abs=1e-12)
        if len(part) == 1:
            np.testing.assert_allclose(
                row[["std_error", "ci_low", "ci_high"]],
                part[["std_error", "ci_low", "ci_high"]].iloc[0],
                rtol=1e-10,
            )
    assert (study.loc[-1] == 0).all()
    covariance = pd.DataFrame(study.attrs["covariance"])
    assert list(covariance.index) == [-4, -3, -2, 0, 1, 2, 3]
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), study["std_error"].drop(-1))
    assert study.attrs["df"] == 59
    both = pd.concat([study, study])
    assert both.attrs == study.attrs


def test_one_adoption_date_gives_the_event_study_of_the_plain_recipe():
    frame = panel(np.random.default_rng(4))
    frame = frame[frame["start"] != 5]
    study = sta.event_study(frame, **NAMES)
    expected = did.event_study(
        frame.assign(treated=(frame["start"] > 0) * 1),
        outcome="y",
        unit="unit",
        time="time",
        treated="treated",
        first_treated_time=3,
    )
    pd.testing.assert_frame_equal(study, expected, rtol=1e-10)
    ours, theirs = (pd.DataFrame(one.attrs["covariance"]) for one in (study, expected))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-10)


def test_growing_effects_fool_two_way_fixed_effects_and_not_the_groups():
    frame = panel(np.random.default_rng(5), units=6000)
    truth = frame.loc[frame["on"] == 1, "effect"].mean()
    result = sta.overall_att(frame, **NAMES)
    assert abs(result["estimate"] - truth) < 4 * result["std_error"]
    wide = frame.set_index(["unit", "time"])
    fixed = PanelOLS(wide["y"], wide[["on"]], entity_effects=True, time_effects=True).fit()
    assert truth - fixed.params["on"] > 0.4
    study = sta.event_study(frame, **NAMES)
    expected = np.where(study.index >= 0, study.index + 1, 0)
    gap = np.abs(study["estimate"] - expected).drop(-1)
    np.testing.assert_array_less(gap, 4 * study["std_error"].drop(-1))


def test_rows_in_any_order_other_labels_and_a_start_beyond_the_data_change_nothing():
    frame = panel(np.random.default_rng(6))
    other = frame.assign(start=frame["start"].replace(0, 9).astype(float))
    other = other.assign(unit="u" + other["unit"].astype(str)).sample(frac=1, random_state=1)
    pd.testing.assert_series_equal(
        sta.overall_att(frame, **NAMES), sta.overall_att(other, **NAMES), rtol=1e-10
    )
    cells = sta.group_time(other, **NAMES)
    expected = sta.group_time(frame, **NAMES)
    np.testing.assert_allclose(cells.to_numpy(), expected.to_numpy(), rtol=1e-8)


def test_duplicating_units_within_clusters_only_changes_the_small_sample_factor():
    frame = panel(np.random.default_rng(7))
    twins = pd.concat([frame, frame.assign(unit=frame["unit"] + 1000)])
    twins["family"] = twins["unit"] % 1000
    single = sta.overall_att(frame, **NAMES)
    double = sta.overall_att(twins, **NAMES, cluster="family")
    ratio = (720 - 1) / (720 - 18) / ((360 - 1) / (360 - 18))
    assert double["estimate"] == pytest.approx(single["estimate"], abs=1e-12)
    assert double["std_error"] == pytest.approx(single["std_error"] * ratio**0.5, rel=1e-10)


def test_groups_of_two_units_and_a_start_in_the_last_period_count():
    frame = panel(np.random.default_rng(10), units=6, starts=np.array([0, 0, 2, 2, 6, 6]))
    cells = sta.group_time(frame, **NAMES)
    y = frame.pivot_table("y", "unit", "time")
    change = y[6] - y[5]
    expected = change.loc[[4, 5]].mean() - change.loc[[0, 1]].mean()
    assert cells.loc[(6, 6), "estimate"] == pytest.approx(expected, abs=1e-12)
    change = y[5] - y[1]
    expected = change.loc[[2, 3]].mean() - change.loc[[0, 1, 4, 5]].mean()
    assert cells.loc[(2, 5), "estimate"] == pytest.approx(expected, abs=1e-12)


def test_cells_without_a_comparison_are_shown_as_missing():
    frame = panel(np.random.default_rng(8), starts=np.array([3, 3, 5]))
    cells = sta.group_time(frame, **NAMES)
    lost = cells[cells["n_comparison"] == 0]
    assert list(lost.index) == [(3, 5), (3, 6), (5, 1), (5, 2), (5, 3), (5, 5), (5, 6)]
    assert lost[["estimate", "std_error", "ci_low", "ci_high"]].isna().all().all()
    kept = cells.drop(lost.index)
    assert list(kept.index) == [(3, 1), (3, 3), (3, 4)]
    result = sta.overall_att(frame, **NAMES)
    assert result["estimate"] == pytest.approx(kept["estimate"].iloc[1:].mean(), abs=1e-12)
    assert list(sta.event_study(frame, **NAMES).index) == [-2, -1, 0, 1]


UNEVEN = [2004, 2006, 2008, 2011, 2013]


def uneven_waves(times=UNEVEN):
    """Units in uneven waves; an effect of half a point for each year since the start.

    Of the three in each group one rises by a point a wave and one falls.
    """
    frame = pd.DataFrame({"unit": np.repeat(range(9), 5), "wave": np.tile(range(5), 9)})
    frame["start"] = np.array([0, 2008, 2011])[frame["unit"] % 3]
    year = np.array(UNEVEN)[frame["wave"]]
    on = (frame["start"] > 0) & (year >= frame["start"])
    noise = (frame["unit"] // 3 - 1) * frame["wave"]
    frame["y"] = frame["unit"] + on * (year - frame["start"]) / 2 + noise
    frame["time"] = pd.Index(times)[frame["wave"]]
    begin = {0: 0, 2008: times[2], 2011: times[3]}
    if not isinstance(times[0], int | float):
        begin[0] = times[-1] + pd.Timedelta(days=1)
    return frame.assign(start=frame["start"].map(begin))


@pytest.mark.parametrize("dated", [False, True])
def test_waves_that_are_uneven_are_averaged_by_the_time_since_adoption(dated):
    times = [pd.Timestamp(year, 7, 1) for year in UNEVEN] if dated else UNEVEN
    study = sta.event_study(uneven_waves(times), **NAMES)
    # By hand: half a point a year, for the group of 2008 after 0, 3 and 5 years, for that of
    # 2011 after 0 and 2. The last waves before are 2 and 3 years back.
    expected = {-7: 0, -5: 0, -4: 0, -3: 0, -2: 0, 0: 0, 2: 1, 3: 1.5, 5: 2.5}
    assert study["estimate"].to_dict() == expected
    assert study.attrs["reference"] == [-3, -2]
    assert list(pd.DataFrame(study.attrs["covariance"])) == [-7, -5, -4, 0, 2, 3, 5]
    cells = sta.group_time(uneven_waves(times), **NAMES)
    assert list(cells["event_time"]) == [-4, 0, 3, 5, -7, -5, 0, 2]
    assert list(cells.index) == [(times[g], times[t]) for g, t in PLACES]


PLACES = [(2, 0), (2, 2), (2, 3), (2, 4), (3, 0), (3, 1), (3, 3), (3, 4)]


def test_a_group_counts_where_an_event_time_is_another_group_s_reference():
    frame = panel(np.random.default_rng(12))
    frame["time"] = np.array([0, 1, 3, 4, 5, 7, 8])[frame["time"]]
    frame["start"] = np.array([0, 1, 3, 4, 5, 7, 8])[frame["start"]]
    study, cells = sta.event_study(frame, **NAMES), sta.group_time(frame, **NAMES)
    # Those who begin in 4 look back to 3, those who begin in 7 to 5: -1 and -2.
    assert study.attrs["reference"] == [-2, -1]
    for event, part in cells.groupby("event_time"):
        average = np.average(part["estimate"], weights=part["n_treated"])
        assert study.loc[event, "estimate"] == pytest.approx(average, abs=1e-12)
    alone = sorted({-2, -1} - set(cells["event_time"]))
    assert (study.loc[alone] == 0).all(axis=None)


def test_event_times_of_fractions_of_a_year_meet_in_spite_of_rounding():
    frame = panel(np.random.default_rng(13))
    expected = sta.event_study(frame, **NAMES)
    frame["time"], frame["start"] = 2004 + frame["time"] / 12, frame["start"].to_numpy()
    frame["start"] = np.where(frame["start"] > 0, 2004 + frame["start"] / 12, 0)
    study = sta.event_study(frame, **NAMES)
    assert list(study.index) == pytest.approx([k / 12 for k in expected.index], abs=1e-8)
    np.testing.assert_allclose(study, expected, rtol=1e-9, atol=1e-12)


def test_never_treated_is_zero_infinite_missing_or_beyond_the_data():
    frame = panel(np.random.default_rng(14))
    expected = sta.overall_att(frame, **NAMES)
    for mark in (np.inf, np.nan, 7, 1e300):
        other = frame.assign(start=frame["start"].astype(float).replace(0, mark))
        pd.testing.assert_series_equal(sta.overall_att(other, **NAMES), expected, rtol=1e-12)
        other = other.assign(start=other["start"].astype(object))
        pd.testing.assert_series_equal(sta.overall_att(other, **NAMES), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="'start' has 120 infinite"):
        sta.overall_att(frame.assign(start=frame["start"].replace(0, -np.inf)), **NAMES)


def dated(frame, dtype=None):
    """Periods and starts as the first days of months."""
    months = pd.date_range("2020-01-01", periods=7, freq="MS")
    start = pd.Series(months[frame["start"]], frame.index).where(frame["start"] > 0)
    return frame.assign(time=months[frame["time"]], start=start)


def test_dates_give_the_answers_of_numbers():
    frame = panel(np.random.default_rng(15))
    other = dated(frame)
    other["start"] = other["start"].fillna(pd.Timestamp("2030-01-01"))
    study = sta.event_study(other, **NAMES)
    pd.testing.assert_frame_equal(study, sta.event_study(frame, **NAMES), rtol=1e-12)
    cells = sta.group_time(other, **NAMES)
    assert cells.index[0] == (pd.Timestamp("2020-04-01"), pd.Timestamp("2020-02-01"))
    early = {**NAMES, "anticipation": 1}
    expected = sta.overall_att(frame, **early)
    pd.testing.assert_series_equal(sta.overall_att(dated(frame), **early), expected, rtol=1e-12)


REMEDIES = {
    "zero among dates": (
        lambda f: dated(f).assign(start=lambda g: g["start"].astype(object).fillna(0)),
        r"'start' holds .* convert it, for example with pd.to_datetime\(data\['start'\]"
        r".replace\(0, pd.Timestamp\('2262-01-01'\)\)\)",
        lambda f: f.assign(start=pd.to_datetime(f["start"].replace(0, pd.Timestamp("2262-01-01")))),
    ),
    "numbers among dates": (
        lambda f: dated(f).assign(start=f["start"]),
        r"'start' holds int64 values such as 0, and 'time' datetime64.*both as such dates, with "
        "one after the last for never treated, or none",
        lambda f: f.assign(
            start=f["start"].map(
                {0: pd.Timestamp("2030-01-01")} | {k: pd.Timestamp(2020, k + 1, 1) for k in (3, 5)}
            )
        ),
    ),
    "text with a word": (
        lambda f: f.assign(start=f["start"].astype(str).replace("0", "never")),
        r"pd.to_numeric\(data\['start'\].replace\('never', 0\)\)",
        lambda f: f.assign(start=pd.to_numeric(f["start"].replace("never", 0))),
    ),
    "periods from zero": (
        lambda f: f.assign(time=f["time"] - 1, start=(f["start"] - 1).clip(lower=0)),
        r"has a period 0; write inf for never treated, data\['start'\].astype\(float\)"
        r".replace\(0, np.inf\)",
        lambda f: f.assign(start=f["start"].astype(float).replace(0, np.inf)),
    ),
    "a word beside infinity": (
        lambda f: f.assign(start=f["start"].astype(object).replace({0: np.inf, 5: "five"})),
        r"'start' holds object values such as .*pd.to_numeric\(data\['start'\]",
        lambda f: f.assign(start=pd.to_numeric(f["start"].replace("five", 5))),
    ),
    "dates of which one column has a zone": (
        lambda f: dated(f).assign(time=lambda g: g["time"].dt.tz_localize("UTC")),
        "'start' holds datetime64.* and 'time' datetime64.*, UTC.*both as such dates",
        lambda f: f.assign(start=f["start"].dt.tz_localize("UTC")),
    ),
    "text for periods": (
        lambda f: f.assign(time=f["time"].astype(str)),
        r"'time' holds object values such as '1'.*pd.to_numeric\(data\['time'\]\)",
        lambda f: f.assign(time=pd.to_numeric(f["time"])),
    ),
}


@pytest.mark.filterwarnings("ignore:Downcasting")  # pandas 2 warns of what the advice does
@pytest.mark.parametrize("call", [sta.group_time, sta.event_study, sta.overall_att])
@pytest.mark.parametrize("case", REMEDIES)
def test_the_advice_of_a_refusal_works_and_keeps_the_comparison(case, call):
    frame = panel(np.random.default_rng(16))
    make, message, repair = REMEDIES[case]
    made = make(frame)
    with pytest.raises(ValueError, match=message):
        call(made, **NAMES)
    found, expected = call(repair(made), **NAMES), call(frame, **NAMES)
    kept = ["estimate", "std_error", "ci_low", "ci_high"]
    np.testing.assert_allclose(found[kept], expected[kept], rtol=1e-9)


ADVICE = {
    "one that compares": (
        lambda f: f[(f["start"] != 0) | (f["unit"] == 0)],
        "End the data before 5, find more clusters",
        lambda f: f[f["time"] < 5],
    ),
    "no period before": (
        lambda f: f.assign(start=f["start"].replace(5, 1)),
        "give a period in the data, a later one for never treated, or drop these units",
        lambda f: f[f["start"] != 1],
    ),
    "another number for never": (
        lambda f: f.assign(start=f["start"].replace(0, -1)),
        r"20 unit\(s\) begin in -1, .* a later one for never treated",
        lambda f: f.assign(start=f["start"].replace(-1, 7)),
    ),
    "a gap": (
        lambda f: f.drop(index=9),
        r"data\[data.groupby\('unit'\)\['time'\].transform\('size'\) == 6\]",
        lambda f: f[f.groupby("unit")["time"].transform("size") == 6],
    ),
    "a unit twice": (
        lambda f: pd.concat([f, f[:3]]),
        r"data.groupby\(\['unit', 'time', 'start'\], as_index=False\)",
        lambda f: f.groupby(["unit", "time", "start"], as_index=False).mean(numeric_only=True),
    ),
    "a start that comes with the treatment": (
        lambda f: f.assign(start=f["start"] * f["on"]),
        r"data.groupby\('unit'\)\['start'\].transform\('max'\)",
        lambda f: f.assign(start=f.groupby("unit")["start"].transform("max")),
    ),
}


@pytest.mark.parametrize("call", [sta.group_time, sta.event_study, sta.overall_att])
def test_an_anticipation_longer_than_the_data_is_refused_and_the_advice_works(call):
    frame = panel(np.random.default_rng(17))
    for early in (5, 60):
        with pytest.raises(ValueError, match="'time' has 6; give at most 4, or add earlier"):
            call(frame, **NAMES, anticipation=early)
    with pytest.raises(ValueError, match=r"anticipation=4 leaves untouched .* drop these units"):
        call(frame, **NAMES, anticipation=4)
    late = frame.assign(start=frame["start"].replace(5, 6))
    assert len(call(late[late["start"] != 3], **NAMES, anticipation=4))


@pytest.mark.parametrize("case", ADVICE)
def test_following_the_advice_gives_an_answer(case):
    make, message, repair = ADVICE[case]
    made = make(panel(np.random.default_rng(17)))
    with pytest.raises(ValueError, match=message):
        sta.overall_att(made, **NAMES)
    assert np.isfinite(sta.overall_att(repair(made), **NAMES)).all()


def test_repeated_cross_sections_are_sent_to_two_by_two():
    frame = panel(np.random.default_rng(18))
    frame = frame[frame["unit"] % 6 + 1 == frame["time"]].assign(start=lambda f: f["unit"] % 4)
    frame = frame.assign(start=frame["start"].map({0: 0, 1: 3, 2: 0, 3: 5}))
    with pytest.raises(ValueError, match="one such group at a time; it takes units that are seen"):
        sta.overall_att(frame, **NAMES)
    one = frame[frame["start"].isin([0, 3])]
    one = one.assign(treated=(one["start"] == 3) * 1, post=(one["time"] >= 3) * 1)
    roles = {"outcome": "y", "unit": "unit", "treated": "treated", "post": "post"}
    assert np.isfinite(did.two_by_two(one, **roles)).all()


def test_an_outcome_without_noise_is_refused_and_cells_without_beside_others_are_shown():
    frame = panel(np.random.default_rng(19))
    for call in (sta.group_time, sta.event_study, sta.overall_att):
        with pytest.raises(ValueError, match="'y' is 2 in all 360 rows"):
            call(frame.assign(y=2), **NAMES)
    noise = frame["y"] * frame["on"]
    frame["y"] = frame["unit"] + 4.0 * frame["on"]
    for call in (sta.group_time, sta.event_study, sta.overall_att):
        with pytest.raises(ValueError, match="'y': rows that are compared are alike"):
            call(frame, **NAMES)
    for call in (sta.group_time, sta.event_study):
        some = call(frame.assign(y=frame["y"] + noise), **NAMES)["std_error"]
        assert some.min() == 0 < some.max()


def test_options_are_checked_like_columns():
    frame = panel(np.random.default_rng(20))
    for call in (sta.group_time, sta.event_study, sta.overall_att):
        for changes, message in [
            ({"cluster": ""}, "cluster must name a column, as a string, got ''"),
            ({"outcome": None}, "outcome must name a column, as a string, got None"),
            ({"first_treated": ["start"]}, r"first_treated must name one column, got \['start'\]"),
            ({"time": "start"}, "column 'start' is given more than one role"),
            ({"level": np.nan}, "level must lie between 0 and 1, got nan"),
        ]:
            with pytest.raises(ValueError, match=message):
                call(frame, **{**NAMES, **changes})


def test_refusals():
    frame = panel(np.random.default_rng(9))

    def run(data, **names):
        return sta.overall_att(data, **(NAMES | names))

    with pytest.raises(ValueError, match=r"unit = 8 has no row for time = 4 \(1 such gap"):
        run(frame[(frame["unit"] != 8) | (frame["time"] != 4)])
    with pytest.raises(ValueError, match="unit = 8 is seen more than once with time = 4"):
        run(pd.concat([frame, frame[(frame["unit"] == 8) & (frame["time"] == 4)]]))
    with pytest.raises(ValueError, match="'start' changes within unit = 0"):
        run(frame.assign(start=frame["start"] + frame["time"]))
    with pytest.raises(
        ValueError, match="10 unit\\(s\\) begin in 1, which has no period before it"
    ):
        run(frame.assign(start=frame["start"].replace(5, 1)))
    with pytest.raises(ValueError, match=r"10 unit\(s\) begin in 0\.5"):  # the earliest
        run(frame.assign(start=frame["start"].replace({3: 1, 5: 0.5})))
    with pytest.raises(ValueError, match=r"10 unit\(s\) begin in 4\.5, which is not a period"):
        run(frame.assign(start=frame["start"].replace(5, 4.5)))
    with pytest.raises(ValueError, match="no unit begins within the data"):
        run(frame[frame["start"] == 0])
    with pytest.raises(ValueError, match="all units begin in 3, so none compares"):
        run(frame[frame["start"] == 3])
    with pytest.raises(ValueError, match="one cluster makes up the comparison of the group that"):
        run(frame[(frame["start"] != 0) | (frame["unit"] == 0)])
    with pytest.raises(ValueError, match="one cluster makes up all that is treated"):
        run(frame[(frame["start"] == 0) | (frame["unit"] == 5)])
    with pytest.raises(ValueError, match="'start' uses 0 for never treated, but 'time' has a"):
        run(frame.assign(time=frame["time"] - 1))
    with pytest.raises(ValueError, match="column 'y' has no rows; check the filter"):
        run(frame[:0])
    with pytest.raises(ValueError, match="'start' is missing in all 360 rows"):
        run(frame.assign(start=np.nan))
    with pytest.raises(ValueError, match=r"'time' holds .* not numbers"):
        run(frame.assign(time="m" + frame["time"].astype(str)))
    with pytest.raises(ValueError, match=r"'state' changes within unit = 0 \(60 such case"):
        run(frame.assign(state=frame["time"]), cluster="state")
    with pytest.raises(ValueError, match="no column 'sate' in data; did you mean 'state'"):
        run(frame, cluster="sate")
    for call in (sta.group_time, sta.event_study, sta.overall_att):
        with pytest.raises(ValueError, match="level must lie between 0 and 1, got 2"):
            call(frame, **NAMES, level=2)
