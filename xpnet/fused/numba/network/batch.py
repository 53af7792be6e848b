"""Parts of a training step of one batch: samples, gradients of a block, update of a layer.

They take the row of a network from the table of the training loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.fused.numba.compilation.address import call, number_of
from xpnet.fused.numba.compilation.compiler import compiled_inner
from xpnet.fused.numba.compilation.rows import address_of_row
from xpnet.fused.numba.compilation.views import address_at, array_at, matrix_at, vector_at
from xpnet.fused.numba.network.gradients import (
    BACKWARD,
    DECAY,
    FEW,
    TRANSPOSE,
    layer_gradients,
)
from xpnet.fused.numba.network.places import BIAS, N_IN, N_OUT, WEIGHTS, A
from xpnet.fused.numba.network.table import row_at
from xpnet.fused.numba.products.matmul import register_size, tile_rows
from xpnet.fused.numba.products.zeros import WIDE, WORD
from xpnet.fused.numba.updates import MOST_VALUES
from xpnet.types import Array

PIECE, ROWS_OF_PIECE = 2**19, 256
"""Numbers and rows of dW that are made and used at once, at the most: of few rows, the samples are
read for each few, and many numbers leave the cache before they are used."""

EVEN = 4  # rows of a layer that workers' shares are multiples of


@compiled_inner
def weighted(row: Any, chosen: Array, s: Array, like: Array) -> float:
    """Gather the weights of samples through their sum; return one through that, or 0 of 0.

    It is added up in double precision: in single a million of them lose three digits.
    """
    S = 0.0
    for j in range(len(chosen)):
        s[0, j] = array_at(row.weight, like, row.weights)[chosen[j]] if row.weights > 0 else 1
        S += s[0, j]
    share = 1.0 / S if S > 0 else 0.0
    of_dtype = like.dtype.type(share)
    for j in range(len(chosen)):
        s[0, j] *= of_dtype
    return share


@compiled_inner
def gathered(row: Any, order: Array, m: int, before: int, place: int, like: Array) -> None:
    """Gather a block, the first m samples of an order, as rows, and as columns at a place."""
    x = array_at(row.x, like, row.size * row.n_x)
    y = array_at(row.y, like, row.size * row.n_y)
    if row.gather != 0:
        x_of_block = matrix_at(x, before * row.n_x, m, row.n_x)
        call(row.gather, array_at(row.X, like, row.m, row.n_x), order, 0, x_of_block)
        y_of_block = matrix_at(y, before * row.n_y, m, row.n_y)
        call(row.gather, array_at(row.Y, like, row.m, row.n_y), order, 0, y_of_block)
    if row.thin == 0:
        transpose = array_at(row.loops, np.int64, DECAY + 1)[TRANSPOSE]
        columns = row.columns + place * (row.n_x + row.n_y) * like.itemsize
        of_x = address_at(x, before * row.n_x)
        if row.words != 0:
            words = row.words + (before // WORD * WORD * row.n_x + before % WORD) * like.itemsize
            call(transpose, of_x, row.n_x, words, WORD, m, row.n_x, like)
        if row.words == 0 or m <= FEW:
            call(transpose, of_x, row.n_x, columns, m, m, row.n_x, like)
        columns += m * row.n_x * like.itemsize
        call(transpose, address_at(y, before * row.n_y), row.n_y, columns, m, m, row.n_y, like)


@compiled_inner
def gradients(
    row: Any,
    i: int,
    before: int,
    length: int,
    place: int,
    worker: int,
    weights: Array,
    like: Array,
) -> None:
    """Cost and differences of a network on a block in step i."""
    m, block = weights.shape[1], before // length
    loops = array_at(row.loops, np.int64, DECAY + 1)
    layout = array_at(row.layout, np.int64, row.layers, 4)
    kinds = array_at(row.kinds, np.int64, row.layers, row.kinds_of_layer)
    network = loops, layout, kinds, array_at(row.slopes, like, row.layers, 2, 3)
    work = row.work + worker * row.longest * row.room_of_sample * like.itemsize
    work = array_at(work, like, m * row.room_of_sample)
    theta = array_at(row.theta, like, row.P)
    if row.thin != 0:
        X, Y = array_at(row.x, like, m, row.n_x), array_at(row.y, like, m, row.n_y)
        of_vectors = theta, work, array_at(row.grads, like, row.P)
        J = number_of(row.gradients, *network, X, Y, weights, *of_vectors)
    else:
        keys = array_at(row.keys, np.int64, row.steps, 2)
        masks = keys[i, 0], keys[i, 1], row.least, row.kept, row.drop, row.divide
        columns = row.columns + place * (row.n_x + row.n_y) * like.itemsize
        Y = array_at(columns + m * row.n_x * like.itemsize, like, row.n_y, m)
        columns = array_at(columns, like, m * row.n_x)
        if row.copy_weights != 0 and m > FEW:
            call(row.first_Z, address_of_row(row), place, worker, m, work)
            columns = vector_at(columns, 0, 0)
        of_sample = 2 * row.units
        across = array_at(row.across, like, row.size * of_sample)
        across = vector_at(across, before * of_sample, m * of_sample)
        db = array_at(row.biases + block * row.units * like.itemsize, like, row.units)
        rest = Y, weights, before, masks, theta, work, across, db
        J = number_of(row.gradients, *network, columns, *rest)
    costs = array_at(row.parts_of_cost, np.float64, 2 * row.size)
    costs[i % 2 * row.size + block] = J


@compiled_inner
def update(
    row: Any,
    i: int,
    layer: int,
    m: int,
    length: int,
    share: float,
    worker: int,
    workers: int,
    like: Array,
) -> None:
    """Gradients of a worker's share of the rows of a layer, and their update, piece by piece.

    Of a first layer that leaves out zeros, those of its biases alone.
    """
    loops = array_at(row.loops, np.int64, DECAY + 1)
    layout = array_at(row.layout, np.int64, row.layers, 4)
    kinds = array_at(row.kinds, np.int64, row.layers, row.kinds_of_layer)
    n_out, n_in, bias = layout[layer, N_OUT], layout[layer, N_IN], layout[layer, BIAS]
    low, high = share_of(n_out, worker, workers)
    is_made = row.thin == 0 and loops[BACKWARD] != 0
    at_once = rows_at_once(n_in, like)
    for start in range(low, low if layer == 0 and row.copy_weights != 0 else high, at_once):
        n = at_once if at_once < high - start else high - start
        begin = layout[layer, WEIGHTS] + start * n_in
        dW = array_at(place_of(row, begin, 0, worker, like), like, n, n_in)
        if is_made:
            x = array_at(row.x, like, m * row.n_x)
            across = array_at(row.across, like, m * 2 * row.units)
            layer_gradients(loops, kinds, layer, start, x, across, m, dW)
        update_rows(row, i, layer, start, dW, share, like)
    if low < high:
        n, begin = high - low, bias + low
        db = array_at(place_of(row, begin, 0, worker, like), like, n)
        for block in range((m + length - 1) // length if is_made else 0):
            part = row.biases + (block * row.units + kinds[layer, A] + low) * like.itemsize
            part = array_at(part, like, n)
            for j in range(n):
                db[j] = part[j] if block == 0 else db[j] + part[j]
        updated(row, i, begin >= bias, begin, db, like)


@compiled_inner
def update_joined(
    together: int, i: int, m: int, share: float, worker: int, workers: int, like: Array
) -> None:
    """The same of the weights of first layers that leave out zeros, of all networks together."""
    first = row_at(together, 0)
    loops = array_at(first.loops, np.int64, DECAY + 1)
    layout = array_at(first.layout, np.int64, first.layers, 4)
    units, n_x = first.first_units, first.n_x
    low, high = share_of(first.joined * units, worker, workers)
    at_once, strip = rows_at_once(n_x, like), WIDE * register_size(like) // like.itemsize
    at_once = at_once if at_once < strip else strip
    for start in range(low, high, at_once):
        n = at_once if at_once < high - start else high - start
        if loops[BACKWARD] != 0:
            call(first.first_dW, together, start, n, m, worker, like)
        for k in range(start // units, (start + n - 1) // units + 1):
            row, (unit, count) = row_at(together, k), part_of(start, n, k, units)
            begin = layout[0, WEIGHTS] + unit * n_x
            place = place_of(row, begin, (k * units + unit - start) * n_x, worker, like)
            update_rows(row, i, 0, unit, array_at(place, like, count, n_x), share, like)
            if i + 1 < row.steps:
                call(row.copy_weights, address_of_row(row), unit, count, like)


@compiled_inner
def share_of(rows: int, worker: int, workers: int) -> tuple[int, int]:
    """The first of a worker's rows of so many, and the one after the last."""
    share = (rows + workers * EVEN - 1) // (workers * EVEN) * EVEN
    high = (worker + 1) * share
    return worker * share, high if high < rows else rows


@compiled_inner
def rows_at_once(n_in: int, like: Array) -> int:
    """How many rows of dW are a piece: whole tiles."""
    rows = tile_rows(like)
    at_once: int = PIECE // n_in // rows * rows
    at_once = at_once if at_once < ROWS_OF_PIECE else ROWS_OF_PIECE // rows * rows
    return at_once if at_once > rows else rows


@compiled_inner
def part_of(start: int, n: int, k: int, units: int) -> tuple[int, int]:
    """Which units of network k are among n from `start` on, where each has so many."""
    low = start - k * units
    low = low if low > 0 else 0
    high = start + n - k * units
    return low, (high if high < units else units) - low


@compiled_inner
def decay_of(row: Any, share: float) -> float:
    """What a penalty adds of each weight, by `weighted`.

    One through the sum of tiny weights is infinite, and times 0 it would be NaN.
    """
    return row.l2 * share if row.l2 != 0.0 else 0.0


@compiled_inner
def update_rows(
    row: Any, i: int, layer: int, start: int, dW: Array, share: float, like: Array
) -> None:
    """The penalty of rows of a layer, from `start` on, and their update."""
    layout = array_at(row.layout, np.int64, row.layers, 4)
    kinds = array_at(row.kinds, np.int64, row.layers, row.kinds_of_layer)
    (n, n_in), decay = dW.shape, decay_of(row, share)
    begin = layout[layer, WEIGHTS] + start * n_in
    if decay != 0.0:
        W = matrix_at(array_at(row.theta, like, row.P), begin, n, n_in)
        squares = array_at(row.squares, np.float64, 2 * row.units)
        squares = vector_at(squares, i % 2 * row.units + kinds[layer, A] + start, n)
        loops = array_at(row.loops, np.int64, DECAY + 1)
        call(loops[DECAY], W, decay, dW, squares)
    updated(row, i, begin >= layout[layer, BIAS], begin, vector_at(dW, 0, n * n_in), like)


@compiled_inner
def place_of(row: Any, begin: int, place: int, worker: int, like: Array) -> int:
    """Where gradients go: among all, or to a place of a worker's, where its next ones go, too."""
    address: int = row.pieces + (worker * row.piece + place) * like.itemsize
    if row.grads != 0:
        address = row.grads + begin * like.itemsize
    return address


@compiled_inner
def updated(row: Any, i: int, is_bias: bool, begin: int, grads: Array, like: Array) -> None:
    """The parameters from `begin` on that have these gradients, and their moments."""
    if row.update == 0:
        return
    n = len(grads)
    values = array_at(row.values, np.float64, row.steps, 2, MOST_VALUES)
    v = vector_at(values, (2 * i + is_bias) * MOST_VALUES, MOST_VALUES)
    call(
        row.update,
        vector_at(array_at(row.theta, like, row.P), begin, n),
        grads,
        vector_at(array_at(row.first, like, row.P), begin, n),
        vector_at(array_at(row.second, like, row.P), begin, n),
        vector_at(array_at(row.rates, np.float64, row.steps), i, 1),
        (v[0], v[1], v[2], v[3], v[4], v[5]),
        None,
    )


@compiled_inner
def enter_cost(row: Any, i: int, blocks: int, share: float, like: Array) -> None:
    """The cost of step i: the sum over blocks, and the penalty."""
    costs, decay = array_at(row.parts_of_cost, np.float64, 2 * row.size), decay_of(row, share)
    J = 0.0
    for block in range(blocks):
        J += costs[i % 2 * row.size + block]
    J *= row.loss_share
    if decay != 0.0:
        squares = array_at(row.squares, np.float64, 2 * row.units)
        total = 0.0
        for unit in range(row.units):
            total += squares[i % 2 * row.units + unit]
        J += 0.5 * decay * total
    array_at(row.costs, like, row.steps)[i] = J
