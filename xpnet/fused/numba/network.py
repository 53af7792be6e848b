"""Cost and gradients of a whole network as one compiled call, its products among the rest.

Called one by one, the kernels of a small network take less time than Python between them. All
parameters lie in one vector and all gradients in another; `layout` has a row a layer: n_out, n_in,
and where W and b begin in both.

A single layer with few outputs, as logistic regression has, goes without a matrix product. That
rearranges its operands before it multiplies, which pays when each number is used many times. Here
each number of X is used once an output, forward and back: it is read from memory once, a few
samples at a time, and used for both while it is in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpnet.fused.numba.activations import piecewise_forward
from xpnet.fused.numba.address import call, number_of
from xpnet.fused.numba.blas import AS_IT_IS, TRANSPOSED, product
from xpnet.fused.numba.compiler import compiled, compiled_inner
from xpnet.fused.numba.dense import add_scaled, row_sums, square_sum
from xpnet.fused.numba.dropout import DIVIDE, DROP, KEPT, Masks
from xpnet.fused.numba.views import matrix_at
from xpnet.types import Array

MOST_OUTPUTS = 16
ROWS = 64  # samples that lie in the cache between their way forward and their way back

BLAS, FORWARD, BACKWARD, OUTPUT, DECAY = range(5)  # of `loops`
ACTIVATE, DERIVE, MULTIPLY, UNIT, ROW, PASSING, WIDEST = range(7)  # of `kinds`
DA: Any = np.int64(2)  # of a plain 2, numba would make another `passing`


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
    loops : array of int, shape (5,)
        The addresses of the BLAS's `routine`, of `forward` and `backward`, of the output's loop,
        and of `decayed` where `l2` is not 0.
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
    weight : array, shape (1, m)
        Ones where all samples count the same: code for None beside it compiles twice as long.
    l2 : float
    masks : tuple
        Of `masks_of`.
    theta, to_gradients : array, shape (P,)
    work : array
        Room for A of every layer, each Z that is kept, three matrices of the widest layer, and one
        row: m numbers for each row of them.
    """
    m, last = X.shape[0], len(layout) - 1
    call(loops[FORWARD], loops, layout, kinds, slopes, X, masks, theta, work)
    Z, dZ = units(work, layout, kinds, last, m), passing(work, layout, kinds, last % 2, last, m)
    share = share_of(weight)
    s = matrix(work, kinds[last, PASSING] + 3 * kinds[last, WIDEST], 1, m)
    of_dtype = X.dtype.type(share)
    for j in range(m):
        s[0, j] = weight[0, j] * of_dtype
    J: float = number_of(loops[OUTPUT], Z, Y.T, 1.0, s, dZ)
    call(loops[BACKWARD], loops, layout, kinds, slopes, X, masks, theta, work, to_gradients)
    if l2 != 0.0:
        J += number_of(loops[DECAY], layout, theta, l2 * share, to_gradients)
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
        Z = A if row < 0 else matrix(work, row, len(W), m)
        if layer == 0:
            product(loops[BLAS], W, AS_IT_IS, X, TRANSPOSED, Z)
        else:
            A_prev = units(work, layout, kinds, layer - 1, m)
            product(loops[BLAS], W, AS_IT_IS, A_prev, AS_IT_IS, Z)
        if row < 0:
            call(activate, A, b, np.float64(slopes[layer, 1, 0]), None)
        else:
            call(activate, Z, b, A)
        if masks[KEPT] > 0 and layer < last:
            call(masks[DROP], A, kinds[layer, UNIT], kinds[last, UNIT], masks)


@compiled_inner
def backward(
    loops: Array,
    layout: Array,
    kinds: Array,
    slopes: Array,
    X: Array,
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
            row_sums(dZ, db)
        else:
            dA = passing(work, layout, kinds, DA, layer, m)
            A, row = units(work, layout, kinds, layer, m), kinds[layer, ROW]
            if masks[KEPT] > 0:
                call(masks[DROP], dA, kinds[layer, UNIT], kinds[last, UNIT], masks)
                call(masks[DIVIDE], A, masks[KEPT])  # the slope's A is without its mask
            if row < 0:
                call(kinds[layer, MULTIPLY], dA, A, None, slopes[layer], dZ, db)
            else:
                call(kinds[layer, DERIVE], matrix(work, row, len(W), m), dZ)
                call(kinds[layer, MULTIPLY], dA, dZ, None, dZ, db)
        if layer == 0:
            product(loops[BLAS], dZ, AS_IT_IS, X, AS_IT_IS, dW)
        else:
            A_prev = units(work, layout, kinds, layer - 1, m)
            product(loops[BLAS], dZ, AS_IT_IS, A_prev, TRANSPOSED, dW)
            dA = passing(work, layout, kinds, DA, layer - 1, m)
            product(loops[BLAS], W, TRANSPOSED, dZ, AS_IT_IS, dA)


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
def dense(vector: Array, layout: Array, layer: int) -> tuple[Array, Array]:
    """W and b of a layer, or their gradients."""
    n_out, n_in, first_W, first_b = (
        layout[layer, 0],
        layout[layer, 1],
        layout[layer, 2],
        layout[layer, 3],
    )
    return matrix_at(vector, first_W, n_out, n_in), matrix_at(vector, first_b, n_out, 1)


@compiled_inner
def units(work: Array, layout: Array, kinds: Array, layer: int, m: int) -> Array:
    """A of a layer, in `work`."""
    return matrix(work, kinds[layer, UNIT], layout[layer, 0], m)


@compiled_inner
def passing(work: Array, layout: Array, kinds: Array, number: int, layer: int, m: int) -> Array:
    """The matrix of that number, 0 to 2, of those that are as large as the widest layer's A."""
    row = kinds[layer, PASSING] + number * kinds[layer, WIDEST]
    return matrix(work, row, layout[layer, 0], m)


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
    """The same of a single thin layer, from the same arguments, five of which it does without."""
    W, b = dense(theta, layout, 0)
    dW, db = dense(to_gradients, layout, 0)
    m, n = X.shape[0], W.shape[0]
    share = share_of(weight)
    to_gradients[:] = 0
    J = 0.0
    for start in range(0, m, ROWS):
        x, y = X[start : start + ROWS], Y[start : start + ROWS].T
        s = weight[:, start : start + ROWS] * X.dtype.type(share)
        Z, dZ = np.empty((n, len(x)), X.dtype), np.empty((n, len(x)), X.dtype)
        thin_forward(W, x, Z)
        piecewise_forward(Z, b, 1.0, None)
        J += number_of(loops[OUTPUT], Z, y, 1.0, s, dZ)
        thin_backward(dZ, x, dW)
        for i in range(n):
            db[i, 0] += dZ[i].sum()
    if l2 != 0.0:
        J += number_of(loops[DECAY], layout, theta, l2 * share, to_gradients)
    return J


@compiled
def thin_forward(W: Array, X: Array, to_Z: Array) -> None:
    """``Z = W Xᵀ``, of two outputs and four samples at a time, the last ones twice if need be."""
    n, m = to_Z.shape
    for i in range(0, m, 4):
        i1, i2, i3 = min(i + 1, m - 1), min(i + 2, m - 1), min(i + 3, m - 1)
        x0, x1, x2, x3 = X[i], X[i1], X[i2], X[i3]
        for c in range(0, n, 2):
            c1 = min(c + 1, n - 1)
            v, w = W[c], W[c1]
            z = X.dtype.type(0)
            v0, v1, v2, v3, w0, w1, w2, w3 = z, z, z, z, z, z, z, z
            for k in range(len(v)):
                v0 += v[k] * x0[k]
                v1 += v[k] * x1[k]
                v2 += v[k] * x2[k]
                v3 += v[k] * x3[k]
                w0 += w[k] * x0[k]
                w1 += w[k] * x1[k]
                w2 += w[k] * x2[k]
                w3 += w[k] * x3[k]
            to_Z[c, i], to_Z[c, i1], to_Z[c, i2], to_Z[c, i3] = v0, v1, v2, v3
            to_Z[c1, i], to_Z[c1, i1], to_Z[c1, i2], to_Z[c1, i3] = w0, w1, w2, w3


@compiled
def thin_backward(dZ: Array, X: Array, to_dW: Array) -> None:
    """In place: ``dW ← dW + dZ X``, of two outputs and four samples at a time."""
    n, m = dZ.shape
    whole = m - m % 4
    for i in range(0, whole, 4):
        x0, x1, x2, x3 = X[i], X[i + 1], X[i + 2], X[i + 3]
        for c in range(0, n - 1, 2):
            d0, d1, d2, d3 = dZ[c, i], dZ[c, i + 1], dZ[c, i + 2], dZ[c, i + 3]
            e0, e1, e2, e3 = dZ[c + 1, i], dZ[c + 1, i + 1], dZ[c + 1, i + 2], dZ[c + 1, i + 3]
            to, to_next = to_dW[c], to_dW[c + 1]
            for k in range(len(to)):
                # Each read once: for all that the compiler knows, what is written may be X.
                p, q, r, s = x0[k], x1[k], x2[k], x3[k]
                to[k] += d0 * p + d1 * q + d2 * r + d3 * s
                to_next[k] += e0 * p + e1 * q + e2 * r + e3 * s
        if n % 2 == 1:
            d0, d1, d2, d3 = dZ[n - 1, i], dZ[n - 1, i + 1], dZ[n - 1, i + 2], dZ[n - 1, i + 3]
            to = to_dW[n - 1]
            for k in range(len(to)):
                to[k] += d0 * x0[k] + d1 * x1[k] + d2 * x2[k] + d3 * x3[k]
    for i in range(whole, m):
        for c in range(n):
            d, x, to = dZ[c, i], X[i], to_dW[c]
            for k in range(len(to)):
                to[k] += d * x[k]
