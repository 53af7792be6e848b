"""Training loop as one compiled call: gather, gradients, update, and again, of one network or some.

Large batches come in blocks, whose gradients are added up. Each block falls to a worker, a thread
that makes all steps with the others, and each worker updates its share of the parameters.

Some networks that are trained on the same samples in the same order share what is gathered. For
them a batch is also transposed, as a product with samples as columns may take half the time.

A network's arguments are a row of a table: numbers, and the addresses and sizes of arrays, so that
a call takes rows of as many networks as there are.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np

from xpnet.fused.numba.compilation.address import address_of, call, number_of
from xpnet.fused.numba.compilation.compiler import compiled, compiled_inner
from xpnet.fused.numba.compilation.rows import row_of_table
from xpnet.fused.numba.compilation.views import array_at, matrix_at, vector_at
from xpnet.fused.numba.gather import gather
from xpnet.fused.numba.network.gradients import DECAY, add, share_of, total
from xpnet.fused.numba.threads.barrier import sleep, wait_for
from xpnet.fused.numba.threads.workers import on_workers
from xpnet.fused.numba.updates import MOST_VALUES
from xpnet.types import Array

ADDRESSES = (
    *("gradients", "update", "gather", "transpose", "loops", "layout", "kinds", "slopes"),
    *("X", "Y", "weight", "order"),
    *("segments", "rates", "values", "keys", "drop", "divide", "theta", "odd", "even", "grads"),
    *("first", "second", "costs", "x", "columns", "y", "s", "work", "others", "parts_of_cost"),
    *("arrivals", "sleep"),
)
SIZES = (
    *("layers", "kinds_of_layer", "P", "m", "n_x", "n_y", "weights", "epochs", "length", "size"),
    *("steps", "parts", "least", "room_of_sample", "transposed", "transposed_last"),
    *("block", "block_last"),
)
ROW = np.dtype([(name, np.int64) for name in ADDRESSES + SIZES] + [("l2", float), ("kept", float)])
"""A row of the table: the name of an array or a loop stands for its address."""

OF_ROOM = "size", "n_x", "n_y", "P", "room_of_sample"
OF_BLOCKS = "size", "length", "block", "block_last"

TILE = 16  # rows of a matrix that is transposed
ALIGNED = 16  # entries: where workers' shares of the parameters may begin

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

        - gradients, update, gather, transpose: addresses of loops, the last where it is called;
          without update, parameters stay as they are;
        - loops, layout (layers, 4), kinds (layers, kinds_of_layer), slopes (layers, 2, 3): the
          first arguments of `cost_and_gradients`;
        - X (m, n_x), Y (m, n_y), weight (weights,): the samples; no weights where all count the
          same;
        - order (epochs, length): the samples of each epoch, `size` of them a step; the last step of
          an epoch takes those that are left;
        - l2; segments (parts, 3): begin and end of what is updated at once, and which of its
          step's values it takes;
        - rates (steps,), values (steps, 2, 6); keys (steps, 2), least, kept, drop, divide: the
          dropout of `masks_of`;
        - theta (P,), which is left as it is; odd (P,), even (P,): after the first, third, … step,
          and after the others; grads (P,); first, second (P,): moments;
        - costs (steps,): where they go;
        - x (size, n_x), columns (n_x, size), y (size, n_y), s (size,), work (size *
          room_of_sample,): room for a batch, and for its layers;
        - transposed, transposed_last: whether whole batches are, and those that are left;
        - block, block_last: samples of a block, whose gradients are made by themselves; others
          ((blocks - 1) * P,), parts_of_cost (blocks,): room for the gradients of all but the first,
          and for costs; arrivals, sleep: of `wait_for`.
    networks : int
    like : array
        Of the dtype of all that are no whole numbers.
    worker, workers : int
        Its number, and how many there are.
    """
    first = row_at(rows, 0)
    s = vector_at(array_at(first.s, like, workers * first.size), worker * first.size, first.size)
    for j in range(first.size):
        s[j] = 1
    of_epoch = (first.length + first.size - 1) // first.size
    for i in range(first.steps):
        start = i % of_epoch * first.size
        left = first.length - start
        is_whole = first.size <= left
        m = first.size if is_whole else left
        chosen = array_at(first.order, np.int64, first.epochs * first.length)
        chosen = vector_at(chosen, i // of_epoch * first.length + start, m)
        if first.weights > 0:
            weight = array_at(first.weight, like, first.weights)
            for j in range(m):
                s[j] = weight[chosen[j]]
        share = share_of(matrix_at(s, 0, 1, m))
        n = first.block if is_whole else first.block_last
        blocks = (m + n - 1) // n
        for block in range(worker, blocks, workers):
            before = block * n
            of_block = vector_at(chosen, before, n if n < m - before else m - before)
            weights = matrix_at(s, before, 1, len(of_block))
            gathered(first, of_block, before, is_whole, like)
            for k in range(networks):
                gradients(row_at(rows, k), i, block, before, weights, share, is_whole, like)
        if workers > 1 and not wait_for(first.arrivals, (2 * i + 1) * workers, first.sleep):
            return
        for k in range(networks):
            update(row_at(rows, k), i, blocks, worker, workers, like)
        if workers > 1 and not wait_for(first.arrivals, (2 * i + 2) * workers, first.sleep):
            return


@compiled_inner
def gathered(row: Any, chosen: Array, before: int, is_whole: bool, like: Array) -> None:
    """Gather a block of samples, whose numbers are `chosen`, into its room."""
    m = len(chosen)
    x = array_at(row.x, like, row.size * row.n_x)
    y = array_at(row.y, like, row.size * row.n_y)
    x_of_block = matrix_at(x, before * row.n_x, m, row.n_x)
    call(row.gather, array_at(row.X, like, row.m, row.n_x), chosen, 0, x_of_block)
    y_of_block = matrix_at(y, before * row.n_y, m, row.n_y)
    call(row.gather, array_at(row.Y, like, row.m, row.n_y), chosen, 0, y_of_block)
    if row.transposed if is_whole else row.transposed_last:
        columns = array_at(row.columns, like, row.n_x * row.size)
        call(row.transpose, x_of_block, matrix_at(columns, before * row.n_x, row.n_x, m))


@compiled_inner
def gradients(
    row: Any,
    i: int,
    block: int,
    before: int,
    weights: Array,
    share: float,
    is_whole: bool,
    like: Array,
) -> None:
    """Cost and gradients of a network on a block in step i."""
    m = weights.shape[1]
    network = (
        array_at(row.loops, np.int64, DECAY + 1),
        array_at(row.layout, np.int64, row.layers, 4),
        array_at(row.kinds, np.int64, row.layers, row.kinds_of_layer),
        array_at(row.slopes, like, row.layers, 2, 3),
    )
    keys = array_at(row.keys, np.int64, row.steps, 2)
    masks = keys[i, 0], keys[i, 1], row.least, row.kept, row.drop, row.divide
    is_transposed = row.transposed if is_whole else row.transposed_last
    samples = (
        matrix_at(array_at(row.x, like, row.size * row.n_x), before * row.n_x, m, row.n_x),
        matrix_at(
            array_at(row.columns, like, 1), before * row.n_x, row.n_x, m if is_transposed else 0
        ),
        matrix_at(array_at(row.y, like, row.size * row.n_y), before * row.n_y, m, row.n_y),
    )
    work, length = array_at(row.work, like, 1), row.room_of_sample
    work = vector_at(work, before * length, m * length)
    theta = array_at(newest(row, i), like, row.P)
    grads = array_at(row.grads, like, row.P)
    if block > 0:
        grads = vector_at(array_at(row.others, like, 1), (block - 1) * row.P, row.P)
    rest = weights, share, before, row.l2 if block == 0 else 0.0, masks, theta, work, grads
    costs = array_at(row.parts_of_cost, np.float64, block + 1)
    costs[block] = number_of(row.gradients, *network, *samples, *rest)


@compiled_inner
def newest(row: Any, i: int) -> int:
    """The address of the parameters before step i."""
    address: int = row.theta if i == 0 else row.odd if i % 2 else row.even
    return address


@compiled_inner
def update(row: Any, i: int, blocks: int, worker: int, workers: int, like: Array) -> None:
    """Update a worker's share of the parameters of one network, unless its cost is all."""
    if worker == 0:
        costs = array_at(row.parts_of_cost, np.float64, blocks)
        array_at(row.costs, like, row.steps)[i] = total(costs)
    if row.update == 0:
        return
    length = (row.P + workers * ALIGNED - 1) // (workers * ALIGNED) * ALIGNED
    low, high = worker * length, (worker + 1) * length
    high = high if high < row.P else row.P
    theta, grads = array_at(newest(row, i), like, row.P), array_at(row.grads, like, row.P)
    others = array_at(row.others, like, 1)
    for block in range(blocks - 1):
        add(vector_at(grads, low, high - low), vector_at(others, block * row.P + low, high - low))
    new = array_at(row.even if i % 2 else row.odd, like, row.P)
    first, second = array_at(row.first, like, row.P), array_at(row.second, like, row.P)
    segments = array_at(row.segments, np.int64, row.parts, 3)
    rates = array_at(row.rates, np.float64, row.steps)
    values = array_at(row.values, np.float64, row.steps, 2, MOST_VALUES)
    for part in range(row.parts):
        begin, end = segments[part, 0], segments[part, 1]
        begin = begin if begin > low else low
        n = (end if end < high else high) - begin
        v = vector_at(values, (2 * i + segments[part, 2]) * MOST_VALUES, MOST_VALUES)
        if n > 0:
            call(
                row.update,
                vector_at(theta, begin, n),
                vector_at(grads, begin, n),
                vector_at(first, begin, n),
                vector_at(second, begin, n),
                vector_at(rates, i, 1),
                (v[0], v[1], v[2], v[3], v[4], v[5]),
                vector_at(new, begin, n),
            )


@compiled_inner
def transpose(X: Array, to_X: Array) -> None:
    """The columns of X as rows; of some samples at a time, which stay in the cache."""
    m, n = X.shape
    whole = m - m % TILE
    for start in range(0, whole, TILE):
        for j in range(n):
            for i in range(TILE):  # so many, known here: in vectors, in half the time
                to_X[j, start + i] = X[start + i, j]
    for j in range(n):
        for i in range(whole, m):
            to_X[j, i] = X[i, j]


def row_of(arrays: dict[str, Array], numbers: dict[str, float]) -> tuple[float, ...]:
    """The row of a network, yet without room, from its arrays, and from numbers and addresses."""
    addresses = dict(zip(arrays, map(_address, arrays.values()), strict=True))
    return tuple((NOTHING | numbers | addresses).values())


def table_of(rows: Sequence[tuple[float, ...]]) -> Array:
    """The table of some networks; to join tables of one row takes NumPy some times as long."""
    return np.array(rows, ROW)


def most_blocks(row: Any) -> int:
    """How many blocks a batch is of, at the most."""
    size, length, block, last = map(int, map(row.__getitem__, OF_BLOCKS))
    return max(-(-size // block), -(-(length % size) // (last or 1)))


class Room:
    """Memory that steps are made in, used again: one at a time may have it."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}

    def train(self, rows: Array, like: Array, workers: int = 1) -> None:
        """Train the networks of these rows in here."""
        size, n_x, n_y, P, room = map(int, map(rows[0].__getitem__, OF_ROOM))
        columns = size * n_x if rows["transposed"][0] or rows["transposed_last"][0] else 0
        if columns:
            rows["transpose"] = _of_transpose(like.dtype)
        blocks, networks = most_blocks(rows[0]), len(rows)
        self._take(rows, like.dtype, x=size * n_x, columns=columns, y=size * n_y)
        self._take(rows, like.dtype, s=size * workers, work=size * room)
        self._take(rows, like.dtype, others=(blocks - 1) * P * networks)
        self._take(rows, np.dtype(np.float64), parts_of_cost=blocks * networks)
        numbers = np.arange(networks)
        rows["others"] += numbers * (blocks - 1) * P * like.itemsize
        rows["parts_of_cost"] += numbers * blocks * 8
        if workers == 1:
            train(rows.ctypes.data, networks, like, 0, 1)
            return
        rows["sleep"] = sleep()

        def make(worker: int, workers: int, arrivals: int) -> None:
            rows["arrivals"] = arrivals
            train(rows.ctypes.data, networks, like, worker, workers)

        on_workers(workers, make)

    def _take(self, rows: Array, dtype: Any, **lengths: int) -> None:
        """Enter the addresses of arrays of at least these lengths."""
        for name, length in lengths.items():
            array = self.arrays.get(name)
            if array is None or array.size < length or array.dtype != dtype:
                array = self.arrays[name] = np.empty(length, dtype)
            rows[name] = array.ctypes.data


class _OfThread(threading.local):
    """Of each thread, for whoever has none of their own."""

    def __init__(self) -> None:
        self.room = Room()


of_thread = _OfThread()


@cache
def of_gather(dtype: Any) -> int:
    """The address of `gather`."""
    X = np.empty((1, 1), dtype)
    return address_of(gather, X, np.empty(1, np.int64), 0, X)


@cache
def _of_transpose(dtype: Any) -> int:
    """The address of `transpose`."""
    X = np.empty((1, 1), dtype)
    return address_of(transpose, X, X)
