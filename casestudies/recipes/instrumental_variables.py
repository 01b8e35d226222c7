r"""Instrumental variables: ratios, two-stage least squares and LIML; least squares beside them.

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
40 rows do the work of 329,509. Where no two rows agree, every row is its own cell. Of the
controls, the category with the most levels (or a product that stands alone) is taken out by
its means, so hundreds of fixed effects cost little; the rest by a QR decomposition. Nothing
is lost: estimates and covariances are those of the rows. So `data` may as well hold the cells,
made where the rows are (``size="n"``).
"""

import dataclasses

import numpy as np
import pandas as pd
from scipy import linalg, special

from casestudies.recipes._cells import (
    BY_LEVERAGE,
    _check_alone,
    _estimates_of,
    _k_class,
    _least_moved,
    _meat,
    _partial_out,
    _sandwich,
)
from casestudies.recipes._columns import _listed, _names, _numbers, _one, _read, _real, _zero_one
from casestudies.recipes._counted import _read_counted


def wald(
    data,
    *,
    outcome,
    treatment,
    instrument,
    controls=(),
    cov="unadjusted",
    cluster=None,
    size=None,
    weights=None,
    level=0.95,
):
    r"""Estimate the effect as the outcome's jump over the treatment's jump.

    .. math:: \hat\beta = \frac{\bar Y_{Z=1} - \bar Y_{Z=0}}{\bar D_{Z=1} - \bar D_{Z=0}}

    With controls, both jumps are regression coefficients of :math:`Z` given the controls.
    Estimand: the average effect among compliers (LATE; of a treatment in steps, the average
    causal response) if the instrument is as good as randomly assigned, excluded, relevant and
    monotone; with controls, a weighted average of such effects only if the controls enter
    richly enough. The standard error is the delta method's, equal to that of two-stage least
    squares: with ``cov="robust"``
    :math:`\{\sum_z \hat\sigma^2_{u|z} / n_z\}^{1/2} / |\bar D_1 - \bar D_0|`, with
    ``"unadjusted"`` the same under one residual variance (Angrist and Krueger's Table III).

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, or per cell of them with `size`.
    outcome, treatment : str
        Numeric columns.
    instrument : str
        Column of zeros and ones, both present.
    controls : str or list of str, default ()
        Columns or products of columns.
    cov : {"unadjusted", "robust", "clustered", "CR2", "CR3"}, default "unadjusted"
        Variance of the errors. The first two have no small-sample factor, for the normal;
        "clustered" has :math:`G / (G - 1)` for :math:`G` clusters (of two columns, the fewer), for
        t on :math:`G - 1`. "CR2" and "CR3", for few or unlike clusters, stretch residuals by
        their cluster's leverage in the second stage, :math:`(I - H_g)^{-1/2}` and
        :math:`(I - H_g)^{-1}`, for t on Bell and McCaffrey's degrees.
    cluster : str or list of two str, optional
        Column of clusters, with a ``cov`` by cluster; or two, such as firm and year, with
        ``cov="clustered"``: rows are independent if they share neither.
    size : str, optional
        Column that counts the rows behind each row of `data`, a cell then: outcome and treatment
        ``"y"`` are read from ``y_mean``, ``y_var`` (divisor n) and ``cov_x_y``, or from ``y`` if it
        is the same in all of a cell, as other columns are. The answer is that of the rows.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection, with ``cov="robust"`` or
        by cluster: the answer is that of the population sampled. CR2 and the degrees, not CR3,
        then take the errors' variance to be inverse to the weights.
    level : float, default 0.95
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        ``estimate, std_error, ci_low, ci_high, n``, in outcome units per treatment unit.

    Raises
    ------
    ValueError
        If a column or an option is unfit, the instrument is not 0/1, collinear with the controls
        or does not move the treatment, or one cluster (with "robust", one row) alone makes up an
        arm, as its shocks would then count as none.

    References
    ----------
    Wald (1940), Annals of Mathematical Statistics 11(3), 284-300.
    Imbens and Angrist (1994), Econometrica 62(2), 467-475.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({
    ...     "offer": [0, 0, 0, 0, 1, 1, 1, 1],
    ...     "attended": [0, 0, 0, 1, 0, 1, 1, 1],
    ...     "earnings": [10, 12, 11, 17, 11, 18, 17, 20],
    ... })
    >>> float(wald(data, outcome="earnings", treatment="attended", instrument="offer").estimate)
    8.0
    """
    treatment, instrument = _one("treatment", treatment), _one("instrument", instrument)
    arms, _ = _read_counted(data, size, (), instrument=instrument)
    _zero_one(arms, instrument, kinds=("those not encouraged", "the encouraged"))
    design = _partial_out(
        *(data, treatment, instrument, controls, cov, cluster, level, size, *BY_LEVERAGE),
        weights=weights,
        outcome=outcome,
    )
    return _k_class("wald", design, 1.0)


def two_stage_least_squares(
    data,
    *,
    outcome,
    treatment,
    instruments,
    controls=(),
    absorb=(),
    cov="unadjusted",
    cluster=None,
    size=None,
    weights=None,
    level=0.95,
):
    r"""Estimate the effect with the part of the treatment that the instruments predict.

    .. math:: \hat\beta = (D'P D)^{-1} D'P Y, \qquad
        \hat V = (D'P D)^{-1} \Big[\sum_i \hat u_i^2 \hat D_i \hat D_i'\Big] (D'P D)^{-1}

    with :math:`P` the projection on the instruments net of the controls,
    :math:`\hat D = P D` and :math:`\hat u = Y - D\hat\beta - W\hat\gamma` (the treatment
    itself, not its prediction: a hand-made second stage gets this wrong). ``"unadjusted"``
    puts :math:`\hat\sigma^2 (D'P D)^{-1}`, ``"clustered"`` sums scores within clusters.

    Estimand: :math:`\beta` if effects are constant; else, if instruments are monotone and
    controls enter richly enough, an average of complier effects, weighted by how far each
    instrument moves the treatment. Consistent, not unbiased: with weak instruments estimate and
    interval fail (see `first_stage`, `anderson_rubin`). Several treatments must be moved apart
    from one another: the result says how strongly they are.

    Coverage of the clustered 95% interval, in percent, by simulation (10,000 samples of 30 rows
    a cluster, errors that share a shock within it), where the instrument is drawn by row, has
    half of its variance between clusters, or is set for whole clusters, half of them each way:

    ===============  ==  ==  ==  ==  ==  ==
    clusters          2   3   4   6  10  20
    ===============  ==  ==  ==  ==  ==  ==
    by row           94  95  94  94  95  95
    half             86  92  91  90  91  93
    whole clusters    –   –  89  93  94  95
    ===============  ==  ==  ==  ==  ==  ==

    Without the factor and with normal quantiles the first line is 55, 73, 79, 85, 90, 93. Few
    clusters in one arm are few whatever the other has: 2, 3, 4 or 6 of 12 cover 81, 89, 93, 94.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, or per cell of them with `size`.
    outcome : str
        Numeric column.
    treatment : str or list of str
        Numeric column or columns, endogenous.
    instruments, controls : str or list of str
        Columns, or products such as ``"quarter_of_birth:year_of_birth"``.
    absorb : str or list of two str, default ()
        Columns of fixed effects with many levels, such as worker and firm, taken out without
        forming their dummies. Rows alone in a level tell nothing and are left out of `n`, and
        counted in ``.attrs["singletons"]``. Errors (but CR2 and CR3) have the factor
        :math:`n / (n - k)`, by cluster :math:`(n - 1) / (n - k)`, for :math:`k` coefficients with
        these, less those (but one) of a column whose levels each lie in one cluster.
    cov : {"unadjusted", "robust", "clustered", "CR2", "CR3"}, default "unadjusted"
        Variance of the errors. The first two have no small-sample factor, for the normal;
        "clustered" has :math:`G / (G - 1)` for :math:`G` clusters (of two columns, the fewer), for
        t on :math:`G - 1`. "CR2" and "CR3", for few or unlike clusters, stretch residuals by
        their cluster's leverage in the second stage, :math:`(I - H_g)^{-1/2}` and
        :math:`(I - H_g)^{-1}`, for t on Bell and McCaffrey's degrees.
    cluster : str or list of two str, optional
        Column of clusters, with a ``cov`` by cluster; or two, such as firm and year, with
        ``cov="clustered"``: rows are independent if they share neither.
    size : str, optional
        Column that counts the rows behind each row of `data`, a cell then: outcome and treatment
        ``"y"`` are read from ``y_mean``, ``y_var`` (divisor n) and ``cov_x_y``, or from ``y`` if it
        is the same in all of a cell, as other columns are. The answer is that of the rows.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection, with ``cov="robust"`` or
        by cluster: the answer is that of the population sampled. CR2 and the degrees, not CR3,
        then take the errors' variance to be inverse to the weights.
    level : float, default 0.95
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series or pandas.DataFrame
        ``estimate, std_error, ci_low, ci_high, n``; for a list of treatments a frame with a row
        for each and its ``conditional_f``, the first-stage F once the other treatments are held
        fixed (equal variances). The frame's ``.attrs`` hold ``cragg_donald_f``, the F of the
        combination that the instruments move least, and ``warning``, a sentence where a
        conditional F is below 10, else empty.

    Raises
    ------
    ValueError
        If a column or an option is unfit, a column is constant or collinear, rows or instruments
        are too few, instruments do not move the treatment, or one cluster (with "robust", one
        row) alone makes up an arm, as its shocks would then count as none.

    References
    ----------
    Angrist and Krueger (1991), Quarterly Journal of Economics 106(4), 979-1014.
    Bell and McCaffrey (2002), Survey Methodology 28(2), 169-181 (CR2, CR3).
    Cameron, Gelbach and Miller (2011), Journal of Business & Economic Statistics 29(2), 238-249.
    Pustejovsky and Tipton (2018), Journal of Business & Economic Statistics 36(4), 672-683.
    White (1982), Econometrica 50(2), 483-499.
    Cragg and Donald (1993), Econometric Theory 9(2), 222-240.
    Staiger and Stock (1997), Econometrica 65(3), 557-586.
    Sanderson and Windmeijer (2016), Journal of Econometrics 190(2), 212-221.

    Examples
    --------
    >>> import pandas as pd
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
    design = _partial_out(
        *(data, treatment, instruments, controls, cov, cluster, level, size, *BY_LEVERAGE),
        weights=weights,
        absorb=absorb,
        outcome=outcome,
    )
    return _k_class("two_stage_least_squares", design, 1.0)


def least_squares(
    data,
    *,
    outcome,
    treatment,
    controls=(),
    absorb=(),
    cov="unadjusted",
    cluster=None,
    size=None,
    weights=None,
    level=0.95,
):
    r"""Regress the outcome on the treatment, fixed effects and two-way clusters included.

    .. math:: \hat\beta = (D'M_W D)^{-1} D'M_W Y, \qquad
        \hat V = (D'M_W D)^{-1} \Big[\sum_i \hat u_i^2 \tilde D_i \tilde D_i'\Big] (D'M_W D)^{-1}

    with :math:`M_W` taking residuals from the controls, a constant and the fixed effects to
    absorb, :math:`\tilde D = M_W D` and :math:`\hat u` the residuals. ``"unadjusted"`` puts
    :math:`\hat\sigma^2 (D'M_W D)^{-1}`, ``"clustered"`` sums scores within clusters.

    Estimand: the coefficient of the best linear prediction of the outcome; the effect
    :math:`\beta` if treatment and errors are unrelated given controls and fixed effects and the
    effect is one for all. Where effects differ it is a weighted average of them if controls and
    fixed effects enter richly enough, and with unit and period effects under staggered adoption
    some of its weights can be negative. It is what two-stage least squares with the treatment as
    its own instrument gives.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, or per cell of them with `size`.
    outcome : str
        Numeric column.
    treatment : str or list of str
        Numeric column, or several; each has a row in the answer.
    controls : str or list of str, default ()
        Columns or products of columns.
    absorb : str or list of two str, default ()
        Columns of fixed effects with many levels, such as worker and firm, taken out without
        forming their dummies. Rows alone in a level tell nothing and are left out of `n`, and
        counted in ``.attrs["singletons"]``. Errors (but CR2 and CR3) have the factor
        :math:`n / (n - k)`, by cluster :math:`(n - 1) / (n - k)`, for :math:`k` coefficients with
        these, less those (but one) of a column whose levels each lie in one cluster.
    cov : {"unadjusted", "robust", "clustered", "CR2", "CR3"}, default "unadjusted"
        Variance of the errors. The first two have no small-sample factor, for the normal;
        "clustered" has :math:`G / (G - 1)` for :math:`G` clusters (of two columns, the fewer), for
        t on :math:`G - 1`. "CR2" and "CR3", for few or unlike clusters, stretch residuals by
        their cluster's leverage, :math:`(I - H_g)^{-1/2}` and :math:`(I - H_g)^{-1}`, for t on
        Bell and McCaffrey's degrees.
    cluster : str or list of two str, optional
        Column of clusters, with a ``cov`` by cluster; or two, such as firm and year, with
        ``cov="clustered"``: rows are independent if they share neither.
    size : str, optional
        Column that counts the rows behind each row of `data`, a cell then: an outcome ``"y"`` is
        read from ``y_mean`` and ``y_var`` (divisor n), or from ``y`` if it is the same in all of a
        cell, as other columns are. The answer is that of the rows.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection, with ``cov="robust"`` or
        by cluster: the answer is that of the population sampled. CR2 and the degrees, not CR3,
        then take the errors' variance to be inverse to the weights.
    level : float, default 0.95
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series or pandas.DataFrame
        ``estimate, std_error, ci_low, ci_high, n``; for a list of treatments a frame with a row
        for each. With `absorb`, ``.attrs["singletons"]``.

    Raises
    ------
    ValueError
        If a column or an option is unfit, a column is constant or collinear, rows are too few,
        one cluster (with "robust", one row) alone makes up an arm, as its shocks would then count
        as none, or a variance by two columns of clusters is not positive.

    References
    ----------
    Bell and McCaffrey (2002), Survey Methodology 28(2), 169-181 (CR2, CR3).
    Cameron, Gelbach and Miller (2011), Journal of Business & Economic Statistics 29(2), 238-249.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({
    ...     "firm": list("aaabbbcccddd"), "year": [1, 2, 3] * 4,
    ...     "trained": [0, 0, 1, 0, 1, 1, 0, 0, 0, 1, 1, 0],
    ...     "output": [5, 6, 9, 4, 8, 8, 6, 7, 7, 9, 9, 8],
    ... })
    >>> columns = {"outcome": "output", "treatment": "trained", "absorb": ["firm", "year"]}
    >>> least_squares(data, **columns, cov="clustered", cluster="firm").round(3).to_dict()
    {'estimate': 2.455, 'std_error': 0.255, 'ci_low': 1.644, 'ci_high': 3.265, 'n': 12.0}
    """
    names = _names("treatment", treatment)
    table = _read(data, several={"treatment": names})
    for name in names:
        _numbers(table, name)
    design = _partial_out(
        *(data, _one("outcome", outcome), names, controls, cov, cluster, level, size),
        *BY_LEVERAGE,
        weights=weights,
        absorb=absorb,
        named=("outcome", "treatment"),
    )
    return _regressed(dataclasses.replace(design, treatments=treatment, outcome=outcome))


def _regressed(design):
    """Return the coefficients of the last columns, which here are the treatments."""
    own = slice(design.controls, None)
    root = linalg.inv(design.triangle[own, own]).T
    columns, residual = design.instruments @ root, (design.net - design.fitted)[:, 0]
    if design.cov == "unadjusted":
        variance = design.small_sample * design.residual[0, 0] / design.n
        covariance, df = variance * root.T @ root, np.inf
    else:
        covariance, df = _sandwich(design, columns, residual, design.within[:, 0, 0])
    estimates, unit = design.loadings[own, 0] @ root, design.scale[0] / design.norms[own]
    return _estimates_of("least_squares", design, estimates, covariance, df, unit)


def limited_information(
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
    fuller=0,
    level=0.95,
):
    r"""Estimate the effect by limited-information maximum likelihood (LIML).

    .. math:: \hat\beta = \{D'(M_W - \kappa M_{WZ}) D\}^{-1} D'(M_W - \kappa M_{WZ}) Y

    where :math:`M_W, M_{WZ}` take residuals from the controls, and from controls and
    instruments, and :math:`\kappa` is the least eigenvalue of
    :math:`[Y, D]'M_W[Y, D]` relative to :math:`[Y, D]'M_{WZ}[Y, D]`. Estimand: the
    effect :math:`\beta`, if it is the same for all; where instruments move people with
    different effects, LIML need not be an average of them (Kolesár 2013). Assumptions are
    those of two-stage least squares; LIML is nearly median-unbiased where many instruments
    pull two-stage least squares to OLS.

    ``cov="bekker"`` gives the standard error that stays right as the number of instruments
    grows with the rows, for normal errors of one variance. With
    :math:`\alpha = \hat u'P\hat u / \hat u'\hat u` and
    :math:`\tilde D = D - \hat u(\hat u'D)/\hat u'\hat u`,

    .. math:: \hat V = \hat\sigma^2 H^{-1}\{(1 - \alpha)^2 \tilde D'P\tilde D
        + \alpha^2 \tilde D'(I - P)\tilde D\} H^{-1}, \quad H = D'P D - \alpha D'D .

    LIML has no moments, and with weak instruments strays far. ``fuller=1`` takes Fuller's
    :math:`\kappa - 1 / r` in its place, for :math:`r` residual degrees of freedom of the
    reduced form: an estimate with moments, nearly unbiased unless instruments are very weak.
    Assumptions and errors are those of LIML.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, or per cell of them with `size`.
    outcome : str
        Numeric column.
    treatment : str or list of str
        Numeric column or columns, endogenous.
    instruments, controls : str or list of str
        Columns, or products such as ``"quarter_of_birth:year_of_birth"``.
    cov : {"unadjusted", "robust", "clustered", "bekker"}, default "unadjusted"
        Variance of the errors. "clustered" has :math:`G / (G - 1)` for :math:`G` clusters, for t
        on :math:`G - 1`; the others have no small-sample factor, for the normal.
    cluster : str or list of two str, optional
        Column of clusters, with ``cov="clustered"``; or two, such as firm and year: rows are
        independent if they share neither.
    size : str, optional
        Column that counts the rows behind each row of `data`, a cell then: outcome and treatment
        ``"y"`` are read from ``y_mean``, ``y_var`` (divisor n) and ``cov_x_y``, or from ``y`` if it
        is the same in all of a cell, as other columns are. The answer is that of the rows.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection, with ``cov="robust"`` or
        by cluster: the answer is that of the population sampled.
    fuller : float, default 0
        Fuller's constant, 0 or more; 0 is LIML.
    level : float, default 0.95
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series or pandas.DataFrame
        ``estimate, std_error, ci_low, ci_high, n``, and :math:`\kappa` in ``.attrs["kappa"]``;
        for a list of treatments a frame with a row for each and its ``conditional_f``, the
        first-stage F once the other treatments are held fixed (equal variances), whose
        ``.attrs`` hold ``cragg_donald_f``, the F of the combination that the instruments move
        least, and ``warning``, a sentence where a conditional F is below 10, else empty.

    Raises
    ------
    ValueError
        If a column or an option is unfit, a column is constant or collinear, rows or instruments
        are too few, instruments do not move the treatment, or explain a combination of it and the
        outcome without a rest, or one cluster (with "robust", one row) alone makes up an arm.

    References
    ----------
    Anderson and Rubin (1949), Annals of Mathematical Statistics 20(1), 46-63.
    Bekker (1994), Econometrica 62(3), 657-681.
    Fuller (1977), Econometrica 45(4), 939-953.
    Staiger and Stock (1997), Econometrica 65(3), 557-586.
    Sanderson and Windmeijer (2016), Journal of Econometrics 190(2), 212-221.
    Hansen, Hausman and Newey (2008), Journal of Business & Economic Statistics 26(4), 398-422.
    Kolesár (2013), Princeton University, Department of Economics, Working Paper 2013-2.

    Examples
    --------
    >>> import pandas as pd
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
    fuller = _real("fuller", fuller, least=0)
    if fuller and cov == "bekker":
        raise ValueError(
            f"fuller={fuller:g} with cov='bekker': that error is LIML's; take fuller=0, or another "
            "cov"
        )
    design = _partial_out(
        *(data, treatment, instruments, controls, cov, cluster, level, size, "bekker"),
        weights=weights,
        outcome=outcome,
    )
    kappa = _kappa(design) - fuller / design.df
    result = _k_class("limited_information", design, kappa)
    result.attrs["kappa"] = float(kappa)
    return result


def overidentification(
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
):
    r"""Test whether instruments, more than there are treatments, agree on the effect.

    With :math:`\hat u` the residuals of two-stage least squares and :math:`Z` the instruments
    net of the controls, Sargan's statistic, and Hansen's with a robust or clustered variance
    :math:`\hat S` of the scores :math:`Z_i \hat u_i`,

    .. math:: S = n\,\frac{\hat u'P\hat u}{\hat u'\hat u}, \qquad
        J = \min_\beta\, (Y - D\beta)'Z\,\hat S^{-1} Z'(Y - D\beta),

    chi-squared with as many degrees as there are instruments beyond the treatments. What it can
    say: a small p-value means that not all instruments estimate one and the same number. What it
    cannot: that they are valid. It rejects valid instruments that move people with different
    effects, and it passes invalid ones whose direct effects are in one ratio to their first stages
    (one direct effect of a season in all cohorts is not: their first stages differ); with weak or
    many instruments its level is not kept. Assumption behind reading it as a test of exclusion:
    effects are the same for all.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, or per cell of them with `size`.
    outcome : str
        Numeric column.
    treatment : str or list of str
        Numeric column or columns, endogenous.
    instruments, controls : str or list of str
        Columns, or products such as ``"quarter_of_birth:year_of_birth"``.
    cov : {"unadjusted", "robust", "clustered"}, default "unadjusted"
        Sargan's statistic for errors of one variance, or Hansen's with this variance of the
        scores; by cluster it has :math:`G / (G - 1)` for :math:`G` clusters.
    cluster : str, optional
        Column of clusters, with ``cov="clustered"``.
    size : str, optional
        Column that counts the rows behind each row of `data`, a cell then: outcome and treatment
        ``"y"`` are read from ``y_mean``, ``y_var`` (divisor n) and ``cov_x_y``, or from ``y`` if it
        is the same in all of a cell, as other columns are. The answer is that of the rows.
    weights : str, optional
        Column of sampling weights, inverse probabilities of selection, with ``cov="robust"`` or
        by cluster.

    Returns
    -------
    pandas.Series
        ``statistic``, ``df``, ``p_value``, ``null`` (the hypothesis, a sentence),
        ``distribution`` and ``reference``.

    Raises
    ------
    ValueError
        If a column or an option is unfit, a column is constant or collinear, there are no more
        instruments than treatments, rows or clusters are too few, instruments do not move the
        treatment, or one cluster alone makes up an arm.

    References
    ----------
    Sargan (1958), Econometrica 26(3), 393-415.
    Hansen (1982), Econometrica 50(4), 1029-1054.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({
    ...     "draw": list("aabbcc") * 2,
    ...     "served": [0, 1, 0, 2, 1, 3] * 2,
    ...     "income": [5, 7, 4, 9, 8, 11] * 2,
    ... })
    >>> columns = {"outcome": "income", "treatment": "served", "instruments": "draw"}
    >>> test = overidentification(data, **columns)
    >>> round(test["statistic"], 3), test["df"], round(test["p_value"], 3)
    (2.86, 1, 0.091)
    """
    if cluster is not None:
        _one("cluster", cluster)
    design = _partial_out(
        *(data, treatment, instruments, controls, cov, cluster, 0.95, size),
        weights=weights,
        outcome=outcome,
    )
    _least_moved(design)  # raises where some combination is not moved at all
    names = _names("treatment", treatment)
    df = int(design.count) - len(names)
    _check_overidentified(design, df)
    bread = np.linalg.inv(design.explained[1:, 1:])
    contrast = np.concatenate([[1.0], -bread @ design.explained[1:, 0]])
    explained = design.loadings[design.controls :]
    if cov == "unadjusted":
        total = contrast @ (design.explained + design.residual) @ contrast
        statistic = design.n * (contrast @ design.explained @ contrast) / total
    else:
        statistic = _hansen(design, explained, contrast)
    entries = {
        "statistic": float(statistic),
        "df": df,
        "p_value": float(special.chdtrc(df, statistic)),
        "null": f"the {design.count} instrument columns agree on the effect(s) of {_listed(names)}",
        "distribution": f"chi-squared({df})",
        "reference": "Sargan (1958)" if cov == "unadjusted" else "Hansen (1982)",
    }
    return pd.Series(entries, name="overidentification", dtype=object)


def _check_overidentified(design, df):
    """Raise unless there are more instruments than treatments, and clusters than instruments."""
    if not df:
        raise ValueError(
            f"{design.count} instrument column(s) for as many treatments always agree, so there is "
            "nothing to test; name more instruments, or fewer treatments"
        )
    groups = np.inf if design.cluster is None else design.cluster.nunique().iloc[0]
    if groups <= design.count:
        raise ValueError(
            f"{design.count} instrument columns and {groups} clusters: the variance of the scores "
            "needs more clusters than instruments; use fewer instruments, or a finer cluster"
        )


def _hansen(design, explained, contrast):
    """Return the least weighted square of the scores' sums, weights by two-stage least squares."""
    scatter = np.einsum("i,cij,j->c", contrast, design.within, contrast)
    if design.cluster is not None:  # a row's residual here is not that of the reduced form
        _check_alone(design, design.instruments)
    meat, _ = _meat(design, design.instruments, design.net @ contrast, scatter)
    root = linalg.solve_triangular(np.linalg.cholesky(meat), explained, lower=True)
    fitted = root[:, 1:] @ np.linalg.lstsq(root[:, 1:], root[:, 0], rcond=None)[0]
    return ((root[:, 0] - fitted) ** 2).sum()


def _kappa(design):
    """Return LIML's kappa, or raise where it does not exist."""
    _least_moved(design)  # raises where some combination is not moved at all
    scale = np.sqrt(design.residual.diagonal())
    scale = np.outer(scale, scale)
    if not scale.all() or np.linalg.eigvalsh(design.residual / scale)[0] < 1e-12:
        raise ValueError(
            "LIML does not exist here: controls and instruments explain a combination of "
            f"outcome and {_listed(_names('treatment', design.treatments))} without a rest; "
            "use two_stage_least_squares"
        )
    root = np.linalg.inv(np.linalg.cholesky(design.residual / scale))
    return 1 + max(float(np.linalg.eigvalsh(root @ (design.explained / scale) @ root.T)[0]), 0.0)
