"""What some tests need and not every machine has: where it is missing they are skipped, and said.

With CASESTUDIES_STRICT=1 they fail instead.
"""

import importlib.util
import os
from pathlib import Path

import pytest

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
STRICT = os.environ.get("CASESTUDIES_STRICT", "") not in ("", "0")


def chromium():
    """Return the path of Chromium."""
    need(CHROMIUM.exists(), f"there is no Chromium at {CHROMIUM} (set CHROMIUM to yours)")
    return CHROMIUM


def original(name):
    """Return the path of an original data file."""
    path = Path(os.environ.get("CASESTUDIES_DATA", ""), name)
    need(path.is_file(), f"no original file {name} (set CASESTUDIES_DATA to its folder)")
    return path


def need(there, reason):
    """Skip the test, or fail it where nothing may be missing."""
    if not there:
        (pytest.fail if STRICT else pytest.skip)(reason)


def package(name):
    """Return a package that only comparisons use."""
    there = importlib.util.find_spec(name) is not None
    need(there, f"the package {name} is not installed (pip install {name})")
    return importlib.import_module(name)
