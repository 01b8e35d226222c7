"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit
from stored import kept

from casestudies import scenarios

chapter = kept("staffing_mediator_trap")


def test_only_the_analyses_that_adjust_for_talent_alone_cover():
    low, high = chapter.answers["ci_low"], chapter.answers["ci_high"]
    ate = scenarios.staffing().truth["ATE"]
    assert ((low < ate) & (ate < high)).tolist() == [False, False, True, True]
    assert high.iloc[1] < ate < low.iloc[0]


def test_fresh_samples_move_the_coefficients_by_their_standard_errors():
    # the widths of the script's intervals on 10,000 rows, by 3.92
    errors = np.array([1.271 - 0.960, 1.929 - 1.683, 2.143 - 1.862]) / 3.92
    spread = chapter.fresh["std"].to_numpy()
    assert (abs(spread - errors) < 4 * errors / np.sqrt(2 * 19)).all()
    assert ((spread > 0.045) & (spread < 0.075)).all()
    assert (abs(chapter.fresh["mean"] - [1.12, 1.81, 2.00]) < 0.1).all()


def enumerated():
    """Return nodes and weights of talent, and the exit risk at each, by mismatch and silence."""
    talent, weights = np.polynomial.hermite_e.hermegauss(60)
    silent = expit(np.array([-2.0, 0.5]))
    risk = expit([[-3 + 1.2 * a + 1.8 * m + 0.5 * talent for m in (0, 1)] for a in (0, 1)])
    return talent, weights / weights.sum(), silent, risk


def test_a_third_or_three_fifths_go_through_silence_as_the_order_is():
    _, weights, silent, risk = enumerated()
    mean = risk @ weights

    def mix(a, other):
        return mean[a] @ [1 - silent[other], silent[other]]

    total = mix(1, 1) - mix(0, 0)
    assert mix(1, 1) - mix(1, 0) == pytest.approx(chapter.effects["exact"]["NIE"], abs=6e-6)
    through, past = mix(0, 1) - mix(0, 0), mix(1, 1) - mix(0, 1)
    assert [through, past] == pytest.approx([0.096, 0.198], abs=5e-4)
    shares = np.array([through, mix(1, 1) - mix(1, 0)]) / total
    assert shares == pytest.approx([1 / 3, 3 / 5], abs=0.01)
    assert chapter.answers["estimate"].iloc[1] == pytest.approx(total / 2, abs=0.005)


def test_a_silence_ended_saves_hardly_more_than_a_match_repaired():
    talent, weights, silent, risk = enumerated()
    mismatched = weights * expit(1.5 * talent)
    share = np.array([1 - mismatched.sum(), mismatched.sum()])
    within = np.array([weights - mismatched, mismatched])
    lost = [silent[a] * within[a] @ (risk[a, 1] - risk[a, 0]) for a in (0, 1)]
    by_arm = [risk[a].T @ [1 - silent[a], silent[a]] for a in (0, 1)]
    assert share[1] == pytest.approx(0.5)
    assert 1_000 * share @ silent == pytest.approx(371, abs=0.5)
    assert sum(lost) / (share @ silent) == pytest.approx(0.34, abs=5e-3)
    assert mismatched @ (by_arm[1] - by_arm[0]) / share[1] == pytest.approx(0.33, abs=5e-3)


def test_the_recipes_limit_is_nearly_the_effect():
    talent, weights, silent, risk = enumerated()
    treated, limits = expit(1.5 * talent), []
    for a, share in enumerate([1 - treated, treated]):
        chance = risk[a].T @ [1 - silent[a], silent[a]]
        x = np.column_stack([np.ones_like(talent), talent])
        family = sm.families.Binomial()
        fit = sm.GLM(chance, x, family=family, freq_weights=weights * share).fit()
        limits.append(weights @ fit.predict(x))
    assert limits[1] - limits[0] == pytest.approx(0.2940, abs=5e-5)
    assert scenarios.staffing().truth["ATE"] == pytest.approx(0.2935, abs=5e-5)


def test_the_effect_of_a_mismatch_grows_with_talent():
    def risk(mismatch, talent):
        silent = expit(-2 + 2.5 * mismatch)
        exits = [expit(-3 + 1.2 * mismatch + 1.8 * m + 0.5 * talent) for m in (0, 1)]
        return (1 - silent) * exits[0] + silent * exits[1]

    talent = np.linspace(-3, 3, 61)
    assert (np.diff(risk(1, talent) - risk(0, talent)) > 0).all()
    at = np.array([-1.0, 1.0, 2.0])
    assert (risk(1, at) - risk(0, at)).round(2).tolist() == [0.23, 0.36, 0.41]


def test_the_talented_fifth_saves_twice_what_a_random_fifth_does_and_the_silent_come_too_late():
    talent = np.linspace(-8, 8, 16_001)
    density = np.exp(-(talent**2) / 2)
    density /= density.sum()
    mismatched, silent = density * expit(1.5 * talent), expit(np.array([-2.0, 0.5]))
    risk = expit([[-3 + 1.2 * a + 1.8 * m + 0.5 * talent for m in (0, 1)] for a in (0, 1)])
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    misery = 1.5 * np.arange(2)[:, None, None] + nodes
    symptom = expit(-3.5 + 1.8 * misery + 0.5 * talent[:, None]) @ weights / weights.sum()
    told = np.stack([[1 - silent[a], silent[a]] @ risk[a] for a in (0, 1)])
    for exits, top, anybody in ((told, 6.7, 3.3), (symptom, 6.2, 3.1)):
        saved = 100 * mismatched * (exits[1] - exits[0])
        assert round(saved[talent > 0.84].sum(), 1) == top
        assert round(0.2 * saved.sum(), 1) == anybody
    # the riskiest fifth: a mismatch and a silence, from some talent on
    both = mismatched * silent[1]
    chosen = both[::-1].cumsum()[::-1] <= 0.2
    lowest = risk[1, 1][chosen].min()
    rest = (mismatched * (1 - silent[1]))[risk[1, 0] > lowest].sum()
    rest += ((density - mismatched) * silent[0])[risk[0, 1] > lowest].sum()
    assert rest < 0.001
    assert round(100 * (both * (risk[1, 1] - risk[0, 1]))[chosen].sum(), 1) == 5.7
    with pytest.raises(ValueError, match="cycle"):
        scenarios.staffing().model.do(mismatch=lambda silence: 1 - silence)


def test_a_silence_that_is_no_consequence_moves_the_odds_ratio_and_not_the_difference():
    talent = np.linspace(-8, 8, 401)
    density = np.exp(-(talent**2) / 2)
    density /= density.sum()
    chance, cells = expit(1.5 * talent), []
    for a, m in ((0, 0), (0, 1), (1, 0), (1, 1)):
        share = density * (chance if a else 1 - chance) * (expit(-2) if m else 1 - expit(-2))
        exits = expit(-3 + 1.2 * a + 1.8 * m + 0.5 * talent)
        x = np.column_stack([np.ones(401), np.full(401, a), np.full(401, m), talent])
        cells += [(x, share * exits, exits), (x, share * (1 - exits), exits)]
    x, weight = np.vstack([c[0] for c in cells]), np.concatenate([c[1] for c in cells])
    left = np.tile(np.repeat([1.0, 0.0], 401), 4)
    found = {}
    for name, columns in (("with", [0, 1, 2, 3]), ("without", [0, 1, 3])):
        fit = sm.GLM(left, x[:, columns], family=sm.families.Binomial(), var_weights=weight).fit()
        there, away = x.copy(), x.copy()
        there[:, 1], away[:, 1] = 1, 0
        effect = fit.predict(there[:, columns]) - fit.predict(away[:, columns])
        found[name] = round(fit.params[1], 2), weight @ effect
    assert (found["with"][0], found["without"][0]) == (1.2, 1.11)
    assert found["with"][1] == pytest.approx(found["without"][1], abs=5e-4)


def test_the_mediator_ranks_first_in_both_worlds():
    assert chapter.ranked.index[0] == "silence"
    assert chapter.both.shape == (3, 4)
    assert (chapter.both.idxmax() == "silence").all()


def test_a_million_candidates_after_surgery_follow_the_truncated_factorization():
    chance = chapter.joint["factorization"].to_numpy()
    assert abs(chance.sum() - 1) < 1e-5
    error = np.sqrt(chance * (1 - chance) / 1_000_000)
    assert (abs(chapter.simulated - chance) < 4 * error).all()


def test_surgery_factorization_and_reweighting_agree_and_seeing_does_not():
    exact = scenarios.staffing().truth["E[exit | do(mismatch=1)]"]
    surgery, factorized, reweighted, seen = chapter.routes
    assert abs(factorized - exact) < 6e-4
    assert abs(surgery - exact) < 4 * 0.0005 + 6e-4
    assert abs(reweighted - exact) < 0.005
    assert seen > factorized + 0.02


def test_stress_spares_the_total_effect_and_spoils_the_other_two():
    total, with_grievance, direct = chapter.variants["estimate"] - chapter.variants["exact"]
    assert abs(total) < 0.03 < abs(with_grievance)
    assert abs(direct) > 0.02


def test_replays_stay_as_often_as_worked_by_hand():
    off = abs(chapter.would_stay["exact"] - chapter.would_stay["simulated"])
    assert (off < 4 * 0.5 / np.sqrt(4_000)).all()


def test_the_recipe_recovers_the_direct_and_indirect_effects():
    assert (
        abs(chapter.effects["mean of 20 samples"] - chapter.effects["exact"])
        < 4 * chapter.effects["their spread"] / np.sqrt(20)
    ).all()


def test_only_the_adjusted_analysis_covers():
    right_one = chapter.worlds.iloc[2]
    assert abs(right_one["coverage"] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 300)
    assert abs(right_one["bias"]) < 4 * right_one["bias_error"]
    assert chapter.worlds.loc[["raw difference", "silence held fixed"], "coverage"].max() < 0.05


def test_quitting_adds_the_published_weight_in_either_model():
    assert abs(chapter.as_published["estimate"] - 3.52) < 0.02
    assert (
        abs(chapter.all_terms["estimate"] - chapter.as_published["estimate"])
        < chapter.all_terms["std_error"] / 4
    )
