"""First layer's products without the zeros of its samples.

They take rows of Wᵀ and of dZ, so W is kept transposed as well, and dW is made transposed. Columns
of both come in strips as wide as the registers that sums are in, each by itself in memory: rows of
a strip follow one another and fill the cache evenly.

Once a training has overflowed, infinite weights or differences times 0 are not the NaN that they
are elsewhere, but nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.fused.numba.compilation.address import call
from xpnet.fused.numba.compilation.compiler import compiled, compiled_inner
from xpnet.fused.numba.compilation.rows import address_of_row
from xpnet.fused.numba.compilation.views import address_at, array_at
from xpnet.fused.numba.matmul import SUMMED, register_size
from xpnet.fused.numba.memory import CACHE_LINE
from xpnet.fused.numba.network.gradients import DECAY, MOST, TRANSPOSE
from xpnet.fused.numba.network.loop import row_at
from xpnet.fused.numba.network.places import N_OUT, WEIGHTS, A, Z, rows_of
from xpnet.fused.numba.zeros import PAIR, WIDE, WORD
from xpnet.types import Array

LEAST_SAMPLES = 32
"""Samples of a batch from which on it pays to keep Wᵀ."""
MOST_NUMBERS = 2**23
"""Numbers of a batch of which there may be a second copy."""


def room_of(n_in: int, n: int, size: int, dtype: Any) -> dict[str, int]:
    """Numbers of Wᵀ and of the room of a worker, as a row has them, with the longest registers."""
    lanes = CACHE_LINE // dtype.itemsize
    width = -(-n // (PAIR * lanes)) * PAIR * lanes
    return {"of_strips": n_in * width, "of_sums": (2 * WORD + size) * min(width, WIDE * lanes)}


@compiled
def turn_all(rows: int, networks: int, like: Array) -> None:
    """Wᵀ of each of the networks that a table has, before their first step."""
    for k in range(networks):
        row = row_at(rows, k)
        n_out = array_at(row.layout, np.int64, 1, 4)[0, N_OUT]
        call(row.turn, address_of_row(row), 0, n_out, like)


@compiled_inner
def turn(address: int, first: int, n: int, like: Array) -> None:
    """So many rows of W, from `first` on, as columns of Wᵀ.

    Parameters
    ----------
    address : int
        Of the network's row of the table.
    first, n : int
    like : array
        Of the dtype of the network.
    """
    row, size = row_at(address, 0), like.itemsize
    transpose = array_at(row.loops, np.int64, DECAY + 1)[TRANSPOSE]
    layout = array_at(row.layout, np.int64, 1, 4)
    lanes = register_size(like) // size
    W = row.theta + layout[0, WEIGHTS] * size
    i = first
    while i < first + n:
        strip = i // (WIDE * lanes) * (WIDE * lanes)
        width = width_of(layout[0, N_OUT] - strip, lanes)
        rows = min(strip + width, first + n) - i
        to = row.strips + (strip * row.n_x + i - strip) * size
        call(transpose, W + i * row.n_x * size, row.n_x, to, width, rows, row.n_x, like)
        i += rows


@compiled_inner
def forward(address: int, before: int, worker: int, m: int, work: Array) -> None:
    """Z of a block of m samples, in its place in `work`.

    Parameters
    ----------
    address : int
        Of the network's row of the table.
    before : int
        Samples of the batch that come before these.
    worker, m : int
    work : array
        Of `cost_and_differences`.
    """
    row, size = row_at(address, 0), work.itemsize
    transpose = array_at(row.loops, np.int64, DECAY + 1)[TRANSPOSE]
    layout = array_at(row.layout, np.int64, row.layers, 4)
    kinds = array_at(row.kinds, np.int64, row.layers, row.kinds_of_layer)
    to_Z = rows_of(work, layout, kinds, Z if kinds[0, Z] >= 0 else A, 0, m)
    lanes, n = register_size(work) // size, to_Z.shape[0]
    X, to = row.x + before * row.n_x * size, row.sums + worker * row.of_sums * size
    for strip in range(0, n, WIDE * lanes):
        columns = min(WIDE * lanes, n - strip)
        width = width_of(columns, lanes)
        of_Wt = row.strips + strip * row.n_x * size, row.n_x, SUMMED
        sums = to, to + WORD * width * size, m, width
        call(row.product, X, row.n_x, WORD, *of_Wt, *sums, work)
        call(transpose, to, width, address_at(to_Z, strip * m), m, m, columns, work)


@compiled_inner
def gradients(address: int, first: int, m: int, worker: int, to_dW: Array) -> None:
    """Some rows of dW, from `first` on, of all m samples of a batch.

    Parameters
    ----------
    address : int
        Of the network's row of the table.
    first, m, worker : int
    to_dW : array, shape (n, n_x)
    """
    row, size = row_at(address, 0), to_dW.itemsize
    transpose = array_at(row.loops, np.int64, DECAY + 1)[TRANSPOSE]
    n, n_x = to_dW.shape
    lanes = register_size(to_dW) // size
    to = row.sums + worker * row.of_sums * size
    for strip in range(0, n, WIDE * lanes):
        columns = min(WIDE * lanes, n - strip)
        width = width_of(columns, lanes)
        further, dZ = to + WORD * width * size, to + 2 * WORD * width * size
        for i in range(m):  # of dZ, with samples as rows, these columns
            place = row.across + (i * 2 * row.units + row.units + first + strip) * size
            values = array_at(place, to_dW, columns)
            own = array_at(dZ + i * width * size, to_dW, columns)
            for j in range(columns):
                own[j] = values[j]
        for begin in range(0, n_x, WORD):
            rows = min(WORD, n_x - begin)
            words = row.words + begin * WORD * size, WORD, n_x * WORD
            call(row.product, *words, dZ, m, MOST, to, further, rows, width, to_dW)
            place = address_at(to_dW, strip * n_x + begin)
            call(transpose, to, width, place, n_x, rows, columns, to_dW)


@compiled_inner
def width_of(columns: int, lanes: int) -> int:
    """Numbers from one row of a strip to the next, of so many columns or more."""
    whole = (columns + PAIR * lanes - 1) // (PAIR * lanes) * PAIR * lanes
    return whole if whole < WIDE * lanes else WIDE * lanes
