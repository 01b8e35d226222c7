"""Fixed effects taken out, two-way clusters and sampling weights, against other packages."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from cells import moments
from linearmodels.iv import IV2SLS, IVLIML
from linearmodels.iv.absorbing import AbsorbingLS

from casestudies.recipes.instrumental_variables import (
    least_squares,
    limited_information,
    two_stage_least_squares,
    wald,
)
from casestudies.recipes.weak_instruments import first_stage

ENTRIES = ["estimate", "std_error"]
COLUMNS = {"outcome": "y", "treatment": "x"}
IV = {**COLUMNS, "instruments": "z"}


def panel(rows=400):
    """Return workers in 31 firms over 11 years, the firms in 8 towns; by formula."""
    i = np.arange(rows)
    firm, year = i * i % 61, (i // 7 + i % 3) % 11
    z, v = np.sin(i) + np.cos(3 * i), np.sin(5 * i) - np.cos(i)
    x = np.sin(i) + firm / 20 + np.cos(year) + v / 3
    y = x + firm / 10 - year / 5 + np.sin(7 * i) + np.cos(i) / 2
    frame = {"y": y, "x": x, "z": z, "v": v, "w": np.cos(2 * i), "k": 1 + i % 4, "t": 1 * (v > 0)}
    return pd.DataFrame({**frame, "firm": firm, "year": year, "town": firm % 9})


DATA = panel()
# pyfixest 0.60, ssc(k_adj=False, G_adj=False): estimate, then errors with iid, hetero, by c, by c+t
PYFIXEST = {
    "y~x|f+t": (
        {},
        (0.8665991952316667, 0.04010734172753751, 0.03224302765031271, 0.015287124198689633, None),
    ),
    "y~1|f+t|x~z": (
        {"instruments": "z"},
        (
            1.0063176830503884,
            0.0634507781467918,
            0.06635136439915874,
            0.08009813552981833,
            0.07009412819291636,
        ),
    ),
    "y~w|f+t|x~z+v": (
        {"instruments": ["z", "v"], "controls": "w"},
        (
            0.7746059236895425,
            0.05229820154011896,
            0.05221165273171737,
            0.05973130549329392,
            0.05372131895402938,
        ),
    ),
}


def answer(data, columns, **options):
    function = two_stage_least_squares if "instruments" in columns else least_squares
    return function(data, **COLUMNS, **columns, **options)


@pytest.mark.parametrize(("columns", "published"), PYFIXEST.values(), ids=PYFIXEST)
def test_absorbed_effects_and_errors_are_those_of_pyfixest(columns, published):
    estimate, iid, robust, by_town, both_ways = published
    k = 31 + 11 - 1 + 1 + len(columns.get("controls", ""))
    n, absorb = len(DATA), {"absorb": ["firm", "year"]}
    left = n - k + 31 - 1  # firms lie within towns
    errors = {
        "unadjusted": (None, iid * np.sqrt((n - 1) / (n - k))),
        "robust": (None, robust * np.sqrt(n / (n - k))),
        "clustered": ("town", by_town * np.sqrt((n - 1) / left * 8 / 7)),
    }
    for cov, (cluster, error) in errors.items():
        found = answer(DATA, columns, cov=cov, cluster=cluster, **absorb)
        # pyfixest takes effects out up to 1e-6 by default
        np.testing.assert_allclose(found[ENTRIES], [estimate, error], rtol=2e-6)
        assert found.attrs["singletons"] == 0
    two = {"cov": "clustered", "cluster": ["town", "year"], **absorb}
    if both_ways is None:
        with pytest.raises(ValueError, match=r"'town' and 'year'.*cluster by '(town|year)' alone"):
            answer(DATA, columns, **two)
        answer(DATA, columns, **{**two, "cluster": "year"})
        return
    left = n - k + 31 + 11 - 2  # and each year within one: of all effects a constant counts
    error = both_ways * np.sqrt((n - 1) / left * 8 / 7)
    np.testing.assert_allclose(answer(DATA, columns, **two)["std_error"], error, rtol=2e-6)


@pytest.mark.parametrize("absorb", ["firm", ["firm", "year"]], ids=["one", "two"])
@pytest.mark.parametrize("cov", ["unadjusted", "robust", "clustered"])
def test_absorbed_effects_are_those_of_linearmodels(absorb, cov):
    names = [absorb] if isinstance(absorb, str) else absorb
    effects = DATA[names].astype("category")
    model = AbsorbingLS(DATA["y"], DATA[["x", "w"]], absorb=effects, drop_absorbed=False)
    groups = {"clusters": DATA["year"]} if cov == "clustered" else {}
    theirs = model.fit(cov_type=cov, debiased=False, **groups)
    ours = least_squares(
        DATA,
        outcome="y",
        treatment=["x", "w"],
        absorb=absorb,
        cov=cov,
        cluster="year" if groups else None,
    )
    k = 2 + 31 + 10 * (len(names) - 1)
    left = 400 - k + 10 * (len(names) - 1) * (cov == "clustered")  # a year lies within itself
    small = (399 if groups else 400) / left * (11 / 10 if groups else 1)
    np.testing.assert_allclose(ours["estimate"], theirs.params[["x", "w"]], rtol=1e-8)
    errors = theirs.std_errors[["x", "w"]] * np.sqrt(small)
    np.testing.assert_allclose(ours["std_error"], errors, rtol=1e-8)


def test_absorbing_what_others_span_changes_no_error():
    # firms lie within towns, so that towns add nothing: to what is taken out and to its number
    options = {"outcome": "y", "treatment": "x", "cov": "clustered", "cluster": "town"}
    one, both = (least_squares(DATA, **options, absorb=a) for a in ("firm", ["firm", "town"]))
    np.testing.assert_allclose(both, one, rtol=1e-9)
    strength = {"treatment": "x", "instruments": ["z", "v"], "cluster": "town"}
    one, both = (first_stage(DATA, **strength, absorb=a) for a in ("firm", ["firm", "town"]))
    np.testing.assert_allclose(both["value"], one["value"], rtol=1e-9)


def test_a_column_of_clusters_within_another_adds_nothing_to_the_larger():
    # firms lie within towns: the sums by both at once are those by firm, which cancel
    options = {"outcome": "y", "treatment": "x", "absorb": ["firm", "year"], "cov": "clustered"}
    both, towns = (least_squares(DATA, **options, cluster=by) for by in (["firm", "town"], "town"))
    np.testing.assert_allclose(both, towns, rtol=1e-9)


def dummies(data, names):
    parts = [pd.get_dummies(data[name], prefix=name, dtype=float).iloc[:, 1:] for name in names]
    return pd.concat([pd.Series(1.0, data.index, name="one"), *parts], axis=1)


def scattered(rows=500):
    """Return workers and firms in a sparse graph with several components and rows alone."""
    rng = np.random.default_rng(4)
    part = rng.integers(0, 3, rows)
    worker, firm = part * 100 + rng.integers(0, 40, rows), part * 100 + rng.integers(0, 30, rows)
    worker[:9], firm[9:15] = np.arange(900, 909), np.arange(900, 906)
    z, u = rng.normal(size=(2, rows))
    x = z + u + worker / 100
    frame = {"worker": worker, "firm": firm, "z": z, "x": x, "y": x + u + firm / 50}
    return pd.DataFrame(frame)


def test_rows_alone_in_a_level_are_left_out_and_counted():
    data, absorb = scattered(), ["worker", "firm"]
    kept = data
    while True:
        sizes = [kept.groupby(name)[name].transform("size") for name in absorb]
        alone = (sizes[0] == 1) | (sizes[1] == 1)
        if not alone.any():
            break
        kept = kept[~alone]
    design = dummies(kept, absorb)
    rank = np.linalg.matrix_rank(design.to_numpy())
    assert rank < design.shape[1]  # components
    fit = np.linalg.lstsq(design, kept[["y", "x", "z"]], rcond=None)[0]
    y, x, z = (kept[["y", "x", "z"]] - design.to_numpy() @ fit).to_numpy().T
    slope = z @ y / (z @ x)
    sigma2 = ((y - slope * x) ** 2).sum() / (len(kept) - rank - 1)
    found = two_stage_least_squares(data, **IV, absorb=absorb)
    error = np.sqrt(sigma2 * (z @ z)) / abs(z @ x)
    np.testing.assert_allclose(found[ENTRIES], [slope, error], rtol=1e-9)
    assert found["n"] == len(kept)
    assert found.attrs["singletons"] == len(data) - len(kept) >= 15
    with pytest.raises(ValueError, match=r"column 'y': .* no noise"):  # y is 2 x - z, and firms
        least_squares(data, outcome="y", treatment=["x", "z"], absorb=absorb)
    data["y"] += np.random.default_rng(5).normal(size=len(data))
    several = least_squares(data, outcome="y", treatment=["x", "z"], absorb=absorb)
    assert several.attrs["singletons"] == len(data) - len(kept)


@pytest.mark.parametrize("cov", ["unadjusted", "robust", "clustered"])
def test_absorbed_effects_from_cells_are_those_of_the_rows(cov):
    data = scattered().assign(z=lambda f: 1 * (f["z"] > 0), worker=lambda f: f["worker"] // 8)
    pair = data.index < 2  # two rows in a cell that alone has their worker
    data.loc[pair, ["worker", "firm", "z"]] = [500, data["firm"].iloc[-1], 1]
    cells = moments(data, ["worker", "firm", "z"], ["x", "y"])
    options = {"cov": cov, "cluster": "firm" if cov == "clustered" else None}
    columns = {**IV, "absorb": ["worker", "firm"], **options}
    found = two_stage_least_squares(cells, **columns, size="n")
    expected = two_stage_least_squares(data, **columns)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    effects = dummies(data, ["worker", "firm"]).to_numpy()
    fit = np.linalg.lstsq(effects, data[["y", "x", "z"]], rcond=None)[0]
    y, x, z = (data[["y", "x", "z"]] - effects @ fit).to_numpy().T
    assert found["estimate"] == pytest.approx(z @ y / (z @ x), rel=1e-9)
    assert found.attrs["singletons"] == expected.attrs["singletons"] > 0
    twos = cells.groupby("worker")["n"].agg(["size", "sum"])
    assert ((twos["size"] == 1) & (twos["sum"] > 1)).any()


@pytest.mark.parametrize("cov", ["unadjusted", "robust", "clustered", "CR2", "CR3"])
def test_one_absorbed_column_is_the_category_among_the_controls(cov):
    cluster = None if cov in ("unadjusted", "robust") else "year"
    options = {"cov": cov, "cluster": cluster}
    listed = two_stage_least_squares(
        DATA.astype({"firm": "category"}), **IV, controls=["firm", "w"], **options
    )
    found = two_stage_least_squares(DATA, **IV, absorb="firm", controls="w", **options)
    left = 400 - 31 - 2
    factor = {"clustered": 399 / left, "CR2": 1, "CR3": 1}.get(cov, 400 / left)
    np.testing.assert_allclose(found[ENTRIES], listed[ENTRIES] * [1, np.sqrt(factor)], rtol=1e-9)


def test_least_squares_is_two_stage_least_squares_with_the_treatment_as_instrument():
    for cov in ("unadjusted", "robust", "clustered", "CR2", "CR3"):
        cluster = None if cov in ("unadjusted", "robust") else "town"
        options = {"controls": ["w", "t"], "absorb": "year", "cov": cov, "cluster": cluster}
        found = least_squares(DATA, **COLUMNS, **options)
        same = two_stage_least_squares(
            DATA.assign(copy=DATA["x"]), **COLUMNS, instruments="copy", **options
        )
        np.testing.assert_allclose(found, same, rtol=1e-10)
        assert found.name == "least_squares"


def test_least_squares_beside_a_product_of_controls_is_that_of_statsmodels():
    found = least_squares(DATA, **COLUMNS, controls=["k", "w", "k:t"])
    fit = smf.ols("y ~ x + w + C(k) * C(t)", DATA).fit()
    error = fit.bse["x"] * np.sqrt(fit.df_resid / len(DATA))
    np.testing.assert_allclose(found[ENTRIES], [fit.params["x"], error], rtol=1e-9)


def test_the_strength_of_instruments_counts_absorbed_effects():
    table = first_stage(DATA, treatment="x", instruments=["z", "v"], absorb=["firm", "year"])
    full = sm.OLS(DATA["x"], dummies(DATA, ["firm", "year"]).join(DATA[["z", "v"]])).fit()
    test = full.f_test("z = 0, v = 0")
    assert table.loc["F", "value"] == pytest.approx(float(test.fvalue), rel=1e-9)
    assert table.loc["F", "distribution"] == f"F(2, {full.df_resid:.0f})"
    one = {"treatment": "x", "instruments": "z", "absorb": ["firm", "year"]}
    by_town = first_stage(DATA, **one, cluster="town").loc["effective F", "value"]
    fit = least_squares(
        DATA, outcome="x", treatment="z", absorb=one["absorb"], cov="clustered", cluster="town"
    )
    assert by_town == pytest.approx((fit["estimate"] / fit["std_error"]) ** 2, rel=1e-9)


# ---- sampling weights


@pytest.mark.parametrize("cov", ["robust", "clustered"])
@pytest.mark.parametrize("method", [IV2SLS, IVLIML], ids=["2SLS", "LIML"])
@pytest.mark.parametrize(("z", "w"), [(["z", "v"], ["w"]), (["t"], [])], ids=["rows", "cells"])
def test_weighted_estimates_and_errors_are_those_of_linearmodels(method, cov, z, w):
    ours = {IV2SLS: two_stage_least_squares, IVLIML: limited_information}[method]
    cluster = "town" if cov == "clustered" else None
    columns = {"instruments": z, "controls": w, "weights": "k"}
    found = ours(DATA, **COLUMNS, **columns, cov=cov, cluster=cluster)
    exog = DATA[w].assign(constant=1.0)
    model = method(DATA["y"], exog, DATA[["x"]], DATA[z], weights=DATA["k"])
    options = {"clusters": DATA["town"]} if cluster else {}
    theirs = model.fit(cov_type=cov, **options)
    error = theirs.std_errors["x"] * np.sqrt(8 / 7 if cluster else 1)
    np.testing.assert_allclose(found[ENTRIES], [theirs.params["x"], error], rtol=1e-8)
    assert found["n"] == 400


@pytest.mark.parametrize("cov", ["robust", "clustered"])
def test_weighted_cells_give_the_answer_of_their_rows(cov):
    whole = DATA.assign(x=DATA["x"].round(), y=DATA["y"].round(1), z=DATA["t"])
    by = ["z", "k", "town"]
    groups = whole.groupby(by)
    parts = {"n": groups.size(), "y_mean": groups["y"].mean(), "y_var": groups["y"].var(ddof=0)}
    parts |= {"x_mean": groups["x"].mean(), "x_var": groups["x"].var(ddof=0)}
    parts["cov_x_y"] = groups.apply(lambda g: np.cov(g["x"], g["y"], ddof=0)[0, 1])
    cells = pd.DataFrame(parts).reset_index()
    options = {"cov": cov, "cluster": "town" if cov == "clustered" else None, "weights": "k"}
    for function, name in ((wald, "instrument"), (limited_information, "instruments")):
        found = function(cells, **COLUMNS, **{name: "z"}, **options, size="n")
        expected = function(whole, **COLUMNS, **{name: "z"}, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    cluster = options["cluster"]
    columns = {"treatment": "x", "instruments": "z", "weights": "k", "cluster": cluster}
    found, expected = (
        first_stage(frame, **columns, size=size)[["value"]]
        for frame, size in ((cells, "n"), (whole, None))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_only_the_relative_size_of_weights_counts_and_equal_ones_change_nothing():
    for cov, cluster in (("robust", None), ("clustered", "town"), ("CR2", "town")):
        options = {"cov": cov, "cluster": cluster}
        plain = two_stage_least_squares(DATA, **IV, **options)
        for equal in (7, np.where(DATA.index % 2, 0.3, 0.1 + 0.2)):  # the latter but for rounding
            same = two_stage_least_squares(DATA.assign(k=equal), **IV, **options, weights="k")
            np.testing.assert_allclose(same, plain, rtol=1e-10)
        some, more = (
            two_stage_least_squares(DATA.assign(k=DATA["k"] * c), **IV, **options, weights="k")
            for c in (1, 1e6)
        )
        np.testing.assert_allclose(some, more, rtol=1e-10)


def test_weights_find_the_effect_in_the_population_that_rows_were_selected_from():
    rng = np.random.default_rng(12)
    n = 200_000
    side, offer = rng.integers(0, 2, (2, n))
    u = rng.normal(size=n)
    x = offer * (0.4 + 0.4 * side) + u
    y = (1 + 2 * side) * offer * (0.4 + 0.4 * side) + u
    chance = np.where(side == 1, 0.1, 0.5)
    kept = pd.DataFrame({"y": y, "x": x, "z": offer, "k": 1 / chance})[rng.random(n) < chance]
    truth = (0.4 * 1 + 0.8 * 3) / 1.2
    options = {"instrument": "z", "cov": "robust"}
    weighted = wald(kept, **COLUMNS, **options, weights="k")
    plain = wald(kept, **COLUMNS, **options)
    assert abs(weighted["estimate"] - truth) < 4 * weighted["std_error"]
    assert abs(plain["estimate"] - truth) > 4 * plain["std_error"]


# ---- refusals


REMEDIES = {
    "weights without a robust error": (
        {"weights": "k"},
        "cov='unadjusted' with weights='k'.*take cov='robust', or cov='clustered'",
        [
            {"weights": "k", "cov": "robust"},
            {"weights": "k", "cov": "clustered", "cluster": "town"},
        ],
    ),
    "three columns to absorb": (
        {"absorb": ["firm", "year", "town"]},
        "absorb names 3 columns.*the two with the most levels",
        [{"absorb": ["firm", "year"], "controls": "k"}],
    ),
    "leverage of two": (
        {"absorb": ["firm", "year"], "cov": "CR2", "cluster": "town"},
        "cov='CR2' needs the leverages.*absorb the one.*name the other among the controls",
        [{"absorb": "firm", "controls": "year_c", "cov": "CR2", "cluster": "town"}],
    ),
    "leverage without clusters": (
        {"cov": "CR2"},
        "cov='CR2' with cluster=None: cov='CR2' and the name of one column of clusters",
        [{"cov": "CR2", "cluster": "town"}],
    ),
    "leverage in two ways": (
        {"cov": "CR3", "cluster": ["town", "year"]},
        "cov='CR3' with two columns of clusters.*take cov='clustered', or one column",
        [
            {"cov": "clustered", "cluster": ["town", "year"]},
            {"cov": "CR3", "cluster": "town"},
        ],
    ),
    "a column twice": (
        {"cov": "clustered", "cluster": ["town", "town"]},
        "cluster must name one column, or two different ones",
        [{"cov": "clustered", "cluster": "town"}],
    ),
    "every row alone": (
        {"absorb": "row"},
        "every row is alone in a level of 'row'.*absorb a column with fewer",
        [{"absorb": "firm"}],
    ),
    "weights that count nobody": (
        {"weights": "w", "cov": "robust"},
        "'w' has a weight of -",
        [{"weights": "k", "cov": "robust"}],
    ),
    "an absorbed control": (
        {"absorb": "firm", "controls": "town"},
        "'town' is collinear.*drop it",
        [{"absorb": "firm"}],
    ),
    "two roles": ({"absorb": "w", "controls": "w"}, "controls and absorb", [{"controls": "w"}]),
}


@pytest.mark.parametrize(("changed", "message", "remedies"), REMEDIES.values(), ids=REMEDIES)
def test_a_refusal_names_a_remedy_that_works(changed, message, remedies):
    data = DATA.assign(row=range(400), year_c=DATA["year"].astype("category"))
    for function, columns in ((least_squares, COLUMNS), (two_stage_least_squares, IV)):
        with pytest.raises(ValueError, match=message):
            function(data, **columns, **changed)
        for remedy in remedies:
            assert np.isfinite(function(data, **columns, **remedy)).all()


@pytest.mark.parametrize("treatment", [["own", "x"], ["x", "own"]])
def test_who_alone_tells_one_of_two_unrelated_treatments_is_refused(treatment):
    i = np.arange(60)
    data = pd.DataFrame({"y": np.sin(i), "town": i // 10, "x": np.where(i < 2, 0, (-1) ** i)})
    columns = {"outcome": "y", "treatment": treatment}
    for own, cov, cluster, message in (
        (i < 10, "clustered", "town", "'town' has 6 clusters, and 0 alone makes up an arm"),
        (i < 1, "robust", None, "one row alone makes up an arm"),
    ):
        frame = data.assign(own=1 * own)
        assert abs(frame["x"] @ (frame["own"] - frame["own"].mean())) < 1e-12
        with pytest.raises(ValueError, match=message):
            least_squares(frame, **columns, cov=cov, cluster=cluster)
        assert np.isfinite(least_squares(frame, **columns)).all(axis=None)


def test_a_treatment_that_is_no_number_or_no_column_is_refused():
    with pytest.raises(ValueError, match=r"'word' holds .* not numbers"):
        least_squares(DATA.assign(word="a"), outcome="y", treatment="word")
    with pytest.raises(ValueError, match="no column 'x:w'"):
        least_squares(DATA, outcome="y", treatment="x:w")
    with pytest.raises(ValueError, match="treatment is empty"):
        least_squares(DATA, outcome="y", treatment=[])
    with pytest.raises(ValueError, match="'x' is given more than one role"):
        least_squares(DATA, outcome="y", treatment="x", controls="x")
    with pytest.raises(ValueError, match="'x' is collinear"):
        least_squares(DATA.assign(x=2 * DATA["w"]), outcome="y", treatment=["w", "x"])
