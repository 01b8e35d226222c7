"""What the 40 cells of the quarter-of-birth study say of its cohorts, apart from the recipes.

Every figure is worked out here from the published cell moments: cross-products between and
within cells, normal sampling of cell means, and conditional distributions of the tests.
"""

from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from casestudies import archives
from casestudies.sampling.instrument_strength import iv_answers

JUMP = -0.0111  # mean log wage of the first quarter less that of the others, Table III
OLS, OLS_ERROR = 0.0711, 0.0003  # Table V, column 1
CELLS = archives.quarter_of_birth_cells()
SIZE = CELLS["n"].to_numpy(float)
YEAR, QUARTER = (CELLS[f"{unit}_of_birth"].to_numpy() for unit in ("year", "quarter"))
MEANS = CELLS[["log_weekly_wage_mean", "education_mean"]].to_numpy()
SCATTER = np.empty((40, 2, 2))  # covariance of wage and schooling within each cell
SCATTER[:, 0, 0], SCATTER[:, 1, 1] = CELLS["log_weekly_wage_var"], CELLS["education_var"]
SCATTER[:, 0, 1] = SCATTER[:, 1, 0] = CELLS["cov_education_log_weekly_wage"]
YEARS = (YEAR[:, np.newaxis] == np.unique(YEAR)).astype(float)
FIRST = (QUARTER == 1).astype(float)[:, np.newaxis]
AGE = (1980 - YEAR - (QUARTER - 1) / 4)[:, np.newaxis]
TREND = np.hstack([YEARS, AGE, AGE**2])


def onto(columns):
    """Return the projection on columns, rows weighted by the men in each cell."""
    basis, singular, _ = np.linalg.svd(columns * np.sqrt(SIZE)[:, np.newaxis], full_matrices=False)
    basis = basis[:, singular > 1e-9 * singular[0]]
    return basis @ basis.T


def cross_products(controls, instruments=None):
    """Return explained and residual cross-products, the number of instruments and the freedom."""
    held = onto(controls)
    spanned = np.eye(40) if instruments is None else onto(np.hstack([controls, instruments]))
    weighted = MEANS * np.sqrt(SIZE)[:, np.newaxis]
    explained = weighted.T @ (spanned - held) @ weighted
    residual = weighted.T @ (np.eye(40) - spanned) @ weighted
    residual += np.einsum("c,cij->ij", SIZE, SCATTER)
    count = round(np.trace(spanned - held))
    return explained, residual, count, SIZE.sum() - round(np.trace(spanned))


def form(matrix, effect):
    """Return the quadratic form of wage less effect times schooling."""
    return matrix[..., 0, 0] - 2 * effect * matrix[..., 0, 1] + effect**2 * matrix[..., 1, 1]


def liml(explained, residual):
    found = optimize.minimize_scalar(
        lambda b: form(explained, b) / form(residual, b), bounds=(-2, 2), method="bounded"
    )
    return found.x


def jumps():
    """Return the jump of wage and schooling in each cohort, and the covariance of its error."""
    jump, error = np.empty((10, 2)), np.empty((10, 2, 2))
    for i, year in enumerate(np.unique(YEAR)):
        parts = []
        for group in ((year == YEAR) & (QUARTER == 1), (year == YEAR) & (QUARTER > 1)):
            share = SIZE[group] / SIZE[group].sum()
            centre = share @ MEANS[group]
            apart = MEANS[group] - centre
            spread = np.einsum("c,cij->ij", share, SCATTER[group]) + (apart.T * share) @ apart
            parts.append((centre, spread / SIZE[group].sum()))
        jump[i] = parts[0][0] - parts[1][0]
        error[i] = parts[0][1] + parts[1][1]
    return jump, error


def line(jump, error):
    """Return intercept and slope of wage jumps on schooling jumps, weighted as in the chapter."""
    weight = 1 / error[:, 0, 0]
    wage, schooling = (jump[..., i] for i in (0, 1))
    centre = [(part * weight).sum(-1) / weight.sum() for part in (wage, schooling)]
    apart = schooling - centre[1][..., np.newaxis]
    slope = (apart * wage * weight).sum(-1) / (apart**2 * weight).sum(-1)
    return centre[0] - slope * centre[1], slope


def test_the_errors_of_both_jumps_move_together_as_least_squares_has_it_in_every_cohort():
    _, error = jumps()
    together = error[:, 0, 1] / error[:, 1, 1]
    # a slope in n men has variance (Var(Y|X) / Var(X)) / n; the first quarters weigh most
    men = np.array([SIZE[(year == YEAR) & (QUARTER == 1)].sum() for year in np.unique(YEAR)])
    spread = np.sqrt((error[:, 0, 0] / error[:, 1, 1] - together**2) / men)
    assert (abs(together - OLS) < 4 * np.hypot(spread, OLS_ERROR)).all()
    assert together.min() > 0.06  # far from the zero of errors in schooling alone


def expected_slope(true):
    """Return what the free line averages: noise adds to both sums of its slope."""
    jump, error = jumps()
    weight = 1 / error[:, 0, 0]
    apart = jump[:, 1] - weight @ jump[:, 1] / weight.sum()
    kept = weight * (1 - weight / weight.sum())
    noise = kept @ error[:, 1] / (weight @ apart**2)
    return true * (1 - noise[1]) + noise[0]


def test_noise_pulls_the_free_line_through_the_cohorts_towards_least_squares_and_not_to_zero():
    assert expected_slope(0.0) == pytest.approx(0.030, abs=5e-4)
    assert expected_slope(0.1) == pytest.approx(0.087, abs=5e-4)
    assert expected_slope(OLS) == pytest.approx(OLS, abs=5e-4)
    jump, error = jumps()
    assert np.round(line(jump, error), 4) == pytest.approx([-0.0076, 0.0330])
    # cohorts whose true jumps spread as much as the observed ones less their noise
    weight = 1 / error[:, 0, 0]
    centre = weight @ jump[:, 1] / weight.sum()
    moved = centre + np.sqrt(1 - (expected_slope(0.0) - expected_slope(1.0) + 1)) * (
        jump[:, 1] - centre
    )
    root, rng = np.linalg.cholesky(error), np.random.default_rng(30)
    noise = np.einsum("cij,scj->sci", root, rng.standard_normal((20_000, 10, 2)))
    for true, low, high in ((0.0, 0.02, 0.035), (0.1, 0.08, 0.095)):
        constant = JUMP * (true == 0)
        truth = np.column_stack([constant + true * moved, moved])
        slope = line(truth + noise, error)[1]
        mean, margin = slope.mean(), 4 * slope.std() / np.sqrt(len(slope))
        assert low < mean - margin < mean + margin < high


def test_the_errors_are_as_weakly_related_as_liml_says_and_the_published_interval_near_its_level():
    explained, residual, count, _ = cross_products(YEARS)
    total = explained + residual

    def related(effect):
        rest = residual[0, 1] - effect * residual[1, 1]
        return rest / np.sqrt(residual[1, 1] * form(total, effect))

    assert related(liml(explained, residual)) == pytest.approx(-0.111, abs=5e-4)
    assert related(0.1277) == pytest.approx(-0.279, abs=5e-4)  # the upper end of its interval
    # thirty instruments with a mean F of 4.91 in a sample without end, the effect 0
    rng = np.random.default_rng(4)
    schooling, other = rng.standard_normal((2, 100_000, count))
    for rho, covers in ((0.1, 0.94497), (0.3, 0.87815), (0.5, 0.73845)):  # by quadrature
        wage = rho * schooling + np.sqrt(1 - rho**2) * other
        moved = schooling + np.sqrt(3.91)
        slope = (wage * moved).sum(1) / (moved**2).sum(1)
        error = np.sqrt((1 - 2 * rho * slope + slope**2) / (moved**2).sum(1))
        margin = 4 * np.sqrt(covers * (1 - covers) / 100_000)
        assert abs((abs(slope) < 1.96 * error).mean() - covers) < margin


def test_with_a_direct_effect_allowed_the_cohorts_are_weak_instruments_and_decide_nothing():
    controls = np.hstack([YEARS, FIRST])
    explained, residual, count, freedom = cross_products(controls, YEARS * FIRST)
    assert count == 9
    f = explained[1, 1] / count / (residual[1, 1] / freedom)
    assert f == pytest.approx(2.40, abs=5e-3)
    two_stage, total = explained[0, 1] / explained[1, 1], explained + residual
    error = np.sqrt(form(total, two_stage) / SIZE.sum() / explained[1, 1])
    assert [two_stage, error] == pytest.approx([0.03349, 0.04262], abs=5e-6)
    by_liml = liml(explained, residual)
    kept = explained - form(explained, by_liml) / form(residual, by_liml) * residual
    error = np.sqrt(form(total, by_liml) / SIZE.sum() / kept[1, 1])
    assert by_liml == pytest.approx(0.0250, abs=5e-5)
    assert error == pytest.approx(0.04764, abs=5e-6)
    low, high = ends(anderson_rubin, explained, residual, count, freedom)
    assert [low, high] == pytest.approx([-0.456, 0.253], abs=5e-4)
    assert low < 0 < OLS < high


def test_schooling_rises_by_six_hundredths_of_a_year_from_cohort_to_cohort():
    schooling = [SIZE[year == YEAR] @ MEANS[year == YEAR, 1] for year in np.unique(YEAR)]
    men = [SIZE[year == YEAR].sum() for year in np.unique(YEAR)]
    apart = np.arange(10) - 4.5
    slope = apart @ np.divide(schooling, men) / (apart @ apart)
    assert slope == pytest.approx(0.05962, abs=5e-6)


def power_of_sargan(first_stage, direct, covariance, degrees):
    """Return how often the test that instruments agree rejects a direct effect, no return."""
    parted = optimize.minimize_scalar(
        lambda b: ((direct - b * first_stage) ** 2).sum() / form(covariance, b),
        bounds=(-1, 1),
        method="bounded",
    )
    return stats.ncx2.sf(stats.chi2.ppf(0.95, degrees), degrees, parted.fun)


def test_one_direct_effect_in_all_cohorts_makes_ratios_disagree_and_the_test_rarely_says_so():
    jump, _ = jumps()
    ratios = JUMP / jump[:, 1]
    assert [ratios.min(), ratios.max()] == pytest.approx([0.048, 0.533], abs=5e-4)
    _, residual, count, freedom = cross_products(YEARS)
    covariance, root = residual / freedom, np.sqrt(SIZE)
    net = np.eye(40) - onto(YEARS)
    direct, moved = net @ (root * JUMP * FIRST[:, 0]), net @ (root * MEANS[:, 1])
    found = power_of_sargan(moved, direct, covariance, count - 1)
    assert found == pytest.approx(0.343, abs=5e-4)
    # the estimated first stage is uneven by noise too: 29 directions, one variance each
    along = direct * (direct @ moved) / (direct @ direct)
    noise = (count - 1) * covariance[1, 1] / ((moved - along) ** 2).sum()
    evened = along + np.sqrt(1 - noise) * (moved - along)
    assert power_of_sargan(evened, direct, covariance, count - 1) == pytest.approx(0.274, abs=5e-4)
    # by simulation: 4,000 censuses with the estimated first stage taken as true
    basis = np.linalg.svd(net)[0][:, :count]
    draws = np.random.default_rng(29).standard_normal((4_000, count, 2))
    noise = draws @ np.linalg.cholesky(covariance).T
    wage, schooling = direct @ basis + noise[..., 0], moved @ basis + noise[..., 1]
    slope = (wage * schooling).sum(1) / (schooling**2).sum(1)
    left = ((wage - slope[:, np.newaxis] * schooling) ** 2).sum(1) / form(covariance, slope)
    rejected = (left > stats.chi2.ppf(0.95, count - 1)).mean()
    assert abs(rejected - found) < 4 * np.sqrt(found * (1 - found) / 4_000)


# The conditional likelihood ratio test (Moreira 2003, Econometrica 71(4), 1027-1048)


def anderson_rubin(explained, residual, count, freedom, effect):
    """Return the p-value of the Anderson-Rubin test."""
    statistic = form(explained, effect) / count / (form(residual, effect) / freedom)
    return stats.f.sf(statistic, count, freedom)


NODES, WEIGHTS = np.polynomial.legendre.leggauss(100)


def conditional_likelihood_ratio(explained, residual, count, freedom, effect):
    """Return the p-value given the part of the data that tells how strong the instruments are.

    With S and T the two halves of the reduced form, LR = {QS - QT + sqrt((QS + QT)^2 - 4 (QS QT
    - QST^2))} / 2. Under the null and given QT, QS is the sum of chi-squared variables with 1
    and count - 1 degrees, of which QST^2 / QT is the first; LR <= m where the first is at most
    m (m + QT - second) / (m + QT).
    """
    covariance = residual / freedom
    inverse = np.linalg.inv(covariance)
    across, along = np.array([1.0, -effect]), np.array([effect, 1.0])
    size, reach = across @ covariance @ across, along @ inverse @ along
    half = explained @ inverse @ along
    qs = (explained @ across) @ across / size
    qt, qst = half @ inverse @ along / reach, half @ across / np.sqrt(size * reach)
    root = np.sqrt((qs + qt) ** 2 - 4 * (qs * qt - qst**2))
    ratio = (qs - qt + root) / 2
    if count == 1:
        return stats.chi2.sf(ratio, 1)
    ratio, top = ratio[..., np.newaxis], (ratio + qt)[..., np.newaxis]
    # over s = sqrt(1 - second / top), where the integrand is smooth
    low = np.sqrt(np.maximum(1 - stats.chi2.isf(1e-12, count - 1) / top, 0))
    s = low + (1 - low) * (NODES + 1) / 2
    accepted = stats.chi2.cdf(ratio * s**2, 1) * stats.chi2.pdf(top * (1 - s**2), count - 1)
    return 1 - (accepted * top * s * (1 - low) * WEIGHTS).sum(-1)


def ends(test, explained, residual, count, freedom):
    """Return the ends of the set of effects that a test does not reject at 5%."""
    args = explained, residual, count, freedom
    centre, ask = liml(explained, residual), lambda b: test(*args, b) - 0.05
    return optimize.brentq(ask, -1.5, centre), optimize.brentq(ask, centre, 1.5)


@pytest.mark.parametrize(
    ("controls", "by_likelihood", "by_anderson_rubin"),
    [
        (YEARS, [0.0541, 0.1334], [0.0141, 0.1794]),
        (TREND, [-0.184, 0.390], [-0.2985, 0.5565]),
    ],
)
def test_the_likelihood_ratio_set_is_narrower_than_anderson_and_rubins(
    controls, by_likelihood, by_anderson_rubin
):
    moments = cross_products(controls)
    digits = 5e-5 if controls is YEARS else 5e-4
    narrow, wide = (ends(t, *moments) for t in (conditional_likelihood_ratio, anderson_rubin))
    assert narrow == pytest.approx(by_likelihood, abs=digits)
    assert wide == pytest.approx(by_anderson_rubin, abs=5e-5)
    assert narrow[1] - narrow[0] < 0.7 * (wide[1] - wide[0])
    # the p-value is a sum over chi-squared nodes; the same by adaptive quadrature
    explained, residual, count, freedom = moments
    covariance = residual / freedom
    inverse = np.linalg.inv(covariance)
    b = narrow[0]
    across, along = np.array([1.0, -b]), np.array([b, 1.0])
    qt = along @ inverse @ explained @ inverse @ along / (along @ inverse @ along)
    least = np.linalg.eigvals(np.linalg.solve(covariance, explained)).min()
    m = across @ explained @ across / (across @ covariance @ across) - least

    def given(rest):
        first = m * (m + qt - rest) / (m + qt)
        return stats.chi2.cdf(first, 1) * stats.chi2.pdf(rest, count - 1)

    upper = min(m + qt, stats.chi2.isf(1e-12, count - 1))
    accepted = integrate.quad(given, 0, upper, points=[count - 1], limit=200)[0]
    assert 1 - accepted == pytest.approx(0.05, abs=1e-6)


def test_the_set_with_a_trend_in_log_points_and_in_percent():
    found = np.array(ends(conditional_likelihood_ratio, *cross_products(TREND)))
    said = "from {:.0f} to {:.0f} log points ({:.0f} to {:.0f} percent)"
    said = said.format(*100 * found, *100 * np.expm1(found)).replace("-", "−")
    chapter = Path(__file__).parents[1] / "notebooks" / "quarter_of_birth_iv.py"
    assert said in chapter.read_text("utf-8")


def test_with_one_instrument_both_sets_are_the_same():
    explained, residual, count, freedom = cross_products(np.ones((40, 1)), FIRST)
    assert count == 1
    sets = [
        ends(t, explained, residual, count, freedom)
        for t in (conditional_likelihood_ratio, anderson_rubin)
    ]
    assert sets[0] == pytest.approx(sets[1], abs=1e-5)  # F(1, 329,507) is chi-squared(1)


@pytest.mark.parametrize(("mean_f", "endogeneity"), [(1.6, 0.1), (4.9, 0.1), (4.9, 0.8)])
def test_the_likelihood_ratio_set_covers_at_any_strength(mean_f, endogeneity):
    draws, count, freedom = 4_000, 30, 1e9
    rng = np.random.default_rng(2003)
    root = np.array([[1.0, 0.0], [endogeneity, np.sqrt(1 - endogeneity**2)]])
    means = rng.standard_normal((draws, count, 2)) @ root.T
    means[:, 0, 1] += np.sqrt(count * (mean_f - 1))
    explained = means.transpose(0, 2, 1) @ means
    p = conditional_likelihood_ratio(explained, freedom * root @ root.T, count, freedom, 0.0)
    assert abs((p > 0.05).mean() - 0.95) < 4 * np.sqrt(0.0475 / draws)


def test_liml_can_leave_the_range_of_the_effects_where_two_instruments_disagree():
    # D = D1 + D2 with D1 = Z1 / 2 + s, D2 = Z2 / 2 + t, Y = 0 D1 + 1 D2 + 0.4 s + e, so that the
    # first instrument moves people with an effect of 0, the second people with an effect of 1;
    # Var(s) = 1.5, Var(t) = 0.6, Var(e) = 0.16, and the errors of (Y, D) have this covariance:
    error = np.array([[0.6 + 0.16 * 1.5 + 0.16, 0.6 + 0.4 * 1.5], [0.6 + 0.4 * 1.5, 2.1]])
    moved, told = np.array([0.5, 0.5]), np.array([0.0, 0.5])
    both = np.array([[told @ told, told @ moved], [told @ moved, moved @ moved]])
    rows = 1e9
    limits = iv_answers(rows * both[None], rows * error[None], instruments=2, rows=rows)
    assert limits["2SLS"].iloc[0] == pytest.approx(0.5)
    assert limits["LIML"].iloc[0] == pytest.approx(-1.0, abs=1e-6)
