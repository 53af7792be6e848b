"""Folders of IDX files, raw or gzipped, named as MNIST and Fashion-MNIST come.

An IDX file (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits") is

====================  ============================================================
bytes                 meaning
====================  ============================================================
0, 1                  zero
2                     type of an element, see `_TYPES`
3                     number of dimensions, d
4 to 4 + 4d           size of each dimension, big-endian unsigned 32-bit integers
the rest              the elements, big-endian, the last dimension running fastest
====================  ============================================================
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import numpy as np

from xpnet.data.dataset import Dataset, as_samples, check_pair
from xpnet.data.labels import as_labels
from xpnet.data.memory import array_bytes, check_fits, filled
from xpnet.exceptions import DataError

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

_DENSEST = 1032
"""Bytes that one byte of gzip can stand for, at most."""


def read_idx_folder(folder: Path, limit: int) -> Dataset:
    """Return the training samples in `folder`, and its test samples (``t10k-…``) if there are any.

    Raises DataError where a file is missing, is not IDX, is truncated, does not fit its fellow, or
    holds more than `limit` bytes.
    """
    X_train, y_train = _read_part(folder, "train", limit)
    pixel_max = 255 if X_train.dtype == np.uint8 else None
    X_test = y_test = None
    if _find(folder, "t10k-images", 3) is not None:
        X_test, y_test = _read_part(folder, "t10k", limit - X_train.nbytes)
    name = folder.resolve().name
    return Dataset(name, X_train, y_train, X_test, y_test, pixel_max)


def read_idx_samples(folder: Path, limit: int) -> np.ndarray:
    """Return the images ``(m, n_x)`` of the test samples, else of the training samples."""
    path = _find(folder, "t10k-images", 3) or _require(folder, "train-images", 3)
    return as_samples(read_idx(path, dimensions=3, limit=limit), str(path))


def read_idx(path: Path, *, dimensions: int, limit: int) -> np.ndarray:
    """Return the array in one IDX file, raw or (``.gz``) gzipped.

    Raises DataError where the file is not IDX, has other than so many `dimensions`, the wrong
    length, or an array of more than `limit` bytes.
    """
    with _opened(path) as file:
        dtype, shape = _header(path, file, dimensions)
        nbytes = math.prod(shape) * dtype.itemsize
        _check_length(path, 4 + 4 * dimensions + nbytes, shape)
        check_fits(array_bytes(shape, dtype.itemsize), limit, str(path))
        array = filled(file, shape, dtype)
    if array is None:
        raise DataError(
            f"{path} does not decompress to the {nbytes} bytes of shape {shape}: it is damaged, "
            "download it again"
        )
    return array.astype(dtype.newbyteorder("="), copy=False)


def _header(path: Path, file: IO[bytes], dimensions: int) -> tuple[np.dtype, tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise DataError(
            f"{path} starts with {magic.hex(' ') or 'nothing'}: expected an IDX file's magic "
            f"number, such as 00 00 08 {dimensions:02x}; download it again or check its name"
        )
    if magic[3] != dimensions:
        raise DataError(
            f"{path} holds an array of {magic[3]} dimensions: expected {dimensions}; images have 3 "
            "and labels 1, check that the two files are not exchanged"
        )
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError(
            f"{path} has {4 + len(sizes)} bytes: expected a header of {4 + 4 * dimensions}; it is "
            "truncated or damaged, download it again"
        )
    shape = struct.unpack(f">{dimensions}I", sizes)
    if 0 in shape:
        raise DataError(
            f"{path} holds an array of shape {shape}, without an element: expected at least one "
            "sample; download it again"
        )
    return np.dtype(_TYPES[magic[2]]), shape


def _check_length(path: Path, expected: int, shape: tuple[int, ...]) -> None:
    """Raise DataError where the file's own length rules out that it holds `expected` bytes."""
    length = path.stat().st_size
    zipped = path.suffix == ".gz"
    if length * _DENSEST < expected if zipped else length != expected:
        raise DataError(
            f"{path} has {length} bytes: expected {expected}{' or near, zipped,' * zipped} for "
            f"shape {shape}; it is truncated or damaged, download it again"
        )


def _read_part(folder: Path, part: str, limit: int) -> tuple[np.ndarray, np.ndarray]:
    images = _require(folder, f"{part}-images", 3)
    labels = _require(folder, f"{part}-labels", 1)
    X = as_samples(read_idx(images, dimensions=3, limit=limit), str(images))
    y = as_labels(read_idx(labels, dimensions=1, limit=limit), str(labels))
    check_pair(X, y, f"{images} and {labels.name}")
    return X, y


def _find(folder: Path, stem: str, dimensions: int) -> Path | None:
    names = [
        f"{stem}{mark}idx{dimensions}-ubyte{zipped}" for zipped in ("", ".gz") for mark in "-."
    ]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _require(folder: Path, stem: str, dimensions: int) -> Path:
    path = _find(folder, stem, dimensions)
    if path is None:
        raise DataError(
            f"{folder} has no file {stem}-idx{dimensions}-ubyte (or .gz): expected a folder as "
            "MNIST comes, with train-images, train-labels and, for testing, t10k-images, "
            "t10k-labels"
        )
    return path


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open the file, raw or gzipped; what damaged compression raises is a DataError."""
    try:
        with path.open("rb") as raw:
            yield cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} cannot be decompressed ({error}): expected a whole gzip file; download it "
            "again, or take the .gz off its name if it is not compressed"
        ) from error
