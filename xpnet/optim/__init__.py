"""Optimisers and their learning-rate schedules."""

from xpnet.optim._check import check_optimizer
from xpnet.optim.clipping import clip
from xpnet.optim.first_order import adam, adamw, momentum, nesterov, rmsprop, sgd
from xpnet.optim.lbfgs import Minimum, lbfgs
from xpnet.optim.schedules import (
    constant,
    cosine,
    exponential,
    inverse_scaling,
    step,
    warmup,
)

__all__ = [
    "Minimum",
    "adam",
    "adamw",
    "check_optimizer",
    "clip",
    "constant",
    "cosine",
    "exponential",
    "inverse_scaling",
    "lbfgs",
    "momentum",
    "nesterov",
    "rmsprop",
    "sgd",
    "step",
    "warmup",
]
