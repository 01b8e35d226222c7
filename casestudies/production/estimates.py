"""What one batch says of the effect: the recipe that the record names, and what alarms live on."""

import numpy as np
import pandas as pd

from casestudies.recipes.difference_in_differences import two_by_two
from casestudies.recipes.instrumental_variables import wald
from casestudies.recipes.monitoring import batch_moments, outcome_bounds
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.sensitivity import robustness_from_t, robustness_value
from casestudies.recipes.standardization import standardize

RECIPES = {
    "difference_in_means": difference_in_means,
    "standardize": standardize,
    "two_by_two": two_by_two,
    "wald": wald,
}


def estimate(table, record):
    """Estimate the effect in one batch.

    Parameters
    ----------
    table : pandas.DataFrame
        A batch that passed the checks.
    record : Record
        It names recipe and columns.

    Returns
    -------
    dict
        estimate, std_error, ci_low, ci_high and n of the recipe, on the rows that have an outcome;
        unanswered (rows without one, by arm) and, where there are any and the outcome is 0 or 1,
        the bounds that hold whatever they would have been; arms (n, mean and variance by arm, and
        how many were drawn into each); inputs (mean and n of each watched column); robustness,
        for a design that is not randomized.

    Raises
    ------
    ValueError
        What the recipe refuses.
    """
    columns = record["columns"]
    answered = table[columns["outcome"]].notna()
    told = table[answered].drop(columns=columns["batch"])
    recipe = record["design"]["recipe"]
    names = record.recipe_columns
    result = RECIPES[recipe](told, **names)
    body = {key: float(result[key]) for key in ("estimate", "std_error", "ci_low", "ci_high")}
    body["n"] = int(result["n"])
    drawn = int((table[record.drawn] == 1).sum())
    counts = {"n_treated": drawn, "n_control": len(table) - drawn}
    body |= {"arms": {"rows": _arms(told, record, body), **counts}, "inputs": {}}
    for name in record.inputs:
        body["inputs"][name] = {"mean": float(table[name].mean()), "n": len(table)}
    if not answered.all():
        body |= _unanswered(table, answered, record)
    if recipe != "difference_in_means":
        body["robustness"] = _robustness(told, record, result)
    return body


def _robustness(told, record, result):
    """Return how strong a confounder would have to be to bring a batch's estimate to zero.

    Of an adjustment, the regression's; of an instrument, that of the instrument and the outcome,
    since without that difference there is no ratio; of differences, that of the units' changes.
    """
    recipe, columns = record["design"]["recipe"], record["columns"]
    if recipe == "standardize":
        return float(robustness_value(told, **record.recipe_columns)["rv_q"])
    units = told[columns["unit"]].nunique()
    if recipe == "wald":
        roles = {"outcome": columns["outcome"], "treatment": columns["instrument"]}
        result = difference_in_means(told, **roles)
    ratio = float(result["estimate"] / result["std_error"])
    return float(robustness_from_t(ratio, units - 2)["rv_q"])


def _arms(told, record, body):
    """Return the moments by arm; of a design without a holdout, those that give its estimate."""
    columns = record["columns"]
    if record["design"]["recipe"] != "difference_in_means":
        return moments_of(body["estimate"], body["std_error"], body["n"])
    roles = {"outcome": columns["outcome"], "treatment": columns["treatment"], "batch": "batch"}
    moments = batch_moments(told.assign(batch=0), **roles).iloc[:, 2:]
    return [[int(n), float(mean), float(var)] for n, mean, var in moments.itertuples(index=False)]


def moments_of(value, std_error, n):
    """Write an estimate as two halves of n people that differ by it, with the same error.

    The variance v of both solves v (1 / n1 + 1 / n0) = std_error ** 2: the functions that watch a
    difference in means watch the estimate of any design.
    """
    half, rest = n // 2, n - n // 2
    variance = std_error**2 * half * rest / n
    return [[half, 0.0, variance], [rest, float(value), variance]]


def moments_frame(batches, rows):
    """Return one row a batch and arm, as the monitoring recipe reads them.

    Parameters
    ----------
    batches : sequence
        Dates or numbers, in order.
    rows : sequence of list
        For each batch the two arms, control first, each n, mean and variance.

    Returns
    -------
    pandas.DataFrame
        batch, arm, n, y_mean, y_var.
    """
    moments = np.array(rows, dtype=float).reshape(-1, 3)
    table = pd.DataFrame(moments, columns=["n", "y_mean", "y_var"])
    table["batch"] = np.repeat(np.asarray(batches), 2)
    table["arm"] = np.tile([0, 1], len(batches))
    return table


def _unanswered(table, answered, record):
    """Count the rows without an outcome by arm, and bound the effect of a binary one."""
    columns = record["columns"]
    treated = table[columns["treatment"]] == 1
    body = {"unanswered": [int((~answered & ~treated).sum()), int((~answered & treated).sum())]}
    randomized = record["design"]["recipe"] == "difference_in_means"
    if randomized and record["column"][columns["outcome"]]["kind"] == "binary":
        roles = {"outcome": columns["outcome"], "treatment": columns["treatment"]}
        bounds = outcome_bounds(table[list(roles.values())], **roles, low=0, high=1)
        body["bounds"] = [float(bounds["lower"]), float(bounds["upper"])]
    return body
