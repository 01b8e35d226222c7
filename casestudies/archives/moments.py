"""Cell moments in, microdata out: synthetic rows whose means and covariances are exact."""

from itertools import combinations_with_replacement

import numpy as np

__all__ = ["draw_cell", "generator", "microdata"]

ROUNDING = 1e-7  # what eight or nine published digits may leave wrong in a correlation
REDRAWS = 1_000


def draw_cell(n, mean, covariance, *, rng, floor=-np.inf):
    r"""Draw `n` rows that have exactly this mean and this covariance (divisor n).

    With :math:`\Sigma = L L'` and :math:`Q` an :math:`n \times r` matrix of random orthonormal
    columns that each sum to zero, the rows of

    .. math:: X = 1 \mu' + \sqrt{n} \, Q L'

    have mean :math:`\mu` and covariance :math:`X'X/n - \mu\mu' = \Sigma` whatever :math:`Q` is.
    In a large cell they look normal. Such a :math:`Q` exists when the rank :math:`r` of
    :math:`\Sigma` is at most :math:`n - 1`. Published moments are rounded: a correlation
    matrix that misses this, or positive semidefiniteness, by no more than 1e-7 is projected,
    the means and variances staying exact.

    Parameters
    ----------
    n : int
        Rows, at least 1.
    mean : array_like, shape (k,)
        Means of the measures.
    covariance : array_like, shape (k, k)
        Covariance matrix with divisor n, of rank at most n - 1.
    rng : int, numpy.random.Generator or numpy.random.RandomState
        Seed or source of the draw.
    floor : float or array_like, shape (k,)
        The lowest value allowed for each measure; the cell is drawn again until it holds.

    Returns
    -------
    numpy.ndarray, shape (n, k)
        The rows.

    Raises
    ------
    ValueError
        If no set of n rows has these moments, or none of 1,000 draws keeps to the floor.

    Examples
    --------
    >>> rows = draw_cell(5, [2.0, 1.0], [[1.0, 0.5], [0.5, 4.0]], rng=0)
    >>> rows.mean(axis=0).round(10).tolist()
    [2.0, 1.0]
    >>> np.cov(rows.T, bias=True).round(10).tolist()
    [[1.0, 0.5], [0.5, 4.0]]
    """
    rng = generator(rng)
    n, mean, covariance = _whole(n), np.asarray(mean, float), np.asarray(covariance, float)
    _require_moments(mean, covariance)
    low = np.broadcast_to(np.asarray(floor, float), mean.shape)
    if (mean < low).any():
        raise ValueError(f"means {mean.tolist()} lie below the floor {low.tolist()}; lower it")
    loadings = _loadings(n, covariance)
    slack = 1e-12 * (1 + np.abs(mean))
    for _ in range(REDRAWS):
        rows = mean + np.sqrt(n) * _orthonormal(n, loadings.shape[1], rng) @ loadings.T
        if (rows >= low - slack).all():
            return np.maximum(rows, low)
    raise ValueError(
        f"none of {REDRAWS:,} draws of {n} rows stayed at or above the floor {low.tolist()}, "
        f"means {mean.tolist()}; lower the floor or split the cell"
    )


def microdata(cells, *, by, measures, rng, floor=None):
    """Draw synthetic rows that have, cell by cell, the moments of `cells`.

    The rows are synthetic and the cell moments are real. Whatever depends on the rows only
    through cell counts, means, variances and covariances comes out as from the original
    rows, whatever the seed; nothing else does (see the package's docstring).

    Parameters
    ----------
    cells : pandas.DataFrame
        One row per cell: the columns `by`; ``n``; and for measures ``x`` and ``y`` in their
        order ``x_mean``, ``x_var`` (divisor n) and ``cov_x_y``. Where a mean is missing, the
        measure is missing in all rows of the cell.
    by : list of str
        The columns that identify a cell.
    measures : list of str
        The columns to draw.
    rng : int, numpy.random.Generator or numpy.random.RandomState
        Seed or source of the draw.
    floor : mapping of str to float, optional
        The lowest value allowed for a measure.

    Returns
    -------
    pandas.DataFrame
        Columns `by` and `measures`, ``n`` rows for each cell, in the order of `cells`.

    Raises
    ------
    ValueError
        If a column is missing, a cell comes twice, or a cell's moments are impossible; the
        message names the cell.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"school": ["a", "b"], "n": [4, 2], "score_mean": [3.0, 5.0],
    ...                       "score_var": [2.0, 1.0]})
    >>> rows = microdata(cells, by=["school"], measures=["score"], rng=0)
    >>> rows.groupby("school")["score"].mean().round(10).tolist()
    [3.0, 5.0]
    """
    by, measures, rng, floor = list(by), list(measures), generator(rng), dict(floor or {})
    _require_cells(cells, by, measures, floor)
    low = np.array([floor.get(name, -np.inf) for name in measures], dtype=float)
    means = cells[[f"{name}_mean" for name in measures]].to_numpy(float)
    blocks = []
    for position, (n, mean, covariance) in enumerate(
        zip(cells["n"].tolist(), means, _covariances(cells, measures), strict=True)
    ):
        seen = ~np.isnan(mean)
        second = covariance[np.ix_(seen, seen)]
        try:
            rows = draw_cell(n, mean[seen], second, rng=rng, floor=low[seen])
        except ValueError as error:
            cell = ", ".join(f"{name}={cells[name].iloc[position]}" for name in by)
            named = ", ".join(name for name, known in zip(measures, seen, strict=True) if known)
            raise ValueError(f"cell {cell}, measures {named}: {error}") from None
        block = np.full((len(rows), len(measures)), np.nan)
        block[:, seen] = rows
        blocks.append(block)
    sizes = [len(block) for block in blocks]
    drawn = cells[by].iloc[np.repeat(np.arange(len(cells)), sizes)].reset_index(drop=True)
    drawn[measures] = np.concatenate(blocks)
    return drawn


def _loadings(n, covariance):
    """Return L of shape (k, r), r <= n - 1, with LL' the covariance up to its rounding."""
    sd = np.sqrt(np.diag(covariance))
    unit = np.where(sd > 0, sd, 1.0)
    correlation = covariance / np.outer(unit, unit)
    if np.abs(correlation[sd == 0]).max(initial=0) > ROUNDING:
        raise ValueError("a measure with variance 0 has a covariance other than 0; set it to 0")
    strengths, directions = np.linalg.eigh(correlation)
    if strengths.min(initial=0) < -ROUNDING:
        raise ValueError(
            f"the covariance is not positive semidefinite: its correlation matrix has the "
            f"eigenvalue {strengths[0]:.3g}; check the covariances against the variances"
        )
    surplus = max(len(sd) - (n - 1), 0)
    if strengths[:surplus].max(initial=0) > ROUNDING:
        raise ValueError(
            f"{n} row(s) can carry a covariance of rank {n - 1} at most, this one has rank "
            f"{(strengths > ROUNDING).sum()} (variances {np.diag(covariance).tolist()}); "
            "check n, or the divisor of the variances"
        )
    kept = directions[:, surplus:] * np.sqrt(np.clip(strengths[surplus:], 0, None))
    length = np.linalg.norm(kept, axis=1, keepdims=True)
    return sd[:, None] * kept / np.where(sd[:, None] > 0, length, 1)


def _orthonormal(n, r, rng):
    draw = rng.standard_normal((n, r))
    return np.linalg.qr(draw - draw.mean(axis=0))[0]


def _covariances(cells, measures):
    stack = np.empty((len(cells), len(measures), len(measures)))
    for (i, a), (j, b) in combinations_with_replacement(enumerate(measures), 2):
        stack[:, i, j] = stack[:, j, i] = cells[_second(a, b)].to_numpy(float)
    return stack


def _second(a, b):
    return f"{a}_var" if a == b else f"cov_{a}_{b}"


def _require_moments(mean, covariance):
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
        raise ValueError(
            f"mean has shape {mean.shape} and covariance {covariance.shape}; give (k,) and (k, k)"
        )
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise ValueError("a mean, variance or covariance is missing or infinite; give them all")
    if (np.diag(covariance) < 0).any():
        raise ValueError(
            f"variances {np.diag(covariance).tolist()} include a negative one; correct it"
        )
    if not np.array_equal(covariance, covariance.T):
        raise ValueError("the covariance is not symmetric; give the same value on both sides")


def _require_cells(cells, by, measures, floor):
    seconds = [_second(a, b) for a, b in combinations_with_replacement(measures, 2)]
    _require_columns(cells, [*by, "n", *(f"{name}_mean" for name in measures), *seconds])
    if len(cells) == 0:
        raise ValueError("cells has no rows; give one row per cell")
    if cells.duplicated(by).any():
        twice = cells.loc[cells.duplicated(by), by].iloc[0].to_dict()
        raise ValueError(f"cell {twice} comes more than once; merge its rows or add a column to by")
    for name in floor:
        if name not in measures:
            raise ValueError(f"floor names {name!r}, which is none of the measures {measures}")


def _require_columns(frame, names):
    for name in names:
        if name not in frame:
            raise ValueError(f"no column {name!r}; the frame has {list(frame.columns)}")


def _whole(n):
    if not np.isfinite(n) or n != int(n) or n < 1:
        raise ValueError(f"n is {n}; a cell has a whole number of rows, at least 1")
    return int(n)


def generator(rng):
    """Return a Generator or RandomState as it is, and a whole number as default_rng(number)."""
    if isinstance(rng, np.random.Generator | np.random.RandomState):
        return rng
    if isinstance(rng, int | np.integer) and rng >= 0:
        return np.random.default_rng(rng)
    raise ValueError(
        f"rng must be an int of at least 0, a Generator or a RandomState, got {rng!r}; give a seed"
    )
