# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A billion rows
#
# **The question.** The log has more rows than memory. What does a sample cost, and how do you get the answer of all rows without holding them?
#
# **The answer in short.** A sample of one row in a hundred makes an interval ten times as wide where the row is what was treated, and a third wider where a whole store was: for a kiosk in half of 100 stores a million orders say ±1.18<!--billion-kiosk-half-exact:.2f--> euros in theory, ten thousand ±1.58<!--billion-kiosk-half-exact-sample:.2f-->, a billion ±1.18<!--billion-kiosk-half-exact-billion:.2f-->. All rows fit in memory once a database has reduced them to cells: 400<!--billion-cells:.0f--> cells give the estimates, errors and intervals of a million rows. Neither a sample nor all rows repair a wrong comparison: raw, a voucher seems to bring 6.33<!--billion-raw-limit:.2f--> euros, and it brings 2.96<!--billion-ate:.2f-->.
#
# That more data do not repair a bias is a warning of AI/ML Explained (2026). This chapter asks what they do repair, and at which price.

# %% [markdown]
# ## The story
#
# A chain has 100 stores: 80 at home, 18 in the neighbouring country, 2 on an island. Every order of the year is in a log. Three decisions hang on it. A voucher costs 2 euros: does it bring more than that in sales, at home and on the island? And a kiosk, which costs 0.50 an order, stood in every second store from July on: shall the others get one?
#
# The analyst's machine cannot hold the log, so she draws one order in a hundred. The chain's engineer offers fifty machines that read everything. Both cost something: a wrong voucher is paid with every order, the machines every hour. In this notebook the log has a million orders, few enough for you to check; nothing in it would change with a billion.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import textwrap

import ibis
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow
from scipy import stats

from casestudies import archives, identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.cell_moments import bins, cell_moments, merge
from casestudies.recipes.difference_in_differences import two_by_two
from casestudies.recipes.instrumental_variables import two_stage_least_squares
from casestudies.recipes.randomized_experiment import adjusted, difference_in_means
from casestudies.recipes.standardization import standardize
from casestudies.recipes.weighting import weight
from casestudies.sampling.montecarlo import replicate

figures.house_style()
engine = ibis.duckdb.connect(memory_limit="1GB")
engine.raw_sql("SET enable_progress_bar = false")
ibis.set_backend(engine)

# %% [markdown]
# ## The world
#
# Past spending $X$ of the customer is standard normal and decides on the voucher $V$. A store $s$ has a level $B_s$ and a change $C_s$ from the first half of the year to the second, both standard normal; stores with an odd number have the kiosk, $K_s = 1$, in the second half, $P = 1$. Levels and changes know nothing of numbers, so this is as good as a lot. Sales, in euros:
#
# $$
# \begin{aligned}
# P(V = 1) &= \operatorname{expit}(-1 + X), \\
# Y &= 40 + 4\,X + 3\,B_s + (1 + 3\,C_s)\,P + 1.5\,K_s P + \tau_m V + 12\,\varepsilon.
# \end{aligned}
# $$
#
# A voucher adds $\tau_m = 3$ euros at home and in the neighbouring country, and 1 on the island. So its ATE is 2.96<!--billion-ate:.2f-->, and below its cost on the island. Vouchers are dealt order by order; a kiosk comes to a whole store.

# %% mystnb={"figure": {"name": "fig-billion-graph"}, "image": {"alt": "Causal graph: past points to voucher and to sales, voucher points to sales. The store points to market, kiosk and its own change, which is not recorded; these three and the half of the year point to sales."}} tags=["hide-input"]
world = scenarios.orders()
truth = world.truth
graph = world.model.graph.subgraph(set(world.model.graph) - {"place", "level"})
spots = {"past": (0, 1.7), "voucher": (1.6, 2.0), "sales": (3.2, 1.0)}
spots |= {"post": (3.2, 2.4), "market": (1.6, 1.1), "store": (0, -0.2)}
spots |= {"kiosk": (1.6, 0.1), "change": (1.6, -0.9)}
ends = {"treatment": "voucher", "outcome": "sales"}
figures.causal_graph(graph, **ends, hidden=["change"], positions=spots)
plt.show()

# %% [markdown]
# *Figure 1. Past spending is the backdoor of the voucher. A store's change is recorded nowhere, and all its orders share it; so with its level, which is left out here.*

# %%
log = world.sample(1_000_000, rng=1)
by_market = log.groupby("market")[["voucher", "past", "sales"]].mean()
by_market["stores"] = log.groupby("market")["store"].nunique()
by_market["orders"] = log.groupby("market").size()
by_market.index = ["home", "neighbour", "island"]
tables.results(by_market, "The log: means and numbers by market.", digits=2)

# %% [markdown]
# The graph says what to adjust for:

# %%
for given in ([], ["past"]):
    verdict = identify.backdoor(world.model.graph, **ends, adjust_for=given)
    print(textwrap.fill(str(verdict), 80), end="\n\n")

# %% [markdown]
# ## The trap
#
# One order in a hundred is ten thousand orders, more than most studies have. The analyst regresses sales on past spending, a line for those with a voucher and one for those without, and takes the gap at the common mean (Lin, 2013); for the kiosk she compares the stores' changes. Guess first: by which factor is each of her three intervals wider than that of all orders?

# %%
one_in_a_hundred = log.sample(frac=0.01, random_state=2)


# %%
def three_questions(data):
    sales = {"outcome": "sales", "size": "n"}
    line = sales | {"treatment": "voucher", "adjust_for": "past", "cov": "by_arm"}
    found = [adjusted(data[data["market"] == m], **line) for m in (0, 2)]
    stores = {"treated": "kiosk", "post": "post", "cluster": "store"}
    found += [two_by_two(data, **sales, **stores)]
    return pd.DataFrame(found, ["voucher, home", "voucher, island", "kiosk"])


# %%
sampled = three_questions(one_in_a_hundred.assign(n=1))  # each row stands for one order
shown = ["estimate", "std_error", "ci_low", "ci_high"]
tables.results(sampled[shown], "Effect on sales (euro an order), 10,000 orders.")

# %% [markdown]
# At home the sample decides: the interval, 2.21<!--billion-home-sample-low:.2f--> to 3.56<!--billion-home-sample-high:.2f-->, lies above the 2 euros that a voucher costs. On the island, with 192<!--billion-island-orders-sample:.0f--> orders, it says nothing, and on the kiosk not much. Two intervals are too wide, and the same remedy comes to mind for both: read all orders. For one of them it works.
#
# ## What must be true
#
# A *cell* is a set of rows that agree on some columns. Of the rows in it keep their number and, for what varies inside, the means, variances and covariances. A regression needs no more, for its equations are sums of squares and products; the cells give them exactly (Wong et al., 2021). So cells are not an approximation, under these conditions:
#
# > **Assumptions, and how each could fail**
# >
# > - **What the analysis tells apart is in the cells**: the treatment, the cluster, every class that is adjusted for. Fails if a column comes to mind after the pass.
# > - **Second moments are enough.** Fails for a logit on a continuous column, a median, a nearest neighbour, an error that is robust in a continuous covariate.
# > - **No row is lost on the way.** Missing sales are missing moments; whoever filters before decides whom the estimate describes.
# > - **A sample was drawn by lot among what was treated.** Fails if the first million lines of the file are the oldest orders.
# > - **And the design is right**, as without cells: nothing but past spending drives vouchers and sales, a line describes it, stores with and without a kiosk would have changed alike.
#
# The last one has nothing to do with size.
#
# ## The estimate
#
# The recipe `cell_moments` is an expression of Ibis: one aggregation, which runs in whatever engine holds the table. Here this is DuckDB, inside the notebook's process. For files on disk the first line would be `ibis.read_parquet("orders/*.parquet")`; what a billion rows take of a machine is measured by `make scale SIZES=9`.

# %%
table = ibis.memtable(pyarrow.Table.from_pandas(log))
by = ["market", "store", "kiosk", "post", "voucher"]
moments = cell_moments(table, by=by, measures=["past", "sales"])
cells = moments.to_pyarrow().to_pandas().sort_values(by, ignore_index=True)
caption = f"The first 4 of {len(cells)} cells."
tables.results(cells.head(4).set_index("store"), caption, digits=2)

# %% [markdown]
# These cells hold the cluster, both treatments and the moments of past spending. The recipes read them as they read rows: `size="n"` names the column that counts, which was 1 for an order and is now the size of a cell.

# %%
full = three_questions(cells)
full["exact"] = [truth["CATE(market=0)"], truth["CATE(market=2)"], truth["kiosk"]]
tables.results(full[[*shown, "exact"]], "The same, from the cells of a million orders.")

# %% mystnb={"figure": {"name": "fig-billion-estimates"}, "image": {"alt": "Three pairs of estimates with intervals. Voucher at home and on the island: the interval of all orders is about a tenth as long as that of the sample. Kiosk: the interval of all orders is three quarters as long. All intervals of all orders cover the exact values 3, 1 and 1.5."}} tags=["hide-input"]
_, axes = plt.subplots(3, 1, figsize=(5.6, 4.8))
for ax, name in zip(axes, full.index, strict=True):
    pair = pd.DataFrame({"sample": sampled.loc[name], "all": full.loc[name]}).T
    exact = {"exact": full.loc[name, "exact"]}
    figures.estimates(pair, truth=exact, xlabel=f"{name} (euro)", digits=2, ax=ax)
plt.show()

# %% [markdown]
# *Figure 2. Three effects by one order in a hundred and by all orders: the vouchers' intervals shrink tenfold, the kiosk's by a quarter.*
#
# Are these the answers of the rows? On the sample, where rows are cheap, the same pass and the same calls:

# %%
small = ibis.memtable(pyarrow.Table.from_pandas(one_in_a_hundred))
small = cell_moments(small, by=by, measures=["past", "sales"]).to_pyarrow().to_pandas()
gap = (three_questions(small) / sampled - 1).abs().max().max()
print(f"largest relative gap, estimates, errors and ends: below 1e-10 is {gap < 1e-10}")

# %% [markdown]
# The island's line shows what reading everything buys: the voucher brings 1.00<!--billion-island:.2f--> there (0.57<!--billion-island-low:.2f--> to 1.42<!--billion-island-high:.2f-->), less than it costs.
#
# ## Try to break it
#
# ### A million wrong rows
#
# Without past spending, all orders and one in a hundred:

# %%
deal = {"outcome": "sales", "treatment": "voucher"}
raw = [difference_in_means(one_in_a_hundred, **deal)]
raw += [difference_in_means(cells, **deal, size="n")]
raw = pd.DataFrame(raw, index=["one in a hundred", "all orders"])
tables.results(raw[shown], "Raw difference in sales; the ATE is 2.96.")

# %% [markdown]
# The limit is 6.33<!--billion-raw-limit:.2f-->. The bias is no larger with a million rows; what grows is the certainty.
#
# ### The cluster forgotten
#
# Leave the store out of the error, and a million orders pretend to be a million stores. The recipe refuses that with cells; by hand it is the four groups' variances over their sizes, from coarser cells that `merge` makes of the finer ones.

# %%
by_half = merge(cells, by=["kiosk", "post"])
forgotten = np.sqrt((by_half["sales_var"] / by_half["n"]).sum())
errors = [full.loc["kiosk", "std_error"], forgotten]
print(f"by store {errors[0]:.2f}, as if orders were independent {errors[1]:.3f}")

# %% [markdown]
# The wrong error is a twelfth of the right one. More rows make it smaller still and leave the right one where it is (Moulton, 1990).
#
# ### What cells cannot do
#
# A line for past spending needs its moments only. If the line is in doubt, adjust for classes instead, and put the class among the cells. Class limits may come from a sample: that is a thing it is good enough for. What classes cost is the confounding within them.


# %%
def by_classes(count):
    edges = one_in_a_hundred["past"].quantile(np.arange(1, count) / count)
    cut = bins(table, column="past", edges=edges)
    classes = cell_moments(cut, by=["voucher", "past_bin"], measures="sales")
    classes = classes.to_pyarrow().to_pandas().astype({"past_bin": "category"})
    return standardize(classes, **deal, adjust_for="past_bin", size="n")


# %%
counts = [2, 5, 10, 20, 50]
classes = pd.DataFrame([by_classes(k) for k in counts], index=counts)
classes["exact limit"] = [truth[f"limit, {k} classes"] for k in counts]
classes.index.name = "classes"
tables.results(
    classes[[*shown, "exact limit"]], "ATE by classes of past spending; exact 2.96."
)

# %% [markdown]
# Five classes leave 0.35<!--billion-bias-5:.2f--> euros, about a tenth of the raw bias (Cochran, 1968). In ten thousand orders that is one standard error, and nobody would notice; in a million it is eleven. Classes are to grow with the log, and cells stay few: fifty make a hundred cells here. What has no moments is refused:


# %%
def refusal(call):
    try:
        call()
    except ValueError as reason:
        return str(reason)


# %%
kiosk = {"outcome": "sales", "treated": "kiosk", "post": "post", "size": "n"}
refused = [
    refusal(lambda: weight(cells, **deal, adjust_for="past", size="n")),
    refusal(lambda: two_by_two(by_half, **kiosk, cluster="store")),
]
for reason in refused:
    print(textwrap.fill(reason, 80), end="\n\n")

# %% [markdown]
# The first call asks for a logit of the voucher on past spending, which needs each value. Three ways are open: classes; a sample for the score, since a sample's logit is a good one; or a fit that passes over all rows many times, in an engine made for it. The second asks for clusters that the cells have forgotten.
#
# ## The decision
#
# What to compute where? The half width of an interval is about 1.96 standard errors. For the voucher its square falls with the number of orders. For the kiosk it is
#
# $$
# \operatorname{se}^2 = \frac{4}{S}\operatorname{Var}(3\, C_s) + \frac{16}{n}\operatorname{Var}(Y \mid K, P),
# $$
#
# with $S$ stores and $n$ orders. The second term is what independent orders would have, and only it knows of orders.


# %%
def kiosk_half(orders, stores=100):
    between = 4 / stores * truth["variance between stores"]
    return 1.96 * np.sqrt(between + 16 / orders * truth["variance of orders"])


# %% mystnb={"figure": {"name": "fig-billion-width"}, "image": {"alt": "Half width of the interval against the number of orders from ten thousand to a billion, both on logarithmic axes. The two voucher lines fall by a factor of ten for every hundred times as many orders; the kiosk's line falls until about a hundred thousand orders and then stays near 1.2, above the one euro that would decide."}} tags=["hide-input"]
orders = np.logspace(4, 9, 51)
halves = {
    name: 1.96 * full.loc[name, "std_error"] * np.sqrt(1e6 / orders)
    for name in full.index[:2]
}
halves["kiosk"] = kiosk_half(orders)
_, ax = plt.subplots(figsize=(5.6, 3.2))
for (name, line), style in zip(halves.items(), ["-", "-.", "-"], strict=True):
    color = figures.TREATED if name == "kiosk" else figures.ESTIMATE
    ax.loglog(orders, line, style, color=color)
    ax.text(1.2e9, 1.1 * line[-1], name, va="bottom")
ax.axhline(1, color=figures.TRUTH, linestyle="--")
ax.text(4e6, 0.55, "1 euro would decide")
ax.set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
ax.set(xlabel="orders read", ylabel="half width (euro)", xlim=(1e4, 2e10))
plt.show()

# %% [markdown]
# *Figure 3. What reading more orders buys. Voucher: the million's errors by the square root law. Kiosk: the formula above.*
#
# All three questions turn on one euro: 3 or 1 against a cost of 2, 1.5 against 0.50. So many orders, or stores, bring the half width down to it:

# %%
needed = (1.96 * full["std_error"]) ** 2 * len(log)
stores = 1.96**2 * 4 * truth["variance between stores"]
needed = {
    "voucher, home": f"{needed.iloc[0]:,.0f} orders: a sample",
    "voucher, island": f"{needed.iloc[1]:,.0f} orders: the island whole, or cells of all",
    "kiosk": f"more than {stores:.0f} stores: no number of orders",
}
tables.results(pd.Series(needed, name="enough"), "For a half width of 1 euro.")

# %% [markdown]
# So: explore, plot and choose classes on a sample. Draw whole islands, not shares of them: what is rare and asked about is kept entire. Let the engine that has the log make cells once, as fine as the finest question, and answer every question from them at your desk. And for the kiosk buy neither machines nor memory but stores. Half of 100 stores leave ±1.18<!--billion-kiosk-half-exact-billion:.2f--> euros however long the log. (That the interval of all orders, from 0.71<!--billion-kiosk-low:.2f-->, just lies above the cost of 0.50 is luck: its estimate of 1.94<!--billion-kiosk:.2f--> is above the truth.)
#
# What are the answers worth? Sales less vouchers, by rule, simulated with `do` on 400,000 orders in the first half of the year:

# %%
rules = {"nobody": 0, "everybody": 1}
rules |= {"all but the island": lambda market: 1 * (market != 2)}
worth = {}
for name, rule in rules.items():
    acted = world.model.do(voucher=rule, post=0, level=0).sample(400_000, rng=3)
    worth[name] = (acted["sales"] - 2 * acted["voucher"]).agg(["mean", "sem"])
worth = pd.DataFrame(worth).T
worth["exact"] = [truth[f"E[net sales | {rule}]"] for rule in rules]
tables.results(worth, "Sales less vouchers (euro an order), with error.", digits=2)

# %% [markdown]
# A voucher for everybody earns 0.96<!--billion-everybody:.2f--> euros an order. Leaving out the island adds 0.02<!--billion-island-gain:.2f--> per order of the chain: with a million orders that is 20,000 euros, a decision that the sample could not have made.
#
# ## Many worlds
#
# A hundred logs of 20,000 orders, each with new stores, and one order in ten of each.

# %% tags=["hide-input"]
numbered = {"outcome": "sales", "treated": "kiosk", "post": "post", "unit": "order"}


def of_kiosk(data, **options):
    return two_by_two(data.assign(order=data.index), **numbered, **options)


analyses = {
    "voucher, raw": lambda d: difference_in_means(d, **deal),
    "voucher": lambda d: adjusted(d, **deal, adjust_for="past", cov="by_arm"),
    "voucher, 1 in 10": lambda d: adjusted(
        d.iloc[::10], **deal, adjust_for="past", cov="by_arm"
    ),
    "kiosk": lambda d: of_kiosk(d, cluster="store"),
    "kiosk, 1 in 10": lambda d: of_kiosk(d.iloc[::10], cluster="store"),
    "kiosk, stores forgotten": lambda d: of_kiosk(d),
}

# %%
held = {name: "kiosk" if "kiosk" in name else "ATE" for name in analyses}
many = replicate(world, analyses, n=20_000, replications=100, rng=4, estimand=held)
columns = ["truth", "bias", "bias_error", "mean_width", "coverage", "coverage_error"]
tables.results(many[columns], "100 logs of 20,000 orders.")

# %% [markdown]
# One order in ten costs the voucher a factor of 3.2<!--billion-many-voucher-factor:.1f--> in width, the root of ten, and the kiosk 1.9<!--billion-many-kiosk-factor:.1f-->. Both samples cover as they should: a sample is honest, and only dear. Without its stores the kiosk's interval covers 70%<!--billion-many-forgotten-exact:.0%--> by the formula and 62%<!--billion-many-forgotten:.0%--> here, and the raw difference covers never.
#
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy cell_moments instrumental_variables
# ```
#
# On real moments: Angrist and Krueger (1991) had 329,509 men. (Our rows are synthetic; the moments of each cell are real.) DuckDB makes cells by year and quarter of birth, and two-stage least squares reads them:

# %%
men = archives.quarter_of_birth(rng=0)
men = ibis.memtable(pyarrow.Table.from_pandas(men, preserve_index=False))
born = ["year_of_birth", "quarter_of_birth"]
wage = ["education", "log_weekly_wage"]
census = cell_moments(men, by=born, measures=wage).to_pyarrow().to_pandas()
census = census.astype(dict.fromkeys(born, "category"))
schooling = two_stage_least_squares(
    census,
    outcome="log_weekly_wage",
    treatment="education",
    instruments="quarter_of_birth:year_of_birth",
    controls="year_of_birth",
    size="n",
)
tables.results(
    [schooling], "Return to a year of schooling; published: 0.0891 (0.0161).", digits=4
)

# %% [markdown]
# From forty cells 0.0891<!--billion-schooling:.4f--> with a standard error of 0.0161<!--billion-schooling-se:.4f-->, as the paper's Table V prints it from all men. The expression is Ibis's, which speaks to other engines too: in this notebook DuckDB has run it, and [what Polars and Spark take for the same](../book/performance.md) is measured.
#
# ## Exercises
#
# ### Exercise 1. A pass for a new question
#
# Somebody asks for the voucher's effect in the second half of the year alone. Is a new pass over the log needed? And for its effect by weekday?
#
# <details>
# <summary>Solution</summary>
#
# Not for the half: `post` is among the cells, so `adjusted(cells[cells["post"] == 1], **deal, adjust_for="past", cov="by_arm", size="n")` has it. The weekday is not, so the log must be read once more. Cells as fine as the questions that you can foresee are cheap: seven weekdays make 2,800<!--billion-cells-weekday:,.0f--> cells of 400<!--billion-cells:.0f-->.
#
# </details>
#
# ### Exercise 2. How to draw ten thousand orders
#
# For the kiosk you may read 10,000 orders: 100 each of all stores, or 10,000 of a single pair of stores, one with a kiosk. Which, and what is the half width by the formula if only 20 stores are read, 500 orders each?
#
# <details>
# <summary>Solution</summary>
#
# All stores. `kiosk_half(10_000, stores=20)` is 2.83<!--billion-kiosk-half-twenty:.2f--> euros, with 100 stores 1.58<!--billion-kiosk-half-exact-sample:.2f-->. A single pair has no standard error at all: what differs between two stores cannot be told from what the kiosk does.
#
# </details>
#
# ### Exercise 3. Classes that grow with the log
#
# Open-ended. The bias that $k$ classes leave falls a little faster than $1/k$ here, the standard error as $n^{-1/2}$. Take `scenarios.orders().truth` for the bias and the million's standard error, and find how many classes keep the bias below half a standard error at $10^4$, $10^6$ and $10^8$ rows. What else could be done at $10^8$?
#
# <details>
# <summary>Solution</summary>
#
# At $10^4$ rows the standard error is about 0.33, and 10 classes leave 0.14<!--billion-bias-10:.2f-->. At $10^6$ it is about 0.033, and 50 leave 0.018<!--billion-bias-50:.3f-->, a little above half of it; 54 would do. At $10^8$ it takes some 370. Or a line *within* classes: `adjusted` with the class and `past` both in `adjust_for` and `cov="by_arm"`, `past` from its moments and the class from the cells. Here a few classes are then enough, as the line is right.
#
# </details>

# %% [markdown]
# ## What the document says
#
# Claims of AI/ML Explained (2026) on the size of data; its sentence on intervals that narrow around the wrong number is [run in the first chapter](seeing_and_doing.ipynb).
#
# <details>
# <summary>Claims of AI/ML Explained, Day 36, on big data, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | That correlation can stand in for causation, given enough data, is a mistake. | holds | Raw, a million orders say 6.33<!--billion-raw-all:.2f--> for an ATE of 2.96<!--billion-ate:.2f-->; the limit is 6.33<!--billion-raw-limit:.2f-->. |
# | The bigger the dataset, the worse this gets. | holds in part | The certainty does, not the bias: the standard error falls from 0.28<!--billion-raw-sample-se:.2f--> to 0.028<!--billion-raw-all-se:.3f--> around the same limit. |
# | Big data doesn't fix confounding bias; it just estimates the bias more precisely. | holds in part | By itself, so. It does pay for a finer adjustment: five classes of a recorded confounder leave 0.35<!--billion-bias-5:.2f--> euros, fifty 0.02<!--billion-bias-50:.2f-->, and the error is small enough to tell. And beyond a million orders it estimates a whole store's kiosk no more precisely: ±1.18<!--billion-kiosk-half-exact-billion:.2f--> with a billion too. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
island = one_in_a_hundred[one_in_a_hundred["market"] == 2]
naive = 16 / 20_000 * truth["variance of orders"]
clustered = (kiosk_half(20_000) / 1.96) ** 2
numbers = {
    "billion-ate": truth["ATE"],
    "billion-raw-limit": truth["raw difference"],
    "billion-raw-all": raw.loc["all orders", "estimate"],
    "billion-raw-all-se": raw.loc["all orders", "std_error"],
    "billion-raw-sample-se": raw.loc["one in a hundred", "std_error"],
    "billion-cells": len(cells),
    "billion-cells-weekday": 7 * len(cells),
    "billion-kiosk-half-exact": kiosk_half(1e6),
    "billion-kiosk-half-exact-sample": kiosk_half(1e4),
    "billion-kiosk-half-exact-billion": kiosk_half(1e9),
    "billion-kiosk-half-twenty": kiosk_half(1e4, stores=20),
    "billion-home": full.loc["voucher, home", "estimate"],
    "billion-home-sample-low": sampled.loc["voucher, home", "ci_low"],
    "billion-home-sample-high": sampled.loc["voucher, home", "ci_high"],
    "billion-island": full.loc["voucher, island", "estimate"],
    "billion-island-low": full.loc["voucher, island", "ci_low"],
    "billion-island-high": full.loc["voucher, island", "ci_high"],
    "billion-island-orders-sample": len(island),
    "billion-kiosk": full.loc["kiosk", "estimate"],
    "billion-kiosk-low": full.loc["kiosk", "ci_low"],
    "billion-kiosk-se": full.loc["kiosk", "std_error"],
    "billion-everybody": truth["E[net sales | everybody]"]
    - truth["E[net sales | nobody]"],
    "billion-island-gain": truth["E[net sales | all but the island]"]
    - truth["E[net sales | everybody]"],
    **{
        f"billion-bias-{k}": truth[f"limit, {k} classes"] - truth["ATE"] for k in counts
    },
    "billion-many-voucher-factor": many.loc["voucher, 1 in 10", "mean_width"]
    / many.loc["voucher", "mean_width"],
    "billion-many-kiosk-factor": many.loc["kiosk, 1 in 10", "mean_width"]
    / many.loc["kiosk", "mean_width"],
    "billion-many-forgotten": many.loc["kiosk, stores forgotten", "coverage"],
    "billion-many-forgotten-exact": 2
    * stats.norm.cdf(1.96 * np.sqrt(naive / clustered))
    - 1,
    "billion-schooling": schooling["estimate"],
    "billion-schooling-se": schooling["std_error"],
}
tables.store(
    numbers,
    classes=classes,
    errors=errors,
    full=full,
    equal=gap < 1e-10,
    many=many,
    needed=list(needed.values()),
    raw=raw,
    refused=refused,
    sampled=sampled,
    worth=worth,
)
exact = ("this world", "exact truth")
known = {
    f"{name}: all orders": (row, "effect on sales", row["exact"], *exact)
    for name, row in full.iterrows()
}
known |= {
    f"{name}: one order in a hundred": (
        row,
        "effect on sales",
        full.loc[name, "exact"],
        *exact,
    )
    for name, row in sampled.iterrows()
}
known["voucher: raw, all orders"] = (
    raw.loc["all orders"],
    "ATE",
    truth["ATE"],
    *exact,
)
known["voucher: five classes"] = (classes.loc[5], "ATE", truth["ATE"], *exact)
known["schooling: cells of 329,509 men"] = (
    schooling,
    "return to schooling",
    "0.0891",
    "Angrist and Krueger, 1991",
    "published figure",
)
tables.scoreboard(known)
