# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Asthma and pneumonia
#
# **The question.** A model predicts very well which patients die of pneumonia. It says that those with asthma are the safe ones. Should it decide who gets the intensive beds?
#
# **The answer in short.** In this world patients with asthma die less often than the others (10.1%<!--pneumonia-risk-asthma:.1%--> against 13.4%<!--pneumonia-risk-others:.1%-->), because nearly all of them get an intensive bed, and a model that uses this reaches an AUC of 0.92<!--pneumonia-auc:.2f-->. Give the beds to the patients of highest predicted risk, and deaths rise from 129<!--pneumonia-deaths-now:.0f--> to 143<!--pneumonia-deaths-predicted:.0f--> per 1,000, among asthmatics from 101<!--pneumonia-asthma-now:.0f--> to 457<!--pneumonia-asthma-predicted:.0f-->: the prediction describes the ward as it works, and the advice is to make it work otherwise. As many beds, given by the effect of care, bring 105<!--pneumonia-deaths-effect:.0f--> deaths per 1,000, and the same table estimates that effect with one more column and with assumptions that a prediction does not need.
#
# The example is the one of AI/ML Explained (2026); it goes back to a study of real hospitals (Cooper et al., 1997; Caruana et al., 2015).

# %% [markdown]
# ## The story
#
# In the 1990s a project of several institutions trained models of many kinds to predict who would die of pneumonia (Cooper et al., 1997); low-risk patients might then have been treated at home. One method returned rules that a person can read, and one of its rules said that a history of asthma lowers the risk. The doctors had an explanation. They knew that asthma makes pneumonia worse, and sent such patients straight to intensive care, where they did well. Caruana et al. (2015) tell how the most accurate model, a neural network, was therefore not used: nobody could tell what else of this kind it had learned.
#
# We build that ward, with its truth. A hospital has intensive beds for somewhat more than a quarter of its patients with pneumonia. So far the doctors have given them out by a rule of their own, roughly followed. Now a model is to do it, the one that predicts best.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
import xgboost
from causaldata import nhefs_complete
from scipy.stats import rankdata

from casestudies import identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.sensitivity import bias_bounds, robustness_value
from casestudies.recipes.standardization import standardize
from casestudies.recipes.weighting import weight
from casestudies.sampling.kind_counts import (
    count_kinds,
    gain_on_counts,
    logit_on_counts,
)
from casestudies.sampling.montecarlo import replicate
from casestudies.scenarios.pneumonia import kinds, triage
from casestudies.scm import Bernoulli

figures.house_style()

# %% [markdown]
# ## The world
#
# Age $G$ is 45, 55, ..., 85, with $Z = (G - 65) / 10$. Severity $S$ counts danger signs on arrival, 0 to 4, each with probability $\operatorname{expit}(-1 + 0.3\, Z)$. Asthma $A$ has 15% of patients, drawn apart from everything else. Frailty $F$ is seen by nobody, but most of the frail come with a walking frame $W$. Intensive care $C$ and death $Y$ follow
#
# $$
# \begin{aligned}
# P(F = 1) &= \operatorname{expit}(-1.8 + 0.6\, Z), \qquad P(W = 1) = 0.05 + 0.85\, F \\
# P(C = 1) &= \operatorname{expit}(-5 + 2\, S + 0.4\, Z + 7\, A) \\
# P(Y = 1) &= \operatorname{expit}(-7 + 3\, S + 0.4\, Z + 1.2\, F - 2\, C + 4\, A\,(1 - C) + 0.5\, A\, C)
# \end{aligned}
# $$
#
# Asthma does harm: much on the ordinary ward (log odds 4), little in intensive care (0.5). The sizes are larger than life, so that a sample shows them; each is an argument of the world, and we turn some of them below.

# %% mystnb={"code_prompt_show": "Show how figure 1 is drawn", "figure": {"name": "fig-pneumonia-graph"}, "image": {"alt": "Causal graph. Age points to severity, care, death and frailty. Severity and asthma point to care and to death, care points to death. Frailty, which is not recorded, points to death and to walking frame. Nothing points to asthma, and no arrow leaves walking frame."}} tags=["hide-input"]
world = scenarios.pneumonia()
truth = world.truth
places = {"asthma": (0, 0), "care": (1.7, 0), "death": (3.6, 0)}
places |= {"severity": (0.6, 1.2), "age": (1.7, 2.3)}
places |= {"frailty": (3.6, 1.4), "walking_frame": (3.6, 2.6)}
_, ax = plt.subplots(figsize=(5.6, 4.0))
roles = {"treatment": "care", "outcome": "death", "hidden": ["frailty"]}
labels = {"walking_frame": "walking\nframe"}
figures.causal_graph(world.model.graph, **roles, positions=places, labels=labels, ax=ax)
plt.show()

# %% [markdown]
# *Figure 1. The ward. Asthma works on death directly and through the care that it brings; age and severity drive both care and death; a walking frame does nothing.*
#
# A year of records, 20,000 patients:

# %%
data = world.sample(20_000, rng=31)
seen = data.groupby("asthma")[["age", "severity", "care", "death"]].mean()
seen.insert(0, "patients", data["asthma"].value_counts())
tables.results(seen, "Means by asthma, 20,000 patients.")

# %% [markdown]
# Asthmatics come as old and as ill as the others. They are almost all in intensive care, and they die less often.

# %% [markdown]
# ## The trap
#
# ### A very good prediction
#
# We train boosted trees on what is known at the door.

# %%
door = ["age", "severity", "asthma", "walking_frame"]
settings = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.1, "nthread": 1}
features = xgboost.DMatrix(data[door], label=data["death"])
trees = xgboost.train(settings, features, num_boost_round=100)

# %% [markdown]
# The AUC is the probability that a patient who dies has a higher predicted risk than one who lives. We measure it on 20,000 fresh patients, and hold it against the AUC of the exact risk $P(Y = 1 \mid G, S, A, W)$, which no model with these columns can beat.


# %%
def auc(score, died):
    cases, above = died.sum(), rankdata(score)[died == 1].sum()
    return (above - cases * (cases + 1) / 2) / (cases * (len(died) - cases))


# %%
fresh = world.sample(20_000, rng=32)
predicted = pd.Series(trees.predict(xgboost.DMatrix(fresh[door])), fresh.index)
accuracy = {"trees, on fresh patients": auc(predicted, fresh["death"])}
accuracy["exact risk, the best there is"] = truth["AUC of predicted risk"]
accuracy = pd.Series(accuracy, name="AUC")
tables.results(accuracy, "How well death is predicted.")

# %% [markdown]
# By this measure the trees are as good as a model of these columns can be. On average they are right about asthmatics, within chance: the fresh ones were given a mean risk of 10.3%<!--pneumonia-given-asthma:.1%-->, and 9.6%<!--pneumonia-died-asthma:.1%--> of them died.

# %% [markdown]
# ### A very bad triage
#
# So the beds go to the patients with the highest predicted risk, as many beds as before. Guess first: 129<!--pneumonia-deaths-now:.0f--> of 1,000 patients die now. How many will, and how many of the asthmatics? A simulated world has a table that no hospital has: every kind of patient that the four columns tell apart, with its exact risk as the ward works now, without intensive care, and with it. `triage` fills the beds from the highest score down; patients of the last kind to fit share what is left by lot. Here are the kinds aged 65 who walk without a frame and have one danger sign or two.

# %%
table = kinds(world.model)
table["trees"] = trees.predict(xgboost.DMatrix(table[door]))
beds = truth["E[care]"]
table["bed"] = triage(table, table["trees"], beds=beds)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
typical = table.query("age == 65 and walking_frame == 0 and severity in (1, 2)")
columns = {"trees": "risk, trees", "risk": "risk, exact"}
columns |= {"risk_without": "without care", "risk_with": "with care"}
columns |= {"care": "in care now", "bed": "bed by the model"}
typical = typical.set_index(["severity", "asthma"])[list(columns)].rename(
    columns=columns
)
tables.results(typical, "Risk of death and chance of a bed, 65 years old, no frame.")

# %% [markdown]
# Take the asthmatic with one danger sign. The model gives a tiny risk, and is right: 1.3%<!--pneumonia-one-now:.1%-->, because such patients are in intensive care. It takes the bed away, *because of* the low risk, and the risk becomes 50%<!--pneumonia-one-without:.0%-->. With two signs it becomes 95%<!--pneumonia-two-without:.0%-->.

# %% mystnb={"code_prompt_show": "Show how figure 2 is drawn", "figure": {"name": "fig-pneumonia-kinds"}, "image": {"alt": "Scatter of kinds of patients, risk without intensive care against predicted risk on a logarithmic axis. Patients without asthma lie on one rising curve. Asthmatics lie far above it: where the predicted risk is 1 to 3 percent their risk without care climbs from 4 to 80 percent, and that of the others stays below 4. A dotted line at a predicted risk of about 13 percent marks where the beds run out; asthmatics whose risk without care is up to 97 percent lie to its left, on the ordinary ward."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 3.6))
looks = [(0, "no asthma", figures.CONTROL, "o"), (1, "asthma", figures.TREATED, "s")]
for a, name, colour, marker in looks:
    some = table[table["asthma"] == a]
    style = {"color": colour, "marker": marker, "linestyle": "", "label": name}
    fill = "white" if a == 0 else colour
    ax.plot(some["risk"], some["risk_without"], **style, markerfacecolor=fill, ms=5)
ax.set(xscale="log", xlim=(2e-4, 1.3), xlabel="risk as the ward works now (predicted)")
ax.set_ylabel("risk without intensive care")
chosen = triage(table, table["risk"], beds=beds)
least = table.loc[chosen > 0, "risk"].min()
ax.axvline(least, color=figures.HIDDEN, linestyle=":", zorder=0)
ax.text(0.9 * least, 0.3, "ordinary\nward", ha="right")
ax.text(1.1 * least, 0.3, "\nbed", ha="left")
ax.set_xticks([0.001, 0.01, 0.1, 1], ["0.1%", "1%", "10%", "100%"])
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# *Figure 2. Every kind of patient: the risk that the best prediction gives, and the risk if the patient is left on the ordinary ward. Predicted risk sorts by the horizontal axis. The risk without care, on the vertical one, is a better guide (109<!--pneumonia-deaths-without:.0f--> deaths per 1,000 instead of 143<!--pneumonia-deaths-predicted:.0f-->), and what decides is how much of it care removes (105<!--pneumonia-deaths-effect:.0f-->).*
#
# What this does to the ward:

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
lost = table["risk_without"] - table["risk_with"]
table["model"] = table["risk_without"] - table["bed"] * lost
groups = {"all patients": table, "asthma": table[table["asthma"] == 1]}
groups["no asthma"] = table[table["asthma"] == 0]
effect_of_model = pd.DataFrame(
    {
        name: np.average(part[["risk", "model"]], axis=0, weights=part["share"])
        for name, part in groups.items()
    },
    index=["beds as now", "beds by the model"],
).T
caption = "Deaths per 1,000 patients, exact, as many beds, given by the trees."
tables.results(1_000 * effect_of_model, caption, digits=0)

# %% [markdown]
# Fewer of the others die, because they get the beds. The asthmatics who die instead are more.

# %% [markdown]
# ## What must be true
#
# The document sums up what went wrong: monitoring intensity "is the confounder". The story is right and the word is not, and the word says what to do next. A confounder of asthma and death would have an arrow *into* asthma. Here the arrow comes out of it: asthma → care → death. Care is a mediator.


# %%
asthma_on_death = {"treatment": "asthma", "outcome": "death"}
care_on_death = {"treatment": "care", "outcome": "death"}
graph = world.model.graph
asked = [(asthma_on_death, []), (asthma_on_death, ["care"])]
asked += [(care_on_death, ["asthma"]), (care_on_death, world.adjust_for)]
for question, names in asked:
    verdict = identify.backdoor(graph, **question, adjust_for=names)
    print(textwrap.fill(str(verdict), 80), end="\n\n")

# %% [markdown]
# The first verdict says that the contrast in the data *is* an effect. (In real wards asthma goes with age and much else; here it does not.) It is the total effect of asthma on death **as care is given now**, −0.033<!--pneumonia-te:.3f-->. Three questions, three numbers:
#
# | Question | Estimand | Exact |
# |---|---|---|
# | How much likelier do asthmatics die, as the ward works now? | total effect | −0.033<!--pneumonia-te:.3f--> |
# | And if nobody got an intensive bed? | CDE, care held at 0 | +0.363<!--pneumonia-cde0:+.3f--> |
# | And if everybody got one? | CDE, care held at 1 | +0.019<!--pneumonia-cde1:+.3f--> |
#
# Asthma is harmful whatever the care, and lowers deaths through the care that it brings. Nobody can be given or spared asthma at the hospital's door, so that "the effect of asthma" is a way of comparing patients. What the hospital *can* set is the care, and that is the treatment from here on: we need the effect of care on death, among all (the ATE, −0.149<!--pneumonia-ate:.3f-->) and for each kind of patient (the CATE). For that question there are confounders, and asthma is one of them.

# %% [markdown]
# > **Assumptions about care, and how each could fail**
# >
# > - **No backdoor path is left open by age, severity and asthma** (conditional exchangeability). It fails if doctors act on something that the record does not hold, say how grey a patient looks. We drop severity from the record below.
# > - **Overlap.** Of every kind of patient some are in intensive care and some are not. It fails if the rule is followed to the letter. We tighten it below.
# > - **Consistency and no interference.** An intensive bed is one kind of care, as good under the new rule as under the old, and one patient's bed changes another's death only by being taken. It fails if a full unit works worse; our rules all use as many beds as the ward does now.
# > - **The outcome model is right**, or flexible enough. It is not exactly right here, as frailty is averaged over: the limit of the regression below misses the ATE by less than 0.0001.

# %% [markdown]
# ## The estimate
#
# ### What intensive care does
#
# Those in intensive care die more often than the others: they are the sickest. First a logistic regression in plain statsmodels, in which every coefficient may differ with care. Predict everybody with and without care, and average: standardization.

# %%
fit = smf.logit("death ~ care * (age + severity + asthma + walking_frame)", data)
fit = fit.fit(disp=0)
without, with_care = (fit.predict(data.assign(care=c)) for c in (0, 1))
print(f"E[death | do(care=0)] {without.mean():.3f}, do(care=1) {with_care.mean():.3f}")

# %% [markdown]
# Then by the recipe, beside the raw comparison and an adjustment that leaves severity out.

# %%
outcome = {"outcome": "death", "treatment": "care"}
raw = difference_in_means(data, **outcome)
some, every = ["age", "asthma", "walking_frame"], door
partly = standardize(data, **outcome, adjust_for=some, model="logit")
adjusted = standardize(data, **outcome, adjust_for=every, model="logit")
names = ["raw", "all but severity adjusted for", "severity adjusted for too"]
answers = pd.DataFrame([raw, partly, adjusted]).set_axis(names)
tables.results(answers, "Effect of intensive care on death; the exact ATE is −0.149.")

# %% mystnb={"code_prompt_show": "Show how figure 3 is drawn", "figure": {"name": "fig-pneumonia-estimates"}, "image": {"alt": "Three estimates with 95% intervals against the exact ATE of minus 0.149. The raw difference is plus 0.11 and the adjustment without severity plus 0.10, both with short intervals far to the right. With severity adjusted for the estimate is minus 0.15 and its interval covers the truth."}} tags=["hide-input"]
figures.estimates(
    answers,
    truth={"exact ATE": truth["ATE"]},
    naive=names[:2],
    xlabel="effect of care on the probability of death",
)
plt.show()

# %% [markdown]
# *Figure 3. Intensive care looks deadly until severity is adjusted for.*
#
# ### Three scores for one bed
#
# The same regression gives, for every kind of patient, the two numbers that the trees could not: the risk without care, and the effect of care. The second is not the first. A bed does most where the risk is high *and* care can lower it.

# %%
for c, name in enumerate(["fit_without", "fit_with"]):
    table[name] = fit.predict(table.assign(care=c))
table["fit_effect"] = table["fit_without"] - table["fit_with"]

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
kind = table.query("age == 65 and walking_frame == 0 and share > 0.001")
kind = kind.set_index(["severity", "asthma"])
shown = kind[["trees", "fit_without", "fit_effect"]].assign(
    exact_without=kind["risk_without"],
    exact_effect=kind["risk_without"] - kind["risk_with"],
)
shown.columns = [
    "predicted risk",
    "without care",
    "lowered by care by",
    "exact: without care",
    "exact: lowered by",
]
caption = "Three scores, estimated and exact, 65 years old, no frame."
tables.results(shown, caption, digits=2)

# %% [markdown]
# A patient with three signs and no asthma has a high risk without care and loses about two fifths of it by care. An asthmatic with two signs has about as high a risk, and loses nearly all of it.

# %% [markdown]
# ## Try to break it
#
# ### What SHAP says
#
# The trees can be asked which columns they lean on. SHAP values split each prediction, in log odds, into contributions of the columns (Lundberg and Lee, 2017). Beside them, for the two columns that are 0 or 1, stands what setting the column to 1 rather than 0 would do to the probability of death, exactly: with care as it is given now, and without any.

# %%
shap = trees.predict(features, pred_contribs=True)[:, : len(door)]
shap = pd.DataFrame(shap, columns=door, index=data.index)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
importance = pd.DataFrame({"mean |SHAP|": shap.abs().mean()})
importance["mean SHAP where 1"] = [
    shap.loc[data[name] == 1, name].mean() if data[name].max() == 1 else np.nan
    for name in door
]
unmoved = [np.nan, np.nan]
importance["effect, care as now"] = [*unmoved, truth["TE of asthma"], 0.0]
importance["effect, no care"] = [*unmoved, truth["CDE(care=0) of asthma"], 0.0]
importance = importance.sort_values("mean |SHAP|", ascending=False)
caption = "What the model leans on (log odds), and what the column does (probability)."
tables.results(importance, caption, digits=2)

# %% [markdown]
# By mean |SHAP| the walking frame matters more than twice as much as asthma. Take all frames away, and nobody lives or dies of it: the frame only shows who is frail. Asthma has a negative SHAP value: as far as the model is concerned it protects (−0.19<!--pneumonia-shap-signed-asthma:.2f-->). Held at the same care, asthma raises the risk. Neither SHAP value is wrong. They explain the model, and the model describes the ward (Janzing et al., 2020).
#
# ### A better AUC
#
# Perhaps 0.92<!--pneumonia-auc:.2f--> is not enough. Let deaths follow ever more sharply from what is recorded (`sharpness`), and let the doctors keep to their rule more strictly (`strictness`), which makes deaths a little easier to predict. The model is the exact risk throughout, with as many beds as the ward uses.

# %%
grid = [0.4, 0.6, 0.8, 1, 1.5, 2, 3, 4, 6, 8]
worlds = [scenarios.pneumonia(sharpness=k, strictness=2) for k in grid]
sweep = pd.DataFrame([ward.truth for ward in worlds], index=grid)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
keys = {
    "AUC of predicted risk": "AUC",
    "E[death]": "now",
    "E[death | by predicted risk]": "by predicted risk",
    "E[death | by effect of care]": "by effect of care",
    "E[death | asthma=1]": "asthmatics, now",
    "E[death | asthma=1, by predicted risk]": "asthmatics, by predicted risk",
}
lines = sweep.rename(columns=keys)[list(keys.values())].set_index("AUC")
four = (1_000 * lines.iloc[[0, 3, 5, 9]]).rename(index="{:.3f}".format)
caption = "Deaths per 1,000 as the AUC of the best model grows, exact."
tables.results(four, caption, digits=0)

# %% mystnb={"code_prompt_show": "Show how figure 4 is drawn", "figure": {"name": "fig-pneumonia-auc"}, "image": {"alt": "Three lines of deaths per 1,000 against AUC from 0.77 to 0.992. All fall at first. Beds by predicted risk lie above the ward as it is throughout, and the gap narrows from 24 to 19 deaths per 1,000 and reaches 34 at the last point. Beds by the effect of care start just below the ward and end 31 below it."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 3.4))
styles = {
    "by predicted risk": (figures.NAIVE, "D", "-"),
    "now": (figures.ESTIMATE, "o", "-"),
    "by effect of care": (figures.TRUTH, "", "--"),
}
for name, (colour, marker, dash) in styles.items():
    line = 1_000 * lines[name]
    fill = "white" if marker == "D" else colour
    ax.plot(line.index, line, dash, color=colour, marker=marker, markerfacecolor=fill)
    label = {"now": "the ward as it is"}.get(name, name)
    ax.text(1.0, line.iloc[-1], label, va="center")
ax.set(xlim=(0.75, 1.15), ylim=(0, 270), ylabel="deaths per 1,000 patients")
ax.set_xticks([0.8, 0.85, 0.9, 0.95, 1.0])
ax.set_xlabel("AUC of the best model")
plt.show()

# %% [markdown]
# *Figure 4. Deaths per 1,000 against the AUC of the best possible model, for a strict ward in which deaths become ever more predictable.*
#
# The last world has the 0.99<!--pneumonia-sharp-auc:.2f--> of the document's sentence, and the advice costs more than before: 98<!--pneumonia-sharp-now:.0f--> deaths per 1,000 become 132<!--pneumonia-sharp-predicted:.0f-->, and among asthmatics 75<!--pneumonia-sharp-asthma-now:.0f--> become 513<!--pneumonia-sharp-asthma:.0f-->.
#
# ### When the prediction does no harm
#
# Is the advice always bad? No. Compare three wards, exactly.

# %%
wards = {
    "this ward": {},
    "asthma half as harmful": {"asthma_without_care": 2.0, "asthma_with_care": 0.25},
    "doctors ignore asthma": {"asthma_on_care": 0.0},
}
rows = {name: dict(scenarios.pneumonia(**knobs).truth) for name, knobs in wards.items()}

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
keys = {
    "AUC of predicted risk": "AUC (percent)",
    "E[death]": "now",
    "E[death | by predicted risk]": "by predicted risk",
    "E[death | by risk without care]": "by risk without care",
    "E[death | by effect of care]": "by effect of care",
    "E[death | asthma=1]": "asthmatics, now",
    "E[death | asthma=1, by predicted risk]": "asthmatics, by predicted risk",
}
compared = pd.DataFrame(rows).loc[list(keys)].rename(index=keys)
compared.iloc[1:] *= 1_000
compared.iloc[0] *= 100
tables.results(compared, "Deaths per 1,000 in three wards with similar AUC.", digits=0)

# %% [markdown]
# Where asthma is half as harmful, the model's triage saves lives overall: 127<!--pneumonia-half-now:.0f--> deaths per 1,000 become 112<!--pneumonia-half-predicted:.0f-->. Half of that is looseness: the doctors' own ranking, followed to the letter, brings 120<!--pneumonia-half-letter:.0f-->. It still sacrifices asthmatics, and still leaves many deaths that the right score would avoid. Where the doctors ignore asthma, predicted risk is close to the risk without care, and a good guide. Three AUCs within one point of each other, three values of the same advice: the AUC does not contain the answer.
#
# ### Rules followed to the letter
#
# The effect of care is estimated from patients who were treated otherwise than their kind usually is. The stricter the ward, the fewer there are. The exact ATE is the same in every row.

# %% mystnb={"code_prompt_show": "Show how the four wards are estimated"} tags=["hide-input"]
strict = {}
for s in (0.5, 1, 2, 3):
    ward = scenarios.pneumonia(strictness=s)
    records = ward.sample(20_000, rng=31)
    given = {**outcome, "adjust_for": door}
    model = standardize(records, **given, model="logit")
    weighted = weight(records, **given)
    strict[s] = {
        "asthmatics, no bed": (records["asthma"] * (1 - records["care"])).sum(),
        "AUC, exact": ward.truth["AUC of predicted risk"],
        "outcome model": model["estimate"],
        "its error": model["std_error"],
        "weighting": weighted["estimate"],
        "error": weighted["std_error"],
        "effective n": round(min(weighted.attrs["effective_n"].values())),
    }
strict = pd.DataFrame(strict).T.rename_axis("strictness")
strict["effective n"] = strict["effective n"].round(-1)
caption = (
    "The ATE of care as the rule is followed more strictly; exact −0.149 in each row."
)
tables.results(strict, caption)

# %% [markdown]
# With the strictest rule 8<!--pneumonia-rare-3:.0f--> asthmatics in 20,000 patients were left without a bed, and all that the data themselves say about the risk of asthmatics without care comes from those few. The outcome model still prints an answer, but only because one of them died. Where none does, the regression has no finite estimate and the recipe refuses; with this rule that happens in 77%<!--pneumonia-none-dies:.0%--> of years. In the other years it makes the effect too large, by 0.02<!--pneumonia-lone-bias:.2f--> on average, and its interval covers in about three of four. (One row above, its interval misses as well; there that is bad luck.) Weighting relies on the rare patients alone. Its effective sample, in the poorer arm, falls from thousands to about twenty, and in the last row even its interval misses the truth. The better the ward follows its rule, the worse the decision can be learned, and deaths are predicted as well as ever.
#
# ### A record without severity
#
# Suppose that danger signs are not in the record. Then no recorded set closes the backdoor of care:

# %%
recorded = [name for name in world.observed if name != "severity"]
print(identify.adjustment_sets(graph, **care_on_death, observed=recorded))
record = data[recorded]
known = {**outcome, "adjust_for": some}
robust = robustness_value(record, **known)
asked = {"benchmark": ["age", "walking_frame"], "multiples": (1, 3)}
bounds = bias_bounds(record, **known, **asked)
shown = bounds[["r2dz_x", "r2yz_dx", "estimate", "ci_low", "ci_high"]]
tables.results(shown, "What a confounder as strong, or three times, would leave.")

# %% [markdown]
# Adjusted for all that is left, care seems to raise deaths by 0.15<!--pneumonia-ols-partly:.2f--> in a linear regression. The robustness value of that coefficient (a variance-weighted contrast) says how strong a missing confounder must be to bring it to zero: it would have to explain 15%<!--pneumonia-rv:.0%--> of what the columns leave of care, and as much of what columns and care leave of death. A confounder as strong as age would leave 0.09<!--pneumonia-bound-age:.2f-->; one three times as strong could turn the sign (−0.03<!--pneumonia-bound-age-3:.2f-->). Is there one? We, who know the world, can look up what severity explains.


# %%
def explained(of, given):
    less, full = (
        smf.ols(f"{of} ~ {' + '.join(columns)}", data).fit()
        for columns in (given, [*given, "severity"])
    )
    return 1 - full.ssr / less.ssr


strength = pd.Series({"robustness value": robust["rv_q"]}, name="partial R²")
strength["severity, of care"] = explained("care", some)
strength["severity, of death"] = explained("death", ["care", *some])
tables.results(strength, "What it takes to overturn the answer, and what severity has.")

# %% [markdown]
# Severity is stronger than that on both sides, and with it the sign turns. The data without severity could not have told. A doctor could: severity is what beds are given out by.

# %% [markdown]
# ## The decision
#
# The ward has beds for 28%<!--pneumonia-beds:.0%--> of its patients. Who gets them? Each rule is learned from the year of records: predicted risk by the trees, the other two scores by the regression. A rule is a policy, and its policy value comes three ways: exactly, by running the world under `do(care = rule)`, and estimated from the records, by averaging the regression's predictions under the rule (for the doctors' own rule, over their exact chance of giving a bed).

# %%
scores = {
    "by predicted risk": table["trees"],
    "by risk without care": table["fit_without"],
    "by effect of care": table["fit_effect"],
    "by exact effect of care": table["risk_without"] - table["risk_with"],
}
rules = {name: triage(table, score, beds=beds) for name, score in scores.items()}
rules |= {"beds by lot": np.full(len(table), beds), "beds for all": np.ones(len(table))}
rules = pd.DataFrame({"as it is": table["care"], **rules})


# %% mystnb={"code_prompt_show": "Show how a rule is run"} tags=["hide-input"]
place = pd.MultiIndex.from_frame(table[door])


def run(rule, n=100_000):
    chance = rules[rule].to_numpy().reshape(5, 5, 2, 2)

    def bed(age, severity, asthma, walking_frame):
        return chance[(age - 45) // 10, severity, asthma, walking_frame]

    return world.model.do(care=Bernoulli(bed)).sample(n, rng=5)["death"].mean()


# %% [markdown]
# Each rule, three ways:

# %% mystnb={"code_prompt_show": "Show the value of each rule"} tags=["hide-input"]
counts = data.groupby(door).size().reindex(place, fill_value=0).to_numpy()
sick, share = table["asthma"] * table["share"], table["share"]
policies = {}
for rule, bed in rules.items():
    exact = table["risk_without"] - bed * lost
    fitted = table["fit_without"] - bed * table["fit_effect"]
    policies[rule] = {
        "exact": np.average(exact, weights=share),
        "simulated": run(rule),
        "estimated": np.average(fitted, weights=counts),
        "asthmatics, exact": np.average(exact, weights=sick),
    }
values = 1_000 * pd.DataFrame(policies).T
values["asthmatics with a bed (%)"] = 100 * (sick @ rules) / sick.sum()
caption = (
    "Deaths per 1,000 under each rule; Monte Carlo errors of those simulated up to 1.2."
)
tables.results(values, caption, digits=0)

# %% mystnb={"code_prompt_show": "Show how figure 5 is drawn", "figure": {"name": "fig-pneumonia-policies"}, "image": {"alt": "Deaths per 1,000 under six rules, for all patients and for asthmatics. As it is 129 and 101; by predicted risk 142 and 450; by risk without care 109 and 128; by effect of care 105 and 115; beds by lot 186 and 413; beds for all 78 and 94. Predicted risk is the only rule besides the lot under which more patients die than as it is; asthmatics die least often as it is, beds for all apart."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 3.2))
shown = values.drop(index="by exact effect of care")
rows = range(len(shown))
marks = [("exact", "all patients", figures.ESTIMATE, "o")]
marks += [("asthmatics, exact", "asthmatics", figures.TREATED, "s")]
for column, label, colour, marker in marks:
    fill = "white" if marker == "s" else colour
    style = {"color": colour, "marker": marker, "markerfacecolor": fill}
    ax.plot(shown[column], rows, linestyle="", label=label, **style)
ax.axvline(shown["exact"].iloc[0], color=figures.HIDDEN, linewidth=0.8, zorder=0)
ax.set_yticks(rows, shown.index)
ax.set(ylim=(len(shown) - 0.5, -0.5), xlim=(0, 500))
ax.set_xlabel("deaths per 1,000 patients")
ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
plt.show()

# %% [markdown]
# *Figure 5. Deaths under each rule, as many beds in all rows but the last. Learned rules are drawn at their exact value. The trees, learned from one year, bring 142<!--pneumonia-deaths-trees:.0f--> and 450<!--pneumonia-asthma-trees:.0f-->; the best possible prediction, used in the summary, brings 143<!--pneumonia-deaths-predicted:.0f--> and 457<!--pneumonia-asthma-predicted:.0f-->.*
#
# - **By predicted risk** is worse than the doctors' own rule, although (or because) it is learned from their records.
# - **By risk without care** uses a score that predicts *worse*: its AUC for the deaths that were seen is 0.88<!--pneumonia-auc-without:.2f-->. It saves 20<!--pneumonia-saved-without:.0f--> lives per 1,000.
# - **By the effect of care** saves a few more with the same beds, by passing over some patients who are likely to die in any case. It costs asthmatics too, some: 115<!--pneumonia-asthma-effect:.0f--> per 1,000 instead of 101<!--pneumonia-asthma-now:.0f-->. The numbers say what it costs not to; whether to do it is not a statistical question.
# - **The records knew.** The estimated values, from the year before any rule was tried, put the rules in the right order. The harm of the model's, 12.4<!--pneumonia-harm:.1f--> deaths per 1,000, comes with a standard error of 4.9<!--pneumonia-harm-error:.1f-->, the rule taken as given. (The rule by effect was chosen by the regression that values it, which flatters it a little.)
#
# ### And next year?
#
# The hospital adopts the model, and being modern, retrains it each year on the newest records. Exactly, with the best model each time:

# %% mystnb={"code_prompt_show": "Show the five years"} tags=["hide-input"]
years, risk = {}, table["risk"]
for year in range(1, 6):
    bed = triage(table, risk, beds=truth["E[care]"])
    asthma = np.average(risk, weights=sick)
    risk = table["risk_without"] - bed * lost
    years[year] = {
        "predicted for asthmatics": 1_000 * asthma,
        "asthmatics with a bed (%)": 100 * np.average(bed, weights=sick),
        "deaths per 1,000": 1_000 * np.average(risk, weights=share),
    }
years = pd.DataFrame(years).T.rename_axis("year")
caption = "Five years of retraining: each year's model triages the next."
tables.results(years, caption, digits=0)

# %% [markdown]
# The asthmatics whom the model sends away die, the next model sees it and sends them to intensive care, where they live, and the next one sends them away again. Each model is correct about the year that it was trained on. And the records lose the overlap from which the effect of care could be learned: if you deploy a rule, keep a little randomness in it where it is indifferent.

# %% [markdown]
# ## Many worlds
#
# Was that year typical? We draw 200 years of 6,000 patients. In each we estimate the ATE of care three times and the CDE of asthma without care. For speed the regression runs on counts, a row for each kind of patient; the numbers are the recipe's.

# %%
every_kind = table[door]
x = np.column_stack([np.ones(len(table)), every_kind - [65, 1, 0, 0]])
blind = x[:, [0, 1, 3, 4]]  # the same without severity


def counted(sample):
    return count_kinds(sample, kinds=every_kind, **outcome)


def cde(sample):
    counts = counted(sample)
    share = counts.reshape(5, 5, 2, 2, -1).sum(axis=(2, 4)) / len(sample)
    risk = logit_on_counts(counts[:, 0], x)[0].reshape(5, 5, 2, 2)
    return {"estimate": np.sum(share * (risk[:, :, 1] - risk[:, :, 0]))}


# %%
analyses = {
    "raw": lambda sample: difference_in_means(sample, **outcome),
    "severity left out": lambda sample: gain_on_counts(counted(sample), blind),
    "adjusted": lambda sample: gain_on_counts(counted(sample), x),
    "asthma, without care": cde,
}
held = dict.fromkeys(analyses, "ATE")
held["asthma, without care"] = "CDE(care=0) of asthma"
many = replicate(world, analyses, n=6_000, replications=200, rng=36, estimand=held)
shown = ["estimand", "truth", "bias", "bias_error", "coverage", "coverage_error"]
tables.results(many[shown], "200 years of 6,000 patients.")

# %% [markdown]
# Then the rules. Each of 100 hospitals learns its three scores from its own year, by the same regression, gives out the beds by each, and is judged by its exact deaths against the fewest that any rule with these beds and columns can bring.


# %% mystnb={"code_prompt_show": "Show the 100 hospitals"} tags=["hide-input"]
def deaths(score):
    bed = triage(table, score, beds=truth["E[care]"])
    risk = table["risk_without"] - bed * lost
    return {"estimate": np.average(risk, weights=table["share"])}


def risk_on(counts):
    # Where no asthmatic without a bed died, their fitted risk is zero.
    return logit_on_counts(counts, x, separated=True)[0]


def by_effect(sample):
    by_care = np.moveaxis(counted(sample), 1, 0)
    without, with_care = map(risk_on, by_care)
    return deaths(without - with_care)


learned = {
    "by predicted risk": lambda s: deaths(risk_on(counted(s).sum(axis=1))),
    "by risk without care": lambda s: deaths(risk_on(counted(s)[:, 0])),
    "by effect of care": by_effect,
}
best = "E[death | by effect of care]"
regret = replicate(world, learned, n=6_000, replications=100, rng=38, estimand=best)
regret = 1_000 * regret[["mean_estimate", "truth", "bias", "bias_error"]]
regret.columns = ["deaths", "fewest possible", "excess", "error of the excess"]
caption = "100 hospitals, rules learned from 6,000 patients: exact deaths per 1,000."
tables.results(regret, caption, digits=1)

# %% [markdown]
# The rule by predicted risk does not fail by bad luck or for want of data.
#
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy standardization
# ```
#
# The pattern, a treatment that goes to those who would do badly, is everywhere. In a survey of American smokers (NHEFS), followed from 1971 to 1992 (Hernán and Robins, 2020), those who quit died *more* often than those who went on smoking:

# %%
smokers = nhefs_complete.load_pandas().data
smokers["older"] = smokers["age"] ** 2
call = {"outcome": "death", "treatment": "qsmk"}
who = ["age", "older", "sex", "race", "smokeintensity", "smokeyrs", "wt71"]
who += ["asthma", "bronch"]
quitting = {"quitters minus others": difference_in_means(smokers, **call)}
quitting["adjusted"] = standardize(smokers, **call, adjust_for=who, model="logit")
quitting = pd.DataFrame(quitting).T
tables.results(quitting, "Death by 1992, quitters of 1971 to 1982 minus others.")

# %% [markdown]
# A model of mortality fitted to these records without age and years of smoking would count quitting as a danger (+0.049<!--pneumonia-nhefs-without:+.3f-->, with an interval above zero). Quitters were older. Adjusted for age and smoking history, the difference is gone. Nor does a benefit show. The interval does not exclude one, and two things may hide it: some people quit because they have fallen ill, which these columns do not hold, and all 1,566 had lived until 1982, as their weight was taken then. The interval reaches from a fall of nearly four points to a rise of as much.
#
# For your own decision: name the action; find who got it so far and why; put it into the model as a column; predict for everybody with and without it; rank by the difference.
#
# ## Exercises
#
# ### Exercise 1. Which columns?
#
# You may add columns to the record. For each say whether to adjust for it when you estimate the effect of intensive care on death, and whether a model that *predicts* death would like it: (a) oxygen saturation on arrival; (b) oxygen saturation on the second day; (c) days spent in hospital; (d) the name of the doctor on duty, if doctors differ in how readily they give a bed and in nothing else.
#
# <details>
# <summary>Solution</summary>
#
# The prediction would like all four (at the door it does not yet know (b) and (c)), (d) because a doctor who gives beds readily has fewer deaths, which is how asthma came to look safe. For the effect: (a) yes, it comes before the bed and drives both; without it severity leaves a door open. (b) no, care changes it, it is a mediator. (c) no, it is a consequence of care and of death itself. (d) no: the doctor is an instrument (if patients come to doctors as if by lot), which would serve for another design ([The canary flag](canary_flag_iv.ipynb)), and adjusting for one amplifies whatever confounding is left (Pearl, 2010).
#
# </details>
#
# ### Exercise 2. A ward that ignores asthma
#
# Guess, then compute with `scenarios.pneumonia(asthma_on_care=0.0).truth`: what sign has the total effect of asthma? Is it equal to one of the two CDEs, or does it lie between them? How good is triage by predicted risk?
#
# <details>
# <summary>Solution</summary>
#
# Positive, +0.315, and between the CDEs (+0.363<!--pneumonia-cde0:+.3f--> without care, +0.019<!--pneumonia-cde1:+.3f--> with it): without an arrow from asthma to care there is no indirect effect, and what is left is a mixture of direct effects, over patients with and without care. Triage by predicted risk brings 151<!--pneumonia-ignored-predicted:.0f--> deaths per 1,000, by risk without care 152<!--pneumonia-ignored-without:.0f-->, as the ward is 181<!--pneumonia-ignored-now:.0f-->. Predicted risk then is a good guide to who is in danger. By the effect of care it would be 139<!--pneumonia-ignored-effect:.0f-->.
#
# </details>
#
# ### Exercise 3. The trees, taught to decide
#
# Open-ended. Train the same trees with `care` among the columns, predict every kind of patient with care set to 0 and to 1, and triage by the difference. How many deaths per 1,000 does the rule bring, with 20,000 patients and with 2,000? Where do the trees go wrong, and why would you rather train two sets of trees, one for each arm, or not?
#
# <details>
# <summary>Solution</summary>
#
# `features = xgboost.DMatrix(data[[*door, "care"]], label=data["death"])`, then predict `table[door].assign(care=c)` for both c. In 58 of 60 samples of 20,000 they came within 7 deaths per 1,000 of the best rule. In nine of ten samples of 2,000 it was 122 to 131, little better than the ward: some fifteen asthmatics are without a bed, the trees pull what they say of them towards the rest, and asthmatics look as if care lowered their risk by 0.1, where it lowers it by 0.44. Two sets of trees, one for each arm, do not borrow from the other arm; here that made little difference. Neither knows whether there is a hidden confounder.
#
# </details>
#
# ### Exercise 4. A fairer objective
#
# Open-ended. Triage by the effect of care passes over patients with four danger signs. Write a rule that gives a bed to everybody whose risk without care is above 90% first and goes by the effect of care after that. What does it cost in deaths per 1,000? Who pays?
#
# <details>
# <summary>Solution</summary>
#
# `score = lost + (table["risk_without"] > 0.9)` with `bed = triage(table, score, beds=beds)` as before; deaths are the average of `table["risk_without"] - bed * lost`, weighted by `share`. 109.0 instead of 105.0<!--pneumonia-deaths-effect:.1f--> deaths per 1,000: nearly all that triage by effect gained over triage by risk without care. The beds come almost all from patients with two danger signs and no asthma, whose risk a bed would have cut from 32% to 6%.
#
# </details>
#
# ## What the document says
#
# The claims of question 2 of AI/ML Explained (2026), on prediction and causation.
#
# <details>
# <summary>Claims of question 2 of AI/ML Explained, Day 36, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | Prediction and causation are not the same thing. | holds | The score with the better AUC (0.92<!--pneumonia-auc:.2f--> against 0.88<!--pneumonia-auc-without:.2f-->) is the worse triage (143<!--pneumonia-deaths-predicted:.0f--> deaths per 1,000 against 109<!--pneumonia-deaths-without:.0f-->). |
# | Prediction exploits every correlation, whatever it comes from, because that lowers the loss. | holds | The walking frame, which does nothing, has a mean \|SHAP\| of 0.26<!--pneumonia-shap-walking-frame:.2f-->, asthma 0.11<!--pneumonia-shap-asthma:.2f-->. |
# | Asthmatics with pneumonia die less often because they are cared for more intensively; as a prediction this is correct. | holds | Reported from real hospitals (Caruana et al. 2015, on the data of Cooper et al. 1997), and built into this world: 10.1%<!--pneumonia-risk-asthma:.1%--> against 13.4%<!--pneumonia-risk-others:.1%-->, with 95%<!--pneumonia-care-asthma:.0%--> against 16%<!--pneumonia-care-others:.0%--> in intensive care. |
# | Monitoring intensity is the confounder. | does not hold | It lies on the path from asthma to death: a mediator. The contrast is the total effect (−0.033<!--pneumonia-te:.3f-->); with care held fixed it is +0.019<!--pneumonia-cde1:+.3f--> or +0.363<!--pneumonia-cde0:+.3f-->. For the effect of care, asthma is a confounder. |
# | Triage by the prediction would kill people. | holds | Asthmatics: 101<!--pneumonia-asthma-now:.0f--> become 457<!--pneumonia-asthma-predicted:.0f--> deaths per 1,000; where asthma is half as harmful, 86<!--pneumonia-half-asthma-now:.0f--> become 253<!--pneumonia-half-asthma-predicted:.0f-->. Deaths in all need not rise: 129<!--pneumonia-deaths-now:.0f--> to 143<!--pneumonia-deaths-predicted:.0f--> in the first ward, 127<!--pneumonia-half-now:.0f--> to 112<!--pneumonia-half-predicted:.0f--> in the second. |
# | A model with an AUC of 0.99 can give catastrophic advice on what happens after an intervention. | holds | AUC 0.992<!--pneumonia-sharp-auc:.3f-->, and 98<!--pneumonia-sharp-now:.0f--> become 132<!--pneumonia-sharp-predicted:.0f--> deaths per 1,000, among asthmatics 75<!--pneumonia-sharp-asthma-now:.0f--> become 513<!--pneumonia-sharp-asthma:.0f-->. |
# | A high SHAP value says that a feature is useful for prediction, not that changing it changes the outcome. | holds | Asthma: mean SHAP −0.19<!--pneumonia-shap-signed-asthma:.2f--> among asthmatics, controlled direct effects +0.019<!--pneumonia-cde1:+.3f--> and +0.363<!--pneumonia-cde0:+.3f-->. Walking frame: +0.57<!--pneumonia-shap-signed-walking-frame:+.2f-->, effect 0. |
# | To decide, you must switch to a causal framework. | holds in part | A column more (who was treated), a reason why the rest is enough, and the same regression bring 105<!--pneumonia-deaths-effect:.0f--> deaths per 1,000. But where the doctors ignore asthma, prediction already lowers deaths from 181<!--pneumonia-ignored-now:.0f--> to 151<!--pneumonia-ignored-predicted:.0f-->, as much as risk without care (152<!--pneumonia-ignored-without:.0f-->); the effect of care brings 139<!--pneumonia-ignored-effect:.0f-->. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
ends = {"": "estimate", "-low": "ci_low", "-high": "ci_high"}
truth = world.truth
among = fresh["asthma"] == 1
young = table.query("age == 65 and walking_frame == 0 and asthma == 1").set_index(
    "severity"
)
sharp = scenarios.pneumonia(sharpness=8, strictness=2).truth
half = kinds(scenarios.pneumonia(**wards["asthma half as harmful"]).model)
spared = half["risk_without"] - half["risk_with"]
beds = triage(half, half["care"], beds=half["share"] @ half["care"])
letter = 1_000 * half["share"] @ (half["risk_without"] - beds * spared)
strictest = kinds(ward.model)
dying = strictest["asthma"] * (1 - strictest["care"]) * strictest["risk_without"]
harm = values["estimated"].iloc[1] - values["estimated"].iloc[0]
ageless = [name for name in who if name not in ("age", "older", "smokeyrs")]
ageless = standardize(smokers, **call, adjust_for=ageless, model="logit")
contrast = difference_in_means(data, outcome="death", treatment="asthma")


def years_like(kinds_of, rng, n=20_000):
    """Draw the counts of years of a ward and keep those the regression can use."""
    bed = np.column_stack([1 - kinds_of["care"], kinds_of["care"]])
    risk = kinds_of[["risk_without", "risk_with"]].to_numpy()
    cells = kinds_of["share"].to_numpy()[:, None, None] * bed[:, :, None]
    cells = (cells * np.stack([1 - risk, risk], axis=2)).ravel()
    draws = rng.multinomial(n, cells / cells.sum(), size=600).reshape(600, 100, 2, 2)
    return draws[draws[:, kinds_of["asthma"] == 1, 0, 1].sum(axis=1) > 0]


elsewhere = gain_on_counts(
    counted(data), x, moved=rules["by predicted risk"] - table["care"]
)
again, harm_error = 1_000 * elsewhere["estimate"], 1_000 * elsewhere["std_error"]
rng = np.random.default_rng(39)
lone, strict_2 = (
    pd.DataFrame(
        gain_on_counts(counts, x) for counts in years_like(kinds_of, rng)[:200]
    )
    for kinds_of in (strictest, kinds(scenarios.pneumonia(strictness=2).model))
)
numbers = {
    **{
        f"pneumonia-risk-{who}": truth[f"E[death | asthma={a}]"]
        for a, who in enumerate(["others", "asthma"])
    },
    **{
        f"pneumonia-care-{who}": truth[f"E[care | asthma={a}]"]
        for a, who in enumerate(["others", "asthma"])
    },
    "pneumonia-beds": truth["E[care]"],
    "pneumonia-auc": truth["AUC of predicted risk"],
    "pneumonia-auc-trees": round(accuracy.iloc[0], 3),
    "pneumonia-given-asthma": round(float(predicted[among].mean()), 3),
    "pneumonia-died-asthma": fresh.loc[among, "death"].mean(),
    "pneumonia-one-now": young.loc[1, "risk"],
    "pneumonia-one-without": young.loc[1, "risk_without"],
    "pneumonia-two-without": young.loc[2, "risk_without"],
    **{
        f"pneumonia-{key}": 1_000 * truth[name]
        for key, name in [
            ("deaths-now", "E[death]"),
            ("deaths-predicted", "E[death | by predicted risk]"),
            ("deaths-without", "E[death | by risk without care]"),
            ("deaths-effect", "E[death | by effect of care]"),
            ("asthma-now", "E[death | asthma=1]"),
            ("asthma-predicted", "E[death | asthma=1, by predicted risk]"),
            ("asthma-effect", "E[death | asthma=1, by effect of care]"),
        ]
    },
    "pneumonia-deaths-trees": round(1_000 * effect_of_model.iloc[0, 1]),
    "pneumonia-asthma-trees": round(1_000 * effect_of_model.iloc[1, 1]),
    "pneumonia-te": truth["TE of asthma"],
    "pneumonia-cde0": truth["CDE(care=0) of asthma"],
    "pneumonia-cde1": truth["CDE(care=1) of asthma"],
    "pneumonia-ate": truth["ATE"],
    "pneumonia-ate-size": -truth["ATE"],
    "pneumonia-cate-asthma": truth["CATE(asthma=1)"],
    "pneumonia-cate-others": truth["CATE(asthma=0)"],
    "pneumonia-raw-exact": truth["raw difference"],
    "pneumonia-no-severity-exact": truth["standardized without severity"],
    **{
        f"pneumonia-{key}{end}": row[part]
        for key, (_, row) in zip(
            ["raw", "partly", "adjusted"], answers.iterrows(), strict=True
        )
        for end, part in ends.items()
    },
    **{
        f"pneumonia-shap-{name}": round(importance.loc[name, "mean |SHAP|"], 2)
        for name in door
    },
    **{
        f"pneumonia-shap-signed-{name}": round(
            importance.loc[name, "mean SHAP where 1"], 2
        )
        for name in ("asthma", "walking_frame")
    },
    "pneumonia-sharp-auc": sharp["AUC of predicted risk"],
    "pneumonia-sharp-now": 1_000 * sharp["E[death]"],
    "pneumonia-sharp-predicted": 1_000 * sharp["E[death | by predicted risk]"],
    "pneumonia-sharp-asthma-now": 1_000 * sharp["E[death | asthma=1]"],
    "pneumonia-sharp-asthma": 1_000 * sharp["E[death | asthma=1, by predicted risk]"],
    **{
        f"pneumonia-{key}-{label}": compared.loc[row, name]
        for key, name in zip(["half", "ignored"], list(wards)[1:], strict=True)
        for row, label in [
            ("now", "now"),
            ("by predicted risk", "predicted"),
            ("by effect of care", "effect"),
            ("asthmatics, now", "asthma-now"),
            ("asthmatics, by predicted risk", "asthma-predicted"),
        ]
    },
    "pneumonia-half-letter": letter,
    **{f"pneumonia-rare-{s}": strict.loc[s, "asthmatics, no bed"] for s in (1, 3)},
    "pneumonia-weight-3": strict.loc[3, "weighting"],
    "pneumonia-none-dies": (1 - strictest["share"] @ dying) ** 20_000,
    "pneumonia-ols-partly": robust["estimate"],
    "pneumonia-rv": robust["rv_q"],
    "pneumonia-r2-care": strength.iloc[1],
    "pneumonia-r2-death": strength.iloc[2],
    "pneumonia-bound-age": bounds.loc[("age", 1), "estimate"],
    "pneumonia-bound-age-3": bounds.loc[("age", 3), "estimate"],
    **{
        f"pneumonia-value-{key}": values.loc[rule, "exact"]
        for key, rule in [
            ("trees", "by predicted risk"),
            ("learned-without", "by risk without care"),
            ("learned-effect", "by effect of care"),
            ("lot", "beds by lot"),
            ("all", "beds for all"),
        ]
    },
    **{
        f"pneumonia-estimated-{key}": values.loc[rule, "estimated"]
        for key, rule in [
            ("trees", "by predicted risk"),
            ("learned-without", "by risk without care"),
            ("learned-effect", "by effect of care"),
            ("lot", "beds by lot"),
            ("all", "beds for all"),
        ]
    },
    "pneumonia-auc-without": truth["AUC of risk without care"],
    "pneumonia-harm": harm,
    **{
        f"pneumonia-year-{year}": row["deaths per 1,000"]
        for year, row in years.iterrows()
    },
    "pneumonia-saved-without": 1_000
    * (truth["E[death]"] - truth["E[death | by risk without care]"]),
    "pneumonia-many-raw": many.loc["raw", "bias"],
    "pneumonia-many-bias": many.loc["adjusted", "bias"],
    "pneumonia-many-coverage": many.loc["adjusted", "coverage"],
    "pneumonia-many-cde": many.loc["asthma, without care", "bias"],
    "pneumonia-harm-error": harm_error,
    "pneumonia-lone-bias": truth["ATE"] - lone["estimate"].mean(),
    **{
        f"pneumonia-regret-{key}": excess
        for key, excess in zip(
            ["predicted", "without", "effect"], regret["excess"], strict=True
        )
    },
    "pneumonia-nhefs-raw": quitting["estimate"].iloc[0],
    "pneumonia-nhefs": quitting["estimate"].iloc[1],
    "pneumonia-nhefs-high": quitting["ci_high"].iloc[1],
    "pneumonia-nhefs-without": ageless["estimate"],
    "pneumonia-te-estimate": contrast["estimate"],
    "pneumonia-ignored-without": compared.loc[
        "by risk without care", "doctors ignore asthma"
    ],
}
tables.store(
    numbers,
    accuracy=accuracy,
    adjusted=adjusted,
    again=again,
    ageless=ageless,
    ages=smokers.groupby("qsmk")["age"].mean(),
    answers=answers,
    bounds=bounds,
    by_rule=values,
    compared=compared,
    covered=[
        answer.eval('ci_low < @truth["ATE"] < ci_high').mean()
        for answer in (lone, strict_2)
    ],
    died_alone=records.query("asthma == 1 and care == 0")["death"].sum(),
    effect_of_model=effect_of_model,
    harm=harm,
    importance=importance,
    kind=kind,
    letter=letter,
    lines=lines,
    lone_years=len(lone),
    many=many,
    quitting=quitting,
    regret=regret,
    smokers=len(smokers),
    strength=strength,
    strict=strict,
    table=table,
    with_care=with_care.mean(),
    without=without.mean(),
    years=years,
    young=young,
)
known = {
    f"intensive care: {name}": (row, "ATE", truth["ATE"], "this world", "exact truth")
    for name, row in answers.iterrows()
}
asthma = (contrast, "total effect", truth["TE of asthma"], "this world", "exact truth")
tables.scoreboard(known | {"asthma, as care is given now": asthma})
