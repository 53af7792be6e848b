"""Kernels of CuPy's users: their arguments as bytes, their grids, and source that does not compile.

All of it holds for CuPy on a device, too.
"""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np
import pytest

CODE = """
template <class T> __global__ void first(const T* values, long long n, T* to) {
  const long long i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) to[i] = values[i];
}
struct Pair { double x, y; };
__global__ void listed(const float* none, long long whole, double real, bool yes, float single,
                          Pair pair, double* to) {
  to[0] = none == 0;
  to[1] = whole;
  to[2] = real;
  to[3] = yes;
  to[4] = single;
  to[5] = pair.x - pair.y;
}
__global__ void where(double* to) {
  if (threadIdx.x == 0) to[blockIdx.y * gridDim.x + blockIdx.x] = 10 * blockIdx.y + blockIdx.x;
}
"""


@pytest.fixture(scope="module")
def kernel():
    names = ("first<double>", "listed", "where")
    module = cupy.RawModule(code=CODE, options=("-std=c++17",), name_expressions=names)
    return module.get_function


def test_arguments_become_bytes(kernel):
    # cupy/cuda/function.pyx, _pointer
    to = cupy.zeros(6)
    pair = np.asarray([5.0, 2.0]).view(np.dtype((np.void, 16)))
    kernel("listed")((1,), (1,), (None, 2**40, 2.5, True, np.float32(1.5), pair, to))
    assert to.get().tolist() == [1.0, 2.0**40, 2.5, 1.0, 1.5, 3.0]


def test_an_array_is_its_address_whatever_its_strides(kernel):
    values, to = cupy.arange(8.0), cupy.zeros(4)
    kernel("first<double>")((2,), (2,), (values[::2], 4, to))
    assert to.get().tolist() == [0.0, 1.0, 2.0, 3.0]
    kernel("first<double>")((2,), (2,), (values[4:], 4, to))
    assert to.get().tolist() == [4.0, 5.0, 6.0, 7.0]


def test_a_start_by_addresses(kernel):
    # cupy_backends/cuda/api/driver.pyx, launchKernel; kernel of RawKernel in cupy/_core/raw.pyx
    values, to = cupy.arange(4.0), cupy.zeros(4)
    arguments = [np.asarray([number]) for number in (values.data.ptr, 3, to.data.ptr)]
    addresses = np.asarray([argument.ctypes.data for argument in arguments])
    function, stream = kernel("first<double>").kernel, cupy.cuda.get_current_stream()
    start = function.ptr, 1, 1, 1, 4, 1, 1, 0, stream.ptr, addresses.ctypes.data, 0
    cupy.cuda.driver.launchKernel(*start)
    assert to.get().tolist() == [0.0, 1.0, 2.0, 0.0]
    arguments[1][0] = 4  # what lies at the addresses is read at each start
    cupy.cuda.driver.launchKernel(*start)
    assert to.get().tolist() == [0.0, 1.0, 2.0, 3.0]


def test_every_block_of_the_grid_runs(kernel):
    to = cupy.zeros(6)
    kernel("where")((3, 2), (4,), (to,))
    assert to.get().tolist() == [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]


@pytest.mark.parametrize("block", [(2048,), (64, 64)])
def test_a_block_that_no_device_takes(kernel, block):
    with pytest.raises(Exception, match="CUDA_ERROR_INVALID_VALUE"):
        kernel("where")((1,), block, (cupy.zeros(1),))


def test_source_that_does_not_compile():
    # cupy/_core/raw.pyx
    broken = {"code": "__global__ void f() { g(); }", "options": ("-std=c++17",)}
    with pytest.raises(cupy.cuda.compiler.CompileException, match="g"):
        cupy.RawModule(**broken, name_expressions=("f",)).get_function("f")


@pytest.fixture(scope="module")
def doubled():
    return cupy.ElementwiseKernel(
        "raw T X, int64 n, T by", "raw T to", "to[i] = by * X[n - 1 - i]", "doubled_backwards"
    )


@pytest.mark.parametrize(
    "lay",
    [lambda a: a, lambda a: a.T, lambda a: a[:, ::2]],
    ids=["whole", "transposed", "every second"],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_raw_arrays_have_their_entries_in_order(doubled, dtype, lay):
    # cupy/_core/include/cupy/carray.cuh
    X: Any = lay(np.arange(300, dtype=dtype).reshape(20, 15))
    there = lay(cupy.arange(300, dtype=dtype).reshape(20, 15))
    to = cupy.empty(X.size, dtype)
    doubled(there, X.size, 2.0, to, size=X.size)
    np.testing.assert_array_equal(to.get(), 2.0 * X.ravel()[::-1])


def test_no_entries(doubled):
    array = cupy.ones(3)
    doubled(array, 3, 2.0, array, size=0)
    assert array.get().tolist() == [1.0, 1.0, 1.0]
