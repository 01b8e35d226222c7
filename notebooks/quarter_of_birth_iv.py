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
# **The question.** By how much does a year of schooling raise wages, among men whose schooling was moved by the quarter of the year in which they were born?
#
# **The answer in short.** Men born in the first quarter of a year went to school 0.109<!--qob-jump-schooling:.3f--> years less than the others and earned 1.1<!--qob-jump-wage-percent:.1f--> percent less, so that the ratio says 10.2<!--qob-wald-percent:.1f--> log points a year (hundredths of the log wage, near percent while they are small); the famous thirty-instrument estimate says 8.9<!--qob-tsls-percent:.1f-->, plain regression 7.1<!--qob-ols-percent:.1f-->, all of them published figures that you will reproduce from a table of 40 rows. The ratio is an effect only if the quarter shares no cause with wages and acts on them through school alone; if it also moves nobody the other way, that is an average over the few men whom it moved. Once a smooth trend in age is held fixed, little is left of the nudge, and the data are compatible, at the 95% level, with returns from −18 to 39 log points (−17 to 48 percent).
#
# The study is Angrist and Krueger (1991). The toy world, and the claims audited at the end, come from AI/ML Explained (2026). How weak such instruments are, and how small a leak would undo the result, is the next chapter, [Weak instruments](weak_instruments_iv.ipynb).

# %% [markdown]
# ## The story
#
# In most of the United States a child then started school in the autumn of the year in which it turned six, and could leave on its sixteenth or seventeenth birthday. A boy born in January was the oldest of his class. If he and a classmate born in December both left on the first day allowed, he left with almost a year less of schooling.
#
# Nobody chooses the quarter in which he is born. So here, it seems, is a lottery: an outside nudge that moves schooling a little and has nothing else to do with wages. A nudge of this kind is called an instrument.
#
# A parliament that considers raising the leaving age wants to know what the extra year is worth to those who would have left. Men with more schooling earn more, but they may also have been abler, richer or healthier to begin with. If the parliament counts that difference as an effect, it pays for years that bring nothing; if it is too sceptical, it lets boys leave who would have gained.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from linearmodels.datasets import card
from linearmodels.iv import IV2SLS
from scipy.stats import norm

from casestudies import archives, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.instrumental_variables import (
    limited_information,
    two_stage_least_squares,
    wald,
)
from casestudies.recipes.weak_instruments import (
    anderson_rubin,
    conditional_likelihood_ratio,
    first_stage,
)
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# ### The men, in 40 cells
#
# The study uses 329,509 men born in 1930 to 1939, from the census of 1980. Its regressions need, for each of the 40 combinations of year and quarter of birth, only the number of men and the means, variances and covariance of schooling and log wage: 2.8 kB, which the package carries.

# %%
cells = archives.quarter_of_birth_cells()
shown = ["n", "education_mean", "log_weekly_wage_mean"]
look = cells.set_index(["year_of_birth", "quarter_of_birth"])[shown].head(5)
look.columns = ["men", "years of schooling", "log weekly wage"]
tables.results(look, "Five of the 40 cells.")

# %% [markdown]
# `archives.quarter_of_birth()` gives back one row a man. In one plain sentence: the rows are synthetic and the cell moments are real. Whatever is computed from cell moments comes out as from the original file, and that is every estimate in this chapter.

# %%
men = archives.quarter_of_birth()
men["first_quarter"] = (men["quarter_of_birth"] == 1).astype(int)
men["age"] = 1980 - men["year_of_birth"] - (men["quarter_of_birth"] - 1) / 4
dummies = {"year_of_birth": "category", "quarter_of_birth": "category"}
men = men.astype(dummies)

# %% [markdown]
# Years of schooling rise from cohort to cohort, and within most years the men of the first quarter stand a step below those who follow. Wages are flat, for these men are all between forty and fifty, and show the same teeth.

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-qob-sawtooth"}, "image": {"alt": "Two panels against date of birth, 1930 to 1939, 40 points each. Years of schooling rise from 12.3 to 13.1 in a saw-tooth: in most years the first quarter is lowest. Log weekly wages stay near 5.90 with the same teeth: in all ten years the first quarter lies below the mean of the year."}} tags=["hide-input"]
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

# %% jupyter={"source_hidden": true} mystnb={"code_prompt_show": "Show how these sentences are checked"} tags=["hide-cell"]
year_means = cells.groupby("year_of_birth")["log_weekly_wage_mean"].transform("mean")
below = (cells["log_weekly_wage_mean"] < year_means)[first]
assert below.all()
lowest = cells.groupby("year_of_birth")["education_mean"].idxmin()
assert cells.loc[lowest, "quarter_of_birth"].eq(1).sum() >= 7
assert len(men) == 329_509

# %% [markdown]
# ### A toy in which the truth is known
#
# The census does not come with the right answer. So we keep a second world beside it, the document's, in which the answer is 2. With nudge $Z$, ability $U$ (not recorded), schooling $X$ and wage $Y$, in arbitrary units,
#
# $$
# \begin{aligned}
# Z &= \varepsilon_Z, \qquad U = \varepsilon_U \\
# X &= 0.8\, Z + U + \varepsilon_X \\
# Y &= 2\, X + 3\, U + \varepsilon_Y
# \end{aligned}
# $$

# %% mystnb={"code_prompt_show": "Show how the graph is drawn", "figure": {"name": "fig-qob-graph"}, "image": {"alt": "Causal graph: nudge points to schooling, schooling points to wage, and ability, which is not recorded, points to schooling and to wage. No arrow runs from nudge to wage or between nudge and ability."}} tags=["hide-input"]
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


# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
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
#
# **Guess first.** How many percent does a year of schooling bring by that regression? And if abler boys stay longer in school, will the instrument say more than it, or less? Write both down.

# %%
pair = ["log_weekly_wage", "education"]
by_year = men.groupby("year_of_birth", observed=True)[pair]
within = men[pair] - by_year.transform("mean")
least = sm.OLS(within["log_weekly_wage"], within["education"]).fit()
ols = entries(least, "education", least.bse)
tables.results([ols.rename("OLS")], "Log wage per year of schooling.", digits=4)

# %% [markdown]
# About seven percent a year, and an interval so tight that it invites belief. It says how far the number would move with another such sample, and not how far it is from the effect: in the toy world OLS has a tight interval too, around the wrong value. Nor would more columns help, for the census knows neither ability nor the parents' income. That is when one looks for a nudge.

# %% [markdown]
# ## What must be true
#
# > **Assumptions, and how each could fail**
# >
# > - **Relevance.** The quarter moves schooling. It fails if leaving ages do not bind. This one can be seen in the data.
# > - **Independence.** The quarter shares no cause with wages. It fails if families who earn less have more children in winter.
# > - **Exclusion.** The quarter acts on wages through years of schooling and in no other way. It fails if being the oldest in class, or health in the winter of birth, matters in itself.
# > - **Monotonicity**, when the effect differs between men. Nobody gets *more* schooling because he was born in the first quarter. It fails if parents hold back a boy born in December for a year.
# > - **No interference.** One man's schooling does not change another's wage. It fails if employers pay less for a year that more men have.
#
# With the first three, the last and the same effect for everybody, the instrument identifies that effect. With all five and effects that differ, it identifies an average over those whom the nudge moves, the compliers (Imbens and Angrist, 1994; Angrist et al., 1996).
#
# In the toy the first three can be broken on purpose. These are exact limits, with endless data:

# %%
leak, weak = {"nudge_on_wage": 1.2}, {"nudge_on_schooling": 0.05}
broken = {
    "all hold": {},
    "exclusion fails: nudge raises wage by 1.2": leak,
    "independence fails: ability moves nudge": {"ability_on_nudge": 0.5},
    "nudge is weak": weak,
    "nudge is weak, exclusion fails by 0.1": weak | {"nudge_on_wage": 0.1},
}
worlds = {name: scenarios.nudge(**knobs) for name, knobs in broken.items()}

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
keys = ["OLS limit", "IV limit", "nudge given schooling"]
limits = pd.DataFrame({n: {k: w.truth[k] for k in keys} for n, w in worlds.items()}).T
tables.results(limits, "Limits of three regressions; the effect is 2 throughout.")

# %% [markdown]
# **Exclusion is not "wage independent of nudge given schooling".** People regress the wage on both and hope for a zero on the nudge. In the first row, where exclusion holds, that slope is −1.2<!--qob-given:.1f-->; in the second, where it fails, it is 0.0<!--qob-excl-given:.1f-->. Schooling is a collider between nudge and ability. Hold it fixed, and men with a strong nudge have less ability on average, so that the nudge "lowers" their wage. The same regression puts 3.5<!--qob-schooling-given-nudge:.1f--> on schooling, further from 2 than OLS: controlling for an instrument is bias amplification (Pearl, 2010).
#
# **A weak nudge magnifies a small leak.** In the last row a direct effect of 0.1 puts the limit at 4.0<!--qob-weak-leak-iv:.1f-->, because it is divided by 0.05. OLS, at 3.50<!--qob-weak-leak-ols:.2f-->, is nearer to the truth.

# %% [markdown]
# ## The estimate
#
# ### Four means
#
# The simplest estimator divides the jump in wages by the jump in schooling: the Wald ratio.

# %%
means = men.groupby("first_quarter")[pair].mean()
means.loc["jump"] = means.loc[1] - means.loc[0]
means = means.rename_axis("").rename({0: "quarters 2 to 4", 1: "first quarter"})
tables.results(means, "Mean log weekly wage and years of schooling.", digits=4)

# %% [markdown]
# The ratio of the jumps is the estimate. In library code it is two-stage least squares with a single dummy as instrument; the recipe gives the same.

# %%
ones = pd.Series(1.0, index=men.index, name="constant")
wage, schooling = men["log_weekly_wage"], men["education"]
library = IV2SLS(wage, ones, schooling, men["first_quarter"]).fit(cov_type="unadjusted")
columns = {"outcome": "log_weekly_wage", "treatment": "education"}
ratio = wald(men, **columns, instrument="first_quarter")

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
jump = means.loc["jump"]
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
formula = "log_weekly_wage_mean ~ education_mean + C(year_of_birth)"
line = smf.wls(formula, data=cells, weights=cells["n"]).fit()
thirty = {"instruments": "quarter_of_birth:year_of_birth", "controls": "year_of_birth"}
tsls = two_stage_least_squares(men, **columns, **thirty)
print(f"slope through 40 points {line.params['education_mean']:.6f}")
print(f"recipe on 329,509 rows  {tsls['estimate']:.6f}")

# %% [markdown]
# LIML uses the same instruments and is less drawn to OLS when there are many weak ones, if the effect is the same for all; if not, it need not be an average of effects (Kolesár, 2013). Here are the four estimates beside the published ones.

# %%
liml = limited_information(men, **columns, **thirty)

# %% mystnb={"code_prompt_show": "Show the published figures"} tags=["hide-input"]
answers = pd.DataFrame([ols, ratio, tsls, liml])
answers.index = [
    "OLS",
    "Wald, first quarter",
    "2SLS, 30 instruments",
    "LIML, 30 instruments",
]
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

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-qob-estimates"}, "image": {"alt": "Four estimates with 95% intervals on the scale of log wage per year of schooling. OLS 0.071 with an interval too small to see. Wald 0.102 from 0.055 to 0.149, 2SLS with 30 instruments 0.089 from 0.058 to 0.121, LIML 0.093 from 0.058 to 0.128. All three instrumental-variables intervals contain the OLS value."}} tags=["hide-input"]
ax = figures.estimates(
    answers,
    truth={},
    naive=["OLS"],
    xlabel="log weekly wage per year of schooling",
)
ax.axvline(ols["estimate"], color=figures.NAIVE, linestyle=":", zorder=0)
plt.show()

# %% [markdown]
# *Figure 3. Three instrumental-variables estimates lie above OLS, and none of their intervals excludes it.*

# %% jupyter={"source_hidden": true} mystnb={"code_prompt_show": "Show how these sentences are checked"} tags=["hide-cell"]
inside = (answers["ci_low"] < ols["estimate"]) & (ols["estimate"] < answers["ci_high"])
assert inside.all()

# %% [markdown]
# The surprise of 1991: if ability biased OLS upwards, the instrument should give less. It gives no less. Either that is chance, or ability matters little here, or schooling is misreported, which flattens OLS and not the instrument (Ashenfelter and Krueger, 1994, estimate such errors from twins' reports), or those whom the quarter moves gain more than others, or something is wrong with the instrument.

# %% [markdown]
# ### Never run the second stage by hand
#
# "Predict, then regress" invites you to do it in two calls. The coefficient will be right and the standard error wrong. The hand-made one takes the residual $Y - \hat\beta \hat X$ from the *predicted* schooling; the right one takes $Y - \hat\beta X$. Which of the two is larger depends on the world.


# %% mystnb={"code_prompt_show": "Show the second stage by hand"} tags=["hide-input"]
def second_stage_by_hand(data):
    x = smf.ols("schooling ~ nudge", data=data).fit().fittedvalues
    fit = sm.OLS(data["wage"], sm.add_constant(x.rename("schooling"))).fit()
    return entries(fit, "schooling", fit.bse)


by_nudge = {"outcome": "wage", "treatment": "schooling", "instruments": "nudge"}
opposed = scenarios.nudge(ability_on_schooling=-3.0, schooling_on_wage=1.0)
samples = {"the document's toy": rows}
samples["ability shortens schooling"] = opposed.sample(4_000, rng=3)
pair_of = ["estimate", "std_error"]
lines = {}
for name, data in samples.items():
    right = two_stage_least_squares(data, **by_nudge)
    lines[name] = [*second_stage_by_hand(data)[pair_of], *right[pair_of]]
step = men.groupby(["year_of_birth", "quarter_of_birth"], observed=True)
predicted = step["education"].transform("mean") - by_year.transform("mean")["education"]
hand = sm.OLS(within["log_weekly_wage"], predicted).fit()
census = [hand.params.iloc[0], hand.bse.iloc[0], *tsls[pair_of]]
lines["census, 30 instruments"] = census
names = ["estimate by hand", "its error", "estimate", "right error"]
second = pd.DataFrame(lines, index=names).T
second["ratio of errors"] = second["its error"] / second["right error"]
exact = [w.truth["hand-made error ratio"] for w in (toy, opposed)]
second["exact ratio"] = [*exact, np.nan]
tables.results(second, "The second stage by hand, and as it should be.")

# %% [markdown]
# In the toy the hand-made error is 1.72<!--qob-hand-toy:.2f--> times the right one; where ability makes men leave school early it is 0.44<!--qob-hand-opposed:.2f--> times the right one, less than half; in the census it is off by a few percent. Let the software do both stages.

# %% [markdown]
# ## Try to break it
#
# ### A smooth trend in age
#
# Men of the first quarter are also the *oldest* of their year. Schooling rose by 0.060<!--qob-trend-per-year:.3f--> years from cohort to cohort. A man of the first quarter is on average half a year older than the rest of his year, and so the trend alone accounts for 27<!--qob-trend-share:.0f--> percent of his lag. Angrist and Krueger's Table V has a column that holds age and its square fixed, in quarters of a year. Age is a function of year and quarter of birth, so the 40 cells give that column too.

# %%
men["age_squared"] = men["age"] ** 2
men["second_quarter"] = (men["quarter_of_birth"] == 2).astype(int)
trend = {"controls": ["year_of_birth", "age", "age_squared"]}
three = {"instruments": "quarter_of_birth", "controls": "year_of_birth"}
designs = {
    "30 instruments": thirty,
    "28 instruments, age trend": thirty | trend,
    "quarter": three,
    "quarter, age trend": {"instruments": ["first_quarter", "second_quarter"], **trend},
}


# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
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
# F is the statistic of the first stage: it tests whether the instruments move schooling at all. So ask for the effects that the data do not contradict, whatever the strength: an Anderson–Rubin set (Anderson and Rubin, 1949).

# %%
sets = {n: anderson_rubin(men, **columns, **d) for n, d in designs.items()}
for name in list(designs)[1::2]:
    print(f"{name}:\n  {sets[name]['statement']}")

# %% [markdown]
# In print the second row looks fine: 0.076<!--qob-trend-2sls:.3f-->, with a standard error of 0.029<!--qob-trend-2sls-se:.3f-->, significant. Its F is 1.61<!--qob-trend-f:.2f-->, where made-up quarters give 1 on average, and the Anderson–Rubin set runs from a loss of 30<!--qob-trend-ar-loss-percent:.0f--> to a gain of 56<!--qob-trend-ar-high-percent:.0f--> log points a year; the conditional likelihood ratio set (next chapter), which wastes less, from −18 to 39. With the quarter alone nothing is excluded. Whether the trend belongs in the equation is arguable, as it takes some of the nudge away. But if schooling rises smoothly with the date of birth, the design without it counts a part of that rise as a nudge.

# %% [markdown]
# ### Does the wage jump follow the schooling jump?
#
# If the quarter works through schooling only, and a year is worth the same in every cohort, cohorts in which it moved schooling more should show more of a jump in wages, and a cohort in which it moved nothing none.

# %%
groups = men.groupby(["year_of_birth", "first_quarter"], observed=True)[pair]
mean, count = groups.mean(), groups.count()
error = (groups.var() / count).groupby("year_of_birth", observed=True).sum() ** 0.5
jumps = mean.xs(1, level=1) - mean.xs(0, level=1)
jumps = jumps.join(error.add_suffix(" error"))
weights = 1 / jumps["log_weekly_wage error"] ** 2
x, y = jumps["education"], jumps["log_weekly_wage"]
through_zero = sm.WLS(y, x, weights=weights).fit()
free = sm.WLS(y, sm.add_constant(x), weights=weights).fit()

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
slopes = pd.DataFrame(
    {"through zero": [0, through_zero.params.iloc[0]], "free": free.params.to_numpy()},
    index=["wage jump where schooling does not jump", "slope"],
).T
tables.results(slopes, "Lines through the ten cohorts.", digits=4)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-qob-cohorts"}, "image": {"alt": "Ten cohorts: jump in log wage against jump in years of schooling, first quarter minus the rest, with 95% intervals in both directions. Schooling jumps range from minus 0.23 to minus 0.02 years, wage jumps from minus 0.018 to minus 0.001. A line through zero has slope 0.087; a free line is flatter, slope 0.033, and meets the axis at minus 0.008. The intervals are so wide that both lines fit."}} tags=["hide-input"]
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
# *Figure 4. Each cohort's jump in wages against its jump in schooling. Exclusion and one return for all cohorts want a line through zero (solid); the free line (dashed) misses it, within wide intervals.*
#
# The free line leaves a wage jump of −0.008<!--qob-cohort-intercept:.3f--> where schooling does not jump at all, and its slope is 0.033<!--qob-cohort-free:.3f-->. Is that exclusion failing? Both jumps of a cohort come from the same men, so that their sampling errors move together, and noise pulls such a line towards OLS, not towards zero. If a year of school were worth nothing and the first quarter cost 1.1<!--qob-jump-wage-percent:.1f--> percent of wages by itself, the line would have a slope of about 0.03 on average; if a year were worth 0.10 and the quarter nothing, about 0.09. The observed slope, with a standard error of 0.045<!--qob-cohort-se:.3f-->, fits both.
#
# With the differences between cohorts as instruments, and a direct effect of the quarter allowed, the Anderson–Rubin set runs from −0.46<!--qob-cohort-ar-low:.2f--> to 0.25<!--qob-cohort-ar-high:.2f-->: these cohorts decide nothing. Nor does the classical overidentification test object: 25.4<!--qob-overid:.1f--> on 29 degrees of freedom, as in Table V (Sargan, 1958). That is no acquittal. (Exercise 4 has the estimates, and says why.)

# %% [markdown]
# ### Whose effect?
#
# Suppose all is well. Then the ratio is an average over the men whose schooling the quarter moved: of the effect of each grade over the men who were moved across it, an average causal response (Angrist and Imbens, 1995). How many men are that? Years are whole, so each man moved was moved by at least one. Under monotonicity the jump of 0.109<!--qob-jump-schooling:.3f--> years is the mean over everybody, and so at most about 11<!--qob-jump-schooling-percent:.0f--> men in a hundred can be compliers. A cohort's share of all the years moved is its number of men times its jump.

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
tables.results(
    who.rename_axis("year of birth"),
    "Where the compliers come from, by year of birth.",
    digits=2,
)

# %% [markdown]
# The cohort of 1930 is a tenth of the men and accounts for about a fifth of the years moved; the errors are large. More than that the cells cannot tell. *Which grades* the men were moved across needs the distribution of schooling, and that of the synthetic rows is made up. (Exercise 3 does it on the original file.)
#
# Nor do the means prove monotonicity. In 1931 men of the first quarter had *more* schooling than those of the second, which may be chance; and Barua and Lang (2016) find that many parents held back children born late in the year, which turns the nudge around for them. With controls there is one more condition: 2SLS is an average of complier effects only if the controls are flexible enough (Blandhol et al., 2022). Here a dummy for every year, with the instruments interacted with year, is as flexible as can be. The version with a quadratic in age is not.

# %% [markdown]
# ## The decision
#
# A parliament would make boys stay a year longer. In the toy, where the answer is known, the law is a stronger nudge: everybody's goes up by one. Run the world under both actions with `do`, and set the forecasts beside it.

# %%
law = toy.model.effect("wage", n=100_000, rng=1, nudge=(1, 0))

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
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
# Now the census. Suppose the year pays if it raises the wages of those who have to stay by at least 6 percent for good (the number is ours). If the leaving age were all that the quarter works through, its compliers would be the men whom the law would keep in school, and their average the one to use. But 46 percent of the jump lies above grade 12, where no leaving age binds (exercise 3 shows it), so it is an average over other margins too.

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
with_trend = "28 instruments, age trend"
trend_set = sets[with_trend]
likelihood = conditional_likelihood_ratio(men, **columns, **designs[with_trend])
answer = ["estimate", "ci_low", "ci_high"]
points = detrended.loc[with_trend, ["2SLS", "LIML"]]
readings = pd.DataFrame(
    {
        "OLS": ols[answer],
        "first quarter, Wald": ratio[answer],
        "thirty instruments, as published": tsls[answer],
        "age trend held fixed, Anderson–Rubin": [
            points["2SLS"],
            *trend_set[answer[1:]],
        ],
        "age trend held fixed, likelihood ratio": [
            points["LIML"],
            *likelihood[answer[1:]],
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
# Only OLS gives a clear answer, and it answers another question. A careful adviser would say: the returns of 9 to 10 percent stand if the season of birth is related to wages in no other way and the trend in age is harmless, and carry over to a law if a year pays as much when all who would have left have to stay. The census can vouch for none of these. Reforms of the leaving age come closer to such a law, and are no safe haven either: with those of the United States, estimates become insignificant, and many change sign, once cohorts may develop differently by region (Stephens and Yang, 2014).

# %% [markdown]
# ## Many worlds
#
# Take the toy in which ability shortens schooling, where a year is worth 1, and draw 200 fresh samples of 1,000 rows.


# %%
def least_squares(data):
    fit = smf.ols("wage ~ schooling", data=data).fit()
    return entries(fit, "schooling", fit.bse)


analyses = {
    "OLS": least_squares,
    "2SLS": lambda data: two_stage_least_squares(data, **by_nudge),
    "2SLS by hand": second_stage_by_hand,
}
many = replicate(opposed, analyses, n=1_000, replications=200, rng=8)
shown = ["bias", "bias_error", "rmse", "coverage", "coverage_error"]
tables.results(many[shown], "200 samples of 1,000 rows against the exact effect of 1.")

# %% [markdown]
# The recipe covers as promised. OLS never does: it is off by −0.85<!--qob-many-ols-limit-bias:.2f--> in the limit, here in the other direction. By hand the same estimate gets an interval that covers 0.64<!--qob-many-hand-coverage:.2f-->; with errors 0.45<!--qob-hand-opposed-exact:.2f--> times the right ones it has to be 0.62<!--qob-hand-coverage-exact:.2f--> in large samples.

# %% [markdown]
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy instrumental_variables
# ```
#
# The file needs numpy, pandas and scipy. Here it is on Card's (1995) table: the return to schooling, with growing up near a college as the nudge (3,010 young men, from `linearmodels.datasets`). Experience is computed from schooling there, and so is a consequence of it; we keep his model to compare with his number.

# %%
graduates = card.load()
controls = ["exper", "expersq", "black", "south", "smsa", "smsa66"]
controls += [f"reg66{i}" for i in range(2, 10)]
graduates = graduates[["lwage", "educ", "nearc4", *controls]]
model = {"outcome": "lwage", "treatment": "educ", "controls": controls}
near = wald(graduates, **model, instrument="nearc4")
tables.results([near], "Return to a year of schooling; Card publishes 0.132 (0.055).")

# %% [markdown]
# His controls enter as straight lines, so that the condition above for an average of complier effects is not met; read 0.132<!--qob-card:.3f--> as the effect if it is the same for everybody. [Weak instruments](weak_instruments_iv.ipynb) has three intervals for it.
#
# On the census the recipe reduces the rows to cell moments first, so that 40 rows do the work of 329,509 ([how fast](../book/performance.md)).

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
# (a) Exclusion: rain also sours the moods of those who come, and may change their votes. (That it keeps some kinds of voters at home and not others breaks no condition; it makes the answer theirs.) (b) Exclusion and monotonicity: a lenient judge may also set shorter terms or smaller fines, and be lenient towards some and strict towards others; assignment itself is fine. (c) Independence and exclusion: rivals' prices answer the same shocks to demand, and move your sales directly. F is about relevance only. It reassures you of none of this.
#
# </details>
#
# ### Exercise 2. The direction of the second stage's mistake
#
# Show that in large samples, with errors of constant variance, the hand-made standard error is too small exactly if $\beta^2 \operatorname{Var}(v) + 2\beta \operatorname{Cov}(u, v) < 0$, with $u$ and $v$ the errors of outcome and first stage. Then find `ability_on_wage` in `scenarios.nudge` for which the two standard errors agree although schooling is endogenous.
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
# Open-ended. Get the original file (set `CASESTUDIES_DATA` to a folder that holds it, or let `archives.quarter_of_birth(original=True)` download it). For each grade $j$ compute the share of men with at least $j$ years of schooling, in the first quarter and in the others. Under monotonicity the differences are the shares of men moved across each grade. Do they look like the work of a leaving age?
#
# <details>
# <summary>Solution</summary>
#
# A start: `census = archives.quarter_of_birth(original=True)`, `late = census["quarter_of_birth"] > 1`, then `[(census["education"][late] >= j).mean() - (census["education"][~late] >= j).mean() for j in range(1, 21)]`. The differences add up to the jump of 0.109<!--qob-jump-schooling:.3f-->. In the original file they are 0.012 at grade 12, and still 0.013 at 13 and 0.008 at 16; 46 percent of the jump lies above grade 12, where no leaving age binds. A part of that is the trend in age. Take it out as in the text, and what remains of the jump is 0.04 years with an error of 0.04: too little to say at which grades.
#
# </details>
#
# ### Exercise 4. What thirty agreeing instruments prove
#
# The overidentification test asks whether the thirty instruments agree on one number. First let the differences between cohorts be the instruments, with `first_quarter` among the controls: what do 2SLS and LIML say? Then suppose that a year of school is worth nothing and that the first quarter costs 1.1<!--qob-jump-wage-percent:.1f--> percent of wages by itself, in every cohort. Between which values would the ten cohorts' ratios lie, were there no noise? And name a direct effect that the test can never see.
#
# <details>
# <summary>Solution</summary>
#
# With `instruments="first_quarter:year_of_birth"` and `controls=["year_of_birth", "first_quarter"]` 2SLS gives 0.033<!--qob-cohort-2sls:.3f--> (0.043<!--qob-cohort-2sls-se:.3f-->), and with an F of 2.4<!--qob-cohort-f:.1f--> leans towards OLS; LIML gives 0.025<!--qob-cohort-liml:.3f--> (0.048<!--qob-cohort-liml-se:.3f-->). In each of the ten cohorts the covariance of the two jumps' errors is about 0.07 of the variance of the schooling jump, which is the slope of least squares: hence the lean.
#
# A direct effect that is the same in every cohort does make the cohorts disagree, since it is divided by jumps of different sizes: the ratios `total / jumps["education"]`, with `total = jump["log_weekly_wage"]`, run from 0.05<!--qob-ratio-low:.2f--> to 0.53<!--qob-ratio-high:.2f-->. But they are so noisy that the test would notice in about three censuses out of ten. A direct effect that is proportional to the schooling jump makes them agree, on the wrong number: no test of this kind can see it.
#
# </details>

# %% [markdown]
# ## What the document says
#
# The claims of AI/ML Explained (2026) on instrumental variables, apart from strength, which is audited in [Weak instruments](weak_instruments_iv.ipynb), and the canary flag, which has [a chapter of its own](canary_flag_iv.ipynb).
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
# | The quarter of birth is unrelated to ability, a natural randomizer. | cannot be tested here | The cells hold no background. Others find that mothers differ by season (Buckles and Hungerman 2013). A direct effect of 1.1<!--qob-jump-wage-percent:.1f--> percent of wages would explain the whole estimate. |
# | School-entry rules make children of different quarters get slightly different schooling. | holds in part | The first quarter has 0.109<!--qob-jump-schooling:.3f--> years less, F 67.6<!--weak-f-first:.1f-->; with a smooth trend in age held fixed F is 0.42<!--qob-quarter-trend-f:.2f-->. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
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
total = jump["log_weekly_wage"]
ratios = total / jumps["education"]
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
    "qob-who-1930": who["share of years moved"].iloc[0],
    "qob-men-1930": who["share of men"].iloc[0],
    "qob-law": law["estimate"],
    "qob-law-ols": forecast.iloc[2],
    "qob-card": near["estimate"],
    "qob-card-se": near["std_error"],
    "qob-many-2sls-bias": many.loc["2SLS", "bias"],
    "qob-many-2sls-coverage": many.loc["2SLS", "coverage"],
    "qob-many-ols-limit-bias": opposed.truth["OLS limit"] - opposed.truth["ATE"],
    "qob-many-hand-coverage": many.loc["2SLS by hand", "coverage"],
    "qob-hand-coverage-exact": 2 * norm.cdf(1.959964 * second["exact ratio"].iloc[1])
    - 1,
}
tables.store(
    numbers,
    answers=answers,
    law=law,
    library=library.std_errors["education"],
    limits=limits,
    line=line.params["education_mean"],
    many=many,
    near=near,
    ols=ols,
    pays=pays,
    published=published,
    ratio=ratio,
    second=second,
    sets=sets,
    three_ways=three_ways,
    toy_iv=toy_iv,
    toy_ols=toy_ols,
    tsls=tsls,
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
