"""Many small device arrays read in one go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj, is_jax_array

from xpnet.backend._arrays import to_numpy

__all__ = ["read"]


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
    if not is_array_api_obj(arrays[0]):
        return np.asarray(arrays)
    if is_jax_array(arrays[0]):
        # JAX would compile a program for every number of arrays to stack; their copies overlap.
        for array in arrays:
            array.copy_to_host_async()
        return np.asarray([to_numpy(array) for array in arrays])
    return to_numpy(array_namespace(arrays[0]).stack(list(arrays)))
