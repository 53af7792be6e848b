"""Trainings made up or small, to be listened to."""

from __future__ import annotations

import numpy as np
import pytest

import xpnet
from tests.callbacks.cases import NET, params
from xpnet.types import Epoch, Result, Run


@pytest.fixture
def played():
    """Return a function that tells a callback of epochs made up from their rows.

    It returns the result and the answer to the last epoch told.
    """

    def play(callback, rows, epochs=None):
        callback.on_start(Run(NET, epochs or len(rows), 4, 100))
        answer = None
        for number, row in enumerate(rows, 1):
            row = {"epoch": number, "cost": 0.5, "seconds": 0.1} | row
            answer = callback.on_epoch(Epoch(number, NET, params(number), row))
            if answer:
                break
        return callback.on_end(Result(params(-1), (), "all epochs done")), answer

    return play


@pytest.fixture
def fitted():
    """Return a function that trains `NET`, or a stack of it, and passes callbacks on."""

    def fit(callbacks, *, stack=0, epochs=3, **options):
        X = np.random.default_rng(0).random((2, 50), dtype=np.float32)
        Y = (X[:1] > X[1:]).astype(np.float32)
        start = NET.init(seed=0, like=X)
        if stack:
            start = xpnet.stack([start] * stack)
        options = {"optimizer": xpnet.optim.adam(1e-2), "batch_size": 10} | options
        return xpnet.fit(NET, start, X, Y, epochs=epochs, callbacks=callbacks, **options)

    return fit
