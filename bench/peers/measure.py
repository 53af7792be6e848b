"""One cell: every peer in turn, round after round, and the median of each."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

from bench.peers.cell import Cell, Trial
from bench.peers.table import Peer
from bench.samples import Samples

FEWEST_STEPS, MOST_STEPS = 24, 4_096
TOLERANCE = 0.15
"""How far a peer's cost may lie from the median of all: orders of samples differ."""


def cell_of(
    sizes: tuple[int, ...],
    batch: int,
    samples: Samples,
    seconds: float,
    floor: Callable[[Cell], Trial],
) -> Cell:
    """A cell with about so many steps as the floor takes `seconds` for: two epochs or more."""
    probe = Cell(sizes, batch, 1, _first(samples, 4 * batch))
    trial = floor(probe)
    trial.train(1)
    seconds_a_step = min(_run(trial, 1)[0] for _ in range(3)) / probe.steps
    steps = min(max(int(seconds / seconds_a_step), FEWEST_STEPS), MOST_STEPS)
    return cell_of_steps(sizes, batch, samples, steps)


def cell_of_steps(sizes: tuple[int, ...], batch: int, samples: Samples, steps: int) -> Cell:
    """A cell with about so many steps, in two epochs or more of whole batches."""
    epochs = max(2, round(steps / (len(samples.X) // batch)))
    return Cell(sizes, batch, epochs, _first(samples, max(1, steps // epochs) * batch))


def measure(
    cell: Cell, peers: Sequence[Peer], rounds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Rounds in which each peer trains in turn, after one in which each warms up.

    Returns
    -------
    dict
        The cell, and a row a peer: ``peer``, ``rounds`` (seconds of each), ``seconds`` (median, a
        step), ``cost`` (the last epoch's).
    """
    trials = dict(_set_up(cell, peers, say))
    costs: dict[str, float | None] = {}
    times: dict[str, list[float]] = {name: [] for name in trials}
    for _ in range(rounds):
        for name, trial in trials.items():
            seconds, costs[name] = _run(trial, cell.epochs)
            times[name].append(seconds)
    return {
        "sizes": list(cell.sizes),
        "batch": cell.batch,
        "samples": len(cell.samples.X),
        "epochs": cell.epochs,
        "steps": cell.steps,
        "rows": [
            {
                "peer": name,
                "seconds": median(taken) / cell.steps,
                "rounds": taken,
                "cost": costs[name],
            }
            for name, taken in times.items()
        ],
    }


def disagreeing(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The peers whose cost is far from the median of all: theirs would be other work."""
    costs = {row["peer"]: row["cost"] for row in rows if row["cost"] is not None}
    middle = median(costs.values())
    return [name for name, cost in costs.items() if not abs(cost - middle) <= TOLERANCE * middle]


def _set_up(
    cell: Cell, peers: Sequence[Peer], say: Callable[[str], None]
) -> Iterator[tuple[str, Trial]]:
    """Each peer's trial, warmed up; a peer that cannot be had or fails is left out by name."""
    for peer in peers:
        if missing := peer.missing():
            say(f"{peer.name} left out: {', '.join(missing)} not installed")
            continue
        try:
            trial = peer.setup()(cell)
            _run(trial, 1)
        except Exception as error:  # whatever another library raises: the others still run
            say(f"{peer.name} left out: {type(error).__name__}: {str(error).splitlines()[0]}")
            continue
        yield peer.name, trial


def _run(trial: Trial, epochs: int) -> tuple[float, float | None]:
    trial.restart()
    gc.collect()
    start = time.perf_counter()
    cost = trial.train(epochs)
    return time.perf_counter() - start, cost


def _first(samples: Samples, m: int) -> Samples:
    return Samples(samples.X[:m], samples.labels[:m])
