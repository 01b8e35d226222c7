"""Panels as they come: units with gaps, repeated cross-sections, groups of one, other bases."""

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from casestudies.recipes import difference_in_differences as did
from casestudies.recipes import few_clusters, honest_bounds, pretrends
from casestudies.recipes import staggered_adoption as sta

NAMES = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "start"}
ARMS = {"outcome": "y", "unit": "unit", "time": "time", "treated": "treated"}
CROSS = {key: name for key, name in NAMES.items() if key != "unit"}
STARTS = np.array([0, 0, 3, 3, 3, 5])  # by unit number modulo 6; periods are 1 to 6
ENTRIES = ["estimate", "std_error", "ci_low", "ci_high"]


def balanced(seed, units=48):
    """Parallel trends, effects that grow, in clusters of eight units, weights in tenths."""
    rng = np.random.default_rng(seed)
    frame = pd.MultiIndex.from_product([range(units), range(1, 7)], names=["unit", "time"])
    frame = frame.to_frame(index=False)
    frame["start"] = STARTS[frame["unit"] % 6]
    frame["state"] = frame["unit"] // 3 % 9
    frame["w"] = rng.integers(2, 30, units)[frame["unit"]] / 10
    on = (frame["start"] > 0) & (frame["time"] >= frame["start"])
    level = rng.normal(size=units)[frame["unit"]] + frame["start"] + 0.7 * frame["time"]
    frame["y"] = level + on * (frame["time"] - frame["start"] + 1) + rng.normal(size=len(frame))
    return frame.assign(treated=(frame["start"] == 3) * 1)


def gappy(seed, units=48, share=0.8):
    frame = balanced(seed, units)
    return frame[np.random.default_rng(seed + 100).random(len(frame)) < share]


# Written down from the definitions: a loop over groups and periods, on tables of units by periods.


def tables(frame):
    """Outcomes, weights (0 where not seen) and starts; a row for each unit."""
    wide = frame.pivot_table(index="unit", columns="time", values=["y", "v"], aggfunc="first")
    y, v = (wide[name].reindex(columns=range(1, 7)) for name in ("y", "v"))
    start = frame.groupby("unit")["start"].first()
    return y.fillna(0).to_numpy(), v.fillna(0).to_numpy(), start.to_numpy()


def change(y, v, own, rest, time, base, paired):
    """The difference in weighted mean changes, and the weight of the treated in the period."""
    now, then = v[:, time - 1], v[:, base - 1]
    if paired:
        now, then = now * (then > 0), then * (now > 0)
    own_now, own_then, rest_now, rest_then = (
        np.average(y[side, when - 1], weights=weight[side])
        for side in (own, rest)
        for when, weight in ((time, now), (base, then))
    )
    return own_now - own_then - (rest_now - rest_then), now[own].sum()


def by_hand(y, v, start, paired=True, early=0, varying=False):
    """Cells of group and period as a dictionary of effect and weight."""
    cells = {}
    for group, time in itertools.product((3, 5), range(1, 7)):
        base = group - 1 - early
        if varying and time <= base:
            base = time - 1
        if time == base or base < 1:
            continue
        rest = (start != group) & ((start == 0) | (start > max(time, base) + early))
        cells[group, time] = change(y, v, start == group, rest, time, base, paired)
    return cells


def averages(cells):
    """The effect over all treated, and by event time."""
    events = sorted({time - group for group, time in cells})
    parts = [[v for (g, t), v in cells.items() if t >= g]]
    parts += [[v for (g, t), v in cells.items() if t - g == event] for event in events]
    return np.array(
        [np.average(effect, weights=w) for effect, w in (np.transpose(p) for p in parts)]
    )


def entering(frame):
    """The rows of units that are seen in both periods of some comparison of their own."""
    seen = frame.groupby("unit")["time"].agg(set)
    start = frame.groupby("unit")["start"].first()
    used = [
        any(
            {time, group - 1} <= seen[unit]
            and (start[unit] in (0, group) or start[unit] > max(time, group))
            for group, time in itertools.product((3, 5), range(1, 7))
            if time != group - 1
        )
        for unit in seen.index
    ]
    return frame[frame["unit"].isin(seen.index[used])]


def jackknifed(frame, answer, cluster):
    """The sum of squares over clusters of the derivative of the answer in their weight."""
    y, v, start = tables(frame)
    codes = frame.assign(of=frame[cluster]).pivot_table(index="unit", columns="time", values="of")
    codes, step, influence = codes.reindex(columns=range(1, 7)).to_numpy(), 1e-5, []
    for name in frame[cluster].unique():
        ends = [answer(y, v * (1 + s * (codes == name)), start) for s in (step, -step)]
        influence.append((ends[0] - ends[1]) / (2 * step))
    influence = np.array(influence)
    g, n, k = len(influence), len(frame), len(frame.groupby(["start", "time"]))
    return g / (g - 1) * (n - 1) / (n - k) * influence.T @ influence


MODES = {
    "pairs by unit": ("pairs", "unit", NAMES, {}, None),
    "pairs by state": ("pairs", "state", NAMES, {"cluster": "state"}, None),
    "pairs with weights": ("pairs", "unit", NAMES, {"weights": "w"}, "w"),
    "rows by unit": ("cross_sections", "unit", NAMES, {}, None),
    "rows alone": ("cross_sections", "row", CROSS, {}, None),
    "rows by state": ("cross_sections", "state", CROSS, {"cluster": "state"}, None),
    "rows with weights": ("cross_sections", "row", CROSS, {"weights": "w"}, "w"),
}


@pytest.mark.parametrize("mode", MODES)
def test_gaps_give_the_means_of_the_definition_and_the_errors_of_the_infinitesimal_jackknife(mode):
    panel, cluster, names, options, weights = MODES[mode]
    frame = gappy(1, units=24)
    frame = frame.assign(v=frame[weights] if weights else 1.0, row=np.arange(len(frame)))
    before = frame.copy()
    paired = panel == "pairs"
    cells = by_hand(*tables(frame), paired)
    found = sta.group_time(frame, **names, panel=panel, **options)
    assert list(found.index) == list(cells)
    np.testing.assert_allclose(found["estimate"], [v[0] for v in cells.values()], atol=1e-10)

    def answer(*held):
        held = by_hand(*held, paired)
        return np.append([v[0] for v in held.values()], averages(held))

    used = entering(frame) if paired else frame
    covariance = jackknifed(used, answer, cluster)
    errors, width = np.sqrt(np.diag(covariance)), len(cells)
    np.testing.assert_allclose(found["std_error"], errors[:width], rtol=1e-6)
    overall = sta.overall_att(frame, **names, panel=panel, **options)
    study = sta.event_study(frame, **names, panel=panel, **options).drop(-1)
    expected = answer(*tables(frame))[width:]
    np.testing.assert_allclose([overall["estimate"], *study["estimate"]], expected, atol=1e-10)
    found = [overall["std_error"], *study["std_error"]]
    np.testing.assert_allclose(found, errors[width:], rtol=1e-6)
    ours = pd.DataFrame(study.attrs["covariance"])
    np.testing.assert_allclose(ours, covariance[width + 1 :, width + 1 :], rtol=1e-5, atol=1e-9)
    assert study.attrs["df"] == used[cluster].nunique() - 1
    assert overall["n"] == len(used)
    if paired:
        assert overall.attrs["units_left_out"] == frame["unit"].nunique() - used["unit"].nunique()
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(("early", "varying"), [(1, False), (0, True), (1, True)])
@pytest.mark.parametrize("panel", ["balanced", "pairs"])
def test_anticipation_and_a_varying_base_give_the_means_of_the_definition(panel, early, varying):
    frame = (balanced if panel == "balanced" else gappy)(2).assign(v=1.0)
    expected = by_hand(*tables(frame), True, early, varying)
    options = {"panel": panel, "anticipation": early}
    base = "varying" if varying else "universal"
    cells = sta.group_time(frame, **NAMES, **options, base=base)
    assert list(cells.index) == list(expected)
    np.testing.assert_allclose(cells["estimate"], [v[0] for v in expected.values()], atol=1e-10)
    study = sta.event_study(frame, **NAMES, **options, base=base)
    assert (-1 - early in study.index[study["std_error"] == 0]) == (not varying)
    estimates = study["estimate"].drop([] if varying else -1 - early)
    np.testing.assert_allclose(estimates, averages(expected)[1:], atol=1e-10)
    overall = sta.overall_att(frame, **NAMES, **options)
    assert overall["estimate"] == pytest.approx(averages(expected)[0], abs=1e-10)


def test_a_unit_that_begins_beyond_the_data_may_anticipate_and_one_that_never_begins_does_not():
    frame = balanced(3).assign(v=1.0)
    never = sta.overall_att(frame, **NAMES, anticipation=1)
    for mark in (np.inf, np.nan, None):
        other = frame.assign(start=frame["start"].astype(object).replace({0: mark}))
        pd.testing.assert_series_equal(sta.overall_att(other, **NAMES, anticipation=1), never)
    later = sta.group_time(frame.replace({"start": {0: 7}}), **NAMES, anticipation=1)
    assert list(later.loc[3, "n_comparison"]) == [24, 24, 16, 16, 0]
    assert list(later.loc[5, "n_comparison"]) == [16, 16, 16, 16, 0]


def test_every_cell_of_pairs_is_a_regression_on_the_units_seen_in_both_periods():
    frame = gappy(4)
    cells, used = sta.group_time(frame, **NAMES, panel="pairs", cluster="state"), entering(frame)
    assert len(used) < len(frame)
    for (group, time), cell in cells.iterrows():
        rows = frame[frame["time"].isin([time, group - 1])]
        rows = rows[rows.groupby("unit")["time"].transform("size") == 2]
        rest = (rows["start"] != group) & (
            (rows["start"] == 0) | (rows["start"] > max(group, time))
        )
        rows = rows[(rows["start"] == group) | rest]
        rows = rows.assign(own=(rows["start"] == group) * 1, then=(rows["time"] == time) * 1)
        fit = smf.ols("y ~ own * then", rows).fit(
            cov_type="cluster",
            cov_kwds={"groups": rows["state"], "use_correction": False},
        )
        g, n, k = 9, len(used), 18
        factor = g / (g - 1) * (n - 1) / (n - k)
        assert cell["estimate"] == pytest.approx(fit.params["own:then"], abs=1e-9)
        assert cell["std_error"] == pytest.approx(factor**0.5 * fit.bse["own:then"], rel=1e-9)
        size = rows.drop_duplicates("unit")["own"].value_counts()
        assert (cell["n_treated"], cell["n_comparison"]) == (size[1], size[0])


@pytest.mark.parametrize("names", [NAMES, CROSS])
def test_every_cell_of_cross_sections_is_a_regression_on_the_rows_of_both_periods(names):
    frame = gappy(5).assign(row=lambda f: np.arange(len(f)))
    cells = sta.group_time(frame, **names, panel="cross_sections")
    cluster = "unit" if "unit" in names else "row"
    for (group, time), cell in cells.iterrows():
        rows = frame[frame["time"].isin([time, group - 1])]
        rest = (rows["start"] != group) & (
            (rows["start"] == 0) | (rows["start"] > max(group, time))
        )
        rows = rows[(rows["start"] == group) | rest]
        rows = rows.assign(own=(rows["start"] == group) * 1, then=(rows["time"] == time) * 1)
        fit = smf.ols("y ~ own * then", rows).fit(
            cov_type="cluster",
            cov_kwds={"groups": rows[cluster], "use_correction": False},
        )
        g, n = frame[cluster].nunique(), len(frame)
        factor = g / (g - 1) * (n - 1) / (n - 18)
        assert cell["estimate"] == pytest.approx(fit.params["own:then"], abs=1e-9)
        assert cell["std_error"] == pytest.approx(factor**0.5 * fit.bse["own:then"], rel=1e-9)
        assert cell["n_treated"] + cell["n_comparison"] == len(rows)


def test_a_balanced_panel_has_the_same_answer_whatever_it_is_called():
    frame = balanced(6)
    for call in (sta.group_time, sta.event_study, sta.overall_att):
        expected = call(frame, **NAMES)
        for panel in ("pairs", "cross_sections"):
            found = call(frame, **NAMES, panel=panel)
            np.testing.assert_allclose(found[ENTRIES], expected[ENTRIES], rtol=1e-9, atol=1e-12)
            assert found.attrs["rows_left_out"] == 0
    expected = did.event_study(frame, **ARMS, first_treated_time=3)
    placebo = did.placebo(frame, **ARMS, first_treated_time=5)
    for panel in ("pairs", "cross_sections"):
        found = did.event_study(frame, **ARMS, first_treated_time=3, panel=panel)
        np.testing.assert_allclose(found[ENTRIES], expected[ENTRIES], rtol=1e-9, atol=1e-12)
        found = did.placebo(frame, **ARMS, first_treated_time=5, panel=panel)
        np.testing.assert_allclose(found["estimate"], placebo["estimate"], rtol=1e-9)
    found = did.placebo(frame, **ARMS, first_treated_time=5, panel="pairs")
    np.testing.assert_allclose(found, placebo, rtol=1e-9)


@pytest.mark.parametrize("panel", ["pairs", "cross_sections"])
def test_the_plain_event_study_with_gaps_is_the_staggered_one_of_a_single_date(panel):
    frame = gappy(7).query("start != 5")
    study = did.event_study(frame, **ARMS, first_treated_time=3, panel=panel)
    expected = sta.event_study(frame, **NAMES, panel=panel)
    pd.testing.assert_frame_equal(study, expected, rtol=1e-10)
    ours, theirs = (pd.DataFrame(one.attrs["covariance"]) for one in (study, expected))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-10)
    assert study.attrs["rows_left_out"] == expected.attrs["rows_left_out"]
    assert list(study.columns[-2:]) == ["n_treated", "n_comparison"]
    tested = pretrends.pretrend_test(study)
    assert 0 < tested["p_value"] < 1


@pytest.mark.parametrize("panel", ["pairs", "cross_sections"])
def test_a_placebo_date_with_gaps_averages_all_pairs_of_a_later_and_an_earlier_period(panel):
    frame = (
        gappy(8, units=18)
        .query("start != 5")
        .assign(start=lambda f: f["start"].replace(3, 5), v=1.0)
    )
    rows = did.placebo(frame, **ARMS, first_treated_time=5, panel=panel)

    def answer(y, v, start, fake):
        sides = start == 5, start == 0
        pairs = itertools.product(range(fake, 5), range(1, fake))
        return np.mean([change(y, v, *sides, *pair, panel == "pairs")[0] for pair in pairs])

    early = frame[frame["time"] < 5]
    y, v, start = tables(early)
    for fake, row in rows.iterrows():
        assert row["estimate"] == pytest.approx(answer(y, v, start, fake), abs=1e-10)
        step, influence = 1e-5, []
        for unit in np.eye(len(y)):
            ends = [
                answer(y, v * (1 + s * unit[:, np.newaxis]), start, fake) for s in (step, -step)
            ]
            influence.append((ends[0] - ends[1]) / (2 * step))
        influence = np.array([value for value in influence if value])
        g, n = len(influence), row["n"]
        variance = g / (g - 1) * (n - 1) / (n - 4) * influence @ influence
        assert row["std_error"] == pytest.approx(variance**0.5, rel=1e-6)
        if panel == "cross_sections":
            assert n == len(early)


def test_who_enters_nothing_is_counted_and_does_not_move_the_answer():
    frame = balanced(9)
    alone = (frame["unit"] == 0) & (frame["time"] == 4)
    kept = frame[(frame["unit"] != 0) | alone]
    expected = sta.overall_att(frame[frame["unit"] != 0], **NAMES)
    found = sta.overall_att(kept, **NAMES, panel="pairs")
    pd.testing.assert_series_equal(found, expected, rtol=1e-12)
    assert found.attrs == {"rows_left_out": 1, "units_left_out": 1}
    for call in (sta.group_time, sta.event_study):
        assert call(kept, **NAMES, panel="pairs").attrs["units_left_out"] == 1
    # A unit seen once before all others compare nothing with: its group's base is 2.
    odd = (frame["unit"] != 2) | frame["time"].isin([2, 5])
    found = sta.group_time(frame[odd], **NAMES, panel="pairs")
    assert found.attrs["units_left_out"] == 0
    assert list(found.loc[3, "n_treated"]) == [23, 23, 23, 24, 23]
    study = did.event_study(kept.query("start != 5"), **ARMS, first_treated_time=3, panel="pairs")
    assert study.attrs["units_left_out"] == 1
    assert study.loc[-1, ["n_treated", "n_comparison"]].tolist() == [0, 0]
    assert study.loc[0, ["n_treated", "n_comparison"]].tolist() == [24, 15]


def test_a_period_without_anybody_to_compare_is_missing_and_the_rest_stays():
    frame = balanced(10)
    cut = frame[(frame["start"] != 3) | (frame["time"] != 4)]
    cells = sta.group_time(cut, **NAMES, panel="pairs")
    assert cells.loc[(3, 4), "n_treated"] == 0
    assert cells.loc[(3, 4), ENTRIES].isna().all()
    expected = sta.group_time(frame, **NAMES)
    np.testing.assert_allclose(cells.loc[5, "estimate"], expected.loc[5, "estimate"], rtol=1e-12)
    plain = cut.query("start != 5")
    study = did.event_study(plain, **ARMS, first_treated_time=3, panel="pairs")
    assert study.loc[1, ENTRIES].isna().all()
    kept = study.drop(index=1)
    assert np.isfinite(kept).all(axis=None)
    assert np.isfinite(honest_bounds.trend_bounds(kept.loc[-2:0])["ci_low"]).all()


def test_cells_of_cross_sections_give_the_answer_of_their_rows():
    frame = gappy(11)
    cells = frame.groupby(["state", "start", "time"], as_index=False).agg(
        n=("y", "size"), y_mean=("y", "mean"), y_var=("y", lambda y: y.var(ddof=0))
    )
    options = {**CROSS, "cluster": "state", "panel": "cross_sections"}
    for call in (sta.group_time, sta.event_study, sta.overall_att):
        found, expected = call(cells, **options, size="n"), call(frame, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        assert found.attrs["rows_left_out"] == expected.attrs["rows_left_out"]
        with pytest.raises(ValueError, match="cells do not tell who was seen in both periods"):
            call(cells, **{**options, "panel": "pairs"}, size="n")
        with pytest.raises(ValueError, match="whoever is seen, by panel='cross_sections'"):
            call(cells, **{**options, "panel": "balanced"}, size="n")


def test_gaps_that_have_nothing_to_do_with_trends_leave_the_estimate_where_the_truth_is():
    estimates, errors = [], []
    for seed in range(40):
        frame = gappy(1000 + seed, units=48, share=0.8)
        result = sta.event_study(frame, **NAMES, panel="pairs")
        estimates.append(result.loc[[0, 1, 2], "estimate"])
        errors.append(result.loc[[0, 1, 2], "std_error"])
    mean, spread = np.mean(estimates, axis=0), np.std(estimates, axis=0, ddof=1)
    assert (np.abs(mean - [1, 2, 3]) < 4 * spread / 40**0.5).all()
    ratio = np.sqrt(np.mean(np.square(errors), axis=0)) / spread
    assert (np.abs(ratio - 1) < 4 / 80**0.5).all()


# Groups of one.


def test_a_group_of_one_has_no_error_by_itself_and_one_in_the_average():
    frame = balanced(12)
    frame = frame[(frame["start"] != 5) | (frame["unit"] == 5)]
    cells = sta.group_time(frame, **NAMES)
    assert cells.loc[5, ["std_error", "ci_low", "ci_high"]].isna().all(axis=None)
    assert np.isfinite(cells.loc[5, "estimate"]).all()
    assert np.isfinite(cells.loc[3, "std_error"]).all()
    assert "std_error is missing at '5 in 1', '5 in 2'" in cells.attrs["warning"]
    assert sta.group_time(balanced(12), **NAMES).attrs["warning"] == ""

    def answer(*held):
        return averages(by_hand(*held))

    covariance = jackknifed(frame.assign(v=1.0), answer, "unit")
    overall, study = sta.overall_att(frame, **NAMES), sta.event_study(frame, **NAMES)
    assert overall["std_error"] == pytest.approx(covariance[0, 0] ** 0.5, rel=1e-6)
    alone = study.index[study["std_error"].isna()]
    assert list(alone) == [-4, -3]  # event times that the group of one reaches alone
    assert "std_error is missing at -4, -3" in study.attrs["warning"]
    errors = np.sqrt(np.diag(covariance))[1:]
    rest = [1, 2, 3, 4, 5, 6]  # -2, and 0 to 3 with -1 left out of the table
    found = study["std_error"].drop([-4, -3, -1])
    np.testing.assert_allclose(found, errors[2:], rtol=1e-6)
    assert len(found) == len(rest) - 1
    bounds = pretrends.pretrend_test(study.drop(index=alone))
    assert np.isfinite(bounds["p_value"])


def test_an_average_is_refused_where_one_cluster_is_all_that_compares_or_is_treated():
    frame = balanced(13)
    one = frame[(frame["start"] != 0) | (frame["unit"] == 0)]
    with pytest.raises(ValueError, match="one cluster makes up the comparison of the group") as no:
        sta.overall_att(one, **NAMES)
    assert "that begins in 3 in period 5 (4 such case(s))" in str(no.value)
    assert "End the data before 5" in str(no.value)
    assert np.isfinite(sta.overall_att(one[one["time"] < 5], **NAMES)).all()
    cells = sta.group_time(one, **NAMES)
    assert cells.loc[5, "std_error"].isna().all()
    assert np.isfinite(cells.loc[(3, 4), "std_error"])
    study = sta.event_study(one, **NAMES)
    assert study["std_error"].isna().sum() == 7
    treated = frame[(frame["start"] == 0) | (frame["unit"] == 2)]
    with pytest.raises(ValueError, match="'unit': one cluster makes up all that is treated"):
        sta.overall_att(treated, **NAMES)
    with pytest.raises(ValueError, match="'state': one cluster makes up all that is treated"):
        sta.overall_att(
            frame[(frame["start"] == 0) | (frame["state"] == 2)].assign(
                state=lambda f: f["state"].where(f["start"] == 0, 99)
            ),
            **NAMES,
            cluster="state",
        )


# Refusals and their advice.


def test_a_gap_is_refused_unless_it_is_said_how_to_compare():
    frame = gappy(14)
    for call, names in [
        (sta.group_time, NAMES),
        (sta.event_study, NAMES),
        (sta.overall_att, NAMES),
        (did.event_study, {**ARMS, "first_treated_time": 3}),
        (did.placebo, {**ARMS, "first_treated_time": 3}),
    ]:
        with pytest.raises(ValueError, match="each comparison, by panel='pairs'"):
            call(frame, **names)
        assert np.isfinite(call(frame, **names, panel="pairs")[ENTRIES]).all(axis=None)
        once = frame[frame["unit"] // 6 % 6 + 1 == frame["time"]]
        with pytest.raises(ValueError, match="whoever is seen, by panel='cross_sections'"):
            call(once, **names)
        with pytest.raises(ValueError, match="panel must be one of 'balanced', 'pairs', 'cross_"):
            call(frame, **names, panel="unbalanced")
        moved = frame.assign(w=frame["w"] + frame["time"])
        with pytest.raises(ValueError, match=r"'w' changes within unit = .*transform\('first'\)"):
            call(moved, **names, panel="pairs", weights="w")
        weighed = moved.assign(w=moved.groupby("unit")["w"].transform("first"))
        assert np.isfinite(call(weighed, **names, panel="pairs", weights="w")[ENTRIES]).all(
            axis=None
        )
        assert np.isfinite(call(moved, **names, panel="cross_sections", weights="w")[ENTRIES]).all(
            axis=None
        )


def test_nobody_seen_twice_is_sent_to_cross_sections():
    frame = balanced(15, units=144)
    once = frame[frame["unit"] // 6 % 6 + 1 == frame["time"]]
    with pytest.raises(ValueError, match="take panel='cross_sections'"):
        sta.overall_att(once, **NAMES, panel="pairs")
    found = sta.overall_att(once, **NAMES, panel="cross_sections")
    rows = sta.overall_att(once, **CROSS, panel="cross_sections")
    pd.testing.assert_series_equal(found, rows, rtol=1e-12)


def test_anticipation_leaves_a_period_before_or_is_refused():
    frame = balanced(16)
    with pytest.raises(ValueError, match="begin in 3, which has no period before it that antic"):
        sta.overall_att(frame, **NAMES, anticipation=2)
    kept = frame[frame["start"] != 3]
    assert np.isfinite(sta.overall_att(kept, **NAMES, anticipation=2)).all()
    for value in (-1, 0.5, "1"):
        with pytest.raises(ValueError, match="anticipation must be"):
            sta.overall_att(frame, **NAMES, anticipation=value)
    with pytest.raises(ValueError, match="base must be one of 'universal', 'varying'"):
        sta.group_time(frame, **NAMES, base="long")


def test_bounds_want_the_universal_base_and_event_times_without_anticipation():
    frame = balanced(17)
    varying = sta.event_study(frame, **NAMES, base="varying")
    for call in (honest_bounds.trend_bounds, pretrends.pretrend_power):
        with pytest.raises(ValueError, match="event_study with base='universal'"):
            call(varying)
    assert 0 < pretrends.pretrend_test(varying)["p_value"] < 1
    early = sta.event_study(frame, **NAMES, anticipation=1)
    for call in (honest_bounds.trend_bounds, pretrends.pretrend_power):
        with pytest.raises(ValueError, match="event_study with anticipation=0"):
            call(early.drop(index=[-1]))
    with pytest.raises(ValueError, match=r"drop these, study.drop\(index=\[-1\]\)"):
        pretrends.pretrend_test(early)
    assert 0 < pretrends.pretrend_test(early.drop(index=[-1]))["p_value"] < 1


def test_a_start_that_is_missing_means_never_in_every_kind_of_column():
    frame = balanced(18)
    months = pd.date_range("2020-01-01", periods=7, freq="MS")
    start = pd.Series(months[frame["start"]], frame.index).where(frame["start"] > 0)
    dates = frame.assign(time=months[frame["time"]], start=start)
    spans = frame.assign(time=dates["time"].dt.to_period("M"), start=start.dt.to_period("M"))
    zoned = dates.assign(
        time=dates["time"].dt.tz_localize("UTC"), start=start.dt.tz_localize("UTC")
    )
    expected = sta.overall_att(frame, **NAMES)
    gone = frame["start"].replace(0, np.nan)
    kinds = [frame.assign(start=gone), frame.assign(start=gone.astype("Int64"))]
    kinds += [frame.assign(start=gone.astype(object).where(gone.notna(), None))]
    kinds += [frame.assign(start=gone.where(frame["unit"] % 6 == 0, frame["start"]))]
    objects = dates.assign(start=start.dt.date.astype(object).where(start.notna(), None))
    for data in [*kinds, dates, spans, zoned, objects.assign(time=objects["time"].dt.date)]:
        found = sta.overall_att(data, **NAMES)
        pd.testing.assert_series_equal(found, expected, rtol=1e-12)
    with pytest.raises(ValueError, match="'start' is missing in all 288 rows"):
        sta.overall_att(frame.assign(start=np.nan), **NAMES)
    half = frame.assign(start=frame["start"].where(frame["time"] > 2))
    with pytest.raises(ValueError, match="'start' changes within unit"):
        sta.overall_att(half, **NAMES)


def test_the_wild_bootstrap_takes_a_panel_with_gaps_by_the_advice_of_its_refusal():
    frame = gappy(19).query("start != 5").assign(post=lambda f: (f["time"] >= 3) * 1)
    names = {"outcome": "y", "unit": "unit", "treated": "treated", "post": "post"}
    options = {"cluster": "state", "draws": 99, "rng": 1}
    with pytest.raises(ValueError, match=r"data.groupby\(\['unit', 'post', 'treated', 'state'\]"):
        few_clusters.wild_bootstrap(frame, **names, **options)
    keys = ["unit", "post", "treated", "state"]
    means = frame.groupby(keys, as_index=False).mean(numeric_only=True)
    assert means.groupby("unit").size().min() == 1  # and some are seen on one side only
    assert np.isfinite(few_clusters.wild_bootstrap(means, **names, **options)).all()


def test_two_by_two_weighs_as_weighted_least_squares_does():
    frame = gappy(20).query("start != 5 and time in (2, 3)")
    frame = frame.assign(post=(frame["time"] == 3) * 1, x=np.sin(np.arange(len(frame))))
    names = {"outcome": "y", "unit": "unit", "treated": "treated", "post": "post"}
    fit = smf.wls("y ~ treated * post + x", frame, weights=frame["w"]).fit(
        cov_type="cluster", cov_kwds={"groups": frame["unit"]}, use_t=True
    )
    for scale in (1, 1e6):
        found = did.two_by_two(
            frame.assign(w=scale * frame["w"]), **names, controls="x", weights="w"
        )
        assert found["estimate"] == pytest.approx(fit.params["treated:post"], abs=1e-9)
        assert found["std_error"] == pytest.approx(fit.bse["treated:post"], rel=1e-9)
        assert found["n"] == len(frame)


def test_an_event_time_with_one_treated_unit_has_no_error_and_says_so():
    frame = balanced(21).query("start != 5")
    kept = frame[(frame["start"] == 0) | (frame["time"] != 5) | (frame["unit"] == 2)]
    study = did.event_study(kept, **ARMS, first_treated_time=3, panel="pairs")
    assert study.index[study["std_error"].isna()].tolist() == [2]
    assert np.isfinite(study.loc[2, "estimate"])
    assert study.loc[2, "n_treated"] == 1
    assert "std_error is missing at 2: one cluster makes up" in study.attrs["warning"]
    whole = did.event_study(frame, **ARMS, first_treated_time=3)
    assert whole.attrs["warning"] == ""
    np.testing.assert_allclose(study.loc[0, ENTRIES[0]], whole.loc[0, "estimate"], rtol=1e-12)
