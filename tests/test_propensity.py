"""Scores, matching, weighting and AIPW against published figures, hand work and brute force."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.treatment.tests
from causaldata import nhefs_complete, nsw_mixtape
from scipy.special import expit

from casestudies.recipes import _score
from casestudies.recipes import doubly_robust as dr
from casestudies.recipes.doubly_robust import doubly_robust
from casestudies.recipes.matching import match, match_weights
from casestudies.recipes.propensity import balance, overlap, scores, trim
from casestudies.recipes.weighting import inverse_weights, weight

COLUMNS = {"outcome": "y", "treatment": "a", "adjust_for": ["x1", "x2", "ward"]}
DESIGN = {name: COLUMNS[name] for name in ("treatment", "adjust_for")}


def hospital(n, rng, curve=0.0, late=0.0):
    """Draw a world where the sickest are treated; the ATE is 1, for the treated it is more."""
    rng = np.random.default_rng(rng)
    x1, x2, noise = rng.normal(size=(3, n))
    ward = rng.choice(["a", "b", "c"], n)
    a = (rng.random(n) < expit(0.6 * x1 - 0.4 * x2 + 0.5 * (ward == "b") + late * x1**2)) * 1
    y = a * (1 + 0.5 * x1) + 2 * x1 + x2 - (ward == "b") + curve * x1**2 + noise
    return pd.DataFrame({"x1": x1, "x2": x2, "ward": ward, "a": a, "y": y})


def coarse(n, rng):
    """Round the covariates, so that ties abound: equal rows and equal distances."""
    return hospital(n, rng).round({"x1": 0, "x2": 0})


def design(data, names=("x1", "x2", "ward")):
    dummies = pd.get_dummies(data[list(names)], drop_first=True, dtype=float)
    return sm.add_constant(dummies).to_numpy()


# ---------------------------------------------------------------- published figures


@pytest.fixture(scope="module")
def births():
    """Read Cattaneo's birth weights, the example of Stata's manual, as statsmodels ships them."""
    folder = Path(statsmodels.treatment.tests.__file__).parent
    return pd.read_csv(folder / "results" / "cataneo2.csv")


def test_mahalanobis_matching_is_that_of_the_stata_manual(births):
    # teffects nnmatch (bweight mage prenatal1 mmarried fbaby) (mbsmoke): -240.3306 (28.43006)
    found = match(
        births,
        outcome="bweight",
        treatment="mbsmoke_",
        adjust_for=["mage", "prenatal1_", "mmarried_", "fbaby_"],
        estimand="ATE",
        bias_correction=False,
    )
    assert found["estimate"] == pytest.approx(-240.3306, abs=5e-5)
    assert found["std_error"] == pytest.approx(28.43006, abs=5e-6)
    assert found["n"] == 4642


def test_matching_on_the_estimated_score_is_that_of_the_stata_manual(births):
    # teffects psmatch (bweight) (mbsmoke mmarried c.mage##c.mage fbaby medu): -210.9683 (32.021),
    # where two neighbours for the variance include the unit itself.
    found = match(
        births,
        outcome="bweight",
        treatment="mbsmoke_",
        adjust_for=["mmarried_", "mage", "mage2", "fbaby_", "medu"],
        metric="propensity",
        estimand="ATE",
        bias_correction=False,
        variance_neighbours=1,
    )
    assert found["estimate"] == pytest.approx(-210.9683, abs=5e-5)
    assert found["std_error"] == pytest.approx(32.021, abs=5e-5)


def test_matching_lalonde_on_age_is_that_of_imbens():
    # Log of the authors' program for Stata (2004), re78 on age: 1785.191
    experiment = nsw_mixtape.load_pandas().data
    found = match(
        experiment,
        outcome="re78",
        treatment="treat",
        adjust_for="age",
        estimand="ATE",
        bias_correction=False,
    )
    assert found["estimate"] == pytest.approx(1785.191, abs=5e-3)


def test_weighting_nhefs_is_that_of_what_if():
    # Hernan and Robins, What If, chapter 12: 3.4 kg (2.4, 4.5)
    people = nhefs_complete.load_pandas().data
    curved = ["age", "smokeintensity", "smokeyrs", "wt71"]
    people = people.join(people[curved].pow(2).add_suffix("_squared"))
    found = weight(
        people,
        outcome="wt82_71",
        treatment="qsmk",
        adjust_for=[
            *("sex", "race", "education", "exercise", "active"),
            *curved,
            *people.columns[-4:],
        ],
    )
    assert found[["estimate", "ci_low", "ci_high"]].round(2).to_list() == [3.44, 2.41, 4.47]
    assert found["n"] == 1566
    assert found.name == "weight"


# ---------------------------------------------------------------- hand-worked

HAND = pd.DataFrame(
    {
        "x": [1, 3, 6, 0, 2, 2, 4, 7, 9],
        "a": [1, 1, 1, 0, 0, 0, 0, 0, 0],
        "y": [10, 12, 20, 4, 6, 8, 7, 15, 30],
    }
)
HAND_COLUMNS = {"outcome": "y", "treatment": "a", "adjust_for": "x"}


def test_hand_worked_att_of_nine_units_with_ties():
    # x=1 ties with 0, 2, 2 (mean 6), x=3 with 2, 2, 4 (mean 7), x=6 meets 7 (15): effects 4, 5, 5.
    # The shares of the untreated are 1/3, 2/3, 2/3, 1/3, 1, 0, so that K^2 - K' is 2/9 for the two
    # at x=2, whose outcomes 6 and 8 have variance 2, and 0 for the others.
    found = match(HAND, **HAND_COLUMNS, bias_correction=False, variance_neighbours=1)
    assert found["estimate"] == pytest.approx(14 / 3)
    assert found["std_error"] == pytest.approx(np.sqrt(6 / 9 + 2 * 2 * 2 / 9) / 3)
    shares = [1, 1, 1, 1 / 3, 2 / 3, 2 / 3, 1 / 3, 1, 0]
    weights = match_weights(HAND, treatment="a", adjust_for="x")
    assert weights.to_list() == pytest.approx(shares)
    assert weights.name == "weight"


def test_hand_worked_att_with_bias_correction():
    # Weighted by these shares, y rises by 91/58 per x among the untreated; matches lie 1/3, -1/3
    # and 1 to the right of the treated.
    found = match(HAND, **HAND_COLUMNS)
    assert found["estimate"] == pytest.approx(14 / 3 + 91 / 58 / 3)


def test_hand_worked_att_with_two_neighbours():
    # Three units tie for the two places of x=1 and x=3; x=6 meets 7 and 4 (mean 11): 4, 5, 9.
    found = match(HAND, **HAND_COLUMNS, neighbours=2, bias_correction=False)
    assert found["estimate"] == pytest.approx(6)


def test_hand_worked_ate_of_nine_units_with_ties():
    # Effects of the untreated: 6, 5, 3, 5, 5, -10. K^2 + 2K - K': treated 6.5, 6.5, 6, untreated
    # 2/3, 14/9, 14/9, 2/3, 2, 0; variances 2, 2, 32 and 4, 2, 2, 1, 112.5.
    found = match(
        HAND, **HAND_COLUMNS, estimand="ATE", bias_correction=False, variance_neighbours=1
    )
    squares = 286 - 28**2 / 9
    noise = 6.5 * 2 + 6.5 * 2 + 6 * 32 + 8 / 3 + 2 * 28 / 9 + 2 / 3 + 225
    assert found["estimate"] == pytest.approx(28 / 9)
    assert found["std_error"] == pytest.approx(np.sqrt(squares + noise) / 9)
    weights = match_weights(HAND, treatment="a", adjust_for="x", estimand="ATE")
    assert weights.to_list() == pytest.approx([3, 3, 3, 4 / 3, 5 / 3, 5 / 3, 4 / 3, 2, 1])


# Two wards: scores 1/4 and 3/4, ward effects -2 and -2.
WARDS = pd.DataFrame(
    {
        "old": [0, 0, 0, 0, 1, 1, 1, 1],
        "a": [1, 0, 0, 0, 1, 1, 1, 0],
        "y": [3, 5, 6, 4, 7, 9, 8, 10],
    }
)
WARD_COLUMNS = {"treatment": "a", "adjust_for": "old"}


def test_hand_worked_weights_and_effective_sizes():
    assert scores(WARDS, **WARD_COLUMNS).to_list() == pytest.approx(4 * [0.25] + 4 * [0.75])
    ate = inverse_weights(WARDS, **WARD_COLUMNS)
    assert ate.to_list() == pytest.approx([4, *3 * [4 / 3], *3 * [4 / 3], 4])
    att = inverse_weights(WARDS, **WARD_COLUMNS, estimand="ATT")
    assert att.to_list() == pytest.approx([1, *3 * [1 / 3], 1, 1, 1, 3])
    result = weight(WARDS, outcome="y", **WARD_COLUMNS, estimand="ATT")
    assert result.attrs["effective_n"] == pytest.approx({"treated": 4, "control": 16 / (28 / 3)})
    assert result.attrs["estimand"] == "ATT"


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


# ---------------------------------------------------------------- independent implementations


def brute_force(data, estimand, k, correct, near_k, points, x=None, score=None):
    """Match with a full distance matrix, unit by unit, as Abadie and Imbens write it."""
    y, a = data["y"].to_numpy(), data["a"].to_numpy()
    n, distance = len(y), np.linalg.norm(points[:, None] - points[None], axis=2)

    def nearest(from_points, i, pool, count):
        order = np.sort(from_points[i][pool])
        return pool[from_points[i][pool] <= order[count - 1] + 1e-7]

    arms = [np.flatnonzero(a == arm) for arm in (0, 1)]
    units = np.arange(n) if estimand == "ATE" else arms[1]
    sets = {i: nearest(distance, i, arms[1 - a[i]], k) for i in units}
    use, use_squared = np.zeros(n), np.zeros(n)
    for found in sets.values():
        use[found] += 1 / len(found)
        use_squared[found] += 1 / len(found) ** 2
    effects = {}
    for i, found in sets.items():
        other = y[found].mean()
        if correct:
            rows = arms[1 - a[i]][use[arms[1 - a[i]]] > 0]
            line = sm.WLS(y[rows], sm.add_constant(points[rows]), weights=use[rows]).fit()
            other += (points[i] - points[found].mean(axis=0)) @ line.params[1:]
        effects[i] = (2 * a[i] - 1) * (y[i] - other)
    estimate = np.mean(list(effects.values()))
    squares = sum((effect - estimate) ** 2 for effect in effects.values())
    for i in range(n):
        noise = np.var(y[nearest(distance, i, arms[a[i]], near_k + 1)], ddof=1)
        if estimand == "ATE":
            squares += (use[i] ** 2 + 2 * use[i] - use_squared[i]) * noise
        elif a[i] == 0:
            squares += (use[i] ** 2 - use_squared[i]) * noise
    if score is not None:
        between = np.linalg.norm(whitened(x[:, 1:])[:, None] - whitened(x[:, 1:])[None], axis=2)
        inverse = np.linalg.inv((x.T * score * (1 - score)) @ x)
        c, shift = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        for i in range(n):
            near = [nearest(distance, i, arm, near_k + 1) for arm in arms]
            cov0, cov1 = [
                ((x[s] - x[s].mean(axis=0)) * (y[s] - y[s].mean())[:, None]).sum(axis=0)
                / (len(s) - 1)
                for s in near
            ]
            e = score[i]
            if estimand == "ATE":
                c += cov1 * (1 - e) + cov0 * e
                continue
            mean0, mean1 = [y[s].mean() for s in near]
            c += e * (1 - e) * (x[i] * (mean1 - mean0 - estimate) + cov1 + e / (1 - e) * cov0)
            mean0, mean1 = [y[nearest(between, i, arm, near_k + 1)].mean() for arm in arms]
            shift += e * (1 - e) * x[i] * (mean1 - mean0 - estimate)
        squares += shift @ inverse @ shift - c @ inverse @ c
    return estimate, np.sqrt(squares) / len(units)


def whitened(x):
    """Rotate covariates so that Euclidean distance is Mahalanobis distance."""
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(x.T)))
    return x @ vectors / np.sqrt(values)


@pytest.mark.parametrize("world", [hospital, coarse])
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
@pytest.mark.parametrize(("k", "near_k", "correct"), [(1, 2, True), (3, 1, False)])
def test_mahalanobis_matching_equals_brute_force(world, estimand, k, near_k, correct):
    data = world(150, rng=k)
    points = whitened(design(data)[:, 1:])
    found = match(
        data,
        **COLUMNS,
        estimand=estimand,
        neighbours=k,
        variance_neighbours=near_k,
        bias_correction=correct,
    )
    expected = brute_force(data, estimand, k, correct, near_k, points)
    assert found[["estimate", "std_error"]].to_list() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("world", [hospital, coarse])
@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
@pytest.mark.parametrize(("k", "near_k", "correct"), [(1, 2, True), (3, 1, False)])
def test_matching_on_the_score_equals_brute_force(world, estimand, k, near_k, correct):
    data = world(150, rng=10 + k)
    x = design(data)
    score = sm.Logit(data["a"], x).fit(disp=0, tol=1e-12).predict()
    found = match(
        data,
        **COLUMNS,
        metric="propensity",
        estimand=estimand,
        neighbours=k,
        variance_neighbours=near_k,
        bias_correction=correct,
    )
    points = whitened(score[:, None])
    expected = brute_force(data, estimand, k, correct, near_k, points, x, score)
    assert found[["estimate", "std_error"]].to_list() == pytest.approx(expected, rel=1e-6)


def test_matching_within_cells_is_stratification():
    data = hospital(400, rng=5).assign(x1=lambda d: (d["x1"] > 0) * 1)
    cells = data.pivot_table(
        index=["x1", "ward"], columns="a", values="y", aggfunc=["mean", "size"]
    )
    gaps = cells["mean"][1] - cells["mean"][0]
    columns = {"outcome": "y", "treatment": "a", "adjust_for": ["x1", "ward"]}
    att = (gaps * cells["size"][1]).sum() / cells["size"][1].sum()
    ate = (gaps * cells["size"].sum(axis=1)).sum() / len(data)
    for metric in ("mahalanobis", "propensity"):
        assert match(data, **columns, metric=metric)["estimate"] == pytest.approx(att)
        assert match(data, **columns, metric=metric, estimand="ATE")["estimate"] == pytest.approx(
            ate
        )


def test_matching_keeps_its_answer_when_units_and_order_of_the_columns_change():
    data = coarse(300, rng=6)
    found = match(data, **COLUMNS, neighbours=2)
    moved = data.assign(x1=1e6 + 3.7e6 * data["x1"], x2=3e-7 * data["x2"])
    moved = moved.sample(frac=1, random_state=1)[["y", "ward", "a", "x2", "x1"]]
    again = match(moved, **COLUMNS | {"adjust_for": ["ward", "x2", "x1"]}, neighbours=2)
    assert again.to_list() == pytest.approx(found.to_list(), rel=1e-8)


def test_outcomes_that_the_covariates_fix_leave_no_error():
    data = coarse(200, rng=7).assign(x1=lambda d: d["x1"].clip(-1, 1))
    data["y"] = data["a"] + 0.1 * data["x1"]
    found = match(data, outcome="y", treatment="a", adjust_for="x1", variance_neighbours=1)
    assert found["estimate"] == pytest.approx(1)
    assert found["std_error"] == pytest.approx(0, abs=1e-7)


def test_match_weights_reproduce_the_matching_estimate():
    data = coarse(200, rng=8)
    for estimand, size in (("ATT", data["a"].sum()), ("ATE", len(data))):
        weights = match_weights(data, **DESIGN, estimand=estimand, neighbours=3)
        found = match(data, **COLUMNS, estimand=estimand, neighbours=3, bias_correction=False)
        contrast = (weights * data["y"] * (2 * data["a"] - 1)).sum() / size
        assert contrast == pytest.approx(found["estimate"])


def m_estimator(estimating, theta):
    """Return the standard error of the last parameter by the sandwich of stacked equations."""
    theta = np.asarray(theta, dtype=float)
    values = estimating(theta)
    assert np.abs(values.mean(axis=0)).max() < 1e-7
    steps = 1e-5 * np.eye(len(theta))
    bread = np.column_stack(
        [
            (estimating(theta + s).mean(axis=0) - estimating(theta - s).mean(axis=0)) / 2e-5
            for s in steps
        ]
    )
    half = np.linalg.solve(bread, values.T)
    return np.sqrt((half @ half.T)[-1, -1]) / len(values)


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_stacked_error_of_weighting_is_that_of_the_stacked_equations(estimand):
    data = hospital(300, rng=9)
    x, a, y = design(data), data["a"].to_numpy(), data["y"].to_numpy()
    logit = sm.Logit(a, x).fit(disp=0, tol=1e-12)

    def equations(theta):
        beta, mean0, effect = theta[:-2], theta[-2], theta[-1]
        e = expit(x @ beta)
        w1, w0 = (1 / e, 1 / (1 - e)) if estimand == "ATE" else (1, e / (1 - e))
        rows = a * w1 * (y - mean0 - effect), (1 - a) * w0 * (y - mean0)
        return np.column_stack([x * (a - e)[:, None], rows[1], rows[0]])

    w = inverse_weights(data, **DESIGN, estimand=estimand)
    mean1, mean0 = (np.average(y[a == arm], weights=w[a == arm]) for arm in (1, 0))
    found = weight(data, **COLUMNS, estimand=estimand, variance="stacked")
    assert found["estimate"] == pytest.approx(mean1 - mean0)
    expected = m_estimator(equations, [*logit.params, mean0, mean1 - mean0])
    assert found["std_error"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_sandwich_error_of_weighting_is_that_of_robust_weighted_regression(estimand):
    data = hospital(300, rng=9)
    w = inverse_weights(data, **DESIGN, estimand=estimand)
    fit = sm.WLS(data["y"], sm.add_constant(data["a"]), weights=w).fit(cov_type="HC0")
    found = weight(data, **COLUMNS, estimand=estimand, variance="sandwich", level=0.9)
    assert found["estimate"] == pytest.approx(fit.params["a"])
    assert found["std_error"] == pytest.approx(fit.bse["a"])
    assert found[["ci_low", "ci_high"]].to_list() == pytest.approx(list(fit.conf_int(0.1).loc["a"]))


def test_default_error_of_weighting_is_the_sandwich_for_the_ate_and_stacked_for_the_att():
    data = hospital(300, rng=9)
    assert weight(data, **COLUMNS).equals(weight(data, **COLUMNS, variance="sandwich"))
    att = weight(data, **COLUMNS, estimand="ATT")
    assert att.equals(weight(data, **COLUMNS, estimand="ATT", variance="stacked"))
    assert not att.equals(weight(data, **COLUMNS, estimand="ATT", variance="sandwich"))


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
@pytest.mark.parametrize("model", ["linear", "logit"])
def test_doubly_robust_error_is_that_of_the_stacked_equations(estimand, model):
    data = hospital(400, rng=11, curve=1)
    if model == "logit":
        data["y"] = (data["y"] > 0) * 1
    x, a, y = design(data), data["a"].to_numpy(), data["y"].to_numpy()
    curve = expit if model == "logit" else (lambda index: index)
    fit = (
        (lambda rows: sm.Logit(y[rows], x[rows]).fit(disp=0, tol=1e-12))
        if (model == "logit")
        else (lambda rows: sm.OLS(y[rows], x[rows]).fit())
    )

    def equations(theta):
        beta, beta0, beta1 = theta[:-1].reshape(3, -1)
        e, m0, m1 = expit(x @ beta), curve(x @ beta0), curve(x @ beta1)
        term = m1 - m0 + a * (y - m1) / e - (1 - a) * (y - m0) / (1 - e) - theta[-1]
        if estimand == "ATT":
            term = (a - (1 - a) * e / (1 - e)) * (y - m0) - a * theta[-1]
        residuals = (a - e, (1 - a) * (y - m0), a * (y - m1))
        return np.column_stack([*(x * r[:, None] for r in residuals), term])

    found = doubly_robust(data, **COLUMNS, estimand=estimand, model=model, folds=1)
    fits = sm.Logit(a, x).fit(disp=0, tol=1e-12), fit(a == 0), fit(a == 1)
    theta = np.concatenate([*(f.params for f in fits), [found["estimate"]]])
    assert found["std_error"] == pytest.approx(m_estimator(equations, theta), rel=1e-5)
    assert found.name == "doubly_robust"


def test_cross_fitting_predicts_each_fold_from_the_others(monkeypatch):
    data = hospital(300, rng=12)
    fold = np.random.default_rng(0).integers(0, 3, 300)
    monkeypatch.setattr(dr, "_deal", lambda *_: fold)
    x, a, y = design(data), data["a"].to_numpy(), data["y"].to_numpy()
    terms = np.empty(300)
    for number in range(3):
        test, train = fold == number, fold != number
        e = sm.Logit(a[train], x[train]).fit(disp=0, tol=1e-12).predict(x[test])
        m0, m1 = (
            sm.OLS(y[train & (a == arm)], x[train & (a == arm)]).fit().predict(x[test])
            for arm in (0, 1)
        )
        residual = np.where(a[test] == 1, (y[test] - m1) / e, -(y[test] - m0) / (1 - e))
        terms[test] = m1 - m0 + residual
    found = doubly_robust(data, **COLUMNS, folds=3)
    assert found["estimate"] == pytest.approx(terms.mean())


def test_cross_fitted_error_is_close_to_that_without_folds_in_a_large_sample():
    data = hospital(5_000, rng=13, curve=1)
    for estimand in ("ATE", "ATT"):
        once = doubly_robust(data, **COLUMNS, estimand=estimand, folds=1)["std_error"]
        crossed = doubly_robust(data, **COLUMNS, estimand=estimand, folds=5)["std_error"]
        assert crossed == pytest.approx(once, rel=0.03)


def test_folds_are_even_within_each_arm_and_do_not_depend_on_the_order_of_rows():
    data = hospital(203, rng=14)
    numbers, treated = data[["x1", "x2", "y"]], data["a"].to_numpy(dtype=float)
    fold = dr._deal(numbers, treated, 4, None)
    sizes = pd.crosstab(fold, treated)
    assert sizes.shape == (4, 2)
    assert (sizes.max() - sizes.min()).max() <= 1
    shuffled = np.random.default_rng(0).permutation(203)
    again = dr._deal(numbers.iloc[shuffled], treated[shuffled], 4, None)
    assert (again == fold[shuffled]).all()
    drawn = dr._deal(numbers, treated, 4, 1)
    assert (drawn == dr._deal(numbers, treated, 4, np.random.default_rng(1))).all()
    assert (drawn != dr._deal(numbers, treated, 4, 2)).any()
    sizes = pd.crosstab(drawn, treated)
    assert (sizes.max() - sizes.min()).max() <= 1


# ---------------------------------------------------------------- truth

ESTIMATORS = {
    "match": lambda d, e: match(d, **COLUMNS, estimand=e, neighbours=2),
    "match on score": lambda d, e: match(d, **COLUMNS, estimand=e, metric="propensity"),
    "weight": lambda d, e: weight(d, **COLUMNS, estimand=e, variance="stacked"),
    "doubly robust": lambda d, e: doubly_robust(d, **COLUMNS, estimand=e),
}


@pytest.fixture(scope="module")
def att():
    """Average the effect 1 + x1/2 over the treated by a large sample; its error is below 0.002."""
    data = hospital(200_000, rng=99)
    return 1 + 0.5 * data["x1"][data["a"] == 1].mean()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_recover_ate_and_att_where_the_raw_difference_does_not(name, att):
    data = hospital(4_000, rng=15)
    raw = data["y"][data["a"] == 1].mean() - data["y"][data["a"] == 0].mean()
    for estimand, truth in (("ATE", 1), ("ATT", att)):
        found = ESTIMATORS[name](data, estimand)
        assert abs(found["estimate"] - truth) < 4 * found["std_error"]
        assert abs(raw - truth) > 7 * found["std_error"]
        assert found.attrs["estimand"] == estimand


def test_bias_correction_removes_what_matching_on_several_covariates_leaves():
    errors = {True: [], False: []}
    for rng in range(40):
        data = hospital(250, rng=rng)
        for correct, found in errors.items():
            estimate = match(data, **COLUMNS, estimand="ATE", bias_correction=correct)["estimate"]
            found.append(estimate - 1)
    error = np.std(errors[True]) / np.sqrt(40)
    assert abs(np.mean(errors[True])) < 4 * error
    assert np.mean(errors[False]) > 4 * error


def test_doubly_robust_needs_only_one_right_model():
    wrong_outcome = hospital(10_000, rng=16, curve=1)
    found = doubly_robust(wrong_outcome, **COLUMNS)
    assert abs(found["estimate"] - 1) < 4 * found["std_error"]
    wrong_score = hospital(10_000, rng=17, late=0.8)
    found = doubly_robust(wrong_score, **COLUMNS)
    assert abs(found["estimate"] - 1) < 4 * found["std_error"]
    assert abs(weight(wrong_score, **COLUMNS)["estimate"] - 1) > 4 * found["std_error"]
    both = doubly_robust(hospital(10_000, rng=18, curve=1, late=0.8), **COLUMNS)
    assert abs(both["estimate"] - 1) > 4 * both["std_error"]


def test_weighting_and_matching_bring_balance():
    data = hospital(2_000, rng=19)
    data["ipw"] = inverse_weights(data, **DESIGN)
    data["matched"] = match_weights(data, **DESIGN)
    for weights in ("ipw", "matched"):
        found = balance(data, **DESIGN, weights=weights)
        assert found["difference_before"].abs().max() > 0.4
        assert found["difference_after"].abs().max() < 0.1
    assert found.index.to_list() == ["x1", "x2", "ward_b", "ward_c"]


def test_trimming_names_the_new_population_and_the_estimators_repeat_it():
    data = hospital(500, rng=20)
    data.index = data.index + 7
    score = scores(data, **DESIGN)
    kept = trim(data, **DESIGN, low=0.3, high=0.6)
    assert kept.index.equals(data.index[(score >= 0.3) & (score <= 0.6)])
    gone = data.drop(kept.index)["a"]
    assert kept.attrs["dropped"] == {"treated": gone.sum(), "control": (1 - gone).sum()}
    assert gone.sum() > 0
    assert "population" not in data.attrs
    for name, estimator in ESTIMATORS.items():
        found = estimator(kept, "ATT").attrs["estimand"]
        assert found == "ATT among rows with scores in [0.3, 0.6]", name
    twice = trim(kept, **DESIGN, low=0.1, high=0.58)
    first = "rows with scores in [0.3, 0.6]"
    assert twice.attrs["population"] == f"rows with scores in [0.1, 0.58] among {first}"


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


def test_the_callers_frame_is_unchanged():
    data = hospital(100, rng=22).assign(ward=lambda d: d["ward"].astype("category"))
    before = data.copy(deep=True)
    for estimator in ESTIMATORS.values():
        estimator(data, "ATE")
    overlap(data, **DESIGN)
    balance(data, **DESIGN)
    trim(data, **DESIGN)
    pd.testing.assert_frame_equal(data, before)
    assert data.attrs == {}


# ---------------------------------------------------------------- refusals


def lonely(data, arm):
    """Give a ward to one arm only."""
    return data.assign(ward=data["ward"].where((data["ward"] != "c") | (data["a"] == arm), "b"))


SEPARATED = {"x1": lambda d: d["x1"].abs() * (2 * d["a"] - 1)}
EVERYTHING = [
    lambda d, **more: scores(d, **DESIGN, **more),
    lambda d, **more: overlap(d, **DESIGN, **more),
    lambda d, **more: inverse_weights(d, **DESIGN, **more),
    lambda d, **more: weight(d, **COLUMNS, **more),
    lambda d, **more: doubly_robust(d, **COLUMNS, **more),
    lambda d, **more: match(d, **COLUMNS, metric="propensity", **more),
    lambda d, **more: trim(d, **DESIGN, **more),
]


@pytest.mark.parametrize("call", EVERYTHING)
def test_separated_arms_are_refused_by_the_name_of_the_column(call):
    with pytest.raises(ValueError, match=r"no overlap: column 'x1', at .* separates the arms"):
        call(hospital(60, rng=1).assign(**SEPARATED))


@pytest.mark.parametrize("call", [*EVERYTHING, lambda d: match(d, **COLUMNS, estimand="ATE")])
def test_a_category_found_in_one_arm_only_is_refused(call):
    for arm, name in enumerate(("untreated", "treated")):
        data = lonely(hospital(100, rng=2), arm)
        count = (data["ward"] == "c").sum()
        with pytest.raises(
            ValueError, match=rf"'ward' is c in {count} row\(s\), all of them {name}"
        ):
            call(data)


def test_matching_the_treated_minds_only_categories_without_untreated():
    data = hospital(100, rng=2)
    assert np.isfinite(match(lonely(data, 0), **COLUMNS)["std_error"])
    with pytest.raises(ValueError, match=r"'ward' is c .* treated"):
        match(lonely(data, 1), **COLUMNS)
    assert np.isfinite(balance(lonely(data, 1), **DESIGN)["difference_before"]).all()


def test_arms_separated_by_a_combination_of_columns_are_refused():
    data = hospital(60, rng=4).assign(a=lambda d: (d["x1"] + d["x2"] > 0) * 1)
    with pytest.raises(
        ValueError, match="a combination of 'x1', 'x2', 'ward_b', 'ward_c' separates"
    ):
        scores(data, **DESIGN)


def test_the_refusal_says_where_the_arms_part_and_whom_a_range_leaves_out():
    data = pd.DataFrame({"x": [1, 2, 3, 5, 6, 7], "a": [0, 0, 0, 1, 1, 1]})
    with pytest.raises(ValueError, match=r"column 'x', at 3, separates the arms"):
        scores(data, treatment="a", adjust_for="x")
    data = hospital(60, rng=5)
    score = scores(data, **DESIGN)
    assert {data["a"][score.idxmin()], data["a"][score.idxmax()]} == {0, 1}
    for at in (score.idxmin(), score.idxmax()):
        lacking = "treated" if data["a"][at] == 0 else "control"
        with pytest.raises(ValueError, match=f"no {lacking} row has a score"):
            trim(data, **DESIGN, low=score[at] - 1e-9, high=score[at] + 1e-9)


def test_more_folds_than_rows_in_the_smaller_arm_are_refused():
    data = hospital(60, rng=6)
    smaller = data["a"].value_counts().min()
    for mirrored in (data, data.assign(a=1 - data["a"])):
        with pytest.raises(
            ValueError, match=f"folds is 31, but the smaller arm has {smaller} rows"
        ):
            doubly_robust(mirrored, **COLUMNS, folds=31)


def test_separation_by_a_hair_in_few_rows_is_refused():
    for rng in range(40):
        data = coarse(10, rng=rng).assign(a=lambda d: (d["x1"] > 0) * 1)
        with pytest.raises(
            ValueError, match=r"no overlap|has one value|is 0 in all|is 1 in all|const"
        ):
            scores(data, treatment="a", adjust_for=["x1", "x2"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: match(d, **COLUMNS, caliper=0.01), r"\d+ of \d+ units lack a match within the"),
        (lambda d: match(d, **COLUMNS, neighbours=0), "neighbours must be a whole number"),
        (lambda d: match(d, **COLUMNS, neighbours=1.5), "got 1.5"),
        (lambda d: match(d, **COLUMNS, neighbours=90), "90 neighbours are asked for in an arm of"),
        (lambda d: match(d, **COLUMNS, variance_neighbours=0), "variance_neighbours must be"),
        (lambda d: match(d, **COLUMNS, variance_neighbours=95), "96 neighbours"),
        (lambda d: match(d, **COLUMNS, metric="euclid"), "metric must be one of .* got 'euclid'"),
        (lambda d: match(d, **COLUMNS, estimand="LATE"), "estimand must be one of 'ATT', 'ATE'"),
        (lambda d: match_weights(d, **DESIGN, estimand="att"), "got 'att'"),
        (lambda d: match(d.assign(x2=2 * d["x1"]), **COLUMNS), "'x2' is constant or a linear"),
        (lambda d: match(d.assign(x2=3), **COLUMNS), "'x2' has one value in all rows"),
        (lambda d: match(d.assign(ward="a"), **COLUMNS), "'ward' has one value in all rows"),
        (lambda d: match(d, **COLUMNS, level=1), "level must lie"),
        (lambda d: weight(d, **COLUMNS, estimand="ATC"), "got 'ATC'"),
        (lambda d: weight(d, **COLUMNS, variance="naive"), "'sandwich', 'stacked', got 'naive'"),
        (lambda d: weight(d, **COLUMNS | {"adjust_for": []}), "adjust_for names no column"),
        (lambda d: weight(d, **COLUMNS | {"adjust_for": ["x1", "a"]}), "'a' is given more than"),
        (lambda d: weight(d.assign(y="long"), **COLUMNS), "'y' holds .* not numbers"),
        (lambda d: weight(d.assign(x1=np.nan), **COLUMNS), "'x1' has 100 missing"),
        (lambda d: inverse_weights(d, **DESIGN, estimand="ATO"), "got 'ATO'"),
        (lambda d: doubly_robust(d, **COLUMNS, folds=0), "folds must be a whole number"),
        (lambda d: doubly_robust(d, **COLUMNS, model="forest"), "got 'forest'"),
        (lambda d: doubly_robust(d, **COLUMNS, model="logit"), "'y' must be 0 or 1"),
        (lambda d: doubly_robust(d, **COLUMNS, estimand="ATC"), "got 'ATC'"),
        (
            lambda d: doubly_robust(d.assign(y=(d["x1"] > 0) * 1), **COLUMNS, model="logit"),
            "rows that fit fold 1 of 5: .* separates the outcomes 0 and 1 of an arm",
        ),
        (lambda d: trim(d, **DESIGN, low=0.6, high=0.4), "low=0.6 and high=0.4"),
        (lambda d: trim(d, **DESIGN, low=0.999, high=1), r"no control row .* in \[0.999, 1\]"),
        (lambda d: balance(d, **DESIGN, weights="x1"), "'x1' is given more than one role"),
        (lambda d: balance(d, **DESIGN, weights="y"), "'y' has a negative weight"),
        (lambda d: balance(d.assign(w=1 - d["a"]), **DESIGN, weights="w"), "'w' is 0 .* arm 1"),
        (lambda d: balance(d.assign(x2=3), **DESIGN), "'x2' has one value"),
    ],
)
def test_unfit_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(hospital(100, rng=23))


def test_a_caliper_counts_the_units_without_a_match_and_accepts_exact_ones():
    far = pd.concat([HAND, pd.DataFrame({"x": [30, 40], "a": [1, 1], "y": [1, 2]})])
    with pytest.raises(ValueError, match=r"2 of 5 units lack a match within the caliper of 0\.5"):
        match(far, **HAND_COLUMNS, caliper=0.5)
    assert match(WARDS, outcome="y", **WARD_COLUMNS, caliper=0)["estimate"] == -2
    reach = 1 / HAND["x"].std()
    assert match(HAND, **HAND_COLUMNS, caliper=reach).equals(match(HAND, **HAND_COLUMNS))


def test_bias_correction_without_variation_among_the_matches_is_refused():
    data = pd.DataFrame({"x": [0, 0, 1, 5, 5, 5], "a": [1, 0, 1, 0, 0, 0], "y": range(6)})
    with pytest.raises(
        ValueError, match=r"among the matched rows: .* or set bias_correction=False"
    ):
        match(data, **HAND_COLUMNS)


def test_equal_scores_cannot_be_matched_on():
    data = pd.DataFrame({"x": [0, 0, 1, 1, 2, 2], "a": [0, 1, 0, 1, 0, 1], "y": range(6)})
    with pytest.raises(ValueError, match="'score' is constant"):
        match(data, **HAND_COLUMNS, metric="propensity")


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_a_treated_score_that_rounds_to_one_has_weight_one(estimand):
    rng = np.random.default_rng(41)
    x = rng.normal(size=400)
    data = pd.DataFrame({"x": x, "d": rng.binomial(1, expit(2 * x)), "y": x + rng.normal(size=400)})
    far = pd.DataFrame({"x": [60.0], "d": [1], "y": [60.0]})
    data = pd.concat([data, far], ignore_index=True)
    columns = {"treatment": "d", "adjust_for": ["x"]}
    assert overlap(data, **columns).loc[1, "max"] == 1.0
    assert np.isfinite(weight(data, outcome="y", **columns, estimand=estimand)["std_error"])
    weights, derivative = _score._inverse(np.array([1.0, 0.0]), np.array([1.0, 0.5]), estimand)
    assert weights.tolist() == [1, 2 if estimand == "ATE" else 1]
    assert derivative.tolist() == [-1 if estimand == "ATE" else 0, 4]


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_an_untreated_row_with_a_score_of_one_is_refused(estimand):
    with pytest.raises(ValueError, match=r"no overlap: 1 row\(s\) have the treatment"):
        _score._inverse(np.array([0.0, 1.0]), np.array([1.0, 0.5]), estimand)
