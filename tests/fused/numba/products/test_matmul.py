"""Matrix product and transposed matrix in registers."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from xpnet.fused.numba.products.matmul import matmul
from xpnet.fused.numba.products.transpose import transpose

SHAPES = [(1, 1, 1), (12, 32, 5), (13, 33, 7), (6, 16, 64), (25, 10, 300), (3, 70, 2), (40, 7, 9)]
SHAPES += [(14, 16, 3), (25, 8, 3)]  # one register a row, and more rows than a tile has
SHAPES += [(1, 64, 5), (2, 150, 3), (10, 70, 40), (17, 67, 2)]  # one row or two are left
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}


def within(matrix, dtype):
    """A copy amid other numbers, and all of them."""
    n, m = matrix.shape
    surroundings = np.full((n + 2, m + 3), 7.0, dtype)
    surroundings[1:-1, 1:-2] = matrix
    return surroundings[1:-1, 1:-2], surroundings


def product(A, B, C, adds, is_transposed=False):
    """``C ← A B`` or ``C + A B``, of matrices that lie in memory as they are, or A across."""
    (n, m), (k, _) = C.shape, B.shape
    row, column, row_B, row_C = (
        *(stride // A.itemsize for stride in (A.strides[::-1] if is_transposed else A.strides)),
        *(matrix.strides[0] // A.itemsize for matrix in (B, C)),
    )
    places = A.ctypes.data, row, column, B.ctypes.data, row_B
    matmul(*places, k, adds, C.ctypes.data, row_C, n, m, np.empty(0, A.dtype))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("adds", [0, 1])
@pytest.mark.parametrize("is_transposed", [False, True])
@pytest.mark.parametrize(("n", "m", "k"), SHAPES)
def test_products(n, m, k, is_transposed, adds, dtype, rng):
    A = rng.random((k, n) if is_transposed else (n, k)).astype(dtype)
    (B, _), (C, surroundings) = within(rng.random((k, m)), dtype), within(rng.random((n, m)), dtype)
    expected = (A.T if is_transposed else A).astype(float) @ B + adds * C.astype(float)
    product(A, B, C, adds, is_transposed)
    np.testing.assert_allclose(C, expected, rtol=TOLERANCE[dtype])
    C[:] = 7
    assert (surroundings == 7).all()


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_part_of_a_product_has_the_bits_of_the_whole(dtype, rng):
    """Any rows, and any columns."""
    A, B = rng.random((41, 90)).astype(dtype), rng.random((90, 75)).astype(dtype)
    whole, parts = np.empty((2, 41, 75), dtype)
    product(A, B, whole, 0)
    for i in (slice(0, 7), slice(7, 41)):
        for j in (slice(0, 50), slice(50, 75)):
            product(A[i], B[:, j], parts[i, j], 0)
    np.testing.assert_array_equal(parts, whole)


def test_numbers_beside_a_matrix_do_not_enter_its_product(rng):
    """Not even a NaN: what lies there belongs to others."""
    B, surroundings = within(rng.random((9, 20)), "float32")
    expected = np.ones((5, 9), "float32") @ B
    surroundings[:, 0] = surroundings[:, -2:] = surroundings[0] = surroundings[-1] = np.nan
    C = np.empty((5, 20), "float32")
    product(np.ones((5, 9), "float32"), B, C, 0)
    np.testing.assert_allclose(C, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("n", "m"), [(1, 1), (16, 16), (17, 40), (5, 100), (64, 3)])
def test_transposed(n, m, dtype, rng):
    A = rng.random((n, m)).astype(dtype)
    B, surroundings = within(np.zeros((m, n)), dtype)
    row = B.strides[0] // B.itemsize
    transpose(A.ctypes.data, m, B.ctypes.data, row, n, m, np.empty(0, dtype))
    np.testing.assert_array_equal(B, A.T)
    B[:] = 7
    assert (surroundings == 7).all()


OTHERS = """
import numpy as np
from xpnet.fused.numba.products.matmul import matmul
from xpnet.fused.numba.products.transpose import transpose
rng = np.random.default_rng(0)
A, B = (rng.random(shape, "float32") for shape in ((25, 30), (30, 37)))
C, across, like = np.empty((25, 37), "float32"), np.empty((37, 25), "float32"), A[:0, 0].copy()
places = [array.ctypes.data for array in (A, B, C, across)]
matmul(places[0], 30, 1, places[1], 37, 30, 0, places[2], 37, 25, 37, like)
transpose(places[2], 37, places[3], 25, 25, 37, like)
np.testing.assert_allclose(C, A @ B, rtol=1e-5)
np.testing.assert_array_equal(across, C.T)
"""


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="compiles for other x86-64 processors"
)
@pytest.mark.parametrize(
    ("name", "features"),
    [("generic", ""), ("haswell", "+avx,+avx2,+fma")],
    ids=["sixteen bytes", "thirty-two bytes"],
)
def test_other_registers(name, features, tmp_path):
    chosen = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
    chosen["NUMBA_CACHE_DIR"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", OTHERS], check=True, env={**os.environ, **chosen})


AT_THE_END = """
import ctypes, mmap
import numpy as np
from xpnet.fused.numba.gather import gather
from xpnet.fused.numba.products.matmul import matmul
from xpnet.fused.numba.products.sparse import row_products
from xpnet.fused.numba.products.transpose import transpose

PAGE, kept = mmap.PAGESIZE, []

def last(array):
    pages = mmap.mmap(-1, 5 * PAGE)
    kept.append(pages)
    whole = np.frombuffer(pages, np.uint8)
    closed = ctypes.c_void_p(whole.ctypes.data + 4 * PAGE)
    assert ctypes.CDLL(None).mprotect(closed, PAGE, 0) == 0
    found = whole[: 4 * PAGE][-array.nbytes :].view(array.dtype).reshape(array.shape)
    found[:] = array
    return found

rng = np.random.default_rng(0)
for dtype in ("float32", "float64"):
    for n, k, m in ((3, 4, 5), (14, 3, 17), (1, 9, 40)):
        A, B, C = (last(rng.random(shape).astype(dtype)) for shape in ((n, k), (k, m), (n, m)))
        across, expected = last(np.empty((m, n), dtype)), C + A @ B
        a, b, c, to = (array.ctypes.data for array in (A, B, C, across))
        like = np.empty(0, dtype)
        matmul(a, k, 1, b, m, k, 1, c, m, n, m, like)
        np.testing.assert_allclose(C, expected, rtol=1e-5)
        transpose(c, m, to, n, n, m, like)
        np.testing.assert_array_equal(across, C.T)
        order, found = last(np.arange(n)), np.empty((n, k), dtype)
        gather(A, order, 0, found)
        np.testing.assert_array_equal(found, A)
        columns, found = last(np.arange(n)), np.empty((1, m), dtype)
        row_products(last(A[:, 0].copy()), columns, np.array([0, n]), C, None, 0.0, found)
        np.testing.assert_allclose(found[0], A[:, 0] @ C, rtol=1e-5)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="closes a page as Linux does")
def test_memory_behind_what_is_given_is_not_read():
    """It may be nobody's, and to read there would end the process."""
    subprocess.run([sys.executable, "-c", AT_THE_END], check=True)
