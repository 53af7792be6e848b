"""Class labels to one-hot rows and back.

A label is a number or a text. Data and model may differ in which of the two they hold, as a file
that has only the labels 1 and 2 of the classes 1, 2 and x; the model's classes then decide: a
label is the class of that very text or, failing that, the only class that means the same whole
number, as 1.0 means 1. 01 and 1e0 are texts, and mean no number; but where all classes are whole
numbers, as models of a former version have them, 01 means 1 if no other label does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xpnet.exceptions import DataError, listed

__all__ = ["Classes", "as_whole_numbers"]

_WHOLE = re.compile(r"(0|-?[1-9][0-9]*)(\.0+)?")

_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Classes:
    """The labels that a model tells apart; output k stands for ``labels[k]``.

    Attributes
    ----------
    labels : tuple of str or of int
        Plain Python values, so that they can be stored as JSON; in any order.
    """

    labels: tuple[str, ...] | tuple[int, ...]

    @classmethod
    def of(cls, y: np.ndarray) -> Classes:
        """Return the classes of training labels `y` ``(m,)``, in sorted order.

        Raises
        ------
        DataError
            Where y holds fewer than two classes.
        """
        labels = tuple(np.unique(y).tolist())
        if len(labels) < 2:
            raise DataError(
                f"y holds one class only, {listed(labels)}: expected two or more to tell apart"
            )
        return cls(labels)

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Return labels `y` ``(m,)`` as one-hot float32 rows ``(m, n_y)``.

        Raises
        ------
        DataError
            Where y holds labels that are not among the classes; names them.
        """
        found, number = np.unique(y, return_inverse=True)
        places = self._places(found.tolist())
        unseen = [label for label, place in zip(found.tolist(), places, strict=True) if place < 0]
        if unseen:
            raise DataError(
                f"y holds labels that the model was not trained on: {listed(unseen)}. Expected "
                f"some of {listed(self.labels)}; train with these classes or leave their samples "
                "out"
            )
        one_hot = np.zeros((len(y), len(self.labels)), dtype=np.float32)
        one_hot[np.arange(len(y)), np.asarray(places, dtype=np.intp)[number]] = 1.0
        return one_hot

    def decode(self, indices: np.ndarray) -> np.ndarray:
        """Return the labels ``(m,)`` of class numbers `indices` ``(m,)``, such as an argmax."""
        # Left to itself, NumPy makes floats of integers that 64 signed bits do not hold.
        wide = any(isinstance(label, int) and label > _LARGEST for label in self.labels)
        return np.take(np.asarray(self.labels, dtype=np.uint64 if wide else None), indices)

    def _places(self, labels: Sequence[str | int]) -> list[int]:
        """Return the class number of each of the `labels`, -1 for what is no class."""
        exact = {str(label): place for place, label in enumerate(self.labels)}
        meanings = [_meaning(label) for label in self.labels]
        counts = Counter(meanings)
        alike = {meaning: place for place, meaning in enumerate(meanings) if counts[meaning] == 1}
        places = [exact.get(str(label), alike.get(_meaning(label), -1)) for label in labels]
        if -1 in places and all(isinstance(label, int) for label in self.labels):
            padded = [_unpadded(label) for label in labels]
            if len(set(padded)) == len(padded):
                return [exact.get(label, -1) for label in padded]
        return places


def as_whole_numbers(texts: np.ndarray) -> np.ndarray:
    """Return `texts` as int64 or uint64 if that loses nothing of any, else the texts themselves."""
    distinct, number = np.unique(texts, return_inverse=True)
    if not all(_is_written_whole(text) for text in distinct.tolist()):
        return texts
    for dtype in (np.int64, np.uint64):
        try:
            return distinct.astype(dtype)[number]
        except (ValueError, OverflowError):
            continue
    return texts


def _is_written_whole(text: str) -> bool:
    """Whether `text` is how a whole number is written, so that it can be had back from it."""
    match = _WHOLE.fullmatch(text)
    return match is not None and match[2] is None


def _unpadded(label: str | int) -> str:
    """Return `label` without zeros in front, if it is a whole number with some."""
    return re.sub(r"^(-?)0+(?=[0-9]+$)", r"\1", str(label))


def _meaning(label: str | int) -> str:
    """Return the whole number that `label` means, as text, or what else it says."""
    match = _WHOLE.fullmatch(str(label))
    return str(label) if match is None else match[1]
