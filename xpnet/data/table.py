"""A text file as named columns and rows of cells: separator, header line, errors by line.

The separator is a comma, a semicolon or a tab, whichever the first line has most of. The first
line is a header where it is all words, where a text in it stands over a number, or where it holds
all the names that are looked for. Columns are counted from 0, lines from 1.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from xpnet.data.errors import DataError

__all__ = ["Row", "Table", "column_place", "is_missing", "named_places", "open_table"]

_MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})

_LISTED = 20
"""How many column names an error lists."""


class Row(NamedTuple):
    """The cells of one row and the file's line on which it ends."""

    line: int
    cells: list[str]


class Table(NamedTuple):
    """A file's column names (numbers if it has no header) and its rows, read when asked for.

    Each row has as many cells as there are names.
    """

    path: Path
    has_header: bool
    names: list[str]
    rows: Iterator[Row]


def open_table(path: Path, known: Collection[str] = ()) -> Table:
    """Return the table in `path`; a first line that holds all `known` names is a header.

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
    has_header = _is_header(head, known)
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
            f"{table.path} has no column {column!r}: expected a number from 0 to {width - 1} or "
            f"one of the names {_listed(table.names)}"
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
            f"{table.path} has no column {_listed(missing)}: expected all features that the model "
            f"was trained on, by name; its first line has {_listed(table.names)}"
        )
    counts = Counter(table.names)
    twice = [name for name in dict.fromkeys(names) if counts[name] > 1]
    if twice:
        raise DataError(
            f"{table.path} has more than one column {_listed(twice)}: columns are found by name, "
            "give each its own in the first line"
        )
    return [places[name] for name in names]


def is_missing(cell: str) -> bool:
    """Tell whether `cell` is empty or one of the usual words for a missing value."""
    return cell.strip().lower() in _MISSING


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_LISTED])) + (", …" if len(names) > _LISTED else "")


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


def _is_header(head: list[Row], known: Collection[str]) -> bool:
    """Whether the first of the two rows, or the only one, names the columns.

    It is all words, as no sample is; or a name stands over a number, or columns are numbered from
    0 beside a name.
    """
    names = [cell.strip() for cell in head[0].cells]
    numbered = [name for name in names if _is_number(name)]
    if known and set(known) <= set(names):
        return True
    if not numbered and not any(map(is_missing, names)):
        return True
    if 1 < len(numbered) < len(names) and numbered == [*map(str, range(len(numbered)))]:
        return True
    return any(
        _is_number(below) and not _is_number(above) and not is_missing(above)
        for row in head[1:]
        for above, below in zip(names, row.cells, strict=False)
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
