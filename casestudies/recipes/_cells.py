"""Instrumental variables by cells: reading, partialling out, k-class estimates."""

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg, sparse

from casestudies.recipes._clusters import _by_leverage, _clustered, _ways
from casestudies.recipes._columns import (
    _check_choice,
    _check_level,
    _check_noise,
    _design,
    _listed,
    _Matrix,
    _names,
    _numbers,
    _read,
    _result,
)
from casestudies.recipes._counted import _pool, _read_counted

BY_LEVERAGE = ("CR2", "CR3")
BY_CLUSTER = ("clustered", *BY_LEVERAGE)
WEAK = 10  # the rule of thumb for a first-stage F of Staiger and Stock (1997)


@dataclass(frozen=True)
class _Design:
    """Outcome (if any) and treatments, controls and instruments, by cell.

    The category of the controls with the most levels (or their only product, or the constant) is
    taken out by its means, or the categories to absorb are: `targets` (outcome, treatments) and
    `columns` (other controls, then instruments, less what others span) are cell values less the
    mean of the cell's `group`, times the root of the cell's size, over the norm (`scale`). The
    size is the number of `rows`, times the sampling weight. `within` is the targets' scatter
    inside cells. Columns are an orthonormal basis times `triangle`; targets are it times
    `loadings`, and a rest whose cross-products between cells are `between`.
    """

    n: int
    outcome: str | None
    cov: str
    level: float
    treatments: list | str
    rows: np.ndarray
    size: np.ndarray
    group: np.ndarray
    means: int  # coefficients of means that are taken out
    nested: int | None  # of these, in columns to absorb of which each level is in one cluster
    singletons: int  # rows left out, each alone in a level of a column to absorb
    cluster: pd.DataFrame | None
    scale: np.ndarray
    within: np.ndarray
    targets: np.ndarray
    columns: np.ndarray
    norms: np.ndarray
    controls: int
    triangle: np.ndarray
    loadings: np.ndarray
    between: np.ndarray

    @property
    def count(self):
        """Number of instruments net of the controls."""
        return len(self.triangle) - self.controls

    @property
    def df(self):
        """Rows less coefficients."""
        return self.n - self.means - len(self.triangle)

    @property
    def small_sample(self):
        """Small-sample factor of the errors: with columns to absorb, that of all coefficients."""
        if self.nested is None:
            return 1.0
        left = self.n - self.means - self.controls - len(_names("", self.treatments))
        if self.cov == "clustered":
            return (self.n - 1) / (left + self.nested)
        return self.n / left

    @functools.cached_property
    def explained(self):
        """Cross-products of what the instruments explain."""
        return self.loadings[self.controls :].T @ self.loadings[self.controls :]

    @functools.cached_property
    def residual(self):
        """Cross-products of what controls and instruments leave unexplained."""
        return self.between + self.within.sum(axis=0)

    @functools.cached_property
    def basis(self):
        """Orthonormal basis of the controls, then of the instruments net of them, by cell."""
        return linalg.solve_triangular(self.triangle, self.columns.T, trans="T").T

    @property
    def instruments(self):
        """Orthonormal instruments net of the controls, by cell."""
        return self.basis[:, self.controls :]

    @property
    def fitted(self):
        """Targets as the instruments net of the controls predict them, by cell."""
        return self.instruments @ self.loadings[self.controls :]

    @property
    def net(self):
        """Targets net of the controls, by cell."""
        return self.targets - self.basis[:, : self.controls] @ self.loadings[: self.controls]


def _partial_out(
    data,
    treatment,
    instruments,
    controls,
    cov,
    cluster,
    level,
    size,
    *more_cov,
    weights=None,
    absorb=(),
    named=("treatment", "instruments"),
    **outcome,
):
    """Check the input, reduce the rows to cells and take the controls out."""
    _check_level(level)
    _check_cov(cov, cluster, weights, more_cov)
    absorb = _check_absorb(cov, absorb)
    clusters = _cluster_names(cov, cluster)
    treatments = _names(named[0], treatment)
    terms = {"controls": controls, named[1]: instruments}
    terms = {role: _split(data, role, names) for role, names in terms.items()}
    roles = {named[0]: treatments, **_roles(terms), "absorb": absorb}
    for role in named:
        if not roles[role] and not any(terms.get(role, ())):
            raise ValueError(f"{role} is empty: no {role.rstrip('s')}; name at least one column")
    measured = tuple(dict.fromkeys(["outcome", named[0]]))
    first = clusters[0] if clusters else None
    several = {"several": roles, "cluster": first, "weights": weights}
    table, counted = _read_counted(data, size, measured, **several, **outcome)
    for name in clusters[1:]:
        more = _read(data, cluster=name)
        table[name] = more[name]
        table.attrs["precision"].update(more.attrs["precision"])
    names = list(table.columns[: len(outcome) + len(treatments)])
    keys = dict.fromkeys([*table.columns[len(names) :], *clusters])
    table, counted, singletons = _without_singletons(table, counted, absorb)
    n, rows, counted = counted.n, counted.size, _weigh_rows(table, keys, counted, weights)
    cells, code = _cells(table, keys)
    size, means, within, scale, limits = _standard_moments(table, names, counted, code)
    design = _Design(
        n=n,
        outcome=outcome.get("outcome"),
        cov=cov,
        level=level,
        treatments=treatment if isinstance(treatment, str) else treatments,
        rows=np.bincount(code, rows),
        size=size,
        cluster=cells[clusters] if clusters else None,
        scale=scale,
        within=within,
        singletons=singletons,
        **_reduce(cells, terms, means, size, absorb, clusters),
    )
    _check_order(design.count, treatments)
    _check_left(names, design, limits)
    return design


def _check_cov(cov, cluster, weights, more):
    """Raise unless the covariance is known, has its cluster column, and can have the weights."""
    _check_choice("cov", cov, ["unadjusted", "robust", "clustered", *more])
    if (cov in BY_CLUSTER) != (cluster is not None):
        fitting = cov if cov in BY_CLUSTER else "clustered"
        raise ValueError(
            f"cov={cov!r} with cluster={cluster!r}: cov={fitting!r} and the name of one column of "
            "clusters go together; give both or neither"
        )

    if weights is not None and cov not in ("robust", *BY_CLUSTER):
        raise ValueError(
            f"cov={cov!r} with weights={weights!r}: it takes one variance for all rows, and with "
            "sampling weights the error depends on who has the large ones; take cov='robust', or "
            "cov='clustered' and cluster="
        )


def _check_absorb(cov, absorb):
    """Return the columns of fixed effects to take out, or raise."""
    names = _names("absorb", absorb)
    if len(names) > 2:
        raise ValueError(
            f"absorb names {len(names)} columns, {_listed(names)}; name the two with the most "
            "levels, and the others among the controls, as categories"
        )
    if len(names) == 2 and cov in BY_LEVERAGE:
        raise ValueError(
            f"cov={cov!r} needs the leverages of all coefficients, which are not formed for two "
            f"columns to absorb; absorb the one of {_listed(names)} with more levels, and name the "
            "other among the controls, as a category"
        )
    return names


def _without_singletons(table, counted, absorb):
    """Leave out rows that are alone in a level of a column to absorb, until there are none.

    Such a level fits its row, which so tells nothing of the effect (Correia 2015).
    """
    kept = np.arange(len(table))
    while True:
        alone = np.zeros(len(kept), dtype=bool)
        for name in absorb:
            codes = pd.factorize(table[name].iloc[kept])[0]
            alone |= np.bincount(codes, counted.size[kept])[codes] == 1
        if not alone.any():
            break
        kept = kept[~alone]
    if len(kept) == len(table):
        return table, counted, 0
    if not len(kept):
        raise ValueError(
            f"every row is alone in a level of {_listed(absorb)}, so that nothing is left to "
            "compare; absorb a column with fewer levels"
        )
    return table.iloc[kept].reset_index(drop=True), counted.of(kept), len(table) - len(kept)


def _weigh_rows(table, keys, counted, weights):
    """Return rows of average weight in the place of rows; the weights become a key of the cells."""
    if np.ptp(counted.weights) == 0:
        return counted
    table[weights], keys[weights] = counted.weights, None
    table.attrs["precision"][weights] = 0.0
    scatter = counted.scatter * counted.weights[:, np.newaxis, np.newaxis]
    return counted._replace(size=counted.mass, scatter=scatter)


def _cluster_names(cov, cluster):
    """Return the columns of clusters, one or two, or raise."""
    names = [] if cluster is None else _names("cluster", cluster)
    if cluster is not None and (len(names) not in (1, 2) or len(set(names)) < len(names)):
        raise ValueError(
            f"cluster must name one column, or two different ones, got {cluster!r}; rows are "
            "clustered in one or two ways"
        )
    if len(names) == 2 and cov != "clustered":
        raise ValueError(
            f"cov={cov!r} with two columns of clusters, {_listed(names)}: its adjustment is known "
            "for clusters in one way; take cov='clustered', or one column"
        )
    return names


def _split(data, role, columns):
    """Return the columns of a role and its products, each as a list of factors."""
    names = [] if columns is None else _names(role, columns)
    known = getattr(data, "columns", ())
    plain = [name for name in names if name in known or ":" not in name]
    return plain, [name.split(":") for name in names if name not in plain]


def _roles(terms):
    """Return the columns of each role, those that stand in products only among the first's."""
    roles = {role: list(plain) for role, (plain, _) in terms.items()}
    for role, (_, products) in terms.items():
        for name in (name for product in products for name in product):
            if not any(name in columns for columns in roles.values()):
                roles[role].append(name)
    return roles


def _check_order(instruments, treatments):
    """Raise if there are fewer instruments than treatments."""
    if instruments < len(treatments):
        raise ValueError(
            f"{instruments} instrument column(s) for {len(treatments)} treatments "
            f"({_listed(treatments)}); each treatment needs one of its own: name more "
            "instruments, or fewer treatments"
        )


def _check_rows(rows, coefficients):
    """Raise if there are no more rows than coefficients."""
    if rows <= coefficients:
        raise ValueError(
            f"{rows:.0f} rows cannot carry {coefficients} coefficients of instruments and "
            "controls; use fewer of them or more rows"
        )


def _cells(table, keys):
    """Return one row for each combination of columns that occurs, and each row's cell."""
    code = _code(table, keys)
    first = np.searchsorted(np.maximum.accumulate(code), np.arange(code.max() + 1))
    cells = table.iloc[first]
    for name in keys:
        if _is_constant(cells[name], table.attrs["precision"][name]):
            raise ValueError(
                f"column {name!r} is {cells[name].tolist()[0]!r} in all {len(table)} rows; an "
                "instrument, control or cluster must vary: drop it"
            )
    return cells, code


def _is_constant(column, precision):
    """Return whether a column is the same in all rows, up to rounding."""
    if pd.api.types.is_float_dtype(column):
        values = column.to_numpy(dtype=float)
        return np.ptp(values) <= 8 * precision * np.abs(values).max()
    return column.nunique() < 2


def _code(data, keys):
    """Return a number for each combination of keys, in the order of appearance."""
    code = np.zeros(len(data), dtype=np.int64)
    for name in keys:
        if code.max() + 1 == len(code):  # every row is its own cell already
            break
        level, levels = pd.factorize(data[name])
        code *= len(levels)
        code += level
        del level  # it would stay in memory beside the next one
        code = pd.factorize(code)[0]
    return code


def _standard_moments(table, targets, counted, code):
    """Return size, means and scatter of cells, the targets' norms, and the limits of rounding."""
    values = np.column_stack([_numbers(table, name) for name in targets])
    precision = np.array([table.attrs["precision"][name] for name in targets])
    behind = np.einsum("cjj->j", counted.scatter)
    scale, limits = _unit_norm(values, counted.size, precision, behind)
    counted = counted._replace(scatter=counted.scatter / np.outer(scale, scale))
    return *_pool(values, counted, code), scale, limits


def _unit_norm(columns, size, precision, behind=0.0):
    """Centre columns in place and divide them by their norm, to which what lies behind adds.

    Return the norms, and the share of each below which what is left of it is rounding.
    """
    far = np.sqrt(np.einsum("c,cj,cj->j", size, columns, columns) + behind)
    _centre(columns, size, np.zeros(len(size), dtype=int))
    norms = np.sqrt(np.einsum("c,cj,cj->j", size, columns, columns) + behind)
    norms[norms == 0] = 1
    columns /= norms
    rounding = 8 * np.maximum(precision, np.finfo(float).eps) * far / norms
    return norms, np.maximum(1e-9, rounding)


def _centre(columns, size, group):
    """Take the mean of its group from each column, in place."""
    total = np.bincount(group, size)
    for column in columns.T:
        for _ in range(2):  # the second time takes out what rounding left of a far-off origin
            column -= (np.bincount(group, size * column) / total)[group]


def _reduce(cells, terms, targets, size, absorb, clusters):
    """Return the columns that add something, and the targets' loadings on their basis."""
    crossed = [name for _, products in terms.values() for product in products for name in product]
    cells = cells.astype(dict.fromkeys(crossed, "category"))
    groups, terms = _absorbed(cells, terms, absorb)
    means = _means(groups)
    if means == groups[0].max() + 1:
        groups = groups[:1]  # a second one adds nothing, and would be taken out as rounding
    _check_rows(size.sum(), means)
    parts = {role: [_design(cells, plain)] for role, (plain, _) in terms.items()}
    for role, (_, products) in terms.items():
        parts[role] += [_indicators(cells, product, size.sum()) for product in products]
    both = [part for role in parts.values() for part in role if part.columns.size]
    columns = np.hstack([part.columns for part in both], dtype=float)
    width = columns.shape[1]
    norms, limits = _unit_norm(columns, size, np.hstack([part.precision for part in both]))
    for values in (columns, targets):
        _centre(values, size, groups[0])
        values *= np.sqrt(size)[:, np.newaxis]
        _take_out(values, size, groups)
    short = _triangle(columns, targets)
    kept = _sweep(short, both, limits, size.sum(), means)
    rest = short[len(kept) :, width:]
    return {
        "group": groups[0],
        "means": means,
        "nested": _nested(groups, means, cells, clusters) if absorb else None,
        "targets": targets,
        "columns": columns[:, kept],
        "norms": norms[kept],
        "controls": np.sum(kept < sum(len(part.precision) for part in parts["controls"])),
        "triangle": short[: len(kept), kept],
        "loadings": short[: len(kept), width:],
        "between": rest.T @ rest,
    }


def _means(groups):
    """Return the number of coefficients of one category, or of two: less one per component."""
    counts = [group.max() + 1 for group in groups]
    if len(groups) == 1:
        return counts[0]
    links = sparse.coo_array((np.ones(len(groups[0])), groups))
    both = sparse.block_array([[None, links], [links.T, None]])
    return sum(counts) - sparse.csgraph.connected_components(both, directed=False)[0]


def _nested(groups, means, cells, clusters):
    """Return how many means are of columns whose levels all lie in one cluster each, less 1."""
    nested = 0
    for group in groups:
        for name in clusters:
            codes = pd.factorize(cells[name])[0]
            if len(np.unique(group * (codes.max() + 1) + codes)) == group.max() + 1:
                nested += group.max() + 1
                break
    return max(min(nested, means) - 1, 0)


def _take_out(values, size, groups):
    """Take a second category out of columns that are net of a first, in place, by LSMR.

    All are times the root of the cell's size (Fong and Saunders 2011).
    """
    if len(groups) == 1:
        return
    entries = [np.sqrt(size / np.bincount(group, size)[group]) for group in groups]
    first, second = (
        sparse.csr_array((part, (np.arange(len(size)), group)))
        for part, group in zip(entries, groups, strict=True)
    )
    net = sparse.linalg.LinearOperator(
        second.shape,
        matvec=lambda v: (u := second @ v) - first @ (first.T @ u),
        rmatvec=lambda u: second.T @ (u - first @ (first.T @ u)),
    )
    for column in values.T:
        for _ in range(2):  # the second time takes out what the first left
            found, *_ = sparse.linalg.lsmr(net, column, atol=1e-14, btol=1e-14, maxiter=10**5)
            column -= net.matvec(found)


def _absorbed(cells, terms, absorb):
    """Return each cell's level of the control with the most levels, and the other terms.

    Of columns to absorb, the level of each, the one with the most levels first.
    """
    if absorb:
        groups = [pd.factorize(cells[name])[0] for name in absorb]
        return sorted(groups, key=np.max, reverse=True), terms
    plain, products = terms["controls"]
    if not plain and len(products) == 1:
        return [_combinations(cells, products[0])], {**terms, "controls": ([], [])}
    categories = [name for name in plain if cells[name].dtype.name in ("object", "category")]
    if not categories:
        return [np.zeros(len(cells), dtype=int)], terms
    largest = max(categories, key=lambda name: cells[name].nunique())
    others = [name for name in plain if name != largest]
    return [pd.factorize(cells[largest])[0]], {**terms, "controls": (others, products)}


def _combinations(cells, product):
    """Return a number for each combination of a product's factors that occurs, or raise."""
    for name in product:
        levels = cells[name].cat.categories
        if pd.api.types.is_float_dtype(levels) and (levels % 1 != 0).any():
            raise ValueError(
                f"column {name!r} in {':'.join(product)!r} holds values such as "
                f"{levels[levels % 1 != 0][0]:g}, but a product crosses categories; cut it into "
                "classes, or add the product you mean to data as a column"
            )
    return _code(cells, product)


def _indicators(cells, product, rows):
    """Return a column for every combination of a product's factors that occurs."""
    code = _combinations(cells, product)
    width = code.max() + 1
    _check_rows(rows, width)
    return _Matrix(":".join(product), code[:, np.newaxis] == np.arange(width), np.zeros(width))


def _triangle(columns, targets):
    """Return the triangle R of a QR decomposition: few rows with the same cross-products."""
    triangle = np.empty((0, columns.shape[1] + targets.shape[1]))
    for start in range(0, len(columns), 2**14):
        rows = slice(start, start + 2**14)
        block = np.vstack([triangle, np.hstack([columns[rows], targets[rows]])])
        triangle = np.linalg.qr(block, mode="r")
    return triangle


def _sweep(short, parts, limits, rows, means):
    """Return the columns that add something, and turn short rows until these are triangular.

    Every plain column must add something to those before it, a product some of its columns.
    """
    kept, edge = np.empty(0, dtype=int), 0
    for labels, block, _ in parts:
        places = edge + np.arange(block.shape[1])
        edge += len(places)
        done, pivoting = len(kept), isinstance(labels, str)
        _check_rows(rows, means + done + len(places) * (not pivoting))
        turn, triangle, *order = linalg.qr(short[done:, places], pivoting=pivoting)
        places = places[order[0]] if pivoting else places
        left = np.zeros(len(places))
        left[: len(triangle)] = np.abs(triangle.diagonal())
        new = left > limits[places]
        _check_new(labels, new)
        short[done:] = turn.T @ short[done:]
        kept = np.append(kept, places[new])
    _check_rows(rows, means + len(kept))
    return kept


def _check_new(labels, new):
    """Raise if a plain column, or a whole product, adds nothing to the columns before it."""
    if isinstance(labels, str) and not new.any():
        raise ValueError(
            f"the product {labels!r} adds nothing to the controls and the columns before it; "
            "drop it"
        )
    for position in np.flatnonzero(~new) if not isinstance(labels, str) else ():
        raise ValueError(
            f"column {labels[position]!r} is collinear: a linear combination of the controls and "
            "the columns before it, so it adds no variation; drop it"
        )


def _check_left(targets, design, limits):
    """Raise if the controls determine outcome or treatment."""
    left = np.sqrt((design.explained + design.residual).diagonal())
    for name, vanished in zip(targets, left <= limits, strict=True):
        if vanished:
            raise ValueError(
                f"column {name!r} is constant or a linear combination of the controls, so "
                "nothing of it is left to explain; check it, or drop those controls"
            )


def _k_class(method, design, kappa):
    """Return the k-class estimate with standard error and interval."""
    _least_moved(design)  # raises where some combination is not moved at all
    form = design.explained + (1 - kappa) * design.residual
    bread = np.linalg.inv(form[1:, 1:])
    contrast = np.concatenate([[1.0], -bread @ form[1:, 0]])
    covariance, df = _covariance(design, contrast, bread, kappa)
    answer = _estimates_of(
        method, design, -contrast[1:], covariance, df, design.scale[0] / design.scale[1:]
    )
    return answer if isinstance(design.treatments, str) else _warned(answer, design)


def _estimates_of(method, design, estimates, covariance, df, unit):
    """Return an estimate as a result, those of a list of treatments as a table of them."""
    errors, df = np.sqrt(covariance.diagonal()) * unit, np.broadcast_to(df, len(unit))
    _check_noise(design.outcome, errors / unit, 1.0)
    names = [method] if isinstance(design.treatments, str) else design.treatments
    rows = [
        _result(*row, n=design.n, level=design.level, df=degrees)
        for *row, degrees in zip(names, estimates * unit, errors, df, strict=True)
    ]
    answer = rows[0] if isinstance(design.treatments, str) else pd.DataFrame(rows)
    if design.nested is not None:
        answer.attrs["singletons"] = design.singletons
    return answer


def _least_moved(design):
    """Return the least share of a combination of treatments that the instruments explain."""
    names = _names("treatment", design.treatments)
    count = len(names)
    explained, residual = (part[-count:, -count:] for part in (design.explained, design.residual))
    scale = np.sqrt((explained + residual).diagonal())
    explained, residual = (part / np.outer(scale, scale) for part in (explained, residual))
    if np.linalg.eigvalsh(explained + residual)[0] < 1e-12:
        raise ValueError(
            f"treatments {_listed(names)} are linear combinations of one another "
            "once the controls are held fixed, so their effects cannot be told apart; drop one"
        )
    share = linalg.eigh(explained, explained + residual, eigvals_only=True)[0]
    if share < 1e-14:
        raise ValueError(
            f"the instruments do not move {_listed(names)}: first-stage partial R2 "
            f"{max(share, 0):.1g}; the effect is not identified"
        )
    return min(share, 1.0)


def _given_the_others(design):
    """Return each treatment's conditional first-stage F, and the Cragg-Donald F of all.

    The first is the F of the instruments in what two-stage least squares on the other
    treatments leaves of a treatment (Sanderson and Windmeijer 2016, section 4).
    """
    share, count = _least_moved(design), len(design.treatments)
    inverse = np.linalg.inv(design.explained[-count:, -count:])
    contrasts = inverse / inverse.diagonal()
    left = np.einsum("ij,ik,kj->j", contrasts, design.residual[-count:, -count:], contrasts)
    with np.errstate(divide="ignore"):  # where everybody complies
        conditional = design.df / left / inverse.diagonal() / (design.count - count + 1)
        return conditional, np.divide(share, 1 - share) * design.df / design.count


def _warned(table, design):
    """Return estimates with each treatment's conditional F, and a warning where one is weak."""
    conditional, joint = _given_the_others(design)
    table = table.assign(conditional_f=conditional)
    table.attrs.update(cragg_donald_f=float(joint), warning="")
    if conditional.min() < WEAK:
        weak = [name for name, f in zip(table.index, conditional, strict=True) if f < WEAK]
        table.attrs["warning"] = (
            f"weak instruments: they hardly move {_listed(weak)} once the other treatments are "
            f"held fixed (least conditional F {conditional.min():.2g}, below {WEAK}), so "
            "estimates and intervals mislead; anderson_rubin gives intervals that hold"
        )
    return table


def _covariance(design, contrast, bread, kappa):
    """Return the estimates' covariance and degrees of freedom; `contrast` gives the residual."""
    total = design.explained + design.residual
    variance = contrast @ total @ contrast / design.n
    size = np.abs(contrast) @ np.abs(total) @ np.abs(contrast) / design.n
    _check_noise(design.outcome, variance, 8 * size)
    if design.cov == "unadjusted":
        return design.small_sample * variance * bread, np.inf
    if design.cov == "bekker":
        net = np.eye(len(contrast))[:, 1:]
        net = net - np.outer(contrast, contrast @ total @ net) / (variance * design.n)
        middle = net.T @ (design.explained + (kappa - 1) ** 2 * design.residual) @ net
        return variance * bread @ middle @ bread, np.inf
    scatter = np.einsum("i,cij,j->c", contrast, design.within, contrast)
    return _sandwich(design, design.fitted[:, 1:] @ bread, design.net @ contrast, scatter)


def _sandwich(design, columns, residual, scatter):
    """Return the covariance of coefficients that move with the errors as columns say, and df."""
    _check_alone(design, columns)
    if design.cov in BY_LEVERAGE:
        (codes,) = _ways(design.cluster)
        absorbed = design.group, _crossing_means(design, codes)
        basis = _projection(design, columns)
        return _by_leverage(design.cov, columns, residual, basis, codes, absorbed)
    meat, df = _meat(design, columns, residual, scatter)
    return design.small_sample * meat, df


def _meat(design, regressors, residual, scatter):
    """Return the covariance of the scores by row, or summed by cluster, and degrees of freedom.

    Regressors and residual are cell values times the root of the cell's size.
    """
    if design.cov == "clustered":
        return _clustered(regressors * residual[:, np.newaxis], design.cluster)
    squares = (residual**2 + scatter) / design.rows
    return (regressors * squares[:, np.newaxis]).T @ regressors, np.inf


def _check_alone(design, regressors):
    """Raise if one cluster, or row, alone tells some of the regressors from the controls.

    Then this combination is nonzero in that cluster only, net of what the controls take, and
    least squares makes its products with the residuals sum to zero there. Such a cluster has
    an eigenvalue of one in its block of the projection on constant, controls and regressors.
    """
    if design.cluster is None:
        if design.cov == "robust" and (design.rows == 1).any():
            _check_row_alone(design, regressors)
        return
    basis = _projection(design, regressors)
    for name in design.cluster:
        codes, names = pd.factorize(design.cluster[name])
        for code in _alone(design, basis, regressors.shape[1], codes):
            raise ValueError(
                f"column {name!r} has {len(names)} clusters, and {names.tolist()[code]!r} "
                "alone makes up an arm, or all that an instrument moves once the controls are "
                "held fixed: its residuals sum to zero there, so a clustered standard error would "
                "count its shocks as none. Cluster by a finer column, or leave cluster out and "
                "take cov='robust', and say that you assume no shock common to a cluster; or find "
                "more clusters"
            )


def _check_row_alone(design, regressors):
    """Raise if one row alone tells a combination of the regressors: its residual is zero."""
    basis, codes = _projection(design, regressors), np.arange(len(design.rows))
    alone = _alone(design, basis, regressors.shape[1], codes)
    if any(design.rows[code] == 1 for code in alone):
        raise ValueError(
            "one row alone makes up an arm, or all that an instrument moves once the controls are "
            "held fixed: its residual is zero, so a robust standard error would count its noise as "
            "none. Leave that instrument, control or row out, or (where there is a cov) take "
            "cov='unadjusted' and say that you assume errors of one variance; or find more rows"
        )


def _projection(design, regressors):
    """Return an orthonormal basis of controls and regressors net of them, by cell."""
    return np.hstack([design.basis[:, : design.controls], np.linalg.qr(regressors)[0]])


def _crossing_means(design, codes):
    """Return each cell's entry in the basis of its group's mean, 0 of groups within a cluster."""
    pairs = np.unique(design.group * (codes.max() + 1) + codes) // (codes.max() + 1)
    crossing = np.bincount(pairs)[design.group] > 1  # a group within a cluster tells nothing
    return crossing * np.sqrt(design.size / np.bincount(design.group, design.size)[design.group])


def _alone(design, basis, width, codes):
    """Yield the clusters that alone tell a combination of the last columns of the basis."""
    means = _crossing_means(design, codes)
    share = np.bincount(codes, means**2 + np.einsum("cj,cj->c", basis, basis))
    for code in np.flatnonzero(share > 1 - 1e-8):
        rows = np.flatnonzero(codes == code)
        groups = design.group[rows, np.newaxis] == np.unique(design.group[rows][means[rows] > 0])
        block = np.hstack([groups * means[rows, np.newaxis], basis[rows]])
        _, values, axes = np.linalg.svd(block, full_matrices=False)
        alone = axes[values > 1 - 1e-8][:, -width:]
        if np.abs(alone).max(initial=0) > 1e-6:
            yield code
