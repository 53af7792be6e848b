"""Where an estimator's input lies: in NumPy on the host, or in an array library on its device."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj, is_dask_array, is_numpy_array
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from xpnet import backend
from xpnet.types import Array

__all__ = [
    "check_fitted_beside",
    "is_array",
    "is_sparse",
    "on_host",
    "reference",
    "to_host",
    "usual_dtype",
]


def is_array(values: Any) -> bool:
    """Whether `values` is an array of a library, NumPy included; lists and frames are none."""
    return bool(is_array_api_obj(values))


def is_sparse(X: Any) -> bool:
    """Whether X is a sparse matrix of SciPy or of cupyx."""
    return hasattr(X, "toarray") and hasattr(X, "nnz")


def reference(X: Array) -> Array:
    """An array in the library, on the device and of the dtype of X: X, or a sparse X's entries."""
    return X.data if is_sparse(X) else X


def on_host(X: Any) -> bool:
    """Whether X is NumPy's or will be: lists, frames and SciPy's matrices go to NumPy.

    Raises
    ------
    TypeError
        If X is a Dask array, which has no rows to draw batches from until it is computed.
    """
    if is_dask_array(X):
        raise TypeError("X is a Dask array: expected an array that is computed; pass X.compute()")
    if issparse(X):
        return True
    held = reference(X)
    return not is_array(held) or bool(is_numpy_array(held))


def to_host(values: Any) -> Any:
    """Return an array of any library in NumPy; lists, frames and None as they are."""
    return backend.to_numpy(values) if is_array(values) else values


def usual_dtype(array: Array, xp: Any) -> Any:
    """The dtype of `array` by name; for integers that the library `xp` lacks, its usual ones."""
    info = xp.__array_namespace_info__()
    own = backend.to_numpy(array[:0, ...]).dtype
    known = own.kind not in "iu" or own.name in info.dtypes()
    return own.name if known else info.default_dtypes()["integral"]


def check_fitted_beside(estimator: Any, X: Any, fitted: str, method: str) -> None:
    """Check that `estimator` is fitted, and to arrays that lie where X lies.

    Parameters
    ----------
    estimator : estimator
    X : array_like
        What `method` was given.
    fitted : str
        Attribute that holds an array, or a list of arrays, that predictions are made with.
    method : str
        For the message.

    Raises
    ------
    NotFittedError
    ValueError
        If X lies in another library or on another device; says which and how to move the model.
    """
    check_is_fitted(estimator)
    held = getattr(estimator, fitted)
    held = held[0] if isinstance(held, list) else held
    places = backend.where(held), backend.where(_stand_in(X))
    if places[0] != places[1]:
        raise ValueError(
            f"Inputs passed to {type(estimator).__name__}.{method}() must use the same namespace "
            f"and the same device as those passed to fit(): the model lies in {places[0]}, X in "
            f"{places[1]}. Move the model, model = model.to_device(X), or X to the model, "
            f"X = xpnet.to_device(X, model.{fitted}{'[0]' if fitted.endswith('s_') else ''})"
        )


def _stand_in(X: Any) -> Array:
    """An array that lies where X will lie once it is checked."""
    return np.empty(0) if on_host(X) else reference(X)
