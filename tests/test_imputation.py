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
@pytest.mark.parametrize("make", [panel, gappy])
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
    for _ in range(300):
        frame = world.sample(100, rng=rng)
        since = frame["quarter"] - frame["first_raised"]
        own = (-0.5 - 0.5 * since)[frame["raised"] == 1].mean()
        wide = sta.imputation(frame, **names)
        narrow = sta.imputation(frame, **names, target="sample")
        habit = sta.two_way_weights(frame, **names).attrs["coefficient"]
        held = wide["ci_low"] < truth < wide["ci_high"]
        found.append([wide["estimate"], held, narrow["ci_low"] < own < narrow["ci_high"], habit])
    estimate, held, held_own, habit = np.mean(found, axis=0)
    error = np.std([row[0] for row in found]) / np.sqrt(300)
    assert abs(estimate - truth) < 4 * error
    assert abs(held - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 300)
    assert abs(held_own - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 300)
    assert habit > truth + 0.5
