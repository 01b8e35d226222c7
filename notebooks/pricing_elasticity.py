# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Pricing
#
# **The question.** A product sells best when it is dear. Would a lower price sell more, and what should it cost?
#
# **The answer in short.** In this world sales rise with the price (a slope of +0.5<!--pricing-raw-estimate:+.1f--> in logarithms), because managers cut prices in slow weeks; a price cut of a tenth sells 37<!--pricing-cut:.0f-->% more. Two roads lead to the elasticity of −3: footfall in the regression, where it is recorded (−3.05<!--pricing-footfall:.2f-->), and the wholesale cost as an instrument, where it is not (−3.32<!--pricing-iv:.2f-->, −3.86<!--pricing-iv-low:.2f--> to −2.79<!--pricing-iv-high:.2f-->). At the best single price, 9.02<!--pricing-best-price:.2f--> euros instead of 12, the product earns 18<!--pricing-profit-gain:.0f-->% more.
#
# The question is the example of "We Need to Talk about Causal ML" (Anonymous, n.d.) for decisions that a prediction cannot make.

# %% [markdown]
# ## The story
#
# Somebody manages the price of one product in a shop. In the table of past weeks its sales were lowest when it was cheapest. A forecast trained on that table says the same: dearer weeks are better weeks. Should the product become dearer?
#
# The managers before had set the price as managers do. When few people came in, they lowered it; when the wholesaler charged more, they raised it. Nobody wrote down why. A wrong answer is paid every week, and next year's table will look as if it had been right.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from causaldata import thornton_hiv

from casestudies import identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.instrumental_variables import two_stage_least_squares
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.weak_instruments import anderson_rubin, first_stage
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# One product, many weeks. With footfall $F$, wholesale cost $c$, price $p$ and units sold $q$, the last three as logarithms,
#
# $$
# \begin{aligned}
# F &\sim N(0, 1), \qquad c = \log 6 + 0.06\,\varepsilon_c \\
# p &= \log 12 + 0.8\,(c - \log 6) + 0.08\, F + 0.05\,\varepsilon_p \\
# q &= \log 500 - 3\,(p - \log 12) + 0.5\, F + 0.2\,\varepsilon_q
# \end{aligned}
# $$
#
# In a slow week the manager lowers the price. The elasticity of $-3$ is a constant of this world: it is the same in every week, so that ATE, ATT and LATE coincide. (A mean of $-2.6$ was found over many published ones; Bijmolt et al., 2005.) Weeks are independent of each other; exercise 2 is about weeks that are not.

# %% mystnb={"code_prompt_show": "Show how figure 1 is drawn", "figure": {"name": "fig-pricing-graph"}, "image": {"alt": "Causal graph: log cost points to log price, log price points to log units. Footfall points to log price and to log units. No arrow joins cost to footfall or to units."}} tags=["hide-input"]
prices = scenarios.pricing()
price = {"treatment": "log_price", "outcome": "log_units"}
places = {"log_cost": (0, 0), "log_price": (1.2, 0), "log_units": (2.4, 0)}
places |= {"footfall": (1.8, 1)}
figures.causal_graph(prices.model.graph, **price, positions=places)
plt.show()

# %% [markdown]
# *Figure 1. The world of prices. Footfall opens a backdoor between price and units; cost enters through the price only.*
#
# Two thousand weeks, in euros and units:

# %%
weeks = prices.sample(2_000, rng=4)
seen = np.exp(weeks[["log_cost", "log_price", "log_units"]])
seen = seen.set_axis(["cost", "price", "units"], axis=1)
quarter = pd.qcut(seen["price"], 4, labels=["cheapest", "2", "3", "dearest"])
means = seen.groupby(quarter, observed=True).mean()
tables.results(means, "Means of 2,000 weeks, by quarters of the price.", digits=2)

# %% [markdown]
# ## The trap
#
# Guess first. Regress the logarithm of units on the logarithm of the price. Economics calls such a slope an elasticity, and here the true one is −3. What does the line through the table say, and on which side of zero?


# %%
def slope(data, formula):
    fit = smf.ols(formula, data).fit()
    low, high = fit.conf_int().loc["log_price"]
    entries = {"estimate": fit.params["log_price"], "std_error": fit.bse["log_price"]}
    return pd.Series(entries | {"ci_low": low, "ci_high": high})


# %%
raw = slope(weeks, "log_units ~ log_price")
tables.results([raw.rename("log units on log price")], "Slope: percent per percent.")

# %% [markdown]
# Dearer weeks sell more, and no larger table will take that away: the slope tends to +0.57<!--pricing-raw:+.2f-->. As a description of weeks it is right, and so is a forecast of other weeks whose prices are set in the same way. Economists met it long ago: a cloud of prices and quantities need not trace a demand curve (Working, 1927).
#
# ## What must be true
#
# The estimand is the elasticity: by how many percent units change if somebody *sets* the price one percent higher, whatever the week is like. Two designs can give it, each on its own assumptions.
#
# > **Assumptions, and how each could fail**
# >
# > - **Backdoor: footfall is recorded and closes every backdoor path.** It fails if managers also look at something else that sells, a holiday or a rival's sale.
# > - **And log units are linear in log price and footfall.** It fails if the elasticity changes with the price.
# > - **Instrument: the cost moves the price** (relevance), **is unrelated to demand** (independence) **and reaches sales through the price only** (exclusion). It fails if suppliers charge more when everybody is buying, or if a rival who buys from the same wholesaler moves his price as well.
# > - **With an elasticity that differed between weeks, no week's price may fall because cost rose** (monotonicity). The answer would then be an average over weeks, weighted by how much cost moves their price; here it is the same in every week.
# > - **One week's price does not sell in another** (no interference). It fails if customers stock up while it is cheap.

# %%
for names in ([], ["footfall"], ["log_cost"]):
    verdict = identify.backdoor(prices.model.graph, **price, adjust_for=names)
    print(textwrap.fill(str(verdict), 80), end="\n\n")

# %% [markdown]
# The last verdict is why cost cannot simply join the regression. It closes nothing: the path through footfall stays open. Held fixed, cost even takes away nearly half of what is as good as random in the price, and leaves all that footfall drives: the slope with cost beside the price lies farther from the truth (Pearl, 2010); exercise 3 computes it.
#
# ## The estimate
#
# If footfall was recorded, it goes into the regression. If it was not, no recorded set will do, and the wholesale cost takes its place as an instrument: costs push the price up and down for reasons that have nothing to do with how many people walk past. Shifters of supply were among the first instruments of all (Wright, 1928). By hand the second answer is a ratio: what a percent of cost does to units, over what it does to the price.

# %%
reduced = np.polyfit(weeks["log_cost"], weeks["log_units"], 1)[0]
passed_on = np.polyfit(weeks["log_cost"], weeks["log_price"], 1)[0]
print(f"{reduced:.3f} / {passed_on:.3f} = {reduced / passed_on:.2f}".replace("-", "−"))

# %% [markdown]
# The recipe gives the same ratio and its standard error.

# %%
cost = price | {"instruments": "log_cost"}
elasticity = {
    "price alone": raw,
    "with footfall": slope(weeks, "log_units ~ log_price + footfall"),
    "cost as instrument": two_stage_least_squares(weeks, **cost, cov="robust"),
}
elasticity = pd.DataFrame(elasticity).T[["estimate", "std_error", "ci_low", "ci_high"]]
tables.results(elasticity, "Elasticity of units with respect to price; exact: −3.")

# %% mystnb={"code_prompt_show": "Show how figure 2 is drawn", "figure": {"name": "fig-pricing-estimates"}, "image": {"alt": "Three elasticities with 95% intervals against the exact minus 3. Price alone about plus 0.5 with a short interval on the wrong side of zero. With footfall minus 3.0 with a short interval. Cost as instrument minus 3.3 with an interval about four times as long that covers the truth."}} tags=["hide-input"]
eta = prices.truth["elasticity"]
label = "elasticity of units with respect to price"
figures.estimates(
    elasticity, truth={"exact": eta}, naive=["price alone"], xlabel=label, digits=2
)
plt.show()

# %% [markdown]
# *Figure 2. Three elasticities from the same weeks. The price alone has the wrong sign; footfall and cost both find the truth, at different prices in precision.*
#
# The instrument uses only the part of the price that cost moves, and pays for it: its interval is about four times as long.
#
# ## Try to break it
#
# Is the instrument strong, and does an interval that need not assume so agree?

# %%
strength = first_stage(weeks, treatment="log_price", instruments="log_cost")
safe = anderson_rubin(weeks, **cost, cov="robust")
low, high = f"{safe['ci_low']:.2f}", f"{safe['ci_high']:.2f}"
print(f"effective F of the first stage: {strength.loc['effective F', 'value']:.0f}")
print(f"Anderson–Rubin set: {low} to {high}".replace("-", "−"))

# %% [markdown]
# Strong beyond doubt (Montiel Olea and Pflueger, 2013), and the Anderson–Rubin set says the same as the usual interval. Neither tests the condition that matters. Suppose that the supplier charges more in busy weeks, so that cost is related to demand. Then the ratio tends to $-3 + 0.5\,\kappa / (0.8\, Var(c) + 0.08\,\kappa)$, with $\kappa$ the change of log cost per standard deviation of footfall. Guess first: how far does a correlation of 0.1 between cost and footfall move it?

# %%
correlations = np.linspace(-0.3, 0.3, 61)
slopes = 0.06 * correlations / np.sqrt(1 - correlations**2)
invalid = [scenarios.pricing(footfall_on_cost=k).truth["IV limit"] for k in slopes]

# %% mystnb={"code_prompt_show": "Show how figure 3 is drawn", "figure": {"name": "fig-pricing-exclusion"}, "image": {"alt": "Limit of the instrumental-variables elasticity against the correlation of cost with footfall, from minus 0.3 to plus 0.3. At zero it is the true minus 3. It rises to about minus 1 at plus 0.3 and falls below minus 8 at minus 0.3."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 3.0))
ax.plot(correlations, invalid, color=figures.ESTIMATE)
ax.axhline(eta, color=figures.TRUTH, linestyle="--")
ax.text(-0.3, eta + 0.15, "exact elasticity", va="bottom")
ax.plot(0, eta, "o", color=figures.TRUTH)
ax.set(xlabel="correlation of cost with footfall", ylabel="limit of the IV estimate")
plt.show()

# %% [markdown]
# *Figure 3. What the cost instrument tends to if wholesale cost is correlated with footfall. The instrument stays strong all along.*
#
# A correlation of 0.1 moves the limit from $-3$ to −2.1<!--pricing-iv-tenth:.1f-->, one of $-0.1$ to −4.2<!--pricing-iv-minus-tenth:.1f-->. No first-stage statistic sees it. What helps is to know how the wholesaler sets the cost, and the second design: where footfall is recorded, the two answers rest on different assumptions, and a gap between them beyond their errors would say that one of these fails.
#
# ## The decision
#
# With a constant elasticity $\eta < -1$ the profit under $do(\text{price})$ is greatest where the margin is $-1/\eta$ of the price (Lerner, 1934): at $\eta / (1 + \eta)$ times the cost. An estimated elasticity with its interval becomes an estimated price with its interval (the mean cost is known almost exactly).

# %%
unit_cost = np.exp(weeks["log_cost"]).mean()
ends = ["estimate", "ci_low", "ci_high"]
best = unit_cost * elasticity[ends] / (1 + elasticity[ends])
best = best.where(elasticity[ends] < -1, np.inf)
best.loc["exact", "estimate"] = prices.truth["best price"]
caption = "Price that maximizes profit (euro). The raw slope gives none."
tables.results(best.iloc[1:], caption, digits=2)

# %% [markdown]
# Now set the price, and let the weeks come: the equation of the price is deleted, the others stay. One policy looks at footfall and cuts the price in slow weeks only.


# %%
def weekly_profit(n=400_000, **action):
    units = prices.model.do(**action).sample(n, rng=7)
    earned = np.exp(units["log_price"]) - np.exp(units["log_cost"])
    return (earned * np.exp(units["log_units"])).mean()


def slow_weeks_only(footfall):
    return np.log(np.where(footfall < 0, prices.truth["best price"], 12.0))


# %%
at_prices = {"12.00, today's median": 12.0, "13.20, a tenth dearer": 13.2}
at_prices |= {"9.02, the best price": prices.truth["best price"]}
earnings = {k: weekly_profit(log_price=np.log(p)) for k, p in at_prices.items()}
earnings["9.02 in slow weeks, else 12"] = weekly_profit(log_price=slow_weeks_only)
earnings = pd.Series(earnings | {"as managers set it": weekly_profit()}).round(-1)
caption = (
    "Mean profit a week (euro), 400,000 weeks; Monte Carlo errors at most 5 euros."
)
tables.results(earnings.rename("profit").to_frame(), caption, digits=0)

# %% [markdown]
# The product is too dear. At 9.02<!--pricing-best-price:.2f--> euros it would earn 18<!--pricing-profit-gain:.0f-->% more than at 12. Whoever reads the raw slope raises the price, loses, and sees in next month's table that busy weeks were dear ones. (Cutting it in slow weeks only forgoes about two thirds of that gain: under a constant elasticity the best price is the same in busy weeks, and those sell more.)
#
# ## Many worlds
#
# Two hundred fresh tables of 500 weeks.

# %%
of_price = {
    "price alone": lambda d: slope(d, "log_units ~ log_price"),
    "with footfall": lambda d: slope(d, "log_units ~ log_price + footfall"),
    "cost as instrument": lambda d: two_stage_least_squares(d, **cost, cov="robust"),
}
size = {"n": 500, "replications": 200}
many = replicate(prices, of_price, **size, rng=9, estimand="elasticity")
columns = ["truth", "bias", "bias_error", "rmse", "coverage", "coverage_error"]
tables.results(
    many[columns], "200 samples of 500 weeks against the elasticity.", digits=2
)

# %% [markdown]
# The price alone is off by +3.56<!--pricing-many-price:+.2f--> on average and its intervals never cover. Footfall and cost show no bias beyond the error of two hundred tables, and their coverage is within two of its errors of 95%.
#
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy instrumental_variables weak_instruments randomized_experiment
# ```
#
# If you can draw the price yourself, you need neither footfall nor cost. Thornton (2008) did: in Malawi, people tested for HIV drew a voucher, worth something or nothing, for coming to fetch their result. A voucher is a price below zero.

# %%
everyone = thornton_hiv.load_pandas().data[["any", "got"]]
drawn = everyone.dropna(subset="any")
people = drawn.dropna()
fetched = difference_in_means(people, outcome="got", treatment="any")
free = people.loc[people["any"] == 0, "got"].mean()
print(f"{len(people):,} people with both entries; {free:.0%} came without a voucher")
caption = "Share who fetched their result, with a voucher minus without."
tables.results([fetched.rename("any voucher")], caption)

# %%
by_draw = drawn.groupby("any")["got"]
asked, came = by_draw.size(), by_draw.sum()
lost = asked - by_draw.count()  # no outcome
least = came[1] / asked[1] - (came[0] + lost[0]) / asked[0]
most = (came[1] + lost[1]) / asked[1] - came[0] / asked[0]
print(f"no outcome: {lost[0]} of {asked[0]} without, {lost[1]} of {asked[1]:,} with")
print(f"whatever those did, the difference is between {least:.2f} and {most:.2f}")

# %% [markdown]
# This is about the ATE of a voucher of any value on fetching the result: in the complete rows it more than doubled the demand. The voucher was drawn, so nobody needs to argue about what else differed, except for who is missing: of 2,901<!--pricing-thornton-drawn:,.0f--> people with a recorded draw 67<!--pricing-thornton-lost:.0f--> lack the outcome, 56<!--pricing-thornton-lost-free:.0f--> of the 679<!--pricing-thornton-asked-free:.0f--> without a voucher and 11<!--pricing-thornton-lost-voucher:.0f--> of the 2,222<!--pricing-thornton-asked-voucher:,.0f--> with one. Whatever these had done, the difference would lie between 0.39<!--pricing-thornton-least:.2f--> and 0.48<!--pricing-thornton-most:.2f-->. (The other 1,919<!--pricing-thornton-undrawn:,.0f--> of the 4,820<!--pricing-thornton-rows:,.0f--> rows have no recorded draw. The article's regressions add controls and allow for villages.)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. A product that should not become cheaper
#
# Turn the elasticity: `scenarios.pricing(elasticity=-1.8)`. (a) What does the raw slope tend to now? (b) What is the best price, and is today's 12 euros too high or too low? (c) Why is there no best price for an elasticity of $-0.8$, and what would stop you in practice?
#
# <details>
# <summary>Solution</summary>
#
# (a) By the same amount above the truth, as the bias $0.5 \cdot 0.08 / Var(p)$ does not depend on the elasticity: $-1.8 + 3.57 = +1.77$. (b) $1.8 / 0.8 = 2.25$ times the cost of about 6.01: 13.52 euros, so that 12 is too low. The raw slope would have been right about the direction, by accident. (c) Below one in size, revenue grows with every rise of the price while fewer units are bought and paid for: the profit grows without bound. No elasticity holds at every price; customers have somewhere else to go.
#
# </details>
#
# ### Exercise 2. Weeks that hang together
#
# Open-ended. `causaldata.avocado` has 169 weeks of avocado prices and volumes in California. Regress the logarithm of volume on that of price, once with the usual standard error and once with one that allows for autocorrelation (`fit(cov_type="HAC", cov_kwds={"maxlags": 8})`; Newey and West, 1987). How much does the interval change? Then say what the slope estimates, with the graph of this chapter in mind, and name an instrument that you would look for.
#
# <details>
# <summary>Solution</summary>
#
# `smf.ols("np.log(TotalVolume) ~ np.log(AveragePrice)", a).fit(cov_type="HAC", cov_kwds={"maxlags": 8})`, with `a = avocado.load_pandas().data.sort_values("Date")`, as the lags go by the order of the rows. The slope stays at −0.68; its standard error nearly doubles, from 0.05 to 0.10, because neighbouring weeks share season and harvest. As to what it estimates: prices rise when demand is high and fall when the harvest is large. The first moves along supply, the second along demand, and the slope is a mixture of the two. An instrument would move supply only: frost or rain where the fruit grows, or the exchange rate of the exporting country. Season belongs in the regression either way, because avocados are wanted more in some months, and harvested more in others.
#
# </details>
#
# ### Exercise 3. An instrument among the controls
#
# Open-ended code. Footfall is not recorded, and a colleague puts the cost into the regression, "to be safe". On `weeks`, compute the slope of units on price with cost beside it, and its limit by formula. Does it come closer to −3?
#
# <details>
# <summary>Solution</summary>
#
# `slope(weeks, "log_units ~ log_price + log_cost")`. With cost held fixed the price varies by $0.08\, F + 0.05\,\varepsilon_p$, a variance of 0.0089, so that the limit is $-3 + 0.5 \cdot 0.08 / 0.0089$, or +1.49<!--pricing-amplified:+.2f-->: farther away than the +0.57<!--pricing-raw:+.2f--> without it. Controlling for an instrument amplifies the bias (Pearl, 2010).
#
# </details>
#
# ## What the document says
#
# The claims of "We Need to Talk about Causal ML" (Anonymous, n.d.) that the price is the example for, and two on graphs.
#
# <details>
# <summary>Claims of We Need to Talk about Causal ML, on prices and graphs, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | To decide whether lowering the price will cause more sales, prediction is not enough. | holds | Units fall with lower prices in the data (slope +0.54<!--pricing-raw-estimate:+.2f-->); a cut of a tenth raises them by 37<!--pricing-cut:.0f-->%. |
# | Without the backdoor paths closed, the coefficients are garbage. | holds in part | As effects: slope +0.57<!--pricing-raw:+.2f--> in the limit, elasticity −3.00<!--pricing-elasticity:+.2f-->. As a description of weeks, and as a forecast of others like them, the slope is right. |
# | Including the confounders in a linear regression removes the bias. | holds in part | Here yes, with footfall −3.05<!--pricing-footfall:.2f-->. It must be recorded, and the regression must have the right form; in the curved world of the hospital chapter it does not. |
# | For hidden factors that do not change over time there is difference-in-differences. | holds in part | Their weight must not change either. The hidden factor here changes every week, so its condition fails. A cost that moves the price needs no such condition: −3.32<!--pricing-iv:.2f--> without footfall. |
# | If your data isn't from a trial, your groups aren't exchangeable. | holds in part | They need not be, and can be. In one of the twin worlds [of the ladder](ladder_of_causation.ipynb) deploys were never randomized, and the raw difference is the ATE. Within levels of recorded health the hospital's patients are exchangeable: doubly robust −3.04<!--hospital-straight-doubly-robust-ate:.2f--> for −3.00<!--hospital-ate:.2f-->. |
# | A confounder reveals itself in a DAG by connecting to both the treatment and the outcome. | does not hold | [Silence](staffing_mediator_trap.ipynb) connects to both mismatch and exit and is a mediator: adjusting for it gives 0.146<!--staffing-flattened:.3f--> for an ATE of 0.293<!--staffing-ate:.3f-->. What counts is the direction of the arrows and the whole path. |
# | One can have the confidence that one's variables allow for a true adjustment. | cannot be tested here | No computation on the table gives it: with and without a missing cause [DoWhy's refuters](four_steps_with_dowhy.ipynb) answer alike. It comes from knowing how prices are set. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
tilted = {
    key: scenarios.pricing(footfall_on_cost=0.06 * r / np.sqrt(1 - r**2))
    for key, r in {"tenth": 0.1, "minus-tenth": -0.1}.items()
}
profits = [
    prices.truth[k] for k in ("E[profit | do(price=12)]", "E[profit | best price]")
]
amplified = slope(weeks, "log_units ~ log_price + log_cost")
counts = {
    "drawn": asked.sum(),
    "lost": lost.sum(),
    "lost-free": lost[0],
    "lost-voucher": lost[1],
    "asked-free": asked[0],
    "asked-voucher": asked[1],
    "rows": len(everyone),
    "undrawn": len(everyone) - len(drawn),
}
short = {
    "price": "price alone",
    "footfall": "with footfall",
    "iv": "cost as instrument",
}
instrumented = elasticity.loc["cost as instrument"]
numbers = {
    "pricing-elasticity": eta,
    "pricing-raw": prices.truth["OLS limit"],
    "pricing-raw-estimate": raw["estimate"],
    "pricing-footfall": elasticity.loc["with footfall", "estimate"],
    "pricing-iv": instrumented["estimate"],
    "pricing-iv-low": instrumented["ci_low"],
    "pricing-iv-high": instrumented["ci_high"],
    "pricing-by-hand": reduced / passed_on,
    "pricing-pass-through": passed_on,
    "pricing-amplified": eta + 0.5 * 0.08 / (0.08**2 + 0.05**2),
    "pricing-amplified-estimate": amplified["estimate"],
    "pricing-f": strength.loc["effective F", "value"],
    "pricing-ar-low": safe["ci_low"],
    "pricing-ar-high": safe["ci_high"],
    "pricing-cut": 100 * (prices.truth["units after a 10% cut"] - 1),
    "pricing-best-price": prices.truth["best price"],
    "pricing-best-iv": best.loc["cost as instrument", "estimate"],
    "pricing-best-footfall": best.loc["with footfall", "estimate"],
    "pricing-profit-today": earnings["12.00, today's median"],
    "pricing-profit-best": earnings["9.02, the best price"],
    "pricing-profit-slow": earnings["9.02 in slow weeks, else 12"],
    "pricing-profit-gain": 100 * (profits[1] / profits[0] - 1),
    "pricing-thornton-free": free,
    "pricing-thornton": fetched["estimate"],
    "pricing-thornton-least": least,
    "pricing-thornton-most": most,
    **{f"pricing-iv-{key}": w.truth["IV limit"] for key, w in tilted.items()},
    **{f"pricing-thornton-{key}": value for key, value in counts.items()},
    **{f"pricing-many-{key}": many.loc[name, "bias"] for key, name in short.items()},
    **{
        f"pricing-coverage-{key}": many.loc[name, "coverage"]
        for key, name in short.items()
    },
}
tables.store(
    numbers,
    best=best,
    by_hand=reduced / passed_on,
    earnings=earnings,
    elasticity=elasticity,
    eta=eta,
    fetched=fetched,
    free=free,
    least=least,
    many=many,
    most=most,
    raw=raw,
    safe=safe,
    strength=strength,
)
tables.scoreboard(
    {
        f"price: {name}": (row, "elasticity", eta, "this world", "exact truth")
        for name, row in elasticity.iterrows()
    },
    digits=2,
)
