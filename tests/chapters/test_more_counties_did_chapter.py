"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pytest
import statsmodels.formula.api as smf
from causaldata import castle
from scipy import integrate, optimize, stats
from stored import kept, numbers
from test_headlines import HEADLINES

from casestudies import scenarios
from casestudies.recipes.difference_in_differences import event_study
from casestudies.recipes.pretrends import pretrend_power
from casestudies.recipes.staggered_adoption import event_study as staggered_study
from casestudies.scm import Normal

chapter = kept("more_counties_did")
once = {"first_raises": (5,), "shares": (0.5,)}
drifting = scenarios.minimum_wage_panel(**once, drift=0.15)
staggered = scenarios.minimum_wage_panel()
design = {"outcome": "employment", "unit": "county", "time": "quarter", "treated": "adopter"}
design |= {"first_treated_time": 5}
expected = {key: value for _, key, value, _, _ in HEADLINES}


@pytest.fixture(scope="module")
def drift_study():
    """Return the drifting world's gaps to quarter 4 and their covariance, by statsmodels."""
    rows = drifting.sample(100, rng=11)
    model = smf.ols("employment ~ C(quarter, Treatment(4)) * adopter", rows)
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": rows["county"]})
    terms = [name for name in fit.params.index if name.endswith(":adopter")]
    return fit.params[terms].to_numpy(), fit.cov_params().loc[terms, terms].to_numpy()


MEAN = np.repeat([0, 1 / 8], [3, 8])  # of the eight quarters from the raise on
STEPS = np.zeros((3, 11))  # before the raise; quarter 4 is zero
STEPS[[0, 0, 1, 1, 2], [1, 0, 2, 1, 2]] = [1, -1, 1, -1, -1]
AWAY = np.array([-3, -2, -1])


def passing(shift):
    """Return P(F(3, 96) test passes) and E[z | passed], z the one shifted normal, by quadrature.

    Of the three standard normals only z has a mean, sqrt(shift); the squares of the other two
    sum to an exponential variable, and the estimated variance is a chi-squared one over 96.
    """
    scale = 3 * stats.f.ppf(0.95, 3, 96) / 96
    spread = np.linspace(*stats.chi2.ppf([1e-10, 1 - 1e-10], 96), 4_001)

    def chance(z):
        room = np.maximum(scale * spread - z**2, 0)
        within = -np.expm1(-room / 2) * stats.chi2.pdf(spread, 96)
        return integrate.trapezoid(within, spread) * stats.norm.pdf(z - np.sqrt(shift))

    ends = {"a": -5, "b": 5, "points": [0, np.sqrt(shift)], "limit": 200}
    passed = integrate.quad(chance, **ends)[0]
    return passed, integrate.quad(lambda z: z * chance(z), **ends)[0] / passed


def test_the_event_study_covers_the_true_path():
    held = chapter.after_the_raise
    truth = [scenarios.minimum_wage_panel(**once).truth[f"ATT(e={e})"] for e in range(8)]
    assert ((held["ci_low"] < truth) & (truth < held["ci_high"])).all()


def test_drifts_that_pass_the_pretest_bias_more():
    assert chapter.actual["bias_if_passed"] > chapter.actual["bias"]


def test_bounds_that_allow_the_drift_cover_and_are_longer():
    att = drifting.truth["ATT"]
    covers = (chapter.bounds["ci_low"] <= att) & (att <= chapter.bounds["ci_high"])
    assert covers.tolist() == [False, True, True, True, True, True]
    longer = (chapter.bounds["ci_high"] - chapter.bounds["ci_low"]) / (
        chapter.bounds["ci_high"] - chapter.bounds["ci_low"]
    ).iloc[0]
    assert longer.iloc[1:].between(2.5, 11).all()
    assert 0 < chapter.limits["relative magnitudes"] < 0.5


def test_only_the_comparison_with_the_not_yet_treated_covers():
    assert chapter.not_yet["ci_low"] < staggered.truth["ATT"] < chapter.not_yet["ci_high"]
    assert chapter.habit["ci_low"] > staggered.truth["ATT"]


def test_the_forbidden_comparison_finds_what_is_not_there():
    assert chapter.forbidden["ci_low"] < 0.75 < chapter.forbidden["ci_high"]
    assert chapter.forbidden["ci_low"] > 0


def test_nothing_moves_before_the_raise():
    ahead = chapter.by_event.loc[:-2]
    assert ((ahead["ci_low"] < 0) & (ahead["ci_high"] > 0)).all()


def test_levels_and_logarithms_are_wrong_where_the_other_is_right():
    wrong = [not low < 0 < high for low, high in chapter.found[["ci_low", "ci_high"]].to_numpy()]
    assert wrong == [False, True, True, False]


def test_the_policys_effect_lies_in_the_interval_of_its_event_time():
    assert (
        chapter.by_event.loc[7, "ci_low"]
        < chapter.policy["estimate"]
        < chapter.by_event.loc[7, "ci_high"]
    )


def test_the_usual_analyses_fail_in_their_worlds_and_the_right_ones_cover():
    assert abs(chapter.two_way - chapter.habit["estimate"]) < 1e-5
    assert chapter.drift_worlds.loc["usual", "coverage"] < 0.3
    assert chapter.stag_worlds.loc["two-way fixed effects", "coverage"] < 0.1
    assert abs(chapter.drift_worlds.loc["straight drift allowed", "coverage"] - 0.95) < 4 * np.sqrt(
        0.95 * 0.05 / 80
    )
    assert abs(
        chapter.stag_worlds.loc["not-yet-treated comparison", "coverage"] - 0.95
    ) < 4 * np.sqrt(0.95 * 0.05 / 150)


def test_the_laws_came_where_homicides_had_fallen():
    assert chapter.years.loc[-2, "ci_high"] < 0
    assert (
        abs((chapter.laws["estimate"].iloc[1] + chapter.base) - chapter.careful["estimate"]) < 0.02
    )


def test_one_cell_by_hand_is_the_recipes():
    assert np.isclose(chapter.by_hand, chapter.first_cell, atol=1e-4)


def test_a_drift_of_three_errors_passes_the_test_before():
    assert (chapter.tests > 0.05).all()


def test_the_solutions_of_the_exercises_hold():
    longer = scenarios.minimum_wage_panel(first_raises=(9,), shares=(0.5,), drift=0.15)
    longer = event_study(longer.sample(100, rng=11), **(design | {"first_treated_time": 9}))
    longer = pretrend_power(longer, slopes=[0.15]).iloc[0]
    assert longer["power"] > 0.8
    assert longer["bias"] < chapter.actual["bias"]
    path, first_four = 0.15 * np.arange(1, 9), slice(4)  # eight quarters of a raise in 5
    assert [path.mean(), longer["bias"]] == pytest.approx([0.675, 0.375])
    assert path[first_four].mean() == pytest.approx(longer["bias"])
    covariance = (np.eye(7) + 1) / 25  # seven gaps to quarter 8, 50 counties in each arm
    shift = 0.15 * np.arange(1, 8)
    shift = shift @ np.linalg.solve(covariance, shift)
    caught = stats.ncf.sf(stats.f.ppf(0.95, 7, 92), 7, 92, shift)
    assert abs(caught - 19 / 20) < 0.005
    calm = scenarios.minimum_wage_panel(**once)
    cut = Normal(lambda size, first_raised: size + 6 - 0.5 * (first_raised == 5), 1.0)
    early = calm.model.do(employment_4=cut)
    early = calm.arrange(early.sample(2_000, rng=1))
    early = event_study(early, **design)["estimate"]
    assert abs(early.loc[:-2].mean() - 0.5) < 0.15
    assert abs(early.loc[7] - (-4 + 0.5)) < 0.15


def test_an_early_cut_is_caught_seldom_unless_the_noise_of_its_quarter_is_taken_away():
    rng = np.random.default_rng(20)
    covariance = {"noisy": np.eye(3) + 1, "still": np.eye(3)}  # of three gaps to quarter 4
    caught = {}
    for name, spread in covariance.items():
        root = np.linalg.cholesky(spread)
        changes = rng.normal(size=(4_000, 2, 50, 3)) @ root.T
        means = changes.mean(axis=2)
        gap = means[:, 1] - means[:, 0] + 0.5
        apart = changes - means[:, :, np.newaxis]
        pooled = np.einsum("rani,ranj->rij", apart, apart) / 98 / 25
        square = np.einsum("ri,rij,rj->r", gap, np.linalg.inv(pooled), gap)
        caught[name] = (square * 96 / 98 / 3 > stats.f.ppf(0.95, 3, 96)).mean()
    stored = numbers("more_counties_did")["counties-step-caught"]
    assert abs(caught["noisy"] - stored) < 4 * np.sqrt(0.4 * 0.6 / 4_000)
    assert caught["still"] > 0.95


def test_the_habit_is_right_with_one_date_or_one_effect():
    for world in ({**once}, {"effect_growth": 0.0}):
        truth = scenarios.minimum_wage_panel(**world).truth
        assert np.isclose(truth["two-way fixed effects"], truth["ATT"])
    truth = scenarios.minimum_wage_panel(effect_growth=0.05).truth
    assert truth["two-way fixed effects"] < truth["ATT"] < 0


def test_the_drifts_power_and_what_is_left_when_it_passes_are_those_of_the_rows(drift_study):
    _, covariance = drift_study
    error = np.sqrt(MEAN @ covariance @ MEAN)
    before = np.linalg.inv(covariance[:3, :3])
    assert expected["counties-drift-in-se"] == pytest.approx(0.15 * 4.5 / error, abs=6e-5)
    for key, slope in {"counties-power": 0.15, "counties-power-two": 2 * error / 4.5}.items():
        passed, _ = passing(slope**2 * AWAY @ before @ AWAY)
        assert expected[key] == pytest.approx(1 - passed, abs=6e-5), key
    shift = 0.15**2 * AWAY @ before @ AWAY
    lost = 1 - passing(shift)[1] / np.sqrt(shift)
    pull = (MEAN @ covariance)[:3] @ before @ (0.15 * AWAY)
    assert expected["counties-drift-if-passed"] == pytest.approx(0.675 - pull * lost, abs=6e-5)


def test_the_breakdown_of_relative_magnitudes_is_the_least_root_of_six_quadratics(drift_study):
    # the interval's end is zero where (m + 4.5 M s)^2 = t^2 (variance), s a step before
    path, covariance = drift_study
    square, roots = stats.t.ppf(0.975, 99) ** 2, []
    for step in 4.5 * np.concatenate([STEPS, -STEPS]):
        parts = [(step, step), (MEAN, step), (MEAN, MEAN)]
        terms = [(a @ path) * (b @ path) - square * a @ covariance @ b for a, b in parts]
        roots += list(np.roots([terms[0], 2 * terms[1], terms[2]]))
    least = min(root.real for root in roots if abs(root.imag) < 1e-9 and root.real > 0)
    assert expected["counties-mbar"] == pytest.approx(least, abs=6e-5)


def test_the_breakdown_of_smoothness_is_that_of_a_search_over_the_weights(drift_study):
    # the mean less 4.5 last steps keeps bends of up to 1 + 3 + ... + 36 = 120 over 8, M each
    path, covariance = drift_study
    wider = (stats.t.ppf(0.975, 99) / stats.norm.ppf(0.975)) ** 2
    bends = np.diff(STEPS, axis=0)

    def interval(bound):
        def half(weights):
            contrast = MEAN - 4.5 * STEPS[2] + weights @ bends
            error = np.sqrt(wider * contrast @ covariance @ contrast)
            shift = bound * (15 + abs(weights).sum()) / error

            def excess(x):
                return stats.norm.cdf(x - shift) - stats.norm.cdf(-x - shift) - 0.95

            return error * optimize.brentq(excess, 0, shift + 3)

        fine = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 2_000}
        best = optimize.minimize(half, [0.1, 0.1], method="Nelder-Mead", options=fine)
        return (MEAN - 4.5 * STEPS[2] + best.x @ bends) @ path, best.fun

    bound = optimize.brentq(lambda bound: sum(interval(bound)), 0.01, 0.2, xtol=1e-8)
    assert expected["counties-msmooth"] == pytest.approx(bound, abs=6e-5)


def test_the_error_of_the_bias_is_that_of_group_means_drawn_directly():
    rng, draws, groups = np.random.default_rng(5), 40_000, [5, 9, 13]  # 13 for never
    sizes = rng.multinomial(100, [0.4, 0.4, 0.2], draws)
    sizes = sizes[(sizes > 1).all(axis=1)]
    quarter = np.arange(1, 13)
    since = [np.where(quarter >= g, -0.5 * (quarter - g + 1), 0) for g in groups]
    noise = rng.standard_normal((len(sizes), 3, 12))
    means = np.array(since) + noise / np.sqrt(sizes)[:, :, np.newaxis]
    total = rows = 0
    for i, first in enumerate(groups[:2]):
        for t in range(first, 13):
            later = [j for j, g in enumerate(groups) if g > t]
            change = means[:, :, t - 1] - means[:, :, first - 2]
            others = (sizes * change)[:, later].sum(axis=1) / sizes[:, later].sum(axis=1)
            total = total + sizes[:, i] * (change[:, i] - others)
            rows = rows + sizes[:, i]
    estimates = total / rows
    error = estimates.std() / np.sqrt(150)
    assert expected["counties-stag-bias-error"] == pytest.approx(error, rel=4 / np.sqrt(2 * draws))


def test_the_laws_two_figures_are_means_of_changes():
    states = castle.load_pandas().data
    log = states.pivot_table("l_homicide", "sid", "year")
    begins = states[states["post"] == 1].groupby("sid")["year"].min().reindex(log.index)
    begins = begins.fillna(np.inf)
    log, begins = (table[~begins.isin([2006, 2010])] for table in (log, begins))
    cells = {}
    for first in sorted(set(begins) - {np.inf}):
        for year in log.columns:
            change = log[year] - log[first - 1]
            waiting = begins > max(year, first - 1)
            gap = change[begins == first].mean() - change[waiting & (begins != first)].mean()
            cells[first, year] = (begins == first).sum(), gap

    def average(chosen):
        sizes, gaps = np.array([cell for key, cell in cells.items() if chosen(*key)]).T
        return np.average(gaps, weights=sizes)

    late = average(lambda first, year: year >= first)
    assert expected["counties-castle"] == pytest.approx(late, abs=6e-6)
    before = average(lambda first, year: year == first - 2)
    assert expected["counties-castle-lower"] == pytest.approx(-before, abs=6e-5)


def test_leads_of_two_way_fixed_effects_show_a_trend_that_nobody_had():
    counties = scenarios.minimum_wage_panel(noise=1e-6).sample(100, rng=3)
    since = (counties["quarter"] - counties["first_raised"]).where(counties["first_raised"] > 0)
    late = (counties["first_raised"] == 9) & (since >= 0)
    jobs = counties["employment"] - 0.5 * (since + 1).where(late, 0)
    dummy = since.fillna(-1).astype(int)
    rows = counties.assign(jobs=jobs, since=dummy)
    fit = smf.ols("jobs ~ C(since, Treatment(-1)) + C(county) + C(quarter)", rows).fit()
    found = numbers("more_counties_did")
    leads = [fit.params[f"C(since, Treatment(-1))[T.{event}]"] for event in (-8, -3, -2)]
    assert found["counties-lead-first"] == pytest.approx(leads[0], abs=1e-4)
    assert found["counties-lead-middle"] == pytest.approx(leads[1], abs=1e-4)
    assert found["counties-lead-last"] == pytest.approx(leads[2], abs=1e-4)
    names = {key: design[key] for key in ("unit", "time")} | {"outcome": "jobs"}
    study = staggered_study(rows, **names, first_treated="first_raised")
    assert study.loc[:-1, "estimate"].abs().max() < 1e-5
