r"""Instrumental variables: estimates, first-stage strength and weak-instrument inference.

The model is :math:`Y = \beta D + W'\gamma + u`, with treatment :math:`D`, controls
:math:`W` (a constant is always added) and instruments :math:`Z` that must be relevant
(they move :math:`D`), exogenous (independent of :math:`u` given :math:`W`) and excluded
(they act on :math:`Y` through :math:`D` only).

How columns are read, in every function:

- a numeric column enters as it is (linearly), any other (category, string) as dummies
  without its first level; ``data.astype({"year_of_birth": "category"})`` makes dummies of
  integers;
- ``"quarter_of_birth:year_of_birth"`` is the full interaction: a dummy for every
  combination that occurs, less what the columns before it already span. A column that
  stands in a product is a category throughout the call, integers included.

Rows that agree on instruments, controls and cluster form a cell, and only each cell's
size, means, variances and covariances of outcome and treatment are used: with 40 cells,
40 rows do the work of 329,509. Where no two rows agree, every row is its own cell. Either
way the work is done on cross-products (the triangle of a QR decomposition, which keeps their
digits), and nothing is lost: estimates and covariances are those of the rows.
"""

import difflib
import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special


def wald(
    data, *, outcome, treatment, instrument, controls=(), cov="unadjusted", cluster=None, level=0.95
):
    r"""Estimate the effect as the outcome's jump over the treatment's jump.

    .. math:: \hat\beta = \frac{\bar Y_{Z=1} - \bar Y_{Z=0}}{\bar D_{Z=1} - \bar D_{Z=0}}

    With controls, both jumps are regression coefficients of :math:`Z` given the controls.
    Estimand: the average effect among compliers (LATE) if the instrument is as good as
    randomly assigned, excluded, relevant and monotone; with controls, a weighted average of
    such effects only if the controls enter richly enough. The standard error is the delta
    method's, equal to that of two-stage least squares: with ``cov="robust"``
    :math:`\{\sum_z \hat\sigma^2_{u|z} / n_z\}^{1/2} / |\bar D_1 - \bar D_0|`, with
    ``"unadjusted"`` the same under one residual variance (Angrist and Krueger's Table III).

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, treatment : str
        Numeric columns.
    instrument : str
        Column of zeros and ones, both present.
    controls : str or list of str, default ()
        Columns or products of columns.
    cov : {"unadjusted", "robust", "clustered"}, default "unadjusted"
        Covariance estimator, without a small-sample factor.
    cluster : str, optional
        Column of cluster names, with ``cov="clustered"``.
    level : float, default 0.95
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        ``estimate, std_error, ci_low, ci_high, n``, in outcome units per treatment unit.

    Raises
    ------
    ValueError
        If the instrument is not 0/1 or collinear with the controls, if the treatment does
        not differ between its two values, or for missing, infinite or unknown columns.

    References
    ----------
    Wald (1940), Annals of Mathematical Statistics 11(3), 284-300.
    Imbens and Angrist (1994), Econometrica 62(2), 467-475.

    Examples
    --------
    >>> data = pd.DataFrame({
    ...     "offer": [0, 0, 0, 0, 1, 1, 1, 1],
    ...     "attended": [0, 0, 0, 1, 0, 1, 1, 1],
    ...     "earnings": [10, 12, 11, 17, 11, 18, 17, 20],
    ... })
    >>> float(wald(data, outcome="earnings", treatment="attended", instrument="offer").estimate)
    8.0
    """
    _check_columns(data, [outcome, _one(treatment), _one(instrument)])
    _zero_one(data, instrument)
    design = _partial_out(data, outcome, treatment, instrument, controls, cov, cluster)
    return _k_class("wald", design, 1.0, cov, level)


def two_stage_least_squares(
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
    r"""Estimate the effect with the part of the treatment that the instruments predict.

    .. math:: \hat\beta = (D'P D)^{-1} D'P Y, \qquad
        \hat V = (D'P D)^{-1} \Big[\sum_i \hat u_i^2 \hat D_i \hat D_i'\Big] (D'P D)^{-1}

    with :math:`P` the projection on the instruments net of the controls,
    :math:`\hat D = P D` and :math:`\hat u = Y - D\hat\beta - W\hat\gamma` (the treatment
    itself, not its prediction: a hand-made second stage gets this wrong). ``"unadjusted"``
    puts :math:`\hat\sigma^2 (D'P D)^{-1}`, ``"clustered"`` sums scores within clusters.

    Estimand: :math:`\beta` if effects are constant; else an average of complier effects,
    weighted by how far each instrument moves the treatment. Consistent, not unbiased: with
    weak instruments estimate and interval fail (see `first_stage`, `anderson_rubin`).

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric column.
    treatment : str or list of str
        Numeric column, or several endogenous ones.
    instruments, controls : str or list of str
        Columns, or products such as ``"quarter_of_birth:year_of_birth"``.
    cov : {"unadjusted", "robust", "clustered"}, default "unadjusted"
        Covariance estimator, without a small-sample factor.
    cluster : str, optional
        Column of cluster names, with ``cov="clustered"``.
    level : float, default 0.95
        Coverage of the normal interval, between 0 and 1.

    Returns
    -------
    pandas.Series or pandas.DataFrame
        ``estimate, std_error, ci_low, ci_high, n``; for a list of treatments a frame with a
        row for each.

    Raises
    ------
    ValueError
        If there is no instrument, fewer instruments than treatments, a constant or collinear
        instrument or control, too few rows, or instruments that do not move the treatment.

    References
    ----------
    Angrist and Krueger (1991), Quarterly Journal of Economics 106(4), 979-1014.
    White (1982), Econometrica 50(2), 483-499.

    Examples
    --------
    >>> data = pd.DataFrame({
    ...     "draw": list("aabbcc") * 2,
    ...     "served": [0, 1, 0, 2, 1, 3] * 2,
    ...     "income": [5, 7, 4, 9, 8, 11] * 2,
    ... })
    >>> two_stage_least_squares(
    ...     data, outcome="income", treatment="served", instruments=["draw"]
    ... ).round(3).to_dict()
    {'estimate': 2.429, 'std_error': 0.293, 'ci_low': 1.855, 'ci_high': 3.002, 'n': 12.0}
    """
    design = _partial_out(data, outcome, treatment, instruments, controls, cov, cluster)
    return _k_class("two_stage_least_squares", design, 1.0, cov, level)


def limited_information(
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
    r"""Estimate the effect by limited-information maximum likelihood (LIML).

    .. math:: \hat\beta = \{D'(M_W - \kappa M_{WZ}) D\}^{-1} D'(M_W - \kappa M_{WZ}) Y

    where :math:`M_W, M_{WZ}` take residuals from the controls, and from controls and
    instruments, and :math:`\kappa` is the least eigenvalue of
    :math:`[Y, D]'M_W[Y, D]` relative to :math:`[Y, D]'M_{WZ}[Y, D]`. Estimand and
    assumptions are those of `two_stage_least_squares`, with constant effects; LIML is nearly
    median-unbiased where many instruments pull two-stage least squares towards OLS.

    ``cov="bekker"`` gives the standard error that stays right as the number of instruments
    grows with the rows. With :math:`\alpha = \hat u'P\hat u / \hat u'\hat u` and
    :math:`\tilde D = D - \hat u(\hat u'D)/\hat u'\hat u`,

    .. math:: \hat V = \hat\sigma^2 H^{-1}\{(1 - \alpha)^2 \tilde D'P\tilde D
        + \alpha^2 \tilde D'(I - P)\tilde D\} H^{-1}, \quad H = D'P D - \alpha D'D .

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome : str
        Numeric column.
    treatment : str or list of str
        Numeric column, or several endogenous ones.
    instruments, controls : str or list of str
        Columns, or products such as ``"quarter_of_birth:year_of_birth"``.
    cov : {"unadjusted", "robust", "clustered", "bekker"}, default "unadjusted"
        Covariance estimator, without a small-sample factor.
    cluster : str, optional
        Column of cluster names, with ``cov="clustered"``.
    level : float, default 0.95
        Coverage of the normal interval, between 0 and 1.

    Returns
    -------
    pandas.Series or pandas.DataFrame
        As for `two_stage_least_squares`; :math:`\kappa` is in ``.attrs["kappa"]``.

    Raises
    ------
    ValueError
        As for `two_stage_least_squares`, and if the instruments and controls explain a
        combination of outcome and treatment without a rest.

    References
    ----------
    Anderson and Rubin (1949), Annals of Mathematical Statistics 20(1), 46-63.
    Bekker (1994), Econometrica 62(3), 657-681.
    Hansen, Hausman and Newey (2008), Journal of Business & Economic Statistics 26(4), 398-422.

    Examples
    --------
    >>> data = pd.DataFrame({
    ...     "draw": list("aabbcc") * 2,
    ...     "served": [0, 1, 0, 2, 1, 3] * 2,
    ...     "income": [5, 7, 4, 9, 8, 11] * 2,
    ... })
    >>> columns = {"outcome": "income", "treatment": "served", "instruments": ["draw"]}
    >>> liml = limited_information(data, **columns)
    >>> round(float(liml.estimate), 3), round(liml.attrs["kappa"], 3)
    (2.77, 1.23)
    """
    design = _partial_out(data, outcome, treatment, instruments, controls, cov, cluster, "bekker")
    kappa = _kappa(design)
    result = _k_class("limited_information", design, kappa, cov, level)
    result.attrs["kappa"] = kappa
    return result


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


ROLES = ("controls", "instruments")


@dataclass(frozen=True)
class _Design:
    """Outcome (if any) and treatments, controls and instruments, by cell.

    `means` (outcome, treatments) and `columns` (controls, instruments) are cell values less
    the overall mean, times the root of the cell's size; `within` is the scatter inside cells.
    The `short_` ones are the same in a few rows that keep all cross-products: `short_net` are
    the means net of the controls, `short_instruments` the instruments net of the controls,
    orthonormal.
    """

    n: int
    df: int
    treatments: list | str
    size: np.ndarray
    cluster: np.ndarray | None
    within: np.ndarray
    means: np.ndarray
    columns: np.ndarray
    short_columns: np.ndarray
    short_means: np.ndarray
    short_net: np.ndarray
    short_instruments: np.ndarray

    @property
    def count(self):
        """Number of instruments net of the controls."""
        return self.short_instruments.shape[1]

    @functools.cached_property
    def explained(self):
        """Cross-products of what the instruments explain."""
        first_stage = self.short_instruments.T @ self.short_net
        return first_stage.T @ first_stage

    @functools.cached_property
    def residual(self):
        """Cross-products of what controls and instruments leave unexplained."""
        rest = _net(self.short_net, self.short_instruments)
        return rest.T @ rest + self.within.sum(axis=0)

    @functools.cached_property
    def instruments(self):
        """Instruments net of the controls, by cell."""
        return self._long(self.short_instruments)

    @functools.cached_property
    def fitted(self):
        """Means as the instruments predict them, by cell."""
        instruments = self.short_instruments
        return self._long(instruments @ (instruments.T @ self.short_net))

    @functools.cached_property
    def net(self):
        """Means net of the controls, by cell."""
        return self.means - self._long(self.short_means - self.short_net)

    def _long(self, short):
        """Return a combination of the columns by cell, given in the short rows."""
        norms = np.linalg.norm(self.short_columns, axis=0)
        inverse = np.linalg.pinv(self.short_columns / norms, rcond=1e-11)
        return self.columns @ ((inverse @ short) / norms[:, np.newaxis])


def _partial_out(data, outcome, treatments, instruments, controls, cov, cluster, *more_cov):
    """Check the input, reduce the rows to cells and take the controls out."""
    _check_cov(cov, cluster, more_cov)
    targets = [*([] if outcome is None else [outcome]), *_names(treatments)]
    clusters = [] if cluster is None else [_one(cluster)]
    plain, crossed = _terms(data, targets, instruments, controls)
    _check_columns(data, clusters)
    cells, code = _cells(data, plain, crossed, clusters)
    size = np.bincount(code).astype(float)
    means, within, norms = _moments(data, targets, code, size)
    control, instrument = (_columns(cells, plain[r], crossed[r], len(data)) for r in ROLES)
    labels, parts = zip(*control, *instrument, strict=True)
    columns = _weighted(np.hstack(parts, dtype=float), size)
    edges = np.cumsum([part.shape[1] for part in parts])
    *blocks, short_means = np.split(_triangle(columns, means), edges, axis=1)
    short = list(zip(labels, blocks, strict=True))
    taken = _span(np.empty((len(short_means), 0)), short[: len(control)], len(data))
    both = _span(taken, short[len(control) :], len(data))
    _check_order(both.shape[1] - taken.shape[1], _names(treatments))
    _check_rows(len(data), 1 + both.shape[1])
    net = _net(short_means, taken)
    _check_left(targets, net, within, norms)
    return _Design(
        n=len(data),
        df=len(data) - 1 - both.shape[1],
        treatments=treatments,
        size=size,
        cluster=pd.factorize(cells[cluster])[0] if clusters else None,
        within=within,
        means=means,
        columns=columns,
        short_columns=np.hstack(blocks),
        short_means=short_means,
        short_net=net,
        short_instruments=both[:, taken.shape[1] :],
    )


def _check_cov(cov, cluster, more):
    """Raise unless the covariance is known and the cluster column comes with its own."""
    known = ["unadjusted", "robust", "clustered", *more]
    if cov not in known:
        raise ValueError(f"cov must be one of {', '.join(known)}, got {cov!r}")
    if (cov == "clustered") != (cluster is not None):
        raise ValueError(
            f"cov={cov!r} with cluster={cluster!r}: cov='clustered' and the name of one column "
            "of clusters go together; give both or neither"
        )


def _one(name):
    """Return a single column name, or raise."""
    if not isinstance(name, str):
        raise ValueError(f"one column name is needed here, got {name!r}; name a single column")
    return name


def _terms(data, targets, instruments, controls):
    """Return plain columns and products (lists of factors) of instruments and controls."""
    _check_columns(data, targets)
    plain, crossed = {}, {}
    for role, terms in zip(ROLES, (controls, instruments), strict=True):
        terms = [] if terms is None else _names(terms)
        plain[role] = [name for name in terms if name in data.columns or ":" not in str(name)]
        crossed[role] = [name.split(":") for name in terms if name not in plain[role]]
        for product in crossed[role]:
            _check_columns(data, [*targets, *product])
    _check_columns(data, [*targets, *plain["controls"], *plain["instruments"]])
    if not plain["instruments"] and not crossed["instruments"]:
        raise ValueError("instruments is empty: no instrument; name at least one column")
    return plain, crossed


def _check_order(instruments, treatments):
    """Raise if there are fewer instruments than treatments."""
    if instruments < len(treatments):
        raise ValueError(
            f"{instruments} instrument column(s) for {len(treatments)} treatments "
            f"({', '.join(treatments)}); each treatment needs one of its own"
        )


def _check_rows(rows, coefficients):
    """Raise if there are no more rows than coefficients."""
    if rows <= coefficients:
        raise ValueError(
            f"{rows:.0f} rows cannot carry {coefficients} coefficients of instruments and "
            "controls; use fewer of them or more rows"
        )


def _cells(data, plain, crossed, clusters):
    """Return one row for each combination of columns that occurs, and each row's cell."""
    factors = [name for role in crossed.values() for product in role for name in product]
    columns = [*plain["controls"], *plain["instruments"], *factors, *clusters]
    keys = list(dict.fromkeys(columns))
    code = _code(data, keys)
    first = np.searchsorted(np.maximum.accumulate(code), np.arange(code.max() + 1))
    cells = data[keys].iloc[first].reset_index(drop=True)
    for name in keys:
        if _is_constant(cells[name]):
            raise ValueError(
                f"column {name!r} is {cells[name].tolist()[0]!r} in all {len(data)} rows; an "
                "instrument, control or cluster must vary: drop it"
            )
    return cells.astype(dict.fromkeys(factors, "category")), code


def _is_constant(column):
    """Return whether a column is the same in all rows, up to rounding."""
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=float)
        return np.ptp(values) <= 1e-12 * np.abs(values).max()
    return column.nunique() < 2


def _code(data, keys):
    """Return a number for each combination of keys, in the order of appearance."""
    code = pd.factorize(data[keys[0]])[0]
    for name in keys[1:]:
        if code.max() + 1 == len(code):  # every row is its own cell already
            break
        level, levels = pd.factorize(data[name])
        code *= len(levels)
        code += level
        del level  # it would stay in memory beside the next one
        code = pd.factorize(code)[0]
    return code


def _moments(data, targets, code, size):
    """Return weighted, centred cell means, the scatter inside cells, and norms of the columns."""
    means = np.empty((len(size), len(targets)))
    rests, norms = [], []
    for j, name in enumerate(targets):
        values = _numbers(data, name)
        norms.append(np.linalg.norm(values))
        means[:, j] = np.bincount(code, values) / size
        rests.append(values - means[code, j])
    scatter = [np.bincount(code, left * right) for left in rests for right in rests]
    within = np.stack(scatter, axis=-1).reshape(len(size), len(targets), len(targets))
    return _weighted(means, size), within, np.array(norms)


def _weighted(columns, size):
    """Return cell values less their overall mean, times the root of the cell's size."""
    columns -= size @ columns / size.sum()
    columns *= np.sqrt(size)[:, np.newaxis]
    return columns


def _columns(cells, plain, crossed, rows):
    """Return labels and columns of the plain columns, then of each product."""
    terms = []
    if plain:
        design = _design(cells, plain)
        terms.append((design.columns, design.to_numpy()))
    for product in crossed:
        terms.append((":".join(product), _indicators(cells, product, rows)))
    return terms


def _indicators(cells, product, rows):
    """Return a column for every combination of the factors that occurs, or raise."""
    for name in product:
        levels = cells[name].cat.categories
        if pd.api.types.is_float_dtype(levels) and (levels % 1 != 0).any():
            raise ValueError(
                f"column {name!r} in {':'.join(product)!r} holds values such as "
                f"{levels[levels % 1 != 0][0]:g}, but a product crosses categories; cut it into "
                "classes, or add the product you mean to data as a column"
            )
    code = _code(cells, product)
    _check_rows(rows, code.max() + 1)
    return code[:, np.newaxis] == np.arange(code.max() + 1)


def _triangle(columns, means):
    """Return the triangle R of a QR decomposition: few rows with the same cross-products."""
    triangle = np.empty((0, columns.shape[1] + means.shape[1]))
    for start in range(0, len(columns), 2**14):
        rows = slice(start, start + 2**14)
        block = np.vstack([triangle, np.hstack([columns[rows], means[rows]])])
        triangle = np.linalg.qr(block, mode="r")
    return triangle


def _net(block, basis):
    """Return columns net of an orthonormal basis."""
    return block - basis @ (basis.T @ block)


def _span(basis, terms, rows):
    """Extend an orthonormal basis by columns, which must be new, and by products."""
    for label, block in terms:
        new, norms = _net(block, basis), np.linalg.norm(block, axis=0)
        if isinstance(label, str):
            added = _interaction(new, norms, label)
        else:
            _check_rows(rows, 1 + basis.shape[1] + len(label))
            added, triangle = np.linalg.qr(new)
            _check_new(label, norms, triangle)
        basis = np.hstack([basis, added])
    return basis


def _check_new(names, norms, triangle):
    """Raise if a column adds nothing to the columns before it."""
    new = np.zeros(len(names))
    new[: len(triangle)] = np.abs(triangle.diagonal())
    for name in names[new <= 1e-9 * norms]:
        raise ValueError(
            f"column {name!r} is collinear: a linear combination of the controls and the columns "
            "before it, so it adds no variation; drop it"
        )


def _interaction(new, norms, product):
    """Return an orthonormal basis of what a full interaction adds, or raise."""
    left, strength, _ = np.linalg.svd(new, full_matrices=False)
    adds = strength > 1e-9 * norms.max()
    if not adds.any():
        raise ValueError(
            f"the product {product!r} adds nothing to the controls and the columns before it; "
            "drop it"
        )
    return left[:, adds]


def _check_left(targets, net, within, norms):
    """Raise if the controls determine outcome or treatment."""
    left = np.sqrt((net**2).sum(axis=0) + within.sum(axis=0).diagonal())
    for name, vanished in zip(targets, left <= 1e-9 * norms, strict=True):
        if vanished:
            raise ValueError(
                f"column {name!r} is constant or a linear combination of the controls, so "
                "nothing of it is left to explain; check it, or drop those controls"
            )


def _k_class(method, design, kappa, cov, level):
    """Return the k-class estimate with standard error and interval."""
    _check_moved(design)
    form = design.explained + (1 - kappa) * design.residual
    bread = np.linalg.inv(form[1:, 1:])
    contrast = np.concatenate([[1.0], -bread @ form[1:, 0]])
    errors = np.sqrt(_covariance(design, contrast, bread, kappa, cov).diagonal())
    options = {"n": design.n, "level": level}
    if isinstance(design.treatments, str):
        return _result(method, -contrast[1], errors[0], **options)
    parts = zip(design.treatments, -contrast[1:], errors, strict=True)
    return pd.DataFrame([_result(name, b, error, **options) for name, b, error in parts])


def _check_moved(design):
    """Raise if some combination of the treatments is not moved by the instruments."""
    scale = np.sqrt((design.explained + design.residual).diagonal()[1:])
    moved = np.linalg.eigvalsh(design.explained[1:, 1:] / np.outer(scale, scale))
    if moved[0] < 1e-14:
        raise ValueError(
            f"the instruments do not move {', '.join(_names(design.treatments))}: first-stage "
            f"partial R2 {max(moved[0], 0):.1g}; the effect is not identified"
        )


def _covariance(design, contrast, bread, kappa, cov):
    """Return the covariance of the estimates; `contrast` maps columns to the residual."""
    total = design.explained + design.residual
    variance = contrast @ total @ contrast / design.n
    if cov == "unadjusted":
        return variance * bread
    if cov == "bekker":
        net = np.eye(len(contrast))[:, 1:]
        net = net - np.outer(contrast, contrast @ total @ net) / (variance * design.n)
        middle = net.T @ (design.explained + (kappa - 1) ** 2 * design.residual) @ net
        return variance * bread @ middle @ bread
    scatter = np.einsum("i,cij,j->c", contrast, design.within, contrast)
    return bread @ _meat(design, design.fitted[:, 1:], design.net @ contrast, scatter, cov) @ bread


def _meat(design, regressors, residual, scatter, cov):
    """Return the covariance of the scores, by row or summed by cluster first.

    Regressors and residual are cell values times the root of the cell's size.
    """
    if cov == "clustered":
        scores = pd.DataFrame(regressors * residual[:, np.newaxis]).groupby(design.cluster).sum()
        return scores.T.to_numpy() @ scores.to_numpy()
    squares = (residual**2 + scatter) / design.size
    return (regressors * squares[:, np.newaxis]).T @ regressors


def _kappa(design):
    """Return LIML's kappa, or raise where it does not exist."""
    scale = np.sqrt(design.residual.diagonal())
    scale = np.outer(scale, scale)
    if not scale.all() or np.linalg.eigvalsh(design.residual / scale)[0] < 1e-12:
        raise ValueError(
            "LIML does not exist here: controls and instruments explain a combination of "
            f"outcome and {', '.join(_names(design.treatments))} without a rest"
        )
    root = np.linalg.inv(np.linalg.cholesky(design.residual / scale))
    return 1 + max(float(np.linalg.eigvalsh(root @ (design.explained / scale) @ root.T)[0]), 0.0)


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


def _check_level(level):
    """Raise unless the level is a probability strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")


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


# Input checks and the result. These lines close every recipe, letter for letter,
# so that each file can be copied alone.


def _names(columns):
    """Return one column name or several as a list."""
    return [columns] if isinstance(columns, str) else list(columns)


def _check_columns(data, columns):
    """Raise unless `data` has these columns, each in one role, complete and finite."""
    if not isinstance(data, pd.DataFrame):
        raise TypeError(f"data must be a pandas DataFrame, got {type(data).__name__}")
    for name in data.columns:
        if not isinstance(name, str):
            raise ValueError(f"column name {name!r} is not a string; use data.rename(columns=str)")
    for name in data.columns[data.columns.duplicated()]:
        raise ValueError(f"data has more than one column {name!r}; rename or drop all but one")
    for name in columns:
        if name not in data.columns:
            close = difflib.get_close_matches(str(name), data.columns, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"data has {list(data.columns)}"
            raise ValueError(f"no column {name!r} in data; {hint}")
        if columns.count(name) > 1:
            raise ValueError(f"column {name!r} is given more than one role; name it once")
    if data.empty:
        raise ValueError(f"column {columns[0]!r} has no rows; check the filter that made data")
    for name in columns:
        _check_values(data[name])


def _check_values(column):
    """Raise on the first missing or infinite value of a column."""
    bad, kind = column.isna().to_numpy(), "missing"
    if not bad.any() and pd.api.types.is_numeric_dtype(column):
        bad, kind = np.isinf(column.to_numpy(dtype=float)), "infinite"
    if bad.any():
        raise ValueError(
            f"column {column.name!r} has {bad.sum()} {kind} value(s), the first in row "
            f"{column.index[bad.argmax()]!r}; drop or impute such rows before the call, "
            "because that choice decides whom the estimate describes"
        )


def _numbers(data, name):
    """Return a numeric column as floats, or raise."""
    if not pd.api.types.is_numeric_dtype(data[name]):
        raise ValueError(
            f"column {name!r} holds {data[name].dtype} values such as {data[name].iloc[0]!r}, "
            "not numbers; convert it, for example with pd.to_numeric"
        )
    return data[name].to_numpy(dtype=float)


def _zero_one(data, name):
    """Return a column of zeros and ones, both present, as floats, or raise."""
    values = _numbers(data, name)
    for other in values[(values != 0) & (values != 1)]:
        raise ValueError(
            f"column {name!r} must be 0 or 1, found {other:g}; recode it to 1 for the "
            "treated and 0 for the others"
        )
    if values.min() == values.max():
        raise ValueError(
            f"column {name!r} is {values[0]:g} in all {len(values)} rows, so the other group "
            "is empty; a comparison needs rows of both"
        )
    return values


def _design(data, columns):
    """Return covariates as a float frame, a category as dummies without its first level."""
    parts = [pd.DataFrame(index=data.index)]
    for name in columns:
        if pd.api.types.is_numeric_dtype(data[name]):
            parts.append(data[name].astype(float))
        else:
            levels = data[name].astype("category").cat.remove_unused_categories()
            if len(levels.cat.categories) < 2:
                raise ValueError(f"column {name!r} is {levels.iloc[0]!r} in all rows; drop it")
            parts.append(pd.get_dummies(levels, prefix=name, drop_first=True, dtype=float))
    return pd.concat(parts, axis=1)


def _check_rank(design):
    """Raise if rows are too few or a column is a combination of the columns before it."""
    rows, width = design.shape
    if rows < width:
        raise ValueError(
            f"{rows} rows cannot carry {width} coefficients ({', '.join(design.columns)}); "
            "use fewer covariates or more rows"
        )
    values = design.to_numpy()
    norms = np.linalg.norm(values, axis=0)
    new = np.abs(np.diag(np.linalg.qr(values / np.where(norms > 0, norms, 1), mode="r")))
    for name in design.columns[new < 1e-9]:
        raise ValueError(
            f"column {name!r} is constant or a linear combination of the columns before it; drop it"
        )


def _result(method, estimate, std_error, *, n, level, df=np.inf):
    """Return estimate, standard error, interval and n as a Series named after the method."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    margin = special.stdtrit(df, (1 + level) / 2) * std_error
    ci = {"ci_low": estimate - margin, "ci_high": estimate + margin}
    entries = {"estimate": estimate, "std_error": std_error, **ci, "n": n}
    return pd.Series(entries, name=method, dtype=float)
