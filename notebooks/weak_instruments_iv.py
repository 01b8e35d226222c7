# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Weak instruments: what F says, and what it does not
#
# **The question.** How far can you trust an estimate whose instruments move the treatment only a little?
#
# **The answer in short.** Quarters of birth *drawn by lot*, thirty instruments that say nothing at all, give a significant return to schooling in 11<!--weak-fake-significant:.0f--> of 20 draws, for with many useless instruments 2SLS returns OLS and its standard error does not tell. F > 10 is no cure: at a mean F of 10 the usual interval covers 0.93<!--weak-mc-t-1-10:.2f--> with one instrument and 0.68<!--weak-mc-t-30-10:.2f--> with thirty (errors correlated 0.8), and keeping only samples with F > 10 makes it worse, while an Anderson–Rubin set keeps its level at any strength. The real quarters are weak and probably little harmed by it; what F cannot see harms more, since a direct effect of the season on wages of 1.1<!--weak-direct-all-percent:.1f--> percent would explain everything.
#
# The census is that of Angrist and Krueger (1991), replicated in [Quarter of birth](quarter_of_birth_iv.ipynb); the doubts are those of Bound et al. (1995). The claims audited at the end come from AI/ML Explained (2026).

# %% [markdown]
# ## The story
#
# A ministry has to say whether a year of school pays. Its statistician has one table on the desk: return to a year 8.9<!--qob-tsls-percent:.1f--> percent, standard error 1.6<!--weak-tsls-se-percent:.1f-->, first-stage F 4.9<!--weak-f-thirty:.1f-->. One adviser says that the estimate is significant: use it. Another says that F is below ten: throw it away. Both have a rule and neither has looked at what it does.
#
# If the first rule is wrong, the ministry pays for years of school on the strength of noise. If the second is wrong, it discards the only evidence that does not compare abler boys with less able ones. And both may be arguing about the smaller problem.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from linearmodels.datasets import card

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
    t_f,
)
from casestudies.sampling.closed_forms import iv_error_summary
from casestudies.sampling.instrument_strength import draw_samples, summarize
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# ### The men
#
# These are the 329,509 men of the chapter before, and its two estimates: one instrument (born in the first quarter or not), and thirty (three quarters in each of ten years). The rows are synthetic and the cell moments are real.

# %%
men = archives.quarter_of_birth()
men["first_quarter"] = (men["quarter_of_birth"] == 1).astype(int)
men = men.astype({"year_of_birth": "category", "quarter_of_birth": "category"})
columns = {"outcome": "log_weekly_wage", "treatment": "education"}
thirty = {"instruments": "quarter_of_birth:year_of_birth", "controls": "year_of_birth"}
ratio = wald(men, **columns, instrument="first_quarter")
tsls = two_stage_least_squares(men, **columns, **thirty)

# %% [markdown]
# ### A world with a knob
#
# The census does not come with the right answer, nor with a knob for strength. `scenarios.weak_instrument` has both. Everybody is drawn by lot into a group; $s$ is the group's number, standardized. With ability $U$ (not recorded) and $\lambda^2 = 0.8$, which is the correlation of the two errors and makes schooling strongly endogenous,
#
# $$
# \begin{aligned}
# X &= \pi s + \lambda U + \sqrt{1 - \lambda^2}\, \varepsilon_X \\
# Y &= 0.5\, X + \lambda U + \sqrt{1 - \lambda^2}\, \varepsilon_Y
# \end{aligned}
# $$
#
# A unit of schooling is worth 0.5 to everybody. The knob is $\pi$: with $g$ groups and $n$ rows the mean F of the first stage is about $1 + n \pi^2 / (g - 1)$.

# %% mystnb={"code_prompt_show": "Show how the graph is drawn", "figure": {"name": "fig-weak-graph"}, "image": {"alt": "Causal graph: draw points to group, group to schooling, schooling points to wage, and ability, which is not recorded, points to schooling and to wage. The group has no other arrow."}} tags=["hide-input"]
feeble = scenarios.weak_instrument(groups=2, partial_r2=0.002)
places = {"draw": (0, 0), "group": (1, 0), "schooling": (2.2, 0), "wage": (3.4, 0)}
places["ability"] = (2.8, 1)
roles = {"treatment": "schooling", "outcome": "wage", "hidden": ["ability"]}
figures.causal_graph(feeble.model.graph, **roles, positions=places)
plt.show()

# %% [markdown]
# *Figure 1. The world with a knob. All conditions for an instrument hold; only the arrow from group to schooling is thin.*

# %%
data = feeble.sample(1_000, rng=4)
means = data.groupby("group")[["schooling", "wage"]].mean()
tables.results(means, "One sample of 1,000 rows: the group moves schooling a little.")

# %% [markdown]
# ## The trap
#
# Bound et al. (1995) asked the most telling question of all: what would the thirty-instrument analysis have said if the quarters of birth had been made up? Draw a quarter for every man by lot, and run the same call.
#
# **Guess first.** Such quarters move nobody's schooling. In how many of twenty draws will the return be significant, one, five or more? And around which value will the estimates lie: zero, the 0.089<!--qob-tsls:.3f--> of the real quarters, or the 0.071<!--qob-ols:.3f--> of OLS?
#
# (Lots cut across the real cells, so this experiment leans on the synthetic rows; in samples of this size all that matters of them are their moments.)

# %%
rng = np.random.default_rng(1995)
fake = {}
for draw in range(1, 21):
    lot = men.assign(quarter_of_birth=rng.integers(1, 5, len(men)))
    two_stage = two_stage_least_squares(lot, **columns, **thirty)
    stage = first_stage(lot, treatment="education", **thirty).loc["F"]
    fake[draw] = {**two_stage, "F": stage["value"]}
fake = pd.DataFrame(fake).T

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
summary = fake[["estimate", "std_error", "F"]].agg(["mean", "min", "max"])
tables.results(
    summary,
    f"Twenty draws of made-up quarters, 30 instruments; the mean estimate has a Monte Carlo error of {fake['estimate'].sem():.3f}.",
)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-weak-lots"}, "image": {"alt": "Twenty-one estimates with 95% intervals. The real quarters give 0.089. Twenty sets of made-up quarters give estimates scattered around the OLS value of 0.071, with intervals about twice as wide as the real one; 11 of the 20 exclude zero."}} tags=["hide-input"]
pair = ["log_weekly_wage", "education"]
by_year = men.groupby("year_of_birth", observed=True)[pair]
within = men[pair] - by_year.transform("mean")
least = sm.OLS(within["log_weekly_wage"], within["education"]).fit()
ols = least.params["education"]
ends = ["ci_low", "ci_high"]
_, ax = plt.subplots(figsize=(5.6, 4.0))
ax.axvline(ols, color=figures.HIDDEN, linestyle=":")
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
    (ols, 1.1),
    xytext=(4, 0),
    textcoords="offset points",
    va="center",
)
ax.set(
    ylim=(21.7, -0.8), yticks=[0, 11.5], xlabel="log weekly wage per year of schooling"
)
ax.set_yticklabels(["real", "made up"])
plt.show()

# %% [markdown]
# *Figure 2. 2SLS with the real quarters (black dot) and with quarters drawn by lot (open diamonds). Useless instruments return OLS, and about half of the intervals exclude zero.*
#
# Made-up quarters carry no information about schooling whatever, and yet 11<!--weak-fake-significant:.0f--> of 20 give a significant return, on average 0.077<!--weak-fake-mean:.3f--> (Monte Carlo error 0.008<!--weak-fake-mean-error:.3f-->) with a standard error of 0.036<!--weak-fake-se:.3f-->. With many irrelevant instruments, 2SLS returns OLS with a wider interval. Nothing in the estimate or its standard error warns you. The F does (1.03<!--weak-fake-f:.2f--> on average), and so does the Anderson–Rubin set, which is unbounded whenever F stays below its critical value: in 19<!--weak-fake-unbounded:.0f--> of the 20 draws. That is how data say that they do not know.
#
# So the real quarters are not made up: their F is 4.9<!--weak-f-thirty:.1f-->, not 1. Is that enough?

# %% [markdown]
# ## What must be true
#
# That the quarter is drawn as if by lot, acts through school alone and moves nobody the other way is the subject of the chapter before. It decides what the estimate tends to. The usual *interval* needs more.
#
# > **What the usual interval needs besides, and how it could fail**
# >
# > - **A nudge that is large beside its sampling error.** Then the estimate is about normal around its limit. It fails with weak instruments: the estimate leans towards OLS and has heavy tails. This one can be seen in F, the statistic of the first stage.
# > - **Few instruments for that strength.** It fails as instruments are added that explain little: the bias of 2SLS is about that of OLS divided by F (Bound et al., 1995).
# > - **Errors as they are assumed.** It fails if variances differ between groups; then F itself has to be another one, the effective F (Montiel Olea and Pflueger, 2013).
# >
# > An Anderson–Rubin set needs neither of the first two, and a robust one not the third either. All of them need valid instruments, which no F can see.

# %% [markdown]
# ## The estimate
#
# ### How strong is the nudge?
#
# The quarter moves schooling by a tenth of a year, among men whose schooling has a standard deviation of more than three. The first stage tests whether it moves it at all, and the answer depends on how the instrument is cut.

# %%
three = {"instruments": "quarter_of_birth", "controls": "year_of_birth"}
cuts = {"first quarter": {"instruments": "first_quarter"}}
cuts |= {"quarter": three, "quarter by year": thirty}
stages = {n: first_stage(men, treatment="education", **c) for n, c in cuts.items()}

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
strength = pd.DataFrame({n: t["value"] for n, t in stages.items()}).T
strength.insert(0, "instruments", [1, 3, 30])
tables.results(strength, "First stage: the same nudge, cut three ways.", digits=4)

# %% [markdown]
# One dummy gives 67.6<!--weak-f-first:.1f-->, three give 32.3<!--weak-f-quarter:.1f-->, thirty give 4.9<!--weak-f-thirty:.1f-->. F divides what the instruments explain by their number, so that cutting finer adds a little information and a lot of noise. The statistics answer two different questions:

# %%
asked = stages["quarter by year"].loc[["F", "effective F"], ["null"]]
tables.results(asked.set_axis(["null hypothesis"], axis=1), "What each F tests.")

# %% [markdown]
# ### Sets that keep their level
#
# A weak instrument does not announce itself in the standard error. So put beside the usual interval two that do not need strength. The tF adjustment widens the interval of a single instrument by as much as its F asks for (Lee et al., 2022). The Anderson–Rubin set collects all effects that the data do not contradict, and is right at any strength (Anderson and Rubin, 1949). First in the world where the truth is 0.5, with the one weak instrument:

# %%
ask = {"outcome": "wage", "treatment": "schooling", "instruments": "group"}
usual = two_stage_least_squares(data, **ask)
weak_set = anderson_rubin(data, **ask)
f = first_stage(data, treatment="schooling", instruments="group").loc["F", "value"]
print(f"F = {f:.2f}\n{weak_set['statement']}")
tables.results([usual], "One sample; the effect is 0.5, OLS tends to 1.298.")

# %% [markdown]
# The usual interval excludes zero and looks like a finding. The Anderson–Rubin set is two rays: it rules out effects between two values, and nothing else.
#
# Now the census. For LIML take the standard error of Bekker (1994), which allows for many instruments if errors are normal; and with thirty instruments add the conditional likelihood ratio set of Moreira (2003).

# %%
adjusted = t_f(men, **columns, instrument="first_quarter")
ar_one = anderson_rubin(men, **columns, instruments="first_quarter")
ar_thirty = anderson_rubin(men, **columns, **thirty)
clr_thirty = conditional_likelihood_ratio(men, **columns, **thirty)
bekker = limited_information(men, **columns, **thirty, cov="bekker")

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
intervals = pd.DataFrame(
    {
        "first quarter, usual interval": ratio[ends],
        "first quarter, tF": adjusted[ends],
        "first quarter, Anderson–Rubin": ar_one[ends].astype(float),
        "30 instruments, 2SLS": tsls[ends],
        "30 instruments, LIML, Bekker's error": bekker[ends],
        "30 instruments, Anderson–Rubin": ar_thirty[ends].astype(float),
        "30 instruments, conditional likelihood ratio": clr_thirty[ends].astype(float),
    }
).T
tables.results(intervals, "95% intervals for the effect of a year.", digits=4)

# %% [markdown]
# With the first quarter alone, all three agree closely: at this F the critical value is 2.06<!--weak-tf-critical:.2f--> instead of 1.96. With thirty instruments the Anderson–Rubin set is more than twice as wide as the interval in the famous table. Most of that width is not weakness: the test spends thirty degrees of freedom, one for each instrument, on a question about one number. With several instruments and equal error variances the conditional likelihood ratio test asks it better, and is near the best that a test of this kind can do (Andrews et al., 2006). Its set runs from 0.054<!--weak-clr-thirty-low:.3f--> to 0.133<!--weak-clr-thirty-high:.3f-->, a quarter wider than the interval in print. Both exclude zero.

# %% [markdown]
# ## Try to break it
#
# ### Turn the strength
#
# In the world with a knob, turn it, and look at many samples. With normal errors every estimator here depends on a sample only through two small matrices whose distributions are known. Drawing these directly gives 20,000 samples in a blink. (A test of the package holds the shortcut against samples drawn row by row.)
#
# **Guess first.** At a mean F of 10, how often does the usual 95% interval cover with one instrument, and how often with thirty?

# %%
grid = [1, 2, 5, 10, 25, 50, 104.7]
size = {"rows": 100_000, "replications": 20_000}
rng = np.random.default_rng(21)
covered = {}
for k in (1, 30):
    for mean_f in grid:
        knobs = {"instruments": k, "mean_f": mean_f, "endogeneity": 0.8}
        covered[k, mean_f] = summarize(draw_samples(**knobs, **size, rng=rng))

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
covered = pd.DataFrame(covered).T
covered.index.names = ["instruments", "mean F"]
tables.results(
    covered,
    "Coverage of 95% intervals, share of bounded Anderson–Rubin sets, and median bias as a share of that of OLS; errors correlated 0.8. Monte Carlo errors of coverage at most 0.004, of bias at most 0.01.",
)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-weak-strength"}, "image": {"alt": "Coverage of 95% intervals against mean first-stage F from 1 to 105, in two panels. With one instrument the t-interval of 2SLS covers 87 percent at F of 1 and 93 percent at 10; with 30 instruments it covers 0 percent at F of 1, 43 percent at 5, 68 percent at 10 and 93 percent at 105. LIML with 30 instruments is near 95 percent from F of 2 on. The Anderson-Rubin set covers 95 percent everywhere."}} tags=["hide-input"]
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
# *Figure 3. How often 95% intervals cover, by strength of the instruments. F of 10 (dotted) means one thing with one instrument and another with thirty.*
#
# Read three things off. The Anderson–Rubin set keeps its word at any strength; where the instruments say nothing it is unbounded 19 times in 20, as it should be. Many weak instruments bias 2SLS towards OLS: at an F of 5, about that of the thirty quarters, a fifth of the bias is left and, with errors so strongly related, the interval covers 0.43<!--weak-mc-t-30-5:.2f-->. LIML is nearly free of that bias from an F of 2 on. And F = 10 is no border: at 10, the interval covers 0.93<!--weak-mc-t-1-10:.2f--> with one instrument and 0.68<!--weak-mc-t-30-10:.2f--> with thirty.

# %% [markdown]
# ### F > 10, 104.7, and the harm of screening
#
# "Check that F exceeds 10" is in many textbooks, and in the document. Where does it come from? It goes back to Staiger and Stock (1997), and is meant to keep the bias of 2SLS with several instruments within about a tenth of that of OLS. Stock and Yogo (2005) made it exact, with other thresholds for other aims. It was never a promise about intervals. For a single instrument, a test at 5% with 1.96 is safe in the worst case only from F = 104.7; if one insists on 10, the critical value has to be 3.43 (Lee et al., 2022). With unequal error variances, even the statistic is another one, the effective F (Montiel Olea and Pflueger, 2013).
#
# The worst case is a case of extreme endogeneity. Angrist and Kolesár (2024) answer that with one instrument and ordinary endogeneity the usual interval does well whatever its F, and that the screening itself does the damage. See for yourself: keep only the samples that pass.

# %%
screened = {}
size = {"rows": 100_000, "replications": 100_000}
for rho in (0.2, 0.5, 0.8, 0.95):
    knobs = {"mean_f": 4, "endogeneity": rho}
    exact = iv_error_summary(**knobs)[["coverage", "coverage_if_passed"]]
    samples = draw_samples(instruments=1, **knobs, **size, rng=rng)
    passed = {"all": samples, "F > 10": samples[samples["F"] > 10]}
    for (name, some), value in zip(passed.items(), exact, strict=True):
        screened[rho, name] = {"2SLS, exact": value, **summarize(some)}

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
shown = ["2SLS, exact", "2SLS coverage", "AR coverage", "2SLS bias"]
screened = pd.DataFrame(screened).T[shown]
screened.index.names = ["errors correlated", "samples:"]
tables.results(
    screened,
    "One instrument with a mean F of 4: all samples, and those with F > 10. Monte Carlo errors of coverage at most 0.006, of bias at most 0.03.",
)

# %% [markdown]
# With errors correlated 0.8, the interval covers 0.91<!--weak-screen-all:.2f--> over all samples and 0.46<!--weak-screen-passed:.2f--> over those that pass the screen. A weak instrument gets a large F by chance when it happens to line up with the errors, and then the estimate lines up too. Not even the Anderson–Rubin set survives the screening: its promise is about all samples. So: report F, show a set that keeps its level at any strength, and never let F decide whether you report at all.
#
# [See it move](../book/see_it_move.md): turn the strength, and the correlation of the errors.

# %% [markdown]
# ### A direct effect of the season
#
# The document calls the quarter unrelated to ability. Buckles and Hungerman (2013) looked: mothers who give birth in winter are more often teenagers and more often unmarried, and family background explains almost half of the relation between season of birth and later outcomes. The 40 cells contain no family background, so we cannot test this here. We can ask how much it would take. (Whether background counts as a failure of independence or of exclusion, the arithmetic is the same.)
#
# Suppose that being born in the first quarter changes the log wage by $\gamma$ by itself. Subtract $\gamma$ from the wages of these men and estimate again, for a range of values. Conley et al. (2012) call such an instrument *plausibly exogenous*.

# %%
jump = men.groupby("first_quarter")[pair].mean().diff().loc[1]
total = jump["log_weekly_wage"]
bands = []
for gamma in [*np.linspace(-0.013, 0.003, 7), total / 2, total]:
    wage = men["log_weekly_wage"] - gamma * men["first_quarter"]
    shifted = men.assign(log_weekly_wage=wage)
    ar = anderson_rubin(shifted, **columns, instruments="first_quarter")
    bands.append([gamma, (total - gamma) / jump["education"], *ar[ends]])

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
bands = pd.DataFrame(bands, columns=["direct effect", "estimate", *ends])
to_ols = total - ols * jump["education"]
special = bands.tail(2).set_index("direct effect")
shown = special.reset_index().set_axis(["half of the jump", "all of it"])
tables.results(
    shown,
    "The return if half of the wage jump is a direct effect, and if all of it is.",
    digits=4,
)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-weak-direct"}, "image": {"alt": "The estimated return falls in a straight line as the assumed direct effect of the first quarter becomes more negative: 0.102 with no direct effect, 0.071 (OLS) at minus 0.0034, 0.051 at minus 0.0055, half of the wage jump, and zero at minus 0.0111, all of it. The 95% Anderson-Rubin band is about 0.1 wide throughout and includes zero at minus 0.0057 and below."}} tags=["hide-input"]
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
ax.axhline(ols, color=figures.NAIVE, linestyle="--", linewidth=1.2)
ax.annotate(
    "OLS",
    (-0.0128, ols),
    xytext=(0, 3),
    textcoords="offset points",
)
marks = {
    "none": (0, ratio["estimate"]),
    "half of the jump": (total / 2, special.iloc[0, 0]),
    "all of it": (total, 0),
}
for label, spot in marks.items():
    ax.plot(*spot, "o", color=figures.ESTIMATE)
    ax.annotate(label, spot, xytext=(6, -12), textcoords="offset points")
ax.set(
    xlabel="assumed direct effect of the first quarter on the log wage",
    ylabel="return to a year of schooling",
    xticks=[-0.012, -0.008, -0.004, 0],
)
plt.show()

# %% [markdown]
# *Figure 4. What the first quarter says about a year of schooling, if it has a direct effect on wages of its own. Shaded: 95% Anderson–Rubin sets.*
#
# A direct effect of 1.1<!--weak-direct-all-percent:.1f--> percent of wages explains everything; one of 0.34<!--weak-direct-ols-percent:.2f--> percent brings the estimate down to OLS; half of the jump, the share that Buckles and Hungerman's study suggests for season of birth at large, leaves 0.051<!--weak-direct-half:.3f-->. From 0.57<!--weak-direct-loses-percent:.2f--> percent on, the set includes zero. One percent is a small number. It is the smallness of the nudge, a tenth of a year, that makes it a large one: every direct effect is divided by 0.109<!--qob-jump-schooling:.3f-->. That is the sense in which weakness and a failing exclusion go together.

# %% [markdown]
# ## The decision
#
# Back to the desk. Suppose, as in the chapter before, that the year pays if it raises the wages of those who have to stay by at least 6 percent for good. What does the ministry decide on each way to read the table?

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
whole, part = bands.iloc[-1], bands.iloc[-2]
keep = ["estimate", *ends]
readings = pd.DataFrame(
    {
        "thirty instruments, usual interval": tsls[keep],
        "thirty instruments, LIML, Bekker's error": bekker[keep],
        "thirty instruments, Anderson–Rubin": [tsls["estimate"], *ar_thirty[ends]],
        "thirty instruments, likelihood ratio": [bekker["estimate"], *clr_thirty[ends]],
        "half of the jump is a direct effect": part[keep],
        "all of the jump is a direct effect": whole[keep],
    }
).T.astype(float)
pays = np.where(readings["ci_low"] > 0.06, "yes", "open")
pays = np.where(readings["ci_high"] < 0.06, "no", pays)
readings["does the year pay?"] = pays
tables.results(
    readings, "Return to a year with 95% set, and the answer at a threshold of 0.06."
)

# %% [markdown]
# Neither adviser is right. The interval in print does not settle the question at this threshold, and a set that keeps its level does not change the answer. So discarding the table for its F would lose evidence and gain nothing, and the answer turns on something else: whether the season of birth does anything to wages by itself. If it does all of it, the year does not pay. Ask for evidence on that, and not for a larger F.

# %% [markdown]
# ## Many worlds
#
# First the recipe itself, on rows: 31 groups, that is thirty instruments, with a mean F near 5, a correlation of 0.8 between the errors, 2,000 rows a sample, 100 samples. The two estimators with instruments see the group as a category, which makes thirty dummies of it. (As a number it would be a single instrument, and a strong one.)

# %% mystnb={"code_prompt_show": "Show the three analyses"} tags=["hide-input"]
crowd = scenarios.weak_instrument(groups=31, partial_r2=0.0566)


def as_dummies(sample):
    return sample.astype({"group": "category"})


def least_squares(sample):
    fit = sm.OLS(sample["wage"], sm.add_constant(sample["schooling"])).fit()
    low, high = fit.conf_int().loc["schooling"]
    answer = {"estimate": fit.params["schooling"], "std_error": fit.bse["schooling"]}
    return pd.Series({**answer, "ci_low": low, "ci_high": high, "n": fit.nobs})


analyses = {
    "OLS": least_squares,
    "2SLS": lambda sample: two_stage_least_squares(as_dummies(sample), **ask),
    "LIML, Bekker's error": lambda sample: limited_information(
        as_dummies(sample), **ask, cov="bekker"
    ),
}

# %%
many = replicate(crowd, analyses, n=2_000, replications=100, rng=8)
shown = ["bias", "bias_error", "rmse", "coverage", "coverage_error"]
tables.results(many[shown], "100 samples with 30 weak instruments; the effect is 0.5.")

# %% [markdown]
# The rows agree with the shortcut above. So let the shortcut answer the question that is left: what would instruments *as weak as those of the census* do, in a sample of its size? That depends on how strongly the errors are related, which nobody knows. If LIML is right, their correlation in the census is about −0.11<!--weak-rho:.2f-->, which is weak; within the interval above it may be up to −0.29<!--weak-rho-most:.2f-->.

# %% mystnb={"code_prompt_show": "Show how the samples are drawn"} tags=["hide-input"]
designs_like = {
    "one, F 67.6": (1, 67.57),
    "three, F 32.3": (3, 32.27),
    "thirty, F 4.91": (30, 4.91),
    "28 with a trend, F 1.61": (28, 1.61),
    "thirty by lot, F 1": (30, 1.0),
}
size = {"rows": 329_509, "replications": 100_000}
as_weak = {}
for name, (k, mean_f) in designs_like.items():
    for rho in (0.1, 0.3, 0.5):
        knobs = {"instruments": k, "mean_f": mean_f, "endogeneity": rho}
        as_weak[name, rho] = summarize(draw_samples(**knobs, **size, rng=rng))
as_weak = pd.DataFrame(as_weak).T
as_weak = as_weak.drop(columns=["AR bounded", "LIML bias"])
as_weak.index.names = ["", "errors correlated"]
tables.results(
    as_weak,
    "Instruments as weak as those of the census, 100,000 samples of its size, with all conditions met; bias as a share of that of OLS. Monte Carlo errors of coverage at most 0.0016, of bias at most 0.006.",
)

# %% [markdown]
# With errors as weakly related as LIML suggests, the interval of the famous table covers 0.944<!--weak-like-coverage:.3f-->; with about the strongest relation that its interval allows, 0.3, it is 0.88<!--weak-like-coverage-most:.2f-->; with one of a half it would be 0.74<!--weak-like-coverage-half:.2f-->. This is the irony of the story: the study that taught the profession to fear weak instruments is probably not harmed much by their weakness. What harms it is what F does not measure: the trend, the leak, the parents who hold a child back.

# %% [markdown]
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy weak_instruments
# ```
#
# The file needs numpy, pandas and scipy. Here it is on Card's (1995) young men, whose nudge is a college nearby ([Quarter of birth](quarter_of_birth_iv.ipynb) replicates his 0.132).

# %% mystnb={"code_prompt_show": "Show how his table is read"} tags=["hide-input"]
graduates = card.load()
controls = ["exper", "expersq", "black", "south", "smsa", "smsa66"]
controls += [f"reg66{i}" for i in range(2, 10)]
graduates = graduates[["lwage", "educ", "nearc4", *controls]]

# %%
model = {"outcome": "lwage", "treatment": "educ", "controls": controls}
near = wald(graduates, **model, instrument="nearc4")
near_tf = t_f(graduates, **model, instrument="nearc4")
near_ar = anderson_rubin(graduates, **model, instruments="nearc4")

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
college = pd.DataFrame(
    {"Wald": near, "tF": near_tf, "Anderson–Rubin": near_ar[[*ends, "n"]]}
).T.astype(float)
college = college[["estimate", "std_error", *ends, "n"]]
tables.results(
    college, "Return to a year of schooling; Card (1995) publishes 0.132 (0.055)."
)

# %% [markdown]
# His F is 13.3<!--weak-card-f:.1f-->, above ten. The usual interval excludes zero. The tF interval, with a critical value of 3.00<!--weak-card-critical:.2f-->, does not. The Anderson–Rubin set does, barely, and with one instrument it is the one to prefer: it keeps its level at any strength, and does not pay for a worst case.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. An Anderson–Rubin set by hand
#
# Take the sample `data` of the world with a knob. For each effect $b$ on a grid from −10 to 10, regress `wage - b * schooling` on the group and keep $b$ if the group's coefficient is not significant at 5%. Which effects are kept, and why is the set not an interval?
#
# <details>
# <summary>Solution</summary>
#
# `smf.ols("net ~ group", data.assign(net=data["wage"] - b * data["schooling"])).fit().pvalues["group"] > 0.05` keeps everything outside the two ends that `weak_set["statement"]` prints. As $b$ grows, `net` becomes schooling on another scale, and the test becomes that of the first stage. That one does not reject here, as F is below its critical value of about 3.85; so effects of any size are kept.
#
# </details>
#
# ### Exercise 2. Does the lean fit?
#
# The bias of 2SLS is about that of OLS divided by F. Suppose that LIML's 0.0929<!--weak-liml:.4f--> is the effect, the same for all. What should 2SLS with the thirty quarters say, and with made-up ones?
#
# <details>
# <summary>Solution</summary>
#
# OLS is off by 0.0711<!--weak-ols:.4f--> less 0.0929<!--weak-liml:.4f-->. A lean of that over 4.9<!--weak-f-thirty:.1f--> gives 0.0884<!--weak-rule:.4f-->; in print stands 0.0891<!--weak-tsls:.4f-->, and the standard error is more than twenty times the gap. With F of 1 the rule says OLS, which is what the lots gave. The famous estimate leans by little more than a quarter of its standard error, because OLS and LIML are not far apart.
#
# </details>
#
# ### Exercise 3. How small a leak?
#
# Open-ended. Compute how large a direct effect of a college nearby on the log wage would explain all of Card's estimate, with his controls held fixed. Then list what else comes with a college nearby, and say whether it could be worth that much. Do the same for an instrument of your own.
#
# <details>
# <summary>Solution</summary>
#
# All of it is explained by the reduced form, the coefficient of `nearc4` in the regression of `lwage` on it and the controls: 4.2<!--weak-card-leak-percent:.1f--> percent of wages. Colleges stand where labour markets are larger, families better off and schools better. His region and city dummies take some of that; his controls hold nothing of the parents. A few percent are no outlandish number. A strong instrument makes the threshold larger: it is the effect times the first stage.
#
# </details>

# %% [markdown]
# ## What the document says
#
# The claims of AI/ML Explained (2026) on the strength of instruments; its other claims on instruments are audited in [Quarter of birth](quarter_of_birth_iv.ipynb) and [the canary flag](canary_flag_iv.ipynb).
#
# <details>
# <summary>Claims of AI/ML Explained, Day 36, on weak instruments, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | With a weak instrument the result can be worse than OLS. | holds | With strength 0.05 and a leak of 0.1 the limit is 4.0<!--qob-weak-leak-iv:.1f-->, that of OLS 3.50<!--qob-weak-leak-ols:.2f-->, the truth 2. |
# | A weak instrument amplifies bias and variance wildly. | holds in part | Variance, yes: with quarters drawn by lot the standard error is 0.036<!--weak-fake-se:.3f-->, that of OLS 0.0003<!--qob-ols-se:.4f-->. As to bias, it amplifies a failure of exclusion. If the instruments are valid, their weakness moves the middle of 2SLS's answers towards OLS and not beyond: quarters drawn by lot give 0.077<!--weak-fake-mean:.3f--> (Monte Carlo error 0.008<!--weak-fake-mean-error:.3f-->), OLS 0.071<!--weak-ols:.3f-->. |
# | Check that the first-stage F exceeds 10 before trusting the result. | does not hold | At a mean F of 10 the 95% interval covers 0.93<!--weak-mc-t-1-10:.2f--> with one instrument and 0.68<!--weak-mc-t-30-10:.2f--> with thirty (errors correlated 0.8); at a mean F of 4, keeping only samples with F > 10 lowers coverage from 0.91<!--weak-screen-all:.2f--> to 0.46<!--weak-screen-passed:.2f-->. Show a set that keeps its level at any strength instead. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
liml = limited_information(men, **columns, **thirty)
significant = (fake["ci_low"] > 0).sum()
loses = np.interp(0, curve["ci_low"], curve["direct effect"])
step = men.groupby(["year_of_birth", "quarter_of_birth"], observed=True)
predicted = step["education"].transform("mean") - by_year.transform("mean")["education"]
error = within["log_weekly_wage"] - liml["estimate"] * within["education"]
most = within["log_weekly_wage"] - bekker["ci_high"] * within["education"]
shock = within["education"] - predicted
like = as_weak.loc["thirty, F 4.91", 0.1]
formula = "lwage ~ nearc4 + " + " + ".join(controls)
leak = smf.ols(formula, data=graduates).fit().params
numbers = {
    "weak-ols": ols,
    "weak-tsls": tsls["estimate"],
    "weak-tsls-se-percent": 100 * tsls["std_error"],
    "weak-liml": liml["estimate"],
    "weak-rule": liml["estimate"]
    + (ols - liml["estimate"]) / strength.loc["quarter by year", "F"],
    **{
        f"weak-f-{key}": strength.loc[name, "F"]
        for key, name in zip(["first", "quarter", "thirty"], cuts, strict=True)
    },
    **{
        f"weak-r2-{key}": strength.loc[name, "partial R2"]
        for key, name in zip(["first", "quarter", "thirty"], cuts, strict=True)
    },
    "weak-tf-critical": adjusted.attrs["critical_value"],
    "weak-ar-thirty-low": ar_thirty["ci_low"],
    "weak-ar-thirty-high": ar_thirty["ci_high"],
    "weak-clr-thirty-low": clr_thirty["ci_low"],
    "weak-clr-thirty-high": clr_thirty["ci_high"],
    "weak-bekker-se": bekker["std_error"],
    "weak-fake-mean": summary.loc["mean", "estimate"],
    "weak-fake-mean-error": fake["estimate"].sem(),
    "weak-fake-se": summary.loc["mean", "std_error"],
    "weak-fake-f": summary.loc["mean", "F"],
    "weak-fake-significant": significant,
    "weak-fake-unbounded": (fake["F"] < stage["critical_value"]).sum(),
    "weak-feeble-ols": feeble.truth["OLS limit"],
    **{
        f"weak-mc-ar-{k}-{mean_f}": covered.loc[(k, mean_f), "AR coverage"]
        for k in (1, 30)
        for mean_f in (1, 5, 10, 50)
    },
    **{
        f"weak-mc-t-{k}-{mean_f}": covered.loc[(k, mean_f), "2SLS coverage"]
        for k in (1, 30)
        for mean_f in (1, 5, 10, 50)
    },
    "weak-mc-bias-30-5": covered.loc[(30, 5), "2SLS bias"],
    "weak-mc-liml-30-5": covered.loc[(30, 5), "LIML coverage"],
    "weak-screen-all": screened.loc[(0.8, "all"), "2SLS, exact"],
    "weak-screen-passed": screened.loc[(0.8, "F > 10"), "2SLS, exact"],
    "weak-screen-ar": screened.loc[(0.8, "all"), "AR coverage"],
    "weak-direct-all-percent": -100 * total,
    "weak-direct-half": special["estimate"].iloc[0],
    "weak-direct-half-low": special["ci_low"].iloc[0],
    "weak-direct-ols-percent": -100 * to_ols,
    "weak-direct-loses-percent": -100 * loses,
    **{
        f"weak-many-{key}-bias": many.loc[name, "bias"]
        for key, name in zip(["ols", "2sls", "liml"], analyses, strict=True)
    },
    **{
        f"weak-many-{key}-coverage": many.loc[name, "coverage"]
        for key, name in zip(["ols", "2sls", "liml"], analyses, strict=True)
    },
    "weak-rho": shock.corr(error),
    "weak-like-coverage": like["2SLS coverage"],
    "weak-rho-most": shock.corr(most),
    "weak-like-coverage-most": as_weak.loc[("thirty, F 4.91", 0.3), "2SLS coverage"],
    "weak-like-coverage-half": as_weak.loc[("thirty, F 4.91", 0.5), "2SLS coverage"],
    "weak-card-f": near_tf.attrs["first_stage_f"],
    "weak-card-critical": near_tf.attrs["critical_value"],
    "weak-card-leak-percent": 100 * leak["nearc4"],
}
tables.store(
    numbers,
    ar_one=ar_one,
    ar_thirty=ar_thirty,
    as_weak=as_weak,
    covered=covered,
    curve=curve,
    fake=fake,
    many=many,
    near=near,
    near_ar=near_ar,
    near_tf=near_tf,
    ols=ols,
    pays=pays,
    screened=screened,
    special=special,
    stage=stage,
    summary=summary,
    total=total,
    weak_set=weak_set,
)
printed = "Angrist and Pischke, Table 4.6.2 (1)"
quarter = two_stage_least_squares(men, **columns, **three)
quarter_liml = limited_information(men, **columns, **three)
known = {
    "one weak instrument: 2SLS": (
        usual,
        "ATE",
        feeble.truth["ATE"],
        "this world",
        "exact truth",
    ),
    "census, three quarters: 2SLS": (
        quarter,
        "average of complier effects",
        "0.105",
        printed,
        "published figure",
    ),
    "census, three quarters: LIML": (
        quarter_liml,
        "the effect, if one for all",
        "0.106",
        printed,
        "published figure",
    ),
    "college nearby: tF": (
        near_tf,
        "the effect, if one for all",
        "0.132",
        "Card (1995), Table 3",
        "published figure",
    ),
}
tables.scoreboard(known, digits=4)
