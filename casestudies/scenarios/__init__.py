"""Simulated worlds with known truth: one function a file, named after its file."""

from importlib import import_module
from pkgutil import iter_modules

from casestudies.scenarios.scenario import Scenario


def names():
    """Return the names of the simulated worlds, in alphabetical order."""
    return sorted(m.name for m in iter_modules(__path__) if m.name != "scenario")


for _name in names():
    globals()[_name] = getattr(import_module(f"{__name__}.{_name}"), _name)

__all__ = ["Scenario", "names", *names()]
