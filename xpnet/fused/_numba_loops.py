"""The loops that numba compiles: each reads its arrays once and writes what `fused/numba.py` needs.

Rows are units, columns samples. What is written to is always an argument whose name begins with
``to_``, or is said to be updated in place. They run as SIMD code by the flags of `compiled`, and as
numbers are cast to the arrays' dtype: float32 would become float64 in every lane. They run on one
thread: beside OpenBLAS's spinning threads a second pool made everything slower.
"""

from __future__ import annotations

from xpnet.fused._numba_compiled import compiled
from xpnet.fused._numba_exp import exp, expm1
from xpnet.types import Array

__all__ = [
    "add_scaled",
    "elu_forward",
    "multiply_backward",
    "piecewise_backward",
    "piecewise_forward",
    "row_sums",
    "sigmoid_forward",
    "square_sum",
    "tanh_forward",
]


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
def sigmoid_forward(Z: Array, b: Array, mask: Array | None) -> None:
    """In place: ``z ← e / (1 + e)`` of ``e = exp(z + b)``, times the mask."""
    n, m = Z.shape
    one = Z.dtype.type(1)
    for i in range(n):
        for j in range(m):
            e = exp(Z[i, j] + b[i, 0])
            a = e / (one + e)
            Z[i, j] = a if mask is None else a * mask[i, j]


@compiled
def tanh_forward(Z: Array, b: Array, mask: Array | None) -> None:
    """In place: ``z ← tanh(z + b)``, times the mask; of ``e = exp(2|z|) − 1`` it is e / (e + 2)."""
    n, m = Z.shape
    two = Z.dtype.type(2)
    for i in range(n):
        for j in range(m):
            z = Z[i, j] + b[i, 0]
            e = expm1(two * abs(z))
            a = e / (e + two)
            a = -a if z < 0 else a
            Z[i, j] = a if mask is None else a * mask[i, j]


@compiled
def elu_forward(Z: Array, b: Array, mask: Array | None) -> None:
    """In place: z + b where that is positive, ``exp(z + b) − 1`` elsewhere; times the mask."""
    n, m = Z.shape
    for i in range(n):
        for j in range(m):
            z = Z[i, j] + b[i, 0]
            e = expm1(z)
            a = z if z > 0 else e
            Z[i, j] = a if mask is None else a * mask[i, j]


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
