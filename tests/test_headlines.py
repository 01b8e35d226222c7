"""The headline numbers of every chapter, against exact or published values.

The expected values stand here with their source; none was copied from a notebook.
"""

from math import comb

import numpy as np
import pytest
from stored import SCRIPTS, glued

DOWHY = "four_steps_with_dowhy"

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
    # Angrist and Krueger (1991), Quarterly Journal of Economics 106(4)
    ("quarter_of_birth_iv", "qob-mean-wage-first", 5.8916, 5e-5, "A&K, Table III, panel B"),
    ("quarter_of_birth_iv", "qob-mean-wage-rest", 5.9027, 5e-5, "A&K, Table III, panel B"),
    ("quarter_of_birth_iv", "qob-mean-schooling-first", 12.6881, 5e-5, "A&K, Table III, panel B"),
    ("quarter_of_birth_iv", "qob-mean-schooling-rest", 12.7969, 5e-5, "A&K, Table III, panel B"),
    ("quarter_of_birth_iv", "qob-wald", 0.1020, 5e-5, "A&K, Table III, panel B"),
    ("quarter_of_birth_iv", "qob-wald-se", 0.0239, 5e-5, "A&K, Table III, panel B"),
    ("quarter_of_birth_iv", "qob-ols", 0.0711, 5e-5, "A&K, Table V, column 1"),
    ("quarter_of_birth_iv", "qob-ols-se", 0.0003, 5e-5, "A&K, Table V, column 1"),
    ("quarter_of_birth_iv", "qob-tsls", 0.0891, 5e-5, "A&K, Table V, column 2"),
    ("quarter_of_birth_iv", "qob-tsls-se", 0.0161, 5e-5, "A&K, Table V, column 2"),
    ("quarter_of_birth_iv", "qob-overid", 25.4, 0.05, "A&K, Table V, column 2, 29 df"),
    ("quarter_of_birth_iv", "qob-trend-2sls", 0.0760, 5e-5, "A&K, Table V, column 4"),
    ("quarter_of_birth_iv", "qob-trend-2sls-se", 0.0290, 5e-5, "A&K, Table V, column 4"),
    # Angrist and Pischke (2009), Mostly Harmless Econometrics, Table 4.6.2 (three decimals)
    ("quarter_of_birth_iv", "qob-quarter-2sls", 0.105, 5e-4, "MHE, Table 4.6.2, column 1"),
    ("quarter_of_birth_iv", "qob-quarter-2sls-se", 0.020, 5e-4, "MHE, Table 4.6.2, column 1"),
    ("quarter_of_birth_iv", "qob-quarter-liml", 0.106, 5e-4, "MHE, Table 4.6.2, column 1"),
    ("quarter_of_birth_iv", "qob-f-quarter", 32.27, 0.005, "MHE, Table 4.6.2, column 1"),
    ("quarter_of_birth_iv", "qob-quarter-trend-2sls", 0.435, 5e-4, "MHE, Table 4.6.2, column 2"),
    ("quarter_of_birth_iv", "qob-quarter-trend-2sls-se", 0.450, 5e-4, "MHE, 4.6.2, column 2"),
    ("quarter_of_birth_iv", "qob-quarter-trend-liml", 0.539, 6e-4, "MHE, Table 4.6.2, column 2"),
    ("quarter_of_birth_iv", "qob-quarter-trend-liml-se", 0.627, 5e-4, "MHE, 4.6.2, column 2"),
    ("quarter_of_birth_iv", "qob-quarter-trend-f", 0.42, 0.005, "MHE, Table 4.6.2, column 2"),
    ("quarter_of_birth_iv", "qob-liml", 0.093, 5e-4, "MHE, Table 4.6.2, column 3"),
    ("quarter_of_birth_iv", "qob-liml-se", 0.018, 5e-4, "MHE, Table 4.6.2, column 3"),
    ("quarter_of_birth_iv", "qob-f-thirty", 4.91, 0.005, "MHE, Table 4.6.2, column 3"),
    ("quarter_of_birth_iv", "qob-trend-liml", 0.081, 5e-4, "MHE, Table 4.6.2, column 4"),
    ("quarter_of_birth_iv", "qob-trend-liml-se", 0.041, 6e-4, "MHE, Table 4.6.2, column 4"),
    ("quarter_of_birth_iv", "qob-trend-f", 1.61, 0.005, "MHE, Table 4.6.2, column 4"),
    # linearmodels on the 329,509 rows of the original file
    ("quarter_of_birth_iv", "qob-liml", 0.0929, 5e-5, "original file"),
    ("quarter_of_birth_iv", "qob-liml-se", 0.0177, 5e-5, "original file"),
    ("quarter_of_birth_iv", "qob-f-first", 67.57, 0.005, "original file"),
    # Arithmetic on Table III: the jump in wages, and half of the Wald ratio
    ("quarter_of_birth_iv", "qob-direct-all-percent", 1.11, 0.011, "5.9027 - 5.8916"),
    ("quarter_of_birth_iv", "qob-direct-half", 0.1020 / 2, 5e-5, "half of Table III's Wald"),
    # The explainer's IV script with numpy alone, and its world by hand
    ("quarter_of_birth_iv", "qob-toy-2sls", 1.9799, 5e-5, "script of the explainer"),
    ("quarter_of_birth_iv", "qob-toy-2sls-low", 1.8566, 5e-5, "script of the explainer"),
    ("quarter_of_birth_iv", "qob-toy-2sls-high", 2.1033, 5e-5, "script of the explainer"),
    ("quarter_of_birth_iv", "qob-toy-ols", 3.1418, 5e-5, "script of the explainer"),
    ("quarter_of_birth_iv", "qob-toy-effect", 2, 1e-9, "the script's equation"),
    ("quarter_of_birth_iv", "qob-toy-ols-limit", 2 + 3 / (0.64 + 1 + 1), 5e-5, "by hand"),
    ("quarter_of_birth_iv", "qob-given", -3 * 0.8 / 2, 5e-5, "by hand"),
    ("quarter_of_birth_iv", "qob-schooling-given-nudge", 2 + 3 / 2, 5e-5, "by hand"),
    ("quarter_of_birth_iv", "qob-excl-iv", 2 + 1.2 / 0.8, 5e-5, "by hand"),
    ("quarter_of_birth_iv", "qob-excl-given", 0, 5e-5, "by hand: 1.2 - 1.2"),
    ("quarter_of_birth_iv", "qob-weak-leak-iv", 2 + 0.1 / 0.05, 5e-5, "by hand"),
    ("quarter_of_birth_iv", "qob-hand-toy-exact", (30 / 10) ** 0.5, 5e-5, "by hand"),
    ("quarter_of_birth_iv", "qob-hand-opposed-exact", (2 / 10) ** 0.5, 5e-5, "by hand"),
    ("quarter_of_birth_iv", "qob-hand-toy", 1.73, 0.05, "by hand, 4,000 rows"),
    ("quarter_of_birth_iv", "qob-hand-opposed", 0.447, 0.05, "by hand, 4,000 rows"),
    ("quarter_of_birth_iv", "qob-law", 0.8 * 2, 5e-5, "by hand"),
    ("quarter_of_birth_iv", "qob-law-ols", 0.8 * (2 + 3 / 2.64), 5e-5, "by hand"),
    # Made-up quarters: F of 1, the OLS slope, within four standard errors of twenty draws
    ("quarter_of_birth_iv", "qob-fake-f", 1, 4 * (2 / 30 / 20) ** 0.5, "variance of F(30, n)"),
    ("quarter_of_birth_iv", "qob-fake-mean", 0.0711, 4 * 0.036 / 20**0.5, "A&K, Table V"),
    # Anderson-Rubin covers at any strength, within four standard errors of 20,000 samples
    ("quarter_of_birth_iv", "qob-mc-ar-1-1", 0.95, 0.0062, "nominal coverage"),
    ("quarter_of_birth_iv", "qob-mc-ar-1-5", 0.95, 0.0062, "nominal coverage"),
    ("quarter_of_birth_iv", "qob-mc-ar-1-50", 0.95, 0.0062, "nominal coverage"),
    ("quarter_of_birth_iv", "qob-mc-ar-30-1", 0.95, 0.0062, "nominal coverage"),
    ("quarter_of_birth_iv", "qob-mc-ar-30-5", 0.95, 0.0062, "nominal coverage"),
    ("quarter_of_birth_iv", "qob-mc-ar-30-50", 0.95, 0.0062, "nominal coverage"),
    ("quarter_of_birth_iv", "qob-screen-ar", 0.95, 0.0028, "nominal coverage"),
    ("quarter_of_birth_iv", "qob-mc-bias-30-5", 1 / 5, 0.02, "Bound et al. (1995): 1 / F"),
    ("quarter_of_birth_iv", "qob-many-liml-coverage", 0.95, 0.088, "nominal coverage"),
    # Card (1995), in Aspects of Labour Market Behaviour, Table 3 (three decimals)
    ("quarter_of_birth_iv", "qob-card", 0.132, 6e-4, "Card (1995), Table 3"),
    ("quarter_of_birth_iv", "qob-card-se", 0.055, 6e-4, "Card (1995), Table 3"),
    # The canary by hand: phi(0) = 0.398942 and phi(1.281552) = 0.175498, so that the mean
    # interest is 0.558610 among compliers, 1.223261 among adopters, -0.268521 among the others
    ("canary_flag_iv", "canary-late", -2 + 0.8 * 0.558610, 5e-5, "truncated normal"),
    ("canary_flag_iv", "canary-itt", 0.4 * (-2 + 0.8 * 0.558610), 5e-5, "truncated normal"),
    ("canary_flag_iv", "canary-ate", -2, 1e-9, "the equation of tasks"),
    ("canary_flag_iv", "canary-att", -2 + 0.8 * 1.223261, 5e-5, "truncated normal"),
    ("canary_flag_iv", "canary-share-compliers", 0.4, 1e-9, "the equation of adoption"),
    ("canary_flag_iv", "canary-as-treated-exact", 4.9457, 6e-5, "4 * 1.491782 - 1.021391"),
    ("canary_flag_iv", "canary-per-protocol-exact", 2.6098, 6e-5, "4 * 0.992882 - 1.361693"),
    ("canary_flag_iv", "canary-complier-past-exact", 11.0055, 6e-5, "10 + 1.8 * 0.558610"),
    ("canary_flag_iv", "canary-limit-half", -1.5531 - 0.5 / 0.4, 1e-4, "LATE + effect / share"),
    ("canary_flag_iv", "canary-limit-tenth", -1.5531 - 0.1 / 0.4, 1e-4, "LATE + effect / share"),
    ("canary_flag_iv", "canary-limit-defy", -1.3812, 1e-4, "(0.36 * -1.5531 + 0.2) / 0.26"),
    ("canary_flag_iv", "canary-lever-banner", 0.8 * -621.24, 0.6, "ITT of the unflagged"),
    ("canary_flag_iv", "canary-lever-none", 0.2 * 621.24, 0.6, "ITT of the flagged"),
    ("canary_flag_iv", "canary-lever-forced", -1816.15, 0.6, "18 - 19.81615"),
    ("canary_flag_iv", "canary-lever-removed", 183.85, 0.6, "20 - 19.81615"),
    ("canary_flag_iv", "canary-late-estimate", -1.5531, 4 * 0.285, "exact LATE, 4 errors"),
    ("canary_flag_iv", "canary-first-stage-estimate", 0.4, 4 * 0.0083, "exact share, 4 errors"),
    ("canary_flag_iv", "canary-many-bias", 0, 4 * 0.046, "no bias, 4 errors"),
    ("canary_flag_iv", "canary-many-coverage", 0.95, 0.062, "nominal coverage"),
    # Card and Krueger (1994), AER 84(4), Table 3 (two decimals); 1.07, -2.16 and 2.76 were
    # reckoned there from rounded figures, so that a unit of the last digit is allowed
    ("card_krueger_did", "ck-t3-before-pa", 23.33, 0.00501, "Table 3, row 1"),
    ("card_krueger_did", "ck-t3-before-pa-se", 1.35, 0.00501, "Table 3, row 1"),
    ("card_krueger_did", "ck-t3-before-nj", 20.44, 0.00501, "Table 3, row 1"),
    ("card_krueger_did", "ck-t3-before-nj-se", 0.51, 0.00501, "Table 3, row 1"),
    ("card_krueger_did", "ck-t3-before-did", -2.89, 0.00501, "Table 3, row 1"),
    ("card_krueger_did", "ck-t3-before-did-se", 1.44, 0.00501, "Table 3, row 1"),
    ("card_krueger_did", "ck-t3-after-pa", 21.17, 0.00501, "Table 3, row 2"),
    ("card_krueger_did", "ck-t3-after-pa-se", 0.94, 0.00501, "Table 3, row 2"),
    ("card_krueger_did", "ck-t3-after-nj", 21.03, 0.00501, "Table 3, row 2"),
    ("card_krueger_did", "ck-t3-after-nj-se", 0.52, 0.00501, "Table 3, row 2"),
    ("card_krueger_did", "ck-t3-after-did", -0.14, 0.00501, "Table 3, row 2"),
    ("card_krueger_did", "ck-t3-after-did-se", 1.07, 0.0101, "Table 3, row 2"),
    ("card_krueger_did", "ck-t3-means-pa", -2.16, 0.0101, "Table 3, row 3"),
    ("card_krueger_did", "ck-t3-means-pa-se", 1.25, 0.00501, "Table 3, row 3"),
    ("card_krueger_did", "ck-t3-means-nj", 0.59, 0.00501, "Table 3, row 3"),
    ("card_krueger_did", "ck-t3-means-nj-se", 0.54, 0.00501, "Table 3, row 3"),
    ("card_krueger_did", "ck-t3-means-did", 2.76, 0.0101, "Table 3, row 3"),
    ("card_krueger_did", "ck-t3-means-did-se", 1.36, 0.00501, "Table 3, row 3"),
    ("card_krueger_did", "ck-t3-balanced-pa", -2.28, 0.00501, "Table 3, row 4"),
    ("card_krueger_did", "ck-t3-balanced-pa-se", 1.25, 0.00501, "Table 3, row 4"),
    ("card_krueger_did", "ck-t3-balanced-nj", 0.47, 0.00501, "Table 3, row 4"),
    ("card_krueger_did", "ck-t3-balanced-nj-se", 0.48, 0.00501, "Table 3, row 4"),
    ("card_krueger_did", "ck-t3-balanced-did", 2.75, 0.00501, "Table 3, row 4"),
    ("card_krueger_did", "ck-t3-balanced-did-se", 1.34, 0.00501, "Table 3, row 4"),
    ("card_krueger_did", "ck-t3-closed-pa", -2.28, 0.00501, "Table 3, row 5"),
    ("card_krueger_did", "ck-t3-closed-pa-se", 1.25, 0.00501, "Table 3, row 5"),
    ("card_krueger_did", "ck-t3-closed-nj", 0.23, 0.00501, "Table 3, row 5"),
    ("card_krueger_did", "ck-t3-closed-nj-se", 0.49, 0.00501, "Table 3, row 5"),
    ("card_krueger_did", "ck-t3-closed-did", 2.51, 0.00501, "Table 3, row 5"),
    ("card_krueger_did", "ck-t3-closed-did-se", 1.35, 0.00501, "Table 3, row 5"),
    # Table 4 (357 stores), as printed, then four digits from the original file
    ("card_krueger_did", "ck-t4-i", 2.33, 0.00501, "Table 4, column i"),
    ("card_krueger_did", "ck-t4-i", 2.3258, 6e-5, "original file, column i"),
    ("card_krueger_did", "ck-t4-i-se", 1.19, 0.00501, "Table 4, column i"),
    ("card_krueger_did", "ck-t4-i-se", 1.1916, 6e-5, "original file, column i"),
    ("card_krueger_did", "ck-t4-ii", 2.3, 0.00501, "Table 4, column ii"),
    ("card_krueger_did", "ck-t4-ii", 2.3039, 6e-5, "original file, column ii"),
    ("card_krueger_did", "ck-t4-ii-se", 1.2, 0.00501, "Table 4, column ii"),
    ("card_krueger_did", "ck-t4-ii-se", 1.1955, 6e-5, "original file, column ii"),
    ("card_krueger_did", "ck-t4-iii", 15.65, 0.00501, "Table 4, column iii"),
    ("card_krueger_did", "ck-t4-iii", 15.6529, 6e-5, "original file, column iii"),
    ("card_krueger_did", "ck-t4-iii-se", 6.08, 0.00501, "Table 4, column iii"),
    ("card_krueger_did", "ck-t4-iii-se", 6.0802, 6e-5, "original file, column iii"),
    ("card_krueger_did", "ck-t4-iv", 14.92, 0.00501, "Table 4, column iv"),
    ("card_krueger_did", "ck-t4-iv", 14.9157, 6e-5, "original file, column iv"),
    ("card_krueger_did", "ck-t4-iv-se", 6.21, 0.00501, "Table 4, column iv"),
    ("card_krueger_did", "ck-t4-iv-se", 6.2053, 6e-5, "original file, column iv"),
    # The document's arithmetic, (25 - 18) - (22 - 20), and the survey's, four ways
    ("card_krueger_did", "ck-example-hand", 5, 1e-9, "the explainer"),
    ("card_krueger_did", "ck-example-interaction", 5, 1e-9, "the explainer"),
    ("card_krueger_did", "ck-example-differences", 5, 1e-9, "the explainer"),
    ("card_krueger_did", "ck-example-fixed", 5, 1e-9, "the explainer"),
    ("card_krueger_did", "ck-survey-hand", 2.75, 5e-4, "Table 3, row 4"),
    ("card_krueger_did", "ck-survey-interaction", 2.75, 5e-4, "Table 3, row 4"),
    ("card_krueger_did", "ck-survey-differences", 2.75, 5e-4, "Table 3, row 4"),
    ("card_krueger_did", "ck-survey-fixed", 2.75, 5e-4, "Table 3, row 4"),
    # statsmodels on the original file, outside this project; t with 409 degrees of freedom
    ("card_krueger_did", "ck-did", 2.754, 5e-4, "Table 3, row 3, unrounded"),
    ("card_krueger_did", "ck-did-low", 0.185, 5e-4, "statsmodels, original file"),
    ("card_krueger_did", "ck-did-high", 5.322, 5e-4, "statsmodels, original file"),
    ("card_krueger_did", "ck-balanced", 2.75, 5e-4, "Table 3, row 4"),
    ("card_krueger_did", "ck-se-iid", 1.69, 0.005, "statsmodels, original file"),
    ("card_krueger_did", "ck-se-robust", 1.7955, 6e-5, "statsmodels, original file"),
    ("card_krueger_did", "ck-se-store", 1.31, 0.005, "statsmodels, original file"),
    ("card_krueger_did", "ck-se-state", 0, 1e-4, "an artefact: residuals that sum to zero"),
    ("card_krueger_did", "ck-tau", 0.2525, 6e-5, "((2.7536 / 1.9658)^2 - 1.3066^2) / 4, root"),
    (
        "card_krueger_did",
        "ck-excluded-one",
        0.459,
        6e-4,
        "((3.1384 / 1.9658)^2 - 1.3066^2) / 4, root",
    ),
    (
        "card_krueger_did",
        "ck-excluded-three",
        0.749,
        6e-4,
        "((3.9079 / 1.9658)^2 - 1.3066^2) / 4, root",
    ),
    ("card_krueger_did", "ck-predicted-one", -0.385, 6e-4, "0.1 * 18.8% * 20.44"),
    ("card_krueger_did", "ck-predicted-three", -1.154, 6e-4, "0.3 * 18.8% * 20.44"),
    ("card_krueger_did", "ck-coverage-half", 0.881, 6e-4, "normal distribution, 1.3066 and 0.5"),
    ("card_krueger_did", "ck-coverage-one", 0.718, 6e-4, "normal distribution, 1.3066 and 1"),
    # The simulated counties, by hand: effects -0.5, -1, ... from quarters 5 and 9 of 12
    ("card_krueger_did", "ck-stag-att", -23 / 12, 6e-5, "mean of twelve effects"),
    ("card_krueger_did", "ck-stag-twfe", -1, 6e-5, "ten counties without noise, by statsmodels"),
    ("card_krueger_did", "ck-policy", -4, 6e-5, "-0.5 - 7 * 0.5"),
    (
        "card_krueger_did",
        "ck-drift-bias",
        0.15 * 4.5,
        6e-4,
        "drift times the mean of 1 to 8 quarters",
    ),
    ("card_krueger_did", "ck-stag-recipe", -23 / 12, 4 * 0.2, "exact ATT, 4 errors"),
    (
        "card_krueger_did",
        "ck-forbidden",
        -1.25 + 2,
        4 * 0.16,
        "late effect less the early one's growth, 4 errors",
    ),
    # Many worlds: 80 and 150 samples, four standard errors
    ("card_krueger_did", "ck-drift-mc-bias", 0.675, 4 * 0.024, "drift, 4 errors"),
    ("card_krueger_did", "ck-straight-coverage", 0.95, 0.098, "nominal coverage"),
    ("card_krueger_did", "ck-stag-bias", 0, 4 * 0.016, "no bias, 4 errors"),
    ("card_krueger_did", "ck-stag-coverage", 0.95, 0.072, "nominal coverage"),
    ("card_krueger_did", "ck-twfe-bias", -1 + 23 / 12, 4 * 0.012, "limits, 4 errors"),
    ("card_krueger_did", "ck-raw-bias", 10.9722 + 23 / 12, 4 * 0.057, "limits, 4 errors"),
    # Cheng and Hoekstra (2013): homicides up by 8 percent (with region-by-year effects)
    ("card_krueger_did", "ck-castle-published", 0.08, 0.01, "Cheng and Hoekstra, abstract"),
    # Quadrature of the hospital's equations over health
    ("hospital_confounding", "hospital-ate", -3.0, 1e-9, "stated"),
    ("hospital_confounding", "hospital-att", -3.97890, 5e-5, "quadrature"),
    ("hospital_confounding", "hospital-bias", 6.65729, 5e-5, "quadrature"),
    ("hospital_confounding", "hospital-raw-truth", 2.67839, 5e-5, "quadrature"),
    # Estimates within four of their standard errors of the exact value
    ("hospital_confounding", "hospital-straight-standardization, ATE", -3.0, 0.72, "4 errors"),
    ("hospital_confounding", "hospital-straight-weighting, ATE", -3.0, 1.2, "4 errors"),
    ("hospital_confounding", "hospital-straight-doubly robust, ATE", -3.0, 0.8, "4 errors"),
    ("hospital_confounding", "hospital-straight-matching, ATT", -3.97890, 1.0, "4 errors"),
    ("hospital_confounding", "hospital-straight-weighting, ATT", -3.97890, 1.04, "4 errors"),
    ("hospital_confounding", "hospital-straight-doubly robust, ATT", -3.97890, 0.72, "4 errors"),
    # Nominal coverage within four errors of 60 samples
    ("hospital_confounding", "hospital-coverage-weighting, ATE", 0.95, 0.113, "nominal"),
    ("hospital_confounding", "hospital-coverage-doubly robust, ATE", 0.95, 0.113, "nominal"),
    ("hospital_confounding", "hospital-coverage-matching, ATT", 0.95, 0.113, "nominal"),
    ("hospital_confounding", "hospital-coverage-weighting, ATT", 0.95, 0.113, "nominal"),
    # Hernan and Robins, What If: sections 12.1 and 12.4
    ("hospital_confounding", "hospital-nhefs-naive", 2.54, 0.005, "What If, 12.1"),
    ("hospital_confounding", "hospital-nhefs-estimate", 3.44, 0.005, "What If, 12.4"),
    ("hospital_confounding", "hospital-nhefs-ci_low", 2.41, 0.005, "What If, 12.4"),
    ("hospital_confounding", "hospital-nhefs-ci_high", 4.47, 0.005, "What If, 12.4"),
    # Dehejia and Wahba (1999): the experiment, and least squares on the CPS sample
    ("hospital_confounding", "hospital-lalonde-experiment-estimate", 1_794, 0.5, "experiment"),
    ("hospital_confounding", "hospital-lalonde-experiment-std_error", 671, 0.5, "experiment"),
    ("hospital_confounding", "hospital-lalonde-naive", -8_498, 1, "Table 2, CPS-1, unadjusted"),
    ("hospital_confounding", "hospital-lalonde-ols", 699, 0.5, "CPS-1, adjusted"),
    ("hospital_confounding", "hospital-lalonde-ols-se", 548, 0.5, "CPS-1, adjusted"),
    # The explainer's code run with numpy alone, seed 1
    ("potential_outcomes", "outcomes-document", 4.288, 5e-4, "script of the explainer"),
    ("potential_outcomes", "outcomes-document-se", 0.285, 5e-4, "script of the explainer"),
    # Self-chosen days: E[S | T=1] = -2 phi(0) / sqrt(2) = -1 / sqrt(pi)
    ("potential_outcomes", "outcomes-ate", 4.0, 1e-9, "equation"),
    ("potential_outcomes", "outcomes-att", 4 + 2 / np.sqrt(np.pi), 5e-5, "closed form"),
    ("potential_outcomes", "outcomes-atu", 4 - 2 / np.sqrt(np.pi), 5e-5, "closed form"),
    ("potential_outcomes", "outcomes-bias", -16 / np.sqrt(np.pi), 5e-5, "closed form"),
    ("potential_outcomes", "outcomes-raw", 4 - 14 / np.sqrt(np.pi), 5e-5, "closed form"),
    ("potential_outcomes", "outcomes-diary", 4 - 14 / np.sqrt(np.pi), 4 * 1.16, "closed form"),
    ("potential_outcomes", "outcomes-diary-bias", -14 / np.sqrt(np.pi), 0.4, "closed form"),
    ("potential_outcomes", "outcomes-means", 4.0, 4 * 1.33, "equation"),
    ("potential_outcomes", "outcomes-lin", 4.0, 4 * 0.82, "equation"),
    ("potential_outcomes", "outcomes-coin-coverage", 0.95, 0.062, "nominal coverage"),
    ("potential_outcomes", "outcomes-lin-coverage", 0.95, 0.062, "nominal coverage"),
    # Normal approximation 2 (1.96 + 0.8416)^2 sd^2 / 4^2 a group: 98.1 and 35.3, and the t's one
    ("potential_outcomes", "outcomes-days", 2 * 99, 3, "normal approximation"),
    ("potential_outcomes", "outcomes-days-adjusted", 2 * 36, 3, "normal approximation"),
    # Armitage, McPherson and Rowe (1969), table 2
    ("potential_outcomes", "outcomes-looks-1", 0.050, 0.005, "Armitage et al., table 2"),
    ("potential_outcomes", "outcomes-looks-2", 0.083, 0.006, "Armitage et al., table 2"),
    ("potential_outcomes", "outcomes-looks-5", 0.142, 0.008, "Armitage et al., table 2"),
    ("potential_outcomes", "outcomes-looks-10", 0.193, 0.008, "Armitage et al., table 2"),
    ("potential_outcomes", "outcomes-looks-20", 0.248, 0.009, "Armitage et al., table 2"),
    # Two means of seven or so days: 14 days differ by more than 0.5 s.d. with 2 Phi(-0.5 / 0.535)
    ("potential_outcomes", "outcomes-gap", 0.36, 0.04, "normal approximation"),
    # Probit choice, closed forms at 1.5 / sqrt(2) and -0.5 / sqrt(2)
    ("potential_outcomes", "outcomes-as-treated", -2.450, 1e-3, "quadrature"),
    ("potential_outcomes", "outcomes-itt", 1.766, 1e-3, "quadrature"),
    ("potential_outcomes", "outcomes-late", 3.578, 1e-3, "quadrature"),
    # 1/2 + 2 phi(0), and Phi(0.5) + 2 phi(0.5)
    ("potential_outcomes", "outcomes-gain-bad-days", 1.298, 0.016, "closed form"),
    ("potential_outcomes", "outcomes-gain-best", 1.396, 0.016, "closed form"),
    # LaLonde's experiment: 1,794 (671)
    ("potential_outcomes", "outcomes-nsw", 1794, 0.5, "Dehejia and Wahba (1999)"),
    ("potential_outcomes", "outcomes-nsw-se", 671, 0.5, "robust error of the same regression"),
    # Closed forms of the hospitals' world: E[B | G = 1] = 0.7 * 0.79788, 8 months, half treated
    ("hospital_upgrade_did", "upgrade-att", -2.27926, 5e-6, "closed form"),
    ("hospital_upgrade_did", "upgrade-atu", -1.72074, 5e-6, "closed form"),
    ("hospital_upgrade_did", "upgrade-raw-truth", -2.27926 + 4 * 1.117038, 6e-5, "closed form"),
    ("hospital_upgrade_did", "upgrade-own-past-truth", -2.27926 - 0.4 * 4, 6e-5, "closed form"),
    ("hospital_upgrade_did", "upgrade-did-upgraded-truth", -5.27926, 6e-6, "closed form"),
    ("hospital_upgrade_did", "upgrade-ddd-weaker", -2.27926 - 1.5, 6e-6, "closed form"),
    ("hospital_upgrade_did", "upgrade-slope", 0.25 * 1.117038, 6e-5, "closed form"),
    # DiD is linear in the outcome, so the equipment adds its 3 points exactly
    ("hospital_upgrade_did", "upgrade-moved", -3.0, 1e-6, "identity"),
    # Estimates: four standard errors, 0.311 and 0.204 from the variances of the equations
    ("hospital_upgrade_did", "upgrade-did", -2.27926, 4 * 0.311, "closed form"),
    ("hospital_upgrade_did", "upgrade-did-upgraded", -5.27926, 4 * 0.311, "closed form"),
    ("hospital_upgrade_did", "upgrade-split", -5.27926 / 2, 2 * 0.311, "smallest sum of squares"),
    ("hospital_upgrade_did", "upgrade-placebo", -3.0, 4 * 0.283, "closed form"),
    ("hospital_upgrade_did", "upgrade-ddd", -2.27926, 4 * 0.204, "closed form"),
    ("hospital_upgrade_did", "upgrade-second", -2.27926, 4 * 0.35, "closed form"),
    # Noncentral F with the covariance of the equations: 0.273; 100 regions
    ("hospital_upgrade_did", "upgrade-predicted", 0.273, 0.02, "noncentral F"),
    ("hospital_upgrade_did", "upgrade-caught", 0.273, 4 * 0.045, "noncentral F"),
    # Nominal levels and coverages, four standard errors of 100 regions
    ("hospital_upgrade_did", "upgrade-alarm-moved-five", 0.05, 0.088, "exact test"),
    ("hospital_upgrade_did", "upgrade-alarm-moved-two", 0.05, 0.088, "exact test"),
    ("hospital_upgrade_did", "upgrade-did-coverage", 0.95, 0.088, "nominal coverage"),
    ("hospital_upgrade_did", "upgrade-ddd-coverage", 0.95, 0.088, "nominal coverage"),
    ("hospital_upgrade_did", "upgrade-polluted-coverage", 0.0, 0.005, "ten standard errors off"),
    ("hospital_upgrade_did", "upgrade-did-bias", 0.0, 4 * 0.0311, "unbiased"),
    ("hospital_upgrade_did", "upgrade-ddd-bias", 0.0, 4 * 0.0204, "unbiased"),
    ("hospital_upgrade_did", "upgrade-polluted-bias", -3.0, 4 * 0.0311, "closed form"),
    # 25 a point, less the cost of 75 or 60
    ("hospital_upgrade_did", "upgrade-net-drug", 25 * 1.72074 - 75, 0.5, "closed form"),
    ("hospital_upgrade_did", "upgrade-net-equipment", 25 * 3 - 60, 1e-6, "closed form"),
    # Organ donations: The Effect, chapter 18, and the 27 differences ranked with pandas
    ("hospital_upgrade_did", "upgrade-donors", -0.022, 5e-4, "Huntington-Klein (2021), ch. 18"),
    ("hospital_upgrade_did", "upgrade-donors-p", 5 / 27, 5e-5, "rank of California"),
    # Closed forms of marketing: cov / var; 480 / 280, and -240 / 136 with the season held fixed
    (DOWHY, "dowhy-ate", 3.0, 1e-9, "equation"),
    (DOWHY, "dowhy-raw", 3 + 480 / 280, 6e-5, "closed form"),
    (DOWHY, "dowhy-season", 3 - 240 / 136, 6e-5, "closed form"),
    (DOWHY, "dowhy-break-even", 1 / 0.4, 1e-9, "40 cents of margin a euro"),
    (DOWHY, "dowhy-raw-estimate", 3 + 480 / 280, 4 * 0.12, "closed form, 4 errors"),
    (DOWHY, "dowhy-season-estimate", 3 - 240 / 136, 4 * 0.134, "closed form, 4 errors"),
    (DOWHY, "dowhy-estimate", 3.0, 4 * 60 / (10 * np.sqrt(2_000)), "equation, 4 errors"),
    (DOWHY, "dowhy-sweep-strongest", 3 - 160 * 3 / 136, 6e-5, "closed form"),
    # The campaign, by adaptive quadrature over season
    (DOWHY, "dowhy-campaign-ate", 150, 1e-9, "equation"),
    (DOWHY, "dowhy-campaign-att", 164.36254, 6e-5, "quadrature"),
    (DOWHY, "dowhy-campaign-raw", 195.99584, 6e-5, "quadrature"),
    (DOWHY, "dowhy-campaign-season", 130.63229, 6e-5, "quadrature"),
    (DOWHY, "dowhy-campaign-raw-estimate", 195.99584, 4 * 6.6, "quadrature, 4 errors"),
    (DOWHY, "dowhy-campaign-dowhy", 150, 4 * 6.2, "equation, 4 errors"),
    (DOWHY, "dowhy-campaign-match", 150, 4 * 6.2, "equation, 4 errors"),
    (DOWHY, "dowhy-campaign-match-att", 164.36254, 4 * 8.6, "quadrature, 4 errors"),
    (DOWHY, "dowhy-campaign-standardized", 150, 4 * 4.3, "equation, 4 errors"),
    (DOWHY, "dowhy-clean", 130.63229, 4 * 6.2, "quadrature, 4 errors"),
    # DoWhy 0.14's source: a stored score is not fitted again; an int seeds each subset alike
    (DOWHY, "dowhy-as-written-change", 0, 1e-9, "source of DoWhy"),
    (DOWHY, "dowhy-as-written-p", 1, 1e-9, "source of DoWhy: ties count half"),
    (DOWHY, "dowhy-stale", 0, 1e-9, "source of DoWhy"),
    (DOWHY, "dowhy-p-seeded", 0, 1e-9, "source of DoWhy: one subset, repeated"),
    (DOWHY, "dowhy-reproduced", 0, 0.0201, "the same draws, one rank"),
    # 2 min(K, 100 - K) / 100 with K binomial: mean 1 - C(100, 50) / 2^100, s.d. 0.060
    (DOWHY, "dowhy-binomial-mean", 1 - comb(100, 50) / 2**100, 6e-5, "binomial"),
    (DOWHY, "dowhy-p-cause", 0.92041, 4 * 0.0603, "binomial, 4 errors"),
    (DOWHY, "dowhy-p-placebo", 0.92041, 4 * 0.0603, "binomial, 4 errors"),
    (DOWHY, "dowhy-p-subset", 0.92041, 4 * 0.0603, "binomial, 4 errors"),
    (DOWHY, "dowhy-mean-p-right", 0.92041, 4 * 0.0603 / np.sqrt(60), "binomial, 4 errors"),
    (DOWHY, "dowhy-mean-p-wrong", 0.92041, 4 * 0.0603 / np.sqrt(60), "binomial, 4 errors"),
    (DOWHY, "dowhy-rejected-right", 0, 1e-9, "binomial: 8e-27 a test"),
    (DOWHY, "dowhy-rejected-wrong", 0, 1e-9, "binomial: 8e-27 a test"),
    (DOWHY, "dowhy-matching-rejected-right", 0.05, 0.113, "nominal level, 4 errors"),
    (DOWHY, "dowhy-matching-rejected-wrong", 0.05, 0.113, "nominal level, 4 errors"),
    # f = (3 - 2.5) * 10 / 60; the competitor: 36 / 136 of spend, 1176.5 / 4776.5 of revenue
    (DOWHY, "dowhy-rv", 0.07993, 4 * 0.0223, "Cinelli and Hazlett's formula, 4 errors"),
    (DOWHY, "dowhy-competitor-spend", 36 / 136, 4 * 0.017, "closed form, 4 errors"),
    (DOWHY, "dowhy-competitor-revenue", 0.24630, 4 * 0.017, "closed form, 4 errors"),
    # Ten thousand more at 40 percent: 10 * (0.4 b - 1)
    (DOWHY, "dowhy-budget-exact", 2.0, 1e-9, "closed form"),
    (DOWHY, "dowhy-budget-simulated", 2.0, 1e-6, "common random numbers"),
    (DOWHY, "dowhy-budget-none", 8.857, 4 * 0.48, "closed form, 4 errors"),
    (DOWHY, "dowhy-budget-season", -5.059, 4 * 0.54, "closed form, 4 errors"),
    (DOWHY, "dowhy-budget-both", 2.0, 4 * 0.54, "closed form, 4 errors"),
    # Closed forms of pricing: Var(p) = 0.011204, Cov(c, p) = 0.8 * 0.0036
    (DOWHY, "dowhy-price-raw", -3 + 0.04 / 0.011204, 6e-5, "closed form"),
    (DOWHY, "dowhy-price-raw-estimate", -3 + 0.04 / 0.011204, 4 * 0.082, "closed form, 4 errors"),
    (DOWHY, "dowhy-footfall", -3, 4 * 0.0645, "equation, 4 errors"),
    (DOWHY, "dowhy-iv", -3, 4 * 0.251, "equation, 4 errors"),
    (DOWHY, "dowhy-f", 1 + 2_000 * 0.002304 / 0.0089, 4 * 46, "concentration, 4 errors"),
    (DOWHY, "dowhy-cut", 100 * (1 / 0.729 - 1), 6e-5, "0.9 to the power of -3"),
    (DOWHY, "dowhy-iv-tenth", -2.1110, 6e-5, "closed form"),
    (DOWHY, "dowhy-iv-minus-tenth", -4.2425, 6e-5, "closed form"),
    # Lerner: 6 exp(0.0018) * 3 / 2; profits by quadrature over footfall
    (DOWHY, "dowhy-best-price", 9 * np.exp(0.0018), 6e-5, "Lerner (1934)"),
    (DOWHY, "dowhy-best-footfall", 9.0162, 4 * 1.5 * 0.0645, "Lerner (1934), 4 errors"),
    (DOWHY, "dowhy-best-iv", 9.0162, 4 * 1.5 * 0.251, "Lerner (1934), 4 errors"),
    (DOWHY, "dowhy-profit-today", 3_461.87, 20, "quadrature, 4 errors"),
    (DOWHY, "dowhy-profit-best", 4_095.59, 20, "quadrature, 4 errors"),
    (DOWHY, "dowhy-profit-gain", 18.3, 0.06, "quadrature"),
    # Many worlds: 200 samples of 500 rows, four standard errors
    (DOWHY, "dowhy-many-raw", 480 / 280, 4 * 0.017, "closed form, 4 errors"),
    (DOWHY, "dowhy-many-season", -240 / 136, 4 * 0.019, "closed form, 4 errors"),
    (DOWHY, "dowhy-many-both", 0, 4 * 0.019, "unbiased, 4 errors"),
    (DOWHY, "dowhy-many-price", 0.04 / 0.011204, 4 * 0.0115, "closed form, 4 errors"),
    (DOWHY, "dowhy-many-footfall", 0, 4 * 0.0092, "unbiased, 4 errors"),
    (DOWHY, "dowhy-many-iv", 0, 4 * 0.038, "consistent, 4 errors"),
    (DOWHY, "dowhy-coverage-both", 0.95, 0.062, "nominal coverage"),
    (DOWHY, "dowhy-coverage-footfall", 0.95, 0.062, "nominal coverage"),
    (DOWHY, "dowhy-coverage-iv", 0.95, 0.062, "nominal coverage"),
    (DOWHY, "dowhy-coverage-raw", 0, 0.005, "seven standard errors off"),
    (DOWHY, "dowhy-coverage-season", 0, 0.005, "six standard errors off"),
    (DOWHY, "dowhy-coverage-price", 0, 0.005, "far off"),
    # Thornton (2008), abstract: 34 percent without an incentive
    (DOWHY, "dowhy-thornton-free", 0.34, 0.005, "Thornton (2008), abstract"),
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
