"""Ratios of means against statsmodels, formulas written out, cells and their truth."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from cells import moments
from scipy import stats
from surveyed import survey

from casestudies.recipes.randomized_experiment import difference_in_means, ratio_of_means

CLICKS = {"treatment": "d", "numerator": "clicks", "denominator": "sessions"}
ROWS = survey().assign(
    sessions=lambda f: 1 + f["w"] % 4 + (f["x"] > 0), clicks=lambda f: f["y"] + 3 + f["sessions"]
)
OPTIONS = {
    "rows": {},
    "weights": {"weights": "w"},
    "clusters": {"cluster": "cluster"},
    "weighted clusters": {"weights": "w", "cluster": "cluster"},
    "blocks": {"blocks": "block"},
    "weighted blocks": {"weights": "w", "blocks": "block"},
    "blocks of clusters": {"blocks": "block", "cluster": "cluster"},
}


def users(n, rng, *, lift=0.1):
    """Draw users who differ in how often they come and in how often they click."""
    rng = np.random.default_rng(rng)
    taste = rng.gamma(4, 0.05, n)
    sessions = 1 + rng.poisson(40 * taste)
    d = rng.permutation(np.arange(n) < n // 2) * 1
    clicks = rng.poisson(sessions * taste * (1 + lift * d))
    frame = {"user": np.arange(n), "d": d, "sessions": sessions, "clicks": clicks}
    return pd.DataFrame(frame)


def exact_ratio():
    """Return clicks per session without the treatment: E[S t] / E[S], S = 1 + Poisson(40 t)."""
    mean, second = 4 * 0.05, 4 * 0.05**2 * 5  # of a gamma of shape 4 and scale 0.05
    return (mean + 40 * second) / (1 + 40 * mean)


def by_arm(data):
    """Return each arm's ratio and error: sessions as rows, users as clusters, by statsmodels."""
    found = []
    for arm in (0, 1):
        here = data[data["d"] == arm]
        fit = smf.wls("I(clicks / sessions) ~ 1", here, weights=here["sessions"])
        found.append((fit.fit().params.iloc[0], fit.fit(cov_type="HC1").bse.iloc[0]))
    return np.array(found).T


def test_the_ratio_is_the_weighted_mean_of_statsmodels_with_its_robust_error():
    data = users(60, 1)
    ratios, errors = by_arm(data)
    found = ratio_of_means(data, **CLICKS, level=0.9)
    assert found["estimate"] == pytest.approx(ratios[1] - ratios[0], rel=1e-10)
    assert found["std_error"] == pytest.approx(np.hypot(*errors), rel=1e-10)
    df = (errors**2).sum() ** 2 / (errors**4 / 29).sum()  # Welch's, of thirty users an arm
    margin = stats.t.ppf(0.95, df) * np.hypot(*errors)
    assert found["ci_high"] - found["estimate"] == pytest.approx(margin, rel=1e-10)
    assert found["estimate"] - found["ci_low"] == pytest.approx(margin, rel=1e-10)
    assert found["n"] == 60
    assert found.attrs["ratios"] == pytest.approx({"control": ratios[0], "treated": ratios[1]})


def test_the_relative_difference_has_the_interval_of_the_log_of_both_ratios():
    data = users(60, 2)
    ratios, errors = by_arm(data)
    found = ratio_of_means(data, **CLICKS, relative=True)
    parts = errors / ratios
    df = (parts**2).sum() ** 2 / (parts**4 / 29).sum()
    ends = np.log(ratios[1] / ratios[0]) + np.hypot(*parts) * stats.t.ppf([0.025, 0.975], df)
    np.testing.assert_allclose(found[["ci_low", "ci_high"]], np.exp(ends) - 1, rtol=1e-10)
    assert found["estimate"] == pytest.approx(ratios[1] / ratios[0] - 1, rel=1e-10)
    # delta method: the error of R1 / R0, by its two derivatives
    slopes = np.array([-ratios[1] / ratios[0] ** 2, 1 / ratios[0]])
    assert found["std_error"] == pytest.approx(np.hypot(*(slopes * errors)), rel=1e-10)


def test_it_is_the_difference_in_means_over_sessions_with_users_as_clusters():
    data = users(50, 3)
    data["clicks"] = np.minimum(data["clicks"], data["sessions"])
    rows = data.loc[data.index.repeat(data["sessions"])]
    rows["clicked"] = (rows.groupby("user").cumcount() < rows["clicks"]) * 1
    columns = {"outcome": "clicked", "treatment": "d"}
    clustered = difference_in_means(rows, **columns, cluster="user")
    found = ratio_of_means(data, **CLICKS)
    assert found["estimate"] == pytest.approx(clustered["estimate"], rel=1e-10)
    factor = np.sqrt(25 / 24 * 49 / 50)  # g / (g - 1) by arm, for G / (G - 1)
    assert found["std_error"] == pytest.approx(factor * clustered["std_error"], rel=1e-10)
    assert difference_in_means(rows, **columns)["std_error"] < 0.95 * found["std_error"]


@pytest.mark.parametrize("kind", OPTIONS)
def test_over_ones_it_is_the_difference_in_means(kind):
    found = ratio_of_means(ROWS.assign(sessions=1), **CLICKS, **OPTIONS[kind])
    expected = difference_in_means(ROWS, outcome="clicks", treatment="d", **OPTIONS[kind])
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("kind", ["clusters", "weighted clusters"])
def test_clustered_errors_are_those_of_the_ratio_with_each_cluster_weighed_less(kind, relative):
    mass = ROWS["w"] if "weighted" in kind else ROWS["w"] ** 0

    def ratio(kept):
        total = ROWS[["clicks", "sessions"]].mul(mass * kept, axis=0).groupby(ROWS["d"]).sum()
        low, high = total["clicks"] / total["sessions"]
        return high / low - 1 if relative else high - low

    def slope(name):
        step = 1e-5 * (ROWS["cluster"] == name)
        return (ratio(1 + step) - ratio(1 - step)) / 2e-5

    slopes = np.array([slope(name) for name in range(24)])
    found = ratio_of_means(ROWS, **CLICKS, relative=relative, **OPTIONS[kind])
    assert found["estimate"] == pytest.approx(ratio(1), rel=1e-10)
    assert found["std_error"] == pytest.approx(np.sqrt(24 / 23 * slopes @ slopes), rel=1e-6)


def test_blocks_weigh_the_means_of_both_parts_by_their_shares():
    data = ROWS[(ROWS["block"] < 2) | (ROWS.index % 3 > 0)]
    share = data["block"].value_counts(normalize=True).sort_index()
    means = data.groupby(["d", "block"])[["clicks", "sessions"]].mean()
    arms = [share @ means.loc[arm].to_numpy() for arm in (0, 1)]
    ratios = [top / bottom for top, bottom in arms]
    variance = 0.0
    for (arm, block), here in data.groupby(["d", "block"]):
        z = (here["clicks"] - ratios[arm] * here["sessions"]) / arms[arm][1]
        variance += share[block] ** 2 * z.var(ddof=1) / len(z)
    found = ratio_of_means(data, **CLICKS, blocks="block")
    assert found["estimate"] == pytest.approx(ratios[1] - ratios[0], rel=1e-10)
    assert found["std_error"] == pytest.approx(np.sqrt(variance), rel=1e-10)


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("by", [[], ["sessions"]], ids=["moments of both", "sessions as they are"])
def test_cells_give_the_answers_of_their_rows(kind, relative, by):
    others = ROWS.assign(clicks=ROWS["clicks"] * 2, sessions=ROWS["sessions"] + 1)
    rows = pd.concat([ROWS, others]).sample(frac=1, random_state=1)
    measured = [name for name in ("clicks", "sessions") if name not in by]
    cells = moments(rows, ["d", "w", "cluster", "block", *by], measured)
    options = {**CLICKS, **OPTIONS[kind], "relative": relative}
    assert len(cells) < len(rows)
    found = ratio_of_means(cells, **options, size="n")
    np.testing.assert_allclose(found, ratio_of_means(rows, **options), rtol=1e-9)


def test_its_intervals_cover_and_those_of_single_sessions_do_not():
    truth, found = exact_ratio() * 0.1, []
    for seed in range(400):
        data = users(300, seed)
        plain, lift = (ratio_of_means(data, **CLICKS, relative=r) for r in (False, True))
        rate = data.groupby("d")[["clicks", "sessions"]].sum()
        alone = np.sqrt((rate["clicks"] / rate["sessions"] ** 2).sum())  # Poisson sessions
        gap = abs(plain["estimate"] - truth)
        held = [row["ci_low"] <= t <= row["ci_high"] for row, t in ((plain, truth), (lift, 0.1))]
        found.append([*held, gap <= 1.96 * alone])
    plain, lift, alone = np.mean(found, axis=0)
    margin = 4 * np.sqrt(0.95 * 0.05 / 400)
    assert abs(plain - 0.95) < margin
    assert abs(lift - 0.95) < margin
    assert alone < 0.9


def test_a_ratio_moves_where_the_treatment_changes_only_how_often_users_come():
    data = pd.DataFrame({"d": [0, 0, 1, 1] * 2, "sessions": [4, 4, 4, 12] * 2})
    data["clicks"] = data["sessions"] * np.tile([0.5, 0.25], 4) + np.repeat([-1, 1], 4) / 4
    found = ratio_of_means(data, **CLICKS)
    assert found.attrs["ratios"] == {"control": 0.375, "treated": 0.3125}  # 3 / 8 and 5 / 16
    assert found["estimate"] == -0.0625


def test_a_group_without_events_has_a_ratio_of_zero_and_no_relative_difference():
    data = users(40, 5)
    data["clicks"] *= data["d"]
    found = ratio_of_means(data, **CLICKS)
    treated = data[data["d"] == 1]
    rate = treated["clicks"].sum() / treated["sessions"].sum()
    assert found["estimate"] == pytest.approx(rate, rel=1e-10)
    message = "'clicks' to 'sessions' among the controls is 0, and a relative.*relative=False"
    with pytest.raises(ValueError, match=message):
        ratio_of_means(data, **CLICKS, relative=True)


BAD = {
    "a negative denominator": (
        {"sessions": [1, 2, 3, -4, 5, 6]},
        "'sessions' must be 0 or more as a denominator, found -4",
    ),
    "an arm without sessions": (
        {"sessions": [1, 2, 3, 0, 0, 0]},
        "'sessions' is 0 in all rows where 'd' is 1, so this arm has no ratio",
    ),
    "controls without sessions": (
        {"sessions": [0, 0, 0, 1, 2, 3]},
        "'sessions' is 0 in all rows where 'd' is 0",
    ),
    "one ratio": ({"clicks": [1, 2, 3, 8, 10, 12]}, "'clicks' is the same multiple of 'sessions'"),
    "a third arm": ({"d": [0, 0, 1, 1, 2, 2]}, "'d' must be 0 or 1, found 2"),
    "an arm of one": ({"d": [0, 0, 0, 0, 0, 1]}, r"1 row\(s\) where 'd' is 1 cannot carry"),
    "a missing value": ({"clicks": [1, 0, None, 2, 3, 4]}, "'clicks' has 1 missing value"),
    "text": ({"clicks": list("abcdef")}, "'clicks' holds object values such as 'a', not numbers"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_has_no_ratio_is_refused(kind):
    columns, message = BAD[kind]
    data = pd.DataFrame({"d": [0, 0, 0, 1, 1, 1], "sessions": [1, 2, 3, 4, 5, 6]})
    data = data.assign(clicks=[1, 0, 1, 2, 2, 5])
    assert np.isfinite(ratio_of_means(data, **CLICKS)).all()
    with pytest.raises(ValueError, match=message):
        ratio_of_means(data.assign(**columns), **CLICKS)


@pytest.mark.parametrize("kind", ["int64", "float64", "float32"])
def test_rounding_does_not_hide_that_there_is_no_noise(kind):
    data = pd.DataFrame({"d": [0, 0, 0, 1, 1, 1], "sessions": [1, 2, 3, 4, 5, 6]})
    data["clicks"] = (data["sessions"] / 3).astype("float32" if kind == "float32" else float)
    if kind == "int64":
        data = data.assign(clicks=data["sessions"] * 3, sessions=data["sessions"] * 7)
    for unit in (1, 2**30):
        with pytest.raises(ValueError, match="the same multiple"):
            ratio_of_means(data.assign(clicks=data["clicks"] * unit), **CLICKS)


def test_moments_do_not_hide_that_there_is_no_noise():
    rows = ROWS.assign(clicks=ROWS["sessions"] * 3 / 7)
    cells = moments(rows, ["d", "block"], ["clicks", "sessions"])
    assert (cells["clicks_var"] > 0.1).all()
    with pytest.raises(ValueError, match="the same multiple"):
        ratio_of_means(cells, **CLICKS, size="n")


def test_a_block_of_one_arm_and_a_cluster_that_makes_up_an_arm_are_refused():
    data = users(40, 6).assign(shop=lambda f: f["d"] * 2 + f["user"] % 2)
    with pytest.raises(ValueError, match=r"'d' is . in all .* where 'shop' is"):
        ratio_of_means(data, **CLICKS, blocks="shop")
    data["shop"] = np.minimum(data["shop"], 2)
    with pytest.raises(ValueError, match="one alone makes up the rows with d = 1"):
        ratio_of_means(data, **CLICKS, cluster="shop")
