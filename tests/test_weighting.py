"""Weighting against a published figure, hand work and stacked equations."""

import re

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from causaldata import nhefs_complete
from confounded import COLUMNS, DESIGN, WARD_COLUMNS, WARDS, design, fits, hospital, m_estimator
from scipy.special import expit

from casestudies import scenarios
from casestudies.recipes.weighting import inverse_weights, weight
from casestudies.sampling.montecarlo import replicate

COVERED = [(e, v) for e in ("ATE", "ATT") for v in ("sandwich", "stacked")]


def test_weighting_nhefs_is_that_of_what_if():
    # Hernan and Robins, What If, chapter 12: 3.4 kg (2.4, 4.5)
    people = nhefs_complete.load_pandas().data
    curved = ["age", "smokeintensity", "smokeyrs", "wt71"]
    people = people.join(people[curved].pow(2).add_suffix("_squared"))
    found = weight(
        people,
        outcome="wt82_71",
        treatment="qsmk",
        adjust_for=[
            *("sex", "race", "education", "exercise", "active"),
            *curved,
            *people.columns[-4:],
        ],
    )
    assert found[["estimate", "ci_low", "ci_high"]].round(2).to_list() == [3.44, 2.41, 4.47]
    assert found["n"] == 1566
    assert found.name == "weight"


def test_hand_worked_weights_and_effective_sizes():
    ate = inverse_weights(WARDS, **WARD_COLUMNS)
    assert ate.to_list() == pytest.approx([4, *3 * [4 / 3], *3 * [4 / 3], 4])
    att = inverse_weights(WARDS, **WARD_COLUMNS, estimand="ATT")
    assert att.to_list() == pytest.approx([1, *3 * [1 / 3], 1, 1, 1, 3])
    result = weight(WARDS, outcome="y", **WARD_COLUMNS, estimand="ATT")
    assert result.attrs["effective_n"] == pytest.approx({"treated": 4, "control": 16 / (28 / 3)})
    assert result.attrs["estimand"] == "ATT"


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_stacked_error_of_weighting_is_that_of_the_stacked_equations(estimand):
    data = hospital(300, rng=9)
    x, a, y = design(data), data["a"].to_numpy(), data["y"].to_numpy()
    logit = sm.Logit(a, x).fit(disp=0, tol=1e-12)

    def equations(theta):
        beta, mean0, effect = theta[:-2], theta[-2], theta[-1]
        e = expit(x @ beta)
        w1, w0 = (1 / e, 1 / (1 - e)) if estimand == "ATE" else (1, e / (1 - e))
        rows = a * w1 * (y - mean0 - effect), (1 - a) * w0 * (y - mean0)
        return np.column_stack([x * (a - e)[:, None], rows[1], rows[0]])

    w = inverse_weights(data, **DESIGN, estimand=estimand)
    mean1, mean0 = (np.average(y[a == arm], weights=w[a == arm]) for arm in (1, 0))
    found = weight(data, **COLUMNS, estimand=estimand, variance="stacked")
    assert found["estimate"] == pytest.approx(mean1 - mean0)
    expected = m_estimator(equations, [*logit.params, mean0, mean1 - mean0])
    assert found["std_error"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_sandwich_error_of_weighting_is_that_of_robust_weighted_regression(estimand):
    data = hospital(300, rng=9)
    w = inverse_weights(data, **DESIGN, estimand=estimand)
    fit = sm.WLS(data["y"], sm.add_constant(data["a"]), weights=w).fit(cov_type="HC0")
    found = weight(data, **COLUMNS, estimand=estimand, variance="sandwich", level=0.9)
    assert found["estimate"] == pytest.approx(fit.params["a"])
    assert found["std_error"] == pytest.approx(fit.bse["a"])
    assert found[["ci_low", "ci_high"]].to_list() == pytest.approx(list(fit.conf_int(0.1).loc["a"]))


def test_intervals_cover_as_the_docstring_says_where_few_of_the_treated_count():
    # The docstring's figures are of 2,000 samples; 200 have an error of 0.02 at most.
    shares = re.findall(r"0\.9\d\d", weight.__doc__)[:4]
    stated = {f"{e}, {v}": float(share) for (e, v), share in zip(COVERED, shares, strict=True)}

    def analysis(estimand, variance):
        columns = {"outcome": "severity", "treatment": "drug", "adjust_for": "health"}
        return lambda d: weight(d, **columns, estimand=estimand, variance=variance)

    found = replicate(
        scenarios.hospital(),
        {f"{estimand}, {variance}": analysis(estimand, variance) for estimand, variance in COVERED},
        n=1_000,
        replications=200,
        rng=4,
        n_jobs=1,
        estimand={name: name[:3] for name in stated},
    )["coverage"]
    for name, share in stated.items():
        assert abs(found[name] - share) < 4 * np.sqrt(share * (1 - share) / 200)
    assert found["ATE, stacked"] < found["ATE, sandwich"]


def test_default_error_of_weighting_is_the_sandwich_for_the_ate_and_stacked_for_the_att():
    data = hospital(300, rng=9)
    assert weight(data, **COLUMNS).equals(weight(data, **COLUMNS, variance="sandwich"))
    att = weight(data, **COLUMNS, estimand="ATT")
    assert att.equals(weight(data, **COLUMNS, estimand="ATT", variance="stacked"))
    assert not att.equals(weight(data, **COLUMNS, estimand="ATT", variance="sandwich"))


DAYS = pd.date_range("2024-01-01", periods=100)
SITE = COLUMNS | {"adjust_for": ["x1", "site"]}


def lone(data):
    """Give each unit a site, of which one has treated units only."""
    return data["ward"].where((data["a"] == 0) | (data["x1"] < 1), "s")


AGE = COLUMNS | {"adjust_for": "x1"}
REMEDIES = [
    (
        lambda d: weight(d, **COLUMNS, estimand="ATC"),
        "estimand must be one of 'ATE', 'ATT', got 'ATC'",
        lambda d: weight(d, **COLUMNS, estimand="ATT"),
    ),
    (
        lambda d: weight(d, **COLUMNS, variance="naive"),
        "'sandwich', 'stacked', got 'naive'",
        lambda d: weight(d, **COLUMNS, variance="stacked"),
    ),
    (
        lambda d: weight(d, **COLUMNS, variance=""),
        "variance must be one of .* got ''",
        lambda d: weight(d, **COLUMNS, variance=None),
    ),
    (
        lambda d: weight(d, **COLUMNS, level=np.nan),
        "level must lie between 0 and 1, got nan",
        lambda d: weight(d, **COLUMNS, level=0.5),
    ),
    (
        lambda d: weight(d, **COLUMNS | {"adjust_for": []}),
        "adjust_for names no column; name the covariates",
        lambda d: weight(d, **COLUMNS | {"adjust_for": ["x1"]}),
    ),
    (
        lambda d: weight(d, **COLUMNS | {"adjust_for": ["x1", "a"]}),
        "'a' is given more than",
        lambda d: weight(d, **COLUMNS | {"adjust_for": ["x1"]}),
    ),
    (
        lambda d: weight(d.assign(y="long"), **COLUMNS),
        "'y' holds .* not numbers",
        lambda d: weight(d.assign(y=d["y"].gt(0) * 1), **COLUMNS),
    ),
    (
        lambda d: weight(d.assign(x1=np.nan), **COLUMNS),
        "'x1' has 100 missing",
        lambda d: weight(d, **COLUMNS),
    ),
    (
        lambda d: weight(d.assign(y=0.1), **COLUMNS),
        "column 'y' is 0.1 in all 100 rows",
        lambda d: weight(d, **COLUMNS),
    ),
    (
        lambda d: weight(d.assign(day=DAYS[:100]), **COLUMNS | {"adjust_for": "day"}),
        "column 'day' holds dates such as",
        lambda d: weight(
            d.assign(day=(DAYS - DAYS.min()).days[:100]), **COLUMNS | {"adjust_for": "day"}
        ),
    ),
    (
        lambda d: weight(d.assign(site=d["a"].map({0: "n", 1: "s"})), **SITE),
        "'site' is . in .* take it out of adjust_for",
        lambda d: weight(d, **COLUMNS),
    ),
    (
        lambda d: weight(d.assign(site=lone(d)), **SITE),
        "'site' is s in .* treated; merge the value with another, or drop these rows",
        lambda d: [
            weight(d.assign(site=lone(d).replace("s", "b")), **SITE),
            weight(d.assign(site=lone(d))[lone(d) != "s"], **SITE),
        ],
    ),
    (
        lambda d: weight(d[(d["a"] == 0) | (d["a"].cumsum() == 1)], **AGE, estimand="ATT"),
        "1 row where 'a' is 1 shows no noise of its own, .* find more rows of that arm",
        lambda d: weight(d, **AGE, estimand="ATT"),
    ),
    (
        lambda d: weight(d[(d["a"] == 1) | ((1 - d["a"]).cumsum() == 1)], **AGE, estimand="ATT"),
        "1 row where 'a' is 0 shows no noise of its own, .* find more rows of that arm",
        lambda d: weight(d, **AGE, estimand="ATT"),
    ),
    (
        lambda d: inverse_weights(d, **DESIGN, estimand="ATO"),
        "got 'ATO'",
        lambda d: inverse_weights(d, **DESIGN, estimand="ATT"),
    ),
]


@pytest.mark.parametrize(("call", "message", "repaired"), REMEDIES)
def test_unfit_input_is_refused_and_the_advice_works(call, message, repaired):
    data = hospital(100, rng=23)
    with pytest.raises(ValueError, match=message):
        call(data)
    assert fits(repaired(data))
