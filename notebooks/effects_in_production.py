# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # An effect kept under watch
#
# **The question.** A programme keeps people from leaving; an experiment has shown it. A year later, does it still, and would anybody notice if it did not?
#
# **The answer in short.** A 5% test repeated every week rings in 94<!--production-weekly-percent:.0f--> of a hundred years in which nothing happens, and soon nobody listens. Detectors that are made to be looked at every week each ring in one or two of a hundred such years. The effect's detector finds a programme that died in 96<!--production-caught-percent:.0f--> of a hundred within the half year that is left, about a quarter of a year later by the median, and read together the alarms tell it from people who changed and from a log that broke. What they watch is the average treatment effect (ATE), which a randomized holdout identifies every week. Drift of the inputs is neither necessary nor sufficient for a change of it.
#
# The practices and the claims are from "Strategies for Leveraging Causal Inference" (Anonymous, 2025). The chapter runs them, with a package that a team can use.

# %% [markdown]
# ## The story
#
# Each Monday 600 people are listed, and a lot gives nine in ten of them the programme for the week. The others are the **holdout**. Whether a person leaves within the week goes into a log. The launch experiment found that the programme lowers the probability of exit by 6 points (ATE), a person-week of it costs 300 euros, and an exit costs 10,000. So it pays as long as it prevents more than three exits in a hundred.
#
# Somebody must say each Monday whether it may go on, be widened, or has to stop. Stopping a programme that works forgoes 300 euros a person-week. Carrying on with a dead one throws the same sum away.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import datetime
import shutil
import tempfile
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from causaldata import thornton_hiv
from scipy import integrate, stats
from scipy.special import expit

from casestudies import identify, scenarios
from casestudies.display import figures, tables
from casestudies.production.alarms import verdict
from casestudies.production.decisions import decide
from casestudies.production.folder import run, verify
from casestudies.production.incident import report
from casestudies.production.record import TEMPLATE
from casestudies.production.simulate import company, draw
from casestudies.production.windows import pooled, window
from casestudies.recipes.monitoring import (
    change_detector,
    confidence_sequence,
    effect_change,
    group_sequential_boundary,
    missing_outcome,
    outcome_bounds,
    repeated_looks,
    sample_ratio,
)
from casestudies.sampling import watched_years
from casestudies.scm import SCM, Bernoulli

figures.house_style()

# %% [markdown]
# ## The world
#
# With workload $X \sim N(0, 1)$, the programme $A$ drawn by lot with probability 0.9, and $\sigma$ the logistic function, the probability of an exit is
#
# $$
# P(Y = 1) = \sigma(-0.85 + 0.6\,X) - 0.06\,A ,
# $$
#
# clipped at 0, where it binds for one treated person in 1,300. Three in ten people are juniors $J$; at first the programme does the same for them as for the others. A row $L$ of the log may be missing.

# %% mystnb={"figure": {"name": "fig-production-graph"}, "image": {"alt": "Causal graph: workload, junior and programme point to exit; programme and exit point to logged. Nothing points to the programme, which is drawn by lot."}}
world = scenarios.programme()
roles = {"treatment": "programme", "outcome": "exit"}
places = {"workload": (0, 1), "junior": (1, 1.2), "programme": (0, 0)}
places |= {"exit": (1.2, 0), "logged": (2.2, 0.9)}
figures.causal_graph(world.model.graph, **roles, positions=places)
plt.show()

# %% [markdown]
# *Figure 1. Nothing points to the programme. Two arrows point to the log, and they are harmless only while every exit of either arm is logged.*
#
# One week has few people in the holdout, and that is what makes watching hard.

# %%
year = draw("effect_dies", weeks=52, people=600, rng=1)
year["week"] += 1
first = year[year["week"] == 1].groupby("programme")["exit"]
week = first.agg(people="size", exits="sum", rate="mean")
tables.results(week, "The first week's log.")

# %% [markdown]
# ## The trap
#
# The obvious rule: compute each week's difference, and ring where its 95% interval misses −0.06. In how many of a hundred years in which nothing at all changes does the bell ring? Guess, then look. The numbers in the first table are exact: the first row sums over all weeks there can be, the second multiplies, and the others carry the distribution of a cumulative sum from look to look (Armitage et al., 1969), as if all weeks were normal and equally large.

# %%
v = np.arange(1, 53)
weekly = watched_years.weekly_false_alarms(people=600)
rung = pd.DataFrame({"this week's effect": 1 - (1 - weekly) ** v}, index=v)
rung["this week's input"] = 1 - 0.95**v
rung["all data to date"] = repeated_looks(52)

# %% [markdown]
# Two rules are made for looking. A group-sequential test has limits for a number of looks that is fixed beforehand, such as those of O'Brien and Fleming (1979). A confidence sequence (Howard et al., 2021) allows any number.

# %%
limits = group_sequential_boundary(52, kind="obrien_fleming")
rung["to date, O'Brien–Fleming"] = repeated_looks(52, critical=limits)
anytime = watched_years.sequence_limits(52)
rung["to date, sequence"] = repeated_looks(52, critical=anytime)
some = rung.loc[[1, 13, 26, 52]].T
tables.results(some, "Chance that a quiet year has rung by week 1, 13, 26 and 52.")

# %% mystnb={"figure": {"name": "fig-production-quiet"}, "image": {"alt": "Chance that a quiet year has rung, by week. The weekly test of the effect climbs to 0.94 at week 52. The test of all data to date reaches 0.32. O'Brien-Fleming limits end at 0.05 and the confidence sequence at 0.02."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 3.0))
styles = [(figures.NAIVE, "-"), (figures.NAIVE, "--"), (figures.ESTIMATE, "-")]
drawn = [rung.columns[0], *rung.columns[2:4]]
for name, (colour, dash) in zip(drawn, styles, strict=True):
    ax.plot(v, rung[name], color=colour, linestyle=dash)
ax.plot(v, rung.iloc[:, 4], color=figures.TRUTH)
for y, label in [(0.86, "each week's test"), (0.36, "test of all data to date")]:
    ax.text(51, y, label, ha="right", va="top" if y > 0.5 else "bottom")
ax.text(51, 0.07, "O'Brien–Fleming, sequence", ha="right", va="bottom")
ax.set(xlabel="week", ylabel="quiet years that have rung", ylim=(0, 1), xlim=(1, 52))
plt.show()

# %% [markdown]
# *Figure 2. How often each rule has rung by a given week if nothing ever changes.*
#
# Ninety-four in a hundred. (A test that kept its 5% exactly would ring in 93<!--production-input-percent:.0f-->; with sixty people in the holdout it keeps 5.2<!--production-week-percent:.1f-->%.)
#
# [See it move](../book/see_it_move.md): turn the threshold, and how often somebody looks.
#
# A bell that rings each year means nothing, and what people do then is worse than no bell: they stop looking at the effect and look at what moves visibly. Here are three years that break half-way, and what each shows, exactly.

# %%
knobs = {
    "quiet": {},
    "inputs drift": {"workload_shift": 0.8},
    "programme dies": {"effect": 0.0, "base_shift": -0.06},
    "log breaks": {"unlogged": 0.5},
}

# %% tags=["hide-input"]
worlds = {name: dict(scenarios.programme(**knob).truth) for name, knob in knobs.items()}
seen = pd.DataFrame(worlds).T
seen["mean workload"] = [0, 0.8, 0, 0]
shown = {"E[exit | do(programme=1)]": "treated exit rate", "ATE": "ATE"} | {
    name: name
    for name in ("mean workload", "logged difference", "logged share treated")
}
tables.results(seen[list(shown)].rename(columns=shown), "What each year shows, exact.")

# %% [markdown]
# A dashboard shows the first column and an input's mean. It rings in the second row, where the ATE is what it was: **predictive drift**. It is silent in the third, where the programme does nothing any more and the treated leave as rarely as ever, because everybody does: **causal breakdown**. In the fourth the log says that the programme drives people away, and its ATE has not moved.
#
# ## What must be true
#
# > **Assumptions, and how each could fail**
# >
# > - **The lot decides, every week.** It fails if a manager moves somebody into the programme. The share treated would show many such moves, not a few.
# > - **Every exit is logged, in both arms alike.** It fails if the treated have a case worker who reports, and the holdout has none.
# > - **One person's programme leaves the others alone** (no interference). It fails if colleagues share what they learn: the holdout then gains too, and the difference shrinks though nothing died.
# > - **A week's programme acts in its week.** It fails if it lasts: then people in the holdout who had it before are still helped, and the ATE is that of one more week.
# > - **The reference is known.** The detector takes −0.06 as given. An estimate with an error of its own rings by that error.
# > - **Weeks bring fresh noise.** Some people are in the lists of many weeks; given the past, who leaves this week is drawn anew.

# %%
graph = world.model.graph
print(identify.backdoor(graph, **roles, adjust_for=[]))
print(identify.backdoor(graph, **roles, adjust_for=["logged"]))

# %% [markdown]
# The first sentence identifies the ATE of each week. The second is the broken log: who analyses rows that exist has conditioned on a common effect of programme and exit.
#
# ## The estimate
#
# Take the third year, in which the programme dies in week 27. In plain statsmodels the effect to date is a regression with a constant for every week. The recipe gives the same estimate after each week, with intervals that all hold at once, tuned for half a year.

# %%
columns = {"outcome": "exit", "treatment": "programme", "batch": "week"}
fit = smf.ols("exit ~ programme + C(week)", data=year).fit(cov_type="HC2")
sequence = confidence_sequence(year, **columns, tuned_for=15_600)
assert abs(fit.params["programme"] - sequence["estimate"].iloc[-1]) < 1e-9

# %% tags=["hide-input"]
sequence["exact"] = world.truth["ATE"] * np.minimum(1, 26 / sequence.index)
tables.results(
    sequence.drop(columns="excludes_zero").loc[[4, 13, 26, 39, 52]],
    "Effect to date (ATE, probability of exit) with its confidence sequence.",
)

# %% [markdown]
# The average over a year remembers the good half of it: at the end the exact ATE to date is −0.03, and that of today is 0. To find a change one has to ask for it. For every week in which the change may have come, take the likelihood ratio of the data since against the reference, averaged over changes of the size that matters, and add these up over all weeks. The sum is an **e-detector**; without a change it grows by one a week on average, so that an alarm at 1,000 rings no sooner than after 1,000 quiet weeks on average, its **average run length** (Shin et al., 2024). The share treated has a detector of the same kind, for a **sample-ratio mismatch** (Fabijan et al., 2019). The effect's guarantee holds in large samples, the ratio's in all.

# %%
effect = change_detector(year, **columns, reference=-0.06)
share = {"treatment": "programme", "batch": "week", "share_treated": 0.9}
ratio = sample_ratio(year, **share)
rings = effect.index[effect["alarm"]][0]
around = effect.loc[[26, 32, 38, rings], ["e_value", "since"]].astype(float)
tables.results(around, "The effect's detector; it rings at 1,000.", digits=1)

# %% mystnb={"figure": {"name": "fig-production-year"}, "image": {"alt": "Two panels over 52 weeks. Above, the effect to date starts with a wide interval, settles near minus 0.045 until week 26 and then climbs to minus 0.023, its interval containing the exact value throughout. Below, on a logarithmic scale, the evidence of the effect's detector grows to about 10 by week 26, then climbs and passes the threshold of 1,000 in week 41; that of the ratio stays far below it."}} tags=["hide-input"]
_, (top, low) = plt.subplots(2, figsize=(5.6, 4.6), sharex=True, height_ratios=[3, 2])
late = sequence.loc[3:]
top.fill_between(late.index, late["ci_low"], late["ci_high"], color="lightgrey")
top.plot(late["estimate"], color=figures.ESTIMATE)
top.plot(late["exact"], color=figures.TRUTH, linestyle="--")
top.axhline(0, color=figures.HIDDEN, linewidth=0.8)
top.set(ylabel="effect to date", ylim=(-0.2, 0.08))
top.text(40, -0.075, "estimate, exact (dashed)", ha="center", va="top")
low.semilogy(effect["e_value"], color=figures.ESTIMATE)
low.semilogy(ratio["e_value"], color=figures.HIDDEN, linestyle="-.")
low.axhline(1000, color=figures.NAIVE, linestyle=":")
low.text(2, 1300, "alarm", va="bottom")
low.text(52, ratio["e_value"].iloc[-1] * 1.6, "ratio", ha="right")
low.text(rings - 1, 60, "effect", ha="right")
low.set(xlabel="week", ylabel="evidence", ylim=(0.2, 1e6), xlim=(1, 52.5))
plt.show()

# %% [markdown]
# *Figure 3. The year in which the programme dies in week 27: the effect to date with its sequence, and the evidence of two detectors.*
#
# ## Try to break it
#
# ### Which alarm sees what
#
# Two thousand years of each kind, with every alarm in each.

# %%
years = {
    name: watched_years.draw_years(2_000, rng=5, **knob) for name, knob in knobs.items()
}
rang = {
    name: watched_years.alarms(made, reference=-0.06) for name, made in years.items()
}

# %% tags=["hide-input"]
rates = {
    name: watched_years.alarm_rates(found, since=0 if name == "quiet" else 26)
    for name, found in rang.items()
}
board = pd.concat({name: rate["rings"] for name, rate in rates.items()}, axis=1)
for name in ("programme dies", "log breaks"):
    board[f"weeks, {name}"] = rates[name]["weeks"].where(rates[name]["rings"] > 0.5)
proper = [name for name in board.index if "weekly" not in name]
tables.results(
    board.loc[proper],
    "Share of 2,000 years in which an alarm rings (quiet: at all; others: first after "
    "the change), and median weeks from the change. Monte Carlo errors at most 0.012.",
)

# %% [markdown]
# Each break is seen by the detector that is made for it, and drifting inputs ring the other two about as rarely as quiet weeks do. The sequence is slower than the detector to see a death, since it averages over the year. And the broken log rings the *effect*, falsely, as surely as the ratio. So the alarms are read together:
#
# | what rings | verdict | why |
# |---|---|---|
# | inputs alone | predictive drift | people changed, forecasts may be off; nothing says that the ATE moved |
# | the effect, with or without inputs | causal breakdown | the ATE has left the reference, if the log is right |
# | the ratio, whatever else | logging | rows are missing by arm, or the lot is not what it was told; no estimate of these weeks counts |

# %% tags=["hide-input"]
ends, names = {}, ["effect", "ratio", "input"]
for name, found in rang.items():
    ever = pd.DataFrame({key: found[f"{key} detector"].any(axis=1) for key in names})
    says = [verdict(ever.columns[row]) for row in ever.drop_duplicates().to_numpy()]
    kinds = ever.drop_duplicates().assign(verdict=says)
    ends[name] = ever.merge(kinds)["verdict"].value_counts(normalize=True)
order = ["quiet", "predictive drift", "causal breakdown", "logging"]
ends = pd.DataFrame(ends).T.fillna(0.0)[order]
tables.results(
    ends, "Verdict at the end of the year, share of 2,000. Errors at most 0.005."
)

# %% [markdown]
# At the end of the year. On the way there, the effect rings before the ratio in 85<!--production-effect-first-percent:.0f--> of a hundred years with a broken log, so for some weeks the verdict is wrong. After an alarm of the effect, look at the log first.
#
# ### Outcomes that are missing
#
# Suppose exits are asked for, and the treated answer with probability 0.95, the holdout with $\sigma(1.5 - 1.2\,X)$: the overworked do not reply. The lot is intact, and the ratio of rows is too.

# %%
answer = Bernoulli(
    lambda programme, workload: np.where(programme, 0.95, expit(1.5 - 1.2 * workload))
)
asked = SCM(world.model.mechanisms | {"answered": answer}).sample(200_000, rng=3)
asked["exit"] = asked["exit"].where(asked["answered"] == 1)
replies = missing_outcome(asked, **roles, adjust_for="workload")
bounds = outcome_bounds(asked, **roles, low=0, high=1)

# %% tags=["hide-input"]
x = np.linspace(-9, 9, 20_001)
at, leaves, replied = stats.norm.pdf(x), expit(-0.85 + 0.6 * x), expit(1.5 - 1.2 * x)
known, both = (
    integrate.trapezoid(at * part, x) for part in (replied, replied * leaves)
)
given = worlds["quiet"]["E[exit | do(programme=1)]"]
quadrature = {
    "complete cases": given - both / known,
    "weighted by the chance of an answer": worlds["quiet"]["ATE"],
    "least it can be": 0.95 * given - both - (1 - known),
    "most it can be": 0.95 * given + 0.05 - both,
}
missing = replies[["estimate", "ci_low", "ci_high"]].set_axis(list(quadrature)[:2])
for name, end in (("least it can be", "lower"), ("most it can be", "upper")):
    reach = 1.96 * bounds[f"std_error_{end}"]
    missing.loc[name] = [bounds[end], bounds[end] - reach, bounds[end] + reach]
missing["exact limit"] = pd.Series(quadrature)
tables.results(
    missing, "200,000 person-weeks with missing outcomes; the ATE is −0.06.", digits=4
)

# %% [markdown]
# Those who answered make the programme look half as good as it is. Weights recover the ATE because workload is recorded and is all that drives the silence of the holdout, by a logit as the weights suppose. If you will not assume that, you are left with bounds (Horowitz and Manski, 2000; the recipe's interval is that of Imbens and Manski, 2004), from −0.21<!--production-lower:.2f--> to 0.07<!--production-upper:.2f-->, and with a plain lesson: spend on getting answers from the holdout.
#
# ### Mix or mechanism
#
# From now on let the programme do more for juniors (−0.10) than for seniors (−0.03). Then a change of the ATE may only mean that there are more juniors. With $q$ the shares and $\tau$ the effects by group, before (0) and after (1),
#
# $$
# \underbrace{\sum q_1 \tau_1 - \sum q_0 \tau_0}_{\text{change}} = \underbrace{\sum (q_1 - q_0)\,\tau_0}_{\text{mix}} + \underbrace{\sum q_1 (\tau_1 - \tau_0)}_{\text{mechanism}} .
# $$


# %%
def people_of(rng, **knob):
    knob = {"effect": -0.03, "effect_junior": -0.10} | knob
    people = scenarios.programme(**knob).sample(200_000, rng=rng)
    return people.assign(load=np.digitize(people["workload"], [-0.5, 0.5]))


def compare(after, adjust_for="junior"):
    both = pd.concat([before.assign(later=0), after.assign(later=1)])
    return effect_change(both, **roles, period="later", adjust_for=adjust_for)


before = people_of(rng=1)
only_mix = compare(people_of(rng=2, share_junior=0.6))
cancels = compare(people_of(rng=3, share_junior=0.6, effect_junior=-0.04))


# %% tags=["hide-input"]
def taken_apart(after):
    was, now = (
        scenarios.programme(**{"effect": -0.03, "effect_junior": -0.10} | knob).truth
        for knob in ({}, after)
    )
    by_group = [was[f"CATE(junior={j})"] for j in (0, 1)]
    carried = 0.4 * by_group[0] + 0.6 * by_group[1]
    ends = [was["ATE"], now["ATE"], carried, now["ATE"] - was["ATE"]]
    return [*ends, carried - was["ATE"], now["ATE"] - carried]


exact = {
    "more juniors": taken_apart({"share_junior": 0.6}),
    "more juniors, who gain less": taken_apart(
        {"share_junior": 0.6, "effect_junior": -0.04}
    ),
}
split = pd.concat(
    {
        name: found[["estimate", "std_error"]].assign(exact=value)
        for (name, value), found in zip(exact.items(), (only_mix, cancels), strict=True)
    }
)
tables.results(
    split.drop("reweighted", level=1), "An ATE that changes, taken apart.", digits=4
)

# %% [markdown]
# The first change looks like progress, and nothing about the programme has changed. In the second the programme loses most of what it did for juniors, +0.036<!--production-cancel-mechanism:+.3f-->, and the ATE shrinks by less than half of that, since a mix of −0.021<!--production-cancel-mix:.3f--> hides the rest. No alarm on the average is made for this. The split is, and it needs many people: its errors here come from 200,000 in each period.
#
# ### Another site
#
# The same identity carries an effect to another place. Let the periods be two sites, this one and one where six in ten are juniors. The effect at this site, reweighted to that mix, needs nobody's outcome from there: it is $\sum q_1 \tau_0$, the ATE of that site's people *if* the effects by group are the same in both. That is the question of transportability (Pearl and Bareinboim, 2014), and a pilot there can answer it. The last column holds what a pilot of 200,000 finds, with an error of 0.005.

# %%
there = {"share_junior": 0.6, "workload_shift": 0.8}
blind = compare(people_of(rng=4, **there), adjust_for="load")

# %% tags=["hide-input"]
sites = {
    "same effects by group": only_mix,
    "same, but nobody recorded who is junior": blind,
    "juniors gain less there": cancels,
}
transport = pd.DataFrame({name: site["estimate"] for name, site in sites.items()}).T
transport["std_error"] = [
    site.loc["reweighted", "std_error"] for site in sites.values()
]
unlike = scenarios.programme(effect=-0.03, effect_junior=-0.10, **there).truth["ATE"]
transport["exact there"] = [exact["more juniors"][1], unlike, exact[list(exact)[1]][1]]
parts = ["before", "reweighted", "std_error", "exact there", "mechanism"]
names = ["ATE here", "carried over", "its error", "exact there", "missed by"]
tables.results(
    transport[parts].set_axis(names, axis=1),
    "An ATE carried to a site with other people.",
    digits=3,
)

# %% [markdown]
# Carried by what modifies the effect, it arrives. In the second row the site also has more work (0.8 sd), and workload is all that was recorded: carried by three classes of it, the ATE stays where it was, with a small standard error that knows nothing of the matter. And where the mechanism differs no reweighting helps: the site would be promised twice the effect that it gets.
#
# ## The decision
#
# ### The record
#
# A team needs one page that says what is asked, on which assumptions, what rings, and who decides. It is a file that people fill in and sign, `estimand.toml`; a schema checks it, its hash is its version, and no version is ever lost. It names one of four designs: a holdout as here, adjustment, difference-in-differences, or an instrument. The last three stand on assumptions that no draw guarantees, so each batch stores a robustness value with its estimate. Some of the form:

# %%
form = TEMPLATE.read_text(encoding="utf-8")
for part in ("[reference]", "[guardrails]", "[[assumption]]"):
    print(part + form.split(part)[1].split("\n\n")[0].rstrip(), end="\n\n")

# %% [markdown]
# ### A year, week by week
#
# `company` lays that record and the year's weekly files into a folder. We hand the files over quarter by quarter. Each run checks every file, estimates, asks the detectors, adds to a ledger that can only grow, and writes a dashboard. Two files are bad: one week is sent twice, and one arrives with words where zeros and ones should be.

# %%
place = tempfile.TemporaryDirectory()
folder = Path(place.name) / "practice"
files = company(folder, weeks=52, people=600, scenario="effect_dies", rng=1)

# %% tags=["hide-input"]
inbox, later = folder / "inbox", Path(place.name) / "later"
inbox.rename(later)
shutil.copy(later / "2026-05-18.csv", later / "2026-05-18_again.csv")
words = (
    (later / "2026-07-27.csv").read_text(encoding="utf-8").replace(",1\n", ",left\n")
)
(later / "2026-07-27-words.csv").write_text(words, encoding="utf-8")


def hand_over(until):
    inbox.mkdir(exist_ok=True)
    for path in sorted(later.iterdir()):
        if path.name < until:
            path.rename(inbox / path.name)


# %% [markdown]
# On four Mondays, hand over what has come in, and run.

# %%
states = {}
for today in ("2026-04-06", "2026-07-06", "2026-10-05", "2027-01-04"):
    hand_over(today)
    day = datetime.date.fromisoformat(today)
    state = states[today] = run(folder, today=day)

# %% tags=["hide-input"]
log = {}
for today, then in states.items():
    held = then.guardrails(datetime.date.fromisoformat(today))
    row = {"weeks": len(then.accepted), "refused": len(then.refused)}
    row |= dict(then.sequence.iloc[-1][["estimate", "ci_low", "ci_high"]])
    log[today] = row | {"verdict": then.verdict, "widen": "no" if held else "yes"}
log = pd.DataFrame(log).T.convert_dtypes()
tables.results(log, "The year, quarter by quarter, as the dashboard has it.")

# %% [markdown]
# In April the interval still includes zero, and nothing may be widened yet. In October the effect is thirteen weeks dead, and the dashboard still allows to widen: no alarm is instant. Two files later it rings, and opens an incident from a template, which stays open until a person closes it with a reason and a name. The refused files lie in quarantine, and nothing was repaired.

# %%
lines = [f"{entry['file']}: {'; '.join(entry['reasons'])}" for entry in state.refused]
lines += ["", *report(state).splitlines(), "", *held]
print("\n".join(textwrap.fill(line, 88) for line in lines))

# %% [markdown]
# The incident asks for a re-analysis over the weeks since the alarm.

# %%
again = pooled(window(state, "since-alarm"))
tables.results([again.drop("batches")], "ATE since the alarm, one look.", digits=3)

# %% [markdown]
# A decision ends the incident. `verify` recomputes the chain of hashes, and names an entry, file or record that was changed since it was entered. (Who rewrites the whole chain goes unseen, unless its last hash is kept elsewhere.)

# %%
why = "The ratio is as drawn; since the alarm the ATE cannot be told from 0"
decide(folder, action="narrow", reason=why, name="Ada", date=day)
print("Faults:", verify(folder) or "none")
kept = sorted((folder / "accepted").iterdir())[9]
kept.write_bytes(kept.read_bytes().replace(b",1,0\n", b",0,0\n", 1))
print("Faults:", verify(folder)[0])

# %% [markdown]
# ### What a bell is worth
#
# Carry out four rules in each of the worlds, in euros. A week of a programme that works gains 540 · (0.06 · 10,000 − 300) = 162,000 euros; of a dead one, it loses as much.

# %% tags=["hide-input"]
ate = {name: truth["ATE"] for name, truth in worlds.items()}
change = np.arange(52) >= 26
rules = {
    "stop at the first weekly alarm": "weekly test",
    "stop when the effect's detector rings": "effect detector",
}


def earned(name, rings):
    gain = np.where(change, ate[name], ate["quiet"]) * -10_000 - 300
    runs = np.ones((2_000, 52), dtype=bool)
    runs[:, 1:] = ~np.maximum.accumulate(rings, axis=1)[:, :-1]
    return (runs * gain).sum(axis=1) * 540 / 1e6


worth, never = {}, np.zeros((2_000, 52), dtype=bool)
for name, found in rang.items():
    worth[name, "never look"] = earned(name, never)
    for rule, alarm in rules.items():
        worth[name, rule] = earned(name, found[alarm])
    dead = np.roll(change, -1) & (ate[name] == 0)
    worth[name, "know everything"] = earned(name, never | dead)
worth = pd.DataFrame(worth)
value = pd.DataFrame({name: worth[name].mean() for name in rang})
tables.results(
    value,
    "Million euros a year, mean of 2,000 years. Monte Carlo errors at most 0.06.",
    digits=2,
)

# %% [markdown]
# In quiet years the weekly test throws away two thirds of what the programme is worth, the detector less than one per cent. In a year of a death both save about half of what could be had. The last column is the price of believing an effect whose log is broken. So on 4 January: do not widen, since an incident is open and the interval includes zero; check the log of both arms; then narrow, with the lot kept, until it is known why the programme died.
#
# ## Many worlds
#
# One year was shown; here are two thousand quiet ones. An interval for one look is right at one look.

# %%
estimate, std_error, margin = watched_years.to_date(years["quiet"])
off = np.abs(estimate - worlds["quiet"]["ATE"])
inside = {"usual 95% interval": off < 1.96 * std_error, "sequence": off < margin}

# %% tags=["hide-input"]
cover = {
    name: [hit[:, -1].mean(), hit.all(axis=1).mean()] for name, hit in inside.items()
}
cover = pd.DataFrame(cover, index=["in week 52", "in all 52 weeks"]).T
cover["all weeks, normal"] = 1 - rung.loc[52].iloc[[2, 4]].to_numpy()
tables.results(cover, "Coverage of the ATE to date. Monte Carlo errors at most 0.011.")

# %% [markdown]
# The usual interval covers in week 52. In all weeks at once it covers in two years of three, and who looks every Monday meets the third. The sequence pays for all weeks with width.
#
# And after the alarm, how large is the effect now? Estimate again, eight weeks later, over which weeks? In the years in which the programme died and was caught early enough:

# %%
prices = watched_years.window_prices(years["programme dies"], reference=-0.06, later=0)
caption = f"Estimates of today's ATE, which is 0, in {prices.attrs['years']} years."
tables.results(prices, caption, digits=4)

# %% [markdown]
# All weeks keep half of the old effect. The weeks after the alarm are unbiased (what the table shows is chance), and few. The weeks from the likeliest start are biased the other way, +0.008<!--production-window-since:+.3f-->: they were chosen because they were extreme. For the next reference, which should be unbiased, wait for fresh weeks; it becomes a new version of the record that somebody signs.
#
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy monitoring
# ```
#
# On your own table: one row a person, a column that puts the batches in order, an arm drawn by lot. Here an experiment in Malawi, in which each person drew a voucher for fetching the result of an HIV test (Thornton, 2008); take the villages as they are numbered, a sixth at a time. (The rows without an outcome are left out; with `outcome_bounds` they need not be.)

# %%
people = thornton_hiv.load_pandas().data.dropna(subset=["any", "got", "villnum"])
people["batch"] = pd.qcut(people["villnum"], 6, labels=False) + 1
mine = {"outcome": "got", "treatment": "any", "batch": "batch"}
vouchers = confidence_sequence(people, **mine, tuned_for=1_400)
tables.results(vouchers, "ATE of a voucher on fetching the result.", digits=2)

# %% [markdown]
# And for a question of your own that comes back every week, the whole of it; [the page of the commands](../book/production.md) takes you to a first verdict in ten minutes.
#
# ```bash
# .venv/bin/casestudies production simulate practice --scenario effect_dies
# .venv/bin/casestudies production new watch      # a form to fill in and sign
# .venv/bin/casestudies production run watch      # each week, by cron
# .venv/bin/casestudies production status watch
# .venv/bin/casestudies production backtest watch # the past through today's code
# ```

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. A broken log by hand
#
# Half of the holdout's exits lose their rows. From the two exit rates, 0.2528 with the programme and 0.3128 without, compute what the log's two arms differ by, and the share treated in the log. Which single number of the log would have told you?
#
# <details>
# <summary>Solution</summary>
#
# Of a hundred held-out people 15.64 disappear, so that the logged rate is 15.64 / 84.36 = 0.1854, and the difference 0.2528 − 0.1854 = +0.067<!--production-logged-difference:+.3f-->. The share treated rises to 0.9 / (0.9 + 0.1 · 0.8436) = 0.914<!--production-logged-share:.3f-->. The ratio is the number: it was set by the lot and owes nothing to the effect.
#
# </details>
#
# ### Exercise 2. A bell that rings sooner
#
# `watched_years.effect_detector(years["quiet"], reference=-0.06, average_run_length=100)`. How many quiet years ring now, and how much sooner is a dead programme found? Which length would you choose, at 162,000 euros a week?
#
# <details>
# <summary>Solution</summary>
#
# The effect's detector then rings in 19<!--production-short-quiet-percent:.0f--> of a hundred quiet years instead of 2<!--production-effect-quiet-percent:.0f--> (the guarantee says at most 52), and finds the death after 8<!--production-short-weeks:.0f--> weeks instead of 12<!--production-caught-weeks:.0f-->, by the median. Carried out as in the table of euros, where an alarm stops the programme for good, the shorter length costs 0.58<!--production-short-cost:.2f--> million in a quiet year and gains 0.80<!--production-short-gain:.2f--> in a year of a death: it pays if deaths come in more than about 42<!--production-short-share-percent:.0f-->% of years. How often programmes die is not in these data; and if an alarm makes people look before they stop, the balance moves towards ringing sooner.
#
# </details>
#
# ### Exercise 3. An effect that fades
#
# Open-ended. Let the effect fade from −0.06 to 0 in a straight line over the second half: draw the 600 people of each week from `scenarios.programme(effect=...)`, put the weeks together with `pd.concat`, and ask `change_detector`; fifty such years take a minute. How often does it ring by the end of the year, and what would help?
#
# <details>
# <summary>Solution</summary>
#
# In about four of ten such years, out of 200 that we drew. Over the half year the change is 0.03 on average, and it is large only when the year ends. Asking for a smaller `change` does not help. A larger holdout does: with three people in ten held out it rings in more than eight of ten years, since the error of a week's difference falls from 0.063 to 0.041. What that costs is the programme for a fifth of the people.
#
# </details>

# %% [markdown]
# ## What the document says
#
# Claims of "Strategies for Leveraging Causal Inference" (Anonymous, 2025) that this chapter runs; [the page of claims](../book/claims.md) holds the others against other chapters.
#
# <details>
# <summary>Claims of “Strategies for leveraging causal inference techniques”, run here, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | Monitoring must tell predictive drift from causal breakdown. | holds | With a holdout it can: at the end of the year the verdict is right in 97%<!--production-verdict-inputs:.0%--> of years whose inputs drift and 96%<!--production-verdict-dies:.0%--> of those whose programme dies. The treated exit rate rings in 93%<!--production-treated-inputs:.0%--> of the former and in 7%<!--production-treated-dies:.0%--> of the latter. |
# | A layer that tracks data quality, feature distributions and the stability of effects does it. | holds in part | The three together, and each alone misleads: inputs ring in 99.7%<!--production-input-inputs:.1%--> of years in which the ATE stays, and the effect's detector in 99.5%<!--production-effect-log:.1%--> of years in which the log broke. |
# | Alarms trigger re-estimation or retraining when a signal exceeds its threshold. | holds in part | It depends on the threshold. A 5% test a week exceeds it in 94%<!--production-weekly:.0%--> of quiet years, a detector in 2%<!--production-effect-quiet:.0%-->. |
# | Re-estimate regularly with fresh data. | holds in part | Fresh is the word. To date the effect reads −0.023<!--production-last-estimate:.3f--> (exact −0.030<!--production-last-exact:.3f-->) when today's is 0; over weeks chosen because they rang it is off by +0.008<!--production-window-since:+.3f-->, after the alarm by chance alone. |
# | A framework for bias and variance, made for causal estimates. | holds | Eight weeks after the alarm: all weeks have a bias of −0.032<!--production-window-all:.3f--> and an sd of 0.008<!--production-window-all-sd:.3f-->, the weeks since the alarm none and 0.021<!--production-window-after-sd:.3f-->. |
# | Data drift threatens identification. | holds in part | Not with a lot: workload rises by 0.8 sd, and the ATE is −0.060<!--production-drift-ate:.3f--> as before, and identified. Where effects differ by group, another mix moves the ATE itself, −0.051<!--production-exact-mix-before:.3f--> to −0.072<!--production-exact-mix-after:.3f-->, identified before and after. |
# | Reusable templates for estimands plug into many models. | holds in part | One form names the question, the estimand, the assumptions and one of four designs, and a run reads nothing else. Of the four only the holdout is run here. |
# | Missing outcomes threaten it, and principled handling helps. | holds in part | Complete cases give −0.032<!--production-complete:.3f--> for −0.060<!--production-ate:.3f-->, weights −0.063<!--production-weighted:.3f-->, by an assumption; without it, −0.21<!--production-lower:.2f--> to 0.07<!--production-upper:.2f-->. |
# | Track the stability of confidence intervals. | holds in part | The usual interval, looked at weekly, holds the ATE in all weeks of 68%<!--production-usual-all:.0%--> of years, a confidence sequence in 98%<!--production-sequence-all:.0%-->. |
# | Automated data quality checks make inputs stable. | holds in part | A file sent twice and a column of words are refused with reasons. A log that loses half of the holdout's exits is a well-formed file; the ratio takes 10<!--production-ratio-weeks:.0f--> weeks to see it. |
# | Guardrails keep unsafe interventions out. | holds in part | In January two of them hold. In October, thirteen weeks after the death, none does yet. |
# | Backtests with counterfactual simulations and stress tests belong to it. | holds | Eight thousand simulated years, six thousand of them with a shock half-way, are how any of these rates is known, for a world that we wrote ourselves. |
# | Living documents, versions and an audit trail keep conclusions traceable. | holds in part | One changed digit in an accepted file is found and named. Whether people keep the document true, a hash cannot say. |
# | Incident response includes a causal re-analysis. | holds in part | The incident asks for one, and it says 0.003<!--production-again:.3f--> since the alarm, where 0 is exact. Who answers, and how soon, is not simulated. |
# | Causal inference makes models transferable. | holds in part | An ATE carried to a site with twice the juniors arrives, −0.072<!--production-carried:.3f--> for −0.072<!--production-there:.3f-->, if effects by group are equal and the groups recorded. Not recorded: −0.053<!--production-blind:.3f-->. Effects that differ: −0.036<!--production-differs:.3f--> where −0.072<!--production-carried:.3f--> was promised. |
# | Concise dashboards let people who are not statisticians decide well. | cannot be tested here | There is one, and it says in words what may be done and why. No reader of it was observed. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
effect_first, ratio_first = (
    np.where(found.any(axis=1), found.argmax(axis=1), 99)
    for found in (rang["log breaks"][f"{key} detector"] for key in ("effect", "ratio"))
)
short = {
    name: watched_years.effect_detector(
        years[name], reference=-0.06, average_run_length=100
    )
    for name in ("quiet", "programme dies")
}
sooner = watched_years.alarm_rates(
    {"effect detector": short["programme dies"]}, since=26
)
moved = {
    name: earned(name, rings_sooner).mean()
    - earned(name, rang[name]["effect detector"]).mean()
    for name, rings_sooner in short.items()
}
rate_of = {name: rates[name]["rings"] for name in rates}
last = sequence.iloc[-1]
numbers = {
    "production-weekly": rung.iloc[-1, 0],
    "production-weekly-percent": 100 * rung.iloc[-1, 0],
    "production-week-percent": 100 * weekly,
    "production-input-percent": 100 * rung.iloc[-1, 1],
    "production-to-date": rung.iloc[-1, 2],
    "production-obrien-fleming": rung.iloc[-1, 3],
    "production-sequence": rung.iloc[-1, 4],
    "production-obrien-fleming-limit": limits.iloc[-1],
    "production-caught-percent": 100 * rate_of["programme dies"]["effect detector"],
    "production-caught-weeks": rates["programme dies"].loc["effect detector", "weeks"],
    "production-ratio-weeks": rates["log breaks"].loc["ratio detector", "weeks"],
    "production-effect-quiet": rate_of["quiet"]["effect detector"],
    "production-effect-quiet-percent": 100 * rate_of["quiet"]["effect detector"],
    "production-short-quiet-percent": 100 * short["quiet"].any(axis=1).mean(),
    "production-short-weeks": sooner.loc["effect detector", "weeks"],
    "production-short-cost": -moved["quiet"],
    "production-short-gain": moved["programme dies"],
    "production-short-share-percent": 100
    * moved["quiet"]
    / (moved["quiet"] - moved["programme dies"]),
    "production-again": again["estimate"],
    "production-effect-log": rate_of["log breaks"]["effect detector"],
    "production-input-inputs": rate_of["inputs drift"]["input detector"],
    "production-treated-inputs": rate_of["inputs drift"]["treated rate, three errors"],
    "production-treated-dies": rate_of["programme dies"]["treated rate, three errors"],
    "production-effect-first-percent": 100 * (effect_first < ratio_first).mean(),
    "production-verdict-inputs": ends.loc["inputs drift", "predictive drift"],
    "production-verdict-dies": ends.loc["programme dies", "causal breakdown"],
    "production-verdict-log": ends.loc["log breaks", "logging"],
    "production-ate": worlds["quiet"]["ATE"],
    "production-drift-ate": worlds["inputs drift"]["ATE"],
    "production-logged-difference": worlds["log breaks"]["logged difference"],
    "production-logged-share": worlds["log breaks"]["logged share treated"],
    "production-last-estimate": last["estimate"],
    "production-last-exact": last["exact"],
    "production-rings": rings,
    "production-complete": replies["estimate"].iloc[0],
    "production-weighted": replies["estimate"].iloc[1],
    "production-lower": bounds["lower"],
    "production-upper": bounds["upper"],
    "production-complete-limit": quadrature["complete cases"],
    "production-lower-limit": quadrature["least it can be"],
    "production-upper-limit": quadrature["most it can be"],
    "production-mix": only_mix.loc["mix", "estimate"],
    "production-cancel-mix": cancels.loc["mix", "estimate"],
    "production-cancel-mechanism": cancels.loc["mechanism", "estimate"],
    **{
        f"production-exact-{case}-{part}": value
        for case, values in zip(("mix", "cancel"), exact.values(), strict=True)
        for part, value in zip(only_mix.index, values, strict=True)
    },
    "production-carried": transport["reweighted"].iloc[0],
    "production-there": transport["exact there"].iloc[0],
    "production-blind": transport["reweighted"].iloc[1],
    "production-differs": transport["exact there"].iloc[2],
    "production-window-all": prices["bias"].iloc[0],
    "production-window-all-sd": prices["sd"].iloc[0],
    "production-window-since": prices["bias"].iloc[2],
    "production-window-after-sd": prices["sd"].iloc[3],
    "production-usual-all": cover.iloc[0, 1],
    "production-sequence-all": cover.iloc[1, 1],
    "production-value-quiet": value.loc["never look", "quiet"],
    "production-voucher": vouchers["estimate"].iloc[-1],
}
tables.store(
    numbers,
    board=board,
    bounds=bounds,
    cancels=cancels,
    cover=cover,
    ends=ends,
    log=log,
    missing=missing,
    only_mix=only_mix,
    prices=prices,
    rung=rung,
    seen=seen,
    sequence=sequence.drop(columns="excludes_zero"),
    transport=transport,
    value=value,
    value_error=worth.sem().max(),
)
logged = draw("logging_breaks", weeks=52, people=600, rng=1)
broken = confidence_sequence(logged[logged["week"] > 25], **columns, tuned_for=15_600)
exact_truth = {
    "effect to date, week 26, sequence": (sequence.loc[26], "ATE", world.truth["ATE"]),
    "effect to date, week 52, sequence": (last, "ATE to date", last["exact"]),
    "half of the holdout's exits unlogged": (broken.iloc[-1], "ATE", world.truth["ATE"]),
    "missing outcomes, complete cases": (replies.iloc[0], "ATE", world.truth["ATE"]),
    "missing outcomes, weighted": (replies.iloc[1], "ATE", world.truth["ATE"]),
    "more juniors: mix": (only_mix.loc["mix"], "part of a change", exact["more juniors"][4]),
    "less for juniors: mechanism": (
        cancels.loc["mechanism"], "part of a change", exact[list(exact)[1]][5]
    ),
    "carried to another site": (
        only_mix.loc["reweighted"], "ATE there", transport["exact there"].iloc[0]
    ),
    "carried, juniors not recorded": (
        blind.loc["reweighted"], "ATE there", transport["exact there"].iloc[1]
    ),
    "carried, effects differ": (
        cancels.loc["reweighted"], "ATE there", transport["exact there"].iloc[2]
    ),
}  # fmt: skip
tables.scoreboard(
    {name: (*row, "this world", "exact truth") for name, row in exact_truth.items()}
)
