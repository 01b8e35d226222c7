"""The pictures of the book, in one house style; a colour is a role, doubled by a marker or dash."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from matplotlib.patheffects import withStroke

from casestudies.display.figure_record import describe_in_notebooks

# Okabe and Ito's colours, safe for colour-blind readers. One role each, through the whole book.
CONTROL = "#0072B2"
TREATED = "#D55E00"
TRUTH = "#009E73"
NAIVE = "#CC79A7"
ESTIMATE = "#222222"
HIDDEN = "#767676"


def house_style():
    """Apply the house style and, in a notebook, show figures as SVG that never changes."""
    plt.style.use("casestudies.display.house")
    try:
        from IPython import get_ipython
    except ImportError:
        return
    if get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", bbox_inches=None, metadata={"Date": None})
        describe_in_notebooks()


def estimates(table, *, truth, naive=(), xlabel="estimate", digits=3, ax=None):
    """Draw estimates with their intervals against the truth.

    Parameters
    ----------
    table : pandas.DataFrame
        A row an estimate, from top to bottom, with columns ``estimate``, ``ci_low`` and
        ``ci_high`` (missing bounds draw no interval).
    truth : float or mapping of str to float
        The value, or several labelled values, that the estimates are held against.
    naive : sequence of str
        Rows that answer another question; drawn with an open diamond in the colour NAIVE.
    xlabel : str
        Quantity and unit.
    digits : int, default 3
        Decimals of the numbers written beside each row.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(5.6, 0.9 + 0.42 * len(table)))
    truths = truth if isinstance(truth, Mapping) else {"truth": truth}
    for (label, value), dash in zip(truths.items(), ("--", ":", "-."), strict=False):
        ax.axvline(value, color=TRUTH, linestyle=dash, zorder=1)
        ax.annotate(
            f"{label} {value:.{digits}f}".replace("-", "−"),
            (value, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
        )
    for y, (name, row) in enumerate(table.iterrows()):
        style = (
            {"color": NAIVE, "marker": "D"} if name in naive else {"color": ESTIMATE, "marker": "o"}
        )
        fill = "white" if name in naive else ESTIMATE
        ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=style["color"], zorder=2)
        ax.plot(row["estimate"], y, markerfacecolor=fill, **style, zorder=3)
        text = f"{row['estimate']:.{digits}f}".replace("-", "−")
        ax.annotate(
            text,
            (1.0, y),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    ax.set_yticks(range(len(table)), table.index)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(xlabel)
    return ax


def love_plot(differences, *, ax=None):
    """Draw absolute standardized differences before and after adjustment, a row a covariate.

    Parameters
    ----------
    differences : pandas.DataFrame
        A row a covariate; the first column is before adjustment, the others after.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(5.6, 1.2 + 0.4 * len(differences)))
    styles = [(NAIVE, "D", "white"), (ESTIMATE, "o", ESTIMATE), (CONTROL, "s", "white")]
    rows = range(len(differences))
    for (name, column), (colour, marker, fill) in zip(differences.items(), styles, strict=False):
        mark = {"marker": marker, "markerfacecolor": fill, "linestyle": ""}
        ax.plot(column, rows, color=colour, label=name, **mark)
    ax.axvline(0, color=HIDDEN, linewidth=1)
    ax.set_yticks(rows, [str(name).replace("_", " ") for name in differences.index])
    ax.set_ylim(len(differences) - 0.5, -0.5)
    ax.set_xlabel("absolute standardized difference")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(differences.columns))
    return ax


def trends(means, *, treated, control, start, xlabel="period", ylabel="mean", ax=None):
    """Draw two groups' means through time, and the path that parallel trends would predict.

    The predicted path is the control group's, moved to the treated group's mean before.

    Parameters
    ----------
    means : pandas.DataFrame
        A row a period, in order; the columns `treated` and `control`.
    treated, control : str
        Names of the two columns, written beside their lines.
    start : scalar
        The first period with treatment, a value of the index.
    xlabel, ylabel : str
        Quantity and unit.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    if ax is None:
        _, ax = plt.subplots()
    before = means.index < start
    from_last = means.index >= means.index[before][-1]
    shift = (means[treated] - means[control])[before].mean()
    lines = [
        (means[control], {"color": CONTROL, "marker": "o"}, control),
        (means[treated], {"color": TREATED, "marker": "s", "linestyle": "--"}, treated),
        (
            (means[control] + shift)[from_last],
            {"color": HIDDEN, "marker": "o", "markerfacecolor": "white", "linestyle": ":"},
            f"{treated},\nif parallel",
        ),
    ]
    for path, style, _ in lines:
        ax.plot(path.index, path, **style)
    _label_ends(ax, means.index[-1], {label: path.iloc[-1] for path, _, label in lines})
    _mark_start(ax, (means.index[before][-1] + means.index[~before][0]) / 2)
    ax.set_xticks(means.index)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    return ax


def event_study(table, *, truth=None, xlabel="periods since the start", ylabel="effect", ax=None):
    """Draw the estimates of an event study with their intervals, zero, and the truth.

    Parameters
    ----------
    table : pandas.DataFrame
        A row an event time, with columns ``estimate``, ``ci_low`` and ``ci_high``. A row
        whose interval has no width, as that of the reference has, gets an open marker.
    truth : pandas.Series or mapping of number to float, optional
        The true value at event times, drawn as a dashed line.
    xlabel, ylabel : str
        Quantity and unit.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    if ax is None:
        _, ax = plt.subplots()
    ax.axhline(0, color=HIDDEN, linewidth=0.8, zorder=1)
    if truth is not None:
        times, values = zip(*sorted(dict(truth).items()), strict=True)
        ax.plot(times, values, color=TRUTH, linestyle="--", zorder=2, label="truth")
    ax.vlines(table.index, table["ci_low"], table["ci_high"], color=ESTIMATE, zorder=3)
    known = table["ci_low"] == table["ci_high"]
    for rows, fill in [(table[~known], ESTIMATE), (table[known], "white")]:
        style = {"color": ESTIMATE, "marker": "o", "markerfacecolor": fill, "linestyle": ""}
        ax.plot(rows.index, rows["estimate"], **style, zorder=4)
    _mark_start(ax, -0.5)
    ax.set_xticks(table.index)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    return ax


def _label_ends(ax, x, ends):
    """Write labels to the right of lines' ends, from the lowest up, none over another."""
    low, high = ax.get_ylim()
    top, line = -np.inf, 0.085 * (high - low)
    for label, y in sorted(ends.items(), key=lambda item: item[1]):
        half = line * (1 + label.count("\n")) / 2
        y = max(y, top + half)
        top = y + half
        place = {"xytext": (7, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate(label, (x, y), annotation_clip=False, **place)


def _mark_start(ax, position):
    """Draw a thin vertical line where the treatment begins."""
    ax.axvline(position, color=HIDDEN, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)


def causal_graph(
    graph,
    *,
    treatment=None,
    outcome=None,
    adjusted=(),
    hidden=(),
    cut=(),
    labels=None,
    positions=None,
    ax=None,
):
    """Draw a causal graph, each role with a border and a word of its own.

    Parameters
    ----------
    graph : networkx.DiGraph
        For instance the ``graph`` of an SCM.
    treatment, outcome : str, optional
        Nodes drawn in the colours TREATED and CONTROL.
    adjusted : sequence of str
        Nodes conditioned on, drawn on a grey ground with a double border.
    hidden : sequence of str
        Nodes that nobody records, drawn with a dashed border.
    cut : sequence of (str, str)
        Arrows removed by surgery, drawn dotted and crossed.
    labels : mapping of str to str, optional
        What to write in a node instead of its name.
    positions : mapping of str to (float, float), optional
        Centres of the nodes; by default causes stand to the left of their effects.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(5.6, 2.4))
    positions = positions or _layers(graph)
    roles = dict.fromkeys(hidden, "not recorded") | dict.fromkeys(adjusted, "adjusted for")
    roles |= {treatment: "treatment", outcome: "outcome"}
    boxes = {}
    for node in graph:
        above = _arrives_from_below(graph, positions, node)
        label = (labels or {}).get(node, node)
        boxes[node] = _node(ax, positions[node], label, roles.get(node), above=above)
    for edge in [*graph.edges, *(e for e in cut if not graph.has_edge(*e))]:
        _arrow(ax, boxes, positions, edge, removed=edge in set(map(tuple, cut)))
    x, y = np.array(list(positions.values())).T
    bends = [
        _bend(positions, *edge) * (positions[edge[1]][0] - positions[edge[0]][0])
        for edge in graph.edges
    ]
    below, above = (0.95 if any(side * bend > 0 for bend in bends) else 0.45 for side in (1, -1))
    ax.set_xlim(x.min() - 0.45, x.max() + 0.45)
    ax.set_ylim(y.min() - below, y.max() + above)
    ax.set_axis_off()
    return ax


def _arrives_from_below(graph, positions, node):
    """Say whether steep arrows meet a node from below rather than from above."""
    x, y = positions[node]
    pull = 0.0
    for other in nx.all_neighbors(graph, node):
        dx, dy = positions[other][0] - x, positions[other][1] - y
        pull += np.sign(dy) / (abs(dx) + 0.1)
    return pull < 0


def _layers(graph):
    """Place each node one step to the right of its last cause, layers staggered in height."""
    place = {}
    for x, layer in enumerate(nx.topological_generations(graph)):
        for i, node in enumerate(layer):
            place[node] = (x, (len(layer) - 1) / 2 - i + (0.35 if x % 2 else 0.0))
    return place


def _node(ax, centre, label, role, *, above):
    """Write a node, its role on the side where fewer arrows are, and return its box."""
    border = {"treatment": TREATED, "outcome": CONTROL}.get(
        role, HIDDEN if role == "not recorded" else ESTIMATE
    )
    box = {
        "boxstyle": "round,pad=0.45",
        "facecolor": "#E8E8E8" if role == "adjusted for" else "white",
        "edgecolor": border,
        "linewidth": 2.2 if role in ("treatment", "outcome", "adjusted for") else 1.2,
        "linestyle": "--" if role == "not recorded" else "-",
    }
    text = ax.text(*centre, label, ha="center", va="center", bbox=box, zorder=3)
    if role:
        offset, side = ((0, 15), "bottom") if above else ((0, -15), "top")
        place = {"xytext": offset, "textcoords": "offset points", "ha": "center", "va": side}
        halo = [withStroke(linewidth=3, foreground="white")]
        place |= {"style": "italic", "path_effects": halo}
        ax.annotate(role, centre, zorder=4, **place)
    return text.get_bbox_patch()


def _arrow(ax, boxes, positions, edge, *, removed):
    tail, head = edge
    style = {
        "arrowstyle": "-|>",
        "color": HIDDEN if removed else ESTIMATE,
        "linestyle": ":" if removed else "-",
        "linewidth": 1.4,
        "mutation_scale": 14,
        "patchA": boxes[tail],
        "patchB": boxes[head],
        "shrinkA": 1,
        "shrinkB": 2,
        "connectionstyle": f"arc3,rad={_bend(positions, tail, head)}",
    }
    ax.annotate("", xy=positions[head], xytext=positions[tail], arrowprops=style, zorder=2)
    if removed:
        middle = np.mean([positions[tail], positions[head]], axis=0)
        ax.plot(*middle, marker="x", color=TREATED, markersize=9, markeredgewidth=2, zorder=4)


def _bend(positions, tail, head):
    """Curve an arrow that would otherwise run through a third node."""
    start, end = np.array(positions[tail], float), np.array(positions[head], float)
    along = end - start
    for name, centre in positions.items():
        away = np.array(centre) - start
        share = np.dot(away, along) / np.dot(along, along)
        gap = np.linalg.norm(share * along - away)
        if name not in (tail, head) and 0.05 < share < 0.95 and gap < 0.3:
            return 0.35 if along[0] * away[1] >= along[1] * away[0] else -0.35
    return 0.0
