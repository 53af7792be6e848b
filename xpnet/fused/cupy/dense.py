"""Dense layer in CUDA: everything but its matrix products."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from xpnet.fused.cupy.driver import (
    MOST_BLOCKS,
    Driver,
    Factor,
    factor,
    one_real_dtype,
    row_grid,
)
from xpnet.fused.cupy.network.sets import sets_of
from xpnet.types import Array, Dense, Layer

NEEDS_Z = {
    "identity": False,
    "sigmoid": False,
    "tanh": False,
    "relu": False,
    "leaky_relu": False,
    "elu": False,
    "gelu": True,
    "silu": True,
    "softplus": False,
    "hard_swish": True,
    "mish": True,
}
"""The activations of ``activations.cu``, and whether the derivative needs more than A."""

MOST_NETWORKS = 65_535  # blocks that a grid can have along y


def dense_activation(driver: Driver) -> Callable[..., Any]:
    """The entry of that name: bias, activation and mask in one kernel, over the fresh product."""

    def fused(activation: str, W: Array, b: Array, A_prev: Array, mask: Array | None = None) -> Any:
        if activation not in NEEDS_Z or not _fits(W, b, A_prev, mask):
            return NotImplemented
        Z = driver.contiguous(_by_rows(W, A_prev))
        A = driver.empty(Z.shape, Z.dtype) if NEEDS_Z[activation] else Z
        m = Z.shape[-1]
        grid, block = row_grid(math.prod(Z.shape[:-1]), m)
        mask = _contiguous(driver, mask)
        arguments = (Z, driver.contiguous(b), mask, *undrawn(Z.dtype), A, m)
        driver.launch(f"forward<activation::{activation}>", Z.dtype, grid, block, arguments)
        return Layer(None if A is Z else Z, A)

    return fused


def activation_dense_backward(driver: Driver) -> Callable[..., Any]:
    """The entry of that name: mask, derivative and bias gradient in one kernel, decay in one."""

    def fused(
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
        decays = None if decay is None else factor(driver, decay, W)
        if not _fits_back(activation, dA, layer, A_prev, W, mask) or (
            decays is None and decay is not None
        ):
            return NotImplemented
        dZ, db = _logit_gradient(driver, activation, dA, layer, mask)
        dW = driver.contiguous(_by_rows(dZ, A_prev.swapaxes(-1, -2)))
        if decays is not None:
            _add_decay(driver, dW, W, decays)
        return Dense(dW, db), W.swapaxes(-1, -2) @ dZ if need_dA_prev else None

    return fused


def undrawn(dtype: np.dtype) -> tuple[Any, ...]:
    """What a mask is drawn with, of a kernel that draws none."""
    return 0, None, 0, 0, 0, dtype.type(0), None, 1


def _by_rows(left: Array, right: Array) -> Array:
    """``left @ right``; where networks share the right factor, as one product of all their rows."""
    sets = sets_of(right, left.shape[:-2])
    assert sets is not None, "what does not fit has been refused"
    rows = left.reshape(*sets.shape[:-2], -1, left.shape[-1])
    return (rows @ sets).reshape(*left.shape[:-1], right.shape[-1])


def row_sums(driver: Driver, values: Array, shape: tuple[int, ...]) -> Array:
    """The sums of `values` over its last axis, C-contiguous, as an array of `shape`."""
    rows, m = math.prod(shape), values.shape[-1]
    grid, block = row_grid(rows, m)
    segments = driver.empty(shape if grid[1] == 1 else (rows, grid[1]), values.dtype)
    driver.launch("row_sums", values.dtype, grid, block, (values, m, segments))
    return segments if grid[1] == 1 else row_sums(driver, segments, shape)


def _logit_gradient(
    driver: Driver, activation: str, dA: Array, layer: Layer, mask: Array | None
) -> tuple[Array, Array]:
    """``dZ = dA * mask * g'`` and db, its row sums."""
    dA = driver.contiguous(dA)
    *lead, m = dA.shape
    shape = (*lead, 1)
    if activation == "identity" and mask is None:
        return dA, row_sums(driver, dA, shape)
    Z = _contiguous(driver, layer.Z) if NEEDS_Z[activation] else None
    dZ = driver.empty(dA.shape, dA.dtype)
    grid, block = row_grid(math.prod(lead), m)
    db = driver.empty(shape if grid[1] == 1 else (*lead, grid[1]), dA.dtype)
    kept = driver.contiguous(layer.A), _contiguous(driver, mask)
    arguments = (dA, Z, *kept, *undrawn(dA.dtype), m, dZ, db)
    driver.launch(f"backward<activation::{activation}>", dA.dtype, grid, block, arguments)
    return dZ, db if grid[1] == 1 else row_sums(driver, db, shape)


def _add_decay(driver: Driver, dW: Array, W: Array, decay: Factor) -> None:
    """``dW += decay W``, over the dW that was made just now."""
    size = W.shape[-2] * W.shape[-1]
    grid = (min(MOST_BLOCKS, -(-size // 256)), math.prod(W.shape[:-2]))
    arguments = (dW, driver.contiguous(W), size, *decay)
    driver.launch("add_decay", W.dtype, grid, (256, 1), arguments)


def _contiguous(driver: Driver, array: Array | None) -> Array | None:
    return None if array is None else driver.contiguous(array)


def _fits(W: Array, b: Array, A_prev: Array, mask: Array | None) -> bool:
    """Whether all that broadcasts is A_prev over the networks of a stack."""
    return (
        one_real_dtype(W, b, A_prev, mask)
        and min(W.ndim, A_prev.ndim) >= 2
        and W.shape[-1] == A_prev.shape[-2]
        and b.shape == (*W.shape[:-1], 1)
        and sets_of(A_prev, W.shape[:-2]) is not None
        and (mask is None or mask.shape == (*W.shape[:-1], A_prev.shape[-1]))
        and 0 < math.prod(W.shape[:-2]) <= MOST_NETWORKS
    )


def _fits_back(
    activation: str, dA: Array, layer: Layer, A_prev: Array, W: Array, mask: Array | None
) -> bool:
    """Whether the derivatives lie as a fused forward pass would have left them."""
    Z, A = layer
    same_shape = all(array is None or array.shape == dA.shape for array in (Z, A, mask))
    return (
        same_shape
        and one_real_dtype(dA, Z, A)
        and activation in NEEDS_Z
        and (Z is not None or not NEEDS_Z[activation])
        and dA.shape[:-1] == W.shape[:-1]
        and _fits(W, dA[..., :1], A_prev, mask)
        and A_prev.shape[-1] == dA.shape[-1]
    )
