import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

from casestudies import identify, scenarios
from casestudies.recipes.standardization import standardize

KNOBS = {
    "health_on_drug": -0.7,
    "effect": -2.0,
    "heterogeneity": 0.8,
    "health_on_severity": -4.0,
    "curvature": 1.5,
}


def normal_mean(function):
    return integrate.quad(lambda h: function(h) * stats.norm.pdf(h), -12, 12, epsabs=1e-12)[0]


def test_every_truth_is_the_formula_written_a_second_time():
    truth = scenarios.hospital(**KNOBS).truth

    def treated(h):
        return expit(-1 - 0.7 * h)

    def gain(h):
        return -2.0 + 0.8 * h

    def untreated(h):  # age given health averages -h / 2 and counts twice
        return 50 - 4 * h + 1.5 * (h**2 - 1) - h

    share = normal_mean(treated)
    att = normal_mean(lambda h: treated(h) * gain(h)) / share
    atu = normal_mean(lambda h: (1 - treated(h)) * gain(h)) / (1 - share)
    bias = normal_mean(lambda h: treated(h) * untreated(h)) / share
    bias -= normal_mean(lambda h: (1 - treated(h)) * untreated(h)) / (1 - share)
    assert truth["ATE"] == pytest.approx(-2.0)
    assert truth["ATT"] == pytest.approx(att)
    assert truth["ATU"] == pytest.approx(atu)
    assert truth["selection bias"] == pytest.approx(bias)
    assert truth["raw difference"] == pytest.approx(att + bias)


@pytest.mark.parametrize("knobs", [{}, {"curvature": 3.0}, {"frailty": 1.0}, KNOBS])
def test_a_million_units_agree_with_every_truth(knobs):
    world, n = scenarios.hospital(**knobs), 1_000_000
    units = world.model.sample(n, rng=3)
    both = [world.model.imagine(units, drug=d, rng=0)["severity"] for d in (1, 0)]
    gain, treated = both[0] - both[1], units["drug"] == 1
    for key, who in {"ATE": slice(None), "ATT": treated, "ATU": ~treated}.items():
        error = gain[who].std() / np.sqrt(len(gain[who])) + 1e-9
        assert abs(gain[who].mean() - world.truth[key]) < 4 * error, key
    spread = units.groupby("drug")["severity"].agg(["mean", "var", "size"])
    error = np.sqrt((spread["var"] / spread["size"]).sum())
    raw = spread["mean"][1] - spread["mean"][0]
    assert abs(raw - world.truth["raw difference"]) < 4 * error
    base = both[1].groupby(treated).agg(["mean", "var", "size"])
    bias = base["mean"][True] - base["mean"][False]
    error = np.sqrt((base["var"] / base["size"]).sum())
    assert abs(bias - world.truth["selection bias"]) < 4 * error


@pytest.mark.parametrize("frailty", [0.0, 0.5])
def test_the_equations_have_their_stated_moments(frailty):
    units = scenarios.hospital(frailty=frailty).model.do(drug=0).sample(400_000, rng=4)
    assert abs(units["health"].var() - 1) < 4 * np.sqrt(2 / 400_000)
    assert abs(units["age"].corr(units["health"]) + 0.5) < 4 * 0.75 / np.sqrt(400_000)
    residual = units["severity"] - 50 + 6 * units["health"] - 2 * units["age"]
    residual -= 4 * frailty * units.get("frailty", 0)
    assert abs(residual.mean()) < 4 * 4 / np.sqrt(400_000)
    assert abs(residual.var() - 16) < 4 * 16 * np.sqrt(2 / 400_000)


def test_the_raw_comparison_has_the_wrong_sign_and_health_repairs_it():
    world = scenarios.hospital()
    assert world.truth["raw difference"] > 1 > 0 > world.truth["ATE"]
    assert world.truth["ATT"] < world.truth["ATE"] - 0.5
    rng = np.random.default_rng(5)
    columns = {"outcome": "severity", "treatment": "drug", "adjust_for": "health"}
    found = [standardize(world.sample(1_500, rng=rng), **columns)["estimate"] for _ in range(60)]
    assert abs(np.mean(found) - world.truth["ATE"]) < 4 * np.std(found) / np.sqrt(60)


def test_health_is_a_valid_set_and_with_frailty_no_recorded_set_is():
    ask = {"treatment": "drug", "outcome": "severity"}
    world = scenarios.hospital()
    assert identify.backdoor(world.model.graph, **ask, adjust_for=world.adjust_for).valid
    frail = scenarios.hospital(frailty=0.5)
    recorded = ["age", "health"]
    assert identify.adjustment_sets(frail.model.graph, **ask, observed=recorded) == []
    assert frail.adjust_for == ()
    assert "frailty" not in frail.sample(5, rng=0)


def test_a_world_without_confounding_is_refused():
    with pytest.raises(ValueError, match="health_on_drug=0 leaves nothing confounded"):
        scenarios.hospital(health_on_drug=0)


def test_a_few_patients_are_harmed_and_the_best_rule_spares_them():
    def mean_severity_less_untreated(cut):
        """E[(-3 + 1.5 H) 1{H < cut}] = -3 Phi(cut) - 1.5 phi(cut)."""
        return -3 * stats.norm.cdf(cut) - 1.5 * stats.norm.pdf(cut)

    assert stats.norm.sf(2) == pytest.approx(0.0228, abs=5e-5)  # P(-3 + 1.5 H > 0)
    assert mean_severity_less_untreated(2) == pytest.approx(-3.0127, abs=5e-5)
    everybody = scenarios.hospital().truth["ATE"]
    by_quadrature = integrate.quad(
        lambda h: (-3 + 1.5 * h) * stats.norm.pdf(h), -12, 2, epsabs=1e-12
    )[0]
    assert mean_severity_less_untreated(2) == pytest.approx(by_quadrature)
    assert by_quadrature < everybody == -3
    assert all(mean_severity_less_untreated(c) > by_quadrature for c in (1.9, 2.1))


def test_in_the_curved_world_four_in_ten_of_the_treated_lie_where_the_line_runs_below():
    # the moments of health, drug and severity give the line; where it crosses the curve, a root
    def e(h):
        return expit(-1 - 1.2 * h)

    def curve(h):
        return 47 - 7 * h + 3 * h**2

    def moment(f, g):
        return normal_mean(lambda h: e(h) * f(1, h) * g(1, h) + (1 - e(h)) * f(0, h) * g(0, h))

    terms = [lambda d, h: 1 + 0 * h, lambda d, h: d + 0 * h, lambda d, h: h]
    gram = [[moment(f, g) for g in terms] for f in terms]
    line = np.linalg.solve(gram, [moment(f, lambda d, h: curve(h) - 3 * d) for f in terms])
    assert line[1] == pytest.approx(-1.907, abs=5e-4)  # where ATE and ATT are -3
    cut = min(np.roots([3, -7 - line[2], 47 - line[0]]))
    treated = integrate.quad(lambda h: e(h) * stats.norm.pdf(h), -12, cut)[0] / normal_mean(e)
    others = (stats.norm.cdf(cut) - treated * normal_mean(e)) / (1 - normal_mean(e))
    assert [treated, others] == pytest.approx([0.387, 0.089], abs=5e-4)


def test_the_coefficient_behind_the_robustness_value_is_neither_the_ate_nor_the_att():
    # Frisch-Waugh-Lovell: Cov(D - L, Y) / Var(D - L), L the best line for D in health; age drops,
    # for given health it is unrelated to the drug
    def mean(values):
        return normal_mean(values)

    def e(h):
        return expit(-1 - 1.2 * h)

    level, slope = mean(e), mean(lambda h: h * e(h))

    def left(h):
        return 1 - level - slope * h

    untreated = mean(lambda h: (1 - e(h)) * (left(h) - 1) * -7 * h)
    treated = mean(lambda h: e(h) * left(h) * (-3 - 5.5 * h))
    coefficient = (untreated + treated) / mean(lambda h: e(h) * left(h))
    truth = scenarios.hospital().truth
    assert coefficient == pytest.approx(-3.548, abs=5e-4)
    variance = mean(lambda h: e(h) * (1 - e(h)) * (-3 + 1.5 * h)) / mean(
        lambda h: e(h) * (1 - e(h))
    )
    assert variance == pytest.approx(-3.463, abs=5e-4)
    # both move with the effect, and the coefficient takes the other sign than the ATE
    assert coefficient + 3.3 == pytest.approx(-0.248, abs=5e-4)
    assert scenarios.hospital(effect=0.3).truth["ATE"] == 0.3
    assert truth["ATT"] < coefficient - 0.4 < coefficient + 0.5 < truth["ATE"]
    # in the chapter's 4,000 patients its interval covers neither
    data = scenarios.hospital().sample(4_000, rng=11)
    x = np.column_stack([np.ones(4_000), data[["drug", "age", "health"]]])
    beta, squares = np.linalg.lstsq(x, data["severity"], rcond=None)[:2]
    error = np.sqrt(squares[0] / 3_996 * np.linalg.inv(x.T @ x)[1, 1])
    assert [beta[1], error] == pytest.approx([-3.580, 0.153], abs=5e-4)
    assert truth["ATT"] < beta[1] - 1.96 * error < beta[1] + 1.96 * error < truth["ATE"]


def weighted_difference(health, drug, severity):
    """Return the Hájek estimate of the ATE in each row, and its two standard errors.

    The logit score has a constant and health. The first error takes the score as known; the
    second stacks its equations with those of the two means.
    """
    level, slope = np.zeros((2, len(health), 1))
    for _ in range(12):  # Newton's method
        e = expit(level + slope * health)
        w, s = e * (1 - e), drug - e
        sums = [(w * health**k).mean(1, keepdims=True) for k in range(3)]
        score = [(s * health**k).mean(1, keepdims=True) for k in range(2)]
        size = sums[0] * sums[2] - sums[1] ** 2
        level = level + (sums[2] * score[0] - sums[1] * score[1]) / size
        slope = slope + (sums[0] * score[1] - sums[1] * score[0]) / size
    e = expit(level + slope * health)
    means, known, stacked = [], [], []
    for arm, chance in ((drug, e), (1 - drug, 1 - e)):
        weight = arm / chance
        means.append((weight * severity).mean(1) / weight.mean(1))
        own = weight * (severity - means[-1][:, np.newaxis]) / weight.mean(1, keepdims=True)
        turn = own * (chance - 1)  # derivative of own in the log odds of this arm
        a = [(turn * health**k).mean(1, keepdims=True) for k in range(2)]
        of_level = (sums[2] * a[0] - sums[1] * a[1]) / size
        of_slope = (sums[0] * a[1] - sums[1] * a[0]) / size
        known.append(own)
        stacked.append(own + (arm - chance) * (of_level + of_slope * health))
    n = health.shape[1]
    errors = [np.sqrt(((one - other) ** 2).mean(1) / n) for one, other in (known, stacked)]
    return means[0] - means[1], *errors


def test_stacked_errors_of_weighting_cover_too_seldom_here_and_known_scores_too_often():
    data = scenarios.hospital().sample(4_000, rng=11)
    arrays = (data[[name]].to_numpy(float).T for name in ("health", "drug", "severity"))
    one, known, stacked = (float(part[0]) for part in weighted_difference(*arrays))
    assert [one, known, stacked] == pytest.approx([-3.33, 0.42, 0.30], abs=5e-3)  # the two tables
    samples, n = 2_000, 1_000
    many = scenarios.hospital().sample(samples * n, rng=118)
    arrays = (many[name].to_numpy(float).reshape(samples, n) for name in data.columns[1:])
    estimate, known, stacked = weighted_difference(*arrays)
    margin = 4 * np.sqrt(0.95 * 0.05 / samples)
    covers = [(abs(estimate + 3) < 1.96 * error).mean() for error in (known, stacked)]
    assert covers[1] < 0.95 - margin
    assert covers[0] > 0.95 + margin
    assert abs(estimate.mean() + 3) < 0.06  # not bias: the errors are too short where it strays
