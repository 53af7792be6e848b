"""Dropout for compiled loops: the masks of `xpnet.kernels.dropout`, applied as they are found."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from xpnet.fused.numba.compiler import compiled
from xpnet.kernels import Dropout
from xpnet.types import Array

G, M = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B)

Masks: TypeAlias = tuple[int, int, int, float]


def masks_of(dropout: Dropout | None) -> Masks:
    """The keys k and k', then `least` and `kept`, which is 0 of a step without dropout."""
    return (*dropout.keys, dropout.least, dropout.kept) if dropout else (0, 0, 0, 0.0)


@compiled
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


@compiled
def divide(A: Array, number: float) -> None:
    """In place: ``a ← a / number``, as it was before dropout where it is not 0."""
    n, m = A.shape
    number = A.dtype.type(number)
    for i in range(n):
        for j in range(m):
            A[i, j] /= number
