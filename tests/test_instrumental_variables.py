"""Instrumental variables against linearmodels, closed forms and published tables."""

import itertools
import re
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from instruments import (
    BARE,
    CELLS,
    COVARIANCES,
    ENTRIES,
    EXACT,
    MODEL,
    ROWS,
    awkward,
    cluster_of,
    dummies,
    world,
)
from linearmodels.datasets import card, mroz
from linearmodels.iv import IV2SLS, IVLIML
from matrices import by_matrices
from scipy import stats
from stored import ROOT

from casestudies.archives.quarter_of_birth import quarter_of_birth
from casestudies.recipes._cells import _code
from casestudies.recipes.instrumental_variables import (
    limited_information,
    two_stage_least_squares,
    wald,
)
from casestudies.recipes.weak_instruments import anderson_rubin, first_stage

WAGES = {"outcome": "log_weekly_wage", "treatment": "education"}
INTERACTION = "quarter_of_birth:year_of_birth"


def reference(method, data, treatment, instruments, controls, cov):
    """Return linearmodels' fit of the same model."""
    exog = sm.add_constant(dummies(data, controls)) if controls else sm.add_constant(data[[]])
    options = {"clusters": data["site"]} if cov == "clustered" else {}
    model = method(data["y"], exog, data[treatment], dummies(data, instruments))
    return model.fit(cov_type=cov, **options)


def agrees(ours, theirs, names, cov):
    """Assert that estimates, errors and intervals agree, 12 clusters being few where they count."""
    few, quantile = (12 / 11, stats.t.ppf(0.975, 11)) if cov == "clustered" else (1, 1.959963984540)
    errors = theirs.std_errors[names] * np.sqrt(few)
    np.testing.assert_allclose(ours["estimate"], theirs.params[names], **EXACT)
    np.testing.assert_allclose(ours["std_error"], errors, **EXACT)
    low, high = (theirs.params[names] + sign * quantile * errors for sign in (-1, 1))
    np.testing.assert_allclose(ours["ci_low"], low, rtol=1e-8)
    np.testing.assert_allclose(ours["ci_high"], high, rtol=1e-8)


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
    agrees(ours, reference(IV2SLS, data, ["d"], instruments, controls, cov), "d", cov)
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
    agrees(ours, reference(method, data, ["d", "e"], instruments, controls, cov), ["d", "e"], cov)
    assert list(ours.index) == ["d", "e"]


@pytest.mark.parametrize("cov", COVARIANCES)
@pytest.mark.parametrize("design", [CELLS, ROWS, BARE], ids=["cells", "rows", "bare"])
def test_limited_information_agrees_with_linearmodels(data, design, cov):
    instruments, controls = design
    ours = limited_information(
        data, **MODEL, instruments=instruments, controls=controls, **cluster_of(cov)
    )
    theirs = reference(IVLIML, data, ["d"], instruments, controls, cov)
    agrees(ours, theirs, "d", cov)
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
    error = np.sqrt(variance[0, 0])
    half = 1.959963984540 * error
    expected = [ours["estimate"], error, ours["estimate"] - half, ours["estimate"] + half]
    np.testing.assert_allclose(ours.iloc[:4], expected, rtol=1e-8)
    plain = limited_information(data, **MODEL, instruments=instruments, controls=controls)
    assert ours["std_error"] > plain["std_error"]


def test_a_cluster_per_row_gives_the_robust_error_so_both_routes_agree(data):
    numbered = data.assign(row=range(len(data)))
    columns = {**MODEL, "instruments": "draw", "controls": "region"}
    for estimator in (two_stage_least_squares, limited_information):
        by_cell = estimator(data, **columns, cov="robust")
        by_row = estimator(numbered, **columns, cov="clustered", cluster="row")
        few = np.sqrt(len(data) / (len(data) - 1))
        np.testing.assert_allclose(by_cell[ENTRIES] * [1, few], by_row[ENTRIES], rtol=1e-11)


def test_cells_hold_memory_to_a_few_columns():
    wide = world(60_000)
    columns = {**MODEL, "instruments": "region:site", "controls": ["region", "offer"]}
    tracemalloc.start()
    two_stage_least_squares(wide, **columns)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 8 * len(wide)  # 37 columns of dummies would take 37, Arrow's text takes 17


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


SPANNED = {  # controls, and columns that span the same
    "two categories": (["region", "shift", "x"], ["region", "shift", "x"]),
    "a category in a product": (["shift", "region:shift"], ["region shift"]),
    "a category and a product": (["region", "draw:shift"], ["region", "draw shift"]),
    "a product alone": (["draw:shift"], ["draw shift"]),
    "two products": (["draw:region", "shift:side"], ["draw region", "shift side"]),
}


@pytest.mark.parametrize("cov", COVARIANCES)
@pytest.mark.parametrize(("controls", "spanning"), SPANNED.values(), ids=SPANNED)
def test_categories_and_products_of_controls_agree_with_linearmodels(data, controls, spanning, cov):
    shift, side = (data.index % 5).astype(str), (data.index // 5 % 2).astype(str)
    pairs = {f"{name} shift": data[name] + shift for name in ("region", "draw")}
    pairs |= {"draw region": data["draw"] + data["region"], "shift side": shift + side}
    shifts = data.assign(shift=pd.Categorical(data.index % 5), side=side, **pairs)
    ours = two_stage_least_squares(
        shifts, **MODEL, instruments=["offer", "nudge"], controls=controls, **cluster_of(cov)
    )
    agrees(ours, reference(IV2SLS, shifts, ["d"], ["offer", "nudge"], spanning, cov), "d", cov)


def firms(rows=2000, count=400, seed=3):
    """Return rows in firms whose level moves treatment and outcome alike; effect 2."""
    rng = np.random.default_rng(seed)
    firm = rng.permutation(np.arange(rows) % count)
    z, u, level = rng.normal(size=rows), rng.normal(size=rows), rng.normal(size=count)[firm]
    d = z + u + level
    y = 2 * d + 2 * u + 3 * level
    frame = {"y": y, "d": d, "z": z, "x": rng.normal(size=rows), "firm": firm.astype(str)}
    return pd.DataFrame({**frame, "state": firm % 10})


@pytest.mark.parametrize("cov", COVARIANCES)
@pytest.mark.parametrize("controls", [["firm", "x"], ["firm:state"]], ids=["named", "product"])
def test_four_hundred_fixed_effects_take_no_time_and_are_the_within_estimate(controls, cov):
    data, cluster = firms(), "state" if cov == "clustered" else None
    start = time.process_time()
    ours = two_stage_least_squares(
        data, **MODEL, instruments="z", controls=controls, cov=cov, cluster=cluster
    )
    assert time.process_time() - start < 0.5
    numbers = data.drop(columns="firm")
    within = numbers - numbers.groupby(data["firm"]).transform("mean")
    exog = within[["x"]] if "x" in controls else None
    model = IV2SLS(within["y"], exog, within["d"], within[["z"]])
    theirs = model.fit(cov_type=cov, **({"clusters": data["state"]} if cluster else {}))
    few = 10 / 9 if cluster else 1
    error = theirs.std_errors["d"] * np.sqrt(few)
    np.testing.assert_allclose(ours[ENTRIES], [theirs.params["d"], error], **EXACT)


# ---- units and origins


@pytest.mark.parametrize("cov", COVARIANCES)
@pytest.mark.parametrize("name", ["x", "nudge", "d", "y"])
@pytest.mark.parametrize(("factor", "origin"), [(1e9, 0), (1e-20, 0), (1, 2.0**30), (-3, 2.0**27)])
def test_neither_units_nor_a_far_off_origin_matter(data, name, factor, origin, cov):
    columns = {**MODEL, "instruments": ["draw", "nudge"], "controls": ["region", "x"]}
    exact = data.assign(**{key: (data[key] * 2**10).round() / 2**10 for key in ("x", "nudge")})
    moved = exact.assign(**{name: exact[name] * factor + origin})
    unit = {"d": 1 / factor, "y": factor}.get(name, 1)
    for estimator in (two_stage_least_squares, limited_information):
        expected = estimator(exact, **columns, **cluster_of(cov))[ENTRIES]
        expected = expected * [unit, abs(unit)]
        found = estimator(moved, **columns, **cluster_of(cov))[ENTRIES]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_single_precision_of_numbers_that_it_can_hold_changes_nothing(data):
    columns = {**MODEL, "instruments": ["draw", "nudge"], "controls": ["region", "x"]}
    numbers = ["y", "d", "x", "nudge"]
    exact = data.assign(**{name: data[name].astype(np.float32).astype(float) for name in numbers})
    single = exact.astype(dict.fromkeys(numbers, np.float32))
    np.testing.assert_allclose(
        two_stage_least_squares(single, **columns), two_stage_least_squares(exact, **columns)
    )


def test_a_column_that_single_precision_cannot_tell_from_another_is_refused(data):
    noise = np.where(data.index % 2, 1e-8, -1e-8)
    close = data.assign(z=(data["x"] * (1 + noise)).astype(np.float32))
    with pytest.raises(ValueError, match="'z' is collinear"):
        two_stage_least_squares(close, **MODEL, instruments="z", controls="x")
    exact = close.assign(z=data["x"] * (1 + noise))
    two_stage_least_squares(exact, **MODEL, instruments=["z", "offer"], controls="x")


def test_a_treatment_that_single_precision_cannot_tell_from_a_control_is_refused(data):
    noise = np.where(data.index % 2, 1e-8, -1e-8)
    close = data.assign(d=(data["x"] * (1 + noise)).astype(np.float32))
    with pytest.raises(ValueError, match="'d' is constant or a linear combination"):
        two_stage_least_squares(close, **MODEL, instruments="offer", controls="x")


def test_little_noise_is_noise(data):
    columns = {**MODEL, "instruments": ["draw", "offer"], "controls": "x"}
    slope, error = two_stage_least_squares(data, **columns)[ENTRIES]
    little = data.assign(y=2 * data["d"] + 1e-6 * data["y"])
    found = two_stage_least_squares(little, **columns)[ENTRIES]
    np.testing.assert_allclose(found - [2, 0], [1e-6 * slope, 1e-6 * error], rtol=1e-3)


def test_an_outcome_whose_means_are_alike_has_the_error_of_what_varies_behind_them():
    n, jump, spread = np.array([40, 60]), 0.4, 1e-20
    moments = {"y_mean": 0.0, "y_var": spread**2, "d_mean": [0.2, 0.6], "d_var": [0.16, 0.24]}
    cells = pd.DataFrame({"z": [0, 1], "n": n, **moments, "cov_y_d": 0.0})
    found = wald(cells, **MODEL, instrument="z", size="n")
    np.testing.assert_allclose(found[ENTRIES], [0, spread * np.sqrt((1 / n).sum()) / jump])


def test_names_that_look_like_our_labels_are_just_names(data):
    odd = data.rename(columns={"x": "draw = b", "nudge": "region = west", "offer": "0"})
    np.testing.assert_allclose(
        two_stage_least_squares(
            odd,
            **MODEL,
            instruments=["draw", "region = west", "0"],
            controls=["region", "draw = b"],
        ),
        two_stage_least_squares(
            data, **MODEL, instruments=["draw", "nudge", "offer"], controls=["region", "x"]
        ),
    )


# ---- clusters


def towns(counts, rows=20, seed=1):
    """Return towns, `counts` of them with z = 1 and with z = 0; effect 1, shocks by town."""
    rng = np.random.default_rng(seed)
    z = np.repeat(np.repeat([1, 0], counts), rows)
    town = np.repeat(np.arange(sum(counts)), rows)
    u = rng.normal(size=sum(counts))[town] + rng.normal(size=len(z))
    d = z + 0.5 * u + rng.normal(size=len(z))
    data = pd.DataFrame({"z": z, "d": d, "y": d + u, "town": town, "row": range(len(z))})
    amount = np.where(town == 0, rng.normal(size=len(z)), 0)
    return data.assign(x=rng.normal(size=len(z)), first=(town == 0) * 1, amount=amount)


ALONE = {
    "a town per arm": ((1, 1), {}),
    "one town has z = 1": ((1, 11), {}),
    "one town has z = 0": ((11, 1), {}),
    "one town beside controls": ((1, 11), {"controls": "x"}),
    "the other town is a control": ((2, 10), {"controls": "first"}),
    "an amount in one town": ((4, 8), {"instruments": "amount", "controls": "first"}),
    "one of two treatments": (
        (4, 8),
        {"treatment": ["d", "x"], "instruments": ["z", "first"]},
    ),
}


@pytest.mark.parametrize(("counts", "changed"), ALONE.values(), ids=ALONE)
@pytest.mark.parametrize("estimator", [two_stage_least_squares, limited_information])
def test_a_cluster_that_alone_makes_up_an_arm_is_refused_and_the_remedies_work(
    estimator, counts, changed
):
    data, columns = towns(counts), {**MODEL, "instruments": "z", **changed}
    town = {(11, 1): 11, (2, 10): 1}.get(counts, 0)
    message = f"'town' has {sum(counts)} clusters, and {town} alone makes up an arm"
    for cluster in ("town", ["row", "town"], ["town", "row"]):
        with pytest.raises(ValueError, match=message):
            estimator(data, **columns, cov="clustered", cluster=cluster)
    for remedy in ({"cov": "clustered", "cluster": "row"}, {"cov": "robust"}):
        assert np.isfinite(estimator(data, **columns, **remedy)).all(axis=None)


@pytest.mark.parametrize("estimator", [two_stage_least_squares, limited_information])
def test_a_row_that_alone_makes_up_an_arm_is_refused_and_the_remedies_work(estimator):
    data = towns((4, 8)).assign(single=lambda f: (f["row"] == 3) * 1)
    columns = {**MODEL, "instruments": "single"}
    with pytest.raises(ValueError, match=r"one row alone makes up an arm.*take cov='unadjusted'"):
        estimator(data, **columns, cov="robust")
    assert np.isfinite(estimator(data, **columns)).all()
    for spared in ({"controls": "single"}, {"instruments": ["z", "x"]}):
        fit = estimator(data, **{**MODEL, "instruments": "z", **spared}, cov="robust")
        assert np.isfinite(fit).all()
    cells = data.groupby("single", as_index=False).agg(
        n=("y", "size"), y_mean=("y", "mean"), d_mean=("d", "mean")
    )
    moments = {"y_var": ("y", "y"), "d_var": ("d", "d"), "cov_y_d": ("y", "d")}
    for name, (a, b) in moments.items():
        products = (data[a] * data[b]).groupby(data["single"]).mean()
        means = data.groupby("single")[[a, b]].mean()
        cells[name] = (products - means.iloc[:, 0] * means.iloc[:, -1]).to_numpy()
    with pytest.raises(ValueError, match="one row alone makes up an arm"):
        estimator(cells, **columns, cov="robust", size="n")


def test_two_rows_that_make_up_an_arm_are_not_refused(data):
    steps = np.where(data.index == 5, 2, data.index % 2)  # one row has 2, which is no arm
    frame = data.assign(pair=1 * data.index.isin([0, 2]), x=steps)
    found = two_stage_least_squares(frame, **MODEL, instruments="pair", controls="x", cov="robust")
    theirs = reference(IV2SLS, frame, ["d"], ["pair"], ["x"], "robust")
    agrees(found, theirs, "d", "robust")


def residual(y, columns):
    return y - columns @ np.linalg.lstsq(columns, y, rcond=1e-10)[0]


def refused(call):
    """Return whether a call is refused, and the message."""
    try:
        call()
    except ValueError as refusal:
        return str(refusal)
    return ""


def test_a_cluster_is_refused_exactly_where_nothing_is_left_of_the_prediction_without_it():
    rng, n, found = np.random.default_rng(0), 40, []
    g = np.tile(np.arange(4), 10)
    for _ in range(120):
        part = pd.DataFrame(rng.normal(size=(n, 4)).round(1), columns=list("ydvw")).assign(g=g)
        kinds = [g < 2, g == 3, rng.random(n) < 0.5, (g == 0) * rng.normal(size=n)]
        part["z"] = kinds[rng.integers(4)] * 1.0
        part["c"] = np.where(rng.random() < 0.5, g, rng.integers(0, 3, n)).astype(str)
        part["w"] = (g == 1) * 1
        instruments = ["z", "v"][: rng.integers(1, 3)]
        controls = [name for name in ("c", "w") if rng.random() < 0.5]
        columns = {**MODEL, "instruments": instruments, "controls": controls}
        if refused(lambda part=part, columns=columns: two_stage_least_squares(part, **columns)):
            continue  # collinear anyway
        columns |= {"cov": "clustered", "cluster": "g"}
        message = refused(
            lambda part=part, columns=columns: two_stage_least_squares(part, **columns)
        )
        known = np.column_stack([np.ones(n), dummies(part, controls)] if controls else [np.ones(n)])
        fitted = part["d"] - residual(part["d"], np.column_stack([known, part[instruments]]))
        left = [np.abs(residual(fitted[g != k], known[g != k])).max() for k in range(4)]
        assert ("alone makes up an arm" in message) == bool(message) == (min(left) < 1e-9)
        found.append(bool(message))
    assert 20 < sum(found) < len(found) - 20


def test_two_clusters_in_each_arm_are_not_refused_nor_are_effects_of_the_clusters():
    data = towns((2, 10))
    known = data.assign(named="town " + data["town"].astype(str))
    options = {"cov": "clustered", "cluster": "town"}
    for columns in (
        {"instruments": "z"},
        {"instruments": "row", "controls": "named"},
        {"instruments": ["z", "x", "first"]},  # no residual is made zero by three instruments
    ):
        assert two_stage_least_squares(known, **MODEL, **columns, **options)["std_error"] > 1e-3
    fit = two_stage_least_squares(data, **MODEL, instruments="z", **options)
    theirs = IV2SLS(data["y"], data[["row"]] * 0 + 1, data["d"], data["z"])
    theirs = theirs.fit(cov_type="clustered", clusters=data["town"])
    assert fit["std_error"] == pytest.approx(theirs.std_errors["d"] * np.sqrt(12 / 11), rel=1e-10)


def of_towns(d, y, encouraged):
    """Return ratios of samples by towns, and error and degrees of each kind, from town means."""
    sizes = np.array([encouraged, d.shape[1] - encouraged])
    first, reduced = (
        v[:, :encouraged].mean((1, 2)) - v[:, encouraged:].mean((1, 2)) for v in (d, y)
    )
    ratio = reduced / first
    means = (y - ratio[:, None, None] * d).mean(2)
    spread = np.array([means[:, :encouraged].var(1), means[:, encouraged:].var(1)]).T * sizes
    plain = (spread / sizes**2).sum(1) * sizes.sum() / (sizes.sum() - 1)
    stretched = (spread / sizes / (sizes - 1)).sum(1)
    bell = (1 / sizes).sum() ** 2 / (1 / sizes**2 / (sizes - 1)).sum()
    kinds = {"clustered": (plain, sizes.sum() - 1), "CR2": (stretched, bell)}
    return ratio, {kind: (v**0.5 / abs(first), df) for kind, (v, df) in kinds.items()}


@pytest.mark.parametrize("cov", ["CR2", "CR3"])
@pytest.mark.parametrize("names", [["d"], ["d", "e"]], ids=["one", "two"])
def test_errors_and_degrees_by_leverage_are_those_of_the_second_stages_matrices(data, cov, names):
    instruments, controls = ["draw", "offer", "nudge"], ["region", "x"]
    found = two_stage_least_squares(
        data,
        outcome="y",
        treatment=names,
        instruments=instruments,
        controls=controls,
        cov=cov,
        cluster="site",
    )
    known = np.column_stack([np.ones(len(data)), dummies(data, controls)])
    both = np.column_stack([known, dummies(data, instruments)])
    d = data[names].to_numpy()
    fitted = d - residual(d, both)
    net = residual(fitted, known)
    columns = net @ np.linalg.inv(net.T @ net)
    slopes = columns.T @ data["y"].to_numpy()
    u = residual(data["y"].to_numpy() - d @ slopes, known)
    basis = np.linalg.qr(np.column_stack([known, fitted]))[0]
    covariance, df = by_matrices(cov, columns, u, basis, data["site"].to_numpy())
    errors = np.sqrt(covariance.diagonal())
    np.testing.assert_allclose(found["estimate"], slopes, **EXACT)
    np.testing.assert_allclose(found["std_error"], errors, **EXACT)
    np.testing.assert_allclose(found["ci_high"], slopes + stats.t.ppf(0.975, df) * errors, **EXACT)


@pytest.mark.parametrize("encouraged", [2, 3, 6])
def test_with_towns_of_one_size_errors_are_those_of_town_means(encouraged):
    data = towns((encouraged, 12 - encouraged), rows=10)
    d, y = (data[name].to_numpy().reshape(1, 12, 10) for name in "dy")
    ratio, kinds = of_towns(d, y, encouraged)
    for cov, (error, df) in kinds.items():
        found = wald(data, **MODEL, instrument="z", cov=cov, cluster="town")
        low = ratio - stats.t.ppf(0.975, df) * error
        np.testing.assert_allclose(found.iloc[:3], [*ratio, *error, *low], rtol=1e-9)


def test_the_page_says_how_often_intervals_of_twelve_towns_cover():
    rng, shares = np.random.default_rng(3), []
    for encouraged in (2, 3, 6):
        u = rng.normal(size=(20_000, 12, 1)) + rng.normal(size=(20_000, 12, 10))
        with_instrument = (np.arange(12) < encouraged)[:, None]
        d = with_instrument + 0.5 * u + rng.normal(size=u.shape)
        ratio, kinds = of_towns(d, d + u, encouraged)
        halves = [stats.t.ppf(0.975, df) * error for error, df in kinds.values()]
        shares.append([(abs(ratio - 1) <= half).mean() for half in halves])
    said = (ROOT / "book" / "recipes" / "instrumental_variables.md").read_text(encoding="utf-8")
    said = re.search(r"covers the effect in (.+) percent, and that of CR2 in (.+)\. \(", said)
    told = [[int(n) for n in re.findall(r"\d+", part)] for part in said.groups()]
    assert (abs(100 * np.array(shares).T - told) < 0.5 + 4 * 0.26).all()


@pytest.mark.parametrize("cov", ["clustered", "CR2"])
def test_numbers_of_clusters_that_floats_cannot_tell_apart_are_told_apart(cov):
    data, columns = towns((5, 7)), {**MODEL, "instruments": "z", "cov": cov, "cluster": "town"}
    far = data.assign(town=data["town"] + 2**62)
    pd.testing.assert_series_equal(
        two_stage_least_squares(far, **columns), two_stage_least_squares(data, **columns)
    )


def test_the_treatment_may_be_the_clusters_too(data):
    steps = data.assign(d=data["d"].round())
    ours = two_stage_least_squares(
        steps, **MODEL, instruments="offer", cov="clustered", cluster="d"
    )
    model = IV2SLS(steps["y"], sm.add_constant(steps[[]]), steps["d"], steps["offer"])
    error = model.fit(cov_type="clustered", clusters=steps["d"].astype(int)).std_errors["d"]
    groups = steps["d"].nunique()
    assert ours["std_error"] == pytest.approx(error * np.sqrt(groups / (groups - 1)), rel=1e-8)


def test_two_clusters_have_one_degree_of_freedom():
    data = pd.DataFrame(
        {
            "z": [1, 2, 3, 4, 5, 6, 7, 8],
            "g": list("aaaabbbb"),
            "x": [1, 3, 3, 3, 6, 6, 6, 8],
            "y": [2.1, 5.9, 6.2, 6.0, 12.1, 11.8, 12.0, 16.1],
        }
    )
    fit = two_stage_least_squares(
        data, outcome="y", treatment="x", instruments="z", cov="clustered", cluster="g"
    )
    z, x, y = (data[name] - data[name].mean() for name in ("z", "x", "y"))
    slope = z @ y / (z @ x)
    scores = (z * (y - slope * x)).groupby(data["g"]).sum()
    error = np.sqrt(2 * (scores**2).sum()) / (z @ x)
    half = np.tan(np.pi * 0.475) * error  # the t distribution with one degree is Cauchy's
    expected = [slope, error, slope - half, slope + half, 8]
    np.testing.assert_allclose(fit, expected, rtol=1e-9)


@pytest.mark.parametrize("clusters", [2, 6])
def test_the_interval_of_few_clusters_covers_and_without_their_correction_it_does_not(clusters):
    rng, draws, covered = np.random.default_rng(clusters), 200, []
    for _ in range(draws):
        group = np.repeat(np.arange(clusters), 30)
        z, v, e = rng.normal(size=(3, len(group)))
        d = z + v
        y = d + 0.5 * v + e + rng.normal(size=clusters)[group]
        data = pd.DataFrame({"y": y, "d": d, "z": z, "group": group})
        fit = two_stage_least_squares(
            data, **MODEL, instruments="z", cov="clustered", cluster="group"
        )
        half = 1.96 * fit["std_error"] * np.sqrt((clusters - 1) / clusters)
        covered.append([fit["ci_low"] <= 1 <= fit["ci_high"], abs(fit["estimate"] - 1) <= half])
    corrected, plain = np.mean(covered, axis=0)
    margin = 4 * np.sqrt(0.95 * 0.05 / draws)
    assert abs(corrected - 0.95) < margin
    assert plain < corrected
    assert plain < 0.95 - margin / 2


# ---- several treatments


@pytest.fixture(scope="module")
def workers():
    """Return the working women of Mroz (1987), as the checks of ivreg2 by others use them."""
    return mroz.load().query("inlf == 1")


def test_two_treatments_are_those_of_ivreg2(workers):
    fit = two_stage_least_squares(
        workers,
        outcome="lwage",
        treatment=["educ", "exper"],
        instruments=["age", "kidslt6", "kidsge6"],
    )
    assert fit["estimate"].round(7).tolist() == [0.1058361, 0.0161527]
    np.testing.assert_allclose(fit["std_error"], [0.0806975, 0.007568], atol=5.1e-8, rtol=0)
    assert fit["conditional_f"].round(2).tolist() == [6.69, 81.81]  # Sanderson-Windmeijer F
    assert round(fit.attrs["cragg_donald_f"], 3) == 4.463
    assert "move 'educ' once" in fit.attrs["warning"]
    assert "exper" not in fit.attrs["warning"]
    assert "6.7, below 10" in fit.attrs["warning"]


CLOSE = {  # a second treatment, and what it makes of the effects of d and e
    "to a control": (lambda f: f["x"] + 1e-7 * f["e"], lambda d, e: [d, 1e7 * e]),
    "to the first": (lambda f: f["d"] + 1e-5 * f["e"], lambda d, e: [d - 1e5 * e, 1e5 * e]),
}


@pytest.mark.parametrize(("made", "effects"), CLOSE.values(), ids=CLOSE)
def test_a_treatment_close_to_another_column_is_told_apart(data, made, effects):
    columns = {"outcome": "y", "instruments": ["draw", "offer"], "controls": "x"}
    apart = two_stage_least_squares(data, treatment=["d", "e"], **columns)
    close = two_stage_least_squares(data.assign(e=made), treatment=["d", "e"], **columns)
    np.testing.assert_allclose(close["estimate"], effects(*apart["estimate"]), rtol=1e-5)


def test_an_instrument_that_hardly_moves_the_treatment_still_has_its_ratio():
    data = awkward()
    data["idle"] += 1e-5 * (data["d"] - data["d"].mean())
    found = two_stage_least_squares(data, **MODEL, instruments="idle")
    y, d = (np.cov(data["idle"], data[name])[0, 1] for name in "yd")
    assert found["estimate"] == pytest.approx(y / d, rel=1e-7)


@pytest.mark.parametrize("seed", range(8))
def test_where_all_do_what_the_instruments_say_the_joint_f_is_without_bound(seed):
    data = world(60, seed)
    data = data.assign(d=data["nudge"], e=data["offer"] + data["nudge"])
    fit = two_stage_least_squares(
        data, outcome="y", treatment=["d", "e"], instruments=["nudge", "offer"]
    )
    slopes = sm.OLS(data["y"], sm.add_constant(data[["d", "e"]])).fit().params[["d", "e"]]
    np.testing.assert_allclose(fit["estimate"], slopes, rtol=1e-8)
    assert fit.attrs["cragg_donald_f"] > 1e12
    assert (fit["conditional_f"] > 1e12).all()


def moved_together(seed=0, apart=0.0):
    """Return two treatments without effect that three instruments move, apart by `apart`."""
    rng = np.random.default_rng(seed)
    z, h = rng.normal(size=(2, 1000, 3))
    x = z @ np.array([[1, 1 + apart], [1, 1], [1, 1]]) + h @ np.array([[1, 0], [0, -1], [0, 0]])
    frame = {"y": h @ [1, 1, 0.1], "x1": x[:, 0], "x2": x[:, 1]}
    return pd.DataFrame({**frame, "z1": z[:, 0], "z2": z[:, 1], "z3": z[:, 2]})


TOGETHER = {"outcome": "y", "treatment": ["x1", "x2"], "instruments": ["z1", "z2", "z3"]}


@pytest.mark.parametrize("estimator", [two_stage_least_squares, limited_information])
def test_treatments_that_the_instruments_move_only_together_carry_a_warning(estimator):
    data = moved_together()
    fit = estimator(data, **TOGETHER)
    assert (first_stage(data, **TOGETHER).loc["F", "value"] > 100).all()
    assert (fit["conditional_f"] < 4).all()
    assert "hardly move 'x1', 'x2' once the other treatments are held fixed" in fit.attrs["warning"]
    sets = anderson_rubin(data, **TOGETHER)  # the remedy of the warning
    assert ((sets["ci_low"] < 0) & (sets["ci_high"] > 0)).all()
    apart = estimator(moved_together(apart=1.0), **TOGETHER)
    assert apart.attrs["warning"] == ""
    assert (apart["conditional_f"] > 10).all()
    assert (apart["estimate"].abs() < 4 * apart["std_error"]).all()


def test_the_warning_names_the_treatments_whose_conditional_f_is_below_ten():
    found = []
    for seed in range(25):
        z, v = np.random.default_rng(seed).normal(size=(2, 400, 2))
        d = z * [0.18, 0.11] + v  # F about 13 and 5
        data = pd.DataFrame({"y": v[:, 0], "d": d[:, 0], "e": d[:, 1], "a": z[:, 0], "b": z[:, 1]})
        columns = {"outcome": "y", "treatment": ["d", "e"], "instruments": ["a", "b"]}
        fit = two_stage_least_squares(data, **columns)
        weak = fit.index[fit["conditional_f"] < 10]
        assert re.findall(r"'(\w)'", fit.attrs["warning"]) == weak.tolist()
        found += [(f >= 5) + (f >= 10) for f in fit["conditional_f"] if f < 15]
    assert set(found) == {0, 1, 2}


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
    assert other.attrs == {}


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


def test_whole_numbers_in_a_product_are_categories_however_they_are_stored(data):
    columns = {**MODEL, "instruments": "offer:site", "controls": "x"}
    found = two_stage_least_squares(data.astype({"offer": float, "site": np.float32}), **columns)
    np.testing.assert_allclose(found, two_stage_least_squares(data, **columns), rtol=1e-12)


def test_a_product_with_a_level_for_each_row_is_refused_before_its_dummies_are_made():
    long = world(2_000).assign(row=range(2_000))
    tracemalloc.start()
    with pytest.raises(ValueError, match="2000 rows cannot carry 2000 coefficients"):
        two_stage_least_squares(long, **MODEL, instruments="row:offer", controls="x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000**2 / 2  # a byte for each row and level


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


@pytest.mark.parametrize("controls", [["draw", "region"], ["west"]], ids=["both", "part of one"])
def test_controls_may_span_what_a_product_of_instruments_is_made_of(data, controls):
    frame = data.assign(west=1 * (data["region"] == "west"))
    found = two_stage_least_squares(frame, **MODEL, instruments="draw:region", controls=controls)
    known = np.column_stack([np.ones(len(data)), dummies(frame, controls)])
    crossed = pd.get_dummies(data["draw"] + data["region"], dtype=float)
    y, d = (residual(data[name], known) for name in "yd")
    fitted = d - residual(d, np.column_stack([known, crossed]))
    slope = fitted @ y / (fitted @ d)
    error = np.sqrt(np.mean((y - slope * d) ** 2) / (fitted @ fitted))
    np.testing.assert_allclose(found[ENTRIES], [slope, error], **EXACT)


def test_rows_with_the_same_keys_have_the_same_number_in_order_of_appearance():
    for values in itertools.product(range(3), repeat=6):
        data = pd.DataFrame(np.reshape(values, (3, 2)), columns=["a", "b"])
        expected = data.groupby(["a", "b"], sort=False).ngroup()
        assert _code(data, ["a", "b"]).tolist() == expected.tolist()


def test_a_column_may_have_a_colon_in_its_name(data):
    odd = data.rename(columns={"offer": "offer:made"})
    np.testing.assert_allclose(
        two_stage_least_squares(odd, **MODEL, instruments="offer:made"),
        two_stage_least_squares(data, **MODEL, instruments="offer"),
    )


# ---- refusals

REFUSED = {
    "no instrument": ({"instruments": []}, "instruments is empty: no instrument; name at"),
    "None": ({"instruments": None, "controls": None}, "no instrument"),
    "constant instrument": ({"instruments": "flat"}, "'flat' is 1 in all 60 rows"),
    "constant but for rounding": ({"instruments": "sums"}, "'sums' is 0.3 in all 60 rows"),
    "constant at zero": ({"instruments": "naught"}, "'naught' is 0.0 in all 60 rows"),
    "category of one level": ({"instruments": "only"}, "'only' is 'k' in all 60 rows"),
    "constant control": ({"controls": "flat"}, "'flat' is 1 in all 60 rows"),
    "no treatment": ({"treatment": []}, "treatment is empty: no treatment; name at"),
    "no outcome": ({"outcome": None}, "outcome must name a column, as a string, got None"),
    "too few": ({"treatment": ["d", "e"]}, r"1 instrument column\(s\) for 2 tr.* \('d', 'e'"),
    "collinear": ({"instruments": ["offer", "thrice"]}, "'thrice' is collinear"),
    "more columns than cells": ({"instruments": ["offer", "thrice", "fifth"]}, "'thrice' is coll"),
    "equal to a control": ({"controls": "thrice"}, "'offer' is collinear"),
    "spanned by a category": (
        {"instruments": "west", "controls": "region"},
        "'west' is collinear",
    ),
    "also a control": ({"controls": "offer"}, "'offer' is given more than one role"),
    "collinear control": ({"controls": ["x", "double"]}, "'double' is collinear"),
    "collinear category": ({"controls": ["region", "west"]}, "'west' is collinear"),
    "spanned by a product": (
        {"instruments": "draw", "controls": "draw:region"},
        "'draw = b' is collinear",
    ),
    "empty product": (
        {"instruments": "draw:region", "controls": "region:draw"},
        "product 'draw:region' adds nothing",
    ),
    "product of amounts": (
        {"instruments": "draw:x"},
        r"'x' in 'draw:x' holds values such as .* cut it into classes",
    ),
    "product that starts with an amount": ({"instruments": "x:draw"}, "'x' in 'x:draw' holds"),
    "product of some whole numbers": (
        {"instruments": "draw:half"},
        r"'half' in 'draw:half' holds values such as [0-9]\.5, but",
    ),
    "product of strangers": (
        {"instruments": "draw:nobody"},
        "no column 'nobody' in data; data has",
    ),
    "product with treatment": (
        {"instruments": "draw:d"},
        "'d' is given more than one role, treatment and instruments",
    ),
    "unknown": ({"instruments": "ofer"}, "'ofer' in data; did you mean 'off"),
    "twice": ({"treatment": ["d", "d"]}, "'d' is given more than one role"),
    "treatment of controls": ({"treatment": "double", "controls": "x"}, "'double' is constant or"),
    "constant outcome": ({"outcome": "flat"}, "'flat' is constant or"),
    "words": ({"treatment": "region"}, "'region' holds .* not numbers"),
    "missing": ({"outcome": "gap"}, r"'gap' has 1 missing value\(s\)"),
    "missing instrument": ({"instruments": "gap"}, r"'gap' has 1 missing value\(s\)"),
    "infinite": ({"controls": "huge"}, r"'huge' has 2 infinite value\(s\)"),
    "unmoved": ({"instruments": "idle"}, "do not move 'd': first-stage partial R2"),
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
    "unknown covariance": ({"cov": "HC3"}, "cov must be one of .*'clustered', .*got 'HC3'"),
    "no covariance": ({"cov": None}, "cov must be one of 'unadjusted', .*, got None"),
    "clusters without a column": ({"cov": "clustered"}, "cov='clustered' with cluster=None"),
    "three columns of clusters": (
        {"cov": "clustered", "cluster": ["site", "x", "y"]},
        "cluster must name one column, or two different ones",
    ),
    "column without clusters": ({"cluster": "site"}, "cov='unadjusted' with cluster='site'"),
    "empty cluster": ({"cluster": ""}, "cov='unadjusted' with cluster=''"),
    "nameless cluster": ({"cov": "clustered", "cluster": ""}, "cluster must name a column, as"),
    "one cluster": ({"cov": "clustered", "cluster": "flat"}, "'flat' is 1 in all 60 rows"),
    "unknown cluster": ({"cov": "clustered", "cluster": "town"}, "no column 'town'"),
    "level": ({"level": 95}, "level must lie between 0 and 1, got 95"),
    "level that is none": ({"level": np.nan}, "level must lie between 0 and 1, got nan"),
    "dates": ({"controls": "day"}, r"'day' holds dates such as .*make it a number"),
    "treatments in step": (
        {"treatment": ["d", "in_step"], "instruments": ["offer", "nudge"]},
        "treatments 'd', 'in_step' are linear combinations of one another",
    ),
}


@pytest.mark.parametrize(("changed", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("estimator", [two_stage_least_squares, limited_information])
def test_bad_input_is_refused_by_name_with_the_remedy(estimator, changed, message):
    with pytest.raises(ValueError, match=message):
        estimator(awkward(), **{**MODEL, "instruments": "offer", **changed})


@pytest.mark.parametrize(
    ("function", "changed", "message"),
    [
        (wald, {"instrument": "site"}, "'site' must be 0 or 1, .*1 for the encouraged"),
        (wald, {"instrument": "west:offer"}, "no column 'west:offer'"),
        (wald, {"instrument": ["west", "offer"]}, "instrument must name one column"),
        (wald, {"instrument": "offer", "treatment": ["d", "e"]}, "treatment must name one column"),
        (limited_information, {"instruments": "offer", "outcome": "sum"}, "LIML does not exist"),
        (
            limited_information,
            {"instruments": "offer", "cov": "bekker", "weights": "group"},
            "cov='bekker' with weights='group': it takes one variance for all rows",
        ),
        (wald, {"instrument": "offer", "outcome": "twice"}, "column 'twice': .* no noise"),
    ],
)
def test_each_function_refuses_what_it_cannot_do(function, changed, message):
    data = awkward()
    data["sum"], data["twice"] = 3 * data["d"] + data["offer"], 2 * data["d"]
    with pytest.raises(ValueError, match=message):
        function(data, **{**MODEL, **changed})


def test_liml_does_not_exist_where_everybody_complies_and_two_stage_least_squares_does():
    exact = pd.DataFrame({"offer": np.repeat([0, 1], [9, 3])}).assign(d=lambda f: f["offer"])
    exact["y"] = np.arange(12) % 7 + exact["d"]  # no rounding is left of the treatment
    columns = {**MODEL, "instruments": "offer"}
    with pytest.raises(ValueError, match=r"LIML does not exist.*use two_stage_least_squares"):
        limited_information(exact, **columns)
    gap = exact.groupby("offer")["y"].mean().diff()[1]
    assert two_stage_least_squares(exact, **columns)["estimate"] == pytest.approx(gap)


REMEDIES = {
    "text": (
        {"treatment": "region", "instruments": "nudge"},
        r"with \(data\['region'\] == '[a-z]+'\) \* 1",
        lambda data: ({"treatment": "west", "instruments": "nudge"}, data),
    ),
    "category of one level": (
        {"controls": "only"},
        "drop it",
        lambda data: ({"controls": ()}, data),
    ),
    "collinear": (
        {"instruments": ["offer", "thrice"]},
        "'thrice' is collinear.*drop it",
        lambda data: ({"instruments": "offer"}, data),
    ),
    "a product that adds nothing": (
        {"instruments": ["draw:region", "offer"], "controls": "region:draw"},
        "'draw:region' adds nothing.*drop it",
        lambda data: ({"instruments": "offer", "controls": "region:draw"}, data),
    ),
    "amounts in a product": (
        {"instruments": "draw:x"},
        "'x' in 'draw:x' holds values such as .*cut it into classes, or add the product",
        lambda data: (
            {"instruments": "draw:class"},
            data.assign(**{"class": pd.qcut(data["x"], 3)}),
        ),
    ),
    "an amount as a product": (
        {"instruments": "offer:x"},
        "add the product you mean to data as a column",
        lambda data: ({"instruments": "both"}, data.assign(both=data["offer"] * data["x"])),
    ),
    "too few instruments": (
        {"treatment": ["d", "e"]},
        "name more instruments, or fewer treatments",
        lambda data: ({"treatment": ["d", "e"], "instruments": ["offer", "nudge"]}, data),
    ),
    "too many coefficients": (
        {"controls": "label"},
        "60 rows cannot carry 60 coefficients.*use fewer",
        lambda data: ({"controls": "region"}, data),
    ),
    "a treatment of controls": (
        {"treatment": "double", "controls": "x"},
        "check it, or drop those controls",
        lambda data: ({"treatment": "double", "controls": ()}, data),
    ),
    "treatments in step": (
        {"treatment": ["d", "in_step"], "instruments": ["offer", "nudge"]},
        "drop one",
        lambda data: ({"treatment": ["d"], "instruments": ["offer", "nudge"]}, data),
    ),
    "clusters without their covariance": (
        {"cluster": "site"},
        "cov='clustered' and the name of one column of clusters go together",
        lambda data: ({"cluster": "site", "cov": "clustered"}, data),
    ),
    "dates as an amount": (
        {"controls": "day"},
        r"make it a number, for example with \(data\['day'\] - data\['day'\].min\(\)\).dt.days",
        lambda data: (
            {"controls": "day"},
            data.assign(day=(data["day"] - data["day"].min()).dt.days),
        ),
    ),
    "dates as a category": (
        {"controls": "day"},
        r"or a category, for example its .dt.year.astype\('category'\)",
        lambda data: (
            {"controls": "day"},
            data.assign(day=data["day"].dt.month.astype("category")),
        ),
    ),
}


@pytest.mark.parametrize(("changed", "message", "repair"), REMEDIES.values(), ids=REMEDIES)
def test_the_remedy_of_a_refusal_works_on_the_frame_that_was_refused(changed, message, repair):
    data, columns = awkward(), {**MODEL, "instruments": "offer"}
    with pytest.raises(ValueError, match=message):
        two_stage_least_squares(data, **{**columns, **changed})
    repaired, mended = repair(data)
    assert np.isfinite(two_stage_least_squares(mended, **{**columns, **repaired})).all(axis=None)


def test_where_liml_does_not_exist_two_stage_least_squares_does():
    data = awkward()
    exact = {**MODEL, "outcome": "sum", "instruments": ["offer", "nudge"]}
    data["sum"] = 3 * data["d"] + data["offer"]
    with pytest.raises(ValueError, match="without a rest; use two_stage_least_squares"):
        limited_information(data, **exact)
    assert np.isfinite(two_stage_least_squares(data, **exact)).all()


def test_messages_stay_short_with_many_columns(data):
    many = {f"treatment {i}": data["d"] + data["x"] * i for i in range(50)}
    wide = pd.concat([data, pd.DataFrame(many)], axis=1)
    with pytest.raises(ValueError, match="for 50 treatments") as refusal:
        two_stage_least_squares(wide, outcome="y", treatment=list(many), instruments="offer")
    assert len(str(refusal.value)) < 400
