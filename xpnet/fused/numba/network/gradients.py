"""Cost and gradients of a whole network as one compiled call, its products among the rest.

Called one by one, the kernels of a small network take less time than Python between them. All
parameters lie in one vector and all gradients in another; `layout` has a row a layer: n_out, n_in,
and where W and b begin in both.

A single layer with few outputs, as logistic regression has, takes a few samples at a time: each
number of X is read from memory once, and used forward and back while it is in the cache. Products
are so small that the BLAS leaves them to the thread that calls it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.fused.numba.activations import piecewise_forward
from xpnet.fused.numba.blas import ALONE, AS_IT_IS, TRANSPOSED, gemm, product
from xpnet.fused.numba.compilation.address import call, number_of
from xpnet.fused.numba.compilation.compiler import compiled, compiled_inner
from xpnet.fused.numba.compilation.views import matrix_at
from xpnet.fused.numba.dense import add_scaled, row_sums, square_sum
from xpnet.fused.numba.dropout import DIVIDE, DROP, KEPT, Masks
from xpnet.types import Array

MOST_OUTPUTS = 16
ROWS = 64  # samples that lie in the cache between their way forward and their way back

BLAS, BETWEEN, FORWARD, BACKWARD, OUTPUT, DECAY = range(6)  # of `loops`
ACTIVATE, DERIVE, MULTIPLY, UNIT = range(4)  # of `kinds`
# Of `kinds` as well: rows of `work`. Of a plain number, numba would make another `rows`.
A_ROW, Z_ROW, DZ_ROW, DA_ROW, SHARE, FIRST = np.arange(4, 10)
ZERO, ONE = np.int64(0), np.int64(1)
MOST_OWN = 3  # matrices of the first layer that each network has for itself


@compiled
def gradients_at(
    gradients: int,
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    X: Array,
    Y: Array,
    weight: Array,
    l2: float,
    masks: Masks,
    theta: Array,
    work: Array,
    to_gradients: Array,
) -> float:
    """`cost_and_gradients` or its thin form at that address, called by Python: runs do without."""
    data = X, Y, weight, l2, masks
    J: float = number_of(gradients, loops, layout, kinds, slopes, *data, theta, work, to_gradients)
    return J


@compiled_inner
def cost_and_gradients(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    X: Array,
    Y: Array,
    weight: Array,
    l2: float,
    masks: Masks,
    theta: Array,
    work: Array,
    to_gradients: Array,
) -> float:
    """Forward, cost and backward; returns J.

    Parameters
    ----------
    loops : array of int, shape (6,)
        The addresses of the BLAS's `routine`, of `between`, `forward` and `backward`, of the
        output's loop, and of `decayed` where `l2` is not 0. What adds up numbers is called so, as
        a copy within another loop may add in another order.
    layout : array of int, shape (L, 4)
    kinds : array of int, shape (L, 10)
        The addresses of each layer's loops: its activation, the identity in the output layer; the
        derivative by Z; what multiplies by the derivative. Then the number of its first unit, and
        the rows of `work` where its A begins, its Z, which are the same where the derivative does
        without Z, its dZ and its dA; and, the same for all layers, the row of the samples' shares,
        and the first of those that each network of some has for itself.
    slopes : array, shape (L, 2, 3)
        Of `SLOPES`.
    X, Y : array, shapes (m, n_x) and (m, n_y)
        Samples as rows, C-contiguous.
    weight : array, shape (1, m)
        Ones where all samples count the same: code for None beside it compiles twice as long.
    l2 : float
    masks : tuple
        Of `masks_of`.
    theta, to_gradients : array, shape (P,)
    work : array
        m numbers for each row.
    """
    m = X.shape[0]
    W, _ = dense(theta, layout, ZERO)
    dW, _ = dense(to_gradients, layout, ZERO)
    Z = rows(work, layout, kinds, ZERO, Z_ROW, ZERO, ONE, m)
    dZ = rows(work, layout, kinds, ZERO, DZ_ROW, ZERO, ONE, m)
    product(loops[BLAS], W, AS_IT_IS, X, TRANSPOSED, Z)
    of_network = loops, layout, kinds, slopes
    data = Y, weight, masks, ZERO, ONE, theta, work, to_gradients
    J: float = number_of(loops[BETWEEN], *of_network, *data)
    product(loops[BLAS], dZ, AS_IT_IS, X, AS_IT_IS, dW)
    if l2 != 0.0:
        J += number_of(loops[DECAY], layout, theta, l2, weight, to_gradients)
    return J


@compiled_inner
def between(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    Y: Array,
    weight: Array,
    masks: Masks,
    number: int,
    networks: int,
    theta: Array,
    work: Array,
    to_gradients: Array,
) -> float:
    """The same from the first layer's product to its dZ, of one network of some; returns J.

    Its `number` counts from 0. Of the first layer each network has its own Z, A and dZ, so that
    one product is that of all; they take turns with the rest.
    """
    m, last = Y.shape[0], len(layout) - 1
    of_network = loops, layout, kinds, slopes, masks, number, networks, m, theta, work
    call(loops[FORWARD], *of_network)
    s = matrix(work, kinds[0, SHARE], 1, m)
    share = Y.dtype.type(share_of(weight))
    for j in range(m):
        s[0, j] = weight[0, j] * share
    Z = rows(work, layout, kinds, last, Z_ROW, number, networks, m)
    dZ = rows(work, layout, kinds, last, DZ_ROW, number, networks, m)
    J: float = number_of(loops[OUTPUT], Z, Y.T, 1.0, s, dZ)
    call(loops[BACKWARD], *of_network, to_gradients)
    return J


@compiled_inner
def share_of(weight: Array) -> float:
    """``1 / Σ s`` in double precision, 0 of 0: in single a million loses three digits."""
    S = 0.0
    for j in range(weight.shape[1]):
        S += weight[0, j]
    return 1.0 / S if S > 0 else 0.0


@compiled_inner
def forward(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    masks: Masks,
    number: int,
    networks: int,
    m: int,
    theta: Array,
    work: Array,
) -> None:
    """From the first layer's product, which is in its place, to A of every layer and its Z."""
    last = len(layout) - 1
    for layer in range(last + 1):
        W, b = dense(theta, layout, layer)
        Z = rows(work, layout, kinds, layer, Z_ROW, number, networks, m)
        A = rows(work, layout, kinds, layer, A_ROW, number, networks, m)
        if layer > 0:
            A_prev = rows(work, layout, kinds, layer - 1, A_ROW, number, networks, m)
            product(loops[BLAS], W, AS_IT_IS, A_prev, AS_IT_IS, Z)
        if does_without_z(kinds, layer):
            call(kinds[layer, ACTIVATE], A, b, np.float64(slopes[layer, 1, 0]), None)
        else:
            call(kinds[layer, ACTIVATE], Z, b, A)
        if masks[KEPT] > 0 and layer < last:
            call(masks[DROP], A, kinds[layer, UNIT], kinds[last, UNIT], masks)


@compiled_inner
def backward(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    masks: Masks,
    number: int,
    networks: int,
    m: int,
    theta: Array,
    work: Array,
    to_gradients: Array,
) -> None:
    """From the last layer's dZ, which is in its place, to all gradients but the first dW."""
    last = len(layout) - 1
    for layer in range(last, -1, -1):
        W, _ = dense(theta, layout, layer)
        dW, db = dense(to_gradients, layout, layer)
        dZ = rows(work, layout, kinds, layer, DZ_ROW, number, networks, m)
        if layer == last:
            row_sums(dZ, db)
        else:
            dA = rows(work, layout, kinds, layer, DA_ROW, number, networks, m)
            A = rows(work, layout, kinds, layer, A_ROW, number, networks, m)
            if masks[KEPT] > 0:
                call(masks[DROP], dA, kinds[layer, UNIT], kinds[last, UNIT], masks)
                call(masks[DIVIDE], A, masks[KEPT])  # the slope's A is without its mask
            if does_without_z(kinds, layer):
                call(kinds[layer, MULTIPLY], dA, A, None, slopes[layer], dZ, db)
            else:
                Z = rows(work, layout, kinds, layer, Z_ROW, number, networks, m)
                call(kinds[layer, DERIVE], Z, dZ)
                call(kinds[layer, MULTIPLY], dA, dZ, None, dZ, db)
        if layer > 0:
            A_prev = rows(work, layout, kinds, layer - 1, A_ROW, number, networks, m)
            product(loops[BLAS], dZ, AS_IT_IS, A_prev, TRANSPOSED, dW)
            dA = rows(work, layout, kinds, layer - 1, DA_ROW, number, networks, m)
            product(loops[BLAS], W, TRANSPOSED, dZ, AS_IT_IS, dA)


@compiled_inner
def decayed(layout: Array, theta: Array, l2: float, weight: Array, to_gradients: Array) -> float:
    """In place: ``dW ← dW + decay · W``; returns ``½ decay Σ ‖W‖²``: l2's share of a batch."""
    decay, total = l2 * share_of(weight), 0.0
    for layer in range(len(layout)):
        W, _ = dense(theta, layout, layer)
        dW, _ = dense(to_gradients, layout, layer)
        add_scaled(W, decay, dW)
        total += square_sum(W)
    return 0.5 * decay * total


@compiled_inner
def dense(vector: Array, layout: Array, layer: int) -> tuple[Array, Array]:
    """W and b of a layer, or their gradients."""
    n_out, n_in = layout[layer, 0], layout[layer, 1]
    W = matrix_at(vector, layout[layer, 2], n_out, n_in)
    return W, matrix_at(vector, layout[layer, 3], n_out, 1)


@compiled_inner
def does_without_z(kinds: Array, layer: int) -> bool:
    """Whether the derivative of a layer's activation needs A alone."""
    return bool(kinds[layer, A_ROW] == kinds[layer, Z_ROW])


@compiled_inner
def rows(
    work: Array,
    layout: Array,
    kinds: Array,
    layer: int,
    column: int,
    number: int,
    networks: int,
    m: int,
) -> Array:
    """The matrix of a layer, of that network of some, that begins in the row in `column`."""
    n, row, first = layout[layer, 0], kinds[layer, column], kinds[layer, FIRST]
    if row >= first:
        row = first + (row - first) * networks + number * n
    return matrix(work, row, n, m)


@compiled_inner
def matrix(work: Array, row: int, n: int, m: int) -> Array:
    """The matrix (n, m) that begins at a row."""
    return matrix_at(work, row * m, n, m)


@compiled_inner
def thin_cost_and_gradients(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    X: Array,
    Y: Array,
    weight: Array,
    l2: float,
    masks: Masks,
    theta: Array,
    work: Array,
    to_gradients: Array,
) -> float:
    """The same of a single thin layer, from the same arguments, of which it does without three."""
    W, b = dense(theta, layout, 0)
    dW, db = dense(to_gradients, layout, 0)
    (m, n_x), n = X.shape, W.shape[0]
    width = ALONE // (n * ROWS)
    one, zero, share = X.dtype.type(1), X.dtype.type(0), share_of(weight)
    of_dtype = X.dtype.type(share)
    to_gradients[:] = 0
    J = 0.0
    for start in range(0, m, ROWS):
        rows = ROWS if start + ROWS <= m else m - start
        Z, dZ = matrix_at(work, 0, n, rows), matrix_at(work, n * rows, n, rows)
        s, Y_of_rows = matrix_at(work, 2 * n * rows, 1, rows), matrix_at(Y, start * n, rows, n)
        for j in range(rows):
            s[0, j] = weight[0, start + j] * of_dtype
        for first in range(0, n_x, width):
            k = width if first + width <= n_x else n_x - first
            beta, x = zero if first == 0 else one, start * n_x + first
            gemm(
                *(loops[BLAS], AS_IT_IS, TRANSPOSED, n, rows, k),
                *(W, first, n_x, X, x, n_x, beta, Z, 0, rows),
            )
        piecewise_forward(Z, b, 1.0, None)
        J += number_of(loops[OUTPUT], Z, Y_of_rows.T, 1.0, s, dZ)
        for first in range(0, n_x, width):
            k, x = width if first + width <= n_x else n_x - first, start * n_x + first
            gemm(
                *(loops[BLAS], AS_IT_IS, AS_IT_IS, n, k, rows),
                *(dZ, 0, rows, X, x, n_x, one, dW, first, n_x),
            )
        for i in range(n):
            total = zero  # of a few: in one long sum roundings add up
            for j in range(rows):
                total += dZ[i, j]
            db[i, 0] += total
    if l2 != 0.0:
        J += number_of(loops[DECAY], layout, theta, l2, weight, to_gradients)
    return J
