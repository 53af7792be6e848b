"""A text file as named columns and rows of cells: separator, header line, errors by line.

The separator is a comma, a semicolon or a tab, whichever the first line has most of. The first
line is a header where a text in it stands over a number. Columns are counted from 0, lines from 1.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from xpnet.data.errors import DataError

__all__ = ["Row", "Table", "column_place", "is_missing", "open_table"]

_MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})

_LISTED = 20
"""How many column names an error lists."""


class Row(NamedTuple):
    """The cells of one row and the file's line on which it ends."""

    line: int
    cells: list[str]


class Table(NamedTuple):
    """A file's column names (numbers where it has none) and its rows, read as they are asked for.

    Each row has as many cells as there are names.
    """

    path: Path
    names: list[str]
    rows: Iterator[Row]


def open_table(path: Path) -> Table:
    """Return the table in `path`.

    Raises
    ------
    DataError
        Where the file is not UTF-8 text or has no rows; while reading, where a row's width
        differs.
    """
    rows = _rows(path, _text(path))
    head = list(islice(rows, 2))
    if not head:
        raise DataError(f"{path} is empty: expected rows of features and a label")
    names = [str(number) for number in range(len(head[0].cells))]
    if len(head) == 2 and _is_header(*head):
        names = [name.strip() for name in head.pop(0).cells]
    return Table(path, names, _checked_width(path, len(names), chain(head, rows)))


def column_place(table: Table, column: str | int) -> int:
    """Return the place from 0 of `column`: a name or, where no name fits, a number."""
    if column in table.names:
        return table.names.index(str(column))
    width = len(table.names)
    try:
        return range(width)[int(column)]
    except (ValueError, IndexError):
        more = ", …" if width > _LISTED else ""
        raise DataError(
            f"{table.path} has no column {column!r}: expected a number from 0 to {width - 1} or "
            f"one of the names {', '.join(map(repr, table.names[:_LISTED]))}{more}"
        ) from None


def is_missing(cell: str) -> bool:
    """Tell whether `cell` is empty or one of the usual words for a missing value."""
    return cell.strip().lower() in _MISSING


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not text ({error.reason} at byte {error.start}): expected a CSV file "
            "in UTF-8; save it as one"
        ) from error


def _rows(path: Path, text: str) -> Iterator[Row]:
    first = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        for cells in reader:
            if cells:
                yield Row(reader.line_num, cells)
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: {error}. Expected CSV text; look for a quotation "
            "mark that is not closed"
        ) from error


def _is_header(first: Row, second: Row) -> bool:
    """Whether a name stands over a number, or columns are numbered from 0 beside a name."""
    numbered = [cell.strip() for cell in first.cells if _is_number(cell)]
    if 1 < len(numbered) < len(first.cells) and numbered == [*map(str, range(len(numbered)))]:
        return True
    pairs = zip(first.cells, second.cells, strict=False)
    return any(
        _is_number(below) and not _is_number(above) and not is_missing(above)
        for above, below in pairs
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return not is_missing(cell)


def _checked_width(path: Path, width: int, rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        if len(row.cells) != width:
            raise DataError(
                f"{path}, line {row.line} has {len(row.cells)} columns: expected {width}, as in "
                "the first line"
            )
        yield row
