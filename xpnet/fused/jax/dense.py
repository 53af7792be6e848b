"""The dense layer within a compiled training step of JAX, as a processor multiplies fastest.

There XLA makes the product of two matrices by one of two libraries, as they lie in memory, and one
of them takes twice as long as the other where it does not suit. So arrays are laid out here before
they are multiplied; barriers keep XLA from taking that back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax

from xpnet.fused import replaced
from xpnet.kernels.activations import ACTIVATIONS
from xpnet.kernels.dense import (
    activation_backward,
    dense_backward,
    dropout,
    input_gradient,
    product,
)
from xpnet.types import Array, Kernels, Layer

FEW = 64
"""Samples up to which products with them are made in other ways than with more."""

MANY = 128
"""Units of a layer from which its activations, of more than few samples, lie a sample a row, and so
do their gradients: a step of 784-512-256-10 and 128 samples takes 1.94 ms instead of 2.17."""

WIDE, MOST_WEIGHTS = 512, 2**19
"""Inputs and weights of a layer with which, of few samples, dW is computed sooner from dZ with a
sample a row, for which it is copied: with 64 x 784 weights and 32 samples in 25 µs, not 39."""

SMALL, LARGE = 2**13, 2**17
"""Weights of a layer up to which ``Wᵀ dZ`` is computed sooner from a copy of Wᵀ, and from which on
as ``(dZᵀ W)ᵀ``: with 2,048 x 2,048 weights and 32 samples in 3 ms instead of 10."""

SMALL_OF_STACK = 2**12
"""What `SMALL` is for the layer of each network of a stack: of eight with 10 x 32 weights and 128
samples ``Wᵀ dZ`` takes 9.5 µs instead of 14."""


@cache
def training_kernels(kernels: Kernels) -> Kernels:
    """`kernels` for one program of all of them, in which programs of their own would be in the way.

    The same record for the same kernels, as programs are kept by it.
    """
    return replaced(kernels, dense_activation=_forward, activation_dense_backward=_backward)


def _forward(activation: str, W: Array, b: Array, A_prev: Array, mask: Array | None = None) -> Any:
    """The entry ``dense_activation`` of one network's layer of many units."""
    if W.ndim > 2 or A_prev.ndim > 2 or not are_rows(W.shape[0], A_prev.shape[-1]):
        return NotImplemented
    Z = jax.lax.platform_dependent(W, A_prev, cpu=product_by_samples, default=product) + b
    return Layer(Z, dropout(ACTIVATIONS[activation].apply(Z), mask))


def _backward(
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
    """The entry ``activation_dense_backward``: of a stack, dA_prev alone is made otherwise."""
    dZ = activation_backward(activation, dA, layer, mask)
    (n_out, n_in), m, is_stack = W.shape[-2:], dZ.shape[-1], dZ.ndim > 2
    is_wide = m <= FEW and n_in >= WIDE and n_out * n_in < MOST_WEIGHTS
    if not is_stack and (is_wide or are_rows(n_out, m)):
        dZ = jax.lax.platform_dependent(dZ, cpu=in_rows, default=lambda dZ: dZ)
    grads = dense_backward(dZ, A_prev, W, decay)
    if not need_dA_prev:
        return grads, None
    gradient = _gradient(n_out, n_in, m, is_stack)
    return grads, jax.lax.platform_dependent(W, dZ, cpu=gradient, default=input_gradient)


def _gradient(n_out: int, n_in: int, m: int, is_stack: bool) -> Callable[[Array, Array], Array]:
    """What makes ``Wᵀ dZ`` of such layers fastest on a processor."""
    if not is_stack and (n_out * n_in >= LARGE or are_rows(n_in, m)):
        return gradient_by_samples
    small = SMALL_OF_STACK if is_stack else SMALL
    return gradient_by_units if n_out * n_in <= small else input_gradient


def are_rows(n: int, m: int) -> bool:
    """Whether activations of n units and m samples lie a sample a row on a processor."""
    return n >= MANY and m > FEW


def in_rows(A: Array) -> Array:
    """The same, a sample a row in memory."""
    rows: Array = jax.lax.optimization_barrier(A.T).T
    return rows


def product_by_samples(W: Array, A_prev: Array) -> Array:
    """``W A_prev = (A_prevᵀ Wᵀ)ᵀ``, a sample a row in memory."""
    return in_rows((A_prev.T @ W.T).T)


def gradient_by_samples(W: Array, dZ: Array) -> Array:
    """``Wᵀ dZ = (dZᵀ W)ᵀ``, a sample a row in memory."""
    return in_rows((in_rows(dZ).T @ W).T)


def gradient_by_units(W: Array, dZ: Array) -> Array:
    """``Wᵀ dZ``, a unit a row in memory, from a copy of Wᵀ."""
    return jax.lax.optimization_barrier(W.mT) @ dZ
