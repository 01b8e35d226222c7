"""Mechanisms: distributions whose parameters are functions of the parents."""
# ruff: noqa: D102 -- noise, value and abduct are described once, in Mechanism

import inspect

import numpy as np


class Mechanism:
    """One structural equation: a distribution whose parameters may depend on parents.

    The noise is kept apart from the equation, so that the same unit can be given another
    action. A subclass names its parameters in ``__init__`` and has three methods, which
    receive the evaluated parameters by name: ``noise`` draws the noise of n units,
    ``value`` turns noise into values, and ``abduct`` returns noise that explains a value,
    drawn at random where several values of the noise would.

    Parameters
    ----------
    **parameters : float or callable
        Numbers, or functions whose parameter names are the parents (a parameter with a
        default value is not one).
    """

    def __init__(self, **parameters):
        self.parameters = parameters
        self._read = {key: _arguments(p) for key, p in parameters.items()}
        self.parents = tuple(dict.fromkeys(name for names in self._read.values() for name in names))

    def evaluate(self, values):
        """Return each parameter, given a mapping from variable to values."""
        return {
            key: np.asarray(p(**{n: values[n] for n in self._read[key]}) if callable(p) else p)
            for key, p in self.parameters.items()
        }


class Normal(Mechanism):
    """Normal with mean `mean` and standard deviation `sd`: mean + sd * standard normal noise."""

    def __init__(self, mean=0.0, sd=1.0):
        super().__init__(mean=mean, sd=sd)

    def noise(self, n, rng, mean, sd):
        return rng.standard_normal(n)

    def value(self, noise, mean, sd):
        _require(sd > 0, "sd must be above 0 (use Deterministic for no noise)", sd)
        return mean + sd * noise

    def abduct(self, value, rng, mean, sd):
        return (value - mean) / sd


class Bernoulli(Mechanism):
    """One with probability `p`, else zero: 1 where uniform noise is at most p."""

    def __init__(self, p):
        super().__init__(p=p)

    def noise(self, n, rng, p):
        u = rng.random(n)  # numpy's legacy binomial counts from the top where p <= 0.5
        return np.where(p <= 0.5, 1 - u, u) if isinstance(rng, np.random.RandomState) else u

    def value(self, noise, p):
        _require((p >= 0) & (p <= 1), "p must lie between 0 and 1", p)
        return (noise <= p).astype(np.int64)

    def abduct(self, value, rng, p):
        _require((value == 0) | (value == 1), "a Bernoulli variable is 0 or 1", value)
        _require(np.where(value == 1, p, 1 - p) > 0, "this value has probability 0", value)
        u = rng.random(len(value))
        return np.where(value == 1, p * u, 1 - (1 - p) * u)


class Uniform(Mechanism):
    """Uniform between `low` and `high`: low + (high - low) * uniform noise."""

    def __init__(self, low=0.0, high=1.0):
        super().__init__(low=low, high=high)

    def noise(self, n, rng, low, high):
        return rng.random(n)

    def value(self, noise, low, high):
        _require(low < high, "low must lie below high", low)
        return low + (high - low) * noise

    def abduct(self, value, rng, low, high):
        _require((value >= low) & (value <= high), "the value must lie in [low, high]", value)
        return (value - low) / (high - low)


class Deterministic(Mechanism):
    """A number or a function of the parents, without noise."""

    def __init__(self, function):
        super().__init__(function=function)

    def noise(self, n, rng, function):
        return np.zeros(n)

    def value(self, noise, function):
        return np.broadcast_to(function, noise.shape) * 1  # a yes or no becomes 1 or 0

    def abduct(self, value, rng, function):
        _require(np.isclose(value, function), "the function does not give this value", value)
        return np.zeros(len(value))


def renamed(function, **names):
    """Return the function with other parameter names, so that one equation serves many times.

    A mechanism reads its parents off its function's parameters. An equation that repeats every
    month is written once and given each month's parents through its signature.

    Parameters
    ----------
    function : callable
        One equation; a parameter with a default value stays a constant.
    **names : str
        Old parameter name to new one; a parameter that is not mentioned keeps its name.

    Returns
    -------
    callable
        The same equation, whose parents are the new names.

    Raises
    ------
    ValueError
        If the function has no such parameter, or two parameters would get the same name.

    Examples
    --------
    >>> lasts = lambda before: 0.9 * before
    >>> Bernoulli(renamed(lasts, before="mismatch_1")).parents
    ('mismatch_1',)
    """
    old = _arguments(function)
    if unknown := [name for name in names if name not in old]:
        raise ValueError(f"the function has no parameter {unknown[0]!r} to rename; it has {old}")
    new = [names.get(name, name) for name in old]
    if len(set(new)) < len(new):
        raise ValueError(f"the renamed parameters would be {new}; give each a name of its own")

    def again(**values):
        return function(**{name: values[other] for name, other in zip(old, new, strict=True)})

    kinds = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in new]
    again.__signature__ = inspect.Signature(kinds)
    return again


def _arguments(parameter):
    if not callable(parameter):
        return []
    found = inspect.signature(parameter).parameters.values()
    return [p.name for p in found if p.default is p.empty]


def _require(condition, message, got):
    if not np.all(condition):
        bad = np.broadcast_to(got, np.shape(condition))[~np.asarray(condition)]
        raise ValueError(f"{message}, got {bad.flat[0]:g}")
