"""Optimisers, learning-rate schedules and gradient clipping."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xpnet.optim._check import check_optimizer
from xpnet.optim.clipping import clip
from xpnet.optim.first_order import (
    OPTIMIZERS,
    OptimizerKind,
    adam,
    adamw,
    lion,
    momentum,
    nadam,
    nesterov,
    rmsprop,
    sgd,
)
from xpnet.optim.lbfgs import Minimum, lbfgs
from xpnet.optim.owlqn import owlqn
from xpnet.optim.schedules import (
    constant,
    cosine,
    exponential,
    inverse_scaling,
    step,
    warmup,
)

if TYPE_CHECKING:
    from xpnet.train.rates import find_rate as find_rate
else:
    # Not for type checkers, to whom every name would be one.
    def __getattr__(name: str) -> Any:
        # On first use: a rate is found by training, and `train` imports `optim`.
        if name != "find_rate":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = import_module("xpnet.train.rates").find_rate
        return globals()[name]


__all__ = [
    "OPTIMIZERS",
    "Minimum",
    "OptimizerKind",
    "adam",
    "adamw",
    "check_optimizer",
    "clip",
    "constant",
    "cosine",
    "exponential",
    "find_rate",
    "inverse_scaling",
    "lbfgs",
    "lion",
    "momentum",
    "nadam",
    "nesterov",
    "owlqn",
    "rmsprop",
    "sgd",
    "step",
    "warmup",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
