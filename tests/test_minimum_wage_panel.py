import inspect

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from casestudies import scenarios
from casestudies.recipes.difference_in_differences import event_study
from casestudies.recipes.staggered_adoption import overall_att

KNOBS = [
    {},
    {"drift": 0.3, "first_raises": (3, 4, 7), "shares": (0.1, 0.5, 0.25), "periods": 9},
    {"first_raises": (7,), "shares": (0.5,), "size_gap": -5.0, "effect": 1.5, "noise": 4.0},
    {"proportional": True, "effect": -3.0, "growth": 1.0, "drift": -0.4, "noise": 12.0},
]
PANEL = {"outcome": "employment", "unit": "county", "time": "quarter"}


def by_hand(data, outcome="employment"):
    """Two-way fixed effects by taking means out: county, quarter, and back the grand mean."""
    parts = {}
    for name in (outcome, "raised"):
        column = data[name]
        county = column.groupby(data["county"]).transform("mean")
        parts[name] = column - county - column.groupby(data["quarter"]).transform("mean")
        parts[name] = parts[name] + column.mean()
    return parts[outcome] @ parts["raised"] / (parts["raised"] @ parts["raised"])


def test_the_default_truths_are_those_of_counting_by_hand():
    # Treated quarters: 5 to 12 (8) and 9 to 12 (4), equal shares. Effects -0.5, -1, ..., -4
    # and -0.5, ..., -2 sum to -18 and -5: -23 over 12.
    truth = scenarios.minimum_wage_panel().truth
    assert truth["ATT"] == pytest.approx(-23 / 12)
    for event in range(8):
        assert truth[f"ATT(e={event})"] == pytest.approx(-0.5 * (event + 1))
    assert set(truth) == {
        "ATT",
        *(f"ATT(e={event})" for event in range(8)),
        "raw difference",
        "two-way fixed effects",
    }


def test_two_way_fixed_effects_converge_to_the_coefficient_on_the_population():
    """Ten counties without noise: two never raise, four begin in 5 and four in 9."""
    rows = pd.MultiIndex.from_product([range(10), range(1, 13)], names=["county", "quarter"])
    data = rows.to_frame(index=False)
    first = np.array([0] * 2 + [5] * 4 + [9] * 4)[data["county"]]
    data["raised"] = ((first > 0) & (data["quarter"] >= first)).astype(int)
    gain = -0.5 - 0.5 * (data["quarter"] - first)
    data["employment"] = 40 + 12 * (first > 0) + 2 * (data["quarter"] - 1) + gain * data["raised"]
    fit = smf.ols("employment ~ raised + C(county) + C(quarter)", data).fit()
    truth = scenarios.minimum_wage_panel().truth
    assert truth["two-way fixed effects"] == pytest.approx(fit.params["raised"])
    means = data.groupby("raised")["employment"].mean()
    assert truth["raw difference"] == pytest.approx(means[1] - means[0])


def statistics(data):
    """Every population value that a truth may state, computed from one sample."""
    treated = data[data["raised"] == 1]
    since = treated["quarter"] - treated["first_raised"]
    found = treated.groupby(since)["effect"].mean().add_prefix("ATT(e=").add_suffix(")")
    found["ATT"] = treated["effect"].mean()
    found["ATT of log employment"] = treated["log effect"].mean()
    found["raw difference"] = raw(data)
    found["two-way fixed effects"] = by_hand(data)
    found["two-way fixed effects of log employment"] = by_hand(data, "log")
    return found


@pytest.mark.parametrize("knobs", KNOBS)
def test_a_large_sample_agrees_with_every_stated_truth(knobs):
    world = scenarios.minimum_wage_panel(**knobs)
    units = world.model.sample(21_000, rng=5)
    data = world.arrange(units)
    without = world.arrange(world.model.imagine(units, first_raised=0, rng=6))["employment"]
    data["effect"] = data["employment"] - without
    data["log"] = np.log(data["employment"])
    data["log effect"] = data["log"] - np.log(without)
    parts = pd.DataFrame([statistics(part) for _, part in data.groupby(data["county"] % 30)])
    error = parts.std() / np.sqrt(30)
    assert set(world.truth) <= set(parts)
    for estimand, stated in world.truth.items():
        assert abs(parts[estimand].mean() - stated) < 4 * error[estimand] + 1e-9, estimand
    logs = ("ATT of log employment", "two-way fixed effects of log employment")
    assert all((name in world.truth) == ("proportional" in knobs) for name in logs)


def raw(data):
    means = data.groupby("raised")["employment"].mean()
    return means[1] - means[0]


def test_the_two_naive_contrasts_fail():
    truth = scenarios.minimum_wage_panel().truth
    assert truth["raw difference"] > 5  # of the other sign: counties that raise are larger
    assert truth["two-way fixed effects"] > truth["ATT"] / 2 - 0.1  # about half the effect


def test_groups_have_their_shares_whatever_their_number():
    knobs = {"first_raises": (2, 3, 6), "shares": (0.1, 0.5, 0.25), "periods": 6}
    units = scenarios.minimum_wage_panel(**knobs).model.sample(100_000, rng=1)
    found = units["first_raised"].value_counts(normalize=True)
    for group, share in {0: 0.15, 2: 0.1, 3: 0.5, 6: 0.25}.items():
        assert abs(found[group] - share) < 4 * np.sqrt(share * (1 - share) / 100_000)


@pytest.mark.parametrize("proportional", [False, True])
def test_employment_follows_its_equation(proportional):
    knobs = {"periods": 6, "first_raises": (3, 5), "drift": 0.7, "growth": 1.5, "noise": 1e-9}
    world = scenarios.minimum_wage_panel(
        **knobs, effect=-2.0, effect_growth=0.4, proportional=proportional
    )
    units = world.model.sample(200, rng=8)
    first, size = units["first_raised"], units["size"]
    for t in range(1, 7):
        gain = np.where((first > 0) & (t >= first), -2.0 + 0.4 * (t - first), 0.0)
        moved = (1.5 + 0.7 * (first > 0)) * (t - 1) + gain
        expected = size * np.exp(moved / 100) if proportional else size + moved
        np.testing.assert_allclose(units[f"employment_{t}"], expected, atol=1e-6)
    assert size[first == 0].between(30, 50).all()
    assert size[first > 0].between(42, 62).all()


def test_no_county_reacts_before_its_raise_and_none_to_anothers():
    world = scenarios.minimum_wage_panel(drift=0.5)
    units = world.model.sample(2_000, rng=2)
    data = world.arrange(units)
    without = world.arrange(world.model.imagine(units, first_raised=0, rng=3))
    same = np.isclose(data["employment"], without["employment"], rtol=0, atol=1e-9)
    assert (same == (data["raised"] == 0)).all()


def test_the_drift_belongs_to_politics_and_not_to_the_wage():
    world = scenarios.minimum_wage_panel(drift=0.5, effect=0.0, effect_growth=0.0)
    assert world.truth["ATT"] == 0.0
    assert world.truth["two-way fixed effects"] > 0.5
    assert ("politics", "employment_1") in world.model.graph.edges
    calm = scenarios.minimum_wage_panel().model.graph
    assert ("politics", "employment_12") not in calm.edges
    assert not any(calm.has_edge("first_raised", f"employment_{t}") for t in range(1, 5))
    assert all(calm.has_edge("first_raised", f"employment_{t}") for t in range(5, 13))


def test_not_yet_treated_comparisons_recover_the_att_and_the_naive_ones_do_not():
    world, rng = scenarios.minimum_wage_panel(), np.random.default_rng(31)
    answers = []
    for _ in range(40):
        data = world.sample(100, rng=rng)
        att = overall_att(data, **PANEL, first_treated="first_raised")["estimate"]
        answers.append([att, by_hand(data), raw(data)])
    mean, error = np.mean(answers, axis=0), np.std(answers, axis=0, ddof=1) / np.sqrt(40)
    stated = [world.truth[k] for k in ("ATT", "two-way fixed effects", "raw difference")]
    assert abs(mean[0] - stated[0]) < 4 * error[0]
    assert abs(mean[1] - stated[0]) > 10 * error[1]
    assert abs(mean[2] - stated[0]) > 10 * error[2]


@pytest.mark.parametrize("proportional", [False, True])
def test_trends_are_parallel_on_the_stated_scale_only(proportional):
    knobs = {"first_raises": (7,), "shares": (0.5,), "effect": 0.0, "effect_growth": 0.0}
    world = scenarios.minimum_wage_panel(**knobs, proportional=proportional)
    data = world.sample(2_000, rng=7)
    data["log"] = np.log(data["employment"])
    names = {"unit": "county", "time": "quarter", "treated": "adopter", "first_treated_time": 7}
    levels = event_study(data, outcome="employment", **names).loc[5]
    logs = event_study(data, outcome="log", **names).loc[5]
    right, wrong = (logs, levels) if proportional else (levels, logs)
    assert abs(right["estimate"]) < 4 * right["std_error"]
    assert abs(wrong["estimate"]) > 10 * wrong["std_error"]


def test_the_panel_has_a_row_for_every_county_and_quarter():
    world = scenarios.minimum_wage_panel()
    data = world.sample(50, rng=4)
    assert tuple(data) == world.observed
    assert len(data) == 600
    assert not data.duplicated(["county", "quarter"]).any()
    assert data["quarter"].tolist() == list(range(1, 13)) * 50
    first = data["first_raised"]
    assert (data["adopter"] == (first != 0)).all()
    assert (data["raised"] == ((first != 0) & (data["quarter"] >= first))).all()
    pd.testing.assert_frame_equal(data, world.sample(50, rng=4))
    assert "minimum_wage_panel" in scenarios.names()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"effect": np.nan}, "effect is nan; give a finite number"),
        ({"drift": np.inf}, "drift is inf; give a finite number"),
        ({"noise": 0}, "noise is 0, a standard deviation; give a number above 0"),
        ({"size_gap": -30}, "size_gap is -30, which leaves counties without jobs"),
        ({"periods": 1}, "periods is 1; give a whole number of at least 2"),
        ({"first_raises": (1, 5)}, r"first_raises is \(1, 5\); give whole quarters .* from 2"),
        ({"first_raises": (9, 5)}, r"first_raises is \(9, 5\); .* increasing order"),
        ({"first_raises": (5, 13)}, r"first_raises is \(5, 13\); .* to periods = 12"),
        ({"first_raises": (5.5, 9)}, r"first_raises is \(5.5, 9\); give whole quarters"),
        ({"first_raises": (), "shares": ()}, r"first_raises is \(\)"),
        ({"shares": (0.4,)}, "2 first_raises but 1 shares; give one share to each group"),
        ({"shares": (0.5, 0.5)}, r"shares is \(0.5, 0.5\); .* some counties never raise"),
        ({"shares": (0.0, 0.5)}, r"shares is \(0.0, 0.5\); give positive numbers"),
    ],
)
def test_impossible_knobs_are_refused(knobs, message):
    with pytest.raises(ValueError, match=message):
        scenarios.minimum_wage_panel(**knobs)


def test_the_knobs_are_keywords_with_the_stated_defaults():
    parameters = inspect.signature(scenarios.minimum_wage_panel).parameters.values()
    assert {p.kind for p in parameters} == {inspect.Parameter.KEYWORD_ONLY}


def test_trends_are_parallel_in_levels_and_in_logs_where_nothing_grows():
    once = {"first_raises": (5,), "shares": (0.5,), "effect": 0.0, "effect_growth": 0.0}
    assert inspect.signature(scenarios.minimum_wage_panel).parameters["size_gap"].default == 12.0
    for growth in (0.0, 2.0):
        data = scenarios.minimum_wage_panel(**once, growth=growth).sample(20_000, rng=12)
        data = data.assign(log=np.log(data["employment"]), later=data["quarter"] >= 5)
        wide = data.pivot_table(["employment", "log"], ["county", "adopter"], "later")
        for scale in ("employment", "log"):
            change = (wide[scale][True] - wide[scale][False]).groupby("adopter")
            gap, error = change.mean().diff().iloc[1], np.sqrt((change.var() / change.size()).sum())
            parallel = growth == 0 or scale == "employment"
            assert (abs(gap) < 4 * error) == parallel, (growth, scale)
