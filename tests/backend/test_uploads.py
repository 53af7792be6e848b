"""Uploads beside the computation, on streams that do their work as late as they may.

A copy reads pinned memory when it runs, not when it is asked for; freed device memory is handed
out again at once. A wait that is missing therefore shows as wrong numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.standin.place import device_answers
from xpnet import backend
from xpnet.backend.libraries import adapter
from xpnet.data import batches, streamed

cupy = pytest.importorskip("cupy")

M, BATCH = 23, 4
X = np.arange(M * 3).reshape(M, 3).astype(np.uint8)
Y = np.eye(2)[np.arange(M) % 2]


@pytest.fixture
def streams(monkeypatch) -> list[Any]:
    """The streams that are made."""
    made: list[Any] = []

    class Kept(cupy.cuda.Stream):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            made.append(self)

    monkeypatch.setattr(cupy.cuda, "Stream", Kept)
    return made


@pytest.fixture
def compute(streams):
    """The stream that computes, as late as it may."""
    if device_answers():
        pytest.skip("CuPy's own streams do their work when they like")
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        yield stream


def trained_on(uploaded: Any, compute: Any) -> list[np.ndarray]:
    """What a training that runs as late as it may reads of each batch."""
    read: list[np.ndarray] = []
    for batch in uploaded:
        for array in batch[:2]:
            memory = cupy.cuda.memory.unowned(array.T._host)
            compute.later(lambda memory=memory: read.append(memory.copy()))
        del array, batch
    compute.synchronize()
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
    owner = cupy.cuda.Stream if wait == "wait_event" else cupy.cuda.Event
    monkeypatch.setattr(owner, wait, lambda self, *event: None)
    cuda = backend.resolve("cupy", dtype="float32")
    ours = trained_on(streamed(X, Y, batch_size=BATCH, seed=3, to=cuda), compute)
    assert not same(ours, in_order(3))


def test_the_next_copy_is_asked_for_before_a_batch_is_handed_out(compute):
    cuda = backend.resolve("cupy", dtype="float32")
    with cupy.counted() as counts:
        asked = [len(counts.copies) for _ in streamed(X, Y, batch_size=BATCH, seed=3, to=cuda)]
    copies = 2  # X and Y
    assert asked == [2 * copies, 3 * copies, 4 * copies, 5 * copies, 6 * copies, 6 * copies]


@pytest.mark.parametrize("end", ["left", "an error"])
def test_a_copy_under_way_when_its_loop_ends_writes_to_memory_of_nobody_else(
    compute, streams, monkeypatch, end
):
    cuda = backend.resolve("cupy", dtype="float32")
    batches = streamed(X, Y, batch_size=BATCH, seed=3, to=cuda)
    batch = next(batches)  # the second copy is under way
    if end == "left":
        batches.close()
    else:
        with monkeypatch.context() as patched:
            patched.setattr(cupy, "empty", None)
            with pytest.raises(TypeError):
                next(batches)
    del batches, batch
    mine = [cupy.empty((BATCH, n), "float32") for n in (3, 2, 3, 2)]
    for array in mine:
        memory = cupy.cuda.memory.unowned(array._host)
        compute.later(lambda memory=memory: memory.fill(7.0))
    for stream in (compute, *streams):
        stream.synchronize()
    assert all((array.get() == 7.0).all() for array in mine)


def test_nothing_but_cupy_needs_pinned_memory():
    others = ("numpy", "torch", "jax", "array_api_strict")
    assert all(adapter(name).pinned_upload is None for name in others)
