"""Optimisers, learning-rate schedules and gradient clipping."""

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
