"""All parameters as one vector, and numbers read from the device."""

from __future__ import annotations

import math

from array_api_compat import array_namespace

from xpnet.types import Array, Dense, Params

__all__ = ["flatten", "read", "unflatten"]


def flatten(params: Params) -> Array:
    """Return W and b of every layer, one after the other, as one vector ``(n,)``, detached."""
    xp = array_namespace(params[0].W)
    vector = xp.concat([xp.reshape(array, (-1,)) for layer in params for array in layer])
    return vector.detach() if getattr(vector, "requires_grad", False) else vector


def unflatten(vector: Array, like: Params) -> Params:
    """Return the entries of `vector` in the shapes of `like`."""
    xp = array_namespace(vector)
    layers = []
    start = 0
    for layer in like:
        arrays = []
        for array in layer:
            stop = start + math.prod(array.shape)
            arrays.append(xp.reshape(vector[start:stop], tuple(array.shape)))
            start = stop
        layers.append(Dense(*arrays))
    return tuple(layers)


def read(*numbers: Array) -> list[float]:
    """Return 0-dimensional arrays as floats, waiting for the device once.

    The standard has no word for "all of it to the host" but every library that computes on a
    device has `tolist`; the others are read number by number.
    """
    stacked = array_namespace(*numbers).stack(numbers)
    if hasattr(stacked, "tolist"):
        return [float(number) for number in stacked.tolist()]
    return [float(number) for number in numbers]
