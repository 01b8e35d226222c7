import joblib
import needs
import numpy as np
import pandas as pd
import pytest

from casestudies import scenarios
from casestudies.sampling.montecarlo import replicate
from casestudies.scenarios import Scenario
from casestudies.scm import SCM, Normal


@pytest.fixture
def world():
    return Scenario(
        name="mean",
        model=SCM({"y": Normal(3.0, 2.0)}),
        treatment="y",
        outcome="y",
        observed=("y",),
        adjust_for=(),
        truth={"ATE": 3.0},
        source="",
    )


def mean_with_known_error(data):
    margin = 1.959963984540054 * 2 / np.sqrt(len(data))
    mean = data["y"].mean()
    return pd.Series({"estimate": mean, "ci_low": mean - margin, "ci_high": mean + margin})


def mean_and_a_half(data):
    return {"estimate": data["y"].mean() + 0.5}


def failing(data):
    return {"estimate": np.nan}


def test_bias_rmse_coverage_and_width_of_a_normal_mean_are_the_textbook_ones(world):
    analyses = {"mean": mean_with_known_error, "shifted": mean_and_a_half}
    table = replicate(world, analyses, n=25, replications=2_000, rng=11)
    mean, shifted = table.loc["mean"], table.loc["shifted"]
    assert abs(mean["bias"]) < 4 * 0.4 / np.sqrt(2_000)
    assert mean["bias_error"] == pytest.approx(0.4 / np.sqrt(2_000), rel=0.1)
    assert abs(mean["rmse"] - 0.4) < 4 * mean["rmse_error"]
    assert mean["rmse_error"] == pytest.approx(0.4 / np.sqrt(2 * 2_000), rel=0.1)
    assert abs(mean["coverage"] - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 2_000)
    assert mean["coverage_error"] == pytest.approx(np.sqrt(0.95 * 0.05 / 2_000), rel=0.2)
    assert mean["mean_width"] == pytest.approx(2 * 1.959963984540054 * 0.4)
    assert shifted["bias"] == pytest.approx(mean["bias"] + 0.5)
    assert shifted["mean_estimate"] == pytest.approx(3.0 + shifted["bias"])
    assert shifted["rmse"] ** 2 == pytest.approx(
        shifted["bias"] ** 2 + mean["rmse"] ** 2 - mean["bias"] ** 2
    )
    assert np.isnan(shifted["coverage"])
    assert (table["replications"] == 2_000).all()


def test_the_samples_do_not_depend_on_the_number_of_workers(world):
    settings = {"n": 10, "replications": 8, "rng": 5}
    one = replicate(world, {"mean": mean_with_known_error}, **settings)
    two = replicate(world, {"mean": mean_with_known_error}, **settings, n_jobs=2)
    pd.testing.assert_frame_equal(one, two)


def test_each_analysis_may_have_its_own_estimand():
    def raw(data):
        means = data.groupby("mismatch")["exit"].mean()
        return {"estimate": means[1] - means[0]}

    table = replicate(
        scenarios.staffing(),
        {"total": raw, "direct": raw},
        n=500,
        replications=5,
        rng=2,
        estimand={"total": "ATE", "direct": "NDE"},
    )
    assert table["estimand"].tolist() == ["ATE", "NDE"]
    assert table.loc["total", "truth"] == pytest.approx(0.29346, abs=5e-6)
    assert table.loc["direct", "truth"] == pytest.approx(0.11854, abs=5e-6)


def test_refusals_name_the_culprit(world):
    analyses = {"mean": mean_with_known_error}
    with pytest.raises(ValueError, match=r"no truth for 'ATT'; it has \['ATE'\]"):
        replicate(world, analyses, n=5, replications=3, rng=1, estimand="ATT")
    with pytest.raises(ValueError, match="replications must be at least 2, got 1"):
        replicate(world, analyses, n=5, replications=1, rng=1)
    with pytest.raises(ValueError, match="'failing' gave no finite estimate in 3 samples"):
        replicate(world, {"failing": failing}, n=5, replications=3, rng=1)


def test_two_replications_are_enough(world):
    table = replicate(world, {"mean": mean_with_known_error}, n=5, replications=2, rng=1)
    assert np.isfinite(table.loc["mean", "bias"])


def test_an_interval_without_end_covers(world):
    def whole_line(data):
        return {"estimate": 0.0, "ci_low": -np.inf, "ci_high": np.inf}

    table = replicate(world, {"line": whole_line}, n=5, replications=3, rng=1)
    assert table.loc["line", "coverage"] == 1


def test_a_cluster_gives_the_table_of_one_machine_and_all_its_workers_take_part(world):
    distributed = needs.package("distributed")
    settings = {"n": 10, "replications": 20, "rng": 5}
    one = replicate(world, {"mean": mean_with_known_error}, **settings)
    local = {"processes": False, "protocol": "tcp://", "dashboard_address": None}
    local |= {"n_workers": 2, "threads_per_worker": 1}
    with distributed.LocalCluster(**local) as cluster, distributed.Client(cluster) as client:
        with joblib.parallel_config(backend="dask"):
            there = replicate(world, {"mean": mean_with_known_error}, **settings, n_jobs=-1)
        done = client.run(lambda dask_worker: dask_worker.state.executed_count)
    pd.testing.assert_frame_equal(there, one, check_exact=True)
    assert len(done) == 2
    assert min(done.values()) > 0  # joblib decides how many samples go into a task
