"""One cell: every peer in turn, round after round, and the median of each."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from traceback import format_exception_only
from typing import Any

from bench.peers import floor
from bench.peers.cell import Cell, Trial
from bench.peers.table import Peer, Task
from bench.samples import Samples

FEWEST_STEPS, MOST_STEPS = 24, 4_096

Row = dict[str, Any]


def steps_in(seconds: float, sizes: tuple[int, ...], batch: int, samples: Samples) -> int:
    """About how many steps the floor takes in `seconds`."""
    probe = Cell(sizes, batch, 1, samples.first(4 * batch))
    trial = floor.all_threads(probe)
    a_step = min(_run(trial, 1)[0] for _ in range(4)) / probe.steps
    return min(max(int(seconds / a_step), FEWEST_STEPS), MOST_STEPS)


def cell_of(sizes: tuple[int, ...], batch: int, samples: Samples, steps: int) -> Cell:
    """A cell of about so many steps, in two epochs or more of whole batches."""
    epochs = max(2, round(steps / (len(samples.X) // batch)))
    return Cell(sizes, batch, epochs, samples.first(max(1, steps // epochs) * batch))


def measure(
    task: str, cell: Cell, do: Task, rounds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Rounds in which each peer trains in turn, after each has warmed up.

    Returns
    -------
    dict
        The cell, and a row a peer: ``peer``, ``role``, ``rounds`` (seconds of each), ``seconds``
        (the median, for a unit) and ``cost`` (of the last epoch).
    """
    ready = list(_warmed_up(cell, do.peers, say))
    taken: list[list[float]] = [[] for _ in ready]
    costs: list[float | None] = [None for _ in ready]
    for _ in range(rounds):
        for number, (_, trial) in enumerate(ready):
            seconds, costs[number] = _run(trial, cell.epochs)
            taken[number].append(seconds)
    units = 1 if do.whole_run else cell.steps
    rows = [
        {
            "peer": peer.name,
            "role": peer.role,
            "seconds": median(times) / units,
            "rounds": times,
            "cost": cost,
        }
        for (peer, _), times, cost in zip(ready, taken, costs, strict=True)
    ]
    return {
        "task": task,
        "unit": do.unit,
        "sizes": list(cell.sizes),
        "batch": cell.batch,
        "samples": len(cell.samples.X),
        "epochs": cell.epochs,
        "rows": rows,
    }


def disagreeing(rows: Sequence[Row], tolerance: float) -> list[str]:
    """The peers whose cost is far from the median of all: theirs would be other work."""
    costs = {row["peer"]: row["cost"] for row in rows if row["cost"] is not None}
    middle = median(costs.values()) if costs else 0.0
    return [name for name, cost in costs.items() if not abs(cost - middle) <= tolerance * middle]


def _warmed_up(
    cell: Cell, peers: Sequence[Peer], say: Callable[[str], None]
) -> Iterator[tuple[Peer, Trial]]:
    """Each peer's trial, compiled and run once; one that cannot be had is left out by name."""
    for peer in peers:
        if missing := peer.missing():
            say(f"{peer.name} left out: {', '.join(missing)} not installed")
            continue
        try:
            trial = peer.setup(cell)
            _run(trial, 1)
        except Exception as error:  # whatever another library raises, the others still run
            say(f"{peer.name} left out: {format_exception_only(error)[0].strip()}")
            continue
        yield peer, trial


def _run(trial: Trial, epochs: int) -> tuple[float, float | None]:
    trial.restart()
    gc.collect()
    start = time.perf_counter()
    outcome = trial.train(epochs)
    seconds = time.perf_counter() - start
    return seconds, trial.cost_of(outcome)
