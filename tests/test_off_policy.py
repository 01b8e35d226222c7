"""Policies valued on logs: against exact truths, a published experiment and other formulas."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from confounded import fits, m_estimator
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm
from scipy.stats import t as student
from statsmodels.duration.survfunc import SurvfuncRight

from casestudies.recipes.off_policy import (
    doubly_robust_value,
    estimate_propensities,
    logging_audit,
    policy_bounds,
    policy_value,
    retention_curve,
    select_policy,
    support,
    value_difference,
)

LOG = {"outcome": "exit", "action": "stretch", "propensity": "old"}
NEW = LOG | {"target": "new"}
TAKEN = {"outcome": "exit", "propensity_taken": "old_taken", "target_taken": "new_taken"}
DRIVERS = ["talent", "prestige"]
CURVE = {"unit": "who", "time": "month", "event": "exit", "action": "stretch"}
CURVE = {**CURVE, "propensity": "old", "target": "new"}
STATES = ["strain", "prestige", "group"]


def exit_risk(talent, prestige, stretch):
    return expit(-1.6 + prestige - 0.3 * talent + stretch * (0.7 - 1.4 * talent))


def project(n, rng, legacy=lambda q, x: expit(-0.6 + 2 * q - 0.5 * x)):
    """Draw a month of assignments; the new policy stretches whoever has talent above 0.5."""
    rng = np.random.default_rng(rng)
    x = rng.normal(size=n)
    q = (rng.random(n) < expit(x)) * 1
    old = np.clip(legacy(q, x), 0, 1)
    a = (rng.random(n) < old) * 1
    y = (rng.random(n) < exit_risk(x, q, a)) * 1
    frame = {"talent": x, "prestige": q, "stretch": a, "old": old, "exit": y, "new": (x > 0.5) * 1}
    log = pd.DataFrame(frame)
    taken = {f"{name}_taken": np.where(a == 1, log[name], 1 - log[name]) for name in ("old", "new")}
    return log.assign(**taken)


def expected(value):
    """Integrate a function of talent and prestige over the world."""
    total = 0
    for q in (0, 1):

        def density(x, q=q):
            share = expit(x) if q else 1 - expit(x)
            return norm.pdf(x) * share * value(x, q)

        total += quad(density, -9, 0.5)[0] + quad(density, 0.5, 9)[0]
    return total


def exits_under(policy):
    def risk(x, q):
        share = policy(q, x)
        return share * exit_risk(x, q, 1) + (1 - share) * exit_risk(x, q, 0)

    return expected(risk)


# Exact exit rates: quadrature, by the author and here.
EXACT = {
    0.22732: lambda q, x: x > 0.5,
    0.36092: lambda q, x: expit(-0.6 + 2 * q - 0.5 * x),
    0.43090: lambda q, x: 1,
    0.25940: lambda q, x: 0,
}


def test_the_exact_values_are_those_of_quadrature():
    for value, policy in EXACT.items():
        assert exits_under(policy) == pytest.approx(value, abs=5e-6)


def test_in_a_large_log_every_estimator_finds_the_exact_value_and_agreeing_rows_do_not():
    log = project(300_000, rng=1)
    models = {"model": "logit", "adjust_for": DRIVERS}
    wrong = {"adjust_for": "prestige"}
    for found in (
        policy_value(log, **NEW),
        policy_value(log, **NEW, self_normalized=False),
        policy_value(log, **TAKEN),
        doubly_robust_value(log, **NEW, **models),
        doubly_robust_value(log, **NEW, **wrong),
    ):
        assert abs(found["estimate"] - 0.22732) < 4 * found["std_error"]
    agree = log["exit"][log["stretch"] == log["new"]]
    assert abs(agree.mean() - 0.19706) < 4 * agree.sem()
    assert abs(agree.mean() - 0.22732) > 4 * agree.sem()


def test_errors_and_coverage_over_many_logs_are_those_of_the_spread():
    rows = {"weights": [], "normalized": [], "doubly robust": []}
    for rng in range(200):
        log = project(2_000, rng=rng)
        rows["weights"].append(policy_value(log, **NEW, self_normalized=False))
        rows["normalized"].append(policy_value(log, **NEW))
        rows["doubly robust"].append(doubly_robust_value(log, **NEW, adjust_for=DRIVERS))
    for found in map(pd.DataFrame, rows.values()):
        spread = found["estimate"].std()
        assert abs(found["estimate"].mean() - 0.22732) < 4 * spread / np.sqrt(200)
        assert found["std_error"].mean() == pytest.approx(spread, rel=4 / np.sqrt(400))
        covered = (found["ci_low"] < 0.22732) & (found["ci_high"] > 0.22732)
        assert abs(covered.mean() - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)


# Hillstrom (2008): customers by what they bought before and the e-mail they got, and how many
# visited; counted in the file that the author published.
CELLS = {
    ("both", "men"): (2181, 687),
    ("both", "none"): (2149, 388),
    ("both", "women"): (2118, 533),
    ("men", "men"): (9558, 1615),
    ("men", "none"): (9638, 962),
    ("men", "women"): (9622, 1067),
    ("women", "men"): (9568, 1592),
    ("women", "none"): (9519, 912),
    ("women", "women"): (9647, 1638),
}
EMAILS = ("men", "women", "none")


def experiment():
    """Return the e-mail experiment, with a rule: to each the goods bought before, men's to both."""
    keys = np.repeat(list(CELLS), [n for n, _ in CELLS.values()], axis=0)
    visit = [
        part for n, visits in CELLS.values() for part in (np.ones(visits), np.zeros(n - visits))
    ]
    customers = pd.DataFrame(keys, columns=["bought", "email"]).assign(visit=np.concatenate(visit))
    customers["old"] = 1 / 3
    for email in EMAILS:
        rule = customers["bought"].replace("both", "men") == email
        customers[email] = rule * 1.0
    customers["rule"] = (customers["bought"].replace("both", "men") == customers["email"]) * 1
    return customers


EMAIL = {"outcome": "visit", "propensity_taken": "old"}


@pytest.mark.parametrize(
    ("email", "visits"), [("men", 0.18276), ("women", 0.15140), ("none", 0.10617)]
)
def test_each_arm_of_the_published_experiment_has_its_published_rate(email, visits):
    customers = experiment()
    customers["rule"] = (customers["email"] == email) * 1
    found = policy_value(customers, **EMAIL, target_taken="rule")
    assert found["estimate"] == pytest.approx(visits, abs=5e-6)


def test_the_rule_on_the_published_experiment_has_its_value_and_error():
    customers = experiment()
    found = policy_value(customers, **EMAIL, target_taken="rule")
    assert found["estimate"] == pytest.approx(0.18423, abs=5e-6)
    assert found["std_error"] == pytest.approx(0.00265, abs=5e-6)
    assert found["effective_n"] == 2181 + 9558 + 9647
    columns = {"action": "email", "target": {email: email for email in EMAILS}}
    robust = doubly_robust_value(customers, **EMAIL, **columns, adjust_for="bought")
    cells = {key: visits / n for key, (n, visits) in CELLS.items()}
    bought = customers["bought"].value_counts(normalize=True)
    by_hand = sum(
        bought[goods] * cells[goods, goods.replace("both", "men")] for goods in bought.index
    )
    assert robust["estimate"] == pytest.approx(by_hand)


def test_thinned_by_a_known_rule_the_experiment_still_tells_the_published_value():
    customers = experiment()
    own = {"men": 0.1, "women": 0.7, "none": 0.2}, {"men": 0.6, "women": 0.1, "none": 0.3}
    womens = customers["bought"] != "men"
    old = customers["email"].map(own[0]).where(womens, customers["email"].map(own[1]))
    kept = np.random.default_rng(5).random(len(old)) < old / 0.7
    log = customers.assign(old=old)[kept]
    found = policy_value(log, **EMAIL, target_taken="rule")
    assert abs(found["estimate"] - 0.18423) < 4 * found["std_error"]
    agree = log["visit"][log["rule"] == 1]
    assert abs(agree.mean() - 0.18423) > 4 * agree.sem()


def test_exact_proportions_give_the_exact_value():
    # Two kinds of people, p = 1/4 and 3/4, eight rows of each kind: worked by hand.
    log = pd.DataFrame({"kind": np.repeat([0, 1], 8), "a": [1] * 2 + [0] * 6 + [1] * 6 + [0] * 2})
    log["y"] = [3, 5, 6, 4, 6, 4, 6, 4, 7, 9, 8, 7, 9, 8, 1, 3]
    log["p"], log["new"] = 0.25 + 0.5 * log["kind"], 1 - log["kind"]
    exact = (4 + 2) / 2
    columns = {"outcome": "y", "action": "a", "propensity": "p", "target": "new"}
    for self_normalized in (True, False):
        found = policy_value(log, **columns, self_normalized=self_normalized)
        assert found["estimate"] == pytest.approx(exact)
        assert found["mean_weight"] == pytest.approx(1)
        assert found["effective_n"] == pytest.approx(4)
    assert doubly_robust_value(log, **columns, adjust_for="kind")["estimate"] == pytest.approx(
        exact
    )
    change = value_difference(log, **columns)
    assert change["estimate"] == pytest.approx(exact - log["y"].mean())


@pytest.mark.parametrize("cluster", [None, "prestige", "team"])
def test_error_of_a_self_normalized_value_is_that_of_robust_weighted_regression(cluster):
    log = project(500, rng=2).assign(team=np.arange(500) % 40)
    fit = sm.WLS(log["exit"], np.ones(500), weights=log["new_taken"] / log["old_taken"])
    options = {"groups": log[cluster], "use_correction": False} if cluster else {}
    fit = fit.fit(cov_type="cluster" if cluster else "HC0", cov_kwds=options or None)
    found = policy_value(log, **NEW, cluster=cluster)
    groups = log[cluster].nunique() if cluster else np.inf
    small = np.sqrt(groups / (groups - 1)) if cluster else 1
    assert found["estimate"] == pytest.approx(fit.params.iloc[0])
    assert found["std_error"] == pytest.approx(fit.bse.iloc[0] * small)
    margin = found["ci_high"] - found["estimate"]
    quantile = margin / found["std_error"]
    assert quantile == pytest.approx(student.ppf(0.975, groups - 1) if cluster else norm.ppf(0.975))


def test_error_of_a_plain_value_is_that_of_a_mean():
    log = project(500, rng=2)
    product = log["exit"] * log["new_taken"] / log["old_taken"]
    found = policy_value(log, **NEW, self_normalized=False, level=0.9)
    assert found["estimate"] == pytest.approx(product.mean())
    assert found["std_error"] == pytest.approx(product.std(ddof=0) / np.sqrt(500))
    assert found["ci_high"] == pytest.approx(product.mean() + 1.6448536 * found["std_error"])
    assert found["n"] == 500


@pytest.mark.parametrize("model", ["linear", "logit"])
def test_doubly_robust_value_and_error_are_those_of_the_stacked_equations(model):
    log = project(600, rng=3)
    x = sm.add_constant(log[DRIVERS]).to_numpy()
    a, y, pi = (log[name].to_numpy() for name in ("stretch", "exit", "new"))
    w = (log["new_taken"] / log["old_taken"]).to_numpy()
    curve = expit if model == "logit" else (lambda index: index)

    def equations(theta):
        beta = theta[:-1].reshape(2, -1)
        m0, m1 = curve(x @ beta[0]), curve(x @ beta[1])
        term = pi * m1 + (1 - pi) * m0 + w * (y - np.where(a == 1, m1, m0)) - theta[-1]
        residuals = ((1 - a) * (y - m0), a * (y - m1))
        return np.column_stack([*(x * r[:, None] for r in residuals), term])

    def fit(rows):
        if model == "linear":
            return sm.OLS(y[rows], x[rows]).fit().params
        return sm.Logit(y[rows], x[rows]).fit(disp=0, tol=1e-12).params

    theta = np.concatenate([fit(a == 0), fit(a == 1), [0]])
    theta[-1] = equations(theta)[:, -1].mean()
    found = doubly_robust_value(log, **NEW, adjust_for=DRIVERS, model=model)
    assert found["estimate"] == pytest.approx(theta[-1])
    assert found["std_error"] == pytest.approx(m_estimator(equations, theta), rel=1e-5)


def test_a_dict_of_two_actions_gives_what_their_columns_give():
    log = project(600, rng=3).assign(none=lambda d: 1 - d["new"], arm=lambda d: d["stretch"] + 5)
    found = doubly_robust_value(log, **NEW, adjust_for=DRIVERS)
    columns = {"outcome": "exit", "action": "arm", "propensity_taken": "old_taken"}
    again = doubly_robust_value(log, **columns, target={6: "new", 5: "none"}, adjust_for=DRIVERS)
    assert again.to_list() == pytest.approx(found.to_list())


def test_an_action_that_nobody_takes_needs_no_model():
    log = project(600, rng=3).assign(none=lambda d: 1 - d["new"], never=0)
    columns = {"outcome": "exit", "action": "stretch", "propensity_taken": "old_taken"}
    target = {1: "new", 0: "none", "pause": "never"}
    found = doubly_robust_value(log, **columns, target=target, adjust_for=DRIVERS)
    assert found.equals(doubly_robust_value(log, **NEW, adjust_for=DRIVERS))


def test_doubly_robust_value_forgives_one_wrong_model_and_not_two():
    log = project(200_000, rng=4)
    log["flat"] = log["stretch"].groupby(log["prestige"]).transform("mean")  # without talent
    wrong = LOG | {"propensity": "flat", "target": "new"}
    right = doubly_robust_value(log, **wrong, adjust_for=DRIVERS, model="logit")
    assert abs(right["estimate"] - 0.22732) < 4 * right["std_error"]
    weights = policy_value(log, **wrong)
    assert abs(weights["estimate"] - 0.22732) > 4 * weights["std_error"]
    both = doubly_robust_value(log, **wrong, adjust_for="prestige")
    assert abs(both["estimate"] - 0.22732) > 4 * both["std_error"]


@pytest.mark.parametrize("self_normalized", [True, False])
def test_error_of_a_difference_is_paired(self_normalized):
    log = project(500, rng=5).assign(all=1)
    y, w = log["exit"].to_numpy(), (log["new_taken"] / log["old_taken"]).to_numpy()
    v = (log["stretch"] / log["old"]).to_numpy()

    def equations(theta):
        new, other, difference = theta
        terms = (w * (y - new), v * (y - other))
        if not self_normalized:
            terms = (w * y - new, v * y - other)
        return np.column_stack([*terms, np.full(len(y), new - other - difference)])

    options = {"self_normalized": self_normalized}
    new, other = (
        policy_value(log, **LOG, target=name, **options)["estimate"] for name in ("new", "all")
    )
    found = value_difference(log, **NEW, reference="all", **options)
    assert found["estimate"] == pytest.approx(new - other)
    error = m_estimator(equations, [new, other, new - other])
    assert found["std_error"] == pytest.approx(error, rel=1e-6)


def test_the_default_reference_is_the_old_policy():
    log = project(500, rng=5).assign(same=lambda d: d["old"])
    found = value_difference(log, **NEW)
    assert found.to_list() == pytest.approx(
        value_difference(log, **NEW, reference="same").to_list()
    )
    gap = policy_value(log, **NEW)["estimate"] - log["exit"].mean()
    assert found["estimate"] == pytest.approx(gap)


def test_without_support_the_bounds_hold_the_truth_and_the_mean_weight_gives_it_away():
    # Legacy stretches everybody on prestige. Exact: 27% without support, weights 0.1267,
    # self-normalized 0.1735, bounds [0.1267, 0.3966].
    always = {"legacy": lambda q, x: np.where(q == 1, 1.0, expit(-0.6 - 0.5 * x))}
    log = project(300_000, rng=6, **always)
    lost = expected(lambda x, q: q * (x <= 0.5))
    shown = support(log, **{role: NEW[role] for role in ("action", "propensity", "target")}).iloc[0]
    error = np.sqrt(lost * (1 - lost) / 300_000)
    assert abs(shown["unsupported"] - lost) < 4 * error
    assert lost == pytest.approx(0.27, abs=0.005)
    w = log["new_taken"] / log["old_taken"]
    assert abs(shown["mean_weight"] - (1 - lost)) < 4 * w.sem()
    plain = policy_value(log, **NEW, self_normalized=False)
    assert abs(plain["estimate"] - 0.1267) < 4 * plain["std_error"]
    ratio = policy_value(log, **NEW)
    assert abs(ratio["estimate"] - 0.1735) < 4 * ratio["std_error"]
    bounds = policy_bounds(log, **NEW, low=0, high=1)
    assert abs(bounds["set_low"] - 0.1267) < 4 * plain["std_error"]
    assert abs(bounds["set_high"] - 0.3966) < 4 * plain["std_error"]
    assert bounds["set_low"] < 0.22732 < bounds["set_high"]
    assert bounds["unsupported"] == shown["unsupported"]


def test_ends_of_the_bounds_have_the_error_of_stacked_equations():
    always = {"legacy": lambda q, x: np.where(q == 1, 1.0, expit(-0.6 - 0.5 * x))}
    log = project(500, rng=7, **always)
    y, w = log["exit"].to_numpy(), (log["new_taken"] / log["old_taken"]).to_numpy()
    lost = ((log["old"] == 1) * (1 - log["new"])).to_numpy()
    found = policy_bounds(log, **NEW, low=-1, high=2)
    for end, side, sign in ((-1, "low", -1), (2, "high", 1)):

        def equations(theta, end=end):
            value, share, bound = theta
            terms = w * (y - value), lost - share
            rest = np.full(len(y), (1 - share) * value + share * end - bound)
            return np.column_stack([*terms, rest])

        value, share = np.average(y, weights=w), lost.mean()
        bound = (1 - share) * value + share * end
        error = m_estimator(equations, [value, share, bound])
        assert found[f"set_{side}"] == pytest.approx(bound)
        assert found[f"ci_{side}"] == pytest.approx(bound + sign * 1.959964 * error, rel=1e-6)
    taken = policy_bounds(log.assign(lost=lost), **TAKEN, low=-1, high=2, unsupported="lost")
    assert taken.to_list() == pytest.approx(found.to_list())


def test_with_full_support_the_bounds_are_the_value():
    log = project(500, rng=7)
    bounds, value = policy_bounds(log, **NEW, low=0, high=1), policy_value(log, **NEW)
    assert bounds["set_low"] == bounds["set_high"] == pytest.approx(value["estimate"])
    assert bounds[["ci_low", "ci_high"]].to_list() == pytest.approx(
        value[["ci_low", "ci_high"]].to_list()
    )


def test_support_by_period_worked_by_hand():
    log = pd.DataFrame({"stretch": [1, 1, 0, 1], "old": [1, 0.8, 0, 0.5], "new": [0, 1, 0.5, 1]})
    log["year"] = [2001, 2001, 2002, 2002]
    columns = {"action": "stretch", "propensity": "old", "target": "new"}
    found = support(log, **columns, time="year")
    # weights 0 and 1.25, then 0.5 and 2
    assert found["n"].to_list() == [2, 2]
    assert found["effective_n"].to_list() == pytest.approx([1, 2.5**2 / 4.25])
    assert found["mean_weight"].to_list() == pytest.approx([0.625, 1.25])
    assert found["largest_weight"].to_list() == pytest.approx([1.25, 2])
    assert found["unsupported"].to_list() == pytest.approx([0.5, 0.25])
    assert found.index.name == "year"
    whole = support(log, **columns)
    assert whole.loc["all", "effective_n"] == pytest.approx(3.75**2 / (1.25**2 + 4.25))
    taken = log.assign(p=[1, 0.8, 1, 0.5], q=[0, 1, 0.5, 1])
    anew = support(taken, propensity_taken="p", target_taken="q").iloc[0]
    assert anew.drop("unsupported").to_list() == whole.iloc[0].drop("unsupported").to_list()
    assert np.isnan(anew["unsupported"])


def bugged(n, rng):
    """Draw 24 months; from month 13 on the old rule is another than the one still logged."""
    log = project(n, rng=rng).assign(month=np.arange(n) % 24 + 1)
    changed = project(n, rng=rng, legacy=lambda q, x: expit(0.9 + 0.2 * q + 0.5 * x))
    later = log["month"] > 12
    return log.assign(
        stretch=changed["stretch"].where(later, log["stretch"]), half=np.where(later, 2, 1)
    )


def test_the_audit_finds_the_month_from_which_the_log_is_wrong():
    log = bugged(48_000, rng=8)
    columns = {"action": "stretch", "propensity": "old"}
    found = logging_audit(log, **columns, time="half")
    old = EXACT[0.36092]
    odds = {
        1: expected(lambda x, q: expit(0.9 + 0.2 * q + 0.5 * x) / old(q, x)),
        0: expected(lambda x, q: (1 - expit(0.9 + 0.2 * q + 0.5 * x)) / (1 - old(q, x))),
    }
    for action, exact in odds.items():
        right, wrong = found.loc[(1, action)], found.loc[(2, action)]
        assert abs(right["mean"] - 1) < 4 * right["std_error"]
        assert right["p_value"] > 1e-4
        assert abs(wrong["mean"] - exact) < 4 * wrong["std_error"]
        assert wrong["p_value"] < 1e-9
    monthly = logging_audit(log, **columns, time="month").xs(1, level="stretch")
    assert (monthly["p_value"] < 1e-4).to_list() == [False] * 12 + [True] * 12
    assert "'old'" in found.attrs["null"]


def test_audit_worked_by_hand():
    log = pd.DataFrame({"stretch": [1, 1, 0, 0, 1], "old": [0.5, 0.8, 0.2, 0, 1]})
    found = logging_audit(log, action="stretch", propensity="old")
    terms = np.array([2, 1.25, 0, 1])  # the row with p = 0 has no term
    one = found.loc[("all", 1)]
    assert one[["n", "mean"]].to_list() == pytest.approx([4, terms.mean()])
    assert one["std_error"] == pytest.approx(terms.std(ddof=1) / 2)
    z = (terms.sum() - 4) / np.sqrt(1 + 0.25 + 4)
    assert one["z"] == pytest.approx(z)
    assert one["p_value"] == pytest.approx(2 * norm.sf(abs(z)))
    none = found.loc[("all", 0)]  # 0, 0, 1.25 and 1; the row with p = 1 has no term
    assert none[["n", "mean"]].to_list() == pytest.approx([4, 2.25 / 4])


def test_periods_of_an_audit_keep_the_order_of_their_categories():
    names = ["Jan", "Feb", "Jan", "Feb", "Jan"]
    months = pd.Categorical(names, ["Jan", "Feb", "Mar"], ordered=True)
    log = pd.DataFrame({"stretch": [0, 1, 1, 0, 0], "old": [0, 0.5, 0.8, 0.5, 0.6]})
    log["month"] = months
    columns = {"action": "stretch", "propensity": "old", "time": "month"}
    found = logging_audit(log, **columns)
    assert found.index.to_list() == [("Jan", 1), ("Jan", 0), ("Feb", 1), ("Feb", 0)]
    assert found.index.names == ["month", "stretch"]
    numbered = logging_audit(log.assign(month=months.codes), **columns)
    assert np.array_equal(found.to_numpy(), numbered.to_numpy())
    assert found["mean"].to_list() == pytest.approx([1.25 / 2, 3.5 / 3, 1, 1])
    never = log.assign(old=log["old"].where(months == "Feb", 0), stretch=[0, 1, 0, 0, 0])
    assert logging_audit(never, **columns).index.to_list() == [("Jan", 0), ("Feb", 1), ("Feb", 0)]


def test_p_values_of_the_audit_are_uniform_where_the_log_is_right():
    log = project(200_000, rng=9).assign(batch=np.arange(200_000) % 400)
    found = logging_audit(log, action="stretch", propensity="old", time="batch")
    for action in (0, 1):
        p = found.xs(action, level="stretch")["p_value"]
        assert abs((p < 0.05).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 400)


def test_the_best_of_many_is_too_good_on_the_half_that_chose_it_only():
    def chosen(rng):
        source = np.random.default_rng(rng)
        log = project(500, rng=rng)
        rules = {f"rule {i}": source.integers(0, 2, 500) for i in range(30)}
        log = log.assign(**rules)
        columns = LOG | {"candidates": list(rules), "rng": rng, "highest": False}
        return select_policy(log, **columns)[["estimate", "claimed", "std_error"]]

    found = pd.DataFrame([chosen(rng) for rng in range(100)])
    # A rule that tosses a coin has the mean of all and none: 0.34515.
    error = found["estimate"].std() / np.sqrt(100)
    assert abs(found["estimate"].mean() - 0.34515) < 4 * error
    assert found["claimed"].mean() < 0.34515 - 4 * error
    assert found["std_error"].mean() == pytest.approx(found["estimate"].std(), rel=0.3)


def test_the_chosen_policy_is_the_best_of_its_half_and_valued_on_the_other():
    log = project(400, rng=10).assign(all=1, none=0, team=np.arange(400) // 4)
    names = ["all", "none", "new"]
    for cluster in (None, "team"):
        columns = LOG | {"candidates": names, "cluster": cluster}
        found = select_policy(log, **columns, rng=np.random.default_rng(3), highest=False)
        codes = np.arange(400) if cluster is None else log["team"].to_numpy()
        first = (np.random.default_rng(3).permutation(codes[-1] + 1) < (codes[-1] + 1) // 2)[codes]
        values = {name: policy_value(log[first], **LOG, target=name)["estimate"] for name in names}
        best = min(values, key=values.get)
        assert found.attrs["policy"] == best
        assert found["claimed"] == pytest.approx(values[best])
        rest = policy_value(log[~first], **LOG, target=best, cluster=cluster)
        assert found[rest.index].to_list() == pytest.approx(rest.to_list())
    highest = select_policy(log, **LOG, candidates=names, rng=3)
    assert highest.attrs["policy"] == "all"
    taken = {"outcome": "exit", "propensity_taken": "old_taken"}
    log["other"] = 1 - log["new_taken"]
    assert fits(select_policy(log, **taken, candidates=["new_taken", "other"], rng=3))


def test_estimated_propensities_are_those_of_a_logit():
    log = project(500, rng=11)
    fit = sm.Logit(log["stretch"], sm.add_constant(log[DRIVERS])).fit(disp=0, tol=1e-12)
    found = estimate_propensities(
        log.set_index("talent", drop=False), action="stretch", adjust_for=DRIVERS
    )
    assert found["propensity"].to_list() == pytest.approx(fit.predict().tolist())
    own = np.where(log["stretch"] == 1, found["propensity"], 1 - found["propensity"])
    assert found["propensity_taken"].to_list() == pytest.approx(own.tolist())
    assert found.index.tolist() == log["talent"].tolist()


def test_with_estimated_propensities_the_default_error_is_too_large_and_not_too_small():
    def both(rng):
        log = project(1_000, rng=rng)
        guess = estimate_propensities(log, action="stretch", adjust_for=DRIVERS)
        columns = NEW | {"propensity": "guess", "self_normalized": False}
        known = policy_value(log, **NEW, self_normalized=False)
        return [known["estimate"], *policy_value(log.assign(guess=guess["propensity"]), **columns)]

    found = np.array([both(rng) for rng in range(300)])
    known, estimated, error = found[:, 0].std(), found[:, 1].std(), found[:, 2].mean()
    assert estimated < known * (1 - 1 / np.sqrt(600))
    assert estimated < error * (1 - 1 / np.sqrt(600))
    assert abs(found[:, 1].mean() - 0.22732) < 4 * estimated / np.sqrt(300)


def legacy(prestige, strain):
    return expit(-0.8 + 1.6 * prestige - 0.6 * strain)


def with_odds(times):
    def policy(prestige, strain):
        odds = times * legacy(prestige, strain) / (1 - legacy(prestige, strain))
        return odds / (1 + odds)

    return policy


def quits(strain, stretch, group):
    return expit(-4.6 + 0.9 * strain - 0.8 * stretch - 0.3 * group)


def curve_under(policy, months=24):
    """Carry the shares in each strain forward, exactly."""
    alive = np.zeros(months)
    for group in (0, 1):
        for prestige in (0, 1):
            likely = 0.3 + 0.4 * group
            share = np.array([0.5 * (likely if prestige else 1 - likely), 0, 0])
            for month in range(months):
                following = np.zeros(3)
                for strain, stretch in np.ndindex(3, 2):
                    p = policy(prestige, strain)
                    stay = share[strain] * (p if stretch else 1 - p)
                    stay *= 1 - quits(strain, stretch, group)
                    moves = 0.45 - 0.15 * group if stretch else 0.40
                    goes = min(strain + 1, 2) if stretch else max(strain - 1, 0)
                    following[goes] += stay * moves
                    following[strain] += stay * (1 - moves)
                share = following
                alive[month] += share.sum()
    return alive


# Retained at month 24, by the author and here.
POLICIES = {
    "legacy": (0.7140, legacy),
    "always": (0.6259, lambda q, s: 1.0),
    "rested": (0.7536, lambda q, s: 1.0 * (s == 0)),
    "never": (0.8117, lambda q, s: 0.0),
    "half": (0.7504, with_odds(0.5)),
}


def careers(n, rng, months=24):
    """Draw months of assignments that strain, until people leave."""
    rng = np.random.default_rng(rng)
    group = rng.random(n) < 0.5
    prestige = rng.random(n) < 0.3 + 0.4 * group
    strain, alive, parts = np.zeros(n, int), np.ones(n, bool), []
    for month in range(1, months + 1):
        old = legacy(prestige, strain)
        stretch = rng.random(n) < old
        leaves = rng.random(n) < quits(strain, stretch, group)
        frame = {"who": np.arange(n), "month": month, "group": group * 1, "strain": strain}
        frame |= {"prestige": prestige * 1, "stretch": stretch * 1, "old": old, "exit": leaves * 1}
        parts.append(pd.DataFrame(frame)[alive])
        u = rng.random(n)
        up = np.minimum(strain + (u < 0.45 - 0.15 * group), 2)
        strain = np.where(stretch, up, np.maximum(strain - (u < 0.4), 0))
        alive = alive & ~leaves
    return pd.concat(parts, ignore_index=True)


def under(log, name):
    return log.assign(new=POLICIES[name][1](log["prestige"], log["strain"]))


def test_the_exact_curves_end_where_they_should():
    for exact, policy in POLICIES.values():
        assert curve_under(policy)[-1] == pytest.approx(exact, abs=5e-5)


def test_in_many_careers_both_curves_are_the_exact_ones():
    log = careers(20_000, rng=1)
    half = under(log, "half")
    for found in (retention_curve(half, **CURVE), retention_curve(half, **CURVE, states=STATES)):
        gap = found["estimate"] - curve_under(POLICIES["half"][1])
        assert (np.abs(gap) < 4 * found["std_error"]).all()
        assert found.index.to_list() == list(range(1, 25))
        assert found["n"].iloc[-1] == (log["month"] == 24).sum()
    for name in ("always", "rested", "never"):
        found = retention_curve(under(log, name), **CURVE, states=["strain", "group"])
        gap = found["estimate"] - curve_under(POLICIES[name][1])
        assert (np.abs(gap) < 4 * found["std_error"]).all()


def test_errors_of_both_curves_are_the_spread_and_effective_sizes_those_stated():
    # 3,000 people, odds halved: effective sizes 1,624, 888 and 274 at months 6, 12 and 24.
    exact, rows, held = curve_under(POLICIES["half"][1])[-1], [], []
    quarter = curve_under(with_odds(0.25))[-1]
    for rng in range(30):
        log = under(careers(3_000, rng=100 + rng), "half")
        weighted, formula = (
            retention_curve(log, **CURVE, **more) for more in ({}, {"states": STATES})
        )
        sizes = weighted["effective_n"].loc[[6, 12, 24]]
        few = log.assign(new=with_odds(0.25)(log["prestige"], log["strain"]))
        few = retention_curve(few, **CURVE).loc[24]
        held.append(few["ci_low"] < quarter < few["ci_high"])
        rows.append([*weighted.loc[24].iloc[:2], *formula.loc[24].iloc[:2], *sizes])
    found = np.array(rows)
    for estimate, error in ((found[:, 0], found[:, 1]), (found[:, 2], found[:, 3])):
        assert abs(estimate.mean() - exact) < 4 * estimate.std() / np.sqrt(30)
        assert error.mean() == pytest.approx(estimate.std(), rel=4 / np.sqrt(60))
    spread = found[:, 4:].std(axis=0) / np.sqrt(30)
    assert (np.abs(found[:, 4:].mean(axis=0) - [1624, 888, 274]) < 6 * spread).all()
    # The docstring's share of 1,000 logs, where few are effective
    assert abs(np.mean(held) - 0.827) < 4 * np.sqrt(0.827 * 0.173 / 30)


def test_under_the_old_policy_the_curve_and_its_error_are_those_of_kaplan_and_meier():
    log = careers(400, rng=2).assign(new=lambda d: d["old"])
    log = log[log["month"] <= 1 + log["who"] % 24]  # people are followed for 1 to 24 months
    found = retention_curve(log, **CURVE)
    ends = log.groupby("who").agg({"month": "max", "exit": "max"})
    curve = SurvfuncRight(ends["month"], ends["exit"])
    at = found.loc[curve.surv_times]
    assert at["estimate"].to_list() == pytest.approx(curve.surv_prob.tolist())
    assert at["std_error"].to_list() == pytest.approx(curve.surv_prob_se.tolist())
    assert found["effective_n"].to_list() == pytest.approx(found["n"].to_list())


def test_error_of_the_weighted_curve_is_that_of_stacked_equations():
    log = under(careers(300, rng=3, months=4), "half")
    own = {name: np.where(log["stretch"] == 1, log[name], 1 - log[name]) for name in ("old", "new")}
    ratio = pd.Series(own["new"] / own["old"]).groupby(log["who"]).cumprod()
    frame = pd.DataFrame({"weight": ratio, "exit": log["exit"], **log[["who", "month"]]})
    weights, exits = (
        frame.pivot_table(name, "who", "month", fill_value=0).to_numpy()
        for name in ("weight", "exit")
    )

    def equations(theta):
        share = np.prod(1 - theta[:4]) - theta[4]
        return np.column_stack([weights * (exits - theta[:4]), np.full(len(weights), share)])

    hazard = (weights * exits).sum(axis=0) / weights.sum(axis=0)
    found = retention_curve(log, **CURVE).loc[4]
    assert found["estimate"] == pytest.approx(np.prod(1 - hazard))
    error = m_estimator(equations, [*hazard, np.prod(1 - hazard)])
    assert found["std_error"] == pytest.approx(error, rel=1e-6)


def test_with_whole_histories_as_states_the_g_formula_is_weighting_by_observed_shares():
    log = careers(2_000, rng=4, months=2)
    log["before"] = log.groupby("who")["stretch"].shift(fill_value=0)
    log["history"] = log.groupby(["month", "group", "prestige", "strain", "before"]).ngroup()
    log["old"] = log.groupby("history")["stretch"].transform("mean")
    log = under(log, "half")
    weighted = retention_curve(log, **CURVE)
    formula = retention_curve(log, **CURVE, states="history")
    assert formula["estimate"].to_list() == pytest.approx(weighted["estimate"].to_list())


def drift(n, rng, months=4):
    """Draw months in which a state decides on the exit, and the action on the next state."""
    rng = np.random.default_rng(rng)
    state, parts, alive = rng.random(n) < 0.4, [], np.ones(n, bool)
    for month in range(months):
        stretch, leaves = rng.random(n) < 0.5, rng.random(n) < 0.05 + 0.45 * state
        frame = {"who": np.arange(n), "month": month, "state": state * 1, "stretch": stretch * 1}
        parts.append(pd.DataFrame({**frame, "exit": leaves * 1})[alive])
        state, alive = rng.random(n) < 0.1 + 0.4 * stretch + 0.3 * state, alive & ~leaves
    return pd.concat(parts, ignore_index=True).assign(old=0.5)


def test_error_of_the_g_formula_is_that_of_the_jackknife():
    log = drift(200, rng=5).assign(new=lambda d: 0.9 - 0.6 * d["state"])
    log = log[log["month"] <= 1 + log["who"] % 7]  # people are followed for 2 to 4 months
    columns = CURVE | {"states": "state"}
    found = retention_curve(log, **columns)
    left = np.array(
        [retention_curve(log[log["who"] != who], **columns)["estimate"] for who in range(200)]
    )
    jackknife = np.sqrt(199 / 200 * np.square(left - left.mean(axis=0)).sum(axis=0))
    assert found["std_error"].to_list() == pytest.approx(jackknife.tolist(), rel=0.02)


def test_the_logged_probabilities_do_not_move_the_g_formula():
    log = under(careers(2_000, rng=6, months=6), "half")
    found = retention_curve(log, **CURVE, states=STATES)
    anew = retention_curve(log.assign(old=0.4), **CURVE, states=STATES)
    assert anew.equals(found)


def test_a_policy_that_nobody_follows_to_the_end_is_refused_and_never_a_zero():
    log = under(careers(3_000, rng=7), "always")
    message = (
        r"column 'new': no unit of 3000 followed the new policy through month = \d+ and stayed"
    )
    with pytest.raises(ValueError, match=message) as refused:
        retention_curve(log, **CURVE)
    end = int(str(refused.value).partition("the periods before ")[2].partition(",")[0])
    early = retention_curve(log[log["month"] < end], **CURVE)
    assert (early["effective_n"] > 0).all()
    assert fits(early.iloc[-1])
    assert fits(retention_curve(log, **CURVE, states=STATES))


def test_a_last_follower_who_leaves_in_the_last_period_is_no_curve_of_zero():
    log = pd.DataFrame({"who": [1, 1, 2, 2, 3, 4], "month": [1, 2, 1, 2, 1, 1]})
    log = log.assign(exit=[0, 1, 0, 0, 1, 0], stretch=[1, 1, 1, 0, 1, 0], old=0.5, new=1)
    with pytest.raises(ValueError, match=r"no unit of 4 followed .* month = 2 and stayed"):
        retention_curve(log, **CURVE)
    assert fits(retention_curve(log[log["month"] < 2], **CURVE))


def test_until_the_first_event_that_counts_there_is_no_error():
    log = careers(300, rng=8, months=3).query("month > 1 or exit == 0")
    found = retention_curve(under(log, "half"), **CURVE)
    assert found["estimate"].iloc[0] == 1
    assert found.loc[1, ["std_error", "ci_low", "ci_high"]].isna().all()
    assert fits(found.loc[2:])


def as_taken(log):
    return log.assign(old=log["old_taken"])


def test_propensities_of_the_action_taken_are_refused_with_what_turns_them():
    for rng in range(20):
        right = project(2_000, rng=rng)
        for call in (policy_value, value_difference):
            with pytest.raises(
                ValueError, match=r"'old' is .* if 'old' is the probability"
            ) as told:
                call(as_taken(right), **NEW)
        remedy = str(told.value).partition("that of action 1 is ")[2].partition(", which")[0]
        turned = as_taken(right).assign(old=eval(remedy, {"data": as_taken(right)}))
        assert turned["old"].to_list() == pytest.approx(right["old"].to_list())
        assert fits(policy_value(turned, **NEW))


def test_a_constant_probability_of_the_action_taken_is_refused_in_small_logs_already():
    log = project(100, rng=1, legacy=lambda q, x: np.full(len(x), 1 / 3))
    message = r"'old' is 0.667 on average where it is at least 0.5, and action 1 was taken in 0.000"
    with pytest.raises(ValueError, match=message):
        policy_value(as_taken(log), **NEW)
    assert fits(policy_value(log, **NEW))


@pytest.mark.parametrize("bend", [0.3, 1, 3])
def test_honest_propensities_are_never_taken_for_others(bend):
    worlds = {"legacy": lambda q, x: expit(bend * (-0.6 + 2 * q - 1.5 * x))}
    for rng in range(100):
        assert fits(policy_value(project(300, rng=rng, **worlds), **NEW).drop("std_error"))
    assert fits(policy_value(bugged(20_000, rng=12), **NEW))


def spoiled(log, name, value):
    """Give one row another value."""
    return log.assign(**{name: np.where(np.arange(len(log)) == 3, value, log[name])})


MANY = {"outcome": "exit", "action": "stretch", "propensity_taken": "old_taken"}
BOTH = {"target": {1: "new", 0: "none"}, "adjust_for": "prestige"}


def in_dict(log, **more):
    return doubly_robust_value(log, **{**MANY, **BOTH, **more})


THREE = {1: "new", 0: "none", 2: "two"}
ASKED = {role: NEW[role] for role in ("action", "propensity", "target")}
REMEDIES = [
    (
        lambda d: policy_value(d, outcome="exit", action="stretch", propensity="old"),
        "name action= and propensity= and target= of a log with two actions, or propensity_taken= "
        "and target_taken= .* got action=, propensity=",
        lambda d: policy_value(d, **NEW),
    ),
    (
        lambda d: policy_value(d, **NEW, target_taken="new_taken"),
        "got action=, propensity=, target=, target_taken=",
        lambda d: policy_value(d, **TAKEN),
    ),
    (
        lambda d: support(d),
        "got neither",
        lambda d: support(d, **ASKED),
    ),
    (
        lambda d: policy_value(d, **NEW | {"target": "exit"}),
        "column 'exit' is given more than one role, target and outcome",
        lambda d: policy_value(d, **NEW),
    ),
    (
        lambda d: policy_value(d.assign(old=d["old"] * 100), **NEW),
        r"column 'old' holds [\d.]+, one of 100 value\(s\) outside \[0, 1\]; .*data\['old'\] / 100",
        lambda d: policy_value(d.assign(old=(d["old"] * 100) / 100), **NEW),
    ),
    (
        lambda d: policy_value(spoiled(d, "new", -0.1), **NEW),
        r"column 'new' holds -0.1, one of 1 value\(s\) outside \[0, 1\]",
        lambda d: policy_value(d, **NEW),
    ),
    (
        lambda d: policy_value(spoiled(d, "old_taken", 0), **TAKEN),
        r"'old_taken' gives probability 0 to the action that was taken in 1 row\(s\), the first in "
        "place 3; correct the log, or drop such rows",
        lambda d: policy_value(d.drop(index=3), **TAKEN),
    ),
    (
        lambda d: logging_audit(
            spoiled(d, "old", 1 - d["stretch"]), action="stretch", propensity="old"
        ),
        r"'old' gives probability 0 .* in 1 row\(s\).*if 'old' is the probability of the action",
        lambda d: logging_audit(d.drop(index=3), action="stretch", propensity="old"),
    ),
    (
        lambda d: policy_value(d.assign(new=1 - d["stretch"]), **NEW),
        "column 'new': the new policy takes none of the 100 actions in the log",
        lambda d: policy_value(d.assign(new=0.5), **NEW),
    ),
    (
        lambda d: policy_value(d.assign(exit=d["exit"] * (1 - d["new_taken"])), **NEW),
        r"column 'exit' is 0 in all \d+ row\(s\) whose action the new policy may take",
        lambda d: policy_value(d.assign(exit=d["exit"] * (1 - d["new_taken"]), new=0.5), **NEW),
    ),
    (
        lambda d: policy_value(d.assign(team=d["new_taken"]), **NEW, cluster="team"),
        "column 'team': all rows whose action the new policy may take are of cluster 1",
        lambda d: policy_value(d.assign(team=np.arange(100) // 5), **NEW, cluster="team"),
    ),
    (
        lambda d: policy_value(d.replace({"stretch": {0: 2}}), **NEW),
        "column 'stretch' must be 0 or 1, found 2; recode it to 1 for the other and 0 for one",
        lambda d: policy_value(d, **NEW),
    ),
    (
        lambda d: value_difference(d.assign(same=d["new"]), **NEW, reference="same"),
        "column 'new' and the reference give every action of the log the same probability",
        lambda d: value_difference(d, **NEW),
    ),
    (
        lambda d: doubly_robust_value(d, **MANY, target_taken="new_taken", adjust_for="prestige"),
        "needs adjust_for= and the new policy's probability of each one.*target_taken= alone",
        lambda d: in_dict(d),
    ),
    (
        lambda d: doubly_robust_value(d, **NEW, adjust_for=[]),
        "it needs adjust_for=",
        lambda d: policy_value(d, **NEW),
    ),
    (
        lambda d: doubly_robust_value(d, **NEW, adjust_for="prestige", model="forest"),
        "model must be one of 'linear', 'logit', got 'forest'",
        lambda d: doubly_robust_value(d, **NEW, adjust_for="prestige", model="logit"),
    ),
    (
        lambda d: in_dict(d, propensity_taken=None),
        "target= is a dict, of more than two actions; name propensity_taken=",
        in_dict,
    ),
    (
        lambda d: in_dict(d.assign(none=0.3)),
        r"the columns 'new', 'none' sum to (0.3|1.3) in a row",
        in_dict,
    ),
    (
        lambda d: in_dict(d.assign(stretch=d["stretch"] + 1)),
        "column 'stretch' holds 2, which target= does not name; add it, with a column of zeros",
        lambda d: in_dict(
            d.assign(stretch=d["stretch"] + 1, two=1 - d["new"], none=0), target=THREE
        ),
    ),
    (
        lambda d: in_dict(d.assign(none=d["none"] / 2, two=d["none"] / 2), target=THREE),
        "column 'stretch' never holds 2, which the new policy takes with probability 0.5 in a row",
        lambda d: in_dict(d, target=THREE),
    ),
    (
        lambda d: policy_bounds(d, **NEW, low=0, high=0.5),
        r"column 'exit' holds 1, outside low=0 and high=0.5, one of \d+ such value\(s\)",
        lambda d: policy_bounds(d, **NEW, low=0, high=1),
    ),
    (
        lambda d: policy_bounds(d, **NEW, low=0, high=np.inf),
        "high must be a finite number, got inf",
        lambda d: policy_bounds(d, **NEW, low=0, high=1),
    ),
    (
        lambda d: policy_bounds(d, **TAKEN, low=0, high=1),
        "unsupported= goes with target_taken=, and with that only",
        lambda d: policy_bounds(d.assign(lost=0), **TAKEN, low=0, high=1, unsupported="lost"),
    ),
    (
        lambda d: select_policy(d, **LOG, candidates="new", rng=1),
        r"candidates has 1 column\(s\); give two policies or more",
        lambda d: select_policy(d, **LOG, candidates=["new", "none"], rng=1),
    ),
    (
        lambda d: select_policy(d, **LOG, candidates=["new", "none"], rng=1, highest="lowest"),
        "highest must be True or False, got 'lowest'",
        lambda d: select_policy(d, **LOG, candidates=["new", "none"], rng=1, highest=False),
    ),
    (
        lambda d: policy_value(d, **NEW, self_normalized="no"),
        "self_normalized must be True or False, got 'no'",
        lambda d: policy_value(d, **NEW, self_normalized=np.False_),
    ),
    (
        lambda d: in_dict(d, propensity="old"),
        "target= is a dict, of any number; leave propensity= out beside propensity_taken=",
        in_dict,
    ),
    (
        lambda d: in_dict(d, target={}),
        r"target has 0 action\(s\); name each action that may be taken, with the column",
        in_dict,
    ),
    (
        lambda d: select_policy(d, **LOG, candidates=["new", "none"], rng="one"),
        "rng must be .* got 'one'",
        lambda d: select_policy(d, **LOG, candidates=["new", "none"], rng=1),
    ),
    (
        lambda d: estimate_propensities(
            d.assign(sure=d["stretch"]), action="stretch", adjust_for="sure"
        ),
        "no overlap: column 'sure'",
        lambda d: estimate_propensities(d, action="stretch", adjust_for=DRIVERS),
    ),
]


@pytest.mark.parametrize(("call", "message", "repaired"), REMEDIES)
def test_unfit_logs_are_refused_and_the_advice_works(call, message, repaired):
    log = project(100, rng=13).assign(none=lambda d: 1 - d["new"], two=0)
    with pytest.raises(ValueError, match=message):
        call(log)
    assert fits(repaired(log))


def doubled(log):
    return pd.concat([log, log.iloc[[5, 9]]], ignore_index=True)


def gapped(log):
    """Take out the second month of three people who stayed beyond."""
    stayed = log["who"].isin(log["who"][log["month"] == 3].unique()[:3])
    return log[~(stayed & (log["month"] == 2))]


def early(log):
    """Mark an event in a month that others follow, for two people."""
    stayed = log["who"].isin(log["who"][log["month"] == 3].unique()[:2])
    return log.assign(exit=log["exit"].mask(stayed & (log["month"] == 1), 1))


def unseen(log):
    """Leave nobody rested who is not stretched."""
    return log.assign(stretch=log["stretch"].where(log["strain"] > 0, 1))


def named(log):
    """Say in words who has prestige."""
    return log.assign(name=np.where(log["prestige"] > 0, "high", "low"))


TRACK = [
    (
        lambda d: retention_curve(doubled(d), **CURVE),
        r"column 'who': who = \d+ is seen more than once with month = \d \(2 such row\(s\) too",
        lambda d: retention_curve(doubled(d).drop_duplicates(["who", "month"]), **CURVE),
    ),
    (
        lambda d: retention_curve(gapped(d), **CURVE),
        r"column 'month': who = \d+ has no row for month = 2 but a later one \(3 such unit\(s\)\)",
        lambda d: retention_curve(
            gapped(d).assign(month=gapped(d).groupby("who")["month"].rank()), **CURVE
        ),
    ),
    (
        lambda d: retention_curve(early(d), **CURVE),
        r"who = \d+ has rows after its event \(2 such unit\(s\)\); keep only the rows at risk",
        lambda d: retention_curve(
            early(d)[lambda e: e.groupby("who")["exit"].cumsum() - e["exit"] == 0], **CURVE
        ),
    ),
    (
        lambda d: retention_curve(d, **CURVE, states="group"),
        r"column 'new' takes more than one value where group = \d; name in states= all that",
        lambda d: retention_curve(d, **CURVE, states=["strain", "prestige"]),
    ),
    (
        lambda d: retention_curve(d, **CURVE, states=["strain", "prestige", "mood"]),
        r"'strain', 'prestige', 'mood' take \d+ values together in \d+ rows, too many.* pd.qcut\(",
        lambda d: retention_curve(
            d.assign(mood=pd.qcut(d["mood"], 2)), **CURVE, states=["strain", "prestige", "mood"]
        ),
    ),
    (
        lambda d: retention_curve(named(d), **CURVE, states=["name", "strain", "mood"]),
        r"together in \d+ rows, too many .* coarsen them, for example pd.qcut\(data\['mood'\], 4\)",
        lambda d: retention_curve(
            named(d).assign(mood=pd.qcut(d["mood"], 4)), **CURVE, states=["name", "strain", "mood"]
        ),
    ),
    (
        lambda d: retention_curve(d.assign(mood=d["mood"].map(str)), **CURVE, states="mood"),
        r"'mood' take \d+ values together in \d+ rows, too many for frequencies; merge them",
        lambda d: retention_curve(named(d), **CURVE, states=["name", "strain"]),
    ),
    (
        lambda d: retention_curve(d, **CURVE, states=[]),
        "states names no column; leave it out for the weighted curve, or name what the new",
        lambda d: retention_curve(d, **CURVE),
    ),
    (
        lambda d: retention_curve(unseen(d), **CURVE | {"target": "none"}, states="strain"),
        r"takes action 0 where strain = 0, as [\d.]+ of the units would in month = 1, but no row",
        lambda d: retention_curve(unseen(d), **CURVE | {"target": "none"}, states="group"),
    ),
    (
        lambda d: retention_curve(d.assign(month="May"), **CURVE),
        "column 'month' holds object values such as 'May', not numbers or dates",
        lambda d: retention_curve(d, **CURVE),
    ),
    (
        lambda d: retention_curve(d, **CURVE | {"event": "left"}),
        "column 'left' is 0 in all .* no row of the period of the event",
        lambda d: retention_curve(d, **CURVE),
    ),
    (
        lambda d: retention_curve(d, **CURVE | {"event": "month"}),
        "column 'month' is given more than one role",
        lambda d: retention_curve(d, **CURVE),
    ),
    (
        lambda d: retention_curve(d.assign(new=1 - d["stretch"]), **CURVE),
        "column 'new': the new policy takes none of the",
        lambda d: retention_curve(d.assign(new=0.5), **CURVE),
    ),
]


@pytest.mark.parametrize(("call", "message", "repaired"), TRACK)
def test_unfit_tracks_are_refused_and_the_advice_works(call, message, repaired):
    log = careers(1_500, rng=9, months=4).assign(left=0, none=0)
    log = under(log.assign(strain=log["strain"].clip(0, 1)), "half")
    log = log[(log["exit"] == 0) | (log["month"] > 1)]
    log = log.assign(mood=np.random.default_rng(1).normal(size=len(log)))
    with pytest.raises(ValueError, match=message):
        call(log)
    found = repaired(log)
    assert fits(found["estimate"])
    assert fits(found["std_error"].iloc[-1])
