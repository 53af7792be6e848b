"""Walks through nested tuples of arrays: parameters, gradients, batches, an optimiser's state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["arrays_in", "map_arrays"]


def map_arrays(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return `tree` with `function` applied to its arrays; None and plain numbers stay."""
    if isinstance(tree, tuple):
        branches = (map_arrays(function, branch) for branch in tree)
        # A named tuple takes its fields one by one.
        return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)
    return tree if _is_plain(tree) else function(tree)


def arrays_in(tree: Any) -> Iterator[Any]:
    """Yield the arrays of `tree`, leaving out None and plain numbers."""
    if isinstance(tree, tuple):
        for branch in tree:
            yield from arrays_in(branch)
    elif not _is_plain(tree):
        yield tree


def _is_plain(leaf: Any) -> bool:
    return leaf is None or type(leaf) in (bool, int, float)
