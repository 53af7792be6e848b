"""Networks and optimisers that options describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, TypeVar

from xpnet import optim
from xpnet.kernels import ACTIVATIONS
from xpnet.network import Network
from xpnet.types import Optimizer, Params

T = TypeVar("T")

SCHEDULES: Mapping[str, Callable[[float, int], Any]] = {
    "cosine": optim.cosine,
    "constant": lambda rate, steps: optim.constant(rate),
}
"""``(rate, steps of the whole training) -> schedule``."""

LOSSES = {"mse": "identity", "huber": "huber", "poisson": "exp"}
"""The output of a regression's network by the name of its loss."""

DEFAULT_LOSS = "mse"


def output_of(task: str, loss: str | None) -> str:
    """Return the output of a network for a task.

    Raises ValueError if `loss` is unknown, or given for a classification.
    """
    if task == "regression":
        return _one_of("loss", loss or DEFAULT_LOSS, LOSSES)
    if loss is not None:
        raise ValueError(f"--loss is {loss!r}, but the labels are classes: add --task regression")
    return "softmax"


def make_network(
    n_x: int, hidden: str, n_y: int, activation: str, output: str = "softmax"
) -> Network:
    """Return a network with the hidden layers that a text such as ``512,256`` lists.

    Raises ValueError if `hidden` is not such a list, or `activation` is unknown.
    """
    _one_of("activation", activation, ACTIVATIONS)
    try:
        units = [int(text) for text in hidden.split(",")] if hidden.strip() else []
    except ValueError:
        units = [0]
    if min(units, default=1) < 1:
        raise ValueError(
            f"--hidden is {hidden!r}: expected the units of each hidden layer, such as 512,256, "
            "or '' for none"
        )
    return Network((n_x, *units, n_y), activation, output)


def initial_params(net: Network, seed: int) -> Params:
    """Return the parameters from which a training starts."""
    # He's weights, which are larger, bend a small table's function more than its samples can say.
    return net.init(seed, "glorot_uniform")


def make_optimizer(name: str, lr: float | None, schedule: str, steps: int) -> Optimizer:
    """Return the optimiser `name`, by default with a learning rate of its own.

    Raises ValueError if `name` or `schedule` is unknown.
    """
    make = optimizer_named(name)
    rate = default_rate(name) if lr is None else lr
    return make(_one_of("schedule", schedule, SCHEDULES)(rate, steps))


def optimizer_named(name: str) -> Callable[..., Optimizer]:
    """Return what makes the optimiser `name` of a rate; raises ValueError if it is unknown."""
    return _one_of("optimizer", name, optim.OPTIMIZERS).make


def default_rate(name: str) -> float:
    """Return the learning rate of the optimiser `name`; raises ValueError if it is unknown."""
    return float(signature(optimizer_named(name)).parameters["learning_rate"].default)


def _one_of(option: str, name: str, table: Mapping[str, T]) -> T:
    if name not in table:
        raise ValueError(f"--{option} is {name!r}: expected one of {', '.join(table)}")
    return table[name]
