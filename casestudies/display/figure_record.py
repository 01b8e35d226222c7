"""What a figure shows, in rounded numbers and words: two runs of a notebook are compared by it."""

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Annotation
from matplotlib.ticker import FixedLocator

__all__ = ["describe", "describe_in_notebooks"]

SHOWN = 12  # points of a series that are written out; of a longer one, so many at even steps


def describe_in_notebooks():
    """Let a notebook keep ``describe(figure)`` as a figure's plain text, behind its picture.

    Pages show the picture. A test that compares stored outputs, which cannot compare pictures
    from different machines byte by byte, compares the text.
    """
    Figure._repr_pretty_ = lambda figure, printer, cycle: printer.text(describe(figure))


def describe(figure):
    """Return what a figure shows, a line for each thing that is drawn.

    Numbers are in the units of the axes, rounded to about a thousandth of the axis' length (on
    a logarithmic axis to three digits), so that the last digits of another processor do not show.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure; it is not changed.

    Returns
    -------
    str
        Limits, labels and named ticks of every axes, then its lines, points, areas, shapes,
        images and words with their colours. A series of more than 12 points is given by 12 of
        them at even steps, its mean and its extremes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> figure, ax = plt.subplots(figsize=(6.4, 4.8), dpi=100)
    >>> _ = ax.plot([0, 1], [0.2, 0.123456], color="red")
    >>> _ = ax.set(xlim=(0, 1), ylim=(0, 1), ylabel="risk")
    >>> print(describe(figure))
    <Figure size 640x480 with 1 Axes>
    axes: x 0 to 1; y 0 to 1 'risk'
      line #ff0000 - None: 0,0.2 1,0.123
    >>> plt.close(figure)
    """
    lines = [repr(figure)]
    for ax in figure.axes:
        titles = [ax.get_title(loc=where) for where in ("left", "center", "right")]
        lines += [f"axes: x {_axis(ax.xaxis)}; y {_axis(ax.yaxis)}"]
        lines += [f"  title {title!r}" for title in titles if title]
        lines += [f"  {line}" for line in [*_drawn(ax), *_words(ax.texts, ax)]]
        lines += [f"  {_legend(legend)}" for legend in [ax.get_legend()] if legend]
    lines += map(_legend, figure.legends)
    return "\n".join([*lines, *(f"text {text.get_text()!r}" for text in figure.texts)])


def _axis(axis):
    """Return the limits, the label and, where they are words, the ticks of an axis."""
    low, high = axis.get_view_interval()
    words = [f"{_number(low, axis)} to {_number(high, axis)}"]
    words += [axis.get_scale()] * (axis.get_scale() != "linear")
    words += [repr(axis.get_label_text())] * bool(axis.get_label_text())
    if isinstance(axis.get_major_locator(), FixedLocator):
        words += [str(axis.get_major_formatter().format_ticks(axis.get_majorticklocs()))]
    return " ".join(words)


def _drawn(ax):
    """Yield a line for every visible thing in an axes but its words."""
    for line in filter(_seen, ax.lines):
        look = f"{to_hex(line.get_color())} {line.get_linestyle()} {line.get_marker()}"
        face = f" {to_hex(line.get_markerfacecolor())}" * (line.get_marker() not in ("None", ""))
        yield f"line {look}{face}: {_points(line.get_xydata(), ax)}"
    for collection in filter(_seen, ax.collections):
        yield f"{_colours(collection)}: {_points(_places(collection), ax)}"
    for kind in dict.fromkeys(map(_colours, filter(_seen, ax.patches))):
        corners = [_corners(p) for p in filter(_seen, ax.patches) if _colours(p) == kind]
        yield f"{kind}: {_points(np.concatenate(corners), ax)}"
    for image in filter(_seen, ax.images):
        values = np.ravel(np.ma.filled(image.get_array().astype(float), np.nan))
        yield f"image: {_points(np.column_stack([np.arange(values.size), values]), ax)}"


def _words(texts, ax):
    """Yield a line for every text, with the box around it, and for every arrow to one."""
    for text in filter(_seen, texts):
        place = text.xy if isinstance(text, Annotation) else text.get_position()
        box = f" in {_colours(text.get_bbox_patch())}" if text.get_bbox_patch() else ""
        if text.get_text():
            words = f"{to_hex(text.get_color())} {text.get_text()!r}"
            yield f"text {words} at {_points([place], ax)}{box}"
        if getattr(text, "arrow_patch", None):
            look = f"{_colours(text.arrow_patch)} {text.arrow_patch.get_linestyle()}"
            yield f"{look}: {_points([text.xyann, place], ax)}"


def _legend(legend):
    return f"legend {[text.get_text() for text in legend.get_texts()]}"


def _seen(artist):
    return artist.get_visible()


def _colours(artist):
    """Return the kind of a shape or a collection, and its colours."""
    faces = np.atleast_2d(artist.get_facecolor())
    edges = np.atleast_2d(artist.get_edgecolor())
    colours = dict.fromkeys(to_hex(c) for c in [*faces, *edges] if len(c) and c[-1] > 0)
    return " ".join([type(artist).__name__, *list(colours)[:SHOWN]])


def _places(collection):
    """Return the points of a scatter, or the corners of lines and areas."""
    if isinstance(collection, PathCollection):
        return collection.get_offsets()
    return np.concatenate([np.empty((0, 2)), *(p.vertices for p in collection.get_paths())])


def _corners(patch):
    """Return the ends of an arrow, or two opposite corners of the box around a shape."""
    ends = getattr(patch, "_posA_posB", None) if isinstance(patch, FancyArrowPatch) else None
    if ends is not None:
        return np.array(ends)
    return patch.get_path().transformed(patch.get_patch_transform()).get_extents().get_points()


def _points(points, ax):
    """Return points as text: all of a few, of many those at even steps, mean and extremes."""
    points = np.ma.filled(np.ma.asarray(points, float), np.nan)
    steps = np.unique(np.linspace(0, len(points) - 1, SHOWN).round().astype(int))
    few = len(points) <= SHOWN
    text = " ".join(_pair(point, ax) for point in (points if few else points[steps]))
    if few:
        return text
    known = points[np.isfinite(points).all(axis=1)]
    summary = [f"{f.__name__} {_pair(f(known, axis=0), ax)}" for f in (np.mean, np.min, np.max)]
    return f"{len(points)} points {text}; {', '.join(summary)}"


def _pair(point, ax):
    return f"{_number(point[0], ax.xaxis)},{_number(point[1], ax.yaxis)}"


def _number(value, axis):
    """Return a number rounded to about a thousandth of the axis, ties decided one way."""
    if axis.get_scale() != "linear" or not np.isfinite(value):
        return f"{value * (1 + 1e-7):.3g}"
    span = abs(np.subtract(*axis.get_view_interval()))
    decimals = 3 - int(np.floor(np.log10(span * (1 + 1e-6))))
    rounded = np.round(value + 1e-7 * span, decimals) + 0.0
    text = f"{rounded:.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if decimals > 0 else text
