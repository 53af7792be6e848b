"""Confusion matrix and scores of each class, by scikit-learn's metrics, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.exceptions import quoted

if TYPE_CHECKING:
    from rich.table import Table

_MOST_CLASSES = 20
"""In a confusion matrix: more columns fit into no terminal."""


def confusion_tables(
    labels: Sequence[str | int], true: np.ndarray, predicted: np.ndarray
) -> Iterator[Table]:
    """Yield the scores of each class and, of not too many, the confusion matrix.

    Parameters
    ----------
    labels : sequence of str or int
        Of the classes.
    true, predicted : ndarray, shape (m,)
        Numbers of classes.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    numbers, names = range(len(labels)), [_name(label) for label in labels]
    columns = precision_recall_fscore_support(true, predicted, labels=numbers, zero_division=0)
    title: Any = {"no_wrap": True, "overflow": "ignore"}  # A table may be narrower than it.
    style: Any = {"box": box.SIMPLE, "title_justify": "left"}
    scores = Table("class", title=Text("Scores of each class", **title), **style)
    for column in ("precision", "recall", "F1", "samples"):
        scores.add_column(column, justify="right")
    for name, *values, count in zip(names, *columns, strict=True):
        scores.add_row(name, *(f"{value:.3f}" for value in values), str(count))
    yield scores
    if len(labels) > _MOST_CLASSES:
        return
    matrix = Table("class", title=Text("Samples of each class, by prediction", **title), **style)
    for name in names:
        matrix.add_column(name, justify="right")
    for name, row in zip(names, confusion_matrix(true, predicted, labels=numbers), strict=True):
        matrix.add_row(name, *map(str, row))
    yield matrix


def _name(label: str | int) -> str:
    """Return a label as it is, if it is short and shows."""
    text = quoted(label)
    return text[1:-1] if isinstance(label, str) and label.strip() and len(text) > 2 else text
