"""Kernels for NumPy arrays: matrix products by BLAS, everything between them in compiled loops.

A product's fresh array takes the bias and the activation in place; backward, one loop makes dZ and
the bias gradient; cost and dZ come from one call over the logits; each optimiser's step is one loop
over a tensor. A training step of one network is joined to two calls in all: see `_numba_step`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from xpnet.fused import _numba_loops as loops
from xpnet.fused._numba_activations import KINDS, SLOPES, activate
from xpnet.fused._numba_cost import fused_cost
from xpnet.fused._numba_gather import columns
from xpnet.fused._numba_program import value_and_grad
from xpnet.fused._numba_step import compiled
from xpnet.fused._numba_updates import DTYPES, fused_update
from xpnet.fused._pool import recycling
from xpnet.kernels import ACTIVATIONS
from xpnet.kernels.dense import before_dropout
from xpnet.types import Array, Dense, Kernels, Layer

__all__ = ["accelerate", "columns", "compiled", "for_one_run", "value_and_grad"]

Empty = Callable[[tuple[int, ...], Any], Array]


def accelerate(kernels: Kernels) -> Kernels:
    """`kernels` with the entries that numba makes faster; each call returns arrays of its own."""
    return _fused(kernels, np.empty, one_run=False)


def for_one_run(kernels: Kernels) -> Kernels:
    """The same for one training loop, which passes each call what the one before returned.

    Memory is used again as soon as nobody holds what is in it, and what an optimiser remembers is
    updated in place.
    """
    return _fused(kernels, recycling(), one_run=True)


def _fused(kernels: Kernels, empty: Empty, one_run: bool) -> Kernels:
    return dataclasses.replace(
        kernels,
        dense_activation=_dense_activation(kernels, empty),
        activation_dense_backward=_activation_dense_backward(kernels, empty),
        output_cost_backward=fused_cost(kernels, empty),
        update=fused_update(kernels, empty, one_run),
    )


def _dense_activation(kernels: Kernels, empty: Empty) -> Callable[..., Layer]:
    plain = kernels.dense_activation

    def dense_activation(
        activation: str, W: Array, b: Array, A_prev: Array, mask: Array | None = None
    ) -> Layer:
        if not _fits(W, A_prev) or b.shape != (*W.shape[:-1], 1) or b.dtype != W.dtype:
            return plain(activation, W, b, A_prev, mask)
        Z = _product(W, A_prev, empty)
        if not _like(mask, Z):
            return plain(activation, W, b, A_prev, mask)
        if activation in KINDS:
            slope = SLOPES[activation, Z.dtype]
            activate(KINDS[activation], slope, _rows(Z), _rows(b), _rows(mask))
            return Layer(None, Z)
        loops.piecewise_forward(_rows(Z), _rows(b), 1.0, None)
        A = ACTIVATIONS[activation].apply(Z)
        return Layer(Z, A if mask is None else A * mask)

    return dense_activation


def _activation_dense_backward(
    kernels: Kernels, empty: Empty
) -> Callable[..., tuple[Dense, Array | None]]:
    plain = kernels.activation_dense_backward

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
    ) -> tuple[Dense, Array | None]:
        if not (
            _fits(W, A_prev)
            and dA.shape == (*W.shape[:-1], A_prev.shape[-1])
            and dA.dtype == W.dtype
            and _like(layer.Z, dA)
            and _like(layer.A, dA)
            and _like(mask, dA)
            and _scales(decay, W)
        ):
            return plain(
                activation, dA, layer, A_prev, W, mask=mask, decay=decay, need_dA_prev=need_dA_prev
            )
        dZ, db = _through_activation(activation, dA, layer, mask, empty)
        dW = _product(dZ, A_prev.mT, empty)
        if isinstance(decay, float):
            loops.add_scaled(_rows(W), decay, _rows(dW))
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
        loops.row_sums(_rows(dA), _rows(db))
        return dA, db
    dZ = empty(dA.shape, dA.dtype)
    slope = SLOPES.get((activation, dA.dtype))
    if slope is not None:
        loops.piecewise_backward(
            _rows(dA), _rows(layer.A), _rows(mask), slope, _rows(dZ), _rows(db)
        )
    else:
        slope = ACTIVATIONS[activation].derivative(layer.Z, before_dropout(layer.A, mask))
        loops.multiply_backward(_rows(dA), _rows(slope), _rows(mask), _rows(dZ), _rows(db))
    return dZ, db


def _product(A: Array, B: Array, empty: Empty) -> Array:
    """``A B``; a stack times one shared matrix is a single product of all its rows."""
    if B.ndim > 2:
        return np.matmul(A, B, out=empty((*A.shape[:-1], B.shape[-1]), A.dtype))
    if A.ndim == 2:
        return np.dot(A, B, out=empty((A.shape[0], B.shape[1]), A.dtype))
    product = _product(_rows(A), B, empty)
    return product.reshape(*A.shape[:-1], B.shape[-1])


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
    )


def _like(array: Array | None, like: Array) -> bool:
    return array is None or (array.shape == like.shape and array.dtype == like.dtype)


def _scales(factor: float | Array | None, array: Array) -> bool:
    """Whether `factor`, a number or one for each network of a stack, leaves shape and dtype."""
    if factor is None or isinstance(factor, float):
        return True
    return (
        isinstance(factor, np.ndarray)
        and factor.dtype == array.dtype
        and factor.shape[:-2] in ((), array.shape[:-2])
    )
