"""Worlds that several tests of adjustment share, and what they hold answers against."""

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy.special import expit

COLUMNS = {"outcome": "y", "treatment": "a", "adjust_for": ["x1", "x2", "ward"]}

DESIGN = {name: COLUMNS[name] for name in ("treatment", "adjust_for")}


def hospital(n, rng, curve=0.0, late=0.0):
    """Draw a world where the sickest are treated; the ATE is 1, for the treated it is more."""
    rng = np.random.default_rng(rng)
    x1, x2, noise = rng.normal(size=(3, n))
    ward = rng.choice(["a", "b", "c"], n)
    a = (rng.random(n) < expit(0.6 * x1 - 0.4 * x2 + 0.5 * (ward == "b") + late * x1**2)) * 1
    y = a * (1 + 0.5 * x1) + 2 * x1 + x2 - (ward == "b") + curve * x1**2 + noise
    return pd.DataFrame({"x1": x1, "x2": x2, "ward": ward, "a": a, "y": y})


def coarse(n, rng):
    """Round the covariates, so that ties abound: equal rows and equal distances."""
    return hospital(n, rng).round({"x1": 0, "x2": 0})


def design(data, names=("x1", "x2", "ward")):
    """Return a constant, the covariates and dummies of the ward."""
    dummies = pd.get_dummies(data[list(names)], drop_first=True, dtype=float)
    return sm.add_constant(dummies).to_numpy()


# Two wards: scores 1/4 and 3/4, ward effects -2 and -2.
WARDS = pd.DataFrame(
    {
        "old": [0, 0, 0, 0, 1, 1, 1, 1],
        "a": [1, 0, 0, 0, 1, 1, 1, 0],
        "y": [3, 5, 6, 4, 7, 9, 8, 10],
    }
)

WARD_COLUMNS = {"treatment": "a", "adjust_for": "old"}


def m_estimator(estimating, theta):
    """Return the standard error of the last parameter by the sandwich of stacked equations."""
    theta = np.asarray(theta, dtype=float)
    values = estimating(theta)
    assert np.abs(values.mean(axis=0)).max() < 1e-7
    steps = 1e-5 * np.eye(len(theta))
    bread = np.column_stack(
        [
            (estimating(theta + s).mean(axis=0) - estimating(theta - s).mean(axis=0)) / 2e-5
            for s in steps
        ]
    )
    half = np.linalg.solve(bread, values.T)
    return np.sqrt((half @ half.T)[-1, -1]) / len(values)


def lonely(data, arm):
    """Give a ward to one arm only."""
    return data.assign(ward=data["ward"].where((data["ward"] != "c") | (data["a"] == arm), "b"))


SEPARATED = {"x1": lambda d: d["x1"].abs() * (2 * d["a"] - 1)}


def fits(found):
    """Tell whether an answer holds finite numbers throughout."""
    return bool(np.isfinite(np.asarray(found, dtype=float)).all())
