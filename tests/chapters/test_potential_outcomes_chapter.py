"""What the chapter shows and says, by what its notebook stored."""

import math

import numpy as np
import pytest
from scipy import stats
from stored import kept, numbers

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
    assert chapter.by_lin["ci_low"] < 3 < chapter.by_lin["estimate"]  # the cost of a day
    assert chapter.document["ci_low"] < 4 < chapter.document["ci_high"]


def test_numpy_alone_finds_the_three_answers_in_the_same_draws():
    rng = np.random.default_rng(6)
    state, whim = rng.normal(size=200), rng.random(200)
    chosen, noise = whim < stats.norm.cdf(-state), rng.normal(size=200)
    output = 50 + 8 * state + (4 - 2 * state) * chosen + 6 * noise
    rng = np.random.default_rng(2)
    coin, day, noise = rng.random(200) < 0.5, rng.normal(size=200), rng.normal(size=200)
    tried = 50 + 8 * day + (4 - 2 * day) * coin + 6 * noise
    # Lin's estimate: each arm's line, read at the mean state of all days
    ends = [np.polyval(np.polyfit(day[arm], tried[arm], 1), day.mean()) for arm in (coin, ~coin)]
    found = {
        "diary": output[chosen].mean() - output[~chosen].mean(),
        "means": tried[coin].mean() - tried[~coin].mean(),
        "lin": ends[0] - ends[1],
    }
    stored = numbers("potential_outcomes")
    assert {key: stored[f"outcomes-{key}"] for key in found} == pytest.approx(found, rel=1e-5)


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


def fortnight(days=14):
    """Return percent of trials that exclude zero, the mean size if so, percent of wrong signs.

    Both sample variances are on a grid of chi-squared quantiles; given them the difference of
    means is normal, and Welch's interval excludes zero beyond a limit on either side.
    """
    nodes, weights = np.polynomial.legendre.leggauss(60)
    quantile, weight = (nodes + 1) / 2, np.multiply.outer(weights, weights) / 4
    sums, on = np.zeros(4), np.arange(2, days - 1)
    for n, chance in zip(on, stats.binom.pmf(on, days, 0.5), strict=True):
        sizes, variances = (n, days - n), (72, 100)
        a, b = (
            v * stats.chi2.ppf(quantile, m - 1) / (m - 1) / m
            for v, m in zip(variances, sizes, strict=True)
        )
        total = np.add.outer(a, b)
        degrees = total**2 / np.add.outer(a**2 / (n - 1), b**2 / (days - n - 1))
        limit = stats.t.ppf(0.975, degrees) * np.sqrt(total)
        spread = np.sqrt(72 / n + 100 / (days - n))
        above, below = (limit - 4) / spread, (-limit - 4) / spread
        found = stats.norm.sf(above) + stats.norm.cdf(below)
        size = 4 * (stats.norm.sf(above) - stats.norm.cdf(below))
        size += spread * (stats.norm.pdf(above) + stats.norm.pdf(below))
        wrong = stats.norm.cdf(-4 / spread)
        sums += chance * np.array([1, (weight * found).sum(), (weight * size).sum(), wrong])
    return 100 * sums[1] / sums[0], sums[2] / sums[1], 100 * sums[3] / sums[0]


def test_a_fortnight_finds_little_and_exaggerates_it_as_quadrature_says():
    assert fortnight() == pytest.approx([10.733, 11.850, 21.865], abs=6e-4)
    # the gap of the groups' states: a mixture over the coins, with the error function
    stored, coins = numbers("potential_outcomes"), {k: math.comb(14, k) for k in range(2, 13)}
    tails = (n * math.erfc(0.5 / math.sqrt(2 / k + 2 / (14 - k))) for k, n in coins.items())
    assert stored["outcomes-gap-percent"] == pytest.approx(
        100 * sum(tails) / sum(coins.values()), rel=1e-5
    )


def test_welchs_interval_of_the_documents_rows_is_the_one_shown():
    legacy = np.random.RandomState(1)
    timer = legacy.binomial(1, 0.5, 5_000) == 1
    output = legacy.normal(50, 10, 5_000) + 4 * timer
    found = stats.ttest_ind(output[timer], output[~timer], equal_var=False)
    low, high = found.confidence_interval()
    stored = numbers("potential_outcomes")
    shown = [stored[f"outcomes-document-{end}"] for end in ("low", "high")]
    assert shown == pytest.approx([low, high], rel=1e-5)


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
    assert inside.all()
    assert chapter.unequal["ci_high"].iloc[0] < 0
    assert chapter.unequal["ci_high"].iloc[1] < 2


def lines(state, output, on):
    """Return Lin's estimate and its HC2 error, each arm's line read at the mean state of all."""
    ends, variance = [], 0.0
    for arm in (~on, on):
        x = np.column_stack([np.ones(arm.sum()), state[arm] - state.mean()])
        inverse = np.linalg.inv(x.T @ x)
        beta = inverse @ x.T @ output[arm]
        left = 1 - np.einsum("ij,jk,ik->i", x, inverse, x)
        ends.append(beta[0])
        variance += ((x @ inverse[0]) ** 2 * (output[arm] - x @ beta) ** 2 / left).sum()
    return ends[1] - ends[0], np.sqrt(variance)


def test_numpy_alone_finds_the_answers_of_days_with_slips_in_the_same_draws():
    rng = np.random.default_rng(9)
    coin, state, whim, noise = (
        rng.random(1_000) < 0.5,
        rng.normal(size=1_000),
        rng.random(1_000),
        rng.normal(size=1_000),
    )
    on = whim < stats.norm.cdf(np.where(coin, 1.5, -0.5) - state)
    output = 50 + 8 * state + (4 - 2 * state) * on + 6 * noise
    stored = numbers("potential_outcomes")
    for name, noted in (("followed", state), ("coarse", (state >= 0) * 1.0)):
        effect, error = lines(noted, output, on)
        ends = effect + stats.t.ppf([0.025, 0.975], 996) * error
        found = [stored[f"outcomes-{name}{end}"] for end in ("", "-low", "-high")]
        assert found == pytest.approx([effect, *ends], rel=1e-5)
    gaps = [values[coin].mean() - values[~coin].mean() for values in (output, on)]
    late = gaps[0] / gaps[1]
    rest = output - late * on
    square = sum(
        ((rest[arm] - rest[arm].mean()) ** 2).sum() / arm.sum() ** 2 for arm in (coin, ~coin)
    )
    ends = late + np.array([-1, 1]) * 1.959964 * np.sqrt(square) / gaps[1]
    found = [stored[f"outcomes-instrument{end}"] for end in ("", "-low", "-high")]
    assert found == pytest.approx([late, *ends], rel=1e-5)


def test_a_note_that_is_too_coarse_leaves_the_coin_a_say_in_nine_of_ten_diaries():
    rng, shape = np.random.default_rng(15), (600, 1_000)
    coin, state = (rng.random(shape) < 0.5) * 1.0, rng.normal(size=shape)
    on = (rng.random(shape) < stats.norm.cdf(np.where(coin == 1, 1.5, -0.5) - state)) * 1.0
    output = 50 + 8 * state + (4 - 2 * state) * on + 6 * rng.normal(size=shape)

    def of_the_coin(note, coin, on, output):
        x = np.stack([np.ones(note.shape), on, note, on * note, coin], axis=-1)
        across = np.swapaxes(x, 1, 2)
        inverse = np.linalg.inv(across @ x)
        slope = inverse @ across @ output[..., np.newaxis]
        left = (output[..., np.newaxis] - x @ slope) ** 2
        left /= 1 - ((x @ inverse) * x).sum(axis=2, keepdims=True)
        covariance = inverse @ (across @ (x * left)) @ inverse
        return slope[:, 4, 0], np.sqrt(covariance[:, 4, 4])

    for note, limit, noticed in (((state >= 0) * 1.0, 1.68, 0.87), (state, 0.0, 0.05)):
        found, error = of_the_coin(note, coin, on, output)
        assert abs(found.mean() - limit) < 4 * found.std() / np.sqrt(600)
        rejected = (abs(found / error) > stats.t.ppf(0.975, 995)).mean()
        assert abs(rejected - noticed) < 4 * np.sqrt(noticed * (1 - noticed) / 600)
    rng = np.random.default_rng(9)
    coin, state = (rng.random(1_000) < 0.5) * 1.0, rng.normal(size=1_000)
    on = (rng.random(1_000) < stats.norm.cdf(np.where(coin == 1, 1.5, -0.5) - state)) * 1.0
    output = 50 + 8 * state + (4 - 2 * state) * on + 6 * rng.normal(size=1_000)
    found, error = of_the_coin(*(x[np.newaxis] for x in ((state >= 0) * 1.0, coin, on, output)))
    assert round(found[0], 1) == 1.2
    assert round(2 * stats.t.sf(found[0] / error[0], 995), 2) == 0.04


def test_with_a_memory_whole_weeks_answer_what_every_day_would_gain():
    rng, number = np.random.default_rng(16), 4_000

    def outputs(on):
        state, noise = rng.normal(size=(2, *on.shape))
        output = 50 + 8 * state + (4 - 2 * state) * on + 6 * noise
        output[:, 1:] -= 3 * on[:, :-1]
        return output

    def gap(output, on):
        return (output * on).sum(1) / on.sum(1) - (output * (1 - on)).sum(1) / (1 - on).sum(1)

    on = (rng.random((number, 200)) < 0.5) * 1.0
    output = outputs(on)
    x = np.stack([np.ones((number, 199)), on[:, 1:], on[:, :-1]], axis=-1)
    slopes = np.linalg.solve(np.swapaxes(x, 1, 2) @ x, np.swapaxes(x, 1, 2) @ output[:, 1:, None])
    week = rng.permuted(np.tile([0.0, 1.0], (number, 14)), axis=1)
    weekly = outputs(week.repeat(7, axis=1)).reshape(number, 28, 7)[:, :, 1:].mean(axis=2)
    ways = [(gap(output, on), 4, 1.3), (gap(weekly, week), 1, 1.4)]
    ways += [(slopes[:, 1:, 0].sum(axis=1), 1, 1.9)]
    for estimates, target, error in ways:
        assert abs(estimates.mean() - target) < 4 * error / np.sqrt(number)
        assert abs(estimates.std() - error) < 0.05 + 4 * error / np.sqrt(2 * number)


def test_three_ways_to_draw_days_of_alike_weeks_have_the_errors_of_the_exercise():
    rng, shape = np.random.default_rng(14), (4_000, 28, 7)
    state, noise, week = rng.normal(size=shape), rng.normal(size=shape), rng.normal(size=shape[:2])
    usual = 50 + 8 * state + 6 * noise + 5 * week[..., np.newaxis]
    by_day = rng.permuted(np.tile([0, 1], (4_000, 98)), axis=1).reshape(shape)
    whole = rng.permuted(np.tile([0, 1], (4_000, 14)), axis=1)[..., np.newaxis].repeat(7, axis=2)
    many = np.where(np.arange(28) % 2, 3, 4)[:, np.newaxis]
    within = rng.random(shape).argsort(axis=2).argsort(axis=2) < many
    found, held = {}, 0.0
    for name, on in (("days", by_day), ("whole", whole), ("within", within)):
        output = usual + on * (4 - 2 * state)
        if name == "within":
            gaps = [(output * part).sum(2) / part.sum(2) for part in (on, ~on)]
            found[name] = (gaps[0] - gaps[1]).mean(axis=1)
            continue
        arms = [output[part == 1].reshape(4_000, 98) for part in (1 - on, on)]
        found[name] = arms[1].mean(axis=1) - arms[0].mean(axis=1)
        if name == "whole":
            read_as_days = np.sqrt(sum(arm.var(axis=1, ddof=1) / 98 for arm in arms))
            held = (abs(found[name] - 4) < stats.t.ppf(0.975, 194) * read_as_days).mean()
    stored = numbers("potential_outcomes")
    errors = {name: stored[f"outcomes-weeks-{name}"] for name in found}
    spread = {name: estimates.std() for name, estimates in found.items()}
    assert spread == pytest.approx(errors, rel=4 / np.sqrt(2 * 4_000))
    assert round(read_as_days.mean(), 1) == 1.5
    assert abs(held - 0.8) < 4 * np.sqrt(0.16 / 4_000)


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
    # a million other shuffles, by numpy, say 0.0041
    assert abs(chapter.sharp["p_value"] - 0.0041) < 4 * np.sqrt(0.0041 * 0.9959 / 1_999)
    assert chapter.sharp["p_value"] < 0.01
