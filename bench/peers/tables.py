"""Measured cells as Markdown tables, and what they come to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from bench import markdown
from bench.peers.table import FLOOR, OURS, PEER

Row = dict[str, Any]
Cell = dict[str, Any]

DEFAULT = "xpnet"
"""The row of what xpnet does when nothing is chosen."""


def network_of(cell: Cell) -> str:
    return "-".join(map(str, cell["sizes"]))


def title_of(cell: Cell) -> str:
    return f"{cell['task']}, {network_of(cell)}, batch {cell['batch']}"


def fastest(cell: Cell, role: str) -> Row | None:
    """The fastest row of that role."""
    rows = [row for row in cell["rows"] if row["role"] == role]
    return min(rows, key=lambda row: row["seconds"], default=None)


def row_of(cell: Cell, peer: str) -> Row | None:
    return next((row for row in cell["rows"] if row["peer"] == peer), None)


def ratio(above: Row | None, below: Row | None) -> float:
    """Seconds of one over seconds of the other; NaN where one was not measured."""
    return above["seconds"] / below["seconds"] if above and below else math.nan


def cells_of(results: Sequence[dict[str, Any]]) -> list[Cell]:
    """The cells of results; where two have measured the same cell, the later one counts."""
    cells = [cell for result in results for cell in result["cells"]]
    latest = {title_of(cell): cell for cell in cells}
    return list(latest.values())


def of_tasks(cells: Sequence[Cell]) -> str:
    """The training cells in one table with their summary, each other cell in one of its own."""
    training = training_cells(cells)
    parts = (
        [of_cells(training), "\n".join(f"- {line}" for line in summary(cells))] if training else []
    )
    return "\n\n".join(parts + [of_cell(cell) for cell in cells if cell not in training])


def training_cells(cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell["task"].startswith("training")]


def of_cell(cell: Cell) -> str:
    """One cell, a peer a row, the fastest first."""
    floor, best = fastest(cell, FLOOR), fastest(cell, PEER)
    rows = [
        [
            row["peer"],
            f"{row['seconds'] * 1e6:,.1f}",
            _percent(ratio(floor, row)),
            _times(ratio(row, best)),
            "" if row["cost"] is None else f"{row['cost']:.4f}",
        ]
        for row in sorted(cell["rows"], key=lambda row: row["seconds"])
    ]
    head = [
        title_of(cell),
        f"µs a {cell['unit']}",
        "floor ÷ it",
        "it ÷ best peer",
        "cost",
    ]
    return markdown.table(head, rows)


def of_cells(cells: Sequence[Cell]) -> str:
    """Training cells, a cell a row, µs of each peer; the fastest of xpnet and peers is bold."""
    peers = list(dict.fromkeys(row["peer"] for cell in cells for row in _contestants(cell)))
    head = ["network", "batch", "floor", *peers, f"floor ÷ {DEFAULT}", f"best peer ÷ {DEFAULT}"]
    rows = [
        [
            network_of(cell),
            str(cell["batch"]),
            _microseconds(fastest(cell, FLOOR), cell),
            *(_microseconds(row_of(cell, peer), cell) for peer in peers),
            _percent(ratio(fastest(cell, FLOOR), row_of(cell, DEFAULT))),
            _times(ratio(fastest(cell, PEER), row_of(cell, DEFAULT))),
        ]
        for cell in cells
    ]
    return markdown.table(head, rows)


def summary(cells: Sequence[Cell]) -> list[str]:
    """Geometric means over the training cells, and those in which xpnet is not the first."""
    cells = training_cells(cells)
    rivals = dict.fromkeys(
        row["peer"] for cell in cells for row in cell["rows"] if row["role"] == PEER
    )
    best = _geometric_mean(ratio(fastest(cell, PEER), row_of(cell, DEFAULT)) for cell in cells)
    lines = [f"best peer of each cell ÷ {DEFAULT}, geometric mean: {_times(best)}"]
    for peer in rivals:
        mean = _geometric_mean(ratio(row_of(cell, peer), row_of(cell, DEFAULT)) for cell in cells)
        lines.append(f"{peer} ÷ {DEFAULT}, geometric mean: {_times(mean)}")
    for cell in cells:
        behind = ratio(row_of(cell, DEFAULT), fastest(cell, PEER))
        if behind > 1:
            first = fastest(cell, PEER)["peer"]
            lines.append(f"not first: {title_of(cell)}: {behind - 1:.0%} behind {first}")
    return lines


def _contestants(cell: Cell) -> list[Row]:
    return [row for row in cell["rows"] if row["role"] != FLOOR]


def _microseconds(row: Row | None, cell: Cell) -> str:
    if row is None:
        return ""
    text = f"{row['seconds'] * 1e6:,.0f}"
    first = min((fastest(cell, role) for role in (OURS, PEER)), key=_seconds)
    return f"**{text}**" if row is first else text


def _seconds(row: Row | None) -> float:
    return math.inf if row is None else row["seconds"]


def _geometric_mean(ratios: Iterable[float]) -> float:
    logs = [math.log(ratio) for ratio in ratios if not math.isnan(ratio)]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{share:.0%}"


def _times(ratio: float) -> str:
    return "" if math.isnan(ratio) else f"{ratio:.2f}"
