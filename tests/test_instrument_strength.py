import numpy as np
import pandas as pd
import pytest
from scipy import stats

from casestudies.recipes.instrumental_variables import limited_information, two_stage_least_squares
from casestudies.recipes.weak_instruments import anderson_rubin, first_stage
from casestudies.sampling.instrument_strength import draw_samples, iv_answers, summarize

MODEL = {"outcome": "y", "treatment": "d"}


def design(rows, instruments, seed=0):
    """Return instruments with mean zero that are orthonormal up to the factor rows."""
    z = np.random.default_rng(seed).normal(size=(rows, instruments))
    return np.sqrt(rows) * np.linalg.qr(z - z.mean(axis=0))[0]


def sample(z, mean_f, rho, rng, effect=0.0):
    """Draw outcome and treatment row by row, as the docstring's model says."""
    rows, k = z.shape
    pi = np.sqrt((mean_f - 1) / rows)
    u, v = rng.normal(size=(2, rows))
    d = z @ np.full(k, pi) + v
    return effect * d + rho * v + np.sqrt(1 - rho**2) * u + 1.0, d - 2.0


def products(z, y, d):
    """Return the cross-products that the instruments explain and that they leave."""
    both = np.column_stack([y - y.mean(), d - d.mean()])
    explained = both.T @ z @ (z.T @ both) / len(z)
    return explained, both.T @ both - explained


@pytest.mark.parametrize(("k", "mean_f"), [(1, 8.0), (4, 3.0)])
def test_answers_from_cross_products_are_the_recipe_s(k, mean_f):
    z, rng = design(80, k), np.random.default_rng(3)
    names = [f"z{i}" for i in range(k)]
    columns = {**MODEL, "instruments": names}
    for _ in range(8):
        y, d = sample(z, mean_f, 0.7, rng, effect=1.5)
        data = pd.DataFrame(z, columns=names).assign(y=y, d=d)
        explained, residual = products(z, y, d)
        ours = iv_answers(
            explained[np.newaxis], residual[np.newaxis], instruments=k, rows=80, effect=1.5
        ).iloc[0]
        two_stage = two_stage_least_squares(data, **columns)
        liml = limited_information(data, **columns, cov="bekker")
        pieces = anderson_rubin(data, **columns)["pieces"]
        f = first_stage(data, treatment="d", instruments=names).loc["F", "value"]
        assert ours["F"] == pytest.approx(f)
        assert ours["2SLS"] == pytest.approx(two_stage["estimate"] - 1.5)
        assert ours["LIML"] == pytest.approx(liml["estimate"] - 1.5)
        assert ours["OLS"] == pytest.approx(np.polyfit(d, y, 1)[0] - 1.5)
        for name, fit in {"2SLS covers": two_stage, "LIML covers": liml}.items():
            assert ours[name] == (fit["ci_low"] <= 1.5 <= fit["ci_high"])
        assert ours["AR covers"] == any(low <= 1.5 <= high for low, high in pieces)
        assert ours["AR bounded"] == np.isfinite(pieces).all()


@pytest.mark.parametrize(("k", "mean_f"), [(1, 8.0), (4, 3.0)])
def test_an_interval_covers_from_the_level_on_at_which_the_recipe_s_does(k, mean_f):
    """Just above and just below that level, so that the standard error is the recipe's."""
    z, rng = design(60, k), np.random.default_rng(4)
    names = [f"z{i}" for i in range(k)]
    for _ in range(5):
        y, d = sample(z, mean_f, 0.7, rng)
        data = pd.DataFrame(z, columns=names).assign(y=y, d=d)
        moments = [block[np.newaxis] for block in products(z, y, d)]
        fits = {
            "2SLS covers": two_stage_least_squares(data, **MODEL, instruments=names),
            "LIML covers": limited_information(data, **MODEL, instruments=names, cov="bekker"),
        }
        for name, fit in fits.items():
            effect = fit["estimate"] - 1.3 * fit["std_error"]
            for factor in (0.999, 1.001):
                level = 2 * stats.norm.cdf(1.3 * factor) - 1
                ours = iv_answers(*moments, instruments=k, rows=60, effect=effect, level=level)
                assert ours[name].item() == (factor > 1), name


@pytest.mark.parametrize(("k", "mean_f"), [(1, 4.0), (2, 4.0), (5, 2.5)])
def test_drawn_cross_products_have_the_distribution_of_row_by_row_samples(k, mean_f):
    rows, z, rng = 12, design(12, k), np.random.default_rng(5)
    pairs = [products(z, *sample(z, mean_f, 0.6, rng)) for _ in range(4_000)]
    explained, residual = map(np.array, zip(*pairs, strict=True))
    slow = iv_answers(explained, residual, instruments=k, rows=rows)
    fast = draw_samples(
        instruments=k, mean_f=mean_f, endogeneity=0.6, rows=rows, replications=4_000, rng=6
    )
    for name in ["F", "OLS", "2SLS", "LIML"]:
        assert stats.ks_2samp(slow[name], fast[name]).pvalue > 1e-3, name
    for name in ["2SLS covers", "LIML covers", "AR covers", "AR bounded"]:
        shares = np.array([slow[name].mean(), fast[name].mean()])
        error = np.sqrt((shares * (1 - shares)).sum() / 4_000)
        assert abs(shares[0] - shares[1]) < 4 * error, name


def test_the_mean_of_f_is_as_stated():
    for k, mean_f in [(1, 1.0), (3, 5.0), (30, 50.0)]:
        f = draw_samples(
            instruments=k, mean_f=mean_f, endogeneity=0.3, rows=500, replications=20_000, rng=k
        )["F"]
        r = 500 - k - 1
        assert abs(f.mean() - mean_f * r / (r - 2)) < 4 * f.std() / np.sqrt(20_000)


@pytest.mark.parametrize("mean_f", [1.0, 5.0, 50.0])
@pytest.mark.parametrize("k", [1, 30])
def test_the_anderson_rubin_set_covers_at_any_strength_and_the_t_interval_does_not(k, mean_f):
    n = 20_000
    samples = draw_samples(
        instruments=k, mean_f=mean_f, endogeneity=0.95, rows=500, replications=n, rng=k
    )
    assert abs(samples["AR covers"].mean() - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n)
    if mean_f <= 5 or k == 30:
        assert samples["2SLS covers"].mean() < 0.91


def interval_covers(count, mean_f, rho):
    """Integrate the coverage of the usual interval over the first stage, in a sample without end.

    With M the sum of squares of the estimated first stage and S that of its products with its
    errors, the slope's error b is normal with mean rho S / M and variance (1 - rho^2) / M, and
    the interval covers where (M - z^2) b^2 + 2 rho z^2 b - z^2 < 0.
    """
    strength = np.sqrt(count * (mean_f - 1))
    z2 = stats.norm.ppf(0.975) ** 2
    along = strength + np.linspace(-9, 9, 5_000)
    chance = stats.norm.pdf(along - strength)

    def given(others):
        """Integrate over the direction of the means; the squares of the others are given."""
        m = along**2 + others
        a, half = m - z2, rho * z2
        root = np.sqrt(np.maximum(half**2 + a * z2, 0))
        ends = np.sort([(-half - root) / a, (-half + root) / a], axis=0)
        mean, spread = rho * (m - strength * along) / m, np.sqrt((1 - rho**2) / m)
        between = np.diff(stats.norm.cdf(ends, mean, spread), axis=0)[0]
        covers = np.where(a > 0, between, np.where(root > 0, 1 - between, 1))
        return covers @ chance / chance.sum()

    if count == 1:
        return given(0)
    nodes, weights = np.polynomial.legendre.leggauss(100)
    others = stats.chi2.ppf((nodes + 1) / 2, count - 1)
    return weights / 2 @ [given(other) for other in others]


@pytest.mark.parametrize(
    ("k", "mean_f", "endogeneity", "coverage"),
    [
        (1, 4, 0.8, 0.90664),  # as iv_error_summary has it
        (1, 10, 0.8, 0.92797),
        (30, 5, 0.8, 0.42945),
        (30, 10, 0.8, 0.68134),
        (30, 4.91, 0.1, 0.94497),
        (30, 4.91, 0.3, 0.87815),
        (30, 4.91, 0.5, 0.73845),
    ],
)
def test_the_usual_interval_covers_as_quadrature_over_the_first_stage_says(
    k, mean_f, endogeneity, coverage
):
    assert interval_covers(k, mean_f, endogeneity) == pytest.approx(coverage, abs=1e-5)
    n, size = 50_000, {"rows": 300_000, "rng": k}
    samples = draw_samples(
        instruments=k, mean_f=mean_f, endogeneity=endogeneity, replications=n, **size
    )
    error = np.sqrt(coverage * (1 - coverage) / n)
    assert abs(samples["2SLS covers"].mean() - coverage) < 4 * error


def test_many_weak_instruments_pull_two_stage_least_squares_to_ols_and_not_liml():
    irrelevant, weak = (
        draw_samples(
            instruments=30, mean_f=f, endogeneity=0.5, rows=2_000, replications=10_000, rng=2
        )
        for f in (1.0, 5.0)
    )
    share = irrelevant["2SLS"].mean() / irrelevant["OLS"].mean()
    assert abs(share - 1) < 4 * irrelevant["2SLS"].std() / 100 / 0.5
    # Bias relative to OLS is about 1 / F (Bound, Jaeger and Baker 1995), up to order 1 / k
    assert weak["2SLS"].mean() / weak["OLS"].mean() == pytest.approx(1 / 5, abs=0.02)
    spread = stats.iqr(weak["LIML"])
    assert abs(weak["LIML"].median()) < 4 * 0.93 * spread / 100
    assert abs(weak["LIML covers"].mean() - 0.95) < 0.01


def test_one_instrument_gives_two_stage_least_squares_and_liml_the_same_answer():
    samples = draw_samples(
        instruments=1, mean_f=3, endogeneity=0.5, rows=100, replications=500, rng=1
    )
    np.testing.assert_allclose(samples["LIML"], samples["2SLS"], rtol=1e-6)


def test_the_same_seed_gives_the_same_samples():
    options = {"instruments": 3, "mean_f": 4, "endogeneity": 0.1, "rows": 50, "replications": 5}
    first, second, third = (draw_samples(**options, rng=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, second)
    assert not first.equals(third)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"instruments": 0}, "instruments and replications must be at least 1, got 0"),
        ({"replications": 0}, "at least 1, got 1 and 0"),
        ({"mean_f": 0.9}, "mean_f must be at least 1"),
        ({"endogeneity": 1.1}, r"endogeneity must lie in \[-1, 1\], got 1.1"),
        ({"rows": 3}, "rows must be above instruments"),
    ],
)
def test_a_parameter_out_of_range_is_refused(change, words):
    good = {"instruments": 1, "mean_f": 5, "endogeneity": 0.5, "rows": 100, "replications": 10}
    with pytest.raises(ValueError, match=words):
        draw_samples(**good | change, rng=1)


def test_a_summary_holds_shares_and_median_errors_relative_to_ols():
    samples = pd.DataFrame(
        {
            "F": [3.0, 20.0, 30.0, 5.0],
            "OLS": [0.5, 0.5, 0.4, 0.6],
            "2SLS": [0.1, 0.3, -0.4, 0.2],
            "LIML": [0.0, 0.1, -0.1, 0.2],
            "2SLS covers": [1, 0, 1, 1],
            "LIML covers": [1, 1, 1, 1],
            "AR covers": [0, 1, 1, 0],
            "AR bounded": [0, 1, 0, 0],
        }
    )
    expected = {
        "2SLS coverage": 0.75,
        "LIML coverage": 1.0,
        "AR coverage": 0.5,
        "AR bounded": 0.25,
        "2SLS bias": 0.15 / 0.5,
        "LIML bias": 0.05 / 0.5,
    }
    assert summarize(samples).to_dict() == pytest.approx(expected)
    with pytest.raises(ValueError, match="samples has no rows"):
        summarize(samples[samples["F"] > 100])


class Counting(np.random.Generator):
    """A generator that counts the numbers it gives out."""

    def __init__(self):
        super().__init__(np.random.PCG64(1))
        self.given = 0

    def _count(self, numbers):
        self.given += numbers.size
        return numbers

    def standard_normal(self, *args, **kwargs):
        return self._count(super().standard_normal(*args, **kwargs))

    def chisquare(self, *args, **kwargs):
        return self._count(super().chisquare(*args, **kwargs))


@pytest.mark.parametrize(("instruments", "numbers"), [(1, 5), (2, 7), (3, 8), (30, 8)])
def test_a_sample_costs_as_many_random_numbers_as_the_module_says(instruments, numbers):
    # two normals for the strong direction; Bartlett: two chi-squared and a normal for each
    # 2 x 2 Wishart matrix, less what a matrix with 0 or 1 degrees of freedom does not need
    rng = Counting()
    draw_samples(
        instruments=instruments, mean_f=5, endogeneity=0.5, rows=100, replications=40, rng=rng
    )
    assert rng.given == 40 * numbers
