"""What every recipe reads: columns, options, least squares; and refusals whose remedy works."""

import datetime
import time
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from needs import package

from casestudies.recipes._columns import (
    _basis,
    _check_choice,
    _check_level,
    _check_noise,
    _check_switch,
    _classes,
    _count,
    _design,
    _generator,
    _group_basis,
    _listed,
    _Matrix,
    _names,
    _net,
    _numbers,
    _numeric,
    _one,
    _outcome,
    _qr,
    _read,
    _real,
    _reals,
    _result,
    _scale,
    _zero_one,
)
from casestudies.recipes.propensity import trim
from casestudies.recipes.randomized_experiment import adjusted, difference_in_means
from casestudies.recipes.standardization import standardize

COLUMNS = {"outcome": "y", "treatment": "d"}


def trial(**columns):
    """Return eight units, with columns replaced or added."""
    frame = {"y": [3, 1, 4, 1, 5, 9, 2, 6], "d": [0, 1] * 4, "x": [2, 7, 1, 8, 2, 8, 1, 9]}
    return pd.DataFrame({**frame, **columns})


def read(data):
    names = data.column_names if hasattr(data, "column_names") else data.columns
    return _read(data, several={"adjust_for": list(names)})


# Names and roles


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("x", ["x"]),
        (["x", "z"], ["x", "z"]),
        (("x",), ["x"]),
        ({"z", "x"}, ["x", "z"]),
        (pd.Index(["x", "z"]), ["x", "z"]),
        (np.array(["x"]), ["x"]),
        ([], []),
    ],
)
def test_one_name_or_several_make_a_list(given, names):
    assert _names("adjust_for", given) == names


@pytest.mark.parametrize("given", [None, 3, "", ["x", None], [""], np.nan])
def test_what_is_no_name_is_refused_by_its_role(given):
    with pytest.raises(ValueError, match="adjust_for must name a column, as a string, got "):
        _names("adjust_for", given)


@pytest.mark.parametrize("given", [[], ["x"], ["x", "z"]])
def test_a_role_of_one_column_takes_one(given):
    with pytest.raises(ValueError, match="treatment must name one column, got "):
        _one("treatment", given)
    assert _one("treatment", "x") == "x"


def test_a_column_has_one_role_but_a_cluster_may_share_it():
    data = trial()
    with pytest.raises(ValueError, match="'y' is given more than one role, outcome and unit; name"):
        _read(data, outcome="y", unit="y")
    with pytest.raises(ValueError, match="'x' is given more than one role, twice adjust_for"):
        _read(data, several={"adjust_for": ["x", "x"]})
    assert list(_read(data, outcome="y", cluster="y")) == ["y"]
    assert list(_read(data, outcome="y", cluster="x")) == ["y", "x"]
    for nothing in ("", ["x", "d"], 3):
        with pytest.raises(ValueError, match="cluster must name "):
            _read(data, outcome="y", cluster=nothing)


def test_a_frame_of_another_library_is_refused_with_the_way_to_convert_it():
    class DataFrame:
        pass

    with pytest.raises(TypeError, match=r"pandas.DataFrame, got test_columns.DataFrame; .*to_pand"):
        _read(DataFrame(), outcome="y")
    with pytest.raises(TypeError, match="got dict; "):
        _read({"y": [1]}, outcome="y")


# Frames of other libraries


def refuse(data, message):
    with pytest.raises(TypeError, match=message):
        difference_in_means(data, **COLUMNS)


def test_a_frame_that_is_a_plan_is_refused_and_the_remedy_works():
    pl = package("polars")
    plan = pl.from_pandas(trial()).lazy()
    refuse(
        plan, r"got polars.*LazyFrame; convert it, for example with data.collect\(\), as it is a"
    )
    pd.testing.assert_series_equal(
        difference_in_means(plan.collect(), **COLUMNS), difference_in_means(trial(), **COLUMNS)
    )


@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option")  # Ibis reads it
def test_a_table_of_a_database_is_refused_and_the_remedy_works():
    table = package("ibis").memtable(trial())
    refuse(table, r"got ibis.*Table; convert it, for example with data.to_pandas\(\)")
    pd.testing.assert_series_equal(
        difference_in_means(table.to_pandas(), **COLUMNS), difference_in_means(trial(), **COLUMNS)
    )


@pytest.mark.parametrize("value", [None, np.nan], ids=["null", "nan"])
def test_what_polars_lacks_is_refused_with_its_row(value):
    pl = package("polars")
    data = pl.DataFrame({"y": [3.0, 1.0, value, 2.0, 5.0], "d": [0, 1, 0, 1, 0]})
    with pytest.raises(ValueError, match=r"column 'y' has 1 missing value\(s\), .* in row 2; "):
        difference_in_means(data, **COLUMNS)
    kept = data.filter(pl.col("y").is_not_null() & pl.col("y").is_not_nan())
    assert difference_in_means(kept, **COLUMNS)["n"] == 4


@pytest.mark.parametrize("kind", ["int64", "double", "bool", "string", "date32", "timestamp"])
def test_what_arrow_lacks_is_refused_with_its_label(kind):
    pa = package("pyarrow")
    kinds = {"double": pa.float64(), "bool": pa.bool_(), "timestamp": pa.timestamp("us")}
    whole = pa.array([1, None, 1], pa.int64() if kind == "timestamp" else pa.int32())
    held = whole.cast(kinds[kind] if kind in kinds else getattr(pa, kind)())
    data = pd.DataFrame({"x": pd.arrays.ArrowExtensionArray(held)}, index=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"column 'x' has 1 missing value\(s\), .* in row 'b'; "):
        read(data)


def test_whole_numbers_of_arrow_stay_whole_and_apart():
    pa, pl = package("pyarrow"), package("polars")
    names = [2**60, 2**60 + 1]
    backed = pd.DataFrame({"unit": pd.array(names, dtype=pd.ArrowDtype(pa.int64()))})
    for data in (backed, pl.DataFrame({"unit": names}), pa.table({"unit": names})):
        assert read(data)["unit"].tolist() == names


def test_precision_is_that_of_arrow_s_numbers():
    pa, pl = package("pyarrow"), package("polars")
    columns = {"x": np.arange(3, dtype=np.float32), "y": np.arange(3), "z": np.arange(3.0)}
    expected = {"x": np.finfo(np.float32).eps, "y": 0, "z": np.finfo(float).eps}
    table = pa.table(columns)
    for data in (table, pl.DataFrame(columns), table.to_pandas(types_mapper=pd.ArrowDtype)):
        assert read(data).attrs["precision"] == expected


def test_codes_of_text_mean_the_text_unless_their_order_was_given():
    pa, pl = package("pyarrow"), package("polars")
    text = ["c", "a", "b"]
    coded = pl.DataFrame({"x": pl.Series(text, dtype=pl.Categorical)})
    backed = pd.DataFrame({"x": pd.Series(pd.Categorical(text, ["c", "b", "a"]))})
    backed = pa.Table.from_pandas(backed).to_pandas(types_mapper=pd.ArrowDtype)
    for data in (coded, coded.to_arrow(), backed):
        assert _design(read(data), ["x"]).labels == ["x = b", "x = c"]
    ranked = pl.DataFrame({"x": pl.Series(text, dtype=pl.Enum(["c", "b", "a"]))})
    assert _design(read(ranked), ["x"]).labels == ["x = b", "x = a"]


def test_dates_of_arrow_stay_dates():
    pa, pl = package("pyarrow"), package("polars")
    days = [datetime.date(2020, 1, 1), datetime.date(2020, 2, 1)]
    table = pa.table({"x": days})
    for data in (table, pl.DataFrame({"x": days}), table.to_pandas(types_mapper=pd.ArrowDtype)):
        assert read(data)["x"].tolist() == [pd.Timestamp(day) for day in days]


def test_rows_of_another_library_s_frame_come_back_as_pandas_rows():
    pl = package("polars")
    people = pd.DataFrame({"old": [0, 0, 0, 0, 1, 1, 1, 1], "drug": [1, 0, 0, 0, 1, 1, 1, 0]})
    score = {"treatment": "drug", "adjust_for": "old"}
    pd.testing.assert_frame_equal(
        trim(pl.from_pandas(people), **score, low=0.2, high=0.5),
        trim(people, **score, low=0.2, high=0.5),
    )


# Storage


STORED = {
    "nullable": (pd.array([1, 2, 4], dtype="Int64"), "i"),
    "nullable, real": (pd.array([1, 2, 4], dtype="Float64"), "f"),
    "single precision": (np.array([1, 2, 4], dtype=np.float32), "f"),
    "objects": (np.array([1, 2, 4], dtype=object), "i"),
    "objects, real": (np.array([1, 2.0, 4], dtype=object), "f"),
    "decimals": ([Decimal(1), Decimal(2), Decimal(4)], "f"),
    "bytes": (np.array([1, 2, 4], dtype=np.uint8), "i"),
    "short": (np.array([1, 2, 4], dtype=np.int32), "i"),
    "long": (np.array([1, 2, 4], dtype=np.int64), "i"),
}


@pytest.mark.parametrize("values", STORED)
def test_numbers_are_numbers_however_they_are_stored(values):
    values, kind = STORED[values]
    table = read(pd.DataFrame({"x": values}, index=[7, 7, 8]))
    assert isinstance(table["x"].dtype, np.dtype)
    assert (table["x"].dtype.kind, table["x"].dtype.itemsize) == (kind, 8)
    assert _numbers(table, "x").tolist() == [1, 2, 4]
    assert table.index.equals(pd.RangeIndex(3))


@pytest.mark.parametrize("kind", ["bool", "boolean", "object"])
def test_true_and_false_are_one_and_zero(kind):
    table = read(pd.DataFrame({"d": pd.Series([True, False, True], dtype=kind)}))
    assert _zero_one(table, "d").tolist() == [1, 0, 1]


def test_long_names_of_units_stay_apart():
    table = read(pd.DataFrame({"unit": [2**60, 2**60 + 1]}))
    assert table["unit"].nunique() == 2


@pytest.mark.parametrize(("start", "kind"), [(2**63, "uint64"), (2**63, object), (2**80, object)])
def test_whole_numbers_too_long_for_a_machine_integer_keep_their_sign_and_size(start, kind):
    values = [start, start + 2**60, 2]
    table = read(pd.DataFrame({"y": pd.Series(values, dtype=kind)}))
    assert _numbers(table, "y").tolist() == [float(value) for value in values]


@pytest.mark.parametrize("kind", ["object", "string", "category", "str"])
def test_text_is_a_category_without_levels_that_do_not_occur(kind):
    column = pd.Series(["b", "a", "b", "c"], dtype=kind)[:3]
    table = read(pd.DataFrame({"x": column}))
    matrix = _design(table, ["x"])
    assert matrix.labels == ["x = b"]
    assert matrix.columns.tolist() == [[1], [0], [1]]
    assert not _numeric(table, "x")


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("kind", ["Float64", "object", "category", "string", "datetime64[ns]"])
def test_a_missing_value_is_found_in_every_storage(missing, kind):
    first = {"datetime64[ns]": "2020-01-01"}.get(kind, "1" if kind == "string" else 1)
    column = pd.Series([first, missing, first], dtype=object).astype(kind)
    data = pd.DataFrame({"x": column}).set_axis(["a", "b", "c"])
    with pytest.raises(ValueError, match=r"column 'x' has 1 missing value\(s\), .* in row 'b'; "):
        read(data)


def test_a_missing_number_that_hides_in_a_nullable_column_is_found():
    hidden = pd.DataFrame({"x": pd.array([0.0, 1.0], dtype="Float64")})
    with np.errstate(invalid="ignore"):
        hidden["x"] = hidden["x"] / hidden["x"]
    with pytest.raises(ValueError, match="column 'x' has 1 missing value"):
        read(hidden)


@pytest.mark.parametrize("kind", ["float64", "Float64", "float32", "object"])
def test_an_infinite_value_is_found_in_every_storage(kind):
    column = pd.Series([1.0, 2.0, -np.inf]).astype(kind)
    with pytest.raises(ValueError, match=r"column 'x' has 1 infinite value\(s\), .* in row 2; "):
        read(pd.DataFrame({"x": column}))


def test_a_frame_keeps_what_was_said_of_its_population_and_how_precise_its_numbers_are():
    data = trial(x=np.arange(8, dtype=np.float32), y=np.arange(8.0), z=list("abababab"))
    data.attrs["population"] = "rows kept"
    table = read(data)
    assert table.attrs["population"] == "rows kept"
    assert "precision" not in data.attrs
    kinds = {"y": np.float64, "x": np.float32, "z": np.float64}
    expected = {name: np.finfo(kind).eps for name, kind in kinds.items()}
    assert table.attrs["precision"] == {**expected, "d": 0}


@pytest.mark.parametrize(
    "dates",
    [
        pd.to_datetime(["2020-01-01", "2020-02-01"]),
        pd.to_datetime(["2020-01-01", "2020-02-01"], utc=True),
        pd.period_range("2020-01", periods=2, freq="M"),
        [datetime.date(2020, 1, 1), datetime.date(2020, 2, 1)],
    ],
    ids=["naive", "zone", "period", "date"],
)
def test_dates_stay_dates_and_are_no_covariates(dates):
    table = read(pd.DataFrame({"x": dates}))
    assert table["x"].iloc[0] < table["x"].iloc[1]
    with pytest.raises(ValueError, match=r"column 'x' holds dates such as .* make it a number"):
        _design(table, ["x"])
    with pytest.raises(ValueError, match=r"column 'x' holds .* not numbers"):
        _numbers(table, "x")


# Refusals, and their remedies followed on the frame that was refused

CELLS = pd.DataFrame({"d": [0, 1], "n": [4, 4], "y_mean": [3.5, 4.25], "y_var": [2.25, 11.2]})
REPAIRS = {
    "a name that is a number": (
        trial().rename(columns={"x": 5}),
        "column name 5 is not a string; use data.rename",
        lambda data: data.rename(columns=str),
    ),
    "two columns of one name": (
        pd.concat([trial(), trial()[["x"]]], axis=1),
        "more than one column 'x'; rename or drop all but one",
        lambda data: data.loc[:, ~data.columns.duplicated()],
    ),
    "a name that is nearly right": (
        trial().rename(columns={"y": "yy"}),
        "no column 'y' in data; did you mean 'yy'",
        lambda data: data.rename(columns={"yy": "y"}),
    ),
    "a missing value": (
        trial(y=[np.nan, 1, 4, 1, 5, 9, 2, 6]),
        "'y' has 1 missing value.* drop or impute such rows",
        lambda data: data.dropna(subset="y"),
    ),
    "numbers written as text": (
        trial(y=list("31415926")),
        "'y' holds object values such as '3', not numbers; .* with pd.to_numeric",
        lambda data: data.assign(y=pd.to_numeric(data["y"])),
    ),
    "yes and no": (
        trial(d=["no", "yes"] * 4),
        r"'d' holds .* with \(data\['d'\] == 'yes'\) \* 1, which makes 'yes' 1 and all else 0",
        lambda data: data.assign(d=(data["d"] == "yes") * 1),
    ),
    "two kinds of which none is a yes": (
        trial(d=["blue", "red"] * 4),
        r"with \(data\['d'\] == 'blue'\) \* 1, which makes 'blue' 1 and all else 0",
        lambda data: data.assign(d=(data["d"] == "blue") * 1),
    ),
    "cells without their size": (
        CELLS,
        "no column 'y' in data; it has y_mean, as cells do: .* in size=, or give the rows",
        lambda _: trial(),
    ),
    "an outcome of large numbers": (
        trial(y=trial()["y"] * -1e75),
        r"'y' has numbers of size 9e\+75, whose powers .* with data\['y'\] / 9e\+75",
        lambda data: data.assign(y=data["y"] / 9e75),
    ),
    "an outcome of small numbers": (
        trial(y=trial()["y"] * 1e-160),
        r"'y' has numbers of size 9e-160, whose powers .* with data\['y'\] / 9e-160",
        lambda data: data.assign(y=data["y"] / 9e-160),
    ),
    "other numbers than 0 and 1": (
        trial(d=[1, 2] * 4),
        "'d' must be 0 or 1, found 2; recode it to 1 for the treated and 0 for the others",
        lambda data: data.assign(d=(data["d"] == 2) * 1),
    ),
    "an empty group": (
        trial(d=0),
        "'d' is 0 in all 8 rows, so there is no row of the treated; a comparison needs rows of b",
        lambda data: pd.concat([data, data.assign(d=1, y=data["y"] + 1)]),
    ),
    "an outcome that does not vary": (
        trial(y=7),
        "'y' is 7 in all 8 rows",
        lambda data: data.assign(y=trial()["y"]),
    ),
    "no rows": (
        trial().iloc[:0],
        "'y' has no rows; check the filter",
        lambda _: trial(),
    ),
}


@pytest.mark.parametrize("name", REPAIRS)
def test_a_refusal_says_what_to_do_and_that_works(name):
    data, message, repair = REPAIRS[name]
    with pytest.raises(ValueError, match=message):
        difference_in_means(data, **COLUMNS)
    assert np.isfinite(difference_in_means(repair(data), **COLUMNS)).all()


@pytest.mark.parametrize("word", ["yes", "Y", "TRUE", "Treated", "treatment", "1"])
def test_text_is_to_be_coded_by_the_word_that_means_yes(word):
    with pytest.raises(ValueError, match=f"which makes {word!r} 1 and all else 0"):
        difference_in_means(trial(d=["no", word] * 4), **COLUMNS)


DESIGNS = {
    "dates": (
        trial(x=pd.date_range("2020-01-01", periods=8)),
        r"'x' holds dates such as Timestamp\('2020-01-01.* - data\['x'\].min\(\)\).dt.days",
        lambda data: data.assign(x=(data["x"] - data["x"].min()).dt.days),
    ),
    "lists": (
        trial(x=[[1], [1], [2], [2]] * 2).set_axis(list("abcdefgh")),
        r"'x' holds a list in row 'a'; make a column .* with data\['x'\].astype\(str\)",
        lambda data: data.assign(x=data["x"].astype(str)),
    ),
    "a dict among numbers": (
        trial(x=[{"a": 2}, {"a": 2}, 1, 1] * 2),
        "'x' holds a dict in row 0; make a column of each",
        lambda data: data.assign(x=data["x"].astype(str)),
    ),
    "a category of one level": (
        trial(x="north", z=[2, 7, 1, 8, 2, 8, 1, 9]),
        "'x' is 'north' in all rows; drop it",
        lambda data: data.drop(columns="x").rename(columns={"z": "x"}),
    ),
    "a constant": (
        trial(x=1e9, z=[2, 7, 1, 8, 2, 8, 1, 9]),
        "'x' is constant or a linear combination of the columns before it; drop it",
        lambda data: data.drop(columns="x").rename(columns={"z": "x"}),
    ),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_a_covariate_that_cannot_be_used_is_refused_with_a_remedy_that_works(name):
    data, message, repair = DESIGNS[name]
    with pytest.raises(ValueError, match=message):
        adjusted(data, **COLUMNS, adjust_for="x")
    assert np.isfinite(adjusted(repair(data), **COLUMNS, adjust_for="x")).all()


def test_a_message_about_many_columns_stays_short():
    assert _listed(["a", "b"]) == "'a', 'b'"
    assert _listed("abcde") == "'a', 'b', 'c', 'd', 'e'"
    assert _listed("abcdefg") == "'a', 'b', 'c', 'd', 'e' and 2 more"
    wide = pd.DataFrame(np.ones((3, 500)), columns=[f"x{i}" for i in range(500)])
    for names in (["nothing"], list(wide)):
        with pytest.raises(ValueError, match=" and 495 more") as refusal:
            _basis(_design(_read(wide, several={"adjust_for": names}), names))
        assert len(str(refusal.value)) < 300


# Least squares


def matrix(columns, precision=2**-52):
    columns = np.asarray(columns, dtype=float)
    labels = [f"x{j}" for j in range(columns.shape[1])]
    return _Matrix(labels, columns, np.full(columns.shape[1], precision))


@pytest.mark.parametrize("scale", [1, 1e9, 1e-13])
@pytest.mark.parametrize("origin", [0, 1e6])
def test_residuals_are_those_of_statsmodels_on_any_scale_and_from_any_origin(scale, origin):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=50)
    expected = sm.OLS(y, sm.add_constant(x)).fit().resid
    basis = _basis(matrix((x + origin) * scale))
    np.testing.assert_allclose(_net(y + 2**27, basis), expected, rtol=0, atol=1e-7)
    np.testing.assert_allclose(_net(y, basis), expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("origin", [0, 1e6])
def test_weighted_residuals_are_those_of_statsmodels_times_the_roots(origin):
    rng = np.random.default_rng(6)
    x, y, weights = rng.normal(size=(50, 3)), rng.normal(size=50), rng.uniform(0.1, 9, 50)
    fit = sm.WLS(y, sm.add_constant(x), weights=weights).fit()
    basis = _basis(matrix(x + origin), weights)
    found = _net(y + origin, basis, weights)
    np.testing.assert_allclose(found, fit.resid * np.sqrt(weights), rtol=0, atol=1e-8)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.sqrt(weights) @ basis, 0, atol=1e-7)


@pytest.mark.parametrize("weights", [None, np.linspace(1, 9, 50)])
def test_residuals_of_large_numbers_are_orthogonal_to_what_was_taken_out(weights):
    x, noise = np.random.default_rng(11).normal(size=(2, 50, 1))
    basis = _basis(matrix(x), weights)
    rest = _net(2**27 * (1 + x[:, 0]) + noise[:, 0], basis, weights)
    constant = np.ones(50) if weights is None else np.sqrt(weights)
    np.testing.assert_allclose([constant @ rest, basis[:, 0] @ rest], 0, atol=1e-12)
    np.testing.assert_allclose(rest, _net(noise[:, 0], basis, weights), rtol=0, atol=1e-6)


WEIGHTS = np.random.default_rng(7).uniform(1e11, 1e12, 50)


@pytest.mark.parametrize(
    ("column", "weights", "precision"),
    [
        (np.zeros(50), None, 0),
        (1e9 * np.resize([0.1 + 0.2, 0.3], 50), None, 2**-52),
        (0.1 + 2**-56 * np.resize([0, 1], 50), WEIGHTS, 2**-52),
        (np.full(50, 999_983), WEIGHTS, 0),
        (1 + 2**-23 * np.resize([0, 1], 50), None, 2**-23),
    ],
)
def test_a_column_that_varies_by_rounding_alone_is_refused(column, weights, precision):
    with pytest.raises(ValueError, match="column 'x0' is constant or a linear combination"):
        _basis(matrix(column[:, np.newaxis], precision), weights)


@pytest.mark.parametrize(("origin", "scale"), [(0, 1e-20), (1, 1e-12)])
def test_a_column_that_varies_little_is_kept(origin, scale):
    column = origin + scale * np.resize([0, 1], 50)
    basis = _basis(matrix(column[:, np.newaxis]))
    np.testing.assert_allclose(np.abs(basis), 50**-0.5, rtol=1e-3)


def test_a_combination_whose_rounding_earlier_columns_magnify_is_one_too():
    x, noise = np.random.default_rng(8).normal(size=(2, 50))
    with pytest.raises(ValueError, match="column 'x2' is constant or a linear combination"):
        _basis(matrix(np.column_stack([x, x + 1e-4 * noise, noise])))


@pytest.mark.parametrize("scale", [1, 1e9, 1e-13])
def test_a_combination_of_columns_before_it_is_refused_by_name(scale):
    x = np.random.default_rng(2).normal(size=(20, 2)) + 5
    with pytest.raises(ValueError, match="column 'x2' is constant or a linear combination"):
        _basis(matrix(np.column_stack([x, (x[:, 0] - 3 * x[:, 1]) * scale])))


def test_a_combination_in_single_precision_is_one_too():
    x = np.random.default_rng(3).normal(size=(200, 2)).astype(np.float32)
    x = np.column_stack([x, x[:, 0] * np.float32(0.3) + x[:, 1]])
    with pytest.raises(ValueError, match="column 'x2'"):
        _basis(matrix(x, np.finfo(np.float32).eps))
    assert _basis(matrix(x)).shape == (200, 3)  # beyond rounding, it would be a column of its own


def test_columns_that_are_nearly_but_truly_different_are_kept():
    x = np.random.default_rng(4).normal(size=(50, 2))
    assert _basis(matrix(np.column_stack([x[:, 0], x[:, 0] + 1e-6 * x[:, 1]]))).shape == (50, 2)


@pytest.mark.parametrize("rows", [4_095, 4_096, 10_000, 12_288])
def test_many_rows_are_factored_by_blocks_as_they_are_at_once(rows):
    x = np.random.default_rng(3).normal(size=(rows, 5)) * [1, 1e-6, 1e6, 1, 1]
    basis, triangle = _qr(x)
    np.testing.assert_allclose(basis @ (triangle / x.std(axis=0)), x / x.std(axis=0), atol=1e-13)
    np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-14)
    once = np.linalg.qr(x, mode="r")
    np.testing.assert_allclose(np.abs(triangle), np.abs(once), rtol=1e-9, atol=1e-9)


def test_blocks_hold_more_rows_than_columns():
    basis, triangle = _qr(np.eye(4_096, 1_025))
    np.testing.assert_allclose(np.abs(basis), np.eye(4_096, 1_025), atol=1e-14)
    np.testing.assert_allclose(np.abs(triangle), np.eye(1_025), atol=1e-14)


def test_many_rows_without_columns_have_an_empty_basis():
    basis, triangle = _qr(np.empty((5_000, 0)))
    assert basis.shape == (5_000, 0)
    assert triangle.shape == (0, 0)


def test_a_combination_among_many_rows_is_refused_by_name():
    x = np.random.default_rng(4).normal(size=(20_000, 3))
    with pytest.raises(ValueError, match="column 'x3' is constant or a linear combination"):
        _basis(matrix(np.column_stack([x, x @ [1, 2, 3]])))
    _basis(matrix(np.column_stack([x, x @ [1, 2, 3] + 1e-6 * x[::-1, 0]])))


def test_many_rows_with_many_classes_take_seconds_of_the_processor():
    rng, n = np.random.default_rng(0), 200_000
    rows = pd.DataFrame({"store": rng.integers(0, 9, n), "week": rng.integers(0, 6, n)})
    rows = rows.astype("category").assign(d=rng.integers(0, 2, n), y=rng.normal(size=n))
    start = time.process_time()
    standardize(rows, outcome="y", treatment="d", adjust_for=["store", "week"])
    spent = time.process_time() - start
    assert spent < 5


def test_rows_must_be_as_many_as_coefficients():
    x = matrix(np.random.default_rng(5).normal(size=(3, 2)))
    assert _basis(x).shape == (3, 2)
    with pytest.raises(ValueError, match=r"3 rows cannot carry 4 coefficients \(a constant, 'x0'"):
        _basis(matrix(np.ones((3, 3))))
    assert _basis(x._replace(columns=np.vstack([x.columns, [1, 2]])), also=1).shape == (4, 2)
    with pytest.raises(ValueError, match="3 rows cannot carry 4 coefficients"):
        _basis(x, also=1)


def test_a_group_has_the_basis_of_its_own_rows():
    rng = np.random.default_rng(9)
    x, weights = matrix(rng.normal(size=(20, 2))), rng.uniform(1, 5, 20)
    rows = np.array([3, 4, 8, 15])
    own = matrix(x.columns[rows])
    np.testing.assert_array_equal(_group_basis(x, rows, "d is 1"), _basis(own))
    found = _group_basis(x, rows, "d is 1", weights)
    np.testing.assert_array_equal(found, _basis(own, weights[rows]))


def test_a_group_needs_rows_to_show_the_noise_or_cells_of_as_many():
    x, rows = matrix(np.random.default_rng(10).normal(size=(9, 2))), np.array([2, 5, 7])
    few = r"^3 row\(s\) where d is 1 cannot carry 3 coefficient\(s\) \('a constant', 'x0', 'x1'\) "
    for weights in (None, np.isin(np.arange(9), rows) + 0.0):
        with pytest.raises(ValueError, match=few + "and show the noise around them; use fewer"):
            _group_basis(x, rows, "d is 1", weights)
    assert _group_basis(x, rows, "d is 1", np.full(9, 4 / 3)).shape == (3, 2)


def test_a_covariate_that_is_constant_in_a_group_is_refused_with_the_group():
    x = matrix(np.column_stack([np.arange(9) % 2, np.arange(9)]))
    message = (
        "^among the rows where d is 1, column 'x0' is constant or .* drop it, or keep only rows"
    )
    with pytest.raises(ValueError, match=message):
        _group_basis(x, np.array([0, 2, 4, 6, 8]), "d is 1")


# Options


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, "1", None, True, np.True_, [1], 1j])
def test_an_option_that_is_no_finite_number_is_refused(value):
    with pytest.raises(ValueError, match="caliper must be a finite number, got "):
        _real("caliper", value)


@pytest.mark.parametrize(
    ("limits", "inside", "outside", "rule"),
    [
        ({"above": 0}, [1e-9, 5], [0, -1], "be above 0"),
        ({"least": 0}, [0, 5], [-1e-9], "be 0 or more"),
        ({"above": 0, "below": 1}, [0.5], [0, 1, 95], "lie between 0 and 1"),
        ({"least": 0, "below": 1}, [0, 0.5], [1, -1], r"lie in \[0, 1\)"),
        ({"above": 0, "most": 1}, [1, 0.5], [0, 2], r"lie in \(0, 1\]"),
        ({"least": 0, "most": 1}, [0, 1], [-1, 2], r"lie in \[0, 1\]"),
    ],
)
def test_an_option_keeps_to_its_limits(limits, inside, outside, rule):
    for value in inside:
        assert _real("q", value, **limits) == value
        assert type(_real("q", value, **limits)) is float
    for value in outside:
        with pytest.raises(ValueError, match=f"q must {rule}, got {value}"):
            _real("q", value, **limits)


def test_several_numbers_are_checked_one_by_one_and_stay_what_they_are():
    assert _reals("multiples", (1, 2)).tolist() == [1, 2]
    assert _reals("multiples", (1, 2)).dtype.kind == "i"
    assert _reals("multiples", 0.5).tolist() == [0.5]
    assert _reals("multiples", np.array([0.5, 2])).tolist() == [0.5, 2]
    with pytest.raises(ValueError, match="multiples must be above 0, got 0"):
        _reals("multiples", [1, 0], above=0)
    with pytest.raises(ValueError, match="multiples is empty; give at least one number"):
        _reals("multiples", [])
    with pytest.raises(ValueError, match="multiples must be a finite number, got 'ab'"):
        _reals("multiples", "ab")


def test_a_count_is_a_whole_number():
    assert [_count("folds", value) for value in (1, np.int64(3), 2.0)] == [1, 3, 2]
    assert isinstance(_count("folds", 2.0), int)
    assert _count("folds", 0, least=0) == 0
    for value, rule in [(0, "1 or more"), (2.5, "a whole number"), (np.nan, "1 or more")]:
        with pytest.raises(ValueError, match=f"folds must be {rule}, got {value}"):
            _count("folds", value)


def test_a_choice_is_one_of_its_values():
    _check_choice("estimand", "ATE", ("ATE", "ATT"))
    for value in ("ate", None, ["ATE"], np.array(["ATE"])):
        with pytest.raises(ValueError, match="estimand must be one of 'ATE', 'ATT', got "):
            _check_choice("estimand", value, ("ATE", "ATT"))


def test_a_level_is_a_probability():
    for value in (0, 1, 95, np.nan, "0.95"):
        with pytest.raises(ValueError, match="level must lie between 0 and 1, got "):
            _check_level(value)


def test_a_source_of_randomness_is_taken_as_it_is_and_a_number_makes_one():
    for source in (np.random.default_rng(1), np.random.RandomState(1)):
        assert _generator(source) is source
    for value in (0, 7, np.int64(7)):
        assert _generator(value).random() == np.random.default_rng(int(value)).random()
    for value in (None, -1, 1.5, "1", True):
        with pytest.raises(ValueError, match="rng must be an int from 0 on, a Generator or a Rand"):
            _generator(value)


def test_a_switch_is_true_or_false():
    for value in (True, False, np.True_, np.False_):
        _check_switch("replace", value)
    for value in (0, 1, None, "no", np.nan):
        with pytest.raises(ValueError, match="replace must be True or False, got "):
            _check_switch("replace", value)


def test_classes_are_advised_of_the_numbers_that_take_the_most_values():
    table = read(pd.DataFrame({"b": [1, 2, 1, 2], "a": [0.5, 1, 3, 3], "s": list("wxyz")}))
    assert _classes(table, ["b", "a", "s"]) == "pd.qcut(data['a'], 4)"
    assert _classes(table, ["b"]) == "pd.qcut(data['b'], 4)"
    assert not _classes(table, ["s"])


# Noise


def test_an_error_is_noise_beyond_eight_last_places_of_the_numbers():
    for error, scale in ((0.0, 1e6), (1.7e-9, 1e6), (np.array([1.0, 0.0]), 1e6), (0.0, 0.0)):
        with pytest.raises(ValueError, match=r"column 'y': rows .* no noise to estimate an error"):
            _check_noise("y", error, scale)
    _check_noise("y", np.array([1.8e-9, 1]), 1e6)


def test_single_precision_hides_noise_of_two_last_places_in_a_mean():
    table = read(pd.DataFrame({"y": [-3.0, 1, 2, 0], "n": [1, 2, 3, 4]}))
    assert _scale(table, "y") == 3
    assert _scale(table, "n") == 4
    single = read(pd.DataFrame({"y": [-3.0, 1, 2, 0]}, dtype=np.float32))
    assert 8 * 2**-52 * _scale(single, "y") == 3 * 2 * 2**-23 / np.sqrt(4)


# The result


def test_a_result_has_the_quantiles_of_the_t_distribution():
    # t tables: 2.262 with 9 degrees at 95%; 1.645 for the normal at 90%.
    assert _result("m", 1, 2, n=5, level=0.95, df=9).round(3).to_dict() == {
        "estimate": 1, "std_error": 2, "ci_low": -3.524, "ci_high": 5.524, "n": 5
    }  # fmt: skip
    assert _result("m", 0, 1, n=5, level=0.9)["ci_high"] == pytest.approx(1.645, abs=5e-4)
    assert _result("m", 0, 1, n=5, level=0.9).name == "m"
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 1"):
        _result("m", 0, 1, n=5, level=1)


def test_a_result_ends_with_what_else_there_is_to_say():
    found = _result("m", 1, 2, n=5, level=0.95, share=0.25, draws=9)
    assert list(found.index) == [
        "estimate",
        "std_error",
        "ci_low",
        "ci_high",
        "n",
        "share",
        "draws",
    ]
    assert found[["n", "share", "draws"]].tolist() == [5, 0.25, 9]
    assert found.dtype == float


def test_an_outcome_must_vary_and_an_indicator_have_both_values():
    table = read(trial(one=1, c=2.5))
    assert _outcome(table, "y").tolist() == trial()["y"].tolist()
    with pytest.raises(ValueError, match=r"'c' is 2.5 in all 8 rows, so there is nothing to est"):
        _outcome(table, "c")
    with pytest.raises(ValueError, match="'one' is 1 in all 8 rows, so there is no row of before"):
        _zero_one(table, "one", ("before", "after"))
    with pytest.raises(ValueError, match="found 2; recode it to 1 for after and 0 for before"):
        _zero_one(table, "x", ("before", "after"))


@pytest.mark.parametrize("number", [0.5, -1, 2])
def test_an_indicator_takes_no_other_number(number):
    table = read(pd.DataFrame({"d": [0, 1, number]}))
    with pytest.raises(ValueError, match=f"'d' must be 0 or 1, found {number}; recode it to"):
        _zero_one(table, "d")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 0], float),
        ([0.1 + 0.2, 0.3], float),
        ([-1e9, -1e9 - 1e-6], float),
        ([1, 1 + 4 * 2**-23], np.float32),
    ],
)
def test_an_outcome_that_varies_by_rounding_alone_is_refused(values, kind):
    """The last bit of 1 is 2**-52 in double precision, 2**-23 in single."""
    table = read(pd.DataFrame({"y": np.array(values, kind)}))
    with pytest.raises(ValueError, match=r"'y' is .* in all 2 rows, so there is nothing"):
        _outcome(table, "y")


@pytest.mark.parametrize(
    ("values", "variance"),
    [([1, 1 + 1e-12], 0.0), ([0, 1e-12], 0.0), ([1e6, 1e6], [1e-10, 0]), ([-1e6, -1e6], 1e-10)],
)
def test_an_outcome_that_varies_little_or_behind_the_rows_is_kept(values, variance):
    table = read(pd.DataFrame({"y": values}, dtype=float))
    assert _outcome(table, "y", variance=np.array(variance)).tolist() == values


SHARES = np.array([0.0, 0.25, 0.5, 1.0])


def test_shares_of_zeros_and_ones_have_the_variance_p_times_1_minus_p():
    table = read(pd.DataFrame({"y": SHARES}))
    for noise in (-1e-12, 0, 1e-12):
        variance = SHARES * (1 - SHARES) + noise
        assert _outcome(table, "y", "logit", variance).tolist() == SHARES.tolist()
        assert _outcome(table, "y", variance=variance + 1).tolist() == SHARES.tolist()
    assert _outcome(read(trial()), "d", "logit").tolist() == [0, 1] * 4


@pytest.mark.parametrize(
    ("values", "variance"),
    [
        (SHARES, 0.0),
        (SHARES, SHARES * (1 - SHARES) + 1e-3 * (SHARES == 0.25)),
        (SHARES, SHARES * (1 - SHARES) - 1e-3 * (SHARES == 0.25)),
        (np.array([0, 0.25, 1]), np.array([0, 0, 0])),
        (np.array([0, 1e-12, 1]), 0.0),
        (np.array([0, -3.0, 1]), 12.0 * np.array([0, 1, 0])),
    ],
)
def test_a_logit_takes_no_other_outcome(values, variance):
    table = read(pd.DataFrame({"y": values}))
    with pytest.raises(ValueError, match=f"'y' must be 0 or 1 for .*, found {values[1]:g}; recode"):
        _outcome(table, "y", "logit", variance)


def test_a_design_has_the_numbers_and_the_dummies_in_the_order_of_the_names():
    kinds = {"x": np.float32, "n": int, "w": float}
    frame = pd.DataFrame({"w": [3, 1, 2, 5], "s": list("bcab"), "n": [1, 2, 4, 8], "x": 0.1})
    frame = frame.astype(kinds)
    names = ["s", "x", "n", "w"]
    matrix = _design(read(frame), names)
    expected = pd.get_dummies(frame[names], prefix_sep=" = ", drop_first=True, dtype=float)
    order = ["s = b", "s = c", "x", "n", "w"]
    assert matrix.labels == order
    assert matrix.columns.dtype == float
    np.testing.assert_array_equal(matrix.columns, expected[order])
    assert matrix.precision.tolist() == [2**-52, 2**-52, 2**-23, 0, 2**-52]


@pytest.mark.parametrize("value", [("a",), pd.Timestamp("2020-01-01"), b"1"])
def test_what_is_no_text_is_to_be_converted(value):
    table = read(pd.DataFrame({"x": [value, value]}))
    with pytest.raises(ValueError, match=r"'x' holds .*, not numbers; convert it, for exa"):
        _numbers(table, "x")


def test_cells_are_read_from_every_library_s_frame():
    pa, pl = package("pyarrow"), package("polars")
    cells = pd.DataFrame({"d": [0, 0, 1, 1], "y": [0, 1, 0, 1], "n": [5, 7, 3, 9]})
    expected = difference_in_means(cells, **COLUMNS, size="n")
    moments = pd.DataFrame({"d": [0, 1], "y_mean": [2.0, 3.0], "y_var": [1.0, 2.0], "n": [50, 60]})
    means = difference_in_means(moments, **COLUMNS, size="n")
    for make in (pl.from_pandas, pa.Table.from_pandas):
        found = difference_in_means(make(cells), **COLUMNS, size="n")
        pd.testing.assert_series_equal(found, expected)
        found = difference_in_means(make(moments), **COLUMNS, size="n")
        pd.testing.assert_series_equal(found, means)


def test_sparse_columns_and_whole_numbers_beyond_64_bits_are_read_as_floats():
    sparse = pd.arrays.SparseArray([0.0, 1.5, 0.0])
    found = read(pd.DataFrame({"x": sparse, "long": pd.Series([-1, 2**63, 4], dtype=object)}))
    assert found["x"].tolist() == [0, 1.5, 0]
    assert found.attrs["precision"]["x"] == 2**-52
    assert found["long"].tolist() == [-1, 2.0**63, 4]
    assert found["long"].dtype == float


def test_whole_numbers_enter_the_arithmetic_as_floats():
    assert _numbers(read(pd.DataFrame({"x": [3_000_000_000, 1]})), "x").dtype == float


def test_complex_numbers_are_no_numbers_here():
    with pytest.raises(ValueError, match=r"column 'x' holds object values such as \(1\+2j\), not"):
        _numbers(read(pd.DataFrame({"x": [1 + 2j, 3]})), "x")


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_what_storage_rounds_is_no_noise(kind):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"d": rng.integers(0, 2, 400), "x": rng.normal(size=400)})
    frame["y"] = (7 + frame["d"] + 0.1 * frame["x"]).astype(kind)
    columns = {"outcome": "y", "treatment": "d", "adjust_for": "x"}
    with pytest.raises(ValueError, match=r"'y': rows .* no noise to estimate an error from"):
        standardize(frame, **columns)
    noise = rng.normal(scale=1e-5, size=400)
    noisy = frame.assign(y=(frame["y"] + noise).astype(kind))
    assert 1e-7 < standardize(noisy, **columns)["std_error"] < 1e-5


def test_lists_of_other_libraries_are_refused_too():
    pa, pl = package("pyarrow"), package("polars")
    for make in (pl.DataFrame, pa.table):
        with pytest.raises(ValueError, match=r"column 'x' holds a .* in row 0; make a column of"):
            read(make({"x": [[1, 2], [3, 4]]}))
