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
from xpnet.fused.numba.compilation.address import call, number_of
from xpnet.fused.numba.compilation.compiler import compiled_inner
from xpnet.fused.numba.compilation.views import address_at, array_at, matrix_at
from xpnet.fused.numba.dense import add_scaled, square_sum
from xpnet.fused.numba.dropout import DIVIDE, DROP, KEPT, Masks
from xpnet.fused.numba.network.places import (
    DA,
    DZ,
    REST,
    UNIT,
    A,
    Z,
    dense,
    rows_of,
)
from xpnet.fused.numba.products.blas import ALONE, AS_IT_IS, TRANSPOSED, gemm
from xpnet.fused.numba.products.matmul import SUMMED
from xpnet.fused.numba.products.thin import samples_at_once
from xpnet.types import Array

BLAS, MATMUL, TRANSPOSE, FORWARD, BACKWARD, SUMS, OUTPUT, DECAY = range(8)  # of `loops`
ACTIVATE, DERIVE, MULTIPLY = range(3)  # of `kinds`, and those of `places`

ROWS = 64
"""Rows of W that are read at a time across: of more, their places in memory would be looked up anew
for each few columns."""
MOST = 256
"""Samples whose products are one sum: of more, roundings add up."""
BYTES = 2**18
"""Of A of so many samples, in the columns that are multiplied at once by many rows of dZ: they are
to lie in the cache, as each row of dZ needs them all."""
FEW = 8
"""Samples up to which the BLAS is faster: they are too few to fill a register."""


@compiled_inner
def cost_and_differences(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    columns: Array,
    Y: Array,
    weight: Array,
    before: int,
    masks: Masks,
    theta: Array,
    work: Array,
    across: Array,
    to_db: Array,
) -> float:
    """Forward, cost and backward up to dZ of every layer, of a block of samples; its part of J.

    Parameters
    ----------
    loops : array of int, shape (8,)
        The addresses of the BLAS's `routine`, of `matmul`, `transpose`, `forward`, `backward` and
        `row_sums`, of the output's loop, and of `decayed` where there is a penalty. Without
        `backward` there is the cost alone.
    layout : array of int, shape (L, 4)
    kinds : array of int, shape (L, 9)
        The addresses of each layer's loops: its activation, the identity in the output layer; the
        derivative by Z; what multiplies by the derivative. Then the rows of `work` where its
        matrices begin: A, whose row is also where its units begin in `across` and `to_db`; Z, or -1
        where the derivative does without; dZ; dA; and what else there is. Then the number that its
        first unit has for dropout.
    slopes : array, shape (L, 2, 3)
        Of `SLOPES`.
    columns : array, shape (n_x * m,)
        Samples as columns; of length 0 where the product of the first layer is in its place.
    Y : array, shape (n_y, m)
    weight : array, shape (1, m)
        Through the sum of all weights of the batch.
    before : int
        Samples of the batch that come before these.
    masks : tuple
        Of `masks_of`.
    theta : array, shape (P,)
    work : array
        Room for those matrices, of m numbers a row, and then three rows.
    across : array, shape (m * 2 * units,)
        A row for each sample: A of every layer, and then dZ of every layer.
    to_db : array, shape (units,)
        Of every layer.
    """
    m, last = Y.shape[1], len(layout) - 1
    of_block = m, before, masks, theta, work, across
    call(loops[FORWARD], loops, layout, kinds, slopes, columns, *of_block)
    logits = rows_of(work, layout, kinds, A, last, m)
    to_dZ = rows_of(work, layout, kinds, DZ, last, m)
    rows = matrix_at(work, kinds[last, REST] * m, 3, m)
    J: float = number_of(loops[OUTPUT], logits, Y, 1.0, weight, to_dZ, rows)
    if loops[BACKWARD] != 0:
        call(loops[BACKWARD], loops, layout, kinds, slopes, *of_block, to_db)
    return J


@compiled_inner
def forward(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    columns: Array,
    m: int,
    before: int,
    masks: Masks,
    theta: Array,
    work: Array,
    across: Array,
) -> None:
    """A of every layer, each Z that is kept, and A across where there is a way back."""
    last = len(layout) - 1
    A_prev = address_at(columns, 0)
    for layer in range(last + 1):
        W, b = dense(theta, layout, layer)
        n, n_in = W.shape
        activate, is_kept = kinds[layer, ACTIVATE], kinds[layer, Z] >= 0
        to_A = rows_of(work, layout, kinds, A, layer, m)
        to_Z = rows_of(work, layout, kinds, Z if is_kept else A, layer, m)
        is_made = layer == 0 and len(columns) == 0
        for start in range(0, n_in if m > FEW and not is_made else 0, SUMMED):
            k = SUMMED if n_in - start > SUMMED else n_in - start
            of_W, of_A = address_at(W, start), A_prev + start * m * theta.itemsize
            product = of_W, n_in, 1, of_A, m, k, min(start, 1), address_at(to_Z, 0), m, n, m
            call(loops[MATMUL], *product, theta)
        if m <= FEW:
            few(loops[BLAS], W, array_at(A_prev, theta, n_in, m), to_Z)
        if is_kept:
            call(activate, to_Z, b, to_A)
        else:
            call(activate, to_A, b, np.float64(slopes[layer, 1, 0]), None)
        A_prev = address_at(to_A, 0)
        if layer < last:
            if masks[KEPT] > 0:
                call(masks[DROP], to_A, kinds[layer, UNIT], kinds[last, UNIT] + before, masks)
            if loops[BACKWARD] != 0:
                rows = address_at(across, kinds[layer, A])
                call(loops[TRANSPOSE], A_prev, m, rows, len(across) // m, n, m, theta)


@compiled_inner
def few(blas: int, W: Array, A_prev: Array, to_Z: Array) -> None:
    """``Z = W A`` of few samples, in pieces so small that the BLAS takes one thread for each."""
    (n, n_in), m = W.shape, A_prev.shape[1]
    rows = ALONE // (n_in * m)
    rows = rows if rows > 1 else 1
    for i in range(0, n, rows):
        k = rows if rows < n - i else n - i
        matrices = W, i * n_in, n_in, A_prev, 0, m, W.dtype.type(0), to_Z, i * m, m
        gemm(blas, AS_IT_IS, AS_IT_IS, k, m, n_in, *matrices)


@compiled_inner
def backward(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    m: int,
    before: int,
    masks: Masks,
    theta: Array,
    work: Array,
    across: Array,
    to_db: Array,
) -> None:
    """From the last layer's dZ, which is in its place, to those of all layers, and their db."""
    last = len(layout) - 1
    for layer in range(last, -1, -1):
        W, _ = dense(theta, layout, layer)
        n, n_in = W.shape
        dZ = rows_of(work, layout, kinds, DZ, layer, m)
        db = matrix_at(to_db, kinds[layer, A], n, 1)
        if layer == last:
            call(loops[SUMS], dZ, db)
        else:
            dA = rows_of(work, layout, kinds, DA, layer, m)
            of_A = rows_of(work, layout, kinds, A, layer, m)
            if masks[KEPT] > 0:
                call(masks[DROP], dA, kinds[layer, UNIT], kinds[last, UNIT] + before, masks)
                call(masks[DIVIDE], of_A, masks[KEPT])  # the slope's A is without its mask
            if kinds[layer, Z] < 0:
                call(kinds[layer, MULTIPLY], dA, of_A, None, slopes[layer], dZ, db)
            else:
                call(kinds[layer, DERIVE], rows_of(work, layout, kinds, Z, layer, m), dZ)
                call(kinds[layer, MULTIPLY], dA, dZ, None, dZ, db)
        of_sample = len(across) // m
        rows = address_at(across, of_sample // 2 + kinds[layer, A])
        call(loops[TRANSPOSE], address_at(dZ, 0), m, rows, of_sample, n, m, theta)
        if layer > 0:
            to_dA = address_at(work, kinds[layer - 1, DA] * m)
            for start in range(0, n, ROWS):
                k = ROWS if n - start > ROWS else n - start
                of_W, of_dZ = address_at(W, start * n_in), address_at(dZ, start * m)
                product = of_W, 1, n_in, of_dZ, m, k, min(start, 1), to_dA, m, n_in, m
                call(loops[MATMUL], *product, theta)


@compiled_inner
def layer_gradients(
    loops: Array,
    kinds: Array,
    layer: int,
    first: int,
    x: Array,
    across: Array,
    m: int,
    to_dW: Array,
) -> None:
    """So many rows of dW of a layer, from `first` on, of all samples of a batch.

    Parameters
    ----------
    loops, kinds, across : array
        Of `cost_and_differences`, the latter of the batch.
    layer, first : int
    x : array, shape (m * n_x,)
        Samples as rows.
    m : int
    to_dW : array, shape (n, n_in)
    """
    of_sample = len(across) // m
    dZ = address_at(across, of_sample // 2 + kinds[layer, A] + first)
    A_prev, row = address_at(x, 0), to_dW.shape[1]
    if layer > 0:
        A_prev, row = address_at(across, kinds[layer - 1, A]), of_sample
    weight_gradients(loops[MATMUL], dZ, of_sample, A_prev, row, m, to_dW)


@compiled_inner
def weight_gradients(
    matmul: int, dZ: int, row_dZ: int, A_prev: int, row_A: int, m: int, to_dW: Array
) -> None:
    """``dW = dZ A_prevᵀ`` of matrices at those addresses, with a row for each of m samples.

    `row_dZ` and `row_A` are the entries from one row to the next.
    """
    (n, n_in), size = to_dW.shape, to_dW.itemsize
    width = BYTES // (MOST * size)
    # Few rows of dZ use each number of A too seldom for the cache to matter.
    width = width if n >= width // 2 else n_in
    for column in range(0, n_in, width):
        columns = width if width < n_in - column else n_in - column
        for before in range(0, m, MOST):
            k = MOST if m - before > MOST else m - before
            of_A = A_prev + (before * row_A + column) * size
            factors = dZ + before * row_dZ * size, 1, row_dZ, of_A, row_A
            place = address_at(to_dW, column), n_in, n, columns
            call(matmul, *factors, k, min(before, 1), *place, to_dW)


@compiled_inner
def decayed(W: Array, decay: float, to_dW: Array, to_squares: Array) -> None:
    """In place: ``dW ← dW + decay · W``; and ``Σ w²`` of each row."""
    add_scaled(W, decay, to_dW)
    n, n_in = W.shape
    for i in range(n):
        to_squares[i] = square_sum(matrix_at(W, i * n_in, 1, n_in))


@compiled_inner
def thin_cost_and_gradients(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    X: Array,
    Y: Array,
    weight: Array,
    theta: Array,
    work: Array,
    to_gradients: Array,
) -> float:
    """Cost and gradients of a single thin layer, from much the same arguments; Y as rows."""
    W, b = dense(theta, layout, 0)
    dW, db = dense(to_gradients, layout, 0)
    (m, n_x), n = X.shape, W.shape[0]
    at_once = samples_at_once(n, n_x)  # in the cache between their way forward and back
    width = ALONE // (n * at_once)
    one, zero = X.dtype.type(1), X.dtype.type(0)
    to_gradients[:] = 0
    J = 0.0
    for start in range(0, m, at_once):
        rows = at_once if start + at_once <= m else m - start
        Z, dZ = matrix_at(work, 0, n, rows), matrix_at(work, n * rows, n, rows)
        targets, s = matrix_at(work, 2 * n * rows, n, rows), matrix_at(weight, start, 1, rows)
        room = matrix_at(work, 3 * n * rows, 3, rows)
        of_Y = address_at(Y, start * n)
        call(loops[TRANSPOSE], of_Y, n, address_at(targets, 0), rows, rows, n, X)
        for first in range(0, n_x, width):
            k = width if first + width <= n_x else n_x - first
            beta, x = zero if first == 0 else one, start * n_x + first
            gemm(
                *(loops[BLAS], AS_IT_IS, TRANSPOSED, n, rows, k),
                *(W, first, n_x, X, x, n_x, beta, Z, 0, rows),
            )
        piecewise_forward(Z, b, 1.0, None)
        J += number_of(loops[OUTPUT], Z, targets, 1.0, s, dZ, room)
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
    return J
