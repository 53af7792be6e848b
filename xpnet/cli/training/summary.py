"""Summary of a table: the columns, header, label and classes that were found, in a line."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import typer

from xpnet.cli.options import plural
from xpnet.data import Columns, Dataset
from xpnet.data.csv.files import counts_rows
from xpnet.data.csv.header import is_number
from xpnet.data.labels import may_be_classes
from xpnet.exceptions import listed, quoted

_FEW_NUMBERS = 5
"""Up to how many whole numbers are classes beyond doubt."""


def print_table_summary(
    dataset: Dataset, *, ask_about_index: bool, told_apart: bool = False
) -> None:
    """Print the columns, header, label and classes that were found, if `dataset` is a table.

    `ask_about_index` adds the question whether a first column that counts the rows is a feature,
    and `told_apart` how to correct a task that the labels were asked for.
    """
    columns = dataset.columns
    if columns is None:
        if told_apart and dataset.task == "regression":
            typer.echo(f"{dataset.name}: {_task_in_words(dataset, told_apart)}")
        return
    facts = [
        f"{len(columns.names) + columns.indexed} columns",
        _header_in_words(columns),
        f"label {quoted(columns.names[columns.label])}",
        _task_in_words(dataset, told_apart),
        *_dropped_and_encoded(columns),
    ]
    if columns.indexed:
        facts.append("first column left out, as it only numbers the rows (train --keep-index)")
    elif ask_about_index and columns.label != 0 and counts_rows(dataset.X_train[:, 0]):
        facts.append(f"first column {quoted(columns.names[0])} counts the rows: is it a feature?")
    typer.echo(f"{dataset.name}: {', '.join(facts)}")


def _header_in_words(columns: Columns) -> str:
    if columns.named and columns.header is None and all(map(is_number, columns.features)):
        return "first line read as a header (--no-header)"
    return "header" if columns.named else "no header"


def _dropped_and_encoded(columns: Columns) -> Iterator[str]:
    if columns.dropped:
        dropped = listed([name for name in columns.dropped if name])
        unnamed = "" if all(columns.dropped) else "a column without a name"
        yield f"{' and '.join(filter(None, (dropped, unnamed)))} left out"
    if columns.words:
        wordy = [name for name, of in zip(columns.features, columns.words, strict=True) if of]
        yield f"words in {listed(wordy)} encoded"


def _task_in_words(dataset: Dataset, told_apart: bool) -> str:
    """Return how many classes or numbers the labels are and, if that is a guess, what else."""
    count = len(np.unique(dataset.y_train))
    if dataset.task == "regression":
        columns, other = dataset.columns, ""
        if told_apart and columns and columns.label != 0 and may_be_classes(dataset.X_train[:, 0]):
            other = f"; or is {quoted(columns.names[0])} the label (--label)?"
        hint = f" (--task classification if they are classes{other})" * told_apart
        return f"{plural(count, 'different number')}: regression{hint}"
    classes = f"{count} class{'es' * (count != 1)}"
    doubtful = told_apart and dataset.y_train.dtype.kind in "iu" and count > _FEW_NUMBERS
    return classes + " (--task regression if they are quantities)" * doubtful
