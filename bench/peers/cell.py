"""Cells of the comparison, the work of every peer; and trials, a peer's way of doing it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench import samples

if TYPE_CHECKING:
    import xpnet

LEARNING_RATE = 1e-3
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8

SHORT, LONG = 16, 100
"""Steps of a short round, and at least of a long one."""


@dataclass(frozen=True)
class Cell:
    """A network, a batch size, and an epoch of `m` samples: a whole number of batches.

    ReLU, softmax with cross-entropy, float32. Where it is trained: with Adam, without a penalty,
    on shuffled batches that are gathered from the samples at each step. `data` is a folder of IDX
    files, `samples.DENSE`, or None for synthetic digits.
    """

    sizes: tuple[int, ...]
    batch: int
    epochs: int
    m: int
    data: str | None = None

    @cached_property
    def samples(self) -> samples.Samples:
        return samples.load(self.sizes[0], self.data).first(self.m)

    @property
    def steps_per_epoch(self) -> int:
        return self.m // self.batch

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    @property
    def net(self) -> xpnet.Network:
        import xpnet  # See `samples.read`.

        return xpnet.Network(self.sizes, output="softmax")

    def first_weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """``W (n_out, n_in)`` and ``b (n_out,)`` of each layer: the same for every peer."""
        params = self.net.init(seed=0, xp="numpy", dtype="float32")
        return [(W, b[:, 0]) for W, b in params]

    def orders(self, epochs: int) -> list[np.ndarray]:
        """The samples' numbers of each batch, ``(steps_per_epoch, batch)`` per epoch."""
        rng = np.random.default_rng(0)
        shape = (self.steps_per_epoch, self.batch)
        return [rng.permutation(self.m).reshape(shape) for _ in range(epochs)]


class Trial(NamedTuple):
    """A peer, ready for one cell.

    ``train(epochs)`` starts from the first weights and ends when all its results are there. Not
    measured are ``restart()`` before it, which puts the first weights back, and ``cost_of(result)``
    after it, the last epoch's mean cost. The floor trains nothing and has None.
    """

    train: Callable[[int], Any]
    restart: Callable[[], None] = lambda: None
    cost_of: Callable[[Any], float | None] = lambda cost: cost


def cell_of(
    sizes: tuple[int, ...], batch: int, steps: int, m: int, data: str | None = None
) -> Cell:
    """A cell of so many steps or a few more: two epochs at least, of at most `m` samples.

    Raises
    ------
    ValueError
        If `m` samples do not make a batch.
    """
    most = m // batch
    if not most:
        raise ValueError(f"batch is {batch}: expected at most {m}, the number of samples")
    epochs = max(2, math.ceil(steps / most))
    return Cell(sizes, batch, epochs, math.ceil(steps / epochs) * batch, data)
