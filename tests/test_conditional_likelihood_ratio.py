"""Several instruments: likelihood-ratio and robust sets, Fuller, and whether instruments agree."""

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from instruments import CELLS, MODEL, ROWS, cluster_of, dummies, world
from linearmodels.datasets import card, mroz
from linearmodels.iv import IV2SLS, IVGMM, IVLIML
from scipy import integrate, optimize, stats

from casestudies.archives.quarter_of_birth import quarter_of_birth
from casestudies.recipes.instrumental_variables import limited_information, overidentification
from casestudies.recipes.weak_instruments import (
    _extremes,
    _likelihood_p_value,
    _where_positive,
    anderson_rubin,
    conditional_likelihood_ratio,
)

DESIGNS = pytest.mark.parametrize("design", [CELLS, ROWS], ids=["cells", "rows"])


@pytest.fixture(scope="module")
def data():
    return world()


# ---- conditional likelihood ratio


@pytest.mark.parametrize("count", [2, 3, 5, 30])
@pytest.mark.parametrize(("ratio", "strength"), [(0.5, 1e-3), (3.0, 4.0), (8.0, 300.0), (3.9, 1e6)])
def test_the_p_value_is_that_of_adaptive_quadrature(count, ratio, strength):
    top, law = ratio + strength, stats.chi2(count - 1)

    def rejected(rest):
        return stats.chi2.sf(ratio * (1 - rest / top), 1) * law.pdf(rest)

    upper = min(top, law.isf(1e-16))
    cuts = (1e-8, 1e-4, 1e-2, 1, count, 3 * count)
    ends = [0, *[point for point in cuts if point < upper], upper]
    parts = [
        integrate.quad(rejected, low, high, epsabs=1e-13, limit=200)[0]
        for low, high in itertools.pairwise(ends)
    ]
    # near 0 the density of one degree has no bound: below 1e-8 it is its distribution
    parts[0] = stats.chi2.sf(ratio, 1) * law.cdf(1e-8)
    expected = sum(parts) + law.sf(upper)
    assert _likelihood_p_value(ratio, strength, count) == pytest.approx(expected, abs=2e-8)


def test_the_p_value_is_between_its_limits():
    # no strength: the statistic is chi-squared with a degree for each instrument; much: with one
    assert _likelihood_p_value(7.0, 0.0, 4) == pytest.approx(stats.chi2.sf(7, 4), abs=1e-10)
    assert _likelihood_p_value(7.0, 1e9, 4) == pytest.approx(stats.chi2.sf(7, 1), abs=1e-8)
    assert _likelihood_p_value(0.0, 3.0, 4) == pytest.approx(1, abs=1e-10)
    assert _likelihood_p_value(0.0, 0.0, 4) == 1


def test_the_p_value_is_that_of_simulated_reduced_forms():
    rng, strength, draws = np.random.default_rng(3), 5.0, 400_000
    s = rng.standard_normal((draws, 3))
    t = np.array([np.sqrt(strength), 0, 0])
    qs, qst = (s**2).sum(1), s @ t
    root = np.sqrt((qs + strength) ** 2 - 4 * (qs * strength - qst**2))
    ratio = (qs - strength + root) / 2
    for limit in (1.0, 4.0, 7.0):
        found, share = _likelihood_p_value(limit, strength, 3), (ratio > limit).mean()
        assert abs(found - share) < 4 * np.sqrt(found * (1 - found) / draws)


# ivmodels 0.10.0: inverse_conditional_likelihood_ratio_test(Z, X, y, alpha=1 - level, C=controls,
# fit_intercept=True, tol=1e-10).boundaries
EXPERIENCE = ["exper", "expersq"]
LIBRARY = [
    (
        card,
        {
            "treatment": "educ",
            "instruments": ["nearc2", "nearc4"],
            "controls": [*EXPERIENCE, "black", "south", "smsa"],
        },
        {0.95: [0.07890417052, 0.336816615034], 0.9: [0.093937050275, 0.297914494096]},
    ),
    (
        mroz,
        {"treatment": "educ", "instruments": ["fatheduc", "motheduc"], "controls": EXPERIENCE},
        {0.95: [-0.004126753727, 0.122279748153], 0.9: [0.006971747191, 0.112468847264]},
    ),
    (
        mroz,
        {
            "treatment": "hours",
            "instruments": ["kidslt6", "kidsge6", "nwifeinc"],
            "controls": "age",
        },
        {0.95: [-0.000253383208, 0.001008485939]},
    ),
    (
        mroz,
        {"treatment": "exper", "instruments": ["city", "kidslt6"], "controls": "age"},
        {0.95: [-np.inf, np.inf]},
    ),
]


@pytest.mark.parametrize(("archive", "columns", "sets"), LIBRARY)
def test_the_likelihood_set_is_that_of_another_library(archive, columns, sets):
    used = ["lwage", columns["treatment"], *columns["instruments"]]
    rows = archive.load().dropna(subset=used)
    for level, ends in sets.items():
        found = conditional_likelihood_ratio(rows, outcome="lwage", **columns, level=level)
        np.testing.assert_allclose(found["pieces"], [ends], atol=2e-12)


# ivmodels 0.10.0: conditional_likelihood_ratio_critical_value_function(k=count, mx=1, md=0,
# lambdas=[strength], z=ratio, tol=1e-12)
@pytest.mark.parametrize(
    ("ratio", "strength", "count", "p_value"),
    [
        (4.0, 5.0, 3, 0.10085010538548),
        (2.5, 0.7, 10, 0.97846171705422),
        (3.9, 60.0, 30, 0.15321139039483),
    ],
)
def test_the_p_value_is_that_of_another_library(ratio, strength, count, p_value):
    assert _likelihood_p_value(ratio, strength, count) == pytest.approx(p_value, abs=1e-12)


@DESIGNS
@pytest.mark.parametrize("rows", [60, 600])
def test_the_likelihood_set_is_what_inverting_the_test_on_a_grid_gives(data, design, rows):
    part = data.head(rows)
    answer = conditional_likelihood_ratio(
        part, **MODEL, instruments=design[0], controls=design[1], level=0.9
    )
    z = dummies(part, design[0])
    w = sm.add_constant(dummies(part, design[1])).to_numpy()
    y, zs = part[["y", "d"]].to_numpy(), z.to_numpy()
    y, zs = (v - w @ np.linalg.lstsq(w, v, rcond=None)[0] for v in (y, zs))
    explained = y.T @ zs @ np.linalg.lstsq(zs, y, rcond=None)[0]
    sigma = (y.T @ y - explained) / (rows - w.shape[1] - zs.shape[1])
    inverse = np.linalg.inv(sigma)

    def accepted(beta):
        across, along = np.array([1, -beta]), np.array([beta, 1])
        qs = across @ explained @ across / (across @ sigma @ across)
        half = inverse @ along / np.sqrt(along @ inverse @ along)
        qt = half @ explained @ half
        qst = half @ explained @ across / np.sqrt(across @ sigma @ across)
        ratio = (qs - qt + np.sqrt(max((qs + qt) ** 2 - 4 * (qs * qt - qst**2), 0))) / 2
        return _likelihood_p_value(max(ratio, 0), qt, zs.shape[1]) >= 0.1

    ends = [end for piece in answer["pieces"] for end in piece if np.isfinite(end)]
    near = [end + step * (1 + abs(end)) for end in ends for step in (-1e-6, 1e-6)]
    assert ends
    for beta in [*np.linspace(-30, 30, 25), *near]:
        assert any(low <= beta <= high for low, high in answer["pieces"]) == accepted(beta)
    assert accepted(
        limited_information(part, **MODEL, instruments=design[0], controls=design[1])["estimate"]
    )
    assert answer["n"] == rows
    assert answer["reference"] == "Moreira (2003)"
    assert answer.name == "conditional_likelihood_ratio"
    law = f"of the likelihood ratio given its strength, {zs.shape[1]} instrument(s)"
    assert answer["distribution"] == law


def test_the_set_of_thirty_quarters_of_birth_is_narrower_than_anderson_and_rubins():
    men = quarter_of_birth()
    columns = {
        "outcome": "log_weekly_wage",
        "treatment": "education",
        "instruments": "quarter_of_birth:year_of_birth",
        "controls": "year_of_birth",
    }
    found = conditional_likelihood_ratio(men, **columns)
    # by Gauss-Legendre nodes in another variable, test_quarter_of_birth_cohorts.py
    assert [found["ci_low"], found["ci_high"]] == pytest.approx([0.0541, 0.1334], abs=5e-5)
    assert found["kind"] == "interval"
    wide = anderson_rubin(men, **columns)
    assert wide["reference"] == "Anderson and Rubin (1949)"
    assert [wide["ci_low"], wide["ci_high"]] == pytest.approx([0.0141, 0.1794], abs=5e-5)


def test_with_one_instrument_it_is_the_anderson_rubin_set_with_chi_squared(data):
    one = {**MODEL, "instruments": "offer", "controls": "x"}
    found = conditional_likelihood_ratio(data, **one)
    shift = stats.f.cdf(stats.chi2.ppf(0.95, 1), 1, 597)
    same = anderson_rubin(data, **one, level=shift)
    np.testing.assert_allclose(np.ravel(found["pieces"]), np.ravel(same["pieces"]), rtol=1e-7)


def test_irrelevant_instruments_give_the_whole_line():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(200, 4)), columns=["d", "y", "a", "b"])
    answer = conditional_likelihood_ratio(frame, **MODEL, instruments=["a", "b"])
    assert answer["kind"] == "whole line"
    assert answer["pieces"] == [(-np.inf, np.inf)]


def test_an_instrument_that_explains_nothing_at_all_gives_the_whole_line():
    frame = pd.DataFrame({"a": [0, 0, 0, 0, 1, 1, 1, 1], "d": [0, 1, 0, 1] * 2})
    frame["y"] = [3, 1, 5, 2, 2, 5, 1, 3]
    answer = conditional_likelihood_ratio(frame, **MODEL, instruments="a")
    assert answer["kind"] == "whole line"


@pytest.mark.parametrize("strength", [0.05, 0.6])
def test_the_likelihood_set_covers_where_instruments_are_weak_and_strong(strength):
    rng, covered, draws, n = np.random.default_rng(8), 0, 300, 100
    for _ in range(draws):
        z, (u, e) = rng.normal(size=(n, 4)), rng.normal(size=(2, n))
        d = strength * z.sum(1) + u
        frame = pd.DataFrame(z, columns=list("abcf")).assign(d=d, y=d + 0.9 * u + 0.4 * e)
        answer = conditional_likelihood_ratio(frame, **MODEL, instruments=list("abcf"))
        covered += any(low <= 1 <= high for low, high in answer["pieces"])
    assert abs(covered / draws - 0.95) < 4 * np.sqrt(0.0475 / draws)


@pytest.mark.parametrize("noise", [1e-2, 1e-4, 1e-6, 1e-8])
def test_with_instruments_that_all_but_fix_the_treatment_the_set_is_an_interval_of_normals(noise):
    # then the strength is without limit, and Q_S less its least is chi-squared with one degree
    rng, n = np.random.default_rng(3), 400
    z = rng.normal(size=(n, 3))
    u, e = rng.normal(size=(2, n))
    d = z @ [1, 0.1, 0.2] + noise * (u + e)
    frame = pd.DataFrame(z, columns=list("abc")).assign(d=d, y=d + u)
    answer = conditional_likelihood_ratio(frame, **MODEL, instruments=list("abc"))
    long = sm.OLS(frame["y"], sm.add_constant(frame[["a", "b", "c"]])).fit()
    short = IV2SLS(frame["y"], np.ones((n, 1)), frame["d"], frame[["a", "b", "c"]]).fit()
    moved = sm.OLS(frame["d"], sm.add_constant(frame[["a", "b", "c"]])).fit()
    margin = stats.norm.isf(0.025) * np.sqrt(long.mse_resid / moved.ess)
    expected = short.params["d"] + margin * np.array([-1, 1])
    np.testing.assert_allclose(np.ravel(answer["pieces"]), expected, rtol=0.1 * noise + 1e-6)


def test_instruments_that_fix_the_treatment_are_refused_and_the_remedy_works(data):
    exact = {**MODEL, "instruments": ["offer", "nudge"]}
    data = data.assign(d=data["offer"] + data["nudge"], y=lambda f: f["d"] + f["e"])
    with pytest.raises(ValueError, match="what the instruments say, use anderson_rubin"):
        conditional_likelihood_ratio(data, **exact)
    assert anderson_rubin(data, **exact)["kind"] == "interval"


def test_where_nothing_at_all_is_explained_both_extremes_are_zero():
    assert _extremes(np.zeros((2, 2)), np.eye(2), 10) == (0.0, 0.0)


def test_two_columns_of_clusters_without_a_variance_are_refused_and_one_is_not():
    rng, n = np.random.default_rng(0), 240
    z, u, e = rng.normal(size=(3, n))
    frame = pd.DataFrame({"a": z, "b": rng.normal(size=n), "d": z + u, "y": z + 2 * u + e})
    frame = frame.assign(firm=np.arange(n) % 6, year=np.arange(n) // 40)
    columns = {**MODEL, "instruments": ["a", "b"], "cov": "clustered"}
    with pytest.raises(ValueError, match=r"is singular or negative .*; cluster by one column"):
        anderson_rubin(frame, **columns, cluster=["firm", "year"])
    assert anderson_rubin(frame, **columns, cluster="firm")["n"] == n


def test_an_outcome_without_noise_is_refused(data):
    exact = data.assign(y=3 * data["d"] + data["offer"])
    with pytest.raises(ValueError, match="without a rest, so there is no noise"):
        conditional_likelihood_ratio(exact, **MODEL, instruments=["offer", "nudge"])
    for role in ("outcome", "treatment"):
        with pytest.raises(ValueError, match=f"{role} must name one column"):
            conditional_likelihood_ratio(data, **MODEL | {role: ["d", "e"]}, instruments="draw")


# ---- robust sets of several instruments


def test_a_row_that_alone_tells_an_instrument_is_refused_and_not_an_empty_set(data):
    single = data.assign(single=(data.index == 3) * 1)
    columns = {**MODEL, "instruments": ["offer", "single"]}
    with pytest.raises(ValueError, match="one row alone makes up an arm"):
        anderson_rubin(single, **columns, cov="robust")
    assert anderson_rubin(single, **columns)["kind"] == "interval"
    spared = {**columns, "controls": "single", "instruments": ["offer", "nudge"]}
    assert anderson_rubin(single, **spared, cov="robust")["kind"] == "interval"


def score_statistic(part, beta, instruments, controls, cov):
    """Return the F of the instruments in y - beta d, by statsmodels, and its degrees."""
    z = dummies(part, instruments)
    exog = sm.add_constant(pd.concat([z, dummies(part, controls)], axis=1))
    options = {"cov_type": "HC1"}
    if cov == "clustered":
        options = {"cov_type": "cluster", "cov_kwds": {"groups": part["site"]}}
    fit = sm.OLS(part["y"] - beta * part["d"], exog).fit(**options)
    test = fit.f_test(np.eye(exog.shape[1])[1 : 1 + z.shape[1]])
    return float(test.fvalue), z.shape[1], fit.df_resid


@pytest.mark.parametrize("cov", ["robust", "clustered"])
@pytest.mark.parametrize(("rows", "level"), [(600, 0.95), (80, 0.8), (60, 0.3)])
@DESIGNS
def test_the_robust_set_is_what_inverting_the_test_on_a_grid_gives(data, design, cov, rows, level):
    part = data.head(rows)
    answer = anderson_rubin(
        part, **MODEL, instruments=design[0], controls=design[1], level=level, **cluster_of(cov)
    )
    ends = [end for piece in answer["pieces"] for end in piece if np.isfinite(end)]
    near = [end + step * (1 + abs(end)) for end in ends for step in (-1e-6, 1e-6)]
    groups = part["site"].nunique()
    for beta in [*np.linspace(-30, 30, 13), *near]:
        statistic, q, df = score_statistic(part, beta, *design, cov)
        if cov == "clustered":
            df = groups - q
            statistic *= df / (groups - 1)
        inside = any(low <= beta <= high for low, high in answer["pieces"])
        assert inside == (statistic <= stats.f.ppf(level, q, df))
    assert answer["distribution"] == f"F({q}, {df:.0f})"


def test_a_polynomial_is_cut_where_it_is_singular():
    for roots in ([1.0, 2.0, 5.0, 9.0], [-3.0, 0.5, 0.6, 4.0]):
        first, second = np.poly(roots[:2]), np.poly(roots[2:])
        forms = [np.diag([first[2 - k], -second[2 - k]]) for k in range(3)]

        def accepted(b, first=first, second=second):
            return np.polyval(first, b) >= 0 or np.polyval(second, b) <= 0

        expected = [(-np.inf, roots[0]), (roots[1], np.inf)]
        found = _where_positive(forms, accepted)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert _where_positive(forms, lambda b: 0 < b < 0.5) == []
    np.testing.assert_allclose(_where_positive(forms, lambda b: -3 < b < 0.5), [(-3, 0.5)])


def test_the_robust_set_with_weights_is_that_of_repeated_scores(data):
    heavy = data.assign(k=1 + data.index % 3)
    columns = {**MODEL, "instruments": ["offer", "nudge"], "controls": "x"}
    answer = anderson_rubin(heavy, **columns, cov="clustered", cluster="site", weights="k")
    repeated = heavy.loc[heavy.index.repeat(heavy["k"])]
    same = anderson_rubin(repeated, **columns, cov="clustered", cluster="site")
    small = (599 / (600 - 4)) / ((len(repeated) - 1) / (len(repeated) - 4))
    limit = stats.f.cdf(small * stats.f.ppf(0.95, 2, 10), 2, 10)
    same = anderson_rubin(repeated, **columns, cov="clustered", cluster="site", level=limit)
    np.testing.assert_allclose(np.ravel(answer["pieces"]), np.ravel(same["pieces"]), rtol=1e-7)


def test_the_clustered_set_covers_with_few_clusters_and_several_instruments():
    rng, covered, draws = np.random.default_rng(5), 0, 300
    town = np.repeat(np.arange(10), 15)
    for _ in range(draws):
        z = rng.normal(size=(150, 3))
        shock = rng.normal(size=10)[town]
        u = (rng.normal(size=150) + shock) * (1 + np.abs(z[:, 0]))
        noise = rng.normal(size=150)
        d = 0.2 * z.sum(1) + u
        frame = pd.DataFrame(z, columns=list("abc")).assign(d=d, y=d + u + noise, town=town)
        answer = anderson_rubin(
            frame, **MODEL, instruments=list("abc"), cov="clustered", cluster="town"
        )
        covered += any(low <= 1 <= high for low, high in answer["pieces"])
    assert abs(covered / draws - 0.95) < 4 * np.sqrt(0.0475 / draws)


# ---- Fuller


@pytest.mark.parametrize("alpha", [1, 4])
@pytest.mark.parametrize("cov", ["unadjusted", "robust", "clustered"])
@DESIGNS
def test_fuller_agrees_with_linearmodels(data, design, cov, alpha):
    instruments, controls = design
    ours = limited_information(
        data, **MODEL, instruments=instruments, controls=controls, fuller=alpha, **cluster_of(cov)
    )
    exog = sm.add_constant(dummies(data, controls))
    model = IVLIML(data["y"], exog, data["d"], dummies(data, instruments), fuller=alpha)
    options = {"clusters": data["site"]} if cov == "clustered" else {}
    theirs = model.fit(cov_type=cov, **options)
    error = theirs.std_errors["d"] * np.sqrt(12 / 11 if options else 1)
    np.testing.assert_allclose(ours[["estimate", "std_error"]], [theirs.params["d"], error], 1e-8)
    assert ours.attrs["kappa"] == pytest.approx(theirs.kappa, rel=1e-10)


def test_fuller_is_nearly_unbiased_and_strays_less_than_liml():
    rng, n = np.random.default_rng(2), 100
    found = {0: [], 1: []}
    for _ in range(400):
        z, (u, e) = rng.normal(size=(n, 3)), rng.normal(size=(2, n))
        d = 0.25 * z.sum(1) + u
        frame = pd.DataFrame(z, columns=list("abc")).assign(d=d, y=d + 0.8 * u + 0.6 * e)
        for alpha, answers in found.items():
            fit = limited_information(frame, **MODEL, instruments=list("abc"), fuller=alpha)
            answers.append(fit["estimate"] - 1)
    fuller = np.array(found[1])
    assert abs(fuller.mean()) < 4 * fuller.std() / 20
    assert fuller.std() < np.std(found[0])


def test_fuller_refuses_what_it_cannot_do(data):
    columns = {**MODEL, "instruments": "draw"}
    with pytest.raises(ValueError, match="fuller must be 0 or more, got -1"):
        limited_information(data, **columns, fuller=-1)
    with pytest.raises(ValueError, match=r"fuller=1 with cov='bekker'.*take fuller=0"):
        limited_information(data, **columns, fuller=1, cov="bekker")
    limited_information(data, **columns, fuller=0, cov="bekker")
    limited_information(data, **columns, fuller=1)


# ---- whether instruments agree


@pytest.mark.parametrize("treatment", ["d", ["d", "e"]], ids=["one", "two"])
@DESIGNS
def test_sargan_agrees_with_linearmodels(data, design, treatment):
    instruments, controls = [*design[0], "offer"], design[1]
    columns = {"outcome": "y", "treatment": treatment}
    ours = overidentification(data, **columns, instruments=instruments, controls=controls)
    exog = sm.add_constant(dummies(data, controls))
    theirs = IV2SLS(data["y"], exog, data[treatment], dummies(data, instruments)).fit().sargan
    assert ours["statistic"] == pytest.approx(theirs.stat, rel=1e-8)
    assert ours["p_value"] == pytest.approx(theirs.pval, abs=1e-9)
    assert ours["df"] == theirs.df
    assert ours["distribution"] == f"chi-squared({theirs.df})"
    assert ours["reference"] == "Sargan (1958)"


@pytest.mark.parametrize("cov", ["robust", "clustered"])
@pytest.mark.parametrize("treatment", ["d", ["d", "e"]], ids=["one", "two"])
@DESIGNS
def test_hansen_agrees_with_linearmodels(data, design, cov, treatment):
    instruments, controls = [*design[0], "offer"], design[1]
    ours = overidentification(
        data,
        outcome="y",
        treatment=treatment,
        instruments=instruments,
        controls=controls,
        **cluster_of(cov),
    )
    exog = sm.add_constant(dummies(data, controls))
    options = {"clusters": data["site"]} if cov == "clustered" else {}
    model = IVGMM(
        data["y"], exog, data[treatment], dummies(data, instruments), weight_type=cov, **options
    )
    theirs = model.fit(iter_limit=2).j_stat
    assert ours["statistic"] == pytest.approx(theirs.stat * (11 / 12 if options else 1), rel=1e-7)
    assert ours["df"] == theirs.df
    assert ours["p_value"] == pytest.approx(stats.chi2.sf(ours["statistic"], theirs.df), abs=1e-9)
    assert ours["reference"] == "Hansen (1982)"


def test_a_row_that_alone_tells_an_instrument_is_no_harm_to_hansens_test(data):
    # A residual of two-stage least squares is not zero there.
    single = data.assign(single=(data.index == 3) * 1.0)
    names = ["offer", "nudge", "single"]
    ours = overidentification(single, **MODEL, instruments=names, controls="x", cov="robust")
    exog = sm.add_constant(single["x"])
    model = IVGMM(single["y"], exog, single["d"], single[names], weight_type="robust")
    assert ours["statistic"] == pytest.approx(model.fit(iter_limit=2).j_stat.stat, rel=1e-7)


def moved(effects, direct, n=4_000, seed=1):
    """Return two instruments that move different people, with a direct effect of each."""
    rng = np.random.default_rng(seed)
    z, u, e = rng.normal(size=(n, 2)), *rng.normal(size=(2, n))
    parts = z * [0.5, 1.0] + rng.normal(size=(n, 2))
    y = parts @ effects + z @ direct + u + e
    return pd.DataFrame(z, columns=["a", "b"]).assign(d=parts.sum(1) + u, y=y)


def test_it_rejects_valid_instruments_whose_effects_differ_and_passes_one_shared_bias():
    columns = {**MODEL, "instruments": ["a", "b"]}
    valid = overidentification(moved([0.0, 1.0], [0.0, 0.0]), **columns)
    assert valid["p_value"] < 1e-6
    shared = [
        overidentification(moved([1.0, 1.0], [0.5, 1.0], seed=seed), **columns)["p_value"]
        for seed in range(40)
    ]
    assert np.mean(np.array(shared) < 0.05) < 0.05 + 4 * np.sqrt(0.0475 / 40)
    biased = limited_information(moved([1.0, 1.0], [0.5, 1.0]), **columns)
    assert biased["ci_low"] > 1.9


REMEDIES = {
    "as many instruments": (
        {"instruments": "offer"},
        "1 instrument column.*nothing to test; name more instruments",
        {"instruments": ["offer", "nudge"]},
    ),
    "few clusters": (
        {"instruments": "draw:region", "cov": "clustered", "cluster": "third"},
        "11 instrument columns and 3 clusters.*use fewer instruments, or a finer cluster",
        {"instruments": "draw:region", "cov": "clustered", "cluster": "site"},
    ),
    "a cluster per arm": (
        {"instruments": ["offer", "nudge"], "cov": "clustered", "cluster": "town"},
        "'town' has 13 clusters, and -1 alone makes up an arm.*finer column.*cov='robust'",
        {"instruments": ["offer", "nudge"], "cov": "robust"},
    ),
    "as many clusters": (
        {"instruments": "draw", "cov": "clustered", "cluster": "third"},
        "3 instrument columns and 3 clusters.*use fewer instruments, or a finer cluster",
        {"instruments": ["offer", "nudge"], "cov": "clustered", "cluster": "third"},
    ),
    "two ways": (
        {"instruments": "draw", "cov": "clustered", "cluster": ["site", "third"]},
        "cluster must name one column",
        {"instruments": "draw", "cov": "clustered", "cluster": "site"},
    ),
    "unmoved": (
        {"instruments": ["idle", "idler"]},
        "do not move 'd'",
        {"instruments": ["offer", "nudge"]},
    ),
}


@pytest.mark.parametrize(("changed", "message", "remedy"), REMEDIES.values(), ids=REMEDIES)
def test_the_test_that_instruments_agree_refuses_and_its_remedy_works(
    data, changed, message, remedy
):
    d, noise = data["d"] - data["d"].mean(), data[["x", "nudge"]] - data[["x", "nudge"]].mean()
    idle = noise - np.outer(d, d @ noise) / (d @ d)
    frame = data.assign(third=data.index % 3, idle=idle["x"], idler=idle["nudge"])
    frame["town"] = frame["site"].where(frame["offer"] == 1, -1)
    with pytest.raises(ValueError, match=message):
        overidentification(frame, **MODEL, **changed)
    assert 0 <= overidentification(frame, **MODEL, **remedy)["p_value"] <= 1


def test_liml_minimizes_what_the_likelihood_ratio_takes_off(data):
    columns = {**MODEL, "instruments": ["draw", "nudge"], "controls": "x"}
    sets = [conditional_likelihood_ratio(data, **columns, level=level) for level in (0.9, 1e-3)]
    liml = limited_information(data, **columns)["estimate"]
    narrow = optimize.Bounds(sets[1]["ci_low"], sets[1]["ci_high"])
    assert narrow.lb <= liml <= narrow.ub
    assert narrow.ub - narrow.lb < 1e-2 * (sets[0]["ci_high"] - sets[0]["ci_low"])
