"""CuPy's gathering of a batch: its body on the processor, and itself where a device answers."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys

import numpy as np
import pytest

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")

from tests.standin.place import needs_real_cupy  # noqa: E402
from xpnet import backend  # noqa: E402
from xpnet.fused.cupy import ACCELERATOR, gather  # noqa: E402

M, N_X, N_Y, N_S = 23, 7, 3, 2
RANGES = [(0, 5), (5, 23), (22, 23), (20, 40)]

ON_HOST = """
extern "C" void gather(long long size, const {real}* X, const {real}* Y, const {real}* s,
                       const long long* order, long long m, long long start, long long count,
                       long long n_x, long long n_y, long long n_s, {real}* to_X, {real}* to_Y,
                       {real}* to_s) {{
    for (long long i = 0; i < size; ++i) {{ {operation} }}
}}
"""
FOR_NVRTC = """
extern "C" __global__ void gather(long long size, const {real}* X, const {real}* Y,
        const {real}* s, const long long* order, long long m, long long start, long long count,
        long long n_x, long long n_y, long long n_s, {real}* to_X, {real}* to_Y, {real}* to_s) {{
    const long long i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < size) {{ {operation} }}
}}
"""


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def data(rng, dtype):
    return tuple(rng.random((M, n)).astype(dtype) for n in (N_X, N_Y, N_S))


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def on_host(tmp_path, dtype):
    """The body in a loop, compiled for the processor."""
    if sys.platform != "linux" or shutil.which("g++") is None:
        pytest.skip("the body runs on the processor with g++ on Linux")
    real = {"float32": "float", "float64": "double"}[dtype]
    code, library = tmp_path / "gather.cpp", tmp_path / "gather.so"
    code.write_text(ON_HOST.format(real=real, operation=gather.OPERATION))
    flags = ["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library)]
    subprocess.run(["g++", str(code), *flags], check=True)
    return ctypes.CDLL(str(library)).gather


@pytest.mark.parametrize(("start", "stop"), RANGES[:3])
def test_the_body_gathers_all(on_host, data, rng, start, stop):
    order = rng.permutation(M)
    to = [np.full((stop - start, n), np.nan, data[0].dtype) for n in (N_X, N_Y, N_S)]
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*data, order, *to)]
    whole = map(ctypes.c_longlong, (M, start, stop - start, N_X, N_Y, N_S))
    size = ctypes.c_longlong((stop - start) * (N_X + N_Y + N_S))
    on_host(size, *pointers[:4], *whole, *pointers[4:])
    for got, array in zip(to, data, strict=True):
        np.testing.assert_array_equal(got, array[order[start:stop]])


@pytest.fixture  # of one test: others want what is in its place
def nvrtc():
    yield from (cupy.cuda.nvrtc for cupy in needs_real_cupy())


@pytest.mark.parametrize("architecture", ["sm_75", "sm_80", "sm_90", "sm_100"])
def test_nvrtc_compiles_the_body(nvrtc, architecture):
    code = FOR_NVRTC.format(real="float", operation=gather.OPERATION)
    program = nvrtc.createProgram(code, "gather.cu", (), ())
    nvrtc.compileProgram(program, (f"-arch={architecture}",))
    assert nvrtc.getCUBIN(program)


def test_the_kernel_is_made_of_the_body():
    kernel = gather._gather
    assert kernel.operation == gather.OPERATION
    names = [parameter.name for parameter in (*kernel.in_params, *kernel.out_params)]
    numbers = ["order", "m", "start", "count", "n_x", "n_y", "n_s"]
    assert names == ["X", "Y", "s", *numbers, "to_X", "to_Y", "to_s"]


@pytest.mark.parametrize(("start", "stop"), RANGES)
@pytest.mark.parametrize("which", [slice(1), slice(2), slice(3), "of two dtypes"], ids=str)
def test_on_a_device(data, rng, start, stop, which):
    arrays = (data[0], data[1].astype("float16")) if which == "of two dtypes" else data[which]
    order = rng.permutation(M)
    there = [cupy.asarray(array) for array in (*arrays, order)]
    columns = ACCELERATOR.gather(backend.gather)
    for got, array in zip(columns(there[:-1], there[-1], start, stop), arrays, strict=True):
        assert got.dtype == array.dtype
        np.testing.assert_array_equal(cupy.asnumpy(got), array[order[start:stop]].T)


@pytest.mark.parametrize("which", [slice(1), slice(2), slice(3)], ids=str)
def test_an_order_of_each_network(data, rng, which):
    arrays, orders = data[which], np.stack([rng.permutation(M) for _ in range(4)]).reshape(2, 2, M)
    there = [cupy.asarray(array) for array in (*arrays, orders)]
    columns = ACCELERATOR.gather(pytest.fail)(there[:-1], there[-1], 20, 40)
    for got, array in zip(columns, arrays, strict=True):
        expected = array[orders[..., 20:]].swapaxes(-1, -2)
        np.testing.assert_array_equal(cupy.asnumpy(got), expected)
