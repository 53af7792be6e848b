"""Cost and dZ for NumPy arrays by one compiled call on the logits of one network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xpnet.fused import _numba_loops as loops
from xpnet.fused._numba_updates import DTYPES
from xpnet.types import Array, Kernels

__all__ = ["fused_cost"]


COSTS: dict[str, Callable[..., float]] = {
    "softmax": loops.softmax_cost,
    "sigmoid": loops.sigmoid_cost,
    "identity": loops.identity_cost,
}


def fused_cost(kernels: Kernels, empty: Callable[..., Array]) -> Callable[..., tuple[Array, Array]]:
    """The entry ``output_cost_backward`` of `kernels`, compiled.

    Parameters
    ----------
    empty : function ``(shape, dtype) -> array``
        Where dZ is written.
    """
    plain = kernels.output_cost_backward

    def output_cost_backward(
        output: str, Z: Array, Y: Array, scale: float | Array
    ) -> tuple[Array, Array]:
        weight = None if isinstance(scale, float) else scale
        cost = COSTS.get(output)
        if cost is None or not _takes(Z, Y, weight):
            return plain(output, Z, Y, scale)
        dZ = empty(Z.shape, Z.dtype)
        J = cost(Z, Y, scale if weight is None else 1.0, weight, dZ)
        return Z.dtype.type(J), dZ

    return output_cost_backward


def _takes(Z: Array, Y: Array, weight: Any) -> bool:
    """Whether Z is of one network, and Y and a weight for each sample fit it."""
    if Z.ndim != 2 or Z.dtype not in DTYPES or Y.shape != Z.shape or Y.dtype != Z.dtype:
        return False
    return weight is None or (
        isinstance(weight, np.ndarray)
        and weight.shape == (1, Z.shape[1])
        and weight.dtype == Z.dtype
    )
