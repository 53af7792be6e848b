"""Training loop as one compiled call: gather, gradients, update, and again, of one network or some.

Some networks that are trained on the same samples in the same order share what is gathered. For
them a batch is also transposed, as a product with samples as columns may take half the time.

A network's arguments are a row of a table: numbers, and the addresses and sizes of arrays, so that
a call takes rows of as many networks as there are.
"""

from __future__ import annotations

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
from xpnet.fused.numba.network.gradients import DECAY
from xpnet.fused.numba.updates import MOST_VALUES
from xpnet.types import Array

ADDRESSES = (
    *("gradients", "update", "gather", "transpose", "loops", "layout", "kinds", "slopes"),
    *("X", "Y", "weight", "order"),
    *("segments", "rates", "values", "keys", "drop", "divide", "theta", "odd", "even", "grads"),
    *("first", "second", "costs", "x", "columns", "y", "s", "work"),
)
SIZES = (
    *("layers", "kinds_of_layer", "P", "m", "n_x", "n_y", "weights", "epochs", "length", "size"),
    *("steps", "parts", "least", "room_of_sample", "transposed", "transposed_last"),
)
ROW = np.dtype([(name, np.int64) for name in ADDRESSES + SIZES] + [("l2", float), ("kept", float)])
"""A row of the table: the name of an array or a loop stands for its address."""

BLOCK = 16  # rows of a matrix that is transposed

row_at = row_of_table(ROW)

_address = attrgetter("ctypes.data")

NOTHING = dict.fromkeys(ROW.names or (), 0.0)


@compiled
def train(rows: int, networks: int, like: Array) -> None:
    """As many steps as a row says, of each of so many networks.

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
        - transposed, transposed_last: whether whole batches are, and those that are left.
    networks : int
    like : array
        Of the dtype of all that are no whole numbers.
    """
    first = row_at(rows, 0)
    X = array_at(first.X, like, first.m, first.n_x)
    Y = array_at(first.Y, like, first.m, first.n_y)
    order = array_at(first.order, np.int64, first.epochs, first.length)
    x = array_at(first.x, like, first.size, first.n_x)
    y = array_at(first.y, like, first.size, first.n_y)
    s = array_at(first.s, like, first.size)
    for j in range(first.size):
        s[j] = 1
    of_epoch = (first.length + first.size - 1) // first.size
    for i in range(first.steps):
        start = i % of_epoch * first.size
        chosen = vector_at(order, i // of_epoch * first.length, first.length)
        left = first.length - start
        m = first.size if first.size < left else left
        x_of_batch = matrix_at(x, 0, m, first.n_x)
        y_of_batch = matrix_at(y, 0, m, first.n_y)
        call(first.gather, X, chosen, start, x_of_batch)
        call(first.gather, Y, chosen, start, y_of_batch)
        if first.weights > 0:
            weight = array_at(first.weight, like, first.weights)
            for j in range(m):
                s[j] = weight[chosen[start + j]]
        columns = array_at(first.columns, like, first.n_x, 0)
        if first.transposed if m == first.size else first.transposed_last:
            columns = array_at(first.columns, like, first.n_x, m)
            call(first.transpose, x_of_batch, columns)
        for k in range(networks):
            row = row_at(rows, k)
            newest = row.odd if i % 2 else row.even
            theta = array_at(row.theta if i == 0 else newest, like, row.P)
            gradients(row, i, theta, x_of_batch, columns, y_of_batch, matrix_at(s, 0, 1, m))
            if row.update != 0:
                update(row, i, theta)


@compiled_inner
def gradients(row: Any, i: int, theta: Array, x: Array, columns: Array, y: Array, s: Array) -> None:
    """Cost and gradients of a network in step i."""
    network = (
        array_at(row.loops, np.int64, DECAY + 1),
        array_at(row.layout, np.int64, row.layers, 4),
        array_at(row.kinds, np.int64, row.layers, row.kinds_of_layer),
        array_at(row.slopes, x, row.layers, 2, 3),
    )
    keys = array_at(row.keys, np.int64, row.steps, 2)
    masks = keys[i, 0], keys[i, 1], row.least, row.kept, row.drop, row.divide
    work = array_at(row.work, x, row.size * row.room_of_sample)
    grads = array_at(row.grads, x, row.P)
    data = x, columns, y, s, row.l2, masks, theta, work, grads
    array_at(row.costs, x, row.steps)[i] = number_of(row.gradients, *network, *data)


@compiled_inner
def update(row: Any, i: int, theta: Array) -> None:
    """Update the parameters of one network, `theta`, after step i."""
    grads = array_at(row.grads, theta, row.P)
    new = array_at(row.even if i % 2 else row.odd, theta, row.P)
    first = array_at(row.first, theta, row.P)
    second = array_at(row.second, theta, row.P)
    segments = array_at(row.segments, np.int64, row.parts, 3)
    rates = array_at(row.rates, np.float64, row.steps)
    values = array_at(row.values, np.float64, row.steps, 2, MOST_VALUES)
    for part in range(row.parts):
        begin, n = segments[part, 0], segments[part, 1] - segments[part, 0]
        v = vector_at(values, (2 * i + segments[part, 2]) * MOST_VALUES, MOST_VALUES)
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
    whole = m - m % BLOCK
    for start in range(0, whole, BLOCK):
        for j in range(n):
            for i in range(BLOCK):  # so many, known here: in vectors, in half the time
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


class Room:
    """Memory that steps are made in, used again: one at a time may have it."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}

    def train(self, rows: Array, like: Array) -> None:
        """Train the networks of these rows in here."""
        first = rows[0]
        names = "size", "n_x", "n_y", "room_of_sample"
        size, n_x, n_y, room = (int(first[name]) for name in names)
        columns = size * n_x if first["transposed"] or first["transposed_last"] else 0
        if columns:
            rows["transpose"] = _of_transpose(like.dtype)
        sizes = {"x": size * n_x, "columns": columns, "y": size * n_y, "s": size}
        for name, length in (sizes | {"work": size * room}).items():
            array = self.arrays.get(name)
            if array is None or array.size < length or array.dtype != like.dtype:
                array = self.arrays[name] = np.empty(length, like.dtype)
            rows[name] = array.ctypes.data
        train(rows.ctypes.data, len(rows), like)


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
