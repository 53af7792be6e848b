"""Products of matrices at addresses, as cuBLAS's gemm and its strided, batched form make them.

Matrices lie by columns, one column `ld` entries behind the other (documentation of cublas<t>gemm).
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cupy._core._routines_linalg import rounded


class Product(NamedTuple):
    """The arguments of a gemm behind the handle; those of the strided form where it is plain."""

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
    stride_c: int = 0
    count: int = 1

    @classmethod
    def plain(cls, *args: int) -> Product:
        """That of ``(op_a, op_b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc)``."""
        *shape, A, lda, B, ldb, beta, C, ldc = args
        return cls(*shape, A, lda, 0, B, ldb, 0, beta, C, ldc)

    def is_valid(self, dtype: str) -> bool:
        """Whether sizes and distances are ones that cuBLAS takes; reads the factors, as it does."""
        factors = [at(address, dtype, 1)[0] for address in (self.alpha, self.beta)]
        assert factors == [1, 0], "the stand-in neither scales nor adds"
        of_a, of_b = self.k if self.op_a else self.m, self.n if self.op_b else self.k
        distances = (self.lda, of_a), (self.ldb, of_b), (self.ldc, self.m)
        return min(self.m, self.n, self.k) >= 0 and all(ld >= max(1, n) for ld, n in distances)

    def multiply(self, dtype: str, tf32: bool) -> None:
        """``C = op(A) op(B)``."""
        m, n, k = self.m, self.n, self.k
        # By rows, a matrix that lies by columns is its transpose: C' = op(B)' op(A)'.
        left = self._matrices(dtype, self.B, (n, k), self.op_b, self.ldb, self.stride_b)
        right = self._matrices(dtype, self.A, (k, m), self.op_a, self.lda, self.stride_a)
        if tf32 and dtype == "float32":
            left, right = rounded(left), rounded(right)
        to = self._matrices(dtype, self.C, (n, m), 0, self.ldc, self.stride_c)
        with np.errstate(all="ignore"):
            to[...] = np.matmul(left, right)

    def _matrices(
        self, dtype: str, address: int, shape: tuple[int, int], op: int, ld: int, stride: int
    ) -> np.ndarray:
        """Those of `shape` by rows, which lie transposed where `op` is not 0."""
        rows, columns = shape[::-1] if op else shape
        flat = at(address, dtype, (self.count - 1) * stride + (rows - 1) * ld + columns)
        strides = tuple(step * flat.itemsize for step in (stride, ld, 1))
        found = as_strided(flat, (self.count, rows, columns), strides)
        found = found.swapaxes(1, 2) if op else found
        return found if self.count > 1 else found[0]


def at(address: int, dtype: str, size: int) -> np.ndarray:
    """As many entries of the memory there."""
    size *= np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype)
