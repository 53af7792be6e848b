"""Networks within fitted estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from xpnet import backend
from xpnet.estimators import LogisticRegression, MLPClassifier, MLPRegressor
from xpnet.export.onnx import as_labels
from xpnet.network import Network
from xpnet.types import Params, map_params

ESTIMATORS = (LogisticRegression, MLPClassifier, MLPRegressor)


def check_alone(model: Any, **options: Any) -> None:
    """Raise TypeError unless `model` is an estimator of ours, and no option is given with it."""
    if not isinstance(model, ESTIMATORS):
        raise TypeError(
            f"model is a {type(model).__name__}: expected a Network or an estimator of xpnet; for "
            "a pipeline call xpnet.register_skl2onnx() once, then skl2onnx.to_onnx(pipeline, X)"
        )
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise TypeError(
            f"{given[0]} is given with a {type(model).__name__}, which has its own: expected the "
            "estimator alone"
        )


def fitted(model: Any) -> tuple[Network, Params, np.ndarray | None]:
    """The network of an estimator, its parameters on the host, and its labels if it has some.

    Raises NotFittedError.
    """
    check_is_fitted(model)
    params = map_params(backend.to_numpy, model._params())
    classes = getattr(model, "classes_", None)
    labels = None if classes is None else as_labels(backend.to_numpy(classes))
    return model._net(), params, labels
