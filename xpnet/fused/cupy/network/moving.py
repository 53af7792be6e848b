"""Inputs that change from step to step: arrays, and words of numbers read on the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from xpnet.fused.cupy.driver import Driver, by_value
from xpnet.fused.cupy.source import MOST_NUMBERS, WORDS
from xpnet.fused.cupy.updates import FIELDS
from xpnet.kernels import Dropout
from xpnet.types import Array


class Moving(NamedTuple):
    """The arrays of one step, which may be others at the next.

    X, Y and weights are sets, as of `sets_of`. Where networks have numbers of their own, `rates`
    has a learning rate for each and `l2` a penalty; `fields` has a row, the other fields of the
    optimiser; and the last ones are of `Dropout`. `copy` is a vector that the new θ is written to
    beside the state.
    """

    X: Array
    Y: Array
    weight: Array | None
    J: Array | None = None
    copy: Array | None = None
    rates: Array | None = None
    l2: Array | None = None
    fields: Array | None = None
    key: Array | None = None
    other_key: Array | None = None
    least: Array | None = None
    kept: Array | None = None

    @property
    def data(self) -> tuple[Array, Array, Array | None]:
        """What a batch is made of."""
        return self.X, self.Y, self.weight

    @property
    def others(self) -> tuple[Array | None, ...]:
        """All but the data, whose addresses are words."""
        return tuple(self)[3:]


ADDRESSES = {name: number for number, name in enumerate(Moving._fields[3:], MOST_NUMBERS + 1)}
"""The word that has the address of each."""


class Numbers:
    """What changes from step to step: learning rate, fields of the optimiser, keys of the masks.

    Attributes
    ----------
    words : array of int64
        All of it on the host: the structure ``Numbers`` of ``updates.cu``, then both keys.
    addresses : array of int64
        The words behind them, those of `ADDRESSES`, for kernels that read it on the device.
    """

    def __init__(self, optimizer: str, dtype: np.dtype, there: Array | None) -> None:
        self._optimizer, self._there = optimizer, there
        self.words = np.zeros(WORDS, np.int64)
        self._real = self.words[:MOST_NUMBERS].view(dtype)
        self._keys = self.words[MOST_NUMBERS : MOST_NUMBERS + 1].view(np.int32)
        self.addresses = self.words[MOST_NUMBERS + 1 :]

    def fill(
        self, rate: float, hyperparameters: Mapping[str, float] | None, dropout: Dropout | None
    ) -> None:
        """Write down the numbers of a step; hyperparameters, unless networks have their own."""
        rest = () if hyperparameters is None else FIELDS[self._optimizer](**hyperparameters)
        numbers = rate, *rest
        self._real[: len(numbers)] = numbers
        if dropout is not None:
            self._keys[:] = dropout.keys

    def point(self, driver: Driver, arrays: Sequence[Array | None]) -> None:
        """Write down the addresses of arrays, the others of a `Moving`."""
        self.addresses[:] = [0 if array is None else driver.address(array) for array in arrays]

    def structure(self) -> tuple[Any, Any]:
        """The structure as a kernel's two arguments: by value, and where it lies on the device."""
        return by_value(self._real), self._there

    def keys(self) -> tuple[Any, Any]:
        """The keys, in the same way."""
        return by_value(self._keys), self._word(MOST_NUMBERS)

    def at(self, moving: Moving, name: str) -> tuple[Array | None, Array | None]:
        """An array as a kernel's two arguments: itself, and where its address lies on the device.

        Of a plan whose numbers lie there, only whether there is such an array is known.
        """
        array: Array | None = getattr(moving, name)
        if self._there is None or array is None:
            return array, None
        return None, self._word(ADDRESSES[name])

    def _word(self, number: int) -> Array | None:
        return None if self._there is None else self._there[number : number + 1]
