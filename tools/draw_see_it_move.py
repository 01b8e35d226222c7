"""Draw the first position of the moving figures, for paper and for readers without JavaScript."""

import io
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

import matplotlib.pyplot as plt
from scipy import stats

from casestudies import scenarios
from casestudies.display import figures
from casestudies.display.figures import ESTIMATE, HIDDEN, NAIVE, TRUTH
from casestudies.recipes.monitoring import repeated_looks
from casestudies.sampling import closed_forms
from casestudies.scenarios.retention import legacy_odds

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"
OPEN = {"color": NAIVE, "marker": "D", "markerfacecolor": "white"}


def slopes():
    """Return the intervals of two slopes against the sample size, as SVG text."""
    sizes = np.geomspace(20, 100_000, 60).astype(int)
    tables = [closed_forms.confounded_slopes(n) for n in sizes]
    _, ax = plt.subplots()
    for i, colour in [(1, ESTIMATE), (0, NAIVE)]:
        low, high = ([table[end].iloc[i] for table in tables] for end in ("ci_low", "ci_high"))
        ax.fill_between(sizes, low, high, color=colour, alpha=0.2, linewidth=0)
    dashboard, effect = tables[0]["estimate"]
    ax.axhline(effect, color=TRUTH, linestyle="--")
    ax.axhline(dashboard, color=NAIVE)
    ax.text(100_000, dashboard + 0.15, f"dashboard {dashboard:.2f}", ha="right")
    ax.text(100_000, effect - 0.45, f"ATE {effect:.2f}", ha="right")
    here = closed_forms.confounded_slopes(100)
    styles = [(94, OPEN), (106, {"color": ESTIMATE, "marker": "o"})]
    for (x, style), (_, row) in zip(styles, here.iterrows(), strict=True):
        ax.vlines(x, row["ci_low"], row["ci_high"], color=style["color"])
        ax.plot(x, row["estimate"], **style)
    ax.set(xscale="log", ylim=(-1.2, 5), xlabel="hours in the sample")
    ax.set_ylabel("slope, ms per point of load")
    return _svg(ax)


def did():
    """Return an event study with a drift, and DiD beside it, as SVG text."""
    region = {"drift": 0.25, "hospitals": 40}
    study, answer = closed_forms.drifting_event_study(**region), closed_forms.drifting_did(**region)
    study.loc[-1, ["ci_low", "ci_high"]] = study.loc[-1, "estimate"]
    att = answer["ATT"]
    truth = {-4: 0.0, -0.51: 0.0, -0.49: att, 5.2: att}
    ax = figures.event_study(study, truth=truth, xlabel="months since the drug started")
    ax.plot([-4, 3], np.array([-3, 4]) * region["drift"], color=HIDDEN, linestyle=":")
    ax.text(3.2, 4 * region["drift"], "drift", va="center")
    ax.vlines(4.5, answer["ci_low"], answer["ci_high"], color=NAIVE)
    ax.plot(4.5, answer["estimate"], **OPEN)
    ax.text(4.5, answer["ci_high"] + 0.15, _say("DiD", answer["estimate"]), ha="center")
    ax.text(-0.7, att, _say("ATT", att), ha="right", va="center")
    ax.set_xticks([*study.index, 4.5], [*(f"{k}".replace("-", "−") for k in study.index), "DiD"])
    ax.set_ylabel("drug minus others, points")
    return _svg(ax)


def iv():
    """Return the distribution of 2SLS with one weak instrument, as SVG text."""
    knobs = {"mean_f": 4, "endogeneity": 0.8}
    effect = scenarios.weak_instrument().truth["ATE"]
    x = np.linspace(-1, 2, 601)
    density = closed_forms.iv_error_density(x - effect, **knobs)
    _, ax = plt.subplots()
    ax.plot(x, stats.norm.pdf(x, effect, 3**-0.5), color=HIDDEN, linestyle=":")
    ax.plot(x, density, color=ESTIMATE)
    ax.fill_between(x, density, color=ESTIMATE, alpha=0.13, linewidth=0)
    median = effect + closed_forms.iv_error_summary(**knobs)["median"]
    marks = [
        ("ATE", effect, 1.17, {"color": TRUTH, "linestyle": "--"}),
        ("median of 2SLS", median, 1.09, {"color": ESTIMATE}),
        ("OLS", effect + knobs["endogeneity"], 1.01, {"color": NAIVE}),
    ]
    for label, value, height, style in marks:
        ax.axvline(value, **style, linewidth=1.4, ymax=height, clip_on=False)
        place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        ax.annotate(_say(label, value), (value, height), xytext=(4, -4), **place)
    ax.plot(marks[2][1], 0, **OPEN, clip_on=False)
    ax.plot(median, 0, "o", color=ESTIMATE, clip_on=False)
    ax.set(xlim=(-1, 2), ylim=(0, None), ylabel="density")
    ax.set_xlabel("2SLS estimate, wage per unit of schooling")
    return _svg(ax)


def policy():
    """Return what a log is worth against the odds of another rule, as SVG text."""
    factors, months = np.geomspace(1 / 16, 16, 97), (1, 24)
    rules = {f"{factor}": legacy_odds(factor) for factor in [*factors, 0.5]}
    truth = scenarios.retention(policies=rules | {"old": legacy_odds(1)}).truth
    first, worth = (
        [3_000 * truth[f"effective share {t} | {rule}"] for rule in rules] for t in months
    )
    there = 3_000 * truth["retained 23 | old"]
    _, ax = plt.subplots()
    ax.fill_between(factors, worth[:-1], color=ESTIMATE, alpha=0.13, linewidth=0)
    ax.plot(factors, first[:-1], color=HIDDEN, linestyle=":")
    ax.plot(factors, worth[:-1], color=ESTIMATE)
    ax.axhline(there, color=NAIVE)
    ax.plot(0.5, there, **OPEN)
    ax.plot(0.5, worth[-1], "o", color=ESTIMATE)
    ax.text(0.066, there + 50, f"in the log {there:,.0f}")
    ax.text(0.45, worth[-1] + 70, f"worth {worth[-1]:.0f}", ha="right")
    ax.set_xscale("log", base=2)
    ax.set_xticks([1 / 16, 1 / 4, 1, 4, 16], ["1/16", "1/4", "1", "4", "16"])
    ax.set_yticks([0, 1_000, 2_000, 3_000], ["0", "1,000", "2,000", "3,000"])
    ax.set(xlim=(1 / 16, 16), ylim=(0, 3_200), ylabel="people")
    ax.set_xlabel("odds of a project, times the old")
    return _svg(ax)


def alarms():
    """Return how often a quiet year has rung with a threshold of 1.96, as SVG text."""
    weeks, threshold = np.arange(53), 1.96
    one = 2 * stats.norm.sf(threshold)
    each = 100 * (1 - (1 - one) ** weeks)
    to_date = 100 * np.append(0, repeated_looks(52, critical=threshold))
    _, ax = plt.subplots()
    ax.axhline(100 * one, color=TRUTH, linestyle="--")
    ax.plot(weeks, each, color=NAIVE, drawstyle="steps-post")
    ax.plot(weeks, to_date, color=NAIVE, linestyle="--", drawstyle="steps-post")
    ax.plot(52, each[-1], **OPEN)
    ax.plot(52, to_date[-1], **(OPEN | {"marker": "o"}))
    ax.text(50, each[-1] - 24, f"each week's own data {each[-1]:.1f}%", ha="right", va="top")
    ax.text(50, to_date[-1] + 5, f"all data to date {to_date[-1]:.1f}%", ha="right")
    ax.set(xlim=(0, 52.6), ylim=(0, 100), xticks=range(0, 53, 13), xlabel="week")
    ax.set_ylabel("quiet years that have rung, %")
    return _svg(ax)


def _say(name, value):
    return f"{name} {value:.2f}".replace("-", "−")


def _svg(ax):
    picture = io.StringIO()
    ax.figure.savefig(picture, format="svg", metadata={"Date": None})
    plt.close(ax.figure)
    return picture.getvalue()


PICTURES = {"slopes": slopes, "did": did, "iv": iv, "policy": policy, "alarms": alarms}

if __name__ == "__main__":
    figures.house_style()
    for name, draw in PICTURES.items():
        (STATIC / f"see_it_move_{name}.svg").write_text(draw(), encoding="utf-8")
