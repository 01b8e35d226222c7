"""Instrumental variables by cells: reading, partialling out, k-class estimates."""

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from casestudies.recipes._columns import _check_columns, _design, _names, _numbers, _result

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
    means, within, norms = _cell_moments(data, targets, code, size)
    control, instrument = (_term_columns(cells, plain[r], crossed[r], len(data)) for r in ROLES)
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


def _cell_moments(data, targets, code, size):
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


def _term_columns(cells, plain, crossed, rows):
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
