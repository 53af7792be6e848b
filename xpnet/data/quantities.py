"""Quantities, the targets of a regression: told apart from classes, scaled and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xpnet.data.labels import FEW, are_numbers, are_rare, as_labels
from xpnet.exceptions import DataError, quoted


@dataclass(frozen=True)
class Quantities:
    """``(y - shift) / scale``, of which a network predicts one number a sample.

    Attributes
    ----------
    shift, scale : float
        Plain Python values, so that they can be stored as JSON.
    """

    shift: float
    scale: float

    @classmethod
    def of(cls, y: np.ndarray, *, positive: bool = False) -> Quantities:
        """Return the scaling of training targets `y` ``(m,)``.

        They get mean 0 and variance 1 or, where `positive` says that none is below 0, as of counts,
        mean 1 without a shift.

        Raises
        ------
        DataError
            Where all are equal, some are below 0 although `positive`, or their spread overflows.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            mean, spread = float(y.mean()), float(y.std())
        if y.min() == y.max() or not np.isfinite(spread):
            found = f"only {y[0]:.6g}" if y.min() == y.max() else f"numbers up to {y.max():.3g}"
            raise DataError(
                f"y holds {found}: expected numbers to tell apart, with a spread that float64 can "
                "hold"
            )
        if not positive:
            return cls(mean, spread)
        if y.min() < 0:
            raise DataError(
                f"y holds {y.min():.6g}: expected counts, 0 or more, for the Poisson loss; choose "
                "another (--loss mse)"
            )
        return cls(0.0, mean)

    @property
    def digits(self) -> int:
        """Digits of a number that show a millionth of the spread: more, the further from 0."""
        distance = min(max(abs(self.shift) / self.scale, 1.0), 1e11)  # 17 digits are all.
        return 6 + math.ceil(math.log10(distance))

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return `y` ``(m,)`` scaled, as rows ``(m, 1)`` of float64."""
        return ((y - self.shift) / self.scale)[:, None]

    def decode(self, A: np.ndarray) -> np.ndarray:
        """Return predictions ``A (1, m)`` in the units of the training, ``(m,)`` of float64."""
        numbers: np.ndarray = A[0].astype(np.float64)
        return numbers * self.scale + self.shift


def as_targets(y: np.ndarray, where: str, task: str | None, chosen: bool = False) -> np.ndarray:
    """Return `y` ``(m,)`` as labels or, for a regression, as float64.

    Where `task` is None the labels decide: see `are_quantities`. `chosen` says whether the user has
    named the label column.

    Raises DataError where y is not one label a sample, or not what the task needs.
    """
    if task == "regression" or (task is None and are_quantities(y, chosen)):
        return _as_numbers(y, where)
    return as_labels(y, where)


def are_quantities(y: np.ndarray, chosen: bool = False) -> bool:
    """Whether labels `y` ``(m,)`` are numbers to be learned as such, and no classes.

    They are where some are fractional; in a column that was `chosen`, if they are rare too. And
    where of more than 20 different ones those of fewer than five samples make up a quarter of all.
    """
    if y.ndim != 1 or y.dtype.kind not in "iufU" or not len(y):
        return False
    values, counts = np.unique(y, return_counts=True)
    if not are_numbers(values):
        return False
    rare = are_rare(counts)
    with np.errstate(invalid="ignore"):  # An infinite one is no class, and is refused later.
        fractional = bool((values.astype(np.float64) % 1 != 0).any())
    return (fractional and (rare or not chosen)) or (len(values) > FEW and rare)


def _as_numbers(y: np.ndarray, where: str) -> np.ndarray:
    if y.ndim != 1 or y.dtype.kind not in "biufU" or not are_numbers(y):
        found = f"shape {y.shape}" if y.ndim != 1 else _no_number(y)
        raise DataError(
            f"{where} has {found}: expected a number for every sample, as --task regression needs"
        )
    numbers = y.astype(np.float64)
    if not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers)))
        raise DataError(
            f"{where} holds {numbers[row]} at row {row} (counted from 0): expected a finite number "
            "for every sample; leave that sample out"
        )
    return numbers


def _no_number(y: np.ndarray) -> str:
    if y.dtype.kind != "U":
        return f"dtype {y.dtype}"
    return quoted(next(text for text in y.tolist() if not are_numbers(np.array([text]))))
