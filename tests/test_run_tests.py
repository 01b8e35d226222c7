"""The gate counts what ran, fails what failed, and says what did not run and why."""

import io
import re
import sys
from collections import Counter

import live
import pytest
import run_tests
from run_tests import Result

FINE = Result(1, 0, Counter())
PYTEST = ["python", "-m", "pytest", "tests"]
SKIPS = """..s.
=========================== short test summary info ============================
SKIPPED [2] tests/needs.py:31: there is no Chromium
SKIPPED [1] tests/test_a.py:9: Skipped: no original file a.rda
"""


@pytest.mark.parametrize(
    ("output", "passed", "failed"),
    [
        ("....\n4 passed in 0.1s\n", 4, 0),
        ("F.\n1 failed, 3 passed, 2 warnings in 2.00s (0:00:02)\n", 3, 1),
        ("1 failed, 12 passed, 2 errors in 2.0s", 12, 3),
        ("1 error in 0.2s\n\n", 0, 1),
        ("9 failed in the middle\nno tests ran in 0.1s\n", 0, 0),
        ("7 deselected in 0.1s", 0, 0),
        ("", 0, 0),
    ],
)
def test_the_numbers_are_those_of_pytests_last_line(output, passed, failed):
    assert run_tests.counts(output) == Result(passed, failed, Counter())


def test_skipped_tests_are_counted_by_their_reason():
    found = run_tests.counts(SKIPS + "1 passed, 3 skipped in 0.1s")
    assert found.skipped == {"there is no Chromium": 2, "no original file a.rda": 1}
    assert found[:2] == (1, 0)


@pytest.mark.parametrize(
    ("command", "code", "output", "strict", "expected"),
    [
        (["ruff"], 0, "3 failed", False, (1, 0, 0)),
        (["ruff"], 2, "", False, (0, 1, 0)),
        (PYTEST, 0, "4 passed in 1s", True, (4, 0, 0)),
        (PYTEST, 1, "1 passed, 2 failed in 1s", False, (1, 2, 0)),
        (PYTEST, 2, "4 passed in 1s", False, (4, 1, 0)),  # it broke off
        (PYTEST, -9, "....", False, (0, 1, 0)),
        (PYTEST, 0, "no tests ran in 0.1s", False, (0, 1, 0)),
        (PYTEST, 0, SKIPS + "1 passed, 3 skipped in 0.1s", False, (1, 0, 3)),
        (PYTEST, 0, SKIPS + "1 passed, 3 skipped in 0.1s", True, (1, 3, 3)),
        (PYTEST, 0, SKIPS + "3 skipped in 0.1s", False, (0, 0, 3)),
    ],
)
def test_a_step_passes_only_if_something_passed_and_nothing_failed(
    command, code, output, strict, expected
):
    passed, failed, skipped = run_tests.judge(command, code, output, strict)
    assert (passed, failed, skipped.total()) == expected


def test_how_far_a_step_is_is_the_last_that_pytest_said():
    assert run_tests.progress(".... [  7%]\n... [ 42%]\n..") == "42%"
    assert run_tests.progress("...") == ""


@pytest.mark.parametrize(
    ("code", "verdict", "shown"), [("0", "ok", False), ("'broken'", "FAILED", True)]
)
def test_a_step_prints_one_line_and_its_output_only_if_it_failed(code, verdict, shown):
    out = io.StringIO()
    command = [sys.executable, "-c", f"print('all of it'); raise SystemExit({code})"]
    result = run_tests.run("3/9", "a step", command, live.Live(out), False)
    assert result == (Result(1, 0, Counter()) if verdict == "ok" else Result(0, 1, Counter()))
    lines = out.getvalue().splitlines()
    assert lines[0] == "[3/9] a step"
    assert re.fullmatch(rf"a step {{26}} {verdict} +[01] passed +\d\.\d s", lines[-1])
    assert ("all of it" in lines) == shown
    assert ("broken" in lines) == shown


def test_a_step_says_how_far_it_is():
    out = io.StringIO()
    command = [sys.executable, "-c", "print('... [ 37%]')"]
    run_tests.run("1/1", "a step", command, live.Live(out, patience=0), False)
    assert "[1/1] a step 37% 0 s" in out.getvalue().splitlines()


def test_a_step_runs_in_the_projects_folder():
    code = f"import os; raise SystemExit(os.getcwd() != {str(run_tests.ROOT)!r})"
    result = run_tests.run("1/1", "a", [sys.executable, "-c", code], live.Live(io.StringIO()), 0)
    assert result.passed == 1


def test_the_last_lines_say_what_was_skipped_what_failed_and_what_to_do():
    fine = Result(5, 0, Counter({"no Chromium": 2}))
    also = Result(3, 0, Counter({"no Chromium": 1, "no data": 4}))
    assert run_tests.report(["a", "b"], [fine, also]).splitlines() == [
        "skipped 3: no Chromium",
        "skipped 4: no data",
        "8 passed, 0 failed, 7 skipped. Next: make book, to read it.",
    ]
    broken = Result(0, 2, Counter())
    assert run_tests.report(["a", "b", "c"], [broken, fine, broken]).splitlines()[-1] == (
        "5 passed, 4 failed, 2 skipped. Mend what is shown above (a; c), then make test again."
    )


@pytest.mark.parametrize(
    ("version", "reason"),
    [((3, 13, 9), "is not installed: delete .venv"), ((3, 14, 0), "no release for this Python")],
)
def test_without_dowhy_its_notebook_is_left_out_for_the_right_reason(monkeypatch, version, reason):
    names = ["notebooks/a.ipynb", "notebooks/four_steps_with_dowhy.ipynb"]
    monkeypatch.setattr(run_tests.sys, "version_info", version)
    monkeypatch.setattr(run_tests, "find_spec", lambda name: name == "dowhy")
    assert run_tests.without_dowhy(names) == (names, "")
    monkeypatch.setattr(run_tests, "find_spec", lambda name: None)
    kept, why = run_tests.without_dowhy(names)
    assert kept == names[:1]
    assert reason in why


@pytest.fixture
def gate(monkeypatch, capsys):
    """Return a function that runs the gate with made-up results of its steps."""

    def run(result=FINE, strict="", dowhy=True, version=(3, 11, 7)):
        monkeypatch.setattr(run_tests.sys, "version_info", version)
        monkeypatch.setattr(run_tests, "find_spec", lambda name: dowhy or None)
        monkeypatch.setenv("CASESTUDIES_STRICT", strict)
        seen = []
        monkeypatch.setattr(run_tests, "run", lambda *given: seen.append(given) or result)
        with pytest.raises(SystemExit) as stop:
            run_tests.main()
        return seen, capsys.readouterr().out.splitlines(), stop.value.code

    return run


def test_the_gate_runs_every_step_and_passes_if_all_do(gate):
    seen, lines, code = gate()
    assert [place for place, *_ in seen] == [f"{n}/10" for n in range(1, 11)]
    commands = {name: command for _, name, command, *_ in seen}
    assert "notebooks/four_steps_with_dowhy.ipynb" in commands["notebooks, strict nbval"]
    folders = [word for command in commands.values() for word in command]
    assert {"tests", "tests/test_pairs.py", "tests/test_headlines.py", "tests/browser"} <= {
        *folders
    }
    assert {"casestudies", run_tests.PDF, "tools/build_book.py", "--clean"} <= {*folders}
    assert lines[-1].startswith("10 passed, 0 failed, 0 skipped.")
    assert code == 0
    assert not any(strict for *_, strict in seen)


def test_the_steps_leave_nothing_out_and_change_nothing():
    steps = {n: [str(word) for word in words] for n, words in run_tests.steps(["a.ipynb"])}
    ruff = [words[1:] for words in steps.values() if words[0].endswith("/ruff")]
    assert ruff == [["check", "--quiet", "."], ["format", "--quiet", "--check", "."]]
    assert steps["import-linter"][0].endswith("/lint-imports")
    apart = {w.removeprefix("--ignore=") for ws in steps.values() for w in ws if "--ignore" in w}
    asked = [word for words in steps.values() for word in words]
    assert apart <= set(asked)  # what one step leaves out, another runs
    assert all((run_tests.ROOT / path).exists() for path in [*apart, "tests", "casestudies"])
    assert steps["unit tests and doctests"][-2:] == ["--doctest-modules", "casestudies"]
    nbval = steps["notebooks, strict nbval"]
    assert nbval[-1] == "a.ipynb"
    assert {"--nbval", "--nbval-kernel-name", "python3"} < set(nbval)
    assert (run_tests.ROOT / nbval[nbval.index("--nbval-sanitize-with") + 1]).exists()
    assert [n for n, words in steps.items() if "-n" in words] == [
        "unit tests and doctests",
        "notebooks, strict nbval",
        "pages in Chromium",
    ]


def test_the_gate_fails_if_one_check_does(gate):
    _, lines, code = gate(Result(3, 1, Counter()))
    assert lines[-1].startswith("30 passed, 10 failed, 0 skipped. Mend what is shown above (ruff")
    assert code == 1


@pytest.mark.parametrize(
    ("strict", "version", "failed"),
    [("", (3, 11, 7), 0), ("0", (3, 11, 7), 0), ("1", (3, 11, 7), 1), ("1", (3, 14, 0), 0)],
)
def test_missing_dowhy_is_said_and_fails_the_strict_gate_where_it_has_a_release(
    gate, strict, version, failed
):
    seen, lines, code = gate(strict=strict, dowhy=False, version=version)
    assert not any("dowhy" in word for word in map(str, seen[5][2]))
    assert lines[-2].startswith("skipped 1: the notebook with DoWhy, which")
    assert lines[-1].startswith(f"10 passed, {failed} failed, 1 skipped.")
    assert code == failed
    assert {strict for *_, strict in seen} == {strict == "1"}
