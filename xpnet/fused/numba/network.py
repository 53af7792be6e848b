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

import numpy as np

from xpnet.fused.numba.activations import (
    activate,
    activate_from_logits,
    multiply_backward,
    piecewise_backward,
    piecewise_forward,
    slope_from_logits,
)
from xpnet.fused.numba.blas import product
from xpnet.fused.numba.compiler import compiled
from xpnet.fused.numba.cost import cost_of
from xpnet.fused.numba.dense import add_scaled, row_sums, square_sum
from xpnet.fused.numba.dropout import Masks, divide, drop
from xpnet.types import Array

MOST_OUTPUTS = 16
ROWS = 64  # samples that lie in the cache between their way forward and their way back


@compiled
def cost_and_gradients(
    blas: int,
    layout: Array,
    kinds: Array,
    slopes: Array,
    output: int,
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
    blas : int
        Of `routine`.
    layout : array of int, shape (L, 4)
    kinds : array of int, shape (L, 2)
        The loop of each activation, the identity's in the output layer; and the first row of the
        layer's Z among all that are kept, or -1 where the derivative does without.
    slopes : array, shape (L, 2, 3)
        Of `SLOPES`.
    output : int
        Of `OUTPUTS`.
    X, Y : array, shapes (m, n_x) and (m, n_y)
        Samples as rows, C-contiguous.
    weight : array, shape (1, m)
        Ones where all samples count the same: code for None beside it compiles twice as long.
    l2 : float
    masks : tuple
        Of `masks_of`.
    theta, to_gradients : array, shape (P,)
    work : array
        Room for A of every layer, three matrices of the widest, and each Z that is kept:
        ``m (Σ n_out + 3 max n_out)``, and m for each row of Z.
    """
    m, last = X.shape[0], len(layout) - 1
    ends = m * np.cumsum(layout[:, 0])
    room = m * layout[:, 0].max()
    A, kept = work[: ends[-1]], work[ends[-1] + 3 * room :]
    passes = work[ends[-1] : ends[-1] + 3 * room].reshape((3, room))
    forward(blas, layout, kinds, slopes, X, masks, theta, ends, A, kept)
    Z, dZ = units(A, ends, last, m), matrix(passes[last % 2], layout[last, 0], m)
    share = share_of(weight)
    J = cost_of(output, Z, Y.T, 1.0, weight * X.dtype.type(share), dZ)
    backward(blas, layout, kinds, slopes, X, masks, theta, ends, A, kept, passes, to_gradients)
    return J + decayed(layout, theta, l2 * share, to_gradients) if l2 != 0.0 else J


@compiled
def share_of(weight: Array) -> float:
    """``1 / Σ s`` in double precision, 0 of 0: in single a million loses three digits."""
    S = 0.0
    for j in range(weight.shape[1]):
        S += weight[0, j]
    return 1.0 / S if S > 0 else 0.0


@compiled
def forward(
    blas: int,
    layout: Array,
    kinds: Array,
    slopes: Array,
    X: Array,
    masks: Masks,
    theta: Array,
    ends: Array,
    to_A: Array,
    to_Z: Array,
) -> None:
    """A of every layer, and each Z that is kept."""
    last = len(layout) - 1
    rows = layout[:last, 0].sum()
    for layer in range(last + 1):
        W, b = dense(theta, layout, layer)
        loop, row = kinds[layer, 0], kinds[layer, 1]
        A = units(to_A, ends, layer, X.shape[0])
        Z = A if row < 0 else matrix(to_Z[row * X.shape[0] :], len(W), X.shape[0])
        if layer == 0:
            product(blas, W, False, X, True, Z)
        else:
            product(blas, W, False, units(to_A, ends, layer - 1, X.shape[0]), False, Z)
        if row < 0:
            activate(loop, slopes[layer], A, b, None)
        else:
            activate_from_logits(loop, Z, b, A)
        if masks[3] > 0 and layer < last:
            drop(A, layout[:layer, 0].sum(), rows, masks)


@compiled
def backward(
    blas: int,
    layout: Array,
    kinds: Array,
    slopes: Array,
    X: Array,
    masks: Masks,
    theta: Array,
    ends: Array,
    A: Array,
    kept: Array,
    passes: Array,
    to_gradients: Array,
) -> None:
    """From the last layer's dZ, which is in its place, to all gradients.

    The first two rows of `passes` hold dZ of one layer and the next in turn, the third dA.
    """
    m, last = X.shape[0], len(layout) - 1
    rows = layout[:last, 0].sum()
    for layer in range(last, -1, -1):
        W, _ = dense(theta, layout, layer)
        dW, db = dense(to_gradients, layout, layer)
        n_out, n_in = W.shape
        dZ = matrix(passes[layer % 2], n_out, m)
        if layer == last:
            row_sums(dZ, db)
        else:
            dA, row = matrix(passes[2], n_out, m), kinds[layer, 1]
            if masks[3] > 0:
                drop(dA, layout[:layer, 0].sum(), rows, masks)
                divide(units(A, ends, layer, m), masks[3])  # the slope's A is without its mask
            if row < 0:
                piecewise_backward(dA, units(A, ends, layer, m), None, slopes[layer], dZ, db)
            else:
                slope_from_logits(kinds[layer, 0], matrix(kept[row * m :], n_out, m), dZ)
                multiply_backward(dA, dZ, None, dZ, db)
        if layer == 0:
            product(blas, dZ, False, X, False, dW)
        else:
            product(blas, dZ, False, units(A, ends, layer - 1, m), True, dW)
            product(blas, W, True, dZ, False, matrix(passes[2], n_in, m))


@compiled
def decayed(layout: Array, theta: Array, decay: float, to_gradients: Array) -> float:
    """In place: ``dW ← dW + decay · W``; returns ``½ decay Σ ‖W‖²``."""
    total = 0.0
    for layer in range(len(layout)):
        W, _ = dense(theta, layout, layer)
        dW, _ = dense(to_gradients, layout, layer)
        add_scaled(W, decay, dW)
        total += square_sum(W)
    return 0.5 * decay * total


@compiled
def dense(vector: Array, layout: Array, layer: int) -> tuple[Array, Array]:
    """W and b of a layer, or their gradients."""
    n_out, n_in, first_W, first_b = layout[layer]
    W = vector[first_W : first_W + n_out * n_in].reshape((n_out, n_in))
    return W, vector[first_b : first_b + n_out].reshape((n_out, 1))


@compiled
def units(vector: Array, ends: Array, layer: int, m: int) -> Array:
    """The matrix (n_out, m) of a layer."""
    begin = ends[layer - 1] if layer > 0 else 0
    return vector[begin : ends[layer]].reshape(((ends[layer] - begin) // m, m))


@compiled
def matrix(vector: Array, n: int, m: int) -> Array:
    """The first entries as a matrix (n, m)."""
    return vector[: n * m].reshape((n, m))


@compiled
def thin_cost_and_gradients(
    blas: int,
    layout: Array,
    kinds: Array,
    slopes: Array,
    output: int,
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
        J += cost_of(output, Z, y, 1.0, s, dZ)
        thin_backward(dZ, x, dW)
        for i in range(n):
            db[i, 0] += dZ[i].sum()
    return J + decayed(layout, theta, l2 * share, to_gradients) if l2 != 0.0 else J


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
    """In place: ``dW ← dW + dZ X``, of four samples at a time."""
    n, m = dZ.shape
    whole = m - m % 4
    for i in range(0, whole, 4):
        x0, x1, x2, x3 = X[i], X[i + 1], X[i + 2], X[i + 3]
        for c in range(n):
            d0, d1, d2, d3 = dZ[c, i], dZ[c, i + 1], dZ[c, i + 2], dZ[c, i + 3]
            to = to_dW[c]
            for k in range(len(to)):
                to[k] += d0 * x0[k] + d1 * x1[k] + d2 * x2[k] + d3 * x3[k]
    for i in range(whole, m):
        for c in range(n):
            d, x, to = dZ[c, i], X[i], to_dW[c]
            for k in range(len(to)):
                to[k] += d * x[k]
