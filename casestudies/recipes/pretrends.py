"""Tests of the periods before a treatment, and what passing one is worth."""

import difflib

import numpy as np
import pandas as pd
from scipy import special, stats


def pretrend_test(study):
    r"""Test that no coefficient before the treatment differs from zero, jointly.

    .. math:: F = \frac{\nu - q + 1}{\nu q}\,\hat\delta' \hat V^{-1} \hat\delta
              \sim F(q, \nu - q + 1), \qquad \nu = G - 1,

    Hotelling's statistic for the :math:`q` coefficients at event times below -1. Not
    rejecting is weak evidence for parallel trends: see `pretrend_power`.

    Parameters
    ----------
    study : pandas.DataFrame
        What an `event_study` returned: a column estimate indexed by event time, with
        ``attrs["covariance"]`` (without the reference, -1) and ``attrs["df"]``, infinite
        by default.

    Returns
    -------
    pandas.Series
        null (a sentence), statistic, distribution, p_value.

    Raises
    ------
    ValueError
        If there is no event time below -1, or as many of them as clusters.

    References
    ----------
    Hotelling (1931), Annals of Mathematical Statistics 2(3), 360-378.

    Examples
    --------
    >>> study = pd.DataFrame({"estimate": [1.0, 0.0, 3.0]}, index=[-2, -1, 0])
    >>> study.attrs = {"covariance": {-2: {-2: 0.25, 0: 0.1}, 0: {-2: 0.1, 0: 0.25}}, "df": 30}
    >>> pretrend_test(study)[["statistic", "distribution", "p_value"]]
    statistic             4.0
    distribution     F(1, 30)
    p_value          0.054625
    Name: pretrend_test, dtype: object
    """
    estimate, covariance, df = _moments(study)
    before = estimate.index < -1
    delta = estimate[before].to_numpy()
    v, q, df2 = _before(covariance, before, df)
    statistic = (1 - (q - 1) / df) / q * delta @ np.linalg.solve(v, delta)
    entries = {
        "null": f"The groups moved in parallel over the {q + 1} periods before the treatment.",
        "statistic": float(statistic),
        "distribution": f"F({q}, {df2:g})",
        "p_value": float(stats.f.sf(statistic, q, df2)),
    }
    return pd.Series(entries, name="pretrend_test")


def pretrend_power(study, *, slopes=None, event_times=None, level=0.95):
    r"""Say how often the test before the treatment would catch a drift of given slope.

    Were the groups to drift apart by :math:`s` per period, the coefficient at event
    time :math:`k` would be off by :math:`s (k + 1)`. `pretrend_test` then follows a
    noncentral F with noncentrality :math:`\delta' V^{-1} \delta`. Looking at the effect
    only when the test has passed does not remove the bias, and mostly adds to it:

    .. math:: E[\hat\theta - \theta \mid \text{passed}] = b +
              \Sigma_{\theta\delta} V^{-1} \delta \, (r - 1), \qquad
              r = \frac{P(\text{passed}; q + 2)}{P(\text{passed}; q)}.

    Parameters
    ----------
    study : pandas.DataFrame
        As for `pretrend_test`; its covariance is taken as the true one.
    slopes : sequence of float, optional
        Drifts, in units of the outcome per period. By default those that bias the effect
        by 0, 1, 2, 3 and 4 of its standard errors.
    event_times : sequence of int, optional
        Event times whose effects are averaged; all from 0 on by default.
    level : float
        One minus the size of the test, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by slope; bias of the average effect, the same in_std_errors, power of the
        test, and bias_if_passed (missing where the test practically never passes).

    Raises
    ------
    ValueError
        As `pretrend_test`, or if an event time is not in the study.

    References
    ----------
    Roth (2022), American Economic Review: Insights 4(3), 305-322.

    Examples
    --------
    >>> study = pd.DataFrame({"estimate": [0.2, 0.0, 3.0]}, index=[-2, -1, 0])
    >>> study.attrs = {"covariance": {-2: {-2: 0.25, 0: 0.1}, 0: {-2: 0.1, 0: 0.25}}, "df": 30}
    >>> pretrend_power(study, slopes=[0, 1]).round(3)
           bias  in_std_errors  power  bias_if_passed
    slope
    0       0.0            0.0   0.05           0.000
    1       1.0            2.0   0.49           1.151
    """
    _check_level(level)
    estimate, covariance, df = _moments(study)
    times, before = estimate.index.to_numpy(), estimate.index < -1
    v, q, df2 = _before(covariance, before, df)
    weights = _weights(times, event_times)
    sd, unit_bias = np.sqrt(weights @ covariance @ weights), weights @ (times + 1)
    slopes = np.arange(5) * sd / unit_bias if slopes is None else np.asarray(slopes)
    drift = (times + 1)[before]
    pull = (weights @ covariance)[before] @ np.linalg.solve(v, drift)
    limit, shift = stats.f.ppf(level, q, df2), slopes**2 * (drift @ np.linalg.solve(v, drift))
    passed = stats.ncf.cdf(limit, q, df2, shift)
    larger = stats.ncf.cdf(limit * q / (q + 2), q + 2, df2, shift)
    ratio = larger / np.where(passed > 1e-9, passed, np.nan)
    bias = slopes * unit_bias
    columns = {"bias": bias, "in_std_errors": bias / sd, "power": 1 - passed}
    columns["bias_if_passed"] = bias + slopes * pull * (ratio - 1)
    return pd.DataFrame(columns, index=pd.Index(slopes, name="slope"))


def _before(covariance, before, df):
    """Return the covariance before the treatment, its size and the test's second degrees."""
    q = int(before.sum())
    v = covariance[np.ix_(before, before)]
    if q == 0:
        raise ValueError("the study has no event time below -1, so there is nothing to test")
    if q >= df or np.linalg.matrix_rank(v) < q:
        raise ValueError(
            f"{q} coefficients before the treatment are too many for {df + 1} clusters; "
            "test fewer of them with study.loc[first:]"
        )
    return v, q, min(df, 10**6) - q + 1  # scipy's F distributions need finite degrees


def _weights(times, event_times):
    """Return the weights that average over event times, all from 0 on by default."""
    chosen = times[times >= 0] if event_times is None else np.atleast_1d(event_times)
    for event in chosen:
        if event < 0 or event not in times:
            raise ValueError(
                f"event time {event} is not among those with an effect, {times[times >= 0]}"
            )
    if len(chosen) == 0:
        raise ValueError("no event time from 0 on to average over; the study ends before it")
    return np.isin(times, chosen) / len(set(chosen))


def _moments(study):
    """Return estimates without the reference, their covariance, and degrees of freedom."""
    if not isinstance(study, pd.DataFrame) or "covariance" not in study.attrs:
        raise ValueError("study carries no covariance; pass the frame that event_study returned")
    estimate = study["estimate"].drop(index=-1, errors="ignore").sort_index()
    covariance = pd.DataFrame(study.attrs["covariance"])
    lost = estimate.index.difference(covariance.index)
    if len(lost):
        raise ValueError(f"the covariance has no event time {lost[0]}; do not relabel the study")
    covariance = covariance.loc[estimate.index, estimate.index].to_numpy()
    return estimate, covariance, study.attrs.get("df", np.inf)


def _check_level(level):
    """Raise unless a level lies between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")


# Input checks and the result. These lines close every recipe, letter for letter,
# so that each file can be copied alone.


def _names(columns):
    """Return one column name or several as a list."""
    return [columns] if isinstance(columns, str) else list(columns)


def _check_columns(data, columns):
    """Raise unless `data` has these columns, each in one role, complete and finite."""
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"data must be a pandas DataFrame, got {type(data).__name__}")
    for name in data.columns:
        if not isinstance(name, str):
            raise ValueError(f"column name {name!r} is not a string; use data.rename(columns=str)")
    for name in data.columns[data.columns.duplicated()]:
        raise ValueError(f"data has more than one column {name!r}; rename or drop all but one")
    for name in columns:
        if name not in data.columns:
            close = difflib.get_close_matches(str(name), data.columns, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"data has {list(data.columns)}"
            raise ValueError(f"no column {name!r} in data; {hint}")
        if columns.count(name) > 1:
            raise ValueError(f"column {name!r} is given more than one role; name it once")
    if data.empty:
        raise ValueError(f"column {columns[0]!r} has no rows; check the filter that made data")
    for name in columns:
        _check_values(data[name])


def _check_values(column):
    """Raise on the first missing or infinite value of a column."""
    bad, kind = column.isna().to_numpy(), "missing"
    if not bad.any() and pd.api.types.is_numeric_dtype(column):
        bad, kind = np.isinf(column.to_numpy(dtype=float)), "infinite"
    if bad.any():
        raise ValueError(
            f"column {column.name!r} has {bad.sum()} {kind} value(s), the first in row "
            f"{column.index[bad.argmax()]!r}; drop or impute such rows before the call, "
            "because that choice decides whom the estimate describes"
        )


def _numbers(data, name):
    """Return a numeric column as floats, or raise."""
    if not pd.api.types.is_numeric_dtype(data[name]):
        raise ValueError(
            f"column {name!r} holds {data[name].dtype} values such as {data[name].iloc[0]!r}, "
            "not numbers; convert it, for example with pd.to_numeric"
        )
    return data[name].to_numpy(dtype=float)


def _zero_one(data, name):
    """Return a column of zeros and ones, both present, as floats, or raise."""
    values = _numbers(data, name)
    for other in values[(values != 0) & (values != 1)]:
        raise ValueError(
            f"column {name!r} must be 0 or 1, found {other:g}; recode it to 1 for the "
            "treated and 0 for the others"
        )
    if values.min() == values.max():
        raise ValueError(
            f"column {name!r} is {values[0]:g} in all {len(values)} rows, so the other group "
            "is empty; a comparison needs rows of both"
        )
    return values


def _design(data, columns):
    """Return covariates as a float frame, a category as dummies without its first level."""
    parts = [pd.DataFrame(index=data.index)]
    for name in columns:
        if pd.api.types.is_numeric_dtype(data[name]):
            parts.append(data[name].astype(float))
        else:
            levels = data[name].astype("category").cat.remove_unused_categories()
            if len(levels.cat.categories) < 2:
                raise ValueError(f"column {name!r} is {levels.iloc[0]!r} in all rows; drop it")
            parts.append(pd.get_dummies(levels, prefix=name, drop_first=True, dtype=float))
    return pd.concat(parts, axis=1)


def _check_rank(design):
    """Raise if rows are too few or a column is a combination of the columns before it."""
    rows, width = design.shape
    if rows < width:
        raise ValueError(
            f"{rows} rows cannot carry {width} coefficients ({', '.join(design.columns)}); "
            "use fewer covariates or more rows"
        )
    values = design.to_numpy()
    norms = np.linalg.norm(values, axis=0)
    new = np.abs(np.diag(np.linalg.qr(values / np.where(norms > 0, norms, 1), mode="r")))
    for name in design.columns[new < 1e-9]:
        raise ValueError(
            f"column {name!r} is constant or a linear combination of the columns before it; drop it"
        )


def _result(method, estimate, std_error, *, n, level, df=np.inf):
    """Return estimate, standard error, interval and n as a Series named after the method."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    margin = special.stdtrit(df, (1 + level) / 2) * std_error
    ci = {"ci_low": estimate - margin, "ci_high": estimate + margin}
    entries = {"estimate": estimate, "std_error": std_error, **ci, "n": n}
    return pd.Series(entries, name=method, dtype=float)
