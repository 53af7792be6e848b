"""The loops that numba compiles: each reads its arrays once and writes what `fused/numba.py` needs.

Rows are units, columns samples. What is written to is always an argument whose name begins with
``to_``, or is said to be updated in place. How they come to run as SIMD code:

- ``error_model="numpy"``: a division that may raise would end vectorisation.
- The fastmath flags let sums be reordered; NaN and infinity keep their meaning, so that a
  diverging cost is seen.
- Numbers are cast to the arrays' dtype, or float32 would become float64 in every lane.
- One thread: beside OpenBLAS's spinning threads a second pool made everything slower.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from xpnet.fused._numba_exp import exp
from xpnet.types import Array

__all__ = [
    "add_scaled",
    "compiled",
    "identity_cost",
    "leaky_backward",
    "multiply_backward",
    "piecewise_backward",
    "piecewise_forward",
    "row_sums",
    "sigmoid_cost",
    "softmax_cost",
    "square_sum",
]

compiled = njit(
    error_model="numpy", fastmath={"reassoc", "contract", "arcp", "nsz"}, cache=True, nogil=True
)


@compiled
def piecewise_forward(Z: Array, b: Array, leak: float, mask: Array | None) -> None:
    """In place: ``z ← z + b``, times `leak` where that is negative, times the mask."""
    n, m = Z.shape
    leak, zero = Z.dtype.type(leak), Z.dtype.type(0)
    leaks = leak != zero  # 0 times minus infinity would be NaN
    for i in range(n):
        for j in range(m):
            z = Z[i, j] + b[i, 0]
            if z < zero:
                z = leak * z if leaks else zero
            Z[i, j] = z if mask is None else z * mask[i, j]


@compiled
def piecewise_backward(
    dA: Array, A: Array, mask: Array | None, slope: Array, to_dZ: Array, to_db: Array
) -> None:
    """``dZ = dA · mask · g'``, db its row sums, for g' a quadratic of a on each side of 0.

    ``slope[0]`` holds the coefficients of 1, a and a² for a > 0, ``slope[1]`` those for the rest.
    """
    n, m = dA.shape
    p0, p1, p2 = slope[0, 0], slope[0, 1], slope[0, 2]
    q0, q1, q2 = slope[1, 0], slope[1, 1], slope[1, 2]
    one = dA.dtype.type(1)
    for i in range(n):
        total = dA.dtype.type(0)
        for j in range(m):
            a, d = A[i, j], dA[i, j]
            if mask is not None:
                keep = mask[i, j]
                d *= keep
                # The derivative is made of the activation as it was before the mask.
                a /= keep if keep > 0 else one
            d *= p0 + a * (p1 + a * p2) if a > 0 else q0 + a * (q1 + a * q2)
            to_dZ[i, j] = d
            total += d
        to_db[i, 0] = total


@compiled
def leaky_backward(A: Array, leak: float, dA: Array, to_db: Array) -> None:
    """In place: dA, times `leak` where a is not positive, becomes dZ; db its row sums."""
    n, m = A.shape
    leak, one = A.dtype.type(leak), A.dtype.type(1)
    for i in range(n):
        total = A.dtype.type(0)
        for j in range(m):
            d = dA[i, j] * (one if A[i, j] > 0 else leak)
            dA[i, j] = d
            total += d
        to_db[i, 0] = total


@compiled
def multiply_backward(
    dA: Array, slope: Array, mask: Array | None, to_dZ: Array, to_db: Array
) -> None:
    """``dZ = dA · mask · slope``, db its row sums."""
    n, m = dA.shape
    for i in range(n):
        total = dA.dtype.type(0)
        for j in range(m):
            d = dA[i, j] * slope[i, j]
            if mask is not None:
                d *= mask[i, j]
            to_dZ[i, j] = d
            total += d
        to_db[i, 0] = total


@compiled
def row_sums(dZ: Array, to_db: Array) -> None:
    """``db = Σ_columns dZ``."""
    n, m = dZ.shape
    for i in range(n):
        total = dZ.dtype.type(0)
        for j in range(m):
            total += dZ[i, j]
        to_db[i, 0] = total


@compiled
def softmax_cost(Z: Array, Y: Array, scale: float, weight: Array | None, to_dZ: Array) -> float:
    """The dZ of softmax with cross-entropy; returns J."""
    n, m = Z.shape
    top = Z[0].copy()
    for i in range(1, n):
        for j in range(m):
            top[j] = max(top[j], Z[i, j])
    total = np.zeros(m, Z.dtype)
    for i in range(n):
        for j in range(m):
            e = exp(Z[i, j] - top[j])
            to_dZ[i, j] = e
            total[j] += e
    J = 0.0
    for j in range(m):
        J += math.log(total[j]) * (scale if weight is None else weight[0, j])
        total[j] = Z.dtype.type(1) / total[j]
    shared = Z.dtype.type(scale)
    for i in range(n):
        chosen = Z.dtype.type(0)
        for j in range(m):
            y, s = Y[i, j], shared if weight is None else weight[0, j]
            chosen += y * (Z[i, j] - top[j]) * s
            to_dZ[i, j] = (to_dZ[i, j] * total[j] - y) * s
        J -= chosen
    return J


@compiled
def sigmoid_cost(Z: Array, Y: Array, scale: float, weight: Array | None, to_dZ: Array) -> float:
    """The dZ of sigmoid with binary cross-entropy, from ``e = exp(−|z|)``; returns J."""
    n, m = Z.shape
    shared, one = Z.dtype.type(scale), Z.dtype.type(1)
    J = 0.0
    for i in range(n):
        for j in range(m):
            z, y = Z[i, j], Y[i, j]
            s = shared if weight is None else weight[0, j]
            e = exp(-abs(z))
            a = (one if z > 0 else e) / (one + e)
            J += (max(z, Z.dtype.type(0)) - y * z + math.log1p(e)) * s
            to_dZ[i, j] = (a - y) * s
    return J


@compiled
def identity_cost(Z: Array, Y: Array, scale: float, weight: Array | None, to_dZ: Array) -> float:
    """The dZ of half the squared error; returns J."""
    n, m = Z.shape
    shared = Z.dtype.type(scale)
    J = 0.0
    for i in range(n):
        for j in range(m):
            r = Z[i, j] - Y[i, j]
            d = r * (shared if weight is None else weight[0, j])
            J += 0.5 * r * d
            to_dZ[i, j] = d
    return J


@compiled
def add_scaled(W: Array, factor: float, to_dW: Array) -> None:
    """In place: ``dW ← dW + factor · W``."""
    n, m = W.shape
    factor = W.dtype.type(factor)
    for i in range(n):
        for j in range(m):
            to_dW[i, j] += factor * W[i, j]


@compiled
def square_sum(W: Array) -> float:
    """``Σ w²``."""
    n, m = W.shape
    total = 0.0
    for i in range(n):
        row = W.dtype.type(0)
        for j in range(m):
            row += W[i, j] * W[i, j]
        total += row
    return total
