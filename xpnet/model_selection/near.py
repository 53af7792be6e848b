"""Searches over samples that NumPy can read where they lie: as over NumPy's own.

On a processor PyTorch's and JAX's arrays are memory of the host. Where nobody can tell the
difference, a search is made on NumPy's arrays of that memory: scikit-learn is sooner to take parts
of those, and each fit is spared the way to the library's arrays and back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xpnet import backend
from xpnet.estimators import MLPClassifier
from xpnet.estimators._devices import is_array
from xpnet.estimators._solvers.callbacks import has_callbacks
from xpnet.model_selection.scoring.scorers import lies_elsewhere
from xpnet.model_selection.splits import is_theirs
from xpnet.network.defaults import accelerator_for


def on_host(
    search: Any, grids: Sequence[Mapping[str, Any]], X: Any, y: Any
) -> tuple[np.ndarray, np.ndarray] | None:
    """X and y as NumPy's arrays of the same memory; None where the search is made as it is.

    It is one over a classifier of ours by its accuracy, with scikit-learn's splitters, optimisers
    by name and no callbacks, of arrays that NumPy's runs train.
    """
    model, scoring = search.estimator, search.scoring
    is_ours = type(model) is MLPClassifier and not has_callbacks(model)
    by_accuracy = scoring is None or (isinstance(scoring, str) and scoring == "accuracy")
    are_there = all(is_array(array) and lies_elsewhere(array) for array in (X, y))
    if not (is_ours and by_accuracy and is_theirs(search.cv) and are_there and y.ndim == 1):
        return None
    solvers, callbacks = ([model.get_params()[name], *_tried(grids, name)] for name in NAMES)
    if any(callbacks) or not all(isinstance(solver, str) for solver in solvers):
        return None
    near = backend.near(X), backend.near(y)
    is_read = all(type(array) is np.ndarray for array in near) and near[0].dtype in FLOATS
    return near if is_read and accelerator_for(X).side_by_side is not None else None


NAMES = "solver", "callbacks"
FLOATS = np.dtype(np.float32), np.dtype(np.float64)


def _tried(grids: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """The values of a parameter that are tried; a distribution as one that is no text."""
    found = [grid[name] for grid in grids if name in grid]
    return [v for values in found for v in (values if isinstance(values, list) else [values])]
