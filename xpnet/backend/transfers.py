"""Transfers in bulk: batches of host rows to a device, many results to the host at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj, is_jax_array

from xpnet.backend.arrays import on_device_of, on_host, to_numpy
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


def read(arrays: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Return equally shaped arrays (or floats) as one host array, waiting for the device once.

    Parameters
    ----------
    arrays : sequence of arrays of one library, or of floats
        At least one.

    Returns
    -------
    numpy.ndarray, shape (len(arrays), ...)
    """
    if isinstance(arrays[0], float | np.generic) or not is_array_api_obj(arrays[0]):
        return np.asarray(arrays)  # NumPy's numbers, too, which take longer to stack
    if is_jax_array(arrays[0]):
        # JAX would compile a program for every number of arrays to stack; their copies overlap.
        for array in arrays:
            array.copy_to_host_async()
        return np.asarray([to_numpy(array) for array in arrays])
    with on_device_of(arrays[0]):
        return to_numpy(array_namespace(arrays[0]).stack(list(arrays)))


def ends(arrays: Sequence[Any]) -> list[tuple[float, float]]:
    """Return the smallest and the largest number of each array, waiting for the device once.

    Both are NaN where one of the numbers is.

    Parameters
    ----------
    arrays : sequence of arrays
        Of one library, device and dtype, none of them empty.
    """
    if not arrays:
        return []
    if on_host(arrays[0]):
        # A stack of small results would take longer than to read them.
        return [(float(host.min()), float(host.max())) for host in map(to_numpy, arrays)]
    xp = array_namespace(*arrays)
    found = read([end(array) for array in arrays for end in (xp.min, xp.max)]).tolist()
    return list(zip(found[::2], found[1::2], strict=True))
