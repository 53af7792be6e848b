"""Dropout for compiled loops: the masks of `xpnet.kernels.dropout`, applied as they are found."""

from __future__ import annotations

import numpy as np

from xpnet.fused.numba.compiler import compiled
from xpnet.types import Array

G, M = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B)

NONE = (0, 0, 0, 0.0)
"""Of a step without dropout: what its masks hold is 0."""


@compiled
def drop(A: Array, row: int, rows: int, dropout: tuple[int, int, int, float]) -> None:
    """In place: ``a ← a · mask``.

    Parameters
    ----------
    A : array, shape (n, m)
    row, rows : int
        The number of its first unit among all hidden units, and how many these are.
    dropout : tuple
        k and k', `least` and `kept`.
    """
    n, m = A.shape
    k, other_k = np.uint32(dropout[0]), np.uint32(dropout[1])
    kept, zero = A.dtype.type(dropout[3]), A.dtype.type(0)
    for i in range(n):
        unit = np.uint32(np.uint32(np.uint32(row + i) + k) * G) ^ other_k
        for j in range(m):
            x = np.uint32(np.uint32(np.uint32(rows + j) + k) * G)
            x = np.uint32(np.uint32(x ^ unit) * G)
            x = np.uint32(np.uint32(x ^ (x >> np.uint32(16))) * M)
            A[i, j] *= kept if np.int32(x) >= dropout[2] else zero


@compiled
def divide(A: Array, number: float) -> None:
    """In place: ``a ← a / number``, as it was before dropout where it is not 0."""
    n, m = A.shape
    number = A.dtype.type(number)
    for i in range(n):
        for j in range(m):
            A[i, j] /= number
