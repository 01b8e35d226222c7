"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pytest
import statsmodels.formula.api as smf
from causaldata import organ_donations
from scipy import stats
from stored import kept
from test_headlines import HEADLINES

from casestudies import scenarios

chapter = kept("hospital_upgrade_did")
world = scenarios.hospital_upgrade()
everyone = scenarios.hospital_upgrade(upgrade_overlap=1.0)
drifting = scenarios.hospital_upgrade(drift=0.25)
mixed = scenarios.hospital_upgrade(composition_change=-10.0)
expected = {key: value for _, key, value, _, _ in HEADLINES}


def region(world):
    """Return the chapter's region of a world: who has the drug, and columns by hospital, month."""
    rows = world.sample(40, rng=2026)
    columns = {name: rows[name].to_numpy(float).reshape(40, 8) for name in rows}
    return columns["treated"][:, 0] == 1, columns


def gap(values, drug):
    return values[drug].mean(axis=0) - values[~drug].mean(axis=0)


def changes(months):
    return months[:, 4:].mean(axis=1) - months[:, :4].mean(axis=1)


def clustered_did(rows, outcome):
    """Return DiD, its clustered error and the quantile of its interval, by statsmodels."""
    means = rows.groupby(["hospital", "treated", "post"], as_index=False)[outcome].mean()
    model = smf.ols(f"{outcome} ~ treated * post", means)
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": means["hospital"]})
    return fit.params["treated:post"], fit.bse["treated:post"], stats.t.ppf(0.975, 39)


def event_study_by_statsmodels(rows):
    """Return the months' gaps to month 4, clustered covariance too: cells of arm and month."""
    model = smf.ols("severity ~ C(month, Treatment(4)) * treated", rows)
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": rows["hospital"]})
    terms = [name for name in fit.params.index if name.endswith(":treated")]
    return fit.params[terms].to_numpy(), fit.cov_params().loc[terms, terms].to_numpy()


def test_the_naive_answers_have_the_wrong_sign_or_size():
    assert round(world.truth["ATT"], 2) == -2.28
    assert chapter.naive["estimate"].iloc[0] > 0
    assert chapter.naive["estimate"].iloc[1] < world.truth["before-after change"] + 1
    assert chapter.naive["ci_high"].iloc[1] < world.truth["ATT"]


def test_four_means_give_the_recipes_answer_and_it_covers():
    assert np.allclose(chapter.difference.iloc[0], chapter.difference.iloc[1])
    assert np.isclose(chapter.four.iloc[2, 2], chapter.recipe["estimate"])
    assert chapter.recipe["ci_low"] < world.truth["ATT"] < chapter.recipe["ci_high"]


def test_half_an_overlap_identifies_the_drug_with_a_larger_error():
    assert np.isclose(chapter.unrecorded["estimate"], chapter.credit["DiD"].iloc[3])
    assert np.isclose(chapter.checks.iloc[1, 1], 1)
    assert np.isclose(chapter.split["estimate"], chapter.credit["DiD"].iloc[3] / 2)
    assert chapter.half["ci_low"] < world.truth["ATT"] < chapter.half["ci_high"]
    assert chapter.half["std_error"] > chapter.unrecorded["std_error"]


def test_no_division_of_labour_shows_in_the_fit():
    assert abs(chapter.division.iloc[1]) < 0.01


def test_only_the_triple_difference_covers_and_it_is_the_sharpest():
    covered = (chapter.third["ci_low"] < everyone.truth["ATT"]) & (
        everyone.truth["ATT"] < chapter.third["ci_high"]
    )
    assert covered.tolist() == [False, False, True]
    assert chapter.third["std_error"].idxmin() == "triple difference"


def test_a_second_control_group_with_the_equipment_covers():
    assert chapter.second["ci_low"].iloc[1] < world.truth["ATT"] < chapter.second["ci_high"].iloc[1]
    assert chapter.second["estimate"].iloc[0] < chapter.second["estimate"].iloc[1]


def test_tests_before_the_start_pass_and_the_later_equipment_shows():
    assert np.allclose(chapter.tests["p-value"], chapter.tests["p-value"].iloc[0])
    assert chapter.tests["p-value"].iloc[0] > 0.05
    path = chapter.later_study["estimate"]
    assert (abs(path[[0, 1]] + 2.28) < 0.5).all()
    assert (abs(path[[2, 3]] + 5.28) < 0.5).all()


def test_the_test_before_seldom_sees_a_drift_that_matters():
    slope = 0.25 * chapter.spread
    assert chapter.power["bias_if_passed"].iloc[2] > chapter.power["bias"].iloc[2]
    assert (chapter.noticed.iloc[:, 3] < chapter.noticed.iloc[:, 2]).all()
    assert chapter.noticed["drift"].iloc[1] / chapter.noticed["drift"].iloc[0] > 1.7
    assert np.isclose(drifting.truth["DiD"] - drifting.truth["ATT"], slope * 4, atol=1e-9)


def test_where_the_error_is_estimated_the_interval_covers_a_little_more_often():
    drawn = world.model.sample(400_000, rng=5)
    severity = drawn[[f"severity_{month}" for month in range(1, 9)]].to_numpy()
    still = severity[:, 4:].mean(axis=1) - severity[:, :4].mean(axis=1)
    drug, burden = (drawn[name].to_numpy().reshape(-1, 40) for name in ("grant", "burden"))
    arms = np.array([drug, 1 - drug])
    size = arms.sum(axis=2)
    gap_in_burden = (world.truth["ATT"] - world.truth["ATU"]) / -0.5
    for (_, known), rate in zip(chapter.noticed.iloc[:2].iterrows(), (0.51, 0.15), strict=True):
        moved = still.reshape(-1, 40) + 4 * known["drift"] / gap_in_burden * burden
        mean, square = ((moved**power * arms).sum(axis=2) / size for power in (1, 2))
        variance = 40 / 39 * 79 / 76 * ((square - mean**2) / size).sum(axis=0)
        off = abs(mean[0] - mean[1] - world.truth["ATT"])
        covers = (off < stats.t.ppf(0.975, 39) * np.sqrt(variance)).mean()
        assert abs(covers - rate) < 0.005 + 3 * np.sqrt(rate * (1 - rate) / 10_000)
        assert covers > known["DiD covers"]


def test_a_drift_of_seven_tenths_of_the_largest_step_overturns():
    assert round(chapter.breakdown["relative magnitudes"], 1) == 0.7
    assert chapter.bounds.loc[0, ["ci_low", "ci_high"]].round(1).tolist() == [-2.9, -1.5]


def test_a_new_mix_of_patients_moves_the_answer_by_one_and_adjusting_mends_it():
    moved = chapter.composition["estimate"].iloc[0] - chapter.recipe["estimate"]
    assert abs(moved + 1) < 1e-4
    counted = np.sqrt((320 - 1) / (320 - 48) / ((80 - 1) / (80 - 4)))  # parameters: 48, and 4
    ratio = chapter.composition["std_error"].iloc[0] / chapter.recipe["std_error"]
    assert ratio == pytest.approx(counted, abs=1e-4)
    assert round(100 * (ratio - 1)) == 6
    adjusted = chapter.composition.iloc[1]
    assert adjusted["ci_low"] < mixed.truth["ATT"] < adjusted["ci_high"]


def test_a_pair_of_hospitals_has_four_cells():
    assert sorted(chapter.pair) == [0, 0, 1, 1]


def test_few_treated_hospitals_break_all_but_the_randomization_test():
    # 400,000 draws of changes, formulas for five and five, and counts of sets: 12/252 and 2/45
    known = {
        "each month independent": (0.170, 0.171),
        "clustered, normal quantiles": (0.0788, 0.1884),
        "clustered, t with 9 degrees": (0.0486, 0.1424),
    }
    for name, rates in known.items():
        error = np.sqrt(np.array(rates) * (1 - np.array(rates)) / 10_000)
        assert (abs(chapter.alarms.loc[name] - np.array(rates)) < 4 * error).all()
    # 6,000 regions of another seed: 0.058 and 0.016
    wild = abs(chapter.alarms.loc["wild bootstrap"] - [0.058, 0.016])
    assert (wild < 4 * np.sqrt(2) * np.array([0.0030, 0.0016])).all()
    assert np.allclose(chapter.alarms.loc["randomization over hospitals"], [12 / 252, 2 / 45])


def test_a_shock_of_half_the_equipment_overturns():
    assert chapter.limit["shock_sd"] < 3 / 2


def test_the_equipment_pays_and_the_drug_does_not():
    assert chapter.plan.loc["drug", "net"] < 0 < chapter.plan.loc["equipment", "net"]
    assert chapter.plan.loc["drug, as DiD promises", "net"] > 0
    assert abs(chapter.plan.loc["drug", "points gained"] + world.truth["ATU"]) < 0.02


def test_the_right_designs_cover_and_the_polluted_never_does():
    right = chapter.worlds.loc[
        [("no equipment", "DiD"), ("equipment at once", "triple difference")]
    ]
    assert (abs(right["coverage"] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)).all()
    assert (abs(right["bias"]) < 4 * right["bias_error"]).all()
    polluted = chapter.worlds.loc[("equipment at once", "DiD")]
    assert polluted["coverage"] == 0
    by_rows = chapter.worlds.loc[("no equipment", "DiD, each month independent")]
    assert by_rows["coverage"] < 0.95 - 4 * np.sqrt(0.95 * 0.05 / 200)


def test_the_donor_placebo_is_replicated():
    assert abs(chapter.test["statistic"] + 0.0225) < 5e-5


def test_by_its_own_noise_california_ranks_fourth_or_second():
    donors = organ_donations.load_pandas().data
    names = sorted(donors["State"].unique())
    table = {(s, q): r for s, q, r in donors[["State", "Quarter_Num", "Rate"]].to_numpy()}
    rates = np.array([[table[name, quarter] for quarter in range(1, 7)] for name in names])
    here, ranks = names.index("California"), []
    for rows in (rates, rates - rates.mean(axis=0)):
        halves = rows.reshape(27, 2, 3)
        within = halves - halves.mean(axis=2, keepdims=True)
        noise = np.sqrt((within**2).sum(axis=(1, 2)) / 4)
        assert (noise <= noise[here]).sum() == 3
        moved = rows[:, 3:].mean(1) - rows[:, :3].mean(1)
        against_others = [m - np.delete(moved, i).mean() for i, m in enumerate(moved)]
        scaled = np.abs(against_others) / noise
        ranks.append((scaled >= scaled[here]).sum())
    assert ranks == [4, 2]


def test_the_groups_means_are_those_that_the_figures_words_name():
    ends = chapter.means.iloc[[0, -1]].round(1)
    assert ends["no drug"].tolist() == [18.7, 15.6]
    assert ends["drug"].iloc[0] == 22.1
    assert abs(chapter.means.loc[4:5, "drug"].diff().iloc[-1] + 2.5) < 0.1


def test_did_is_the_drugs_estimate_plus_the_coincidence_times_the_equipments_effect():
    gap = chapter.credit["DiD"] - chapter.credit["drug + coincidence × (−3)"]
    assert (abs(gap) < 1e-4).all()
    whole_region = chapter.credit.loc["all hospitals of the region"]
    assert abs(whole_region["DiD"] - chapter.recipe["estimate"]) < 1e-4


def test_means_by_numpy_are_those_of_the_rows():
    drug, columns = region(world)
    severity = columns["severity"]
    before, after = severity[:, :4].mean(axis=1), severity[:, 4:].mean(axis=1)
    assert expected["upgrade-raw"] == pytest.approx(gap(after, drug), abs=5e-5)
    assert expected["upgrade-own-past"] == pytest.approx((after - before)[drug].mean(), abs=5e-5)
    assert expected["upgrade-gap-before"] == pytest.approx(gap(before, drug), abs=5e-5)
    assert gap(after - before, drug) == pytest.approx(-2.2377, abs=5e-5)
    step = abs(np.diff(gap(severity[:, :4], drug))).max()
    assert expected["upgrade-largest-step"] == pytest.approx(step, abs=5e-5)
    change = after - before
    pairs = sorted(one - other for one in change[drug] for other in change[~drug])
    low = pairs[19] + 0.95 * (pairs[20] - pairs[19])  # of 400, at 0.05 * 399 = 19.95
    high = pairs[379] + 0.05 * (pairs[380] - pairs[379])
    assert len(pairs) == 400
    assert expected["upgrade-pair-low"] == pytest.approx(low, abs=5e-5)
    assert expected["upgrade-pair-high"] == pytest.approx(high, abs=5e-5)


def test_intervals_by_statsmodels_are_those_of_the_rows():
    estimate, error, quantile = clustered_did(world.sample(40, rng=2026), "severity")
    assert expected["upgrade-did-low"] == pytest.approx(estimate - quantile * error, abs=5e-5)
    assert expected["upgrade-did-high"] == pytest.approx(estimate + quantile * error, abs=5e-5)
    shock = np.sqrt(((estimate / quantile) ** 2 - error**2) / 4)
    assert expected["upgrade-shock-ratio"] == pytest.approx(3 / shock, abs=5e-5)
    rows = everyone.sample(40, rng=2026)
    rows["net"] = rows["severity"] - rows["surgery"]
    estimate, error, quantile = clustered_did(rows, "net")
    assert expected["upgrade-ddd-low"] == pytest.approx(estimate - quantile * error, abs=5e-5)
    assert expected["upgrade-ddd-high"] == pytest.approx(estimate + quantile * error, abs=6e-5)


def test_half_an_overlap_compares_two_of_three_means():
    drug, columns = region(scenarios.hospital_upgrade(upgrade_overlap=0.5))
    both = columns["upgraded"][:, -1] == 1
    assert (drug.sum(), both.sum(), (both & ~drug).sum()) == (20, 9, 0)
    change = changes(columns["severity"])
    arms = change[drug & ~both], change[~drug]
    estimate = arms[0].mean() - arms[1].mean()
    error = np.sqrt(sum(arm.var(ddof=1) / len(arm) for arm in arms))
    reach = stats.t.ppf(0.975, 40 - 3) * error
    assert expected["upgrade-half-adjusted"] == pytest.approx(estimate, abs=5e-5)
    assert expected["upgrade-half-low"] == pytest.approx(estimate - reach, abs=5e-5)
    assert expected["upgrade-half-high"] == pytest.approx(estimate + reach, abs=5e-5)


def test_means_taken_out_twice_give_the_estimate_with_the_intake_held_fixed():
    def net(table):
        return (table - table.mean(axis=1, keepdims=True) - table.mean(axis=0)).ravel()

    columns = {name: net(table) for name, table in region(mixed)[1].items()}
    both = np.column_stack([columns["drug"], columns["frail"], np.ones(320)])
    slope = np.linalg.lstsq(both, columns["severity"], rcond=None)[0][0]
    assert expected["upgrade-mixed-adjusted"] == pytest.approx(slope, abs=5e-5)


def test_the_months_before_and_their_covariance_by_statsmodels_give_the_three_checks():
    path, covariance = event_study_by_statsmodels(world.sample(40, rng=2026))
    before, inverse = path[:3], np.linalg.inv(covariance[:3, :3])
    scale = 36 / (3 * 38)  # Hotelling's statistic with 38 degrees over F(3, 36)
    p_value = stats.f.sf(scale * before @ inverse @ before, 3, 36)
    assert expected["upgrade-pretrend-p"] == pytest.approx(p_value, abs=5e-5)

    # a step adds 1, 3/4, 1/2, 1/4 to the mean of months 5 to 8; the interval's end is zero
    # where (m + 2.5 M s)^2 = t^2 (variance), a quadratic in M for each step s, up or down
    mean, steps = np.repeat([0, 0.25], [3, 4]), np.zeros((3, 7))
    steps[[0, 0, 1, 1, 2], [1, 0, 2, 1, 2]] = [1, -1, 1, -1, -1]  # month 4 is zero
    square, roots = stats.t.ppf(0.975, 39) ** 2, []
    for step in 2.5 * np.concatenate([steps, -steps]):
        parts = [(step, step), (mean, step), (mean, mean)]
        terms = [(a @ path) * (b @ path) - square * a @ covariance @ b for a, b in parts]
        roots += list(np.roots([terms[0], 2 * terms[1], terms[2]]))
    least = min(root.real for root in roots if abs(root.imag) < 1e-9 and root.real > 0)
    assert expected["upgrade-breakdown"] == pytest.approx(least, abs=5e-5)

    # two errors of the mean; a noncentral F is a Poisson mixture of central ones, rescaled
    slope = 2 * np.sqrt(mean @ covariance @ mean) / 2.5
    shift = slope**2 * np.array([3, 2, 1]) @ inverse @ [3, 2, 1]
    ratio = 3 / 36 * stats.f.ppf(0.95, 3, 36)
    j = np.arange(200)
    passed = stats.poisson.pmf(j, shift / 2) @ stats.beta.cdf(ratio / (1 + ratio), 1.5 + j, 18)
    assert expected["upgrade-power"] == pytest.approx(1 - passed, abs=5e-5)


def test_in_logarithms_the_months_before_lie_below_zero():
    rows = scenarios.hospital_upgrade(burden_effect=2.0).sample(20_000, rng=1)
    shape = (20_000, 8)
    severity, treated = (
        rows[name].to_numpy(float).reshape(shape) for name in ("severity", "treated")
    )
    drug = treated[:, 0] == 1
    for months, falls in ((severity, False), (np.log(severity), True)):
        steps = months[:, :3] - months[:, [3]]
        before = gap(steps, drug)
        error = np.sqrt(sum(steps[arm].var(axis=0) / arm.sum() for arm in (drug, ~drug)))
        assert ((abs(before) > 4 * error).any()) == falls
        if falls:
            assert before[0] < before[1] < before[2] < 0


def test_with_two_starts_and_a_growing_effect_two_way_fixed_effects_say_too_little():
    month, att = np.arange(1, 9), world.truth["ATT"]
    starts, weight = [9, 4, 6], np.array([[0.5], [0.25], [0.25]])
    on = np.array([(month >= start) * 1.0 for start in starts])
    since = np.array([month - start for start in starts])

    def answers(effect):
        within = on - on.mean(axis=1, keepdims=True) - (weight * on).sum(axis=0)
        within += (weight * on).sum() / 8
        coefficient = (weight * within * on * effect).sum() / (weight * within * on).sum()
        return coefficient, (weight * on * effect).sum() / (weight * on).sum()

    assert np.round(answers(att - 0.5 * since), 2).tolist() == [-2.86, -3.09]
    assert np.allclose(answers(np.full((3, 8), att)), att)
