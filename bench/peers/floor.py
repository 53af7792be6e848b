"""Floor of a step's time: its matrix products alone, into memory that is kept."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from bench.peers.cell import Cell, Trial


def all_threads(cell: Cell) -> Trial:
    X, batch = cell.samples.X, cell.batch
    first, *others = _products(cell)

    def train(epochs: int) -> None:
        for _ in range(epochs):
            for start in range(0, len(X), batch):
                rows = X[start : start + batch]
                W, Z, dZ, dW = first
                np.dot(W, rows.T, out=Z)
                for A, B, out in others:
                    np.dot(A, B, out=out)
                np.dot(dZ, rows, out=dW)

    return Trial(train)


def one_thread(cell: Cell) -> Trial:
    threaded = all_threads(cell)

    def train(epochs: int) -> None:
        with threadpool_limits(1, user_api="blas"):
            threaded.train(epochs)

    return Trial(train)


def _products(cell: Cell) -> list[tuple[np.ndarray, ...]]:
    """The first layer's arrays, then every product of the others: (left, right, out)."""
    m = cell.batch
    rng = np.random.default_rng(0)
    A = [np.maximum(rng.standard_normal((n, m), np.float32), 0) for n in cell.sizes]
    layers = [
        (W, A_prev, np.empty((len(W), m), np.float32), dZ, np.empty_like(W))
        for (W, _), A_prev, dZ in zip(cell.first_weights(), A, A[1:], strict=False)
    ]
    W, _, Z, dZ, dW = layers[0]
    forward = [(W, A_prev, Z) for W, A_prev, Z, _, _ in layers[1:]]
    backward = [
        product
        for W, A_prev, _, dZ, dW in reversed(layers[1:])
        for product in ((dZ, A_prev.T, dW), (W.T, dZ, np.empty_like(A_prev)))
    ]
    return [(W, Z, dZ, dW), *forward, *backward]
