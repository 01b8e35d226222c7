"""Draw the pictures that pages show without a notebook, into book/_static."""

import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")

from casestudies import figures, scenarios
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.standardization import standardize

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"


def one_table_three_analyses():
    """Return the first case in one picture, as SVG text."""
    figures.house_style()
    world = scenarios.staffing()
    data = world.sample(10_000, rng=np.random.RandomState(42))
    columns = {"outcome": "exit", "treatment": "mismatch"}
    answers = pd.DataFrame(
        {
            "raw difference": difference_in_means(data, **columns),
            "silence held fixed": standardize(data, **columns, adjust_for=["talent", "silence"]),
            "talent adjusted for": standardize(data, **columns, adjust_for=["talent"]),
        }
    ).T
    ax = figures.estimates(
        answers,
        truth={"exact effect": world.truth["ATE"]},
        naive=["raw difference", "silence held fixed"],
        xlabel="effect of a mismatch on the probability of an exit",
    )
    picture = io.StringIO()
    ax.figure.savefig(picture, format="svg", metadata={"Date": None})
    return picture.getvalue()


if __name__ == "__main__":
    STATIC.mkdir(exist_ok=True)
    (STATIC / "one_table.svg").write_text(one_table_three_analyses(), encoding="utf-8")
