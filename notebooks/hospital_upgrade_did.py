# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The hospital upgrade
#
# **The question.** Some hospitals start a new drug in month 5, others never do. How much does the drug lower the severity of their patients' illness, when the hospitals differ in ways that nobody wrote down, and when new equipment may have arrived in the same month?
#
# **The answer in short.** The drug lowers severity in the hospitals that use it by 2.28<!--upgrade-att-size:.2f--> points (the ATT, exact); comparing them with the others after the start suggests harm, +0.78<!--upgrade-raw:+.2f-->, and difference-in-differences (DiD) answers −2.24<!--upgrade-did:.2f-->. If equipment worth 3 points arrives in the same month, DiD does not split the credit but gives all of it to the drug, −5.24<!--upgrade-did-upgraded:.2f-->, and unless somebody recorded it no check of the columns or of the months before notices. A department that got the equipment and not the drug shows it: the triple difference answers −2.22<!--upgrade-ddd:.2f-->.
#
# The scenario is told in the article whose opening words are "We need to talk about Causal ML" (Anonymous, n.d.). It warns against a coincident upgrade.

# %% [markdown]
# ## The story
#
# A region has 40 hospitals. Each month it computes for each hospital a severity score, the mean over the patients of its medical department; lower is better. A grant pays some of the hospitals for a new drug from month 5 on. The hospitals under the heaviest burden applied most eagerly, and so they got most of the grants. Nobody recorded the burden.
#
# The ministry must decide whether to buy the drug for the remaining hospitals. It costs 75 thousand euros a month and hospital; a point of severity is worth 25 thousand, so the drug pays if it lowers severity by more than 3 points. An estimate that mixes it with something else buys the wrong thing.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import itertools
import warnings
from math import comb

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from causaldata import organ_donations
from scipy import optimize, stats

from casestudies import identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.difference_in_differences import event_study, two_by_two
from casestudies.recipes.few_clusters import randomization_over_units, shock_breakdown
from casestudies.recipes.honest_bounds import trend_bounds, trend_breakdown
from casestudies.recipes.pretrends import pretrend_power, pretrend_test
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.sampling.closed_forms import drifting_did, drifting_event_study
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# In a hospital with burden $B$ and grant $G$, in month $t$ of eight,
#
# $$
# \begin{aligned}
# B &\sim N(0, 1), \qquad P(G = 1) \text{ grows with } B, \qquad \text{drug } D = G \\
# \text{severity}_t &= 20 - 0.4\,(t - 1) + 4 B + (-2 - 0.5 B)\, D\, 1[t \ge 5] \\
# &\quad + 0.1\,(\text{frail}_t - 30) + W_t + \varepsilon_t
# \end{aligned}
# $$
#
# Severity falls everywhere (the shared trend, 0.4 points a month). Burdened hospitals are worse in every month (the fixed difference). Frail patients, some thirty in a hundred, add to it. Each hospital has good and bad spells ($W_t$, shocks that fade slowly). The drug helps, more so where the burden is heavy; so the effect in the hospitals that chose it (ATT −2.28<!--upgrade-att:.2f-->) is not the effect in the others (ATU −1.72<!--upgrade-atu:.2f-->).
#
# The graph has the months laid on top of one another. The grant may also bring equipment and change the intake of frail patients; at first both are switched off.

# %% mystnb={"code_prompt_show": "Show how the months are merged"} tags=["hide-input"]
world = scenarios.hospital_upgrade()
graph = nx.relabel_nodes(world.model.graph, lambda name: name.split("_")[0])
graph.remove_edges_from(list(nx.selfloop_edges(graph)))

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-upgrade-graph"}, "image": {"alt": "Causal graph, months merged. Burden, not recorded, points to grant, severity and surgery. Grant points to drug, upgraded and frail. Drug, upgraded, frail and the unrecorded shock point to severity; upgraded and shock also point to surgery. No arrow runs from drug to surgery."}} tags=["hide-input"]
places = {
    "burden": (0, 2.3),
    "grant": (0, 0),
    "drug": (1.48, 0.85),
    "frail": (1.3, -0.5),
    "upgraded": (1.3, -1.7),
    "severity": (3, 0.9),
    "surgery": (3, -2.0),
    "shock": (4.4, 1.2),
}
figures.causal_graph(
    graph, treatment="drug", outcome="severity", hidden=["burden", "shock"], positions=places,
    ax=plt.subplots(figsize=(5.6, 3.6))[1],
)  # fmt: skip
plt.show()

# %% [markdown]
# *Figure 1. The world, read off its equations, months merged. Surgery shares everything with the medical department except the drug and the frail patients.*
#
# An analyst sees one row per hospital and month, without the burden and without the shocks. `treated` marks the hospitals with the drug in all their rows, `post` the months from 5 on.

# %%
panel = world.sample(40, rng=2026)
tables.results(
    panel.query("hospital <= 2 and 4 <= month <= 5").set_index(["hospital", "month"]),
    "Two hospitals in the last month before the drug and the first with it.",
    digits=1,
)

# %% [markdown]
# Now the mean of each group, month by month.

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-upgrade-trends"}, "image": {"alt": "Mean severity by month. The other hospitals fall slowly from 18.7 to 15.6. The hospitals with the drug start at 22.1, fall in parallel until month 4, drop by two and a half points in month 5, and fall in parallel again. A dotted line shows where they would have gone in parallel to the others: about two points higher."}} tags=["hide-input"]
means = panel.pivot_table("severity", "month", "treated")
means.columns = ["no drug", "drug"]
figures.trends(
    means,
    treated="drug",
    control="no drug",
    start=5,
    xlabel="month",
    ylabel="mean severity, points",
)
plt.show()

# %% [markdown]
# *Figure 2. Severity falls in both groups; the drug hospitals are worse throughout and drop when the drug starts. Dotted: their path if they had moved in parallel.*

# %% [markdown]
# ## The trap
#
# Two comparisons suggest themselves. Either compare the two groups once the drug is in use, or compare the drug hospitals with their own past. **Guess first:** the truth is −2.28<!--upgrade-att:.2f-->. In which direction will each be off?
#
# For both, a hospital's months are first averaged to two numbers, before and after: months of one hospital resemble each other, and rows that resemble each other must not be counted as independent news (Bertrand et al., 2004).


# %%
def before_after(panel):
    columns = ["severity", "surgery", "frail", "upgraded"]
    kept = ["hospital", "treated", "post"]
    return panel.groupby(kept, as_index=False)[columns].mean()


# %%
two = before_after(panel)
after, treated = two.query("post == 1"), two.query("treated == 1")
after_only = difference_in_means(after, outcome="severity", treatment="treated")
own_change = smf.ols("severity ~ post", data=treated)

# %% mystnb={"code_prompt_show": "Show the clustered intervals and the table"} tags=["hide-input"]
ENTRIES = ["estimate", "std_error", "ci_low", "ci_high", "n"]


def by_hospital(model, term, groups):
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    low, high = fit.conf_int().loc[term]
    values = [fit.params[term], fit.bse[term], low, high, fit.nobs]
    return pd.Series(values, ENTRIES)


own_past = by_hospital(own_change, "post", treated["hospital"])
naive = pd.DataFrame([after_only, own_past])
naive.index = ["after, drug minus others", "drug hospitals, after minus before"]
tables.results(naive, "Two naive answers, in points; the ATT is −2.28.")

# %% [markdown]
# The first suggests, with a wide interval, that the drug makes patients worse. It compares hospitals under a heavier burden with others; in the population it gives 2.19<!--upgrade-raw-truth:.2f-->. The second says that the drug is much better than it is, for it credits the drug with the fall that happened everywhere; in the population, −3.88<!--upgrade-own-past-truth:.2f-->. More hospitals would make neither more true.

# %% [markdown]
# ## What must be true
#
# The estimand is the ATT: the mean effect of the drug on severity, over the hospitals that use it and the months in which they do. DiD compares the two groups' *changes*.
#
# > **Assumptions, and how each could fail**
# >
# > - **Parallel trends.** Without the drug, both groups' mean severity would have changed by the same amount. It fails if anything else changes in one group only: an upgrade, a drifting burden, another intake of patients.
# > - **No anticipation.** The months before are untouched by the drug to come. It fails if hospitals postpone admissions until the drug is there.
# > - **No interference.** One hospital's drug does not change another's severity. It fails if patients travel to the hospitals with the drug.
# > - **Hospitals are independent of one another**, for the interval. It fails if shocks hit all hospitals of one district.
#
# Parallel trends is a statement about *changes in points*; in logarithms it is another one (Exercise 2).
#
# What would the graph say? Adjusting for burden, equipment and intake would close every backdoor path:

# %%
ask = {"treatment": "drug", "outcome": "severity"}
for candidates in (["upgraded", "frail"], ["burden", "upgraded", "frail"]):
    print(identify.backdoor(graph, **ask, adjust_for=candidates))

# %% [markdown]
# The burden is not recorded, so this door stays open, and DiD is a way around it: a burden that weighs the same in every month drops out of a change. The equipment is another matter. If every hospital with the drug has it and no other does, adjusting for it leaves nothing to compare: the criterion is met and overlap is not.

# %% [markdown]
# ## The estimate
#
# Four means and three subtractions.

# %%
four = two.pivot_table("severity", "treated", "post")
four.columns = ["before", "after"]
four.index = ["no drug", "drug"]
four["change"] = four["after"] - four["before"]
four.loc["drug minus no drug"] = four.loc["drug"] - four.loc["no drug"]
tables.results(four, "Mean severity in points: the lower right is DiD.")

# %% [markdown]
# The same number is a coefficient, which brings a standard error along. It is clustered by hospital, the unit that got the grant or did not.

# %%
model = smf.ols("severity ~ treated * post", data=two)
regression = by_hospital(model, "treated:post", two["hospital"])
roles = {"unit": "hospital", "treated": "treated", "post": "post"}
recipe = two_by_two(two, outcome="severity", **roles)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
difference = pd.DataFrame([regression, recipe])
difference.index = ["DiD, statsmodels", "DiD, the recipe"]
tables.results(difference, "ATT of the drug in the hospitals that use it, in points.")

# %% [markdown]
# The gap of 3.02<!--upgrade-gap-before:.2f--> points that was there before is gone, without anybody having recorded where it came from. So the article is right: DiD cancels baseline differences.

# %% [markdown]
# ### The same month, new equipment
#
# Now let the grant also pay for new equipment, which lowers severity by 3 points whether or not the drug is in use. These are the same hospitals with the same shocks; only the equipment is added. It comes to all of the grant hospitals or to some, at once or later, or to the others as well. **Guess first:** if all get it at once, does DiD say −2.3, −3.8 or −5.3?


# %%
def with_equipment(**knobs):
    means = before_after(scenarios.hospital_upgrade(**knobs).sample(40, rng=2026))
    share = means[means["post"] == 1].groupby("treated")["upgraded"].mean()
    answer = two_by_two(means, outcome="severity", **roles)
    return share[1] - share[0], answer["estimate"]


# %%
full = {"upgrade_overlap": 1.0}
cases = {
    "no equipment": {},
    "half of the drug hospitals": {"upgrade_overlap": 0.5},
    "all, two months later": full | {"upgrade_delay": 2},
    "all, at once": full,
    "all hospitals of the region": full | {"upgrade_elsewhere": 1.0},
}
credit = [with_equipment(**knobs) for knobs in cases.values()]

# %% [markdown]
# The last column is computed without the equipment: the drug's estimate from above, plus the share of hospital-months with both, less the others', times −3.

# %%
credit = pd.DataFrame(credit, columns=["coincidence", "DiD"], index=list(cases))
credit["drug + coincidence × (−3)"] = recipe["estimate"] - 3 * credit["coincidence"]
tables.results(
    credit,
    "DiD in points. Coincidence: share of drug months with equipment, less the others'.",
)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-upgrade-credit"}, "image": {"alt": "DiD against the coincidence of equipment and drug. The points lie on a straight line from minus 2.2 at none to minus 5.2 at full coincidence, slope minus 3. A dashed horizontal line marks the ATT of minus 2.28."}} tags=["hide-input"]
_, ax = plt.subplots()
line = np.array([0.0, 1.0])
ax.plot(line, recipe["estimate"] - 3 * line, color=figures.NAIVE, zorder=1)
ax.axhline(world.truth["ATT"], color=figures.TRUTH, linestyle="--")
ax.annotate(
    f"ATT {world.truth['ATT']:.2f}".replace("-", "−"),
    (1, world.truth["ATT"]),
    xytext=(0, 4),
    textcoords="offset points",
    ha="right",
)
ax.plot(credit["coincidence"], credit["DiD"], "D", color=figures.NAIVE, mfc="white")
labels = {
    "none, or\nthe whole\nregion": (0, -10, -24, "left", "top"),
    "half of the drug hospitals": (1, 8, 3, "left", "bottom"),
    "all, two months later": (2, 8, -2, "left", "center"),
    "all, at once": (3, -10, 0, "right", "center"),
}
for label, (i, right, up, ha, va) in labels.items():
    place = {"xytext": (right, up), "textcoords": "offset points"}
    ax.annotate(label, credit.iloc[i, :2], ha=ha, va=va, **place)
ax.set_xlabel("coincidence of equipment and drug")
ax.set_ylabel("DiD, points")
plt.show()

# %% [markdown]
# *Figure 3. DiD is the drug's estimate plus the coincidence times the equipment's effect, exactly. It is right where the coincidence is zero.*
#
# So the credit is not split. Whatever is added to the drug hospitals' later months ends up in DiD in full: with all of them equipped at once, −3.000<!--upgrade-moved:.3f--> points on top, to the last digit. What counts is the *coincidence*. Equipment that comes later enters with the share of months in which it was there; equipment that comes to everybody cancels.
#
# In the population: $\text{DiD} = \text{ATT} + \text{coincidence} \times \text{effect of the equipment}$.

# %% [markdown]
# ### Does a check for collinearity help?
#
# The article advises to check features for collinearity before shipping. Take three cases: nobody recorded the equipment; it is a column, and all drug hospitals have it; it is a column, and half of them have it. We work with each hospital's change, after minus before. DiD is then the coefficient of `treated`, and a control enters as its change. For each case: how well does the other column predict the treatment ($R^2$, the number behind the variance inflation factor $1/(1 - R^2)$), and what does least squares say about the drug?


# %% mystnb={"code_prompt_show": "Show the regression in changes"} tags=["hide-input"]
def changes(means):
    first, last = (
        means[means["post"] == post].set_index("hospital") for post in (0, 1)
    )
    return (last - first).assign(treated=last["treated"])


def in_changes(data, controls=""):
    with warnings.catch_warnings(record=True) as said:
        model = smf.ols(f"severity ~ treated{controls}", data)
        fit = model.fit(cov_type="HC2", use_t=True)
    low, high = fit.conf_int().loc["treated"]
    values = [fit.params["treated"], fit.bse["treated"], low, high, fit.nobs]
    return pd.Series(values, ENTRIES), said


# %%
everyone = scenarios.hospital_upgrade(upgrade_overlap=1.0)
some = scenarios.hospital_upgrade(upgrade_overlap=0.5)
all_two = before_after(everyone.sample(40, rng=2026))
all_changes = changes(all_two)
half_changes = changes(before_after(some.sample(40, rng=2026)))
unrecorded, _ = in_changes(all_changes)
split, said = in_changes(all_changes, " + upgraded")
half, _ = in_changes(half_changes, " + upgraded")

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
checks = pd.DataFrame([unrecorded, split, half])[ENTRIES[:1]]
checks.columns = ["drug's coefficient"]
checks.index = [
    "not recorded, all have it",
    "recorded, all have it",
    "recorded, half have it",
]
checks["R² of the drug"] = [
    0.0,
    all_changes["treated"].corr(all_changes["upgraded"]) ** 2,
    half_changes["treated"].corr(half_changes["upgraded"]) ** 2,
]
tables.results(checks, "A check for collinearity, and what it would catch.")

# %% [markdown]
# In the first case the check is silent: there is no second column to be collinear with, and the estimate is wrong by 3 points. Collinearity is a relation between the columns you have; the trouble is a column you do not have.
#
# In the second case it rings, and here is the split that the article may have had in mind: the software shares the −5.24<!--upgrade-did-upgraded:.2f--> equally, −2.62<!--upgrade-split:.2f--> for each column. But this is no estimate. The two columns are one and the same, every division of the sum fits equally well, and the library picks, with a warning, the one with the smallest sum of squared coefficients. Record the equipment in percent instead of 0 and 1, and the credit moves:

# %%
percent = all_changes.assign(upgraded=100 * all_changes["upgraded"])
in_percent, said = in_changes(percent, " + upgraded")
print("statsmodels:", said[0].message)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
division = pd.Series(
    {
        "equipment as 0 and 1": split["estimate"],
        "equipment in percent": in_percent["estimate"],
    },
    name="drug's coefficient",
)
tables.results(division, "The same hospitals, the same fit; points.")

# %% [markdown]
# A number that depends on whether a column is in percent is not knowledge about hospitals. The recipe refuses instead:

# %%
try:
    two_by_two(all_two, outcome="severity", **roles, controls="upgraded")
except ValueError as refusal:
    print(refusal)

# %% [markdown]
# In the third case some drug hospitals have no equipment, the two columns differ, and least squares tells them apart: −2.25<!--upgrade-half-adjusted:.2f--> for the drug, with an interval from −3.03<!--upgrade-half-low:.2f--> to −1.47<!--upgrade-half-high:.2f-->. The $R^2$ is 0.29<!--upgrade-r2-half:.2f-->, and that is no reason to drop the column. A high but incomplete $R^2$ costs precision and biases nothing.

# %% [markdown]
# ### A third group
#
# The surgical departments of the same hospitals do not use the drug. They do use the equipment. So DiD on *their* severity is a placebo test on another outcome: it should be zero, and is not. And subtracting it takes the equipment out again. This is the triple difference (Gruber, 1994; Olden and Møen, 2022), and it needs no new code: it is DiD on the difference between the two departments.

# %%
all_two["gap"] = all_two["severity"] - all_two["surgery"]
measured = ["severity", "surgery", "gap"]
third = [two_by_two(all_two, outcome=column, **roles) for column in measured]
third = pd.DataFrame(third, ["DiD", "DiD on surgery", "triple difference"])
tables.results(third, "All drug hospitals got the equipment in the same month; points.")

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-upgrade-triple"}, "image": {"alt": "Three estimates with intervals against the ATT of minus 2.28. DiD lies near minus 5.2 and misses it, DiD on surgery near minus 3 and misses it, the triple difference at minus 2.2 covers it with the narrowest interval."}} tags=["hide-input"]
figures.estimates(
    third,
    truth={"ATT": everyone.truth["ATT"]},
    naive=["DiD", "DiD on surgery"],
    xlabel="change in severity, points",
    digits=2,
)
plt.show()

# %% [markdown]
# *Figure 4. DiD measures drug plus equipment, DiD on surgery the equipment, and their difference the drug.*
#
# The triple difference replaces one assumption by another: not that nothing else changed, but that whatever else changed did so equally in both departments. Neither implies the other. If the equipment helped surgery only, DiD would be right and the triple difference would say +0.72<!--upgrade-ddd-surgery:+.2f-->; if the medical department alone drifted, both would be off alike. Here it is also more precise than DiD, since the two departments share most of their hospital's shocks.
#
# A second control group does the same. In another region some hospitals bought the equipment without the grant. If their trends are parallel too, comparing drug hospitals with *those* leaves the drug:

# %%
bought_too = {"upgrade_overlap": 1.0, "upgrade_elsewhere": 0.6}
elsewhere = scenarios.hospital_upgrade(**bought_too).sample(40, rng=2026)
bought = elsewhere.groupby("hospital")["upgraded"].transform("max") == 1
rows = [before_after(elsewhere), before_after(elsewhere[bought])]
second = [two_by_two(some, outcome="severity", **roles) for some in rows]

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
second = pd.DataFrame(second, ["against all others", "against others with equipment"])
tables.results(second, "DiD in a region where others bought it too; points.")

# %% [markdown]
# ## Try to break it
#
# ### Month by month
#
# An event study estimates the gap in every month, relative to the last month before the drug. Let the equipment arrive two months after the drug:

# %%
columns = {"outcome": "severity", "unit": "hospital", "time": "month"}
timing = columns | {"treated": "treated", "first_treated_time": 5}
later = scenarios.hospital_upgrade(upgrade_overlap=1.0, upgrade_delay=2)
later_study = event_study(later.sample(40, rng=2026), **timing)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-upgrade-events"}, "image": {"alt": "Event study. Before the start the estimates scatter around zero within their intervals. From the start on they are minus 2.0 and minus 2.5, then near minus 5 in the two months with the equipment; the dashed true effect of the drug is minus 2.28 from the start on."}} tags=["hide-input"]
ax = figures.event_study(
    later_study,
    truth={k: world.truth["ATT"] * (k >= 0) for k in range(-4, 4)},
    xlabel="months since the drug started",
    ylabel="difference in severity, points",
)
plt.show()

# %% [markdown]
# *Figure 5. Equipment that comes later shows as a second step. Dashed: the drug's effect.*
#
# A late arrival shows as a second step (as would a drug that gains strength), and the months before it can be used alone. An arrival in the same month does not: there is only one step. Nor does the usual test help. The pre-trend test asks whether the groups moved in parallel *before*:

# %%
study = event_study(panel, **timing)
all_study = event_study(everyone.sample(40, rng=2026), **timing)
studies = {"no equipment": study, "all, at once": all_study}
studies["all, two months later"] = later_study
tests = pd.DataFrame({name: pretrend_test(s) for name, s in studies.items()}).T

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
tests["statistic"] = tests["statistic"].astype(float)
tests["p-value"] = tests.pop("p_value").astype(float)
tables.results(
    tests[["distribution", "statistic", "p-value"]],
    "Test that the groups moved in parallel in months 1 to 4.",
)

# %% [markdown]
# The three tests agree to the digit, for the equipment changes nothing in months 1 to 4. Passing this test is no evidence against something that begins with the treatment.
#
# It is weak evidence even against what does show before; [More counties, more quarters](more_counties_did.ipynb) takes that apart. Let the burden's weight drift here, so that the groups move apart by a fixed amount each month. A drift that biases DiD by two of its standard errors, so that its 95% interval covers in only 48%<!--upgrade-cover-did:.0%--> of regions (its error known), is caught in 13%<!--upgrade-power-did:.0%-->; Exercise 4 has the others.
#
# [See it move](../book/see_it_move.md): turn the drift, and the size of the region.
#
# Nor do honest bounds set by the past (Rambachan and Roth, 2023) foresee the equipment. The sign of the average effect survives monthly steps away from parallel of up to 0.70<!--upgrade-breakdown:.2f--> times the largest one seen before, which was 0.47<!--upgrade-largest-step:.2f--> points. The equipment is a step of 3 points, 6.4<!--upgrade-step-ratio:.1f--> times that. Whether something of that size came in month 5 is a question for the hospitals' purchasing departments, not for the data.

# %% [markdown]
# ### Other patients
#
# Let referrals change with the grant: 10 percentage points fewer frail patients in the drug hospitals from month 5 on. The department's mean falls by one point because other people lie in the beds. Where the intake is recorded it can be adjusted for. It also varies from month to month within a hospital, and that is what tells its weight; so we use the months as they are, with an intercept for each hospital and each month (two-way fixed effects, which is DiD where all start in the same month):

# %%
mixed = scenarios.hospital_upgrade(composition_change=-10.0)
mixed_panel = mixed.sample(40, rng=2026)
within = "severity ~ C(hospital) + C(month) + drug"
fits = [smf.ols(within + extra, mixed_panel) for extra in ("", " + frail")]
composition = [by_hospital(fit, "drug", mixed_panel["hospital"]) for fit in fits]

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
composition = pd.DataFrame(
    composition, index=["DiD", "DiD, share of frail patients held fixed"]
)
tables.results(
    composition,
    "With another intake of patients; points. The intercepts count as parameters, which makes the errors 6% larger than those of the means.",
)

# %% [markdown]
# The first estimate has moved by one point, exactly, from what the same hospitals gave without the change. The second is −2.45<!--upgrade-mixed-adjusted:.2f-->, near the ATT of −2.28<!--upgrade-att:.2f-->. The intake may be adjusted for if the drug does not change who is admitted; here the grant changes it. If the drug attracted referrals, intake would be a consequence of the treatment, and holding it fixed would compare different patients.

# %% [markdown]
# ### Two hospitals, or ten
#
# The article's example has two hospitals. With one in each group DiD is still a number, but nothing in its four means says how far that number would move by chance. The recipe refuses to print a standard error:

# %%
first = two.groupby("treated")["hospital"].first()
pair = two[two["hospital"].isin(first)]
try:
    two_by_two(pair, outcome="severity", **roles)
except ValueError as refusal:
    print(str(refusal).partition(":")[0])

# %% mystnb={"code_prompt_show": "Show all pairs of hospitals"} tags=["hide-input"]
moves = changes(two).groupby("treated")["severity"].apply(np.array)
pairs = np.subtract.outer(moves[1], moves[0]).ravel()
low, high = np.quantile(pairs, [0.05, 0.95])
spread_of_pairs = pd.Series(
    {"pairs": len(pairs), "5% below": low, "95% below": high}, name="DiD"
)
tables.results(spread_of_pairs, "DiD over all pairs of hospitals, in points.")

# %% [markdown]
# Our 40 hospitals make 400 such pairs, and nine in ten of them answer between −4.2<!--upgrade-pair-low:.1f--> and −0.2<!--upgrade-pair-high:.1f-->.
#
# With ten hospitals there is a standard error, and it is easily too small. We take a drug that does *nothing* and ask how often each method finds an effect at the 5% level, when five of the ten hospitals use it, and when only two do.


# %% mystnb={"code_prompt_show": "Show the five tests and their false alarms"} tags=["hide-input"]
null = scenarios.hospital_upgrade(drug_effect=0.0, drug_by_burden=0.0)
hospitals = null.model.sample(160_000, rng=12)
by_month = hospitals[[f"severity_{month}" for month in range(1, 9)]].to_numpy()
arms = [by_month[hospitals["grant"] == grant] for grant in (0, 1)]
# The first sign stays: turning all ten at once changes no size.
signs = np.array(list(itertools.product([1], *[[1, -1]] * 9)))


def regions_of(treated, number):
    """Return severity by region, hospital and month, the treated hospitals first."""
    sizes = [(arms[1], treated), (arms[0], 10 - treated)]
    return np.hstack([arm[: number * n].reshape(number, n, 8) for arm, n in sizes])


def did_and_error(changes, treated):
    """Return DiD and its clustered standard error from ten hospitals' changes."""
    groups = changes[..., :treated], changes[..., treated:]
    variance = sum(group.var(axis=-1) / group.shape[-1] for group in groups)
    gap = groups[0].mean(axis=-1) - groups[1].mean(axis=-1)
    return gap, np.sqrt(10 / 9 * 19 / 16 * variance)


def p_by_rows(severity, changes, treated):
    """Return the p-value with an intercept for each hospital and month, rows independent."""
    within = severity - severity.mean(axis=2, keepdims=True)
    within = within - within.mean(axis=1, keepdims=True)
    gap, weight = did_and_error(changes, treated)[0], 2 * treated * (10 - treated) / 10
    left = (within**2).sum(axis=(1, 2)) - gap**2 * weight
    return 2 * stats.t.sf(abs(gap) / np.sqrt(left / 62 / weight), 62)


def p_by_signs(changes, treated):
    """Return the p-value of the wild cluster bootstrap, null imposed, over all signs."""
    ratio = np.divide(*did_and_error(changes, treated))
    centred = changes - changes.mean(axis=1, keepdims=True)
    drawn = [np.divide(*did_and_error(row * signs, treated)) for row in centred]
    return (abs(np.array(drawn)) >= abs(ratio)[:, None] - 1e-9).mean(axis=1)


def false_alarms(treated, number=10_000):
    severity = regions_of(treated, number)
    changes = severity[..., 4:].mean(axis=2) - severity[..., :4].mean(axis=2)
    t = abs(np.divide(*did_and_error(changes, treated)))
    p_values = {
        "each month independent": p_by_rows(severity, changes, treated),
        "clustered, normal quantiles": 2 * stats.norm.sf(t),
        "clustered, t with 9 degrees": 2 * stats.t.sf(t, 9),
        "wild bootstrap": p_by_signs(changes[:6_000], treated),
    }
    alarms = pd.Series({name: np.mean(p <= 0.05) for name, p in p_values.items()})
    alarms["randomization over hospitals"] = int(0.05 * comb(10, treated)) / comb(
        10, treated
    )
    return alarms


alarms = pd.DataFrame({"5 of 10": false_alarms(5), "2 of 10": false_alarms(2)})
tables.results(
    alarms,
    "Chance that a useless drug is found to have an effect, ten hospitals. Monte Carlo errors at most 0.004; the last row is exact.",
)

# %% [markdown]
# Treating every hospital-month as independent news raises a false alarm in about one region of six, in both designs. Clustering with normal quantiles still does in 8%<!--upgrade-alarm-normal-five:.0%--> with five against five; with t quantiles the rate is 5%<!--upgrade-alarm-t-five:.0%-->. With two treated hospitals neither helps (19%<!--upgrade-alarm-normal-two:.0%--> and 14%<!--upgrade-alarm-t-two:.0%-->): a variance estimated from two hospitals is a poor one. The wild bootstrap errs in the other direction there (below 2%), and so also misses more real effects (MacKinnon and Webb, 2017). The randomization test, which asks how often another choice of treated hospitals would have shown as much, keeps its level in both, provided that any of the hospitals might as well have been the treated ones, as far as changes in severity go (Conley and Taber, 2011; MacKinnon and Webb, 2020).
#
# All this counts hospitals as independent. A shock common to all drug hospitals is invisible to every row of the table, and to any number of hospitals (Donald and Lang, 2007). How large would it have to be, were each group hit by one of its own in each period?

# %%
limit = shock_breakdown(recipe)
tables.results(
    limit.rename("value"),
    "Common shock (standard deviation, points) at which the sign of DiD is lost.",
)

# %% [markdown]
# The equipment, 3 points in one group and period, is 5.6<!--upgrade-shock-ratio:.1f--> such standard deviations.

# %% [markdown]
# ## The decision
#
# The ministry asks about the hospitals that do *not* have the drug. Replay them in the world of the coincident upgrade: the same hospitals, the same shocks, with the drug, with the equipment, or with both. A drug month costs 75 thousand euros, an equipment month 60, and a point is worth 25.

# %%
units = everyone.model.sample(20_000, rng=4)
without = units[units["grant"] == 0]
actions = {"drug": {"drug": 1}, "equipment": {"upgraded": 1}}
actions["both"] = actions["drug"] | actions["equipment"]
replayed = {
    name: everyone.model.imagine(without, rng=0, **do)["severity"].mean()
    for name, do in actions.items()
}
points = without["severity"].mean() - pd.Series(replayed)

# %% [markdown]
# Beside what each action would really bring we put what DiD promises for the drug.

# %%
plan = pd.DataFrame({"points gained": points, "cost": [75, 60, 135]})
plan.loc["drug, as DiD promises"] = [-third["estimate"].iloc[0], 75]
plan["value"] = 25 * plan["points gained"]
plan["net"] = plan["value"] - plan["cost"]
tables.results(
    plan.astype(float),
    "Per hospital and month; money in thousand euros.",
    digits=2,
)

# %% [markdown]
# DiD promises a gain of 56<!--upgrade-net-promised:.0f--> thousand euros per hospital and month from the drug. The drug loses 32<!--upgrade-net-drug-loss:.0f-->. The equipment, which the analysis never mentioned, is what pays. And note a second step: even a perfect ATT (2.28<!--upgrade-att-size:.2f-->) is not what these hospitals would get (1.72<!--upgrade-atu-size:.2f-->), because the drug does most where the burden is heaviest, and there it mostly is already.

# %% [markdown]
# ## Many worlds
#
# First the world without equipment: 200 fresh regions of 40 hospitals, DiD clustered by hospital against a regression that counts every hospital-month as independent.


# %% mystnb={"code_prompt_show": "Show the analyses, each a formula of the hospitals' means"} tags=["hide-input"]
def halves(sample, column="severity"):
    """Return who is treated, and each hospital's mean before and after."""
    by_month = sample[column].to_numpy().reshape(-1, 8)
    drug = sample["treated"].to_numpy().reshape(-1, 8)[:, 0] == 1
    return drug, by_month[:, :4].mean(axis=1), by_month[:, 4:].mean(axis=1)


def answer(estimate, variance, df):
    margin = stats.t.ppf(0.975, df) * np.sqrt(variance)
    return {
        "estimate": estimate,
        "ci_low": estimate - margin,
        "ci_high": estimate + margin,
    }


def did(drug, change):
    """Return what two_by_two does, as a difference of mean changes."""
    arms, n = [change[drug], change[~drug]], len(change)
    variance = sum(arm.var() / len(arm) for arm in arms)
    scale = n / (n - 1) * (2 * n - 1) / (2 * n - 4)
    return answer(arms[0].mean() - arms[1].mean(), scale * variance, n - 1)


def clustered(sample):
    drug, before, after = halves(sample)
    return did(drug, after - before)


def triple(sample):
    drug, before, after = halves(
        sample.assign(gap=sample["severity"] - sample["surgery"]), "gap"
    )
    return did(drug, after - before)


def net_of_means(sample, column):
    wide = sample[column].to_numpy(float).reshape(-1, 8)
    wide = wide - wide.mean(axis=1, keepdims=True)
    return wide - wide.mean(axis=0)


def rows_independent(sample):
    d, y = (net_of_means(sample, column) for column in ("drug", "severity"))
    estimate, freedom = (d * y).sum() / (d * d).sum(), y.size - sum(y.shape)
    left = ((y - estimate * d) ** 2).sum() / freedom
    return answer(estimate, left / (d * d).sum(), freedom)


def own_past_only(sample):
    drug, before, after = halves(sample)
    change, n = (after - before)[drug], drug.sum()
    scale = n / (n - 1) * (2 * n - 1) / (2 * n - 2)
    return answer(change.mean(), scale * change.var() / n, n - 1)


def after_the_start(sample):
    rows = sample[["treated", "severity"]].iloc[::8].assign(severity=halves(sample)[2])
    return difference_in_means(rows, outcome="severity", treatment="treated")


# %% [markdown]
# Then the world with the coincident upgrade, for DiD and the triple difference.

# %%
setting = {"n": 40, "replications": 200, "rng": 31, "estimand": "ATT"}
plain = {
    "after, drug minus others": after_the_start,
    "after minus before": own_past_only,
    "DiD": clustered,
    "DiD, each month independent": rows_independent,
}
polluted = {"DiD": clustered, "triple difference": triple}
quiet = replicate(world, plain, **setting)
loud = replicate(everyone, polluted, **setting)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
worlds = pd.concat({"no equipment": quiet, "equipment at once": loud})
worlds.index.names = ["", ""]
shown = ["bias", "bias_error", "rmse", "coverage", "coverage_error"]
tables.results(worlds[shown], "200 regions of 40 hospitals against the exact ATT.")

# %% [markdown]
# Where trends are parallel, the clustered interval covers about as often as it promises; the same estimate with months counted as independent covers in 84%<!--upgrade-rows-coverage:.0%--> of regions, give or take 3%<!--upgrade-rows-coverage-error:.0%-->. With the equipment DiD is off by 3 points and its interval covers in none. It is a good interval for the wrong quantity.

# %% [markdown]
# ## Take it with you
#
# The recipes are single files that need numpy, pandas and scipy:
#
# ```bash
# .venv/bin/casestudies copy difference_in_differences pretrends honest_bounds few_clusters
# ```
#
# Here on real data. In July 2011 California changed the question that is put to people about organ donation; 26 other states did not. The table, from Huntington-Klein (2021), has the share of registered donors in 27 states over six quarters, and that book reports a DiD of −0.022 with a standard error of 0.006, clustered by state.

# %%
donors = organ_donations.load_pandas().data
donors["california"] = (donors["State"] == "California").astype(int)
donors["after"] = (donors["Quarter_Num"] >= 4).astype(int)
states = donors.groupby(["State", "california", "after"], as_index=False)["Rate"].mean()
yours = {"outcome": "Rate", "unit": "State", "treated": "california", "post": "after"}
test = randomization_over_units(states, **yours, rng=0)
print(test.to_string())

# %% [markdown]
# One state is treated. A clustered standard error then counts California's own shocks as none, which is why `two_by_two` refuses here. The estimate is the published one; but moving the label to each other state in turn shows that 5<!--upgrade-donors-as-large:.0f--> of the 27, California included, changed by as much relative to the rest, p = 0.19<!--upgrade-donors-p:.2f-->. This treats the states as exchangeable, and they are not: within the quarters before, and within those after, California's rate moves less than that of all but two others. Scaled by each state's own such noise its change ranks fourth of 27, p = 0.15<!--upgrade-donors-p-scaled:.2f-->; with the rates first taken relative to the mean of the states, second, p = 0.07<!--upgrade-donors-p-relative:.2f--> (MacKinnon and Webb, 2020; Ferman and Pinto, 2019).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. A third department that is not quite alike
#
# Suppose the equipment does half as much for surgery as for the medical department (`scenarios.hospital_upgrade(upgrade_overlap=1.0, upgrade_on_surgery=0.5)`). What does the triple difference converge to, and what would you have to know to correct it?
#
# <details>
# <summary>Solution</summary>
#
# DiD is ATT − 3, DiD on surgery is −1.5, so the triple difference is ATT − 1.5, −3.78<!--upgrade-ddd-weaker:.2f-->; see that world's `truth["triple difference"]`. If κ is surgery's gain from the equipment over the medical department's, DiD − (DiD on surgery) / κ is the ATT. The ratio κ cannot be learned from these data: drug and equipment arrive together. It would have to come from hospitals that bought the equipment alone.
#
# </details>
#
# ### Exercise 2. Levels or logarithms
#
# Take `scenarios.hospital_upgrade(burden_effect=2.0)` with 20,000 hospitals, and run `event_study` once on severity and once on its logarithm. Trends before the start are parallel in one of the two only. Which, and why?
#
# <details>
# <summary>Solution</summary>
#
# In levels. Both groups lose 0.4 points a month, and a loss of 0.4 is a larger *share* of a lower level; so in logarithms the less burdened hospitals fall faster, and the estimates before the start are below zero, more so the earlier the month. Parallel trends is an assumption about one scale, and the scale has to be argued from how the outcome moves (Roth and Sant'Anna, 2023).
#
# </details>
#
# ### Exercise 3. Hospitals that start at different times
#
# Open-ended. Join two regions with different starts, `scenarios.hospital_upgrade(start=4)` and `scenarios.hospital_upgrade(start=6)`, to one table with a column that holds each hospital's first month with the drug (0 for never). Let the effect grow: subtract half a point for each month since a hospital's start. Compare a regression with hospital and month intercepts (two-way fixed effects) with `overall_att` of the recipe `staggered_adoption`, over many samples. Which one is off, and in which direction?
#
# <details>
# <summary>Solution</summary>
#
# A start: `early = scenarios.hospital_upgrade(start=4).sample(60, rng=1)`, the same for `late` with its hospital numbers raised by 60, then `both = pd.concat([early, late])` with `first = treated × start`. With a growing effect, two-way fixed effects uses the early starters as a comparison for the late ones, although their severity is still falling because of the drug (Goodman-Bacon, 2021); it understates the ATT: in the limit it gives −2.86 for −3.09. `overall_att` compares with hospitals not yet treated only (Callaway and Sant'Anna, 2021). With the same effect in every month after the start the two would nearly agree: the trouble is not staggered starts as such.
#
# </details>
#
# ### Exercise 4. What the test before would catch
#
# Two estimates are at stake, and they differ: DiD, which uses all four months before, and the average of the event study, which uses the last one only. With `drifting_event_study` and `drifting_did` of `casestudies.sampling.closed_forms`, find the drifts that bias the one and the other by two of its standard errors. How often does the test before catch each, and how often does DiD then cover?
#
# <details>
# <summary>Solution</summary>
#
# The cell below solves for the drifts; nothing need be sampled, for the covariance is known. The drift that biases DiD by two of its errors is caught in 13%<!--upgrade-power-did:.0%--> of regions. The one that biases the average of the event study by two of its (larger) errors is nearly twice as steep: it is caught in 31%<!--upgrade-power-average:.0%-->, and DiD then covers in 13%<!--upgrade-cover-average:.0%-->. Hotelling's test, which estimates the covariance from 40 hospitals, catches a little less, 12%<!--upgrade-power-did-estimated:.0%--> and 28%<!--upgrade-power-average-estimated:.0%-->; `pretrend_power`, which takes our one sample's covariance for the true one, says 36%<!--upgrade-power:.0%--> for two of its errors. Where the error of DiD is estimated as well, its interval is a little longer and covers in 51% and 15%.
#
# </details>


# %% jupyter={"source_hidden": true} mystnb={"code_prompt_show": "Show the code of the solution"} tags=["hide-cell"]
def drift_of_two_errors(weights, bias):
    """Return the monthly drift that biases a weighted event study by two standard errors."""

    def excess(drift):
        study = drifting_event_study(drift=drift, hospitals=40)
        covariance = pd.DataFrame(study.attrs["covariance"])
        return bias * drift - 2 * np.sqrt(weights @ covariance.to_numpy() @ weights)

    return optimize.brentq(excess, 0.01, 2)


def is_caught(drift):
    known = drifting_did(drift=drift, hospitals=40)[["coverage", "power"]]
    study = drifting_event_study(drift=drift, hospitals=40)
    study.attrs["df"] = 39
    power = pretrend_power(study, slopes=[drift])["power"].iloc[0]
    return pd.Series([drift, *known, power], ["drift", "DiD covers", *CAUGHT])


CAUGHT = ["caught, covariance known", "caught, 40 hospitals"]
spread = (world.truth["ATT"] - world.truth["ATU"]) / -0.5
drifts = {
    "two errors of DiD": drift_of_two_errors(np.repeat([-0.25, 0.25], [3, 4]), 4.0),
    "two errors of the average": drift_of_two_errors(np.repeat([0, 0.25], [3, 4]), 2.5),
    "the weight drifts by 0.25": 0.25 * spread,
}
noticed = pd.DataFrame({name: is_caught(drift) for name, drift in drifts.items()}).T
tables.results(
    noticed,
    "Drifts, how often DiD covers if its error is known, and how often the test sees them.",
)

# %% [markdown]
# ## What the document says
#
# The claims of "We Need to Talk about Causal ML" (Anonymous, n.d.) on difference-in-differences, with the verdict of this chapter.
#
# <details>
# <summary>Claims of “We Need to Talk about Causal ML” on DiD, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | DiD cancels out baseline differences between the groups. | holds | A gap of 3.02<!--upgrade-gap-before:.2f--> points before the start drops out: −2.24<!--upgrade-did:.2f--> against an ATT of −2.28<!--upgrade-att:.2f-->, nothing recorded about its cause. |
# | It does so for hidden factors that do not change over time. | holds in part | The factor's weight must not change either: the same fixed burden with a drifting weight of 0.25 points a month biases DiD by 1.12<!--upgrade-drift-bias:.2f-->, and the test before catches it in 27%<!--upgrade-caught:.0%--> of regions. |
# | Any additional change in the treated group is the causal effect. | holds in part | Of everything that changed there: −5.24<!--upgrade-did-upgraded:.2f--> with the equipment, −3.24<!--upgrade-mixed:.2f--> with another intake, against −2.28<!--upgrade-att:.2f-->. |
# | If equipment is upgraded at the same time, DiD will split the credit. | does not hold | It adds up: the estimate moves by −3.000<!--upgrade-moved:.3f-->, the whole effect of the equipment, and all goes to the drug. An equal split appears only if both are columns, and changes with their unit. |
# | The estimate is then polluted. | holds | A bias of −3.00<!--upgrade-polluted-bias:.2f--> points; the 95% interval covers in 0%<!--upgrade-polluted-coverage:.0%--> of 200 regions. |
# | Check for collinearity before shipping. | holds in part | It rings if the upgrade is a column that coincides with the drug. Unrecorded, R² is zero and the bias 3 points. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
power = pretrend_power(study)
bounds = trend_bounds(study, relative_magnitudes=[0], smoothness=[])
bounds = bounds.loc["relative magnitudes"]
breakdown = trend_breakdown(study)
weaker = scenarios.hospital_upgrade(upgrade_overlap=1.0, upgrade_on_surgery=0.5)
surgery_only = scenarios.hospital_upgrade(
    upgrade_overlap=1.0, upgrade_effect=-3e-9, upgrade_on_surgery=1e9
)
largest = study.loc[:-1, "estimate"].diff().abs().max()
adjusted = composition.iloc[1]
runs = {
    "did": worlds.loc[("no equipment", "DiD")],
    "ddd": worlds.loc[("equipment at once", "triple difference")],
    "polluted": worlds.loc[("equipment at once", "DiD")],
    "rows": worlds.loc[("no equipment", "DiD, each month independent")],
}
rates = donors.pivot_table("Rate", "State", "Quarter_Num")


def share_as_large(rates):
    """Return the share of states that changed as much as California, by their own noise."""
    first, last = rates.loc[:, :3], rates.loc[:, 4:]
    change = last.mean(axis=1) - first.mean(axis=1)
    noise = np.sqrt(first.var(axis=1) + last.var(axis=1))
    scaled = abs(change - change.mean()) / noise
    return (scaled >= scaled["California"]).mean()


numbers = {
    "upgrade-raw": after_only["estimate"],
    "upgrade-own-past": own_past["estimate"],
    "upgrade-raw-truth": world.truth["raw difference"],
    "upgrade-own-past-truth": world.truth["before-after change"],
    "upgrade-att": world.truth["ATT"],
    "upgrade-att-size": -world.truth["ATT"],
    "upgrade-atu": world.truth["ATU"],
    "upgrade-atu-size": -world.truth["ATU"],
    "upgrade-did": recipe["estimate"],
    "upgrade-did-low": recipe["ci_low"],
    "upgrade-did-high": recipe["ci_high"],
    "upgrade-gap-before": four.loc["drug minus no drug", "before"],
    **{
        f"upgrade-credit-{key}": credit.loc[case, "DiD"]
        for key, case in zip(["half", "later", "all"], list(cases)[1:4], strict=True)
    },
    "upgrade-overlap-half": credit["coincidence"].iloc[1],
    "upgrade-moved": credit["DiD"].iloc[3] - credit["DiD"].iloc[0],
    "upgrade-r2-half": checks.iloc[2, 1],
    "upgrade-split": split["estimate"],
    "upgrade-half-adjusted": half["estimate"],
    "upgrade-half-low": half["ci_low"],
    "upgrade-half-high": half["ci_high"],
    "upgrade-did-upgraded": third["estimate"].iloc[0],
    "upgrade-placebo": third["estimate"].iloc[1],
    "upgrade-ddd": third["estimate"].iloc[2],
    "upgrade-ddd-low": third["ci_low"].iloc[2],
    "upgrade-ddd-high": third["ci_high"].iloc[2],
    "upgrade-did-upgraded-truth": everyone.truth["DiD"],
    "upgrade-ddd-surgery": surgery_only.truth["triple difference"],
    "upgrade-ddd-weaker": weaker.truth["triple difference"],
    "upgrade-second": second["estimate"].iloc[1],
    "upgrade-pretrend-p": tests["p-value"].iloc[0],
    "upgrade-power": power["power"].iloc[2],
    **{
        f"upgrade-{key}-{which}": noticed.iloc[i][column]
        for i, which in enumerate(["did", "average"])
        for key, column in {"power": CAUGHT[0], "cover": "DiD covers"}.items()
    },
    "upgrade-power-did-estimated": noticed[CAUGHT[1]].iloc[0],
    "upgrade-power-average-estimated": noticed[CAUGHT[1]].iloc[1],
    "upgrade-caught": noticed[CAUGHT[1]].iloc[2],
    "upgrade-slope": 0.25 * spread,
    "upgrade-breakdown": breakdown["relative magnitudes"],
    "upgrade-breakdown-smooth": breakdown["smoothness"],
    "upgrade-largest-step": largest,
    "upgrade-step-ratio": 3 / largest,
    "upgrade-mixed": composition["estimate"].iloc[0],
    "upgrade-mixed-adjusted": adjusted["estimate"],
    "upgrade-pair-low": low,
    "upgrade-pair-high": high,
    **{
        f"upgrade-alarm-{short}-{key}": alarms.loc[name, design]
        for design, key in [("5 of 10", "five"), ("2 of 10", "two")]
        for name, short in zip(
            alarms.index, ["rows", "normal", "t", "wild", "moved"], strict=True
        )
    },
    "upgrade-shock": limit["shock_sd"],
    "upgrade-shock-ratio": 3 / limit["shock_sd"],
    "upgrade-net-drug": plan.loc["drug", "net"],
    "upgrade-net-equipment": plan.loc["equipment", "net"],
    "upgrade-net-promised": plan.iloc[3]["net"],
    "upgrade-net-drug-loss": -plan.loc["drug", "net"],
    **{
        f"upgrade-{key}{end}": row[part]
        for key, row in runs.items()
        for end, part in {"-bias": "bias", "-coverage": "coverage"}.items()
    },
    "upgrade-donors": test["statistic"],
    "upgrade-donors-p": test["p_value"],
    "upgrade-donors-as-large": 27 * test["p_value"],
    "upgrade-donors-p-scaled": share_as_large(rates),
    "upgrade-donors-p-relative": share_as_large(rates - rates.mean()),
    "upgrade-rows-coverage-error": runs["rows"]["coverage_error"],
    "upgrade-drift-bias": spread,
}
tables.store(
    numbers,
    alarms=alarms,
    bounds=bounds,
    breakdown=breakdown,
    checks=checks,
    composition=composition,
    credit=credit,
    difference=difference,
    division=division,
    four=four,
    half=half,
    later_study=later_study,
    limit=limit,
    means=means,
    naive=naive,
    noticed=noticed,
    pair=pair["treated"],
    plan=plan,
    power=power,
    recipe=recipe,
    second=second,
    split=split,
    spread=spread,
    test=test,
    tests=tests,
    third=third,
    unrecorded=unrecorded,
    worlds=worlds,
)
att, upgraded = world.truth["ATT"], everyone.truth["ATT"]
known = {
    "after, drug minus others": (after_only, "ATT", att, "this world", "exact truth"),
    "drug hospitals, after minus before": (own_past, "ATT", att, "this world", "exact truth"),
    "DiD": (recipe, "ATT", att, "this world", "exact truth"),
    "DiD, equipment at once": (third.iloc[0], "ATT", upgraded, "this world", "exact truth"),
    "the same, as drug plus equipment": (third.iloc[0], "ATT + equipment", everyone.truth["DiD"], "this world", "exact truth"),
    "triple difference, equipment at once": (third.iloc[2], "ATT", upgraded, "this world", "exact truth"),
    "second control group with equipment": (second.iloc[1], "ATT", upgraded, "this world", "exact truth"),
    "DiD, other patients": (composition.iloc[0], "ATT", mixed.truth["ATT"], "this world", "exact truth"),
    "DiD, frail patients held fixed": (composition.iloc[1], "ATT", mixed.truth["ATT"], "this world", "exact truth"),
}  # fmt: skip
tables.scoreboard(known, digits=2)
