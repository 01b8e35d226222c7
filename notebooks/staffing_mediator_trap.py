# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The staffing mediator trap
#
# **The question.** Some candidates are sent to projects that do not fit them. How many exits does a mismatch cause, and is it the mismatch or the silence that follows it that a company should repair?
#
# **The answer in short.** In this world a mismatch raises the probability of an exit by 0.293<!--staffing-ate:.3f--> (the average treatment effect, ATE, exact). Comparing the mismatched with the rest gives 0.357<!--staffing-raw:.3f-->, because talent drives both; a model that also holds the later silence fixed gives 0.146<!--staffing-flattened:.3f-->, because it closes the path through the silence, and with it half of the effect is lost; adjusting for talent alone gives 0.289<!--staffing-adjusted:.3f-->. Feature importance ranks the silence first whether silence causes exits or not, so it cannot say which lever works.
#
# The scenario, its script and several claims come from Iwai (n.d.). We rerun the script to the digit and then ask what its numbers mean.

# %% [markdown]
# ## The story
#
# A staffing company assigns candidates to projects. Managers over-use a talent score when they assign, and so the talented end up more often on projects that look prestigious and fit badly. Months later some of the mismatched fall silent: their replies slow down. Some candidates then end their contract.
#
# The company holds a table with one row a candidate: talent, mismatch, silence, exit. It wants fewer exits. It could repair the matching, or it could send nudges to the silent. Money spent on the wrong lever buys nothing, and a wrong estimate of the right lever buys too little of it.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
import xgboost
from scipy.special import expit

from casestudies import identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.standardization import standardize
from casestudies.sampling.lean import standardized_logit
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# Each variable is an equation with noise of its own, that is, a structural causal model. In the document's letters, talent is $X$, mismatch $A_0$, silence $M$ and exit $Y$:
#
# $$
# \begin{aligned}
# X &\sim N(0, 1) \\
# P(A_0 = 1) &= \operatorname{expit}(1.5\, X) \\
# P(M = 1) &= \operatorname{expit}(-2 + 2.5\, A_0) \\
# P(Y = 1) &= \operatorname{expit}(-3 + 1.2\, A_0 + 1.8\, M + 0.5\, X)
# \end{aligned}
# $$
#
# The helper package holds this world with its coefficients as arguments. The graph is not drawn by hand: it is read off the equations.

# %% mystnb={"figure": {"name": "fig-staffing-graph"}, "image": {"alt": "Causal graph: talent points to mismatch and to exit, mismatch points to silence and to exit, silence points to exit. The only backdoor path from mismatch to exit runs through talent."}}
world = scenarios.staffing()
places = {"talent": (0, 1), "mismatch": (1, 0), "silence": (2, 1), "exit": (3, 0)}
ask = {"treatment": "mismatch", "outcome": "exit"}
figures.causal_graph(world.model.graph, **ask, positions=places)
plt.show()

# %% [markdown]
# *Figure 1. The world of the document. Talent is a common cause of mismatch and exit; silence lies on the path from one to the other.*
#
# Seeded as the document's script is, with numpy's legacy generator, the world gives the document's 10,000 rows bit for bit (a test of the package compares them).

# %%
data = world.sample(10_000, rng=np.random.RandomState(42))
tables.results(data.head(), "The first five of 10,000 candidates.", digits=2)

# %% [markdown]
# One look at the data before any model: exits by mismatch and silence.

# %%
rates = data.groupby(["mismatch", "silence"])["exit"].agg(["mean", "size"])
rates.columns = ["exit rate", "candidates"]
tables.results(rates, "Share of candidates who leave, by mismatch and silence.")

# %% [markdown]
# ## The trap
#
# Most people would put every column into one model. The document calls this *feature flattening* and compares two logistic regressions: one with the silence among the covariates, one without. Guess first: will the coefficient of the mismatch grow or shrink when the silence leaves the model, and which of the two is right?

# %%
flattened = smf.logit("exit ~ mismatch + silence + talent", data=data).fit(disp=0)
without = smf.logit("exit ~ mismatch + talent", data=data).fit(disp=0)


# %% mystnb={"code_prompt_show": "Show how the table of coefficients is made"} tags=["hide-input"]
def coefficient(fit, name):
    low, high = fit.conf_int().loc[name]
    return pd.Series({"estimate": fit.params[name], "ci_low": low, "ci_high": high})


document = pd.DataFrame(
    {
        "mismatch, flattened": coefficient(flattened, "mismatch"),
        "silence, flattened": coefficient(flattened, "silence"),
        "mismatch, without silence": coefficient(without, "mismatch"),
    }
).T
tables.results(
    document, "Logit coefficients with 95% intervals on the document's 10,000 rows."
)

# %% [markdown]
# These are the document's numbers: 1.12<!--staffing-a0-flattened-estimate:.2f-->, 1.81<!--staffing-m-flattened-estimate:.2f--> and 2.00<!--staffing-a0-without-m-estimate:.2f-->. They are no accident of the seed: on fresh samples of the same size the three coefficients vary with a standard deviation of 0.05 to 0.07.


# %% mystnb={"code_prompt_show": "Show the 20 fresh samples"} tags=["hide-input"]
def three_coefficients(sample):
    flat = (
        smf.logit("exit ~ mismatch + silence + talent", data=sample).fit(disp=0).params
    )
    less = smf.logit("exit ~ mismatch + talent", data=sample).fit(disp=0).params
    return [flat["mismatch"], flat["silence"], less["mismatch"]]


fresh = [three_coefficients(world.sample(10_000, rng=seed)) for seed in range(20)]
fresh = pd.DataFrame(fresh, columns=document.index).agg(["mean", "std"]).T
fresh["error of the mean"] = fresh["std"] / np.sqrt(20)
tables.results(
    fresh, "The same coefficients over 20 fresh samples of 10,000: mean and spread."
)

# %% [markdown]
# The document reads the table like this: silence (1.81<!--staffing-m-flattened-estimate:.2f-->) matters nearly twice as much as mismatch (1.12<!--staffing-a0-flattened-estimate:.2f-->), the flattened model hides the true coefficient (2.00<!--staffing-a0-without-m-estimate:.2f-->), and leaving silence out reveals it. The conclusion to leave silence out is right. The reading of the numbers is not, for two reasons.
#
# ### 2.00<!--staffing-a0-without-m-estimate:.2f--> against 1.12<!--staffing-a0-flattened-estimate:.2f--> is the wrong comparison
#
# An odds ratio can change when a covariate is added even if that covariate is unrelated to the treatment, confounds nothing and mediates nothing. This is non-collapsibility (Greenland et al., 1999). Watch it happen on the exact numbers: the effect of the mismatch on the log odds, first within each level of talent, then for everybody at once.

# %% mystnb={"code_prompt_show": "Show how the exact log odds ratios are computed"} tags=["hide-input"]
a, x = np.array([[0], [1]]), np.array([-1.0, 0.0, 1.0])
silent = expit(-2 + 2.5 * a)
risk = (1 - silent) * expit(-3 + 1.2 * a + 0.5 * x) + silent * expit(
    -3 + 1.2 * a + 1.8 + 0.5 * x
)
within = np.log(risk / (1 - risk))
everybody = [world.truth[f"E[exit | do(mismatch={value})]"] for value in (0, 1)]
log_odds = np.log(np.array(everybody) / (1 - np.array(everybody)))
exact = pd.Series([*(within[1] - within[0]), log_odds[1] - log_odds[0]])
exact.index = ["talent = −1", "talent = 0", "talent = 1", "everybody"]
tables.results(
    exact.rename("log odds ratio"), "Exact log odds ratio of the total effect."
)

# %% [markdown]
# No confounding is left in this table, and still no two entries agree; the number for everybody lies below all three. So no single number is "the" log odds ratio of the total effect, and 2.00<!--staffing-a0-without-m-estimate:.2f--> is not one of the document's coefficients either. Its own equation of the exit has 1.2 for the mismatch and 1.8 for the silence, and the flattened model finds them: 1.12<!--staffing-a0-flattened-estimate:.2f--> (0.08<!--staffing-a0-flattened-se:.2f-->) and 1.81<!--staffing-m-flattened-estimate:.2f--> (0.06<!--staffing-m-flattened-se:.2f-->). Nothing was stolen. 1.2 is a direct coefficient, with silence held fixed; what is wanted is the total effect, which goes through the silence as well. A difference of probabilities averages over people without surprises. From here on every effect is a risk difference, the change in the probability of an exit.

# %% [markdown]
# ### Feature importance answers another question
#
# The document also speaks of boosted trees on the flattened features, and of what gain and SHAP would say of them; it shows none. We train some (100 trees of depth 3) and ask for total gain and for mean absolute SHAP values, which the library computes itself (Chen and Guestrin, 2016; Lundberg and Lee, 2017).


# %% mystnb={"code_prompt_show": "Show how the boosted model is trained and asked"} tags=["hide-input"]
def importance(table):
    flat = table[["talent", "mismatch", "silence"]]
    features = xgboost.DMatrix(flat, label=table["exit"])
    settings = {
        "objective": "binary:logistic",
        "max_depth": 3,
        "eta": 0.1,
        "nthread": 1,
    }
    trees = xgboost.train(settings, features, num_boost_round=100)
    gain = pd.Series(trees.get_score(importance_type="total_gain"))
    shap = np.abs(trees.predict(features, pred_contribs=True)[:, :3]).mean(axis=0)
    return pd.DataFrame({"total gain": gain.round(-1), "mean |SHAP|": shap.round(2)})


# %%
ranked = importance(data).sort_values("total gain", ascending=False)
tables.results(ranked, "Importance of each feature for predicting exits.", digits=2)

# %% [markdown]
# Silence comes first on both scales. That is a fact about the model: it says how much the model's output leans on a column. It is not a fact about what happens to exits when somebody changes the column (Janzing et al., 2020). We come back to this with a second world, in which the same ranking appears although silence does nothing at all.

# %% [markdown]
# ## What must be true
#
# The estimand is the ATE, $E[Y \mid do(A_0 = 1)] - E[Y \mid do(A_0 = 0)]$: the exit rate if everybody were mismatched minus the exit rate if nobody were. The first three conditions identify it from the table.
#
# > **Assumptions, and how each could fail**
# >
# > - **No backdoor path is left open by talent** (conditional exchangeability). It fails if managers also use something that they do not record, say how a candidate behaved in the interview, and that also drives exits.
# > - **Overlap.** At every level of talent some candidates are matched well and some badly. It fails if the most talented always get the prestigious project.
# > - **Consistency and no interference.** A mismatch means the same for everybody, and one candidate's mismatch does not drive another out. It fails if a whole team leaves together.
# > - **The outcome model is right**, or flexible enough. It is nearly so here: as the silence is averaged over, no logit of talent is exact, and the recipe below tends to 0.2940 for an ATE of 0.2935<!--staffing-ate:.4f-->.
# > - **A way to silence nobody** (for do(silence = 0)). A nudge is not that: it lowers some silences, and may annoy. The effect of a nudge is another intervention.
#
# The first condition can be read off the graph, and the package checks it:

# %%
for candidates in ([], ["talent"], ["talent", "silence"]):
    print(identify.backdoor(world.model.graph, **ask, adjust_for=candidates))

# %% [markdown]
# The backdoor criterion has two rules, and they are separate: no member of the set may be a descendant of the treatment, and the set must block every path that enters the treatment through an arrow into it. (The document joins them with a "because"; and it writes its path as $A \to Z \to Y$ where $A \leftarrow Z \to Y$ is meant.) Talent passes both rules. Adding silence breaks the first.

# %% [markdown]
# ## The estimate
#
# First in plain statsmodels. Take a fitted logistic model, predict every candidate's probability with the mismatch set to 1 and to 0, and average the differences. The library calls this the average marginal effect of a dummy; the field calls it standardization, or the g-formula.


# %%
def standardized(fit):
    margins = fit.get_margeff(at="overall", dummy=True).summary_frame().loc["mismatch"]
    entries = ["estimate", "std_error", "ci_low", "ci_high", "n"]
    return pd.Series([*margins.to_numpy()[[0, 1, 4, 5]], fit.nobs], entries)


flat, adjusted = standardized(flattened), standardized(without)

# %% [markdown]
# Then with the recipe. It lets every coefficient differ between matched and mismatched candidates, and its standard error stacks the model's estimating equations with the averaging step, so that the sampling of candidates counts too (statsmodels takes the talents in the sample as given).

# %%
columns = {"outcome": "exit", "treatment": "mismatch"}
raw = difference_in_means(data, **columns)
recipe = standardize(data, **columns, adjust_for=["talent"], model="logit")

# %% [markdown]
# The four answers side by side:

# %% mystnb={"code_prompt_show": "Show how the table of answers is made"} tags=["hide-input"]
names = [
    "raw difference",
    "silence held fixed",
    "talent adjusted for",
    "the same, by the recipe",
]
answers = pd.DataFrame([raw, flat, adjusted, recipe]).set_axis(names)
tables.results(
    answers,
    "Effect of a mismatch on the probability of an exit; the exact ATE is 0.293.",
)

# %% mystnb={"code_prompt_show": "Show how Figure 2 is drawn", "figure": {"name": "fig-staffing-estimates"}, "image": {"alt": "Four estimates with 95% intervals against the exact effect of 0.293. The raw difference lies above it, the estimate with silence held fixed at about half of it; both intervals miss. The two estimates that adjust for talent alone, by statsmodels and by the recipe, cover it."}} tags=["hide-input"]
figures.estimates(
    answers,
    truth={"exact ATE": world.truth["ATE"]},
    naive=["raw difference", "silence held fixed"],
    xlabel="effect of a mismatch on the probability of an exit",
)
plt.show()

# %% [markdown]
# *Figure 2. Only the analyses that adjust for talent and leave silence alone cover the truth.*

# %% [markdown]
# The raw difference is too large: talent raises both mismatch and exit. The flattened model is too small: it compares the mismatched who fell silent with the well matched who fell silent, and the talkative likewise, and so it throws away the harm that silence carries. The correct comparison is between 0.146<!--staffing-flattened:.3f--> and 0.289<!--staffing-adjusted:.3f-->, and it still says that flattening loses about half of the ATE. The document's conclusion survives; its yardstick does not.

# %% [markdown]
# ### Why talent is enough: surgery on the graph
#
# The question "what if everybody were mismatched?" deletes one equation and keeps the rest. That is all `do` does: what is missing afterwards is one arrow.

# %%
surgery = world.model.do(mismatch=1)
set(world.model.graph.edges) - set(surgery.graph.edges)

# %% mystnb={"code_prompt_show": "Show how Figure 3 is drawn", "figure": {"name": "fig-staffing-surgery"}, "image": {"alt": "Two graphs. Above, as seen: talent points to mismatch and exit. Below, under do: the arrow from talent to mismatch is crossed out, all other arrows stay."}} tags=["hide-input"]
_, (before, after) = plt.subplots(2, 1, figsize=(5.6, 4.4))
roles = {**ask, "positions": places}
figures.causal_graph(world.model.graph, **roles, ax=before)
figures.causal_graph(surgery.graph, **roles, cut=[("talent", "mismatch")], ax=after)
plt.show()

# %% [markdown]
# *Figure 3. Before and after do(mismatch = 1): the arrow from talent into mismatch goes, everything else stays.*
#
# Written as probabilities, the joint distribution loses one factor (the truncated factorization):
#
# $$
# \begin{aligned}
# \text{seeing:}\quad P(x, a, m, y) &= P(x)\,P(a \mid x)\,P(m \mid a)\,P(y \mid a, m, x) \\
# \text{doing:}\quad P(x, m, y \mid do(a)) &= P(x)\,\phantom{P(a \mid x)}\,P(m \mid a)\,P(y \mid a, m, x)
# \end{aligned}
# $$
#
# Summing out $x$ and $m$ gives the backdoor formula $P(y \mid do(a)) = \sum_x P(y \mid a, x) P(x)$, which uses observed quantities only. Three routes to the same distribution, then: simulate after surgery; evaluate the factorization with the equations; reweight what was seen. First the joint distribution of silence and exit under $do(A_0 = 1)$, from the equations and from a million candidates after surgery.

# %% mystnb={"code_prompt_show": "Show the factorization, and the million candidates"} tags=["hide-input"]
nodes, weights = np.polynomial.hermite_e.hermegauss(60)
weights = weights / weights.sum()
p_silent = expit(-2 + 2.5)
leave = {m: weights @ expit(-3 + 1.2 + 1.8 * m + 0.5 * nodes) for m in (0, 1)}
chance = {0: 1 - p_silent, 1: p_silent}
factorized = {(m, 0): chance[m] * (1 - leave[m]) for m in (0, 1)}
factorized |= {(m, 1): chance[m] * leave[m] for m in (0, 1)}
n = 1_000_000
simulated = surgery.sample(n, rng=1).value_counts(["silence", "exit"]).sort_index() / n
joint = pd.DataFrame(
    {"factorization": pd.Series(factorized), "simulation": simulated.round(3)}
)
joint.index.names = ["silence", "exit"]
tables.results(
    joint,
    "P(silence, exit | do(mismatch = 1)), exact and from a million candidates; "
    "Monte Carlo errors at most 0.0005.",
)

# %% [markdown]
# Then the exit rate, by surgery and by reweighting. The reweighting sees only the undisturbed world: it takes the exit rate of the mismatched within each of 200 narrow bands of talent, and averages the bands by how common they are.

# %%
seen = world.model.sample(1_000_000, rng=2)
mismatched = seen[seen["mismatch"] == 1]
band = pd.qcut(seen["talent"], 200, labels=False)
in_band = mismatched.groupby(band)["exit"].mean()

# %% mystnb={"code_prompt_show": "Show how the table of routes is made"} tags=["hide-input"]
routes = pd.Series(
    {
        "surgery, simulated": simulated.xs(1, level="exit").sum(),
        "truncated factorization, exact": factorized[0, 1] + factorized[1, 1],
        "backdoor formula on what was seen": in_band.mean(),
        "seen, not reweighted": mismatched["exit"].mean(),
    },
    name="exit rate of the mismatched",
).round(3)
tables.results(
    routes,
    "Three routes to E[exit | do(mismatch = 1)], and the one that is not; "
    "Monte Carlo errors at most 0.001.",
)

# %% [markdown]
# ### Total, direct, indirect
#
# "The effect of a mismatch" can mean several things once something lies in between. Each has a name, a number, and a price in assumptions.
#
# | Estimand | In words | Needs, beyond no confounding of the mismatch |
# |---|---|---|
# | ATE | everybody mismatched against nobody | nothing |
# | CDE(m) | the same, with silence forced to $m$ in both | no confounding of silence and exit |
# | NDE | mismatch changes, silence stays what it would have been without | the above, no common cause of silence and exit that the mismatch changes, and a cross-world independence that no experiment can check |
# | NIE | mismatch stays, silence changes as it would have | the same as the NDE |
#
# So defined (Robins and Greenland, 1992), the natural effects add up to the ATE. The other order, silence first, is as good: then 0.096 goes through the silence (with the mismatch kept away, $E[Y(0, M(1)) - Y(0, M(0))]$) and 0.198 past it, instead of 0.175<!--staffing-nie:.3f--> and 0.119<!--staffing-nde:.3f-->. Mismatch and silence make each other worse, so that "the share that goes through the silence" is a third or three fifths of one and the same total. The product of two regression coefficients is in general the NIE only in a linear model without interaction; here there is neither linearity nor the need for it, because the mediation formula can be written down.


# %% mystnb={"code_prompt_show": "Show the mediation formula in code"} tags=["hide-input"]
def set_to(a, m):
    return {"mismatch": a, "silence": m}


def mediation(table):
    model = smf.logit("exit ~ mismatch * silence + talent", data=table).fit(disp=0)
    silent = table.groupby("mismatch")["silence"].mean()
    pairs = [(a, m) for a in (0, 1) for m in (0, 1)]
    p = {pair: model.predict(table.assign(**set_to(*pair))).mean() for pair in pairs}

    def mix(a, share):
        return (1 - share) * p[a, 0] + share * p[a, 1]

    return {
        "CDE(silence=0)": p[1, 0] - p[0, 0],
        "CDE(silence=1)": p[1, 1] - p[0, 1],
        "NDE": mix(1, silent[0]) - mix(0, silent[0]),
        "NIE": mix(1, silent[1]) - mix(1, silent[0]),
        "ATE": mix(1, silent[1]) - mix(0, silent[0]),
    }


# %% [markdown]
# Twenty fresh samples show how far one sample may stray.

# %%
many = pd.DataFrame([mediation(world.sample(10_000, rng=i)) for i in range(20)])
exact_effects = pd.Series(world.truth)[list(many)]
effects = pd.DataFrame({"exact": exact_effects, "document's rows": mediation(data)})
effects["mean of 20 samples"] = many.mean()
effects["their spread"] = many.std()
effects["error of the mean"] = many.std() / np.sqrt(20)
tables.results(effects, "Direct, indirect and total effects: exact, and estimated.")

# %% [markdown]
# The flattened estimate of 0.146<!--staffing-flattened:.3f--> lies between the two controlled direct effects: it is nearly their average, weighted by how many candidates are silent as it is. If silence stayed what it would have been without the mismatch, the effect would be the NDE, 0.119<!--staffing-nde:.3f-->. Nobody here asked for either.

# %% [markdown]
# ## Try to break it
#
# ### The same ranking, another story
#
# In a second world silence is a mere symptom. The mismatch makes people miserable, nobody records the misery, and misery drives both the silence and the exit. Silence has no arrow into exit at all.

# %% mystnb={"figure": {"name": "fig-staffing-symptom"}, "image": {"alt": "Causal graph of the second world: mismatch points to misery, which is not recorded; misery points to silence and to exit; talent points to mismatch and exit. No arrow runs from silence to exit."}}
symptom = scenarios.staffing(symptom_only=True)
there = places | {"misery": (2, 0), "silence": (3, 1)}
graph = symptom.model.graph
figures.causal_graph(graph, **ask, hidden=["misery"], positions=there)
plt.show()

# %% [markdown]
# *Figure 4. The second world. Silence is caused by the unrecorded misery and causes nothing.*

# %%
other = importance(symptom.sample(10_000, rng=7))
stories = {"silence causes exits": ranked, "silence is a symptom": other}
both = pd.concat(stories, axis=1).sort_index()
both.columns = [f"{measure}, {story}" for story, measure in both.columns]
tables.results(both, "Importance of each feature, in both worlds.", digits=2)

# %% [markdown]
# In both worlds silence ranks first, by gain and by SHAP. Now pull the levers, which only a model of the causes can do: run each world on with silence abolished, and with mismatches abolished.

# %%
actions = {"E[exit]": "as it is", "E[exit | do(silence=0)]": "no silence"}
actions["E[exit | do(mismatch=0)]"] = "no mismatch"
worlds = dict(zip(stories, [world, symptom], strict=True))
levers = pd.DataFrame({story: dict(w.truth) for story, w in worlds.items()})
levers = levers.loc[list(actions)].rename(actions).rename_axis("action")
tables.results(levers, "Exit rate under each action, exact.", digits=4)

# %% mystnb={"code_prompt_show": "Show how Figure 5 is drawn", "figure": {"name": "fig-staffing-levers"}, "image": {"alt": "Exit rates under three actions in two worlds. Where silence causes exits, abolishing silence halves the exit rate from 0.24 to 0.11 and abolishing mismatches lowers it to 0.08. Where silence is a symptom, abolishing it changes nothing and abolishing mismatches lowers the rate to 0.09."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 2.9))
styles = [(figures.CONTROL, "o", "-"), (figures.TREATED, "s", "--")]
for (story, line), (colour, marker, dash) in zip(levers.items(), styles, strict=True):
    ax.plot(line, line.index, color=colour, marker=marker, linestyle=dash, label=story)
ax.set_xlim(0, 0.27)
ax.set_xlabel("exit rate")
ax.invert_yaxis()
ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0))
plt.show()

# %% [markdown]
# *Figure 5. The lever that importance cannot judge: repairing silence works in one world and does nothing in the other.*
#
# So the document's warning that communication alerts *must* fail is contradicted by its own simulator, in which silence does cause exits: abolishing it would save 12.7<!--staffing-lever-silence:.1f--> exits in a hundred candidates, the matching lever 16.4<!--staffing-lever-match:.1f-->. The warning holds in the second world. The ranking does not distinguish the two; the graph does, and the graph has to be argued from how the company works.
#
# ### An unrecorded cause of silence and exit
#
# Let stress at home make people both fall silent and leave, with no record of it, and let grievances be filed by the mismatched and the stressed. The total effect stays identified by talent. The "direct effect" does not: silence is now a collider, and holding it fixed couples mismatch to stress. So does adjusting for the grievance, although a grievance causes nothing.

# %% mystnb={"figure": {"name": "fig-staffing-stress"}, "image": {"alt": "Causal graph with unrecorded stress pointing to silence, exit and grievance; mismatch points to silence, exit and grievance; talent points to mismatch and exit. Silence and grievance are colliders between mismatch and stress."}}
stressed = scenarios.staffing(stress_on_both=1.5)
spots = places | {"exit": (3.4, 0.2), "grievance": (2, -1), "stress": (3.4, -1)}
look = {**ask, "hidden": ["stress"], "positions": spots}
figures.causal_graph(
    stressed.model.graph, **look, ax=plt.subplots(figsize=(5.6, 3.4))[1]
)
plt.show()

# %% [markdown]
# *Figure 6. With unrecorded stress, silence and grievance are colliders: conditioning on either opens a path from mismatch through stress to exit.*

# %%
strained = stressed.sample(20_000, rng=5)
logit = {**columns, "model": "logit"}
right = standardize(strained, **logit, adjust_for=["talent"])
wrong = standardize(strained, **logit, adjust_for=["talent", "grievance"])
held = smf.logit("exit ~ mismatch * silence + talent", data=strained).fit(disp=0)
loud = [held.predict(strained.assign(mismatch=a, silence=0)).mean() for a in (0, 1)]

# %% mystnb={"code_prompt_show": "Show how the table with stress is made"} tags=["hide-input"]
exact_total, exact_direct = (stressed.truth[key] for key in ("ATE", "CDE(silence=0)"))
rows = {
    "ATE, talent adjusted for": (right["estimate"], exact_total),
    "ATE, grievance adjusted for too": (wrong["estimate"], exact_total),
    "CDE(silence=0), by regression": (loud[1] - loud[0], exact_direct),
}
variants = pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "exact"])
tables.results(variants, "With unrecorded stress: what survives and what does not.")

# %% [markdown]
# The graph had said so:

# %%
set_with_grievance = ["talent", "grievance"]
print(identify.backdoor(stressed.model.graph, **ask, adjust_for=set_with_grievance))

# %% [markdown]
# Conditioning on a mediator can shrink, inflate or flip an estimate, and with a common cause of mediator and outcome the result is not even a direct effect (Cinelli et al., 2022). Nor are the other coefficients of an adjusted model the total effects of their variables (Westreich and Greenland, 2013): the talent coefficient here is a direct effect of talent, with the mismatch held fixed.

# %% [markdown]
# ## The decision
#
# A thousand candidates a year, a mismatch rate of a half. What does each lever save, and whom?

# %%
saved = 1_000 * (levers.iloc[0] - levers.iloc[1:])
caption = "Exits avoided a year, of 1,000 candidates, in both worlds, exact."
tables.results(saved, caption, digits=0)

# %% [markdown]
# If either programme costs the same as a whole, repairing the match is the better lever in both worlds, and the only one that works in both. That is a reason to prefer it without knowing which of the two is ours. If it is each person reached that costs the same, the first world leans the other way, a little: 0.34 exits saved for each of its 371 silences, 0.33 for each of 500 mismatches. Whether nudges are worth adding does depend on it, and can be learned: send the nudges to a random half of the silent.
#
# ### Would they have stayed?
#
# The third rung asks about particular people. Here are five candidates who were mismatched and left. We replay each with a good match: the same talent, the same noise, another assignment. Where an observed row leaves the noise open it is drawn, so the answer is a probability.

# %%
left = data[(data["mismatch"] == 1) & (data["exit"] == 1)].head(5)
left = left.set_index(pd.Index(["Ada", "Ben", "Chi", "Dina", "Emil"], name="candidate"))
replays = pd.concat([left] * 4_000)
again = world.model.imagine(replays, mismatch=0, rng=3)
stay = 1 - again.groupby(level=0)["exit"].mean()

# %% [markdown]
# The replay can be checked by hand. With a one drawn where uniform noise lies below its probability, somebody who left under a mismatch stays in the replay with probability $1 - \bar p_0 / p_1$, where $p_1$ is the exit probability of the row as it was and $\bar p_0$ the one under a good match, averaged over whether the silence would have come anyway.

# %% mystnb={"code_prompt_show": "Show the check by hand"} tags=["hide-input"]
p1 = expit(-3 + 1.2 + 1.8 * left["silence"] + 0.5 * left["talent"])
still_silent = left["silence"] * expit(-2) / expit(-2 + 2.5)
p0 = (1 - still_silent) * expit(-3 + 0.5 * left["talent"])
p0 += still_silent * expit(-3 + 1.8 + 0.5 * left["talent"])
would_stay = left[["talent", "silence"]].assign(exact=1 - p0 / p1, simulated=stay)
tables.results(
    would_stay,
    "Probability that each would have stayed with a good match; Monte Carlo errors "
    "at most 0.008.",
    digits=2,
)

# %% [markdown]
# These probabilities rest on more than the graph: on how each person's noise enters the equations. No table of data and no experiment reveals that; two models that agree on everything we can see or do may differ here. Use them to explain a model, and be slow to use them against a person.

# %% [markdown]
# ## Many worlds
#
# One sample proves little. Over 300 fresh samples of 2,000 candidates, three of the four analyses are held against the exact ATE: their bias, and how often their 95% interval covers. Both models go through a lean form of the recipe, without its checks, which a test holds equal to it; the last lets coefficients differ between the arms.


# %%
def raw_difference(sample):
    return difference_in_means(sample, **columns)


def silence_held_fixed(sample):
    both = ["talent", "silence"]
    return standardized_logit(sample, **columns, adjust_for=both, interact=False)


def by_the_recipe(sample):
    return standardized_logit(sample, **columns, adjust_for=["talent"])


functions = [raw_difference, silence_held_fixed, by_the_recipe]
analyses = dict(zip([names[0], names[1], names[3]], functions, strict=True))
runs = replicate(world, analyses, n=2_000, replications=300, rng=2026)
shown = ["bias", "bias_error", "rmse", "coverage", "coverage_error"]
tables.results(runs[shown], "300 samples of 2,000 candidates against the exact ATE.")

# %% [markdown]
# The adjusted interval covers about as often as it promises. The two wrong analyses miss in all but a few samples, and more data would only make them more sure.

# %% [markdown]
# ## Take it with you
#
# The recipe is one file that needs numpy, pandas, scipy and statsmodels. Copy it into your project with
#
# ```bash
# .venv/bin/casestudies copy standardization
# ```
#
# and call it on your own table. Here on a real one: 1,566 smokers, of whom a quarter quit, and their weight some ten years on (NHEFS; Hernán and Robins, 2020). The treatment is 0/1, the adjustment set is yours to argue. Columns of text or categories enter as dummies.

# %%
from causaldata import nhefs_complete

smokers = nhefs_complete.load_pandas().data
covariates = ["sex", "race", "education", "exercise", "active"]
for column in ["age", "wt71", "smokeintensity", "smokeyrs"]:
    smokers[f"{column}_squared"] = smokers[column] ** 2
    covariates += [column, f"{column}_squared"]

# %%
weight = {"outcome": "wt82_71", "treatment": "qsmk"}
naive = difference_in_means(smokers, **weight)
weight["adjust_for"] = covariates
all_terms = standardize(smokers, **weight)
as_published = standardize(smokers, **weight, interact="smokeintensity")
answers_real = {"difference in means": naive, "all interactions": all_terms}
answers_real["the published model"] = as_published
quitting = pd.DataFrame(answers_real).T
tables.results(quitting, "ATE of quitting on weight in kg; published: 3.5.", digits=2)

# %% [markdown]
# Their model lets the effect vary with smoking intensity only, and the recipe reproduces it when told so; left to itself it lets the effect vary with everything, which changes the answer by less than a tenth of a kilogram, a sixth of its standard error.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. Which columns may go in?
#
# Suppose the company also recorded an exit interview, which only candidates who leave can give, and a prestige tag on the résumé, which managers read and which has no other influence. Add both to the graph. Which of the two may be adjusted for, which should be, and which must not?
#
# <details>
# <summary>Solution</summary>
#
# The interview is a descendant of the exit: adjusting for it conditions on the outcome and must not be done. The prestige tag is a cause of the mismatch only, an instrument: adjusting for it is valid in the sense of the backdoor criterion but useless at best. It costs precision, and if any confounding is left it can amplify the bias (Pearl, 2010). So neither should go in; talent should. Check with `identify.backdoor` after adding the edges to `world.model.graph.copy()`.
#
# </details>
#
# ### Exercise 2. When is flattening harmless?
#
# Find a value of `mismatch_on_silence` for which holding silence fixed does no harm, and say why in one sentence. Is the logit coefficient unchanged as well?
#
# <details>
# <summary>Solution</summary>
#
# `scenarios.staffing(mismatch_on_silence=0.0)`: silence is then no longer a consequence of the mismatch, so adjusting for it neither blocks nor opens anything and only helps precision. The standardized estimate tends to the same number; the logit coefficient still moves, from 1.11 to 1.20, because odds ratios are not collapsible.
#
# </details>
#
# ### Exercise 3. A lever of your own
#
# Open-ended. The company can afford to re-match a fifth of its candidates. Write a policy as a function of talent, run it with `world.model.do(mismatch=...)`, and compare its exit rate with re-matching a random fifth. Then let the policy look at the flattened model's predicted risk instead. Which policy saves most exits, and does the ranking survive in the second world?
#
# <details>
# <summary>Solution</summary>
#
# A start: `world.model.do(mismatch=Bernoulli(lambda talent: np.where(talent > 0.84, 0.0, expit(1.5 * talent))))` re-matches the most talented fifth (`Bernoulli` lives in `casestudies.scm`). On the probability scale the effect of a mismatch (the CATE) grows with talent, from 0.23 at −1 to 0.36 at 1 and 0.41 at 2, and mismatches are most common among the talented; both speak for re-matching at the top. It saves 6.7 exits in a hundred candidates, a random fifth 3.3; in the second world 6.2 and 3.1, the same ranking. The predicted risk needs the silence, a consequence of the mismatch: as a `do` of the mismatch it would be a cycle, and is refused. A policy that looks at it comes later. The fifth with the highest risk are nearly all mismatched and silent; if a new match leaves their silence as it is (`imagine` with `mismatch=0, silence=1`), it saves 5.7. In the second world all depends on whether the misery, which nobody sees, goes with the mismatch: if it stays, a late match saves nothing.
#
# </details>

# %% [markdown]
# ## What the document says
#
# Each checkable claim of Iwai (n.d.), with the verdict of this chapter.
#
# <details>
# <summary>Claims of “Beyond Feature Flattening”, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | The flattened model puts 1.12<!--staffing-a0-flattened-estimate:.2f--> on the match and 1.81<!--staffing-m-flattened-estimate:.2f--> on the silence; without the silence the match gets 2.00<!--staffing-a0-without-m-estimate:.2f-->. | holds | The same to the digit from the same seed; their means over 20 fresh samples are within 0.1. |
# | 2.00<!--staffing-a0-without-m-estimate:.2f--> is the true structural coefficient, and 1.12<!--staffing-a0-flattened-estimate:.2f--> is it with credit stolen. | does not hold | Its equation has 1.2, a direct coefficient, which the flattened model finds within two errors. For the total effect exact log odds ratios are 2.075<!--staffing-log-or-minus-1:.3f-->, 2.042<!--staffing-log-or-0:.3f-->, 2.001<!--staffing-log-or-1:.3f--> at talent −1, 0, 1 and 1.970<!--staffing-log-or-marginal:.3f--> for everybody; odds ratios move without any confounding. |
# | Conditioning on the mediator understates the total effect. | holds | On the probability scale 0.146<!--staffing-flattened:.3f--> instead of 0.293<!--staffing-ate:.3f--> here. In other worlds it can also inflate or flip the estimate. |
# | Adjusting for the baseline confounder alone recovers the total effect. | holds | 0.289<!--staffing-adjusted:.3f--> against 0.293<!--staffing-ate:.3f-->, by the backdoor criterion; said of its own world. |
# | Conditioning on M isolates the direct effect (CDE). | holds in part | In its own world, with an interaction, its means over 20 samples lie within two errors of the CDEs, 0.100<!--staffing-cde-silence-0:.3f--> and 0.257<!--staffing-cde-silence-1:.3f-->. With an unrecorded stress behind silence and exit the same regression misses. |
# | The silence is nearly twice as critical to fix as the match (1.81<!--staffing-m-flattened-estimate:.2f--> against 1.12<!--staffing-a0-flattened-estimate:.2f-->). | does not hold | As log odds with the other held fixed the two are right. As levers, abolishing silence saves 12.7<!--staffing-lever-silence:.1f--> exits in a hundred and abolishing mismatches 16.4<!--staffing-lever-match:.1f-->; for each person reached, 0.34 and 0.33. |
# | The mediator absorbs the bulk of the gradient updates. | holds in part | The largest share, not the bulk: of the way that gradient descent travels on the document's rows silence gets 0.48<!--staffing-way-silence:.2f-->, the match 0.32<!--staffing-way-mismatch:.2f-->. No theft: the coefficients end where the equations put them. |
# | Given silence, the exit is all but certain. | does not hold | In its own data a share of 0.503<!--staffing-p-exit-given-silence:.3f--> of the silent leave. |
# | Feature importance ranks the mediator first and is not a causal attribution. | holds | First by gain and by SHAP, in a world where it causes exits and in one where it does not. |
# | Alerts and nudges that repair communication will fail. | does not hold | In its own world abolishing silence lowers exits from 0.2395<!--staffing-base:.4f--> to 0.1126<!--staffing-no-silence:.4f-->, better matching to 0.0753<!--staffing-no-mismatch:.4f-->. It holds where silence is a mere symptom, or where a nudge does not end it. |
# | After surgery, what association remains between the forced action and the outcome is causal. | holds | Surgery, truncated factorization and backdoor formula give the same exit rate. |
# | Surgery turns historical logs into an unbiased A/B test. | holds in part | Only where everything that drives both assignment and exit is recorded, and with overlap. |
# | The backdoor path is A → Z → Y. | does not hold | It is A ← Z → Y: a backdoor path starts with an arrow into the treatment. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
share_leaving = data.loc[data["silence"] == 1, "exit"].mean()
design, coefficients, way = flattened.model.exog, np.zeros(4), np.zeros(4)
for _ in range(4_000):
    slopes = design.T @ (data["exit"].to_numpy() - expit(design @ coefficients))
    update = 0.5 * slopes / len(data)
    coefficients, way = coefficients + update, way + abs(update)
assert np.allclose(coefficients, flattened.params, atol=1e-3)
way = pd.Series(way, flattened.params.index).drop("Intercept")
errors = {"a0-flattened": "mismatch", "m-flattened": "silence"}
numbers = {
    **{
        f"staffing-{name}-{part}": value
        for name, row in zip(
            ["a0-flattened", "m-flattened", "a0-without-m"], document.index, strict=True
        )
        for part, value in document.loc[row].items()
    },
    **{
        f"staffing-log-or-{key}": value
        for key, value in zip(["minus-1", "0", "1", "marginal"], exact, strict=True)
    },
    **{
        f"staffing-gain-{feature}": row["total gain"]
        for feature, row in ranked.iterrows()
    },
    **{
        f"staffing-shap-{feature}": row["mean |SHAP|"]
        for feature, row in ranked.iterrows()
    },
    "staffing-ate": world.truth["ATE"],
    **{
        f"staffing-{key}": answer["estimate"]
        for key, (_, answer) in zip(
            ["raw", "flattened", "adjusted", "recipe"], answers.iterrows(), strict=True
        )
    },
    **{
        f"staffing-{key}-low": answer["ci_low"]
        for key, (_, answer) in zip(
            ["raw", "flattened", "adjusted", "recipe"], answers.iterrows(), strict=True
        )
    },
    **{
        f"staffing-{key}-high": answer["ci_high"]
        for key, (_, answer) in zip(
            ["raw", "flattened", "adjusted", "recipe"], answers.iterrows(), strict=True
        )
    },
    **{
        f"staffing-{key}": world.truth[key]
        for key in ["CDE(silence=0)", "CDE(silence=1)", "NDE", "NIE"]
    },
    **{
        f"staffing-{action}": levers.loc[row].iloc[0]
        for action, row in zip(
            ["base", "no-silence", "no-mismatch"], levers.index, strict=True
        )
    },
    **{
        f"staffing-symptom-{action}": levers.loc[row].iloc[1]
        for action, row in zip(
            ["base", "no-silence", "no-mismatch"], levers.index, strict=True
        )
    },
    "staffing-lever-silence": 100 * (levers.iloc[0, 0] - levers.iloc[1, 0]),
    "staffing-lever-match": 100 * (levers.iloc[0, 0] - levers.iloc[2, 0]),
    **{
        f"staffing-{key}-bias": runs.loc[name, "bias"]
        for key, name in zip(["raw", "flattened", "recipe"], analyses, strict=True)
    },
    **{
        f"staffing-{key}-coverage": runs.loc[name, "coverage"]
        for key, name in zip(["raw", "flattened", "recipe"], analyses, strict=True)
    },
    "staffing-nhefs": as_published["estimate"],
    "staffing-nhefs-naive": naive["estimate"],
    "staffing-p-exit-given-silence": share_leaving,
    **{f"staffing-{key}-se": flattened.bse[name] for key, name in errors.items()},
    **{f"staffing-way-{name}": way[name] / way.sum() for name in way.index},
}
tables.store(
    numbers,
    all_terms=all_terms,
    answers=answers,
    as_published=as_published,
    both=both,
    effects=effects,
    fresh=fresh,
    joint=joint,
    ranked=ranked,
    routes=routes,
    simulated=simulated.to_numpy(),
    variants=variants,
    would_stay=would_stay,
    worlds=runs,
)
known = {
    name: (answers.loc[name], "ATE", world.truth["ATE"], "this world", "exact truth")
    for name in names
}
smoking = (as_published, "ATE", 3.5, "What If, section 13.3", "published figure")
tables.scoreboard(known | {"quitting and weight (NHEFS)": smoking})
