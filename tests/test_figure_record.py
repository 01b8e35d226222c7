"""A figure's record changes with what the figure shows, and with nothing else."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.lib.pretty import pretty
from matplotlib.figure import Figure

from casestudies.display.figure_record import describe, describe_in_notebooks


@pytest.fixture
def ax():
    with plt.style.context("default"):
        _, ax = plt.subplots()
        ax.set(xlim=(0, 10), ylim=(0, 1))
        yield ax
        plt.close("all")


def record(ax):
    """Return the lines that describe what is in an axes."""
    lines = describe(ax.figure).splitlines()
    assert lines[:1] == ["<Figure size 640x480 with 1 Axes>"]
    return [line.strip() for line in lines[1:]]


def drawn(ax):
    return record(ax)[1:]


def test_axes_are_told_by_limits_scale_label_and_named_ticks(ax):
    assert record(ax) == ["axes: x 0 to 10; y 0 to 1"]
    ax.set(xlim=(1, 1000), xscale="log", xlabel="rows", ylim=(2.5, -0.5))
    ax.set_yticks([0, 2], ["naive", "adjusted"])
    assert record(ax) == ["axes: x 1 to 1e+03 log 'rows'; y 2.5 to -0.5 ['naive', 'adjusted']"]


@pytest.mark.parametrize(
    ("draw", "line"),
    [
        (lambda ax: ax.plot([1, 2], [0, 0.5], "r--"), "line #ff0000 -- None: 1,0 2,0.5"),
        (
            lambda ax: ax.plot([1], [0.5], "o", color="black", markerfacecolor="white"),
            "line #000000 None o #ffffff: 1,0.5",
        ),
        (lambda ax: ax.scatter([1, 2], [0, 1], c="red"), "PathCollection #ff0000: 1,0 2,1"),
        (
            lambda ax: ax.scatter([1, 2], [0, 1], c=["red", "blue"]),
            "PathCollection #ff0000 #0000ff: 1,0 2,1",
        ),
        (lambda ax: ax.hlines(0.5, 1, 2, color="red"), "LineCollection #ff0000: 1,0.5 2,0.5"),
        (
            lambda ax: ax.bar([1, 3], [0.2, 0.4], color="red"),
            "Rectangle #ff0000: 0.6,0 1.4,0.2 2.6,0 3.4,0.4",
        ),
        (
            lambda ax: ax.bar([1], [0.2], color="none", edgecolor="blue"),
            "Rectangle #0000ff: 0.6,0 1.4,0.2",
        ),
        (
            lambda ax: ax.add_patch(plt.matplotlib.patches.FancyArrowPatch((1, 0), (2, 1))),
            "FancyArrowPatch #1f77b4 #000000: 1,0 2,1",
        ),
        (lambda ax: ax.text(3, 0.25, "sign lost"), "text #000000 'sign lost' at 3,0.25"),
        (
            lambda ax: ax.text(3, 0.25, "a", bbox={"facecolor": "red", "edgecolor": "none"}),
            "text #000000 'a' at 3,0.25 in FancyBboxPatch #ff0000",
        ),
        (
            lambda ax: ax.annotate("far", (3, 0.25), xytext=(9, 9)),
            "text #000000 'far' at 3,0.25",
        ),
        (
            lambda ax: ax.annotate("", (3, 0.25), (5, 0.5), arrowprops={"linestyle": ":"}),
            "FancyArrowPatch #1f77b4 #000000 :: 5,0.5 3,0.25",
        ),
        (lambda ax: ax.set_title("Before", loc="left"), "title 'Before'"),
        (lambda ax: ax.figure.text(0, 0, "note"), "text 'note'"),
        (lambda ax: ax.imshow([[0, 1]], aspect="auto"), "image: 0,0 1,1"),
    ],
)
def test_what_is_drawn_is_told_with_its_colours_and_places(ax, draw, line):
    draw(ax)
    ax.set(xlim=(0, 10), ylim=(0, 1))
    assert drawn(ax) == [line]


def test_legends_are_told_by_their_words(ax):
    ax.plot([0], [0], "k", label="seen")
    ax.legend()
    ax.figure.legend()
    assert drawn(ax)[1:] == ["legend ['seen']", "legend ['seen']"]


def test_what_is_hidden_is_left_out(ax):
    artists = [*ax.plot([1], [0]), ax.scatter([1], [0]), *ax.bar([1], [1]), ax.text(1, 0, "a")]
    artists.append(ax.imshow([[0, 1]], aspect="auto"))
    assert len(drawn(ax)) == len(artists)
    for artist in artists:
        artist.set_visible(False)
    assert drawn(ax) == []


def test_bars_of_two_colours_are_two_lines(ax):
    ax.bar([1], [0.5], color="red")
    ax.bar([3], [0.25], color="blue")
    assert [line.partition(":")[0] for line in drawn(ax)] == [
        "Rectangle #ff0000",
        "Rectangle #0000ff",
    ]


def test_twelve_points_are_written_out_and_of_more_twelve_with_mean_and_extremes(ax):
    x = np.arange(12) / 2
    ax.plot(x, x / 10, "k")
    (line,) = drawn(ax)
    assert line.count(",") == 12
    ax.lines[0].set_data(np.arange(23) / 2, np.arange(23) / 100)
    assert drawn(ax) == [
        "line #000000 - None: 23 points 0,0 1,0.02 2,0.04 3,0.06 4,0.08 5,0.1 6,0.12 7,0.14 8,0.16 "
        "9,0.18 10,0.2 11,0.22; mean 5.5,0.11, min 0,0, max 11,0.22"
    ]


def test_a_gap_is_told_and_left_out_of_the_mean(ax):
    y = np.where(np.arange(23) == 0, np.nan, 0.5)
    ax.plot(np.arange(23), y, "k")
    (line,) = drawn(ax)
    assert " 0,nan 2,0.5 " in line
    assert line.endswith("mean 11.5,0.5, min 1,0.5, max 22,0.5")


@pytest.mark.parametrize("span", [1.0, 0.037, 9.99, 250_000.0])
def test_a_change_of_two_thousandths_of_an_axis_shows_and_float_noise_does_not(ax, span):
    ax.set_ylim(0, span)
    (line,) = ax.plot([1, 2], [0.3 * span, 0.7 * span])
    before = drawn(ax)
    line.set_ydata([0.3 * span * (1 + 1e-12), 0.7 * span * (1 - 1e-12)])
    ax.set_ylim(0, span * (1 + 1e-13))
    assert drawn(ax) == before
    line.set_ydata([0.302 * span, 0.7 * span])
    assert drawn(ax) != before


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_noise_does_not_decide_a_tie_or_the_sign_of_zero(ax, scale):
    ax.set(yscale=scale, ylim=(0.1, 1) if scale == "log" else (-0.5, 0.5))
    (line,) = ax.plot([1, 2], [0.0, 0.1875])
    seen = set()
    for noise in (-1e-14, 0, 1e-14):
        line.set_ydata([noise, 0.1875 + noise] if scale == "linear" else [0.5, 0.18750 + noise])
        line.set_xdata([1, 2 + noise])
        seen.add(str(drawn(ax)))
    assert len(seen) == 1
    assert "-0" not in seen.pop()


def test_on_a_long_axis_numbers_are_whole(ax):
    ax.set(xlim=(0, 250_000), ylim=(0, 9_000))
    ax.plot([120_000, 123_456], [1_000, 1_234.4], "k")
    assert drawn(ax) == ["line #000000 - None: 120000,1000 123500,1234"]


def test_every_axes_has_its_lines_below_it():
    figure, (left, right) = plt.subplots(1, 2)
    left.plot([0, 1], [0, 1], "k")
    right.text(0, 0, "b")
    kinds = [line.split()[0] for line in describe(figure).splitlines()]
    assert kinds == ["<Figure", "axes:", "line", "axes:", "text"]
    plt.close(figure)


def test_a_figure_without_axes_is_told_too():
    assert describe(Figure(figsize=(6.4, 4.8), dpi=100)) == "<Figure size 640x480 with 0 Axes>"


def test_in_a_notebook_the_record_is_the_figures_plain_text(ax, monkeypatch):
    monkeypatch.setattr(Figure, "_repr_pretty_", None, raising=False)
    describe_in_notebooks()
    ax.plot([1, 2], [0, 0.5], "r--")
    assert pretty(ax.figure) == describe(ax.figure)
