"""Converters of the estimators for skl2onnx, which turns pipelines into ONNX models."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import compose
from skl2onnx import update_registered_converter
from skl2onnx.common._apply_operation import apply_cast, apply_identity
from skl2onnx.common.data_types import (
    DoubleTensorType,
    Int64TensorType,
    StringTensorType,
    guess_tensor_type,
)
from skl2onnx.proto import onnx_proto
from sklearn.base import is_classifier

from xpnet.export.estimators import ESTIMATORS, fitted
from xpnet.export.graph import OLDEST, graph, has_several
from xpnet.network import Network
from xpnet.types import Params, map_params

_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "nocl": [False, True],
}
"""Those that skl2onnx has for scikit-learn's classifiers; ``nocl`` gives numbers as labels."""

_SCORES = {"raw_scores": [False, True]}
"""One more for those with a `decision_function`, which calibration and stacking ask for."""


def register() -> None:
    """Register the converters; again does no harm."""
    for estimator in ESTIMATORS:
        options = _OPTIONS if is_classifier(estimator()) else {}
        scores = _SCORES if hasattr(estimator, "decision_function") else {}
        name = f"Xpnet{estimator.__name__}"
        update_registered_converter(estimator, name, set_types, convert, options=options | scores)


def set_types(operator: Any) -> None:
    """Set type and shape of an operator's outputs; raise ValueError unless it has one input."""
    if len(operator.inputs) > 1:
        names = ", ".join(entry.raw_name for entry in operator.inputs)
        raise ValueError(
            f"{type(operator.raw_operator).__name__} is given the inputs {names}: expected one, of "
            "all columns; give skl2onnx an array, X.to_numpy(), or put a ColumnTransformer before"
        )
    net, _, labels = _fitted(operator.scope_inst, operator.raw_operator)
    N, n_y = operator.inputs[0].get_first_dimension(), net.sizes[-1]
    number = type(guess_tensor_type(operator.inputs[0].type))
    if labels is None:
        operator.outputs[0].type = number([N, n_y])
        return
    several = has_several(net)
    label = Int64TensorType if several or labels.dtype.kind == "i" else StringTensorType
    operator.outputs[0].type = label([N, n_y] if several else [N])
    operator.outputs[1].type = number([N, max(2, n_y)])


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of an operator's estimator, in the precision of its input."""
    net, params, labels = _fitted(scope, operator.raw_operator)
    opset = container.target_opset
    if opset < OLDEST:
        raise ValueError(
            f"target_opset is {opset}: expected {OLDEST} or more, as xpnet's estimators need"
        )
    double = isinstance(operator.inputs[0].type, DoubleTensorType)
    cast = map_params(lambda array: array.astype(np.float64 if double else np.float32), params)
    prefix = scope.get_unique_operator_name("xpnet")
    logits = _chosen("raw_scores", operator.raw_operator, container)
    model = compose.add_prefix(graph(net, cast, labels, opset=opset, logits=logits), prefix)
    number = onnx_proto.TensorProto.DOUBLE if double else onnx_proto.TensorProto.FLOAT
    apply_cast(scope, operator.inputs[0].full_name, f"{prefix}X", container, to=number)
    container.nodes.extend(model.graph.node)
    container.initializers.extend(model.graph.initializer)
    versions = ((entry.domain, entry.version) for entry in model.opset_import)
    container.node_domain_version_pair_sets.update(versions)
    for ours, theirs in zip(model.graph.output, operator.outputs, strict=True):
        apply_identity(scope, ours.name, theirs.full_name, container)


def _fitted(scope: Any, model: Any) -> tuple[Network, Params, np.ndarray | None]:
    net, params, labels = fitted(model)
    if labels is not None and _chosen("nocl", model, scope):
        labels = np.arange(len(labels))
    return net, params, labels


def _chosen(option: str, model: Any, where: Any) -> bool:
    """Whether an option of a converter is set; False where it has none of that name."""
    return bool(where.get_options(model).get(option))
