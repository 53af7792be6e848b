"""cuBLAS's product of matrices that lie by columns, at addresses, by NumPy."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided


class Gemm(NamedTuple):
    """``C = op(A) op(B)`` of each of `count` matrices: arguments of ``gemmStridedBatched``."""

    dtype: str
    tf32: bool
    op_a: int
    op_b: int
    m: int
    n: int
    k: int
    alpha: int
    A: int
    lda: int
    stride_a: int
    B: int
    ldb: int
    stride_b: int
    beta: int
    C: int
    ldc: int
    stride_c: int
    count: int


def multiplied(p: Gemm) -> None:
    """Do it.

    Raises
    ------
    RuntimeError
        For what cuBLAS takes no matrix to be: columns that overlap, a null address.
    """
    from cupy._core._routines_linalg import rounded

    leads = ((p.k if p.op_a else p.m, p.lda), (p.n if p.op_b else p.k, p.ldb), (p.m, p.ldc))
    if min(p.m, p.n, p.k) < 1 or any(lead < least for least, lead in leads):
        raise RuntimeError("CUBLAS_STATUS_INVALID_VALUE")
    assert [_array(address, p.dtype, 1)[0] for address in (p.alpha, p.beta)] == [1, 0]
    # In C's order the factors change places: C' = op(B)' op(A)'.
    left = _matrices(p, p.B, (p.n, p.k), p.op_b, p.ldb, p.stride_b)
    right = _matrices(p, p.A, (p.k, p.m), p.op_a, p.lda, p.stride_a)
    if p.tf32 and p.dtype == "float32":
        left, right = rounded(left), rounded(right)
    to = _matrices(p, p.C, (p.n, p.m), 0, p.ldc, p.stride_c)
    with np.errstate(all="ignore"):
        to[...] = np.matmul(left, right)


def _matrices(
    p: Gemm, address: int, shape: tuple[int, int], transposed: int, leading: int, stride: int
) -> np.ndarray:
    """The matrices of `shape` in C's order, which lie transposed or not; one without an axis."""
    rows, columns = shape[::-1] if transposed else shape
    flat = _array(address, p.dtype, (p.count - 1) * stride + (rows - 1) * leading + columns)
    strides = tuple(entries * flat.itemsize for entries in (stride, leading, 1))
    found = as_strided(flat, (p.count, rows, columns), strides)
    found = found.swapaxes(1, 2) if transposed else found
    return found if p.count > 1 else found[0]


def _array(address: int, dtype: str, size: int) -> np.ndarray:
    if not address:
        raise RuntimeError("CUBLAS_STATUS_INVALID_VALUE")
    size *= np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype)
