"""The headline numbers of every chapter, against exact or published values.

The expected values stand here with their source; none was copied from a notebook.
"""

import pytest
from stored import SCRIPTS, glued

# notebook, glued key, expected value, tolerance, source
HEADLINES = [
    # Iwai, "Beyond Feature Flattening", Table 1 (two decimals), from its script, seed 42
    ("staffing_mediator_trap", "staffing-a0-flattened-estimate", 1.12, 0.005, "Iwai, Table 1"),
    ("staffing_mediator_trap", "staffing-m-flattened-estimate", 1.81, 0.005, "Iwai, Table 1"),
    ("staffing_mediator_trap", "staffing-a0-without-m-estimate", 2.00, 0.005, "Iwai, Table 1"),
    # The same script run with numpy and statsmodels alone, three decimals
    ("staffing_mediator_trap", "staffing-a0-flattened-ci_low", 0.960, 5e-4, "script of Iwai"),
    ("staffing_mediator_trap", "staffing-a0-flattened-ci_high", 1.271, 5e-4, "script of Iwai"),
    ("staffing_mediator_trap", "staffing-m-flattened-ci_low", 1.683, 5e-4, "script of Iwai"),
    ("staffing_mediator_trap", "staffing-m-flattened-ci_high", 1.929, 5e-4, "script of Iwai"),
    ("staffing_mediator_trap", "staffing-a0-without-m-ci_low", 1.862, 5e-4, "script of Iwai"),
    ("staffing_mediator_trap", "staffing-a0-without-m-ci_high", 2.143, 5e-4, "script of Iwai"),
    # Gauss-Hermite quadrature of the document's equations over talent
    ("staffing_mediator_trap", "staffing-ate", 0.29346, 5e-6, "quadrature"),
    ("staffing_mediator_trap", "staffing-CDE(silence=0)", 0.09975, 5e-6, "quadrature"),
    ("staffing_mediator_trap", "staffing-CDE(silence=1)", 0.25738, 5e-6, "quadrature"),
    ("staffing_mediator_trap", "staffing-NDE", 0.11854, 5e-6, "quadrature"),
    ("staffing_mediator_trap", "staffing-NIE", 0.17492, 5e-6, "quadrature"),
    ("staffing_mediator_trap", "staffing-base", 0.2395, 5e-5, "quadrature"),
    ("staffing_mediator_trap", "staffing-no-silence", 0.1126, 5e-5, "quadrature"),
    ("staffing_mediator_trap", "staffing-no-mismatch", 0.0753, 5e-5, "quadrature"),
    ("staffing_mediator_trap", "staffing-log-or-marginal", 1.970, 5e-4, "quadrature"),
    ("staffing_mediator_trap", "staffing-log-or-minus-1", 2.075, 5e-4, "closed form"),
    ("staffing_mediator_trap", "staffing-log-or-0", 2.042, 5e-4, "closed form"),
    ("staffing_mediator_trap", "staffing-log-or-1", 2.001, 5e-4, "closed form"),
    ("staffing_mediator_trap", "staffing-lever-silence", 12.7, 0.05, "quadrature"),
    ("staffing_mediator_trap", "staffing-lever-match", 16.4, 0.05, "quadrature"),
    # The document's rows, standardized from statsmodels' logit fits outside this project
    ("staffing_mediator_trap", "staffing-raw", 0.357, 5e-4, "group means of the script's rows"),
    ("staffing_mediator_trap", "staffing-flattened", 0.146, 5e-4, "logit fit of the script's rows"),
    ("staffing_mediator_trap", "staffing-adjusted", 0.289, 5e-4, "logit fit of the script's rows"),
    ("staffing_mediator_trap", "staffing-recipe", 0.289, 2e-3, "logit fit of the script's rows"),
    ("staffing_mediator_trap", "staffing-p-exit-given-silence", 0.503, 5e-4, "script's rows"),
    # xgboost outside this project: depth 3, eta 0.1, 100 rounds
    ("staffing_mediator_trap", "staffing-gain-silence", 11_217, 10, "xgboost"),
    ("staffing_mediator_trap", "staffing-gain-mismatch", 3_356, 10, "xgboost"),
    ("staffing_mediator_trap", "staffing-gain-talent", 2_300, 10, "xgboost"),
    ("staffing_mediator_trap", "staffing-shap-silence", 0.96, 0.005, "xgboost TreeSHAP"),
    ("staffing_mediator_trap", "staffing-shap-mismatch", 0.64, 0.005, "xgboost TreeSHAP"),
    ("staffing_mediator_trap", "staffing-shap-talent", 0.41, 0.005, "xgboost TreeSHAP"),
    # Many worlds: nominal coverage within four standard errors of 300 samples; no bias
    ("staffing_mediator_trap", "staffing-adjusted-coverage", 0.95, 0.05, "nominal coverage"),
    ("staffing_mediator_trap", "staffing-recipe-coverage", 0.95, 0.05, "nominal coverage"),
    ("staffing_mediator_trap", "staffing-raw-bias", 0.36213 - 0.29346, 0.005, "quadrature"),
    # Hernan and Robins, What If, section 13.3: 3.5 kg
    ("staffing_mediator_trap", "staffing-nhefs", 3.5, 0.02, "What If, section 13.3"),
    ("staffing_mediator_trap", "staffing-nhefs-naive", 2.54, 0.005, "What If, section 12.1"),
    # The explainer's code run with numpy and statsmodels alone, seed 0
    ("seeing_and_doing", "seeing-z-without", 0.526, 5e-4, "script of the explainer"),
    ("seeing_and_doing", "seeing-z-with", 0.027, 5e-4, "script of the explainer"),
    # Omitted variables formula, worked by hand from the equations of load and latency
    ("seeing_and_doing", "seeing-raw-slope", 0.5 + 112.5 / 72.25, 5e-5, "closed form"),
    ("seeing_and_doing", "seeing-effect", 0.5, 1e-9, "equation"),
    (
        "seeing_and_doing",
        "seeing-correlation",
        148.625 / (72.25 * 455.5625) ** 0.5,
        5e-5,
        "moments",
    ),
    ("seeing_and_doing", "seeing-at-80-seen", 150 + 20 * 148.625 / 72.25, 5e-5, "closed form"),
    ("seeing_and_doing", "seeing-at-80-done", 150 + 20 * 0.5, 1e-9, "equation"),
    ("seeing_and_doing", "seeing-dashboard-bias", 112.5 / 72.25, 0.03, "closed form"),
    ("seeing_and_doing", "seeing-adjusted-coverage", 0.95, 0.062, "nominal coverage"),
    ("seeing_and_doing", "seeing-gain-machines", 20 * 0.5, 0.14, "equation"),
    ("seeing_and_doing", "seeing-gain-cache", 2 * (10 + 0.5 * 5), 0.14, "equations"),
    # Charig et al. (1986), counts as printed by Julious and Mullee (1994)
    ("seeing_and_doing", "seeing-simpson-raw", 273 / 350 - 289 / 350, 5e-5, "published counts"),
    (
        "seeing_and_doing",
        "seeing-simpson-split",
        ((81 / 87 - 234 / 270) * 357 + (192 / 263 - 55 / 80) * 343) / 700,
        5e-5,
        "published counts",
    ),
    ("seeing_and_doing", "seeing-simpson-confounder", 0.0537, 5e-5, "published counts, split"),
    ("seeing_and_doing", "seeing-simpson-mediator", -16 / 350, 5e-5, "published counts, together"),
    # The four cells with one record in twenty put right: s = (0.95 c - 0.05 c') / 0.9
    ("seeing_and_doing", "seeing-simpson-proxy", 0.0889, 1e-4, "hand computation"),
    # Truncated normal means by quadrature over traffic; four standard errors of 5,000 hours
    ("seeing_and_doing", "seeing-reviewed", 1.8645, 1e-3, "quadrature"),
    ("seeing_and_doing", "seeing-all-hours", 10, 4 * 0.64, "equation"),
    # Bickel, Hammel and O'Connell (1975): the six largest departments
    ("seeing_and_doing", "seeing-berkeley-raw", 557 / 1835 - 1198 / 2691, 5e-5, "counts"),
    (
        "seeing_and_doing",
        "seeing-berkeley-split",
        (
            933 * (89 / 108 - 512 / 825)
            + 585 * (17 / 25 - 353 / 560)
            + 918 * (202 / 593 - 120 / 325)
            + 792 * (131 / 375 - 138 / 417)
            + 584 * (94 / 393 - 53 / 191)
            + 714 * (24 / 341 - 22 / 373)
        )
        / 4526,
        5e-5,
        "counts",
    ),
    # The probabilities of the world, worked by hand on all three rungs
    ("ladder_of_causation", "ladder-raw", (0.12 + 0.10) - (0.016 + 0.28), 1e-9, "by hand"),
    ("ladder_of_causation", "ladder-ate", (0.15 + 0.5 - 0.08 - 0.35) / 2, 1e-9, "by hand"),
    ("ladder_of_causation", "ladder-twin-ate", 0.22 - 0.296, 1e-9, "by hand"),
    ("ladder_of_causation", "ladder-pn", (0.8 * 0.07 + 0.2 * 0.15) / 0.22, 5e-5, "by hand"),
    ("ladder_of_causation", "ladder-pn-1.0", 0.086 / 0.22, 5e-5, "by hand"),
    ("ladder_of_causation", "ladder-pn-0.5", (1 + 0.086 / 0.22) / 2, 1e-4, "by hand, linear"),
    ("ladder_of_causation", "ladder-pn-0.0", 1.0, 1e-9, "by hand"),
    # Tian and Pearl (2000), theorem 2
    ("ladder_of_causation", "ladder-pn-least", (0.258 - 0.215) / 0.11, 5e-5, "theorem"),
    ("ladder_of_causation", "ladder-pn-most", 1.0, 1e-9, "theorem"),
    ("ladder_of_causation", "ladder-freeze", 100 * (0.258 - 0.215), 1e-9, "by hand"),
    ("ladder_of_causation", "ladder-freeze-twin", 100 * (0.296 - 0.258), 1e-9, "by hand"),
    ("ladder_of_causation", "ladder-quiet-only", 100 * (0.258 - 0.25), 1e-9, "by hand"),
    # Four standard errors of 20,000 logged and 2,000 randomized hours
    ("ladder_of_causation", "ladder-raw-estimate", -0.076, 4 * 0.0062, "by hand"),
    ("ladder_of_causation", "ladder-ate-estimate", 0.11, 4 * 0.0075, "by hand"),
    ("ladder_of_causation", "ladder-trial", 0.11, 4 * 0.0197, "by hand"),
    ("ladder_of_causation", "ladder-adjusted-coverage", 0.95, 0.088, "nominal coverage"),
    ("ladder_of_causation", "ladder-twin-raw-coverage", 0.95, 0.088, "nominal coverage"),
    # LaLonde's men: 140 of 185 trained and 168 of 260 others had earnings in 1978
    ("ladder_of_causation", "ladder-training-ate", 140 / 185 - 168 / 260, 5e-5, "counts"),
    (
        "ladder_of_causation",
        "ladder-training-least",
        1 - (168 / 260) / (140 / 185),
        5e-5,
        "counts",
    ),
    ("ladder_of_causation", "ladder-training-most", (92 / 260) / (140 / 185), 5e-5, "counts"),
]


@pytest.mark.parametrize(("notebook", "key", "expected", "tolerance", "source"), HEADLINES)
def test_a_headline_is_the_known_value(notebook, key, expected, tolerance, source):
    assert glued(notebook)[key] == pytest.approx(expected, abs=tolerance), source


def test_every_chapter_has_headlines_a_scoreboard_and_a_ledger_of_claims():
    for script in SCRIPTS:
        stored = glued(script.stem)
        assert any(h[0] == script.stem for h in HEADLINES), script.stem
        assert any(key.endswith("-scoreboard") for key in stored), script.stem
        assert any(key.endswith("-claims") for key in stored), script.stem
