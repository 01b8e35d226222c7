"""The same cells by three engines, and every design from them: DuckDB, Polars and Spark.

A million rows (and a panel of as many) are written to files, and each engine, in a process of its
own, makes the cells that the designs of tests/test_counted.py ask for, by the same expressions.
Every estimate, error and interval from the cells of Polars and Spark must then be that from
DuckDB's, to 1e-10.

Run `make spark`, which makes the environment that it needs. It prints a table in Markdown, and
last how many comparisons passed and failed.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import ibis
import numpy as np
import pandas as pd

from casestudies.recipes.cell_moments import cell_moments

TESTS = Path(__file__).resolve().parent.parent / "tests"
ROWS = 10**6
MEGABYTE = 2**20 if sys.platform == "darwin" else 2**10  # unit of ru_maxrss: bytes or kB
REFERENCE = "DuckDB"


def duckdb():
    """Connect to DuckDB in this process."""
    return ibis.duckdb.connect(memory_limit="1GB"), lambda: None


def polars():
    """Connect to Polars in this process."""
    return ibis.polars.connect(), lambda: None


def spark():
    """Start Spark on this machine and connect to it."""
    from pyspark.sql import SparkSession

    here = {"host": "127.0.0.1", "bindAddress": "127.0.0.1", "memory": "1g"}
    builder = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.shuffle.partitions", str(os.cpu_count()))
    for name, value in here.items():
        builder = builder.config(f"spark.driver.{name}", value)
    session = builder.getOrCreate()

    def stop():
        gateway = session.sparkContext._gateway
        session.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()  # so that its processor time and memory are counted

    return ibis.pyspark.connect(session), stop


ENGINES = {REFERENCE: duckdb, "Polars": polars, "Spark": spark}


def measure(engine, folder):
    """Make all cells in this process; return seconds, processor seconds and peak memory."""
    start = time.perf_counter()
    connection, stop = ENGINES[engine]()
    ready = time.perf_counter()
    for i, (name, by, measures) in enumerate(json.loads((folder / "passes.json").read_text())):
        rows = connection.read_parquet(folder / f"{name}.parquet")
        made = cell_moments(rows, by=by, measures=measures).to_pyarrow().to_pandas()
        made.to_parquet(folder / f"{engine} {i}.parquet")
    done = time.perf_counter()
    stop()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "start": ready - start,
        "seconds": done - ready,
        "cpu": sum(part.ru_utime + part.ru_stime for part in used),
        "peak": sum(part.ru_maxrss for part in used) / MEGABYTE,
    }


def run(engine, folder):
    """Measure an engine in a fresh process, and show what it said if it fails."""
    fresh = ["sh", "-c", '"$@"; exit $?', "sh"]  # a child's peak begins with its parent's size
    command = [*fresh, sys.executable, __file__, engine, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stderr}\n{engine} did not make the cells: see above")
    return json.loads(done.stdout.splitlines()[-1])


def table(figures, passes):
    """Return the table of what each engine took."""
    lines = [
        "| engine | rows | passes | seconds to start | seconds | CPU seconds | peak memory, MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for engine, took in figures.items():
        numbers = " | ".join(f"{took[key]:.1f}" for key in ("start", "seconds", "cpu"))
        lines.append(f"| {engine} | {ROWS:,} | {passes} | {numbers} | {took['peak']:.0f} |")
    return "\n".join(lines)


def write(folder, designs):
    """Write the rows, and which cells the designs need; return where each finds its own."""
    designs.people(ROWS).to_parquet(folder / "people.parquet")
    designs.panel(ROWS // 5).to_parquet(folder / "panel.parquet")
    needed = {
        name: ("panel" if name in designs.OF_PANELS else "people", *map(tuple, cells))
        for name, (_, _, *cells) in designs.CALLS.items()
    }
    passes = list(dict.fromkeys(needed.values()))
    (folder / "passes.json").write_text(json.dumps(passes))
    return {name: passes.index(cells) for name, cells in needed.items()}


def answer(call, cells, columns):
    """Return what a design says of cells; evidence multiplies, so it is compared by its log."""
    found = call(cells, size="n", **columns)
    return found.assign(e_value=np.log(found["e_value"])) if "e_value" in found else found


def differences(engine, folder, designs, needed):
    """Return what differs between the answers of an engine and the reference, by design."""
    found = {}
    for name, (call, columns, _, _) in designs.CALLS.items():
        files = [folder / f"{which} {needed[name]}.parquet" for which in (engine, REFERENCE)]
        try:
            designs.compare(*(answer(call, pd.read_parquet(file), columns) for file in files))
        except (AssertionError, ValueError) as error:
            found[name] = str(error).strip()
    return found


def main():
    """Print the table and the comparisons; tell whether all passed."""
    sys.path.append(str(TESTS))
    import test_counted as designs

    failed, compared = 0, [engine for engine in ENGINES if engine != REFERENCE]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        needed = write(folder, designs)
        took = {engine: run(engine, folder) for engine in ENGINES}
        print(table(took, len(set(needed.values()))), end="\n\n", flush=True)
        for engine in compared:
            differ = differences(engine, folder, designs, needed)
            failed += len(differ)
            for design, how in differ.items():
                print(f"{engine}, {design}: {how}\n", file=sys.stderr)
    count = len(designs.CALLS)
    words = f"{count} designs on the cells of {' and '.join(compared)}"
    print(f"{words} give what DuckDB's cells give, to 1e-10:")
    print(f"{count * len(compared) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    if len(sys.argv) > 1:
        warnings.simplefilter("ignore", DeprecationWarning)  # Spark's, of pandas 3
        print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
    else:
        sys.exit(bool(main()))
