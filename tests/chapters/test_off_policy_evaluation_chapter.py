"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
from scipy.special import expit, log_expit
from stored import covers, kept, numbers

from casestudies import scenarios
from casestudies.scenarios.retention import legacy_odds

chapter = kept("off_policy_evaluation")
stored = numbers("off_policy_evaluation")
truth = scenarios.project_assignment().truth
NEW = truth["E[exit | new]"]


def test_the_rows_that_agree_miss_and_the_three_weighted_readings_cover():
    assert covers(chapter.answers, NEW).tolist() == [False, True, True, True]
    assert chapter.answers["ci_high"].iloc[0] < NEW
    lack = chapter.by_rule.loc[[(0, 0.0), (1, 0.0)]]
    agree = (1 - lack["stretch"]) * lack["decisions"]
    assert agree.iloc[0] > 4 * agree.iloc[1]  # mostly of those without prestige
    assert lack["exit"].iloc[0] < lack["exit"].iloc[1] - 0.15


def test_the_recipe_is_the_weighted_mean_by_hand():
    assert abs(chapter.by_hand - chapter.answers.loc["self-normalized", "estimate"]) < 1e-4
    assert abs(stored["policy-mean-weight"] - 1) < 4 * 0.012


def test_differences_from_the_old_rule_cover_and_order_the_rules():
    exact = chapter.gains["exact"]
    assert covers(chapter.gains, exact).all()
    assert exact["new"] < exact["none"] < 0 < exact["all"]
    order = chapter.gains["estimate"].sort_values().index.tolist()
    assert order == ["new", "none", "all"]
    assert chapter.gains.loc["new", "ci_high"] < 0


def test_where_support_ends_the_estimate_misses_and_the_bounds_hold_the_value():
    bounds = chapter.bounds
    assert bounds["set_low"] < NEW < bounds["set_high"]
    assert stored["policy-silent"] + 4 * 0.0053 < NEW
    assert stored["policy-silent-weight"] < 0.8
    half = (stored["policy-set-high"] - stored["policy-set-low"]) / 2
    assert abs(2 * half - bounds["unsupported"]) < 1e-3


def test_the_audit_finds_the_month_of_the_bug():
    p = chapter.audit["p_value"]
    assert (p.loc[:12] > 0.01).all()
    assert (p.loc[13:] < 1e-6).all()
    assert chapter.two["ci_high"].iloc[0] < NEW
    assert covers(chapter.two.iloc[1], NEW)


def test_with_an_unrecorded_driver_the_audit_passes_and_both_values_miss():
    assert (chapter.checked["p_value"] > 0.2).all()
    assert (chapter.fooled["ci_high"] < chapter.fooled["exact"]).all()
    assert abs(chapter.fooled["mean_weight"] - 1).max() < 0.05
    assert stored["policy-driven-limit"] > stored["policy-driven-limit-none"]
    assert stored["policy-driven-exact"] < stored["policy-driven-exact-none"]


def test_estimated_propensities_need_all_that_the_lottery_saw():
    assert covers(chapter.guessed, NEW).tolist() == [True, True, False]
    assert abs(chapter.guessed["mean_weight"] - 1).max() < 0.05


def test_the_winner_is_too_good_on_its_own_rows_only():
    gap, error = chapter.curse["says less exact"], chapter.curse["its error"]
    assert gap.iloc[0] < -4 * error.iloc[0]
    assert abs(gap.iloc[1]) < 2 * error.iloc[1]
    difference, its_error = chapter.worse  # exact values of the two choices
    assert difference > 4 * its_error
    assert stored["policy-claimed"] < stored["policy-chosen"]


def test_month_by_month_always_and_never_change_places():
    rules = ["always", "only when rested", "never"]
    table = chapter.ranking.loc[rules]
    assert table["exact"].is_monotonic_increasing
    assert table.iloc[:, 0].is_monotonic_decreasing
    assert table.iloc[:, 1].is_monotonic_decreasing
    assert chapter.ranking["exact"].idxmin() == "always"
    assert chapter.ranking.iloc[:, 0].idxmax() == "always"


def test_the_halved_odds_are_covered_by_cumulative_weights():
    world = scenarios.retention()
    exact = np.array([world.truth[f"retained {t} | odds halved"] for t in chapter.halved.index])
    assert covers(chapter.halved, exact)[[11, 23]].all()
    assert (abs(chapter.halved["estimate"] - exact) < 4 * chapter.halved["std_error"]).all()
    assert 100 < chapter.halved["effective_n"].iloc[-1] < 600
    assert chapter.refused.startswith("column 'target': no unit of 3000 followed")
    assert "month = 13" in chapter.refused


def test_the_g_formula_covers_and_orders_the_rules_as_they_are():
    assert covers(chapter.ends, chapter.ends["exact"]).all()
    assert chapter.ends["estimate"].is_monotonic_increasing
    assert chapter.ends["exact"].is_monotonic_increasing


def test_simulated_policies_have_their_exact_rates():
    policy = chapter.policy
    assert (abs(policy["mean"] - policy["exact"]) < 4 * policy["sem"]).all()
    assert policy["exact"].idxmin() == "new"
    assert stored["policy-saved-low"] < stored["policy-saved"] < stored["policy-saved-high"]


def test_two_readings_are_off_in_many_logs_and_four_are_not():
    off = ["rows that agree", "estimated without prestige"]
    wrong, right = chapter.many.loc[off], chapter.many.drop(index=off)
    assert (abs(wrong["bias"]) > 20 * wrong["bias_error"]).all()
    assert (wrong["coverage"] < 0.6).all()
    assert (abs(right["bias"]) < 2 * right["bias_error"]).all()
    assert (abs(right["coverage"] - 0.95) < 4 * 0.0154).all()


def test_the_thinned_experiment_is_found_again_by_weights_alone():
    weighted, agree = chapter.mail.iloc[0], chapter.mail.iloc[1]
    assert weighted["ci_low"] < 0.18423 < weighted["ci_high"]
    assert agree["estimate"] + 4 * agree["std_error"] < 0.18423
    assert abs(weighted["n"] - 64_000 / (3 * 0.7)) < 4 * 125


def test_a_softer_rule_is_worth_more_rows_and_costs_exits():
    assert stored["policy-soft-effective"] > stored["policy-effective"]
    assert stored["policy-soft"] > stored["policy-new"]


def test_intervals_of_trajectory_weights_cover_too_seldom_where_some_tens_are_effective():
    factors, rng, hits, sizes = [0.5, 0.4, 0.25], np.random.default_rng(1), [], []
    policies = {str(factor): legacy_odds(factor) for factor in factors}
    truth = scenarios.retention(policies=policies).truth
    exact = [truth[f"retained 24 | {name}"] for name in policies]
    for _ in range(4):
        curve, error, effective = curves_of_fifty_logs(factors, rng)
        hits.append(abs(curve - exact) < 1.96 * error)
        sizes.append(effective)
    share = np.array([0.940, 0.904, 0.830])  # of 800 logs drawn apart from these
    far = abs(np.concatenate(hits).mean(axis=0) - share)
    assert (far < 4 * np.sqrt(share * (1 - share) * (1 / 200 + 1 / 800))).all()
    assert np.allclose(np.median(np.concatenate(sizes), axis=0), [287, 107, 26], rtol=0.25)


def curves_of_fifty_logs(factors, rng, people=3_000, months=24):
    """Draw logs from the equations on the page, and weight each person's months."""
    shape = (50, people, 1)
    senior = rng.random(shape) < 0.5
    prestige = rng.random(shape) < 0.3 + 0.4 * senior
    strain, there = np.zeros(shape), np.ones(shape)
    log_weight, influence, curve = 0.0, 0.0, 1.0
    for _ in range(months):
        odds = -0.8 + 1.6 * prestige - 0.6 * strain
        stretch = rng.random(shape) < expit(odds)
        new, sign = odds + np.log(factors), 2 * stretch - 1
        log_weight = log_weight + log_expit(sign * new) - log_expit(sign * odds)
        left = rng.random(shape) < expit(-4.6 + 0.9 * strain - 0.8 * stretch - 0.3 * senior)
        weight = there * np.exp(log_weight)
        stayed = (weight * (1 - left)).sum(axis=1)
        hazard = 1 - stayed / weight.sum(axis=1)
        influence = influence + weight * (left - hazard[:, np.newaxis]) / stayed[:, np.newaxis]
        curve = curve * (1 - hazard)
        there, draw = there * (1 - left), rng.random(shape)
        up, down = stretch & (draw < 0.45 - 0.15 * senior), ~stretch & (draw < 0.4)
        strain = np.clip(strain + 1 * up - 1 * down, 0, 2)
    effective = weight.sum(axis=1) ** 2 / (weight**2).sum(axis=1)
    return curve, curve * np.sqrt((influence**2).sum(axis=1)), effective
