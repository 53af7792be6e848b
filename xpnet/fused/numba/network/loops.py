"""Addresses of the loops that one network needs, compiled as they are asked for."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np

from xpnet.fused.numba.activations import (
    KINDS,
    SLOPES,
    multiply_backward,
    piecewise_backward,
)
from xpnet.fused.numba.compilation.address import address_of
from xpnet.fused.numba.cost import OUTPUTS
from xpnet.fused.numba.dense import row_sums
from xpnet.fused.numba.dropout import masks_of
from xpnet.fused.numba.gather import gather
from xpnet.fused.numba.network.first_layer import joined, zeros
from xpnet.fused.numba.network.gradients import (
    backward,
    cost_and_differences,
    decayed,
    forward,
    thin_cost_and_gradients,
)
from xpnet.fused.numba.products.blas import routine
from xpnet.fused.numba.products.matmul import matmul
from xpnet.fused.numba.products.transpose import transpose
from xpnet.fused.numba.products.zeros import product_without_zeros
from xpnet.fused.numba.updates import MOST_VALUES
from xpnet.kernels import Dropout
from xpnet.types import Array


@lru_cache(maxsize=64)
def network_of(net: Any, dtype: Any, thin: bool) -> tuple[Array, Array, Array]:
    """The first arguments of `cost_and_differences` but `layout`; of a thin layer, few of them.

    The same for all programs of the latest networks: of a step alone they take a tenth.
    """
    activations = (*net.activations, "identity")
    sizes = np.array(net.sizes[1:])
    from_a = [KINDS[name].slope is not None for name in activations]
    units, kept = (np.cumsum(each) - each for each in (sizes, np.where(from_a, 0, sizes)))
    S = sizes.sum()
    dZ = S + np.where(from_a, 0, sizes).sum()
    kinds = np.column_stack(
        [
            [(0, 0, 0) if thin else _of_activation(name, dtype) for name in activations],
            units,
            np.where(from_a, -1, S + kept),
            dZ + units,
            np.full_like(sizes, dZ + S),
            np.full_like(sizes, dZ + S + sizes.max()),
            units,
        ]
    )
    slopes = np.array([SLOPES[name, dtype] for name in activations])
    ways = (0, _of_transpose(dtype), 0, 0, 0) if thin else _both_ways(dtype)
    loops = np.array([routine(dtype), *ways, _of_output(net.output, dtype), 0])
    return loops, kinds, slopes


def masks_in_row(dropout: Dropout | None, dtype: Any) -> tuple[tuple[int, int], dict[str, float]]:
    """The keys of a dropout, and what else a row has of it."""
    key, other_key, least, kept, drop, divide = masks_of(dropout, dtype)
    return (key, other_key), {"least": least, "kept": kept, "drop": drop, "divide": divide}


@cache
def of_gradients(thin: bool, dtype: Any) -> int:
    """The address of `cost_and_differences`, or of what does the same and more for a thin layer."""
    vector, X = np.empty(1, dtype), np.empty((1, 1), dtype)
    network = _of_network(dtype)
    if thin:
        data = X, X, X, vector, vector, vector
        return address_of(thin_cost_and_gradients, *network, *data)
    rest = 0, *_of_block(dtype), vector
    return address_of(cost_and_differences, *network, vector, X, X, *rest)


@cache
def of_first_layer(dtype: Any, without_zeros: bool) -> dict[str, int]:
    """The addresses of its loops that a row has, where it leaves out zeros or is joined."""
    vector, loops = np.empty(1, dtype), zeros if without_zeros else joined
    addresses = {
        "copy_weights": address_of(loops.copy_weights, 0, 0, 0, vector),
        "first_products": address_of(loops.products, 0, 0, 0, 0, 0, vector),
        "first_Z": address_of(loops.forward, 0, 0, 0, 0, vector),
        "first_dW": address_of(loops.gradients, 0, 0, 0, 0, 0, vector),
    }
    if without_zeros:
        addresses["product"] = address_of(product_without_zeros, *[0] * 10, vector)
    return addresses


@cache
def of_penalty(dtype: Any) -> int:
    """The address of `decayed`."""
    W = np.empty((1, 1), dtype)
    return address_of(decayed, W, 0.0, W, np.empty(1))


@cache
def _both_ways(dtype: Any) -> tuple[int, int, int, int, int]:
    """The addresses of `matmul`, `transpose`, `forward`, `backward` and `row_sums`."""
    vector, X = np.empty(1, dtype), np.empty((1, 1), dtype)
    product, sums = address_of(matmul, *[0] * 11, vector), address_of(row_sums, X, X)
    return product, _of_transpose(dtype), of_forward(dtype), of_backward(dtype), sums


@cache
def of_forward(dtype: Any) -> int:
    """The address of `forward`."""
    return address_of(forward, *_of_network(dtype), np.empty(1, dtype), 0, 0, *_of_block(dtype))


@cache
def of_backward(dtype: Any) -> int:
    """The address of `backward`."""
    rest = _of_block(dtype)
    return address_of(backward, *_of_network(dtype), 0, 0, *rest, np.empty(1, dtype))


def _of_network(dtype: Any) -> tuple[Any, ...]:
    """Loops, layout, kinds and slopes, as arguments of loops."""
    layout = np.empty((1, 1), int)
    return np.empty(1, int), layout, layout, np.empty((1, 1, 1), dtype)


def _of_block(dtype: Any) -> tuple[Any, ...]:
    """Masks, parameters and room, as arguments of loops."""
    return masks_of(None, dtype), *[np.empty(1, dtype)] * 3


@cache
def _of_transpose(dtype: Any) -> int:
    """The address of `transpose`."""
    return address_of(transpose, *[0] * 6, np.empty(1, dtype))


@cache
def _of_activation(name: str, dtype: Any) -> tuple[int, int, int]:
    """The addresses of an activation, its derivative by Z or 0, and what multiplies by that."""
    kind, Z = KINDS[name], np.empty((1, 1), dtype)
    if kind.derivative is None:
        multiply = address_of(piecewise_backward, Z, Z, None, SLOPES[name, dtype], Z, Z)
        return address_of(kind.forward, Z, Z, 0.0, None), 0, multiply
    multiply = address_of(multiply_backward, Z, Z, None, Z, Z)
    return address_of(kind.forward, Z, Z, Z), address_of(kind.derivative, Z, Z), multiply


@cache
def _of_output(name: str, dtype: Any) -> int:
    """The address of a cost."""
    Z = np.empty((1, 1), dtype)
    return address_of(OUTPUTS[name], Z, Z, 1.0, Z, Z, Z)


@cache
def of_gather(dtype: Any) -> int:
    """The address of `gather`."""
    X = np.empty((1, 1), dtype)
    return address_of(gather, X, np.empty(1, np.int64), 0, X)


@cache
def of_update(loop: Any, dtype: Any) -> int:
    """The address of an optimiser's loop, in place."""
    vector = np.empty(1, dtype)
    return address_of(loop, *[vector] * 4, np.empty(1), (0.0,) * MOST_VALUES, None)
