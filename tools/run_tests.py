"""Run every check of the project, one summary line each; the last line counts them."""

import os
import re
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two workers on two cores
BIN = Path(sys.executable).parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
PARALLEL = ["-n", "2", "--dist", "loadscope"]
WITHOUT_DOWHY = find_spec("dowhy") is None  # it has no release for the newest Python yet
NOTEBOOKS = sorted(
    str(p.relative_to(ROOT))
    for p in (ROOT / "notebooks").glob("*.ipynb")
    if not (WITHOUT_DOWHY and "dowhy" in p.stem)
)
APART = ["tests/test_pairs.py", "tests/test_headlines.py"]
UNIT = [*PARALLEL, "tests", *(f"--ignore={path}" for path in [*APART, "tests/browser"])]
PDF = "tests/browser/test_pdf.py"  # it prints once, so it needs one worker

IN_CHROMIUM = [
    ("pages in Chromium", [*PYTEST, "-n", "2", "tests/browser", f"--ignore={PDF}"]),
    ("pages on paper", [*PYTEST, PDF]),
]
STEPS = [
    ("ruff check", [BIN / "ruff", "check", "--quiet", "."]),
    ("ruff format", [BIN / "ruff", "format", "--quiet", "--check", "."]),
    ("import-linter", [BIN / "lint-imports", "--no-cache"]),
    ("notebook pairs", [*PYTEST, "tests/test_pairs.py"]),
    ("unit tests and doctests", [*PYTEST, *UNIT, "--doctest-modules", "casestudies"]),
    ("notebooks, strict nbval", [
        *PYTEST, *PARALLEL, "--nbval", "--nbval-kernel-name", "python3",
        "--nbval-sanitize-with", "tests/nbval_sanitize.cfg", *NOTEBOOKS,
    ]),
    ("headline numbers", [*PYTEST, "tests/test_headlines.py"]),
    ("book build, warnings as errors", [sys.executable, "tools/build_book.py", "--clean"]),
    *IN_CHROMIUM,
]  # fmt: skip
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))


def counts(output):
    """Return how many tests pytest says passed and failed (errors included)."""
    last = output.strip().splitlines()[-1] if output.strip() else ""
    found = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error|skipped)", last)}
    return found.get("passed", 0), sum(found.get(k, 0) for k in ("failed", "error", "skipped"))


def run(name, command):
    """Run one step and return its numbers of passed and failed checks."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as log:
        code = subprocess.run(
            command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False
        ).returncode
        log.seek(0)
        output = log.read()
    passed, failed = counts(output) if "pytest" in command else (0, 0)
    if passed + failed == 0:
        passed, failed = (1, 0) if code == 0 and "pytest" not in command else (0, 1)
    failed = max(failed, 1) if code else failed
    if failed:
        print(output)
    seconds = time.perf_counter() - start
    verdict = "ok" if not failed else "FAILED"
    print(f"{name:32} {verdict:6} {passed:5} passed {seconds:6.1f} s", flush=True)
    return passed, failed


def main():
    """Run the steps in order and exit with 1 if any check failed."""
    steps = STEPS if CHROMIUM.exists() else STEPS[: -len(IN_CHROMIUM)]
    results = [run(name, command) for name, command in steps]
    if steps is not STEPS:
        print(f"pages: not run in Chromium, there is no {CHROMIUM} (set CHROMIUM to yours)")
    if WITHOUT_DOWHY:
        print("notebooks/four_steps_with_dowhy: not run, DoWhy has no release for this Python")
    passed, failed = (sum(column) for column in zip(*results, strict=True))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
