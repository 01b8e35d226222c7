"""What the tests of instruments share: a confounded world, its dummies, ways to cluster."""

import numpy as np
import pandas as pd

MODEL = {"outcome": "y", "treatment": "d"}
COVARIANCES = ["unadjusted", "robust", "clustered"]
ENTRIES = ["estimate", "std_error"]
EXACT = {"rtol": 1e-8, "atol": 0}


def world(n=600, seed=5):
    """Return a confounded treatment, effect 2, errors that vary with region and move by site."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "draw": rng.choice(list("abcd"), n),
            "region": rng.choice(["north", "south", "west"], n),
            "site": rng.integers(0, 12, n),
            "offer": rng.integers(0, 2, n),
            "x": rng.normal(5, 2, n),
            "nudge": rng.normal(size=n),
        }
    )
    u = rng.normal(size=n) * (1 + (data["region"] == "west")) + rng.normal(size=12)[data["site"]]
    push = data["draw"].map({"a": 0, "b": 1, "c": 2, "d": 1}) + data["offer"]
    data["d"] = push + 0.3 * data["x"] + 0.5 * data["nudge"] + u + rng.normal(size=n)
    data["e"] = 0.5 * data["offer"] - push + rng.normal(size=n) + u
    data["y"] = 2 * data["d"] + (data["region"] == "west") + data["x"] + 2 * u
    return data


def dummies(data, names):
    """Return numbers as they are and categories as dummies without the first level."""
    parts = [
        data[[name]].astype(float)
        if pd.api.types.is_numeric_dtype(data[name])
        else pd.get_dummies(data[name], prefix=name, dtype=float).iloc[:, 1:]
        for name in names
    ]
    return pd.concat(parts, axis=1)


def awkward():
    """Return 60 rows with a column for each thing that can be wrong."""
    data = world(60)
    z = (data["offer"] - data["offer"].mean()).to_numpy()
    d = data["d"].to_numpy() - data["d"].mean()
    gap, huge = data["y"].copy(), data["x"].copy()
    gap.iloc[3], huge.iloc[:2] = np.nan, np.inf
    return data.assign(
        flat=1,
        naught=0.0,
        sums=[0.3, 0.1 + 0.2] * 30,
        only="k",
        thrice=3 * data["offer"] - 1,
        fifth=data["offer"] / 5,
        double=2 * data["x"],
        half=data["site"] / 2,
        west=(data["region"] == "west").astype(int),
        label=[f"row {i}" for i in range(59)] + ["row 58"],
        group=[i // 2 for i in range(60)],
        idle=z - d * (z @ d) / (d @ d),
        day=pd.date_range("2020-01-01", periods=60),
        in_step=5 - data["d"],
        gap=gap,
        huge=huge,
    )


def cluster_of(cov):
    return {"cov": cov, "cluster": "site" if cov == "clustered" else None}


CELLS = (["draw"], ["region"])  # the rows fall into 12 cells (144 with sites)
ROWS = (["draw", "nudge"], ["region", "x"])  # every row is its own cell
BARE = (["offer"], [])
