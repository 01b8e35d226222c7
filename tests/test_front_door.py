"""The front door against hand work, enumeration, stacked equations and another library."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from confounded import fits, m_estimator

from casestudies import scenarios
from casestudies.recipes.front_door import front_door

COLUMNS = {"outcome": "y", "treatment": "a", "mediator": "m"}


def pearl():
    """Return Pearl, Glymour and Jewell's smokers (2016, Table 3.1), a row for each thousand."""
    counts = {(1, 1): (323, 57), (1, 0): (18, 2), (0, 1): (1, 19), (0, 0): (38, 342)}
    rows = [
        (smoker, tar, cancer)
        for (smoker, tar), (well, ill) in counts.items()
        for cancer, count in ((0, well), (1, ill))
        for _ in range(count)
    ]
    return pd.DataFrame(rows, columns=["a", "m", "y"])


def draw(n=400, rng=0, kinds=3):
    """Draw a world with a hidden cause, a mediator of several values and two covariates."""
    rng = np.random.default_rng(rng)
    u, x = rng.integers(0, 2, (2, n))
    ward = rng.choice(["east", "west"], n)
    a = (rng.random(n) < 0.25 + 0.3 * u + 0.2 * x) * 1
    m = np.minimum(rng.binomial(kinds - 1, 0.3 + 0.3 * a + 0.1 * x), kinds - 1)
    z = rng.normal(size=n) + a
    y = 2 * m - a * u + 3 * u + x * m + z + (ward == "east") + rng.normal(size=n)
    return pd.DataFrame({"y": y, "a": a, "m": m, "x": x, "ward": ward, "z": z})


def by_hand(data, strata=()):
    """Return the formula, summed in loops over groups of a frame."""
    total = 0
    for _, stratum in data.groupby(list(strata)) if strata else [((), data)]:
        for m, rows in stratum.groupby("m"):
            shares = [(stratum.loc[stratum["a"] == arm, "m"] == m).mean() for arm in (0, 1)]
            given = sum(
                rows.loc[rows["a"] == arm, "y"].mean() * (stratum["a"] == arm).mean()
                for arm in (0, 1)
            )
            total += len(stratum) / len(data) * (shares[1] - shares[0]) * given
    return total


def test_pearl_s_smokers_are_those_of_the_book():
    # P(cancer | do(smoking)) = 0.95 * 0.55 + 0.05 * 0.50, and 0.05 * 0.55 + 0.95 * 0.50 without
    found = front_door(pearl(), **COLUMNS)
    assert found["estimate"] == pytest.approx(0.5475 - 0.5025, abs=1e-12)
    assert found.attrs["estimand"] == "ATE"
    assert found.name == "front_door"
    assert found["n"] == 800


@pytest.mark.parametrize("strata", [(), ("x",), ("x", "ward")])
@pytest.mark.parametrize("kinds", [2, 3])
def test_cells_are_the_formula_summed_by_hand(strata, kinds):
    data = draw(800, kinds=kinds)
    found = front_door(data, **COLUMNS, adjust_for=list(strata))
    assert found["estimate"] == pytest.approx(by_hand(data, strata), rel=1e-10)


def test_several_mediators_count_as_one_by_their_combinations():
    data = draw(800, kinds=2).assign(k=lambda d: (d["z"] > 0.5) * 1)
    both = {**COLUMNS, "mediator": ["m", "k"]}
    one = data.assign(m=data["m"] + 2 * data["k"])
    assert front_door(data, **both).equals(front_door(one, **COLUMNS))


def test_the_error_of_cells_is_that_of_stacked_equations():
    data = draw(300, kinds=2)
    y, a, m = (data[name].to_numpy(float) for name in ("y", "a", "m"))
    cells = [(i, j) for i in (0, 1) for j in (0, 1)]
    mean = [y[(a == i) & (m == j)].mean() for i, j in cells]
    start = [a.mean(), m[a == 0].mean(), m[a == 1].mean(), *mean]

    def effect(theta):
        given = [theta[3 + j] * (1 - theta[0]) + theta[5 + j] * theta[0] for j in (0, 1)]
        return (theta[2] - theta[1]) * (given[1] - given[0])

    def equations(theta):
        rows = [a - theta[0], (1 - a) * (m - theta[1]), a * (m - theta[2])]
        rows += [(a == i) * (m == j) * (y - t) for (i, j), t in zip(cells, theta[3:7], strict=True)]
        return np.column_stack([*rows, np.full(len(y), effect(theta) - theta[7])])

    found = front_door(data, **COLUMNS)
    assert found["estimate"] == pytest.approx(effect(start))
    error = m_estimator(equations, [*start, effect(start)])
    assert found["std_error"] == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("kinds", [2, 3])
def test_strata_add_up_and_so_do_their_errors(kinds):
    data = draw(900, rng=3, kinds=kinds)
    found = front_door(data, **COLUMNS, adjust_for="x")
    parts = [front_door(rows, **COLUMNS) for _, rows in data.groupby("x")]
    estimate, error, size = (
        np.array([part[name] for part in parts]) for name in ("estimate", "std_error", "n")
    )
    assert found["estimate"] == pytest.approx(size @ estimate / 900)
    squares = (size * error) ** 2 + size * (estimate - found["estimate"]) ** 2
    assert found["std_error"] == pytest.approx(np.sqrt(squares.sum()) / 900)


@pytest.mark.parametrize("causes", [[], ["x", "ward"]])
@pytest.mark.parametrize("mediators", [["z"], ["z", "m"]])
def test_lines_are_two_regressions_multiplied_and_stacked(causes, mediators):
    data = draw(300)
    held = "".join(f" + {name}" for name in causes)
    outcome = smf.ols(f"y ~ a + {' + '.join(mediators)}{held}", data).fit()
    first = {name: smf.ols(f"{name} ~ a{held}", data).fit() for name in mediators}
    expected = sum(fit.params["a"] * outcome.params[name] for name, fit in first.items())
    found = front_door(
        data, **{**COLUMNS, "mediator": mediators}, adjust_for=causes, model="linear"
    )
    assert found["estimate"] == pytest.approx(expected)
    x, w = outcome.model.exog, next(iter(first.values())).model.exog
    moved = data[mediators].to_numpy(float)
    place = [outcome.model.exog_names.index(name) for name in mediators]
    a = next(iter(first.values())).model.exog_names.index("a")
    k, q = w.shape[1], x.shape[1]

    def equations(theta):
        parts, alpha = [], np.split(theta[: k * len(mediators)], len(mediators))
        for column, slopes in zip(moved.T, alpha, strict=True):
            parts.append(w * (column - w @ slopes)[:, np.newaxis])
        beta = theta[k * len(mediators) : k * len(mediators) + q]
        parts.append(x * (data["y"].to_numpy() - x @ beta)[:, np.newaxis])
        total = sum(slopes[a] * beta[j] for slopes, j in zip(alpha, place, strict=True))
        return np.column_stack([*parts, np.full(len(x), total - theta[-1])])

    start = np.concatenate([*(fit.params for fit in first.values()), outcome.params, [expected]])
    assert found["std_error"] == pytest.approx(m_estimator(equations, start), rel=1e-5)


def test_lines_and_cells_agree_where_everything_is_a_line():
    data = draw(300, kinds=2)
    data["y"] = 3 * data["m"] + data["a"]
    lines, cells = (front_door(data, **COLUMNS, model=model) for model in ("linear", "cells"))
    assert lines["estimate"] == pytest.approx(cells["estimate"])


def test_the_population_of_a_trimmed_frame_is_named():
    data = draw()
    data.attrs["population"] = "the young"
    assert front_door(data, **COLUMNS).attrs["estimand"] == "ATE among the young"


def test_neither_rows_nor_units_nor_origin_matter():
    data = draw(500).round({"y": 0})
    for options in ({"adjust_for": ["x", "ward"]}, {"model": "linear", "adjust_for": "x"}):
        found = front_door(data, **COLUMNS, **options)
        moved = data.sample(frac=1, random_state=1).assign(y=lambda d: d["y"] + 2**40)
        if options.get("model"):
            moved["m"] = moved["m"] * 1e9
        again = front_door(moved, **COLUMNS, **options)
        assert again.to_list() == pytest.approx(found.to_list(), rel=1e-6, abs=1e-9)


def test_a_direct_arrow_leaves_what_goes_through_the_mediator():
    world = scenarios.mentoring(urging_on_exit=0.1)
    columns = {"outcome": "exit", "treatment": "urged", "mediator": "mentor"}
    found = front_door(world.sample(100_000, rng=1), **columns)
    assert abs(found["estimate"] - world.truth["through the mentor"]) < 4 * found["std_error"]
    assert abs(found["estimate"] - world.truth["ATE"]) > 20 * found["std_error"]


def lonely_value(data):
    """Give one value of the mediator to one treated row and nobody else."""
    return data.assign(m=data["m"].where(data.index != data.index[data["a"] == 1][0], 9))


def pair(data):
    """Give one value of the mediator to one row of each arm and nobody else."""
    rows = [data.index[data["a"] == arm][0] for arm in (0, 1)]
    return data.assign(m=data["m"].where(~data.index.isin(rows), 9))


REMEDIES = [
    (
        lambda d: front_door(pair(d), **COLUMNS),
        r"no overlap: where m = 9, 1 row\(s\) have 'a' 0 \(1 such cell",
        lambda d: front_door(pair(d).query("m < 9"), **COLUMNS),
    ),
    (
        lambda d: front_door(lonely_value(d), **COLUMNS, adjust_for="ward"),
        r"no overlap: where ward = \w+, m = 9, 0 row\(s\) have 'a' 0 \(1 such cell",
        lambda d: front_door(lonely_value(d).query("m < 9"), **COLUMNS, adjust_for="ward"),
    ),
    (
        lambda d: front_door(lonely_value(d), **COLUMNS),
        r"no overlap: where m = 9, 0 row\(s\) have 'a' 0 \(1 such cell\(s\) have fewer than the 2 "
        r".*; merge values, cut numbers into classes, or use model='linear'",
        lambda d: front_door(lonely_value(d).assign(m=lambda f: f["m"].clip(upper=2)), **COLUMNS),
    ),
    (
        lambda d: front_door(d, **{**COLUMNS, "mediator": "z"}),
        r"no overlap: where z = .*, or use model='linear'",
        lambda d: front_door(d, **{**COLUMNS, "mediator": "z"}, model="linear"),
    ),
    (
        lambda d: front_door(d, **{**COLUMNS, "mediator": "z"}),
        r"for example with pd.qcut\(data\['z'\], 4\)",
        lambda d: front_door(d.assign(z=pd.qcut(d["z"], 4)), **{**COLUMNS, "mediator": "z"}),
    ),
    (
        lambda d: front_door(d, **COLUMNS, adjust_for=["ward", "z"]),
        r"such cell.*for example with pd.qcut\(data\['z'\], 4\), or use model",
        lambda d: front_door(
            draw(4_000).assign(z=lambda f: pd.qcut(f["z"], 4)), **COLUMNS, adjust_for=["ward", "z"]
        ),
    ),
    (
        lambda d: front_door(d[:40], **COLUMNS, adjust_for="ward"),
        r"no overlap: where ward = \w+, m = \d, [01] row\(s\) have 'a' [01]",
        lambda d: front_door(d, **COLUMNS, adjust_for="ward"),
    ),
    (
        lambda d: front_door(d, **{**COLUMNS, "mediator": 3}),
        "mediator must name a column, as a string, got 3",
        lambda d: front_door(d, **COLUMNS),
    ),
    (
        lambda d: front_door(d, **{**COLUMNS, "mediator": ["m", "a"]}),
        "'a' is given more than one role, treatment and mediator; name it once",
        lambda d: front_door(d, **COLUMNS),
    ),
    (
        lambda d: front_door(d, **{**COLUMNS, "mediator": []}),
        "mediator names no column; name what carries the whole effect",
        lambda d: front_door(d, **{**COLUMNS, "mediator": ["m"]}),
    ),
    (
        lambda d: front_door(d.assign(k=1), **{**COLUMNS, "mediator": ["m", "k"]}),
        "column 'k' has one value in all rows, 1, so it carries no effect; take it out of mediator",
        lambda d: front_door(d.assign(k=1), **{**COLUMNS, "mediator": ["m"]}),
    ),
    (
        lambda d: front_door(d, **COLUMNS, model="logit"),
        "model must be one of 'cells', 'linear', got 'logit'",
        lambda d: front_door(d, **COLUMNS, model="cells"),
    ),
    (
        lambda d: front_door(d.assign(k=2 * d["m"]), **{**COLUMNS, "mediator": ["m", "k"]}, **LINE),
        "column 'k' is constant or a linear combination of the columns before it; drop it",
        lambda d: front_door(d.assign(k=2 * d["m"]), **COLUMNS, **LINE),
    ),
    (
        lambda d: front_door(d.assign(m=d["a"]), **COLUMNS, **LINE),
        "column 'm' is constant or a linear combination",
        lambda d: front_door(d, **COLUMNS, **LINE),
    ),
    (
        lambda d: front_door(d, **{**COLUMNS, "mediator": "ward"}, **LINE),
        r"'ward' holds .* not numbers; code it as numbers",
        lambda d: front_door(
            d.assign(ward=(d["ward"] == "east") * 1), **{**COLUMNS, "mediator": "ward"}, **LINE
        ),
    ),
    (
        lambda d: front_door(d, **COLUMNS, level=1),
        "level must lie between 0 and 1, got 1",
        lambda d: front_door(d, **COLUMNS, level=0.9),
    ),
]
LINE = {"model": "linear"}


@pytest.mark.parametrize(("call", "message", "repaired"), REMEDIES)
def test_unfit_input_is_refused_and_the_advice_works(call, message, repaired):
    data = draw(300, rng=2)
    with pytest.raises(ValueError, match=message):
        call(data)
    assert fits(repaired(data))
