"""Scores, overlap, balance and trimming against hand work and statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from confounded import DESIGN, WARD_COLUMNS, WARDS, design, fits, hospital, lonely
from scipy.special import expit

from casestudies.recipes.propensity import balance, overlap, scores, trim


def test_hand_worked_scores():
    assert scores(WARDS, **WARD_COLUMNS).to_list() == pytest.approx(4 * [0.25] + 4 * [0.75])


def test_hand_worked_overlap():
    found = overlap(WARDS, **WARD_COLUMNS)
    assert found.index.to_list() == [0, 1]
    untreated = found.loc[0]
    assert untreated["n"] == 4
    assert untreated[["min", "p50", "p95", "max"]].to_list() == pytest.approx(
        [0.25, 0.25, 0.675, 0.75]
    )
    assert untreated["ess_ate"] == pytest.approx(8**2 / (3 * 16 / 9 + 16))
    assert untreated["ess_att"] == pytest.approx(4**2 / (3 / 9 + 9))
    assert found.loc[1, "ess_att"] == 4


def test_overlap_counts_scores_beyond_the_other_arm_and_near_zero_and_one():
    data = hospital(2_000, rng=3)
    data["a"] = (np.random.default_rng(3).random(2_000) < expit(4 * data["x1"])) * 1
    found, score = overlap(data, **DESIGN), scores(data, **DESIGN)
    arms = [score[data["a"] == arm] for arm in (0, 1)]
    assert found["n"].to_list() == [len(arm) for arm in arms]
    size = (1 / arms[1]).sum() ** 2 / (1 / arms[1] ** 2).sum()
    assert found.loc[1, "ess_ate"] == pytest.approx(size)
    for arm, other in ((0, 1), (1, 0)):
        beyond = ~arms[arm].between(arms[other].min(), arms[other].max())
        assert found.loc[arm, "outside_support"] == beyond.mean()
        assert found.loc[arm, "below_0.05"] == (arms[arm] < 0.05).mean()
        assert found.loc[arm, "above_0.95"] == (arms[arm] > 0.95).mean()
    assert found[["below_0.05", "above_0.95"]].to_numpy().min() > 0
    assert found["outside_support"].max() > 0
    assert found["p25"].to_list() == pytest.approx([arm.quantile(0.25) for arm in arms])


def test_hand_worked_balance():
    data = WARDS.assign(age=[1, 2, 3, 4, 5, 6, 8, 5], w=[1, 1, 1, 0, 0, 1, 1, 2])
    found = balance(data, treatment="a", adjust_for=["old", "age"], weights="w")
    treated, untreated = data["age"][data["a"] == 1], data["age"][data["a"] == 0]
    scale = np.sqrt((treated.var() + untreated.var()) / 2)
    assert found.loc["age", "difference_before"] == pytest.approx((5 - 3.5) / scale)
    assert found.loc["age", "ratio_before"] == pytest.approx(treated.var() / untreated.var())
    # Weighted: treated 1, 6, 8 with weight 1, variance 13; untreated 2, 3 once and 5 twice, mean
    # 15/4, sum of squares 27/4, divided by 4 - 6/4.
    assert found.loc["age", "difference_after"] == pytest.approx((5 - 15 / 4) / scale)
    assert found.loc["age", "ratio_after"] == pytest.approx(13 / (27 / 4 / (4 - 6 / 4)))
    assert balance(data, **WARD_COLUMNS).columns.to_list() == ["difference_before", "ratio_before"]


def test_a_covariate_that_tells_the_arms_apart_is_infinitely_out_of_balance():
    data = WARDS.assign(old=WARDS["a"])
    assert balance(data, **WARD_COLUMNS)["difference_before"].item() == np.inf


def test_the_balance_of_covariates_that_do_not_vary_in_an_arm():
    data = WARDS.assign(x=np.where(WARDS["a"] == 1, 0.1, 0.7), w=[1, 0, 0, 1, 0, 0, 0, 1])
    data["half"] = np.where(WARDS["a"] == 1, 0.1, WARDS["y"])
    found = balance(data, treatment="a", adjust_for=["x", "half", "old"], weights="w")
    assert found.loc["x", "difference_before"] == -np.inf
    assert found.loc["half", "ratio_before"] == 0
    assert np.isnan(found.loc["old", "ratio_after"])  # one treated row has all the weight
    assert found.loc["old", "difference_after"] == pytest.approx((0 - 1 / 2) / 0.5)
    counts = data.assign(x=WARDS["a"] * 7 + 1, w=[0.1, 0.7, 1.1, 1.3, 1.7, 1.9, 2.3, 2.9])
    found = balance(counts, treatment="a", adjust_for="x", weights="w")
    assert found.loc["x", ["difference_before", "difference_after"]].to_list() == [np.inf] * 2
    assert found.loc["x", ["ratio_before", "ratio_after"]].isna().all()


def test_rounding_of_float32_is_no_variation_and_a_far_origin_costs_no_digits():
    wobble = np.float32(700) + np.spacing(np.float32(700)) * (WARDS.index % 2)
    data = WARDS.assign(x=np.where(WARDS["a"] == 1, wobble, np.float32(100)).astype(np.float32))
    assert balance(data, treatment="a", adjust_for="x")["difference_before"].item() == np.inf
    near = hospital(200, rng=3).assign(x1=lambda f: (f["x1"] * 2**20).round() / 2**20)
    far = near.assign(x1=near["x1"] + 2**32)
    found = [balance(frame, treatment="a", adjust_for="x1") for frame in (near, far)]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)


def test_trimming_keeps_scores_from_a_tenth_to_nine_tenths_unless_told_otherwise():
    kept = trim(hospital(300, rng=2), **DESIGN)
    assert kept.attrs["population"] == "rows with scores in [0.1, 0.9]"


def test_the_balance_of_a_column_named_like_a_dummy_has_its_own_row():
    data = hospital(200, rng=3).assign(**{"ward = b": lambda d: d["x1"]})
    found = balance(data, treatment="a", adjust_for=["ward", "ward = b"])
    assert found.index.to_list() == ["ward = b", "ward = c", "ward = b"]
    for row, column in ((0, (data["ward"] == "b") * 1), (2, data["x1"])):
        arms = [column[data["a"] == arm] for arm in (0, 1)]
        expected = (arms[1].mean() - arms[0].mean()) / np.sqrt((arms[0].var() + arms[1].var()) / 2)
        assert found["difference_before"].iloc[row] == pytest.approx(expected)


def test_balance_minds_no_category_of_one_arm():
    data = lonely(hospital(100, rng=2), 1)
    assert fits(balance(data, **DESIGN)["difference_before"])


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_scores_that_equal_a_bound_lie_within_it(kind):
    # Scores are 1/3 at x = 0.1 and 2/3 at x = 0.4; twins differ by the rounding of 0.1 + 0.3.
    x, a = [0.1] * 3 + [0.4] * 2 + [0.1 + 0.3], [1, 0, 0, 1, 1, 0]
    data = pd.DataFrame({"x": np.tile(x, 20), "a": np.tile(a, 20)}).astype({"x": kind})
    data.loc[0, "x"] = np.nextafter(data["x"].dtype.type(0.1), data["x"].dtype.type(1))
    columns = {"treatment": "a", "adjust_for": "x"}
    kept = trim(data, **columns, low=1 / 3, high=2 / 3)
    assert kept.attrs["dropped"] == {"treated": 0, "control": 0}
    assert overlap(data, **columns)["outside_support"].to_list() == [0, 0]
    assert trim(data, **columns, low=1 / 3 + 1e-6, high=2 / 3).attrs["dropped"]["control"] == 40


def test_scores_are_those_of_statsmodels_and_keep_the_index():
    data = hospital(300, rng=21)
    data.index = [f"patient {i % 150}" for i in range(300)]
    found = scores(data, **DESIGN)
    assert found.index.equals(data.index)
    assert found.name == "score"
    expected = sm.Logit(data["a"].to_numpy(), design(data)).fit(disp=0).predict()
    assert found.to_numpy() == pytest.approx(expected, rel=1e-6)


def test_scores_do_not_mind_a_covariate_with_an_extreme_outlier():
    # Newton's method overshoots here unless its steps are shortened.
    x1 = [-0.384, 0.247, 925, -0.235, 3.18, 0.218, 4.75, -4.27, 1.23, -0.927]
    x2 = [0.255, 0.325, -0.122, 0.412, -3.07, -1.19, -1.60, 1.94, 1.44, 13.3]
    data = pd.DataFrame({"x1": x1, "x2": x2, "a": [0, 0, 1, 1, 1, 0, 1, 0, 1, 0]})
    found = scores(data, treatment="a", adjust_for=["x1", "x2"])
    gradient = (data["a"] - found) @ data[["x1", "x2"]].assign(one=1)
    assert gradient.to_numpy() == pytest.approx([0, 0, 0], abs=1e-6)


def test_arms_separated_by_a_combination_of_columns_are_refused():
    data = hospital(60, rng=4).assign(a=lambda d: (d["x1"] + d["x2"] > 0) * 1)
    with pytest.raises(
        ValueError,
        match=r"a combination of 'x1', 'x2', 'ward = b', 'ward = c', above all column 'x.'",
    ):
        scores(data, **DESIGN)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_foremost_column_of_a_separation_does_not_depend_on_its_unit(unit):
    data = hospital(60, rng=4).assign(a=lambda d: (d["x1"] + 0.2 * d["x2"] > 0) * 1)
    with pytest.raises(ValueError, match="combination of 'x1', 'x2', above all column 'x1'"):
        scores(data.assign(x1=data["x1"] * unit), treatment="a", adjust_for=["x1", "x2"])


def test_the_refusal_says_where_the_arms_part_and_whom_a_range_leaves_out():
    for after in (5, 3):
        data = pd.DataFrame({"x": [1, 2, 3, after, 6, 7], "a": [0, 0, 0, 1, 1, 1]})
        with pytest.raises(ValueError, match=r"column 'x', at 3, separates the arms"):
            scores(data, treatment="a", adjust_for="x")
    data = hospital(60, rng=5)
    score = scores(data, **DESIGN)
    assert {data["a"][score.idxmin()], data["a"][score.idxmax()]} == {0, 1}
    for at in (score.idxmin(), score.idxmax()):
        lacking = "treated" if data["a"][at] == 0 else "control"
        with pytest.raises(ValueError, match=f"no {lacking} row has a score"):
            trim(data, **DESIGN, low=score[at] - 1e-9, high=score[at] + 1e-9)


REMEDIES = [
    (
        lambda d: trim(d, **DESIGN, low=0.6, high=0.4),
        "low=0.6 and high=0.4",
        lambda d: trim(d, **DESIGN, low=0.4, high=0.6)["y"],
    ),
    (
        lambda d: trim(d, **DESIGN, low=np.nan),
        "low must be 0 or more, got nan",
        lambda d: trim(d, **DESIGN, low=0)["y"],
    ),
    (
        lambda d: trim(d, **DESIGN, low=-0.1),
        "low must be 0 or more, got -0.1",
        lambda d: trim(d, **DESIGN, low=0.0)["y"],
    ),
    (
        lambda d: trim(d, **DESIGN, high=np.nan),
        "high must .* got nan",
        lambda d: trim(d, **DESIGN, high=1)["y"],
    ),
    (
        lambda d: trim(d, **DESIGN, high=90),
        "high must .* got 90",
        lambda d: trim(d, **DESIGN, high=0.9)["y"],
    ),
    (
        lambda d: trim(d, **DESIGN, high="0.9"),
        "high must .* got '0.9'",
        lambda d: trim(d, **DESIGN, high=0.9)["y"],
    ),
    (
        lambda d: trim(d, **DESIGN, low=0.999, high=1),
        r"no control row .* in \[0.999, 1\]; widen the range",
        lambda d: trim(d, **DESIGN, low=0, high=1)["y"],
    ),
    (
        lambda d: balance(d, **DESIGN, weights="x1"),
        "'x1' is given more than one role",
        lambda d: balance(d.assign(w=1), **DESIGN, weights="w"),
    ),
    (
        lambda d: balance(d, **DESIGN, weights=""),
        "weights must name a column",
        lambda d: balance(d, **DESIGN, weights=None),
    ),
    (
        lambda d: balance(d, **DESIGN, weights="y"),
        "'y' has a negative weight, -.* make them 0 or more",
        lambda d: balance(d.assign(y=d["y"].clip(lower=0)), **DESIGN, weights="y"),
    ),
    (
        lambda d: balance(d.assign(w=1 - d["a"]), **DESIGN, weights="w"),
        "'w' is 0 in all rows of arm 1; weight some",
        lambda d: balance(d.assign(w=2 - d["a"]), **DESIGN, weights="w"),
    ),
    (
        lambda d: balance(d.assign(w=d["a"]), **DESIGN, weights="w"),
        "'w' is 0 in all rows of arm 0; weight some",
        lambda d: balance(d.assign(w=1 + d["a"]), **DESIGN, weights="w"),
    ),
    (
        lambda d: balance(d.assign(x2=3), **DESIGN),
        "'x2' has one value",
        lambda d: balance(d, treatment="a", adjust_for=["x1", "ward"]),
    ),
    (
        lambda d: scores(d.assign(x2=-d["x1"]), **DESIGN),
        "'x2' is constant or a linear combination .*; drop it",
        lambda d: scores(d, treatment="a", adjust_for=["x1", "ward"]),
    ),
    (
        lambda d: overlap(d.assign(x1=d["x1"] + 9 * d["a"]), **DESIGN),
        "'x1', at .* separates the arms, .*; use fewer",
        lambda d: overlap(d, treatment="a", adjust_for=["x2", "ward"]),
    ),
]


@pytest.mark.parametrize(("call", "message", "repaired"), REMEDIES)
def test_unfit_input_is_refused_and_the_advice_works(call, message, repaired):
    data = hospital(100, rng=23)
    with pytest.raises(ValueError, match=message):
        call(data)
    assert fits(repaired(data))
