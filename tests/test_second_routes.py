"""Expected values of the headline numbers that no line of arithmetic gives, worked out here."""

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
import watched
import xgboost
from causaldata import thornton_hiv
from linearmodels import IV2SLS
from scipy import stats
from scipy.special import expit
from test_headlines import HEADLINES
from test_pneumonia import asthmatic, by_kind, chosen, listed, mean, now
from test_project_assignment import lottery, over_people

from casestudies import scenarios
from casestudies.production.simulate import draw

EXPECTED = {key: expected for _, key, expected, _, _ in HEADLINES}


def agrees(**found):
    """Hold what a second route finds, by key without its hyphens, against the rows."""
    for name, value in found.items():
        key = name.replace("_", "-")
        assert value == pytest.approx(EXPECTED[key], rel=1e-4), key


# Readmission -------------------------------------------------------------------------------


def discharged(n, rng, *, pilot):
    """Draw decades of age from 70, chronic, transport, call, shuttle and readmitted."""
    age, chronic = rng.uniform(-2, 2, n), rng.random(n) < 0.3
    transport = rng.random(n) < expit(1.2 - 2 * age)
    call = rng.random(n) < (0.5 if pilot else 0.25 * (1 + 0.4 * age))
    shuttle = pilot & (rng.random(n) < 0.5)
    visit = rng.random(n) < np.where(transport | shuttle, 0.5 + 0.45 * call, 0.05)
    back = rng.random(n) < expit(-2.53 + 0.3 * age + 0.4 * chronic) * (1 - 0.9 * visit)
    return [part.astype(float) for part in (age, chronic, transport, call, shuttle, back)]


def with_products(t, d, s):
    return [t, d, s, t * d, t * s, d * s, t * d * s]


def foreseen(rng):
    """Return what last year's table foresees per 1,000 if a pilot's effects give the calls."""
    age, chronic, t, d, s, back = discharged(20_000, rng, pilot=True)
    pilot = np.stack([age**0, age, chronic, *with_products(t, d, s)], axis=1)
    learned = sm.Logit(back, pilot).fit(disp=0).params
    age, chronic, t, d, s, back = discharged(40_000, rng, pilot=False)
    on, off = (
        expit(np.stack([age**0, age, chronic, *with_products(t, call + s, s)], axis=1) @ learned)
        for call in (1, 0)
    )
    called = off - on >= np.quantile(off - on, 0.75)

    def terms(call):
        return np.stack([age**0, age, age**2, chronic, t, call, t * call], axis=1)

    last_year = sm.Logit(back, terms(d)).fit(disp=0).params
    return 1_000 * expit(terms(1.0 * called) @ last_year).mean()


def test_ten_other_hospitals_foresee_what_150_do():
    rng = np.random.default_rng(4)
    rates = [foreseen(rng) for _ in range(10)]
    assert abs(np.mean(rates) - EXPECTED["readmission-foreseen-effect"]) < 4 * 1.38 / np.sqrt(10)


def test_the_error_of_the_gap_in_malawi_is_that_of_linearmodels():
    drawn = thornton_hiv.load_pandas().data.dropna(subset=["any", "distvct", "got"])
    paid, far = drawn["any"].astype(float), 1.0 * (drawn["distvct"] > 1.5)
    terms = pd.DataFrame({"one": 1.0, "paid": paid, "far": far, "both": paid * far})
    villages = drawn["villnum"].fillna(0).astype(int)
    kept = {"cov_type": "clustered", "clusters": villages, "debiased": True}
    fit = IV2SLS(drawn["got"].astype(float), terms, None, None).fit(**kept)
    agrees(readmission_malawi_gap_effect_se=fit.std_errors["both"])


# Off-policy evaluation ---------------------------------------------------------------------


def columns(log):
    return (log[name].to_numpy() for name in ("talent", "propensity", "stretch", "exit"))


def weights(target, p, a):
    return np.where(a == 1, target / p, (1 - target) / (1 - p))


def test_effective_sizes_are_the_rows_over_the_mean_squared_weight():
    def kish(low, high):
        def squared(x, q):
            target = high if x > 0.5 else low
            return target**2 / lottery(x, q) + (1 - target) ** 2 / (1 - lottery(x, q))

        return 12_000 / over_people(squared)

    agrees(policy_effective=kish(0, 1), policy_soft_effective=kish(0.1, 0.9))


def test_the_intervals_of_the_log_follow_from_its_rows_influences():
    talent, p, a, left = columns(scenarios.project_assignment().sample(12_000, rng=1))
    w = weights(1.0 * (talent > 0.5), p, a)
    value = w @ left / w.sum()
    influence = w * (left - value) / w.sum()
    error = 1.959964 * np.sqrt(influence @ influence)
    agrees(policy_weighted_low=value - error, policy_weighted_high=value + error)
    influence = influence - (left - left.mean()) / len(left)
    gain, error = left.mean() - value, 1.959964 * np.sqrt(influence @ influence)
    agrees(policy_saved_low=1_000 * (gain - error), policy_saved_high=1_000 * (gain + error))


def test_the_rule_that_wins_on_one_half_of_the_log_is_valued_on_the_other():
    log = scenarios.project_assignment().sample(500, rng=5)
    _, p, a, left = columns(log)
    lines = np.random.default_rng(5).normal(size=(200, 3))
    wanted = lines @ np.array([np.ones(500), log["talent"], log["prestige"]]) > 0
    w = weights(1.0 * wanted, p, a)
    chose = np.random.default_rng(5).permutation(500) < 250
    first, second = ((w * left)[:, h].sum(axis=1) / w[:, h].sum(axis=1) for h in (chose, ~chose))
    agrees(policy_claimed=first.min(), policy_chosen=second[first.argmin()])


def test_the_effective_size_of_halved_odds_is_that_of_the_products_of_two_years():
    log = scenarios.retention().sample(3_000, rng=6)
    odds = log["propensity"] / (1 - log["propensity"]) / 2
    ratio = weights(odds / (1 + odds), log["propensity"], log["stretch"])
    product = pd.Series(ratio).groupby(log["person"]).cumprod()[log["month"] == 24]
    agrees(policy_halved_effective=product.sum() ** 2 / (product**2).sum())


# Asthma and pneumonia ----------------------------------------------------------------------

DOOR = ["age", "severity", "asthma", "walking_frame"]


def ward(**knobs):
    """Return every patient there can be, and the deaths per 1,000 if the scores give the beds."""
    rows = listed(**knobs)
    patients = by_kind(rows)

    def deaths(scores, among=lambda row: 1):
        beds = chosen(patients, scores, mean(rows, lambda row: row[2]))
        given = [[r[0], r[1], bed, r[3], r[4]] for r, bed in zip(patients, beds, strict=True)]
        return 1_000 * mean(given, now, among), given

    return patients, deaths


def test_the_beds_of_five_years_follow_from_linear_programs():
    patients, deaths = ward()
    for year in (1, 2, 3, 4, 5):
        per_thousand, patients = deaths([now(row) for row in patients])
        agrees(**{f"pneumonia_year_{year}": per_thousand})


def test_other_wards_follow_from_linear_programs():
    patients, deaths = ward(asthma_on_care=0.0)
    alone, effect = (deaths([r[3] - c * r[4] for r in patients])[0] for c in (0, 1))
    agrees(pneumonia_ignored_without=alone, pneumonia_ignored_effect=effect)
    half = listed(asthma_without_care=2.0, asthma_with_care=0.25)
    agrees(pneumonia_half_asthma_now=1_000 * mean(half, now, asthmatic))


def test_the_strictest_year_drawn_with_numpy_alone_has_as_many_asthmatics_without_a_bed():
    n, rng = 20_000, np.random.default_rng(31)
    decades = np.searchsorted([0.15, 0.35, 0.6, 0.85], rng.random(n)) - 2
    sign = expit(-1 + 0.3 * decades)
    signs = [comb(4, s) * sign**s * (1 - sign) ** (4 - s) for s in range(4)]
    severity = (rng.random(n) > np.cumsum(signs, axis=0)).sum(axis=0)
    asthma = rng.random(n) <= 0.15
    rng.random((2, n))  # frailty and walking frame
    bed = rng.random(n) <= expit(3 * (-5 + 2 * severity + 0.4 * decades + 7 * asthma))
    agrees(pneumonia_rare_3=(asthma & ~bed).sum())


@pytest.fixture(scope="module")
def year():
    return scenarios.pneumonia().sample(20_000, rng=31)


@pytest.fixture(scope="module")
def trees(year):
    settings = {"max_depth": 3, "learning_rate": 0.1, "n_estimators": 100, "n_jobs": 1}
    classifier = xgboost.XGBClassifier(**settings, tree_method="exact")
    return classifier.fit(year[DOOR], year["death"])


def test_the_trees_beds_have_their_values_by_enumeration_and_by_two_logits(year, trees):
    patients, deaths = ward()
    kinds = pd.DataFrame([row[1] for row in patients], columns=DOOR)
    scores = trees.predict_proba(kinds)[:, 1].astype(float)
    value, given = deaths(scores)
    agrees(
        pneumonia_deaths_trees=value,
        pneumonia_value_trees=value,
        pneumonia_asthma_trees=deaths(scores, asthmatic)[0],
    )
    beds = np.array([row[2] for row in given])
    counts = year.groupby(DOOR).size().reindex(pd.MultiIndex.from_frame(kinds), fill_value=0)
    estimated = 0
    for c, share in enumerate((1 - beds, beds)):
        arm = sm.add_constant(year.loc[year["care"] == c, [*DOOR, "death"]].astype(float))
        fit = sm.GLM(arm.pop("death"), arm, family=sm.families.Binomial()).fit()
        estimated += np.average(share * fit.predict(sm.add_constant(kinds)), weights=counts)
    agrees(pneumonia_estimated_trees=1_000 * estimated)


def test_the_frames_shapley_value_follows_from_its_definition(year, trees):
    frames = year.loc[year["walking_frame"] == 1, DOOR].value_counts()
    kinds = frames.index.to_frame(index=False)
    nodes = trees.get_booster().trees_to_dataframe().set_index("ID").to_dict("index")

    def expected(name, known):
        """Return what a tree says of each kind if only some columns are known."""
        node = nodes[name]
        if node["Feature"] == "Leaf":
            return np.full(len(kinds), node["Gain"])
        yes, no = (expected(node[way], known) for way in ("Yes", "No"))
        share = nodes[node["Yes"]]["Cover"] / node["Cover"]
        if node["Feature"] in known:
            share = kinds[node["Feature"]] < node["Split"]
        return share * yes + (1 - share) * no

    def log_odds(known):
        return sum(expected(f"{tree}-0", known) for tree in range(100))

    others, value = [name for name in DOOR if name != "walking_frame"], 0
    for size in range(4):
        for known in combinations(others, size):
            gain = log_odds([*known, "walking_frame"]) - log_odds(known)
            value = value + gain / (4 * comb(3, size))
    agrees(pneumonia_shap_signed_walking_frame=np.average(value, weights=frames))


# Corrections mid-flight --------------------------------------------------------------------


@pytest.mark.parametrize(("end", "unseen"), [("low", 0.0), ("high", 1.0)])
def test_the_bounds_of_always_mismatched_follow_from_iterated_least_squares(end, unseen):
    data = scenarios.mid_flight(reaction=6.0).sample(4_000, rng=14)
    data["silences"] = 2 * data["silence_1"] + data["silence_2"]
    followed = [data]
    for month in (0, 1, 2):
        followed.append(followed[-1][followed[-1][f"mismatch_{month}"] == 1])
    formulas = {
        2: "exit ~ talent + C(silences)",
        1: "exit ~ talent + C(silence_1)",
        0: "exit ~ talent",
    }
    later = followed[3]
    for month, formula in formulas.items():
        fit, before = smf.ols(formula, later).fit(), followed[month]
        known = before["silences"].isin(later["silences"]) | (month < 2)
        mean = pd.Series(unseen, before.index)
        mean[known] = fit.predict(before[known])
        later = before.assign(exit=mean)
    agrees(**{f"midflight_bound_{end}": later["exit"].mean()})


# An effect under watch ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def years():
    return watched.study(2_000, np.random.default_rng(7))


@pytest.mark.parametrize(
    ("key", "part"),
    {
        "effect-quiet": "effect-quiet",
        "effect-log": "effect-log",
        "input-inputs": "input-inputs",
        "verdict-inputs": "verdict-inputs",
        "verdict-dies": "verdict-dies",
        "short-cost": "short-cost",
        "short-gain": "short-gain",
        "window-all": "window-all",
        "window-since": "window-since",
        "caught-percent": "caught",
        "effect-quiet-percent": "effect-quiet",
        "effect-first-percent": "effect-first",
        "short-quiet-percent": "short-quiet",
    }.items(),
)
def test_two_thousand_other_years_agree_with_a_hundred_thousand(years, key, part):
    values = (100 if key.endswith("percent") else 1) * years[part]
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean() - EXPECTED[f"production-{key}"]) < 4 * error


@pytest.mark.parametrize("key", ["caught-weeks", "ratio-weeks", "short-weeks"])
def test_the_median_week_of_two_thousand_other_years_is_that_of_a_hundred_thousand(years, key):
    assert abs(np.median(years[key]) - EXPECTED[f"production-{key}"]) <= 1


@pytest.mark.parametrize("name", ["all", "after"])
def test_windows_of_other_years_scatter_as_those_of_a_hundred_thousand(years, name):
    values = years[f"window-{name}"]
    expected = EXPECTED[f"production-window-{name}-sd"]
    assert abs(values.std() - expected) < 4 * expected / np.sqrt(2 * len(values))


def test_the_treated_rate_rings_as_the_sum_over_weeks_says():
    quiet = watched.BEFORE[1]

    def rings(rate):
        chance = 0
        for n in range(450, 601):  # of 600 people, with a chance of 1e-15 of fewer
            exits = np.arange(n + 1)
            off = abs(exits / n - quiet) > 3 * np.sqrt(quiet * (1 - quiet) / n)
            chance += stats.binom.pmf(n, 600, 0.9) * stats.binom.pmf(exits[off], n, rate).sum()
        return chance

    still = (1 - rings(quiet)) ** 26
    inputs, dies = (
        still * (1 - (1 - rings(watched.AFTER[name][1])) ** 26)
        for name in ("inputs drift", "programme dies")
    )
    agrees(production_treated_inputs=inputs, production_treated_dies=dies)


def test_the_effect_since_the_alarm_is_a_regression_with_a_constant_a_week():
    weeks = draw("effect_dies", weeks=52, people=600, rng=1).query("week > 40")
    fit = smf.ols("exit ~ programme + C(week)", weeks).fit()
    agrees(production_again=fit.params["programme"])
