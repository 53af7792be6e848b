"""``python -m bench.peers``: xpnet and its peers side by side, in one run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from bench import machine, samples
from bench.peers import cold_start, markdown_tables, results
from bench.peers.cell import SHORT, Cell, cell_of
from bench.peers.measure import disagreeing, installed, measure, workers
from bench.peers.run import steps_in
from bench.peers.tasks import TASKS, Peer

SIZES = ("784-64-10", "784-128-10", "784-512-256-10", "64-32-10", "784-2048-2048-10")
BATCHES = (32, 128, 1024)
PACKAGES = (
    *("xpnet", "numpy", "numba", "cupy-cuda12x", "cupy-cuda13x"),
    *("scikit-learn", "torch", "jax", "keras", "thinc"),
)
PIXELS = 784
CALLS, ITERATIONS = 20, 100
"""Of the logistic cost with its gradients in a round, and of a fit."""


def main() -> int:
    """Measure what was asked for; 1 where a peer did other work than the rest."""
    asked = _arguments()
    found: dict[str, Any] = {"kind": "peers", "machine": machine.describe(PACKAGES), "cells": []}
    for name in found["machine"]["forced"]:
        _say(f"{name} is set and makes NumPy slower than this machine is: env -u {name} …")
    for cell in _measured(asked):
        found["cells"].append(cell)
        _write(asked.json, found)
        print(markdown_tables.of_cell(cell), end="\n\n", flush=True)
    print(markdown_tables.of_results(results.read([found])))
    wrong = [
        f"{results.title_of(cell)}: {peer} ends at another cost than the others"
        for cell in found["cells"]
        for peer in disagreeing(cell)
    ]
    for line in wrong:
        _say(line)
    return 1 if wrong else 0


def _measured(asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The cells that were asked for, one by one as they are done."""
    for task in asked.tasks:
        peers = installed(_wanted(TASKS[task].peers, asked.peers), _say)
        if peers and task == cold_start.TASK:
            folder = None if asked.data == samples.DENSE else asked.data
            for goal in cold_start.goals(folder):
                yield cold_start.measure(goal, peers, min(asked.rounds, cold_start.SEEDS), _say)
        elif peers:
            shifts = CELLS[task](asked)
            for cells in shifts if TASKS[task].host_memory else [chain.from_iterable(shifts)]:
                with workers(task, peers) as staff:
                    for cell in cells:
                        yield measure(task, cell, staff, asked.rounds, _say)


def _training_cells(asked: argparse.Namespace) -> Iterator[list[Cell]]:
    """The long round of each network comes first: its memory is measured."""
    for sizes in asked.sizes:
        for batch in asked.batches:
            data = asked.data if sizes[0] == PIXELS or asked.data == samples.DENSE else None
            rounds = asked.steps or (steps_in(asked.seconds, sizes, batch, data), SHORT)
            yield [cell_of(sizes, batch, steps, asked.samples, data) for steps in rounds]


def _logistic_cell(asked: argparse.Namespace, epochs: int) -> list[list[Cell]]:
    sizes = (PIXELS, samples.CLASSES)
    return [[Cell(sizes, asked.samples, epochs, asked.samples, asked.data)]]


CELLS = {
    "training": _training_cells,
    "training-cuda": _training_cells,
    "gradient": partial(_logistic_cell, epochs=CALLS),
    "fit": partial(_logistic_cell, epochs=ITERATIONS),
}
"""Of each task: lists of cells that the same processes may measure, one after another."""


def _wanted(peers: Sequence[Peer], names: Sequence[str] | None) -> list[Peer]:
    return [
        peer for peer in peers if names is None or any(fnmatch(peer.name, name) for name in names)
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    add = parser.add_argument
    add("--tasks", nargs="+", choices=TASKS, default=["training", "gradient", "fit", "accuracy"])
    add("--sizes", type=_sizes, nargs="+", default=[_sizes(text) for text in SIZES])
    add("--batches", type=int, nargs="+", default=BATCHES)
    add("--peers", nargs="+", help="names, or patterns such as '*JAX*'; all by default")
    add(
        "--rounds",
        type=int,
        default=9,
        help="of which the median counts (9; for accuracy at most 3)",
    )
    add("--seconds", type=float, default=0.1, help="what the floor takes in a long round (0.1)")
    add("--steps", type=int, nargs="+", help=f"of the rounds; a long one and {SHORT} by default")
    add("--samples", type=int, default=samples.MOST, help="at most (60000)")
    add(
        "--data",
        help=f"a folder of MNIST's IDX files, or '{samples.DENSE}' for samples without zeros; "
        "by default, synthetic digits",
    )
    add("--json", type=Path, default=Path("bench/out/peers.json"))
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("-")))


def _write(path: Path, found: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
