"""Scaling fitted on the training samples, kept with the model, applied again at prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from xpnet.exceptions import DataError, quoted

_BLOCK = 256
"""Samples scaled at once: bounds the float64 copy that a block needs."""

_ROUNDING = 1e-12
"""A column whose spread is this small beside its mean varies by rounding alone."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """``(X - shift) / scale``, column by column.

    Attributes
    ----------
    shift, scale : ndarray, shape (n_x,), float64
        float64 so that columns of large numbers (times, identifiers) keep their differences.
    """

    shift: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, X: np.ndarray, pixel_max: int | None = None, names: Sequence[str] = ()) -> Scaling:
        """Return the scaling for training samples `X` ``(m, n_x)``.

        Pixels are divided by `pixel_max`. Columns of a table (`pixel_max` None) get mean 0 and
        variance 1; a constant column is shifted to 0 and not divided. An error says which it is by
        the columns' `names`, if they have any.

        Raises
        ------
        DataError
            Where the numbers of a column are so large that their spread overflows.
        """
        n_x = X.shape[1]
        if pixel_max is not None:
            return cls(np.zeros(n_x), np.full(n_x, float(pixel_max)))
        with np.errstate(over="ignore", invalid="ignore"):
            mean = X.mean(axis=0, dtype=np.float64)
            spread = X.std(axis=0, dtype=np.float64)
        if not np.isfinite(spread).all():
            column = int(np.argmin(np.isfinite(spread)))
            name = quoted(names[column]) if names else f"{column} of X (counted from 0)"
            raise DataError(
                f"column {name} holds numbers up to "
                f"{np.abs(X[:, column]).max():.3g}: expected a spread that float64 can hold; "
                "divide that column, or leave it out"
            )
        rounding = _ROUNDING * np.abs(mean)  # Above 1 in columns of the very largest numbers.
        return cls(mean, np.where(spread <= rounding, np.maximum(rounding, 1.0), spread))

    def apply(self, X: np.ndarray, dtype: DTypeLike = np.float32) -> np.ndarray:
        """Return scaled `X` ``(m, n_x)``, of `dtype` and C-contiguous; `X` is not written to.

        Raises
        ------
        DataError
            Where X has another number of columns than the training samples had, or numbers so
            far from theirs that `dtype` cannot hold them scaled.
        """
        if X.ndim != 2 or X.shape[1] != len(self.shift):
            raise DataError(
                f"X has shape {X.shape}: expected (m, {len(self.shift)}), the features that the "
                "model was trained on"
            )
        scaled = np.empty(X.shape, dtype)
        for start in range(0, len(X), _BLOCK):
            rows = slice(start, start + _BLOCK)
            with np.errstate(over="ignore"):
                scaled[rows] = (X[rows] - self.shift) / self.scale
            if not np.isfinite(scaled[rows]).all():
                self._refuse(X, scaled, start)
        return scaled

    def _refuse(self, X: np.ndarray, scaled: np.ndarray, start: int) -> None:
        row, column = np.argwhere(~np.isfinite(scaled[start : start + _BLOCK]))[0]
        raise DataError(
            f"X holds {X[start + row, column]:.3g} at row {start + row}, column {column} (counted "
            f"from 0): expected a number near {self.shift[column]:.3g}, give or take "
            f"{self.scale[column]:.3g}, as in training; scaled, {scaled.dtype} cannot hold it"
        )
