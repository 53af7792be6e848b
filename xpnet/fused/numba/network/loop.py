"""Training loop as one compiled call: gather, gradients, update, and again, of one network or some.

Some networks that are trained on the same samples in the same order share what is gathered. For
them a batch is also transposed, as a product with samples as columns may take half the time.

A network's arguments are a row of a table: numbers, and the addresses and sizes of arrays, so that
a call takes rows of as many networks as there are.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from xpnet.fused.numba.compilation.address import call, number_of, pointer_to
from xpnet.fused.numba.compilation.compiler import compiled, compiled_inner
from xpnet.fused.numba.compilation.views import matrix_at, vector_at
from xpnet.fused.numba.gather import gather
from xpnet.fused.numba.network.gradients import DECAY
from xpnet.fused.numba.updates import MOST_VALUES
from xpnet.types import Array

view: Any = numba.carray  # type: ignore[attr-defined]

ADDRESSES = (
    *("gradients", "update", "loops", "layout", "kinds", "slopes", "X", "Y", "weight", "order"),
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

NOTHING = dict.fromkeys(ROW.names or (), 0.0)


@compiled
def train(rows: Array, like: Array) -> None:
    """As many steps as a row says, of each network.

    Parameters
    ----------
    rows : array of ROW, shape (K,)
        Of each network:

        - gradients, update: addresses of loops of `gradients` and `updates`;
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
    like : array
        Of the dtype of all that are no whole numbers.
    """
    first = rows[0]
    X = view(pointer_to(first.X, like), (first.m, first.n_x))
    Y = view(pointer_to(first.Y, like), (first.m, first.n_y))
    order = view(pointer_to(first.order, np.int64), (first.epochs, first.length))
    x = view(pointer_to(first.x, like), (first.size, first.n_x))
    y = view(pointer_to(first.y, like), (first.size, first.n_y))
    s = view(pointer_to(first.s, like), (first.size,))
    s[:] = 1
    of_epoch = (first.length + first.size - 1) // first.size
    for i in range(first.steps):
        start = i % of_epoch * first.size
        chosen = vector_at(order, i // of_epoch * first.length, first.length)
        m = min(first.size, first.length - start)
        x_of_batch = matrix_at(x, 0, m, first.n_x)
        y_of_batch = matrix_at(y, 0, m, first.n_y)
        gather(X, chosen, start, x_of_batch)
        gather(Y, chosen, start, y_of_batch)
        if first.weights > 0:
            weight = view(pointer_to(first.weight, like), (first.weights,))
            for j in range(m):
                s[j] = weight[chosen[start + j]]
        columns = view(pointer_to(first.columns, like), (first.n_x, 0))
        if first.transposed if m == first.size else first.transposed_last:
            columns = view(pointer_to(first.columns, like), (first.n_x, m))
            transpose(x_of_batch, columns)
        for k in range(len(rows)):
            gradients(rows[k], i, x_of_batch, columns, y_of_batch, matrix_at(s, 0, 1, m))
            update(rows[k], i, like)


@compiled_inner
def gradients(row: Any, i: int, x: Array, columns: Array, y: Array, s: Array) -> None:
    """Cost and gradients of a network in step i."""
    network = (
        view(pointer_to(row.loops, np.int64), (DECAY + 1,)),
        view(pointer_to(row.layout, np.int64), (row.layers, 4)),
        view(pointer_to(row.kinds, np.int64), (row.layers, row.kinds_of_layer)),
        view(pointer_to(row.slopes, x), (row.layers, 2, 3)),
    )
    keys = view(pointer_to(row.keys, np.int64), (row.steps, 2))
    masks = keys[i, 0], keys[i, 1], row.least, row.kept, row.drop, row.divide
    work = view(pointer_to(row.work, x), (row.size * row.room_of_sample,))
    grads = view(pointer_to(row.grads, x), (row.P,))
    data = x, columns, y, s, row.l2, masks, parameters(row, i, x), work, grads
    view(pointer_to(row.costs, x), (row.steps,))[i] = number_of(row.gradients, *network, *data)


@compiled_inner
def update(row: Any, i: int, like: Array) -> None:
    """Update the parameters of one network after step i."""
    theta, grads = parameters(row, i, like), view(pointer_to(row.grads, like), (row.P,))
    new = view(pointer_to(row.even if i % 2 else row.odd, like), (row.P,))
    first = view(pointer_to(row.first, like), (row.P,))
    second = view(pointer_to(row.second, like), (row.P,))
    segments = view(pointer_to(row.segments, np.int64), (row.parts, 3))
    rates = view(pointer_to(row.rates, np.float64), (row.steps,))
    values = view(pointer_to(row.values, np.float64), (row.steps, 2, MOST_VALUES))
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
def parameters(row: Any, i: int, like: Array) -> Array:
    """Those before step i."""
    newest = row.odd if i % 2 else row.even
    return view(pointer_to(row.theta if i == 0 else newest, like), (row.P,))


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


def row_of(arrays: dict[str, Array], numbers: dict[str, float]) -> Array:
    """The row of a network, yet without room, from its arrays, and from numbers and addresses."""
    values = NOTHING | numbers | {name: array.ctypes.data for name, array in arrays.items()}
    return np.array([tuple(values.values())], ROW)


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
        sizes = {"x": size * n_x, "columns": columns, "y": size * n_y, "s": size}
        for name, length in (sizes | {"work": size * room}).items():
            array = self.arrays.get(name)
            if array is None or array.size < length or array.dtype != like.dtype:
                array = self.arrays[name] = np.empty(length, like.dtype)
            rows[name] = array.ctypes.data
        train(rows, like)
