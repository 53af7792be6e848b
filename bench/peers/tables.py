"""The table of cells: a peer a row, with its ratio to the floor and to the best of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.peers.table import FLOOR, FLOOR_THREADS, OURS

Row = dict[str, Any]
FLOORS = (FLOOR, FLOOR_THREADS)


def floor_of(rows: Sequence[Row]) -> float | None:
    """Seconds a step of the faster floor."""
    return min((row["seconds"] for row in rows if row["peer"] in FLOORS), default=None)


def best_of_others(rows: Sequence[Row]) -> float | None:
    """Seconds a step of the fastest peer that is not xpnet."""
    others = [row["seconds"] for row in rows if row["peer"] not in FLOORS and not ours(row)]
    return min(others, default=None)


def ours(row: Row) -> bool:
    return row["peer"].startswith(OURS)


def name_of(cell: dict[str, Any]) -> str:
    return f"{'-'.join(map(str, cell['sizes']))}, batch {cell['batch']}"


def markdown(cell: dict[str, Any]) -> str:
    """One cell as a Markdown table, the fastest first."""
    rows = sorted(cell["rows"], key=lambda row: row["seconds"])
    floor, best = floor_of(rows), best_of_others(rows)
    lines = [
        f"{name_of(cell)}: {cell['epochs']} epochs of {cell['samples']} samples, "
        f"{cell['steps']} steps",
        "",
        "| peer | µs a step | of the floor's speed | times the best peer's time | cost |",
        "|:--|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row['peer']} | {row['seconds'] * 1e6:.1f} | {_share(floor, row['seconds'])} | "
        f"{_ratio(row['seconds'], best)} | {_cost(row['cost'])} |"
        for row in rows
    ]
    return "\n".join(lines)


def _share(floor: float | None, seconds: float) -> str:
    return "" if floor is None else f"{floor / seconds:.0%}"


def _ratio(seconds: float, best: float | None) -> str:
    return "" if best is None else f"{seconds / best:.2f}"


def _cost(cost: float | None) -> str:
    return "" if cost is None else f"{cost:.4f}"
