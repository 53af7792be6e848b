"""Searches and validations on samples that NumPy can read where they lie: as on NumPy's own.

On a processor PyTorch's and JAX's arrays are memory of the host. Where nobody can tell the
difference, fits are made on NumPy's arrays of that memory: scikit-learn is sooner to take parts
of those, each fit is spared the way to the library's arrays and back, and scalers may write into
what they make, which they cannot into JAX's arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from xpnet import backend
from xpnet.estimators import MLPClassifier, MLPRegressor
from xpnet.estimators._devices import is_array, usual_dtype
from xpnet.estimators._sklearn.private import gives_arrays, with_arrays
from xpnet.estimators._solvers.callbacks import has_callbacks
from xpnet.model_selection.folds import has_steps_before, network_of, prefix_of
from xpnet.model_selection.scoring.scorers import lies_elsewhere
from xpnet.model_selection.splits import is_theirs
from xpnet.network.defaults import accelerator_for

SCORES: dict[Any, str] = {MLPClassifier: "accuracy", MLPRegressor: "r2"}
"""The estimators whose searches may be made there, and what their own scores are called."""

SCALERS = StandardScaler, MinMaxScaler, MaxAbsScaler
"""What may come before: fitted on NumPy's arrays, these transform those of the library alike."""

FLOATS = np.dtype(np.float32), np.dtype(np.float64)


def on_host(
    model: Any,
    X: Any,
    y: Any,
    *,
    scoring: Any = None,
    cv: Any = None,
    grids: Sequence[Mapping[str, Any]] = (),
    tells_labels: bool = True,
) -> tuple[np.ndarray, np.ndarray] | None:
    """X and y as NumPy's arrays of the same memory; None where fits are made as they are.

    The model is an estimator of ours, alone or after scalers, and asked for its own score, with
    scikit-learn's splitters, optimisers by name and no callbacks, on arrays that NumPy's runs
    train, or that scalers which come before cannot write into. Unlike labels and how many are
    right, R² and probabilities have other last bits there: what is asked for these goes there in
    the latter case alone.
    """
    network = network_of(model)
    own = SCORES.get(type(network))
    by_own = scoring is None or (isinstance(scoring, str) and scoring == own)
    are_there = all(is_array(array) and lies_elsewhere(array) for array in (X, y))
    if not (own and by_own and is_theirs(cv) and are_there):
        return None
    if not (_only_scales(model, grids) and _is_plain(model, grids)):
        return None
    near = backend.near(X), backend.near(y)
    if not all(type(array) is np.ndarray for array in near) or near[0].dtype not in FLOATS:
        return None
    if type(network) is MLPClassifier and y.ndim > 1:
        return None  # scores of a column warn of it
    if has_steps_before(model) and not near[0].flags.writeable:  # there is no other way
        return near
    is_same = type(network) is MLPClassifier and tells_labels
    return near if is_same and accelerator_for(X).side_by_side is not None else None


def moved(estimator: Any, X: Any) -> Any:
    """A copy of a fitted estimator whose arrays lie where X does.

    Its dtypes are kept; sums in float64, where JAX has none, have that of X.
    """
    xp = array_namespace(X)
    known = xp.__array_namespace_info__().dtypes()

    def there(array: Any) -> Any:
        is_known = array.dtype.kind != "f" or array.dtype.name in known
        dtype = usual_dtype(array, xp) if is_known else X.dtype
        return backend.asarray(array, like=X, dtype=dtype)

    return with_arrays(estimator, there)


def _only_scales(model: Any, grids: Sequence[Mapping[str, Any]]) -> bool:
    """Whether only scalers come before the network, which leave samples in their library."""
    if not isinstance(model, Pipeline):
        return True
    if type(model) is not Pipeline or model.memory is not None or model.transform_input is not None:
        return False
    steps = dict(model.steps[:-1])
    replaced = {name for grid in grids for name in grid if "__" not in name}
    tried = [*steps.values(), *(step for name in replaced for step in _tried(grids, name))]
    is_dispatched = get_config()["array_api_dispatch"]
    return is_dispatched and replaced <= steps.keys() and all(map(_scales, tried))


def _scales(step: Any) -> bool:
    is_skipped = step is None or (isinstance(step, str) and step == "passthrough")
    return is_skipped or (type(step) in SCALERS and gives_arrays(step))


def _is_plain(model: Any, grids: Sequence[Mapping[str, Any]]) -> bool:
    """Whether no callbacks hear of its fits, and all optimisers are named."""
    network, prefix = network_of(model), prefix_of(model)
    solvers, callbacks = (
        [getattr(network, name), *_tried(grids, prefix + name)] for name in ("solver", "callbacks")
    )
    is_heard = any(callbacks) or any(map(has_callbacks, (model, network)))
    return not is_heard and all(isinstance(solver, str) for solver in solvers)


def _tried(grids: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """The values of a parameter that are tried; a distribution as one that is no text."""
    found = [grid[name] for grid in grids if name in grid]
    return [v for values in found for v in (values if isinstance(values, list) else [values])]
