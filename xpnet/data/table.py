"""A text file as named columns and rows of cells. Columns are counted from 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from xpnet.data.asked import Asked
from xpnet.data.header import is_header
from xpnet.data.rows import Row, read_rows
from xpnet.exceptions import DataError, listed, quoted

__all__ = ["Table", "column_place", "named_places", "open_table"]

_HEAD = 1000
"""Rows by which a header is told from a sample, at most."""

_HEAD_CELLS = 100_000


class Table(NamedTuple):
    """A file's column names (numbers if it has no header) and its rows, read when asked for.

    Each row has as many cells as there are names.
    """

    path: Path
    has_header: bool
    names: list[str]
    rows: Iterator[Row]


def open_table(path: Path, asked: Asked) -> Table:
    """Return the table in `path`, read as it is `asked` for or, where it is not, as it looks.

    Raises
    ------
    DataError
        Where the file is not UTF-8 text or has no rows; while reading, where a row's width
        differs.
    """
    rows = read_rows(path, asked.limit, asked.delimiter, asked.columns)
    head = list(islice(rows, 2))
    if not head:
        raise DataError(f"{path} is empty: expected rows of features and a label")
    head += islice(rows, min(_HEAD, _HEAD_CELLS // len(head[0].cells)))
    has_header = _has_header(path, head, asked)
    if has_header and len(head) == 1:
        raise DataError(f"{path} has a header, but no rows below it: expected one for each sample")
    names = [str(number) for number in range(len(head[0].cells))]
    if has_header:
        names = [name.strip() for name in head.pop(0).cells]
    return Table(path, has_header, names, _checked_width(path, len(names), chain(head, rows)))


def column_place(table: Table, column: str | int) -> int:
    """Return the place from 0 of `column`: a name or, where no name fits, a number.

    Raises
    ------
    DataError
        Where there is no such column, or two of that name.
    """
    if isinstance(column, str) and column in table.names:
        return named_places(table, [column])[0]
    width = len(table.names)
    try:
        return range(width)[int(column)]
    except (ValueError, IndexError):
        raise DataError(
            f"{table.path} has no column {quoted(column)}: expected a number from 0 to {width - 1} "
            f"or one of the names {listed(table.names)}"
        ) from None


def named_places(table: Table, names: Sequence[str]) -> list[int]:
    """Return the place from 0 of each of the columns `names`.

    Raises
    ------
    DataError
        Where some are not there, or there twice.
    """
    places = {name: place for place, name in enumerate(table.names)}
    missing = [name for name in names if name not in places]
    if missing:
        raise DataError(
            f"{table.path} has no column {listed(missing)}: expected all features that the model "
            f"was trained on, by name; its first line has {listed(table.names)}"
        )
    counts = Counter(table.names)
    twice = [name for name in dict.fromkeys(names) if counts[name] > 1]
    if twice:
        raise DataError(
            f"{table.path} has more than one column {listed(twice)}: columns are found by name, "
            "give each its own in the first line"
        )
    return [places[name] for name in names]


def _has_header(path: Path, head: Sequence[Row], asked: Asked) -> bool:
    """Whether the table has a header: as asked for, as asked for in training, or as it looks."""
    if asked.header is not None:
        return asked.header
    columns = asked.columns
    if columns is not None and columns.header is False:
        return False
    place = _label_place(len(head[0].cells), asked)
    known: tuple[str, ...] = ()
    if columns is not None and columns.named:
        known = columns.features
    elif asked.label is not None and place is None:
        known = (str(asked.label),)
    classes = None
    if asked.classes is not None:
        classes = [str(label) for label in asked.classes.labels]
    try:
        return is_header(head, place, known, classes)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _label_place(width: int, asked: Asked) -> int | None:
    """Return the place of the label column as far as it is known without names."""
    if asked.label is not None:
        try:
            return range(width)[int(asked.label)]
        except (ValueError, IndexError):
            return None
    if asked.columns is None:
        return width - 1
    surplus = width - len(asked.columns.names)
    return asked.columns.label + surplus if surplus in (0, 1) else None


def _checked_width(path: Path, width: int, rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        if len(row.cells) != width:
            raise DataError(
                f"{path}, line {row.line} has {len(row.cells)} columns: expected {width}, as in "
                "the first line; if another character separates them, name it (--delimiter)"
            )
        yield row
