"""Blocks of a batch on NumPy arrays: whoever makes them, the results are the same to the bit."""

from __future__ import annotations

from threading import Thread

import numba
import numpy as np
import pytest

from tests.fused.cases import OPTIMIZERS
from tests.fused.numba.network.test_run import assert_equal, assert_the_same, samples, trained
from tests.train.cases import Heard
from xpnet import VECTORIZED, MLPClassifier
from xpnet.fused.numba.blas import routine
from xpnet.fused.numba.network import loop, step
from xpnet.fused.numba.threads import workers as workers_module
from xpnet.fused.numba.threads.barrier import sleep, wait_for
from xpnet.fused.numba.threads.blocks import block_of, lengths_of, number_of
from xpnet.fused.numba.threads.number import Threads, at_most
from xpnet.fused.numba.threads.workers import on_workers

pytestmark = pytest.mark.skipif(
    routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)

SIZES, M, BATCH_SIZE = (300, 90, 40, 3), 331, 101  # three batches, and one of 28 in one block


def made_by(monkeypatch, workers):
    """Let so many workers make all steps from now on; what says how many did."""
    counts = []

    class Chosen(Threads):
        def matter(self, m):
            return True

        def _parts(self, steps, batches):
            with at_most(1):
                yield slice(0, steps), workers

    def noted(number, make):
        counts.append(number)
        on_workers(number, make)

    monkeypatch.setattr(step, "Threads", Chosen)
    for module in (step, loop):
        monkeypatch.setattr(module, "on_workers", noted)
    return counts


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam", "adamw"])
def test_any_number_of_workers(name, dtype, monkeypatch):
    results, data = [], samples(SIZES, m=M, dtype=dtype)
    for workers in (1, 2, 3):
        counts = made_by(monkeypatch, workers)
        settings = {"optimizer": OPTIMIZERS[name], "batch_size": BATCH_SIZE}
        results.append(trained(*data, **settings))
        results.append(trained(*data, callbacks=[Heard()], **settings))
        assert workers == 1 or workers in counts
    for result in results[1:]:
        assert_equal(result, results[0])


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.4, "seed": 2},
        {"l2": 0.3},
        {"sample_weight": np.arange(1.0, 1 + M)[None]},
        {"batch_size": 33},
    ],
    ids=["dropout", "penalty", "weights", "small"],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_steps_one_by_one(workers, settings, monkeypatch):
    made_by(monkeypatch, workers)
    assert_the_same(*samples(SIZES, m=M), **{"batch_size": BATCH_SIZE, **settings})


@pytest.mark.parametrize("settings", [{}, {"dropout": 0.4, "seed": 2, "l2": 0.3}], ids=str)
def test_the_kernels_as_they_are_written(settings):
    data = samples(SIZES, m=M, dtype="float64")
    settings = {"batch_size": BATCH_SIZE, **settings}
    result, expected = trained(*data, **settings), trained(*data, kernels=VECTORIZED, **settings)
    for layer, other in zip(result.params, expected.params, strict=True):
        np.testing.assert_allclose(layer.W, other.W, rtol=1e-9, atol=1e-9)
    costs = [[row["cost"] for row in each.history] for each in (result, expected)]
    np.testing.assert_allclose(*costs, rtol=1e-12)


def test_full_batches_of_the_estimators(monkeypatch):
    """As L-BFGS has them, by `value_and_grad`."""
    _, _, X, Y = samples(SIZES, m=M, dtype="float64")
    found = []
    for workers in (1, 2):
        counts = made_by(monkeypatch, workers)
        model = MLPClassifier(SIZES[1:3], solver="lbfgs", max_iter=5, tol=0, random_state=0)
        with pytest.warns(match="failed to converge"):
            found.append(model.fit(X.T, Y.argmax(axis=0)).coefs_)
        assert workers == 1 or workers in counts
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("sizes", "m", "blocks"),
    [
        ((784, 128, 10), 31, 1),
        ((784, 128, 10), 32, 2),
        ((784, 128, 10), 1024, 4),
        ((64, 32, 10), 128, 1),
        ((784, 512, 256, 10), 32, 1),
        ((784, 512, 256, 10), 128, 2),
        ((784, 2048, 2048, 10), 1024, 1),
    ],
)
def test_shapes_alone_say_how_many_blocks(sizes, m, blocks):
    assert number_of(m, block_of(sizes, m)) == blocks


@pytest.mark.parametrize(
    ("m", "lengths"), [(128, {64}), (101, {56, 45}), (33, {24, 9}), (1030, {264, 238})]
)
def test_the_last_block_is_what_is_left(m, lengths):
    assert lengths_of(m, block_of((784, 64, 10), m)) == lengths


@numba.njit(nogil=True)
def waits(arrivals, number, give_way):
    return wait_for(arrivals, number, give_way)


def test_an_error_of_one_worker_is_raised_when_all_have_left():
    left = []

    def make(worker, number, arrivals):
        if worker == 1:
            raise ZeroDivisionError
        left.append(waits(arrivals, number, sleep()))

    with pytest.raises(ZeroDivisionError):
        on_workers(2, make)
    assert left == [False]


def test_where_no_thread_can_be_started_all_is_made_here(monkeypatch):
    class Unstarted(Thread):
        def start(self):
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(workers_module, "Thread", Unstarted)
    made = []
    on_workers(3, lambda worker, number, arrivals: made.append((worker, number)))
    assert made == [(0, 1)]
