"""The lean estimator of the many worlds gives what its recipe gives."""

import numpy as np
import pytest

from casestudies import scenarios
from casestudies.recipes.standardization import standardize
from casestudies.sampling.lean import standardized_logit

COLUMNS = {"outcome": "exit", "treatment": "mismatch"}


@pytest.mark.parametrize("covariates", [["talent"], ["talent", "silence"]])
@pytest.mark.parametrize("interact", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_lean_and_checked_answers_are_the_same(covariates, interact, seed):
    sample = scenarios.staffing().sample(2_000, rng=seed)
    lean = standardized_logit(sample, **COLUMNS, adjust_for=covariates, interact=interact)
    own = {} if interact else {"interact": []}
    full = standardize(sample, **COLUMNS, adjust_for=covariates, model="logit", **own)
    assert np.allclose(lean, full[lean.index], rtol=0, atol=1e-9)


def test_the_sample_is_not_changed():
    sample = scenarios.staffing().sample(500, rng=1)
    before = sample.copy()
    standardized_logit(sample, **COLUMNS, adjust_for=["talent"])
    assert sample.equals(before)
