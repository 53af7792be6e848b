"""Scores of a model on labelled data, and of each class the tables that a command prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xpnet import backend, metrics, predict
from xpnet import evaluate as cost_and_score
from xpnet.cli.options import plural
from xpnet.data import Classes, Quantities
from xpnet.exceptions import quoted
from xpnet.network import Network
from xpnet.types import Array, Params

if TYPE_CHECKING:
    from rich.table import Table

_MOST_CLASSES = 20
"""In a confusion matrix: more columns fit into no terminal."""


class Scores(NamedTuple):
    """Cost and scores by name, each as a text, of so many samples; and what was predicted.

    `classes` are the labels, and the numbers ``(m,)`` of the true and the predicted classes.
    """

    cost: str
    named: dict[str, str]
    m: int
    classes: tuple[Sequence[str | int], np.ndarray, np.ndarray] | None = None

    @classmethod
    def of(
        cls,
        net: Network,
        params: Params,
        targets: Classes | Quantities,
        samples: tuple[Array, Array],
    ) -> Scores:
        """Return the scores of `params` on inputs ``(n_x, m)`` and targets ``(n_y, m)``."""
        X, Y = samples
        found = cost_and_score(net, params, X, Y)
        cost, m = f"{found['cost']:.4f}", int(X.shape[-1])
        A = predict(net, params, X)
        if isinstance(targets, Classes):
            true, predicted = (backend.to_numpy(each).argmax(axis=0) for each in (Y, A))
            # In double precision, as a report rounds it: 113 of 160 are 70.62 % in both.
            accuracy = {"accuracy": f"{np.mean(true == predicted):.2%}"}
            return cls(cost, accuracy, m, (targets.labels, true, predicted))
        # Of one sample there is nothing to compare its error with.
        r2 = f"{float(backend.to_numpy(metrics.r2(A, Y))):.4f}" if m > 1 else "-"
        error = targets.decode(backend.to_numpy(A)) - targets.decode(backend.to_numpy(Y))
        return cls(cost, {"R2": r2, "MAE": f"{np.abs(error).mean():.6g}"}, m)

    def line(self) -> str:
        """Return all but the cost on one line."""
        scores = ", ".join(f"{name} {value}" for name, value in self.named.items())
        return f"test {scores} ({plural(self.m, 'sample')})"


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
