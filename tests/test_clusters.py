"""Sampling weights, clusters and blocks against R, stacked equations, enumeration and the truth."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from cells import moments
from matrices import by_matrices
from needs import package
from scipy import stats
from scipy.special import expit
from surveyed import survey

from casestudies.recipes.propensity import balance, overlap, scores, trim
from casestudies.recipes.randomized_experiment import (
    adjusted,
    difference_in_means,
    randomization_test,
)
from casestudies.recipes.standardization import standardize, standardized_means
from casestudies.recipes.weighting import inverse_weights, weight

ROWS = survey()
ROW, WHOLE = ({"outcome": "y", "treatment": treatment} for treatment in ("a", "d"))
X, W, C, B = {"adjust_for": "x"}, {"weights": "w"}, {"cluster": "cluster"}, {"blocks": "block"}
KNOWN = {"variance": "sandwich"}

# R 4.5, survey 4.1.1, sandwich; f is survey(), xc its x less the weighted mean. s() is
# svydesign(ids = ~cluster, weights = ~w, data = f); blocked() is the contrast of svyby(~y,
# ~arm + block, design, svymean, covmat = TRUE) by the blocks' shares of the weights; e is from
# glm(a ~ x, quasibinomial, weights = w), with which ate = w / e or w / (1 - e), att = w or
# w * e / (1 - e).
OF_R = {
    "lm(y ~ a, weights = w), vcovHC HC2": (
        lambda f: difference_in_means(f, **ROW, **W),
        (0.98807049309, 0.41248695289),
    ),
    "svyglm(y ~ d, s())": (
        lambda f: difference_in_means(f, **WHOLE, **W, **C),
        (1.324951889723, 0.377389621785),
    ),
    "svyglm(y ~ a, s())": (
        lambda f: difference_in_means(f, **ROW, **W, **C),
        (0.988070493090, 0.562818726572),
    ),
    "svyglm(y ~ d * xc, s())": (
        lambda f: adjusted(f, **WHOLE, **X, **W, **C),
        (1.190192145173, 0.418702907246),
    ),
    "lm(y ~ a * xc, weights = w), vcovHC HC2": (
        lambda f: adjusted(f, **ROW, **X, **W),
        (0.571295460733, 0.318793112895),
    ),
    "blocked(svydesign(ids = ~1, strata = ~interaction(block, a)))": (
        lambda f: difference_in_means(f, **ROW, **B),
        (1.203849016481, 0.375148232886),
    ),
    "blocked(svydesign(ids = ~cluster, strata = ~interaction(block, d), weights = ~w))": (
        lambda f: difference_in_means(f, **WHOLE, **B, **C, **W),
        (1.321470286893, 0.317417776386),
    ),
    "blocked(svydesign(ids = ~cluster, strata = ~interaction(block, d)))": (
        lambda f: difference_in_means(f, **WHOLE, **B, **C),
        (1.1145, 0.324424461904),
    ),
    "svyglm(y ~ a, svydesign(ids = ~cluster, weights = ~ate))": (
        lambda f: weight(f, **ROW, **X, **KNOWN, **W, **C),
        (0.571233505608, 0.578018300198),
    ),
    "svyglm(y ~ a, svydesign(ids = ~1, weights = ~ate)), SE times sqrt(119 / 120)": (
        lambda f: weight(f, **ROW, **X, **KNOWN, **W),
        (0.571233505608, 0.418878632274),
    ),
    "svyglm(y ~ a, svydesign(ids = ~cluster, weights = ~att))": (
        lambda f: weight(f, **ROW, **X, **KNOWN, **W, **C, estimand="ATT"),
        (0.529933150553, 0.591150056035),
    ),
    "svyglm(y ~ a, svydesign(ids = ~1, weights = ~att)), SE times sqrt(119 / 120)": (
        lambda f: weight(f, **ROW, **X, **KNOWN, **W, estimand="ATT"),
        (0.529933150553, 0.441456380361),
    ),
}


@pytest.mark.parametrize("call", OF_R)
def test_weighted_and_clustered_answers_are_those_of_r(call):
    ours, theirs = OF_R[call]
    np.testing.assert_allclose(ours(ROWS).iloc[:2], theirs, rtol=1e-9)


WEIGHED = {  # every estimator, with weights, with clusters and with both
    "difference_in_means": lambda f, **o: difference_in_means(f, **ROW, **o),
    "adjusted": lambda f, **o: adjusted(f, **ROW, **X, **o),
    "standardize": lambda f, **o: standardize(f, **ROW, **X, **o),
    "standardize, ATT": lambda f, **o: standardize(f, **ROW, **X, estimand="ATT", **o),
    "standardize, logit": lambda f, **o: standardize(
        f, outcome="late", treatment="a", **X, model="logit", **o
    ),
    "standardized_means": lambda f, **o: standardized_means(f, **ROW, **X, **o),
    "weight": lambda f, **o: weight(f, **ROW, **X, variance="stacked", **o),
    "weight, sandwich": lambda f, **o: weight(f, **ROW, **X, **KNOWN, **o),
    "weight, ATT": lambda f, **o: weight(f, **ROW, **X, estimand="ATT", **o),
    "blocked": lambda f, **o: difference_in_means(
        f, **ROW, **B, **{k: o[k] for k in o if k[0] != "c"}
    ),
    "blocked clusters": lambda f, **o: difference_in_means(f, **WHOLE, **B, **{**C, **o}),
}
KINDS = {"weights": W, "clusters": C, "both": {**W, **C}}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WEIGHED)
def test_cells_give_the_answers_of_their_rows(name, kind):
    call = WEIGHED[name]
    others = ROWS.assign(y=ROWS["y"] + ROWS["x"] ** 2 + 1)
    others["late"] = (others["late"] != (others["w"] > 4)) * 1
    rows = pd.concat([ROWS, others]).sample(frac=1, random_state=1)
    of_rows = call(rows, **KINDS[kind])
    cells = moments(rows, ["a", "d", "x", "w", "cluster", "block"], ["y", "late"])
    found = call(cells, size="n", **KINDS[kind])
    np.testing.assert_allclose(found, of_rows, rtol=1e-9)
    for arm, count in of_rows.attrs.get("effective_n", {}).items():
        assert found.attrs["effective_n"][arm] == pytest.approx(count)


@pytest.mark.parametrize("name", WEIGHED)
def test_equal_weights_are_none_and_the_unit_of_weights_does_not_matter(name):
    call = WEIGHED[name]
    plain = call(ROWS)
    np.testing.assert_allclose(call(ROWS.assign(w=3), **W), plain, rtol=1e-9)
    found = call(ROWS, **W)
    assert np.abs(np.asarray(found / plain) - 1).max() > 0.01
    np.testing.assert_allclose(call(ROWS.assign(w=ROWS["w"] * 1e-9), **W), found, rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in WEIGHED if not name.startswith("blocked")])
def test_weights_of_repeated_rows_give_the_estimate_of_the_rows_repeated(name):
    repeated = ROWS.loc[ROWS.index.repeat(ROWS["w"].astype(int))]
    found, expected = WEIGHED[name](ROWS, **W), WEIGHED[name](repeated)
    columns = ["estimate"]
    np.testing.assert_allclose(found[columns], expected[columns], rtol=1e-9)
    clustered = [WEIGHED[name](f, **o, **C) for f, o in ((ROWS, W), (repeated, {}))]
    columns = ["estimate", "std_error", "ci_low", "ci_high"]
    np.testing.assert_allclose(clustered[0][columns], clustered[1][columns], rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in WEIGHED if name != "blocked"])
def test_clusters_of_one_row_give_the_robust_error_with_its_factor(name):
    if name == "blocked clusters":  # then the error is that of rows in blocks
        arms = difference_in_means(ROWS, **WHOLE, **B)
        alone = difference_in_means(ROWS.assign(row=ROWS.index), **WHOLE, **B, cluster="row")
        np.testing.assert_allclose(alone, arms, rtol=1e-9)
        return
    rows = ROWS.assign(row=ROWS.index)
    found = WEIGHED[name](rows, cluster="row")
    margin = (found["ci_high"] - found["estimate"]) / found["std_error"]
    np.testing.assert_allclose(margin, stats.t.ppf(0.975, 119), rtol=1e-9)
    if name in ("difference_in_means", "adjusted"):
        x = np.column_stack([np.ones(120), ROWS["a"]])
        if name == "adjusted":
            centred = ROWS["x"] - ROWS["x"].mean()
            x = np.column_stack([x, centred, centred * ROWS["a"]])
        error = sm.OLS(ROWS["y"], x).fit(cov_type="HC0").bse.iloc[1]
    else:
        error = WEIGHED[name](ROWS)["std_error"]
    np.testing.assert_allclose(found["std_error"], error * np.sqrt(120 / 119), rtol=1e-9)


def stacked(kind, estimand, model):
    """Return starting values and equations of an estimator; the last parameter is the effect."""
    x, a, w = (ROWS[name].to_numpy(dtype=float) for name in ("x", "a", "w"))
    y = ROWS["late" if model == "logit" else "y"].to_numpy(dtype=float)
    one = np.ones(len(x))
    of = a if estimand == "ATT" else one

    def share(index):  # expit, in steps that are differentiated automatically
        return 1 / (1 + np.exp(-index))

    mean = share if model == "logit" else lambda index: index

    def outcomes(arm, beta):
        return mean(beta[0] + beta[1] * arm + beta[2] * x + beta[3] * arm * x)

    def standardized(theta):
        beta, control, effect = theta[:4], theta[4], theta[5]
        model_rows = w * (y - outcomes(a, beta)) * np.array([one, a, x, a * x])
        means = [w * of * (outcomes(k, beta) - m) for k, m in ((0, control), (1, control + effect))]
        return np.vstack([model_rows, *means])

    def weighted(theta):
        beta, control, effect = theta[:2], theta[2], theta[3]
        e = share(beta[0] + beta[1] * x)
        inverse = (1 / e, 1 / (1 - e)) if estimand == "ATE" else (one, e / (1 - e))
        treated = w * a * inverse[0] * (y - control - effect)
        controls = w * (1 - a) * inverse[1] * (y - control)
        return np.vstack([w * (a - e) * np.array([one, x]), treated, controls])

    return (standardized, 6) if kind == "standardize" else (weighted, 4)


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
@pytest.mark.parametrize(
    ("kind", "model"), [("standardize", "linear"), ("standardize", "logit"), ("weight", "stacked")]
)
def test_weighted_and_clustered_errors_are_those_of_stacked_equations(kind, model, estimand):
    equations, width = stacked(kind, estimand, model)
    fit = package("delicatessen").MEstimator(equations, init=np.zeros(width))
    fit.estimate(solver="lm", tolerance=1e-12, deriv_method="exact")
    outcome = {"outcome": "late" if model == "logit" else "y", "treatment": "a"}
    if kind == "standardize":
        options = {**outcome, **X, "model": model, "estimand": estimand, **W}
        found = [standardize(ROWS, **options, **more) for more in ({}, C)]
    else:
        options = {**outcome, **X, "variance": "stacked", "estimand": estimand, **W}
        found = [weight(ROWS, **options, **more) for more in ({}, C)]
    assert found[0]["estimate"] == pytest.approx(fit.theta[-1], rel=1e-6)
    assert found[0]["std_error"] == pytest.approx(np.sqrt(fit.variance[-1, -1]), rel=1e-6)
    influence = np.linalg.solve(fit.bread, equations(fit.theta))[-1] / len(ROWS)
    sums = pd.Series(influence).groupby(ROWS["cluster"]).sum()
    assert found[1]["std_error"] == pytest.approx(np.sqrt(24 / 23 * sums @ sums), rel=1e-6)


def test_the_degrees_of_a_weighted_mean_are_those_of_its_quadratic_form():
    found = difference_in_means(ROWS, **ROW, **W)
    parts = []
    for arm in (0, 1):
        rows = ROWS[ROWS["a"] == arm]
        p = (rows["w"] / rows["w"].sum()).to_numpy()
        net = np.eye(len(p)) - p  # a row of residuals from the weighted mean
        form = net.T @ np.diag(p**2 / (1 - p)) @ net
        y = rows["y"].to_numpy()
        parts.append((y @ form @ y, np.trace(form) ** 2 / np.trace(form @ form)))
    noise, df = np.array(parts).T
    welch = noise.sum() ** 2 / (noise**2 / df).sum()
    margin = stats.t.ppf(0.975, welch) * np.sqrt(noise.sum())
    assert found["ci_high"] - found["estimate"] == pytest.approx(margin, rel=1e-9)
    assert (df < ROWS["a"].value_counts()[[0, 1]].to_numpy() - 4).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_error_of_weighting_is_stacked_with_weights_or_clusters(kind):
    default = weight(ROWS, **ROW, **X, **KINDS[kind])
    pd.testing.assert_series_equal(default, WEIGHED["weight"](ROWS, **KINDS[kind]))
    assert default["std_error"] != WEIGHED["weight, sandwich"](ROWS, **KINDS[kind])["std_error"]


# Few clusters


NINE = ROWS[lambda f: (f["cluster"] < 9) & (f.index % 7 > 0)].assign(
    w=lambda f: 1 + f["w"] % 2, x=lambda f: f["x"] // 1
)


@pytest.mark.parametrize("treatment", ["d", "a"], ids=["whole", "inside"])
@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("covariate", [None, "x"])
@pytest.mark.parametrize("cov", ["CR2", "CR3"])
def test_experiments_by_leverage_are_those_of_full_matrices(cov, covariate, weights, treatment):
    data = NINE
    mass = np.ones(len(data)) if weights is None else data["w"].to_numpy(dtype=float)
    x = np.column_stack([np.ones(len(data)), data[treatment]])
    if covariate is not None:
        centred = data["x"] - np.average(data["x"], weights=mass)
        x = np.column_stack([x, centred, centred * data[treatment]])
    x, y = (np.sqrt(mass) * values.T for values in (x, data["y"].to_numpy()))
    columns, basis = np.linalg.pinv(x), np.linalg.qr(x.T)[0]
    effect, residual = y @ columns[:, 1], y - basis @ (basis.T @ y)
    square, (df,) = by_matrices(cov, columns[:, [1]], residual, basis, data["cluster"])
    error = np.sqrt(square.item())
    options = {"outcome": "y", "treatment": treatment, **C, "cov": cov, "weights": weights}
    estimate = difference_in_means if covariate is None else adjusted
    options |= {} if covariate is None else {"adjust_for": covariate}
    found = estimate(data, **options)
    ends = effect + error * stats.t.ppf([0.025, 0.975], df)
    np.testing.assert_allclose(found, [effect, error, *ends, len(data)], rtol=1e-9)
    measured = moments(data, [treatment, "x", "w", "cluster"])
    assert len(measured) < len(data)
    np.testing.assert_allclose(estimate(measured, **options, size="n"), found, rtol=1e-9)


def test_equal_clusters_have_the_cr2_error_of_their_means():
    data = ROWS[lambda f: f["cluster"] < 13].assign(d=lambda f: (f["cluster"] < 4) * 1)
    means = data.groupby(["d", "cluster"])["y"].mean()
    apart = stats.ttest_ind(means[1], means[0], equal_var=False)
    found = difference_in_means(data, **WHOLE, **C, cov="CR2")
    error = found["estimate"] / apart.statistic
    assert found["std_error"] == pytest.approx(error, rel=1e-10)
    # if both arms had one variance: (1 / 4 + 1 / 9)^2 over (1 / 4)^2 / 3 + (1 / 9)^2 / 8
    df = (13 / 36) ** 2 / (1 / 48 + 1 / 648)
    margin = stats.t.ppf(0.975, df) * error
    assert found["ci_high"] - found["estimate"] == pytest.approx(margin, rel=1e-10)


def test_with_three_villages_treated_cr2_covers_an_experiments_effect():
    rng, town, held = np.random.default_rng(11), np.repeat(np.arange(12), np.arange(12) + 4), []
    for _ in range(200):
        d = (rng.permutation(12) < 3)[town] * 1
        data = pd.DataFrame({"d": d, "cluster": town, "x": rng.normal(size=len(town))})
        data["y"] = d + data["x"] + rng.normal(size=12)[town] + rng.normal(size=len(town))
        answers = [difference_in_means(data, **WHOLE, **C, cov=cov) for cov in ("HC2", "CR2")]
        answers += [adjusted(data, **WHOLE, **C, adjust_for="x", cov=cov) for cov in ("HC2", "CR2")]
        held.append([row["ci_low"] <= 1 <= row["ci_high"] for row in answers])
    usual, by_leverage = np.mean(held, axis=0).reshape(2, 2).T
    margin = 4 * np.sqrt(0.0475 / 200)
    assert (by_leverage > 0.95 - margin).all()
    assert (usual < by_leverage - 0.05).all()


@pytest.mark.parametrize("cov", ["CR2", "CR3"])
def test_an_experiments_error_by_leverage_needs_clusters_and_no_blocks(cov):
    options = {"outcome": "y", "treatment": "d", "cov": cov}
    with pytest.raises(ValueError, match=f"cov='{cov}' is an error by clusters; name their column"):
        difference_in_means(NINE, **options)
    with pytest.raises(ValueError, match=f"cov='{cov}' is an error by clusters; name their column"):
        adjusted(NINE, **options, adjust_for="x")
    with pytest.raises(ValueError, match=f"cov='{cov}' is for clusters .*blocks='block'.*'HC2'"):
        difference_in_means(NINE, **options, cluster="cluster", blocks="block")
    with pytest.raises(ValueError, match="cov must be one of 'HC2', 'CR2', 'CR3', got 'by_arm'"):
        difference_in_means(NINE, **{**options, "cov": "by_arm"})


# Scores and balance


def test_scores_of_weighted_rows_are_those_of_a_weighted_logit():
    fit = sm.GLM(
        ROWS["a"], sm.add_constant(ROWS["x"]), sm.families.Binomial(), freq_weights=ROWS["w"]
    ).fit(tol=1e-12)
    e, score = fit.fittedvalues, {"treatment": "a", **X, **W}
    np.testing.assert_allclose(scores(ROWS, **score), e, rtol=1e-8)
    inverse = inverse_weights(ROWS, **score)
    own = np.where(ROWS["a"] == 1, e, 1 - e)
    expected = ROWS["w"] / ROWS["w"].mean() / own
    np.testing.assert_allclose(inverse, expected, rtol=1e-8)
    described = overlap(ROWS, **score)
    for arm in (0, 1):
        v = expected[ROWS["a"] == arm]
        assert described.loc[arm, "ess_ate"] == pytest.approx(v.sum() ** 2 / (v**2).sum())
        att = (v * own[ROWS["a"] == arm]) if arm else v * e[ROWS["a"] == arm]
        assert described.loc[arm, "ess_att"] == pytest.approx(att.sum() ** 2 / (att**2).sum())
        assert described.loc[arm, "p50"] == pytest.approx(e[ROWS["a"] == arm].median())
    result = weight(ROWS, **ROW, **X, **W)
    assert result.attrs["effective_n"]["treated"] == pytest.approx(described.loc[1, "ess_ate"])
    low, high = e.quantile([0.2, 0.8])
    kept = trim(ROWS, **score, low=low + 1e-6, high=high - 1e-6)
    assert kept.index.to_list() == e[(e > low + 1e-6) & (e < high - 1e-6)].index.to_list()


def test_balance_before_weighting_is_that_of_the_population_sampled():
    frame = ROWS.assign(v=inverse_weights(ROWS, treatment="a", **X, **W))
    found = balance(frame, treatment="a", **X, weights="v", sampling_weights="w").loc["x"]
    parts = {}
    for when, name in (("before", "w"), ("after", "v")):
        parts[when] = [
            sm.stats.DescrStatsW(g["x"], g[name] / g[name].sum(), ddof=0)
            for _, g in frame.groupby("a")
        ]
    kish = {k: [(g[k].sum() ** 2 / (g[k] ** 2).sum()) for _, g in frame.groupby("a")] for k in "wv"}
    spread = [s.var * n / (n - 1) for s, n in zip(parts["before"], kish["w"], strict=True)]
    for when in parts:
        gap = parts[when][1].mean - parts[when][0].mean
        assert found[f"difference_{when}"] == pytest.approx(gap / np.sqrt(np.mean(spread)))
    assert found["ratio_before"] == pytest.approx(spread[1] / spread[0])
    assert abs(found["difference_after"]) < abs(found["difference_before"]) / 5


# Blocks


def blocked_world(sizes, treated, rng):
    """Return potential outcomes of small blocks, and every assignment inside them."""
    rng = np.random.default_rng(rng)
    block = np.repeat(np.arange(len(sizes)), sizes)
    y0 = rng.normal(size=len(block)) + block
    y1 = y0 + 1 + block + rng.normal(size=len(block))
    sets = (itertools.combinations(np.flatnonzero(block == b), k) for b, k in enumerate(treated))
    draws = [np.isin(np.arange(len(block)), np.concatenate(s)) for s in itertools.product(*sets)]
    return block, y0, y1, draws


def over_assignments(block, y0, y1, draws):
    frames = (pd.DataFrame({"y": np.where(d, y1, y0), "d": d * 1, "block": block}) for d in draws)
    return pd.DataFrame(difference_in_means(f, **WHOLE, **B) for f in frames)


def test_the_blocked_error_exceeds_neymans_by_the_spread_of_effects_inside_blocks():
    block, y0, y1, draws = blocked_world([4, 5], [2, 3], 1)
    found = over_assignments(block, y0, y1, draws)
    assert found["estimate"].mean() == pytest.approx((y1 - y0).mean(), rel=1e-10)
    surplus = (found["std_error"] ** 2).mean() - found["estimate"].var(ddof=0)
    inside = pd.Series(y1 - y0).groupby(block).var(ddof=1) / [4, 5]
    assert surplus == pytest.approx(inside @ np.array([4 / 9, 5 / 9]) ** 2, rel=1e-10)


@pytest.mark.parametrize(
    ("sizes", "treated"), [([2, 2, 2, 2], [1, 1, 1, 1]), ([2, 3, 4, 3], [1, 2, 1, 1])]
)
def test_the_error_of_pairs_exceeds_the_truth_by_the_spread_of_the_pairs_effects(sizes, treated):
    block, y0, y1, draws = blocked_world(sizes, treated, 2)
    found = over_assignments(block, y0, y1, draws)
    assert found["estimate"].mean() == pytest.approx((y1 - y0).mean(), rel=1e-10)
    surplus = (found["std_error"] ** 2).mean() - found["estimate"].var(ddof=0)
    w = np.array(sizes) / sum(sizes)
    effects = pd.Series(y1 - y0).groupby(block).mean()
    slack = w**2 / (1 - 2 * w)
    gaps = (effects - w @ effects) ** 2
    assert surplus == pytest.approx(slack @ gaps / (1 + slack.sum()), rel=1e-9)
    if sizes == [2, 2, 2, 2]:
        assert surplus == pytest.approx(effects.var(ddof=1) / 4, rel=1e-9)


def test_pairs_have_the_error_and_the_interval_of_the_paired_t_test():
    rng = np.random.default_rng(3)
    pair = np.repeat(np.arange(12), 2)
    f = pd.DataFrame({"block": pair, "d": np.tile([0, 1], 12)})
    f["y"] = rng.normal(size=12)[pair] * 3 + f["d"] + rng.normal(size=24)
    found = difference_in_means(f, **WHOLE, **B)
    y = f.pivot_table(index="block", columns="d", values="y")
    paired = stats.ttest_rel(y[1], y[0])
    assert found["estimate"] / found["std_error"] == pytest.approx(paired.statistic, rel=1e-10)
    interval = paired.confidence_interval()
    np.testing.assert_allclose(found[["ci_low", "ci_high"]], [interval.low, interval.high])
    assert difference_in_means(f, **WHOLE)["std_error"] > 1.5 * found["std_error"]


def test_blocks_large_and_small_add_their_variances_by_their_shares():
    f = ROWS.assign(block=np.where(ROWS["block"] < 2, ROWS["block"], 100 + ROWS.index // 2))
    f = f[(f["block"] < 2) | (f.groupby("block")["a"].transform("mean") == 0.5)]
    small, found = f["block"] >= 100, difference_in_means(f, **ROW, **B)
    parts = [difference_in_means(f[rows], **ROW, **B) for rows in (~small, small)]
    share = np.array([(~small).mean(), small.mean()])
    estimates, errors = np.array([part[["estimate", "std_error"]] for part in parts]).T
    assert found["estimate"] == pytest.approx(share @ estimates, rel=1e-10)
    assert found["std_error"] == pytest.approx(np.sqrt(share**2 @ errors**2), rel=1e-10)


def test_pairs_of_clusters_are_pairs_of_their_means_weighed_by_size():
    f = ROWS[ROWS.index % 7 > 0].assign(block=ROWS["cluster"] // 2)
    found = difference_in_means(f, **WHOLE, **B, **C)
    means = f.pivot_table(index="block", columns="d", values="y")
    w = f["block"].value_counts(normalize=True).sort_index()
    effects = means[1] - means[0]
    slack = w**2 / (1 - 2 * w)
    variance = slack @ (effects - w @ effects) ** 2 / (1 + slack.sum())
    np.testing.assert_allclose(found.iloc[:2], [w @ effects, np.sqrt(variance)], rtol=1e-10)
    margin = stats.t.ppf(0.975, 11) * np.sqrt(variance)
    assert found["ci_high"] - found["estimate"] == pytest.approx(margin, rel=1e-9)


# Randomization inside blocks and of clusters


def enumerated(f, statistic, **design):
    """Return the share of assignments whose statistic is as far from zero, units by hand."""
    unit = f["cluster"] if "cluster" in design else pd.Series(f.index, f.index)
    firsts = f.groupby(unit)[["d", "block"]].first()
    block = firsts["block"] if "blocks" in design else firsts["block"] * 0
    sets = [
        itertools.combinations(firsts.index[block == b], int(firsts["d"][block == b].sum()))
        for b in block.unique()
    ]
    values = []
    for chosen in itertools.product(*sets):
        treated = unit.isin(list(itertools.chain(*chosen))) * 1
        values.append(statistic(f.assign(d=treated)))
    return np.array(values), statistic(f)


SMALL = ROWS[(ROWS["cluster"] % 8 < 4) & (ROWS["block"] > 0) & (ROWS.index % 11 > 0)]
FIRST = pd.concat(g.head(2 + a) for (_, a), g in ROWS[ROWS["block"] < 2].groupby(["block", "a"]))
DESIGNS = {
    "clusters": (SMALL, C),
    "blocks of clusters": (SMALL, {**B, **C}),
    "blocks of rows": (FIRST.assign(d=FIRST["a"]), B),
}


@pytest.mark.parametrize("studentized", [False, True])
@pytest.mark.parametrize("name", DESIGNS)
def test_with_few_assignments_the_p_value_is_that_of_all_of_them(name, studentized):
    f, design = DESIGNS[name]

    def statistic(other):
        if not studentized and "blocks" not in design:
            return other["y"][other["d"] == 1].mean() - other["y"][other["d"] == 0].mean()
        blocks = other if "blocks" in design else other.assign(block=0)
        found = difference_in_means(
            blocks, **WHOLE, **B, **{k: design[k] for k in design if k == "cluster"}
        )
        return found["estimate"] / (found["std_error"] if studentized else 1)

    values, observed = enumerated(f, statistic, **design)
    options = {**WHOLE, **design, "rng": 1, "studentized": studentized}
    got = randomization_test(f, **options)
    assert got["permutations"] == len(values)
    assert got["statistic"] == pytest.approx(observed, rel=1e-9)
    exact = np.mean(np.abs(values) >= abs(observed) * (1 - 1e-9))
    assert (got["p_value"], got["mc_error"]) == (pytest.approx(exact, rel=1e-12), 0)
    drawn = randomization_test(f, **options, permutations=len(values) - 1)
    assert drawn["permutations"] == len(values) - 1
    assert drawn["mc_error"] > 0
    assert abs(drawn["p_value"] - exact) < 4 * drawn["mc_error"]


def test_one_treated_cluster_of_eight_is_tested_exactly():
    f = ROWS[ROWS["cluster"] < 8].assign(d=lambda f: (f["cluster"] == 5) * 1)
    got = randomization_test(f, **WHOLE, **C, rng=1)
    means = f.groupby("cluster")["y"].mean()
    gaps = (means - means.mean()).abs()  # clusters of one size
    assert got["p_value"] == pytest.approx((gaps >= gaps[5] - 1e-9).mean())
    assert got["permutations"] == 8


def test_assignments_are_counted_by_the_binomial_coefficients_of_the_blocks():
    f = ROWS[ROWS["cluster"] % 2 == 0].assign(d=lambda f: f["cluster"] // 2 % 2)
    got = randomization_test(f, **WHOLE, **B, **C, rng=1)
    assert got["permutations"] == math.comb(4, 2) ** 3
    assert got["n"] == 60


def test_random_assignments_keep_blocks_and_clusters():
    rng, runs = np.random.default_rng(4), 200
    rejected = {"blocks and clusters": 0, "neither": 0}
    f = pd.DataFrame({"cluster": np.arange(96) // 4, "block": np.arange(96) // 32})
    for _ in range(runs):
        shock = rng.normal(size=24)[f["cluster"]] + 3 * f["block"]
        f["y"] = shock + rng.normal(size=96)
        share = np.array([2, 4, 6])
        draw = np.concatenate([rng.permutation(np.arange(8) < k) for k in share])
        f["d"] = draw[f["cluster"]] * 1
        design = {"rng": rng, "permutations": 99}
        p = randomization_test(f, **WHOLE, **B, **C, **design)["p_value"]
        rejected["blocks and clusters"] += p <= 0.05
        rejected["neither"] += randomization_test(f, **WHOLE, **design)["p_value"] <= 0.05
    assert abs(rejected["blocks and clusters"] / runs - 0.05) < 4 * np.sqrt(0.05 * 0.95 / runs)
    assert rejected["neither"] / runs > 0.3


# Coverage


def sampled(rng, n=1_000):
    """Draw people whose effect is 1 + x and who enter with a chance that falls with x: ATE 1."""
    x = rng.integers(-1, 2, 4 * n)
    chance = np.array([0.5, 0.2, 0.1])[x + 1]
    x = x[rng.random(4 * n) < chance]
    a = (rng.random(len(x)) < expit(x)) * 1
    d = rng.integers(0, 2, len(x))
    w = 1 / np.array([0.5, 0.2, 0.1])[x + 1]
    y = 2 * x + rng.normal(size=len(x))
    return pd.DataFrame({"x": x, "a": a, "d": d, "w": w, "y0": y, "effect": 1 + x})


def covered(calls, world, truth, runs, rng):
    """Return the share of samples in which each interval holds the truth."""
    rng = np.random.default_rng(rng)
    hits = []
    for _ in range(runs):
        f = world(rng)
        found = {name: call(f) for name, call in calls.items()}
        hits.append({k: v["ci_low"] <= truth <= v["ci_high"] for k, v in found.items()})
    return pd.DataFrame(hits).mean()


def test_weighted_intervals_cover_the_effect_in_the_population_and_unweighted_ones_do_not():
    def world(rng):
        f = sampled(rng)
        f["y"] = f["y0"] + f["effect"] * f["a"]
        return f.assign(yd=f["y0"] + f["effect"] * f["d"])

    trial = {"outcome": "yd", "treatment": "d"}
    calls = {
        "difference_in_means": lambda f: difference_in_means(f, **trial, **W),
        "standardize": lambda f: standardize(f, **ROW, **X, **W),
        "weight": lambda f: weight(f, **ROW, **X, **W, variance="stacked"),
    }
    naive = {
        "difference_in_means, unweighted": lambda f: difference_in_means(f, **trial),
        "standardize, unweighted": lambda f: standardize(f, **ROW, **X),
        "weight, unweighted": lambda f: weight(f, **ROW, **X),
    }
    runs = 100
    found = covered(calls | naive, world, 1, runs, 5)
    assert (np.abs(found[list(calls)] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / runs)).all()
    assert (found[list(naive)] < 0.2).all()


def test_clustered_intervals_cover_where_clusters_were_randomized_and_robust_ones_do_not():
    def world(rng):
        cluster = np.repeat(np.arange(60), rng.integers(5, 16, 60))
        f = pd.DataFrame({"cluster": cluster, "d": rng.permutation(np.arange(60) % 2)[cluster]})
        f["x"] = rng.normal(size=60)[cluster] + rng.normal(size=len(f))
        shock = rng.normal(size=60)[cluster]
        return f.assign(y=f["d"] + f["x"] + shock + rng.normal(size=len(f)))

    calls = {
        "difference_in_means": lambda f, **o: difference_in_means(f, **WHOLE, **o),
        "adjusted": lambda f, **o: adjusted(f, **WHOLE, **X, **o),
        "standardize": lambda f, **o: standardize(f, **WHOLE, **X, **o),
        "weight": lambda f, **o: weight(f, **WHOLE, **X, variance="stacked", **o),
    }
    clustered = {k: (lambda f, k=k: calls[k](f, **C)) for k in calls}
    robust = {f"{k}, robust": (lambda f, k=k: calls[k](f)) for k in calls}
    runs = 100
    found = covered(clustered | robust, world, 1, runs, 6)
    assert (np.abs(found[list(clustered)] - 0.94) < 4 * np.sqrt(0.95 * 0.05 / runs)).all()
    assert (found[list(robust)] < 0.75).all()


# Refusals


PAIRS = ROWS.assign(block=np.where(ROWS.index < 4, ROWS.index // 2, 9), d=ROWS.index % 2)
ONE = ROWS.assign(cluster=np.where(ROWS["d"] == 1, -1, ROWS["cluster"]))
FEW = ROWS[ROWS["cluster"].isin((0, 1, 2, 3))].assign(z=lambda f: f["cluster"] % 3)
CLUSTERS = {"weight": weight, "standardize": standardize}
CLUSTERS |= {"standardized_means": standardized_means, "adjusted": adjusted}
REFUSALS = {
    "one cluster in an arm": (
        lambda: difference_in_means(ONE, **WHOLE, **C),
        "'cluster' has 13 .* one alone makes up the rows with d = 1.* Cluster by a finer column",
        lambda: difference_in_means(ONE.assign(cluster=ROWS["cluster"]), **WHOLE, **C),
    ),
    **{
        f"one cluster in an arm, {name}": (
            lambda call=call: call(ONE, **WHOLE, **X, **C),
            "one alone makes up the rows with d = 1",
            lambda call=call: call(ONE.assign(cluster=ROWS["cluster"]), **WHOLE, **X, **C),
        )
        for name, call in CLUSTERS.items()
    },
    "one cluster in an arm, studentized": (
        lambda: randomization_test(ONE, **WHOLE, **C, rng=1, studentized=True),
        "one alone makes up the rows with d = 1",
        lambda: randomization_test(ROWS, **WHOLE, **C, rng=1, permutations=9, studentized=True)[
            1:4
        ],
    ),
    "a block of one arm": (
        lambda: difference_in_means(PAIRS.assign(d=PAIRS["d"] * (ROWS.index > 1)), **WHOLE, **B),
        r"'d' is 0 in all 2 row\(s\) where 'block' is 0, so nothing is compared .* drop it",
        lambda: difference_in_means(ROWS[ROWS.index > 1], **ROW, **B),
    ),
    "a block of one arm, permuted": (
        lambda: randomization_test(
            PAIRS.assign(d=PAIRS["d"] * (ROWS.index > 1)), **WHOLE, **B, rng=1
        ),
        r"'d' is 0 in all 2 row\(s\) where 'block' is 0",
        lambda: randomization_test(ROWS, **ROW, **B, rng=1, permutations=9)[1:4],
    ),
    "two pairs": (
        lambda: difference_in_means(PAIRS, **WHOLE, **B),
        r"'block': 2 block\(s\) have one unit in an arm, and the largest holds 50% of theirs; "
        ".* Merge blocks with the same share treated",
        lambda: difference_in_means(PAIRS.assign(block=PAIRS["block"].replace(1, 0)), **WHOLE, **B),
    ),
    "clusters in both arms of a block": (
        lambda: difference_in_means(ROWS, **ROW, **B, **C),
        "cluster 1 is not whole in one arm and one block of 'block', so 'a' was not drawn for "
        "whole clusters; leave cluster= out",
        lambda: difference_in_means(ROWS, **ROW, **B),
    ),
    "clusters that are permuted but not whole": (
        lambda: randomization_test(ROWS, **ROW, **C, rng=1),
        "'cluster': cluster 1 is not whole in one arm, so 'a' was not drawn",
        lambda: randomization_test(ROWS, **WHOLE, **C, rng=1, permutations=9)[1:4],
    ),
    "weights by arm": (
        lambda: adjusted(ROWS, **ROW, **X, **W, cov="by_arm"),
        "cov='by_arm' takes rows as independent, .* which weights='w' contradicts; use cov='HC2'",
        lambda: adjusted(ROWS, **ROW, **X, **W, cov="HC2"),
    ),
    "clusters by arm": (
        lambda: adjusted(ROWS, **ROW, **X, **C, cov="by_arm"),
        "which cluster='cluster' contradicts; use cov='HC2'",
        lambda: adjusted(ROWS, **ROW, **X, **C, cov="HC2"),
    ),
    "covariates of two clusters": (
        lambda: adjusted(FEW, **WHOLE, adjust_for=["x", "z"], **C),
        r"2 cluster\(s\) of column 'cluster' where 'd' is 0 cannot carry 2 .* take such covariates",
        lambda: adjusted(FEW, **WHOLE, adjust_for="x", **C),
    ),
    "covariates of two clusters, standardized": (
        lambda: standardize(FEW, **WHOLE, adjust_for=["x", "z"], **C),
        r"2 cluster\(s\) of column 'cluster' where 'd' is 0 cannot carry 2 .* take such covariates",
        lambda: standardize(FEW, **WHOLE, adjust_for="x", **C),
    ),
    "no noise in blocks": (
        lambda: difference_in_means(ROWS.assign(y=ROWS["d"] * 2.0), **WHOLE, **B),
        "'y' does not vary within the groups of 'd'",
        lambda: difference_in_means(ROWS, **WHOLE, **B),
    ),
    "pairs that agree": (
        lambda: difference_in_means(
            ROWS.assign(y=ROWS["cluster"] // 2 + ROWS["d"] * 0.1, block=ROWS["cluster"] // 2),
            **WHOLE,
            **B,
            **C,
        ),
        "'y' does not vary within the groups of 'd'",
        lambda: difference_in_means(ROWS.assign(block=ROWS["cluster"] // 2), **WHOLE, **B, **C),
    ),
    "a column of two roles": (
        lambda: difference_in_means(ROWS, **WHOLE, weights="d"),
        "'d' is given more than one role, treatment and weights",
        lambda: difference_in_means(ROWS, **WHOLE, **W),
    ),
    "negative weights": (
        lambda: standardize(ROWS.assign(w=-ROWS["w"]), **ROW, **X, **W),
        "'w' has a weight of -",
        lambda: standardize(ROWS, **ROW, **X, **W),
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_designs_that_do_not_fit_are_refused_and_the_advice_works(name):
    asked, message, advised = REFUSALS[name]
    with pytest.raises(ValueError, match=message):
        asked()
    assert np.isfinite(np.asarray(advised(), dtype=float)).all()


def test_the_frame_stays_as_it_was():
    before = ROWS.copy()
    for name, call in WEIGHED.items():
        call(ROWS, **(W if name == "blocked" else {**W, **C}))
    randomization_test(ROWS, **WHOLE, **B, **C, rng=1, permutations=5)
    pd.testing.assert_frame_equal(ROWS, before)
