"""Draw the pictures that pages show without a notebook, into book/_static."""

import io
from pathlib import Path
from string import Template

import matplotlib as mpl
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

mpl.use("Agg")

from casestudies import scenarios
from casestudies.display import figures
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.standardization import standardize

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"


def one_table_three_analyses():
    """Return the first case in one picture, as SVG text."""
    figures.house_style()
    world = scenarios.staffing()
    data = world.sample(10_000, rng=np.random.RandomState(42))
    columns = {"outcome": "exit", "treatment": "mismatch"}
    fit = smf.logit("exit ~ mismatch + silence + talent", data).fit(disp=False)
    margins = fit.get_margeff(at="overall", dummy=True).summary_frame().loc["mismatch"]
    flattened = margins.iloc[[0, 4, 5]].set_axis(["estimate", "ci_low", "ci_high"])
    answers = pd.DataFrame(
        {
            "raw difference": difference_in_means(data, **columns),
            "silence held fixed": flattened,
            "talent adjusted for": standardize(data, **columns, adjust_for=["talent"]),
        }
    ).T
    ax = figures.estimates(
        answers,
        truth={"exact ATE": world.truth["ATE"]},
        naive=["raw difference", "silence held fixed"],
        xlabel="effect of a mismatch on the probability of an exit",
    )
    picture = io.StringIO()
    ax.figure.savefig(picture, format="svg", metadata={"Date": None})
    return picture.getvalue()


# A hidden cause, a treatment and an outcome; do() has cut the arrow into the treatment.
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 212 64" role="img" \
aria-label="Seeing Is Not Doing">
  <g fill="none" stroke-width="4">
    <circle cx="13" cy="13" r="9" stroke="$hidden" stroke-dasharray="5.4 4.03"/>
    <circle cx="13" cy="51" r="9" stroke="$treated"/>
    <circle cx="53" cy="51" r="9" stroke="$control"/>
    <path d="M13 24v16" stroke="$hidden" stroke-width="3" stroke-dasharray="2.5 2.5"/>
    <path d="M6.5 26l13 12m0-12l-13 12" stroke="$treated" stroke-width="3.5"/>
    <path d="M20.5 20L41 39.5M24 51h13" stroke="$estimate" stroke-width="3.5"/>
  </g>
  <path d="M46 44.3l-9.5-2.6 6.8-7.2zM44 51l-9-5.2v10.4z" fill="$estimate"/>
  <path d="$words" fill="$estimate"/>
</svg>
"""
FAVICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <rect width="32" height="32" rx="6" fill="#ffffff"/>
  <path d="M8 8L24 24H8" fill="none" stroke="$estimate" stroke-width="3"/>
  <circle cx="8" cy="8" r="5" fill="$hidden"/>
  <circle cx="8" cy="24" r="5" fill="$treated"/>
  <circle cx="24" cy="24" r="5" fill="$control"/>
</svg>
"""


def lettering(text, x, y, size=27):
    """Return the outlines of a line of text as SVG path data, so that no font is needed."""
    font = Path(mpl.get_data_path(), "fonts", "ttf", "STIXGeneralBol.ttf")
    outline = TextPath((0, 0), text, size=size, prop=FontProperties(fname=font))
    letters = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    steps = []
    for points, code in outline.iter_segments(simplify=False):
        pairs = [] if code == 79 else points.reshape(-1, 2) * [1, -1] + [x, y]
        steps.append(letters[code] + " ".join(f"{a:.1f} {b:.1f}" for a, b in pairs))
    return "".join(steps)


def logo():
    """Return the logo as SVG text."""
    words = lettering("Seeing", 76, 27) + lettering("is not doing", 76, 56)
    return Template(LOGO).substitute(roles(), words=words)


def favicon():
    """Return the icon for a browser's tab as SVG text."""
    return Template(FAVICON).substitute(roles())


def roles():
    """Return the figures' colours by their roles."""
    names = ["control", "treated", "truth", "naive", "estimate", "hidden"]
    return {name: getattr(figures, name.upper()) for name in names}


PICTURES = {"one_table": one_table_three_analyses, "logo": logo, "favicon": favicon}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (STATIC / f"{name}.svg").write_text(draw(), encoding="utf-8")
