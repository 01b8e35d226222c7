"""The benchmarks still run; their numbers, of a thousand samples, are on the pages."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def rows(table):
    """Return recipe, estimand, world and n of a Markdown table's rows, sorted."""
    return sorted(line.split("|")[1:5] for line in table.splitlines() if line.startswith("|"))


def test_the_coverage_table_has_the_rows_that_the_benchmark_prints():
    command = [sys.executable, "benchmarks/coverage.py", "2"]
    options = {"cwd": ROOT, "capture_output": True, "text": True, "check": False}
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, **options)
    assert done.returncode == 0, done.stderr
    assert rows(done.stdout) == rows((ROOT / "book" / "_coverage.md").read_text("utf-8"))
