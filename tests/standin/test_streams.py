"""Work on streams that nobody waits for by himself: its order, its memory, and races that show.

What says "late" is the stand-in's own; the rest holds for CuPy on a device, too.
"""

from __future__ import annotations

import cupy
import numpy as np
import pytest

from tests.standin.place import device_answers

CODE = """
__global__ void add(const double* from, double more, double* to) {
  to[threadIdx.x] = from[threadIdx.x] + more;
}
"""
BEFORE, AFTER = [0.0] * 3, [2.0] * 3

late = pytest.mark.skipif(device_answers(), reason="a device does its work when it likes")


@pytest.fixture(scope="module")
def kernel():
    module = cupy.RawModule(code=CODE, options=("-std=c++17",), name_expressions=("add",))
    return module.get_function("add")


@pytest.fixture
def add(kernel):
    """``to = from + more``, of three entries."""
    return lambda *args: kernel((1,), (3,), args)


@pytest.fixture
def stream():
    """A stream that the null stream does not wait for, nor it for that."""
    return cupy.cuda.Stream(non_blocking=True)


@pytest.fixture
def arrays():
    """Three ones, and zeros that a test writes to."""
    found = cupy.ones(3), cupy.zeros(3)
    cupy.cuda.Stream.null.synchronize()
    return found


def multiply(a, to):
    """``to = a 2`` of a matrix of one column and one of one entry."""
    one, zero = np.ones(1), np.zeros(1)
    shape = 0, 0, 3, 1, 1, one.ctypes.data
    factors = a.data.ptr, 3, cupy.full(1, 2.0).data.ptr, 1, zero.ctypes.data
    handle = cupy.cuda.device.get_cublas_handle()
    cupy.cuda.cublas.dgemm(handle, *shape, *factors, to.data.ptr, 3)


def launch_graph(add, a, to):
    """The same as a graph."""
    capturing = cupy.cuda.Stream(non_blocking=True)
    with capturing:
        capturing.begin_capture()
        add(a, 1.0, to)
        graph = capturing.end_capture()
    graph.launch()


WORK = {
    "kernel": lambda add, a, to: add(a, 1.0, to),
    "product": lambda add, a, to: multiply(a, to),
    "graph": launch_graph,
    "sum of arrays": lambda add, a, to: add(a + 0.5, 0.5, to),
    "copy": lambda add, a, to: to.set(np.full(3, 2.0)),
    "upload": lambda add, a, to: add(cupy.asarray(np.ones(3)), 1.0, to),
}


@late
@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("wait", ["event", "synchronize"])
def test_work_shows_to_others_when_they_have_waited(add, stream, arrays, work, wait):
    a, to = arrays
    with stream:
        WORK[work](add, a, to)
    assert to.get().tolist() == BEFORE
    if wait == "event":
        cupy.cuda.get_current_stream().wait_event(stream.record())
    else:
        stream.synchronize()
    assert to.get().tolist() == AFTER


@late
def test_results_of_array_functions_show_to_others_when_they_have_waited(stream, arrays):
    a, _ = arrays
    with stream:
        found = a + 1.0
    assert found.get().tolist() != AFTER
    stream.synchronize()
    assert found.get().tolist() == AFTER


@pytest.mark.parametrize("work", WORK)
def test_a_read_waits_for_the_current_stream(add, stream, arrays, work):
    # cupy/_core/core.pyx, get
    with stream:
        WORK[work](add, *arrays)
        assert arrays[1].get().tolist() == AFTER


@pytest.mark.parametrize(
    "function",
    [
        lambda to: to + 0.0,
        lambda to: cupy.stack([to, to])[0],
        lambda to: to.copy(),
        lambda to: to[np.arange(3)],
        lambda to: cupy.broadcast_to(to, (2, 3)).reshape(6)[:3],
        lambda to: to.__setitem__(slice(0), 1.0) or to,
        lambda to: to.__iadd__(0.0),
    ],
    ids=["operator", "function", "copy", "rows", "reshape that copies", "setitem", "in place"],
)
def test_array_functions_come_after_the_work_before_them(add, stream, arrays, function):
    a, to = arrays
    with stream:
        add(a, 1.0, to)
        assert function(to).get().tolist() == AFTER


def test_arguments_are_those_of_the_launch(kernel, stream, arrays):
    # CUDA driver API, cuLaunchKernel; cupy/cuda/function.pyx, _launch
    a, to = arrays
    with stream:
        more = np.ones(1)
        kernel((1,), (3,), (a, more, to))
        more[0] = 9.0
        assert to.get().tolist() == AFTER
        arguments = [np.asarray([value]) for value in (a.data.ptr, 1.0, to.data.ptr)]
        addresses = np.asarray([argument.ctypes.data for argument in arguments])
        to.fill(0.0)
        start = kernel.kernel.ptr, 1, 1, 1, 3, 1, 1, 0, stream.ptr, addresses.ctypes.data, 0
        cupy.cuda.driver.launchKernel(*start)
        arguments[1][0] = 9.0
        assert to.get().tolist() == AFTER


def test_freed_memory_is_used_again_after_the_work_that_was_asked_for(add, stream, arrays):
    # cupy/cuda/memory.pyx, SingleDeviceMemoryPool
    a, _ = arrays
    with stream:
        to = cupy.empty((200, 3))
        for number, row in enumerate(to[:100]):  # each takes what the one before has freed
            between = cupy.empty(3)
            add(a, float(number), between)
            add(between, 0.0, row)
            del between
        many = [cupy.empty(3) for _ in to[100:]]
        for number, (between, row) in enumerate(zip(many, to[100:], strict=True)):
            add(a, float(number), between)
            add(between, 0.0, row)
        del many, between
        expected = np.tile(np.arange(100.0) + 1.0, 2)
        np.testing.assert_array_equal(to.get(), np.stack([expected] * 3, axis=1))


def test_freed_memory_goes_back_to_the_stream_it_was_asked_for_on(stream):
    # cupy/cuda/memory.pyx, _arena of SingleDeviceMemoryPool
    with stream:
        freed = cupy.empty(998).data.ptr
    assert cupy.empty(998).data.ptr != freed
    with stream:
        assert cupy.empty(998).data.ptr == freed


def test_a_stream_that_goes_has_its_work_done(add, arrays):
    # CUDA runtime API, cudaStreamDestroy
    a, to = arrays
    with cupy.cuda.Stream(non_blocking=True) as stream:
        add(a, 1.0, to)
        done = stream.record()
    del stream
    done.synchronize()
    del done
    assert to.get().tolist() == AFTER


@late
def test_a_stream_that_goes_unwaited_for_has_its_work_done(add, arrays):
    a, to = arrays
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        add(a, 1.0, to)
    assert to.get().tolist() == BEFORE
    del stream
    assert to.get().tolist() == AFTER


@late
def test_what_a_kernel_takes_is_checked(kernel):
    a = cupy.zeros(3)
    for args in ((a, np.float32(1.0), a), (a, 1.0)):
        with pytest.raises(AssertionError, match="add takes"):
            kernel((1,), (3,), args)
