"""Run every check of the project, one summary line each; the last line counts them.

What cannot run here is counted as skipped and said; with CASESTUDIES_STRICT=1 it fails.
"""

import os
import re
import sys
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from live import Live, follow

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two workers on two cores
BIN = Path(sys.executable).parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"]
PARALLEL = ["-n", "2", "--dist", "loadscope"]
APART = ["tests/test_pairs.py", "tests/test_headlines.py"]
UNIT = [*PARALLEL, "tests", *(f"--ignore={path}" for path in [*APART, "tests/browser"])]
PDF = "tests/browser/test_pdf.py"  # it prints once, so it needs one worker
PATIENCE = 1200  # seconds without a word from a step; a single test has half of them
NBVAL = ["--nbval", "--nbval-kernel-name", "python3"]
NBVAL += ["--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]


class Result(NamedTuple):
    """How many checks of a step passed, failed and were skipped, and why they were skipped."""

    passed: int
    failed: int
    skipped: Counter


def steps(notebooks):
    """Return the steps, (name, command) each."""
    return [
        ("ruff check", [BIN / "ruff", "check", "--quiet", "."]),
        ("ruff format", [BIN / "ruff", "format", "--quiet", "--check", "."]),
        ("import-linter", [BIN / "lint-imports", "--no-cache"]),
        ("notebook pairs", [*PYTEST, "tests/test_pairs.py"]),
        ("unit tests and doctests", [*PYTEST, *UNIT, "--doctest-modules", "casestudies"]),
        ("notebooks, strict nbval", [*PYTEST, *PARALLEL, *NBVAL, *notebooks]),
        ("headline numbers", [*PYTEST, "tests/test_headlines.py"]),
        ("book build, warnings as errors", [sys.executable, "tools/build_book.py", "--clean"]),
        ("pages in Chromium", [*PYTEST, "-n", "2", "tests/browser", f"--ignore={PDF}"]),
        ("pages on paper", [*PYTEST, PDF]),
    ]


def without_dowhy(names):
    """Split notebooks into those that can run without DoWhy and the reason why others cannot."""
    if find_spec("dowhy"):
        return names, ""
    has_release = sys.version_info < (3, 14)
    reason = "is not installed: delete .venv" if has_release else "has no release for this Python"
    kept = [name for name in names if "dowhy" not in name]
    return kept, f"the notebook with DoWhy, which {reason}"


def counts(output):
    """Return what pytest says of its tests in the last lines; errors are failures."""
    last = output.strip().rpartition("\n")[2]
    found = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error)", last)}
    skipped = Counter()
    for n, reason in re.findall(r"(?m)^SKIPPED \[(\d+)\] \S+: (.+)$", output):
        skipped[reason.removeprefix("Skipped: ")] += int(n)
    return Result(found.get("passed", 0), found.get("failed", 0) + found.get("error", 0), skipped)


def judge(command, code, output, strict):
    """Return the result of a step from its exit status and output."""
    if "pytest" not in command:
        return Result(int(code == 0), int(code != 0), Counter())
    passed, failed, skipped = counts(output)
    if code or not (passed or skipped):
        failed = max(failed, 1)
    return Result(passed, failed + strict * skipped.total(), skipped)


def progress(output):
    """Return how far pytest says it is."""
    return (re.findall(r"\[ *(\d+%)\]", output) or [""])[-1]


def run(place, name, command, live, strict):
    """Run one step, print its summary, its output too if it failed, and return its result."""
    start, doing = time.perf_counter(), f"[{place}] {name}"
    live.now(doing)
    code, output = follow(
        command, lambda so_far: live.now(doing, progress(so_far)), cwd=ROOT, patience=PATIENCE
    )
    result = judge(command, code, output, strict)
    if result.failed:
        live.keep(output)
    verdict = "FAILED" if result.failed else "ok"
    seconds = time.perf_counter() - start
    live.keep(f"{name:32} {verdict:6} {result.passed:5} passed {seconds:6.1f} s")
    return result


def report(names, results):
    """Return the last lines: what was skipped and why, the numbers, and what to do next."""
    skipped = sum((result.skipped for result in results), Counter())
    lines = [f"skipped {n}: {reason}" for reason, n in sorted(skipped.items())]
    failed = [name for name, result in zip(names, results, strict=True) if result.failed]
    numbers = f"{sum(r.passed for r in results)} passed, {sum(r.failed for r in results)} failed"
    whole = f"{numbers}, {skipped.total()} skipped."
    see = f"Mend what is shown above ({'; '.join(failed)}), then make test again."
    return "\n".join([*lines, f"{whole} {see if failed else 'Next: make book, to read it.'}"])


def main():
    """Run the steps in order and exit with 1 if any check failed."""
    strict, live = os.environ.get("CASESTUDIES_STRICT", "") not in ("", "0"), Live()
    notebooks = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "notebooks").glob("*.ipynb"))
    notebooks, reason = without_dowhy(notebooks)
    plan = steps(notebooks)
    results = [
        run(f"{number}/{len(plan)}", name, command, live, strict)
        for number, (name, command) in enumerate(plan, 1)
    ]
    if reason:
        failed = strict and sys.version_info < (3, 14)
        results.append(Result(0, int(failed), Counter({reason: 1})))
    live.keep(report([*(name for name, _ in plan), reason][: len(results)], results))
    sys.exit(any(result.failed for result in results))


if __name__ == "__main__":
    main()
