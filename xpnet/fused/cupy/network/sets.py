"""Sets of samples beside the networks of a stack, which may share one or have one each."""

from __future__ import annotations

import math

from xpnet.types import Array


def sets_among(own: tuple[int, ...], lead: tuple[int, ...]) -> tuple[int, ...] | None:
    """Leading axes as those of sets: none where networks share one, or ``(sets,)``.

    They are those of the networks, `lead`, but the last ones may be of length 1: of the networks,
    counted along all axes, so many one behind the other share a set. None if they are others.
    """
    axes = next((k for k in range(len(own)) if math.prod(own[k:]) == 1), len(own))
    if len(own) > len(lead) or (axes and (len(own) < len(lead) or own[:axes] != lead[:axes])):
        return None
    return (math.prod(own[:axes]),) if axes else ()


def sets_of(array: Array, lead: tuple[int, ...]) -> Array | None:
    """``array (..., n, m)`` as one set ``(n, m)``, or as ``(sets, n, m)``; or None."""
    if array.ndim == 2:
        return array
    sets = sets_among(array.shape[:-2], lead)
    return None if sets is None else array.reshape(*sets, *array.shape[-2:])


def sharing(array: Array | None, networks: int) -> int:
    """How many networks share a set of samples."""
    return networks if array is None or array.ndim == 2 else networks // array.shape[0]
