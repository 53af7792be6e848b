"""xpnet itself: `fit`, on three array libraries, with plain and with fused kernels."""

from __future__ import annotations

from functools import partial
from typing import Any

import xpnet
from bench.peers.cell import LEARNING_RATE, Cell, Trial
from bench.peers.lesson import MOST_EPOCHS, Lesson, Over
from bench.samples import Samples
from xpnet import backend


def _fit(cell: Cell, library: str, **options: Any) -> Trial:
    X, Y = _columns(cell.samples, library)
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


def _learn(lesson: Lesson, over: Over, library: str) -> None:
    X, Y = _columns(lesson.samples, library)
    X_test, _ = _columns(lesson.test, library)
    net = xpnet.Network(lesson.sizes, output="softmax")

    class Ended(xpnet.callbacks.Callback):
        def on_epoch(self, epoch: Any) -> str | None:
            outputs = backend.to_numpy(xpnet.predict(net, epoch.params, X_test))
            return "over" if over(outputs.argmax(axis=0)) else None

    xpnet.fit(
        net,
        net.init(seed=lesson.seed, like=X),
        X,
        Y,
        optimizer=xpnet.optim.adam(LEARNING_RATE),
        epochs=MOST_EPOCHS,
        batch_size=lesson.batch,
        seed=lesson.seed,
        callbacks=[Ended()],
    )


def _columns(samples: Samples, library: str) -> tuple[Any, Any]:
    """Samples and labels as columns."""
    target = backend.resolve(library, dtype="float32")
    X, Y = (backend.asarray(rows, backend=target) for rows in (samples.X, samples.one_hot))
    return X.T, Y.T


fused = partial(_fit, library="numpy")
plain = partial(_fit, library="numpy", kernels=xpnet.VECTORIZED)
on_cupy = partial(_fit, library="cupy")
plain_on_cupy = partial(_fit, library="cupy", kernels=xpnet.VECTORIZED)
on_jax = partial(_fit, library="jax")
on_torch = partial(_fit, library="torch")
learn = partial(_learn, library="numpy")
learn_on_jax = partial(_learn, library="jax")
learn_on_torch = partial(_learn, library="torch")
