import numpy as np
import pandas as pd
import pytest
from scipy import stats

from casestudies import scenarios
from casestudies.recipes.matching import match
from casestudies.recipes.standardization import standardize
from casestudies.sampling import refutation

CAUSES = ["seasonality", "competitor_action"]


def arrays(treatment="spend", *, n=400, rng=1):
    data = scenarios.marketing(treatment).sample(n, rng=rng)
    return (
        data["revenue"].to_numpy(),
        data["marketing_spend"].to_numpy(),
        data[CAUSES].to_numpy(float),
    )


def drawn(refuter, *data, seed=3, **options):
    settings = {"estimator": refutation.least_squares, "simulations": 100}
    return refuter(*data, rng=np.random.RandomState(seed), **settings | options)


def test_least_squares_is_the_coefficient_of_the_recipe_without_interactions():
    y, t, x = arrays("campaign")
    data = pd.DataFrame(x, columns=CAUSES).assign(t=t, y=y)
    recipe = standardize(data, outcome="y", treatment="t", adjust_for=CAUSES, interact=[])
    assert refutation.least_squares(y, t, x) == pytest.approx(recipe["estimate"])


def test_nearest_score_is_the_matching_of_the_recipe_without_bias_correction():
    y, t, x = arrays("campaign")
    data = pd.DataFrame(x, columns=CAUSES).assign(t=t, y=y)
    recipe = match(
        data,
        outcome="y",
        treatment="t",
        adjust_for=CAUSES,
        metric="propensity",
        estimand="ATE",
        bias_correction=False,
    )
    assert refutation.nearest_score(y, t, x) == pytest.approx(recipe["estimate"])


DOWHY = dict(
    zip(
        refutation.REFUTERS,
        ["random_common_cause", "placebo_treatment_refuter", "data_subset_refuter"],
        strict=True,
    )
)


@pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")  # DoWhy's
@pytest.mark.parametrize("refuter", DOWHY)
def test_dowhy_gives_the_same_p_value_in_the_same_stream(refuter):
    dowhy = pytest.importorskip("dowhy")
    data = scenarios.marketing().sample(300, rng=4)
    roles = {"outcome": "revenue", "treatment": "marketing_spend"}
    ours = refutation.p_values(data, **roles, adjust_for=CAUSES[:1], seed=6, refuters=[refuter])
    model = dowhy.CausalModel(data, **roles, common_causes=CAUSES[:1])
    estimand = model.identify_effect()
    estimate = model.estimate_effect(estimand, method_name="backdoor.linear_regression")
    asked = {"method_name": DOWHY[refuter], "random_state": np.random.RandomState(6)}
    asked |= {"placebo_type": "permute"} if "placebo" in refuter else {}
    theirs = model.refute_estimate(estimand, estimate, **asked).refutation_result["p_value"]
    assert theirs == pytest.approx(ours.item(), abs=0.0201)  # one rank


def test_adding_noise_draws_one_column_a_simulation_from_the_stream():
    y, t, x = arrays()
    found = drawn(refutation.random_common_cause, y, t, x)
    rng = np.random.RandomState(3)
    for value in found:
        noisy = np.column_stack([x, rng.normal(size=len(y))])
        fit = np.linalg.lstsq(np.column_stack([t, np.ones(len(y)), noisy]), y)[0]
        assert value == pytest.approx(fit[0])


def test_the_placebo_deals_the_treatments_values_out_anew():
    y, t, x = arrays()
    rng = np.random.RandomState(3)
    seen = drawn(
        refutation.placebo_treatment, y, t, x, estimator=lambda y, t, x: t.copy(), simulations=2
    )
    for dealt in seen:
        assert (dealt == t[rng.choice(len(y), size=len(y), replace=False)]).all()
        assert (np.sort(dealt) == np.sort(t)).all()
        assert (dealt != t).any()


def test_the_subset_keeps_whole_rows_and_the_stated_share_of_them():
    y, t, x = arrays()
    rows = pd.DataFrame(np.column_stack([y, t, x]))
    rng = np.random.RandomState(3)

    def check(y, t, x):
        for table in zip(y, t, x, strict=True):
            kept = rows.sample(frac=0.8, random_state=rng)
            assert (np.column_stack(table) == kept.to_numpy()).all()
        return y.shape

    sizes = drawn(refutation.data_subset, y, t, x, estimator=check, simulations=3)
    assert sizes == (3, 320)
    half = drawn(refutation.data_subset, y, t, x, estimator=lambda y, t, x: y.shape, fraction=0.5)
    assert half == (100, 200)


@pytest.mark.parametrize("estimator", [refutation.least_squares, refutation.nearest_score])
def test_an_estimator_takes_tables_one_behind_another(estimator):
    tables = [arrays("campaign", n=100, rng=seed) for seed in range(3)]
    together = estimator(*(np.array(values) for values in zip(*tables, strict=True)))
    assert together == pytest.approx([float(estimator(*table)) for table in tables])


def test_the_percentile_p_value_counts_ties_half_and_the_smaller_side_twice():
    simulated = np.array([1.0, 2.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    assert refutation.percentile_p_value(8.5, simulated) == pytest.approx(0.2)
    assert refutation.percentile_p_value(1.5, simulated) == pytest.approx(0.2)
    assert refutation.percentile_p_value(2.0, simulated) == pytest.approx(0.4)
    assert refutation.percentile_p_value(10, simulated) == 0
    assert refutation.percentile_p_value(4, np.full(100, 4.0)) == 1


def test_the_normal_p_value_is_one_tail_of_the_simulated_normal():
    simulated = np.array([0.0, 4.0])  # mean 2, standard deviation 2 with divisor m
    for value in (6.0, -2.0):
        assert refutation.normal_p_value(value, simulated) == pytest.approx(stats.norm.sf(2))
    assert refutation.normal_p_value(2.0, simulated) == 0.5


@pytest.mark.parametrize("columns", [[0, 1], [0]], ids=["right", "confounded"])
def test_noise_moves_a_least_squares_estimate_up_and_down_equally_often_whatever_its_bias(columns):
    above = []
    for world in range(40):
        y, t, x = arrays(n=100, rng=world)
        value = refutation.least_squares(y, t, x[:, columns])
        found = drawn(refutation.random_common_cause, y, t, x[:, columns], seed=world)
        above.append(np.mean(found > value))
    assert abs(np.mean(above) - 0.5) < 4 * 0.5 / np.sqrt(40 * 100)


def test_the_reflection_that_flips_the_change_of_the_estimate_is_exact():
    y, t, x = arrays(n=100)
    columns = np.column_stack([t, np.ones(100), x])
    residual = y - columns @ np.linalg.lstsq(columns, y)[0]
    w = np.random.default_rng(0).normal(size=100)
    mirrored = w - 2 * residual * (residual @ w) / (residual @ residual)
    value = refutation.least_squares(y, t, x)
    moved = [refutation.least_squares(y, t, np.column_stack([x, v])) - value for v in (w, mirrored)]
    assert abs(moved[0]) > 1e-6
    assert moved[0] == pytest.approx(-moved[1])


def test_the_p_values_of_a_table_ask_about_the_estimate_and_for_the_placebo_about_zero():
    data = scenarios.marketing("campaign").sample(150, rng=2)
    columns = {"outcome": "revenue", "treatment": "marketing_spend", "adjust_for": CAUSES}
    y, t, x = (data[c].to_numpy(float) for c in ["revenue", "marketing_spend", CAUSES])
    found = refutation.p_values(data, **columns, seed=4, simulations=30)
    small = data.assign(revenue=data["revenue"] / 1024)  # the unit of the outcome is no matter
    assert refutation.p_values(small, **columns, seed=4, simulations=30).equals(found)
    assert list(found.index) == ["random common cause", "placebo treatment", "random 80% of rows"]
    refuters = [refutation.random_common_cause, refutation.placebo_treatment]
    for name, refuter in zip(found.index, [*refuters, refutation.data_subset], strict=True):
        draws = drawn(refuter, y, t, x, seed=4, simulations=30)
        tested = 0 if name.startswith("placebo") else refutation.least_squares(y, t, x)
        assert found[name] == refutation.percentile_p_value(tested, draws)
    matched = refutation.p_values(
        data,
        **columns,
        seed=4,
        simulations=30,
        estimator=refutation.nearest_score,
        refuters=["random common cause"],
    )
    noisy = {"estimator": refutation.nearest_score, "seed": 4, "simulations": 30}
    draws = drawn(refutation.random_common_cause, y, t, x, **noisy)
    value = refutation.nearest_score(y, t, x)
    assert matched.to_dict() == {"random common cause": refutation.percentile_p_value(value, draws)}
