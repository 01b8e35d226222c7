"""The README's table of chapters follows the book, and its numbers are the book's."""

import re
from pathlib import Path

import pytest
from stored import glued

ROOT = Path(__file__).resolve().parent.parent
ROWS = re.findall(
    r"(?m)^\| \[[^]]+\]\(notebooks/(\w+)\.ipynb\) \| (.+) \| (.+) \|$",
    (ROOT / "README.md").read_text(encoding="utf-8"),
)
SHOWN = [
    ("seeing_and_doing", "seeing-raw-slope", "{:.2f} ms per point of load seen"),
    ("seeing_and_doing", "seeing-effect", "{:.2f} when traffic"),
    ("ladder_of_causation", "ladder-raw-points", "{:.1f} points rarer"),
    ("ladder_of_causation", "ladder-ate-points", "adds {:.1f}"),
    ("ladder_of_causation", "ladder-pn-percent", "{:.0f}% of those"),
    ("staffing_mediator_trap", "staffing-ate", "ATE {:.3f}"),
    ("staffing_mediator_trap", "staffing-raw", "raw {:.3f}"),
    ("staffing_mediator_trap", "staffing-flattened", "fixed {:.3f}"),
    ("staffing_mediator_trap", "staffing-adjusted", "adjusted {:.3f}"),
    ("hospital_upgrade_did", "upgrade-att", "ATT {:.2f}"),
    ("hospital_upgrade_did", "upgrade-did-upgraded-truth", "says {:.2f}"),
    ("readmission_accuracy_trap", "readmission-per-routine", "routine {:.1f}"),
    ("readmission_accuracy_trap", "readmission-per-risk", "by risk {:.1f}"),
    ("readmission_accuracy_trap", "readmission-per-effect", "by effect {:.1f}"),
    ("asthma_and_pneumonia", "pneumonia-auc", "AUC {:.2f}"),
    ("asthma_and_pneumonia", "pneumonia-deaths-now", "{:.0f} deaths"),
    ("asthma_and_pneumonia", "pneumonia-deaths-predicted", "become {:.0f}"),
    ("asthma_and_pneumonia", "pneumonia-deaths-effect", "care, {:.0f}"),
    ("four_steps_with_dowhy", "dowhy-ate", "{:.1f} euros"),
]


def test_every_chapter_has_a_row_in_the_order_of_the_book():
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert [name for name, _, _ in ROWS] == re.findall(r"file: notebooks/(\w+)", contents)


@pytest.mark.parametrize(("name", "key", "text"), SHOWN)
def test_a_number_in_the_table_is_the_number_of_the_chapter(name, key, text):
    row = next(" ".join(words) for chapter, *words in ROWS if chapter == name)
    assert text.format(glued(name)[key]).replace("-", "−") in row
