"""Runs of many trainings at once: the BLAS has its threads again afterwards."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from xpnet import Network, optim
from xpnet.data.batches import shuffled
from xpnet.fused.numba.network import trainings
from xpnet.train.arguments import Settings
from xpnet.train.steps import Trainer


@pytest.fixture
def blas(monkeypatch):
    """The number of threads of a BLAS with three, in a list."""
    number = [3]
    both = lambda: number[0], lambda to: number.__setitem__(0, to)
    monkeypatch.setattr(trainings, "number_of_threads", lambda: both)
    return number


def test_the_number_of_threads_is_as_it_was_when_the_last_one_leaves(blas):
    first, second = trainings._one_each(), trainings._one_each()
    first.__enter__()
    second.__enter__()
    assert trainings._number() == 3
    first.__exit__(None, None, None)
    assert blas == [1]
    second.__exit__(None, None, None)
    assert blas == [3]


def test_more_trainings_than_threads_on_each_of_them(blas, monkeypatch):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(12, 3)), np.eye(2)[rng.integers(0, 2, 12)]
    batches = shuffled(X, Y, 5, 0, 0, None)
    net, settings = Network((3, 4, 2), output="softmax"), Settings(optim.adam(0.1))
    starts = [net.init(k, like=X) for k in range(7)]
    trainers = [Trainer(net, start, settings, fixed=True) for start in starts]
    names, made = set(), trainings._make

    def make(calls):
        names.add(threading.current_thread().name)
        assert blas == [1]
        made(calls)

    monkeypatch.setattr(trainings, "_make", make)
    runs = [trainer.prepared(batches, 0, 3, {}) for trainer in trainers]
    with trainings.side_by_side() as side_by_side:
        side_by_side(runs)
    assert names
    assert threading.current_thread().name not in names
    for trainer, run in zip(trainers, runs, strict=True):
        costs = trainer.run(batches, 0, 3)
        np.testing.assert_array_equal(run.result[2], costs)
        for found, expected in zip(run.result[0], trainer.params, strict=True):
            np.testing.assert_array_equal(found.W, expected.W)
