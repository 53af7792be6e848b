"""Predictions, and cost with its derivative by the logits, in one CUDA kernel each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from xpnet.fused.cupy.dense import MOST_NETWORKS, row_sums
from xpnet.fused.cupy.driver import MOST_BLOCKS, Driver, Extent, one_real_dtype, power_of_two
from xpnet.fused.cupy.network.sets import sets_of, sharing
from xpnet.types import Array

Scale: TypeAlias = tuple[np.generic, Array | None, int, int, int]
OUTPUTS = ("sigmoid", "softmax", "identity", "exp")
"""The outputs of ``cost.cu``."""

ONE_BLOCK = 2**11  # logits that a single block takes: below, a second launch costs more


def output_activation(driver: Driver) -> Callable[..., Any]:
    """The entry of that name, in one kernel."""

    def fused(output: str, Z: Array) -> Any:
        if output == "identity" or not _fits(output, Z):
            return NotImplemented
        A = driver.empty(Z.shape, Z.dtype)
        grid, block = column_grid(Z)
        arguments = (driver.contiguous(Z), *Z.shape[-2:], A)
        driver.launch(f"predict<output::{output}>", Z.dtype, grid, block, arguments)
        return A

    return fused


def output_cost(driver: Driver) -> Callable[..., Any]:
    """The entry of that name, in one kernel, or two where there are many logits."""

    def fused(output: str, Z: Array, Y: Array, scale: Any) -> Any:
        targets, scales = _targets(output, Z, Y), _scale(scale, Z)
        if targets is None or scales is None:
            return NotImplemented
        return _cost(driver, output, Z, targets, scales, None)

    return fused


def output_cost_backward(driver: Driver) -> Callable[..., Any]:
    """The entry of that name, in one kernel, or two where there are many logits."""

    def fused(output: str, Z: Array, Y: Array, scale: Any) -> Any:
        targets, scales = _targets(output, Z, Y), _scale(scale, Z)
        if targets is None or scales is None:
            return NotImplemented
        dZ = driver.empty(Z.shape, Z.dtype)
        return _cost(driver, output, Z, targets, scales, dZ), dZ

    return fused


def _cost(driver: Driver, output: str, Z: Array, Y: Array, scale: Scale, dZ: Array | None) -> Array:
    """J, with dZ written beside it."""
    *lead, n, m = Z.shape
    (tiles, networks), block = column_grid(Z)
    blocks = 1 if n * m <= ONE_BLOCK else min(tiles, MOST_BLOCKS)
    J = driver.empty(tuple(lead) if blocks == 1 else (networks, blocks), Z.dtype)
    of_Y = sharing(Y, networks), *strides_of(Y, 3)
    arguments = (driver.contiguous(Z), Y, *of_Y, *scale, n, m, dZ, J)
    driver.launch(f"cost<output::{output}>", Z.dtype, (blocks, networks), block, arguments)
    return J if blocks == 1 else row_sums(driver, J, tuple(lead))


def column_grid(Z: Array) -> tuple[Extent, Extent]:
    """Tiles of columns and networks; threads along the columns of a tile and along its units."""
    *lead, n, m = Z.shape
    along_units = power_of_two(n, 32)
    along_columns = max(32, 256 // along_units)
    return (max(1, -(-m // along_columns)), math.prod(lead)), (along_columns, along_units)


def strides_of(array: Array, axes: int) -> tuple[int, ...]:
    """Strides of the last axes in entries; 0 for an axis that is not there."""
    found = tuple(stride // array.itemsize for stride in array.strides)
    return ((0,) * axes + found)[-axes:]


def _scale(scale: Any, Z: Array) -> Scale | None:
    """`scale` as a number, or as an array with its strides, or None if it is neither."""
    kind = Z.dtype.type
    if isinstance(scale, int | float):
        return kind(scale), None, 1, 0, 0
    if not isinstance(scale, type(Z)) or scale.dtype != Z.dtype:
        return None
    if scale.ndim < 2 or scale.shape[-2:] != (1, Z.shape[-1]):
        return None
    found = sets_of(scale, Z.shape[:-2])
    if found is None:
        return None
    distance, _, sample = strides_of(found, 3)
    return kind(0), found, sharing(found, math.prod(Z.shape[:-2])), distance, sample


def _targets(output: str, Z: Array, Y: Array) -> Array | None:
    """Y as sets of targets beside such logits; None if it is not that, or there is no kernel."""
    if not _fits(output, Z) or not one_real_dtype(Z, Y) or Y.shape[-2:] != Z.shape[-2:]:
        return None
    return sets_of(Y, Z.shape[:-2])


def _fits(output: str, Z: Array) -> bool:
    """Whether Z holds the logits of one network or a stack."""
    return (
        output in OUTPUTS
        and one_real_dtype(Z)
        and Z.ndim >= 2
        and 0 < math.prod(Z.shape[:-2]) <= MOST_NETWORKS
    )
