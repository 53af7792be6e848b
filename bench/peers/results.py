"""Results of `python -m bench.peers`, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
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
    """All cells; one that some files have is the median of these runs."""
    runs: dict[tuple[Any, ...], list[Cell]] = {}
    for result in results:
        for cell in result["cells"]:
            runs.setdefault(_same_if(cell), []).append(cell)
    machines = [machine.line(result["machine"]) for result in results]
    return Results(list(map(_median_of, runs.values())), list(dict.fromkeys(machines)))


def _median_of(runs: Sequence[Cell]) -> Cell:
    """The cell with the medians of some runs for each peer, and the fastest of all rounds."""
    rows = []
    for peer in dict.fromkeys(row["peer"] for cell in runs for row in cell["rows"]):
        of_peer = [row for cell in runs if (row := row_of(cell, peer))]
        timed = [row for row in of_peer if row["seconds"]]  # without, it missed its goal
        row = of_peer[-1]
        if timed:
            seconds = median(row["seconds"] for row in timed)
            row = timed[-1] | {"seconds": seconds, "best": min(row["best"] for row in timed)}
        rows.append(row)
    return runs[-1] | {"rows": rows}


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
    return cell["task"], network_of(cell), cell["batch"], is_long(cell), cell.get("dense")


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
