"""Shared records: parameters, layers, batches, steps, kernels, optimisers; layer kinds.

Shapes are written with their leading axes as ``...``: none for one network,
``(K,)`` for a stack of K networks that train in one call.
"""

from xpnet.types.kernels import (
    Kernels,
    Layer,
    Optimizer,
    OptimizerState,
)
from xpnet.types.params import (
    LAYER_KINDS,
    Array,
    Dense,
    LayerKind,
    Params,
    as_params,
    count,
    leading_axes,
    map_params,
    tensors,
    where_params,
)
from xpnet.types.result import (
    NOT_FIGURES,
    Result,
    finite_numbers,
)
from xpnet.types.training import (
    Batch,
    Batches,
    Epoch,
    Gather,
    Hyperparameters,
    PreparedRun,
    Run,
    SideBySide,
    Step,
    TrainingSteps,
    ValueAndGrad,
)

__all__ = [
    "LAYER_KINDS",
    "NOT_FIGURES",
    "Array",
    "Batch",
    "Batches",
    "Dense",
    "Epoch",
    "Gather",
    "Hyperparameters",
    "Kernels",
    "Layer",
    "LayerKind",
    "Optimizer",
    "OptimizerState",
    "Params",
    "PreparedRun",
    "Result",
    "Run",
    "SideBySide",
    "Step",
    "TrainingSteps",
    "ValueAndGrad",
    "as_params",
    "count",
    "finite_numbers",
    "leading_axes",
    "map_params",
    "tensors",
    "where_params",
]
