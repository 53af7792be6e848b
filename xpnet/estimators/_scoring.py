"""scikit-learn's scores computed where predictions and targets lie; one number comes back."""

from __future__ import annotations

import math

from array_api_compat import array_namespace

from xpnet import backend
from xpnet.types import Array

__all__ = ["accuracy", "r2"]


def accuracy(predicted: Array, y: Array, weights: Array | None = None) -> float:
    """The (weighted) share of samples whose labels are all right.

    Parameters
    ----------
    predicted, y : array, shape (m,) or (m, n_labels)
    weights : array, shape (m,), optional
    """
    xp = array_namespace(predicted, y)
    right = predicted == y
    right = xp.all(right, axis=1) if right.ndim == 2 else right
    if weights is None:
        return int(xp.count_nonzero(right)) / int(right.shape[0])
    counted = xp.where(right, weights, xp.zeros_like(weights))
    good, total = backend.read([xp.sum(counted), xp.sum(weights)]).tolist()
    return float(good / total)


def r2(predicted: Array, y: Array, weights: Array | None = None) -> float:
    """The coefficient of determination, the mean over outputs; NaN where a prediction is no number.

    An output whose targets are all the same scores 1 where it is predicted exactly, else 0.

    Parameters
    ----------
    predicted, y : array, shape (m, n_y)
    weights : array, shape (m,), optional
    """
    xp = array_namespace(predicted, y)
    s = xp.ones_like(y[:, :1]) if weights is None else weights[:, None]
    mean = xp.sum(s * y, axis=0) / xp.sum(s)
    left = xp.sum(s * (y - predicted) ** 2, axis=0)
    total = xp.sum(s * (y - mean) ** 2, axis=0)
    scores = [_explained(*pair) for pair in zip(*backend.read([left, total]).tolist(), strict=True)]
    return float(math.fsum(scores) / len(scores))


def _explained(left: float, total: float) -> float:
    if total != 0:
        return 1.0 - left / total if math.isfinite(left) else math.nan
    return 1.0 if left == 0 else 0.0
