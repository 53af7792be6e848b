"""Loading of data: `load`, `load_samples`, and the table of readers by kind of source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from xpnet.data.csv.files import read_csv, read_csv_samples
from xpnet.data.csv.table import Options
from xpnet.data.csv.text import STANDARD_INPUT, plain_text
from xpnet.data.dataset import Columns, Dataset
from xpnet.data.digits import read_digits
from xpnet.data.idx import read_idx_folder, read_idx_samples
from xpnet.data.labels import Classes
from xpnet.data.memory import default_limit
from xpnet.data.npz import read_npz, read_npz_samples
from xpnet.exceptions import DataError

T = TypeVar("T")


class _Reader(NamedTuple):
    """The functions that read one kind of source."""

    dataset: Callable[[Path, Options], Dataset]
    samples: Callable[[Path, Options, int], np.ndarray]


def load(
    source: str | PathLike[str],
    *,
    label: str | int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    keep_index: bool = False,
    columns: Columns | None = None,
    classes: Classes | None = None,
    task: str | None = "classification",
    drop: Sequence[str] = (),
    features: Sequence[str] = (),
    gaps: bool = False,
    words: bool = False,
    decimal: str | None = None,
    encoding: str | None = None,
    max_memory: int | None = None,
) -> Dataset:
    """Read a labelled dataset.

    Parameters
    ----------
    source : str or path
        ``"digits"`` (built in), a folder of IDX files, a ``.npz``, ``.csv``, ``.tsv`` or
        ``.parquet`` file, a ``.csv.gz`` or ``.tsv.gz``, or ``"-"``: a table on standard input.
    label : str or int, optional
        The label column of a ``.csv`` by name or number from 0; by default that of `columns`,
        or the last.
    header : bool, optional
        Whether the first line of a ``.csv`` names its columns; by default found out.
    delimiter : str, optional
        What separates the columns of a ``.csv``; by default whichever of semicolon, comma and tab
        its first line has most of.
    keep_index : bool, default False
        Whether a first column of a ``.csv`` that only numbers its rows, as pandas writes one, is
        a feature.
    columns : Columns, optional
        Those of the table that a model was trained on. In a ``.csv`` with a header, features and
        label are then found by name, in whatever order, and other columns are not read.
    classes : Classes, optional
        Those of the model: a first line that ends in one of them is a sample.
    task : str, optional
        ``"classification"``; ``"regression"``, whose labels become float64; or None: the labels
        decide, see `Dataset.task`.
    drop, features : sequence of str, optional
        Columns of a table to leave out, or to keep alone, as features; by name or number from 0.
    gaps : bool, default False
        Whether missing values of a table become NaN; else they are refused.
    words : bool, default False
        Whether words of a table become numbers, see `Columns.words`; else they are refused.
    decimal : str, optional
        The decimal mark of the numbers in a ``.csv``, ``"."`` or ``","``; by default as in
        training, or a point.
    encoding : str, optional
        Of the text of a ``.csv``, such as ``"cp1252"``; by default as in training, or UTF-8.
    max_memory : int, optional
        Bytes that the data may take, read and scaled to float32; by default half of what is free.

    Raises
    ------
    DataError
        Where the source is missing, unknown, damaged, too large or not fit to learn from; says
        what to do.
    """
    reader, path = _reader(source)
    limit = default_limit() if max_memory is None else max_memory
    options = Options(
        limit,
        label,
        header,
        delimiter,
        keep_index,
        columns,
        classes,
        task,
        tuple(drop),
        tuple(features),
        gaps,
        words,
        decimal,
        encoding,
    )
    with plain_text(path) as text:
        dataset = reader.dataset(path, options._replace(text=text))
    if task == "regression" and dataset.task != task:  # Images' labels are always whole numbers.
        y_test = None if dataset.y_test is None else dataset.y_test.astype(np.float64)
        return replace(dataset, y_train=dataset.y_train.astype(np.float64), y_test=y_test)
    return dataset


def load_samples(
    source: str | PathLike[str],
    n_x: int,
    *,
    label: str | int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    columns: Columns | None = None,
    classes: Classes | None = None,
    gaps: bool = False,
    decimal: str | None = None,
    encoding: str | None = None,
    max_memory: int | None = None,
) -> np.ndarray:
    """Read samples ``(m, n_x)`` to predict on, with or without labels beside them.

    Where a source has test samples, these are read. The others are as in `load`.

    Raises
    ------
    DataError
        As `load` does, and where the samples have other than `n_x` features.
    """
    reader, path = _reader(source)
    limit = default_limit() if max_memory is None else max_memory
    options = Options(
        limit,
        label,
        header,
        delimiter,
        columns=columns,
        classes=classes,
        gaps=gaps,
        decimal=decimal,
        encoding=encoding,
    )
    with plain_text(path) as text:
        X = reader.samples(path, options._replace(text=text), n_x)
    if X.shape[1] != n_x:
        raise DataError(
            f"{source} has samples of {X.shape[1]} features: expected {n_x}, as the model was "
            "trained on"
        )
    return X


def _reader(source: str | PathLike[str]) -> tuple[_Reader, Path]:
    if isinstance(source, str) and source in _BUILT_IN:
        return _BUILT_IN[source], Path(source)
    if source == "-":
        return _TABLE, STANDARD_INPUT
    path = Path(fspath(source))
    kind = "folder" if path.is_dir() else _kind(path)
    if not path.exists():
        raise DataError(f"there is no file or folder {source}: expected {_EXPECTED}")
    if kind not in _FILES:
        raise DataError(f"{source} is of a kind that cannot be read: expected {_EXPECTED}")
    return _FILES[kind], path


def _kind(path: Path) -> str:
    """Return the suffix of a file's name, ``.csv.gz`` as one, in lower case."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])


def _no_table(read: Callable[[Path, Options], T]) -> Callable[..., T]:
    """Give `read(path, options)` the readers' signature, refusing what only a table has."""

    def read_path(path: Path, options: Options, *others: object) -> T:
        if options.columns is not None:  # Of a model: that it fills gaps was not asked for here.
            options = options._replace(gaps=False)
        for name, option in _OF_TABLES.items():
            value = getattr(options, name)
            if value != Options._field_defaults[name]:
                raise DataError(
                    f"{name} is {value!r} ({option}), but only a table has columns to choose, a "
                    f"header, a delimiter, an index, gaps, words and text: leave it out for {path}"
                )
        return read(path, options)

    return read_path


_OF_TABLES = {
    "label": "--label",
    "header": "--header or --no-header",
    "delimiter": "--delimiter",
    "keep_index": "--keep-index",
    "drop": "--drop",
    "features": "--features",
    "gaps": "--impute",
    "words": "--one-hot",
    "decimal": "--decimal",
    "encoding": "--encoding",
}
"""Options of tables alone, as the command line calls them."""


def _tabbed(read: Callable[..., T]) -> Callable[..., T]:
    """Give `read` a tab as the delimiter, if it is given no other."""

    def read_path(path: Path, options: Options, *others: object) -> T:
        return read(path, options._replace(delimiter=options.delimiter or "\t"), *others)

    return read_path


def _named(read: Callable[..., T]) -> Callable[..., T]:
    """Tell `read` that a table is text as pyarrow writes it, with names above its columns."""

    def read_path(path: Path, options: Options, *others: object) -> T:
        for name in ("header", "delimiter", "decimal", "encoding"):
            value = getattr(options, name)
            if value is not None:
                raise DataError(
                    f"{name} is {value!r} ({_OF_TABLES[name]}), which is of text alone, but {path} "
                    "keeps names and numbers as they are: leave it out"
                )
        written = options._replace(delimiter=",", header=True, decimal=".", encoding="utf-8")
        return read(path, written, *others)

    return read_path


_EXPECTED = (
    "'digits', a folder of IDX files (as MNIST comes), a .npz, .csv, .tsv or .parquet file, or - "
    "for standard input"
)

_BUILT_IN = {
    "digits": _Reader(
        dataset=_no_table(lambda path, options: read_digits()),
        samples=_no_table(lambda path, options: read_digits().X_train),
    ),
}

_TABLE = _Reader(read_csv, read_csv_samples)

_FILES = {
    "folder": _Reader(
        dataset=_no_table(lambda path, options: read_idx_folder(path, options.limit)),
        samples=_no_table(lambda path, options: read_idx_samples(path, options.limit)),
    ),
    ".npz": _Reader(
        dataset=_no_table(lambda path, options: read_npz(path, options.limit, options.task)),
        samples=_no_table(lambda path, options: read_npz_samples(path, options.limit)),
    ),
    **dict.fromkeys((".csv", ".csv.gz"), _TABLE),
    **dict.fromkeys((".tsv", ".tsv.gz"), _Reader(_tabbed(read_csv), _tabbed(read_csv_samples))),
    **dict.fromkeys((".parquet", ".pq"), _Reader(_named(read_csv), _named(read_csv_samples))),
}
