"""Class labels to one-hot rows and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xpnet.data.errors import DataError

__all__ = ["Classes"]

_NAMED = 10
"""How many labels an error names."""


@dataclass(frozen=True)
class Classes:
    """The labels that a model tells apart, in sorted order; output k stands for ``labels[k]``.

    Attributes
    ----------
    labels : tuple of str or of int
        Plain Python values, so that they can be stored as JSON.
    """

    labels: tuple[str, ...] | tuple[int, ...]

    @classmethod
    def of(cls, y: np.ndarray) -> Classes:
        """Return the classes of training labels `y` ``(m,)``.

        Raises
        ------
        DataError
            Where y holds fewer than two classes.
        """
        labels = tuple(np.unique(y).tolist())
        if len(labels) < 2:
            raise DataError(
                f"y holds one class only, {_named(labels)}: expected two or more to tell apart"
            )
        return cls(labels)

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return labels `y` ``(m,)`` as one-hot float32 rows ``(m, n_y)``.

        Raises
        ------
        DataError
            Where y holds labels that are not among the classes; names them.
        """
        unseen = [label for label in np.unique(y).tolist() if label not in self.labels]
        if unseen:
            raise DataError(
                f"y holds labels that the model was not trained on: {_named(unseen)}. Expected "
                f"some of {_named(self.labels)}; train with these classes or leave their samples "
                "out"
            )
        one_hot = np.zeros((len(y), len(self.labels)), dtype=np.float32)
        one_hot[np.arange(len(y)), np.searchsorted(np.asarray(self.labels), y)] = 1.0
        return one_hot

    def decode(self, indices: np.ndarray) -> np.ndarray:
        """Return the labels ``(m,)`` of class numbers `indices` ``(m,)``, such as an argmax."""
        return np.take(np.asarray(self.labels), indices)


def _named(labels: Sequence[str | int]) -> str:
    return ", ".join(map(repr, labels[:_NAMED])) + (", …" if len(labels) > _NAMED else "")
