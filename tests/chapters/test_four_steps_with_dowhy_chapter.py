"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit
from stored import covers, kept, numbers

from casestudies import scenarios

chapter = kept("four_steps_with_dowhy")
marketing = scenarios.marketing()
campaign = scenarios.marketing("campaign")
idle = scenarios.marketing("campaign", competitor_on_revenue=0.0)
SEASON, BOTH = ["seasonality"], ["seasonality", "competitor_action"]


def test_the_raw_slope_misleads():
    assert chapter.raw["ci_low"] < marketing.truth["raw slope"] < chapter.raw["ci_high"]
    assert chapter.raw["ci_low"] > 4


def test_dowhy_offers_a_short_estimand_as_unconfounded_too():
    whole_list, short_list = chapter.unconfounded
    assert whole_list
    assert short_list


def test_dowhy_and_statsmodels_agree_and_each_covers_its_own_limit():
    assert abs(chapter.spend["DoWhy"] - chapter.spend["estimate"]).max() < 1e-5
    assert covers(chapter.spend, chapter.spend["exact limit"]).all()
    assert chapter.spend["ci_low"].iloc[2] > 2.5 > chapter.spend["ci_high"].iloc[1]


def test_every_estimate_covers_its_estimand():
    rest = chapter.runs.drop(index="DoWhy, matching (ATE)")
    assert ((rest["ci_low"] < rest["exact"]) & (rest["exact"] < rest["ci_high"])).all()
    own = chapter.runs.loc["recipe, matching (ATE)"]
    assert abs(chapter.by_dowhy - own["estimate"]) < own["std_error"]


def test_a_column_left_behind_decides_the_next_run():
    assert chapter.after == chapter.before
    assert chapter.step4 == 1
    assert chapter.by_season["same table"] == chapter.before
    assert chapter.left_behind == ["propensity_score"]
    assert abs(chapter.by_season["clean copy"] - chapter.before) > 5


def test_on_clean_copies_the_refuter_moves_the_estimate():
    assert "propensity_score" not in chapter.regions
    assert chapter.moved > 1
    assert chapter.refit > 0.1


def test_one_seed_gives_a_p_value_of_zero():
    assert chapter.seeded == 0


def test_a_wrong_estimate_passes_three_refuters():
    assert (chapter.passed > 0.5).all(axis=None)
    assert not covers(chapter.spend, marketing.truth["ATE"]).iloc[1]


def test_the_p_value_is_a_binomial_of_noise():
    noise = np.random.default_rng(1).normal(size=(2, 20_000, 20)).prod(axis=0)
    bound = np.quantile(abs(noise.mean(axis=1)) / noise.std(axis=1), 0.95)
    assert abs(bound - 0.47) < 0.01
    assert abs(stats.norm.cdf(-bound) - 0.32) < 0.005
    cancelled = scenarios.marketing(competitor_on_revenue=-240.0)
    assert abs(cancelled.truth["raw slope"] - 3) < 1e-9
    assert min(chapter.p_cancelled) > 0.5


def test_no_confounder_is_strong_enough_to_be_refuted():
    assert chapter.swept.min().min() > 0.3
    assert abs(chapter.limits[0] - 3) < 1e-5
    assert chapter.limits[-1] < -0.4


def test_dowhy_finds_the_same_robustness_value():
    assert abs(chapter.by_dowhy_too - chapter.safety["rv_q"]) < 1e-5
    assert chapter.safety["rv_q"] < chapter.competitor["marketing_spend"]["partial_r2"]


def test_the_forecasts_equal_the_exact_answers():
    budget = chapter.budget  # from common random numbers
    assert (abs(budget["simulated"] - budget["exact"]) < 1e-4).all()
    less = budget.loc["ten less"]
    assert abs(less["exact"] + budget.loc["ten more", "exact"]) < 1e-5


def test_only_the_right_analysis_covers():
    good = chapter.many.loc[["season and competitor"]]
    assert (abs(good["bias"]) < 4 * good["bias_error"]).all()
    assert (abs(good["coverage"] - 0.95) < 4 * np.sqrt(0.0475 / 200)).all()
    assert (chapter.many["coverage"].iloc[:2] < 0.05).all()


def test_refuters_cannot_tell_right_from_wrong():
    matched, trials = chapter.matched, chapter.trials
    for name in ("both causes", "season alone"):
        assert (trials[name].to_numpy() > 0.05).all()
        assert (matched[name] <= 0.05).mean() < 0.05 + 4 * np.sqrt(0.0475 / 60)
    assert abs(idle.truth["standardized over seasonality"] - idle.truth["ATE"]) < 1e-9
    differ = stats.ttest_rel(trials["both causes"], trials["season alone"])
    assert (differ.pvalue > 0.05).all()


def test_no_refuter_objects_to_men_of_a_survey_in_place_of_controls():
    assert min(chapter.survived) > 0.5


def coefficient(outcome, *columns):
    """Return the first column's coefficient, its error and the degrees of freedom."""
    rows = np.column_stack([*columns, np.ones(len(outcome))])
    found, squares = np.linalg.lstsq(rows, outcome)[:2]
    degrees = len(outcome) - rows.shape[1]
    return found[0], np.sqrt(squares[0] / degrees * np.linalg.inv(rows.T @ rows)[0, 0]), degrees


def robustness(f):
    """Return Cinelli and Hazlett's robustness value of a partial f."""
    return (np.sqrt(f**4 + 4 * f**2) - f**2) / 2


def test_normal_equations_find_the_interval_and_the_robustness_in_the_same_draws():
    rng, n = np.random.default_rng(2), 2_000
    season, competitor = rng.normal(size=n), rng.random(n) < 0.5
    spend = 60 + 12 * season + 12 * competitor + 10 * rng.normal(size=n)
    revenue = 600 + 3 * spend + 60 * season - 80 * competitor + 60 * rng.normal(size=n)
    estimate, error, degrees = coefficient(revenue, spend, season, competitor)
    reach = stats.t.ppf(0.975, degrees) * error
    f = (estimate - 2.5) / error / np.sqrt(degrees)
    doubt = stats.t.ppf(0.975, degrees - 1) / np.sqrt(degrees - 1)
    found = {
        "estimate": estimate,
        "season-estimate": coefficient(revenue, spend, season)[0],
        "low": estimate - reach,
        "high": estimate + reach,
        "rv": robustness(f),
        "rv-interval": robustness(f - doubt),
    }
    stored = numbers("four_steps_with_dowhy")
    assert {key: stored[f"dowhy-{key}"] for key in found} == pytest.approx(found, rel=1e-5)


def nearest(y, t, designs):
    """Return the ATE by the nearest score for each of several designs (m, n, k) at once."""
    rows = np.concatenate([np.ones((*designs.shape[:2], 1)), designs], axis=2)
    across, beta = np.swapaxes(rows, 1, 2), np.zeros((len(rows), rows.shape[2], 1))
    for _ in range(10):
        p = expit(rows @ beta)
        beta = beta + np.linalg.solve(across @ (rows * p * (1 - p)), across @ (t[:, None] - p))
    score, one = expit(rows @ beta)[..., 0], t == 1
    apart = abs(score[:, one, None] - score[:, None, ~one])
    other = np.tile(y, (len(rows), 1))
    other[:, one], other[:, ~one] = y[~one][apart.argmin(2)], y[one][apart.argmin(1)]
    return ((y - other) * np.where(one, 1, -1)).mean(axis=1)


def with_noise(data, names, simulations, seed):
    """Return an estimate and what a column of noise makes of it, again and again."""
    y, t, x = (data[c].to_numpy(float) for c in ("revenue", "marketing_spend", names))
    noise = np.random.RandomState(seed).normal(size=(simulations, len(y), 1))
    noisy = np.concatenate([np.broadcast_to(x, (simulations, *x.shape)), noise], axis=2)
    found = [nearest(y, t, some) for some in np.array_split(noisy, 5)]  # a few: less memory
    return nearest(y, t, x[None])[0], np.concatenate(found)


def test_matching_written_out_moves_as_much_in_the_same_draws():
    estimate, moved = with_noise(campaign.sample(1_000, rng=3), BOTH, 100, 1)
    stored = numbers("four_steps_with_dowhy")
    assert abs(stored["dowhy-campaign-match"] - estimate) < 1e-3
    assert abs(stored["dowhy-moved"] - moved.std()) < 1e-4


@pytest.mark.parametrize(
    ("name", "world", "causes"),
    [
        ("both causes", campaign, BOTH),
        ("season alone", campaign, SEASON),
        ("season, enough", idle, SEASON),
    ],
)
def test_matching_written_out_has_the_p_values_of_the_first_twenty_tables(name, world, causes):
    for i in range(20):
        estimate, found = with_noise(world.sample(200, rng=300 + i), causes, 40, i)
        above = (found > estimate).mean() + (found == estimate).mean() / 2
        assert chapter.matched[name].iloc[i] == pytest.approx(2 * min(above, 1 - above))


def test_last_quarters_revenue_gives_the_missing_competitor_away():
    rng, n, rejected, errors = np.random.default_rng(19), 500, np.zeros(2), []
    for _ in range(1_000):
        season, competitor = rng.normal(size=n), (rng.random(n) < 0.5) * 1.0
        spend = 60 + 12 * season + 12 * competitor + 10 * rng.normal(size=n)
        before = 700 + 40 * season - 50 * competitor + 60 * rng.normal(size=n)
        for i, causes in enumerate(([season], [season, competitor])):
            found, error, degrees = coefficient(before, spend, *causes)
            rejected[i] += abs(found / error) > stats.t.ppf(0.975, degrees)
            errors += [error] if i == 0 else []
    assert np.mean(errors) == pytest.approx(
        np.sqrt((3_600 + 625 - 150**2 / 136) / 136 / 500), rel=0.01
    )
    assert abs(rejected[0] / 1_000 - 0.99) < 4 * np.sqrt(0.99 * 0.01 / 1_000)
    assert abs(rejected[1] / 1_000 - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 1_000)
