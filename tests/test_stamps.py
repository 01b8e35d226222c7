"""Numbers in prose are what the notebooks stored, and every headline in prose says so."""

import json

import pytest
import stamps
from stored import SCRIPTS

NUMBERS, CHAPTERS = stamps.values()
PAGES = [path for path in stamps.pages() if path.suffix != ".ipynb"]
TOY = {"x-slope": 2.05709, "x-loss": -0.5, "x-share": 0.947, "x-n": 1566}


def own(chapter):
    return {key: value for key, value in NUMBERS.items() if CHAPTERS[key] == chapter}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_stamped_number_is_the_stored_one(page):
    assert stamps.faults(stamps.markdown(page), NUMBERS) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_no_headline_stands_in_prose_without_its_stamp(script):
    found = stamps.unstamped(stamps.markdown(script), own(script.stem))
    assert [(number[0], keys) for number, _, keys in found] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_keys_begin_with_the_short_name_of_their_chapter(script):
    assert len({key.partition("-")[0] for key in own(script.stem)}) == 1


def test_stamped_numbers_are_written_anew_and_nothing_else_is():
    written = "A **{}<!--x-slope:.2f-->** point, {}<!--x-n:,.0f-->, {}<!--x-share:.0%-->."
    text, after = written.format("9.99", "1", "9%"), written.format("2.06", "1,566", "95%")
    assert stamps.refreshed(text, TOY) == after
    assert stamps.refreshed(after, TOY) == after
    assert stamps.faults(after, TOY) == []
    assert stamps.refreshed("+1<!--x-loss:+.1f-->", TOY) == "−0.5<!--x-loss:+.1f-->"
    unknown = "2<!--y:.0f--> and <!--x-slope:.2f--> and 2.5"
    assert stamps.refreshed(unknown, TOY) == unknown


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("3<!--x-none:.0f-->", "no notebook stores x-none"),
        ("2.05<!--x-slope:.2f-->", "differs from what is stored"),
        ("<!--x-slope:.2f--> is the slope", "has no number in front of it"),
        ("2.06 <!--x-slope:.2f-->", "has no number in front of it"),
        ("2.06<!--x slope-->", "is no stamp"),
        ("| 2.06<!--x-slope|.2f--> |", "is no stamp"),
        ("$b = 2.06<!--x-slope:.2f-->$", "a reader sees the stamp"),
        ("$$\nb = 2.06<!--x-slope:.2f-->\n$$", "a reader sees the stamp"),
        ("`2.06<!--x-slope:.2f-->`", "a reader sees the stamp"),
        ("```bash\necho 2.06<!--x-slope:.2f-->\n```", "a reader sees the stamp"),
        ("![2.06<!--x-slope:.2f-->](a.png)", "a reader sees the stamp"),
    ],
)
def test_a_stamp_that_is_wrong_or_seen_is_named(text, fault):
    (found,) = stamps.faults(text, TOY)
    assert fault in found


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("a slope of 2.06 ms", ["x-slope"]),
        ("of 2.057,", ["x-slope"]),
        ("94.7%", ["x-share"]),
        ("all 1,566 people", ["x-n"]),
        ("a slope of 2.1, or 2.05, or −2.06", []),
        ("2.06<!--x-slope:.2f-->", []),
        ("`2.06` and $2.06$, [page](2.06.md)", []),
    ],
)
def test_a_headline_without_a_stamp_is_found_in_prose_alone(text, keys):
    assert [found for _, _, found in stamps.unstamped(text, TOY)] == ([keys] if keys else [])


def test_a_size_may_stand_for_a_loss_and_round_numbers_for_nothing():
    losses = {"x-loss": -2.28, "x-days": 200}
    assert [n[0] for n, _, _ in stamps.unstamped("2.28, −2.28, +2.28, 200", losses)] == [
        *("2.28", "−2.28"),
    ]


def test_two_notebooks_may_not_store_the_same_key(tmp_path):
    for name in ("a", "b"):
        data = {"application/json": {"numbers": {"x": 1}}}
        cell = {"outputs": [{"data": data}]}
        (tmp_path / f"{name}.ipynb").write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"b\.ipynb and a both store x: rename one"):
        stamps.values(tmp_path)


def test_the_tool_rewrites_both_of_a_pair(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book").mkdir()
    stored = {"outputs": [{"data": {"application/json": {"numbers": TOY}}}]}
    prose = {"source": ["2<!--x-slope:.2f-->"], "outputs": []}
    pair = [tmp_path / "notebooks" / f"x.{kind}" for kind in ("py", "ipynb")]
    pair[0].write_text("# %% [markdown]\n# 2<!--x-slope:.2f-->", encoding="utf-8")
    pair[1].write_text(json.dumps({"cells": [prose, stored]}), encoding="utf-8")
    (tmp_path / "README.md").write_text("no number", encoding="utf-8")
    monkeypatch.setattr(stamps, "ROOT", tmp_path)
    monkeypatch.setattr(stamps, "values", lambda: (TOY, {}))
    stamps.main()
    assert all("2.06<!--x-slope:.2f-->" in path.read_text(encoding="utf-8") for path in pair)
    assert capsys.readouterr().out.count("new numbers in") == 2
