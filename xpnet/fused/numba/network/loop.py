"""Training loop as one compiled call: gather, gradients, update, and again, of one network or some.

Some networks of one form that are trained on the same samples in the same order share what is
gathered, and the products of the first layer: their weights one below the other times the batch are
one product, which brings the batch into the order that the BLAS wants once for all.

A network's arguments are a row of a table: numbers, and the addresses and sizes of arrays, so that
a call takes rows of as many networks as there are.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numba
import numpy as np

from xpnet.fused.numba.blas import AS_IT_IS, TRANSPOSED, product
from xpnet.fused.numba.compilation.address import call, number_of, pointer_to
from xpnet.fused.numba.compilation.compiler import compiled, compiled_inner
from xpnet.fused.numba.compilation.views import matrix_at, vector_at
from xpnet.fused.numba.dropout import Masks
from xpnet.fused.numba.gather import gather
from xpnet.fused.numba.network.gradients import (
    BETWEEN,
    BLAS,
    DECAY,
    DZ_ROW,
    FIRST,
    MOST_OWN,
    Z_ROW,
    ZERO,
    dense,
    matrix,
)
from xpnet.fused.numba.updates import MOST_VALUES
from xpnet.types import Array

view: Any = numba.carray  # type: ignore[attr-defined]

ADDRESSES = (
    *("gradients", "update", "loops", "layout", "kinds", "slopes", "X", "Y", "weight", "order"),
    *("segments", "rates", "values", "keys", "drop", "divide", "theta", "odd", "even", "grads"),
    *("first", "second", "costs", "x", "y", "s", "work", "stack"),
)
SIZES = (
    *("layers", "columns", "P", "m", "n_x", "n_y", "weights", "epochs", "length", "size"),
    *("steps", "parts", "least", "units", "common", "room"),
)
ROW = np.dtype([(name, np.int64) for name in ADDRESSES + SIZES] + [("l2", float), ("kept", float)])
"""A row of the table: the name of an array or a loop stands for its address."""

NOTHING = dict.fromkeys(ROW.names, 0)

Network: TypeAlias = tuple[Array, Array, Array, Array]


@compiled
def train(rows: Array, like: Array) -> None:
    """As many steps as a row says, of each network.

    Parameters
    ----------
    rows : array of ROW, shape (K,)
        Of each network:

        - gradients, update: addresses of loops of `gradients` and `updates`;
        - loops, layout (layers, 4), kinds (layers, columns), slopes (layers, 2, 3): the first
          arguments of `cost_and_gradients`;
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
        - x (size, n_x), y (size, n_y), s (size,), work (room,), stack (K * units * n_x,): room for
          a batch, for what `kinds` has rows of, and for the weights of the first layers, of so
          many units each.
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
        data = x_of_batch, y_of_batch, matrix_at(s, 0, 1, m)
        if len(rows) == 1:
            gradients_of_one(first, i, *data)
        else:
            gradients_of_some(rows, i, *data)
        for k in range(len(rows)):
            update(rows[k], i, like)


@compiled_inner
def gradients_of_one(row: Any, i: int, x: Array, y: Array, s: Array) -> None:
    """Cost and gradients of one network in step i."""
    costs = view(pointer_to(row.costs, x), (row.steps,))
    theta, work, grads = vectors_of(row, i, x)
    masks = masks_in(row, i)
    network = network_of(row, x)
    data = x, y, s, row.l2, masks
    costs[i] = number_of(row.gradients, *network, *data, theta, work, grads)


@compiled_inner
def gradients_of_some(rows: Array, i: int, x: Array, y: Array, s: Array) -> None:
    """The same of each network, with one product for the first layers of all, there and back."""
    first, K, m = rows[0], len(rows), len(x)
    loops, layout, kinds, slopes = network_of(first, x)
    n, n_x, begin = layout[0, 0], layout[0, 1], kinds[0, FIRST]
    W = view(pointer_to(first.stack, x), (K * n, n_x))
    work = view(pointer_to(first.work, x), (first.room,))
    Z = matrix(work, begin + (kinds[0, Z_ROW] - begin) * K, K * n, m)
    dZ = matrix(work, begin + (kinds[0, DZ_ROW] - begin) * K, K * n, m)
    for k in range(K):
        theta, _, _ = vectors_of(rows[k], i, x)
        copy(dense(theta, layout, ZERO)[0], matrix_at(W, k * n * n_x, n, n_x))
    product(loops[BLAS], W, AS_IT_IS, x, TRANSPOSED, Z)
    J = np.empty(K, np.float64)  # what a penalty is added to, as in `cost_and_gradients`
    for k in range(K):
        theta, _, grads = vectors_of(rows[k], i, x)
        data = y, s, masks_in(rows[k], i), k, K, theta, work, grads
        J[k] = number_of(loops[BETWEEN], loops, layout, kinds, slopes, *data)
    product(loops[BLAS], dZ, AS_IT_IS, x, AS_IT_IS, W)
    for k in range(K):
        row = rows[k]
        theta, _, grads = vectors_of(row, i, x)
        copy(matrix_at(W, k * n * n_x, n, n_x), dense(grads, layout, ZERO)[0])
        if row.l2 != 0.0:
            own = view(pointer_to(row.loops, np.int64), (DECAY + 1,))
            J[k] += number_of(own[DECAY], layout, theta, row.l2, s, grads)
        view(pointer_to(row.costs, x), (row.steps,))[i] = J[k]


@compiled_inner
def update(row: Any, i: int, like: Array) -> None:
    """Update the parameters of one network after step i."""
    theta, _, grads = vectors_of(row, i, like)
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
def network_of(row: Any, like: Array) -> Network:
    """The first arguments of `cost_and_gradients`."""
    return (
        view(pointer_to(row.loops, np.int64), (DECAY + 1,)),
        view(pointer_to(row.layout, np.int64), (row.layers, 4)),
        view(pointer_to(row.kinds, np.int64), (row.layers, row.columns)),
        view(pointer_to(row.slopes, like), (row.layers, 2, 3)),
    )


@compiled_inner
def vectors_of(row: Any, i: int, like: Array) -> tuple[Array, Array, Array]:
    """The parameters before step i, room for its layers, and for its gradients."""
    newest = row.odd if i % 2 else row.even
    theta = view(pointer_to(row.theta if i == 0 else newest, like), (row.P,))
    work = view(pointer_to(row.work, like), (row.room,))
    return theta, work, view(pointer_to(row.grads, like), (row.P,))


@compiled_inner
def masks_in(row: Any, i: int) -> Masks:
    """The dropout of step i."""
    keys = view(pointer_to(row.keys, np.int64), (row.steps, 2))
    return keys[i, 0], keys[i, 1], row.least, row.kept, row.drop, row.divide


@compiled_inner
def copy(A: Array, to_A: Array) -> None:
    """Copy a matrix."""
    n, m = A.shape
    for i in range(n):
        for j in range(m):
            to_A[i, j] = A[i, j]


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
        first, K = rows[0], len(rows)
        size, n_x, units = (int(first[name]) for name in ("size", "n_x", "units"))
        rows["room"] = (int(first["common"]) + MOST_OWN * units * K) * size
        for name, length in {
            "x": size * n_x,
            "y": size * int(first["n_y"]),
            "s": size,
            "work": int(rows["room"][0]),
            "stack": units * n_x * K if K > 1 else 0,
        }.items():
            array = self.arrays.get(name)
            if array is None or array.size < length or array.dtype != like.dtype:
                array = self.arrays[name] = np.empty(length, like.dtype)
            rows[name] = array.ctypes.data
        train(rows, like)
