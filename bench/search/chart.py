"""Chart of what a training costs within a search, as searches grow."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from bench.search.cell import OURS, SAME, SEARCHES
from bench.search.tables import Measured, Results, seconds_of

WIDTH, HEIGHT = 8.5, 3.4
"""Inches, of 100 pixels in a README; of a row of two panels."""

STYLES = {
    "scikit-learn's": {"marker": "^", "color": "#009E73", "markersize": 7},
    SAME: {"marker": "s", "color": "#D55E00", "markersize": 7, "fillstyle": "none"},
    f"{SAME}, one process": {"marker": "o", "color": "#0072B2", "markersize": 6.5},
    OURS: {"marker": "D", "color": "black", "markersize": 6.5},
}
"""Colours of Okabe and Ito, as in the chart of `bench.peers`."""


def chart(results: Results) -> Figure:
    """A panel for each data and width: ms a training over the number of trainings, if several."""
    panels = {t: cells for t, cells in results.of_titles("searches").items() if len(cells) > 1}
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(WIDTH, 0.5 + HEIGHT * rows), layout="constrained")
    axes = figure.subplots(rows, min(2, len(panels)), squeeze=False).ravel()
    for each, (title, cells) in zip(axes, panels.items(), strict=False):
        _draw(each, cells)
        each.set_title(title, loc="left")
    for each in axes[len(panels) :]:
        each.set_axis_off()
    handles = {line.get_label(): line for each in axes for line in each.lines}
    figure.legend(
        handles=[handles[name] for name in SEARCHES if name in handles],
        loc="outside upper center",
        ncols=2,
        frameon=False,
    )
    return figure


def _draw(axes: Axes, cells: Sequence[Measured]) -> None:
    for name, style in STYLES.items():
        pairs = [(cell["trainings"], seconds_of(cell, name)) for cell in cells]
        points = [(K, 1e3 * seconds / K) for K, seconds in pairs if seconds]
        if points:
            axes.plot(*zip(*points, strict=True), linewidth=1.5, label=name, **style)
    axes.set(xscale="log", yscale="log", xlabel="trainings in a search", ylabel="ms a training")
    axes.set_xticks([cell["trainings"] for cell in cells])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)
