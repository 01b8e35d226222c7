"""Draw the decision path of book/choosing_a_design.md, as a diagram and as a list.

The path is the data below. It is written twice: as boxes and arrows in HTML, whose words are
text that wraps and can be followed by keyboard, and as a plain nested list in Markdown.
"""

from html import escape
from pathlib import Path
from typing import NamedTuple

BOOK = Path(__file__).resolve().parent.parent / "book"


class Leaf(NamedTuple):
    """Where the path can end: what is estimated there, and the chapters that do it."""

    title: str
    estimand: str
    chapters: tuple[str, ...]
    kind: str = "design"


class Step(NamedTuple):
    """A question, the answers that lead to a leaf, and the answer that leads on."""

    question: str
    ways: tuple[tuple[str, str], ...]
    onward: str = ""


KINDS = {
    "forecast": "No effect asked",
    "design": "Design",
    "conditional": "Interval on a condition",
    "stop": "Not identified",
}

CHAPTERS = {
    "seeing_and_doing": "Seeing and doing",
    "potential_outcomes": "Potential outcomes",
    "ladder_of_causation": "The ladder of causation",
    "staffing_mediator_trap": "The staffing mediator trap",
    "hospital_confounding": "The hospital that treats its sickest",
    "hospital_upgrade_did": "The hospital upgrade",
    "card_krueger_did": "Card and Krueger",
    "more_counties_did": "More counties, more quarters",
    "quarter_of_birth_iv": "Quarter of birth",
    "weak_instruments_iv": "Weak instruments",
    "canary_flag_iv": "The canary flag",
    "readmission_accuracy_trap": "The readmission accuracy trap",
    "asthma_and_pneumonia": "Asthma and pneumonia",
    "four_steps_with_dowhy": "Four steps with DoWhy",
    "pricing_elasticity": "Pricing",
    "risk_threshold_rdd": "The risk threshold",
    "off_policy_evaluation": "Off-policy evaluation",
    "mid_flight_corrections": "Managers who correct mid-flight",
    "immortal_time_trap": "The immortal time trap",
    "effects_in_production": "An effect kept under watch",
}

LEAVES = {
    "forecast": Leaf(
        "Forecast",
        "none; the expected outcome given what is seen",
        (
            "ladder_of_causation",
            "seeing_and_doing",
            "readmission_accuracy_trap",
            "asthma_and_pneumonia",
        ),
        "forecast",
    ),
    "blame": Leaf(
        "Blame in one case",
        "probability of necessity, within bounds",
        ("ladder_of_causation",),
        "stop",
    ),
    "log": Leaf("Another rule on an old log", "policy value", ("off_policy_evaluation",)),
    "experiment": Leaf(
        "Randomized experiment", "ATE", ("potential_outcomes", "effects_in_production")
    ),
    "offer": Leaf("Randomized offer", "ITT, LATE", ("canary_flag_iv", "potential_outcomes")),
    "adjust": Leaf(
        "Adjustment",
        "ATE or ATT, of your choice",
        (
            "hospital_confounding",
            "staffing_mediator_trap",
            "four_steps_with_dowhy",
            "pricing_elasticity",
        ),
    ),
    "over-time": Leaf(
        "Decisions over time",
        "difference between two regimes",
        ("mid_flight_corrections", "immortal_time_trap"),
    ),
    "no-overlap": Leaf(
        "Nobody to compare with",
        "none for those units",
        ("hospital_confounding", "hospital_upgrade_did"),
        "stop",
    ),
    "front-door": Leaf("Front door", "ATE", ("staffing_mediator_trap",)),
    "instrument": Leaf(
        "Instrumental variable",
        "LATE",
        ("quarter_of_birth_iv", "weak_instruments_iv", "canary_flag_iv", "pricing_elasticity"),
    ),
    "threshold": Leaf(
        "Regression discontinuity", "effect at the cutoff; LATE there", ("risk_threshold_rdd",)
    ),
    "did": Leaf("Difference-in-differences", "ATT", ("hospital_upgrade_did",)),
    "staggered": Leaf("Staggered adoption", "ATT, by group and time", ("more_counties_did",)),
    "few-groups": Leaf(
        "Difference-in-differences with few groups",
        "ATT",
        ("card_krueger_did", "hospital_upgrade_did"),
        "conditional",
    ),
    "at-once": Leaf(
        "Two changes at once", "none for either alone", ("hospital_upgrade_did",), "stop"
    ),
    "collect": Leaf(
        "Collect something else",
        "none",
        ("hospital_confounding", "ladder_of_causation"),
        "stop",
    ),
}

PATH = (
    Step(
        "What will be decided, and for whom?",
        (
            ("What to expect, with the treatment left alone", "forecast"),
            ("Whether it was to blame in one past case", "blame"),
            ("Which rule shall choose, with the draws of the old rule on file", "log"),
        ),
        "What an action changes, on average, for a stated group",
    ),
    Step(
        "Can you randomize, if only in a part?",
        (
            ("Yes, and all take what the lot says", "experiment"),
            ("Yes, but they choose what they take", "offer"),
        ),
        "No",
    ),
    Step(
        "Are all common causes of treatment and outcome recorded, "
        "without much error, from before the treatment?",
        (
            ("Yes, and at each level some are treated and some are not", "adjust"),
            ("Yes, before each of several decisions that answer one another", "over-time"),
            ("Yes, but some units have no counterpart", "no-overlap"),
            ("No, but all that carries the effect is, and shares no hidden cause", "front-door"),
        ),
        "No, or you would not swear to it",
    ),
    Step(
        "Did something move the treatment as if by lot, or at the cutoff of a score, "
        "with no other way to the outcome?",
        (
            ("Yes, as if by lot, and you can argue for both", "instrument"),
            ("Yes, at a cutoff beside which nobody can place a unit", "threshold"),
        ),
        "No",
    ),
    Step(
        "Is the outcome known before and after, and does an untreated group show "
        "how it would have changed?",
        (
            ("Yes, many groups, one start", "did"),
            ("Yes, many groups, several starts", "staggered"),
            ("Yes, but only a few groups", "few-groups"),
            ("Yes, but something else began with it", "at-once"),
        ),
        "No",
    ),
    Step("None of these?", (("Then do not report an effect", "collect"),)),
)


def diagram():
    """Return the path as boxes and arrows, in HTML."""
    steps = "\n".join(_box(number, step) for number, step in enumerate(PATH, start=1))
    return (
        '<link rel="stylesheet" href="../_static/decision_path.css">\n'
        '<figure class="path" id="path" aria-labelledby="path-caption">\n'
        f'<ol class="path-steps">\n{steps}\n</ol>\n'
        '<figcaption id="path-caption">The decision path. From each question an arrow to the '
        "right leads to a design or a dead end, an arrow down to the next question. "
        "A solid frame is a design, a dashed one a design whose interval rests on a condition, "
        "a double one a dead end.</figcaption>\n</figure>\n"
    )


def _box(number, step):
    ways = "".join(
        f'<li><span class="path-when">{escape(when)}</span>{_card(name)}</li>'
        for when, name in step.ways
    )
    onward = ""
    if step.onward:
        onward = (
            f'<p class="path-onward"><span>{escape(step.onward)}: '
            f'<a href="#path-{number + 1}">question {number + 1}</a></span></p>'
        )
    return (
        f'<li class="path-step" id="path-{number}"><p class="path-ask">'
        f'<span class="path-number" aria-hidden="true">{number}</span> {escape(step.question)}</p>'
        f'<ul class="path-ways">{ways}</ul>{onward}</li>'
    )


def _card(name):
    leaf = LEAVES[name]
    chapters = ", ".join(
        f'<a href="../notebooks/{chapter}.html">{escape(CHAPTERS[chapter])}</a>'
        for chapter in leaf.chapters
    )
    return (
        f'<div class="path-leaf path-{leaf.kind}"><p class="path-title">'
        f'<a href="#leaf-{name}">{escape(leaf.title)}</a> '
        f'<span class="path-kind">{KINDS[leaf.kind].lower()}</span></p>'
        f"<p>Estimand: {escape(leaf.estimand)}</p><p>Read: {chapters}</p></div>"
    )


def outline():
    """Return the same path as a nested list, in Markdown."""
    lines = []
    for number, step in enumerate(PATH, start=1):
        lines.append(f"{number}. {step.question}")
        lines += [f"   - {when}: {_words(name)}" for when, name in step.ways]
        if step.onward:
            lines.append(f"   - {step.onward}: go on to question {number + 1}.")
    return "\n".join(lines) + "\n"


def _words(name):
    leaf = LEAVES[name]
    chapters = ", ".join(f"{{doc}}`{CHAPTERS[c]} <../notebooks/{c}>`" for c in leaf.chapters)
    return (
        f"**{KINDS[leaf.kind].lower()}**, {{ref}}`{leaf.title} <leaf-{name}>`; "
        f"estimand: {leaf.estimand}; read {chapters}."
    )


if __name__ == "__main__":
    (BOOK / "_path.html").write_text(diagram(), encoding="utf-8")
    (BOOK / "_path.md").write_text(outline(), encoding="utf-8")
