import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from casestudies import identify, scenarios
from casestudies.recipes import difference_in_differences as did

EVERY_KNOB = {
    "months": 7,
    "start": 4,
    "share_treated": 0.3,
    "selection": -0.4,
    "drug_effect": -1.0,
    "drug_by_burden": 0.8,
    "burden_effect": 2.5,
    "trend": 0.6,
    "drift": 0.3,
    "upgrade_effect": 1.5,
    "upgrade_overlap": 0.75,
    "upgrade_elsewhere": 0.25,
    "upgrade_delay": 1,
    "upgrade_on_surgery": 0.5,
    "frail_effect": 0.2,
    "composition_change": -5.0,
    "persistence": 0.3,
    "shock": 0.6,
    "noise": 0.9,
}


def by_hand(k):
    """Group means of severity and surgery by month, and the burden's, by quadrature."""

    def chance(b):
        z = (stats.norm.ppf(k["share_treated"]) + k["selection"] * b) / np.sqrt(
            1 - k["selection"] ** 2
        )
        return stats.norm.cdf(z)

    def mean(weight):
        return integrate.quad(lambda b: b * weight(b) * stats.norm.pdf(b), -10, 10, epsabs=1e-12)[0]

    share = integrate.quad(lambda b: chance(b) * stats.norm.pdf(b), -10, 10, epsabs=1e-12)[0]
    assert share == pytest.approx(k["share_treated"])
    burden = {1: mean(chance) / share, 0: mean(lambda b: 1 - chance(b)) / (1 - share)}
    equipped = {1: k["upgrade_overlap"], 0: k["upgrade_elsewhere"]}
    severity, surgery = {}, {}
    for g in (0, 1):
        for t in range(1, k["months"] + 1):
            post, late = t >= k["start"], t >= k["start"] + k["upgrade_delay"]
            new = k["upgrade_effect"] * equipped[g] * late
            level = k["trend"] * (t - 1) + k["burden_effect"] * burden[g]
            surgery[g, t] = 12 + level + k["upgrade_on_surgery"] * new
            severity[g, t] = 20 + level + new + k["drift"] * (t - 1) * burden[g]
            if g and post:
                severity[g, t] += k["drug_effect"] + k["drug_by_burden"] * burden[g]
                severity[g, t] += k["frail_effect"] * k["composition_change"]
    return severity, surgery, burden


def truth_by_hand(k):
    severity, surgery, burden = by_hand(k)

    def when(table, g, post):
        return np.mean([y for (h, t), y in table.items() if h == g and (t >= k["start"]) == post])

    def change(table, g):
        return when(table, g, True) - when(table, g, False)

    twice = [change(table, 1) - change(table, 0) for table in (severity, surgery)]
    return {
        "ATT": k["drug_effect"] + k["drug_by_burden"] * burden[1],
        "ATE": k["drug_effect"],
        "ATU": k["drug_effect"] + k["drug_by_burden"] * burden[0],
        "raw difference": when(severity, 1, True) - when(severity, 0, True),
        "before-after change": change(severity, 1),
        "DiD": twice[0],
        "DiD, surgery": twice[1],
        "triple difference": twice[0] - twice[1],
    }


def defaults():
    return scenarios.hospital_upgrade.__kwdefaults__


@pytest.mark.parametrize(
    "knobs",
    [{}, EVERY_KNOB, {"upgrade_overlap": 1.0, "upgrade_delay": 9}, {"upgrade_elsewhere": 1.0}],
)
def test_every_truth_equals_the_group_means_written_out(knobs):
    truth = scenarios.hospital_upgrade(**knobs).truth
    expected = truth_by_hand(defaults() | knobs)
    assert set(truth) == set(expected)
    for estimand, value in expected.items():
        assert truth[estimand] == pytest.approx(value, abs=1e-9), estimand


def test_the_default_world_in_numbers():
    """E[B | G = 1] = 0.7 * 0.79788 = 0.55852, so ATT = -2 - 0.5 * 0.55852."""
    truth = scenarios.hospital_upgrade().truth
    assert truth["ATT"] == pytest.approx(-2.27926, abs=5e-6)
    assert truth["ATU"] == pytest.approx(-1.72074, abs=5e-6)
    assert truth["DiD"] == truth["triple difference"] == truth["ATT"]
    assert truth["before-after change"] == pytest.approx(-2.27926 - 0.4 * 4, abs=5e-6)
    assert truth["raw difference"] == pytest.approx(-2.27926 + 4 * 2 * 0.55852, abs=5e-5)


def answers(panel):
    """The analyses of one panel, with pandas alone."""
    means = panel.groupby(["hospital", "treated", "post"])[["severity", "surgery"]].mean()
    later = means.xs(1, level="post")
    change = later - means.xs(0, level="post")
    change["gap"] = change["severity"] - change["surgery"]

    def difference(column):
        groups = column.groupby("treated")
        gap = groups.mean()[1] - groups.mean()[0]
        return gap, np.sqrt((groups.var() / groups.size()).sum())

    own = change.xs(1, level="treated")["severity"]
    return {
        "raw difference": difference(later["severity"]),
        "before-after change": (own.mean(), own.std() / np.sqrt(len(own))),
        "DiD": difference(change["severity"]),
        "DiD, surgery": difference(change["surgery"]),
        "triple difference": difference(change["gap"]),
    }


@pytest.mark.parametrize("knobs", [{}, EVERY_KNOB])
def test_a_large_sample_agrees_with_what_each_analysis_is_said_to_converge_to(knobs):
    world = scenarios.hospital_upgrade(**knobs)
    for estimand, (value, error) in answers(world.sample(60_000, rng=4)).items():
        assert abs(value - world.truth[estimand]) < 4 * error, estimand


@pytest.mark.parametrize("knobs", [{}, EVERY_KNOB])
def test_a_large_sample_has_the_group_means_of_every_month(knobs):
    panel = scenarios.hospital_upgrade(**knobs).sample(60_000, rng=3)
    expected = dict(zip(("severity", "surgery"), by_hand(defaults() | knobs), strict=False))
    for name, table in expected.items():
        cells = panel.groupby(["treated", "month"])[name].agg(["mean", "sem"])
        off = cells["mean"] - pd.Series(table).loc[cells.index]
        assert (off.abs() < 4 * cells["sem"]).all(), name


@pytest.mark.parametrize("knobs", [{}, EVERY_KNOB])
def test_replayed_hospitals_agree_with_the_effects_of_the_drug(knobs):
    world = scenarios.hospital_upgrade(**knobs)
    units = world.model.sample(60_000, rng=5)
    effect = world.model.imagine(units, drug=1, rng=0) - world.model.imagine(units, drug=0, rng=0)
    effect = effect["severity"]
    groups = {"ATE": effect, "ATT": effect[units["grant"] == 1], "ATU": effect[units["grant"] == 0]}
    for estimand, values in groups.items():
        error = values.std() / np.sqrt(len(values))
        assert abs(values.mean() - world.truth[estimand]) < 4 * error, estimand


def test_over_many_samples_the_design_recovers_the_att_and_the_naive_contrasts_do_not():
    world = scenarios.hospital_upgrade()
    rng = np.random.default_rng(29)
    runs = [answers(world.sample(40, rng=rng)) for _ in range(100)]
    runs = pd.DataFrame([{name: value for name, (value, _) in run.items()} for run in runs])
    error = runs.std() / np.sqrt(len(runs))
    off = (runs.mean() - world.truth["ATT"]).abs()
    assert off["DiD"] < 4 * error["DiD"]
    assert off["raw difference"] > 3  # it even has the other sign
    assert runs["raw difference"].mean() > 1
    assert off["before-after change"] > 1


def estimate(panel, outcome="severity", controls=()):
    columns = ["severity", "surgery", "frail", "upgraded"]
    means = panel.groupby(["hospital", "treated", "post"], as_index=False)[columns].mean()
    roles = {"unit": "hospital", "treated": "treated", "post": "post", "controls": controls}
    return did.two_by_two(means, outcome=outcome, **roles)["estimate"]


@pytest.mark.parametrize(
    "knobs",
    [
        {"upgrade_overlap": 1.0},
        {"upgrade_overlap": 0.5},
        {"upgrade_overlap": 1.0, "upgrade_delay": 2},
        {"upgrade_overlap": 0.8, "upgrade_elsewhere": 0.3, "upgrade_effect": 1.7},
        {"upgrade_overlap": 1.0, "upgrade_elsewhere": 1.0},
    ],
)
def test_the_estimate_moves_by_the_upgrade_times_the_realized_overlap_to_the_digit(knobs):
    without = scenarios.hospital_upgrade().sample(60, rng=6)
    with_it = scenarios.hospital_upgrade(**knobs).sample(60, rng=6)
    later = with_it[with_it["post"] == 1].groupby("treated")["upgraded"].mean()
    effect = {**defaults(), **knobs}["upgrade_effect"]
    moved = estimate(with_it) - estimate(without)
    assert moved == pytest.approx(effect * (later[1] - later[0]), abs=1e-10)


def test_the_recorded_share_of_frail_patients_undoes_a_change_of_composition():
    world = scenarios.hospital_upgrade(composition_change=-15.0)
    panel = world.sample(4_000, rng=7)
    assert world.truth["DiD"] - world.truth["ATT"] == pytest.approx(-1.5)
    assert abs(estimate(panel) - world.truth["ATT"]) > 1
    assert abs(estimate(panel, controls="frail") - world.truth["ATT"]) < 0.3
    later = panel[panel["post"] == 1].groupby("treated")["frail"]
    assert later.mean()[0] == pytest.approx(30, abs=0.2)
    assert later.mean()[1] == pytest.approx(15, abs=0.2)
    assert later.std().to_numpy() == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("persistence", [0.0, 0.8])
def test_shocks_keep_their_spread_and_fade_at_the_stated_rate(persistence):
    world = scenarios.hospital_upgrade(persistence=persistence, shock=1.3)
    units = world.model.sample(100_000, rng=8)
    correlation = np.corrcoef(units[[f"shock_{t}" for t in (1, 2, 8)]].T)
    error = 4 / np.sqrt(100_000)
    assert abs(correlation[0, 1] - persistence) < error
    assert abs(correlation[0, 2] - persistence**7) < error
    spread = units[["shock_1", "shock_8"]].std()
    assert np.allclose(spread, 1.3, atol=4 * 1.3 / np.sqrt(200_000))


def test_each_department_has_its_own_noise_around_the_shared_shock():
    world = scenarios.hospital_upgrade(noise=0.9, frail_effect=0.0)
    units = world.model.do(burden=0, drug=0).sample(100_000, rng=9)
    own = pd.DataFrame({q: units[f"{q}_3"] - units["shock_3"] for q in ("severity", "surgery")})
    assert np.allclose(own.std(), 0.9, atol=4 * 0.9 / np.sqrt(200_000))
    assert abs(np.corrcoef(own.T)[0, 1]) < 4 / np.sqrt(100_000)


def test_the_panel_has_a_row_per_hospital_and_month():
    panel = scenarios.hospital_upgrade(**EVERY_KNOB).sample(50, rng=10)
    assert list(panel["hospital"]) == list(np.repeat(np.arange(1, 51), 7))
    assert list(panel["month"]) == list(range(1, 8)) * 50
    assert (panel["post"] == (panel["month"] >= 4)).all()
    assert (panel["drug"] == panel["treated"] * panel["post"]).all()
    first = panel.groupby("hospital")["treated"].transform("first")
    assert (panel["treated"] == first).all()
    equipped = panel[panel["upgraded"] == 1]
    assert equipped["month"].min() == 5
    assert (equipped.groupby("hospital").size() == 3).all()
    assert panel["hospital"].nunique() > equipped["hospital"].nunique() > 0


def test_the_panel_holds_each_hospital_s_own_values():
    world = scenarios.hospital_upgrade(upgrade_overlap=0.5)
    units, panel = world.model.sample(30, rng=11), world.sample(30, rng=11)
    for name in ("frail", "severity", "surgery"):
        wide = panel.pivot_table(index="hospital", columns="month", values=name)
        assert np.array_equal(wide, units[[f"{name}_{t}" for t in range(1, 9)]])
    first = panel.groupby("hospital").first()
    assert np.array_equal(first["treated"], units["drug"])
    last = panel.groupby("hospital").last()
    assert np.array_equal(last["upgraded"], units["upgraded"])
    later = panel[panel["post"] == 1].groupby("hospital")["severity"].mean()
    assert np.allclose(later, units["severity"])


def test_nobody_records_the_burden_the_grant_or_the_shocks():
    world = scenarios.hospital_upgrade()
    columns = list(world.sample(3, rng=0))
    assert columns == list(world.observed)
    assert columns[:6] == ["hospital", "month", "treated", "post", "drug", "upgraded"]
    assert columns[6:] == ["frail", "severity", "surgery"]


def test_the_graph_keeps_the_order_of_time_and_surgery_away_from_the_drug():
    graph = scenarios.hospital_upgrade(months=6, start=4).model.graph
    assert set(graph.successors("drug")) == {"severity_4", "severity_5", "severity_6"}
    equipment = {f"{q}_{t}" for q in ("severity", "surgery") for t in (4, 5, 6)}
    assert set(graph.successors("upgraded")) == equipment
    intake = {"frail_4", "frail_5", "frail_6"}
    assert set(graph.successors("grant")) == {"drug", "upgraded"} | intake
    assert set(graph.predecessors("shock_3")) == {"shock_2"}
    assert set(graph.predecessors("severity")) == {"severity_4", "severity_5", "severity_6"}


def test_equipment_and_burden_would_close_the_backdoor_but_nothing_recorded_does():
    graph = scenarios.hospital_upgrade().model.graph
    ask = {"treatment": "drug", "outcome": "severity"}
    closing = ["burden", "upgraded", *(f"frail_{t}" for t in range(5, 9))]
    assert identify.backdoor(graph, **ask, adjust_for=closing).valid
    assert not identify.backdoor(graph, **ask, adjust_for=closing[1:]).valid
    assert scenarios.hospital_upgrade().adjust_for == ()


def test_the_drug_leaves_surgery_and_earlier_months_alone():
    world = scenarios.hospital_upgrade()
    units = world.model.sample(100, rng=12)
    other = world.model.imagine(units, drug=1 - units["drug"].to_numpy(), rng=0)
    untouched = [f"surgery_{t}" for t in range(1, 9)] + [f"severity_{t}" for t in range(1, 5)]
    assert np.allclose(other[untouched], units[untouched])
    assert (abs(other["severity_5"] - units["severity_5"]) > 1e-6).all()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"months": 8.5}, "months must be a whole number, got 8.5"),
        ({"start": 1}, "start must lie from 2 to months, 8, got 1"),
        ({"start": 9}, "start must lie from 2 to months, 8, got 9"),
        ({"upgrade_delay": -1}, "upgrade_delay must be at least 0, got -1"),
        ({"upgrade_delay": 0.5}, "upgrade_delay must be a whole number, got 0.5"),
        ({"share_treated": 1.0}, r"share_treated must lie in \(0, 1\), got 1.0"),
        ({"selection": -1.0}, r"selection must lie in \(-1, 1\), got -1.0"),
        ({"persistence": 1.0}, r"persistence must lie in \[0, 1\), got 1.0"),
        ({"persistence": -0.1}, r"persistence must lie in \[0, 1\), got -0.1"),
        ({"upgrade_overlap": 1.2}, "upgrade_overlap must lie between 0 and 1, both included"),
        ({"upgrade_elsewhere": -0.2}, "upgrade_elsewhere must lie between 0 and 1"),
        ({"shock": 0.0}, "shock must be above 0, got 0.0"),
        ({"noise": -1.0}, "noise must be above 0, got -1.0"),
        ({"drift": np.nan}, "drift must be a finite number, got nan"),
        ({"trend": np.inf}, "trend must be a finite number, got inf"),
    ],
)
def test_a_knob_out_of_its_range_is_refused(knobs, message):
    with pytest.raises(ValueError, match=message):
        scenarios.hospital_upgrade(**knobs)


def test_names_lists_the_world():
    assert "hospital_upgrade" in scenarios.names()
    assert scenarios.hospital_upgrade().name == "hospital_upgrade"


def test_a_triple_difference_assumes_something_else_and_not_something_weaker():
    # equipment that acts on surgery only: DiD is the ATT, the triple difference is not
    elsewhere = scenarios.hospital_upgrade(
        upgrade_overlap=1.0, upgrade_effect=-3e-9, upgrade_on_surgery=1e9
    ).truth
    burden = 0.7 * stats.norm.pdf(0) / 0.5  # E[B | G = 1]
    att = -2 - 0.5 * burden
    assert elsewhere["DiD"] == pytest.approx(att)
    assert elsewhere["triple difference"] == pytest.approx(att + 3)
    # a drift in the medical department alone: the triple difference keeps all of it
    drifting = scenarios.hospital_upgrade(drift=0.25).truth
    assert drifting["DiD"] == pytest.approx(att + 4 * 0.25 * 2 * burden)
    assert drifting["triple difference"] == pytest.approx(drifting["DiD"])
    assert att == pytest.approx(-2.28, abs=5e-3)
    assert drifting["DiD"] == pytest.approx(-1.16, abs=5e-3)


def test_false_alarms_of_clustered_errors_with_ten_hospitals_have_a_closed_form_at_five_and_five():
    # A useless drug leaves changes that are normal with one variance, so the t-ratio of the
    # clustered error (factor G/(G-1) (n-1)/(n-k), n = 20 rows, k = 4) is a multiple of Student's.
    factor = 10 / 9 * 19 / 16
    exact = {5: {"normal": 0.0788, "t": 0.0486}}
    quantile = {"normal": stats.norm.ppf(0.975), "t": stats.t.ppf(0.975, 9)}
    rng, draws = np.random.default_rng(9), 100_000
    shares = {}
    for treated in (5, 2):
        arms = [rng.standard_normal((draws, n)) for n in (treated, 10 - treated)]
        gap = arms[0].mean(1) - arms[1].mean(1)
        error = np.sqrt(factor * sum(arm.var(1) / arm.shape[1] for arm in arms))
        shares[treated] = {k: (abs(gap) > q * error).mean() for k, q in quantile.items()}
    for name, q in quantile.items():
        closed = 2 * stats.t.sf(q * np.sqrt(factor * 4 / 5), 8)
        assert closed == pytest.approx(exact[5][name], abs=5e-5)
        assert abs(shares[5][name] - closed) < 4 * np.sqrt(closed * (1 - closed) / draws)
    # two of ten: 400,000 draws of another seed gave 0.188 and 0.142
    assert abs(shares[2]["normal"] - 0.1884) < 4 * np.sqrt(0.188 * 0.812 * (1 / draws + 1 / 4e5))
    assert abs(shares[2]["t"] - 0.1424) < 4 * np.sqrt(0.142 * 0.858 * (1 / draws + 1 / 4e5))


def test_the_clustered_error_is_the_one_of_the_closed_form():
    null = scenarios.hospital_upgrade(drug_effect=0.0, drug_by_burden=0.0)
    rows = null.sample(10, rng=3).groupby(["hospital", "treated", "post"], as_index=False)
    rows = rows["severity"].mean()
    answer = did.two_by_two(
        rows, outcome="severity", unit="hospital", treated="treated", post="post"
    )
    wide = rows.pivot_table("severity", ["hospital", "treated"], "post")
    arms = (wide[1] - wide[0]).groupby("treated")
    error = np.sqrt(10 / 9 * 19 / 16 * (arms.var(ddof=0) / arms.size()).sum())
    assert answer["std_error"] == pytest.approx(error)
