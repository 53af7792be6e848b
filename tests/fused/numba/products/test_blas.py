"""NumPy's matrix product, called from compiled code."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from xpnet.fused.numba.products import blas

pytestmark = pytest.mark.skipif(
    blas.routine(np.dtype("float32")) is None, reason="NumPy was built with another BLAS"
)


OPENBLAS = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["version"]
# 0.3.28, begun with one thread, crashes with three in `A @ B` itself; xpnet only lowers the number.
NUMBERS = (1, 2) if OPENBLAS.startswith("0.3.28") else (1, 2, 3)

# cblas_sgemm: order, two transpositions; m, n, k; α, A, lda, B, ldb; β, C, ldc.
ROUTINE = ctypes.CFUNCTYPE(
    None,
    *(*[ctypes.c_int] * 3, *[ctypes.c_int64] * 3),
    *(ctypes.c_float, *[ctypes.c_void_p, ctypes.c_int64] * 2),
    *(ctypes.c_float, ctypes.c_void_p, ctypes.c_int64),
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("n", "k", "m"),
    [
        *((1, 1, 1), (1, 7, 3), (5, 1, 4), (3, 4, 1), (33, 65, 17)),
        (3, 257, 5),  # a sum of two parts
        (65, 300, 40),  # and pieces of rows
        (1, 513, 300_000 // 513),
        (65, 784, 33),  # too large for pieces
    ],
    ids=str,
)
@pytest.mark.parametrize("turn_A", [False, True])
@pytest.mark.parametrize("turn_B", [False, True])
def test_it_is_the_product(dtype, n, k, m, turn_A, turn_B, rng):
    A = rng.normal(size=(k, n) if turn_A else (n, k)).astype(dtype)
    B = rng.normal(size=(m, k) if turn_B else (k, m)).astype(dtype)
    C = np.full((n, m), np.nan, dtype)
    op_A, op_B = (blas.TRANSPOSED if turn else blas.AS_IT_IS for turn in (turn_A, turn_B))
    blas.product(blas.routine(C.dtype), A, op_A, B, op_B, C)
    expected = (A.T if turn_A else A).astype(float) @ (B.T if turn_B else B).astype(float)
    bound = (1e-6 if dtype == "float32" else 1e-14) * k
    np.testing.assert_allclose(C, expected, rtol=1e-5 if dtype == "float32" else 1e-12, atol=bound)


@pytest.mark.parametrize("k", [1, 256, 300, 512, 513, 784, 1025])
def test_sums_are_divided_so_that_a_kernel_divides_them_in_one_way(k):
    """None longer than 256, or two equal halves of whole 32 that no kernel rounds."""
    asked = []
    noted = ROUTINE(lambda *args: asked.append(args[5]))
    A, B, C = (np.zeros(shape, "float32") for shape in ((2, k), (k, 3), (2, 3)))
    address = ctypes.cast(noted, ctypes.c_void_p).value
    blas.product(address, A, blas.AS_IT_IS, B, blas.AS_IT_IS, C)
    assert sum(asked) == k
    assert all(part <= 256 or (part <= 512 and part % 64 == 0) for part in asked)


@pytest.mark.parametrize("turn_A", [False, True])
@pytest.mark.parametrize(("n", "k", "m"), [(128, 784, 128), (257, 513, 33), (10, 1025, 300)])
def test_in_single_precision_it_is_the_same_of_any_number_of_threads(n, k, m, turn_A, rng):
    """Where a kernel gives the same of sums that it does not divide: that for AVX2 does not."""
    A, B = rng.random((k, n) if turn_A else (n, k), "float32"), rng.random((k, m), "float32")
    short = A[:256].copy() if turn_A else A[:, :256].copy()
    undivided = of_each_number(short, B[:256], turn_A)
    found = of_each_number(A, B, turn_A)
    if all((other == undivided[0]).all() for other in undivided):
        for other in found[1:]:
            np.testing.assert_array_equal(other, found[0])
    expected = (A.T if turn_A else A).astype(float) @ B.astype(float)
    for each in found:
        np.testing.assert_allclose(each, expected, rtol=1e-5)


def of_each_number(A, B, turn_A):
    """Products by each number of threads."""
    op_A = blas.TRANSPOSED if turn_A else blas.AS_IT_IS
    get, set_ = blas.number_of_threads()
    before, found = get(), []
    try:
        for threads in NUMBERS:
            set_(threads)
            assert get() == threads
            found.append(np.full((A.shape[turn_A], B.shape[1]), np.nan, "float32"))
            blas.product(blas.routine(B.dtype), A, op_A, B, blas.AS_IT_IS, found[-1])
    finally:
        set_(before)
    return found


@pytest.mark.parametrize("order", ["C", "F"])
def test_matrices_of_either_order_and_no_others(order, rng):
    A, B, C = rng.normal(size=(5, 9)), rng.normal(size=(9, 4)), np.empty((5, 4))
    A = np.asarray(A, order=order)
    assert blas.multiply(A, B, C) is None
    np.testing.assert_allclose(C, A @ B, rtol=1e-12)
    assert blas.multiply(A, rng.normal(size=(9, 8))[:, ::2], C) is NotImplemented
    A.flags.writeable = False  # of another type to numba
    assert blas.multiply(A, B, C) is NotImplemented


def test_another_build_of_numpy_has_none(monkeypatch):
    monkeypatch.setattr(blas, "ROUTINES", {"float32": "no_such_product"})
    assert blas.routine.__wrapped__(np.dtype("float32")) is None
