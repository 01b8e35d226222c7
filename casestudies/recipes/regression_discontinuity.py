r"""Regression discontinuity: the effect at a cutoff where a rule begins to treat.

A unit with score :math:`X` at or beyond the cutoff :math:`c` is treated (sharp), or is treated
more often (fuzzy). The estimand is an average effect *at the cutoff*,
:math:`E[Y(1) - Y(0) \mid X = c]`: about units far from it the design is silent. Assumptions:
without the rule, and with the treatment for all, the mean outcome would run through the cutoff
without a jump; nobody places a score exactly beside it; and nothing else changes there.

A row whose score equals the cutoff counts as above it. If yours are treated at the cutoff and
below, turn the score round: ``data.assign(score=-data["score"])``, and the cutoff with it.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import linalg, stats

from casestudies.recipes._bands import _folded_quantile
from casestudies.recipes._clusters import _clustered
from casestudies.recipes._columns import (
    _basis,
    _check_choice,
    _check_level,
    _check_noise,
    _count,
    _design,
    _frame,
    _names,
    _numbers,
    _outcome,
    _read,
    _real,
    _reals,
    _result,
)

PILOT = {"triangular": 2.576, "uniform": 1.843, "epanechnikov": 2.34}  # Silverman's rule
CONSTANT = {"triangular": 480, "uniform": 144, "epanechnikov": 335.4901}  # int K^2 / (int u^2 K)^2
MATCHES = 3  # neighbours of each row for the variance


def sharp(
    data,
    *,
    outcome,
    running,
    cutoff,
    treated_side="above",
    bandwidth=None,
    bias_bandwidth=None,
    kernel="triangular",
    order=1,
    covariates=(),
    cluster=None,
    level=0.95,
):
    r"""Estimate the effect at the cutoff of a rule that everybody follows.

    With :math:`\hat\mu_\pm` the intercepts of local polynomials on the two sides, weighted by
    the kernel :math:`K((X - c) / h)`,

    .. math:: \hat\tau = \hat\mu_+ - \hat\mu_-, \qquad
        \hat\tau_{bc} = \hat\tau - h^{p + 1} (\hat B_+ - \hat B_-), \qquad
        \hat\tau_{bc} \pm z \, \hat V_{bc}^{1/2}

    where :math:`\hat B` is the leading bias, from polynomials of degree :math:`p + 1` and
    bandwidth :math:`b`, and :math:`\hat V_{bc}` counts the noise of that correction too.
    Estimand: :math:`E[Y(1) - Y(0) \mid X = c]`, if both mean outcomes run smoothly through the
    cutoff.

    ``estimate`` is the conventional :math:`\hat\tau`, whose ``std_error`` says nothing of its
    bias; the interval is the robust bias-corrected one, around ``bias_corrected``. Variances
    compare each row with its three nearest on its side; with `cluster` they sum residuals by
    cluster and side, with :math:`\frac{G}{G - 1} \frac{n - 1}{n - k}`, for the t distribution
    with the degrees that Satterthwaite gives the two sides (do not cluster by the score itself:
    Kolesár and Rothe 2018). Estimates, errors and bandwidths are those of the authors' package
    rdrobust.

    With the optimal bandwidth the nominal 95% interval covered in 90.5 and 93.1% of 1,000 samples
    of 500 rows from the first two models of Calonico, Cattaneo and Titiunik (2014), a conventional
    one in 88.6 and 84.6%. With 3, 5, 10 and 20 clusters a side, of 40 rows each, it covered in 94,
    93, 92 and 91% of 500 samples of the first (with normal quantiles: 82, 89, 89, 91).

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, running : str
        Numeric columns: the outcome, and the score that the rule looks at.
    cutoff : float
        Score from which the rule changes, in the unit of `running`.
    treated_side : {"above", "below"}, default "above"
        Side of the cutoff whose units the rule treats.
    bandwidth : float, optional
        Distance from the cutoff within which rows count; mean-squared-error optimal by default.
    bias_bandwidth : float, optional
        The same for the bias; optimal by default, and equal to a `bandwidth` that is given.
    kernel : {"triangular", "uniform", "epanechnikov"}, default "triangular"
        How the weight of a row falls with its distance.
    order : int, default 1
        Degree of the polynomials, 0 for means; that of the bias is one more.
    covariates : str or list of str, default ()
        Columns settled before the score, for precision; a category enters as dummies.
    cluster : str, optional
        Column of cluster names, for a clustered variance.
    level : float, default 0.95
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        ``estimate, std_error, ci_low, ci_high, n`` (all rows), then ``bias_corrected`` and its
        ``robust_std_error``, ``bandwidth``, ``bias_bandwidth``, and the rows within the
        bandwidth, ``n_below, n_above``, with their distinct scores, ``distinct_below,
        distinct_above`` (a dozen or fewer are a case for `honest`).

    Raises
    ------
    ValueError
        If a column or an option is unfit, the cutoff has rows on one side only, a side has too
        few distinct scores or one cluster only, a covariate is constant or collinear near the
        cutoff, or the outcome does not vary there.

    References
    ----------
    Hahn, Todd and Van der Klaauw (2001), Econometrica 69(1), 201-209.
    Calonico, Cattaneo and Titiunik (2014), Econometrica 82(6), 2295-2326.
    Calonico, Cattaneo, Farrell and Titiunik (2019), Review of Economics and Statistics 101(3),
    442-451 (covariates).
    Bartalotti and Brummet (2017), Advances in Econometrics 38, 383-420 (clusters).

    Examples
    --------
    >>> x = np.arange(-50, 50)
    >>> days = 8 + x / 20 - 2 * (x >= 0) + x * 7 % 11 / 10
    >>> patients = pd.DataFrame({"risk": x, "days": days})
    >>> found = sharp(patients, outcome="days", running="risk", cutoff=0)
    >>> found[["estimate", "ci_low", "ci_high", "bandwidth"]].round(2).to_dict()
    {'estimate': -2.07, 'ci_low': -2.78, 'ci_high': -1.4, 'bandwidth': 17.55}
    """
    mine = {"covariates": covariates, "cluster": cluster}
    design = _read_rule(data, outcome, running, cutoff, treated_side, kernel, order, **mine)
    return _inference("sharp", design, bandwidth, bias_bandwidth, level)


def fuzzy(
    data,
    *,
    outcome,
    running,
    cutoff,
    treatment,
    treated_side="above",
    bandwidth=None,
    bias_bandwidth=None,
    kernel="triangular",
    order=1,
    covariates=(),
    cluster=None,
    level=0.95,
):
    r"""Estimate the effect at the cutoff of a rule that not everybody follows.

    The outcome's jump over the treatment's jump, :math:`\hat\tau = \hat\tau_Y / \hat\tau_D`, each
    from local polynomials on the two sides. The bias of both is corrected through the ratio's
    derivative, and the interval is robust: it counts the noise of the correction. Estimand: the
    average effect at the cutoff among compliers, whom crossing it makes take the treatment
    (LATE), if mean potential outcomes and shares run smoothly through the cutoff, the side acts
    on the outcome through the treatment only, and nobody does the opposite of the rule.

    The default bandwidth is rdrobust's (its ``fuzzy`` option): where both sides have treated and
    untreated it weighs outcome and treatment by their levels on each side, so it moves with the
    origin of the outcome; where one side complies fully it is the outcome's own. For one that
    does not move, give the `bandwidth` of the outcome alone (``sharpbw`` there). As with any
    instrument the interval fails when the jump of the treatment is weak: see ``first_stage``.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, running : str
        Numeric columns: the outcome, and the score that the rule looks at.
    cutoff : float
        Score from which the rule changes, in the unit of `running`.
    treatment : str
        Numeric column: the treatment taken.
    treated_side : {"above", "below"}, default "above"
        Side of the cutoff on which the rule treats, so that the treatment jumps up.
    bandwidth : float, optional
        Distance from the cutoff within which rows count; mean-squared-error optimal by default.
    bias_bandwidth : float, optional
        The same for the bias; optimal by default, and equal to a `bandwidth` that is given.
    kernel : {"triangular", "uniform", "epanechnikov"}, default "triangular"
        How the weight of a row falls with its distance.
    order : int, default 1
        Degree of the polynomials, 0 for means; that of the bias is one more.
    covariates : str or list of str, default ()
        Columns settled before the score, for precision; a category enters as dummies.
    cluster : str, optional
        Column of cluster names, for a clustered variance.
    level : float, default 0.95
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        ``estimate, std_error, ci_low, ci_high, n`` (all rows), then ``bias_corrected`` and its
        ``robust_std_error``, ``bandwidth``, ``bias_bandwidth``, the rows within the bandwidth,
        ``n_below, n_above``, with their distinct scores, ``distinct_below, distinct_above``, and
        the jump of the treatment, ``first_stage``, with its ``first_stage_error``.
        ``attrs["warning"]`` is a sentence where the square of their ratio is below 10, else empty.

    Raises
    ------
    ValueError
        If a column or an option is unfit, the treatment jumps the other way or not at all, the
        cutoff has rows on one side only, a side has too few distinct scores or one cluster
        only, a covariate is constant or collinear near the cutoff, or the outcome does not vary.

    References
    ----------
    Hahn, Todd and Van der Klaauw (2001), Econometrica 69(1), 201-209.
    Calonico, Cattaneo and Titiunik (2014), Econometrica 82(6), 2295-2326.
    Feir, Lemieux and Marmer (2016), Journal of Business & Economic Statistics 34(2), 185-196
    (weak first stages).

    Examples
    --------
    >>> x = np.arange(-50, 50)
    >>> called = (x % 4 == 0) | ((x >= 0) & (x % 4 != 1))
    >>> patients = pd.DataFrame({"risk": x, "call": called * 1})
    >>> patients["days"] = 8 - 2 * called + x * 7 % 11 / 10
    >>> columns = {"outcome": "days", "running": "risk", "treatment": "call"}
    >>> found = fuzzy(patients, **columns, cutoff=0, bandwidth=30)
    >>> found[["estimate", "ci_low", "ci_high", "first_stage"]].round(2).to_dict()
    {'estimate': -2.08, 'ci_low': -3.17, 'ci_high': -1.04, 'first_stage': 0.56}
    """
    if treatment is None:
        raise ValueError(
            "treatment is None; name the column of the treatment taken, or, where everybody "
            "follows the rule, use sharp"
        )
    mine = {"covariates": covariates, "cluster": cluster, "treatment": treatment}
    design = _read_rule(data, outcome, running, cutoff, treated_side, kernel, order, **mine)
    return _inference("fuzzy", design, bandwidth, bias_bandwidth, level)


def bandwidth(
    data,
    *,
    outcome,
    running,
    cutoff,
    treatment=None,
    method="cct",
    kernel="triangular",
    order=1,
    covariates=(),
    cluster=None,
):
    r"""Choose the bandwidth that makes the estimate's mean squared error least.

    ``"cct"`` is the choice of Calonico, Cattaneo and Titiunik with one bandwidth for both sides,
    :math:`h = \{\hat V / (2 (p + 1) (\hat B^2 + \hat R))\}^{1 / (2 p + 3)}`, where :math:`\hat R`,
    three times the variance of the estimated bias :math:`\hat B`, keeps it from growing where
    there seems to be none; pilot bandwidths hold ten distinct scores a side where scores repeat.
    ``"ik"`` is that of Imbens and Kalyanaraman. Both balance noise and bias of the *estimate*, so
    the bias it leaves is no smaller than the noise, and a conventional interval misses it; the
    robust one of `sharp` does not. They estimate no effect, and assume that the mean outcome
    has :math:`p + 2` derivatives on each side.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, running : str
        Numeric columns: the outcome, and the score that the rule looks at.
    cutoff : float
        Score from which the rule changes, in the unit of `running`.
    treatment : str, optional
        Numeric column: the treatment taken, for a fuzzy rule.
    method : {"cct", "ik"}, default "cct"
        Whose choice. "ik" is for polynomials of degree 1 in the score alone.
    kernel : {"triangular", "uniform", "epanechnikov"}, default "triangular"
        How the weight of a row falls with its distance.
    order : int, default 1
        Degree of the polynomials, 0 for means; that of the bias is one more.
    covariates : str or list of str, default ()
        Columns settled before the score, for precision; a category enters as dummies.
    cluster : str, optional
        Column of cluster names, for clustered variances.

    Returns
    -------
    pandas.Series
        ``bandwidth``, ``bias_bandwidth`` (the same for "ik"), and the rows within the bandwidth,
        ``n_below, n_above``.

    Raises
    ------
    ValueError
        If a column or an option is unfit, the cutoff has rows on one side only, a side has too
        few distinct scores or one cluster only, or the outcome does not vary there.

    References
    ----------
    Calonico, Cattaneo and Titiunik (2014), Econometrica 82(6), 2295-2326.
    Imbens and Kalyanaraman (2012), Review of Economic Studies 79(3), 933-959.

    Examples
    --------
    >>> x = np.arange(-50, 50)
    >>> days = 8 + x / 20 - 2 * (x >= 0) + x * 7 % 11 / 10
    >>> patients = pd.DataFrame({"risk": x, "days": days})
    >>> bandwidth(patients, outcome="days", running="risk", cutoff=0).round(1).to_dict()
    {'bandwidth': 17.6, 'bias_bandwidth': 26.3, 'n_below': 17.0, 'n_above': 18.0}
    """
    _check_choice("method", method, ("cct", "ik"))
    mine = {"covariates": covariates, "cluster": cluster, "treatment": treatment}
    design = _read_rule(data, outcome, running, cutoff, "above", kernel, order, **mine)
    if method == "cct":
        h, b = _mean_squared_error_optimal(design)
    else:
        h = b = _imbens_kalyanaraman(design)
    below, above = (_within(design, side, h).x.size for side in design.sides)
    entries = {"bandwidth": h, "bias_bandwidth": b, "n_below": below, "n_above": above}
    return pd.Series(entries, name=f"bandwidth, {method}", dtype=float)


def density_test(data, *, running, cutoff, bandwidth=None):
    r"""Test whether the density of the scores jumps at the cutoff, as it does if some are moved.

    A local polynomial of degree 3 through the empirical distribution of the scores, on each
    side, has the density as its slope at the cutoff,

    .. math:: T = (\hat f_+ - \hat f_-) / \hat V^{1/2},

    with the jackknife's variance. The default bandwidths are mean-squared-error optimal for
    degree 2, so that the bias of that estimate is gone from this one. Estimand: the jump of the
    density, an effect of nothing. It assumes that scores are as good as continuous: heaps at
    round values jump too. Not rejecting does not show that nobody moved a score: the test sees
    only moves in one direction, and only if there are enough of them.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit, all that have a score, whether or not their outcome was recorded.
    running : str
        Numeric column: the score that the rule looks at.
    cutoff : float
        Score from which the rule changes, in the unit of `running`.
    bandwidth : float or pair of float, optional
        Distance from the cutoff within which rows count, or the two below and above it.

    Returns
    -------
    pandas.Series
        null (a sentence), statistic, distribution, p_value, estimate (density above less that
        below), std_error, density_below, density_above, bandwidth_below, bandwidth_above, and
        the rows within them, n_below, n_above.

    Raises
    ------
    ValueError
        If a column or an option is unfit, the cutoff has rows on one side only, or a side has too
        few distinct scores.

    References
    ----------
    Cattaneo, Jansson and Ma (2020), Journal of the American Statistical Association 115(531),
    1449-1455.
    McCrary (2008), Journal of Econometrics 142(2), 698-714 (the idea).

    Examples
    --------
    >>> x = np.r_[np.arange(-50, 0) * 2, np.arange(120)]
    >>> found = density_test(pd.DataFrame({"risk": x}), running="risk", cutoff=0, bandwidth=50)
    >>> found[["density_below", "density_above", "p_value"]].astype(float).round(4).to_dict()
    {'density_below': 0.003, 'density_above': 0.0059, 'p_value': 0.4502}
    """
    x, slack = _centred(_read(data, running=running), running, cutoff)
    sides = _two_sides(x, x[:, np.newaxis], None, running, cutoff)
    rule = _Rule("", running, None, [], sides, 1, "triangular", 2, slack)
    if bandwidth is None:
        widths = _density_bandwidths(rule)
    else:
        widths = _reals("bandwidth", bandwidth, above=0)
        if len(widths) > 2:
            raise ValueError(f"give one bandwidth or two, below and above, got {len(widths)}")
        widths = np.broadcast_to(widths, 2)
    (below, v_below, n_below), (above, v_above, n_above) = (
        _slopes_at(rule, side, width, 3) for side, width in zip(sides, widths, strict=True)
    )
    std_error = np.sqrt(v_below + v_above)
    statistic = (above[1] - below[1]) / std_error
    entries = {
        "null": f"The density of {running!r} runs through {cutoff:g} without a jump.",
        "statistic": float(statistic),
        "distribution": "standard normal",
        "p_value": float(2 * stats.norm.sf(abs(statistic))),
        "estimate": float(above[1] - below[1]),
        "std_error": float(std_error),
        "density_below": float(below[1]),
        "density_above": float(above[1]),
        "bandwidth_below": float(widths[0]),
        "bandwidth_above": float(widths[1]),
        "n_below": n_below,
        "n_above": n_above,
    }
    return pd.Series(entries, name="density_test")


def placebo_cutoffs(
    data,
    *,
    outcome,
    running,
    cutoff,
    cutoffs=None,
    treated_side="above",
    bandwidth=None,
    kernel="triangular",
    order=1,
    covariates=(),
    cluster=None,
    level=0.95,
):
    r"""Estimate the jump where the rule does not change, and there should be none.

    At each placebo cutoff only the rows on its side of the true one are used, so that the true
    jump cannot reach it. Estimand: :math:`E[Y \mid X \downarrow c'] - E[Y \mid X \uparrow c']`,
    which is 0 if the mean outcome runs smoothly there; the design assumes that of the true
    cutoff, where it cannot be seen. Of many placebos, one in twenty excludes 0 by chance.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, running : str
        Numeric columns: the outcome, and the score that the rule looks at.
    cutoff : float
        Score from which the rule changes, in the unit of `running`.
    cutoffs : sequence of float, optional
        Scores where it does not; by default the medians of the scores below and above.
    treated_side : {"above", "below"}, default "above"
        Side of the cutoff whose units the rule treats; jumps are taken in that direction.
    bandwidth : float, optional
        Distance within which rows count; chosen anew at each cutoff by default.
    kernel : {"triangular", "uniform", "epanechnikov"}, default "triangular"
        How the weight of a row falls with its distance.
    order : int, default 1
        Degree of the polynomials, 0 for means; that of the bias is one more.
    covariates : str or list of str, default ()
        Columns settled before the score, for precision; a category enters as dummies.
    cluster : str, optional
        Column of cluster names, for a clustered variance.
    level : float, default 0.95
        Coverage of each interval, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by cutoff, with the entries that `sharp` has.

    Raises
    ------
    ValueError
        If a column or an option is unfit, a placebo is the true cutoff, or its side of it has too
        few distinct scores or one cluster only.

    References
    ----------
    Imbens and Lemieux (2008), Journal of Econometrics 142(2), 615-635.

    Examples
    --------
    >>> x = np.arange(-50, 50)
    >>> days = 8 + x / 20 - 2 * (x >= 0) + x * 7 % 11 / 10
    >>> patients = pd.DataFrame({"risk": x, "days": days})
    >>> found = placebo_cutoffs(patients, outcome="days", running="risk", cutoff=0, bandwidth=20)
    >>> found[["estimate", "ci_low", "ci_high"]].round(2)
            estimate  ci_low  ci_high
    cutoff
    -25.5      -0.17   -1.02     0.36
     24.5       0.23   -0.14     1.05
    """
    data = _frame(data)
    x, _ = _centred(_read(data, running=running), running, cutoff)
    sides = _two_sides(x, x[:, np.newaxis], None, running, cutoff)
    if cutoffs is None:
        cutoffs = [float(np.median(side.x)) + cutoff for side in sides]
    rows = {}
    for place in _reals("cutoffs", cutoffs):
        if place == cutoff:
            raise ValueError(f"cutoffs has {place:g}, the true cutoff; name others")
        rows[place] = sharp(
            data[x < 0 if place < cutoff else x >= 0],
            outcome=outcome,
            running=running,
            cutoff=float(place),
            treated_side=treated_side,
            bandwidth=bandwidth,
            kernel=kernel,
            order=order,
            covariates=covariates,
            cluster=cluster,
            level=level,
        )
    return pd.DataFrame(rows).T.rename_axis("cutoff")


def donut(
    data,
    *,
    outcome,
    running,
    cutoff,
    radii,
    treated_side="above",
    bandwidth=None,
    kernel="triangular",
    order=1,
    covariates=(),
    cluster=None,
    level=0.95,
):
    r"""Estimate the effect without the rows nearest the cutoff, where scores may be moved.

    Rows nearer than a radius are left out, and the polynomials reach across the hole. Estimand:
    :math:`E[Y(1) - Y(0) \mid X = c]`, if scores are moved within the radius only, and the mean
    outcomes run on across it as they do outside. If `sharp` is right, wider holes give the same
    effect with more noise; an answer that moves by more than that says that those near the cutoff
    were sorted, or that the curves bend.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, running : str
        Numeric columns: the outcome, and the score that the rule looks at.
    cutoff : float
        Score from which the rule changes, in the unit of `running`.
    radii : float or sequence of float
        Rows nearer the cutoff than this are left out; 0 leaves out none.
    treated_side : {"above", "below"}, default "above"
        Side of the cutoff whose units the rule treats.
    bandwidth : float, optional
        Distance from the cutoff within which rows count; chosen anew for each radius by default.
    kernel : {"triangular", "uniform", "epanechnikov"}, default "triangular"
        How the weight of a row falls with its distance.
    order : int, default 1
        Degree of the polynomials, 0 for means; that of the bias is one more.
    covariates : str or list of str, default ()
        Columns settled before the score, for precision; a category enters as dummies.
    cluster : str, optional
        Column of cluster names, for a clustered variance.
    level : float, default 0.95
        Coverage of each interval, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        Indexed by radius, with the entries that `sharp` has.

    Raises
    ------
    ValueError
        If a column or an option is unfit, or a hole leaves too few distinct scores or clusters.

    References
    ----------
    Barreca, Guldi, Lindo and Waddell (2011), Quarterly Journal of Economics 126(4), 2117-2123.

    Examples
    --------
    >>> x = np.arange(-50, 50)
    >>> days = 8 + x / 20 - 2 * (x >= 0) + x * 7 % 11 / 10
    >>> patients = pd.DataFrame({"risk": x, "days": days})
    >>> columns = {"outcome": "days", "running": "risk"}
    >>> found = donut(patients, **columns, cutoff=0, radii=[0, 2, 4], bandwidth=20)
    >>> found[["estimate", "ci_low", "ci_high"]].round(2)
            estimate  ci_low  ci_high
    radius
    0          -2.06   -2.89    -1.32
    2          -1.99   -3.08    -0.81
    4          -2.15   -3.52    -0.87
    """
    data = _frame(data)
    x, slack = _centred(_read(data, running=running), running, cutoff)
    radii = _reals("radii", radii, least=0)
    for side in _two_sides(x, x[:, np.newaxis], None, running, cutoff):
        reach = np.abs(side.x).max()
        if reach < radii.max() - slack:
            raise ValueError(
                f"radii has {radii.max():g}, and no row of column {running!r} lies so far "
                f"{side.where} the cutoff of {cutoff:g}; give smaller ones, the last is "
                f"{reach:.4g} away"
            )
    rows = {
        radius: sharp(
            data[np.abs(x) >= radius - slack],
            outcome=outcome,
            running=running,
            cutoff=cutoff,
            treated_side=treated_side,
            bandwidth=bandwidth,
            kernel=kernel,
            order=order,
            covariates=covariates,
            cluster=cluster,
            level=level,
        )
        for radius in radii
    }
    return pd.DataFrame(rows).T.rename_axis("radius")


def honest(
    data,
    *,
    outcome,
    running,
    cutoff,
    curvature,
    treated_side="above",
    bandwidth=None,
    kernel="triangular",
    level=0.95,
):
    r"""Estimate the effect with an interval that allows for the largest bias there can be.

    If the second derivative of the mean outcome is nowhere larger than :math:`M` on either side,
    the local linear estimate with weights :math:`w_i` is off by at most

    .. math:: B = -\frac{M}{2} \sum_i w_i^\pm (X_i - c)^2, \qquad
        \hat\tau \pm cv(B / \hat V^{1/2}) \, \hat V^{1/2},

    with :math:`w_i^\pm` the weights of the intercept on the row's own side and
    :math:`cv(t)` the quantile of :math:`|N(t, 1)|`. With normal errors of known
    variance the interval covers in samples of any size, whether the score is continuous or takes a
    dozen values, with no row near the cutoff. Variances are estimated here, so with two rows at
    each score it is a little short.
    Estimand: :math:`E[Y(1) - Y(0) \mid X = c]`, if :math:`M` is a bound. It cannot be learned
    from the data: take it from the subject, and show the interval for several.

    Parameters
    ----------
    data : pandas.DataFrame
        One row per unit.
    outcome, running : str
        Numeric columns: the outcome, and the score that the rule looks at.
    cutoff : float
        Score from which the rule changes, in the unit of `running`.
    curvature : float
        Bound on the second derivative of the mean outcome, in its unit over that of the score
        squared; with 0 both sides are lines.
    treated_side : {"above", "below"}, default "above"
        Side of the cutoff whose units the rule treats.
    bandwidth : float, optional
        Distance from the cutoff within which rows count; by default the one, of 100, for which
        variance and squared `largest_bias` have the least sum.
    kernel : {"triangular", "uniform", "epanechnikov"}, default "triangular"
        How the weight of a row falls with its distance.
    level : float, default 0.95
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    pandas.Series
        ``estimate, std_error, ci_low, ci_high, n`` (all rows), then ``largest_bias``,
        ``bandwidth``, and the rows within it, ``n_below, n_above``.

    Raises
    ------
    ValueError
        If a column or an option is unfit, the cutoff has rows on one side only, a side has one
        distinct score, or the outcome does not vary near the cutoff.

    References
    ----------
    Kolesár and Rothe (2018), American Economic Review 108(8), 2277-2304.
    Armstrong and Kolesár (2020), Quantitative Economics 11(1), 1-39.

    Examples
    --------
    >>> x = np.repeat(np.arange(-6, 6), 20)
    >>> days = 8 + x / 20 - 2 * (x >= 0) + np.arange(240) % 20 / 10
    >>> patients = pd.DataFrame({"risk": x, "days": days})
    >>> found = honest(patients, outcome="days", running="risk", cutoff=0, curvature=0.05)
    >>> found[["estimate", "ci_low", "ci_high", "largest_bias"]].round(2).to_dict()
    {'estimate': -2.0, 'ci_low': -2.47, 'ci_high': -1.53, 'largest_bias': 0.13}
    """
    _check_level(level)
    curvature = _real("curvature", curvature, least=0)
    rule = _read_rule(data, outcome, running, cutoff, treated_side, kernel, 1, (), None)
    h = (
        _least_risk(rule, curvature)
        if bandwidth is None
        else _real("bandwidth", bandwidth, above=0)
    )
    estimate = variance = bias = 0.0
    near = [_within(rule, side, h) for side in rule.sides]
    for side, sign in zip(near, (-rule.sign, rule.sign), strict=True):
        weights = _smoother(rule, side, 1, h)[0]
        estimate += sign * weights @ side.columns[:, 0]
        variance += np.square(weights * _errors(rule, side, None)[:, 0]).sum()
        bias -= curvature / 2 * weights @ side.x**2
    _check_varies(rule, h)
    std_error, n = np.sqrt(variance), sum(len(side.x) for side in rule.sides)
    scale = max(np.abs(side.columns[:, 0]).max() for side in rule.sides)
    _check_noise(outcome, std_error, scale)
    margin = _folded_quantile(bias / std_error, level) * std_error
    entries = {"estimate": estimate, "std_error": std_error}
    entries |= {"ci_low": estimate - margin, "ci_high": estimate + margin, "n": n}
    entries |= {"largest_bias": bias, "bandwidth": h}
    entries |= {f"n_{side.where}": len(side.x) for side in near}
    return pd.Series(entries, name="honest", dtype=float)


class _Side(NamedTuple):
    """Rows on one side of the cutoff."""

    where: str  # "below" or "above"
    x: np.ndarray  # score less the cutoff
    columns: np.ndarray  # outcome, treatment if it is fuzzy, covariates
    cluster: np.ndarray | None

    def take(self, rows):
        """Return some of the rows."""
        cluster = None if self.cluster is None else self.cluster[rows]
        return self._replace(x=self.x[rows], columns=self.columns[rows], cluster=cluster)


class _Rule(NamedTuple):
    """A rule by a score: the rows on both sides of its cutoff, and how they are smoothed."""

    outcome: str
    running: str
    treatment: str | None
    covariates: list  # their labels
    sides: tuple  # below, above
    sign: int  # 1 if the treated lie above, -1 if below
    kernel: str
    order: int
    slack: float  # how far rounding may have moved a score


def _read_rule(
    data, outcome, running, cutoff, treated_side, kernel, order, covariates, cluster, treatment=None
):
    """Return the rows on both sides of a cutoff, checked."""
    _check_choice("treated_side", treated_side, ("above", "below"))
    _check_choice("kernel", kernel, tuple(PILOT))
    order = _count("order", order, least=0)
    roles = {"outcome": outcome, "running": running}
    if treatment is not None:
        roles["treatment"] = treatment
    several = {"covariates": _names("covariates", covariates)}
    table = _read(data, cluster=cluster, several=several, **roles)
    x, slack = _centred(table, running, cutoff)
    y, extra = _outcome(table, outcome), _design(table, several["covariates"])
    taken = [] if treatment is None else [_outcome(table, treatment)]
    y = y if taken else y - y.mean()  # the pilots of a fuzzy rule use its level, as rdrobust does
    if extra.labels:
        _basis(extra, also=2 * order + 1)
    scale = extra.columns.std(axis=0)
    columns = np.column_stack([y, *taken, extra.columns / scale])
    groups = None if cluster is None else pd.factorize(table[cluster])[0]
    sides = _two_sides(x, columns, groups, running, cutoff)
    sign = 1 if treated_side == "above" else -1
    names = outcome, running, treatment, extra.labels
    return _Rule(*names, sides, sign, kernel, order, slack)


def _two_sides(x, columns, groups, running, cutoff):
    """Return the rows below the cutoff and those from it on, or raise."""
    sides = []
    for where, rows in (("below", x < 0), ("above", x >= 0)):
        if not rows.any():
            raise ValueError(
                f"column {running!r} runs from {x.min() + cutoff:g} to {x.max() + cutoff:g}, so "
                f"no row lies {where} the cutoff of {cutoff:g}; check the cutoff and its unit"
            )
        sides.append(_Side(where, x, columns, groups).take(rows))
    return tuple(sides)


def _centred(table, running, cutoff):
    """Return scores less the cutoff, and how far rounding may have moved one."""
    cutoff, score = _real("cutoff", cutoff), _numbers(table, running)
    precision = 4 * max(table.attrs["precision"][running], np.finfo(float).eps)
    x = score - cutoff
    return np.where(np.abs(x) <= precision * abs(cutoff), 0, x), precision * np.abs(score).max()


def _kernel(rule, x, h):
    """Return the weights of rows at distances from the cutoff, 0 beyond the bandwidth."""
    u, edge = np.abs(x / h), max(1e-9, rule.slack / h)
    if rule.kernel == "uniform":
        return (u <= 1 + edge) * 1.0
    shape = 1 - u if rule.kernel == "triangular" else 1 - u**2
    return np.where(u < 1 - edge, shape, 0)


def _within(rule, side, h):
    """Return the rows of a side that have weight under a bandwidth."""
    return side.take(_kernel(rule, side.x, h) > 0)


def _smoother(rule, side, order, h):
    """Return the matrix from outcomes to the coefficients of a local polynomial, or raise."""
    weights = np.sqrt(_kernel(rule, side.x, h))
    distinct = len(np.unique(side.x[weights > 0]))
    if distinct <= order:
        held = len(np.unique(next(each.x for each in rule.sides if each.where == side.where)))
        remedy = (
            "use a larger bandwidth, or, where a score has few values, honest with a bound on the "
            "curvature"
        )
        if held == 1:
            remedy = "find rows with other scores, as one on a side shows no slope"
        elif not rule.outcome:
            remedy = "use a larger bandwidth; a score of few values has no density to test"
        raise ValueError(
            f"column {rule.running!r} has {distinct} distinct value(s) {side.where} the cutoff "
            f"within {h:.4g} of it, and a polynomial of degree {order} needs {order + 1} or more; "
            f"{remedy}"
        )
    powers = (side.x / h)[:, np.newaxis] ** np.arange(order + 1)
    q, r = np.linalg.qr(powers * weights[:, np.newaxis])
    found = linalg.solve_triangular(r, (q * weights[:, np.newaxis]).T)
    return found / h ** np.arange(order + 1)[:, np.newaxis]


def _fitted(side, beta):
    """Return the values of polynomials at the rows."""
    return side.x[:, np.newaxis] ** np.arange(len(beta)) @ beta


def _errors(rule, side, beta):
    """Return each row's error: from its polynomial if clustered, else from its neighbours."""
    if side.cluster is None:
        return _from_neighbours(side.x, side.columns, rule.slack)
    return side.columns - _fitted(side, beta)


def _from_neighbours(x, columns, slack):
    """Return each row's distance from the mean of its nearest, all ties included, rescaled."""
    points, at, counts = np.unique(x, return_inverse=True, return_counts=True)
    columns = columns - columns.mean(axis=0)
    low = high = np.arange(len(points))
    ends = np.r_[0, np.cumsum(counts)]
    padded = np.r_[-np.inf, points, np.inf]
    while True:
        others = ends[high + 1] - ends[low] - 1
        short = others < min(MATCHES, len(x) - 1)
        if not short.any():
            break
        left, right = points - padded[low], padded[high + 2] - points
        tie = np.sqrt(np.finfo(float).eps) * np.minimum(left, right) + slack
        low, high = low - (short & (left <= right + tie)), high + (short & (right <= left + tie))
    sums = np.zeros((len(points) + 1, columns.shape[1]))
    np.add.at(sums, at + 1, columns)
    sums = np.cumsum(sums, axis=0)
    sums, others = (sums[high + 1] - sums[low])[at], others[at, np.newaxis]
    return np.sqrt(others / (others + 1)) * (columns - (sums - columns) / others)


def _spread(side, weights, errors, parameters):
    """Return the variance of a weighted sum of a side's rows."""
    if side.cluster is None:
        return np.square(weights * errors).sum()
    factor = (len(errors) - 1) / (len(errors) - parameters)
    return _clustered((weights * errors)[:, np.newaxis], side.cluster, factor)[0].item()


def _check_grouped(side):
    """Raise if a side's rows are one cluster."""
    if side.cluster is not None and len(np.unique(side.cluster)) == 1:
        raise ValueError(
            f"the {len(side.x)} row(s) near the cutoff that lie {side.where} it are one cluster, "
            "which cannot show how clusters differ; use a larger bandwidth, or cluster by a finer "
            "column"
        )


def _products(rule, side, beta, h):
    """Return weighted cross products of the columns, net of a side's polynomial."""
    weights = np.sqrt(_kernel(rule, side.x, h))[:, np.newaxis]
    net = weights * (side.columns - _fitted(side, beta))
    return net.T @ net


def _adjustment(rule, products):
    """Return the matrix from columns to outcome and treatment net of the covariates."""
    outcomes = 1 + (rule.treatment is not None)
    slopes = np.linalg.pinv(products[outcomes:, outcomes:], rcond=1e-10, hermitian=True)
    return np.vstack([np.eye(outcomes), -slopes @ products[outcomes:, :outcomes]])


def _gradient(adjustment, values):
    """Return how the effect moves with each column's jump: a ratio's derivative if fuzzy."""
    values = values @ adjustment
    if len(values) == 1:
        return adjustment[:, 0]
    return adjustment @ np.array([1 / values[1], -values[0] / values[1] ** 2])


def _mean_squared_error_optimal(rule):
    """Return the bandwidths of estimate and bias (Calonico, Cattaneo and Titiunik 2014)."""
    if rule.treatment is not None and any(np.ptp(side.columns[:, 1]) == 0 for side in rule.sides):
        return _mean_squared_error_optimal(_without_treatment(rule))
    p, q, pad = rule.order, rule.order + 1, 1 + np.sqrt(np.finfo(float).eps)
    x = np.concatenate([side.x for side in rule.sides])
    distinct = [np.unique(np.abs(side.x)) for side in rule.sides]
    reach, least = [values[-1] for values in distinct], 0
    low, high = np.quantile(x, [0.25, 0.75], method="averaged_inverted_cdf")
    pilot = PILOT[rule.kernel] * min(x.std(ddof=1), (high - low) / 1.349)
    pilot = min(pilot * sum(map(len, distinct)) ** -0.2, max(reach))
    pairs = zip(distinct, rule.sides, strict=True)
    if min(len(values) / len(side.x) for values, side in pairs) <= 0.8:  # scores repeat
        least = max(values[min(10, len(values)) - 1] for values in distinct) * pad
    pilot = max(pilot, least)
    _check_varies(rule, pilot)

    def step(order, derivative, bias_order, widths, regularized):
        parts = [
            _error_parts(rule, side, order, derivative, bias_order, pilot, width)
            for side, width in zip(rule.sides, widths, strict=True)
        ]
        (v_below, b_below, r_below), (v_above, b_above, r_above) = parts
        square = (b_above - b_below) ** 2 + regularized * (r_above + r_below)
        return min(((v_below + v_above) / square) ** (1 / (2 * order + 3)), max(reach))

    d = step(q + 1, q + 1, q + 2, [pad * width for width in reach], 0)
    b = step(q, q, q + 1, [max(d, least)] * 2, 1)
    return step(p, 0, q, [b, b], 1), b


def _without_treatment(rule):
    """Return the rule with the outcome and the covariates alone."""
    kept = np.arange(rule.sides[0].columns.shape[1]) != 1
    sides = tuple(side._replace(columns=side.columns[:, kept]) for side in rule.sides)
    return rule._replace(treatment=None, sides=sides)


def _error_parts(rule, side, order, derivative, bias_order, pilot, width):
    """Return variance, bias and regularization of a derivative at the cutoff, on one side."""
    near = _within(rule, side, pilot)
    _check_grouped(near)
    smoother = _smoother(rule, near, order, pilot)
    beta = smoother @ near.columns
    gradient = _gradient(_adjustment(rule, _products(rule, near, beta, pilot)), beta[derivative])
    errors = _errors(rule, near, beta) @ gradient
    variance = _spread(near, smoother[derivative], errors, order + 1)
    constant = pilot**derivative * smoother[derivative] @ (near.x / pilot) ** (order + 1)
    wide = _within(rule, side, width)
    smoother = _smoother(rule, wide, bias_order, width)
    beta = smoother @ wide.columns
    noise = _spread(wide, smoother[-1], _errors(rule, wide, beta) @ gradient, bias_order + 1)
    factor = 2 * (order + 1 - derivative)
    bias = np.sqrt(factor) * constant * (beta[-1] @ gradient)
    scale = (2 * derivative + 1) * pilot ** (2 * derivative + 1)
    return scale * variance, bias, 3 * factor * constant**2 * noise


def _imbens_kalyanaraman(rule):
    """Return Imbens and Kalyanaraman's (2012) bandwidth, by the numbers of its equations."""
    grouped = rule.sides[0].cluster is not None
    if rule.treatment is not None or rule.covariates or grouped or rule.order != 1:
        raise ValueError(
            "method='ik' is for lines in the score alone; leave out treatment, covariates, cluster "
            "and order, or use method='cct'"
        )
    x, y = (np.concatenate(part) for part in zip(*(side[1:3] for side in rule.sides), strict=True))
    n, h1 = len(x), 1.84 * x.std(ddof=1) * len(x) ** -0.2
    _check_varies(rule, h1)
    density = (np.abs(x) <= h1).sum() / (2 * n * h1)  # (11)
    cubic = np.column_stack([x >= 0, (x[:, np.newaxis] / h1) ** np.arange(4)])
    third = 6 * np.linalg.lstsq(cubic, y[:, 0], rcond=None)[0][4] / h1**3  # (14)
    curves, noise, variances = [], [], []
    for side in rule.sides:
        _smoother(rule, side, 2, 2 * np.abs(x).max())
        near = side.take(np.abs(side.x) <= h1)
        variance = near.columns.var(ddof=1) if len(near.x) > 1 else 0.0  # (12), (13)
        h2 = (7200 * variance / (density * third**2 * len(side.x))) ** (1 / 7)  # (15)
        wide = side.take(np.abs(side.x) <= h2)
        smoother = _smoother(rule._replace(kernel="uniform"), wide, 2, h2)
        curves.append(2 * (smoother @ wide.columns).item(2))
        noise.append(2160 * variance / (len(wide.x) * h2**4))  # (16)
        variances.append(variance)
    square = (curves[1] - curves[0]) ** 2 + sum(noise)
    return (CONSTANT[rule.kernel] * sum(variances) / (density * square * n)) ** 0.2  # (17)


class _Weighed(NamedTuple):
    """A side's rows near the cutoff, their weights, and how far each is off."""

    rows: _Side
    plain: np.ndarray  # weights of the intercept
    corrected: np.ndarray  # weights of the intercept less its bias
    errors: np.ndarray  # n, columns
    wider_errors: np.ndarray  # about the polynomial of the bias
    products: np.ndarray  # of the columns net of the polynomial


def _weighed(rule, side, h, b):
    """Return a side as the estimate weighs it."""
    near, p = _within(rule, side, max(h, b)), rule.order
    _check_grouped(near)
    smoother, wider = _smoother(rule, near, p, h), _smoother(rule, near, p + 1, b)
    plain, beta = smoother[0], smoother @ near.columns
    corrected = plain - (plain @ near.x ** (p + 1)) * wider[p + 1]
    errors = _errors(rule, near, beta), _errors(rule, near, wider @ near.columns)
    return _Weighed(near, plain, corrected, *errors, _products(rule, near, beta, h))


def _inference(method, rule, h, b, level):
    """Return the estimate with its robust bias-corrected interval."""
    _check_level(level)
    if h is None and b is not None:
        raise ValueError(f"bias_bandwidth= needs bandwidth= beside it, got {b!r} alone; give both")
    if h is None:
        h, b = _mean_squared_error_optimal(rule)
    h = _real("bandwidth", h, above=0)
    b = h if b is None else _real("bias_bandwidth", b, above=0)
    below, above = (_weighed(rule, side, h, b) for side in rule.sides)
    _check_varies(rule, max(h, b))
    products = below.products + above.products
    _check_covariates(rule, products)
    adjustment = _adjustment(rule, products)
    jump = above.plain @ above.rows.columns - below.plain @ below.rows.columns
    better = above.corrected @ above.rows.columns - below.corrected @ below.rows.columns
    jumps = rule.sign * jump @ adjustment
    if rule.treatment is not None:
        first_error = np.sqrt(_variances(rule, (below, above), adjustment[:, 1])[0].sum())
        _check_first_stage(rule, jumps[1], first_error)
    gradient = _gradient(adjustment, rule.sign * jump)
    estimate = jumps[0] if rule.treatment is None else jumps[0] / jumps[1]
    corrected = estimate + rule.sign * (better - jump) @ gradient
    plain, robust = _variances(rule, (below, above), gradient)
    scale = max(np.abs(side.columns[:, 0]).max() for side in rule.sides)
    scale = scale if rule.treatment is None else scale / np.abs(jumps[1])
    _check_noise(rule.outcome, np.sqrt([plain.sum(), robust.sum()]), scale)
    df, n = _degrees((below, above), robust), sum(len(side.x) for side in rule.sides)
    found = _result(method, corrected, np.sqrt(robust.sum()), n=n, level=level, df=df).to_dict()
    found["bias_corrected"], found["robust_std_error"] = found["estimate"], found["std_error"]
    found["estimate"], found["std_error"] = estimate, np.sqrt(plain.sum())
    found["bandwidth"], found["bias_bandwidth"] = h, b
    near = {side.where: _within(rule, side, h).x for side in rule.sides}
    found |= {f"n_{where}": len(x) for where, x in near.items()}
    found |= {f"distinct_{where}": len(np.unique(x)) for where, x in near.items()}
    if rule.treatment is not None:
        found["first_stage"], found["first_stage_error"] = jumps[1], first_error
    result = pd.Series(found, name=method, dtype=float)
    if rule.treatment is not None:
        result.attrs["warning"] = _weakness(rule.treatment, jumps[1], first_error)
    return result


def _variances(rule, parts, gradient):
    """Return each side's variance, of the plain estimate and of the corrected one."""
    found = [
        [
            _spread(part.rows, part.plain, part.errors @ gradient, rule.order + 1),
            _spread(part.rows, part.corrected, part.wider_errors @ gradient, rule.order + 2),
        ]
        for part in parts
    ]
    return np.transpose(found)


def _degrees(parts, variances):
    """Return the degrees of freedom of two sides with clusters each (Satterthwaite 1946)."""
    if parts[0].rows.cluster is None:
        return np.inf
    degrees = np.array([len(np.unique(part.rows.cluster)) - 1 for part in parts])
    return variances.sum() ** 2 / (variances**2 / degrees).sum()


def _check_varies(rule, h):
    """Raise if the outcome is constant on both sides of the cutoff."""
    near = [_within(rule, side, h).columns[:, 0] for side in rule.sides]
    if max(len(np.unique(values)) for values in near) == 1:
        raise ValueError(
            f"column {rule.outcome!r} does not vary within {h:.4g} of the cutoff, so its noise "
            "cannot be estimated; use a larger bandwidth, or check how it was made"
        )


def _check_covariates(rule, products):
    """Raise if a covariate adds nothing near the cutoff to the score and those before it."""
    first = len(products) - len(rule.covariates)
    for k, name in enumerate(rule.covariates, start=first):
        before = products[first:k, first:k], products[first:k, k]
        rest = products[k, k] - before[1] @ np.linalg.solve(*before)
        if rest <= 1e-9:
            raise ValueError(
                f"near the cutoff, column {name!r} is constant or a combination of the score and "
                "the covariates before it; drop it"
            )


def _check_first_stage(rule, jump, error):
    """Raise if the treatment does not jump at the cutoff, or jumps the other way."""
    if abs(jump) <= 1e-9:
        raise ValueError(
            f"column {rule.treatment!r} does not jump at the cutoff, so nothing moves it there; "
            "check the cutoff"
        )
    if jump < -4 * error:
        side = "below" if rule.sign == 1 else "above"
        raise ValueError(
            f"column {rule.treatment!r} is {-jump:.3g} lower on the side that is said to be "
            f"treated; set treated_side={side!r}, or check its coding"
        )


def _weakness(treatment, jump, error):
    """Return a sentence if the treatment's jump is weak."""
    if jump**2 >= 10 * error**2:
        return ""
    return (
        f"column {treatment!r} jumps by {jump:.3g} with a standard error of {error:.3g}; where "
        "their ratio is small the interval covers too rarely, whatever its level says"
    )


def _slopes_at(rule, side, h, order):
    """Return a polynomial through the distribution function, and the variance of its slope."""
    x = np.sort(np.concatenate([part.x for part in rule.sides]))
    near = np.sort(_within(rule, side, h).x)
    share = (np.searchsorted(x, near, side="right") - 1) / (len(x) - 1)
    smoother = _smoother(rule, side._replace(x=near), order, h)
    after = np.cumsum(np.r_[0, smoother[1][::-1]])[::-1]  # of ties the authors leave out the first
    tails = after[np.searchsorted(near, near) + 1] / (len(x) - 1)
    return smoother @ share, tails @ tails, len(near)


def _density_bandwidths(rule):
    """Return Cattaneo, Jansson and Ma's two bandwidths for degree 2, the medians of three each.

    The pilots are those of a normal density; each bandwidth balances variance and squared bias of
    a density, of the jump, or of the sum of both.
    """
    x = np.concatenate([side.x for side in rule.sides])
    n, sd, reach = len(x), x.std(ddof=1), np.abs(x).max()
    z = x.mean() / sd
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    curved = 5 / 4 * 3430865.4551236178 / ((z**4 - 6 * z**2 + 3) ** 2 * density * n)
    plain = 1 / 4 * 548.57142857142857 / ((z**2 - 1) ** 2 * density * n)
    curved = max(min(curved ** (1 / 9) * sd, reach), *_nearest(rule, 25))
    plain = max(min(plain ** (1 / 5) * sd, reach), *_nearest(rule, 23))
    power = np.arange(3)
    inverse = np.linalg.inv(
        1 / ((power + power[:, np.newaxis] + 1) * (power + power[:, np.newaxis] + 2))
    )
    constant = inverse[1] @ (1 / ((power + 4) * (power + 5)))  # int (1 - u) u^(k + 3) du
    third = [_slopes_at(rule, side, curved, 4)[0][3] * constant for side in rule.sides]
    noise = [_slopes_at(rule, side, plain, 2)[1] * plain for side in rule.sides]
    least, most = _nearest(rule, 23), [np.abs(side.x).max() for side in rule.sides]

    def balanced(noise, bias, least, most):
        return max(min((noise / (4 * bias**2)) ** (1 / 5), most), least)

    both = [
        balanced(sum(noise), third[1] + sign * third[0], max(least), max(most)) for sign in (1, -1)
    ]
    alone = zip(noise, third, least, most, strict=True)
    return [np.median([balanced(*one), *both]) for one in alone]


def _nearest(rule, count):
    """Return, by side, how far the row of that rank lies, and the distinct score of that rank."""
    found = []
    for side in rule.sides:
        away = np.sort(np.abs(side.x))
        ranked = away, np.unique(away)
        found.append(max(values[min(count, len(values)) - 1] for values in ranked))
    return found


def _least_risk(rule, curvature):
    """Return the bandwidth with the least sum of variance and squared largest bias."""
    x = np.concatenate([side.x for side in rule.sides])
    pilot = 1.84 * x.std(ddof=1) * len(x) ** -0.2
    noise, least = [], 0.0
    for side in rule.sides:
        _smoother(rule, side, 1, 2 * np.abs(x).max())
        distinct = np.unique(np.abs(side.x))
        if len(distinct) > 1:
            least = max(least, 1.01 * distinct[1], distinct[1] + 2 * rule.slack)
        near = side.take(np.abs(side.x) <= max(pilot, 1.001 * distinct[min(1, len(distinct) - 1)]))
        noise.append(np.square(_errors(rule, near, None)).mean())
    widths, risks = np.geomspace(least, 2 * np.abs(x).max(), 100), []
    for h in widths:
        variance = bias = 0.0
        for side, square in zip(rule.sides, noise, strict=True):
            near = _within(rule, side, h)
            weights = _smoother(rule, near, 1, h)[0]
            variance += square * weights @ weights
            bias -= curvature / 2 * weights @ near.x**2
        risks.append(variance + bias**2)
    return widths[np.argmin(risks)]
