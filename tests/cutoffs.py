"""What the tests of regression discontinuity share: data, and calls that two packages understand.

rdrobust.csv and rddensity.csv hold the figures of rdrobust 2.1.1 and rddensity 3.0, by the calls
below; running this file where both are installed writes them anew. The tests hold ours against
these figures, and these against the packages where they are installed.
"""

import contextlib
import importlib
import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from causaldata import close_elections_lmb, gov_transfers, gov_transfers_density

FOLDER = Path(__file__).parent
PLACES = {
    "elections": {"outcome": "score", "running": "lagdemvoteshare", "cutoff": 0.5},
    "transfers": {"outcome": "Support", "running": "Income_Centered", "cutoff": 0},
    "simulated": {"outcome": "y", "running": "x", "cutoff": 0},
    "discrete": {"outcome": "y", "running": "x", "cutoff": 0},
}
WIDTHS = {"elections": 0.1, "transfers": 0.01, "simulated": 15, "discrete": 15}
CALLS = {  # data, options of ours, the same for rdrobust
    f"{data}, {words}": (data, ours, theirs)
    for data, h in WIDTHS.items()
    for words, ours, theirs in [
        ("default", {}, {}),
        ("h", {"bandwidth": h}, {"h": h}),
        ("h < b", {"bandwidth": h, "bias_bandwidth": 1.3 * h}, {"h": h, "b": 1.3 * h}),
        ("b < h", {"bandwidth": h, "bias_bandwidth": 0.8 * h}, {"h": h, "b": 0.8 * h}),
        ("uniform", {"kernel": "uniform"}, {"kernel": "uniform"}),
        ("epanechnikov", {"kernel": "epanechnikov"}, {"kernel": "epanechnikov"}),
        ("means", {"order": 0}, {"p": 0}),
        ("parabolas", {"order": 2}, {"p": 2}),
    ]
}
MORE = {
    "fuzzy": {"treatment": "t"},
    "covariates": {"covariates": ["z", "w"]},
    "clusters": {"cluster": "g"},
    "fuzzy, covariates": {"treatment": "t", "covariates": ["z", "w"]},
    "fuzzy, covariates, clusters": {"treatment": "t", "covariates": ["z", "w"], "cluster": "g"},
}
THEIRS = {"treatment": "fuzzy", "covariates": "covs", "cluster": "cluster"}
for words, options in MORE.items():
    named = {THEIRS[role]: name for role, name in options.items()}
    CALLS[f"simulated, {words}"] = "simulated", options, named
    given = {**options, "bandwidth": 20, "bias_bandwidth": 25}
    CALLS[f"simulated, {words}, h < b"] = "simulated", given, {**named, "h": 20, "b": 25}
CALLS["discrete, fuzzy"] = "discrete", {"treatment": "t"}, {"fuzzy": "t"}
CALLS["elections, clusters"] = "elections", {"cluster": "id"}, {"cluster": "id"}
CALLS["transfers, complied with"] = (
    "transfers",
    {"treatment": "Participation", "treated_side": "below"},
    {"fuzzy": "Participation"},
)
ENTRIES = ["estimate", "bias_corrected", "std_error", "robust_std_error"]
ENTRIES += ["bandwidth", "bias_bandwidth"]
DENSITIES = {  # data, cutoff, bandwidth
    "elections": ("elections", 0.5, None),
    "elections, h": ("elections", 0.5, 0.1),
    "applicants": ("applicants", 0, None),
    "applicants, h": ("applicants", 0, 0.01),
    "applicants, two": ("applicants", 0, (0.01, 0.015)),
    "transfers": ("transfers", 0, None),
    "simulated": ("simulated", 0, None),
    "simulated, h": ("simulated", 0, 12),
    "discrete": ("discrete", 0, None),
    "discrete, h": ("discrete", 0, 25),
}
DENSITY = ["p_value", "statistic", "density_below", "density_above", "std_error"]
DENSITY += ["bandwidth_below", "bandwidth_above"]


def frames():
    """Return the data by name; numbers are doubles, since rdrobust computes in what it is given."""
    elections = close_elections_lmb.load_pandas().data.dropna()
    floats = {name: float for name in elections.select_dtypes("number") if name != "id"}
    simulated = scores()
    return {
        "elections": elections.astype(floats),
        "transfers": gov_transfers.load_pandas().data,
        "applicants": gov_transfers_density.load_pandas().data,
        "simulated": simulated,
        "discrete": simulated.assign(x=simulated["x"].round()),
    }


def scores(n=1_500, seed=7):
    """Return units who mostly follow the rule; an effect of 2, curved means, unequal noise."""
    rng = np.random.RandomState(seed)
    x, z, noise = rng.normal(5, 20, n), rng.normal(size=n), rng.normal(size=n)
    t = (rng.uniform(size=n) < np.where(x >= 0, 0.8, 0.2)) * 1
    w, g = z**2 + rng.normal(size=n), rng.randint(0, 60, n)
    y = 1 + 0.05 * x + 0.001 * x**2 + 2 * t + z + (1 + (x > 0)) * noise
    return pd.DataFrame({"x": x, "t": t, "z": z, "w": w, "g": g, "y": y})


def running(data):
    """Return the name of the score."""
    return PLACES["transfers" if data == "applicants" else data]["running"]


def by_rdrobust(rdrobust, name, data):
    """Return the figures of rdrobust for a call."""
    place, _, theirs = CALLS[name]
    columns = PLACES[place]
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {"y": columns["outcome"], "x": columns["running"], "c": columns["cutoff"]}
        found = rdrobust.rdrobust(data=data[place], **names, **theirs)
    plain, corrected, error, robust = found.Estimate.iloc[0]
    return [plain, corrected, error, robust, *found.bws["left"]]


def by_rddensity(rddensity, name, data):
    """Return the figures of rddensity for a call."""
    place, cutoff, width = DENSITIES[name]
    h = [] if width is None else list(np.atleast_1d(width))
    found = rddensity.rddensity(data[place][running(place)], c=cutoff, h=h)
    figures = [found.test["p_jk"], found.test["t_jk"], found.hat["left"], found.hat["right"]]
    return [*figures, found.sd_jk["diff"], found.h["left"], found.h["right"]]


def written(name):
    """Return the figures of a package that were written down, by call."""
    table = pd.read_csv(FOLDER / f"{name}.csv", index_col="call")
    return {call: row.to_numpy() for call, row in table.iterrows()}


if __name__ == "__main__":
    data = frames()
    for name, calls, ask, columns in [
        ("rdrobust", CALLS, by_rdrobust, ENTRIES),
        ("rddensity", DENSITIES, by_rddensity, DENSITY),
    ]:
        found = {call: ask(importlib.import_module(name), call, data) for call in calls}
        table = pd.DataFrame(found, index=columns).T.rename_axis("call")
        table.to_csv(FOLDER / f"{name}.csv", float_format="%.10g")
