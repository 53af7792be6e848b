"""Uploads beside the computation, on streams that do their work as late as they may.

A copy reads pinned memory when it runs, not when it is asked for; freed device memory is handed
out again at once. A wait that is missing therefore shows as wrong numbers.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
import pytest

from xpnet import backend
from xpnet.backend import ends, read
from xpnet.backend.libraries import adapter
from xpnet.data import batches, streamed

M, BATCH = 23, 4
X = np.arange(M * 3).reshape(M, 3).astype(np.uint8)
Y = np.eye(2)[np.arange(M) % 2]


class LazyStream:
    """Work that waits to be done until someone needs the end of it."""

    def __init__(self, **options: Any) -> None:
        self.work: list[Any] = []
        self.done = 0

    def record(self) -> LazyEvent:
        return LazyEvent(self, len(self.work))

    def wait_event(self, event: LazyEvent) -> None:
        self.work.append(event.synchronize)

    def run_to(self, position: int) -> None:
        while self.done < position:
            self.done += 1
            self.work[self.done - 1]()


class LazyEvent(NamedTuple):
    stream: LazyStream
    position: int

    def synchronize(self) -> None:
        self.stream.run_to(self.position)


class DeviceArray:
    """An array in memory that the next one takes over as soon as this one is dropped."""

    def __init__(self, pool: dict[Any, list[np.ndarray]], shape: Any, dtype: Any) -> None:
        self.freed = pool.setdefault((shape, dtype), [])
        self.memory = self.freed.pop() if self.freed else np.empty(shape, dtype)

    def __del__(self) -> None:
        self.freed.append(self.memory)

    def set(self, host: np.ndarray, stream: LazyStream) -> None:
        memory = self.memory
        stream.work.append(lambda: np.copyto(memory, host))

    @property
    def T(self) -> DeviceArray:  # noqa: N802 (the array library's name)
        return self


@pytest.fixture
def compute(monkeypatch):
    """The stream that computes, with CuPy's device, streams and memory replaced by lazy ones."""
    cupy = pytest.importorskip("cupy")
    stream, pool = LazyStream(), {}
    monkeypatch.setattr(cupy.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", lambda: 1)
    monkeypatch.setattr(cupy.cuda, "Device", lambda index: nullcontext())
    monkeypatch.setattr(cupy.cuda, "Stream", LazyStream)
    monkeypatch.setattr(cupy.cuda, "get_current_stream", lambda: stream)
    monkeypatch.setattr(cupy, "empty", lambda shape, dtype: DeviceArray(pool, shape, dtype))
    monkeypatch.setattr(cupy.cuda, "alloc_pinned_memory", lambda size: bytearray(size + 512))
    return stream


def trained_on(uploaded: Any, compute: LazyStream) -> list[np.ndarray]:
    """What a training that runs as late as it may reads of each batch."""
    read: list[np.ndarray] = []
    for batch in uploaded:
        for array in batch[:2]:
            memory = array.memory
            compute.work.append(lambda memory=memory: read.append(memory.copy()))
        del array, batch
    compute.run_to(len(compute.work))
    return read


def in_order(seed: int) -> list[np.ndarray]:
    """The same batches, as rows, of arrays that lie where they are trained on."""
    whole = batches(X, Y, batch_size=BATCH, seed=seed)
    return [array.T.astype(np.float32) for batch in whole for array in batch[:2]]


def same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


def test_every_batch_arrives_before_it_is_read_and_is_read_before_it_is_written_over(compute):
    cuda = backend.resolve("cupy", dtype="float32")
    assert same(trained_on(streamed(X, Y, batch_size=BATCH, seed=3, to=cuda), compute), in_order(3))


@pytest.mark.parametrize("wait", ["wait_event", "synchronize"])
def test_a_missing_wait_shows(compute, monkeypatch, wait):
    owner = LazyStream if wait == "wait_event" else LazyEvent
    monkeypatch.setattr(owner, wait, lambda self, *event: None)
    cuda = backend.resolve("cupy", dtype="float32")
    ours = trained_on(streamed(X, Y, batch_size=BATCH, seed=3, to=cuda), compute)
    assert not same(ours, in_order(3))


def test_the_next_copy_is_asked_for_before_a_batch_is_handed_out(compute, monkeypatch):
    asked = []
    monkeypatch.setattr(DeviceArray, "set", lambda *call, **to: asked.append(call))
    cuda = backend.resolve("cupy", dtype="float32")
    counts = [len(asked) for _ in streamed(X, Y, batch_size=BATCH, seed=3, to=cuda)]
    copies = 2  # X and Y
    assert counts == [2 * copies, 3 * copies, 4 * copies, 5 * copies, 6 * copies, 6 * copies]


def test_nothing_but_cupy_needs_pinned_memory():
    others = ("numpy", "torch", "jax", "array_api_strict")
    assert all(adapter(name).pinned_upload is None for name in others)


def test_many_arrays_are_read_at_once(xp):
    for shape in ((), (3,)):
        costs = [np.full(shape, value, np.float32) for value in (1, 2, 3)]
        host = read([xp.asarray(cost) for cost in costs])
        assert type(host) is np.ndarray
        assert host.dtype == np.float32
        np.testing.assert_array_equal(host, np.stack(costs))


def test_numbers_are_read_as_they_are():
    np.testing.assert_array_equal(read([3.0, 4.0]), [3.0, 4.0])


def test_ends_of_arrays_of_several_shapes(eager_xp):
    arrays = [eager_xp.asarray(values) for values in ([[1.0, -2.0], [0.5, 4.0]], [3.0])]
    assert ends(arrays) == [(-2.0, 4.0), (3.0, 3.0)]
    assert ends([]) == []


def test_ends_of_what_is_no_number(eager_xp):
    ((low, high),) = ends([eager_xp.asarray([1.0, math.nan, 2.0])])
    assert math.isnan(low)
    assert math.isnan(high)
