"""Clusters: what they must be, and the covariance of a sum of scores by cluster."""

import itertools

import numpy as np
import pandas as pd


def _clustered(scores, cluster, factor=1.0):
    r"""Return the covariance of a sum of scores by cluster, if any, and its degrees of freedom.

    The sum over clusters of the squared sums of scores, times :math:`\frac{G}{G-1}` for
    :math:`G` clusters and the estimator's own small-sample `factor`; for the t distribution on
    :math:`G - 1` degrees. Clusters are taken as independent of one another. With two columns of
    clusters, rows that share neither are: the sums by each are added, those by both at once
    taken off (Cameron, Gelbach and Miller 2011), and :math:`G` is the lesser number.
    """
    if cluster is None:
        return scores.T @ scores, np.inf
    ways = _ways(cluster)
    groups = 1 + min(codes.max() for codes in ways)
    parts = [_squared_sums(scores, codes) for codes in ways]
    covariance = sum(parts)
    if len(ways) == 2:
        both = ways[0].astype(np.int64) * len(scores) + ways[1]
        covariance = covariance - _squared_sums(scores, pd.factorize(both)[0])
        _check_positive(covariance, parts, cluster)
    return groups / (groups - 1) * factor * covariance, groups - 1


def _ways(cluster):
    """Return the number of each row's cluster, for one column of clusters or for each of two."""
    columns = [cluster] if np.ndim(cluster) == 1 else [cluster[name] for name in cluster]
    return [pd.factorize(np.asarray(column))[0] for column in columns]


def _squared_sums(scores, codes):
    """Return the cross-products of the sums of scores by cluster."""
    sums = np.zeros((codes.max() + 1, scores.shape[1]))
    np.add.at(sums, codes, scores)
    return sums.T @ sums


def _check_positive(covariance, parts, cluster):
    """Raise if taking off what both columns of clusters share leaves no variance."""
    for place in np.flatnonzero(covariance.diagonal() <= 0):
        names = list(cluster)
        larger = names[int(parts[1][place, place] > parts[0][place, place])]
        raise ValueError(
            f"columns {names[0]!r} and {names[1]!r}: the variance by the first plus that by the "
            "second less that by both at once is not positive, so it is no variance; cluster by "
            f"{larger!r} alone, by which it is larger"
        )


def _by_leverage(cov, columns, residual, basis, cluster, absorbed=None):
    r"""Return the CR2 or CR3 covariance of coefficients, and each one's degrees of freedom.

    Coefficients move with the errors as `columns` say: regressors net of all others, over their
    cross-products. `basis` is an orthonormal basis of all regressors; so is, of means that were
    taken out, each row's entry in the column of its group (`absorbed`: groups, entries). With
    :math:`H_g` the block of the projection in cluster g, the residuals there are multiplied by

    .. math:: (I - H_g)^{-1/2} \text{ (CR2)}, \quad (I - H_g)^{-1} \text{ (CR3)},

    (pseudo-inverses); CR3 is the jackknife over clusters without its factor :math:`(G - 1) / G`
    (Bell and McCaffrey 2002). The degrees are those of the chi-squared variable whose mean and
    variance are in the ratio of the estimated variance's own, if errors are independent, normal
    and of one variance (Satterthwaite).
    """
    codes = pd.factorize(np.asarray(cluster))[0]
    order = np.argsort(codes)
    blocks = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    parts = [
        _in_cluster(-0.5 if cov == "CR2" else -1, columns, residual, basis, absorbed, rows)
        for rows in blocks
    ]
    sums, own, reach = (np.array(part) for part in zip(*parts, strict=True))
    far = (reach**2).sum(axis=1)
    square = (own**2 - 2 * own * far).sum(axis=0)
    square += [np.sum((part.T @ part) ** 2) for part in np.moveaxis(reach, 2, 0)]
    return sums.T @ sums, (own - far).sum(axis=0) ** 2 / square


def _in_cluster(power, columns, residual, basis, absorbed, rows):
    """Return a cluster's sum of scores, its columns' squares, and their loadings on the basis."""
    columns, block = columns[rows], basis[rows]
    if absorbed is not None:
        groups, entries = (part[rows, np.newaxis] for part in absorbed)
        block = np.hstack([block, (groups == np.unique(groups[entries > 0])) * entries])
    turn, values, _ = np.linalg.svd(block, full_matrices=False)
    left = 1 - values**2
    stretch = np.where(left > 1e-9, np.maximum(left, 1e-9) ** power, 0) - 1
    columns = columns + turn @ (stretch[:, np.newaxis] * (turn.T @ columns))
    reach = basis[rows].T @ columns
    if absorbed is not None:
        means = np.zeros((absorbed[0].max() + 1, columns.shape[1]))
        np.add.at(means, groups[:, 0], entries * columns)
        reach = np.vstack([reach, means])
    return residual[rows] @ columns, (columns**2).sum(axis=0), reach


def _check_several_clusters(table, cluster):
    """Raise if all rows are of one cluster, which cannot show how clusters differ."""
    if (table[cluster] == table[cluster].iloc[0]).all():
        raise ValueError(
            f"column {cluster!r} is {table[cluster].iloc[0]} in all rows, and one cluster cannot "
            "show how clusters differ; name a finer column, or leave cluster out if rows are "
            "independent"
        )


def _check_sides(table, cluster, arms):
    """Raise if a combination of 0/1 columns has no rows, or those of one cluster only.

    The residuals of such a cluster sum to zero, so its shocks would count as none.
    """
    codes, names = pd.factorize(table[cluster])
    cells = table[arms].to_numpy(dtype=int) @ 2 ** np.arange(len(arms))[::-1]
    pairs = np.unique(cells * len(names) + codes)
    counts = np.bincount(pairs // len(names), minlength=2 ** len(arms))
    for values, count in zip(itertools.product((0, 1), repeat=len(arms)), counts, strict=True):
        where = " and ".join(f"{arm} = {value}" for arm, value in zip(arms, values, strict=True))
        if count == 0:
            raise ValueError(f"no row has {where}; the comparison needs rows of every such kind")
        if count == 1:
            raise ValueError(
                f"column {cluster!r} has {len(names)} cluster(s), and one alone makes "
                f"up the rows with {where}: its residuals sum to zero, so a clustered standard "
                "error would count its shocks as none (with one cluster per arm it prints as "
                "0.0000), and no degrees of freedom are left for them. Cluster by a finer column "
                "and say that you assume no shock common to a cluster, ask how large such a shock "
                "must be to overturn the answer, or find more clusters"
            )


def _check_levels(cluster, columns, rows, group):
    """Raise if a group has no more clusters than coefficients of what is the same in each.

    The residuals of a regression on such columns then sum to zero in every cluster.
    """
    columns, home = columns[rows], pd.factorize(cluster[rows])[0]
    firsts = columns[np.unique(home, return_index=True)[1]]
    shared = 1 + (columns == firsts[home]).all(axis=0).sum()
    if len(firsts) <= shared:
        raise ValueError(
            f"{len(firsts)} cluster(s) of column {cluster.name!r} where {group} cannot carry "
            f"{shared} coefficient(s) of what is the same in all of a cluster (a constant among "
            "them) and show how clusters differ; take such covariates out of adjust_for"
        )
