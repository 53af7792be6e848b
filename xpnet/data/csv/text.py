"""Text of a CSV table: its lines, decompressed; Parquet files and standard input as such text."""

from __future__ import annotations

import codecs
import gzip
import io
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

from xpnet.exceptions import DataError, listed, quoted

STANDARD_INPUT = Path("stdin")
"""What errors call it."""

_NAMELESS_INDEX = "__index_level_0__"
"""How pandas calls an index without a name in a Parquet file."""

_AS_IN_CSV = "Unnamed: 0"
"""How it calls one in a CSV file."""

_REMEDY = "name its encoding (--encoding cp1252, utf-16, ...), or save it in UTF-8"


@contextmanager
def plain_text(path: Path) -> Iterator[Path | None]:
    """Give the path of a CSV file with what `path` holds, where that is no text; else None.

    Raises DataError where a Parquet file is damaged, or pyarrow not installed to read it.
    """
    convert: Callable[[Path, Path], None] | None = None
    if path is STANDARD_INPUT:
        convert = _copy_input
    elif path.suffix.lower() in (".parquet", ".pq"):
        convert = _convert_parquet
    if convert is None:
        yield None
        return
    with TemporaryDirectory(prefix="xpnet-") as folder:
        text = Path(folder) / "table.csv"
        convert(path, text)
        yield text


def _copy_input(path: Path, text: Path) -> None:
    """Copy standard input to a file, as a table is read more than once."""
    with text.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)


def _convert_parquet(path: Path, text: Path) -> None:
    try:
        from pyarrow import ArrowException
        from pyarrow.csv import CSVWriter
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise DataError(
            f"{path} is a Parquet file, which pyarrow reads: pip install 'xpnet[parquet]'"
        ) from error
    try:
        with ParquetFile(path) as file:
            names, schema = _as_cells(file.schema_arrow, path)
            with CSVWriter(text, schema) as writer:
                for batch in file.iter_batches():
                    cells = batch.select(names).rename_columns(schema.names)
                    writer.write(cells.cast(schema))
    except (ArrowException, OSError) as error:
        raise DataError(
            f"{path} cannot be read ({str(error).partition(chr(10))[0]}): expected a Parquet file "
            "with a column for each feature; it is truncated, damaged or something else"
        ) from error


def _as_cells(schema: Any, path: Path) -> tuple[list[str], Any]:
    """Return the columns of a schema, a nameless index in front, and their types in a CSV file."""
    import pyarrow as pa

    nested = [field.name for field in schema if pa.types.is_nested(field.type)]
    if nested:
        raise DataError(
            f"{path} has lists or records in column {listed(nested)}: expected numbers, truth "
            "values or words; leave that column out where the file is made"
        )
    fields = sorted(schema, key=lambda field: field.name != _NAMELESS_INDEX)
    plain = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in fields
    ]
    renamed = [
        field.with_name(_AS_IN_CSV) if field.name == _NAMELESS_INDEX else field for field in plain
    ]
    return [field.name for field in fields], pa.schema(renamed)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for its bytes, decompressed."""
    with path.open("rb") as raw:
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast(IO[bytes], unpacked)
        else:
            yield raw


class Lines:
    """The lines of a file, at most `most` characters of them at a time: see `count`.

    Errors call it `path`; it is read from `text` where that is another. Raises DataError if
    `encoding` is none of text.
    """

    def __init__(self, path: Path, text: Path | None, most: int, encoding: str) -> None:
        self.count = 0
        """Characters read since the reader of these lines has last set this to 0."""
        self._path, self._text, self._most = path, text or path, most
        self._encoding = encoding
        self._codec = _codec(encoding)
        self._lines = self._read()

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def _read(self) -> Iterator[str]:
        with (
            _opened(self._text) as data,
            io.TextIOWrapper(data, encoding=self._codec, newline="") as file,
        ):
            try:
                while line := file.readline(self._most + 1):
                    self._check(line)
                    yield line
            except UnicodeDecodeError as error:
                position = data.tell() - len(error.object) + error.start
                raise DataError(
                    f"{self._path} is not text ({error.reason} at byte {position}): expected a CSV "
                    f"file in {self._encoding}; {_REMEDY}"
                ) from error
            except UnicodeError as error:  # UTF-16 without its mark.
                raise DataError(
                    f"{self._path} is not text ({error}): expected a CSV file in "
                    f"{self._encoding}; {_REMEDY}"
                ) from error
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise DataError(
                    f"{self._path} cannot be decompressed ({error}): expected a whole gzip file; "
                    "make it again, or take the .gz off its name if it is not compressed"
                ) from error

    def _check(self, line: str) -> None:
        self.count += len(line)
        if self.count > self._most:
            raise DataError(
                f"{self._path} has a row of more than {self._most} characters: expected a row a "
                "sample; check its line ends and quotation marks, or raise the limit (max_memory, "
                "--max-memory)"
            )
        if "\0" in line:
            raise DataError(
                f"{self._path} holds a character of value 0: expected a CSV file in "
                f"{self._encoding}; {_REMEDY}"
            )


def _codec(encoding: str) -> str:
    """Return the name of a codec; that of UTF-8 reads a byte order mark as none of the text."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    except LookupError as error:  # Unknown, or none of text.
        raise DataError(
            f"encoding is {quoted(encoding)}: expected one that Python knows, such as utf-8, "
            "cp1252, latin-1 or utf-16"
        ) from error
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
