"""Product of a layer with many samples that have many zeros, as those of a prediction.

As in training runs, a row of Wᵀ is taken for each number of a sample that is not 0. ``dZ A_prevᵀ``
is such a product, too, of as many inputs, each a row in memory: they are its samples.
"""

from __future__ import annotations

import numpy as np

from xpnet.fused.numba.compilation.compiler import DTYPES
from xpnet.fused.numba.memory import aligned
from xpnet.fused.numba.products.blas import end_threads
from xpnet.fused.numba.products.matmul import SUMMED
from xpnet.fused.numba.products.transpose import transpose
from xpnet.fused.numba.products.zeros import (
    PAIR,
    WIDE,
    WORD,
    has_many_zeros,
    pays,
    product_without_zeros,
)
from xpnet.fused.numba.registers import registers_here
from xpnet.fused.numba.threads.alone import is_alone
from xpnet.fused.numba.threads.number import all_threads
from xpnet.fused.numba.threads.workers import on_workers
from xpnet.types import Array

LEAST = 1024
"""Samples from which on it pays to transpose W."""
AT_ONCE = 256
"""Samples whose sums stay in the cache."""


def are_many_with_zeros(W: Array, X: Array) -> bool:
    """Whether to leave zeros out of ``W X``; samples are columns that lie one by one.

    Where a number of W is not finite, zeros times it are NaN, and are not left out.
    """
    return (
        W.ndim == X.ndim == 2
        and X.shape[1] >= LEAST
        and pays(*W.shape)
        and W.dtype == X.dtype
        and W.dtype in DTYPES
        and X.flags.f_contiguous
        and has_many_zeros(X.T)
        and bool(np.isfinite(W).all())
    )


def product_of_samples(W: Array, X: Array, to_Z: Array) -> None:
    """``Z = W X``, by as many threads as there are where no other one may compute.

    Parameters
    ----------
    W : array, shape (n, n_in)
    X : array, shape (n_in, m)
        Whose columns are contiguous.
    to_Z : array, shape (n, m)
    """
    n, lanes = len(W), registers_here().size // W.itemsize
    for strip in range(0, n, WIDE * lanes):
        rows = slice(strip, min(strip + WIDE * lanes, n))
        _product_of_strip(W[rows], X, to_Z[rows], PAIR * lanes)


def _product_of_strip(W: Array, X: Array, to_Z: Array, pair: int) -> None:
    """The same for so many rows of W as sums fit into registers."""
    (n, n_in), m, size = W.shape, X.shape[1], W.itemsize
    width = -(-n // pair) * pair
    Wt, like = aligned(n_in * width, W.dtype), np.empty(0, W.dtype)
    Wt.reshape(n_in, width)[:, :n] = W.T
    places = X.ctypes.data, Wt.ctypes.data, to_Z.ctypes.data

    def make(worker: int, workers: int, arrivals: int) -> None:
        of_X, of_Wt, of_Z = places
        sums = aligned(2 * AT_ONCE * width, W.dtype)
        room = sums.ctypes.data, sums[AT_ONCE * width :].ctypes.data
        for begin in range(worker * AT_ONCE, m, workers * AT_ONCE):
            k, rows = min(AT_ONCE, m - begin), of_X + begin * n_in * size
            product_without_zeros(rows, n_in, WORD, of_Wt, n_in, SUMMED, *room, k, width, like)
            transpose(room[0], width, of_Z + begin * size, m, k, n, like)

    workers = all_threads() if is_alone() else 1
    if workers > 1:
        end_threads()  # which would keep their cores
    on_workers(workers, make)
