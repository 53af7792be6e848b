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
from xpnet.fused.numba.compilation.compiler import compiled_inner
from xpnet.fused.numba.compilation.views import address_at, array_at
from xpnet.fused.numba.memory import CACHE_LINE
from xpnet.fused.numba.network.batch import part_of, place_of
from xpnet.fused.numba.network.first_layer.joined import differences
from xpnet.fused.numba.network.gradients import DECAY, MOST, TRANSPOSE
from xpnet.fused.numba.network.places import WEIGHTS, A, Z, rows_of
from xpnet.fused.numba.network.table import row_at
from xpnet.fused.numba.products.matmul import SUMMED, register_size
from xpnet.fused.numba.products.zeros import PAIR, WIDE, WORD, pays
from xpnet.types import Array

LEAST_SAMPLES = 32
"""Samples of a batch from which on it pays to keep Wᵀ."""
MOST_NUMBERS = 2**23
"""Numbers of a batch of which there may be a second copy."""


def joined_of(networks: int, n: int, n_in: int, dtype: Any) -> int:
    """How many networks leave out zeros together; 0 where it does not pay.

    One of so few units does not fill a strip by itself.
    """
    joined = networks if n < WIDE * (CACHE_LINE // dtype.itemsize) else 1
    return joined if pays(joined * n, n_in) else 0


def room_of(n_in: int, n: int, size: int, samples: int, workers: int, dtype: Any) -> dict[str, int]:
    """Numbers of the room for the products of n units, with the longest registers.

    Wᵀ, in strips; the batch as columns, in words; ``X Wᵀ`` of so many samples, in strips of each
    block; and for each worker that of `product_without_zeros` and of a strip of dZ.
    """
    lanes = CACHE_LINE // dtype.itemsize
    width = -(-n // (PAIR * lanes)) * PAIR * lanes
    return {
        "strips": n_in * width,
        "words": -(-size // WORD) * WORD * n_in,
        "products": samples * width,
        "sums": workers * (2 * WORD + size) * min(width, WIDE * lanes),
    }


@compiled_inner
def copy_weights(address: int, first: int, n: int, like: Array) -> None:
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
    wide = strip_width(like)
    begin, end = row.unit + first, row.unit + first + n
    while begin < end:
        strip = begin // wide * wide
        width = width_of(row.joined * row.first_units - strip, like)
        columns = (strip + width if strip + width < end else end) - begin
        W = row.theta + (layout[0, WEIGHTS] + (begin - row.unit) * row.n_x) * size
        to = row.strips + (strip * row.n_x + begin - strip) * size
        call(transpose, W, row.n_x, to, width, columns, row.n_x, like)
        begin += columns


@compiled_inner
def products(address: int, before: int, place: int, worker: int, m: int, like: Array) -> None:
    """``X Wᵀ`` of a block of m samples and all networks that are joined.

    Parameters
    ----------
    address : int
        Of the row of the first of them.
    before : int
        Samples of the batch that come before these.
    place : int
        Samples before these in room.
    worker, m : int
    like : array
        Of the dtype of the networks.
    """
    row, size = row_at(address, 0), like.itemsize
    n, wide = row.joined * row.first_units, strip_width(like)
    X, room = row.x + before * row.n_x * size, row.sums + sums_of(row, worker, like)
    to_block = row.products + of_block(row, place, worker, like)
    for strip in range(0, n, wide):
        of_Wt = row.strips + strip * row.n_x * size, row.n_x, SUMMED
        sums = to_block + strip * m * size, room, m, width_of(n - strip, like)
        call(row.product, X, row.n_x, WORD, *of_Wt, *sums, like)


@compiled_inner
def forward(address: int, place: int, worker: int, m: int, work: Array) -> None:
    """Z of a network and a block of m samples, in its place in `work`, from `products`.

    Parameters
    ----------
    address : int
        Of the network's row of the table.
    place, worker, m : int
    work : array
        Of `cost_and_differences`.
    """
    row, size = row_at(address, 0), work.itemsize
    transpose = array_at(row.loops, np.int64, DECAY + 1)[TRANSPOSE]
    layout = array_at(row.layout, np.int64, row.layers, 4)
    kinds = array_at(row.kinds, np.int64, row.layers, row.kinds_of_layer)
    to_Z = rows_of(work, layout, kinds, Z if kinds[0, Z] >= 0 else A, 0, m)
    n, wide = row.joined * row.first_units, strip_width(work)
    block = row.products + of_block(row, place, worker, work)
    begin, end = row.unit, row.unit + row.first_units
    while begin < end:
        strip = begin // wide * wide
        width = width_of(n - strip, work)
        columns = (strip + width if strip + width < end else end) - begin
        of_strip, to = block + (strip * m + begin - strip) * size, (begin - row.unit) * m
        call(transpose, of_strip, width, address_at(to_Z, to), m, m, columns, work)
        begin += columns


@compiled_inner
def gradients(address: int, start: int, n: int, m: int, worker: int, like: Array) -> None:
    """Rows of dW, of n units of networks that are joined, from `start` on, and all m samples.

    Parameters
    ----------
    address : int
        Of the row of the first of them.
    start, n : int
        No more than a strip has.
    m, worker : int
    like : array
        Of the dtype of the networks.
    """
    row, size, width = row_at(address, 0), like.itemsize, width_of(n, like)
    transpose = array_at(row.loops, np.int64, DECAY + 1)[TRANSPOSE]
    begin_W = array_at(row.layout, np.int64, 1, 4)[0, WEIGHTS]
    to = row.sums + sums_of(row, worker, like)
    further, dZ = to + WORD * width * size, to + 2 * WORD * width * size
    networks = range(start // row.first_units, (start + n - 1) // row.first_units + 1)
    for k in networks:
        unit, count = part_of(start, n, k, row.first_units)
        at = dZ + (k * row.first_units + unit - start) * size
        differences(row_at(address, k), unit, count, m, at, width, like)
    for begin in range(0, row.n_x, WORD):
        rows = WORD if row.n_x - begin > WORD else row.n_x - begin
        words = row.words + begin * WORD * size, WORD, row.n_x * WORD
        call(row.product, *words, dZ, m, MOST, to, further, rows, width, like)
        for k in networks:
            unit, count = part_of(start, n, k, row.first_units)
            column = k * row.first_units + unit - start
            of_weights = begin_W + unit * row.n_x, column * row.n_x, worker, like
            place = place_of(row_at(address, k), *of_weights) + begin * size
            call(transpose, to + column * size, width, place, row.n_x, rows, count, like)


@compiled_inner
def strip_width(like: Array) -> int:
    """Columns of a strip."""
    columns: int = WIDE * register_size(like) // like.itemsize
    return columns


@compiled_inner
def padded(n: int, like: Array) -> int:
    """So many columns, and more, as whole pairs of registers."""
    pair: int = PAIR * register_size(like) // like.itemsize
    return (n + pair - 1) // pair * pair


@compiled_inner
def width_of(columns: int, like: Array) -> int:
    """Numbers from one row of a strip to the next, where so many columns are left."""
    whole, wide = padded(columns, like), strip_width(like)
    return whole if whole < wide else wide


@compiled_inner
def of_block(row: Any, place: int, worker: int, like: Array) -> int:
    """Where the products of a block lie: by itself if they are used later, else where the last did.

    So those of one network stay in the cache.
    """
    samples = place if row.joined > 1 else worker * row.longest
    bytes_before: int = samples * padded(row.joined * row.first_units, like) * like.itemsize
    return bytes_before


@compiled_inner
def sums_of(row: Any, worker: int, like: Array) -> int:
    """Where a worker's sums lie."""
    width = width_of(row.joined * row.first_units, like)
    bytes_before: int = worker * (2 * WORD + row.size) * width * like.itemsize
    return bytes_before
