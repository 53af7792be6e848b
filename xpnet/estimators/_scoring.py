"""Accuracy and R² of rows of predictions, on the device where they lie."""

from __future__ import annotations

from array_api_compat import array_namespace

from xpnet import backend, metrics
from xpnet.types import Array


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
    """The coefficient of determination, the mean over outputs; see `xpnet.metrics.r2`.

    Parameters
    ----------
    predicted, y : array, shape (m, n_y)
    weights : array, shape (m,), optional
    """
    transpose = array_namespace(predicted, y).matrix_transpose
    s = None if weights is None else weights[None, :]
    return float(metrics.r2(transpose(predicted), transpose(y), s))
