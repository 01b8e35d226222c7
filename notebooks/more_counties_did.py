# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # More counties, more quarters
#
# **The question.** Counties raise their minimum wage at different dates, and some never do. What does a raise do to employment, quarter by quarter, in the counties that raise, and how far from parallel may trends have been before the answer falls?
#
# **The answer in short.** The usual regression, with an intercept for each county and each quarter, converges to a loss of 1.00<!--counties-stag-twfe-size:.2f--> hundred jobs where the average effect on the counties that raise (the ATT) is a loss of 1.92<!--counties-stag-att-size:.2f-->; comparing with counties not yet treated repairs that. Quarters before the raise let you test whether trends were parallel until then, yet a drift that biases the average by 3.1<!--counties-drift-in-se:.1f--> of its standard errors is caught only 26%<!--counties-power:.0%--> of the time. So report how far trends may have parted before the sign is lost: in that sample up to 0.34<!--counties-mbar:.2f--> times the largest step seen before.
#
# The chapter carries on from [Card and Krueger](card_krueger_did.ipynb), with the same two documents: AI/ML Explained (2026) and "We Need to Talk about Causal ML" (Anonymous, n.d.).

# %% [markdown]
# ## The story
#
# Card and Krueger had two states and two waves: no earlier quarter to look at, and an interval that takes for granted that nothing else hit one of the states. Later work compared neighbouring counties along state borders all over the country, and over many years (Dube et al., 2010). More places make room for shocks; more quarters show what trends did before. Both bring traps of their own, and for these you need a world in which the truth is known.
#
# Picture a labour office in such a world. Most counties have raised the minimum wage, some early, some late. The next county is about to, and the office must plan places for those who may lose their jobs. A forecast that is too small by half leaves half of them without a place; one that is too large stops a raise that would have been affordable.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd
from causaldata import castle
from linearmodels import PanelOLS
from scipy import stats

from casestudies import scenarios
from casestudies.display import figures, tables
from casestudies.recipes.difference_in_differences import event_study, two_by_two
from casestudies.recipes.honest_bounds import trend_bounds, trend_breakdown
from casestudies.recipes.pretrends import pretrend_power, pretrend_test
from casestudies.recipes.staggered_adoption import (
    event_study as staggered_study,
)
from casestudies.recipes.staggered_adoption import (
    group_time,
    overall_att,
    two_way_weights,
)
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# Each county sets its own minimum wage, as some American counties do, so that counties are what is treated and what one clusters by. Employment $Y$ of a county in quarter $t$ is counted in hundreds of jobs:
#
# $$
# Y_t = S + 2\,(t - 1) + \text{drift} \cdot R\,(t - 1) + \theta_t + \varepsilon_t, \qquad \varepsilon_t \sim N(0, 1),
# $$
#
# with a size $S$ that nobody records, larger by 12 in counties that ever raise ($R = 1$), and a drift that is zero at first. The effect $\theta_t$ is ours to choose and says nothing about real minimum wages: the raise costs half a hundred jobs in its first quarter, and half a hundred more in each later one. Forty percent of the counties raise in quarter 5, forty percent in quarter 9, and a fifth never: staggered adoption.

# %%
staggered = scenarios.minimum_wage_panel()
wave = staggered.sample(100, rng=3)
tables.results(
    wave.head().set_index("county"),
    "The first five of 1,200 rows: 100 counties, 12 quarters.",
    digits=1,
)

# %% mystnb={"code_prompt_show": "Show how the graph is drawn", "figure": {"name": "fig-counties-graph"}, "image": {"alt": "Causal graph of the counties, quarters merged: politics, not recorded, points to size and to the raise; size, not recorded, and the raise point to employment."}} tags=["hide-input"]
merged = nx.relabel_nodes(staggered.model.graph, lambda name: name.split("_")[0])
places = {"politics": (0, 0), "size": (1, 0.7), "first": (1, -0.7)}
figures.causal_graph(
    merged,
    treatment="first",
    outcome="employment",
    hidden=["politics", "size"],
    labels={"first": "raise"},
    positions=places | {"employment": (2.2, 0)},
)
plt.show()

# %% [markdown]
# *Figure 1. The world, quarters laid on top of one another. The path through politics and size is open; size weighs the same in every quarter, so that changes remove it.*

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-counties-groups"}, "image": {"alt": "Mean employment by quarter in three groups of counties. All grow by about two hundred jobs a quarter; the two groups that raise lie about twelve hundred higher, and each grows more slowly from its raise on."}} tags=["hide-input"]
paths = wave.pivot_table("employment", "quarter", "first_raised")
looks = [
    (0, "never", figures.CONTROL, "o", "-"),
    (5, "raise in quarter 5", figures.TREATED, "s", "--"),
    (9, "raise in quarter 9", figures.ESTIMATE, "^", ":"),
]
_, ax = plt.subplots()
for first, label, colour, marker, dash in looks:
    style = {"color": colour, "marker": marker, "linestyle": dash}
    ax.plot(paths.index, paths[first], label=label, **style)
ax.set_xlabel("quarter")
ax.set_ylabel("mean employment\n(hundred jobs)")
ax.legend()
plt.show()

# %% [markdown]
# *Figure 2. The three groups of the sample. Growth slows where and when the wage is raised.*

# %% [markdown]
# ## The trap
#
# The habit of the trade is one regression: a dummy for "has raised", and an intercept for each county and each quarter (two-way fixed effects).
#
# **Guess first.** Trends are parallel in this world, and nobody anticipates anything. Averaged over the counties that raise and their quarters since, the effect is the ATT, −1.92<!--counties-stag-att:.2f--> hundred jobs. Will the regression say more of a loss, less, or about that much? Write a number down.

# %%
frame = wave.set_index(["county", "quarter"])
effects = {"entity_effects": True, "time_effects": True}
twfe = PanelOLS(frame["employment"], frame[["raised"]], **effects).fit(
    cov_type="clustered", cluster_entity=True
)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
ENTRIES = ["estimate", "std_error", "ci_low", "ci_high", "n"]


def entries_of(fit, name):
    low, high = fit.conf_int().loc[name]
    return pd.Series(
        [fit.params[name], fit.std_errors[name], low, high, fit.nobs], ENTRIES
    )


habit = entries_of(twfe, "raised")
tables.results(
    habit.to_frame("two-way fixed effects").T,
    "The coefficient of the dummy on 100 counties, in hundred jobs.",
)

# %% [markdown]
# Sampling is not to blame: in the population the ATT is −1.917<!--counties-stag-att:.3f--> hundred jobs, and two-way fixed effects converge to −1.000<!--counties-stag-twfe:.3f-->. About half is gone.
#
# Where did it go? From quarter 9 on the late counties change their wage, and the regression compares them with everybody whose dummy does not change then, the early counties included. But these are still changing: their effect grows, and this growth is subtracted from the late counties' effect. Here is this "forbidden" comparison (Goodman-Bacon, 2021) on its own, late against early counties, quarters 9 to 12 against 5 to 8. The true effect on the late counties is −1.25 in these quarters. The early counties lose another 2 meanwhile, so the comparison converges to −1.25 + 2 = +0.75.

# %%
middle = wave.query("first_raised > 0 and quarter >= 5")
middle = middle.assign(
    late=1 * (middle["first_raised"] == 9), post=1 * (middle["quarter"] >= 9)
)
halves = middle.groupby(["county", "late", "post"], as_index=False)["employment"].mean()
roles = {"unit": "county", "treated": "late", "post": "post"}
forbidden = two_by_two(halves, outcome="employment", **roles)
tables.results(
    forbidden.to_frame("late against early").T,
    "A comparison with counties already treated: the wrong sign.",
)

# %% [markdown]
# ## What must be true
#
# The estimands are the ATT of each group in each quarter, and their averages: by quarters since the raise, or over all of them.
#
# > **Assumptions, and how each could fail**
# >
# > - **Parallel trends**, for every group, in every quarter, on the scale in use. Without the raise, mean employment would have changed by as much as in the counties not yet treated. It fails if counties raise when business runs well, so that they drift apart, or if all grow by the same *percentage* and differ in size.
# > - **No anticipation.** Before its raise a county is untouched by it. It fails if employers who know the date cut early (Exercise 3).
# > - **No interference.** A county's raise leaves the others' employment alone. It fails if jobs move to the county next door.
# > - **Counties are independent of one another**, for the interval. It fails if a recession hits a whole region. Then the regions are the clusters, and few clusters bring back the trouble of two states.
#
# One thing is *not* on the list: that the effect is the same in all counties and quarters. Only the habitual regression needs that.

# %% [markdown]
# ## The estimate
#
# The remedy is to choose one's comparisons: each group, in each quarter, against counties not yet treated then (Callaway and Sant'Anna, 2021), each change counted from the last quarter before the raise. By hand, for the counties that raise in quarter 5, two quarters after the last one before:

# %%
jobs = wave.pivot_table("employment", "county", "quarter")
first_raised = wave.groupby("county")["first_raised"].first()
change = jobs[6] - jobs[4]
waiting = (first_raised == 0) | (first_raised > 6)
by_hand = change[first_raised == 5].mean() - change[waiting].mean()

# %% [markdown]
# `staggered_adoption` does so for every group and quarter, and averages afterwards.

# %%
panel = {"outcome": "employment", "unit": "county", "time": "quarter"}
cells = group_time(wave, **panel, first_treated="first_raised")
not_yet = overall_att(wave, **panel, first_treated="first_raised")

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
second = cells.query("group == 5 and event_time == 1").iloc[0]
answers = pd.DataFrame(
    {
        "raise in 5, quarter 6: by hand": {"estimate": by_hand},
        "raise in 5, quarter 6: the recipe": second[
            ["estimate", "std_error", "ci_low", "ci_high"]
        ],
        "average: not-yet-treated comparison": not_yet[ENTRIES[:4]],
        "average: two-way fixed effects": habit[ENTRIES[:4]],
    }
).T[ENTRIES[:4]]
answers["exact"] = [-1.0, -1.0, *[staggered.truth["ATT"]] * 2]
tables.results(
    answers.astype(float),
    "One cell and the average effect on 100 counties, in hundred jobs.",
)

# %% mystnb={"figure": {"name": "fig-counties-staggered"}, "image": {"alt": "Event study of the staggered world by quarters since the raise, from minus 8 to 7. The intervals before the raise hold zero; the effects after it follow the dashed truth from minus 0.5 to minus 4."}}
by_event = staggered_study(wave, **panel, first_treated="first_raised")
truth = {e: staggered.truth[f"ATT(e={e})"] for e in range(8)}
since = {"xlabel": "quarters since the raise", "ylabel": "effect (hundred jobs)"}
figures.event_study(by_event, truth=truth, **since)
plt.show()

# %% [markdown]
# *Figure 3. Not-yet-treated comparisons, averaged by quarters since the raise. Dashed: the truth.*
#
# Two-way fixed effects are not wrong in general. With one starting date, or with one effect for all counties and quarters, they estimate what they should; Exercise 1 checks it.

# %% [markdown]
# ## Try to break it
#
# ### The quarters before
#
# With several periods before, parallel trends has a consequence that can be seen: a difference in differences between two quarters before the raise should be zero. Take the simplest case, half of the counties raising in quarter 5 and the others never. An event study estimates one difference for every quarter, each against the last quarter before the raise.

# %% mystnb={"figure": {"name": "fig-counties-event"}, "image": {"alt": "Event study: three estimates before the raise whose intervals all hold zero, then effects that fall from about minus 0.3 in the first quarter to minus 3.9 in the eighth, close to the dashed line of the truth, which falls from minus 0.5 to minus 4."}}
once = {"first_raises": (5,), "shares": (0.5,)}
calm = scenarios.minimum_wage_panel(**once)
counties = calm.sample(100, rng=11)
design = {**panel, "treated": "adopter", "first_treated_time": 5}
study = event_study(counties, **design)
truth = {e: calm.truth[f"ATT(e={e})"] for e in range(8)}
figures.event_study(study, truth=truth, **since)
plt.show()

# %% [markdown]
# *Figure 4. An event study of 100 counties, half of which raise the wage at 0. Dashed: the truth.*

# %% [markdown]
# ### What passing a pre-trend test is worth
#
# Now let parallel trends fail. In the next world employment in the counties that raise runs ahead by 0.15 hundred jobs each quarter for reasons of its own, before the raise as well as after. All else, the random noise included, is as before. **Guess first:** that drift biases the average effect by three of its standard errors. In how many samples of a hundred will the pre-trend test, at the 5% level, see it?

# %%
drifting = scenarios.minimum_wage_panel(**once, drift=0.15)
drift_study = event_study(drifting.sample(100, rng=11), **design)
verdict = pretrend_test(drift_study)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
tests = pd.DataFrame({"no drift": pretrend_test(study), "drift": verdict}).T
tables.results(
    tests[["statistic", "p_value"]]
    .astype(float)
    .rename(columns={"p_value": "p-value"}),
    f"Joint tests, {verdict['distribution']}. Null: {verdict['null']}",
)

# %% [markdown]
# The test passes, as it does more often than not in this world. Against each drift it has a power, and this can be computed from the study's own covariance (Roth, 2022).

# %%
power = pretrend_power(drift_study)
tables.results(
    power.set_axis(power.index.map("{:.3f}".format).rename("drift a quarter")),
    "What the test before catches, and what is left once it has passed.",
)

# %% [markdown]
# A drift that biases the event study's average effect by two of its standard errors is caught 13%<!--counties-power-two:.0%--> of the time. Ours biases it by 3.1<!--counties-drift-in-se:.1f--> (0.68<!--counties-drift-bias:.2f--> hundred jobs) and is caught 26%<!--counties-power:.0%--> of the time. And passing makes it a little worse: among the samples that pass, the bias is 0.728<!--counties-drift-if-passed:.3f-->. A pre-trend test is worth making. It is not what makes trends parallel.

# %% [markdown]
# ### Honest bounds
#
# Rather than ask *whether* trends were parallel, ask how far from parallel they may have been. Honest bounds answer that (Rambachan and Roth, 2023). Two ways to say "not too far": each step after the raise is at most $\bar M$ times the largest step before it; or the difference in trends may change its slope by at most $M$ a quarter, where $M = 0$ carries a straight line on.

# %%
few, bends = (0, 0.5, 1), (0, 0.05, 0.1)
bounds = trend_bounds(drift_study, relative_magnitudes=few, smoothness=bends)
limits = trend_breakdown(drift_study)
tables.results(
    bounds.rename_axis(["", "up to"]),
    "Honest bounds on the average effect over eight quarters; the truth is −2.25.",
    digits=2,
)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-counties-bounds"}, "image": {"alt": "Six intervals for the average effect in the drifting world, whose truth is minus 2.25. The usual one, at M-bar 0, misses it; with steps up to half or up to once the largest before, and with a straight or slightly bent drift, the intervals cover it and are two and a half to eleven times as long."}} tags=["hide-input"]
rows = bounds.assign(estimate=(bounds["set_low"] + bounds["set_high"]) / 2)
rows.index = [
    "as if parallel",
    "steps up to half the largest",
    "steps up to the largest",
    "a straight drift",
    "bends up to 0.05 a quarter",
    "bends up to 0.1 a quarter",
]
figures.estimates(
    rows,
    truth={"ATT": drifting.truth["ATT"]},
    naive=[rows.index[0]],
    xlabel="average effect (hundred jobs)",
    digits=2,
)
plt.show()

# %% [markdown]
# *Figure 5. Honest bounds in the drifting world. The first row is the usual interval. In the last three the point carries on the last step before, while the interval weighs all steps, so that it is not centred at the point.*
#
# The usual interval misses. Every other one covers, and pays with length. The drift in this world is a straight line of equal steps, so that the last four rows assume what is true; the second does not, and covers all the same. The sign survives steps up to 0.34<!--counties-mbar:.2f--> times the largest step before, or bends up to 0.08<!--counties-msmooth:.2f--> a quarter. That is the sentence to write in a report, in place of "trends were parallel". Card and Krueger's two waves allow no such sentence; [the hospital upgrade](hospital_upgrade_did.ipynb) shows a failure that even these bounds do not foresee.

# %% [markdown]
# ### Levels or logs
#
# Parallel in what? If employment everywhere grows by two hundred jobs a quarter, trends are parallel in levels, and large counties grow more slowly in percent. If it grows by two percent everywhere, trends are parallel in logs, and large counties gain more jobs. With growth that all counties share, both cannot hold when the groups differ in size; without growth they can. In general trends are parallel on every scale only if the whole distribution of untreated outcomes changes equally in both groups: treatment is as good as random, or nothing changes, or a mixture of the two (Roth and Sant'Anna, 2023). Two worlds without any effect:

# %%
idle = {**once, "effect": 0.0, "effect_growth": 0.0}
worlds_of = {
    "200 jobs a quarter": scenarios.minimum_wage_panel(**idle),
    "2% a quarter": scenarios.minimum_wage_panel(**idle, proportional=True),
}

# %% [markdown]
# Each is analysed on both scales.

# %%
found, samples = {}, {}
for story, world in worlds_of.items():
    rows = world.sample(100, rng=4)
    samples[story] = rows.assign(log=100 * np.log(rows["employment"]))
    for scale, outcome in {"levels": "employment", "logs, percent": "log"}.items():
        each = event_study(samples[story], **{**design, "outcome": outcome})
        found[f"growth of {story}, in {scale}"] = each.loc[7]

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
tables.results(
    pd.DataFrame(found).T,
    "Apparent effect seven quarters after a raise that does nothing.",
    digits=2,
)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-counties-logs"}, "image": {"alt": "Two panels of the world that grows by two percent a quarter, in which the raise does nothing. In hundred jobs the treated counties pull away from their parallel path; in logs they follow it."}} tags=["hide-input"]
grown = samples["2% a quarter"]
_, panes = plt.subplots(2, 1, figsize=(5.6, 5.0), sharex=True)
labels = ["employment\n(hundred jobs)", "log employment\n(times 100)"]
for ax, outcome, label in zip(panes, ["employment", "log"], labels, strict=True):
    paths = grown.pivot_table(outcome, "quarter", "adopter").set_axis(
        ["never", "raised"], axis=1
    )
    figures.trends(
        paths,
        treated="raised",
        control="never",
        start=5,
        xlabel="",
        ylabel=label,
        ax=ax,
    )
ax.set_xlabel("quarter")
plt.show()

# %% [markdown]
# *Figure 6. The world that grows by two percent a quarter, without any effect. Above in levels, below in logs: only one of the two is parallel.*
#
# Nothing in two waves says which scale is the parallel one. It has to be argued, and it matters where outcomes change and the groups start from different sizes, as these counties do and as the stores of New Jersey and Pennsylvania did.

# %% [markdown]
# ## The decision
#
# A county that has not raised its wage considers doing so; what will it have lost two years on? In a simulated world the decision can be carried out. Delete the equation of the raise and set it, for the same counties with the same noise:

# %%
policy = staggered.model.effect("employment_12", first_raised=(5, 0), n=1_000, rng=8)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
forecasts = {
    "by do": policy["estimate"],
    "event study, quarter 7": by_event.loc[7, "estimate"],
    "two-way fixed effects": habit["estimate"],
}
tables.results(
    pd.Series(forecasts, name="hundred jobs"),
    "Employment in the eighth quarter of a raise, against none.",
)

# %% [markdown]
# A planner who multiplies the coefficient of the habitual regression by the number of counties budgets for less than a quarter of what comes by then (the effect is here the same in every county). An average over short and long exposures is not a forecast, even when it is estimated without bias; forecast from the event study.

# %% [markdown]
# ## Many worlds
#
# First the drifting world, 80 samples of 100 counties: how often does each interval for the average effect cover?


# %% mystnb={"code_prompt_show": "Show the two analyses"} tags=["hide-input"]
def average_effect(data, **allowed):
    each = event_study(data, **design)
    ends = trend_bounds(each, **allowed)[["ci_low", "ci_high"]].iloc[0]
    return {"estimate": ends.mean(), **ends}


def usual(data):
    return average_effect(data, relative_magnitudes=(0,), smoothness=())


def straight_drift_allowed(data):
    return average_effect(data, relative_magnitudes=(), smoothness=(0,))


# %%
settings = {"n": 100, "rng": 2026, "estimand": "ATT"}
shown = ["bias", "bias_error", "coverage", "coverage_error"]
both = {"usual": usual, "straight drift allowed": straight_drift_allowed}
drift_worlds = replicate(drifting, both, replications=80, **settings)
tables.results(
    drift_worlds[shown], "80 samples of the drifting world, against the ATT."
)

# %% [markdown]
# Then the staggered world: the habitual regression, the recipe, and the comparison of rows with a raised wage against all others.


# %% mystnb={"code_prompt_show": "Show the three analyses"} tags=["hide-input"]
def within(column, data):
    by_county = column.groupby(data["county"]).transform("mean")
    by_quarter = column.groupby(data["quarter"]).transform("mean")
    return column - by_county - by_quarter + column.mean()


def two_way_fixed_effects(data):
    d, y = (within(data[name], data) for name in ("raised", "employment"))
    estimate = d @ y / (d @ d)
    scores = (d * (y - estimate * d)).groupby(data["county"]).sum()
    margin = 1.96 * np.sqrt(scores @ scores) / (d @ d)
    ends = {"ci_low": estimate - margin, "ci_high": estimate + margin}
    return {"estimate": estimate, **ends}


def not_yet_treated(data):
    return overall_att(data, **panel, first_treated="first_raised")


def raised_against_rest(data):
    a, b = (data.loc[data["raised"] == arm, "employment"] for arm in (1, 0))
    gap, margin = a.mean() - b.mean(), 1.96 * np.hypot(a.sem(), b.sem())
    return {"estimate": gap, "ci_low": gap - margin, "ci_high": gap + margin}


# %%
analyses = {
    "raised against the rest": raised_against_rest,
    "two-way fixed effects": two_way_fixed_effects,
    "not-yet-treated comparison": not_yet_treated,
}
stag_worlds = replicate(staggered, analyses, replications=150, **settings)
tables.results(
    stag_worlds[shown], "150 samples of the staggered world, against the ATT."
)

# %% [markdown]
# The right analyses cover about as often as they promise. The others miss in nine samples of ten or in all; more counties would only make them surer.

# %% [markdown]
# ## Take it with you
#
# Bounds, pre-trend tests and staggered adoption, with an event study of its own, are a file each. They need numpy, pandas and scipy.
#
# ```bash
# .venv/bin/casestudies copy pretrends honest_bounds staggered_adoption
# ```
#
# On real data, with many states and many dates: between 2000 and 2010 more than twenty American states passed laws that widen the right to use lethal force in self-defence. Cheng and Hoekstra (2013) find that homicides rose by about eight percent. Their panel comes with the package `causaldata`.

# %%
states = castle.load_pandas().data
begins = states[states["post"] == 1].groupby("sid")["year"].min()
states["begins"] = states["sid"].map(begins).fillna(0).astype(int)
ask = {"outcome": "l_homicide", "unit": "sid", "time": "year"}
everybody = overall_att(states, **ask, first_treated="begins")
print("all states: {estimate:.3f} ({std_error:.3f})".format(**everybody))

# %% [markdown]
# One state begins alone in 2006, the first year that its law counts in these data, and another in 2010. A group of one state has an estimate and no error of its own; in the average over all groups it counts, and is said to. For the table and the event study we leave the two out, so that every group has an error, and say so.

# %%
kept = states[~states["begins"].isin([2006, 2010])]
careful = overall_att(kept, **ask, first_treated="begins")
years = staggered_study(kept, **ask, first_treated="begins")
frame = states.set_index(["sid", "year"])
data = {"dependent": frame["l_homicide"], "exog": frame[["post"]], **effects}
fits = [PanelOLS(**data, weights=frame["popwt"]), PanelOLS(**data)]

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
clustered = {"cov_type": "clustered", "cluster_entity": True}
laws = [entries_of(fit.fit(**clustered), "post") for fit in fits]
laws = pd.DataFrame([*laws, careful]).set_axis(
    ["fixed effects, by population", "fixed effects", "not yet treated"]
)
tables.results(
    laws,
    "The laws and log homicides: two coefficients and an ATT; published about 0.08.",
)

# %% [markdown]
# The habitual regression finds what was published. The recipe, without weights, finds 0.004<!--counties-castle:.3f-->. Look at the years before, as you would in any study, to see why:

# %%
tables.results(
    years.loc[-4:].rename_axis("year"),
    "Event study of the laws, log homicides.",
    digits=3,
)

# %% [markdown]
# In these data a law counts from its first full year, and the year before that, the reference, already contains some months of it. That year was a bad one: one year earlier, log homicides, relative to the states not yet treated, had been lower by 0.125<!--counties-castle-lower:.3f-->, with an interval that excludes zero (one of eight years before the reference, picked because it is the nearest). Part of that step may be the law and part a trend of these states' own; the table cannot tell which. The recipe measures from that reference year, fixed effects measure from the average of all years before, and the two bases differ by about as much as the answers do. Neither base is right by software. That the answer hangs on the base is the finding, and a reason to report bounds.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. When the habit is right
#
# The truth of each world holds what two-way fixed effects converge to: `scenarios.minimum_wage_panel(...).truth["two-way fixed effects"]`. Compare it with the ATT if all counties that raise do so in quarter 5 (`first_raises=(5,), shares=(0.5,)`); if they start in 5 and 9 and the effect is the same in every quarter (`effect_growth=0.0`); and if it shrinks over time (`effect_growth=0.05`). Which way is the coefficient off in the last case, and why?
#
# <details>
# <summary>Solution</summary>
#
# In the first two worlds the two agree exactly: −2.25<!--counties-habit-once:.2f--> and −0.50<!--counties-habit-constant:.2f-->. In the third the early counties recover while the late ones raise, and this recovery is subtracted from the late counties' effect; so the coefficient overstates the loss, −0.45<!--counties-habit-shrinking:.2f--> for an ATT of −0.36<!--counties-att-shrinking:.2f-->.
#
# </details>
#
# ### Exercise 2. More quarters before
#
# Let the counties raise in quarter 9 instead of 5, with the same drift of 0.15. What happens to the power of the test before, and to the bias of the average effect? Which of the two does the longer history buy?
#
# <details>
# <summary>Solution</summary>
#
# `scenarios.minimum_wage_panel(first_raises=(9,), shares=(0.5,), drift=0.15)`, then `event_study` with `first_treated_time=9` and `pretrend_power(study, slopes=[0.15])`. The drift now shows over seven estimates, at most seven steps away from the reference, so that the test catches it in about nineteen samples of twenty; and the bias of the average effect falls from 0.68 to 0.38 hundred jobs. The history bought the power. The smaller bias comes from the shorter horizon, four quarters of the raise instead of eight: a raise in quarter 5 has the same bias over its first four.
#
# </details>
#
# ### Exercise 3. A county that sees it coming
#
# Open-ended. Let counties that raise in quarter 5 cut half a hundred jobs already in quarter 4, by replacing that quarter's equation: `calm.model.do(employment_4=...)` takes a `Normal` of `casestudies.scm`, whose mean is a function of `size` and `first_raised`. Draw 100 counties, turn them into a panel with `calm.arrange`, and run the event study. What happens to the estimates before the raise, and to those after it? Which reference quarter would repair it, and would the pre-trend test have told you?
#
# <details>
# <summary>Solution</summary>
#
# A start: `early = calm.model.do(employment_4=Normal(lambda size, first_raised: size + 6 - 0.5 * (first_raised == 5), 1.0))`, three quarters' growth of 2, the cut, and the noise of the other quarters. (With the function alone quarter 4 has no noise, and the test catches the cut nearly always.) The reference itself is now too low by 0.5, so that every estimate, before and after, moves up by 0.5: the effects look smaller and the estimates before look positive, all alike. A reference before anybody knew repairs it; in the recipe, give quarter 4 as `first_treated_time`. The test catches this step in 40%<!--counties-step-caught:.0%--> of samples, and a drift that biases the average effect as much in 15%<!--counties-drift-as-bad-caught:.0%-->.
#
# </details>
#
# ### Exercise 4. A trend that nobody had
#
# Draw 100 counties almost without noise, `scenarios.minimum_wage_panel(noise=1e-6)` with `rng=3`, and let the raise cost twice as much in those that raise in quarter 9: from that quarter on, take off their employment once more what the raise takes, `0.5 * (quarter - 8)`. Trends are parallel and nothing happens before the raise. Now run the usual event study: a dummy for each quarter since the raise but the last before it, and an intercept for each county and quarter. What do its coefficients before the raise look like, and what would you have concluded? Take one apart with `two_way_weights(..., event_time=-8)`.
#
# <details>
# <summary>Solution</summary>
#
# They should be 0. They are 0.79<!--counties-lead-first:.2f--> eight quarters before the raise, 0.19<!--counties-lead-middle:.2f--> three and 0.09<!--counties-lead-last:.2f--> two quarters before, like a trend that leads to the raise. They are made of effects after it: the weights at each quarter since the raise sum to zero, so that what both groups share cancels, and what differs between them does not (Sun and Abraham, 2021). `staggered_study` on the same counties has zeros before the raise.
#
# </details>

# %% [markdown]
# ## What the documents say
#
# The claims about difference in differences in AI/ML Explained (2026) and in "We Need to Talk about Causal ML" (Anonymous, n.d.) that need more than two states and two waves, with the verdicts of this chapter.
#
# <details>
# <summary>Claims of “AI/ML Explained: Causal Inference”, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | The first difference removes fixed differences between the groups, the second the trend that both share. | holds | Counties that raise are larger by 12, and all grow by 2 a quarter: raised against the rest is off by 12.9<!--counties-raw-bias:.1f-->, not-yet-treated comparisons by −0.021<!--counties-stag-bias:.3f--> (hundred jobs; its error is 0.016<!--counties-stag-bias-error:.3f-->). |
# | After both subtractions, what is left is the causal effect. | holds in part | Only if trends are parallel, on the scale used. A drift of 0.15 a quarter leaves a bias of 0.68<!--counties-drift-bias:.2f-->; growth in percent leaves one in levels, even where the raise does nothing. |
# | Always plot several periods before, to confirm that the lines stayed parallel. | holds in part | Plot, but it confirms little: a drift worth 2<!--counties-power-two-in-se:.0f--> standard errors of bias is caught 13%<!--counties-power-two:.0%--> of the time, ours worth 3.1<!--counties-drift-in-se:.1f--> in 26%<!--counties-power:.0%-->. |
# | With parallel pre-trends, before-and-after data and a control group, use difference in differences. | holds in part | Where units start at different times and effects grow, the usual regression fails in spite of parallel trends: a loss of 1.00<!--counties-stag-twfe-size:.2f--> where the ATT is one of 1.92<!--counties-stag-att-size:.2f-->. |
# | A group already on another path before the treatment is mistaken for an effect. | holds | Drift of 0.15: the usual interval covers in 11%<!--counties-drift-coverage:.0%--> of samples. |
#
# </details>
#
# <details>
# <summary>Claims of “We need to talk about Causal ML”, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | If the factors nobody recorded do not change over time, difference in differences still works. | holds in part | Their weight must not change either. The size of a county is not recorded and constant; the bias is −0.021<!--counties-stag-bias:.3f-->, its error 0.016<!--counties-stag-bias-error:.3f--> (hundred jobs). |
# | Assume that the treated would have changed as the others did; anything more is the effect. | holds in part | It is the assumption, rightly named. The surplus also holds every shock to one state: four of them in a two by two. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
actual = pretrend_power(drift_study, slopes=[0.15]).iloc[0]
timed = group_time(kept, **ask, first_treated="begins")
ahead = timed[timed["event_time"] < 0].groupby("group")
own_base = ahead["estimate"].sum() / (ahead.size() + 1)  # the base counts too
base = np.average(own_base, weights=timed.groupby("group")["n_treated"].first())
constant = scenarios.minimum_wage_panel(effect_growth=0.0)
shrinking = scenarios.minimum_wage_panel(effect_growth=0.05)
exact_wave = scenarios.minimum_wage_panel(noise=1e-6).sample(100, rng=3)
later = exact_wave.query("first_raised == 9 and quarter >= 9")
doubled = exact_wave.assign(
    employment=exact_wave["employment"].sub(0.5 * (later["quarter"] - 8), fill_value=0)
)
leads = {
    event: two_way_weights(
        doubled, **panel, first_treated="first_raised", event_time=event
    ).attrs["coefficient"]
    for event in (-8, -3, -2)
}


def caught(before):
    """Return how often 100 counties' test catches these means before the raise."""
    covariance = (np.eye(3) + 1) / 25  # 50 counties in each arm, noise of 1 a quarter
    shift = before @ np.linalg.solve(covariance, before)
    return stats.ncf.sf(stats.f.ppf(0.95, 3, 96), 3, 96, shift)


numbers = {
    "counties-power": actual["power"],
    "counties-step-caught": caught(np.full(3, 0.5)),
    "counties-drift-as-bad-caught": caught(0.5 / 4.5 * np.arange(1, 4)),
    "counties-power-two": power["power"].iloc[2],
    "counties-power-two-in-se": power["in_std_errors"].iloc[2],
    "counties-drift-bias": actual["bias"],
    "counties-drift-in-se": actual["in_std_errors"],
    "counties-drift-if-passed": actual["bias_if_passed"],
    "counties-mbar": limits["relative magnitudes"],
    "counties-msmooth": limits["smoothness"],
    "counties-stag-att": staggered.truth["ATT"],
    "counties-stag-att-size": -staggered.truth["ATT"],
    "counties-stag-twfe": staggered.truth["two-way fixed effects"],
    "counties-stag-twfe-size": -staggered.truth["two-way fixed effects"],
    "counties-stag-recipe": not_yet["estimate"],
    "counties-stag-habit": habit["estimate"],
    "counties-forbidden": forbidden["estimate"],
    "counties-habit-once": calm.truth["two-way fixed effects"],
    "counties-habit-constant": constant.truth["two-way fixed effects"],
    "counties-habit-shrinking": shrinking.truth["two-way fixed effects"],
    "counties-att-shrinking": shrinking.truth["ATT"],
    "counties-lead-first": leads[-8],
    "counties-lead-middle": leads[-3],
    "counties-lead-last": leads[-2],
    "counties-policy": policy["estimate"],
    "counties-drift-coverage": drift_worlds.loc["usual", "coverage"],
    "counties-straight-coverage": drift_worlds.loc[
        "straight drift allowed", "coverage"
    ],
    "counties-drift-mc-bias": drift_worlds.loc["usual", "bias"],
    "counties-stag-coverage": stag_worlds.loc["not-yet-treated comparison", "coverage"],
    "counties-stag-bias": stag_worlds.loc["not-yet-treated comparison", "bias"],
    "counties-stag-bias-error": stag_worlds.loc[
        "not-yet-treated comparison", "bias_error"
    ],
    "counties-twfe-bias": stag_worlds.loc["two-way fixed effects", "bias"],
    "counties-twfe-coverage": stag_worlds.loc["two-way fixed effects", "coverage"],
    "counties-raw-bias": stag_worlds.loc["raised against the rest", "bias"],
    "counties-castle": careful["estimate"],
    "counties-castle-published": laws["estimate"].iloc[0],
    "counties-castle-lower": -years.loc[-2, "estimate"],
}
tables.store(
    numbers,
    actual=actual,
    after_the_raise=study.loc[0:],
    base=base,
    bounds=bounds,
    by_event=by_event,
    by_hand=by_hand,
    careful=careful,
    drift_worlds=drift_worlds,
    first_cell=second["estimate"],
    forbidden=forbidden,
    found=pd.DataFrame(found).T,
    habit=habit,
    laws=laws,
    limits=limits,
    not_yet=not_yet,
    policy=policy,
    stag_worlds=stag_worlds,
    tests=tests["p_value"].astype(float),
    two_way=two_way_fixed_effects(wave)["estimate"],
    years=years,
)
usual_ends, straight = (
    {**ends, "estimate": ends.mean()}
    for _, ends in bounds.iloc[[0, 3]][["ci_low", "ci_high"]].iterrows()
)
drift, exact = drifting.truth["ATT"], staggered.truth["ATT"]
known = {
    "drift, usual interval": (usual_ends, "ATT", drift, "drifting world", "exact truth"),
    "drift, straight line allowed": (straight, "ATT", drift, "drifting world", "exact truth"),
    "staggered, two-way fixed effects": (habit, "ATT", exact, "staggered world", "exact truth"),
    "staggered, not yet treated": (not_yet, "ATT", exact, "staggered world", "exact truth"),
    "self-defence laws, fixed effects": (laws.iloc[0], "coefficient", "0.08", "Cheng and Hoekstra, abstract", "published figure"),
}  # fmt: skip
tables.scoreboard(known)
