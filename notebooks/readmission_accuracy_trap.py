# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The readmission accuracy trap
#
# **The question.** A hospital has a score that says, with great accuracy, which patients will be back within a month. It can call a quarter of its patients after discharge. Should it call those with the highest scores?
#
# **The answer in short.** In this world the score is 94.0%<!--readmission-accuracy:.1%--> accurate, exactly as accurate as the sentence "nobody will be back", and moving the calls to the highest scores *raises* readmissions, from 60.1<!--readmission-per-routine:.1f--> to 62.0<!--readmission-per-risk:.1f--> per 1,000 patients. The highest scores belong to the old, who lack a way to the clinic: a call lowers the risk of patients with transport by 3.0<!--readmission-cate-mobile-size:.1f--> points (their CATE) and that of patients without by none. The same number of calls, sent to those whom they help, brings 54.4<!--readmission-per-effect:.1f-->.
#
# The story is from Wael (n.d.), who tells it in one paragraph with one number, the 94%. We write down a mechanism that gives his result, say what the result is relative to, and show the worlds in which it would have come out otherwise.

# %% [markdown]
# ## The story
#
# Patients who come to a follow-up visit in the week after discharge are seldom readmitted. A nurse's call reminds them of the visit. The hospital has 40,000 discharges a year and nurses enough to call one patient in four. So far the nurses have called as they saw fit, the old rather than the young.
#
# A start-up offers a model that predicts readmission. It is right 94 times in 100. Nothing seems more natural than to let it choose whom to call. A year later there are more readmissions than before, some 76<!--readmission-year:.0f--> of them, and everybody looks for the bug in the model. There is none.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from causaldata import thornton_hiv
from scipy.special import expit, logit
from statsmodels.genmod.families import Binomial

from casestudies import identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.sensitivity import robustness_value
from casestudies.recipes.standardization import standardize
from casestudies.sampling.montecarlo import replicate
from casestudies.scm import Bernoulli

figures.house_style()

# %% [markdown]
# ## The world
#
# Age $A$ is uniform between 50 and 90, and $Z = (A - 70) / 10$ counts it in decades; three patients in ten have a chronic disease $C$. With transport $T$ (a way to get to the clinic), call $D$, shuttle $S$ (there are none as yet), visit $V$ and readmission $Y$,
#
# $$
# \begin{aligned}
# P(T = 1) &= \operatorname{expit}(1.2 - 2\, Z) \\
# P(D = 1) &= 0.25\, (1 + 0.4\, Z) \\
# P(V = 1) &= 0.5 + 0.45\, D \text{ with transport or a shuttle, else } 0.05 \\
# P(Y = 1) &= \operatorname{expit}(-2.53 + 0.3\, Z + 0.4\, C)\,(1 - 0.9\, V)
# \end{aligned}
# $$
#
# A visit takes away nine tenths of the risk. A call makes a visit likelier, if the patient can get there. The score $R$ of the start-up knows age and chronic disease. We are generous and give it the exact probability $P(Y = 1 \mid A, C)$ under the nurses' routine: no model of these two inputs, on any amount of data, can predict better.

# %% mystnb={"code_prompt_show": "Show how figure 1 is drawn", "figure": {"name": "fig-readmission-graph"}, "image": {"alt": "Two causal graphs. In both, age points to transport, to the score and to readmitted; chronic points to the score and to readmitted; transport, call and shuttle point to visit, visit points to readmitted. Above, age points to call and nothing leaves the score. Below, the arrow from age to call is cut and the score points to call."}} tags=["hide-input"]
world = scenarios.readmission()
truth = world.truth
RATE = "E[readmitted | {}]".format
routine = world.model.graph
acted_on = world.model.do(call=lambda risk: risk > 0.085).graph
places = {"age": (0, 0.9), "chronic": (0, 2.7), "risk": (1.3, 3.2), "call": (1.3, 1.75)}
places |= {"transport": (1.3, 0), "shuttle": (2.5, -0.3), "visit": (2.5, 0.6)}
places |= {"readmitted": (3.6, 1.5)}
roles = {"treatment": "call", "outcome": "readmitted"}
_, axes = plt.subplots(2, 1, figsize=(5.6, 7.4))
figures.causal_graph(routine, **roles, positions=places, ax=axes[0])
figures.causal_graph(
    acted_on, **roles, positions=places, cut=[("age", "call")], ax=axes[1]
)
plt.show()

# %% [markdown]
# *Figure 1. The world in the routine (above) and once the score decides on the calls (below). A prediction has no arrow out, until somebody acts on it.*
#
# A year of discharges, by age:

# %%
patients = world.sample(40_000, rng=2)
decade = (patients["age"] // 10 * 10).astype(int)
shares = ["transport", "call", "visit", "risk", "readmitted"]
by_age = patients.groupby(decade)[shares].mean().rename_axis("age from")
tables.results(by_age, "Shares of 40,000 patients by age, and their mean score.")

# %% [markdown]
# The oldest are readmitted more than three times as often as the youngest, the score says so, and the nurses call them most. They seldom come.

# %% [markdown]
# ## The trap
#
# ### Ninety-four percent
#
# Here is the score on that year's patients, beside the sentence "nobody will be back" and beside a logistic regression of our own on the same two inputs. A patient counts as predicted to return if the score is above one half. The AUC is the chance that a returning patient has a higher score than one who does not return; the Brier score is the mean squared error of a probability (Brier, 1950). Guess first: 94 times in 100 the score is right. How often is "nobody will be back"?


# %% mystnb={"code_prompt_show": "Show how accuracy, AUC and Brier score are computed"} tags=["hide-input"]
def quality(score, returned):
    cases = returned.sum()
    rank_gap = score.rank()[returned == 1].mean() - (cases + 1) / 2
    entries = {
        "accuracy": ((score > 0.5) == returned).mean(),
        "AUC": rank_gap / (len(returned) - cases),
        "Brier score": ((score - returned) ** 2).mean(),
    }
    return pd.Series(entries)


# %%
returned = patients["readmitted"]
inputs = "age + I(age ** 2) + chronic"
own = smf.logit(f"readmitted ~ {inputs}", patients).fit(disp=0)
forecasts = {"the score": patients["risk"], "our own model": own.predict(patients)}
forecasts["nobody will be back"] = pd.Series(0.0, patients.index)
grades = pd.DataFrame({k: quality(v, returned) for k, v in forecasts.items()}).T
tables.results(grades, "How good the predictions are, 40,000 patients.")

# %% [markdown]
# All three are equally accurate, to the last patient: no score reaches one half, so that the score, too, predicts that nobody will be back. With 6.0%<!--readmission-base:.1%--> returning, accuracy counts the others. The AUC says that the score does order patients, moderately well; a review found that most models of readmission do poorly (Kansagara et al., 2011). And the score is honest: among patients with a score of 10%, one in ten is back. Regressing the outcome on the log odds of the score gives a calibration slope of one and an intercept of zero, up to noise (Van Calster et al., 2019).


# %%
def calibration(rows):
    fit = smf.logit("readmitted ~ log_odds", rows.assign(log_odds=logit(rows["risk"])))
    fit = fit.fit(disp=0)
    frame = pd.DataFrame({"estimate": fit.params, "std_error": fit.bse})
    return frame.set_axis(["intercept", "slope"])


before = calibration(patients)
tables.results(before, "Calibration of the score in the routine.")

# %% [markdown]
# There is nothing wrong with this model.
#
# ### Then somebody acts on it
#
# Next year the top quarter of the scores is called. This is an intervention: it replaces the equation of the call. We replay the same 100,000 patients under the routine and under the new rule, with the same noise (common random numbers). Guess first: will readmissions fall, and by how much of the 60 per 1,000?


# %%
def top(score, share=0.25):
    return score >= np.quantile(score, 1 - share)


year = world.model.sample(100_000, rng=5)
by_score = world.model.imagine(year, call=lambda risk: top(risk), rng=6)
means = [rows[["call", "visit", "readmitted"]].mean() for rows in (year, by_score)]
both = pd.DataFrame(means, ["routine", "top scores called"])
tables.results(both * 1_000, "Calls, visits and readmissions per 1,000.", digits=1)

# %% [markdown]
# As many calls as before, fewer visits, more readmissions (the difference has a Monte Carlo error of 0.2): 1.89<!--readmission-rise:.2f--> per 1,000 in the exact figures, 76<!--readmission-year:.0f--> in a year of 40,000 patients.
#
# The hospital itself cannot tell that from chance: two years under one rule differ by that much in one case out of four (standard deviation 67<!--readmission-year-sd:.0f-->). A comparison by lot, and a large one, is needed to see it.
#
# ### Perhaps calls do nothing?
#
# Somebody now compares last year's patients who were called with those who were not.

# %%
columns = {"outcome": "readmitted", "treatment": "call"}
raw = difference_in_means(patients, **columns)
named = [raw.rename("called minus not called")]
tables.results(named, "Readmitted last year: difference of the shares.", digits=4)

# %% [markdown]
# The called were, if anything, back more often. So the calls are useless, and nothing was lost by sending them elsewhere? That would be the second mistake of the day.

# %% [markdown]
# ## What must be true
#
# The score estimates $P(Y = 1 \mid A, C)$, which belongs to seeing. Who should be called depends on what a call *changes*, for each kind of patient $x$:
#
# $$
# \mathrm{CATE}(x) = P(Y = 1 \mid do(D = 1), x) - P(Y = 1 \mid do(D = 0), x),
# $$
#
# the conditional average treatment effect. Its mean over all patients is the ATE. With a budget for a quarter of the patients, the fewest readmissions come from calling those with the most negative CATE (Manski, 2004; Bhattacharya and Dupas, 2012); marketing calls a model of it an uplift model. High risk is neither necessary nor sufficient for a large effect (Ascarza, 2018). A prediction alone is enough where the action is not meant to change what is predicted, as when the forecast of rain decides on an umbrella (Kleinberg et al., 2015).
#
# Last year's table can give the CATE under these conditions:
#
# > **Assumptions, and how each could fail**
# >
# > - **The routine looked at nothing but age** (ignorability given age). It fails if nurses skip patients who said that they cannot come, or call those who sounded unwell.
# > - **Overlap.** At every age some are called and some are not: here between 5% and 45%. It fails entirely for shuttles. Nobody has had one, so no analysis of this table can say what they do.
# > - **No interference.** A patient's call takes no visit from another. It fails if the clinic runs out of appointments.
# > - **Consistency.** A call that a score asks for is the same thing as a call that a nurse chose to make.
# > - **The outcome model is right**, or flexible enough. It is nearly so here: the limit of the regression below is −1.94<!--readmission-adjusted-limit-points:.2f--> points, the ATE −1.91<!--readmission-ate-points:.2f-->.
#
# The graph says what to adjust for.

# %%
for names in ([], ["age"], ["risk"], ["age", "visit"]):
    verdict = identify.backdoor(routine, **roles, adjust_for=names)
    print(textwrap.fill(str(verdict), 80), end="\n\n")

# %% [markdown]
# Age is enough. The score is not, although it is made of age, because patients with one score differ in age. And the visit is what a call works through: holding it fixed takes the effect away.
#
# ## The estimate
#
# First by hand: a logistic regression in which the call's coefficient may change with age, predictions for everybody with and without a call, and their mean difference. That is standardization, and the recipe adds the standard error.

# %%
rows = patients.assign(square=((patients["age"] - 70) / 10) ** 2)
fit = smf.logit("readmitted ~ call * (age + square)", rows).fit(disp=0)
with_call, without = (fit.predict(rows.assign(call=d)) for d in (1, 0))
by_hand = (with_call - without).mean()

ages = ["age", "square"]
given = {**columns, "model": "logit"}
adjusted = standardize(rows, **given, adjust_for=ages)
fixed_visit = standardize(rows, **given, adjust_for=[*ages, "visit"])
print(f"by hand {by_hand:.4f}, recipe {adjusted['estimate']:.4f}".replace("-", "−"))

# %% [markdown]
# Then a pilot that needs none of the first assumption. For a part of the next year, 20,000 patients, a coin decides on the call and another on a shuttle.

# %%
coins = {"call": Bernoulli(0.5), "shuttle": Bernoulli(0.5)}
pilot = world.model.do(**coins).sample(20_000, rng=2)
no_shuttle = pilot[pilot["shuttle"] == 0]
experiment = difference_in_means(no_shuttle, **columns)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
answers = {
    "called minus not called": raw,
    "adjusted for age": adjusted,
    "for age and the visit": fixed_visit,
    "pilot": experiment,
}
for name, t in {"with transport": 1, "without transport": 0}.items():
    group, drawn = (table[table["transport"] == t] for table in (rows, no_shuttle))
    answers[f"{name}: age"] = standardize(group, **given, adjust_for=ages)
    answers[f"{name}: pilot"] = difference_in_means(drawn, **columns)
answers = pd.DataFrame(answers).T
shown = ["estimate", "std_error", "ci_low", "ci_high"]
points = 100 * answers[shown]
points["exact"] = [100 * truth["ATE"]] * 4 + [
    100 * truth[f"CATE(transport={t})"] for t in (1, 1, 0, 0)
]
tables.results(points, "Effect of a call on readmission, percentage points.", digits=2)

# %% mystnb={"code_prompt_show": "Show how figure 2 is drawn", "figure": {"name": "fig-readmission-estimates"}, "image": {"alt": "Eight estimates of the effect of a call in percentage points, with 95% intervals. Called minus not called is plus 0.2 and adjusting for age and the visit gives minus 0.35, with an interval that holds zero; both miss the exact ATE of minus 1.9. Adjusting for age and the pilot cover it. With transport both routes find minus 3, without transport zero."}} tags=["hide-input"]
ate, mobile, stranded = points["exact"].iloc[[0, 4, 6]]
panels = [
    (points.iloc[:4], {"ATE": ate}),
    (points.iloc[4:], {"with transport": mobile, "without": stranded}),
]
_, axes = plt.subplots(2, 1, figsize=(5.6, 5), sharex=True)
for ax, (part, known) in zip(axes, panels, strict=True):
    naive = [name for name in part.index[[0, 2]] if "transport" not in name]
    figures.estimates(part, truth=known, naive=naive, xlabel="", digits=1, ax=ax)
axes[1].set_xlabel("effect of a call (percentage points)")
plt.show()

# %% [markdown]
# *Figure 2. What a call does. The comparison of called and uncalled patients sees no help at all, because the called are older.*
#
# A call prevents about two readmissions in a hundred patients; three in a hundred with transport, none without. The routine table and the pilot agree.
#
# ### Risk and effect
#
# Now put the two questions on one axis. For each age, the share that will be back without a call, and the share that a call would save:


# %%
def replay(call, shuttle):
    return world.model.imagine(year, call=call, shuttle=shuttle, rng=6)["readmitted"]


replays = {(c, s): replay(c, s) for c in (0, 1) for s in (0, 1)}
saved = replays[0, 0] - replays[1, 0]
bins = 51 + 2 * ((year["age"] - 50) // 2)
curves = pd.DataFrame({"not called": replays[0, 0], "saved": saved})
curves = 100 * curves.groupby(bins).mean()

# %% mystnb={"code_prompt_show": "Show how figure 3 is drawn", "figure": {"name": "fig-readmission-risk-effect"}, "image": {"alt": "Two curves over age from 50 to 90, in patients per 100. Readmitted without a call rises from about 2.5 at 50 to about 13 at 90, steeply after 70. Saved by a call rises from 1.7 at 50 to about 2.7 at 70 and then falls to nearly zero at 90. The top quarter of the scores, patients above 82 or above 76 with a chronic disease, is where the saving is least."}} tags=["hide-input"]
_, ax = plt.subplots()
looks = {
    "not called": (figures.NAIVE, "D", "white", "readmitted,\nif not called"),
    "saved": (figures.TRUTH, "o", figures.TRUTH, "saved by\na call"),
}
for name, (colour, marker, fill, label) in looks.items():
    mark = {"marker": marker, "markerfacecolor": fill, "markersize": 5}
    ax.plot(curves[name], color=colour, **mark)
    ax.text(91, curves[name].iloc[-1] + 0.9, label, va="center")
ax.axhline(0, color=figures.HIDDEN, linewidth=0.8)
ax.set(xlim=(49, 103), xlabel="age (years)", ylabel="patients per 100")
ax.set_xticks(range(50, 91, 10))
plt.show()

# %% [markdown]
# *Figure 3. Risk and effect by age, in the replayed patients. The risk of a patient who is not called rises with age; what a call takes off it falls to nothing.*
#
# The score ranks by the first curve, or nearly. The decision needs the second. They part where transport ends.

# %% [markdown]
# Of all patients 64%<!--readmission-transport:.0%--> have transport; in the top quarter of the scores, 17%<!--readmission-top-transport:.0%-->. More than four calls in five now go to people without it.
#
# ## Try to break it
#
# ### Where a call cannot help
#
# Patients without transport make a placebo test, if we believe the story: a call cannot help them. Nor can it change transport or a chronic disease, which are older than the call.

# %% mystnb={"code_prompt_show": "Show the five placebo checks"} tags=["hide-input"]
stranded = rows[rows["transport"] == 0]
inert = {"treatment": "call", "adjust_for": ages}
checks = {
    "without transport: raw": difference_in_means(stranded, **columns),
    "without transport: adjusted": answers.loc["without transport: age"],
    "transport as the outcome: raw": difference_in_means(
        rows, outcome="transport", treatment="call"
    ),
    "transport as the outcome: adjusted": standardize(
        rows, outcome="transport", **inert, model="logit"
    ),
    "chronic as the outcome: adjusted": standardize(rows, outcome="chronic", **inert),
}
checks = pd.DataFrame(checks).T
tables.results(
    checks[shown], "Differences that should be zero once age is adjusted for."
)

# %% [markdown]
# The called had transport less often by 20<!--readmission-placebo-size:.0f--> points, and as often as others of their age: there is no sign that the nurses looked at transport. What they may have seen and nobody recorded, no check can show. How strong would it have to be?

# %%
everything = [*ages, "chronic", "transport"]
strength = robustness_value(rows, **columns, adjust_for=everything)
print(f"robustness value            {strength['rv_q']:.3f}")
print(f"the same, at the 5% level   {strength['rv_q_alpha']:.3f}")

# %% [markdown]
# By the robustness value of the regression coefficient (a variance-weighted effect, not the ATE above), a confounder that the nurses saw and the table does not hold would have to explain about three percent of what is left of both the calls and the readmissions to make the effect vanish. That is not much: whoever cannot ask the nurses needs the pilot.
#
# ### A better model
#
# Perhaps the score was only too simple. The start-up adds the missing column, transport, to its inputs. Prediction improves. Again the top quarter is called.

# %%
formula = "readmitted ~ age + square + chronic + C(transport)"
better = smf.logit(formula, rows).fit(disp=0)
this_year = year.assign(square=((year["age"] - 70) / 10) ** 2)
full_risk = better.predict(this_year)
by_full = np.where(top(full_risk), replays[1, 0], replays[0, 0])

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
scores = {"the score": year["risk"], "with transport": full_risk}
upgrade = {name: quality(score, year["readmitted"]) for name, score in scores.items()}
upgrade = pd.DataFrame(upgrade).T.drop(columns="accuracy")
upgrade["readmitted"] = [by_score["readmitted"].mean(), by_full.mean()]
caption = (
    "A better prediction, and the readmissions if it chooses; "
    "Monte Carlo errors 0.004, 0.0007 and 0.0008."
)
tables.results(upgrade, caption, digits=4)

# %% [markdown]
# The AUC rises from 0.666<!--readmission-auc:.3f--> to 0.683<!--readmission-auc-full:.3f--> (exact; in the table's sample 0.668<!--readmission-auc-sample:.3f--> and 0.685<!--readmission-auc-full-sample:.3f-->), and now not one call goes to a patient with transport. Readmissions are 64.3<!--readmission-per-full:.1f--> per 1,000, as if nobody were called. Here the better prediction makes the worse calls: transport predicts who returns *because* it decides who can come to the visit, and that is what keeps a call from helping.
#
# ### Why they rose, and when they would not
#
# "Readmissions rose" compares with something, and the document does not say with what. Three statements have to be kept apart.
#
# 1. **Relative to the routine** they rise, because the calls *move*: from patients of all ages, half of whom can come (50%<!--readmission-called-transport:.0%-->), to the oldest, of whom one in six can. Nobody is harmed by a call; somebody else's call is missing. This is the mechanism that reproduces the claim.
# 2. **They stay as they are, or fall,** if transport depends on age half as much, or less. The knob `age_on_transport` says by how much.
# 3. **Relative to no calls at all** they do not rise in this world. A call never harms. For that a further mechanism is needed, `alarm`: a patient who is called, describes symptoms and cannot come is sent to the emergency room. If this raised the risk by a tenth, calls by risk would be worse than none, by 0.3<!--readmission-alarm-tenth:.1f--> per 1,000 (`scenarios.readmission(alarm=0.1)`). Nothing in the document points to such harm, and it is not needed for the claim.

# %%
slopes = np.arange(0, 3.1, 0.25)
turned = {s: scenarios.readmission(age_on_transport=s).truth for s in slopes}

# %% mystnb={"code_prompt_show": "Show how figure 4 is drawn", "figure": {"name": "fig-readmission-mechanism"}, "image": {"alt": "Change in readmissions per 1,000 against the log odds of lacking transport per decade, from 0 to 3. Calls by risk lower readmissions by 2.4 at 0, cross zero at 1.0 and raise them by 1.9 at 2 and by 2.5 at 3. Calls by effect lower them by 5 to 6 throughout. No calls raise them by 8 at 0 and by 3 at 3."}} tags=["hide-input"]
_, ax = plt.subplots()
looks = {
    "no calls": (figures.HIDDEN, ":"),
    "by risk": (figures.NAIVE, "-"),
    "by effect": (figures.TRUTH, "--"),
}
keys = ["do(call=0, shuttle=0)", "by risk", "by effect"]
moved = [[t[RATE(k)] - t["E[readmitted]"] for k in keys] for t in turned.values()]
moved = 1_000 * pd.DataFrame(moved, slopes, list(looks))
for name, (colour, dash) in looks.items():
    ax.plot(moved[name], dash, color=colour)
    lift = {"no calls": 0.3, "by risk": -0.3}.get(name, 0)
    ax.text(3.06, moved[name].iloc[-1] + lift, name, va="center")
ax.plot(2, moved.loc[2, "by risk"], "D", color=figures.NAIVE, mfc="white")
ax.axhline(0, color=figures.ESTIMATE, linewidth=0.8)
ax.set(xlim=(0, 3.7), xlabel="log odds of lacking transport per ten years of age")
ax.set_ylabel("change per 1,000 patients")
ax.set_xticks(range(4))
plt.show()

# %% [markdown]
# *Figure 4. Exact change of readmissions relative to the routine, by how fast transport falls with age. The default world is at 2.*
#
# Where transport has nothing to do with age, calls to the highest risk are nearly as good as can be known from age and disease, because the highest risk then has most to gain. At a slope of about one they change nothing. So the document's result is no law about accurate models; here it takes a cause of risk that also blocks the remedy.

# %% [markdown]
# ## The decision
#
# ### Who gets the calls
#
# Six rules spend the same budget. Two of them need the effect: it is estimated from the pilot, once with transport among the inputs and once from the score's own inputs, age and chronic disease. Before a rule is tried on anybody, last year's table can say what to expect of it: fit readmission given call and patient, and average the predictions under the rule. Then we replay the new year, and hold both against the exact figure. (The exact figures are for rules that know the risks and effects; ours know estimates.)

# %%
pilot_rows = pilot.assign(square=((pilot["age"] - 70) / 10) ** 2)
no_ride = pilot_rows[pilot_rows["shuttle"] == 0]


def logit_of(terms, table):
    return smf.logit(f"readmitted ~ {terms}", table).fit(disp=0)


fits = {
    "uplift": logit_of("age + chronic + transport * call * shuttle", pilot_rows),
    "blind": logit_of("call * (age + square + chronic)", no_ride),
    "last year": logit_of("age + square + chronic + transport * call", rows),
}


# %%
def gain(model, people):
    on, off = (fits[model].predict(people.assign(call=d)) for d in (1, 0))
    return off - on


# %% [markdown]
# First, what do a hundred calls buy? That depends on who gets them: those whom the nurses called (the ATT), those whom the score would call, or those whom the pilot's estimates would call. All three can be had from last year's table, adjusted for age.

# %% mystnb={"code_prompt_show": "Show what a hundred calls buy"} tags=["hide-input"]
priority = gain("uplift", rows.assign(shuttle=0))
calls = {
    "the nurses called": (rows, "ATT", "E[readmitted]"),
    "the score calls": (rows[top(rows["risk"])], "ATE", RATE("by risk")),
    "the pilot's effects call": (rows[top(priority)], "ATE", RATE("by effect")),
}
bought = {
    name: standardize(
        group, **columns, adjust_for=ages, model="logit", estimand=estimand
    )
    for name, (group, estimand, _) in calls.items()
}
bought = 100 * pd.DataFrame(bought).T[shown]
none = truth[RATE("do(call=0, shuttle=0)")]
bought["exact"] = [100 * (truth[key] - none) / 0.25 for *_, key in calls.values()]
tables.results(
    bought, "Change of readmissions per 100 calls to those whom ...", digits=2
)

# %% [markdown]
# In exact figures, a hundred calls prevent 1.7<!--readmission-buy-nurses-exact:.1f--> readmissions if the nurses choose and 0.9<!--readmission-buy-score-exact:.1f--> if the score does. Moving them loses the difference. (The last exact figure is for a rule that knows the effects.) Now the rates that follow, for all the rules.


# %% mystnb={"code_prompt_show": "Show how a rule is foreseen and replayed"} tags=["hide-input"]
def rates(people, on, off, routine):
    luck = np.random.default_rng(7).random(len(people))
    goes_by = {
        "at random": luck,
        "by risk": people["risk"],
        "by full risk": better.predict(people),
        "by effect": gain("uplift", people),
        "by effect, same inputs": gain("blind", people),
    }
    called = {name: top(score) for name, score in goes_by.items()}
    ruled = {name: np.where(calls, on, off).mean() for name, calls in called.items()}
    return {"routine": routine.mean(), "no calls": off.mean(), **ruled}


on, off = (fits["last year"].predict(rows.assign(call=d)) for d in (1, 0))
foreseen = rates(rows, on, off, fits["last year"].predict(rows))
replayed = rates(this_year, replays[1, 0], replays[0, 0], this_year["readmitted"])

# %%
who = 1_000 * pd.DataFrame({"foreseen": foreseen, "replayed": replayed})
keys = {"routine": "E[readmitted]", "no calls": RATE("do(call=0, shuttle=0)")}
who["exact"] = [1_000 * truth[keys.get(name, RATE(name))] for name in who.index]
caption = (
    "Readmissions per 1,000 by rule; Monte Carlo errors of those replayed up to 0.8."
)
tables.results(who, caption, digits=1)

# %% mystnb={"code_prompt_show": "Show how figure 5 is drawn", "figure": {"name": "fig-readmission-policies"}, "image": {"alt": "Readmissions per 1,000 patients under seven rules. No calls and calls by full risk 64.3, by risk 62.0, routine 60.1, at random 59.5, by effect from the score's own inputs 57.0, by effect with transport 54.4. Both rules that go by risk lie above the dashed line of the routine."}} tags=["hide-input"]
order = who["exact"].sort_values(ascending=False)
_, ax = plt.subplots(figsize=(5.6, 3.2))
for y, (name, rate) in enumerate(order.items()):
    naive = "risk" in name
    colour = figures.NAIVE if naive else figures.ESTIMATE
    ax.plot(
        rate, y, "D" if naive else "o", color=colour, mfc="white" if naive else colour
    )
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    ax.text(rate + 0.35, y, f"{rate:.1f}", va="center", bbox=box)
ax.axvline(who.loc["routine", "exact"], color=figures.HIDDEN, linestyle="--", zorder=0)
ax.set_yticks(range(len(order)), order.index)
ax.set(ylim=(len(order) - 0.5, -0.5), xlim=(53, 66.5))
ax.set_xlabel("readmissions per 1,000 patients")
plt.show()

# %% [markdown]
# *Figure 5. Readmissions under six rules for the same number of calls, and without calls, exact. Open diamonds: rules that go by a prediction.*
#
# - Last year's table, adjusted, **foresaw** that calls by risk would raise readmissions (to 62.4<!--readmission-foreseen-risk:.1f-->), before anybody was called by score. How surely, the intervals per 100 calls above say.
# - Drawing lots would have been better than the score, and a little better than the nurses, who lean towards the old for the same good reason.
# - **From the score's own inputs**, age and disease, ranking by effect brings 57.0<!--readmission-per-inputs:.1f-->. The columns were not the problem, the target was.
# - **With transport among the inputs** it brings 54.4<!--readmission-per-effect:.1f-->: 229<!--readmission-year-effect:.0f--> readmissions fewer a year than in the routine. The same column that ruined the rule by risk makes the rule by effect.
#
# The rule by effect gives up on those who cannot come, who are at the highest risk. That is what a call can do, not what the hospital can do: exercise 4 buys shuttles.

# %% [markdown]
# ### The model, after it was acted upon
#
# Back to the rule by risk. How does the same score do in the year in which it chose the calls? The changes are small, so we replay 400,000 patients.

# %%
crowd = world.model.sample(400_000, rng=8)
crowd_by_score = world.model.imagine(crowd, call=lambda risk: top(risk), rng=9)
after = calibration(crowd_by_score)
level = scenarios.readmission(age_on_transport=0.0).truth

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
high = top(crowd["risk"])


def review(people):
    found = quality(people["risk"], people["readmitted"])
    found["calibration slope"] = calibration(people).loc["slope", "estimate"]
    for name, group in {"top quarter": high, "the others": ~high}.items():
        found[f"{name}: mean score"] = people.loc[group, "risk"].mean()
        found[f"{name}: readmitted"] = people.loc[group, "readmitted"].mean()
    return found


years = {"routine": crowd, "top scores called": crowd_by_score}
report = pd.DataFrame({name: review(people) for name, people in years.items()})
caption = (
    "The score before and after it decides on the calls; Monte Carlo errors "
    "of the AUC 0.002, of the slope 0.012, of the rest at most 0.001."
)
tables.results(report, caption, digits=4)

# %% mystnb={"code_prompt_show": "Show how figure 6 is drawn", "figure": {"name": "fig-readmission-calibration"}, "image": {"alt": "Share readmitted minus mean score, in points, for ten groups of patients by mean score. Under the routine the open diamonds lie around zero. Once the score decides on the calls, the seven lower groups lie above zero, by up to half a point, and the three highest below it by about as much."}} tags=["hide-input"]
tenth = pd.qcut(crowd["risk"], 10, labels=False)
_, ax = plt.subplots()
ax.axhline(0, color=figures.HIDDEN, linewidth=0.8)
looks = [(figures.CONTROL, "D", "white"), (figures.TREATED, "o", figures.TREATED)]
for (name, people), (colour, marker, fill) in zip(years.items(), looks, strict=True):
    gap = (100 * (people["readmitted"] - people["risk"])).groupby(tenth)
    shift = 0.0005 if marker == "o" else -0.0005
    ax.errorbar(
        people["risk"].groupby(tenth).mean() + shift,
        gap.mean(),
        yerr=1.96 * gap.sem(),
        fmt=marker,
        color=colour,
        mfc=fill,
        markersize=5,
        label=name,
    )
ax.legend(loc="lower left")
ax.set(xlabel="mean score", ylabel="readmitted minus score\n(points)")
plt.show()

# %% [markdown]
# *Figure 6. Share readmitted minus mean score, by tenths of the score, before and after it decides on the calls; 400,000 replayed patients with 95% intervals. On the line a score is calibrated.*
#
# Patients who lost their calls are back more often than the score said, those who got them less often. The slope falls from one to 0.89<!--readmission-slope-after:.2f-->, the AUC from 0.666<!--readmission-auc:.3f--> to 0.650<!--readmission-auc-after-truth:.3f--> (exact). Nothing was wrong with the score: it predicted a world in which nobody acted on it, and then somebody did. Predictions that change what they predict are called performative (Perdomo et al., 2020). Accuracy falls by what readmissions rise, two patients in a thousand.
#
# Note which way this goes. In the world where transport does not depend on age, calls by score lower readmissions, and there the AUC falls from 0.590<!--readmission-level-auc:.3f--> to 0.539<!--readmission-level-auc-after:.3f--> by the same act: the better the action works, the worse the score may look (Lenert et al., 2019). So judge the deployment by readmissions, against wards drawn by lot that keep the routine, and not by how well the score still predicts.
#
# ## Many worlds
#
# Two hundred fresh years of a smaller hospital, 4,000 patients each.


# %%
def for_age(sample):
    squared = sample.assign(square=((sample["age"] - 70) / 10) ** 2)
    return standardize(squared, **columns, adjust_for=["age", "square"])


# %%
analyses = {
    "called minus not called": lambda sample: difference_in_means(sample, **columns),
    "adjusted for age": for_age,
}
many = replicate(world, analyses, n=4_000, replications=200, rng=9)
shown = ["bias", "bias_error", "rmse", "coverage", "coverage_error"]
tables.results(many[shown], "200 samples of 4,000 patients, exact ATE.", digits=4)

# %% [markdown]
# The raw comparison is off by +0.022<!--readmission-many-raw-bias:+.3f--> on average. Adjusted for age the estimate has no bias that two hundred years could show, and its interval covers in 97%<!--readmission-many-coverage:.0%--> of them.
#
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy randomized_experiment
# ```
#
# Is it a law that those at the highest risk are the hardest to help? Here is a real experiment about the way to a clinic. In rural Malawi people were tested for HIV and could fetch the result at a centre nearby; a draw decided whether they were paid a small sum for coming, and where the centre stood was drawn as well (Thornton, 2008). ([Pricing](pricing_elasticity.ipynb) has the same data, for another question.)

# %%
drawn = thornton_hiv.load_pandas().data.dropna(subset=["any", "distvct"])
drawn = drawn.rename(columns={"any": "paid"}).astype(float)
malawi = drawn.dropna(subset=["got"])
near = malawi["distvct"] <= 1.5  # kilometres
groups = {"everybody": malawi, "near": malawi[near], "far": malawi[~near]}
by_payment = {"outcome": "got", "treatment": "paid"}
came = {name: difference_in_means(g, **by_payment) for name, g in groups.items()}
came = pd.DataFrame(came).T
unpaid = [g.loc[g["paid"] == 0, "got"].mean() for g in groups.values()]
came.insert(0, "came unpaid", unpaid)
tables.results(came, "Fetched the result: effect (ATE) of being paid to come.")

# %% [markdown]
# Are near and far different? The standard errors allow for what people of one village share; four people without a village number count as one more.

# %%
village = malawi["villnum"].fillna(0).astype(int)
kept = {"cov_type": "cluster", "cov_kwds": {"groups": village}}
by_way = smf.ols("got ~ paid * far", malawi.assign(far=1 - near)).fit(**kept)
gaps = pd.DataFrame({"estimate": by_way.params, "std_error": by_way.bse})
gaps = gaps.loc[["far", "paid:far"]].set_axis(["came unpaid", "effect of being paid"])
tables.results(gaps, "Far minus near.")

# %% [markdown]
# In this sample those who live farther away come less often by themselves (31%<!--readmission-malawi-unpaid-far:.0%--> against 38%<!--readmission-malawi-unpaid-near:.0%-->, a difference that chance could make), as in our world. But the payment moves them no less, as far as one can tell: the difference of the two effects is 0.04<!--readmission-malawi-gap-effect:.2f-->, with a standard error of 0.05<!--readmission-malawi-gap-effect-se:.2f-->. A payment makes the way worth going; a call does not make it shorter. So the trap is no law about risk. Whether risk and effect part company is a fact about an action, and an experiment can find it out.
#
# The outcome is not known for 56<!--readmission-malawi-lost-unpaid:.0f--> of 679<!--readmission-malawi-drawn-unpaid:,.0f--> who were offered nothing and for 11<!--readmission-malawi-lost-paid:.0f--> of 2,222<!--readmission-malawi-drawn-paid:,.0f--> who were offered money. Whatever they did, sampling error aside, the ATE of being paid lies between 0.39<!--readmission-malawi-bound-low:.2f--> and 0.48<!--readmission-malawi-bound-high:.2f-->; [Pricing](pricing_elasticity.ipynb) shows how such bounds are found.
#
# ## Exercises
#
# ### Exercise 1. What a threshold is worth
#
# Lower the threshold, so that a patient counts as predicted to return if the score is above 0.1. (a) What is the accuracy on `patients`, and how many of the returning are found? (b) Is the new threshold better? (c) At what threshold is accuracy highest, and what does that say about accuracy?
#
# <details>
# <summary>Solution</summary>
#
# (a) `((patients["risk"] > 0.1) == returned).mean()` falls to about 0.82, and `(patients["risk"] > 0.1)[returned == 1].mean()`, the share of the returning who are found, rises from 0 to about a third. (b) Better for what? If finding a returning patient and a needless alarm cost differently, weigh them; accuracy weighs them equally. (c) For a calibrated score accuracy is highest at one half, where here nobody is named. It rewards silence whenever the outcome is rare.
#
# </details>
#
# ### Exercise 2. Nurses who know
#
# Suppose the nurses had only called patients whom they knew to have transport, a quarter of them whatever their age: `world.model.do(call=Bernoulli(lambda transport: 0.25 * transport))`. (a) Which of {age}, {transport}, {age, transport} does `identify.backdoor` accept? (b) What do the three adjustments give, and what stands in the way of two of them? (c) Which effect can be learned at all?
#
# <details>
# <summary>Solution</summary>
#
# (a) Those with transport: call ← transport → visit is now a backdoor path, and with age alone it stays open. (b) Age alone exaggerates the effect, because the uncalled include all who cannot come. With transport, alone or beside age, there is no overlap: nobody without transport was called, and the recipe refuses. (c) The effect among patients with transport, by comparing within them. The hospital can rank patients with transport by it. Whether to leave the others out depends on their CATE, about which the table says nothing.
#
# </details>
#
# ### Exercise 3. Trained on its own consequences
#
# Open-ended. Take a world in which calls to the highest risk help, because transport does not depend on age: `scenarios.readmission(age_on_transport=0.0, age_on_readmission=0.4, chronic_on_readmission=0.0)`. Each year, fit a logistic regression of readmission on age, its square and chronic disease to the year before, and call the top quarter of *its* scores. Run six years. Record the readmissions, and how many patients of a fixed list would be called in two successive years. What happens, why, and what should the model predict instead?
#
# <details>
# <summary>Solution</summary>
#
# A start for year `t`, with `model` of that world and `fit` of the year before: `model.do(call=lambda age, chronic: top(fit.predict(pd.DataFrame({"age": age, "chronic": chronic})))).sample(40_000, rng=t)`, then fit again. The first model calls the old, and it works. The second sees that the old returned seldom, takes them for low risks and sends the calls to others; the third finds the old at high risk again. Most of the called change from one year to the next, and every other year is worse: about 44 readmissions per 1,000, as under the nurses' routine, instead of 41.5. Let the model predict the outcome *without a call*: put the call among the regressors and predict with it set to zero. Then it stays with those whom it helps. Even that rests on extrapolation once the calls are decided by the inputs alone, as no two patients alike differ in the call; a few calls decided by a coin keep the overlap.
#
# </details>

# %% [markdown]
# ### Exercise 4. Calls or shuttles
#
# Open-ended code. A shuttle repairs the cause. It costs more than a call, so spend the same money: the price of calling one patient in four. A patient can get a call, a shuttle or both; the effects come from the pilot's two coins (`fits["uplift"]`). Buy for each patient the package that prevents most per unit of money, best first, and replay the year for shuttles that cost from half a call to six calls. Up to what price do shuttles prevent more than calls to those who can come? And what do shuttles with calls for the highest risks without transport bring?
#
# <details>
# <summary>Solution</summary>
#
# If a shuttle costs as much as a call, the best mix brings 49.6<!--readmission-mix-1:.1f--> readmissions per 1,000 and shuttles with calls for the highest risks 49.8<!--readmission-shuttle-1:.1f-->; at three calls the latter bring 56.5<!--readmission-shuttle-3:.1f-->, more than calls by effect (54.4<!--readmission-replayed-effect:.1f-->) and fewer than calls by risk. Per unit of money a call to a patient who can come prevents more, unless a shuttle costs less than about two calls. A shuttle with a call, for a few of those at the highest risk, brings fewer readmissions than calls to all of them (62.1<!--readmission-replayed-risk:.1f-->) at every price tried. The best mix is best by this pilot's estimates only: learned from each of 24 other pilots it brought 50.2 on average at that first price, and fewer than shuttles with calls by risk in nine. That is how this world was built, after the document's diagnosis; it shows what the diagnosis implies, and not that it was right about the start-up. What it costs to leave nobody behind is in the table; whether to pay it is for the hospital to decide and not for the model.
#
# </details>

# %% tags=["hide-cell"]
actions = [(1, 0), (0, 1), (1, 1)]
people = this_year.drop(columns=["call", "shuttle"])
at_rest = fits["uplift"].predict(people.assign(call=0, shuttle=0))
promised = np.column_stack(
    [
        at_rest - fits["uplift"].predict(people.assign(call=c, shuttle=s))
        for c, s in actions
    ]
)
actual = np.column_stack([replays[action] for action in actions])


def spend(cost, worth, budget=0.25):
    """Buy for each patient the package worth most per unit of money, best first."""
    package = (worth / cost).argmax(axis=1)
    rows = np.arange(len(package))
    first = np.argsort(-(worth / cost)[rows, package])
    bought = first[np.cumsum(cost[package][first]) <= budget * len(package)]
    outcome = replays[0, 0].to_numpy().copy()
    outcome[bought] = actual[bought, package[bought]]
    return 1_000 * outcome.mean()


# %% tags=["hide-cell"]
stranded_risk = (year["risk"] * (year["transport"] == 0)).to_numpy()
only_both = stranded_risk[:, np.newaxis] * [0, 0, 1]
bill = {}
for price in [0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8]:
    cost = np.array([1, price, 1 + price])
    bill[price] = {
        "shuttle and call by risk": spend(cost, only_both),
        "best mix": spend(cost, promised),
    }
bill = pd.DataFrame(bill).T.rename_axis("price")
bill["calls by effect"] = who.loc["by effect", "replayed"]
bill["calls by risk"] = who.loc["by risk", "replayed"]
caption = (
    "Readmissions per 1,000 for the same money, by the price of a shuttle in calls; "
    "differences within a row have Monte Carlo errors of at most 0.5."
)
tables.results(bill.loc[[0.5, 1, 3, 6]], caption, digits=1)

# %% [markdown]
# ## What the document says
#
# The claims of Wael (n.d.) about accuracy, and its takeaway. What it says of the ladder is audited in [The ladder of causation](ladder_of_causation.ipynb).
#
# <details>
# <summary>Claims of The Secret to Actionable ML, on accuracy, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | 94% accuracy shows that the readmission model was textbook. | cannot be tested here | With 6.0%<!--readmission-base:.1%--> readmitted, 'nobody will be back' scores 94.0%<!--readmission-accuracy:.1%--> too. (The document does not say how many are.) The AUC, 0.666<!--readmission-auc:.3f-->, does tell the two apart. |
# | High accuracy is killing your return on investment. | holds in part | Not the accuracy, its use. A better prediction made the calls worse (64.3<!--readmission-per-full:.1f--> readmitted per 1,000 against 62.0<!--readmission-per-risk:.1f-->); where transport does not depend on age the same use helps (−2.4<!--readmission-flat-risk:+.1f-->). |
# | When the predictions chose the follow-up calls, readmissions increased. | cannot be tested here | It can happen: against calls by routine 60.1<!--readmission-per-routine:.1f--> to 62.0<!--readmission-per-risk:.1f--> per 1,000, because calls move away from those whom they help. Against no calls (64.3<!--readmission-per-none:.1f-->) they fall, unless calls do harm. The document says neither what it compares with nor by how much they rose. |
# | The model captured a correlation of age and risk, and missed the cause, which was lack of transport. | cannot be tested here | Assumed in this world: 64%<!--readmission-transport:.0%--> have transport, 17%<!--readmission-top-transport:.0%--> in the top quarter, and a call needs it. But giving the model the cause as an input makes its calls worse still. |
# | Calling the patients did not solve the transport bottleneck. | cannot be tested here | Assumed in this world: effect of a call with transport −3.0<!--readmission-cate-mobile-points:.1f--> points, without 0.0<!--readmission-cate-stranded-points:.1f-->; of a shuttle without transport −6.2<!--readmission-shuttle-points:.1f-->. |
# | Answering 'what should we do' with an associational model, you pull levers that have no causal link to the outcome. | holds in part | The half about levers: the call has an effect, of −1.9<!--readmission-ate-points:.1f--> points on average. The model sends 83%<!--readmission-top-stranded:.0%--> of the calls to where it has none. |
# | The problem is not the data or the features, it is the missing causal logic. | holds in part | From the score's own inputs a ranking by effect brings 57.0<!--readmission-per-inputs:.1f-->; but the missing column brings it to 54.4<!--readmission-per-effect:.1f-->. |
# | Fed enough data, a model will find every correlation. | holds in part | Among its columns: the score is the best there is for its inputs, AUC 0.666<!--readmission-auc:.3f-->. More rows add nothing, another column does: with transport 0.683<!--readmission-auc-full:.3f-->. |
# | If the intervention changes the relationships that the model learned, the correlations vanish after deployment. | holds in part | They change: AUC 0.666<!--readmission-auc:.3f--> to 0.650<!--readmission-auc-after-truth:.3f-->, calibration slope 1 to 0.89<!--readmission-slope-after:.2f-->. Where the calls reach people whom they help, more: AUC 0.590<!--readmission-level-auc:.3f--> to 0.539<!--readmission-level-auc-after:.3f-->. They do not vanish. |
# | Accuracy measures how well you capture patterns, causal inference how well you can change the world. | holds in part | The second half is this chapter. The first is too kind: with a rare outcome, accuracy does not measure patterns either. The AUC and the Brier score do. |
#
# </details>


# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
truth = world.truth
alarms = [0.0, 0.05, 0.1, 0.2]
loud = {h: scenarios.readmission(alarm=h).truth for h in alarms}
heard = {
    h: [t[RATE(k)] for k in ("do(call=0, shuttle=0)", "by risk")]
    for h, t in loud.items()
}
heard = (1_000 * pd.DataFrame(heard).T).set_axis(["no calls", "calls by risk"], axis=1)
heard["difference"] = heard["calls by risk"] - heard["no calls"]
expected = truth[RATE("by risk")] - truth["E[readmitted]"]
binomial = truth["E[readmitted]"] * (1 - truth["E[readmitted]"])
by_luck = np.sqrt(2 * 40_000 * binomial)
change = by_score["readmitted"] - year["readmitted"]
keys = [
    "raw",
    "adjusted",
    "visit",
    "pilot",
    "mobile",
    "mobile-pilot",
    "stranded",
    "stranded-pilot",
]
ridden = year.loc[year["call"] == 1, "transport"].mean()
better_use = who.loc["routine", "exact"] - who.loc["by effect", "exact"]
by_score_rows, sound = many.iloc[0], many.iloc[1]
held = drawn.groupby("paid")["got"].agg(["size", "count", "sum"])
arms = {"unpaid": held.loc[0], "paid": held.loc[1]}
least = held["sum"] / held["size"]
most = (held["sum"] + held["size"] - held["count"]) / held["size"]


def expected_rows(call, nodes=400):
    """Return P(Y = 1 | age, call) on a grid of ages, and how common each row is."""
    z = 4 * (np.arange(nodes) + 0.5) / nodes - 2
    rides, called = expit(1.2 - 2 * z), 0.25 * (1 + 0.4 * z)
    visits = rides * (0.5 + 0.45 * call) + (1 - rides) * 0.05
    risk = 0.7 * expit(0.3 * z - 2.53) + 0.3 * expit(0.3 * z - 2.13)
    weight = called if call else 1 - called
    grid = {"age": 70 + 10 * z, "square": z**2, "call": call, "weight": weight}
    return pd.DataFrame(grid | {"readmitted": risk * (1 - 0.9 * visits)})


grid = pd.concat([expected_rows(0), expected_rows(1)])
weights = {"family": Binomial(), "freq_weights": grid["weight"].to_numpy()}
limit = smf.glm("readmitted ~ call * (age + square)", grid, **weights).fit()
limits = [limit.predict(expected_rows(0).assign(call=d)).mean() for d in (1, 0)]
exact_means = [expected_rows(d)["readmitted"].mean() for d in (1, 0)]
numbers = {
    "readmission-accuracy": 1 - truth["E[readmitted]"],
    "readmission-accuracy-sample": grades.loc["the score", "accuracy"],
    "readmission-auc": truth["AUC"],
    "readmission-auc-sample": upgrade.loc["the score", "AUC"],
    "readmission-auc-full-sample": upgrade.loc["with transport", "AUC"],
    "readmission-brier": truth["Brier score"],
    "readmission-base": truth["E[readmitted]"],
    "readmission-slope-before": before.loc["slope", "estimate"],
    "readmission-per-routine": 1_000 * truth["E[readmitted]"],
    "readmission-per-risk": 1_000 * truth[RATE("by risk")],
    "readmission-per-effect": 1_000 * truth[RATE("by effect")],
    "readmission-rise": 1_000 * expected,
    "readmission-year": 40_000 * expected,
    "readmission-year-sd": by_luck,
    "readmission-adjusted-limit-points": 100 * (limits[0] - limits[1]),
    "readmission-ate-points": 100 * truth["ATE"],
    **{
        f"readmission-{key}": row["estimate"]
        for key, (_, row) in zip(keys, answers.iterrows(), strict=True)
    },
    **{
        f"readmission-{key}": truth[name]
        for key, name in {"ate": "ATE", "cate-mobile": "CATE(transport=1)"}.items()
    },
    **{
        f"readmission-{key}-size": -100 * truth[name]
        for key, name in {"ate": "ATE", "cate-mobile": "CATE(transport=1)"}.items()
    },
    "readmission-raw-truth": truth["raw difference"],
    "readmission-called-transport": ridden,
    "readmission-top-transport": truth["P(transport | top risk)"],
    "readmission-transport": truth["P(transport)"],
    "readmission-placebo-raw": checks["estimate"].iloc[2],
    "readmission-placebo-size": -100 * checks["estimate"].iloc[2],
    "readmission-placebo-adjusted": checks["estimate"].iloc[3],
    "readmission-auc-full": truth["AUC of full risk"],
    "readmission-per-full": 1_000 * truth[RATE("by full risk")],
    "readmission-per-none": 1_000 * truth[RATE("do(call=0, shuttle=0)")],
    "readmission-flat-risk": moved.loc[0.0, "by risk"],
    "readmission-alarm-tenth": heard.loc[0.1, "difference"],
    "readmission-no-alarm": heard.loc[0.0, "difference"],
    **{
        f"readmission-buy-{key}": row["estimate"]
        for key, (_, row) in zip(
            ["nurses", "score", "effects"], bought.iterrows(), strict=True
        )
    },
    **{
        f"readmission-buy-{key}-exact": -row["exact"]
        for key, (_, row) in zip(
            ["nurses", "score", "effects"], bought.iterrows(), strict=True
        )
    },
    **{
        f"readmission-per-{key}": who.loc[name, "exact"]
        for key, name in {
            "random": "at random",
            "inputs": "by effect, same inputs",
        }.items()
    },
    **{
        f"readmission-{column}-{key}": who.loc[name, column]
        for key, name in {"risk": "by risk", "effect": "by effect"}.items()
        for column in ("foreseen", "replayed")
    },
    "readmission-year-effect": 40 * better_use,
    **{f"readmission-shuttle-{price}": bill.loc[price].iloc[0] for price in (1, 3)},
    "readmission-mix-1": bill.loc[1, "best mix"],
    "readmission-level-auc": level["AUC"],
    "readmission-level-auc-after": level["AUC, by risk"],
    "readmission-slope-after": after.loc["slope", "estimate"],
    "readmission-auc-after": report.loc["AUC"].iloc[1],
    "readmission-auc-after-truth": truth["AUC, by risk"],
    "readmission-brier-after-truth": truth["Brier score, by risk"],
    "readmission-top-before": 100 * truth["E[readmitted | top risk]"],
    "readmission-top-after": 100 * truth["E[readmitted | top risk, by risk]"],
    "readmission-many-bias": sound["bias"],
    "readmission-many-raw-bias": by_score_rows["bias"],
    "readmission-many-coverage": sound["coverage"],
    **{
        f"readmission-malawi-unpaid-{way}": share
        for way, share in came["came unpaid"].iloc[1:].items()
    },
    **{
        f"readmission-malawi-gap-{key}{end}": row[part]
        for key, (_, row) in zip(["unpaid", "effect"], gaps.iterrows(), strict=True)
        for end, part in {"": "estimate", "-se": "std_error"}.items()
    },
    "readmission-malawi-bound-low": least[1] - most[0],
    "readmission-malawi-bound-high": most[1] - least[0],
    "readmission-malawi-unpaid": came["came unpaid"].iloc[0],
    **{f"readmission-malawi-{name}": came.loc[name, "estimate"] for name in groups},
    **{f"readmission-malawi-drawn-{key}": arm["size"] for key, arm in arms.items()},
    **{
        f"readmission-malawi-lost-{key}": arm["size"] - arm["count"]
        for key, arm in arms.items()
    },
    "readmission-cate-mobile-points": 100 * truth["CATE(transport=1)"],
    "readmission-cate-stranded-points": 100 * truth["CATE(transport=0)"],
    "readmission-shuttle-points": 100 * truth["CATE of a shuttle(transport=0)"],
    "readmission-top-stranded": 1 - truth["P(transport | top risk)"],
}
tables.store(
    numbers,
    adjusted=adjusted,
    after=after,
    before=before,
    bill=bill,
    bought=bought,
    by_hand=by_hand,
    came=came,
    change=change.describe(),
    checks=checks,
    curves=curves,
    exact_means=exact_means,
    gaps=gaps,
    grades=grades,
    heard=heard,
    highest=patients["risk"].max(),
    many=many,
    moved=moved,
    no_village=malawi["villnum"].isna().sum(),
    points=points,
    raw=raw,
    report=report,
    ridden=ridden,
    rides_at_the_top=year.loc[top(full_risk), "transport"].sum(),
    upgrade=upgrade,
    who=who,
)
estimands = ["ATE"] * 4 + ["CATE, transport"] * 2 + ["CATE, no transport"] * 2
known = {
    name: (row, estimand, exact / 100, "this world", "exact truth")
    for (name, row), estimand, exact in zip(
        answers.iterrows(), estimands, points["exact"], strict=True
    )
}
tables.scoreboard(known)
