"""Plausibility of labels as classes, and the column that may have been meant instead."""

from __future__ import annotations

import numpy as np

from xpnet.data.columns import Columns
from xpnet.data.dataset import Dataset
from xpnet.data.errors import DataError, listed, quoted
from xpnet.data.header import is_number

__all__ = ["check_classes", "check_no_quantities"]

_FEW = 20
"""Up to how many classes any are taken."""

_RARE = 5
"""Fewer samples than this are few for a class."""

_REGRESSION = "quantities are learned by regression, with xpnet.MLPRegressor"


def check_classes(dataset: Dataset) -> None:
    """Raise DataError where a classifier of the training labels makes no sense.

    That is with a single class; where none has three samples; and where of more than 20 classes a
    quarter has fewer than five samples, as a quantity or an identifier has.
    """
    y = dataset.y_train
    labels, counts = np.unique(y, return_counts=True)
    rare = int((counts < _RARE).sum())
    doubtful = len(labels) > _FEW and 4 * rare > len(labels)
    if len(labels) > 1 and counts.max() > 2 and not doubtful:
        return
    columns = dataset.columns
    what = "y" if columns is None else f"label column {quoted(columns.names[columns.label])}"
    values = (
        f"{len(labels)} different values" if len(labels) > 1 else f"only {listed(labels.tolist())}"
    )
    raise DataError(
        f"{dataset.name}: {what} holds {values} in {len(y)} samples: expected classes of several "
        f"samples each; {_advice(dataset.X_train, y, columns)}"
    )


def check_no_quantities(X: np.ndarray, y: np.ndarray, columns: Columns, where: str) -> None:
    """Raise DataError where the labels `y` ``(m,)`` of a table are texts of fractional numbers."""
    labels = np.unique(y).tolist() if y.dtype.kind == "U" else []
    if not labels or not all(map(is_number, labels)):
        return
    fractional = next((label for label in labels if not float(label).is_integer()), None)
    if fractional is not None:
        raise DataError(
            f"{where} holds {len(labels)} different numbers in {len(y)} rows, {fractional} among "
            f"them: expected classes as labels; {_advice(X, y, columns)}"
        )


def _advice(X: np.ndarray, y: np.ndarray, columns: Columns | None) -> str:
    """Return which other column may be the label, and what else to do."""
    other = "" if columns is None else "name the label column (--label)"
    if columns is not None and columns.label != 0 and _may_be_classes(X[:, 0]):
        other = f"the first column looks like the label: --label {quoted(columns.names[0])}"
    numeric = y.dtype.kind != "U" or is_number(str(y[0]))
    more = _REGRESSION if numeric and len(np.unique(y)) > 1 else ""
    return "; ".join(filter(None, (other, more))) or "give more samples, or other labels"


def _may_be_classes(values: np.ndarray) -> bool:
    labels, counts = np.unique(values, return_counts=True)
    whole = bool((labels == np.rint(labels)).all())
    return whole and 1 < len(labels) <= 100 and counts.min() >= _RARE
