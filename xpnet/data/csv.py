"""CSV tables as datasets: one label column, every other column a numeric feature.

Where a model was trained on a table with a header, the columns of another one with a header are
found by name: in any order, and columns of other names are not read. Without a header on either
side they are found by place.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xpnet.data.checks import as_labels
from xpnet.data.columns import Columns
from xpnet.data.dataset import Dataset
from xpnet.data.errors import DataError
from xpnet.data.table import Table, column_place, is_missing, named_places, open_table

__all__ = ["read_csv", "read_csv_samples"]


def read_csv(path: Path, label: str | int | None = None, columns: Columns | None = None) -> Dataset:
    """Return the table in `path`; `label` names or numbers its label column.

    A name wins over a number; numbers count from 0, negative ones from the end. Without `label` it
    is that of the `columns` trained on or, without these too, the last.

    Raises
    ------
    DataError
        Where a column is not there or there twice, a row has another width, a feature is not a
        finite number, a label is missing, or the labels are quantities.
    """
    table, named = _opened(path, columns)
    if label is None:
        label = named.names[named.label] if named else _usual_place(table, columns)
    place = column_place(table, label)
    found = Columns(tuple(table.names), place, table.has_header)
    X, texts = _read(table, _features(table, named or found, place), place)
    where = f"{path}, column {table.names[place]!r}"
    _check_none_missing(texts, where)
    return Dataset(path.stem, X, as_labels(_parsed(texts), where), columns=found)


def read_csv_samples(
    path: Path, label: str | int | None, columns: Columns | None, n_x: int
) -> np.ndarray:
    """Return the features ``(m, n_x)`` in `path`; a label column may be there, or be empty."""
    table, named = _opened(path, columns)
    place = None
    if named is None and not _is_bare(table, label, n_x):
        place = column_place(table, _usual_place(table, columns) if label is None else label)
    return _read(table, _features(table, named, place))[0]


def _opened(path: Path, columns: Columns | None) -> tuple[Table, Columns | None]:
    """Return the table and, where its columns are to be found by name, `columns`."""
    named = columns if columns is not None and columns.named else None
    table = open_table(path, named.features if named else ())
    return table, named if table.has_header else None


def _usual_place(table: Table, columns: Columns | None) -> int:
    """Return the place of the label column where none is asked for: as in training, or the last."""
    if columns is None:
        return -1
    if len(table.names) != len(columns.names):
        raise DataError(
            f"{table.path} has {len(table.names)} columns, and no names to find them by: expected "
            f"{len(columns.names)}, the label in column {columns.label} (counted from 0), as the "
            "model was trained on"
        )
    return columns.label


def _is_bare(table: Table, label: str | int | None, n_x: int) -> bool:
    """Whether the table has no label column, but features alone."""
    return len(table.names) == n_x and (label is None or label not in table.names)


def _features(table: Table, columns: Columns | None, label: int | None) -> list[int]:
    """Return the places of the features in the order of the training."""
    if columns is not None and columns.named:
        return named_places(table, columns.features)
    return [place for place in range(len(table.names)) if place != label]


def _read(
    table: Table, features: Sequence[int], label: int | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return the columns at `features` as ``(m, n_x)``, and the texts of that at `label`."""
    if not features:
        raise DataError(f"{table.path} has 1 column: expected features and a label")
    names = [table.names[place] for place in features]
    # A flat array of C doubles: lists of Python floats would take eight times the memory.
    values = array("d")
    texts = []
    for line, cells in table.rows:
        if label is not None:
            texts.append(cells[label].strip())
        chosen = [cells[place] for place in features]
        values.extend(_numbers(chosen, names, f"{table.path}, line {line}"))
    return np.frombuffer(values).reshape(-1, len(features)), texts


def _check_none_missing(texts: list[str], where: str) -> None:
    row = next((number for number, text in enumerate(texts) if is_missing(text)), None)
    if row is not None:
        raise DataError(
            f"{where} holds {texts[row]!r} at row {row} (counted from 0, without a header): "
            "expected a label for every sample; leave that sample out"
        )


def _numbers(cells: list[str], names: list[str], where: str) -> list[float]:
    try:
        numbers = list(map(float, cells))
        if all(map(math.isfinite, numbers)):
            return numbers
    except ValueError:
        pass  # Found again below, with its column.
    place = next(k for k, cell in enumerate(cells) if not _is_finite(cell))
    raise DataError(
        f"{where} has {cells[place]!r} in column {names[place]!r}: expected a finite number; fill "
        "it, encode it as numbers, or leave it out"
    )


def _is_finite(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _parsed(texts: list[str]) -> np.ndarray:
    """Return integers if all texts are, else floats if all are, else the texts."""
    words = np.array(texts)
    for dtype in (np.int64, np.float64):
        try:
            return words.astype(dtype)
        except (ValueError, OverflowError):
            continue
    return words
