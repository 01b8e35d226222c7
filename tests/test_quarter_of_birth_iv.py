"""What the chapter quotes without computing it: figures of the original census file."""

import needs
import pytest
from stored import FOLDER

from casestudies import archives

QUOTED = "0.012 at grade 12, and still 0.013 at 13 and 0.008 at 16; 46 percent of the jump"


def test_the_chapter_quotes_the_figures_that_are_checked_here():
    assert QUOTED in (FOLDER / "quarter_of_birth_iv.py").read_text(encoding="utf-8")


def test_the_synthetic_rows_have_no_grades():
    assert not (archives.quarter_of_birth()["education"] % 1 == 0).any()


def test_the_shares_moved_across_each_grade_are_those_of_the_census():
    needs.original("angrist_krueger_1991.rda")
    census = archives.quarter_of_birth(original=True)
    late = census["quarter_of_birth"] > 1
    years = census["education"]
    moved = {j: (years[late] >= j).mean() - (years[~late] >= j).mean() for j in range(1, 21)}
    assert [round(moved[j], 3) for j in (12, 13, 16)] == [0.012, 0.013, 0.008]
    jump = years[late].mean() - years[~late].mean()
    assert sum(moved.values()) == pytest.approx(jump)
    assert sum(moved[j] for j in range(13, 21)) / jump == pytest.approx(0.46, abs=0.005)
