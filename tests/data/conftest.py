"""Small data files of each kind, made for one test."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

TYPES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    """Return `array` as the content of an IDX file."""
    code = TYPES[array.dtype.str[1:]]
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def images():
    """Five training and three test images of 2 x 3 pixels with their labels."""
    rng = np.random.default_rng(0)
    return {
        "train-images": rng.integers(0, 256, (5, 2, 3)).astype(np.uint8),
        "train-labels": np.array([0, 1, 2, 1, 0], dtype=np.uint8),
        "t10k-images": rng.integers(0, 256, (3, 2, 3)).astype(np.uint8),
        "t10k-labels": np.array([2, 1, 0], dtype=np.uint8),
    }


@pytest.fixture
def idx_folder(tmp_path):
    """Return a function that writes arrays by stem as a folder of IDX files."""

    def write(arrays, mark="-", zipped=False):
        folder = tmp_path / "tiny"
        folder.mkdir()
        for stem, array in arrays.items():
            name = f"{stem}{mark}idx{array.ndim}-ubyte"
            content = idx_bytes(array)
            if zipped:
                name, content = f"{name}.gz", gzip.compress(content)
            (folder / name).write_bytes(content)
        return folder

    return write


@pytest.fixture
def csv_file(tmp_path):
    """Return a function that writes text as ``table.csv``."""

    def write(text, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_text(text, encoding=encoding)
        return path

    return write


@pytest.fixture
def npz(tmp_path):
    """Return a function that writes arrays as ``some.npz``."""

    def write(**arrays):
        path = tmp_path / "some.npz"
        np.savez(path, **arrays)
        return path

    return write
