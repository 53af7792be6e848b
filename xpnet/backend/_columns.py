"""Samples gathered by number: rows of memory in, columns of a batch out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xpnet.backend._libraries import adapter, library_name

__all__ = ["columns_of"]


def columns_of(like: Any) -> Callable[..., tuple[Any, ...]]:
    """Return the function that gathers batches in the library of `like`.

    It is ``columns(arrays, order, start, stop)``: of each array ``(m, n)``, the rows that
    ``order[start:stop]`` numbers, as columns ``(n, stop - start)``. Looked up once, called for
    every batch.
    """
    return adapter(library_name(like)).columns
