"""Uploads of batches: rows of host arrays to a device, beside the computation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from xpnet.backend.libraries import adapter
from xpnet.backend.selection import Backend

Upload: TypeAlias = Callable[[], tuple[Any, ...]]
"""A copy under way; called, it returns the arrays, ready to be computed with."""


def uploader(target: Backend) -> Callable[[Sequence[np.ndarray[Any, Any]], Any], Upload]:
    """Return ``upload(arrays, rows)``, which starts a copy of those rows of each array to `target`.

    With CuPy, two copies may be under way, and a third waits for the first.
    """
    found = adapter(target.name)
    if found.pinned_upload is not None:
        start: Callable[..., Upload] = found.pinned_upload(target.device_object, target.dtype)
        return start

    def upload(arrays: Sequence[np.ndarray[Any, Any]], rows: Any) -> Upload:
        hosts = [array[rows].astype(target.dtype, copy=False) for array in arrays]
        there = tuple(found.from_numpy(host, target.device_object) for host in hosts)
        return lambda: there

    return upload
