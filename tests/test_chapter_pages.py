"""The pages about all chapters gather every claim and every scoreboard, once."""

import re

import pytest
from chapter_pages import VERDICTS, claims_of, on_a_page, verdicts
from stored import ROOT, SCRIPTS

NAMES = [script.stem for script in SCRIPTS]


def gathered(page):
    """Return the chapters that a page's directives name, with the number of the table."""
    text = (ROOT / "book" / page).read_text(encoding="utf-8")
    found = re.findall(r"(?m)^```\{(?:claims|scoreboard)\} (\w+)(?: (\d))?$", text)
    return sorted((name, int(number or 1)) for name, number in found)


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_of_a_chapter_has_one_of_the_four_verdicts_and_a_reason(name):
    tables = claims_of(name)
    assert tables
    for title, table in tables.items():
        assert title.startswith("Claims of ")
        assert len(verdicts(table)) >= 2
        assert set(verdicts(table)) <= set(VERDICTS)
        assert all(
            re.match(r"\| .{20,} \| [a-z ]+ \| .{20,} \|$", r) for r in table.split("\n")[2:]
        )


def test_the_audit_holds_every_table_of_claims_once():
    assert gathered("claims.md") == sorted(
        (name, number) for name in NAMES for number in range(1, len(claims_of(name)) + 1)
    )


def test_the_scoreboard_holds_every_chapter_once():
    assert gathered("scoreboard.md") == [(name, 1) for name in NAMES]


def test_a_bar_inside_a_claim_does_not_end_it():
    head = "| Claim | Verdict | What |\n|---|---|---|\n"
    assert verdicts(f"{head}| P(Y \\| X) | holds in part | 1 |\n| b | no | 2 |") == [
        *("holds in part", "no"),
    ]


def test_links_to_chapters_work_from_the_audit_and_others_are_left_alone():
    row = (
        "| A | holds | [Silence](staffing.ipynb), [terms](../book/glossary.md), [x](https://a.b) |"
    )
    expected = row.replace("(staffing.ipynb)", "(../notebooks/staffing.ipynb)")
    assert on_a_page(row) == expected
