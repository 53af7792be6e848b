"""Records that a report is made of: how a network was trained, and how it did on samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xpnet.types import Params

_MOST_FEATURES = 6
"""Shown of a sample: a table of more does not fit a printed page."""

_LARGE, _LONG = 1000.0, 1e12


@dataclass(frozen=True)
class TrainingRecord:
    """How a network was trained; what is not known is left out.

    Attributes
    ----------
    data : str
        What it was trained on.
    command : str
        Repeats the training.
    settings, figures : dict
        By their names, to be shown as they are: what was asked for, and what the training took.
    history : sequence of dict
        As `Result.history`: a row an epoch.
    version : str
        Of xpnet, that writes the report.
    """

    data: str = ""
    command: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    version: str = ""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a network did on labelled samples.

    Attributes
    ----------
    name : str
        What the samples are.
    X : ndarray, shape (m, n_x)
        As read: not scaled.
    y : ndarray, shape (m,)
        The class of each sample, counted from 0; of a regression its number.
    predictions : ndarray, shape (m, n_y) or (m,)
        A probability for each class; of a regression a number.
    classes : tuple of str
        The names of the classes; none for a regression.
    features : tuple of str
        The names of the columns of X, where they have any.
    words : tuple of tuple of str or None
        The words of each feature for which its numbers stand, -1 for a new one; None of numbers.
    grads : Params or None
        The gradients of the cost on these samples, on the host.
    rows : ndarray or None, shape (m,)
        The row of each sample in its file, from 0; None if they are all of a file, in its order.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    predictions: np.ndarray
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    words: tuple[tuple[str, ...] | None, ...] = ()
    grads: Params | None = None
    rows: np.ndarray | None = None

    def row(self, number: int) -> int:
        """Return the number by which a sample is found in the data."""
        return number if self.rows is None else int(self.rows[number])

    def sample(self, number: int) -> list[str]:
        """Return the first features of a sample as a table shows them."""
        values = self.X[number, : len(self.shown)].tolist()
        words = self.words or (None,) * len(values)
        return [_text(value, of) for value, of in zip(values, words, strict=False)]

    @property
    def shown(self) -> tuple[str, ...]:
        """The names of the features that `sample` returns."""
        return self.features[:_MOST_FEATURES]


def _text(value: float, words: tuple[str, ...] | None) -> str:
    if math.isnan(value):
        return "missing"
    if words is None:
        # Whole numbers as they are; of others what tells samples apart.
        if value.is_integer() and abs(value) < _LONG:
            return f"{value:.0f}"
        return f"{value:.6g}" if abs(value) >= _LARGE else f"{value:.4g}"
    return (words[int(value)] or "missing") if value >= 0 else "a new word"
