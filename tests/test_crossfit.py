"""Learners of one's choice in doubly robust estimates: folds, copies, splits, refusals."""

import copy

import doubleml
import numpy as np
import pandas as pd
import pytest
from confounded import COLUMNS, WARDS, coarse, design, fits, hospital, m_estimator
from scipy import stats
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from casestudies.recipes import _crossfit
from casestudies.recipes.doubly_robust import doubly_robust

LINES = {
    "outcome_model": LinearRegression(),
    "treatment_model": LogisticRegression(C=np.inf, tol=1e-12, max_iter=1_000),
}


class Told:
    """Remember what was fitted and predicted; predict a constant."""

    log: list = []  # noqa: RUF012

    def __init__(self, predicts=0.5):
        self.predicts = predicts

    def fit(self, x, y, sample_weight=None):
        self.log.append((x.copy(), y.copy(), sample_weight))
        self.seen = len(x)

    def predict(self, x):
        self.log.append(x.copy())
        return np.full(len(x), self.predicts)


class Chance(Told):
    def predict_proba(self, x):
        return self.predict(x)


@pytest.fixture
def log():
    Told.log.clear()
    return Told.log


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_learners_of_the_default_models_give_the_default_estimate(estimand):
    data = hospital(300, rng=1)
    expected = doubly_robust(data, **COLUMNS, estimand=estimand)
    found = doubly_robust(data, **COLUMNS, **LINES, estimand=estimand)
    assert found["estimate"] == pytest.approx(expected["estimate"], rel=1e-6)


def test_with_learners_the_error_is_that_of_the_scores_alone():
    data = hospital(300, rng=1)
    models = _crossfit._choose("linear", *LINES.values(), 0.01, 5)
    roles = {"outcome": "y", "weights": None, "cluster": None}
    sample = _crossfit._read_sample(data, "a", COLUMNS["adjust_for"], models, 5, **roles)
    ((fold, order),) = _crossfit._splits(sample, 5, 1, None)
    scores = _crossfit._doubly_robust_scores(sample, fold, order, models).scores
    found = doubly_robust(data, **COLUMNS, **LINES)
    assert found["estimate"] == pytest.approx(scores.mean())
    assert found["std_error"] == pytest.approx(scores.std() / np.sqrt(300))


def interactive(data, splitting, estimand, models=LINES):
    """Return DoubleML's estimate and error of each of its splits."""
    frame = pd.get_dummies(data, columns=["ward"], drop_first=True, dtype=float)
    covariates = [name for name in frame if name not in "ay"]
    source = doubleml.DoubleMLData(frame, y_col="y", d_cols="a", x_cols=covariates)
    score = {"ATE": "ATE", "ATT": "ATTE"}[estimand]
    learners = [copy.deepcopy(model) for model in models.values()]
    found = doubleml.DoubleMLIRM(source, *learners, score=score, n_rep=len(splitting))
    found.set_sample_splitting(splitting)
    found.fit()
    return found.all_coef[0], found.all_se[0]


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_each_split_is_that_of_doubleml_and_the_answer_their_median(estimand, monkeypatch):
    data = hospital(300, rng=2)
    deals = np.random.default_rng(0).integers(0, 3, (3, 300))
    turns = iter(deals)
    monkeypatch.setattr(_crossfit, "_deal", lambda *_: next(turns))
    splitting = [
        [(np.flatnonzero(d != k), np.flatnonzero(d == k)) for k in range(3)] for d in deals
    ]
    found = doubly_robust(data, **COLUMNS, **LINES, folds=3, splits=3, estimand=estimand)
    estimates, errors = interactive(data, splitting, estimand)
    estimate = np.median(estimates)
    error = np.sqrt(np.median(errors**2 + (estimates - estimate) ** 2))
    assert found[["estimate", "std_error"]].to_list() == pytest.approx([estimate, error], rel=1e-6)


def test_the_error_over_splits_counts_their_spread():
    estimate, error = _crossfit._over_splits([(1.0, 2.0), (4.0, 1.0), (5.0, 3.0)])
    assert estimate == 4
    assert error == pytest.approx(np.sqrt(np.median([4 + 9, 1 + 0, 9 + 1])))


def test_splits_deal_anew_by_a_source_or_by_the_values():
    data = hospital(200, rng=3)
    source = np.random.default_rng(5)
    each = [doubly_robust(data, **COLUMNS, rng=source)["estimate"] for _ in range(3)]
    found = doubly_robust(data, **COLUMNS, rng=5, splits=3)
    assert found["estimate"] == pytest.approx(np.median(each))
    one, three = (doubly_robust(data, **COLUMNS, splits=k)["estimate"] for k in (1, 3))
    assert one != three
    assert one == doubly_robust(data, **COLUMNS)["estimate"]


FOREST = {
    "outcome_model": RandomForestRegressor(4, min_samples_leaf=5, random_state=0),
    "treatment_model": RandomForestClassifier(4, min_samples_leaf=20, random_state=0),
}


def test_learners_that_draw_do_not_depend_on_the_order_of_rows_or_columns():
    data = coarse(300, rng=4)  # ties abound
    data["w"] = 1.0 + (np.arange(300) % 2)
    for options in ({}, {"splits": 2}, {"weights": "w"}):
        expected = doubly_robust(data, **COLUMNS, **FOREST, **options)
        turned = data.sample(frac=1, random_state=1)[data.columns[::-1]]
        found = doubly_robust(turned, **COLUMNS, **FOREST, **options)
        assert found.to_list() == pytest.approx(expected.to_list(), rel=1e-9)


def test_a_learner_sees_numbers_with_dummies_for_text_and_the_callers_stays_unfitted(log):
    data = hospital(60, rng=5)
    mine = Told()
    doubly_robust(data, **COLUMNS, outcome_model=mine, folds=2)
    assert vars(mine) == {"predicts": 0.5}
    assert len(log) == 8  # two folds, two arms, fit and predict
    rows = design(data)[:, 1:]
    for (x, y, weight), new in zip(log[::2], log[1::2], strict=True):
        places = [np.flatnonzero((rows == row).all(axis=1)).item() for row in x]
        others = [np.flatnonzero((rows == row).all(axis=1)).item() for row in new]
        assert weight is None
        assert not set(places) & set(others)
        np.testing.assert_array_equal(y, data["y"].to_numpy()[places])
        assert data["a"].to_numpy()[places].std() == 0


def test_a_learner_gets_the_sampling_weights_of_its_rows(log):
    data = hospital(60, rng=5).assign(w=lambda d: 3 + d["x1"])
    doubly_robust(data, **COLUMNS, outcome_model=Told(), weights="w", folds=2)
    for x, _, weight in log[::2]:
        np.testing.assert_allclose(weight, (3 + x[:, 0]) / (3 + data["x1"]).mean())


def test_trees_and_a_classifier_of_the_outcome_are_used_by_their_probabilities():
    data = hospital(300, rng=6)
    data["y"] = (data["y"] > 0) * 1
    found = doubly_robust(data, **COLUMNS, outcome_model=LINES["treatment_model"])
    expected = doubly_robust(data, **COLUMNS, model="logit")
    assert found["estimate"] == pytest.approx(expected["estimate"], rel=1e-6)


def test_an_arm_without_a_one_has_probability_zero():
    data = hospital(200, rng=6)
    data["y"] = data["a"] * (data["x2"] > 0)
    tree = DecisionTreeClassifier(min_samples_leaf=20, random_state=0)
    found = doubly_robust(data, **COLUMNS, outcome_model=tree)
    assert fits(found)
    assert _crossfit._of_class_one(np.array([[0.2, 0.8]]), [1, 0]).tolist() == [0.2]


def bent(n, rng):
    """Return a world whose confounder bends, treatment and outcome alike; the effect is 1."""
    rng = np.random.default_rng(rng)
    x, noise = rng.normal(size=(2, n))
    bend = 1.5 * (np.abs(x) > 1)
    a = (rng.random(n) < expit(bend - 0.5)) * 1
    return pd.DataFrame({"x": x, "a": a, "y": a + 3 * bend + noise})


BENT = {"outcome": "y", "treatment": "a", "adjust_for": "x"}
TREES = {
    "outcome_model": DecisionTreeRegressor(min_samples_leaf=20),
    "treatment_model": DecisionTreeClassifier(min_samples_leaf=30),
}


def test_trees_find_the_effect_where_lines_do_not_and_the_interval_covers():
    covered, lines = [], []
    for rng in range(40):
        data = bent(500, rng)
        found = doubly_robust(data, **BENT, **TREES, folds=3)
        covered.append(found["ci_low"] < 1 < found["ci_high"])
        lines.append(doubly_robust(data, **BENT, folds=2)["ci_low"] > 1)
    assert abs(np.mean(covered) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 40)
    assert np.mean(lines) > 0.95


def test_without_cross_fitting_the_error_of_deep_trees_is_a_fraction_of_the_spread(monkeypatch):
    deep = {
        "outcome_model": DecisionTreeRegressor(random_state=0),
        "treatment_model": DecisionTreeClassifier(min_samples_leaf=20),
    }
    worlds = [bent(500, rng) for rng in range(30)]

    def stated_over_spread():
        found = pd.DataFrame([doubly_robust(data, **BENT, **deep, folds=3) for data in worlds])
        return found["std_error"].mean() / found["estimate"].std()

    crossed = stated_over_spread()
    monkeypatch.setattr(_crossfit, "_held_out", lambda fold: [(0, fold >= 0, fold >= 0)])
    reused = stated_over_spread()
    simulation = 1 / np.sqrt(2 * 30)  # relative, of a standard deviation
    assert crossed > 1 - 4 * simulation * crossed
    assert reused < 1 - 3 * simulation


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_weights_stand_for_repeated_rows(estimand):
    data = hospital(200, rng=7).assign(w=lambda d: 1 + (d["x1"] > 0))
    repeated = data.loc[data.index.repeat(data["w"])]
    found = doubly_robust(data, **COLUMNS, estimand=estimand, folds=1, weights="w")
    expected = doubly_robust(repeated, **COLUMNS, estimand=estimand, folds=1)
    assert found["estimate"] == pytest.approx(expected["estimate"])
    by_row = doubly_robust(
        repeated.assign(row=repeated.index), **COLUMNS, estimand=estimand, folds=1, cluster="row"
    )
    assert found["std_error"] == pytest.approx(by_row["std_error"] / np.sqrt(200 / 199))


def test_weighted_error_is_that_of_the_stacked_equations():
    data = hospital(400, rng=11, curve=1).assign(w=lambda d: 1 + (d["x2"] > 0))
    x, a, y, w = design(data), *(data[name].to_numpy() for name in "ayw")

    def equations(theta):
        beta, beta0, beta1 = theta[:-1].reshape(3, -1)
        e, m0, m1 = expit(x @ beta), x @ beta0, x @ beta1
        term = m1 - m0 + a * (y - m1) / e - (1 - a) * (y - m0) / (1 - e) - theta[-1]
        residuals = (a - e, (1 - a) * (y - m0), a * (y - m1))
        return w[:, None] * np.column_stack([*(x * r[:, None] for r in residuals), term])

    found = doubly_robust(data, **COLUMNS, folds=1, weights="w")
    score = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000)
    score.fit(x[:, 1:], a, sample_weight=w)
    root = np.sqrt(w)[:, np.newaxis]
    lines = [np.linalg.lstsq((root * x)[a == arm], (root[:, 0] * y)[a == arm])[0] for arm in (0, 1)]
    theta = np.concatenate([score.intercept_, score.coef_[0], *lines, [found["estimate"]]])
    assert found["std_error"] == pytest.approx(m_estimator(equations, theta), rel=1e-4)


def clustered(n, rng):
    return hospital(n, rng=rng).assign(site=np.arange(n) % 40 + 100)


@pytest.mark.parametrize("options", [{}, {"rng": 1}, {"splits": 2}, LINES])
def test_no_fold_splits_a_cluster(options, monkeypatch):
    data, dealt, deal = clustered(200, 8), [], _crossfit._deal
    monkeypatch.setattr(_crossfit, "_deal", lambda *a: dealt.append(deal(*a)) or dealt[-1])
    doubly_robust(data, **COLUMNS, cluster="site", **options)
    for fold in dealt:
        assert data.assign(fold=fold).groupby("site")["fold"].nunique().max() == 1
        assert sorted(set(fold)) == [0, 1, 2, 3, 4]
        assert pd.Series(fold).value_counts().to_list() == [40] * 5


def test_clusters_that_were_treated_whole_are_dealt_arm_by_arm():
    cluster = np.repeat(np.arange(12), 5)
    treated = (cluster < 4) * 1.0
    order = np.random.default_rng(0).permutation(60)
    fold = _crossfit._deal(order, treated, 4, cluster)
    assert (pd.crosstab(fold, treated).to_numpy() == [[10, 5]]).all()


def test_clusters_of_any_size_are_dealt_by_their_shares_of_treated():
    cluster = np.repeat(np.arange(8), [4, 8, 4, 8, 4, 8, 4, 8])
    treated = np.concatenate([[1, 0, 0, 0], [1, 1, 1, 0, 1, 1, 1, 0]] * 4).astype(float)
    fold = _crossfit._deal(np.arange(48), treated, 2, cluster)
    assert (pd.crosstab(fold, cluster % 2).to_numpy() == [[8, 16]]).all()


def test_clusters_alike_in_covariates_are_not_dealt_by_their_outcomes():
    y, same = np.arange(40.0), np.zeros(40)
    order = _crossfit._shuffled(
        pd.DataFrame({"x": same}), same, y, ties=(same,), cluster=y.astype(int)
    )
    assert abs(np.corrcoef(order, y)[0, 1]) < 0.5


def test_clustered_error_sums_influences_by_cluster():
    data = clustered(200, 8)
    found = doubly_robust(data, **COLUMNS, folds=1, cluster="site")
    plain = doubly_robust(data, **COLUMNS, folds=1)
    own = doubly_robust(data.assign(row=range(200)), **COLUMNS, folds=1, cluster="row")
    assert own["std_error"] == pytest.approx(plain["std_error"] * np.sqrt(200 / 199))
    twice = pd.concat([data, data]).assign(row=[*range(200)] * 2)
    doubled = doubly_robust(twice, **COLUMNS, folds=1, cluster="row")
    assert doubled["std_error"] == pytest.approx(own["std_error"])
    assert found["estimate"] == pytest.approx(plain["estimate"])
    margin = stats.t.ppf(0.975, 39) * found["std_error"]
    assert found["ci_high"] - found["estimate"] == pytest.approx(margin)


@pytest.mark.parametrize("splits", [1, 2])
def test_folds_of_clusters_depend_on_neither_order_nor_names(splits):
    data = coarse(300, rng=9).assign(site=np.arange(300) // 3)
    options = {"cluster": "site", "splits": splits}
    expected = doubly_robust(data, **COLUMNS, **options)
    shuffled = data.sample(frac=1, random_state=2)
    names = {name: f"s{k}" for k, name in enumerate(shuffled["site"].unique())}
    for other in (shuffled, shuffled.assign(site=shuffled["site"].map(names))):
        found = doubly_robust(other, **COLUMNS, **options)
        assert found.to_list() == pytest.approx(expected.to_list(), rel=1e-8)


def test_a_far_off_origin_of_the_outcome_costs_no_digits():
    data, origin = hospital(300, rng=1), 2.0**36
    y = data["y"] + origin - origin  # with the digits that are left at the origin
    found, expected = (
        doubly_robust(data.assign(y=each), **COLUMNS).to_list() for each in (y + origin, y)
    )
    assert found == pytest.approx(expected, rel=1e-12)


def test_weights_have_no_unit():
    data = hospital(200, rng=7).assign(w=lambda d: 1 + (d["x1"] > 0), v=lambda d: 7.3 * d["w"])
    found, expected = (doubly_robust(data, **COLUMNS, weights=name) for name in "vw")
    assert found.to_list() == pytest.approx(expected.to_list())


TREE = DecisionTreeClassifier
REMEDIES = [
    (
        {"outcome_model": LinearRegression},
        r"outcome_model must be an object with fit and .* such as LinearRegression\(\), got <class",
        {"outcome_model": LinearRegression()},
    ),
    (
        {"treatment_model": "forest"},
        "treatment_model must be an object with fit and .* got 'forest'",
        {"treatment_model": LINES["treatment_model"]},
    ),
    (
        {"treatment_model": RandomForestClassifier(3, warm_start=True, min_samples_leaf=20)},
        "treatment_model has warm_start=True.* set warm_start=False",
        {"treatment_model": RandomForestClassifier(3, min_samples_leaf=20, random_state=0)},
    ),
    (
        {"outcome_model": LinearRegression(), "folds": 1},
        "folds is 1, but outcome_model would predict .* ask for folds=2 or more",
        {"outcome_model": LinearRegression(), "folds": 2},
    ),
    (
        {"outcome_model": LinearRegression(), "model": "logit"},
        "model='logit' and outcome_model both .* leave one out",
        {"outcome_model": LinearRegression()},
    ),
    (
        {"treatment_model": Told(1.2)},
        "treatment_model predicts 1.2, which is no probability; use a .* predict_proba",
        {"treatment_model": LINES["treatment_model"]},
    ),
    (
        {"treatment_model": Told(-0.2)},
        "treatment_model predicts -0.2, which is no probability",
        {"treatment_model": LINES["treatment_model"]},
    ),
    (
        {"treatment_model": RidgeClassifier()},
        "treatment_model, a RidgeClassifier, predicts classes and not how .* CalibratedClassifierC",
        {"treatment_model": CalibratedClassifierCV(RidgeClassifier())},
    ),
    (
        {"treatment_model": TREE(random_state=0)},
        r"treatment_model gives \d+ row\(s\) a probability below 0.01, the least 0, .*leaves",
        {"treatment_model": TREE(min_samples_leaf=20, random_state=0)},
    ),
    (
        {"treatment_model": Chance(0.004)},
        r"gives \d+ row\(s\) a probability below 0.01, the least 0.004, .* lower min_score",
        {"treatment_model": Chance(0.004), "min_score": 0.003},
    ),
    (
        {"treatment_model": Chance(0.996)},
        r"gives \d+ row\(s\) a probability below 0.01, the least 0.004, .* lower min_score",
        {"treatment_model": Chance(0.996), "min_score": 0.003},
    ),
    (
        {"min_score": 0.7},
        r"min_score must lie between 0 and 0.5, got 0.7",
        {"min_score": 0.05},
    ),
    (
        {"outcome_model": LINES["treatment_model"]},
        "rows that fit fold 1 of 5: outcome_model, a LogisticRegression, gives probabilities, but",
        {"outcome_model": LinearRegression()},
    ),
    (
        {"outcome_model": Told(np.nan)},
        r"outcome_model, a Told, predicts an array of shape \(20,\) with 20 missing",
        {"outcome_model": Told(1.0)},
    ),
    (
        {"outcome_model": KNeighborsRegressor(200)},
        r"fold 1 of 5: outcome_model, a KNeighborsRegressor, fails on \d+ rows of 4 column\(s\): "
        r"ValueError: .* call its fit\(x, y\) on such .*, fewer folds leave more to",
        {"outcome_model": KNeighborsRegressor(5)},
    ),
    (
        {"outcome_model": KNeighborsRegressor(5), "weights": "w"},
        r"TypeError: .*sample_weight.*; call its fit\(x, y, sample_weight=w\) .* choose another",
        {"outcome_model": LinearRegression(), "weights": "w"},
    ),
    (
        {"cluster": "site", "folds": 11},
        r"folds is 11, but column 'site' has 10 cluster\(s\).* ask for fewer",
        {"cluster": "site", "folds": 10},
    ),
    ({"splits": 0}, "splits must be 1 or more, got 0", {"splits": 1}),
]


@pytest.mark.parametrize(("options", "message", "repaired"), REMEDIES)
def test_unfit_options_are_refused_and_the_advice_works(options, message, repaired):
    data = hospital(100, rng=23).assign(w=1 + np.arange(100) % 3, site=np.arange(100) % 10)
    with pytest.raises(ValueError, match=message):
        doubly_robust(data, **COLUMNS, **options)
    assert fits(doubly_robust(data, **COLUMNS, **repaired))


def test_by_default_there_are_five_folds_once_and_probabilities_of_one_percent_will_do():
    data = hospital(100, rng=23)
    found = doubly_robust(data, **COLUMNS, treatment_model=Chance(0.011))
    same = {"folds": 5, "splits": 1, "level": 0.95, "estimand": "ATE", "model": "linear"}
    again = doubly_robust(data, **COLUMNS, **same, treatment_model=Chance(0.011))
    assert found.to_list() == again.to_list()
    with pytest.raises(ValueError, match=r"a probability below 0\.01, the least 0\.009"):
        doubly_robust(data, **COLUMNS, treatment_model=Chance(0.009))


def test_two_columns_of_chances_are_those_of_0_and_1():
    class Pair(Told):
        def predict_proba(self, x):
            return np.column_stack([1 - self.predict(x), self.predict(x)])

    data = hospital(100, rng=23)
    found, expected = (
        doubly_robust(data, **COLUMNS, treatment_model=model) for model in (Pair(0.3), Chance(0.3))
    )
    assert found.to_list() == pytest.approx(expected.to_list(), rel=1e-12)


def test_a_fold_that_has_all_of_an_arm_is_refused_and_another_number_is_not():
    data = hospital(80, rng=23).assign(site=np.arange(80) // 20)
    data["a"] = np.where(data["site"] == 3, np.arange(80) % 10 > 0, data.index == 5) * 1
    learners = {"outcome_model": LinearRegression(), "treatment_model": Chance(0.3)}
    options = {"cluster": "site", **learners}
    message = r"fold 2 of 2: no row is left to fit outcome_model, as all of an arm are in one fold"
    with pytest.raises(ValueError, match=message):
        doubly_robust(data, **COLUMNS, **options, folds=2, rng=0)
    for other in ({"folds": 2, "rng": 2}, {"folds": 4}):
        assert fits(doubly_robust(data, **COLUMNS, **options, **other))


def test_a_covariate_of_one_arm_is_refused_on_all_rows_unless_a_learner_takes_it():
    data = hospital(60, rng=23).assign(x1=lambda d: d["x1"] * d["a"])
    with pytest.raises(ValueError, match=r"^among the rows where units are untreated, column 'x1'"):
        doubly_robust(data, **COLUMNS, folds=1)
    learners = {"outcome_model": LinearRegression(), "treatment_model": Chance(0.5)}
    assert fits(doubly_robust(data, **COLUMNS, **learners))


def test_a_learners_own_error_is_kept_as_the_cause():
    with pytest.raises(ValueError, match="fails on") as caught:
        doubly_robust(hospital(100, rng=23), **COLUMNS, outcome_model=KNeighborsRegressor(200))
    assert "n_neighbors" in str(caught.value.__cause__)


def test_a_cluster_that_makes_up_an_arm_is_refused():
    data = pd.concat([WARDS] * 3, ignore_index=True).assign(y=lambda d: d["y"] + d.index % 3)
    data["site"] = np.where(data["a"] == 1, 0, np.arange(len(data)) % 5 + 1)
    columns = {"outcome": "y", "treatment": "a", "adjust_for": "old"}
    with pytest.raises(ValueError, match="Cluster by a finer column"):
        doubly_robust(data, **columns, cluster="site", folds=1)
    assert fits(doubly_robust(data.assign(site=data.index), **columns, cluster="site", folds=1))
