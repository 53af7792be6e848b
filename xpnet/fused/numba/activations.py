"""Hidden activations: a loop forward and a derivative for each.

Rows are units, columns samples. What is written to is always an argument whose name begins with
``to_``, or is said to be updated in place. The loops run as SIMD code by the flags of `compiled`,
and as numbers are cast to the arrays' dtype: float32 would become float64 in every lane. They run
on one thread: beside OpenBLAS's spinning threads a second pool made everything slower.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from xpnet.fused.numba.compilation.compiler import DTYPES, compiled
from xpnet.fused.numba.exp import exp, expm1
from xpnet.fused.numba.log import log1p
from xpnet.kernels.activations import (
    GELU_CUBIC,
    GELU_LEAST,
    GELU_LINEAR,
    GELU_MOST,
    MISH_MOST,
    MOST,
)
from xpnet.types import Array

Quadratic: TypeAlias = tuple[float, float, float]

MISH_LEAST = -1000.0
"""Below, eᶻ is 0 in every dtype, and 4 z might overflow."""


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
def sigmoid_forward(Z: Array, b: Array, leak: float, mask: Array | None) -> None:
    """In place: ``z ← e / (1 + e)`` of ``e = exp(z + b)``, times the mask."""
    n, m = Z.shape
    one = Z.dtype.type(1)
    for i in range(n):
        for j in range(m):
            e = exp(Z[i, j] + b[i, 0])
            a = e / (one + e)
            Z[i, j] = a if mask is None else a * mask[i, j]


@compiled
def tanh_forward(Z: Array, b: Array, leak: float, mask: Array | None) -> None:
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
def elu_forward(Z: Array, b: Array, leak: float, mask: Array | None) -> None:
    """In place: z + b where that is positive, ``exp(z + b) − 1`` elsewhere; times the mask."""
    n, m = Z.shape
    for i in range(n):
        for j in range(m):
            z = Z[i, j] + b[i, 0]
            e = expm1(z)
            a = z if z > 0 else e
            Z[i, j] = a if mask is None else a * mask[i, j]


@compiled
def gelu_forward(Z: Array, b: Array, to_A: Array) -> None:
    """In place: ``z ← z + b``; and ``a = z e / (1 + e)`` of e = exp(z (c₁ + c₃ z²))."""
    n, m = Z.shape
    number = Z.dtype.type
    least, most, one = number(GELU_LEAST), number(GELU_MOST), number(1)
    linear, cubic = number(GELU_LINEAR), number(GELU_CUBIC)
    for i in range(n):
        for j in range(m):
            z = Z[i, j] + b[i, 0]
            Z[i, j] = z
            z = max(z, least)
            v = min(z, most)
            e = exp(v * (linear + cubic * v * v))
            a = z * e / (one + e)
            to_A[i, j] = z if z > most else a  # where z times e may overflow


@compiled
def gelu_slope(Z: Array, to_slope: Array) -> None:
    """``p (1 + z (c₁ + 3 c₃ z²) (1 − p))`` of p = e / (1 + e)."""
    n, m = Z.shape
    number = Z.dtype.type
    least, most, one, three = number(GELU_LEAST), number(GELU_MOST), number(1), number(3)
    linear, cubic = number(GELU_LINEAR), number(GELU_CUBIC)
    for i in range(n):
        for j in range(m):
            v = min(max(Z[i, j], least), most)
            c = cubic * v * v
            e = exp(v * (linear + c))
            rest = one / (one + e)
            to_slope[i, j] = e * rest * (one + v * (linear + three * c) * rest)


@compiled
def silu_forward(Z: Array, b: Array, to_A: Array) -> None:
    """In place: ``z ← z + b``; and ``a = z e / (1 + e)`` of e = exp(z)."""
    n, m = Z.shape
    most, one = Z.dtype.type(MOST), Z.dtype.type(1)
    for i in range(n):
        for j in range(m):
            z = Z[i, j] + b[i, 0]
            Z[i, j] = z
            e = exp(min(z, most))
            a = z * e / (one + e)
            to_A[i, j] = z if z > most else a


@compiled
def silu_slope(Z: Array, to_slope: Array) -> None:
    """``p (1 + z (1 − p))`` of p = e / (1 + e)."""
    n, m = Z.shape
    most, one = Z.dtype.type(MOST), Z.dtype.type(1)
    for i in range(n):
        for j in range(m):
            v = min(Z[i, j], most)
            e = exp(v)
            rest = one / (one + e)
            to_slope[i, j] = e * rest * (one + v * rest)


@compiled
def softplus_forward(Z: Array, b: Array, to_A: Array) -> None:
    """In place: ``z ← z + b``; and ``a = max(z, 0) + log(1 + exp(−|z|))``."""
    n, m = Z.shape
    zero = Z.dtype.type(0)
    for i in range(n):
        for j in range(m):
            z = Z[i, j] + b[i, 0]
            Z[i, j] = z
            to_A[i, j] = max(z, zero) + log1p(exp(-abs(z)))


@compiled
def softplus_slope(Z: Array, to_slope: Array) -> None:
    """``e / (1 + e)`` of e = exp(z)."""
    n, m = Z.shape
    most, one = Z.dtype.type(MOST), Z.dtype.type(1)
    for i in range(n):
        for j in range(m):
            e = exp(min(Z[i, j], most))
            to_slope[i, j] = e / (one + e)


@compiled
def hard_swish_forward(Z: Array, b: Array, to_A: Array) -> None:
    """In place: ``z ← z + b``; and ``a = z max(z + 3, 0) / 6``, z above 3."""
    n, m = Z.shape
    number = Z.dtype.type
    zero, three, sixth = number(0), number(3), number(1 / 6)
    for i in range(n):
        for j in range(m):
            z = Z[i, j] + b[i, 0]
            Z[i, j] = z
            a = z * max(z + three, zero) * sixth
            to_A[i, j] = z if z > three else a


@compiled
def hard_swish_slope(Z: Array, to_slope: Array) -> None:
    """``z/3 + 1/2`` between −3 and 3, 0 below and 1 above."""
    n, m = Z.shape
    number = Z.dtype.type
    zero, one, three = number(0), number(1), number(3)
    half, third = number(0.5), number(1 / 3)
    for i in range(n):
        for j in range(m):
            z = Z[i, j]
            slope = one if z > three else z * third + half
            to_slope[i, j] = zero if z <= -three else slope


@compiled
def mish_forward(Z: Array, b: Array, to_A: Array) -> None:
    """In place: ``z ← z + b``; and ``a = z k / (k + 2)`` of k = e (e + 2), e = exp(z)."""
    n, m = Z.shape
    most, two = Z.dtype.type(MISH_MOST), Z.dtype.type(2)
    for i in range(n):
        for j in range(m):
            z = Z[i, j] + b[i, 0]
            Z[i, j] = z
            e = exp(min(z, most))
            k = e * (e + two)
            a = z * k / (k + two)
            to_A[i, j] = z if z > most else a


@compiled
def mish_slope(Z: Array, to_slope: Array) -> None:
    """``k / (k + 2) + 4 z e (e + 1) / (k + 2)²`` of k = e (e + 2), e = exp(z)."""
    n, m = Z.shape
    number = Z.dtype.type
    least, most = number(MISH_LEAST), number(MISH_MOST)
    one, two, four = number(1), number(2), number(4)
    for i in range(n):
        for j in range(m):
            v = min(max(Z[i, j], least), most)
            e = exp(v)
            k = e * (e + two)
            share = one / (k + two)
            to_slope[i, j] = k * share + v * (four * e * share) * ((e + one) * share)


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


class Kind(NamedTuple):
    """An activation's loop, and its derivative.

    Attributes
    ----------
    forward : compiled function
        ``(Z, b, leak, mask)`` in place, where the derivative is made of a; else ``(Z, b, to_A)``.
    slope : tuple, shape (2, 3), or None
        The coefficients of 1, a and a² in the derivative, for a > 0 and for the rest. None: it is
        computed from z, which the layer then keeps.
    derivative : compiled function, optional
        ``(Z, to_slope)``, where there is no `slope`.
    """

    forward: Callable[..., None]
    slope: tuple[Quadratic, Quadratic] | None = None
    derivative: Callable[..., None] | None = None

    @property
    def leak(self) -> float:
        """What a piecewise activation multiplies z by where that is negative."""
        return float(self.slope[1][0]) if self.slope else 0.0


KINDS = {
    "identity": Kind(piecewise_forward, ((1, 0, 0), (1, 0, 0))),
    "relu": Kind(piecewise_forward, ((1, 0, 0), (0, 0, 0))),
    "leaky_relu": Kind(piecewise_forward, ((1, 0, 0), (0.01, 0, 0))),
    "elu": Kind(elu_forward, ((1, 0, 0), (1, 1, 0))),
    "sigmoid": Kind(sigmoid_forward, ((0, 1, -1), (0, 1, -1))),
    "tanh": Kind(tanh_forward, ((1, 0, -1), (1, 0, -1))),
    "gelu": Kind(gelu_forward, derivative=gelu_slope),
    "silu": Kind(silu_forward, derivative=silu_slope),
    "softplus": Kind(softplus_forward, derivative=softplus_slope),
    "hard_swish": Kind(hard_swish_forward, derivative=hard_swish_slope),
    "mish": Kind(mish_forward, derivative=mish_slope),
}
"""A piecewise one is z where that is positive, and elsewhere a multiple of it."""

SLOPES = {
    (name, dtype): np.asarray(kind.slope or np.zeros((2, 3)), dtype)
    for name, kind in KINDS.items()
    for dtype in DTYPES
}
