"""Adam's step for torch tensors: one multi-tensor operation on all parameters."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

import torch

from xpnet.types import Array, Dense, Kernels, Params

__all__ = ["fused_update"]

LONG_AGO = 1e30
"""A step count at which Adam's bias corrections are 1: ours are part of the rate."""

TINY = 1e-24
FLUSH_EVERY = 64
"""Steps in which what is left after a flush, 1e-31 or more, decays to no denormal number of float32
(for a β of 0.8 or more): a flush at each step would take as long as the step."""


def fused_update(kernels: Kernels, one_run: bool) -> Callable[..., Any]:
    """The entry ``update`` of `kernels`, Adam's being torch's own fused step.

    Parameters
    ----------
    one_run : bool
        True where each call is given what the one before it returned: the moments are then updated
        in place, as nobody else sees them. False: they are copied.
    """
    mine: tuple[Params, ...] = ()
    calls = itertools.count()

    def update(
        optimizer: str,
        params: Params,
        grads: Params,
        moments: tuple[Params, ...],
        *,
        rate: Any,
        **settings: Any,
    ) -> tuple[Params, tuple[Params, ...]]:
        nonlocal mine
        if optimizer != "adam":
            return kernels.update(optimizer, params, grads, moments, rate=rate, **settings)
        m, v = moments
        goes_on = len(mine) == 3 and all(map(operator.is_, mine, (params, m, v)))
        unknown = (grads,) if goes_on else (params, grads, m, v)
        if not isinstance(rate, float) or not _all_like(params, unknown):
            return kernels.update(optimizer, params, grads, moments, rate=rate, **settings)
        if not goes_on:
            m, v = _copies(m), _copies(v)
        new = _copies(params)
        _step(new, grads, m, v, rate, **settings)
        if not one_run or next(calls) % FLUSH_EVERY == 0:
            _flush(_tensors(m) + _tensors(v))
        if one_run:
            mine = new, m, v
        return new, (m, v)

    return update


def _step(
    theta: Params,
    g: Params,
    m: Params,
    v: Params,
    rate: float,
    *,
    beta1: float,
    beta2: float,
    eps: float,
) -> None:
    """In place: θ, m and v."""
    tensors = _tensors(theta)
    count = torch.full((), LONG_AGO, device=tensors[0].device)
    torch._fused_adam_(
        tensors,
        [dW.contiguous() for dW in _tensors(g)],
        _tensors(m),
        _tensors(v),
        [],
        [count] * len(tensors),
        lr=rate,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        weight_decay=0.0,
        amsgrad=False,
        maximize=False,
    )


def _flush(tensors: list[Array]) -> None:
    """In place: rounded to multiples of about 1e-31; see `xpnet.kernels.updates.flushed`."""
    torch._foreach_add_(tensors, TINY)
    torch._foreach_sub_(tensors, TINY)


def _all_like(params: Params, trees: tuple[Params, ...]) -> bool:
    """Whether `trees` have the parameters' shapes and floating dtype; the step checks nothing."""
    dtype = params[0].W.dtype
    thetas = _tensors(params)
    for tree in trees:
        tensors = _tensors(tree)
        if len(tensors) != len(thetas):
            return False
        for tensor, theta in zip(tensors, thetas, strict=True):
            if tensor.shape != theta.shape or tensor.dtype != dtype:
                return False
    return bool(dtype.is_floating_point)


def _copies(params: Params) -> Params:
    return tuple(Dense(_copy(W), _copy(b)) for W, b in params)


def _copy(tensor: Array) -> Array:
    """Contiguous, as the step goes through memory in its order, whatever the strides."""
    return tensor.clone() if tensor.is_contiguous() else tensor.contiguous()


def _tensors(params: Params) -> list[Array]:
    return [tensor for layer in params for tensor in layer]
