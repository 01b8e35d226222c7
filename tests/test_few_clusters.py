"""Wild bootstrap, randomization and assumed shocks, against literal implementations."""

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from casestudies.recipes import difference_in_differences as did
from casestudies.recipes import few_clusters as few

TWO = {"outcome": "y", "unit": "unit", "treated": "treated", "post": "post"}
WEBB = np.sqrt([0.5, 1, 1.5])


def panel(rng, clusters=6, size=4, treated=3, shock=1.0, effect=2.0):
    """Clusters of four units in two periods; a shock of its own in each cluster and period."""
    frame = pd.MultiIndex.from_product(
        [range(clusters), range(size), [0, 1]], names=["state", "place", "post"]
    ).to_frame(index=False)
    frame["unit"] = frame["state"] * size + frame["place"]
    frame["treated"] = (frame["state"] < treated).astype(int)
    frame["x"] = rng.normal(size=len(frame))
    level = rng.normal(size=frame["unit"].nunique())[frame["unit"]]
    shocks = shock * rng.normal(size=(clusters, 2))[frame["state"], frame["post"]]
    frame["y"] = level + shocks + effect * frame["treated"] * frame["post"]
    frame["y"] += 0.5 * frame["post"] + rng.normal(size=len(frame))
    return frame


def literal_wild_bootstrap(frame, formula, null, vectors):
    """The p-value from refitting statsmodels to every bootstrap sample."""
    groups = frame["state"].to_numpy()
    data = frame.assign(d=frame["treated"] * frame["post"])

    def t_statistic(y, value):
        fit = smf.ols(f"y ~ d + {formula}", data.assign(y=y)).fit()
        robust = fit.get_robustcov_results("cluster", groups=groups)
        place = fit.params.index.get_loc("d")
        return (robust.params[place] - value) / robust.bse[place]

    shifted = data["y"] - null * data["d"]
    restricted = smf.ols(f"shifted ~ {formula}", data.assign(shifted=shifted)).fit()
    fitted = restricted.fittedvalues + null * data["d"]
    observed = t_statistic(data["y"], null)
    others = [t_statistic(fitted + restricted.resid * vector[groups], null) for vector in vectors]
    return observed, np.mean(np.abs(others) >= abs(observed) * (1 - 1e-9))


@pytest.mark.parametrize("null", [0.0, 1.5])
@pytest.mark.parametrize("controls", [(), ["x"]])
def test_the_wild_bootstrap_equals_refitting_every_sample(null, controls):
    frame = panel(np.random.default_rng(1)).sample(frac=0.9, random_state=1)
    formula = " + ".join(["treated", "post", *controls])
    vectors = [np.array(signs) for signs in itertools.product([-1, 1], repeat=6)]
    statistic, p_value = literal_wild_bootstrap(frame, formula, null, vectors)
    before = frame.copy()
    result = few.wild_bootstrap_test(
        frame, **TWO, cluster="state", controls=controls, null=null, rng=0
    )
    assert result["p_value"] == pytest.approx(p_value, abs=1e-12)
    assert result["statistic"] == pytest.approx(statistic, rel=1e-8)
    assert result["distribution"] == "all 64 combinations of rademacher weights"
    assert result["null"] == f"The effect on the treated is {null:g}."
    pd.testing.assert_frame_equal(frame, before)


def test_webbs_weights_are_six_points_of_variance_one():
    frame = panel(np.random.default_rng(2), clusters=4, treated=2)
    vectors = [np.array(v) for v in itertools.product([*-WEBB, *WEBB], repeat=4)]
    assert len(vectors) == 1296
    some = np.random.default_rng(3).choice(len(vectors), 40, replace=False)
    names = {**TWO, "cluster": "state", "rng": 0}
    result = few.wild_bootstrap_test(frame, **names, weights="webb")
    assert result["distribution"] == "all 1296 combinations of webb weights"
    assert result["smallest_p_value"] == pytest.approx(6 / 1296)
    # The same vectors, one after the other, through the literal implementation.
    chosen = [vectors[i] for i in some]
    _, expected = literal_wild_bootstrap(frame, "treated + post", 0, chosen)
    scores = few._scores(frame, **TWO, cluster="state", controls=[])
    wild = few._Wild(np.array(chosen), True)
    assert few._p_values(scores, wild)(-scores.estimate) == pytest.approx(expected)
    points = few._multipliers("webb", 4, 9999, 0).weights
    assert np.mean(points**2) == pytest.approx(1)
    assert np.mean(points) == pytest.approx(0)
    np.testing.assert_allclose(np.unique(points), np.sort([*-WEBB, *WEBB]))


def test_estimate_and_standard_error_are_those_of_two_by_two():
    frame = panel(np.random.default_rng(4), clusters=12).sample(frac=0.9, random_state=2)
    names = {**TWO, "cluster": "state", "controls": "x"}
    result = few.wild_bootstrap(frame, **names, rng=0)
    expected = did.two_by_two(frame, **names)
    same = ["estimate", "std_error", "n"]
    np.testing.assert_allclose(result[same], expected[same], rtol=1e-10)
    assert list(result.index) == list(expected.index)
    assert result.name == "wild_bootstrap"


@pytest.mark.parametrize("clusters", [9, 30])
def test_the_interval_ends_where_the_test_begins_to_reject(clusters):
    frame = panel(np.random.default_rng(5), clusters=clusters, treated=clusters // 3)
    names = {**TWO, "cluster": "state", "draws": 999}
    result = few.wild_bootstrap(frame, **names, level=0.9, rng=7)
    step = 1e-5 * result["std_error"]
    for end, outwards in [(result["ci_low"], -step), (result["ci_high"], step)]:
        inside = few.wild_bootstrap_test(frame, **names, null=end - outwards, rng=7)
        outside = few.wild_bootstrap_test(frame, **names, null=end + outwards, rng=7)
        assert inside["p_value"] > 0.1 >= outside["p_value"]
    assert result["ci_low"] < result["estimate"] < result["ci_high"]


def test_combinations_are_taken_as_soon_as_the_draws_suffice():
    frame = panel(np.random.default_rng(6))
    names = {**TWO, "cluster": "state", "rng": 0}
    every = few.wild_bootstrap_test(frame, **names, draws=64)
    assert every["distribution"] == "all 64 combinations of rademacher weights"
    one = few.wild_bootstrap_test(frame, **names, draws=1)
    assert one["smallest_p_value"] == 1 / 2
    some = few.wild_bootstrap_test(frame, **names, draws=63)
    assert some["distribution"] == "63 draws of rademacher weights"
    sets = few.randomization_over_units(frame, **TWO, cluster="state", draws=20, rng=0)
    assert sets["distribution"] == "all 20 sets of 3 treated of 6"


def test_random_draws_follow_their_seed_and_count_the_observed_statistic():
    frame = panel(np.random.default_rng(6), clusters=20, treated=8, effect=30)
    names = {**TWO, "cluster": "state", "draws": 199}
    one, again = (few.wild_bootstrap_test(frame, **names, rng=seed) for seed in (1, 1))
    pd.testing.assert_series_equal(one, again)
    assert one["p_value"] == one["smallest_p_value"] == 1 / 200
    assert one["distribution"] == "199 draws of rademacher weights"
    generator = few.wild_bootstrap_test(frame, **names, rng=np.random.default_rng(1))
    pd.testing.assert_series_equal(one, generator)


def test_an_end_is_infinite_where_no_value_is_rejected():
    # As the null moves away, equal weights within each arm leave no spread but the data's own.
    # Those among the 36 that move the estimate further than the data keep the p-value up.
    rng = np.random.default_rng(7)
    frame = panel(rng, clusters=4, treated=2)
    frame["y"] *= np.where(frame["state"] < 2, 1, 1e-3)  # all noise among the treated
    names = {**TWO, "cluster": "state", "weights": "webb", "rng": 0}
    far = few.wild_bootstrap_test(frame, **names, null=-1e6)
    assert far["smallest_p_value"] == pytest.approx(6 / 1296)
    assert far["p_value"] > 0.006
    result = few.wild_bootstrap(frame, **names, level=0.995)
    assert list(result[["ci_low", "ci_high"]]) == [-np.inf, np.inf]
    assert np.isfinite(few.wild_bootstrap(frame, **names, level=0.9)).all()


def test_the_bootstrap_holds_its_size_where_the_clustered_normal_test_does_not():
    rng, rejected = np.random.default_rng(8), np.zeros((200, 2))
    for row in rejected:
        frame = panel(rng, clusters=8, size=1, treated=4, effect=0)
        scores = few._scores(frame, **TWO, cluster="state", controls=[])
        wild = few._multipliers("rademacher", 8, 999, rng)
        row[0] = few._p_values(scores, wild)(-scores.estimate) <= 0.05
        row[1] = abs(scores.estimate / scores.std_error) > stats.norm.ppf(0.975)
    bootstrap, normal = rejected.mean(0)
    assert bootstrap < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 200)
    assert normal > bootstrap + 0.03


# Randomization


@pytest.mark.parametrize("cluster", ["state", None])
def test_randomization_equals_relabelling_every_set_of_clusters(cluster):
    frame = panel(np.random.default_rng(9), size=2 if cluster else 1, treated=2, shock=0.3)
    frame = frame.drop(index=[1, 9])  # an unbalanced panel
    if cluster is None:
        frame = panel(np.random.default_rng(10), size=1, treated=2)
    key, effects = cluster or "unit", []
    for chosen in itertools.combinations(range(6), 2):
        moved = frame.assign(treated=frame[key].isin(chosen).astype(int))
        effects.append(smf.ols("y ~ treated * post", moved).fit().params["treated:post"])
    result = few.randomization_over_units(frame, **TWO, cluster=cluster, rng=0)
    assert result["statistic"] == pytest.approx(effects[0], abs=1e-10)
    expected = np.mean(np.abs(effects) >= abs(effects[0]) - 1e-9)
    assert result["p_value"] == pytest.approx(expected)
    assert result["distribution"] == "all 15 sets of 2 treated of 6"
    assert result["smallest_p_value"] == pytest.approx(1 / 15)
    assert result["null"] == "The treatment changed no unit's outcome."


def test_two_clusters_cannot_reject_whatever_the_effect():
    frame = panel(np.random.default_rng(11), clusters=2, treated=1, effect=1000)
    result = few.randomization_over_units(frame, **TWO, cluster="state", rng=0)
    assert result["p_value"] == result["smallest_p_value"] == 1


def test_a_large_effect_reaches_the_smallest_p_value():
    frame = panel(np.random.default_rng(12), treated=3, effect=1000)
    result = few.randomization_over_units(frame, **TWO, cluster="state", rng=0)
    assert result["p_value"] == result["smallest_p_value"] == pytest.approx(2 / 20)
    lone = panel(np.random.default_rng(13), clusters=20, treated=1, effect=1000)
    result = few.randomization_over_units(lone, **TWO, cluster="state", rng=0)
    assert result["p_value"] == result["smallest_p_value"] == pytest.approx(1 / 20)
    many = panel(np.random.default_rng(20), clusters=16, size=1, treated=5, effect=1000)
    result = few.randomization_over_units(many, **TWO, draws=99, rng=0)
    assert result["p_value"] == result["smallest_p_value"] == 1 / 100


def test_random_sets_approach_all_sets():
    frame = panel(np.random.default_rng(14), clusters=12, size=1, treated=4, effect=1.0)
    every = few.randomization_over_units(frame, **TWO, rng=0)
    some = few.randomization_over_units(frame, **TWO, draws=400, rng=0)
    assert every["distribution"] == "all 495 sets of 4 treated of 12"
    assert some["distribution"] == "400 random sets of 4 treated of 12"
    p = every["p_value"]
    assert 0.01 < p < 0.5
    assert abs(some["p_value"] - p) < 4 * np.sqrt(p * (1 - p) / 400) + 1 / 401
    assert some["smallest_p_value"] == 1 / 401
    assert some["p_value"] * 401 == pytest.approx(round(some["p_value"] * 401))
    pd.testing.assert_series_equal(
        some, few.randomization_over_units(frame, **TWO, draws=400, rng=0)
    )


# Shocks


def published():
    """Card and Krueger's Table 3, row 3: 2.76 (1.36), with a normal interval."""
    return pd.Series({"estimate": 2.76, "std_error": 1.36, "ci_high": 2.76 + 1.96 * 1.36})


def test_a_shock_of_zero_gives_back_the_interval_and_two_states_add_four_variances():
    frame = panel(np.random.default_rng(15))
    result = did.two_by_two(frame, **TWO, level=0.9)
    rows = few.shock_sensitivity(result, shock_sds=[0, 0.7])
    np.testing.assert_allclose(rows.loc[0], result.drop("n"))
    total = np.sqrt(result["std_error"] ** 2 + 4 * 0.7**2)
    margin = stats.t.ppf(0.95, 23) * total
    expected = [result["estimate"], total, result["estimate"] - margin, result["estimate"] + margin]
    np.testing.assert_allclose(rows.loc[0.7], expected)
    more = few.shock_sensitivity(result, shock_sds=[0.7], treated_groups=2, control_groups=5)
    variance = result["std_error"] ** 2 + 2 * 0.7**2 * (1 / 2 + 1 / 5)
    assert more["std_error"].iloc[0] == pytest.approx(np.sqrt(variance))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_is_lost_at_the_breakdown_shock(sign):
    result = published()
    if sign == -1:  # the same interval mirrored
        result["estimate"] *= -1
        result["ci_high"] = -2.76 + 1.96 * 1.36
    limit = few.shock_breakdown(result)
    # By hand: (2.76 / 1.96)^2 - 1.36^2 = 0.13332, a quarter of which has root 0.1826.
    assert limit["shock_sd"] == pytest.approx(0.1826, abs=5e-5)
    assert limit["share_of_estimate"] == pytest.approx(0.1826 / 2.76, abs=5e-5)
    row = few.shock_sensitivity(result, shock_sds=[limit["shock_sd"]]).iloc[0]
    assert row["ci_low" if sign == 1 else "ci_high"] == pytest.approx(0, abs=1e-12)
    groups = {"treated_groups": 2, "control_groups": 2}
    assert few.shock_breakdown(result, **groups)["shock_sd"] == pytest.approx(
        np.sqrt(2) * limit["shock_sd"]
    )


def test_an_interval_that_holds_zero_has_no_sign_to_lose():
    result = published()
    result["estimate"] = 1.0
    result["ci_high"] = 1 + 1.96 * 1.36
    assert (few.shock_breakdown(result) == 0).all()


def test_an_interval_that_knows_the_shocks_size_covers_and_one_without_does_not():
    rng, covered = np.random.default_rng(16), np.zeros((200, 2))
    for row in covered:
        frame = panel(rng, clusters=2, size=20, treated=1, shock=0.8)
        rows = few.shock_sensitivity(did.two_by_two(frame, **TWO), shock_sds=[0, 0.8])
        row[:] = (rows["ci_low"] < 2) & (rows["ci_high"] > 2)
    without, known = covered.mean(0)
    assert abs(known - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)
    assert without < 0.75


# Refusals


def test_wild_bootstrap_refusals():
    frame = panel(np.random.default_rng(17))
    names = {**TWO, "cluster": "state", "rng": 0}
    with pytest.raises(ValueError, match=r"'state' has 2 cluster\(s\).*no degrees of freedom"):
        few.wild_bootstrap(frame[frame["state"].isin([0, 5])], **names)
    with pytest.raises(ValueError, match="5 clusters, so no p-value with rademacher weights lies"):
        few.wild_bootstrap(frame[frame["state"] < 5], **names)
    few.wild_bootstrap(frame[frame["state"] < 5], **names, weights="webb")
    with pytest.raises(ValueError, match=r"weights must be one of .*, got 'mammen'"):
        few.wild_bootstrap_test(frame, **names, weights="mammen")
    with pytest.raises(ValueError, match="'state' changes within unit = 0"):
        few.wild_bootstrap(frame.assign(state=frame["post"]), **names)
    with pytest.raises(ValueError, match="'treated' changes within unit = 0"):
        few.wild_bootstrap(frame.assign(treated=frame["treated"] * frame["post"]), **names)
    with pytest.raises(ValueError, match="unit = 0 is seen more than once with post = 0"):
        few.wild_bootstrap(pd.concat([frame, frame.iloc[:1]]), **names)
    with pytest.raises(ValueError, match="no row has treated = 1 and post = 0"):
        few.wild_bootstrap(frame[(frame["treated"] == 0) | (frame["post"] == 1)], **names)
    with pytest.raises(ValueError, match="'post' must be 0 or 1, found 2"):
        few.wild_bootstrap(frame.assign(post=2 * frame["post"]), **names)
    with pytest.raises(ValueError, match="'flat' is constant or a linear combination"):
        few.wild_bootstrap(frame.assign(flat=3), **names, controls="flat")
    with pytest.raises(ValueError, match=r"'y' holds .* such as 'a', not numbers"):
        few.wild_bootstrap(frame.assign(y="a"), **names)
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        few.wild_bootstrap(frame, **names, level=1.0)
    extra = pd.DataFrame(np.random.default_rng(18).normal(size=(48, 44))).add_prefix("c")
    with pytest.raises(ValueError, match="48 rows for 48 coefficients leave no residual"):
        few.wild_bootstrap(frame.join(extra), **names, controls=list(extra))


def test_randomization_refusals():
    frame = panel(np.random.default_rng(19), size=1)
    half = frame["unit"] % 2
    with pytest.raises(ValueError, match=r"'treated' changes within half = 1 .*treated as a whole"):
        few.randomization_over_units(frame.assign(half=half), **TWO, cluster="half", rng=0)
    lost = frame[(frame["post"] == 1) | frame["unit"].isin([0, 4, 5])]
    with pytest.raises(ValueError, match="'unit': a set of 3 treated leaves a group without rows"):
        few.randomization_over_units(lost, **TWO, rng=0)
    with pytest.raises(ValueError, match="draws must be 1 or more, got 0"):
        few.randomization_over_units(frame, **TWO, draws=0, rng=0)
    with pytest.raises(ValueError, match="draws must be 1 or more, got -5"):
        few.wild_bootstrap_test(frame, **TWO, cluster="unit", draws=-5, rng=0)
    with pytest.raises(ValueError, match="no column 'state_' in data"):
        few.randomization_over_units(frame, **TWO, cluster="state_", rng=0)


def test_shock_refusals():
    with pytest.raises(ValueError, match="shock_sds must be 0 or more, got -1"):
        few.shock_sensitivity(published(), shock_sds=[1, -1])
    with pytest.raises(ValueError, match="control_groups must be 1 or more, got 0"):
        few.shock_sensitivity(published(), shock_sds=[1], control_groups=0)
    with pytest.raises(ValueError, match="result has no finite entry 'ci_high'"):
        few.shock_breakdown(published().drop("ci_high"))
    with pytest.raises(ValueError, match="result has std_error 0"):
        few.shock_breakdown(pd.Series({"estimate": 1.0, "std_error": 0.0, "ci_high": 1.0}))


# Names, storage, options and advice


@pytest.mark.parametrize("ours", ["intercept", "const", "treated x post"])
@pytest.mark.parametrize("role", ["treated", "post", "x"])
def test_no_name_of_a_column_changes_the_answer(ours, role):
    frame = panel(np.random.default_rng(21))
    names = {**TWO, "cluster": "state", "rng": 0}
    renamed = {key: ours if name == role else name for key, name in names.items()}
    other, control = frame.rename(columns={role: ours}), ours if role == "x" else "x"
    for call in (few.wild_bootstrap_test, few.wild_bootstrap):
        expected = call(frame, **names, controls="x", weights="webb")
        found = call(other, **renamed, controls=control, weights="webb")
        assert found.drop("null", errors="ignore").equals(expected.drop("null", errors="ignore"))


def test_the_interaction_among_the_controls_is_refused():
    frame = panel(np.random.default_rng(21))
    frame["treated x post"] = frame["treated"] * frame["post"]
    for call in (few.wild_bootstrap_test, few.wild_bootstrap):
        with pytest.raises(ValueError, match="'treated x post' is constant or a linear"):
            call(frame, **TWO, cluster="state", controls="treated x post", rng=0)


@pytest.mark.parametrize("call", [few.wild_bootstrap_test, few.randomization_over_units])
def test_ties_are_ties_in_every_unit_and_width(call):
    # Outcomes in tenths tie often; in whole numbers they tie exactly.
    rng, frame = np.random.default_rng(22), panel(np.random.default_rng(22), clusters=8, treated=4)
    for _ in range(20):
        whole = frame.assign(y=rng.integers(0, 5, len(frame)))
        names = {**TWO, "cluster": "state", "rng": 0}
        exact = call(whole, **names)["p_value"]
        for y in (whole["y"] / 10, (whole["y"] / 10).astype("float32"), whole["y"] / 10 + 2**27):
            assert call(frame.assign(y=y), **names)["p_value"] == exact


@pytest.mark.parametrize("draws", [199, 9999])
def test_random_draws_do_not_depend_on_the_order_of_the_rows(draws):
    frame = panel(np.random.default_rng(23), clusters=20, treated=8)
    names = {**TWO, "cluster": "state", "draws": draws, "rng": 3}
    for call in (few.wild_bootstrap_test, few.randomization_over_units):
        one, other = (call(f, **names) for f in (frame, frame.sample(frac=1, random_state=1)))
        assert one["p_value"] == other["p_value"]


def test_legacy_generators_serve_as_well():
    frame = panel(np.random.default_rng(23), clusters=20, treated=8)
    names = {**TWO, "cluster": "state", "draws": 99}
    for call in (few.wild_bootstrap_test, few.randomization_over_units):
        one, other = (call(frame, **names, rng=np.random.RandomState(4)) for _ in range(2))
        assert one.equals(other)


def test_options_are_checked_like_columns():
    frame = panel(np.random.default_rng(24))
    draws = [np.nan, 0, -1, 2.5, "99", None, True, np.inf]
    bad = [({"draws": value}, "draws must be") for value in draws]
    bad += [({"rng": value}, "rng must be an int from 0 on") for value in (None, 1.5, -1, "0")]
    bad += [({"cluster": ""}, "cluster must name a column"), ({"outcome": None}, "outcome must")]
    for call in (few.wild_bootstrap, few.wild_bootstrap_test, few.randomization_over_units):
        for changes, message in bad:
            with pytest.raises(ValueError, match=message):
                call(frame, **{**TWO, "cluster": "state", "rng": 0, **changes})
    names = {**TWO, "cluster": "state", "rng": 0}
    for null in (np.nan, np.inf, "0", None):
        with pytest.raises(ValueError, match="null must be a finite number"):
            few.wild_bootstrap_test(frame, **names, null=null)
    for call in (few.wild_bootstrap, few.wild_bootstrap_test):
        with pytest.raises(ValueError, match="cluster must name a column, as a string, got None"):
            call(frame, **{**names, "cluster": None})
        with pytest.raises(ValueError, match="weights must be one of 'rademacher', 'webb', got 6"):
            call(frame, **names, weights=6)
    assert few.wild_bootstrap_test(frame, **names, draws=64.0)["smallest_p_value"] == 2 / 64


def test_an_outcome_without_noise_is_refused():
    frame, names = panel(np.random.default_rng(25)), {**TWO, "cluster": "state", "rng": 0}
    for call in (few.wild_bootstrap, few.wild_bootstrap_test, few.randomization_over_units):
        with pytest.raises(ValueError, match="'y' is 1 in all 48 rows"):
            call(frame.assign(y=1), **names)
    for call in (few.wild_bootstrap, few.wild_bootstrap_test):
        with pytest.raises(ValueError, match="'y': rows that are compared are alike"):
            call(frame.assign(y=frame["state"] / 3 + frame["post"]), **names)


@pytest.mark.parametrize(
    ("clusters", "options", "message", "repairs"),
    [
        (
            5,
            {},
            "take weights='webb' with draws=20 or more, or level=0.937 or less",
            [{"weights": "webb", "draws": 20}, {"level": 0.937}],
        ),
        (
            6,
            {"draws": 10, "weights": "webb"},
            "take weights='webb' with draws=20 or more, or level=0.909 or less",
            [{"draws": 20}, {"level": 0.909}],
        ),
        (
            4,
            {"weights": "webb", "level": 0.999},
            "none can reach 0.001; take level=0.995 or less",
            [{"level": 0.995}],
        ),
        (
            4,
            {"level": 0.995},
            "take weights='webb' with draws=200 or more, or level=0.875 or less",
            [{"weights": "webb", "draws": 200}, {"weights": "webb"}, {"level": 0.875}],
        ),
    ],
)
def test_the_advice_on_too_few_weights_works(clusters, options, message, repairs):
    frame = panel(np.random.default_rng(26), clusters=clusters, treated=2)
    names = {**TWO, "cluster": "state", "rng": 0, **options}
    with pytest.raises(ValueError, match=message):
        few.wild_bootstrap(frame, **names)
    for repair in repairs:
        assert np.isfinite(few.wild_bootstrap(frame, **{**names, **repair})["estimate"])


def test_the_advice_on_randomization_works():
    frame = panel(np.random.default_rng(27), size=2)
    lost = frame[(frame["post"] == 1) | frame["unit"].isin([0, 1, 10, 11])]
    message = (
        r"keep those seen in both, data\[data.groupby\('unit'\)\['post'\].transform\('nunique'\)"
    )
    with pytest.raises(ValueError, match=message):
        few.randomization_over_units(lost, **TWO, rng=0)
    kept = lost[lost.groupby("unit")["post"].transform("nunique") == 2]
    assert few.randomization_over_units(kept, **TWO, rng=0)["p_value"] <= 1
    once = frame[(frame["unit"] + frame["post"]) % 2 == 0]  # repeated cross-sections
    with pytest.raises(
        ValueError, match="or give the groups of units that were treated as a whole"
    ):
        few.randomization_over_units(once, **TWO, rng=0)
    assert few.randomization_over_units(once, **TWO, cluster="state", rng=0)["p_value"] <= 1
    frame["half"] = frame["unit"] % 2
    with pytest.raises(ValueError, match="take clusters that were treated as a whole"):
        few.randomization_over_units(frame, **TWO, cluster="half", rng=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shock_sds": []}, "shock_sds is empty"),
        ({"shock_sds": [np.nan]}, "shock_sds must be 0 or more, got nan"),
        ({"shock_sds": "1"}, "shock_sds must be 0 or more, got '1'"),
        ({"treated_groups": np.nan}, "treated_groups must be 1 or more, got nan"),
        ({"control_groups": 1.5}, "control_groups must be a whole number, got 1.5"),
        ({"result": None}, "result has no finite entry 'estimate'"),
        ({"result": published().to_frame()}, "result has no finite entry 'estimate'"),
        (
            {"result": published() * np.nan},
            r"result\['estimate'\] must be a finite number, got .*nan",
        ),
        ({"result": -published()}, "result has std_error -1.36"),
        (
            {"result": pd.Series({"estimate": 3.0, "std_error": 1.0, "ci_high": 2.0})},
            r"result\['ci_high'\] must be above 3, got 2.0",
        ),
    ],
)
def test_options_of_an_assumed_shock_are_checked(changes, message):
    names = {"result": published(), "shock_sds": [0.5], **changes}
    with pytest.raises(ValueError, match=message):
        few.shock_sensitivity(**names)
    if "shock_sds" not in changes:
        del names["shock_sds"]
        with pytest.raises(ValueError, match=message):
            few.shock_breakdown(**names)


def test_an_estimate_of_zero_breaks_without_a_shock():
    result = pd.Series({"estimate": 0.0, "std_error": 1.0, "ci_high": 2.0})
    assert few.shock_breakdown(result).to_list() == [0, 0]
