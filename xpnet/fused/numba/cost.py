"""Cost and its derivative by the logits of one network, in one compiled call."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from xpnet.fused.numba.compilation.compiler import DTYPES, compiled
from xpnet.fused.numba.compilation.views import vector_at
from xpnet.fused.numba.exp import exp
from xpnet.fused.numba.log import log1p
from xpnet.types import Array

LEAST32, LEAST64 = -80.0, -700.0
"""Below, a probability is 0: its products with a sample's share would be denormal, and slow."""

MOST32, MOST64 = 88.0, 709.0
"""Above, compiled `exp` grows no more, where eᶻ does so up to the largest number."""


@compiled
def softmax_cost(
    Z: Array, Y: Array, scale: float, weight: Array | None, to_dZ: Array, to_rows: Array
) -> float:
    """The dZ of softmax with cross-entropy; returns J. The others need no room `to_rows` (3, m).

    A sample's loss is ``ln Σ exp(z − top) − Σ y (z − top)``.
    """
    n, m = Z.shape
    top, total = vector_at(to_rows, 0, m), vector_at(to_rows, m, m)
    chosen = vector_at(to_rows, 2 * m, m)
    zero, one, shared = Z.dtype.type(0), Z.dtype.type(1), Z.dtype.type(scale)
    least = Z.dtype.type(LEAST32 if Z.itemsize == 4 else LEAST64)
    for j in range(m):
        top[j], total[j], chosen[j] = Z[0, j], zero, zero
    for i in range(1, n):
        for j in range(m):
            z = Z[i, j]
            top[j] = z if z > top[j] else top[j]
    for i in range(n):
        for j in range(m):
            z = Z[i, j] - top[j]
            e = zero if z < least else exp(z)
            to_dZ[i, j] = e
            total[j] += e
            chosen[j] += Y[i, j] * z
    J = 0.0
    for j in range(m):
        loss = log1p(total[j] - one) - chosen[j]
        J += loss * (shared if weight is None else weight[0, j])
        total[j] = one / total[j]
    for i in range(n):
        for j in range(m):
            s = shared if weight is None else weight[0, j]
            to_dZ[i, j] = (to_dZ[i, j] * total[j] - Y[i, j]) * s
    return J


@compiled
def sigmoid_cost(
    Z: Array, Y: Array, scale: float, weight: Array | None, to_dZ: Array, to_rows: Array
) -> float:
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
            # Apart: where the first two cancel, they must do so before the third is added.
            J += (max(z, Z.dtype.type(0)) - y * z) * s
            J += log1p(e) * s
            to_dZ[i, j] = (a - y) * s
    return J


@compiled
def identity_cost(
    Z: Array, Y: Array, scale: float, weight: Array | None, to_dZ: Array, to_rows: Array
) -> float:
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
def exp_cost(
    Z: Array, Y: Array, scale: float, weight: Array | None, to_dZ: Array, to_rows: Array
) -> float:
    """The dZ of half the Poisson deviance; returns J."""
    n, m = Z.shape
    shared, half = Z.dtype.type(scale), Z.dtype.type(0.5)
    most = Z.dtype.type(MOST32 if Z.itemsize == 4 else MOST64)
    J = 0.0
    for i in range(n):
        for j in range(m):
            z, root = Z[i, j], exp(half * Z[i, j])
            to_dZ[i, j] = root * root if z > most else exp(z)
    for i in range(n):
        for j in range(m):
            y, e = Y[i, j], to_dZ[i, j]
            s = shared if weight is None else weight[0, j]
            entropy = y * math.log(y) if y > 0 else 0.0
            J += (entropy - y * Z[i, j] - y + e) * s
            to_dZ[i, j] = (e - y) * s
    return J


@compiled
def huber_cost(
    Z: Array, Y: Array, scale: float, weight: Array | None, to_dZ: Array, to_rows: Array
) -> float:
    """The dZ of Huber's loss, which is r cut off at ±1; returns J."""
    n, m = Z.shape
    shared, one = Z.dtype.type(scale), Z.dtype.type(1)
    J = 0.0
    for i in range(n):
        for j in range(m):
            r = Z[i, j] - Y[i, j]
            c = one if r > one else -one if r < -one else r  # NaN stays
            d = c * (shared if weight is None else weight[0, j])
            J += (r - 0.5 * c) * d
            to_dZ[i, j] = d
    return J


@compiled
def hinge_cost(
    Z: Array, Y: Array, scale: float, weight: Array | None, to_dZ: Array, to_rows: Array
) -> float:
    """The dZ of the hinge loss for the sides 2 y − 1; returns J."""
    n, m = Z.shape
    shared, zero, one = Z.dtype.type(scale), Z.dtype.type(0), Z.dtype.type(1)
    J = 0.0
    for i in range(n):
        for j in range(m):
            side = Y[i, j] + Y[i, j] - one
            gap = one - side * Z[i, j]
            s = shared if weight is None else weight[0, j]
            J += (zero if gap <= zero else gap) * s
            to_dZ[i, j] = (-side if gap > zero else zero if gap <= zero else gap) * s  # NaN stays
    return J


OUTPUTS = {
    "softmax": softmax_cost,
    "sigmoid": sigmoid_cost,
    "identity": identity_cost,
    "exp": exp_cost,
    "huber": huber_cost,
    "hinge": hinge_cost,
}
"""The outputs there are loops for."""


def fused_cost(empty: Callable[..., Array]) -> Callable[..., Any]:
    """The entry ``output_cost_backward``.

    Parameters
    ----------
    empty : function ``(shape, dtype) -> array``
        Where dZ is written, and what the loop needs beside it.
    """

    def output_cost_backward(output: str, Z: Array, Y: Array, scale: float | Array) -> Any:
        weight = None if isinstance(scale, float) else scale
        if output not in OUTPUTS or not _fits(Z, Y, weight):
            return NotImplemented
        dZ = empty(Z.shape, Z.dtype)
        rows = empty((3, Z.shape[1]), Z.dtype)
        # Of numbers that lie apart, loops take several times as long.
        Y = np.ascontiguousarray(Y)
        J = OUTPUTS[output](Z, Y, scale if weight is None else 1.0, weight, dZ, rows)
        return Z.dtype.type(J), dZ

    return output_cost_backward


def _fits(Z: Array, Y: Array, weight: Any) -> bool:
    """Whether Z is of one network, and Y and a weight for each sample fit it."""
    if Z.ndim != 2 or Z.dtype not in DTYPES or Y.shape != Z.shape or Y.dtype != Z.dtype:
        return False
    return weight is None or (
        isinstance(weight, np.ndarray)
        and weight.shape == (1, Z.shape[1])
        and weight.dtype == Z.dtype
    )
