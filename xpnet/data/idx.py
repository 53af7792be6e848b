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
from pathlib import Path

import numpy as np

from xpnet.data.checks import as_labels, as_samples, check_pair
from xpnet.data.dataset import Dataset
from xpnet.data.errors import DataError

__all__ = ["read_idx", "read_idx_folder", "read_idx_samples"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx_folder(folder: Path) -> Dataset:
    """Return the training part in `folder`, and the test part (``t10k-…``) where there is one.

    Raises
    ------
    DataError
        Where a file is missing, is not IDX, is truncated, or does not fit its fellow.
    """
    X_train, y_train = _read_part(folder, "train")
    pixel_max = 255 if X_train.dtype == np.uint8 else None
    X_test = y_test = None
    if _find(folder, "t10k-images", 3) is not None:
        X_test, y_test = _read_part(folder, "t10k")
    name = folder.resolve().name
    return Dataset(name, X_train, y_train, X_test, y_test, pixel_max)


def read_idx_samples(folder: Path) -> np.ndarray:
    """Return the images ``(m, n_x)`` of the test part in `folder`, else of the training part."""
    path = _find(folder, "t10k-images", 3) or _require(folder, "train-images", 3)
    return as_samples(read_idx(path, dimensions=3), str(path))


def read_idx(path: Path, *, dimensions: int) -> np.ndarray:
    """Return the array in one IDX file, raw or (``.gz``) gzipped.

    Raises
    ------
    DataError
        Where the file is not IDX, has other than so many `dimensions`, or the wrong length.
    """
    data = _bytes(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise DataError(
            f"{path} starts with {data[:4].hex(' ') or 'nothing'}: expected an IDX file's magic "
            f"number, such as 00 00 08 {dimensions:02x}; download it again or check its name"
        )
    if data[3] != dimensions:
        raise DataError(
            f"{path} holds an array of {data[3]} dimensions: expected {dimensions}; images have 3 "
            "and labels 1, check that the two files are not exchanged"
        )
    return _elements(path, data, dimensions)


def _elements(path: Path, data: bytes, dimensions: int) -> np.ndarray:
    start = 4 + 4 * dimensions
    dtype = np.dtype(_TYPES[data[2]])
    shape = struct.unpack_from(f">{dimensions}I", data, 4) if len(data) >= start else ()
    expected = start + math.prod(shape) * dtype.itemsize
    if not shape or len(data) != expected:
        raise DataError(
            f"{path} has {len(data)} bytes: expected "
            f"{f'{expected} for shape {shape}' if shape else f'a header of {start}'}; "
            "it is truncated or damaged, download it again"
        )
    return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def _read_part(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    images = _require(folder, f"{part}-images", 3)
    labels = _require(folder, f"{part}-labels", 1)
    X = as_samples(read_idx(images, dimensions=3), str(images))
    y = as_labels(read_idx(labels, dimensions=1), str(labels))
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


def _bytes(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} cannot be decompressed ({error}): expected a whole gzip file; download it "
            "again, or take the .gz off its name if it is not compressed"
        ) from error
