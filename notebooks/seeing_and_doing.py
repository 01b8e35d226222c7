# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Seeing and doing
#
# **The question.** CPU load and latency rise together on your dashboard. If you lowered the load, would latency fall, and by how much?
#
# **The answer in short.** Hours with one percentage point more load are 2.06<!--seeing-raw-slope:.2f--> ms slower, and raising the load by one point makes an hour 0.50<!--seeing-effect:.2f--> ms slower (the average treatment effect, ATE, of one point): two numbers, because traffic that nobody drew drives both curves, and more data makes you surer of the first without bringing it nearer to the second. By itself, no table and no curve can say which of the two you are looking at: the same cloud of points comes from worlds in which load does everything, a little, or nothing, and one table of counts calls for splitting it into groups in one world, for adding the groups up in another, and for neither in a third. The causal graph decides.
#
# The scenario, the code and the claims are from AI/ML Explained (2026). We rerun the code to the digit and then check the sentences around it.

# %% [markdown]
# ## The story
#
# A team runs a web service. Its dashboard has two curves, CPU load and latency, and they spike together. Users complain, and the team has promised to take 25 ms off the average hour. Larger machines are on offer, enough to lower the load by 20 percentage points, for the budget of a quarter.
#
# Whoever reads the slope off the dashboard will buy the machines. Whoever is wrong about what the slope means will have spent the budget, missed the promise, and not understood why.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

from casestudies import identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.standardization import standardize
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# There is a third quantity, the traffic $Z$, in thousand requests a second. It is in the logs of the load balancer and on no dashboard. With CPU load $X$ in percent and latency $Y$ in milliseconds,
#
# $$
# \begin{aligned}
# Z &\sim N(10,\ 1.5^2) \\
# X &= 60 + 5\,(Z - 10) + 4\,\varepsilon_X \\
# Y &= 150 + 0.5\,(X - 60) + 10\,(Z - 10) + 10\,\varepsilon_Y
# \end{aligned}
# $$
#
# These are structural equations: each says how a quantity is set, and goes on holding when another equation is replaced. The causal graph is read off them.

# %% mystnb={"figure": {"name": "fig-seeing-graph"}, "image": {"alt": "Causal graph: traffic, marked as not recorded on the dashboard, points to cpu and to latency; cpu points to latency. The backdoor path from cpu to latency runs through traffic."}}
world = scenarios.latency()
places = {"traffic": (1, 1), "cpu": (0, 0), "latency": (2, 0)}
roles = {"treatment": "cpu", "outcome": "latency", "positions": places}
figures.causal_graph(world.model.graph, **roles, hidden=["traffic"])
plt.show()

# %% [markdown]
# *Figure 1. The dashboard's world. Traffic drives load and latency; the load has an effect of its own.*
#
# Here are 2,000 hours. The dashboard shows two of the three columns.

# %%
hours = world.sample(2_000, rng=1)
dashboard = hours[["cpu", "latency"]]
summary = dashboard.describe().loc[["mean", "std", "min", "max"]]
caption = "CPU load (percent) and latency (ms) in 2,000 hours."
tables.results(summary, caption, digits=1)

# %% [markdown]
# ## The trap
#
# Most people would draw a line through the two columns. Guess first: how many milliseconds does it climb per point of load, and how many of them would come back if the load were lowered by a point?


# %%
def slope(formula, data, of):
    fit = smf.ols(formula, data=data).fit()
    low, high = fit.conf_int().loc[of]
    entries = {"estimate": fit.params[of], "std_error": fit.bse[of]}
    return pd.Series({**entries, "ci_low": low, "ci_high": high, "n": fit.nobs})


naive = slope("latency ~ cpu", dashboard, of="cpu").rename("latency on cpu")
tables.results([naive], "Slope of the line: ms per percentage point.")

# %% [markdown]
# About two milliseconds a point, with a tight interval (too tight for a real log, whose hours are not independent as these are) and a correlation of 0.82<!--seeing-correlation:.2f-->. So 20 points less load would give back some 42<!--seeing-promise:.0f--> ms, well over the 25 that were promised. As a description of the hours that were seen, this is right: the exact slope of the world's distribution is 2.057<!--seeing-raw-slope:.3f-->. As an answer to what the machines will do it is four times too large.

# %% [markdown]
# ## What must be true
#
# Two questions sound alike.
#
# - **Seeing:** among hours in which the load *was* 80%, what was the latency? This is $E[Y \mid X = 80]$, a property of the distribution that the data come from.
# - **Doing:** if the load *were set* to 80%, what would the latency be? This is $E[Y \mid do(X = 80)]$, with the do-operator. It is a property of the world after somebody has replaced the equation of $X$ by $X = 80$.
#
# The estimand is the effect of one more point of load on the mean latency, $E[Y \mid do(X = x + 1)] - E[Y \mid do(X = x)]$. In this linear world it is the same at every $x$ and for every hour.
#
# > **Assumptions, and how each could fail**
# >
# > - **No backdoor path is left open by what we adjust for.** It fails if something besides traffic drives both curves and is not recorded, a nightly backup for instance.
# > - **What we adjust for is no consequence of the load, and no collider.** It fails if we adjust for the length of the request queue, which the load makes longer, or look only at hours that raised an alarm.
# > - **The regression has the right form.** It fails if latency explodes near full load, as queues do. Here it is linear by construction.
# > - **Setting the load by any means is one and the same thing** (consistency). It fails if larger machines change the load and something else, the cache for instance.
# > - **One hour's load leaves the next hour's latency alone** (no interference). It fails if a queue is carried over.
#
# The first two can be read off the graph.

# %%
ask = {"treatment": "cpu", "outcome": "latency"}
print(identify.backdoor(world.model.graph, **ask, adjust_for=[]))
print(identify.backdoor(world.model.graph, **ask, adjust_for=["traffic"]))

# %% [markdown]
# So traffic is a confounder, and holding it fixed closes the door.
#
# ## The estimate
#
# The load balancer's logs have the traffic. Two ways to hold it fixed: compare hours within narrow bands of traffic, or put it into the regression.

# %%
hours["band"] = pd.qcut(hours["traffic"], 50, labels=False)
within = slope("latency ~ cpu + C(band)", hours, "cpu")
adjusted = slope("latency ~ cpu + traffic", hours, "cpu")
answers = pd.DataFrame([naive, within, adjusted]).set_axis(
    ["dashboard: no traffic", "within bands of traffic", "traffic in the regression"]
)
tables.results(
    answers, "Slope of latency on CPU load, ms per point; the effect is 0.5."
)

# %% mystnb={"code_prompt_show": "Show how Figure 2 is drawn", "figure": {"name": "fig-seeing-estimates"}, "image": {"alt": "Three estimates with 95% intervals against the exact effect of 0.5 ms per point. The dashboard's slope is near 2.1 and misses by far; the comparison within bands of traffic and the regression with traffic are near 0.5 and cover it."}} tags=["hide-input"]
figures.estimates(
    answers,
    truth={"exact effect": world.truth["ATE"]},
    naive=["dashboard: no traffic"],
    xlabel="latency per point of CPU load (ms)",
    digits=2,
)
plt.show()

# %% [markdown]
# *Figure 2. Holding traffic fixed, in either way, gives the effect of the load; the dashboard's slope does not.*
#
# Both cover the truth (the bands leave a little of the traffic's variation in, and with it a little bias). What separates them from the dashboard is not a better method, it is one more column and the reason for using it.
#
# ### Two lines through one cloud
#
# Now ask both questions for every load, exactly. Seeing follows the cloud. Doing deletes the equation of the load and runs the rest of the world on.

# %% mystnb={"code_prompt_show": "Show how Figure 3 is drawn", "figure": {"name": "fig-seeing-two-lines"}, "image": {"alt": "Scatter of 500 hours, latency against CPU load, with two lines through the centre at 60 percent and 150 ms. The line of what is seen climbs with the cloud, 2.06 ms per point, to 191 ms at 80 percent. The line of what happens when the load is set climbs 0.5 ms per point, to 160 ms at 80 percent."}} tags=["hide-input"]
_, ax = plt.subplots()
ax.plot("cpu", "latency", ".", data=hours.head(500), color=figures.HIDDEN, ms=3)
load = np.array([40, 80])
seen = 150 + world.truth["raw slope"] * (load - 60)
done = 150 + world.truth["ATE"] * (load - 60)
ax.plot(load, seen, color=figures.NAIVE, marker="D", markerfacecolor="white")
ax.plot(load, done, color=figures.TRUTH, linestyle="--")
ax.text(82, seen[1], "seen: E[Y | X = x]", va="center")
ax.text(82, done[1], "done: E[Y | do(X = x)]", va="center")
ax.set(xlim=(34, 100), xlabel="CPU load x (percent)", ylabel="latency (ms)")
plt.show()

# %% [markdown]
# *Figure 3. The mean latency of hours in which the load was seen at a value, and of hours in which it is set there.*
#
# At a load of 80% you see 191<!--seeing-at-80-seen:.0f--> ms and would get 160<!--seeing-at-80-done:.0f--> ms. The simulation says the same.

# %%
million = world.model.sample(1_000_000, rng=2)
seen = million.loc[million["cpu"].between(79.5, 80.5), "latency"]
done = world.model.do(cpu=80).sample(100_000, rng=3)["latency"]

# %% mystnb={"code_prompt_show": "Show how the table of means is made"} tags=["hide-input"]
exact = [world.truth[f"E[latency | {at}]"] for at in ("cpu=80", "do(cpu=80)")]
at_80 = pd.DataFrame(
    {"exact": exact, "simulated": [seen.mean(), done.mean()]},
    index=["seen at 80%", "set to 80%"],
).round(1)
tables.results(at_80, "Mean latency (ms) at a load of 80 percent.", digits=1)

# %% [markdown]
# ### The explainer's three lines of code
#
# The document's own example is the same graph with the effect set to zero: activity $Z$, usage of a new feature $X$, and an outcome $Y$ that we call spending, each with standard normal noise. Then the slope of $Y$ on $X$ is $Cov(X, Y) / Var(X) = 1/2$ without $Z$, and 0 with it. We use the document's seed.

# %%
feature = scenarios.hidden_driver()
rows = feature.sample(2_000, rng=np.random.RandomState(0))
without_z = slope("spending ~ usage", rows, of="usage")
with_z = slope("spending ~ usage + activity", rows, of="usage")
pair = pd.DataFrame([without_z, with_z], ["without activity", "with activity"])
caption = "The document's 2,000 rows: slope of spending on usage; the effect is 0."
tables.results(pair, caption)

# %% [markdown]
# The document sums this up in a line: *corr(X, Y) = true effect + backdoor*. In linear worlds that is an identity for the **slope**, known as the omitted variables formula (Angrist and Pischke, 2009): the raw slope is the effect plus (direct effect of $Z$ on $Y$, with $X$ held fixed) times (slope of $Z$ on $X$). For the **correlation** it is not. Turn the effect up and compare.

# %%
effects = [0.0, 1.0, 2.0]
turned = [scenarios.hidden_driver(usage_on_spending=effect) for effect in effects]
sums = pd.DataFrame([dict(w.truth) for w in turned], index=effects)
sums["slope minus effect"] = sums["raw slope"] - sums["ATE"]
caption = "Exact slope and correlation as the effect of usage (ATE) grows."
tables.results(sums.set_index("ATE"), caption)

# %% [markdown]
# The slope is always the effect plus one half. The correlation happens to equal one half when the effect is zero, and can never exceed one, however large the effect.

# %% [markdown]
# ## Try to break it
#
# ### More data
#
# Perhaps the dashboard's slope was only imprecise, and a larger sample will mend it. Take the explainer's world and let the table grow from 20 rows to 100,000.

# %% mystnb={"code_prompt_show": "Show how Figure 4 is drawn", "figure": {"name": "fig-seeing-more-data"}, "image": {"alt": "Estimates with 95% intervals for sample sizes from 20 to 100,000 on a logarithmic axis. Without activity the intervals close in on 0.5, with activity on the true value 0. The wrong intervals shrink as fast as the right ones and exclude 0 from the start."}} tags=["hide-input"]
sizes = [20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000]
growing = feature.sample(sizes[-1], rng=4)
_, ax = plt.subplots()
for formula, label, shift, look in [
    ("spending ~ usage", "without activity", 0.95, "D"),
    ("spending ~ usage + activity", "with activity", 1.05, "o"),
]:
    runs = [slope(formula, growing.head(n), of="usage") for n in sizes]
    runs = pd.DataFrame(runs, index=sizes)
    error = abs(runs[["ci_low", "ci_high"]].sub(runs["estimate"], axis=0)).T
    colour = figures.NAIVE if look == "D" else figures.ESTIMATE
    ax.errorbar(
        shift * runs.index,
        runs["estimate"],
        yerr=error,
        fmt=look,
        color=colour,
        mfc="white" if look == "D" else colour,
        label=label,
    )
ax.axhline(0, color=figures.TRUTH, linestyle="--", zorder=0)
ax.text(1.5e5, 0.02, "truth", va="bottom")
ax.set(xscale="log", xlim=(14, 4e5), ylabel="slope of spending on usage")
ax.set_xlabel("rows")
ax.legend(loc="upper right")
plt.show()

# %% [markdown]
# *Figure 4. The same growing table, analysed without and with the confounder. More rows make both answers more certain; only the one with the confounder nears the truth.*
#
# The interval shrinks with $1/\sqrt{n}$ around a point that does not move. A sample of 100,000 gives the wrong answer to the second decimal. Bias from confounding is a property of the comparison, not of the sample size.
#
# [See it move](../book/see_it_move.md) in the dashboard: turn what traffic adds, and the sample size.

# %% mystnb={"code_prompt_show": "Show how the table of intervals is made"} tags=["hide-input"]
wrong = pd.DataFrame(
    {
        n: slope("spending ~ usage", growing.head(n), of="usage")
        for n in (100, 10_000, 100_000)
    }
).T
wrong["width"] = wrong["ci_high"] - wrong["ci_low"]
tables.results(
    wrong[["estimate", "ci_low", "ci_high", "width"]].rename_axis("rows"),
    "How the interval around the wrong answer narrows; the effect is 0.",
)

# %% [markdown]
# ### One cloud, three worlds
#
# Perhaps a cleverer look at the two curves would tell. Not here, where the noise is normal and the hours are independent. (With noise of another shape, a linear world without hidden causes shows its direction, Shimizu et al., 2006; and in a log that keeps time, what comes later did not cause what came before.) Here are two more worlds with exactly the same bivariate normal distribution of load and latency. In one, the load alone drives latency. In the other slow requests pile up and drive the load, and the load does nothing.

# %%
drivers = ["traffic", "cpu", "latency"]
three = pd.DataFrame([dict(scenarios.latency(driver=d).truth) for d in drivers]).T
three.columns = ["traffic drives both", "cpu drives latency", "latency drives cpu"]
three = three.loc[["correlation", "raw slope", *list(world.truth)[3:], "ATE"]]
caption = "Three worlds with one distribution of load and latency, exact."
tables.results(three, caption, digits=2)

# %% [markdown]
# Everything that the two curves can show is equal in the three columns, and what setting the load does differs. The last has no common cause at all. The gap between seeing and doing is then not confounding, it is an arrow that points the other way. So the explainer's closing line, that the whole gap hides in the common upstreams, is too narrow. Below comes a third source of the gap.

# %% [markdown]
# ### One table, three graphs: Simpson's paradox
#
# Here is a table from a real comparison: 700 patients with kidney stones, treated by open surgery or by a keyhole procedure, with small stones or stones of 2 cm and more (Charig et al., 1986; Julious and Mullee, 1994).

# %% mystnb={"code_prompt_show": "Show the counts"} tags=["hide-input"]
patients = pd.DataFrame(
    {
        "small stones": ["81 of 87", "234 of 270"],
        "large stones": ["192 of 263", "55 of 80"],
        "all": ["273 of 350", "289 of 350"],
    },
    index=["open surgery", "keyhole procedure"],
)
tables.results(patients, "Treated with success, of all treated (Charig et al. 1986).")

# %% [markdown]
# Open surgery succeeds more often with small stones (93% against 87%), more often with large ones (73% against 69%), and less often with all together (78% against 83%). This is Simpson's paradox (Simpson, 1951). Which column should a patient believe?

# %% mystnb={"code_prompt_show": "Show how Figure 5 is drawn", "figure": {"name": "fig-seeing-simpson"}, "image": {"alt": "Success rates under the keyhole procedure and under open surgery. For small stones the line rises from 0.87 to 0.93, for large stones from 0.69 to 0.73; for all patients it falls from 0.83 to 0.78, because most open surgeries were on large stones."}} tags=["hide-input"]
lines = {
    "small stones": ([234 / 270, 81 / 87], [270, 87]),
    "large stones": ([55 / 80, 192 / 263], [80, 263]),
    "all patients": ([289 / 350, 273 / 350], [350, 350]),
}
_, ax = plt.subplots()
for name, (rates, counts) in lines.items():
    whole = name == "all patients"
    colour = figures.NAIVE if whole else figures.ESTIMATE
    ax.plot(rates, color=colour, linestyle="--" if whole else "-", zorder=1)
    look = {"marker": "D" if whole else "o", "edgecolor": colour}
    look["facecolor"] = "white" if whole else colour
    ax.scatter([0, 1], rates, s=counts, zorder=2, **look)
    ax.text(1.1, rates[1], name, va="center")
ax.set(xlim=(-0.2, 1.6), ylim=(0.65, 0.97), ylabel="share treated with success")
ax.set_xticks([0, 1], ["keyhole procedure", "open surgery"])
plt.show()

# %% [markdown]
# *Figure 5. The same 700 patients, split and together. The size of a mark shows the number of patients.*
#
# The arithmetic does not say; the story does, that is, the graph. We give the column a neutral name, *severe*, and tell three stories that fit the table exactly.
#
# 1. **Confounder.** Severity is noted at admission. Surgeons operate openly on most severe cases. Compare within severity.
# 2. **Mediator.** The treatment is assigned by coin, 350 patients each. Severity is noted a week later: some treatments make it worse. Splitting by it removes a part of what the treatment does; use the table as a whole.
# 3. **Proxy.** Severity is noted at admission, and one record in twenty is wrong. Splitting by the record leaves some confounding inside each half. Neither table will do.

# %%
names = ("confounder", "mediator", "proxy")
same_table = {graph: scenarios.simpson(graph) for graph in names}

# %% mystnb={"code_prompt_show": "Show how Figure 6 is drawn", "figure": {"name": "fig-seeing-simpson-graphs"}, "image": {"alt": "Three causal graphs. Confounder: severe points to treated and recovered. Mediator: treated points to severe, severe points to recovered. Proxy: severity, not recorded, points to severe, treated and recovered. In all three treated points to recovered."}} tags=["hide-input"]
spots = {"severe": (0.5, 1), "treated": (0, 0), "recovered": (1, 0)}
behind = spots | {"severity": (0.5, 1), "severe": (1, 1)}
roles = {"treatment": "treated", "outcome": "recovered"}
_, axes = plt.subplots(3, 1, figsize=(5.6, 5.6))
for ax, (graph, w) in zip(axes, same_table.items(), strict=True):
    unseen = [name for name in w.model.graph if name not in w.observed]
    at = behind if unseen else spots
    figures.causal_graph(w.model.graph, **roles, hidden=unseen, positions=at, ax=ax)
    ax.text(-0.42, 1.1, graph)
plt.show()

# %% [markdown]
# *Figure 6. Three graphs that fit the same table: confounder, mediator, and a proxy of an unrecorded confounder.*

# %%
for graph, w in same_table.items():
    sets = identify.adjustment_sets(w.model.graph, **roles, observed=w.observed)
    advice = [f"adjust for {', '.join(names) or 'nothing'}" for names in sets]
    print(f"{graph}: {advice[0] if advice else 'no set of columns will do'}")

# %% [markdown]
# Now the numbers. Whether you split (and average the two differences over all patients) or add up, you get the same two answers in all three worlds, because the table is the same. The exact effect, from surgery on each world's equations, is another in each.

# %% mystnb={"code_prompt_show": "Show how the table of worlds is made"} tags=["hide-input"]
wanted = {
    "all patients together": "raw difference",
    "split by severity, averaged": "standardized difference",
    "exact effect (ATE)": "ATE",
}
simpson = pd.DataFrame({k: dict(w.truth) for k, w in same_table.items()})
simpson = simpson.loc[list(wanted.values())].set_axis(list(wanted))
tables.results(
    simpson,
    "Open surgery and the probability of success: two analyses, three worlds.",
)

# %% [markdown]
# In the first world you must split, in the second you must not, in the third neither answer is right: open surgery is even better than the split table says. No statistic tells the three apart (Pearl, 2014). (The real comparison has a further difficulty: the open operations were done in earlier years than the keyhole ones. The second world's coin was never flipped for these patients.)

# %% [markdown]
# ### Looking only where it hurt
#
# The third source of the gap is the choice of rows. A team deploys at random times, and it holds a review after each slow hour, one above 130 ms. Deploys slow an hour by 10 ms, traffic by 20 ms per standard deviation; the two are independent. What do the reviews show?

# %%
reviews = scenarios.postmortems()

# %% mystnb={"code_prompt_show": "Show how Figure 7 is drawn", "figure": {"name": "fig-seeing-collider"}, "image": {"alt": "Causal graph: deploy and traffic point to latency, latency points to reviewed. Latency is a collider between deploy and traffic; keeping the reviewed hours conditions on its descendant."}} tags=["hide-input"]
spots = {"deploy": (0, 1), "traffic": (0, 0), "latency": (1.2, 0.5)}
figures.causal_graph(
    reviews.model.graph,
    treatment="deploy",
    outcome="latency",
    adjusted=["reviewed"],
    positions=spots | {"reviewed": (2.4, 0.5)},
)
plt.show()

# %% [markdown]
# *Figure 7. Deploy and traffic are independent causes of latency. Keeping only reviewed hours conditions on their common effect.*

# %%
log = reviews.sample(5_000, rng=5)
slow = log[log["reviewed"] == 1]
deploys = {"treatment": "deploy", "adjust_for": []}
all_hours = standardize(log, outcome="latency", **deploys)
reviewed = standardize(slow, outcome="latency", **deploys)
rivals = standardize(slow, outcome="traffic", **deploys)

# %% mystnb={"code_prompt_show": "Show how the table of deploys is made"} tags=["hide-input"]
picked = pd.DataFrame([all_hours, reviewed, rivals]).assign(
    exact=list(reviews.truth.values())[:3]
)
picked.index = ["latency, all hours", "latency, reviewed", "traffic, reviewed"]
tables.results(picked, "Hours with a deploy minus hours without (ms; s.d.).", digits=2)

# %% [markdown]
# With nothing to adjust for, `standardize` is the difference of two means. All hours give the effect of 10 ms. The reviewed hours give 1.9<!--seeing-reviewed:.1f--> ms in exact figures: deploys look almost harmless, because every reviewed hour was slow, with or without a deploy. Two things happen at once. The sample is chosen by the outcome, which cuts the difference down by itself: in a world in which traffic has no effect and other noise is as large, it would be 1.9<!--seeing-reviewed:.1f--> ms just the same. And deploys and traffic, independent in the world, have become rivals in the sample, for latency is a collider and choosing by its consequence opens a path (Berkson, 1946; Hernán et al., 2004). Holding traffic fixed closes that path and repairs only part: 5.4 ms by regression, 4.7 averaged at equal traffic. Nothing was confounded: deploys were random.

# %%
question = {"treatment": "deploy", "outcome": "latency"}
graph = reviews.model.graph
print(identify.backdoor(graph, **question, adjust_for=["reviewed"]))

# %% [markdown]
# ## The decision
#
# Back to the machines. Three levers, simulated with `do` on the equations above: larger machines that lower the load by 20 points whatever the traffic; a cache that keeps the servers' traffic at 8 thousand requests a second; both.

# %%
larger, cache = {"cpu": lambda traffic: 40 + 5 * (traffic - 10)}, {"traffic": 8}
levers = {"as it is": {}, "larger machines": larger}
levers |= {"cache": cache, "both": larger | cache}


def mean_latency(action):
    return world.model.do(**action).sample(400_000, rng=6)["latency"].mean()


means = pd.Series({name: mean_latency(a) for name, a in levers.items()})
gains = pd.DataFrame({"mean latency": means, "gain": means.iloc[0] - means})
tables.results(gains.round(1), "Mean latency (ms) under each lever.", digits=1)

# %% [markdown]
# The machines bring 10<!--seeing-gain-machines:.0f--> ms, not 42<!--seeing-promise:.0f-->, and miss the promise. The cache brings 25<!--seeing-gain-cache:.0f-->, part of it through the load. The lever that works is the one that the dashboard does not show.
#
# ## Many worlds
#
# Two hundred fresh samples of 200 hours, each analysed with and without the traffic.


# %%
analyses = {
    "dashboard": lambda sample: slope("latency ~ cpu", sample, "cpu"),
    "with traffic": lambda sample: slope("latency ~ cpu + traffic", sample, "cpu"),
}
many = replicate(world, analyses, n=200, replications=200, rng=7)
shown = ["bias", "bias_error", "rmse", "coverage", "coverage_error"]
tables.results(
    many[shown], "200 samples of 200 hours against the exact 0.5 ms per point."
)

# %% [markdown]
# The interval with traffic covers the effect about as often as it promises. The dashboard's never does.
#
# ## Take it with you
#
# Splitting and averaging is standardization, and the recipe does it for any 0/1 treatment:
#
# ```bash
# .venv/bin/casestudies copy standardization
# ```
#
# Here it is on real counts, R's table `UCBAdmissions`: 4,526 applicants to the six largest graduate departments of Berkeley in 1973 (on the case, without these counts, Bickel et al., 1975). Among all of them, women were admitted less often. Departments differ in how many they admit and in who applies.

# %% mystnb={"code_prompt_show": "Show the counts"} tags=["hide-input"]
men = {"A": (512, 313), "B": (353, 207), "C": (120, 205)}
men |= {"D": (138, 279), "E": (53, 138), "F": (22, 351)}
women = {"A": (89, 19), "B": (17, 8), "C": (202, 391)}
women |= {"D": (131, 244), "E": (94, 299), "F": (24, 317)}
cells = [
    (department, woman, admitted, count[1 - admitted])
    for woman, counts in enumerate([men, women])
    for department, count in counts.items()
    for admitted in (1, 0)
]
cells = pd.DataFrame(cells, columns=["department", "woman", "admitted", "n"])
applicants = cells.loc[cells.index.repeat(cells["n"])].reset_index(drop=True)

# %% [markdown]
# The counts are admitted and rejected. From here each answer is one call.

# %%
columns = {"outcome": "admitted", "treatment": "woman"}
sets = {"all together": [], "split by department": ["department"]}
berkeley = pd.DataFrame(
    {k: standardize(applicants, **columns, adjust_for=v) for k, v in sets.items()}
).T
tables.results(berkeley, "Admission rate of women minus that of men, Berkeley 1973.")

# %% [markdown]
# Read the graph before you read the table. Sex comes before the choice of department, so the department is a mediator, not a confounder. The first number is the total difference; the second is what is left when the department is held fixed, a controlled direct effect averaged over departments. It answers the question whether departments treated applicants differently, provided that nothing unrecorded drives both the choice of a department and admission. Qualification may well do so. As in the third kidney world, it could be that neither number is the one you want.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. The assistant and the output
#
# The document tells of somebody whose output was higher in the weeks in which they used an AI assistant. Suppose energy $Z$ drives both, as in `scenarios.hidden_driver`, with usage the hours of assistance and spending the output. (a) What slope would they find if assistance had no effect? (b) They decide to draw the hours of assistance at random. Write that as a `do` and find the slope. (c) Suppose instead that the assistant helps, by 0.3 a unit, but is used in *bad* weeks (`activity_on_usage=-1`). What would they conclude from the raw slope?
#
# <details>
# <summary>Solution</summary>
#
# (a) One half, the explainer's number. (b) `coin = scenarios.hidden_driver().model.do(usage=Normal())` with `Normal` from `casestudies.scm`; the slope in `coin.sample(100_000, rng=1)` is zero up to sampling error, because a drawn usage has no arrow from energy. (c) The raw slope is $0.3 + (-1)(1)/2 = -0.2$: the assistant helps and looks harmful, as umbrellas look like a cause of wet shoes. See `scenarios.hidden_driver(activity_on_usage=-1, usage_on_spending=0.3).truth`.
#
# </details>
#
# ### Exercise 2. Same column, other date
#
# For each story say whether to adjust for the column, and why: (a) effect of a price cut on sales, column *weekday*; (b) effect of a code review on bugs found in production, column *number of comments in the review*; (c) effect of a mentoring programme on promotion, table of current employees only, column *still employed* (it is 1 in every row).
#
# <details>
# <summary>Solution</summary>
#
# (a) Yes, if prices are cut on certain weekdays: the weekday comes before both. (b) No: the comments are a consequence of the review and the way in which it works. (c) You have adjusted already, by looking at those who stayed. If the programme and ambition, which promotes as well, both make people stay (or leave), staying is a collider, and the mentored who stayed are not comparable with the others who stayed.
#
# </details>
#
# ### Exercise 3. Make a paradox
#
# Open-ended. `scenarios.simpson(counts=...)` takes any table. Build one in which the treatment helps in both halves and harms in the whole, with the same number of patients in each of the four cells. If you cannot, say why not. Then keep the kidney stones' success rates, let half of the patients be treated and half be severe, and find the share of severe cases among the treated from which a reversal appears.
#
# <details>
# <summary>Solution</summary>
#
# With equal cells, severity and treatment are unrelated, and the whole table's difference is the average of the two halves': no reversal is possible. For the second part vary that share from 0.5 upwards (and with it the share among the untreated from 0.5 downwards), computing `truth["raw difference"]` each time; it changes sign at a share of 0.64 (0.36 among the untreated), where the imbalance, 0.28, times the mean harm of severity equals the treatment's mean benefit.
#
# </details>

# %% [markdown]
# ## What the document says
#
# Claims of the first section of AI/ML Explained (2026); its other sections are run in later chapters.
#
# <details>
# <summary>Claims of “Causation vs Correlation”, AI/ML Explained, Day 36, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | From two curves that spike together one cannot tell whether load drives latency, latency drives load, or an upstream drives both. | holds | Three worlds with one distribution (correlation 0.82<!--seeing-correlation:.2f-->) have effects of 0.50, 2.06<!--seeing-raw-slope:.2f--> and 0.00 ms per point. |
# | Correlation answers P(Y \| X), causation P(Y \| do(X)). | holds | At a load of 80% one sees 191<!--seeing-at-80-seen:.0f--> ms and would get 160<!--seeing-at-80-done:.0f--> ms. |
# | The entire gap between the two hides in common causes. | holds in part | It can also be an arrow that points the other way (2.06<!--seeing-raw-slope:.2f--> against 0.00, no common cause), or a choice of rows by a consequence of the outcome (1.9<!--seeing-reviewed:.1f--> ms instead of 10 under random deploys). |
# | corr(X, Y) is the true effect plus the spurious association through Z. | holds in part | Exact for the slope in a linear world (effect + 0.5 for any effect). Not for the correlation, which stays below 1. |
# | The slope is about 0.5 without Z and about 0 with it. | holds | 0.526<!--seeing-z-without:.3f--> and 0.027<!--seeing-z-with:.3f--> from its seed; exact limits 0.5 and 0. |
# | Control for Z, and what remains is causal. | holds in part | If Z is a confounder, the only one, and recorded without error. Where it is a mediator or a noisy proxy, splitting gives 0.054<!--seeing-simpson-split:.3f--> instead of −0.046<!--seeing-simpson-mediator:.3f--> or 0.089<!--seeing-simpson-proxy:.3f-->. |
# | Without controlling for Z the aggregate trend can contradict the trend in every subgroup. | holds | Kidney stones: −0.046<!--seeing-simpson-raw:.3f--> for all, +0.064 and +0.043 in the two groups. |
# | Confounding is the root of Simpson's paradox. | holds in part | The reversal is arithmetic. The same table arises without confounding, from a mediator under a randomized treatment. |
# | More data narrow the interval around the false answer and make you more certain of it. | holds | From 100 to 100,000 rows the width falls from 0.43<!--seeing-width-100:.2f--> to 0.011<!--seeing-width-100000:.3f-->, around 0.5 all the time. |
# | Only design fixes it: randomize, or model the confounder explicitly. | holds in part | Both fix it here. The document's own instruments and differences-in-differences are further ways, run in later chapters. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
bias, coverage = many["bias"], many["coverage"]
numbers = {
    "seeing-raw-slope": world.truth["raw slope"],
    "seeing-effect": world.truth["ATE"],
    "seeing-correlation": world.truth["correlation"],
    "seeing-promise": 20 * naive["estimate"],
    **{
        f"seeing-{key}": estimate
        for key, estimate in zip(
            ["naive", "bands", "adjusted"], answers["estimate"], strict=True
        )
    },
    "seeing-at-80-seen": exact[0],
    "seeing-at-80-done": exact[1],
    "seeing-z-without": without_z["estimate"],
    "seeing-z-with": with_z["estimate"],
    **{f"seeing-simpson-{graph}": w.truth["ATE"] for graph, w in same_table.items()},
    "seeing-simpson-raw": simpson.iloc[0, 0],
    "seeing-simpson-split": simpson.iloc[1, 0],
    "seeing-reviewed": picked["exact"].iloc[1],
    "seeing-all-hours": picked["estimate"].iloc[0],
    "seeing-gain-machines": gains["gain"].iloc[1],
    "seeing-gain-cache": gains["gain"].iloc[2],
    "seeing-dashboard-bias": bias["dashboard"],
    "seeing-adjusted-coverage": coverage["with traffic"],
    "seeing-berkeley-raw": berkeley["estimate"].iloc[0],
    "seeing-berkeley-split": berkeley["estimate"].iloc[1],
    "seeing-width-100": wrong["width"].iloc[0],
    "seeing-width-100000": wrong["width"].iloc[-1],
}
tables.store(
    numbers,
    answers=answers,
    applicants=len(applicants),
    done=done.describe(),
    exact=exact,
    gains=gains,
    many=many,
    naive=naive,
    picked=picked,
    seen=seen.describe(),
    simpson=simpson,
    sums=sums,
    three=three,
    with_z=with_z,
    without_z=without_z,
    wrong=wrong,
)
known = {
    "CPU and latency: dashboard": (naive, "ATE of one point", world.truth["ATE"], "this world", "exact truth"),
    "CPU and latency: with traffic": (answers.iloc[2], "ATE of one point", world.truth["ATE"], "this world", "exact truth"),
    "explainer: without Z": (without_z, "ATE of usage", 0.0, "its code", "exact truth"),
    "explainer: with Z": (with_z, "ATE of usage", 0.0, "its code", "exact truth"),
    "deploys: reviewed hours": (picked.iloc[1], "ATE", reviews.truth["ATE"], "this world", "exact truth"),
    "deploys: all hours": (picked.iloc[0], "ATE", reviews.truth["ATE"], "this world", "exact truth"),
}  # fmt: skip
tables.scoreboard(known)
