"""Update rules of the optimisers: all parameters in one launch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from xpnet.fused.arguments import are_dense, are_floats, are_of_step, are_same
from xpnet.fused.cupy.driver import Driver, Factor, by_value, factor, one_real_dtype
from xpnet.fused.cupy.source import MOST_TENSORS
from xpnet.types import Array, Params, map_params

FIELDS: Mapping[str, Callable[..., tuple[float, ...]]] = {
    "sgd": lambda: (),
    "momentum": lambda mu: (mu,),
    "nesterov": lambda mu: (mu,),
    "rmsprop": lambda rho, eps: (rho, 1.0 - rho, eps),
    "adam": lambda **betas: _betas(**betas),
    "adamw": lambda decay, c1, c2, **betas: (*_betas(**betas), decay, c1, c2),
}
"""The fields of each optimiser's structure in ``updates.cu``, made of its hyperparameters."""


def update(driver: Driver, in_place: bool) -> Callable[..., Any]:
    """The entry of that name, in one launch for every 16 layers.

    With `in_place`, moments that the call before returned are written over.
    """
    returned: tuple[Params, ...] = ()

    def empty_like(params: Params) -> Params:
        return map_params(lambda tensor: driver.empty(tensor.shape, tensor.dtype), params)

    def fused(
        optimizer: str,
        params: Params,
        grads: Params,
        moments: tuple[Params, ...],
        **hyperparameters: Any,
    ) -> Any:
        nonlocal returned
        if optimizer not in FIELDS or not are_of_step(optimizer, moments, hyperparameters):
            return NotImplemented
        trees = (params, grads, *moments)
        rates = _rates(driver, hyperparameters.pop("rate"), trees)
        if rates is None or not are_floats(hyperparameters.values()):
            return NotImplemented
        new_params = empty_like(params)
        new_moments = moments if are_same(returned, moments) else tuple(map(empty_like, moments))
        _launch(
            driver,
            f"update<optimizer::{optimizer}>",
            [list(map(driver.contiguous, _flat(tree))) for tree in trees],
            [_flat(tree) for tree in (new_params, *new_moments)],
            rates,
            _structure(FIELDS[optimizer](**hyperparameters), params[0].W.dtype),
        )
        returned = new_moments if in_place else ()
        return new_params, new_moments

    return fused


def _launch(
    driver: Driver,
    name: str,
    old: Sequence[Sequence[Array]],
    new: Sequence[Sequence[Array]],
    rate: Factor,
    structure: np.ndarray,
) -> None:
    """The update of `old` = (θ, g, *moments) to `new` = (θ, *moments), each a list of tensors."""
    theta, g, *moments = (list(map(driver.address, tensors)) for tensors in old)
    new_theta, *new_moments = (list(map(driver.address, tensors)) for tensors in new)
    none = [[0] * len(theta)] * (2 - len(moments))
    sizes = [tensor.size for tensor in old[0]]
    shared = [_entries_with_one_rate(tensor, rate) for tensor in old[0]]
    fields = [sizes, shared, [1, 0] * len(old[0]), theta, new_theta, g]
    fields += [*moments, *none, *new_moments, *none]
    for first in range(0, len(theta), MOST_TENSORS):
        chunk = slice(first, first + MOST_TENSORS)
        grid = (min(1024, -(-max(sizes[chunk]) // 256)), len(sizes[chunk]))
        arguments = (_table(fields, chunk), rate.number, rate.entries, structure)
        driver.launch(name, old[0][0].dtype, grid, (256, 1), arguments)


def _table(fields: Sequence[Sequence[int]], chunk: slice) -> np.ndarray:
    """The structure Tensors: a row a field, a column a tensor."""
    table = np.zeros((len(fields), MOST_TENSORS), np.int64)
    for row, field in zip(table, fields, strict=True):
        entries = field[chunk]
        row[: len(entries)] = entries
    return by_value(table)


def _entries_with_one_rate(tensor: Array, rate: Factor) -> int:
    size: int = tensor.size
    return size // math.prod(tensor.shape[:-2]) if rate.step else size


def _flat(params: Params) -> list[Array]:
    """Every tensor, W before b."""
    return [tensor for layer in params for tensor in layer]


def _structure(fields: tuple[float, ...], dtype: np.dtype) -> np.ndarray:
    # C++ has no structure without a size: one without members is one byte, which is not read.
    return by_value(np.asarray(fields or (0.0,), dtype))


def _betas(beta1: float, beta2: float, eps: float) -> tuple[float, ...]:
    # 1 − β in the host's double precision: in float32 four digits of it would be gone.
    return beta1, 1.0 - beta1, beta2, 1.0 - beta2, eps


def _rates(driver: Driver, rate: Any, trees: Sequence[Params]) -> Factor | None:
    """`rate` in the kernels' form; None if unsupported, as are trees of unlike tensors."""
    if not are_dense(*trees):
        return None
    flat = [_flat(tree) for tree in trees]
    shapes = [tensor.shape for tensor in flat[0]]
    if any([tensor.shape for tensor in tensors] != shapes for tensors in flat[1:]):
        return None
    if not one_real_dtype(*(tensor for tensors in flat for tensor in tensors)):
        return None
    rates = factor(driver, rate, flat[0][0])
    one_stack = len({shape[:-2] for shape in shapes}) == 1
    return rates if rates is None or not rates.step or one_stack else None
