"""Numbers of a training step: those for all networks of a stack, and arrays of one for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device

from xpnet.fused.cupy.driver import Driver, NoKernelError
from xpnet.fused.cupy.network.moving import Numbers
from xpnet.fused.cupy.network.plan import Options
from xpnet.fused.cupy.updates import FIELDS
from xpnet.kernels import Dropout
from xpnet.types import Array


class Update(NamedTuple):
    """An update by the kernel of that name, of gradients clipped to each of `norms` in turn."""

    optimizer: str
    norms: tuple[float, ...]
    rate: Any
    rest: Mapping[str, Any]


def update_of(apply: Any, hyperparameters: Mapping[str, Any]) -> Update | None:
    """What `apply` does with these hyperparameters; None where it does not say, or no kernel can.

    See `xpnet.types.Optimizer` for what it says.
    """
    norms: tuple[float, ...] = ()
    while hasattr(apply, "then"):
        norms += (hyperparameters["norm"],)
        apply, hyperparameters = apply.then, hyperparameters["then"]
    optimizer, rest = getattr(apply, "kernel", ""), dict(hyperparameters)
    rate = rest.pop("rate", None)
    if optimizer not in FIELDS or rate is None:
        return None
    return Update(optimizer, norms, rate, rest)


class Given(NamedTuple):
    """The numbers of one step.

    Attributes
    ----------
    rate, l2 : float
        0 where there is an array of it.
    rest : dict of float, or None
        The optimiser's other hyperparameters, unless there is an array of fields.
    dropout : Dropout or None
        Of numbers for all networks.
    arrays : tuple of arrays or None
        The last ones of a `Moving`, from `rates` on.
    """

    rate: float
    rest: Mapping[str, float] | None
    l2: float
    dropout: Dropout | None
    arrays: tuple[Array | None, ...]

    def options(self, update: Update) -> Options:
        """What the plan of such a step is made for."""
        masks = (self.dropout.least, self.dropout.kept) if self.dropout else (0, 0.0)
        return Options(update.optimizer, update.norms, self.l2, *masks)

    def form(self) -> Any:
        """What is alike in steps of one form."""
        return self.l2, self.dropout and self.dropout[:2], *map(_form, self.arrays)

    def fill(self, numbers: Numbers) -> None:
        """Write down the numbers for all networks."""
        numbers.fill(self.rate, self.rest, self.dropout)


def given(driver: Driver, W: Array, update: Update, l2: Any, dropout: Dropout | None) -> Given:
    """The numbers of a step of networks with such weights.

    Raises
    ------
    NoKernelError
        If an array is not one of a number for each of them.
    """
    rate, rates = _divided(driver, update.rate, W)
    penalty, l2s = _divided(driver, l2, W)
    rest, fields = _fields(driver, update, W)
    of_each: tuple[Array | None, ...] = (None,) * 4
    if dropout is not None and not isinstance(dropout.kept, float):
        least, kept, keys = dropout
        int32 = np.dtype("int32")
        whole = (_of_each(driver, array, W, int32) for array in (*keys, least))
        of_each, dropout = (*whole, _of_each(driver, kept, W)), None
    return Given(rate, rest, penalty, dropout, (rates, l2s, fields, *of_each))


def _form(array: Array | None) -> Any:
    return array is None or (array.shape, array.strides)


def _divided(driver: Driver, number: Any, W: Array) -> tuple[float, Array | None]:
    """As the number that it is, or as an array of one a network, or one for all."""
    if isinstance(number, float | int):
        return number, None
    array = _beside(number, W, W.dtype)
    return 0.0, array if array.size == 1 else _of_each(driver, array, W)


def _fields(
    driver: Driver, update: Update, W: Array
) -> tuple[Mapping[str, float] | None, Array | None]:
    """The optimiser's other hyperparameters as they are, or its fields: a row for each network."""
    arrays = {name: n for name, n in update.rest.items() if not isinstance(n, float)}
    if not arrays:
        return update.rest, None
    rows = {name: _of_each(driver, array, W) for name, array in arrays.items()}
    columns = FIELDS[update.optimizer](**{**update.rest, **rows})
    numbers = [column if isinstance(column, float) else math.nan for column in columns]
    host = np.tile(np.asarray(numbers, W.dtype), (math.prod(W.shape[:-2]), 1))
    table = _beside(host, W, W.dtype)
    for number, column in enumerate(columns):
        if not isinstance(column, float):
            table[:, number] = column.reshape(-1)
    return None, table


def _of_each(driver: Driver, numbers: Any, W: Array, dtype: np.dtype | None = None) -> Array:
    """``numbers (..., 1, 1)`` as an array with one for each network."""
    array, shape = _beside(numbers, W, dtype or W.dtype), (*W.shape[:-2], 1, 1)
    if array.ndim != len(shape) or W.ndim == 2:
        raise NoKernelError
    if array.shape != shape:
        if any(size not in (1, whole) for size, whole in zip(array.shape, shape, strict=True)):
            raise NoKernelError
        array = array_namespace(array).broadcast_to(array, shape)
    return driver.contiguous(array)


def _beside(numbers: Any, W: Array, dtype: np.dtype) -> Array:
    """An array of that dtype beside W; host arrays are copied there."""
    if type(numbers) is type(W) and numbers.dtype == dtype:
        return numbers
    return array_namespace(W).asarray(numbers, dtype=dtype, device=device(W))
