import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from casestudies import tables


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


def test_claims_are_escaped_and_their_verdicts_checked():
    root, rows = rows_of(tables.claims([("2 < 3", "holds", "2 and 3")], document="a text"))
    assert rows[1] == ["2 < 3", "holds", "2 and 3"]
    assert "a text" in root.find(".//caption").text
    with pytest.raises(ValueError, match="verdict 'true' on 'x' must be one of"):
        tables.claims([("x", "true", "")], document="a text")


def test_the_scoreboard_says_whether_the_interval_covers():
    answer = {"estimate": 1.0, "ci_low": 0.5, "ci_high": 1.5}
    known = {"in": (answer, "ATE", 1.5, "exact"), "out": (answer, "ATT", 1.51, "exact")}
    _, rows = rows_of(tables.scoreboard(known, digits=2))
    assert [row[-1] for row in rows[1:]] == ["yes", "no"]
    assert rows[1][:5] == ["in", "ATE", "1.00", "0.50 to 1.50", "1.50"]


def test_a_headline_is_glued_as_a_plain_rounded_number(monkeypatch):
    stored = {}
    monkeypatch.setattr("myst_nb.glue", lambda key, value, display: stored.update({key: value}))
    tables.headline("x-ate", np.float64(0.123456))
    tables.headline("x-share", 12.349, digits=1)
    assert repr(stored) == "{'x-ate': 0.1235, 'x-share': 12.3}"


def test_several_row_labels_are_written_as_one():
    index = pd.MultiIndex.from_tuples([(0, 1), (1, 1)], names=["mismatch", None])
    _, rows = rows_of(tables.results(pd.DataFrame({"a": [0.5, 0.25]}, index=index), "x"))
    assert [row[0] for row in rows] == ["", "mismatch 0, 1", "mismatch 1, 1"]
