"""See, do, imagine: structural causal models whose graph is read off the code."""

import difflib

import networkx as nx
import numpy as np
import pandas as pd
from scipy import stats

from casestudies.mechanisms import Bernoulli, Deterministic, Mechanism, Normal, Uniform

__all__ = ["SCM", "Bernoulli", "Deterministic", "Mechanism", "Normal", "Uniform", "generator"]


class SCM:
    """A structural causal model: one mechanism for each variable.

    Parameters
    ----------
    mechanisms : mapping of str to Mechanism
        In any order; parents are drawn first, otherwise the given order is kept.

    Attributes
    ----------
    graph : networkx.DiGraph
        An edge from each parameter name to the variable whose mechanism has it.

    Raises
    ------
    ValueError
        If a parent is not a variable or the graph has a cycle.

    References
    ----------
    Pearl (2009), Causality, 2nd edition, Cambridge University Press, chapters 1, 3 and 7.

    Examples
    --------
    >>> world = SCM({"z": Normal(), "x": Normal(lambda z: z), "y": Normal(lambda x, z: 2 * x + z)})
    >>> sorted(world.graph.edges)
    [('x', 'y'), ('z', 'x'), ('z', 'y')]
    >>> sorted(world.do(x=1).graph.edges)
    [('x', 'y'), ('z', 'y')]
    """

    def __init__(self, mechanisms):
        self.mechanisms = dict(mechanisms)
        self.graph = nx.DiGraph()
        self.graph.add_nodes_from(self.mechanisms)
        for name, mechanism in self.mechanisms.items():
            if not isinstance(mechanism, Mechanism):
                raise ValueError(f"variable {name!r} is {mechanism!r}; make it a Mechanism")
            for parent in mechanism.parents:
                self._require_known(parent, f"a parent of {name!r}")
                self.graph.add_edge(parent, name)
        if not nx.is_directed_acyclic_graph(self.graph):
            loop = [a for a, _ in nx.find_cycle(self.graph)]
            raise ValueError(f"cycle {' -> '.join([*loop, loop[0]])}; remove one of its parents")
        place = list(self.mechanisms).index
        self._order = list(nx.lexicographical_topological_sort(self.graph, key=place))

    def sample(self, n, *, rng):
        """Draw `n` units, seeing: the first rung.

        `rng` is an int, a Generator or a legacy RandomState; the last gives bit for bit what
        its ``normal`` and ``binomial(1, p)`` give when called variable by variable.
        Returns a DataFrame with a column for each variable.
        """
        return self._frame(self._draw(n, generator(rng))[0])

    def do(self, **values):
        """Return the model with these variables' equations deleted, doing: the second rung.

        A variable is set to a number, to a policy (a function of its new parents), or to
        another Mechanism (a randomized policy).
        """
        for name in values:
            self._require_known(name, "named in the action")
        return SCM({**self.mechanisms, **{name: _mechanism(v) for name, v in values.items()}})

    def imagine(self, rows, *, rng, **values):
        """Replay the same units under another action, imagining: the third rung.

        Abduction, action, prediction. Where a row leaves the noise of a discrete mechanism
        undetermined, it is drawn from its distribution given the row, so that the result is
        one draw from the counterfactual distribution of these units.

        Parameters
        ----------
        rows : pandas.DataFrame
            Observed units, with a complete column for every variable.
        rng : int, numpy.random.Generator or numpy.random.RandomState
            For the noise that the rows leave undetermined.
        **values : float, callable or Mechanism
            The action, as in `do`.

        Returns
        -------
        pandas.DataFrame
            The units as they would have been, indexed as `rows`.
        """
        surgery, rng = self.do(**values), generator(rng)
        for name in self._order:
            if name not in rows:
                raise ValueError(f"rows have no column {name!r}; add it, every variable is needed")
            if rows[name].isna().any():
                raise ValueError(f"column {name!r} of rows has missing values; leave them out")
        seen = {name: rows[name].to_numpy() for name in self._order}
        noise = {name: self._apply(name, "abduct", seen, seen[name], rng) for name in self._order}
        below = set(values).union(*(nx.descendants(self.graph, name) for name in values))
        kept = {name: seen[name] for name in self._order if name not in below}
        return self._frame(surgery._follow(noise, rng, values, kept), index=rows.index)

    def effect(self, outcome, *, n, rng, **contrast):
        """Contrast two actions on the mean of `outcome`, under common random numbers.

        Each action variable comes with a pair, its value in the first and in the second
        action: ``effect("exit", mismatch=(1, 0), n=10**6, rng=0)``. Returns a Series with
        estimate (first minus second), its Monte Carlo std_error, ci_low, ci_high and n.
        """
        self._require_known(outcome, "the outcome")
        for name, pair in contrast.items():
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise ValueError(f"{name!r} needs a pair such as {name}=(1, 0), got {pair!r}")
        rng = generator(rng)
        noise = self._draw(n, rng)[1]
        actions = [{name: pair[i] for name, pair in contrast.items()} for i in (0, 1)]
        first, second = (self.do(**a)._follow(noise, rng, a, {})[outcome] for a in actions)
        mean, error = (first - second).mean(), (first - second).std() / np.sqrt(n)
        low, high = stats.norm.interval(0.95, mean, error) if error else (mean, mean)
        entries = {"estimate": mean, "std_error": error, "ci_low": low, "ci_high": high, "n": n}
        return pd.Series(entries, name="effect", dtype=float)

    def _draw(self, n, rng):
        if not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"n must be a whole number of at least 1, got {n!r}")
        values, noise = {}, {}
        for name in self._order:
            noise[name] = self._apply(name, "noise", values, n, rng)
            values[name] = self._apply(name, "value", values, noise[name])
        return values, noise

    def _follow(self, noise, rng, acted_on, kept):
        """Compute values from given noise; a variable acted on has noise of its own."""
        values, n = dict(kept), len(noise[self._order[0]])
        for name in self._order:
            if name not in kept:
                own = (
                    self._apply(name, "noise", values, n, rng) if name in acted_on else noise[name]
                )
                values[name] = self._apply(name, "value", values, own)
        return values

    def _apply(self, name, method, values, *arguments):
        mechanism = self.mechanisms[name]
        try:
            return getattr(mechanism, method)(*arguments, **mechanism.evaluate(values))
        except ValueError as error:
            raise ValueError(f"variable {name!r}: {error}") from None

    def _frame(self, values, index=None):
        return pd.DataFrame({name: values[name] for name in self.mechanisms}, index=index)

    def _require_known(self, name, role):
        if name not in self.mechanisms:
            close = difflib.get_close_matches(name, self.mechanisms, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {list(self.mechanisms)}"
            raise ValueError(f"the model has no variable {name!r}, {role}; {hint}")


def generator(rng):
    """Return a Generator or RandomState as it is, and a whole number as default_rng(number)."""
    if isinstance(rng, np.random.Generator | np.random.RandomState):
        return rng
    if isinstance(rng, int | np.integer):
        return np.random.default_rng(rng)
    raise ValueError(f"rng must be an int, a Generator or a RandomState, got {rng!r}; give a seed")


def _mechanism(value):
    return value if isinstance(value, Mechanism) else Deterministic(value)
