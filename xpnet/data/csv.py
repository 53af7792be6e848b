"""CSV tables as datasets: one label column, every other column a numeric feature.

Where a model was trained on a table with a header, the columns of another one with a header are
found by name: in any order, and columns of other names are not read. Without a header on either
side they are found by place. A first column that only numbers the rows is no feature: see
`xpnet.data.index`.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xpnet.data.asked import Asked
from xpnet.data.checks import as_labels
from xpnet.data.columns import Columns
from xpnet.data.dataset import Dataset
from xpnet.data.header import is_missing, is_number
from xpnet.data.index import is_index, may_have_index
from xpnet.data.labels import as_whole_numbers
from xpnet.data.memory import check_fits, taken
from xpnet.data.sense import check_no_quantities
from xpnet.data.table import Table, column_place, named_places, open_table
from xpnet.exceptions import DataError, quoted

__all__ = ["read_csv", "read_csv_samples"]

_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")


def read_csv(path: Path, asked: Asked) -> Dataset:
    """Return the table in `path`; ``asked.label`` names or numbers its label column.

    A name wins over a number; numbers count from 0, negative ones from the end. Without it the
    label is that of the columns trained on or, without these too, the last.

    Raises
    ------
    DataError
        Where a column is not there or there twice, a row has another width, a feature is not a
        finite number, a label is missing, the labels are quantities, or all of it takes too much
        memory.
    """
    table, named = _opened(path, asked)
    indexed = named is None and may_have_index(table, asked)
    place = _label_place(table, named, asked, indexed)
    X, texts = _read(table, _features(table, named, place), asked, place)
    X, indexed = _without_index(table, X, asked) if indexed and place != 0 else (X, False)
    names = tuple(table.names[indexed:])
    found = Columns(
        names, place - indexed, table.has_header, indexed, asked.header, asked.delimiter
    )
    where = f"{path}, column {quoted(table.names[place])}"
    _check_none_missing(texts, where)
    check_fits(taken(X.shape, X.itemsize) + _nbytes(texts), asked.limit, str(path))
    y = as_whole_numbers(np.array(texts))
    if asked.classes is None:
        check_no_quantities(X, y, found, where, asked.label is not None)
    return Dataset(path.stem, X, as_labels(y, where), columns=found)


def read_csv_samples(path: Path, asked: Asked, n_x: int) -> np.ndarray:
    """Return the features ``(m, n_x)`` in `path`; a label column may be there, or be empty."""
    table, named = _opened(path, asked)
    indexed = named is None and may_have_index(table, asked, n_x)
    place = None
    if named is None and not _is_bare(table, asked.label, n_x + indexed):
        place = _label_place(table, None, asked, indexed)
    X, texts = _read(table, _features(table, named, place), asked, place)
    if indexed:
        return _without_index(table, X, asked)[0]
    if not table.has_header and _are_quantities(texts, asked) and is_index(table, X[:, 0], asked):
        # An index and features are as many columns as features and a label.
        return _read(open_table(path, asked), range(1, len(table.names)), asked)[0]
    return X


def _opened(path: Path, asked: Asked) -> tuple[Table, Columns | None]:
    """Return the table and, where its columns are to be found by name, those of the model."""
    table = open_table(path, asked)
    by_name = asked.columns is not None and asked.columns.named and table.has_header
    return table, asked.columns if by_name else None


def _label_place(table: Table, named: Columns | None, asked: Asked, indexed: bool) -> int:
    """Return the place of the label column: as asked for, as in training, or the last."""
    columns = asked.columns
    if asked.label is not None:
        return column_place(table, asked.label)
    if named is not None:
        return column_place(table, named.names[named.label])
    if columns is None:
        return len(table.names) - 1
    if len(table.names) - indexed != len(columns.names):
        raise _of_another_width(table, columns)
    return columns.label + indexed


def _of_another_width(table: Table, columns: Columns) -> DataError:
    return DataError(
        f"{table.path} has {len(table.names)} columns, and no names to find them by: expected "
        f"{len(columns.names)}, the label in column {columns.label} (counted from 0), as the "
        "model was trained on"
    )


def _without_index(table: Table, X: np.ndarray, asked: Asked) -> tuple[np.ndarray, bool]:
    """Return `X` without a first column that is an index, and whether it was one."""
    if is_index(table, X[:, 0], asked):
        return X[:, 1:], True
    if asked.columns is not None:
        raise _of_another_width(table, asked.columns)
    return X, False


def _is_bare(table: Table, label: str | int | None, width: int) -> bool:
    """Whether the table has no label column, but features alone."""
    return len(table.names) == width and (label is None or label not in table.names)


def _are_quantities(texts: list[str], asked: Asked) -> bool:
    """Whether what stands in the place of the label is a feature: numbers, but no classes."""
    if asked.classes is None or not texts:
        return False
    different = set(texts)
    return all(map(is_number, different)) and different.isdisjoint(map(str, asked.classes.labels))


def _features(table: Table, columns: Columns | None, label: int | None) -> list[int]:
    """Return the places of the features in the order of the training."""
    if columns is not None:
        return named_places(table, columns.features)
    places = [place for place in range(len(table.names)) if place != label]
    # Names that a model is to keep must tell columns apart.
    return named_places(table, [table.names[place] for place in places])


def _read(
    table: Table, features: Sequence[int], asked: Asked, label: int | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return the columns at `features` as ``(m, n_x)``, and the texts of that at `label`."""
    if not features:
        advice = "if another character than ; , or a tab separates them, name it (--delimiter)"
        if asked.delimiter is not None:
            advice = f"--delimiter is {quoted(asked.delimiter)}: name another, or leave it out"
        raise DataError(f"{table.path} has 1 column: expected features and a label; {advice}")
    names = [table.names[place] for place in features]
    # A flat array of C doubles: lists of Python floats would take eight times the memory.
    values = array("d")
    texts: list[str] = []
    one_of_each: dict[str, str] = {}
    for line, cells in table.rows:
        if label is not None:
            text = cells[label].strip()
            texts.append(one_of_each.setdefault(text, text))
        chosen = [cells[place] for place in features]
        values.extend(_numbers(chosen, names, table.path, line))
        check_fits(taken((1, len(values)), values.itemsize), asked.limit, str(table.path))
    return np.frombuffer(values).reshape(-1, len(features)), texts


def _nbytes(texts: list[str]) -> int:
    """Return what `texts` take as an array: four bytes a character of the longest, for each."""
    return 4 * len(texts) * max(map(len, set(texts)))


def _check_none_missing(texts: list[str], where: str) -> None:
    row = next((number for number, text in enumerate(texts) if is_missing(text)), None)
    if row is not None:
        raise DataError(
            f"{where} holds {texts[row]!r} at row {row} (counted from 0, without a header): "
            "expected a label for every sample; leave that sample out"
        )


def _numbers(cells: list[str], names: list[str], path: Path, line: int) -> list[float]:
    try:
        numbers = list(map(float, cells))
        # float() reads 1_0 as 10.
        if all(map(math.isfinite, numbers)) and "_" not in "".join(cells):
            return numbers
    except ValueError:
        pass  # Found again below, with its column.
    place = next(k for k, cell in enumerate(cells) if not _is_finite(cell))
    raise DataError(
        f"{path}, line {line} has {quoted(cells[place])} in column {quoted(names[place])}: "
        f"expected a finite number; {_advice(cells[place], names[place], line)}"
    )


def _is_finite(cell: str) -> bool:
    return is_number(cell) and math.isfinite(float(cell))


def _advice(cell: str, name: str, line: int) -> str:
    """Return what to do about a `cell` that is no number."""
    if _DECIMAL_COMMA.fullmatch(cell):
        return "write a decimal point instead of the comma, and nothing between thousands"
    if any(mark in cell for mark in ";\t|"):
        return "if columns are separated by another character, name it (--delimiter)"
    if is_missing(cell) or "inf" in cell.lower():
        return "fill it, or leave that sample out"
    if line == 1:
        return (
            "if that line names the columns, say so (--header); if that column is the label, ask "
            f"for it (--label {quoted(name)})"
        )
    return (
        f"if that is the label column, ask for it (--label {quoted(name)}); if not, encode it as "
        "numbers or leave it out"
    )
