"""The work that every peer does, and the form in which a peer offers to do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

import xpnet
from bench.samples import Samples

LEARNING_RATE = 1e-3
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Cell:
    """A network, a batch size, and the samples of an epoch, a whole number of batches.

    ReLU, softmax with cross-entropy, Adam, float32, no penalty; shuffled batches are gathered from
    `samples` at each step.
    """

    sizes: tuple[int, ...]
    batch: int
    epochs: int
    samples: Samples

    @property
    def steps_per_epoch(self) -> int:
        return len(self.samples.X) // self.batch

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def first_weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """``W (n_out, n_in)`` and ``b (n_out,)`` of each layer: the same for every peer."""
        params = xpnet.Network(self.sizes).init(seed=0, xp="numpy", dtype="float32")
        return [(W, b[:, 0]) for W, b in params]

    def orders(self, epochs: int) -> list[np.ndarray]:
        """The samples' numbers of each batch, ``(steps_per_epoch, batch)`` an epoch."""
        rng = np.random.default_rng(0)
        shape = (self.steps_per_epoch, self.batch)
        return [rng.permutation(len(self.samples.X)).reshape(shape) for _ in range(epochs)]


class Trial(NamedTuple):
    """A peer, ready for one cell.

    ``train(epochs)`` trains from the first weights and returns the last epoch's mean cost (the
    floor, which trains nothing, returns None); it ends when the result is there. ``restart()``
    puts back the first weights, unmeasured, where `train` would go on from the last ones.
    """

    train: Callable[[int], float | None]
    restart: Callable[[], None] = lambda: None
