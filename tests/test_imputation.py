"""Imputation from untreated rows, and the weights of two-way fixed effects, against regressions."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from causaldata import castle
from scipy import stats

from casestudies import scenarios
from casestudies.recipes import difference_in_differences as did
from casestudies.recipes import honest_bounds, pretrends
from casestudies.recipes import staggered_adoption as sta

NAMES = {"outcome": "y", "unit": "unit", "time": "time", "first_treated": "start"}
STARTS = np.array([0, 0, 3, 3, 3, 5])  # by unit number modulo 6; periods are 1 to 6


def panel(seed, units=60, noise=1.0, starts=STARTS):
    """Parallel trends; effects grow, and are twice as large in the group that begins in 5."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"unit": np.repeat(np.arange(units), 6), "time": np.tile(range(1, 7), units)}
    )
    frame["start"] = starts[frame["unit"] % len(starts)]
    frame["state"] = frame["unit"] // len(starts) // 2
    frame["w"] = 0.5 + frame["unit"] % 4
    since = frame["time"] - frame["start"]
    frame["on"] = ((frame["start"] > 0) & (since >= 0)) * 1
    frame["effect"] = (1 + since) * (1 + (frame["start"] == 5)) * frame["on"]
    level = rng.normal(size=units)[frame["unit"]] + frame["start"] + 0.7 * frame["time"] ** 2
    frame["y"] = level + frame["effect"] + noise * rng.normal(size=len(frame))
    return frame


def gappy(seed):
    """The panel without a row in seven."""
    frame = panel(seed)
    return frame[frame.index % 7 != 3].reset_index(drop=True)


def lone(seed):
    """The panel with one unit alone in the group that begins in 5."""
    frame = panel(seed)
    return frame[(frame["start"] != 5) | (frame["unit"] == 5)].reset_index(drop=True)


def states():
    """American states, and the first full year of a law on self-defence."""
    frame = castle.load_pandas().data
    first = frame[frame["post"] == 1].groupby("sid")["year"].min()
    return frame.assign(start=frame["sid"].map(first).fillna(0))


LAWS = {"outcome": "l_homicide", "unit": "sid", "time": "year", "first_treated": "start"}


def dummies(frame):
    """Intercepts of units and periods, as columns."""
    columns = [pd.get_dummies(frame[name], dtype=float) for name in ("unit", "time")]
    return np.hstack(columns)


def by_regression(frame, weights=None):
    """What is left of every row after a regression of the untreated on intercepts."""
    fit = smf.wls(
        "y ~ C(unit) + C(time)",
        frame[frame["on"] == 0],
        weights=1.0 if weights is None else frame.loc[frame["on"] == 0, weights],
    ).fit()
    return frame["y"] - fit.predict(frame)


# Imputation.


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("make", [panel, gappy])
def test_estimates_are_means_of_what_a_regression_of_the_untreated_leaves(make, weights):
    frame = make(1)
    before = frame.copy()
    left, w = by_regression(frame, weights), frame["w"] if weights else np.ones(len(frame))
    on, since = frame["on"] == 1, frame["time"] - frame["start"]
    result = sta.imputation(frame, **NAMES, weights=weights)
    assert result["estimate"] == pytest.approx(np.average(left[on], weights=w[on]), abs=1e-10)
    assert result["n"] == len(frame)
    assert result.name == "imputation"
    study = sta.imputation_study(frame, **NAMES, weights=weights)
    assert list(study.index) == [0, 1, 2, 3]
    for event, row in study.iterrows():
        rows = on & (since == event)
        expected = np.average(left[rows], weights=w[rows])
        assert row["estimate"] == pytest.approx(expected, abs=1e-10)
        assert row["n_treated"] == rows.sum()
    pd.testing.assert_frame_equal(frame, before)


def test_a_panel_that_rotates_is_linked_by_those_who_overlap():
    # Three periods each, of thirty: only a chain of others links the first period to the last.
    rows = [(unit, unit % 28 + 1 + wave) for unit in range(168) for wave in range(3)]
    frame = pd.DataFrame(rows, columns=["unit", "time"])
    first = frame.groupby("unit")["time"].transform("min")
    frame["start"] = np.where(frame["unit"] < 84, 0, first + 1 + frame["unit"] % 2)
    frame["on"] = ((frame["start"] > 0) & (frame["time"] >= frame["start"])) * 1
    frame["y"] = frame["time"] ** 2 + frame["on"] + np.random.default_rng(17).normal(size=504)
    left = by_regression(frame)[frame["on"] == 1]
    assert sta.imputation(frame, **NAMES)["estimate"] == pytest.approx(left.mean(), abs=1e-9)


@pytest.mark.parametrize("weight", [1, 1e-8])
def test_two_states_are_linked_by_one_unit_however_little_it_weighs(weight):
    # Only unit 9 is seen in both 2 and 3, so that its change is that of the periods.
    rows = [(unit, time) for unit in range(4) for time in (1, 2)]
    rows += [(unit, time) for unit in range(4, 7) for time in (3, 4)]
    rows += [(9, 2), (9, 3), (0, 3), (1, 3)]
    frame = pd.DataFrame(rows, columns=["unit", "time"])
    frame["start"] = np.where(frame["unit"] < 2, 3, 0)
    frame["w"] = np.where(frame["unit"] == 9, weight, 1.0)
    frame["y"] = np.random.default_rng(19).normal(size=len(frame))
    result = sta.imputation(frame, **NAMES, weights="w")
    # It fits unit 9 to the last digit, so that its weight does not matter.
    untreated = frame[(frame["unit"] > 1) | (frame["time"] < 3)]
    fit = smf.ols("y ~ 0 + C(unit) + C(time)", untreated).fit()
    treated = frame.drop(index=untreated.index)
    left = treated["y"] - fit.predict(treated)
    assert result["estimate"] == pytest.approx(np.mean(left), abs=1e-6)


def test_a_far_off_origin_costs_no_digits():
    frame = panel(18)
    far = frame["y"] + 2.0**44
    near = sta.imputation(frame.assign(y=far - 2.0**44), **NAMES)
    pd.testing.assert_series_equal(sta.imputation(frame.assign(y=far), **NAMES), near, rtol=1e-8)


def by_loops(frame, chosen, target, cluster, w):
    """Influence of each cluster by the equations of the paper, a row and a group at a time."""
    x, on = dummies(frame), frame["on"].to_numpy() == 1
    y, w, cluster = (np.asarray(column, dtype=float) for column in (frame["y"], w, frame[cluster]))
    share = np.where(chosen, w, 0) / w[chosen].sum()
    free = x[~on]
    inverse = np.linalg.pinv(free.T @ (w[~on, None] * free))
    pull = share.copy()
    pull[~on] = -w[~on] * (free @ inverse @ (x[on].T @ share[on]))
    left = y - x @ (inverse @ (free.T @ (w[~on] * y[~on])))
    estimate = share @ left
    assert estimate == pytest.approx(pull @ y, abs=1e-8)
    for key, rows in frame[chosen].groupby(["start", "time"]).groups.items():
        if target == "population" or len(np.unique(cluster[rows])) == 1:
            left[rows] -= estimate
            continue
        sums = []
        for one in np.unique(cluster[rows]):
            own = [row for row in rows if cluster[row] == one]
            sums.append((share[own].sum(), share[own] @ left[own]))
        a, b = np.array(sums).T
        left[rows] -= (a @ b) / (a @ a)
        assert key
    return [pull[cluster == one] @ left[cluster == one] for one in np.unique(cluster)]


@pytest.mark.parametrize("target", ["population", "sample"])
@pytest.mark.parametrize(("cluster", "weights"), [("unit", None), ("state", None), ("unit", "w")])
@pytest.mark.parametrize("make", [panel, gappy, lone])
def test_errors_are_those_of_the_papers_equations_row_by_row(make, cluster, weights, target):
    frame = make(2)
    w = np.ones(len(frame)) if weights is None else frame[weights].to_numpy()
    options = {**NAMES, "cluster": cluster, "weights": weights, "target": target}
    on, since = frame["on"].to_numpy() == 1, (frame["time"] - frame["start"]).to_numpy()
    sets = [on] + [on & (since == event) for event in range(4)]
    influence = np.array([by_loops(frame, one, target, cluster, w) for one in sets])
    groups, n = frame[cluster].nunique(), len(frame)
    k = len(frame.groupby(["start", "time"]))
    covariance = influence @ influence.T * groups / (groups - 1) * (n - 1) / (n - k)
    result = sta.imputation(frame, **options, level=0.9)
    assert result["std_error"] == pytest.approx(covariance[0, 0] ** 0.5, rel=1e-9)

    margin = stats.t.ppf(0.95, groups - 1) * result["std_error"]
    assert result["ci_high"] - result["estimate"] == pytest.approx(margin)
    study = sta.imputation_study(frame, **options, level=0.9)
    ours = pd.DataFrame(study.attrs["covariance"])
    np.testing.assert_allclose(ours, covariance[1:, 1:], rtol=1e-8, atol=1e-12)
    assert study.attrs["df"] == groups - 1
    margin = stats.t.ppf(0.95, groups - 1) * study["std_error"]
    np.testing.assert_allclose(study["ci_high"] - study["estimate"], margin)


def test_one_start_is_the_two_by_two_of_means_before_and_after():
    # Two-way fixed effects with one date: so is every estimator. The error is that of the
    # means' changes; of the factor (n - 1) / (n - k) only the number of rows is another one.
    frame = panel(3)
    frame = frame[frame["start"] != 5].assign(treated=lambda f: (f["start"] == 3) * 1)
    halves = frame.assign(post=(frame["time"] >= 3) * 1)
    halves = halves.groupby(["unit", "treated", "post"], as_index=False)["y"].mean()
    roles = {"outcome": "y", "unit": "unit", "treated": "treated", "post": "post"}
    expected = did.two_by_two(halves, **roles)
    result = sta.imputation(frame, **NAMES)
    assert result["estimate"] == pytest.approx(expected["estimate"], abs=1e-10)
    ratio = (300 - 1) / (300 - 12) / ((100 - 1) / (100 - 4))
    squared = result["std_error"] ** 2 / ratio
    # The effect is the same in all units here, so that its mean over periods is what varies.
    sample = sta.imputation(frame, **NAMES, target="sample")["std_error"] ** 2 / ratio
    assert sample == pytest.approx(expected["std_error"] ** 2, rel=1e-10)
    assert squared == pytest.approx(sample, rel=1e-10)


def test_self_defence_laws_give_the_published_two_stage_estimate():
    # Reference manual of the R package did2s, example on its data set castle, weights popwt:
    # post::1 0.075142. The two-stage estimate is the imputation.
    result = sta.imputation(states(), **LAWS, weights="popwt")
    assert result["estimate"] == pytest.approx(0.075142, abs=5e-7)


PYFIXEST = {  # version 0.60.0, did2s(..., first_stage="~ 0 | sid + year", second_stage=
    "all": [0.0726679008, 0.0627030609, 0.0824640407, 0.0409144269, 0.1133487215],
    "gaps": [0.0712082581, 0.0718590699, 0.0913497951, 0.0380478342, 0.1092518282],
}  # "~ i(since, ref=-99)", cluster="sid"), since = years since the start, -99 before and for never


@pytest.mark.parametrize("rows", PYFIXEST)
def test_event_times_are_those_of_the_package_pyfixest(rows):
    frame = states()
    frame = frame[frame.index % 100 != 7] if rows == "gaps" else frame
    study = sta.imputation_study(frame, **LAWS)
    np.testing.assert_allclose(study["estimate"], PYFIXEST[rows], rtol=0, atol=1e-6)
    assert np.isnan(study.loc[4, "std_error"])  # one state
    assert study.attrs["warning"].startswith("std_error is missing at 4: one cluster makes up")
    assert study["std_error"].drop(4).gt(0).all()


def test_it_covers_where_two_way_fixed_effects_fail_and_each_target_with_its_own_error():
    world = scenarios.minimum_wage_panel()
    names = {"outcome": "employment", "unit": "county", "time": "quarter"}
    names["first_treated"] = "first_raised"
    rng, truth, found = np.random.default_rng(4), world.truth["ATT"], []
    for _ in range(120):
        frame = world.sample(100, rng=rng)
        since = frame["quarter"] - frame["first_raised"]
        own = (-0.5 - 0.5 * since)[frame["raised"] == 1].mean()
        wide = sta.imputation(frame, **names)
        narrow = sta.imputation(frame, **names, target="sample")
        held = wide["ci_low"] < truth < wide["ci_high"]
        found.append([wide["estimate"], held, narrow["ci_low"] < own < narrow["ci_high"]])
    estimate, held, held_own = np.mean(found, axis=0)
    assert abs(estimate - truth) < 4 * np.std([row[0] for row in found]) / np.sqrt(120)
    for share in (held, held_own):
        assert abs(share - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 120)
    habit = sta.two_way_weights(frame, **names).attrs["coefficient"]
    assert habit > truth + 0.5


def test_no_single_period_is_the_base_and_those_who_need_one_refuse_the_study():
    study = sta.imputation_study(panel(5), **NAMES)
    for call in (honest_bounds.trend_bounds, honest_bounds.trend_breakdown):
        with pytest.raises(ValueError, match="give that of event_study with base='universal'"):
            call(study)
    with pytest.raises(ValueError, match="no event time below -1, so there is nothing to test"):
        pretrends.pretrend_test(study)
    band = pretrends.simultaneous_intervals(study)
    assert list(band.index) == [0, 1, 2, 3]
    assert (band["all_low"] < band["ci_low"]).all()


def test_periods_may_be_dates_uneven_and_in_any_order():
    frame = panel(6)
    expected = sta.imputation_study(frame, **NAMES)
    months = pd.date_range("2020-01-01", periods=7, freq="MS")
    dated = frame.assign(
        time=months[frame["time"]],
        start=pd.Series(months[frame["start"]]).where(frame["start"] > 0),
    ).sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(sta.imputation_study(dated, **NAMES), expected, rtol=1e-9)
    years = np.array([0, 1, 2.5, 4, 5, 7, 8])
    uneven = frame.assign(time=years[frame["time"]], start=years[frame["start"]])
    study = sta.imputation_study(uneven, **NAMES)
    assert list(study.index) == [0, 1, 3, 4]
    weights = sta.two_way_weights(uneven, **NAMES)
    assert list(weights["event_time"]) == [0, 1, 3, 4, 0, 1]
    halves = np.array([0, 1, 2, 3, 3.5, 4, 5])
    halves = frame.assign(time=halves[frame["time"]], start=halves[frame["start"]])
    assert list(sta.imputation_study(halves, **NAMES).index) == [0, 0.5, 1, 2]


def chained(frame):
    """Two states with untreated rows in periods of their own, so that no chain connects them."""
    early = (frame["unit"] < 30) & (frame["time"] <= 2)
    late = (frame["unit"] >= 30) & (frame["time"] > 2) & (frame["start"] != 3)
    return frame[early | late | ((frame["unit"] == 2) & (frame["time"] == 3))]


UNKNOWN = {
    "nobody untreated in a period": (
        lambda f: f[f["start"] != 0],
        "'time': nobody is without treatment in '5', '6', so .* drop the rows of such periods",
        lambda f: f[f["time"] < 5],
    ),
    "a unit without a row before": (
        lambda f: f[(f["unit"] != 8) | (f["time"] > 3)],
        r"unit = 8 has no row before its treatment \(1 such unit\(s\)\).* drop such units",
        lambda f: f[f["unit"] != 8],
    ),
    "no chain": (
        chained,
        r"no chain of rows without treatment connects unit = 2 with time = 3 \(1 such row",
        lambda f: f[(f["unit"] != 2) | (f["time"] != 3)],
    ),
    "one unit untreated in a period": (
        lambda f: f[(f["start"] != 0) | (f["unit"] == 0)],
        "column 'unit': one cluster makes up all that is without treatment in period 5; .* End "
        "the data before 5, or find more clusters",
        lambda f: f[f["time"] < 5],
    ),
    "one treated unit": (
        lambda f: f[(f["start"] == 0) | (f["unit"] == 2)],
        "column 'unit': one cluster makes up all that is treated; .* find more treated clusters",
        lambda f: f,
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_not_imputed_is_named_and_the_advice_works(case):
    make, message, repair = UNKNOWN[case]
    frame = panel(7)
    made = make(frame)
    with pytest.raises(ValueError, match=message):
        sta.imputation(made, **NAMES)
    if "one" not in case:  # with one cluster the study shows estimates without errors
        with pytest.raises(ValueError, match=message):
            sta.imputation_study(made, **NAMES)
    repaired = frame if case == "one treated unit" else repair(made)
    assert np.isfinite(sta.imputation(repaired, **NAMES)).all()
    assert np.isfinite(sta.imputation_study(repaired, **NAMES)).all(axis=None)


def test_event_times_with_one_cluster_have_no_error_and_the_others_do():
    frame = panel(8)
    alone = frame[(frame["start"] != 0) | (frame["unit"] == 0)]
    study = sta.imputation_study(alone, **NAMES)
    # One untreated unit is left in 5 and 6, which are event times 2 and 3, and 0 and 1 of others.
    assert study["std_error"].isna().all()
    assert "missing at 0, 1, 2, 3" in study.attrs["warning"]
    late = frame[(frame["start"] != 3) | (frame["unit"] == 2)]
    study = sta.imputation_study(late, **NAMES)
    assert list(study.index[study["std_error"].isna()]) == [2, 3]


def test_options_and_columns_are_checked():
    frame = panel(9)
    for call in (sta.imputation, sta.imputation_study):
        for changes, message in [
            ({"target": "all"}, "target must be one of 'population', 'sample', got 'all'"),
            ({"level": 1}, "level must lie between 0 and 1"),
            ({"unit": None}, "unit is None; name unit="),
            ({"weights": "effect"}, "'effect' has a weight of 0"),
            ({"cluster": "on"}, "'on' changes within unit = 2"),
        ]:
            with pytest.raises(ValueError, match=message):
                call(frame, **{**NAMES, **changes})
        with pytest.raises(ValueError, match=r"column 'y': .* no noise"):
            call(frame.assign(y=frame["unit"] + frame["on"] * 2.0), **NAMES)


def test_an_event_time_without_noise_beside_others_is_shown():
    frame = panel(9)
    noise = (frame["time"] > frame["start"]) * frame["on"] * frame["y"]
    study = sta.imputation_study(frame.assign(y=frame["unit"] + frame["on"] + noise), **NAMES)
    assert study["std_error"].min() == pytest.approx(0, abs=1e-9)
    assert (study["std_error"].drop(0) > 0.05).all()


# The weights of two-way fixed effects.


def coefficients(frame, dummies, weights=None):
    """Coefficients of dummies beside intercepts of units and periods, by statsmodels."""
    columns = {f"d{place}": dummy * 1.0 for place, dummy in enumerate(dummies)}
    w = 1.0 if weights is None else frame[weights]
    formula = f"y ~ {' + '.join(columns)} + C(unit) + C(time)"
    fit = smf.wls(formula, frame.assign(**columns), weights=w).fit()
    return fit.params[list(columns)].to_numpy()


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("make", [panel, gappy])
def test_the_coefficient_is_that_of_a_regression_and_the_weights_those_of_its_residual(
    make, weights
):
    frame = make(10)
    table = sta.two_way_weights(frame, **NAMES, weights=weights)
    (expected,) = coefficients(frame, [frame["on"]], weights)
    assert table.attrs["coefficient"] == pytest.approx(expected, abs=1e-10)
    w = 1.0 if weights is None else frame[weights]
    net = smf.wls("on ~ C(unit) + C(time)", frame, weights=w).fit().resid * w
    treated = frame[frame["on"] == 1]
    by_cell = (net / (net * frame["on"]).sum())[treated.index]
    by_cell = by_cell.groupby([treated["start"], treated["time"]]).sum()
    np.testing.assert_allclose(table["weight"], by_cell, rtol=0, atol=1e-10)
    assert table["weight"].sum() == pytest.approx(1, abs=1e-10)
    assert list(table) == ["event_time", "n", "weight", "effect"]
    assert list(table.index) == list(by_cell.index)
    assert list(table["n"]) == list(treated.groupby(["start", "time"]).size())
    assert list(table["event_time"]) == [time - group for group, time in table.index]
    left = by_regression(frame, weights)[treated.index]
    mass = w * pd.Series(1.0, treated.index) if weights is None else w[treated.index]
    groups = [treated["start"], treated["time"]]
    expected = (left * mass).groupby(groups).sum() / mass.groupby(groups).sum()
    np.testing.assert_allclose(table["effect"], expected, rtol=0, atol=1e-10)


def test_weights_times_effects_are_the_coefficient_without_noise_and_with_it():
    for frame in (panel(11, noise=0.0), gappy(11).assign(y=lambda f: f["effect"] + f["unit"])):
        table = sta.two_way_weights(frame, **NAMES)
        true = frame[frame["on"] == 1].groupby(["start", "time"])["effect"].first()
        assert table["weight"] @ true == pytest.approx(table.attrs["coefficient"], abs=1e-10)
        np.testing.assert_allclose(table["effect"], true, rtol=0, atol=1e-10)
    table = sta.two_way_weights(panel(12), **NAMES)
    made = (table["weight"] * table["effect"]).sum()
    assert made == pytest.approx(table.attrs["coefficient"], abs=1e-10)
    average = np.average(table["effect"], weights=table["n"])
    assert average == pytest.approx(sta.imputation(panel(12), **NAMES)["estimate"], abs=1e-10)


def test_an_effect_is_the_mean_of_the_rows_that_can_be_imputed():
    frame = panel(11, noise=0.0)
    frame = frame[(frame["unit"] != 2) | (frame["time"] >= 3)]  # unit 2 has no row before
    table = sta.two_way_weights(frame, **NAMES)
    treated = frame[frame["on"] == 1].groupby(["start", "time"])["effect"]
    np.testing.assert_allclose(table["effect"], treated.first(), rtol=0, atol=1e-10)
    assert list(table["n"]) == list(treated.size())
    made = (table["weight"] * table["effect"]).sum()
    assert made == pytest.approx(table.attrs["coefficient"], abs=1e-10)


def test_early_groups_in_late_periods_can_weigh_below_zero():
    # By hand, two units and periods 1 to 3, starts 2 and 3: the residual of the dummy is 1/3 and
    # -1/6 of the first in 2 and 3, 1/6 of the second in 3, and 1/3 their sum with signs.
    frame = pd.DataFrame({"unit": [0] * 3 + [1] * 3, "time": [1, 2, 3] * 2})
    frame["start"], frame["y"] = [2] * 3 + [3] * 3, [0, 1, 5, 0, 0, 2.0]
    table = sta.two_way_weights(frame, **NAMES)
    np.testing.assert_allclose(table["weight"], [1, -0.5, 0.5])
    assert table.attrs["coefficient"] == pytest.approx(1 - 0.5 * 5 + 0.5 * 2)
    assert table["effect"].isna().tolist() == [False, True, True]  # nobody untreated in 3


def event_dummies(frame, event, left_out=(-1,)):
    since = (frame["time"] - frame["start"]).where(frame["start"] > 0)
    rest = [e for e in since.dropna().unique() if e != event and e not in left_out]
    return [since == e for e in [event, *rest]]


@pytest.mark.parametrize("event", [-4, -2, 0, 3])
@pytest.mark.parametrize("make", [panel, gappy])
def test_weights_of_one_event_time_are_those_of_its_regression(make, event):
    frame = make(13)
    table = sta.two_way_weights(frame, **NAMES, event_time=event)
    expected = coefficients(frame, event_dummies(frame, event))[0]
    assert table.attrs["coefficient"] == pytest.approx(expected, abs=1e-10)
    sums = table.groupby("event_time")["weight"].sum()
    theory = {-4: 0, -3: 0, -2: 0, -1: -1, 0: 0, 1: 0, 2: 0, 3: 0, event: 1}
    assert sums.to_dict() == pytest.approx(theory, abs=1e-10)
    assert table["n"].sum() == (frame["start"] > 0).sum()
    ahead = table["event_time"] < 0
    assert (table.loc[ahead, "effect"] == 0).all()


def test_event_times_far_from_the_start_are_told_apart():
    frame = panel(13)
    late = np.array([0, 1, 2, 3, 4, 5, 6]) + 1e6 * (np.arange(7) > 4)
    far = frame.assign(time=late[frame["time"]], start=late[frame["start"]])
    for event in (1e6 + 2, 1e6 + 3):
        found = sta.two_way_weights(far, **NAMES, event_time=event).attrs["coefficient"]
        expected = coefficients(far, event_dummies(far, event))[0]
        assert found == pytest.approx(expected, abs=1e-9)


def test_leads_take_in_later_effects_that_differ_between_groups_and_only_these():
    # Nothing happens before the start and trends are parallel to the last digit.
    frame = panel(14, noise=0.0)
    table = sta.two_way_weights(frame, **NAMES, event_time=-3)
    lead = coefficients(frame, event_dummies(frame, -3))[0]
    assert abs(lead) > 0.5
    assert (table["weight"] * table["effect"]).sum() == pytest.approx(lead, abs=1e-10)
    study = sta.event_study(frame.assign(y=frame["y"] + 1e-6 * np.sin(frame.index)), **NAMES)
    assert study.loc[-3, "estimate"] == pytest.approx(0, abs=1e-5)
    alike = frame.assign(y=frame["y"] - frame["effect"] / 2 * (frame["start"] == 5))
    table = sta.two_way_weights(alike, **NAMES, event_time=-3)
    assert table.attrs["coefficient"] == pytest.approx(0, abs=1e-10)


def test_without_units_that_never_begin_a_second_reference_is_needed():
    frame = panel(15, starts=np.array([2, 3, 5]))
    with pytest.raises(ValueError, match=r"'start': .* leave nothing .* reference=\[-1, first\]"):
        sta.two_way_weights(frame, **NAMES, event_time=-2)
    table = sta.two_way_weights(frame, **NAMES, event_time=-2, reference=[-1, -4])
    expected = coefficients(frame, event_dummies(frame, -2, (-1, -4)))[0]
    assert table.attrs["coefficient"] == pytest.approx(expected, abs=1e-9)


def test_event_times_that_are_none_are_refused():
    frame = panel(16)
    for options, message in [
        (
            {"event_time": 7},
            "event_time 7 is not among the event times, -4, -3, -2, -1, 0 and 3 more",
        ),
        ({"event_time": "0"}, "event_time must be a finite number, got '0'"),
        ({"event_time": 0, "reference": -9}, "reference -9 is not among the event times"),
        ({"event_time": -1}, "event_time -1 is a reference, whose coefficient is 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            sta.two_way_weights(frame, **NAMES, **options)
    unseen = frame[frame["time"] - frame["start"] != -4]
    with pytest.raises(ValueError, match="-4 is not among the event times, -3, -2"):
        sta.two_way_weights(unseen, **NAMES, event_time=-4)
