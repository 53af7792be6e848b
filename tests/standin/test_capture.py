"""Streams that are captured, and the graphs made of them, by CuPy's rules and CUDA's.

All of it holds for CuPy on a device, too. Each test names the source that says so.
"""

from __future__ import annotations

import cupy
import numpy as np
import pytest

CODE = """
__global__ void add(const double* from, double more, double* to) {
  to[threadIdx.x] = from[threadIdx.x] + more;
}
"""

CUDARuntimeError = cupy.cuda.runtime.CUDARuntimeError


@pytest.fixture(scope="module")
def add():
    """``to = from + more``, of three entries."""
    module = cupy.RawModule(code=CODE, options=("-std=c++17",), name_expressions=("add",))
    kernel = module.get_function("add")
    return lambda *args: kernel((1,), (3,), args)


@pytest.fixture
def stream():
    return cupy.cuda.Stream(non_blocking=True)


@pytest.fixture
def captures(stream):
    """``captures(work)``: the graph of what `work` does."""

    def captured(work):
        with stream:
            stream.begin_capture()
            try:
                work()
            finally:
                graph = stream.end_capture()
        return graph

    return captured


def test_what_is_captured_is_done_when_the_graph_is_launched(add, captures):
    # cupy/cuda/stream.pyx, begin_capture; cupy/cuda/graph.pyx, launch
    a, to = cupy.zeros(3), cupy.zeros(3)
    graph = captures(lambda: add(a, 2.0, to))
    assert to.get().tolist() == [0.0] * 3
    graph.launch()
    assert to.get().tolist() == [2.0] * 3
    a += 1.0
    graph.launch()
    assert to.get().tolist() == [3.0] * 3


def test_a_graph_is_launched_on_the_current_stream_or_another(add, captures, stream):
    # cupy/cuda/graph.pyx, launch
    a, to = cupy.zeros(3), cupy.zeros(3)
    graph = captures(lambda: add(a, 2.0, to))
    cupy.cuda.get_current_stream().synchronize()
    graph.launch(stream)
    stream.synchronize()
    assert to.get().tolist() == [2.0] * 3


def test_several_nodes_in_their_order(add, captures):
    a, b, c = cupy.zeros(3), cupy.zeros(3), cupy.zeros(3)

    def work():
        add(a, 1.0, b)
        add(b, 1.0, c)

    graph = captures(work)
    graph.launch()
    assert c.get().tolist() == [2.0] * 3


def test_arguments_are_those_of_the_capture(add, captures):
    # CUDA programming guide, CUDA graphs: a kernel node copies its arguments
    a, to, more = cupy.zeros(3), cupy.zeros(3), np.asarray([2.0])
    graph = captures(lambda: add(a, more, to))
    more[0] = 5.0
    graph.launch()
    assert to.get().tolist() == [2.0] * 3


def test_the_default_stream_cannot_be_captured():
    # cupy/cuda/stream.pyx, begin_capture
    with pytest.raises(RuntimeError, match="cannot capture on the default"):
        cupy.cuda.Stream.null.begin_capture()


@pytest.mark.parametrize(
    ("work", "kind", "reason"),
    [
        # cupy_backends/cuda/libs/cublas.pyx, setStream
        (lambda a: a @ a, NotImplementedError, "cuBLAS API during stream capture"),
        # cupy/cuda/memory.pyx, copy_to_host_async and copy_from_host_async
        (lambda a: a.get(), RuntimeError, "D2H transfers are disallowed"),
        (lambda a: a.set(np.ones(3)), RuntimeError, "H2D transfers are disallowed"),
    ],
    ids=["product", "read", "copy"],
)
def test_what_cupy_refuses_while_capturing(captures, work, kind, reason):
    a = cupy.ones(3)
    a.get()
    with pytest.raises(kind, match=reason):
        captures(lambda: work(a))


def test_waiting_for_the_stream_ends_its_capture(stream):
    # cupy_tests/cuda_tests/test_graph.py, test_stream_capture_failure1
    with stream:
        stream.begin_capture()
        with pytest.raises(CUDARuntimeError, match="cudaErrorStreamCaptureUnsupported"):
            stream.synchronize()
        with pytest.raises(CUDARuntimeError, match="cudaErrorStreamCaptureInvalidated"):
            stream.end_capture()
    assert not stream.is_capturing()
    stream.synchronize()


def test_a_blocking_stream_forbids_the_default_stream_while_it_is_captured(add):
    # cupy_tests/cuda_tests/test_graph.py, test_null_stream_cannot_capture
    blocking, a = cupy.cuda.Stream(), cupy.zeros(3)
    with blocking:
        blocking.begin_capture()
        add(a, 1.0, a)
        assert blocking.is_capturing()
        with pytest.raises(CUDARuntimeError, match="cudaErrorStreamCaptureImplicit"):
            cupy.cuda.Stream.null.is_capturing()
        graph = blocking.end_capture()
    graph.launch()
    blocking.synchronize()
    assert a.get().tolist() == [1.0] * 3


@pytest.mark.parametrize("step", ["end_capture", "begin_capture"])
def test_a_capture_begins_once_and_ends_once(stream, step):
    # cupy_tests/cuda_tests/test_graph.py, test_stream_capture_failure2
    if step == "begin_capture":
        stream.begin_capture()
    with pytest.raises(CUDARuntimeError, match="cudaErrorIllegalState"):
        getattr(stream, step)()


def test_a_graph_comes_from_a_capture_alone():
    # cupy/cuda/graph.pyx, __init__
    with pytest.raises(NotImplementedError, match="must be created via stream capture"):
        cupy.cuda.Graph()


def test_a_stream_belongs_to_the_device_it_was_made_on(second_cuda_device, stream):
    # cupy/cuda/stream.pyx, check_stream_device_match
    with cupy.cuda.Device(1), pytest.raises(RuntimeError, match="does not match with the current"):
        stream.__enter__()


def test_each_device_has_a_current_stream_of_its_own(second_cuda_device, stream):
    # cupy/cuda/stream.pyx, _ThreadLocal
    with stream:
        assert cupy.cuda.get_current_stream() == stream
        with cupy.cuda.Device(1):
            assert cupy.cuda.get_current_stream() == cupy.cuda.Stream.null
