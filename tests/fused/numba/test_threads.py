"""Threads of NumPy's BLAS while small products are made, and after."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import xpnet
from xpnet.fused.numba import threads
from xpnet.fused.numba.blas import routine
from xpnet.fused.numba.threads import ALONE, SMALL, one_thread, threads_for

pytestmark = pytest.mark.skipif(
    routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)


class BLAS:
    """A library of four threads, and the numbers that were set."""

    def __init__(self):
        self.number, self.set = 4, []

    def use(self, number):
        self.number = number
        self.set.append(number)


@pytest.fixture
def blas(monkeypatch):
    blas = BLAS()
    monkeypatch.setattr(threads, "_functions", lambda: (lambda: blas.number, blas.use))
    return blas


@pytest.mark.parametrize(
    ("largest", "number"), [(ALONE, 4), (ALONE + 1, 1), (SMALL, 1), (SMALL + 1, 4)]
)
def test_only_small_products_have_one_thread(blas, largest, number):
    with threads_for(largest):
        assert blas.number == number
    assert blas.number == 4


def test_the_last_to_leave_restores_what_the_first_found(blas):
    first, second = one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas.number == 1
    second.__exit__(None, None, None)
    assert blas.set == [1, 4]


def test_an_error_restores_it_too(blas):
    with pytest.raises(ZeroDivisionError), one_thread():
        1 / 0  # noqa: B018
    assert blas.number == 4


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize(("m", "number"), [(64, 1), (8, None), (1024, None)])
def test_a_training_asks_for_it(blas, every_step, m, number, rng):
    X, Y = rng.normal(size=(64, m)), rng.normal(size=(128, m))
    net = xpnet.Network((64, 128), output="identity")
    seen = []

    class Look(xpnet.callbacks.Callback):
        def on_step(self, step):
            seen.append(step)

    settings = {"epochs": 2, "optimizer": xpnet.optim.sgd(0.1), "batch_size": m}
    callbacks = [Look()] if every_step else []
    xpnet.fit(net, net.init(0, like=X), X, Y, callbacks=callbacks, **settings)
    assert set(blas.set) == (set() if number is None else {number, 4})
    assert blas.number == 4


def test_the_library_of_numpy_is_asked():
    number_of_threads, use_threads = threads._functions()
    before = number_of_threads()
    use_threads(2)
    try:
        with one_thread():
            assert number_of_threads() == 1
            other = threading.Thread(target=lambda: seen.append(number_of_threads()))
            seen = []
            other.start()
            other.join()
        assert (seen, number_of_threads()) == ([1], 2)
    finally:
        use_threads(before)
