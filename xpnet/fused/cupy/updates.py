"""Update rules of the optimisers: all parameters in one launch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from xpnet.fused import are_dense, are_floats, are_of_step, are_same
from xpnet.fused.cupy.driver import (
    MOST_BLOCKS,
    Driver,
    Extent,
    Factor,
    by_value,
    factor,
    one_real_dtype,
)
from xpnet.fused.cupy.source import MOST_NUMBERS, MOST_TENSORS
from xpnet.types import Params, map_params, tensors

FIELDS: Mapping[str, Callable[..., tuple[float, ...]]] = {
    "sgd": lambda: (),
    "momentum": lambda mu: (mu,),
    "nesterov": lambda mu: (mu,),
    "rmsprop": lambda rho, eps: (rho, 1.0 - rho, eps),
    "adam": lambda **betas: _betas(**betas),
    "adamw": lambda decay, c1, c2, **betas: (*_betas(**betas), decay, c1, c2),
    "nadam": lambda a, b, c2, **betas: (*_betas(**betas), a, b, c2),
    "lion": lambda beta1, beta2, decay: (beta1, 1.0 - beta1, beta2, 1.0 - beta2, decay),
}
"""The fields of each optimiser's structure in ``updates.cu``, made of its hyperparameters."""


_IS_WEIGHT = 2  # its row in the structure Tensors


class Table(NamedTuple):
    """The structure Tensors of ``updates.cu``, and its largest tensor's size."""

    structure: np.ndarray
    tensors: int
    largest: int

    def grid(self) -> Extent:
        """Blocks along the entries of the largest, and a row of blocks for each tensor."""
        return min(MOST_BLOCKS, -(-self.largest // 256)), self.tensors


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
        old = [map_params(driver.contiguous, tree) for tree in trees]
        fields = FIELDS[optimizer](**hyperparameters)
        _launch(driver, optimizer, old, (new_params, *new_moments), rates, fields)
        returned = new_moments if in_place else ()
        return new_params, new_moments

    return fused


def _launch(
    driver: Driver,
    optimizer: str,
    old: Sequence[Params],
    new: Sequence[Params],
    rates: Factor,
    fields: Sequence[float],
) -> None:
    """The update of `old` = (θ, g, *moments) to `new` = (θ, *moments)."""
    dtype = old[0][0].W.dtype
    numbers = np.zeros(MOST_NUMBERS, dtype)
    numbers[: 1 + len(fields)] = rates.number, *fields
    rest = rates.entries, None, rates.step, None, None, dtype.type(0), None, 0, None, None
    for table in tables(driver, old, new):
        arguments = (table.structure, by_value(numbers), None, *rest)
        name = f"update<optimizer::{optimizer}>"
        driver.launch(name, dtype, table.grid(), (256, 1), arguments)


def tables(
    driver: Driver, old: Sequence[Params], new: Sequence[Params], begins: Sequence[int] = ()
) -> list[Table]:
    """The update of `old` = (θ, g, *moments) to `new` = (θ, *moments), one table a launch.

    Parameters
    ----------
    driver : Driver
    old, new : sequence of Params
        C-contiguous.
    begins : sequence of int, optional
        Where each tensor begins in a vector that the new θ is copied to.
    """
    theta, g, *moments = (list(map(driver.address, tensors(tree))) for tree in old)
    new_theta, *new_moments = (list(map(driver.address, tensors(tree))) for tree in new)
    none = [[0] * len(theta)] * (2 - len(moments))
    sizes = [tensor.size for tensor in tensors(old[0])]
    alone = [math.prod(tensor.shape[-2:]) for tensor in tensors(old[0])]
    fields = [sizes, alone, [1, 0] * len(old[0]), begins or [0] * len(theta), theta, new_theta, g]
    fields += [*moments, *none, *new_moments, *none]
    chunks = (slice(k, k + MOST_TENSORS) for k in range(0, len(theta), MOST_TENSORS))
    return [Table(_structure(fields, c), len(theta[c]), max(sizes[c])) for c in chunks]


def _structure(fields: Sequence[Sequence[int]], chunk: slice) -> np.ndarray:
    """The structure Tensors: a row a field, a column a tensor."""
    table = np.zeros((len(fields), MOST_TENSORS), np.int64)
    table[_IS_WEIGHT] = -1
    for row, field in zip(table, fields, strict=True):
        entries = field[chunk]
        row[: len(entries)] = entries
    return by_value(table)


def _betas(beta1: float, beta2: float, eps: float) -> tuple[float, ...]:
    # 1 − β in the host's double precision: in float32 four digits of it would be gone.
    return beta1, 1.0 - beta1, beta2, 1.0 - beta2, eps


def _rates(driver: Driver, rate: Any, trees: Sequence[Params]) -> Factor | None:
    """`rate` in the kernels' form; None if unsupported, as are trees of unlike tensors."""
    if not are_dense(*trees):
        return None
    flat = list(map(tensors, trees))
    shapes = [tensor.shape for tensor in flat[0]]
    if any([tensor.shape for tensor in tree] != shapes for tree in flat[1:]):
        return None
    if not one_real_dtype(*(tensor for tree in flat for tensor in tree)):
        return None
    rates = factor(driver, rate, flat[0][0])
    one_stack = len({shape[:-2] for shape in shapes}) == 1
    return rates if rates is None or not rates.step or one_stack else None
