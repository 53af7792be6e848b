"""One way in for every kind of source: a table of readers, and nothing that asks for the kind."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np

from xpnet.data.columns import Columns
from xpnet.data.csv import read_csv, read_csv_samples
from xpnet.data.dataset import Dataset
from xpnet.data.digits import read_digits
from xpnet.data.errors import DataError
from xpnet.data.idx import read_idx_folder, read_idx_samples
from xpnet.data.npz import read_npz, read_npz_samples

__all__ = ["load", "load_samples"]

Label: TypeAlias = str | int | None
T = TypeVar("T")


class _Reader(NamedTuple):
    """How one kind of source is read.

    ``dataset(path, label, columns) -> Dataset`` and ``samples(path, label, columns, n_x) -> X``.
    """

    dataset: Callable[[Path, Label, Columns | None], Dataset]
    samples: Callable[[Path, Label, Columns | None, int], np.ndarray]


def load(
    source: str | PathLike[str], *, label: Label = None, columns: Columns | None = None
) -> Dataset:
    """Read a labelled dataset.

    Parameters
    ----------
    source : str or path
        ``"digits"`` (built in), a folder of IDX files, a ``.npz`` or a ``.csv`` file.
    label : str or int, optional
        The label column of a ``.csv`` by name or number from 0; by default that of `columns`,
        or the last.
    columns : Columns, optional
        Those of the table that a model was trained on. In a ``.csv`` with a header, features and
        label are then found by name, in whatever order, and other columns are not read.

    Raises
    ------
    DataError
        Where the source is missing, unknown, damaged or not fit to learn from; says what to do.
    """
    reader, path = _reader(source)
    return reader.dataset(path, label, columns)


def load_samples(
    source: str | PathLike[str],
    n_x: int,
    *,
    label: Label = None,
    columns: Columns | None = None,
) -> np.ndarray:
    """Read samples ``(m, n_x)`` to predict on, with or without labels beside them.

    Where a source has a test part, that part is read. `label` and `columns` are as in `load`.

    Raises
    ------
    DataError
        As `load` does, and where the samples have other than `n_x` features.
    """
    reader, path = _reader(source)
    X = reader.samples(path, label, columns, n_x)
    if X.shape[1] != n_x:
        raise DataError(
            f"{source} has samples of {X.shape[1]} features: expected {n_x}, as the model was "
            "trained on"
        )
    return X


def _reader(source: str | PathLike[str]) -> tuple[_Reader, Path]:
    if isinstance(source, str) and source in _BUILT_IN:
        return _BUILT_IN[source], Path(source)
    path = Path(fspath(source))
    kind = "folder" if path.is_dir() else path.suffix.lower()
    if not path.exists():
        raise DataError(f"there is no file or folder {source}: expected {_EXPECTED}")
    if kind not in _FILES:
        raise DataError(f"{source} is of a kind that cannot be read: expected {_EXPECTED}")
    return _FILES[kind], path


def _without_label(read: Callable[[Path], T]) -> Callable[..., T]:
    """Give `read` the readers' signature, refusing a label column where there are no columns."""

    def read_path(path: Path, label: Label, *others: object) -> T:
        if label is not None:
            raise DataError(
                f"label is {label!r}, but only a .csv file has a label column to choose: "
                f"leave it out for {path}"
            )
        return read(path)

    return read_path


_EXPECTED = "'digits', a folder of IDX files (as MNIST comes), a .npz or a .csv file"

_BUILT_IN = {
    "digits": _Reader(
        dataset=_without_label(lambda path: read_digits()),
        samples=_without_label(lambda path: read_digits().X_train),
    ),
}

_FILES = {
    "folder": _Reader(_without_label(read_idx_folder), _without_label(read_idx_samples)),
    ".npz": _Reader(_without_label(read_npz), _without_label(read_npz_samples)),
    ".csv": _Reader(read_csv, read_csv_samples),
}
