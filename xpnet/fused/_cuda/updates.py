"""The optimisers: all parameters of a network in one launch."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from xpnet.fused._cuda.driver import Driver, Factor, by_value, factor, one_real_dtype
from xpnet.fused._cuda.source import MOST_TENSORS
from xpnet.types import Array, Dense, Params

__all__ = ["SETTINGS", "update"]

SETTINGS: Mapping[str, Callable[..., tuple[float, ...]]] = {
    "gradient_descent": lambda: (),
    "momentum": lambda mu: (mu,),
    "nesterov": lambda mu: (mu,),
    "rmsprop": lambda rho, eps: (rho, 1.0 - rho, eps),
    "adam": lambda **settings: _moments(**settings),
    "adamw": lambda decay, c1, c2, **settings: (*_moments(**settings), decay, c1, c2),
}
"""Each optimiser's settings in the order of its structure in ``updates.cu``."""

_FIELDS = 10  # of a row of the table that a kernel is given: the structure Tensor


class _Tensor(NamedTuple):
    """One W or b: what is read, what is written, and whether it decays."""

    theta: Array
    g: Array
    slots: Sequence[Array]
    new_theta: Array
    new_slots: Sequence[Array]
    is_weight: bool


def update(
    driver: Driver, name: str, plain: Callable[..., tuple[Params, ...]], one_run: bool
) -> Callable[..., tuple[Params, ...]]:
    """`plain`, the optimiser called `name`, in one launch for every 16 layers.

    With `one_run`, slots that the call before returned are written over.
    """
    mine: tuple[Params, ...] = ()

    def fused(
        params: Params, grads: Params, *slots: Params, rate: float | Array, **settings: Any
    ) -> tuple[Params, ...]:
        nonlocal mine
        rates = _rates(rate, params, grads, slots)
        if rates is None or not _are_numbers(settings):
            return plain(params, grads, *slots, rate=rate, **settings)
        in_place = len(mine) == len(slots) and all(map(operator.is_, mine, slots))
        new_slots = slots if in_place else tuple(_empty_like(driver, slot) for slot in slots)
        new = (_empty_like(driver, params), *new_slots)
        tensors = list(_tensors(driver, params, grads, slots, new))
        numbers = _structure(SETTINGS[name](**settings), params[0].W.dtype)
        for first in range(0, len(tensors), MOST_TENSORS):
            part = tensors[first : first + MOST_TENSORS]
            _launch(driver, f"update<optimiser::{name}>", part, rates, numbers)
        mine = new_slots if one_run else ()
        return new

    return fused


def _launch(
    driver: Driver, name: str, tensors: Sequence[_Tensor], rate: Factor, numbers: np.ndarray
) -> None:
    table = np.zeros((MOST_TENSORS, _FIELDS), np.int64)
    table[: len(tensors)] = [_row(driver, tensor, rate.step) for tensor in tensors]
    blocks = min(1024, max(-(-tensor.theta.size // 256) for tensor in tensors))
    arguments = (by_value(table), rate.number, rate.entries, numbers)
    driver.launch(name, tensors[0].theta.dtype, (blocks, len(tensors)), (256, 1), arguments)


def _row(driver: Driver, tensor: _Tensor, step: int) -> tuple[int, ...]:
    """The structure Tensor; `step` says whether the networks of a stack have their own rates."""
    theta, g, slots, new_theta, new_slots, is_weight = tensor
    size = theta.size
    per_network = size // math.prod(theta.shape[:-2]) if step else size
    none = (0,) * (2 - len(slots))
    return (
        driver.address(theta),
        driver.address(g),
        *(driver.address(slot) for slot in slots),
        *none,
        driver.address(new_theta),
        *(driver.address(slot) for slot in new_slots),
        *none,
        size,
        per_network,
        is_weight,
    )


def _tensors(
    driver: Driver,
    params: Params,
    grads: Params,
    slots: Sequence[Params],
    new: Sequence[Params],
) -> Iterator[_Tensor]:
    """Every W and b with what belongs to it, W before b."""
    for layers in zip(params, grads, *slots, *new, strict=True):
        for field in (0, 1):
            theta, g, *rest = (driver.contiguous(layer[field]) for layer in layers)
            old, (new_theta, *new_slots) = rest[: len(slots)], rest[len(slots) :]
            yield _Tensor(theta, g, old, new_theta, new_slots, field == 0)


def _empty_like(driver: Driver, params: Params) -> Params:
    return tuple(Dense(*(driver.empty(x.shape, x.dtype) for x in layer)) for layer in params)


def _structure(settings: tuple[float, ...], dtype: np.dtype) -> np.ndarray:
    # C++ has no structure without a size: one without members is one byte that nobody reads.
    return by_value(np.asarray(settings or (0.0,), dtype))


def _moments(beta1: float, beta2: float, eps: float) -> tuple[float, ...]:
    # 1 − β in the host's double precision: in float32 four digits of it would be gone.
    return beta1, 1.0 - beta1, beta2, 1.0 - beta2, eps


def _are_numbers(settings: Mapping[str, Any]) -> bool:
    return all(isinstance(value, int | float) for value in settings.values())


def _rates(rate: Any, params: Params, grads: Params, slots: Sequence[Params]) -> Factor | None:
    """`rate` as the kernels take it, or None where they do not take this call."""
    layers = list(zip(params, grads, *slots, strict=True))
    same_shapes = all(
        tensor.shape == like.shape
        for first, *others in layers
        for layer in others
        for tensor, like in zip(layer, first, strict=True)
    )
    tensors = (tensor for tree in (params, grads, *slots) for layer in tree for tensor in layer)
    if not same_shapes or not one_real_dtype(*tensors):
        return None
    rates = {factor(rate, layer.W) is None for layer in params}
    return None if rates == {True} else factor(rate, params[0].W)
