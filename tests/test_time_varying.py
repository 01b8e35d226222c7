"""Regimes over time: Table 20.1 of What If, an enumerated world, stacked equations, refusals."""

import itertools
import sys

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from confounded import fits, m_estimator
from scipy.special import expit

from casestudies.recipes import _following, time_varying
from casestudies.recipes._following import (
    _augmented_mean,
    _choose_models,
    _iterated,
    _weighted,
)
from casestudies.recipes._regimes import _read_course
from casestudies.recipes.time_varying import (
    METHODS,
    doubly_robust_regime_mean,
    g_estimation,
    long_to_wide,
    marginal_structural_model,
    regime_bounds,
    regime_difference,
    regime_mean,
    regime_support,
    weighted_regime_mean,
)

MEANS = {
    "g_formula": regime_mean,
    "weighting": weighted_regime_mean,
    "doubly_robust": doubly_robust_regime_mean,
}


# Hernan and Robins, What If, Table 20.1: A0, L1, A1, people, mean outcome

CELLS = [
    (0, 0, 0, 2400, 84),
    (0, 0, 1, 1600, 84),
    (0, 1, 0, 2400, 52),
    (0, 1, 1, 9600, 52),
    (1, 0, 0, 4800, 76),
    (1, 0, 1, 3200, 76),
    (1, 1, 0, 1600, 44),
    (1, 1, 1, 6400, 44),
]
TREE = {"outcome": "Y", "treatments": ["A0", "A1"], "histories": [[], ["L1"]]}
BOTH, NEITHER = {"A0": 1, "A1": 1}, {"A0": 0, "A1": 0}
REGIMES = {
    "always": BOTH,
    "never": NEITHER,
    "first": {"A0": 1, "A1": 0},
    "second": {"A0": 0, "A1": 1},
    "if L1": {"A0": 1, "A1": lambda L1: L1},
    "unless L1": {"A0": 0, "A1": lambda L1: 1 - L1},
    "again if L1": {"A0": 1, "A1": lambda A0, L1: A0 * L1},
}


def tree():
    """Return the table's 32,000 people."""
    cells = pd.DataFrame(CELLS, columns=["A0", "L1", "A1", "people", "Y"])
    return cells.loc[cells.index.repeat(cells["people"])].drop(columns="people")


@pytest.mark.parametrize("saturated", [False, True])
@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("method", MEANS)
def test_every_regime_has_the_mean_60_of_what_if(method, regime, saturated):
    found = MEANS[method](tree(), **TREE, regime=REGIMES[regime], saturated=saturated)
    assert found["estimate"] == pytest.approx(60, abs=1e-8)
    assert found["n"] == 32_000


@pytest.mark.parametrize("method", METHODS)
def test_the_difference_of_what_if_is_0_where_crude_and_adjusted_contrasts_are_not(method):
    data = tree()
    found = regime_difference(data, **TREE, regime=BOTH, reference=NEITHER, method=method)
    assert found["estimate"] == pytest.approx(0, abs=1e-8)
    crude = data.groupby(["A0", "A1"])["Y"].mean()
    assert crude[1, 1] - crude[0, 0] == pytest.approx(54.67 - 68.00, abs=0.005)
    within = data.groupby(["L1", "A0", "A1"])["Y"].mean()
    assert [within[x, 1, 1] - within[x, 0, 0] for x in (0, 1)] == pytest.approx([-8, -8])


def test_structural_models_of_what_if_say_0():
    data = tree()
    found = marginal_structural_model(data, **TREE, regime=BOTH, reference=NEITHER)
    assert found["estimate"] == pytest.approx(0, abs=1e-8)
    for name in REGIMES:
        if name in ("always", "never", "first", "second"):
            mean = marginal_structural_model(data, **TREE, regime=REGIMES[name])["estimate"]
            assert mean == pytest.approx(60, abs=1e-8)
    blips = g_estimation(data, **TREE)
    assert blips["estimate"].tolist() == pytest.approx([0, 0], abs=1e-8)
    assert list(blips.index) == ["A0", "A1"]


@pytest.mark.parametrize("method", MEANS)
@pytest.mark.parametrize(("alone", "left"), [(1, 4801), (0, 3201)])
def test_one_unit_that_does_as_asked_or_otherwise_counts_in_its_cell(method, alone, left):
    data = tree()
    rare = (data["A0"] == 1) & (data["L1"] == 0) & (data["A1"] == alone)
    data = data[~rare | (rare.cumsum() == 1)]
    found = MEANS[method](data, **TREE, regime=BOTH, saturated=True)
    assert found["estimate"] == pytest.approx((left * 76 + 8000 * 44) / (left + 8000))


def test_four_static_regimes_make_the_pseudo_population_of_what_if():
    static = [regime_support(tree(), **TREE, regime=REGIMES[n]) for n in list(REGIMES)[:4]]
    assert sum(32_000 * table.loc["A1", "mean_weight"] for table in static) == pytest.approx(
        128_000
    )


def test_support_is_that_of_the_table_by_hand():
    found = regime_support(tree(), **TREE, regime=BOTH)
    w = np.repeat([1 / (0.5 * 0.4), 1 / (0.5 * 0.8)], [3200, 6400])
    assert found.loc["A0"].tolist() == pytest.approx([16_000, 16_000, 1 / 16_000, 1])
    by_hand = [9600, w.sum() ** 2 / (w @ w), w.max() / w.sum(), w.sum() / 32_000]
    assert found.loc["A1"].tolist() == pytest.approx(by_hand)


# Managers who correct mid-flight: the world of the chapter, enumerated

TALENT, CHANCE = np.polynomial.legendre.leggauss(6)
MONTHS = {
    "outcome": "exit",
    "treatments": ["mismatch_0", "mismatch_1", "mismatch_2"],
    "histories": [["talent"], ["silence_1"], ["silence_2"]],
}
WITH_PRODUCTS = {**MONTHS, "histories": [["talent"], ["silence_1", "b1"], ["silence_2", "b2"]]}
ALWAYS = dict.fromkeys(MONTHS["treatments"], 1)
NEVER = dict.fromkeys(MONTHS["treatments"], 0)
LATER = {
    "mismatch_1": lambda mismatch_0, silence_1: mismatch_0 * (1 - silence_1),
    "mismatch_2": lambda mismatch_1, silence_2: mismatch_1 * (1 - silence_2),
}
CORRECTED = {"mismatch_0": 1, **LATER}
EFFECTS = (0.04, 0.05, 0.09)
EXACT = {"always": (ALWAYS, 0.505), "never": (NEVER, 0.325), "corrected": (CORRECTED, 0.43191)}


def stays(mismatch, silence):
    """Return the probability that a mismatch goes on: managers correct the silent."""
    return expit(-1.5 + 3 * mismatch - 2.5 * silence * mismatch)


def nearly_always(mismatch, silence):
    """Return the same where managers hardly ever let it go on in silence."""
    return expit(-2 + 4 * mismatch - 4 * silence * mismatch)


def silence_of(mismatch, before, resilience):
    return expit(-0.5 + 1.5 * mismatch + 0.5 * before - 3 * resilience)


def exit_of(talent, resilience, mismatches, effects):
    added = sum(effect * a for effect, a in zip(effects, mismatches, strict=True))
    return 0.10 + 0.05 * talent + 0.45 * (1 - resilience) + added


def draw(n, rng, stay=stays, effects=EFFECTS):
    """Draw units of the world."""
    rng = np.random.default_rng(rng)

    def flip(p):
        return (rng.random(n) < p) * 1

    talent, r = rng.uniform(-1, 1, n), flip(0.5)
    a0 = flip(expit(1.5 * talent))
    s1 = flip(silence_of(a0, 0, r))
    a1 = flip(stay(a0, s1))
    s2 = flip(silence_of(a1, s1, r))
    a2 = flip(stay(a1, s2))
    y = flip(exit_of(talent, r, (a0, a1, a2), effects))
    return named(talent, a0, s1, a1, s2, a2, y)


def named(talent, a0, s1, a1, s2, a2, y):
    frame = {"talent": talent, "mismatch_0": a0, "silence_1": s1, "mismatch_1": a1}
    frame |= {"silence_2": s2, "mismatch_2": a2, "exit": y, "b1": s1 * a0, "b2": s2 * a1}
    return pd.DataFrame(frame)


def population(stay=stays, effects=EFFECTS):
    """Return every kind of unit and its probability; talent by Gauss-Legendre quadrature."""
    kinds = np.array(list(itertools.product(range(6), *[(0, 1)] * 7)))
    talent, (r, a0, s1, a1, s2, a2, y) = TALENT[kinds[:, 0]], kinds[:, 1:].T
    chances = [
        (a0, expit(1.5 * talent)),
        (s1, silence_of(a0, 0, r)),
        (a1, stay(a0, s1)),
        (s2, silence_of(a1, s1, r)),
        (a2, stay(a1, s2)),
        (y, exit_of(talent, r, (a0, a1, a2), effects)),
    ]
    p = CHANCE[kinds[:, 0]] / 4
    for value, chance in chances:
        p = p * np.where(value == 1, chance, 1 - chance)
    return named(talent, a0, s1, a1, s2, a2, y).assign(p=p)


@pytest.mark.parametrize("regime", EXACT)
@pytest.mark.parametrize("method", MEANS)
def test_each_method_finds_the_exact_mean_in_the_population(method, regime):
    asked, truth = EXACT[regime]
    found = MEANS[method](population(), **MONTHS, regime=asked, saturated=True, weights="p")
    assert found["estimate"] == pytest.approx(truth, abs=5e-6)


def test_decisions_that_stay_as_they_were_belong_to_the_history():
    later = {
        "outcome": "exit",
        "treatments": MONTHS["treatments"][1:],
        "histories": [["talent", "mismatch_0", "silence_1"], ["silence_2"]],
    }
    exact = [(LATER, 0.37845), ({"mismatch_1": 0, "mismatch_2": 0}, 0.345)]
    for method in MEANS.values():
        for regime, truth in exact:
            found = method(population(), **later, regime=regime, saturated=True, weights="p")
            assert found["estimate"] == pytest.approx(truth, abs=5e-6)


def test_naive_contrasts_of_the_population_are_the_published_ones():
    units = population()
    x = sm.add_constant(units[["mismatch_0", "mismatch_1", "mismatch_2", "talent"]])
    fit = sm.WLS(units["exit"], x, weights=units["p"]).fit()
    assert fit.params.iloc[1:4].sum() == pytest.approx(0.077, abs=5e-4)


@pytest.mark.parametrize("right", ["outcome", "treatments"])
def test_doubly_robust_means_need_only_one_right_model(right):
    columns = {**MONTHS, "regime": ALWAYS, "reference": NEVER, "weights": "p"}

    def found(method, saturated):
        answer = regime_difference(population(), **columns, method=method, saturated=saturated)
        return answer["estimate"]

    assert found("doubly_robust", right) == pytest.approx(0.18, abs=1e-9)
    alone = {"outcome": "weighting", "treatments": "g_formula"}[right]
    assert abs(found(alone, right) - 0.18) > 0.003
    assert abs(found("doubly_robust", False) - 0.18) > 1e-4


def test_without_the_silences_both_models_are_wrong():
    columns = {**MONTHS, "histories": [["talent"], [], []], "weights": "p"}
    found = regime_difference(
        population(), **columns, regime=ALWAYS, reference=NEVER, method="doubly_robust"
    )
    assert found["estimate"] == pytest.approx(0.054, abs=0.03)


def test_structural_models_find_the_months_coefficients():
    units = population()
    for saturated, columns in ((True, MONTHS), (False, WITH_PRODUCTS)):
        options = {**columns, "weights": "p", "saturated": saturated}
        blips = g_estimation(units, **options)
        assert blips["estimate"].tolist() == pytest.approx(EFFECTS, abs=1e-9)
        for name, effect in zip(MONTHS["treatments"], EFFECTS, strict=True):
            alone = {**NEVER, name: 1}
            found = marginal_structural_model(units, **options, regime=alone, reference=NEVER)
            assert found["estimate"] == pytest.approx(effect, abs=1e-9)


def test_g_estimation_needs_only_one_right_model():
    wrong_treatments = g_estimation(population(), **MONTHS, weights="p")
    assert np.abs(wrong_treatments["estimate"] - np.array(EFFECTS)).max() > 1e-4
    modified = g_estimation(
        population(), **WITH_PRODUCTS, weights="p", modifiers={"mismatch_2": "talent"}
    )
    assert list(modified.index)[-2:] == ["mismatch_2", "mismatch_2 x talent"]
    assert modified["estimate"].tolist() == pytest.approx([*EFFECTS, 0], abs=1e-9)


def test_a_blip_that_changes_with_a_modifier_is_found():
    units = population()
    moved = units["exit"] + 0.3 * units["talent"] * units["mismatch_1"]
    found = g_estimation(
        units.assign(exit=moved), **WITH_PRODUCTS, weights="p", modifiers={"mismatch_1": ["talent"]}
    )
    assert found["estimate"].tolist() == pytest.approx([0.04, 0.05, 0.3, 0.09], abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_in_a_world_without_effects_valid_methods_say_so(method):
    units = population(effects=(0, 0, 0))
    columns = {**MONTHS, "weights": "p", "saturated": True}
    for regime in (ALWAYS, CORRECTED):
        found = regime_difference(units, **columns, regime=regime, reference=NEVER, method=method)
        assert found["estimate"] == pytest.approx(0, abs=1e-9)
    followers = {k: units.query(" and ".join(f"{a} == {k}" for a in ALWAYS)) for k in (0, 1)}
    crude = [np.average(followers[k]["exit"], weights=followers[k]["p"]) for k in (1, 0)]
    assert crude[0] - crude[1] == pytest.approx(-0.101, abs=5e-4)


def test_in_a_world_without_effects_structural_models_say_so():
    units = population(effects=(0, 0, 0))
    assert np.abs(g_estimation(units, **WITH_PRODUCTS, weights="p")["estimate"]).max() < 1e-9
    columns = {**WITH_PRODUCTS, "weights": "p", "regime": ALWAYS, "reference": NEVER}
    assert abs(marginal_structural_model(units, **columns)["estimate"]) < 1e-9


def test_estimates_of_samples_scatter_around_the_truth_as_their_errors_say():
    samples = [draw(2_000, rng) for rng in np.random.default_rng(3).spawn(25)]
    for method in METHODS:
        options = {"regime": ALWAYS, "reference": NEVER, "method": method, "saturated": True}
        found = pd.DataFrame([regime_difference(d, **MONTHS, **options) for d in samples])
        spread = found["estimate"].std()
        assert abs(found["estimate"].mean() - 0.18) < 4 * spread / np.sqrt(25)
        assert found["std_error"].mean() == pytest.approx(spread, rel=4 / np.sqrt(50))


# Losses

LOSSES = {"censored": ["lost_0", "lost_1", "lost_2"]}


def with_losses(units):
    """Split each kind of unit into those who stay and those lost; the silent are lost more."""
    parts, left = [], units.assign(lost_0=0, lost_1=0, lost_2=0)
    for month in range(3):
        silent = left[f"silence_{month}"] if month else 0
        chance = expit(-1 + 1.5 * silent - left[f"mismatch_{month}"])
        gone = left.assign(p=left["p"] * chance)
        later = [f"lost_{k}" for k in range(month + 1, 3)]
        later += [f"{v}_{k}" for v in ("silence", "mismatch") for k in range(month + 1, 3)]
        gone[f"lost_{month}"] = 1
        gone[[*later, "exit"]] = np.nan
        parts.append(gone)
        left = left.assign(p=left["p"] * (1 - chance))
    return pd.concat([*parts, left], ignore_index=True)


@pytest.mark.parametrize("regime", EXACT)
@pytest.mark.parametrize("method", MEANS)
def test_units_lost_by_their_past_are_stood_for_by_those_who_stayed(method, regime):
    units, (asked, truth) = with_losses(population()), EXACT[regime]
    found = MEANS[method](units, **MONTHS, **LOSSES, regime=asked, saturated=True, weights="p")
    assert found["estimate"] == pytest.approx(truth, abs=5e-6)
    assert found["n"] == len(units)


def test_a_structural_model_stands_for_units_lost():
    units = with_losses(population())
    columns = {**MONTHS, **LOSSES, "weights": "p", "saturated": True}
    found = marginal_structural_model(units, **columns, regime=ALWAYS, reference=NEVER)
    assert found["estimate"] == pytest.approx(0.18, abs=1e-9)
    support = regime_support(units, **columns, regime=ALWAYS)
    assert list(support.index) == [f"{v}_{k}" for k in range(3) for v in ("mismatch", "lost")]
    assert support["mean_weight"].tolist() == pytest.approx([1] * 6)


@pytest.mark.parametrize("kind", [bool, "boolean", object])
def test_losses_may_be_true_and_false_and_are_missing_after_a_loss(kind):
    data = short().assign(first=lambda d: d.index % 11 == 0, last=lambda d: d.index % 7 == 0)
    data.loc[data["first"], ["s", "a1", "y"]] = np.nan
    data.loc[data["last"], "y"] = np.nan
    lost = {"censored": ["first", "last"]}
    expected = call(data.astype({"first": int, "last": int}), **lost)
    kept = data.astype({"first": kind, "last": kind})
    if kind is not bool:
        kept["last"] = kept["last"].mask(data["first"])
    pd.testing.assert_series_equal(call(kept, **lost), expected)
    unread = data.assign(last=(data["last"] * 1).mask(data["first"], 9))
    pd.testing.assert_series_equal(call(unread, **lost), expected)


def test_complete_cases_are_not_the_answer():
    units = with_losses(population()).dropna()
    found = regime_mean(units, **MONTHS, regime=ALWAYS, saturated=True, weights="p")
    assert abs(found["estimate"] - 0.505) > 0.005


def test_one_column_of_losses_is_the_last_and_an_empty_one_is_none():
    data = draw(800, 5).assign(lost=0, none=0)
    data.loc[::7, "lost"] = 1
    data.loc[data["lost"] == 1, "exit"] = np.nan
    columns = {**MONTHS, "regime": ALWAYS}
    one = regime_mean(data, **columns, censored="lost")
    assert one.equals(regime_mean(data.assign(n2=0), **columns, censored=["none", "n2", "lost"]))


# Standard errors, by the derivative of the stacked equations


def short(n=500, rng=6):
    """Draw a world of two decisions."""
    rng = np.random.default_rng(rng)
    x, noise = rng.normal(size=(2, n))
    a0 = (rng.random(n) < expit(0.7 * x)) * 1
    s = (rng.random(n) < expit(0.8 * a0 - 0.5 + 0.5 * x)) * 1
    a1 = (rng.random(n) < expit(0.9 * a0 - 0.8 * s)) * 1
    y = (x + a0 + 0.5 * a1 + s + a1 * s + noise > 1) * 1
    frame = pd.DataFrame({"x": x, "a0": a0, "s": s, "a1": a1, "y": y})
    return frame.assign(w=rng.integers(1, 5, n), old=x > 0)


SHORT = {"outcome": "y", "treatments": ["a0", "a1"], "histories": [["x"], ["s"]]}
RULE = {"a0": 1, "a1": lambda s: 1 - s}


class Stack:
    """The stacked equations of the world of two decisions, with weights."""

    def __init__(self, data, model, weights):
        self.w = data["w"].to_numpy() if weights else np.ones(len(data))
        self.y, self.a0, self.a1, self.s = (data[k].to_numpy() for k in ("y", "a0", "a1", "s"))
        ones = np.ones(len(data))
        self.x0 = np.column_stack([ones, data["x"]])
        self.x1 = np.column_stack([ones, data["x"], self.s, self.a0])
        self.curve = expit if model == "logit" else (lambda index: index)
        self.logit = model == "logit"

    def fit(self, x, y, rows, logit):
        family = sm.families.Binomial() if logit else sm.families.Gaussian()
        fit = sm.GLM(y[rows], x[rows], family=family, freq_weights=self.w[rows])
        return fit.fit(tol=1e-14, maxiter=200).params

    def treatments(self):
        everybody = np.full(len(self.y), True)
        return [
            self.fit(x, a, everybody, True) for x, a in ((self.x0, self.a0), (self.x1, self.a1))
        ]

    def chances(self, alpha0, alpha1, d):
        e0, e1 = expit(self.x0 @ alpha0), expit(self.x1 @ alpha1)
        return (np.where(d[k] == 1, e, 1 - e) for k, e in enumerate((e0, e1)))

    def treatment_scores(self, alpha0, alpha1):
        e0, e1 = expit(self.x0 @ alpha0), expit(self.x1 @ alpha1)
        return [self.x0 * (self.a0 - e0)[:, None], self.x1 * (self.a1 - e1)[:, None]]

    def outcomes(self, d):
        """Return coefficients: month 1 untreated and treated, then month 0."""
        parts = [self.fit(self.x1, self.y, self.a1 == arm, self.logit) for arm in (0, 1)]
        later = self.predict(self.x1, parts, d[1])
        return [*parts, self.fit(self.x0, later, self.a0 == d[0], self.logit)]

    def predict(self, x, parts, d):
        return np.where(d == 1, self.curve(x @ parts[1]), self.curve(x @ parts[0]))

    def outcome_scores(self, b10, b11, b0, d):
        later = self.predict(self.x1, (b10, b11), d[1])
        scores = [
            self.x1 * ((self.a1 == arm) * (self.y - self.curve(self.x1 @ b)))[:, None]
            for arm, b in ((0, b10), (1, b11))
        ]
        now = self.curve(self.x0 @ b0)
        return [*scores, self.x0 * ((self.a0 == d[0]) * (later - now))[:, None]], now, later

    def error(self, equations, *parts):
        """Return the standard error of the last of stacked parameters."""
        ends = np.cumsum([len(np.atleast_1d(part)) for part in parts])

        def weighted(theta):
            pieces = np.split(theta, ends[:-1])
            return np.column_stack(equations(*pieces)) * self.w[:, None] / self.w.mean()

        return m_estimator(weighted, np.concatenate([np.atleast_1d(p) for p in parts]))


def asked(data, rule):
    """Return what a regime asks of each unit in the two months."""
    values = [rule["a0"], rule["a1"](data["s"]) if callable(rule["a1"]) else rule["a1"]]
    return [np.broadcast_to(np.asarray(v), len(data)) for v in values]


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("model", ["linear", "logit"])
@pytest.mark.parametrize("name", ["regime_mean", "doubly_robust_regime_mean"])
def test_errors_of_iterated_regressions_are_those_of_the_stacked_equations(name, model, weights):
    data = short()
    stack, d = Stack(data, model, weights), asked(data, RULE)
    one = np.full(len(data), 1)

    def equations(a0, a1, b10, b11, b0, mean):
        scores, now, later = stack.outcome_scores(b10, b11, b0, (one, d[1]))
        p0, p1 = stack.chances(a0, a1, d)
        term = now
        if name == "doubly_robust_regime_mean":
            r0 = (stack.a0 == d[0]) / p0
            r1 = r0 * (stack.a1 == d[1]) / p1
            term = now + r0 * (later - now) + r1 * (stack.y - later)
        return [*stack.treatment_scores(a0, a1), *scores, (term - mean)[:, None]]

    found = getattr(time_varying, name)(data, **SHORT, regime=RULE, model=model, weights=weights)
    parts = [*stack.treatments(), *stack.outcomes((one, d[1])), found["estimate"]]
    assert found["std_error"] == pytest.approx(stack.error(equations, *parts), rel=1e-5)


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("variance", ["stacked", "sandwich"])
def test_error_of_the_weighted_mean_is_that_of_the_stacked_equations(variance, weights):
    data = short()
    stack, d = Stack(data, "linear", weights), asked(data, RULE)
    follow = (stack.a0 == d[0]) & (stack.a1 == d[1])
    fitted = stack.treatments()

    def equations(a0, a1, mean):
        p0, p1 = stack.chances(a0, a1, d)
        return [*stack.treatment_scores(a0, a1), (follow / p0 / p1 * (stack.y - mean))[:, None]]

    def known(mean):
        return equations(*fitted, mean)[-1:]

    options = {"regime": RULE, "variance": variance, "weights": weights}
    found = weighted_regime_mean(data, **SHORT, **options)
    by_hand = stack.error(equations, *fitted, found["estimate"])
    if variance == "sandwich":
        by_hand = stack.error(known, found["estimate"])
    assert found["std_error"] == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("model", ["linear", "logit"])
@pytest.mark.parametrize("variance", ["stacked", "sandwich"])
def test_errors_of_a_structural_model_are_those_of_the_stacked_equations(variance, model, weights):
    data = short()
    stack = Stack(data, model, weights)
    ones = np.ones(len(data))
    z0, z1 = ones[:, None], np.column_stack([ones, stack.a0])
    z = np.column_stack([ones, stack.a0, stack.a1])
    taken, everybody = (stack.a0, stack.a1), np.full(len(data), True)
    numerators = [stack.fit(x, a, everybody, True) for x, a in zip((z0, z1), taken, strict=True)]

    def stable(a0, a1, g0, g1):
        w = ones
        for p, x, g, a in zip(stack.chances(a0, a1, taken), (z0, z1), (g0, g1), taken, strict=True):
            w = w * np.where(a == 1, expit(x @ g), 1 - expit(x @ g)) / p
        return w

    def equations(a0, a1, g0, g1, beta, difference):
        u = stable(a0, a1, g0, g1)
        bare = [
            x * (a - expit(x @ g))[:, None]
            for x, a, g in zip((z0, z1), taken, (g0, g1), strict=True)
        ]
        score = z * (u * (stack.y - stack.curve(z @ beta)))[:, None]
        gap = stack.curve(beta.sum()) - stack.curve(beta[0]) - difference
        return [*stack.treatment_scores(a0, a1), *bare, score, gap * np.ones((len(z), 1))]

    fitted = [*stack.treatments(), *numerators]
    held = Stack(data, model, weights)
    held.w = stack.w * stable(*fitted)
    beta = held.fit(z, stack.y, everybody, model == "logit")
    asks = {"regime": {"a0": 1, "a1": 1}, "reference": {"a0": 0, "a1": 0}}
    options = {**asks, "variance": variance, "model": model, "weights": weights}
    found = marginal_structural_model(data, **SHORT, **options)
    difference = stack.curve(beta.sum()) - stack.curve(beta[0])
    assert found["estimate"] == pytest.approx(difference, rel=1e-8)
    by_hand = stack.error(equations, *fitted, beta, difference)
    if variance == "sandwich":
        by_hand = stack.error(lambda b, gap: equations(*fitted, b, gap)[-2:], beta, difference)
    assert found["std_error"] == pytest.approx(by_hand, rel=1e-5)


def test_a_structural_model_of_cells_is_weighted_by_their_shares():
    data = short()

    def share(treatment, *past):
        treated = data.groupby([*past, np.ones(500)])[treatment].transform("mean")
        return np.where(data[treatment] == 1, treated, 1 - treated)

    w = share("a0") * share("a1", "a0") / share("a0", "old") / share("a1", "old", "s", "a0")
    fit = sm.WLS(data["y"], sm.add_constant(data[["a0", "a1"]]), weights=w).fit()
    columns = {**SHORT, "histories": [["old"], ["s"]], "saturated": True}
    asks = {"regime": {"a0": 1, "a1": 1}, "reference": {"a0": 0, "a1": 0}}
    found = marginal_structural_model(data, **columns, **asks)
    assert found["estimate"] == pytest.approx(fit.params["a0"] + fit.params["a1"])


@pytest.mark.parametrize("weights", [None, "w"])
def test_errors_of_g_estimation_are_those_of_the_stacked_equations(weights):
    data = short()
    stack = Stack(data, "linear", weights)
    b = np.column_stack([np.ones(len(data)), stack.s])

    def equations(a0, a1, c1, psi1, c0, psi0):
        e0, e1 = expit(stack.x0 @ a0), expit(stack.x1 @ a1)
        noise1 = stack.y - stack.x1 @ c1 - (b * stack.a1[:, None]) @ psi1
        before = stack.y - (b * stack.a1[:, None]) @ psi1
        noise0 = before - stack.x0 @ c0 - stack.a0 * psi0
        z1 = np.column_stack([stack.x1, b * (stack.a1 - e1)[:, None]])
        z0 = np.column_stack([stack.x0, stack.a0 - e0])
        scores = [z1 * noise1[:, None], z0 * noise0[:, None]]
        return [*stack.treatment_scores(a0, a1), *scores]

    found = g_estimation(data, **SHORT, modifiers={"a1": ["s"]}, weights=weights)
    a0, a1 = stack.treatments()
    w, e0, e1 = stack.w[:, None], expit(stack.x0 @ a0), expit(stack.x1 @ a1)

    def solved(x, instrument, treated, y):
        z, d = np.column_stack([x, instrument]), np.column_stack([x, treated])
        return np.linalg.solve((z * w).T @ d, (z * w).T @ y)

    later = solved(stack.x1, b * (stack.a1 - e1)[:, None], b * stack.a1[:, None], stack.y)
    rest = stack.y - (b * stack.a1[:, None]) @ later[4:]
    first = solved(stack.x0, stack.a0 - e0, stack.a0, rest)
    assert found["estimate"].tolist() == pytest.approx([first[2], *later[4:]])
    parts = [a0, a1, later[:4], later[4:], first[:2], first[2:]]
    assert found.loc["a0", "std_error"] == pytest.approx(stack.error(equations, *parts), rel=1e-5)
    alone = [a0, a1, later[:4], later[4:]]

    def month(a0, a1, c1, psi1):
        return [
            *stack.treatment_scores(a0, a1),
            equations(a0, a1, c1, psi1, first[:2], first[2:])[2],
        ]

    by_hand = stack.error(month, *alone)
    assert found.loc["a1 x s", "std_error"] == pytest.approx(by_hand, rel=1e-5)
    covariance = pd.DataFrame(found.attrs["covariance"])
    assert np.sqrt(np.diag(covariance)).tolist() == pytest.approx(found["std_error"].tolist())
    assert np.allclose(covariance, covariance.T)


@pytest.mark.parametrize("method", METHODS)
def test_the_error_of_a_difference_knows_that_the_units_are_the_same(method):
    data, columns = short(), {**SHORT, "saturated": True}
    same = regime_difference(
        data, **columns, regime=RULE, reference={"a0": 0, "a1": 0}, method=method
    )
    turned = regime_difference(
        data, **columns, regime={"a0": 0, "a1": 0}, reference=RULE, method=method
    )
    assert same["estimate"] == pytest.approx(-turned["estimate"])
    assert same["std_error"] == pytest.approx(turned["std_error"])
    first, second = (MEANS[method](data, **columns, regime=r) for r in (RULE, {"a0": 0, "a1": 0}))
    assert same["estimate"] == pytest.approx(first["estimate"] - second["estimate"])
    apart = np.hypot(first["std_error"], second["std_error"])
    assert same["std_error"] != pytest.approx(apart, rel=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_a_bootstrap_of_units_says_the_same(method):
    data, asks = short(300), {"regime": RULE, "reference": {"a0": 0, "a1": 0}, "method": method}
    stacked = regime_difference(data, **SHORT, **asks)
    drawn = [
        regime_difference(data, **SHORT, **asks, variance="bootstrap", draws=100, rng=rng)
        for rng in (1, np.random.default_rng(1))
    ]
    assert drawn[0].equals(drawn[1])
    assert drawn[0]["estimate"] == stacked["estimate"]
    assert drawn[0]["std_error"] == pytest.approx(stacked["std_error"], rel=4 / np.sqrt(200))


def test_a_bootstrap_of_a_mean_away_from_0_says_the_same():
    noise = np.random.default_rng(13).normal(size=300)
    data = short(300).assign(y=lambda d: (d["x"] + noise > -1.4) * 1)
    options = {"regime": {"a0": 1, "a1": 0}, "model": "logit"}
    stacked = regime_mean(data, **SHORT, **options)
    drawn = regime_mean(data, **SHORT, **options, variance="bootstrap", draws=100, rng=2)
    assert drawn["std_error"] == pytest.approx(stacked["std_error"], rel=4 / np.sqrt(200))


@pytest.mark.parametrize("estimator", [_iterated, _weighted, _augmented_mean])
@pytest.mark.parametrize("model", ["linear", "logit"])
def test_a_units_influence_is_the_derivative_by_its_weight(estimator, model):
    """Three months, losses and all: what no one of the stacks above holds."""
    data = draw(600, 11).assign(lost_0=0, lost_1=0, lost_2=0)
    early = np.random.default_rng(12).random(600) < expit(-2 + data["silence_1"])
    data.loc[early, ["lost_1", "lost_2"]] = 1
    data.loc[data.index % 6 == 0, "lost_2"] = 1
    names = {**MONTHS, **LOSSES, "regime": CORRECTED, "weights": None}
    course, models = _read_course(data, **names, model=model), _choose_models(model)
    influence = estimator(course, models)[1]
    for unit in (0, 3, 50, *np.flatnonzero(data["lost_1"])[:2], *np.flatnonzero(data.exit)[:4]):
        step = np.where(np.arange(600) == unit, 1e-4, 0) / 600

        def moved(step):
            w = course.weights + step
            return estimator(course._replace(weights=w / w.sum()), models)[0]

        slope = (moved(step) - moved(-step)) / 2e-4
        assert influence[unit] == pytest.approx(slope, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_far_off_origin_of_the_outcome_costs_no_digits(method):
    data, asks = short(), {"regime": RULE, "reference": {"a0": 0, "a1": 0}, "method": method}
    near = regime_difference(data, **SHORT, **asks)
    far = regime_difference(data.assign(y=data["y"] + 2.0**40), **SHORT, **asks)
    assert far[["estimate", "std_error"]].tolist() == pytest.approx(
        near[["estimate", "std_error"]].tolist(), rel=1e-7
    )


def test_a_long_bootstrap_says_on_a_terminal_how_far_it_is(monkeypatch, capsys):
    ticks = itertools.count()
    monkeypatch.setattr(time_varying.time, "monotonic", lambda: next(ticks))
    options = {"regime": RULE, "variance": "bootstrap", "draws": 5, "rng": 1}
    regime_mean(short(), **SHORT, **options)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    regime_mean(short(), **SHORT, **options)
    assert capsys.readouterr().err.endswith("draw 5 of 5\n")
    monkeypatch.setattr(time_varying.time, "monotonic", lambda: 0)
    regime_mean(short(), **SHORT, **options)
    assert capsys.readouterr().err == ""


# Models


def by_formula(data, formula_late, formula_early, d):
    """Return the iterated regression, month by month, in formulas."""
    late = smf.ols(formula_late, data).fit().predict(data.assign(a1=d[1]))
    early = smf.ols(formula_early, data.assign(q=late)).fit().predict(data.assign(a0=d[0]))
    return early.mean()


@pytest.mark.parametrize(
    ("options", "formulas"),
    [
        ({}, ("y ~ a1 * (x + s + a0)", "q ~ a0 * x")),
        ({"interact": False}, ("y ~ a1 + x + s + a0", "q ~ a0 + x")),
        ({"saturated": True}, ("y ~ x:a1:C(a0) + a1 * C(s) * C(a0)", "q ~ a0 * x")),
    ],
    ids=["by treatment", "one column", "cells"],
)
def test_iterated_regressions_are_those_of_statsmodels(options, formulas):
    data, d = short(), (1, 1)
    found = regime_mean(data, **SHORT, regime={"a0": 1, "a1": 1}, **options)
    assert found["estimate"] == pytest.approx(by_formula(data, *formulas, d))
    if not options.get("saturated"):
        d = (1, 1 - data["s"])
        found = regime_mean(data, **SHORT, regime=RULE, **options)
        assert found["estimate"] == pytest.approx(by_formula(data, *formulas, d))
        rules = {"a0": lambda x: x > 0, "a1": lambda s: 1 - s}
        found = regime_mean(data, **SHORT, regime=rules, **options)
        d = ((data["x"] > 0) * 1, 1 - data["s"])
        assert found["estimate"] == pytest.approx(by_formula(data, *formulas, d))


def test_with_cells_a_treatment_is_modelled_among_those_who_have_followed():
    data, followed = short(), short()[lambda d: d["a0"] == 1]
    first = smf.logit("a0 ~ x", data).fit(disp=0).predict(followed)
    then = smf.logit("a1 ~ x + s", followed).fit(disp=0).predict(followed)
    kept = followed["a1"] == 1 - followed["s"]
    w = 1 / first / np.where(followed["a1"] == 1, then, 1 - then)
    found = weighted_regime_mean(data, **SHORT, regime=RULE, saturated=True)
    by_hand = np.average(followed["y"][kept], weights=w[kept])
    assert found["estimate"] == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("interact", [True, False])
def test_cells_are_averaged_one_by_one_whatever_interacts(interact):
    data = short()
    cells = data.groupby(["old", "a0", "s", "a1"])["y"].mean()
    treated = data[data["a0"] == 1]
    late = [cells[old, 1, s, 1 - s] for old, s in zip(treated["old"], treated["s"], strict=True)]
    early = treated.assign(q=late).groupby("old")["q"].mean()
    columns = {**SHORT, "histories": [["old"], ["s"]], "regime": RULE}
    for method in (regime_mean, doubly_robust_regime_mean):
        found = method(data, **columns, saturated=True, interact=interact)
        assert found["estimate"] == pytest.approx(data["old"].map(early).mean())


def test_losses_are_a_month_of_their_own_with_one_column_too():
    data = short().assign(lost=lambda d: (d["x"] + d["s"] > 1) * 1)
    seen = data[data["lost"] == 0]
    last = smf.ols("y ~ x + s + a0 + a1", seen).fit().predict(data)
    late = smf.ols("q ~ a1 + x + s + a0", data.assign(q=last)).fit().predict(data.assign(a1=1))
    early = smf.ols("q ~ a0 + x", data.assign(q=late)).fit().predict(data.assign(a0=1))
    options = {"regime": {"a0": 1, "a1": 1}, "interact": False, "censored": "lost"}
    assert regime_mean(data, **SHORT, **options)["estimate"] == pytest.approx(early.mean())


def test_cells_of_text_and_categories_are_those_of_dummies():
    data = short().assign(mood=lambda d: np.where(d["s"] == 1, "silent", "open"))
    columns = {**SHORT, "histories": [["x"], ["mood"]], "regime": {"a0": 1, "a1": 1}}
    with_numbers = regime_mean(data, **SHORT, regime={"a0": 1, "a1": 1}, saturated=True)
    for frame in (data, data.astype({"mood": "category"})):
        for saturated in (True, False):
            found = regime_mean(frame, **columns, saturated=saturated)
            expected = regime_mean(data, **SHORT, regime={"a0": 1, "a1": 1}, saturated=saturated)
            assert found["estimate"] == pytest.approx(expected["estimate"])
    assert with_numbers["estimate"] != pytest.approx(expected["estimate"], rel=1e-6)


def test_a_treatment_that_is_never_undone_has_a_mean_and_with_cells_weights():
    data = short()
    data["a1"] = np.maximum(data["a0"], data["a1"])
    for regime in ({"a0": 1, "a1": 1}, {"a0": 0, "a1": 0}):
        assert fits(regime_mean(data, **SHORT, regime=regime))
    with pytest.raises(ValueError, match=r"'a1' is decided by its history: .* column 'a0'"):
        weighted_regime_mean(data, **SHORT, regime={"a0": 0, "a1": 1})
    cells = weighted_regime_mean(data, **SHORT, regime={"a0": 1, "a1": 1}, saturated=True)
    chance = expit(
        sm.add_constant(data["x"])
        @ sm.Logit(data["a0"], sm.add_constant(data["x"])).fit(disp=0).params
    )
    treated = data["a0"] == 1
    by_hand = np.average(data["y"][treated], weights=1 / chance[treated])
    assert cells["estimate"] == pytest.approx(by_hand)


def test_histories_may_be_cumulative_or_new_and_hold_earlier_treatments():
    data = short()
    expected = regime_mean(data, **SHORT, regime=RULE)
    for histories in ([["x"], ["x", "s"]], [["x"], ["s", "a0", "x"]], ["x", "s"], ({"x"}, ("s",))):
        found = regime_mean(data, **{**SHORT, "histories": histories}, regime=RULE)
        pd.testing.assert_series_equal(found, expected)


def test_rules_read_columns_as_they_are_and_defaults_are_no_columns():
    data = short().assign(mood=lambda d: np.where(d["s"] == 1, "silent", "open"))
    expected = regime_mean(data, **SHORT, regime=RULE)
    rules = [lambda s, unused=3: s == 0, lambda s: (1 - s).tolist(), lambda s, x: 1.0 - s]
    for rule in rules:
        assert regime_mean(data, **SHORT, regime={"a0": True, "a1": rule}).equals(expected)
    text = {"a0": 1, "a1": lambda mood: mood == "open"}
    found = regime_mean(data, **{**SHORT, "histories": [["x"], ["mood"]]}, regime=text)
    assert found["estimate"] == pytest.approx(expected["estimate"])


def test_sampling_weights_count_units():
    data = short(200)
    repeated = data.loc[data.index.repeat(data["w"])]
    for method in METHODS:
        asks = {"regime": RULE, "reference": {"a0": 0, "a1": 0}, "method": method}
        one = regime_difference(data, **SHORT, **asks, weights="w")
        assert one["estimate"] == pytest.approx(
            regime_difference(repeated, **SHORT, **asks)["estimate"]
        )
    pd.testing.assert_series_equal(
        g_estimation(data, **SHORT, weights="w")["estimate"],
        g_estimation(repeated, **SHORT)["estimate"],
    )


def test_the_frame_is_left_alone_and_the_followers_are_counted():
    data = short()
    before = data.copy()
    found = regime_difference(data, **SHORT, regime=RULE, reference={"a0": 0, "a1": 0})
    pd.testing.assert_frame_equal(data, before)
    follow = ((data["a0"] == 1) & (data["a1"] == 1 - data["s"])).sum()
    assert found.attrs["followers"] == [follow, ((data["a0"] == 0) & (data["a1"] == 0)).sum()]
    assert found.name == "regime_difference"


# Bounds


def test_where_all_is_seen_the_bounds_are_the_mean():
    data = short().drop(columns="x")
    columns = {**SHORT, "histories": [["old"], ["s"]], "regime": RULE}
    found = regime_bounds(data, **columns, low=0, high=1)
    mean = regime_mean(data, **columns, saturated=True)
    assert found[["low", "high"]].tolist() == pytest.approx([mean["estimate"]] * 2)
    assert found[["ci_low", "ci_high"]].tolist() == pytest.approx(
        mean[["ci_low", "ci_high"]].tolist()
    )
    assert found["unseen"] == pytest.approx(0, abs=1e-12)


def test_bounds_of_a_table_by_hand():
    data = tree()
    data = data[(data["L1"] == 1) | (data["A1"] == 0)]  # nobody with L1 = 0 has A1 = 1
    found = regime_bounds(data, **TREE, regime=BOTH, low=0, high=100)
    unseen = 4800 / (4800 + 1600 + 6400)
    assert found["unseen"] == pytest.approx(unseen)
    assert found["low"] == pytest.approx(44 * (1 - unseen))
    assert found["high"] == pytest.approx(44 * (1 - unseen) + 100 * unseen)
    error = np.sqrt(unseen * (1 - unseen) / 12_800)  # of the share with L1 = 0 among A0 = 1
    width = 1.959964 * error
    assert found["ci_low"] == pytest.approx(found["low"] - 44 * width, rel=1e-6)
    assert found["ci_high"] == pytest.approx(found["high"] + 56 * width, rel=1e-6)


def test_a_combination_is_seen_from_the_least_number_of_followers_on():
    columns = {**TREE, "regime": BOTH, "low": 0, "high": 100}
    seen = [regime_bounds(tree(), **columns, least=least)["unseen"] for least in (3200, 3201, 6401)]
    assert seen == pytest.approx([0, 0.5, 1])


def test_bounds_without_a_follower_are_the_range_and_hold_the_truth_with_few():
    data = draw(4_000, 8, stay=nearly_always)
    bounds = regime_bounds(data, **MONTHS, regime=ALWAYS, low=0, high=1, least=20)
    assert bounds["low"] < 0.505 < bounds["high"]
    assert bounds["high"] - bounds["low"] == pytest.approx(bounds["unseen"])
    nobody = regime_bounds(data, **MONTHS, regime=ALWAYS, low=0, high=1, least=4_000)
    assert nobody[["low", "high", "unseen"]].tolist() == pytest.approx([0, 1, 1])
    none = data[data[list(ALWAYS)].sum(axis=1) < 3]
    assert regime_support(none, **MONTHS, regime=ALWAYS).loc["mismatch_2"].tolist() == [0, 0, 0, 0]


# Long frames


def months():
    frame = {"id": [8, 8, 7, 7], "month": [2, 1, 1, 2], "drug": [1, 0, 1, 0], "mood": list("abcd")}
    return pd.DataFrame({**frame, "died": [1, 1, 0, 0]})


def test_a_long_frame_becomes_wide_in_order_of_time():
    found = long_to_wide(months(), unit="id", time="month", varying=["drug", "mood"], fixed="died")
    expected = {"id": [8, 7], "died": [1, 0], "drug_0": [0, 1], "mood_0": list("bc")}
    expected |= {"drug_1": [1, 0], "mood_1": list("ad")}
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected))


def test_a_long_frame_may_lack_values_and_be_told_by_dates():
    data = months().assign(month=pd.to_datetime(["2020-02-01", "2020-01-01"] * 2))
    data["month"] = data["month"].where(data["id"] == 8, data["month"].to_numpy()[::-1])
    data["drug"] = data["drug"].where(data["drug"] == 1)
    found = long_to_wide(data, unit="id", time="month", varying="drug")
    assert found["drug_0"].tolist()[1] == 1
    assert found["drug_1"].tolist()[0] == 1
    assert found[["drug_0", "drug_1"]].isna().sum().tolist() == [1, 1]


# Refusals, and their remedies followed

ON = {"a0": 1, "a1": 1}
OFF = {"a0": 0, "a1": 0}


def call(data, estimator=regime_mean, **changed):
    """Call a method on the world of two decisions, with some of its arguments changed."""
    return estimator(data, **{**SHORT, "regime": ON, **changed})


def lacking(data):
    """Lose the outcomes of some."""
    return data.assign(y=data["y"].where(data.index % 9 > 0))


def chosen(data):
    """Let the history decide on the second treatment."""
    return data.assign(a1=data["s"])


def crowded(data):
    """Leave six rows and give them more columns."""
    rows = data.iloc[:6].assign(a0=[1, 1, 0] * 2, a1=[0, 1] * 3, s=[0, 1, 1, 0, 1, 1])
    return rows.assign(u=[1, 4, 2, 3, 5, 9], v=[2, 7, 1, 8, 2, 8], y=[0, 1, 1, 0, 0, 1])


def split(data):
    """Lose every fifth unit."""
    return data.assign(lost=(data.index % 5 == 0) * 1)


def rare(data):
    """Leave nobody with s = 0 and a1 = 1."""
    return data[(data["s"] == 1) | (data["a1"] == 0)].drop(columns="x")


WIDE = [["x"], ["s", "u", "v", "w"]]
RARE = {"histories": [["old"], ["s"]], "saturated": True}
REMEDIES = {
    "a history that names its own treatment": (
        lambda d: call(d, histories=[["x", "a0"], ["s"]]),
        r"histories\[0\] names 'a0', which is not known before 'a0'; .* take it out",
        lambda d: call(d, histories=[["x"], ["s"]]),
    ),
    "a history that names a later treatment": (
        lambda d: call(d, histories=[["x", "a1"], ["s"]]),
        r"histories\[0\] names 'a1', which is not known before 'a0'",
        lambda d: call(d, histories=[["x"], ["s"]]),
    ),
    "a history that names the outcome": (
        lambda d: call(d, histories=[["x"], ["s", "y"]]),
        r"histories\[1\] names 'y', which is not known before 'a1'",
        lambda d: call(d, histories=[["x"], ["s"]]),
    ),
    "a history that names a loss": (
        lambda d: call(
            d.assign(lost=d.index % 5 == 0), histories=[["x"], ["lost"]], censored="lost"
        ),
        r"histories\[1\] names 'lost', which is not known before",
        lambda d: call(d.assign(lost=d.index % 5 == 0), histories=[["x"], []], censored="lost"),
    ),
    "too few histories": (
        lambda d: call(d, histories=[["x"]]),
        r"histories holds 1 list\(s\) for 2 treatment\(s\); .* \[\] where nothing is new",
        lambda d: call(d, histories=[["x"], []]),
    ),
    "too many histories": (
        lambda d: call(d, histories=[["x"], ["s"], []]),
        r"histories holds 3 list\(s\) for 2 treatment\(s\)",
        lambda d: call(d, histories=[["x"], ["s"]]),
    ),
    "a history that is a word": (
        lambda d: call(d, histories="xs"),
        r"histories holds 1 list\(s\) for 2 treatment\(s\)",
        lambda d: call(d, histories=[*"xs"]),
    ),
    "a history that is a name": (
        lambda d: call(d, histories="x"),
        r"histories holds 1 list\(s\) for 2 treatment\(s\)",
        lambda d: call(d, histories=[["x"], []]),
    ),
    "a covariate that does not vary": (
        lambda d: call(d.assign(s=3)),
        "column 's' has one value in all rows; drop it from histories",
        lambda d: call(d, histories=[["x"], []]),
    ),
    "a regime that reads a later column": (
        lambda d: call(d, regime={"a0": lambda s: s, "a1": 1}),
        r"the rule for 'a0' reads 's', which is not known before it; it may read 'x'; put",
        lambda d: call(d, regime={"a0": lambda s: s, "a1": 1}, histories=[["x", "s"], []]),
    ),
    "a regime that reads its own treatment": (
        lambda d: call(d, regime={"a0": 1, "a1": lambda a1: a1}),
        "the rule for 'a1' reads 'a1', which is not known before it; it may read 'x', 'a0', 's'",
        lambda d: call(d, regime={"a0": 1, "a1": lambda a0: a0}),
    ),
    "a regime that reads where nothing is known": (
        lambda d: call(d, regime={"a0": lambda x: x > 0, "a1": 1}, histories=[[], ["s"]]),
        "reads 'x', which is not known before it; it may read nothing; put 'x' into its history",
        lambda d: call(d, regime={"a0": lambda x: x > 0, "a1": 1}),
    ),
    "a regime that takes everything": (
        lambda d: call(d, regime={"a0": 1, "a1": lambda **past: past["s"]}),
        r"the rule for 'a1' takes \*past; name the columns that it reads",
        lambda d: call(d, regime={"a0": 1, "a1": lambda s: s}),
    ),
    "a regime of probabilities": (
        lambda d: call(d, regime={"a0": 1, "a1": lambda s: 0.2 + 0.5 * s}),
        r"the rule for 'a1' gives 0.\d; .* 0 or 1, so make it a condition, .* \(x > 0.5\) \* 1",
        lambda d: call(d, regime={"a0": 1, "a1": lambda s: (0.2 + 0.5 * s > 0.5) * 1}),
    ),
    "a regime written for one unit": (
        lambda d: call(d, regime={"a0": lambda x: 1 if x > 0.5 else 0, "a1": 1}),
        r"the rule for 'a0' fails on 'x': .* write it for all units at once, without if",
        lambda d: call(d, regime={"a0": lambda x: (x > 0.5) & (x < 9), "a1": 1}),
    ),
    "a regime that fails of itself": (
        lambda d: call(d, regime={"a0": lambda: 1 / 0, "a1": 1}),
        "the rule for 'a0' fails on nothing: division by zero; it is given whole columns",
        lambda d: call(d, regime={"a0": lambda: 1, "a1": 1}),
    ),
    "a regime that hides what it reads": (
        lambda d: call(d, regime={"a0": max, "a1": 1}),
        "the rule for 'a0' does not tell what it reads; write a function whose parameters",
        lambda d: call(d, regime={"a0": lambda x: x > 0, "a1": 1}),
    ),
    "an outcome that is no name": (
        lambda d: call(d, outcome=3),
        "outcome must name a column, as a string, got 3",
        call,
    ),
    "a treatment in doses": (
        lambda d: call(d.assign(a1=2 * d["a1"])),
        "column 'a1' must be 0 or 1, found 2",
        call,
    ),
    "no treatments": (
        lambda d: call(d, treatments=[], histories=[], regime={}),
        "treatments names no column; name the decisions, in order of time",
        call,
    ),
    "a history that is a number": (
        lambda d: call(d, histories=2),
        r"histories holds 1 list\(s\) for 2 treatment\(s\)",
        lambda d: call(d, histories=[["x"], []]),
    ),
    "losses that are words": (
        lambda d: call(
            lacking(d).assign(lost=np.where(d.index % 9 > 0, "no", "yes")), censored="lost"
        ),
        "'lost' must be 0 or 1, found 'yes'; recode it to 1 for those who were lost",
        lambda d: call(lacking(d).assign(lost=(d.index % 9 == 0) * 1), censored="lost"),
    ),
    "modifiers that are no dict": (
        lambda d: g_estimation(d, **SHORT, modifiers=[]),
        r"modifiers must be a dict from a treatment to columns known before it, got \[\]",
        lambda d: g_estimation(d, **SHORT, modifiers={"a0": []}),
    ),
    "a regime of words": (
        lambda d: call(d, regime={"a0": "yes", "a1": 1}),
        "the rule for 'a0' must be 0, 1 or a function that gives these .* got 'yes'",
        call,
    ),
    "a regime of the wrong length": (
        lambda d: call(d, regime={"a0": [1, 0, 1], "a1": 1}),
        "the rule for 'a0' must be 0, 1 or a function",
        call,
    ),
    "a regime that is no dict": (
        lambda d: call(d, regime=1),
        "regime must be a dict from treatment to 0, 1 or rule, got 1",
        call,
    ),
    "no regime": (
        lambda d: call(d, regime=None),
        "regime must be a dict from treatment to 0, 1 or rule, got None",
        call,
    ),
    "no reference": (
        lambda d: call(d, regime_difference, reference=None),
        "regime must be a dict from treatment to 0, 1 or rule, got None",
        lambda d: call(d, regime_difference, reference=OFF),
    ),
    "a regime that leaves a treatment out": (
        lambda d: call(d, regime={"a1": 1}),
        "regime says nothing about 'a0'; .* moving it from treatments into the history",
        lambda d: call(d, regime={"a1": 1}, treatments=["a1"], histories=[["x", "a0", "s"]]),
    ),
    "a regime that names something else": (
        lambda d: call(d, regime={**ON, "s": 0}),
        "regime names 's', which is not among the treatments 'a0', 'a1'; leave it out",
        call,
    ),
    "two regimes that are one": (
        lambda d: call(d, regime_difference, reference={"a0": lambda x: x > -99, "a1": 1}),
        "regime and reference ask the same of every unit; change one of them",
        lambda d: call(d, regime_difference, reference=OFF),
    ),
    "a dynamic regime for stabilized weights": (
        lambda d: call(d, marginal_structural_model, regime=RULE),
        "'a1' is a function, and stabilized weights are not valid .* use weighted_regime_mean",
        lambda d: call(d, weighted_regime_mean, regime=RULE),
    ),
    "a dynamic reference for stabilized weights": (
        lambda d: call(d, marginal_structural_model, reference=RULE),
        "'a1' is a function, and stabilized weights are not valid",
        lambda d: call(d, marginal_structural_model, reference=OFF),
    ),
    "a value for each unit, for stabilized weights": (
        lambda d: call(d, marginal_structural_model, regime={"a0": 1, "a1": d["s"].to_numpy() > 0}),
        "'a1' is a column of values, and stabilized weights .* give 0 or 1",
        lambda d: call(d, weighted_regime_mean, regime={"a0": 1, "a1": d["s"].to_numpy() > 0}),
    ),
    "nobody who follows": (
        lambda d: call(d[(d["a0"] == 0) | (d["a1"] == 0)]),
        "nobody follows the regime up to 'a1', .* a regime that some follow, or, .* regime_bounds",
        lambda d: call(d[(d["a0"] == 0) | (d["a1"] == 0)], regime={"a0": 1, "a1": 0}),
    ),
    "nobody who follows, bounded": (
        lambda d: call(d[(d["a0"] == 0) | (d["a1"] == 0)], weighted_regime_mean),
        "nobody follows the regime up to 'a1', .* for regime_bounds",
        lambda d: call(d[(d["a0"] == 0) | (d["a1"] == 0)], regime_bounds, low=0, high=1),
    ),
    "a treatment that its history decides": (
        lambda d: call(chosen(d), weighted_regime_mean),
        "'a1' is decided by its history: no overlap: column 's', at .*, separates the arms",
        lambda d: call(chosen(d), weighted_regime_mean, histories=[["x"], []]),
    ),
    "a treatment that its history decides, in regressions": (
        lambda d: call(chosen(d)),
        "no overlap: column 's' lies between 1 and 1 where 'a1' is 1, unlike in .* row",
        lambda d: call(chosen(d)[lambda d: d["s"] == 1].assign(a1=d["a1"]), histories=[["x"], []]),
    ),
    "a treatment that its history decides, in g-estimation": (
        lambda d: g_estimation(chosen(d), **SHORT),
        "'a1' is decided by its history",
        lambda d: g_estimation(chosen(d), **{**SHORT, "histories": [["x"], []]}),
    ),
    "too many covariates for the rows": (
        lambda d: call(crowded(d), weighted_regime_mean, histories=WIDE),
        "'a1' cannot be modelled by its history: 6 rows cannot carry 7 coefficients .* fewer cov",
        lambda d: call(crowded(d), weighted_regime_mean, histories=[[], []]),
    ),
    "too many covariates for a regression": (
        lambda d: call(crowded(d), histories=[["x"], ["s", "u"]]),
        r"3 row\(s\) where 'a1' is 1 cannot carry 5 coefficient\(s\)",
        lambda d: call(crowded(d), histories=[[], []]),
    ),
    "a cell without a unit that does as asked": (
        lambda d: call(rare(d), **RARE),
        r"no overlap: \d+ unit\(s\) that followed .* have old = . and a0 = 1 and s = 0, and "
        "none of them has 'a1' at 1, as it asks; .* for regime_bounds",
        lambda d: call(rare(d), regime_bounds, histories=[["old"], ["s"]], low=0, high=1),
    ),
    "a cell without a unit that does as asked, in weights": (
        lambda d: call(rare(d), weighted_regime_mean, **RARE),
        "'a1' is decided by its history: no overlap: .* separates the arms",
        lambda d: call(rare(d), weighted_regime_mean, **RARE, regime={"a0": 1, "a1": lambda s: s}),
    ),
    "a lost outcome": (
        lambda d: call(lacking(d)),
        r"'y' has 56 missing value\(s\); name those .* censored='lost', of data.assign\(lost=",
        lambda d: call(lacking(d).assign(lost=lacking(d)["y"].isna() * 1), censored="lost"),
    ),
    "a missing value of a unit that stayed": (
        lambda d: call(
            d.assign(x=d["x"].where(d.index != 4), lost=d.index % 9 == 0), censored="lost"
        ),
        r"column 'x' has 1 missing value\(s\), the first in row 4",
        lambda d: call(d.assign(lost=d.index % 9 == 0).drop(4), censored="lost"),
    ),
    "losses of another number": (
        lambda d: call(d.assign(l0=0, l1=0, l2=0), censored=["l0", "l1", "l2"]),
        r"censored names 3 column\(s\) for 2 treatment\(s\); .* one alone for those lost after",
        lambda d: call(d.assign(l0=0, l1=d.index % 9 == 0), censored=["l0", "l1"]),
    ),
    "losses that are not 0 or 1": (
        lambda d: call(d.assign(lost=d.index % 3), censored="lost"),
        "'lost' must be 0 or 1, found 2; recode it to 1 for those who were lost and 0 for those",
        lambda d: call(d.assign(lost=(d.index % 3 == 2) * 1), censored="lost"),
    ),
    "everybody lost": (
        lambda d: call(d.assign(lost=1), censored="lost"),
        "'lost' is 1 in all 500 rows, so there is no row of those who stayed",
        lambda d: call(d.assign(lost=d.index % 2), censored="lost"),
    ),
    "a weight of 0": (
        lambda d: call(d.assign(w=d["w"] - 1), weights="w"),
        r"'w' has a weight of 0; .* keep the rows above 0, data\[data\['w'\] > 0\]",
        lambda d: call(d.assign(w=d["w"] - 1)[lambda d: d["w"] > 0], weights="w"),
    ),
    "a method of another name": (
        lambda d: call(d, regime_difference, reference=OFF, method="ipw"),
        "method must be one of 'g_formula', 'weighting', 'doubly_robust', got 'ipw'",
        lambda d: call(d, regime_difference, reference=OFF, method="weighting"),
    ),
    "a model of another name": (
        lambda d: call(d, model="logistic"),
        "model must be one of 'linear', 'logit', got 'logistic'",
        lambda d: call(d, model="logit"),
    ),
    "a logit of another outcome": (
        lambda d: call(d.assign(y=d["y"] * 2), model="logit"),
        "'y' must be 0 or 1 for model='logit', found 2; .* use model='linear'",
        lambda d: call(d.assign(y=d["y"] * 2)),
    ),
    "interact as a list": (
        lambda d: call(d, interact=["x"]),
        r"interact must be True or False, got \['x'\]",
        lambda d: call(d, interact=False),
    ),
    "cells in another model": (
        lambda d: call(d, saturated="both"),
        "saturated must be one of 'outcome', 'treatments', got 'both'",
        lambda d: call(d, saturated="outcome"),
    ),
    "a variance of another name": (
        lambda d: call(d, variance="sandwich"),
        "variance must be one of 'stacked', 'bootstrap', got 'sandwich'",
        lambda d: call(d, variance="stacked"),
    ),
    "a variance of another name, of weights": (
        lambda d: call(d, weighted_regime_mean, variance="bootstrap"),
        "variance must be one of 'stacked', 'sandwich', got 'bootstrap'",
        lambda d: call(d, weighted_regime_mean, variance="sandwich"),
    ),
    "a bootstrap without a seed": (
        lambda d: call(d, variance="bootstrap", draws=3),
        "rng must be an int from 0 on",
        lambda d: call(d, variance="bootstrap", draws=3, rng=1),
    ),
    "one draw": (
        lambda d: call(d, variance="bootstrap", draws=1, rng=1),
        "draws must be 2 or more, got 1",
        lambda d: call(d, variance="bootstrap", draws=2, rng=1),
    ),
    "a level above 1": (
        lambda d: call(d, level=95),
        r"level must lie between 0 and 1, got 95",
        lambda d: call(d, level=0.95),
    ),
    "limits the wrong way round": (
        lambda d: call(d, regime_bounds, histories=[["old"], ["s"]], low=1, high=0),
        "low must be below high, got low=1 and high=0",
        lambda d: call(d, regime_bounds, histories=[["old"], ["s"]], low=0, high=1),
    ),
    "an outcome beyond the limits": (
        lambda d: call(d, regime_bounds, histories=[["old"], ["s"]], low=0, high=0.5),
        r"'y' holds 1, outside \[0, 0.5\]; widen low and high",
        lambda d: call(d, regime_bounds, histories=[["old"], ["s"]], low=0, high=1),
    ),
    "a modifier of something else": (
        lambda d: g_estimation(d, **SHORT, modifiers={"a2": "s"}),
        "modifiers must be one of 'a0', 'a1', got 'a2'",
        lambda d: g_estimation(d, **SHORT, modifiers={"a1": "s"}),
    ),
    "a modifier that is known later": (
        lambda d: g_estimation(d, **SHORT, modifiers={"a0": "s"}),
        r"modifiers\['a0'\] must be one of 'x', got 's'",
        lambda d: g_estimation(d, **SHORT, modifiers={"a0": "x"}),
    ),
}


@pytest.mark.parametrize("case", REMEDIES)
def test_a_refusal_says_what_to_do_and_that_works(case):
    refused, message, repaired = REMEDIES[case]
    data = short()
    with pytest.raises(ValueError, match=message):
        refused(data)
    assert fits(repaired(data))


def test_a_cell_without_a_unit_that_does_as_asked_is_named_and_its_units_are_counted():
    data = rare(short()).assign(old=lambda d: np.where(d["old"], "old", "young"))
    unseen = data[(data["a0"] == 1) & (data["s"] == 0)]
    first = unseen["old"].iloc[0]
    count = (unseen["old"] == first).sum()
    assert 0 < count < len(unseen)
    message = rf"no overlap: {count} unit\(s\) .* have old = {first} and a0 = 1 and s = 0, and none"
    with pytest.raises(ValueError, match=message):
        call(data, **RARE)


@pytest.mark.parametrize("options", [{}, {"saturated": True}, {"interact": False}])
def test_a_measure_out_of_reach_is_refused_in_every_model(options):
    data = short().assign(a1=lambda d: (d["x"] > 0) * 1)
    message = (
        r"no overlap: column 'x' lies between .* where 'a1' is 1, unlike in \d+ row\(s\) where"
    )
    with pytest.raises(ValueError, match=message):
        call(data, **options)


LONG = {"unit": "id", "time": "month", "varying": "drug"}
LONG_REMEDIES = {
    "a unit twice in a month": (
        lambda d: pd.concat([d, d.iloc[:1]]),
        r"id = 8 is seen more than once with month = 2 .* data.groupby\(\['id', 'month'\]",
        lambda d: d.groupby(["id", "month"], as_index=False).mean(numeric_only=True),
    ),
    "a month that a unit lacks": (
        lambda d: d.iloc[1:],
        r"id = 8 has no row for month = 2 \(1 such gap.* for censored=, or keep the units with all",
        lambda d: d[d.groupby("id")["month"].transform("size") == 2],
    ),
    "a fixed column that changes": (
        lambda d: d.assign(died=[1, 0, 0, 0]),
        r"'died' changes within id = 8 .* its last value, data.groupby\('id'\)\['died'\]",
        lambda d: d.assign(died=d.groupby("id")["died"].transform("last")),
    ),
    "months that are words": (
        lambda d: d.assign(month=d["month"].map({1: "one", 2: "two"})),
        r"'month' holds object values such as 'two', .* data\['month'\].map\(",
        lambda d: d.assign(month=d["month"].map({"two": 2, "one": 1})),
    ),
    "a name that is taken": (
        lambda d: d.rename(columns={"died": "drug_1"}),
        "there would be two columns 'drug_1'; rename one in data",
        lambda d: d.rename(columns={"drug_1": "died"}),
    ),
}


@pytest.mark.parametrize("case", LONG_REMEDIES)
def test_a_long_frame_is_refused_and_the_advice_works(case):
    broken, message, repair = LONG_REMEDIES[case]
    data = broken(months())
    fixed = [name for name in ("died", "drug_1") if name in data]
    with pytest.raises(ValueError, match=message):
        long_to_wide(data, **LONG, fixed=fixed)
    wide = long_to_wide(repair(data), **LONG, fixed="died")
    assert {"drug_0", "drug_1", "died"} <= set(wide)


def test_a_follower_with_a_vanishing_probability_is_refused(monkeypatch):
    fit = _following._regress_weighted

    def vanishing(*arguments, **options):
        found = fit(*arguments, **options)
        return found._replace(predicted=np.full_like(found.predicted, 1e-12))

    monkeypatch.setattr(_following, "_regress_weighted", vanishing)
    with pytest.raises(ValueError, match=r"no overlap: \d+ row\(s\) have the treatment that their"):
        weighted_regime_mean(short(), **SHORT, regime=ON)


def test_anything_but_a_frame_is_told_so():
    with pytest.raises(TypeError, match=r"data must be a pandas.DataFrame, got dict"):
        regime_mean(short().to_dict(), **SHORT, regime=ON)
    with pytest.raises(ValueError, match="no column 'lots' in data; did you mean 'lost'"):
        regime_mean(short().assign(lost=0), **SHORT, regime=ON, censored="lots")
