"""Adam's step over all parameters, which is PyTorch's own fused one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import torch

from xpnet.fused import are_dense, are_floats, are_of_step, are_same
from xpnet.fused.torch.flat import Flat, zeros_like
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


def is_in_place(apply: Any, hyperparameters: Iterable[Mapping[str, Any]]) -> bool:
    """Whether `FlatAdam` makes all of these: rates may be of each network, all else is of all."""
    return getattr(apply, "kernel", None) == "adam" and all(
        are_floats(
            number for name, number in numbers.items() if name != "rate" or not _of_each(number)
        )
        for numbers in hyperparameters
    )


def _of_each(rate: Any) -> bool:
    """Whether this is an array of rates, ``(..., 1, 1)``."""
    return getattr(rate, "shape", ())[-2:] == (1, 1)


class FlatAdam:
    """Adam's steps of one training in memory of its own.

    Parameters
    ----------
    like : Params
        Of one network, or of a stack.

    Attributes
    ----------
    grads : Flat
        The gradients of the next step.
    """

    def __init__(self, like: Params) -> None:
        self.grads = zeros_like(like)
        self.moments: tuple[Params, ...] = ()
        self.counted, self.calls = long_ago(self.grads.vector), itertools.count()

    def begin(
        self, params: Params, moments: tuple[Params, ...]
    ) -> tuple[Params, tuple[Params, ...]]:
        """What `step` writes over: copies of these, or its own moments where these are they."""
        self.theta = self.grads.copy_of(params)
        if not are_same(self.moments, moments):
            m, v = map(self.grads.copy_of, moments)
            self.vectors, self.moments = [m.vector, v.vector], (m.params, v.params)
        return self.theta.params, self.moments

    def step(self, numbers: Mapping[str, Any]) -> None:
        """Make a step by `grads`, in place."""
        g, (m, v) = self.grads.vector, self.vectors
        rate, settings = numbers["rate"], {**numbers, "counted": self.counted}
        if isinstance(rate, float):
            adam([self.theta.vector], [g], [m], [v], **settings)
        else:
            # What a step of rate 1 adds to 0: each network takes its rate times its part of that.
            change = self.change
            adam([change.vector.zero_()], [g], [m], [v], **{**settings, "rate": 1.0})
            rate = torch.as_tensor(rate, dtype=g.dtype, device=g.device)
            theta, changes = tensors(self.theta.params), tensors(change.params)
            torch._foreach_addcmul_(theta, changes, [rate] * len(theta))
        if next(self.calls) % FLUSH_EVERY == 0:
            flush(self.vectors)

    @cached_property
    def change(self) -> Flat:
        """What a step of rate 1 adds."""
        return zeros_like(self.grads.params)


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
