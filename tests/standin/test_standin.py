"""The stand-in's own part: names that CuPy has, streams that are late, counts, and its place."""

from __future__ import annotations

import subprocess
import sys

import cupy
import numpy as np
import pytest

from tests.standin.place import device_answers, needs_real_cupy

pytestmark = pytest.mark.skipif(device_answers(), reason="CuPy itself is in place")


@pytest.fixture(scope="module")
def installed():
    yield from needs_real_cupy()


@pytest.mark.parametrize(
    "part", ["", "linalg", "fft", "cuda", "cuda.runtime", "cuda.stream", "ndarray"]
)
def test_it_has_no_name_that_cupy_lacks(installed, part):
    ours, theirs = cupy, installed
    for name in filter(None, part.split(".")):
        ours, theirs = getattr(ours, name), getattr(theirs, name)
    public = getattr(ours, "__all__", [name for name in dir(ours) if not name.startswith("_")])
    assert [name for name in public if not hasattr(theirs, name)] == ["counted"] * (part == "")


def test_processes_that_a_test_starts_do_not_see_it():
    code = "import cupy; print(hasattr(cupy, 'counted'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:  # CuPy itself is not installed
        assert "ModuleNotFoundError" in done.stderr
    else:
        assert done.stdout.strip() == "False"


def test_work_on_a_late_stream_is_done_when_it_is_waited_for():
    late, to = cupy.cuda.Stream(non_blocking=True), cupy.zeros(2)
    to.set(np.ones(2), stream=late)
    assert to.get().tolist() == [0.0, 0.0]
    copied = late.record()
    assert not copied.done
    cupy.cuda.get_current_stream().wait_event(copied)
    assert copied.done
    assert to.get().tolist() == [1.0, 1.0]


def test_a_late_copy_reads_pinned_memory_when_it_runs():
    pinned = np.frombuffer(cupy.cuda.alloc_pinned_memory(16), np.float64, 2)
    for host, expected in ((pinned, 2.0), (np.empty(2), 1.0)):
        late, to = cupy.cuda.Stream(non_blocking=True), cupy.zeros(2)
        host[...] = 1.0
        to.set(host, stream=late)
        host[...] = 2.0
        late.synchronize()
        assert to.get().tolist() == [expected] * 2


def test_a_late_copy_writes_to_memory_that_was_freed():
    late, freed = cupy.cuda.Stream(non_blocking=True), cupy.zeros(777)
    freed.set(np.ones(777), stream=late)
    del freed
    next_one = cupy.zeros(777)
    late.synchronize()
    assert (next_one.get() == 1.0).all()


def test_fresh_memory_is_nan():
    assert np.isnan(cupy.empty((2, 3), "float32").get()).all()


def test_counts():
    with cupy.counted() as counts:
        a = cupy.asarray(np.ones((2, 3)))
        b = (a.T @ a)[:, ::2]
        float(b[0, 0])
    assert counts == (["matmul"], [48, 72], ["float"], [48])
    a + b[:2, :1]
    assert counts.launches == ["matmul"]
