# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The hospital that treats its sickest
#
# **The question.** A drug is given to the sickest patients. Does it make them better, by how much, and for whom?
#
# **The answer in short.** The treated end 2.7<!--hospital-raw-truth:.1f--> points *sicker* than the others: the average effect on the treated (ATT) of −4.0<!--hospital-att:.1f--> points, plus a selection bias of 6.7<!--hospital-bias:.1f-->. Adjusting for recorded health recovers the ATE or the ATT, whichever the estimator is after, where its model is right; a straight line through a curved world does not. When the confounder is not in the records, the estimators agree with each other and all of them are wrong.
#
# The scenario is from "We Need to Talk about Causal ML" (Anonymous, n.d.). This chapter is also the book's reference on closing observed backdoors.

# %% [markdown]
# ## The story
#
# Doctors see a patient's health and decide on a new drug. The sicker the patient, the likelier the drug. Weeks later severity is recorded, in points: fewer are better. An analyst compares those who got the drug with those who did not, and a dashboard shows that the drug harms. If the hospital believes it, it withdraws a drug that helps, most of all those who need it most.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy import stats

from casestudies import identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.doubly_robust import doubly_robust
from casestudies.recipes.matching import match, match_weights
from casestudies.recipes.propensity import balance, overlap, scores, trim
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.sensitivity import (
    bias_bounds,
    contour,
    e_value,
    robustness_value,
)
from casestudies.recipes.standardization import standardize
from casestudies.recipes.weighting import inverse_weights, weight
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# Age $Z$ and health $H$ are standardized and correlated ($-0.5$), health decides on the drug $D$, and severity is
#
# $$
# \begin{aligned}
# Y &= 50 - 6 H + 2 Z + \kappa\,(H^2 - 1) + (-3 + 1.5\, H)\, D + N(0, 4^2), \\
# P(D = 1) &= \operatorname{expit}(-1 - 1.2\, H).
# \end{aligned}
# $$
#
# The drug lowers severity by 3 points at average health and by more for the sick. Because the sick get it, the average effect on everybody (ATE, −3) and on the treated (ATT) differ. The knob $\kappa$ bends the relation between health and severity; it is 0 at first.

# %%
world = scenarios.hospital()
columns = {"outcome": "severity", "treatment": "drug"}

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-hospital-graph"}, "image": {"alt": "Causal graph: age points to health and severity, health points to drug and severity, drug points to severity. Health blocks every backdoor path from drug to severity."}} tags=["hide-input"]
places = {"age": (0, 1), "health": (1, 1), "drug": (0.5, 0), "severity": (2, 0)}
roles = {"treatment": "drug", "outcome": "severity", "positions": places}
figures.causal_graph(world.model.graph, **roles, adjusted=["health"])
plt.show()

# %% [markdown]
# *Figure 1. Health is the only common cause of drug and severity that acts directly; age works on the drug through health alone.*

# %%
data = world.sample(4_000, rng=11)
summary = data.groupby("drug")[["age", "health", "severity"]].mean()
tables.results(
    summary.assign(patients=data["drug"].value_counts()), "Means by arm.", digits=2
)

# %% [markdown]
# ## The trap
#
# Compare the two arms, as the dashboard does. **Guess first:** at average health the drug lowers severity by 3 points, and it goes to the sick, whom it helps more. Which sign will the comparison have?

# %%
raw = difference_in_means(data, **columns)
tables.results(
    [raw], "Raw difference in severity (points), treated minus others.", digits=2
)

# %% [markdown]
# The drug seems to harm. With a simulated world you can see what the number is made of. It is an identity, not an approximation:
#
# $$
# \begin{aligned}
# \underbrace{E[Y \mid D = 1] - E[Y \mid D = 0]}_{\text{raw}} = {}
# &\underbrace{E[Y(1) - Y(0) \mid D = 1]}_{\text{ATT}} \\
# &+ \underbrace{E[Y(0) \mid D = 1] - E[Y(0) \mid D = 0]}_{\text{selection bias}}
# \end{aligned}
# $$

# %%
parts = pd.Series(world.truth)[["raw difference", "ATT", "selection bias", "ATE"]]
tables.results(
    parts.rename("points"), "The raw difference taken apart, exact.", digits=3
)

# %% [markdown]
# ## What must be true
#
# > **Assumptions, and how each could fail**
# >
# > - **Conditional exchangeability**: among patients of equal recorded health, who gets the drug has nothing to do with how severe they would become. It fails if doctors act on a sign of severity that the record does not hold. We make it fail below.
# > - **Overlap**: at every level of health some get the drug and some do not. It fails if guidelines force the drug on the sickest.
# > - **Consistency, no interference**: one drug, one dose, and one patient's drug leaves the others alone. It fails if beds are short.
# > - **A model that is right where it is used**: for the outcome (regression, standardization), for the treatment (weighting), for either of the two (doubly robust), or for neither but with close neighbours (matching).

# %%
question = {"treatment": "drug", "outcome": "severity"}
for candidates in ([], ["age"], ["health"], ["age", "health"]):
    print(identify.backdoor(world.model.graph, **question, adjust_for=candidates))

# %% [markdown]
# ## The estimate
#
# ### Regression, as the document does it
#
# Put health into a linear regression and read the coefficient of the drug. We try it in three worlds of 4,000 patients: one with the same effect for all and a straight relation, one with a curved relation, and ours, where the effect varies.

# %%
variants = {
    "straight, same effect for all": {"heterogeneity": 0.0},
    "curved, same effect for all": {"heterogeneity": 0.0, "curvature": 3.0},
    "straight, effect varies": {},
}


def document_regression(variant):
    sample = variant.sample(4_000, rng=11)
    fit = smf.ols("severity ~ drug + health", sample).fit(cov_type="HC2")
    low, high = fit.conf_int().loc["drug"]
    answer = {"estimate": fit.params["drug"], "ci_low": low, "ci_high": high}
    return pd.Series(answer | {key: variant.truth[key] for key in ("ATE", "ATT")})


# %%
tried_on = {name: scenarios.hospital(**knobs) for name, knobs in variants.items()}
ols = pd.DataFrame({name: document_regression(v) for name, v in tried_on.items()}).T
tables.results(
    ols, "Coefficient of the drug in severity ~ drug + health, HC2 intervals.", digits=2
)

# %% [markdown]
# In the straight world the coefficient estimates the ATE, which is also the ATT. In the curved one it misses by more than a point, and the picture shows why: among the sickest, with four in ten of the treated and one in ten of the others, severity lies above the line, and the coefficient takes the gap for harm.

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-hospital-curve"}, "image": {"alt": "Severity without the drug against health in the curved world. The true curve rises steeply for the sickest; the straight line of the regression runs far below it there, where four in ten of the treated and one in ten of the others are, so the regression blames the drug for the gap."}} tags=["hide-input"]
bent = scenarios.hospital(heterogeneity=0.0, curvature=3.0)
patients = bent.sample(4_000, rng=11)
line = smf.ols("severity ~ drug + health", patients).fit().params
grid = np.linspace(-3, 3, 61)
_, ax = plt.subplots()
ax.plot(grid, 50 - 7 * grid + 3 * (grid**2 - 1), color=figures.TRUTH, linestyle="--")
ax.plot(grid, line["Intercept"] + line["health"] * grid, color=figures.NAIVE)
ax.text(-1.75, 80, "truth", ha="left")
ax.text(0.2, 30, "regression line", ha="left")
for arm, colour, y in [(1, figures.TREATED, 10), (0, figures.CONTROL, 2)]:
    some = patients.loc[patients["drug"] == arm, "health"].head(150)
    ax.plot(some, np.full(len(some), y), "|", color=colour, markersize=9, alpha=0.5)
    ax.text(3.1, y, ["no drug", "drug"][arm], va="center")
ax.set_xlabel("health (standard deviations)")
ax.set_ylabel("severity (points)")
plt.show()

# %% [markdown]
# *Figure 2. Severity without the drug in the curved world: the truth, and the straight line that the regression assumes. The strip below shows whom the drug reached.*
#
# In the third world nothing is curved, and still the coefficient is neither the ATE nor the ATT. With effects that vary, the coefficient weights each level of health by the variance of the treatment there (Angrist, 1998), exactly so if the probability of treatment is a straight line: it listens most to patients for whom the doctors were undecided.

# %%
levels = np.linspace(-6, 6, 121)
density = np.exp(-(levels**2) / 2)
e = 1 / (1 + np.exp(1 + 1.2 * levels))
line = np.polyval(np.polyfit(levels, e, 1, w=np.sqrt(density)), levels)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
shape = {"ATE": 1.0, "ATT": e, "variance weights": e * (1 - e)}
shape |= {"coefficient": e * (1 - line)}
shape = pd.DataFrame(shape, index=levels).mul(density, axis=0)
whom = shape.mul(levels, axis=0).sum() / shape.sum()
implied = pd.DataFrame(
    {"mean health of those weighted": whom, "their effect": -3 + 1.5 * whom}
)
tables.results(
    implied,
    "Whose effect is reported: implied mean health and effect, exact.",
    digits=2,
)

# %% [markdown]
# The coefficient tends to −3.55<!--hospital-ols-limit:.2f-->. Variance weights alone would give −3.46<!--hospital-variance-weights:.2f-->; the rest comes from the probability of treatment not being a straight line in health. Either way nobody chose its population (Słoczyński, 2022). Say first whom the answer is for, then choose an estimator that targets them.
#
# ### Standardization
#
# Fit severity in each arm, predict for everybody (or for the treated), average ([the recipe of the staffing chapter](staffing_mediator_trap.ipynb)). For the curved world we add the square.

# %% mystnb={"code_prompt_show": "Show the three standardizations"} tags=["hide-input"]
straight, curved = data, scenarios.hospital(curvature=3.0).sample(4_000, rng=12)
both = {
    "straight": straight,
    "curved": curved.assign(health_squared=curved["health"] ** 2),
}
lines = [
    standardize(both["straight"], **columns, adjust_for="health"),
    standardize(both["curved"], **columns, adjust_for="health"),
    standardize(both["curved"], **columns, adjust_for=["health", "health_squared"]),
]
standardized = pd.DataFrame(lines).set_axis(
    ["straight", "curved", "curved, with the square"]
)
tables.results(
    standardized, "Standardization: ATE in points; the exact ATE is −3.", digits=2
)

# %% [markdown]
# ### Propensity scores and overlap
#
# The propensity score is the probability of treatment given the covariates (Rosenbaum and Rubin, 1983). It is a tool for looking before it is a tool for estimating: where the two arms do not overlap, no estimator has data to compare.

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-hospital-overlap"}, "image": {"alt": "Two histograms of the propensity score. Untreated patients pile up below 0.3, treated patients spread from 0.1 to 0.9; both arms are present everywhere between 0.05 and 0.85."}} tags=["hide-input"]
score = scores(data, treatment="drug", adjust_for=["age", "health"])
_, ax = plt.subplots(figsize=(5.6, 2.6))
bins = np.linspace(0, 1, 31)
for arm, colour, dash in [(0, figures.CONTROL, "-"), (1, figures.TREATED, "--")]:
    label = ["no drug", "drug"][arm]
    ax.hist(
        score[data["drug"] == arm],
        bins,
        histtype="step",
        color=colour,
        linestyle=dash,
        label=label,
    )
ax.set_xlabel("estimated propensity score")
ax.set_ylabel("patients")
ax.legend()
plt.show()

# %% [markdown]
# *Figure 3. Estimated propensity scores by arm. The arms differ; they overlap, thinly at both ends.*

# %%
common = overlap(data, treatment="drug", adjust_for=["age", "health"])

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
entries = {
    "n": "patients",
    "p05": "5% below",
    "p50": "median",
    "p95": "95% below",
    "outside_support": "outside the other arm's range",
    "ess_ate": "effective n, ATE",
    "ess_att": "effective n, ATT",
}
tables.results(
    common[[*entries]].rename(columns=entries).T.round(3),
    "Overlap of the scores, by arm (0 no drug, 1 drug).",
)

# %% [markdown]
# ### Balance, before and after
#
# Weighting by the inverse of the score, or matching, should make the arms alike in what was recorded. Judge it by standardized differences and variance ratios. P-values mix balance with sample size and have no place here.

# %%
checked = data.assign(health_squared=data["health"] ** 2)
checked["ipw"] = inverse_weights(data, treatment="drug", adjust_for=["age", "health"])
checked["matched"] = match_weights(data, treatment="drug", adjust_for=["age", "health"])
terms = {"treatment": "drug", "adjust_for": ["age", "health", "health_squared"]}
weighted, paired = (balance(checked, **terms, weights=w) for w in ("ipw", "matched"))

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
love = weighted.rename(columns=lambda c: c.replace("after", "weighted"))
love = love.join(
    paired.filter(like="after").rename(columns=lambda c: c.replace("after", "matched"))
)
tables.results(love, "Standardized differences and variance ratios.", digits=2)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-hospital-love"}, "image": {"alt": "Love plot. Before adjustment health differs by 1 standard deviation and age by half of one between the arms. After weighting all absolute standardized differences lie below 0.15, after matching below 0.06."}} tags=["hide-input"]
figures.love_plot(
    love.filter(like="difference")
    .abs()
    .rename(columns=lambda c: c.removeprefix("difference_"))
)
plt.show()

# %% [markdown]
# *Figure 4. Love plot: absolute standardized differences before and after.*
#
# ### Matching
#
# For every treated patient find the nearest untreated one. The recipe shares ties, corrects the bias left by imperfect matches with a regression (Abadie and Imbens, 2011), and computes the standard error of Abadie and Imbens (2006), or on an estimated score that of Abadie and Imbens (2016). The usual bootstrap, though popular, is invalid for this estimator (Abadie and Imbens, 2008).

# %%
pairs = [
    match(data, **columns, adjust_for="health", estimand="ATT", bias_correction=False),
    match(data, **columns, adjust_for="health", estimand="ATT"),
    match(data, **columns, adjust_for="health", metric="propensity", estimand="ATT"),
    match(data, **columns, adjust_for="health", estimand="ATE"),
]

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
labels = ["ATT, not corrected", "ATT, corrected", "ATT, on the score", "ATE, corrected"]
matched = pd.DataFrame(pairs).set_axis(labels)
tables.results(
    matched, "Nearest-neighbour matching; exact ATT −3.98, ATE −3.", digits=2
)

# %% [markdown]
# ### Weighting, and doubly robust
#
# With the propensity score $e(X) = P(D = 1 \mid X)$, weighting lets each patient count as
#
# $$
# w = \frac{D}{e(X)} + \frac{1 - D}{1 - e(X)} \;\; \text{(ATE)}, \qquad
# w = D + (1 - D)\,\frac{e(X)}{1 - e(X)} \;\; \text{(ATT)}.
# $$
#
# The first makes each arm resemble everybody, the second makes the untreated resemble the treated. Hájek's version divides by the sum of the weights in each arm, and its standard error must not treat the weighted rows as if they were so many patients.

# %%
adjusting = {**columns, "adjust_for": "health"}
e = scores(data, treatment="drug", adjust_for="health")
data_weights = data["drug"] / e + (1 - data["drug"]) / (1 - e)
arms = [data["drug"] == arm for arm in (1, 0)]
means = [np.average(data["severity"][a], weights=data_weights[a]) for a in arms]
by_hand = means[0] - means[1]

# %% [markdown]
# The doubly robust estimator (AIPW) adds a model $m_d(X)$ of severity in each arm, and for the ATE averages
#
# $$
# m_1 - m_0 + \frac{D\,(Y - m_1)}{e} - \frac{(1 - D)\,(Y - m_0)}{1 - e}
# $$
#
# over the patients. If the outcome models are right, the fractions average to zero; if the score is right, they take out what the models get wrong. So it is consistent if either is right. The recipe fits both on other folds (Chernozhukov et al., 2018).

# %%
names = ["weighting, ATE", "weighting, ATT", "doubly robust, ATE", "doubly robust, ATT"]
answers = [weight(data, **adjusting, estimand=which) for which in ("ATE", "ATT")]
answers += [
    doubly_robust(data, **adjusting, estimand=which, rng=1) for which in ("ATE", "ATT")
]
answers = pd.DataFrame(answers, names)
tables.results(answers, "Weighting and doubly robust estimates (points).", digits=2)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
effective = weight(data, **adjusting).attrs["effective_n"]
tables.results(
    pd.Series(effective, name="effective n").round(0),
    "What the ATE weights leave of each arm.",
)

# %% [markdown]
# ### Trimming changes the question
#
# Dropping patients with extreme scores steadies the weights. It also changes whom the answer is about, and in a world where the effect varies that moves the truth itself.

# %%
kept = trim(data, treatment="drug", adjust_for="health", low=0.2, high=0.8)
inside = weight(kept, **adjusting)
truth_inside = (-3 + 1.5 * kept["health"]).mean()

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
trimmed = pd.DataFrame(
    {"estimate": [answers.loc["weighting, ATE", "estimate"], inside["estimate"]],
     "std error": [answers.loc["weighting, ATE", "std_error"], inside["std_error"]],
     "truth for these patients": [-3.0, truth_inside], "patients": [len(data), len(kept)]},
    index=["everybody", "scores from 0.2 to 0.8"],
)  # fmt: skip
tables.results(
    trimmed, "Weighting before and after trimming: another population.", digits=2
)

# %% [markdown]
# ### All of them, in both worlds
#
# One function, every estimator with health as the only covariate and linear in it, two worlds.


# %% mystnb={"code_prompt_show": "Show every estimator"} tags=["hide-input"]
def everything(sample):
    given = {**columns, "adjust_for": "health"}
    return {
        "raw": difference_in_means(sample, **columns),
        "regression": standardize(sample, **given, interact=[]),
        "standardization, ATE": standardize(sample, **given),
        "weighting, ATE": weight(sample, **given, variance="stacked"),
        "doubly robust, ATE": doubly_robust(sample, **given, rng=1),
        "standardization, ATT": standardize(sample, **given, estimand="ATT"),
        "matching, ATT": match(sample, **given, estimand="ATT"),
        "weighting, ATT": weight(sample, **given, estimand="ATT"),
        "doubly robust, ATT": doubly_robust(sample, **given, estimand="ATT", rng=1),
    }


tried = {name: pd.DataFrame(everything(sample)).T for name, sample in both.items()}
wide = pd.concat(
    {f"{name} world": t[["estimate", "std_error"]] for name, t in tried.items()}, axis=1
)
wide.columns = [f"{name}: {what}" for name, what in wide.columns]
tables.results(
    wide, "Every estimator in both worlds (points); exact ATE −3, ATT −3.98.", digits=2
)

# %% [markdown]
# (Computed by hand above, weighting for the ATE gives the recipe's −3.33<!--hospital-weights-by-hand:.2f-->. It has the error 0.30<!--hospital-weighting-error-stacked:.2f--> here and 0.42<!--hospital-weighting-error:.2f--> above: there the scores are taken as known, which is the recipe's cautious default for the ATE; here their estimation is counted too.)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-hospital-all"}, "image": {"alt": "Eight estimates in the straight world and in the curved world against the exact ATE of minus 3 and ATT of minus 3.98. In the straight world the intervals of all but the regression coefficient hold their target. In the curved world standardization with a straight line misses ATE and ATT, while the intervals of matching, weighting and doubly robust estimates hold theirs."}} tags=["hide-input"]
_, panels = plt.subplots(2, 1, figsize=(5.6, 6.8))
for ax, (name, table) in zip(panels, tried.items(), strict=True):
    exact = {key: world.truth[key] for key in ("ATE", "ATT")}
    shown = table.drop(index="raw")
    figures.estimates(
        shown,
        truth=exact,
        naive=["regression"],
        xlabel=f"points, {name} world",
        digits=1,
        ax=ax,
    )
    ax.texts[1].set_ha("right")
plt.show()

# %% [markdown]
# *Figure 5. Estimators against ATE and ATT. Above: severity straight in health. Below: curved, with the same straight-line models.*
#
# ## Try to break it
#
# ### The confounder nobody recorded
#
# Now let doctors see a frailty that the record does not hold. It makes the drug likelier and severity worse. No recorded set is valid any more.

# %% mystnb={"code_prompt_show": "Show the frail world and the table"} tags=["hide-input"]
frail = scenarios.hospital(frailty=1.0)
print(
    identify.backdoor(
        frail.model.graph,
        treatment="drug",
        outcome="severity",
        adjust_for=["age", "health"],
    )
)
unlucky = frail.sample(4_000, rng=13)
agreed = pd.DataFrame(everything(unlucky)).T
agreed["exact"] = [
    frail.truth["raw difference"],
    np.nan,
    *[frail.truth[r[-3:]] for r in agreed.index[2:]],
]
tables.results(
    agreed[["estimate", "ci_low", "ci_high", "exact"]],
    "Unrecorded frailty: every estimator, and the truth (points).",
    digits=2,
)

# %% [markdown]
# For either estimand the estimators agree with each other, and all miss it by more than three points. Agreement among methods that share an assumption is no evidence for the assumption. Doubly robust protects against one wrong model, not against a missing column.
#
# ### How strong would it have to be?
#
# Cinelli and Hazlett (2020) turn the question around: how much of what is left of treatment and outcome would a confounder have to explain to bring the estimate to zero? We ask in the world without frailty, and compare with what recorded health explains. The robustness value concerns the regression coefficient, −3.58<!--hospital-linear:.2f--> here, which weights patients by the variance of their treatment, or nearly; it is neither the ATE of −3 nor the ATT of −3.98<!--hospital-att:.2f-->. Neither size nor sign need carry over: with `effect=0.3` the ATE is +0.30 and the coefficient tends to −0.25<!--hospital-other-sign:.2f-->.

# %% [markdown]
# The robustness value is the share that a confounder would have to explain of both, and it needs no more than the coefficient's t statistic and its degrees of freedom:
#
# $$
# RV = \tfrac{1}{2} \left( \sqrt{f^4 + 4 f^2} - f^2 \right), \qquad f = \frac{|t|}{\sqrt{\text{degrees of freedom}}}.
# $$

# %%
fit = smf.ols("severity ~ drug + age + health", data).fit()
f = abs(fit.tvalues["drug"]) / np.sqrt(fit.df_resid)
value_by_hand = (np.sqrt(f**4 + 4 * f**2) - f**2) / 2
strength = robustness_value(data, **columns, adjust_for=["age", "health"])

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
words = {
    "t_value": "t statistic",
    "dof": "degrees of freedom",
    "partial_r2": "partial R² of the drug",
    "rv_q": "robustness value",
    "rv_q_alpha": "robustness value, significance",
}
caption = "Robustness of the regression coefficient."
tables.results(strength.rename(words), caption, digits=3)

# %%
asked = {**columns, "adjust_for": ["age", "health"]}
bounds = bias_bounds(data, **asked, benchmark="health", multiples=(0.1, 0.25, 0.5))

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
shares = {"r2dz_x": "share of drug", "r2yz_dx": "share of severity"}
tables.results(
    bounds[[*shares, "estimate", "ci_low", "ci_high"]].rename(columns=shares),
    "If a confounder were so many times as strong as health.",
    digits=3,
)

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-hospital-contour"}, "image": {"alt": "Contours of the adjusted estimate over the partial R squared of a confounder with the drug and with severity. The estimate of minus 3.6 shrinks towards the upper right and reaches zero along a curve through 0.3 and 0.3. Confounders a tenth, a quarter and half as strong as health stay on the side where the drug still helps."}} tags=["hide-input"]
strengths = {"r2dz_x": np.linspace(0, 0.3, 31), "r2yz_dx": np.linspace(0, 0.9, 31)}
grid_of = contour(data, **asked, **strengths)
_, ax = plt.subplots(figsize=(5.6, 3.6))
curves = ax.contour(
    grid_of.columns,
    grid_of.index,
    grid_of,
    levels=[-3, -2, -1, 1, 2],
    colors=figures.HIDDEN,
)
ax.clabel(curves, fmt="%g")
zero = ax.contour(
    grid_of.columns,
    grid_of.index,
    grid_of,
    levels=[0],
    colors=figures.TREATED,
    linestyles="--",
)
ax.clabel(zero, fmt="%g")
ax.plot(bounds["r2dz_x"], bounds["r2yz_dx"], "D", color=figures.ESTIMATE)
ax.set_xlabel("share of the drug explained (partial R²)")
ax.set_ylabel("share of severity explained (partial R²)")
plt.show()

# %% [markdown]
# *Figure 6. Adjusted estimate (points) by the strength of an unrecorded confounder. Diamonds: a tenth, a quarter and half as strong as recorded health.*
#
# The benchmark is an argument, not a proof: nobody guarantees that what was not recorded is weaker than what was. In a simulated world you can look. Here is the frailty of the frail world beside the health of the same patients.

# %%
oracle = frail.model.sample(4_000, rng=13)
asked["adjust_for"] = ["age", "health", "frailty"]
seen = bias_bounds(oracle, **asked, benchmark=["health", "frailty"], multiples=(0.25,))
tables.results(
    seen[[*shares]].rename(columns=shares),
    "How much a quarter of each would explain.",
    digits=3,
)

# %% [markdown]
# The frailty explains about as much of the drug as health does and less of severity. Leaving it out moves the coefficient from −3.47<!--hospital-frail-linear:.2f--> to −0.14<!--hospital-frail-left-out:.2f-->. The E-value (VanderWeele and Ding, 2017) puts the same thought on the risk-ratio scale, in one number. For that, call a patient severe above 60 points.

# %% mystnb={"code_prompt_show": "Show the risk ratio and its E-value"} tags=["hide-input"]
risk = standardize(
    data.assign(severe=(data["severity"] > 60).astype(int)),
    outcome="severe", treatment="drug", adjust_for="health", model="logit", estimand="ATT",
)  # fmt: skip
treated_risk = (data.loc[data["drug"] == 1, "severity"] > 60).mean()
ratio = treated_risk / (treated_risk - risk["estimate"])
tables.results(
    pd.Series({"risk ratio, ATT": ratio, "E-value": e_value(ratio)["estimate"]}, name="value"),
    "Risk ratio of a severe course among the treated, and its E-value.", digits=2,
)  # fmt: skip

# %% [markdown]
# The E-value restates the risk ratio on another scale; it has no threshold, and it assumes the worst about how a confounder is spread. Read it beside the benchmarks above, not instead of them.

# %% [markdown]
# ### Before a randomized benchmark
#
# Real data, with the answer known. LaLonde (1986) took a randomized job-training experiment, threw its controls away, replaced them by people from national surveys, and asked whether the methods of the day would find the experimental answer. Many did not. Here are the men of Dehejia and Wahba (1999), with the survey CPS; the outcome is earnings in 1978, in dollars, and the estimand the ATT.

# %%
from causaldata import cps_mixtape, nsw_mixtape

trial, survey = nsw_mixtape.load_pandas().data, cps_mixtape.load_pandas().data
earnings = {"outcome": "re78", "treatment": "treat"}
experiment = difference_in_means(trial, **earnings)
mixed = pd.concat([trial[trial["treat"] == 1], survey], ignore_index=True)
mixed["age_squared"] = mixed["age"] ** 2
mixed["jobless_74"] = (mixed["re74"] == 0).astype(int)
mixed["jobless_75"] = (mixed["re75"] == 0).astype(int)
naive_lalonde = difference_in_means(mixed, **earnings)
usual = "age + educ + black + hisp + marr + nodegree + re74 + re75"
customary = smf.ols(f"re78 ~ treat + {usual}", mixed).fit(cov_type="HC2")

# %% [markdown]
# Now every estimator three times: without the earnings of the years before, with them, and with them on the men whose propensity scores lie between 0.1 and 0.9, a rule of thumb of Crump et al. (2009).


# %% mystnb={"code_prompt_show": "Show the four estimators and the three tables"} tags=["hide-input"]
def four_ways(men, given):
    ask = {**earnings, "adjust_for": given}
    ols = smf.ols(f"re78 ~ treat + {' + '.join(given)}", men).fit(cov_type="HC2")
    return pd.Series(
        {
            "regression": ols.params["treat"],
            "weighting": weight(men, **ask, estimand="ATT")["estimate"],
            "matching": match(men, **ask, estimand="ATT")["estimate"],
            "doubly robust": doubly_robust(men, **ask, estimand="ATT", folds=1)[
                "estimate"
            ],
        }
    )


who = ["age", "age_squared", "educ", "black", "marr", "nodegree"]
past = ["re74", "re75", "jobless_74", "jobless_75"]
comparable = trim(mixed, treatment="treat", adjust_for=who + past)
varying = [c for c in who + past if comparable[c].std() > 0]
lalonde = pd.DataFrame(
    {
        "no past earnings": four_ways(mixed, who),
        "past earnings": four_ways(mixed, who + past),
        "past earnings, trimmed": four_ways(comparable, varying),
    }
)
lalonde.loc["spread of the four"] = lalonde.max() - lalonde.min()
caption = "Training and earnings (dollars): ATT, for regression the coefficient; the experiment says 1,794."
tables.results(lalonde, caption, digits=0)

# %% [markdown]
# The experiment's ATT is 1,794<!--hospital-lalonde-experiment-estimate:,.0f--> dollars (671<!--hospital-lalonde-experiment-std-error:,.0f-->); the survey comparison starts at −8,498<!--hospital-lalonde-naive:,.0f-->, and a regression on the usual covariates gives 699<!--hospital-lalonde-ols:,.0f--> (618<!--hospital-lalonde-ols-se:,.0f-->). Past earnings move the answer by thousands of dollars, 4,041<!--hospital-lalonde-least-moved:,.0f--> to 5,563<!--hospital-lalonde-most-moved:,.0f-->. Trimming moves it by −108<!--hospital-lalonde-trim-low:,.0f--> to +613<!--hospital-lalonde-trim-high:+,.0f-->, and the four estimators lie 1,294<!--hospital-lalonde-spread-none:,.0f--> apart without past earnings, 439<!--hospital-lalonde-spread-past:,.0f--> with them, 357<!--hospital-lalonde-spread-trimmed:,.0f--> on the trimmed men.
#
# The doubly robust answers come without a split, which a logit and lines do not need: over twelve deals of the 428<!--hospital-lalonde-kept:,.0f--> men into halves one split gave anything from 816 to 2,057. Each of the table's twelve answers has a standard error above 600 dollars: do not rank the estimators by them. Imbens and Xu (2024) look back on forty years of work on these data: with enough overlap modern estimators agree, and that does not make them valid. It takes placebo tests, and knowledge of how men came to be trained. Trimming also changed whom the answer is about: 428<!--hospital-lalonde-kept:,.0f--> men are left of 16,177, and the experiment's number is for all its trainees.

# %% [markdown]
# ## The decision
#
# Three policies, run in the world with `do`: nobody gets the drug, everybody does, or the sicker half does. One point of severity costs the hospital about a bed-day.

# %% mystnb={"code_prompt_show": "Show the policies"} tags=["hide-input"]
policies = {
    "nobody": 0,
    "everybody": 1,
    "the sicker half": lambda health: health < 0,
    "as it is": None,
}
cost = {
    name: (world.model if rule is None else world.model.do(drug=rule))
    .sample(200_000, rng=5)["severity"]
    .agg(["mean", "sem"])
    for name, rule in policies.items()
}
cost = pd.DataFrame(cost).T.set_axis(["mean severity", "Monte Carlo error"], axis=1)
tables.results(cost, "Mean severity (points) under each policy.", digits=2)

# %% [markdown]
# The dashboard would have chosen "nobody", the worst of the four. Nearly everybody gains: the effect is −3 + 1.5 H, so 2.3%<!--hospital-harmed:.1%--> of the patients, the healthiest, are harmed, and the best rule spares them (−3.013<!--hospital-best-rule:.3f--> instead of −3.000<!--hospital-ate:.3f--> on average, too little to see in the table). If the drug is scarce, the sicker half gets most of the benefit, −2.10<!--hospital-sicker-half:.2f-->.

# %% [markdown]
# ## Many worlds
#
# One sample is one draw. Over 150 fresh samples of 1,000 patients from the straight world: bias and coverage, each estimator against the estimand that the table names (the regression against the ATE, which is not its own).


# %% mystnb={"code_prompt_show": "Show the five analyses"} tags=["hide-input"]
def regression(sample):
    return standardize(sample, **columns, adjust_for="health", interact=[])


def weighting_ate(sample):
    return weight(sample, **columns, adjust_for="health", variance="stacked")


def robust_ate(sample):
    return doubly_robust(sample, **columns, adjust_for="health", folds=2, rng=1)


def matching_att(sample):
    return match(sample, **columns, adjust_for="health", estimand="ATT")


def weighting_att(sample):
    return weight(sample, **columns, adjust_for="health", estimand="ATT")


kept_ones = [
    "regression",
    "weighting, ATE",
    "doubly robust, ATE",
    "matching, ATT",
    "weighting, ATT",
]
analyses = dict(
    zip(
        kept_ones,
        [regression, weighting_ate, robust_ate, matching_att, weighting_att],
        strict=True,
    )
)

# %%
estimands = {name: "ATT" if name.endswith("ATT") else "ATE" for name in kept_ones}
worlds = replicate(
    world, analyses, n=1_000, replications=150, rng=7, estimand=estimands
)
shown = ["estimand", "bias", "bias_error", "rmse", "coverage", "coverage_error"]
tables.results(
    worlds[shown], "150 samples of 1,000 patients, straight world.", digits=2
)

# %% [markdown]
# In 150 samples an interval that covers 0.95 shows between 0.91 and 0.99, so the coverages below the regression's do not rank the methods. Weighting with stacked errors covers less than it promises, 0.92 for the ATE and 0.93 for the ATT in 2,000 samples, because a few patients carry large weights; errors that take the scores as known cover more, 0.98 to 0.99.

# %% [markdown]
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy propensity weighting matching doubly_robust sensitivity
# ```
#
# On your own table look at the overlap, check the balance, then estimate. Here the last step on the smokers of Hernán and Robins (2020), whose weighted estimate of the ATE of quitting on weight is 3.4 kg (2.4 to 4.5).

# %% mystnb={"code_prompt_show": "Show the analysis of the smokers"} tags=["hide-input"]
from causaldata import nhefs_complete

smokers = nhefs_complete.load_pandas().data
given = ["sex", "race", "education", "exercise", "active"]
for column in ["age", "wt71", "smokeintensity", "smokeyrs"]:
    smokers[f"{column}_squared"] = smokers[column] ** 2
    given += [column, f"{column}_squared"]
quit_ = {"outcome": "wt82_71", "treatment": "qsmk"}
nhefs = pd.DataFrame(
    {
        "difference in means": difference_in_means(smokers, **quit_),
        "weighting": weight(smokers, **quit_, adjust_for=given),
        "doubly robust": doubly_robust(smokers, **quit_, adjust_for=given, folds=1),
        "matching on the score": match(
            smokers, **quit_, adjust_for=given, metric="propensity", estimand="ATE"
        ),
    }
).T
tables.results(nhefs, "Quitting smoking and weight change (kg), ATE.", digits=2)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1. The drug that causes heart attacks
#
# "If a doctor only gives a heart medication to the sickest patients, a standard model will tell you the drug causes heart attacks." Draw the graph of that sentence. Which of the quantities in this chapter would such a model report, and what would it need to know to report another?
#
# <details>
# <summary>Solution</summary>
#
# Sickness points to medication and to heart attacks; medication points to heart attacks. A predictive model reports $E[Y \mid D = 1] - E[Y \mid D = 0]$, possibly within levels of other features: the raw difference, ATT plus selection bias. With sickness recorded, and overlap ("only the sickest" is a violation of it!), the estimators of this chapter apply. If truly only the sickest get it, there is nobody to compare them with, and the data cannot answer without extrapolation. (A sharp limit, say a score from which the drug is given, leaves one comparison, of those just below and just above it: [the risk threshold](risk_threshold_rdd.ipynb).)
#
# </details>
#
# ### Exercise 2. Rescue the straight line
#
# In the curved world, add `health_squared` to the regression, to standardization and to weighting. Which of the three needed it?
#
# <details>
# <summary>Solution</summary>
#
# Regression and standardization: their outcome model was wrong without it. Weighting did not: the log odds of treatment are linear in health in both worlds. The plain regression coefficient still does not estimate the ATE, since the effect varies.
#
# </details>
#
# ### Exercise 3. Your own hidden cause
#
# Open-ended. Write a loop over `scenarios.hospital(frailty=phi)` for `phi` from 0 to 1.5 (20,000 patients each). For each, compute the robustness value from the observed columns, and the bias of the doubly robust estimate. Does a large robustness value tell you that the bias is small?
#
# <details>
# <summary>Solution</summary>
#
# No. The robustness value is computed from the observed data and says how strong a confounder would have to be; it cannot say how strong the real one is. It is 0.3 without frailty and near 0 at a frailty of 1, where confounding has brought the coefficient to zero and the doubly robust estimate is off by 3.5 points. At frailties of 0.75 and of 1.25 it is about 0.11 in both, with biases of 2 and of 5 points.
#
# </details>

# %% [markdown]
# ## What the document says
#
# Claims of "We Need to Talk about Causal ML" (Anonymous, n.d.) on adjustment; those on difference-in-differences have [a chapter of their own](hospital_upgrade_did.ipynb).
#
# <details>
# <summary>Claims of “We need to talk about Causal ML”, on adjustment, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | A model that sees the drug given to the sickest will say that the drug harms. | holds | Raw +2.68<!--hospital-raw-truth:+.2f--> points where the ATT is −3.98<!--hospital-att:.2f-->: a selection bias of 6.66<!--hospital-bias:.2f-->. |
# | Adding the confounder to a linear regression recovers the effect of the drug. | holds in part | −3.07<!--hospital-ols-straight:.2f--> for an effect of −3 in the straight world; −1.74<!--hospital-ols-curved:.2f--> in the curved one; with effects that vary the coefficient is neither ATE nor ATT. |
# | Where the relation is not linear, regression fails and matching solves it. | holds in part | With a straight line it fails, and matching gives −4.10<!--hospital-curved-matching-att:.2f--> for an ATT of −3.98<!--hospital-att:.2f-->. Standardization with the square gives −3.08<!--hospital-standardized:.2f--> for an ATE of −3: regression can bend. |
# | Pairs with like propensity scores make a synthetic randomized trial; the groups become exchangeable. | holds in part | Only in what was recorded, and with overlap. With an unrecorded frailty matching gives −0.77<!--hospital-frail-matching-att:.2f--> for an ATT of −3.85<!--hospital-frail-att:.2f-->. |
# | The adjusted coefficient is the treatment effect. | holds in part | Of a population that the regression chooses by the variance of treatment; name the estimand first. |
# | Without adjusting for backdoor paths the coefficients are worthless. | holds in part | Worthless as effects: the raw sign is wrong here. As descriptions and forecasts they are right. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
low, high = customary.conf_int().loc["treat"]
four = lalonde.drop(index="spread of the four")
past_moves, trim_moves = four.diff(axis=1).iloc[:, 1:].to_numpy(float).T
good = [r for r in tried["straight"].index if r not in ("raw", "regression")]
numbers = {
    **{
        f"hospital-{key}": world.truth[name]
        for key, name in [
            ("raw-truth", "raw difference"),
            ("att", "ATT"),
            ("bias", "selection bias"),
            ("ate", "ATE"),
        ]
    },
    "hospital-raw": raw["estimate"],
    "hospital-harmed": stats.norm.sf(2),
    "hospital-best-rule": -3 * stats.norm.cdf(2) - 1.5 * stats.norm.pdf(2),
    "hospital-sicker-half": -3 * stats.norm.cdf(0) - 1.5 * stats.norm.pdf(0),
    "hospital-linear": strength["estimate"],
    "hospital-weights-by-hand": by_hand,
    "hospital-robustness": value_by_hand,
    "hospital-ols-limit": implied.loc["coefficient", "their effect"],
    "hospital-variance-weights": implied.loc["variance weights", "their effect"],
    "hospital-other-sign": implied.loc["coefficient", "their effect"] + 3.3,
    "hospital-frail-linear": robustness_value(oracle, **asked)["estimate"],
    "hospital-frail-left-out": robustness_value(
        oracle, **columns, adjust_for=["age", "health"]
    )["estimate"],
    "hospital-weighting-error": answers.loc["weighting, ATE", "std_error"],
    "hospital-weighting-error-stacked": tried["straight"].loc[
        "weighting, ATE", "std_error"
    ],
    "hospital-lalonde-least-moved": past_moves.min(),
    "hospital-lalonde-most-moved": past_moves.max(),
    "hospital-lalonde-trim-low": trim_moves.min(),
    "hospital-lalonde-trim-high": trim_moves.max(),
    **{
        f"hospital-lalonde-spread-{key}": lalonde.loc["spread of the four", column]
        for key, column in zip(
            ["none", "past", "trimmed"], lalonde.columns, strict=True
        )
    },
    **{
        f"hospital-ols-{key}": ols.loc[name, "estimate"]
        for key, name in zip(["straight", "curved", "varies"], ols.index, strict=True)
    },
    "hospital-trim-truth": truth_inside,
    **{
        f"hospital-{name}-{row}": answer["estimate"]
        for name, table in tried.items()
        for row, answer in table.iterrows()
    },
    **{
        f"hospital-frail-{row}": answer["estimate"] for row, answer in agreed.iterrows()
    },
    **{
        f"hospital-lalonde-experiment-{part}": experiment[part]
        for part in ("estimate", "std_error")
    },
    "hospital-lalonde-naive": naive_lalonde["estimate"],
    "hospital-lalonde-ols": customary.params["treat"],
    "hospital-lalonde-ols-se": customary.bse["treat"],
    "hospital-lalonde-kept": len(comparable),
    **{
        f"hospital-coverage-{name}": worlds.loc[name, "coverage"]
        for name in kept_ones[1:]
    },
    **{f"hospital-mc-bias-{name}": worlds.loc[name, "bias"] for name in kept_ones[1:]},
    **{
        f"hospital-nhefs-{part}": nhefs.loc["weighting", part]
        for part in ("estimate", "ci_low", "ci_high")
    },
    "hospital-nhefs-naive": nhefs.loc["difference in means", "estimate"],
    "hospital-standardized": standardized.iloc[2]["estimate"],
    "hospital-frail-att": frail.truth["ATT"],
}
tables.store(
    numbers,
    agreed=agreed,
    by_recipe=answers.loc["weighting, ATE", "estimate"],
    cost=cost,
    experiment=experiment,
    inside=inside,
    lalonde=lalonde,
    ols=ols,
    parts=parts,
    raw=raw,
    strength=strength,
    straight=tried["straight"],
    truth_inside=truth_inside,
    worlds=worlds,
)
att = world.truth["ATT"]
board = {"raw difference": (raw, "ATT", att, "this world", "exact truth")}
board |= {
    name: (tried["straight"].loc[name], name[-3:], world.truth[name[-3:]], "this world", "exact truth")
    for name in good
}  # fmt: skip
survey = {"estimate": customary.params["treat"], "ci_low": low, "ci_high": high}
board |= {
    "weighting with unrecorded frailty": (agreed.loc["weighting, ATE"], "ATE", -3.0, "the frail world", "exact truth"),
    "training and earnings, regression on the survey": (survey, "coefficient", experiment["estimate"], "ATT by the experiment", "own comparison"),
    "quitting and weight (NHEFS)": (nhefs.loc["weighting"], "ATE", "3.4", "What If, section 12.2", "published figure"),
}  # fmt: skip
tables.scoreboard(board, digits=2)
