"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pytest
from scipy import stats
from stored import kept

from casestudies import scenarios

chapter = kept("potential_outcomes")
truth = scenarios.pomodoro("self-chosen").truth


def test_each_day_shows_one_of_its_two_outcomes():
    both, diary = chapter.both, chapter.diary
    played = np.where(both["timer"] == 1, both["Y(1)"], both["Y(0)"])
    assert np.allclose(played, diary["output"], atol=1e-4)
    assert np.allclose(both["effect"], 4 - 2 * diary["state"], atol=1e-4)


def test_the_raw_difference_is_effect_plus_selection_bias_and_of_the_wrong_sign():
    assert abs(chapter.identity.iloc[:3].sum() - chapter.identity.iloc[3]) < 1e-4
    treated, others = (chapter.by_timer.loc[t] for t in (1, 0))
    sample_bias = treated["Y(0)"] - others["Y(0)"]
    assert abs(treated["effect"] + sample_bias - chapter.naive["estimate"]) < 1e-4
    assert chapter.naive["ci_low"] < truth["raw difference"] < chapter.naive["ci_high"] < 0


def test_the_coin_covers_the_effect_and_adjusting_sharpens_it():
    covers = (chapter.answers["ci_low"] < 4) & (chapter.answers["ci_high"] > 4)
    assert covers.tolist() == [False, True, True]
    assert chapter.by_lin["std_error"] < 0.8 * chapter.by_means["std_error"]
    assert chapter.document["ci_low"] < 4 < chapter.document["ci_high"]


def test_plain_regressions_give_what_the_recipes_give():
    hc2, interacted = chapter.by_statsmodels
    assert abs(hc2 - chapter.by_means["std_error"]) < 2e-5
    assert abs(interacted - chapter.by_lin["estimate"]) < 2e-5


def test_the_p_value_is_the_share_of_reshuffles_as_large():
    assert chapter.test["p_value"] < 0.05
    assert abs(chapter.as_large - chapter.test["p_value"]) < 0.01


def test_two_weeks_are_too_short_and_two_hundred_days_are_not():
    assert chapter.power.iloc[0, 0] < 0.2
    assert chapter.power.iloc[2, 0] > 0.8


def power(days, share, rng, trials=400_000):
    """Return how often the Welch interval of a trial excludes zero, from drawn moments."""
    treated = rng.binomial(days, share, trials)
    treated = treated[(treated > 1) & (treated < days - 1)]
    parts, gain = [], 4.0
    for variance, n, sign in ((72, treated, 1), (100, days - treated, -1)):
        gain = gain + sign * rng.standard_normal(len(n)) * np.sqrt(variance / n)
        parts.append(variance * rng.chisquare(n - 1) / (n - 1) / n)
    error = np.sqrt(sum(parts))
    pairs = zip(parts, (treated, days - treated), strict=True)
    df = error**4 / sum(part**2 / (n - 1) for part, n in pairs)
    return np.mean(abs(gain) > stats.t.ppf(0.975, df) * error)


@pytest.mark.parametrize(("share", "days"), [(0.5, 172), (0.2, 247)])
def test_the_days_that_are_named_find_the_effect_in_eighty_of_a_hundred(share, days):
    rng = np.random.default_rng(8)
    error = np.sqrt(0.8 * 0.2 / 400_000)
    assert abs(power(days, share, rng) - 0.8) < 4 * error
    assert power(days - 4, share, rng) < 0.8 - 4 * error
    assert power(days + 4, share, rng) > 0.8 + 4 * error


def test_the_diarys_loss_is_larger_than_what_the_timer_adds():
    assert truth["ATT"] == pytest.approx(4 + 2 / np.sqrt(np.pi))
    assert truth["selection bias"] == pytest.approx(-16 / np.sqrt(np.pi))


def test_peeking_rings_as_often_as_published():
    # as printed by Armitage, McPherson and Rowe (1969), to three decimals
    assert (abs(chapter.peeking["exact"] - chapter.peeking["published"]) < 6e-4).all()


def test_what_is_read_as_treated_has_the_wrong_sign_and_the_instrument_does_not():
    inside = (chapter.unequal["ci_low"] < chapter.unequal["exact"]) & (
        chapter.unequal["exact"] < chapter.unequal["ci_high"]
    )
    assert inside.drop("per protocol").all()
    assert chapter.unequal["ci_high"].iloc[0] < 0
    assert chapter.unequal["ci_high"].iloc[1] < 2


def test_rules_gain_what_the_normal_distribution_says():
    phi, cdf = stats.norm.pdf, stats.norm.cdf
    assert list(chapter.gains["exact"].iloc[[0, 1, 3, 4]]) == pytest.approx(
        [0, 1, cdf(0) + 2 * phi(0), cdf(0.5) + 2 * phi(0.5)], abs=1e-4
    )
    error = 2.5 / np.sqrt(400_000)
    assert (abs(chapter.gains["simulated"] - chapter.gains["exact"]) < 4 * error).all()


def test_the_coin_covers_and_the_diary_never_does():
    bias, coverage = chapter.many["bias"].to_numpy(), chapter.many["coverage"].to_numpy()
    errors = abs(bias) / chapter.many["bias_error"].to_numpy()
    assert (errors[[0, 1, 3]] < 4).all()
    assert (abs(coverage[[0, 1, 3]] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)).all()
    assert coverage[2] == 0


def test_all_the_men_of_the_programme_are_there_and_it_worked():
    assert chapter.men == 445
    assert chapter.sharp["p_value"] < 0.05
