"""Glossary terms are linked where a chapter first uses them, and none is idle.

Which words count as a use of a term is only partly decidable: "power", "policy" or "treatment"
are everyday words too, and left out. Every other term is linked where a chapter first uses it;
every link is a term, and no term is idle. Run this file with Python for a report.
"""

import re
import sys
from functools import cache

import pytest
from stored import ROOT, SCRIPTS

EVERYDAY = {
    *("balance", "bias", "consistency", "counterfactual", "covariate", "coverage", "drift"),
    *("estimator", "identification", "instrument", "intervention", "matching", "outcome"),
    *("policy", "power", "relevance", "standard error", "treatment", "confidence interval"),
}
ROLE = re.compile(r"\{term\}`(?:[^`<]*<)?([^`<>]+?)>?`")
# Terms that no page uses yet; a new term of the glossary comes with the page that needs it.
WAITING = {
    *("blocked path", "common support", "confidence interval", "cross-fitting", "d-separation"),
    *("effect heterogeneity", "graph surgery", "Hájek weights", "individual treatment effect"),
    *("just-identified", "M-bias", "M-estimation", "marginal structural model"),
    *("Monte Carlo error", "off-policy evaluation", "overadjustment", "Table 2 fallacy"),
}
CAPITALS = re.compile("[A-Z]")
LINK = re.compile("«([^»]*)»")  # what a role becomes below
NOT_PROSE = [
    re.compile(
        r"^```(?:\{(?!note|tip|admonition|important|warning|exercise|solution|glossary)|\w).*?^```",
        re.M | re.S,
    ),
    re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.S),
    re.compile(r"(?:\{[\w:]+\})?`[^`\n]+`"),
    re.compile(r"^#+ .*$|^:\w+:.*$", re.M),
    re.compile(r"\]\([^)]*\)"),
]


@cache
def terms():
    """Return the words of every entry of the glossary, by its first one."""
    text = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    body = text.partition("```{glossary}\n")[2].partition("\n```")[0]
    found, names = {}, []
    for line in body.splitlines():
        if line and not line.startswith(" "):
            names.append(line)
        elif line and names:
            found[names[0]], names = names, []
    return found


@cache
def prose(path):
    """Return the text of a chapter or a page, without code, formulas, headings and roles."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        cells = re.split(r"^# %%", text, flags=re.M)
        kept = [c.partition("\n")[2] for c in cells if c.startswith(" [markdown]")]
        text = "\n\n".join(re.sub(r"^# ?", "", cell, flags=re.M) for cell in kept)
    return without_code(text)


def without_code(text):
    """Return a text without code, formulas, headings and roles, its links set in guillemets."""
    text = ROLE.sub("«\\1»", text)
    for pattern in NOT_PROSE:
        text = pattern.sub(" ", text)
    return text


def pattern(words):
    parts = [
        re.escape(w) if len(CAPITALS.findall(w)) > 1 else f"(?i:{re.escape(w)})" for w in words
    ]
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?:s|es)?(?!\w)")


def links(text):
    """Return where each entry of the glossary is first linked."""
    first = {word.lower(): name for name, words in terms().items() for word in words}
    found = {}
    for match in LINK.finditer(text):
        found.setdefault(first.get(match[1].strip().lower(), match[1]), match.start())
    return found


def unlinked(text):
    """Return the entries that are used before they are linked, and whether they are later."""
    linked = links(text)
    plain = LINK.sub(lambda match: " " * len(match[0]), text)
    found = {}
    for name, words in terms().items():
        use = pattern(words).search(plain)
        if name not in EVERYDAY and use and use.start() < linked.get(name, len(text)):
            found[name] = "linked later" if name in linked else "not linked"
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_chapter_links_at_least_eight_terms(script):
    assert len(links(prose(script))) >= 8


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_chapter_links_a_term_where_it_first_uses_it(script):
    dummies_overlap = {"overlap"} if script.stem == "card_krueger_did" else set()
    assert set(unlinked(prose(script))) <= dummies_overlap, "link it, or add it to EVERYDAY"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_link_is_a_term_of_the_glossary(script):
    assert set(links(prose(script))) <= set(terms())


def test_no_term_of_the_glossary_is_idle():
    pages = [*SCRIPTS, *(ROOT / "book").rglob("*.md")]
    text = "\n".join(prose(page) for page in pages if page.stem != "glossary")
    glossary = links(prose(ROOT / "book" / "glossary.md"))
    used = {name for name, words in terms().items() if pattern(words).search(text)}
    assert set(terms()) - used - set(glossary) <= WAITING


def test_first_uses_are_found_in_prose_and_not_in_code_formulas_or_headings():
    text = "# ATT\nA collider. {term}`overlap` by `ATE` and {term}`IPW`, $LIML$. {cite:p}`mediator`"
    assert unlinked(without_code(text)) == {"collider": "not linked"}
    assert unlinked("What DiD did.") == {"difference-in-differences": "not linked"}
    assert unlinked("What it did.") == {}
    later = without_code("ATE first, then {term}`ATE`.")
    assert unlinked(later) == {"average treatment effect": "linked later"}
    assert links(without_code("{term}`compliers <complier>`")) == {"complier": 0}


def main():
    """Print, for every chapter, the terms that it uses before it links them."""
    for script in SCRIPTS:
        found = unlinked(prose(script))
        count = len(links(prose(script)))
        print(f"{script.stem}: {count} linked, {len(found)} used without or before a link")
        print("   ", "; ".join(f"{name} ({how})" for name, how in found.items()) or "none")


if __name__ == "__main__":
    sys.exit(main())
