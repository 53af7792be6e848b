"""Weights of samples and of classes."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from sklearn.utils.class_weight import compute_class_weight

from xpnet import backend
from xpnet.estimators._devices import on_host, reference, to_host
from xpnet.estimators._labels import BINARY, MULTILABEL, Labels
from xpnet.estimators._sklearn_private import host_weights
from xpnet.estimators._validation import check_finite, check_unmasked
from xpnet.types import Array


def checked_weights(sample_weight: Any, X: Array) -> Array | None:
    """Return the weights of samples beside X and of its dtype, ``(m,)``; None stays None.

    Raises
    ------
    ValueError
        If the shape does not fit, or a weight is negative, infinite or NaN, or all are 0.
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


def class_weighted(
    class_weight: Any, labels: Labels, Y: Array, weights: Array | None
) -> Array | None:
    """Return the weights of samples, times those of their classes.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        One weight per label, 1 where there is none; "balanced" gives every class the same sum of
        weights: ``Σ s / (classes · Σ s of the class)``.
    labels : Labels
    Y : array, shape (m, n_y)
        Encoded targets.
    weights : array, shape (m,), or None

    Returns
    -------
    array, shape (m,), or None
        None where every weight is 1.

    Raises
    ------
    ValueError, TypeError
        If the target is multilabel, whose samples have no class; if a weight is negative, infinite
        or NaN, or all are 0.
    """
    if class_weight is None:
        return weights
    if labels.kind == MULTILABEL:
        raise ValueError(
            "class_weight has no meaning for a multilabel target, whose samples have several "
            "labels or none: use sample_weight"
        )
    is_class = _indicators(labels, Y)
    s = array_namespace(Y).ones_like(Y[:, 0]) if weights is None else weights
    per_class = backend.asarray(_of_classes(class_weight, labels, s @ is_class), like=Y)
    return (is_class @ per_class) * s


def _indicators(labels: Labels, Y: Array) -> Array:
    """One column per class, 1 where the sample is of it."""
    if labels.kind != BINARY:
        return Y
    return array_namespace(Y).concat([1.0 - Y, Y], axis=1)[:, : labels.classes.shape[0]]


def _of_classes(class_weight: Any, labels: Labels, totals: Array) -> np.ndarray:
    """The weight of each class, on the host."""
    if isinstance(class_weight, dict):
        classes = backend.to_numpy(labels.classes)
        for label, weight in class_weight.items():
            if not isinstance(weight, Real):
                raise TypeError(_wrong(label, repr(weight)))
        weights = compute_class_weight(class_weight, classes=classes, y=classes)
        _check(weights, classes)
        return np.asarray(weights)
    sums = backend.to_numpy(totals)
    return np.asarray(sums.sum() / (len(sums) * np.where(sums > 0, sums, 1.0)))


def _wrong(label: Any, weight: str) -> str:
    return (
        f"class_weight gives class {label!r} a weight of {weight}: expected a number, 0 or more; "
        "to leave a class out of the loss, give it 0"
    )


def _check(weights: np.ndarray, classes: np.ndarray) -> None:
    for label, weight in zip(classes.tolist(), weights.tolist(), strict=True):
        if not 0 <= weight < math.inf:
            raise ValueError(_wrong(label, str(weight)))
    if not weights.any():
        raise ValueError("class_weight gives every class a weight of 0: expected one above 0")
