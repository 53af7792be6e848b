"""The optimisers' entries for NumPy arrays: one compiled loop a tensor."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from xpnet.fused import _numba_steps as loops
from xpnet.fused._flat import Flats
from xpnet.types import Array, Dense, Kernels, Params

__all__ = ["DTYPES", "flat_update", "fused_update"]

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))

LOOPS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "sgd": (loops.sgd, ()),
    "momentum": (loops.momentum, ("mu",)),
    "nesterov": (loops.nesterov, ("mu",)),
    "rmsprop": (loops.rmsprop, ("rho", "eps")),
    "adam": (loops.adam, ("beta1", "beta2", "eps")),
    "adamw": (loops.adamw, ("beta1", "beta2", "eps", "decay", "c1", "c2")),
}
"""Each optimiser's loop, and the order of the numbers that follow the learning rate."""


def fused_update(
    kernels: Kernels, empty: Callable[..., Array], one_run: bool
) -> Callable[..., Any]:
    """The entry ``update`` of `kernels`, compiled.

    Parameters
    ----------
    empty : function ``(shape, dtype) -> array``
        Where new parameters are written.
    one_run : bool
        True where each call is given what the one before it returned: the moments are then updated
        in place, as nobody else sees them. False: they are copied.
    """
    mine: tuple[Params, ...] = ()

    def update(
        optimizer: str,
        params: Params,
        grads: Params,
        moments: tuple[Params, ...],
        *,
        rate: Any,
        **settings: Any,
    ) -> Any:
        nonlocal mine
        fits = optimizer in LOOPS and _are_floats(settings)
        if not fits or not _takes(params, grads, moments, rate):
            return kernels.update(optimizer, params, grads, moments, rate=rate, **settings)
        if not _same(mine, moments):
            moments = tuple(_copies(moment) for moment in moments)
        rates = np.array([rate]) if isinstance(rate, float) else rate.astype(float).reshape(-1)
        new = tuple(Dense(empty(W.shape, W.dtype), empty(b.shape, b.dtype)) for W, b in params)
        _update_each(*LOOPS[optimizer], (params, grads, *moments, new), rates, settings)
        if one_run:
            mine = moments
        return new, moments

    return update


def flat_update(kernels: Kernels, flats: Flats) -> Callable[..., Any]:
    """The entry ``update`` of `kernels` over the flat parameters of a training run.

    One call for all tensors, but for AdamW, whose biases do not decay. The moments are updated in
    place.
    """
    rates = np.empty(1)
    mine: tuple[Params, ...] = ()
    memory: list[Array] = []

    def update(
        optimizer: str,
        params: Params,
        grads: Params,
        moments: tuple[Params, ...],
        *,
        rate: Any,
        **settings: Any,
    ) -> Any:
        nonlocal mine, memory
        fits = optimizer in LOOPS and _are_floats(settings, rate)
        if not fits or not all(map(flats.fits, (params, grads, *moments))):
            return kernels.update(optimizer, params, grads, moments, rate=rate, **settings)
        if not _same(mine, moments):
            mine = tuple(flats.copied(moment) for moment in moments)
            memory = [flats.vector(moment) for moment in mine]
        loop, names = LOOPS[optimizer]
        theta, g = flats.vector(params), flats.vector(grads)
        new = flats.fresh()
        rates[0] = rate
        if "decay" in names:
            _update_each(loop, names, (params, grads, *mine, new), rates, settings)
        else:
            loop(theta, g, *memory, rates, *(settings[name] for name in names), flats.vector(new))
        return new, mine

    return update


def _update_each(
    loop: Callable[..., None],
    names: tuple[str, ...],
    trees: tuple[Params, ...],
    rates: Array,
    settings: dict[str, float],
) -> None:
    """Tensor by tensor, the last tree being written to; biases do not decay."""
    numbers = [settings[name] for name in names]
    for_biases = [0.0 if name == "decay" else settings[name] for name in names]
    for layers in zip(*trees, strict=True):
        *tensors, to_W = [layer[0] for layer in layers]
        loop(*tensors, rates, *numbers, to_W)
        *tensors, to_b = [layer[1] for layer in layers]
        loop(*tensors, rates, *for_biases, to_b)


def _are_floats(settings: dict[str, Any], rate: Any = 0.0) -> bool:
    """Whether they are numbers for all, none of them one for each network of a stack."""
    return isinstance(rate, float) and all(isinstance(n, float) for n in settings.values())


def _same(mine: tuple[Params, ...], moments: tuple[Params, ...]) -> bool:
    """Whether the moments are the very ones that were returned before, and so nobody else's."""
    return len(mine) == len(moments) and all(map(operator.is_, mine, moments))


def _copies(moment: Params) -> Params:
    return tuple(Dense(np.array(W, order="C"), np.array(b, order="C")) for W, b in moment)


def _takes(params: Params, grads: Params, moments: tuple[Params, ...], rate: Any) -> bool:
    """Whether every tensor has its parameter's shape and dtype, and each member its rate."""
    if not isinstance(rate, float) and not _one_each(rate, params):
        return False
    dtype = params[0].W.dtype
    if dtype not in DTYPES or any(len(tree) != len(params) for tree in (grads, *moments)):
        return False
    for number, (W, b) in enumerate(params):
        for tree in (grads, *moments):
            dW, db = tree[number]
            if dW.shape != W.shape or db.shape != b.shape:
                return False
            if dW.dtype != dtype or db.dtype != dtype:
                return False
        if W.dtype != dtype or b.dtype != dtype:
            return False
    return True


def _one_each(rate: Any, params: Params) -> bool:
    """Whether `rate` has one entry for each network of a stack."""
    return (
        isinstance(rate, np.ndarray)
        and rate.ndim > 2
        and rate.shape[-2:] == (1, 1)
        and all(tensor.shape[:-2] == rate.shape[:-2] for layer in params for tensor in layer)
    )
