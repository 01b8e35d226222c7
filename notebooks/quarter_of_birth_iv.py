# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Quarter of birth: an instrument you can hold, weigh, and break
#
# **The question.** By how much does a year of schooling raise wages, among men whose schooling was moved by nothing but the quarter in which they were born?
#
# **The answer in short.** Men born in the first quarter of a year went to school 0.109<!--qob-jump-schooling:.3f--> years less than the others and earned 1.1<!--qob-jump-wage-percent:.1f--> percent less. The ratio says 10.2<!--qob-wald-percent:.1f--> percent a year, the famous thirty-instrument estimate 8.9<!--qob-tsls-percent:.1f-->; plain regression says 7.1<!--qob-ols-percent:.1f-->. You will reproduce these published figures to the last digit from a table of 40 rows. Then you will break them. The instruments are weak, yet weakness turns out to do little harm here. Exclusion is the weaker point: a direct effect of the season of birth on wages of 1.1<!--qob-direct-all-percent:.1f--> percent would explain everything. And once a smooth trend in age is held fixed, little is left of the nudge, and the data are compatible with returns from −18 to 39 percent.
#
# The study is Angrist and Krueger (1991). The toy world, and the claims audited at the end, come from AI/ML Explained (2026).

# %% [markdown]
# ## The story
#
# In most of the United States a child then started school in the autumn of the year in which it turned six, and could leave on its sixteenth or seventeenth birthday. A boy born in January was the oldest of his class. He reached the leaving age earlier in his school career than his classmate born in December, and if both left on the first day allowed, he left with almost a year less of schooling.
#
# Nobody chooses the quarter in which he is born. So here, it seems, is a lottery: an outside nudge that moves schooling a little and has nothing else to do with wages. A nudge of this kind is called an instrument.
#
# Why does one need it? A parliament that considers raising the leaving age wants to know what the extra year is worth to those who would have left. Men with more schooling earn more, but they may also have been abler, richer or healthier to begin with. If the parliament counts that difference as an effect, it pays for years that bring nothing; if it is too sceptical, it lets boys leave who would have gained.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from linearmodels.datasets import card
from linearmodels.iv import IV2SLS

from casestudies import archives, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.instrumental_variables import (
    limited_information,
    two_stage_least_squares,
    wald,
)
from casestudies.recipes.weak_instruments import anderson_rubin, first_stage, t_f
from casestudies.sampling.closed_forms import iv_error_summary
from casestudies.sampling.instrument_strength import draw_samples, summarize
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# ### The men, in 40 cells
#
# The study uses 329,509 men born in 1930 to 1939, from the census of 1980. Their regressions need, for each of the 40 combinations of year and quarter of birth, only the number of men and the means, variances and covariance of schooling and log wage. That is 2.8 kB, and the package carries it.

# %%
cells = archives.quarter_of_birth_cells()
shown = ["n", "education_mean", "log_weekly_wage_mean"]
look = cells.set_index(["year_of_birth", "quarter_of_birth"])[shown].head(5)
look.columns = ["men", "years of schooling", "log weekly wage"]
tables.results(look, "Five of the 40 cells.")

# %% [markdown]
# `archives.quarter_of_birth()` gives back one row a man. In one plain sentence: the rows are synthetic and the cell moments are real. Whatever is computed from cell moments comes out as from the original file, and that is every estimate in this chapter but one experiment, which is marked.

# %%
men = archives.quarter_of_birth()
men["first_quarter"] = (men["quarter_of_birth"] == 1).astype(int)
age = 1980 - men["year_of_birth"] - (men["quarter_of_birth"] - 1) / 4
men = men.assign(age=age, age_squared=age**2)
dummies = {"year_of_birth": "category", "quarter_of_birth": "category"}
men = men.astype(dummies)
assert len(men) == 329_509

# %% [markdown]
# Here is the nudge. Years of schooling rise from cohort to cohort, and within most years the men of the first quarter stand a step below those who follow. Wages are flat, for these men are all between forty and fifty, and show the same teeth.

# %% mystnb={"figure": {"name": "fig-qob-sawtooth"}, "image": {"alt": "Two panels against date of birth, 1930 to 1939, 40 points each. Years of schooling rise from 12.3 to 13.1 in a saw-tooth: in most years the first quarter is lowest. Log weekly wages stay near 5.90 with the same teeth: in all ten years the first quarter lies below the mean of the year."}} tags=["hide-input"]
when = cells["year_of_birth"] + (cells["quarter_of_birth"] - 1) / 4
first = cells["quarter_of_birth"] == 1
panels = {
    "education_mean": "years of schooling",
    "log_weekly_wage_mean": "log weekly wage",
}
_, axes = plt.subplots(2, 1, figsize=(5.6, 4.6), sharex=True)
for ax, (column, label) in zip(axes, panels.items(), strict=True):
    ax.plot(when, cells[column], color=figures.HIDDEN, linewidth=1, zorder=1)
    for rows, colour, mark in [(~first, figures.CONTROL, "o"), (first, figures.TREATED, "s")]:  # fmt: skip
        ax.plot(when[rows], cells.loc[rows, column], mark, color=colour)
    ax.set_ylabel(label)
axes[0].annotate("first quarter", (1930, 12.28), (1931.2, 12.3), va="center", color=figures.TREATED, arrowprops={"arrowstyle": "-", "color": figures.TREATED})  # fmt: skip
axes[1].set_xlabel("date of birth (year)")
plt.show()

# %% [markdown]
# *Figure 1. Schooling and wages by quarter of birth, from the 40 cells. First quarters are marked by squares.*

# %% jupyter={"source_hidden": true} tags=["hide-cell"]
year_means = cells.groupby("year_of_birth")["log_weekly_wage_mean"].transform("mean")
below = (cells["log_weekly_wage_mean"] < year_means)[first]
assert below.all()
lowest = cells.groupby("year_of_birth")["education_mean"].idxmin()
assert cells.loc[lowest, "quarter_of_birth"].eq(1).sum() >= 7

# %% [markdown]
# ### A toy in which the truth is known
#
# The census does not come with the right answer. So we keep a second world beside it, the document's, in which the answer is 2. The document writes it in letters; we lend it the names of our story. With nudge $Z$, ability $U$ (not recorded), schooling $X$ and wage $Y$, in arbitrary units,
#
# $$
# \begin{aligned}
# Z &= \varepsilon_Z, \qquad U = \varepsilon_U \\
# X &= 0.8\, Z + U + \varepsilon_X \\
# Y &= 2\, X + 3\, U + \varepsilon_Y
# \end{aligned}
# $$

# %% mystnb={"figure": {"name": "fig-qob-graph"}, "image": {"alt": "Causal graph: nudge points to schooling, schooling points to wage, and ability, which is not recorded, points to schooling and to wage. No arrow runs from nudge to wage or between nudge and ability."}}
toy = scenarios.nudge()
places = {"nudge": (0, 0), "schooling": (1.3, 0), "wage": (2.6, 0)}
places["ability"] = (1.95, 1)
roles = {"treatment": "schooling", "outcome": "wage", "hidden": ["ability"]}
figures.causal_graph(toy.model.graph, **roles, positions=places)
plt.show()

# %% [markdown]
# *Figure 2. The toy world. The two missing arrows, from nudge to wage and from ability to nudge, are what make the nudge an instrument.*
#
# Ability opens a backdoor path that nothing recorded closes. Seeded as the document's script is, the world gives the document's 4,000 rows bit for bit, and the document's call gives its number.

# %%
rows = toy.sample(4_000, rng=np.random.RandomState(2))
script = IV2SLS.from_formula("wage ~ 1 + [schooling ~ nudge]", rows).fit()
slope = smf.ols("wage ~ schooling", data=rows).fit()


def entries(fit, name, errors):
    low, high = fit.conf_int().loc[name]
    answer = {"estimate": fit.params[name], "std_error": errors[name]}
    return pd.Series({**answer, "ci_low": low, "ci_high": high, "n": fit.nobs})


toy_ols = entries(slope, "schooling", slope.bse)
toy_iv = entries(script, "schooling", script.std_errors)
toy_table = pd.DataFrame({"OLS": toy_ols, "2SLS (the script)": toy_iv}).T
tables.results(toy_table, "The document's 4,000 rows; the true effect is 2.")

# %% [markdown]
# Least squares heads for $2 + 3 / (0.64 + 1 + 1) =$ 3.136<!--qob-toy-ols-limit:.3f-->, however many rows it gets. The instrument finds the 2.

# %% [markdown]
# ## The trap
#
# Most people would regress the log wage on schooling and a dummy for each year of birth.

# %%
pair = ["log_weekly_wage", "education"]
by_year = men.groupby("year_of_birth", observed=True)[pair]
within = men[pair] - by_year.transform("mean")
least = sm.OLS(within["log_weekly_wage"], within["education"]).fit()
ols = entries(least, "education", least.bse)
tables.results([ols.rename("OLS")], "Log wage per year of schooling.", digits=4)

# %% [markdown]
# About seven percent a year, and an interval so tight that it invites belief. A standard error measures how far the number would move with another sample of the same kind. It does not measure how far the number is from the effect: in the toy world OLS has a tight interval too, around the wrong value.
#
# Add columns? The census knows neither ability nor the parents' income. Nothing recorded closes the backdoor. That is when one looks for a nudge.

# %% [markdown]
# ## What must be true
#
# > **Assumptions, and how each could fail**
# >
# > - **Relevance.** The quarter moves schooling. It fails if leaving ages do not bind. This one can be seen in the data.
# > - **Independence.** The quarter shares no cause with wages. It fails if families who earn less have more children in winter.
# > - **Exclusion.** The quarter acts on wages through years of schooling and in no other way. It fails if being the oldest in class, or health in the winter of birth, matters in itself.
# > - **Monotonicity**, when the effect differs between men. Nobody gets *more* schooling because he was born in the first quarter. It fails if parents hold back a boy born in December for a year.
#
# With the first three and the same effect for everybody, the instrument identifies that effect. With all four and effects that differ, it identifies an average over those whom the nudge moves, the compliers (Imbens and Angrist, 1994; Angrist et al., 1996).
#
# In the toy the first three can be broken on purpose. These are exact limits, with endless data:

# %%
broken = {
    "all hold": {},
    "exclusion fails: nudge raises wage by 1.2": {"nudge_on_wage": 1.2},
    "independence fails: ability moves nudge": {"ability_on_nudge": 0.5},
    "nudge is weak": {"nudge_on_schooling": 0.05},
    "nudge is weak, exclusion fails by 0.1": {
        "nudge_on_schooling": 0.05,
        "nudge_on_wage": 0.1,
    },
}
worlds = {name: scenarios.nudge(**knobs) for name, knobs in broken.items()}
keys = ["OLS limit", "IV limit", "nudge given schooling"]
limits = pd.DataFrame({n: {k: w.truth[k] for k in keys} for n, w in worlds.items()}).T
tables.results(limits, "Limits of three regressions; the effect is 2 throughout.")

# %% [markdown]
# Two lessons lie in this table.
#
# **Exclusion is not "wage independent of nudge given schooling".** People test it that way: regress the wage on both and hope for a zero on the nudge. In the first row, where exclusion holds, that slope is −1.2<!--qob-given:.1f-->; in the second, where it fails, it is 0.0<!--qob-excl-given:.1f-->. Schooling is a collider between nudge and ability. Hold it fixed, and men with a strong nudge have less ability on average, so that the nudge "lowers" his wage. The same regression puts 3.5<!--qob-schooling-given-nudge:.1f--> on schooling, further from 2 than OLS: controlling for an instrument is bias amplification (Pearl, 2010).
#
# **A weak nudge magnifies a small leak.** In the last row a direct effect of 0.1 puts the limit at 4.0<!--qob-weak-leak-iv:.1f-->, because it is divided by 0.05. OLS, at 3.50<!--qob-weak-leak-ols:.2f-->, is nearer to the truth.

# %% [markdown]
# ## The estimate
#
# ### Four means
#
# The simplest instrumental-variables estimator divides the jump in wages by the jump in schooling: the Wald ratio.

# %%
means = men.groupby("first_quarter")[pair].mean()
means.loc["jump"] = means.loc[1] - means.loc[0]
means = means.rename({0: "quarters 2 to 4", 1: "first quarter"})
tables.results(means, "Mean log weekly wage and years of schooling.", digits=4)

# %% [markdown]
# The ratio of the jumps is the estimate. In library code it is two-stage least squares with a single dummy as instrument; the recipe gives the same.

# %%
jump = means.loc["jump"]
ones = pd.Series(1.0, index=men.index, name="constant")
wage, schooling = men["log_weekly_wage"], men["education"]
library = IV2SLS(wage, ones, schooling, men["first_quarter"]).fit(cov_type="unadjusted")
columns = {"outcome": "log_weekly_wage", "treatment": "education"}
ratio = wald(men, **columns, instrument="first_quarter")
three_ways = {
    "jump over jump": jump["log_weekly_wage"] / jump["education"],
    "linearmodels": library.params["education"],
    "recipe": ratio["estimate"],
}
three_ways = pd.Series(three_ways, name="estimate")
tables.results(three_ways, "The Wald ratio, three ways.", digits=4)

# %% [markdown]
# ### Thirty instruments
#
# The famous version lets each quarter have its own effect on schooling in each year of birth: three quarters times ten years, thirty instruments, with a dummy for each year as controls. 2SLS first predicts schooling by the cell a man was born into, then regresses the wage on the prediction. As the prediction is the mean schooling of the cell, this is a weighted regression on 40 points, visible at a glance:

# %%
line = smf.wls(
    "log_weekly_wage_mean ~ education_mean + C(year_of_birth)",
    data=cells,
    weights=cells["n"],
).fit()
thirty = {
    "instruments": "quarter_of_birth:year_of_birth",
    "controls": "year_of_birth",
}
tsls = two_stage_least_squares(men, **columns, **thirty)
print(f"slope through 40 points {line.params['education_mean']:.6f}")
print(f"recipe on 329,509 rows  {tsls['estimate']:.6f}")

# %% [markdown]
# LIML uses the same instruments and is less drawn to OLS when there are many weak ones, if the effect is the same for all; if not, it need not be an average of effects (Kolesár, 2013). Here are the four estimates beside the published ones.

# %%
liml = limited_information(men, **columns, **thirty)
answers = pd.DataFrame([ols, ratio, tsls, liml]).set_axis(
    [
        "OLS",
        "Wald, first quarter",
        "2SLS, 30 instruments",
        "LIML, 30 instruments",
    ]
)

# %% mystnb={"code_prompt_show": "Show the published figures"} tags=["hide-input"]
published = pd.DataFrame(
    {
        "published": [0.0711, 0.1020, 0.0891, 0.093],
        "its error": [0.0003, 0.0239, 0.0161, 0.018],
        "where": [
            "Table V, column 1",
            "Table III, panel B",
            "Table V, column 2",
            "textbook, Table 4.6.2",
        ],
    },
    index=answers.index,
)
tables.results(
    answers[["estimate", "std_error"]].join(published),
    "Log wage per year of schooling; Angrist and Krueger (1991), and for LIML Angrist and Pischke (2009).",
    digits=4,
)

# %% [markdown]
# The textbook is Angrist and Pischke (2009). All four agree with print. There is no truth to draw here, so the picture shows the estimates against the one number that they are usually compared with, OLS.

# %% mystnb={"figure": {"name": "fig-qob-estimates"}, "image": {"alt": "Four estimates with 95% intervals on the scale of log wage per year of schooling. OLS 0.071 with an interval too small to see. Wald 0.102 from 0.055 to 0.149, 2SLS with 30 instruments 0.089 from 0.058 to 0.121, LIML 0.093 from 0.058 to 0.128. All three instrumental-variables intervals contain the OLS value."}}
ax = figures.estimates(
    answers,
    truth={},
    naive=["OLS"],
    xlabel="log weekly wage per year of schooling",
)
ax.axvline(ols["estimate"], color=figures.NAIVE, linestyle=":", zorder=0)
plt.show()

# %% [markdown]
# *Figure 3. Three instrumental-variables estimates lie above OLS, and none of them excludes it.*

# %%
inside = (answers["ci_low"] < ols["estimate"]) & (ols["estimate"] < answers["ci_high"])
assert inside.all()

# %% [markdown]
# The surprise of 1991: if ability biased OLS upwards, the instrument should give less. It gives no less. Either that is chance, or ability matters little here, or schooling is misreported, which flattens OLS and not the instrument (Ashenfelter and Krueger, 1994, estimate such errors from twins' reports), or those whom the quarter moves gain more than others, or something is wrong with the instrument.

# %% [markdown]
# ### Never run the second stage by hand
#
# "Predict, then regress" invites you to do it in two calls. The coefficient will be right and the standard error wrong. The hand-made one takes the residual $Y - \hat\beta \hat X$ from the *predicted* schooling; the right one takes $Y - \hat\beta X$. Which of the two is larger depends on the world.


# %%
def second_stage_by_hand(outcome, treatment, instrument):
    x = sm.OLS(treatment, sm.add_constant(instrument)).fit().fittedvalues
    fit = sm.OLS(outcome, sm.add_constant(x)).fit()
    return fit.params.iloc[1], fit.bse.iloc[1]


opposed = scenarios.nudge(ability_on_schooling=-3.0, schooling_on_wage=1.0)
samples = {"the document's toy": rows}
samples["ability shortens schooling"] = opposed.sample(4_000, rng=3)
lines = {}
for name, data in samples.items():
    hand = second_stage_by_hand(data["wage"], data["schooling"], data["nudge"])
    right = two_stage_least_squares(
        data, outcome="wage", treatment="schooling", instruments="nudge"
    )
    lines[name] = [*hand, right["estimate"], right["std_error"]]

# %% [markdown]
# The third row is the census: 40 cell means as predictions, one for each man.

# %%
step = men.groupby(["year_of_birth", "quarter_of_birth"], observed=True)
predicted = step["education"].transform("mean") - by_year.transform("mean")["education"]
hand = sm.OLS(within["log_weekly_wage"], predicted).fit()
lines["census, 30 instruments"] = [
    hand.params.iloc[0],
    hand.bse.iloc[0],
    tsls["estimate"],
    tsls["std_error"],
]
names = ["estimate by hand", "its error", "estimate", "right error"]
second = pd.DataFrame(lines, index=names).T
second["ratio of errors"] = second["its error"] / second["right error"]
exact = [w.truth["hand-made error ratio"] for w in (toy, opposed)]
second["exact ratio"] = [*exact, np.nan]
tables.results(second, "The second stage by hand, and as it should be.")

# %% [markdown]
# In the toy the hand-made error is 1.72<!--qob-hand-toy:.2f--> times the right one; where ability makes men leave school early it is 0.44<!--qob-hand-opposed:.2f--> times the right one, less than half; in the census it is off by a few percent. One mistake, three sizes, both directions. Let the software do both stages.

# %% [markdown]
# ## Try to break it
#
# ### How strong is the nudge?
#
# The quarter moves schooling by a tenth of a year, among men whose schooling has a standard deviation of more than three. The first stage tests whether it moves it at all, and the answer depends on how the instrument is cut.

# %%
cuts = {
    "first quarter": {"instruments": "first_quarter"},
    "quarter": {
        "instruments": "quarter_of_birth",
        "controls": "year_of_birth",
    },
    "quarter by year": thirty,
}
stages = {n: first_stage(men, treatment="education", **c) for n, c in cuts.items()}
strength = pd.DataFrame({n: t["value"] for n, t in stages.items()}).T
strength.insert(0, "instruments", [1, 3, 30])
tables.results(strength, "First stage: the same nudge, cut three ways.", digits=4)

# %% [markdown]
# One dummy gives 67.6<!--qob-f-first:.1f-->, three give 32.3<!--qob-f-quarter:.1f-->, thirty give 4.9<!--qob-f-thirty:.1f-->. F divides what the instruments explain by their number, so that cutting finer adds a little information and a lot of noise. The statistics answer two different questions:

# %%
for name in ["F", "effective F"]:
    print(f"{name}: {stages['quarter by year'].loc[name, 'null']}")

# %% [markdown]
# A weak instrument does not announce itself in the standard error. So put beside the usual interval two that do not need strength. The tF adjustment widens the interval of a single instrument by as much as its F asks for (Lee et al., 2022). The Anderson–Rubin set collects all effects that the data do not contradict, and is right at any strength (Anderson and Rubin, 1949). For LIML take the standard error of Bekker (1994), which allows for many instruments.

# %%
single = {"instrument": "first_quarter"}
adjusted = t_f(men, **columns, **single)
ar_one = anderson_rubin(men, **columns, instruments="first_quarter")
ar_thirty = anderson_rubin(men, **columns, **thirty)
bekker = limited_information(men, **columns, **thirty, cov="bekker")
ends = ["ci_low", "ci_high"]
intervals = pd.DataFrame(
    {
        "first quarter, usual interval": ratio[ends],
        "first quarter, tF": adjusted[ends],
        "first quarter, Anderson–Rubin": ar_one[ends].astype(float),
        "30 instruments, 2SLS": tsls[ends],
        "30 instruments, LIML, Bekker's error": bekker[ends],
        "30 instruments, Anderson–Rubin": ar_thirty[ends].astype(float),
    }
).T
tables.results(intervals, "95% intervals for the effect of a year.", digits=4)

# %% [markdown]
# With the first quarter alone, all three agree closely: at this F the critical value is 2.06<!--qob-tf-critical:.2f--> instead of 1.96. With thirty instruments the Anderson–Rubin set is more than twice as wide as the interval in the famous table. Most of that width is not weakness: the test spends thirty degrees of freedom, one for each instrument, on a question about one number. With several instruments and equal error variances the conditional likelihood ratio test of Moreira (2003) asks it better, and is near the best that a test of this kind can do (Andrews et al., 2006). Its set, which a test of the package computes from the 40 cells, runs from 0.054 to 0.133, a quarter wider than the interval in print. Both exclude zero.
#
# ### Quarters drawn by lot
#
# Bound et al. (1995) asked the most telling question of all: what would the thirty-instrument analysis have said if the quarters of birth had been made up? Draw a quarter for every man by lot, and run the same call. (Lots cut across the real cells, so this experiment leans on the synthetic rows; in samples of this size all that matters of them are their moments.)

# %%
rng = np.random.default_rng(1995)
fake = {}
for draw in range(1, 21):
    lot = men.assign(quarter_of_birth=rng.integers(1, 5, len(men)))
    two_stage = two_stage_least_squares(lot, **columns, **thirty)
    stage = first_stage(lot, treatment="education", **thirty).loc["F"]
    fake[draw] = {**two_stage, "F": stage["value"]}
fake = pd.DataFrame(fake).T
summary = fake[["estimate", "std_error", "F"]].agg(["mean", "min", "max"])
tables.results(
    summary,
    f"Twenty draws of made-up quarters, 30 instruments; the mean estimate has a Monte Carlo error of {fake['estimate'].sem():.3f}.",
)

# %% mystnb={"figure": {"name": "fig-qob-lots"}, "image": {"alt": "Twenty-one estimates with 95% intervals. The real quarters give 0.089. Twenty sets of made-up quarters give estimates scattered around the OLS value of 0.071, with intervals about twice as wide as the real one; 11 of the 20 exclude zero."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 4.0))
ax.axvline(ols["estimate"], color=figures.HIDDEN, linestyle=":")
ax.axvline(0, color=figures.HIDDEN, linewidth=0.8)
ax.plot(tsls[ends], [0, 0], color=figures.ESTIMATE)
ax.plot(tsls["estimate"], 0, "o", color=figures.ESTIMATE)
ax.annotate(
    "real quarters",
    (tsls["ci_high"], 0),
    xytext=(6, 0),
    textcoords="offset points",
    va="center",
)
for y, (_, row) in enumerate(fake.iterrows(), start=2):
    ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=figures.NAIVE)
    ax.plot(row["estimate"], y, "D", color=figures.NAIVE, mfc="white")
ax.annotate(
    "OLS",
    (ols["estimate"], 1.1),
    xytext=(4, 0),
    textcoords="offset points",
    va="center",
    fontsize=9,
)
ax.set(
    ylim=(21.7, -0.8), yticks=[0, 11.5], xlabel="log weekly wage per year of schooling"
)
ax.set_yticklabels(["real", "made up"])
plt.show()

# %% [markdown]
# *Figure 4. 2SLS with the real quarters (black dot) and with quarters drawn by lot (open diamonds). Useless instruments return OLS, and about half of the intervals exclude zero.*
#
# Made-up quarters carry no information about schooling whatever, and yet 11<!--qob-fake-significant:.0f--> of 20 give a significant return, on average 0.077<!--qob-fake-mean:.3f--> (Monte Carlo error 0.008<!--qob-fake-mean-error:.3f-->) with a standard error of 0.036<!--qob-fake-se:.3f-->. With many irrelevant instruments, 2SLS returns OLS with a wider interval. Nothing in the estimate or its standard error warns you. The F does (1.03<!--qob-fake-f:.2f--> on average), and so does the Anderson–Rubin set, which is unbounded whenever F stays below its critical value: in 19<!--qob-fake-unbounded:.0f--> of the 20 draws. That is how data say that they do not know.
#
# So the real quarters are not made up: their F is 4.9<!--qob-f-thirty:.1f-->, not 1. Is that enough?

# %% [markdown]
# ### Strength, and what it does
#
# Take worlds in which the truth is known and all conditions hold, and turn one knob: the strength of the instruments. `scenarios.weak_instrument` has groups drawn by lot, errors with a correlation of 0.8 (strong endogeneity) and a true effect of 0.5. ([See it move](../book/see_it_move.md) turns the strength and that correlation.) One sample of 1,000 rows with a single weak instrument:

# %%
feeble = scenarios.weak_instrument(groups=2, partial_r2=0.002)
data = feeble.sample(1_000, rng=4)
ask = {"outcome": "wage", "treatment": "schooling"}
f = first_stage(data, treatment="schooling", instruments="group")
usual = two_stage_least_squares(data, **ask, instruments="group")
weak_set = anderson_rubin(data, **ask, instruments="group")
tables.results([usual], "One sample; the effect is 0.5, OLS tends to 1.297.")

# %%
print(f"F = {f.loc['F', 'value']:.2f}")
print(weak_set["statement"])

# %% [markdown]
# The usual interval excludes zero and looks like a finding. The Anderson–Rubin set is two rays: it rules out effects between two values, and nothing else.
#
# One sample proves little. To see many, note that with normal errors every estimator here depends on a sample only through two small matrices whose distributions are known. Drawing these directly gives 20,000 samples in a blink. (A test of the package holds the shortcut against samples drawn row by row.)

# %%
grid = [1, 2, 5, 10, 25, 50, 104.7]
size = {"rows": 100_000, "replications": 20_000}
rng = np.random.default_rng(21)
covered = {}
for k in (1, 30):
    for mean_f in grid:
        knobs = {"instruments": k, "mean_f": mean_f, "endogeneity": 0.8}
        covered[k, mean_f] = summarize(draw_samples(**knobs, **size, rng=rng))
covered = pd.DataFrame(covered).T
covered.index.names = ["instruments", "mean F"]
tables.results(
    covered,
    "Coverage of 95% intervals, share of bounded Anderson–Rubin sets, and median bias as a share of that of OLS; errors correlated 0.8. Monte Carlo errors of coverage at most 0.004, of bias at most 0.01.",
)

# %% mystnb={"figure": {"name": "fig-qob-strength"}, "image": {"alt": "Coverage of 95% intervals against mean first-stage F from 1 to 105, in two panels. With one instrument the t-interval of 2SLS covers 87 percent at F of 1 and 93 percent at 10; with 30 instruments it covers 0 percent at F of 1, 43 percent at 5, 68 percent at 10 and 93 percent at 105. LIML with 30 instruments is near 95 percent from F of 2 on. The Anderson-Rubin set covers 95 percent everywhere."}} tags=["hide-input"]
_, axes = plt.subplots(2, 1, figsize=(5.6, 5.4), sharex=True)
styles = {
    "2SLS coverage": (figures.NAIVE, "D", "-"),
    "LIML coverage": (figures.HIDDEN, "s", "--"),
    "AR coverage": (figures.ESTIMATE, "o", "-"),
}
for ax, k in zip(axes, (1, 30), strict=True):
    part = covered.loc[k]
    for name, (colour, mark, dash) in styles.items():
        if k == 30 or name != "LIML coverage":
            label = name.replace(" coverage", "").replace("AR", "Anderson–Rubin")
            fill = "white" if mark == "D" else colour
            ax.plot(grid, part[name], color=colour, marker=mark, linestyle=dash, mfc=fill, label=label)  # fmt: skip
    ax.axhline(0.95, color=figures.TRUTH, linestyle="--", zorder=0)
    ax.axvline(10, color=figures.HIDDEN, linestyle=":", zorder=0)
    ax.set(xscale="log", ylim=(-0.04, 1.04))
    ax.set_ylabel(f"coverage, {k} instrument{'s' if k > 1 else ''}")
axes[1].legend(loc="lower right")
axes[1].set_xticks(grid, [f"{f:g}" for f in grid])
axes[1].minorticks_off()
axes[1].set_xlabel("mean first-stage F")
plt.show()

# %% [markdown]
# *Figure 5. How often 95% intervals cover, by strength of the instruments. F of 10 (dotted) means one thing with one instrument and another with thirty.*
#
# Read three things off. The Anderson–Rubin set keeps its word at any strength; where the instruments say nothing it is unbounded 19 times in 20, as it should be. Many weak instruments bias 2SLS towards OLS: at the F of the thirty quarters, about 5, a fifth of the bias is left and the interval covers 0.43<!--qob-mc-t-30-5:.2f-->. LIML is nearly free of that bias from an F of 2 on. And F = 10 is no border: at 10, the interval covers 0.93<!--qob-mc-t-1-10:.2f--> with one instrument and 0.68<!--qob-mc-t-30-10:.2f--> with thirty.

# %% [markdown]
# ### F > 10, 104.7, and the harm of screening
#
# "Check that F exceeds 10" is in many textbooks, and in the document. Where does it come from? It goes back to Staiger and Stock (1997), and is meant to keep the bias of 2SLS with several instruments within about a tenth of that of OLS. Stock and Yogo (2005) made it exact, with other thresholds for other aims. It was never a promise about intervals. For a single instrument, a test at 5% with 1.96 is safe in the worst case only from F = 104.7; if one insists on 10, the critical value has to be 3.43 (Lee et al., 2022). With unequal error variances, even the statistic is another one, the effective F (Montiel Olea and Pflueger, 2013).
#
# The worst case is a case of extreme endogeneity. Angrist and Kolesár (2024) answer that with one instrument and ordinary endogeneity the usual interval does well whatever its F, and that the screening itself does the damage. See for yourself: keep only the samples that pass.

# %%
screened = {}
for rho in (0.2, 0.5, 0.8, 0.95):
    knobs = {"mean_f": 4, "endogeneity": rho}
    exact = iv_error_summary(**knobs)[["coverage", "coverage_if_passed"]]
    samples = draw_samples(
        instruments=1, **knobs, rows=100_000, replications=100_000, rng=rng
    )
    passed = {"all": samples, "F > 10": samples[samples["F"] > 10]}
    for (name, some), value in zip(passed.items(), exact, strict=True):
        screened[rho, name] = {"2SLS, exact": value, **summarize(some)}
shown = ["2SLS, exact", "2SLS coverage", "AR coverage", "2SLS bias"]
screened = pd.DataFrame(screened).T[shown]
screened.index.names = ["errors correlated", "samples:"]
tables.results(
    screened,
    "One instrument with a mean F of 4: all samples, and those with F > 10. Monte Carlo errors of coverage at most 0.006, of bias at most 0.03.",
)

# %% [markdown]
# With errors correlated 0.8, the interval covers 0.91<!--qob-screen-all:.2f--> over all samples and 0.46<!--qob-screen-passed:.2f--> over those that pass the screen. A weak instrument gets a large F by chance when it happens to line up with the errors, and then the estimate lines up too. Not even the Anderson–Rubin set survives the screening: its promise is about all samples. So: report F, show a set that keeps its level at any strength, and never let F decide whether you report at all.

# %% [markdown]
# ### A smooth trend in age
#
# Now for something that F cannot see. Men of the first quarter are also the *oldest* of their year. Schooling rose by 0.060<!--qob-trend-per-year:.3f--> years from cohort to cohort. A man of the first quarter is on average half a year older than the rest of his year, and so the trend alone accounts for 27<!--qob-trend-share:.0f--> percent of his lag. Angrist and Krueger's Table V has a column that holds age and its square fixed, in quarters of a year. Age is a function of year and quarter of birth, so the 40 cells give that column too.

# %%
trend = ["year_of_birth", "age", "age_squared"]
men["second_quarter"] = (men["quarter_of_birth"] == 2).astype(int)
designs = {
    "30 instruments": thirty,
    "28 instruments, age trend": thirty | {"controls": trend},
    "quarter": cuts["quarter"],
    "quarter, age trend": {
        "instruments": ["first_quarter", "second_quarter"],
        "controls": trend,
    },
}


# %%
def both_estimators(design):
    two_stage = two_stage_least_squares(men, **columns, **design)
    liml = limited_information(men, **columns, **design)
    f = first_stage(men, treatment="education", **design).loc["F", "value"]
    return [*two_stage[["estimate", "std_error"]], *liml[["estimate", "std_error"]], f]


headings = ["2SLS", "its error", "LIML", "its error ", "F"]
detrended = {name: both_estimators(design) for name, design in designs.items()}
detrended = pd.DataFrame(detrended, index=headings).T
tables.results(detrended, "With and without a quadratic trend in age.")

# %% [markdown]
# And the effects that the data do not contradict, with the trend held fixed:

# %%
sets = {n: anderson_rubin(men, **columns, **d) for n, d in designs.items()}
for name in list(designs)[1::2]:
    print(f"{name}: {sets[name]['statement']}")

# %% [markdown]
# In print the second row looks fine: 0.076<!--qob-trend-2sls:.3f-->, with a standard error of 0.029<!--qob-trend-2sls-se:.3f-->, significant. Its F is 1.61<!--qob-trend-f:.2f-->, close to what made-up quarters give, and the Anderson–Rubin set runs from a loss of 30<!--qob-trend-ar-loss-percent:.0f--> to a gain of 56<!--qob-trend-ar-high-percent:.0f--> percent a year; the conditional likelihood ratio set, which wastes less, from −18 to 39. With the quarter alone nothing is excluded. Whether the trend belongs into the equation can be argued; it takes some of the nudge away with the trend. But if schooling rises smoothly with the date of birth, the design without a trend counts a part of that rise as a nudge.

# %% [markdown]
# ### Does the wage jump follow the schooling jump?
#
# If the quarter works through schooling only, cohorts in which it moved schooling more should show more of a jump in wages, and a cohort in which it moved nothing should show none. The cells allow one look at that.

# %%
groups = men.groupby(["year_of_birth", "first_quarter"], observed=True)[pair]
mean = groups.mean().unstack()  # noqa: PD010
error = (groups.var() / groups.count()).unstack()  # noqa: PD010
jumps = pd.DataFrame(
    {f"{c}": mean[c][1] - mean[c][0] for c in pair}
    | {f"{c} error": np.sqrt(error[c].sum(axis=1)) for c in pair}
)
weights = 1 / jumps["log_weekly_wage error"] ** 2
x, y = jumps["education"], jumps["log_weekly_wage"]
through_zero = sm.WLS(y, x, weights=weights).fit()
free = sm.WLS(y, sm.add_constant(x), weights=weights).fit()
slopes = pd.DataFrame(
    {"through zero": [0, through_zero.params.iloc[0]], "free": free.params.to_numpy()},
    index=["wage jump where schooling does not jump", "slope"],
).T
tables.results(slopes, "Lines through the ten cohorts.", digits=4)

# %% mystnb={"figure": {"name": "fig-qob-cohorts"}, "image": {"alt": "Ten cohorts: jump in log wage against jump in years of schooling, first quarter minus the rest, with 95% intervals in both directions. Schooling jumps range from minus 0.23 to minus 0.02 years, wage jumps from minus 0.018 to minus 0.001. A line through zero has slope 0.087; a free line is flatter, slope 0.033, and meets the axis at minus 0.008. The intervals are so wide that both lines fit."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 3.6))
ax.errorbar(
    x,
    y,
    xerr=1.96 * jumps["education error"],
    yerr=1.96 * jumps["log_weekly_wage error"],
    fmt="o",
    color=figures.HIDDEN,
    mfc=figures.ESTIMATE,
    mec=figures.ESTIMATE,
    elinewidth=0.7,
)
ends_x = np.array([-0.32, 0.06])
ax.plot(
    ends_x,
    through_zero.params.iloc[0] * ends_x,
    color=figures.ESTIMATE,
    label="through zero",
)
ax.plot(
    ends_x,
    free.params.iloc[0] + free.params.iloc[1] * ends_x,
    "--",
    color=figures.NAIVE,
    label="free line",
)
ax.axhline(0, color=figures.HIDDEN, linewidth=0.8)
ax.axvline(0, color=figures.HIDDEN, linewidth=0.8)
ax.set(xlabel="jump in years of schooling", ylabel="jump in log weekly wage")
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# *Figure 6. Each cohort's jump in wages against its jump in schooling. Exclusion wants a line through zero (solid); the free line (dashed) misses it, within wide intervals.*
#
# The free line leaves a wage jump of −0.008<!--qob-cohort-intercept:.3f--> where schooling does not jump at all, and its slope is 0.033<!--qob-cohort-free:.3f-->. Is that exclusion failing? Both jumps of a cohort come from the same men, so that their sampling errors move together: in each of the ten cohorts their covariance is about 0.07 of the variance of the schooling jump, which is the slope of least squares. Noise pulls such a line towards OLS, and not towards zero. If a year of school were worth nothing and the first quarter cost 1.1<!--qob-direct-all-percent:.1f--> percent of wages by itself, the line would have a slope of about 0.03 on average; if a year were worth 0.10 and the quarter nothing, about 0.09. The observed slope, with a standard error of 0.045<!--qob-cohort-se:.3f-->, fits both.
#
# The same comparison with instruments: the first quarter may act on wages by itself, and the differences between cohorts are the instruments. 2SLS gives 0.033<!--qob-cohort-2sls:.3f--> (0.043<!--qob-cohort-2sls-se:.3f-->), and with an F of 2.4<!--qob-cohort-f:.1f--> leans towards OLS too. LIML gives 0.025<!--qob-cohort-liml:.3f--> (0.048<!--qob-cohort-liml-se:.3f-->), and the Anderson–Rubin set runs from −0.46<!--qob-cohort-ar-low:.2f--> to 0.25<!--qob-cohort-ar-high:.2f-->. These cohorts decide nothing.
#
# Nor does the classical overidentification test object: 25.4<!--qob-overid:.1f--> on 29 degrees of freedom, as in Table V (Sargan, 1958). That is no acquittal. A direct effect that is the same in every cohort does make the cohorts disagree, since it is divided by jumps of different sizes: with −1.1 percent and no return, the ratios would run from 0.05<!--qob-ratio-low:.2f--> to 0.53<!--qob-ratio-high:.2f-->. But they are so noisy that the test would notice in about three censuses out of ten. And a direct effect that is proportional to the schooling jump would make them agree, on the wrong number.

# %% [markdown]
# ### A direct effect of the season
#
# The document calls the quarter unrelated to ability. Buckles and Hungerman (2013) looked: mothers who give birth in winter are more often teenagers and more often unmarried, and family background explains almost half of the relation between season of birth and later outcomes. The 40 cells contain no family background, so we cannot test this here. We can ask how much it would take. (Whether background counts as a failure of independence or of exclusion, the arithmetic is the same.)
#
# Suppose that being born in the first quarter changes the log wage by $\gamma$ by itself. Subtract $\gamma$ from the wages of these men and estimate again, for a range of values. Conley et al. (2012) call such an instrument *plausibly exogenous*.

# %%
total = jump["log_weekly_wage"]
direct = np.linspace(-0.013, 0.003, 7)
bands = []
for gamma in [*direct, total / 2, total]:
    wage = men["log_weekly_wage"] - gamma * men["first_quarter"]
    shifted = men.assign(log_weekly_wage=wage)
    ar = anderson_rubin(shifted, **columns, instruments="first_quarter")
    point = (total - gamma) / jump["education"]
    bands.append([gamma, point, ar["ci_low"], ar["ci_high"]])
bands = pd.DataFrame(bands, columns=["direct effect", "estimate", *ends])
to_ols = total - ols["estimate"] * jump["education"]
special = bands.tail(2).set_index("direct effect")
tables.results(
    special,
    "The return if half of the wage jump is a direct effect, and if all of it is.",
    digits=4,
)

# %% mystnb={"figure": {"name": "fig-qob-direct"}, "image": {"alt": "The estimated return falls in a straight line as the assumed direct effect of the first quarter becomes more negative: 0.102 with no direct effect, 0.071 (OLS) at minus 0.0034, 0.051 at minus 0.0055, half of the wage jump, and zero at minus 0.0111, all of it. The 95% Anderson-Rubin band is about 0.1 wide throughout and includes zero at minus 0.0057 and below."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 3.6))
curve = bands.sort_values("direct effect")
ax.fill_between(
    curve["direct effect"],
    curve["ci_low"],
    curve["ci_high"],
    color=figures.HIDDEN,
    alpha=0.25,
    linewidth=0,
)
ax.plot(curve["direct effect"], curve["estimate"], color=figures.ESTIMATE)
ax.axhline(0, color=figures.HIDDEN, linewidth=0.8)
ax.axhline(ols["estimate"], color=figures.NAIVE, linestyle="--", linewidth=1.2)
ax.annotate(
    "OLS",
    (-0.0128, ols["estimate"]),
    xytext=(0, 3),
    textcoords="offset points",
    fontsize=9,
)
marks = {
    "none": (0, ratio["estimate"]),
    "half of the jump": (total / 2, special.iloc[0, 0]),
    "all of it": (total, 0),
}
for label, spot in marks.items():
    ax.plot(*spot, "o", color=figures.ESTIMATE)
    ax.annotate(label, spot, xytext=(6, -12), textcoords="offset points", fontsize=9)
ax.set(
    xlabel="assumed direct effect of the first quarter on the log wage",
    ylabel="return to a year of schooling",
)
plt.show()

# %% [markdown]
# *Figure 7. What the first quarter says about a year of schooling, if it has a direct effect on wages of its own. Shaded: 95% Anderson–Rubin sets.*
#
# A direct effect of 1.1<!--qob-direct-all-percent:.1f--> percent of wages explains everything; one of 0.34<!--qob-direct-ols-percent:.2f--> percent brings the estimate down to OLS; half of the jump, the share that Buckles and Hungerman's study suggests for season of birth at large, leaves 0.051<!--qob-direct-half:.3f-->. From 0.57<!--qob-direct-loses-percent:.2f--> percent on, the set includes zero. One percent is a small number. It is the smallness of the nudge, a tenth of a year, that makes it a large one: every direct effect is divided by 0.109<!--qob-jump-schooling:.3f-->. That is the sense in which weakness and a failing exclusion go together.

# %% [markdown]
# ### Whose effect?
#
# Suppose all is well. Then the ratio is an average over the men whose schooling the quarter moved. Who are they? Schooling takes many values, so the Wald ratio averages the effect of each grade over the men who were moved across it, an average causal response (Angrist and Imbens, 1995).
#
# How many men are that? Years are whole, so each man moved was moved by at least one. Under monotonicity the jump of 0.109<!--qob-jump-schooling:.3f--> years is the mean over everybody, and so at most about 11<!--qob-jump-schooling-percent:.0f--> men in a hundred can be compliers. And which cohorts do they come from? A cohort's share of all the years moved is its number of men times its jump.

# %%
jumps["men"] = men["year_of_birth"].value_counts().sort_index()
moved = -jumps["education"] * jumps["men"]
who = pd.DataFrame(
    {
        "share of men": jumps["men"] / jumps["men"].sum(),
        "share of years moved": moved / moved.sum(),
        "its error": jumps["education error"] * jumps["men"] / moved.sum(),
    }
)
tables.results(who, "Where the compliers come from, by year of birth.", digits=2)

# %% [markdown]
# The cohort of 1930 is a tenth of the men and accounts for about a fifth of the years moved; the errors are large. More than that the cells cannot tell. To say *which grades* the men were moved across needs the distribution of schooling, not only its mean and variance; family, race and state need columns that are not there. The synthetic rows look as if they had a distribution, but it is a made-up one. (Exercise 3 does it on the original file.)
#
# Nor do the means prove monotonicity. In 1931 men of the first quarter had *more* schooling than those of the second, which may be chance. Barua and Lang (2016) find that many parents held back children born late in the year, which turns the nudge around for them and breaks monotonicity. With controls there is one more condition: 2SLS is an average of complier effects only if the controls are flexible enough (Blandhol et al., 2022). Here a dummy for every year, with the instruments interacted with year, is as flexible as can be. The version with a quadratic in age is not.

# %% [markdown]
# ## The decision
#
# A parliament would make boys stay a year longer. First the toy, where the answer is known. There the law is a stronger nudge: everybody's nudge goes up by one. Run the world under both actions with `do`, and set the forecasts beside it.

# %%
law = toy.model.effect("wage", n=100_000, rng=1, nudge=(1, 0))
moved_by = 0.8
forecast = pd.Series(
    {
        "simulated with do": law["estimate"],
        "first stage times IV limit": moved_by * toy.truth["IV limit"],
        "first stage times OLS limit": moved_by * toy.truth["OLS limit"],
    },
    name="wage per unit of nudge",
)
tables.results(forecast, "What a law that nudges everybody by one would bring.")

# %% [markdown]
# The forecast by OLS, 2.51<!--qob-law-ols:.2f-->, would oversell the law by more than half.
#
# Now the census. Suppose the year pays if it raises the wages of those who have to stay by at least 6 percent for good (the number is ours; a ministry would compute it from the costs). If the leaving age were all that the quarter works through, its compliers would be the men whom the law would keep in school, and their average would be the one to use. But 46 percent of the jump lies above grade 12, where no leaving age binds (exercise 3 shows it), so it is an average over other margins too.

# %%
half = special.iloc[0]
readings = pd.DataFrame(
    {
        "OLS": ols[["estimate", *ends]],
        "thirty instruments, as published": tsls[["estimate", *ends]],
        "thirty instruments, Anderson–Rubin": [tsls["estimate"], *ar_thirty[ends]],
        "half of the jump is a direct effect": half[["estimate", *ends]],
        "age trend held fixed, Anderson–Rubin": [
            detrended.iloc[1, 0],
            *sets["28 instruments, age trend"][ends],
        ],
    }
).T.astype(float)
pays = np.where(readings["ci_low"] > 0.06, "yes", "open")
pays = np.where(readings["ci_high"] < 0.06, "no", pays)
readings["does the year pay?"] = pays
tables.results(
    readings, "Return to a year with 95% set, and the answer at a threshold of 0.06."
)

# %% [markdown]
# Only OLS gives a clear answer, and it answers another question. Every reading of the instrument leaves the decision open. A careful adviser would say: the returns of 9 to 10 percent stand if the season of birth is related to wages in no other way and the trend in age is harmless, and the census cannot vouch for either. Reforms that raised the leaving age by law come closer to such a law than a birthday does, and are no safe haven either: with state laws of the United States, estimates become insignificant, and many change sign, once cohorts may develop differently by region (Stephens and Yang, 2014).

# %% [markdown]
# ## Many worlds
#
# First the recipe itself, on rows: 31 groups, that is thirty instruments, with a mean F near 5, a correlation of 0.8 between the errors, 2,000 rows a sample, 100 samples.

# %%
crowd = scenarios.weak_instrument(groups=31, partial_r2=0.0566)
lots = {**ask, "instruments": "group"}


def as_dummies(sample):
    return sample.astype({"group": "category"})


def least_squares(sample):
    fit = sm.OLS(sample["wage"], sm.add_constant(sample["schooling"])).fit()
    return entries(fit, "schooling", fit.bse)


# %% [markdown]
# The two estimators with instruments see the group as a category, which makes thirty dummies of it. (As a number it would be a single instrument, and a strong one.)

# %%
analyses = {
    "OLS": least_squares,
    "2SLS": lambda sample: two_stage_least_squares(as_dummies(sample), **lots),
    "LIML, Bekker's error": lambda sample: limited_information(
        as_dummies(sample), **lots, cov="bekker"
    ),
}
many = replicate(crowd, analyses, n=2_000, replications=100, rng=8)
shown = ["bias", "bias_error", "rmse", "coverage", "coverage_error"]
tables.results(
    many[shown],
    "100 samples of 2,000 rows with 30 weak instruments against the exact effect of 0.5.",
)

# %% [markdown]
# The rows agree with the shortcut above. So let the shortcut answer the question that is left: what would instruments *as weak as those of the census* do, in a sample of its size? That depends on how strongly the errors are related, which nobody knows. If LIML is right, their correlation in the census is about −0.11<!--qob-rho:.2f-->, which is weak; within its interval it may be up to −0.28<!--qob-rho-most:.2f-->.

# %%
designs_like = {
    "one, F 67.6": (1, 67.57),
    "three, F 32.3": (3, 32.27),
    "thirty, F 4.91": (30, 4.91),
    "28 with a trend, F 1.61": (28, 1.61),
    "thirty by lot, F 1": (30, 1.0),
}
size = {"rows": 329_509, "replications": 200_000}
as_weak = {}
for name, (k, mean_f) in designs_like.items():
    for rho in (0.1, 0.3, 0.5):
        knobs = {"instruments": k, "mean_f": mean_f, "endogeneity": rho}
        as_weak[name, rho] = summarize(draw_samples(**knobs, **size, rng=rng))

# %% [markdown]
# Each line below is 200,000 samples of the size of the census.

# %%
as_weak = pd.DataFrame(as_weak).T
as_weak = as_weak.drop(columns=["AR bounded", "LIML bias"])
as_weak.index.names = ["", "errors correlated"]
tables.results(
    as_weak,
    "Instruments as weak as those of the census, with all conditions met; bias as a share of that of OLS. Monte Carlo errors of coverage at most 0.0012, of bias at most 0.004.",
)

# %% [markdown]
# With errors as weakly related as LIML suggests, the interval of the famous table covers 0.945<!--qob-like-coverage:.3f-->; with about the strongest relation that its interval allows, 0.3, it is 0.88<!--qob-like-coverage-most:.2f-->; with one of a half it would be 0.74<!--qob-like-coverage-half:.2f-->. This is the irony of the story: the study that taught the profession to fear weak instruments is probably not harmed much by their weakness. What harms it is what F does not measure: the trend, the leak, the parents who hold a child back.

# %% [markdown]
# ## Take it with you
#
# The recipes are two files that need numpy, pandas and scipy:
#
# ```bash
# .venv/bin/casestudies copy instrumental_variables weak_instruments
# ```
#
# Here it is on another table. Card (1995) asks for the return to schooling too, with growing up near a college as the nudge (3,010 young men, from `linearmodels.datasets`). Experience is computed from schooling there, and so is a consequence of it; we keep his model to compare with his number.

# %%
graduates = card.load()
controls = ["exper", "expersq", "black", "south", "smsa", "smsa66"]
controls += [f"reg66{i}" for i in range(2, 10)]
graduates = graduates[["lwage", "educ", "nearc4", *controls]]
model = {"outcome": "lwage", "treatment": "educ", "controls": controls}
near = wald(graduates, **model, instrument="nearc4")
near_tf = t_f(graduates, **model, instrument="nearc4")
near_ar = anderson_rubin(graduates, **model, instruments="nearc4")
college = pd.DataFrame(
    {"Wald": near, "tF": near_tf, "Anderson–Rubin": near_ar[[*ends, "n"]]}
).T.astype(float)
college = college[["estimate", "std_error", *ends, "n"]]
tables.results(
    college, "Return to a year of schooling; Card (1995) publishes 0.132 (0.055)."
)

# %% [markdown]
# His F is 13.3<!--qob-card-f:.1f-->, above ten. The usual interval excludes zero. The tF interval, with a critical value of 3.00<!--qob-card-critical:.2f-->, does not. The Anderson–Rubin set does, barely, and with one instrument it is the one to prefer: it keeps its level at any strength, and does not pay for a worst case. His controls enter as straight lines, so that the condition above for an average of complier effects is not met; read 0.132<!--qob-card:.3f--> as the effect if it is the same for everybody.
#
# A note on speed. When outcome and treatment are the only columns that vary within the cells of instruments and controls, the recipe reduces the rows to cell moments first, so that 40 rows do the work of 329,509. Where this chapter was written it was more than a hundred times faster than `linearmodels.IV2SLS` and added less than a twentieth of the memory; `benchmarks/iv_speed.py` measures both on your machine.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. Which instruments would you believe?
#
# For each say which condition is most in doubt, and whether a large F would reassure you: (a) rainfall as an instrument for turnout, outcome vote share; (b) the leniency of a randomly assigned judge for imprisonment, outcome later earnings; (c) the price of a rival product for your own price, outcome your sales.
#
# <details>
# <summary>Solution</summary>
#
# (a) Exclusion: rain keeps some kinds of voters at home, and sours moods. (b) Exclusion and monotonicity: a lenient judge may also set shorter terms or smaller fines, and be lenient towards some and strict towards others; assignment itself is fine. (c) Independence and exclusion: rivals' prices answer the same shocks to demand, and move your sales directly. F is about relevance only. It reassures you of none of this.
#
# </details>
#
# ### Exercise 2. The direction of the second stage's mistake
#
# Show that the hand-made standard error is too small exactly if $\beta^2 \operatorname{Var}(v) + 2\beta \operatorname{Cov}(u, v) < 0$, with $u$ and $v$ the errors of outcome and first stage. Then find `ability_on_wage` in `scenarios.nudge` for which the two standard errors agree although schooling is endogenous.
#
# <details>
# <summary>Solution</summary>
#
# By hand the residual is $Y - \beta \hat X = u + \beta v$, whose variance is $\operatorname{Var}(u) + \beta^2 \operatorname{Var}(v) + 2 \beta \operatorname{Cov}(u, v)$. In the toy $\operatorname{Var}(v) = 2$, $\operatorname{Cov}(u, v) = b$ and $\beta = 2$, so they agree at $8 + 4b = 0$: `scenarios.nudge(ability_on_wage=-2.0).truth["hand-made error ratio"]` is 1. An error that can vanish for the wrong reason is no test of having done it right.
#
# </details>
#
# ### Exercise 3. Who was moved, grade by grade
#
# Open-ended. Get the original file (set `CASESTUDIES_DATA` to a folder that holds it, or let `archives.quarter_of_birth(original=True)` download it). For each grade $j$ compute the share of men with at least $j$ years of schooling, in the first quarter and in the others. The differences are the shares of men moved across each grade. Do they look like the work of a leaving age?
#
# <details>
# <summary>Solution</summary>
#
# A start: `census = archives.quarter_of_birth(original=True)`, `late = census["quarter_of_birth"] > 1`, then `[(census["education"][late] >= j).mean() - (census["education"][~late] >= j).mean() for j in range(1, 21)]`. The differences add up to the jump of 0.109<!--qob-jump-schooling:.3f-->. In the original file they are 0.012 at grade 12, and still 0.013 at 13 and 0.008 at 16; 46 percent of the jump lies above grade 12, where no leaving age binds. A part of that is the trend in age: take it out as in the text and look again. Is what remains found where the law binds?
#
# </details>

# %% [markdown]
# ## What the document says
#
# The claims of AI/ML Explained (2026) on instrumental variables, apart from the canary flag, which has [a chapter of its own](canary_flag_iv.ipynb).
#
# <details>
# <summary>Claims of AI/ML Explained, Day 36, on instrumental variables, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | Its script: OLS is far from the true 2, and the instrument finds about 2. | holds | OLS tends to 3.136<!--qob-toy-ols-limit:.3f-->; the script prints 1.98<!--qob-toy-2sls:.2f-->, interval 1.86<!--qob-toy-2sls-low:.2f--> to 2.10<!--qob-toy-2sls-high:.2f-->. |
# | Relevance, exclusion and independence are the three conditions. | holds in part | Enough if the effect is the same for everybody. If it differs, monotonicity is needed, and the answer is about compliers. |
# | Exclusion and independence cannot be tested from data. | holds in part | They cannot be confirmed, and some failures show: thirty instruments could disagree (25.4<!--qob-overid:.1f--> on 29 degrees of freedom; a direct effect of the whole wage jump would be noticed in about three censuses of ten), and with a treatment of two values there are inequalities that data can break (Kitagawa, 2015; see [the canary flag](canary_flag_iv.ipynb)). |
# | The second stage uses only the clean wiggle; the price is a larger variance. | holds | Standard errors 0.0161<!--qob-tsls-se:.4f--> against 0.0003<!--qob-ols-se:.4f-->. Run by hand, the second stage has the wrong one, 1.72<!--qob-hand-toy:.2f--> or 0.44<!--qob-hand-opposed:.2f--> times the right one in two worlds. |
# | With a weak instrument the result can be worse than OLS. | holds | With strength 0.05 and a leak of 0.1 the limit is 4.0<!--qob-weak-leak-iv:.1f-->, that of OLS 3.50<!--qob-weak-leak-ols:.2f-->, the truth 2. |
# | A weak instrument amplifies bias wildly. | holds in part | It amplifies a failure of exclusion. If the instruments are valid, their weakness pulls 2SLS towards OLS and not beyond: quarters drawn by lot give 0.077<!--qob-fake-mean:.3f--> (Monte Carlo error 0.008<!--qob-fake-mean-error:.3f-->), OLS 0.071<!--qob-ols:.3f-->. |
# | Check that the first-stage F exceeds 10 before trusting the result. | does not hold | At a mean F of 10 the 95% interval covers 0.93<!--qob-mc-t-1-10:.2f--> with one instrument and 0.68<!--qob-mc-t-30-10:.2f--> with thirty (errors correlated 0.8); at a mean F of 4, keeping only samples with F > 10 lowers coverage from 0.91<!--qob-screen-all:.2f--> to 0.46<!--qob-screen-passed:.2f-->. Show a set that keeps its level at any strength instead. |
# | The quarter of birth is unrelated to ability, a natural randomizer. | cannot be tested here | The cells hold no background. Others find that mothers differ by season (Buckles and Hungerman 2013). A direct effect of 1.1<!--qob-direct-all-percent:.1f--> percent of wages would explain the whole estimate. |
# | School-entry rules make children of different quarters get slightly different schooling. | holds in part | The first quarter has 0.109<!--qob-jump-schooling:.3f--> years less, F 67.6<!--qob-f-first:.1f-->; with a smooth trend in age held fixed F is 0.42<!--qob-quarter-trend-f:.2f-->. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
significant = (fake["ci_low"] > 0).sum()
by_cohort = men.groupby("year_of_birth", observed=True)["education"].mean()
per_year = np.polyfit(range(10), by_cohort, 1)[0]
kappa = liml.attrs["kappa"]
both = {
    "instruments": "first_quarter:year_of_birth",
    "controls": ["year_of_birth", "first_quarter"],
}
fit_both = two_stage_least_squares(men, **columns, **both)
liml_both = limited_information(men, **columns, **both)
ar_both = anderson_rubin(men, **columns, **both)
ratios = total / jumps["education"]
loses = np.interp(0, curve["ci_low"], curve["direct effect"])
slope_v = pd.DataFrame(
    {
        "d": within["education"] - predicted,
        "u": within["log_weekly_wage"] - liml["estimate"] * within["education"],
    }
)
most = within["log_weekly_wage"] - liml["ci_high"] * within["education"]
rho_most = slope_v["d"].corr(most)
like = as_weak.loc["thirty, F 4.91", 0.1]
trend_set = sets["28 instruments, age trend"]
numbers = {
    "qob-toy-2sls": toy_iv["estimate"],
    "qob-toy-2sls-low": toy_iv["ci_low"],
    "qob-toy-2sls-high": toy_iv["ci_high"],
    "qob-toy-ols": toy_ols["estimate"],
    "qob-toy-ols-limit": toy.truth["OLS limit"],
    "qob-toy-effect": toy.truth["ATE"],
    **{
        f"qob-{key}": value
        for key, value in {"ols": ols["estimate"], "ols-se": ols["std_error"]}.items()
    },
    "qob-ols-percent": 100 * ols["estimate"],
    "qob-given": limits.iloc[0]["nudge given schooling"],
    "qob-excl-iv": limits.iloc[1]["IV limit"],
    "qob-excl-given": abs(limits.iloc[1]["nudge given schooling"]),
    "qob-weak-leak-iv": limits.iloc[4]["IV limit"],
    "qob-weak-leak-ols": limits.iloc[4]["OLS limit"],
    "qob-schooling-given-nudge": toy.truth["schooling given nudge"],
    "qob-mean-wage-first": means.loc["first quarter"].iloc[0],
    "qob-mean-wage-rest": means.loc["quarters 2 to 4"].iloc[0],
    "qob-mean-schooling-first": means.loc["first quarter"].iloc[1],
    "qob-mean-schooling-rest": means.loc["quarters 2 to 4"].iloc[1],
    "qob-jump-schooling": -jump["education"],
    "qob-jump-schooling-percent": -100 * jump["education"],
    "qob-jump-wage-percent": -100 * jump["log_weekly_wage"],
    "qob-wald": ratio["estimate"],
    "qob-wald-se": ratio["std_error"],
    "qob-wald-percent": 100 * ratio["estimate"],
    **{
        f"qob-{key}{end}": answer[part]
        for key, answer in {"tsls": tsls, "liml": liml}.items()
        for end, part in {"": "estimate", "-se": "std_error"}.items()
    },
    "qob-tsls-percent": 100 * tsls["estimate"],
    "qob-hand-toy": second["ratio of errors"].iloc[0],
    "qob-hand-opposed": second["ratio of errors"].iloc[1],
    "qob-hand-census": second["ratio of errors"].iloc[2],
    "qob-hand-toy-exact": toy.truth["hand-made error ratio"],
    "qob-hand-opposed-exact": opposed.truth["hand-made error ratio"],
    **{
        f"qob-f-{key}": strength.loc[name, "F"]
        for key, name in zip(["first", "quarter", "thirty"], cuts, strict=True)
    },
    **{
        f"qob-r2-{key}": strength.loc[name, "partial R2"]
        for key, name in zip(["first", "quarter", "thirty"], cuts, strict=True)
    },
    "qob-tf-critical": adjusted.attrs["critical_value"],
    "qob-ar-thirty-low": ar_thirty["ci_low"],
    "qob-ar-thirty-high": ar_thirty["ci_high"],
    "qob-bekker-se": bekker["std_error"],
    "qob-fake-mean": summary.loc["mean", "estimate"],
    "qob-fake-mean-error": fake["estimate"].sem(),
    "qob-fake-se": summary.loc["mean", "std_error"],
    "qob-fake-f": summary.loc["mean", "F"],
    "qob-fake-significant": significant,
    "qob-fake-unbounded": (fake["F"] < stage["critical_value"]).sum(),
    "qob-feeble-ols": feeble.truth["OLS limit"],
    **{
        f"qob-mc-ar-{k}-{mean_f}": covered.loc[(k, mean_f), "AR coverage"]
        for k in (1, 30)
        for mean_f in (1, 5, 10, 50)
    },
    **{
        f"qob-mc-t-{k}-{mean_f}": covered.loc[(k, mean_f), "2SLS coverage"]
        for k in (1, 30)
        for mean_f in (1, 5, 10, 50)
    },
    "qob-mc-bias-30-5": covered.loc[(30, 5), "2SLS bias"],
    "qob-mc-liml-30-5": covered.loc[(30, 5), "LIML coverage"],
    "qob-screen-all": screened.loc[(0.8, "all"), "2SLS, exact"],
    "qob-screen-passed": screened.loc[(0.8, "F > 10"), "2SLS, exact"],
    "qob-screen-ar": screened.loc[(0.8, "all"), "AR coverage"],
    **{
        f"qob-{key}-{column}": value
        for key, row in zip(
            ["thirty", "trend", "quarter", "quarter-trend"],
            detrended.index,
            strict=True,
        )
        for column, value in zip(
            ["2sls", "2sls-se", "liml", "liml-se", "f"], detrended.loc[row], strict=True
        )
    },
    "qob-trend-ar-low-percent": 100 * trend_set["ci_low"],
    "qob-trend-ar-high-percent": 100 * trend_set["ci_high"],
    "qob-trend-per-year": per_year,
    "qob-trend-share": -100 * per_year / 2 / jump["education"],
    "qob-trend-ar-loss-percent": -100 * trend_set["ci_low"],
    "qob-cohort-zero": slopes.loc["through zero", "slope"],
    "qob-cohort-free": slopes.loc["free", "slope"],
    "qob-cohort-intercept": slopes.iloc[1, 0],
    "qob-overid": len(men) * (1 - 1 / kappa),
    "qob-cohort-se": free.bse.iloc[1] / np.sqrt(free.scale),
    "qob-cohort-f": first_stage(men, treatment="education", **both).loc["F", "value"],
    "qob-cohort-liml": liml_both["estimate"],
    "qob-cohort-liml-se": liml_both["std_error"],
    "qob-cohort-ar-low": ar_both["ci_low"],
    "qob-cohort-ar-high": ar_both["ci_high"],
    "qob-ratio-low": ratios.min(),
    "qob-ratio-high": ratios.max(),
    "qob-cohort-2sls": fit_both["estimate"],
    "qob-cohort-2sls-se": fit_both["std_error"],
    "qob-direct-all-percent": -100 * total,
    "qob-direct-half": special["estimate"].iloc[0],
    "qob-direct-half-low": special["ci_low"].iloc[0],
    "qob-direct-ols-percent": -100 * to_ols,
    "qob-direct-loses-percent": -100 * loses,
    "qob-who-1930": who["share of years moved"].iloc[0],
    "qob-men-1930": who["share of men"].iloc[0],
    "qob-law": law["estimate"],
    "qob-law-ols": forecast.iloc[2],
    **{
        f"qob-many-{key}-bias": many.loc[name, "bias"]
        for key, name in zip(["ols", "2sls", "liml"], analyses, strict=True)
    },
    **{
        f"qob-many-{key}-coverage": many.loc[name, "coverage"]
        for key, name in zip(["ols", "2sls", "liml"], analyses, strict=True)
    },
    "qob-rho": slope_v.corr().iloc[0, 1],
    "qob-like-coverage": like["2SLS coverage"],
    "qob-rho-most": rho_most,
    "qob-like-coverage-most": as_weak.loc[("thirty, F 4.91", 0.3), "2SLS coverage"],
    "qob-like-coverage-half": as_weak.loc[("thirty, F 4.91", 0.5), "2SLS coverage"],
    "qob-card": near["estimate"],
    "qob-card-se": near["std_error"],
    "qob-card-f": near_tf.attrs["first_stage_f"],
    "qob-card-critical": near_tf.attrs["critical_value"],
}
tables.store(
    numbers,
    answers=answers,
    ar_one=ar_one,
    ar_thirty=ar_thirty,
    as_weak=as_weak,
    covered=covered,
    curve=curve,
    fake=fake,
    law=law,
    library=library.std_errors["education"],
    limits=limits,
    line=line.params["education_mean"],
    many=many,
    near=near,
    near_ar=near_ar,
    near_tf=near_tf,
    ols=ols,
    pays=pays,
    published=published,
    ratio=ratio,
    screened=screened,
    second=second,
    sets=sets,
    special=special,
    stage=stage,
    summary=summary,
    three_ways=three_ways,
    total=total,
    toy_iv=toy_iv,
    toy_ols=toy_ols,
    tsls=tsls,
    weak_set=weak_set,
)
known = {
    "toy: OLS": (toy_ols, "ATE", toy.truth["ATE"], "this world", "exact truth"),
    "toy: 2SLS": (toy_iv, "ATE", toy.truth["ATE"], "this world", "exact truth"),
    "census: OLS": (
        ols,
        "OLS slope",
        "0.0711",
        "Angrist and Krueger, Table V (1)",
        "published figure",
    ),
    "census: Wald": (
        ratio,
        "average causal response",
        "0.1020",
        "Angrist and Krueger, Table III",
        "published figure",
    ),
    "census: 2SLS": (
        tsls,
        "average of complier effects",
        "0.0891",
        "Angrist and Krueger, Table V (2)",
        "published figure",
    ),
    "census: LIML": (
        liml,
        "the effect, if one for all",
        "0.093",
        "Angrist and Pischke, Table 4.6.2 (3)",
        "published figure",
    ),
    "college nearby: Wald": (
        near,
        "the effect, if one for all",
        "0.132",
        "Card (1995), Table 3",
        "published figure",
    ),
}
tables.scoreboard(known, digits=4)
