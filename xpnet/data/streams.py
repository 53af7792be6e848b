"""Arrays read from a stream, of the size that its header says and no more."""

from __future__ import annotations

from typing import IO

import numpy as np

__all__ = ["filled"]

_CHUNK = 2**20
"""Bytes read at once: what decompresses to more is stopped here."""


def filled(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray | None:
    """Return an array of `shape` and `dtype` read from `stream`; None unless it holds just that.

    Memory is taken as the bytes come: a header that lies takes none.
    """
    array = np.empty(shape, dtype)
    bytes_of = array.reshape(-1).view(np.uint8).data
    start = 0
    while start < len(bytes_of):
        chunk = stream.read(min(_CHUNK, len(bytes_of) - start))
        if not chunk:
            return None
        bytes_of[start : start + len(chunk)] = chunk
        start += len(chunk)
    return None if stream.read(1) else array
