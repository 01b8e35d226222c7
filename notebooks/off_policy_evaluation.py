# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Off-policy evaluation
#
# **The question.** A company has two years of logs on who got a stretch project, by its old rule, and who left. What would the exits have been under a new rule that never ran?
#
# **The answer in short.** Here the new rule's exit rate is 0.227<!--policy-new:.3f--> instead of 0.361<!--policy-old:.3f-->, and the old log says so, 0.219<!--policy-weighted:.3f--> with a 95% interval of 0.206<!--policy-weighted-low:.3f--> to 0.233<!--policy-weighted-high:.3f-->, once each row is weighted by what the new rule would have done over what the old one was likely to do. That takes three things: the old rule tried what the new one wants, its probabilities were logged as they were, and nothing unlogged drove both projects and exits. Over 24 months it takes a fourth, the feedback of today's project on tomorrow's people: month by month the log says that "always" keeps most people, and in truth it keeps the fewest.
#
# Iwai (n.d.) presents this replay of old logs as the main prize of causal inference for a company. We give it worlds with known answers.

# %% [markdown]
# ## The story
#
# Some projects stretch people: hard, visible, tiring. The company's old rule deals them out by a lottery that favours those with a prestigious record, and for each person it writes down the probability. An analyst believes that stretch projects hold the talented and drive away the others. Her rule: a stretch project if talent is above 0.5, else none.
#
# A trial would take half a year and cost some people their patience. The log is there. If it is read wrongly, the company ships a rule that loses people, or drops one that would have kept them.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from casestudies import archives, identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.off_policy import (
    doubly_robust_value,
    estimate_propensities,
    logging_audit,
    policy_bounds,
    policy_value,
    retention_curve,
    select_policy,
    support,
    value_difference,
)
from casestudies.sampling.montecarlo import replicate
from casestudies.scenarios.project_assignment import new
from casestudies.scenarios.retention import POLICIES, chances

figures.house_style()

# %% [markdown]
# ## The world
#
# Talent $X$ is standard normal. With prestige $Q$, stretch project $A$, exit within the month $Y$ and $p$ the probability that the lottery uses and the log keeps,
#
# $$
# \begin{aligned}
# P(Q = 1) &= \operatorname{expit}(X), \qquad p = P(A = 1) = \operatorname{expit}(-0.6 + 2\,Q - 0.5\,X), \\
# P(Y = 1) &= \operatorname{expit}(-1.6 + Q - 0.3\,X + A\,(0.7 - 1.4\,X)).
# \end{aligned}
# $$
#
# A rule $\pi$ gives each person a probability of a stretch project, from what is recorded. Its *policy value* is the exit rate if it decided on everybody: $V(\pi) = E[\pi\, Y(1) + (1 - \pi)\, Y(0)]$. That is the estimand of this chapter; lower is better.

# %% mystnb={"figure": {"name": "fig-policy-graph"}, "image": {"alt": "Causal graph: talent points to prestige, propensity and exit; prestige points to propensity and exit; propensity points to stretch, stretch points to exit. Whatever talent and prestige do to the project goes through the logged propensity."}} tags=["hide-input"]
world = scenarios.project_assignment()
truth = world.truth
graph = world.model.graph.subgraph(set(world.observed) - {"month"})
spots = {"talent": (0, 1), "prestige": (0, 0), "propensity": (1.1, 0.5)}
spots |= {"stretch": (2.2, 0.5), "exit": (3.3, 0.8)}
roles = {"treatment": "stretch", "outcome": "exit"}
figures.causal_graph(graph, **roles, adjusted=["propensity"], positions=spots)
plt.show()

# %% [markdown]
# *Figure 1. The lottery sees talent and prestige, and only its probability decides. Both also move the exit.*

# %%
log = world.sample(12_000, rng=1)
log = log.assign(new=new(log["talent"]), all=1, none=0)
by_rule = log.groupby(["prestige", "new"])[["propensity", "stretch", "exit"]].mean()
by_rule["decisions"] = log.groupby(["prestige", "new"]).size()
tables.results(by_rule, "The log: means by prestige and by what the new rule wants.")

# %% [markdown]
# ## The trap
#
# Guess first: what will the new rule's exit rate be? The obvious rows to look at are those where the old rule happened to do what the new one wants. There are thousands, and nothing was modelled.

# %%
agree = log[log["stretch"] == log["new"]]["exit"]
low, high = agree.mean() + np.array([-1.96, 1.96]) * agree.sem()
trap = {"estimate": agree.mean(), "std_error": agree.sem(), "ci_low": low}
trap = pd.Series(trap | {"ci_high": high, "n": len(agree)}, name="rows that agree")
tables.results([trap], "Exit rate of the rows that agree with the new rule.")

# %% [markdown]
# The truth is 0.227<!--policy-new:.3f-->. The interval misses it, and a larger log would only miss it with more confidence: its limit is 0.197<!--policy-agreeing:.3f-->. Among the people to whom the new rule gives no stretch project, the rows that agree are mostly of those without prestige, who leave less often anyway. Which rows agree was decided by the old rule.
#
# ## What must be true
#
# Weight a row by the probability of its action under the new rule over that under the old one, $w = \pi(A)/p(A)$. Then
#
# $$
# E[w\,Y] = E\Big[\sum_a p(a)\,\frac{\pi(a)}{p(a)}\,Y(a)\Big] = V(\pi),
# $$
#
# the inverse weighting of survey sampling (Horvitz and Thompson, 1952). It holds under these conditions:
#
# > **Assumptions, and how each could fail**
# >
# > - **Support** (overlap): whatever the new rule may do, the old one did with positive probability. It fails if some people never got what the new rule gives them.
# > - **True propensities**: the logged propensity is the probability with which the action was drawn. It fails if the rule changes and the log does not.
# > - **Nothing else drives both** (ignorability given what the lottery saw). It fails if managers overrule the lottery for reasons of their own.
# > - **One decision at a time**: today's project does not change who is decided on later, nor anybody else's exit. Over months it does.
# > - **The future is like the log**: the same people, the same projects.
#
# The first can be checked in the log, the second in part. The third cannot. The graph says that the propensity alone is enough to adjust for, since talent and prestige act on the project through nothing else.

# %%
ends = {"treatment": "stretch", "outcome": "exit"}
for given in ([], ["propensity"]):
    print(identify.backdoor(world.model.graph, **ends, adjust_for=given))

# %% [markdown]
# ## The estimate
#
# By hand, then by the recipe. The weighted mean divides by the sum of the weights (it is *self-normalized*); dividing by the number of rows is exactly unbiased, and usually less steady.

# %%
taken = {"old": log["propensity"], "new": log["new"]}
taken = {k: np.where(log["stretch"] == 1, p, 1 - p) for k, p in taken.items()}
by_hand = np.average(log["exit"], weights=taken["new"] / taken["old"])

# %%
columns = {"outcome": "exit", "action": "stretch", "propensity": "propensity"}
ask = {**columns, "target": "new"}
weighted = policy_value(log, **ask)
plain = policy_value(log, **ask, self_normalized=False)
robust = doubly_robust_value(log, **ask, adjust_for=["talent", "prestige"])
print(f"by hand {by_hand:.4f}, recipe {weighted['estimate']:.4f}")

# %% [markdown]
# The doubly robust value adds an outcome model for each action and is consistent if the propensities or the models are right (Dudík et al., 2014). The straight lines in it are wrong here; the propensities are right.

# %%
answers = pd.DataFrame([trap, plain, weighted, robust])
answers.index = ["rows that agree", "weighted", "self-normalized", "doubly robust"]
shown = ["estimate", "std_error", "ci_low", "ci_high", "mean_weight", "effective_n"]
answers = answers[shown].round({"effective_n": 0})
tables.results(answers, "Exit rate under the new rule; exact 0.2273.", digits=4)

# %% mystnb={"figure": {"name": "fig-policy-estimates"}, "image": {"alt": "Four estimates of the exit rate under the new rule with 95% intervals. The rows that agree say 0.19 and miss the exact 0.227; the weighted, the self-normalized and the doubly robust value lie between 0.219 and 0.224 and cover it."}} tags=["hide-input"]
held = {"truth": {"exact": truth["E[exit | new]"]}, "xlabel": "exit rate, new rule"}
figures.estimates(answers, **held, naive=["rows that agree"])
plt.show()

# %% [markdown]
# *Figure 2. One log of 12,000 decisions, four readings.*
#
# Now the intervals hold the exact value. The mean weight, whose expectation is 1, is 1.02<!--policy-mean-weight:.2f-->. The weights have a price: 12,000 rows are worth about 4,023<!--policy-effective:,.0f--> unweighted ones, the effective sample size (Kish, 1965).
#
# A decision compares rules. Here are three, each against the old one, with an error that knows that both values come from the same rows:

# %%
rules = ["new", "all", "none"]
gains = [value_difference(log, **columns, target=rule) for rule in rules]
gains = pd.DataFrame(gains, index=rules)
gains["exact"] = [truth[f"E[exit | {rule}]"] - truth["E[exit]"] for rule in rules]
shown = ["estimate", "std_error", "ci_low", "ci_high"]
tables.results(
    gains[[*shown, "exact"]], "Exit rate of a rule less that of the old one.", digits=4
)

# %% [markdown]
# ## Try to break it
#
# ### The rule that was never tried
#
# In another firm the old rule *always* gives a stretch project to those with prestige. The new rule would deny it to some of them, which never happened.

# %%
narrow = scenarios.project_assignment(unsupported=True)
rows = narrow.sample(12_000, rng=2).assign(new=lambda d: new(d["talent"]))
silent = policy_value(rows, **ask)
lottery = {"action": "stretch", "propensity": "propensity"}
told = support(rows, **lottery, target="new").round({"effective_n": 0})
tables.results(told, "Support for the new rule.")

# %%
bounds = policy_bounds(rows, **ask, low=0, high=1)
tables.results([silent, bounds], "The value where support ends, and its bounds.")

# %% [markdown]
# The estimate answers for those who have support, 0.180<!--policy-silent:.3f-->, and keeps silent about the rest. What gives it away is the mean weight, which should be 1 and is 0.74<!--policy-silent-weight:.2f-->. For the 27%<!--policy-unsupported:.0%--> of people to whom the rule gives what nobody in their place ever had, exits may be anything between 0 and 1. So the log leaves a range, from 0.13<!--policy-set-low:.2f--> to 0.40<!--policy-set-high:.2f--> (Manski, 1990), and it fits every value in it equally well.
#
# ### The log that lies
#
# In a third firm the lottery became more generous in month 13, and the software goes on writing the old probability. If the log is right, the mean of $A/p$ is 1 in every month but for chance, whatever the people are like.

# %%
buggy = scenarios.project_assignment(bug_from=13)
logged = buggy.sample(12_000, rng=3).assign(new=lambda d: new(d["talent"]))
audit = logging_audit(logged, **lottery, time="month").xs(1, level="stretch")

# %% mystnb={"figure": {"name": "fig-policy-audit"}, "image": {"alt": "Mean of A over p by month with 95% intervals. In months 1 to 12 it scatters around the dashed line at 1; from month 13 on it lies between 1.4 and 1.6 in every month."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 2.6))
ax.axhline(1, color=figures.TRUTH, linestyle="--")
spread = 1.96 * audit["std_error"]
ax.errorbar(audit.index, audit["mean"], spread, fmt="o", color=figures.ESTIMATE)
ax.text(24.2, 1.03, "a right log: 1", ha="right")
ax.set(xlabel="month", ylabel="mean of A / p", ylim=(0.75, 1.7))
plt.show()

# %% [markdown]
# *Figure 3. The audit of the log. The rule changed in month 13; nobody told the log.*

# %%
right = logged[logged["month"] < 13]
two = [policy_value(logged, **ask), policy_value(right, **ask)]
two = pd.DataFrame(two, index=["all 24 months", "months 1 to 12"])
tables.results(
    two[[*shown, "mean_weight"]],
    "Exit rate under the new rule, by the months used; exact 0.2273.",
    digits=4,
)

# %% [markdown]
# The whole log promises too few exits. Its first half is a good log; the other half must be left out, or its lottery found out. The audit has a limit: errors that cancel in the mean of a month are not seen, so run it within groups of people too.
#
# ### What no audit finds
#
# In a fourth firm managers overrule the lottery. Restless people ask for stretch projects, and restless people leave; nobody records restlessness. The log holds the best that can be computed from the record, the exact $P(A = 1 \mid X, Q)$.

# %%
driven = scenarios.project_assignment(restlessness_on_both=1.0)
driven_log = driven.sample(12_000, rng=4)
driven_log = driven_log.assign(new=new(driven_log["talent"]), none=0)
checked = logging_audit(driven_log, **lottery)
tables.results(checked, f"Audit; null: {checked.attrs['null']}.")

# %%
fooled = [policy_value(driven_log, **columns, target=rule) for rule in ("new", "none")]
fooled = pd.DataFrame(fooled, index=["new", "none"])
fooled["exact"] = [driven.truth[f"E[exit | {rule}]"] for rule in fooled.index]
tables.results(
    fooled[[*shown, "mean_weight", "exact"]],
    "Exit rates with an unrecorded driver.",
    digits=4,
)

# %% [markdown]
# The audit is clean, no weight is suspicious, and both values are wrong. In the limit they are even in the wrong order: 0.211<!--policy-driven-limit:.3f--> for the new rule and 0.207<!--policy-driven-limit-none:.3f--> for none, where the exact rates are 0.259<!--policy-driven-exact:.3f--> and 0.292<!--policy-driven-exact-none:.3f-->. An audit can only reject. The remedy lies before the log: let the lottery decide, and record when it was overruled.
#
# ### The log without propensities
#
# Back in the first firm, suppose the propensities were never written. They can be estimated, if all that the lottery looked at is there and the model has its form, here a logit.

# %%
found = {"logged": log["propensity"]}
for name, given in {"both": ["talent", "prestige"], "talent only": ["talent"]}.items():
    scores = estimate_propensities(log, action="stretch", adjust_for=given)
    found[name] = scores["propensity"]
guessed = [policy_value(log.assign(propensity=p), **ask) for p in found.values()]
guessed = pd.DataFrame(guessed, index=found)
tables.results(
    guessed[[*shown, "mean_weight"]],
    "Propensities logged or estimated; exact 0.2273.",
    digits=4,
)

# %% [markdown]
# With both columns the estimate is, in large samples, at least as good as with the logged ones, and its printed error if anything too large (Lunceford and Davidian, 2004, for a logit; Hirano et al., 2003, for a flexible model). Without prestige the interval misses. The mean weights do not tell the two apart: a logit makes its own audit pass.
#
# ### The best of two hundred rules
#
# Now let the log choose the rule: 200 rules that draw a line through talent and prestige, 500 decisions, the lowest value wins. Then the same with the choice on one half and the value from the other.

# %%
some = world.sample(500, rng=5)
lines = np.random.default_rng(5).normal(size=(200, 3))


def line(a, b, c):
    return lambda talent, prestige: 1.0 * (a + b * talent + c * prestige > 0)


candidates = {f"rule {i}": line(*parts) for i, parts in enumerate(lines)}
wants = {k: rule(some["talent"], some["prestige"]) for k, rule in candidates.items()}
choice = {**columns, "candidates": list(wants), "highest": False}
chosen = select_policy(pd.concat([some, pd.DataFrame(wants)], axis=1), **choice, rng=5)
tables.results([chosen], f"Chosen on one half: {chosen.attrs['policy']}.")

# %% [markdown]
# The chosen rule claims 0.152<!--policy-claimed:.3f--> on the half that chose it, and the other half says 0.263<!--policy-chosen:.3f-->. One log proves little. Here are 1,000, each with both procedures, against the exact values of the rules that they chose.

# %% tags=["hide-input"]
values = scenarios.project_assignment(policies=candidates).truth
values = np.array([values[f"E[exit | {name}]"] for name in candidates])


def valued(rows):
    talent, prestige, p, stretch, left = rows
    design = np.stack([np.ones_like(talent), talent, prestige], axis=1)
    wanted = (design @ lines.T > 0) == (stretch[:, None] == 1)
    w = wanted / np.where(stretch == 1, p, 1 - p)[:, None]
    return left @ w / w.sum(axis=0)


def winners(rows):
    best, half = valued(rows).argmin(), valued(rows[:, :250]).argmin()
    return valued(rows)[best], values[best], valued(rows[:, 250:])[half], values[half]


pool = world.sample(1_000 * 500, rng=6)[
    ["talent", "prestige", "propensity", "stretch", "exit"]
]
tried = np.array([winners(part) for part in np.split(pool.to_numpy().T, 1_000, axis=1)])
curse = pd.DataFrame(
    {"says": tried.mean(axis=0)[[0, 2]], "exact": tried.mean(axis=0)[[1, 3]]},
    index=["value on the rows that chose", "value on the other half"],
)
gap = tried[:, [0, 2]] - tried[:, [1, 3]]
curse["says less exact"] = gap.mean(axis=0)
worse = tried[:, 3] - tried[:, 1]
curse["its error"] = gap.std(axis=0, ddof=1) / np.sqrt(len(gap))
tables.results(curse, "The best of 200 rules, means over 1,000 logs.", digits=4)

# %% [markdown]
# On the rows that made it win, the winner's value is too good by 0.025<!--policy-curse:.3f-->: the *winner's curse*, as it was chosen for its luck too (Andrews et al., 2024). The other half had no part in the choice and is right on average, within its error. The price is a rule chosen on fewer rows, which is a slightly worse one.
#
# ### Twenty-four months
#
# The document asks for the retention curve over 24 months. Now each person comes back every month, and has strain $S_t$, from 0 to 2. With $Z$ for senior,
#
# $$
# P(A_t = 1) = \operatorname{expit}(-0.8 + 1.6\,Q - 0.6\,S_t), \qquad P(\text{exit}) = \operatorname{expit}(-4.6 + 0.9\,S_t - 0.8\,A_t - 0.3\,Z).
# $$
#
# A stretch project makes people likelier to stay this month and adds a point of strain with probability 0.45 (0.30 for seniors); without one, strain falls with probability 0.40. First the obvious: weight each month's rows as above, and multiply the months.

# %%
office = scenarios.retention()
people = office.sample(3_000, rng=6)


def under(rule):
    return people.assign(target=chances(POLICIES[rule], people))


# %% tags=["hide-input"]
def month_by_month(rows):
    a, p, new_p = rows["stretch"], rows["propensity"], rows["target"]
    w = np.where(a == 1, new_p / p, (1 - new_p) / (1 - p))
    sums = (
        pd.DataFrame({"left": w * rows["exit"], "all": w}).groupby(rows["month"]).sum()
    )
    return (1 - sums["left"] / sums["all"]).cumprod()


one_step = {name: month_by_month(under(name)) for name in POLICIES}
exact = {
    name: [office.truth[f"retained {t} | {name}"] for t in range(1, 25)]
    for name in POLICIES
}
ranking = pd.DataFrame(
    {
        "month by month, 3,000 people": {k: v.iloc[-1] for k, v in one_step.items()},
        "month by month, limit": {
            k: office.truth[f"one-step 24 | {k}"] for k in POLICIES
        },
        "exact": {k: v[-1] for k, v in exact.items()},
    }
)
tables.results(ranking, "Share retained at month 24.")

# %% [markdown]
# (“Legacy” is the old rule, “only when rested” stretches people without strain, and “odds halved” halves the old odds of a stretch project.) “Always” and “never” change places, and more data would not help: the middle column is the limit. Within a month a stretch project does keep people. But the rows show it for people with the strain that the *old* rule left them. Under "always" nearly everybody would be strained.
#
# The actions of a person's past belong in the weight. So multiply each person's weights over the months (Precup et al., 2000), which is what `retention_curve` does.

# %%
person = {"unit": "person", "time": "month", "event": "exit"}
path = {**person, "action": "stretch", "propensity": "propensity", "target": "target"}
halved = retention_curve(under("odds halved"), **path)
try:
    retention_curve(under("always"), **path)
except ValueError as error:
    refused = str(error)
print(textwrap.fill(refused, 80))

# %%
milestones = halved.loc[[6, 12, 24]].round({"effective_n": 0})
milestones["exact"] = [exact["odds halved"][t - 1] for t in milestones.index]
tables.results(milestones, "Share retained with the odds of stretch projects halved.")

# %% [markdown]
# A rule that halves the odds stays near the old one: 0.747<!--policy-halved:.3f--> for an exact 0.750<!--policy-halved-exact:.3f--> at month 24, from 3,000 people, of whom those still there are worth 289<!--policy-halved-effective:.0f-->. "Always" leaves the old rule anew each month. From month 13 on nobody is left who was always stretched and stayed, and the recipe refuses, where a bare product of weights would return 0 with standard error 0.
#
# [See it move](../book/see_it_move.md): turn the odds, and the months. In a log without end every 3,000 people are worth 209<!--policy-halved-exact-effective:.0f-->; one of 3,000 mostly lacks the rare heavy weights, and says too much.
#
# What remains is a model of the feedback, the g-formula (Robins, 1986): estimate exits and moves of strain for each state and action, and run the months forward under the new rule. The weights need the propensities and no model of strain. The g-formula needs no propensities, and instead everything beside the project on which exit and strain depend, alike in all months.

# %%
states = ["senior", "strain"]
modelled = {
    name: retention_curve(under(name), **path, states=states)
    for name in ("always", "only when rested", "never")
}
ends = pd.DataFrame({name: curve.loc[24] for name, curve in modelled.items()}).T
ends["exact"] = [exact[name][-1] for name in ends.index]
tables.results(ends, "Share retained at month 24 by the g-formula.")

# %% mystnb={"figure": {"name": "fig-policy-retention"}, "image": {"alt": "Share retained over 24 months. Exact curves: never ends at 0.81, always at 0.63. The g-formula's points with intervals follow both. The month-by-month curves are crossed: always ends at 0.84, never at 0.64."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 3.6))
t = np.arange(1, 25)
for name in ("always", "never"):
    ax.plot(t, exact[name], color=figures.TRUTH, linestyle="--")
    ax.text(24.6, exact[name][-1], f"{name}, exact", va="center")
    ax.plot(t, one_step[name], "D-", color=figures.NAIVE, mfc="white", markersize=4)
    end = one_step[name].iloc[-1]
    ax.text(24.6, end + 0.012, f"{name}, by month", va="center", color=figures.NAIVE)
    some = modelled[name].iloc[3::4]
    error = 1.96 * some["std_error"]
    ax.errorbar(some.index, some["estimate"], error, fmt="o", color=figures.ESTIMATE)
ax.set(xlabel="month", ylabel="share retained", xlim=(0, 33), ylim=(0.5, 1.01))
ax.set_xticks([1, 6, 12, 18, 24])
plt.show()

# %% [markdown]
# *Figure 4. Retention under "always" and "never": exact, month by month, and by the g-formula (points with intervals).*
#
# Its intervals cover all three exact values, and it puts the rules in their true order.
#
# ## The decision
#
# For the single decision: ship the new rule. Per 1,000 decisions it saves 134<!--policy-saved:.0f--> exits; the log's 95% interval is 127<!--policy-saved-low:.0f--> to 152<!--policy-saved-high:.0f-->. All four rules, simulated with `do` on 400,000 people each:

# %%
acted = {"old": world.model, "new": world.model.do(stretch=new)}
acted |= {name: world.model.do(stretch=a) for name, a in {"all": 1, "none": 0}.items()}
runs = {
    k: m.sample(400_000, rng=7)["exit"].agg(["mean", "sem"]) for k, m in acted.items()
}
policy = 1_000 * pd.DataFrame(runs).T
policy["exact"] = [1_000 * truth["E[exit]"]] + [
    1_000 * truth[f"E[exit | {r}]"] for r in rules
]
tables.results(policy, "Exits per 1,000 decisions, simulated with its error.", digits=1)

# %% [markdown]
# In the world of 24 months: fewer stretch projects, not more. Halving their odds keeps 4<!--policy-halved-gain:.0f--> more people of 100 than the old rule (exact), and the log has support for it. Stopping them altogether would keep 10<!--policy-never-gain:.0f-->, and of that the log tells only through a model of strain. Halve them first, and look again.
#
# From tomorrow on, log with every decision:
#
# - the probability with which it was drawn, and the version of the rule that drew it;
# - all that the rule saw, as it saw it;
# - whether somebody overruled it, and what came of it, also for those who leave.
#
# And keep every probability away from 0 and 1 wherever you can bear it. The new rule as it stands will leave a log without support for the next question; with probabilities of 0.9 and 0.1 instead of 1 and 0 it would not (exercise 1 has the price).
#
# ## Many worlds
#
# Two hundred fresh logs of 2,000 decisions, held against the exact 0.2273<!--policy-new:.4f-->.

# %% tags=["hide-input"]


def agreeing(rows):
    same = rows.loc[rows["stretch"] == rows["new"], "exit"]
    half = 1.96 * same.sem()
    mean = same.mean()
    return {"estimate": mean, "ci_low": mean - half, "ci_high": mean + half}


def estimated(rows, given=("talent", "prestige")):
    p = estimate_propensities(rows, action="stretch", adjust_for=list(given))
    return policy_value(rows.assign(propensity=p["propensity"]), **ask)


def both_models(rows):
    return doubly_robust_value(rows, **ask, adjust_for=["talent", "prestige"])


analyses = {
    "rows that agree": agreeing,
    "weighted": lambda rows: policy_value(rows, **ask, self_normalized=False),
    "self-normalized": lambda rows: policy_value(rows, **ask),
    "doubly robust": both_models,
    "estimated propensities": estimated,
    "estimated without prestige": lambda rows: estimated(rows, ["talent"]),
}
analyses = {
    name: lambda rows, run=run: run(rows.assign(new=new(rows["talent"])))
    for name, run in analyses.items()
}

# %%
value = "E[exit | new]"
many = replicate(world, analyses, n=2_000, replications=200, rng=8, estimand=value)
shown = ["bias", "bias_error", "rmse", "coverage", "coverage_error"]
tables.results(many[shown], "200 logs of 2,000 decisions.", digits=4)

# %% [markdown]
# The rows that agree and the propensities without prestige are off by many Monte Carlo errors, and cover far too seldom. The other four show no bias beyond two errors and cover about as often as they promise.
#
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy off_policy
# ```
#
# Now on real people, where an experiment gives the answer. In the experiment of Hillstrom (2008) 64,000 customers got an e-mail on men's goods, on women's goods, or none, by lot. We thin the experiment to the log of a biased shop, which prefers the women's e-mail for buyers of women's goods, and ask for another rule: the women's e-mail for those who bought *only* women's goods, the men's for all others. Among those who got just that e-mail by lot, a share of 0.18423 visited the shop's site, with a standard error of 0.00265. (Our rows are synthetic; the counts of each cell are real.)

# %%
shop = archives.email_experiment()
women = shop["bought_women"] == 1
sends = {"none": (0.2, 0.3), "men": (0.1, 0.6), "women": (0.7, 0.1)}
to_women, to_others = (shop["email"].map(lambda e, i=i: sends[e][i]) for i in (0, 1))
shop["old"] = to_women.where(women, to_others)
rule = np.where(women & (shop["bought_men"] == 0), "women", "men")
shop["new"] = 1.0 * (shop["email"] == rule)
kept = shop[np.random.default_rng(9).random(len(shop)) < shop["old"] / 0.7]

# %%
ratio = {"propensity_taken": "old", "target_taken": "new"}
mail = pd.DataFrame([policy_value(kept, outcome="visit", **ratio)])
mail.index = ["weighted"]
same = kept.loc[kept["new"] == 1, "visit"]
mail.loc["rows that agree", "estimate":"std_error"] = same.mean(), same.sem()
mail.loc["rows that agree", "n"] = len(same)
mail = mail.round({"effective_n": 0})
tables.results(
    mail, "Visits under the new rule; the experiment says 0.18423.", digits=4
)

# %% [markdown]
# The log of the biased shop finds what the experiment says; the rows that agree do not. With more than two actions the recipe asks for the probabilities of the action that was taken. Note the thinning: rows are kept with probability $p/0.7$, the same constant for all. A constant for each group would change who the customers are.
#
# ## Exercises
#
# ### Exercise 1. A softer rule
#
# Value the rule that gives a stretch project with probability 0.9 where talent is above 0.5 and 0.1 elsewhere. What is its exact value, and what is its effective sample size beside that of the strict rule? Why?
#
# <details>
# <summary>Solution</summary>
#
# `scenarios.project_assignment(policies={"soft": lambda talent: 0.1 + 0.8 * (talent > 0.5)})` has its exact value in `truth`, 0.2509<!--policy-soft:.4f-->: nine tenths of the way from the opposite rule to the strict one, since values are linear in the probabilities. The effective sample size rises from 4,023<!--policy-effective:,.0f--> to 4,900<!--policy-soft-effective:,.0f-->, as the weights vary less: none is 0 any more, and the largest lose a tenth. And a company that runs it keeps support for the next question.
#
# </details>
#
# ### Exercise 2. Which way is the bug wrong?
#
# The buggy log says too few exits, by 0.047<!--policy-bug-bias:.3f--> in the limit without self-normalizing and by 0.022<!--policy-bug-bias-normalized:.3f--> with it. Explain the sign, and why dividing by the weights helps but does not repair.
#
# <details>
# <summary>Solution</summary>
#
# From month 13 on stretch projects are likelier than the log says. So stretched rows get too much weight in sum, and unstretched ones too little: the new rule denies most people a stretch project, their rows are too few, and each has the old weight. The mean weight falls to 0.88<!--policy-bug-weight:.2f-->, and with it the weighted exits. Dividing by it repairs the level. It does not repair the mixture: the talented, who stay, are now too large a part.
#
# </details>
#
# ### Exercise 3. How far can a log see?
#
# Open-ended. In the world of 24 months, let a rule multiply the old odds by a factor, from 1/8 to 8 (`legacy_odds` in `casestudies.scenarios.retention`). For each factor compute the effective sample size at months 6, 12 and 24, and whether the interval covers the exact value over some fresh logs. At what effective size would you stop believing it?
#
# <details>
# <summary>Solution</summary>
#
# The effective size falls fast, the faster the further the factor is from 1, and a small one is itself a matter of luck. In 800 logs of 3,000 people, at month 24, the intervals covered 94% with the odds halved (effective size 287), 90% with odds times 0.4 (107) and 83% with odds quartered (26), with errors of at most 1.3 points: the few heavy trajectories that would widen them are usually not in the log. A hundred is too few here; ask for some hundreds.
#
# </details>

# %% [markdown]
# ## What the document says
#
# Claims of Iwai (n.d.) on off-policy evaluation; those on mediators have [a chapter of their own](staffing_mediator_trap.ipynb).
#
# <details>
# <summary>Claims of “Beyond Feature Flattening”, on off-policy evaluation, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | Old logs of a biased human rule can answer what another rule would have done. | holds in part | With support and true propensities 0.219<!--policy-weighted:.3f--> for an exact 0.227<!--policy-new:.3f-->. Where the old rule never tried it, only bounds, in the limit 0.127<!--policy-lowest:.3f--> to 0.397<!--policy-highest:.3f-->. |
# | They give the retention curve of the new policy over the past 24 months. | holds in part | With the past in the weights 0.747<!--policy-halved:.3f--> for an exact 0.750<!--policy-halved-exact:.3f-->, near the old rule; with a right model of the feedback also far from it. Month by month the worst rule looks best: "always" 0.823<!--policy-always-step:.3f--> for an exact 0.626<!--policy-always-exact:.3f-->. |
# | Going from seeing to doing enables off-policy evaluation. | holds | The rows that agree with the rule say 0.197<!--policy-agreeing:.3f--> in the limit, and no number of them helps. |
# | A causally identified model makes it possible. | holds in part | The identification is an assumption about the log. With an unrecorded driver its audit is clean and the value 0.211<!--policy-driven-limit:.3f--> for an exact 0.259<!--policy-driven-exact:.3f-->. |
# | It replaces deploying an unverified rule and risking live retention. | holds in part | For a first choice among rules near the old one. The best of 200 rules on 500 decisions promises 0.025<!--policy-curse:.3f--> too few exits, and what was never tried must be tried, on a few. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
soft = log.assign(new=0.1 + 0.8 * log["new"])
soft_world = {"soft": lambda talent: 0.1 + 0.8 * (talent > 0.5)}
soft_truth = scenarios.project_assignment(policies=soft_world).truth
numbers = {
    "policy-new": truth["E[exit | new]"],
    "policy-old": truth["E[exit]"],
    "policy-agreeing": truth["agreeing rows | new"],
    "policy-trap": trap["estimate"],
    "policy-weighted": weighted["estimate"],
    "policy-weighted-low": weighted["ci_low"],
    "policy-weighted-high": weighted["ci_high"],
    "policy-robust": robust["estimate"],
    "policy-effective": weighted["effective_n"],
    "policy-mean-weight": weighted["mean_weight"],
    "policy-claimed": chosen["claimed"],
    "policy-chosen": chosen["estimate"],
    "policy-halved-gain": 100 * (exact["odds halved"][-1] - exact["legacy"][-1]),
    "policy-never-gain": 100 * (exact["never"][-1] - exact["legacy"][-1]),
    "policy-gain": gains.loc["new", "estimate"],
    "policy-saved": 1_000 * (truth["E[exit]"] - truth["E[exit | new]"]),
    "policy-saved-low": -1_000 * gains.loc["new", "ci_high"],
    "policy-saved-high": -1_000 * gains.loc["new", "ci_low"],
    "policy-silent": silent["estimate"],
    "policy-silent-weight": silent["mean_weight"],
    "policy-unsupported": bounds["unsupported"],
    "policy-set-low": bounds["set_low"],
    "policy-set-high": bounds["set_high"],
    "policy-lowest": narrow.truth["lowest | new"],
    "policy-highest": narrow.truth["highest | new"],
    "policy-bug": two.iloc[0]["estimate"],
    "policy-bug-half": two.iloc[1]["estimate"],
    "policy-audit-late": audit.loc[13:, "mean"].mean(),
    "policy-bug-bias": truth["E[exit | new]"] - buggy.truth["weighted value | new"],
    "policy-bug-bias-normalized": truth["E[exit | new]"]
    - buggy.truth["self-normalized value | new"],
    "policy-bug-weight": buggy.truth["mean weight | new"],
    "policy-driven-limit": driven.truth["weighted value | new"],
    "policy-driven-limit-none": driven.truth["weighted value | none"],
    "policy-driven-exact": driven.truth["E[exit | new]"],
    "policy-driven-exact-none": driven.truth["E[exit | none]"],
    "policy-driven": fooled.loc["new", "estimate"],
    "policy-guessed": guessed.loc["both", "estimate"],
    "policy-guessed-talent": guessed.loc["talent only", "estimate"],
    "policy-curse": -curse.iloc[0]["says less exact"],
    "policy-curse-half": -curse.iloc[1]["says less exact"],
    "policy-halved": halved.loc[24, "estimate"],
    "policy-halved-effective": halved.loc[24, "effective_n"],
    "policy-halved-exact": exact["odds halved"][-1],
    "policy-halved-exact-effective": 3_000
    * office.truth["effective share 24 | odds halved"],
    "policy-always-exact": exact["always"][-1],
    "policy-never-exact": exact["never"][-1],
    "policy-always-step": office.truth["one-step 24 | always"],
    "policy-never-step": office.truth["one-step 24 | never"],
    "policy-always-model": ends.loc["always", "estimate"],
    "policy-mail": mail.loc["weighted", "estimate"],
    "policy-mail-agree": mail.loc["rows that agree", "estimate"],
    "policy-mail-effective": mail.loc["weighted", "effective_n"],
    "policy-soft": soft_truth["E[exit | soft]"],
    "policy-soft-effective": policy_value(soft, **ask)["effective_n"],
    **{f"policy-bias-{name}": many.loc[name, "bias"] for name in many.index},
    **{f"policy-coverage-{name}": many.loc[name, "coverage"] for name in many.index},
}
tables.store(
    numbers,
    answers=answers,
    audit=audit,
    bounds=bounds,
    by_hand=by_hand,
    by_rule=by_rule,
    checked=checked.droplevel(0),
    curse=curse,
    worse=[worse.mean(), worse.std() / np.sqrt(len(worse))],
    ends=ends,
    fooled=fooled,
    gains=gains,
    guessed=guessed,
    halved=halved,
    mail=mail,
    many=many,
    policy=policy,
    ranking=ranking,
    refused=refused,
    two=two,
)
new_value = ("policy value", truth["E[exit | new]"], "this world", "exact truth")
known = {f"new rule: {name}": (row, *new_value) for name, row in answers.iterrows()}
known["new rule: a bug in the log"] = (two.iloc[0], *new_value)
known["new rule: an unrecorded driver"] = (
    fooled.loc["new"],
    "policy value",
    driven.truth["E[exit | new]"],
    "this world",
    "exact truth",
)
known["odds halved, month 24"] = (
    halved.loc[24],
    "policy value",
    exact["odds halved"][-1],
    "this world",
    "exact truth",
)
known["always, month 24, g-formula"] = (
    ends.loc["always"],
    "policy value",
    exact["always"][-1],
    "this world",
    "exact truth",
)
known["e-mail by past purchases: visits"] = (
    mail.loc["weighted"],
    "policy value",
    0.18423,
    "the whole experiment",
    "own comparison",
)
tables.scoreboard(known)
