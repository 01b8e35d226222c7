"""Rows a second, processor time and memory of estimates from more rows than memory.

A log of 10^7, 10^8 or 10^9 rows is generated inside DuckDB, row by row from a hash of its number,
so that nothing is stored; one pass makes cells by treatment, offer, ward, period and store, and
four estimates come from these. Each size runs in a process of its own, which says how long the
pass took, the processor seconds of all its threads, and its peak memory. Beside it, statsmodels,
linearmodels and duckreg estimate the same from as many of these rows as they can still hold.

Run `python benchmarks/scale.py` for all sizes (`make bench`), `python benchmarks/scale.py 7` for
10^7 rows only (`make scale`); it prints a page in Markdown.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import time

SIZES = (7, 8, 9)  # powers of ten
MEMORY = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
# Rows that the other packages get: they hold the data in memory, up to a kilobyte a row.
HELD = 10**7 if MEMORY > 16e9 else 10**6
MEGABYTE = 2**20 if sys.platform == "darwin" else 2**10  # unit of ru_maxrss: bytes or kB
BY = ["treated", "offer", "ward", "post", "store", "north"]
# Ten bits and more of a hash decide each column; the outcome has ten values of noise. The effect
# of the treatment is 2, and 1 more in ward 2; store and period shift everybody alike.
LOG = """
SELECT treated, offer, ward, post, store, north,
       (2 * treated + treated * (ward = 2)::INT + ward + 0.5 * post
        + (store % 7) * 0.1 + (h >> 40) % 10 * 0.3)::DOUBLE AS sales
FROM (
    SELECT h, offer, ward, post, store, (store < 50)::INT AS north,
           ((h >> 24) % 100 < 20 + 10 * ward + 30 * offer)::INT AS treated
    FROM (
        SELECT h, (h % 2)::INT AS offer, ((h >> 4) % 3)::INT AS ward,
               ((h >> 8) % 2)::INT AS post, ((h >> 12) % 100)::INT AS store
        FROM (SELECT hash(range) AS h FROM range({rows}))
    )
)
"""


def estimates(cells):
    """Return estimate and standard error of four designs from cells."""
    from casestudies.recipes.difference_in_differences import two_by_two
    from casestudies.recipes.instrumental_variables import two_stage_least_squares
    from casestudies.recipes.randomized_experiment import difference_in_means
    from casestudies.recipes.standardization import standardize

    cells = cells.astype({"ward": "category"})
    sales = {"outcome": "sales", "size": "n"}
    found = {
        "difference in means": difference_in_means(cells, treatment="offer", **sales),
        "standardization": standardize(cells, treatment="treated", adjust_for="ward", **sales),
        "two-stage least squares": two_stage_least_squares(
            cells, treatment="treated", instruments="offer", controls="ward", cov="robust", **sales
        ),
        "two by two": two_by_two(cells, treated="north", post="post", cluster="store", **sales),
    }
    return {name: [float(fit["estimate"]), float(fit["std_error"])] for name, fit in found.items()}


def ours(rows):
    """Make the cells in DuckDB by one pass, and estimate from them."""
    import ibis

    from casestudies.recipes.cell_moments import cell_moments

    connection = ibis.duckdb.connect(memory_limit="1GB", threads=os.cpu_count())
    table = connection.sql(LOG.format(rows=rows))
    yield
    cells = cell_moments(table, by=BY, measures="sales").to_pyarrow().to_pandas()
    yield {"cells": len(cells), **estimates(cells)}


def drawn(rows):
    """Return the first rows of the log as a frame."""
    import duckdb

    return duckdb.sql(LOG.format(rows=rows)).df()


def statsmodels(rows):
    """Fit the experiment (HC2) and the clustered difference in differences."""
    import statsmodels.formula.api as smf

    frame = drawn(rows)
    yield
    trial = smf.ols("sales ~ offer", frame).fit(cov_type="HC2")
    groups = {"groups": frame["store"]}
    did = smf.ols("sales ~ north * post", frame).fit(cov_type="cluster", cov_kwds=groups)
    yield {
        "difference in means": [trial.params["offer"], trial.bse["offer"]],
        "two by two": [did.params["north:post"], did.bse["north:post"]],
    }


def linearmodels(rows):
    """Fit two-stage least squares."""
    import pandas as pd
    from linearmodels.iv import IV2SLS

    frame = drawn(rows)
    yield
    wards = pd.get_dummies(frame["ward"], dtype=float)
    fit = IV2SLS(frame["sales"], wards, frame["treated"], frame["offer"]).fit(cov_type="robust")
    yield {"two-stage least squares": [fit.params["treated"], fit.std_errors["treated"]]}


def duckreg(rows):
    """Fit the experiment by duckreg, which compresses in DuckDB too."""
    import tempfile
    from pathlib import Path

    import duckdb
    from duckreg.estimators import DuckRegression

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "log.db")
        with duckdb.connect(path) as connection:
            connection.sql(f"CREATE TABLE log AS {LOG.format(rows=rows)}")
        yield
        fit = DuckRegression(
            db_name=path,
            table_name="log",
            formula="sales ~ offer",
            cluster_col="",
            seed=1,
            n_bootstraps=0,
        )
        fit.fit()
        fit.fit_vcov()
        summary = fit.summary()
        yield {
            "difference in means": [
                float(summary["point_estimate"][1]),
                float(summary["standard_error"][1]),
            ]
        }


METHODS = {f.__name__: f for f in (ours, statsmodels, linearmodels, duckreg)}


def measure(method, rows):
    """Run one method in this process; return its figures."""
    steps = METHODS[method](int(rows))
    next(steps)  # imports and, of those that hold the data, reading it
    start, spent = time.perf_counter(), time.process_time()
    found = next(steps)
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - spent,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE,
        "found": found,
    }


def run(method, rows):
    """Measure one method in a fresh process."""
    command = [sys.executable, __file__, "--measure", method, str(rows)]
    return json.loads(subprocess.check_output(command))


def line(words, rows, result):
    """Return a row of the table."""
    return (
        f"| {words} | {rows:,} | {result['seconds']:.1f} | {rows / result['seconds']:,.0f} "
        f"| {result['cpu']:.1f} | {1e6 * result['cpu'] / rows:.2f} | {result['peak']:.0f} |"
    )


def compare(sizes):
    """Return the table of times, and the largest gap between packages on the same rows."""
    lines = [
        "| | rows | seconds | rows a second | CPU seconds | CPU µs a row | peak memory, MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for size in sizes:
        lines.append(line("cells in DuckDB, four designs", 10**size, run("ours", 10**size)))
    reference = run("ours", HELD)
    lines.append(line("the same", HELD, reference))
    gaps = ["", "| the same rows, relative gap to the cells | estimate | standard error |"]
    gaps.append("|---|---:|---:|")
    for method in ("statsmodels", "linearmodels", "duckreg"):
        result = run(method, HELD)
        lines.append(line(f"{method}: {', '.join(result['found'])}", HELD, result))
        for name, pair in result["found"].items():
            gap = [abs(a / b - 1) for a, b in zip(reference["found"][name], pair, strict=True)]
            gaps.append(f"| {method}, {name} | {gap[0]:.0e} | {gap[1]:.0e} |")
    return "\n".join([*lines, *gaps])


def main(sizes):
    """Print the page."""
    print(f"Measured on {os.cpu_count()} cores with Python {platform.python_version()}.\n")
    print(compare(sizes))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(*sys.argv[2:])))
    else:
        main([int(size) for size in sys.argv[1:]] or SIZES)
