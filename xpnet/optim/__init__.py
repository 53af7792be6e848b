"""Optimisers and their learning-rate schedules."""

from xpnet.optim.first_order import adam, adamw, clip, momentum, nesterov, rmsprop, sgd
from xpnet.optim.schedules import (
    constant,
    cosine,
    exponential,
    inverse_scaling,
    step,
    warmup,
)

__all__ = [
    "adam",
    "adamw",
    "clip",
    "constant",
    "cosine",
    "exponential",
    "inverse_scaling",
    "momentum",
    "nesterov",
    "rmsprop",
    "sgd",
    "step",
    "warmup",
]
