"""The learning-rate range test."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xpnet import Network, find_rate, optim, steps
from xpnet.data import batches

NET = Network((3, 1), output="identity")


def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3, 40))
    return X, np.ones((1, 3)) @ X


def test_each_rate_is_a_training_of_its_own():
    X, Y = data()
    params = NET.init(0, like=X)
    rates = [1e-3, 1e-1, 1e3]
    found = find_rate(NET, params, X, Y, optimizer=optim.sgd, rates=rates, count=12, batch_size=10)
    for rate, cost in zip(rates, found.costs, strict=True):
        epochs = (
            batch
            for epoch in range(3)
            for batch in batches(X.T.copy(), Y.T.copy(), batch_size=10, seed=0, epoch=epoch)
        )
        with np.errstate(over="ignore", invalid="ignore"):
            alone = [step.cost for step in steps(NET, params, epochs, optimizer=optim.sgd(rate))]
        assert math.isclose(cost, np.mean(alone[-3:]), rel_tol=1e-9) or not np.isfinite(cost)
    assert found.suggestion == pytest.approx(0.1 / 3)


def test_rates_that_all_diverge():
    X, Y = data()
    with pytest.raises(ValueError, match="training diverges at every rate"):
        find_rate(NET, NET.init(0, like=X), X, Y, optimizer=optim.sgd, rates=[1e30, 1e40])
