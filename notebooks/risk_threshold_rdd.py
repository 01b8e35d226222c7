# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The risk threshold
#
# **The question.** A hospital calls every patient whose risk score reaches 70. What do the calls do, and should the line be moved?
#
# **The answer in short.** In this world the patients who are called spend 37.1<!--threshold-difference-size:.1f--> days *fewer* at home than the others, because they are sicker, and a polynomial of order four on each side of the line says 10.6<!--threshold-polynomial-4:.1f--> days more. Neither is an effect. The rule itself is the experiment: at the line hardly anything changes but the calls, and there they bring 7.11<!--threshold-sharp:.2f--> days (3.46<!--threshold-sharp-low:.2f--> to 10.32<!--threshold-sharp-high:.2f-->; exact 7.33<!--threshold-effect:.2f-->). That says which way to move the line. It does not say how far: on a patient with a score of 30 the mean effect is 0.11<!--threshold-effect-30:.2f-->.
#
# Adjusting a risk threshold is one of the interventions that "Strategies for Leveraging Causal Inference" (Anonymous, 2025) would have us map. AI/ML Explained (2026) puts the design on its ladder of credibility and leaves it there.

# %% [markdown]
# ## The story
#
# The hospital of [the readmission accuracy trap](readmission_accuracy_trap.ipynb) has a nurse call discharged patients every day for two weeks. There are not nurses enough for all, so there is a rule: whoever has a risk score of 70 or more is called, nobody else. The score is a percentile, among last year's patients, of how likely a new admission is.
#
# After a year the board asks whether the calls pay, and whether the line should be lower. For one patient they cost what three days in hospital cost. Nobody will draw lots among patients at high risk. A wrong answer costs either way: a programme that gives some patients a week at home is cut, or it is extended to people for whom it does nothing.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from causaldata import close_elections_lmb, gov_transfers

from casestudies import scenarios
from casestudies.display import figures, tables
from casestudies.recipes.regression_discontinuity import (
    bandwidth,
    density_test,
    donut,
    fuzzy,
    placebo_cutoffs,
    sharp,
)
from casestudies.sampling.montecarlo import replicate
from casestudies.scenarios.risk_threshold import effect

figures.house_style()

# %% [markdown]
# ## The world
#
# Risk $R$ is a percentile. Reach $U$ says how easily a patient is reached, and nobody records it; past visits $V$ to the clinic are a trace of it. With score $S$, calls $D$ and days at home in the half-year after discharge $Y$,
#
# $$
# \begin{aligned}
# R &\sim U(0, 100), \qquad U \sim U(0, 1), \qquad V = 4 + 4\,U + \varepsilon_V \\
# S &= R, \qquad D = 1 \text{ if } S \ge 70 \\
# Y &= b(R) + 10\,(U - \tfrac12) + D\,\{\tau(R) + 6\,(U - \tfrac12)\} + 8\,\varepsilon_Y \\
# b(R) &= 135 - 0.3\,R - 30\operatorname{expit}\{(R - 60) / 5\}, \qquad \tau(R) = 8\,e^{-(R - 65)^2 / 288}
# \end{aligned}
# $$
#
# Days at home fall with the risk, fastest around 60. The calls help most at a risk of 65: patients at low risk are at home anyway, and those at the highest are past what a call can do. At a risk $r$ the mean effect is $\tau(r)$, as reach averages to one half.

# %% mystnb={"code_prompt_show": "Show how figure 1 is drawn", "figure": {"name": "fig-threshold-graph"}, "image": {"alt": "Causal graph: risk points to score and to days, score points to called, called points to days. Reach, which is not recorded, points to past visits, to called and to days."}} tags=["hide-input"]
world = scenarios.risk_threshold()
truth = world.truth
places = {"risk": (0, 0.9), "score": (0.9, 0), "called": (1.9, 0), "days": (3, 0)}
places |= {"reach": (2.1, 1.1), "past_visits": (3.2, 1.3)}
roles = {"treatment": "called", "outcome": "days", "hidden": ["risk", "reach"]}
_, ax = plt.subplots(figsize=(5.6, 2.9))
figures.causal_graph(world.model.graph, **roles, positions=places, ax=ax)
plt.show()

# %% [markdown]
# *Figure 1. The world of the threshold. The score, which is the risk written down, decides on the calls. The arrow from reach to called matters only where the rule is not followed.*
#
# A year has 4,000 patients:

# %%
year = world.sample(4_000, rng=7)
band = pd.cut(year["score"], [0, 20, 40, 60, 70, 80, 100], right=False)
means = year.groupby(band, observed=True)[["past_visits", "called", "days"]].mean()
tables.results(means, "Means of 4,000 patients, by the risk score.", digits=2)

# %% [markdown]
# ## The trap
#
# **Guess first.** The called and the others differ in risk. Is a flexible curve in the score enough to take that out?
#
# The first analysis compares everybody above the line with everybody below it. The second fits a polynomial of the score on each side, from all the data, and reads the jump at 70. Orders of three or four were long the custom.


# %%
def by_polynomial(data, order, line=70):
    rows = data.assign(x=(data["score"] - line) / 100, above=data["score"] >= line)
    terms = ["above", *(f"above * I(x ** {k})" for k in range(1, order + 1))]
    fit = smf.ols(f"days ~ {' + '.join(terms)}", rows).fit(cov_type="HC1")
    low, high = fit.conf_int().loc["above[T.True]"]
    entries = {"estimate": fit.params["above[T.True]"], "ci_low": low, "ci_high": high}
    return pd.Series(entries, name=f"polynomial of order {order}" if order else "means")


# %%
naive = pd.DataFrame([by_polynomial(year, order) for order in range(7)])

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
naive["limit"] = [truth["difference in means"]] + [
    truth[f"polynomial limit (order={order})"] for order in range(1, 7)
]
tables.results(naive, "Days at home: the jump at 70, from all the scores.", digits=2)

# %% mystnb={"code_prompt_show": "Show how figure 2 is drawn", "figure": {"name": "fig-threshold-jump"}, "image": {"alt": "Mean days at home by risk score in bins of two points, falling from 135 to 75 with a steep bend around 60. At the line of 70 the bins jump up by about 7 days. Two short straight lines beside 70 follow the bins on both sides. A dashed polynomial of order four runs below the bins just left of 70, and so shows a larger jump."}} tags=["hide-input"]
h = bandwidth(year, outcome="days", running="score", cutoff=70)["bandwidth"]
_, ax = plt.subplots(figsize=(5.6, 3.6))
bins = year.groupby(year["score"] // 2 * 2 + 1)["days"].mean()
ax.plot(bins.index, bins, "o", color=figures.HIDDEN, markersize=4)
for low, high, near in [(0, 70, (70 - h, 70)), (70, 100, (70, 70 + h))]:
    side = year[year["score"].between(low, high, inclusive="left")]
    scores = np.linspace(low, high, 200)
    curve = np.polynomial.Polynomial.fit(side["score"], side["days"], 4)
    ax.plot(scores, curve(scores), "--", color=figures.NAIVE)
    side = side[side["score"].between(*near)]
    weights = np.sqrt(1 - abs(side["score"] - 70) / h)
    line = np.polynomial.Polynomial.fit(side["score"], side["days"], 1, w=weights)
    ax.plot(near, line(np.array(near)), color=figures.ESTIMATE, linewidth=2.5)
ax.axvline(70, color=figures.HIDDEN, linewidth=0.8, linestyle=":")
ax.text(3, 84, "dashed: order four, all scores\nsolid: straight, near the line")
ax.set(xlabel="risk score", ylabel="days at home")
plt.show()

# %% [markdown]
# *Figure 2. Mean days at home in bins of two points. What a polynomial says at 70 depends on patients at 20 and at 95; a short straight line listens to those beside it.*
#
# In the limit of infinitely many patients the means say −37.1<!--threshold-difference:.1f-->, a straight line on each side −6.5<!--threshold-polynomial-1:.1f-->, orders two to six 5.5<!--threshold-polynomial-2:.1f-->, 10.5<!--threshold-polynomial-3:.1f-->, 10.6<!--threshold-polynomial-4:.1f-->, 8.7<!--threshold-polynomial-5:.1f--> and 7.1<!--threshold-polynomial-6:.1f-->. The exact effect at the line is 7.33<!--threshold-effect:.2f-->. The answer swings with the order, patients far from the line have a say in it, and the intervals of the wrong orders are as short as if they were right (Gelman and Imbens, 2019). A curve that is flexible enough gets close in the end; by then, see the last row, its interval is the longest of all.
#
# ## What must be true
#
# The estimand is the effect at the cutoff: the mean of $Y(1) - Y(0)$ among patients whose score is exactly 70. Close to the line hardly anything but the calls changes.
#
# > **Assumptions, and how each could fail**
# >
# > - **Continuity.** Without calls, mean days at home would run through 70 without a jump, and with calls for all as well (Hahn et al., 2001). It fails if somebody who knows the line places patients on one side of it.
# > - **Nothing else starts at the line.** It fails if the same score also brings a meal service.
# > - **The rule is followed** (a sharp design). Where it only shifts the chance of a call (fuzzy), the LATE at the line also needs exclusion and monotonicity, as with any instrument.
# > - **No interference.** Calls for one patient do not take a bed or a nurse from another.
#
# Nobody draws a lot at 70, and continuity does not claim that anybody does. Patients on the two sides differ in risk; they differ by less and less the closer one looks.
#
# ## The estimate
#
# In library code first: a straight line on each side, by weighted least squares. The weight of a patient falls to zero at the bandwidth, the distance from the line that is still looked at.

# %%
rule = {"outcome": "days", "running": "score", "cutoff": 70}
width = bandwidth(year, **rule)["bandwidth"]
near = year[abs(year["score"] - 70) < width].assign(x=lambda d: d["score"] - 70)
weights = 1 - abs(near["x"]) / width

# %%
by_hand = smf.wls("days ~ called * x", near, weights=weights).fit().params["called"]
print(f"bandwidth {width:.1f} points, {len(near)} patients, jump {by_hand:.2f} days")

# %% [markdown]
# The bandwidth makes the mean squared error least: a wider one would add more bias than it takes away noise. So some bias is left in, and the usual interval does not know of it. The recipe gives the same estimate with a robust interval, moved by the estimated bias and made wider because that is an estimate too (Calonico et al., 2014).

# %%
local = sharp(year, **rule)
precise = sharp(year, **rule, covariates="past_visits")
wide = sharp(year, **rule, bandwidth=30)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
shown = ["estimate", "bias_corrected", "ci_low", "ci_high", "bandwidth"]
names = ["recipe", "with past visits", "bandwidth 30"]
answers = pd.DataFrame([local, precise, wide]).set_axis(names)
tables.results(answers[shown], "The effect at the cutoff, in days at home.", digits=2)

# %% mystnb={"code_prompt_show": "Show how figure 3 is drawn", "figure": {"name": "fig-threshold-estimates"}, "image": {"alt": "Five estimates with 95% intervals against the exact effect at the cutoff of 7.33 days. Polynomials of order one and two lie below it, that of order three above it, with short intervals that miss it. The recipe, and the recipe with past visits, cover it with longer intervals."}} tags=["hide-input"]
compared = pd.concat([naive.iloc[1:4], answers.iloc[:2]])
figures.estimates(
    compared,
    truth={"exact effect at the cutoff": truth["effect at the cutoff"]},
    naive=naive.index,
    xlabel="days at home",
    digits=2,
)
plt.show()

# %% [markdown]
# *Figure 3. Polynomials through all the scores against straight lines near the cutoff.*
#
# The longer intervals are the price of looking at 746<!--threshold-rows-near:.0f--> of 4,000 patients only. Past visits, settled before, make the answer a little more precise. A bandwidth of 30 moves the estimate and its correction apart by three days: straight lines no longer fit. (Scores with few distinct values need intervals made for that, `honest` in the recipe; Kolesár and Rothe, 2018.)
#
# ### When the rule is not followed
#
# Suppose that nurses reach only seven in ten patients above the line, and that one in ten below talks them into calling. The easy to reach are called first, and they fare better anyway. Then the jump in days is divided by the jump in calls, as in [the canary flag](canary_flag_iv.ipynb): the line is an instrument.

# %%
loose = scenarios.risk_threshold(called_above=0.7, called_below=0.1)
followed = fuzzy(loose.sample(4_000, rng=7), **rule, treatment="called")

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
entries = ["estimate", "ci_low", "ci_high", "first_stage"]
frame = followed[entries].to_frame("days over calls").T
frame["exact LATE"] = loose.truth["LATE at the cutoff"]
tables.results(frame, "The LATE at the cutoff, in days at home.", digits=2)

# %% [markdown]
# It is about the compliers at the line, those whom crossing it gets a call. It is less precise, as the noise is divided as well.
#
# ## Try to break it
#
# ### Clerks who know the line
#
# A score is written down by somebody. Suppose that three in ten of those less than five points below the line, the ones whose families insist, get five points more. We replay the year with such clerks, and put the design's own checks to both years: is the number of patients the same on both sides of 70 (Cattaneo et al., 2020), and do past visits, settled before, jump there?

# %%
clerks = scenarios.risk_threshold(share_nudged=0.3)
visits = rule | {"outcome": "past_visits"}
score = {"running": "score", "cutoff": 70}
years = {"honest scores": year, "clerks who nudge": clerks.sample(4_000, rng=7)}
crowds = {name: density_test(data, **score) for name, data in years.items()}
jumps = {name: sharp(data, **rule) for name, data in years.items()}
balance = {name: sharp(data, **visits) for name, data in years.items()}

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
checks = pd.DataFrame(balance)
checks = checks.loc[["estimate", "ci_low", "ci_high"]].T
checks.columns = ["jump in visits", "ci low", "ci high"]
checks.insert(0, "days said", [jump["estimate"] for jump in jumps.values()])
checks.insert(1, "density p", [crowd["p_value"] for crowd in crowds.values()])
caption = "One year of 4,000 patients without clerks and with them."
tables.results(checks, caption, digits=3)

# %% [markdown]
# With the clerks the jump tends to 11.7<!--threshold-nudged-limit:.1f--> days at the line instead of 7.33<!--threshold-effect:.2f-->: patients at lower risk, whose families insist, now stand above it. The density jumps there by a factor of 1.86<!--threshold-density-ratio:.2f-->, and past visits jump too. How often would one year show it?

# %%
fresh = {"honest scores": world, "clerks who nudge": clerks}
rings = {}
for name, made in fresh.items():
    streams = np.random.default_rng(2).spawn(100)
    p = [density_test(made.sample(4_000, rng=s), **score)["p_value"] for s in streams]
    rings[name] = np.mean(np.array(p) < 0.05)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
rings = pd.DataFrame({"share that rings": rings})
rings["its error"] = np.sqrt(rings * (1 - rings) / 100)
tables.results(rings, "Density test at 5%, 100 years each.", digits=2)

# %% [markdown]
# The test misses 23<!--threshold-missed-percent:.0f--> of 100 such years: passing it is no proof. And it sees nothing if as many scores are moved down as up.
#
# ### Placebo lines, a donut, another programme
#
# Where no rule begins there should be no jump; we try 40, 55 and 85, each with the patients on its side of 70. A donut leaves out the patients closest to the line, whom a clerk could have moved; what is left has to reach across the hole.

# %%
fakes = placebo_cutoffs(year, **rule, cutoffs=[40, 55, 85])
holed = donut(years["clerks who nudge"], **rule, radii=5, bandwidth=20).iloc[0]

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
shown = ["estimate", "ci_low", "ci_high"]
tried = pd.concat([fakes[shown], holed[shown].to_frame("clerks, without 65 to 75").T])
tables.results(tried, "Jumps in days at home.", digits=2)

# %% [markdown]
# No placebo line shows a jump, and the hole costs nearly all precision. What none of these checks sees is another programme for the same patients: meals worth four days, from a score of 70 on, make the jump tend to 11.33<!--threshold-second-limit:.2f-->, with a smooth density and balanced visits. Against that helps only a list of what else begins at 70.
#
# ## The decision
#
# A patient's calls cost three days. At the line they bring 7.11<!--threshold-sharp:.2f-->, and the whole interval lies above three. So the calls pay there, and the line should come down: the first to be added are those just below it, in the limit no different from those just above. Whether a small move pays is exactly the question that the jump answers; how the effect changes on the way, the slopes beside the line say (Dong and Lewbel, 2015; exercise 1).
#
# How far down? Suppose the board took the exact 7.33<!--threshold-effect:.2f--> for the effect on everybody. We set the line with `do` and count days at home, less three for each patient called.

# %%
lines = [85, 70, 65, 60, 48, 30, 0]


def net_days(line, n=400_000):
    ruled = world.model.do(called=lambda score: score >= line)
    patients = ruled.sample(n, rng=5)
    return 1_000 * (patients["days"] - 3 * patients["called"]).mean()


net = pd.Series({line: net_days(line) for line in lines})

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
moved = pd.DataFrame({"net days gained": net - net[70]}).rename_axis("line at")
at_line = truth["effect at the cutoff"]
moved["if 7.33 held for all"] = 10 * (70 - moved.index) * (at_line - 3)
caption = (
    "Net days per 1,000 patients against a line at 70; Monte Carlo errors below 5."
)
tables.results(moved, caption, digits=0)

# %% mystnb={"code_prompt_show": "Show how figure 4 is drawn", "figure": {"name": "fig-threshold-effect"}, "image": {"alt": "Exact mean effect of the calls against the risk: a hump that rises from nearly 0 at 30 to 8 at 65 and falls to about 1 at 90. A dashed line marks the cost of 3 days, which the hump exceeds between 48 and 82. The single point that the design estimates, at 70, stands on the hump with its interval."}} tags=["hide-input"]
_, ax = plt.subplots(figsize=(5.6, 3.2))
risks = np.linspace(0, 100, 301)
ax.plot(risks, effect(risks), color=figures.TRUTH)
ax.axhline(3, color=figures.HIDDEN, linestyle="--", linewidth=1)
ax.text(1, 3.2, "what the calls cost")
ax.vlines(70, local["ci_low"], local["ci_high"], color=figures.ESTIMATE)
ax.plot(70, local["estimate"], "o", color=figures.ESTIMATE)
ax.text(72, 9.2, "all that the\ndesign has seen")
ax.set(xlabel="risk score", ylabel="effect of the calls (days)")
plt.show()

# %% [markdown]
# *Figure 4. The exact effect by risk, and the one point of it that the jump at 70 shows.*
#
# Five points lower, the constant is nearly right: 217<!--threshold-foreseen-65:.0f--> days foreseen, 237<!--threshold-gain-65:.0f--> gained. With a line at 30 it foresees 1,734<!--threshold-foreseen-30:,.0f--> and the hospital gains 391<!--threshold-gain-30:.0f-->; at 0 the 3,034<!--threshold-foreseen-0:,.0f--> foreseen become a loss of 503<!--threshold-loss-0:.0f-->. Nor does the jump at 70 show that above 82 the calls cost more than they bring, which no lower line can mend.
#
# So move in steps. Each new line is a new experiment, at a place where the last one was silent:

# %%
steps = {}
for seed, line in enumerate([70, 60, 50], start=7):
    ruled = scenarios.risk_threshold(cutoff=line)
    found = sharp(ruled.sample(4_000, rng=seed), **rule | {"cutoff": line})
    exact = ruled.truth["effect at the cutoff"]
    steps[f"line at {line}"] = [found[e] for e in shown] + [exact]

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
steps = pd.DataFrame(steps, [*shown, "exact"]).T
tables.results(steps, "A year of 4,000 patients at each line.", digits=2)

# %% [markdown]
# At 60 the calls still pay. At 50 the interval holds the three days that they cost, and the board should stop and look. (The best single line is at 48, where the effect is three days.)
#
# ## Many worlds
#
# A hundred fresh years of 4,000 patients, held against the exact effect at the cutoff.


# %%
def usual(found):
    low, high = found["estimate"] + np.array([-1.96, 1.96]) * found["std_error"]
    return {"estimate": found["estimate"], "ci_low": low, "ci_high": high}


# %%
everywhere = {"order": 4, "bandwidth": 100, "kernel": "uniform"}
analyses = {
    "order four, all scores": lambda d: usual(sharp(d, **rule, **everywhere)),
    "straight, usual interval": lambda d: usual(sharp(d, **rule)),
    "straight, robust interval": lambda d: sharp(d, **rule),
}

# %%
size = {"n": 4_000, "replications": 100, "estimand": "effect at the cutoff"}
many = replicate(world, analyses, **size, rng=71)
columns = ["bias", "bias_error", "rmse", "coverage", "coverage_error", "mean_width"]
tables.results(many[columns], "100 years against the exact effect.", digits=2)

# %% [markdown]
# The polynomial is off by 3.3<!--threshold-many-polynomial:.1f--> days on average and covers in 37%<!--threshold-coverage-polynomial:.0%--> of the years; the robust interval covers in 95%<!--threshold-coverage-robust:.0%-->, up to the error of a hundred years. The usual one does hardly worse here (94%<!--threshold-coverage-usual:.0%-->), because both curves bend alike at the line and most of the bias cancels. Whether they do in your data you cannot know.
#
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy regression_discontinuity
# ```
#
# Half of the votes is a line, too. Lee et al. (2004) ask how voters move the votes in the US House, scored from right to left: do strong Democrats in a district pull both parties' members with them, or do voters merely pick a party? Their first table compares districts in which the Democrats got within two points of one half:

# %%
house = close_elections_lmb.load_pandas().data.dropna()
close = house[house["lagdemvoteshare"].between(0.48, 0.52)]
gaps = {}
for outcome, won in [("score", "lag"), ("score", ""), ("democrat", "lag")]:
    fit = smf.ols(f"{outcome} ~ {won}democrat", close).fit(cov_type="HC1")
    gaps[f"{outcome} by {won}democrat"] = [fit.params.iloc[1], fit.bse.iloc[1]]
gaps = pd.DataFrame(gaps, ["estimate", "std error"]).T
caption = f"Differences in means, {len(close)} sessions within two points of one half."
tables.results(gaps, caption)

# %% [markdown]
# A narrow win in the last election (`lagdemocrat`) moves the score after the next one by 21.28<!--threshold-lmb-total:.2f--> points (1.95<!--threshold-lmb-total-error:.2f-->). The parties' members differ by 47.71<!--threshold-lmb-elect:.2f-->, and a Democratic win makes the next one likelier by 0.484<!--threshold-lmb-keep:.3f-->; the product, 23.1<!--threshold-lmb-product:.1f-->, leaves nothing for a pull. Voters merely elect policies, says the article. But the file has a row for each session, mostly two of one election, and seats come back: with the 250<!--threshold-lmb-seats:.0f--> seats as clusters the errors are 2.61<!--threshold-lmb-total-clustered:.2f-->, 2.04<!--threshold-lmb-elect-clustered:.2f--> and 0.036<!--threshold-lmb-keep-clustered:.3f-->. Means over two points still hold a slope; the recipe takes it out, from one row an election:

# %%
once = house.groupby(["state", "district", "year"]).mean()
half = {"running": "lagdemvoteshare", "cutoff": 0.5}
elections = [sharp(once, outcome=o, **half) for o in ("score", "democrat")]
local_house = pd.DataFrame(elections).set_axis(["next score", "seat kept"])
print(f"density at one half: p = {density_test(once, **half)['p_value']:.2f}")
caption = "Jumps at one half of the votes, elections to the US House."
tables.results(local_house[[*shown, "bandwidth"]], caption)

# %% [markdown]
# The second set treats *below* the line. In Uruguay families with a predicted income under a cutoff got transfers, and Manacorda et al. (2011) report that these made them 11 to 13 percentage points more likely to favour the government.

# %%
income = {"outcome": "Support", "running": "Income_Centered", "cutoff": 0}
below = income | {"treated_side": "below"}
families = gov_transfers.load_pandas().data
flat = {"bandwidth": 0.02, "kernel": "uniform"}
uruguay = {"means": sharp(families, **below, **flat, order=0)}
uruguay["straight lines"] = sharp(families, **below, **flat)
uruguay["recipe"] = sharp(families, **below)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
columns = ["estimate", "std_error", *shown[1:], "bandwidth", "n_below", "n_above"]
caption = "Support for the government (0 to 1), just below the line minus just above."
tables.results(pd.DataFrame(uruguay).T[columns], caption)

# %% [markdown]
# The file, an extract for teaching, ends two hundredths from the line. The difference in means, 0.118<!--threshold-uruguay-means:.3f--> (0.015<!--threshold-uruguay-means-error:.3f-->), is within the article's range; straight lines over the whole width say 0.100<!--threshold-uruguay-lines:.3f-->. In the bandwidth that the data choose, with 485<!--threshold-uruguay-rows:.0f--> families, the interval runs from −0.19<!--threshold-uruguay-low:.2f--> to 0.10<!--threshold-uruguay-high:.2f-->. How far one looks decides here: show the bandwidth, and the answer at others.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. Who is the estimate about?
#
# With the line at 70, name an analysis of the year's table that gives (a) the effect on all patients who are called (ATT), (b) the effect at 69. What does each need besides continuity?
#
# <details>
# <summary>Solution</summary>
#
# (a) None. Above 70 nobody is without calls, so that the mean without calls there has to be extrapolated; the exact ATT is 2.70<!--threshold-att:.2f-->, far from the 7.33<!--threshold-effect:.2f--> at the line. (b) At 69 nobody is called. What the two slopes beside the line say about the effect's slope (exact −0.255<!--threshold-slope:.3f--> days a point) is taken from 7.33<!--threshold-effect:.2f--> for a first guess, 7.59 (exact 7.57); it needs the slopes to hold over that point, and the slope is estimated with much more noise than the jump.
#
# </details>
#
# ### Exercise 2. A rule that nobody follows exactly
#
# Turn `called_above` to 0.4 and `called_below` to 0.3. What happens to `first_stage`, to the interval, and to the compliers? Which set from [Weak instruments](weak_instruments_iv.ipynb) would you report?
#
# <details>
# <summary>Solution</summary>
#
# The jump in calls is 0.1, and its ratio to its standard error small: a weak instrument. The interval becomes enormous, in half of 200 years wider than 60 days; that it covers in 98% of them is not what theory promises for a weak instrument. The compliers are those with reach between 0.6 and 0.7, a tenth of the patients at the line. Report the Anderson–Rubin set: all effects $\beta$ for which the jump in $Y - \beta D$ at 70 is not told from zero, which the recipe's `sharp` tests for each $\beta$.
#
# </details>
#
# ### Exercise 3. Clerks who push by lot
#
# Open-ended code. Write a world in which clerks add five points to three in ten patients just below the line, drawn by lot and not by reach: a new variable and a new equation of the score, `SCM(world.model.mechanisms | {"lot": Bernoulli(0.3), "score": Deterministic(...)})` from `casestudies.scm`, or simulate by hand. Does the density test ring? Is the jump still the effect at the cutoff?
#
# <details>
# <summary>Solution</summary>
#
# `Deterministic(lambda risk, lot: risk + 5 * lot * ((risk >= 65) & (risk < 70)))`. The density jumps as before, by $1.3 / 0.7$, and the test rings about as often. The jump in days is not the effect at the cutoff either: of 1.3 patients just above the line 0.3 come from a risk five points lower, who are at home for longer without calls and gain a little more from them. With $b(65) - b(70) = 6.0$ and $\tau(65) - \tau(70) = 0.7$ the bias is $0.3 / 1.3 \cdot (6.0 + 0.7)$, about 1.5 days. Past visits do not jump: balance in one covariate would have passed.
#
# </details>
#
# ## What the documents say
#
# What AI/ML Explained (2026) says of the design, and what "Strategies for Leveraging Causal Inference" (Anonymous, 2025) says of thresholds.
#
# <details>
# <summary>Claims of “AI/ML Explained: Causal Inference” on discontinuities, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | On the ladder of credibility regression discontinuity stands beside natural experiments, instruments and difference-in-differences, above regression. | holds in part | At the line: 7.11<!--threshold-sharp:.2f--> for 7.33<!--threshold-effect:.2f-->, where a regression on the score says −6.5<!--threshold-polynomial-1:.1f--> in the limit. With clerks who nudge it tends to 11.7<!--threshold-nudged-limit:.1f-->, and away from the line it has no rung: the ATT is 2.70<!--threshold-att:.2f-->. |
# | Policy switches and geographic borders near-randomly change who is treated. | holds in part | Nothing is random at this line: the rule is fixed, and patients differ by risk on both sides. What is needed is that they do not jump. At no score are some called and others not, so that nothing like a lottery can be found in the table, 7.33<!--threshold-effect:.2f--> days at the line all the same. |
#
# </details>
#
# <details>
# <summary>Claims of “Strategies for Leveraging Causal Inference” on thresholds, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | Mapping out an intervention, such as adjusting a risk threshold, helps specify the estimand. | holds | Five points lower takes the effect at the line, 7.33<!--threshold-effect:.2f-->. A line at 30 takes the mean effect from 30 to 70, 3.97<!--threshold-mean-30-70:.2f-->; dropping the calls takes the ATT, 2.70<!--threshold-att:.2f-->. |
# | Scenario tests that simulate realistic interventions validate a causal model. | holds in part | They show what the model implies. With the effect at the line for all, a line at 30 is foreseen to gain 1,734<!--threshold-foreseen-30:,.0f--> days per 1,000 patients, and gains 391<!--threshold-gain-30:.0f-->. A year with the line at 60 brought evidence: 8.3<!--threshold-step-60-estimate:.1f--> (exact 7.3<!--threshold-step-60:.1f-->). |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
at = {"foreseen": "if 7.33 held for all", "gain": "net days gained"}
ends = {"": "estimate", "-low": "ci_low", "-high": "ci_high"}
short = {
    "polynomial": "order four, all scores",
    "usual": "straight, usual interval",
    "robust": "straight, robust interval",
}
seats = close["state"].astype(str) + "-" + close["district"].astype(str)
numbers = {
    "threshold-effect": truth["effect at the cutoff"],
    "threshold-slope": truth["slope of the effect at the cutoff"],
    "threshold-att": truth["ATT"],
    "threshold-effect-30": truth["effect at 30"],
    "threshold-mean-30-70": effect(np.linspace(30, 70, 40_001)).mean(),
    "threshold-difference": truth["difference in means"],
    "threshold-difference-size": -truth["difference in means"],
    **{
        f"threshold-polynomial-{k}": truth[f"polynomial limit (order={k})"]
        for k in range(1, 7)
    },
    "threshold-nudged-limit": clerks.truth["RD limit"],
    "threshold-density-ratio": clerks.truth["jump in the density"],
    "threshold-late": loose.truth["LATE at the cutoff"],
    "threshold-second-limit": scenarios.risk_threshold(second_programme=4.0).truth[
        "RD limit"
    ],
    "threshold-by-hand": by_hand,
    "threshold-bandwidth": local["bandwidth"],
    "threshold-rows-near": local[["n_below", "n_above"]].sum(),
    **{
        f"threshold-{key}{end}": answer[entry]
        for key, answer in {
            "sharp": local,
            "precise": precise,
            "wide": wide,
            "fuzzy": followed,
            "lmb-score": elections[0],
            "lmb-seat": elections[1],
            "uruguay": uruguay["recipe"],
            "donut": holed,
        }.items()
        for end, entry in ends.items()
    },
    **{
        f"threshold-{key}-{line}": moved.loc[line, column]
        for key, column in at.items()
        for line in (65, 30, 0)
    },
    "threshold-loss-0": -moved.loc[0, at["gain"]],
    **{
        f"threshold-step-{line}": steps.loc[f"line at {line}", "exact"]
        for line in (60, 50)
    },
    **{
        f"threshold-step-{line}-estimate": steps.loc[f"line at {line}", "estimate"]
        for line in (60, 50)
    },
    "threshold-rings": rings.loc["clerks who nudge", "share that rings"],
    "threshold-missed-percent": 100
    * (1 - rings.loc["clerks who nudge", "share that rings"]),
    "threshold-rings-honest": rings.loc["honest scores", "share that rings"],
    **{f"threshold-many-{key}": many.loc[name, "bias"] for key, name in short.items()},
    **{
        f"threshold-coverage-{key}": many.loc[name, "coverage"]
        for key, name in short.items()
    },
    **{
        f"threshold-lmb-{key}{end}": gaps[entry].iloc[i]
        for i, key in enumerate(["total", "elect", "keep"])
        for end, entry in {"": "estimate", "-error": "std error"}.items()
    },
    "threshold-lmb-seats": seats.nunique(),
    **{
        f"threshold-lmb-{key}-clustered": smf.ols(formula, close)
        .fit(cov_type="cluster", cov_kwds={"groups": seats.factorize()[0]})
        .bse.iloc[1]
        for key, formula in {
            "total": "score ~ lagdemocrat",
            "elect": "score ~ democrat",
            "keep": "democrat ~ lagdemocrat",
        }.items()
    },
    "threshold-lmb-product": gaps["estimate"].iloc[1] * gaps["estimate"].iloc[2],
    "threshold-uruguay-means": uruguay["means"]["estimate"],
    "threshold-uruguay-means-error": uruguay["means"]["std_error"],
    "threshold-uruguay-lines": uruguay["straight lines"]["estimate"],
    "threshold-uruguay-rows": uruguay["recipe"][["n_below", "n_above"]].sum(),
}
tables.store(
    numbers,
    answers=answers,
    checks=checks,
    fakes=fakes,
    gaps=gaps,
    many=many,
    moved=moved,
    naive=naive,
    rings=rings,
    steps=steps,
)
exactly = (at_line, "this world", "exact truth")
known = {
    name: (row, "effect at the cutoff", *exactly) for name, row in compared.iterrows()
}
late = (loose.truth["LATE at the cutoff"], "this world", "exact truth")
known["rule not followed, fuzzy"] = (followed, "LATE at the cutoff", *late)
tables.scoreboard(known, digits=2)
