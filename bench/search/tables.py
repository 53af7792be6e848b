"""Markdown tables of searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bench import machine, markdown
from bench.search.cell import OURS, SEARCHES, Cell

Measured = dict[str, Any]


class Results(NamedTuple):
    """What was measured, and the machines that it was measured on."""

    searches: list[Measured]
    growth: list[Measured]
    machines: list[str]

    def of_titles(self, part: str) -> dict[str, list[Measured]]:
        """The cells of each data and width, the fewest trainings first."""
        cells = sorted(getattr(self, part), key=lambda cell: cell["trainings"])
        titles = dict.fromkeys(map(title_of, getattr(self, part)))
        return {title: [cell for cell in cells if title_of(cell) == title] for title in titles}


def read(results: Sequence[Measured]) -> Results:
    """All that some files hold."""
    machines = dict.fromkeys(machine.line(result["machine"]) for result in results)
    searches, growth = (
        [cell for result in results for cell in result[part]] for part in ("searches", "growth")
    )
    return Results(searches, growth, list(machines))


def cell_of(measured: Measured) -> Cell:
    return Cell(*(measured[name] for name in Cell._fields))


def title_of(measured: Measured) -> str:
    return cell_of(measured).title


def seconds_of(cell: Measured, search: str) -> float | None:
    found = [row["seconds"] for row in cell["rows"] if row["search"] == search]
    return found[0] if found else None


def tables(results: Results) -> str:
    """A row a number of trainings: seconds of each search, and how many times ours that is."""
    blocks = [
        f"{title}: seconds of a search (times ours)\n\n{_of_searches(cells)}"
        for title, cells in results.of_titles("searches").items()
    ]
    blocks += [
        f"{title}: our search as it grows\n\n{_of_growth(cells)}"
        for title, cells in results.of_titles("growth").items()
    ]
    return "\n\n".join([*blocks, *results.machines])


def _of_searches(cells: Sequence[Measured]) -> str:
    names = [name for name in SEARCHES if any(seconds_of(cell, name) for cell in cells)]
    rows = [
        [
            str(cell["trainings"]),
            *(_seconds(seconds_of(cell, name), seconds_of(cell, OURS)) for name in names),
            _same(cell),
        ]
        for cell in cells
    ]
    return markdown.table(["trainings", *names, "same scores"], rows)


def _same(cell: Measured) -> str:
    """Of how many candidates both found the same score."""
    same, candidates = cell["same"], cell["candidates"]
    return "" if same is None else f"{same} of {candidates}"


def _seconds(seconds: float | None, ours: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.2f}" + (f" ({seconds / ours:.1f})" if ours and seconds != ours else "")


def _of_growth(cells: Sequence[Measured]) -> str:
    rows = [
        [
            str(cell["trainings"]),
            f"{cell['seconds']:.2f}",
            f"{1e3 * cell['seconds'] / cell['trainings']:.2f}",
            "" if cell["memory"] is None else f"{cell['memory'] / 1e6:.1f}",
        ]
        for cell in cells
    ]
    return markdown.table(["trainings", "seconds", "ms a training", "peak memory, MB"], rows)
