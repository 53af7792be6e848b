"""Members of a stack: which of its networks go on, where they are in it, and how others ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.data.batches import indices as at
from xpnet.types import Array, Optimizer

Index: TypeAlias = tuple[int, ...]
"""Of a network, along the leading axes."""


class Ended(NamedTuple):
    """How a member ended: why, after how many rows of the history and how many updates."""

    stopped: str
    epochs: int
    steps: int
    diverged: bool = False


class Members:
    """The networks of a stack, those that train being a grid of them that gets smaller.

    Parameters
    ----------
    lead : tuple of int
        The leading axes of the parameters.

    Attributes
    ----------
    alive, diverged : array of bool on the host, shape `lead`
    ended : dict of Ended by their indices
    grid : list of list of int
        Of each leading axis, the indices that are left. It holds all that are alive.
    """

    def __init__(self, lead: tuple[int, ...]) -> None:
        self.lead = lead
        self.grid = [list(range(size)) for size in lead]
        self.ended: dict[Index, Ended] = {}
        everyone = backend.asarray([True] * math.prod(lead), backend="numpy", dtype="bool")
        self.alive = everyone.reshape(lead)
        self.diverged = ~self.alive

    def end(self, index: Index, record: Ended) -> None:
        """Enter how a member ended."""
        self.ended[index], self.alive[index] = record, False
        self.diverged[index] = record.diverged

    def indices(self, flags: Any) -> Iterator[tuple[Index, Index]]:
        """Where the grid's array `flags` is set: the index in the grid, and that of the member."""
        for place in zip(*(axis.tolist() for axis in flags.nonzero()), strict=True):
            yield place, tuple(self.grid[axis][i] for axis, i in enumerate(place))

    def smaller(self) -> list[list[int]] | None:
        """The smallest grid of all that are alive, if it is half of what there is or less."""
        axes = [axis.tolist() for axis in self.alive.nonzero()]
        smallest = [sorted(set(axis)) for axis in axes]
        is_half = 2 * _size(smallest) <= _size(self.grid)
        return smallest if is_half else None

    def shrunk(self, grid: list[list[int]]) -> Callable[[Array], Array]:
        """Make the grid a smaller one; returns what makes its array of one of the former grid."""
        former = Members(tuple(map(len, self.grid)))
        former.grid = [
            [before.index(k) for k in after] for before, after in zip(self.grid, grid, strict=True)
        ]
        self.grid = grid
        return former.of_grid

    def of_grid(self, array: Any, trailing: int = 2) -> Any:
        """What an array of all members holds of the grid's; others than such arrays as they are.

        An axis that is missing, or of length 1, is that of all members.
        """
        for axis, indices in enumerate(reversed(self.grid), trailing + 1):
            if getattr(array, "ndim", 0) >= axis and len(indices) < array.shape[-axis]:
                array = _take(array, indices, array.ndim - axis)
        return array

    def spread(self, array: Array) -> Array:
        """An array of the grid as one of all members, with anything for those not in the grid."""
        for axis, (indices, size) in enumerate(zip(self.grid, self.lead, strict=True)):
            if len(indices) < size:
                places = {k: place for place, k in enumerate(indices)}
                array = _take(array, [places.get(k, 0) for k in range(size)], axis)
        return array

    def optimizer(self, optimizer: Optimizer) -> Optimizer:
        """The optimiser of the grid."""

        def hyperparameters(t: int) -> dict[str, Any]:
            return self._numbers(optimizer.hyperparameters(t))

        return optimizer._replace(hyperparameters=hyperparameters)

    def _numbers(self, numbers: dict[str, Any]) -> dict[str, Any]:
        return {
            name: self._numbers(number) if isinstance(number, dict) else self.of_grid(number)
            for name, number in numbers.items()
        }


def of_member(value: Any, index: Index) -> Any:
    """What a row of the history says of one member: nested lists have an entry for each."""
    depth, inner = 0, value
    while isinstance(inner, list):
        depth, inner = depth + 1, inner[0]
    for i in index[len(index) - depth :]:
        value = value[i if len(value) > 1 else 0]
    return value


def _size(grid: list[list[int]]) -> int:
    return math.prod(map(len, grid))


def _take(array: Array, indices: list[int], axis: int) -> Array:
    return array_namespace(array).take(array, at(indices, array), axis=axis)
