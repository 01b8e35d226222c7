# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The canary flag
#
# **The question.** A feature flag is switched on for a random fifth of users, but who uses the feature is up to them. What does the feature do to those who use it because of the flag?
#
# **The answer in short.** In this world users of the new editor finish 4.95<!--canary-as-treated-exact:.2f--> more tasks a week than the others, and yet those whom the flag brings to it finish 1.55<!--canary-late-size:.2f--> fewer: the flag was random, adoption was not. Compare by flag (the intention to treat, −0.62<!--canary-itt:.2f-->), divide by what the flag does to adoption (0.40<!--canary-share-compliers:.2f-->), and you have the effect among the compliers. You do not have the effect on everybody, and one decision needs the one, another the other.
#
# The analogy is from AI/ML Explained (2026), which uses it to introduce instruments: assignment of the flag is a lever for an effect that self-selection hides. We build the world behind the analogy, with its truth.

# %% [markdown]
# ## The story
#
# A team has rewritten the editor of its product. A canary release puts a banner, "try the new editor", in front of a random fifth of the users. About half of those who see the banner switch. Some enthusiasts have found the setting without a banner and use the new editor anyway. Many never switch, banner or not.
#
# After a week the team looks at the tasks that each user finished, and has to decide: show the banner to everybody, make the new editor the default without a way back, or take it away. If it reads the wrong comparison, it will roll out an editor that makes people slower, and celebrate.

# %% mystnb={"code_prompt_show": "Show the imports"} tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from linearmodels.iv import IV2SLS

from casestudies import identify, scenarios
from casestudies.display import figures, tables
from casestudies.recipes.instrumental_variables import wald
from casestudies.recipes.randomized_experiment import difference_in_means
from casestudies.recipes.standardization import standardize
from casestudies.recipes.weak_instruments import anderson_rubin, first_stage
from casestudies.sampling.montecarlo import replicate

figures.house_style()

# %% [markdown]
# ## The world
#
# Interest in the product, $U$, drives who switches and how much they do. Nobody records it. With flag $Z$, adoption $T$, past use $X$ (sessions a week before the release) and tasks $Y$,
#
# $$
# \begin{aligned}
# Z &\sim \operatorname{Bernoulli}(0.2), \qquad U \sim N(0, 1) \\
# T &= 1 \text{ if } U > 0 \text{ with the flag, if } U > 1.28 \text{ without} \\
# X &= 10 + 3\,(0.6\, U + 0.8\, \varepsilon_X) \\
# Y &= 20 + 4\, U + (-2 + 0.8\, U)\, T + 5\, \varepsilon_Y
# \end{aligned}
# $$
#
# Half of the users have an interest above 0, and a tenth one above 1.28. The new editor costs the average user two tasks a week, and keen users less than that.

# %% mystnb={"code_prompt_show": "Show how the graph is drawn", "figure": {"name": "fig-canary-graph"}, "image": {"alt": "Causal graph: flag points to adopted, adopted points to tasks. Interest, which is not recorded, points to adopted, to tasks and to past use. No arrow runs from flag to tasks, nor between flag and interest."}} tags=["hide-input"]
world = scenarios.canary()
places = {"flag": (0, 0), "adopted": (1.2, 0), "tasks": (2.4, 0)}
places |= {"interest": (1.8, 1), "past_use": (3, 1)}
roles = {"treatment": "adopted", "outcome": "tasks", "hidden": ["interest"]}
figures.causal_graph(world.model.graph, **roles, positions=places)
plt.show()

# %% [markdown]
# *Figure 1. The canary's world. Interest opens a backdoor between adoption and tasks; the flag enters through adoption only.*
#
# What the flag does to adoption sorts users into types that nobody can see one by one (Angrist et al., 1996). An always-taker switches with and without the flag, a never-taker in neither case, a complier only with it. A defier would switch only *without* it; in this world there are none.
#
# | | without flag | with flag | share here |
# |---|---|---|---|
# | always-taker | new editor | new editor | 0.1 |
# | complier | old editor | new editor | 0.4 |
# | never-taker | old editor | old editor | 0.5 |

# %%
data = world.sample(20_000, rng=36)
seen = data.groupby(["flag", "adopted"])["tasks"].agg(["size", "mean"])
seen.columns = ["users", "tasks a week"]
tables.results(seen, "20,000 users by flag and adoption.", digits=2)

# %% [markdown]
# Two of the four rows are pure: unflagged users on the new editor are always-takers, flagged users on the old one never-takers. The other two are mixtures, of compliers with one of these types.

# %% [markdown]
# ## The trap
#
# Three analyses come to mind. Compare users with non-users, as treated. Do the same and adjust for past use. Or keep only the users who "followed the protocol", flagged and switched or unflagged and not, the per-protocol analysis.
#
# **Guess first.** The new editor costs the average user two tasks. Which of the three finds a loss?

# %%
columns = {"outcome": "tasks", "treatment": "adopted"}
as_treated = difference_in_means(data, **columns)
adjusted = standardize(data, **columns, adjust_for=["past_use"])
followed = data[data["flag"] == data["adopted"]]
per_protocol = difference_in_means(followed, **columns)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
naive = pd.DataFrame([as_treated, adjusted, per_protocol]).set_axis(
    ["as treated", "as treated, past use adjusted for", "per protocol"]
)
tables.results(naive, "Tasks a week, users of the new editor minus others.", digits=2)

# %% [markdown]
# All three say that the editor makes people more productive, with intervals far from zero. All three compare keen users with less keen ones. Past use is a trace of interest, and adjusting for it helps a little. Dropping those who did not follow the protocol undoes the randomization: on the flagged side the never-takers go, on the other side the always-takers.

# %%
print(identify.backdoor(world.model.graph, **columns, adjust_for=["past_use"]))

# %% [markdown]
# ## What must be true
#
# The flag is random, whatever users do with it. That makes it an instrument under these conditions:
#
# > **Assumptions, and how each could fail**
# >
# > - **Independence.** The flag is drawn, not chosen. It fails if it sticks to a device and heavy users have more devices, or if flagged users are lost from the log.
# > - **Relevance.** The flag moves adoption. It fails if nobody reads the banner. This one can be seen in the data.
# > - **Exclusion.** The flag changes tasks only through the use of the new editor. It fails if its code slows the page for everybody who is flagged, or if the banner itself takes up time.
# > - **Monotonicity.** Nobody switches back because of the banner. It fails if some users resent being pushed.
# > - **No interference.** One user's editor does not change another's tasks. It fails in documents that are edited together.
#
# Then the Wald ratio, the jump in tasks over the jump in adoption, is the LATE, the mean effect among compliers (Imbens and Angrist, 1994). The document says that the flag lets one pry out "the feature's causal effect". It is the effect on a part of the users, and which part is decided by the banner.

# %% [markdown]
# ## The estimate
#
# First in library code, then by the recipes.

# %%
script = IV2SLS.from_formula("tasks ~ 1 + [adopted ~ flag]", data).fit()
itt = difference_in_means(data, outcome="tasks", treatment="flag")
shift = difference_in_means(data, outcome="adopted", treatment="flag")
flag = {"instrument": "flag", "cov": "robust"}
late = wald(data, **columns, **flag)

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
steps = pd.DataFrame([itt, shift, late]).set_axis(
    ["flag on tasks (ITT)", "flag on adoption", "ratio (LATE)"]
)
steps["exact"] = [world.truth[k] for k in ("ITT", "share of compliers", "LATE")]
tables.results(steps, "From the flag to the effect among compliers.")

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-canary-estimates"}, "image": {"alt": "Four estimates with 95% intervals against the exact LATE of minus 1.55 tasks a week. As treated plus 5.0, with past use adjusted for plus 3.4, and per protocol plus 2.7, all with short intervals far to the right. The Wald ratio is minus 1.4 with an interval that covers the truth."}} tags=["hide-input"]
answers = pd.concat([naive, late.to_frame("Wald ratio of the flag").T])
figures.estimates(
    answers,
    truth={"exact LATE": world.truth["LATE"]},
    naive=naive.index,
    xlabel="effect on tasks a week",
    digits=2,
)
plt.show()

# %% [markdown]
# *Figure 2. Comparing users says that the editor helps. Comparing flags, and dividing by adoption, finds that it harms those whom the flag moved.*
#
# The flag's intervals cover, the others miss even the sign.
#
# ### Who are the compliers?
#
# Nobody can point at one. Yet their number, their past and their two mean outcomes are known (Abadie, 2003). Unflagged users on the new editor are always-takers, flagged users on the old one never-takers, and the rest of the two groups follows by subtraction. The same ratio does it, with a product in the place of the outcome: with $X T$ (past use of those who adopt, 0 for the others) it gives the compliers' mean of $X$, with $Y T$ their mean outcome on the new editor, with $Y (T - 1)$ the one on the old.

# %%
taken = data["adopted"]
parts = {
    "past use": data["past_use"] * taken,
    "tasks on the new editor": data["tasks"] * taken,
    "tasks on the old editor": data["tasks"] * (taken - 1),
}
split = {"outcome": "part", "treatment": "adopted", **flag}
sides = {name: wald(data.assign(part=p), **split) for name, p in parts.items()}

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
portrait = pd.DataFrame(sides).T
portrait["all users"] = [data["past_use"].mean(), np.nan, np.nan]
tables.results(portrait, "The compliers, estimated without knowing one of them.", digits=2)  # fmt: skip

# %% [markdown]
# The compliers used the product about 11.1<!--canary-complier-past:.1f--> times a week before (exact: 11.01<!--canary-complier-past-exact:.2f-->), somewhat more than the average of 10. They are neither the enthusiasts nor the refusers. What the editor would do to those two groups the flag does not say: in this world enthusiasts lose less, refusers would lose more, and the ATE over everybody is −2<!--canary-ate:.0f-->.

# %% [markdown]
# ## Try to break it
#
# ### Placebo, balance, strength
#
# Past use was fixed before the flag was drawn. A placebo test puts it in the place of the outcome: the flag must not move it. And the shares must add up: a fifth of the users flagged, no more and no less.

# %%
placebo = difference_in_means(data, outcome="past_use", treatment="flag")
ratio = data["flag"].agg(["mean", "sem"])
strength = first_stage(data, treatment="adopted", instruments="flag")
safe = anderson_rubin(data, **columns, instruments="flag", cov="robust")

# %% mystnb={"code_prompt_show": "Show how the checks are printed"} tags=["hide-input"]
print(f"flag on past use  {placebo['estimate']:.3f} ({placebo['std_error']:.3f})")
print(f"share flagged     {ratio['mean']:.4f} ({ratio['sem']:.4f}), planned 0.2")
print(f"first-stage F     {strength.loc['effective F', 'value']:.0f}")
print(safe["statement"])

# %% [markdown]
# The instrument is strong, and so the Anderson–Rubin set hardly differs from the usual interval. None of these checks touches exclusion or monotonicity.
#
# ### The flag itself costs time
#
# Suppose the flag's code slows every page, for those who switch and those who do not, at a price of half a task a week. Or suppose that one user in ten takes offence and does the opposite of what the banner asks. No placebo and no balance check can see it. The exact limits of the Wald ratio:

# %%
weak_banner = {"share_defiers": 0.02, "share_compliers": 0.05}
breaches = {
    "all conditions hold": {},
    "flag costs half a task": {"flag_on_tasks": -0.5},
    "flag costs 0.1 tasks": {"flag_on_tasks": -0.1},
    "one in ten defies": {"share_defiers": 0.1},
    "both, and a weak banner": {"flag_on_tasks": -0.1, **weak_banner},
}

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
limits = {}
for name, knobs in breaches.items():
    truth = scenarios.canary(**knobs).truth
    limits[name] = [truth["Wald limit"], truth["LATE"], truth["ITT"]]
limits = pd.DataFrame(limits, index=["Wald limit", "LATE", "ITT"]).T
limits["off by"] = limits["Wald limit"] - limits["LATE"]
tables.results(limits, "What the Wald ratio tends to when a condition fails.", digits=2)  # fmt: skip

# %% [markdown]
# A direct effect of the flag is divided by the share of compliers: half a task becomes more than one. With a banner that moves one user in twenty, a tenth of a task and a few defiers are enough to ruin the answer. Defiers bias the ratio by how far the compliers' effect exceeds theirs, times their share over that of the compliers net of them (de Chaisemartin, 2017). In the fourth row one in ten defies, whatever the interest, so that the defiers' effect is −2, and $(-1.55 + 2) \cdot 0.10 / (0.36 - 0.10) = 0.17$.
#
# Against the first failure there is a design: flag half of the control group with an *empty* flag, which loads the code and shows nothing. Against the second there is a partial test. If the flag acts through adoption only and nobody defies it, then in any range of outcomes flagged adopters are at least as common, among the flagged, as unflagged adopters are among the unflagged (Kitagawa, 2015): the difference is made of compliers, and there cannot be fewer than none. (For those who do not adopt it is the other way round.) Where one in ten defies, this fails for outcomes below six tasks, by 0.0032, which a sample of this size shows nearly always (99%) to somebody who looks there. With the half-task leak it fails too, but by so little that most samples like ours would miss it (t of 1.3 on average at the best cut). Passing proves nothing; failing ends the argument. What remains is thought.

# %% mystnb={"code_prompt_show": "Show how the figure is drawn", "figure": {"name": "fig-canary-exclusion"}, "image": {"alt": "Limit of the Wald ratio against the direct effect of the flag on tasks, from minus 1 to plus 1, for three banners. With 40 percent compliers the line runs from minus 4.1 to plus 0.9, with 20 percent it is twice as steep, with 5 percent it leaves the picture: a direct effect of plus or minus 0.2 already moves it by 4 tasks."}} tags=["hide-input"]
direct = np.linspace(-1, 1, 41)
_, ax = plt.subplots(figsize=(5.6, 3.4))
styles = {0.4: "-", 0.2: "--", 0.05: ":"}
for share, dash in styles.items():
    knobs = {"share_compliers": share, "flag_on_tasks": 0.0}
    line = [
        scenarios.canary(**knobs | {"flag_on_tasks": d}).truth["Wald limit"]
        for d in direct
    ]
    ax.plot(direct, line, dash, color=figures.ESTIMATE, label=f"{share:.0%} compliers")
ax.axhline(0, color=figures.HIDDEN, linewidth=0.8)
ax.axvline(0, color=figures.HIDDEN, linewidth=0.8)
ax.plot(0, world.truth["LATE"], "o", color=figures.TRUTH)
ax.set(
    ylim=(-8, 8),
    xlabel="direct effect of the flag (tasks a week)",
    ylabel="limit of the Wald ratio",
)
ax.legend(loc="lower right")
plt.show()

# %% [markdown]
# *Figure 3. What the Wald ratio tends to if the flag has a direct effect, by the share of compliers. The weaker the banner, the steeper the line.*
#
# ## The decision
#
# Three levers are on the table, and each asks for another estimand. Run the world under each with `do`.

# %%
actions = {
    "canary as it is": {},
    "banner for everybody": {"flag": 1},
    "no banner": {"flag": 0},
    "new editor for everybody": {"adopted": 1},
    "old editor for everybody": {"adopted": 0},
}
n = 400_000
run = {name: world.model.do(**a).sample(n, rng=5) for name, a in actions.items()}
tasks = {name: sample["tasks"].mean() for name, sample in run.items()}

# %% mystnb={"code_prompt_show": "Show how the table is made"} tags=["hide-input"]
keys = ["E[tasks]", *[f"E[tasks | do({k}={v})]" for k in ("flag", "adopted") for v in (1, 0)]]  # fmt: skip
levers = pd.DataFrame({"simulated": tasks})
levers["exact"] = [world.truth[key] for key in keys]
levers["per 1,000 users"] = 1_000 * (levers["exact"] - world.truth["E[tasks]"])
tables.results(levers.round(2), "Tasks a user and week under each action (Monte Carlo errors 0.01), and the change for 1,000 users.", digits=2)  # fmt: skip

# %% [markdown]
# - **Banner on or off** is the ITT: showing the banner to everybody would cost 497<!--canary-lever-banner-cost:.0f--> tasks a week per thousand users, compared with now. The canary answers this directly, without exclusion or monotonicity.
# - **Is the editor bad for those who come to it by the banner?** is the LATE. It is what the developers need to know: the thing they built slows down the people whom the banner won for it.
# - **Force it on everybody** takes the ATE, and against now the ATT of those who have it already: 1,816<!--canary-lever-forced-cost:,.0f--> tasks fewer than now per thousand. The flag identifies neither; extrapolating the LATE to everybody would forecast too small a loss, because refusers lose more than compliers.
#
# The as-treated comparison would have forecast a gain.
#
# ## Many worlds
#
# Two hundred fresh canaries of 4,000 users each, held against the LATE.

# %% mystnb={"code_prompt_show": "Show the three analyses"} tags=["hide-input"]
analyses = {
    "as treated": lambda sample: difference_in_means(sample, **columns),
    "per protocol": lambda sample: difference_in_means(
        sample[sample["flag"] == sample["adopted"]], **columns
    ),
    "Wald ratio": lambda sample: wald(sample, **columns, **flag),
}

# %%
many = replicate(world, analyses, n=4_000, replications=200, rng=37, estimand="LATE")
shown = ["bias", "bias_error", "rmse", "coverage", "coverage_error"]
tables.results(many[shown], "200 samples of 4,000 users against the exact LATE.")

# %% [markdown]
# ## Take it with you
#
# ```bash
# .venv/bin/casestudies copy instrumental_variables
# ```
#
# Any release with a random flag and optional use fits the call. So does a lottery for a course that some winners skip, or a letter that invites to a screening:

# %%
letter = np.repeat([0, 1], 500)
screened = np.repeat([0, 1, 0, 1], [450, 50, 250, 250])
visits = np.random.default_rng(1).poisson(3, 1_000)
invited = pd.DataFrame({"letter": letter, "screened": screened, "visits": visits})
ask = {"outcome": "visits", "treatment": "screened", "instrument": "letter"}
fit = wald(invited, **ask, cov="robust")
tables.results(
    [fit],
    "Visits caused by screening, among those who come because of the letter "
    "(made-up data without an effect).",
)

# %% jupyter={"source_hidden": true} mystnb={"code_prompt_show": "Show how this is checked"} tags=["hide-cell"]
assert fit["ci_low"] < 0 < fit["ci_high"]

# %% [markdown]
# What an instrument that nobody drew can and cannot do is the subject of [Quarter of birth: an instrument you can hold, weigh, and break](quarter_of_birth_iv.ipynb).
#
# ## Exercises
#
# ### Exercise 1. A flag without always-takers
#
# Suppose the setting is locked for everybody without the flag. What becomes of the always-takers, which types are left, and whose mean effect is the Wald ratio then? Check with `scenarios.canary(share_always_takers=0.0, share_compliers=0.5)`.
#
# <details>
# <summary>Solution</summary>
#
# Compliers and never-takers, half of the users each: the enthusiasts now wait for the flag, which makes compliers of them. Everybody who uses the editor is then a flagged complier, so that the LATE is the effect on the treated: `truth["LATE"] == truth["ATT"]`, −1.36. Locking the feature outside the canary buys a clearer estimand, and a larger $c$.
#
# </details>
#
# ### Exercise 2. Is a bigger canary a better one?
#
# You may flag more users (`share_flagged`) or make the banner more prominent (`share_compliers`). With 4,000 users, which halves the width of the interval sooner? And which changes the estimand?
#
# <details>
# <summary>Solution</summary>
#
# The standard error is roughly $\sigma / (c \sqrt{n\, p (1 - p)})$ with $c$ the share of compliers. Going from $p = 0.2$ to 0.5 shrinks it by a fifth only, and no $p$ halves it. Doubling $c$ halves it, and changes who the compliers are: a more prominent banner also moves the less interested, whose effect is another.
#
# </details>
#
# ### Exercise 3. Bounds for everybody
#
# Open-ended. Suppose you know that a user finishes between 0 and 50 tasks a week. From one sample, bound the ATE, the mean effect of the new editor on everybody, using the shares of the three types, the compliers' two means, the always-takers' mean on the new editor and the never-takers' mean on the old. How wide is the interval, and what would shrink it most?
#
# <details>
# <summary>Solution</summary>
#
# With shares $a, c, v$ the average effect is $a\,(\bar Y_1^a - Y_0^a) + c\,\mathrm{LATE} + v\,(Y_1^v - \bar Y_0^v)$, with bars on what the data give. The two missing means lie between 0 and 50, so that the width is $50\,(a + v)$, here 30 tasks, from about −11 to 19 in exact figures, before any sampling error: the data alone say next to nothing about everybody. Assuming that never-takers would lose at least as much as compliers do lowers the upper bound, to about 1.2. Making never-takers switch for a while, in a second experiment, shrinks it most, as $v = 0.5$.
#
# </details>
#
# ## What the document says
#
# The claims of AI/ML Explained (2026) around the canary flag.
#
# <details>
# <summary>Claims of AI/ML Explained, Day 36, on the canary flag, and our verdicts</summary>
#
# | Claim | Verdict | What the numbers say |
# |---|---|---|
# | A flag assigned by a random seed is unrelated to who the users are. | holds | Flag on past use 0.079<!--canary-placebo:.3f--> (standard error 0.052<!--canary-placebo-se:.3f-->). By design; check it, because flags stick to devices. |
# | The nudge is itself unrelated to the outcome and to the confounder. | holds in part | To the confounder, by the draw. To the outcome it has to be related, by way of the treatment: flag on tasks −0.57<!--canary-itt-estimate:.2f--> (−0.78<!--canary-itt-low:.2f--> to −0.35<!--canary-itt-high:.2f-->). Otherwise there would be nothing to divide. |
# | Adoption is self-selected, so that comparing users with non-users misleads. | holds | As treated +4.95<!--canary-as-treated-exact:+.2f-->, per protocol +2.61<!--canary-per-protocol-exact:+.2f-->, effect among compliers −1.55<!--canary-late:+.2f--> (exact). |
# | The flag pries out the feature's causal effect. | holds in part | It gives the effect among compliers, −1.55<!--canary-late:.2f-->. Over everybody it is −2.00<!--canary-ate:.2f-->, among users of the canary −1.02<!--canary-att:.2f-->. |
# | The flag acts on the outcome only through the feature (as an instrument must). | cannot be tested here | It is an assumption about the flag's code and banner. An inequality could refute it (Kitagawa, 2015), and would not show this: a direct cost of 0.1 tasks moves the limit from −1.55<!--canary-late:.2f--> to −1.80<!--canary-limit-tenth:.2f-->. |
# | Three conditions are enough. | holds in part | With effects that differ, monotonicity is needed too: with one defier in ten the limit is −1.38<!--canary-limit-defy:.2f--> instead of −1.55<!--canary-late:.2f-->. |
#
# </details>

# %% jupyter={"source_hidden": true} tags=["remove-cell"]
# What the pages and the tests of the book read from this chapter.
numbers = {
    **{
        f"canary-{key}": row["estimate"]
        for key, (_, row) in zip(
            ["as-treated", "adjusted", "per-protocol"], naive.iterrows(), strict=True
        )
    },
    **{
        f"canary-{key}-low": row["ci_low"]
        for key, (_, row) in zip(
            ["as-treated", "adjusted", "per-protocol"], naive.iterrows(), strict=True
        )
    },
    "canary-late": world.truth["LATE"],
    "canary-late-size": -world.truth["LATE"],
    "canary-ate": world.truth["ATE"],
    "canary-att": world.truth["ATT"],
    "canary-itt": world.truth["ITT"],
    "canary-share-compliers": world.truth["share of compliers"],
    "canary-as-treated-exact": world.truth["as treated"],
    "canary-per-protocol-exact": world.truth["per protocol"],
    **{
        f"canary-{key}{end}": answer[part]
        for key, answer in {"itt": itt, "first-stage": shift, "late": late}.items()
        for end, part in {
            "-estimate": "estimate",
            "-low": "ci_low",
            "-high": "ci_high",
        }.items()
    },
    "canary-complier-past": portrait["estimate"].iloc[0],
    "canary-complier-past-exact": world.truth["E[past_use | complier]"],
    **{
        f"canary-limit-{key}": limits.loc[name, "Wald limit"]
        for key, name in zip(
            ["valid", "half", "tenth", "defy", "weak"], limits.index, strict=True
        )
    },
    **{
        f"canary-late-{key}": limits.loc[name, "LATE"]
        for key, name in zip(
            ["valid", "half", "tenth", "defy", "weak"], limits.index, strict=True
        )
    },
    **{
        f"canary-lever-{key}": levers.loc[name, "per 1,000 users"]
        for key, name in zip(
            ["now", "banner", "none", "forced", "removed"], actions, strict=True
        )
    },
    "canary-lever-banner-cost": -levers.loc["banner for everybody", "per 1,000 users"],
    "canary-lever-forced-cost": -levers.loc[
        "new editor for everybody", "per 1,000 users"
    ],
    "canary-many-bias": many.loc["Wald ratio", "bias"],
    "canary-many-coverage": many.loc["Wald ratio", "coverage"],
    "canary-placebo": placebo["estimate"],
    "canary-placebo-se": placebo["std_error"],
}
tables.store(
    numbers,
    late=late,
    levers=levers,
    limits=limits,
    many=many,
    n=n,
    naive=naive,
    placebo=placebo,
    portrait=portrait,
    ratio=ratio,
    safe=safe,
    script=[script.params["adopted"], script.std_errors["adopted"]],
    steps=steps,
)
known = {
    name: (row, "LATE", world.truth["LATE"], "this world", "exact truth")
    for name, row in answers.iterrows()
}
tables.scoreboard(known)
