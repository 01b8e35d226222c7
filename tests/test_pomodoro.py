import numpy as np
import pytest
from scipy import integrate, stats

from casestudies import identify, scenarios
from casestudies.recipes.randomized_experiment import adjusted, difference_in_means
from casestudies.sampling.montecarlo import replicate

DESIGNS = ["coin", "self-chosen", "slips"]
OTHER = {
    "effect": -1.0,
    "state_on_output": 3.0,
    "state_on_effect": 1.5,
    "noise": 2.0,
    "pull": -0.7,
    "heads": 0.4,
    "tails": -1.1,
}
COLUMNS = {"outcome": "output", "treatment": "pomodoro"}


def test_the_document_s_script_is_reproduced():
    world = scenarios.pomodoro(state_on_output=10, state_on_effect=0, noise=0)
    data = world.sample(5_000, rng=np.random.RandomState(1))
    legacy = np.random.RandomState(1)
    t = legacy.binomial(1, 0.5, 5_000)
    y0 = legacy.normal(50, 10, 5_000)
    y = np.where(t == 1, y0 + 4.0, y0)
    assert np.array_equal(data["pomodoro"], t)
    assert np.allclose(data["output"], y, rtol=0, atol=1e-12)
    assert (world.truth["ATE"], world.truth["SD[output(0)]"]) == (4.0, 10.0)


def normal_mean(function):
    return integrate.quad(lambda s: function(s) * stats.norm.pdf(s), -12, 12, epsabs=1e-12)[0]


@pytest.mark.parametrize("knobs", [{}, OTHER])
@pytest.mark.parametrize("design", DESIGNS)
def test_the_closed_forms_agree_with_quadrature_over_the_state(design, knobs):
    world = scenarios.pomodoro(design, **knobs)
    k = {"effect": 4.0, "state_on_output": 8.0, "state_on_effect": -2.0, "noise": 6.0}
    k |= {"pull": 1.0, "heads": 1.5, "tails": -0.5} | knobs

    def chance(a, s):
        return 0.5 if design == "coin" else stats.norm.cdf(a - k["pull"] * s)

    cuts = [k["heads"], k["tails"]] if design == "slips" else [0.0]

    def taken(s):
        return np.mean([chance(a, s) for a in cuts])

    def gain(s):
        return k["effect"] + k["state_on_effect"] * s

    def base(s):
        return 50 + k["state_on_output"] * s

    share = normal_mean(taken)
    att = normal_mean(lambda s: taken(s) * gain(s)) / share
    atu = normal_mean(lambda s: (1 - taken(s)) * gain(s)) / (1 - share)
    bias = normal_mean(lambda s: taken(s) * base(s)) / share
    bias -= normal_mean(lambda s: (1 - taken(s)) * base(s)) / (1 - share)
    expected = {"ATE": normal_mean(gain), "ATT": att, "ATU": atu, "selection bias": bias}
    expected["raw difference"] = att + bias
    for d in (0, 1):
        square = normal_mean(lambda s, d=d: (base(s) + d * gain(s) - 50 - d * k["effect"]) ** 2)
        expected[f"SD[output({d})]"] = np.sqrt(square + k["noise"] ** 2)
    if design == "slips":
        moved = [normal_mean(lambda s, a=a: chance(a, s)) for a in cuts]
        drawn = [normal_mean(lambda s, a=a: chance(a, s) * gain(s)) for a in cuts]
        expected["share of compliers"] = moved[0] - moved[1]
        expected["ITT"] = drawn[0] - drawn[1]
        expected["LATE"] = expected["ITT"] / expected["share of compliers"]
    assert dict(world.truth) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("design", DESIGNS)
def test_the_raw_difference_is_the_identity_of_its_parts(design):
    world = scenarios.pomodoro(design)
    truth, share = world.truth, 0.5
    if design == "slips":
        share = np.mean(stats.norm.cdf(np.array([1.5, -0.5]) / np.sqrt(2)))
    assert truth["ATE"] == pytest.approx(share * truth["ATT"] + (1 - share) * truth["ATU"])
    parts = truth["ATE"] + truth["selection bias"] + (1 - share) * (truth["ATT"] - truth["ATU"])
    assert truth["raw difference"] == pytest.approx(parts)


@pytest.mark.parametrize("design", DESIGNS)
def test_a_million_simulated_days_agree_with_every_stated_truth(design):
    n, world = 1_000_000, scenarios.pomodoro(design)
    days = world.sample(n, rng=1)
    noise = (days["output"] - 50 - 8 * days["state"]) - (4 - 2 * days["state"]) * days["pomodoro"]
    assert abs(noise.std() - 6) < 4 * 6 / np.sqrt(2 * n)
    without = days["output"] - (4 - 2 * days["state"]) * days["pomodoro"]
    days = days.assign(gain=4 - 2 * days["state"], without=without)
    days["with"] = days["without"] + days["gain"]
    groups = dict(list(days.groupby("pomodoro")))
    for key, group in {"ATE": days, "ATT": groups[1], "ATU": groups[0]}.items():
        gain = group["gain"]
        assert abs(gain.mean() - world.truth[key]) < 4 * gain.std() / np.sqrt(len(gain)), key
    for key, column in {"selection bias": "without", "raw difference": "output"}.items():
        answer = difference_in_means(days, outcome=column, treatment="pomodoro")
        assert abs(answer["estimate"] - world.truth[key]) < 4 * answer["std_error"], key
    for d, column in enumerate(["without", "with"]):
        sd = world.truth[f"SD[output({d})]"]
        assert abs(days[column].std() - sd) < 4 * sd / np.sqrt(2 * n)
    if design == "slips":
        for key, column in {"ITT": "output", "share of compliers": "pomodoro"}.items():
            answer = difference_in_means(days, outcome=column, treatment="coin")
            assert abs(answer["estimate"] - world.truth[key]) < 4 * answer["std_error"], key
        units = world.model.sample(n, rng=2)
        flips = [world.model.imagine(units, coin=z, rng=3)["pomodoro"] for z in (0, 1)]
        flips = [units["pomodoro"].where(units["coin"] == z, flips[z]) for z in (0, 1)]
        assert (flips[1] >= flips[0]).all()  # no defiers
        gain = (4 - 2 * units["state"])[flips[1] > flips[0]]
        assert abs(gain.mean() - world.truth["LATE"]) < 4 * gain.std() / np.sqrt(len(gain))


@pytest.mark.parametrize(
    ("design", "action", "argument"),
    [("self-chosen", {}, 0.7), ("slips", {"coin": 1}, 1.1), ("slips", {"coin": 0}, -0.4)],
)
def test_the_state_pulls_as_strongly_as_stated(design, action, argument):
    model = scenarios.pomodoro(design, **OTHER).model
    share = model.do(state=1.0, **action).sample(100_000, rng=5)["pomodoro"].mean()
    p = stats.norm.cdf(argument)
    assert abs(share - p) < 4 * np.sqrt(p * (1 - p) / 100_000)


def test_over_many_worlds_the_coin_removes_the_bias_that_self_chosen_days_have():
    analyses = {
        "means": lambda days: difference_in_means(days, **COLUMNS),
        "adjusted": lambda days: adjusted(days, **COLUMNS, adjust_for="state"),
    }
    coin, chosen = (
        replicate(scenarios.pomodoro(design), analyses, n=200, replications=80, rng=9)
        for design in ("coin", "self-chosen")
    )
    assert (abs(coin["bias"]) < 4 * coin["bias_error"]).all()
    assert coin.loc["adjusted", "rmse"] < 0.8 * coin.loc["means", "rmse"]
    assert chosen.loc["means", "mean_estimate"] < 0 < chosen.loc["means", "truth"]
    assert chosen.loc["means", "coverage"] < 0.05
    assert abs(chosen.loc["adjusted", "bias"]) < 4 * chosen.loc["adjusted", "bias_error"]


@pytest.mark.parametrize(
    ("design", "sets"), [("coin", [()]), ("self-chosen", [("state",)]), ("slips", [("state",)])]
)
def test_the_graph_says_what_to_adjust_for(design, sets):
    world = scenarios.pomodoro(design)
    ask = {"treatment": "pomodoro", "outcome": "output"}
    assert identify.adjustment_sets(world.model.graph, **ask) == sets
    assert world.adjust_for == sets[0]
    assert set(world.sample(3, rng=0)) == {"state", "pomodoro", "output"} | (
        {"coin"} if design == "slips" else set()
    )


def test_refusals_name_what_was_wrong():
    with pytest.raises(ValueError, match=r"design must be one of .*got 'dice'"):
        scenarios.pomodoro("dice")
    with pytest.raises(ValueError, match="coefficient of pomodoro is nan"):
        scenarios.pomodoro(effect=np.nan)
    with pytest.raises(ValueError, match="noise must be at least 0, got -1"):
        scenarios.pomodoro(noise=-1)
    with pytest.raises(ValueError, match="heads must lie above tails, got heads=0, tails=0"):
        scenarios.pomodoro("slips", heads=0, tails=0)


def test_her_habit_nets_less_than_the_best_rule_and_a_little_more_than_every_day():
    # effect less cost is 1 - 2 S; the habit uses the timer with probability Phi(-S)
    def net(share):
        return integrate.quad(lambda s: (1 - 2 * s) * share(s) * stats.norm.pdf(s), -12, 12)[0]

    below = {
        cut: stats.norm.cdf(cut) + 2 * stats.norm.pdf(cut) for cut in (0.0, 0.5)
    }  # E[(1 - 2 S) 1{S < cut}]
    habit = net(lambda s: stats.norm.cdf(-s))
    assert habit == pytest.approx(0.5 + 1 / np.sqrt(np.pi))
    assert net(lambda s: 1.0) == pytest.approx(1.0)
    assert [habit, below[0.0], below[0.5]] == pytest.approx([1.064, 1.298, 1.396], abs=5e-4)
    diary = scenarios.pomodoro("self-chosen").truth  # the same from the stated truths
    assert 0.5 * (diary["ATT"] - 3) == pytest.approx(habit)


def test_with_the_state_recorded_as_treated_answers_sharply_where_the_coin_answers_vaguely():
    # all days, by what was done, state adjusted for: E[T | S] is known and the model is right
    world = scenarios.pomodoro("slips")
    days = world.sample(1_000, rng=9)
    treated = adjusted(days, **COLUMNS, adjust_for="state")
    assert treated["ci_low"] < world.truth["ATE"] < treated["ci_high"]
    rounded = [round(treated[part], 2) for part in ("estimate", "ci_low", "ci_high")]
    assert rounded == [3.86, 2.99, 4.73]
    spread = days.groupby("coin")["output"].var().sum() / 500
    by_coin = np.sqrt(spread) / world.truth["share of compliers"]
    assert by_coin > 2 * treated["std_error"]
