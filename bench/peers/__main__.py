"""``python -m bench.peers``: xpnet and its peers side by side, in one run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import machine, samples
from bench.peers import tables
from bench.peers.cell import Cell
from bench.peers.measure import cell_of, disagreeing, measure, steps_in
from bench.peers.table import TASKS, Task

SIZES = ("784-30-10", "784-128-10", "784-512-256-10", "64-32-10", "784-2048-2048-10")
BATCHES = (32, 128, 1024)
PACKAGES = ("xpnet", "numpy", "numba", "scikit-learn", "torch", "jax", "keras", "thinc")
CALLS, ITERATIONS = 20, 100
"""Of the logistic cost with its gradients in a round, and of a fit."""


def main() -> int:
    """Measure what was asked for; 1 where a peer did other work than the rest."""
    asked = _arguments()
    for name in machine.describe(())["forced"]:
        _say(f"{name} is set and makes NumPy slower than this machine is: env -u {name} …")
    found: dict[str, Any] = {"kind": "peers", "machine": {}, "cells": []}
    wrong = []
    for name, cell in _cells(asked):
        task = _with_peers(TASKS[name], asked.peers)
        result = measure(name, cell, task, asked.rounds, _say)
        found["cells"].append(result)
        # Described after each cell: only then are the libraries loaded whose BLAS is named.
        found["machine"] = machine.describe(PACKAGES)
        _write(asked.json, found)
        print(tables.of_cell(result), end="\n\n", flush=True)
        wrong += [
            f"{tables.title_of(result)}: {peer} ends at another cost than the others"
            for peer in disagreeing(result["rows"], task.tolerance)
        ]
    print("\n".join(tables.summary(found["cells"])))
    print(json.dumps(found["machine"], indent=1))
    for line in wrong:
        _say(line)
    return 1 if wrong else 0


def _cells(asked: argparse.Namespace) -> Iterator[tuple[str, Cell]]:
    if "training" in asked.tasks:
        for sizes in asked.sizes:
            for batch in asked.batches:
                of_width = _samples(sizes[0], asked)
                steps = asked.steps or steps_in(asked.seconds, sizes, batch, of_width)
                yield "training", cell_of(sizes, batch, of_width, steps)
    images = _samples(784, asked)
    m = len(images.X)
    for name, epochs in (("gradient", CALLS), ("fit", ITERATIONS)):
        if name in asked.tasks:
            yield name, Cell((784, samples.CLASSES), m, epochs, images)


def _samples(n_x: int, asked: argparse.Namespace) -> samples.Samples:
    from_files = asked.data is not None and n_x == 784
    all_of_them = samples.read(asked.data) if from_files else samples.synthetic(n_x, asked.samples)
    return all_of_them.first(asked.samples)


def _with_peers(task: Task, names: list[str] | None) -> Task:
    if names is None:
        return task
    wanted = [p for p in task.peers if any(name.lower() in p.name.lower() for name in names)]
    return task._replace(peers=tuple(wanted))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    add = parser.add_argument
    add("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    add("--sizes", type=_sizes, nargs="+", default=[_sizes(text) for text in SIZES])
    add("--batches", type=int, nargs="+", default=BATCHES)
    add("--peers", nargs="+", help="parts of names; all by default")
    add("--rounds", type=int, default=5, help="of which the median counts (5)")
    add("--seconds", type=float, default=0.1, help="what the floor takes in a round (0.1)")
    add("--steps", type=int, help="steps of a round, in place of --seconds")
    add("--samples", type=int, default=60_000, help="at most (60000)")
    add("--data", help="a folder of MNIST's IDX files; without, synthetic digits")
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
