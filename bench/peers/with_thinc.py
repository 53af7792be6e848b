"""Thinc: a chain of its `Relu` and `Softmax` layers."""

from __future__ import annotations

import numpy as np
from thinc.api import Adam, Relu, Softmax, chain

from bench.peers.cell import BETA1, BETA2, EPS, LEARNING_RATE, Cell, Trial


def chained(cell: Cell) -> Trial:
    X, Y = cell.samples.X, cell.samples.one_hot
    *hidden, n_y = cell.sizes[1:]
    model = chain(*(Relu(n) for n in hidden), Softmax(n_y))
    model.initialize(X[:2], Y[:2])
    optimizer = _adam()

    def restart() -> None:
        nonlocal optimizer
        optimizer = _adam()
        for layer, (W, b) in zip(model.layers, cell.first_weights(), strict=True):
            layer.set_param("W", W.copy())
            layer.set_param("b", b.copy())

    def step(rows: np.ndarray) -> float:
        P, backprop = model.begin_update(X[rows])
        targets = Y[rows]
        backprop((P - targets) / len(rows))
        model.finish_update(optimizer)
        return -float(np.log((P * targets).sum(axis=1)).mean())

    def train(epochs: int) -> float:
        for order in cell.orders(epochs):
            costs = [step(rows) for rows in order]
        return float(np.mean(costs))

    return Trial(train, restart)


def _adam() -> Adam:
    return Adam(LEARNING_RATE, beta1=BETA1, beta2=BETA2, eps=EPS, L2=0.0, grad_clip=0.0)
