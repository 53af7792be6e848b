"""Gradient clipping by the norm over all parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from array_api_compat import array_namespace

from xpnet.optim._check import check_optimizer, positive, single
from xpnet.optim.first_order import Apply, Moments
from xpnet.types import Array, Kernels, Optimizer, Params, map_params, tensors


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
    single(norm=norm)
    positive(norm=norm)
    return optimizer._replace(
        hyperparameters=_Hyperparameters(_clipped, float(norm), optimizer.hyperparameters),
        apply=_Clipping(optimizer.apply),
    )


class _Hyperparameters(partial[dict[str, Any]]):
    """The hyperparameters as a function of t; shown as the call that makes their optimiser."""

    def __repr__(self) -> str:
        norm, then = self.args
        return f"clip({then!r}, norm={norm})"


def _clipped(norm: float, then: Callable[[int], dict[str, Any]], t: int) -> dict[str, Any]:
    return {"norm": norm, "then": then(t)}


@dataclass(frozen=True)
class _Clipping:
    """The update `then`, given clipped gradients; equal to any other with an equal one."""

    then: Apply

    def __str__(self) -> str:
        return f"clipped {self.then}"

    def __call__(
        self,
        params: Params,
        grads: Params,
        moments: Moments,
        hyperparameters: dict[str, Any],
        kernels: Kernels,
    ) -> tuple[Params, Moments]:
        factor = _clip_factor(grads, hyperparameters["norm"])
        clipped = map_params(lambda g: g * factor, grads)
        return self.then(params, clipped, moments, hyperparameters["then"], kernels)


def _clip_factor(grads: Params, norm: float) -> Array:
    """``min(1, norm / ‖g‖)``, shape (..., 1, 1)."""
    xp = array_namespace(grads[0][0])
    squares = sum(xp.sum(g * g, axis=(-2, -1), keepdims=True) for g in tensors(grads))
    return norm / xp.maximum(xp.sqrt(squares), norm)
