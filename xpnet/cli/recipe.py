"""Options of the command line as arguments of the library."""

from __future__ import annotations

from inspect import signature
from math import ceil
from typing import Any, NamedTuple

from xpnet import optim
from xpnet.cli.options import one_of
from xpnet.kernels import ACTIVATIONS
from xpnet.network import Network
from xpnet.types import Optimizer

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Recipe",
    "make_network",
    "make_optimizer",
]

OPTIMIZERS = {
    "sgd": optim.sgd,
    "momentum": optim.momentum,
    "nesterov": optim.nesterov,
    "rmsprop": optim.rmsprop,
    "adam": optim.adam,
    "adamw": optim.adamw,
}

SCHEDULES = {
    "cosine": optim.cosine,
    "constant": lambda rate, steps: optim.constant(rate),
}
"""``(rate, steps of the whole training) -> schedule``."""


class Recipe(NamedTuple):
    """How ``xpnet train`` was asked to train; each field is the option of its name."""

    hidden: str
    activation: str
    epochs: int
    batch_size: int | None
    optimizer: str
    lr: float | None
    schedule: str
    l2: float
    dropout: float
    seed: int

    def network(self, n_x: int, n_y: int) -> Network:
        """Return the classifier of `n_x` features into `n_y` classes."""
        return make_network(n_x, self.hidden, n_y, self.activation)

    def options(self, m: int) -> dict[str, Any]:
        """Return what `xpnet.fit` has to be told for `m` training samples."""
        batch_size = self.batch_size or default_batch_size(m)
        steps = self.epochs * ceil(m / batch_size)
        return {
            "optimizer": make_optimizer(self.optimizer, self.lr, self.schedule, steps),
            "epochs": self.epochs,
            "batch_size": batch_size,
            "l2": self.l2,
            "dropout": self.dropout,
            "seed": self.seed,
        }


def make_network(n_x: int, hidden: str, n_y: int, activation: str) -> Network:
    """Return a classifier with the hidden layers that a text such as ``512,256`` lists.

    Raises
    ------
    ValueError
        Where `hidden` is no such list or `activation` unknown.
    """
    one_of("activation", activation, ACTIVATIONS)
    try:
        units = [int(part) for part in hidden.split(",")] if hidden.strip() else []
    except ValueError:
        units = [0]
    if min(units, default=1) < 1:
        raise ValueError(
            f"--hidden is {hidden!r}: expected the units of each hidden layer, such as 512,256, "
            "or '' for none"
        )
    return Network((n_x, *units, n_y), activation, "softmax")


def make_optimizer(name: str, lr: float | None, schedule: str, steps: int) -> Optimizer:
    """Return the optimiser `name`; without `lr` its own learning rate is used.

    Raises
    ------
    ValueError
        Where `name` or `schedule` is unknown.
    """
    make = one_of("optimizer", name, OPTIMIZERS)
    rate = signature(make).parameters["learning_rate"].default if lr is None else lr
    return make(one_of("schedule", schedule, SCHEDULES)(rate, steps))


def default_batch_size(m: int) -> int:
    """64 samples a step; fewer, down to 16, where an epoch would have less than 80 steps."""
    return max(16, min(64, m // 80))
