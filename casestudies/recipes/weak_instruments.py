r"""Weak instruments: the strength of the first stage, and inference that survives weakness.

The model is :math:`Y = \beta D + W'\gamma + u`, with treatment :math:`D`, controls
:math:`W` (a constant is always added) and instruments :math:`Z` that must be relevant
(they move :math:`D`), exogenous (independent of :math:`u` given :math:`W`) and excluded
(they act on :math:`Y` through :math:`D` only).
"""

import functools

import numpy as np
import pandas as pd
from scipy import linalg, optimize, special

from casestudies.recipes._cells import (
    _check_alone,
    _given_the_others,
    _k_class,
    _meat,
    _partial_out,
)
from casestudies.recipes._clusters import _clustered
from casestudies.recipes._columns import _names, _one, _result


def first_stage(
    data,
    *,
    treatment,
    instruments,
    controls=(),
    absorb=(),
    outcome=None,
    cluster=None,
    size=None,
    weights=None,
    level=0.95,
):
    r"""Measure how strongly the instruments move the treatment.

    With :math:`q` instruments net of the controls and :math:`r` residual degrees of freedom,

    .. math:: F = \frac{D'PD / q}{D'M_{WZ}D / r}, \quad
        R^2_p = \frac{D'PD}{D'M_W D}, \quad
        F_{eff} = \frac{D'PD}{\mathrm{tr}\,\hat\Omega},

    :math:`\hat\Omega` the robust covariance of the first-stage coefficients on orthonormal
    instruments, times :math:`n / r` (clustered if `cluster` is given, times
    :math:`\frac{G}{G - 1}\frac{n - 1}{r}`). With one instrument the effective F is the robust
    F; with equal variances it estimates the same as F.

    Of several treatments, each may have a large F though the instruments move them only
    together. The conditional F of a treatment is that of the instruments in
    :math:`\tilde D = D_j - D_{-j}\hat\delta`, :math:`\hat\delta` by two-stage least squares, and
    the Cragg-Donald F that of the combination which they move least, for :math:`k` treatments

    .. math:: F_j = \frac{\tilde D'P\tilde D / (q - k + 1)}{\tilde D'M_{WZ}\tilde D / r}, \quad
        F_{CD} = \min_a \frac{a'D'PDa / q}{a'D'M_{WZ}Da / r} .

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, or per cell of them with `size`.
    treatment : str or list of str
        Numeric column, or several endogenous ones.
    instruments, controls : str or list of str
        Columns, or products such as ``"quarter_of_birth:year_of_birth"``.
    absorb : str or list of two str, default ()
        Columns of fixed effects with many levels, taken out without forming their dummies. Rows
        alone in a level tell nothing and are left out; an F counts the effects among the
        coefficients, but that by cluster not those of a column whose levels each lie in one.
    outcome : str, optional
        Not used; taken so that one set of keywords serves every function of this file.
    cluster : str or list of two str, optional
        Column of cluster names for the effective F, or two, such as firm and year.
    size : str, optional
        Column that counts the rows behind each row of `data`, a cell then: outcome and treatment
        ``"y"`` are read from ``y_mean``, ``y_var`` (divisor n) and ``cov_x_y``, or from ``y`` if it
        is the same in all of a cell, as other columns are. The answer is that of the rows.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection. Only the
        effective F is then told, as the others take all rows to have one variance.
    level : float, default 0.95
        One minus the size of the test behind ``critical_value``.

    Returns
    -------
    pandas.DataFrame
        Rows ``F``, ``partial R2``, ``effective F``; columns ``value, critical_value,
        p_value, null, distribution, reference``. The effective F is tested against weak, not
        against zero, instruments; all others against zero. With `weights`, the last row only.
        For a list of treatments the index has two levels, statistic and treatment: ``F``,
        ``partial R2`` and ``conditional F`` of each, then the ``Cragg-Donald F`` of all (their
        names joined by commas).

    Raises
    ------
    ValueError
        If a column or an option is unfit, a column is constant or collinear, rows or instruments
        are too few, one cluster (without `cluster`, one row) alone makes up an arm, or a list of
        treatments comes with clusters or weights, or with a combination that is not moved at all.

    References
    ----------
    Cragg and Donald (1993), Econometric Theory 9(2), 222-240.
    Montiel Olea and Pflueger (2013), Journal of Business & Economic Statistics 31(3), 358-369.
    Sanderson and Windmeijer (2016), Journal of Econometrics 190(2), 212-221.
    Andrews, Stock and Sun (2019), Annual Review of Economics 11, 727-753.

    Examples
    --------
    >>> data = pd.DataFrame({"draw": list("aabbcc") * 2, "served": [0, 1, 0, 2, 1, 3] * 2})
    >>> first_stage(data, treatment="served", instruments="draw")["value"].round(3).to_dict()
    {'F': 2.333, 'partial R2': 0.341, 'effective F': 2.333}
    """
    for name, value in {"cluster": cluster, "weights": weights}.items():
        if value is not None and not isinstance(treatment, str):
            raise ValueError(
                f"{name}={value!r} with a list of treatments: the conditional F and the "
                f"Cragg-Donald F take rows as independent and alike; leave {name} out, or name one "
                "treatment"
            )
    cov = "robust" if cluster is None else "clustered"
    options = {"weights": weights, "absorb": absorb}
    design = _partial_out(
        data, treatment, instruments, controls, cov, cluster, level, size, **options
    )
    if isinstance(treatment, str):
        rows = _each_strength(design, 0, treatment) if weights is None else {}
        rows["effective F"] = _effective_f(design)
    else:
        each = [_each_strength(design, place, name) for place, name in enumerate(design.treatments)]
        parts = dict(zip(design.treatments, each, strict=True))
        rows = {(row, name): parts[name][row] for row in each[0] for name in parts}
        rows |= _joint_strength(design)
    columns = ["value", "critical_value", "p_value", "null", "distribution", "reference"]
    table = pd.DataFrame(list(rows.values()), columns=columns, index=list(rows))
    if not isinstance(treatment, str):
        table.index = pd.MultiIndex.from_tuples(rows, names=["statistic", "treatment"])
    return table


def anderson_rubin(
    data,
    *,
    outcome,
    treatment,
    instruments,
    controls=(),
    cov="unadjusted",
    cluster=None,
    size=None,
    weights=None,
    level=0.95,
):
    r"""Collect every effect that the Anderson-Rubin test does not reject.

    If the effect is :math:`\beta`, then :math:`Y - \beta D` is unrelated to valid instruments:

    .. math:: AR(\beta) = \frac{(Y - \beta D)'P(Y - \beta D) / q}
        {(Y - \beta D)'M_{WZ}(Y - \beta D) / r} \sim F(q, r) .

    The set :math:`\{\beta: AR(\beta) \le F_{level}\}` solves a quadratic inequality, so it can
    be an interval, two rays, the whole line, empty, or (where the first-stage F equals the
    critical value) a half-line. It covers the true effect at the stated rate however weak
    the instruments are; it assumes constant effects or one instrument. A robust or clustered
    variance :math:`\hat\Omega(\beta)` of what the instruments explain is quadratic in
    :math:`\beta`, and the set then is where :math:`c\,\hat\Omega(\beta)` less the explained
    part's square is positive semidefinite; its ends are eigenvalues of that quadratic matrix
    polynomial, so none is missed by a grid, and it may have more pieces. Of several treatments
    each has its own set: the values that the test accepts together with some values of the
    others' effects (a projection, so it covers at least at the stated rate).

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, or per cell of them with `size`.
    outcome : str
        Numeric column.
    treatment : str or list of str
        Numeric column, or several endogenous ones.
    instruments, controls : str or list of str
        Columns, or products such as ``"quarter_of_birth:year_of_birth"``.
    cov : {"unadjusted", "robust", "clustered"}, default "unadjusted"
        Variance of the reduced form, the last two for one treatment only: times
        :math:`n / r`, and :math:`\frac{G}{G - 1}\frac{n - 1}{r}` for :math:`G` clusters, whose
        statistic is held against Hotelling's distribution, :math:`q (G - 1) / (G - q)` times
        :math:`F(q, G - q)`.
    cluster : str or list of two str, optional
        Column of clusters, with ``cov="clustered"``; or two, such as firm and year: rows are
        independent if they share neither.
    size : str, optional
        Column that counts the rows behind each row of `data`, a cell then: outcome and treatment
        ``"y"`` are read from ``y_mean``, ``y_var`` (divisor n) and ``cov_x_y``, or from ``y`` if it
        is the same in all of a cell, as other columns are. The answer is that of the rows.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection, with ``cov="robust"`` or
        by cluster: the set is that of the population sampled.
    level : float, default 0.95
        Coverage of the set, between 0 and 1.

    Returns
    -------
    pandas.Series or pandas.DataFrame
        ``kind`` ("interval", "half-line", "two rays", "whole line", "empty" or, of several
        instruments with another ``cov``, "several pieces"), ``ci_low`` and
        ``ci_high`` (the set's least and greatest element, infinite where it has none),
        ``pieces`` (a list of ``(low, high)``, whose union is the set), ``n``, ``statement``
        (the set in a sentence), ``null``, ``distribution``, ``reference``; for a list of
        treatments a frame with a row for each.

    Raises
    ------
    ValueError
        If a column or an option is unfit, a column is constant or collinear, rows, instruments or
        clusters are too few, one cluster (with "robust", one row) alone makes up an arm, or
        several treatments come with a ``cov`` other than "unadjusted". Irrelevant instruments are
        no error: they give the whole line.

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
    names = _names("treatment", treatment)
    design = _partial_out(
        *(data, treatment, instruments, controls, cov, cluster, level, size),
        weights=weights,
        outcome=outcome,
    )
    if design.cov == "unadjusted" or design.count == 1:
        pieces, df = _quadratic_sets(design)
    else:
        pieces, df = _robust_set(design, names)
    sets = [
        _set(design, part, name, _one("outcome", outcome), f"F({design.count}, {df})", AR)
        for part, name in zip(pieces, names, strict=True)
    ]
    return sets[0].rename("anderson_rubin") if isinstance(treatment, str) else pd.DataFrame(sets)


def conditional_likelihood_ratio(
    data, *, outcome, treatment, instruments, controls=(), size=None, level=0.95
):
    r"""Collect every effect that the conditional likelihood ratio test does not reject.

    With several instruments the Anderson-Rubin set spends a degree of freedom on each; this test
    asks about the effect alone and is near the best that a test which holds at any strength can
    do. With :math:`\hat\Sigma` the variance of the reduced form, :math:`b = (1, -\beta)'` and
    :math:`a = (\beta, 1)'`,

    .. math:: Q_S = \frac{b'[Y, D]'P[Y, D]b}{b'\hat\Sigma b}, \quad
        LR(\beta) = Q_S - \min_\beta Q_S, \quad
        Q_T = \frac{a'\hat\Sigma^{-1}[Y, D]'P[Y, D]\hat\Sigma^{-1}a}{a'\hat\Sigma^{-1}a} .

    Given :math:`Q_T`, which says how strong the instruments are, the distribution of
    :math:`LR` under the null is known, and its p-value is an integral: :math:`LR \le m` where a
    chi-squared variable with 1 degree is at most :math:`m (m + Q_T - R) / (m + Q_T)`, and
    :math:`R` is one with :math:`q - 1` for :math:`q` instruments. As :math:`Q_S + Q_T` is
    the same for all :math:`\beta`, the set is one of :math:`Q_S` up to a limit, so an interval,
    a half-line, two rays or the whole line. It is never empty: it holds the LIML estimate.

    Estimand: the effect :math:`\beta`, if it is the same for all (where instruments move people
    with different effects the set need not hold an average of them). Assumptions: instruments as
    good as random given the controls, excluded, errors of one variance and without clusters; the
    variance is taken as known, which a large sample allows. Where it is not the same in all rows,
    a robust Anderson-Rubin set holds, and with one instrument both sets are the same but for F
    in the place of chi-squared.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, or per cell of them with `size`.
    outcome, treatment : str
        Numeric columns.
    instruments, controls : str or list of str
        Columns, or products such as ``"quarter_of_birth:year_of_birth"``.
    size : str, optional
        Column that counts the rows behind each row of `data`, a cell then: outcome and treatment
        ``"y"`` are read from ``y_mean``, ``y_var`` (divisor n) and ``cov_x_y``, or from ``y`` if it
        is the same in all of a cell, as other columns are. The answer is that of the rows.
    level : float, default 0.95
        Coverage of the set, between 0 and 1.

    Returns
    -------
    pandas.Series
        ``kind`` ("interval", "half-line", "two rays" or "whole line"), ``ci_low`` and ``ci_high``
        (the set's least and greatest element, infinite where it has none), ``pieces`` (a list of
        ``(low, high)``, whose union is the set), ``n``, ``statement`` (the set in a sentence),
        ``null``, ``distribution``, ``reference``.

    Raises
    ------
    ValueError
        If a column or an option is unfit, a column is constant or collinear, rows are too few, or
        instruments and controls explain a combination of outcome and treatment without a rest.
        Irrelevant instruments are no error: they give the whole line.

    References
    ----------
    Moreira (2003), Econometrica 71(4), 1027-1048.
    Andrews, Moreira and Stock (2006), Econometrica 74(3), 715-752.
    Mikusheva (2010), Journal of Econometrics 157(2), 236-247.

    Examples
    --------
    >>> data = pd.DataFrame({
    ...     "draw": list("aabbcc") * 2,
    ...     "served": [0, 1, 0, 2, 1, 3] * 2,
    ...     "income": [5, 7, 4, 9, 8, 11] * 2,
    ... })
    >>> columns = {"outcome": "income", "treatment": "served", "instruments": "draw"}
    >>> conditional_likelihood_ratio(data, **columns).statement
    'two rays: the data are compatible with every effect up to -0.4 and every effect from 2.13'
    """
    outcome, treatment = _one("outcome", outcome), _one("treatment", treatment)
    design = _partial_out(
        data, treatment, instruments, controls, "unadjusted", None, level, size, outcome=outcome
    )
    sigma = design.residual / design.df
    least, greatest = _extremes(design.explained, sigma, design.df)
    limit = _likelihood_limit(least, greatest, design.count, 1 - level)
    pieces = [(-np.inf, np.inf)]
    if limit < greatest:
        unit = design.scale[0] / design.scale[1]
        pieces = _effects(design.explained, limit * sigma, 1, unit)
    law = f"of the likelihood ratio given its strength, {design.count} instrument(s)"
    answer = _set(design, pieces, treatment, outcome, law, "Moreira (2003)")
    return answer.rename("conditional_likelihood_ratio")


def t_f(
    data,
    *,
    outcome,
    treatment,
    instrument,
    controls=(),
    cov="unadjusted",
    cluster=None,
    size=None,
    level=0.95,
):
    r"""Estimate with one instrument, the interval widened for the first stage's strength.

    .. math:: \hat\beta \pm c(F)\, \hat\sigma_{\hat\beta}

    where :math:`c(F)` is infinite up to :math:`F = 3.84`, falls smoothly, and is 1.96 from
    :math:`F = 104.67` on. It is the least such function under which a 5% t-test rejects at
    most 5% of the time, whatever the instrument's strength and the endogeneity. Computed
    here from its definition; the article's Table 3 rounds it up to two decimals. Estimand and
    assumptions are those of two-stage least squares; F and standard error share ``cov``. The
    article has many clusters in mind: with few, the interval is wider still by the ratio of the
    t quantile on :math:`G - 1` degrees to 1.96.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, or per cell of them with `size`.
    outcome, treatment, instrument : str
        Numeric columns; the instrument may also be a category of two levels.
    controls : str or list of str, default ()
        Columns or products of columns.
    cov : {"unadjusted", "robust", "clustered"}, default "unadjusted"
        Covariance estimator of the t-ratio and of F; "clustered" has :math:`G / (G - 1)` for
        :math:`G` clusters, and F besides :math:`(n - 1) / r` (:math:`n / r` if "robust") for
        :math:`r` residual degrees of freedom.
    cluster : str, optional
        Column of clusters, with ``cov="clustered"``.
    size : str, optional
        Column that counts the rows behind each row of `data`, a cell then: outcome and treatment
        ``"y"`` are read from ``y_mean``, ``y_var`` (divisor n) and ``cov_x_y``, or from ``y`` if it
        is the same in all of a cell, as other columns are. The answer is that of the rows.
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
        If a column or an option is unfit, a column is constant or collinear, rows are too few,
        there is more than one instrument or treatment, the instrument does not move the treatment,
        or one cluster (with "robust", one row) alone makes up an arm.

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
        raise ValueError(f"t_f is available at level=0.95 only, got {level!r}; use anderson_rubin")
    treatment, instrument = _one("treatment", treatment), _one("instrument", instrument)
    design = _partial_out(
        data, treatment, instrument, controls, cov, cluster, level, size, outcome=outcome
    )
    if design.count > 1:
        raise ValueError(
            f"t_f needs one instrument, got {design.count} columns; use anderson_rubin, or one "
            "instrument"
        )
    usual = _k_class("t_f", design, 1.0)
    with np.errstate(divide="ignore"):  # where everybody complies
        f = design.explained[1, 1] / _reduced_form(design)[1, 1]
    critical = _tf_critical_value(f)
    widened = usual.std_error * critical / special.ndtri((1 + level) / 2)
    df = _residual_df(design) if cov == "clustered" else np.inf
    result = _result("t_f", usual.estimate, widened, n=design.n, level=level, df=df)
    result.attrs.update(first_stage_f=float(f), critical_value=float(critical))
    return result


AR = "Anderson and Rubin (1949)"
NAGAR_BIAS = 0.1  # tolerated share of the worst-case bias, the convention behind F > 23.1


def _set(design, pieces, name, outcome, law, reference):
    """Return a set of effects with its words."""
    kind, words = _describe(pieces)
    entries = {
        "kind": kind,
        "ci_low": pieces[0][0] if pieces else np.nan,
        "ci_high": pieces[-1][1] if pieces else np.nan,
        "pieces": pieces,
        "n": design.n,
        "statement": words,
        "null": _null(outcome, name, _names("treatment", design.treatments)),
        "distribution": law,
        "reference": reference,
    }
    return pd.Series(entries, name=name)


def _quadratic_sets(design):
    """Return the pieces of each treatment's set, a quadratic inequality, and degrees of freedom."""
    df = _residual_df(design)
    allowed = special.fdtri(design.count, df, design.level) * design.count * _reduced_form(design)
    units = enumerate(design.scale[0] / design.scale[1:], 1)
    return [_effects(design.explained, allowed, place, unit) for place, unit in units], df


def _robust_set(design, names):
    """Return the pieces of the set of several instruments under a robust variance, and df.

    It is where c O(b) - g(b) g(b)' has no negative eigenvalue, O the variance and g the means of
    the scores, both polynomials in the effect b: its ends are among the b at which it is singular.
    """
    if len(names) > 1:
        raise ValueError(
            f"anderson_rubin with cov={design.cov!r} needs one treatment, or one instrument; use "
            "anderson_rubin with cov='unadjusted'"
        )
    q, blocks = design.count, _score_blocks(design)
    df, critical = design.df, q
    if design.cov == "clustered":
        groups = _residual_df(design) + 1
        if groups <= q:
            raise ValueError(
                f"{q} instrument columns and {groups} clusters: the variance of the scores needs "
                "more clusters than instruments; use fewer instruments, or a finer cluster"
            )
        df, critical = groups - q, q * (groups - 1) / (groups - q)
    critical *= special.fdtri(q, df, design.level)
    y, d = design.loadings[design.controls :].T
    forms = [
        critical * blocks[0] - np.outer(y, y),
        np.outer(y, d) + np.outer(d, y) - critical * (blocks[1] + blocks[1].T),
        critical * blocks[2] - np.outer(d, d),
    ]
    unit = design.scale[0] / design.scale[1]
    pieces = _where_positive(forms, lambda b: _score_statistic(blocks, y, d, b) <= critical)
    return [[(float(low * unit), float(high * unit)) for low, high in pieces]], df


def _score_blocks(design):
    """Return the variances of the instruments' scores with outcome and treatment, and between."""
    _check_alone(design, design.instruments)
    z, rest = design.instruments, design.net - design.fitted
    if design.cov == "clustered":
        scores = np.hstack([z * rest[:, [0]], z * rest[:, [1]]])
        both = _clustered(scores, design.cluster, _small_sample(design))[0]
        q = design.count
        return both[:q, :q], both[:q, q:], both[q:, q:]
    return [
        _small_sample(design)
        * (z * ((rest[:, i] * rest[:, j] + design.within[:, i, j]) / design.rows)[:, np.newaxis]).T
        @ z
        for i, j in ((0, 0), (0, 1), (1, 1))
    ]


def _score_statistic(blocks, y, d, effect):
    """Return the statistic of several instruments at an effect, or raise where it has none."""
    form = blocks[0] - effect * (blocks[1] + blocks[1].T) + effect**2 * blocks[2]
    values, axes = np.linalg.eigh(form)
    if values[0] <= 1e-12 * values[-1]:
        raise ValueError(
            "the variance of the instruments' scores is singular or negative at some effect, as "
            "two columns of clusters, or few of them, can make it; cluster by one column, or use "
            "fewer instruments"
        )
    return ((axes.T @ (y - effect * d)) ** 2 / values).sum()


def _where_positive(forms, accepted):
    """Return the pieces of the line that are accepted, cut where a matrix polynomial is singular.

    Its eigenvalues are those of a linear pencil twice as large.
    """
    zero, one = np.zeros_like(forms[0]), np.eye(len(forms[0]))
    left = np.block([[zero, one], [-forms[0], -forms[1]]])
    right = np.block([[one, zero], [zero, forms[2]]])
    top, bottom = linalg.eig(left, right, right=False, homogeneous_eigvals=True)
    finite = np.abs(bottom) > 1e-13 * np.abs(top)
    cuts = np.unique((top[finite] / bottom[finite]).real)
    ends = [-np.inf, *cuts, np.inf]
    inner = (cuts[1:] + cuts[:-1]) / 2
    span = 1 + np.ptp(cuts)
    points = [cuts[0] - span, *inner, cuts[-1] + span]
    pieces = []
    for low, high, point in zip(ends[:-1], ends[1:], points, strict=True):
        if accepted(point) and pieces and pieces[-1][1] == low:
            pieces[-1] = (pieces[-1][0], high)
        elif accepted(point):
            pieces.append((low, high))
    return pieces


def _extremes(explained, sigma, df):
    """Return the least and the greatest ratio of two forms, or raise where it has no limit.

    The least is their product, a ratio of determinants, over the greatest: where instruments are
    very strong nothing is lost in the greatest's rounding.
    """
    scale = np.sqrt(sigma.diagonal())
    rounding = df * scale**2 <= 1e-18 * (explained.diagonal() + df * scale**2)
    scale = np.outer(scale, scale)
    if rounding.any() or np.linalg.eigvalsh(sigma / scale)[0] < 1e-12:
        raise ValueError(
            "controls and instruments explain a combination of outcome and treatment without a "
            "rest, so there is no noise to hold the effect against; check how they were made, or, "
            "if all do what the instruments say, use anderson_rubin"
        )
    explained, sigma = explained / scale, sigma / scale
    greatest = float(linalg.eigh(explained, sigma, eigvals_only=True)[-1])
    if greatest <= 0:  # nothing is explained
        return 0.0, 0.0
    least = np.linalg.det(explained) / np.linalg.det(sigma) / greatest
    return min(max(float(least), 0.0), greatest), greatest


def _likelihood_limit(least, greatest, count, size):
    """Return how large Q_S may be; its sum with Q_T is that of the extremes (Mikusheva 2010)."""

    def excess(statistic):
        strength = least + greatest - statistic
        return _likelihood_p_value(statistic - least, strength, count) - size

    most = least + special.chdtri(count, size / 2)  # never more: the ratio is at most Q_S
    if greatest <= most and excess(greatest) >= 0:
        return np.inf
    return optimize.brentq(excess, least, min(greatest, most), xtol=1e-13 * most, rtol=1e-14)


GAUSS_LEGENDRE = np.polynomial.legendre.leggauss(200)


def _likelihood_p_value(ratio, strength, count):
    """Return the probability of a larger likelihood ratio given the instruments' strength.

    With R the share sin^2 of the ratio and the strength, the integrand is smooth.
    """
    if count == 1:
        return special.chdtrc(1, ratio)
    top = ratio + strength
    if top <= 0:
        return 1.0
    far = special.chdtri(count - 1, 1e-15)
    widest = np.arcsin(np.sqrt(min(far / top, 1.0)))
    nodes, weights = GAUSS_LEGENDRE
    angle = widest * (nodes + 1) / 2
    rest = top * np.sin(angle) ** 2
    half = (count - 1) / 2
    log_density = (half - 1) * np.log(rest / 2) - rest / 2 - special.gammaln(half) - np.log(2)
    step = 2 * top * np.sin(angle) * np.cos(angle) * np.exp(log_density)
    accepted = special.chdtr(1, ratio * np.cos(angle) ** 2)
    beyond = special.chdtrc(count - 1, top * np.sin(widest) ** 2)
    return float((step * (1 - accepted) * weights).sum() * widest / 2 + beyond)


def _each_strength(design, place, treatment):
    """Return F and partial R2 of one treatment's first stage."""
    explained, residual = design.explained[place, place], design.residual[place, place]
    count, df = design.count, design.df
    with np.errstate(divide="ignore"):  # where everybody complies
        f = explained / count / (residual / df)
    f_critical = special.fdtri(count, df, design.level)
    share, share_critical = explained / (explained + residual), count * f_critical
    share_critical /= share_critical + df
    p_value = special.fdtrc(count, df, f)
    null = f"no instrument is related to {treatment} once the controls are held fixed"
    reference = "Andrews, Stock and Sun (2019)"
    beta = f"Beta({count}/2, {df}/2)"
    return {
        "F": (f, f_critical, p_value, null, f"F({count}, {df})", reference),
        "partial R2": (share, share_critical, p_value, null, beta, reference),
    }


def _joint_strength(design):
    """Return each treatment's conditional F, and the Cragg-Donald F."""
    names, count, df, level = design.treatments, design.count, design.df, design.level
    conditional, joint = _given_the_others(design)
    spare = count - len(names) + 1
    rows = {
        ("conditional F", name): (
            f,
            special.fdtri(spare, df, level),
            special.fdtrc(spare, df, f),
            f"no instrument is related to {name} once the other treatments are held fixed",
            f"F({spare}, {df})",
            "Sanderson and Windmeijer (2016)",
        )
        for name, f in zip(names, conditional, strict=True)
    }
    rows["Cragg-Donald F", ", ".join(names)] = (
        joint,
        special.chdtri(spare, 1 - level) / count,
        special.chdtrc(spare, count * joint),
        f"no instrument is related to some combination of {', '.join(names)}",
        f"chi-squared({spare}) over {count}",
        "Cragg and Donald (1993)",
    )
    return rows


def _residual_df(design):
    """Return the residual degrees of freedom: rows less coefficients, or clusters less one."""
    return design.cluster.nunique().min() - 1 if design.cov == "clustered" else design.df


def _small_sample(design):
    """Return the usual small-sample factor of rows and coefficients."""
    return (design.n - (design.cov == "clustered")) / (design.df + (design.nested or 0))


def _reduced_form(design):
    """Return the covariance of the targets' coefficients on an instrument, of one if robust."""
    if design.cov == "unadjusted":
        return design.residual / design.df
    own, across, other = _score_blocks(design)
    return np.block([[own, across], [across.T, other]])


def _effective_f(design):
    """Return the effective F with its test of a worst-case bias beyond the tolerated one."""
    rest, scatter = design.net[:, 0] - design.fitted[:, 0], design.within[:, 0, 0]
    _check_alone(design, design.instruments)
    meat, _ = _meat(design, design.instruments, rest, scatter)
    omega = _small_sample(design) * meat + 1e-60 * np.eye(design.count)  # where everybody complies
    trace, bound = np.trace(omega), 1 / NAGAR_BIAS
    greatest = np.linalg.eigvalsh(omega)[-1]
    degrees = trace**2 * (1 + 2 * bound) / ((omega**2).sum() + 2 * bound * trace * greatest)
    shift, effective = bound * degrees, design.explained[0, 0] / trace
    return (
        effective,
        special.chndtrix(design.level, degrees, shift) / degrees,
        1 - special.chndtr(effective * degrees, degrees, shift),
        "the instruments are weak: the bias of two-stage least squares may exceed "
        f"{NAGAR_BIAS:.0%} of its worst case",
        f"chi-squared({degrees:.1f}, noncentrality {shift:.0f}) over {degrees:.1f}",
        "Montiel Olea and Pflueger (2013)",
    )


def _null(outcome, name, treatments):
    """Return the null hypothesis of the set's test in words."""
    others = [other for other in treatments if other != name]
    whatever = f", whatever those of {', '.join(others)} are," if others else ","
    return (
        f"the effect of {name} on {outcome} is the stated value{whatever} and the instruments "
        f"act on {outcome} through {', '.join(treatments)} only"
    )


def _effects(explained, allowed, place, unit):
    """Return the pieces of the line on which, at the others' best, the explained part is allowed.

    The projection of Dufour and Taamouti (2005): the form in all effects, least over the others'.
    """
    kept, others = [0, place], [i for i in range(1, len(explained)) if i != place]
    size = np.sqrt((explained + allowed).diagonal())
    form = (explained - allowed) / np.outer(size, size)
    inner, across = form[np.ix_(others, others)], form[np.ix_(others, kept)]
    if np.linalg.eigvalsh(inner).min(initial=1) <= 1e-12:
        return [(-np.inf, np.inf)]  # the others' effects make up for any
    form = form[np.ix_(kept, kept)] - across.T @ np.linalg.solve(inner, across)
    unit = unit * size[0] / size[place]
    return [(float(low * unit), float(high * unit)) for low, high in _at_most_zero(form)]


def _at_most_zero(form):
    """Return the pieces of the line on which a scaled quadratic form is at most zero."""
    (c, b), (_, a) = form  # a beta^2 - 2 b beta + c <= 0
    flat = np.abs(form) <= 1e-12
    if flat[1, 1]:
        if flat[0, 1]:
            return [(-np.inf, np.inf)] if c <= 0 else []
        return [(c / (2 * b), np.inf)] if b > 0 else [(-np.inf, c / (2 * b))]
    rest = b**2 - a * c
    if rest < 0:
        return [] if a > 0 else [(-np.inf, np.inf)]
    stable = b + np.copysign(np.sqrt(rest), b)
    low, high = sorted([stable / a, c / stable])
    return [(low, high)] if a > 0 else [(-np.inf, low), (high, np.inf)]


def _describe(pieces):
    """Return the kind of a set and a sentence that names it."""
    ends = [f"{end:.3g}" for piece in pieces for end in piece if np.isfinite(end)]
    compatible = "the data are compatible with every effect"
    if not pieces:
        return "empty", "empty: the data reject every effect, hence the instruments or the model"
    if not ends:
        return "whole line", "the whole line: the data reject no effect at this level"
    if len(pieces) > 2 or len(ends) == 2 * len(pieces) > 2:
        parts = ", or ".join(f"from {low:.3g} to {high:.3g}" for low, high in pieces)
        return "several pieces", f"several pieces: {compatible} {parts}"
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
