"""Results of `python -m bench.peers`, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from bench import machine
from bench.peers.cell import LONG

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
    cells = {_same_if(cell): cell for result in results for cell in result["cells"]}
    machines = [machine.line(result["machine"]) for result in results]
    return Results(list(cells.values()), list(dict.fromkeys(machines)))


def network_of(cell: Cell) -> str:
    return "-".join(map(str, cell["sizes"]))


def title_of(cell: Cell) -> str:
    title = f"{cell['task']}, {network_of(cell)}, batch {cell['batch']}"
    return f"{title}, {steps_of(cell):,} steps" if cell["unit"] == "step" else title


def steps_of(cell: Cell) -> int:
    """The steps of a round."""
    return cell["epochs"] * cell["samples"] // cell["batch"]


def is_long(cell: Cell) -> bool:
    """Whether its rounds are so long that what happens once hardly counts."""
    return steps_of(cell) >= LONG


def longest(cells: Sequence[Cell]) -> list[Cell]:
    """Of each network and batch size, the cell with the longest rounds."""
    found = {(network_of(cell), cell["batch"]): cell for cell in sorted(cells, key=steps_of)}
    return [cell for cell in cells if cell is found[network_of(cell), cell["batch"]]]


def _same_if(cell: Cell) -> tuple[Any, ...]:
    """What cells have in common that are the same; steps that fill a time differ by a few."""
    return cell["task"], network_of(cell), cell["batch"], is_long(cell)


def peers_of(cells: Sequence[Cell]) -> dict[str, str]:
    """The role of each peer that was measured, by its name."""
    return {row["peer"]: row["role"] for cell in cells for row in cell["rows"]}


def row_of(cell: Cell, peer: str) -> Row | None:
    return next((row for row in cell["rows"] if row["peer"] == peer), None)


def fastest(cell: Cell, *roles: str) -> Row | None:
    """The fastest row of those roles; rows without seconds did not reach their goal."""
    rows = [row for row in cell["rows"] if row["role"] in roles and row["seconds"]]
    return min(rows, key=lambda row: row["seconds"], default=None)


def ratio(above: Row | None, below: Row | None) -> float:
    """Seconds of one over seconds of the other; NaN where one was not measured."""
    measured = above and below and above["seconds"] and below["seconds"]
    return above["seconds"] / below["seconds"] if measured else math.nan


def in_best_rounds(cell: Cell) -> Cell:
    """The same cell with the fastest round of each peer in place of the median."""
    rows = [row | {"seconds": row["best"]} for row in cell["rows"]]
    return cell | {"rows": rows}
