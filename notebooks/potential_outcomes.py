# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Potential outcomes
#
# **The question.** You work with a timer on some days: 25 minutes of work, 5 of rest, repeat (the Pomodoro technique). Does it raise your output, and how could one person find out?
#
# **The answer in short.** In this world it raises output by 4.0<!--outcomes-ate:.1f--> points a day on average (the average treatment effect, ATE); a diary of self-chosen days says −3.9<!--outcomes-raw:.1f-->, because the timer comes out on bad days. A coin flipped each morning repairs that, for the difference in means is then right on average, whatever else differs between days, but it need not be near in any particular fortnight: after the two weeks that the document recommends the 95% interval excludes zero in 11<!--outcomes-power-14:.0f--> of a hundred trials, and 172<!--outcomes-days:.0f--> days are needed for 80, or 76<!--outcomes-days-adjusted:.0f--> if you write down each morning how you feel. And whoever looks every ten days and stops when it pleases finds an effect in one of four trials of a useless timer.
#
# The trial, the code and the claims are from the second section of AI/ML Explained (2026).

# %% [markdown]
# ## The story
#
# A freelancer has read that the timer helps. She tries it for a few months, mostly on days that start badly, and looks through her diary: days with the timer had less output. She is about to give it up.
#
# If the diary is right, she loses nothing. If it is wrong, she gives up a tool that helps, and helps most on just the days on which she used it. A proper trial would cost her some months of flipping coins.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from causaldata import nsw_mixtape
from scipy import stats

from casestudies import identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.instrumental_variables import wald
from casestudies.recipes.randomized_experiment import (
    adjusted,
    difference_in_means,
    randomization_test,
    sample_size,
)
from casestudies.sampling.montecarlo import replicate
from casestudies.scm import Bernoulli

figures.house_style()

# %% [markdown]
# ## The world
#
# Each day $i$ has two potential outcomes: $Y_i(1)$, the output with the timer, and $Y_i(0)$, the output without. The day's effect is the difference $Y_i(1) - Y_i(0)$. Let $S$ be the state in which she wakes up, in standard deviations, and
#
# $$
# Y(0) = 50 + 8\,S + 6\,\varepsilon, \qquad Y(1) - Y(0) = 4 - 2\,S, \qquad P(T = 1) = \Phi(-S),
# $$
#
# with $\Phi$ the normal distribution function. So the timer helps by 4 points on average, by more on bad days, and on bad days she reaches for it.

# %% mystnb={"figure": {"name": "fig-outcomes-graph"}, "image": {"alt": "Causal graph: state points to pomodoro and to output, pomodoro points to output. The backdoor path from pomodoro to output runs through state."}}
diary_world = scenarios.pomodoro("self-chosen")
spots = {"state": (1, 1), "pomodoro": (0, 0), "output": (2, 0)}
roles = {"treatment": "pomodoro", "outcome": "output", "positions": spots}
figures.causal_graph(diary_world.model.graph, **roles)
plt.show()

# %% [markdown]
# *Figure 1. Self-chosen days. The state of the day drives both the choice and the output.*
#
# In a simulated world we can look behind the curtain and run the same days both ways, with `imagine`. Here are six days of her diary, first as nobody ever sees them.

# %%
diary = diary_world.sample(200, rng=6)
imagine = diary_world.model.imagine
both = pd.DataFrame(
    {f"Y({t})": imagine(diary, pomodoro=t, rng=2)["output"] for t in (0, 1)}
)
both.insert(0, "timer", diary["pomodoro"])
both["effect"] = both["Y(1)"] - both["Y(0)"]
tables.results(both.head(6), "Six days with both potential outcomes, points.", digits=1)

# %% [markdown]
# And now as they are seen. Of each day one outcome is observed, and with it goes every single effect. Holland (1986) called this the fundamental problem of causal inference. It is a problem of missing data, with one cell missing in every row.

# %% mystnb={"code_prompt_show": "Show how the unseen outcomes are blanked"} tags=["hide-input"]
seen = both.head(6).round(1).astype(str)
seen["timer"] = both["timer"].head(6).map({0: "no", 1: "yes"})
seen.loc[seen["timer"] == "yes", "Y(0)"] = "?"
seen.loc[seen["timer"] == "no", "Y(1)"] = "?"
seen["effect"] = "?"
tables.results(seen, "The same six days as the diary has them.")

# %% [markdown]
# Since single effects cannot be seen, one asks for an average. Which one matters: the ATE is over all days, the ATT over the days on which she used the timer, and the ATU over the others. They differ here, 4.0<!--outcomes-ate:.1f-->, 5.1<!--outcomes-att:.1f--> and 2.9<!--outcomes-atu:.1f--> points.
#
# ## The trap
#
# The diary has 200 days. Compare those with the timer and those without. Guess first: will the difference lie near 4, near 0, or below 0?

# %%
columns = {"outcome": "output", "treatment": "pomodoro"}
naive = difference_in_means(diary, **columns).rename("with timer minus without")
tables.results([naive], "Her diary: difference in mean output, points a day.", digits=2)

# %% [markdown]
# A clear result with the wrong sign. What went wrong can be written as an identity. Add and subtract the mean of $Y(0)$ on the timer days, which nobody has seen:
#
# $$
# \underbrace{E[Y \mid T{=}1] - E[Y \mid T{=}0]}_{\text{what the diary shows}}
# = \underbrace{E[Y(1) - Y(0) \mid T{=}1]}_{\text{ATT}}
# + \underbrace{E[Y(0) \mid T{=}1] - E[Y(0) \mid T{=}0]}_{\text{selection bias}}
# $$
#
# The last term is the selection bias: how the timer days would have differed from the others anyway. To get to the ATE, a second term is needed, $P(T{=}0)\,(ATT - ATU)$, because those who are treated may be those who gain most.

# %% mystnb={"code_prompt_show": "Show how the terms are computed"} tags=["hide-input"]
truth = diary_world.truth
identity = pd.Series(
    {
        "effect on all days (ATE)": truth["ATE"],
        "+ P(T=0) (ATT − ATU)": 0.5 * (truth["ATT"] - truth["ATU"]),
        "+ selection bias": truth["selection bias"],
        "= difference that is seen": truth["raw difference"],
    },
    name="points a day",
)
tables.results(identity, "The identity, exact in this world.", digits=2)

# %% [markdown]
# The timer adds 5.1<!--outcomes-att:.1f--> points to the days on which it was used, and these would have had 9.0 less than the others anyway. The identity is arithmetic and holds in every sample. What the diary lacks is a way to know the terms on its right-hand side.
#
# ## What must be true
#
# A coin each morning makes the choice independent of the day: $Y(0), Y(1) \perp T$, which is exchangeability by design. In the population the selection bias is then zero, and ATT and ATU equal the ATE; in a sample the bias is zero *on average*, so that the difference in means is unbiased for the ATE.
#
# > **Assumptions, and how each could fail**
# >
# > - **The coin decides** (exchangeability). It fails if she flips again when she dislikes the result, or does not obey. A section below lets her slip.
# > - **No interference between days.** It fails if a day with the timer leaves her rested, or tired, for the next. Then a day's outcome depends on yesterday's coin as well.
# > - **The timer is one and the same thing on each day** (consistency). It fails if she sets it to 25 minutes on some days and to 50 on others.
# > - **No day is missing because of its coin** (no attrition). It fails if on timer days with poor output she forgets to write the diary.
# > - **The number of days is fixed beforehand.** It fails if she stops when the result looks good. A section below lets her peek.
#
# In the graph, the coin removes the arrow from state to timer, and nothing is left to adjust for.

# %%
trial_world = scenarios.pomodoro("coin")
ask = {"treatment": "pomodoro", "outcome": "output", "adjust_for": []}
print(identify.backdoor(diary_world.model.graph, **ask))
print(identify.backdoor(trial_world.model.graph, **ask))

# %% [markdown]
# ## The estimate
#
# First the document's own code: 5,000 units, an effect of 4 for each of them, a fair coin, seed 1. The same class reproduces it, with a state that explains all of $Y(0)$.

# %%
script = scenarios.pomodoro(state_on_output=10, state_on_effect=0, noise=0)
rows = script.sample(5_000, rng=np.random.RandomState(1))
document = difference_in_means(rows, **columns).rename("document's 5,000 units")
tables.results(
    [document], "Difference in means with the document's seed; the ATE is 4.", digits=2
)

# %% [markdown]
# It prints 4.29<!--outcomes-document:.2f--> and calls that close to 4.0. With a standard error of 0.29<!--outcomes-document-se:.2f--> it is, just as expected.
#
# Now her trial, 200 days. In plain statsmodels the difference in means is a regression on the treatment with the HC2 standard error. Adding the state, centred and interacted with the treatment, is Lin's estimator (Lin, 2013): it cannot bias the answer in large samples and takes out the noise that the state explains.

# %%
trial = trial_world.sample(200, rng=2)
trial["centred"] = trial["state"] - trial["state"].mean()
plain = smf.ols("output ~ pomodoro", data=trial).fit(cov_type="HC2")
lin = smf.ols("output ~ pomodoro * centred", data=trial).fit(cov_type="HC2")
by_means = difference_in_means(trial, **columns)
by_lin = adjusted(trial, **columns, adjust_for="state")

# %% [markdown]
# The recipes give the same, with the degrees of freedom of the t distribution looked after.

# %% mystnb={"code_prompt_show": "Show how the table of answers is made"} tags=["hide-input"]
answers = pd.DataFrame([naive, by_means, by_lin])
answers.index = [
    "diary, self-chosen",
    "coin, difference in means",
    "coin, state adjusted for",
]
tables.results(
    answers, "Effect of the timer, points a day; the exact ATE is 4.", digits=2
)

# %% mystnb={"code_prompt_show": "Show how Figure 2 is drawn", "figure": {"name": "fig-outcomes-estimates"}, "image": {"alt": "Three estimates with 95% intervals against the exact effect of 4 points a day. The diary of self-chosen days is below zero and misses; the difference in means of the coin trial covers 4 with a wide interval; the estimate adjusted for state covers it with a narrower one."}} tags=["hide-input"]
figures.estimates(
    answers,
    truth={"exact ATE": 4.0},
    naive=["diary, self-chosen"],
    xlabel="effect of the timer (points a day)",
    digits=1,
)
plt.show()

# %% [markdown]
# *Figure 2. Two hundred days of diary and two hundred days of coin flips, against the exact effect.*
#
# ### A test that assumes nothing but the coin
#
# Suppose the timer did nothing to any day. Then each day's output would have been the same whatever the coin said, and we know the difference in means that every other sequence with as many heads would have shown. The share of sequences whose difference is at least as large as the observed one, in either direction, is a p-value that is valid in samples of any size (Fisher, 1935).

# %%
test = randomization_test(trial, **columns, rng=4, permutations=4_999)
shown = test[["statistic", "p_value", "mc_error", "permutations", "n"]].astype(float)
caption = f"Randomization test of: {test['null']}."
tables.results([shown.rename("difference in means")], caption, digits=4)

# %% mystnb={"code_prompt_show": "Show how Figure 3 is drawn", "figure": {"name": "fig-outcomes-randomization"}, "image": {"alt": "Histogram of the differences in means of 4,000 re-drawn coin sequences under no effect, centred at zero with nearly all between minus 4 and 4. The observed difference is marked far in the right tail."}} tags=["hide-input"]
rng = np.random.default_rng(5)
output, coins = trial["output"].to_numpy(), trial["pomodoro"].to_numpy()
redrawn = [rng.permutation(coins) == 1 for _ in range(4_000)]
differences = [output[c].mean() - output[~c].mean() for c in redrawn]
_, ax = plt.subplots(figsize=(5.6, 2.6))
ax.hist(differences, bins=40, color=figures.HIDDEN)
ax.axvline(test["statistic"], color=figures.ESTIMATE)
ax.text(test["statistic"] - 0.1, ax.get_ylim()[1] * 0.9, "observed", ha="right")
ax.set(xlabel="difference in means (points a day)", ylabel="coin sequences")
plt.show()

# %% [markdown]
# *Figure 3. What other sequences of coins would have shown if the timer did nothing, and what was observed.*
#
# ## Try to break it
#
# ### Are the groups identical?
#
# The document says that after randomization the two groups are statistically identical. They are drawn from the same distribution. In a single trial they differ, and in a short one they differ a lot. How often does the mean state of timer days and other days differ by much in a fortnight of coins? (Fortnights with fewer than two days of either kind are left out; they are one in five hundred.)

# %%
on = np.arange(2, 13)
chance = stats.binom.pmf(on, 14, 0.5)
spread = np.sqrt(1 / on + 1 / (14 - on))
gaps = (0.25, 0.5, 1.0)
more = [chance @ (2 * stats.norm.sf(gap / spread)) / chance.sum() for gap in gaps]
balance = pd.Series(more, [f"more than {gap} s.d." for gap in gaps])
balance = balance.rename("share of trials")
tables.results(balance, "Difference in mean state of the groups, 14 days, exact.")

# %% [markdown]
# In more than a third of the fortnights the groups start out more than half a standard deviation apart. That is no flaw: the standard error accounts for it. It is also why a table of p-values for baseline differences is of no use. In a trial with a working coin such differences are chance by construction, and what to do about a covariate that matters is to adjust for it, decided beforehand (Senn, 1994).
#
# ### Are two weeks enough?
#
# The document recommends a coin a day for two weeks. How often does a 95% interval then exclude zero, and what do the trials that succeed report?


# %% mystnb={"code_prompt_show": "Show the million trials"} tags=["hide-input"]
def trials(n_days, replications, rng):
    size = rng.binomial(n_days, 0.5, replications)
    size = size[(size > 1) & (size < n_days - 1)]
    size = np.array([n_days - size, size])
    sd = np.array([[10], [np.sqrt(72)]])  # of a day's output, without timer and with
    mean = np.array([[0], [4]]) + rng.standard_normal(size.shape) * sd / np.sqrt(size)
    return mean, sd**2 * rng.chisquare(size - 1) / (size - 1), size


found, rng = {}, np.random.default_rng(7)
for n_days in (14, 60, 200):
    mean, var, size = trials(n_days, 1_000_000, rng)
    gain, parts = mean[1] - mean[0], var / size
    df = parts.sum(axis=0) ** 2 / (parts**2 / (size - 1)).sum(axis=0)
    sure = stats.t.sf(abs(gain) / np.sqrt(parts.sum(axis=0)), df) < 0.025
    found[n_days] = [sure.mean(), (gain < 0).mean(), abs(gain)[sure].mean()]
names = ["excludes zero", "wrong sign", "mean size if it does"]
power = pd.DataFrame(found, index=names).T.rename_axis("days").round(2)
tables.results(
    power,
    "A million trials of a true effect of 4 points a day: what they find. "
    "Monte Carlo errors at most 0.0005 for the shares and 0.01 for the size.",
    digits=2,
)

# %% [markdown]
# A fortnight's interval excludes zero about one time in ten, and its estimate points the wrong way about one time in five. Where zero is excluded the estimate has a size of 12<!--outcomes-exaggeration:.0f--> points on average for a true 4: to stand out from so much noise an estimate has to be exaggerated. So plan the size before the first coin.

# %%
variance = pd.Series({"difference in means": 86, "state adjusted for": 37}, name="days")
days_needed = np.sqrt(variance).map(lambda sd: sample_size(effect=4, std_dev=sd))
tables.results(days_needed, "Days needed to find 4 points a day with probability 0.8.")

# %% [markdown]
# The variance of the output is 100 without the timer and 72 with it, 86 on average. When the state is known 36 are left, and 1 more for an effect that varies with the state. A note each morning is worth more than three months of coins.
#
# ### Looking every ten days
#
# Now suppose the timer does nothing, and she computes a z-test after every tenth day, up to 200 days, and stops as soon as it shows p < 0.05. Armitage et al. (1969) worked out how often such peeking finds an effect that is not there: carry on the distribution of the sum, cut off at each look where it would have stopped her.

# %%
x, weight = np.polynomial.legendre.leggauss(80)
limits = stats.norm.ppf(0.975) * np.sqrt(np.arange(1, 21))
density = stats.norm.pdf(limits[0] * x)
silent = [limits[0] * weight @ density]
for last, limit in itertools.pairwise(limits):
    step = stats.norm.pdf(limit * x[:, None] - last * x)
    density = step @ (last * weight * density)
    silent.append(limit * weight @ density)
ever = 1 - np.array(silent)

# %% mystnb={"code_prompt_show": "Show how the table of looks is made"} tags=["hide-input"]
peeking = pd.DataFrame(
    {
        "exact": ever[[0, 1, 4, 9, 19]],
        "published": [0.050, 0.083, 0.142, 0.193, 0.248],
    },
    index=pd.Index([1, 2, 5, 10, 20], name="looks"),
)
tables.results(
    peeking, "Probability of finding an effect that is not there, by number of looks."
)

# %% mystnb={"code_prompt_show": "Show how Figure 4 is drawn", "figure": {"name": "fig-outcomes-peeking"}, "image": {"alt": "The probability of a false alarm rises with the number of looks, from 0.05 at one look through 0.14 at five and 0.19 at ten to 0.25 at twenty. A dashed line marks the promised 0.05."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 2.6))
ax.plot(np.arange(1, 21), ever, color=figures.NAIVE, marker="D", mfc="white")
ax.axhline(0.05, color=figures.TRUTH, linestyle="--")
ax.text(20, 0.06, "promised: 0.05", ha="right")
ax.set(ylim=(0, 0.28), xticks=[1, 5, 10, 15, 20], xlabel="looks")
ax.set_ylabel("false alarms")
plt.show()

# %% [markdown]
# *Figure 4. False alarms when one stops at the first p < 0.05, and the rate that the test promises.*
#
# With twenty looks a quarter of all useless habits pass. If you want to look, use a method that is made for it, such as a confidence sequence (Howard et al., 2021); otherwise fix the number of days and look once.
#
# ### The coin that is not always obeyed
#
# On a good day with heads she may skip the timer, on a bad day with tails she may use it after all. The coin is still random; the timer is not.

# %% mystnb={"figure": {"name": "fig-outcomes-slips"}, "image": {"alt": "Causal graph: coin points to pomodoro, state points to pomodoro and output, pomodoro points to output. The coin has no arrow into it and reaches output only through pomodoro."}}
slips = scenarios.pomodoro("slips")
spots = {"coin": (-1, 0)} | spots
roles["positions"] = spots
figures.causal_graph(slips.model.graph, **roles)
plt.show()

# %% [markdown]
# *Figure 5. A coin that is not always obeyed. The coin is randomized, the timer is not.*
#
# Five analyses of a thousand such days. The first three are often made.

# %%
days = slips.sample(1_000, rng=9)
obeyed = days[days["coin"] == days["pomodoro"]]
as_treated = difference_in_means(days, **columns)
per_protocol = difference_in_means(obeyed, **columns)
by_coin = difference_in_means(days, outcome="output", treatment="coin")
as_instrument = wald(days, **columns, instrument="coin", cov="robust")
state_known = adjusted(days, **columns, adjust_for="state")

# %% mystnb={"code_prompt_show": "Show how the table of comparisons is made"} tags=["hide-input"]
made = [as_treated, per_protocol, by_coin, as_instrument, state_known]
unequal = pd.DataFrame(made).set_axis(
    [
        "as treated",
        "per protocol",
        "intention to treat",
        "coin as instrument",
        "as treated, state adjusted for",
    ]
)
unequal = unequal[["estimate", "ci_low", "ci_high", "n"]]
known = [slips.truth[key] for key in ("raw difference", "ITT", "LATE", "ATE")]
heads, tails = (np.array([1.5, -0.5]) / np.sqrt(2)) * [1, -1]  # P(T = coin) = Phi(.)
means = [-stats.norm.pdf(a) / stats.norm.cdf(a) / np.sqrt(2) for a in (heads, tails)]
obeyed_gap = 4 + 6 * means[0] + 8 * means[1]  # mean state: heads, and less tails
unequal["exact"] = [known[0], obeyed_gap, *known[1:]]
tables.results(unequal, "One thousand days with slips; the ATE is 4.", digits=2)

# %% [markdown]
# Comparing days by what was done (the as-treated comparison) is the diary again. Dropping the days on which she disobeyed (the per-protocol comparison) does not repair it, since obeying depends on the state too. The comparison by coin, the ITT, is right for the question what *flipping* does, and too small for what the timer does. If the coin works through the timer alone and makes nobody do the opposite (both hold here), dividing it by the change in use gives the effect among compliers, 3.6<!--outcomes-late:.1f--> points, which is the business of instrumental variables; a later chapter does it properly, for a feature flag.
#
# The per-protocol *comparison* is wrong; the per-protocol effect is a fair question: what would the timer do if she obeyed every day? Here that is the ATE. The coin alone does not answer it, for it moves only the days of compliers. What drives the slips does, if it is recorded: she noted the state each morning, and the last row adjusts for it, 3.9<!--outcomes-followed:.1f--> (3.0<!--outcomes-followed-low:.1f--> to 4.7<!--outcomes-followed-high:.1f-->) for an exact 4.0, where the instrument has 2.5<!--outcomes-instrument:.1f--> (0.4<!--outcomes-instrument-low:.1f--> to 4.7<!--outcomes-instrument-high:.1f-->) for its 3.6<!--outcomes-late:.1f-->. The price is the coin's promise: whatever else drives both her slips and her output biases the last row, and in the diary only the coin can show it (exercise 4).
#
# ## The decision
#
# Suppose setting up the timer costs 3 points of output a day. The diary says: never. The trial's 3.9<!--outcomes-lin:.1f--> is above 3 and its interval is not: it leaves open whether the timer pays. The exact gain is 1 a day. And a rule is better than either, since the effect depends on the state. Each policy is a `do`.


# %%
def net_gain(policy):
    with_it = trial_world.model.do(pomodoro=policy).sample(400_000, rng=10)
    without = trial_world.model.do(pomodoro=0).sample(400_000, rng=10)
    return (with_it["output"] - without["output"] - 3 * with_it["pomodoro"]).mean()


policies = {
    "never": 0,
    "every day": 1,
    "her habit": Bernoulli(lambda state: stats.norm.cdf(-state)),
    "on bad days (S < 0)": lambda state: state < 0,
    "where the effect exceeds the cost (S < 0.5)": lambda state: state < 0.5,
}

# %% mystnb={"code_prompt_show": "Show the exact gains, and how the table is made"} tags=["hide-input"]
pdf, cdf = stats.norm.pdf, stats.norm.cdf
rule = [cdf(cut) + 2 * pdf(cut) for cut in (0, 0.5)]
gains = pd.DataFrame({"exact": [0, 1, 0.5 + 1 / np.sqrt(np.pi), *rule]}, policies)
gains["simulated"] = [net_gain(policy) for policy in policies.values()]
tables.results(
    gains.rename_axis("timer"),
    "Net gain of each policy, points a day; Monte Carlo errors at most 0.004.",
    digits=2,
)

# %% [markdown]
# Her habit, mostly bad days and by no fixed rule, nets 1.06<!--outcomes-gain-habit:.2f--> points a day, hardly more than using the timer every day (1.00). Always on bad days and never on good ones would bring 1.30<!--outcomes-gain-bad-days:.2f-->, the best rule 1.40<!--outcomes-gain-best:.2f-->. The direction of her habit was right. What it could not do is tell her so.
#
# ## Many worlds
#
# Two hundred trials and two hundred diaries of 200 days, each analysed with and without the state.

# %%
analyses = {
    "difference in means": lambda days: difference_in_means(days, **columns),
    "state adjusted for": lambda days: adjusted(days, **columns, adjust_for="state"),
}
designs = {"coin": trial_world, "self-chosen": diary_world}
samples = {"n": 200, "replications": 200, "rng": 12}
runs = {name: replicate(w, analyses, **samples) for name, w in designs.items()}
many = pd.concat(runs)
shown = ["bias", "bias_error", "rmse", "coverage", "coverage_error"]
caption = "200 samples of 200 days against the exact ATE of 4."
tables.results(many[shown], caption, digits=2)

# %% [markdown]
# With the coin both analyses are right, and the adjusted one is sharper. With self-chosen days only the adjusted one is right, and it is right because the state was written down, was all that mattered, and enters the equations in the form the regression has. The coin needs none of that.
#
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy randomized_experiment
# ```
#
# One file, four functions: `difference_in_means`, `adjusted`, `randomization_test`, `sample_size`. Here on a real trial, the National Supported Work programme: 445 men, a random part of whom were offered training; earnings in 1978, in dollars (LaLonde, 1986; Dehejia and Wahba, 1999).

# %%
men = nsw_mixtape.load_pandas().data
offer = {"outcome": "re78", "treatment": "treat"}
before = ["age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75"]
means = difference_in_means(men, **offer)
more = adjusted(men, **offer, adjust_for=before)
programme = pd.DataFrame([means, more])
programme.index = ["difference in means", "adjusted for eight columns"]
sharp = randomization_test(men, **offer, rng=12, permutations=1_999)
tables.results(programme, "Offer of training: dollars a year in 1978.", digits=0)

# %% [markdown]
# The experiment's answer, 1794<!--outcomes-nsw:.0f--> dollars (randomization p below 0.01), is the yardstick against which a later chapter holds the methods that do without a coin.
#
# ## Exercises
#
# ### Exercise 1. Three terms
#
# In the diary's world, set `state_on_effect=0`. Which of the three terms of the identity changes, and to what? Now set `pull=-1` instead, so that the timer comes out on good days. What does the diary say, and which error would she make?
#
# <details>
# <summary>Solution</summary>
#
# With a constant effect ATT = ATU = ATE = 4, so the middle term is zero; the selection bias stays at −9.03<!--outcomes-bias:.2f--> and the diary shows −5.03. With `pull=-1` the selection bias is +9.03, ATT is 2.9, and the diary shows 11.90: she would think the timer three times as good as it is. Same timer, same person, opposite mistakes.
#
# </details>
#
# ### Exercise 2. Half of the days
#
# She dislikes the timer and wants to use it on one day in five only. How many days does the trial need now? And is the difference in means still unbiased?
#
# <details>
# <summary>Solution</summary>
#
# About 247 instead of 172<!--outcomes-days:.0f-->: with $n$ days the variance of the difference is $72 / (0.2\,n) + 100 / (0.8\,n) = 485 / n$ instead of $344 / n$. (`sample_size` takes one standard deviation for both groups; at the larger one, 10, it gives 309.) The difference in means stays unbiased at any share, as long as the coin decides.
#
# </details>
#
# ### Exercise 3. Yesterday's timer
#
# Open-ended. Give the world a memory: after a day with the timer, the next day's output is 3 points lower. Simulate 200 days of coins (a loop over days will do, or shift the column of coins). What does the difference in means estimate now? What would using the timer every day gain? Change the design so that the trial answers the second question, for instance by flipping for whole weeks, and find out what that costs in precision.
#
# <details>
# <summary>Solution</summary>
#
# A start: `days = trial_world.sample(200, rng=1)` and `days["output"] -= 3 * days["pomodoro"].shift(fill_value=0)`. Since today's coin says nothing about yesterday's, the difference in means still aims at 4, the effect of today's timer with yesterday as it came; its standard error is 1.3. Using it every day gains 4 − 3 = 1. With weekly coins, drop the first day of each week (enough, as the memory lasts one day) and compare the means of 28 weeks, 14 of either kind: this aims at 1, with an error of 1.4. That is hardly more than before, since days are independent here but for the memory; where the days of a week are alike, whole weeks cost much more (exercise 7). Daily coins can answer too, by the effects of today's and of yesterday's timer added up, with an error of 1.9. None of these finds 1 point in 200 days.
#
# </details>
#
# ### Exercise 4. A coarser note
#
# On the days with slips, suppose she noted only whether the morning was good ($S \ge 0$) or bad. Adjust for that. What does the estimate tend to, and would her diary show that something is missing?
#
# <details>
# <summary>Solution</summary>
#
# With `days["good"] = days["state"] >= 0`, `adjusted(days, **columns, adjust_for="good")` gives 1.1<!--outcomes-coarse:.1f--> on her thousand days and tends to 1.48<!--outcomes-coarse-limit:.2f-->, not to 4: among good mornings too, the timer comes out on the worse ones. Its interval, 0.1<!--outcomes-coarse-low:.1f--> to 2.1<!--outcomes-coarse-high:.1f-->, knows nothing of that. The coin does. It reaches the output through the timer alone; so if the note were enough, days of heads and of tails with equal timer and note would have equal output on average. Regress the output on timer, note, their product and the coin: the coin's coefficient tends to 1.7 points (1.2 in her diary, p = 0.04), and a test at the 5% level sees it in nearly nine of ten such diaries. To pass it would prove little. The comparison by coin and the instrument are as right as before.
#
# </details>
#
# ### Exercise 5. Days that are not written down
#
# She obeys the coin, but on days with tails and a state below −1 she does not write the diary. What does the difference in means tend to? The diary then has too many heads, a sample-ratio mismatch. How likely is a z-test of equal shares at the 5% level to notice, in a trial of 200 days and in one of 1,000?
#
# <details>
# <summary>Solution</summary>
#
# The other days of tails have a mean state of $\varphi(1) / \Phi(1)$ = 0.288, so the difference tends to $4 - 8 \cdot 0.288$ = 1.70<!--outcomes-lost:.2f-->. Of the days written down 54.3%<!--outcomes-lost-share:.1%--> have heads. The test notices that in 22%<!--outcomes-lost-power-200:.0%--> of trials of 200 days and in 74%<!--outcomes-lost-power-1000:.0%--> of those of 1,000. A mismatch says that something is wrong; that none is seen says little in a small trial.
#
# </details>
#
# ### Exercise 6. Points an hour
#
# Let a day have $8 + S$ hours of work. The recipe's `ratio_of_means` compares points an hour. What is its target? What is it if the timer also makes each day half an hour longer?
#
# <details>
# <summary>Solution</summary>
#
# With `trial["hours"] = 8 + trial["state"]`, `ratio_of_means(trial, treatment="pomodoro", numerator="output", denominator="hours")` aims at $54 / 8 - 50 / 8$ = 0.50<!--outcomes-hourly:.2f--> points an hour. With the longer days it is $54 / 8.5 - 50 / 8$ = 0.10<!--outcomes-hourly-longer:.2f-->, though every day gains as many points as before: the treatment has moved the denominator. Compare that too, and the points a day. A bonus: hours carry the state, so dividing by them takes out noise: over 200 days an error of 0.109<!--outcomes-hourly-se:.3f--> points an hour where that of the points a day, over 8 hours, is 0.164<!--outcomes-daily-se:.3f-->.
#
# </details>
#
# ### Exercise 7. Weeks
#
# Suppose that the days of a week are alike: add a level to each week, normal with a standard deviation of 5 points. She has 28 weeks. Work out the standard error of the difference in means if the coin is flipped each day, if 14 whole weeks are drawn, and if three or four days (in equally many weeks) are drawn within each week. What does `difference_in_means` say of the second without `cluster=`?
#
# <details>
# <summary>Solution</summary>
#
# Each day: $\sqrt{(125 + 97) / 98}$ = 1.51<!--outcomes-weeks-days:.2f--> points. Whole weeks have means of variance $25 + 100 / 7$ and $25 + 72 / 7$, hence 2.31<!--outcomes-weeks-whole:.2f-->. Within weeks the level drops out: 1.34<!--outcomes-weeks-within:.2f-->, which `blocks="week"` estimates. For whole weeks read as days the recipe says 1.5 instead of 2.3, and its 95% intervals hold the effect four times in five; `cluster="week"` puts that right, and with few weeks `cov="CR2"` beside it. Draw within what is alike, in units as small as the treatment allows.
#
# </details>

# %% [markdown]
# ## What the document says
#
# Claims of the second section of AI/ML Explained (2026).
#
# <details>
# <summary>Claims of “Potential Outcomes Framework”, AI/ML Explained, Day 36, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | Of each unit only one potential outcome is seen, so single effects are unknowable. | holds | Behind the curtain the six days shown have six effects; the diary has none of them. |
# | Where people choose, treated minus untreated carries selection bias. | holds | −3.9<!--outcomes-raw:.1f--> points = 5.1<!--outcomes-att:.1f--> (effect on timer days) + (−9.0<!--outcomes-bias:.1f-->); the ATE is 4.0<!--outcomes-ate:.1f-->. |
# | Under random assignment the difference of the groups is an unbiased ATE; its code gives about 4.0. | holds | 4.29<!--outcomes-document:.2f--> (95% 3.73<!--outcomes-document-low:.2f--> to 4.85<!--outcomes-document-high:.2f-->) from its seed; over 200 fresh trials no bias beyond two of its Monte Carlo errors. |
# | Randomization makes the groups statistically identical before treatment. | holds in part | In distribution. In 37<!--outcomes-gap-percent:.0f--> of 100 fortnights the mean states differ by more than half a standard deviation. |
# | Flip a coin each day and compare after two weeks. | holds in part | Unbiased, and far too short: the interval excludes zero in 11<!--outcomes-power-14:.0f--> of 100 trials, the estimate has the wrong sign in 22<!--outcomes-wrong-sign-14-percent:.0f-->; 172<!--outcomes-days:.0f--> days are needed. |
# | Randomization spares you from modelling control variables. | holds in part | For bias, yes. For precision, one recorded state lowers the days needed from 172<!--outcomes-days:.0f--> to 76<!--outcomes-days-adjusted:.0f-->. |
# | A treatment and a control group do not make a comparison fair. | holds | The diary has both and shows −3.7<!--outcomes-diary:.1f-->. |
# | Randomization is the only clean way to get the other outcome back. | holds in part | It is the one that needs no list of causes. Adjusting for the recorded state works in the diary too (bias 0.06<!--outcomes-diary-lin-bias:.2f-->, less than its error), and a randomized coin that is not obeyed needs more: −2.5<!--outcomes-as-treated:.1f--> as treated. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
bias, coverage = many["bias"].to_numpy(), many["coverage"].to_numpy()
coarse = adjusted(days.assign(good=days["state"] >= 0), **columns, adjust_for="good")
grid = (np.arange(200_000) + 0.5) / 200_000
bad = stats.norm.ppf(grid / 2)  # a bad morning's state; a good one's is minus that
parts = []
for state in (bad, -bad):
    share = (cdf(1.5 - state) + cdf(-0.5 - state)) / 2
    with_it = share @ (54 + 6 * state) / share.sum()
    parts.append(with_it - (1 - share) @ (50 + 8 * state) / (1 - share).sum())
written = 1 / (1 + cdf(1))


def noticed(n):
    k = np.arange(1, n + 1)  # days written down
    limit = np.floor(k / 2 - stats.norm.ppf(0.975) * np.sqrt(k) / 2 - 1e-9)
    heads = stats.binom(k, written)
    return stats.binom.pmf(k, n, (1 + cdf(1)) / 2) @ (
        heads.cdf(limit) + heads.sf(k - limit - 1)
    )


exercises = {
    "outcomes-coarse": coarse["estimate"],
    "outcomes-coarse-low": coarse["ci_low"],
    "outcomes-coarse-high": coarse["ci_high"],
    "outcomes-coarse-limit": np.mean(parts),
    "outcomes-lost": 4 - 8 * pdf(1) / cdf(1),
    "outcomes-lost-share": written,
    "outcomes-lost-power-200": noticed(200),
    "outcomes-lost-power-1000": noticed(1_000),
    "outcomes-hourly": 54 / 8 - 50 / 8,
    "outcomes-hourly-longer": 54 / 8.5 - 50 / 8,
    "outcomes-hourly-se": np.hypot(np.hypot(1.75, 6), np.hypot(0.75, 6)) / 80,
    "outcomes-daily-se": np.sqrt(172) / 80,
    "outcomes-weeks-days": np.sqrt(222 / 98),
    "outcomes-weeks-whole": np.sqrt((50 + 172 / 7) / 14),
    "outcomes-weeks-within": np.sqrt((72 / 4 + 100 / 3 + 72 / 3 + 100 / 4) / 56),
}
numbers = {
    **{
        f"outcomes-{key}": truth[name]
        for key, name in {
            "ate": "ATE",
            "att": "ATT",
            "atu": "ATU",
            "raw": "raw difference",
            "bias": "selection bias",
        }.items()
    },
    "outcomes-diary": naive["estimate"],
    "outcomes-document": document["estimate"],
    "outcomes-document-se": document["std_error"],
    "outcomes-means": by_means["estimate"],
    "outcomes-lin": by_lin["estimate"],
    "outcomes-p": test["p_value"],
    "outcomes-power-14": 100 * power.iloc[0, 0],
    "outcomes-wrong-sign-14": power.iloc[0, 1],
    "outcomes-exaggeration": power.iloc[0, 2],
    "outcomes-gap": balance.iloc[1],
    "outcomes-days": days_needed.iloc[0],
    "outcomes-days-adjusted": days_needed.iloc[1],
    **{f"outcomes-looks-{looks}": value for looks, value in peeking["exact"].items()},
    "outcomes-as-treated": slips.truth["raw difference"],
    "outcomes-per-protocol": obeyed_gap,
    "outcomes-itt": slips.truth["ITT"],
    "outcomes-late": slips.truth["LATE"],
    "outcomes-gain-habit": gains.loc["her habit", "exact"],
    "outcomes-gain-bad-days": gains["exact"].iloc[3],
    "outcomes-gain-best": gains["exact"].iloc[4],
    "outcomes-coin-coverage": coverage[0],
    "outcomes-lin-coverage": coverage[1],
    "outcomes-diary-bias": bias[2],
    "outcomes-nsw": programme["estimate"].iloc[0],
    "outcomes-nsw-se": programme["std_error"].iloc[0],
    "outcomes-nsw-lin": programme["estimate"].iloc[1],
    "outcomes-document-low": document["ci_low"],
    "outcomes-document-high": document["ci_high"],
    "outcomes-gap-percent": 100 * balance.iloc[1],
    "outcomes-wrong-sign-14-percent": 100 * power.iloc[0, 1],
    "outcomes-diary-lin-bias": bias[3],
    "outcomes-followed": state_known["estimate"],
    "outcomes-followed-low": state_known["ci_low"],
    "outcomes-followed-high": state_known["ci_high"],
    "outcomes-instrument": as_instrument["estimate"],
    "outcomes-instrument-low": as_instrument["ci_low"],
    "outcomes-instrument-high": as_instrument["ci_high"],
    **exercises,
}
tables.store(
    numbers,
    answers=answers,
    as_large=np.mean(np.abs(differences) >= test["statistic"]),
    both=both.head(50),
    by_lin=by_lin,
    by_means=by_means,
    by_statsmodels=[plain.bse["pomodoro"], lin.params["pomodoro"]],
    by_timer=both.groupby("timer").mean(numeric_only=True),
    diary=diary.head(50),
    document=document,
    gains=gains,
    identity=identity,
    many=many,
    men=len(men),
    naive=naive,
    peeking=peeking,
    power=power,
    sharp=sharp,
    test=test,
    unequal=unequal,
)
known = {
    "timer: diary": (naive, "ATE", 4.0, "this world", "exact truth"),
    "timer: coin": (by_means, "ATE", 4.0, "this world", "exact truth"),
    "timer: coin, adjusted": (by_lin, "ATE", 4.0, "this world", "exact truth"),
    "explainer's 5,000 units": (document, "ATE", 4.0, "its code", "exact truth"),
    "timer: coin not obeyed, as treated": (unequal.iloc[0], "ATE", 4.0, "this world", "exact truth"),
    "timer: coin as instrument": (unequal.iloc[3], "LATE", slips.truth["LATE"], "this world", "exact truth"),
}  # fmt: skip
tables.scoreboard(known, digits=2)
