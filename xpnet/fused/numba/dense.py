"""The dense layer for NumPy arrays: products by BLAS, all between them in compiled loops.

A product's fresh array takes the bias and the activation in place; backward, one loop makes dZ and
the bias gradient. The products with a sparse X are in `sparse`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from xpnet.fused import like
from xpnet.fused.numba.activations import (
    KINDS,
    SLOPES,
    multiply_backward,
    piecewise_backward,
    piecewise_forward,
)
from xpnet.fused.numba.compilation.compiler import DTYPES, compiled
from xpnet.fused.numba.products.blas import ALONE, is_for_product, multiply, routine
from xpnet.fused.numba.products.many_samples import are_many_with_zeros, product_of_samples
from xpnet.fused.numba.products.sparse import sparse_gradient, sparse_product
from xpnet.fused.numba.products.thin import MOST_OUTPUTS, thin_product
from xpnet.fused.numba.threads.number import chosen
from xpnet.kernels import ACTIVATIONS
from xpnet.kernels.dense import before_dropout, is_sparse
from xpnet.types import Array, Dense, Layer

Empty: TypeAlias = Callable[[tuple[int, ...], Any], Array]
"""A function that makes the arrays which results are written to."""


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


def fused_forward(empty: Empty) -> Callable[..., Any]:
    """The entry ``dense_activation``."""

    def dense_activation(
        activation: str, W: Array, b: Array, A_prev: Array, mask: Array | None = None
    ) -> Any:
        if not (
            _fits(W, A_prev)
            and b.shape == (*W.shape[:-1], 1)
            and b.dtype == W.dtype
            and (mask is None or mask.shape == (*W.shape[:-1], A_prev.shape[-1]))
            and (mask is None or mask.dtype == W.dtype)
        ):
            return NotImplemented
        return _activated(activation, _product(W, A_prev, empty), b, mask, empty)

    return dense_activation


def _activated(activation: str, Z: Array, b: Array, mask: Array | None, empty: Empty) -> Layer:
    """In place: ``Z ← Z + b``, or A where its derivative is made of that."""
    kind = KINDS.get(activation)
    if kind and kind.slope:
        kind.forward(_rows(Z), _rows(b), kind.leak, _rows(mask))
        return Layer(None, Z)
    if kind:
        A = empty(Z.shape, Z.dtype)
        kind.forward(_rows(Z), _rows(b), _rows(A))
    else:
        piecewise_forward(_rows(Z), _rows(b), 1.0, None)
        A = ACTIVATIONS[activation].apply(Z)
    return Layer(Z, A if mask is None else A * mask)


def fused_backward(empty: Empty) -> Callable[..., Any]:
    """The entry ``activation_dense_backward``."""

    def activation_dense_backward(
        activation: str,
        dA: Array,
        layer: Layer,
        A_prev: Array,
        W: Array,
        *,
        mask: Array | None = None,
        decay: float | Array | None = None,
        need_dA_prev: bool = True,
    ) -> Any:
        if not _fits_back(dA, layer, A_prev, W, mask) or not _scales(decay, W):
            return NotImplemented
        dZ, db = _through_activation(activation, dA, layer, mask, empty)
        if is_sparse(A_prev) and W.ndim == 2:
            return Dense(sparse_gradient(dZ, A_prev, W, decay, empty), db), None
        dW = _product(dZ, A_prev.T if is_sparse(A_prev) else A_prev.mT, empty)
        if isinstance(decay, float):
            add_scaled(_rows(W), decay, _rows(dW))
        elif decay is not None:
            dW += decay * W
        dA_prev = _product(W.mT, dZ, empty) if need_dA_prev else None
        return Dense(dW, db), dA_prev

    return activation_dense_backward


def _through_activation(
    activation: str, dA: Array, layer: Layer, mask: Array | None, empty: Empty
) -> tuple[Array, Array]:
    """The layer's dZ, and its row sums db."""
    db = empty((*dA.shape[:-1], 1), dA.dtype)
    if activation == "identity" and mask is None:
        row_sums(_rows(dA), _rows(db))
        return dA, db
    dZ = empty(dA.shape, dA.dtype)
    kind = KINDS.get(activation)
    if kind and kind.slope:
        slope = SLOPES[activation, dA.dtype]
        piecewise_backward(_rows(dA), _rows(layer.A), _rows(mask), slope, _rows(dZ), _rows(db))
        return dZ, db
    if kind and kind.derivative and layer.Z is not None:
        slope = dZ
        kind.derivative(_rows(layer.Z), _rows(slope))
    else:
        slope = ACTIVATIONS[activation].derivative(layer.Z, before_dropout(layer.A, mask))
    multiply_backward(_rows(dA), _rows(slope), _rows(mask), _rows(dZ), _rows(db))
    return dZ, db


def _product(A: Array, B: Array, empty: Empty) -> Array:
    """``A B``; a stack times one shared matrix is a single product of all its rows."""
    if B.ndim > 2:
        C = empty((*A.shape[:-1], B.shape[-1]), A.dtype)
        if A.shape[-2] * A.shape[-1] * B.shape[-1] <= ALONE:
            return np.matmul(A, B, out=C)
        for k in np.ndindex(C.shape[:-2]):  # each with as many threads as it has alone
            _multiply(A[k], B[k], C[k])
        return C
    if A.ndim == 2 and is_sparse(B):
        return sparse_product(A, B, empty)
    if A.ndim == 2:
        return _multiply(A, B, empty((A.shape[0], B.shape[1]), A.dtype))
    product = _product(_rows(A), B, empty)
    return product.reshape(*A.shape[:-1], B.shape[-1])


def _multiply(A: Array, B: Array, to_C: Array) -> Array:
    """``C = A B`` of two matrices."""
    if _is_thin(A, B):
        thin_product(routine(A.dtype) or 0, A, B.T, to_C)
        return to_C
    if are_many_with_zeros(A, B):
        product_of_samples(A, B, to_C)
        return to_C
    if A.size * B.shape[1] > ALONE:
        with chosen(A, B):
            if multiply(A, B, to_C) is not NotImplemented:
                return to_C
    return np.dot(A, B, out=to_C)


def _is_thin(A: Array, B: Array) -> bool:
    """Whether few rows, but not one alone, are multiplied by many samples that lie one by one."""
    return (
        1 < A.shape[0] <= MOST_OUTPUTS
        and A.size * B.shape[1] > ALONE
        and A.flags.c_contiguous
        and B.flags.f_contiguous
        and is_for_product(A)
        and is_for_product(B)
        and routine(A.dtype) is not None
    )


def _rows(array: Array | None) -> Array | None:
    """A stack's rows one below the other; one network's array, or None, as it is."""
    if array is None or array.ndim == 2:
        return array
    *stack_and_units, m = array.shape
    return array.reshape(math.prod(stack_and_units), m)


def _fits(W: Array, A_prev: Array) -> bool:
    """Whether the product is one of float32 or float64 matrices, of one network or one stack."""
    return (
        W.dtype in DTYPES
        and A_prev.dtype == W.dtype
        and W.shape[-1] == A_prev.shape[-2]
        and (A_prev.ndim == 2 or A_prev.shape[:-2] == W.shape[:-2])
        # SciPy has a loop of its own for a sparse matrix times one vector.
        and (W.shape[0] > 1 or not is_sparse(A_prev))
    )


def _fits_back(dA: Array, layer: Layer, A_prev: Array, W: Array, mask: Array | None) -> bool:
    """Whether the derivatives lie as the forward pass left the layer."""
    return (
        _fits(W, A_prev)
        and dA.shape == (*W.shape[:-1], A_prev.shape[-1])
        and dA.dtype == W.dtype
        and like(layer.Z, dA)
        and like(layer.A, dA)
        and like(mask, dA)
    )


def _scales(factor: float | Array | None, array: Array) -> bool:
    """Whether `factor`, a number or one for each network of a stack, leaves shape and dtype."""
    if factor is None or isinstance(factor, float):
        return True
    return (
        isinstance(factor, np.ndarray)
        and factor.dtype == array.dtype
        and factor.shape[:-2] in ((), array.shape[:-2])
    )
