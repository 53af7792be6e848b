"""First layer's products without the zeros of its samples.

They take rows of Wᵀ and of dZ, so W is kept transposed as well, and dW is made transposed. Columns
of both come in strips as wide as the registers that sums are in, each by itself in memory: rows of
a strip follow one another and fill the cache evenly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.fused.numba.compilation.address import call
from xpnet.fused.numba.compilation.compiler import compiled_inner
from xpnet.fused.numba.compilation.views import address_at, array_at
from xpnet.fused.numba.gather import CACHE_LINE
from xpnet.fused.numba.matmul import register_size
from xpnet.fused.numba.network.gradients import MOST, SUMMED
from xpnet.fused.numba.zeros import PAIR, WIDE, WORD
from xpnet.types import Array

PRODUCT, TRANSPOSE, TURN, FORWARD, GRADIENTS = range(5)  # of `loops`

LEAST, MOST_NUMBERS = 32, 2**23
"""Samples of a batch from which on it pays to keep Wᵀ; numbers of a batch of which there may be a
second copy."""
WEIGHTS = 2**13
"""Weights from which on it pays to look for zeros."""
FEW = 0.4
"""Share of numbers that are not 0 up to which they are few: each takes twice as long by itself."""
LOOKED_AT = 64
"""Samples that are looked at."""


def pays(n_in: int, n: int, size: int) -> bool:
    """Whether a layer of n units may gain, with batches of a size, if samples have many zeros."""
    return size >= LEAST and size * n_in <= MOST_NUMBERS and n * n_in >= WEIGHTS


def has_many_zeros(X: Array) -> bool:
    """Whether numbers that are not 0 are few in samples (m, n_in); some from all parts tell."""
    are = X[:: len(X) // LOOKED_AT + 1] != 0
    return bool(np.count_nonzero(are) <= FEW * are.size)


def room_of(n_in: int, n: int, size: int, dtype: Any) -> dict[str, int]:
    """Numbers of Wᵀ and of the room of a worker, as a row has them, with the longest registers."""
    lanes = CACHE_LINE // dtype.itemsize
    width = -(-n // (PAIR * lanes)) * PAIR * lanes
    return {"of_strips": n_in * width, "of_sums": (2 * WORD + size) * min(width, WIDE * lanes)}


@compiled_inner
def turn(loops: Array, W: Array, first: int, n_out: int, to_Wt: int) -> None:
    """Some rows of W, from `first` on, as columns of Wᵀ.

    Parameters
    ----------
    loops : array of int, shape (5,)
        The addresses of `product_without_zeros`, `transpose` and the functions of this file.
    W : array, shape (n, n_in)
    first, n_out : int
        The number of the first row, and of all rows of W.
    to_Wt : int
        The address of the strips.
    """
    n, n_in = W.shape
    size = W.itemsize
    lanes = register_size(W) // size
    i = 0
    while i < n:
        strip = (first + i) // (WIDE * lanes) * (WIDE * lanes)
        width = _width(n_out - strip, lanes)
        rows = strip + width - first - i
        rows = rows if rows < n - i else n - i
        to = to_Wt + (strip * n_in + first + i - strip) * size
        call(loops[TRANSPOSE], address_at(W, i * n_in), n_in, to, width, rows, n_in, W)
        i += rows


@compiled_inner
def forward(loops: Array, X: Array, Wt: int, room: int, to_Z: Array) -> None:
    """``Z = W X`` of a block of samples.

    Parameters
    ----------
    loops : array of int, shape (5,)
    X : array, shape (m, n_in)
        Samples as rows.
    Wt, room : int
        The addresses of the strips, and of room for two of `WORD` rows.
    to_Z : array, shape (n, m)
    """
    (m, n_in), n, size = X.shape, to_Z.shape[0], X.itemsize
    lanes = register_size(X) // size
    for strip in range(0, n, WIDE * lanes):
        columns = WIDE * lanes if WIDE * lanes < n - strip else n - strip
        width = _width(columns, lanes)
        of_Wt = Wt + strip * n_in * size, n_in, SUMMED
        sums = room, room + WORD * width * size, m, width
        call(loops[PRODUCT], address_at(X, 0), n_in, WORD, *of_Wt, *sums, X)
        call(loops[TRANSPOSE], room, width, address_at(to_Z, strip * m), m, m, columns, X)


@compiled_inner
def gradients(
    loops: Array, Xt: int, m: int, dZ: int, row: int, room: int, to_dW: Array
) -> None:
    """Some rows of ``dW = dZ Xᵀ``, of all samples of a batch.

    Parameters
    ----------
    loops : array of int, shape (5,)
    Xt : int
        The address of the samples as columns, `WORD` of them after another.
    m : int
        How many there are.
    dZ, row : int
        The address of those rows of dZ, with samples as rows, and numbers from one to the next.
    room : int
        The address of room for two strips of `WORD` rows and one of m rows.
    to_dW : array, shape (n, n_in)
    """
    (n, n_in), size = to_dW.shape, to_dW.itemsize
    lanes = register_size(to_dW) // size
    for strip in range(0, n, WIDE * lanes):
        columns = WIDE * lanes if WIDE * lanes < n - strip else n - strip
        width = _width(columns, lanes)
        sums = room, room + WORD * width * size
        of_dZ = room + 2 * WORD * width * size
        for i in range(m):
            values = array_at(dZ + (i * row + strip) * size, to_dW, columns)
            to = array_at(of_dZ + i * width * size, to_dW, columns)
            for j in range(columns):
                to[j] = values[j]
        for first in range(0, n_in, WORD):
            rows = WORD if WORD < n_in - first else n_in - first
            of_X = Xt + first * WORD * size, WORD, n_in * WORD
            call(loops[PRODUCT], *of_X, of_dZ, m, MOST, *sums, rows, width, to_dW)
            to_columns = address_at(to_dW, strip * n_in + first)
            call(loops[TRANSPOSE], room, width, to_columns, n_in, rows, columns, to_dW)


@compiled_inner
def _width(columns: int, lanes: int) -> int:
    """Numbers from one row of a strip to the next, of so many columns or more."""
    whole = (columns + PAIR * lanes - 1) // (PAIR * lanes) * PAIR * lanes
    return whole if whole < WIDE * lanes else WIDE * lanes
