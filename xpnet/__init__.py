"""xpnet: neural networks that train where your arrays live."""

from __future__ import annotations

from xpnet import init, optim
from xpnet.backend import (
    BackendError,
    available_backends,
    default_backend,
    to_device,
    to_numpy,
    use_backend,
)
from xpnet.init import initialize_parameters_he, params_from_dict, params_to_dict
from xpnet.kernels import LOOPED, VECTORIZED
from xpnet.network import (
    Network,
    backward,
    check_gradients,
    cost,
    forward,
    predict,
    value_and_grad,
)
from xpnet.persist import load, save
from xpnet.train import DivergenceError, evaluate, fit, steps
from xpnet.types import Dense, Kernels, Layer, Optimizer, Params, Step

__version__ = "0.1.0"

__all__ = [
    "LOOPED",
    "VECTORIZED",
    "BackendError",
    "Dense",
    "DivergenceError",
    "Kernels",
    "Layer",
    "Network",
    "Optimizer",
    "Params",
    "Step",
    "available_backends",
    "backward",
    "check_gradients",
    "cost",
    "default_backend",
    "evaluate",
    "fit",
    "forward",
    "init",
    "initialize_parameters_he",
    "load",
    "optim",
    "params_from_dict",
    "params_to_dict",
    "predict",
    "save",
    "steps",
    "to_device",
    "to_numpy",
    "use_backend",
    "value_and_grad",
]
