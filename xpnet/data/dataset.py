"""Datasets: labelled samples on the host, checks of samples, and the split for a test."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from xpnet.exceptions import DataError, listed


class Columns(NamedTuple):
    """The columns of a table that was trained on, by which those of another table are found.

    Attributes
    ----------
    names : tuple of str
        Of all columns but an index, in their order; numbers where the table had no header.
    label : int
        The position from 0 of the label column among them.
    named : bool
        Whether the names are those of a header.
    indexed : bool
        Whether a first column that only numbers the rows was left out.
    header, delimiter, decimal, encoding
        Options with which the table was read; None where they were found out, or are the usual.
    dropped : tuple of str
        Names of columns that are neither features nor the label.
    words : tuple of tuple of str or None
        The words of each feature, for which its numbers stand (see `xpnet.data.csv.cells`); None of
        one of numbers. Empty where all are.
    """

    names: tuple[str, ...]
    label: int
    named: bool
    indexed: bool = False
    header: bool | None = None
    delimiter: str | None = None
    dropped: tuple[str, ...] = ()
    words: tuple[tuple[str, ...] | None, ...] = ()
    decimal: str | None = None
    encoding: str | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names in the order of the training."""
        names = self.names[: self.label] + self.names[self.label + 1 :]
        return tuple(name for name in names if name not in self.dropped)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples as rows and one label a sample.

    Attributes
    ----------
    name : str
    X_train : ndarray, shape (m, n_x)
        As read: not scaled.
    y_train : ndarray, shape (m,)
        Labels: int64, uint64 where that does not hold them, or strings. Quantities: float64.
    X_test, y_test : ndarray or None
        None where the source has no test samples of its own: see `split`.
    pixel_max : int or None
        The brightest value a pixel can take where samples are images; None for a table.
    columns : Columns or None
        What the columns of a .csv are; None for other sources.
    """

    name: str
    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray | None = None
    y_test: np.ndarray | None = None
    pixel_max: int | None = None
    columns: Columns | None = None

    def __repr__(self) -> str:
        """Its name and shapes, on one line."""
        test = "" if self.X_test is None else f", X_test {self.X_test.shape}"
        return f"Dataset({self.name!r}, X_train {self.X_train.shape}{test})"

    @property
    def task(self) -> str:
        """``regression`` where y holds quantities, else ``classification``."""
        return "regression" if self.y_train.dtype.kind == "f" else "classification"


def split(dataset: Dataset, test: float = 0.2, seed: int = 0) -> Dataset:
    """Return `dataset` with the share `test` of its samples, of each class alike, set apart.

    Each class keeps at least one sample for training. Quantities are one class. The parts keep the
    order of the samples.

    Raises
    ------
    DataError
        Where the dataset has test samples already, or is too small to give one.
    ValueError
        Where `test` is not between 0 and 1.
    """
    if not 0 < test < 1:
        raise ValueError(f"test is {test}: expected a share between 0 and 1, such as 0.2")
    if dataset.X_test is not None:
        raise DataError(
            f"{dataset.name} has {len(dataset.X_test)} test samples already: "
            "use them, or join them to the others before splitting"
        )
    chosen = _chosen(dataset, test, np.random.default_rng(seed))
    if not chosen.any():
        raise _too_few(dataset, test)
    X, y = dataset.X_train, dataset.y_train
    return replace(
        dataset, X_train=X[~chosen], y_train=y[~chosen], X_test=X[chosen], y_test=y[chosen]
    )


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


def check_pair(X: np.ndarray, y: np.ndarray, where: str) -> None:
    """Raise DataError unless `X` and `y` hold equally many samples."""
    if X.shape[0] != y.shape[0]:
        raise DataError(
            f"{where}: {X.shape[0]} samples, but {y.shape[0]} labels: expected one label a sample"
        )


def _too_few(dataset: Dataset, share: float) -> DataError:
    """Return the error that no sample would be in `share`."""
    of_what, found, one = "", f"{len(dataset.y_train)} in all", ""
    if dataset.task == "classification":
        labels, counts = np.unique(dataset.y_train, return_counts=True)
        of_what, one = " of a class", " of one"
        found = f"at most {counts.max()} of {listed(labels.tolist())}"
    return DataError(
        f"{dataset.name} has too few samples{of_what} to set {100 * share:.4g}% apart, {found}: "
        f"expected {_least(share)} or more{one}; give more data or a larger share"
    )


def _least(share: float) -> int:
    """Return of how many samples of a class, at least, the `share` is one or more."""
    return max(2, math.floor(0.5 / share) + 1)


def _chosen(dataset: Dataset, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return ``(m,)`` booleans, true for a random share of the samples."""
    quantities = dataset.task == "regression"
    y = np.zeros(len(dataset.y_train)) if quantities else dataset.y_train
    return _stratified(y, share, rng)


def _stratified(y: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return ``(m,)`` booleans, true for a random share of each class."""
    chosen = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        chosen[members[: min(round(share * len(members)), len(members) - 1)]] = True
    return chosen
