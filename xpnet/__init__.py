"""xpnet: neural networks that train where your arrays live."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xpnet import backend, callbacks, data, init, optim
from xpnet.backend import (
    BackendError,
    available_backends,
    default_backend,
    to_device,
    to_numpy,
    use_backend,
)
from xpnet.data import DataError
from xpnet.fused import accelerate
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
from xpnet.persist import ModelFileError, load, save
from xpnet.train import DivergenceError, evaluate, fit, steps
from xpnet.types import Dense, Kernels, Layer, Optimizer, Params, Step

if TYPE_CHECKING:
    from xpnet.estimators import LogisticRegression, MLPClassifier, MLPRegressor

__version__ = "0.1.0"

__all__ = [
    "LOOPED",
    "VECTORIZED",
    "BackendError",
    "DataError",
    "Dense",
    "DivergenceError",
    "Kernels",
    "Layer",
    "LogisticRegression",
    "MLPClassifier",
    "MLPRegressor",
    "ModelFileError",
    "Network",
    "Optimizer",
    "Params",
    "Step",
    "accelerate",
    "available_backends",
    "backend",
    "backward",
    "callbacks",
    "check_gradients",
    "cost",
    "data",
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

_ON_FIRST_USE = {
    "LogisticRegression": "xpnet.estimators",
    "MLPClassifier": "xpnet.estimators",
    "MLPRegressor": "xpnet.estimators",
}
"""What needs an optional package, and the module that it is in."""


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ON_FIRST_USE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
