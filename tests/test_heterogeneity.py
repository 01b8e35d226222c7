"""Effects that differ: against formulas by hand, least squares, exact truths and replications."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from confounded import COLUMNS, coarse, fits, hospital
from scipy import integrate, stats

from casestudies import scenarios
from casestudies.recipes import heterogeneity
from casestudies.recipes.doubly_robust import doubly_robust
from casestudies.recipes.heterogeneity import (
    best_linear_projection,
    effect_scores,
    group_effects,
    heterogeneity_test,
    rank_weighted_effect,
    targeting_curve,
)
from casestudies.recipes.propensity import trim

LinearRegression = pytest.importorskip("sklearn.linear_model").LinearRegression
KNeighborsRegressor = pytest.importorskip("sklearn.neighbors").KNeighborsRegressor
tree = pytest.importorskip("sklearn.tree")
DecisionTreeClassifier, DecisionTreeRegressor = (
    tree.DecisionTreeClassifier,
    tree.DecisionTreeRegressor,
)


def scored(n, rng, slope=1.0):
    """Draw scores of noise 2 around an effect that goes with a priority, 1 + slope * priority."""
    rng = np.random.default_rng(rng)
    priority, other, noise = rng.normal(size=(3, n))
    data = pd.DataFrame({"priority": priority, "other": other, "ward": rng.choice(list("abc"), n)})
    data["score"] = 1 + slope * priority + 2 * noise
    return data.assign(w=1.0 + (other > 0), site=np.arange(n) % 25)


def numbers(frame):
    return frame[["estimate", "std_error"]].to_numpy(dtype=float)


def test_the_mean_of_the_scores_is_the_doubly_robust_estimate():
    data = hospital(300, rng=1)
    scores = effect_scores(data, **COLUMNS)
    assert scores.mean() == pytest.approx(doubly_robust(data, **COLUMNS)["estimate"])
    assert scores.name == "effect_score"
    turned = data.set_axis(np.arange(300)[::-1] + 7)
    assert effect_scores(turned, **COLUMNS).index.equals(turned.index)


def test_known_probabilities_take_the_place_of_the_fitted_score():
    data = hospital(200, rng=2).assign(p=lambda d: np.where(d["ward"] == "a", 0.3, 0.6))
    roles = {"outcome": "y", "treatment": "a", "propensity": "p"}
    a, y, p = (data[name].to_numpy() for name in ("a", "y", "p"))
    means = [y[a == arm].mean() for arm in (0, 1)]
    by_hand = means[1] - means[0] + a * (y - means[1]) / p - (1 - a) * (y - means[0]) / (1 - p)
    found = effect_scores(data, **roles, folds=1)
    np.testing.assert_allclose(found, by_hand)
    lines = [sm.OLS(y[a == k], sm.add_constant(data["x1"][a == k])).fit() for k in (0, 1)]
    m0, m1 = (line.predict(sm.add_constant(data["x1"])) for line in lines)
    by_hand = m1 - m0 + a * (y - m1) / p - (1 - a) * (y - m0) / (1 - p)
    found = effect_scores(data, **roles, adjust_for="x1", folds=1)
    np.testing.assert_allclose(found, by_hand)


def test_scores_do_not_depend_on_the_order_of_rows():
    data = coarse(300, rng=3).assign(p=0.5, w=lambda d: 1 + (d["x2"] > 0), site=range(300))
    data["site"] //= 4
    leaves = DecisionTreeRegressor(min_samples_leaf=10, random_state=0)
    shuffled = data.sample(frac=1, random_state=1)
    experiment = {"outcome": "y", "treatment": "a", "propensity": "p"}
    for options in (
        COLUMNS,
        {**COLUMNS, "outcome_model": leaves, "cluster": "site"},
        {**experiment, "weights": "w"},
        {**experiment, "adjust_for": "x1", "model": "linear"},
    ):
        found, expected = (effect_scores(each, **options) for each in (shuffled, data))
        columns = ["y", "a", "x1", "x2", "ward"]
        found, expected = (
            each[columns].assign(score=score, site=each["site"] * ("cluster" in options))
            for each, score in ((shuffled, found), (data, expected))
        )
        order = [*columns, "site", "score"]
        found, expected = (each.sort_values(order)["score"] for each in (found, expected))
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)


def test_group_effects_are_means_with_the_errors_of_means():
    data = scored(200, 4)
    found = group_effects(data, score="score", by="ward")
    groups = data.groupby("ward")["score"]
    assert found.index.to_list() == ["a", "b", "c"]
    np.testing.assert_allclose(numbers(found).T, [groups.mean(), groups.sem()])
    assert found["n"].to_list() == groups.size().to_list()
    alone = stats.norm.ppf((1 + 0.95 ** (1 / 3)) / 2)  # groups are independent
    assert found.attrs["critical_value"] == pytest.approx(alone, rel=2e-3)
    width = found["all_high"] - found["all_low"]
    np.testing.assert_allclose(width, 2 * found.attrs["critical_value"] * found["std_error"])


def test_weighted_and_clustered_groups_are_regressions_on_dummies():
    data = scored(200, 5)
    dummies = pd.get_dummies(data["ward"], dtype=float)
    fit = sm.WLS(data["score"], dummies, weights=data["w"])
    by_site = fit.fit(
        cov_type="cluster", cov_kwds={"groups": data["site"], "use_correction": False}
    )
    found = group_effects(data, score="score", by="ward", weights="w", cluster="site")
    expected = np.column_stack([by_site.params, by_site.bse * np.sqrt(25 / 24)])
    np.testing.assert_allclose(numbers(found), expected)
    margin = stats.t.ppf(0.975, 24) * found["std_error"]
    np.testing.assert_allclose(found["ci_high"] - found["estimate"], margin)
    found = group_effects(data, score="score", by="ward", weights="w")
    size = data.groupby("ward").size()
    robust = fit.fit(cov_type="HC0").bse * np.sqrt(size / (size - 1))
    np.testing.assert_allclose(numbers(found)[:, 1], robust)


def test_groups_may_be_numbers_or_categories():
    data = scored(200, 6).assign(age=lambda d: (d["other"] > 0) * 10 + 30)
    found = group_effects(data, score="score", by="age")
    assert found.index.to_list() == [30, 40]
    named = data.assign(age=pd.Categorical(data["age"].map({30: "x", 40: "b"}), ["x", "b", "z"]))
    turned = group_effects(named, score="score", by="age")
    assert turned.index.to_list() == ["b", "x"]
    np.testing.assert_allclose(numbers(turned)[::-1], numbers(found))


@pytest.mark.parametrize("weights", [None, "w"])
def test_projection_is_least_squares_with_hc3_errors(weights):
    data = scored(150, 7)
    x = pd.get_dummies(data[["other", "ward"]], drop_first=True, dtype=float)
    weight = 1.0 if weights is None else data["w"]
    model = sm.WLS(data["score"], sm.add_constant(x), weights=weight)
    fit = model.fit(cov_type="HC3", use_t=True)
    found = best_linear_projection(data, score="score", on=["other", "ward"], weights=weights)
    assert found.index.to_list() == ["constant", "other", "ward = b", "ward = c"]
    np.testing.assert_allclose(numbers(found), np.column_stack([fit.params, fit.bse]))
    np.testing.assert_allclose(found[["ci_low", "ci_high"]], fit.conf_int())
    covariance = pd.DataFrame(found.attrs["covariance"])
    np.testing.assert_allclose(covariance, fit.cov_params(), atol=1e-12)
    test = heterogeneity_test(data, score="score", on=["other", "ward"], weights=weights)
    wald = fit.wald_test(np.eye(4)[1:], use_f=True, scalar=True)
    assert test["statistic"] == pytest.approx(wald.statistic)
    assert test["p_value"] == pytest.approx(wald.pvalue)
    assert (test["df"], test["df_denominator"]) == (3, 146)


def test_clustered_projection_is_that_of_least_squares():
    data = scored(150, 8)
    x = sm.add_constant(data[["other", "priority"]])
    kinds = {"groups": data["site"], "use_correction": False}
    fit = sm.OLS(data["score"], x).fit(cov_type="cluster", cov_kwds=kinds)
    options = {"score": "score", "on": ["other", "priority"], "cluster": "site"}
    found = best_linear_projection(data, **options)
    errors = fit.bse * np.sqrt(25 / 24)
    np.testing.assert_allclose(numbers(found), np.column_stack([fit.params, errors]))
    test = heterogeneity_test(data, **options)
    wald = fit.wald_test(np.eye(3)[1:], use_f=True, scalar=True)
    assert test["statistic"] == pytest.approx(wald.statistic * 24 / 25)
    assert test["p_value"] == pytest.approx(stats.f.sf(test["statistic"], 2, 24))


def test_the_test_rejects_as_often_as_it_says_and_more_where_effects_differ():
    null, alternative = (
        np.mean(
            [
                heterogeneity_test(scored(150, rng, slope), score="score", on=columns)["p_value"]
                for rng in range(100)
            ]
            < np.array(0.05)
        )
        for slope, columns in ((0, ["priority", "ward"]), (0.7, ["priority", "ward"]))
    )
    assert abs(null - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 100)
    assert alternative > 0.6


def grf_toc(data, ranks):
    """Return TOC at k / n as grf computes it, without ties."""
    ordered = data["score"].to_numpy()[np.argsort(-data["priority"].to_numpy())]
    return np.cumsum(ordered)[ranks - 1] / ranks - ordered.mean()


def test_the_curve_is_the_mean_of_the_first_less_that_of_all():
    data = scored(200, 9)
    ranks = np.array([20, 50, 130])
    options = {"score": "score", "priority": "priority", "shares": ranks / 200}
    found = targeting_curve(data, **options)
    np.testing.assert_allclose(found["estimate"], grf_toc(data, ranks), atol=1e-12)
    assert found.index.to_list() == [0.1, 0.25, 0.65]
    qini = targeting_curve(data, **options, curve="qini")
    both = ["estimate", "std_error", "ci_low", "all_high"]
    np.testing.assert_allclose(qini[both], found[both].mul(ranks / 200, axis=0), atol=1e-12)


def test_equal_priorities_share_their_place_as_if_drawn_by_lot():
    data = scored(60, 10).round({"priority": 0})
    shares = [0.2, 0.5, 0.9]
    found = targeting_curve(data, score="score", priority="priority", shares=shares)
    area = rank_weighted_effect(data, score="score", priority="priority")["estimate"]
    source, drawn = np.random.default_rng(0), []
    for _ in range(200):
        broken = data.assign(priority=data["priority"] + 0.1 * source.random(60))
        own = rank_weighted_effect(broken, score="score", priority="priority")["estimate"]
        drawn.append([*grf_toc(broken, np.array([12, 30, 54])), own])
    error = np.std(drawn, axis=0) / np.sqrt(200)
    assert (np.abs(np.mean(drawn, axis=0) - [*found["estimate"], area]) < 4 * error).all()


@pytest.mark.parametrize("digits", [8, 0])
@pytest.mark.parametrize("weights", [None, "w"])
def test_the_area_is_the_integral_of_the_curve(digits, weights):
    data = scored(40, 11).round({"priority": digits})
    roles = {"score": "score", "priority": "priority", "weights": weights}
    w = np.ones(40) if weights is None else data["w"].to_numpy()
    ends = np.unique(np.cumsum(w[np.argsort(-data["priority"], kind="stable")]) / w.sum())
    nodes, mass = np.polynomial.legendre.leggauss(20)
    ranked = heterogeneity._read_ranked(data, cluster=None, **roles)
    areas = np.zeros(2)
    for low, high in zip([0, *ends[:-1]], ends, strict=True):
        shares = low + (high - low) * (nodes + 1) / 2
        values = [heterogeneity._at_share(ranked, share)[0] for share in shares]
        areas += (high - low) / 2 * np.array([mass @ values, (mass * shares) @ values])
    for area, curve, name in zip(
        areas, ("toc", "qini"), ("AUTOC", "Qini coefficient"), strict=True
    ):
        found = rank_weighted_effect(data, **roles, curve=curve)
        assert found["estimate"] == pytest.approx(area, rel=1e-9)
        assert found.attrs["estimand"] == name


ROLES = {"score": "score", "priority": "priority"}


def replicated(answer, draw, replications=120):
    """Return estimates and stated errors over samples, a column for each answer."""
    found = [answer(draw(rng)) for rng in range(replications)]
    return np.array([[part["estimate"], part["std_error"]] for part in found])


def agree(estimates, errors):
    ratio = np.mean(errors, axis=0) / np.std(estimates, axis=0)
    return (np.abs(ratio - 1) < 4 / np.sqrt(2 * len(errors))).all()


def places(data, shares, weights=None, cluster=None):
    """Return the curve at shares without the bands around it, which take time."""
    ranked = heterogeneity._read_ranked(data, **ROLES, weights=weights, cluster=cluster)
    values, influence = zip(*(heterogeneity._at_share(ranked, u) for u in shares), strict=True)
    covariance, _ = heterogeneity._clustered(np.transpose(influence), ranked["table"].get(cluster))
    return {"estimate": np.array(values), "std_error": np.sqrt(np.diag(covariance))}


@pytest.mark.parametrize("digits", [8, 0])
def test_the_errors_of_curve_and_area_are_the_spread_over_samples(digits):
    def draw(rng):
        return scored(400, rng, slope=1.5).round({"priority": digits})

    for curve in ("toc", "qini"):
        area = replicated(lambda d: rank_weighted_effect(d, **ROLES, curve=curve), draw)  # noqa: B023
        assert agree(*area.T)
    shares = [0.2, 0.5, 0.8]
    found = replicated(lambda d: places(d, shares), draw)
    assert agree(found[:, 0], found[:, 1])
    one = targeting_curve(draw(0), **ROLES, shares=shares)
    np.testing.assert_allclose(numbers(one), found[0].T)


def test_weighted_and_clustered_errors_are_the_spread_over_samples():
    def draw(rng):
        source = np.random.default_rng(rng)
        site = np.repeat(np.arange(60), 6)
        data = scored(360, rng).assign(site=site)
        data["score"] += source.normal(size=60)[site]
        data["priority"] += source.normal(size=60)[site]
        return data

    options = {"weights": "w", "cluster": "site"}
    area = replicated(lambda d: rank_weighted_effect(d, **ROLES, **options), draw)
    assert agree(*area.T)
    found = replicated(lambda d: places(d, [0.3], **options), draw)
    assert agree(found[:, 0], found[:, 1])
    naive = replicated(lambda d: rank_weighted_effect(d, **ROLES, weights="w"), draw)
    assert naive[:, 1].mean() < 0.9 * area[:, 0].std()
    one = targeting_curve(draw(0), **ROLES, **options, shares=0.3)
    np.testing.assert_allclose(numbers(one), found[0].T)


def test_areas_of_a_normal_effect_have_their_closed_forms():
    # TOC(u) = phi(z_u) / u for an effect that is the standard normal priority itself
    toc = integrate.quad(lambda u: stats.norm.pdf(stats.norm.ppf(u)) / u, 0, 1)[0]
    qini = 1 / (2 * np.sqrt(np.pi))
    data = scored(40_000, 12)
    for curve, truth in (("toc", toc), ("qini", qini)):
        found = rank_weighted_effect(data, score="score", priority="priority", curve=curve)
        assert abs(found["estimate"] - truth) < 4 * found["std_error"]
        assert found["std_error"] < truth / 20


def test_calls_by_risk_are_worth_what_the_world_says():
    world = scenarios.readmission()
    data = world.sample(60_000, rng=3)
    data["p"] = 0.25 * (1 + 0.8 * (data["age"] - 70) / 20)
    roles = {"outcome": "readmitted", "treatment": "call", "propensity": "p"}
    data["score"] = effect_scores(data, **roles, adjust_for=["age", "chronic", "transport"])
    groups = group_effects(data, score="score", by="transport")
    for value in (0, 1):
        truth = world.truth[f"CATE(transport={value})"]
        assert abs(groups["estimate"][value] - truth) < 4 * groups["std_error"][value]
    none = world.truth["E[readmitted | do(call=0, shuttle=0)]"]
    called = (world.truth["E[readmitted | by risk]"] - none) / 0.25
    found = targeting_curve(data, score="score", priority="risk", shares=0.25).iloc[0]
    assert abs(found["estimate"] - (called - world.truth["ATE"])) < 4 * found["std_error"]
    assert called > world.truth["ATE"]  # those at highest risk are helped less
    assert heterogeneity_test(data, score="score", on="transport")["p_value"] < 1e-3


def test_the_hospitals_projection_is_its_equation():
    data = scenarios.hospital(health_on_drug=-0.6).sample(4_000, rng=4)
    roles = {"outcome": "severity", "treatment": "drug", "adjust_for": "health"}
    data["score"] = effect_scores(data, **roles)
    found = best_linear_projection(data, score="score", on="health")
    assert (np.abs(found["estimate"] - [-3.0, 1.5]) < 4 * found["std_error"]).all()


def test_a_ranking_that_was_learnt_on_the_same_rows_flatters_itself():
    flattered, honest = [], []
    for rng in range(30):
        data, others = (scored(200, 1_000 * k + rng, slope=0) for k in (1, 2))
        x = ["priority", "other"]
        for source, found in ((data, flattered), (others, honest)):
            model = KNeighborsRegressor(10).fit(source[x], source["score"])
            ranked = data.assign(rank=model.predict(data[x]))
            area = rank_weighted_effect(ranked, score="score", priority="rank")
            found.append(area["ci_low"] < 0 < area["ci_high"])
    assert abs(np.mean(honest) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 30)
    assert np.mean(flattered) < 0.2


CALLS = {
    "groups": lambda d, **o: group_effects(d, score="score", by="ward", **o),
    "projection": lambda d, **o: best_linear_projection(d, score="score", on="other", **o),
    "test": lambda d, **o: heterogeneity_test(d, score="score", on="other", **o).iloc[1:],
    "curve": lambda d, **o: targeting_curve(d, score="score", priority="priority", **o),
    "area": lambda d, **o: rank_weighted_effect(d, score="score", priority="priority", **o),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("options", [{}, {"weights": "w", "cluster": "site"}])
def test_answers_depend_on_neither_the_order_nor_the_units(name, options):
    data = scored(150, 13).round({"priority": 1})
    expected = CALLS[name](data, **options)
    other = data.sample(frac=1, random_state=2).assign(w=lambda d: 9 * d["w"])
    found = CALLS[name](other.assign(priority=np.exp(other["priority"])), **options)
    np.testing.assert_allclose(
        np.asarray(found, dtype=float), np.asarray(expected, dtype=float), rtol=1e-8, atol=1e-10
    )


def test_the_estimand_names_the_population_that_was_trimmed_to():
    kept = trim(hospital(300, rng=3), treatment="a", adjust_for="x1", low=0.3, high=0.7)
    kept["score"] = effect_scores(kept, **COLUMNS)
    among = "among rows with scores in [0.3, 0.7]"
    ranking = {"score": "score", "priority": "x1"}
    found = {
        "ATE in each group": group_effects(kept, score="score", by="ward"),
        "best linear projection of the CATE": best_linear_projection(kept, score="score", on="x1"),
        "toc": targeting_curve(kept, **ranking),
        "AUTOC": rank_weighted_effect(kept, **ranking),
    }
    assert {each.attrs["estimand"] for each in found.values()} == {f"{k} {among}" for k in found}


KNOWN = {"outcome": "y", "treatment": "a", "propensity": "p"}


def test_the_test_says_its_null_its_degrees_and_its_rows():
    data = pd.DataFrame({"age": [1, 2, 3, 4, 5], "effect": [1.0, 1.5, 3.5, 4.0, 5.0]})
    found = heterogeneity_test(data, score="effect", on="age").to_dict()
    rest = {"df": 1, "df_denominator": 3, "n": 5}
    assert {name: found[name] for name in rest} == rest
    assert found["null"] == "effects do not differ along these covariates"
    assert found["p_value"] == pytest.approx(stats.f.sf(found["statistic"], 1, 3))


def test_groups_may_be_dates_classes_or_of_two_rows_and_one_may_have_no_noise():
    data = pd.DataFrame({"effect": [2.0, 2.0, 2.0, 5.0, 7.0], "age": [12, 14, 11, 3, 4]})
    data["since"] = pd.to_datetime(["2020-01-02"] * 3 + ["2020-01-01"] * 2)
    data["class"] = pd.cut(data["age"], [2, 10, 20])
    for by in ("since", "class"):
        found = group_effects(data, score="effect", by=by)
        assert found.index.to_list() == sorted(set(data[by]))
        assert found["estimate"].to_list() == [6, 2]
        assert found["std_error"].to_list() == pytest.approx([1, 0])


def test_the_curve_is_given_at_tenths():
    data = pd.DataFrame({"risk": np.arange(40), "effect": np.arange(40) % 7})
    found = targeting_curve(data, score="effect", priority="risk")
    assert found.index.to_list() == pytest.approx(np.arange(1, 10) / 10)


class Says(LinearRegression):
    """Give the first row a chance of its own."""

    def __init__(self, chance=0.5):
        super().__init__()
        self.chance = chance

    def predict_proba(self, x):
        return np.where(np.arange(len(x)) == 0, self.chance, 0.5)


def test_by_default_there_are_five_folds_and_probabilities_of_one_percent_will_do():
    data = hospital(100, rng=23).assign(a=np.arange(100) % 2)
    found = effect_scores(data, **COLUMNS, treatment_model=Says(0.011))
    again = effect_scores(data, **COLUMNS, treatment_model=Says(0.011), folds=5, model="linear")
    assert found.to_list() == again.to_list()
    with pytest.raises(ValueError, match=r"a probability below 0\.01, the least 0\.0"):
        effect_scores(data, **COLUMNS, treatment_model=Says(0.009), folds=20)


REMEDIES = [
    *(
        (
            lambda d, wrong=wrong: effect_scores(d, **COLUMNS, **wrong),
            message,
            lambda d: effect_scores(d, **COLUMNS, folds=2, min_score=0.2),
        )
        for wrong, message in (
            ({"folds": 2.5}, "folds must be a whole number, got 2.5"),
            ({"min_score": 0}, "min_score must lie between 0 and 0.5, got 0"),
            ({"min_score": 0.5}, "min_score must lie between 0 and 0.5, got 0.5"),
        )
    ),
    *(
        (
            lambda d, wrong=wrong: effect_scores(d, **KNOWN | wrong),
            f"given more than one role, {roles}; name it once",
            lambda d: effect_scores(d, **KNOWN, adjust_for=["x1", "ward"]),
        )
        for wrong, roles in (
            ({"propensity": "y"}, "outcome and propensity"),
            ({"outcome": "a"}, "outcome and treatment"),
            ({"adjust_for": ["x1", "a"]}, "treatment and adjust_for"),
            ({"adjust_for": ["x1", "p"]}, "propensity and adjust_for"),
        )
    ),
    *(
        (
            lambda d, p=p: effect_scores(d.assign(p=np.where(d.index == 3, p, 0.5)), **KNOWN),
            f"column 'p' has a probability of {p}; where the treatment was certain",
            lambda d: effect_scores(d.assign(p=0.5), **KNOWN),
        )
        for p in (0, 1)
    ),
    (
        lambda d: targeting_curve(d, score="score", priority="x1", curve="uplift"),
        "curve must be one of 'toc', 'qini', got 'uplift'",
        lambda d: targeting_curve(d, score="score", priority="x1", curve="qini"),
    ),
    (
        lambda d: effect_scores(d, outcome="y", treatment="a"),
        "neither adjust_for nor propensity is given; name the covariates",
        lambda d: effect_scores(d, outcome="y", treatment="a", adjust_for="x1"),
    ),
    (
        lambda d: effect_scores(d.assign(p=d["a"]), outcome="y", treatment="a", propensity="p"),
        "column 'p' has a probability of [01]; where the treatment was certain",
        lambda d: effect_scores(d.assign(p=0.5), outcome="y", treatment="a", propensity="p"),
    ),
    (
        lambda d: effect_scores(
            d, outcome="y", treatment="a", propensity="p", treatment_model=LinearRegression()
        ),
        "propensity and treatment_model both say .* leave one out",
        lambda d: effect_scores(d, outcome="y", treatment="a", propensity="p"),
    ),
    (
        lambda d: effect_scores(
            d, **COLUMNS, treatment_model=DecisionTreeClassifier(random_state=0)
        ),
        "treatment_model gives .* a probability below 0.01",
        lambda d: effect_scores(
            d, **COLUMNS, treatment_model=DecisionTreeClassifier(min_samples_leaf=25)
        ),
    ),
    (
        lambda d: group_effects(d.assign(ward="a"), score="score", by="ward"),
        "column 'ward' has one value in all rows, a; there is one group",
        lambda d: group_effects(d, score="score", by="ward"),
    ),
    (
        lambda d: group_effects(d, score="score", by="x1"),
        r"column 'x1' has 100 group\(s\) of one row, such as -\d.*; merge groups, .* pd.cut",
        lambda d: group_effects(
            d.assign(x1=pd.cut(d["x1"], 3).astype(str)), score="score", by="x1"
        ),
    ),
    (
        lambda d: group_effects(d.assign(s=d["ward"]), score="score", by="ward", cluster="s"),
        r"column 'ward' has 3 group\(s\) of one cluster",
        lambda d: group_effects(
            d.assign(s=np.arange(100) % 20), score="score", by="ward", cluster="s"
        ),
    ),
    (
        lambda d: best_linear_projection(
            d.assign(ward=["z", *d["ward"][1:]]), score="score", on="ward"
        ),
        "row 0 decides on a coefficient alone.* merge its category",
        lambda d: best_linear_projection(d, score="score", on="ward"),
    ),
    *(
        (
            lambda d, call=call: call(
                d.assign(s=np.where(d["ward"] == "a", 0, 1 + np.arange(100) % 8)),
                score="score",
                on=["x2", "ward"],
                cluster="s",
            ),
            "column 's': cluster 0 decides on a coefficient alone.* merge its category",
            lambda d, call=call: call(
                d.assign(
                    s=np.where(d["ward"] == "a", 0, 1 + np.arange(100) % 8),
                    ward=d["ward"].replace("b", "a"),
                ),
                score="score",
                on=["x2", "ward"],
                cluster="s",
            ),
        )
        for call in (best_linear_projection, heterogeneity_test)
    ),
    (
        lambda d: effect_scores(
            d.assign(s=d["a"] * (1 + np.arange(100) % 9)), **KNOWN, folds=1, cluster="s"
        ),
        "column 's' has 10 .*, and one alone makes up the rows with a = 0",
        lambda d: effect_scores(d.assign(s=np.arange(100) % 9), **KNOWN, folds=1, cluster="s"),
    ),
    (
        lambda d: heterogeneity_test(
            d.assign(s=np.arange(100) % 3), score="score", on=["x1", "x2", "ward"], cluster="s"
        ),
        "column 's' has 3 clusters, which cannot test 4 slopes at once; name fewer",
        lambda d: heterogeneity_test(
            d.assign(s=np.arange(100) % 3), score="score", on="x1", cluster="s"
        ),
    ),
    (
        lambda d: heterogeneity_test(d.assign(flat=2.5), score="flat", on="x1"),
        "column 'flat' is 2.5 in all 100 rows, so there is nothing to estimate",
        lambda d: heterogeneity_test(d, score="score", on="x1"),
    ),
    *(
        (
            lambda d, on=on: heterogeneity_test(d, score="score", on=on),
            message,
            lambda d: heterogeneity_test(d, score="score", on="x1"),
        )
        for on, message in (
            (["x1", 2], "on must name a column, as a string, got 2"),
            (["x1", "score"], "'score' is given more than one role, score and on; name it once"),
        )
    ),
    (
        lambda d: heterogeneity_test(d, score="score", on=[]),
        "on names no column; name the covariates along which effects may differ",
        lambda d: heterogeneity_test(d, score="score", on="x1"),
    ),
    (
        lambda d: best_linear_projection(d.assign(s=1), score="score", on="x1", cluster="s"),
        "column 's' is 1 in all rows, and one cluster cannot show how clusters differ",
        lambda d: best_linear_projection(d, score="score", on="x1"),
    ),
    (
        lambda d: targeting_curve(d.assign(x1=1), score="score", priority="x1"),
        "column 'x1' is 1 in all rows; there is no ranking",
        lambda d: targeting_curve(d, score="score", priority="x1"),
    ),
    (
        lambda d: targeting_curve(
            d.assign(x1=d["x1"].where(d["x1"] > 0)), score="score", priority="x1"
        ),
        r"column 'x1' has \d+ missing value\(s\)",
        lambda d: targeting_curve(d[d["x1"] > 0], score="score", priority="x1"),
    ),
    (
        lambda d: targeting_curve(d, score="score", priority="x1", shares=[0, 0.5]),
        "shares must lie between 0 and 1, got 0",
        lambda d: targeting_curve(d, score="score", priority="x1", shares=0.5),
    ),
    (
        lambda d: rank_weighted_effect(d, score="score", priority="x1", curve="uplift"),
        "curve must be one of 'toc', 'qini', got 'uplift'",
        lambda d: rank_weighted_effect(d, score="score", priority="x1", curve="qini"),
    ),
]


@pytest.mark.parametrize(("call", "message", "repaired"), REMEDIES)
def test_unfit_input_is_refused_and_the_advice_works(call, message, repaired):
    data = hospital(100, rng=23).assign(p=0.5)
    data["score"] = effect_scores(data, **COLUMNS)
    with pytest.raises(ValueError, match=message):
        call(data)
    found = repaired(data)
    assert fits(found.drop("null", errors="ignore"))
