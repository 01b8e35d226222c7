import inspect

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, stats
from scipy.special import expit

from casestudies import identify, scenarios
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.standardization import standardize
from casestudies.sampling.montecarlo import replicate

RATE = "E[readmitted | {}]".format
DEFAULTS = {
    name: knob.default for name, knob in inspect.signature(scenarios.readmission).parameters.items()
}
TURNED = {
    "share_called": 0.3,
    "age_on_calls": -0.5,
    "age_on_transport": 0.7,
    "age_on_readmission": 0.2,
    "chronic_on_readmission": 1.0,
    "protection": 0.6,
    "call_on_visit": 0.3,
    "stranded_call_on_visit": 0.1,
    "alarm": 0.2,
}


def over_ages(function, low=50.0, high=90.0):
    """Integrate over the density of age, which is 1/40 a year."""
    return integrate.quad(function, low, high, epsabs=1e-12, limit=200)[0] / 40


def travels(age):
    return expit(1.2 - 2 * (age - 70) / 10)


def unseen(age, chronic):
    return expit(-2.53 + 0.3 * (age - 70) / 10 + 0.4 * chronic)


def habit(age):
    return 0.25 * (1 + 0.8 * (age - 70) / 20)


def risk(age, chronic):
    """The score, by hand: a visit has probability 0.05, or 0.5 plus 0.45 with a call."""
    visits = (1 - travels(age)) * 0.05 + travels(age) * (0.5 + 0.45 * habit(age))
    return unseen(age, chronic) * (1 - 0.9 * visits)


def over_patients(function, lows=(50.0, 50.0)):
    """Average over age above a bound and chronic disease."""
    parts = [over_ages(lambda a, c=c: function(a, c), lows[c]) for c in (0, 1)]
    return 0.7 * parts[0] + 0.3 * parts[1]


def effect(age, chronic):
    return -0.45 * 0.9 * unseen(age, chronic)  # of a call, for a patient with transport


def test_the_effects_follow_from_the_equations_by_adaptive_quadrature():
    truth = scenarios.readmission().truth
    ate = over_patients(lambda a, c: travels(a) * effect(a, c))
    mobile = over_patients(lambda a, c: travels(a))
    assert truth["ATE"] == pytest.approx(ate, abs=1e-8)
    assert truth["CATE(transport=1)"] == pytest.approx(ate / mobile, abs=1e-8)
    assert truth["CATE(transport=0)"] == 0
    called = over_patients(lambda a, c: habit(a) * unseen(a, c) * (1 - 0.9 * visit(a, 1))) / 0.25
    others = over_patients(lambda a, c: (1 - habit(a)) * unseen(a, c) * (1 - 0.9 * visit(a, 0)))
    assert truth["raw difference"] == pytest.approx(called - others / 0.75, abs=1e-8)
    # a shuttle takes the probability of a visit from 0.05 to 0.5, or to 0.95 with a call
    gained = over_patients(
        lambda a, c: -(1 - travels(a)) * 0.9 * (0.45 + 0.45 * habit(a)) * unseen(a, c)
    )
    assert truth["ATE of a shuttle"] == pytest.approx(gained, abs=1e-8)
    stranded = truth["CATE of a shuttle(transport=0)"]
    assert stranded == pytest.approx(gained / (1 - mobile), abs=1e-8)


def visit(age, call):
    return (1 - travels(age)) * 0.05 + travels(age) * (0.5 + 0.45 * call)


def test_the_rates_under_each_action_follow_by_adaptive_quadrature():
    truth = scenarios.readmission().truth
    for call in (0, 1):
        on_foot = over_patients(lambda a, c, d=call: unseen(a, c) * (1 - 0.9 * visit(a, d)))
        driven = over_patients(lambda a, c: unseen(a, c)) * (1 - 0.9 * (0.5 + 0.45 * call))
        assert truth[RATE(f"do(call={call}, shuttle=0)")] == pytest.approx(on_foot, abs=1e-8)
        assert truth[RATE(f"do(call={call}, shuttle=1)")] == pytest.approx(driven, abs=1e-8)
    assert truth["E[readmitted]"] == pytest.approx(over_patients(risk), abs=1e-8)
    by_chance = truth[RATE("do(call=0, shuttle=0)")] + 0.25 * truth["ATE"]
    assert truth[RATE("at random")] == pytest.approx(by_chance, abs=1e-12)


def cut_off(score, weight, share=0.25):
    """Ages, by chronic disease, above which an increasing score meets the budget."""

    def lows(cut):
        return [age_at(lambda a, c=c: score(a, c) - cut) for c in (0, 1)]

    def excess(cut):
        return over_patients(weight, lows(cut)) - share

    return lows(optimize.brentq(excess, score(51, 0), score(89, 1), xtol=1e-14))


def age_at(function):
    if function(50.0) > 0:
        return 50.0
    return 90.0 if function(90.0) < 0 else optimize.brentq(function, 50, 90, xtol=1e-12)


def test_the_targeted_rates_follow_from_the_ages_at_which_the_calls_begin():
    truth = scenarios.readmission().truth
    lows = cut_off(risk, lambda a, c: 1.0)
    helped = over_patients(lambda a, c: travels(a) * effect(a, c), lows)
    none = truth[RATE("do(call=0, shuttle=0)")]
    assert truth[RATE("by risk")] == pytest.approx(none + helped, abs=2e-7)
    top = truth["P(transport | top risk)"]
    assert top == pytest.approx(over_patients(lambda a, c: travels(a), lows) / 0.25, abs=1e-5)
    before = truth["E[readmitted | top risk]"]
    assert before == pytest.approx(over_patients(risk, lows) / 0.25, abs=1e-5)
    idle = over_patients(lambda a, c: unseen(a, c) * (1 - 0.9 * visit(a, 0)), lows)
    after = truth["E[readmitted | top risk, by risk]"]
    assert after == pytest.approx((idle + helped) / 0.25, abs=1e-5)
    lows = cut_off(unseen, lambda a, c: travels(a))
    best = over_patients(lambda a, c: travels(a) * effect(a, c), lows)
    assert truth[RATE("by effect")] == pytest.approx(none + best, abs=2e-7)
    assert truth[RATE("by full risk")] == pytest.approx(none, abs=1e-12)  # all stranded


def test_what_shuttles_bring_for_the_price_of_a_quarters_calls():
    def per_thousand(order, bought, price):
        lows = cut_off(order, lambda a, c: price * bought(a))
        none = over_patients(lambda a, c: unseen(a, c) * (1 - 0.9 * visit(a, 0)))
        # a call or a shuttle raises the chance of a visit by 0.45, and so does each of both
        saved = over_patients(lambda a, c: 0.9 * 0.45 * bought(a) * unseen(a, c), lows)
        return 1_000 * (none - saved)

    def both(age):
        return 2 * (1 - travels(age))

    # per unit of money all packages are alike, so that the highest risks use as many as they can
    assert per_thousand(unseen, lambda a: 2 - travels(a), 1) == pytest.approx(49.658, abs=6e-4)
    assert per_thousand(risk, both, 1) == pytest.approx(50.021, abs=6e-4)
    # with a shuttle at three calls the pair costs four instead of two
    assert per_thousand(risk, both, 2) == pytest.approx(56.287, abs=6e-4)


def test_the_score_is_calibrated_so_that_its_auc_and_brier_score_have_a_second_formula():
    truth = scenarios.readmission().truth
    brier = over_patients(lambda a, c: risk(a, c) * (1 - risk(a, c)))
    assert truth["Brier score"] == pytest.approx(brier, abs=1e-8)
    # P(concordant) - P(discordant) = E|R - R'| / (2 m (1 - m)) for a calibrated score R
    nodes, weights = np.polynomial.legendre.leggauss(600)
    scores = np.concatenate([risk(70 + 20 * nodes, c) for c in (0, 1)])
    chances = np.concatenate([0.7 * weights, 0.3 * weights]) / 2
    gini = chances @ abs(scores[:, np.newaxis] - scores) @ chances
    mean = chances @ scores
    auc = 0.5 + gini / (4 * mean * (1 - mean))
    assert truth["AUC"] == pytest.approx(auc, abs=1e-5)


def top(score, share):
    return score >= np.quantile(score, 1 - share)


def difference(rows, values):
    """Return a difference of two shares and its standard error."""
    parts = [values[rows], values[~rows]]
    error = np.sqrt(sum(part.var() / len(part) for part in parts))
    return parts[0].mean() - parts[1].mean(), error


def auc(score, outcome):
    """Return the AUC from ranks, and its standard error by DeLong's formula."""
    score, outcome = np.asarray(score), np.asarray(outcome)
    cases, others = (np.sort(score[outcome == y]) for y in (1, 0))
    wins, losses = (
        (np.searchsorted(b, a, "left") + np.searchsorted(b, a, "right")) / 2 / len(b)
        for a, b in ((cases, others), (others, cases))
    )
    error = np.sqrt(wins.var() / len(cases) + losses.var() / len(others))
    return wins.mean(), error


def by_hand(units, knobs):
    """Return what each policy goes by, from the equations written a second time."""
    k = DEFAULTS | knobs
    age, chronic = (units["age"] - 70) / 10, units["chronic"]
    slopes = k["age_on_readmission"] * age + k["chronic_on_readmission"] * chronic
    calls = k["share_called"] * (1 + k["age_on_calls"] * age / 2)
    mobile = expit(1.2 - k["age_on_transport"] * age)

    def chance(call, transport):
        visits = transport * (0.5 + k["call_on_visit"] * call)
        visits = visits + (1 - transport) * (0.05 + k["stranded_call_on_visit"] * call)
        missed = (1 - visits) * (1 + k["alarm"] * call)
        return expit(slopes - 2.53) * (visits * (1 - k["protection"]) + missed)

    where = units["transport"]
    return {
        "by risk": units["risk"],
        "by full risk": (1 - calls) * chance(0, where) + calls * chance(1, where),
        "by effect": chance(0, where) - chance(1, where),
        "by effect, same inputs": mobile * (chance(0, 1) - chance(1, 1))
        + (1 - mobile) * (chance(0, 0) - chance(1, 0)),
    }


@pytest.mark.parametrize(("knobs", "n"), [({}, 1_000_000), (TURNED, 200_000)])
def test_a_million_replayed_patients_agree_with_every_stated_truth(knobs, n):
    world = scenarios.readmission(**knobs)
    share = (DEFAULTS | knobs)["share_called"]
    seen = world.model.sample(n, rng=1)
    found = {}

    def mean(key, values):
        found[key] = values.mean(), values.std() / np.sqrt(len(values))

    def replay(**action):
        return world.model.imagine(seen, **action, rng=2)["readmitted"]

    actions = {(c, s): replay(call=c, shuttle=s) for c in (0, 1) for s in (0, 1)}
    for (c, s), values in actions.items():
        mean(RATE(f"do(call={c}, shuttle={s})"), values)

    def under(calls, shuttle=0):
        return pd.Series(np.where(calls, actions[1, shuttle], actions[0, shuttle]))

    change = actions[1, 0] - actions[0, 0]
    ridden = under(seen["call"], shuttle=1) - under(seen["call"])
    mean("ATE", change)
    mean("ATE of a shuttle", ridden)
    for t in (0, 1):
        mean(f"CATE(transport={t})", change[seen["transport"] == t])
    mean("CATE of a shuttle(transport=0)", ridden[seen["transport"] == 0])
    found["raw difference"] = difference(seen["call"] == 1, seen["readmitted"])
    mean("E[readmitted]", seen["readmitted"])
    luck = np.random.default_rng(3).random(n)
    mean(RATE("at random"), under(luck < share))
    goes_by = by_hand(seen, knobs)
    for name, score in goes_by.items():
        mean(RATE(name), under(top(score + 1e-12 * luck, share)))
    high = top(seen["risk"], share)
    after = under(high)
    mean("P(transport)", seen["transport"])
    mean("P(transport | top risk)", seen.loc[high, "transport"])
    mean("E[readmitted | top risk]", seen.loc[high, "readmitted"])
    mean("E[readmitted | top risk, by risk]", after[high])
    mean("Brier score", (seen["readmitted"] - seen["risk"]) ** 2)
    mean("Brier score, by risk", (after - seen["risk"]) ** 2)
    found["AUC"] = auc(seen["risk"], seen["readmitted"])
    found["AUC, by risk"] = auc(seen["risk"], after)
    found["AUC of full risk"] = auc(goes_by["by full risk"], seen["readmitted"])
    assert set(found) == set(world.truth)
    for key, (value, error) in found.items():
        assert abs(value - world.truth[key]) <= 4 * error, key


def test_calls_by_risk_raise_readmissions_over_the_routine_but_not_over_no_calls():
    truth = scenarios.readmission().truth
    assert truth[RATE("by risk")] > truth["E[readmitted]"] + 0.001
    assert truth[RATE("by risk")] < truth[RATE("do(call=0, shuttle=0)")] - 0.001
    assert truth[RATE("by effect")] < truth["E[readmitted]"] - 0.005
    assert truth[RATE("by effect, same inputs")] < truth["E[readmitted]"] - 0.002


def test_the_better_the_prediction_the_worse_the_calls():
    truth = scenarios.readmission().truth
    assert truth["AUC of full risk"] > truth["AUC"] + 0.01
    assert truth[RATE("by full risk")] > truth[RATE("by risk")] + 0.001


def test_calls_by_risk_help_where_transport_does_not_fall_with_age():
    truth = scenarios.readmission(age_on_transport=0.0).truth
    assert truth[RATE("by risk")] < truth["E[readmitted]"] - 0.002
    truth = scenarios.readmission(age_on_transport=1.0).truth
    assert abs(truth[RATE("by risk")] - truth["E[readmitted]"]) < 1e-4


def test_an_alarm_makes_calls_by_risk_worse_than_no_calls():
    for alarm, worse in ((0.05, False), (0.15, True)):
        truth = scenarios.readmission(alarm=alarm).truth
        assert (truth[RATE("by risk")] > truth[RATE("do(call=0, shuttle=0)")]) == worse


def test_nobody_is_predicted_to_return_so_that_accuracy_is_one_minus_the_base_rate():
    world = scenarios.readmission()
    units = world.sample(100_000, rng=6)
    assert units["risk"].max() < 0.5
    assert world.truth["E[readmitted]"] == pytest.approx(0.06, abs=0.0005)


def test_the_score_has_an_arrow_to_the_calls_only_once_somebody_acts_on_it():
    model = scenarios.readmission().model
    assert not list(model.graph.successors("risk"))
    deployed = model.do(call=lambda risk: risk > 0.1)
    assert deployed.graph.has_edge("risk", "call")
    assert not deployed.graph.has_edge("age", "call")


def test_age_closes_the_backdoor_and_neither_the_score_nor_transport_does():
    world = scenarios.readmission()
    ask = {"treatment": "call", "outcome": "readmitted"}
    graph = world.model.graph
    assert identify.adjustment_sets(graph, **ask, observed=world.observed) == [("age",)]
    for names in ([], ["risk"], ["transport"], ["age", "visit"]):
        assert not identify.backdoor(graph, **ask, adjust_for=names)
    for names in (world.adjust_for, ["age", "chronic", "transport"]):
        assert identify.backdoor(graph, **ask, adjust_for=names)


def test_the_alarm_draws_an_arrow_from_call_to_readmitted():
    assert not scenarios.readmission().model.graph.has_edge("call", "readmitted")
    assert scenarios.readmission(alarm=0.1).model.graph.has_edge("call", "readmitted")


def test_over_many_worlds_adjusting_for_age_recovers_the_ate_and_the_raw_difference_does_not():
    columns = {"outcome": "readmitted", "treatment": "call"}

    def adjusted(data):
        bent = data.assign(square=(data["age"] - 70) ** 2)
        return standardize(bent, **columns, adjust_for=["age", "square"])

    analyses = {"raw": lambda d: difference_in_means(d, **columns), "adjusted": adjusted}
    many = replicate(scenarios.readmission(), analyses, n=4_000, replications=60, rng=7)
    assert abs(many.loc["adjusted", "bias"]) < 4 * many.loc["adjusted", "bias_error"]
    assert abs(many.loc["adjusted", "coverage"] - 0.95) < 4 * np.sqrt(0.0475 / 60)
    assert many.loc["raw", "bias"] > 0.015
    assert many.loc["raw", "coverage"] < 0.6


def test_the_parents_have_their_stated_frequencies():
    units = scenarios.readmission(**TURNED).model.sample(400_000, rng=8)
    assert stats.kstest(units["age"], stats.uniform(50, 40).cdf).pvalue > 1e-4
    assert abs(units["chronic"].mean() - 0.3) < 4 * np.sqrt(0.21 / 400_000)
    assert units["shuttle"].eq(0).all()
    age = (units["age"] - 70) / 10
    expected = {"call": 0.3 * (1 - 0.25 * age), "transport": expit(1.2 - 0.7 * age)}
    for name, chance in expected.items():
        for rows in (age < -1, age > 1):
            gap = (units[name] - chance)[rows]
            assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(rows.sum()), name


def test_the_turned_equation_of_a_readmission_is_the_stated_one():
    units = scenarios.readmission(**TURNED).model.sample(400_000, rng=9)
    base = expit(-2.53 + 0.2 * (units["age"] - 70) / 10 + units["chronic"])
    visits, called = units["visit"], units["call"]
    chance = base * (1 - 0.6 * visits) * (1 + 0.2 * called * (1 - visits))
    gap = units["readmitted"] - chance
    cells = pd.Series(gap).groupby([called, visits, units["chronic"]])
    assert (cells.mean().abs() < 4 * cells.std() / np.sqrt(cells.size())).all()
    rides = units.groupby(["transport", "call"])["visit"].agg(["mean", "sem"])
    assert (abs(rides["mean"] - [0.05, 0.15, 0.5, 0.8]) < 4 * rides["sem"]).all()


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"share_called": 0.0}, r"share_called must lie in \(0, 1\).*got 0.0 and 0.8"),
        ({"share_called": 0.6}, "at the age that gets most.*got 0.6 and 0.8"),
        ({"age_on_calls": 1.0, "share_called": 0.1}, r"age_on_calls in \(-1, 1\)"),
        ({"age_on_calls": -1.0, "share_called": 0.1}, r"age_on_calls in \(-1, 1\)"),
        ({"protection": 1.1}, r"protection is a share and must lie in \[0, 1\], got 1.1"),
        ({"protection": -0.1}, "protection is a share"),
        ({"call_on_visit": 0.6}, "call_on_visit takes the probability of a visit from 0.5 to 1.1"),
        ({"stranded_call_on_visit": -0.1}, "from 0.05 to -0.05, which must lie in"),
        ({"alarm": -0.1}, "alarm must be at least 0"),
        ({"alarm": 9.0}, "leave every risk at most 1, got 9.0, which makes the highest"),
        ({"alarm": 9.0, "chronic_on_readmission": -9.0}, "leave every risk at most 1, got 9.0"),
        ({"age_on_transport": np.inf}, "must be finite"),
        ({"chronic_on_readmission": np.nan}, "must be finite"),
    ],
)
def test_a_knob_out_of_range_is_refused(knobs, words):
    with pytest.raises(ValueError, match=words):
        scenarios.readmission(**knobs)
