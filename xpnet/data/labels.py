"""Class labels: their checks, plausibility as classes, one-hot rows and back.

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

from xpnet.data.csv.header import is_number
from xpnet.data.dataset import Columns, Dataset
from xpnet.exceptions import DataError, listed, quoted

_WHOLE = re.compile(r"(0|-?[1-9][0-9]*)(\.0+)?")

_LARGEST = 2**63 - 1

_EXACT_WHOLE = 2.0**53
"""The largest size at which float64 still tells neighbouring whole numbers apart."""

FEW = 20
"""Up to how many classes any are accepted."""

_RARE = 5
"""Fewer samples than this are few for a class."""

_MOST_RARE = 0.25
"""Up to which share of the samples may be of rare classes."""

_REGRESSION = "quantities are learned by regression: --task regression, or with xpnet.MLPRegressor"


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
        classes = self._numbers(found.tolist())
        unseen = [label for label, k in zip(found.tolist(), classes, strict=True) if k < 0]
        if unseen:
            raise DataError(
                f"y holds labels that the model was not trained on: {listed(unseen)}. Expected "
                f"some of {listed(self.labels)}; train with these classes or leave their samples "
                "out"
            )
        one_hot = np.zeros((len(y), len(self.labels)), dtype=np.float32)
        one_hot[np.arange(len(y)), np.asarray(classes, dtype=np.intp)[number]] = 1.0
        return one_hot

    def decode(self, indices: np.ndarray) -> np.ndarray:
        """Return the labels ``(m,)`` of class numbers `indices` ``(m,)``, such as an argmax."""
        # Left to itself, NumPy makes floats of integers that 64 signed bits do not hold.
        wide = any(isinstance(label, int) and label > _LARGEST for label in self.labels)
        return np.take(np.asarray(self.labels, dtype=np.uint64 if wide else None), indices)

    def _numbers(self, labels: Sequence[str | int]) -> list[int]:
        """Return the class number of each of the `labels`, -1 for what is no class."""
        exact = {str(label): k for k, label in enumerate(self.labels)}
        meanings = [_meaning(label) for label in self.labels]
        counts = Counter(meanings)
        alike = {meaning: k for k, meaning in enumerate(meanings) if counts[meaning] == 1}
        numbers = [exact.get(str(label), alike.get(_meaning(label), -1)) for label in labels]
        if -1 in numbers and all(isinstance(label, int) for label in self.labels):
            padded = [_unpadded(label) for label in labels]
            if len(set(padded)) == len(padded):
                return [exact.get(label, -1) for label in padded]
        return numbers


def as_labels(y: np.ndarray, where: str) -> np.ndarray:
    """Return `y` as ``(m,)`` of int64, of strings or, where it holds larger numbers, of uint64.

    Whole floats become integers.

    Raises DataError where y is not one label a sample, is NaN, or looks like a quantity to regress
    on.
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


def check_classes(dataset: Dataset, chosen: bool = False) -> None:
    """Raise DataError where a classifier of the training labels makes no sense.

    That is with a single class; where none has three samples; and where of more than 20 classes
    those of fewer than five samples make up a quarter of all samples, as with a quantity or an
    identifier. Words of a label column that was `chosen` are classes all the same.
    """
    y = dataset.y_train
    labels, counts = np.unique(y, return_counts=True)
    beyond_doubt = len(labels) <= FEW or (chosen and not are_numbers(labels))
    doubtful = not beyond_doubt and are_rare(counts)
    if len(labels) > 1 and counts.max() > 2 and not doubtful:
        return
    columns = dataset.columns
    what = "y" if columns is None else f"label column {quoted(columns.names[columns.label])}"
    values = (
        f"{len(labels)} different values" if len(labels) > 1 else f"only {listed(labels.tolist())}"
    )
    raise DataError(
        f"{dataset.name}: {what} holds {values} in {len(y)} samples: expected classes of several "
        f"samples each; {_advice(dataset.X_train, y, columns, chosen)}"
    )


def check_no_quantities(
    X: np.ndarray, y: np.ndarray, columns: Columns, where: str, chosen: bool = False
) -> None:
    """Raise DataError where the labels `y` ``(m,)`` of a table are texts of fractional numbers.

    In a label column that was `chosen`, a few of them of many samples each are classes.
    """
    if y.dtype.kind != "U":
        return
    different, counts = np.unique(y, return_counts=True)
    labels = different.tolist()
    if not are_numbers(different) or (chosen and not are_rare(counts)):
        return
    fractional = next((label for label in labels if not float(label).is_integer()), None)
    if fractional is not None:
        raise DataError(
            f"{where} holds {len(labels)} different numbers in {len(y)} rows, {fractional} among "
            f"them: expected classes as labels; {_advice(X, y, columns, chosen)}"
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
            "as labels. Quantities are learned by regression: use xpnet.MLPRegressor or --task "
            "regression"
        )


def _is_written_whole(text: str) -> bool:
    """Whether `text` is how a whole number is written, so that it can be read back."""
    match = _WHOLE.fullmatch(text)
    return match is not None and match[2] is None


def _unpadded(label: str | int) -> str:
    """Return `label` without zeros in front, if it is a whole number with some."""
    return re.sub(r"^(-?)0+(?=[0-9]+$)", r"\1", str(label))


def _meaning(label: str | int) -> str:
    """Return the whole number that `label` means, as text, or what else it says."""
    match = _WHOLE.fullmatch(str(label))
    return str(label) if match is None else match[1]


def are_rare(counts: np.ndarray) -> bool:
    """Whether more than a quarter of all samples are of rare classes."""
    return bool(counts[counts < _RARE].sum() > _MOST_RARE * counts.sum())


def are_numbers(labels: np.ndarray) -> bool:
    """Whether all `labels` are numbers, or texts that are read as such."""
    return labels.dtype.kind != "U" or all(map(is_number, labels.tolist()))


def _advice(X: np.ndarray, y: np.ndarray, columns: Columns | None, chosen: bool) -> str:
    """Return which other column may be the label, and what else to do."""
    other = "" if columns is None or chosen else "name the label column (--label)"
    if columns is not None and columns.label != 0 and may_be_classes(X[:, 0]):
        other = f"the first column looks like the label: --label {quoted(columns.names[0])}"
    labels = np.unique(y)
    more = _REGRESSION if len(labels) > 1 and are_numbers(labels) else ""
    return "; ".join(filter(None, (other, more))) or "give more samples, or other labels"


def may_be_classes(values: np.ndarray) -> bool:
    """Whether a feature's `values` ``(m,)`` look like labels: few whole numbers, each often."""
    labels, counts = np.unique(values, return_counts=True)
    whole = bool((labels == np.rint(labels)).all())
    return whole and 1 < len(labels) <= 100 and counts.min() >= _RARE
