"""Blame after the fact: exact worlds, hand-made errors, kinks, and refusals."""

import numpy as np
import pandas as pd
import pytest
from causaldata import nsw_mixtape
from confounded import fits, m_estimator
from scipy import stats
from stored import numbers

from casestudies import scenarios
from casestudies.recipes.attribution import causation_bounds, excess_fraction

LOAD = {"outcome": "incident", "treatment": "deploy", "adjust_for": "load"}
NARROW = {"incident": ((0.08, 0.9), (0.5, 0.6))}
ASPIRIN = pd.DataFrame({"d": [1] * 100 + [0] * 100})
ASPIRIN["y"] = [1] * 30 + [0] * 70 + [1] * 12 + [0] * 88
PLAIN = {"outcome": "y", "treatment": "d", "adjust_for": []}
COVERED = {**PLAIN, "adjust_for": ["a", "b"]}


def counts(cells):
    """Return rows from counts (cell, treated, outcome, number)."""
    table = pd.DataFrame(cells, columns=["x", "d", "y", "count"])
    return table.loc[np.repeat(table.index, table["count"]), ["x", "d", "y"]].reset_index(drop=True)


def in_shares(world, n):
    """Return a log of the ladder's hours whose shares are the exact ones."""
    deploy, incident = (0.8, 0.2), world
    return counts(
        [
            (load, d, y, round(n / 2 * (q if d else 1 - q) * (p if y else 1 - p)))
            for load, q in enumerate(deploy)
            for d in (0, 1)
            for y in (0, 1)
            for p in [incident[d][load]]
        ]
    )


def random_rows(n, rng, kinked=0.3):
    """Draw people in four cells; in one the treatment does nothing if `kinked` is 0.3."""
    rng = np.random.default_rng(rng)
    a, b = rng.integers(0, 2, (2, n))
    d = (rng.random(n) < 0.3 + 0.3 * a) * 1
    risk = np.array([[[0.2, 0.5], [0.3, kinked]], [[0.6, 0.3], [0.6, 0.8]]])
    y = (rng.random(n) < risk[a, b, d]) * 1
    return pd.DataFrame({"a": a, "b": np.array(["east", "west"])[b], "d": d, "y": y})


def test_the_bounds_of_a_published_table_and_of_the_men_in_training():
    found = causation_bounds(ASPIRIN, **PLAIN).loc["within cells"]
    assert found[["set_low", "set_high"]].to_list() == pytest.approx([1 - 12 / 30, 1])
    works = nsw_mixtape.load_pandas().data.eval("works = (re78 > 0) * 1")
    found = causation_bounds(works, outcome="works", treatment="treat", adjust_for=[])
    ladder = numbers("ladder_of_causation")
    for name, key in (("set_low", "least"), ("set_high", "most")):
        stored = ladder[f"ladder-training-{key}"]
        assert found.loc["within cells", name] == pytest.approx(stored, abs=1e-4)
    assert found.attrs == {"estimand": "PN", "cases": works.query("treat == 1")["works"].sum()}


def test_exact_shares_give_the_exact_bounds_with_the_load_and_without():
    log = in_shares(NARROW["incident"], 1_000)
    found = causation_bounds(log, outcome="y", treatment="d", adjust_for="x")
    truth = scenarios.ladder(**NARROW).truth
    without = [truth["PN at least"], truth["PN at most"]]
    ends = ["set_low", "set_high"]
    assert found.loc["over all cells", ends].to_list() == pytest.approx(without)
    within = [scenarios.ladder(**NARROW, agreement=a).truth["PN"] for a in (1, 0)]
    assert found.loc["within cells", ends].to_list() == pytest.approx(within)
    assert found.loc["within cells", ends].round(3).to_list() == [0.646, 0.808]
    excess = excess_fraction(log, outcome="y", treatment="d", adjust_for="x")
    done = truth["P(incident | do(deploy=0))"]
    seen = 0.5 * truth["P(incident | deploy=1)"] + 0.5 * truth["P(incident | deploy=0)"]
    caused = (seen - done) / (0.5 * truth["P(incident | deploy=1)"])
    assert excess["estimate"] == pytest.approx(caused)


def test_the_error_of_a_plug_in_is_that_of_the_ladders_log():
    # 0.0251 in 20,000 hours, against 0.0104 for replays of known equations: test_ladder.py
    log = in_shares(((0.08, 0.35), (0.15, 0.5)), 20_000)
    columns = {"outcome": "y", "treatment": "d", "adjust_for": "x"}
    assert excess_fraction(log, **columns)["std_error"] == pytest.approx(0.0251, abs=5e-5)
    found = causation_bounds(log, **columns).loc["within cells"]
    assert found["std_error_low"] == pytest.approx(0.0251, abs=5e-5)
    assert found["set_low"] == pytest.approx(scenarios.ladder().truth["PN"])


def test_errors_are_those_of_stacked_equations():
    data = random_rows(6_000, rng=1, kinked=0.5)
    code = data["a"].to_numpy() * 2 + (data["b"] == "west").to_numpy()
    own, d, y = np.eye(4)[code], data["d"].to_numpy(), data["y"].to_numpy()
    risk0 = np.array([y[(code == c) & (d == 0)].mean() for c in range(4)])
    cells = [y[(code == c) & (d == 1)].mean() for c in range(4)]
    assert (np.abs(cells - risk0) * np.sqrt(1_000) > 3).sum() == 4  # no cell is near a kink
    assert (np.abs(cells + risk0 - 1) * np.sqrt(1_000) > 3).sum() == 4
    harmed, certain = cells > risk0, cells + risk0 < 1

    def stacked(part, theta):
        base = own * ((1 - d) * (y - own @ theta[:4]))[:, None]
        return np.column_stack([base, part(own @ theta[:4]) - theta[-1] * d * y])

    kinds = {
        "excess": lambda p0: d * (y - p0),
        "low": lambda p0: harmed[code] * d * (y - p0),
        "high": lambda p0: d * np.where(certain[code], y, 1 - p0),
    }
    found = causation_bounds(data, **COVERED).loc["within cells"]
    excess = excess_fraction(data, **COVERED)
    held = {
        "excess": (excess["estimate"], excess["std_error"]),
        "low": (found["set_low"], found["std_error_low"]),
        "high": (found["set_high"], found["std_error_high"]),
    }
    for kind, part in kinds.items():
        value = part(risk0[code]).sum() / (d * y).sum()
        expected = m_estimator(lambda t, part=part: stacked(part, t), [*risk0, value])
        assert held[kind] == pytest.approx((value, expected), rel=1e-6)
    margin = 1.959963984540054 * found["std_error_low"]
    assert found["ci_low"] == pytest.approx(found["set_low"] - margin)
    assert excess.attrs["estimand"] == "excess fraction among the treated"


def test_within_cells_is_never_wider_than_over_all():
    rng = np.random.default_rng(2)
    for _ in range(30):
        found = causation_bounds(random_rows(300, rng), **COVERED)
        within, over = found.loc["within cells"], found.loc["over all cells"]
        assert within["set_low"] >= over["set_low"] - 1e-12
        assert within["set_high"] <= over["set_high"] + 1e-12
        assert 0 <= within["ci_low"] <= within["set_low"]
        assert within["set_high"] <= within["ci_high"] <= 1


def test_the_interval_holds_an_end_where_twenty_cells_lie_on_the_kink():
    # All risks 1/2: PN lies anywhere from 0 to 1 in each cell, and plug-ins lean inward.
    rng, samples = np.random.default_rng(3), 100
    leaned = held = 0
    for _ in range(samples):
        x, d, y = rng.integers(0, [[20], [2], [2]], (3, 2_000))
        data = pd.DataFrame({"x": x, "d": d, "y": y})
        found = causation_bounds(data, **PLAIN | {"adjust_for": "x"}).loc["within cells"]
        held += found["ci_low"] <= 0 and found["ci_high"] >= 1
        leaned += found["set_low"] > 1.96 * found["std_error_low"]
    assert held / samples > 0.94
    assert leaned / samples > 0.1  # without the correction the interval would fail


def test_the_correction_near_a_kink_worked_by_hand():
    data = counts([(0, 1, 1, 51), (0, 1, 0, 49), (0, 0, 1, 50), (0, 0, 0, 50)])
    found = causation_bounds(data, **PLAIN).loc["within cells"]
    spread = np.sqrt(100 * (0.51 * 0.49 + 0.25)) / 51
    assert found["set_low"] == pytest.approx(1 / 51)
    assert found["set_high"] == pytest.approx(50 / 51)
    # the share's own error: rows of d (y - p0) - share d y, and of the untreated's risk
    rows = np.repeat([0.5 - 1 / 51, -0.5, 0.5, -0.5], [51, 49, 50, 50]) / 51
    error = np.sqrt(rows @ rows)
    assert found["std_error_low"] == pytest.approx(error)
    wide = causation_bounds(data, **PLAIN, level=0.1).loc["within cells"]
    lean = spread / np.sqrt(2 * np.pi)
    z = 0.12566134685507416  # of 0.55
    assert max(0.0, 1 / 51 - lean - z * error) == wide["ci_low"] == 0
    assert wide["ci_high"] == 1.0
    cells = [(0, 1, 1, 80), (0, 1, 0, 20), (0, 0, 1, 20), (0, 0, 0, 80)]
    cells += [(1, 1, 1, 51), (1, 1, 0, 49), (1, 0, 1, 50), (1, 0, 0, 50)]
    two = causation_bounds(counts(cells), **PLAIN | {"adjust_for": "x"}, level=0.1)
    found, lean = two.loc["within cells"], spread * 51 / 131 / np.sqrt(2 * np.pi)
    assert found["set_low"] == pytest.approx(61 / 131)
    expected = found["set_low"] - lean - z * found["std_error_low"]
    assert found["ci_low"] == pytest.approx(expected)


def test_clusters_that_mix_the_arms_add_up_with_their_signs():
    # Pairs of a treated and an untreated row, whose noise goes together.
    y = np.array([[1, 1]] * 45 + [[1, 0]] * 10 + [[0, 1]] * 5 + [[0, 0]] * 40)
    pairs = np.repeat(np.arange(100), 2)
    data = pd.DataFrame({"y": y.ravel(), "d": np.tile([1, 0], 100), "pair": pairs})
    p1, p0, cases = 0.55, 0.5, 55
    net = y[:, 0] - y[:, 1]  # excess of each pair, as the risk untreated is that of its pair
    excess = excess_fraction(data, **PLAIN, cluster="pair")
    part = (net - 5 / cases * y[:, 0]) / cases
    assert excess["estimate"] == pytest.approx(5 / cases)
    assert excess["std_error"] == pytest.approx(np.sqrt(100 / 99 * part @ part))
    found = causation_bounds(data, **PLAIN, cluster="pair", level=0.01).loc["within cells"]
    sides = y[:, 0] - p1 + np.array([-1, 1])[:, None] * (y[:, 1] - p0)
    below, above = np.sqrt((sides**2).sum(axis=1))
    t = stats.t.ppf(0.505, 99)
    lean = below / np.sqrt(2 * np.pi) / cases
    assert found["ci_low"] == pytest.approx(5 / cases - lean - t * found["std_error_low"])
    assert above > 2 * below
    assert found["set_high"] == pytest.approx((100 - 50) / cases)
    reach = above / np.sqrt(2 * np.pi) / cases + t * found["std_error_high"]
    assert found["ci_high"] == pytest.approx(50 / cases + reach)


def test_the_intervals_cover_away_from_kinks():
    rng, samples = np.random.default_rng(4), 100
    truth = scenarios.ladder(**NARROW).truth
    ends = [scenarios.ladder(**NARROW, agreement=a).truth["PN"] for a in (1, 0)]
    world, held, excess = scenarios.ladder(**NARROW), [], 0
    for _ in range(samples):
        log = world.sample(1_000, rng=rng)
        found = causation_bounds(log, **LOAD).loc["within cells"]
        held.append([found["ci_low"] <= ends[0], found["ci_high"] >= ends[1]])
        net = excess_fraction(log, **LOAD)
        excess += net["ci_low"] <= truth["PN at least"] <= net["ci_high"]
    shares = np.mean(held, axis=0)
    assert (np.abs(shares - 0.975) < 4 * np.sqrt(0.975 * 0.025 / samples)).all()
    assert abs(excess / samples - 0.95) < 4 * np.sqrt(0.95 * 0.05 / samples)


def test_rows_of_one_cluster_count_together():
    data = random_rows(400, rng=5).assign(who=np.arange(400))
    twice = pd.concat([data, data], ignore_index=True)
    for call in (excess_fraction, lambda *a, **k: causation_bounds(*a, **k).loc["within cells"]):
        one, two = call(data, **COVERED, cluster="who"), call(twice, **COVERED, cluster="who")
        np.testing.assert_allclose(two.drop("n"), one.drop("n"), rtol=1e-9, atol=1e-12)
    plain, by_row = (
        excess_fraction(data, **COVERED),
        excess_fraction(data, **COVERED, cluster="who"),
    )
    assert by_row["std_error"] == pytest.approx(plain["std_error"] * np.sqrt(400 / 399))
    copied = excess_fraction(data.assign(town=data["a"]), **COVERED, cluster="town")
    assert copied.equals(excess_fraction(data, **COVERED, cluster="a"))
    with pytest.raises(ValueError, match=r"'site' has 2 cluster.*one alone makes up the rows"):
        excess_fraction(data.assign(site=data["d"]), **COVERED, cluster="site")


def test_a_treatment_that_prevents_has_a_negative_excess_and_bounds_from_zero():
    data = counts([(0, 1, 1, 100), (0, 1, 0, 300), (0, 0, 1, 200), (0, 0, 0, 200)])
    assert excess_fraction(data, **PLAIN)["estimate"] == pytest.approx(-1)
    found = causation_bounds(data, **PLAIN).loc["within cells"]
    assert found[["set_low", "std_error_low", "ci_low"]].to_list() == [0, 0, 0]


def test_cells_without_two_untreated_rows_are_refused():
    data = counts([("a", 1, 1, 5), ("a", 0, 1, 3), ("a", 0, 0, 3), ("b", 1, 0, 4), ("b", 0, 0, 1)])
    columns = PLAIN | {"adjust_for": "x"}
    with pytest.raises(ValueError, match=r"no overlap: where 'x' is b, there are 4 treated and 1"):
        causation_bounds(data, **columns)
    assert fits(causation_bounds(data.assign(x="a"), **columns))
    assert fits(excess_fraction(data[data["x"] == "a"], **columns))
    lone = counts([("c", 0, 0, 1)])  # untreated only: speaks for nobody
    more = pd.concat([data[data["x"] == "a"], lone], ignore_index=True)
    for name in ("estimate", "std_error"):
        few, all_rows = (
            excess_fraction(f, **columns)[name] for f in (data[data["x"] == "a"], more)
        )
        assert few == pytest.approx(all_rows)


def test_unfit_columns_are_refused():
    with pytest.raises(ValueError, match="no row with 'd' 1 has 'y' 1"):
        excess_fraction(ASPIRIN.assign(y=(1 - ASPIRIN["d"]) * ASPIRIN["y"]), **PLAIN)
    with pytest.raises(ValueError, match="'y' must be 0 or 1, found 2"):
        causation_bounds(ASPIRIN.assign(y=2 * ASPIRIN["y"]), **PLAIN)
    with pytest.raises(ValueError, match="'d' must be 0 or 1"):
        causation_bounds(ASPIRIN.assign(d=ASPIRIN["d"] + 1), **PLAIN)
    with pytest.raises(ValueError, match="level"):
        causation_bounds(ASPIRIN, **PLAIN, level=95)
    copy = ASPIRIN.copy(deep=True)
    causation_bounds(ASPIRIN, **PLAIN)
    pd.testing.assert_frame_equal(ASPIRIN, copy)
