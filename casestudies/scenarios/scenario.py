"""What every simulated world has in common: a model, what is observed of it, and its truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from casestudies.scm import SCM


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A simulated world together with the answers that hold in its population.

    Parameters
    ----------
    name : str
        Name of the function that makes it.
    model : SCM
        The structural equations, variables that nobody records included.
    treatment, outcome : str
        The cause and the consequence that the case study is about.
    observed : tuple of str
        The columns that an analyst sees.
    adjust_for : tuple of str
        A valid adjustment set among the observed columns; empty where there is none to make
        (nothing needs adjusting, or nothing observed would do: the docstring says which).
    truth : mapping of str to float
        Population values keyed by estimand (``"ATE"``, ``"CDE(silence=0)"``), computed from
        the parameters, in the unit of the outcome.
    source : str
        Citation key of the document that tells the story.
    arrange : callable, optional
        Turns drawn units into the table an analyst sees, for worlds that are observed as a
        panel.
    """

    name: str
    model: SCM
    treatment: str
    outcome: str
    observed: tuple[str, ...]
    adjust_for: tuple[str, ...]
    truth: Mapping[str, float]
    source: str
    arrange: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    def __post_init__(self):
        """Freeze the truth, floats throughout."""
        values = {estimand: float(value) for estimand, value in self.truth.items()}
        object.__setattr__(self, "truth", MappingProxyType(values))

    def sample(self, n, *, rng):
        """Draw `n` units and return the observed columns only.

        Parameters
        ----------
        n : int
            Number of units, at least 1.
        rng : int, numpy.random.Generator or numpy.random.RandomState
            A seed or a stream of random numbers.

        Returns
        -------
        pandas.DataFrame
            The columns `observed`, one row a unit (or as the world arranges them).
        """
        units = self.model.sample(n, rng=rng)
        table = self.arrange(units) if self.arrange else units
        return table[list(self.observed)]
