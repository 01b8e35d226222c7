import numpy as np
import pandas as pd
import pytest

from casestudies.production.checks import check_batch, content_hash, read_batch
from casestudies.production.record import TEMPLATE, read

TEXT = TEMPLATE.read_text(encoding="utf-8")
RECORD = read(TEXT)
HEADER = "week,person,workload,junior,programme,exit"


def lines(n=40, week="2026-01-12"):
    rng = np.random.default_rng(3)
    return [
        f"{week},p{i:03d},{rng.normal():.2f},{i % 3 == 0:d},{i % 10 != 0:d},{i % 4 == 0:d}"
        for i in range(n)
    ]


def content(rows=None, header=HEADER):
    return "\n".join([header, *(lines() if rows is None else rows)]).encode()


def judged(data, accepted=(), record=RECORD):
    table, reasons, notes = read_batch(data, record)
    if not reasons:
        reasons, more = check_batch(table, record, list(accepted))
        notes = notes + more
    return reasons, notes


def entry(week="2026-01-05", rows="x"):
    return {"batch": week, "content": rows}


def test_a_good_batch_has_nothing_against_it_and_is_typed():
    table, reasons, notes = read_batch(content(), RECORD)
    assert (reasons, notes) == ([], [])
    assert table["exit"].dtype == float
    assert table["person"].iloc[0] == "p000"
    assert judged(content(), [entry()]) == ([], [])


def edited(row, column, value):
    made = lines()
    cells = made[row].split(",")
    cells[HEADER.split(",").index(column)] = value
    made[row] = ",".join(cells)
    return content(made)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"\xff\xfe\x00w", "not UTF-8"),
        (HEADER.encode(), "no rows"),
        (content(header=HEADER.replace("exit", "exits")), "no column 'exit'; the file has week"),
        (content(header=HEADER + ",exit"), "column 'exit' is there 2 times"),
        (content().replace(b",", b";"), "with commas between columns"),
        (content([*lines(), "2026-01-12,p999,1"]), "line 42 has 3 values and the header 6"),
        (content([*lines(), lines()[0] + ",1"]), "line 42 has 7 values and the header 6"),
        (content([lines()[0], "", *lines()[1:]]), "line 3 has 0 values"),
        (content(['"' + "x" * 200_000 + '"']), "cannot be read as a table"),
        (edited(4, "exit", ""), "column 'exit' has no value in 1 of 40 rows, first in line 6"),
        (edited(4, "person", ""), "column 'person' has no value in 1"),
        (edited(4, "exit", "2"), "'exit' has 1 value(s) that are neither 0 nor 1, the first '2"),
        (edited(4, "exit", "0.5"), "neither 0 nor 1, the first '0.5' in line 6"),
        (edited(4, "exit", "yes"), "'exit' has 1 value(s) that are no number, the first 'yes'"),
        (edited(4, "workload", "11"), "'workload' has 1 value(s) that are above 10, the first '11"),
        (edited(4, "workload", "-10.5"), "that are below -10"),
        (edited(4, "workload", "inf"), "that are no number, the first 'inf'"),
        (edited(4, "workload", "nan"), "that are no number, the first 'nan'"),
        (edited(4, "workload", '"0,5"'), "that are no number, the first '0,5'"),
        (edited(4, "person", "p003"), "1 row(s) repeat a 'person', the first 'p003' in line 6"),
        (
            edited(4, "week", "2026-01-19"),
            "one batch, but this one holds 2: 2026-01-12, 2026-01-19",
        ),
        (content(lines(week="2026-01-13")), "not on the calendar"),
        (content(lines(week="12.1.2026")), "is not a date"),
        (content(lines(week="2026-01-05")), "was accepted before"),
        (content(lines(week="2026-02-16")), "leaves out 5 batches"),
        (content([r[:-3] + "1" + r[-2:] for r in lines()]), "40 treated and 0 others"),
        (
            content([r[:-3] + f"{i % 2}" + r[-2:] for i, r in enumerate(lines())]),
            "20 of 40 are treated, a share of 0.500 where 0.9 was drawn",
        ),
        (
            content([r.replace("True", "1")[:-1] + str(i % 4 == 0) for i, r in enumerate(lines())]),
            "no number, the first 'True'",
        ),
    ],
)
def test_a_bad_batch_is_refused_with_the_reason_in_words(data, reason):
    reasons, _ = judged(data, [entry()])
    assert len(reasons) == 1
    assert reason in reasons[0]


def test_every_fault_of_a_batch_is_said_at_once():
    data = edited(4, "exit", "2").replace(b"p007", b"")
    assert len(judged(data, [entry()])[0]) == 2


def test_a_batch_that_comes_after_a_later_one_is_late():
    reasons, _ = judged(content(), [entry(), entry("2026-01-19")])
    assert "comes late, after 2026-01-19" in reasons[0]


def test_a_gap_that_the_record_allows_is_noted():
    assert judged(content(lines(week="2026-01-26")), [entry()]) == (
        [],
        ["2 batch(es) before it never came"],
    )
    assert judged(content(lines(week="2026-01-05"))) == ([], [])


def test_the_same_rows_under_another_date_are_noticed():
    table = read_batch(content(), RECORD)[0]
    same = entry(rows=content_hash(table, RECORD))
    assert "are those of batch 2026-01-05 under another date" in judged(content(), [same])[0][0]


def test_what_is_no_fault_is_read_without_one():
    rows = [f"{row},7" for row in lines()]
    reasons, notes = judged(content(rows, HEADER + ",shoe_size"), [entry()])
    assert reasons == []
    assert notes == ["columns that the record does not describe were not read: shoe_size"]
    moved = pd.DataFrame([row.split(",") for row in lines()], columns=HEADER.split(","))
    assert judged(moved[moved.columns[::-1]].to_csv(index=False).encode(), [entry()]) == ([], [])
    assert judged(b"\xef\xbb\xbf" + content() + b"\r\n\r\n", [entry()]) == ([], [])


def test_a_share_without_an_outcome_is_taken_if_the_record_allows_it():
    record = read(TEXT.replace("missing = 0.0", "missing = 0.05"))
    assert judged(edited(4, "exit", ""), [entry()], record) == ([], [])
    one_in_ten = content([row[:-1] if i % 10 == 1 else row for i, row in enumerate(lines())])
    assert "4 of 40 rows" in judged(one_in_ten, [entry()], record)[0][0]


def test_names_that_look_like_numbers_stay_what_they_are():
    rows = [row.replace("p0", "0", 1) for row in lines()]
    table = read_batch(content(rows), RECORD)[0]
    assert table["person"].iloc[0] == "000"[: len(table["person"].iloc[0])]


def test_a_category_must_be_one_of_the_list():
    text = TEXT.replace(
        '[column.junior]\nkind = "binary"',
        '[column.junior]\nkind = "category"\ncategories = [0, 1]',
    )
    assert judged(content(), [entry()], read(text)) == ([], [])
    assert (
        "none of 0, 1, the first '5'"
        in judged(edited(4, "junior", "5"), [entry()], read(text))[0][0]
    )


def test_an_allocation_that_is_only_unlikely_is_left_to_the_alarm():
    rows = [r[:-3] + f"{i >= 10:d}" + r[-2:] for i, r in enumerate(lines())]  # 10 of 40 held out
    assert judged(content(rows), [entry()]) == ([], [])
