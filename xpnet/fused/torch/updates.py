"""Adam's step over all parameters, which is PyTorch's own fused one."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch

from xpnet.fused import are_dense, are_floats, are_of_step, are_same
from xpnet.types import Array, Dense, Params, tensors

LONG_AGO = 1e30
"""A step count at which Adam's bias corrections are 1: ours are part of the rate."""

TINY = 1e-24
FLUSH_EVERY = 64
"""Steps in which what is left after a flush, 1e-31 or more, decays to no denormal number of float32
(for a β of 0.8 or more): a flush at each step would take as long as the step."""


def fused_update(in_place: bool) -> Callable[..., Any]:
    """The entry ``update`` for Adam alone.

    Parameters
    ----------
    in_place : bool
        Whether the moments that the call before returned are written over.
    """
    returned: tuple[Params, ...] = ()
    calls = itertools.count()

    def update(
        optimizer: str,
        params: Params,
        grads: Params,
        moments: tuple[Params, ...],
        **hyperparameters: Any,
    ) -> Any:
        nonlocal returned
        trees = (params, *moments)
        known = are_same(returned, trees)
        if not (
            optimizer == "adam"
            and are_of_step(optimizer, moments, hyperparameters)
            and are_floats(hyperparameters.values())
            and _all_like(params, (grads,) if known else (grads, *trees))
        ):
            return NotImplemented
        m, v = moments if known else map(copies, moments)
        new = copies(params)
        g = [dW.contiguous() for dW in tensors(grads)]
        theta = tensors(new)
        counted = long_ago(theta[0])
        adam(theta, g, tensors(m), tensors(v), counted=counted, **hyperparameters)
        if not in_place or next(calls) % FLUSH_EVERY == 0:
            flush(tensors(m) + tensors(v))
        returned = (new, m, v) if in_place else ()
        return new, (m, v)

    return update


def adam(
    theta: list[Array],
    g: list[Array],
    m: list[Array],
    v: list[Array],
    *,
    rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    counted: Array,
) -> None:
    """In place: θ, m and v, all of them contiguous; `counted` is that of `long_ago`."""
    torch._fused_adam_(
        theta,
        g,
        m,
        v,
        [],
        [counted] * len(theta),
        lr=rate,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        weight_decay=0.0,
        amsgrad=False,
        maximize=False,
    )


def long_ago(like: Array) -> Array:
    """The count of steps that `adam` takes, beside `like`."""
    return torch.full((), LONG_AGO, device=like.device)


def flush(moments: list[Array]) -> None:
    """In place: rounded to multiples of about 1e-31; see `xpnet.kernels.updates.flushed`."""
    torch._foreach_add_(moments, TINY)
    torch._foreach_sub_(moments, TINY)


def copies(params: Params) -> Params:
    """The same numbers in contiguous memory of their own."""
    # By hand, as `map_params` would take a microsecond longer, of twenty on a small network.
    return tuple(Dense(_copy(W), _copy(b)) for W, b in params)


def _all_like(params: Params, trees: tuple[Params, ...]) -> bool:
    """Whether `trees` have the parameters' shapes and floating dtype; the step checks nothing."""
    if not are_dense(params, *trees):
        return False
    dtype = params[0].W.dtype
    thetas = tensors(params)
    for tree in trees:
        others = tensors(tree)
        if len(others) != len(thetas):
            return False
        for tensor, theta in zip(others, thetas, strict=True):
            if tensor.shape != theta.shape or tensor.dtype != dtype:
                return False
    return bool(dtype.is_floating_point)


def _copy(tensor: Array) -> Array:
    """Contiguous, as the step goes through memory in its order, whatever the strides."""
    return tensor.clone() if tensor.is_contiguous() else tensor.contiguous()
