"""Cost and gradients of a whole network as one compiled call, its products among the rest.

Called one by one, the kernels of a small network take less time than Python between them. All
parameters lie in one vector and all gradients in another; `layout` has a row a layer: n_out, n_in,
and where W and b begin in both.

A single layer with few outputs, as logistic regression has, takes a few samples at a time: each
number of X is read from memory once, and used forward and back while it is in the cache. Products
are so small that the BLAS leaves them to the thread that calls it.
"""

from __future__ import annotations

import numpy as np

from xpnet.fused.numba.activations import piecewise_forward
from xpnet.fused.numba.blas import ALONE, AS_IT_IS, TRANSPOSED, gemm
from xpnet.fused.numba.compilation.address import call, number_of
from xpnet.fused.numba.compilation.compiler import compiled, compiled_inner
from xpnet.fused.numba.compilation.views import matrix_at, vector_at
from xpnet.fused.numba.dense import add_scaled, square_sum
from xpnet.fused.numba.dropout import DIVIDE, DROP, KEPT, Masks
from xpnet.fused.numba.network.places import PASSING, ROW, UNIT, WIDEST, dense, passing, units
from xpnet.fused.numba.thin import samples_at_once
from xpnet.types import Array

BLAS, PRODUCT, FORWARD, BACKWARD, SUMS, OUTPUT, DECAY = range(7)  # of `loops`
ACTIVATE, DERIVE, MULTIPLY = range(3)  # of `kinds`, and those of `places`
DA = 2  # of `passing`


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
    length: int,
    room: Array,
    to_gradients: Array,
) -> float:
    """`cost_and_gradients` or its thin form at that address, called by Python: runs do without.

    Of blocks of `length` samples one after the other; `room` is for gradients of all but the first.
    """
    network = loops, layout, kinds, slopes
    (m, n_x), n_y, share, rows = X.shape, Y.shape[1], share_of(weight), work.size // X.shape[0]
    J = 0.0
    for before in range(0, m, length):
        n = length if length < m - before else m - before
        samples = matrix_at(X, before * n_x, n, n_x), matrix_at(X, 0, 0, 0)
        targets = matrix_at(Y, before * n_y, n, n_y), matrix_at(weight, before, 1, n)
        rest = share, before, l2 if before == 0 else 0.0, masks, theta
        grads = to_gradients if before == 0 else room
        memory = vector_at(work, before * rows, n * rows), grads
        J += number_of(gradients, *network, *samples, *targets, *rest, *memory)
        if before > 0:
            add(to_gradients, room)
    return J


@compiled_inner
def add(to_gradients: Array, gradients: Array) -> None:
    """Add those of a block to those of the first."""
    for j in range(len(gradients)):
        to_gradients[j] += gradients[j]


@compiled_inner
def cost_and_gradients(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    X: Array,
    X_columns: Array,
    Y: Array,
    weight: Array,
    share: float,
    before: int,
    l2: float,
    masks: Masks,
    theta: Array,
    work: Array,
    to_gradients: Array,
) -> float:
    """Forward, cost and backward; returns J.

    Parameters
    ----------
    loops : array of int, shape (7,)
        The addresses of the BLAS's `routine`, of `product`, `forward`, `backward` and `row_sums`,
        of the output's loop, and of `decayed` where `l2` is not 0. Without `backward`, gradients
        are any numbers.
    layout : array of int, shape (L, 4)
    kinds : array of int, shape (L, 7)
        The addresses of each layer's loops: its activation, the identity in the output layer; the
        derivative by Z; what multiplies by the derivative. Then the numbers of its first unit, and
        of the row in `work` where its Z begins, or -1 where the derivative does without; and, the
        same for all layers, the row where matrices of the widest begin, and how wide that is.
    slopes : array, shape (L, 2, 3)
        Of `SLOPES`.
    X, Y : array, shapes (m, n_x) and (m, n_y)
        Samples as rows, C-contiguous.
    X_columns : array, shape (n_x, m)
        The same as columns, C-contiguous, or empty: some BLAS take half the time for them, which is
        less than it takes to transpose them for one network alone.
    weight : array, shape (1, m)
        Ones where all samples count the same: code for None beside it compiles twice as long.
    share : float
        One through the sum of all weights of the batch, of `share_of`.
    before : int
        Samples of the batch that come before these.
    l2 : float
    masks : tuple
        Of `masks_of`.
    theta, to_gradients : array, shape (P,)
    work : array
        Room for A of every layer, each Z that is kept, three matrices of the widest layer, and
        three rows: m numbers for each row of them.
    """
    m, last = X.shape[0], len(layout) - 1
    call(loops[FORWARD], loops, layout, kinds, slopes, X, X_columns, before, masks, theta, work)
    Z, dZ = units(work, layout, kinds, last, m), passing(work, layout, kinds, last % 2, last, m)
    rest = (kinds[last, PASSING] + 3 * kinds[last, WIDEST]) * m
    s, rows = matrix_at(work, rest, 1, m), matrix_at(work, rest + m, 2, m)
    of_dtype = X.dtype.type(share)
    for j in range(m):
        s[0, j] = weight[0, j] * of_dtype
    J: float = number_of(loops[OUTPUT], Z, Y.T, 1.0, s, dZ, rows)
    if loops[BACKWARD] != 0:
        rest = before, masks, theta, work, to_gradients
        call(loops[BACKWARD], loops, layout, kinds, slopes, X, *rest)
    if l2 != 0.0:
        J += number_of(loops[DECAY], layout, theta, l2 * share, to_gradients)
    return J


@compiled_inner
def total(costs: Array) -> float:
    """The sum over blocks, of which there are four at the most: in no loop, to be in one order."""
    J: float = costs[0]
    if len(costs) > 1:
        J += costs[1]
    if len(costs) > 2:
        J += costs[2]
    if len(costs) > 3:
        J += costs[3]
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
    X: Array,
    X_columns: Array,
    before: int,
    masks: Masks,
    theta: Array,
    work: Array,
) -> None:
    """A of every layer, and each Z that is kept."""
    m, last = X.shape[0], len(layout) - 1
    for layer in range(last + 1):
        W, b = dense(theta, layout, layer)
        activate, row = kinds[layer, ACTIVATE], kinds[layer, ROW]
        A = units(work, layout, kinds, layer, m)
        Z = A if row < 0 else matrix_at(work, row * m, len(W), m)
        if layer == 0 and X_columns.size > 0:
            call(loops[PRODUCT], loops[BLAS], W, AS_IT_IS, X_columns, AS_IT_IS, Z)
        elif layer == 0:
            call(loops[PRODUCT], loops[BLAS], W, AS_IT_IS, X, TRANSPOSED, Z)
        else:
            A_prev = units(work, layout, kinds, layer - 1, m)
            call(loops[PRODUCT], loops[BLAS], W, AS_IT_IS, A_prev, AS_IT_IS, Z)
        if row < 0:
            call(activate, A, b, np.float64(slopes[layer, 1, 0]), None)
        else:
            call(activate, Z, b, A)
        if masks[KEPT] > 0 and layer < last:
            call(masks[DROP], A, kinds[layer, UNIT], kinds[last, UNIT] + before, masks)


@compiled_inner
def backward(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    X: Array,
    before: int,
    masks: Masks,
    theta: Array,
    work: Array,
    to_gradients: Array,
) -> None:
    """From the last layer's dZ, which is in its place, to all gradients.

    The first two matrices of the widest layer hold dZ of one layer and the next in turn, the third
    dA.
    """
    m, last = X.shape[0], len(layout) - 1
    for layer in range(last, -1, -1):
        W, _ = dense(theta, layout, layer)
        dW, db = dense(to_gradients, layout, layer)
        dZ = passing(work, layout, kinds, layer % 2, layer, m)
        if layer == last:
            call(loops[SUMS], dZ, db)
        else:
            dA = passing(work, layout, kinds, DA, layer, m)
            A, row = units(work, layout, kinds, layer, m), kinds[layer, ROW]
            if masks[KEPT] > 0:
                call(masks[DROP], dA, kinds[layer, UNIT], kinds[last, UNIT] + before, masks)
                call(masks[DIVIDE], A, masks[KEPT])  # the slope's A is without its mask
            if row < 0:
                call(kinds[layer, MULTIPLY], dA, A, None, slopes[layer], dZ, db)
            else:
                call(kinds[layer, DERIVE], matrix_at(work, row * m, len(W), m), dZ)
                call(kinds[layer, MULTIPLY], dA, dZ, None, dZ, db)
        if layer == 0:
            call(loops[PRODUCT], loops[BLAS], dZ, AS_IT_IS, X, AS_IT_IS, dW)
        else:
            A_prev = units(work, layout, kinds, layer - 1, m)
            call(loops[PRODUCT], loops[BLAS], dZ, AS_IT_IS, A_prev, TRANSPOSED, dW)
            dA = passing(work, layout, kinds, DA, layer - 1, m)
            call(loops[PRODUCT], loops[BLAS], W, TRANSPOSED, dZ, AS_IT_IS, dA)


@compiled_inner
def decayed(layout: Array, theta: Array, decay: float, to_gradients: Array) -> float:
    """In place: ``dW ← dW + decay · W``; returns ``½ decay Σ ‖W‖²``."""
    total = 0.0
    for layer in range(len(layout)):
        W, _ = dense(theta, layout, layer)
        dW, _ = dense(to_gradients, layout, layer)
        add_scaled(W, decay, dW)
        total += square_sum(W)
    return 0.5 * decay * total


@compiled_inner
def thin_cost_and_gradients(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    X: Array,
    X_columns: Array,
    Y: Array,
    weight: Array,
    share: float,
    before: int,
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
    at_once = samples_at_once(n, n_x)  # in the cache between their way forward and back
    width = ALONE // (n * at_once)
    one, zero = X.dtype.type(1), X.dtype.type(0)
    of_dtype = X.dtype.type(share)
    to_gradients[:] = 0
    J = 0.0
    for start in range(0, m, at_once):
        rows = at_once if start + at_once <= m else m - start
        Z, dZ = matrix_at(work, 0, n, rows), matrix_at(work, n * rows, n, rows)
        s, Y_of_rows = matrix_at(work, 2 * n * rows, 1, rows), matrix_at(Y, start * n, rows, n)
        room = matrix_at(work, (2 * n + 1) * rows, 2, rows)
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
        J += number_of(loops[OUTPUT], Z, Y_of_rows.T, 1.0, s, dZ, room)
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
        J += number_of(loops[DECAY], layout, theta, l2 * share, to_gradients)
    return J
