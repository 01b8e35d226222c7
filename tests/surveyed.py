"""Rows with sampling weights, clusters and blocks, made by arithmetic, as R read them too."""

import numpy as np
import pandas as pd


def survey():
    """Return 120 rows of 24 clusters in 3 blocks: d is given to whole clusters, a to rows."""
    i = np.arange(120)

    def noise(k):
        return (i + 1) * (7_919 * k + 104_729) ** 2 % 1_000_003 % 1_000 / 1_000

    f = pd.DataFrame({"block": i // 40, "cluster": i // 5, "d": i // 5 % 2})
    f["x"] = np.floor(7 * noise(1)) / 2 - 1.5
    f["a"] = (noise(2) < 0.5 + 0.1 * f["x"]) * 1
    f["w"] = 1 + np.floor(8 * noise(3))
    shock = (f["cluster"] * 37 % 24 / 8 - 1.4).round(2)
    f["y"] = f["x"] + f["d"] * (1 + f["x"]) + f["a"] / 2 + shock + 3 * (noise(4) - 0.5)
    f["y"] = f["y"].round(2)
    return f.assign(late=(f["y"] > 0.7) * 1)
