"""A command says what it is doing: on one live line, or in lines of their own."""

import io
import sys

import live
import pytest


class Terminal(io.StringIO):
    flushed = 0

    def isatty(self):
        return True

    def flush(self):
        self.flushed += 1


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    return now


def test_a_terminal_has_one_line_that_is_rewritten_and_counts_the_seconds(clock, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "12")
    line = live.Live(Terminal())
    line.now("step 1", "0%")
    clock[0] += 3
    line.now("step 1", "9%")
    line.now("a step that is too long")
    line.keep("step 1 is done, in 3 seconds")
    assert line.out.flushed == 4
    start = "\r\033[K"
    assert line.out.getvalue().split(start)[1:] == [
        "step 1 0%",
        "step 1 9% 3",
        "a step that",
        "step 1 is done, in 3 seconds\n",
    ]


@pytest.mark.parametrize(("out", "term"), [(Terminal, "dumb"), (io.StringIO, "xterm")])
def test_elsewhere_a_line_comes_with_news_and_when_patience_ends(clock, monkeypatch, out, term):
    monkeypatch.setenv("TERM", term)
    line = live.Live(out(), patience=20)
    for text, later in [("one", 0), ("one", 19.9), ("one", 0.1), ("one", 19), ("two", 0)]:
        clock[0] += later
        line.now(text, "now")
    line.keep("done")
    assert line.out.getvalue() == "one now\none now 20 s\ntwo now\ndone\n"


def test_by_default_the_line_goes_to_the_standard_output(capsys):
    live.Live().keep("here")
    assert capsys.readouterr().out == "here\n"


def test_a_command_is_followed_while_it_runs_and_its_status_returned():
    code = (
        "import sys, time; print('é one', flush=True); time.sleep(1.2);"
        "print('two', file=sys.stderr); sys.exit(3)"
    )
    told = []
    assert live.follow([sys.executable, "-c", code], told.append) == (3, "é one\ntwo\n")
    assert told[0].startswith("é one")
    assert told.count("é one\n") >= 2  # a second without news is told too
    assert told[-1] == "é one\ntwo\n"


def test_a_command_runs_where_it_is_told_to(tmp_path):
    code = "import os; print(os.getcwd(), end='')"
    told = live.follow([sys.executable, "-c", code], lambda _: None, cwd=tmp_path)
    assert told == (0, str(tmp_path.resolve()))


def test_a_command_that_says_nothing_for_too_long_is_ended_and_said_to_be():
    code = "import time; print('one', flush=True); time.sleep(60)"
    status, output = live.follow([sys.executable, "-c", code], lambda _: None, patience=1)
    assert status == -9
    assert output == "one\n\nIt said nothing for 1 s and was ended.\n"


def test_patience_is_for_silence_and_not_for_length():
    code = "import time\nfor i in range(4): print(i, flush=True); time.sleep(0.7)"
    status, output = live.follow([sys.executable, "-c", code], lambda _: None, patience=2)
    assert (status, output) == (0, "0\n1\n2\n3\n")
