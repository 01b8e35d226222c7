# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The ladder of causation
#
# **The question.** A service has deploys and incidents. Do incidents go along with deploys? Do deploys cause incidents? Was last night's incident caused by last night's deploy? Are these three questions or one?
#
# **The answer in short.** Three, and they need different knowledge: in this chapter's world incidents are *rarer* in hours with a deploy, by 7.6<!--ladder-raw-points:.1f--> percentage points; a deploy *raises* the probability of an incident by 11.0<!--ladder-ate-points:.1f--> points (ATE); and of the incidents that follow a deploy, 39<!--ladder-pn-percent:.0f-->% would not have happened without it. A second world gives exactly the same table of data and an effect of the opposite sign; a third gives the same table and the same effect, and blames the deploy for every incident that follows one. So what you can see does not fix what happens when you act, and what happens when you act does not fix what would have happened instead.
#
# Judea Pearl calls this the ladder of causation (Pearl and Mackenzie, 2018). Wael (n.d.) and AI/ML Explained (2026) both build on it; we check what they say with worlds small enough to be counted exactly.

# %% [markdown]
# ## The story
#
# An on-call team writes down three columns for every hour: whether the load was high, whether there was a deploy, whether there was an incident. Three people want something from that log.
#
# - The **planner** wants to know how many people to have on call in hours with a deploy.
# - The **manager** wonders whether to freeze deploys.
# - The **author** of last night's deploy has been blamed for last night's incident and wants to know whether it would have happened anyway.
#
# If the planner's answer is given to the manager, the company does the opposite of what it should. If the manager's answer is given to the author, somebody may be blamed for what would have happened anyway.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from causaldata import nsw_mixtape

from casestudies import identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.attribution import causation_bounds, excess_fraction
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.standardization import standardize
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# Load $L$, deploy $D$ and incident $Y$ are 0 or 1. Half of the hours are busy, $P(L = 1) = 0.5$. Teams prefer quiet hours: $P(D = 1)$ is 0.8 in quiet and 0.2 in busy hours. The probability of an incident is
#
# | Probability $P(Y = 1)$ | quiet hour | busy hour |
# |---|---|---|
# | no deploy | 0.08 | 0.35 |
# | deploy | 0.15 | 0.50 |
#
# That much can be learned from data. A structural causal model says one thing more: what each single hour would have done under the other action. Each hour has a noise of its own, uniform between 0 and 1, and has an incident if the noise lies below the probability in the table. So an hour that has an incident without a deploy would also have one with it.

# %% mystnb={"figure": {"name": "fig-ladder-graph"}, "image": {"alt": "Causal graph: load points to deploy and to incident, deploy points to incident. The backdoor path from deploy to incident runs through load."}}
world = scenarios.ladder()
spots = {"load": (1, 1), "deploy": (0, 0), "incident": (2, 0)}
roles = {"treatment": "deploy", "outcome": "incident"}
figures.causal_graph(world.model.graph, **roles, positions=spots)
plt.show()

# %% [markdown]
# *Figure 1. The world of this chapter. Load is a common cause of deploys and incidents.*

# %%
hours = world.sample(20_000, rng=1)
rates = hours.groupby(["load", "deploy"])["incident"].agg(["mean", "size"])
rates.columns = ["incident rate", "hours"]
tables.results(rates, "The log of 20,000 hours: incidents by load and deploy.")

# %% [markdown]
# One model answers all three questions, each with a verb of its own:
#
# | Rung | Question | Verb | Needs to know |
# |---|---|---|---|
# | 1, seeing | What do I expect if I *see* a deploy? $P(y \mid d)$ | `sample` | the distribution of the data |
# | 2, doing | What do I expect if I *make* a deploy? $P(y \mid do(d))$ | `do` | also the graph |
# | 3, imagining | Would *this* hour have had its incident without its deploy? | `imagine` | also how each unit's noise enters |
#
# ## The trap
#
# The log is long and has no gaps, so let it speak: compare the hours with and without a deploy. Guess first: at either load a deploy adds incidents, 7 and 15 points of them; what sign and size has the difference over all hours?

# %%
columns = {"outcome": "incident", "treatment": "deploy"}
raw = difference_in_means(hours, **columns).rename("seen with deploy minus without")
tables.results([raw], "Incident rate in hours with a deploy minus hours without.")

# %% [markdown]
# Hours with a deploy have fewer incidents, beyond any doubt about chance. The planner may use that number as it stands: fewer people are needed. The trap is to hand it to the manager: "deploys are followed by fewer incidents, so let us deploy more".

# %% [markdown]
# ## What must be true
#
# The estimand grows with the rung, and so does its price.
#
# > **Assumptions, and how each could fail**
# >
# > - **Rung 1: the future is drawn like the past.** It fails if the log leaves out hours, or if somebody acts on the answer and so changes which hours have a deploy.
# > - **Rung 2, besides: the graph is right, and what it says to adjust for is recorded** (no open backdoor path). It fails if deploys also avoid another danger that nobody writes down, or if load is a *consequence* of the deploy, as in a world below. Also overlap: at each load some hours have a deploy and some do not.
# > - **Rung 3, besides: how each hour's noise enters its equation.** It fails if hours that break without a deploy are others than those that break with it. Data and experiments bound that and do not settle it.

# %%
print(identify.backdoor(world.model.graph, **roles, adjust_for=[]))
print(identify.backdoor(world.model.graph, **roles, adjust_for=["load"]))

# %% [markdown]
# ## The estimate
#
# **Rung one** we have already: it is the comparison above, and as an answer to the planner it is right.
#
# **Rung two** needs the graph. Within each load the comparison is fair; the two differences, averaged over all hours, give the ATE. In plain pandas, and by the recipe with its interval:

# %%
by_load = hours.pivot_table("incident", index="load", columns="deploy")
by_hand = (by_load[1] - by_load[0]) @ hours["load"].value_counts(normalize=True)
load_fixed = standardize(hours, **columns, adjust_for=["load"])
assert abs(by_hand - load_fixed["estimate"]) < 1e-9
tables.results([load_fixed.rename("load held fixed")], "Effect of a deploy (ATE).")

# %% [markdown]
# **Rung three** needs the equations. Take the hours with a deploy and an incident, work out which noise they can have had (abduction), delete the equation of the deploy and set it to 0 (action), and run the hour again with its own load and its own noise (prediction). The share of replays that stay calm is the probability of necessity, $PN = P(Y(0) = 0 \mid D = 1, Y = 1)$.

# %%
blamed = hours[(hours["deploy"] == 1) & (hours["incident"] == 1)]
replayed = world.model.imagine(blamed, deploy=0, rng=2)
calm = 1 - replayed["incident"]
by_load = calm.groupby(blamed["load"]).mean().rename("calm without the deploy")
tables.results(by_load, "Hours with a deploy and an incident, replayed without it.")

# %% [markdown]
# By hand: an hour at load $l$ whose noise lies below $p_1(l)$ would have stayed calm if its noise lies above $p_0(l)$, so the share is $1 - p_0 / p_1$: $1 - 0.08/0.15 = 0.467$ in quiet hours and $1 - 0.35/0.50 = 0.300$ in busy ones. Weighted by how many of the blamed hours were quiet ($0.8 \cdot 0.15$ to $0.2 \cdot 0.50$) this is 0.391<!--ladder-pn:.3f-->.


# %% mystnb={"code_prompt_show": "Show how the table of rungs is made"} tags=["hide-input"]
def share(events, name):
    p, n = events.mean(), len(events)
    margin = 1.96 * np.sqrt(p * (1 - p) / n)
    return pd.Series(
        {"estimate": p, "ci_low": p - margin, "ci_high": p + margin, "n": n}, name=name
    )


plug_in = excess_fraction(hours, **columns, adjust_for="load")
rungs = pd.DataFrame([raw, load_fixed, share(calm, "calm"), plug_in])
rungs.index = [
    "1, seeing: difference",
    "2, doing: ATE",
    "3, imagining: PN, equations known",
    "3, PN from the log, if no deploy prevents",
]
rungs["exact"] = [world.truth[k] for k in ("raw difference", "ATE", "PN", "PN")]
shown = ["exact", "estimate", "ci_low", "ci_high", "n"]
tables.results(
    rungs[shown], "Three rungs, three answers, from one log (and one model)."
)

# %% [markdown]
# The third row uses the true equations; only the hours and their noise are drawn. Someone who has the log alone puts estimated rates into $1 - p_0 / p_1$ at each load, as the last row does (`excess_fraction` of the recipe `attribution`): the same estimate up to noise, with a standard error of 0.026<!--ladder-plug-in-error:.3f--> instead of 0.010<!--ladder-replay-error:.3f-->, and still the assumption about units.

# %% mystnb={"code_prompt_show": "Show how Figure 2 is drawn", "figure": {"name": "fig-ladder-rungs"}, "image": {"alt": "Two estimates with 95% intervals against the exact effect of a deploy, plus 0.110. The difference that is seen lies at about minus 0.08, on the other side of zero; the estimate with load held fixed lies near plus 0.11 and covers the effect."}} tags=["hide-input"]
figures.estimates(
    rungs.iloc[:2].set_axis(["as seen", "load held fixed"]),
    truth={"effect (ATE)": world.truth["ATE"], "no effect": 0.0},
    naive=["as seen"],
    xlabel="incident rate, with a deploy minus without",
)
plt.show()

# %% [markdown]
# *Figure 2. The answer to the planner and the answer to the manager, from the same 20,000 hours, against the exact effect of a deploy.*
#
# A deploy makes an incident likelier, although hours with a deploy have fewer of them. And a majority of the incidents after a deploy would have happened anyway, although deploys are harmful. None of the three answers contradicts another. They answer different questions.

# %% [markdown]
# ## Try to break it
#
# Each rung rested on knowledge that the rung below does not contain. To see that this is no lack of cleverness, build worlds that agree below and disagree above.
#
# ### Two worlds that agree on everything one can see
#
# In a second world the deploys come at fixed times, whatever the load, and a deploy drains traffic to another region: the arrow between load and deploy points the other way. Bayes' rule gives the probabilities, $P(L = 1 \mid D = 1) = 0.2$ and $P(L = 1 \mid D = 0) = 0.8$. Incidents follow the same table as before.

# %%
twin = scenarios.ladder("mediator")
names = {"load drives deploys": world, "deploys drive load": twin}

# %% mystnb={"code_prompt_show": "Show how Figure 3 is drawn", "figure": {"name": "fig-ladder-twins"}, "image": {"alt": "Two causal graphs on load, deploy and incident. In the first, load points to deploy; in the second, deploy points to load. In both, load and deploy point to incident."}} tags=["hide-input"]
_, axes = plt.subplots(2, 1, figsize=(5.6, 4.2))
for ax, (name, w) in zip(axes, names.items(), strict=True):
    figures.causal_graph(w.model.graph, **roles, positions=spots, ax=ax)
    ax.text(-0.42, 1.1, name)
plt.show()

# %% [markdown]
# *Figure 3. Twins. Above, teams prefer quiet hours; below, a deploy makes the hour quiet.*
#
# Here is the exact chance of each of the eight kinds of hours, once as $P(L)\,P(D \mid L)\,P(Y \mid D, L)$ and once as $P(D)\,P(L \mid D)\,P(Y \mid D, L)$, with their frequencies in a million hours of each world.

# %% mystnb={"code_prompt_show": "Show how the chances are computed and counted"} tags=["hide-input"]
L, D, Y = np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")
p_incident = np.array([[0.08, 0.35], [0.15, 0.50]])[D, L]
p_row = np.where(Y == 1, p_incident, 1 - p_incident)
p_deploy = np.where(D == L, 0.2, 0.8)  # P(D | L), and P(L | D) by Bayes' rule
kinds = pd.DataFrame({"load": L.ravel(), "deploy": D.ravel(), "incident": Y.ravel()})
kinds["first, exact"] = (0.5 * p_deploy * p_row).ravel()
kinds["second, exact"] = (0.5 * np.where(L == D, 0.2, 0.8) * p_row).ravel()
kinds = kinds.set_index(["load", "deploy", "incident"])
for name, w in {"first": world, "second": twin}.items():
    counted = w.sample(1_000_000, rng=3).value_counts(list(kinds.index.names))
    kinds[f"{name}, counted"] = (counted / 1_000_000).round(3)
words = [("quiet", "busy"), ("no deploy", "deploy"), ("calm", "incident")]
labels = [", ".join(kind) for kind in itertools.product(*words)]
tables.results(
    kinds.set_axis(labels), "Chance of each kind of hour in the two worlds.", digits=4
)

# %% [markdown]
# The columns are equal. Every table, correlation, chart or model that can be made from one log can be made from the other. Now act.

# %%
acting = [f"P(incident | do(deploy={d}))" for d in (0, 1)]
acted = pd.DataFrame({name: dict(w.truth) for name, w in names.items()})
acted = acted.loc[["raw difference", *acting, "ATE"]]
tables.results(acted, "Two worlds with the same data: what is seen, and what is done.")

# %% [markdown]
# Freezing deploys prevents incidents in the first world and causes them in the second. This is what the title of the book means, as a theorem in eight rows: **no function of the data, however clever, gives the ATE of a deploy in both worlds**, because it would have to give two answers to one input. Bareinboim et al. (2022) prove that this is the rule: a model whose lower rung settles the higher one is the exception, of measure zero. What separates the twins is not in the log. It is how deploys are scheduled, and somebody has to know it or try it out.
#
# ### What a predictive model can say
#
# A predictive model is such a function: it takes rows and returns conditional probabilities. We train one in each world (a logistic regression with all interactions; any consistent learner converges to the same function, since it is determined by the eight chances) and ask it for the effect of a deploy in the two ways one might: compare its predictions for the hours as they came, or switch the deploy column on and off in every row.


# %%
def ask(log):
    model = smf.logit("incident ~ deploy * load", data=log).fit(disp=0)
    predicted = model.predict(log).groupby(log["deploy"]).mean()
    switched = [model.predict(log.assign(deploy=d)).mean() for d in (0, 1)]
    return predicted[1] - predicted[0], switched[1] - switched[0]


# %%
logs = {name: w.sample(50_000, rng=4) for name, w in names.items()}
asked = pd.DataFrame({name: ask(log) for name, log in logs.items()})
asked.index = ["predictions, hours as they came", "predictions, column switched"]
asked.loc["exact effect (ATE)"] = [w.truth["ATE"] for w in names.values()]
tables.results(asked, "What a predictive model says about a deploy, in both worlds.")

# %% [markdown]
# The same two numbers in both worlds, up to sampling. One of them is the effect in one world, the other in the other. The model is equally accurate in both and cannot tell which number to use.
#
# Nothing in this depends on the form of the model. Write each row as a sentence, "quiet hour, deploy, no incident", and train a language model to predict the next word: the sentences have the same distribution in both worlds, so whatever it learns from them is the same, and so is its answer. If the texts also say "deploys are scheduled by a timer" or "we flipped a coin for a month", then they contain more than rung one: somebody who knew the graph, or who acted, has written it down. How well any given model uses such sentences is a question about that model, which this chapter has not examined and makes no claim about.
#
# ### What an experiment adds
#
# Whoever may act can separate the twins quickly. Set 1,000 hours to a deploy and 1,000 to none, chosen at random.


# %%
def trial(w):
    arms = [w.model.do(deploy=d).sample(1_000, rng=10 + d) for d in (0, 1)]
    return difference_in_means(pd.concat(arms, ignore_index=True), **columns)


tried = pd.DataFrame({name: trial(w) for name, w in names.items()}).T
tried["exact"] = [w.truth["ATE"] for w in names.values()]
tables.results(tried, "The same experiment in both worlds: effect of a deploy (ATE).")

# %% [markdown]
# Two thousand hours of doing settle what no amount of seeing can.
#
# ### Worlds that agree on everything one can do
#
# Now keep the first graph and all its probabilities, and change only how the noise enters. At each load, let as *few* hours as possible be of the kind that has an incident either way, instead of as many as possible. The knob is called `agreement`; it moves the overlap of the two responses through the whole range that their two probabilities allow. Everything that can be seen or done stays as it was, to the last digit.

# %%
levels = [1.0, 0.5, 0.0]
cousins = {a: scenarios.ladder(agreement=a) for a in levels}
keys = ["P(incident | deploy=1)", "raw difference", acting[1], "ATE", "PN"]
third = pd.DataFrame({f"agreement {a}": dict(w.truth) for a, w in cousins.items()})
tables.results(third.loc[keys], "Three worlds that agree on seeing and doing, exact.")

# %% [markdown]
# For the author of last night's deploy everything hangs on this. In the first world the incident would more likely than not have happened anyway. In the last one no hour that broke with a deploy would have broken without it. No log and no experiment on deploys tells these worlds apart, because no hour is ever run both ways.
#
# What they do give is bounds. With $P(y)$ the incident rate as seen and $P(y_0)$ the rate under $do(D = 0)$, Tian and Pearl (2000) show that
#
# $$
# \max\left(0,\ \frac{P(y) - P(y_0)}{P(d, y)}\right) \;\le\; PN \;\le\; \min\left(1,\ \frac{P(y'_0) - P(d', y')}{P(d, y)}\right)
# $$
#
# where a prime means "not". Nothing narrower follows from the rates of deploys and incidents alone. A recorded covariate can narrow them: the same bounds hold within each load, and their average over the blamed hours is at least as tight (Dawid et al., 2017). In this world it changes nothing; with incidents at 0.08 and 0.50 in quiet hours and 0.90 and 0.60 in busy ones it turns 0.53<!--ladder-crossing-least:.2f--> to one into 0.65<!--ladder-crossing-within-least:.2f--> to 0.81<!--ladder-crossing-within-most:.2f-->. From a log of that world:

# %%
odd = {"incident": ((0.08, 0.90), (0.50, 0.60))}
odd_log = scenarios.ladder(**odd).sample(20_000, rng=5)
bounds = causation_bounds(odd_log, **columns, adjust_for="load")

# %% mystnb={"code_prompt_show": "Show the exact bounds, and how the table is made"} tags=["hide-input"]
attained = [scenarios.ladder(**odd, agreement=a).truth["PN"] for a in (1, 0)]
overall = [scenarios.ladder(**odd).truth[f"PN at {end}"] for end in ("least", "most")]
bounds[["exact low", "exact high"]] = [attained, overall]
shown = ["exact low", "exact high", "set_low", "set_high", "ci_low", "ci_high"]
tables.results(
    bounds[shown], "Bounds on PN from 20,000 hours, with 95% intervals.", digits=2
)

# %% mystnb={"code_prompt_show": "Show how Figure 4 is drawn", "figure": {"name": "fig-ladder-necessity"}, "image": {"alt": "The probability of necessity falls in a straight line from 1.00 at agreement 0 to 0.39 at agreement 1. The lower bound is 0.39 and the upper bound 1.00, so every value between the bounds is reached by a world with the same data and the same effect."}} tags=["hide-input"]
grid = np.linspace(0, 1, 21)
truths = [scenarios.ladder(agreement=a).truth for a in grid]
_, ax = plt.subplots()
ax.plot(grid, [t["PN"] for t in truths], color=figures.TRUTH, linestyle="--")
for bound, gap in [("PN at least", -0.07), ("PN at most", 0.03)]:
    height = truths[0][bound]
    ax.axhline(height, color=figures.HIDDEN, linestyle=":")
    ax.text(0.0, height + gap, f"{bound} {height:.2f}")
ax.set(ylim=(0, 1.12), xlabel="agreement of the two responses (not observable)")
ax.set_ylabel("probability of necessity")
plt.show()

# %% [markdown]
# *Figure 4. The probability that an incident after a deploy would not have happened without it, as the unseen agreement of the two responses varies. Dotted lines: the bounds from all that can be seen and done.*
#
# The bounds are not empty: at least 0.39<!--ladder-pn-least:.2f--> of the blame is certain. They are attained by worlds at both ends. To get a single number one has to *assume* something about units, for instance that no deploy ever prevents an incident (monotonicity of the outcome in the action); then the lower bound is the answer.
#
# That bound is also the excess fraction: of the incidents after a deploy, those beyond what the same hours would have had without it. It is a question of rung two, an effect on the hours with a deploy. It is not the etiologic fraction, the share of incidents in which the deploy had a part: a deploy that sets off at ten an outage that the load would have brought at half past ten has a part in it, and adds nothing to the excess (Greenland and Robins, 1988).

# %% [markdown]
# ## The decision
#
# The manager has four policies on the table. In the first world the rate under a policy is the average of $p_0(l)$ and $p_1(l)$, mixed as the policy deploys at each load; `do` takes a policy as a function of the load, and simulation gives the same. In the twin the load reacts to the deploy, so a rule that waits for a quiet hour cannot be carried out there.

# %%
policies = {  # P(deploy) in quiet and in busy hours
    "as it is": (0.8, 0.2),
    "freeze": (0.0, 0.0),
    "in quiet hours only": (1.0, 0.0),
    "every hour": (1.0, 1.0),
}
p0, p1 = np.array([[0.08, 0.35], [0.15, 0.50]])
first = {k: 0.5 * np.sum(p0 + v * (p1 - p0)) for k, v in policies.items()}

# %% mystnb={"code_prompt_show": "Show the rates in the twin, and how the table is made"} tags=["hide-input"]
rate = {k: twin.truth[f"P(incident | {k})"] for k in ("do(deploy=0)", "do(deploy=1)")}
second = {"as it is": first["as it is"], "freeze": rate["do(deploy=0)"]}
second["every hour"] = rate["do(deploy=1)"]
outcome = pd.DataFrame({"load drives deploys": first, "deploys drive load": second})
tables.results(outcome, "Incident rate under each policy, exact, in both worlds.")

# %% [markdown]
# A freeze saves 4.3<!--ladder-freeze:.1f--> incidents in a hundred hours in one world and costs 3.8<!--ladder-freeze-twin:.1f--> in the other. So the first thing to find out is not a better estimate. It is whether the schedule looks at the load, which the people who run the schedule can tell you this afternoon.
#
# As for blame: between 0.39<!--ladder-pn-least:.2f--> and 1.00<!--ladder-pn-most:.2f--> is as far as data and experiments go. A rule such as "the author pays if the incident would more likely than not have been avoided" cannot be applied on that evidence.

# %% [markdown]
# ## Many worlds
#
# The two analyses in the two twins, 100 fresh logs of 2,000 hours each.


# %%
analyses = {
    "as seen": lambda log: difference_in_means(log, **columns),
    "load held fixed": lambda log: standardize(log, **columns, adjust_for=["load"]),
}
samples = {"n": 2_000, "replications": 100, "rng": 7}
runs = {name: replicate(w, analyses, **samples) for name, w in names.items()}
many = pd.concat(runs)
shown = ["truth", "bias", "bias_error", "coverage", "coverage_error"]
tables.results(many[shown], "100 logs of 2,000 hours, against the exact ATE.")

# %% [markdown]
# Each analysis is unbiased in one twin and covers nothing in the other. The one that adjusts is not the more careful one. It is the right one where load comes before the deploy.
#
# ## Take it with you
#
# Where you have an experiment, rung two is a difference in means:
#
# ```bash
# .venv/bin/casestudies copy randomized_experiment
# ```
#
# Rung three then comes as bounds: `causation_bounds` of the recipe `attribution`, with covariates or without, and here by hand. For real people: 445 men, a random part of whom were offered training in the 1970s (LaLonde, 1986; Dehejia and Wahba, 1999). Did they have any earnings in 1978? And of those with an offer who did, how many owe it to the offer? With randomization, and no covariate used, the shares $p_1$ and $p_0$ in the two arms are all that matters, and the bounds become $\max(0, 1 - p_0/p_1)$ and $\min(1, (1 - p_0)/p_1)$.

# %%
men = nsw_mixtape.load_pandas().data
men["works"] = (men["re78"] > 0).astype(int)
effect = difference_in_means(men, outcome="works", treatment="treat")
(p0, p1), (n0, n1) = men.groupby("treat")["works"].agg(["mean", "size"]).T.to_numpy()

# %% mystnb={"code_prompt_show": "Show the bounds and their intervals"} tags=["hide-input"]
sd_least = np.sqrt((1 - p0) / p0 / n0 + (1 - p1) / p1 / n1)  # of log(p0 / p1)
sd_most = np.sqrt(p0 / (1 - p0) / n0 + (1 - p1) / p1 / n1)  # of log((1 - p0) / p1)
z = np.array([0, 1.96, -1.96])
training = pd.DataFrame([effect[["estimate", "ci_low", "ci_high"]]], index=["ATE"])
training.loc["PN at least"] = 1 - p0 / p1 * np.exp(z * sd_least)
training.loc["PN at most"] = (1 - p0) / p1 * np.exp(-z * sd_most)
tables.results(training, "Offer of training, any earnings in 1978: 95% intervals.")

# %% [markdown]
# The offer raised the share with earnings by 11 points. Of the men with an offer and earnings, between 15% and 47% owe these to the offer, before sampling error. A larger trial would shrink the intervals around those two ends; it would not bring the ends together.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. Which rung?
#
# Sort these questions by rung, and say for each what one would have to know: (a) Customers who saw the banner buy more; how much more? (b) Will sales rise if we show the banner to everybody? (c) Would this customer, who saw the banner and bought, have bought without it? (d) Which customers will leave next month? (e) Which customers should we call so that fewer leave?
#
# <details>
# <summary>Solution</summary>
#
# (a) and (d) are rung one: the log is enough. (b) is rung two: an experiment, or a graph and what it says to adjust for. (c) is rung three: bounds from an experiment, a single number only with an assumption about units. (e) is rung two, and the trap is to answer it with (d): it asks for the effect of a call, by customer.
#
# </details>
#
# ### Exercise 2. Blame in the twin
#
# Find `PN` and its two bounds for `scenarios.ladder("mediator")`. A deploy there *lowers* the incident rate. How can $PN$ be above zero, and why is the lower bound zero?
#
# <details>
# <summary>Solution</summary>
#
# `scenarios.ladder("mediator").truth` has $PN = 0.2$, between 0 and 1. On average a deploy helps, because it drains the traffic; but some hours would have been quiet anyway, and for those the deploy is only a risk. An average effect below zero does not exclude that single units are harmed. The lower bound is zero since $P(y) - P(y_0)$ is negative: the rates of deploys and incidents alone are compatible with deploys that never cause an incident. The recorded load can say more: under the twin's graph, with nothing unrecorded behind both load and incident, $PN$ is at least 0.2.
#
# </details>
#
# ### Exercise 3. Make your own cousins
#
# Open-ended. Write two structural models of a 0/1 outcome under a randomized 0/1 treatment with an ATE of exactly zero: one in which the treatment does nothing to anybody, one in which it helps half of the units and harms the other half. Sample both and convince yourself that no comparison of the arms separates them: means, variances, quantiles. Then find a covariate that would, if it were recorded.
#
# <details>
# <summary>Solution</summary>
#
# With `SCM`, `Bernoulli` and `Deterministic` from `casestudies.scm`: in both, `luck` is `Bernoulli(0.5)` and `treated` is `Bernoulli(0.5)`. First world: `outcome = Deterministic(lambda luck: luck)`. Second world: `outcome = Deterministic(lambda luck, treated: np.where(treated == 1, 1 - luck, luck))`. The outcome is a fair coin in each arm of both worlds. If `luck` were recorded, its interaction with the treatment would tell them apart: the third rung becomes visible to the extent that one knows what makes units differ.
#
# </details>
#
# ### Exercise 4. Brought forward
#
# In the first world some hours break with their deploy and would have broken without it. Let the deploy bring the incident forward in a share $q$ of these. How do the excess fraction, $PN$ and the etiologic fraction depend on $q$? What would the log have to hold to tell you $q$?
#
# <details>
# <summary>Solution</summary>
#
# The excess fraction and $PN$ stay at 0.39<!--ladder-pn:.2f-->, for whether an hour has an incident is the same for every $q$. The etiologic fraction is $0.39 + 0.61\,q$, from 0.39 to one. Minutes in the log would not settle it: one would see when the incidents come, and not when each would have come without its deploy. So "39% of these incidents are due to deploys" is right of the excess, and as a sentence about the deploys' part in them a lower bound.
#
# </details>

# %% [markdown]
# ## What the documents say
#
# First Wael (n.d.) on the ladder (its other claims are run in later chapters), then the fourth of the deep questions in AI/ML Explained (2026).
#
# <details>
# <summary>Claims of “Causal Inference: The Secret to Actionable Machine Learning”, on the ladder, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | Questions of levels 2 and 3 cannot be answered with level 1 data alone. | holds | Twins with one distribution of the data have effects of 0.110<!--ladder-ate:.3f--> and −0.076. |
# | Intervention requires an understanding of how changing a variable affects the system. | holds | With the right graph the same log gives 0.105<!--ladder-ate-estimate:.3f--> for 0.110<!--ladder-ate:.3f-->; with the wrong one it misses every time. |
# | Counterfactuals are the highest rung. | holds | Worlds that agree on seeing and doing have a probability of necessity of 0.39<!--ladder-pn-1.0:.2f--> and 1.00<!--ladder-pn-0.0:.2f-->. |
# | Most standard machine learning lives on level 1. | cannot be tested here | A claim about practice. What the chapter shows is that a model trained only to predict gives the same answers in both twins. |
#
# </details>
#
# <details>
# <summary>Claims of AI/ML Explained, Day 36, question 4, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | A model of the joint distribution of its data answers the association rung only. | holds | Asked in either way, the predictive model gives the same two numbers in worlds whose effects are 0.110<!--ladder-ate:.3f--> and −0.076. |
# | Language models, faced with interventions that are new to them, often give plausible and wrong answers. | cannot be tested here | A statement about particular models. Here: trained on such logs alone, any model must be wrong in one of the twins. |
# | One must inject explicit causal structure to reach the upper rungs. | holds in part | The graph gives rung two. For rung three it leaves 0.39<!--ladder-pn:.2f--> to 1.00<!--ladder-pn-0.0:.2f-->; that takes an assumption about units. |
# | Agents that can run experiments can approximate the intervention rung. | holds | 2,000 randomized hours give 0.105<!--ladder-trial:.3f--> and −0.082<!--ladder-trial-twin:.3f--> and separate the twins. The cousins stay inseparable. |
# | The division of labour between humans and AI falls exactly along the ladder. | cannot be tested here | The examples concern what data can show, to a human or to a machine. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
coverage = many["coverage"].to_numpy()
twice = logs["deploys drive load"]
fixed = standardize(twice, **columns, adjust_for=["load"])
numbers = {
    "ladder-raw": rungs["exact"].iloc[0],
    "ladder-ate": rungs["exact"].iloc[1],
    "ladder-pn": rungs["exact"].iloc[2],
    "ladder-raw-points": -100 * rungs["exact"].iloc[0],
    "ladder-ate-points": 100 * rungs["exact"].iloc[1],
    "ladder-pn-percent": 100 * rungs["exact"].iloc[2],
    "ladder-raw-estimate": rungs["estimate"].iloc[0],
    "ladder-ate-estimate": rungs["estimate"].iloc[1],
    "ladder-twin-ate": twin.truth["ATE"],
    "ladder-trial": tried["estimate"].iloc[0],
    **{f"ladder-pn-{level:.1f}": w.truth["PN"] for level, w in cousins.items()},
    "ladder-pn-least": world.truth["PN at least"],
    "ladder-pn-most": world.truth["PN at most"],
    "ladder-freeze": 100 * -outcome.diff().iloc[1, 0],
    "ladder-freeze-twin": 100 * outcome.diff().iloc[1, 1],
    "ladder-quiet-only": 100 * (0.258 - outcome.iloc[2, 0]),
    "ladder-adjusted-coverage": coverage[1],
    "ladder-twin-raw-coverage": coverage[2],
    "ladder-training-ate": effect["estimate"],
    "ladder-training-least": training["estimate"].iloc[1],
    "ladder-training-most": training["estimate"].iloc[2],
    "ladder-trial-twin": tried["estimate"].iloc[1],
    "ladder-plug-in": plug_in["estimate"],
    "ladder-plug-in-error": plug_in["std_error"],
    "ladder-replay-error": np.sqrt(calm.mean() * (1 - calm.mean()) / len(calm)),
    "ladder-crossing-least": overall[0],
    "ladder-crossing-within-least": attained[0],
    "ladder-crossing-within-most": attained[1],
}
tables.store(
    numbers,
    acted=acted,
    again=cousins[0.0].model.imagine(blamed, deploy=0, rng=5)["incident"].sum(),
    asked=asked,
    bounds=bounds,
    by_load=by_load,
    first=first,
    hours=blamed["load"].value_counts(),
    kinds=kinds,
    load_fixed=load_fixed,
    many=many,
    men=len(men),
    raw=raw,
    rungs=rungs,
    third=third,
    tried=tried,
)
ate, pn = world.truth["ATE"], world.truth["PN"]
known = {
    "deploys: as seen": (raw, "ATE", ate, "this world", "exact truth"),
    "deploys: load held fixed": (load_fixed, "ATE", ate, "this world", "exact truth"),
    "deploys: replayed hours": (rungs.iloc[2], "PN, equations known", pn, "this world", "exact truth"),
    "deploys: rates of the log": (plug_in, "PN, no deploy prevents", pn, "this world", "exact truth"),
    "twin: as seen": (difference_in_means(twice, **columns), "ATE", twin.truth["ATE"], "this world", "exact truth"),
    "twin: load held fixed": (fixed, "ATE", twin.truth["ATE"], "this world", "exact truth"),
}  # fmt: skip
tables.scoreboard(known)
