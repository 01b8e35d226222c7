"""Counts of kinds give the recipe's answers, and what cannot be counted is refused."""

import numpy as np
import pytest
import statsmodels.api as sm

from casestudies import scenarios
from casestudies.recipes.standardization import standardize
from casestudies.sampling.kind_counts import count_kinds, gain_on_counts, logit_on_counts
from casestudies.scenarios.pneumonia import kinds

WORLD = scenarios.pneumonia()
DOOR = ["age", "severity", "asthma", "walking_frame"]
TABLE = kinds(WORLD.model)
DATA = WORLD.sample(20_000, rng=31)
ASK = {"treatment": "care", "outcome": "death"}
DESIGN = np.column_stack([np.ones(len(TABLE)), TABLE[DOOR] - [65, 1, 0, 0]])
COUNTS = count_kinds(DATA, kinds=TABLE[DOOR], **ASK)


def test_every_unit_is_counted_in_its_kind_arm_and_outcome():
    assert COUNTS.sum() == len(DATA)
    of = DATA.query("age == 75 and severity == 2 and asthma == 1 and walking_frame == 0")
    row = TABLE.reset_index(drop=True).query("age == 75 and severity == 2 and asthma == 1")
    row = row.query("walking_frame == 0").index[0]
    for c in (0, 1):
        for d in (0, 1):
            assert COUNTS[row, c, d] == ((of["care"] == c) & (of["death"] == d)).sum()


@pytest.mark.parametrize("left_out", [None, "severity"])
def test_the_gain_on_counts_is_the_recipes_estimate(left_out):
    some = [name for name in DOOR if name != left_out]
    design = DESIGN[:, [0] + [1 + DOOR.index(name) for name in some]]
    found = gain_on_counts(COUNTS, design)
    recipe = standardize(DATA, **ASK, adjust_for=some, model="logit")
    assert abs(found["estimate"] - recipe["estimate"]) < 1e-6
    assert abs(found["std_error"] / recipe["std_error"] - 1) < 0.05  # the recipe's is robust


def test_its_error_is_the_delta_method_on_logits_of_every_row():
    x, n = sm.add_constant(DATA[DOOR].to_numpy(float)), len(DATA)
    treated, dead = DATA["care"].to_numpy() == 1, DATA["death"].to_numpy()
    fits = [sm.Logit(dead[arm], x[arm]).fit(disp=0) for arm in (~treated, treated)]
    risk = [fit.predict(x) for fit in fits]
    pulls = [x.T @ (p * (1 - p)) / n for p in risk]
    variance = np.var(risk[1] - risk[0]) / n
    variance += sum(g @ fit.cov_params() @ g for g, fit in zip(pulls, fits, strict=True))
    assert abs(gain_on_counts(COUNTS, DESIGN)["std_error"] / np.sqrt(variance) - 1) < 1e-5


def test_moving_nobody_changes_nothing_and_moving_all_is_the_ate():
    nobody = gain_on_counts(COUNTS, DESIGN, moved=np.zeros(len(TABLE)))
    assert nobody["estimate"] == nobody["std_error"] == 0
    everybody = gain_on_counts(COUNTS, DESIGN, moved=np.ones(len(TABLE)))
    assert everybody == gain_on_counts(COUNTS, DESIGN)


def test_a_wider_level_is_a_wider_interval():
    found, wide = (gain_on_counts(COUNTS, DESIGN, level=level) for level in (0.95, 0.99))
    ratio = (wide["ci_high"] - wide["ci_low"]) / (found["ci_high"] - found["ci_low"])
    assert abs(ratio - 2.5758293 / 1.9599640) < 1e-6


def test_kinds_that_are_not_all_in_order_are_refused_and_sorting_mends_it():
    with pytest.raises(ValueError, match=r"all 100 combinations of .* in order, got 99 rows"):
        count_kinds(DATA, kinds=TABLE[DOOR].iloc[1:], **ASK)
    mixed = TABLE[DOOR].sample(frac=1, random_state=1)
    with pytest.raises(ValueError, match="in order, got 100 rows; sort them"):
        count_kinds(DATA, kinds=mixed, **ASK)
    assert np.array_equal(count_kinds(DATA, kinds=mixed.sort_values(DOOR), **ASK), COUNTS)


def test_a_unit_of_no_kind_is_refused_by_name():
    odd = DATA.assign(age=DATA["age"].where(DATA.index > 0, 50))
    with pytest.raises(ValueError, match="age is 50 in a row, and no kind has it"):
        count_kinds(odd, kinds=TABLE[DOOR], **ASK)


def test_a_logit_that_separates_is_refused_unless_it_is_asked_for():
    apart, design = np.array([[50, 0], [0, 50]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match="the logit of 100 units did not settle"):
        logit_on_counts(apart, design)
    p, _, _ = logit_on_counts(apart, design, separated=True)
    assert np.allclose(p, [0, 1], atol=1e-6)
