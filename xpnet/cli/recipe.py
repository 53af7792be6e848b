"""Options of the command line as arguments of the library."""

from __future__ import annotations

from inspect import signature

from xpnet import optim
from xpnet.cli.options import one_of
from xpnet.kernels import ACTIVATIONS
from xpnet.network import Network
from xpnet.types import Optimizer

__all__ = ["OPTIMIZERS", "SCHEDULES", "default_batch_size", "make_network", "make_optimizer"]

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
