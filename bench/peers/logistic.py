"""Logistic regression: one cost with its gradients, in two forms, and whole fits by L-BFGS."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import xpnet
from bench.peers.cell import Cell, Trial
from xpnet.network.blocks import in_blocks as blocks
from xpnet.network.defaults import accelerator_for

C = 1.0


def _gradient(cell: Cell, value_and_grad: Callable[..., Any]) -> Trial:
    net, X, Y = cell.net, cell.samples.X.T, cell.samples.one_hot.T
    params = net.init(seed=0, like=X)

    def train(epochs: int) -> float:
        for _ in range(epochs):
            J, _ = value_and_grad(net, params, X, Y)
        return float(J)

    return Trial(train)


in_two_passes = partial(_gradient, value_and_grad=xpnet.value_and_grad)
in_blocks = partial(_gradient, value_and_grad=blocks())


def compiled(cell: Cell) -> Trial:
    value_and_grad = accelerator_for(cell.samples.X).value_and_grad(xpnet.value_and_grad)
    return _gradient(cell, value_and_grad=blocks(value_and_grad))


def _fit(cell: Cell, make: Callable[..., Any]) -> Trial:
    X, labels = cell.samples

    def train(epochs: int) -> Any:
        model = make(C=C, tol=1e-4, max_iter=epochs)
        with warnings.catch_warnings():
            # Not converged, perhaps: each is given the same iterations.
            warnings.simplefilter("ignore")
            return model.fit(X, labels)

    return Trial(train, cost_of=partial(_penalised_cost, cell=cell))


def _penalised_cost(model: Any, cell: Cell) -> float:
    """The mean cost and ``‖W‖² / 2Cm``, which both minimise; equal costs are equal work."""
    W = np.asarray(model.coef_, np.float64)
    b = np.asarray(model.intercept_, np.float64)[:, None]
    params = (xpnet.Dense(W, b),)
    X, Y = (array.T.astype(np.float64) for array in (cell.samples.X, cell.samples.one_hot))
    return float(xpnet.cost(cell.net, params, X, Y, l2=1 / C))


def ours(cell: Cell) -> Trial:
    return _fit(cell, xpnet.LogisticRegression)


def sklearns(cell: Cell) -> Trial:
    from sklearn.linear_model import LogisticRegression

    return _fit(cell, LogisticRegression)
