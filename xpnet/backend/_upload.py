"""Rows of host arrays, copied to a device batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from xpnet.backend._find import Backend
from xpnet.backend._libraries import adapter

__all__ = ["Upload", "uploader"]

Upload: TypeAlias = Callable[[], tuple[Any, ...]]
"""A copy under way; called, it gives the arrays, which can be computed with from then on."""


def uploader(place: Backend) -> Callable[[Sequence[np.ndarray[Any, Any]], Any], Upload]:
    """Return ``upload(arrays, rows)``, which starts a copy of those rows of each array to `place`.

    With CuPy, two copies may be under way, and a third waits for the first.
    """
    found = adapter(place.name)
    if found.pinned_upload is not None:
        start: Callable[..., Upload] = found.pinned_upload(place.device_object, place.dtype)
        return start

    def upload(arrays: Sequence[np.ndarray[Any, Any]], rows: Any) -> Upload:
        hosts = [array[rows].astype(place.dtype, copy=False) for array in arrays]
        there = tuple(found.from_numpy(host, place.device_object) for host in hosts)
        return lambda: there

    return upload
