"""Gradients of bounded length, for whichever optimiser comes after."""

from __future__ import annotations

import functools
from typing import Any

from array_api_compat import array_namespace

from xpnet.optim._check import check_optimizer, positive
from xpnet.optim.first_order import Apply, Slots
from xpnet.types import Array, Dense, Kernels, Optimizer, Params

__all__ = ["clip"]


def clip(optimizer: Optimizer, norm: float) -> Optimizer:
    """`optimizer`, given gradients scaled down to at most `norm`: ``g · min(1, norm / ‖g‖)``.

    The norm is taken over all parameters of one network, for each network of a stack by itself.

    Parameters
    ----------
    optimizer : Optimizer
    norm : float
        Largest Euclidean norm of the gradients that `optimizer` sees; above 0.
    """
    check_optimizer(optimizer)
    positive(norm=norm)
    norm = float(norm)
    return optimizer._replace(
        numbers=lambda t: {"norm": norm, "then": optimizer.numbers(t)},
        apply=_clipped(optimizer.apply),
    )


@functools.cache
def _clipped(apply: Apply) -> Apply:
    def apply_clipped(
        params: Params, grads: Params, slots: Slots, numbers: dict[str, Any], kernels: Kernels
    ) -> tuple[Params, Slots]:
        factor = _clip_factor(grads, numbers["norm"])
        clipped = tuple(Dense(dW * factor, db * factor) for dW, db in grads)
        return apply(params, clipped, slots, numbers["then"], kernels)

    return apply_clipped


def _clip_factor(grads: Params, norm: float) -> Array:
    """``min(1, norm / ‖g‖)``, shape (..., 1, 1)."""
    xp = array_namespace(grads[0].W)
    squares = sum(xp.sum(g * g, axis=(-2, -1), keepdims=True) for layer in grads for g in layer)
    return norm / xp.maximum(xp.sqrt(squares), norm)
