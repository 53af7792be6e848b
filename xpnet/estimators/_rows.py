"""Samples taken from X as rows and handed on as columns; a sparse X is dense by the batch only."""

from __future__ import annotations

from collections.abc import Iterator

from array_api_compat import array_namespace

from xpnet.data import sample_major
from xpnet.estimators._devices import is_sparse
from xpnet.types import Array

__all__ = ["blocks", "columns_at", "columns_between", "contiguous"]


def contiguous(X: Array) -> Array:
    """X with each sample in one stretch of memory: a copy only where it lies otherwise."""
    return X if is_sparse(X) else sample_major(array_namespace(X).matrix_transpose(X))


def columns_at(X: Array, rows: Array) -> Array:
    """The samples of a sparse X numbered `rows`, dense, as columns ``(n_x, len(rows))``."""
    return X[rows, :].toarray().T


def columns_between(X: Array, start: int, stop: int) -> Array:
    """The samples from `start` to before `stop`, as columns; a view where X is dense."""
    if is_sparse(X):
        return X[start:stop, :].toarray().T
    return array_namespace(X).matrix_transpose(X[start:stop, :])


def blocks(m: int, size: int) -> Iterator[tuple[int, int]]:
    """The bounds of `m` samples in blocks of `size`, the short last one included."""
    return ((start, min(start + size, m)) for start in range(0, m, size))
