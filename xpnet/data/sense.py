"""Plausibility of labels as classes, and the column that may have been meant instead."""

from __future__ import annotations

import numpy as np

from xpnet.data.columns import Columns
from xpnet.data.dataset import Dataset
from xpnet.data.header import is_number
from xpnet.exceptions import DataError, listed, quoted

__all__ = ["check_classes", "check_no_quantities"]

_FEW = 20
"""Up to how many classes any are taken."""

_RARE = 5
"""Fewer samples than this are few for a class."""

_MOST_RARE = 0.25
"""Up to which share of the samples may be of rare classes."""

_REGRESSION = "quantities are learned by regression, with xpnet.MLPRegressor"


def check_classes(dataset: Dataset, chosen: bool = False) -> None:
    """Raise DataError where a classifier of the training labels makes no sense.

    That is with a single class; where none has three samples; and where of more than 20 classes
    those of fewer than five samples make up a quarter of all samples, as with a quantity or an
    identifier. Words of a label column that was `chosen` are classes all the same.
    """
    y = dataset.y_train
    labels, counts = np.unique(y, return_counts=True)
    beyond_doubt = len(labels) <= _FEW or (chosen and not _are_numbers(labels))
    doubtful = not beyond_doubt and _are_rare(counts)
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
    if not _are_numbers(different) or (chosen and not _are_rare(counts)):
        return
    fractional = next((label for label in labels if not float(label).is_integer()), None)
    if fractional is not None:
        raise DataError(
            f"{where} holds {len(labels)} different numbers in {len(y)} rows, {fractional} among "
            f"them: expected classes as labels; {_advice(X, y, columns, chosen)}"
        )


def _are_rare(counts: np.ndarray) -> bool:
    """Whether more than a quarter of all samples are of rare classes."""
    return bool(counts[counts < _RARE].sum() > _MOST_RARE * counts.sum())


def _are_numbers(labels: np.ndarray) -> bool:
    return labels.dtype.kind != "U" or all(map(is_number, labels.tolist()))


def _advice(X: np.ndarray, y: np.ndarray, columns: Columns | None, chosen: bool) -> str:
    """Return which other column may be the label, and what else to do."""
    other = "" if columns is None or chosen else "name the label column (--label)"
    if columns is not None and columns.label != 0 and _may_be_classes(X[:, 0]):
        other = f"the first column looks like the label: --label {quoted(columns.names[0])}"
    labels = np.unique(y)
    more = _REGRESSION if len(labels) > 1 and _are_numbers(labels) else ""
    return "; ".join(filter(None, (other, more))) or "give more samples, or other labels"


def _may_be_classes(values: np.ndarray) -> bool:
    labels, counts = np.unique(values, return_counts=True)
    whole = bool((labels == np.rint(labels)).all())
    return whole and 1 < len(labels) <= 100 and counts.min() >= _RARE
