"""Arrays of other libraries in bagging: their rows and features, and what members say of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from xpnet import backend
from xpnet.data.batches import indices
from xpnet.estimators._devices import reference, to_host, usual_dtype
from xpnet.kernels.dense import is_sparse
from xpnet.types import Array


def rows_of(X: Array, numbers: np.ndarray) -> Array:
    """The samples of these numbers."""
    there = indices(numbers, reference(X))
    return X[there, :] if is_sparse(X) else array_namespace(X).take(X, there, axis=0)


def features_of(X: Array, numbers: np.ndarray) -> Array:
    """The features of these numbers; X itself where they are all, in order."""
    if np.array_equal(numbers, np.arange(X.shape[1])):
        return X
    there = indices(numbers, reference(X))
    return X[:, there] if is_sparse(X) else array_namespace(X).take(X, there, axis=1)


def beside(values: np.ndarray, X: Array) -> Any:
    """Numbers in the library and on the device of X, floating ones in its dtype; text as it is."""
    if values.dtype.kind not in "biuf":
        return values
    like = reference(X)
    is_floating = values.dtype.kind == "f"
    dtype = None if is_floating else usual_dtype(values, array_namespace(like))
    return backend.asarray(values, like=like, dtype=dtype)


class Masked(NamedTuple):
    """Stands in for X where scikit-learn's code asks for ``X[mask, :][:, features]``."""

    X: Array

    def __getitem__(self, key: Any) -> Any:
        rows, features = key
        if isinstance(rows, slice):
            return features_of(self.X, features)
        return Masked(rows_of(self.X, np.flatnonzero(rows)))


class OnHost(NamedTuple):
    """Stands in for a member where scikit-learn's code adds answers up in arrays of NumPy."""

    member: Any

    def predict(self, X: Array) -> Any:
        """The member's predictions."""
        return to_host(self.member.predict(X))

    def predict_proba(self, X: Array) -> Any:
        """The member's probabilities."""
        return to_host(self.member.predict_proba(X))
