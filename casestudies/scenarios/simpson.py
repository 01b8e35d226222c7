"""One table of counts and three causal graphs that all fit it: Simpson's paradox."""

import numpy as np

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli

GRAPHS = ("confounder", "mediator", "proxy")

# Charig et al. (1986): (successes, patients) for stones below 2 cm and of 2 cm or more;
# first percutaneous nephrolithotomy, then open surgery.
KIDNEY_STONES = (((234, 270), (55, 80)), ((81, 87), (192, 263)))


def simpson(graph="confounder", *, counts=KIDNEY_STONES, misrecorded=0.05):
    r"""World whose treated fare better in each stratum and worse in the whole table.

    Three worlds have the same joint distribution of treatment :math:`T`, severity as
    recorded :math:`G` and recovery :math:`Y`, that of `counts`, and differ in the graph:

    - ``"confounder"``, severity at admission: :math:`G \to T`, :math:`G \to Y`,
      :math:`T \to Y`. The ATE is :math:`\sum_g \{P(Y | T{=}1, g) - P(Y | T{=}0, g)\} P(g)`.
    - ``"mediator"``, severity a week later, under a randomized treatment: :math:`T \to G`,
      :math:`G \to Y`, :math:`T \to Y`. The ATE is :math:`P(Y | T{=}1) - P(Y | T{=}0)`.
    - ``"proxy"``, severity at admission, recorded wrongly with probability `misrecorded`
      whatever else happens: true severity :math:`S \to T`, :math:`S \to Y`, :math:`T \to Y`
      and :math:`S \to G`. :math:`P(T, S, Y)` is `counts` with the errors undone, and the ATE
      is the sum of the first world over :math:`S` instead of :math:`G`.

    Parameters
    ----------
    graph : {"confounder", "mediator", "proxy"}, default "confounder"
        Which world.
    counts : array-like of shape (2, 2, 2)
        ``counts[treated][severe]`` is (recovered, all). Default: the kidney stones, with
        open surgery as the treatment and a stone of 2 cm or more as severe.
    misrecorded : float, default 0.05
        Probability of a wrong record, in the proxy world only; below 0.5, and so small that
        undoing the errors leaves no cell empty.

    Returns
    -------
    Scenario
        observed: severe, treated, recovered (0/1). adjust_for: severe for the confounder;
        empty for the mediator, where nothing needs adjusting, and for the proxy, where
        nothing observed would do. truth, in probabilities: ATE, the raw difference, the
        standardized difference (adjusted for severe), E[recovered | do(treated=0)] and
        E[recovered | do(treated=1)]; in the first world CATE(severe=0) and CATE(severe=1),
        which are CDE(severe=0) and CDE(severe=1) in the second.

    Raises
    ------
    ValueError
        If the graph is none of the three, a cell of the table is empty, or `misrecorded`
        is too large.

    References
    ----------
    Charig, Webb, Payne and Wickham (1986), British Medical Journal 292(6524), 879-882.
    Julious and Mullee (1994), British Medical Journal 309(6967), 1480-1481.
    Pearl (2014), The American Statistician 68(1), 8-13.

    Examples
    --------
    >>> [round(simpson(graph).truth["ATE"], 3) for graph in ("confounder", "mediator", "proxy")]
    [0.054, -0.046, 0.089]
    """
    if graph not in GRAPHS:
        raise ValueError(f"graph must be one of {GRAPHS}, got {graph!r}")
    table = _probabilities(counts)
    hidden = _true_severity(table, misrecorded) if graph == "proxy" else table
    raw, within = _difference(table.sum(axis=1)), _difference(table)
    standardized = within @ table.sum(axis=(0, 2))
    treated = hidden.sum(axis=1) if graph == "mediator" else _standardized(hidden)
    rates = treated[:, 1] / treated.sum(axis=1)
    truth = {
        "ATE": rates[1] - rates[0],
        "raw difference": raw,
        "standardized difference": standardized,
        "E[recovered | do(treated=0)]": rates[0],
        "E[recovered | do(treated=1)]": rates[1],
    }
    if graph != "proxy":
        name = {"confounder": "CATE", "mediator": "CDE"}[graph]
        truth |= {f"{name}(severe={g})": within[g] for g in (0, 1)}
    return Scenario(
        name="simpson",
        model=_model(graph, hidden, misrecorded),
        treatment="treated",
        outcome="recovered",
        observed=("severe", "treated", "recovered"),
        adjust_for=("severe",) if graph == "confounder" else (),
        truth=truth,
        source="explainer_day36",
    )


def _probabilities(counts):
    """Return P(treated, severe, recovered) as an array indexed in that order."""
    counts = np.asarray(counts, dtype=float)
    if counts.shape != (2, 2, 2):
        raise ValueError(f"counts must have shape (2, 2, 2), got {counts.shape}")
    failed = counts[..., 1] - counts[..., 0]
    cells = np.stack([failed, counts[..., 0]], axis=-1)
    if not (cells > 0).all():
        t, g, y = np.argwhere(~(cells > 0))[0]
        raise ValueError(
            f"cell treated={t}, severe={g}, recovered={y} of counts holds {cells[t, g, y]:g}; "
            "every cell needs a count above 0"
        )
    return cells / cells.sum()


def _true_severity(table, misrecorded):
    """Undo the recording errors: the distribution whose noisy record is the table."""
    if not 0 <= misrecorded < 0.5:
        raise ValueError(f"misrecorded must lie in [0, 0.5), got {misrecorded}")
    undone = table - misrecorded * table.sum(axis=1, keepdims=True)
    if not (undone > 0).all():
        largest = (table / table.sum(axis=1, keepdims=True)).min()
        raise ValueError(
            f"misrecorded={misrecorded} leaves a cell with no patients; it must lie below "
            f"{largest:.4f} with these counts"
        )
    return undone / (1 - 2 * misrecorded)


def _difference(joint):
    """Return P(recovered | treated, ...) minus P(recovered | untreated, ...)."""
    return np.subtract(*(joint[..., 1] / joint.sum(axis=-1))[::-1])


def _standardized(joint):
    """Return P(recovered | do(treated)) as an array by treated and recovered."""
    given = joint / joint.sum(axis=2, keepdims=True)
    return np.einsum("tgy,g->ty", given, joint.sum(axis=(0, 2)))


def _model(graph, joint, misrecorded):
    """Factorize the joint distribution along the graph."""
    p_recovered = joint[..., 1] / joint.sum(axis=2)
    p_group = joint.sum(axis=2)  # treated by severity
    by_group, by_arm = p_group[1] / p_group.sum(axis=0), p_group[:, 1] / p_group.sum(axis=1)
    recovered = Bernoulli(lambda treated, severe: _look_up(p_recovered, treated, severe))
    if graph == "confounder":
        return SCM(
            {
                "severe": Bernoulli(p_group[:, 1].sum()),
                "treated": Bernoulli(lambda severe: _look_up(by_group, severe)),
                "recovered": recovered,
            }
        )
    if graph == "mediator":
        return SCM(
            {
                "treated": Bernoulli(p_group[1].sum()),
                "severe": Bernoulli(lambda treated: _look_up(by_arm, treated)),
                "recovered": recovered,
            }
        )
    noisy = [misrecorded, 1 - misrecorded]
    return SCM(
        {
            "severity": Bernoulli(p_group[:, 1].sum()),
            "severe": Bernoulli(lambda severity: _look_up(noisy, severity)),
            "treated": Bernoulli(lambda severity: _look_up(by_group, severity)),
            "recovered": Bernoulli(
                lambda treated, severity: _look_up(p_recovered, treated, severity)
            ),
        }
    )


def _look_up(table, *index):
    """Return the entries of a table for arrays of zeros and ones."""
    return np.asarray(table)[tuple(np.asarray(i, dtype=int) for i in index)]
