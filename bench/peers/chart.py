"""Chart of every peer's time beside the floor's, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from bench.peers.results import (
    DEFAULT,
    Cell,
    Results,
    fastest,
    longest,
    network_of,
    peers_of,
    ratio,
    row_of,
)
from bench.peers.tasks import FLOOR, OURS, PEER

MARKERS = {OURS: "D", PEER: "o"}


def chart(results: Results) -> Figure:
    """A panel a task, a line a cell, a dot a peer: how many times the floor's time it takes.

    Where no floor was measured, times are compared with xpnet's own.
    """
    tasks = {task: longest(cells) for task, cells in results.tasks().items()}
    lines = [len(cells) + 1 for cells in tasks.values()]
    figure = Figure(figsize=(9, 1.5 + 0.42 * sum(lines)), layout="constrained")
    panels = figure.subplots(len(tasks), squeeze=False, height_ratios=lines)[:, 0]
    colours = {peer: f"C{n % 10}" for n, peer in enumerate(peers_of(results.cells))}
    colours[DEFAULT] = "black"
    for (task, cells), axes in zip(tasks.items(), panels, strict=True):
        axes.set_title(task, loc="left")
        _draw(axes, cells, colours)
    handles = {line.get_label(): line for axes in panels for line in axes.lines}
    figure.legend(handles=list(handles.values()), loc="outside upper center", ncols=4)
    return figure


def _draw(axes: Axes, cells: Sequence[Cell], colours: dict[str, str]) -> None:
    floors = [fastest(cell, FLOOR) for cell in cells]
    against = floors if all(floors) else [fastest(cell, OURS) for cell in cells]
    for peer, role in peers_of(cells).items():
        if role in MARKERS:
            axes.plot(
                [ratio(row_of(cell, peer), row) for cell, row in zip(cells, against, strict=True)],
                range(len(cells)),
                MARKERS[role],
                color=colours[peer],
                markersize=9 if peer == DEFAULT else 6,
                label=peer,
            )
    axes.set_yticks(range(len(cells)), [f"{network_of(c)}, batch {c['batch']}" for c in cells])
    axes.set_ylim(len(cells) - 0.5, -0.5)
    axes.grid(alpha=0.3)
    axes.set_xscale("log")
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, 0.9), max(right, 2.2))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(f"times {'the matrix products alone' if against is floors else 'xpnet'}")
