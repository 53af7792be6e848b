"""xpnet: neural networks that train where your arrays live."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Each name as itself, as type checkers ask of what is there to be imported from here.
    # isort: off
    from xpnet import (
        backend as backend,
        callbacks as callbacks,
        data as data,
        estimators as estimators,
        init as init,
        metrics as metrics,
        model_selection as model_selection,
        optim as optim,
        plot as plot,
    )
    from xpnet.backend import (
        available_backends as available_backends,
        default_backend as default_backend,
        to_device as to_device,
        to_numpy as to_numpy,
        use_backend as use_backend,
        use_threads as use_threads,
    )
    from xpnet.estimators import (
        LogisticRegression as LogisticRegression,
        MLPClassifier as MLPClassifier,
        MLPRegressor as MLPRegressor,
    )
    from xpnet.exceptions import (
        BackendError as BackendError,
        DataError as DataError,
        DivergenceError as DivergenceError,
        ModelFileError as ModelFileError,
    )
    from xpnet.export import (
        register_skl2onnx as register_skl2onnx,
        to_onnx as to_onnx,
        to_torch as to_torch,
    )
    from xpnet.fused import accelerate as accelerate
    from xpnet.init import (
        initialize_parameters_he as initialize_parameters_he,
        params_from_dict as params_from_dict,
        params_to_dict as params_to_dict,
    )
    from xpnet.kernels import LOOPED as LOOPED, VECTORIZED as VECTORIZED
    from xpnet.model_selection import (
        BaggingClassifier as BaggingClassifier,
        BaggingRegressor as BaggingRegressor,
    )
    from xpnet.network import (
        Network as Network,
        backward as backward,
        check_gradients as check_gradients,
        cost as cost,
        forward as forward,
        predict as predict,
        stack as stack,
        unstack as unstack,
        value_and_grad as value_and_grad,
    )
    from xpnet.persist import load as load, save as save
    from xpnet.train.checkpoints.recorder import Checkpoints as Checkpoints
    from xpnet.train.evaluate import evaluate as evaluate
    from xpnet.train.fit import fit as fit
    from xpnet.train.steps import steps as steps
    from xpnet.types import (
        Dense as Dense,
        Kernels as Kernels,
        Layer as Layer,
        Optimizer as Optimizer,
        Params as Params,
        Step as Step,
    )

__version__ = "0.1.0"

_MODULES = (
    "backend",
    "callbacks",
    "data",
    "estimators",
    "init",
    "metrics",
    "model_selection",
    "optim",
    "plot",
)

_NAMES = {
    "backend": (
        "available_backends",
        "default_backend",
        "to_device",
        "to_numpy",
        "use_backend",
        "use_threads",
    ),
    "estimators": ("LogisticRegression", "MLPClassifier", "MLPRegressor"),
    "exceptions": ("BackendError", "DataError", "DivergenceError", "ModelFileError"),
    "export": ("register_skl2onnx", "to_onnx", "to_torch"),
    "fused": ("accelerate",),
    "init": ("initialize_parameters_he", "params_from_dict", "params_to_dict"),
    "kernels": ("LOOPED", "VECTORIZED"),
    "model_selection": ("BaggingClassifier", "BaggingRegressor"),
    "network": (
        "Network",
        "backward",
        "check_gradients",
        "cost",
        "forward",
        "predict",
        "stack",
        "unstack",
        "value_and_grad",
    ),
    "persist": ("load", "save"),
    "train": ("Checkpoints", "evaluate", "fit", "steps"),
    "types": ("Dense", "Kernels", "Layer", "Optimizer", "Params", "Step"),
}
"""The public names, by the room that they live in."""

_HOMES = {name: room for room, names in _NAMES.items() for name in names}

__all__ = [*_MODULES, *_HOMES]


def __getattr__(name: str) -> Any:
    # On first use: the command line must be there to take a Ctrl-C before NumPy is imported, and
    # what needs an optional package does without until it is asked for.
    if name in _MODULES or name in _NAMES:
        return import_module(f"xpnet.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(import_module(f"xpnet.{_HOMES[name]}"), name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)
