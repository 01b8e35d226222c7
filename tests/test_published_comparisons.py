"""What published data that come with packages say, where chapters draw conclusions from them.

Estimators are written out with numpy, apart from the recipes.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from adjusting import cross_fitted, dealt, least_squares, matched_att, scores, weighted
from causaldata import castle, cps_mixtape, nsw_mixtape, organ_donations
from scipy import stats
from test_headlines import HEADLINES

from casestudies import archives

PRESENT = Path(os.environ.get("CASESTUDIES_DATA", ""), "angrist_krueger_1991.rda").is_file()


def training():
    trial, survey = nsw_mixtape.load_pandas().data, cps_mixtape.load_pandas().data
    men = pd.concat([trial[trial["treat"] == 1], survey], ignore_index=True)
    return men.assign(
        age_squared=men["age"] ** 2,
        jobless_74=(men["re74"] == 0) * 1.0,
        jobless_75=(men["re75"] == 0) * 1.0,
    )


def test_in_the_training_data_covariates_move_answers_by_thousands_and_trimming_by_hundreds():
    men = training()
    who = ["age", "age_squared", "educ", "black", "marr", "nodegree"]
    all_columns = [*who, "re74", "re75", "jobless_74", "jobless_75"]

    def answers(rows, names):
        treated, earned = rows["treat"].to_numpy(float), rows["re78"].to_numpy()
        x = rows[[c for c in names if rows[c].std() > 0]].to_numpy(float)
        of_all = (earned, treated, x)
        return np.array(
            [
                least_squares(earned, np.column_stack([treated, x]))[1],
                weighted(*of_all, "ATT"),
                matched_att(*of_all),
                cross_fitted(*of_all, "ATT", np.zeros(len(rows))),
            ]
        )

    e = scores(men["treat"].to_numpy(float), men[all_columns].to_numpy(float))
    kept = men[(e >= 0.1) & (e <= 0.9)]
    assert len(kept) == 428
    without, with_past = answers(men, who), answers(men, all_columns)
    trimmed = answers(kept, all_columns)
    expected = {key: value for _, key, value, _, _ in HEADLINES}
    found = {
        "least-moved": min(with_past - without),
        "most-moved": max(with_past - without),
        "trim-low": min(trimmed - with_past),
        "trim-high": max(trimmed - with_past),
        "spread-none": np.ptp(without),
        "spread-past": np.ptp(with_past),
        "spread-trimmed": np.ptp(trimmed),
    }
    for key, value in found.items():
        assert expected[f"hospital-lalonde-{key}"] == pytest.approx(value, abs=0.06), key


def test_one_deal_into_halves_gives_the_trimmed_trainees_anything_from_816_to_2057_dollars():
    men = training()
    names = ["age", "age_squared", "educ", "black", "marr", "nodegree", "re74", "re75"]
    names += ["jobless_74", "jobless_75"]
    e = scores(men["treat"].to_numpy(float), men[names].to_numpy(float))
    kept = men[(e >= 0.1) & (e <= 0.9)]
    treated, earned = kept["treat"].to_numpy(float), kept["re78"].to_numpy()
    x = kept[[c for c in names if kept[c].std() > 0]].to_numpy(float)
    deals = [
        cross_fitted(earned, treated, x, "ATT", dealt(treated, 2, seed)) for seed in range(1, 13)
    ]
    assert [min(deals), max(deals)] == pytest.approx([816, 2_057], abs=0.5)


def test_homicides_by_fixed_effects_rise_by_eight_percent_only_with_population_weights():
    data = castle.load_pandas().data
    region_by_year = [name for name in data if name.startswith("r20")]

    def percent(names, weights):
        root = np.sqrt(weights)
        dummies = pd.get_dummies(data[["sid", "year"]].astype(str), dtype=float)
        x = np.column_stack([data["post"], dummies, data[names]]) * root[:, np.newaxis]
        return 100 * np.linalg.lstsq(x, np.log(data["homicide"]) * root, rcond=None)[0][0]

    people, equal = data["popwt"].to_numpy(), np.ones(len(data))
    assert percent([], people) == pytest.approx(7.55, abs=5e-3)
    assert percent(region_by_year, people) == pytest.approx(8.57, abs=5e-3)
    assert percent([], equal) == pytest.approx(6.94, abs=5e-3)
    assert percent(region_by_year, equal) == pytest.approx(5.77, abs=5e-3)


def test_california_is_a_quiet_state_so_that_exchangeable_states_are_a_strong_premise():
    rates = organ_donations.load_pandas().data
    rates = rates.pivot_table("Rate", "State", "Quarter_Num")
    before, after = rates[[1, 2, 3]], rates[[4, 5, 6]]
    change = after.mean(axis=1) - before.mean(axis=1)
    gap = change - (change.sum() - change) / 26
    assert gap["California"] == pytest.approx(-0.0225, abs=5e-5)
    assert (gap.abs() >= abs(gap["California"]) - 1e-12).sum() == 5  # p = 5/27 = 0.19
    noise = np.sqrt((before.var(axis=1) + after.var(axis=1)) / 2)  # within three quarters
    assert noise.rank()["California"] == 3
    scaled = (gap / noise).abs()
    assert (scaled >= scaled["California"]).sum() == 4  # p = 4/27 = 0.15
    shared = [part - part.mean() for part in (before, after)]  # less each quarter's mean
    noise = np.sqrt(sum(part.var(axis=1) for part in shared) / 2)
    scaled = (gap / noise).abs()
    assert noise.rank()["California"] == 3
    assert (scaled >= scaled["California"]).sum() == 2  # p = 2/27 = 0.07


@pytest.mark.skipif(not PRESENT, reason="needs the original file in CASESTUDIES_DATA")
def test_nearly_half_of_the_schooling_jump_lies_where_no_leaving_age_binds():
    census = archives.quarter_of_birth(original=True)
    late = census["quarter_of_birth"] > 1
    reached = [
        (census.loc[late, "education"] >= j).mean() - (census.loc[~late, "education"] >= j).mean()
        for j in range(1, 21)
    ]
    assert sum(reached) == pytest.approx(0.1088, abs=5e-5)  # Table III: 0.1088 years in all
    assert sum(reached[12:]) / sum(reached) == pytest.approx(0.461, abs=5e-4)


def test_a_just_identified_card_interval_by_anderson_and_rubin_excludes_zero():
    from linearmodels.datasets import card

    data = card.load()
    controls = ["exper", "expersq", "black", "south", "smsa", "smsa66"]
    controls += [f"reg66{i}" for i in range(2, 10)]
    data = data[["lwage", "educ", "nearc4", *controls]].to_numpy(float)
    held = np.column_stack([np.ones(len(data)), data[:, 3:]])
    wage, schooling, near = (
        data[:, :3] - held @ np.linalg.lstsq(held, data[:, :3], rcond=None)[0]
    ).T
    freedom = len(data) - held.shape[1] - 1

    def f_statistic(column):
        explained = (near @ column) ** 2 / (near @ near)
        return explained / ((column @ column - explained) / freedom)

    assert f_statistic(schooling) == pytest.approx(13.3, abs=0.05)
    assert stats.f.sf(f_statistic(wage), 1, freedom) < 0.05  # an effect of zero is rejected
