"""CSV text as a table: options, separator, encoding, rows, and columns found by name.

Lines are counted from 1, columns from 0. The separator is a semicolon, a comma or a tab, whichever
the first line has most of; of equally many, and of several with one comma at most between them, it
is the semicolon, as it stands between numbers with decimal commas.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from xpnet.data.csv.decimal import COMMA, POINT, check_decimal, exchanged
from xpnet.data.csv.header import is_header
from xpnet.data.csv.text import Lines
from xpnet.data.dataset import Columns
from xpnet.data.labels import Classes
from xpnet.exceptions import DataError, listed, quoted

_HEAD = 1000
"""Rows at most that tell a header from a sample."""

_HEAD_CELLS = 100_000

_DELIMITERS = ";,\t"

_CELL = 64
"""Bytes of memory that a character of a row may need, where each is a cell of its own."""


class Options(NamedTuple):
    """Options of a reader; all but `limit` are of tables alone.

    `limit` is how many bytes of memory the data may fill; `columns` and `classes` are those of the
    model that will predict it; `text` is where its text is, if not at its path. The others are
    arguments of `xpnet.data.load`.
    """

    limit: int
    label: str | int | None = None
    header: bool | None = None
    delimiter: str | None = None
    keep_index: bool = False
    columns: Columns | None = None
    classes: Classes | None = None
    task: str | None = "classification"
    drop: Sequence[str] = ()
    features: Sequence[str] = ()
    gaps: bool = False
    words: bool = False
    decimal: str | None = None
    encoding: str | None = None
    text: Path | None = None

    @property
    def decimal_mark(self) -> str:
        """A point, or the comma that is asked for or was in training."""
        return self.decimal or (self.columns and self.columns.decimal) or POINT

    @property
    def read_as(self) -> str:
        """The encoding that is asked for or was in training; UTF-8 otherwise."""
        return self.encoding or (self.columns and self.columns.encoding) or "utf-8"


class Row(NamedTuple):
    """The cells of one row and the file's line on which it ends."""

    line: int
    cells: list[str]


class Table(NamedTuple):
    """A file's column names (numbers if it has no header) and its rows, read as they are used.

    Each row has as many cells as there are names. `read_as` is the encoding.
    """

    path: Path
    has_header: bool
    names: list[str]
    rows: Iterator[Row]
    read_as: str


def open_table(path: Path, options: Options) -> Table:
    """Return the table in `path`, read by the `options` or, where they leave it open, as it looks.

    Raises DataError where the file is not text or has no rows; while reading, where a row's
    width differs.
    """
    rows = _read_rows(path, options)
    head = list(islice(rows, 2))
    if not head:
        raise DataError(f"{path} is empty: expected rows of features and a label")
    head += islice(rows, min(_HEAD, _HEAD_CELLS // len(head[0].cells)))
    has_header = _has_header(path, head, options)
    if has_header and len(head) == 1:
        raise DataError(f"{path} has a header, but no rows below it: expected one for each sample")
    names = [str(number) for number in range(len(head[0].cells))]
    if has_header:
        names = [name.strip() for name in head.pop(0).cells]
    rows = _checked_width(path, len(names), chain(head, rows))
    return Table(path, has_header, names, rows, options.read_as)


def column_position(table: Table, column: str | int) -> int:
    """Return the position from 0 of `column`: a name or, where no name fits, a number.

    Raises DataError where there is no such column, or two of that name.
    """
    if isinstance(column, str) and column in table.names:
        return named_positions(table, [column])[0]
    width = len(table.names)
    try:
        return range(width)[int(column)]
    except (ValueError, IndexError):
        raise DataError(
            f"{table.path} has no column {quoted(column)}: expected a number from 0 to {width - 1} "
            f"or one of the names {listed(table.names)}"
        ) from None


def named_positions(table: Table, names: Sequence[str]) -> list[int]:
    """Return the position from 0 of each of the columns `names`.

    Raises DataError where some are not there, or there twice.
    """
    positions = {name: position for position, name in enumerate(table.names)}
    missing = [name for name in names if name not in positions]
    if missing:
        how = "" if table.read_as == "utf-8" else f", read in {table.read_as} (--encoding),"
        raise DataError(
            f"{table.path} has no column {listed(missing)}: expected all features that the model "
            f"was trained on, by name; its first line{how} has {listed(table.names)}"
        )
    counts = Counter(table.names)
    twice = [name for name in dict.fromkeys(names) if counts[name] > 1]
    if twice:
        raise DataError(
            f"{table.path} has more than one column {listed(twice)}: columns are found by name, "
            "give each its own in the first line"
        )
    return [positions[name] for name in names]


def is_delimiter(text: str) -> bool:
    """Tell whether `text` is one character that can separate cells."""
    return len(text) == 1 and text not in '"\r\n\0'


def _has_header(path: Path, head: Sequence[Row], options: Options) -> bool:
    """Whether the table has a header: as asked for, as in training, or as it looks."""
    if options.header is not None:
        return options.header
    columns = options.columns
    if columns is not None and columns.header is False:
        return False
    position = _label_position(len(head[0].cells), options)
    known: tuple[str, ...] = ()
    if columns is not None and columns.named:
        known = columns.features
    elif options.label is not None and position is None:
        known = (str(options.label),)
    classes = None
    if options.classes is not None:
        classes = [str(label) for label in options.classes.labels]
    try:
        return is_header([row.cells for row in head], position, known, classes)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _label_position(width: int, options: Options) -> int | None:
    """Return the position of the label column as far as it is known without names."""
    if options.label is not None:
        try:
            return range(width)[int(options.label)]
        except (ValueError, IndexError):
            return None
    if options.columns is None:
        return width - 1
    surplus = width - len(options.columns.names)
    return options.columns.label + surplus if surplus in (0, 1) else None


def _checked_width(path: Path, width: int, rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        if len(row.cells) != width:
            raise DataError(
                f"{path}, line {row.line} has {len(row.cells)} columns: expected {width}, as in "
                "the first line; if another character separates them, name it (--delimiter)"
            )
        yield row


def _read_rows(path: Path, options: Options) -> Iterator[Row]:
    """Yield the rows of `path` that are not blank.

    Raises DataError where the file is not text of its encoding, or a single row needs more than
    ``options.limit`` bytes.
    """
    most, decimal = options.limit // _CELL, options.decimal_mark
    check_decimal(decimal)
    delimiter = options.delimiter
    if delimiter is None:
        lines = Lines(path, options.text, most, options.read_as)
        delimiter = _likely_delimiter(lines, options.columns, decimal)
    elif not is_delimiter(delimiter):
        raise DataError(
            f"delimiter is {quoted(delimiter)}: expected one character, such as ; or | or a tab"
        )
    lines = Lines(path, options.text, most, options.read_as)
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for cells in reader:
            lines.count = 0
            if cells:
                yield Row(reader.line_num, exchanged(cells) if decimal == COMMA else cells)
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: {error}. Expected CSV text; look for a quotation "
            "mark that is not closed"
        ) from error


def _likely_delimiter(lines: Lines, columns: Columns | None, decimal: str) -> str:
    """Return the separator of the training if the first line has it, else its most likely one."""
    first = next((line for line in lines if line.strip()), "")
    if columns is not None and columns.delimiter is not None and columns.delimiter in first:
        return columns.delimiter
    cells = first.split(";")
    if len(cells) > 2 and all(cell.count(",") <= 1 for cell in cells):
        return ";"
    if decimal == COMMA and (";" in first or "\t" in first):
        return max(";\t", key=first.count)
    return max(_DELIMITERS, key=first.count)
