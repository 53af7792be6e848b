"""The dense layer within a compiled training step of JAX: products that XLA would make slower."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax

from xpnet.fused import replaced
from xpnet.kernels.dense import activation_backward, dense_backward, input_gradient
from xpnet.types import Array, Kernels, Layer

LARGE = 2**17
"""Weights of a layer from which XLA on a processor computes ``dZᵀ W`` sooner than ``Wᵀ dZ``: with
2,048 x 2,048 weights and 32 samples in 3 ms instead of 10."""

WIDE, MOST_WEIGHTS, FEW = 512, 2**19, 64
"""Inputs and weights of a layer, and samples, with which it computes dW sooner from dZᵀ in memory
than from dZ: with 128 x 784 weights and 32 samples in 42 µs instead of 76."""


@cache
def training_kernels(kernels: Kernels) -> Kernels:
    """`kernels` for one program of all of them, in which programs of their own would be in the way.

    The same record for the same kernels, as programs are kept by it.
    """
    return replaced(kernels, activation_dense_backward=_backward)


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
    """The entry ``activation_dense_backward`` of one network's large or wide layer."""
    is_large = need_dA_prev and W.size >= LARGE
    is_wide = W.shape[-1] >= WIDE and W.size < MOST_WEIGHTS and dA.shape[-1] <= FEW
    if dA.ndim > 2 or not (is_large or is_wide):
        return NotImplemented
    dZ = activation_backward(activation, dA, layer, mask)
    if is_wide:
        dZ = jax.lax.platform_dependent(dZ, cpu=in_rows, default=lambda dZ: dZ)
    grads = dense_backward(dZ, A_prev, W, decay)
    if not need_dA_prev:
        return grads, None
    if not is_large:
        return grads, input_gradient(W, dZ)
    return grads, jax.lax.platform_dependent(W, dZ, cpu=by_samples, default=input_gradient)


def in_rows(dZ: Array) -> Array:
    """The same, a sample a row in memory."""
    rows: Array = jax.lax.optimization_barrier(dZ.T).T
    return rows


def by_samples(W: Array, dZ: Array) -> Array:
    """``dA_prev = (dZᵀ W)ᵀ``, of which XLA would make ``Wᵀ dZ``, were it not for the barriers."""
    dA_prev: Array = jax.lax.optimization_barrier(in_rows(dZ).T @ W).T
    return dA_prev
