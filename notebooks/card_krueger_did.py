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
# **The answer in short.** The change in New Jersey minus the change in Pennsylvania is 2.75<!--ck-did:.2f--> jobs a store in full-time equivalents (95% interval 0.19<!--ck-did-low:.2f--> to 5.32<!--ck-did-high:.2f-->), and you will reproduce it offline, with 27 of the 30 figures by state of Table 3 in Card and Krueger (1994) to the last printed digit. The interval takes for granted that nothing else hit one of the two states between two telephone surveys. Shocks to each state and wave with a standard deviation of 0.25<!--ck-tau:.2f--> jobs a store, 1.2<!--ck-tau-percent:.1f-->% of a store's staff, are enough for it to reach zero, and data on two states cannot say how large such shocks are.
#
# The study is the classic case in two of our documents: AI/ML Explained (2026), which tells it, and "We Need to Talk about Causal ML" (Anonymous, n.d.), which explains the method. What more places and more periods buy is the next chapter, [More counties, more quarters](more_counties_did.ipynb).

# %% [markdown]
# ## The story
#
# In 1992 the textbook answer was clear. A wage set above the market's lowers employment, and surveys of the evidence up to then put a number on it: ten percent more on the minimum wage costs one to three percent of teenage jobs (Brown et al., 1982). New Jersey's raise was one of nearly nineteen percent. It had been enacted two years before, in better times; now there was a recession, and until the last weeks it was open whether it would come.
#
# A wrong answer is expensive in both directions: jobs lost to a law that was meant to help, or pay withheld for a harm that does not come.
#
# David Card and Alan Krueger called 410 fast-food stores, in New Jersey and just across the Delaware river in eastern Pennsylvania, shortly before the raise, and again in November and December.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
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
from casestudies.recipes.pretrends import pretrend_test

figures.house_style()

# %% [markdown]
# ## The world
#
# The package holds the survey in a form of its own: for 48 kinds of store (by state, chain, ownership and what is known about them) the number of stores, and the means, variances and covariances of three measures. The rows below are synthetic and these cell moments are real. Every regression on variables that are constant within the cells therefore gives the survey's coefficients and standard errors.

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
# Here is that graph, from a simulated world of two periods. Politics decides who raises the wage and goes along with how large the employers are.

# %% mystnb={"code_prompt_show": "Show how the graph is drawn", "figure": {"name": "fig-ck-graph"}, "image": {"alt": "Causal graph of a world of two periods: politics, not recorded, points to size and to the raise; size, not recorded, points to employment before and employment after; the raise points to employment after only."}} tags=["hide-input"]
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
# Two comparisons come to mind first. Look at both states after the raise, or look at New Jersey before and after. **Guess first:** in a recession, with a wage floor nearly nineteen percent higher, which sign will each have?


# %% mystnb={"code_prompt_show": "Show the comparison of two means"} tags=["hide-input"]
def against(a, b):
    """Return the difference of two means with a normal interval."""
    gap, error = a.mean() - b.mean(), np.hypot(a.sem(), b.sem())
    ends = [gap - 1.96 * error, gap + 1.96 * error]
    return pd.Series(
        [gap, error, *ends], ["estimate", "std_error", "ci_low", "ci_high"]
    )


# %%
new_jersey = stores["state"] == "New Jersey"
stores["nj"] = new_jersey.astype(int)
before, after = stores["fte_before"], stores["fte_after"]
change, nothing = (after - before)[new_jersey].dropna(), pd.Series([0.0, 0.0])
naive = {
    "after: New Jersey − Pennsylvania": (after[new_jersey], after[~new_jersey]),
    "New Jersey: after − before": (change, nothing),
    "before: New Jersey − Pennsylvania": (before[new_jersey], before[~new_jersey]),
}
naive = pd.DataFrame({name: against(*pair) for name, pair in naive.items()}).T
tables.results(naive, "Two tempting comparisons and a warning, in FTE a store.")

# %% [markdown]
# The first two are close to zero, and both answer another question. The third row shows why the first is no effect: before any raise New Jersey's stores were already smaller, by 2.89<!--ck-before-smaller:.2f--> jobs. The second row credits the raise with whatever else happened between February and November, and it was a recession.
#
# The document's small example has the same trap. One group goes from 18 to 25, the other from 20 to 22: "after" they differ by 3, the first changed by 7, and the answer will be 5.

# %% [markdown]
# ## What must be true
#
# > **Assumptions, and how each could fail**
# >
# > - **Parallel trends.** Without the raise, mean employment in New Jersey's stores would have changed by as much as in Pennsylvania's. It fails if the recession, or a new tax, hit one state harder.
# > - **No anticipation.** In February stores had not yet reacted. The raise had been law for two years; stores that hired less in advance would hide an effect. That it was contested until March speaks for the assumption.
# > - **No spill-over across the river.** Pennsylvania's stores were left untouched. It fails if customers or workers crossed over, and then Pennsylvania's change is no longer what New Jersey's would have been. The error can have either sign: customers who cross for cheaper meals raise Pennsylvania's employment and pull the estimate down; a wage that spreads moves both states alike and pulls it towards zero.
# > - **Stable composition.** The stores counted after are those counted before. It fails if the raise closes stores and the closed ones drop out of the table.
#
# Which of these can two waves test? The first, on which everything rests, not at all: there is one period before the raise, hence no earlier trend to compare. The recipes of this book say so rather than print a number.

# %%
waves = {"fte_before": 0, "fte_after": 1}
ids = ["store", "state", "nj", "chain", "company_owned", "wages_known"]
survey = stores.melt(ids, list(waves), "wave", "fte").dropna(subset="fte")
survey["after"] = survey["wave"].map(waves)
balanced = survey[survey.groupby("store")["after"].transform("size") == 2]

# %%
question = {"outcome": "fte", "unit": "store", "time": "after", "treated": "nj"}
study = event_study(balanced, **question, first_treated_time=1)
tests = {"pretrend_test": lambda: pretrend_test(study)}
tests["placebo"] = lambda: placebo(balanced, **question, first_treated_time=1)
for name, test in tests.items():
    try:
        test()
    except ValueError as refusal:
        print(f"{name} refused: {refusal}")

# %% [markdown]
# Anticipation cannot be tested either, for the same reason. Spill-over could be looked at by region, which is in the original file. Composition can be looked at, in Table 3 below: all stores, only those seen twice, and the temporarily closed counted as empty give nearly the same answer.
#
# **What came after.** Neumark and Wascher (2000) went back to stores of the same chains with payroll records instead of telephone answers and found that employment had fallen in New Jersey relative to Pennsylvania; they also found that the survey's changes varied far more than the payrolls' did. Card and Krueger (2000) answered with the employment records that stores must file for unemployment insurance, and found changes too small and too uncertain to tell from none. Each side criticized the other's data. The table of 1994 adds up; the argument is about how well the survey measured employment, and whether Pennsylvania is the right counterfactual.

# %% [markdown]
# ## The estimate
#
# ### Two by two, four ways
#
# First the document's example: one number a cell, here two stores a group whose means are the document's. Two of the four ways need no more than the rows as they are: the difference of four means, by hand, and the regression with an interaction, which is the document's.

# %%
example = pd.DataFrame({"store": [1, 2, 3, 4] * 2, "nj": [1, 1, 0, 0] * 2})
example["after"] = [0] * 4 + [1] * 4
example["fte"] = [18, 18, 20, 20, 24, 26, 21, 23]


# %%
def by_hand(rows):
    mean = rows.groupby(["nj", "after"])["fte"].mean()
    return (mean[1, 1] - mean[1, 0]) - (mean[0, 1] - mean[0, 0])


def interaction(rows):
    return smf.ols("fte ~ nj * after", rows).fit().params["nj:after"]


# %% [markdown]
# The other two use that the same stores come twice. First differences regress each store's change on its state; two-way fixed effects give each store and each wave an intercept.


# %%
def first_differences(rows):
    wide = rows.pivot_table("fte", ["store", "nj"], "after").reset_index("nj")
    wide["change"] = wide[1] - wide[0]
    return smf.ols("change ~ nj", wide).fit().params["nj"]


def fixed_effects(rows):
    panel = rows.assign(did=rows["nj"] * rows["after"]).set_index(["store", "after"])
    effects = {"entity_effects": True, "time_effects": True}
    return PanelOLS(panel["fte"], panel[["did"]], **effects).fit().params["did"]


# %%
four = [by_hand, interaction, first_differences, fixed_effects]
samples = {"document's example": example, "survey": balanced}
ways = {name: [way(rows) for way in four] for name, rows in samples.items()}
ways = pd.DataFrame(ways, [way.__name__.replace("_", " ") for way in four])
tables.results(
    ways, "The same two by two, four ways. Survey: the 384 stores seen twice."
)

# %% [markdown]
# They agree because they are one calculation. The regression with interaction has four coefficients for four cell means, so it fits them exactly, and the interaction is the difference of differences. With two periods, taking out each store's mean leaves plus and minus half its change; so fixed effects regress changes on the treatment, which is what first differences do, and a regression on one dummy is a difference of two means. The chain needs every store in both waves. On all 794 answers the interaction uses stores seen once as well, and fixed effects drop them: 2.754<!--ck-did:.3f--> against 2.750<!--ck-survey-fixed:.3f-->.
#
# Their standard errors differ; more on that below.

# %% [markdown]
# ### Table 3, 27 of 30 figures to the digit
#
# The published table gives means with their standard errors, state by state. A difference between states is a difference of independent samples, so its error is $\sqrt{se_1^2 + se_0^2}$.

# %%
stores["change"] = stores["fte_after"] - stores["fte_before"]
closed = stores["second_interview"] == "temporarily closed"
measures = {
    "before": stores["fte_before"],
    "after": stores["fte_after"],
    "change, seen twice": stores["change"],
    "change, closed for a time as 0": stores["change"].mask(closed, -before),
}


# %%
def by_state(measure):
    state = measure.groupby(stores["nj"])
    mean, error = state.mean(), state.sem()
    return [*zip(mean, error, strict=True), (mean[1] - mean[0], np.hypot(*error))]


made = {row: by_state(measure) for row, measure in measures.items()}

# %% [markdown]
# One row is left: the change of the means, with all stores. Its figure is a subtraction, $21.0274 - 20.4394$ less $21.1656 - 23.3312$. Its error depends on how the two waves of a store move together, and the paper does not say how it was reckoned; Exercise 3 finds the one correlation that gives all three printed errors.

# %% mystnb={"code_prompt_show": "Show the last row, and the published figures"} tags=["hide-input"]
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
# Of these thirty figures 27 are the published ones within rounding (three of them errors by Exercise 3's correlation), and three differ by one in the last digit. The paper's −2.16 and 1.07 are what its own rounded figures give; its 2.76 is neither their difference nor the unrounded 2.754<!--ck-t3-means-did:.3f-->. New Jersey's stores grew a little, Pennsylvania's shrank, and the difference is a *gain* for New Jersey. Most of it comes from Pennsylvania.

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
    answer = [fit.params[treatment], fit.bse[treatment], low, high, fit.nobs]
    return pd.Series(answer, ["estimate", "std_error", "ci_low", "ci_high", "n"])


# %% mystnb={"code_prompt_show": "Show the published figures"} tags=["hide-input"]
table_4 = pd.DataFrame({c: column_of(f) for c, f in formulas.items()}).T
table_4["published"] = [2.33, 2.30, 15.65, 14.92]
table_4["published std_error"] = [1.19, 1.20, 6.08, 6.21]
tables.results(table_4, "Table 4 of Card and Krueger (1994), FTE a store.")

# %% [markdown]
# In columns i and ii the interval just holds zero, though nothing is allowed to hit a state. And the conventional error takes the changes to vary equally in both states; they vary more in Pennsylvania (a standard deviation of 11.3 against 8.1), and with an error that allows for it column i has 1.46 in place of 1.19<!--ck-t4-i-se:.2f-->, for −0.54 to 5.19. In iii and iv a gap of 1 would be a doubled wage. New Jersey's stores needed 10.5<!--ck-mean-gap:.1f-->% on average, so column iii implies a gain of 1.65<!--ck-gap-implied:.2f--> jobs a store there, if the answer is proportional to the gap. To read the slope as what a larger raise does takes more than parallel trends: stores that needed a small raise would have to answer a large one as the others did, the assumption of strong parallel trends (Callaway et al., 2024).
#
# The paper's fifth column adds dummies for regions within the states, and prints 11.91 (7.39). Regions absorb the states, so that New Jersey's low-wage stores are compared with its high-wage stores, which no event that hits all of a state's stores alike can disturb. It is smaller, and its interval holds zero. The regions are in the original file only (`archives.card_krueger(original=True)`); its single region column gives 11.98 (7.42), because some of the survey's own dummies hold for the same store and the file's never do.

# %% [markdown]
# ### The picture

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-ck-lines"}, "image": {"alt": "Mean employment per store in February and November 1992. Pennsylvania falls from 23.3 to 21.2, New Jersey rises slightly from 20.4 to 21.0. The dotted line that New Jersey would have followed if parallel to Pennsylvania ends at 18.3; the gap of 2.75 between the two ends is the estimate."}} tags=["hide-input"]
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
# Behind the two means are 384 changes, and they scatter widely: their standard deviation is 8.5<!--ck-sd-nj:.1f--> jobs in New Jersey and 10.9<!--ck-sd-pa:.1f--> in Pennsylvania, in stores of about twenty. That is what makes the error large. In three of the four chains Pennsylvania's stores did worse than New Jersey's.
#
# ### The recipe
#
# `two_by_two` is the regression with interaction, with the error clustered by the unit, the checks, and the degrees of freedom.

# %%
columns = {"outcome": "fte", "unit": "store", "treated": "nj", "post": "after"}
everybody = two_by_two(survey, **columns)
twice = two_by_two(balanced, **columns)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
answers = pd.DataFrame([everybody, twice])
answers.index = ["all 794 answers", "384 stores seen twice"]
both = pd.concat([naive.iloc[:2], answers])
tables.results(
    both, "New Jersey's raise, in FTE a store; published 2.76 and 2.75.", digits=2
)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-ck-estimates"}, "image": {"alt": "Four estimates with 95% intervals against the published 2.76. The comparison after the raise is near minus 0.1 and New Jersey's own change near 0.5; the two differences in differences lie on the published value, with intervals from just above zero to about 5.4."}} tags=["hide-input"]
figures.estimates(
    both,
    truth={"Table 3": 2.76},
    naive=list(naive.index),
    xlabel="change by the raise (FTE a store)",
    digits=2,
)
plt.show()

# %% [markdown]
# *Figure 3. The two naive comparisons, and the difference in differences, against the published figure.*
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

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
tables.results(
    pd.Series(errors, name="standard error"),
    "Four standard errors of the same 2.754 FTE a store.",
    digits=4,
)

# %% [markdown]
# - **Pooled** treats a store's two answers as two stores. They are alike, and a difference of alike things varies less than it believes.
# - **Robust** lets Pennsylvania's few stores vary more, and has the same fault.
# - **Clustered by store** lets a store's answers be related in any way (clustered standard error). It is right *if the stores are independent of one another*.
# - **Clustered by state** lets all stores of a state be related, as they are if something happens to the state. It prints 0.0000.
#
# The zero is an artefact of arithmetic. A clustered error is built from the sums of the residuals within each cluster. The regression fits each state's mean in each wave exactly, so these sums are zero, which looks like no variation at all and means that the data are silent. The recipe refuses to print one:

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
# four shocks, two states times two waves, on top of the sampling of stores. More stores shrink the first term only. And $\tau$ cannot be estimated: with the shocks there are four state means and four coefficients, a state effect, a wave effect, the interaction and the constant, and no degrees of freedom are left over. With more states there would be: compare the changes of $H$ states, and if these are normal with one variance, a 95% interval reaches as many standard errors to each side as the t distribution with $H - 2$ degrees says: 2.3<!--ck-reach-ten:.1f--> with ten states, 4.3<!--ck-reach-four:.1f--> with four, 12.7<!--ck-reach-three:.1f--> with three. With two there is no end.

# %% [markdown]
# So the honest course is to turn the question round: how large a shock would overturn the answer?

# %%
tau = np.array([0, 0.1, 0.25, 0.5, 1.0, 2.0])
assumed = shock_sensitivity(everybody, shock_sds=tau)
lost = shock_breakdown(everybody)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
critical = (assumed["ci_high"] - assumed["estimate"]) / assumed["std_error"]
assumed["coverage of the usual interval"] = 1 - 2 * stats.norm.sf(
    critical * everybody["std_error"] / assumed["std_error"]
)
tables.results(
    assumed.rename_axis("standard deviation"),
    "The answer if each state and wave had a shock of this size (FTE a store).",
)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-ck-shock"}, "image": {"alt": "The 95% interval of the effect as a function of the assumed standard deviation of a shock to each state in each wave. At zero it runs from 0.19 to 5.32; its lower end reaches zero at 0.25 jobs a store and lies at minus 1.9 when the standard deviation is 1."}} tags=["hide-input"]
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
# *Figure 4. The conclusion as a function of what the data cannot show. The sign is lost at the dotted line.*
#
# The sign is lost at 0.252<!--ck-tau:.3f--> jobs a store. If shocks had a standard deviation of half a job, the usual interval would cover in 88%<!--ck-coverage-half:.0%--> of surveys; at one job, in 72%<!--ck-coverage-one:.0%-->. How large are they? There is one untreated change to look at, Pennsylvania's, and it is −2.2 jobs in nine months without any law, give or take 1.25<!--ck-t3-means-pa-se:.2f--> from the sampling of stores. Some of it will have been the recession, in both states alike; so it proves no large shocks, and does not let you rule out half a job.
#
# Say it so: *the store-clustered error is conditional on no shock common to a state*.

# %% [markdown]
# ## The decision
#
# A legislator in 1993 asks what the survey rules out. The rule of thumb of the day, one to three percent fewer teenage jobs for ten percent more wage, would mean for these stores, with 20.4<!--ck-t3-before-nj:.1f--> jobs and a raise of 18.8%, and if all their staff were as easily lost as teenagers, a loss of 0.4 to 1.2 jobs a store. Without state shocks the interval excludes both. With shocks it excludes less. Shift the estimate by a supposed loss, and ask again at which shock the interval reaches zero:


# %%
def excluded_up_to(effect):
    shifted = everybody.copy()
    shifted[["estimate", "ci_low", "ci_high"]] -= effect
    return shock_breakdown(shifted)["shock_sd"]


# %%
start, raised_by = before[new_jersey].mean(), 5.05 / 4.25 - 1
losses = [-elasticity * raised_by * start for elasticity in (0, 0.1, 0.3)]

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
decision = pd.DataFrame({"effect": losses}, ["no effect", "1% per 10%", "3% per 10%"])
decision["excluded up to"] = decision["effect"].map(excluded_up_to)
decision["in percent of staff"] = 100 * decision["excluded up to"] / start
tables.results(
    decision,
    "Effects (FTE a store), and the standard deviation of state-by-wave shocks up to which the survey excludes them.",
    digits=2,
)

# %% [markdown]
# The survey speaks most firmly against the large losses: to believe in three percent per ten you must grant each state and wave shocks of 0.75<!--ck-excluded-three:.2f--> jobs a store (3.7<!--ck-excluded-percent:.1f-->% of its staff), or doubt more than that. Against the small losses it speaks softly, and for a gain more softly still. That is worth knowing for a vote, and it is less than "the effect is 2.75<!--ck-did:.2f-->".

# %% [markdown]
# ## Many worlds
#
# Two states cannot show their shocks, but you can draw surveys that have them. Each has as many stores seen twice as the real one, changes as spread, Pennsylvania's decline in both states, an effect of 2.75<!--ck-balanced:.2f--> jobs in New Jersey, and for each state and wave a shock with standard deviation $\tau$. The interval knows the stores only.

# %% mystnb={"code_prompt_show": "Show how surveys are drawn"} tags=["hide-input"]
stores_seen = stores.loc[both_waves, ["nj", "change"]].groupby("nj")["change"]
size, sd = stores_seen.size(), stores_seen.std()


def many_surveys(tau, rng, number=4_000):
    """Return each survey's changes of mean employment by state, and their errors."""
    means, errors = [], []
    for nj in (0, 1):
        drawn = rng.normal(0, sd[nj], (number, size[nj]))
        shock = rng.normal(0, tau, (number, 2)) @ [-1, 1]
        means.append(drawn.mean(axis=1) + shock - 2.28 + 2.75 * nj)
        errors.append(drawn.std(axis=1, ddof=1) / np.sqrt(size[nj]))
    return np.array(means), np.array(errors)


def against_truth(estimate, error):
    covered = abs(estimate - 2.75) < 1.96 * error
    bias = estimate - 2.75
    return [
        bias.mean(),
        bias.std() / np.sqrt(len(bias)),
        covered.mean(),
        covered.std() / np.sqrt(len(bias)),
    ]


# %%
worlds = {}
for tau in (0.0, 0.5, 1.0):
    mean, error = many_surveys(tau, np.random.default_rng(1994))
    worlds[f"two by two, τ = {tau}"] = against_truth(
        mean[1] - mean[0], np.hypot(*error)
    )
    worlds[f"New Jersey alone, τ = {tau}"] = against_truth(mean[1], error[1])
worlds = pd.DataFrame(worlds, ["bias", "bias_error", "coverage", "coverage_error"]).T
tables.results(worlds, "4,000 surveys of two states, against the effect of 2.75.")

# %% [markdown]
# The difference in differences is right on average whatever the shocks: they favour New Jersey as often as Pennsylvania. But there is one survey, and its interval covers in 88%<!--ck-worlds-half:.0%--> of the surveys with shocks of half a job and in 72%<!--ck-worlds-one:.0%--> with shocks of one, as the formula says. New Jersey's own change is off, on average, by Pennsylvania's decline.

# %% [markdown]
# ## Take it with you
#
# Two by two, event study and placebo dates are one file, few clusters another. They need numpy, pandas and scipy.
#
# ```bash
# .venv/bin/casestudies copy difference_in_differences few_clusters
# ```
#
# On your own data, a row a unit and period:
#
# ```python
# answer = two_by_two(yours, outcome="sales", unit="shop", treated="north", post="after")
# shock_sensitivity(answer, shock_sds=[0, 0.5, 1], treated_groups=1, control_groups=3)
# ```
#
# The second call says what is left of the answer if each region and period has a shock of its own.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. Four numbers
#
# Give the document's four rows (20, 22, 18, 25) to `two_by_two`, with the group as the unit (in a column of its own). What does it answer, and why is that the right answer?
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
# Sixteen a side. The variance is $se^2 + 2\tau^2(1/H + 1/H)$, and with $\tau = 1$ the sign is safe once $4/H$ is below $(2.7536/1.9658)^2 - 1.3066^2 = 0.255$, that is from $H = 16$. This is still kind: with 32 states one would estimate the shocks rather than assume them, at the price of a t distribution with 30 degrees of freedom.
#
# </details>
#
# ### Exercise 3. The correlation behind three errors
#
# The third row of Table 3 prints the errors 1.25<!--ck-t3-means-pa-se:.2f-->, 0.54<!--ck-t3-means-nj-se:.2f--> and 1.36<!--ck-t3-means-did-se:.2f-->. The error of a change of means is $\sqrt{se_1^2 + se_2^2 - 2\rho\,se_1 se_2}$. Which correlation between the waves gives all three: each state's own, the one of all stores, or the one that is left after chain and ownership are accounted for?
#
# <details>
# <summary>Solution</summary>
#
# The last: regress each wave on `nj + C(chain) + company_owned` among the stores seen twice and correlate the residuals, 0.45<!--ck-rho:.2f-->. The paper does not say how it reckoned; this is the simplest account that gives the three.
#
# </details>
#
# ### Exercise 4. Let the states speak
#
# Open-ended. Draw many surveys with $H$ states on each side, a shock of $\tau$ to each state and wave, and a hundred stores a state whose changes have a standard deviation of 8.5 jobs, as New Jersey's. Compare the states' mean changes with an ordinary two-sample t interval, $2H - 2$ degrees of freedom, which looks at no store. How often does it cover at $\tau = 0$, 0.5 and 2? What does it cost at $H = 2$?
#
# <details>
# <summary>Solution</summary>
#
# A start: `change = rng.normal(0, np.sqrt(8.5**2 / 100 + 2 * tau**2), (4_000, 2 * H))`, one mean change a state, then `stats.ttest_ind` along the rows. It covers in 95% at any $\tau$, for the spread of the states' changes, normal with one variance, holds the shocks and the stores alike (Donald and Lang, 2007). At $H = 2$ it reaches 4.3 standard errors to each side in place of 1.96.
#
# </details>
#
# ### Exercise 5. Two kinds of notes
#
# AI/ML Explained (2026) proposes the design for one person. You move one kind of notes to a new system, leave another kind where it was, and rate the weekly reviews of both. The moved kind rises from 5 to 7 points, the other from 6 to 6.5. What is estimated, of whom, what must be true, and what is the standard error?
#
# <details>
# <summary>Solution</summary>
#
# 1.5 points: the effect of the move on the kind that was moved (ATT), for you, in these weeks, by your own rating. Without the move both kinds would have had to change alike. That fails if you moved the kind that was just going badly, which would have recovered by itself; if the new system takes attention from the other kind, whose lag is then counted as a gain; and if you rate more kindly what you have just chosen. There is no standard error to be had: one kind was moved and one was not, so a shock to either is a shock to its arm, as with the two states. More weeks help only against what comes and goes from week to week. More kinds help, moved in an order drawn by lot.
#
# </details>

# %% [markdown]
# ## What the document says
#
# The claims about this study, and about two groups and two periods, in AI/ML Explained (2026), with the verdicts of this chapter. Those about more periods are in [the next](more_counties_did.ipynb), with those of "We Need to Talk about Causal ML" (Anonymous, n.d.).
#
# <details>
# <summary>Claims of “AI/ML Explained: Causal Inference”, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | From 18 to 25 against 20 to 22, difference in differences gives 5. | holds | Four calculations give 5. Four numbers give no standard error, and a fitted regression cannot either. |
# | Card and Krueger found that employment did not fall as theory predicted. | holds in part | It is what they found: 2.75<!--ck-did:.2f--> FTE a store, 0.19<!--ck-did-low:.2f--> to 5.32<!--ck-did-high:.2f-->, given no shock common to a state. With shocks of 0.25<!--ck-tau:.2f--> FTE or more a fall is no longer excluded, and the intervals of columns i, ii and v of its Table 4 hold zero. Payroll records later pointed to a fall, unemployment-insurance records to no clear change. |
# | Parallel trends cannot be proven, only supported by earlier periods. | holds | The survey has one period before: nothing to support it with. In a panel the period after stays untested. |
# | Ask how badly the assumption must fail before the conclusion flips. | holds | It can be computed: state shocks of 0.25<!--ck-tau:.2f--> FTE in the survey; in the panel, steps of 0.34<!--counties-mbar:.2f--> times the largest before. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
names = ["Pennsylvania", "New Jersey", "difference"]

keys = ["before", "after", "means", "balanced", "closed"]
parts = {"": "estimate", "-se": "std_error", "-low": "ci_low", "-high": "ci_high"}
gaps = sample["wage_gap"].groupby(sample["nj"]).mean()
sd = stores["change"].groupby(stores["nj"]).std()
safe = [
    shock_breakdown(everybody, treated_groups=h, control_groups=h)["shock_sd"]
    for h in (15, 16)
]


reaches = stats.t.ppf(0.975, [8, 2, 1])

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
    **{
        f"ck-reach-{key}": value
        for key, value in zip(["ten", "four", "three"], reaches, strict=True)
    },
    "ck-rho": rho,
    "ck-worlds-none": worlds.loc["two by two, τ = 0.0", "coverage"],
    "ck-worlds-half": worlds.loc["two by two, τ = 0.5", "coverage"],
    "ck-worlds-one": worlds.loc["two by two, τ = 1.0", "coverage"],
    "ck-worlds-bias": worlds.loc["two by two, τ = 1.0", "bias"],
    "ck-worlds-own-bias": worlds.loc["New Jersey alone, τ = 1.0", "bias"],
    "ck-excluded-percent": decision["in percent of staff"].iloc[2],
    **{f"ck-did{end}": everybody[part] for end, part in parts.items()},
    **{f"ck-balanced{end}": twice[part] for end, part in parts.items()},
}
tables.store(
    numbers,
    assumed=assumed,
    both_waves=both_waves.sum(),
    by_chain=stores.pivot_table("change", "chain", "nj"),
    fixed_effects=fixed_effects(survey),
    interaction=interaction(survey),
    ours=ours,
    safe=safe,
    sample=len(sample),
    table_4=table_4,
    theirs=theirs,
    ways=ways,
    worlds=worlds,
)
row_3, row_4 = (f"Card and Krueger, Table 3{row}" for row in (", row 3", ", row 4"))
table_3 = row_3.removesuffix(", row 3")
known = {
    "after: New Jersey − Pennsylvania": (naive.iloc[0], "difference after", "-0.14", f"{table_3}, row 2", "published figure"),
    "New Jersey: after − before": (naive.iloc[1], "change", "0.47", row_4, "published figure"),
    "difference in differences, all answers": (everybody, "ATT", "2.76", row_3, "published figure"),
    "difference in differences, seen twice": (twice, "ATT", "2.75", row_4, "published figure"),
    "NJ dummy": (table_4.loc["i, NJ"], "ATT", "2.33", "Table 4, column i", "published figure"),
    "wage gap": (table_4.loc["iii, gap"], "slope", "15.65", "Table 4, column iii", "published figure"),
}  # fmt: skip
tables.scoreboard(known)
