"""Which variables to adjust for, and why the others are not enough.

The rule is Pearl's backdoor criterion. A set of variables Z identifies the effect
of a treatment on an outcome if (1) no member of Z is a descendant of the treatment
and (2) Z blocks every path between the two that starts with an arrow into the
treatment. Then P(y | do(a)) = sum over z of P(y | a, z) P(z).

The criterion is sufficient, not necessary: some sets that fail it still identify
the effect (Shpitser, VanderWeele and Robins 2010; Perković et al. 2018), and some
effects are identified without any adjustment set, for example by the front door.

A graph is ``model.graph`` or another networkx.DiGraph, a dict from each cause to the
list of its effects, or a list of edges: (cause, effect) pairs or strings of arrows
such as ``"X -> A"`` and ``"A -> M -> Y"``. The string ``"A <-> Y"`` is a latent common
cause of A and Y: a variable that nobody can observe, shown on paths as ``A <-> Y``.
"""

import difflib
import inspect
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush, merge
from itertools import islice, pairwise
from numbers import Integral
from typing import NamedTuple

import networkx as nx

SHOWN = 3  # a verdict names this many open paths
COUNTED = 10  # and counts the others up to this many in all
NAMED = 20  # an error message names this many variables
_LISTS = (list, tuple, set, frozenset, Iterator)  # in which an edge may be a string


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
        Backdoor paths that the set leaves or makes open: the three shortest, the
        shortest first.
    more_open : int
        How many more are open; the count ends at 7.
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
    more_open: int
    descendants: tuple
    opened_colliders: tuple
    has_effect: bool

    def __bool__(self):
        """Return whether the set is valid."""
        return self.valid

    def __str__(self):
        """Say whether the set is valid, and why."""
        if self.valid:
            text = (
                f"is a valid adjustment set for the effect of {self.treatment} on "
                f"{self.outcome}: it blocks every backdoor path and contains no descendant of "
                f"{self.treatment}."
            )
        else:
            text = f"is not valid: {'; '.join(self._faults())}."
        return " ".join([_braces(self.adjust_for), text, *self._remarks()])

    def _faults(self):
        """Yield what is wrong with the set."""
        yield from self._kinship()
        for path in self.open_paths:
            has_collider = "->" in path[: path.rindex("<-")]
            yield f"it opens the path {path}" if has_collider else f"the path {path} stays open"
        if self.more_open:
            at_least = "at least " if self.more_open == COUNTED - SHOWN else ""
            paths_are = "paths are" if self.more_open > 1 else "path is"
            yield f"{at_least}{self.more_open} more backdoor {paths_are} open"

    def _kinship(self):
        """Yield which members of the set are descendants of the treatment."""
        if self.descendants:
            several = len(self.descendants) > 1
            kinship = "are descendants" if several else "is a descendant"
            yield f"{_join(self.descendants)} {kinship} of {self.treatment}"

    def _remarks(self):
        """Yield what else a reader should know."""
        if self.opened_colliders:
            noun = "colliders" if len(self.opened_colliders) > 1 else "collider"
            but = ", but all paths that meet there are blocked elsewhere" if self.valid else ""
            yield f"It opens the {noun} {_join(self.opened_colliders)}{but}."
        if not self.has_effect:
            yield _no_effect(self)


@dataclass(frozen=True)
class FrontDoorVerdict:
    """Answer of `frontdoor`; ``print`` it to read it as a sentence.

    Attributes
    ----------
    treatment, outcome : hashable
        The effect in question.
    mediators : tuple
        The set that was examined, sorted.
    valid : bool
        Whether the set meets the front-door criterion; also the verdict's truth value.
    violations : dict
        The three shortest paths against each condition that fails, by its number (1 to
        3, as in `frontdoor`).
    has_effect : bool
        Whether a directed path leads from the treatment to the outcome.
    """

    treatment: object
    outcome: object
    mediators: tuple
    valid: bool
    violations: dict
    has_effect: bool

    def __bool__(self):
        """Return whether the set is valid."""
        return self.valid

    def __str__(self):
        """Say whether the set is valid, or which condition fails on which paths."""
        a, y = self.treatment, self.outcome
        conditions = {
            1: "it intercepts every directed path",
            2: f"no backdoor path from {a} to it is open",
            3: f"{a} blocks every backdoor path from it to {y}",
        }
        faults = [
            f"condition {number} ({conditions[number]}) fails on {_join(found)}"
            for number, found in self.violations.items()
        ]
        why = _join(conditions.values())
        good = f"is a valid front-door set for the effect of {a} on {y}: {why}."
        text = good if self.valid else f"is not valid: {'; '.join(faults)}."
        remarks = [] if self.has_effect else [_no_effect(self)]
        return " ".join([_braces(self.mediators), text, *remarks])


@dataclass(frozen=True)
class DecisionVerdict(Verdict):
    """Answer of `sequential_backdoor` for one decision; ``print`` it to read it.

    Attributes
    ----------
    treatment, outcome, adjust_for, valid, open_paths, more_open, opened_colliders, has_effect
        As in `Verdict`, where the earlier decisions and what was adjusted for with them are
        held fixed and later decisions follow the regime.
    descendants : tuple
        Members of the set that are descendants of this or a later decision.
    place : int
        1 for the first decision.
    past : tuple
        The earlier decisions and the sets that were adjusted for with them.
    changed_by : dict
        From each of the descendants to the first decision that it is a descendant of.
    needed : dict
        From members of the set to the shortest path that is open without them.
    """

    place: int
    past: tuple
    changed_by: dict
    needed: dict

    def __str__(self):
        """Say whether the set is enough for this decision, and why."""
        given = f", given {_braces(self.past)}" if self.past else ""
        text = f"Decision {self.place}, {self.treatment}{given}: {_braces(self.adjust_for)}"
        if not self.valid:
            return " ".join([f"{text} is not valid: {'; '.join(self._faults())}.", *self._opened()])
        why = f"every backdoor path to {self.outcome} is blocked"
        if self.adjust_for:
            why += ", and nothing in it is a descendant of this or a later decision"
        return " ".join([f"{text} is enough: {why}.", *self._needs()])

    def _kinship(self):
        """Yield for each decision which members of the set are its descendants."""
        for decision in dict.fromkeys(self.changed_by.values()):
            names = [name for name in self.descendants if self.changed_by[name] == decision]
            kinship = "are descendants" if len(names) > 1 else "is a descendant"
            yield f"{_join(names)} {kinship} of {decision}"

    def _opened(self):
        """Yield which colliders the set opens."""
        if self.opened_colliders:
            noun = "colliders" if len(self.opened_colliders) > 1 else "collider"
            yield f"It opens the {noun} {_join(self.opened_colliders)}."

    def _needs(self):
        """Yield what each member of the set is good for."""
        for name, path in self.needed.items():
            yield f"Without {name} the path {path} is open."


@dataclass(frozen=True)
class SequentialVerdict:
    """Answer of `sequential_backdoor`; ``print`` it to read a sentence for each decision.

    Attributes
    ----------
    treatments : tuple
        The decisions, in order.
    outcome : hashable
        What they act on.
    decisions : tuple of DecisionVerdict
        The verdict for each.
    valid : bool
        Whether every one is valid; also the verdict's truth value.
    """

    treatments: tuple
    outcome: object
    decisions: tuple
    valid: bool

    def __bool__(self):
        """Return whether every decision's set is valid."""
        return self.valid

    def __str__(self):
        """Say whether the joint effect is identified, and what each decision needs."""
        what = f"The joint effect of {_join(self.treatments)} on {self.outcome} is"
        found = "identified by these sets" if self.valid else "not identified by these sets"
        return "\n".join([f"{what} {found}.", *map(str, self.decisions)])


class AdjustmentSets(list):
    """List of adjustment sets that knows whether there are more; then it prints ``...``.

    Attributes
    ----------
    more : bool
        Whether there are more minimal sets than were asked for.
    """

    more = False

    def __repr__(self):
        """Return the list as text."""
        return f"{super().__repr__()[:-1]}, ...]" if self.more else super().__repr__()


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


@dataclass(frozen=True)
class _Latent:
    """A common cause that cannot be observed."""

    ends: tuple

    def __str__(self):
        return " <-> ".join(map(str, self.ends))


def backdoor(graph, *, treatment, outcome, adjust_for):
    """Judge an adjustment set by the backdoor criterion.

    The set is valid if it contains no descendant of the treatment and d-separates
    treatment and outcome in the graph without the treatment's outgoing arrows. The
    estimand is the total effect. The criterion assumes that the graph is right,
    unmeasured common causes included.

    Parameters
    ----------
    graph : networkx.DiGraph, or anything networkx.DiGraph accepts
        The causal graph: ``model.graph``, a dict from each cause to the list of its
        effects, or a list of (cause, effect) pairs or strings, ``"X -> A"``, and
        ``"A <-> Y"`` for a latent common cause.
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
        If the graph has a cycle, is undirected or cannot be read, a name is not in it or
        is a latent cause, treatment and outcome are the same, or one of them is in
        `adjust_for`.

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
    adjusted = _covariates(dag, treatment, outcome, "adjust_for", adjust_for)
    descendants = nx.descendants(dag, treatment)
    inside = tuple(name for name in adjusted if name in descendants)
    found = list(islice(_backdoor_paths(dag, [treatment], [outcome], adjusted), COUNTED))
    return Verdict(
        treatment=treatment,
        outcome=outcome,
        adjust_for=adjusted,
        valid=not found and not inside,
        open_paths=_written(dag, found),
        more_open=len(found[SHOWN:]),
        descendants=inside,
        opened_colliders=_opened_colliders(dag, [treatment, outcome], adjusted),
        has_effect=outcome in descendants,
    )


def sequential_backdoor(graph, *, treatments, outcome, adjust_for, regime=None):
    """Judge the adjustment sets of several decisions, one after the other.

    The joint effect of treatments that are decided one after the other, with what happens
    between them, is identified if each decision has a set Z_k such that (1) no member of it
    is a descendant of this or a later decision, and (2) given the past (the earlier decisions
    and their sets) it blocks every backdoor path from the decision to the outcome in the
    graph in which later decisions follow the regime. The mean of the outcome under the regime
    is then the g-formula: the sum over histories of E[Y | history] times the product of
    P(z_k | past), without the probabilities of the decisions. A variable may be needed for
    one decision and forbidden for another, which no single adjustment set can follow.

    Parameters
    ----------
    graph
        As for `backdoor`.
    treatments : list of variables
        The decisions, in order of time.
    outcome : hashable
        A variable of the graph.
    adjust_for : list of iterables of variables
        What each decision adjusts for besides the past, which is kept; ``()`` for nothing.
    regime : dict, optional
        From decisions to a number or to a function whose parameter names are what the rule
        reads, as for `SCM.do`. By default every decision is set to a number. A rule that reads a
        covariate adds arrows into the later decisions, and so may open further paths.

    Returns
    -------
    SequentialVerdict
        With `valid`, the verdict for each decision in `decisions`, and sentences as its
        ``str``.

    Raises
    ------
    ValueError
        If there is not one set for each treatment, treatments are named twice or not in order
        of time, a set names a decision that comes later, a rule reads what is not part of the
        past; or as `backdoor` does.

    References
    ----------
    Pearl and Robins (1995), Probabilistic evaluation of sequential plans from causal models
    with hidden variables, Proceedings of UAI, 444-453, for decisions set to numbers.
    Dawid and Didelez (2010), Statistics Surveys 4, 184-231, for rules that read the past.

    Examples
    --------
    >>> graph = ["A0 -> L -> A1 -> Y", "A0 -> Y", "L <- U -> Y"]
    >>> question = {"treatments": ["A0", "A1"], "outcome": "Y"}
    >>> print(sequential_backdoor(graph, **question, adjust_for=[[], ["L"]]).decisions[1])
    Decision 2, A1, given {A0}: {L} is enough: every backdoor path to Y is blocked, and nothing \
in it is a descendant of this or a later decision. Without L the path A1 <- L <- U -> Y is open.
    >>> print(sequential_backdoor(graph, **question, adjust_for=[["L"], []]).decisions[0])
    Decision 1, A0: {L} is not valid: L is a descendant of A0. It opens the collider L.
    """
    treatments = [treatments] if isinstance(treatments, str) else list(treatments)
    if not treatments:
        raise ValueError("treatments is empty; name the decisions, in order of time")
    dag = _dag(graph, treatments[0], outcome)
    _check_order(dag, treatments, outcome)
    sets = _one_set_each(dag, treatments, outcome, adjust_for)
    reads = _rules(dag, treatments, sets, regime or {})
    past, decisions = (), []
    for place, (treatment, own) in enumerate(zip(treatments, sets, strict=True)):
        decisions.append(_decide(dag, treatments, outcome, place, past, own, reads))
        past = _sorted({*past, *own, treatment})
    valid = all(decisions)
    return SequentialVerdict(tuple(treatments), outcome, tuple(decisions), valid)


def adjustment_set(graph, *, treatment, outcome, observed=None):
    """Return one minimal set that meets the backdoor criterion.

    It is the one closest to the treatment. The time grows with the number of arrows, not
    of paths.

    Parameters
    ----------
    graph, treatment, outcome
        As for `backdoor`.
    observed : iterable of variables, optional
        As for `adjustment_sets`.

    Returns
    -------
    tuple
        The set, sorted; ``()`` if nothing needs adjusting. No proper subset is valid.

    Raises
    ------
    ValueError
        If no set of observed variables is valid, with a path that cannot be blocked; or
        as `backdoor` does.

    References
    ----------
    van der Zander, Liśkiewicz and Textor (2019), Artificial Intelligence 270, 1-40.

    Examples
    --------
    >>> adjustment_set(["U -> X -> A", "U -> Y", "A -> Y"], treatment="A", outcome="Y")
    ('X',)
    """
    dag = _dag(graph, treatment, outcome)
    usable = _usable(dag, treatment, outcome, observed)
    found = next(_separators(dag, treatment, outcome, usable), None)
    if found is None:
        raise ValueError(_unblocked(dag, treatment, outcome, usable))
    return found


def adjustment_sets(graph, *, treatment, outcome, observed=None, limit=20):
    """List the minimal sets that meet the backdoor criterion.

    A set is minimal if no proper subset of it is valid. The sets are found one after
    the other, each in polynomial time, however many there are.

    Parameters
    ----------
    graph, treatment, outcome
        As for `backdoor`.
    observed : iterable of variables, optional
        The variables that can be adjusted for; by default all but latent causes.
        Treatment and outcome may be among them.
    limit : int or None
        How many sets to list at most; None for all, which can be exponentially many.

    Returns
    -------
    AdjustmentSets
        A list of tuples, the smallest sets first, each sorted. ``[()]`` if nothing needs
        adjusting, ``[]`` if no set of observed variables is valid. If there are more
        than `limit`, it ends in ``...`` when printed and its attribute `more` is True;
        those that were found first are listed, and smaller ones may be missing.

    Raises
    ------
    ValueError
        If `limit` is no positive whole number; or as `backdoor` does.

    References
    ----------
    Pearl (2009), Causality, 2nd ed., Cambridge University Press, section 3.3.1.
    van der Zander, Liśkiewicz and Textor (2019), Artificial Intelligence 270, 1-40.
    Shen and Liang (1997), Theoretical Computer Science 180, 169-180.

    Examples
    --------
    >>> edges = [("U", "X"), ("X", "A"), ("U", "Y"), ("A", "Y")]
    >>> adjustment_sets(edges, treatment="A", outcome="Y")
    [('U',), ('X',)]
    >>> adjustment_sets(edges, treatment="A", outcome="Y", observed=["A", "X", "Y"])
    [('X',)]
    """
    whole = isinstance(limit, Integral) and not isinstance(limit, bool)
    if limit is not None and not (whole and limit > 0):
        raise ValueError(f"limit is {limit!r}; give a positive whole number, or None for all sets")
    dag = _dag(graph, treatment, outcome)
    found = _separators(dag, treatment, outcome, _usable(dag, treatment, outcome, observed))
    sets = AdjustmentSets(sorted(islice(found, limit), key=_length_then_names))
    sets.more = next(found, None) is not None
    return sets


def frontdoor(graph, *, treatment, outcome, mediators):
    """Judge a set of mediators by the front-door criterion.

    The set is valid if (1) it intercepts every directed path from treatment to outcome,
    (2) no backdoor path from the treatment to it is open, and (3) the treatment blocks
    every backdoor path from it to the outcome. Then, with causes of treatment and outcome
    unobserved, P(y | do(a)) = sum over m of P(m | a) sum over a' of P(y | a', m) P(a').
    The estimand is the total effect. Several mediators count as one: in (2) and (3) a
    path holds only one of them.

    Parameters
    ----------
    graph, treatment, outcome
        As for `backdoor`.
    mediators : iterable of variables, or one name
        The set to judge.

    Returns
    -------
    FrontDoorVerdict
        With `valid`, the paths that violate each condition, and a sentence as its ``str``.

    Raises
    ------
    ValueError
        As `backdoor` does.

    References
    ----------
    Pearl (2009), Causality, 2nd ed., Cambridge University Press, section 3.3.2.
    Wienöbst, van der Zander and Liśkiewicz (2024), Linear-time algorithms for front-door
    adjustment in causal graphs, Proceedings of AAAI-24, for sets of mediators.

    Examples
    --------
    >>> edges = ["A -> M -> Y", "A <-> Y"]
    >>> print(frontdoor([*edges, "M <-> Y"], treatment="A", outcome="Y", mediators=["M"]))
    {M} is not valid: condition 3 (A blocks every backdoor path from it to Y) fails on M <-> Y.
    """
    dag = _dag(graph, treatment, outcome)
    names = _covariates(dag, treatment, outcome, "mediators", mediators)
    onward = (edge for edge in dag.edges if edge[1] != treatment)
    missed = _shortest_paths(onward, treatment, [outcome], blocked=names)
    before = _backdoor_paths(dag, [treatment], names, adjusted=())
    after = _backdoor_paths(dag, names, [outcome], adjusted=[treatment])
    found = enumerate([missed, before, after], start=1)
    violations = {number: few for number, routes in found if (few := _written(dag, routes))}
    has_effect = nx.has_path(dag, treatment, outcome)
    return FrontDoorVerdict(treatment, outcome, names, not violations, violations, has_effect)


def paths(graph, *, treatment, outcome, adjust_for=()):
    """List every path between treatment and outcome, and whether it is open.

    A path is open if it passes each of its inner variables: a collider (two arrows
    meet in it) only if it or a descendant of it is adjusted for, any other variable
    only if it is not. ``pandas.DataFrame(paths(...))`` shows them as a table. Their
    number, and so the time, grows exponentially with the number of edges; `backdoor`
    finds the shortest open ones in a large graph.

    Parameters
    ----------
    graph, treatment, outcome
        As for `backdoor`.
    adjust_for : iterable of variables, or one name
        The variables held fixed; by default none.

    Returns
    -------
    list of Path
        Named tuples (path, kind, open), the shortest path first; a latent common cause
        counts as a variable on the path.

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
    adjusted = _covariates(dag, treatment, outcome, "adjust_for", adjust_for)
    opened = _and_ancestors(dag, adjusted)

    def passes(*step):
        return step[1] in opened if _meet(dag, *step) else step[1] not in adjusted

    found = nx.all_simple_paths(dag.to_undirected(), treatment, outcome)
    return [
        Path(_arrows(dag, path), _kind(dag, path), all(map(passes, path, path[1:], path[2:])))
        for path in sorted(found, key=_length_then_names)
    ]


def _decide(dag, treatments, outcome, place, past, own, reads):
    """Judge one decision given the past, later decisions following the regime."""
    treatment, *later = treatments[place:]
    new = _sorted(set(own).difference(past))
    ahead = dag.copy()
    ahead.remove_edges_from(list(dag.in_edges(later)))
    ahead.add_edges_from((name, decision) for decision in later for name in reads[decision])

    def open_paths(*held):
        adjusted = _sorted({*past, *new}.difference(held))
        return _backdoor_paths(ahead, [treatment], [outcome], adjusted)

    changed_by = {}
    for decision in (treatment, *later):
        for name in new:
            if name in nx.descendants(dag, decision):
                changed_by.setdefault(name, decision)
    found = list(islice(open_paths(), COUNTED))
    valid = not found and not changed_by
    without = {name: _written(ahead, open_paths(name))[:1] for name in new if valid}
    return DecisionVerdict(
        treatment=treatment,
        outcome=outcome,
        adjust_for=new,
        valid=valid,
        open_paths=_written(ahead, found),
        more_open=len(found[SHOWN:]),
        descendants=tuple(name for name in new if name in changed_by),
        opened_colliders=_opened_colliders(ahead, [treatment, outcome], {*past, *new}),
        has_effect=outcome in nx.descendants(dag, treatment),
        place=place + 1,
        past=past,
        changed_by=changed_by,
        needed={name: few[0] for name, few in without.items() if few},
    )


def _check_order(dag, treatments, outcome):
    """Raise unless the treatments are different variables in an order of the graph."""
    for place, treatment in enumerate(treatments):
        _variables(dag, [treatment])
        if treatment == outcome or treatment in treatments[:place]:
            raise ValueError(
                f"{treatment!r} is named twice; name each decision and the outcome once"
            )
        later = set(treatments[place + 1 :]) & nx.ancestors(dag, treatment)
        if later:
            first = _sorted(later)[0]
            raise ValueError(
                f"{first} is a cause of {treatment} and named after it; list the treatments in "
                "order of time"
            )


def _one_set_each(dag, treatments, outcome, adjust_for):
    """Return the set of each decision, sorted, or raise."""
    sets = [adjust_for] if isinstance(adjust_for, str) else list(adjust_for)
    if len(sets) != len(treatments):
        raise ValueError(
            f"adjust_for has {len(sets)} sets for {len(treatments)} treatments; give a list with "
            "one set for each, () where there is nothing to add"
        )
    checked = []
    for place, (treatment, names) in enumerate(zip(treatments, sets, strict=True)):
        own = _covariates(dag, treatment, outcome, f"adjust_for[{place}]", names)
        for name in own:
            if name in treatments[place:]:
                raise ValueError(
                    f"adjust_for[{place}] contains {name}, which is decided later; leave it out"
                )
        checked.append(own)
    return checked


def _rules(dag, treatments, sets, regime):
    """Return what the rule of each decision reads, or raise."""
    for name in regime:
        if name not in treatments:
            raise ValueError(f"the regime sets {name!r}, which is not among the treatments; add it")
    reads, past = {}, set()
    for treatment, own in zip(treatments, sets, strict=True):
        past.update(own)
        rule = regime.get(treatment, 0)
        reads[treatment] = _read_by(treatment, rule) if callable(rule) else []
        for name in _variables(dag, reads[treatment]):
            if name not in past:
                raise ValueError(
                    f"the rule of {treatment} reads {name}, which is not part of its past; name it "
                    "in adjust_for of this decision or an earlier one"
                )
        past.add(treatment)
    return reads


def _read_by(treatment, rule):
    """Return the parameter names of a rule that have no default value, or raise."""
    try:
        found = inspect.signature(rule).parameters.values()
    except ValueError as error:
        raise ValueError(
            f"the rule of {treatment} does not tell what it reads; write a function whose "
            "parameters are variables, for example with lambda"
        ) from error
    return [parameter.name for parameter in found if parameter.default is parameter.empty]


def _backdoor_paths(dag, starts, goals, adjusted, opened=None):
    """Yield the open backdoor paths from a start to a goal, the shortest first."""
    opened = _and_ancestors(dag, adjusted) if opened is None else opened
    found = []
    for start in starts:
        others = set(starts) - {start}
        kept = [edge for edge in dag.edges if edge[0] != start and others.isdisjoint(edge)]
        found.append(_shortest_paths(kept, start, goals, adjusted, opened))
    return merge(*found, key=_length_then_names)


def _shortest_paths(edges, start, goals, blocked=(), opened=()):
    """Yield the open paths from start to a goal, the shortest first (Yen 1971)."""
    links, heap = _links(edges), []

    def queue_shortest(kept, skipped):
        here = kept[-1][0]
        ways = {**links, here: [link for link in links.get(here, ()) if link not in skipped]}
        passed = {name for name, _ in kept}
        rest = _shortest_walk(ways, kept[-1:], goals, blocked, opened, passed)
        if rest:
            steps = kept[:-1] + rest
            rank = _length_then_names([name for name, _ in steps])
            heappush(heap, (rank, steps, len(kept), skipped))

    queue_shortest([(start, False)], set())
    while heap:
        _, steps, size, skipped = heappop(heap)
        yield [name for name, _ in steps]
        for place in range(size, len(steps)):
            before = skipped if place == size else set()
            queue_shortest(steps[:place], before | {steps[place]})


def _shortest_walk(links, starts, goals, *passage):
    """Return the steps of the shortest open walk, which visits no variable twice."""
    before = _reach(links, starts, *passage, goals)
    step = next((step for step in before if step[0] in goals), None)
    walk = []
    while step is not None:
        walk.append(step)
        step = before[step]
    return walk[::-1]


def _reach(links, starts, blocked=(), opened=(), passed=(), goals=()):
    """Walk breadth first from the starts, up to a goal if there is one.

    Return for each step (variable, whether an arrow points to it) the step before. The
    walk leaves a collider that is opened, and any other variable that is not blocked.
    """
    before = dict.fromkeys(starts)
    queue = deque(before)
    while queue:
        here, pointed_at = step = queue.popleft()
        for link in links.get(here, ()):
            there, forward = link
            leaves = here in opened if pointed_at and not forward else here not in blocked
            if leaves and there not in passed and link not in before:
                before[link] = step
                queue.append(link)
                if there in goals:
                    return before
    return before


def _links(edges):
    """Return the neighbours of each variable by name, and whether the arrow points to them."""
    links = {}
    for cause, effect in edges:
        links.setdefault(cause, []).append((effect, True))
        links.setdefault(effect, []).append((cause, False))
    return {here: sorted(ways, key=lambda link: str(link[0])) for here, ways in links.items()}


def _separators(dag, treatment, outcome, usable):
    """Yield the minimal sets of usable variables that block every backdoor path.

    They are the minimal separators in the moral graph of the ancestors. The first is the
    closest to the treatment; moving one member of a separator to the treatment's side
    leads to the next ones (Shen and Liang 1997), from the smallest one found.
    """
    region = _and_ancestors(dag, [treatment, outcome])
    links = _links(edge for edge in dag.edges if edge[0] != treatment and region.issuperset(edge))
    heap, seen = [], set()

    def reached(starts, walls):
        return {name for name, _ in _reach(links, [(s, False) for s in starts], walls, region)}

    def queue_closest(inside):
        near = reached(inside, usable - inside)
        border = near & usable - inside
        separator = _sorted(border & reached([outcome], border))
        if outcome not in near and separator not in seen:
            seen.add(separator)
            heappush(heap, (_length_then_names(separator), separator))

    queue_closest({treatment})
    while heap:
        _, separator = heappop(heap)
        yield separator
        inside = reached([treatment], separator).difference(separator)
        for name in separator:
            queue_closest(inside | {name})


def _usable(dag, treatment, outcome, observed):
    """Return the variables that may be adjusted for, or raise."""
    names = dag if observed is None else _variables(dag, observed)
    named = {name for name in names if not isinstance(name, _Latent)}
    return named - {treatment, outcome} - nx.descendants(dag, treatment)


def _unblocked(dag, treatment, outcome, usable):
    """Say which path no usable set blocks, and what would block it."""
    question = dag, [treatment], [outcome], usable & _and_ancestors(dag, [treatment, outcome])
    straight = next(_backdoor_paths(*question, opened=()), None)
    path = straight or next(_backdoor_paths(*question))
    others = "" if straight else " along with the others"
    text = f"the path {_arrows(dag, path)} cannot be blocked{others}; {_remedy(dag, path)}"
    return f"no set of observed variables is valid: {text}"


def _remedy(dag, path):
    treatment, *inner, outcome = path
    later = nx.descendants(dag, treatment)
    hidden = [
        str(name)
        for before, name, after in zip(path, inner, path[2:], strict=False)
        if not (isinstance(name, _Latent) or name in later or _meet(dag, before, name, after))
    ]
    if hidden:
        return f"measure {' or '.join(hidden)} and name it in observed"
    if not inner:
        return f"{outcome} causes {treatment}, so ask for the effect of {outcome} on {treatment}"
    return (
        f"if the cause behind {inner[0]} can be measured, write it as a variable ('U -> X', 'U -> "
        "Y') and name it in observed; else ask frontdoor about mediators"
    )


def _opened_colliders(dag, ends, adjusted):
    """Return the colliders between the two ends at or above an adjusted variable."""
    links = _links(dag.edges)
    found = _and_ancestors(dag, adjusted).difference(ends)
    return _sorted(name for name in found if _is_met(links, ends, name, dag.pred[name]))


def _is_met(links, ends, collider, causes):
    """Tell whether a path joins the two ends through two arrows into the collider.

    By Menger's theorem it does if no one variable lies on all routes from the collider's
    causes to the ends.
    """

    def route(goals, *passed):
        starts = [(cause, False) for cause in causes if cause not in passed]
        walk = _shortest_walk(links, starts, goals, (), links, (collider, *passed))
        return {name for name, _ in walk}

    alone = [route([end]) for end in ends]
    return all(alone) and all(route(ends, name) for name in set.intersection(*alone))


def _written(dag, found):
    """Return the first paths as text."""
    return tuple(_arrows(dag, path) for path in islice(found, SHOWN))


def _arrows(dag, path):
    """Return a path as text, a latent cause on it as an arrow with two heads."""
    text = str(path[0])
    for here, there in pairwise(path):
        arrow = "<->" if isinstance(here, _Latent) else "->" if dag.has_edge(here, there) else "<-"
        text += "" if isinstance(there, _Latent) else f" {arrow} {there}"
    return text


def _meet(dag, before, middle, after):
    """Tell whether two arrows of a path meet in its middle variable."""
    return dag.has_edge(before, middle) and dag.has_edge(after, middle)


def _kind(dag, path):
    if dag.has_edge(path[1], path[0]):
        return "backdoor"
    return "causal" if nx.is_path(dag, path) else "non-causal"


def _length_then_names(names):
    return len(names), list(map(str, names))


def _sorted(names):
    return tuple(sorted(names, key=str))


def _and_ancestors(dag, names):
    return set(names).union(*(nx.ancestors(dag, name) for name in names))


def _dag(graph, treatment, outcome):
    """Return the graph as a DiGraph that has treatment and outcome, or raise."""
    if isinstance(graph, nx.Graph) and not graph.is_directed():
        raise ValueError("graph is undirected; pass a networkx.DiGraph, edges from cause to effect")
    if isinstance(graph, dict):  # networkx takes text for a list of letters
        graph = {
            cause: [found] if isinstance(found, str) else found for cause, found in graph.items()
        }
    try:
        dag = nx.DiGraph(_pairs(graph) if isinstance(graph, _LISTS) else graph)
    except (nx.NetworkXError, TypeError) as error:
        raise ValueError(
            f"cannot read a graph from {type(graph).__name__}; pass a networkx.DiGraph (the graph "
            "attribute of a model), a list of (cause, effect) pairs or of strings like 'X -> Y', "
            "or a dict from each cause to its effects"
        ) from error
    if not nx.is_directed_acyclic_graph(dag):
        raise ValueError(_cycle(dag))
    _variables(dag, [treatment, outcome])
    if treatment == outcome:
        raise ValueError(f"treatment and outcome are both {treatment!r}; name two variables")
    return dag


def _pairs(edges):
    """Return the edges as (cause, effect) pairs, those in strings too."""
    edges = list(edges)
    pairs = [edge for edge in edges if not isinstance(edge, str)]
    spelled = {str(name): name for pair in pairs for name in pair}
    for text in edges:
        if isinstance(text, str):
            pairs += _read(text, spelled)
    return pairs


def _read(text, spelled):
    """Return the (cause, effect) pairs of the arrows in a string."""
    parts = re.split(r"\s*(<->|->|<-)\s*", text.strip())
    names = [spelled.get(name, name) for name in parts[::2]]
    clean = all(name and name == name.strip("-<=>") for name in parts[::2])
    sign = re.search(r"[;,\n→←↔⇒⇐]|--|=>|<=", text)
    if sign or not clean or len(names) < 2 or any(one == two for one, two in pairwise(names)):
        raise ValueError(
            f"cannot read the edge {text!r}; write 'X -> Y' from cause to effect or 'X <-> Y' for "
            "a latent common cause of two variables"
            + (f", and a name that holds {sign[0]!r} in pairs, ('X', 'Y')" if sign else "")
        )
    pairs = []
    for arrow, left, right in zip(parts[1::2], names, names[1:], strict=False):
        latent = _Latent(tuple(sorted([left, right], key=str)))
        directed = {"->": [(left, right)], "<-": [(right, left)]}
        pairs += directed.get(arrow, [(latent, left), (latent, right)])
    return pairs


def _cycle(dag):
    """Say which cycle the graph has, and what to do about it."""
    pair = next((edge for edge in dag.edges if edge[::-1] in dag.edges), None)
    cycle = list(dict.fromkeys(pair)) if pair else [edge[0] for edge in nx.find_cycle(dag)]
    remedies = {
        1: "remove this edge",
        2: f"if you mean a latent common cause, write '{cycle[0]} <-> {cycle[-1]}' instead (or add "
        "the cause and leave it out of observed), else remove or reverse one arrow",
    }
    arrows = " -> ".join(map(str, [*cycle, cycle[0]]))
    remedy = remedies.get(len(cycle), "remove or reverse one of these edges")
    return f"graph has the cycle {arrows}; a causal graph has none: {remedy}"


def _covariates(dag, treatment, outcome, option, names):
    """Return the variables of an option as a sorted tuple, or raise."""
    names = _variables(dag, names)
    for role, name in {"treatment": treatment, "outcome": outcome}.items():
        if name in names:
            raise ValueError(f"{option} contains the {role} {name!r}; leave it out")
    return _sorted(set(names))


def _variables(dag, names):
    """Return one name or several as a list, all of them in the graph, or raise."""
    single = isinstance(names, str) or not isinstance(names, Iterable)
    names = [names] if single else list(names)
    for name in names:
        if name not in dag:
            raise ValueError(_unknown(dag, name))
    return names


def _unknown(dag, name):
    """Say that the graph has no such variable, and which it has."""
    if isinstance(name, str) and "<->" in name:
        return (
            f"{name!r} is a latent common cause, which cannot be observed; leave it out, or write "
            "the cause as a variable with two arrows ('U -> X', 'U -> Y')"
        )
    known = sorted(str(node) for node in dag if not isinstance(node, _Latent))
    close = difflib.get_close_matches(str(name), known)
    held = ", ".join(known[:NAMED]) + ", ..." * (len(known) > NAMED) or "no variables"
    hint = f"did you mean {' or '.join(close)}?" if close else f"it has {held}"
    return f"no variable {name!r} in the graph; {hint}"


def _no_effect(verdict):
    ends = f"from {verdict.treatment} to {verdict.outcome}"
    return f"No directed path leads {ends}, so the effect is zero."


def _braces(names):
    return "{" + ", ".join(map(str, names)) + "}"


def _join(names):
    """Return names as an English list."""
    *first, last = map(str, names)
    return f"{', '.join(first)} and {last}" if first else last
