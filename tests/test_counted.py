"""Cells give the answers of the rows that they were made of, and say where they cannot."""

import functools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from cells import moments
from linearmodels.iv import IV2SLS

from casestudies.recipes import difference_in_differences, staggered_adoption
from casestudies.recipes._counted import _Counted, _pool, _read_counted
from casestudies.recipes.difference_in_differences import placebo, two_by_two
from casestudies.recipes.instrumental_variables import (
    limited_information,
    two_stage_least_squares,
    wald,
)
from casestudies.recipes.monitoring import change_detector, confidence_sequence, sample_ratio
from casestudies.recipes.off_policy import policy_value, value_difference
from casestudies.recipes.randomized_experiment import adjusted, difference_in_means
from casestudies.recipes.staggered_adoption import group_time, overall_att
from casestudies.recipes.standardization import standardize, standardized_means
from casestudies.recipes.weak_instruments import anderson_rubin, first_stage, t_f
from casestudies.recipes.weighting import weight

EXACT = {"rtol": 1e-10, "atol": 1e-13}


def people(n=1_200, seed=1):
    """Return people with a confounded treatment, an instrument, sites and two periods."""
    rng = np.random.default_rng(seed)
    f = pd.DataFrame(
        {
            "site": rng.integers(0, 15, n),
            "ward": rng.choice(["a", "b", "c"], n),
            "age": rng.integers(0, 3, n),
            "z": rng.integers(0, 2, n),
            "draw": rng.choice(["k", "l", "m"], n),
            "post": rng.integers(0, 2, n),
            "before": rng.normal(5, 2, n),
        }
    )
    lean = 0.3 + 0.15 * f["age"] + 0.1 * (f["ward"] == "b") - 0.1 * (f["draw"] == "l")
    f["d"] = (rng.uniform(size=n) < lean - 0.2 + 0.3 * f["z"]).astype(int)
    f["dose"] = f["d"] + rng.normal(size=n) + (f["draw"] == "m")
    shock = rng.normal(size=15)[f["site"]] + rng.normal(size=n) * (1 + f["d"])
    f["y"] = 10 + 2 * f["d"] + f["age"] + (f["ward"] == "c") * f["d"] + f["before"] + shock
    f["y"] += 0.5 * f["dose"]
    f["left"] = (rng.uniform(size=n) < 0.2 + 0.1 * f["d"] + 0.1 * f["age"]).astype(int)
    f["north"] = (f["site"] < 7).astype(int)
    f["p"] = np.array([0.3, 0.5, 0.7])[f["age"]]
    f["q"] = f["ward"].map({"a": 0.1, "b": 0.5, "c": 0.9})
    f["act"] = (rng.uniform(size=n) < f["p"]).astype(int)
    return f.assign(unit=np.arange(n), week=np.arange(n) // (n // 4))


def panel(count=72, seed=2):
    """Return units of 12 sites in five months, a treatment for some and three starts."""
    rng = np.random.default_rng(seed)
    units = pd.DataFrame({"unit": np.arange(count), "site": np.arange(count) % 12})
    units["drug"] = (rng.uniform(size=count) < 0.4).astype(int)
    units["start"] = np.array([0, 3, 4])[units["site"] % 3]
    f = units.merge(pd.DataFrame({"month": np.arange(1, 6)}), how="cross")
    shock = rng.normal(size=(12, 6))[f["site"], f["month"]]
    f["y"] = f["month"] + shock + rng.normal(size=len(f)) + 2 * f["drug"] * (f["month"] >= 3)
    f["y"] += (f["start"] > 0) * (f["month"] >= f["start"]) * f["month"]
    return f


ROWS, PANEL = people(), panel()
TRIAL = {"outcome": "y", "treatment": "d"}
ADJUSTED = {**TRIAL, "adjust_for": ["age", "ward"]}
CALLS = {  # what is called, with what, and the cells that serve it
    "difference_in_means": (difference_in_means, TRIAL, ["d", "ward"], ["y"]),
    "adjusted": (adjusted, ADJUSTED, ["d", "age", "ward"], ["y"]),
    "adjusted, finer cells": (adjusted, ADJUSTED, ["d", "age", "ward", "site"], ["y"]),
    "adjusted, by arm": (
        adjusted,
        {**ADJUSTED, "cov": "by_arm"},
        ["d", "age", "ward"],
        ["y"],
    ),
    "adjusted, CUPED": (
        adjusted,
        {**TRIAL, "adjust_for": "before", "cov": "by_arm"},
        ["d", "site"],
        ["before", "y"],
    ),
    "adjusted, classes and a measure": (
        adjusted,
        {**TRIAL, "adjust_for": ["ward", "before"], "cov": "by_arm"},
        ["d", "ward"],
        ["y", "before"],
    ),
    "standardize": (standardize, ADJUSTED, ["d", "age", "ward"], ["y"]),
    "standardize, ATT": (
        standardize,
        {**ADJUSTED, "estimand": "ATT"},
        ["d", "age", "ward", "site"],
        ["y"],
    ),
    "standardize, shared slopes": (
        standardize,
        {**ADJUSTED, "estimand": "ATT", "interact": ["ward"]},
        ["d", "age", "ward"],
        ["y"],
    ),
    "standardize, logit": (
        standardize,
        {**ADJUSTED, "outcome": "left", "model": "logit"},
        ["d", "age", "ward"],
        ["left"],
    ),
    "standardized_means": (standardized_means, ADJUSTED, ["d", "age", "ward"], ["y"]),
    **{
        f"weight, {estimand}, {variance}": (
            weight,
            {**ADJUSTED, "estimand": estimand, "variance": variance},
            ["d", "age", "ward"],
            ["y"],
        )
        for estimand in ("ATE", "ATT")
        for variance in ("sandwich", "stacked")
    },
}
DOSED = {"outcome": "y", "treatment": "dose", "controls": ["ward", "age"]}
SITES = {"unadjusted": {}, "robust": {}, "clustered": {"cluster": "site"}, "bekker": {}}
Z, DRAWS = ["z", "ward", "age", "site"], ["draw", "z", "ward", "age", "site"]
for cov, cluster in SITES.items():
    options = {"cov": cov, **cluster}
    many = {**DOSED, **options, "instruments": ["draw", "z"]}
    CALLS[f"limited_information, {cov}"] = (limited_information, many, DRAWS, ["dose", "y"])
    if cov == "bekker":
        continue
    one = {**DOSED, **options, "instrument": "z"}
    CALLS |= {
        f"wald, {cov}": (wald, {**TRIAL, **options, "instrument": "z"}, [*Z, "d"], ["y"]),
        f"wald with controls, {cov}": (wald, one, Z, ["dose", "y"]),
        f"t_f, {cov}": (t_f, one, Z, ["y", "dose"]),
        f"two_stage_least_squares, {cov}": (two_stage_least_squares, many, DRAWS, ["dose", "y"]),
        f"two treatments, {cov}": (
            two_stage_least_squares,
            {**many, "treatment": ["dose", "d"]},
            DRAWS,
            ["dose", "y", "d"],
        ),
        f"a product, {cov}": (
            two_stage_least_squares,
            {**many, "instruments": "draw:age", "controls": "age"},
            DRAWS,
            ["dose", "y"],
        ),
        f"anderson_rubin, {cov}": (
            anderson_rubin,
            {**DOSED, **options, "instruments": "z"},
            Z,
            ["dose", "y"],
        ),
    }
strong = {**DOSED, "instruments": ["draw", "z"]}
CALLS |= {
    "anderson_rubin, several": (anderson_rubin, strong, DRAWS, ["y", "dose"]),
    "first_stage": (first_stage, strong, DRAWS, ["dose"]),
    "first_stage, clustered": (first_stage, {**strong, "cluster": "site"}, DRAWS, ["dose"]),
    "first_stage, two treatments": (
        first_stage,
        {**strong, "treatment": ["dose", "d"]},
        DRAWS,
        ["dose", "d"],
    ),
}

LOGGED = {"outcome": "y", "action": "act", "propensity": "p", "target": "q"}
for self_normalized in (True, False):
    for cluster in (None, "site"):
        options = {**LOGGED, "self_normalized": self_normalized, "cluster": cluster}
        keys = ["act", "p", "q", *([cluster] if cluster else [])]
        for call in (policy_value, value_difference):
            name = f"{call.__name__}, {self_normalized}, {cluster}"
            CALLS[name] = call, options, keys, ["y"]
WATCHED = {"outcome": "y", "treatment": "d", "batch": "week"}
CALLS |= {
    "confidence_sequence": (
        confidence_sequence,
        {**WATCHED, "tuned_for": 600},
        ["d", "week", "ward"],
        ["y"],
    ),
    "change_detector": (change_detector, {**WATCHED, "reference": 3.0}, ["d", "week"], ["y"]),
    "sample_ratio": (
        sample_ratio,
        {"treatment": "d", "batch": "week", "share_treated": 0.4},
        ["d", "week", "site"],
        ["y"],
    ),
}
SITE = {"outcome": "y", "cluster": "site"}
MONTHS = {**SITE, "time": "month", "treated": "drug", "first_treated_time": 3}
STARTS = {**SITE, "time": "month", "first_treated": "start"}
OF_UNITS = {  # rows name their unit, which cells do not hold
    "two_by_two": (
        two_by_two,
        {**SITE, "treated": "north", "post": "post"},
        ["north", "post", "site"],
        ["y"],
    ),
    "two_by_two with controls": (
        two_by_two,
        {**SITE, "treated": "north", "post": "post", "controls": ["age", "ward"]},
        ["north", "post", "site", "age", "ward"],
        ["y"],
    ),
}
OF_PANELS = {
    "difference_in_differences.event_study": (
        difference_in_differences.event_study,
        MONTHS,
        ["month", "drug", "site"],
        ["y"],
    ),
    "placebo": (placebo, MONTHS, ["month", "drug", "site"], ["y"]),
    "group_time": (group_time, STARTS, ["month", "start", "site"], ["y"]),
    "staggered_adoption.event_study": (
        staggered_adoption.event_study,
        STARTS,
        ["month", "start", "site"],
        ["y"],
    ),
    "overall_att": (overall_att, STARTS, ["month", "start", "site", "drug"], ["y"]),
}
CALLS |= OF_UNITS | OF_PANELS


def rows_of(name):
    return PANEL if name in OF_PANELS else ROWS


def from_rows(name, rows):
    call, columns, _, _ = CALLS[name]
    unit = {"unit": "unit"} if name in OF_UNITS | OF_PANELS else {}
    return call(rows, **columns, **unit)


@functools.cache
def cells_of(panel, by, measures):
    return moments(PANEL if panel else ROWS, list(by), measures)


def compare(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, pd.DataFrame):
        assert list(found.columns) == list(expected.columns)
        assert found.index.tolist() == expected.index.tolist()
    else:
        assert found.index.tolist() == expected.index.tolist()
        assert found.name == expected.name
        assert found.attrs.get("effective_n", {}) == pytest.approx(
            expected.attrs.get("effective_n", {}), rel=1e-10
        )
        found, expected = found.to_frame(), expected.to_frame()
    for name in expected:
        for one, other in zip(found[name], expected[name], strict=True):
            if isinstance(other, str | bool | np.bool_):
                assert one == other
            else:
                np.testing.assert_allclose(one, other, **EXACT, err_msg=str(name))


@pytest.mark.parametrize("name", CALLS)
def test_cells_give_the_answer_of_the_rows(name):
    call, columns, by, measures = CALLS[name]
    cells = cells_of(name in OF_PANELS, tuple(by), tuple(measures))
    compare(call(cells, size="n", **columns), from_rows(name, rows_of(name)))


@pytest.mark.parametrize("name", CALLS)
def test_rows_counted_once_each_are_rows(name):
    call, columns, _, _ = CALLS[name]
    rows = rows_of(name)
    compare(call(rows.assign(n=1), size="n", **columns), from_rows(name, rows))


@pytest.mark.parametrize("name", CALLS)
def test_an_outcome_among_the_keys_has_no_variance_of_its_own(name):
    """Frequencies: equal rows, written once with their number."""
    call, columns, by, measures = CALLS[name]
    rows = rows_of(name)
    rows = rows.assign(**{measure: rows[measure].round() for measure in measures})
    counts = rows.groupby(list(dict.fromkeys([*by, *measures])), observed=True).size()
    counts = counts.rename("n").reset_index()
    compare(call(counts, size="n", **columns), from_rows(name, rows))


def test_lins_estimate_and_hc2_from_cells_are_those_of_statsmodels():
    cells = moments(ROWS, ["d", "age", "ward"])
    ours = adjusted(cells, **ADJUSTED, size="n")
    x = pd.get_dummies(ROWS[["age", "ward"]], dtype=float).drop(columns="ward_a")
    x = x - x.mean()
    frame = x.assign(y=ROWS["y"], d=ROWS["d"])
    fit = smf.ols("y ~ d * (age + ward_b + ward_c)", frame).fit(cov_type="HC2", use_t=True)
    np.testing.assert_allclose(ours[["estimate", "std_error"]], [fit.params["d"], fit.bse["d"]])
    np.testing.assert_allclose(ours[["ci_low", "ci_high"]], fit.conf_int().loc["d"])


def test_cuped_by_arm_is_the_regression_of_each_arm_predicted_at_the_mean():
    cells = moments(ROWS, ["d"], ["before", "y"])
    ours = adjusted(cells, **TRIAL, adjust_for="before", cov="by_arm", size="n")
    centre = pd.DataFrame({"before": [ROWS["before"].mean()]})
    parts = []
    for arm in (0, 1):
        fit = smf.ols("y ~ before", ROWS[ROWS["d"] == arm]).fit()
        parts.append(fit.get_prediction(centre).summary_frame().iloc[0])
    gap = parts[1]["mean"] - parts[0]["mean"]
    error = np.hypot(parts[0]["mean_se"], parts[1]["mean_se"])
    np.testing.assert_allclose(ours[["estimate", "std_error"]], [gap, error], rtol=1e-9)


def test_two_stage_least_squares_from_cells_is_that_of_linearmodels():
    keys = ["draw", "z", "ward", "site"]
    cells = moments(ROWS, keys, ["dose", "y"])
    exogenous = pd.get_dummies(ROWS["ward"], dtype=float).iloc[:, 1:].assign(constant=1.0)
    instruments = pd.get_dummies(ROWS["draw"], dtype=float).iloc[:, 1:].assign(z=ROWS["z"])
    model = IV2SLS(ROWS["y"], exogenous, ROWS["dose"], instruments)
    columns = {"outcome": "y", "treatment": "dose", "instruments": ["draw", "z"]}
    for cov in ("unadjusted", "robust"):
        ours = two_stage_least_squares(cells, **columns, controls="ward", cov=cov, size="n")
        theirs = model.fit(cov_type=cov)
        expected = [theirs.params["dose"], theirs.std_errors["dose"]]
        np.testing.assert_allclose(ours[["estimate", "std_error"]], expected, rtol=1e-8)
    ours = two_stage_least_squares(
        cells, **columns, controls="ward", cov="clustered", cluster="site", size="n"
    )
    theirs = model.fit(cov_type="clustered", clusters=ROWS["site"], debiased=False)
    groups = ROWS["site"].nunique()
    expected = theirs.std_errors["dose"] * np.sqrt(groups / (groups - 1))
    np.testing.assert_allclose(ours["std_error"], expected, rtol=1e-8)


def test_two_by_two_from_cells_is_the_clustered_regression_of_statsmodels():
    cells = moments(ROWS, ["north", "post", "site"])
    ours = two_by_two(cells, **SITE, treated="north", post="post", size="n")
    groups = {"groups": ROWS["site"]}
    fit = smf.ols("y ~ north * post", ROWS).fit(cov_type="cluster", cov_kwds=groups, use_t=True)
    expected = [fit.params["north:post"], fit.bse["north:post"]]
    np.testing.assert_allclose(ours[["estimate", "std_error"]], expected, rtol=1e-9)
    interval = fit.conf_int().loc["north:post"]
    np.testing.assert_allclose(ours[["ci_low", "ci_high"]], interval, rtol=1e-9)


def test_an_event_study_from_cells_is_the_regression_with_unit_and_month_effects():
    cells = moments(PANEL, ["month", "drug", "site"])
    ours = difference_in_differences.event_study(cells, **MONTHS, size="n")
    months = {f"m{m}": PANEL["drug"] * (PANEL["month"] == m) for m in (1, 3, 4, 5)}
    formula = "y ~ C(unit) + C(month) + " + " + ".join(months)
    slopes = smf.ols(formula, PANEL.assign(**months)).fit().params[list(months)]
    np.testing.assert_allclose(ours["estimate"].drop(-1), slopes, rtol=1e-8)


def test_standardization_from_cells_is_the_mean_of_the_cells_differences():
    """With classes for covariates the model is saturated, and the g-formula a sum over them."""
    rows = ROWS.assign(kind=ROWS["age"].astype(str) + ROWS["ward"])
    ours = standardize(
        moments(rows, ["d", "kind"]), **TRIAL, adjust_for="kind", size="n", estimand="ATT"
    )
    means = rows.pivot_table(index="kind", columns="d", values="y")
    treated = rows[rows["d"] == 1].groupby("kind").size()
    expected = np.average(means[1] - means[0], weights=treated)
    np.testing.assert_allclose(ours["estimate"], expected, rtol=1e-10)


def cells(by=("d", "age", "ward"), measures=("y",)):
    return moments(ROWS, list(by), list(measures))


def spread(ddof):
    """Return cells, some of one person, as a borrower makes them with pandas."""
    groups = ROWS.groupby(["d", "age", "ward", "site"])["y"]
    made = {"n": groups.size(), "y_mean": groups.mean(), "y_var": groups.var(ddof=ddof)}
    return pd.DataFrame(made).reset_index()


REFUSALS = {  # what is asked, what is said, and what works then
    "a covariate whose values are gone": (
        lambda: standardize(
            cells(["d", "ward"], ["y", "before"]), **TRIAL, adjust_for="before", size="n"
        ),
        "'before': the cells hold its moments, but adjust_for needs its values.* by bins",
        lambda: standardize(
            moments(ROWS.assign(before=ROWS["before"] // 2), ["d", "before"]).query(
                "0 < before < 5"
            ),
            **TRIAL,
            adjust_for="before",
            size="n",
        ),
    ),
    "fourth moments": (
        lambda: adjusted(cells(["d"], ["y", "before"]), **TRIAL, adjust_for="before", size="n"),
        "'before': .* HC2, which needs the residual of each row, cannot be had; use cov='by_arm'",
        lambda: adjusted(
            cells(["d"], ["y", "before"]), **TRIAL, adjust_for="before", cov="by_arm", size="n"
        ),
    ),
    "a collinear measure": (
        lambda: adjusted(
            moments(ROWS.assign(twice=2 * ROWS["before"]), ["d"], ["y", "before", "twice"]),
            **TRIAL,
            adjust_for=["before", "twice"],
            cov="by_arm",
            size="n",
        ),
        "where 'd' is 0, column 'twice' is constant or a linear combination",
        lambda: adjusted(
            cells(["d"], ["y", "before"]), **TRIAL, adjust_for="before", cov="by_arm", size="n"
        ),
    ),
    "an outcome that is not there": (
        lambda: difference_in_means(cells(), outcome="left", treatment="d", size="n"),
        "no column 'left_mean' of means, nor 'left' .*; name 'left' among the measures",
        lambda: difference_in_means(
            cells(["d"], ["left"]), outcome="left", treatment="d", size="n"
        ),
    ),
    "two outcomes of one name": (
        lambda: difference_in_means(cells().assign(y=1.0), **TRIAL, size="n"),
        "columns 'y' and 'y_mean', so it is not clear which is meant; drop one",
        lambda: difference_in_means(cells(), **TRIAL, size="n"),
    ),
    "a treatment that varies inside the cells": (
        lambda: difference_in_means(cells(["ward"], ["y", "d"]), **TRIAL, size="n"),
        "'d': the cells hold its moments, but treatment needs its values",
        lambda: difference_in_means(cells(["ward", "d"]), **TRIAL, size="n"),
    ),
    "a cluster that varies inside the cells": (
        lambda: difference_in_means(cells(["d"], ["y", "site"]), **TRIAL, cluster="site", size="n"),
        "'site': the cells hold its moments, but cluster needs its values",
        lambda: difference_in_means(cells(["d", "site"]), **TRIAL, cluster="site", size="n"),
    ),
    "a name that is none": (
        lambda: difference_in_means(cells(), outcome="y", treatment=3, size="n"),
        "treatment must name a column, as a string, got 3",
        lambda: difference_in_means(cells(), **TRIAL, size="n"),
    ),
    "an instrument that varies inside the cells": (
        lambda: wald(cells(["ward"], ["y", "d", "z"]), **TRIAL, instrument="z", size="n"),
        "'z': the cells hold its moments, but instrument needs its values",
        lambda: wald(cells(["z"], ["y", "d"]), **TRIAL, instrument="z", size="n"),
    ),
    "no covariance": (
        lambda: wald(
            cells(["z"], ["y", "dose"]).drop(columns="cov_y_dose"),
            outcome="y",
            treatment="dose",
            instrument="z",
            size="n",
        ),
        "no column 'cov_y_dose' in data; name y and dose among the measures",
        lambda: wald(
            cells(["z"], ["y", "dose"]), outcome="y", treatment="dose", instrument="z", size="n"
        ),
    ),
    "a variance with divisor n - 1": (
        lambda: weight(spread(ddof=1), **ADJUSTED, size="n"),
        r"'y_var' is missing in [1-9]\d* cell.s. of one row, .* divisor n, .* with .var.ddof=0.",
        lambda: weight(spread(ddof=0), **ADJUSTED, size="n"),
    ),
    "weights that count nothing": (
        lambda: weight(cells().assign(n=1.5), **ADJUSTED, size="n"),
        "'n' must count the rows behind each row of data, a whole number, 1 or more, found 1.5",
        lambda: weight(cells(), **ADJUSTED, size="n"),
    ),
    "a logit of more than zeros and ones": (
        lambda: standardize(cells(), **ADJUSTED, model="logit", size="n"),
        "'y' must be 0 or 1 for model='logit'",
        lambda: standardize(cells(), **ADJUSTED, size="n"),
    ),
    "no unit and no cells": (
        lambda: two_by_two(ROWS, **SITE, treated="north", post="post"),
        "unit is None; name unit=",
        lambda: two_by_two(ROWS, **SITE, treated="north", post="post", unit="unit"),
    ),
    "a unit in cells": (
        lambda: two_by_two(
            cells(["site", "north", "post"]),
            outcome="y",
            unit="site",
            treated="north",
            post="post",
            size="n",
        ),
        "unit='site' and cluster='site' with size='n': .* name cluster=.* and no unit=",
        lambda: two_by_two(
            cells(["site", "north", "post"]),
            outcome="y",
            cluster="site",
            treated="north",
            post="post",
            size="n",
        ),
    ),
    "units that come and go": (
        lambda: group_time(
            moments(PANEL[PANEL.index > 0], ["month", "start", "site"]), **STARTS, size="n"
        ),
        "site = 0 and start = 0 hold 5 unit.s. in month = 1 and 6 in 2 .* two_by_two",
        lambda: group_time(
            moments(PANEL[PANEL["unit"] > 0], ["month", "start", "site"]), **STARTS, size="n"
        ),
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cells_cannot_tell_is_refused_and_the_advice_works(name):
    asked, message, advised = REFUSALS[name]
    with pytest.raises(ValueError, match=message):
        asked()
    assert np.isfinite(np.asarray(advised(), dtype=float)).all()


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("shift", [0, 1e6])
@pytest.mark.parametrize(
    "name", ["adjusted, CUPED", "standardize", "wald, robust", "two_by_two", "weight, ATT, stacked"]
)
def test_units_and_origins_of_measures_cost_no_digits(name, scale, shift):
    call, columns, by, measures = CALLS[name]
    made = cells_of(False, tuple(by), tuple(measures))
    moved = made.assign(y_mean=(made["y_mean"] + shift) * scale, y_var=made["y_var"] * scale**2)
    for column in moved.filter(like="cov_"):
        moved[column] *= scale
    entries = ["estimate", "std_error", "ci_low", "ci_high"]
    found, expected = (call(frame, size="n", **columns)[entries] for frame in (moved, made))
    np.testing.assert_allclose(found / scale, expected, rtol=1e-8)


def test_cells_neither_change_nor_depend_on_their_order():
    for name in ("adjusted, CUPED", "two_stage_least_squares, clustered", "group_time"):
        call, columns, by, measures = CALLS[name]
        made = cells_of(name in OF_PANELS, tuple(by), tuple(measures))
        before = made.copy()
        found = call(made.sample(frac=1, random_state=1), size="n", **columns)
        pd.testing.assert_frame_equal(made, before)
        compare(found, call(made, size="n", **columns))


SAMPLED = ROWS.assign(w=1 + ROWS["age"] + ROWS["site"] % 3)


def read(frame, size=None, weights="w"):
    return _read_counted(frame, size, outcome="y", treatment="d", weights=weights)


def test_sampling_weights_have_mean_1_over_the_rows_behind_and_leave_the_table():
    table, rows = read(SAMPLED)
    assert list(table) == ["y", "d"]
    np.testing.assert_allclose(rows.weights, SAMPLED["w"] / SAMPLED["w"].mean())
    _, behind = read(moments(SAMPLED, ["d", "w"]), "n")
    assert len(behind.size) == 10
    assert behind.n == rows.n == len(SAMPLED)
    np.testing.assert_allclose(behind.mass.sum(), len(SAMPLED))
    np.testing.assert_allclose(behind.of(slice(3)).mass, behind.mass[:3])
    huge = SAMPLED.assign(w=SAMPLED["w"] * 1e307)
    np.testing.assert_allclose(read(huge)[1].weights, rows.weights, rtol=1e-12)
    assert (read(SAMPLED, weights=None)[1].weights == 1).all()


def test_weighted_errors_from_cells_are_those_of_the_rows_with_clusters_and_without():
    rows, cells = SAMPLED, moments(SAMPLED, ["d", "w", "site"])
    found = []
    for frame, size in ((rows, None), (cells, "n")):
        table, counted = read(frame, size)
        slope = counted.mass / counted.mass.sum()
        total = slope * (table["y"] - slope @ table["y"]).to_numpy()
        clusters = counted.error(total, slope, frame["site"])
        found.append([counted.std_error(total, slope), *counted.error(total, slope), *clusters])
    np.testing.assert_allclose(*found, rtol=1e-10)
    fit = sm.WLS(rows["y"], np.ones(len(rows)), weights=rows["w"])
    np.testing.assert_allclose(found[0][1], fit.fit(cov_type="HC0").bse.iloc[0], rtol=1e-10)
    groups = {"groups": rows["site"], "use_correction": False}
    clustered = fit.fit(cov_type="cluster", cov_kwds=groups).bse.iloc[0] * np.sqrt(15 / 14)
    np.testing.assert_allclose(found[0][2:], [np.inf, clustered, 14], rtol=1e-10)


COVARIATES = ["age", "before", "dose"]


def several(cells, size="n"):
    """Read an outcome and covariates, of which age is the same in all of a cell."""
    roles = {"outcome": "y", "treatment": "d", "weights": "w"}
    measured = ("outcome", "covariates")
    return _read_counted(cells, size, measured, several={"covariates": COVARIATES}, **roles)


def test_scatter_is_that_of_the_rows_in_the_order_of_the_measures():
    made = moments(SAMPLED, ["d", "w", "age"], ["dose", "y", "before"])
    table, counted = several(made)
    assert list(table) == ["y", "d", *COVARIATES]
    names = ["y", *COVARIATES]
    parts = [part.to_numpy() for _, part in SAMPLED.groupby(["d", "w", "age"])[names]]
    expected = np.array([np.cov(part.T, ddof=0) * len(part) for part in parts])
    np.testing.assert_allclose(counted.scatter, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(counted.variance, [part[:, 0].var() for part in parts], rtol=1e-10)
    np.testing.assert_allclose(table[names], [part.mean(axis=0) for part in parts], rtol=1e-12)


@pytest.mark.parametrize("by", [["d", "w", "age"], ["d", "age", "w"], ["d"]])
def test_some_of_the_rows_keep_their_size_scatter_and_weights(by):
    rows = SAMPLED if "age" in by else SAMPLED.assign(w=1, age=1)
    made = moments(rows, list(dict.fromkeys([*by, "w", "age"])), ["y", "before", "dose"])
    kept = made["d"].to_numpy() == 1
    here, (_, counted) = made[kept], several(made)
    some = counted.of(kept)
    assert some.size.tolist() == here["n"].tolist()
    np.testing.assert_allclose(some.weights, here["w"] / rows["w"].mean(), rtol=1e-12)
    np.testing.assert_allclose(some.variance, here["y_var"], rtol=1e-10)
    np.testing.assert_allclose(some.scatter[:, 2, 3], here["n"] * here["cov_before_dose"])
    _, alone = several(rows, None)
    few = alone.of(rows["d"] == 1)
    assert few.n == here["n"].sum() == len(few.weights)
    assert few.variance.tolist() == [0] * few.n


@pytest.mark.parametrize("groups", [0, 7])
@pytest.mark.parametrize("by", [["site"], ["site", "ward", "d"]])
def test_pooled_cells_have_the_moments_of_the_rows(by, groups):
    names = ["y", "before", "dose"]
    groups_of_rows = np.array([0, 1, 3, 4])[ROWS["site"] % 4]  # nobody is in group 2
    made = moments(ROWS.assign(group=groups_of_rows), ["group", *by], names)
    scatter = np.zeros((len(made), 3, 3))
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            held = f"{a}_var" if a == b else f"cov_{names[min(i, j)]}_{names[max(i, j)]}"
            scatter[:, i, j] = made["n"] * made[held]
    counted = _Counted(made["n"].to_numpy(), scatter, np.ones(len(made)))
    means = made[[f"{name}_mean" for name in names]].to_numpy()
    left, code = means.copy(), made["group"].to_numpy()
    size, centre, found = _pool(left, counted, code, groups)
    parts = [ROWS.loc[groups_of_rows == part, names].to_numpy() for part in range(groups or 5)]
    assert size.tolist() == [len(part) for part in parts]
    for place, part in enumerate(parts):
        expected = part.mean(axis=0) if len(part) else np.zeros(3)
        np.testing.assert_allclose(centre[place], expected, rtol=1e-12)
        around = (part - expected).T @ (part - expected)
        np.testing.assert_allclose(found[place], around, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(left, means - centre[code], rtol=0, atol=1e-12)


def pair(**changed):
    """Return three cells of two measures, of 4, 1 and 9 rows."""
    cells = {"d": [0, 1, 1], "n": [4, 1, 9], "y_mean": [1.0, -2, 3], "x_mean": [0.0, 1e6, -1e6]}
    cells |= {"y_var": [1.0, 0, 9], "x_var": [4.0, 0, 0], "cov_x_y": [-2.0, 0, 0]}
    return pd.DataFrame({**cells, **changed})


def read_pair(cells):
    columns = {"outcome": "y", "covariate": "x", "treatment": "d"}
    return _read_counted(cells, "n", ("outcome", "covariate"), **columns)[1]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"cov_x_y": [2 + 1e-12, 0, 0]},
        {"cov_x_y": [-2 - 1e-12, 0, 0]},
        {"cov_x_y": [0, 0, 1e-10]},
        {"x_var": [4, 1e-4, 0]},
        {"x_mean": [0, -1e6, 0], "x_var": [4, 1e-4, 0]},
    ],
)
def test_moments_up_to_rounding_are_read(changed):
    assert read_pair(pair(**changed)).n == 14


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"y_var": [1, 0, -1]},
            r"'y_var' is -1 in row 2 of data, of 9 row\(s\): no rows have such",
        ),
        ({"x_var": [-4, 0, 0]}, r"'x_var' is -4 in row 0 of data, of 4 row"),
        ({"y_var": [1, 0.5, 9]}, r"'y_var' is 0.5 in row 1 of data, of 1 row"),
        ({"x_var": [4, 1, 0]}, r"'x_var' is 1 in row 1 of data, of 1 row"),
        ({"cov_x_y": [2.001, 0, 0]}, r"'cov_x_y' is 2.001 in row 0 of data, of 4 row"),
        ({"cov_x_y": [-2.001, 0, 0]}, r"'cov_x_y' is -2.001 in row 0 of data"),
        ({"cov_x_y": [0, 0, 1]}, r"'cov_x_y' is 1 in row 2 of data, of 9 row"),
        ({"cov_x_y": [3, 0, 0], "y_var": [1, 0, 1e12]}, r"'cov_x_y' is 3 in row 0 of data"),
        ({"cov_x_y": [3, 0, 1]}, r"'cov_x_y' is 3 in row 0 of data, of 4 row"),
        ({"n": [4, 0, 9]}, "'n' must count .* a whole number, 1 or more, found 0; drop"),
        ({"n": [4, -1, 9]}, "'n' must count .* found -1"),
        ({"n": [4, 1, 2.5]}, "'n' must count .* found 2.5"),
        ({"n": list("412")}, "'n' holds .* not numbers"),
        (
            {"x_var": [4, np.nan, 0]},
            r"'x_var' is missing in 1 cell\(s\) of one row, .* divisor n - 1",
        ),
        ({"y_var": [1, 0, np.nan]}, r"'y_var' has 1 missing value\(s\), the first in row 2"),
    ],
)
def test_moments_that_no_rows_have_are_refused_with_column_and_row(changed, message):
    with pytest.raises(ValueError, match=message):
        read_pair(pair(**changed))


def test_moments_that_no_rows_have_lend_no_slack_to_another_cell():
    cells = pair(cov_x_y=[3, 0, 0], y_var=[1, 0, 1e18]).iloc[[0, 2]]
    with pytest.raises(ValueError, match="'cov_x_y' is 3 in row 0"):
        read_pair(cells)


def test_a_column_that_cells_do_not_hold_is_refused_by_its_name():
    with pytest.raises(ValueError, match=r"^no column 'd' in data"):
        read_pair(pair().drop(columns="d"))
    with pytest.raises(ValueError, match=r"^no column 'y_var' in data; name y among the m"):
        read_pair(pair().drop(columns="y_var"))
    assert read_pair(pair(d_mean=0.0)).n == 14  # the role takes values, and they are there


@pytest.mark.parametrize("least", [1e-200, 1e-320])
def test_weights_far_apart_are_shares_of_their_sum(least):
    frame = pd.DataFrame({"y": [1.0, 2.0], "d": [0, 1], "w": [least, 1e200]})
    np.testing.assert_allclose(read(frame)[1].weights, [0, 2], atol=1e-15)


@pytest.mark.parametrize(
    ("changed", "message", "advised"),
    [
        (lambda f: f["w"].where(f.index > 5, 0), "'w' has a weight of 0; .* rows above 0", 6),
        (lambda f: f["w"].where(f.index > 3, -2.5), "'w' has a weight of -2.5", 4),
        (lambda f: f["w"].where(f.index > 0, np.inf), "'w' has 1 infinite value", 1),
        (lambda f: f["w"].astype(str), "'w' holds .*not numbers", 0),
    ],
)
def test_weights_of_nobody_are_refused_and_the_advice_works(changed, message, advised):
    frame = SAMPLED.assign(w=changed(SAMPLED))
    with pytest.raises(ValueError, match=message):
        read(frame)
    frame["w"] = pd.to_numeric(frame["w"])
    assert read(frame[(frame["w"] > 0) & np.isfinite(frame["w"])])[1].n == len(SAMPLED) - advised


@pytest.mark.parametrize(("option", "size"), [("weights", None), ("size", "n")])
def test_one_column_cannot_be_weight_or_size_and_cluster(option, size):
    cells = moments(SAMPLED, ["d", "w"])
    name = "w" if option == "weights" else "n"
    roles = {"outcome": "y", "treatment": "d", "size": size, "weights": "w"}
    frame = SAMPLED if size is None else cells
    with pytest.raises(ValueError, match=f"'{name}' is given more than one role, {option} and cl"):
        difference_in_means(frame, **roles, cluster=name)
    assert np.isfinite(difference_in_means(frame, **roles)).all()


def test_weights_that_vary_inside_the_cells_are_refused_and_the_advice_works():
    with pytest.raises(ValueError, match="'w': the cells hold its moments, but weights needs its"):
        read(moments(SAMPLED, ["d"], ["y", "w"]), "n")
    assert read(moments(SAMPLED, ["d", "w"]), "n")[1].n == len(SAMPLED)
