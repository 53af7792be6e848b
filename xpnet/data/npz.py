"""NumPy archives: ``X`` and ``y``, or ``X_train, y_train`` and maybe ``X_test, y_test``.

Upper and lower case are one. Pickled arrays are refused.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from xpnet.data.checks import as_labels, as_samples, check_pair
from xpnet.data.dataset import Dataset
from xpnet.data.errors import DataError

__all__ = ["read_npz", "read_npz_samples"]

_UNREADABLE = (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error)


def read_npz(path: Path) -> Dataset:
    """Return the dataset in `path`; uint8 samples count as pixels of 0 to 255.

    Raises
    ------
    DataError
        Where the file is no archive or is damaged, an array is missing, or arrays do not fit.
    """
    with _opened(path) as archive:
        names = _names(archive)
        X, y = ("x_train", "y_train") if "x_train" in names else ("x", "y")
        X_train, y_train = _pair(path, archive, X, y)
        X_test = y_test = None
        if "x_test" in names:
            X_test, y_test = _pair(path, archive, "x_test", "y_test")
    pixel_max = 255 if X_train.dtype == np.uint8 else None
    return Dataset(path.stem, X_train, y_train, X_test, y_test, pixel_max)


def read_npz_samples(path: Path) -> np.ndarray:
    """Return ``X``, else ``X_test``, else ``X_train`` of the archive in `path`."""
    with _opened(path) as archive:
        names = _names(archive)
        name = next((name for name in ("x", "x_test") if name in names), "x_train")
        return as_samples(_array(path, archive, name), f"{path}: {names.get(name)}")


@contextmanager
def _opened(path: Path) -> Iterator[NpzFile]:
    # Opened here, as numpy.load forgets to close a damaged archive.
    with path.open("rb") as file:
        try:
            archive = np.load(file, allow_pickle=False)
        except _UNREADABLE as error:
            raise DataError(
                f"{path} cannot be read ({error}): expected an archive written by numpy.savez; "
                "it is truncated, damaged or something else"
            ) from error
        if not isinstance(archive, NpzFile):
            raise DataError(
                f"{path} holds a single array: expected an archive; write one with "
                "numpy.savez(path, X=X, y=y)"
            )
        yield archive


def _names(archive: NpzFile) -> dict[str, str]:
    return {name.lower(): name for name in archive.files}


def _pair(path: Path, archive: NpzFile, X_name: str, y_name: str) -> tuple[np.ndarray, np.ndarray]:
    X = as_samples(_array(path, archive, X_name), f"{path}: {X_name}")
    y = as_labels(_array(path, archive, y_name), f"{path}: {y_name}")
    check_pair(X, y, f"{path}: {X_name} and {y_name}")
    return X, y


def _array(path: Path, archive: NpzFile, name: str) -> np.ndarray:
    names = _names(archive)
    if name not in names:
        raise DataError(
            f"{path} has no array {name}, only {', '.join(archive.files) or 'none'}: expected X "
            "and y, or X_train, y_train and, for testing, X_test, y_test"
        )
    try:
        array: np.ndarray = archive[names[name]]
    except _UNREADABLE as error:
        raise DataError(
            f"{path}: {names[name]} cannot be read ({error}): expected plain numbers or text; "
            "convert it with numpy.asarray and a dtype, and save again"
        ) from error
    return array
