"""Covariances by cluster from matrices of all rows: no code of ours."""

import numpy as np


def by_matrices(cov, columns, residual, basis, cluster):
    """Return the covariance and the degrees of freedom by matrices of all rows."""
    left, projected, sums = np.eye(len(basis)) - basis @ basis.T, [], []
    for name in np.unique(cluster):
        here = np.flatnonzero(cluster == name)
        values, axes = np.linalg.eigh(left[np.ix_(here, here)])
        values, axes = values[values > 1e-9], axes[:, values > 1e-9]
        power = -0.5 if cov == "CR2" else -1
        adjusted = (axes * values**power) @ axes.T @ columns[here]
        projected.append(left[:, here] @ adjusted)
        sums.append(residual[here] @ adjusted)
    products = np.einsum("gnj,hnj->jgh", projected, projected)
    degrees = [np.trace(form) ** 2 / (form**2).sum() for form in products]
    return np.transpose(sums) @ sums, degrees
