"""Rows of a CSV file: its separator, its encoding, and how large a row may be.

The separator is a semicolon, a comma or a tab, whichever the first line has most of; of equally
many, and of several with one comma at most between them, it is the semicolon, as it stands between
numbers with decimal commas. Lines are counted from 1.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from xpnet.data.columns import Columns
from xpnet.exceptions import DataError, quoted

__all__ = ["Row", "is_delimiter", "read_rows"]

_DELIMITERS = ";,\t"

_CELL = 64
"""Bytes of memory that a character of a row may become, where each is a cell of its own."""


class Row(NamedTuple):
    """The cells of one row and the file's line on which it ends."""

    line: int
    cells: list[str]


def read_rows(
    path: Path, limit: int, delimiter: str | None = None, columns: Columns | None = None
) -> Iterator[Row]:
    """Yield the rows of `path` that are not blank.

    Without `delimiter` it is that which the model of `columns` was trained with, if it is in the
    first line, or is found out.

    Raises
    ------
    DataError
        Where the file is not UTF-8 text, or a single row takes more than `limit` bytes.
    """
    if delimiter is not None and not is_delimiter(delimiter):
        raise DataError(
            f"delimiter is {quoted(delimiter)}: expected one character, such as ; or | or a tab"
        )
    lines = _Lines(path, limit // _CELL)
    reader = csv.reader(lines, delimiter=delimiter or _found(path, limit // _CELL, columns))
    try:
        for cells in reader:
            lines.taken = 0
            if cells:
                yield Row(reader.line_num, cells)
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: {error}. Expected CSV text; look for a quotation "
            "mark that is not closed"
        ) from error


def is_delimiter(text: str) -> bool:
    """Tell whether `text` is one character that can separate cells."""
    return len(text) == 1 and text not in '"\r\n\0'


class _Lines:
    """The lines of a file, at most `most` characters of them at a time: see `taken`."""

    def __init__(self, path: Path, most: int) -> None:
        self.taken = 0
        """Characters read since the reader of these lines has last set this to 0."""
        self._path, self._most = path, most
        self._lines = self._read()

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def _read(self) -> Iterator[str]:
        with (
            self._path.open("rb") as data,
            io.TextIOWrapper(data, encoding="utf-8-sig", newline="") as file,
        ):
            try:
                while line := file.readline(self._most + 1):
                    self._check(line)
                    yield line
            except UnicodeDecodeError as error:
                place = data.tell() - len(error.object) + error.start
                raise DataError(
                    f"{self._path} is not text ({error.reason} at byte {place}): expected a CSV "
                    "file in UTF-8; save it as one"
                ) from error

    def _check(self, line: str) -> None:
        self.taken += len(line)
        if self.taken > self._most:
            raise DataError(
                f"{self._path} has a row of more than {self._most} characters: expected a row a "
                "sample; check its line ends and quotation marks, or raise the limit (max_memory, "
                "--max-memory)"
            )
        if "\0" in line:
            raise DataError(
                f"{self._path} holds a character of value 0: expected a CSV file in UTF-8; save it "
                "as one"
            )


def _found(path: Path, most: int, columns: Columns | None) -> str:
    first = next((line for line in _Lines(path, most) if line.strip()), "")
    if columns is not None and columns.delimiter is not None and columns.delimiter in first:
        return columns.delimiter
    cells = first.split(";")
    if len(cells) > 2 and all(cell.count(",") <= 1 for cell in cells):
        return ";"
    return max(_DELIMITERS, key=first.count)
