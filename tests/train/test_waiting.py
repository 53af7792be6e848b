"""Nothing in an epoch reads from the device: on a GPU, each read would wait for all before it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.kernels.cases import random_case
from tests.train.cases import Heard, M, train
from xpnet import backend, optim

TO_THE_HOST = (
    *("__bool__", "__complex__", "__float__", "__index__", "__int__"),
    *("__array__", "__buffer__", "__dlpack__", "to_device"),
)
OPTIMIZERS = {
    **{name: kind.make() for name, kind in optim.OPTIMIZERS.items()},
    "clipped momentum": optim.clip(optim.momentum(0.1), 0.5),
    "warmed up": optim.nesterov(optim.warmup(0.1, 5)),
    "cosine": optim.adam(optim.cosine(1e-2, 20)),
}


@pytest.fixture
def reads(monkeypatch):
    """The ways in which array-api-strict arrays have been brought to the host, one by one."""
    strict = pytest.importorskip("array_api_strict")
    kind = type(strict.asarray(0.0))
    found = []

    def noting(name, original):
        def noted(self, *args, **kwargs):
            found.append(name)
            return original(self, *args, **kwargs)

        return noted

    for name in TO_THE_HOST:
        monkeypatch.setattr(kind, name, noting(name, getattr(kind, name)))
    return found


@pytest.fixture(params=[(), (2,)], ids=["one", "stack"])
def on_device1(request):
    """A case on a device whose arrays do not become NumPy's by themselves."""
    place = backend.resolve("array_api_strict", device="device1", dtype="float64")

    class There:
        @staticmethod
        def asarray(values, dtype):
            return backend.asarray(values, backend=place, dtype=dtype)

    case = random_case((3, 4, 2), m=M, stack=request.param, weighted=True, l2=0.1)
    return case.on(There, "float64")


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_more_steps_read_no_more(reads, on_device1, optimizer):
    counts = []
    for batch_size in (5, 1):
        reads.clear()
        settings = {"optimizer": optimizer, "dropout": 0.2, "epochs": 2, "batch_size": batch_size}
        train(on_device1, validation=(on_device1.X, on_device1.Y), **settings)
        counts.append(len(reads))
    assert 0 < counts[0] == counts[1]


def test_an_epoch_reads_once_for_each_of_its_tables(reads, on_device1):
    """The costs with the weights of their batches, and the scores."""
    counts = []
    for epochs in (1, 2, 3):
        reads.clear()
        train(on_device1, validation=(on_device1.X, on_device1.Y), epochs=epochs)
        counts.append(reads.count("to_device"))
    assert [more - fewer for fewer, more in pairwise(counts)] == [2, 2]


def test_a_callback_that_reads_is_counted(reads, on_device1):
    """The count above would show a read at each step."""

    def reading(moment, event):
        if moment == "step":
            backend.to_numpy(event.cost)

    counts = []
    for batch_size in (5, 1):
        reads.clear()
        train(on_device1, callbacks=[Heard(reading)], batch_size=batch_size)
        counts.append(reads.count("to_device"))
    assert counts[1] - counts[0] == 2 * (M - M // 5)
