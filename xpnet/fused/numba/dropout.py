"""Dropout for compiled loops: the masks of `xpnet.kernels.dropout`, applied as they are found."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import numpy as np

from xpnet.fused.numba.compilation.address import address_of
from xpnet.fused.numba.compilation.compiler import compiled_inner
from xpnet.kernels import Dropout
from xpnet.types import Array

G, M = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B)

Masks: TypeAlias = tuple[int, int, int, float, int, int]

KEPT, DROP, DIVIDE = 3, 4, 5  # of `Masks`


@compiled_inner
def drop(A: Array, row: int, rows: int, masks: Masks) -> None:
    """In place: ``a ← a · mask``.

    Parameters
    ----------
    A : array, shape (n, m)
    row, rows : int
        The number of its first unit among all hidden units, and how many these are.
    masks : tuple
        Of `masks_of`.
    """
    n, m = A.shape
    k, other_k = np.uint32(masks[0]), np.uint32(masks[1])
    kept, zero = A.dtype.type(masks[3]), A.dtype.type(0)
    for i in range(n):
        unit = np.uint32(np.uint32(np.uint32(row + i) + k) * G) ^ other_k
        for j in range(m):
            x = np.uint32(np.uint32(np.uint32(rows + j) + k) * G)
            x = np.uint32(np.uint32(x ^ unit) * G)
            x = np.uint32(np.uint32(x ^ (x >> np.uint32(16))) * M)
            A[i, j] *= kept if np.int32(x) >= masks[2] else zero


@compiled_inner
def divide(A: Array, number: float) -> None:
    """In place: ``a ← a / number``, as it was before dropout where it is not 0."""
    n, m = A.shape
    number = A.dtype.type(number)
    for i in range(n):
        for j in range(m):
            A[i, j] /= number


def masks_of(dropout: Dropout | None, dtype: Any) -> Masks:
    """The keys k and k', `least`, `kept`, and the addresses of both loops; 0 without dropout."""
    if dropout is None:
        return 0, 0, 0, 0.0, 0, 0
    return *dropout.keys, dropout.least, dropout.kept, *_loops(dtype)


@cache
def _loops(dtype: Any) -> tuple[int, int]:
    A, masks = np.empty((1, 1), dtype), masks_of(None, dtype)
    return address_of(drop, A, 0, 0, masks), address_of(divide, A, 0.0)
