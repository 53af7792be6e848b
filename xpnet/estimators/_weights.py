"""Weights of samples checked as scikit-learn checks them, on the device where the samples lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace

from xpnet import backend
from xpnet.estimators._places import on_host, reference, to_host
from xpnet.estimators._sklearn_private import host_weights
from xpnet.estimators._validation import check_finite, check_unmasked
from xpnet.types import Array

__all__ = ["checked_weights"]


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
