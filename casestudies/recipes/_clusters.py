"""Clusters: what they must be, and the covariance of a sum of scores by cluster."""

import itertools

import numpy as np
import pandas as pd


def _clustered(scores, cluster, factor=1.0):
    r"""Return the covariance of a sum of scores by cluster, and its degrees of freedom.

    The sum over clusters of the squared sums of scores, times :math:`\frac{G}{G-1}` for
    :math:`G` clusters and the estimator's own small-sample `factor`; for the t distribution on
    :math:`G - 1` degrees. Clusters are taken as independent of one another.
    """
    codes, names = pd.factorize(np.asarray(cluster))
    groups = len(names)
    sums = np.zeros((groups, scores.shape[1]))
    np.add.at(sums, codes, scores)
    return groups / (groups - 1) * factor * sums.T @ sums, groups - 1


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
