"""The moving figures say what Python says, to whoever moves them and however."""

import re
from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import pytest
from moving import figures
from scipy import stats

from casestudies import scenarios
from casestudies.recipes.monitoring import group_sequential_boundary, repeated_looks
from casestudies.sampling import closed_forms
from casestudies.scenarios.retention import legacy_odds

PAGE = "book/see_it_move.html"
SIZES = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000]
HOSPITALS = [20, 40, 80, 160, 320, 640]
STRENGTHS = [1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 75, 105, 150, 200]
FACTORS = [1 / 16, 1 / 12, 1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 4 / 5, 1]
FACTORS += [5 / 4, 3 / 2, 2, 3, 4, 6, 8, 12, 16]
SLIDERS = {
    "slopes": {"traffic": list(range(21)), "rows": SIZES},
    "did": {"drift": [i / 20 for i in range(-10, 11)], "hospitals": HOSPITALS},
    "iv": {"meanF": STRENGTHS, "rho": [i / 20 for i in range(20)]},
    "policy": {"factor": FACTORS, "months": list(range(1, 25))},
    "alarms": {"threshold": [i / 100 for i in range(160, 401, 4)], "looks": [1, 2, 4, 13, 26, 52]},
}
IDS = {knob: f"move-{knob}" for sliders in SLIDERS.values() for knob in sliders}
EVERY = """([box, first, second]) => {
    const all = [];
    for (let i = +first.min; i <= +first.max; i++) {
        for (let k = +second.min; k <= +second.max; k++) {
            first.value = i; second.value = k;
            second.dispatchEvent(new Event("input", {bubbles: true}));
            all.push({...box.dataset});
        }
    }
    return all;
}"""


def slopes_by_python(traffic, rows):
    table = closed_forms.confounded_slopes(rows, traffic_on_latency=traffic)
    raw, adjusted = table.iloc[0], table.iloc[1]
    return {
        "effect": adjusted["estimate"],
        "limit": raw["estimate"],
        "error": raw["std_error"],
        "low": raw["ci_low"],
        "high": raw["ci_high"],
        "coverage": raw["coverage"],
        "adjustedError": adjusted["std_error"],
        "adjustedLow": adjusted["ci_low"],
        "adjustedHigh": adjusted["ci_high"],
    }


def did_by_python(drift, hospitals):
    answer = closed_forms.drifting_did(drift=drift, hospitals=hospitals)
    study = closed_forms.drifting_event_study(drift=drift, hospitals=hospitals)
    return {
        "att": answer["ATT"],
        "estimate": answer["estimate"],
        "bias": answer["estimate"] - answer["ATT"],
        "error": answer["std_error"],
        "low": answer["ci_low"],
        "high": answer["ci_high"],
        "coverage": answer["coverage"],
        "power": answer["power"],
        "biasIfPassed": answer["bias_if_passed"] if answer["power"] < 1 - 1e-6 else None,
        "mean": study["estimate"].to_numpy(),
        "errors": study["std_error"].to_numpy(),
    }


def iv_by_python(meanF, rho):
    knobs = {"mean_f": meanF, "endogeneity": rho}
    answer = closed_forms.iv_error_summary(**knobs)
    inside = np.diff([closed_forms.iv_error_cdf(e, **knobs) for e in (-1.5, 1.5)])[0]
    return {
        "median": answer["median"],
        "coverage": answer["coverage"],
        "passes": answer["passes"],
        "coverageIfPassed": answer["coverage_if_passed"],
        "outside": 1 - inside,
    }


@cache
def shifted_rules():
    """Return the exact truths of the rules that multiply the old odds, for 24 months."""
    return scenarios.retention(policies={f"{f:.4f}": legacy_odds(f) for f in FACTORS}).truth


def policy_by_python(factor, months):
    truth = shifted_rules()
    there = truth[f"retained {months - 1:.0f} | 1.0000"] if months > 1 else 1
    worth = truth[f"effective share {months:.0f} | {factor:.4f}"]
    return {"there": 3_000 * there, "worth": 3_000 * worth}


def alarms_by_python(threshold, looks):
    one, look = 2 * stats.norm.sf(threshold), np.arange(1, looks + 1)
    each, to_date = 1 - (1 - one) ** look, repeated_looks(int(looks), critical=threshold)
    return {
        "one": one,
        "each": each[-1],
        "toDate": to_date.iloc[-1],
        "eachByLook": each,
        "toDateByLook": to_date.to_numpy(),
    }


BY_PYTHON = {"slopes": slopes_by_python, "did": did_by_python, "iv": iv_by_python}
BY_PYTHON |= {"policy": policy_by_python, "alarms": alarms_by_python}


def box(page, name):
    return page.locator(f"[data-moving={name}]")


def numbers(text):
    return np.array([float(part) for part in str(text).split(",")])


def compare(shown, name):
    """Hold the numbers on a figure against Python's for the setting that it states."""
    setting = {knob: float(shown[knob]) for knob in SLIDERS[name]}
    for key, value in BY_PYTHON[name](**setting).items():
        if value is not None:
            away = abs(numbers(shown[key]) - value).max()
            assert away < 1e-6, (setting, key, shown[key], value)


@pytest.mark.parametrize("name", SLIDERS)
def test_every_position_of_the_sliders_gives_python_s_numbers(visit, name):
    page = visit(PAGE)
    knobs = [page.locator(f"#{IDS[knob]}").element_handle() for knob in SLIDERS[name]]
    shown = page.evaluate(EVERY, [box(page, name).element_handle(), *knobs])
    settings = [tuple(float(one[knob]) for knob in SLIDERS[name]) for one in shown]
    assert settings == list(product(*SLIDERS[name].values()))
    for one in shown:
        compare(one, name)


def test_the_curve_is_python_s_density(visit):
    page = visit(PAGE)
    errors = np.linspace(-4, 4, 41)
    for mean_f in STRENGTHS:
        for rho in (0, 0.3, 0.8, 0.95):
            density = page.evaluate(
                "([errors, f, rho]) => errors.map((e) => seeItMove.ivDensity(e, f, rho))",
                [errors.tolist(), mean_f, rho],
            )
            exact = closed_forms.iv_error_density(errors, mean_f=mean_f, endogeneity=rho)
            assert abs(density - exact).max() < 1e-6, (mean_f, rho)


def test_repeated_looks_are_those_of_the_published_table(visit):
    """Armitage, McPherson and Rowe (1969), two-sided 5%: to three digits."""
    page = visit(PAGE)
    published = {1: 0.050, 2: 0.083, 5: 0.142, 10: 0.193, 20: 0.248, 50: 0.320}
    found = page.evaluate("seeItMove.alarms(1.959964, 52).toDateByLook")
    for looks, chance in published.items():
        assert round(found[looks - 1], 3) == chance, looks


def test_a_rule_that_nobody_changed_is_worth_everybody_and_one_decision_has_a_formula(visit):
    page = visit(PAGE)
    kept = page.evaluate("[1, 2, 24].map((months) => seeItMove.policy(1, months))")
    assert all(one["worth"] == pytest.approx(one["there"], rel=1e-12) for one in kept)
    high, low = (1 / (1 + np.exp(0.8 - 1.6 * q)) for q in (1, 0))  # nobody is strained yet
    for factor in (0.25, 3):
        variance = 0.0
        for p in (high, low):  # half of the people have a prestigious record
            new = factor * p / (factor * p + 1 - p)
            variance += ((new - p) ** 2 / p + (p - new) ** 2 / (1 - p)) / 2
        found = page.evaluate(f"seeItMove.policy({factor}, 1)")["worth"]
        assert found == pytest.approx(3_000 / (1 + variance), rel=1e-12)


def test_the_page_s_words_about_far_rules_and_thresholds_hold():
    halved, quarter = (policy_by_python(factor, 24) for factor in (0.5, 0.25))
    assert halved["worth"] / halved["there"] == pytest.approx(0.1, abs=0.005)
    assert quarter["worth"] < 1
    assert min(policy_by_python(f, 1)["worth"] for f in FACTORS) > 1_500
    each_week = stats.norm.isf((1 - 0.95 ** (1 / 52)) / 2)
    to_date = group_sequential_boundary(52, kind="pocock").iloc[0]
    assert (round(each_week, 1), round(to_date, 1)) == (3.3, 2.8)


# What is drawn


def scale(page, name, axis):
    """Return the function from pixels to values that the tick labels of an axis imply."""
    ticks = [
        (float(tick.get_attribute(axis)), tick.text_content())
        for tick in box(page, name).locator(f"svg .{axis}-tick").all()
    ]
    pixels = np.array([pixel for pixel, _ in ticks]) - (4 if axis == "y" else 0)
    values = [label.replace("−", "-").replace(",", "") for _, label in ticks]
    kept = [i for i, value in enumerate(values) if value != "DiD"]
    exact = [float(Fraction(values[i])) for i in kept]
    if name == "policy" and axis == "x":
        return lambda x: 2 ** np.polyval(np.polyfit(pixels[kept], np.log2(exact), 1), x)
    return np.poly1d(np.polyfit(pixels[kept], exact, 1))


def diamond(page, name):
    """Return the centre of the diamond in pixels."""
    path = box(page, name).locator("svg path.mark.naive").get_attribute("d")
    x, y = (float(part) for part in re.match(r"M([\d.-]+),([\d.-]+)l", path).groups())
    return x, y + 6.5


def dots(page, name):
    marks = box(page, name).locator("svg circle.mark").all()
    return np.array([[float(mark.get_attribute(a)) for a in ("cx", "cy")] for mark in marks])


def line(page, name, role):
    path = box(page, name).locator(f"svg path.line.{role}").first.get_attribute("d")
    return np.array([[float(v) for v in pair.split(",")] for pair in re.split("[ML]", path)[1:]])


MOVES = [{}, dict.fromkeys(("move-traffic", "move-threshold", "move-factor"), "End")]
MOVES[1] |= dict.fromkeys(("move-drift", "move-rho"), "Home")
MOVES += [dict.fromkeys(("move-rows", "move-hospitals", "move-meanF"), "End")]
MOVES[2] |= dict.fromkeys(("move-months", "move-looks"), "Home")


@pytest.mark.parametrize("moves", MOVES)
@pytest.mark.parametrize("width", [360, 1280])
def test_marks_and_lines_stand_where_the_axes_put_their_numbers(visit, moves, width):
    page = visit(PAGE, width=width)
    for knob, key in moves.items():
        page.locator(f"#{knob}").press(key)
    y, shown = scale(page, "slopes", "y"), box(page, "slopes").evaluate("b => ({...b.dataset})")
    assert y(diamond(page, "slopes")[1]) == pytest.approx(float(shown["limit"]), abs=0.002)
    assert y(dots(page, "slopes")[0, 1]) == pytest.approx(float(shown["effect"]), abs=0.002)
    for role, low, high in [("naive", "low", "high"), ("estimate", "adjustedLow", "adjustedHigh")]:
        bar = box(page, "slopes").locator(f"svg path.line.{role}").last.get_attribute("d")
        ends = [y(float(pair.split(",")[1])) for pair in re.split("[ML]", bar)[1:]]
        assert ends == pytest.approx([float(shown[low]), float(shown[high])], abs=0.002)

    x, y = (scale(page, "did", axis) for axis in "xy")
    shown = box(page, "did").evaluate("b => ({...b.dataset})")
    assert x(dots(page, "did")[:, 0]) == pytest.approx(range(-4, 4), abs=0.002)
    assert y(dots(page, "did")[:, 1]) == pytest.approx(numbers(shown["mean"]), abs=0.01)
    assert y(diamond(page, "did")[1]) == pytest.approx(float(shown["estimate"]), abs=0.01)

    x, y = (scale(page, "iv", axis) for axis in "xy")
    shown = box(page, "iv").evaluate("b => ({...b.dataset})")
    assert x(dots(page, "iv")[0, 0]) == pytest.approx(0.5 + float(shown["median"]), abs=0.002)
    assert x(diamond(page, "iv")[0]) == pytest.approx(0.5 + float(shown["rho"]), abs=0.002)
    curve = line(page, "iv", "estimate")
    knobs = {"mean_f": float(shown["meanF"]), "endogeneity": float(shown["rho"])}
    exact = closed_forms.iv_error_density(x(curve[:, 0]) - 0.5, **knobs)
    assert abs(y(curve[:, 1]) - exact).max() < 0.02 * exact.max()

    x, y = (scale(page, "policy", axis) for axis in "xy")
    shown = box(page, "policy").evaluate("b => ({...b.dataset})")
    at = dots(page, "policy")[0]
    assert x(at[0]) == pytest.approx(float(shown["factor"]), rel=0.002)
    assert y(at[1]) == pytest.approx(float(shown["worth"]), abs=1)
    assert x(diamond(page, "policy")[0]) == pytest.approx(float(shown["factor"]), rel=0.002)
    assert y(diamond(page, "policy")[1]) == pytest.approx(float(shown["there"]), abs=1)
    for role, months in [("estimate", int(shown["months"])), ("hidden", 1)]:
        for px, py in line(page, "policy", role)[::8]:
            rule = {"x": legacy_odds(x(px))}
            share = scenarios.retention(policies=rule).truth[f"effective share {months} | x"]
            assert y(py) == pytest.approx(3_000 * share, abs=6), (role, px)

    x, y = (scale(page, "alarms", axis) for axis in "xy")
    shown = box(page, "alarms").evaluate("b => ({...b.dataset})")
    assert y(diamond(page, "alarms")[1]) == pytest.approx(100 * float(shown["each"]), abs=0.05)
    assert y(dots(page, "alarms")[0, 1]) == pytest.approx(100 * float(shown["toDate"]), abs=0.05)
    for role, key in [("naive", "eachByLook"), ("naive.dashed", "toDateByLook")]:
        stairs = line(page, "alarms", role)[2::2]  # where a look has been
        weeks = 52 / int(shown["looks"]) * np.arange(1, int(shown["looks"]) + 1)
        assert x(stairs[:, 0]) == pytest.approx(weeks, abs=0.05)
        assert y(stairs[:, 1]) == pytest.approx(100 * numbers(shown[key]), abs=0.05)


# Who moves it, and how


@pytest.mark.parametrize("name", SLIDERS)
def test_the_keyboard_alone_moves_every_slider_from_end_to_end(visit, name):
    page = visit(PAGE)
    for knob, values in SLIDERS[name].items():
        slider = page.locator(f"#{IDS[knob]}")
        start = float(box(page, name).get_attribute(f"data-{re.sub('F', '-f', knob)}"))
        places = [("Home", 0), ("ArrowRight", 1), ("End", -1), ("ArrowLeft", -2)]
        assert start in values
        for key, place in places:
            slider.press(key)
            shown = box(page, name).evaluate("b => ({...b.dataset})")
            assert float(shown[knob]) == values[place], key
            compare(shown, name)
        slider.press("PageDown")
        assert float(box(page, name).evaluate(f"b => b.dataset.{knob}")) < values[-2]


def test_tab_reaches_every_slider_in_order_and_their_focus_is_seen(visit):
    page = visit(PAGE)
    wanted = list(IDS.values())
    page.locator(f"#{wanted[0]}").focus()
    order = []
    while wanted[-1] not in order and len(order) < 200:
        order.append(page.evaluate("document.activeElement.id"))
        if order[-1] in wanted:
            outline = page.evaluate(
                "(s => [s.outlineStyle, parseFloat(s.outlineWidth)])"
                "(getComputedStyle(document.activeElement))"
            )
            assert outline[0] == "solid"
            assert outline[1] >= 2
        page.keyboard.press("Tab")
    assert [name for name in order if name in wanted] == wanted


@pytest.mark.parametrize("name", SLIDERS)
def test_each_slider_has_a_label_and_says_its_value_with_its_unit(visit, name):
    page = visit(PAGE)
    units = {"traffic": "ms", "rows": "hours", "drift": "points a month", "hospitals": "hospitals"}
    units |= {"factor": "of the old", "months": "months", "threshold": "errors", "looks": "week"}
    for knob in SLIDERS[name]:
        slider = page.locator(f"#{IDS[knob]}")
        label = slider.evaluate("s => s.labels.length === 1 && s.labels[0].textContent")
        said = slider.get_attribute("aria-valuetext")
        assert len(label) > 20
        assert label.endswith(said)
        assert said.endswith(units.get(knob, ""))
        slider.press("Home")
        assert slider.get_attribute("aria-valuetext") != said
        assert box(page, name).locator(f"output[for={IDS[knob]}]").text_content() == (
            slider.get_attribute("aria-valuetext")
        )


def summary(page, name):
    """Return the sentences below a figure once they have settled."""
    page.wait_for_timeout(400)
    return box(page, name).locator("[aria-live=polite]").text_content()


def minus(text):
    return text.replace("-", "−")


def people(number):
    return f"{number:,.0f}"


SENTENCES = {
    "slopes": (
        "move-rows",
        lambda n: [
            f"{int(n['rows'])} hours",
            f"{n['limit']:.2f} ms per point",
            f"interval from {n['low']:.2f} to {n['high']:.2f}; the ATE is 0.50",
            f"{n['adjustedLow']:.2f} to {n['adjustedHigh']:.2f}, and 95.0% cover",
            f"Of such intervals, {100 * n['coverage']:.1f}% cover",
        ],
    ),
    "did": (
        "move-hospitals",
        lambda n: [
            f"{int(n['hospitals'])} hospitals, drift {n['drift']:+.2f} points a month",
            f"The ATT is {n['att']:.2f}. DiD is {n['estimate']:.2f} on average",
            f"off by {n['bias']:+.2f}, {abs(n['bias']) / n['error']:.1f} standard errors",
            f"interval from {n['low']:.2f} to {n['high']:.2f}",
            f"Of such intervals, {100 * n['coverage']:.1f}% cover",
            f"finds the drift in {100 * n['power']:.1f}%",
            f"off by {n['biasIfPassed']:+.2f} on average",
        ],
    ),
    "iv": (
        "move-meanF",
        lambda n: [
            f"Mean F {n['meanF']:g}, errors correlated {n['rho']:.2f}. The ATE is 0.50",
            f"The median of 2SLS is {0.5 + n['median']:.2f}",
            f"{100 * n['median'] / n['rho']:.1f}% of the way to OLS",
            f"which says {0.5 + n['rho']:.2f}",
            f"Of the 95% intervals, {100 * n['coverage']:.1f}% cover",
            f"F exceeds 10 in {100 * n['passes']:.1f}% of samples",
            f"of the intervals in those, {100 * n['coverageIfPassed']:.1f}% cover",
            f"{100 * n['outside']:.1f}% lie outside the picture",
        ],
    ),
    "policy": (
        "move-months",
        lambda n: [
            f"Odds {Fraction(n['factor']).limit_denominator(16)} of the old, 23 months",
            f"Of 3,000 people, {people(n['there'])} are there in month {n['months']:.0f}",
            f"For the new rule they are worth {people(n['worth'])}. After one month",
        ],
    ),
    "alarms": (
        "move-looks",
        lambda n: [
            f"Threshold {n['threshold']:.2f} standard errors, looked at every 2 weeks",
            f"One look rings falsely in {100 * n['one']:.1f}% of quiet years",
            f"each look's own data has rung in {100 * n['each']:.1f}%",
            f"all data to date in {100 * n['toDate']:.1f}%",
        ],
    ),
}


@pytest.mark.parametrize("name", SLIDERS)
def test_the_summary_is_spoken_changes_with_the_sliders_and_states_the_numbers(visit, name):
    page, (slider, sentences) = visit(PAGE), SENTENCES[name]
    before = summary(page, name)
    live = box(page, name).locator("[aria-live]:not([aria-live=off])")
    assert live.count() == 1
    assert live.get_attribute("id") == box(page, name).locator("svg").get_attribute(
        "aria-describedby"
    )
    page.locator(f"#{slider}").press("ArrowLeft")
    if name == "slopes":
        page.locator("#move-traffic").press("Home")
        page.locator("#move-traffic").press("ArrowRight")
    after = summary(page, name)
    assert after != before
    shown = box(page, name).evaluate("b => ({...b.dataset})")
    found = {k: float(v) for k, v in shown.items() if re.fullmatch(r"-?[\d.]+(e-?\d+)?", v)}
    for words in sentences(found):
        assert minus(words) in after


@pytest.mark.parametrize(
    ("name", "moves", "words"),
    [
        ("slopes", {"move-traffic": "Home"}, "this is the ATE, for nothing is confounded"),
        ("slopes", {"move-rows": "End"}, "Of such intervals, less than 0.1% cover the ATE"),
        ("did", {"move-hospitals": "End", "move-drift": "End"}, "in more than 99.9% of regions."),
        ("iv", {"move-rho": "Home"}, "and OLS is right too"),
        ("iv", {"move-meanF": "Home"}, "more than 99.9% of the way to OLS"),
        ("policy", {"move-factor": "Home"}, "For the new rule they are worth less than 1."),
        ("policy", {"move-months": "Home"}, "3,000 are there in month 1. For the new rule"),
        ("alarms", {"move-threshold": "End"}, "rings falsely in less than 0.1% of quiet years"),
        ("alarms", {"move-looks": "Home"}, "once, after 52 weeks. One look rings falsely in 5.0%"),
    ],
)
def test_the_summary_has_words_for_the_ends(visit, name, moves, words):
    page = visit(PAGE)
    for slider, key in moves.items():
        page.locator(f"#{slider}").press(key)
    assert words in summary(page, name)
    assert not re.search("NaN|Infinity|undefined|null", summary(page, name))


def test_without_drift_the_test_raises_false_alarms_at_its_size(visit):
    page = visit(PAGE)
    for _ in range(5):
        page.locator("#move-drift").press("ArrowLeft")
    words = summary(page, "did")
    assert "DiD is −2.28 on average, as it should be" in words
    assert "95.0% cover the ATT" in words
    assert words.endswith("raises a false alarm in 5.0% of regions.")


def test_the_old_rule_itself_is_said_to_have_no_weights(visit):
    page = visit(PAGE)
    for _ in range(3):
        page.locator("#move-factor").press("ArrowRight")
    assert summary(page, "policy").endswith("every weight is 1, and they are worth as many.")


def test_nothing_moves_by_itself(visit):
    page = visit(PAGE)
    for slider in IDS.values():
        page.locator(f"#{slider}").press("ArrowRight")
        assert page.evaluate("document.getAnimations().filter(a => a.effect.target"
                             ".closest('.moving')).length") == 0  # fmt: skip


# Where it works


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_phone_nothing_scrolls_sideways_and_targets_are_large(visit, theme):
    page = visit(PAGE, width=360, height=740, theme=theme)
    for slider in IDS.values():
        for key in ("Home", "End"):
            page.locator(f"#{slider}").press(key)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
        target = page.locator(f"#{slider}").bounding_box()
        assert target["height"] >= 24
        assert target["width"] >= 200
    for svg in page.locator(".moving svg").all():
        edges = svg.evaluate(
            "s => [s, ...s.querySelectorAll('text')].map(e => e.getBoundingClientRect())"
            ".map(r => [r.left, r.right])"
        )
        assert min(left for left, _ in edges) >= edges[0][0] - 0.5
        assert max(right for _, right in edges) <= edges[0][1] + 0.5
        size = svg.evaluate("s => parseFloat(getComputedStyle(s).fontSize)")
        assert size >= 12


def test_figures_follow_the_width_of_the_window(visit):
    page = visit(PAGE)
    wide = box(page, "iv").locator("svg").bounding_box()["width"]
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_timeout(100)
    assert box(page, "iv").locator("svg").bounding_box()["width"] < wide - 100
    drawn = box(page, "iv").locator("svg").evaluate("s => s.viewBox.baseVal.width")
    assert box(page, "iv").locator("svg").bounding_box()["width"] == pytest.approx(drawn, abs=1)


def test_it_works_from_a_folder_without_any_network(browser, html):
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto((html / PAGE).as_uri())
    page.locator("#move-meanF").press("Home")
    assert float(box(page, "iv").get_attribute("data-median")) == pytest.approx(0.8)
    assert page.locator(".moving svg circle").count() == 12
    context.close()


def test_without_javascript_each_figure_is_still_and_says_its_numbers(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/{PAGE}")
    for name in SLIDERS:
        assert page.locator(f"#fig-move-{name} img").is_visible()
        assert not box(page, name).locator(".moving-knobs").is_visible()
        assert not box(page, name).locator("svg").is_visible()
        assert box(page, name).locator(".moving-summary").is_visible()
    context.close()


@pytest.mark.parametrize("name", SLIDERS)
def test_what_the_page_says_without_javascript_is_what_the_sliders_start_with(visit, html, name):
    source = (html / PAGE).read_text(encoding="utf-8")
    written = re.search(rf'id="move-{name}-said"[^>]*>([^<]+)<', source).group(1)
    page = visit(PAGE)
    assert not page.locator(f"#fig-move-{name}").is_visible()
    assert summary(page, name) == written
    box(page, name).locator("[aria-live=polite]").evaluate("p => { p.textContent = ''; }")
    box(page, name).locator("input").first.dispatch_event("input")
    assert summary(page, name) == written


# Where it stands

CHAPTERS = {name: figure["chapter"] for name, figure in figures().items()}
START = "[s.closest('section').querySelector(':scope > h1, :scope > h2').getBoundingClientRect()"
SCREEN = f"s => {START}.top, s.getBoundingClientRect().bottom]"


def test_the_page_gathers_all_and_no_page_without_a_figure_loads_the_script(html):
    read = {path.stem: path.read_text(encoding="utf-8") for path in html.glob("[bn]*/**/*.html")}
    for file in ("see_it_move.js", "see_it_move.css"):
        loading = {name for name, text in read.items() if f"/{file}" in text}
        assert loading == {"see_it_move", *CHAPTERS.values()}
    assert list(SLIDERS) == list(figures())
    page = (html / PAGE).read_text(encoding="utf-8")
    assert re.findall(r'data-moving="(\w+)"', page) == list(SLIDERS)


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_a_figure_s_graph_is_on_the_screen_that_its_heading_begins(visit, width, height):
    page = visit(PAGE, width=width, height=height)
    for name in SLIDERS:
        top, bottom = box(page, name).locator("svg").evaluate(SCREEN)
        assert bottom - top < height - 60, name
    page.evaluate("scrollTo(0, 0)")
    shown = box(page, "slopes").locator("svg").bounding_box()
    assert shown["y"] + 0.8 * shown["height"] < height


@pytest.mark.parametrize(("name", "chapter"), CHAPTERS.items())
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chapter_has_its_figure_below_its_sentence_and_it_moves(visit, name, chapter, theme):
    page = visit(f"notebooks/{chapter}.html", width=390, height=844, theme=theme)
    assert page.locator("[data-moving]").count() == 1
    lead = page.locator("p:has(+ figure[id^=fig-move-])")
    assert lead.locator("a").first.get_attribute("href").endswith("see_it_move.html")
    assert lead.text_content().startswith("See it move")
    assert not page.locator(f"#fig-move-{name}").is_visible()
    top = lead.bounding_box()["y"]
    svg = box(page, name).locator("svg").bounding_box()
    assert svg["y"] + svg["height"] - top < 844 - 60
    for knob in SLIDERS[name]:
        page.locator(f"#move-{knob}").press("End")
        page.locator(f"#move-{knob}").press("ArrowLeft")
    shown = box(page, name).evaluate("b => ({...b.dataset})")
    assert [float(shown[knob]) for knob in SLIDERS[name]] == [
        values[-2] for values in SLIDERS[name].values()
    ]
    compare(shown, name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.elsewhere == page.complaints == []


@pytest.mark.parametrize(("name", "chapter"), CHAPTERS.items())
def test_a_chapter_s_figure_is_still_on_paper_and_without_javascript(browser, html, name, chapter):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((html / "notebooks" / f"{chapter}.html").as_uri())
    for media in ("screen", "print"):
        page.emulate_media(media=media)
        assert page.locator(f"#fig-move-{name} img").is_visible()
        assert box(page, name).locator(".moving-summary").is_visible()
        assert not box(page, name).locator("input").first.is_visible()
        assert not box(page, name).locator("svg").is_visible()
    context.close()
