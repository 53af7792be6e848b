"""Markdown tables of measured cells."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench import markdown
from bench.peers.results import (
    DEFAULT,
    Cell,
    Results,
    Row,
    fastest,
    network_of,
    peers_of,
    ratio,
    row_of,
    steps_of,
    title_of,
)
from bench.peers.summary import summary
from bench.peers.tasks import FLOOR, OURS, PEER, TASKS

MEMORY = "peak memory, MB"


def of_results(results: Results) -> str:
    """A task of many cells in one table, with what it comes to; a single cell in its own."""
    blocks = []
    for task, cells in results.tasks().items():
        if len(cells) == 1 or TASKS[task].whole_run:
            blocks += map(of_cell, cells)
        else:
            zeros = ", samples without zeros" if cells[0].get("dense") else ""
            title = f"{task}{zeros}: µs per {cells[0]['unit']}"
            blocks += [title, of_cells(cells), summary(cells)]
            blocks += [memory_of_cells(task, cells)]
    return "\n\n".join(filter(None, [*blocks, *results.machines]))


def of_cell(cell: Cell) -> str:
    """One cell, a peer a row, the fastest first."""
    return _of_goal(cell) if "goal" in cell else _of_times(cell)


def _of_goal(cell: Cell) -> str:
    """Seconds and epochs until an accuracy is reached."""
    ours = row_of(cell, DEFAULT)
    rows = [
        [
            row["peer"],
            _seconds(row["seconds"]),
            _seconds(row["best"]),
            _times(ratio(row, ours)),
            f"{row['epochs']:g}",
            f"{sum(seconds is not None for seconds in row['rounds'])} of {len(row['rounds'])}",
        ]
        for row in sorted(cell["rows"], key=lambda row: row["seconds"] or math.inf)
    ]
    title = f"{cell['goal']:.0%} on {cell['dataset']}, {network_of(cell)}, batch {cell['batch']}"
    head = [title, "seconds from a cold start", "fastest round", f"it ÷ {DEFAULT}", "epochs"]
    head.append("reached in")
    return markdown.table(head, rows)


def _of_times(cell: Cell) -> str:
    floor, best = fastest(cell, FLOOR), fastest(cell, PEER)
    rows = [
        [
            row["peer"],
            f"{row['seconds'] * 1e6:,.1f}",
            f"{row['best'] * 1e6:,.1f}",
            _percent(ratio(floor, row)),
            _times(ratio(row, best)),
            "" if row["cost"] is None else f"{row['cost']:.4f}",
            _megabytes(row),
        ]
        for row in sorted(cell["rows"], key=lambda row: row["seconds"])
    ]
    head = [
        title_of(cell),
        f"µs per {cell['unit']}",
        "fastest round",
        "floor ÷ it",
        "it ÷ best peer",
    ]
    return markdown.table([*head, "cost", MEMORY], rows)


def of_cells(cells: Sequence[Cell]) -> str:
    """A cell a row, its steps in a round, µs of each peer; the first of xpnet and peers is bold."""
    peers = [peer for peer, role in peers_of(cells).items() if role != FLOOR]
    head = ["network", "batch", "steps", "floor", *peers]
    head += [f"floor ÷ {DEFAULT}", f"best peer ÷ {DEFAULT}"]
    rows = [
        [
            network_of(cell),
            str(cell["batch"]),
            f"{steps_of(cell):,}",
            _microseconds(fastest(cell, FLOOR)),
            *(_marked(row_of(cell, peer), fastest(cell, OURS, PEER)) for peer in peers),
            _percent(ratio(fastest(cell, FLOOR), row_of(cell, DEFAULT))),
            _times(ratio(fastest(cell, PEER), row_of(cell, DEFAULT))),
        ]
        for cell in cells
    ]
    return markdown.table(head, rows)


def memory_of_cells(task: str, cells: Sequence[Cell]) -> str:
    """A cell a row, the memory that each peer took for it at the most; "" if none was measured."""
    measured = [cell for cell in cells if any(map(_megabytes, cell["rows"]))]
    if not measured:
        return ""
    peers = list(peers_of(measured))
    rows = [
        [network_of(cell), str(cell["batch"]), *(_megabytes(row_of(cell, peer)) for peer in peers)]
        for cell in measured
    ]
    what = f"{task}: {MEMORY}, with the library's code, without the samples as they were read"
    return f"{what}\n\n{markdown.table(['network', 'batch', *peers], rows)}"


def _marked(row: Row | None, first: Row | None) -> str:
    text = _microseconds(row)
    return f"**{text}**" if row is not None and row is first else text


def _microseconds(row: Row | None) -> str:
    return "" if row is None else f"{row['seconds'] * 1e6:,.0f}"


def _megabytes(row: Row | None) -> str:
    memory = row and row.get("memory")  # which old results lack
    return "" if memory is None else f"{memory / 1e6:,.0f}"


def _seconds(seconds: float | None) -> str:
    return "not reached" if seconds is None else f"{seconds:,.2f}"


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{share:.0%}"


def _times(ratio: float) -> str:
    return "" if math.isnan(ratio) else f"{ratio:.2f}"
