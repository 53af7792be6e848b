"""Arrays of other libraries in bagging and validation: rows, features, and what models say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from xpnet import backend
from xpnet.data.batches import indices
from xpnet.estimators._devices import reference, stand_in, usual_dtype
from xpnet.kernels.dense import is_sparse
from xpnet.model_selection.scoring.answers import is_own, known_model, last_layers
from xpnet.model_selection.scoring.scorers import OnHost
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


def part_of(
    X: Array, features: np.ndarray | None = None, samples: np.ndarray | None = None
) -> Array:
    """Some samples, or all, and some features, or all."""
    X = X if samples is None else rows_of(X, samples)
    return X if features is None else features_of(X, features)


def beside(values: np.ndarray, X: Array) -> Any:
    """Numbers in the library and on the device of X, floating ones in its dtype; text as it is."""
    if values.dtype.kind not in "biuf":
        return values
    like = reference(X)
    is_floating = values.dtype.kind == "f"
    dtype = None if is_floating else usual_dtype(values, array_namespace(like))
    return backend.asarray(values, like=like, dtype=dtype)


def out_of_bag(
    members: Sequence[Any], drawn: Sequence[np.ndarray], features: Sequence[np.ndarray], X: Array
) -> list[Any]:
    """What stands in for members to be asked for the samples of X that each has not drawn.

    The outputs of networks are read at once. X is not looked at again: it is finite.
    """
    numbers = np.arange(X.shape[0])
    rows = [np.setdiff1d(numbers, of_one) for of_one in drawn]
    parts = list(zip(features, rows, strict=True))
    if not all(map(is_own, members)) or not all(map(len, rows)):
        takes = [lambda shape, part=part: part_of(X, *part) for part in parts]
        return list(map(OnHost, members, takes))
    with backend.on_device_of(stand_in(X)):
        queued = [
            last_layers([member], part_of(X, *of_one))
            for member, of_one in zip(members, parts, strict=True)
        ]
        layers = backend.read_tree(tuple(queued))
    return [known_model(member, layer) for member, (layer,) in zip(members, layers, strict=True)]
