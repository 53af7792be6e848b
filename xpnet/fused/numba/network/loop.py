"""Training loop as one compiled call: gather, gradients, update, and again, of one network or some.

A batch comes in blocks of samples, which go forward and back by themselves. Then gradients are made
of all blocks, some rows of a layer at a time, and used for the update while they lie in the cache.
Workers, threads that make all steps together, have blocks and rows of their own.

Some networks that are trained on the same samples in the same order share what is gathered.

A network's arguments are a row of a table: numbers, and the addresses and sizes of arrays, so that
a call takes rows of as many networks as there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from xpnet.fused.numba.compilation.address import call, number_of
from xpnet.fused.numba.compilation.compiler import compiled, compiled_inner
from xpnet.fused.numba.compilation.rows import row_of_table
from xpnet.fused.numba.compilation.views import address_at, array_at, matrix_at, vector_at
from xpnet.fused.numba.matmul import tile_rows
from xpnet.fused.numba.network import first_layer
from xpnet.fused.numba.network.gradients import (
    BACKWARD,
    DECAY,
    FEW,
    TRANSPOSE,
    layer_gradients,
)
from xpnet.fused.numba.network.places import BIAS, N_IN, N_OUT, WEIGHTS, A, Z, rows_of
from xpnet.fused.numba.threads.barrier import wait_for
from xpnet.fused.numba.updates import MOST_VALUES
from xpnet.fused.numba.zeros import WORD
from xpnet.types import Array

ADDRESSES = (
    *("gradients", "update", "gather", "loops", "layout", "kinds", "slopes"),
    *("X", "Y", "weight", "order"),
    *("rates", "values", "keys", "drop", "divide", "theta", "grads"),
    *("first", "second", "costs", "x", "columns", "y", "s", "work", "across"),
    *("pieces", "biases", "parts_of_cost", "squares", "arrivals", "sleep"),
    *("first_layer", "strips", "words", "sums"),
)
SIZES = (
    *("thin", "layers", "kinds_of_layer", "units", "P", "m", "n_x", "n_y", "weights", "epochs"),
    *("length", "size", "steps", "least", "room_of_sample", "piece", "block", "block_last"),
    *("longest", "blocks", "shared", "of_strips", "of_sums"),
)
REALS = "l2", "kept", "loss_share"
ROW = np.dtype(
    [(name, np.int64) for name in ADDRESSES + SIZES] + [(name, np.float64) for name in REALS]
)
"""A row of the table: the name of an array or a loop stands for its address."""

PIECE, ROWS_OF_PIECE = 2**19, 256
"""Numbers and rows of dW that are made and used at once, at the most: of few rows, the samples are
read for each few, and many numbers leave the cache before they are used."""

EVEN = 4  # rows of a layer that workers' shares are multiples of

row_at = row_of_table(ROW)

_address = attrgetter("ctypes.data")

NOTHING = dict.fromkeys(ROW.names or (), 0.0)


@compiled
def train(rows: int, networks: int, like: Array, worker: int, workers: int) -> None:
    """As many steps as a row says, of each of so many networks; what falls to one worker.

    Parameters
    ----------
    rows : int
        The address of a table of ROW, a row for each network:

        - gradients, update, gather: addresses of loops; without update, parameters stay as they
          are, and without gather, x and y are the samples of the only step;
        - loops, layout (layers, 4), kinds (layers, kinds_of_layer), slopes (layers, 2, 3): the
          first arguments of `cost_and_differences`; thin: whether they are those of
          `thin_cost_and_gradients`;
        - X (m, n_x), Y (m, n_y), weight (weights,): the samples; no weights where all count the
          same;
        - order (epochs, length): the samples of each epoch, `size` of them a step; the last step of
          an epoch takes those that are left;
        - l2; loss_share, a factor of the samples' losses in costs;
        - rates (steps,), values (steps, 2, 6), for weights and for biases; keys (steps, 2),
          least, kept, drop, divide: the dropout of `masks_of`;
        - theta (P,): the parameters, which an update writes over; grads (P,), where gradients are
          asked for; first, second (P,): moments;
        - costs (steps,): where they go;
        - x (size, n_x), y (size, n_y), s (workers, size): room for a batch; columns (n_x + n_y,
          longest) and work (longest * room_of_sample,) of each worker: for a block, the former of
          all blocks where networks have them in common, `shared`; across (size, 2 * units), biases
          (blocks, units), pieces (workers, piece): for gradients;
        - block, block_last: samples of a block, of a whole batch and of what is left; longest and
          blocks: samples of one, and how many there are, at the most;
        - parts_of_cost (2, blocks), squares (2, units): of an even step and an odd one, costs of
          blocks, and sums of the squares of weights;
        - arrivals, sleep: of `wait_for`;
        - first_layer: the `loops` of that file, where zeros of samples are left out; strips
          (networks, of_strips), then Wᵀ of the first layer; words (64-fold, n_x), the batch as
          columns; sums (workers, of_sums), room.
    networks : int
        One, where there are some workers.
    like : array
        Of the dtype of all that are no whole numbers.
    worker, workers : int
        Its number, and how many there are.
    """
    first, waits = row_at(rows, 0), 0
    if first.first_layer != 0:
        low, high = share_of(array_at(first.layout, np.int64, 1, 4)[0, N_OUT], worker, workers)
        for k in range(networks):
            turned(row_at(rows, k), low, high - low, like)
        waits += 1
        if workers > 1 and not wait_for(first.arrivals, waits * workers, first.sleep):
            return
    of_epoch = (first.length + first.size - 1) // first.size
    for i in range(first.steps):
        start = i % of_epoch * first.size
        left = first.length - start
        m = first.size if first.size <= left else left
        length = first.block if first.size <= left else first.block_last
        order = array_at(first.order, np.int64, first.epochs * first.length)
        begin = i // of_epoch * first.length + start
        s = array_at(first.s + worker * first.size * like.itemsize, like, 1, m)
        share = weighted(first, vector_at(order, begin, m), s, like)
        for k in range(networks):
            row = row_at(rows, k)
            # One through the sum of tiny weights is infinite, and times 0 it would be NaN.
            decay = row.l2 * share if row.l2 != 0.0 else 0.0
            for before in range(worker * length, m, workers * length):
                n = length if length < m - before else m - before
                place = before if first.shared > 0 else worker * first.longest
                if k == 0:
                    following = vector_at(order, begin + before, len(order) - begin - before)
                    gathered(first, following, n, before, place, like)
                weights = matrix_at(s, before, 1, n)
                gradients(row, i, before, length, place, worker, weights, like)
            waits += 1
            if workers > 1 and not wait_for(first.arrivals, waits * workers, first.sleep):
                return
            for layer in range(row.layers):
                update(row, i, layer, m, length, decay, worker, workers, like)
            waits += 1
            if workers > 1 and not wait_for(first.arrivals, waits * workers, first.sleep):
                return
            if worker == 0:
                enter_cost(row, i, (m + length - 1) // length, decay, like)


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
        if row.first_layer != 0:
            words = row.words + (before // WORD * WORD * row.n_x + before % WORD) * like.itemsize
            call(transpose, of_x, row.n_x, words, WORD, m, row.n_x, like)
        if row.first_layer == 0 or m <= FEW:
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
        if row.first_layer != 0 and m > FEW:
            first_product(row, before, m, layout, kinds, worker, work, like)
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
def first_product(
    row: Any, before: int, m: int, layout: Array, kinds: Array, worker: int, work: Array, like: Array
) -> None:
    """The first layer's Z on a block, in its place."""
    loops = array_at(row.first_layer, np.int64, first_layer.GRADIENTS + 1)
    X = array_at(row.x + before * row.n_x * like.itemsize, like, m, row.n_x)
    Z_or_A = Z if kinds[0, Z] >= 0 else A
    to_Z = rows_of(work, layout, kinds, Z_or_A, 0, m)
    room = row.sums + worker * row.of_sums * like.itemsize
    call(loops[first_layer.FORWARD], loops, X, row.strips, room, to_Z)


@compiled_inner
def turned(row: Any, first: int, n: int, like: Array) -> None:
    """Some rows of the first layer's W, from one on, in Wᵀ."""
    loops = array_at(row.first_layer, np.int64, first_layer.GRADIENTS + 1)
    layout = array_at(row.layout, np.int64, 1, 4)
    begin = layout[0, WEIGHTS] + first * row.n_x
    W = matrix_at(array_at(row.theta, like, row.P), begin, n, row.n_x)
    call(loops[first_layer.TURN], loops, W, first, layout[0, N_OUT], row.strips)


@compiled_inner
def share_of(n_out: int, worker: int, workers: int) -> tuple[int, int]:
    """The first of a worker's rows of a layer, and the one behind the last."""
    share = (n_out + workers * EVEN - 1) // (workers * EVEN) * EVEN
    low, high = worker * share, (worker + 1) * share
    return (low if low < n_out else n_out), (high if high < n_out else n_out)


@compiled_inner
def update(
    row: Any,
    i: int,
    layer: int,
    m: int,
    length: int,
    decay: float,
    worker: int,
    workers: int,
    like: Array,
) -> None:
    """Gradients of a worker's share of the rows of a layer, and their update, piece by piece."""
    loops = array_at(row.loops, np.int64, DECAY + 1)
    layout = array_at(row.layout, np.int64, row.layers, 4)
    kinds = array_at(row.kinds, np.int64, row.layers, row.kinds_of_layer)
    n_out, n_in, bias = layout[layer, N_OUT], layout[layer, N_IN], layout[layer, BIAS]
    low, high = share_of(n_out, worker, workers)
    rows = tile_rows(like)
    at_once = PIECE // n_in // rows * rows
    at_once = at_once if at_once < ROWS_OF_PIECE else ROWS_OF_PIECE // rows * rows
    at_once = at_once if at_once > rows else rows
    is_made = row.thin == 0 and loops[BACKWARD] != 0
    for start in range(low, high, at_once):
        n = at_once if at_once < high - start else high - start
        begin = layout[layer, WEIGHTS] + start * n_in
        dW = array_at(place_of(row, begin, worker, like), like, n, n_in)
        if is_made and layer == 0 and row.first_layer != 0:
            first_gradients(row, start, m, worker, dW, like)
        elif is_made:
            x = array_at(row.x, like, m * row.n_x)
            across = array_at(row.across, like, m * 2 * row.units)
            layer_gradients(loops, kinds, layer, start, x, across, m, dW)
        if decay != 0.0:
            W = matrix_at(array_at(row.theta, like, row.P), begin, n, n_in)
            squares = array_at(row.squares, np.float64, 2 * row.units)
            squares = vector_at(squares, i % 2 * row.units + kinds[layer, A] + start, n)
            call(loops[DECAY], W, decay, dW, squares)
        updated(row, i, begin >= bias, begin, vector_at(dW, 0, n * n_in), like)
        if layer == 0 and row.first_layer != 0 and row.update != 0:
            turned(row, start, n, like)
    if low < high:
        n, begin = high - low, bias + low
        db = array_at(place_of(row, begin, worker, like), like, n)
        for block in range((m + length - 1) // length if is_made else 0):
            part = row.biases + (block * row.units + kinds[layer, A] + low) * like.itemsize
            part = array_at(part, like, n)
            for j in range(n):
                db[j] = part[j] if block == 0 else db[j] + part[j]
        updated(row, i, begin >= bias, begin, db, like)


@compiled_inner
def first_gradients(row: Any, start: int, m: int, worker: int, dW: Array, like: Array) -> None:
    """Rows of the first layer's dW, from one on."""
    loops = array_at(row.first_layer, np.int64, first_layer.GRADIENTS + 1)
    dZ = row.across + (row.units + start) * like.itemsize
    room = row.sums + worker * row.of_sums * like.itemsize
    call(loops[first_layer.GRADIENTS], loops, row.words, m, dZ, 2 * row.units, room, dW)


@compiled_inner
def place_of(row: Any, begin: int, worker: int, like: Array) -> int:
    """The address where gradients go: among all, or where a worker's next ones go, too."""
    address: int = row.pieces + worker * row.piece * like.itemsize
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
def enter_cost(row: Any, i: int, blocks: int, decay: float, like: Array) -> None:
    """The cost of step i: the sum over blocks, and the penalty."""
    costs = array_at(row.parts_of_cost, np.float64, 2 * row.size)
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


def row_of(arrays: dict[str, Array], numbers: Mapping[str, float]) -> tuple[float, ...]:
    """The row of a network, yet without room, from its arrays, and from numbers and addresses."""
    addresses = dict(zip(arrays, map(_address, arrays.values()), strict=True))
    return tuple({**NOTHING, **numbers, **addresses}.values())


def table_of(rows: Sequence[tuple[float, ...]]) -> Array:
    """The table of some networks; to join tables of one row takes NumPy some times as long."""
    return np.array(rows, ROW)
