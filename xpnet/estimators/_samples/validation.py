"""Validation of X, y and weights as in scikit-learn, on the device they lie on.

Data on the host go through scikit-learn's own checks. An array of another library stays where it
is, and must meet the same rules; the errors have the same words.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace
from sklearn.utils.validation import check_array, check_consistent_length, validate_data

from xpnet import backend
from xpnet.estimators._devices import is_array, on_host, reference, to_host, usual_dtype
from xpnet.estimators._sklearn.private import host_weights
from xpnet.kernels.dense import is_sparse
from xpnet.types import Array

_HOST = {"accept_sparse": "csr", "dtype": (np.float64, np.float32)}


def checked_samples(estimator: Any, X: Any, *, reset: bool) -> Array:
    """Return X as floats in its own library, or as a sparse matrix of rows.

    X sets the ``n_features_in_`` and ``feature_names_in_`` of `estimator` if `reset`, or must fit
    them. Raises as scikit-learn's ``validate_data``.
    """
    if not reset and _fits_as_it_is(estimator, X):
        return X
    check_unmasked(X, "X")
    if on_host(X):
        return validate_data(estimator, X, reset=reset, **_HOST)
    _check_shape(X, type(estimator).__name__)
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    X = _floating(X.tocsr() if is_sparse(X) else backend.detached(X))
    check_finite(reference(X), "X")
    return X


def _fits_as_it_is(estimator: Any, X: Any) -> bool:
    """Whether scikit-learn's checks would return X itself; they take longer than to predict a row.

    As there, one sum tells of NaN and infinity; where it overflows, all is looked at.
    """
    if not (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype.char in "fd"
        and X.dtype.isnative
        and len(X) > 0
        and X.shape[1] == estimator.n_features_in_
        and not hasattr(estimator, "feature_names_in_")
    ):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum()))


def _is_plain(y: Any, m: int) -> bool:
    """Whether y is one whole number for each of m samples."""
    return type(y) is np.ndarray and y.shape == (m,) and y.dtype.kind in "iub"


def checked_training_set(
    estimator: Any, X: Any, y: Any, *, reset: bool, numeric: bool
) -> tuple[Array, Array]:
    """Return X as `checked_samples` does, and y beside it; raise as scikit-learn's.

    With `numeric`, y must be numbers. Labels that are no numbers stay on the host.
    """
    if not reset and _fits_as_it_is(estimator, X) and _is_plain(y, len(X)):
        return X, y
    check_unmasked(X, "X")
    if y is not None:
        _check_targets(y)
    if on_host(X):
        X, y = validate_data(
            estimator, X, to_host(y), reset=reset, multi_output=True, y_numeric=numeric, **_HOST
        )
        return X, y
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y "
            "is None."
        )
    X = checked_samples(estimator, X, reset=reset)
    return X, targets_beside(y, X, numeric=numeric)


def cast_like(X: Array, like: Array) -> Array:
    """Return X, dense or sparse, in the dtype of `like`; X itself where it has that dtype."""
    if X.dtype == like.dtype:
        return X
    return X.astype(like.dtype) if is_sparse(X) else array_namespace(X).astype(X, like.dtype)


def check_finite(array: Array, name: str) -> None:
    """Raise scikit-learn's ValueError if `array` holds NaN or infinity; one number is read."""
    array = backend.near(array)
    xp = array_namespace(array)
    if not xp.isdtype(array.dtype, "real floating") or bool(xp.all(xp.isfinite(array))):
        return
    problem = (
        "NaN"
        if bool(xp.any(xp.isnan(array)))
        else f"infinity or a value too large for {array.dtype}"
    )
    raise ValueError(f"Input {name} contains {problem}.")


def check_unmasked(values: Any, name: str) -> None:
    """Raise ValueError if `values`, called `name`, are a masked array whose mask hides some."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} is a masked array with {np.ma.count_masked(values)} masked entries, and masks "
            f"have no meaning here: fill them, {name}.filled(...), or leave their samples out"
        )


def _check_targets(y: Any) -> None:
    """Raise ValueError if y is masked, or a number or text alone."""
    check_unmasked(y, "y")
    if y is None or np.isscalar(y) or getattr(y, "shape", None) == ():
        raise ValueError("y should be a 1d array, got an array of shape () instead.")


def _check_shape(X: Array, name: str) -> None:
    """Raise scikit-learn's error where X is not two-dimensional, or empty along an axis."""
    if str(getattr(X, "layout", "strided")).startswith("torch.sparse"):
        raise TypeError(
            f"X is a sparse tensor, of layout {X.layout}: expected a dense one, X.to_dense(), or a "
            "sparse matrix of SciPy or cupyx"
        )
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {X.ndim}D array instead, of shape {tuple(X.shape)}.\n"
            "Reshape your data either using array.reshape(-1, 1) if your data has a single "
            "feature or array.reshape(1, -1) if it contains a single sample."
        )
    for count, what in zip(X.shape, ("sample", "feature"), strict=True):
        if count == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={tuple(X.shape)}) while a minimum of 1 is "
                f"required by {name}."
            )


def _floating(X: Array) -> Array:
    """X itself if it holds float32 or float64, else cast to its library's usual floats."""
    xp = array_namespace(reference(X))
    if xp.isdtype(X.dtype, "complex floating"):
        raise ValueError("Complex data not supported")
    if X.dtype in (xp.float32, xp.float64):
        return X
    usual = xp.__array_namespace_info__().default_dtypes()["real floating"]
    return X.astype(usual) if is_sparse(X) else xp.astype(X, usual)


def targets_beside(y: Any, X: Array, *, numeric: bool) -> Array:
    """Return y on the device of X; on the host where it holds labels that are no numbers.

    With `numeric`, y must be numbers, which are cast to X's dtype. Raises ValueError if y is
    ragged, has another length than X, or holds NaN or infinity.
    """
    _check_targets(y)
    if not is_array(y) or isinstance(y, np.ndarray):
        y = check_array(y, ensure_2d=False, dtype="numeric" if numeric else None, input_name="y")
    check_consistent_length(X, y)
    if isinstance(y, np.ndarray) and y.dtype.kind not in "biuf":
        return y
    check_finite(y, "y")
    if array_namespace(y).isdtype(y.dtype, "real floating"):
        y = _floating(y)
    xp = array_namespace(reference(X))
    dtype = None if numeric else usual_dtype(y, xp)
    return backend.asarray(y, like=reference(X), dtype=dtype)


def checked_weights(sample_weight: Any, X: Array) -> Array | None:
    """Return the weights of samples beside X and of its dtype, ``(m,)``; None stays None.

    Raises ValueError if the shape does not fit, a weight is negative or not finite, or all are 0.
    """
    if sample_weight is None:
        return None
    check_unmasked(sample_weight, "sample_weight")
    like = reference(X)
    if on_host(X):
        return host_weights(to_host(sample_weight), X, like.dtype)
    m = X.shape[0]
    values = np.full(m, sample_weight) if np.isscalar(sample_weight) else sample_weight
    weights = backend.asarray(values, like=like)
    if weights.shape != (m,):
        raise ValueError(f"sample_weight.shape == {tuple(weights.shape)}, expected {(m,)}!")
    check_finite(weights, "sample_weight")
    _check_signs(weights)
    return weights


def _check_signs(weights: Array) -> None:
    xp = array_namespace(weights)
    smallest, largest = backend.read([xp.min(weights), xp.max(weights)])
    if smallest < 0:
        raise ValueError(
            f"Negative values in data passed to `sample_weight`: the smallest is {smallest}."
        )
    if largest == 0:
        raise ValueError("Sample weights must contain at least one non-zero number.")
