"""xpnet itself: `fit`, on three array libraries, with plain and with fused kernels."""

from __future__ import annotations

from functools import partial
from typing import Any

import xpnet
from bench.peers.cell import LEARNING_RATE, Cell, Trial
from xpnet import backend


def _fit(cell: Cell, library: str, **options: Any) -> Trial:
    target = backend.resolve(library, dtype="float32")
    X = backend.asarray(cell.samples.X, backend=target).T
    Y = backend.asarray(cell.samples.one_hot, backend=target).T
    net = cell.net
    params = net.init(seed=0, like=X)
    optimizer = xpnet.optim.adam(LEARNING_RATE)

    def train(epochs: int) -> float:
        result = xpnet.fit(
            net,
            params,
            X,
            Y,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=cell.batch,
            **options,
        )
        backend.synchronize(result.params[0].W)
        return result.history[-1]["cost"]

    return Trial(train)


fused = partial(_fit, library="numpy")
plain = partial(_fit, library="numpy", kernels=xpnet.VECTORIZED)
on_cupy = partial(_fit, library="cupy")
plain_on_cupy = partial(_fit, library="cupy", kernels=xpnet.VECTORIZED)
on_jax = partial(_fit, library="jax")
on_torch = partial(_fit, library="torch")
