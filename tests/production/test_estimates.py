"""A batch's estimate is the recipe's, whatever the design; the moments give it back."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from casestudies.production import estimates
from casestudies.production.record import TEMPLATE, read
from casestudies.production.windows import pooled
from casestudies.recipes.difference_in_differences import two_by_two
from casestudies.recipes.instrumental_variables import wald
from casestudies.recipes.sensitivity import robustness_value
from casestudies.recipes.standardization import standardize

TEXT = TEMPLATE.read_text(encoding="utf-8")
COLUMNS = 'outcome = "exit"\n'


@pytest.fixture
def batch():
    rng = np.random.default_rng(5)
    n = 400
    table = pd.DataFrame({"week": "2026-01-05", "person": [f"p{i}" for i in range(n)]})
    table["workload"] = rng.normal(size=n)
    table["junior"] = (rng.random(n) < 0.5) * 1.0
    table["programme"] = (rng.random(n) < 0.3 + 0.4 * table["junior"]) * 1.0
    table["exit"] = (rng.random(n) < 0.4 - 0.2 * table["programme"] + 0.1 * table["junior"]) * 1.0
    return table


def record(recipe, columns=""):
    text = TEXT.replace('recipe = "difference_in_means"', f'recipe = "{recipe}"')
    return read(text.replace(COLUMNS, COLUMNS + columns).replace("share_treated = 0.9", "#"))


def test_a_holdout_is_the_difference_of_the_means_and_its_moments_give_it_back(batch):
    result = estimates.estimate(batch, record("difference_in_means"))
    means = batch.groupby("programme")["exit"].mean()
    assert result["estimate"] == pytest.approx(means[1] - means[0])
    arms = result["arms"]
    assert [n for n, *_ in arms["rows"]] == [arms["n_control"], arms["n_treated"]]
    assert arms["rows"][1][1:] == pytest.approx(
        [means[1], batch.query("programme == 1")["exit"].var(ddof=0)]
    )
    assert result["inputs"]["workload"] == {"mean": batch["workload"].mean(), "n": 400}
    assert "robustness" not in result
    assert "unanswered" not in result


def test_adjustment_differences_and_an_instrument_are_their_recipes_with_a_robustness_value(batch):
    told = batch.drop(columns="week")
    names = {"outcome": "exit", "treatment": "programme", "adjust_for": ["junior"]}
    adjusted = estimates.estimate(batch, record("standardize", 'adjust_for = ["junior"]\n'))
    assert adjusted["estimate"] == standardize(told, **names)["estimate"]
    assert adjusted["robustness"] == robustness_value(told, **names)["rv_q"]
    by = estimates.estimate(batch, record("wald", 'instrument = "junior"\n'))
    names = {"outcome": "exit", "treatment": "programme", "instrument": "junior"}
    assert by["estimate"] == wald(told, **names)["estimate"]
    means = told.groupby("junior")["exit"].agg(["mean", "var", "size"])
    t = means["mean"].diff().iloc[-1] / np.sqrt((means["var"] / means["size"]).sum())
    f = abs(t) / np.sqrt(398)
    assert by["robustness"] == pytest.approx((np.sqrt(f**4 + 4 * f**2) - f**2) / 2)
    assert by["arms"]["n_treated"] == batch["junior"].sum()  # what was drawn is the instrument
    waves = pd.concat([batch.assign(junior=0.0), batch.assign(junior=1.0)], ignore_index=True)
    waves["exit"] += np.random.default_rng(1).normal(size=len(waves)) + waves["junior"]
    did = estimates.estimate(waves, record("two_by_two", 'post = "junior"\n'))
    names = {"outcome": "exit", "unit": "person", "treated": "programme", "post": "junior"}
    assert did["estimate"] == two_by_two(waves.drop(columns="week"), **names)["estimate"]
    f = abs(did["estimate"] / did["std_error"]) / np.sqrt(398)
    assert did["robustness"] == pytest.approx((np.sqrt(f**4 + 4 * f**2) - f**2) / 2)


@pytest.mark.parametrize(("value", "error", "n"), [(-0.3, 0.04, 500), (2.0, 1.5, 31)])
def test_two_halves_carry_an_estimate_and_its_error(value, error, n):
    rows = estimates.moments_of(value, error, n)
    again = pooled([{"arms": {"rows": rows}}])
    assert again["estimate"] == pytest.approx(value)
    assert again["std_error"] == pytest.approx(error)
    assert again["n"] == n
    low, high = stats.norm.interval(0.95, value, error)
    assert list(again[["ci_low", "ci_high"]]) == pytest.approx([low, high])


def test_several_batches_are_weighted_by_their_people_and_never_by_their_precision():
    wide, narrow = ([[50, 0.0, 9.0], [50, 1.0, 9.0]], [[150, 0.0, 1.0], [150, 5.0, 1.0]])
    both = pooled([{"arms": {"rows": rows}} for rows in (wide, narrow)])
    assert both["estimate"] == pytest.approx((25 * 1 + 75 * 5) / 100)
    # Pooled variance (100 * 9 + 300 * 1) / 400 = 3 in each arm, so 3 / 50 and 3 / 150 twice each
    noise = 25**2 * 2 * 3 / 50 + 75**2 * 2 * 3 / 150
    assert both["std_error"] == pytest.approx(np.sqrt(noise) / 100)
    assert both["batches"] == 2


def test_rows_without_an_outcome_are_counted_by_arm_and_bounded(batch):
    batch.loc[batch.index[:30], "exit"] = np.nan
    text = TEXT.replace("share_treated = 0.9", "#")
    result = estimates.estimate(batch, read(text))
    gone = batch["exit"].isna().groupby(batch["programme"]).sum()
    assert result["unanswered"] == [gone[0], gone[1]]
    assert result["n"] == 370
    treated, control = (batch[batch["programme"] == arm]["exit"] for arm in (1, 0))
    low = treated.fillna(0).mean() - control.fillna(1).mean()
    high = treated.fillna(1).mean() - control.fillna(0).mean()
    assert result["bounds"] == pytest.approx([low, high])
    assert low < result["estimate"] < high
    assert result["arms"]["n_treated"] + result["arms"]["n_control"] == 400  # drawn, told or not
