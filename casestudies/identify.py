"""Which variables to adjust for, and why the others are not enough.

The rule is Pearl's backdoor criterion. A set of variables Z identifies the effect
of a treatment on an outcome if (1) no member of Z is a descendant of the treatment
and (2) Z blocks every path between the two that starts with an arrow into the
treatment. Then P(y | do(a)) = sum over z of P(y | a, z) P(z).

The criterion is sufficient, not necessary: some sets that fail it still identify
the effect (Shpitser, VanderWeele and Robins 2010; Perković et al. 2018), and some
effects are identified without any adjustment set, for example by the front door.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple

import networkx as nx

SHOWN = 3  # a sentence names this many open paths and counts the rest


@dataclass(frozen=True)
class Verdict:
    """Answer of `backdoor`; ``print`` it to read it as a sentence.

    Attributes
    ----------
    treatment, outcome : hashable
        The effect in question.
    adjust_for : tuple
        The set that was examined, sorted.
    valid : bool
        Whether the set meets the backdoor criterion; also the verdict's truth value.
    open_paths : tuple of str
        Backdoor paths that the set leaves or makes open, the shortest first.
    descendants : tuple
        Members of the set that are descendants of the treatment.
    opened_colliders : tuple
        Colliders on any path between treatment and outcome that the set opens,
        because it contains the collider or a descendant of it.
    has_effect : bool
        Whether a directed path leads from the treatment to the outcome.
    """

    treatment: object
    outcome: object
    adjust_for: tuple
    valid: bool
    open_paths: tuple
    descendants: tuple
    opened_colliders: tuple
    has_effect: bool

    def __bool__(self):
        """Return whether the set is valid."""
        return self.valid

    def __str__(self):
        """Say whether the set is valid, and why."""
        members = "{" + ", ".join(map(str, self.adjust_for)) + "}"
        if self.valid:
            text = (
                f"{members} is a valid adjustment set for the effect of {self.treatment} on "
                f"{self.outcome}: it blocks every backdoor path and contains no descendant of "
                f"{self.treatment}."
            )
        else:
            text = f"{members} is not valid: {'; '.join(self._faults())}."
        return " ".join([text, *self._remarks()])

    def _faults(self):
        """Yield what is wrong with the set."""
        if self.descendants:
            several = len(self.descendants) > 1
            kinship = "are descendants" if several else "is a descendant"
            yield f"{_join(self.descendants)} {kinship} of {self.treatment}"
        for path in self.open_paths[:SHOWN]:
            has_collider = "->" in path[: path.rindex("<-")]
            yield f"it opens the path {path}" if has_collider else f"the path {path} stays open"
        rest = len(self.open_paths) - SHOWN
        if rest > 0:
            yield f"{rest} more backdoor path{'s are' if rest > 1 else ' is'} open"

    def _remarks(self):
        """Yield what else a reader should know."""
        if self.opened_colliders:
            noun = "colliders" if len(self.opened_colliders) > 1 else "collider"
            but = ", but all paths that meet there are blocked elsewhere" if self.valid else ""
            yield f"It opens the {noun} {_join(self.opened_colliders)}{but}."
        if not self.has_effect:
            ends = f"from {self.treatment} to {self.outcome}"
            yield f"No directed path leads {ends}, so the effect is zero."


class Path(NamedTuple):
    """One path between treatment and outcome, written from the treatment on.

    Attributes
    ----------
    path : str
        The path with its arrows, such as ``"A0 <- X -> Y"``.
    kind : str
        ``"causal"`` if every arrow points to the outcome, ``"backdoor"`` if the first
        one points into the treatment, ``"non-causal"`` if the path leaves the
        treatment and meets a collider.
    open : bool
        Whether association flows along it, given the variables adjusted for.
    """

    path: str
    kind: str
    open: bool


def backdoor(graph, *, treatment, outcome, adjust_for):
    """Judge an adjustment set by the backdoor criterion.

    The set is valid if it contains no descendant of the treatment and d-separates
    treatment and outcome in the graph without the treatment's outgoing arrows. The
    estimand is the total effect. The criterion assumes that the graph is right,
    unmeasured common causes included.

    Parameters
    ----------
    graph : networkx.DiGraph, or anything networkx.DiGraph accepts
        The causal graph: ``model.graph``, a list of (cause, effect) pairs, or a dict
        from each cause to the list of its effects.
    treatment, outcome : hashable
        Two different variables of the graph.
    adjust_for : iterable of variables, or one name
        The set to judge; ``()`` for none.

    Returns
    -------
    Verdict
        With `valid`, `open_paths`, `descendants`, `opened_colliders`, and a sentence as
        its ``str``.

    Raises
    ------
    ValueError
        If the graph has a cycle or is undirected, a name is not in it, treatment and
        outcome are the same, or one of them is in `adjust_for`.

    References
    ----------
    Pearl (2009), Causality, 2nd ed., Cambridge University Press, section 3.3.1.
    Shpitser, VanderWeele and Robins (2010), Proceedings of UAI, 527-536, and Perković,
    Textor, Kalisch and Maathuis (2018), JMLR 18(220), 1-62, for the criterion that is
    necessary as well as sufficient.

    Examples
    --------
    >>> edges = [("X", "A"), ("X", "Y"), ("A", "M"), ("M", "Y")]
    >>> print(backdoor(edges, treatment="A", outcome="Y", adjust_for=[]))
    {} is not valid: the path A <- X -> Y stays open.
    >>> print(backdoor(edges, treatment="A", outcome="Y", adjust_for=["X", "M"]))
    {M, X} is not valid: M is a descendant of A.
    """
    dag = _dag(graph, treatment, outcome)
    adjusted = _covariates(dag, treatment, outcome, adjust_for)
    descendants = nx.descendants(dag, treatment)
    inside = tuple(name for name in adjusted if name in descendants)
    separated = nx.is_d_separator(
        _without_effects(dag, treatment), {treatment}, {outcome}, set(adjusted)
    )
    return Verdict(
        treatment=treatment,
        outcome=outcome,
        adjust_for=adjusted,
        valid=separated and not inside,
        open_paths=() if separated else _open_paths(dag, treatment, outcome, adjusted),
        descendants=inside,
        opened_colliders=_opened_colliders(dag, treatment, outcome, adjusted),
        has_effect=outcome in descendants,
    )


def adjustment_sets(graph, *, treatment, outcome, observed=None):
    """List the minimal sets that meet the backdoor criterion.

    A set is minimal if no proper subset of it is valid. Minimal sets lie among the
    ancestors of treatment and outcome; if those that may be used do not suffice
    together, nothing does, and if they do not suffice without one, each set needs it.

    Parameters
    ----------
    graph : networkx.DiGraph, or anything networkx.DiGraph accepts
        The causal graph, as for `backdoor`.
    treatment, outcome : hashable
        Two different variables of the graph.
    observed : iterable of variables, optional
        The variables that can be adjusted for; by default all of them. Treatment and
        outcome may be among them.

    Returns
    -------
    list of tuple
        The smallest sets first, each sorted. ``[()]`` if nothing needs adjusting, ``[]``
        if no set of observed variables is valid.

    Raises
    ------
    ValueError
        If the graph has a cycle or is undirected, a name is not in it, or treatment and
        outcome are the same.

    References
    ----------
    Pearl (2009), Causality, 2nd ed., Cambridge University Press, section 3.3.1.
    van der Zander, Liśkiewicz and Textor (2019), Artificial Intelligence 270, 1-40.

    Examples
    --------
    >>> edges = [("U", "X"), ("X", "A"), ("U", "Y"), ("A", "Y")]
    >>> adjustment_sets(edges, treatment="A", outcome="Y")
    [('U',), ('X',)]
    >>> adjustment_sets(edges, treatment="A", outcome="Y", observed=["A", "X", "Y"])
    [('X',)]
    """
    dag = _dag(graph, treatment, outcome)
    cut = _without_effects(dag, treatment)
    observed = set(dag if observed is None else _variables(dag, observed))
    relevant = nx.ancestors(cut, treatment) | nx.ancestors(cut, outcome)
    usable = relevant & observed - {treatment, outcome} - nx.descendants(dag, treatment)

    def suffices(names):
        return nx.is_d_separator(cut, {treatment}, {outcome}, set(names))

    needed = {name for name in usable if not suffices(usable - {name})}
    return _minimal(suffices, needed, sorted(usable - needed, key=str))


def paths(graph, *, treatment, outcome, adjust_for=()):
    """List every path between treatment and outcome, and whether it is open.

    A path is open if it passes each of its inner variables: a collider (two arrows
    meet in it) only if it or a descendant of it is adjusted for, any other variable
    only if it is not. ``pandas.DataFrame(paths(...))`` shows them as a table. Their
    number grows exponentially with the number of edges.

    Parameters
    ----------
    graph : networkx.DiGraph, or anything networkx.DiGraph accepts
        The causal graph, as for `backdoor`.
    treatment, outcome : hashable
        Two different variables of the graph.
    adjust_for : iterable of variables, or one name
        The variables held fixed; by default none.

    Returns
    -------
    list of Path
        Named tuples (path, kind, open), the shortest path first.

    Raises
    ------
    ValueError
        As `backdoor` does.

    References
    ----------
    Pearl (2009), Causality, 2nd ed., Cambridge University Press, section 1.2.3.

    Examples
    --------
    >>> for path in paths([("X", "A"), ("X", "Y"), ("A", "Y")], treatment="A", outcome="Y"):
    ...     print(path)
    Path(path='A -> Y', kind='causal', open=True)
    Path(path='A <- X -> Y', kind='backdoor', open=True)
    """
    dag = _dag(graph, treatment, outcome)
    passes = _passage(dag, _covariates(dag, treatment, outcome, adjust_for))
    found = _walk(dag, [treatment], outcome, lambda *triple: True)
    return [
        Path(_arrows(dag, path), _kind(dag, path), all(map(passes, path, path[1:], path[2:])))
        for path in sorted(found, key=_length_then_names)
    ]


def _minimal(suffices, needed, optional):
    """Return `needed` plus each smallest choice of optional variables that suffices."""
    chosen = []
    for size in range(len(optional) + 1):
        for extra in map(set, combinations(optional, size)):
            if not any(smaller <= extra for smaller in chosen) and suffices(needed | extra):
                chosen.append(extra)
    sets = [tuple(sorted(needed | extra, key=str)) for extra in chosen]
    return sorted(sets, key=_length_then_names)


def _open_paths(dag, treatment, outcome, adjusted):
    """Return the open backdoor paths as text, the shortest first."""
    passes = _passage(dag, adjusted)
    starts = ([treatment, parent] for parent in dag.predecessors(treatment))
    found = [path for start in starts for path in _walk(dag, start, outcome, passes)]
    return tuple(_arrows(dag, path) for path in sorted(found, key=_length_then_names))


def _opened_colliders(dag, treatment, outcome, adjusted):
    """Return the colliders between treatment and outcome at or above an adjusted variable."""
    found = [
        name
        for name in _and_ancestors(dag, adjusted)
        if dag.in_degree(name) > 1 and _meets(dag, name, {treatment, outcome})
    ]
    return tuple(sorted(found, key=str))


def _meets(dag, collider, ends):
    """Tell whether a path joins the two ends through two arrows into the collider.

    By Menger's theorem it does if two routes from the collider's parents to the ends
    share no variable, so no path has to be listed.
    """
    skeleton = dag.to_undirected()
    skeleton.remove_node(collider)
    start, end = object(), object()
    skeleton.add_edges_from((start, parent) for parent in dag.predecessors(collider))
    skeleton.add_edges_from((name, end) for name in ends)
    return nx.node_connectivity(skeleton, start, end) == 2


def _walk(dag, path, outcome, passes):
    """Yield each simple path to the outcome whose inner variables can be passed."""
    here = path[-1]
    if here == outcome:
        yield path
        return
    for there in {*dag.predecessors(here), *dag.successors(here)} - set(path):
        if len(path) == 1 or passes(path[-2], here, there):
            yield from _walk(dag, [*path, there], outcome, passes)


def _passage(dag, adjusted):
    """Return a function that tells whether association passes the middle of three."""
    opened = _and_ancestors(dag, adjusted)

    def passes(before, middle, after):
        if dag.has_edge(before, middle) and dag.has_edge(after, middle):
            return middle in opened
        return middle not in adjusted

    return passes


def _length_then_names(names):
    return len(names), list(map(str, names))


def _and_ancestors(dag, names):
    return set(names).union(*(nx.ancestors(dag, name) for name in names))


def _without_effects(dag, treatment):
    """Return the graph without the treatment's outgoing arrows."""
    cut = dag.copy()
    cut.remove_edges_from(list(dag.out_edges(treatment)))
    return cut


def _arrows(dag, path):
    arrows = {True: "->", False: "<-"}
    steps = (f"{arrows[dag.has_edge(*step)]} {step[1]}" for step in pairwise(path))
    return " ".join([str(path[0]), *steps])


def _kind(dag, path):
    if dag.has_edge(path[1], path[0]):
        return "backdoor"
    return "causal" if nx.is_path(dag, path) else "non-causal"


def _dag(graph, treatment, outcome):
    """Return the graph as a DiGraph that has treatment and outcome, or raise."""
    if isinstance(graph, nx.Graph) and not graph.is_directed():
        raise ValueError("graph is undirected; pass a networkx.DiGraph, edges from cause to effect")
    try:
        dag = nx.DiGraph(graph)
    except (nx.NetworkXError, TypeError) as error:
        raise ValueError(
            f"cannot read a graph from {type(graph).__name__}; pass a networkx.DiGraph (the graph "
            "attribute of a model), a list of (cause, effect) pairs or a dict from each cause to "
            "its effects"
        ) from error
    if not nx.is_directed_acyclic_graph(dag):
        cycle = [edge[0] for edge in nx.find_cycle(dag)]
        raise ValueError(
            f"graph has the cycle {' -> '.join(map(str, [*cycle, cycle[0]]))}; a causal graph has "
            "none: remove or reverse one of these edges"
        )
    _variables(dag, [treatment, outcome])
    if treatment == outcome:
        raise ValueError(f"treatment and outcome are both {treatment!r}; name two variables")
    return dag


def _covariates(dag, treatment, outcome, adjust_for):
    """Return the variables to adjust for as a sorted tuple, or raise."""
    names = _variables(dag, adjust_for)
    for role, name in {"treatment": treatment, "outcome": outcome}.items():
        if name in names:
            raise ValueError(f"adjust_for contains the {role} {name!r}; leave it out")
    return tuple(sorted(set(names), key=str))


def _variables(dag, names):
    """Return one name or several as a list, all of them in the graph, or raise."""
    single = isinstance(names, str) or not isinstance(names, Iterable)
    names = [names] if single else list(names)
    for name in names:
        if name not in dag:
            known = sorted(map(str, dag))
            close = difflib.get_close_matches(str(name), known)
            held = ", ".join(known) or "no variables"
            hint = f"did you mean {' or '.join(close)}?" if close else f"it has {held}"
            raise ValueError(f"no variable {name!r} in the graph; {hint}")
    return names


def _join(names):
    """Return names as an English list."""
    *first, last = map(str, names)
    return f"{', '.join(first)} and {last}" if first else last
