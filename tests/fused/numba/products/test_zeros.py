"""Matrix product that skips zeros."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from tests.fused.numba.products.test_matmul import TOLERANCE
from tests.fused.numba.products.test_matmul import product as dense_product
from xpnet.fused.numba.products.zeros import WORD, product_without_zeros
from xpnet.fused.numba.registers import registers_here

MOST = 2 * WORD
REGISTERS = [2, 4, 6, 8]
SIZE = registers_here().size  # bytes, and as many float32 fill four


def with_zeros(shape, share, dtype, rng):
    """Numbers of which so large a share is not 0."""
    return np.where(rng.random(shape) < share, rng.standard_normal(shape), 0).astype(dtype)


def product(A, B, most=MOST):
    """``A B`` of contiguous matrices."""
    (n, k), width = A.shape, B.shape[1]
    C, further = np.full((2, n, width), np.nan, A.dtype)
    places = B.ctypes.data, k, most, C.ctypes.data, further.ctypes.data
    product_without_zeros(A.ctypes.data, k, WORD, *places, n, width, np.empty(0, A.dtype))
    return C


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("k", [1, 63, 64, 65, 130, 300])
@pytest.mark.parametrize("registers", REGISTERS)
def test_products(registers, k, share, dtype, rng):
    width = registers * SIZE // np.dtype(dtype).itemsize
    A, B = with_zeros((5, k), share, dtype, rng), rng.random((k, width)).astype(dtype)
    exact = A.astype(np.longdouble) @ B
    bound = TOLERANCE[dtype] * (abs(A).astype(np.longdouble) @ B + 1e-30)
    assert (abs(product(A, B) - exact) <= bound).all()


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("k", [50, MOST, MOST + 1, 3 * MOST + 7])
def test_the_bits_of_the_dense_product(k, dtype, rng):
    A = with_zeros((9, k), 0.3, dtype, rng)
    B = rng.standard_normal((k, SIZE)).astype(dtype)
    expected = np.empty((9, SIZE), dtype)
    for start in range(0, k, MOST):
        part = slice(start, start + MOST)
        dense_product(A[:, part], B[part], expected, min(start, 1))
    np.testing.assert_array_equal(product(A, B), expected)


def test_what_is_not_a_number_is_not_skipped():
    A = np.zeros((2, 70), "float32")
    A[1, 66] = np.nan
    C = product(A, np.ones((70, SIZE), "float32"))
    assert (C[0] == 0).all()
    assert np.isnan(C[1]).all()


def test_words_may_lie_apart(rng):
    """A of which each 64 columns lie in memory by themselves."""
    A, B = with_zeros((7, 3 * WORD), 0.3, "float32", rng), rng.random((3 * WORD, SIZE), "float32")
    words = np.ascontiguousarray(A.reshape(7, 3, WORD).swapaxes(0, 1))
    C, further = np.empty((2, 7, SIZE), "float32")
    places = B.ctypes.data, 3 * WORD, MOST, C.ctypes.data, further.ctypes.data
    product_without_zeros(words.ctypes.data, WORD, 7 * WORD, *places, 7, SIZE, C[0, :0].copy())
    np.testing.assert_array_equal(C, product(A, B))


OTHERS = """
import sys
import numpy as np
from tests.fused.numba.products.test_zeros import product, with_zeros
rng = np.random.default_rng(0)
for dtype in ("float32", "float64"):
    for registers in (2, 4, 6, 8):
        A = with_zeros((5, 150), 0.3, dtype, rng)
        B = rng.random((150, registers * int(sys.argv[1]) // A.itemsize)).astype(dtype)
        np.testing.assert_allclose(product(A, B), A @ B, rtol=1e-4, atol=1e-5)
"""


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="compiles for other x86-64 processors"
)
@pytest.mark.parametrize(
    ("name", "features", "size"),
    [("generic", "", 16), ("haswell", "+avx,+avx2,+fma", 32)],
    ids=["sixteen bytes", "thirty-two bytes"],
)
def test_other_registers(name, features, size, tmp_path):
    chosen = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
    chosen["NUMBA_CACHE_DIR"] = str(tmp_path)
    command = [sys.executable, "-c", OTHERS, str(size)]
    subprocess.run(command, check=True, env={**os.environ, **chosen})
