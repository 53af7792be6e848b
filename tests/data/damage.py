"""Data files of each kind, and ways in which a file is damaged."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.data.conftest import idx_bytes

__all__ = ["FILES", "damaged"]

_SPLICES = (
    *(bytes([value]) for value in b'\0\xff",;\n\r({_-='),
    *(b"9" * 30, b"nan", b"1e999", b"L" * 99, "é".encode()),
    *(b"\x93NUMPY", b"PK\x03\x04", b"\x1f\x8b", b"\x80\x04"),
)


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return `content` with one to four changes: bits, stretches cut out, doubled or put in."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        start, stop = sorted(rng.integers(0, len(data) + 1, 2).tolist())
        kind = rng.integers(6)
        if kind == 0 and start < len(data):
            data[start] ^= 1 << int(rng.integers(8))
        elif kind == 1 and start < len(data):
            data[start] = int(rng.integers(256))
        elif kind == 2:
            data[start : start + int(rng.integers(1, 20))] = b""
        elif kind == 3:
            data[start:start] = _SPLICES[rng.integers(len(_SPLICES))]
        elif kind == 4:
            data[start : start + 4] = rng.bytes(4)
        elif rng.integers(4) == 0:
            data[start:stop] = b"" if rng.integers(2) else data[start:stop] * 2
    return bytes(data)


def _npz(compression: int) -> bytes:
    file = io.BytesIO()
    rng = np.random.default_rng(0)
    arrays = {"X": rng.normal(size=(20, 3)), "y": np.arange(20) % 3, "z": np.array(["a", "b"])}
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, array in arrays.items():
            part = io.BytesIO()
            np.save(part, array)
            archive.writestr(f"{name}.npy", part.getvalue())
    return file.getvalue()


def _csv(delimiter: str, header: bool) -> bytes:
    rows = [f"{k / 7:.3f}{delimiter}{k}{delimiter}{'ab'[k % 2]}" for k in range(20)]
    return "\n".join([delimiter.join(("x", "k", "kind"))] * header + rows).encode()


def _plain(name: str) -> Callable[[Path, bytes], Path]:
    def write(folder: Path, content: bytes) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def _idx(folder: Path, content: bytes, suffix: str) -> Path:
    labels = idx_bytes(np.arange(20, dtype=np.uint8) % 3)
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    (folder / f"train-images-idx3-ubyte{suffix}").write_bytes(content)
    return folder


_IMAGES = idx_bytes(np.arange(120, dtype=np.uint8).reshape(20, 2, 3))

FILES: dict[str, tuple[bytes, Callable[[Path, bytes], Path]]] = {
    "stored": (_npz(zipfile.ZIP_STORED), _plain("a.npz")),
    "deflated": (_npz(zipfile.ZIP_DEFLATED), _plain("a.npz")),
    "lzma": (_npz(zipfile.ZIP_LZMA), _plain("a.npz")),
    "bzip2": (_npz(zipfile.ZIP_BZIP2), _plain("a.npz")),
    "idx": (_IMAGES, lambda folder, content: _idx(folder, content, "")),
    "gzip": (
        gzip.compress(_IMAGES, mtime=0),
        lambda folder, content: _idx(folder, content, ".gz"),
    ),
    "csv": (_csv(",", header=True), _plain("a.csv")),
    "semicolons": (_csv(";", header=False), _plain("a.csv")),
}
"""Content of a file that can be read, and how it is written to a folder, by kind."""
