"""The optimisers' entries for NumPy arrays: one compiled loop a tensor."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from xpnet.fused import _numba_steps as loops
from xpnet.fused._flat import Flats
from xpnet.types import Array, Dense, Kernels, Params

__all__ = ["DTYPES", "flat_updates", "fused_updates"]

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))

LOOPS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "gradient_descent": (loops.gradient_descent, ()),
    "momentum": (loops.momentum, ("mu",)),
    "nesterov": (loops.nesterov, ("mu",)),
    "rmsprop": (loops.rmsprop, ("rho", "eps")),
    "adam": (loops.adam, ("beta1", "beta2", "eps")),
    "adamw": (loops.adamw, ("beta1", "beta2", "eps", "decay", "c1", "c2")),
}
"""Each optimiser's loop, and the order of the numbers that follow the learning rate."""


def fused_updates(
    kernels: Kernels, empty: Callable[..., Array], one_run: bool
) -> dict[str, Callable[..., Any]]:
    """The update entries of `kernels`, compiled, by name.

    Parameters
    ----------
    empty : function ``(shape, dtype) -> array``
        Where new parameters are written.
    one_run : bool
        True where each call is given what the one before it returned: what is remembered is then
        updated in place, as nobody else sees it. False: it is copied.
    """
    return {
        name: _update_all(loop, names, getattr(kernels, name), empty, one_run)
        for name, (loop, names) in LOOPS.items()
    }


def flat_updates(kernels: Kernels, flats: Flats) -> dict[str, Callable[..., Any]]:
    """The update entries of `kernels` over the flat parameters of a training run.

    One call for all tensors, but for AdamW, whose biases do not decay. What is remembered is
    updated in place.
    """
    return {
        name: _update_flat(loop, names, getattr(kernels, name), flats)
        for name, (loop, names) in LOOPS.items()
    }


def _update_flat(
    loop: Callable[..., None], names: tuple[str, ...], plain: Callable[..., Any], flats: Flats
) -> Callable[..., Any]:
    rates = np.empty(1)
    mine: tuple[Params, ...] = ()
    memory: list[Array] = []

    def update_flat(
        params: Params, grads: Params, *slots: Params, rate: Any, **settings: Any
    ) -> Any:
        nonlocal mine, memory
        if not _are_floats(settings, rate) or not all(map(flats.fits, (params, grads, *slots))):
            return plain(params, grads, *slots, rate=rate, **settings)
        if not _same(mine, slots):
            mine = tuple(flats.copied(slot) for slot in slots)
            memory = [flats.vector(slot) for slot in mine]
        theta, g = flats.vector(params), flats.vector(grads)
        new = flats.fresh()
        rates[0] = rate
        if "decay" in names:
            _update_each(loop, (params, grads, *mine, new), rates, names, settings)
        else:
            numbers = [settings[name] for name in names]
            loop(theta, g, *memory, rates, *numbers, flats.vector(new))
        return new, *mine

    return update_flat


def _update_all(
    loop: Callable[..., None],
    names: tuple[str, ...],
    plain: Callable[..., Any],
    empty: Callable[..., Array],
    one_run: bool,
) -> Callable[..., Any]:
    mine: tuple[Params, ...] = ()

    def update_all(
        params: Params, grads: Params, *slots: Params, rate: Any, **settings: Any
    ) -> Any:
        nonlocal mine
        if not _are_floats(settings) or not _takes(params, grads, slots, rate):
            return plain(params, grads, *slots, rate=rate, **settings)
        if not _same(mine, slots):
            slots = tuple(_copies(slot) for slot in slots)
        rates = np.array([rate]) if isinstance(rate, float) else rate.astype(float).reshape(-1)
        new = tuple(Dense(empty(W.shape, W.dtype), empty(b.shape, b.dtype)) for W, b in params)
        _update_each(loop, (params, grads, *slots, new), rates, names, settings)
        if one_run:
            mine = slots
        return new, *slots

    return update_all


def _update_each(
    loop: Callable[..., None],
    trees: tuple[Params, ...],
    rates: Array,
    names: tuple[str, ...],
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


def _same(mine: tuple[Params, ...], slots: tuple[Params, ...]) -> bool:
    """Whether the slots are the very ones that were returned before, and so nobody else's."""
    return len(mine) == len(slots) and all(map(operator.is_, mine, slots))


def _copies(slot: Params) -> Params:
    return tuple(Dense(np.array(W, order="C"), np.array(b, order="C")) for W, b in slot)


def _takes(params: Params, grads: Params, slots: tuple[Params, ...], rate: Any) -> bool:
    """Whether every tensor has its parameter's shape and dtype, and each member its rate."""
    if not isinstance(rate, float) and not _one_each(rate, params):
        return False
    dtype = params[0].W.dtype
    if dtype not in DTYPES or any(len(tree) != len(params) for tree in (grads, *slots)):
        return False
    for number, (W, b) in enumerate(params):
        for tree in (grads, *slots):
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
