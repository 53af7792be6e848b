"""Samples gathered by number: rows of memory in, columns of a batch out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

__all__ = ["columns"]


def columns(arrays: Sequence[Any], order: Any, start: int, stop: int) -> tuple[Any, ...]:
    """Of each array ``(m, n)`` the rows that ``order[start:stop]`` numbers, as columns.

    The transpose ``(n, stop - start)`` is a view where the library has views.
    """
    xp = array_namespace(order)
    rows = order[start:stop]
    return tuple(xp.matrix_transpose(xp.take(array, rows, axis=0)) for array in arrays)
