from itertools import product
from math import comb, exp

import numpy as np
import pytest
import statsmodels.api as sm
import xgboost
from scipy.optimize import linprog
from scipy.stats import rankdata

from casestudies import identify, scenarios
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.standardization import standardize
from casestudies.sampling.montecarlo import replicate
from casestudies.scenarios.pneumonia import Levels, kinds, triage
from casestudies.scm import Bernoulli

COLUMNS = {"outcome": "death", "treatment": "care"}
DEFAULTS = {
    "share_asthma": 0.15,
    "asthma_on_care": 7.0,
    "asthma_without_care": 4.0,
    "asthma_with_care": 0.5,
    "care_on_death": -2.0,
    "strictness": 1.0,
    "sharpness": 1.0,
}
TURNED = {
    "share_asthma": 0.3,
    "asthma_on_care": 2.0,
    "asthma_without_care": 1.5,
    "asthma_with_care": -0.5,
    "care_on_death": -3.0,
    "strictness": 0.6,
    "sharpness": 0.7,
}
WORLDS = pytest.mark.parametrize("knobs", [{}, TURNED], ids=["default", "turned"])
RULES = ["predicted risk", "risk without care", "effect of care"]


def sigmoid(x):
    return 1 / (1 + exp(-x))


def listed(**knobs):
    """Every patient there can be: weight, kind, asthma, P(care), risk without and with it."""
    knob = DEFAULTS | knobs
    share = knob["share_asthma"]
    rows = []
    for (age, p_age), s, a, f, w in product(
        [(45, 0.15), (55, 0.2), (65, 0.25), (75, 0.25), (85, 0.15)], range(5), *[(0, 1)] * 3
    ):
        z = (age - 65) / 10
        sign, frail, frame = sigmoid(-1 + 0.3 * z), sigmoid(-1.8 + 0.6 * z), (0.05, 0.9)[f]
        weight = p_age * comb(4, s) * sign**s * (1 - sign) ** (4 - s)
        weight *= (share if a else 1 - share) * (frail if f else 1 - frail)
        weight *= frame if w else 1 - frame
        care = -5 + 2 * s + 0.4 * z + knob["asthma_on_care"] * a
        alone = -7 + 3 * s + 0.4 * z + 1.2 * f
        saved = alone + knob["care_on_death"] + knob["asthma_with_care"] * a
        alone += knob["asthma_without_care"] * a
        risks = [sigmoid(knob["sharpness"] * x) for x in (alone, saved)]
        rows.append([weight, (age, s, a, w), sigmoid(knob["strictness"] * care), *risks])
    return rows


def mean(rows, value, among=lambda row: 1.0):
    weights = [row[0] * among(row) for row in rows]
    return sum(w * value(row) for w, row in zip(weights, rows, strict=True)) / sum(weights)


def by_kind(rows):
    """Average the rows of each kind over frailty."""
    return [
        [sum(r[0] for r in same), kind, *(mean(same, lambda r, i=i: r[i]) for i in (2, 3, 4))]
        for kind in dict.fromkeys(row[1] for row in rows)
        for same in [[row for row in rows if row[1] == kind]]
    ]


def chosen(patients, scores, beds):
    """Give the beds by a linear program that maximizes the sum of the scores of those in one."""
    weights = np.array([row[0] for row in patients])
    found = linprog(-weights * scores, A_ub=[weights], b_ub=[beds], bounds=[(0, 1)] * len(weights))
    return found.x


def now(row):
    return row[2] * row[4] + (1 - row[2]) * row[3]


def asthmatic(row):
    return row[1][2]


@WORLDS
def test_every_truth_is_a_sum_over_all_patients_written_a_second_time(knobs):
    truth, rows = scenarios.pneumonia(**knobs).truth, listed(**knobs)
    patients = by_kind(rows)

    def gain(row):
        return row[4] - row[3]

    def gap(value):
        return mean(rows, value, asthmatic) - mean(rows, value, lambda r: 1 - asthmatic(r))

    def care_gap(part):
        with_care = mean(part, lambda r: r[4], lambda r: r[2])
        return with_care - mean(part, lambda r: r[3], lambda r: 1 - r[2])

    keys = {(row[1][0], row[1][2]) for row in rows}
    strata = [[r for r in rows if (r[1][0], r[1][2]) == key] for key in keys]
    expected = {
        "ATE": mean(rows, gain),
        "ATT": mean(rows, gain, lambda r: r[2]),
        "CATE(asthma=0)": mean(rows, gain, lambda r: 1 - asthmatic(r)),
        "CATE(asthma=1)": mean(rows, gain, asthmatic),
        "raw difference": care_gap(rows),
        "standardized without severity": sum(sum(r[0] for r in s) * care_gap(s) for s in strata),
        "TE of asthma": gap(now),
        "CDE(care=0) of asthma": gap(lambda r: r[3]),
        "CDE(care=1) of asthma": gap(lambda r: r[4]),
        "E[death]": mean(rows, now),
        "E[death | do(care=0)]": mean(rows, lambda r: r[3]),
        "E[death | do(care=1)]": mean(rows, lambda r: r[4]),
        "E[care]": mean(rows, lambda r: r[2]),
    }
    for a in (0, 1):
        some = [row for row in rows if asthmatic(row) == a]
        expected[f"E[death | asthma={a}]"] = mean(some, now)
        expected[f"E[care | asthma={a}]"] = mean(some, lambda r: r[2])
    goes_by = zip(RULES, [now, lambda r: r[3], lambda r: -gain(r)], strict=True)
    for name, score in goes_by:
        beds = chosen(patients, [score(r) for r in patients], expected["E[care]"])
        pairs = [[r[0], r[1], bed, r[3], r[4]] for r, bed in zip(patients, beds, strict=True)]
        expected[f"E[death | by {name}]"] = mean(pairs, now)
        expected[f"E[death | asthma=1, by {name}]"] = mean(pairs, now, asthmatic)
        expected[f"E[care | asthma=1, by {name}]"] = mean(pairs, lambda r: r[2], asthmatic)
    for name, score in zip(RULES[:2], [now, lambda r: r[3]], strict=True):
        wins = 0.0
        for i, j in product(patients, patients):
            ahead = (score(i) > score(j)) + (score(i) == score(j)) / 2
            wins += i[0] * now(i) * j[0] * (1 - now(j)) * ahead
        died = mean(rows, now)
        expected[f"AUC of {name}"] = wins / (died * (1 - died))
    assert set(expected) == set(truth)
    for key, value in expected.items():
        assert truth[key] == pytest.approx(value, abs=1e-9), key


def auc_and_error(score, died):
    """The AUC of a sample with DeLong's standard error."""
    ranks = rankdata(score)
    cases, others = (score[died == d] for d in (1, 0))
    above = (ranks[died == 1] - rankdata(cases)) / len(others)
    below = 1 - (ranks[died == 0] - rankdata(others)) / len(cases)
    return above.mean(), np.sqrt(above.var() / len(cases) + below.var() / len(others))


@WORLDS
def test_a_million_simulated_patients_agree_with_every_stated_truth(knobs):
    world, n = scenarios.pneumonia(**knobs), 1_000_000 if not knobs else 300_000
    truth, units = world.truth, world.model.sample(n, rng=5)
    table = kinds(world.model)
    place = np.ravel_multi_index(
        [(units["age"] - 45) // 10, units["severity"], units["asthma"], units["walking_frame"]],
        (5, 5, 2, 2),
    )
    asthma, care = units["asthma"] == 1, units["care"] == 1
    alone, saved = (world.model.imagine(units, care=c, rng=0)["death"] for c in (0, 1))
    found = {}

    def note(key, values):
        found[key] = values.mean(), values.std() / np.sqrt(len(values))

    def gap(key, values, by):
        parts = values[by], values[~by]
        error = np.sqrt(sum(p.var() / len(p) for p in parts))
        found[key] = parts[0].mean() - parts[1].mean(), error

    gain = saved - alone
    note("ATE", gain)
    note("ATT", gain[care])
    note("CATE(asthma=0)", gain[~asthma])
    note("CATE(asthma=1)", gain[asthma])
    gap("raw difference", units["death"], care)
    gap("TE of asthma", units["death"], asthma)
    gap("CDE(care=0) of asthma", alone, asthma)
    gap("CDE(care=1) of asthma", saved, asthma)
    note("E[death]", units["death"])
    note("E[death | do(care=0)]", alone)
    note("E[death | do(care=1)]", saved)
    note("E[care]", units["care"])
    for a, who in enumerate((~asthma, asthma)):
        note(f"E[death | asthma={a}]", units["death"][who])
        note(f"E[care | asthma={a}]", units["care"][who])
    cells = units.groupby(["age", "asthma", "care"])["death"].agg(["mean", "var", "size"]).unstack()
    weight = cells["size"].sum(axis=1) / n
    effects = cells["mean"][1] - cells["mean"][0]
    noise = (weight**2 * (cells["var"] / cells["size"]).sum(axis=1)).sum()
    spread = (weight * (effects - weight @ effects) ** 2).sum() / n
    found["standardized without severity"] = weight @ effects, np.sqrt(noise + spread)
    effect = table["risk_with"] - table["risk_without"]
    for name, score in zip(RULES, [table["risk"], table["risk_without"], -effect], strict=True):
        bed = triage(table, score, beds=truth["E[care]"])[place]
        given = np.random.default_rng(6).random(n) < bed
        outcome = alone.where(~given, saved)
        note(f"E[death | by {name}]", outcome)
        note(f"E[death | asthma=1, by {name}]", outcome[asthma])
        note(f"E[care | asthma=1, by {name}]", given[asthma])
    for name, column in zip(RULES[:2], ["risk", "risk_without"], strict=True):
        score = table[column].to_numpy()[place]
        found[f"AUC of {name}"] = auc_and_error(score, units["death"].to_numpy())
    assert set(found) == set(truth)
    for key, (value, error) in found.items():
        assert abs(value - truth[key]) <= 4 * error, key


def test_the_kinds_are_all_patients_and_their_risks_those_of_the_sums():
    for knobs in ({}, TURNED):
        table = kinds(scenarios.pneumonia(**knobs).model)
        expected = {r[1]: r for r in by_kind(listed(**knobs))}
        assert len(table) == len(expected) == 100
        for row in table.itertuples():
            share, _, care, without, with_care = expected[
                row.age, row.severity, row.asthma, row.walking_frame
            ]
            assert row.share == pytest.approx(share)
            assert row.care == pytest.approx(care)
            assert row.risk_without == pytest.approx(without)
            assert row.risk_with == pytest.approx(with_care)
            assert row.risk == pytest.approx(care * with_care + (1 - care) * without)


def test_a_triage_gives_out_every_bed_once_and_ties_share_what_is_left():
    table = kinds(scenarios.pneumonia().model)
    bed = triage(table, table["severity"], beds=0.2)
    assert table["share"] @ bed == pytest.approx(0.2)
    assert set(bed[table["severity"] > 2]) == {1.0}
    assert len(set(bed[table["severity"] == 2])) == 1
    assert 0 < bed[table["severity"] == 2][0] < 1
    assert not bed[table["severity"] < 2].any()
    assert triage(table, table["age"], beds=1.0) == pytest.approx(1)
    assert not triage(table, table["age"], beds=0.0).any()


def test_asthma_looks_protective_and_is_harmful_with_and_without_care():
    truth = scenarios.pneumonia().truth
    assert truth["TE of asthma"] < -0.02
    assert truth["CDE(care=1) of asthma"] > 0.01
    assert truth["CDE(care=0) of asthma"] > 0.3


def test_the_best_prediction_is_the_worse_triage():
    truth = scenarios.pneumonia().truth
    assert truth["AUC of predicted risk"] > 0.9
    assert truth["AUC of predicted risk"] > truth["AUC of risk without care"] + 0.03
    assert truth["E[death | by predicted risk]"] > truth["E[death]"] + 0.01
    assert truth["E[death | by risk without care]"] < truth["E[death]"] - 0.01
    assert truth["E[death | by effect of care]"] < truth["E[death | by risk without care]"] - 0.003
    assert truth["E[death | asthma=1, by predicted risk]"] > 4 * truth["E[death | asthma=1]"]


def test_an_auc_of_99_percent_does_not_save_the_advice():
    truth = scenarios.pneumonia(sharpness=8, strictness=2).truth
    assert truth["AUC of predicted risk"] > 0.99
    assert truth["E[death | by predicted risk]"] > 1.3 * truth["E[death]"]


def test_without_the_rule_about_asthma_the_prediction_is_about_as_good_as_the_risk_without_care():
    truth = scenarios.pneumonia(asthma_on_care=0).truth
    assert truth["TE of asthma"] > 0.3
    gap = truth["E[death | by predicted risk]"] - truth["E[death | by risk without care]"]
    assert abs(gap) < 0.001


def test_no_rule_with_as_many_beds_beats_the_effect_of_care():
    truth = scenarios.pneumonia(**TURNED).truth
    best = truth["E[death | by effect of care]"]
    assert best <= min(truth[f"E[death | by {name}]"] for name in RULES)
    assert best < truth["E[death]"]


def test_what_closes_the_backdoors_of_care_and_of_asthma():
    world = scenarios.pneumonia()
    graph, ask = world.model.graph, {"treatment": "care", "outcome": "death"}
    assert identify.adjustment_sets(graph, **ask, observed=world.observed) == [
        ("age", "asthma", "severity")
    ]
    assert identify.backdoor(graph, **ask, adjust_for=world.adjust_for).valid
    without = [name for name in world.observed if name != "severity"]
    assert identify.adjustment_sets(graph, **ask, observed=without) == []
    asthma = {"treatment": "asthma", "outcome": "death"}
    assert identify.backdoor(graph, **asthma, adjust_for=[]).valid
    assert not identify.backdoor(graph, **asthma, adjust_for=["care"]).valid


def test_taking_the_walking_frames_away_changes_nobodys_death():
    model = scenarios.pneumonia().model
    assert (
        model.effect("death", walking_frame=(1, 0), n=5_000, rng=1) == [0, 0, 0, 0, 5_000]
    ).all()
    rates = model.sample(50_000, rng=2).groupby("walking_frame")["death"].mean()
    assert rates[1] > rates[0] + 0.05


def test_a_logit_of_each_arm_has_the_ate_as_its_limit_to_four_digits():
    for strictness in (1, 3):
        world = scenarios.pneumonia(strictness=strictness)
        table = kinds(world.model)
        x = sm.add_constant(table[["age", "severity", "asthma", "walking_frame"]].astype(float))
        arms = [(table["risk_without"], 1 - table["care"]), (table["risk_with"], table["care"])]
        limits = []
        for risk, chance in arms:
            weights = 1e6 * table["share"] * chance
            fit = sm.GLM(risk, x, family=sm.families.Binomial(), freq_weights=weights).fit()
            limits.append(table["share"] @ fit.predict(x))
        assert abs(limits[1] - limits[0] - world.truth["ATE"]) < strictness**2 * 1e-4


def test_over_many_worlds_adjustment_recovers_the_ate_and_the_naive_answers_have_the_wrong_sign():
    analyses = {
        "raw": lambda data: difference_in_means(data, **COLUMNS),
        "adjusted": lambda data: standardize(
            data, **COLUMNS, adjust_for=["age", "severity", "asthma"], model="logit"
        ),
    }
    worlds = replicate(scenarios.pneumonia(), analyses, n=6_000, replications=40, rng=3)
    adjusted = worlds.loc["adjusted"]
    assert abs(adjusted["bias"]) < 4 * adjusted["bias_error"]
    assert abs(adjusted["coverage"] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 40)
    assert worlds.loc["raw", "mean_estimate"] > 0.08
    assert worlds.loc["raw", "coverage"] == 0


def test_without_a_death_among_asthmatics_without_a_bed_the_recipe_refuses():
    world = scenarios.pneumonia(strictness=3)
    rows = listed(strictness=3)
    lone = mean(rows, lambda r: asthmatic(r) * (1 - r[2]) * r[3])
    assert (1 - lone) ** 20_000 == pytest.approx(0.769554, abs=5e-6)
    year = world.sample(20_000, rng=33)
    assert year.query("asthma == 1 and care == 0")["death"].sum() == 0
    with pytest.raises(ValueError, match="'asthma where care is 0'"):
        standardize(
            year,
            **COLUMNS,
            adjust_for=["age", "severity", "asthma", "walking_frame"],
            model="logit",
        )


def test_trees_learn_the_effect_from_20_000_patients_and_hardly_from_2_000():
    world = scenarios.pneumonia()
    table, door = kinds(world.model), ["age", "severity", "asthma", "walking_frame"]
    settings = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.1, "nthread": 1}

    def deaths(n, rng):
        data = world.sample(n, rng=rng)
        seen = xgboost.DMatrix(data[[*door, "care"]], label=data["death"], nthread=1)
        trees = xgboost.train(settings, seen, num_boost_round=100)
        alone, saved = (
            trees.predict(xgboost.DMatrix(table[door].assign(care=c), nthread=1)) for c in (0, 1)
        )
        bed = triage(table, alone - saved, beds=world.truth["E[care]"])
        gain = table["risk_without"] - table["risk_with"]
        return 1_000 * table["share"] @ (table["risk_without"] - bed * gain)

    # Of the deaths that the exact effect of care would avert (truth: 1 is all, 0 is today's care).
    now, best = (1_000 * world.truth[k] for k in ("E[death]", "E[death | by effect of care]"))
    many = [(now - deaths(20_000, rng)) / (now - best) for rng in (33, 38)]
    few = np.array([(now - deaths(2_000, rng)) / (now - best) for rng in range(24)])
    assert max(*many, *few) <= 1 + 1e-9  # no triage averts more than the exact one
    assert min(many) > 0.5
    assert few.mean() + 4 * few.std(ddof=1) / np.sqrt(24) < 0.5


def test_levels_come_with_their_probabilities_and_abduction_undoes_them():
    level, n = Levels([1, 5, 9], None), 100_000
    noise = level.noise(n, np.random.default_rng(1), None)
    for p in (np.array([0.2, 0.5, 0.3]), np.tile([0.6, 0.1, 0.3], (n, 1))):
        drawn = level.value(noise, p)
        chances = np.broadcast_to(p, (n, 3))[0]
        for value, chance in zip([1, 5, 9], chances, strict=True):
            error = np.sqrt(chance * (1 - chance) / n)
            assert abs((drawn == value).mean() - chance) < 4 * error
        found = level.abduct(drawn, np.random.default_rng(2), p)
        assert (level.value(found, p) == drawn).all()
        assert abs(found.mean() - 0.5) < 4 * np.sqrt(1 / 12 / n)
        assert abs(found.var() - 1 / 12) < 4 * np.sqrt((1 / 80 - 1 / 144) / n)


def test_a_rule_can_be_run_on_the_world_by_do():
    world, n = scenarios.pneumonia(), 200_000
    rule = world.model.do(care=Bernoulli(lambda asthma, severity: (asthma + severity > 1) * 0.9))
    table = kinds(world.model)
    bed = 0.9 * (table["asthma"] + table["severity"] > 1)
    exact = table["share"] @ (bed * table["risk_with"] + (1 - bed) * table["risk_without"])
    found = rule.sample(n, rng=4)["death"].mean()
    assert abs(found - exact) < 4 * np.sqrt(exact * (1 - exact) / n)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"share_asthma": 0.0}, "share_asthma must lie strictly between 0 and 1, got 0.0"),
        ({"share_asthma": 1.0}, "share_asthma must lie strictly between 0 and 1, got 1.0"),
        ({"strictness": 0.0}, "strictness must be a finite number above 0, got 0.0"),
        ({"sharpness": np.inf}, "sharpness must be a finite number above 0, got inf"),
        ({"care_on_death": np.nan}, "the log odds must be finite numbers"),
        ({"asthma_on_care": np.inf}, "the log odds must be finite numbers"),
    ],
)
def test_a_knob_out_of_range_is_refused(knobs, words):
    with pytest.raises(ValueError, match=words):
        scenarios.pneumonia(**knobs)


def test_the_decision_needs_the_gap_and_not_the_risk_without_care():
    truth = scenarios.pneumonia().truth
    per_thousand = {
        rule: 1_000 * truth[f"E[death | by {rule}]"]
        for rule in ("predicted risk", "risk without care", "effect of care")
    }
    assert list(per_thousand.values()) == pytest.approx([143.1, 109.2, 105.0], abs=0.05)
    assert 1_000 * truth["E[death | asthma=1, by predicted risk]"] == pytest.approx(457.5, abs=0.05)
