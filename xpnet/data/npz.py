"""NumPy archives: ``X`` and ``y``, or ``X_train, y_train`` and maybe ``X_test, y_test``.

Upper and lower case are one. Pickled arrays are refused. What an array takes in memory is known
from its header before any of it is read.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from textwrap import shorten
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from xpnet.data.dataset import Dataset, as_samples, check_pair
from xpnet.data.memory import array_bytes, check_fits, filled
from xpnet.data.quantities import as_targets
from xpnet.exceptions import DataError, listed

_SUFFIX = ".npy"
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of others, zipfile gives no bound to what a few bytes become."""

_LONGEST_HEADER = 2**16
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class _Archive(NamedTuple):
    """An open archive, its arrays' names by their lower case, and the memory they may take."""

    path: Path
    file: zipfile.ZipFile
    names: dict[str, str]
    limit: int


def read_npz(path: Path, limit: int, task: str | None = "classification") -> Dataset:
    """Return the dataset in `path`; uint8 samples count as pixels of 0 to 255.

    Where `task` is None, the labels of the training samples say what it is.

    Raises DataError where the file is no archive or is damaged, an array is missing, arrays do not
    fit, or take more than `limit` bytes.
    """
    with _opened(path, limit) as archive:
        X, y = ("x_train", "y_train") if "x_train" in archive.names else ("x", "y")
        wanted = [X, y, *(("x_test", "y_test") if "x_test" in archive.names else ())]
        check_fits(sum(_nbytes(archive, name) for name in wanted), limit, f"{path}")
        X_train, y_train = _pair(archive, X, y, task)
        pixel_max = 255 if X_train.dtype == np.uint8 else None
        dataset = Dataset(path.stem, X_train, y_train, pixel_max=pixel_max)
        if not wanted[2:]:
            return dataset
        X_test, y_test = _pair(archive, "x_test", "y_test", dataset.task)
    return replace(dataset, X_test=X_test, y_test=y_test)


def read_npz_samples(path: Path, limit: int) -> np.ndarray:
    """Return ``X``, else ``X_test``, else ``X_train`` of the archive in `path`."""
    with _opened(path, limit) as archive:
        name = next((name for name in ("x", "x_test") if name in archive.names), "x_train")
        check_fits(_nbytes(archive, name), limit, f"{path}")
        return as_samples(_array(archive, name), f"{path}: {archive.names[name]}")


@contextmanager
def _opened(path: Path, limit: int) -> Iterator[_Archive]:
    with path.open("rb") as file:
        if file.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX:
            raise DataError(
                f"{path} holds a single array: expected an archive; write one with "
                "numpy.savez(path, X=X, y=y)"
            )
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:  # Of a damaged file, zipfile raises what its parts raise.
            raise DataError(
                f"{path} cannot be read ({_why(error)}): expected an archive written by "
                "numpy.savez; it is truncated, damaged or something else"
            ) from error
        with archive:
            names = [name.removesuffix(_SUFFIX) for name in archive.namelist()]
            yield _Archive(path, archive, {name.lower(): name for name in names}, limit)


def _pair(
    archive: _Archive, X_name: str, y_name: str, task: str | None
) -> tuple[np.ndarray, np.ndarray]:
    X = as_samples(_array(archive, X_name), f"{archive.path}: {X_name}")
    y = as_targets(_array(archive, y_name), f"{archive.path}: {y_name}", task)
    check_pair(X, y, f"{archive.path}: {X_name} and {y_name}")
    return X, y


def _nbytes(archive: _Archive, name: str) -> int:
    with _member(archive, name) as stream:
        shape, _, dtype = _header(stream)
        return array_bytes(shape, dtype.itemsize)


def _array(archive: _Archive, name: str) -> np.ndarray:
    with _member(archive, name) as stream:
        shape, in_columns, dtype = _header(stream)
        array = filled(stream, shape[::-1] if in_columns else shape, dtype)
        if array is None:
            raise ValueError(f"its size is not that of shape {shape} and dtype {dtype}")
        return array.T if in_columns else array


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    # A header may call itself as long as it likes: what NumPy is given of it is bounded.
    start = io.BytesIO(stream.read(_LONGEST_HEADER))
    version = npy.read_magic(start)
    if version not in _HEADERS:
        raise ValueError(f"its format is {version}")
    shape, in_columns, dtype = _HEADERS[version](start)
    stream.seek(start.tell())
    if dtype.kind not in "biufcUS":
        raise ValueError(f"its dtype is {dtype}")
    if any(size < 0 for size in shape):
        raise ValueError(f"its shape is {shape}")
    return shape, in_columns, dtype


@contextmanager
def _member(archive: _Archive, name: str) -> Iterator[IO[bytes]]:
    """Open one array of `archive`, which must be there; what its damage raises is a DataError."""
    if name not in archive.names:
        raise DataError(
            f"{archive.path} has no array {name}, only {listed(archive.names.values()) or 'none'}: "
            "expected X and y, or X_train, y_train and, for testing, X_test, y_test"
        )
    try:
        member = archive.file.getinfo(archive.names[name] + _SUFFIX)
        if member.compress_type not in _COMPRESSIONS:
            raise ValueError("its compression is none of numpy.savez or savez_compressed")
        with archive.file.open(member) as stream:
            yield stream
    except Exception as error:  # zipfile, its decompressors and NumPy's parser have many.
        raise DataError(
            f"{archive.path}: {archive.names[name]} cannot be read ({_why(error)}): expected plain "
            "numbers or text; convert it with numpy.asarray and a dtype, and save again"
        ) from error


def _why(error: Exception) -> str:
    """Return what `error` says, in few words, or its kind where it says nothing."""
    return shorten(str(error), 80, placeholder="…") or type(error).__name__
