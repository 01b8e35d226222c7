"""What the chapter shows and says, by what its notebook stored."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit
from stored import covers, kept, numbers

from casestudies import scenarios

chapter = kept("a_billion_rows")
truth = scenarios.orders().truth
KEPT = {"rel": 1e-5, "abs": 1e-4}  # what the notebook stores of a number


@pytest.fixture(scope="module")
def log():
    """Draw the chapter's log again from the equations, with numpy alone."""
    rng, n = np.random.default_rng(1), 1_000_000
    store = (100 * rng.random(n)).astype(int)
    level, change = rng.standard_normal(100)[store], rng.standard_normal(100)[store]
    post = rng.random(n) <= 0.5
    past = rng.standard_normal(n)
    voucher = rng.random(n) <= expit(-1 + past)
    effect = np.where(store < 98, 3.0, 1.0)
    sales = 40 + 4 * past + 3 * level + (1 + 3 * change + 1.5 * (store % 2)) * post
    sales = sales + effect * voucher + 12 * rng.standard_normal(n)
    columns = {"store": store, "post": post, "past": past, "voucher": voucher, "sales": sales}
    return pd.DataFrame(columns).assign(kiosk=store % 2)


@pytest.fixture(scope="module")
def sample(log):
    return log.sample(frac=0.01, random_state=2)


def two_lines(orders):
    """Return the gap of two least-squares lines at the common mean, with one variance an arm."""
    gap, variance, left = 0, 0, 0
    for sign, (_, arm) in zip((-1, 1), orders.groupby("voucher"), strict=True):
        fit = stats.linregress(arm["past"], arm["sales"])
        away = orders["past"].mean() - arm["past"].mean()
        residual = arm["sales"] - fit.intercept - fit.slope * arm["past"]
        spread = ((arm["past"] - arm["past"].mean()) ** 2).sum()
        gap += sign * (fit.intercept + fit.slope * orders["past"].mean())
        variance += (residual**2).sum() / (len(arm) - 2) * (1 / len(arm) + away**2 / spread)
        left += len(arm) - 2
    reach = stats.t.ppf(0.975, left) * np.sqrt(variance)
    return [gap, np.sqrt(variance), gap - reach, gap + reach]


@pytest.mark.parametrize("which", ["full", "sampled"])
def test_two_lines_by_hand_through_the_same_orders_give_the_vouchers_effects(which, log, sample):
    orders = {"full": log, "sampled": sample}[which]
    shown = getattr(chapter, which)[["estimate", "std_error", "ci_low", "ci_high"]]
    at_home, island = orders["store"] < 80, orders["store"] >= 98
    assert shown.loc["voucher, home"].tolist() == pytest.approx(two_lines(orders[at_home]), **KEPT)
    assert shown.loc["voucher, island"].tolist() == pytest.approx(two_lines(orders[island]), **KEPT)


@pytest.mark.parametrize("which", ["full", "sampled"])
def test_four_means_by_hand_give_the_kiosks_effect(which, log, sample):
    orders = {"full": log, "sampled": sample}[which]
    means = orders.groupby(["kiosk", "post"])["sales"].mean()
    by_hand = means[1, True] - means[1, False] - means[0, True] + means[0, False]
    assert getattr(chapter, which).loc["kiosk", "estimate"] == pytest.approx(by_hand, **KEPT)


def test_the_clusters_error_is_the_root_of_the_stores_squared_sums(log):
    groups = log.groupby(["kiosk", "post"])["sales"]
    away = (log["sales"] - groups.transform("mean")) / groups.transform("size")
    scores = (away * np.where(log["post"], 1, -1)).groupby(log["store"]).sum()
    plain = np.sqrt((scores**2).sum())
    shown = chapter.full.loc["kiosk", "std_error"]
    assert 1 <= shown / plain < 1.02  # with a factor for the number of stores
    stated = (shown / plain) ** 2
    assert stated == pytest.approx(100 / 99 * (1e6 - 1) / (1e6 - 4), rel=1e-4)


def test_the_raw_difference_of_the_same_orders_is_that_of_two_means(log, sample):
    for name, orders in {"all orders": log, "one in a hundred": sample}.items():
        arms = orders.groupby("voucher")["sales"]
        gap, error = arms.mean().diff().iloc[-1], np.sqrt((arms.var() / arms.size()).sum())
        assert chapter.raw.loc[name, ["estimate", "std_error"]].tolist() == pytest.approx(
            [gap, error], **KEPT
        )


def test_cells_give_the_answer_of_the_rows():
    assert chapter.equal is True


def test_all_orders_cover_the_truth_and_the_raw_difference_does_not():
    assert covers(chapter.full, chapter.full["exact"]).all()
    assert not covers(chapter.raw, truth["ATE"]).any()
    assert covers(chapter.raw, truth["raw difference"]).all()


def test_the_sample_decides_at_home_and_not_on_the_island():
    low, high = (chapter.sampled[end] for end in ("ci_low", "ci_high"))
    assert low["voucher, home"] > 2
    assert low["voucher, island"] < 2 < high["voucher, island"]
    assert chapter.full.loc["voucher, island", "ci_high"] < 2
    assert low["kiosk"] < 0.5 < chapter.full.loc["kiosk", "ci_low"]


def test_the_vouchers_errors_shrink_tenfold_and_the_kiosks_hardly():
    ratio = chapter.sampled["std_error"] / chapter.full["std_error"]
    assert np.allclose(ratio.iloc[:2], 10, rtol=0.15)
    assert 1.1 < ratio["kiosk"] < 1.6


def test_a_forgotten_cluster_makes_the_error_a_twelfth():
    clustered, forgotten = chapter.errors
    assert clustered / forgotten == pytest.approx(12, abs=0.6)
    assert forgotten == pytest.approx(np.sqrt(16 / 1e6 * truth["variance of orders"]), rel=0.05)


def test_the_kiosk_s_interval_is_a_third_wider_in_the_sample_and_keeps_three_quarters():
    half = numbers("a_billion_rows")
    in_theory = half["billion-kiosk-half-exact-sample"] / half["billion-kiosk-half-exact"]
    assert in_theory == pytest.approx(4 / 3, abs=0.02)
    width = [
        (found["ci_high"] - found["ci_low"])["kiosk"] for found in (chapter.full, chapter.sampled)
    ]
    assert width[0] / width[1] == pytest.approx(3 / 4, abs=0.02)


def test_ten_and_fifty_classes_stand_to_half_an_error_as_the_exercise_says():
    error, left = chapter.classes["std_error"], chapter.classes["exact limit"] - truth["ATE"]
    assert error.loc[[10, 50]].tolist() == pytest.approx([0.033, 0.033], abs=5e-4)
    assert left[10] < 10 * error[10] / 2
    assert error[50] / 2 < left[50] < 1.2 * error[50] / 2


def test_classes_leave_what_the_limit_says_and_a_million_orders_see_it():
    gap = (chapter.classes["estimate"] - chapter.classes["exact limit"]).abs()
    assert (gap < 4 * chapter.classes["std_error"]).all()
    left = chapter.classes["exact limit"] - truth["ATE"]
    errors = chapter.classes["std_error"]
    assert 10.5 < left[5] / errors[5] < 11.5
    assert 0.9 < left[5] / (10 * errors[5]) < 1.2
    assert (np.diff(left) < 0).all()
    assert left[5] / (truth["raw difference"] - truth["ATE"]) == pytest.approx(0.1, abs=0.01)
    assert left[10] < 10 * errors[10] / 2
    assert 0.5 < left[50] / errors[50] < 0.6


def test_what_cells_cannot_do_is_refused_with_a_remedy():
    logit, stores = chapter.refused
    assert "needs its values" in logit
    assert "bins" in logit
    assert "'store'" in stores


def test_the_table_of_what_is_enough_follows_from_the_errors():
    orders = (1.96 * chapter.full["std_error"].iloc[:2]) ** 2 * 1_000_000
    said = [int(words.split(" orders")[0].replace(",", "")) for words in chapter.needed[:2]]
    assert said == pytest.approx(orders.tolist(), rel=1e-3)
    assert said[0] < 10_000 < said[1]
    assert chapter.needed[2].startswith(f"more than {1.96**2 * 4 * 9:.0f} stores")


def test_the_rules_are_worth_what_the_equations_say():
    off = (chapter.worth["mean"] - chapter.worth["exact"]).abs()
    assert (off < 4 * chapter.worth["sem"]).all()
    assert chapter.worth["exact"].idxmax() == "all but the island"


def test_samples_cover_and_forgotten_stores_do_not():
    many = chapter.many
    right = ["voucher", "voucher, 1 in 10", "kiosk", "kiosk, 1 in 10"]
    assert (many.loc[right, "bias"].abs() < 4 * many.loc[right, "bias_error"]).all()
    assert ((many.loc[right, "coverage"] - 0.95).abs() < 4 * np.sqrt(0.0475 / 100)).all()
    assert many.loc["voucher, raw", "coverage"] == 0


def test_stored_cells_are_as_many_as_stores_halves_and_arms():
    stored = numbers("a_billion_rows")
    assert stored["billion-cells"] == 100 * 2 * 2


def test_54_classes_are_enough_for_a_million_orders_and_370_for_a_hundred_million():
    past = np.linspace(-9, 9, 400_001)
    density, chance = stats.norm.pdf(past) * (past[1] - past[0]), expit(-1 + past)

    def left(count):
        place = np.searchsorted(stats.norm.ppf(np.arange(1, count) / count), past)
        arms = [density * chance, density * (1 - chance)]
        means = [np.bincount(place, a * past) / np.bincount(place, a) for a in arms]
        return np.bincount(place, density) @ (4 * (means[0] - means[1]))

    assert left(50) == pytest.approx(truth["limit, 50 classes"] - truth["ATE"], rel=1e-3)
    half = chapter.classes.loc[50, "std_error"] / 2
    assert left(54) < half < left(52)
    assert left(370) < half / 10 < left(350)
