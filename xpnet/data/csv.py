"""CSV tables as datasets: one label column, every other column a numeric feature."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

import numpy as np

from xpnet.data.checks import as_labels
from xpnet.data.dataset import Dataset
from xpnet.data.errors import DataError
from xpnet.data.table import Row, Table, column_place, is_missing, open_table

__all__ = ["read_csv", "read_csv_samples"]


def read_csv(path: Path, label: str | int | None = None) -> Dataset:
    """Return the table in `path`; `label` names or numbers its label column, the last if None.

    A name wins over a number; numbers count from 0, negative ones from the end.

    Raises
    ------
    DataError
        Where there is no such column, a row has another width, a feature is not a finite number,
        a label is missing, or the labels are quantities.
    """
    table = open_table(path)
    place = column_place(table, -1 if label is None else label)
    X, texts = _columns(table, place)
    where = f"{path}, column {table.names[place]!r}"
    _check_none_missing(texts, where)
    return Dataset(path.stem, X, as_labels(_parsed(texts), where))


def read_csv_samples(path: Path, label: str | int | None, n_x: int) -> np.ndarray:
    """Return the features ``(m, n_x)`` in `path`; a label column may be there, or be empty."""
    table = open_table(path)
    bare = len(table.names) == n_x and (label is None or label not in table.names)
    X, _ = _columns(table, None if bare else column_place(table, -1 if label is None else label))
    return X


def _columns(table: Table, place: int | None) -> tuple[np.ndarray, list[str]]:
    """Return the features ``(m, n_x)`` and the texts of the column at `place`, if any."""
    features = [name for number, name in enumerate(table.names) if number != place]
    if not features:
        raise DataError(f"{table.path} has 1 column: expected features and a label")
    # A flat array of C doubles: lists of Python floats would take eight times the memory.
    values = array("d")
    texts = []
    for row in table.rows:
        if place is not None:
            texts.append(row.cells.pop(place).strip())
        values.extend(_numbers(table.path, row, features))
    return np.frombuffer(values).reshape(-1, len(features)), texts


def _check_none_missing(texts: list[str], where: str) -> None:
    row = next((number for number, text in enumerate(texts) if is_missing(text)), None)
    if row is not None:
        raise DataError(
            f"{where} holds {texts[row]!r} at row {row} (counted from 0, without a header): "
            "expected a label for every sample; leave that sample out"
        )


def _numbers(path: Path, row: Row, features: list[str]) -> list[float]:
    try:
        numbers = list(map(float, row.cells))
        if all(map(math.isfinite, numbers)):
            return numbers
    except ValueError:
        pass  # Found again below, with its column.
    place = next(k for k, cell in enumerate(row.cells) if not _is_finite(cell))
    raise DataError(
        f"{path}, line {row.line} has {row.cells[place]!r} in column {features[place]!r}: expected "
        "a finite number; fill it, encode it as numbers, or leave it out"
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
