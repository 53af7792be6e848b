"""Scores of predictions: confusion matrix, those of each class, calibration, errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

try:
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import (
        confusion_matrix,
        mean_absolute_error,
        precision_recall_fscore_support,
        r2_score,
        root_mean_squared_error,
    )
except ImportError as error:
    message = "a report needs scikit-learn: pip install 'xpnet[cli]'"
    raise ModuleNotFoundError(message, name=error.name) from error

__all__ = [
    "BINS",
    "Classification",
    "mean_absolute_error",
    "r2_score",
    "root_mean_squared_error",
]

BINS = 10
"""Of the calibration curve."""


class Classification(NamedTuple):
    """What `m` probabilities ``P (m, n_y)`` came to, beside the classes `y` ``(m,)``.

    Attributes
    ----------
    confusion : ndarray, shape (n_y, n_y)
        How many samples of each class (row) were taken for each (column).
    per_class : ndarray, shape (n_y, 4)
        Precision, recall, F1 and how many samples; NaN where there is nothing to divide by.
    confidence, predicted : ndarray, shape (m,)
        The highest probability of each sample, and the class that it is of.
    margin : ndarray, shape (m,)
        How far the second highest probability is from the highest.
    """

    y: np.ndarray
    confusion: np.ndarray
    per_class: np.ndarray
    confidence: np.ndarray
    predicted: np.ndarray
    margin: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray, P: np.ndarray) -> Classification:
        """Return the figures of probabilities `P` for the classes `y`."""
        names = np.arange(P.shape[1])
        predicted = P.argmax(axis=1)
        second, first = np.partition(P, -2, axis=1)[:, -2:].T
        scores = precision_recall_fscore_support(y, predicted, labels=names, zero_division=np.nan)
        return cls(
            y,
            confusion_matrix(y, predicted, labels=names),
            np.stack(scores, axis=1),
            first,
            predicted,
            first - second,
        )

    @property
    def correct(self) -> np.ndarray:
        """Whether each sample's class was found."""
        correct: np.ndarray = self.predicted == self.y
        return correct

    def confused(self) -> list[tuple[int, int, int]]:
        """Return ``(true, predicted, samples)`` of the classes that were confused, most first."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[: np.count_nonzero(wrong)]
        pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
        return [(int(true), int(found), int(wrong[true, found])) for true, found in pairs]

    def most_certain_wrong(self) -> np.ndarray:
        """Return the numbers of the wrong samples, the most certain first."""
        wrong = np.flatnonzero(~self.correct)
        return wrong[np.argsort(-self.confidence[wrong], kind="stable")]

    def least_certain(self) -> np.ndarray:
        """Return the numbers of all samples, those torn between two classes first."""
        return np.argsort(self.margin, kind="stable")

    def calibration(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return accuracy, mean confidence and samples of each bin of equal width that has some."""
        # Rounding may have put a probability above 1.
        confidence = np.minimum(self.confidence.astype(np.float64), 1.0)
        bins = np.searchsorted(np.linspace(0.0, 1.0, BINS + 1)[1:-1], confidence)
        accuracy, means = calibration_curve(self.correct, confidence, n_bins=BINS)
        samples = np.bincount(bins)
        return accuracy, means, samples[samples > 0]

    def calibration_error(self) -> float:
        """Return how far confidence is from accuracy: the bins' mean, weighted by their samples."""
        accuracy, confidence, samples = self.calibration()
        return float(np.average(np.abs(accuracy - confidence), weights=samples))
