"""``python -m bench.stacks``: the time for a training step on CuPy of one network in a stack.

Each network has a learning rate of its own, as in a search, and all see the same samples; or it
has an order of them and dropout of its own, too, as by a seed for each. As a stack grows, a step
takes longer only once the card has enough to do.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from statistics import median
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

import numpy as np

import xpnet
from bench import samples
from bench.case import Work
from bench.on_cupy import WAYS, run
from xpnet import backend

__all__ = ["KINDS", "NETWORKS", "WORK", "measure"]

WORK = Work((64, 32, 10), 128)
NETWORKS = (1, 16, 80, 400)
BATCHES = 12
WARM_UP = 2  # epochs: the first compiles, and a graph is captured at the second coming of a batch

KINDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"rates": {}, "rates, orders, dropout": {"dropout": 0.2}}
)
"""What networks have of their own, and the settings of `fit` that go with it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all of it."""
    parser = argparse.ArgumentParser(prog="python -m bench.stacks", description=__doc__)
    parser.add_argument("--epochs", type=int, default=20, help="of 12 steps, for a median (20)")
    return run(parser, "epochs", _rows, arguments)


def _rows(target: backend.Backend, epochs: int) -> Iterator[tuple[dict[str, Any], str]]:
    for kind, networks, way in product(KINDS, NETWORKS, WAYS):
        row = measure(kind, networks, way, target, epochs)
        microseconds = row["seconds"] * 1e6
        step = f"{microseconds:.1f} µs a step, {microseconds / networks:.2f} µs a network"
        yield row, f"{kind}, {networks} networks, {way}: {step}"


def measure(
    kind: str, networks: int, way: str, target: backend.Backend, epochs: int
) -> dict[str, Any]:
    """Seconds a step, all done: the median of so many epochs.

    Returns
    -------
    dict
        ``kind``, ``networks``, ``way`` and ``seconds``.
    """
    drawn = samples.synthetic(WORK.sizes[0], BATCHES * WORK.batch)
    X, Y = (backend.asarray(array, backend=target) for array in (drawn.X, drawn.one_hot))
    net, seeds = xpnet.Network(WORK.sizes, output="softmax"), list(range(networks))
    rates = np.geomspace(1e-4, 1e-2, networks, dtype=np.float32).reshape(-1, 1, 1)
    with patch.dict(os.environ, XPNET_CUDA_GRAPH=WAYS[way]):
        result = xpnet.fit(
            net,
            net.init(seeds=seeds, like=X),
            X.T,
            Y.T,
            optimizer=xpnet.optim.adam(backend.asarray(rates, backend=target)),
            epochs=WARM_UP + epochs,
            batch_size=WORK.batch,
            seed=seeds if KINDS[kind] else 0,
            **KINDS[kind],
        )
    # The costs of an epoch are read at its end, so that all of it is done then.
    seconds = median(row["seconds"] for row in result.history[WARM_UP:]) / BATCHES
    return {"kind": kind, "networks": networks, "way": way, "seconds": seconds}


if __name__ == "__main__":
    sys.exit(main())
