r"""What analyses answer over all samples, without drawing one: the formulas of the moving figures.

Three worlds of the chapters, each with one assumption that fails by a stated amount. All
numbers are exact under the conditions named in each docstring, and the page that moves them
computes the same in the reader's browser.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import integrate, optimize, special, stats

from casestudies import scenarios

__all__ = [
    "confounded_slopes",
    "drifting_did",
    "drifting_event_study",
    "iv_error_cdf",
    "iv_error_density",
    "iv_error_summary",
]


def confounded_slopes(rows, *, traffic_on_latency=10.0, level=0.95):
    r"""Return slope, interval and coverage of the ATE with and without the confounder.

    The world is ``scenarios.latency``, jointly normal. Without traffic :math:`Z` the slope of
    latency :math:`Y` on load :math:`X` is normal given the loads, with mean
    :math:`\beta = \tau + c\,\mathrm{Cov}(X, Z) / \mathrm{Var}(X)`, and over all samples

    .. math:: \mathrm{Var}(\hat\beta) = E[\widehat{se}^2]
              = \frac{\mathrm{Var}(Y \mid X)}{\mathrm{Var}(X)\,(n - 3)}

    With traffic it is :math:`\mathrm{Var}(Y \mid X, Z) / (\mathrm{Var}(X \mid Z) (n - 4))`.
    The interval covers :math:`\tau` as often as the squared sample correlation :math:`r^2` of
    :math:`X` and :math:`Y - \tau X` stays below :math:`t^2 / (t^2 + n - 2)`. With
    :math:`\rho` their correlation in the population and :math:`j` negative binomial,
    :math:`P(j) = \binom{j + h - 1}{j} \rho^{2j} (1 - \rho^2)^h`, :math:`h = (n - 1) / 2`,
    :math:`r^2` given :math:`j` has a Beta(:math:`j + 1/2`, :math:`n/2 - 1`) distribution.

    Parameters
    ----------
    rows : int
        Hours in a sample, at least 5.
    traffic_on_latency : float
        The coefficient c, ms per thousand requests a second; 0 is no confounding.
    level : float, default 0.95
        Coverage that the interval promises.

    Returns
    -------
    pandas.DataFrame
        Rows ``latency on cpu`` and ``traffic in the regression``; columns estimate (its mean
        over samples), std_error (its standard deviation, which is also the root mean square
        of the reported one), ci_low and ci_high (t quantiles around the mean) and coverage of
        the ATE, in ms per percentage point.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    Fisher (1915), Biometrika 10(4), 507-521.

    Examples
    --------
    >>> confounded_slopes(100).round(3)[["estimate", "std_error", "coverage"]]
                               estimate  std_error  coverage
    latency on cpu                2.057      0.146      0.00
    traffic in the regression     0.500      0.255      0.95
    """
    _require(rows == int(rows) and rows >= 5, "rows", rows, "be a whole number of at least 5")
    _require(np.isfinite(traffic_on_latency), "traffic_on_latency", traffic_on_latency, "be finite")
    _require(0 < level < 1, "level", level, "lie in (0, 1)")
    truth = scenarios.latency(traffic_on_latency=traffic_on_latency).truth
    var_x = 5**2 * 1.5**2 + 4**2
    left = traffic_on_latency**2 * 1.5**2 * 4**2 / var_x + 10**2
    mean = np.array([truth["raw slope"], truth["ATE"]])
    error = np.sqrt([left / var_x / (rows - 3), 10**2 / 4**2 / (rows - 4)])
    half = error * stats.t.ppf((1 + level) / 2, [rows - 2, rows - 3])
    pull = (mean[0] - mean[1]) ** 2 * var_x
    covers = [_slope_coverage(rows, pull / (pull + left), level), level]
    columns = {"estimate": mean, "std_error": error, "ci_low": mean - half, "ci_high": mean + half}
    names = ["latency on cpu", "traffic in the regression"]
    return pd.DataFrame(columns | {"coverage": covers}, index=names)


def drifting_event_study(*, drift, hospitals, level=0.95):
    r"""Return the event study that regions average when the two groups drift apart.

    The world is ``scenarios.hospital_upgrade`` with half of the hospitals on the drug and an
    unrecorded burden :math:`B` whose weight grows by :math:`\gamma` a month, so that the gap
    between the groups grows by :math:`\delta = \gamma \{E[B | D = 1] - E[B | D = 0]\}`. At
    event time k the coefficient has mean :math:`\delta (k + 1) + \text{ATT}\,1[k \ge 0]`.
    With :math:`\omega^2 = 0.5^2 + (0.1 \cdot 4)^2` the monthly noise, shocks correlated
    :math:`0.8^{|s|}` over s months and :math:`v` the variance of B within a group, a
    group of :math:`N / 2` hospitals adds to the covariance of two coefficients

    .. math:: \tfrac{2}{N} \left\{ v\, b_j b_k
        + 0.8^{|j - k|} - 0.8^{|j + 1|} - 0.8^{|k + 1|} + 1 + \omega^2 (1 + 1[j = k]) \right\},
        \qquad b_k = \gamma (k + 1) - 0.5 D\, 1[k \ge 0].

    Parameters
    ----------
    drift : float
        :math:`\delta`, points per month: how the groups part without the drug.
    hospitals : int
        Hospitals N in the region, an even number of at least 2.
    level : float, default 0.95
        Coverage that the intervals promise.

    Returns
    -------
    pandas.DataFrame
        As the recipe ``event_study`` returns it, with the true covariance and df infinite:
        estimates are taken as normal with a known covariance.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    Roth (2022), American Economic Review: Insights 4(3), 305-322.

    Examples
    --------
    >>> drifting_event_study(drift=0.25, hospitals=40)["estimate"].round(2).tolist()
    [-0.75, -0.5, -0.25, 0.0, -2.03, -1.78, -1.53, -1.28]
    """
    _check_region(drift, hospitals, level)
    times = np.arange(-4, 4)
    att = scenarios.hospital_upgrade().truth["ATT"]
    mean = drift * (times + 1) + att * (times >= 0)
    covariance = _event_covariance(times, drift, hospitals)
    error = np.sqrt(np.diag(covariance))
    half = stats.norm.ppf((1 + level) / 2) * error
    columns = {"estimate": mean, "std_error": error, "ci_low": mean - half, "ci_high": mean + half}
    study = pd.DataFrame(columns, index=pd.Index(times, name="event_time"))
    kept = pd.DataFrame(covariance, times, times).drop(index=-1, columns=-1)
    study.attrs = {"covariance": kept.to_dict(), "df": np.inf}
    return study


def drifting_did(*, drift, hospitals, level=0.95):
    r"""Return what DiD answers on average, how often it covers, and what the test before sees.

    In the world of `drifting_event_study`, DiD (mean of months 5 to 8 minus mean of months
    1 to 4, drug minus others) has mean :math:`\text{ATT} + 4 \delta`. It is a weighted sum of
    the event study's coefficients, hence its standard error; its interval covers the ATT
    with probability :math:`\Phi(z - b) - \Phi(-z - b)`, :math:`b = 4 \delta / se`. The joint
    test of the three coefficients before follows a noncentral chi-squared distribution with
    3 degrees and noncentrality :math:`\lambda = m' V^{-1} m`, m their means. In regions
    that pass, with c the covariance of DiD with the coefficients and :math:`F_q` the
    distribution with q degrees at the critical value,

    .. math:: E[\text{DiD} - \text{ATT} \mid \text{passed}] = 4 \delta + c' V^{-1} m
              \left(\frac{F_5}{F_3} - 1\right).

    Parameters
    ----------
    drift, hospitals, level
        As for `drifting_event_study`.

    Returns
    -------
    pandas.Series
        ATT, estimate (the mean of DiD), std_error, ci_low, ci_high, coverage of the ATT, power
        of the test at size 1 - level, and bias_if_passed.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    Roth (2022), American Economic Review: Insights 4(3), 305-322.

    Examples
    --------
    >>> drifting_did(drift=0.25, hospitals=40)[["estimate", "coverage", "power"]].round(2)
    estimate   -1.28
    coverage    0.18
    power       0.25
    Name: drifting_did, dtype: float64
    """
    study = drifting_event_study(drift=drift, hospitals=hospitals, level=level)
    covariance = pd.DataFrame(study.attrs["covariance"]).to_numpy()
    weights = np.repeat([-0.25, 0.25], [3, 4])
    error, bias = np.sqrt(weights @ covariance @ weights), 4 * drift
    z = stats.norm.ppf((1 + level) / 2)
    before = study["estimate"].to_numpy()[:3]
    solved = np.linalg.solve(covariance[:3, :3], before)
    limit = stats.chi2.ppf(level, 3)
    passed, more = (stats.ncx2.cdf(limit, q, before @ solved) for q in (3, 5))
    mean = study["estimate"].iloc[4] - drift + bias
    entries = {
        "ATT": mean - bias,
        "estimate": mean,
        "std_error": error,
        "ci_low": mean - z * error,
        "ci_high": mean + z * error,
        "coverage": special.ndtr(z - bias / error) - special.ndtr(-z - bias / error),
        "power": 1 - passed,
        "bias_if_passed": bias + weights @ covariance[:, :3] @ solved * (more / passed - 1),
    }
    return pd.Series(entries, name="drifting_did")


def iv_error_density(error, *, mean_f, endogeneity):
    r"""Return the exact density of the error of 2SLS with one instrument.

    In the model of ``instrument_strength.draw_samples`` (normal errors of variance 1 and
    correlation :math:`\rho`, a fixed valid instrument) the error of 2SLS is the ratio
    :math:`U / V` of two normal variables of variance 1 and correlation :math:`\rho`, with
    means 0 and :math:`\mu`, :math:`\mu^2 = E[F] - 1`, in a sample of any size. With
    :math:`q = 1 - 2 \rho e + e^2`, the conditional mean :math:`m = \mu (1 - \rho e) / q` and
    standard deviation :math:`s = \sqrt{(1 - \rho^2) / q}` of V given :math:`U = eV`,

    .. math:: f(e) = \frac{1}{\sqrt{q}}\, \phi\!\left(\frac{\mu e}{\sqrt{q}}\right)
              \left\{2 s\, \phi(m / s) + m\, [2 \Phi(m / s) - 1]\right\}.

    Its tails are those of a Cauchy distribution: the mean does not exist.

    Parameters
    ----------
    error : float or numpy.ndarray
        Estimate less effect, in units of sd(u) / sd(v).
    mean_f : float
        Expected first-stage F in large samples, at least 1.
    endogeneity : float
        Correlation of the errors, in (-1, 1).

    Returns
    -------
    float or numpy.ndarray
        Density at `error`.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    Fieller (1932), Biometrika 24(3/4), 428-440.
    Hinkley (1969), Biometrika 56(3), 635-639.

    Examples
    --------
    >>> round(float(iv_error_density(0.0, mean_f=1, endogeneity=0.0)), 4)  # Cauchy, 1 / pi
    0.3183
    """
    mu, rho = _strength(mean_f, endogeneity), endogeneity
    q = 1 - 2 * rho * error + np.square(error)
    m, s = mu * (1 - rho * error) / q, np.sqrt((1 - rho**2) / q)
    at_zero = stats.norm.pdf(mu * error / np.sqrt(q)) / np.sqrt(q)
    return at_zero * (2 * s * stats.norm.pdf(m / s) + m * (2 * special.ndtr(m / s) - 1))


def iv_error_cdf(error, *, mean_f, endogeneity):
    r"""Return the probability that the error of 2SLS with one instrument is at most `error`.

    With U and V as in `iv_error_density` it is
    :math:`P(U \le eV, V > 0) + P(U \ge eV, V < 0)`, integrated over V.

    Parameters
    ----------
    error : float
        Estimate less effect, in units of sd(u) / sd(v).
    mean_f, endogeneity : float
        As for `iv_error_density`.

    Returns
    -------
    float
        A probability.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    Hinkley (1969), Biometrika 56(3), 635-639.

    Examples
    --------
    >>> round(iv_error_cdf(0.8, mean_f=1, endogeneity=0.8), 4)  # irrelevant: centred at OLS
    0.5
    """
    mu, rho = _strength(mean_f, endogeneity), endogeneity

    def below(v):
        given = (error * v - rho * (v - mu)) / np.sqrt(1 - rho**2)
        return special.ndtr(np.sign(v) * given)

    return _over_v(below, mu, breaks=[0.0])


def iv_error_summary(*, mean_f, endogeneity, screen=10.0, level=0.95):
    r"""Return median error, coverage of the t interval, and coverage after screening on F.

    In large samples, where the errors' variances are known and OLS errs by :math:`\rho`, with
    U and V as in `iv_error_density`: :math:`F = V^2`, and the 95% interval of 2SLS covers if
    :math:`t^2 = U^2 V^2 / (U^2 - 2 \rho U V + V^2) \le 1.96^2`. Given V this is an interval
    of U, or all but an interval, or everything; the probability is then integrated over V.

    Parameters
    ----------
    mean_f, endogeneity : float
        As for `iv_error_density`.
    screen : float, default 10
        Samples with a smaller F are thrown away.
    level : float, default 0.95
        Coverage that the interval promises.

    Returns
    -------
    pandas.Series
        median (error of 2SLS, in units of sd(u) / sd(v)), coverage (all samples), passes
        (share with F above `screen`) and coverage_if_passed (among them).

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    Staiger and Stock (1997), Econometrica 65(3), 557-586.
    Angrist and Kolesár (2024), Journal of Econometrics 240(2), 105398.

    Examples
    --------
    >>> iv_error_summary(mean_f=4, endogeneity=0.8).round(2)
    median                0.06
    coverage              0.91
    passes                0.08
    coverage_if_passed    0.46
    Name: iv_error_summary, dtype: float64
    """
    mu, rho = _strength(mean_f, endogeneity), endogeneity
    _require(screen > 0, "screen", screen, "be above 0")
    _require(0 < level < 1, "level", level, "lie in (0, 1)")
    z, least = stats.norm.ppf((1 + level) / 2), np.sqrt(screen)

    def passing(v):
        return _covers(v, mu, rho, z) * (abs(v) > least)

    kinks = [z, z * np.sqrt(1 - rho**2)]
    passes = special.ndtr(mu - least) + special.ndtr(-mu - least)
    covered = _over_v(passing, mu, breaks=[least, *kinks])
    entries = {
        "median": optimize.brentq(
            lambda e: iv_error_cdf(e, mean_f=mean_f, endogeneity=rho) - 0.5, -1.5, 1.5, xtol=1e-12
        ),
        "coverage": _over_v(lambda v: _covers(v, mu, rho, z), mu, breaks=kinks),
        "passes": passes,
        "coverage_if_passed": covered / passes,
    }
    return pd.Series(entries, name="iv_error_summary")


def _slope_coverage(rows, r2, level):
    """Return how often the interval of a slope covers when X and Y - effect X have this r2."""
    t = stats.t.ppf((1 + level) / 2, rows - 2)
    terms = stats.nbinom((rows - 1) / 2, 1 - r2)
    j = np.arange(terms.ppf(1e-13), terms.isf(1e-13) + 1)
    below = special.betainc(j + 0.5, rows / 2 - 1, t**2 / (t**2 + rows - 2))
    return terms.pmf(j) @ below


def _event_covariance(times, drift, hospitals):
    """Return the covariance of the event study's coefficients, the reference included."""
    after, since = times >= 0, times + 1
    gamma = drift / (2 * 0.7 * np.sqrt(2 / np.pi))
    within = 1 - 0.7**2 * 2 / np.pi
    fade = 0.8 ** abs(np.subtract.outer(times, times))
    back = 0.8 ** abs(since)
    own = fade - back[:, np.newaxis] - back + 1
    noise = (0.5**2 + (0.1 * 4) ** 2) * (np.eye(len(times)) + 1)
    noise[:, times == -1] = noise[times == -1] = 0
    total = 2 * (own + noise)
    for drug in (0, 1):
        weight = gamma * since - 0.5 * drug * after
        total += within * np.outer(weight, weight)
    return total * 2 / hospitals


def _covers(v, mu, rho, z):
    """Return the probability that the t interval covers, given the first stage V = v."""
    mean, spread = rho * (v - mu), np.sqrt(1 - rho**2)
    a, b, c = v**2 - z**2, rho * z**2 * v, -((z * v) ** 2)
    inside = b**2 - a * c
    if inside <= 0:
        return 1.0
    ends = np.sort((-b + np.array([-1, 1]) * np.sqrt(inside)) / a)
    share = np.diff(special.ndtr((ends - mean) / spread))[0]
    return share if a > 0 else 1 - share


def _over_v(probability, mu, *, breaks):
    """Return the mean of a function of V, normal with mean mu and variance 1."""
    low, high = mu - 9, mu + 9
    inner = sorted(x for b in breaks for x in {b, -b} if low < x < high)
    edges = [low, *inner, high]

    def weighted(v):
        return probability(v) * np.exp(-((v - mu) ** 2) / 2) / np.sqrt(2 * np.pi)

    return sum(integrate.quad(weighted, *ends, epsabs=1e-12)[0] for ends in pairwise(edges))


def _strength(mean_f, endogeneity):
    """Return the mean of V, and raise unless both parameters lie in their range."""
    _require(np.isfinite(mean_f) and mean_f >= 1, "mean_f", mean_f, "be finite and at least 1")
    _require(-1 < endogeneity < 1, "endogeneity", endogeneity, "lie in (-1, 1)")
    return np.sqrt(mean_f - 1)


def _check_region(drift, hospitals, level):
    """Raise unless every parameter lies in its range."""
    _require(np.isfinite(drift), "drift", drift, "be a finite number")
    even = hospitals == int(hospitals) and hospitals % 2 == 0 and hospitals >= 2
    _require(even, "hospitals", hospitals, "be an even number of at least 2")
    _require(0 < level < 1, "level", level, "lie in (0, 1)")


def _require(condition, name, value, what):
    """Raise, naming the parameter, unless the condition holds."""
    if not condition:
        raise ValueError(f"{name} must {what}, got {value}")
