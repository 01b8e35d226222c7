"""Standardization (the parametric g-formula): model the outcome, then average over the population.

Fit the outcome given treatment and covariates, predict what everybody would have had
under either treatment, and average the predictions over the population of interest.
Needs numpy, pandas, scipy and statsmodels.
"""

import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm

from casestudies.recipes._columns import (
    _check_choice,
    _check_columns,
    _check_rank,
    _design,
    _names,
    _numbers,
    _result,
    _with_intercept,
    _zero_one,
)

FAMILIES = {"linear": sm.families.Gaussian, "logit": sm.families.Binomial}


ESTIMANDS = ("ATE", "ATT")


def standardize(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    model="linear",
    estimand="ATE",
    interact=None,
    level=0.95,
):
    r"""Estimate an average effect by standardizing an outcome model.

    With the outcome model :math:`m(d, x)`, in which the treatment interacts with the
    covariates,

    .. math:: \hat\tau = \frac{1}{|P|} \sum_{i \in P} \{ \hat m(1, x_i) - \hat m(0, x_i) \},

    where :math:`P` is everybody (ATE) or the treated (ATT). The standard error is the
    sandwich of the stacked estimating equations, the model's scores and the averaging,
    so it covers the noise in the coefficients and in who was sampled. It takes rows as
    independent and the sample as large: many more rows per group than coefficients.

    The estimate is causal if the covariates block every backdoor path and none is
    affected by the treatment (exchangeability), if every kind of person is found in both
    groups (overlap; for the ATT, every kind of treated person among the controls), if
    nobody's treatment changes another's outcome and the treatment is one thing
    (consistency), and if the outcome model is right.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, complete in the columns named below; it is not changed.
    outcome : str
        Numeric column; 0/1 if `model` is ``"logit"``.
    treatment : str
        Column of 0 (control) and 1 (treated).
    adjust_for : str or list of str
        Covariates. A column that is not numeric (text, category) enters as dummies;
        powers and products are yours to add. An empty list gives the difference in means.
    model : {"linear", "logit"}
        Outcome model: least squares or logistic regression.
    estimand : {"ATE", "ATT"}
        Average over everybody, or over the treated.
    interact : str or list of str, optional
        Those of `adjust_for` whose coefficients differ between the groups. Default: all,
        which equals one model per group. With fewer, a linear model averages the effects
        of different people by weights other than their numbers; with an empty list and
        a linear model the estimate is the coefficient of the treatment.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        ``estimate``, ``std_error``, ``ci_low`` and ``ci_high`` in units of the outcome
        (a risk difference for a 0/1 outcome, whichever the model), and ``n``.

    Raises
    ------
    ValueError
        If the input cannot carry the estimate; the message names column and remedy.

    References
    ----------
    Robins (1986), Mathematical Modelling 7(9-12), 1393-1512.
    Hernán and Robins (2020), Causal Inference: What If, chapter 13. Their model for
    smoking and weight (NHEFS) has squares and one interaction,
    ``interact="smokeintensity"``, and gives 3.52 kg; all interactions give 3.44 kg.
    Stefanski and Boos (2002), The American Statistician 56(1), 29-38 (stacked equations).

    Examples
    --------
    Half of the old and a quarter of the young are treated; everyone would gain 2.

    >>> people = pd.DataFrame({
    ...     "old":     [0, 0, 0, 0, 1, 1, 1, 1],
    ...     "treated": [0, 0, 0, 1, 0, 0, 1, 1],
    ...     "pain":    [1, 2, 3, 4, 6, 8, 9, 9],
    ... })
    >>> standardize(people, outcome="pain", treatment="treated", adjust_for="old").round(2)
    estimate     2.00
    std_error    0.42
    ci_low       1.17
    ci_high      2.83
    n            8.00
    Name: standardize, dtype: float64
    """
    means, influence = _standardized(
        data, outcome, treatment, adjust_for, model, estimand, interact
    )
    effect = means["treated"] - means["control"]
    std_error = _std_error(influence["treated"] - influence["control"])
    return _result("standardize", effect, std_error, n=len(data), level=level)


def standardized_means(
    data,
    *,
    outcome,
    treatment,
    adjust_for,
    model="linear",
    estimand="ATE",
    interact=None,
    level=0.95,
):
    r"""Estimate the mean outcome if all were treated, and if none were.

    The two averages whose difference is the effect of `standardize`:
    :math:`\frac{1}{|P|} \sum_{i \in P} \hat m(d, x_i)` for :math:`d = 1, 0`, with the same
    assumptions, model and standard error. For the ATT both describe the treated, and the
    first is their observed mean.

    Parameters
    ----------
    data, outcome, treatment, adjust_for, model, estimand, interact, level
        As in `standardize`.

    Returns
    -------
    pandas.DataFrame
        Rows ``treated`` and ``control``; columns ``estimate``, ``std_error``, ``ci_low``,
        ``ci_high`` in units of the outcome, and ``n``. The rows are correlated: take the
        standard error of their difference from `standardize`.

    Raises
    ------
    ValueError
        As in `standardize`.

    References
    ----------
    Hernán and Robins (2020), Causal Inference: What If, chapter 13.

    Examples
    --------
    >>> people = pd.DataFrame({
    ...     "old":     [0, 0, 0, 0, 1, 1, 1, 1],
    ...     "treated": [0, 0, 0, 1, 0, 0, 1, 1],
    ...     "pain":    [1, 2, 3, 4, 6, 8, 9, 9],
    ... })
    >>> means = standardized_means(people, outcome="pain", treatment="treated", adjust_for="old")
    >>> means["estimate"].round(2)
    treated    6.5
    control    4.5
    Name: estimate, dtype: float64
    """
    means, influence = _standardized(
        data, outcome, treatment, adjust_for, model, estimand, interact
    )
    return pd.DataFrame(
        _result(arm, means[arm], _std_error(influence[arm]), n=len(data), level=level)
        for arm in ("treated", "control")
    )


def _standardized(data, outcome, treatment, adjust_for, model, estimand, interact):
    """Return the mean outcome under each treatment and every row's influence on it."""
    adjust_for = _names(adjust_for)
    interact = adjust_for if interact is None else _names(interact)
    y, d, shared, own = _read_model(data, outcome, treatment, adjust_for, model, estimand, interact)
    population = d == 1 if estimand == "ATT" else np.full(len(d), True)

    def terms(dose):
        shares = (1 - dose)[:, np.newaxis], dose[:, np.newaxis]
        arms = (part.to_numpy() * share for part, share in zip(own, shares, strict=True))
        return np.hstack([shared.to_numpy(), *arms])

    groups = [f"{name} where {treatment} is {arm}" for arm in (0, 1) for name in own[arm]]
    design = pd.DataFrame(terms(d), columns=[*shared, *groups], index=data.index)
    fit = _fit(y, design, model, outcome)
    means, influence = {}, {}
    for arm, dose in (("treated", np.ones_like(d)), ("control", np.zeros_like(d))):
        means[arm], influence[arm] = _average(fit, terms(dose), population)
    return means, influence


def _average(fit, x, population):
    """Average the model's prediction at `x` over the population, with each row's influence."""
    link, coefficients, observed = fit.family.link, fit.params.to_numpy(), fit.model.exog
    predicted = link.inverse(x @ coefficients)
    mean = predicted[population].mean()
    gradient = link.inverse_deriv(x @ coefficients)[population] @ x[population] / population.sum()
    weights = link.inverse_deriv(observed @ coefficients)[:, np.newaxis]
    pull = np.linalg.solve(observed.T @ (weights * observed), gradient)
    averaging = population * (predicted - mean) / population.sum()
    return mean, averaging + fit.resid_response.to_numpy() * (observed @ pull)


def _std_error(influence):
    """Return the standard error of an estimate that is linear in the rows' influence."""
    return np.sqrt(np.sum(influence**2))


def _fit(y, x, model, outcome):
    """Fit the outcome model, or raise."""
    _check_rank(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they warn of is raised below
        fit = sm.GLM(y, x, family=FAMILIES[model]()).fit(tol=1e-10, tol_criterion="params")
    if not fit.converged:
        slopes = fit.params[~fit.params.index.str.startswith("intercept where")].abs()
        raise ValueError(
            f"the {model} model of {outcome!r} does not converge: column {slopes.idxmax()!r}, "
            "alone or with others, separates 0 from 1; merge the category with another, drop or "
            "coarsen the column, or use model='linear'"
        )
    return fit


def _read_model(data, outcome, treatment, adjust_for, model, estimand, interact):
    """Return outcome, treatment, the design with shared coefficients and each group's own."""
    _check_choice("model", model, FAMILIES)
    _check_choice("estimand", estimand, ESTIMANDS)
    for name in interact:
        _check_choice("interact", name, adjust_for)
    _check_columns(data, [outcome, treatment, *adjust_for])
    d = _zero_one(data, treatment)
    y = _outcome(data, outcome, model, d, treatment)
    shared = _design(data, [name for name in adjust_for if name not in interact])
    own = _design(data, interact)
    _check_rank(_with_intercept(pd.concat([own, shared], axis=1)))
    # Predictions do not depend on the scale of a covariate, but their precision does.
    shared, own = [(part - part.mean()) / part.std() for part in (shared, own)]
    own = [_with_intercept(own), _with_intercept(own)]
    if estimand == "ATT" and shared.columns.empty:
        own[1] = own[1].iloc[:, :1]  # a model of their own, averaged over the treated: their mean
    for arm in (0, 1):
        for name in adjust_for if estimand == "ATE" or arm == 0 else ():
            _check_overlap(data[name], d == arm, treatment, arm)
        _check_arm(own[arm][d == arm], f"{treatment!r} is {arm}")
    return y, d, shared, own


def _outcome(data, name, model, d, treatment):
    """Return the outcome as floats, or raise if the model cannot have it."""
    y = _numbers(data, name)
    if y.min() == y.max():
        raise ValueError(f"column {name!r} is {y[0]:g} in all {len(y)} rows; check how it was made")
    for value in y[(y != 0) & (y != 1)] if model == "logit" else ():
        raise ValueError(
            f"column {name!r} must be 0 or 1 for model='logit', found {value:g}; "
            "recode it, or use model='linear'"
        )
    for arm in (0, 1) if model == "logit" else ():
        if np.ptp(y[d == arm]) == 0:
            raise ValueError(
                f"column {name!r} is {y[d == arm][0]:g} in all {sum(d == arm)} rows where "
                f"{treatment!r} is {arm}, so a logit has no finite coefficients; use model='linear'"
            )
    return y


def _check_overlap(covariate, rows, treatment, arm):
    """Raise if a group cannot speak for the other group in this covariate."""
    here, there = covariate[rows], covariate[~rows]
    if pd.api.types.is_numeric_dtype(covariate):
        low, high = float(here.min()), float(here.max())
        beyond = (there < low) | (there > high)
        hopeless = beyond.all() or (low == high and beyond.any())
        held = f"lies between {low:g} and {high:g}"
    else:
        beyond = ~there.isin(here)
        hopeless = beyond.any()
        held = f"is never {there[beyond].iloc[0]!r}" if hopeless else ""
    if hopeless:
        raise ValueError(
            f"no overlap: column {covariate.name!r} {held} where {treatment!r} is {arm}, unlike "
            f"in {beyond.sum()} row(s) where it is {1 - arm}; merge categories, or keep only rows "
            "with counterparts in both groups and say so"
        )


def _check_arm(own, group):
    """Raise if the rows of one treatment group cannot carry the outcome model."""
    rows, width = own.shape
    if rows <= width:
        raise ValueError(
            f"{rows} row(s) where {group} cannot carry {width} coefficient(s) "
            f"({', '.join(own.columns)}) and show the noise around them; use fewer covariates or "
            "more rows"
        )
    try:
        _check_rank(own)
    except ValueError as error:
        raise ValueError(
            f"among the rows where {group}, {error}, or keep only rows with counterparts in "
            "both groups"
        ) from None
