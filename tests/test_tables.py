import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from stored import revived

from casestudies.display import tables


def rows_of(table):
    root = ElementTree.fromstring(table._repr_html_())
    return root, [[cell.text or "" for cell in row] for row in root.iter("tr")]


def test_a_table_has_a_caption_and_a_header_for_every_row_and_column():
    frame = pd.DataFrame({"estimate": [0.12345, -0.2], "n": [10_000.0, 20_000.0]}, index=["a", "b"])
    root, rows = rows_of(tables.results(frame, "Numbers & units"))
    assert root.find(".//caption").text == "Numbers & units"
    assert rows == [["", "estimate", "n"], ["a", "0.123", "10,000"], ["b", "−0.200", "20,000"]]
    assert [th.get("scope") for th in root.iter("th")] == ["col"] * 3 + ["row"] * 2


def test_series_become_rows_and_names_lose_their_underscores():
    one = pd.Series({"estimate": 1.25, "std_error": 0.5}, name="raw")
    _, rows = rows_of(tables.results([one], "x", digits=1))
    assert rows == [["", "estimate", "std error"], ["raw", "1.2", "0.5"]]


def test_missing_numbers_are_blank_and_minus_zero_is_zero():
    _, rows = rows_of(tables.results(pd.DataFrame({"a": [float("nan"), -0.00001]}), "x"))
    assert [row[1] for row in rows[1:]] == ["", "0.000"]


def test_the_plain_text_says_the_same():
    text = repr(tables.results(pd.DataFrame({"a": [0.5]}), "Caption."))
    assert text.startswith("Caption.\n")
    assert "0.500" in text


def test_a_scoreboard_says_covered_only_of_exact_truths():
    answer = {"estimate": 2.754, "ci_low": 1.5, "ci_high": 4.0}
    rows = {
        "in": (answer, "ATT", 1.5, "this world", "exact truth"),
        "out": (answer, "ATT", 4.01, "this world", "exact truth"),
        "as printed": (answer, "ATT", 2.8, "table 1", "published figure"),
        "misprinted": (answer, "ATT", 2.76, "table 3", "published figure"),
        "with its zero": (answer, "ATT", "2.750", "table 4", "published figure"),
        "beside ours": (answer, "ATT", 3.0, "matching", "own comparison"),
    }
    _, cells = rows_of(tables.scoreboard(rows))
    assert cells[0] == [
        *("analysis", "estimand", "estimate", "95% interval", "held against", "which is"),
        "result",
    ]
    assert cells[1][:4] == ["in", "ATT", "2.754", "1.500 to 4.000"]
    assert [row[-1] for row in cells[1:]] == [
        *("covered", "not covered", "equal in print", "not equal", "not equal"),
        "differs by −0.246",
    ]
    assert cells[3][4:6] == ["2.800", "published figure (table 1)"]


def test_a_scoreboard_refuses_an_unknown_kind_and_a_row_without_its_kind():
    row = ({"estimate": 1.0, "ci_low": 0.5, "ci_high": 1.5}, "ATE", 1.0, "x")
    with pytest.raises(ValueError, match=r"kind must be 'exact truth', .* got 'truth'"):
        tables.scoreboard({"a": (*row, "truth")})
    with pytest.raises(ValueError, match=r"\['b'\] have no kind; say of every row"):
        tables.scoreboard({"a": (*row, "exact truth"), "b": row})


def test_the_scoreboard_shows_three_decimals_and_says_what_it_holds():
    answer = {"estimate": 1.0, "ci_low": 0.5, "ci_high": 1.5}
    root, rows = rows_of(tables.scoreboard({"in": (answer, "ATE", 1.5, "x", "exact truth")}))
    assert rows[1][2:5] == ["1.000", "0.500 to 1.500", "1.500"]
    assert root.find(".//caption").text.startswith("Headline estimates, each held against")


def test_a_table_of_words_wraps_and_a_table_with_numbers_does_not():
    words, numbers = pd.DataFrame({"a": ["x"]}), pd.DataFrame({"a": ["x"], "b": [1.5]})
    for frame, kind in [(words, "table words"), (numbers, "table"), (words[[]], "table words")]:
        root, _ = rows_of(tables.results(frame, "x"))
        assert root.find(".//table").get("class") == kind


def test_counts_are_whole_and_small_whole_numbers_are_not():
    frame = pd.DataFrame({"n": [10.0, 2.0], "small": [9.0, 1.0], "whole": [1, 2]})
    _, rows = rows_of(tables.results(frame, "x"))
    assert rows[1:] == [["0", "10", "9.000", "1"], ["1", "2", "1.000", "2"]]


def test_the_scoreboard_writes_minus_signs_in_its_intervals():
    answer = {"estimate": -1.0, "ci_low": -1.5, "ci_high": -0.5}
    _, rows = rows_of(tables.scoreboard({"x": (answer, "ATE", -1.0, "x", "exact truth")}, digits=1))
    assert rows[1][2:4] == ["−1.0", "−1.5 to −0.5"]


@pytest.fixture
def stored(monkeypatch):
    """Return what is displayed, by its type."""
    shown = {}
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.update(data))
    return lambda: shown["application/json"]


def test_numbers_are_stored_as_plain_rounded_numbers_under_slugs(stored):
    numbers = {
        "x-ate": np.float64(12.3456789),
        "x-CDE(silence=0)": 0.00123456789,
        "x-n": np.int64(9),
    }
    tables.store(numbers | {"x-zero": 1e-17})
    assert stored()["numbers"] == {
        **{"x-ate": 12.3457, "x-cde-silence-0": 0.00123457, "x-n": 9, "x-zero": 0.0},
    }
    assert [type(value) for value in stored()["numbers"].values()] == [float, float, int, float]
    json.dumps(stored(), allow_nan=False)


def test_frames_are_stored_so_that_tests_can_have_them_back(stored):
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
    frame = pd.DataFrame({"estimate": [0.5, np.inf], "kind": ["x", "y"]}, index=index)
    series = pd.Series([True, False], index=[0.0, 0.5])
    tables.store({}, frame=frame, series=series, mapping={"one": np.array([1, 2])})
    json.dumps(stored(), allow_nan=False)
    back = {name: revived(value) for name, value in stored()["tested"].items()}
    pd.testing.assert_frame_equal(back["frame"], frame)
    pd.testing.assert_series_equal(back["series"], series)
    assert back["mapping"] == {"one": [1, 2]}


def test_numbers_that_are_none_or_share_a_slug_are_refused(stored):
    with pytest.raises(ValueError, match=r"numbers must be finite, but \['x-b'\] are not"):
        tables.store({"x-a": 1.0, "x-b": np.nan})
    with pytest.raises(ValueError, match=r"occur twice: \['x-a-b'\]; rename one"):
        tables.store({"x-a b": 1.0, "x-a-b": 2.0})


def test_several_row_labels_are_written_as_one():
    index = pd.MultiIndex.from_tuples([(0, 1), (1, 1)], names=["mismatch", None])
    _, rows = rows_of(tables.results(pd.DataFrame({"a": [0.5, 0.25]}, index=index), "x"))
    assert [row[0] for row in rows] == ["", "mismatch 0, 1", "mismatch 1, 1"]
