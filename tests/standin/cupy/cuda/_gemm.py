"""cuBLAS's product of matrices that lie by columns, at addresses, by NumPy."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

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

    @classmethod
    def of(cls, dtype: str, tf32: bool, *args: Any) -> Gemm:
        """That of the arguments behind the handle, of the strided form or of the plain one."""
        if len(args) == 13:
            *shape, A, lda, B, ldb, beta, C, ldc = args
            args = (*shape, A, lda, 0, B, ldb, 0, beta, C, ldc, 0, 1)
        return cls(dtype, tf32, *args)

    def is_valid(self) -> bool:
        """Whether cuBLAS takes sizes, distances and addresses; it reads the factors at once."""
        if not all((self.alpha, self.A, self.B, self.beta, self.C)):
            return False
        assert [at(address, self.dtype, 1)[0] for address in (self.alpha, self.beta)] == [1, 0]
        of_a, of_b = self.k if self.op_a else self.m, self.n if self.op_b else self.k
        distances = (self.lda, of_a), (self.ldb, of_b), (self.ldc, self.m)
        return min(self.m, self.n, self.k) >= 1 and all(ld >= least for ld, least in distances)

    def multiply(self) -> None:
        """Do it."""
        from cupy._core._routines_linalg import rounded

        # In C's order the factors change places: C' = op(B)' op(A)'.
        left = self._matrices(self.B, (self.n, self.k), self.op_b, self.ldb, self.stride_b)
        right = self._matrices(self.A, (self.k, self.m), self.op_a, self.lda, self.stride_a)
        if self.tf32 and self.dtype == "float32":
            left, right = rounded(left), rounded(right)
        to = self._matrices(self.C, (self.n, self.m), 0, self.ldc, self.stride_c)
        with np.errstate(all="ignore"):
            to[...] = np.matmul(left, right)

    def _matrices(
        self, address: int, shape: tuple[int, int], transposed: int, leading: int, stride: int
    ) -> np.ndarray:
        """Those of `shape` in C's order, which lie transposed or not; one without an axis."""
        rows, columns = shape[::-1] if transposed else shape
        size = (self.count - 1) * stride + (rows - 1) * leading + columns
        flat = at(address, self.dtype, size)
        strides = tuple(entries * flat.itemsize for entries in (stride, leading, 1))
        found = as_strided(flat, (self.count, rows, columns), strides)
        found = found.swapaxes(1, 2) if transposed else found
        return found if self.count > 1 else found[0]


def at(address: int, dtype: str, size: int) -> np.ndarray:
    """As many entries of the memory there."""
    size *= np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype)
