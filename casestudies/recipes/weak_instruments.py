r"""Weak instruments: the strength of the first stage, and inference that survives weakness.

The model is :math:`Y = \beta D + W'\gamma + u`, with treatment :math:`D`, controls
:math:`W` (a constant is always added) and instruments :math:`Z` that must be relevant
(they move :math:`D`), exogenous (independent of :math:`u` given :math:`W`) and excluded
(they act on :math:`Y` through :math:`D` only).
"""

import functools

import numpy as np
import pandas as pd
from scipy import special

from casestudies.recipes._cells import _k_class, _meat, _one, _partial_out
from casestudies.recipes._columns import _check_level, _result


def first_stage(
    data, *, treatment, instruments, controls=(), outcome=None, cluster=None, level=0.95
):
    r"""Measure how strongly the instruments move the treatment.

    With :math:`q` instruments net of the controls and :math:`r` residual degrees of freedom,

    .. math:: F = \frac{D'PD / q}{D'M_{WZ}D / r}, \quad
        R^2_p = \frac{D'PD}{D'M_W D}, \quad
        F_{eff} = \frac{D'PD}{\mathrm{tr}\,\hat\Omega},

    :math:`\hat\Omega` the robust covariance of the first-stage coefficients on orthonormal
    instruments (factor :math:`n / r`; clustered if `cluster` is given). With one instrument
    the effective F is the robust F; with equal variances it estimates the same as F.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    treatment : str
        Numeric column.
    instruments, controls : str or list of str
        Columns, or products such as ``"quarter_of_birth:year_of_birth"``.
    outcome : str, optional
        Not used; taken so that one set of keywords serves every function of this file.
    cluster : str, optional
        Column of cluster names for the effective F.
    level : float, default 0.95
        One minus the size of the test behind ``critical_value``.

    Returns
    -------
    pandas.DataFrame
        Rows ``F``, ``partial R2``, ``effective F``; columns ``value, critical_value,
        p_value, null, distribution, reference``. The effective F is tested against weak, not
        against zero, instruments; the other two against zero.

    Raises
    ------
    ValueError
        As for `two_stage_least_squares`.

    References
    ----------
    Montiel Olea and Pflueger (2013), Journal of Business & Economic Statistics 31(3), 358-369.
    Andrews, Stock and Sun (2019), Annual Review of Economics 11, 727-753.

    Examples
    --------
    >>> data = pd.DataFrame({"draw": list("aabbcc") * 2, "served": [0, 1, 0, 2, 1, 3] * 2})
    >>> first_stage(data, treatment="served", instruments="draw")["value"].round(3).to_dict()
    {'F': 2.333, 'partial R2': 0.341, 'effective F': 2.333}
    """
    _check_level(level)
    cov = "robust" if cluster is None else "clustered"
    design = _partial_out(data, None, _one(treatment), instruments, controls, cov, cluster)
    explained, residual = design.explained[0, 0], design.residual[0, 0]
    count, df = design.count, design.df
    zero = f"no instrument is related to {treatment} once the controls are held fixed"
    weak = (
        "the instruments are weak: the bias of two-stage least squares may exceed "
        f"{NAGAR_BIAS:.0%} of its worst case"
    )
    f, f_critical = explained / count / (residual / df), special.fdtri(count, df, level)
    p_zero = special.fdtrc(count, df, f)
    effective, degrees, shift = _effective_f(design, cov)
    rows = {
        "F": (f, f_critical, p_zero, zero, f"F({count}, {df})"),
        "partial R2": (
            explained / (explained + residual),
            count * f_critical / (count * f_critical + df),
            p_zero,
            zero,
            f"Beta({count}/2, {df}/2)",
        ),
        "effective F": (
            effective,
            special.chndtrix(level, degrees, shift) / degrees,
            1 - special.chndtr(effective * degrees, degrees, shift),
            weak,
            f"chi-squared({degrees:.1f}, noncentrality {shift:.0f}) over {degrees:.1f}",
        ),
    }
    columns = ["value", "critical_value", "p_value", "null", "distribution"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.assign(
        reference=[*["Andrews, Stock and Sun (2019)"] * 2, "Montiel Olea and Pflueger (2013)"]
    )


def anderson_rubin(
    data,
    *,
    outcome,
    treatment,
    instruments,
    controls=(),
    cov="unadjusted",
    cluster=None,
    level=0.95,
):
    r"""Collect every effect that the Anderson-Rubin test does not reject.

    If the effect is :math:`\beta`, then :math:`Y - \beta D` is unrelated to valid instruments:

    .. math:: AR(\beta) = \frac{(Y - \beta D)'P(Y - \beta D) / q}
        {(Y - \beta D)'M_{WZ}(Y - \beta D) / r} \sim F(q, r) .

    The set :math:`\{\beta: AR(\beta) \le F_{level}\}` solves a quadratic inequality, so it can
    be an interval, two rays, the whole line, empty, or (where the first-stage F equals the
    critical value) a half-line. It covers the true effect at the stated rate however weak
    the instruments are; it assumes constant effects or one instrument. With one instrument,
    a robust or clustered variance of the reduced form is quadratic in :math:`\beta` too.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, treatment : str
        Numeric columns.
    instruments, controls : str or list of str
        Columns, or products such as ``"quarter_of_birth:year_of_birth"``.
    cov : {"unadjusted", "robust", "clustered"}, default "unadjusted"
        Variance of the reduced form; the last two for one instrument only.
    cluster : str, optional
        Column of cluster names, with ``cov="clustered"``.
    level : float, default 0.95
        Coverage of the set, between 0 and 1.

    Returns
    -------
    pandas.Series
        ``kind`` ("interval", "half-line", "two rays", "whole line" or "empty"), ``ci_low`` and
        ``ci_high`` (the set's least and greatest element, infinite where it has none),
        ``pieces`` (a list of ``(low, high)``, whose union is the set), ``n``, ``statement``
        (the set in a sentence), ``null``, ``distribution``, ``reference``.

    Raises
    ------
    ValueError
        As for `two_stage_least_squares`, but irrelevant instruments are no error (they give
        the whole line); and if ``cov`` is not "unadjusted" with several instruments.

    References
    ----------
    Anderson and Rubin (1949), Annals of Mathematical Statistics 20(1), 46-63.
    Dufour and Taamouti (2005), Econometrica 73(4), 1351-1365.

    Examples
    --------
    >>> data = pd.DataFrame({
    ...     "offer": [0, 0, 0, 0, 1, 1, 1, 1],
    ...     "attended": [0, 0, 0, 0, 0, 1, 1, 1],
    ...     "earnings": [10, 12, 11, 13, 11, 18, 17, 20],
    ... })
    >>> columns = {"outcome": "earnings", "treatment": "attended", "instruments": "offer"}
    >>> anderson_rubin(data, **columns).statement
    'an interval: the data are compatible with every effect from 0.0262 to 10.7'
    >>> anderson_rubin(data, **columns, level=0.99).kind
    'whole line'
    """
    _check_level(level)
    design = _partial_out(data, outcome, _one(treatment), instruments, controls, cov, cluster)
    count, df = design.count, _residual_df(design, cov)
    critical = special.fdtri(count, df, level)
    pieces = _at_most_zero(design.explained, critical * count * _reduced_form(design, cov))
    kind, words = _describe(pieces)
    entries = {
        "kind": kind,
        "ci_low": pieces[0][0] if pieces else np.nan,
        "ci_high": pieces[-1][1] if pieces else np.nan,
        "pieces": pieces,
        "n": design.n,
        "statement": words,
        "null": f"the effect of {treatment} on {outcome} is the stated value, and the instruments "
        f"act on {outcome} through {treatment} only",
        "distribution": f"F({count}, {df})",
        "reference": "Anderson and Rubin (1949)",
    }
    return pd.Series(entries, name="anderson_rubin")


def t_f(
    data, *, outcome, treatment, instrument, controls=(), cov="unadjusted", cluster=None, level=0.95
):
    r"""Estimate with one instrument, the interval widened for the first stage's strength.

    .. math:: \hat\beta \pm c(F)\, \hat\sigma_{\hat\beta}

    where :math:`c(F)` is infinite up to :math:`F = 3.84`, falls smoothly, and is 1.96 from
    :math:`F = 104.67` on. It is the least such function under which a 5% t-test rejects at
    most 5% of the time, whatever the instrument's strength and the endogeneity. Computed
    here from its definition; the article's Table 3 rounds it up to two decimals. Estimand and
    assumptions are those of `two_stage_least_squares`; F and standard error share ``cov``.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, treatment, instrument : str
        Numeric columns; the instrument may also be a category of two levels.
    controls : str or list of str, default ()
        Columns or products of columns.
    cov : {"unadjusted", "robust", "clustered"}, default "unadjusted"
        Covariance estimator of the t-ratio and of F.
    cluster : str, optional
        Column of cluster names, with ``cov="clustered"``.
    level : float, default 0.95
        Only 0.95: the function is defined level by level, and this one is verified.

    Returns
    -------
    pandas.Series
        ``estimate, std_error, ci_low, ci_high, n``; the standard error is the conventional
        one times :math:`c(F) / 1.96`, infinite with an unbounded interval. ``.attrs`` holds
        ``first_stage_f`` and ``critical_value``.

    Raises
    ------
    ValueError
        As for `two_stage_least_squares`, for more than one instrument, and another level.

    References
    ----------
    Lee, McCrary, Moreira and Porter (2022), American Economic Review 112(10), 3260-3290.

    Examples
    --------
    >>> data = pd.DataFrame({
    ...     "offer": [0, 0, 0, 0, 1, 1, 1, 1],
    ...     "attended": [0, 0, 0, 1, 0, 1, 1, 1],
    ...     "earnings": [10, 12, 11, 17, 11, 18, 17, 20],
    ... })
    >>> adjusted = t_f(data, outcome="earnings", treatment="attended", instrument="offer")
    >>> round(adjusted.attrs["first_stage_f"], 3), adjusted.attrs["critical_value"]
    (2.0, inf)
    """
    if level != 0.95:
        raise ValueError(f"t_f is available at level=0.95 only, got {level}; use anderson_rubin")
    design = _partial_out(data, outcome, _one(treatment), _one(instrument), controls, cov, cluster)
    _check_just_identified(design, "t_f")
    conventional = _k_class("t_f", design, 1.0, cov, level)
    f = design.explained[1, 1] / _reduced_form(design, cov)[1, 1]
    critical = _tf_critical_value(f)
    widened = conventional.std_error * critical / special.ndtri((1 + level) / 2)
    result = _result("t_f", conventional.estimate, widened, n=design.n, level=level)
    result.attrs.update(first_stage_f=float(f), critical_value=float(critical))
    return result


NAGAR_BIAS = 0.1  # tolerated share of the worst-case bias, the convention behind F > 23.1


def _residual_df(design, cov):
    """Return the residual degrees of freedom: rows less coefficients, or clusters less one."""
    return int(design.cluster.max()) if cov == "clustered" else design.df


def _small_sample(design, cov):
    """Return the usual small-sample factor of a robust or clustered covariance."""
    if cov == "robust":
        return design.n / design.df
    groups = design.cluster.max() + 1
    return groups / (groups - 1) * (design.n - 1) / design.df


def _reduced_form(design, cov):
    """Return the covariance of outcome's and treatment's coefficients on the instruments."""
    if cov == "unadjusted":
        return design.residual / design.df
    _check_just_identified(design, f"cov={cov!r}")
    rest, instrument = design.net - design.fitted, design.instruments[:, 0]
    meat = _meat(design, rest, instrument, 0.0, cov)
    if cov == "robust":
        meat = meat + np.einsum("c,cij->ij", instrument**2 / design.size, design.within)
    return _small_sample(design, cov) * meat


def _check_just_identified(design, what):
    """Raise unless there is one instrument."""
    if design.count > 1:
        raise ValueError(
            f"{what} needs one instrument, got {design.count} columns; use "
            "anderson_rubin with cov='unadjusted', or one instrument"
        )


def _effective_f(design, cov):
    """Return the effective F, with degrees and noncentrality at the tolerated bias."""
    rest, scatter = design.net[:, 0] - design.fitted[:, 0], design.within[:, 0, 0]
    meat = _meat(design, design.instruments, rest, scatter, cov)
    omega = _small_sample(design, cov) * meat
    trace, bound = np.trace(omega), 1 / NAGAR_BIAS
    greatest = np.linalg.eigvalsh(omega)[-1]
    degrees = trace**2 * (1 + 2 * bound) / ((omega**2).sum() + 2 * bound * trace * greatest)
    return design.explained[0, 0] / trace, degrees, bound * degrees


def _at_most_zero(explained, allowed):
    """Return the pieces of the line on which the explained part is at most the allowed one."""
    (c, b), (_, a) = explained - allowed  # a beta^2 - 2 b beta + c <= 0
    scale = np.sqrt((explained + allowed).diagonal())
    flat = np.abs(explained - allowed) <= 1e-12 * np.outer(scale, scale)
    if flat[1, 1]:
        if flat[0, 1]:
            return [(-np.inf, np.inf)] if c <= 0 else []
        return [(c / (2 * b), np.inf)] if b > 0 else [(-np.inf, c / (2 * b))]
    rest = b**2 - a * c
    if rest < 0:
        return [] if a > 0 else [(-np.inf, np.inf)]
    stable = b + np.copysign(np.sqrt(rest), b)
    low, high = sorted([float(stable / a), float(c / stable)])
    return [(low, high)] if a > 0 else [(-np.inf, low), (high, np.inf)]


def _describe(pieces):
    """Return the kind of a set and a sentence that names it."""
    ends = [f"{end:.3g}" for piece in pieces for end in piece if np.isfinite(end)]
    compatible = "the data are compatible with every effect"
    if not pieces:
        return "empty", "empty: the data reject every effect, hence the instruments or the model"
    if not ends:
        return "whole line", "the whole line: the data reject no effect at this level"
    if len(pieces) == 2:
        words = f"two rays: {compatible} up to {ends[0]} and every effect from {ends[1]}"
        return "two rays", words
    if len(ends) == 1:
        side = "from" if np.isinf(pieces[0][1]) else "up to"
        return "half-line", f"a half-line: {compatible} {side} {ends[0]}"
    return "interval", f"an interval: {compatible} from {ends[0]} to {ends[1]}"


@functools.cache
def _tf_curve():
    r"""Return first-stage t-ratios and the critical value of the 5% t-test at each.

    The worst case is perfect endogeneity, where the second stage's t-ratio is
    :math:`f (f - f_0) / f_0` if the first stage's is :math:`f \sim N(f_0, 1)`. The test then
    accepts f from `-low` to `high`, both on the curve; size 5% gives `high` from `low`, and
    the curve through the values at `high` gives `low`, repeated until they agree. The curve
    meets 1.96, and stays there, where the upper tail alone has 5%.
    """
    one_sided, two_sided = special.ndtri([0.95, 0.975])
    centre = np.geomspace(1e-3, one_sided**2 / (two_sided - one_sided), 2000)
    low = np.full_like(centre, two_sided)
    for _ in range(30):
        high = centre + special.ndtri(0.95 + special.ndtr(-low - centre))
        critical = high * (high - centre) / centre
        weak = critical > high
        low = np.interp(centre, high[weak] ** 2 / (critical[weak] - high[weak]), high[weak])
    return high, critical


def _tf_critical_value(f):
    """Return the critical value of |t| at a first-stage F."""
    if f <= special.ndtri(0.975) ** 2:
        return np.inf
    return np.interp(np.sqrt(f), *_tf_curve())
