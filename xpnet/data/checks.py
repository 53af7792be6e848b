"""What every reader asks of the arrays it has read: finite samples, one label a sample."""

from __future__ import annotations

import numpy as np

from xpnet.exceptions import DataError

__all__ = ["as_labels", "as_samples", "check_pair"]

_EXACT_WHOLE = 2.0**53
"""The largest size at which float64 still tells neighbouring whole numbers apart."""


def as_samples(X: np.ndarray, where: str) -> np.ndarray:
    """Return real, finite `X` as ``(m, n_x)``; images ``(m, height, width)`` are flattened.

    Parameters
    ----------
    X : ndarray, shape (m, ...)
    where : str
        File and array, for the error's text.

    Raises
    ------
    DataError
        Where X is not numeric, has no samples or features, or holds NaN or infinity.
    """
    if X.dtype.kind not in "biuf":
        raise DataError(f"{where} has dtype {X.dtype}: expected real numbers")
    if X.ndim < 2 or X.size == 0:
        raise DataError(
            f"{where} has shape {X.shape}: expected (m, n_x), a row a sample, and at least one"
        )
    rows = X.reshape(X.shape[0], -1)
    # Extremes show NaN and infinity without another array of the size of X.
    if X.dtype.kind == "f" and not np.isfinite([rows.min(), rows.max()]).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise DataError(
            f"{where} holds {rows[row, column]} at row {row}, column {column} (counted from 0): "
            "expected finite numbers; fill it or leave that sample out"
        )
    return rows.astype(rows.dtype.newbyteorder("="), copy=False)


def as_labels(y: np.ndarray, where: str) -> np.ndarray:
    """Return `y` as ``(m,)`` of int64, of strings or, where it holds larger numbers, of uint64.

    Whole floats become integers.

    Raises
    ------
    DataError
        Where y is not one label a sample, is NaN, or looks like a quantity to regress on.
    """
    if y.ndim != 1:
        raise DataError(
            f"{where} has shape {y.shape}: expected (m,), one label a sample; one-hot rows become "
            "labels with argmax(axis=1)"
        )
    if y.dtype.kind == "U":
        return y
    if y.dtype.kind not in "biuf":
        raise DataError(f"{where} has dtype {y.dtype}: expected whole numbers or text")
    if y.dtype.kind == "f":
        _check_whole(y, where)
    wide = y.dtype.kind == "u" and y.size > 0 and int(y.max()) > np.iinfo(np.int64).max
    return y.astype(np.uint64 if wide else np.int64)


def check_pair(X: np.ndarray, y: np.ndarray, where: str) -> None:
    """Raise DataError unless `X` and `y` hold equally many samples."""
    if X.shape[0] != y.shape[0]:
        raise DataError(
            f"{where}: {X.shape[0]} samples, but {y.shape[0]} labels: expected one label a sample"
        )


def _check_whole(y: np.ndarray, where: str) -> None:
    if np.isnan(y).any():
        row = int(np.argmax(np.isnan(y)))
        raise DataError(
            f"{where} holds NaN at row {row} (counted from 0): expected a label for every sample; "
            "leave that sample out"
        )
    fractional = (y != np.rint(y)) | (np.abs(y) > _EXACT_WHOLE)
    if fractional.any():
        row = int(np.argmax(fractional))
        raise DataError(
            f"{where} holds {y[row]} at row {row} (counted from 0): expected whole numbers or text "
            "as labels. Quantities are learned by regression: use xpnet.MLPRegressor"
        )
