"""Two-by-two, event study and placebo dates, held against other programs."""

import datetime
import re

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from linearmodels import PanelOLS
from scipy import stats

from casestudies import archives
from casestudies.recipes import difference_in_differences as did

TWO = {"outcome": "y", "unit": "unit", "treated": "treated", "post": "post"}
MANY = {"outcome": "y", "unit": "unit", "time": "time", "treated": "treated"}


def panel(rng, units=40, periods=2, effect=2.0, drift=0.0):
    """A balanced panel: the treated (3 in 8) start higher and gain `effect` in the second half."""
    frame = pd.MultiIndex.from_product([range(units), range(periods)], names=["unit", "time"])
    frame = frame.to_frame(index=False)
    frame["treated"] = (frame["unit"] % 8 < 3).astype(int)
    frame["post"] = (frame["time"] >= periods // 2).astype(int)
    frame["region"] = frame["unit"] // 4
    frame["x"] = rng.normal(size=len(frame))
    frame["kind"] = np.array(["bk", "kfc", "roys"])[frame["unit"] % 3]
    level = rng.normal(size=units)[frame["unit"]] + 3 * frame["treated"]
    trend = frame["time"] * (0.5 + drift * frame["treated"])
    noise = rng.normal(size=len(frame))
    frame["y"] = level + trend + effect * frame["treated"] * frame["post"] + noise
    return frame


def unbalanced(rng):
    return panel(rng).sample(frac=0.85, random_state=7)


def fast_food():
    """Card and Krueger's stores with a row per wave; those with one wave only have one row."""
    wide = archives.card_krueger()
    wide["nj"] = (wide["state"] == "New Jersey").astype(int)
    waves = {"fte_before": 0, "fte_after": 1}
    rows = wide.melt([c for c in wide if c not in waves], list(waves), "wave", "fte")
    rows = rows.assign(after=rows["wave"].map(waves)).dropna(subset="fte")
    return rows, rows[rows.groupby("store")["after"].transform("size") == 2]


STORES = {"outcome": "fte", "unit": "store", "treated": "nj", "post": "after"}


# two_by_two


def test_card_and_kruegers_table_3_comes_out_with_stores_as_clusters():
    everyone, balanced = fast_food()
    result = did.two_by_two(everyone, **STORES)
    # Row 3 prints 2.76, the difference of rounded means; unrounded it is 2.754.
    assert result["estimate"] == pytest.approx(2.754, abs=5e-4)
    assert result["std_error"] == pytest.approx(1.31, abs=0.005)  # the difference of means: 1.36
    assert result["n"] == 794
    result = did.two_by_two(balanced, **STORES)
    assert result["estimate"] == pytest.approx(2.75, abs=0.005)  # row 4
    assert result["std_error"] == pytest.approx(1.34, abs=0.005)
    with pytest.raises(ValueError, match=r"'state' has 2 cluster\(s\)"):
        did.two_by_two(everyone, **STORES, cluster="state")


def test_card_and_kruegers_table_4_comes_out_with_chain_and_ownership_times_wave():
    _, balanced = fast_food()
    rows = balanced[balanced["wages_known"] == 1].copy()
    controls = ["chain", "company_owned"]
    for name in ["bk", "kfc", "roys", "company_owned"]:
        values = rows["company_owned"] if name == "company_owned" else rows["chain"] == name
        rows[f"{name}_after"] = values * rows["after"]
        controls.append(f"{name}_after")
    assert rows["store"].nunique() == 357
    plain = did.two_by_two(rows, **STORES)["estimate"]
    adjusted = did.two_by_two(rows, **STORES, controls=controls)["estimate"]
    assert plain == pytest.approx(2.33, abs=0.005)  # column i
    assert adjusted == pytest.approx(2.30, abs=0.005)  # column ii


def test_the_textbook_table_gives_five_with_its_standard_error_by_hand():
    # Changes 6 and 8 among the treated, 1 and 3 among the others: 7 - 2 = 5. Influences are
    # +-1/2 for four clusters, so the variance is 1 times 4/3 times (8 - 1)/(8 - 4).
    frame = pd.DataFrame({"unit": [1, 1, 2, 2, 3, 3, 4, 4], "post": [0, 1] * 4})
    frame["treated"], frame["y"] = frame["unit"] < 3, [18, 24, 18, 26, 20, 21, 20, 23]
    result = did.two_by_two(frame, **TWO)
    margin = stats.t.ppf(0.975, 3) * np.sqrt(7 / 3)
    expected = [5, np.sqrt(7 / 3), 5 - margin, 5 + margin, 8]
    np.testing.assert_allclose(result, expected, rtol=1e-12)
    assert list(result.index) == ["estimate", "std_error", "ci_low", "ci_high", "n"]
    assert result.name == "two_by_two"


@pytest.mark.parametrize("cluster", [None, "region"])
@pytest.mark.parametrize("controls", [(), "x", ["x", "kind"]])
def test_two_by_two_equals_clustered_ols_on_an_unbalanced_panel(cluster, controls):
    frame = unbalanced(np.random.default_rng(1))
    before = frame.copy()
    result = did.two_by_two(frame, **TWO, controls=controls, cluster=cluster, level=0.9)
    terms = [controls] if isinstance(controls, str) else list(controls)
    groups = frame[cluster or "unit"]
    fit = smf.ols(" + ".join(["y ~ treated * post", *terms]), frame).fit(
        cov_type="cluster", cov_kwds={"groups": groups}, use_t=True
    )
    interval = fit.conf_int(alpha=0.1).loc["treated:post"]
    expected = [fit.params["treated:post"], fit.bse["treated:post"], *interval, len(frame)]
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-8)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("cluster", ["unit", "region"])
@pytest.mark.parametrize("controls", [[], ["x"], ["x", "kind"]])
def test_two_by_two_equals_a_clustered_panel_regression_on_an_unbalanced_panel(cluster, controls):
    frame = unbalanced(np.random.default_rng(1))
    assert frame.groupby("unit").size().nunique() == 2  # some units lack a period
    wide = frame.set_index(["unit", "time"], drop=False)
    design = wide[["treated", "post"]].assign(const=1.0, did=wide["treated"] * wide["post"])
    if controls:
        design = design.join(pd.get_dummies(wide[controls], drop_first=True, dtype=float))
    fit = PanelOLS(wide["y"], design).fit(
        cov_type="clustered", clusters=wide[[cluster]], group_debias=True
    )
    result = did.two_by_two(frame, **TWO, controls=controls, cluster=cluster)
    assert result["estimate"] == pytest.approx(fit.params["did"], abs=1e-8)
    assert result["std_error"] == pytest.approx(fit.std_errors["did"], abs=1e-8)


def test_two_by_two_equals_two_way_fixed_effects_on_a_balanced_panel():
    frame = panel(np.random.default_rng(2))
    frame["d"] = frame["treated"] * frame["post"]
    wide = frame.set_index(["unit", "time"])
    fixed = PanelOLS(wide["y"], wide[["d"]], entity_effects=True, time_effects=True).fit(
        cov_type="clustered", cluster_entity=True, group_debias=True
    )
    result = did.two_by_two(frame, **TWO)
    assert result["estimate"] == pytest.approx(fixed.params["d"], abs=1e-8)
    # PanelOLS counts the fixed effects among the coefficients, the interaction has four.
    ratio = np.sqrt(fixed.df_resid / (len(frame) - 4))
    assert result["std_error"] == pytest.approx(fixed.std_errors["d"] * ratio, abs=1e-8)


def test_two_by_two_equals_first_differences_on_a_balanced_panel():
    frame = panel(np.random.default_rng(3))
    change = frame.pivot_table("y", "unit", "post")
    change = (change[1] - change[0]).to_frame("change")
    change["treated"] = frame.drop_duplicates("unit").set_index("unit")["treated"]
    fit = smf.ols("change ~ treated", change).fit(cov_type="HC0")
    result = did.two_by_two(frame, **TWO)
    assert result["estimate"] == pytest.approx(fit.params["treated"], abs=1e-10)
    factor = 40 / 39 * 79 / 76
    assert result["std_error"] == pytest.approx(fit.bse["treated"] * factor**0.5, abs=1e-10)


def test_a_control_constant_over_time_matters_only_through_its_product_with_post():
    frame = panel(np.random.default_rng(4))
    frame["fixed"] = np.random.default_rng(5).normal(size=40)[frame["unit"]]
    frame["fixed_post"] = frame["fixed"] * frame["post"]
    plain = did.two_by_two(frame, **TWO)["estimate"]
    level = did.two_by_two(frame, **TWO, controls="fixed")["estimate"]
    trend = did.two_by_two(frame, **TWO, controls=["fixed", "fixed_post"])["estimate"]
    change = frame.pivot_table(index=["unit", "treated", "fixed"], columns="post", values="y")
    change = (change[1] - change[0]).rename("change").reset_index()
    assert level == pytest.approx(plain, abs=1e-10)
    expected = smf.ols("change ~ treated + fixed", change).fit().params["treated"]
    assert trend == pytest.approx(expected, abs=1e-10)
    assert abs(trend - plain) > 1e-3


def test_difference_in_differences_finds_the_effect_and_one_difference_does_not():
    frame = panel(np.random.default_rng(6), units=20_000)
    result = did.two_by_two(frame, **TWO)
    assert abs(result["estimate"] - 2) < 4 * result["std_error"]
    means = frame.groupby(["treated", "post"])["y"].mean()
    assert abs(means[1, 1] - means[0, 1] - 2) > 1  # the groups differed before
    assert abs(means[1, 1] - means[1, 0] - 2) > 0.4  # the times differed for all


def test_categories_booleans_and_any_index_are_fine():
    frame = panel(np.random.default_rng(7))
    other = frame.assign(unit=frame["unit"].map(str).astype("category"), post=frame["post"] == 1)
    other.index = np.zeros(len(other), dtype=int)
    pd.testing.assert_series_equal(did.two_by_two(frame, **TWO), did.two_by_two(other, **TWO))
    study = did.event_study(frame, **MANY, first_treated_time=1)
    other = other[other["unit"].astype(str).astype(int) < 16]
    fewer = did.event_study(other, **MANY, first_treated_time=1)
    again = did.event_study(frame[frame["unit"] < 16], **MANY, first_treated_time=1)
    pd.testing.assert_frame_equal(fewer, again)
    assert not study.equals(fewer)


@pytest.mark.parametrize("ours", ["intercept", "const", "treated x post", "0", "x = b"])
@pytest.mark.parametrize("role", ["treated", "post", "x"])
def test_no_name_of_a_column_changes_the_answer(ours, role):
    frame = panel(np.random.default_rng(26))
    expected = did.two_by_two(frame, **TWO, controls=["x", "kind"])
    names = {key: ours if name == role else name for key, name in TWO.items()}
    controls = [ours if name == role else name for name in ("x", "kind")]
    found = did.two_by_two(frame.rename(columns={role: ours}), **names, controls=controls)
    pd.testing.assert_series_equal(found, expected, rtol=1e-12)


def test_the_interaction_among_the_controls_is_refused_whatever_its_name():
    frame = panel(np.random.default_rng(26))
    for name in ("treated x post", "dd"):
        given = frame.assign(**{name: frame["treated"] * frame["post"]})
        with pytest.raises(ValueError, match=f"'{name}' is constant or a linear combination"):
            did.two_by_two(given, **TWO, controls=["x", name])


def test_the_units_of_a_control_do_not_decide_whether_it_counts():
    # A population and its square beside a share: 1e13 and 1e26 times as large.
    frame = panel(np.random.default_rng(30))
    frame["crowd"] = np.exp(frame["x"]) + 3
    frame["square"] = frame["crowd"] ** 2
    expected = did.two_by_two(frame, **TWO, controls=["x", "crowd", "square"])
    moved = frame.assign(crowd=1e13 * frame["crowd"], square=1e26 * frame["square"])
    for scale in (1.0, 1e-13):
        found = did.two_by_two(
            moved.assign(x=scale * moved["x"]), **TWO, controls=["x", "crowd", "square"]
        )
        pd.testing.assert_series_equal(found, expected, rtol=1e-9)
    fit = smf.ols("y ~ treated * post + x + crowd + square", frame).fit()
    assert expected["estimate"] == pytest.approx(fit.params["treated:post"], rel=1e-8)


def test_repeated_cross_sections_equal_robust_ols():
    # Every unit is a cluster of one row, so that the sandwich is HC1 times (G / (G - 1)) times
    # (n - 1) / n, which is 1.
    frame = panel(np.random.default_rng(27), units=200)
    frame = frame[(frame["unit"] + frame["time"]) % 2 == 0]
    assert (frame.groupby("unit").size() == 1).all()
    result = did.two_by_two(frame, **TWO, controls="x")
    fit = smf.ols("y ~ treated * post + x", frame).fit(cov_type="HC1", use_t=True)
    assert result["estimate"] == pytest.approx(fit.params["treated:post"], abs=1e-10)
    assert result["std_error"] == pytest.approx(fit.bse["treated:post"], rel=1e-10)


def documented_coverage():
    """The table of the docstring: coverage by how many clusters are treated, of how many."""
    rows = re.findall(r"^ +(of 20|half) +(.+)$", did.two_by_two.__doc__, flags=re.MULTILINE)
    few = [2, 3, 4, 6, 10]
    return {
        (treated, 20 if row == "of 20" else 2 * treated): float(share)
        for row, shares in rows
        for treated, share in zip(few, shares.split(), strict=True)
    }


def test_the_documented_coverage_is_that_of_normal_shocks():
    # With four units per cluster, cluster means of normal shocks make the estimate
    # normal and the two sums of squares chi-squared: no regression is needed.
    rng, draws, table = np.random.default_rng(28), 200_000, documented_coverage()
    assert len(table) == 9
    for (treated, clusters), share in table.items():
        other, n = clusters - treated, 8 * clusters
        error = rng.normal(size=draws) * np.sqrt(1 / treated + 1 / other)
        squares = rng.chisquare(treated - 1, draws) / treated**2
        squares += rng.chisquare(other - 1, draws) / other**2
        factor = clusters / (clusters - 1) * (n - 1) / (n - 4)
        limit = stats.t.ppf(0.975, clusters - 1) * np.sqrt(factor * squares)
        covered = np.mean(np.abs(error) < limit)
        assert abs(covered - share) < 4 * np.sqrt(share * (1 - share) * (1e-5 + 1 / draws)) + 5e-4
        limit *= np.sqrt((2 * clusters - 1) / (2 * clusters - 4) * (n - 4) / (n - 1))
        assert -0.002 < np.mean(np.abs(error) < limit) - share < 0.04  # each unit a cluster


@pytest.mark.parametrize(("treated", "clusters"), [(2, 20), (2, 4), (6, 12)])
def test_the_documented_coverage_is_that_of_two_by_two(treated, clusters):
    rng, covered = np.random.default_rng(29), np.zeros(200)
    frame = pd.MultiIndex.from_product([range(clusters), range(4), [0, 1]], names=["state", *"ip"])
    frame = frame.to_frame(index=False).rename(columns={"p": "post"})
    frame = frame.assign(unit=frame.index // 2, treated=(frame["state"] < treated) * 1)
    for row in range(len(covered)):
        shock = rng.normal(size=(clusters, 2))[frame["state"], frame["post"]]
        frame["y"] = shock + rng.normal(size=len(frame)) + 2 * frame["treated"] * frame["post"]
        result = did.two_by_two(frame, **TWO, cluster="state")
        covered[row] = result["ci_low"] < 2 < result["ci_high"]
    share = documented_coverage()[treated, clusters]
    assert abs(covered.mean() - share) < 4 * np.sqrt(share * (1 - share) / len(covered))


# event_study


def test_the_event_study_equals_ols_with_group_by_period_dummies():
    frame = panel(np.random.default_rng(8), periods=6)
    study = did.event_study(frame, **MANY, first_treated_time=3, cluster="region", level=0.9)
    frame["k"] = frame["time"] - 3
    fit = smf.ols("y ~ C(k, Treatment(-1)) * treated", frame).fit(
        cov_type="cluster", cov_kwds={"groups": frame["region"]}, use_t=True
    )
    names = [f"C(k, Treatment(-1))[T.{k}]:treated" for k in (-3, -2, 0, 1, 2)]
    rest = study.drop(index=-1)
    np.testing.assert_allclose(rest["estimate"], fit.params[names], rtol=0, atol=1e-8)
    np.testing.assert_allclose(rest["std_error"], fit.bse[names], rtol=0, atol=1e-8)
    ends = fit.conf_int(alpha=0.1).loc[names]
    np.testing.assert_allclose(rest[["ci_low", "ci_high"]], ends, rtol=0, atol=1e-8)
    covariance = pd.DataFrame(study.attrs["covariance"])
    np.testing.assert_allclose(covariance, fit.cov_params().loc[names, names], rtol=0, atol=1e-8)
    assert list(covariance.index) == list(covariance.columns) == list(rest.index)
    assert study.attrs["df"] == frame["region"].nunique() - 1
    assert (study.loc[-1] == 0).all()


def test_the_event_study_equals_unit_and_period_fixed_effects():
    frame = panel(np.random.default_rng(9), periods=4)
    wide = frame.set_index(["unit", "time"])
    dummies = pd.DataFrame(
        {f"k{t}": wide["treated"] * (frame["time"].to_numpy() == t) for t in (0, 2, 3)}
    )
    fixed = PanelOLS(wide["y"], dummies, entity_effects=True, time_effects=True).fit()
    study = did.event_study(frame, **MANY, first_treated_time=2)
    np.testing.assert_allclose(study["estimate"].drop(-1), fixed.params, rtol=0, atol=1e-8)


def test_an_event_study_of_two_periods_is_the_two_by_two():
    frame = panel(np.random.default_rng(10))
    study = did.event_study(frame, **MANY, first_treated_time=1, level=0.8)
    result = did.two_by_two(frame, **TWO, level=0.8).drop("n")
    np.testing.assert_allclose(study.loc[0], result, rtol=1e-12)


@pytest.mark.parametrize(
    ("times", "event_times"),
    [
        ([2001, 2003, 2004, 2010], [-3, -1, 0, 6]),
        ([0.1, 0.3, 0.6, 0.7], [-0.5, -0.3, 0, 0.1]),
        (pd.to_datetime(["2001-03-01", "2003-03-01", "2004-03-01", "2010-03-01"]), [-3, -1, 0, 6]),
        (pd.to_datetime(["2004-11-15", "2005-01-15", "2005-02-15", "2005-05-15"]), [-3, -1, 0, 3]),
        (pd.to_datetime(["2004-01-31", "2004-02-29", "2004-03-31", "2004-06-30"]), [-2, -1, 0, 3]),
        (pd.to_datetime(["2004-02-29", "2005-02-28", "2006-02-28", "2008-02-29"]), [-2, -1, 0, 2]),
        (pd.to_datetime(["2004-03-01", "2004-03-08", "2004-03-10", "2004-04-01"]), [-9, -2, 0, 22]),
        (pd.date_range("2004-03-27", periods=4, tz="Europe/Berlin"), [-2, -1, 0, 1]),
        (pd.period_range("2004Q3", periods=4, freq="Q"), [-6, -3, 0, 3]),
    ],
    ids=["waves", "fractions", "years", "months", "month ends", "leap", "days", "zone", "quarters"],
)
def test_event_time_is_the_time_since_adoption_and_not_the_number_of_waves(times, event_times):
    frame = panel(np.random.default_rng(11), periods=4)
    moved = frame.assign(time=np.array(times)[frame["time"]]).sample(frac=1, random_state=1)
    if isinstance(times, pd.Index):
        moved["time"] = times[frame["time"]][moved.index]
    study = did.event_study(moved, **MANY, first_treated_time=times[2])
    expected = did.event_study(frame, **MANY, first_treated_time=2).set_axis(event_times)
    np.testing.assert_allclose(study, expected, rtol=1e-9)
    assert list(study.index) == event_times
    assert study.attrs["reference"] == event_times[1]
    assert (study.loc[event_times[1]] == 0).all()
    rest = [event_times[0], *event_times[2:]]
    assert list(pd.DataFrame(study.attrs["covariance"])) == rest
    dates = did.placebo(moved, **MANY, first_treated_time=times[2])
    expected = did.placebo(frame, **MANY, first_treated_time=2)
    np.testing.assert_allclose(dates, expected, rtol=1e-9)


def test_the_first_treated_time_may_be_any_kind_of_date():
    frame = panel(np.random.default_rng(11), periods=4)
    frame["time"] = pd.date_range("2004", periods=4, freq="MS")[frame["time"]]
    answers = [
        did.event_study(frame, **MANY, first_treated_time=start)
        for start in (
            pd.Timestamp("2004-03-01"),
            np.datetime64("2004-03-01"),
            datetime.date(2004, 3, 1),
            pd.Period("2004-03"),
        )
    ]
    for answer in answers[1:]:
        pd.testing.assert_frame_equal(answer, answers[0])


def test_event_studies_can_be_stacked_without_losing_their_covariance():
    frame = panel(np.random.default_rng(12), periods=4)
    study = did.event_study(frame, **MANY, first_treated_time=2)
    both = pd.concat([study, study], keys=["a", "b"])
    assert both.attrs == study.round(2).attrs == study.attrs


# placebo


@pytest.mark.parametrize("sign", [1, -1])
def test_placebo_dates_repeat_the_two_by_two_on_means_before_the_treatment(sign):
    frame = panel(np.random.default_rng(13), periods=8)
    frame["y"] *= sign
    rows = did.placebo(frame, **MANY, first_treated_time=4, cluster="region", level=0.9)
    assert list(rows.index) == [1, 2, 3]
    assert rows.index.name == "time"
    for date, row in rows.iterrows():
        early = frame[frame["time"] < 4].assign(post=(frame["time"] >= date).astype(int))
        means = early.groupby(["unit", "treated", "region", "post"], as_index=False)["y"].mean()
        expected = did.two_by_two(means, **TWO, cluster="region", level=0.9)
        np.testing.assert_allclose(row[expected.index], expected, rtol=1e-10)
        t = expected["estimate"] / expected["std_error"]
        assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(t), 9), rel=1e-10)


def test_two_periods_before_allow_one_placebo_date():
    frame = panel(np.random.default_rng(13), periods=4)
    rows = did.placebo(frame, **MANY, first_treated_time=2)
    early = frame[frame["time"] < 2].assign(post=frame["time"])
    assert list(rows.index) == [1]
    expected = did.two_by_two(early, **TWO)
    np.testing.assert_allclose(rows.loc[1, expected.index], expected, rtol=1e-10)


def test_a_placebo_date_catches_a_drift_and_is_not_moved_by_the_effect():
    frame = panel(np.random.default_rng(14), units=2000, periods=8, effect=50, drift=0.4)
    rows = did.placebo(frame, **MANY, first_treated_time=4)
    # Means over the periods from the date on less those before it: always two periods apart.
    np.testing.assert_array_less(np.abs(rows["estimate"] - 0.8), 4 * rows["std_error"])
    assert (rows["p_value"] < 1e-3).all()


# refusals


def frame_of(**changes):
    return panel(np.random.default_rng(20), periods=4).assign(**changes)


def test_the_advice_on_a_unit_seen_twice_keeps_controls_in_words():
    frame = panel(np.random.default_rng(22))
    frame["kind"] = np.where(frame["unit"] % 2, "odd", "even")
    names = {**TWO, "controls": "kind"}
    twice = pd.concat([frame, frame.iloc[:3]])
    message = r"with data.groupby\(\['unit', 'post', 'treated', 'kind'\], as_index=False\).mean\("
    with pytest.raises(ValueError, match=message):
        did.two_by_two(twice, **names)
    keys = ["unit", "post", "treated", "kind"]
    means = twice.groupby(keys, as_index=False).mean(numeric_only=True)
    pd.testing.assert_series_equal(did.two_by_two(means, **names), did.two_by_two(frame, **names))


def test_two_by_two_refuses_frames_that_are_not_a_two_by_two_panel():
    frame = panel(np.random.default_rng(21))
    with pytest.raises(ValueError, match=r"'unit'.*unit = 3 is seen more than once with post = 1"):
        did.two_by_two(pd.concat([frame, frame[(frame.unit == 3) & (frame.post == 1)]]), **TWO)
    with pytest.raises(ValueError, match=r"'treated' changes within unit = 0 .*all its rows"):
        did.two_by_two(frame.assign(treated=frame["treated"] * frame["post"]), **TWO)
    with pytest.raises(ValueError, match="'post' must be 0 or 1, found 2"):
        did.two_by_two(frame.assign(post=frame["post"] + 1), **TWO)
    with pytest.raises(ValueError, match=r"'treated' is 0 in all 50 rows"):
        did.two_by_two(frame[frame["treated"] == 0], **TWO)
    with pytest.raises(ValueError, match="no row has treated = 1 and post = 0"):
        did.two_by_two(frame[(frame["treated"] == 0) | (frame["post"] == 1)], **TWO)
    moved = frame["region"].where((frame["unit"] != 5) | (frame["post"] == 0), 99)
    with pytest.raises(ValueError, match=r"'region' changes within unit = 5 \(1 such case"):
        did.two_by_two(frame.assign(region=moved), **TWO, cluster="region")
    with pytest.raises(ValueError, match="'twice' is constant or a linear combination"):
        did.two_by_two(frame.assign(twice=2 * frame["treated"]), **TWO, controls="twice")
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 95"):
        did.two_by_two(frame, **TWO, level=95)
    with pytest.raises(ValueError, match="'y' has 1 missing value"):
        did.two_by_two(frame.assign(y=frame["y"].where(frame.index != 4)), **TWO)
    with pytest.raises(ValueError, match="no column 'regio' in data; did you mean 'region'"):
        did.two_by_two(frame, **TWO, cluster="regio")


def test_two_by_two_refuses_unusable_columns_by_name():
    frame = panel(np.random.default_rng(21))
    with pytest.raises(ValueError, match="'y' has 1 infinite value"):
        did.two_by_two(frame.assign(y=frame["y"].where(frame.index != 4, np.inf)), **TWO)
    with pytest.raises(ValueError, match="more than one column 'x'"):
        did.two_by_two(pd.concat([frame, frame[["x"]]], axis=1), **TWO)
    with pytest.raises(ValueError, match="column name 7 is not a string"):
        did.two_by_two(frame.rename(columns={"x": 7}), **TWO)
    with pytest.raises(ValueError, match="'unit' has 1 missing value"):
        did.two_by_two(frame.assign(unit=frame["unit"].where(frame.index != 4)), **TWO)
    with pytest.raises(ValueError, match="'y' holds object values such as 'a', not numbers"):
        did.two_by_two(frame.assign(y="a"), **TWO)
    with pytest.raises(ValueError, match="'y' has no rows"):
        did.two_by_two(frame[:0], **TWO)


def test_two_by_two_refuses_as_many_coefficients_as_rows():
    frame = panel(np.random.default_rng(22), units=5)
    extra = pd.DataFrame(np.random.default_rng(23).normal(size=(10, 6)), columns=list("abcdef"))
    with pytest.raises(ValueError, match="10 rows for 10 coefficients leave no residual"):
        did.two_by_two(frame.join(extra), **TWO, controls=list("abcdef"))


def test_one_cluster_in_an_arm_is_refused_because_its_standard_error_would_be_zero():
    frame = panel(np.random.default_rng(24))
    frame["state"] = np.where(frame["treated"] == 1, "NJ", "PA")
    with pytest.raises(ValueError, match=r"'state' has 2 cluster\(s\).*no degrees of freedom"):
        did.two_by_two(frame, **TWO, cluster="state")
    fit = smf.ols("y ~ treated * post", frame).fit()
    artefact = fit.get_robustcov_results("cluster", groups=frame["treated"], df_correction=False)
    assert artefact.bse[3] < 1e-10  # what the refusal spares the reader
    with pytest.raises(ValueError, match=r"'state' has 1 cluster\(s\)"):
        did.two_by_two(frame.assign(state="all"), **TWO, cluster="state")
    one_treated = frame[(frame["treated"] == 0) | (frame["unit"] == 1)]
    with pytest.raises(ValueError, match="one alone makes up the rows with treated = 1"):
        did.two_by_two(one_treated, **TWO)
    with pytest.raises(ValueError, match=r"'state' has 2 cluster\(s\)"):
        did.event_study(frame, **MANY, first_treated_time=1, cluster="state")


def test_cross_sections_of_unequal_periods_are_compared_period_by_period():
    # Everybody gains 3 a period; few of the treated are seen in the last one.
    rng = np.random.default_rng(26)
    frame = pd.DataFrame({"unit": range(4_000), "time": rng.integers(1, 5, 4_000)})
    frame["treated"] = frame["unit"] % 2
    frame["post"] = (frame["time"] >= 3) * 1
    frame["y"] = 3 * frame["time"] + frame["treated"] * frame["post"] + rng.normal(size=4_000)
    frame = frame[(frame["treated"] == 0) | (frame["time"] < 4) | (rng.random(4_000) < 0.2)]
    names = {**MANY, "first_treated_time": 3}
    with pytest.raises(
        ValueError, match="compare whoever is seen, by panel='cross_sections'; or, "
    ):
        did.event_study(frame, **names)
    study = did.event_study(frame, **names, panel="cross_sections").loc[0:]
    assert (np.abs(study["estimate"] - 1) < 4 * study["std_error"]).all()
    pooled = did.two_by_two(frame, **TWO)
    assert pooled["estimate"] < 1 - 4 * pooled["std_error"]


def test_an_outcome_without_noise_is_refused():
    frame = frame_of()
    flat, names = frame.assign(y=3), {**MANY, "first_treated_time": 2}
    for call in (did.event_study, did.placebo):
        with pytest.raises(ValueError, match="'y' is 3 in all 160 rows"):
            call(flat, **names)
    two = panel(np.random.default_rng(25))
    with pytest.raises(ValueError, match="'y' is 3 in all 80 rows"):
        did.two_by_two(two.assign(y=3), **TWO)
    alike = two["unit"] / 7 + 1e6 + two["treated"] * two["post"]
    with pytest.raises(ValueError, match="'y': rows that are compared are alike"):
        did.two_by_two(two.assign(y=alike), **TWO)
    with pytest.raises(ValueError, match="'y': rows that are compared are alike"):
        did.placebo(frame.assign(y=frame["unit"] / 7 + frame["time"]), **names)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cluster": ""}, "cluster must name a column, as a string, got ''"),
        ({"cluster": []}, r"cluster must name one column, got \[\]"),
        ({"outcome": None}, "outcome must name a column, as a string, got None"),
        ({"unit": ["unit"]}, r"unit must name one column, got \['unit'\]"),
        ({"level": np.nan}, "level must lie between 0 and 1, got nan"),
        ({"level": "0.9"}, "level must lie between 0 and 1, got '0.9'"),
        ({"first_treated_time": np.nan}, "first_treated_time must be a finite number, got nan"),
        ({"first_treated_time": "2"}, "first_treated_time must be a finite number, got '2'"),
        ({"first_treated_time": None}, "first_treated_time must be a finite number, got None"),
        ({"time": "treated"}, "column 'treated' is given more than one role"),
    ],
)
def test_options_are_checked_like_columns(changes, message):
    for call in (did.event_study, did.placebo):
        with pytest.raises(ValueError, match=message):
            call(frame_of(), **{**MANY, "first_treated_time": 2, **changes})
    changes = {key: value for key, value in changes.items() if "time" not in key}
    if changes:
        with pytest.raises(ValueError, match=message):
            did.two_by_two(frame_of().query("time in (0, 3)"), **{**TWO, **changes})


def test_a_refusal_stays_short_with_many_periods_and_covariates():
    frame = pd.concat([frame_of(time=frame_of()["time"] + 4 * k) for k in range(100)])
    frame = frame.assign(month="m" + frame["time"].astype(str))
    for call in (
        lambda: did.event_study(frame, **{**MANY, "time": "month"}, first_treated_time="m7"),
        lambda: did.event_study(
            frame[frame["time"] != frame["unit"]], **MANY, first_treated_time=2
        ),
    ):
        with pytest.raises(ValueError, match=r"'month' holds object values|such gap") as refusal:
            call()
        assert len(str(refusal.value)) < 500


MONTHS = ["Jan", "Feb", "Mar", "Apr"]
DATES = pd.date_range("2004", periods=4, freq="YS")


def timed(times, first, dtype=None):
    """A call of event_study and placebo whose periods are these, and the frame."""
    frame = frame_of()
    frame["time"] = pd.Series(np.array(times, dtype=object)[frame["time"]], dtype=dtype)
    return frame, {**MANY, "first_treated_time": first}


REMEDIES = {
    "text that is numbers": (
        lambda: timed(["9", "10", "11", "12"], "11"),
        r"'time' holds object values such as '9'.*pd.to_numeric\(data\['time'\]\)",
        lambda f, n: (f.assign(time=pd.to_numeric(f["time"])), n | {"first_treated_time": 11}),
    ),
    "text that is dates": (
        lambda: timed(["2004-01", "2004-02", "2004-03", "2004-04"], "2004-03"),
        r"such as '2004-01'.*pd.to_datetime\(data\['time'\]\)",
        lambda f, n: (
            f.assign(time=pd.to_datetime(f["time"])),
            n | {"first_treated_time": pd.Timestamp("2004-03-01")},
        ),
    ),
    "text that is neither": (
        lambda: timed(MONTHS, "Mar"),
        r"such as 'Jan'.*data\['time'\].map\(\{'Jan': 1, 'Apr': 2\}\), with all",
        lambda f, n: (
            f.assign(time=f["time"].map({month: k for k, month in enumerate(MONTHS)})),
            n | {"first_treated_time": 2},
        ),
    ),
    "ordered categories": (
        lambda: timed(MONTHS, "Mar", pd.CategoricalDtype(MONTHS, ordered=True)),
        r"'time' holds category values such as 'Jan'.*data\['time'\].cat.codes",
        lambda f, n: (f.assign(time=f["time"].cat.codes), n | {"first_treated_time": 2}),
    ),
    "categories of numbers": (
        lambda: timed([3, 4, 5, 6], 5, "category"),
        r"'time' holds category values such as 3.*pd.to_numeric\(data\['time'\]\)",
        lambda f, n: (f.assign(time=pd.to_numeric(f["time"])), n),
    ),
    "a start that is no date": (
        lambda: timed(DATES, "2006", "datetime64[ns]"),
        r"first_treated_time must be a date.*got '2006'; .*pd.Timestamp\('2007-01-01 00:00:00'\)",
        lambda f, n: (f, n | {"first_treated_time": pd.Timestamp("2007-01-01 00:00:00")}),
    ),
    "spans of time": (
        lambda: timed(pd.to_timedelta([3, 4, 5, 6], unit="D"), 5),
        r"such as Timedelta\('3 days .*data\['time'\] / pd.Timedelta\(days=1\)$",
        lambda f, n: (f.assign(time=f["time"] / pd.Timedelta(days=1)), n),
    ),
    "a gap": (
        lambda: (frame_of().drop(index=30), {**MANY, "first_treated_time": 2}),
        r"keep the units without one, data\[data.groupby\('unit'\)\['time'\]"
        r".transform\('size'\) == 4\]",
        lambda f, n: (f[f.groupby("unit")["time"].transform("size") == 4], n),
    ),
    "a unit twice": (
        lambda: (pd.concat([frame_of(), frame_of()[3:9]]), {**MANY, "first_treated_time": 2}),
        r"data.groupby\(\['unit', 'time', 'treated'\], as_index=False\).mean\(numeric_only=True\)",
        lambda f, n: (
            f.groupby(["unit", "time", "treated"], as_index=False).mean(numeric_only=True),
            n,
        ),
    ),
    "a status for a group": (
        lambda: (
            frame_of(treated=frame_of()["treated"] * frame_of()["post"]),
            {**MANY, "first_treated_time": 2},
        ),
        r"data.groupby\('unit'\)\['treated'\].transform\('max'\)",
        lambda f, n: (f.assign(treated=f.groupby("unit")["treated"].transform("max")), n),
    ),
    "a cluster that changes": (
        lambda: (frame_of(region=frame_of()["time"]), {**MANY, "first_treated_time": 2}),
        r"data.groupby\('unit'\)\['region'\].transform\('first'\)",
        lambda f, n: (f.assign(region=f["unit"] // 3), n),
    ),
}


@pytest.mark.parametrize("call", [did.event_study, did.placebo])
@pytest.mark.parametrize("case", REMEDIES)
def test_the_advice_of_a_refusal_works(case, call):
    made, message, repair = REMEDIES[case]
    frame, names = made()
    if case == "a cluster that changes":
        names["cluster"] = "region"
    with pytest.raises(ValueError, match=message):
        call(frame, **names)
    frame, names = repair(frame, names)
    assert np.isfinite(call(frame, **names)).all(axis=None)


@pytest.mark.parametrize("seen", ["once", "rotating"])
def test_repeated_cross_sections_are_sent_to_two_by_two_which_takes_them(seen):
    frame = frame_of()
    kept = (
        frame["unit"] % 4 == frame["time"] if seen == "once" else frame["unit"] % 4 != frame["time"]
    )
    frame = frame[kept]
    message = "no unit is seen in all of them, .* average each unit's rows before and after"
    with pytest.raises(ValueError, match=message):
        did.event_study(frame, **MANY, first_treated_time=2)
    means = frame.groupby(["unit", "treated", "post"], as_index=False)["y"].mean()
    assert np.isfinite(did.two_by_two(means, **TWO)).all()


def test_the_advice_of_two_by_two_works():
    frame = panel(np.random.default_rng(24))
    frame["state"] = frame["treated"]
    with pytest.raises(ValueError, match="Cluster by a finer column"):
        did.two_by_two(frame, **TWO, cluster="state")
    assert np.isfinite(did.two_by_two(frame, **TWO, cluster="region")).all()
    extra = pd.DataFrame(np.random.default_rng(23).normal(size=(10, 6)), columns=list("abcdef"))
    few = panel(np.random.default_rng(22), units=5).join(extra)
    with pytest.raises(ValueError, match="use fewer controls"):
        did.two_by_two(few, **TWO, controls=list("abcdef"))
    assert np.isfinite(did.two_by_two(few, **TWO, controls=list("abc"))).all()
    dated = frame.assign(when=DATES[frame["post"]])
    with pytest.raises(ValueError, match=r"make it a number, .*\.dt\.days"):
        did.two_by_two(dated, **TWO, controls="when")


def test_event_study_refuses_gaps_and_impossible_dates():
    frame = frame_of()
    names = {**MANY, "first_treated_time": 2}
    with pytest.raises(ValueError, match=r"unit = 7 has no row for time = 3 \(1 such gap"):
        did.event_study(frame[(frame["unit"] != 7) | (frame["time"] != 3)], **names)
    again = frame[(frame["unit"] == 7) & (frame["time"] == 3)]
    with pytest.raises(ValueError, match="unit = 7 is seen more than once with time = 3"):
        did.event_study(pd.concat([frame, again]), **names)
    with pytest.raises(ValueError, match="first_treated_time 9 is not a period of column 'time'"):
        did.event_study(frame, **MANY, first_treated_time=9)
    with pytest.raises(ValueError, match="no period before first_treated_time 0"):
        did.event_study(frame, **MANY, first_treated_time=0)
    with pytest.raises(ValueError, match="'treated' changes within unit = 0"):
        did.event_study(frame.assign(treated=frame["treated"] * frame["post"]), **names)
    with pytest.raises(ValueError, match="'treated' must be 0 or 1, found 2"):
        did.event_study(frame.assign(treated=2 * frame["treated"]), **names)
    with pytest.raises(ValueError, match=r"'y' holds .* values such as 'a', not numbers"):
        did.event_study(frame.assign(y="a"), **names)
    with pytest.raises(ValueError, match="'y' has 1 missing value"):
        did.event_study(frame.assign(y=frame["y"].where(frame.index != 4)), **names)
    with pytest.raises(ValueError, match="no column 'regio' in data; did you mean 'region'"):
        did.event_study(frame, **names, cluster="regio")
    with pytest.raises(ValueError, match=r"'time' has 1 period before 1"):
        did.placebo(frame, **MANY, first_treated_time=1)
