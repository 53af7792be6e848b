"""Timed runs of a trial."""

from __future__ import annotations

import gc
import time
from typing import NamedTuple

from bench.peers import floor
from bench.peers.cell import LONG, Cell, Trial
from bench.peers.memory import Rise

MOST_STEPS = 4_096


class Run(NamedTuple):
    """A training: its seconds, its last cost, and the most bytes until its end, as `Rise` has them.

    The floor has no cost.
    """

    seconds: float
    cost: float | None
    memory: int | None


def run(trial: Trial, epochs: int, rise: Rise | None = None) -> Run:
    """Train from the first weights."""
    trial.restart()
    gc.collect()
    start = time.perf_counter()
    result = trial.train(epochs)
    seconds = time.perf_counter() - start
    memory = rise and rise.so_far()
    return Run(seconds, trial.cost_of(result), memory)


def steps_in(seconds: float, sizes: tuple[int, ...], batch: int, data: str | None) -> int:
    """About how many steps of the floor fit into `seconds`: those of a long round."""
    probe = Cell(sizes, batch, 1, 4 * batch, data)
    trial = floor.all_threads(probe)
    a_step = min(run(trial, 1).seconds for _ in range(4)) / probe.steps
    return min(max(int(seconds / a_step), LONG), MOST_STEPS)
