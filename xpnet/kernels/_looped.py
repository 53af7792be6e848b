"""Loops over the entries of arrays, for the looped kernels.

Entries are read as Python floats, which works on every eager library and makes the host wait
for the device at each one. That is the price the looped kernels are there to show.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from array_api_compat import array_namespace, device

from xpnet.types import Array


def from_rows(rows: float | Sequence[Any], like: Array) -> Array:
    """One array from a float or nested lists of them, of the dtype and on the device of `like`."""
    xp = array_namespace(like)
    rows = within(rows, float(xp.finfo(like.dtype).max))
    return xp.asarray(rows, dtype=like.dtype, device=device(like))


def within(rows: Any, limit: float) -> Any:
    """`rows` with what lies beyond ±`limit` made infinite: casting it would warn of overflow."""
    if isinstance(rows, list):
        return [within(row, limit) for row in rows]
    return math.copysign(math.inf, rows) if abs(rows) > limit else rows


def of_one_network(array: Array) -> tuple[int, int]:
    """The shape ``(n, m)`` of an array that belongs to one network, and not to a stack."""
    if array.ndim != 2:
        raise ValueError(
            f"the looped kernels were given an array of shape {tuple(array.shape)}: expected "
            "(n, m), for they compute one network at a time; a stack needs xpnet.VECTORIZED"
        )
    n, m = array.shape
    return n, m


def entry(values: Any, j: int) -> float:
    """Entry j of a ``(1, m)`` row, or the one number that holds for all columns."""
    return float(values[0, j]) if getattr(values, "ndim", 0) else float(values)


def columns(array: Array) -> list[list[float]]:
    """The entries of each column of an ``(n, m)`` array."""
    n, m = of_one_network(array)
    return [[float(array[i, j]) for i in range(n)] for j in range(m)]


def from_columns(columns: Sequence[Sequence[float]], like: Array) -> Array:
    """An array of the shape, dtype and device of `like` from its columns."""
    rows = [[column[i] for column in columns] for i in range(like.shape[0])]
    return from_rows(rows, like)


def entry_by_entry(f: Callable[..., float]) -> Callable[..., Array]:
    """Make a function of scalars one of equally shaped ``(n, m)`` arrays (None stays None)."""

    @functools.wraps(f)
    def looped(*arrays: Array | None) -> Array:
        like = next(a for a in arrays if a is not None)
        n, m = of_one_network(like)
        rows = []
        for i in range(n):
            row = []
            for j in range(m):
                row.append(f(*(None if a is None else float(a[i, j]) for a in arrays)))
            rows.append(row)
        return array_namespace(like).reshape(from_rows(rows, like), (n, m))

    return looped
