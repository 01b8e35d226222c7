"""The scoreboard's picture puts every estimate where its interval says, and counts them."""

import re
from itertools import pairwise

import pytest
import yaml
from scores import (
    APART,
    COVERED,
    MISSED,
    Row,
    distance,
    layers,
    on_a_phone,
    picture,
    place,
    rows_of,
    stored,
)
from stored import ROOT, SCRIPTS

NAMES = [script.stem for script in SCRIPTS]
EXACT = [row for name in NAMES for row in rows_of(stored(name)) if row.result in (COVERED, MISSED)]


def row(estimate, interval, target):
    return Row("a", "ATE", estimate, interval, target, "exact truth", COVERED)


def test_a_distance_is_counted_in_the_half_of_the_interval_that_points_to_the_truth():
    assert distance(row("2.0", "1.0 to 5.0", "1.5")) == 0.5
    assert distance(row("2.0", "1.0 to 5.0", "3.5")) == -0.5
    assert distance(row("−2.0", "−3.0 to −1.0", "0.0")) == -2
    assert distance(row("1,000.0", "0.0 to 2,000.0", "1,000.0")) == 0


@pytest.mark.parametrize("line", EXACT, ids=lambda line: line.analysis)
def test_an_interval_covers_exactly_where_the_distance_is_at_most_one(line):
    assert (abs(distance(line)) <= 1) == (line.result == COVERED)


def test_places_grow_with_the_distance_and_stay_on_the_line():
    places = [place(share, 30) for share in (-30, -5, -1.01, -1, -0.2, 0, 0.2, 1, 1.01, 5, 30)]
    assert places == sorted(places)
    assert places[5] == 50
    assert (places[0], places[-1]) == pytest.approx((2, 98))
    assert (places[3], places[7]) == (33, 67)  # the ends of the band in scores.css, 34% wide


def test_no_two_marks_of_a_layer_are_too_near():
    places = [50, 50, 50, 51, 20, 20.5, 90]
    levels = layers(places)
    for level in set(levels):
        spots = sorted(p for p, found in zip(places, levels, strict=True) if found == level)
        assert all(b - a >= APART for a, b in pairwise(spots))
    assert levels[4] == levels[6] == 0


def test_the_picture_shows_every_estimate_that_is_held_against_a_truth():
    drawn = picture(NAMES)
    covered = sum(line.result == COVERED for line in EXACT)
    marks = re.findall(r'<i class="(hit|miss)" style', drawn)
    assert (marks.count("hit"), marks.count("miss")) == (covered, len(EXACT) - covered)
    assert f"{len(EXACT)} estimates against an exact truth: {covered} intervals cover" in drawn
    for name in NAMES:
        has_truths = any(line.result in (COVERED, MISSED) for line in rows_of(stored(name)))
        assert (f'href="#scores-{name}"' in drawn) == has_truths
    assert all(len(words) > 40 for words in re.findall(r'role="img" aria-label="([^"]+)"', drawn))


def test_every_cell_of_a_stacked_table_says_what_it_holds():
    table = on_a_phone("canary_flag_iv", stored("canary_flag_iv"))
    assert 'id="scores-canary_flag_iv"' in table
    first = table.partition("<tbody")[2].partition("</tr>")[0]
    assert re.findall(r'data-name="([^"]+)"', first) == [
        *("estimand", "estimate", "95% interval", "held against", "which is", "result"),
    ]
    assert first.count('role="cell"') == 6
    assert 'role="rowheader"' in first


def test_the_scoreboard_and_the_front_page_follow_the_contents():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    chapters = [f.partition("/")[2] for f in files if f.startswith("notebooks/")]
    scoreboard = (ROOT / "book" / "scoreboard.md").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^```\{scoreboard\} (\w+)$", scoreboard) == chapters
    front = (ROOT / "book" / "intro.md").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^  - \{minutes\}`(\w+)`$", front) == chapters
