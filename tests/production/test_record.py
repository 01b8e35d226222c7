import datetime
import json

import jsonschema
import pytest

from casestudies.production import record as records

TEXT = records.TEMPLATE.read_text(encoding="utf-8")
COLUMNS = 'outcome = "exit"\n'
RECIPE = 'recipe = "difference_in_means"'


def test_the_published_schema_is_a_schema_and_every_key_of_it_is_described_by_the_template():
    jsonschema.Draft202012Validator.check_schema(records.SCHEMA)
    required = set(records.SCHEMA["required"])
    assert required <= set(records.read(TEXT).body)


def test_the_version_is_the_hash_of_the_text_and_moves_with_every_letter():
    record = records.read(TEXT)
    assert record.version != records.read(TEXT + "\n").version
    assert len(record.version) == 64
    assert json.dumps(record.body)  # dates are text


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('owner = "People analytics"', "", "'owner' is a required property"),
        ('owner = "People', 'ownr = "People', "'ownr' was unexpected"),
        ("level = 0.95", "level = 95", r"alarms\.level: 95 is greater"),
        ("average_run_length = 1000", 'average_run_length = "1000"', r"alarms\.average_run_length"),
        (
            "next_review = 2026-12-31",
            'next_review = "soon"',
            r"next_review: 'soon' is not a 'date'",
        ),
        (RECIPE, 'recipe = "ols"', r"design\.recipe: 'ols' is not one of"),
        (RECIPE, 'recipe = "standardize"', r"columns\.adjust_for: standardize needs it"),
        (COLUMNS, COLUMNS + 'post = "junior"\n', r"columns\.post: difference_in_means does not"),
        ('unit = "person"', 'unit = "badge"', r"column\.badge: columns\.unit names it"),
        ("mean = 0.0 ", "#", r"column\.workload: mean and sd are given together"),
        ("low = -10", "low = 20", r"column\.workload: low is above high"),
        (
            '[column.programme]\nkind = "binary"',
            '[column.programme]\nkind = "text"',
            "needs a binary",
        ),
        (
            '[column.junior]\nkind = "binary"',
            '[column.junior]\nkind = "category"',
            "list of its values",
        ),
        ('kind = "date" ', 'kind = "number" ', r"batches\.first: a number is needed"),
        ("first = 2026-01-05", 'first = "January"', r"batches\.first: 'January' is no date"),
        ("first = 2026-01-05", "first = 09:30:00", "is not a date; write it"),
        ('    "programme -> exit",\n', "", "programme is in no arrow"),
        (
            '    "programme -> exit",\n',
            '    "programme -> exit",\n    "exit -> programme",\n',
            "cycle",
        ),
        (
            '    "programme -> exit",\n',
            '    "programme -> exit",\n    "workload -> programme",\n',
            "graph: .*workload",
        ),
        ("[design]", "[design", "is not TOML"),
        ('says = "The holdout is drawn', 'says = " "\nx = "', r"assumption\.0"),
    ],
)
def test_a_fault_of_the_record_is_named_by_its_key(old, new, match):
    assert old in TEXT
    with pytest.raises(ValueError, match=match):
        records.read(TEXT.replace(old, new, 1))


def test_a_reference_of_zero_asks_for_the_change_worth_finding():
    text = TEXT.replace("effect = -0.06", "effect = 0").replace("change = 0.06 ", "#")
    with pytest.raises(ValueError, match=r"alarms\.change"):
        records.read(text)


def test_a_share_that_nobody_drew_is_refused():
    text = TEXT.replace(RECIPE, 'recipe = "standardize"')
    with pytest.raises(ValueError, match=r"design\.share_treated: nothing is drawn"):
        records.read(text.replace(COLUMNS, COLUMNS + 'adjust_for = ["workload"]\n'))


def test_an_adjustment_that_the_graph_calls_valid_is_taken_and_reaches_the_recipe():
    text = TEXT.replace(RECIPE, 'recipe = "standardize"').replace(
        COLUMNS, COLUMNS + 'adjust_for = ["workload", "junior"]\n'
    )
    text = text.replace("share_treated = 0.9", "#")
    text = text.replace('"programme -> exit",\n', '"programme -> exit", "workload -> programme",\n')
    columns = records.read(text).recipe_columns
    assert columns == {
        "treatment": "programme",
        "outcome": "exit",
        "adjust_for": ["workload", "junior"],
    }


def test_differences_are_called_with_their_own_words():
    text = TEXT.replace(RECIPE, 'recipe = "two_by_two"').replace(
        COLUMNS, COLUMNS + 'post = "junior"\n'
    )
    text = text.replace("share_treated = 0.9", "#")
    assert records.read(text).recipe_columns == {
        "outcome": "exit",
        "post": "junior",
        "treated": "programme",
        "unit": "person",
    }


@pytest.mark.parametrize(
    ("value", "place"), [("2026-01-05", 0), ("2026-01-12", 1), ("2026-03-02", 8)]
)
def test_a_date_has_its_place_on_the_calendar(value, place):
    assert records.batch_position(records.read(TEXT), value) == place


@pytest.mark.parametrize(
    ("value", "match"),
    [("2026-01-06", "calendar"), ("2025-12-29", "calendar"), ("5 January", "is not a date")],
)
def test_a_date_off_the_calendar_has_none(value, match):
    with pytest.raises(ValueError, match=match):
        records.batch_position(records.read(TEXT), value)


def test_batches_may_be_numbered():
    text = TEXT.replace('kind = "date" ', 'kind = "number" ').replace(
        "first = 2026-01-05", "first = 3"
    )
    record = records.read(text.replace("every = 7", "every = 2"))
    assert [records.batch_position(record, value) for value in (3, "7")] == [0, 2]
    with pytest.raises(ValueError, match="whole number"):
        records.batch_position(record, "week 3")


def test_the_template_is_laid_with_a_calendar_of_its_own():
    day = datetime.date(2027, 2, 1)
    record = records.read(records.template(first=day, next_review=day, tuned_for=99))
    assert record["batches"]["first"] == record["next_review"] == "2027-02-01"
    assert record["alarms"]["tuned_for"] == 99
