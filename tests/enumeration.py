"""Exact probabilities of small worlds: every row a discrete model can give, with its chance."""

from itertools import product

import numpy as np
import pandas as pd


def joint(model):
    """Return P(row) of a model of 0/1 mechanisms, indexed by its variables."""
    names = list(model.mechanisms)
    rows = pd.DataFrame(list(product((0, 1), repeat=len(names))), columns=names)
    values = {name: rows[name].to_numpy() for name in names}
    chance = np.ones(len(rows))
    for name in names:
        found = model.mechanisms[name].evaluate(values)
        if "function" in found:  # what a do has set
            found = {"p": found["function"]}
        p = found["p"] if "p" in found else _response(**found)
        chance *= np.where(values[name] == 1, p, 1 - p)
    return pd.Series(chance, index=pd.MultiIndex.from_frame(rows), name="p")


def mean(model, outcome, **given):
    """Return E[outcome | given] of such a model."""
    p = joint(model).reset_index()
    for name, value in given.items():
        p = p[p[name] == value]
    return (p["p"] * p[outcome]).sum() / p["p"].sum()


def _response(*, action, without, with_action, both):
    """Return the chance of a 1 of the ladder's responses, which `both` leaves alone."""
    return np.where(action == 1, with_action, without)
