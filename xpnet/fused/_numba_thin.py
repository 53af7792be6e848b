"""Cost and gradients of a single layer with few outputs, as logistic regression has.

A matrix product rearranges its operands before it multiplies, which pays when each number is used
many times. Here each number of X is used once an output, forward and back: it is read from memory
once, a few samples at a time, and used for both while it is in the cache.
"""

from __future__ import annotations

import numpy as np

from xpnet.fused import _numba_loops as loops
from xpnet.fused._numba_compiled import compiled
from xpnet.fused._numba_cost import cost_of
from xpnet.types import Array

__all__ = ["MOST_OUTPUTS", "thin_backward", "thin_cost_and_gradients", "thin_forward"]

MOST_OUTPUTS = 16
ROWS = 64  # samples that lie in the cache between their way forward and their way back


@compiled
def thin_cost_and_gradients(
    output: int,
    X: Array,
    Y: Array,
    weight: Array | None,
    share: float,
    W: Array,
    b: Array,
    to_dW: Array,
    to_db: Array,
) -> float:
    """J; dW and db are written, each sample times its weight and `share`."""
    m, n = X.shape[0], W.shape[0]
    to_dW[:, :] = 0
    to_db[:, :] = 0
    J = 0.0
    for start in range(0, m, ROWS):
        x, y = X[start : start + ROWS], Y[start : start + ROWS].T
        Z, dZ = np.empty((n, len(x)), X.dtype), np.empty((n, len(x)), X.dtype)
        thin_forward(W, x, Z)
        loops.piecewise_forward(Z, b, 1.0, None)
        if weight is None:
            J += cost_of(output, Z, y, share, None, dZ)
        else:
            s = weight[:, start : start + ROWS] * X.dtype.type(share)
            J += cost_of(output, Z, y, 1.0, s, dZ)
        thin_backward(dZ, x, to_dW)
        for i in range(n):
            to_db[i, 0] += dZ[i].sum()
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
