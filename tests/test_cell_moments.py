"""Cell moments from two engines, their merging, and classes: against numpy and closed forms."""

import needs
import numpy as np
import pandas as pd
import pytest
from cells import moments
from scipy import stats

from casestudies.recipes.cell_moments import bins, cell_moments, merge
from casestudies.recipes.standardization import standardize

try:
    import ibis
    import polars
    import pyarrow
except ImportError as lacking:
    needs.need(False, f"{lacking.name} is not installed")

BY, MEASURES = ["store", "week"], ["sales", "visits", "member"]


def log(n=4_000):
    rng = np.random.default_rng(4)
    f = pd.DataFrame({"store": rng.choice(list("abc"), n), "week": rng.integers(0, 5, n)})
    f["visits"] = rng.poisson(3, n)
    f["member"] = rng.uniform(size=n) < 0.3
    f["sales"] = 1e4 + 2 * f["visits"] + f["week"] + rng.normal(size=n)
    return f


def on_duckdb(frame):
    return ibis.memtable(pyarrow.Table.from_pandas(frame, preserve_index=False))


def on_polars(frame):
    return ibis.polars.connect({"log": polars.DataFrame(frame.to_dict("list"))}).table("log")


ENGINES = [on_duckdb, on_polars]


def cells_of(table, by=BY, measures=MEASURES):
    made = cell_moments(table, by=by, measures=measures).to_pyarrow().to_pandas()
    return made.sort_values(by).reset_index(drop=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_moments_of_an_engine_are_those_of_numpy(engine):
    frame = log()
    expected = moments(frame, BY, MEASURES)
    made = cells_of(engine(frame))
    assert list(made.columns) == [
        *BY,
        "n",
        *["sales_mean", "visits_mean", "member_mean", "sales_var", "cov_sales_visits"],
        *["cov_sales_member", "visits_var", "cov_visits_member", "member_var"],
    ]
    pd.testing.assert_frame_equal(made[BY], expected[BY], check_dtype=False)
    rest = made.columns[2:]
    np.testing.assert_allclose(made[rest], expected[rest], rtol=1e-9, atol=1e-11)


def test_a_table_that_no_engine_holds_yet_has_moments_in_the_one_that_runs_them():
    frame, measures = log(), ["sales", "visits"]
    engine = ibis.duckdb.connect()
    engine.con.register("log", pyarrow.Table.from_pandas(frame, preserve_index=False))
    table = ibis.table(engine.table("log").schema(), name="log")
    made = engine.to_pyarrow(cell_moments(table, by=BY, measures=measures).order_by(BY)).to_pandas()
    np.testing.assert_allclose(
        made.drop(columns=BY), moments(frame, BY, measures).drop(columns=BY), rtol=1e-9
    )


def test_central_moments_keep_the_digits_that_sums_of_squares_lose():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": 0, "y": 1e8 + rng.integers(0, 2, 1_000)})
    (made,) = cells_of(on_duckdb(frame), ["g"], ["y"])["y_var"]
    ones = frame["y"].sum() - 1e11
    assert made == pytest.approx(ones / 1e3 * (1 - ones / 1e3), rel=1e-6)
    raw = (frame["y"] ** 2).mean() - frame["y"].mean() ** 2
    assert abs(raw - made) > 0.1  # what the other way would have given


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("gap", [None, np.nan])
def test_a_measure_missing_in_a_row_has_no_moments_in_its_cell_and_the_cell_is_refused(engine, gap):
    frame = pd.DataFrame({"d": [0, 0, 0, 1, 1, 1], "x": [1.0, 2, 4, 1, 5, 7]})
    holes = [*frame["x"].tolist()[:5], gap]
    table = polars.DataFrame({"d": frame["d"].tolist(), "x": frame["x"].tolist(), "y": holes})
    table = (
        ibis.memtable(table)
        if engine is on_duckdb
        else ibis.polars.connect({"t": table}).table("t")
    )
    made = cells_of(table, ["d"], ["x", "y"])
    assert made.loc[1, ["y_mean", "cov_x_y", "y_var"]].isna().all()
    assert made.loc[1, "x_var"] == pytest.approx(np.var([1, 5, 7]))
    assert made.loc[0].notna().all()
    with pytest.raises(ValueError, match="column 'y' has 1 missing value"):
        merge(made, by="d")


def test_merged_cells_are_the_cells_of_the_rows():
    frame = log()
    made = merge(moments(frame, BY, MEASURES), by="week")
    expected = moments(frame, ["week"], MEASURES)
    assert list(made.columns) == list(expected.columns)
    np.testing.assert_allclose(made, expected, rtol=1e-9, atol=1e-12)
    again = merge(merge(moments(frame, BY, MEASURES), by=["store", "week"]), by=["week"])
    np.testing.assert_allclose(again, made, rtol=1e-12, atol=1e-14)


def test_no_key_makes_one_cell_of_all():
    frame = log()
    expected = moments(frame.assign(all=1), ["all"], MEASURES).drop(columns="all")
    one = cell_moments(on_duckdb(frame), by=[], measures=MEASURES).to_pyarrow().to_pandas()
    for made in (one, merge(moments(frame, BY, MEASURES), by=[])):
        assert list(made.columns) == list(expected.columns)
        np.testing.assert_allclose(made, expected, rtol=1e-9)


@pytest.mark.parametrize("frame", [log(20), polars.DataFrame({"store": [1], "sales": [1.0]})])
def test_a_frame_is_refused_and_taken_as_a_memtable(frame):
    with pytest.raises(TypeError, match=r"got \w+[\w.]*.DataFrame; ibis.memtable\(data\)"):
        cell_moments(frame, by="store", measures="sales")
    with pytest.raises(TypeError, match=r"ibis.memtable\(data\)"):
        bins(frame, column="sales", edges=[1])
    table = on_duckdb(frame) if isinstance(frame, pd.DataFrame) else ibis.memtable(frame)
    assert cells_of(table, ["store"], ["sales"])["n"].sum() == len(frame)


def test_merging_neither_drops_nor_changes_cells():
    cells = moments(log(), BY, MEASURES)
    before = cells.copy()
    made = merge(cells.sample(frac=1, random_state=0), by=BY)
    pd.testing.assert_frame_equal(cells, before)
    pd.testing.assert_frame_equal(made, cells, check_dtype=False, rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_classes_begin_at_their_edges_and_keep_a_gap_a_gap(engine):
    values = [-1.0, 0.0, 0.5, 1.0, 3.0, None]
    table = polars.DataFrame({"x": values})
    table = (
        ibis.memtable(table)
        if engine is on_duckdb
        else ibis.polars.connect({"t": table}).table("t")
    )
    made = bins(table, column="x", edges=[0, 1]).to_pyarrow().to_pandas()["x_bin"]
    assert made.tolist()[:5] == [0, 1, 1, 2, 2]
    assert np.isnan(made.iloc[5])


@pytest.mark.parametrize(("classes", "left"), [(2, 36), (4, 14), (5, 10), (10, 4)])
def test_what_classes_leave_of_a_normal_covariate_is_what_the_docstring_says(classes, left):
    """By the closed form, and by its ends for two: the variance of a half normal is 1 - 2 / pi."""
    cuts = stats.norm.ppf(np.arange(1, classes) / classes)
    formula = 1 - classes * (np.diff(stats.norm.pdf([-np.inf, *cuts, np.inf])) ** 2).sum()
    assert round(100 * formula) == left
    assert classes > 2 or formula == pytest.approx(1 - 2 / np.pi)
    x = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    table = bins(on_duckdb(pd.DataFrame({"all": 0, "x": x})), column="x", edges=cuts)
    cells = cells_of(table, ["all", "x_bin"], ["x"])
    within = np.average(cells["x_var"], weights=cells["n"]) / merge(cells, by="all")["x_var"].item()
    assert within == pytest.approx(formula, abs=1e-3)


def test_the_bias_that_classes_leave_is_that_share_of_it():
    rng = np.random.default_rng(1)
    n = 200_000
    frame = pd.DataFrame({"d": rng.integers(0, 2, n)})
    frame["x"] = rng.normal(size=n) + 0.2 * frame["d"]
    frame["y"] = 5 * frame["x"] + rng.normal(size=n)  # no effect; the crude difference is 1
    table = bins(on_duckdb(frame), column="x", edges=stats.norm.ppf([0.2, 0.4, 0.6, 0.8]))
    cells = cells_of(table, ["d", "x_bin"], ["y"])
    found = standardize(
        cells.astype({"x_bin": str}), outcome="y", treatment="d", adjust_for="x_bin", size="n"
    )
    assert found["estimate"] == pytest.approx(0.1, abs=4 * found["std_error"])
    assert found["estimate"] > 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "shop"}, "no column 'shop' in the table, which has 'store', 'week'"),
        ({"measures": ["sales", "margin"]}, "no column 'margin'"),
        ({"measures": ["sales", "week"]}, "column 'week' is named twice"),
        ({"by": "week", "measures": "store"}, "'store' holds string values, not numbers"),
        ({"by": 3}, "by must name a column"),
    ],
)
def test_what_is_no_cell_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cell_moments(on_duckdb(log(20)), **{"by": BY, "measures": MEASURES, **options})


def test_a_column_with_the_name_of_a_result_is_refused_and_goes_when_renamed():
    frame = log(20).assign(n=1)
    with pytest.raises(ValueError, match="column 'n' is named twice, or has the name of a result"):
        cell_moments(on_duckdb(frame), by=["store", "n"], measures="sales")
    renamed = on_duckdb(frame.rename(columns={"n": "kind"}))
    assert cells_of(renamed, ["store", "kind"], ["sales"])["n"].sum() == 20


def test_options_that_name_no_column_are_refused_by_their_own_name():
    table, cells = on_duckdb(log(20)), moments(log(), BY, MEASURES)
    with pytest.raises(ValueError, match="no column 'sale' in the table, which has 'store'"):
        bins(table, column="sale", edges=[1])
    with pytest.raises(ValueError, match="column must name a column, as a string, got 3"):
        bins(table, column=3, edges=[1])
    with pytest.raises(ValueError, match=r"^edges must be a finite number, got 'a'"):
        bins(table, column="sales", edges=["a"])
    with pytest.raises(ValueError, match=r"^by must name a column, as a string, got 3"):
        merge(cells, by=3)
    with pytest.raises(ValueError, match="'store' is given more than one role, twice by"):
        merge(cells, by=["store", "store"])


def test_categories_that_never_meet_make_no_cell():
    cells = moments(log(), BY, MEASURES).query("store != 'a' or week != 2")
    made = merge(cells.astype(dict.fromkeys(BY, "category")), by=BY)
    np.testing.assert_allclose(made.drop(columns=BY), cells.drop(columns=BY), rtol=1e-12)


@pytest.mark.parametrize("edges", [[1, 0], [0, 0], [], [np.nan], "ab"])
def test_edges_that_do_not_increase_are_refused(edges):
    with pytest.raises(ValueError, match="edges"):
        bins(on_duckdb(log(20)), column="sales", edges=edges)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.drop(columns="n"), "no column 'n'"),
        (
            lambda c: c.drop(columns="cov_sales_visits"),
            "no column 'cov_sales_visits' in data; name",
        ),
        (lambda c: c.assign(n=0.5), "must count the rows .* whole number, 1 or more, found 0.5"),
        (lambda c: c.assign(sales_var=-1.0), "'sales_var' is -1 in row 0 .* no rows have such"),
        (lambda c: c.assign(n=1), "'sales_var' is .* that of one row 0"),
        (lambda c: c.assign(cov_sales_visits=9.0), "'cov_sales_visits' is 9 in row 0"),
        (lambda c: c.assign(store=None), "column 'store' has 15 missing"),
    ],
)
def test_cells_that_no_rows_make_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        merge(change(moments(log(), BY, MEASURES)), by="store")
