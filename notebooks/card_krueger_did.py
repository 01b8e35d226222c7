# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Card and Krueger: a minimum wage on one side of the river
#
# **The question.** In April 1992 New Jersey raised its minimum wage from 4.25 to 5.05 dollars an hour, and Pennsylvania did not. What did the raise do to employment in New Jersey's fast-food stores?
#
# **The answer in short.** The change in New Jersey minus the change in Pennsylvania is 2.75<!--ck-did:.2f--> jobs a store in full-time equivalents, with a 95% interval from 0.19<!--ck-did-low:.2f--> to 5.32<!--ck-did-high:.2f-->. You will reproduce that figure and the tables around it (Card and Krueger, 1994) offline, 27 of 30 figures of its Table 3 to the last printed digit. Then you will see what the interval takes for granted: that nothing else hit one of the two states between two telephone surveys. A state-wide shock with a standard deviation of 0.25<!--ck-tau:.2f--> jobs a store, 1.2<!--ck-tau-percent:.1f-->% of a store's staff, is enough for the interval to reach zero, and data on two states cannot say how large such shocks are. The last part uses a simulated panel to show what more counties and more quarters buy, and where they mislead.
#
# The study is the classic case in two of our documents: AI/ML Explained (2026), which tells it, and "We Need to Talk about Causal ML" (Anonymous, n.d.), which explains the method.

# %% [markdown]
# ## The story
#
# In 1992 the textbook answer was clear. A wage set above the market's lowers employment, and surveys of the evidence up to then put a number on it: ten percent more on the minimum wage costs one to three percent of teenage jobs (Brown et al., 1982). New Jersey's raise was one of nearly nineteen percent. It had been enacted two years before, in better times; now there was a recession, and until the last weeks it was open whether it would come.
#
# The legislature decides about a wage floor; the stores decide whom to employ. A wrong answer is expensive in both directions: jobs lost to a law that was meant to help, or pay withheld for a harm that does not come.
#
# David Card and Alan Krueger called 410 fast-food stores, in New Jersey and just across the Delaware river in eastern Pennsylvania, shortly before the raise, and again in November and December.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from causaldata import castle
from linearmodels import PanelOLS
from scipy import stats

from casestudies import archives, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.difference_in_differences import (
    event_study,
    placebo,
    two_by_two,
)
from casestudies.recipes.few_clusters import shock_breakdown, shock_sensitivity
from casestudies.recipes.honest_bounds import trend_bounds, trend_breakdown
from casestudies.recipes.pretrends import pretrend_power, pretrend_test
from casestudies.recipes.staggered_adoption import (
    event_study as staggered_study,
)
from casestudies.recipes.staggered_adoption import group_time, overall_att
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# The survey comes with the package, in a form of its own: for 48 kinds of store (by state, chain, ownership and what is known about them) the package holds the number of stores and the means, variances and covariances of three measures, 4 kB in all. The rows below are synthetic and these cell moments are real. Every regression on variables that are constant within the cells therefore gives the survey's coefficients and standard errors.

# %%
stores = archives.card_krueger()
tables.results(
    stores.head().set_index("store"), "The first five of 410 stores.", digits=2
)

# %% [markdown]
# Employment is counted in full-time equivalents (FTE): full-time workers, plus managers, plus half the part-time workers. `wage_gap` is the raise that a store's starting wage needed to reach 5.05 dollars, as a proportion; it is zero in Pennsylvania. What became of the stores by the second interview:

# %%
interviews = pd.crosstab(stores["state"], stores["second_interview"])
both_waves = stores[["fte_before", "fte_after"]].notna().all(axis=1)
interviews["both employment figures"] = both_waves.groupby(stores["state"]).sum()
tables.results(interviews, "Stores by state and second interview.")

# %% [markdown]
# Six stores closed for good and count with zero employment; four were closed for a time. For 384 stores both figures are known.
#
# Write $Y_{it}(1)$ for the employment of store $i$ in wave $t$ if its state raises the minimum wage before wave 2, and $Y_{it}(0)$ if it does not. The estimand is the ATT, the mean effect on New Jersey's stores in wave 2:
#
# $$
# \text{ATT} = E[Y_{i2}(1) - Y_{i2}(0) \mid \text{NJ}].
# $$
#
# The second term, New Jersey without the raise, was never seen. A difference-in-differences supplies it from Pennsylvania. The equations behind it say that a store has a level of its own, that all stores share what changes between the waves, and that the raise adds its effect:
#
# $$
# Y_{i1} = S_i + \varepsilon_{i1}, \qquad
# Y_{i2} = S_i + \lambda + \theta\, D_i + \varepsilon_{i2}.
# $$
#
# Here is that graph, from a simulated world of two periods that you will meet again below. Politics decides who raises the wage and goes along with how large the employers are.

# %% mystnb={"figure": {"name": "fig-ck-graph"}, "image": {"alt": "Causal graph of a world of two periods: politics, not recorded, points to size and to the raise; size, not recorded, points to employment before and employment after; the raise points to employment after only."}}
two_periods = scenarios.minimum_wage_panel(periods=2, first_raises=(2,), shares=(0.5,))
names = {"first_raised": "raise"}
names |= {"employment_1": "jobs before", "employment_2": "jobs after"}
places = {"politics": (0, 0), "size": (1, 0.7), "first_raised": (1, -0.7)}
places |= {"employment_1": (2.2, 0.7), "employment_2": (2.2, -0.7)}
figures.causal_graph(
    two_periods.model.graph,
    treatment="first_raised",
    outcome="employment_2",
    hidden=["politics", "size"],
    labels=names,
    positions=places,
)
plt.show()

# %% [markdown]
# *Figure 1. Two periods. Size has the same arrow into both; the raise can only reach the second.*
#
# The path from the raise through politics and size to the jobs after is open, and size is not recorded. No adjustment set closes it. What rescues the analysis is not in the picture at all: size enters both periods with the *same* weight, so that a difference over time removes it. An arrow has no weight; this design rests on the equations.

# %% [markdown]
# ## The trap
#
# Two comparisons come to mind first. Look at both states after the raise, or look at New Jersey before and after.

# %%
new_jersey = stores["state"] == "New Jersey"
stores["nj"] = new_jersey.astype(int)
before, after = stores["fte_before"], stores["fte_after"]


def against(a, b):
    gap, error = a.mean() - b.mean(), np.hypot(a.sem(), b.sem())
    entries = ["estimate", "std_error", "ci_low", "ci_high"]
    ends = [gap - 1.96 * error, gap + 1.96 * error]
    return pd.Series([gap, error, *ends], entries)


# %% [markdown]
# New Jersey's own change is compared with no change, a column of zeros.

# %%
change, nothing = (after - before)[new_jersey].dropna(), pd.Series([0.0, 0.0])
naive = {
    "after: New Jersey − Pennsylvania": (after[new_jersey], after[~new_jersey]),
    "New Jersey: after − before": (change, nothing),
    "before: New Jersey − Pennsylvania": (
        before[new_jersey],
        before[~new_jersey],
    ),
}
naive = pd.DataFrame({name: against(*pair) for name, pair in naive.items()}).T
tables.results(naive, "Two tempting comparisons and a warning, in FTE a store.")

# %% [markdown]
# The first two are close to zero, and both answer another question. The third row shows why the first is no effect: before any raise New Jersey's stores were already smaller, by 2.89<!--ck-before-smaller:.2f--> jobs. The second row credits the raise with whatever else happened between February and November, and it was a recession.
#
# The document's own small example has the same trap in it. One group goes from 18 to 25, the other from 20 to 22. "After" the groups differ by 3, the first group changed by 7, and the answer will be 5.

# %% [markdown]
# ## What must be true
#
# > **Assumptions, and how each could fail**
# >
# > - **Parallel trends.** Without the raise, mean employment in New Jersey's stores would have changed by as much as in Pennsylvania's. It fails if the recession, or a new tax, hit one state harder.
# > - **No anticipation.** In February stores had not yet reacted. The raise had been law for two years; stores that hired less in advance would hide an effect. That it was contested until March speaks for the assumption.
# > - **No spill-over across the river.** Pennsylvania's stores were left untouched. It fails if customers or workers crossed over, and then Pennsylvania's change is no longer what New Jersey's would have been. The error can have either sign: customers who cross for cheaper meals raise Pennsylvania's employment, a wage that spreads lowers it.
# > - **Stable composition.** The stores counted after are those counted before. It fails if the raise closes stores and the closed ones drop out of the table.
#
# Which of these can two waves test? The first, on which everything rests, not at all: there is one period before the raise, hence no earlier trend to compare. The recipes of this book say so rather than print a number.

# %%
waves = {"fte_before": 0, "fte_after": 1}
ids = ["store", "state", "nj", "chain", "company_owned", "wages_known"]
survey = stores.melt(ids, list(waves), "wave", "fte").dropna(subset="fte")
survey["after"] = survey["wave"].map(waves)
balanced = survey[survey.groupby("store")["after"].transform("size") == 2]

question = {"outcome": "fte", "unit": "store", "time": "after", "treated": "nj"}
study = event_study(balanced, **question, first_treated_time=1)
for ask in (
    lambda: pretrend_test(study),
    lambda: placebo(balanced, **question, first_treated_time=1),
):
    try:
        ask()
    except ValueError as refusal:
        print(f"refused: {refusal}")

# %% [markdown]
# Anticipation cannot be tested either, for the same reason. Spill-over could be looked at by region, which is in the original file. Composition can be tested, and Table 3 below does it: all stores, only those seen twice, and the temporarily closed counted as empty give nearly the same answer.
#
# **What came after.** Neumark and Wascher (2000) went back to stores of the same chains with payroll records instead of telephone answers and found that employment had fallen in New Jersey relative to Pennsylvania; they also found that the survey's changes varied far more than the payrolls' did. Card and Krueger (2000) answered with the employment records that stores must file for unemployment insurance, and found changes too small and too uncertain to tell from none. Each side criticized the other's sample. Later work compared neighbouring counties along state borders all over the country, not along one, and over many years (Dube et al., 2010). The table of 1994 is right; whether its Pennsylvania is the right counterfactual is what the argument is about.

# %% [markdown]
# ## The estimate
#
# ### Two by two, four ways
#
# First the document's example. It gives one number a cell; to have something to estimate from, let each group be two stores whose means are the document's. Two of the four ways need no more than the rows as they are: the difference of differences of four means, by hand, and the regression with an interaction, which is the document's.

# %%
example = pd.DataFrame({"store": [1, 2, 3, 4] * 2, "nj": [1, 1, 0, 0] * 2})
example["after"] = [0] * 4 + [1] * 4
example["fte"] = [18, 18, 20, 20, 24, 26, 21, 23]


def by_hand(rows):
    mean = rows.groupby(["nj", "after"])["fte"].mean()
    return (mean[1, 1] - mean[1, 0]) - (mean[0, 1] - mean[0, 0])


def interaction(rows):
    return smf.ols("fte ~ nj * after", rows).fit().params["nj:after"]


# %% [markdown]
# The other two use that the same stores come twice. First differences regress each store's change on its state; two-way fixed effects give each store and each wave an intercept.


# %%
def first_differences(rows):
    wide = rows.pivot_table("fte", ["store", "nj"], "after")
    wide = wide.assign(change=wide[1] - wide[0]).reset_index()
    return smf.ols("change ~ nj", wide).fit().params["nj"]


def fixed_effects(rows):
    panel = rows.assign(did=rows["nj"] * rows["after"])
    panel = panel.set_index(["store", "after"])
    effects = {"entity_effects": True, "time_effects": True}
    return PanelOLS(panel["fte"], panel[["did"]], **effects).fit().params["did"]


# %%
four = [by_hand, interaction, first_differences, fixed_effects]
ways = pd.DataFrame(
    {
        "document's example": [way(example) for way in four],
        "survey": [way(balanced) for way in four],
    },
    index=[way.__name__.replace("_", " ") for way in four],
)
tables.results(
    ways, "The same two by two, four ways. Survey: the 384 stores seen twice."
)

# %% [markdown]
# They agree because they are one calculation. The regression with interaction has four coefficients for four cell means, so it fits them exactly, and the interaction is the difference of differences. With two periods, taking out each store's mean leaves plus and minus half its change; so fixed effects regress changes on the treatment, which is what first differences do, and a regression on one dummy is a difference of two means. The chain needs every store in both waves. On all 794 answers the interaction uses stores seen once as well, and fixed effects drop them: 2.754<!--ck-did:.3f--> against 2.750<!--ck-survey-fixed:.3f-->.
#
# They do not agree about the standard error, a topic of its own below. The document's four rows leave no choice at all: four numbers, four coefficients, nothing over to judge the error by. `PanelOLS` refuses them.

# %% [markdown]
# ### Table 3, 27 of 30 figures to the digit
#
# The published table gives means with their standard errors, state by state. A difference between states is a difference of independent samples, so its error is $\sqrt{se_1^2 + se_0^2}$.

# %%
closed_for_now = stores["second_interview"] == "temporarily closed"
stores["change"] = stores["fte_after"] - stores["fte_before"]
measures = {
    "before": stores["fte_before"],
    "after": stores["fte_after"],
    "change, seen twice": stores["change"],
    "change, closed for a time as 0": stores["change"].mask(
        closed_for_now, -stores["fte_before"]
    ),
}


def by_state(measure):
    state = measure.groupby(stores["nj"])
    mean, error = state.mean(), state.sem()
    return [*zip(mean, error, strict=True), (mean[1] - mean[0], np.hypot(*error))]


made = {row: by_state(measure) for row, measure in measures.items()}

# %% [markdown]
# One row is left: the change of the means, with all stores. Its figure is a subtraction, $21.027 - 20.439$ less $21.166 - 23.331$. Its error depends on how the two waves of a store move together, and the paper does not say how it was reckoned. All three printed errors come out if one takes a single correlation for both states: the one that is left after chain and ownership are accounted for.

# %%
seen_twice = stores[both_waves]
rest = [
    smf.ols(f"{wave} ~ nj + C(chain) + company_owned", seen_twice).fit().resid
    for wave in waves
]
rho = np.corrcoef(*rest)[0, 1]
first, second = (np.array(made[row]) for row in ("before", "after"))
step = second[:, 0] - first[:, 0]
errors = first[:2, 1] ** 2 + second[:2, 1] ** 2
errors = np.sqrt(errors - 2 * rho * first[:2, 1] * second[:2, 1])
errors = [*errors, np.hypot(*errors)]
made["change of the means"] = [*zip(step, errors, strict=True)]

# %% mystnb={"code_prompt_show": "Show the published figures"} tags=["hide-input"]
published = {
    "before": [(23.33, 1.35), (20.44, 0.51), (-2.89, 1.44)],
    "after": [(21.17, 0.94), (21.03, 0.52), (-0.14, 1.07)],
    "change of the means": [(-2.16, 1.25), (0.59, 0.54), (2.76, 1.36)],
    "change, seen twice": [(-2.28, 1.25), (0.47, 0.48), (2.75, 1.34)],
    "change, closed for a time as 0": [
        (-2.28, 1.25),
        (0.23, 0.49),
        (2.51, 1.35),
    ],
}
states = ["Pennsylvania", "New Jersey", "difference"]
index = pd.MultiIndex.from_product([published, states])
parts = ["estimate", "std_error"]
ours, theirs = (
    pd.DataFrame([pair for row in published for pair in rows[row]], index, parts)
    for rows in (made, published)
)
table_3 = ours.join(theirs.add_prefix("published_"))
table_3["estimate less published"] = ours["estimate"] - theirs["estimate"]
tables.results(table_3, "Table 3 of Card and Krueger (1994), FTE a store.")

# %% [markdown]
# Of these thirty figures 27 are the published ones within rounding, and three differ by one in the last digit. The paper's −2.16 and 1.07 are what its own rounded figures give; its 2.76 is neither their difference nor the unrounded 2.754<!--ck-t3-means-did:.3f-->. And the survey's headline is there. New Jersey's stores grew a little, Pennsylvania's shrank, and the difference is a *gain* for New Jersey. Most of it comes from Pennsylvania.

# %% [markdown]
# ### Table 4: regressions, and a second comparison
#
# Table 4 regresses the change on the state, with and without chain and ownership. It uses the 357 stores with employment and starting wages in both waves, the closed included. It also asks a sharper question: did stores that *needed* a larger raise change more? There the treatment is `wage_gap`.

# %%
sample = stores[(stores["wages_known"] == 1) & stores["change"].notna()]
formulas = {
    "i, NJ": "nj",
    "ii, NJ with controls": "nj + C(chain) + company_owned",
    "iii, gap": "wage_gap",
    "iv, gap with controls": "wage_gap + C(chain) + company_owned",
}

# %% [markdown]
# Each column is one regression with its conventional standard error, as in the paper.


# %%
def column_of(formula):
    treatment = formula.split(" + ")[0]
    fit = smf.ols(f"change ~ {formula}", sample).fit()
    low, high = fit.conf_int().loc[treatment]
    entries = ["estimate", "std_error", "ci_low", "ci_high", "n"]
    answer = [fit.params[treatment], fit.bse[treatment], low, high, fit.nobs]
    return pd.Series(answer, entries)


table_4 = pd.DataFrame({c: column_of(f) for c, f in formulas.items()}).T
table_4["published"] = [2.33, 2.30, 15.65, 14.92]
table_4["published std_error"] = [1.19, 1.20, 6.08, 6.21]
tables.results(table_4, "Table 4 of Card and Krueger (1994), FTE a store.")

# %% [markdown]
# A gap of 1 would be a doubled wage. New Jersey's stores needed 10.5<!--ck-mean-gap:.1f-->% on average, so column iii implies a gain of 1.65<!--ck-gap-implied:.2f--> jobs a store there.
#
# The paper's fifth column adds dummies for regions within the states, and prints 11.91 (7.39). It is the most interesting of the five. Regions absorb the states, so that what remains is a comparison of New Jersey's low-wage stores with New Jersey's high-wage stores, which no event common to a whole state can disturb. It is smaller, and its interval holds zero. The regions are in the original file only. Where that file is present, `archives.card_krueger(original=True)` reads it, and a test of the package runs the fifth column: its single region column gives 11.98 (7.42), because some of the survey's own dummies hold for the same store and the file's never do.

# %% [markdown]
# ### The picture

# %% mystnb={"figure": {"name": "fig-ck-lines"}, "image": {"alt": "Mean employment per store in February and November 1992. Pennsylvania falls from 23.3 to 21.2, New Jersey rises slightly from 20.4 to 21.0. The dotted line that New Jersey would have followed if parallel to Pennsylvania ends at 18.3; the gap of 2.75 between the two ends is the estimate."}} tags=["hide-input"]
means = pd.DataFrame(
    [first[:2, 0], second[:2, 0]], columns=["Pennsylvania", "New Jersey"]
)
ax = figures.trends(
    means,
    treated="New Jersey",
    control="Pennsylvania",
    start=1,
    xlabel="wave of the survey, 1992",
    ylabel="employment (FTE a store)",
)
ends = means.loc[1, "New Jersey"], means.loc[0, "New Jersey"] + step[0]
ax.annotate("", (0.97, ends[0]), (0.97, ends[1]), arrowprops={"arrowstyle": "<->"})
ax.annotate(f"{ends[0] - ends[1]:.2f}", (0.95, np.mean(ends)), ha="right")
ax.set_xticks([0, 1], ["February", "November"])
ax.set_xlim(-0.1, 1.05)
ax.set_ylim(17.6, 23.8)
plt.show()

# %% [markdown]
# *Figure 2. Two lines, the counterfactual and the gap. The dotted line is Pennsylvania's change, carried over to New Jersey's start.*
#
# Behind the two means are 384 changes, and they scatter widely: their standard deviation is 8.5<!--ck-sd-nj:.1f--> jobs in New Jersey and 10.9<!--ck-sd-pa:.1f--> in Pennsylvania, in stores of about twenty. That is what makes the error large. Means and spreads are the survey's; the shape of the histogram within a chain is drawn, since the moments do not hold it.

# %% mystnb={"figure": {"name": "fig-ck-changes"}, "image": {"alt": "Two panels. Above, histograms of the change in employment per store: both states centre near zero and reach from about minus 40 to plus 40 jobs. Below, mean change by chain with a bar of one standard deviation to each side: in three of four chains Pennsylvania's mean lies below New Jersey's, and most bars are many times as long as the difference between the states."}} tags=["hide-input"]
_, (top, bottom) = plt.subplots(2, 1, figsize=(5.6, 4.8), sharex=True)
looks = [
    (0, "Pennsylvania", figures.CONTROL, "o", "-"),
    (1, "New Jersey", figures.TREATED, "s", "--"),
]
bins = np.arange(-45, 46, 5)
for nj, state, colour, marker, dash in looks:
    some = stores[(stores["nj"] == nj) & both_waves]
    share = np.full(len(some), 100 / len(some))
    style = {"color": colour, "linestyle": dash}
    top.hist(some["change"], bins, weights=share, histtype="step", label=state, **style)
    chains = some.groupby("chain")["change"].agg(["mean", "std"])
    y = np.arange(4) + 0.15 - 0.3 * nj
    bottom.errorbar(
        chains["mean"], y, xerr=chains["std"], marker=marker, linestyle="", color=colour
    )
top.set_ylabel("stores (%)")
top.legend()
bottom.set_yticks(range(4), ["Burger King", "KFC", "Roy Rogers", "Wendy's"])
bottom.set_xlabel("change in employment (FTE a store)")
bottom.axvline(0, color=figures.HIDDEN, linewidth=0.8, zorder=0)
plt.show()

# %% [markdown]
# *Figure 3. Changes of employment from February to November. Above: 384 synthetic stores. Below: the survey's means, with a standard deviation to each side, by chain.*
#
# ### The recipe
#
# `two_by_two` is the regression with interaction, with the error clustered by the unit, the checks, and the degrees of freedom.

# %%
columns = {"outcome": "fte", "unit": "store", "treated": "nj", "post": "after"}
everybody = two_by_two(survey, **columns)
twice = two_by_two(balanced, **columns)
answers = pd.DataFrame([everybody, twice]).set_axis(
    ["all 794 answers", "384 stores seen twice"]
)
both = pd.concat([naive.iloc[:2], answers])
tables.results(
    both, "New Jersey's raise, in FTE a store; published 2.76 and 2.75.", digits=2
)

# %% mystnb={"figure": {"name": "fig-ck-estimates"}, "image": {"alt": "Four estimates with 95% intervals against the published 2.76. The comparison after the raise is near minus 0.1 and New Jersey's own change near 0.5; the two differences in differences lie on the published value, with intervals from just above zero to about 5.4."}}
figures.estimates(
    both,
    truth={"Table 3": 2.76},
    naive=list(naive.index),
    xlabel="change by the raise (FTE a store)",
    digits=2,
)
plt.show()

# %% [markdown]
# *Figure 4. The two naive comparisons, and the difference in differences, against the published figure.*
#
# ## Try to break it
#
# ### Which standard error?
#
# The same coefficient has as many standard errors as there are views of what is random. Four, for the regression on 794 answers:

# %%
model = smf.ols("fte ~ nj * after", survey)
fits = {
    "pooled, all answers independent": model.fit(),
    "robust to unequal variances": model.fit(cov_type="HC1"),
}
for level, groups in {"store": survey["store"], "state": survey["nj"]}.items():
    how = {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    fits[f"clustered by {level}"] = model.fit(**how)
errors = {view: fit.bse["nj:after"] for view, fit in fits.items()}
tables.results(
    pd.Series(errors, name="standard error"),
    "Four standard errors of the same 2.754 FTE a store.",
    digits=4,
)

# %% [markdown]
# - **Pooled** treats a store's two answers as two stores. They are alike, and a difference of alike things varies less than it believes.
# - **Robust** lets Pennsylvania's few stores vary more, and has the same fault.
# - **Clustered by store** lets a store's answers be related in any way (clustered standard error). It is the right one *if the stores are independent of one another*.
# - **Clustered by state** lets all stores of a state be related, as they are if something happens to the state. It prints 0.0000.
#
# The zero is an artefact of arithmetic. A clustered error is built from the sums of the residuals within each cluster. The regression fits each state's mean in each wave exactly, so these sums are zero, and a sum of zero looks like no variation at all. An error of zero from two clusters means that the data are silent about it. The recipe refuses to print one:

# %%
try:
    two_by_two(survey, **columns, cluster="state")
except ValueError as refusal:
    print(refusal)

# %% [markdown]
# ### A shock to a state
#
# The law was assigned to a state, and there are two of them. Donald and Lang (2007) make the consequence plain. Let each state and wave have a shock of its own, common to its stores, with standard deviation $\tau$. The error variance of the difference in differences is then
#
# $$
# se^2 + 4\tau^2,
# $$
#
# four shocks, two states times two waves, on top of the sampling of stores. More stores shrink the first term only. And $\tau$ cannot be estimated: with the shocks there are four state means and four coefficients, a state effect, a wave effect, the interaction and the constant, and no degrees of freedom are left over. With more states there would be: compare the changes of $H$ states, and an interval needs the quantile of a t distribution with $H - 2$ degrees.

# %%
H = np.array([2, 3, 4, 6, 10, 20, 50])
quantile = pd.Series(stats.t.ppf(0.975, H - 2), H).replace(np.nan, np.inf)
quantile = quantile.rename("multiplier").rename_axis("states").to_frame()
tables.results(
    quantile,
    "By how many standard errors a 95% interval reaches to each side, by the number of states.",
    digits=2,
)

# %% [markdown]
# At two states the multiplier is infinite. So the honest course is to turn the question round: how large a shock would overturn the answer?

# %%
tau = np.array([0, 0.1, 0.25, 0.5, 1.0, 2.0])
assumed = shock_sensitivity(everybody, shock_sds=tau)
critical = (assumed["ci_high"] - assumed["estimate"]) / assumed["std_error"]
assumed["coverage of the usual interval"] = 1 - 2 * stats.norm.sf(
    critical * everybody["std_error"] / assumed["std_error"]
)
lost = shock_breakdown(everybody)
tables.results(
    assumed.rename_axis("standard deviation"),
    "The answer if each state and wave had a shock of this size (FTE a store).",
)

# %% mystnb={"figure": {"name": "fig-ck-shock"}, "image": {"alt": "The 95% interval of the effect as a function of the assumed standard deviation of a shock to each state in each wave. At zero it runs from 0.19 to 5.32; its lower end reaches zero at 0.25 jobs a store and lies at minus 1.9 when the standard deviation is 1."}} tags=["hide-input"]
grid = np.linspace(0, 1.5, 61)
band = shock_sensitivity(everybody, shock_sds=grid)
_, ax = plt.subplots()
ax.fill_between(
    grid,
    band["ci_low"],
    band["ci_high"],
    color=figures.ESTIMATE,
    alpha=0.15,
    linewidth=0,
)
ax.plot(grid, band["estimate"], color=figures.ESTIMATE)
for end in ("ci_low", "ci_high"):
    ax.plot(grid, band[end], color=figures.ESTIMATE, linewidth=1)
ax.axhline(0, color=figures.HIDDEN, linewidth=0.8)
ax.axvline(lost["shock_sd"], color=figures.TREATED, linestyle=":")
text = f"sign lost at {lost['shock_sd']:.2f}"
ax.annotate(
    text, (lost["shock_sd"], -2.2), (6, 0), textcoords="offset points", va="center"
)
ax.set_xlabel("assumed sd of a state-by-wave shock (FTE a store)")
ax.set_ylabel("effect (FTE a store)")
plt.show()

# %% [markdown]
# *Figure 5. The conclusion as a function of what the data cannot show. The sign is lost at the dotted line.*
#
# The sign is lost at 0.252<!--ck-tau:.3f--> jobs a store. If shocks had a standard deviation of half a job, the usual interval would cover in 88%<!--ck-coverage-half:.0%--> of surveys; at one job, in 72%<!--ck-coverage-one:.0%-->. How large are they? There is one untreated change to look at, Pennsylvania's, and it is −2.2 jobs in nine months without any law, give or take 1.25<!--ck-t3-means-pa-se:.2f--> from the sampling of stores. Some of it will have been the recession, in both states alike. So it does not prove large shocks; but it does not let you rule out half a job.
#
# Here is how to say it: *the store-clustered error is conditional on no shock common to a state*.

# %% [markdown]
# ### Beyond two waves: a world with known truth
#
# More states and more periods help with both problems. To see how far, and where they mislead, you need a world in which the truth is known. In this one each county sets its own minimum wage, as some American counties do, so that counties are what is treated and what one clusters by. Employment $Y$ of a county in quarter $t$ is counted in hundreds of jobs:
#
# $$
# Y_t = S + 2\,(t - 1) + \text{drift} \cdot R\,(t - 1) + \theta_t + \varepsilon_t, \qquad \varepsilon_t \sim N(0, 1),
# $$
#
# with a size $S$ that nobody records, larger by 12 in counties that ever raise ($R = 1$), and a drift that is zero at first. The effect $\theta_t$ is ours to choose and says nothing about real minimum wages: the raise costs half a hundred jobs in its first quarter, and half a hundred more in each later one. We begin with half of the counties raising in quarter 5, the others never.

# %%
once = {"first_raises": (5,), "shares": (0.5,)}
calm = scenarios.minimum_wage_panel(**once)
counties = calm.sample(100, rng=11)
tables.results(
    counties.head().set_index("county"),
    "The first five of 1,200 rows: 100 counties, 12 quarters.",
    digits=1,
)

# %% [markdown]
# An event study estimates a difference in differences for every quarter, each against the last quarter before the raise. The estimates after it are effects; those before should be zero, and that is new: with several periods before, parallel trends has a consequence that can be seen.

# %% mystnb={"figure": {"name": "fig-ck-event"}, "image": {"alt": "Event study: three estimates before the raise whose intervals all hold zero, then effects that fall from about minus 0.3 in the first quarter to minus 3.9 in the eighth, close to the dashed line of the truth, which falls from minus 0.5 to minus 4."}}
panel = {"outcome": "employment", "unit": "county", "time": "quarter"}
design = {**panel, "treated": "adopter", "first_treated_time": 5}
study = event_study(counties, **design)
truth = {e: calm.truth[f"ATT(e={e})"] for e in range(8)}
figures.event_study(
    study,
    truth=truth,
    xlabel="quarters since the raise",
    ylabel="effect (hundred jobs)",
)
plt.show()

# %% [markdown]
# *Figure 6. An event study of 100 counties, half of which raise the wage at 0. Dashed: the truth.*
#
# ### What passing a pre-trend test is worth
#
# Now let parallel trends fail. In the next world employment in the counties that raise runs ahead by 0.15 hundred jobs each quarter for reasons of its own, before the raise as well as after. All else, the random noise included, is as before.

# %%
drifting = scenarios.minimum_wage_panel(**once, drift=0.15)
others = drifting.sample(100, rng=11)
drift_study = event_study(others, **design)
verdict = pretrend_test(drift_study)
assert verdict["p_value"] > 0.05
tests = pd.DataFrame({"no drift": pretrend_test(study), "drift": verdict}).T
tables.results(
    tests[["statistic", "p_value"]].astype(float),
    f"Joint tests, {verdict['distribution']}. Null: {verdict['null']}",
)

# %% [markdown]
# The test passes, as it does more often than not in this world. Against each drift it has a power, and this can be computed from the study's own covariance (Roth, 2022).

# %%
power = pretrend_power(drift_study)
power.index = power.index.to_numpy().round(3)
power.index.name = "drift a quarter"
tables.results(
    power, "What the test before catches, and what is left once it has passed."
)

# %% [markdown]
# A drift that biases the event study's average effect by two of its standard errors is caught 13%<!--ck-power-two:.0%--> of the time. Ours biases it by 3.1<!--ck-drift-in-se:.1f--> (0.68<!--ck-drift-bias:.2f--> hundred jobs) and is caught 26%<!--ck-power:.0%--> of the time. And passing makes it a little worse: among the samples that pass, the bias is 0.728<!--ck-drift-if-passed:.3f-->. A pre-trend test is worth making. It is not what makes trends parallel.

# %% [markdown]
# ### Honest bounds
#
# Rather than ask *whether* trends were parallel, ask how far from parallel they may have been. Honest bounds answer that (Rambachan and Roth, 2023). Two ways to say "not too far": each step after the raise is at most $\bar M$ times the largest step before it; or the difference in trends may change its slope by at most $M$ a quarter, where $M = 0$ carries a straight line on.

# %%
bounds = trend_bounds(
    drift_study, relative_magnitudes=(0, 0.5, 1), smoothness=(0, 0.05, 0.1)
)
limits = trend_breakdown(drift_study)
tables.results(
    bounds.rename_axis(["", "up to"]),
    "Honest bounds on the average effect over eight quarters; the truth is −2.25.",
    digits=2,
)

# %% mystnb={"figure": {"name": "fig-ck-bounds"}, "image": {"alt": "Six intervals for the average effect in the drifting world, whose truth is minus 2.25. The usual one, at M-bar 0, misses it; with steps up to half or up to once the largest before, and with a straight or slightly bent drift, the intervals cover it and are two and a half to eleven times as long."}} tags=["hide-input"]
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
# *Figure 7. Honest bounds in the drifting world. The first row is the usual interval.*
#
# The usual interval misses. Every other one covers, and pays with length. The drift in this world is a straight line, so that the fourth row is the one whose assumption is exactly right. The sign survives steps up to 0.34<!--ck-mbar:.2f--> times the largest step before, or bends up to 0.08<!--ck-msmooth:.2f--> a quarter. That is the sentence to write in a report, in place of "trends were parallel". Card and Krueger's two waves allow no such sentence.

# %% [markdown]
# ### When counties begin at different times
#
# Now forty percent of the counties raise in quarter 5, forty percent in quarter 9, and a fifth never. This is staggered adoption. The habit of the trade was one regression with two-way fixed effects and a dummy for "has raised". First the population, where no sampling error can be blamed: the ATT is −1.917<!--ck-stag-att:.3f--> hundred jobs, and two-way fixed effects converge to −1.000<!--ck-stag-twfe:.3f-->. About half is gone.

# %%
staggered = scenarios.minimum_wage_panel()
wave = staggered.sample(100, rng=3)
frame = wave.set_index(["county", "quarter"])
effects = {"entity_effects": True, "time_effects": True}
twfe = PanelOLS(frame["employment"], frame[["raised"]], **effects).fit(
    cov_type="clustered", cluster_entity=True
)
low, high = twfe.conf_int().loc["raised"]
habit = {"estimate": twfe.params["raised"], "std_error": twfe.std_errors["raised"]}
habit |= {"ci_low": low, "ci_high": high, "n": twfe.nobs}
not_yet = overall_att(wave, **panel, first_treated="first_raised")
both_ways = pd.DataFrame([habit, not_yet]).set_axis(
    ["two-way fixed effects", "not-yet-treated comparison"]
)
tables.results(both_ways, "The average effect on 100 counties, in hundred jobs.")

# %% [markdown]
# Where did it go? From quarter 9 on the late counties change their wage, and the regression compares them with everybody whose dummy does not change then, the early counties included. But these are still changing: their effect grows, and this growth is subtracted from the late counties' effect. Here is this "forbidden" comparison (Goodman-Bacon, 2021) on its own, late against early counties, quarters 9 to 12 against 5 to 8. The true effect on the late counties is −1.25 in these quarters. The early counties lose another 2 meanwhile, so the comparison converges to −1.25 + 2 = +0.75.

# %%
middle = wave[(wave["first_raised"] > 0) & (wave["quarter"] >= 5)]
middle = middle.assign(
    late=(middle["first_raised"] == 9).astype(int),
    post=(middle["quarter"] >= 9).astype(int),
)
cells = ["county", "late", "post"]
cells = middle.groupby(cells, as_index=False)["employment"].mean()
roles = {"unit": "county", "treated": "late", "post": "post"}
forbidden = two_by_two(cells, outcome="employment", **roles)
tables.results(
    forbidden.to_frame("late against early").T,
    "A comparison with counties already treated: the wrong sign.",
)

# %% [markdown]
# The remedy is to choose one's comparisons. `staggered_adoption` compares each group, in each quarter, with counties not yet treated then (Callaway and Sant'Anna, 2021), and averages afterwards.

# %% mystnb={"figure": {"name": "fig-ck-staggered"}, "image": {"alt": "Event study of the staggered world by quarters since the raise, from minus 8 to 7. The intervals before the raise hold zero; the effects after it follow the dashed truth from minus 0.5 to minus 4."}}
by_event = staggered_study(wave, **panel, first_treated="first_raised")
truth = {e: staggered.truth[f"ATT(e={e})"] for e in range(8)}
figures.event_study(
    by_event,
    truth=truth,
    xlabel="quarters since the raise",
    ylabel="effect (hundred jobs)",
)
plt.show()

# %% [markdown]
# *Figure 8. Not-yet-treated comparisons, averaged by quarters since the raise. Dashed: the truth.*
#
# Two-way fixed effects are not wrong in general. With one starting date, or with one effect for all counties and quarters, they estimate what they should.

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
        study = event_study(samples[story], **{**design, "outcome": outcome})
        found[f"growth of {story}, in {scale}"] = study.loc[7]
tables.results(
    pd.DataFrame(found).T,
    "Apparent effect seven quarters after a raise that does nothing.",
    digits=2,
)

# %% mystnb={"figure": {"name": "fig-ck-logs"}, "image": {"alt": "Two panels of the world that grows by two percent a quarter, in which the raise does nothing. In hundred jobs the treated counties pull away from their parallel path; in logs they follow it."}} tags=["hide-input"]
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
# *Figure 9. The world that grows by two percent a quarter, without any effect. Above in levels, below in logs: only one of the two is parallel.*
#
# Nothing in two waves says which scale is the parallel one. It has to be argued, and it matters where outcomes grow and the groups start from different sizes, as New Jersey's and Pennsylvania's stores do.

# %% [markdown]
# ## The decision
#
# A legislator in 1993 asks what the survey rules out. The rule of thumb of the day, one to three percent fewer teenage jobs for ten percent more wage, would mean for these stores, with 20.4<!--ck-t3-before-nj:.1f--> jobs and a raise of 18.8%, a loss of 0.4 to 1.2 jobs a store. Without state shocks the interval excludes both. With shocks it excludes less:

# %%
start, raised_by = before[new_jersey].mean(), 5.05 / 4.25 - 1


def excluded_up_to(loss):
    shifted = everybody.copy()
    shifted[["estimate", "ci_low", "ci_high"]] -= loss
    return shock_breakdown(shifted)["shock_sd"]


decision = pd.DataFrame(
    {"effect": [-elasticity * raised_by * start for elasticity in (0, 0.1, 0.3)]},
    index=["no effect", "1% per 10%", "3% per 10%"],
)
decision["excluded up to"] = decision["effect"].map(excluded_up_to)
decision["in percent of staff"] = 100 * decision["excluded up to"] / start
tables.results(
    decision,
    "Effects (FTE a store), and the standard deviation of state-by-wave shocks up to which the survey excludes them.",
    digits=2,
)

# %% [markdown]
# The survey speaks most firmly against the large losses: to believe in three percent per ten you must grant each state shocks of 0.75<!--ck-excluded-three:.2f--> jobs a store and wave, 3.7<!--ck-excluded-percent:.1f-->% of its staff. Against the small losses it speaks softly, and for a gain more softly still. That is worth knowing for a vote, and it is less than "the effect is 2.75<!--ck-did:.2f-->".
#
# In the simulated world the decision can be carried out. A county that has not raised its wage considers doing so; what will it have lost two years on? Delete the equation of the raise and set it, for the same counties with the same noise:

# %%
policy = staggered.model.effect("employment_12", first_raised=(5, 0), n=1_000, rng=8)
forecasts = pd.Series(
    {
        "by do": policy["estimate"],
        "event study, quarter 7": by_event.loc[7, "estimate"],
        "two-way fixed effects": habit["estimate"],
    },
    name="hundred jobs",
)
tables.results(forecasts, "Employment in the eighth quarter of a raise, against none.")

# %% [markdown]
# A planner who multiplies the coefficient of the habitual regression by the number of counties budgets for less than a quarter of what comes. An average over short and long exposures is not a forecast, even when it is estimated without bias; the event study is what to forecast from.

# %% [markdown]
# ## Many worlds
#
# One sample proves little. First the drifting world, 80 samples of 100 counties: how often does each interval for the average effect cover?


# %%
def average_effect(data, **allowed):
    study = event_study(data, **design)
    ends = trend_bounds(study, **allowed)[["ci_low", "ci_high"]].iloc[0]
    return {"estimate": ends.mean(), **ends}


def usual(data):
    return average_effect(data, relative_magnitudes=(0,), smoothness=())


def straight_drift_allowed(data):
    return average_effect(data, relative_magnitudes=(), smoothness=(0,))


# %%
settings = {"n": 100, "rng": 2026, "estimand": "ATT"}
drift_worlds = replicate(
    drifting,
    {"usual": usual, "straight drift allowed": straight_drift_allowed},
    replications=80,
    **settings,
)
shown = ["bias", "bias_error", "coverage", "coverage_error"]
tables.results(
    drift_worlds[shown], "80 samples of the drifting world, against the ATT."
)

# %% [markdown]
# Then the staggered world. Fixed effects come here as what they are, a regression of employment on the treatment, each less its county's and its quarter's mean.


# %%
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


# %% [markdown]
# Beside it the recipe, and the comparison of rows with a raised wage against all others.


# %%
def not_yet_treated(data):
    return overall_att(data, **panel, first_treated="first_raised")


def raised_against_rest(data):
    rows = data["raised"] == 1
    return against(data["employment"][rows], data["employment"][~rows])


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
# The right analyses cover about as often as they promise. The others miss in nine samples of ten or in all, and more counties would only make them surer.

# %% [markdown]
# ## Take it with you
#
# Two by two, event study and placebo dates are one file; bounds, pre-trend tests, staggered adoption and few clusters are four more. They need numpy, pandas and scipy.
#
# ```bash
# .venv/bin/casestudies copy difference_in_differences staggered_adoption
# ```
#
# On real data, with many states and many dates: between 2000 and 2010 more than twenty American states passed laws that widen the right to use lethal force in self-defence. Cheng and Hoekstra (2013) find that homicides rose by about eight percent. Their panel comes with the package `causaldata`.

# %%
states = castle.load_pandas().data
begins = states[states["post"] == 1].groupby("sid")["year"].min()
states["begins"] = states["sid"].map(begins).fillna(0).astype(int)
ask = {"outcome": "l_homicide", "unit": "sid", "time": "year"}
try:
    overall_att(states, **ask, first_treated="begins")
except ValueError as refusal:
    print(refusal)

# %% [markdown]
# One state begins alone in 2006, the first year that its law counts in these data, and another in 2010. A group of one state has no error to estimate. We leave the two out and say so.

# %%
kept = states[~states["begins"].isin([2006, 2010])]
careful = overall_att(kept, **ask, first_treated="begins")
years = staggered_study(kept, **ask, first_treated="begins")
frame = states.set_index(["sid", "year"])
laws = []
for weights in (frame["popwt"], None):
    outcome, law = frame["l_homicide"], frame[["post"]]
    model = PanelOLS(outcome, law, weights=weights, **effects)
    fit = model.fit(cov_type="clustered", cluster_entity=True)
    low, high = fit.conf_int().loc["post"]
    entries = [fit.params["post"], fit.std_errors["post"], low, high, fit.nobs]
    laws.append(pd.Series(entries, careful.index))
laws = pd.DataFrame([*laws, careful]).set_axis(
    ["fixed effects, by population", "fixed effects", "not yet treated"]
)
tables.results(
    laws,
    "The laws and log homicides: two coefficients and an ATT; published about 0.08.",
)

# %% [markdown]
# The habitual regression finds what was published. The recipe, without weights, finds 0.004<!--ck-castle:.3f-->. Look at the years before, as you would in any study, to see why:

# %%
tables.results(
    years.loc[-4:].rename_axis("year"),
    "Event study of the laws, log homicides.",
    digits=3,
)

# %% [markdown]
# In these data a law counts from its first full year, and the year before that, the reference, already contains some months of it. That year was a bad one: one year earlier, log homicides had been lower there by 0.125<!--ck-castle-lower:.3f-->, with an interval that excludes zero. Part of that step may be the law and part a trend of these states' own; the table cannot tell which. The recipe measures from that reference year, fixed effects measure from the average of all years before, and the two bases differ by about as much as the answers do. Neither base is right by software. That the answer hangs on the base is the finding, and a reason to report bounds.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. Four numbers
#
# Give the document's four rows (20, 22, 18, 25) to `two_by_two`, with the group as the unit. What does it answer, and why is that the right answer?
#
# <details>
# <summary>Solution</summary>
#
# It refuses: one cluster makes up each group, so that the residuals sum to zero in it and a clustered error would print as 0.0000. The estimate of 5 is a subtraction; about its error four numbers say nothing.
#
# </details>
#
# ### Exercise 2. How many states?
#
# Keep the store-level error of the survey, suppose shocks with a standard deviation of one job, and let each side have $H$ states of equal size. Use `shock_breakdown(everybody, treated_groups=H, control_groups=H)` to find the $H$ from which the sign is safe. Check it with the formula.
#
# <details>
# <summary>Solution</summary>
#
# Sixteen a side. The variance is $se^2 + 2\tau^2(1/H + 1/H)$, and with $\tau = 1$ the sign is safe once $4/H$ is below $(2.754/1.966)^2 - 1.307^2 = 0.255$, that is from $H = 16$. This is still kind: with 32 states one would estimate the shocks rather than assume them, at the price of a t distribution with 30 degrees of freedom.
#
# </details>
#
# ### Exercise 3. More quarters before
#
# Let the counties raise in quarter 9 instead of 5, with the same drift of 0.15. What happens to the power of the test before, and to the bias of the average effect? Which of the two would you rather have bought?
#
# <details>
# <summary>Solution</summary>
#
# `scenarios.minimum_wage_panel(first_raises=(9,), shares=(0.5,), drift=0.15)`, then `event_study` with `first_treated_time=9` and `pretrend_power(study, slopes=[0.15])`. The drift now shows over seven estimates, at most seven steps away from the reference, so that the test catches it nearly always; and the average effect is taken over four quarters instead of eight, so that its bias is smaller. Long histories help twice.
#
# </details>
#
# ### Exercise 4. A county that sees it coming
#
# Open-ended. Let counties that raise in quarter 5 cut half a hundred jobs already in quarter 4, by replacing that quarter's equation: `calm.model.do(employment_4=...)` takes a function of `size` and `first_raised`. Draw counties, turn them into a panel with `calm.arrange`, and run the event study. What happens to the estimates before the raise, and to those after it? Which reference quarter would repair it, and would the pre-trend test have told you?
#
# <details>
# <summary>Solution</summary>
#
# A start: `early = calm.model.do(employment_4=lambda size, first_raised: size + 6 - 0.5 * (first_raised == 5))`, three quarters' growth of 2 and the cut. The reference itself is now too low by 0.5, so that every estimate, before and after, moves up by 0.5: the effects look smaller and the estimates before look positive, all alike. A reference before anybody knew repairs it; in the recipe, give quarter 4 as `first_treated_time`. The test catches this step in 40%<!--ck-step-caught:.0%--> of samples, and a drift that biases the average effect as much in 15%<!--ck-drift-as-bad-caught:.0%-->.
#
# </details>

# %% [markdown]
# ## What the documents say
#
# The claims about difference in differences, and about this study, in AI/ML Explained (2026) and in "We Need to Talk about Causal ML" (Anonymous, n.d.), with the verdicts of this chapter.
#
# <details>
# <summary>Claims of “AI/ML Explained: Causal Inference”, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | From 18 to 25 against 20 to 22, difference in differences gives 5. | holds | Four calculations give 5. Four numbers give no standard error, and a fitted regression cannot either. |
# | Card and Krueger found that employment did not fall as theory predicted. | holds in part | It is what they found: 2.75<!--ck-did:.2f--> FTE a store, 0.19<!--ck-did-low:.2f--> to 5.32<!--ck-did-high:.2f-->, given no shock common to a state. With shocks of 0.25<!--ck-tau:.2f--> FTE or more a fall is no longer excluded, and the within-state comparison of the paper's fifth column holds zero. Payroll records later pointed to a fall. |
# | The first difference removes fixed differences between the groups, the second the trend that both share. | holds | Counties that raise are larger by 12, and all grow by 2 a quarter: raised against the rest is off by 12.9<!--ck-raw-bias:.1f-->, not-yet-treated comparisons by −0.021<!--ck-stag-bias:.3f--> (hundred jobs; its error is 0.016<!--ck-stag-bias-error:.3f-->). |
# | After both subtractions, what is left is the causal effect. | holds in part | Only if trends are parallel, on the scale used. A drift of 0.15 a quarter leaves a bias of 0.68<!--ck-drift-bias:.2f-->; growth in percent leaves one in levels, without any effect. |
# | Parallel trends cannot be proven, only supported by earlier periods. | holds | The survey has one period before: nothing to support it with. In a panel the period after stays untested. |
# | Always plot several periods before, to confirm that the lines stayed parallel. | holds in part | Plot, but it confirms little: a drift worth 2<!--ck-power-two-in-se:.0f--> standard errors of bias is caught 13%<!--ck-power-two:.0%--> of the time, ours worth 3.1<!--ck-drift-in-se:.1f--> in 26%<!--ck-power:.0%-->. |
# | With parallel pre-trends, before-and-after data and a control group, use difference in differences. | holds in part | Where units start at different times and effects grow, the usual regression fails in spite of parallel trends: a loss of 1.00<!--ck-stag-twfe-size:.2f--> where the ATT is one of 1.92<!--ck-stag-att-size:.2f-->. |
# | A group already on another path before the treatment is mistaken for an effect. | holds | Drift of 0.15: the usual interval covers in 11%<!--ck-drift-coverage:.0%--> of samples. |
# | Ask how badly the assumption must fail before the conclusion flips. | holds | It can be computed: state shocks of 0.25<!--ck-tau:.2f--> FTE in the survey; in the panel, steps of 0.34<!--ck-mbar:.2f--> times the largest before. |
#
# </details>
#
# <details>
# <summary>Claims of “We need to talk about Causal ML”, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | If the factors nobody recorded do not change over time, difference in differences still works. | holds in part | Their weight must not change either. The size of a county is not recorded and constant; the bias is −0.021<!--ck-stag-bias:.3f-->, its error 0.016<!--ck-stag-bias-error:.3f--> (hundred jobs). |
# | Assume that the treated would have changed as the others did; anything more is the effect. | holds in part | It is the assumption, rightly named. The surplus also holds every shock to one state: four of them in a two by two. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
names = ["Pennsylvania", "New Jersey", "difference"]

keys = ["before", "after", "means", "balanced", "closed"]
parts = {"": "estimate", "-se": "std_error", "-low": "ci_low", "-high": "ci_high"}
gaps = sample["wage_gap"].groupby(sample["nj"]).mean()
sd = stores["change"].groupby(stores["nj"]).std()
actual = pretrend_power(drift_study, slopes=[0.15]).iloc[0]

cells = group_time(kept, **ask, first_treated="begins")
ahead = cells[cells["event_time"] < 0].groupby("group")
own_base = ahead["estimate"].sum() / (ahead.size() + 1)  # the base counts too
base = np.average(own_base, weights=cells.groupby("group")["n_treated"].first())
safe = [
    shock_breakdown(everybody, treated_groups=h, control_groups=h)["shock_sd"]
    for h in (15, 16)
]


def caught(before):
    """Return how often 100 counties' test catches these means before the raise."""
    covariance = (np.eye(3) + 1) / 25  # 50 counties in each arm, noise of 1 a quarter
    shift = before @ np.linalg.solve(covariance, before)
    return stats.ncf.sf(stats.f.ppf(0.95, 3, 96), 3, 96, shift)


numbers = {
    **{
        f"ck-{key}": naive.loc[row, "estimate"]
        for key, row in zip(
            ["after-only", "nj-only", "before-gap"], naive.index, strict=True
        )
    },
    "ck-before-smaller": -naive["estimate"].iloc[2],
    **{
        f"ck-example-{key}": row[0]
        for key, row in zip(
            ["hand", "interaction", "differences", "fixed"],
            ways.to_numpy(),
            strict=True,
        )
    },
    **{
        f"ck-survey-{key}": row[1]
        for key, row in zip(
            ["hand", "interaction", "differences", "fixed"],
            ways.to_numpy(),
            strict=True,
        )
    },
    **{
        f"ck-t3-{key}-{where}": ours.loc[(row, state), "estimate"]
        for key, row in zip(keys, published, strict=True)
        for where, state in zip(["pa", "nj", "did"], names, strict=True)
    },
    **{
        f"ck-t3-{key}-{where}-se": ours.loc[(row, state), "std_error"]
        for key, row in zip(keys, published, strict=True)
        for where, state in zip(["pa", "nj", "did"], names, strict=True)
    },
    **{
        f"ck-t4-{key}{end}": row[part]
        for key, (_, row) in zip(
            ["i", "ii", "iii", "iv"], table_4.iterrows(), strict=True
        )
        for end, part in {"": "estimate", "-se": "std_error"}.items()
    },
    "ck-mean-gap": 100 * gaps[1],
    "ck-gap-implied": gaps[1] * table_4.loc["iii, gap", "estimate"],
    "ck-sd-nj": sd[1],
    "ck-sd-pa": sd[0],
    **{
        f"ck-se-{key}": error
        for key, error in zip(
            ["iid", "robust", "store", "state"], errors.values(), strict=True
        )
    },
    "ck-tau": lost["shock_sd"],
    "ck-tau-percent": 100 * lost["shock_sd"] / before[new_jersey].mean(),
    "ck-coverage-half": assumed["coverage of the usual interval"].loc[0.5],
    "ck-coverage-one": assumed["coverage of the usual interval"].loc[1.0],
    "ck-power": actual["power"],
    "ck-step-caught": caught(np.full(3, 0.5)),
    "ck-drift-as-bad-caught": caught(0.5 / 4.5 * np.arange(1, 4)),
    "ck-power-two": power["power"].iloc[2],
    "ck-drift-bias": actual["bias"],
    "ck-drift-in-se": actual["in_std_errors"],
    "ck-drift-if-passed": actual["bias_if_passed"],
    "ck-mbar": limits["relative magnitudes"],
    "ck-msmooth": limits["smoothness"],
    "ck-stag-att": staggered.truth["ATT"],
    "ck-stag-twfe": staggered.truth["two-way fixed effects"],
    "ck-stag-recipe": not_yet["estimate"],
    "ck-stag-habit": habit["estimate"],
    "ck-forbidden": forbidden["estimate"],
    **{
        f"ck-excluded-{key}": row["excluded up to"]
        for key, (_, row) in zip(
            ["zero", "one", "three"], decision.iterrows(), strict=True
        )
    },
    **{
        f"ck-predicted-{key}": row["effect"]
        for key, (_, row) in zip(
            ["zero", "one", "three"], decision.iterrows(), strict=True
        )
    },
    "ck-excluded-percent": decision["in percent of staff"].iloc[2],
    "ck-policy": policy["estimate"],
    "ck-drift-coverage": drift_worlds.loc["usual", "coverage"],
    "ck-straight-coverage": drift_worlds.loc["straight drift allowed", "coverage"],
    "ck-drift-mc-bias": drift_worlds.loc["usual", "bias"],
    "ck-stag-coverage": stag_worlds.loc["not-yet-treated comparison", "coverage"],
    "ck-stag-bias": stag_worlds.loc["not-yet-treated comparison", "bias"],
    "ck-twfe-bias": stag_worlds.loc["two-way fixed effects", "bias"],
    "ck-twfe-coverage": stag_worlds.loc["two-way fixed effects", "coverage"],
    "ck-raw-bias": stag_worlds.loc["raised against the rest", "bias"],
    "ck-castle": careful["estimate"],
    "ck-castle-published": laws["estimate"].iloc[0],
    "ck-castle-lower": -years.loc[-2, "estimate"],
    **{f"ck-did{end}": everybody[part] for end, part in parts.items()},
    **{f"ck-balanced{end}": twice[part] for end, part in parts.items()},
    "ck-power-two-in-se": power["in_std_errors"].iloc[2],
    "ck-stag-twfe-size": -staggered.truth["two-way fixed effects"],
    "ck-stag-att-size": -staggered.truth["ATT"],
    "ck-stag-bias-error": stag_worlds.loc["not-yet-treated comparison", "bias_error"],
}
tables.store(
    numbers,
    actual=actual,
    after_the_raise=event_study(counties, **design).loc[0:],
    assumed=assumed,
    base=base,
    both_waves=both_waves.sum(),
    bounds=bounds,
    by_chain=stores.pivot_table("change", "chain", "nj"),
    by_event=by_event,
    careful=careful,
    drift_worlds=drift_worlds,
    fixed_effects=fixed_effects(survey),
    forbidden=forbidden,
    found=pd.DataFrame(found).T,
    habit=habit,
    interaction=interaction(survey),
    laws=laws,
    limits=limits,
    not_yet=not_yet,
    ours=ours,
    policy=policy,
    safe=safe,
    sample=len(sample),
    stag_worlds=stag_worlds,
    table_4=table_4,
    theirs=theirs,
    two_way=two_way_fixed_effects(wave)["estimate"],
    ways=ways,
    years=years,
)
row_3, row_4 = (f"Card and Krueger, Table 3{row}" for row in (", row 3", ", row 4"))
table_3 = row_3.removesuffix(", row 3")
usual, straight = (
    {**ends, "estimate": ends.mean()}
    for _, ends in bounds.iloc[[0, 3]][["ci_low", "ci_high"]].iterrows()
)
drift, exact = drifting.truth["ATT"], staggered.truth["ATT"]
known = {
    "after: New Jersey − Pennsylvania": (naive.iloc[0], "difference after", "-0.14", f"{table_3}, row 2", "published figure"),
    "New Jersey: after − before": (naive.iloc[1], "change", "0.47", row_4, "published figure"),
    "difference in differences, all answers": (everybody, "ATT", "2.76", row_3, "published figure"),
    "difference in differences, seen twice": (twice, "ATT", "2.75", row_4, "published figure"),
    "NJ dummy": (table_4.loc["i, NJ"], "ATT", "2.33", "Table 4, column i", "published figure"),
    "wage gap": (table_4.loc["iii, gap"], "slope", "15.65", "Table 4, column iii", "published figure"),
    "drift, usual interval": (usual, "ATT", drift, "drifting world", "exact truth"),
    "drift, straight line allowed": (straight, "ATT", drift, "drifting world", "exact truth"),
    "staggered, two-way fixed effects": (habit, "ATT", exact, "staggered world", "exact truth"),
    "staggered, not yet treated": (not_yet, "ATT", exact, "staggered world", "exact truth"),
    "self-defence laws, fixed effects": (laws.iloc[0], "coefficient", "0.08", "Cheng and Hoekstra, abstract", "published figure"),
}  # fmt: skip
tables.scoreboard(known)
