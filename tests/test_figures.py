import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

from casestudies import scenarios
from casestudies.display import figures


@pytest.fixture(autouse=True)
def no_window():
    plt.switch_backend("Agg")
    figures.house_style()
    yield
    plt.close("all")


@pytest.fixture
def table():
    return pd.DataFrame(
        {"estimate": [0.4, 0.3], "ci_low": [0.35, np.nan], "ci_high": [0.45, np.nan]},
        index=["raw", "adjusted"],
    )


def texts(ax):
    return [t.get_text() for t in ax.texts if t.get_text()]


def arrows(ax):
    return [
        a.arrow_patch
        for a in ax.texts
        if isinstance(getattr(a, "arrow_patch", None), FancyArrowPatch)
    ]


def test_estimates_are_drawn_from_top_to_bottom_against_the_truth(table):
    ax = figures.estimates(table, truth={"ATE": 0.29, "ATT": 0.31}, naive=["raw"], digits=2)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["raw", "adjusted"]
    assert ax.yaxis_inverted()
    assert {"ATE 0.29", "ATT 0.31", "0.40", "0.30"} <= set(texts(ax))
    markers = [line for line in ax.lines if line.get_marker() in ("D", "o")]
    assert [line.get_xdata()[0] for line in markers] == [0.4, 0.3]
    raw, adjusted = markers
    assert (raw.get_marker(), raw.get_color()) == ("D", figures.NAIVE)
    assert (adjusted.get_marker(), adjusted.get_color()) == ("o", figures.ESTIMATE)
    interval = next(line for line in ax.lines if list(line.get_xdata()) == [0.35, 0.45])
    assert list(interval.get_ydata()) == [0, 0]


@pytest.fixture
def means():
    return pd.DataFrame(
        {"drug": [9.0, 8.0, 3.0, 2.0], "none": [5.0, 4.0, 4.5, 3.0]}, index=[1, 2, 3, 4]
    )


def test_trends_draw_both_groups_and_the_control_moved_to_the_treated_level(means):
    ax = figures.trends(means, treated="drug", control="none", start=3, ylabel="days")
    control, treated, parallel, start = ax.lines
    assert list(control.get_ydata()) == [5, 4, 4.5, 3]
    assert (control.get_color(), control.get_marker()) == (figures.CONTROL, "o")
    assert list(treated.get_ydata()) == [9, 8, 3, 2]
    assert (treated.get_color(), treated.get_marker()) == (figures.TREATED, "s")
    assert list(parallel.get_xdata()) == [2, 3, 4]
    assert list(parallel.get_ydata()) == [8, 8.5, 7]  # the gap before was 4
    assert list(start.get_xdata()) == [2.5, 2.5]
    assert texts(ax) == ["drug", "none", "drug,\nif parallel"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("period", "days")


@pytest.mark.parametrize("last", [3.0, 3.01, 7.0])
def test_labels_at_the_ends_of_trends_do_not_overlap(means, last):
    means.loc[4, "drug"] = last
    ax = figures.trends(means, treated="drug", control="none", start=3)
    ax.figure.canvas.draw()
    boxes = sorted((t.get_window_extent() for t in ax.texts), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 for low, high in itertools.pairwise(boxes))


def test_an_event_study_shows_intervals_the_open_reference_zero_and_the_truth():
    table = pd.DataFrame(
        {"estimate": [0.1, 0.0, -2.0], "ci_low": [-1.0, 0.0, -3.0], "ci_high": [1.2, 0.0, -1.0]},
        index=[-2, -1, 0],
    )
    ax = figures.event_study(table, truth={0: -2.1, -2: 0.0, -1: 0.0}, ylabel="effect, days")
    zero, truth, dots, reference, start = ax.lines
    assert list(zero.get_ydata()) == [0, 0]
    assert list(truth.get_xdata()) == [-2, -1, 0]
    assert list(truth.get_ydata()) == [0.0, 0.0, -2.1]
    assert (truth.get_color(), truth.get_linestyle()) == (figures.TRUTH, "--")
    assert list(dots.get_ydata()) == [0.1, -2.0]
    assert list(reference.get_xdata()) == [-1]
    assert reference.get_markerfacecolor() == "white"
    assert list(start.get_xdata()) == [-0.5, -0.5]
    segments = [line[:, 1].tolist() for line in ax.collections[0].get_segments()]
    assert segments == [[-1.0, 1.2], [0.0, 0.0], [-3.0, -1.0]]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["−2", "−1", "0"]
    assert ax.get_ylabel() == "effect, days"
    assert len(figures.event_study(table).lines) == 4  # without a truth


def test_the_graph_has_an_arrow_for_every_edge_and_a_word_for_every_role():
    graph = scenarios.staffing(stress_on_both=1.0).model.graph
    ax = figures.causal_graph(
        graph, treatment="mismatch", outcome="exit", adjusted=["talent"], hidden=["stress"]
    )
    assert len(arrows(ax)) == graph.number_of_edges()
    assert {"treatment", "outcome", "adjusted for", "not recorded", *graph} <= set(texts(ax))
    grey = {
        text.get_text()
        for text in ax.texts
        if text.get_bbox_patch() and to_hex(text.get_bbox_patch().get_facecolor()) != "#ffffff"
    }
    assert grey == {"talent"}


def test_a_cut_arrow_is_dotted_and_crossed():
    world = scenarios.staffing()
    ax = figures.causal_graph(world.model.do(mismatch=1).graph, cut=[("talent", "mismatch")])
    dotted = [a for a in arrows(ax) if a.get_linestyle() == ":"]
    assert len(dotted) == 1
    assert len(arrows(ax)) == world.model.graph.number_of_edges()
    assert [line.get_marker() for line in ax.lines] == ["x"]


@pytest.mark.parametrize("knobs", [{}, {"stress_on_both": 1.0}, {"symptom_only": True}])
def test_no_two_boxes_of_the_default_layout_overlap(knobs):
    ax = figures.causal_graph(scenarios.staffing(**knobs).model.graph)
    ax.figure.canvas.draw()
    boxes = [t.get_bbox_patch().get_window_extent() for t in ax.texts if t.get_bbox_patch()]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        assert ax.figure.bbox.contains(*box.min)
        assert ax.figure.bbox.contains(*box.max)


def test_an_arrow_bends_around_a_node_in_its_way():
    inline = {"a": (0, 0), "b": (1, 0), "c": (2, 0)}
    aside = {"a": (0, 0), "b": (1, 1), "c": (2, 0)}
    assert figures._bend(inline, "a", "c") != 0
    assert figures._bend(aside, "a", "c") == 0
    assert figures._bend(inline, "a", "b") == 0


def contrast_with_white(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 1.05 / (np.dot([0.2126, 0.7152, 0.0722], linear) + 0.05)


def test_every_role_has_its_own_colour_with_a_contrast_of_at_least_three():
    roles = [figures.CONTROL, figures.TREATED, figures.TRUTH, figures.NAIVE, figures.ESTIMATE]
    roles.append(figures.HIDDEN)
    assert len(set(roles)) == len(roles)
    assert min(contrast_with_white(colour) for colour in roles) >= 3


def test_a_love_plot_has_a_row_for_each_covariate_and_a_mark_for_each_stage():
    table = pd.DataFrame(
        {"before": [1.0, 0.5], "weighted": [0.02, 0.01]}, index=["health", "age_2"]
    )
    ax = figures.love_plot(table)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["health", "age 2"]
    before, weighted = ax.lines[:2]
    assert list(before.get_xdata()) == [1.0, 0.5]
    assert list(weighted.get_xdata()) == [0.02, 0.01]
    assert before.get_marker() != weighted.get_marker()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["before", "weighted"]
