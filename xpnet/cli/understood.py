"""Report of how a table was read: its columns, header, label and classes."""

from __future__ import annotations

import numpy as np
import typer

from xpnet.data import Dataset
from xpnet.data.csv import counts_rows
from xpnet.data.csv_header import is_number
from xpnet.exceptions import quoted

__all__ = ["say_understood"]


def say_understood(dataset: Dataset, *, asks: bool) -> None:
    """Print what columns, header, label and classes were found, if `dataset` is of a table.

    `asks` says whether it is open if a first column that counts the rows is a feature.
    """
    columns = dataset.columns
    if columns is None:
        return
    classes = len(np.unique(dataset.y_train))
    header = "header" if columns.named else "no header"
    if columns.named and columns.header is None and all(map(is_number, columns.features)):
        header = "first line taken as a header (--no-header)"
    facts = [
        f"{len(columns.names) + columns.indexed} columns",
        header,
        f"label {quoted(columns.names[columns.label])}",
        f"{classes} class{'es' * (classes != 1)}",
    ]
    if columns.indexed:
        facts.append("first column left out, as it only numbers the rows (train --keep-index)")
    elif asks and columns.label != 0 and counts_rows(dataset.X_train[:, 0]):
        facts.append(f"first column {quoted(columns.names[0])} counts the rows: is it a feature?")
    typer.echo(f"{dataset.name}: {', '.join(facts)}")
