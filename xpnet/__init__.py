"""xpnet: neural networks that train where your arrays live."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from xpnet.estimators import LogisticRegression, MLPClassifier, MLPRegressor
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

_ROOMS = (
    "backend",
    "callbacks",
    "data",
    "fused",
    "init",
    "kernels",
    "metrics",
    "network",
    "optim",
    "persist",
    "train",
    "types",
)

_NAMES = {
    "backend": (
        "BackendError",
        "available_backends",
        "default_backend",
        "to_device",
        "to_numpy",
        "use_backend",
    ),
    "data": ("DataError",),
    "estimators": ("LogisticRegression", "MLPClassifier", "MLPRegressor"),
    "fused": ("accelerate",),
    "init": ("initialize_parameters_he", "params_from_dict", "params_to_dict"),
    "kernels": ("LOOPED", "VECTORIZED"),
    "network": (
        "Network",
        "backward",
        "check_gradients",
        "cost",
        "forward",
        "predict",
        "value_and_grad",
    ),
    "persist": ("ModelFileError", "load", "save"),
    "train": ("DivergenceError", "evaluate", "fit", "steps"),
    "types": ("Dense", "Kernels", "Layer", "Optimizer", "Params", "Step"),
}
"""The public names, by the room that they live in."""

_HOMES = {name: room for room, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    # On first use: the command line must be there to take a Ctrl-C before NumPy is imported, and
    # what needs an optional package does without until it is asked for.
    if name in _ROOMS:
        return import_module(f"xpnet.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(import_module(f"xpnet.{_HOMES[name]}"), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)
