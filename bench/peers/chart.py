"""Chart of a step's time beside the floor's: xpnet, the best peer, PyTorch and scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from bench.peers.results import (
    DEFAULT,
    Cell,
    Results,
    Row,
    fastest,
    longest,
    network_of,
    ratio,
    row_of,
)
from bench.peers.tasks import FLOOR, OURS, PEER

WIDTH = 8.5
"""Inches, of 100 pixels in a README: 10 points are 14 of them."""
GAP = 0.4
"""Between networks, in lines."""

FLOORS = "#666666"
STYLES = {
    "best peer": {"marker": "s", "color": "#D55E00", "markersize": 10, "fillstyle": "none"},
    "scikit-learn": {"marker": "^", "color": "#009E73", "markersize": 7},
    "PyTorch eager": {"marker": "o", "color": "#0072B2", "markersize": 6.5},
    "xpnet on JAX": {"marker": "v", "color": "#CC79A7", "markersize": 6.5},
    "xpnet on torch": {"marker": "P", "color": "#E69F00", "markersize": 6.5},
    DEFAULT: {"marker": "D", "color": "black", "markersize": 6.5},
}
"""The later is drawn over the earlier. Colours of Okabe and Ito, told apart by the colour-blind."""


def chart(results: Results) -> Figure:
    """A panel a task, a line a network and batch size: how many times the floor's time it takes.

    Long rounds, where there are any. Where no floor was measured, times are compared with xpnet's.
    Tasks without steps are drawn only if there are no others.
    """
    tasks = {task: longest(cells) for task, cells in results.tasks().items()}
    of_steps = {task: cells for task, cells in tasks.items() if cells[0]["unit"] == "step"}
    drawn = of_steps or tasks
    lines = [_lines(cells)[-1] + 3 for cells in drawn.values()]
    figure = Figure(figsize=(WIDTH, 0.5 + 0.26 * sum(lines)), layout="constrained")
    panels = figure.subplots(len(drawn), squeeze=False, height_ratios=lines)[:, 0]
    for (task, cells), axes in zip(drawn.items(), panels, strict=True):
        _draw(axes, cells)
        if len(drawn) > 1:
            axes.set_title(task, loc="left")
    handles = {line.get_label(): line for axes in panels for line in axes.lines}
    order = [name for name in ("floor", *reversed(STYLES)) if name in handles]
    figure.legend(
        handles=[handles[name] for name in order],
        loc="outside upper center",
        ncols=len(order),
        frameon=False,
    )
    return figure


def _draw(axes: Axes, cells: Sequence[Cell]) -> None:
    cells = sorted(cells, key=_network_first(cells))
    lines = _lines(cells)
    floors = [fastest(cell, FLOOR) for cell in cells]
    own = [_row_of(cell, DEFAULT) or fastest(cell, OURS) for cell in cells]
    against = floors if all(floors) else own
    if against is floors:
        axes.axvline(1, color=FLOORS, linestyle="--", linewidth=1.5, label="floor")
    for name, style in STYLES.items():
        rows = [_row_of(cell, name) for cell in cells]
        if any(rows):
            times = [ratio(row, floor) for row, floor in zip(rows, against, strict=True)]
            axes.plot(times, lines, linestyle="none", markeredgewidth=2, label=name, **style)
    _name_lines(axes, cells, lines)
    _scale(axes)
    other = "that of its matrix products alone" if against is floors else f"{DEFAULT}'s"
    axes.set_xlabel(f"time of a {cells[0]['unit']} ÷ {other}")


def _row_of(cell: Cell, name: str) -> Row | None:
    return fastest(cell, PEER) if name == "best peer" else row_of(cell, name)


def _network_first(cells: Sequence[Cell]) -> Callable[[Cell], tuple[int, int]]:
    """A key that keeps a network's batch sizes together."""
    networks = list(dict.fromkeys(map(network_of, cells)))
    return lambda cell: (networks.index(network_of(cell)), cell["batch"])


def _lines(cells: Sequence[Cell]) -> list[float]:
    """Where each cell is drawn, from above; networks are set apart."""
    cells = sorted(cells, key=_network_first(cells))
    networks = list(dict.fromkeys(map(network_of, cells)))
    return [n + GAP * networks.index(network_of(cell)) for n, cell in enumerate(cells)]


def _name_lines(axes: Axes, cells: Sequence[Cell], lines: Sequence[float]) -> None:
    """The network and the batch size on the left, the best peer's name on the right."""
    beside = axes.get_yaxis_transform()
    axes.set_yticks(lines, [f"batch {cell['batch']:,}" for cell in cells])
    axes.tick_params("y", length=0)
    axes.set_ylim(lines[-1] + 0.6, -0.6)
    pairs = zip(cells, lines, strict=True)
    for n, (network, group) in enumerate(groupby(pairs, key=lambda pair: network_of(pair[0]))):
        places = [line for _, line in group]
        middle = (places[0] + places[-1]) / 2
        axes.annotate(
            network,
            (0, middle),
            xycoords=beside,
            xytext=(-72, 0),  # left of the batch sizes
            textcoords="offset points",
            ha="right",
            va="center",
            weight="bold",
        )
        if n % 2 == 0:
            edge = (1 + GAP) / 2
            axes.axhspan(places[0] - edge, places[-1] + edge, color="#f2f2f2", zorder=0)
    for cell, line in zip(cells, lines, strict=True):
        if best := fastest(cell, PEER):
            color = STYLES["best peer"]["color"]
            axes.text(1.01, line, best["peer"], transform=beside, va="center", color=color)


def _scale(axes: Axes) -> None:
    axes.set_xscale("log")
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, 0.9), max(right, 2.2))
    axes.grid(axis="x", alpha=0.3)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
