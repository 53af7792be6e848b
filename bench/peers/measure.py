"""Measurement of a cell: every peer in turn, round after round, and the median of each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

from bench import samples
from bench.peers.cell import Cell
from bench.peers.run import Run
from bench.peers.tasks import TASKS, Peer, Task
from bench.peers.worker import PeerError, Worker

PAUSE = 0.1
"""Seconds between runs: the threads of a BLAS spin for a while when there is nothing left to do."""

SCATTER = 30.0
"""With 30² samples, costs may lie twice as far apart as with very many."""

Row = dict[str, Any]
Say = Callable[[str], None]


def installed(peers: Sequence[Peer], say: Say) -> list[Peer]:
    """The peers that can work here; the others are left out by name."""
    for peer in peers:
        if missing := peer.missing():
            say(f"{peer.name} left out: {', '.join(missing)} not installed")
    return [peer for peer in peers if not peer.missing()]


@contextmanager
def workers(task: str, peers: Sequence[Peer]) -> Iterator[list[Worker]]:
    """A process a peer."""
    hired = [Worker(task, peer) for peer in peers]
    try:
        yield hired
    finally:
        for worker in hired:
            worker.close()


def measure(
    task: str, cell: Cell, staff: Sequence[Worker], rounds: int, say: Say
) -> dict[str, Any]:
    """Rounds in which each peer trains in turn, after each has warmed up.

    Returns
    -------
    dict
        The cell, and a row a peer: ``peer``, ``role``, ``rounds`` (seconds of each), ``seconds``
        and ``best`` (their median and their minimum, for a unit), ``cost`` (of the last epoch),
        ``memory`` (bytes, or None).
    """
    able = _prepared(cell, staff, say)
    runs: list[list[Run]] = [[] for _ in able]
    for _ in range(rounds):
        for worker, done in zip(able, runs, strict=True):
            time.sleep(PAUSE)
            done.append(worker.run(cell.epochs))
    return {
        "task": task,
        "unit": TASKS[task].unit,
        "sizes": cell.sizes,
        "batch": cell.batch,
        "samples": cell.m,
        "dense": cell.data == samples.DENSE,
        "epochs": cell.epochs,
        "rows": [
            _row(TASKS[task], cell, worker.peer, done)
            for worker, done in zip(able, runs, strict=True)
        ],
    }


def disagreeing(cell: dict[str, Any]) -> list[str]:
    """The peers whose cost is far from the median of all: theirs would be other work.

    The order of samples differs from peer to peer, and matters more the fewer there are.
    """
    costs = {row["peer"]: row["cost"] for row in cell["rows"] if row["cost"] is not None}
    middle = median([cost for cost in costs.values() if math.isfinite(cost)] or [0.0])
    tolerance = TASKS[cell["task"]].tolerance * (1 + SCATTER / math.sqrt(cell["samples"]))
    return [name for name, cost in costs.items() if not abs(cost - middle) <= tolerance * middle]


def _prepared(cell: Cell, staff: Sequence[Worker], say: Say) -> list[Worker]:
    """The workers that are ready; one that fails is left out by name.

    One after another: who looks what else the machine does must not find the others compile.
    """
    able = []
    for worker in staff:
        try:
            worker.prepare(cell)
            able.append(worker)
        except PeerError as error:
            say(f"{worker.peer.name} left out: {error}")
    return able


def _row(task: Task, cell: Cell, peer: Peer, done: Sequence[Run]) -> Row:
    units = 1 if task.whole_run else cell.steps
    seconds = [run.seconds for run in done]
    return {
        "peer": peer.name,
        "role": peer.role,
        "seconds": median(seconds) / units,
        "best": min(seconds) / units,
        "rounds": seconds,
        "cost": done[-1].cost,
        "memory": done[0].memory if task.host_memory else None,
    }
