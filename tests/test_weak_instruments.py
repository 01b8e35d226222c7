"""The strength of instruments, and sets that hold without it, against formulas and tables."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from instruments import CELLS, COVARIANCES, MODEL, ROWS, awkward, cluster_of, dummies, world
from linearmodels.datasets import card, mroz
from linearmodels.iv import IV2SLS
from scipy import optimize, stats
from scipy.linalg import hadamard, sqrtm

from casestudies.archives.quarter_of_birth import quarter_of_birth
from casestudies.recipes.instrumental_variables import (
    limited_information,
    two_stage_least_squares,
    wald,
)
from casestudies.recipes.weak_instruments import (
    _at_most_zero,
    _describe,
    _tf_critical_value,
    anderson_rubin,
    first_stage,
    t_f,
)


@pytest.fixture(scope="module")
def data():
    return world()


@pytest.fixture(scope="module")
def graduates():
    controls = ["exper", "expersq", "black", "south", "smsa", "smsa66"]
    controls += [f"reg66{region}" for region in range(2, 10)]
    return card.load()[["lwage", "educ", "nearc4", *controls]], controls


# ---- first stage


def first_stage_fit(data, instruments, controls, **options):
    z = dummies(data, instruments)
    exog = sm.add_constant(pd.concat([z, dummies(data, controls)], axis=1))
    return sm.OLS(data["d"], exog).fit(**options), list(z.columns)


@pytest.mark.parametrize("design", [CELLS, ROWS], ids=["cells", "rows"])
def test_first_stage_f_and_partial_r2_are_those_of_the_regression(data, design):
    table = first_stage(data, treatment="d", instruments=design[0], controls=design[1])
    full, names = first_stage_fit(data, *design)
    test = full.f_test(np.eye(len(full.params))[[full.params.index.get_loc(n) for n in names]])
    assert table.loc["F", "value"] == pytest.approx(test.fvalue, rel=1e-9)
    assert table.loc["F", "p_value"] == pytest.approx(float(test.pvalue), rel=1e-6)
    short = sm.OLS(data["d"], sm.add_constant(dummies(data, design[1]))).fit()
    share = 1 - full.ssr / short.ssr
    q, df = len(names), full.df_resid
    assert table.loc["partial R2", "value"] == pytest.approx(share, rel=1e-9)
    critical = stats.beta(q / 2, df / 2).ppf(0.95), stats.f(q, df).ppf(0.95)
    np.testing.assert_allclose(
        table.loc[["partial R2", "F"], "critical_value"].astype(float), critical
    )


def test_with_weights_the_effective_f_alone_is_told_and_is_that_of_weighted_least_squares(data):
    data = data.assign(k=1 + data.index % 3)
    table = first_stage(data, treatment="d", instruments="offer", controls="x", weights="k")
    exog = sm.add_constant(data[["offer", "x"]])
    fit = sm.WLS(data["d"], exog, data["k"]).fit(cov_type="HC1")
    assert table.index.to_list() == ["effective F"]
    assert table["value"].item() == pytest.approx(fit.tvalues["offer"] ** 2, rel=1e-9)


@pytest.mark.parametrize("cov", ["robust", "clustered"])
def test_effective_f_of_one_instrument_is_the_robust_f(data, cov):
    options = {"cov_type": "HC1"}
    if cov == "clustered":
        options = {"cov_type": "cluster", "cov_kwds": {"groups": data["site"]}}
    cluster = cluster_of(cov)["cluster"]
    for controls in (["region"], ["region", "x"]):
        fit, _ = first_stage_fit(data, ["offer"], controls, **options)
        table = first_stage(
            data, treatment="d", instruments="offer", controls=controls, cluster=cluster
        )
        value = fit.tvalues["offer"] ** 2
        assert table.loc["effective F", "value"] == pytest.approx(value, rel=1e-9)
    # the threshold of Montiel Olea and Pflueger (2013) for one instrument and a tenth of bias
    assert table.loc["effective F", "critical_value"] == pytest.approx(23.1, abs=0.05)


@pytest.mark.parametrize("design", [CELLS, ROWS], ids=["cells", "rows"])
def test_effective_f_of_several_instruments_is_the_published_formula(data, design):
    table = first_stage(data, outcome="y", treatment="d", instruments=design[0], controls=design[1])
    fit, names = first_stage_fit(data, *design, cov_type="HC1")
    w = sm.add_constant(dummies(data, design[1])).to_numpy()
    z = dummies(data, design[0]).to_numpy()
    z = z - w @ np.linalg.lstsq(w, z, rcond=None)[0]
    root = sqrtm(z.T @ z)
    omega = root @ fit.cov_params().loc[names, names].to_numpy() @ root
    trace, greatest = np.trace(omega), np.linalg.eigvalsh(omega).max()
    effective = fit.params[names] @ z.T @ z @ fit.params[names] / trace
    degrees = trace**2 * 21 / (np.trace(omega @ omega) + 20 * trace * greatest)
    law = stats.ncx2(degrees, 10 * degrees)
    row = table.loc["effective F"]
    assert row["value"] == pytest.approx(effective, rel=1e-9)
    assert row["critical_value"] == pytest.approx(law.ppf(0.95) / degrees, rel=1e-6)
    assert row["p_value"] == pytest.approx(law.sf(effective * degrees), abs=1e-9)


def test_each_first_stage_statistic_states_its_null_in_words(data):
    table = first_stage(data, treatment="d", instruments="draw")
    assert list(table.index) == ["F", "partial R2", "effective F"]
    assert table["null"].str.contains("no instrument is related to d|instruments are weak").all()
    assert table.loc["effective F", "reference"] == "Montiel Olea and Pflueger (2013)"


def test_first_stage_of_angrist_and_krueger_by_how_the_instruments_are_cut():
    men = quarter_of_birth()
    years = men.astype({"year_of_birth": "category", "quarter_of_birth": "category"})
    years["first"] = (men["quarter_of_birth"] == 1).astype(int)
    model = {"treatment": "education", "controls": "year_of_birth"}
    thirty = first_stage(years, instruments="quarter_of_birth:year_of_birth", **model)
    three = first_stage(years, instruments="quarter_of_birth", **model)
    one = first_stage(years, treatment="education", instruments="first")
    assert thirty.loc["F", "distribution"] == "F(30, 329469)"
    values = [table.loc["F", "value"].round(2) for table in (thirty, three, one)]
    assert values == [4.91, 32.27, 67.57]


@pytest.fixture(scope="module")
def workers():
    """Return the working women of Mroz (1987), as the checks of ivreg2 by others use them."""
    return mroz.load().query("inlf == 1")


def test_the_strength_of_two_first_stages_is_that_of_ivreg2(workers):
    table = first_stage(
        workers, treatment=["educ", "exper"], instruments=["age", "kidslt6", "kidsge6"]
    )
    assert table.index.names == ["statistic", "treatment"]
    assert table.loc["F", "value"].round(2).tolist() == [4.47, 55.04]
    assert table.loc["F", "distribution"].unique().tolist() == ["F(3, 424)"]
    conditional = table.loc["conditional F"]
    assert conditional["value"].round(2).tolist() == [6.69, 81.81]
    assert conditional["p_value"].round(4).tolist() == [0.0014, 0.0]
    assert conditional["distribution"].unique().tolist() == ["F(2, 424)"]
    joint = table.loc[("Cragg-Donald F", "educ, exper")]
    assert round(joint["value"], 3) == 4.463
    assert joint["critical_value"] == pytest.approx(stats.chi2.ppf(0.95, 2) / 3, rel=1e-10)
    assert joint["p_value"] == pytest.approx(stats.chi2.sf(3 * joint["value"], 2), rel=1e-10)


@pytest.mark.parametrize("design", [CELLS, ROWS], ids=["cells", "rows"])
def test_the_conditional_f_is_that_of_what_two_stage_least_squares_leaves(data, design):
    instruments, controls = [*design[0], "offer"], design[1]
    names = ["d", "e", "nudge2"]
    three = data.assign(nudge2=data["nudge"] * (1 + data["offer"]) + data["d"])
    z = dummies(three, instruments)
    exog = sm.add_constant(dummies(three, controls))
    table = first_stage(three, treatment=names, instruments=instruments, controls=controls)
    for name in names:
        others = [other for other in names if other != name]
        rest = IV2SLS(three[name], exog, three[others], z).fit().resids
        full = sm.OLS(rest, pd.concat([exog, z], axis=1)).fit()
        test = full.f_test(np.eye(len(full.params))[exog.shape[1] :])
        row = table.loc[("conditional F", name)]
        spare = z.shape[1] - 2
        assert row["value"] == pytest.approx(test.fvalue * z.shape[1] / spare, rel=1e-7)
        assert row["critical_value"] == pytest.approx(stats.f.ppf(0.95, spare, full.df_resid))
    net = [sm.OLS(frame, exog).fit().resid for frame in (three[names], z)]
    q = [np.linalg.qr(part)[0] for part in net]
    least = np.linalg.svd(q[0].T @ q[1])[1].min() ** 2  # of the canonical correlations
    expected = least / (1 - least) * full.df_resid / z.shape[1]
    assert table.loc["Cragg-Donald F", "value"].item() == pytest.approx(expected, rel=1e-7)


def test_one_treatment_in_a_list_has_its_own_f_as_conditional_and_joint(data):
    table = first_stage(data, treatment=["d"], instruments="draw", controls="x")
    value = first_stage(data, treatment="d", instruments="draw", controls="x").loc["F", "value"]
    for statistic in ("F", "conditional F", "Cragg-Donald F"):
        assert table.loc[(statistic, "d"), "value"] == pytest.approx(value, rel=1e-9)


# ---- Anderson-Rubin


def orthogonal(pi, gamma):
    """Return 8 rows with D = pi'Z + r, Y = gamma'Z + s and orthogonal +1/-1 columns."""
    h = hadamard(8).astype(float)
    z = h[:, 1 : 1 + len(pi)]
    columns = {f"z{j + 1}": column for j, column in enumerate(z.T)}
    return pd.DataFrame({"d": z @ pi + h[:, 5], "y": z @ gamma + h[:, 6], **columns})


def set_of(pi, gamma):
    names = [f"z{j + 1}" for j in range(len(pi))]
    return anderson_rubin(orthogonal(pi, gamma), **MODEL, instruments=names)


ONE = stats.f.ppf(0.95, 1, 6) / 6  # (gamma - beta pi)^2 <= ONE (1 + beta^2) is the set
TWO = stats.f.ppf(0.95, 2, 5) / 5 * 2


def test_a_strong_instrument_gives_an_interval_between_the_roots():
    pi, gamma = 2.0, 3.0
    middle, half = pi * gamma, np.sqrt(ONE * (pi**2 + gamma**2 - ONE))
    answer = set_of([pi], [gamma])
    assert answer["kind"] == "interval"
    roots = [(middle - half) / (pi**2 - ONE), (middle + half) / (pi**2 - ONE)]
    np.testing.assert_allclose(answer[["ci_low", "ci_high"]].astype(float), roots, rtol=1e-10)
    assert answer["pieces"] == [(answer["ci_low"], answer["ci_high"])]
    assert answer["statement"].startswith("an interval: ")


def test_a_weak_instrument_with_a_clear_reduced_form_gives_two_rays():
    pi, gamma = 0.5, 2.0
    middle, half = pi * gamma, np.sqrt(ONE * (pi**2 + gamma**2 - ONE))
    answer = set_of([pi], [gamma])
    roots = sorted([(middle - half) / (pi**2 - ONE), (middle + half) / (pi**2 - ONE)])
    assert answer["kind"] == "two rays"
    (left, low), (high, right) = answer["pieces"]
    np.testing.assert_allclose([low, high], roots, rtol=1e-10)
    assert (left, right) == (answer["ci_low"], answer["ci_high"]) == (-np.inf, np.inf)
    assert f"up to {roots[0]:.3g} and every effect from {roots[1]:.3g}" in answer["statement"]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_first_stage_at_the_critical_value_gives_a_half_line(sign):
    pi, gamma = np.sqrt(ONE), 2.0 * sign
    answer = set_of([pi], [gamma])
    end = (gamma**2 - ONE) / (2 * pi * gamma)
    assert answer["kind"] == "half-line"
    expected = [end, np.inf] if sign > 0 else [-np.inf, end]
    np.testing.assert_allclose(answer["pieces"], [expected], rtol=1e-8)
    assert answer["statement"].endswith(f"{'from' if sign > 0 else 'up to'} {end:.3g}")


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("excess", [1e-10, -1e-10])
def test_the_near_end_keeps_its_digits_when_the_far_one_runs_away(sign, excess):
    pi, gamma = np.sqrt(ONE * (1 + excess)), 2.0 * sign
    answer = set_of([pi], [gamma])
    assert answer["kind"] == ("interval" if excess > 0 else "two rays")
    ends = [end for piece in answer["pieces"] for end in piece if np.isfinite(end)]
    assert min(ends, key=abs) == pytest.approx((gamma**2 - ONE) / (2 * pi * gamma), rel=1e-8)
    assert max(map(abs, ends)) > 1e8


@pytest.mark.parametrize("a", [-1, 0, 1e-14, 1])
@pytest.mark.parametrize("b", [-1, 0, 1])
@pytest.mark.parametrize("c", [-0.5, 0.5])
def test_a_quadratic_inequality_holds_in_its_pieces_and_nowhere_else(a, b, c):
    pieces = _at_most_zero(np.array([[c, b], [b, a]]))
    for beta in np.linspace(-7, 7, 57) + 0.01:
        inside = any(low <= beta <= high for low, high in pieces)
        assert inside == (a * beta**2 - 2 * b * beta + c <= 0)


INF = np.inf


@pytest.mark.parametrize(
    ("pieces", "kind", "words"),
    [
        ([], "empty", "reject every effect, hence the instruments or the model"),
        ([(-INF, INF)], "whole line", "reject no effect at this level"),
        ([(1.0, 2.0)], "interval", "compatible with every effect from 1 to 2"),
        ([(-INF, 1.0)], "half-line", "compatible with every effect up to 1"),
        ([(1.0, INF)], "half-line", "compatible with every effect from 1"),
        ([(-INF, 1.0), (2.0, INF)], "two rays", "every effect up to 1 and every effect from 2"),
        ([(1.0, 2.0), (3.0, 4.5)], "several pieces", "every effect from 1 to 2, or from 3 to 4.5"),
        (
            [(-INF, 1.0), (2.0, 3.0), (4.0, INF)],
            "several pieces",
            "every effect from -inf to 1, or from 2 to 3, or from 4 to inf",
        ),
    ],
)
def test_a_set_is_named_by_its_pieces(pieces, kind, words):
    found, sentence = _describe(pieces)
    assert found == kind
    article = {"empty": "", "several pieces": "", "two rays": "", "whole line": "the "}
    article |= {"interval": "an ", "half-line": "a "}
    assert sentence.startswith(f"{article[kind]}{kind}: the data ")
    assert sentence.endswith(words)


@pytest.mark.parametrize(("pi", "gamma"), [(0.5, 0.5), (0.0, 0.0), (np.sqrt(ONE), 0.0)])
def test_a_weak_instrument_without_a_reduced_form_gives_the_whole_line(pi, gamma):
    answer = set_of([pi], [gamma])
    assert answer["kind"] == "whole line"
    assert answer["pieces"] == [(-np.inf, np.inf)]
    assert answer["statement"] == "the whole line: the data reject no effect at this level"


def test_instruments_that_contradict_each_other_give_the_empty_set():
    answer = set_of([2.0, 0.0], [0.0, 2.0])
    assert TWO < 4
    assert answer["kind"] == "empty"
    assert answer["pieces"] == []
    assert np.isnan([answer["ci_low"], answer["ci_high"]]).all()
    assert "reject every effect" in answer["statement"]
    assert set_of([np.sqrt(TWO), 0.0], [0.0, 2.0])["kind"] == "empty"


def accepted(data, cov, beta, instruments, controls):
    """Return whether the test that the instruments explain y - beta d accepts, by statsmodels."""
    z = dummies(data, instruments)
    exog = sm.add_constant(pd.concat([z, dummies(data, controls)], axis=1))
    options = {
        "unadjusted": {},
        "robust": {"cov_type": "HC1"},
        "clustered": {"cov_type": "cluster", "cov_kwds": {"groups": data["site"]}},
    }
    fit = sm.OLS(data["y"] - beta * data["d"], exog).fit(**options[cov])
    statistic = fit.f_test(np.eye(exog.shape[1])[1 : 1 + z.shape[1]]).fvalue
    df = data["site"].nunique() - 1 if cov == "clustered" else fit.df_resid
    return statistic <= stats.f.ppf(0.95, z.shape[1], df)


@pytest.mark.parametrize(
    ("cov", "instruments", "controls", "rows"),
    [
        ("unadjusted", ["draw"], ["region"], 600),
        ("unadjusted", ["draw", "nudge"], ["x"], 40),
        ("robust", ["offer"], ["region"], 600),
        ("robust", ["nudge"], ["x"], 40),
        ("clustered", ["offer"], ["region"], 600),
        ("clustered", ["nudge"], ["region", "x"], 120),
    ],
)
def test_the_set_is_what_inverting_the_test_on_a_grid_gives(data, cov, instruments, controls, rows):
    part = data.head(rows)
    answer = anderson_rubin(
        part, **MODEL, instruments=instruments, controls=controls, **cluster_of(cov)
    )
    assert answer["n"] == rows
    ends = [end for piece in answer["pieces"] for end in piece if np.isfinite(end)]
    near = [end + step for end in ends for step in (-1e-6, 1e-6)]
    for beta in [*np.linspace(-30, 30, 25), *near]:
        inside = any(low <= beta <= high for low, high in answer["pieces"])
        assert inside == accepted(part, cov, beta, instruments, controls)


def test_the_set_for_card_is_what_inverting_the_test_gives(graduates):
    data, controls = graduates
    answer = anderson_rubin(
        data, outcome="lwage", treatment="educ", instruments="nearc4", controls=controls
    )
    renamed = data.rename(columns={"lwage": "y", "educ": "d"}).assign(site=0)
    for end, inward in ((answer["ci_low"], 1), (answer["ci_high"], -1)):
        assert accepted(renamed, "unadjusted", end + inward * 1e-6, ["nearc4"], controls)
        assert not accepted(renamed, "unadjusted", end - inward * 1e-6, ["nearc4"], controls)


@pytest.mark.parametrize(
    ("instruments", "controls", "rows"),
    [
        (["draw", "offer"], ["region"], 600),
        (["draw", "nudge"], ["x"], 60),
        (["offer", "x"], [], 80),
    ],
)
def test_sets_of_two_effects_are_projections_of_what_the_test_accepts(
    data, instruments, controls, rows
):
    part = data.head(rows)
    sets = anderson_rubin(
        part, outcome="y", treatment=["d", "e"], instruments=instruments, controls=controls
    )
    z = dummies(part, instruments)
    exog = sm.add_constant(pd.concat([dummies(part, controls), z], axis=1) if controls else z)
    critical = stats.f.ppf(0.95, z.shape[1], rows - exog.shape[1])

    def statistic(effects):
        rest = part["y"] - part[["d", "e"]] @ effects
        full = sm.OLS(rest, exog).fit()
        short = sm.OLS(rest, exog.drop(columns=z.columns)).fit()
        return (short.ssr / full.ssr - 1) * full.df_resid / z.shape[1]

    def accepted(effect, place):
        def least(other):
            return statistic(np.insert([np.tan(other)], place, effect))

        grid = np.linspace(-np.pi / 2 + 1e-4, np.pi / 2 - 1e-4, 60)
        middle = grid[np.argmin([least(other) for other in grid])]
        found = optimize.minimize_scalar(least, bounds=(middle - 0.06, middle + 0.06))
        return min(found.fun, least(middle)) <= critical

    assert sets["kind"].isin(["interval", "two rays", "whole line"]).all()
    for place, name in enumerate(["d", "e"]):
        pieces = sets.loc[name, "pieces"]
        ends = [end for piece in pieces for end in piece if np.isfinite(end)]
        near = [end + step for end in ends for step in (-1e-2, 1e-2)]
        for effect in [-20, 0, 2, 20, *near]:
            inside = any(low <= effect <= high for low, high in pieces)
            assert inside == accepted(effect, place)


def test_the_projected_sets_cover_where_the_instruments_move_treatments_only_together():
    rng, draws, covered = np.random.default_rng(4), 100, []
    for _ in range(draws):
        z, h = rng.normal(size=(2, 200, 3))
        x = (z @ np.ones((3, 2))) + h @ np.array([[1, 0], [0, -1], [0, 0]])
        data = pd.DataFrame(np.column_stack([h @ [1, 1, 0.1], x, z]), columns=list("yabpqr"))
        columns = {"outcome": "y", "treatment": ["a", "b"], "instruments": ["p", "q", "r"]}
        sets, fit = anderson_rubin(data, **columns), two_stage_least_squares(data, **columns)
        inside = [any(low <= 0 <= high for low, high in pieces) for pieces in sets["pieces"]]
        covered.append([all(inside), *((fit["ci_low"] <= 0) & (fit["ci_high"] >= 0))])
    rubin, first, second = np.mean(covered, axis=0)
    assert rubin >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / draws)
    assert max(first, second) < 0.6


def test_the_set_of_one_treatment_in_a_list_is_its_own(data):
    columns = {"outcome": "y", "instruments": "draw", "controls": "x"}
    alone = anderson_rubin(data, treatment="d", **columns)
    listed = anderson_rubin(data, treatment=["d"], **columns).loc["d"]
    pd.testing.assert_series_equal(alone, listed, check_names=False)
    assert alone["null"] == (
        "the effect of d on y is the stated value, and the instruments act on y through d only"
    )
    both = anderson_rubin(data, treatment=["d", "e"], **columns)
    assert (
        "whatever those of e are, and the instruments act on y through d, e only"
        in (both.loc["d", "null"])
    )


def weak_world(n, strength, endogeneity, rng):
    """Return one draw with effect 1 and mean first-stage F near 1 + strength^2."""
    z, v = rng.normal(size=(2, n))
    u = endogeneity * v + np.sqrt(1 - endogeneity**2) * rng.normal(size=n)
    d = z * strength / np.sqrt(n) + v
    return pd.DataFrame({"y": d + u, "d": d, "z": z})


def judges_world(rng, judges=50, cases=12):
    """Return cases assigned to judges who differ in severity; effect 1, mean first-stage F 3.4."""
    judge = np.repeat(np.arange(judges), cases)
    v = rng.normal(size=len(judge))
    u = 0.8 * v + 0.6 * rng.normal(size=len(judge))
    d = np.linspace(-0.77, 0.77, judges)[judge] + v
    return pd.DataFrame({"y": d + u, "d": d, "judge": judge.astype(str)})


def within_four_errors(share, target, draws):
    return abs(share - target) <= 4 * np.sqrt(target * (1 - target) / draws)


def test_the_set_covers_where_the_instrument_is_weak_and_the_t_interval_does_not():
    rng, draws, covered = np.random.default_rng(3), 150, []
    for _ in range(draws):
        data = weak_world(100, 0.4, 0.95, rng)
        rubin = anderson_rubin(data, **MODEL, instruments="z")
        t = two_stage_least_squares(data, **MODEL, instruments="z")
        inside = any(low <= 1 <= high for low, high in rubin["pieces"])
        covered.append([inside, t["ci_low"] <= 1 <= t["ci_high"]])
    rubin, t = np.mean(covered, axis=0)
    assert within_four_errors(rubin, 0.95, draws)
    assert t < 0.95
    assert not within_four_errors(t, 0.95, draws)


def test_many_instruments_pull_two_stage_least_squares_to_ols_but_not_liml():
    rng, draws, answers = np.random.default_rng(8), 80, []
    for _ in range(draws):
        data, columns = judges_world(rng), {**MODEL, "instruments": "judge"}
        liml = limited_information(data, **columns, cov="bekker")
        narrow = limited_information(data, **columns)
        two_stage = two_stage_least_squares(data, **columns)
        fits = (liml, narrow, two_stage)
        answers.append(
            [two_stage["estimate"] - 1, liml["estimate"] < 1]
            + [fit["ci_low"] <= 1 <= fit["ci_high"] for fit in fits]
        )
    bias, below, bekker, plain, two_stage = np.mean(answers, axis=0)
    assert bias > 0.1
    assert within_four_errors(below, 0.5, draws)  # LIML's median
    assert within_four_errors(bekker, 0.95, draws)
    assert plain < bekker
    assert two_stage < 0.8


# ---- tF

# Lee, McCrary, Moreira and Porter (2022), Table 3: critical values, rounded up, by root of F
PUBLISHED = {2.0: 18.66, 2.1: 9.74, 2.2: 7.37, 2.5: 4.92, 3.0: 3.65, 3.5: 3.11, 4.0: 2.80}
PUBLISHED |= {5.0: 2.46, 6.0: 2.27, 7.0: 2.16, 8.0: 2.08, 9.0: 2.02, 10.0: 1.97, 10.3: 1.96}


def test_tf_critical_values_are_the_published_ones_before_rounding_up():
    ours = np.array([_tf_critical_value(root**2) for root in PUBLISHED])
    gap = np.array(list(PUBLISHED.values())) - ours
    assert (gap >= -5e-5).all()
    assert (gap < 0.01).all()
    assert _tf_critical_value(3.84) == np.inf
    assert np.isfinite(_tf_critical_value(3.85))
    assert _tf_critical_value(104.6) > 1.95997
    assert _tf_critical_value(104.7) == pytest.approx(1.95996, abs=1e-5)


def tf_rejection(strength, endogeneity):
    """Integrate the rejection rate over the first stage's t-ratio f, Anderson-Rubin's t given f."""
    step = np.linspace(-7, 7, 4001)
    f = strength + step
    critical = np.array([_tf_critical_value(value) for value in f**2])
    mean, spread = endogeneity * step, np.sqrt(1 - endogeneity**2)
    with np.errstate(invalid="ignore"):
        # t^2 > c^2 is a t_ar^2 + 2 b t_ar - c^2 > 0
        a, b = 1 - (critical / f) ** 2, critical**2 * endogeneity / f
        root = np.sqrt(np.maximum(b**2 + a * critical**2, 0))
        low, high = np.sort([(-b - root) / a, (-b + root) / a], axis=0)
        between = stats.norm.cdf(high, mean, spread) - stats.norm.cdf(low, mean, spread)
    reject = np.where(a > 0, 1 - between, np.where(root > 0, between, 0))
    reject = np.where(np.isinf(critical), 0, reject)
    return np.sum(reject * stats.norm.pdf(step)) * (step[1] - step[0])


def test_tf_rejects_at_most_five_percent_at_any_strength_and_endogeneity():
    rates = {
        (strength, rho): tf_rejection(strength, rho)
        for strength in (0.1, 0.5, 1, 2, 3, 5, 8, 9.5, 12, 20)
        for rho in (0, 0.5, 0.9, 0.999)
    }
    assert max(rates.values()) < 0.0505
    assert rates[2, 0.999] > 0.0485  # and no smaller function would do
    assert rates[0.1, 0] < 0.005


@pytest.mark.parametrize("cov", COVARIANCES)
def test_tf_interval_is_the_estimate_and_its_error_widened(data, cov):
    part, columns = data.head(200), {**MODEL, "controls": "x", **cluster_of(cov)}
    fit = t_f(part, instrument="offer", **columns)
    plain = two_stage_least_squares(part, instruments="offer", **columns)
    cluster = cluster_of(cov)["cluster"]
    table = first_stage(part, treatment="d", instruments="offer", controls="x", cluster=cluster)
    f = table.loc["F" if cov == "unadjusted" else "effective F", "value"]
    assert fit.attrs["first_stage_f"] == pytest.approx(f, rel=1e-10)
    assert 3.85 < f < 104
    critical = fit.attrs["critical_value"]
    assert critical == pytest.approx(_tf_critical_value(f), rel=1e-10)
    wider = stats.t.ppf(0.975, 11) / stats.norm.ppf(0.975) if cov == "clustered" else 1
    half = critical * plain["std_error"] * wider
    ends = [plain["estimate"] - half, plain["estimate"] + half]
    np.testing.assert_allclose(fit[["ci_low", "ci_high"]], ends, rtol=1e-10)
    assert fit["std_error"] == pytest.approx(half / wider / stats.norm.ppf(0.975), rel=1e-10)
    assert fit["estimate"] == plain["estimate"]


def test_tf_interval_is_the_whole_line_below_its_first_threshold():
    data = orthogonal([0.5], [2.0])  # first-stage F = 6 / 4
    fit = t_f(data, **MODEL, instrument="z1")
    assert fit.attrs["first_stage_f"] == pytest.approx(1.5)
    assert (fit["ci_low"], fit["ci_high"], fit["std_error"]) == (-np.inf, np.inf, np.inf)
    assert fit["estimate"] == pytest.approx(4)


def test_results_stack_into_one_comparison_table(data):
    columns = {**MODEL, "controls": "x"}
    table = pd.DataFrame(
        [
            wald(data, **columns, instrument="offer"),
            two_stage_least_squares(data, **columns, instruments="offer"),
            limited_information(data, **columns, instruments="offer"),
            t_f(data, **columns, instrument="offer"),
        ]
    )
    assert list(table.columns) == ["estimate", "std_error", "ci_low", "ci_high", "n"]
    names = ["wald", "two_stage_least_squares", "limited_information", "t_f"]
    assert list(table.index) == names
    assert table["estimate"].std() < 1e-10  # one instrument: all the same
    narrow = two_stage_least_squares(data, **columns, instruments="offer", level=0.5)
    half = stats.norm.ppf(0.75) * narrow["std_error"]
    assert narrow["ci_high"] - narrow["estimate"] == pytest.approx(half)


def test_where_everybody_complies_the_interval_is_the_conventional_one():
    offered = world(40)
    offered["z"] = offered["d"] = offered["offer"]
    offered["d"] = offered["d"].astype(float)
    fit = t_f(offered, **MODEL, instrument="z", cov="clustered", cluster="site")
    plain = wald(offered, **MODEL, instrument="z", cov="clustered", cluster="site")
    assert fit.attrs["first_stage_f"] > 1e20
    np.testing.assert_allclose(fit, plain, rtol=1e-12)
    exact = pd.DataFrame({"z": np.repeat([0, 1], [9, 3])}).assign(d=lambda f: f["z"])
    exact["y"] = np.arange(12) % 7 + exact["d"]  # here no rounding is left of the treatment
    fit = t_f(exact, **MODEL, instrument="z")
    assert fit.attrs["first_stage_f"] == np.inf
    np.testing.assert_allclose(fit, wald(exact, **MODEL, instrument="z"), rtol=1e-12)


def test_where_everybody_complies_the_first_stage_is_without_limit():
    exact = pd.DataFrame({"z": np.repeat([0, 1], [9, 3])}).assign(d=lambda f: f["z"])
    table = first_stage(exact, treatment="d", instruments="z")
    assert table.loc["F", "value"] == np.inf
    assert table.loc["partial R2", "value"] == 1
    assert table.loc["effective F", "value"] > 1e20
    assert (table["p_value"] < 1e-12).all()


# ---- refusals


@pytest.mark.parametrize(
    ("function", "changed", "message"),
    [
        (t_f, {"instrument": "draw"}, "t_f needs one instrument, got 3 columns"),
        (t_f, {"instrument": "offer", "level": 0.9}, "level=0.95 only, got 0.9"),
        (t_f, {"instrument": "offer", "level": np.nan}, "level=0.95 only, got nan"),
        (t_f, {"instrument": "offer", "treatment": ["d", "e"]}, "treatment must name one column"),
        (t_f, {"instrument": ["offer", "nudge"]}, "instrument must name one column"),
        (anderson_rubin, {"instruments": "draw", "level": 1}, "level must lie between"),
        (anderson_rubin, {"instruments": "offer", "treatment": []}, "treatment is empty"),
        (anderson_rubin, {"instruments": "offer", "cluster": ""}, "cov='unadjusted' with clus"),
        (first_stage, {"instruments": "draw", "level": 0}, "level must lie between"),
        (first_stage, {"instruments": "draw", "treatment": []}, "treatment is empty"),
        (first_stage, {"instruments": "draw", "cluster": ""}, "cluster must name a column"),
        (
            first_stage,
            {"instruments": "draw", "treatment": ["d", "in_step"]},
            "treatments 'd', 'in_step' are linear combinations",
        ),
    ],
)
def test_each_function_refuses_what_it_cannot_do(function, changed, message):
    with pytest.raises(ValueError, match=message):
        function(awkward(), **{**MODEL, **changed})


def test_irrelevant_instruments_are_no_error_for_the_anderson_rubin_set():
    answer = anderson_rubin(awkward(), **MODEL, instruments="idle")
    assert answer["kind"] in ("whole line", "two rays")


def sided(data):
    return data.assign(town=data["offer"], row=range(len(data)))


REMEDIES = {
    "clusters with a list": (
        lambda f: first_stage(f, treatment=["d", "e"], instruments="draw", cluster="site"),
        "leave cluster out, or name one treatment",
        [
            lambda f: first_stage(f, treatment=["d", "e"], instruments="draw"),
            lambda f: first_stage(f, treatment="d", instruments="draw", cluster="site"),
        ],
    ),
    "as many clusters as instruments": (
        lambda f: anderson_rubin(
            f.assign(quarter=f.index % 4),
            **MODEL,
            instruments=["site:offer"],
            cov="clustered",
            cluster="quarter",
        ),
        "23 instrument columns and 4 clusters.*fewer instruments, or a finer cluster",
        [
            lambda f: anderson_rubin(
                f.assign(quarter=f.index % 4),
                **MODEL,
                instruments=["offer", "nudge"],
                cov="clustered",
                cluster="quarter",
            ),
            lambda f: anderson_rubin(
                f.assign(day=f.index % 60),
                **MODEL,
                instruments=["site:offer"],
                cov="clustered",
                cluster="day",
            ),
        ],
    ),
    "weights with a list": (
        lambda f: first_stage(
            f.assign(k=1 + f.index % 2), treatment=["d", "e"], instruments="draw", weights="k"
        ),
        "leave weights out, or name one treatment",
        [
            lambda f: first_stage(f, treatment=["d", "e"], instruments="draw"),
            lambda f: first_stage(
                f.assign(k=1 + f.index % 2), treatment="d", instruments="draw", weights="k"
            ),
        ],
    ),
    "robust with several treatments": (
        lambda f: anderson_rubin(
            f, outcome="y", treatment=["d", "e"], instruments="draw", cov="robust"
        ),
        "use anderson_rubin with cov='unadjusted'$",
        [lambda f: anderson_rubin(f, outcome="y", treatment=["d", "e"], instruments="draw")],
    ),
    "another level": (
        lambda f: t_f(f, **MODEL, instrument="offer", level=0.9),
        "use anderson_rubin",
        [lambda f: anderson_rubin(f, **MODEL, instruments="offer", level=0.9)],
    ),
    "a cluster per arm, first stage": (
        lambda f: first_stage(sided(f), treatment="d", instruments="offer", cluster="town"),
        "'town' has 2 clusters, and [01] alone makes up an arm.*or leave cluster out",
        [
            lambda f: first_stage(f, treatment="d", instruments="offer"),
            lambda f: first_stage(sided(f), treatment="d", instruments="offer", cluster="row"),
        ],
    ),
    "a cluster per arm, set": (
        lambda f: anderson_rubin(
            sided(f), **MODEL, instruments="offer", cov="clustered", cluster="town"
        ),
        "'town' has 2 clusters, and [01] alone makes up an arm",
        [
            lambda f: anderson_rubin(f, **MODEL, instruments="offer", cov="robust"),
            lambda f: anderson_rubin(
                sided(f), **MODEL, instruments="offer", cov="clustered", cluster="row"
            ),
        ],
    ),
    "a cluster per arm, tF": (
        lambda f: t_f(sided(f), **MODEL, instrument="offer", cov="clustered", cluster="town"),
        "'town' has 2 clusters, and [01] alone makes up an arm",
        [
            lambda f: t_f(f, **MODEL, instrument="offer", cov="robust"),
            lambda f: t_f(sided(f), **MODEL, instrument="offer", cov="clustered", cluster="row"),
        ],
    ),
    "a cluster per instrument": (
        lambda f: first_stage(f, treatment="d", instruments="draw", cluster="draw"),
        "'draw' has 4 clusters, and '[abcd]' alone",
        [lambda f: first_stage(f, treatment="d", instruments="draw")],
    ),
}


@pytest.mark.parametrize(("call", "message", "remedies"), REMEDIES.values(), ids=REMEDIES)
def test_the_remedy_of_a_refusal_works_on_the_frame_that_was_refused(call, message, remedies):
    data = world(300)
    with pytest.raises(ValueError, match=message):
        call(data)
    for remedy in remedies:
        assert not pd.isna(remedy(data)).any(axis=None)
