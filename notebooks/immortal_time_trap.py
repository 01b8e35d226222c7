# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The immortal time trap
#
# **The question.** New hires may join a mentoring programme in any month. Those who ever joined leave far less often in their first year. Does mentoring keep people?
#
# **The answer in short.** Of those who ever joined 42.8%<!--immortal-ever:.1%--> leave within a year, of those who never did 70.4%<!--immortal-never:.1%-->. Mentoring makes people leave *more* often: if everybody joined at once instead of never, 9.9<!--immortal-ate-points:.1f--> more in a hundred would go (ATE). The 28 points come from months in which nobody could leave: to join in month eight, one has to be there in month eight. A trial for every month, with one starting day for both arms, finds what is true: joining now instead of not adds 5.7<!--immortal-itt-trials-points:.1f--> exits in a hundred within six months (ITT), and the log says 6.9<!--immortal-trials-points:.1f--> (5.2<!--immortal-trials-low-points:.1f--> to 8.6<!--immortal-trials-high-points:.1f-->).
#
# Iwai (n.d.) warns of tables that lose the order of time. This is the shortest way to lose it: a column that says *ever*.

# %% [markdown]
# ## The story
#
# The company of [the staffing case](staffing_mediator_trap.ipynb) offers its new hires a mentor. They may ask for one in any month of their first year; it takes two evenings a week. At the end of the year the personnel office makes a table with one row per person, a column *mentored* and a column *left*, and finds that the programme works wonders. It wants to make mentoring compulsory from the first day.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from casestudies import identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.off_policy import estimate_propensities, retention_curve
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.standardization import standardize
from casestudies.recipes.target_trials import nested_trials
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# Half of the new hires are keen, $K = 1$. At the start of month $t$ those who are there without a mentor may get one, and keep it, $A_t = 1$. During the month some leave for good, $Y_t = 1$. With $\sigma$ the logistic function,
#
# $$
# \begin{aligned}
# P(A_t = 1 \mid \text{there, no mentor yet}) &= \sigma(-2.5 + K), \\
# P(Y_t = 1 \mid \text{there}) &= \sigma(-2.6 - 0.6\, K + 0.3\, A_t) .
# \end{aligned}
# $$
#
# The keen join sooner and stay longer. The mentor's evenings push a little towards the door.

# %%
world = scenarios.immortal_time()
log = world.sample(8_000, rng=14)
tables.results(log[log["person"] == 5], "The log of one of 8,000 people.")

# %% mystnb={"figure": {"name": "fig-immortal-graph"}, "image": {"alt": "Causal graph of the first two months. Keen points to mentored 1 and 2 and to left 1 and 2. Mentored points to left in the same month and to mentored in the next; left 1 points to mentored 2 and left 2, since nobody joins or leaves after having left."}} tags=["hide-input"]
two_months = scenarios.immortal_time(months=2, follow=1).model.graph
places = {"keen": (1.3, 1.1), "mentored_1": (0, 0), "mentored_2": (2.6, 0)}
places |= {"left_1": (0.8, -1.1), "left_2": (3.4, -1.1)}
roles = {"treatment": "mentored_1", "outcome": "left_2", "positions": places}
figures.causal_graph(two_months, **roles, ax=plt.subplots(figsize=(5.6, 3.4))[1])
plt.show()

# %% [markdown]
# *Figure 1. The first two of twelve months. Leaving comes before the next month's joining.*
#
# Mind the arrow from `left_1` to `mentored_2`: whether one joins later is a *consequence* of not having left.

# %% [markdown]
# ## The trap
#
# Guess first: a programme that pushes people out, compared as *ever joined* against *never joined*. Which sign?

# %%
kinds = {
    "keen": ("keen", "first"),
    "ever": ("mentored", "max"),
    "exit": ("exit", "max"),
}
people = log.groupby("person").agg(**kinds)
ever = {"outcome": "exit", "treatment": "ever"}
raw = difference_in_means(people, **ever)
by_keen = standardize(people, **ever, adjust_for="keen")

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
naive = pd.DataFrame({"ever − never": raw, "ever − never, by keen": by_keen}).T
naive["limit"] = [world.truth[f"naive: ever - never{by}"] for by in ("", ", by keen")]
tables.results(naive.drop(columns="n"), "Exits within a year; the ATE is +0.099.")

# %% [markdown]
# −0.27<!--immortal-naive:.2f-->, and the one confounder that there is does not help: −0.25<!--immortal-naive-keen:.2f-->. The reason is in the order of time. Here are twelve of the people, the mentored months drawn thick.

# %% mystnb={"figure": {"name": "fig-immortal-lives"}, "image": {"alt": "Twelve lives as lines over twelve months. Of seven who never join three leave, after three, six and eight months. Five join: two in the first month, the others after one, two and eleven months, which are dashed; none of these lines could have ended there."}} tags=["hide-input"]
shown = (
    people[people["ever"] == 1].index[1:6].append(people[people["ever"] == 0].index[:7])
)
_, ax = plt.subplots(figsize=(5.6, 3.8))
for row, person in enumerate(shown):
    life = log[log["person"] == person]
    with_mentor = life["month"][life["mentored"] == 1]
    start = with_mentor.min() - 1 if len(with_mentor) else len(life)
    before = {"color": figures.NAIVE if len(with_mentor) else figures.CONTROL}
    ax.plot(
        [0, start], [row, row], linestyle="--" if len(with_mentor) else "-", **before
    )
    if len(with_mentor):
        ax.plot([start, len(life)], [row, row], color=figures.TREATED, linewidth=4)
    if life["exit"].max():
        ax.plot(len(life), row, marker="X", color="black", markersize=7)
ax.set(
    xlabel="months since the first day",
    yticks=[2, 8.5],
    yticklabels=["ever joined", "never joined"],
)
plt.show()

# %% [markdown]
# *Figure 2. Twelve of 8,000 lives; a cross is an exit. The dashed months of those who join later are immortal: had one of them left there, the line would be among the never.*
#
# The column *ever* sorts people by what they did later, and doing it later takes being there later. Whoever leaves in month one is in the group *never*, whatever the programme does. The same happens to patients who ever took the drug (Suissa, 2008), films with sequels, users who ever used the feature.
#
# The bias does not need the whole year. Let the arm be *joined within the first $k$ months*, the clock running from day one:

# %%
truth, ahead = world.truth, [1, 2, 3, 6, 9, 12]
looked = pd.DataFrame(
    {"limit": [truth[f"naive: joined within {k}"] for k in ahead]}, ahead
)
caption = "Joined within k months against all others, exits within a year."
tables.results(looked.rename_axis("k"), caption)

# %% [markdown]
# Each month of looking ahead adds some. Without any, the first row, only confounding is left: the keen join and the keen stay, which hides the harm (0.005<!--immortal-within-1:.3f--> for an ITT of 0.054<!--immortal-itt:.3f-->). That much an adjustment can mend.

# %% [markdown]
# ## What must be true
#
# Write down the trial that you would run, and then how the log stands in for it (Hernán and Robins, 2016).
#
# | | The trial | From the log |
# |---|---|---|
# | Eligible | there at the start of a month, never had a mentor | the same, by the months before |
# | Arms | a mentor from today; none today | what the person does in this month |
# | Assignment | by lot | as if by lot among the equally keen |
# | Time zero | the day of the lot | the start of this month, for both arms |
# | Outcome | an exit within six months | the same |
# | Estimand | ITT: mentor now or not now, whatever follows | the same, averaged over the entrants |
#
# > **Assumptions, and how each could fail**
# >
# > - **One time zero**: eligibility, arm and the start of follow-up coincide. It fails when the arm is read off later months, when those who already have a mentor are let in (the ones who left are missing), or when the clock starts later in one arm.
# > - **Exchangeability given what was known at time zero**: among the equally keen, who joins this month has nothing to do with who would leave. It fails if people look for a mentor because they think of leaving.
# > - **Positivity**: keen or not, some join and some do not. Both happen in every month here.
# > - **Consistency, no interference**: a mentor is a mentor, and mine is not taken from you. Nobody is lost from the log but by an exit.

# %%
ask = {"treatment": "mentored_1", "outcome": "left_12", "adjust_for": ["keen"]}
print(identify.backdoor(world.model.graph, **ask))

# %% [markdown]
# ## The estimate
#
# By hand first, for the trial that starts in month three:

# %%
had = log[(log["month"] < 3) & (log["mentored"] == 1)]["person"]
third = log[(log["month"] == 3) & ~log["person"].isin(had)]
leavers = log[(log["exit"] == 1) & (log["month"] < 9)]["person"]
third = third.assign(exit=1 * third["person"].isin(leavers))
rates = third.groupby(["keen", "mentored"])["exit"].agg(["mean", "size"])
tables.results(rates, "Starters of month 3, exits within six months.")

# %% [markdown]
# Few join in any one month. But every month is a trial, and one may enter as many as one is eligible for (Danaei et al., 2013). The recipe lists the entrants of all of them; any recipe for adjustment takes it from there, with errors clustered by person, since the same exit may count in several trials. (Here keenness is all that needs adjusting: among the equally keen, neither who joins nor who leaves depends on the month. Where it may, adjust for the month too; the recipe keeps its column.)

# %%
columns = {"unit": "person", "time": "month", "event": "exit", "treatment": "mentored"}
trials = nested_trials(log, **columns, follow=6, baseline="keen")

# %%
arms = {"outcome": "exit", "treatment": "mentored", "cluster": "person"}
raw_trials = difference_in_means(trials, **arms)
by_trials = standardize(trials, **arms, adjust_for="keen")
found = pd.DataFrame({"raw": raw_trials, "by keen": by_trials}).T
tables.results(found, "Exits within six months, now − not now; the ITT is 0.057.")

# %% [markdown]
# The trials' answer, 0.069<!--immortal-trials:.3f--> (0.052<!--immortal-trials-low:.3f--> to 0.086<!--immortal-trials-high:.3f-->), covers the exact 0.057<!--immortal-itt-trials:.3f-->. It is the analogue of an *intention-to-treat* effect, for it asks what starting does, whatever follows. Four in ten of those who do not join today do so within the six months, which makes it smaller than the effect of a mentor against none.
#
# For the latter, a *per-protocol* effect, follow each arm as long as it keeps to its protocol, and let those who do stand for the equally keen who do not. With a log of months these are the [weights along a trajectory](off_policy_evaluation.ipynb): everybody joins at once, or nobody ever.

# %%
decides = log.groupby("person")["mentored"].shift(fill_value=0) == 0
fit = estimate_propensities(log[decides], action="mentored", adjust_for="keen")
log["chance"] = fit["propensity"].reindex(log.index, fill_value=1.0)
at_once = log.assign(target=1.0 * ((log["month"] == 1) | ~decides))
never = log.assign(target=0.0)

# %%
policy = {"unit": "person", "time": "month", "event": "exit", "action": "mentored"}
policy |= {"propensity": "chance", "target": "target"}
protocols = {"at once": at_once, "never": never}
curves = {name: retention_curve(rows, **policy) for name, rows in protocols.items()}

# %% mystnb={"figure": {"name": "fig-immortal-curves"}, "image": {"alt": "Share gone by month under two protocols. If everybody joins at once it rises to 0.56 after twelve months, if nobody ever joins to 0.47; the exact dashed curves, which end at 0.58 and 0.48, lie within the intervals."}} tags=["hide-input"]
exact = {m: scenarios.immortal_time(months=m, follow=1).truth for m in range(2, 13)}
_, ax = plt.subplots(figsize=(5.6, 3.6))
for name, colour in (("at once", figures.TREATED), ("never", figures.CONTROL)):
    gone = 1 - curves[name]
    ax.fill_between(
        gone.index, gone["ci_high"], gone["ci_low"], color=colour, alpha=0.2
    )
    ax.plot(gone.index, gone["estimate"], color=colour, marker="o", markersize=4)
    known = [truth[f"E[exit | {name}]"] for truth in exact.values()]
    ax.plot([*exact], known, color=figures.TRUTH, linestyle="--")
    ax.annotate(
        name, (12, gone["estimate"].iloc[-1]), (8, -4), textcoords="offset points"
    )
ax.set(xlabel="month", ylabel="share gone", xlim=(0.5, 13.6), ylim=(0, 0.7))
plt.show()

# %% [markdown]
# *Figure 3. Gone if everybody joins at once, and if nobody ever does: weighted log with 95% intervals, dashed the exact curves.*

# %% tags=["hide-input"]
ends = {name: stays.iloc[-1] for name, stays in curves.items()}
gap = ends["never"]["estimate"] - ends["at once"]["estimate"]
margin = 1.96 * np.hypot(*[row["std_error"] for row in ends.values()])
protocol = pd.Series({"estimate": gap, "ci_low": gap - margin, "ci_high": gap + margin})

# %% [markdown]
# After a year 0.08<!--immortal-protocol:.2f--> more are gone (0.04<!--immortal-protocol-low:.2f--> to 0.12<!--immortal-protocol-high:.2f-->), for an exact 0.10<!--immortal-ate:.2f-->. (Nobody follows both protocols, not even for a month, so the errors of the two curves add up in squares. That the chances of joining were estimated from the same log is left out, which makes the interval too wide rather than too narrow.)
#
# ## Try to break it
#
# **A benefit before the beginning.** An effect does not act before its cause. Take everybody without a mentor in month one, and compare those who will get one later with those who never will:

# %%
first = log[(log["month"] == 1) & (log["mentored"] == 0)]
early = first.assign(later=first["person"].map(people["ever"]))
early = early.groupby("later")["exit"].agg(["mean", "size"])
tables.results(early, "Exits in month one, before anybody here has a mentor.")

# %% [markdown]
# Nobody who joins later leaves in month one, and 13%<!--immortal-early-never:.0%--> of the others do. No programme reaches back; the table was made so. Ask this of every *ever against never*.
#
# **A cause that nobody wrote down.** The raw row of the trials, 0.03<!--immortal-raw:.2f-->, is what is left if keenness is not recorded: the right clock mends the clock, and nothing else. Here the unrecorded cause would hide two thirds of the harm.
#
# **Those who already have a mentor.** Let them into the trial of month three as "mentored", and one compares people who have survived the mentor with people who have not met one. Exercise 2 asks when that goes wrong.
#
# ## The decision
#
# Shall every new hire have a mentor from the first day? Of every hundred who would go without one, the personnel office expects to keep 28. The world can be asked:

# %%
policies = pd.DataFrame(index=["nobody, ever", "as it comes", "everybody, at once"])
keys = ["E[exit | never]", "E[exit]", "E[exit | at once]"]
policies["exact"] = [100 * truth[key] for key in keys]
by_log = [
    1 - ends["never"]["estimate"],
    people["exit"].mean(),
    1 - ends["at once"]["estimate"],
]
policies["by the log"] = [100 * share for share in by_log]
tables.results(policies, "Exits within a year, per 100 new hires.", digits=1)

# %% [markdown]
# Compulsory mentoring would not save 28<!--immortal-promise:.0f--> exits in a hundred who now go without. It would cost 4.7<!--immortal-compulsory:.1f--> in every hundred new hires, and ending the programme would save 5.2<!--immortal-ended:.1f-->. Before ending it, one would look at what the evenings cost and move them into working hours: that is another treatment, and the log says nothing of it.
#
# ## Many worlds
#
# A hundred fresh logs of 2,000 people, each analysis against what it claims to estimate.


# %%
def ever_never(rows):
    people = rows.groupby("person").agg(**kinds)
    return difference_in_means(people, **ever)


def in_trials(rows):
    trials = nested_trials(rows, **columns, follow=6, baseline="keen")
    return standardize(trials, **arms, adjust_for="keen")


# %%
analyses = {"ever − never": ever_never, "trials": in_trials}
claims = {"ever − never": "ATE", "trials": "ITT(trials)"}
settings = {"n": 2_000, "replications": 100, "estimand": claims}
many = replicate(world, analyses, **settings, rng=8)
kept = ["truth", "bias", "bias_error", "coverage", "coverage_error", "mean_width"]
tables.results(many[kept], "100 logs of 2,000 people.", digits=3)

# %% [markdown]
# Ever against never is off by −0.38<!--immortal-many-ever:.2f--> and never covers. The trials are right on average, and their clustered intervals cover in 94%<!--immortal-coverage-clustered:.0%--> of the logs, up to the error of a hundred.
#
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy target_trials
# ```
#
# Most tables come with a row per customer and dates. Here are six made-up ones: the months in which they signed up, upgraded and left, counted from the first. Each becomes a row per month at risk; the recipe makes the trials.

# %%
ids = pd.Index(list("abcdef"), name="customer")
dates = {
    "upgraded": [9, 2, 1, 9, 3, 2],
    "left": [1, 9, 3, 3, 9, 9],
}  # 9: not by month 4
rows = pd.DataFrame(dates, ids).loc[ids.repeat(4)].reset_index()
rows["month"] = rows.groupby("customer").cumcount() + 1
rows = rows[rows["month"] <= rows["left"]]

# %%
rows["upgrade"] = 1 * (rows["month"] >= rows["upgraded"])
rows["churn"] = 1 * (rows["month"] == rows["left"])
churn = {"unit": "customer", "time": "month", "event": "churn", "treatment": "upgrade"}
entries = nested_trials(rows, **churn, follow=2)
tables.results(entries.set_index("customer"), "Starters, churn within two months.")

# %% [markdown]
# Customer a, who left in month one, is in the first trial as one who did not upgrade. So is e, who upgraded in month three. Then `standardize`, `weight` or `doubly_robust` with `cluster="customer"`.
#
# ## Exercises
#
# ### Exercise 1. A programme that does nothing
#
# Let `mentored_on_exit=0`. What do *ever − never* and the trials say in the limit? And if, besides, the keen joined no sooner than the others?
#
# <details>
# <summary>Solution</summary>
#
# `scenarios.immortal_time(mentored_on_exit=0).truth` has −0.36<!--immortal-useless:.2f--> for *ever − never* and 0 for the trials. With `keen_on_joining=0` there is no confounding left either, and *ever − never* is still −0.27<!--immortal-useless-alike:.2f-->: all of it is immortal time.
#
# </details>
#
# ### Exercise 2. Those who already had one
#
# The personnel office's log begins in month four, and who had a mentor by then is recorded. A colleague compares all who have a mentor in month four with all who have none, by keen. In this world that is nearly right. Name a world in which it goes badly wrong.
#
# <details>
# <summary>Solution</summary>
#
# Here the push is the same in every month and the only cause of leaving besides it is recorded. Let the mentor push out the impatient, in their first two months together, and let impatience be unrecorded. By month four the impatient with a mentor are gone, and those without are still there. The survivors with a mentor look patient, and the comparison says that a mentor keeps people. Starters are compared with other entrants for this reason: what the treatment has already done must not choose who is in the trial.
#
# </details>
#
# ### Exercise 3. Another follow-up
#
# Open-ended code. Follow the trials for 3, 6 and 9 months. How many trials are there, who is in them, and why does the ITT not grow in proportion? Hold each against the exact value, `scenarios.immortal_time(follow=k).truth["ITT(trials)"]`.
#
# <details>
# <summary>Solution</summary>
#
# There are ten, seven and four trials. The exact values are 0.042<!--immortal-itt-3:.3f-->, 0.057<!--immortal-itt-trials:.3f--> and 0.058<!--immortal-itt-9:.3f-->: the longer one waits, the more of those who did not join have joined, and the more of both arms are gone. A long trial also has fewer entrants, and entrants from earlier months.
#
# </details>
#
# ## What the document says
#
# What Iwai (n.d.) says of the order of time, in the case where a table loses it fastest.
#
# <details>
# <summary>Claims of “Beyond Feature Flattening”, on the order of time, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | Compressing what happened over time into one unordered row per unit strips away its order. | holds | *Ever joined*, a column of such a row, says −0.28<!--immortal-limit:.2f--> in the limit where joining at once adds 0.10<!--immortal-ate:.2f-->. The order alone mends the sign: the same log, by months, gives 0.03<!--immortal-raw:.2f-->, and by keen 0.07<!--immortal-trials-short:.2f-->, for an ITT of 0.06<!--immortal-itt-short:.2f-->. |
# | An analysis of such a row prefers what goes along with the outcome over what acts on it. | holds | To have stayed goes along with *ever joined*. Adjusting for the one common cause leaves −0.26<!--immortal-limit-keen:.2f-->: no covariate of the row brings the order back. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
useless = scenarios.immortal_time(mentored_on_exit=0.0).truth
alike = scenarios.immortal_time(mentored_on_exit=0.0, keen_on_joining=0.0).truth
in_law = found.loc["by keen"]
numbers = {
    "immortal-ever": truth["ever"],
    "immortal-never": truth["never"],
    "immortal-ate": truth["ATE"],
    "immortal-ate-points": 100 * truth["ATE"],
    "immortal-itt": truth["ITT"],
    "immortal-itt-trials": truth["ITT(trials)"],
    "immortal-itt-short": truth["ITT(trials)"],
    "immortal-itt-trials-points": 100 * truth["ITT(trials)"],
    "immortal-within-1": truth["naive: joined within 1"],
    "immortal-limit": truth["naive: ever - never"],
    "immortal-limit-keen": truth["naive: ever - never, by keen"],
    "immortal-naive": naive.loc["ever − never", "estimate"],
    "immortal-naive-keen": naive.loc["ever − never, by keen", "estimate"],
    "immortal-raw": found.loc["raw", "estimate"],
    "immortal-trials": in_law["estimate"],
    "immortal-trials-short": in_law["estimate"],
    "immortal-trials-low": in_law["ci_low"],
    "immortal-trials-high": in_law["ci_high"],
    "immortal-trials-points": 100 * in_law["estimate"],
    "immortal-trials-low-points": 100 * in_law["ci_low"],
    "immortal-trials-high-points": 100 * in_law["ci_high"],
    "immortal-protocol": protocol["estimate"],
    "immortal-protocol-low": protocol["ci_low"],
    "immortal-protocol-high": protocol["ci_high"],
    "immortal-early-never": early.loc[0, "mean"],
    "immortal-promise": -100 * truth["naive: ever - never"],
    "immortal-compulsory": 100 * (truth["E[exit | at once]"] - truth["E[exit]"]),
    "immortal-ended": 100 * (truth["E[exit]"] - truth["E[exit | never]"]),
    "immortal-many-ever": many.loc["ever − never", "bias"],
    "immortal-coverage-clustered": many.loc["trials", "coverage"],
    "immortal-useless": useless["naive: ever - never"],
    "immortal-useless-alike": alike["naive: ever - never"],
    **{
        f"immortal-itt-{k}": scenarios.immortal_time(follow=k).truth["ITT(trials)"]
        for k in (3, 9)
    },
}
tables.store(
    numbers,
    curves={name: stays["estimate"].iloc[-1] for name, stays in curves.items()},
    early=early,
    entries=entries,
    found=found,
    looked=looked,
    many=many,
    naive=naive,
    policies=policies,
    starters=len(trials),
)
exact_here = ("this world", "exact truth")
known = {
    "trials, joining now or not": (in_law, "ITT", truth["ITT(trials)"], *exact_here),
    "protocols, at once or never": (protocol, "ATE", truth["ATE"], *exact_here),
    "ever against never": (naive.loc["ever − never"], "ATE", truth["ATE"], *exact_here),
}
tables.scoreboard(known)
