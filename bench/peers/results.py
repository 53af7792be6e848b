"""Results of `python -m bench.peers`, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from bench import machine

Row = dict[str, Any]
Cell = dict[str, Any]

DEFAULT = "xpnet"
"""The row of what xpnet does when nothing is chosen."""


class Results(NamedTuple):
    """The cells of one or more files, and the machines that they were measured on."""

    cells: list[Cell]
    machines: list[str]

    def tasks(self) -> dict[str, list[Cell]]:
        """The cells of each task."""
        names = dict.fromkeys(cell["task"] for cell in self.cells)
        return {name: [cell for cell in self.cells if cell["task"] == name] for name in names}


def read(results: Sequence[dict[str, Any]]) -> Results:
    """All cells; where two files have the same one, the later one counts."""
    cells = {title_of(cell): cell for result in results for cell in result["cells"]}
    machines = [machine.line(result["machine"]) for result in results]
    return Results(list(cells.values()), list(dict.fromkeys(machines)))


def network_of(cell: Cell) -> str:
    return "-".join(map(str, cell["sizes"]))


def title_of(cell: Cell) -> str:
    return f"{cell['task']}, {network_of(cell)}, batch {cell['batch']}"


def peers_of(cells: Sequence[Cell]) -> dict[str, str]:
    """The role of each peer that was measured, by its name."""
    return {row["peer"]: row["role"] for cell in cells for row in cell["rows"]}


def row_of(cell: Cell, peer: str) -> Row | None:
    return next((row for row in cell["rows"] if row["peer"] == peer), None)


def fastest(cell: Cell, *roles: str) -> Row | None:
    """The fastest row of those roles."""
    rows = [row for row in cell["rows"] if row["role"] in roles]
    return min(rows, key=lambda row: row["seconds"], default=None)


def ratio(above: Row | None, below: Row | None) -> float:
    """Seconds of one over seconds of the other; NaN where one was not measured."""
    return above["seconds"] / below["seconds"] if above and below else math.nan


def in_best_rounds(cell: Cell) -> Cell:
    """The same cell with the fastest round of each peer in place of the median."""
    rows = [row | {"seconds": row["best"]} for row in cell["rows"]]
    return cell | {"rows": rows}
