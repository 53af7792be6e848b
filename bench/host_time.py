"""``python -m bench.host_time``: the host's time for a training step on CuPy, beside the card's.

The host's part is over when the last of some steps has been asked for, the card's when they are
done. Where these are the same, the card has waited for the host.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count, islice, product
from statistics import median
from typing import Any
from unittest.mock import patch

import xpnet
from bench import samples
from bench.case import LARGE, Work, initial_params
from bench.on_cupy import WAYS, run
from xpnet import backend
from xpnet.network.defaults import accelerator_for

__all__ = ["WORKS", "measure"]

WORKS = (Work((784, 30, 10), 128), LARGE)
STEPS = 20
"""Asked for at once: all their launches have room in a stream's queue, so the host never waits."""
WARM_UP = 2  # times as many: the first step compiles, and the second is captured


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every work in both ways."""
    parser = argparse.ArgumentParser(prog="python -m bench.host_time", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50, help="of 20 steps, for a median (50)")
    return run(parser, "rounds", _rows, arguments)


def _rows(target: backend.Backend, rounds: int) -> Iterator[tuple[dict[str, Any], str]]:
    for work, way in product(WORKS, WAYS):
        row = measure(work, way, target, rounds)
        times = f"host {row['host'] * 1e6:.1f} µs, done after {row['done'] * 1e6:.1f} µs"
        yield row, f"{work.name}, {way}: {times} a step"


def measure(work: Work, way: str, target: backend.Backend, rounds: int) -> dict[str, Any]:
    """Seconds a step, medians of `rounds`: of the host, and until all is done.

    Returns
    -------
    dict
        ``work``, ``way``, ``host`` and ``done``.
    """
    with patch.dict(os.environ, XPNET_CUDA_GRAPH=WAYS[way]):
        steps = _steps(work, target)
        for _ in range(WARM_UP):
            _timed(steps)
        times = [_timed(steps) for _ in range(rounds)]
    host, done = (median(column) for column in zip(*times, strict=True))
    return {"work": work.name, "way": way, "host": host, "done": done}


def _timed(steps: Iterator[Any]) -> tuple[float, float]:
    start = time.perf_counter()
    for step in islice(steps, STEPS):
        last = step
    host = time.perf_counter() - start
    backend.synchronize(last.cost)
    return host / STEPS, (time.perf_counter() - start) / STEPS


def _steps(work: Work, target: backend.Backend) -> Iterator[Any]:
    """Training without an end, on batches that are gathered from samples on the device."""
    drawn = samples.synthetic(work.sizes[0], 8 * work.batch)
    X, Y = (backend.asarray(array, backend=target) for array in (drawn.X, drawn.one_hot))
    net = xpnet.Network(work.sizes, output="softmax")
    gather = accelerator_for(X).gather(backend.gather)
    shuffled = {"batch_size": work.batch, "seed": 0, "gather": gather}
    batches = (b for epoch in count() for b in xpnet.data.batches(X, Y, epoch=epoch, **shuffled))
    params = initial_params(net, 1, target)
    return xpnet.steps(net, params, batches, optimizer=xpnet.optim.adam(1e-3))


if __name__ == "__main__":
    sys.exit(main())
