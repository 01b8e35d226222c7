"""Instrumental variables against linearmodels, statsmodels, closed forms and published tables."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from linearmodels.datasets import card
from linearmodels.iv import IV2SLS, IVLIML
from scipy import stats
from scipy.linalg import hadamard, sqrtm

from casestudies.archives.quarter_of_birth import quarter_of_birth
from casestudies.recipes.instrumental_variables import (
    limited_information,
    two_stage_least_squares,
    wald,
)
from casestudies.recipes.weak_instruments import (
    _tf_critical_value,
    anderson_rubin,
    first_stage,
    t_f,
)

MODEL = {"outcome": "y", "treatment": "d"}
COVARIANCES = ["unadjusted", "robust", "clustered"]
ENTRIES = ["estimate", "std_error"]
WAGES = {"outcome": "log_weekly_wage", "treatment": "education"}
INTERACTION = "quarter_of_birth:year_of_birth"
EXACT = {"rtol": 1e-8, "atol": 0}


def world(n=600, seed=5):
    """Return a confounded treatment, effect 2, errors that vary with region and move by site."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "draw": rng.choice(list("abcd"), n),
            "region": rng.choice(["north", "south", "west"], n),
            "site": rng.integers(0, 12, n),
            "offer": rng.integers(0, 2, n),
            "x": rng.normal(5, 2, n),
            "nudge": rng.normal(size=n),
        }
    )
    u = rng.normal(size=n) * (1 + (data["region"] == "west")) + rng.normal(size=12)[data["site"]]
    push = data["draw"].map({"a": 0, "b": 1, "c": 2, "d": 1}) + data["offer"]
    data["d"] = push + 0.3 * data["x"] + 0.5 * data["nudge"] + u + rng.normal(size=n)
    data["e"] = 0.5 * data["offer"] - push + rng.normal(size=n) + u
    data["y"] = 2 * data["d"] + (data["region"] == "west") + data["x"] + 2 * u
    return data


def dummies(data, names):
    """Return numbers as they are and categories as dummies without the first level."""
    parts = [
        data[[name]].astype(float)
        if pd.api.types.is_numeric_dtype(data[name])
        else pd.get_dummies(data[name], prefix=name, dtype=float).iloc[:, 1:]
        for name in names
    ]
    return pd.concat(parts, axis=1)


def reference(method, data, treatment, instruments, controls, cov):
    """Return linearmodels' fit of the same model."""
    exog = sm.add_constant(dummies(data, controls)) if controls else sm.add_constant(data[[]])
    options = {"clusters": data["site"]} if cov == "clustered" else {}
    model = method(data["y"], exog, data[treatment], dummies(data, instruments))
    return model.fit(cov_type=cov, **options)


def cluster_of(cov):
    return {"cov": cov, "cluster": "site" if cov == "clustered" else None}


CELLS = (["draw"], ["region"])  # the rows fall into 12 cells (144 with sites)
ROWS = (["draw", "nudge"], ["region", "x"])  # every row is its own cell
BARE = (["offer"], [])


@pytest.fixture(scope="module")
def data():
    return world()


@pytest.fixture(scope="module")
def men():
    return quarter_of_birth()


@pytest.fixture(scope="module")
def graduates():
    controls = ["exper", "expersq", "black", "south", "smsa", "smsa66"]
    controls += [f"reg66{region}" for region in range(2, 10)]
    return card.load()[["lwage", "educ", "nearc4", *controls]], controls


# ---- estimates


@pytest.mark.parametrize("cov", COVARIANCES)
@pytest.mark.parametrize("design", [CELLS, ROWS, BARE], ids=["cells", "rows", "bare"])
def test_two_stage_least_squares_agrees_with_linearmodels(data, design, cov):
    instruments, controls = design
    ours = two_stage_least_squares(
        data, **MODEL, instruments=instruments, controls=controls, **cluster_of(cov)
    )
    theirs = reference(IV2SLS, data, ["d"], instruments, controls, cov)
    np.testing.assert_allclose(ours[ENTRIES], [theirs.params["d"], theirs.std_errors["d"]], **EXACT)
    np.testing.assert_allclose(ours[["ci_low", "ci_high"]], theirs.conf_int().loc["d"], **EXACT)
    assert ours["n"] == len(data)


@pytest.mark.parametrize("cov", COVARIANCES)
@pytest.mark.parametrize("design", [CELLS, ROWS], ids=["cells", "rows"])
@pytest.mark.parametrize(
    ("estimator", "method"), [(two_stage_least_squares, IV2SLS), (limited_information, IVLIML)]
)
def test_two_treatments_agree_with_linearmodels(data, design, cov, estimator, method):
    instruments, controls = [*design[0], "offer"], design[1]
    ours = estimator(
        data,
        outcome="y",
        treatment=["d", "e"],
        instruments=instruments,
        controls=controls,
        **cluster_of(cov),
    )
    theirs = reference(method, data, ["d", "e"], instruments, controls, cov)
    np.testing.assert_allclose(ours["estimate"], theirs.params[["d", "e"]], **EXACT)
    np.testing.assert_allclose(ours["std_error"], theirs.std_errors[["d", "e"]], **EXACT)
    assert list(ours.index) == ["d", "e"]


@pytest.mark.parametrize("cov", COVARIANCES)
@pytest.mark.parametrize("design", [CELLS, ROWS, BARE], ids=["cells", "rows", "bare"])
def test_limited_information_agrees_with_linearmodels(data, design, cov):
    instruments, controls = design
    ours = limited_information(
        data, **MODEL, instruments=instruments, controls=controls, **cluster_of(cov)
    )
    theirs = reference(IVLIML, data, ["d"], instruments, controls, cov)
    np.testing.assert_allclose(ours[ENTRIES], [theirs.params["d"], theirs.std_errors["d"]], **EXACT)
    assert ours.attrs["kappa"] == pytest.approx(theirs.kappa, rel=1e-10)


@pytest.mark.parametrize("design", [CELLS, ROWS], ids=["cells", "rows"])
def test_bekker_standard_error_is_the_published_formula_on_full_projections(data, design):
    instruments, controls = design
    ours = limited_information(
        data, **MODEL, instruments=instruments, controls=controls, cov="bekker"
    )
    w = sm.add_constant(dummies(data, controls)).to_numpy()
    wz = np.column_stack([w, dummies(data, instruments)])
    x = np.column_stack([data["d"], w])
    p = wz @ np.linalg.pinv(wz)
    fit = reference(IVLIML, data, ["d"], instruments, controls, "unadjusted")
    u = fit.resids.to_numpy()
    alpha = u @ p @ u / (u @ u)
    h = x.T @ p @ x - alpha * x.T @ x
    net = x - np.outer(u, u @ x) / (u @ u)
    middle = (1 - alpha) ** 2 * net.T @ p @ net + alpha**2 * (net.T @ net - net.T @ p @ net)
    variance = (u @ u / len(u)) * np.linalg.inv(h) @ middle @ np.linalg.inv(h)
    assert ours["std_error"] == pytest.approx(np.sqrt(variance[0, 0]), rel=1e-8)
    plain = limited_information(data, **MODEL, instruments=instruments, controls=controls)
    assert ours["std_error"] > plain["std_error"]


def test_a_cluster_per_row_gives_the_robust_error_so_both_routes_agree(data):
    numbered = data.assign(row=range(len(data)))
    columns = {**MODEL, "instruments": "draw", "controls": "region"}
    for estimator in (two_stage_least_squares, limited_information):
        by_cell = estimator(data, **columns, cov="robust")
        by_row = estimator(numbered, **columns, cov="clustered", cluster="row")
        np.testing.assert_allclose(by_cell, by_row, rtol=1e-11)


def test_cells_hold_memory_to_a_few_columns():
    wide = world(60_000)
    columns = {**MODEL, "instruments": "region:site", "controls": ["region", "offer"]}
    tracemalloc.start()
    two_stage_least_squares(wide, **columns)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * 8 * len(wide)  # 37 columns of dummies would take 37


def test_a_large_level_of_outcome_and_treatment_does_not_spoil_the_estimate(data):
    columns = {**MODEL, "instruments": "draw", "controls": "region", "cov": "robust"}
    lifted = data.assign(y=data["y"] + 1e6, d=data["d"] - 1e6)
    np.testing.assert_allclose(
        two_stage_least_squares(lifted, **columns)[ENTRIES],
        two_stage_least_squares(data, **columns)[ENTRIES],
        rtol=1e-7,
    )


@pytest.mark.parametrize("level", [0, 1e5])
def test_an_instrument_close_to_a_control_is_told_apart(data, level):
    columns = {**MODEL, "instruments": "z", "controls": "x", "cov": "robust"}
    apart = data.assign(z=data["nudge"])
    step = 1e-6 if level == 0 else 1e-3
    close = data.assign(x=data["x"] + level, z=data["x"] + level + step * data["nudge"])
    np.testing.assert_allclose(
        two_stage_least_squares(close, **columns)[ENTRIES],
        two_stage_least_squares(apart, **columns)[ENTRIES],
        rtol=1e-8,
    )


@pytest.mark.parametrize("cov", ["unadjusted", "robust"])
def test_more_rows_than_are_reduced_at_once_agree_with_linearmodels(cov):
    long = world(20_000)
    ours = two_stage_least_squares(long, **MODEL, instruments="nudge", controls="x", cov=cov)
    theirs = reference(IV2SLS, long, ["d"], ["nudge"], ["x"], cov)
    np.testing.assert_allclose(ours[ENTRIES], [theirs.params["d"], theirs.std_errors["d"]], **EXACT)


def test_order_and_labels_of_rows_do_not_matter_and_the_frame_is_left_alone(data):
    columns = {**MODEL, "instruments": "draw:region", "controls": ["region", "x"]}
    before = data.copy(deep=True)
    shuffled = data.sample(frac=1, random_state=1)
    shuffled.index = ["same"] * len(data)
    for function in (two_stage_least_squares, limited_information):
        np.testing.assert_allclose(
            function(shuffled, **columns), function(data, **columns), rtol=1e-10
        )
    pd.testing.assert_frame_equal(data, before)


def test_two_stage_least_squares_recovers_the_effect_and_least_squares_does_not():
    data = world(50_000, seed=1)
    fit = two_stage_least_squares(
        data, **MODEL, instruments="draw", controls="x", cov="clustered", cluster="site"
    )
    naive = sm.OLS(data["y"], sm.add_constant(data[["d", "x"]])).fit()
    assert abs(fit["estimate"] - 2) < 4 * fit["std_error"]
    assert naive.params["d"] - 2 > 0.5


# ---- Wald


def test_wald_is_the_ratio_of_jumps_with_the_delta_method_error(data):
    on, off = (data[data["offer"] == z] for z in (1, 0))
    jump = on["d"].mean() - off["d"].mean()
    effect = (on["y"].mean() - off["y"].mean()) / jump
    variances = [(rows["y"] - effect * rows["d"]).var(ddof=0) for rows in (on, off)]
    robust = np.sqrt(variances[0] / len(on) + variances[1] / len(off)) / jump
    fit = wald(data, **MODEL, instrument="offer", cov="robust")
    np.testing.assert_allclose(fit[ENTRIES], [effect, robust], rtol=1e-10)
    pooled = (variances[0] * len(on) + variances[1] * len(off)) / len(data)
    plain = np.sqrt(pooled * (1 / len(on) + 1 / len(off))) / jump
    assert wald(data, **MODEL, instrument="offer")["std_error"] == pytest.approx(plain, rel=1e-10)


def test_wald_with_controls_is_two_stage_least_squares(data):
    one = wald(data, **MODEL, instrument="offer", controls=["region", "x"])
    other = two_stage_least_squares(data, **MODEL, instruments="offer", controls=["region", "x"])
    np.testing.assert_allclose(one, other, rtol=1e-12)
    assert one.name == "wald"
    assert other.name == "two_stage_least_squares"


# ---- published tables


def test_angrist_and_krueger_tables_iii_and_v(men):
    late = men.assign(first=(men["quarter_of_birth"] == 1).astype(int))
    ratio = wald(late, **WAGES, instrument="first")
    columns = {**WAGES, "instruments": INTERACTION, "controls": "year_of_birth"}
    two_stage = two_stage_least_squares(men, **columns)
    liml = limited_information(men, **columns)
    assert ratio[ENTRIES].round(4).tolist() == [0.1020, 0.0239]
    assert two_stage[ENTRIES].round(4).tolist() == [0.0891, 0.0161]
    assert liml[ENTRIES].round(4).tolist() == [0.0929, 0.0177]


def test_first_stage_of_angrist_and_krueger_by_how_the_instruments_are_cut(men):
    years = men.astype({"year_of_birth": "category", "quarter_of_birth": "category"})
    years["first"] = (men["quarter_of_birth"] == 1).astype(int)
    model = {"treatment": "education", "controls": "year_of_birth"}
    thirty = first_stage(years, instruments=INTERACTION, **model)
    three = first_stage(years, instruments="quarter_of_birth", **model)
    one = first_stage(years, treatment="education", instruments="first")
    assert thirty.loc["F", "distribution"] == "F(30, 329469)"
    values = [table.loc["F", "value"].round(2) for table in (thirty, three, one)]
    assert values == [4.91, 32.27, 67.57]


def test_card_returns_to_schooling_by_college_proximity(graduates):
    data, controls = graduates
    fit = two_stage_least_squares(
        data, outcome="lwage", treatment="educ", instruments="nearc4", controls=controls
    )
    assert fit[ENTRIES].round(3).tolist() == [0.132, 0.055]  # Card (1995), Table 3


# ---- how columns are read


def test_integers_in_a_product_are_categories_also_where_they_stand_alone(men):
    columns = {**WAGES, "instruments": INTERACTION, "controls": "year_of_birth"}
    as_categories = men.astype({"year_of_birth": "category", "quarter_of_birth": "str"})
    np.testing.assert_allclose(
        two_stage_least_squares(men, **columns),
        two_stage_least_squares(as_categories, **columns),
        rtol=1e-10,
    )


def test_a_number_outside_products_is_linear_and_a_category_is_not(data):
    numbers = first_stage(data, treatment="d", instruments="site", controls="x")
    levels = first_stage(
        data.astype({"site": "category"}), treatment="d", instruments="site", controls="x"
    )
    assert numbers.loc["F", "distribution"] == "F(1, 597)"
    assert levels.loc["F", "distribution"] == "F(11, 587)"


def test_a_product_is_every_combination_less_what_stands_before_it(data):
    combined = data.assign(pair=data["draw"] + data["region"])
    by_hand = two_stage_least_squares(data, **MODEL, instruments="draw:region", controls="x")
    pairs = two_stage_least_squares(combined, **MODEL, instruments="pair", controls="x")
    np.testing.assert_allclose(by_hand, pairs, rtol=1e-10)
    counts = {
        ("draw:region",): ([], 11),
        ("draw", "draw:region"): (["region"], 9),
        ("draw:region:offer",): (["region:offer"], 18),
        ("draw:region:offer", "draw"): (["region", "offer"], 20),
    }
    for instruments, (controls, count) in counts.items():
        table = first_stage(data, treatment="d", instruments=list(instruments), controls=controls)
        assert table.loc["F", "distribution"].startswith(f"F({count},")


def test_a_column_may_have_a_colon_in_its_name(data):
    odd = data.rename(columns={"offer": "offer:made"})
    np.testing.assert_allclose(
        two_stage_least_squares(odd, **MODEL, instruments="offer:made"),
        two_stage_least_squares(data, **MODEL, instruments="offer"),
    )


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
    half = critical * plain["std_error"]
    ends = [plain["estimate"] - half, plain["estimate"] + half]
    np.testing.assert_allclose(fit[["ci_low", "ci_high"]], ends, rtol=1e-10)
    assert fit["std_error"] == pytest.approx(half / stats.norm.ppf(0.975), rel=1e-10)
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


# ---- refusals

REFUSED = {
    "no instrument": ({"instruments": []}, "no instrument"),
    "None": ({"instruments": None, "controls": None}, "no instrument"),
    "constant instrument": ({"instruments": "flat"}, "'flat' is 1 in all 60 rows"),
    "constant but for rounding": ({"instruments": "sums"}, "'sums' is 0.3 in all 60 rows"),
    "category of one level": ({"instruments": "only"}, "'only' is 'k' in all 60 rows"),
    "constant control": ({"controls": "flat"}, "'flat' is 1 in all 60 rows"),
    "too few": ({"treatment": ["d", "e"]}, r"1 instrument column\(s\) for 2 treatments \(d, e\)"),
    "collinear": ({"instruments": ["offer", "thrice"]}, "'thrice' is collinear"),
    "more columns than cells": ({"instruments": ["offer", "thrice", "fifth"]}, "'thrice' is coll"),
    "equal to a control": ({"controls": "thrice"}, "'offer' is collinear"),
    "also a control": ({"controls": "offer"}, "'offer' is given more than one role"),
    "collinear control": ({"controls": ["x", "double"]}, "'double' is collinear"),
    "collinear category": ({"controls": ["region", "west"]}, "'west' is collinear"),
    "spanned by a product": (
        {"instruments": "draw", "controls": "draw:region"},
        "'draw_b' is collinear",
    ),
    "empty product": (
        {"instruments": "draw:region", "controls": "region:draw"},
        "product 'draw:region' adds nothing",
    ),
    "product of amounts": (
        {"instruments": "draw:x"},
        r"'x' in 'draw:x' holds values such as .* cut it into classes",
    ),
    "product of strangers": ({"instruments": "draw:nobody"}, "no column 'nobody'"),
    "product with treatment": ({"instruments": "draw:d"}, "'d' is given more than one role"),
    "unknown": ({"instruments": "ofer"}, "no column 'ofer' in data; did you mean 'offer'"),
    "twice": ({"treatment": ["d", "d"]}, "'d' is given more than one role"),
    "treatment of controls": ({"treatment": "double", "controls": "x"}, "'double' is constant or"),
    "constant outcome": ({"outcome": "flat"}, "'flat' is constant or"),
    "words": ({"treatment": "region"}, "'region' holds .* not numbers"),
    "missing": ({"outcome": "gap"}, r"'gap' has 1 missing value\(s\)"),
    "missing instrument": ({"instruments": "gap"}, r"'gap' has 1 missing value\(s\)"),
    "infinite": ({"controls": "huge"}, r"'huge' has 2 infinite value\(s\)"),
    "unmoved": ({"instruments": "idle"}, "do not move d: first-stage partial R2"),
    "rows": ({"controls": "label"}, "60 rows cannot carry 60 coefficients"),
    "rows of a product": ({"controls": "label:offer"}, "60 rows cannot carry 60 coefficients"),
    "rows and a product": (
        {"controls": "group:offer:draw:region"},
        "60 rows cannot carry 60 coefficients",
    ),
    "rows and products": (
        {"instruments": ["group:offer", "group:draw", "group:site"]},
        "60 rows cannot carry 60 coefficients",
    ),
    "unknown covariance": ({"cov": "HC3"}, "cov must be one of unadjusted, robust, clustered, got"),
    "clusters without a column": ({"cov": "clustered"}, "cov='clustered' with cluster=None"),
    "two columns of clusters": ({"cov": "clustered", "cluster": ["site", "x"]}, "one column"),
    "column without clusters": ({"cluster": "site"}, "cov='unadjusted' with cluster='site'"),
    "one cluster": ({"cov": "clustered", "cluster": "flat"}, "'flat' is 1 in all 60 rows"),
    "unknown cluster": ({"cov": "clustered", "cluster": "town"}, "no column 'town'"),
    "level": ({"level": 95}, "level must lie between 0 and 1, got 95"),
}


def awkward():
    data = world(60)
    z = (data["offer"] - data["offer"].mean()).to_numpy()
    d = data["d"].to_numpy() - data["d"].mean()
    gap, huge = data["y"].copy(), data["x"].copy()
    gap.iloc[3], huge.iloc[:2] = np.nan, np.inf
    return data.assign(
        flat=1,
        sums=[0.3, 0.1 + 0.2] * 30,
        only="k",
        thrice=3 * data["offer"] - 1,
        fifth=data["offer"] / 5,
        double=2 * data["x"],
        west=(data["region"] == "west").astype(int),
        label=[f"row {i}" for i in range(59)] + ["row 58"],
        group=[i // 2 for i in range(60)],
        idle=z - d * (z @ d) / (d @ d),
        gap=gap,
        huge=huge,
    )


@pytest.mark.parametrize(("changed", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("estimator", [two_stage_least_squares, limited_information])
def test_bad_input_is_refused_by_name_with_the_remedy(estimator, changed, message):
    if estimator is limited_information:
        message = message.replace("clustered, got", "clustered, bekker, got")
    with pytest.raises(ValueError, match=message):
        estimator(awkward(), **{**MODEL, "instruments": "offer", **changed})


@pytest.mark.parametrize(
    ("function", "changed", "message"),
    [
        (wald, {"instrument": "site"}, "'site' must be 0 or 1"),
        (wald, {"instrument": "west:offer"}, "no column 'west:offer'"),
        (wald, {"instrument": ["west", "offer"]}, "one column name is needed"),
        (wald, {"instrument": "offer", "treatment": ["d"]}, "one column name is needed"),
        (t_f, {"instrument": "draw"}, "t_f needs one instrument, got 3 columns"),
        (t_f, {"instrument": "offer", "level": 0.9}, "level=0.95 only, got 0.9"),
        (t_f, {"instrument": "offer", "treatment": ["d", "e"]}, "one column name is needed"),
        (t_f, {"instrument": ["offer"]}, "one column name is needed"),
        (anderson_rubin, {"instruments": "offer", "treatment": ["d"]}, "one column name is needed"),
        (anderson_rubin, {"instruments": "draw", "cov": "robust"}, "cov='robust' needs one"),
        (anderson_rubin, {"instruments": "draw", "level": 1}, "level must lie between"),
        (first_stage, {"instruments": "draw", "level": 0}, "level must lie between"),
        (first_stage, {"instruments": "draw", "treatment": ["d"]}, "one column name is needed"),
        (limited_information, {"instruments": "offer", "outcome": "sum"}, "LIML does not exist"),
    ],
)
def test_each_function_refuses_what_it_cannot_do(function, changed, message):
    data = awkward()
    data["sum"] = 3 * data["d"] + data["offer"]
    with pytest.raises(ValueError, match=message):
        function(data, **{**MODEL, **changed})


def test_irrelevant_instruments_are_no_error_for_the_anderson_rubin_set():
    answer = anderson_rubin(awkward(), **MODEL, instruments="idle")
    assert answer["kind"] in ("whole line", "two rays")
