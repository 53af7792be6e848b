"""Every peer's time beside the floor's, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from bench.peers.table import ASIDE, FLOOR, OURS, PEER
from bench.peers.tables import DEFAULT, Cell, fastest, network_of, ratio, training_cells

MARKERS = {OURS: "D", PEER: "o", ASIDE: "x"}


def chart(cells: Sequence[Cell]) -> Figure:
    """A line a training cell, a dot a peer: how many times the floor's time it takes."""
    cells = training_cells(cells)
    figure = Figure(figsize=(9, 1.8 + 0.42 * len(cells)), layout="constrained")
    axes = figure.subplots()
    roles = {row["peer"]: row["role"] for cell in cells for row in cell["rows"]}
    contestants = [peer for peer, role in roles.items() if role in MARKERS]
    for number, peer in enumerate(contestants):
        points = [
            (ratio(row, fastest(cell, FLOOR)), line)
            for line, cell in enumerate(cells)
            for row in cell["rows"]
            if row["peer"] == peer
        ]
        axes.plot(
            *zip(*points, strict=True),
            MARKERS[roles[peer]],
            color="black" if peer == DEFAULT else f"C{number % 10}",
            markersize=9 if peer == DEFAULT else 6,
            label=peer,
        )
    axes.set_yticks(range(len(cells)), [f"{network_of(c)}, batch {c['batch']}" for c in cells])
    axes.invert_yaxis()
    axes.grid(axis="y", alpha=0.3)
    axes.axvline(1, color="grey", linestyle=":")
    axes.set(xscale="log", xlabel="time of a step ÷ its matrix products alone (logarithmic)")
    figure.legend(loc="outside upper center", ncols=4)
    return figure
