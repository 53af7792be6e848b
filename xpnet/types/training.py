"""Records of a training: batches, steps, runs of steps, epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from xpnet.types.kernels import Kernels, OptimizerState
from xpnet.types.params import Array, Params, count

Gather: TypeAlias = Callable[..., tuple[Any, ...]]
"""``(arrays, order, start, stop) -> batch``: numbered rows of each array, as columns."""

ValueAndGrad: TypeAlias = Callable[..., "tuple[Array, Params]"]
"""A function with the signature of `xpnet.value_and_grad`."""


class Batch(NamedTuple):
    """Samples as columns: ``X (n_x, m)``, ``Y (n_y, m)``, ``sample_weight (..., 1, m)`` or None."""

    X: Array
    Y: Array
    sample_weight: Array | None = None


class Batches(NamedTuple):
    """The mini-batches of one epoch, before they are gathered: samples as rows.

    Attributes
    ----------
    X, Y : array, shapes (..., m, n_x) and (..., m, n_y)
    sample_weight : array, shape (..., 1, m), or None
    order : array of int on the host, shape (..., m), or None
        The number of each sample in its turn; None where X is in order.
    size : int
        Samples a batch; the last takes those that are left.
    """

    X: Array
    Y: Array
    sample_weight: Array | None
    order: Any
    size: int

    @property
    def of_each(self) -> bool:
        """Whether networks of a stack have samples, targets or orders of their own."""
        has_orders = self.order is not None and self.order.ndim > 1
        return bool(has_orders or self.X.ndim > 2 or self.Y.ndim > 2)


class Step(NamedTuple):
    """One training step done.

    Attributes
    ----------
    index : int
        Its number, from 1.
    params : Params
        The new parameters; later steps leave them as they are. Not to be written to: whether the
        next step would see it depends on the library.
    cost : array, shape (...)
        The cost before the update. It stays on the device: reading it makes the host wait.
    state : OptimizerState
        What the optimiser remembers, for the next step, which may write over it.
    """

    index: int  # type: ignore[assignment]  # a tuple's method of that name is not missed
    params: Params
    cost: Array
    state: OptimizerState

    def __repr__(self) -> str:
        """Its number, its cost and the size of the network, on one line."""
        return f"Step(index={self.index}, cost={self.cost}, parameters={count(self.params)})"


class Hyperparameters(list[dict[str, Any]]):
    """Those of a run's steps, for trainings that share an optimiser.

    Attributes
    ----------
    made : dict
        What a library has made of them.
    """

    def __init__(self, of_steps: Iterable[dict[str, Any]]) -> None:
        super().__init__(of_steps)
        self.made: dict[Any, Any] = {}

    @cached_property
    def largest(self) -> float:
        """The largest of their magnitudes; infinite where any is NaN, or no float."""
        numbers = (number for of_step in self for number in of_step.values())
        known = (abs(x) if isinstance(x, float) and x == x else math.inf for x in numbers)
        return max(known, default=0.0)


class TrainingSteps(NamedTuple):
    """Steps that follow one another in a training, for a library that makes a run of them.

    Attributes
    ----------
    net : Network
    params : Params
    moments : tuple of Params
        What the optimiser remembers, which the run may write over if the run before returned it.
    batches : Batches
        `order` has the samples of these steps alone, or those of whole epochs, shape (epochs, m).
    hyperparameters : sequence of dict
        Of each step.
    apply : function
        Of the optimiser.
    kernels : function
        Returns those of the training, which a run may do without.
    l2 : float, or array (..., 1, 1)
    dropout : sequence of `xpnet.kernels.Dropout`, or None
        Of each step.
    made : dict, or None
        What a library has made of X, Y and order, for trainings side by side that share these.
    """

    net: Any
    params: Params
    moments: tuple[Params, ...]
    batches: Batches
    hyperparameters: Sequence[dict[str, Any]]
    apply: Callable[..., Any]
    kernels: Callable[[], Kernels]
    l2: Any
    dropout: Sequence[Any] | None
    made: dict[Any, Any] | None = None


class PreparedRun(NamedTuple):
    """A run of steps that is still to be made, beside those of other trainings.

    Attributes
    ----------
    arguments : tuple
        What the library's `SideBySide` makes it from.
    result : ``() -> (params, moments, costs)``
        What it has left, once it is made.
    """

    arguments: tuple[Any, ...]
    result: Callable[[], tuple[Params, tuple[Params, ...], Any]]


SideBySide: TypeAlias = Callable[
    [], AbstractContextManager[Callable[[Sequence[PreparedRun]], Callable[..., bool]]]
]
"""Makes prepared runs of one library, of as many trainings, at the same time.

A call gives a context. What that yields begins with runs, and returns a function ``(timeout) ->
bool``, which waits for them, so many seconds at the most or until they are made, and says whether
they are; the context ends when all are made.
"""


class Run(NamedTuple):
    """What a callback is given at the start: the network and how long the training will be.

    `steps_done` are those of a resumed training that were made before.
    """

    net: Any
    epochs: int
    steps_per_epoch: int
    m: int
    steps_done: int = 0


class Epoch(NamedTuple):
    """An epoch done: its number from 1, the parameters after it, and its row of the history."""

    number: int
    net: Any
    params: Params
    row: dict[str, Any]
