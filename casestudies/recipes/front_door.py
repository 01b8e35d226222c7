r"""Front door: an effect by its mediators, where the causes of treatment and outcome are unknown.

The estimand is the ATE, :math:`E[Y(1) - Y(0)]`. Nothing is assumed of what drives both the
treatment :math:`A` and the outcome :math:`Y`. In its stead the mediators :math:`M` must carry the
whole effect (no arrow from the treatment to the outcome passes them by), nothing unrecorded may
drive both treatment and mediators, nor, beside the treatment, both mediators and outcome, given
the covariates in `adjust_for`; one unit's treatment leaves the others alone, and each value of
the mediators is found in both arms. No data can confirm the first; `identify.frontdoor` of the
book's package judges a graph. If the treatment also acts directly, and the rest holds, the
formula gives the part of the effect that goes through the mediators,
:math:`E[Y(A, M(1)) - Y(A, M(0))]` with treatments otherwise as they came (Fulcher and others
call the like of it a population intervention indirect effect). An unrecorded common cause of
mediators and outcome, or of treatment and mediators, biases it like any other confounder.
"""

import numpy as np

from casestudies.recipes._cells import _code
from casestudies.recipes._columns import (
    _basis,
    _check_choice,
    _design,
    _names,
    _net,
    _numbers,
    _numeric,
    _outcome,
    _read,
    _result,
    _zero_one,
)
from casestudies.recipes._score import _named


def front_door(data, *, outcome, treatment, mediator, adjust_for=(), model="cells", level=0.95):
    r"""Estimate an average effect by the front-door formula.

    With cells, for each combination :math:`c` of the covariates, all shares and means are those
    of the rows,

    .. math:: \sum_c P(c) \sum_m [P(m \mid 1, c) - P(m \mid 0, c)]
       \sum_{a} E[Y \mid a, m, c] P(a \mid c) ,

    and the error is the root of the sum of squared influences of the rows (Fulcher and others),
    divided by :math:`n`. The influence of a row is, less the estimate, with
    :math:`\xi(m, c) = \sum_a E[Y \mid a, m, c] P(a \mid c)`,

    .. math:: \frac{P(M \mid 1, C) - P(M \mid 0, C)}{P(M \mid A, C)} (Y - E[Y \mid A, M, C])
       + \frac{2 A - 1}{P(A \mid C)} (\xi(M, C) - E[\xi \mid A, C])
       + \sum_m [P(m \mid 1, C) - P(m \mid 0, C)] E[Y \mid A, m, C] .

    With lines, the effect of the treatment on each mediator times that mediator's slope in the
    outcome, treatment and covariates held, summed: right if mediators and outcome are straight
    lines without interactions. Its error is that of both regressions stacked, HC0.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric outcome.
    treatment : str
        Column of zeros and ones.
    mediator : str or list of str
        What carries the whole effect; several count as one, by their combinations.
    adjust_for : str or list of str
        Common causes that were recorded, from before the treatment: of treatment and mediators,
        or of mediators and outcome. With cells, each combination of their values is one.
    model : {"cells", "linear"}
        Shares and means by cell, for mediators of few values; or straight lines.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    pandas.Series
        estimate, std_error, ci_low, ci_high, n.

    Raises
    ------
    ValueError
        If a column or an option is unfit, or a value of the mediators is found in one arm only,
        or too seldom to show the noise around its mean.

    References
    ----------
    Pearl (1995), Biometrika 82(4), 669-688 (formula).
    Fulcher, Shpitser, Marealle and Tchetgen Tchetgen (2020), Journal of the Royal Statistical
    Society B 82(1), 199-214 (influence, and what a direct effect leaves of it).

    Examples
    --------
    >>> import pandas as pd
    >>> mentor = [0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1]
    >>> data = pd.DataFrame({"urged": [0] * 6 + [1] * 6, "mentor": mentor})
    >>> data["left"] = [0, 1, 0, 0, 0, 0, 1, 1, 0, 1, 0, 1]
    >>> front_door(data, outcome="left", treatment="urged", mediator="mentor").round(3)
    estimate     -0.125
    std_error     0.117
    ci_low       -0.354
    ci_high       0.104
    n            12.000
    Name: front_door, dtype: float64
    """
    _check_choice("model", model, ("cells", "linear"))
    carriers, causes = _names("mediator", mediator), _names("adjust_for", adjust_for)
    if not carriers:
        raise ValueError("mediator names no column; name what carries the whole effect")
    several = {"mediator": carriers, "adjust_for": causes}
    table = _read(data, outcome=outcome, treatment=treatment, several=several)
    y, treated = _outcome(table, outcome), _zero_one(table, treatment)
    for name in carriers:
        if (table[name] == table[name].iloc[0]).all():
            raise ValueError(
                f"column {name!r} has one value in all rows, {table[name].iloc[0]}, so it carries "
                "no effect; take it out of mediator"
            )
    way = _by_cells if model == "cells" else _by_lines
    estimate, influence = way(table, y - y.mean(), treated, treatment, carriers, causes)
    std_error = np.sqrt(influence @ influence) / len(y)
    result = _result("front_door", estimate, std_error, n=len(y), level=level)
    return _named(result, "ATE", table)


def _by_cells(table, y, treated, treatment, carriers, causes):
    """Return the effect by shares and means of cells, and each row's influence."""
    a, m, c = treated.astype(int), _code(table, carriers), _code(table, causes)
    size, total = np.zeros((2, c.max() + 1, 2, m.max() + 1))
    np.add.at(size, (c, a, m), 1)
    np.add.at(total, (c, a, m), y)
    _check_mediated(table, size, (c, m), treatment, [*causes, *carriers])
    mean = total / np.maximum(size, 1)
    share = size / size.sum(axis=2, keepdims=True)  # of a mediator's value in an arm
    arm = size.sum(axis=2)  # in proportion to the share of an arm, which is enough below
    shift = share[:, 1] - share[:, 0]
    given = np.einsum("cam,ca->cm", mean, arm)
    after = np.einsum("cam,cm->ca", share, given)
    carried = np.einsum("cm,cam->ca", shift, mean)
    influence = (
        shift[c, m] / share[c, a, m] * (y - mean[c, a, m])
        + (2 * a - 1) / arm[c, a] * (given[c, m] - after[c, a])
        + carried[c, a]
    )
    estimate = carried[c, a].mean()
    return estimate, influence - estimate


def _check_mediated(table, size, codes, treatment, names):
    """Raise unless each value of the mediators has two rows in both arms of its stratum."""
    c, m = codes
    least = size.min(axis=1)
    thin = least[c, m] < 2
    if thin.any():
        row = np.flatnonzero(thin)[0]
        arm = int(size[c[row], :, m[row]].argmin())
        where = ", ".join(f"{name} = {table[name].iloc[row]}" for name in names)
        count, found = int(least[c[row], m[row]]), (least < 2) & (size.sum(axis=1) > 0)
        many = [name for name in names if _numeric(table, name) and table[name].nunique() > 4]
        cut = f"for example with pd.qcut(data[{many[0]!r}], 4), " if many else ""
        raise ValueError(
            f"no overlap: where {where}, {count} row(s) have {treatment!r} {arm} ({found.sum()} "
            "such cell(s) have fewer than the 2 that a mean and its error need); merge values, cut "
            f"numbers into classes, {cut}or use model='linear'"
        )


def _by_lines(table, y, treated, treatment, carriers, causes):
    """Return the product of slopes, and each row's influence."""
    moved = np.column_stack([_numbers(table, name) for name in carriers])
    held, both = _design(table, causes), _design(table, [*causes, treatment])
    basis, n = _basis(both), len(y)
    _basis(_design(table, [*causes, treatment, *carriers]), also=1)
    drive = _net(treated, _basis(held))
    first = drive @ moved / (drive @ drive)
    left = _net(moved, basis)
    second = np.linalg.lstsq(left / np.linalg.norm(left, axis=0), y, rcond=None)[0]
    second = second / np.linalg.norm(left, axis=0)
    inverse = np.linalg.inv(left.T @ left)
    rest = _net(y, basis) - left @ second
    influence = n * (drive / (drive @ drive) * (left @ second) + (left @ inverse @ first) * rest)
    return first @ second, influence
